"""What is typed at a prompt: cut into declarations, expressions and commands, and judged complete or not.

A text is incomplete if a further line can make it right and it is not right without: the answer comes
from the lexer, the layout and the states of the parser, so it is never a guess.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from ..compiler.errors import Source, Span, clean
from .layout import Outlook, declares, outlook
from .lexer import lex
from .parser import name_last, states

COMMANDS = (":", "?", "%", "!")
"""What a command begins with, here and at other prompts."""

_GOES_ON = ("then", "else", "|", "=>")
_MORE = frozenset(("NEWLINE", "ELSE", "THEN", "BAR", "FATARROW"))
"""With these a further line can continue a declaration that has no bracket open and no block to begin."""


@dataclass(frozen=True, slots=True)
class Cell:
    """`kind` is "command", "declaration" or "expression"; `line` is its first line in the whole text."""

    kind: str
    text: str
    line: int

    def source(self, name: str) -> Source:
        """Its text as a source of its own, in which lines are counted as in the whole text."""
        return Source(name, "\n" * (self.line - 1) + self.text)

    def span(self, name: str) -> Span:
        """Its first line."""
        return Span(self.source(name), self.line, 1, self.line, len(self.text.split("\n")[0]) + 1)


class Progress(Enum):
    """Of a text at a prompt; what no further line can mend is complete, so that its error is shown."""

    EMPTY = "nothing to run"
    INCOMPLETE = "it needs another line"
    OPEN = "it can be run, but may go on"
    COMPLETE = "nothing can follow"


def cells(text: str, line: int = 1) -> Iterator[Cell]:
    """The declarations, expressions and commands of a text, in order; comments alone are none."""
    lines: list[str] = []
    start = line
    for number, each in enumerate(clean(Source("", text)).text.split("\n"), line):
        if lines and _begins(each) and (_has_code(lines) or each[0] in COMMANDS) and _may_end(lines, each):
            yield from _cell(lines, start)
            lines = []
        if not lines:
            start = number
        if each[:1] in COMMANDS and each and not lines:
            yield Cell("command", each.strip(), number)
        else:
            lines.append(each)
    yield from _cell(lines, start)


def _cell(lines: list[str], start: int) -> Iterator[Cell]:
    if _has_code(lines):
        text = "\n".join(lines).rstrip()
        kind = "declaration" if declares(lex(Source("", text))) else "expression"
        yield Cell(kind, text, start)


def _begins(line: str) -> bool:
    """Whether a line could be the first one of a declaration, an expression or a command."""
    plain = line[:1] not in ("", " ", "\t", "#") or line.startswith("##")
    return plain and not line.startswith(_GOES_ON)


def _has_code(lines: list[str]) -> bool:
    return any(s and not s.isspace() and not s.lstrip().startswith("#") for s in lines)


def _may_end(lines: list[str], following: str) -> bool:
    """Whether no bracket is open in front of a line (or the line declares something, which ends everything)."""
    if declares(lex(Source("", following))):
        return True
    return not _outlook("\n".join(lines))[1].brackets


def _outlook(text: str) -> tuple[str, Outlook]:
    lexed = lex(Source("", text))
    start = "decl" if declares(lexed) else "expr"
    return start, outlook(lexed, expression=start == "expr")


def progress(text: str) -> Progress:
    """Whether a text is complete: the last of its cells decides."""
    last = None
    for last in cells(text):
        pass
    if last is None:
        return Progress.INCOMPLETE if any(s.startswith("##") for s in text.split("\n")) else Progress.EMPTY
    if last.kind == "command":
        return Progress.COMPLETE
    start, seen = _outlook(last.text)
    if seen.wrong:
        return Progress.COMPLETE
    name_last(seen.tokens, start, "_")
    automaton = states(start)
    stack = automaton.after(seen.tokens)
    if not stack:
        return Progress.COMPLETE
    if seen.brackets:
        return Progress.INCOMPLETE
    accepted = automaton.accepted(stack)
    if seen.opens and "INDENT" in accepted:
        return Progress.INCOMPLETE
    more = bool(accepted & _MORE)
    for _ in range(seen.blocks):  # what goes on may belong to a block further out
        whole = automaton.feed(stack, "DEDENT")
        more = more or whole and bool(automaton.accepted(stack) & _MORE)
        if not whole:
            break
    if automaton.feed(stack, "$END"):
        return Progress.OPEN if more else Progress.COMPLETE
    return Progress.INCOMPLETE if more else Progress.COMPLETE
