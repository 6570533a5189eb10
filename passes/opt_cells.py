"""Dear elements that two loops compute: the first loop stores them, the second reads.

A *cell* is a dear value that depends on loop indices, known by the expression tree of what it is computed
from.  Where an array of such values is there already (a table, an out), it is read.  Inside a loop,
where an array is a scratch in the first-level cache, the loop that computed the value first gets an
out for it; at the top of a function only if the value is very dear.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..compiler.ir import Array, Atom, Block, Index, Loop, Prim, Stmt, Var, bound_vars
from ..compiler.sizes import poly_of
from .opt_facts import DEAR, Motion, array_type, prim_cost

if TYPE_CHECKING:
    from .normalise import Normaliser, Scope

Key = tuple[tuple[Atom | None, ...], tuple[object, ...]]  # extents, expression tree
_NODES = 48
_DEAR_AT_TOP = 40.0


class Cell:
    """A value computed in the body of `stmt` (None while that loop is open)."""

    __slots__ = ("cost", "scope", "stmt", "value")

    def __init__(self, value: Var, scope: Scope, cost: float) -> None:
        self.value = value
        self.scope = scope
        self.cost = cost
        self.stmt: Stmt | None = None


def read(nz: Normaliser, name: str, args: tuple[Atom, ...]) -> Var | None:
    """The element of an array that holds this value, if there is one or is worth one."""
    indices = _indices(nz, args)
    if not indices:
        return None
    key = None
    for k in range(len(indices)):
        own = indices[k:]
        key = _key(nz, name, args, own)
        array = nz.arrays.get(key) if key is not None else None
        if array is not None and nz.visible(array):
            return _element(nz, array, own)
    index = indices[-1]
    nz.cell_key = None if key is None else (index, key)  # for `note`
    cell = nz.cells.get(key) if key is not None else None
    if cell is None or cell.stmt is None or not nz.visible(cell.stmt.vars[0]):
        return None
    home = nz.level(cell.stmt.vars[0])
    if home == 0 and cell.cost < _DEAR_AT_TOP:
        return None
    array = _store(nz, cell)
    if array is None or key is None:
        return None
    nz.arrays[key] = array
    nz.trees[array] = key
    nz.fire("store_cell")
    return _element(nz, array, [index])


def note(nz: Normaliser, v: Var, scope: Scope, cost: float) -> None:
    """Remembers a dear value that has just been emitted in the body of a loop."""
    if scope.kind != "loop" or scope.guard is None or scope.index is None:
        return
    assert v.stmt is not None and isinstance(v.stmt.op, Prim)
    if nz.cell_key is None or nz.cell_key[0] is not scope.index:
        return
    key = nz.cell_key[1]
    if key in nz.cells:
        return
    cell = Cell(v, scope, _cost(nz, v, scope))
    nz.cells[key] = cell
    scope.cells.append(cell)


def finish(nz: Normaliser, scope: Scope, s: Stmt) -> None:
    """The loop of a scope has been emitted: its cells are known, and the arrays that it builds."""
    assert isinstance(s.op, Loop)
    for cell in scope.cells:
        cell.stmt = s
    if s.op.head is not None:
        return
    n = len(s.op.states)
    for k, mode in enumerate(s.op.modes):
        if mode == "build":
            path, a = [s.op.index], s.op.outs[k]
            while type(a) is Var and a.stmt is not None and type(a.stmt.op) is Loop and a.type.shape:
                inner = a.stmt.op
                j = a.stmt.vars.index(a) - len(inner.states)
                if not 0 <= j < len(inner.modes) or inner.modes[j] != "build" or inner.head is not None:
                    break
                path.append(inner.index)
                a = inner.outs[j]
            op = a.stmt.op if type(a) is Var and a.stmt is not None else None
            if isinstance(op, Prim) and prim_cost(op) >= DEAR:
                key = _key(nz, op.name, op.args, path)
                if key is not None:
                    nz.arrays.setdefault(key, s.vars[n + k])
                    nz.trees[s.vars[n + k]] = key


def _store(nz: Normaliser, cell: Cell) -> Var | None:
    """The loop of a cell collects it from now on (the statement is this pass's own)."""
    s = cell.stmt
    assert s is not None and isinstance(s.op, Loop)
    op = s.op
    if op.extent is None or not nz.know_at(nz.level(s.vars[0])).prove(poly_of(op.extent)):
        return None
    for k, (mode, a) in enumerate(zip(op.modes, op.outs, strict=True)):
        if mode == "build" and a is cell.value:
            return s.vars[len(op.states) + k]
    out = Var(cell.value.name, array_type(cell.value.type.kind, (op.extent,)))
    s.op = replace(op, body=Block(op.body.stmts, (*op.body.results, cell.value)), modes=(*op.modes, "build"))
    s.vars = (*s.vars, out)
    out.stmt = s
    nz.where[out] = nz.where[s.vars[0]]
    return out


def _element(nz: Normaliser, array: Var, indices: Sequence[Var]) -> Var:
    assert isinstance(array.type, Array)
    es = tuple(indices)
    (v,) = nz.emit(Index(array, es, True), (array_type(array.type.kind, ()),), Motion.FREE, key=("index", (array, *es)))
    return v


def _key(nz: Normaliser, name: str, args: tuple[Atom, ...], indices: Sequence[Var]) -> Key | None:
    """The expression tree with the indices numbered; None if it does not depend on all of them, holds
    something that is no scalar expression, or is too large."""
    place: dict[Var, int] = {v: k for k, v in enumerate(indices)}
    seen: set[int] = set()
    level = min((nz.where[v].level for v in indices if v in nz.where), default=0)
    left = _NODES
    extents = tuple(v.extent for v in indices)

    def tree(a: Atom) -> object:
        nonlocal left
        if type(a) is not Var:
            return a
        k = place.get(a)
        if k is not None:
            seen.add(k)
            return k
        home = nz.where.get(a)
        if home is None or home.level < level:
            return a
        left -= 1
        s = a.stmt
        if left < 0 or s is None:
            raise LookupError
        if type(s.op) is Prim:
            return (s.op.name, *map(tree, s.op.args))
        if type(s.op) is Index and nz.level(s.op.array) < level:
            held = nz.trees.get(s.op.array) if type(s.op.array) is Var else None
            if held is not None and s.op.index == tuple(indices) and held[0] == extents:
                seen.update(range(len(indices)))
                return held[1]
            return ("[]", s.op.array, *map(tree, s.op.index))
        if a in bound_vars(s.op) or not nz.visible(a):
            raise LookupError
        return a

    try:
        body = (name, *map(tree, args))
    except LookupError:
        return None
    if len(seen) < len(indices):
        return None
    return (extents, body)


def _indices(nz: Normaliser, args: tuple[Atom, ...]) -> list[Var]:
    """The loop indices that a scalar expression depends on, outermost first."""
    found: set[Var] = set()
    todo = list(args)
    count = 0
    while todo:
        a = todo.pop()
        home = nz.where.get(a) if type(a) is Var else None
        if home is None or type(a) is not Var:
            continue
        if a is home.index:
            found.add(a)
            continue
        count += 1
        s = a.stmt
        if count > _NODES or s is None:
            continue
        if type(s.op) is Prim:
            todo.extend(s.op.args)
        elif type(s.op) is Index:
            todo.extend(s.op.index)
    return sorted(found, key=lambda v: nz.where[v].level)


def _cost(nz: Normaliser, v: Var, scope: Scope) -> float:
    """What the value costs per iteration."""
    total, seen, todo = 0.0, set[Var](), [v]
    while todo:
        a = todo.pop()
        if a in seen or nz.where.get(a) is not scope or a.stmt is None:
            continue
        seen.add(a)
        if type(a.stmt.op) is Prim:
            total += prim_cost(a.stmt.op)
            todo.extend(b for b in a.stmt.op.args if type(b) is Var)
    return total
