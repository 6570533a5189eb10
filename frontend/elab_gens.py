"""Generators: comprehensions, reductions of generators, bounds of bare generators, filters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..compiler.build import array_type
from ..compiler.errors import BoundsError, Label, SizeError, Span
from ..compiler.ir import Assert, Atom, Block, Const, Loop, Scalar, Update, Var, integer
from ..compiler.sizes import Opaque, Poly, nonneg, number, of_factor, poly_of
from . import syntax as sx
from . import values as vs
from .elab_calls import Calls
from .names import pattern_names
from .values import BareIndex, Env, GenArg, Leaf, TupleV, Value, leaves, map_leaves

Gen = sx.GenBare | sx.GenBelow | sx.GenRange | sx.GenIn
Pairs = Sequence[tuple[str, Value]]
UNITS: dict[str, int | bool] = {"sum": 0, "prod": 1, "any": False, "all": True}
ITEMS, ONE_ITEM = "what the items of a tuple give", "what one of them gives"  # names that no program can write


@dataclass(eq=False)
class Head:
    """A generator that has been opened: its core index and how its names are bound inside."""

    index: Var
    extent: Atom | None
    bind: Callable[[Env], None]
    bare: BareIndex | None = None
    down: bool = False


class Generators(Calls):
    # ------------------------------------------------ one generator

    def open(self, gen: Gen, env: Env) -> Head:
        """Evaluates a generator's bound; the index of a bare one gets its extent after the body."""
        match gen:
            case sx.GenBare(span, name):
                i = Var(name, Scalar("i64"), nonneg=True)
                known = BareIndex(name, span, i, Leaf(i))
                self.bare[i] = known
                return Head(i, None, lambda scope: scope.names.__setitem__(name, known.value), known)
            case sx.GenBelow(span, name, bound, down):
                n = self.integer_of(bound, env, "the bound")
                self.may_be_empty(n)
                i = Var(name if name != "_" else "i", Scalar("i64"), extent=n, nonneg=True)
                here = BareIndex(name, span, i, Leaf(i))
                self.below[i] = here
                return Head(i, n, lambda scope: scope.names.__setitem__(name, here.value), None, down)
            case sx.GenRange(span, name, lo, hi, step):
                return self.open_range(name, lo, hi, step, env, span)
            case sx.GenIn(span, pattern, value):
                v = self.elaborate(value, env)
                axes = vs.axes_of(v)
                if not axes:
                    counted = pattern.id if isinstance(pattern, sx.PName) else "i"
                    help = f"write `{counted} < {value.span.text('n')}`" if isinstance(v, Leaf) and v.kind == "i64" else \
                        "a tuple is gone over alone, without a filter: write one loop for it" if isinstance(v, TupleV) else None
                    self.type_error("DV0301", f"in goes over the elements of an array, this is {vs.show_type(v)}",
                                    value.span, help=help)
                i = Var("i", Scalar("i64"), extent=axes[0], nonneg=True)
                return Head(i, axes[0], lambda scope: self.bind_pattern(
                    pattern, self.index_value(v, [i], safe=True), scope))
        raise AssertionError(gen)

    def open_range(self, name: str, lo: sx.Expr, hi: sx.Expr, step: sx.Expr | None, env: Env, span: Span) -> Head:
        a, b = self.integer_of(lo, env, "the lower end"), self.integer_of(hi, env, "the upper end")
        n = self.fold("sub", b, a)
        by: Atom = integer(1)
        if step is not None:
            by = self.integer_of(step, env, "the step")
            if not isinstance(by, Const) or by.value <= 0:
                if isinstance(by, Const):
                    self.type_error("DV0301", "a step must be positive; for a descending loop write i < n down",
                                    step.span)
                with self.at(step.span):
                    self.b.assert_(self.b.prim("gt", by, integer(0)), "DV0520", "the step {0} is not positive", by)
            n = self.b.prim("floordiv", self.fold("add", n, self.fold("sub", by, integer(1))), by)
        self.may_be_empty(n)
        i = Var(f"{name}0" if name != "_" else "i", Scalar("i64"), extent=n, nonneg=True)

        def bind(scope: Env) -> None:
            scaled: Atom = i if by == integer(1) else self.b.prim("mul", by, i)
            scope.names[name] = Leaf(self.fold("add", a, scaled))

        return Head(i, n, bind)

    def may_be_empty(self, extent: Atom) -> None:
        """A range that depends on an index around it may be empty at the ends of that one, and so is a guard."""
        for v in poly_of(extent).vars():
            self.below.pop(v, None)

    def integer_of(self, e: sx.Expr, env: Env, what: str) -> Atom:
        with self.at(e.span):
            return self.scalar(self.elaborate(e, env), "i64", what, e.span)

    def close(self, head: Head, block: Block, span: Span) -> Atom:
        """The extent; a bare generator's is found here, from where its index stood in the body."""
        i = head.index
        self.below.pop(i, None)
        if head.bare is None:
            assert head.extent is not None
            return head.extent
        del self.bare[i]
        if not head.bare.uses:
            offsets = [f"{i.name} {sign(c)}" for p, _, _ in head.bare.offsets
                       if (c := (p - of_factor(i)).constant) is not None]
            note = f"it stands nowhere alone as an index (only as {', '.join(dict.fromkeys(offsets))})" if offsets \
                else "it stands nowhere as an index"
            raise SizeError("DV0314", f"nothing fixes the bound of {i.name}: {note}", head.bare.span,
                            help=f"write `{i.name} < …`")
        inner = self.defined_in(block, i)
        first, at = head.bare.uses[0]
        p = poly_of(first)
        if any(v in inner for v in p.vars()):
            raise SizeError("DV0314", f"the bound of {i.name} depends on the body: the size {p!r}", at,
                            help="bind the array with let before the comprehension, or write the bound")
        for other, there in head.bare.uses[1:]:
            q = poly_of(other)
            if not self.same_poly(p, q):
                if any(v in inner for v in q.vars()):
                    raise SizeError("DV0314", f"the bound of {i.name} depends on the body: the size {q!r}", there,
                                    help="bind the array with let before the comprehension, or write the bound")
                raise SizeError(
                    "DV0312", f"{i.name} runs over sizes {p!r} and {q!r}, which nothing makes equal", there,
                    labels=[Label(at, f"this axis has size {p!r}")],
                    help=f"give both the same name in the signature, or write the bound: {i.name} < …")
        extent = self.atom(p)
        i.extent = extent
        self.check_offsets(i, head.bare.offsets, p)
        return extent

    def check_offsets(self, i: Var, offsets: Sequence[tuple[Poly, Atom, Span]], extent: Poly) -> None:
        """`a[i + c]` that can never be inside at one end of the range."""
        for p, size, span in offsets:
            c = (p - of_factor(i)).constant
            if c is None:
                continue
            over = (self.norm(extent) - number(1) + number(c) - self.norm(poly_of(size))).constant
            if c < 0 or (over is not None and over >= 0):
                end = "end" if c > 0 or (over is not None and over >= 0) else "beginning"
                what = f"{i.name} {sign(c)}" if c else i.name
                help = f"give the bound: {i.name} < {(poly_of(size) - number(c))!r}" if end == "end" else \
                    f"begin later: {i.name} in {-c} .. {extent!r}"
                raise BoundsError("DV0315", f"{i.name} runs from 0 to {(extent - number(1))!r}, so {what} is outside "
                                  f"at the {end}", span, help=help)

    def emit_gen(self, head: Head, env: Env, inner: Callable[[Env], Pairs], span: Span, array: bool) -> list[Value]:
        """One loop without state: `inner` gives (mode, value) pairs."""
        pairs: list[tuple[str, Value]] = []

        def fill() -> Sequence[Atom]:
            scope = Env(env)
            head.bind(scope)
            pairs.extend(inner(scope))
            return [x.atom for _, v in pairs for x in leaves(v)]

        block = self.region(fill)
        extent = self.close(head, block, span)
        return self.emit_pairs(head, extent, block, pairs, span, array)

    def emit_pairs(self, head: Head, extent: Atom, block: Block, pairs: Pairs, span: Span, array: bool) -> list[Value]:
        self.check_cells(pairs, block, [head.index], span)
        self.nonneg_cells(pairs, block)
        if array or any(m == "build" for m, _ in pairs):
            self.nonneg_extent(extent)
        for m, _ in pairs:
            if m in ("max", "min", "argmax", "argmin"):
                self.nonempty(extent, m)
        modes = tuple(m for m, v in pairs for _ in leaves(v))
        outs = list(self.b.emit_loop(Loop(head.index, extent, (), (), None, block, modes, head.down)))
        return self.out_values(pairs, extent, outs)

    def out_values(self, pairs: Pairs, extent: Atom, outs: list[Var]) -> list[Value]:
        """The results of a loop's outs, as values."""
        results: list[Value] = []
        at = 0
        for m, v in pairs:
            n = sum(1 for _ in leaves(v))
            mine = outs[at:at + n]
            at += n
            if m == "build":
                results.append(self.collected(v, (extent,), mine))
            elif m in ("argmax", "argmin"):
                results.append(Leaf(mine[0]))
            else:
                results.append(vs.rebuild(v, mine))
        return results

    def check_cells(self, pairs: Pairs, block: Block, vars: Sequence[Var], span: Span) -> None:
        """Only what may be an element, and no sizes that differ from element to element."""
        for _, v in pairs:
            self.check_element(v, span)
        self.not_ragged([v for _, v in pairs], block, vars, span)

    def nonneg_cells(self, pairs: Pairs, block: Block) -> None:
        """The sizes of what a loop collects are checked before it: it may not run, and its result has them."""
        for p in dict.fromkeys(poly_of(s) for _, v in pairs for x in leaves(v) for s in x.shape):
            self.positive_steps(p, block)
            if not nonneg(self.norm(p)) and not self.checked(p):
                self.nonneg_extent(self.atom(p))

    def positive_steps(self, p: Poly, block: Block) -> None:
        """The size divides by the steps of ranges inside: what the block asserts of them is asserted before it."""
        divisors = {f.right for f in p.factors() if isinstance(f, Opaque)}
        for s in block.stmts:
            match s.op:
                case Assert(_, "DV0520", message, (by,)) if (step := poly_of(by)) in divisors:
                    if not self.checked(step - number(1)):
                        with self.b.at(s.prov):
                            a = self.atom(step)
                            self.b.assert_(self.b.prim("gt", a, integer(0)), "DV0520", message, a)

    # ------------------------------------------------ the items of tuples

    def array_of_values(self, items: Sequence[Value], span: Span) -> Value:
        raise NotImplementedError

    def unrolled(self, gens: sx.Gens | None, env: Env) -> list[Env] | None:
        """A scope for each item where a generator goes over a tuple, or over the numbers of its items: they may be of
        different types, so each has a step of its own.  None for all other generators, and those with a filter (but
        `false`, which asks for zeros of a type)."""
        if gens is None or len(gens.gens) != 1 or not (gens.cond is None or is_never(gens)):
            return None
        match gens.gens[0]:
            case sx.GenIn(_, pattern, value) if isinstance(whole := self.structure(value, env), TupleV):
                scopes = [Env(env) for _ in whole.items]
                for scope, item in zip(scopes, whole.items, strict=True):
                    self.bind_pattern(pattern, item, scope)
                return scopes
            case sx.GenBelow(_, name, bound, False) if self.counts_items(bound, env):
                n = self.elaborate(bound, env)
                if isinstance(n, Leaf) and isinstance(n.atom, Const):
                    return [Env(env, {name: Leaf(integer(k))}) for k in range(int(n.atom.value))]
        return None

    def counts_items(self, e: sx.Expr, env: Env) -> bool:
        """`len(t)`, `len(t) - 1` for a tuple."""
        match e:
            case sx.Call(_, sx.Name(_, "len"), [sx.Arg(_, None, value)], None):
                return isinstance(self.structure(value, env), TupleV)
            case sx.Chain(_, first, _):
                return self.counts_items(first, env)
        return False

    def structure(self, e: sx.Expr, env: Env) -> Value | None:
        """The value of a name, of a part of a tuple or record, and of what puts tuples together; None for anything else."""
        match e:
            case sx.Paren(_, inner):
                return self.structure(inner, env)
            case sx.Name(_, name):
                return env.get(name)
            case sx.Tuple():
                return self.elaborate(e, env)
            case sx.IndexE(_, base, [sx.Slice(_, lo, hi)]) if isinstance(whole := self.structure(base, env), TupleV):
                ends = [None if x is None else literal(x) for x in (lo, hi)]
                known = all(x is None or k is not None for x, k in zip((lo, hi), ends, strict=True))
                return TupleV(whole.items[ends[0]:ends[1]]) if known else None
            case sx.IndexE(_, base, _) | sx.Field(_, base, _) if isinstance(self.structure(base, env), TupleV | vs.RecordV):
                return self.elaborate(e, env)
            case sx.Call(_, sx.Name(_, "zip" | "reverse" as name), args, None) if isinstance(env.get(name), vs.Builtin):
                parts = [self.structure(a.value, env) for a in args]
                tuples = [p.items for p in parts if isinstance(p, TupleV)]
                if len(tuples) < len(parts) or len({len(t) for t in tuples}) != 1:
                    return None
                return TupleV(tuples[0][::-1] if name == "reverse" else tuple(map(TupleV, zip(*tuples, strict=True))))
        return None

    # ------------------------------------------------ whole generators

    def comprehension(self, body: Callable[[Env], Value], gens: sx.Gens, env: Env, span: Span) -> Value:
        """`[body for gens]`."""
        if gens.cond is not None:
            return self.filtered(body, gens, env, span)
        scopes = self.unrolled(gens, env)
        if scopes is not None:
            return self.array_of_values([body(scope) for scope in scopes], span)

        def go(k: int, scope: Env) -> Value:
            if k == len(gens.gens):
                return body(scope)
            head = self.open(gens.gens[k], scope)
            return self.emit_gen(head, scope, lambda inner: [("build", go(k + 1, inner))], span, True)[0]

        return go(0, env)

    def nest(self, gens: sx.Gens, env: Env, inner: Callable[[Env], Pairs], span: Span) -> list[Value]:
        """Nested loops over all generators, each out reduced over all of them (a filter gives units)."""

        def go(k: int, scope: Env) -> Pairs:
            if k == len(gens.gens):
                return inner(scope) if gens.cond is None else self.filter_pairs(gens.cond, inner, scope, span)
            head = self.open(gens.gens[k], scope)
            modes: list[str] = []

            def below(s: Env) -> Pairs:
                pairs = go(k + 1, s)
                modes.extend(m for m, _ in pairs)
                return pairs

            found = self.emit_gen(head, scope, below, span, False)
            return list(zip(modes, found, strict=True))

        return [v for _, v in go(0, env)]

    def filter_pairs(self, cond: sx.Expr, inner: Callable[[Env], Pairs], scope: Env, span: Span) -> Pairs:
        """Units where the filter does not hold."""
        c = self.condition(self.elaborate(cond, scope), cond.span)
        pairs: list[tuple[str, Value]] = []

        def then() -> Value:
            pairs.extend(inner(scope))
            return vs.TupleV(tuple(v for _, v in pairs))

        def orelse() -> Value:
            return vs.TupleV(tuple(map_leaves(v, lambda x, m=m: self.unit(x, m))  # type: ignore[misc]
                                   for m, v in pairs))

        result = self.cond(c, then, orelse, span, "the values")
        assert isinstance(result, vs.TupleV)
        return [(m, v) for (m, _), v in zip(pairs, result.items, strict=True)]

    def unit(self, x: Leaf, mode: str) -> Leaf:
        shape = [self.atom(poly_of(s)) for s in x.shape]
        return Leaf(self.b.fill(shape, Const(UNITS[mode], x.kind)), x.flex)

    def reduce_gen(self, mode: str, gen: GenArg) -> Value:
        """`mode(e for gens)`: sum prod max min any all count argmax argmin, over all generators."""
        scopes = self.unrolled(gen.gens, gen.env)
        if scopes is not None:
            if is_never(gen.gens):
                scopes = scopes[:1]
            found = self.array_of_values([self.elaborate(gen.body, scope) for scope in scopes], gen.span)
            over = sx.GenIn(gen.span, sx.PName(gen.span, ONE_ITEM), sx.Name(gen.span, ITEMS))
            gen = GenArg(sx.Name(gen.body.span, ONE_ITEM), sx.Gens(gen.span, (over,), gen.gens.cond), Env(gen.env, {ITEMS: found}), gen.span)
        def inner(scope: Env) -> Pairs:
            v = self.elaborate(gen.body, scope)
            if mode == "count":
                c = self.condition(v, gen.body.span)
                return [("sum", Leaf(self.b.prim("i64", c)))]
            if mode in ("any", "all"):
                return [(mode, Leaf(self.condition(v, gen.body.span)))]
            if vs.has_function(v):
                self.type_error("DV0317", f"{mode} takes numbers, this is a function", gen.body.span)
            bad = next((x for x in leaves(v) if x.kind == "bool"), None)
            if bad is not None or (mode != "sum" and not (isinstance(v, Leaf) and not v.rank)):
                self.type_error("DV0308", f"{mode} takes numbers, this is {vs.show_type(v)}", gen.body.span,
                                help="count(…) counts the true ones" if mode == "sum" else None)
            self.note_records("+", v)
            return [(mode, v)]

        if mode in ("max", "min", "argmax", "argmin"):
            if gen.gens.cond is not None or depends(gen.gens):
                collect = self.filtered
            elif mode.startswith("arg") and len(gen.gens.gens) > 1:
                collect = self.comprehension
            else:
                return self.nest(gen.gens, gen.env, inner, gen.span)[0]
            array = collect(lambda s: inner(s)[0][1], gen.gens, gen.env, gen.span)
            assert isinstance(array, Leaf)
            return self.reduce_array(mode, array)
        return self.nest(gen.gens, gen.env, inner, gen.span)[0]

    def reduce_array(self, mode: str, v: Leaf) -> Value:
        """A reduction over all elements of an array of scalars; the places of `argmax` in the flattened array."""
        extremes = mode in ("max", "min", "argmax", "argmin")

        def go(a: Atom) -> Atom:
            if extremes:
                self.nonempty(a.type.shape[0], mode)
            return self.b.reduce(mode, a.type.shape[0], lambda i: (
                go(self.b.index(a, i, safe=True)) if len(a.type.shape) > 1 else self.b.index(a, i, safe=True)))

        place = mode.startswith("arg")
        return Leaf(go(self.flat(v).atom if place else v.atom), v.flex and not place)

    # ------------------------------------------------ filters

    def filtered(self, body: Callable[[Env], Value], gens: sx.Gens, env: Env, span: Span) -> Value:
        """`[e for gens if c]`: counts, notes the places, gathers; flat, of unknown size."""
        opened = self.opener(body, gens, env, span)

        def holds(scope: Env) -> Atom:
            if gens.cond is None:
                return Const(True, "bool")
            return self.condition(self.elaborate(gens.cond, scope), gens.cond.span)

        def counting(k: int, scope: Env) -> Value:
            if k == len(gens.gens):
                return Leaf(self.b.prim("i64", holds(scope)))
            head = opened(k, scope)
            return self.emit_gen(head, scope, lambda s: [("sum", counting(k + 1, s))], span, False)[0]

        total = counting(0, env)
        assert isinstance(total, Leaf) and isinstance(total.atom, Var)
        n = total.atom
        n.name, n.nonneg = "count", True
        self.unknown.add(n)
        places = [self.b.fill((n,), integer(0)) for _ in gens.gens]
        states = self._places(gens, opened, holds, env, [integer(0), *places], [], span)

        def element(idx: Sequence[Atom]) -> Value:
            scope = env
            for g, places in enumerate(states[1:]):
                scope = self.bound_at(opened(g, scope), scope, self.b.index(places, *idx, safe=True))
            return body(scope)

        cell_check: list[Value] = []

        def cell(idx: tuple[Var, ...]) -> Value:
            v = element(idx)
            cell_check.append(v)
            return v

        i = Var("k", Scalar("i64"), extent=n, nonneg=True)
        head = Head(i, n, lambda scope: None)
        return self.emit_gen(head, env, lambda scope: [("build", cell((i,)))], span, True)[0]

    def opener(self, body: Callable[[Env], Value], gens: sx.Gens, env: Env, span: Span) -> Callable[[int, Env], Head]:
        """Opens the generators by number; the bounds of bare ones are found beforehand."""
        bounds: dict[int, Poly] = {}
        if any(isinstance(g, sx.GenBare) for g in gens.gens):
            self.region(lambda: self._try_bounds(body, gens, env, span, bounds))

        def opened(k: int, scope: Env) -> Head:
            g = gens.gens[k]
            if k in bounds:
                assert isinstance(g, sx.GenBare)
                n = self.atom(bounds[k])
                i = Var(g.name, Scalar("i64"), extent=n, nonneg=True)
                return Head(i, n, lambda s: s.names.__setitem__(g.name, Leaf(i)))
            return self.open(g, scope)

        return opened

    def bound_at(self, head: Head, scope: Env, at: Atom, steps: bool = False) -> Env:
        """The scope inside a generator where its index is `at`, or at this one of its `steps`."""
        if steps and head.down:
            assert head.extent is not None
            at = self.b.prim("sub", self.fold("sub", head.extent, integer(1)), at)
        self.below.pop(head.index, None)
        inner = Env(scope)

        def bind() -> Sequence[Atom]:
            head.bind(inner)
            return ()

        copies: dict[Var, Atom] = {head.index: at}
        self.b.splice(self.b.region(bind), copies)
        for name, v in list(inner.names.items()):
            inner.names[name] = map_leaves(v, lambda x: Leaf(
                copies.get(x.atom, x.atom) if isinstance(x.atom, Var) else x.atom, x.flex))
        return inner

    def _try_bounds(self, body: Callable[[Env], Value], gens: sx.Gens, env: Env, span: Span,
                    bounds: dict[int, Poly]) -> Sequence[Atom]:
        """Elaborates filter and body once to find the bounds of bare generators; the code is dropped."""
        def go(k: int, scope: Env) -> None:
            if k == len(gens.gens):
                if gens.cond is not None:
                    self.elaborate(gens.cond, scope)
                self.guard += 1
                try:
                    body(scope)
                finally:
                    self.guard -= 1
                return
            head = self.open(gens.gens[k], scope)

            def fill() -> Sequence[Atom]:
                inner = Env(scope)
                head.bind(inner)
                go(k + 1, inner)
                return ()

            block = self.region(fill)
            extent = self.close(head, block, span)
            if head.bare is not None:
                bounds[k] = poly_of(extent)

        go(0, env)
        return ()

    def _places(self, gens: sx.Gens, opened: Callable[[int, Env], Head], holds: Callable[[Env], Atom], env: Env,
                inits: Sequence[Atom], found: list[Atom], span: Span) -> Sequence[Atom]:
        """Sequential loops that note the index of each generator where the filter holds."""
        def go(k: int, scope: Env, states: Sequence[Atom], indices: list[Atom]) -> Sequence[Atom]:
            if k == len(gens.gens):
                c = holds(scope)
                at = states[0]

                def then() -> Sequence[Atom]:
                    nexts = [self.b.emit(Update(a, (at,), i, True), [a.type])[0]
                             for a, i in zip(states[1:], indices, strict=True)]
                    return [self.b.prim("add", at, integer(1)), *nexts]

                return self.b.cond(c, then, lambda: states)
            head = opened(k, scope)
            vars = [Var("s", array_type(a.type.kind, a.type.shape)) for a in states]

            def fill() -> Sequence[Atom]:
                inner = Env(scope)
                head.bind(inner)
                return go(k + 1, inner, vars, [*indices, head.index])

            block = self.region(fill)
            extent = self.close(head, block, span)
            return self.b.emit_loop(Loop(head.index, extent, tuple(vars), tuple(states), None, block, ()))

        return go(0, env, inits, [])


