"""Programs in colours, by the lexer of the language: for terminals and for notebooks."""

from __future__ import annotations

import html
from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from ..compiler import errors
from ..compiler.errors import Source
from ..frontend.cells import COMMANDS
from ..frontend.layout import declares, outlook
from ..frontend.lexer import DECLARATIONS, KEYWORDS, SOFT, lex

if TYPE_CHECKING:
    from .function import Function

ANSI = {"keyword": "35", "number": "36", "string": "32", "comment": "90", "type": "33", "builtin": "34", "error": "31"}
"""Colours of a terminal by kind of text; what is not here has none."""

CSS = {"keyword": "#8250df", "number": "#0550ae", "string": "#0a7d32", "comment": "#6e7781", "type": "#953800",
       "builtin": "#0550ae"}

_WORDS = frozenset(w.upper() for w in (*KEYWORDS, *SOFT, *DECLARATIONS))
_SCALARS = frozenset(("f64", "f32", "i64", "i32", "bool"))


def pieces(text: str, known: Collection[str] = ()) -> Iterator[tuple[str, str]]:
    """The whole text as (kind, text); `known` are names that come with the language."""
    lexed = lex(Source("", text))
    if lexed.source.text != text:
        yield "", text
        return
    outlook(lexed, expression=not declares(lexed))  # decides which words are keywords where they stand
    marks = [(t.span, _kind(t.type, t.text, known), t.text) for t in lexed.tokens]
    marks += [(c.span, "comment", c.text) for c in lexed.comments]
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    at = 0
    for span, kind, token in sorted(marks, key=lambda m: (m[0].line, m[0].col)):
        begin = starts[span.line - 1] + span.col - 1
        end = min(begin + len(token), starts[span.line] - 1)
        if begin < at or text[begin:end] != token:
            continue  # a token that the lexer has mended
        if begin > at:
            yield "", text[at:begin]
        yield kind, token
        at = end
    if at < len(text):
        yield "", text[at:]


def typed(text: str, known: Collection[str] = ()) -> Iterator[tuple[str, str]]:
    """What is typed at a prompt as (kind, text): of a command its name is a keyword."""
    command = text.partition(" ")[0] if text.startswith(COMMANDS) else ""
    if command:
        yield "keyword", command
    yield from pieces(text[len(command):], known)


def _kind(type_: str, text: str, known: Collection[str]) -> str:
    if type_ in _WORDS:
        return "keyword"
    if text in _SCALARS or type_ == "CNAME":
        return "type"
    return {"NUM": "number", "STRING": "string"}.get(type_, "builtin" if type_ == "NAME" and text in known else "")


def ansi(text: str, known: Collection[str] = ()) -> str:
    """The text with the codes of a terminal; also what is typed at a prompt."""
    return "".join(f"\x1b[{ANSI[k]}m{t}\x1b[0m" if k in ANSI else t for k, t in typed(text, known))


def as_html(text: str, known: Collection[str] = ()) -> str:
    """The text as HTML, without the element around it."""
    return "".join(
        f'<span style="color:{CSS[k]}">{html.escape(t)}</span>' if k in CSS else html.escape(t) for k, t in pieces(text, known)
    )


def value_html(text: str, type_: str | None = None) -> str:
    """A value as it is shown, with its type behind it."""
    typed = f'<span style="color:{CSS["comment"]}"> : {html.escape(type_)}</span>' if type_ else ""
    return f"<pre>{html.escape(text)}{typed}</pre>"


def function_html(f: Function) -> str:
    """What a function is: its signature, its documentation, and its text where it has one that can be printed."""
    doc = f"<p>{html.escape(f.__doc__)}</p>" if f.__doc__ else ""
    with suppress(errors.Error):
        return f"<div><pre><b>{as_html(str(f.signature))}</b></pre>{doc}<pre>{as_html(f.source.rstrip())}</pre></div>"
    return f"<div><pre><b>{as_html(str(f.signature))}</b></pre>{doc}</div>"
