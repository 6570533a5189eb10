"""The prelude, found by name: its files are split at column 0 and parsed piece by piece, on demand."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from ..compiler.errors import PRELUDE, Source
from . import syntax as sx

_HEAD = re.compile(r"(def|type|let|derivative|adjoint|implicit) +([^\W\d]\w*)")


@dataclass(frozen=True, slots=True)
class Piece:
    """A declaration with the rules that belong to it; `line` counts from 1."""

    file: str
    line: int
    text: str


@cache
def index() -> dict[str, Piece]:
    """Every name of the prelude, and where it is declared; nothing is parsed."""
    found: dict[str, Piece] = {}
    folder = files("derivant.frontend") / "prelude"
    for path in sorted(folder.iterdir(), key=lambda p: p.name):
        if path.name.endswith(".dv"):
            for name, piece in _split(path.name, path.read_text(encoding="utf-8")):
                before = found.get(name)
                if before is None:
                    found[name] = piece
                else:
                    gap = piece.line - before.line - before.text.count("\n")
                    found[name] = Piece(before.file, before.line, before.text + "\n" * gap + piece.text)
    return found


def _split(file: str, text: str) -> list[tuple[str, Piece]]:
    """A rule follows its function, so that both make one piece."""
    lines = text.splitlines()
    heads = [(k, m) for k, line in enumerate(lines) if (m := _HEAD.match(line))]
    pieces: list[tuple[str, Piece]] = []
    for n, (k, m) in enumerate(heads):
        end = heads[n + 1][0] if n + 1 < len(heads) else len(lines)
        begin = k
        while begin and lines[begin - 1].startswith("##"):
            begin -= 1
        while end > k + 1 and (not lines[end - 1].strip() or lines[end - 1].startswith("#")):
            end -= 1
        pieces.append((m[2], Piece(f"{PRELUDE}{file}", begin + 1, "\n".join(lines[begin:end]))))
    return pieces


@cache
def declarations(name: str) -> tuple[sx.Decl, ...]:
    """The declaration of a name of the prelude, then its rules; () for other names."""
    from .parser import parse

    piece = index().get(name)
    if piece is None:
        return ()
    # Empty lines in front keep the line numbers of the file.
    return parse(Source(piece.file, "\n" * (piece.line - 1) + piece.text)).decls
