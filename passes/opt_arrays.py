"""Smart constructors of arrays: reads of what is known, one-hot arrays, sums of arrays.

    build[e]          the element, where it is cheap (path inlining, at any depth of nested builds)
    delta[e]          `select(e == f, v, 0)`, a guard and never a factor
    fill[e]           the value
    a[e][f]           a[e, f]
    (a with [e] = v)[e]   v
    plus(a, b)[e]     a[e] + b[e]
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..compiler.ir import (
    Array,
    Atom,
    Block,
    Const,
    Delta,
    Fill,
    If,
    Index,
    Loop,
    Plus,
    Prim,
    Stmt,
    Update,
    Var,
    bound_vars,
    free_vars,
    operands,
    regions,
)
from ..compiler.sizes import number
from .opt_facts import INF, Motion, array_type, prim_cost

if TYPE_CHECKING:
    from .normalise import Normaliser

_SLICE = 60  # statements of an element that is inlined


def zero_of(nz: Normaliser, kind: str, shape: Sequence[Atom]) -> Atom:
    return fill(nz, tuple(shape), Const(0, kind))


def is_zero(a: Atom) -> bool:
    """Zeros of any shape (symbolic)."""
    if type(a) is Const:
        return a.kind != "bool" and a.value == 0
    return type(a) is Var and a.stmt is not None and type(a.stmt.op) is Fill and is_zero(a.stmt.op.value)


# ---------------------------------------------------------------- constructors


def index(nz: Normaliser, array: Atom, es: tuple[Atom, ...], safe: bool, like: Var | None = None) -> Atom:
    """`array[es]`"""
    if not es:
        return array
    assert isinstance(array, Var) and isinstance(array.type, Array)
    shape = array.type.shape
    known = nz.table.get(("index", (array, *es)))
    if known is not None and nz.visible(known[0]):
        return known[0]
    safe, total = nz.in_bounds(array, es, shape, safe)
    if array.stmt is not None:
        out = _index_of(nz, array, array.stmt, es, safe)
        if out is not None:
            return out
    t = array_type(array.type.kind, shape[len(es):])
    motion = Motion.FREE if total else Motion.PINNED
    (v,) = nz.emit(Index(array, es, safe), (t,), motion, key=("index", (array, *es)), like=() if like is None else (like,))
    return v


def _index_of(nz: Normaliser, array: Var, s: Stmt, es: tuple[Atom, ...], safe: bool) -> Atom | None:
    op = s.op
    match op:
        case Fill(shape, v) if safe:
            return fill(nz, shape[len(es):], v)
        case Index(a, fs, inner_safe) if inner_safe or nz.where.get(array) is nz.scopes[-1]:
            return index(nz, a, fs + es, safe and inner_safe)
        case Delta(shape, fs, v) if safe:
            return _index_delta(nz, shape, fs, v, es)
        case Update(a, fs, v) if safe:
            return _index_update(nz, a, fs, v, es)
        case Plus(arrays) if safe:
            return plus(nz, tuple(index(nz, a, es, True) for a in arrays))
        case Loop() if safe and nz.options.paths:
            return inline_path(nz, array, es)
    return None


def _compare(nz: Normaliser, e: Atom, f: Atom) -> bool | None:
    """Are two indices equal?  None if it is not known."""
    if e is f or e == f:
        return True
    d = nz.poly(e) - nz.poly(f)
    if d.constant is not None:
        return d.constant == 0
    if nz.know.prove(d - number(1)) or nz.know.prove(-d - number(1)):
        return False
    return None


def _index_delta(nz: Normaliser, shape: tuple[Atom, ...], fs: tuple[Atom, ...], v: Atom, es: tuple[Atom, ...]) -> Atom | None:
    rest = shape[len(es):]
    kind = v.type.kind
    asked: list[tuple[Atom, Atom]] = []
    for e, f in zip(es, fs, strict=False):
        same = _compare(nz, e, f)
        if same is False:
            return zero_of(nz, kind, rest)
        if same is None:
            asked.append((e, f))
    if len(es) >= len(fs):
        inner = index(nz, v, es[len(fs):], True)
    else:
        inner = delta(nz, rest, fs[len(es):], v, True)
    if not asked:
        return inner
    cond: Atom | None = None
    for e, f in asked:
        test = nz.prim("eq", e, f)
        cond = test if cond is None else nz.prim("and", cond, test)
    assert cond is not None
    nz.fire("index_delta")
    return choose(nz, cond, inner, zero_of(nz, kind, rest))


def choose(nz: Normaliser, cond: Atom, x: Atom, y: Atom) -> Atom:
    """`if cond then x else y` of values that are there."""
    if x == y:
        return x
    if not x.type.shape:
        return nz.prim("select", cond, x, y)
    if isinstance(cond, Const):
        return x if cond.value else y
    key = ("if", cond, x, y)
    (v,) = nz.emit(If(cond, Block((), (x,)), Block((), (y,))), (x.type,), Motion.DEAR, key=key,
                   uses=1 << nz.level(x) | 1 << nz.level(y))
    return v


def _index_update(nz: Normaliser, a: Atom, fs: tuple[Atom, ...], v: Atom, es: tuple[Atom, ...]) -> Atom | None:
    answers = [_compare(nz, e, f) for e, f in zip(es, fs, strict=False)]
    if any(x is False for x in answers):
        return index(nz, a, es, True)
    if len(es) >= len(fs) and all(answers):
        return index(nz, v, es[len(fs):], True)
    return None


def update(nz: Normaliser, a: Atom, es: tuple[Atom, ...], v: Atom, safe: bool, like: Var | None = None) -> Atom:
    """`a with [es] = v`"""
    assert isinstance(a.type, Array)
    safe, total = nz.in_bounds(a, es, a.type.shape, safe)
    if safe and is_zero(a):
        return delta(nz, a.type.shape, es, v, safe, like)
    if type(a) is Var and a.stmt is not None and type(a.stmt.op) is Update and safe:
        before = a.stmt.op
        if len(before.index) == len(es) and all(_compare(nz, e, f) for e, f in zip(es, before.index, strict=True)):
            a, safe = before.array, safe and before.safe
    (out,) = nz.emit(Update(a, es, v, safe), (a.type,), Motion.STAY if total else Motion.PINNED,
                     key=("update", nz.scopes[-1], a, es, v), like=() if like is None else (like,))
    return out


def delta(
    nz: Normaliser, shape: tuple[Atom, ...], es: tuple[Atom, ...], v: Atom, safe: bool, like: Var | None = None
) -> Atom:
    """Zeros but for `v` at `es`."""
    if not es:
        return v
    safe, total = nz.in_bounds(v, es, shape, safe)
    if is_zero(v) and safe:
        return zero_of(nz, v.type.kind, shape)
    if type(v) is Var and v.stmt is not None and type(v.stmt.op) is Delta and (v.stmt.op.safe or not safe):
        inner = v.stmt.op
        return delta(nz, shape, es + inner.index, inner.value, safe and inner.safe, like)
    if len(shape) == 1 and safe and shape[0] == _ONE:
        return fill(nz, shape, v)
    t = array_type(v.type.kind, shape)
    (out,) = nz.emit(Delta(shape, es, v, safe), (t,), Motion.STAY if total else Motion.PINNED,
                     key=("delta", nz.scopes[-1], shape, es, v), like=() if like is None else (like,))
    return out


_ONE = Const(1, "i64")


def fill(nz: Normaliser, shape: tuple[Atom, ...], v: Atom) -> Atom:
    """`v` everywhere."""
    if not shape:
        return v
    if type(v) is Var and v.stmt is not None and type(v.stmt.op) is Fill:
        return fill(nz, shape + v.stmt.op.shape, v.stmt.op.value)
    (out,) = nz.emit(Fill(shape, v), (array_type(v.type.kind, shape),), Motion.STAY,
                     key=("fill", nz.scopes[-1], shape, v))
    return out


def plus(nz: Normaliser, xs: Sequence[Atom], like: Var | None = None) -> Atom:
    """The elementwise sum; of scalars too."""
    flat: list[Atom] = []
    for x in xs:
        if is_zero(x):
            continue
        if type(x) is Var and x.stmt is not None and type(x.stmt.op) is Plus:
            flat.extend(x.stmt.op.arrays)
        else:
            flat.append(x)
    if not flat:
        return xs[0]
    if len(flat) == 1:
        return flat[0]
    if not flat[0].type.shape:
        total = flat[0]
        for x in flat[1:]:
            total = nz.prim("add", total, x)
        return total
    arrays = tuple(flat)
    (out,) = nz.emit(Plus(arrays), (flat[0].type,), Motion.DEAR, key=("plus", arrays), like=() if like is None else (like,))
    return out


# ---------------------------------------------------------------- elements of built arrays


def out_of(a: Atom) -> tuple[Loop, int] | None:
    """The loop and the position of its out, if the atom is a collected out."""
    if type(a) is not Var or a.stmt is None or type(a.stmt.op) is not Loop:
        return None
    op = a.stmt.op
    k = a.stmt.vars.index(a) - len(op.states)
    if 0 <= k < len(op.modes) and op.modes[k] == "build":
        return op, k
    return None


def inline_path(nz: Normaliser, array: Var, es: tuple[Atom, ...]) -> Atom | None:
    """The element of a built array in place of the read, where it is cheap."""
    env: dict[Var, Atom] = {}
    cur: Atom = array
    rest = es
    while rest:
        found = out_of(cur)
        if found is None:
            break
        loop, k = found
        env[loop.index] = rest[0]
        cur, rest = loop.outs[k], rest[1:]
    if cur is array or (not rest and cur.type.shape and out_of(cur) is not None):
        return None
    bound = _limit(nz, array, es)
    need: dict[Stmt, None] = {}
    if slice_cost(nz, cur, env, need, bound) > bound or _overwritten(nz, array, need):
        return None
    nz.fire("inline_build")
    return index(nz, instantiate(nz, cur, env), rest, True)


def _overwritten(nz: Normaliser, array: Var, need: Iterable[Stmt]) -> bool:
    """Would the element read an array that a loop around it takes over?  It would have to be copied first."""
    carried = {v for s in nz.scopes[nz.level(array) + 1:] for v in s.carried}
    return bool(carried) and any(isinstance(s.op, Index) and s.op.array in carried for s in need)


def _limit(nz: Normaliser, array: Var, es: tuple[Atom, ...]) -> float:
    """How dear an element may be (weights of the table) before it is stored instead.

    More loops around the read than axes read: each element is used again and again, and recomputing
    is worth a load only.  At the top of a function storing means memory traffic (40); inside a loop
    it means a scratch in the first-level cache (8).
    """
    home = nz.level(array)
    top = max((nz.level(e) for e in es), default=0)
    loops = sum(s.kind == "loop" for s in nz.scopes[home + 1: top + 1])
    if loops > len(es):
        return 2.0
    if array in nz.whole:
        return 4.0
    return 40.0 if home == 0 else 8.0


def slice_cost(nz: Normaliser, a: Atom, env: dict[Var, Atom], need: dict[Stmt, None], bound: float) -> float:
    """The cost of what an atom of a closed region is computed from; infinite if that can't be copied
    (a loop, a state, or more than `bound`)."""
    total = 0.0
    todo = [a]
    while todo:
        v = todo.pop()
        if type(v) is not Var or v in env or nz.visible(v):
            continue
        s = v.stmt
        if s is None:
            return INF
        if s in need:
            continue
        need[s] = None
        op = s.op
        if len(need) > _SLICE or isinstance(op, Loop):
            return INF
        if type(op) is Prim:
            total += prim_cost(op)
        elif isinstance(op, Index):
            total += 0.5
        elif isinstance(op, If):
            inner = _if_cost(op)
            total += inner
            for r in regions(op):
                todo.extend(free_vars(r, bound_vars(op)))
        elif not isinstance(op, Delta | Fill | Plus):
            return INF
        if total > bound:
            return INF
        todo.extend(operands(op))
        for w in s.vars:
            todo.extend(w.type.shape)
    return total


def _if_cost(op: If) -> float:
    """The dearer side; infinite with loops in it."""
    sides = []
    for r in regions(op):
        total = 0.0
        for s in r.stmts:
            if type(s.op) is Prim:
                total += prim_cost(s.op)
            elif isinstance(s.op, Index):
                total += 0.5
            elif isinstance(s.op, If):
                total += _if_cost(s.op)
            else:
                return INF
        sides.append(total)
    return max(sides)


def instantiate(nz: Normaliser, a: Atom, env: dict[Var, Atom]) -> Atom:
    """What an atom of a closed region is, made again here; bound variables are read from `env`."""
    if type(a) is not Var:
        return a
    if a in env:
        return env[a]
    if nz.visible(a):
        return a
    order: dict[Stmt, None] = {}
    _collect(nz, a, env, order)
    before = nz.prov
    for s in order:
        nz.stmt(s, env)
    nz.prov = before
    return env[a]


def _collect(nz: Normaliser, a: Atom, env: dict[Var, Atom], order: dict[Stmt, None]) -> None:
    """The statements behind an atom, in order of definition."""
    todo: list[tuple[Atom | Stmt, bool]] = [(a, False)]
    seen: set[Stmt] = set()
    while todo:
        item, done = todo.pop()
        if isinstance(item, Stmt):
            if done:
                order[item] = None
            continue
        if type(item) is not Var or item in env or nz.visible(item):
            continue
        s = item.stmt
        assert s is not None, f"{item} is bound nowhere"
        if s in seen:
            continue
        seen.add(s)
        todo.append((s, True))
        todo.extend((x, False) for x in operands(s.op))
        for r in regions(s.op):
            todo.extend((x, False) for x in free_vars(r, bound_vars(s.op)))
        for w in s.vars:
            todo.extend((x, False) for x in w.type.shape if x not in s.vars)
