"""The front end as the pipeline sees it: questions in terms of `shapes`, answers as core programs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from ..compiler import errors
from ..compiler.errors import DERIVED, Source, Span
from ..compiler.ir import Program, Scalar, Var
from ..compiler.sizes import Poly, number, of_factor
from ..frontend import modules, test_parts
from ..frontend import syntax as sx
from ..frontend import types as ty
from ..frontend.elab_functions import Closure, Code, Typed, is_mono
from ..frontend.elab_types import Signature as Sizes
from ..frontend.names import names_in
from ..frontend.parser import parse_expr
from ..frontend.values import record_sizes, type_of
from ..passes.differentiate import resolve
from . import shapes
from .pipeline import Operated, Outline
from .shapes import Param, Signature
from .size_check import SizeCheck, describe
from .sources import PAIR, find_import

_PLACES = re.compile(r", wrt=\([0-9, ]*\)")
"""How a transform's expression says which parameters are meant; who asked has named them."""


@dataclass(frozen=True)
class Made:
    """A core program for one choice of argument types; `flex`: leaves of the result made of literals only."""

    program: Program
    result: shapes.Type
    outputs: tuple[bool, ...]
    sizes: SizeCheck
    flex: tuple[bool, ...] = ()
    operated: tuple[Operated, ...] = ()


