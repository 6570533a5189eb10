"""Derivatives that programs state: `derivative f(x, …) along dx = body`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..compiler.build import array_type, close_over
from ..compiler.errors import Span
from ..compiler.ir import FLOATS, Atom, Block, Function, Scalar, Var
from ..compiler.sizes import poly_of
from . import values as vs
from .elab_functions import Closure, Compiled
from .elab_transforms import Lifted, Transforms
from .elab_types import Match
from .values import Env, FnV, Leaf, Native, TupleV, Value, leaves, rebuild


class Rules(Transforms):
    def __init__(self) -> None:
        super().__init__()
        self.ruling: set[int] = set()

    def add_rule(self, c: Closure, f: Compiled) -> None:
        """`derivative f(x, …) along dx = body` as a core function of its own."""
        rule = c.code.rule
        assert rule is not None
        self.check_rule_names(c)
        name = self.fresh_function_name(f"{f.function.name}_derivative")
        self.functions[name] = Function(name, (), Block((), ()))  # the name is taken: the body may call others
        with self.own_function(), self.at(rule.span):
            sizes: dict[Var, Atom] = {}
            params: list[Value] = []
            for v in f.params:
                mine = []
                for x in leaves(v):
                    mine.append(self._copy_param(x, sizes))
                params.append(rebuild(v, mine))
            for size, p in f.equations:
                if size in sizes and all(v in sizes for v in p.vars()):
                    copy = sizes[size]
                    assert isinstance(copy, Var)
                    copy.poly = p.substitute(lambda v: poly_of(sizes[v]))
            tangents: list[Value] = []
            vars: list[Atom] = [x.atom for v in params for x in leaves(v)]
            for v, own in zip(params, rule.names, strict=True):
                if not self.carries_float(v):
                    continue
                dots = [Var(f"d{own}", x.atom.type) for x in leaves(v) if x.kind in FLOATS]
                vars += dots
                tangents.append(self.tangent_value(v, dots))
            names = {n: Leaf(sizes[size]) for n, size in c.typed.sig.sizes.items() if size in sizes}
            result = self.rule_value(c, params, tangents, Env(c.env, dict(names)))
            self.same_structure(f.result, result, rule.body.span, f"{c.name} and its derivative")
            atoms = [self.to_kind(y, x.kind).atom for x, y in zip(leaves(f.result), leaves(result), strict=True)
                     if x.kind in FLOATS]
            body = self.b.finish(atoms)
            g = Function(name, tuple(v for v in vars if isinstance(v, Var)), body, None, rule.span)
        self.functions[name] = g
        f.function = replace(f.function, derivative=name)
        self.functions[f.function.name] = f.function

    def _copy_param(self, x: Leaf, sizes: dict[Var, Atom]) -> Var:
        shape: list[Atom] = []
        for s in x.shape:
            if isinstance(s, Var):
                if s not in sizes:
                    sizes[s] = Var(s.name, Scalar("i64"), nonneg=True)
                s = sizes[s]
            shape.append(s)
        atom = x.atom
        assert isinstance(atom, Var)
        if atom in sizes:
            known = sizes[atom]
            assert isinstance(known, Var)
            return known
        new = Var(atom.name, array_type(x.kind, shape))
        if atom.type == Scalar("i64"):
            sizes[atom] = new
        return new

    def check_rule_names(self, c: Closure) -> None:
        rule = c.code.rule
        assert rule is not None
        if len(rule.names) != len(c.code.params):
            self.type_error("DV0405", f"{c.name} has {len(c.code.params)} parameters, the rule names {len(rule.names)}",
                            rule.span)

    def rule_value(self, c: Closure, params: Sequence[Value], tangents: Sequence[Value], scope: Env) -> Value:
        """What the rule says for these parameters and tangents; `scope` has the names of sizes and types."""
        rule = c.code.rule
        assert rule is not None
        if not tangents:
            self.type_error("DV0405", f"no parameter of {c.name} carries floats", rule.span)
        scope.names.update(zip(rule.names, params, strict=True))
        self.bind_pattern(rule.along, tangents[0] if len(tangents) == 1 else TupleV(tuple(tangents)), scope)
        return self.elaborate(rule.body, scope)

    # ------------------------------------------------ of functions that take functions

    def apply_ruled(self, c: Closure, values: Sequence[Value], m: Match, span: Span) -> Value:
        """The application to functions of a function with a rule: a core function of its own for this place.

        What those functions have captured become parameters too.  Along them the rule says nothing: there the body
        is differentiated.  Inside its own rule the function is its body.
        """
        rule = c.code.rule
        assert rule is not None
        if id(c.code) in self.ruling:
            return self.inline(c, values, m, span)
        self.check_rule_names(c)
        values = [v if isinstance(v, FnV | vs.StrV) else self.settle(v) for v in values]
        moving = [v for v in values if self.carries_float(v)]
        dots = [TupleV(tuple(x for x in leaves(v) if x.kind in FLOATS)) for v in moving]

        def body(_: object, args: Sequence[Value], named: Mapping[str, Value], at: Span) -> Value:
            return self.inline(c, args, m, at)

        def stated(_: object, args: Sequence[Value], named: Mapping[str, Value], at: Span) -> Value:
            params, rest = args[:len(values)], iter(args[len(values):])
            tangents = [self.tangent_value(v, [x.atom for x in leaves(next(rest))]) for v in params if self.carries_float(v)]
            scope = Env(c.env, {n: Leaf(self.atom(m.sizes[v])) for n, v in c.typed.sig.sizes.items() if v in m.sizes})
            scope.types = dict(m.types)
            result = self.rule_value(c, params, tangents, scope)
            self.same_structure(f.result, result, rule.body.span, f"{c.name} and its derivative")
            return TupleV(tuple(self.to_kind(y, x.kind) for x, y in zip(leaves(f.result), leaves(result), strict=True)
                                if x.kind in FLOATS))

        f = self.lift_fn(Native(c.name, body, c.params()), values, span)
        self.ruling.add(id(c.code))
        try:
            with self.at(rule.span):
                g = self.lift_fn(Native(f"{c.name}_slope", stated, (*c.params(), *(f"d{k}" for k, _ in enumerate(dots)))),
                                 [*values, *dots], rule.span)
        finally:
            self.ruling.discard(id(c.code))
        if f.hidden or g.hidden:
            self.not_yet("a derivative rule for a function that takes functions and gives sizes that depend on data", span)
        whole = self.with_rule(f, g, rule.span)
        with self.at(span):
            return self.results(whole, self.b.call(whole.function, whole.atoms))

    def with_rule(self, f: Lifted, g: Lifted, span: Span) -> Lifted:
        """`f` as a function whose derivative is `g` along its arguments, and its own along what it has captured."""
        captured = sorted({*f.captured, *g.captured}, key=lambda a: a.uid if isinstance(a, Var) else 0)
        outer = [a for a in captured if isinstance(a, Var)]
        core = [Var("x", x.atom.type) for v in f.args for x in leaves(v)]
        dots = {v: Var(f"d{v.name}", v.type) for v in (*outer, *core) if v.type.kind in FLOATS}

        def value() -> Sequence[Atom]:
            return self.b.call(f.function, [*f.captured, *core])

        def slope() -> Sequence[Atom]:
            own = self.b.call(g.function, [*g.captured, *core, *(dots[v] for v in core if v in dots)])
            inner = [dots.get(a) if isinstance(a, Var) else None for a in f.captured]
            if not any(inner):
                return own
            through = self.b.jvp(f.function, [*f.captured, *core], [*inner, *(None for _ in core)])
            return [self.each([x, y], lambda s: self.b.prim("add", *s))
                    for x, y in zip(own, through[len(through) - len(own):], strict=True)]

        name = self.fresh_function_name(f.function.name)
        self.functions[name] = Function(name, (), Block((), ()))
        rule, _ = close_over(self.fresh_function_name(f"{name}_derivative"), [*outer, *core, *dots.values()],
                             self.region(slope), span=span)
        whole, _ = close_over(name, [*outer, *core], self.region(value), span=f.function.span, derivative=rule.name)
        self.functions[rule.name], self.functions[name] = rule, whole
        return replace(f, function=whole, captured=tuple(outer))
