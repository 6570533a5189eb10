"""What each out of a loop becomes, once the body is known.

    build i. c            fill c                     sum i. c·v         c · sum i. v
    build i. a[e, i]      a[e]                       sum i. (u + v)     split where a part leaves the sum
    build i. [i == e] v   delta e v[i := e]          sum i. c           n · c, where n >= 1 is proven
    sum i. delta(i, v)    build i. v                 sum i. delta(c, v) delta(c, sum i. v)
    sum i. [i == e] v     v[i := e], guarded

(c is defined outside the loop, [p] v is `select(p, v, 0)`.)  An out is planned while the body is open:
the plan registers what the loop must still collect (`leaves`) and is evaluated after it.
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
    If,
    Index,
    Plus,
    Prim,
    Stmt,
    Var,
    bound_vars,
    free_vars,
    operands,
    regions,
)
from ..compiler.sizes import number
from . import opt_arrays as arrays
from . import opt_ifs as ifs
from .opt_facts import INF, NOTHING, block_key
from .opt_scalar import definition
from .opt_states import backward_slice

if TYPE_CHECKING:
    from .normalise import Normaliser, Scope

Thunk = Callable[[], Atom]
Env = dict[Var, Atom]
_FACTORS = 64
_FINITE = frozenset(  # primitives of all numbers, without poles
    ["add", "sub", "mul", "neg", "max", "min", "relu", "abs", "sign", "select", "floor", "ceil", "trunc", "round", "f64", "f32", "stop_gradient", "sin", "cos", "exp", "exp2", "expm1", "sinh", "cosh", "tanh", "atan", "asinh", "cbrt", "erf", "erfc", "sigmoid", "softplus"]
)
_LONG = 300  # statements of a body whose outs are compared one by one


class Outs:
    """What a loop must collect (`leaves`), and plans that make the program's outs of it."""

    def __init__(self, nz: Normaliser, scope: Scope, index: Var, extent: Atom | None, parallel: bool = True) -> None:
        self.nz = nz
        self.scope = scope
        self.index = index
        self.extent = extent  # None: there is a head, and sums over all indices are not known
        self.leaves: list[tuple[str, Atom]] = []
        self.vars: tuple[Var, ...] = ()
        self.budget = 0
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
        return self.extent is not None and self.scope.saved.prove(self.nz.poly(self.extent) - number(1))

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
                if nz.fits(self.scope.saved, before, array.type.shape):
                    nz.fire("build_eta")
                    return lambda: arrays.index(nz, array, before, True)
        found = self.one_hot(a)
        if found is not None and nz.fits(self.scope.saved, (found[0],), (extent,)):
            at, element = found
            nz.fire("one_hot_build")
            return lambda: arrays.delta(nz, (extent, *a.type.shape), (at,), element(), True)
        if isinstance(op, Prim) and op.name == "select" and arrays.is_zero(op.args[2]) and self.around(op.args[0]):
            cond, inner = op.args[0], self.plan_build(op.args[1]) or self.leaf("build", op.args[1])
            nz.fire("guard_out_of_build")
            return lambda: arrays.choose(nz, cond, inner(), arrays.fill(nz, (extent,), Const(0, a.type.kind)))
        return None

    def around(self, cond: Atom) -> bool:
        """Does the condition compare the index of the next outer loop?  (Then it is one-hot there.)"""
        sides = definition(cond, "eq")
        outer = self.nz.scopes[self.scope.level - 1]
        return sides is not None and self.outer(cond) and outer.index is not None and outer.index in sides

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
                return self.plan_select(a, c, x, y)
            case If() if len(op.then.results) == 1:
                return self.plan_one_hot(a)
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
        if a.type.shape or not self.scope.saved.prove(nz.poly(extent)):
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
        """Factors from outside leave the sum; products without them stay as they are."""
        nz = self.nz
        over: list[Atom] = []
        under: list[Atom] = []
        self.budget = _FACTORS
        rest = self.strip(a, True, over, under)
        if not over and not under:
            return None
        nz.fire("sum_factor")
        if rest is None:
            rest = Const(1, a.type.kind)
        total = self.plan_sum(rest) or self.leaf("sum", rest)

        def value() -> Atom:
            result = total()
            factor: Atom | None = None
            for x in over:
                factor = x if factor is None else nz.prim("mul", factor, x)
            if factor is not None:
                result = nz.prim("mul", self.harmless(factor), result)
            for x in under:
                result = nz.prim("div", result, self.harmless(x, True))
            return result

        return value

    def harmless(self, factor: Atom, under: bool = False) -> Atom:
        """The factor, or 1 where the loop does not run: a sum of nothing is 0, also where the factor is not finite."""
        nz, extent = self.nz, self.extent
        assert extent is not None
        if (type(factor) is Const and factor.value) or (not under and finite(factor)) or self.runs():
            return factor
        return nz.prim("select", nz.prim("lt", Const(0, "i64"), extent), factor, Const(1, factor.type.kind))

    def strip(self, x: Atom, up: bool, over: list[Atom], under: list[Atom]) -> Atom | None:
        """The expression without its outer factors, which join `over` and `under`; None is 1."""
        nz = self.nz
        self.budget -= 1
        if self.budget < 0 or (type(x) is Const and x.value == 1):
            return x
        if self.outer(x):
            (over if up else under).append(x)
            return None
        assert isinstance(x, Var)
        op = x.stmt.op if x.stmt and nz.where.get(x) is self.scope else None
        if not isinstance(op, Prim):
            return x
        if op.name == "mul":
            a, b = (self.strip(y, up, over, under) for y in op.args)
            if a is op.args[0] and b is op.args[1]:
                return x
            return b if a is None else a if b is None else nz.prim("mul", a, b)
        if op.name == "div" and up:
            a, b = self.strip(op.args[0], True, over, under), self.strip(op.args[1], False, over, under)
            if a is op.args[0] and b is op.args[1]:
                return x
            top = Const(1, x.type.kind) if a is None else a
            return a if b is None else nz.prim("div", top, b)
        if op.name == "neg":
            a = self.strip(op.args[0], up, over, under)
            if a is op.args[0]:
                return x
            return Const(-1, x.type.kind) if a is None else nz.prim("neg", a)
        return x

    def plan_select(self, a: Var, c: Atom, x: Atom, y: Atom) -> Thunk | None:
        nz = self.nz
        if self.outer(c):
            p, q = self.plan_sum(x) or self.leaf("sum", x), self.plan_sum(y) or self.leaf("sum", y)
            return lambda: nz.prim("select", c, p(), q())
        return self.plan_one_hot(a)

    def plan_one_hot(self, a: Var) -> Thunk | None:
        nz, extent = self.nz, self.extent
        assert extent is not None
        found = self.one_hot(a)
        if found is None:
            return None
        e, value = found
        nz.fire("one_hot_sum")
        if nz.fits(self.scope.saved, (e,), (extent,)):
            return value

        def guarded() -> Atom:
            low, high = nz.prim("le", Const(0, "i64"), e), nz.prim("lt", e, extent)
            return ifs.make(nz, nz.prim("and", low, high), value, lambda: arrays.zero_of(nz, a.type.kind, a.type.shape))

        return guarded

    def one_hot(self, a: Var) -> tuple[Atom, Thunk] | None:
        """For `if i == e (and rest) then v else 0`: e, and `v[i := e]` (0 where the rest fails)."""
        nz = self.nz
        op = a.stmt.op if a.stmt is not None else None
        side: Block
        if isinstance(op, Prim) and op.name == "select" and arrays.is_zero(op.args[2]):
            c, zero, side = op.args[0], op.args[2], Block((), (op.args[1],))
        elif isinstance(op, If) and len(op.then.results) == 1 and arrays.is_zero(op.orelse.results[0]):
            c, zero, side = op.cond, op.orelse.results[0], op.then
        else:
            return None
        tests = [c]
        while any(definition(t, "and") for t in tests):
            tests = [u for t in tests for u in (definition(t, "and") or (t,))]
        for t in tests:
            sides = definition(t, "eq") or ()
            for i, e in (sides, sides[::-1]) if sides else ():
                if i is not self.index or not self.outer(e):
                    continue
                rest = [u for u in tests if u is not t]
                if rest and zero.type.shape:
                    return None
                reads = tuple(free_vars(side))
                if not all(copyable(nz, x, self.scope, self.index) for x in (*rest, *reads)):
                    return None
                return e, self.at(side, reads, rest, zero, {self.index: e})
        return None

    def at(self, side: Block, reads: Sequence[Var], rest: Sequence[Atom], zero: Atom, env: Env) -> Thunk:
        """What a block gives, made again outside the loop."""
        nz = self.nz

        def value() -> Atom:
            for x in reads:
                env[x] = arrays.instantiate(nz, x, env)
            before = nz.prov
            for s in side.stmts:
                nz.stmt(s, env)
            nz.prov = before
            result = side.results[0]
            out = env.get(result, result) if type(result) is Var else result
            for u in rest:
                out = nz.prim("select", arrays.instantiate(nz, u, env), out, zero)
            return out

        return value

    def plan_delta(self, shape: tuple[Atom, ...], es: tuple[Atom, ...], v: Atom) -> Thunk | None:
        nz, extent = self.nz, self.extent
        assert extent is not None
        if not self.all_outer(shape):
            return None
        p = next((k for k, e in enumerate(es) if not self.outer(e)), len(es))
        if not nz.fits(self.scope.saved, es[:p], shape) and not self.runs():
            return None
        if p == len(es):
            inner = self.plan_sum(v) or self.leaf("sum", v)
        elif es[p] is self.index and p == len(es) - 1 and nz.same_size(shape[p], extent):
            inner = self.plan_build(v) or self.leaf("build", v)
        elif p > 0:
            inner = self.leaf("sum", arrays.delta(nz, shape[p:], es[p:], v, True))
        else:
            return None
        nz.fire("sum_delta")
        before = es[:p]
        return lambda: arrays.delta(nz, shape, before, inner(), True)


def finite(a: Atom) -> bool:
    """Is it finite where the parameters are, overflow aside?"""
    todo, seen = [a], set[Atom]()
    while todo:
        v = todo.pop()
        if type(v) is Const and not abs(v.value) < INF:
            return False
        if type(v) is not Var or v in seen or v.stmt is None or v.type.kind not in ("f64", "f32"):
            continue
        seen.add(v)
        op = v.stmt.op
        if isinstance(op, Prim) and op.name not in _FINITE or len(seen) > _FACTORS:
            return False
        todo.extend(operands(op))
        for b in regions(op):
            todo.extend(b.results)
    return True


def copyable(nz: Normaliser, a: Atom, scope: Scope, index: Var) -> bool:
    """Can the value be made again outside the loop, at another index?  (No states.)"""
    todo, seen = [a], set()
    while todo:
        v = todo.pop()
        if type(v) is not Var or v is index or nz.level(v) < scope.level or v in seen:
            continue
        seen.add(v)
        if v.stmt is None or len(seen) > 200:
            return False
        todo.extend(operands(v.stmt.op))
        for r in regions(v.stmt.op):
            todo.extend(free_vars(r, bound_vars(v.stmt.op)))
    return True
