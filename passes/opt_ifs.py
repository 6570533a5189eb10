"""Ifs in the normaliser: decided conditions, equal sides, one-hot sides, small ifs as selections.

An `if` becomes a selection only where its sides hold nothing that may not run untaken, and, for
floats, only with the option `speculate`: the slope of a side not taken may be infinite.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..compiler.ir import Atom, Block, Const, Delta, If, Stmt, Type, Var, is_float, subst, subst_type
from . import opt_arrays as arrays
from .opt_facts import Motion, op_key

if TYPE_CHECKING:
    from .normalise import Normaliser, Scope

Env = dict[Var, Atom]
_SMALL = 8.0


def branch(nz: Normaliser, s: Stmt, op: If, env: Env) -> None:
    """An `if` of the program; its results join `env`."""
    cond = subst(op.cond, env)
    truth = bool(cond.value) if isinstance(cond, Const) else nz.know.known.get(cond)
    if truth is not None:
        nz.fire("known_condition")
        results = nz.run(op.then if truth else op.orelse, env)
        env.update(zip(s.vars, results, strict=True))
        return
    then, left = _side(nz, cond, True, lambda: nz.run(op.then, env))
    orelse, right = _side(nz, cond, False, lambda: nz.run(op.orelse, env))
    nz.prov = s.prov
    types: list[Type] = []
    outs = finish(nz, cond, then, left, orelse, right, s.vars, env, types)
    env.update(zip(s.vars, outs, strict=True))


def make(nz: Normaliser, cond: Atom, then: Callable[[], Atom], orelse: Callable[[], Atom]) -> Atom:
    """`if cond then … else …` with one result, made by a rule."""
    if isinstance(cond, Const):
        return then() if cond.value else orelse()
    first, left = _side(nz, cond, True, lambda: (then(),))
    second, right = _side(nz, cond, False, lambda: (orelse(),))
    like = Var("t", left[0].type)
    return finish(nz, cond, first, left, second, right, (like,), {}, [])[0]


def _side(
    nz: Normaliser, cond: Atom, truth: bool, run: Callable[[], tuple[Atom, ...]]
) -> tuple[Scope, tuple[Atom, ...]]:
    scope = nz.open("if")
    nz.know = nz.know.assume(cond, truth)
    results = run()
    nz.close(results)
    return scope, results


def finish(
    nz: Normaliser, cond: Atom, then: Scope, left: tuple[Atom, ...], orelse: Scope, right: tuple[Atom, ...],
    like: tuple[Var, ...], env: Env, types: list[Type],
) -> list[Atom]:
    """What the results become, and the `if` of those that stay."""
    small = _may_run(nz, then) and _may_run(nz, orelse) and then.cost + orelse.cost <= _SMALL
    if small and all(_selectable(nz, x, y) for x, y in zip(left, right, strict=True)):
        nz.fire("if_to_select")
        left, right = _splice(nz, then, left), _splice(nz, orelse, right)
        return [arrays.choose(nz, cond, x, y) for x, y in zip(left, right, strict=True)]
    outs: list[Atom | None] = []
    stay: list[int] = []
    rebuilt: dict[int, Callable[[Atom], Atom]] = {}
    left, right = tuple(left), tuple(right)
    new_left, new_right = list(left), list(right)
    for k, (x, y) in enumerate(zip(left, right, strict=True)):
        if x == y and nz.visible(x):
            outs.append(x)
            continue
        if nz.visible(x) and nz.visible(y) and _selectable(nz, x, y) and not x.type.shape:
            outs.append(nz.prim("select", cond, x, y))
            continue
        outs.append(None)
        stay.append(k)
        hot = _one_hot(nz, x, y)
        if hot is not None:
            new_left[k], new_right[k], rebuilt[k] = hot
            nz.fire("if_delta")
    twins = _twins(stay, new_left, new_right, like)
    if twins:
        nz.fire("same_result")
        stay = [k for k in stay if k not in twins]
    effects = then.effects or orelse.effects
    if not stay and not effects:
        return [a for a in outs if a is not None]
    op = If(cond, Block(tuple(then.stmts), tuple(new_left[k] for k in stay)),
            Block(tuple(orelse.stmts), tuple(new_right[k] for k in stay)))
    uses = then.uses | orelse.uses | 1 << nz.level(cond)
    for k in stay:
        for a in (new_left[k], new_right[k]):
            if nz.visible(a):
                uses |= 1 << nz.level(a)
    partial = then.partial or orelse.partial or effects
    key = None if effects else op_key(op, {})
    hit = nz.table.get(key) if key is not None else None
    if hit is None or not hit or not nz.visible(hit[0]):
        local: Env = dict(env)
        vars: list[Var] = []
        for k, old in enumerate(like):
            if k in stay:
                t = new_left[k].type if k in rebuilt else subst_type(old.type, local)
                w = Var(old.name, t, nonneg=old.nonneg)
                local[old] = w
                vars.append(w)
            elif k in twins:
                local[old] = local[like[twins[k]]]
            else:
                out = outs[k]
                assert out is not None
                local[old] = out
        motion = Motion.PINNED if partial else Motion.DEAR
        scope = nz.place(uses.bit_length() - 1, motion)
        nz.put(scope, op, tuple(vars), uses, motion, 1.0)
        if effects:
            scope.effects = True
        hit = tuple(vars)
        if key is not None:
            nz.table[key] = hit
    made = dict(zip(stay, hit, strict=True))
    for k, out in enumerate(outs):
        if out is None:
            v = made[twins.get(k, k)]
            outs[k] = rebuilt[k](v) if k in rebuilt else v
    return [a for a in outs if a is not None]


def _twins(stay: list[int], left: list[Atom], right: list[Atom], like: tuple[Var, ...]) -> dict[int, int]:
    """Results that are the same on both sides as an earlier one, and that one."""
    first: dict[tuple[Atom, Atom, Type], int] = {}
    found = {k: first.setdefault((left[k], right[k], like[k].type), k) for k in stay}
    return {k: j for k, j in found.items() if j != k}


def _may_run(nz: Normaliser, side: Scope) -> bool:
    return not (side.fixed or side.partial or side.effects)


def _selectable(nz: Normaliser, x: Atom, y: Atom) -> bool:
    if x.type.shape:
        return x == y
    return nz.options.speculate or not is_float(x.type)


def _splice(nz: Normaliser, side: Scope, results: tuple[Atom, ...]) -> tuple[Atom, ...]:
    """The statements of a side, here."""
    env: Env = {}
    before = nz.prov
    for s in side.stmts:
        nz.stmt(s, env)
    nz.prov = before
    return tuple(subst(a, env) for a in results)


def _one_hot(nz: Normaliser, x: Atom, y: Atom) -> tuple[Atom, Atom, Callable[[Atom], Atom]] | None:
    """`if c then delta(e, v) else 0` is `delta(e, if c then v else 0)` where e is known outside."""
    for a, b, first in ((x, y, True), (y, x, False)):
        op = a.stmt.op if isinstance(a, Var) and a.stmt is not None else None
        if not isinstance(op, Delta):
            continue
        other = b.stmt.op if isinstance(b, Var) and b.stmt is not None else None
        same = isinstance(other, Delta) and (other.shape, other.index) == (op.shape, op.index)
        if same and first and op.safe and all(map(nz.visible, (*op.index, *op.shape))):
            assert isinstance(other, Delta)
            return op.value, other.value, _delta(nz, op)
        if not arrays.is_zero(b):
            continue
        if not all(map(nz.visible, (*op.index, *op.shape))) or not all(nz.in_bounds(None, op.index, op.shape, False)):
            continue
        if op.value.type.shape:
            continue
        zero = Const(0, op.value.type.kind)
        return (op.value if first else zero, zero if first else op.value, _delta(nz, op))
    return None


def _delta(nz: Normaliser, op: Delta) -> Callable[[Atom], Atom]:
    return lambda v: arrays.delta(nz, op.shape, op.index, v, True)
