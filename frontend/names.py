"""Names in a text: what patterns bind, and a walk that finds names which nothing defines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ..compiler.errors import Error, NameError, Span, bundle
from . import syntax as sx
from .elab_base import meant
from .messages_text import parse_message
from .preview import refused
from .values import Env


def pattern_names(p: sx.Pattern) -> Iterator[str]:
    match p:
        case sx.PName(_, name):
            yield name
        case sx.PTuple(_, items):
            for q in items:
                yield from pattern_names(q)
        case sx.PRecord(_, names):
            yield from names
        case sx.PCtor(_, _, args):
            for _, q in args or ():
                yield from pattern_names(q)
        case sx.POr(_, options):
            yield from pattern_names(options[0])


def check_names(params: Sequence[sx.Param | sx.Pattern], body: sx.Expr, env: Env) -> None:
    """Raises for every name in a function's text that nothing defines, or that is not there yet."""
    walk = _Walk(env)
    scope = walk.params(params, set())
    walk.expr(body, scope)
    if walk.errors:
        raise bundle(walk.errors)


class _Walk:
    def __init__(self, env: Env) -> None:
        self.env = env
        self.errors: list[Error] = []

    def params(self, params: Sequence[sx.Param | sx.Pattern], scope: set[str]) -> set[str]:
        scope = set(scope)
        for p in params:
            if isinstance(p, sx.Param):
                if p.default is not None:
                    self.expr(p.default, scope)
                scope.add(p.name)
                if p.type is not None:
                    scope |= set(size_names(p.type))
            else:
                scope |= set(pattern_names(p))
        return scope

    def name(self, name: str, span: Span, scope: set[str], member: str | None = None) -> None:
        if name in scope:
            return
        try:
            v = self.env.get(name)
        except Error:
            return
        if (error := refused(name, v, span)) is not None:
            self.errors.append(error)
        elif v is None:
            self.errors.append(NameError("DV0201", f"nothing here is called {name}", span,
                                         help=meant(name, scope | self.env.all_names(), member)))

    def gens(self, gens: sx.Gens, scope: set[str]) -> set[str]:
        scope = set(scope)
        for g in gens.gens:
            match g:
                case sx.GenBare(_, name):
                    scope.add(name)
                case sx.GenBelow(_, name, bound):
                    self.expr(bound, scope)
                    scope.add(name)
                case sx.GenRange(_, name, lo, hi, step):
                    for e in (lo, hi, *([step] if step is not None else [])):
                        self.expr(e, scope)
                    scope.add(name)
                case sx.GenIn(_, pattern, value):
                    self.expr(value, scope)
                    scope |= set(pattern_names(pattern))
        if gens.cond is not None:
            self.expr(gens.cond, scope)
        return scope

    def expr(self, e: sx.Expr, scope: set[str]) -> None:
        match e:
            case sx.Name(span, name):
                self.name(name, span, scope)
            case sx.Field(_, sx.Name(span, name), member):
                self.name(name, span, scope, member)
            case sx.Comp(_, body, gens):
                self.expr(body, self.gens(gens, scope))
            case sx.For(_, gens, into, body):
                self.modes(into, scope)
                self.expr(body, self.gens(gens, scope))
            case sx.Loop(_, pattern, _, init, gens_, cond, into, body):
                self.expr(init, scope)
                self.modes(into, scope)
                inner = scope | set(pattern_names(pattern))
                inner = self.gens(gens_, inner) if gens_ is not None else inner
                if cond is not None:
                    self.expr(cond, inner)
                self.expr(body, inner)
            case sx.Match(_, subject, arms):
                self.expr(subject, scope)
                for arm in arms:
                    self.expr(arm.body, scope | set(pattern_names(arm.pattern)))
            case sx.Fn(_, params, body):
                self.expr(body, self.params(params, scope))
            case sx.Call(_, fn, args, gen):
                self.expr(fn, scope)
                for a in args:
                    if a.name != "wrt":
                        self.expr(a.value, scope)
                if gen is not None:
                    self.expr(gen[0], self.gens(gen[1], scope))
            case sx.Block(_, stmts, value):
                for s in stmts:
                    scope = self.statement(s, scope)
                self.expr(value, scope)
            case _:
                self.children(e, scope)

    def statement(self, s: sx.Let | sx.LetFn | sx.Assert, scope: set[str]) -> set[str]:
        match s:
            case sx.Let(_, pattern, annotation, value):
                self.expr(value, scope)
                self.annotation(annotation, scope)
                return scope | set(pattern_names(pattern))
            case sx.LetFn(_, name, params, _, body, as_pattern):
                if as_pattern is not None and self.env.get(name) is not None:
                    self.expr(body, scope)
                    return scope | set(pattern_names(as_pattern))
                self.expr(body, self.params(params, scope))
                return scope | {name}
            case sx.Assert(span, cond, message):
                self.expr(cond, scope)
                for e in parse_message(message, span)[1]:
                    self.expr(e, scope)
        return scope

    def annotation(self, t: sx.Type | None, scope: set[str]) -> None:
        """A type of a local: its sizes are checked where it is elaborated."""

    def modes(self, into: Iterable[sx.Expr] | None, scope: set[str]) -> None:
        for m in into or ():
            if not isinstance(m, sx.Name):
                self.expr(m, scope)

    def children(self, node: object, scope: set[str]) -> None:
        """Expressions inside a node that binds nothing."""
        for f in getattr(node, "__dataclass_fields__", ()):
            if f != "span":
                self.child(getattr(node, f), scope)

    def child(self, x: object, scope: set[str]) -> None:
        if isinstance(x, tuple):
            for y in x:
                self.child(y, scope)
        elif isinstance(x, sx.Expr.__args__):
            self.expr(x, scope)
        elif isinstance(x, sx.Slice | sx.PathStep):
            self.children(x, scope)


