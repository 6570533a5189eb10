"""Loops in the normaliser: states that never change or always agree, loops that never run, emission.

What becomes of the outs is planned in `opt_outs`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..compiler.ir import (
    Assert,
    Atom,
    Block,
    Const,
    Loop,
    Scalar,
    Stmt,
    Var,
    free_vars,
    subst,
    subst_type,
)
from ..compiler.sizes import number
from . import opt_arrays as arrays
from . import opt_cells as cells
from .effects import has_effects
from .opt_facts import Motion, array_type, op_key
from .opt_outs import Outs
from .opt_states import backward_slice, congruent_states
from .opt_tables import by_dependence, table

if TYPE_CHECKING:
    from .normalise import Normaliser, Scope

Thunk = Callable[[], Atom]
Env = dict[Var, Atom]
_I64 = Scalar("i64")


def loop(nz: Normaliser, s: Stmt, op: Loop, env: Env) -> None:
    """A loop of the program; its results join `env`."""
    n = len(op.states)
    extent = None if op.extent is None else subst(op.extent, env)
    inits = [subst(a, env) for a in op.inits]
    live = []
    for k in range(n):
        if op.body.results[k] is op.states[k]:
            env[op.states[k]] = env[s.vars[k]] = inits[k]
            nz.fire("constant_state")
        else:
            live.append(k)
    if isinstance(extent, Const) and int(extent.value) <= 0 and op.head is None and _never(nz, s, op, inits, env):
        return
    if op.head is not None and extent is None and not live and not op.modes and _endless(nz, s, op, env):
        return
    same = congruent_states(op, inits, env) if len(live) > 1 else list(range(n))
    live = [k for k in live if same[k] == k]
    index = Var(op.index.name, _I64, extent=extent, nonneg=True)
    env[op.index] = index
    states = []
    for k, old in enumerate(op.states):  # in order, since the sizes of some are others
        if same[k] != k:
            env[old] = env[op.states[same[k]]]
            nz.fire("equal_states")
        elif k in live:
            env[old] = v = Var(old.name, subst_type(old.type, env), nonneg=old.nonneg)
            states.append(v)
    head, head_uses, partial, effects = None, 0, False, False
    if op.head is not None:
        scope = _enter(nz, index, states)
        results = nz.run(op.head, env)
        nz.close(results)
        head = Block(tuple(scope.stmts), results)
        head_uses, partial, effects = scope.uses, scope.partial, scope.effects
    scope = _enter(nz, index, states)
    scope.guard = extent if head is None else None
    scope.carried = frozenset(a for a in inits if type(a) is Var and a.type.shape and a in nz.where)
    if extent is not None and not isinstance(extent, Const):
        nz.know = nz.know.learn(nz.poly(extent) - number(1))
    results = nz.run(op.body, env)
    nz.prov = s.prov
    outs = Outs(nz, scope, index, extent if op.head is None else None, not states and head is None)
    thunks = [outs.plan(m, a) for m, a in zip(op.modes, results[n:], strict=True)]
    nexts = [results[k] for k in live]
    body = Block(tuple(scope.stmts), (*nexts, *(a for _, a in outs.leaves)))
    nz.close(body.results)
    effects = effects or scope.effects
    apart = None
    if nz.options.tables and len(outs.leaves) > 1 and not (states or effects or head or scope.partial):
        apart = by_dependence(nz, index, outs.leaves)
    if apart is not None:
        assert extent is not None
        outs.done(distribute(nz, extent, op, scope, outs, apart))
    elif states or outs.leaves or effects or head is not None:
        new = Loop(index, extent, tuple(states), tuple(inits[k] for k in live), head, body,
                   tuple(m for m, _ in outs.leaves), op.down)
        found = emit(nz, new, scope.uses | head_uses, partial or scope.partial, effects, [s.vars[k] for k in live])
        if found and found[0].stmt is not None and found[0].stmt.op is new:
            cells.finish(nz, scope, found[0].stmt)
        m = len(states)
        outs.done(found[m: m + len(outs.leaves)])
        for k, v in zip(live, found, strict=False):
            env[s.vars[k]] = v
        for k in range(n):
            if same[k] != k:
                env[s.vars[k]] = env[s.vars[same[k]]]
        if head is not None:
            env[s.vars[-1]] = found[-1]
    for v, thunk in zip(s.vars[n:], thunks, strict=False):
        a = env[v] = thunk()
        if type(a) is Var:
            if a.name == "t":
                a.name = v.name
            if v in nz.whole:
                nz.whole.add(a)


def distribute(
    nz: Normaliser, extent: Atom, op: Loop, scope: Scope, outs: Outs, groups: list[list[int]]
) -> tuple[Var, ...]:
    """A loop for each group of outs, so that those which do not depend on an outer loop can leave it."""
    nz.fire("distribute")
    found: dict[int, Var] = {}
    for group in groups:
        index = Var(op.index.name, _I64, extent=extent, nonneg=True)
        inner = _enter(nz, index, ())
        env: Env = {outs.index: index}
        roots = [outs.leaves[k][1] for k in group]
        for s in backward_slice(scope.stmts, roots, outs.reads):
            nz.stmt(s, env)
        results = tuple(subst(a, env) for a in roots)
        nz.close(results)
        modes = tuple(outs.leaves[k][0] for k in group)
        new = Loop(index, extent, (), (), None, Block(tuple(inner.stmts), results), modes, op.down)
        vars = emit(nz, new, inner.uses, inner.partial, inner.effects, ())
        if vars[0].stmt is not None and vars[0].stmt.op is new:
            cells.finish(nz, inner, vars[0].stmt)
        found.update(zip(group, vars, strict=True))
    return tuple(found[k] for k in range(len(outs.leaves)))


def _enter(nz: Normaliser, index: Var, states: Sequence[Var]) -> Scope:
    scope = nz.open("loop")
    scope.index = index
    nz.where[index] = scope
    for v in states:
        nz.where[v] = scope
    return scope


def _never(nz: Normaliser, s: Stmt, op: Loop, inits: Sequence[Atom], env: Env) -> bool:
    """A loop that does not run: states keep their start, sums are zero."""
    n = len(op.states)
    neutral: list[Atom] = []
    for v, mode in zip(s.vars[n:], op.modes, strict=True):
        t = subst_type(v.type, env)
        if mode == "sum":
            neutral.append(arrays.zero_of(nz, t.kind, t.shape))
        elif mode in ("any", "all"):
            neutral.append(Const(mode == "all", "bool"))
        else:
            return False
    env.update(zip(s.vars, (*inits, *neutral), strict=True))
    nz.fire("empty_loop")
    return True


def _endless(nz: Normaliser, s: Stmt, op: Loop, env: Env) -> bool:
    """A `while` whose steps change nothing: it ends before the first one or never, and says so."""
    assert op.head is not None
    if op.index in free_vars(op.head) or has_effects(op.body):
        return False
    (more,) = nz.run(op.head, env)
    nz.fire("endless")
    nz.prov = s.prov
    done = nz.prim("not", more)
    nz.assertion(Assert(done, "DV0514", "this `while` never ends: its condition holds, and no step changes what it reads"), done, env)
    env[s.vars[-1]] = Const(0, "i64")
    return True


def emit(
    nz: Normaliser, op: Loop, uses: int, partial: bool, effects: bool, finals: Sequence[Var]
) -> tuple[Var, ...]:
    """Emits a loop whose body is normalised; `finals` lend names and signs to the final states."""
    if op.extent is not None:
        uses |= 1 << nz.level(op.extent)
    for a in op.inits:
        uses |= 1 << nz.level(a)
    motion = Motion.DEAR
    if partial or effects or op.head is not None:
        motion = Motion.PINNED
    elif "build" in op.modes:
        assert op.extent is not None
        size = nz.poly(op.extent)
        if not nz.know_at(uses.bit_length() - 1).prove(size):
            motion = Motion.STAY if nz.know.prove(size) else Motion.PINNED
    key = None if effects else op_key(op, {})
    if key is not None:
        hit = nz.table.get(key)
        if hit is not None and nz.visible(hit[0]):
            nz.meet(hit)
            return hit
    vars = result_vars(nz, op, finals)
    scope = nz.place(uses.bit_length() - 1 if uses else 0, motion)
    nz.put(scope, op, vars, uses, motion, 1.0)
    if effects:
        scope.effects = True
    if key is not None:
        nz.table[key] = vars
    if nz.options.tables and motion is Motion.DEAR and len(vars) == 1 and scope.level >= 2:
        v = table(nz, vars[0], scope, build)
        if v is not vars[0] and key is not None:
            nz.table[key] = (v,)
            return (v,)
    return vars


def result_vars(nz: Normaliser, op: Loop, finals: Sequence[Var]) -> tuple[Var, ...]:
    """Variables for a loop's results, typed in the scope around it."""
    trip = Var("trip", _I64, nonneg=True) if op.head is not None else None
    extent = op.extent if trip is None else trip
    assert extent is not None
    env: Env = {}
    vars: list[Var] = []
    for v, old in zip(op.states, finals, strict=True):
        w = Var(old.name, subst_type(v.type, env), nonneg=old.nonneg or v.nonneg)
        env[v] = w
        vars.append(w)
    for mode, a in zip(op.modes, op.outs, strict=True):
        shape = tuple(nz.outside(env.get(x, x) if type(x) is Var else x) for x in a.type.shape)
        if mode in ("argmax", "argmin"):
            vars.append(Var("t", _I64, nonneg=True))
            nz.found[vars[-1]] = extent
        else:
            vars.append(Var("t", array_type(a.type.kind, (extent, *shape) if mode == "build" else shape)))
    if trip is not None:
        vars.append(trip)
    return tuple(vars)


def build(nz: Normaliser, extent: Atom, f: Callable[[Var], Atom], name: str = "i") -> Atom:
    """`for i < extent do f(i)` made by a rule."""
    index = Var(name, _I64, extent=extent, nonneg=True)
    scope = _enter(nz, index, ())
    a = f(index)
    outs = Outs(nz, scope, index, extent)
    thunk = outs.plan("build", a)
    body = Block(tuple(scope.stmts), tuple(x for _, x in outs.leaves))
    nz.close(body.results)
    if outs.leaves:
        op = Loop(index, extent, (), (), None, body, tuple(m for m, _ in outs.leaves))
        found = emit(nz, op, scope.uses, scope.partial, scope.effects, ())
        outs.done(found)
        if found[0].stmt is not None and found[0].stmt.op is op:
            cells.finish(nz, scope, found[0].stmt)
    return thunk()
