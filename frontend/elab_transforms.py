"""Differentiation: transforms become `Jvp` and `Vjp` of lambda-lifted functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ..compiler.build import array_type, close_over
from ..compiler.errors import Error, Span, TypeError
from ..compiler.ir import FLOATS, Asked, Atom, Const, Fill, Function, Prov, Var
from ..compiler.sizes import poly_of
from . import values as vs
from .elab_functions import Closure
from .elab_index import Indexing
from .elab_types import Match
from .elab_values import alike
from .types import ScalarT
from .values import FnV, Leaf, TupleV, Value, leaves, map_leaves, rebuild


@dataclass(eq=False)
class Lifted:
    """A function value at a point as a core function: captured atoms, then the leaves of the arguments."""

    function: Function
    captured: tuple[Atom, ...]
    args: tuple[Value, ...]
    result: Value
    hidden: int
    asked: tuple[Asked, ...] = ()
    value: Value | None = None

    @property
    def atoms(self) -> list[Atom]:
        return [*self.captured, *(x.atom for v in self.args for x in leaves(v))]

    def positions(self, arg: int) -> list[int]:
        """Positions in the core function of the float leaves of an argument."""
        found: list[int] = []
        at = len(self.captured)
        for k, v in enumerate(self.args):
            for x in leaves(v):
                if k == arg and x.kind in FLOATS:
                    found.append(at)
                at += 1
        return found


class Transforms(Indexing):
    @contextmanager
    def asking(self, what: str, span: Span) -> Iterator[None]:
        """What is lifted inside is for this derivative, also in the words of errors; one that is a part of another stands for it."""
        before = self.wanted
        if span is not self.outside and (before is None or before.span is not span):
            self.wanted = Asked(what, span)
        try:
            yield
        except Error as e:
            if self.wanted is not None and self.wanted is not before and e.span is not None and not span.holds(e.span):
                e.notes = (*e.notes, *Prov((e.span,), asked=(self.wanted,)).notes)
            raise
        finally:
            self.wanted = before

    # ------------------------------------------------ lifting a function at a point

    def prepare(self, fn: FnV, args: Sequence[Value], named: Mapping[str, Value], span: Span) -> list[Value]:
        """All arguments of a function, at the kinds of its parameters; literals get a width."""
        values = list(args)
        base = of_same_parameters(fn)
        if base is not None:
            bound, defaults = self.bind_args(base, args, named, span, fn.name)
            scalars = all(isinstance(t, ScalarT) for t in base.typed.types)
            lifts = scalars and any(map(vs.axes_of, bound))
            values = bound if lifts else self.match_args(base, bound, span, None, defaults)[1]
        elif named:
            names = fn.params() or ()
            for name in names[len(values):]:
                if name not in named:
                    self.type_error("DV0303", f"{fn.name} also needs {name}", span)
                values.append(named[name])
            if len(values) < len(args) + len(named):
                odd = next((n for n in named if n not in names), next(iter(named)))
                self.unknown_name(odd, span, names, f"{fn.name} has no parameter")
        else:
            declared = fn.declared() or ()
            if len(declared) == len(values):
                m = Match()
                for k, (t, v) in enumerate(zip(declared, values, strict=True)):
                    if t is not None and not (isinstance(t, ScalarT) and vs.axes_of(v)):
                        self.match_type(t, vs.type_of(v), m, f"argument {k + 1} of {fn.name}", span)
                        values[k] = self.fit(v, self.bind(t, m))
        return values

    def float_args(self, fn: FnV, values: Sequence[Value], wrt: Sequence[int], span: Span) -> list[Value]:
        """Literals get a width; those that are differentiated become floats, of the width that `fn` asks for."""
        width = "f64"
        if any(x.flex for k in wrt if k < len(values) and not isinstance(values[k], FnV) for x in leaves(values[k])):
            width = self.asked_width(fn, values, span)
        done: list[Value] = []
        for k, v in enumerate(values):
            if isinstance(v, FnV | vs.StrV):
                done.append(v)
                continue
            if k in wrt:
                v = map_leaves(v, lambda x: self.to_kind(x, width) if x.flex else x)
            done.append(self.settle(v))
        return done

    def asked_width(self, fn: FnV, values: Sequence[Value], span: Span) -> str:
        """Elaborates the application once over literal parameters, and drops it."""
        vars: list[Var] = []

        def param(x: Leaf) -> Leaf:
            v = Var("x", array_type("f64", x.shape) if x.flex else x.atom.type)
            if x.flex:
                self.trial_vars.add(v)
                vars.append(v)
            return Leaf(v, x.flex)

        def fill() -> Sequence[Atom]:
            params = [v if isinstance(v, FnV | vs.StrV) else map_leaves(v, param) for v in values]
            self.apply(fn, params, span)
            return ()

        self.region(fill)
        return "f32" if any(self.casts.get(v) == "f32" for v in vars) else "f64"

    def lift_fn(self, fn: FnV, args: Sequence[Value], span: Span) -> Lifted:
        """The application of `fn` to parameters like `args`, as a core function."""
        params: list[Value] = []
        names = fn.params() or ()
        for k, v in enumerate(args):
            if isinstance(v, FnV | vs.StrV):
                params.append(v)
                continue
            name = names[k] if k < len(names) and names[k] != "_" else "x"
            vars = [Var(name, x.atom.type) for x in leaves(v)]
            params.append(rebuild(v, vars))
        found: list[Value] = []

        def fill() -> Sequence[Atom]:
            result = self.apply(fn, params, span)
            if vs.has_function(result):
                self.type_error("DV0404", f"{fn.name} gives a function; only f' differentiates such a function", span)
            # What is made of literals alone counts as a float here: it is what is differentiated.
            kinds = {x.kind for v in params for x in leaves(v) if x.kind in FLOATS}
            width = "f32" if kinds == {"f32"} else "f64"
            found.append(vs.map_leaves(result, lambda x: self.to_kind(x, width) if x.flex else x))
            return ()

        block = self.region(fill)
        result = found[0]
        inner = self.defined_in(block)
        hidden: dict[Atom, None] = {}
        for x in leaves(result):
            for s in x.shape:
                if self.escapes(s, inner):
                    hidden[s] = None
        block = self.reopen(block, lambda: [*hidden, *(x.atom for x in leaves(result))])
        core = [x.atom for v in params for x in leaves(v)]
        name = self.fresh_function_name(fn.name if fn.name.isidentifier() else "lifted")
        f, captured = close_over(name, [a for a in core if isinstance(a, Var)], block, span=span)
        self.functions[name] = f
        return Lifted(f, captured, tuple(args), result, len(hidden), () if self.wanted is None else (self.wanted,))

    # ------------------------------------------------ core operations

    def run_jvp(self, f: Lifted, tangents: Sequence[Value | None], span: Span) -> tuple[Value, Value]:
        """(value, tangent); a tangent has the structure of its argument, integers ignored."""
        given: list[Atom | None] = [None] * len(f.captured)
        for v, t in zip(f.args, tangents, strict=True):
            if isinstance(v, FnV | vs.StrV):
                continue
            mine = list(leaves(t)) if t is not None else []
            for k, x in enumerate(leaves(v)):
                given.append(nonzero(mine[k].atom) if t is not None and x.kind in FLOATS else None)
        with self.at(span, f.asked):
            vars = self.b.jvp(f.function, f.atoms, given)
        values = self.results(f, vars)
        n = f.hidden + sum(1 for _ in leaves(f.result))
        return values, self.tangent_value(values, vars[n:])

    def run_vjp(
        self, f: Lifted, cotangent: Value, wrt: Sequence[int], span: Span, linear: bool = False
    ) -> tuple[Value, list[Value]]:
        """(value, cotangents of the arguments `wrt`); `linear`: the function must be linear in them."""
        cots = [nonzero(x.atom) for x, r in zip(leaves(cotangent), leaves(f.result), strict=True) if r.kind in FLOATS]
        positions = [f.positions(k) for k in wrt]
        with self.at(span, f.asked):
            vars = self.b.vjp(f.function, f.atoms, cots, [p for ps in positions for p in ps], linear)
        values = self.results(f, vars)
        rest = list(vars[f.hidden + sum(1 for _ in leaves(f.result)):])
        found: list[Value] = []
        for k, ps in zip(wrt, positions, strict=True):
            found.append(self.tangent_value(f.args[k], rest[:len(ps)]))
            rest = rest[len(ps):]
        return values, found

    def results(self, f: Lifted, vars: Sequence[Var]) -> Value:
        for v in vars[:f.hidden]:
            v.nonneg = True
            self.unknown.add(v)
        return rebuild(f.result, vars[f.hidden:f.hidden + sum(1 for _ in leaves(f.result))])

    def tangent_value(self, like: Value, atoms: Sequence[Atom]) -> Value:
        """A tangent: floats from `atoms`, zeros for the rest; the tag of a sum is the value's."""
        it = iter(atoms)

        def one(x: Leaf) -> Leaf:
            return Leaf(next(it)) if x.kind in FLOATS else Leaf(self.b.zeros(x.atom.type))

        return vs.map_numbers(like, one)

    def direction(self, like: Value, given: Value, what: str, span: Span) -> Value:
        """A tangent that a user gives: of the structure, kinds and sizes of the value."""
        if not alike(like, given):
            self.type_error("DV0403", f"{what} must be like {vs.show_type(like)}, this is {vs.show_type(given)}", span)
        for x, y in zip(vs.tags_of(like), vs.tags_of(given), strict=True):
            if x.atom != y.atom:
                with self.at(span):
                    self.b.assert_(self.equal(x.atom, y.atom), "DV0511", f"{what} must have the constructor of the value")
        rights = iter(list(leaves(given)))

        def one(x: Leaf) -> Leaf:
            y = next(rights)
            for s, t in zip(x.shape, y.shape, strict=True):
                self.equate(poly_of(s), poly_of(t), span, f"{what} must have the same size",
                            names=("the value", "the direction"))
            if x.kind not in FLOATS:
                return y
            if y.kind == "bool" or (not y.flex and y.kind != x.kind and (y.rank or x.kind == "f32")):
                self.type_error("DV0403", f"{what} must be {x.kind}, this is {vs.show_type(y)}", span)
            return self.to_kind(y, x.kind)

        return map_leaves(like, one)

    def equal(self, a: Atom, b: Atom) -> Atom:
        """Are all elements equal?  (Where the sizes are not, they are checked elsewhere.)"""
        if not a.type.shape:
            return self.b.prim("eq", a, b)
        n = self.b.prim("min", a.type.shape[0], b.type.shape[0])
        return self.b.reduce("all", n, lambda i: self.equal(self.b.index(a, i, safe=True), self.b.index(b, i, safe=True)))

    def cotangent(self, f: Lifted, given: Value, span: Span) -> Value:
        """A cotangent of the result: of its structure."""
        return self.direction(f.value if f.value is not None else f.result, given, "the cotangent", span)

    # ------------------------------------------------ what to differentiate

    def instead_of_argnums(self, v: Value, fn: FnV) -> str:
        """What JAX's `argnums = 0` is here."""
        names = fn.params() or ()
        items = v.items if isinstance(v, TupleV) else (v,)
        places = [int(x.atom.value) for x in items if isinstance(x, Leaf) and isinstance(x.atom, Const)]
        if len(places) != len(items) or not all(0 <= k < len(names) for k in places):
            return "parameters are named: `wrt = x`, or `wrt = (x, y)`"
        found = ", ".join(names[k] for k in places)
        return f"write `wrt = {found}`" if isinstance(v, Leaf) else f"write `wrt = ({found})`"

    def wrt_positions(self, fn: FnV, wrt: Value | None, n: int, span: Span) -> tuple[list[int], bool]:
        """Positions of the parameters, and whether the result is bare."""
        if wrt is None:
            return [0], True
        names = fn.params()

        def position(v: Value) -> int:
            if isinstance(v, vs.StrV):
                if names is None or v.text not in names:
                    self.unknown_name(v.text, span, names or (), f"{fn.name} has no parameter")
                return names.index(v.text)
            if isinstance(v, Leaf) and isinstance(v.atom, Const) and v.kind == "i64":
                k = int(v.atom.value)
                if not 0 <= k < n:
                    self.type_error("DV0403", f"{fn.name} has no parameter at position {k}", span)
                return k
            self.type_error("DV0403", "wrt takes names or positions of parameters", span)

        if not isinstance(wrt, TupleV):
            return [position(wrt)], True
        found = [position(v) for v in wrt.items]
        twice = next((k for i, k in enumerate(found) if k in found[:i]), None)
        if twice is not None:
            who = names[twice] if names is not None else f"position {twice}"
            self.type_error("DV0403", f"wrt has {who} of {fn.name} twice", span)
        return found, False

    def check_wrt(self, name: str, fn: FnV, args: Sequence[Value], wrt: Sequence[int], span: Span) -> None:
        names = fn.params() or ()
        for k in wrt:
            if k >= len(args):
                self.type_error("DV0303", f"{fn.name} takes more arguments than {len(args)}", span)
            v = args[k]
            if isinstance(v, FnV) or not self.carries_float(v):
                who = names[k] if k < len(names) else f"argument {k + 1}"
                raise TypeError("DV0402", f"{name}: {who} of {fn.name} carries no float, it is {vs.show_type(v)}",
                                span, help="choose another parameter: wrt = …, or convert it: f64(…)")

    def point(self, name: str, fn: FnV, v: Value, span: Span) -> list[Value]:
        """The arguments that a point stands for: bare for one parameter, a tuple for several."""
        names = fn.params()
        n = len(names) if names is not None else (len(v.items) if isinstance(v, TupleV) else 1)
        if n == 1:
            return [v]
        if not isinstance(v, TupleV) or len(v.items) != n:
            self.type_error("DV0403", f"{name}: {fn.name} has {n} parameters, so the point is a tuple of {n}", span)
        return list(v.items)

    def floats_of(self, args: Sequence[Value]) -> list[int]:
        return [k for k, v in enumerate(args) if not isinstance(v, FnV) and self.carries_float(v)]

    def spread(self, what: str, given: Sequence[Value], n: int, span: Span) -> list[Value]:
        """Directions, one for each float parameter: bare if one, a tuple or one by one if several."""
        if n != 1 and len(given) == 1 and isinstance(given[0], TupleV):
            given = given[0].items
        if len(given) != n:
            self.type_error("DV0403", f"{what} takes {n} direction{'s' * (n != 1)}, one for each parameter that carries "
                            f"floats; these are {len(given)}", span)
        return list(given)


def nonzero(a: Atom) -> Atom | None:
    """None for zeros that are written out, which is how a direction that is none is printed."""
    x = a.stmt.op.value if isinstance(a, Var) and a.stmt is not None and isinstance(a.stmt.op, Fill) else a
    return None if isinstance(x, Const) and x.value == 0 else a


def of_same_parameters(fn: FnV) -> Closure | None:
    """The function itself, or the one that a transform of it (`grad(f)`) has its parameters from."""
    base = fn
    while isinstance(base, vs.Native) and isinstance(base.origin, FnV):
        base = base.origin
    return base if isinstance(base, Closure) and base.params() == fn.params() else None
