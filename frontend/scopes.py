"""Who binds each name of a text: for editors, which ask by place.

    scopes = Scopes(program, lexed)
    scopes.at(3, 14)        # the name under a place: where it stands and what binds it
    scopes.top["loss"]      # the binding of a declaration

Works on programs that don't check, too: it needs nothing but the syntax.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..compiler.errors import Span
from . import syntax as sx
from .depth import deep
from .lexer import Lexed, Token


@dataclass(frozen=True, slots=True, eq=False)
class Binding:
    """`span` is the name where it is bound.

    `kind` is one of def let parameter size index type constructor field import; `node` is what binds it: the
    declaration, the statement, the parameter, the generator.
    """

    name: str
    span: Span
    kind: str
    node: object


@dataclass(frozen=True, slots=True)
class Use:
    """A name in the text: of a `binding` of the text, or else one of the language (or nothing at all).

    `module` is set if it is a name of an imported module, as in `stats.mean`.  `field`: no scope is asked for
    it, it names a field or a parameter.
    """

    name: str
    span: Span
    binding: Binding | None
    module: str | None = None
    field: bool = False


Scope = dict[str, Binding]


class Scopes:
    """`top` are the values of the file, `types` its types (and what it imports), `fields` those of its records by name; `bindings`
    is everything that is bound, in order."""

    @deep
    def __init__(self, program: sx.Program, lexed: Lexed) -> None:
        self.tokens = lexed.tokens
        self.top: Scope = {}
        self.types: Scope = {}
        self.fields: dict[str, list[Binding]] = {}
        self.bindings: list[Binding] = []
        self._starts = [(t.span.line, t.span.col) for t in lexed.tokens]
        self._uses: dict[tuple[int, int], Use] = {}
        for d in program.decls:
            self._declare(d)
        for d in program.decls:
            self._inside(d)

    def at(self, line: int, col: int) -> Use | None:
        """The name at a place, also directly behind it."""
        k = bisect.bisect_right(self._starts, (line, col)) - 1
        for token in reversed(self.tokens[max(0, k - 1):k + 1]):
            s = token.span
            if token.type in ("NAME", "CNAME") and s.line == line and s.col <= col <= s.end_col:
                return self._uses.get((s.line, s.col)) or Use(token.text, s, None, field=True)
        return None

    # ------------------------------------------------------------ declarations

    def _declare(self, d: sx.Decl) -> None:
        match d:
            case sx.Def(span, name) | sx.TopLet(span, sx.LetFn(_, name)):
                self._bind(name, span, "def", d, self.top)
            case sx.TopLet(_, sx.Let(_, pattern)):
                self._pattern(pattern, "let", d, self.top)
            case sx.TypeDecl(span, name, _, body):
                self.types[name] = self._bind(name, span, "type", d, {})
                if isinstance(body, sx.RecordBody):
                    self.top[name] = self.types[name]
                    inside = next((t.span for t in self.within(span) if t.type == "LBRACE"), span).to(span)
                    for field, _ in body.fields:
                        self.fields.setdefault(field, []).append(self._bind(field, inside, "field", d, {}))
                elif isinstance(body, sx.SumBody):
                    behind = next((t.span for t in self.within(span) if t.type == "EQUAL"), span).to(span)
                    for ctor, _ in body.ctors:
                        self._bind(ctor, behind, "constructor", d, self.top)
            case sx.Import(span, module, alias):
                self._bind(alias or module, span, "import", d, self.top, last=True)
            case sx.FromImport(span, _, names):
                for name in names:
                    self.types[name] = self._bind(name, span, "import", d, self.top, last=True)

    def _inside(self, d: sx.Decl) -> None:
        match d:
            case sx.Def(_, _, params, ret, body) | sx.TopLet(_, sx.LetFn(_, _, params, ret, body)):
                self._function(params, ret, body, self.top)
            case sx.TopLet(_, sx.Let(_, _, annotation, value)):
                self._node((annotation, value), self.top)
            case sx.TypeDecl(span, _, sizes, body):
                scope = dict(self.top)
                for name in sizes or ():
                    self._bind(name, span, "size", d, scope)
                self._sizes(body, scope, d)
                self._node(body, scope)
            case sx.TestDecl(_, _, body):
                self._node(body, self.top)
            case sx.DerivativeDecl(span, fn, names, along, body):
                self._use(fn, span, self.top)
                scope = dict(self.top)
                for name in names:
                    self._bind(name, span, "parameter", d, scope)
                self._pattern(along, "parameter", d, scope)
                self._node(body, scope)

    def _function(self, params: Iterable[sx.Param | sx.Pattern], ret: sx.Type | None, body: sx.Expr, scope: Scope) -> None:
        scope = dict(scope)
        for p in params:
            if isinstance(p, sx.Param):
                self._sizes(p.type, scope, p)
                self._node((p.type, p.default), scope)
                self._bind(p.name, p.span, "parameter", p, scope)
            else:
                self._pattern(p, "parameter", p, scope)
        self._node((ret, body), scope)

    def _sizes(self, t: object, scope: Scope, node: object) -> None:
        """The sizes that a type of a parameter or a field binds: names alone that nothing local has bound."""
        if isinstance(t, sx.TApply):
            for size in t.sizes:
                if isinstance(size, sx.Name) and scope.get(size.id) is self.top.get(size.id):
                    self._bind(size.id, size.span, "size", node, scope)
        for part in _parts(t):
            self._sizes(part, scope, node)

    # ------------------------------------------------------------ expressions

    def _node(self, node: object, scope: Scope) -> None:
        """Everything below a node; binders in it have a scope of their own."""
        match node:
            case sx.Name(span, name) | sx.TName(span, name):
                self._use(name, span, self.types if isinstance(node, sx.TName) else scope)
            case sx.Comp(_, body, gens):
                self._node(body, self._gens(gens, scope))
            case sx.For(_, gens, into, body):
                self._node(self._modes(into), scope)
                self._node(body, self._gens(gens, scope))
            case sx.Loop(_, pattern, annotation, init, gens_, cond, into, body):
                self._node((annotation, init, self._modes(into)), scope)
                inner = self._gens(gens_, scope) if gens_ is not None else dict(scope)
                self._pattern(pattern, "let", node, inner)
                self._node((cond, body), inner)
            case sx.Match(_, subject, arms):
                self._node(subject, scope)
                for arm in arms:
                    inner = dict(scope)
                    self._pattern(arm.pattern, "let", arm, inner)
                    self._node(arm.body, inner)
            case sx.Fn(_, params, body):
                self._function(params, None, body, scope)
            case sx.Call(_, fn, args, gen):
                self._node((fn, tuple(a.value for a in args if a.name != "wrt")), scope)
                if gen is not None:
                    self._node(gen[0], self._gens(gen[1], scope))
            case sx.Block(_, stmts, value):
                scope = dict(scope)
                for s in stmts:
                    self._statement(s, scope)
                self._node(value, scope)
            case sx.Field(span, base, name):
                self._node(base, scope)
                owner = scope.get(base.id) if isinstance(base, sx.Name) else None
                if owner is not None and isinstance(owner.node, sx.Import):
                    place = Span(span.source, span.end_line, span.end_col - len(name), span.end_line, span.end_col)
                    self._uses[place.line, place.col] = Use(name, place, None, owner.node.module)
            case _:
                for part in _parts(node):
                    self._node(part, scope)

    def _statement(self, s: sx.Let | sx.LetFn | sx.Assert, scope: Scope) -> None:
        match s:
            case sx.Let(_, pattern, annotation, value):
                self._node((annotation, value), scope)
                self._pattern(pattern, "let", s, scope)
            case sx.LetFn(span, name, params, ret, body, as_pattern):
                known = scope.get(name)
                if as_pattern is not None and known is not None:
                    self._node(body, scope)
                    self._pattern(as_pattern, "let", s, scope)
                else:
                    self._function(params, ret, body, scope)
                    self._bind(name, span, "def", s, scope)
            case sx.Assert(_, cond):
                self._node(cond, scope)

    def _modes(self, into: tuple[sx.Expr, ...] | None) -> tuple[sx.Expr, ...]:
        """How outs are collected: `sum` and `array` there are words, no names."""
        return tuple(m for m in into or () if not isinstance(m, sx.Name))

    def _gens(self, gens: sx.Gens, scope: Scope) -> Scope:
        scope = dict(scope)
        for g in gens.gens:
            if isinstance(g, sx.GenIn):
                self._node(g.value, scope)
                self._pattern(g.pattern, "let", g, scope)
            else:
                self._node(tuple(_parts(g)), scope)
                self._bind(g.name, g.span, "index", g, scope)
        self._node(gens.cond, scope)
        return scope

    # ------------------------------------------------------------ names

    def _pattern(self, p: sx.Pattern, kind: str, node: object, scope: Scope) -> None:
        match p:
            case sx.PName(span, name):
                self._bind(name, span, kind, node, scope)
            case sx.PRecord(span, names):
                for name in names:
                    self._bind(name, span, kind, node, scope)
            case sx.PCtor(span, name, args):
                self._use(name, span, scope)
                for _, q in args or ():
                    self._pattern(q, kind, node, scope)
            case sx.PTuple(_, items) | sx.POr(_, items):
                for q in items:
                    self._pattern(q, kind, node, scope)

    def _bind(self, name: str, span: Span, kind: str, node: object, scope: Scope, last: bool = False) -> Binding:
        found = [t for t in self.within(span) if t.text == name]
        place = found[-1 if last else 0].span if found else span
        binding = scope[name] = Binding(name, place, kind, node)
        if found:
            self.bindings.append(binding)
            self._uses.setdefault((place.line, place.col), Use(name, place, binding))
        return binding

    def _use(self, name: str, span: Span, scope: Scope) -> None:
        place = next((t.span for t in self.within(span) if t.text == name), None)
        if place is not None:
            self._uses.setdefault((place.line, place.col), Use(name, place, scope.get(name)))

    def within(self, span: Span) -> Iterator[Token]:
        """The tokens of a span."""
        k = bisect.bisect_left(self._starts, (span.line, span.col))
        while k < len(self.tokens) and self._starts[k] < (span.end_line, span.end_col):
            yield self.tokens[k]
            k += 1


def _parts(node: object) -> Iterator[object]:
    """What a node consists of."""
    if isinstance(node, tuple):
        yield from node
    for f in getattr(node, "__dataclass_fields__", ()):
        if f != "span":
            yield getattr(node, f)
