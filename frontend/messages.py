"""Tokens in words, and what hints.py sees of a place and answers about it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from ..compiler.errors import Span
from .lexer import MARKS, OPERAND_ENDS, Token

_SPELLING = {kind: mark for mark, kind in MARKS.items()} | {"PRIME": "'", "UNDERSCORE": "_"}
LARGE = frozenset(("IF", "FN", "MATCH", "FOR", "LOOP"))
_OPERATORS = frozenset(("PLUS", "STAR", "SLASH", "SLASHSLASH", "PERCENT", "AT", "POWER", "EQ", "NE", "LE", "GE", "LT",
                        "GT", "AND", "OR", "WITH", "DOT", "PRIME"))
STARTS = frozenset(("NAME", "CNAME", "NUM", "STRING", "TRUE", "FALSE", "LPAR"))
ENDS = frozenset(("NEWLINE", "DEDENT", "$END", "RPAR", "RBRACK", "RBRACE", "COMMA", "SEMI"))
_OPENERS = frozenset(("LPAR", "LBRACK", "LBRACE"))
_CLOSERS = frozenset(("RPAR", "RBRACK", "RBRACE"))
_LINE_EDGES = frozenset(("NEWLINE", "INDENT", "DEDENT"))


# ---------------------------------------------------------------- words


def spelled(kind: str) -> str:
    """A terminal in words: `then`, a name, an expression."""
    words = {"NAME": "a name", "CNAME": "a name with a capital", "NUM": "a number", "STRING": "a string",
             "NEWLINE": "a new line", "INDENT": "an indented block", "DEDENT": "the end of the block",
             "$END": "the end of the declaration"}
    return words.get(kind) or f"`{_SPELLING.get(kind, kind.lower())}`"


def described(token: Token) -> str:
    """A token as it is called in a sentence."""
    if token.type in ("NEWLINE", "INDENT", "DEDENT", "$END"):
        return {"NEWLINE": "the end of the line", "INDENT": "an indented line"}.get(token.type, spelled(token.type))
    text = token.text if len(token.text) <= 30 else token.text[:27] + "…"
    return text if token.type == "STRING" else f"`{text}`"


def written(tokens: list[Token]) -> str:
    """Tokens as they stand in the text, or `…` if that is long or on several lines."""
    text = ""
    for before, token in pairwise([tokens[0], *tokens] if tokens else []):
        if token.span.line != before.span.line:
            return "…"
        text += " " * (bool(text) and token.span.col > before.span.end_col) + token.text
    return text if len(text) <= 40 else "…"


def expected(accepted: frozenset[str]) -> str:
    """What could stand there, in words: `an expression`, `a pattern`, `)` or an operator."""
    left = set(accepted)
    words: list[str] = []
    if {"NUM", "LBRACK", "LPAR"} <= left:
        words.append("an expression")
        left -= STARTS | LARGE | {"LBRACK", "MINUS", "NOT", "INDENT"}
    elif {"NUM", "LBRACE", "UNDERSCORE"} <= left:
        words.append("a pattern")
        left -= STARTS | {"LBRACE", "UNDERSCORE", "MINUS"}
    elif {"NAME", "LPAR"} <= left and not left & _OPERATORS:
        words.append("a type")
        left -= {"NAME", "CNAME", "LPAR", "INDENT"}
    if {"PLUS", "STAR"} <= left:
        words.append("an operator")
        left -= _OPERATORS | {"MINUS", "LPAR", "LBRACK"}
    if "NAME" in left:
        left.discard("CNAME")
    order = ("NAME", "CNAME", "NUM", "STRING", "THEN", "ELSE", "DO", "EQUAL", "ARROW", "COMMA", "RPAR", "RBRACK", "RBRACE")
    listed = [k for k in order if k in left] + sorted(left - set(order) - {"DEDENT", "DOWN"})
    marks = [spelled(k) for k in listed]
    words = marks[:5] + words if words and words[0] == "an operator" else words + marks[:5]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}" if words else ""


def make_token(kind: str, span: Span) -> Token:
    """A token that nobody wrote."""
    text = {"NAME": "…", "CNAME": "…", "NUM": "0", "STRING": '"…"'}.get(kind, _SPELLING.get(kind, kind.lower()))
    value = 0 if kind == "NUM" else "…" if kind == "STRING" else None
    return Token(kind, "" if kind in _LINE_EDGES else text, span, value=value)


# ---------------------------------------------------------------- places and fixes


@dataclass(frozen=True)
class Fix:
    """A sentence with mended tokens.

    The parser must take more than `shift` tokens beyond the place to show that the mend is one.
    """

    message: str
    help: str | None
    span: Span
    tokens: list[Token]
    code: str
    shift: int


@dataclass(frozen=True)
class Place:
    """The token that doesn't fit, among the others, and what would."""

    tokens: list[Token]
    at: int
    accepted: frozenset[str]

    def look(self, offset: int) -> Token:
        """The token at some distance; beyond both ends an end token."""
        at = self.at + offset
        if 0 <= at < len(self.tokens):
            return self.tokens[at]
        span = (self.tokens[-1] if at > 0 else self.tokens[0]).span
        return Token("$END", "", Span(span.source, span.end_line, span.end_col, span.end_line, span.end_col + 1))

    @property
    def token(self) -> Token:
        return self.look(0)

    @property
    def previous(self) -> Token:
        return self.look(-1)

    @property
    def wants_operand(self) -> bool:
        """Whether an expression is expected here."""
        return "NUM" in self.accepted and "LBRACK" in self.accepted

    @property
    def after_operand(self) -> bool:
        return self.previous.type in OPERAND_ENDS and "STAR" in self.accepted

    def statement(self) -> int:
        """Where the line of the current block begins that holds the place."""
        depth, at = 0, self.at
        while at > 0:
            kind = self.tokens[at - 1].type
            if depth == 0 and kind in ("INDENT", "NEWLINE"):
                return at
            depth += (kind == "DEDENT") - (kind == "INDENT")
            at -= 1
        return at

    def operand(self) -> list[Token]:
        """The operand that ends in front of the place: a name or literal, or brackets, with all that hangs on it."""
        start = self.at
        while start > 0:
            kind = self.tokens[start - 1].type
            start = self.opening(start - 1) if kind in _CLOSERS else start - 1
            before = self.tokens[start - 1].type if start > 0 else "$END"
            if start < 0 or not (kind in ("PRIME", "DOT") or before == "DOT" or
                                 kind in _CLOSERS and kind != "RBRACE" and before in OPERAND_ENDS):
                break
        return self.tokens[max(0, start):self.at]

    def operand_after(self) -> list[Token]:
        """The operand that begins at the place."""
        stop = self.closing(self.at) + 1 if self.token.type in _OPENERS else self.at + 1
        while stop < len(self.tokens):
            kind = self.tokens[stop].type
            if kind in ("LPAR", "LBRACK"):
                stop = self.closing(stop) + 1
            elif kind in ("PRIME", "DOT") or self.tokens[stop - 1].type == "DOT":
                stop += 1
            else:
                break
        return self.tokens[self.at:stop]

    def flat(self, start: int, *kinds: str) -> int | None:
        """The first token of these kinds behind `start` in the same line and brackets."""
        depth = 0
        for at in range(start, len(self.tokens)):
            kind = self.tokens[at].type
            if depth == 0 and kind in kinds:
                return at
            if depth == 0 and (kind in _CLOSERS or kind in _LINE_EDGES):
                return None
            depth += (kind in _OPENERS) - (kind in _CLOSERS)
        return None

    def end(self, start: int) -> int:
        """Where an expression that begins at `start` ends at the latest."""
        depth = 0
        for at in range(start, len(self.tokens)):
            kind = self.tokens[at].type
            if depth == 0 and kind in ENDS:
                return at
            depth += kind in ("LPAR", "LBRACK", "LBRACE", "INDENT")
            depth -= kind in ("RPAR", "RBRACK", "RBRACE", "DEDENT")
        return len(self.tokens)

    def opening(self, at: int) -> int:
        """The innermost bracket that is open before a token; for a closing one its own; -1 if there is none."""
        depth = 0
        for k in range(at - 1, -1, -1):
            depth += (self.tokens[k].type in _CLOSERS) - (self.tokens[k].type in _OPENERS)
            if depth < 0:
                return k
        return -1

    def closing(self, at: int) -> int:
        """The bracket that closes the one at a place; the end if nothing does."""
        depth = 0
        for k in range(at, len(self.tokens)):
            depth += (self.tokens[k].type in _OPENERS) - (self.tokens[k].type in _CLOSERS)
            if depth == 0:
                return k
        return len(self.tokens)

    def fix(self, message: str, help: str | None, start: int, stop: int, *kinds: str | Token, code: str = "DV0127",
            span: Span | None = None) -> Fix:
        """Tokens `start` to `stop` (relative to the place) replaced by others."""
        first, last = self.at + start, self.at + stop
        if span is None:
            span = self.look(start).span if stop <= start else self.look(start).span.to(self.look(stop - 1).span)
        base = self.look(start).span
        made = [k if isinstance(k, Token) else make_token(k, base) for k in kinds]
        tokens = self.tokens[:first] + made + self.tokens[last:]
        return Fix(message, help, span, tokens, code, len(made) - (last - first))
