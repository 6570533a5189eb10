"""`for … into` and `loop`: modes, filters, which loops of the core they become."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..compiler.errors import Span
from ..compiler.ir import Atom
from . import syntax as sx
from . import values as vs
from .elab_base import did_you_mean
from .elab_gens import Pairs, depends
from .elab_loops import Inner, Loops, Test, open_axes, runs_down
from .elab_types import Match, Signature
from .elab_values import settled, wider
from .values import Env, Leaf, TupleV, Value

PLAIN = {"array": "build", "sum": "sum", "prod": "prod", "max": "max", "min": "min", "any": "any", "all": "all",
         "argmax": "argmax", "argmin": "argmin", "count": "count", "steps": "steps", "build": "build"}
EXTREMES = frozenset(["max", "min", "argmax", "argmin"])
NO_UNIT = EXTREMES | {"array", "build"}
ORDERED = frozenset(["array", "build", "scan", "argmax", "argmin"])
MONOIDS = frozenset(["reduce", "scan"])
KEPT, ONE_KEPT = "the values that a filter keeps", "one of them"  # names that no program can write


@dataclass(frozen=True, eq=False)
class Mode:
    """How one value of a step is collected: a word, `reduce(op, unit)`, `scan(op, unit)` or `accumulate(base)`.

    `late`: the values are collected first and reduced behind the loop.
    """

    word: str
    span: Span
    op: Value | None = None
    base: Value | None = None
    late: bool = False


class Into(Loops):
    # ------------------------------------------------ modes

    def mode(self, e: sx.Expr, env: Env) -> Mode:
        match e:
            case sx.Paren(_, inner):
                return self.mode(inner, env)
            case sx.Name(span, name) if name in PLAIN:
                return Mode(name, span)
            case sx.Call(span, sx.Name(_, word), args, None) if word in MONOIDS and len(args) == 2:
                op, unit = (self.elaborate(a.value, env) for a in args)
                names = op.params() if isinstance(op, vs.FnV) else ()
                if names is not None and len(names) != 2:
                    self.type_error("DV0303", f"{word}: op must be a function of two parameters", span)
                return Mode(word, span, op, unit)
            case sx.Call(span, sx.Name(_, "accumulate"), args, None) if len(args) == 1:
                return Mode("accumulate", span, None, self.elaborate(args[0].value, env))
        modes = [m for m in PLAIN if m != "build"]
        help = did_you_mean(e.id, modes) if isinstance(e, sx.Name) else None
        self.type_error("DV0306", f"a mode is one of {', '.join(modes)}, reduce(op, unit), scan(op, unit) or "
                        "accumulate(base)", e.span, help=help)

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
        return "build" if mode.late else PLAIN[mode.word], v

    def modes(self, into: Sequence[sx.Expr] | None, gens: sx.Gens | None, cond: sx.Expr | None, env: Env
              ) -> tuple[list[Mode], bool]:
        """The modes, and whether the steps have to be looked for one by one (`run_steps`)."""
        modes = [self.mode(m, env) for m in into or ()]
        words = {m.word for m in modes}
        several, filtered = gens is not None and len(gens.gens) > 1, gens is not None and gens.cond is not None
        if cond is not None:
            one_by_one = several or filtered
        elif filtered:
            one_by_one = bool(modes)
        else:
            one_by_one = gens is not None and bool(words & EXTREMES) and not words & {"array", "build", "scan"} \
                and depends(gens)
        if one_by_one and gens is not None and words & ORDERED and len(set(map(runs_down, gens.gens))) > 1:
            self.not_yet("the order of what a loop collects whose generators run both ways, with a filter or while",
                         gens.span, "nest two loops")
        late = EXTREMES if one_by_one or cond is not None else {"argmax", "argmin"} if several else ()
        return [replace(m, late=m.word in late) for m in modes], one_by_one

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
        modes, one_by_one = self.modes(e.into, e.gens, None, env)
        if any(m.word in MONOIDS for m in modes):
            return self.for_monoids(e, env, modes, one_by_one)
        if one_by_one and any(m.word in NO_UNIT for m in modes):
            return self.for_kept(e, env)

        def inner(scope: Env) -> Pairs:
            return self.step_pairs(modes, self.elaborate(e.body, scope), e.body.span)

        found = self.nest(e.gens, env, inner, e.span)
        results = [self.finished(m, v, e.span) for m, v in zip(modes, found, strict=True)]
        return results[0] if len(results) == 1 else TupleV(tuple(results))

    def for_kept(self, e: sx.For, env: Env) -> Value:
        """A mode that has no unit for steps that are not there: first the values of all steps, then a loop over these."""
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

    def finished(self, mode: Mode, v: Value, span: Span) -> Value:
        """The result of a mode from what the loop gives."""
        if mode.late:
            assert isinstance(v, Leaf)
            return self.reduce_array(mode.word, v)
        if mode.word != "accumulate":
            return v
        assert isinstance(mode.base, Leaf) and isinstance(v, Leaf)
        return Leaf(self.b.plus(self.to_kind(mode.base, v.kind).atom, v.atom))

    def for_monoids(self, e: sx.For, env: Env, modes: Sequence[Mode], one_by_one: bool) -> Value:
        """`reduce` or `scan` among the modes: a state that runs along."""
        def step(scope: Env, state: Value) -> tuple[Value, Pairs]:
            v = self.elaborate(e.body, scope)
            items = v.items if len(modes) > 1 and isinstance(v, TupleV) else (v,)
            if len(items) != len(modes):
                self.type_error("DV0306", f"{len(modes)} modes take a tuple of {len(modes)}", e.body.span)
            assert isinstance(state, TupleV)
            nexts, pairs = self.along(modes, items, state.items, e.body.span)
            return TupleV(nexts), pairs

        run = self.run_steps if one_by_one else self.run_loop
        state, outs, _ = run(TupleV(units(modes)), None, e.gens, None, env, step, e.span)
        assert isinstance(state, TupleV)
        results = self.gathered(modes, state.items, outs, None, e.span)
        return results[0] if len(results) == 1 else TupleV(tuple(results))

    def along(self, modes: Sequence[Mode], items: Sequence[Value], states: Sequence[Value], span: Span
              ) -> tuple[tuple[Value, ...], Pairs]:
        """The next states of the monoids among the modes, and what the step gives to collect."""
        before = iter(states)
        nexts: list[Value] = []
        pairs: list[tuple[str, Value]] = []
        for m, x in zip(modes, items, strict=True):
            if m.word in MONOIDS:
                assert m.op is not None
                nexts.append(self.apply(m.op, [next(before), x], m.span))
                if m.word == "scan":
                    pairs.append(("build", nexts[-1]))
            elif m.word != "steps":
                pairs.append(self.pair(m, x, span))
        return tuple(nexts), pairs

    def gathered(self, modes: Sequence[Mode], states: Sequence[Value], outs: Sequence[Value], trip: Atom | None,
                 span: Span) -> list[Value]:
        """The result of each mode."""
        last, others = iter(states), iter(outs)
        results: list[Value] = []
        for m in modes:
            if m.word == "steps":
                if trip is None:
                    self.type_error("DV0306", "steps counts the steps of a while", m.span)
                results.append(Leaf(trip))
                continue
            state = next(last) if m.word in MONOIDS else None
            results.append(state if m.word == "reduce" and state is not None else self.finished(m, next(others), span))
        return results

    # ------------------------------------------------ loop

    def loop(self, e: sx.Loop, env: Env) -> Value:
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
        modes, one_by_one = self.modes(e.into, e.gens, e.cond, env)
        more = units(modes)  # run along behind the state
        if more:
            open_ = [*(open_ or open_axes(vs.type_of(init))), *open_axes(vs.type_of(TupleV(more)))]

        def split(state: Value) -> tuple[Value, Sequence[Value]]:
            return (state.items[0], state.items[1:]) if more and isinstance(state, TupleV) else (state, ())

        def step(scope: Env, state: Value) -> tuple[Value, Pairs]:
            own, states = split(state)
            before = set(scope.names)
            self.bind_pattern(e.pattern, own, scope)
            for name in scope.names.keys() - before:
                self.name_leaves(name, scope.names[name])
            v = self.elaborate(e.body, scope)
            if not modes:
                return v, ()
            if not isinstance(v, TupleV) or len(v.items) != len(modes) + 1:
                self.type_error("DV0306", f"this loop's step gives (state, {', '.join(m.word for m in modes)}), "
                                f"not {vs.show_type(v)}", e.body.span)
            nexts, pairs = self.along(modes, v.items[1:], states, e.body.span)
            return TupleV((v.items[0], *nexts)) if more else v.items[0], pairs

        def cond(scope: Env, state: Value) -> Atom:
            assert e.cond is not None
            self.bind_pattern(e.pattern, split(state)[0], scope)
            with self.at(e.cond.span):
                return self.condition(self.elaborate(e.cond, scope), e.cond.span)

        test = cond if e.cond is not None else None
        plain = e.type is None and all(m.word == "array" for m in modes) and (test is None or not modes)
        scopes = self.unrolled(e.gens, env) if plain else None
        if scopes is not None:
            return self.run_items(init, scopes, test, step, e.span)
        start = TupleV((init, *more)) if more else init
        if one_by_one:
            assert e.gens is not None
            state, outs, trip = self.run_steps(start, open_, e.gens, test, env, step, e.span)
        else:
            state, outs, trip = self.run_loop(start, open_, e.gens, test, env, step, e.span)
        final, states = split(state)
        if not modes:
            return final
        return TupleV((final, *self.gathered(modes, states, outs, trip, e.span)))

    def run_items(self, state: Value, scopes: Sequence[Env], test: Test | None, step: Inner, span: Span) -> Value:
        """A loop over the items of a tuple, step by step: the state may have other types and sizes after each."""
        given: list[Pairs] = []
        for scope in scopes:
            if test is None:
                state, pairs = step(scope, state)
                given.append(pairs)
                continue

            def onward(scope: Env = scope, state: Value = state) -> Value:
                return step(scope, state)[0]

            def stay(state: Value = state) -> Value:
                return state

            state = self.cond(test(Env(scope), state), onward, stay, span, "the loop's state")
        columns = [self.array_of_values([v for _, v in column], span) for column in zip(*given, strict=True)]
        return TupleV((state, *columns)) if columns else state


def units(modes: Sequence[Mode]) -> tuple[Value, ...]:
    """Those of the monoids among the modes."""
    return tuple(m.base for m in modes if m.word in MONOIDS and m.base is not None)
