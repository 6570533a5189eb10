"""Core loops with states: of any structure, of literals, of unknown sizes; steps that are looked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..compiler.build import array_type
from ..compiler.errors import Error, SizeError, Span
from ..compiler.ir import Atom, Block, Const, If, Loop, Scalar, Var, integer
from ..compiler.sizes import poly_of
from . import syntax as sx
from . import types as ty
from . import values as vs
from .elab_gens import Gen, Generators, Head, Pairs
from .elab_values import settled, wider
from .values import Env, Leaf, TupleV, Value, leaves, map_leaves, rebuild

YES, NO = Const(True, "bool"), Const(False, "bool")


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
Test = Callable[[Env, Value], Atom]


class Loops(Generators):
    def run_loop(
        self, init: Value, open_: list[tuple[bool, ...]] | None, gens: sx.Gens | None,
        cond: Test | None, env: Env, step: Inner, span: Span,
    ) -> tuple[Value, list[Value], Atom | None]:
        """The loop, in rounds until the kinds of literal states are found."""
        leaf_list = list(leaves(init))
        kinds = [x.flex_kind for x in leaf_list]
        axes = open_ if open_ is not None else open_axes(vs.type_of(init))
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
        self, gens: sx.Gens | None, cond: Test | None, start: Value, plan: Plan, env: Env,
        step: Inner, span: Span,
    ) -> tuple[Value, list[Value], Atom | None]:
        """One core loop for each generator; the state goes through all of them."""
        every = gens.gens if gens is not None else ()
        filter_ = gens.cond if gens is not None else None

        def last(scope: Env, state: Value) -> tuple[Value, Pairs]:
            if filter_ is None:
                return step(scope, state)
            c = self.condition(self.elaborate(filter_, scope), filter_.span)
            return self.cond(c, lambda: step(scope, state)[0], lambda: state, span, "the loop's state"), ()

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
        return final, [v for _, v in found], None

    def one_level(
        self, gen: Gen | None, cond: Test | None, start: Value, plan: Plan, env: Env,
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
        self.nonneg_cells(pairs, block)
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

    # ------------------------------------------------ steps that are looked for

    def run_steps(
        self, init: Value, open_: list[tuple[bool, ...]] | None, gens: sx.Gens, cond: Test | None, env: Env,
        step: Inner, span: Span,
    ) -> tuple[Value, list[Value], Atom | None]:
        """Generators whose steps can't be numbered beforehand, as one core loop: its state is the place of each
        generator and whether there is a step there; each step looks for the next one that the filter keeps."""
        def once(scope: Env) -> Value:
            if cond is not None:
                cond(Env(scope), init)
            return step(Env(scope), init)[0]

        opened = self.opener(once, gens, env, span)
        first = opened(0, env)
        n = len(gens.gens)

        def level(k: int, scope: Env) -> Head:
            return opened(k, scope) if k else first

        def found(places: Sequence[Atom]) -> Value:
            *at, have = self.seek(gens.cond, level, env, places)
            return TupleV((TupleV(tuple(map(Leaf, at))), Leaf(have)))

        def here(scope: Env, where: Value) -> tuple[Env, list[Atom], Atom]:
            *places, have = (x.atom for x in leaves(where))
            for k, place in enumerate(places):
                scope = self.bound_at(level(k, scope), scope, place, steps=True)
            return scope, places, have

        def test(scope: Env, state: Value) -> Atom:
            assert isinstance(state, TupleV)
            where, inner = state.items
            *_, have = (x.atom for x in leaves(where))
            if cond is None:
                return have
            return self.choose(have, lambda: [cond(here(scope, where)[0], inner)], lambda: [NO])[0]

        modes: list[str] = []

        def body(scope: Env, state: Value) -> tuple[Value, Pairs]:
            assert isinstance(state, TupleV)
            where, inner = state.items
            scope, places, _ = here(scope, where)
            after, pairs = step(scope, inner)
            modes[:] = [m for m, _ in pairs]
            places[-1] = self.b.prim("add", places[-1], integer(1))
            return TupleV((found(places), after)), pairs

        start = TupleV((found([integer(0)] * n), init))
        state, outs, trip = self.run_loop(
            start, None if open_ is None else [()] * (n + 1) + open_, None, test, env, body, span)
        assert isinstance(state, TupleV)
        if all(runs_down(g) for g in gens.gens):
            outs = [self.backwards(v) if m == "build" else v for m, v in zip(modes, outs, strict=True)]
        return state.items[1], outs, trip if cond is not None else None

    def seek(self, filter_: sx.Expr | None, level: Callable[[int, Env], Head], env: Env, start: Sequence[Atom]
             ) -> Sequence[Atom]:
        """The first places from `start` on where all generators have an element that the filter keeps, and whether
        there are any."""
        one = integer(1)
        places = [Var("at", Scalar("i64"), nonneg=True) for _ in start]
        searching, have = Var("searching", Scalar("bool")), Var("found", Scalar("bool"))

        def onward(k: int) -> list[Atom]:
            """To the next element of generator k, and the first ones behind it."""
            return [*places[:k], self.b.prim("add", places[k], one), *[integer(0)] * (len(places) - k - 1), YES, NO]

        def go(k: int, scope: Env) -> Sequence[Atom]:
            if k == len(places):
                if filter_ is None:
                    return [*places, NO, YES]
                c = self.condition(self.elaborate(filter_, scope), filter_.span)
                return self.choose(c, lambda: [*places, NO, YES], lambda: onward(k - 1))
            head = level(k, scope)
            assert head.extent is not None
            return self.choose(
                self.b.prim("lt", places[k], head.extent),
                lambda: go(k + 1, self.bound_at(head, scope, places[k], steps=True)),
                lambda: onward(k - 1) if k else [*places, NO, NO])

        block = self.guarded(lambda: go(0, env))
        states = (*places, searching, have)
        core = Loop(Var("i", Scalar("i64"), nonneg=True), None, states, (*start, YES, NO), Block((), (searching,)),
                    block, ())
        results = self.b.emit_loop(core)
        return [*results[:len(places)], results[len(places) + 1]]

    def choose(self, c: Atom, then: Callable[[], Sequence[Atom]], orelse: Callable[[], Sequence[Atom]]) -> Sequence[Atom]:
        return self.b.emit_if(If(c, self.guarded(then), self.guarded(orelse)))

    def backwards(self, v: Value) -> Value:
        (n, *_) = vs.axes_of(v)
        last = self.fold("sub", n, integer(1))
        return self.build([n], lambda idx: self.index_value(v, [self.b.prim("sub", last, idx[0])], safe=True))

    # ------------------------------------------------ the state

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
                name = x.atom.name if x.atom in self.named and isinstance(x.atom, Var) else None
                want = settled(joined or y.flex_kind)
                wider_ = want != settled(kind) and "bool" not in (want, kind)
                self.type_error("DV0316", f"{name or 'the state'} is {vs.show_type(x)} at first, {vs.show_type(y)} after a step of the loop", span,
                                help=f"let {'its elements' if x.shape else 'it'} begin as {want}({name or '…'})" if wider_ else None)
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
                escapes = self.escapes(t, inner)
                if not escapes and not self.sure_to_differ(poly_of(s), poly_of(t)):
                    self.equate(poly_of(s), poly_of(t), span, "the loop's state keeps its size",
                                names=("the first one", "the one after a step"))
                    continue
                shown = "_" if escapes else repr(poly_of(t))
                wild = ", ".join("_" for _ in flags)
                raise SizeError("DV0316", f"the loop's state has size {poly_of(s)!r} at first, {shown} after a step",
                                span, help=f"if it may change, say so: loop {_state_type(state, x, wild)} = …")


def _state_type(state: Value, x: Leaf, wild: str) -> str:
    """`v: f64[_]`: the state with the type that lets the axes of this leaf of it change."""
    name = x.atom.name if isinstance(x.atom, Var) else "v"
    return f"{name}: {x.kind}[{wild}]" if state is x else f"(…, {name}, …): (…, {x.kind}[{wild}], …)"


def runs_down(gen: Gen) -> bool:
    return isinstance(gen, sx.GenBelow) and gen.down


def open_axes(t: ty.Type, keep: bool = False) -> list[tuple[bool, ...]]:
    """For each leaf of a type, which of its axes are written `_`; `keep`: those of a record's fields are not meant.

    The sizes in a sum's payload may change with the value, so they are open unless they are numbers.
    """
    match t:
        case ty.ArrayT(elem, sizes):
            front = tuple(s is None and not keep for s in sizes)
            return [(*front, *rest) for rest in open_axes(elem, keep)]
        case ty.TupleT(items) | ty.AnonT(_, items):
            return [a for i in items for a in open_axes(i, keep)]
        case ty.RecordT():
            return [a for _, i in t.fields for a in open_axes(i, True)]
        case ty.SumT(decl):
            return [(), *(a for _, payload in decl.ctors for p in payload for a in open_payload(p))]
    return [()]


def open_payload(t: ty.Type) -> list[tuple[bool, ...]]:
    return [tuple(s is None for s in leaf.sizes) for leaf in ty.leaves(t)]
