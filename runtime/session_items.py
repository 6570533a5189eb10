"""Declarations as a session keeps them: each with its names and its text, parsed and taken apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..compiler import errors
from ..compiler.errors import Span
from ..frontend import syntax as sx
from ..frontend.cells import Cell
from ..frontend.layout import layout
from ..frontend.lexer import lex
from ..frontend.names import free_names, pattern_names
from ..frontend.parser import name_last
from ..frontend.unparse import declaration_text, pattern_text
from .front import text_at
from .snapshot import Item


def item_of(d: sx.Decl, text: str) -> Item:
    names: tuple[str, ...] = ()
    key = ""
    match d:
        case sx.Def(_, name) | sx.TopLet(_, sx.LetFn(_, name)):
            names = (name,)
        case sx.TopLet(_, sx.Let(_, pattern)):
            names = tuple(pattern_names(pattern))
        case sx.TypeDecl(_, key, _, body):
            names = (key, *(c for c, _ in body.ctors)) if isinstance(body, sx.SumBody) else (key,)
        case sx.Import(_, module, alias):
            names = (alias or module,)
        case sx.FromImport(_, _, names):
            pass
        case sx.DerivativeDecl(_, fn):
            key = f"derivative {fn}"
        case sx.TestDecl(_, title):
            key = f'test "{title}"'
        case _:
            key = text
    return Item(key or ", ".join(names) or text, names, d, text, frozenset(free_names(d)))


def without(item: Item, changed: set[str], left: tuple[str, ...]) -> Item:
    """A declaration of several names, some of which have a new meaning."""
    d = item.decl
    match d:
        case sx.TopLet(_, sx.Let() as let):
            pattern = _wild(let.pattern, changed)
            decl = replace(d, let=replace(let, pattern=pattern))
            return replace(item, key=", ".join(left), names=left, decl=decl, text=_with_pattern(item.text, let, pattern))
        case sx.FromImport():
            fewer = replace(d, names=left)
            return replace(item, key=", ".join(left), names=left, decl=fewer, text=declaration_text(fewer).rstrip("\n"))
    raise errors.NameError(
        "DV0202", f"{', '.join(sorted(changed & set(item.names)))} belongs to {item.key}", d.span,
        help=f"define {item.key} again without it, or :forget {item.key}",
    )


def _wild(p: sx.Pattern, changed: set[str]) -> sx.Pattern:
    """A pattern that no longer binds these names."""
    match p:
        case sx.PName(span, name) if name in changed:
            return sx.PWild(span)
        case sx.PTuple(span, items):
            return sx.PTuple(span, tuple(_wild(i, changed) for i in items))
        case sx.PRecord(span, names):
            left = tuple(n for n in names if n not in changed)
            return sx.PRecord(span, left) if left else sx.PWild(span)
        case sx.PCtor(span, name, args):
            return sx.PCtor(span, name, None if args is None else tuple((n, _wild(q, changed)) for n, q in args))
    return p


def _with_pattern(text: str, let: sx.Let, pattern: sx.Pattern) -> str:
    """The text of a `let`, its documentation above it, with another pattern."""
    lines = text.split("\n")
    body = len(lines) - (let.span.end_line - let.span.line + 1)
    old, text = text_at(let.pattern.span), "\n".join(lines[body:])
    return "\n".join([*lines[:body], text.replace(old, pattern_text(pattern), 1)])


def clash(group: Sequence[Item], items: Sequence[Item]) -> bool:
    """Whether declarations define a name again: then they come after the others."""
    return bool({n for i in group for n in (i.key, *i.names)} & {n for i in items for n in (i.key, *i.names)})


def text_at_lines(text: str, span: Span) -> str:
    """The lines of a declaration, with the documentation above it."""
    lines = text.split("\n")
    first = span.line - 1
    while first and lines[first - 1].startswith("##"):
        first -= 1
    return "\n".join(lines[first:span.end_line])


def text_of_cell(cell: Cell, last: str) -> str:
    """The text of a cell, its lines counted as in the whole text, with `_` by the name that it has from now on."""
    source = cell.source("")
    lines = source.text.split("\n")
    expression = cell.kind == "expression"
    for chunk in layout(lex(source), expression=expression)[0]:
        for span in reversed(name_last(chunk.tokens, "expr" if expression else "decl", last)):
            line = lines[span.line - 1]
            lines[span.line - 1] = line[:span.col - 1] + last + line[span.end_col - 1:]
    return "\n".join(lines)
