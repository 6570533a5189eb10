"""What people type who come from other prompts: it works here too, or a line says what to write.

The commands of IPython and ghci have their place in the table of `repl_commands.py`; here is what those
prompts take without a `:`, and Python's assignments.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from ..compiler import errors
from ..compiler.errors import Span
from ..frontend.cells import Cell

_WORDS = (
    (re.compile(r"(?:quit|exit)(?:\s*\(\s*\))?"), ":quit"),
    (re.compile(r"help(?:\s*\(\s*\))?"), ":help"),
    (re.compile(r"help\s*\(\s*(\w+'*)\s*\)|help\s+(\w+'*)"), "?"),
    (re.compile(r"(\w+'*)\s*\?"), "?"),
    (re.compile(r"(\w+'*)\s*\?\?"), "??"),
)

_NAME = r"[^\W\d]\w*'*"
_EQUALS = r"[ \t]*=(?![=>])"
_ASSIGNMENTS = tuple((re.compile(head + _EQUALS), what, help) for head, what, help in (
    (rf"(?P<head>{_NAME}[ \t]*(?::[^=\n]*?)?)", "a value is named with `let`", "`let {head} = {body}`"),
    (rf"(?P<head>{_NAME}\([^()=\n]*\)[ \t]*(?:->[^=\n]*?)?)", "a function is declared with `def`", "`def {head} = {body}`"),
    (rf"\(?(?P<head>{_NAME}(?:[ \t]*,[ \t]*{_NAME})+)\)?", "values are named with `let`", "`let ({head}) = …`"),
    (rf"(?P<head>{_NAME})(?P<at>\[[^\n=]*\])", "values don't change", "`{head} with {at} = {body}`, which is a copy with that element"),
))


def command(text: str, known: Collection[str]) -> str | None:
    """The command that a text stands for, if its words are no names of the session: `:quit` for `exit()`."""
    for pattern, short in _WORDS:
        found = pattern.fullmatch(text.strip())
        if found and (short[0] == "?" and found[0].endswith("?") or re.split(r"\W", found[0])[0] not in known):
            return short + next(filter(None, found.groups()), "")
    return None


def refuse_assignment(cell: Cell, name: str) -> None:
    """`x = 3`, `f(x) = x`, `a, b = 1, 2`, `x[0] = 3`: an error that says how it is written."""
    for pattern, what, help in _ASSIGNMENTS:
        found = pattern.match(cell.text)
        if found:
            body = cell.text[found.end():].strip()
            body = body if body and "\n" not in body and len(body) < 40 else "…"
            span = Span(cell.source(name), cell.line, found.end(), cell.line, found.end() + 1)
            raise errors.SyntaxError("DV0123", what, span, help="write " + help.format(body=body, **{n: t.strip() for n, t in found.groupdict().items()}))
