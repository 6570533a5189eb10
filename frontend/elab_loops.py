"""`for … into` and `loop`: states of any structure, collected outs, literal states, unknown sizes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..compiler.build import array_type
from ..compiler.errors import Error, SizeError, Span
from ..compiler.ir import Atom, Block, Loop, Scalar, Var, integer
from ..compiler.sizes import poly_of
from . import syntax as sx
from . import types as ty
from . import values as vs
from .elab_base import did_you_mean
from .elab_gens import Gen, Generators, Head, Pairs
from .elab_types import Match, Signature
from .elab_values import settled, wider
from .names import pattern_names
from .values import Env, Leaf, TupleV, Value, leaves, map_leaves, rebuild

PLAIN = {"array": "build", "sum": "sum", "prod": "prod", "max": "max", "min": "min", "any": "any", "all": "all",
         "argmax": "argmax", "argmin": "argmin", "count": "count", "steps": "steps", "build": "build"}
NO_UNIT = frozenset(["array", "build", "max", "min", "argmax", "argmin"])
KEPT, ONE_KEPT = "the values that a filter keeps", "one of them"  # names that no program can write


@dataclass(frozen=True, eq=False)
class Mode:
    """How one value of a step is collected: a word, `reduce(op, unit)` or `accumulate(base)`."""

    word: str
    span: Span
    op: Value | None = None
    base: Value | None = None


@dataclass(eq=False)
class Plan:
    """The kind of each leaf of a loop's state, and for each of its axes whether the size may change.

    `nexts` and `trial` come out of a round: the kinds after a step, the variables of literal states.
    """

    kinds: list[str]
    open: list[tuple[bool, ...]]
    nexts: list[str]
    trial: list[list[Var]]


Inner = Callable[[Env, Value], tuple[Value, Pairs]]


class Loops(Generators):
    # ------------------------------------------------ modes

    def mode(self, e: sx.Expr, env: Env) -> Mode:
        match e:
            case sx.Paren(_, inner):
                return self.mode(inner, env)
            case sx.Name(span, name) if name in PLAIN:
                return Mode(name, span)
            case sx.Call(span, sx.Name(_, "reduce"), args, None) if len(args) == 2:
                op, unit = (self.elaborate(a.value, env) for a in args)
                return Mode("reduce", span, op, unit)
            case sx.Call(span, sx.Name(_, "accumulate"), args, None) if len(args) == 1:
                return Mode("accumulate", span, None, self.elaborate(args[0].value, env))
        modes = [m for m in PLAIN if m != "build"]
        help = did_you_mean(e.id, modes) if isinstance(e, sx.Name) else None
        self.type_error("DV0306", f"a mode is one of {', '.join(modes)}, reduce(op, unit) or accumulate(base)", e.span,
                        help=help)

    def pair(self, mode: Mode, v: Value, span: Span) -> tuple[str, Value]:
        """The core mode and value for what a step gives."""
        match mode.word:
            case "count":
                return "sum", Leaf(self.b.prim("i64", self.condition(v, span)))
            case "any" | "all":
                return mode.word, Leaf(self.condition(v, span))
            case "accumulate":
                return "sum", self.scatter(mode, v, span)
            case "array":
                return "build", v
        if mode.word not in ("build", "sum") and not (isinstance(v, Leaf) and not v.rank and v.kind != "bool"):
            self.type_error("DV0308", f"{mode.word} takes numbers, this is {vs.show_type(v)}", span)
        return PLAIN[mode.word], v

    def scatter(self, mode: Mode, v: Value, span: Span) -> Value:
        """One step of `accumulate(base)`: the value at its index, zeros elsewhere."""
        base = mode.base
        if not isinstance(v, TupleV) or len(v.items) != 2 or not isinstance(base, Leaf) or not base.rank:
            self.type_error("DV0308", "accumulate(base) takes an array and steps (index, value)", span)
        index, value = v.items
        parts = index.items if isinstance(index, TupleV) else (index,)
        at = [self.scalar(p, "i64", "an index", span) for p in parts]
        kind = settled(base.flex_kind) if not base.flex or not isinstance(value, Leaf) else value.kind
        if not isinstance(value, Leaf) or value.rank != base.rank - len(at) or wider(value.flex_kind, kind) != kind:
            self.type_error("DV0308", f"the value to accumulate does not fit {vs.show_type(base)}", span)
        return Leaf(self.b.delta(base.shape, at, self.to_kind(value, kind).atom))

    # ------------------------------------------------ for … into

    def for_into(self, e: sx.For, env: Env) -> Value:
        if e.into is None:
            return self.comprehension(lambda s: self.elaborate(e.body, s), e.gens, env, e.span)
        if e.gens.cond is not None and any(isinstance(m, sx.Name) and m.id in NO_UNIT for m in e.into):
            return self.for_kept(e, env)
        modes = [self.mode(m, env) for m in e.into]
        monoids = [m for m in modes if m.word == "reduce"]
        if monoids:
            return self.for_monoids(e, env, modes)

        def inner(scope: Env) -> Pairs:
            return self.step_pairs(modes, self.elaborate(e.body, scope), e.body.span)

        found = self.nest(e.gens, env, inner, e.span)
        results = [self.with_base(m, v, e.span) for m, v in zip(modes, found, strict=True)]
        return results[0] if len(results) == 1 else TupleV(tuple(results))

    def for_kept(self, e: sx.For, env: Env) -> Value:
        """A filter with a mode that has no unit: first the values of the steps that it keeps, then a loop over these."""
        kept = self.filtered(lambda s: self.elaborate(e.body, s), e.gens, env, e.span)
        scope = Env(env, {KEPT: kept})
        every = sx.Gens(e.span, (sx.GenIn(e.span, sx.PName(e.span, ONE_KEPT), sx.Name(e.span, KEPT)),), None)
        return self.for_into(replace(e, gens=every, body=sx.Name(e.body.span, ONE_KEPT)), scope)

    def step_pairs(self, modes: Sequence[Mode], v: Value, span: Span) -> Pairs:
        items: Sequence[Value] = (v,)
        if len(modes) > 1:
            if not isinstance(v, TupleV) or len(v.items) != len(modes):
                self.type_error("DV0306", f"{len(modes)} modes take a tuple of {len(modes)}, this is {vs.show_type(v)}",
                                span)
            items = v.items
        return [self.pair(m, x, span) for m, x in zip(modes, items, strict=True)]

    def with_base(self, mode: Mode, v: Value, span: Span) -> Value:
        if mode.word != "accumulate":
            return v
        assert isinstance(mode.base, Leaf) and isinstance(v, Leaf)
        return Leaf(self.b.plus(self.to_kind(mode.base, v.kind).atom, v.atom))

    def for_monoids(self, e: sx.For, env: Env, modes: Sequence[Mode]) -> Value:
        """`reduce(op, unit)` among the modes: a state that runs along."""
        units = TupleV(tuple(m.base for m in modes if m.word == "reduce" and m.base is not None))

        def step(scope: Env, state: Value) -> tuple[Value, Pairs]:
            v = self.elaborate(e.body, scope)
            items = v.items if len(modes) > 1 and isinstance(v, TupleV) else (v,)
            if len(items) != len(modes):
                self.type_error("DV0306", f"{len(modes)} modes take a tuple of {len(modes)}", e.body.span)
            assert isinstance(state, TupleV)
            states = iter(state.items)
            nexts: list[Value] = []
            pairs: list[tuple[str, Value]] = []
            for m, x in zip(modes, items, strict=True):
                if m.word == "reduce":
                    assert m.op is not None
                    nexts.append(self.apply(m.op, [next(states), x], m.span))
                else:
                    pairs.append(self.pair(m, x, e.body.span))
            return TupleV(tuple(nexts)), pairs

        state, outs, _ = self.run_loop(units, None, e.gens, None, env, step, e.span)
        assert isinstance(state, TupleV)
        states, others = iter(state.items), iter(outs)
        results = [next(states) if m.word == "reduce" else self.with_base(m, next(others), e.span) for m in modes]
        return results[0] if len(results) == 1 else TupleV(tuple(results))

    # ------------------------------------------------ loop

    def loop(self, e: sx.Loop, env: Env) -> Value:
        if e.gens is not None and e.gens.cond is not None and e.into and e.cond is None:
            return self.loop_kept(e, e.gens, env)
        init = self.elaborate(e.init, env)
        if vs.has_function(init) or any(isinstance(v, vs.StrV) for v in (init,)):
            self.type_error("DV0317", "a function may not be a loop's state", e.init.span)
        open_ = None
        if e.type is not None:
            t = self.resolve(e.type, Signature(env, open=False))
            m = Match()
            self.match_type(t, vs.type_of(init), m, "the loop's first state", e.init.span)
            init = self.fit(init, t)
            self.solve(m, (), checked=True)
            open_ = open_axes(t)
        modes = [self.mode(m_, env) for m_ in e.into or ()]

        def step(scope: Env, state: Value) -> tuple[Value, Pairs]:
            before = set(scope.names)
            self.bind_pattern(e.pattern, state, scope)
            for name in scope.names.keys() - before:
                self.name_leaves(name, scope.names[name])
            v = self.elaborate(e.body, scope)
            if not modes:
                return v, ()
            if not isinstance(v, TupleV) or len(v.items) != len(modes) + 1:
                self.type_error("DV0306", f"this loop's step gives (state, {', '.join(m.word for m in modes)}), "
                                f"not {vs.show_type(v)}", e.body.span)
            counted = [(m, x) for m, x in zip(modes, v.items[1:], strict=True) if m.word != "steps"]
            return v.items[0], [self.pair(m, x, e.body.span) for m, x in counted]

        def cond(scope: Env, state: Value) -> Atom:
            assert e.cond is not None
            self.bind_pattern(e.pattern, state, scope)
            with self.at(e.cond.span):
                return self.condition(self.elaborate(e.cond, scope), e.cond.span)

        state, outs, trip = self.run_loop(init, open_, e.gens, cond if e.cond is not None else None, env, step, e.span)
        if not modes:
            return state
        results: list[Value] = [state]
        others = iter(outs)
        for m_ in modes:
            if m_.word == "steps":
                if trip is None:
                    self.type_error("DV0306", "steps counts the steps of a while", m_.span)
                results.append(Leaf(trip))
            else:
                results.append(self.with_base(m_, next(others), e.span))
        return TupleV(tuple(results))

    def loop_kept(self, e: sx.Loop, gens: sx.Gens, env: Env) -> Value:
        """A filter in a loop that collects: first the steps that it keeps, then a loop over these."""
        span = gens.span
        bound = dict.fromkeys(n for g in gens.gens for n in (
            pattern_names(g.pattern) if isinstance(g, sx.GenIn) else (g.name,)) if n != "_")
        names: list[sx.Expr] = [sx.Name(span, n) for n in bound]
        patterns: list[sx.Pattern] = [sx.PName(span, n) for n in bound]
        if not bound:
            names, patterns = [sx.Bool(span, True)], [sx.PWild(span)]
        step = names[0] if len(names) == 1 else sx.Tuple(span, tuple(names))
        pattern = patterns[0] if len(patterns) == 1 else sx.PTuple(span, tuple(patterns))
        kept = self.filtered(lambda s: self.elaborate(step, s), gens, env, span)
        every = sx.Gens(span, (sx.GenIn(span, pattern, sx.Name(span, KEPT)),), None)
        return self.loop(replace(e, gens=every), Env(env, {KEPT: kept}))

    def run_loop(
        self, init: Value, open_: list[tuple[bool, ...]] | None, gens: sx.Gens | None,
        cond: Callable[[Env, Value], Atom] | None, env: Env, step: Inner, span: Span,
    ) -> tuple[Value, list[Value], Atom | None]:
        """The loop, in rounds until the kinds of literal states are found."""
        leaf_list = list(leaves(init))
        kinds = [x.flex_kind for x in leaf_list]
        axes = open_ if open_ is not None else [(False,) * x.rank for x in leaf_list]
        for attempt in range(8):
            mark, facts = len(self.b.stack[-1]), dict(self.facts)
            it = iter(kinds)
            start = map_leaves(init, lambda x, it=it: self.to_kind(x, next(it)))  # type: ignore[misc]
            plan = Plan(kinds, axes, [], [[] for _ in kinds])
            try:
                result = self.loop_levels(gens, cond, start, plan, env, step, span)
            except Error:
                if attempt or not any(k.endswith("?") for k in kinds):
                    raise
                result = None
            cast = any(v in self.casts for vars in plan.trial for v in vars)
            if result is not None:
                plan.nexts = [self.asked(k, vars) for k, vars in zip(plan.nexts, plan.trial, strict=True)]
                same = [settled(k) for k in plan.nexts] == [settled(k) for k in kinds]
                if same and not cast:
                    return self.settle(result[0]), result[1], result[2]
            del self.b.stack[-1][mark:]
            self.facts = facts
            new = list(plan.nexts) if result is not None else kinds
            kinds = new if new != kinds and attempt < 3 else [settled(k) for k in new]
        raise AssertionError("the kinds of a loop's state do not settle")

    def asked(self, kind: str, vars: Sequence[Var]) -> str:
        """A literal state that stays one takes the width that the body has asked for."""
        for v in vars:
            if kind.endswith("?") and v in self.casts:
                kind = wider(kind, self.casts[v]) or kind
        return kind

    def loop_levels(
        self, gens: sx.Gens | None, cond: Callable[[Env, Value], Atom] | None, start: Value, plan: Plan, env: Env,
        step: Inner, span: Span,
    ) -> tuple[Value, list[Value], Atom | None]:
        """One core loop for each generator; the state goes through all of them."""
        every = gens.gens if gens is not None else ()
        if len(every) > 1 and cond is not None:
            self.not_yet("while with several generators", span, "nest two loops")
        filter_ = gens.cond if gens is not None else None
        pairs_seen: list[list[tuple[str, Value]]] = []

        def last(scope: Env, state: Value) -> tuple[Value, Pairs]:
            if filter_ is None:
                return step(scope, state)
            c = self.condition(self.elaborate(filter_, scope), filter_.span)

            def then() -> Value:
                v, pairs = step(scope, state)
                if pairs:
                    self.not_yet("a filter in a loop with into", filter_.span)
                return v

            return self.cond(c, then, lambda: state, span, "the loop's state"), ()

        def level(k: int, scope: Env, state: Value) -> tuple[Value, Pairs]:
            if k == len(every):
                return last(scope, state)
            modes: list[str] = []

            def inner(s: Env, v: Value) -> tuple[Value, Pairs]:
                nv, pairs = level(k + 1, s, v)
                modes.extend(m for m, _ in pairs)
                return nv, pairs

            final, outs, _ = self.one_level(every[k], None, state, plan, scope, inner, span)
            return final, list(zip(modes, outs, strict=True))

        if not every or cond is not None:
            return self.one_level(every[0] if every else None, cond, start, plan, env, last, span)
        final, found = level(0, env, start)
        pairs_seen.append(list(found))
        return final, [v for _, v in found], None

    def one_level(
        self, gen: Gen | None, cond: Callable[[Env, Value], Atom] | None, start: Value, plan: Plan, env: Env,
        step: Inner, span: Span,
    ) -> tuple[Value, list[Value], Atom | None]:
        if gen is None:
            head = Head(Var("i", Scalar("i64"), nonneg=True), None, lambda scope: None)
        else:
            head = self.open(gen, env)
        hidden, hidden_inits, vars, state = self.state_vars(start, plan)
        top = None
        if cond is not None:
            def check() -> Sequence[Atom]:
                scope = Env(env)
                head.bind(scope)
                return [cond(scope, state)]
            top = self.guarded(check)
        pairs: list[tuple[str, Value]] = []

        def fill() -> Sequence[Atom]:
            scope = Env(env)
            head.bind(scope)
            value, found = step(scope, state)
            pairs.extend(found)
            nexts = self.next_state(state, value, plan, span)
            sizes = [x.atom.type.shape[a] for x, flags in zip(leaves(nexts), plan.open, strict=True)
                     for a, flag in enumerate(flags) if flag]
            return [*sizes, *(x.atom for x in leaves(nexts)), *(x.atom for _, v in pairs for x in leaves(v))]

        block = self.guarded(fill) if cond is not None else self.region(fill)
        extent = None if gen is None else self.close(head, block, span)
        self.check_state(state, block, plan, head, [*hidden, *vars], span)
        self.check_cells(pairs, block, [head.index, *hidden, *vars], span)
        self.nonneg_cells(pairs)
        if extent is not None and any(m == "build" for m, _ in pairs):
            self.nonneg_extent(extent)
        if extent is not None and cond is None:
            for m, _ in pairs:
                if m in ("max", "min", "argmax", "argmin"):
                    self.nonempty(extent, m)
        modes = tuple(m for m, v in pairs for _ in leaves(v))
        inits = (*hidden_inits, *(x.atom for x in leaves(start)))
        loop = Loop(head.index, extent, (*hidden, *vars), inits, top, block, modes, head.down)
        results = list(self.b.emit_loop(loop))
        for v in results[:len(hidden)]:
            v.nonneg = True
            self.unknown.add(v)
        n = len(hidden) + len(vars)
        final = rebuild(state, results[len(hidden):n])
        trip = results[-1] if top is not None else None
        if trip is not None:
            self.unknown.add(trip)
        length = trip if trip is not None else extent
        outs = self.out_values(pairs, length if length is not None else integer(0), results[n:])
        return final, outs, trip

    def state_vars(self, start: Value, plan: Plan) -> tuple[list[Var], list[Atom], list[Var], Value]:
        """Variables for the state; sizes that may change are states of their own before it."""
        hidden: list[Var] = []
        inits: list[Atom] = []
        vars: list[Var] = []
        for x, flags, kind, trial in zip(leaves(start), plan.open, plan.kinds, plan.trial, strict=True):
            shape: list[Atom] = []
            for s, flag in zip(x.shape, flags, strict=True):
                if flag:
                    h = Var("size", Scalar("i64"), nonneg=True)
                    self.unknown.add(h)
                    hidden.append(h)
                    inits.append(s)
                    shape.append(h)
                else:
                    shape.append(s)
            v = Var("s", array_type(x.kind, shape))
            if kind.endswith("?"):
                self.trial_vars.add(v)
                trial.append(v)
            vars.append(v)
        return hidden, inits, vars, rebuild(start, vars)

    def next_state(self, state: Value, value: Value, plan: Plan, span: Span) -> Value:
        """The step's value at the state's kinds; notes in `plan.nexts` what literal states should be."""
        self.same_structure(state, value, span, "the loop's state and its step")
        before, plan.nexts = plan.nexts or plan.kinds, []
        for x, y, kind, old in zip(leaves(state), leaves(value), plan.kinds, before, strict=True):
            joined = wider(kind, y.flex_kind)
            fits = joined == kind if not kind.endswith("?") else joined is not None
            if fits and not kind.endswith("?") and not y.flex and y.flex_kind != kind:
                fits = False
            if not fits:
                self.type_error("DV0316", f"the loop's state is {vs.show_type(x)} at first, {vs.show_type(y)} after a "
                                "step", span)
            assert joined is not None
            plan.nexts.append(wider(joined, old) or joined)
        it = iter(plan.nexts)
        kinds = iter(plan.kinds)

        def coerce(y: Leaf) -> Leaf:
            want, kind = next(it), next(kinds)
            return self.to_kind(y, kind) if settled(want) == settled(kind) or y.flex else y

        return map_leaves(value, coerce)

    def check_state(self, state: Value, block: Block, plan: Plan, head: Head, vars: Sequence[Var], span: Span) -> None:
        n = len(vars) - sum(1 for _ in leaves(state))
        nexts = block.results[n:]
        inner: set[Var] | None = None
        for x, y, flags in zip(leaves(state), nexts, plan.open, strict=False):
            for s, t, flag in zip(x.shape, y.type.shape, flags, strict=True):
                if flag or self.same(s, t):
                    continue
                inner = self.defined_in(block, head.index, *vars) if inner is None else inner
                shown = "_" if self.escapes(t, inner) else repr(poly_of(t))
                wild = ", ".join("_" for _ in flags)
                raise SizeError("DV0316", f"the loop's state has size {poly_of(s)!r} at first, {shown} after a step",
                                span, help=f"if it may change, say so: loop v: {x.kind}[{wild}] = …")


def open_axes(t: ty.Type) -> list[tuple[bool, ...]]:
    """For each leaf of a type, which of its axes are written `_` (open sizes of records keep)."""
    match t:
        case ty.ArrayT(elem, sizes):
            front = tuple(s is None for s in sizes)
            return [(*front, *rest) for rest in open_axes(elem)]
        case ty.TupleT(items) | ty.AnonT(_, items):
            return [a for i in items for a in open_axes(i)]
    return [(False,) * leaf.rank for leaf in ty.leaves(t)]