class Front:
    """A loaded module."""

    def __init__(self, source: Source, folder: str | None, program: sx.Program | None = None,
                 resolver: modules.Resolver | None = None) -> None:
        self.source = source
        self.module = modules.load_module(
            source, resolver if resolver is not None else lambda name: find_import(name, folder), program=program)

    def check(self) -> None:
        """Types of the whole program, and its derivatives: that they are linear in their directions."""
        self.module.check()
        found: list[errors.Error] = []
        for program in self.module.stated_derivatives():
            try:
                resolve(program)
            except errors.Error as e:
                found += e.errors
        if found:
            raise errors.bundle(found)

    def outline(self) -> Outline:
        functions, types = [], []
        for d in self.module.program.decls:
            match d:
                case sx.Def(_, name) | sx.TopLet(_, sx.LetFn(_, name)):
                    functions.append(name)
                case sx.TypeDecl(_, name, _, body) if not isinstance(body, sx.TName):
                    found = self.module.type_of_name(name)
                    if isinstance(found, ty.RecordDecl):
                        found = ty.RecordT(found, tuple(of_factor(v) for v in found.size_vars))
                    if isinstance(found, ty.RecordT | ty.SumT):
                        types.append(outside(found))
        return Outline(tuple(functions), tuple(types), tuple(t.name for t in self.module.tests))

    def text_of(self, name: str) -> str:
        for d in self.module.program.decls:
            let = d.let if isinstance(d, sx.TopLet) else d
            if getattr(let, "name", None) == name and isinstance(let, sx.Def | sx.LetFn):
                doc = getattr(d, "doc", None)
                head = "".join(f"## {line}".rstrip() + "\n" for line in doc.splitlines()) if doc else ""
                return head + text_at(d.span) + "\n"
        raise errors.NameError("DV0604", f"{self.source.name} has no function {name}")

    def names_in(self, name: str) -> set[str]:
        found: set[str] = set()
        todo = [name]
        while todo:
            at = todo.pop()
            if at not in found:
                found.add(at)
                d = self.module.decls.get(at)
                todo += names_in(d) if d is not None else ()
        return found

    def test_parts(self, k: int) -> list[tuple[Span, str | None]]:
        return [(p.condition.span, p.relation) for p in test_parts.parts(self.module.tests[k])]

    def _test(self, text: str) -> modules.Instance:
        """A test, one of its conditions, or the pair of what that compares."""
        _, k, *more = text.split()
        test = self.module.tests[int(k)]
        if not more:
            return self.module.test_instance(test)
        part = test_parts.parts(test)[int(more[1])]
        value = part.condition if more[0] == "part" else test_parts.both(part)
        return self.module.instantiate_expr(test_parts.whole(test, value))

    # ------------------------------------------------------------ signatures

    def signature(self, name: str) -> Signature:
        outline = self.outline()
        if name not in outline.functions:
            raise self._no_function(name, outline.functions)
        fn = self.module.closure(name)
        assert isinstance(fn, Closure)
        params = []
        for p, t in zip(fn.code.params, fn.typed.types, strict=True):
            assert isinstance(p, sx.Param)
            default = p.default
            given = None
            if isinstance(default, sx.Str):
                given = ("path", default.value)
            elif default is not None:
                given = ("value", text_at(default.span))
            s = p.span
            try:
                seen = shapes.Any() if t is None else outside(t)
            except errors.Error as e:
                e.span = s
                raise
            params.append(Param(p.name, seen, given, (s.line, s.col, s.end_line, s.end_col)))
        result = fn.typed.ret
        if result is None and is_mono(fn):
            compiled = self.module.elab.mono(fn, fn.code.span)
            result = None if compiled is None else type_of(compiled.result)
        known = result is not None and not ty.has_function(result) and not any(True for _ in ty.type_vars(result))
        return Signature(name, tuple(params), outside(result) if known and result is not None else None, fn.code.doc)

    def _no_function(self, name: str, known: Iterable[str]) -> errors.Error:
        import difflib

        known = list(known)
        close = difflib.get_close_matches(name, known, 1)
        help = f"did you mean {close[0]}?" if close else f"it has {', '.join(known)}" if known else "it has no functions"
        return errors.NameError("DV0604", f"{self.source.name} has no function {name}", help=help)

    # ------------------------------------------------------------ instances

    def instance(self, text: str, types: tuple[shapes.Type, ...], plain: bool) -> Made:
        with self.relocated(text):
            return self._instance(text, types, plain)

    @contextmanager
    def relocated(self, text: str) -> Iterator[None]:
        """An error in an expression of ours points at the function that it is about."""
        try:
            yield
        except errors.Error as e:
            self._relocate(e, text)
            raise

    def _relocate(self, e: errors.Error, text: str) -> None:
        home = next((
            d.span for name, d in self.module.decls.items()
            if isinstance(d.let if isinstance(d, sx.TopLet) else d, sx.Def | sx.LetFn) and re.search(rf"\b{name}\b", text)), None)
        for inner in e.errors:
            if home is not None and inner.span is not None and inner.span.is_derived:
                inner.span = Span(home.source, home.line, home.col, home.line, home.col + len("def"))
                if inner.code == "DV0310" and PAIR in text:
                    inner.message, inner.help = "has_aux=True is for a function that gives a pair: (value, more)", None
                elif "fn (" not in text:  # the others are ours alone
                    inner.notes = (*inner.notes, f"in {_PLACES.sub('', text)}")
            inner.labels = tuple(la for la in inner.labels if not la.span.is_derived)

    def _instance(self, text: str, types: tuple[shapes.Type, ...], plain: bool) -> Made:
        given, names = self._inside(types)
        if plain and " " in text:
            made = self._test(text)
        elif plain:
            fn = self.module.closure(text)
            assert isinstance(fn, Closure)
            made = self.module.instantiate(text, None if is_mono(fn) else given)
        else:
            e = parse_expr(Source(DERIVED, text))
            while isinstance(e, sx.Paren):
                e = e.inner
            made = self.module.instantiate_fn(self._closure(e, given, names)) if isinstance(e, sx.Fn) else \
                self.module.instantiate_expr(e, given)
        return replace(made_of(made), operated=tuple(sorted(self.module.elab.operated)))

    def _closure(self, e: sx.Fn, types: tuple[ty.Type, ...], names: dict[str, Var]) -> Closure:
        """A `fn` at these types; its i64 parameters may be sizes in them."""
        params = [sx.Param(p.span, p.id, None, None) for p in e.params if isinstance(p, sx.PName)]
        sizes = Sizes(self.module.env, open=False, given=False)
        for p, t in zip(params, types, strict=True):
            if t == ty.ScalarT("i64"):
                sizes.sizes[p.name] = names.get(p.name.removesuffix("__")) or Var(p.name, Scalar("i64"))
        for name, v in names.items():
            sizes.sizes.setdefault(f"{name}_size_", v)
        fn = Closure(self.module.elab, Code("entry", tuple(params), None, e.body, e.span), self.module.env)
        fn._typed = Typed(types, None, sizes)
        return fn

    def _inside(self, types: tuple[shapes.Type, ...]) -> tuple[tuple[ty.Type, ...], dict[str, Var]]:
        """The types of the front end; equal names of sizes are one variable."""
        names: dict[str, Var] = {}

        def size(s: shapes.Size) -> Poly | None:
            if isinstance(s, int):
                return number(s)
            if not shapes.is_name(s):
                return None
            if s not in names:
                names[s] = Var(s, Scalar("i64"), nonneg=True)
            return of_factor(names[s])

        def go(t: shapes.Type) -> ty.Type:
            match t:
                case shapes.Scalar(kind):
                    return ty.ScalarT(kind)
                case shapes.Array(element, sizes):
                    return ty.array_of(go(element), tuple(map(size, sizes)))
                case shapes.Tuple(items):
                    return ty.TupleT(tuple(map(go, items)))
                case shapes.Record("", fields):
                    return ty.AnonT(tuple(f for f, _ in fields), tuple(go(s) for _, s in fields))
                case shapes.Record(name, fields):
                    found = self.module.type_of_name(name)
                    if not isinstance(found, ty.RecordDecl):
                        raise errors.TypeError("DV0607", f"{self.source.name} has no record type {name}")
                    return ty.RecordT(found, record_sizes(found, [go(s) for _, s in fields]))
                case shapes.Sum(name):
                    found = self.module.type_of_name(name)
                    if not isinstance(found, ty.SumT):
                        raise errors.TypeError("DV0607", f"{self.source.name} has no sum type {name}")
                    return found
            raise AssertionError(t)

        return tuple(map(go, types)), names


