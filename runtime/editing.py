"""What a prompt asks about the text at its cursor: what could stand there, is it whole, where does the next line begin.

Completions are names, fields, commands, files, and symbols: `\\alpha` for α.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from ..compiler import errors
from ..compiler.errors import Source
from ..frontend.cells import Progress, progress
from ..frontend.layout import declares, outlook
from ..frontend.lexer import DECLARATIONS, KEYWORDS, lex
from . import shapes
from .explain import STAGES
from .habits import inputs
from .repl_commands import COMMANDS, document, find
from .session_types import SETTINGS

if TYPE_CHECKING:
    from .session import Session

_SYMBOL = re.compile(r"\\[\w^]*$")
_PATH = re.compile(r"(?:^|[^\w.])([^\W\d]\w*(?:\.[^\W\d]\w*|\[[^\[\]]*\])*)\.(\w*)$")
_WORD = re.compile(r"(?:[^\W\d]\w*)?$")
_STRING = re.compile(r'"([^"\\]*)$')


@dataclass(frozen=True)
class Choice:
    """`text` replaces the last `back` characters; `shown` and `about` are for the menu."""

    text: str
    back: int
    shown: str
    about: str = ""


@cache
def symbols() -> dict[str, str]:
    """`\\alpha` and what it stands for: Greek letters, subscripts, and a few letters that formulas use."""
    found: dict[str, str] = {}
    for code in (*range(0x391, 0x3AA), *range(0x3B1, 0x3CA)):
        name = unicodedata.name(chr(code), "").split()
        if len(name) == 4 and name[2] == "LETTER":
            word = name[3].lower().replace("lamda", "lambda")
            found["\\" + (word.capitalize() if name[1] == "CAPITAL" else word)] = chr(code)
    for word, letter in (("epsilon1", "ϵ"), ("vartheta", "ϑ"), ("varphi", "ϕ"), ("varrho", "ϱ"), ("varkappa", "ϰ"),
                         ("ell", "ℓ"), ("hbar", "ħ"), ("sigmaf", "ς")):
        found["\\" + word] = letter
    for k, digit in enumerate("₀₁₂₃₄₅₆₇₈₉"):
        found[f"\\_{k}"] = digit
    for letter in "aehijklmnoprstuvx":
        small = next((c for c in map(chr, (*range(0x2090, 0x209D), *range(0x1D62, 0x1D6B), 0x2C7C))
                      if unicodedata.normalize("NFKD", c) == letter), None)
        if small is not None:
            found[f"\\_{letter}"] = small
    return found


def choices(session: Session, text: str, whole: str | None = None) -> Iterator[Choice]:
    """The completions at the end of `text`, which stands before the cursor of the input `whole`."""
    found = _SYMBOL.search(text)
    if found:
        word = found[0]
        for name, letter in sorted(symbols().items(), key=lambda s: (len(s[0]), s[0])):
            if name.startswith(word):
                yield Choice(letter, len(word), name, letter)
    elif text.startswith((":", "%")):
        yield from _in_command(session, text)
    elif text.startswith("?"):
        yield from _names(session, text, whole or text, commands=True)
    else:
        yield from _in_program(session, text, whole or text)


def _in_command(session: Session, text: str) -> Iterator[Choice]:
    word, space, rest = text[1:].partition(" ")
    if not space:
        for c in COMMANDS.values():
            if c.name.startswith(word):
                yield Choice(c.name, len(word), f":{c.name} {c.takes}".rstrip(), c.help)
        return
    try:
        kind = find(word).completes
    except errors.Error:
        return
    rest = rest.lstrip()
    match kind:
        case "file":
            yield from _files(rest)
        case "setting":
            name, space, value = rest.partition(" ")
            for n, s in SETTINGS.items():
                if not space and n.startswith(name):
                    yield Choice(n, len(name), n, s.help)
                elif n == name:
                    words = s.words or (("on", "off") if isinstance(s.default, bool) else ())
                    yield from (Choice(w, len(value), w) for w in words if w.startswith(value.strip()))
        case "command":
            yield from (Choice(n, len(rest), n, c.help) for n, c in COMMANDS.items() if n.startswith(rest))
        case "stage" | "expression":
            last = rest.rpartition(" ")[2]
            if kind == "stage" and " " in rest:
                yield from (Choice(s, len(last), s, "a stage") for s in STAGES if s.startswith(last))
            yield from _in_program(session, rest, rest)


def _in_program(session: Session, text: str, whole: str) -> Iterator[Choice]:
    quoted = _STRING.search(text)
    path = _PATH.search(text)
    if quoted and text.count('"') % 2:
        yield from _files(quoted[1])
    elif path:
        for name, about in _members(session, path[1]):
            if name.startswith(path[2]):
                yield Choice(name, len(path[2]), name, about)
    else:
        yield from _names(session, text, whole)


def _names(session: Session, text: str, whole: str, *, commands: bool = False) -> Iterator[Choice]:
    """Names of the session, of the text itself, of the language, and keywords."""
    found = _WORD.search(text)
    word = found[0] if found else ""
    if not word:
        return
    here = {t.text for t in lex(Source("", whole)).tokens if t.type in ("NAME", "CNAME")} - {word}
    own = {n for n in session.unit.owner if n.startswith(word)}
    for n in sorted(own):
        yield Choice(n, len(word), n, _about(session, n))
    language = {n for n in session.language_names() if n.startswith(word)} - own
    for n in sorted(n for n in here - own - language if n.startswith(word)):
        yield Choice(n, len(word), n)
    for n in sorted(language):
        yield Choice(n, len(word), n, _about(session, n))
    for n in sorted(KEYWORDS | DECLARATIONS):
        if n.startswith(word):
            yield Choice(n, len(word), n, "keyword")


def _about(session: Session, name: str) -> str:
    with suppress(errors.Error):
        return document(session, name).split("\n")[0]
    return ""


def _members(session: Session, text: str) -> list[tuple[str, str]]:
    """The fields of a value, or the names of a module; nothing is run."""
    with suppress(errors.Error):
        found = session.members(text)
        return [(n, str(t) if isinstance(t, shapes.Type) else t) for n, t in found]
    return []


def _files(text: str) -> Iterator[Choice]:
    """Files and folders that begin so; hidden ones only if asked for."""
    folder, last = os.path.split(text)
    with suppress(OSError):
        for entry in sorted(os.scandir(os.path.expanduser(folder) or "."), key=lambda e: e.name):
            if entry.name.startswith(last) and (last.startswith(".") or not entry.name.startswith(".")):
                name = entry.name + ("/" if entry.is_dir() else "")
                yield Choice(name, len(last), name)


# ---------------------------------------------------------------- lines


def submits(text: str, after: str) -> bool:
    """Whether Enter runs a text, of which `after` stands behind the cursor: it is whole, and nothing but blanks follows."""
    lines = text.split("\n")
    if after.strip():
        return len(lines) == 1
    state = progress(inputs(text)[-1][1])
    blank = len(lines) > 1 and not lines[-1].strip()
    if state is Progress.INCOMPLETE:
        return blank and len(lines) > 2 and not lines[-2].strip()  # two empty lines: show what is missing
    return state is not Progress.OPEN or blank or len(lines) == 1


def indentation(line: str) -> str:
    """Of the line behind this one: deeper if it opens a block or a bracket."""
    indent = line[:len(line) - len(line.lstrip())]
    lexed = lex(Source("", line))
    if not lexed.tokens:
        return indent
    seen = outlook(lexed, expression=not declares(lexed))
    return indent + "  " if seen.opens or seen.brackets else indent