class _Free(_Walk):
    """The names of a text that something outside of it defines."""

    def __init__(self) -> None:
        super().__init__(Env())
        self.found: set[str] = set()

    def name(self, name: str, span: Span, scope: set[str], member: str | None = None) -> None:
        if name not in scope:
            self.found.add(name)

    def annotation(self, t: sx.Type | None, scope: set[str]) -> None:
        if t is not None:
            self.found |= set(size_names(t)) - scope


def free_names(node: sx.Decl | sx.Let | sx.Expr) -> set[str]:
    """The names that a declaration or an expression uses and does not bind itself; types and constructors too."""
    walk = _Free()
    match node:
        case sx.Def(_, _, params, _, body) | sx.TopLet(_, sx.LetFn(_, _, params, _, body)):
            walk.expr(body, walk.params(params, set()))
        case sx.Let() | sx.TopLet(_, sx.Let()):
            walk.statement(node if isinstance(node, sx.Let) else node.let, set())
        case sx.DerivativeDecl(_, fn, names, along, body):
            walk.found.add(fn)
            walk.expr(body, {*names, *pattern_names(along)})
        case sx.TestDecl(_, _, body):
            walk.expr(body, set())
        case _ if isinstance(node, sx.Expr.__args__):
            walk.expr(node, set())
    return walk.found | set(_capitals(node))


def _capitals(node: object) -> Iterator[str]:
    """Types, and constructors in patterns."""
    if isinstance(node, sx.TName) and node.id[:1].isupper():
        yield node.id
    if isinstance(node, sx.PCtor):
        yield node.name
    if isinstance(node, tuple):
        for x in node:
            yield from _capitals(x)
    for f in getattr(node, "__dataclass_fields__", ()):
        if f != "span":
            yield from _capitals(getattr(node, f))


def size_names(t: sx.Type) -> Iterator[str]:
    """Names in the sizes of a type."""
    match t:
        case sx.TApply(_, base, sizes):
            yield from size_names(base)
            for s in sizes:
                yield from names_in(s)
        case sx.TTuple(_, items):
            for i in items:
                yield from size_names(i)
        case sx.TParen(_, inner):
            yield from size_names(inner)
        case sx.TFn(_, params, result):
            for i in (*params, result):
                yield from size_names(i)


def names_in(node: object) -> Iterator[str]:
    if isinstance(node, sx.Name):
        yield node.id
    elif isinstance(node, tuple):
        for x in node:
            yield from names_in(x)
    else:
        for f in getattr(node, "__dataclass_fields__", ()):
            if f != "span":
                yield from names_in(getattr(node, f))