def is_never(gens: sx.Gens) -> bool:
    return isinstance(gens.cond, sx.Bool) and not gens.cond.value


def literal(e: sx.Expr) -> int | None:
    """An integer that is written out."""
    match e:
        case sx.Num(_, int(value)):
            return value
        case sx.Unary(_, "-", sx.Num(_, int(value))):
            return -value
    return None


def sign(c: int) -> str:
    return f"+ {c}" if c > 0 else f"- {-c}"


def depends(gens: sx.Gens) -> bool:
    """May a later generator have another size for some values of an earlier one?"""
    names: set[str] = set()
    for g in gens.gens:
        if not (isinstance(g, sx.GenIn) and is_row(g.value)) and mentions(g, names):
            return True
        names.update(pattern_names(g.pattern) if isinstance(g, sx.GenIn) else (g.name,))
    return False


def is_row(e: sx.Expr) -> bool:
    """A part of a value that has the same size everywhere."""
    match e:
        case sx.IndexE(_, base, index):
            return is_row(base) and not any(isinstance(i, sx.Slice) for i in index)
        case sx.Field(_, base, _):
            return is_row(base)
    return isinstance(e, sx.Name)


def mentions(node: object, names: set[str]) -> bool:
    """Does a piece of syntax contain one of these names?"""
    if isinstance(node, sx.Name):
        return node.id in names
    if isinstance(node, tuple):
        return any(mentions(x, names) for x in node)
    fields = getattr(node, "__dataclass_fields__", None)
    return fields is not None and any(mentions(getattr(node, f), names) for f in fields if f not in ("span", "name"))
