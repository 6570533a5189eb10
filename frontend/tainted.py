"""Which declarations of a text with syntax errors can be believed: those that are whole and use only such ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..compiler.errors import Error, Source
from .layout import Chunk


def believable(source: Source, chunks: Sequence[Chunk], wrong: Iterable[Error], found: Iterable[Error]) -> list[Error]:
    """Of the errors that were `found` in what can be read of a text, whose declarations are `chunks`, those that are
    no consequence of what is `wrong` with it."""
    bad = {e.span.line for e in wrong if e.span is not None}
    tainted = [any(first <= line <= last for line in bad) for first, last in map(_lines, chunks)]
    names = {n for c, t in zip(chunks, tainted, strict=True) if t for n in _declared(c)}
    size = -1
    while size < len(names):  # what uses them, over any others
        size = len(names)
        for k, c in enumerate(chunks):
            tainted[k] = tainted[k] or any(t.text in names for t in c.tokens)
            names |= _declared(c) if tainted[k] else set()
    good = [_lines(c) for c, t in zip(chunks, tainted, strict=True) if not t]
    return [e for e in found if e.span is not None and e.span.source is not None and e.span.source.name == source.name
            and any(first <= e.span.line <= last for first, last in good)]


def _lines(chunk: Chunk) -> tuple[int, int]:
    return (chunk.tokens[0].span.line, chunk.tokens[-1].span.end_line) if chunk.tokens else (0, -1)


def _declared(chunk: Chunk) -> set[str]:
    """What a declaration defines: its name, the names of a pattern, constructors and fields, what is imported."""
    tokens = chunk.tokens
    head = tokens[0].type if tokens else ""
    names = [k for k, t in enumerate(tokens) if t.type in ("NAME", "CNAME")]
    if head == "TYPE":
        names = [k for k in names if tokens[k].type == "CNAME" or (k + 1 < len(tokens) and tokens[k + 1].type == "COLON")]
    elif head == "LET" and not (names[:1] == [1] and len(tokens) > 2 and tokens[2].type == "LPAR"):
        stop = next((k for k, t in enumerate(tokens) if t.type == "EQUAL"), len(tokens))
        names = [k for k in names if k < stop]
    elif head not in ("FROM", "IMPORT"):
        names = names[:1]
    return {tokens[k].text for k in names}
