"""A program as an editor asks about it: its errors, and what stands at a place.  Places are spans.

    a = Analysis(Source("model.dv", text), folder)
    a.errors                  # all of them, also those of broken declarations
    a.describe(3, 14)         # the name there, and what it is, in Markdown
    a.definition(3, 14)       # where it is bound, in this file or another
    a.hints()                 # types that are not written

Nothing is compiled.  A text that can't be parsed still answers as far as its other declarations go.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise

from ..compiler import errors
from ..compiler.errors import Source, Span
from ..compiler.lock import kept
from ..frontend import syntax as sx
from ..frontend import types as ty
from ..frontend.builtins import document
from ..frontend.builtins_prelude import index
from ..frontend.elab_functions import Closure, is_mono
from ..frontend.lexer import lex
from ..frontend.parser import Reading, read
from ..frontend.scopes import Binding, Scopes, Use
from ..frontend.tainted import believable
from ..frontend.values import Value, type_of
from .data import read_source
from .front import Front, text_at
from .guard import guarded
from .sources import PACKAGE, find_import

Resolver = Callable[[str], Source | None]


@dataclass(frozen=True, slots=True)
class Hint:
    """A type that could be written behind a place: `: f64` or ` -> f64[n]`."""

    line: int
    col: int
    text: str


class Analysis:
    """`resolver` finds imported modules; without it they are looked for beside the file.

    Spans point into `source`, the text in normal form.  `imported` are the names of the files that it
    depends on.  `reading` is the source if it has been read.
    """

    def __init__(self, source: Source, folder: str | None, resolver: Resolver | None = None,
                 reading: Reading | None = None) -> None:
        found = reading or read(source)
        self.source = found.program.span.source or source
        self.imported: set[str] = set()
        self._resolver: Resolver = resolver or (lambda name: find_import(name, folder))
        self._folder = folder
        self._types: dict[tuple[int, int], set[str]] = {}
        self._front: Front | None = None
        self._others: dict[str, Analysis | None] = {}
        self.program = found.program
        self.errors: list[errors.Error] = list(found.errors)
        if not found.errors:
            self.errors = self._check()
        else:
            with suppress(Exception):  # half a program: whatever its types are good for
                self._elaborate_rest(found)

    @kept
    def scopes(self) -> Scopes:
        return Scopes(self.program, lex(self.source))

    def _elaborate_rest(self, found: Reading) -> None:
        """What can be read, with those of its errors that are no consequences."""
        try:
            self._elaborate()
        except errors.Error as e:
            self.errors += believable(self.source, found.chunks, found.errors, e.errors)

    def _check(self) -> list[errors.Error]:
        try:
            with guarded("type checking", self.source.text):
                self._elaborate()
        except errors.Error as e:
            return list(e.errors)
        except OSError as e:
            return [errors.ValueError_("DV0601", f"an imported file can't be read: {e}")]
        return []

    def _elaborate(self) -> None:
        front = Front(self.source, self._folder, self.program, self._found)
        self._front = front
        front.module.elab.on_bind = self._bound
        front.check()

    def _found(self, name: str) -> Source | None:
        source = self._resolver(name)
        if source is not None:
            self.imported.add(source.name)
        return source

    def _bound(self, span: Span, v: Value) -> None:
        if span.source is not None and span.source.name == self.source.name:
            with suppress(errors.Error):
                self._types.setdefault((span.line, span.col), set()).add(self._shown(type_of(v), span.line))

    def _shown(self, t: ty.Type, line: int) -> str:
        """A type as one may write it on a line: sizes without a name there are `_`; empty for literals and functions."""
        if any(leaf in (ty.ScalarT("int?"), ty.ScalarT("float?")) for leaf in _scalars(t)) or ty.has_function(t):
            return ""
        assert self._front is not None
        named = {} if self._in_generic(line) else self._front.module.elab.rigid
        return ty.show(ty.map_sizes(t, lambda p: p if p is not None and all(v in named for v in p.vars()) else None))

    def _in_generic(self, line: int) -> bool:
        """Does a line belong to a function that is elaborated where it is called, with sizes of the caller?"""
        assert self._front is not None
        for d in self.program.decls:
            let = d.let if isinstance(d, sx.TopLet) else d
            if isinstance(let, sx.Def | sx.LetFn) and d.span.line <= line <= d.span.end_line:
                f = self._front.module.value(let.name)
                return isinstance(f, Closure) and not is_mono(f)
        return False

    # ------------------------------------------------------------ what stands at a place

    def describe(self, line: int, col: int) -> tuple[Span, str] | None:
        """The name at a place and what it is, in Markdown; None where nothing is known."""
        use = self.scopes.at(line, col)
        if use is None:
            return None
        text = self._description(use)
        return None if text is None else (use.span, text)

    def _description(self, use: Use) -> str | None:
        if use.module is not None:
            return self._of_module(use.module, use.name)
        b = use.binding
        if use.field:
            return "\n\n".join(map(self._of, self.scopes.fields.get(use.name, ()))) or None
        if b is None:
            found = document(use.name)
            return None if found is None else found.replace("*", "\\*")
        if isinstance(b.node, sx.FromImport):
            return self._of_module(b.node.module, b.name)
        if isinstance(b.node, sx.Import):
            other = self._other(b.node.module)
            return _code(f"import {b.node.module}") + (f"\n\n{other.source.name}" if other is not None else "")
        return self._of(b)

    def _of_module(self, module: str, name: str) -> str | None:
        other = self._other(module)
        b = other.exported(name) if other is not None else None
        return other._of(b) if other is not None and b is not None else None

    def _of(self, b: Binding) -> str:
        """What a binding of this file is, with its documentation."""
        doc = getattr(b.node, "doc", None)
        return _code(self._head(b)) + (f"\n\n{doc}" if doc else "")

    def _head(self, b: Binding) -> str:
        match b.kind, b.node:
            case "def", sx.Def() | sx.TopLet():
                return self._signature(b.name) or _until_body(b)
            case "def", _:
                return _until_body(b)
            case "field", sx.TypeDecl(_, owner, _, sx.RecordBody(fields)):
                return f"{owner}.{b.name}: {text_at(dict(fields)[b.name].span)}"
            case ("type" | "constructor"), sx.TypeDecl(span):
                return text_at(span)
            case "parameter", sx.Param(span):
                return text_at(span)
            case ("size" | "index"), _:
                return f"{b.name}: i64"
        types = self._types.get((b.span.line, b.span.col), set()) - {""}
        if types:
            return "\n".join(f"{b.name}: {t}" for t in sorted(types))
        return text_at(b.node.span) if isinstance(b.node, sx.Let) else b.name

    def _signature(self, name: str) -> str | None:
        if self._front is not None:
            with suppress(errors.Error), guarded("type checking", self.source.text):
                return str(self._front.signature(name))
        return None

    def definition(self, line: int, col: int) -> list[Span]:
        """Where the name at a place is bound: of a field all records that have it; a name of the prelude leads
        into its file."""
        use = self.scopes.at(line, col)
        if use is None:
            return []
        if use.field:
            return [b.span for b in self.scopes.fields.get(use.name, ())]
        found = self._definition(use)
        return [] if found is None else [found]

    def _definition(self, use: Use) -> Span | None:
        b = use.binding
        if use.module is not None:
            return self._in_module(use.module, use.name)
        if b is None:
            return _in_prelude(use.name)
        if isinstance(b.node, sx.FromImport):
            return self._in_module(b.node.module, b.name)
        if isinstance(b.node, sx.Import):
            other = self._other(b.node.module)
            return None if other is None else Span(other.source, 1, 1, 1, 1)
        return b.span

    def _in_module(self, module: str, name: str) -> Span | None:
        other = self._other(module)
        b = other.exported(name) if other is not None else None
        return None if b is None else b.span

    def exported(self, name: str) -> Binding | None:
        """What an import of this name gives."""
        b = self.scopes.top.get(name) or self.scopes.types.get(name)
        return None if b is None or b.kind == "import" else b

    def _other(self, module: str) -> Analysis | None:
        if module not in self._others:
            source = None
            with suppress(errors.Error, OSError):
                source = self._found(module)
            self._others[module] = None if source is None else Analysis(source, self._folder, self._resolver)
        return self._others[module]

    def import_of(self, file: str) -> Span | None:
        """The first import that leads to a file, over others perhaps."""
        for d in self.program.decls:
            if isinstance(d, sx.Import | sx.FromImport):
                other = self._other(d.module)
                if other is not None and (other.source.name == file or file in other.imported):
                    return d.span
        return None

    # ------------------------------------------------------------ types that are not written

    def hints(self) -> list[Hint]:
        """Results of functions and types of `let`s, where they are known and not written."""
        found: list[Hint] = []
        for b in self.scopes.bindings:
            node = b.node.let if isinstance(b.node, sx.TopLet) else b.node
            match node:
                case sx.Def(_, _, _, None) | sx.LetFn(_, _, _, None) if self.scopes.top.get(b.name) is b:
                    found += self._result_hint(b)
                case sx.Let(_, _, None) | sx.Loop(_, _, None):
                    types = self._types.get((b.span.line, b.span.col), set())
                    if len(types) == 1 and "" not in types:
                        found.append(Hint(b.span.line, b.span.end_col, f": {min(types)}"))
        return found

    def _result_hint(self, b: Binding) -> list[Hint]:
        result = None
        with suppress(errors.Error):
            result = None if self._front is None else self._front.signature(b.name).result
        place = _end_of_head(self.scopes, b)
        return [] if result is None or place is None else [Hint(*place, f" -> {result}")]


def _scalars(t: ty.Type) -> Iterator[ty.Type]:
    """The scalars that stand in a type by themselves, in tuples perhaps."""
    if isinstance(t, ty.TupleT | ty.AnonT):
        for i in t.items:
            yield from _scalars(i)
    else:
        yield t


def _code(text: str) -> str:
    return f"```derivant\n{text}\n```"


def _until_body(b: Binding) -> str:
    """The text of a definition in front of its `=`."""
    node = b.node.let if isinstance(b.node, sx.TopLet) else b.node
    assert isinstance(node, sx.Def | sx.LetFn)
    whole = node.span
    body = node.body.span
    head = text_at(Span(whole.source, whole.line, whole.col, body.line, body.col)).rstrip()
    return re.sub(r"\s+", " ", head.removesuffix("=").rstrip())


def _end_of_head(scopes: Scopes, b: Binding) -> tuple[int, int] | None:
    """Line and column in front of the `=` of a definition."""
    assert isinstance(b.node, sx.Def | sx.TopLet)
    depth = 0
    for before, token in pairwise(scopes.within(b.span.to(b.node.span))):
        depth += (token.type in ("LPAR", "LBRACK", "LBRACE")) - (token.type in ("RPAR", "RBRACK", "RBRACE"))
        if depth == 0 and token.type == "EQUAL":
            return before.span.end_line, before.span.end_col
    return None


def _in_prelude(name: str) -> Span | None:
    piece = index().get(name)
    if piece is None:
        return None
    path = PACKAGE / "frontend" / piece.file
    offset = next((k for k, line in enumerate(piece.text.split("\n")) if not line.startswith("##")), 0)
    line = piece.text.split("\n")[offset]
    col = line.find(name) + 1
    return Span(Source(str(path), read_source(str(path))), piece.line + offset, col, piece.line + offset, col + len(name))
