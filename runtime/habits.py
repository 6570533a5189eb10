"""What people type who come from other prompts: it works here too, or a line says what to write.

What was copied from a prompt is taken without the prompts and the answers.

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
    (rf"(?P<head>{_NAME})(?:\.(?P<at>{_NAME}(?:\.{_NAME}|\[[^\n=]*\])*))", "values don't change",
     "`{head} with {at} = {body}`, which is a copy with that field"),
    (rf"(?P<head>{_NAME})(?P<at>\[[^\n=]*\])", "values don't change", "`{head} with {at} = {body}`, which is a copy with that element"),
))


_PROMPTS = tuple((re.compile(rf"{first}(?: (.*)|\s*)"), re.compile(rf"{more}(?: (.*)|\s*)")) for first, more in (
    ("dv>", r"  \|"), (">>>", r"\.\.\."), (r"In \[\d+\]:", r" *\.\.\.+:")))
"""How an input begins in what was copied from a prompt, and how its further lines do: here, in Python, in IPython."""
_HEAD = re.compile(r"```\w*|\$ (derivant|ipython|python3?)\b.*|derivant \d\S* .*Ctrl-D ends")
"""What stands before the first prompt: the fence of a page, the shell's line, the banner."""


def inputs(text: str, known: Collection[str] = ()) -> list[tuple[int, str]]:
    """The inputs of a text that was copied from a prompt, without the answers; any other text is one input.

    Each comes with the number of lines in front of it.  Where the session knows a `dv`, `dv> 1` is a comparison.
    """
    lines = text.split("\n")
    begins = next((line for line in lines if line.strip() and not _HEAD.fullmatch(line)), "")
    for k, (first, more) in enumerate(_PROMPTS):
        if first.fullmatch(begins) and not (k == 0 and "dv" in known):
            break
    else:
        return [(0, text)]
    found: list[tuple[int, str]] = []
    typed = False
    for number, line in enumerate(lines):
        begun = first.fullmatch(line)
        goes_on = more.fullmatch(line) if typed else None
        if begun:
            found.append((number, begun[1] or ""))
        elif goes_on:
            found[-1] = (found[-1][0], f"{found[-1][1]}\n{goes_on[1] or ''}")
        typed = bool(begun or goes_on)
    return found


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
            body = re.split(r";|#", cell.text[found.end():])[0].strip()
            body = body if body and "\n" not in body and len(body) < 40 and not re.search(r"[^=!<>]=[^=>]", body) else "…"
            span = Span(cell.source(name), cell.line, found.end(), cell.line, found.end() + 1)
            raise errors.SyntaxError("DV0123", what, span, help="write " + help.format(body=body, **{n: t.strip() for n, t in found.groupdict().items()}))
