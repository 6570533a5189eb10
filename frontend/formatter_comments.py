"""Where comments belong: behind a token, above one, or at the end of a block."""

from __future__ import annotations

from .document import Comment
from .layout import Chunk
from .lexer import Comment as Written
from .lexer import Lexed, Token

_VIRTUAL = frozenset(("INDENT", "DEDENT", "NEWLINE"))


class Trivia:
    """The comments of a text by the token that they stand at, and its empty lines.

    `leading`: on lines of their own above a token; of a DEDENT, at the end of its block, which they are
    by their column.  `trailing`: behind a token on its line.  `at_end`: behind everything.
    """

    def __init__(self, lexed: Lexed, chunks: list[Chunk]) -> None:
        self.leading: dict[Token, list[Comment]] = {}
        self.trailing: dict[Token, list[Comment]] = {}
        self.at_end: list[Comment] = []
        self._lines = lexed.source.text.split("\n")
        self._blank: dict[Token, bool] = {}
        self._comments = lexed.comments[::-1]
        self._attach(chunks)

    def has_comments(self, t: Token) -> bool:
        return t in self.leading or t in self.trailing

    def blank_above(self, line: int) -> bool:
        """Whether the line above is empty."""
        return line > 1 and not self._lines[line - 2].strip()

    def blank_before(self, t: Token) -> bool:
        """Whether there is an empty line above a token and its comments."""
        return self._blank.get(t, False)

    # ------------------------------------------------------------ attaching

    def _attach(self, chunks: list[Chunk]) -> None:
        columns: list[int] = []
        ended: list[tuple[Token, int]] = []  # blocks that ended since the last token, with their columns
        last: Token | None = None
        for chunk in chunks:
            for k, t in enumerate(chunk.tokens):
                if t.type == "INDENT":
                    columns.append(t.span.col)
                elif t.type == "DEDENT":
                    ended.append((t, columns.pop()))
                elif t.type not in _VIRTUAL:
                    self._before(t, self._until(t, last), ended, declares=k == 0)
                    last, ended = t, []
        self.at_end = self._shared(self._until(None, last), ended)

    def _until(self, t: Token | None, last: Token | None) -> list[Written]:
        """The comments on lines of their own in front of a token; others go behind the last one."""
        found: list[Written] = []
        while self._comments and (t is None or _place(self._comments[-1]) < (t.span.line, t.span.col)):
            c = self._comments.pop()
            if c.own_line or last is None:
                found.append(c)
            else:
                self.trailing.setdefault(last, []).append(Comment(c.text, own=False))
        return found

    def _before(self, t: Token, found: list[Written], ended: list[tuple[Token, int]], declares: bool) -> None:
        docs: list[Written] = []
        line = t.span.line - 1
        while declares and found and found[-1].text.startswith("##") and found[-1].span.line == line:
            docs.insert(0, found.pop())
            line -= 1
        own = self._shared(found, ended) + [self._comment(c) for c in docs]
        gap = self.blank_above(t.span.line)
        self._blank[t] = own[0].blank if own else gap
        if own:
            own[0] = Comment(own[0].text, True, False, own[0].gap)
            own[-1] = Comment(own[-1].text, True, own[-1].blank, gap)
            self.leading[t] = own

    def _shared(self, found: list[Written], ended: list[tuple[Token, int]]) -> list[Comment]:
        """Gives comments to the blocks that they are indented for; returns those that are left."""
        rest = list(found)
        for token, column in ended:
            while rest and rest[0].span.col >= column:
                self.leading.setdefault(token, []).append(self._comment(rest.pop(0)))
        return [self._comment(c) for c in rest]

    def _comment(self, c: Written) -> Comment:
        return Comment(c.text, True, self.blank_above(c.span.line))


def _place(c: Written) -> tuple[int, int]:
    return c.span.line, c.span.col
