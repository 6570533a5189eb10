"""What to do about a token that doesn't fit: say so, mend the tokens, go on.

In this order: a hint of hints_habits.py or hints.py that knows the mistake; the one token that, put in, exchanged or
left out, lets the next ones pass; else the list of what could stand there, and the rest of the
statement is skipped.  All of it runs on the states of the parser alone, without values.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from lark.parsers.lalr_analysis import Shift

from ..compiler.errors import Span, SyntaxError
from .hints import HINTS
from .hints_habits import HABITS
from .lexer import Token
from .messages import Place, described, expected, make_token, spelled

_LOOKAHEAD = 12
"""So many tokens must pass for a repair to be believed."""

_VIRTUAL = frozenset(("INDENT", "DEDENT", "NEWLINE", "$END"))
_BRACKETS = frozenset(("LPAR", "RPAR", "LBRACK", "RBRACK", "LBRACE", "RBRACE"))
_OPERANDS = frozenset(("NAME", "CNAME", "NUM", "STRING", "TRUE", "FALSE", "UNDERSCORE"))
_OPERATORS = ("STAR", "PLUS", "MINUS", "SLASH", "SLASHSLASH", "PERCENT", "AT", "POWER", "EQ", "NE", "LE", "GE", "LT", "GT",
              "AND", "OR")
_FIRST = ("COMMA", "THEN", "DO", "ELSE", "EQUAL", "ARROW", "COLON", "IN", "FATARROW", "WITH", "SEMI", "BAR", "DOT",
          "DOTDOT", "CHOICE")
_LIKE = {"COMMA": ("SEMI", "DOT", "BAR", "WITH", "AND"), "ARROW": ("FATARROW", "COLON", "EQUAL", "DO", "THEN"),
         "DOT": (), "WITH": (), "SEMI": ("COMMA", "AND"), "BAR": ("OR", "COMMA", "SLASH"), "IN": ("EQUAL", "COLON", "LE")}
"""What these are written for by mistake; what is not listed as a key may stand for anything."""

_LAST = (*_OPERATORS, "NAME", "CNAME", "STRING", "NUM")


def repair(conf: Any, tokens: list[Token], at: int) -> tuple[SyntaxError, list[Token]]:
    """The error at `tokens[at]` (the end, if there is none), and tokens that get further; none: give up."""
    states = States(conf)
    stack = states.after(tokens[:at])
    place = Place(tokens, at, states.accepted(stack))
    for hint in (*HABITS, *HINTS):
        fix = hint(place)
        if fix is not None and states.progress(fix.tokens) > at + fix.shift:
            return SyntaxError(fix.code, fix.message, fix.span, help=fix.help), fix.tokens
    for error, mended in _candidates(place):
        if states.passes(stack, mended[at:]):
            return error, mended
    words = expected(place.accepted)
    error = SyntaxError("DV0120", f"{described(place.token)} is not expected here", _where(place),
                        notes=(f"expected: {words}",) if words else ())
    return error, _skip(states, tokens, at)


def _candidates(place: Place) -> Iterator[tuple[SyntaxError, list[Token]]]:
    """All repairs by one token, the best first: exchange, insert, delete."""
    tokens, at, token = place.tokens, place.at, place.token
    order = [k for k in (*_FIRST, *sorted(place.accepted - _VIRTUAL - _BRACKETS - {*_FIRST, *_LAST}), *_LAST)
             if k in place.accepted]
    where = _where(place)
    if place.wants_operand or {"NAME", "UNDERSCORE"} <= place.accepted:
        order = ["NAME"]
    elif token.type not in _VIRTUAL | _BRACKETS | _OPERANDS:
        for kind in order:
            if kind not in _OPERANDS and _plausible(place, kind, token.type):
                what = "an operator" if kind in _OPERATORS else spelled(kind)
                yield (SyntaxError("DV0123", f"{what} is expected here, not {described(token)}", where,
                                   help=None if kind in _OPERATORS else f"write {spelled(kind)}"),
                       [*tokens[:at], make_token(kind, token.span), *tokens[at + 1:]])
    for kind in order:
        if not _plausible(place, kind, None):
            continue
        what = "an operator" if kind in _OPERATORS else spelled(kind)
        if kind == "NAME" and place.accepted & {"NUM", "LPAR"}:
            what = "an expression" if place.wants_operand else "a pattern" if "NUM" in place.accepted else "a type"
        behind = "at the end of the line" if token.type in _VIRTUAL else f"before {described(token)}"
        yield (SyntaxError("DV0121", f"{what} is missing {behind}", where),
               [*tokens[:at], make_token(kind, where), *tokens[at:]])
    if token.type not in _VIRTUAL | _BRACKETS:
        yield (SyntaxError("DV0122", f"{described(token)} is not expected here", where, help="leave it out"),
               tokens[:at] + tokens[at + 1:])


def _plausible(place: Place, kind: str, instead: str | None) -> bool:
    """Whether somebody means this token: for `instead`, or (None) where nothing stands.

    That the parser would take it is not enough: behind an operand it takes `.` and `'`, in front of a
    declaration `import`.  A word of the language is meant if nothing else could stand there.
    """
    if len(place.accepted) == 1:
        return True
    if kind in _FIRST:
        return instead in _LIKE.get(kind, (instead,)) if instead is not None else kind not in ("DOT", "WITH", "CHOICE")
    return kind in _LAST and instead in (None, "BAR", "CHOICE")


def _where(place: Place) -> Span:
    """The token; what has no text is shown behind the last token that has one."""
    if place.token.type not in _VIRTUAL:
        return place.token.span
    for token in reversed(place.tokens[:place.at]):
        if token.type not in _VIRTUAL and token.text:
            s = token.span
            return Span(s.source, s.end_line, s.end_col, s.end_line, s.end_col + 1)
    return place.token.span


def _skip(states: States, tokens: list[Token], at: int) -> list[Token]:
    """The statement, arm or last line around a place is replaced by one that fits; none: no such luck."""
    fillers = (("LET", "UNDERSCORE", "EQUAL", "NAME"), ("NAME",), ("UNDERSCORE", "ARROW", "NAME"))
    start, stop = at, min(at, len(tokens))
    while True:
        start = _edge(tokens, start, -1)
        stop = _edge(tokens, stop, 1)
        if start < 0:
            return []
        follower = tokens[stop].type if stop < len(tokens) else "$END"
        for filler in fillers:
            stack = states.after(tokens[:start + 1])
            if stack and all(states.feed(stack, kind) for kind in (*filler, follower)):
                made = [make_token(kind, tokens[start].span) for kind in filler]
                return tokens[:start + 1] + made + tokens[stop:]
        stop += tokens[stop].type == "DEDENT" if stop < len(tokens) else 0


def _edge(tokens: list[Token], at: int, step: int) -> int:
    """The next NEWLINE, INDENT (backwards) or DEDENT (forwards) of the block that holds a place."""
    enter, leave = ("DEDENT", "INDENT") if step < 0 else ("INDENT", "DEDENT")
    depth = 0
    at += min(0, step)
    while 0 <= at < len(tokens):
        kind = tokens[at].type
        if depth == 0 and kind in (leave, "NEWLINE"):
            return at
        depth += (kind == enter) - (kind == leave)
        at += step
    return at


class States:
    """The automaton of the parser, to be tried out."""

    def __init__(self, conf: Any) -> None:
        self.states = conf.states
        self.start = conf.start_state
        self.end = conf.end_state

    def feed(self, stack: list[int], kind: str) -> bool:
        """Whether a token fits; the stack is changed."""
        while True:
            entry = self.states[stack[-1]].get(kind)
            if entry is None:
                return False
            action, target = entry
            if action is Shift:
                stack.append(target)
                return True
            size = len(target.expansion)
            if size:
                del stack[-size:]
            stack.append(self.states[stack[-1]][target.origin.name][1])
            if kind == "$END" and stack[-1] == self.end:
                return True

    def after(self, tokens: Sequence[Token]) -> list[int]:
        """The stack after these tokens; empty if they don't fit."""
        stack = [self.start]
        return stack if all(self.feed(stack, t.type) for t in tokens) else []

    def progress(self, tokens: list[Token]) -> int:
        """How many of the tokens fit, the end counted too."""
        stack = [self.start]
        for at, token in enumerate(tokens):
            if not self.feed(stack, token.type):
                return at
        return len(tokens) + self.feed(stack, "$END")

    def accepted(self, stack: list[int]) -> frozenset[str]:
        """The tokens that really fit, found by trying; the table's row alone promises too many."""
        kinds = [k for k in self.states[stack[-1]] if k.isupper()]
        return frozenset(k for k in kinds if self.feed(list(stack), k))

    def passes(self, stack: list[int], tokens: list[Token]) -> bool:
        """Whether the next tokens, up to the end, fit."""
        stack = list(stack)
        kinds = [t.type for t in tokens[:_LOOKAHEAD + 1]]
        return all(self.feed(stack, kind) for kind in (kinds if len(kinds) > _LOOKAHEAD else [*kinds, "$END"]))
