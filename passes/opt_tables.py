"""Tables: a dear value inside loops that misses one of them is computed before that loop.

    for i < n … for k < m … exp(q[k])      let t = [exp(q[k]) for k < m] … t[k]

Also for inner loops (`sum(q[k, j] for j)`).  Only values that can't raise, and never out of an `if`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..compiler.ir import Array, Atom, Fill, Index, Loop, Prim, Stmt, Var, bound_vars, free_vars, operands, regions
from ..compiler.primitives import is_partial
from ..compiler.sizes import poly_of
from . import opt_arrays as arrays

if TYPE_CHECKING:
    from .normalise import Normaliser, Scope

Env = dict[Var, Atom]


Build = Callable[["Normaliser", Atom, Callable[[Var], Atom], str], Atom]


def table(nz: Normaliser, v: Var, scope: Scope, build: Build) -> Var:
    """A dear value inside loops that misses one of them becomes a table before that loop."""
    found = _dependence(nz, v)
    if found is None:
        return v
    level = scope.level
    scopes = nz.scopes
    while level >= 1 and scopes[level].kind == "loop":
        level -= 1
    missing = next((k for k in range(level + 1, scope.level + 1) if scopes[k].index not in found), None)
    if missing is None:
        return v
    over = [scopes[k].index for k in range(missing + 1, scope.level + 1) if scopes[k].index in found]
    if not over or any(i is None or i.extent is None or nz.level(i.extent) >= missing for i in over):
        return v
    indices = [i for i in over if i is not None]
    saved = (nz.scopes, nz.know)
    nz.know = scopes[missing].saved
    nz.scopes = scopes[:missing]
    env: Env = {}

    def nest(k: int) -> Atom:
        if k == len(indices):
            return arrays.instantiate(nz, v, env)
        extent = indices[k].extent
        assert extent is not None

        def body(i: Var) -> Atom:
            env[indices[k]] = i
            return nest(k + 1)

        return build(nz, extent, body, indices[k].name)

    try:
        out = nest(0)
    finally:
        nz.scopes, nz.know = saved
    nz.fire("table")
    if isinstance(out, Var):
        out.name = v.name
    read = arrays.index(nz, out, tuple(indices), True)
    return read if isinstance(read, Var) and read.type == v.type else v


def by_dependence(nz: Normaliser, index: Var, leaves: Sequence[tuple[str, Atom]]) -> list[list[int]] | None:
    """The outs of a closed loop in groups, those apart that can leave an outer loop; None if none can."""
    around = {s.index for s in nz.scopes if s.kind == "loop"}
    if not around:
        return None
    groups: dict[object, list[int]] = {}
    for k, (_, a) in enumerate(leaves):
        found = _dependence(nz, a)
        free = found is not None and not around <= found
        groups.setdefault(frozenset(found - {index}) if found is not None and free else None, []).append(k)
    return list(groups.values()) if len(groups) > 1 else None


def _dependence(nz: Normaliser, v: Atom) -> set[Var | None] | None:
    """The loop indices that a value depends on; None if it can't be made again elsewhere."""
    found: set[Var | None] = set()
    seen: set[Stmt] = set()
    todo: list[Atom] = [v]
    while todo:
        a = todo.pop()
        if type(a) is not Var:
            continue
        home = nz.where.get(a)
        if home is None or home.level == 0:
            continue
        if a is home.index:
            found.add(a)
            continue
        s = a.stmt
        if s is None:
            if nz.visible(a):
                return None
            continue
        if s in seen:
            continue
        seen.add(s)
        if len(seen) > 100 or not _total(nz, s):
            return None
        todo.extend(operands(s.op))
        for r in regions(s.op):
            todo.extend(free_vars(r, bound_vars(s.op)))
    return found


def _total(nz: Normaliser, s: Stmt) -> bool:
    """Can't raise, wherever its operands are in scope?"""
    op = s.op
    if isinstance(op, Prim):
        return not is_partial(op.name, op.args)
    if isinstance(op, Index):
        assert isinstance(op.array.type, Array)
        ground = nz.know_at(0)
        return all(ground.in_range(i, n) for i, n in zip(op.index, op.array.type.shape, strict=False))
    if isinstance(op, Loop):
        return op.parallel and all(_total(nz, t) for t in op.body.stmts) and _sizes_ok(nz, op)
    return isinstance(op, Fill)


def _sizes_ok(nz: Normaliser, op: Loop) -> bool:
    return op.extent is not None and ("build" not in op.modes or nz.know_at(0).prove(poly_of(op.extent)))
