"""The elaborator: one forward pass that types an expression and emits its core code.

    value = elab.elaborate(expr, env)

Each room of the engine is a class on top of the one before: elab_base (where code goes, size
equations), elab_values, elab_ops, elab_types (matching), elab_match, elab_calls (functions),
elab_gens, elab_loops, elab_into, elab_index, elab_transforms, elab_rules.  Builtins get the
whole of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ..compiler.build import array_type
from ..compiler.errors import Span
from ..compiler.ir import Atom, Block, Const, If, Prim, Prov, Scalar, Var, integer
from ..compiler.sizes import poly_of
from . import syntax as sx
from . import values as vs
from .elab_base import METHODS, MODULES
from .elab_functions import Closure, Code
from .elab_match import RecordCtor, SumCtor
from .elab_rules import Rules
from .elab_types import Signature
from .messages_text import parse_message
from .preview import refused
from .transforms import Transform, prime, wrt_value
from .values import Builtin, Env, FnV, GenArg, Leaf, StrV, TupleV, Value, leaves, map_leaves


class Elaborator(Rules):
    """`prelude(name)` finds a function of the prelude, whatever the program shadows."""

    def __init__(self, prelude: Callable[[str], Value | None] | None = None) -> None:
        super().__init__()
        self._prelude = prelude

    def prelude(self, name: str) -> FnV:
        found = self._prelude(name) if self._prelude is not None else None
        assert isinstance(found, FnV), name
        return found

    # ------------------------------------------------ expressions

    def elaborate(self, e: sx.Expr, env: Env) -> Value:
        b = self.b
        before, b.prov = b.prov, Prov((e.span,), use=self.use)
        try:
            return self._expr(e, env)
        finally:
            b.prov = before

    def _expr(self, e: sx.Expr, env: Env) -> Value:
        match e:
            case sx.Name(span, name):
                return self.lookup(name, span, env)
            case sx.Num(_, value):
                if not isinstance(value, int):
                    return vs.float_lit(value)
                self.check_width(value, "i64")
                return vs.int_lit(value)
            case sx.Unary(_, "-", sx.Num(_, 0x8000000000000000)):
                return vs.int_lit(-0x8000000000000000)  # the one integer whose opposite is none
            case sx.Chain(span, first, rest):
                v = self.elaborate(first, env)
                for op, operand in rest:
                    right = self.elaborate(operand, env)
                    with self.at(first.span.to(operand.span)):
                        v = self.binary(op, v, right, first.span.to(operand.span))
                return v
            case sx.IndexE():
                return self.index_expr(e, env)
            case sx.Call():
                return self.call(e, env)
            case sx.Paren(_, inner):
                return self.elaborate(inner, env)
            case sx.Power(span, base, exponent):
                left = self.elaborate(base, env)
                return self.binary("**", left, self.elaborate(exponent, env), span)
            case sx.Unary(span, op, operand):
                v = self.elaborate(operand, env)
                if op == "-" and isinstance(operand, sx.Paren) and isinstance(v, Leaf) and isinstance(v.atom, Const):
                    return Leaf(self.b.prim("neg", v.atom), v.flex)  # only `-1.0` is a constant itself
                return self.negate(v, span) if op == "-" else self.not_(v, span)
            case sx.Field(_, sx.Name(at, module), name) if module in MODULES and env.get(module) is None:
                self.unknown_name(module, at, env.all_names(), member=name)
            case sx.Field(span, base, name):
                return self.field(self.elaborate(base, env), name, span, base, env)
            case sx.Comp(span, body, gens):
                return self.comprehension(lambda s: self.elaborate(body, s), gens, env, span)
            case sx.Compare():
                return self.chain_compare(e, env)
            case sx.If():
                return self.if_(e, env, 0)
            case sx.Block():
                return self.block(e, env)
            case sx.Tuple(_, items):
                return TupleV(tuple(self.elaborate(i, env) for i in items))
            case sx.Fn(span, params, body):
                return Closure(self, Code("fn", params, None, body, span), env)
            case sx.Bool(_, value):
                return vs.leaf(value, "bool")
            case sx.Str(_, text):
                return StrV(text)
            case sx.ArrayLit(span, items):
                return self.array_of_values([self.elaborate(i, env) for i in items], span)
            case sx.For():
                return self.for_into(e, env)
            case sx.Loop():
                return self.loop(e, env)
            case sx.Match():
                return self.match(e, env)
            case sx.With():
                return self.with_expr(e, env)
            case sx.Logic(span, op, items):
                return self.logic(op, items, env, span)
            case sx.Prime(span, fn):
                return prime(self, self.elaborate(fn, env), span)
        raise AssertionError(e)

    def lookup(self, name: str, span: Span, env: Env) -> Value:
        v = env.get(name)
        if (error := refused(name, v, span)) is not None:
            raise error
        if v is not None:
            return v
        self.unknown_name(name, span, env.all_names())

    def field(self, v: Value, name: str, span: Span, base: sx.Expr, env: Env) -> Value:
        if isinstance(v, vs.Scope):
            return v.member(self, name, span)
        if not isinstance(v, vs.RecordV):
            function = METHODS.get(name) or (name if isinstance(env.get(name), vs.FnV) else None)
            if function is not None:
                self.type_error("DV0305", f"only records have fields, this is {vs.show_type(v)}", span,
                                help=f"functions stand in front: write `{function}({base.span.text('x')}{_given(span)})`")
        return self.field_of(v, name, span)

    def not_(self, v: Value, span: Span) -> Value:
        if isinstance(v, Leaf) and v.kind == "bool":
            return self.lift([v], lambda s: self.b.prim("not", *s), span)
        self.type_error("DV0308", f"not takes a bool, this is {vs.show_type(v)}", span)

    def if_(self, e: sx.If, env: Env, k: int) -> Value:
        if k == len(e.branches):
            return self.elaborate(e.orelse, env)
        test, body = e.branches[k]
        c = self.condition(self.elaborate(test, env), test.span)
        return self.cond(c, lambda: self.elaborate(body, env), lambda: self.if_(e, env, k + 1), e.span)

    def array_of_values(self, items: Sequence[Value], span: Span) -> Value:
        """`[a, b, …]`: elements of one type and of equal sizes."""
        if not items:
            return Leaf(self.b.fill((integer(0),), integer(0)), True)
        for v in items:
            self.check_element(v, span)
        kinds = self.join_kinds(items, span, "the elements of an array")
        ready: list[Value] = []
        for v in items:
            it = iter(kinds)
            ready.append(map_leaves(v, lambda x: self.to_kind(x, next(it))))  # noqa: B023
        first = ready[0]
        for v in ready[1:]:
            for x, y in zip(leaves(first), leaves(v), strict=True):
                for s, t in zip(x.shape, y.shape, strict=True):
                    self.equate(poly_of(s), poly_of(t), span, "the elements of an array must have equal sizes",
                                names=("the first", "another"))
        n = integer(len(items))
        columns = [[x.atom for x in leaves(v)] for v in ready]
        atoms = [self._literal_column([c[k] for c in columns], n) for k in range(len(kinds))]
        return self.collected(first, (n,), atoms)

    def _literal_column(self, cells: Sequence[Atom], n: Const) -> Atom:
        shape = (n, *cells[0].type.shape)
        if not cells[0].type.shape:
            a: Atom = self.b.fill(shape, cells[0])
            start = 1
        else:
            a, start = self.b.zeros(array_type(cells[0].type.kind, shape)), 0
        for k in range(start, len(cells)):
            if cells[k] != cells[0] or start == 0:
                a = self.b.update(a, (integer(k),), cells[k], safe=True)
        return a

    # ------------------------------------------------ calls

    def call(self, e: sx.Call, env: Env) -> Value:
        fn = self.elaborate(e.fn, env)
        args: list[Value] = []
        named: dict[str, Value] = {}
        for a in e.args:
            if a.name is None:
                if named:
                    self.type_error("DV0303", "an argument by position stands behind one by name", a.span)
                args.append(self.elaborate(a.value, env))
                continue
            if a.name in named:
                self.type_error("DV0303", f"{a.name} is given twice", a.span)
            by_name = isinstance(fn, Transform) and a.name == "wrt"
            named[a.name] = wrt_value(a.value) if by_name else self.elaborate(a.value, env)
        with self.at(e.span):
            if e.gen is not None:
                body, gens = e.gen
                gen = GenArg(body, gens, env, e.span)
                if isinstance(fn, Builtin) and fn.gen is not None:
                    return fn.gen(self, gen, args, named, e.span)
                args.append(self.comprehension(lambda s: self.elaborate(body, s), gens, env, e.span))
            spans: dict[int | str, Span] = {a.name if a.name is not None else k: a.span for k, a in enumerate(e.args)}
            self.arg_spans = spans
            try:
                return self.apply(fn, args, e.span, named)
            finally:
                self.arg_spans = {}

    # ------------------------------------------------ blocks

    def block(self, e: sx.Block, env: Env) -> Value:
        scope = Env(env)
        for s in e.stmts:
            scope = self.statement(s, scope)
        return self.elaborate(e.value, scope)

    def statement(self, s: sx.Let | sx.LetFn | sx.Assert, env: Env) -> Env:
        """The scope after a statement."""
        scope = Env(env)
        match s:
            case sx.Assert(span, cond, message):
                with self.at(span):
                    c = self.condition(self.elaborate(cond, env), cond.span)
                    text, exprs = parse_message(message, span)
                    atoms = [self._shown(x, env) for x in exprs]
                    self.b.assert_(c, *check_code(text), *atoms)
                    self.learn_asserted(c)
                return env
            case sx.Let(span, pattern, annotation, value):
                self.bind_pattern(pattern, self.let_value(value, annotation, env), scope)
                for name, v in scope.names.items():
                    self.name_leaves(name, v)
            case sx.LetFn(span, name, params, ret, body, as_pattern):
                known = env.get(name)
                if as_pattern is not None and isinstance(known, SumCtor | RecordCtor):
                    self.bind_pattern(as_pattern, self.elaborate(body, env), scope)
                else:
                    scope.names[name] = Closure(self, Code(name, params, ret, body, span), env)
        return scope

    def let_value(self, value: sx.Expr, annotation: sx.Type | None, env: Env) -> Value:
        v = self.elaborate(value, env)
        if annotation is None:
            return v
        with self.at(value.span):
            t = self.resolve(annotation, Signature(env, open=False))
            return self.annotated(v, t, "the value", value.span)

    def _shown(self, e: sx.Expr, env: Env) -> Atom:
        v = self.elaborate(e, env)
        if isinstance(v, Leaf):
            return v.atom
        self.type_error("DV0308", f"a message shows numbers and arrays of numbers, this is {vs.show_type(v)}", e.span)

    def learn_asserted(self, c: Atom, inside: frozenset[Var] | set[Var] = frozenset()) -> None:
        """What an assertion says of sizes holds from here on; `inside`: what only a side of a choice knows."""
        match c.stmt.op if isinstance(c, Var) and c.stmt is not None else None:
            case Prim("and", (a, b)):
                self.learn_asserted(a, inside)
                self.learn_asserted(b, inside)
            case If(a, then, Block((), (Const(value=False),))):  # `and` with a right side that may not run
                self.learn_asserted(a, inside)
                self.learn_asserted(then.results[0], {*inside, *self.defined_in(then)})
            case Prim("eq", (a, b)) if a.type == Scalar("i64"):
                p, q = poly_of(a), poly_of(b)
                if not {*p.vars(), *q.vars()} & inside:
                    self.learn(p, q)


def _given(span: Span) -> str:
    """What stands in brackets right behind a place, as further arguments."""
    line = span.source.text.split("\n")[span.end_line - 1][span.end_col - 1:] if span.source is not None else ""
    inner = re.match(r"\(([^()]*(?:\([^()]*\)[^()]*)*)\)", line)
    return f", {inner[1].strip()}" if inner and inner[1].strip() else ""


def check_code(message: str) -> tuple[str, str]:
    """The code and the message of an `assert`: `DV0508: …`, as printed programs have it, or DV0507."""
    code, colon, rest = message.partition(": ")
    printed = colon and len(code) == 6 and code.startswith("DV05") and code[4:].isdecimal()
    return (code, rest) if printed else ("DV0507", message)
