"""Loops in the normaliser: what each out becomes once the body is known.

    build i. c            fill c                     sum i. c·v         c · sum i. v
    build i. a[e, i]      a[e]                       sum i. (u + v)     split where a part leaves the sum
    build i. [i == e] v   delta e v[i := e]          sum i. c           n · c, where n >= 1 is proven
    sum i. delta(i, v)    build i. v                 sum i. delta(c, v) delta(c, sum i. v)
    sum i. [i == e] v     v[i := e], guarded         states that never change are their start

(c is defined outside the loop, [p] v is `select(p, v, 0)`.)  An out is planned while the body is open:
the plan registers what the loop must still collect and is evaluated after it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..compiler.ir import (
    Atom,
    Block,
    Const,
    Delta,
    Fill,
    Index,
    Loop,
    Plus,
    Prim,
    Scalar,
    Stmt,
    Var,
    bound_vars,
    free_vars,
    operands,
    regions,
    subst,
    subst_type,
)
from ..compiler.sizes import nonneg, number, poly_of
from . import opt_arrays as arrays
from .opt_facts import INF, NOTHING, Motion, array_type, block_key, op_key
from .opt_scalar import definition
from .opt_states import backward_slice, congruent_states

if TYPE_CHECKING:
    from .normalise import Normaliser, Scope

Thunk = Callable[[], Atom]
Env = dict[Var, Atom]
_I64 = Scalar("i64")
_LONG = 300  # statements of a body whose outs are compared one by one


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
    same = congruent_states(op, inits) if len(live) > 1 else list(range(n))
    live = [k for k in live if same[k] == k]
    index = Var(op.index.name, _I64, extent=extent, nonneg=True)
    env[op.index] = index
    states = []
    for k in live:
        v = Var(op.states[k].name, subst_type(op.states[k].type, env), nonneg=op.states[k].nonneg)
        env[op.states[k]] = v
        states.append(v)
    for k in range(n):
        if same[k] != k:
            env[op.states[k]] = env[op.states[same[k]]]
            nz.fire("equal_states")
    head, head_uses, partial, effects = None, 0, False, False
    if op.head is not None:
        scope = _enter(nz, index, states)
        results = nz.run(op.head, env)
        nz.close(results)
        head = Block(tuple(scope.stmts), results)
        head_uses, partial, effects = scope.uses, scope.partial, scope.effects
    scope = _enter(nz, index, states)
    if extent is not None and not isinstance(extent, Const):
        nz.facts = (*nz.facts, nz.poly(extent) - number(1))
    results = nz.run(op.body, env)
    nz.prov = s.prov
    outs = Outs(nz, scope, index, extent if op.head is None else None, not states and head is None)
    thunks = [outs.plan(m, a) for m, a in zip(op.modes, results[n:], strict=True)]
    nexts = [results[k] for k in live]
    body = Block(tuple(scope.stmts), (*nexts, *(a for _, a in outs.leaves)))
    nz.close(body.results)
    effects = effects or scope.effects
    if states or outs.leaves or effects or head is not None:
        new = Loop(index, extent, tuple(states), tuple(inits[k] for k in live), head, body,
                   tuple(m for m, _ in outs.leaves), op.down)
        found = emit(nz, new, scope.uses | head_uses, partial or scope.partial, effects, [s.vars[k] for k in live])
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
        if not nonneg(poly_of(op.extent)):
            motion = Motion.STAY if nonneg(nz.poly(op.extent), nz.facts) else Motion.PINNED
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
    if nz.options.tables and motion is Motion.DEAR and len(vars) == 1:
        from .opt_tables import table

        v = table(nz, vars[0], scope)
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
        outs.done(emit(nz, op, scope.uses, scope.partial, scope.effects, ()))
    return thunk()


# ---------------------------------------------------------------- outs


class Outs:
    """What a loop must collect (`leaves`), and plans that make the program's outs of it."""

    def __init__(self, nz: Normaliser, scope: Scope, index: Var, extent: Atom | None, parallel: bool = True) -> None:
        self.nz = nz
        self.scope = scope
        self.index = index
        self.extent = extent  # None: there is a head, and sums over all indices are not known
        self.leaves: list[tuple[str, Atom]] = []
        self.vars: tuple[Var, ...] = ()
        self.keys: list[object] | None = [] if parallel and not scope.effects and len(scope.stmts) < _LONG else None
        self.reads: dict[Stmt, tuple[Var, ...]] = {}

    def leaf(self, mode: str, a: Atom) -> Thunk:
        if (mode, a) not in self.leaves:
            if self.keys is not None:
                key = self.key(mode, a)
                hit = self.nz.table.get(key)
                if hit is not None and self.nz.visible(hit[0]):
                    self.nz.fire("same_out")
                    self.nz.meet(hit)
                    return lambda: hit[0]
                self.keys.append(key)
            self.leaves.append((mode, a))
        k = self.leaves.index((mode, a))
        return lambda: self.vars[k]

    def key(self, mode: str, a: Atom) -> object:
        """Equal for outs that are equal: the loop with this out only, up to names."""
        body = Block(tuple(backward_slice(self.scope.stmts, (a,), self.reads)), (a,))
        return ("out", mode, self.extent, block_key(body, {self.index: -1}, NOTHING))

    def done(self, vars: tuple[Var, ...]) -> None:
        """The loop has been emitted, with these variables for the leaves."""
        self.vars = vars
        if self.keys is not None:
            self.nz.table.update((key, (v,)) for key, v in zip(self.keys, vars, strict=True))

    def outer(self, a: Atom) -> bool:
        """Defined outside the loop?"""
        return self.nz.level(a) < self.scope.level

    def all_outer(self, atoms: Sequence[Atom]) -> bool:
        return all(map(self.outer, atoms))

    def runs(self) -> bool:
        """Is there provably an iteration?"""
        return self.extent is not None and nonneg(self.nz.poly(self.extent) - number(1), self.scope.saved[0])

    def plan(self, mode: str, a: Atom) -> Thunk:
        if self.extent is None or not self.nz.options.algebra:
            return self.leaf(mode, a)
        if mode == "build":
            return self.plan_build(a) or self.leaf(mode, a)
        if mode == "sum":
            return self.plan_sum(a) or self.leaf(mode, a)
        if mode in ("max", "min", "any", "all") and self.outer(a) and self.runs():
            return lambda: a
        return self.leaf(mode, a)

    # ------------------------------------------------ build

    def plan_build(self, a: Atom) -> Thunk | None:
        nz, extent = self.nz, self.extent
        assert extent is not None
        if self.outer(a):
            return (lambda: arrays.fill(nz, (extent,), a)) if not a.type.shape else None
        assert isinstance(a, Var)
        op = a.stmt.op if a.stmt else None
        if isinstance(op, Fill) and self.all_outer((*op.shape, op.value)):
            shape, same = op.shape, op.value
            return lambda: arrays.fill(nz, (extent, *shape), same)
        if isinstance(op, Index) and op.index[-1] is self.index and isinstance(op.array, Var):
            before = op.index[:-1]
            size = op.array.type.shape[len(before)]
            if self.all_outer((op.array, *before)) and nz.same_size(size, extent):
                array = op.array
                if all(nz.in_bounds(before, array.type.shape, False)):
                    nz.fire("build_eta")
                    return lambda: arrays.index(nz, array, before, True)
        if isinstance(op, Prim) and op.name == "select" and arrays.is_zero(op.args[2]):
            found = self.one_hot(op)
            if found is not None and nz.in_bounds((found[0],), (extent,), False)[1]:
                at, element = found
                nz.fire("one_hot_build")
                return lambda: arrays.delta(nz, (extent,), (at,), element(), True)
        return None

    # ------------------------------------------------ sum

    def plan_sum(self, a: Atom) -> Thunk | None:
        """None: nothing leaves the sum."""
        nz = self.nz
        if arrays.is_zero(a):
            kind, shape = a.type.kind, a.type.shape
            return (lambda: arrays.zero_of(nz, kind, shape)) if self.all_outer(shape) else None
        if self.outer(a):
            return self.plan_constant(a)
        assert isinstance(a, Var)
        op = a.stmt.op if a.stmt and nz.where.get(a) is self.scope else None
        match op:
            case Prim("neg", (x,)):
                inner = self.plan_sum(x) or self.leaf("sum", x)
                return lambda: nz.prim("neg", inner())
            case Prim(("add" | "sub") as name, (x, y)):
                p, q = self.plan_sum(x), self.plan_sum(y)
                if p is None and q is None:
                    return None
                first, second = p or self.leaf("sum", x), q or self.leaf("sum", y)
                return lambda: nz.prim(name, first(), second())
            case Prim("mul" | "div", _):
                return self.plan_product(a)
            case Prim("select", (c, x, y)):
                return self.plan_select(op, c, x, y)
            case Delta(shape, es, v, True):
                return self.plan_delta(shape, es, v)
            case Fill(shape, x) if self.all_outer(shape):
                total = self.plan_sum(x) or self.leaf("sum", x)
                return lambda: arrays.fill(nz, shape, total())
            case Plus(xs):
                parts = [self.plan_sum(x) or self.leaf("sum", x) for x in xs]
                nz.fire("sum_plus")
                return lambda: arrays.plus(nz, [p() for p in parts])
        return None

    def plan_constant(self, a: Atom) -> Thunk | None:
        """n · a"""
        nz, extent = self.nz, self.extent
        assert extent is not None
        if a.type.shape or not nonneg(nz.poly(extent), self.scope.saved[0]):
            return None
        finite = isinstance(a, Const) and abs(a.value) < INF
        if not finite and not self.runs() and a.type.kind not in ("i64", "i32"):
            return None
        kind = a.type.kind

        def value() -> Atom:
            count = extent if kind == "i64" else nz.prim(kind, extent)
            return nz.prim("mul", count, a)

        nz.fire("sum_constant")
        return value

    def plan_product(self, a: Var) -> Thunk | None:
        """Factors from outside leave the sum."""
        nz = self.nz
        over: list[Atom] = []
        under: list[Atom] = []
        inside: list[Atom] = []
        below: list[Atom] = []
        negative = False
        todo: list[tuple[Atom, bool]] = [(a, True)]
        while todo:
            x, up = todo.pop()
            if self.outer(x):
                (over if up else under).append(x)
                continue
            assert isinstance(x, Var)
            op = x.stmt.op if x.stmt and nz.where.get(x) is self.scope else None
            if isinstance(op, Prim) and op.name == "mul" and (up or x is a):
                todo += [(op.args[1], up), (op.args[0], up)]
            elif isinstance(op, Prim) and op.name == "div" and up:
                todo += [(op.args[1], False), (op.args[0], True)]
            elif isinstance(op, Prim) and op.name == "neg":
                negative = not negative
                todo.append((op.args[0], up))
            else:
                (inside if up else below).append(x)
        if not over and not under:
            return None
        nz.fire("sum_factor")
        one = Const(1, a.type.kind)
        rest: Atom = one
        for x in inside:
            rest = x if rest is one else nz.prim("mul", rest, x)
        for x in below:
            rest = nz.prim("div", rest, x)
        total = self.plan_sum(rest) or self.leaf("sum", rest)

        def value() -> Atom:
            result = total()
            factor: Atom | None = None
            for x in over:
                factor = x if factor is None else nz.prim("mul", factor, x)
            if factor is not None:
                result = nz.prim("mul", factor, result)
            for x in under:
                result = nz.prim("div", result, x)
            return nz.prim("neg", result) if negative else result

        return value

    def plan_select(self, op: Prim, c: Atom, x: Atom, y: Atom) -> Thunk | None:
        nz, extent = self.nz, self.extent
        assert extent is not None
        if self.outer(c):
            p, q = self.plan_sum(x) or self.leaf("sum", x), self.plan_sum(y) or self.leaf("sum", y)
            return lambda: nz.prim("select", c, p(), q())
        if not arrays.is_zero(y):
            return None
        found = self.one_hot(op)
        if found is None:
            return None
        e, value = found
        nz.fire("one_hot_sum")
        if nz.in_bounds((e,), (extent,), False)[1]:
            return value

        def guarded() -> Atom:
            from . import opt_ifs as ifs

            low, high = nz.prim("le", Const(0, "i64"), e), nz.prim("lt", e, extent)
            return ifs.make(nz, nz.prim("and", low, high), value, lambda: y)

        return guarded

    def one_hot(self, op: Prim) -> tuple[Atom, Thunk] | None:
        """For `select(i == e (and rest), v, 0)`: e, and `v[i := e]` (0 where the rest fails)."""
        nz = self.nz
        c, v, zero = op.args
        tests = [c]
        while any(definition(t, "and") for t in tests):
            tests = [u for t in tests for u in (definition(t, "and") or (t,))]
        for t in tests:
            sides = definition(t, "eq") or ()
            for i, e in (sides, sides[::-1]) if sides else ():
                if i is not self.index or not self.outer(e):
                    continue
                rest = [u for u in tests if u is not t]
                env: Env = {self.index: e}
                for a in (*rest, v):
                    if not copyable(nz, a, self.scope, self.index):
                        return None

                def value(rest: list[Atom] = rest, env: Env = env) -> Atom:
                    out = arrays.instantiate(nz, v, env)
                    for u in rest:
                        out = nz.prim("select", arrays.instantiate(nz, u, env), out, zero)
                    return out

                return e, value
        return None

    def plan_delta(self, shape: tuple[Atom, ...], es: tuple[Atom, ...], v: Atom) -> Thunk | None:
        nz, extent = self.nz, self.extent
        assert extent is not None
        if not self.all_outer(shape):
            return None
        p = next((k for k, e in enumerate(es) if not self.outer(e)), len(es))
        if p == len(es):
            inner = self.plan_sum(v) or self.leaf("sum", v)
        elif es[p] is self.index and p == len(es) - 1 and nz.same_size(shape[p], extent):
            inner = self.plan_build(v) or self.leaf("build", v)
        else:
            return None
        nz.fire("sum_delta")
        before = es[:p]
        return lambda: arrays.delta(nz, shape, before, inner(), True)


def copyable(nz: Normaliser, a: Atom, scope: Scope, index: Var) -> bool:
    """Can the value be made again outside the loop, at another index?  (No states, no loops.)"""
    todo, seen = [a], set()
    while todo:
        v = todo.pop()
        if type(v) is not Var or v is index or nz.level(v) < scope.level or v in seen:
            continue
        seen.add(v)
        if v.stmt is None or len(seen) > 200 or isinstance(v.stmt.op, Loop):
            return False
        todo.extend(operands(v.stmt.op))
        for r in regions(v.stmt.op):
            todo.extend(free_vars(r, bound_vars(v.stmt.op)))
    return True