def made_of(made: modules.Instance) -> Made:
    """An entry of the front end as the pipeline sees it."""
    outputs = (False,) * made.hidden + (True,) * sum(1 for _ in ty.leaves(made.result))
    return Made(made.program, outside(made.result), outputs, describe(made.function, made.equations), made.flex)


# ---------------------------------------------------------------- types as the outside sees them


def outside(t: ty.Type) -> shapes.Type:
    """A type of the front end in terms of `shapes`."""
    match t:
        case ty.ScalarT(kind):
            return shapes.Scalar({"int?": "i64", "float?": "f64"}.get(kind, kind))
        case ty.ArrayT(ty.VarT(), sizes):
            return shapes.Any(tuple(map(_size, sizes)))
        case ty.ArrayT(elem, sizes):
            return shapes.Array(outside(elem), tuple(map(_size, sizes)))
        case ty.TupleT(items):
            inner = tuple(map(outside, items))
            return shapes.Any() if any(isinstance(i, shapes.Any) for i in inner) else shapes.Tuple(inner)
        case ty.RecordT(decl):
            return shapes.Record(decl.name, tuple((n, outside(s)) for n, s in t.fields))
        case ty.AnonT(names, items):
            return shapes.Record("", tuple((n, outside(s)) for n, s in zip(names, items, strict=True)))
        case ty.SumT(decl):
            return shapes.Sum(decl.name, tuple((c, tuple(map(outside, payload))) for c, payload in decl.ctors))
        case ty.VarT():
            return shapes.Any()
        case ty.FnT():
            raise errors.UnsupportedError(
                "DV0614", f"a function ({ty.show(t)}) can't enter or leave a program", help="apply it inside the program"
            )
    raise errors.TypeError("DV0614", f"{ty.show(t)} can't enter or leave a program")


def _size(p: Poly | None) -> shapes.Size:
    if p is None:
        return "_"
    constant = p.constant
    if constant is not None:
        return constant
    if len(p.terms) == 1:
        ((monomial, c),) = p.terms.items()
        if c == 1 and len(monomial) == 1 and isinstance(monomial[0], Var):
            return monomial[0].name
    return repr(p)


def text_at(span: Span) -> str:
    """The text that a span covers."""
    if span.source is None:
        return ""
    lines = span.source.text.splitlines()[span.line - 1:span.end_line]
    if not lines:
        return ""
    lines[-1] = lines[-1][:span.end_col - 1]
    lines[0] = lines[0][span.col - 1:]
    return "\n".join(lines)
