"""Blocks by indentation: adds INDENT, DEDENT and NEWLINE, and cuts the text into declarations.

A line that ends with `=`, `do`, `then`, `else` or `->`, or whose `match e` waits for its arms, opens a
block, also inside brackets.  A stack holds the open brackets and blocks:

- a lower line ends blocks; inside a bracket without a NEWLINE, because the bracket goes on;
- a closing bracket, `;` or `,` ends the blocks opened since its bracket (but the commas between the
  generators of a `for … do` and the one of `assert` belong to the block);
- a line that begins with `else`, `then`, `|` or `=>`, or that follows a `=>`, continues the one before;
- a declaration at column 1 ends everything, also an open bracket.

Here too a mistake is repaired after it was noted, and the lines where that happened are remembered:
what the parser finds wrong there is noise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from ..compiler.errors import Label, Span, SyntaxError
from .lexer import DECLARATIONS, OPERAND_ENDS, SOFT, Lexed, Token

MAX_DEPTH = 200
"""Brackets and blocks inside each other, and levels of a syntax tree."""

_OPENERS = frozenset(("EQUAL", "DO", "THEN", "ELSE", "ARROW"))
_CONTINUES = frozenset(("ELSE", "THEN", "BAR", "FATARROW"))
_CLOSING = {"LPAR": ("RPAR", ")"), "LBRACK": ("RBRACK", "]"), "LBRACE": ("RBRACE", "}")}
_CLOSERS = frozenset(("RPAR", "RBRACK", "RBRACE"))
_ENDS_BLOCKS = _CLOSERS | {"COMMA", "SEMI"}
_SPELLED = {"EQUAL": "=", "DO": "do", "THEN": "then", "ELSE": "else", "ARROW": "->"}


@dataclass(slots=True)
class Chunk:
    """The tokens of one declaration; `noise`: lines with an error of their own already.

    `lost_from`: behind this line brackets were repaired by guessing; `too_deep`: not to be parsed.
    """

    tokens: list[Token] = field(default_factory=list)
    noise: set[int] = field(default_factory=set)
    lost_from: int | None = None
    too_deep: bool = False


@dataclass(slots=True)
class _Frame:
    """A block (`bracket` is None) or a bracket.  `fors`: heads that wait for their `do`."""

    bracket: Token | None
    column: int
    match: Token | None = None
    fors: int = 0
    asserting: bool = False

    def next_line(self) -> None:
        self.match, self.fors, self.asserting = None, 0, False


def layout(lexed: Lexed, *, expression: bool = False) -> tuple[list[Chunk], list[SyntaxError]]:
    """The declarations of a text (or the one expression), ready for the parser."""
    pass_ = _Layout(lexed, expression)
    pass_.run()
    return [c for c in pass_.chunks if c.tokens or c.too_deep], pass_.errors


@dataclass(slots=True)
class Outlook:
    """How far the last declaration of a text (or the one expression) has come.

    `blocks` and `brackets` are open at its end; `opens`: the next line would begin a block; `wrong`: no
    line can mend it.
    """

    tokens: list[Token]
    blocks: int
    brackets: int
    opens: bool
    wrong: bool


def outlook(lexed: Lexed, *, expression: bool = False) -> Outlook:
    """What the end of a text leaves open, for a prompt that has to know whether to go on asking."""
    pass_ = _Layout(lexed, expression)
    pass_.read()
    out = pass_.out
    opens = bool(out) and (out[-1].type in _OPENERS or pass_.frames[-1].match is not None)
    blocks = sum(f.bracket is None for f in pass_.frames[1:])
    wrong = bool(lexed.errors or pass_.errors) or pass_.chunk.too_deep
    return Outlook(out, blocks, pass_.brackets, opens, wrong)


def declares(lexed: Lexed) -> bool:
    """Whether a text begins with a declaration."""
    return bool(lexed.tokens) and _Layout(lexed, False).declares(0)


class _Layout:
    def __init__(self, lexed: Lexed, expression: bool) -> None:
        self.lexed = lexed
        self.tokens = lexed.tokens
        self.expression = expression
        column = lexed.tokens[0].span.col if expression and lexed.tokens else 1
        self.frames = [_Frame(None, column)]
        self.brackets = 0
        self.chunk = Chunk()
        self.out = self.chunk.tokens
        self.chunks = [self.chunk]
        self.errors: list[SyntaxError] = []
        self.noise = {e.span.line for e in lexed.errors if e.span is not None}
        self.chunk.noise = self.noise

    def run(self) -> None:
        self.read()
        self.close_brackets(None)
        self.close_blocks(0)

    def read(self) -> None:
        for at, token in enumerate(self.tokens):
            if self.chunk.too_deep:
                if not (token.first and token.span.col == 1 and self.declares(at)):
                    continue
                self.end_declaration()
            if token.text == "elif" and self.is_elif(at):
                self.wrong("DV0113", "there is no `elif`", token.span, help="write `else if`")
                parts = [Token("ELSE", "else", token.span, token.first), Token("IF", "if", token.span)]
            else:
                parts = [token]
            for part in parts:
                if part.first:
                    self.begin_line(part, at)
                self.add(part)

    # ------------------------------------------------------------ lines

    def begin_line(self, token: Token, at: int) -> None:
        column = token.span.col
        if not self.out:
            if column != self.frames[0].column:
                self.wrong("DV0110", "a declaration begins at the left margin", token.span, help="remove the blanks")
            return
        if self.brackets and column == 1 and not self.expression and self.declares(at):
            self.close_brackets(token)
        previous, top = self.out[-1], self.frames[-1]
        opener = top.match if top.match is not None and previous.type not in _OPENERS else \
            previous if previous.type in _OPENERS else None
        if opener is not None and self.open_block(opener, token, at):
            return
        if top.bracket is not None or previous.type == "FATARROW" and column > top.column:
            return
        if token.type in _CONTINUES:
            self.close_blocks(column)
        elif column > top.column:
            self.unexpected_indent(token)
        else:
            self.between(token)
            self.close_blocks(column)
            self.next_line(token)

    def between(self, token: Token) -> None:
        """Refuses a column between those of two blocks, and takes the line for one of the inner block."""
        column = token.span.col
        for outer, inner in pairwise(self.frames):
            if outer.bracket is None and inner.bracket is None and outer.column < column < inner.column:
                self.wrong("DV0110", "this line's indentation fits no line above it", token.span,
                           help=f"begin it at column {inner.column} or {outer.column}")
                inner.column = column

    def next_line(self, token: Token) -> None:
        """The token begins a line of its block, or goes on in a bracket."""
        top = self.frames[-1]
        if top.bracket is not None:
            return
        if len(self.frames) == 1 and not self.expression:
            self.end_declaration()
        else:
            top.next_line()
            self.virtual("NEWLINE", token.span)

    def open_block(self, opener: Token, token: Token, at: int) -> bool:
        """Whether the line begins a block; if its indentation says no, its place is filled."""
        top = self.frames[-1]
        is_match = opener is top.match
        top.match = None
        enclosing = next(f.column for f in reversed(self.frames) if f.bracket is None)
        if token.span.col > enclosing:
            self.virtual("INDENT", token.span)
            self.push(_Frame(None, token.span.col), token)
            return True
        what = "the arms of this `match`" if is_match else f"what follows `{opener.text}`"
        self.missing_block(opener, is_match, f"{what} should stand here or indented on the next line")
        if token.span.col == 1 and not self.declares(at):
            self.noise.add(token.span.line)  # the body, not indented: one error is enough
        return False

    def missing_block(self, opener: Token, is_match: bool, message: str) -> None:
        self.wrong("DV0111", message, opener.span)
        end = _behind(self.out[-1].span)
        if is_match:
            filler = [("INDENT", ""), ("UNDERSCORE", "_"), ("ARROW", "->"), ("NAME", "…"), ("DEDENT", "")]
        elif opener.type == "EQUAL" and self.out[0].type == "TYPE":
            filler = [("CNAME", "…")]
        else:
            filler = [("NAME", "…")]
        self.out.extend(Token(kind, text, end) for kind, text in filler)

    def unexpected_indent(self, token: Token) -> None:
        """A line is indented and nothing opened a block: what was forgotten?"""
        last = self.out[-1]
        colon = last.type == "COLON"
        missing = unfinished_head(self.line(), in_arms=self.in_arms())
        if colon and len(self.out) > 1 and self.out[-2].type in _OPENERS:
            self.wrong("DV0111", f"no `:` behind `{self.out[-2].text}`", last.span, help="leave it out")
            self.out.pop()
        elif missing is not None:
            mark = _SPELLED[missing]
            if colon:
                self.wrong("DV0111", f"`{mark}` is wanted here, not `:`", last.span, help=f"write `{mark}`")
                self.out.pop()
            else:
                self.wrong("DV0111", f"`{mark}` is missing at the end of this line", _behind(last.span),
                           help=f"write `{mark}` before the line ends")
            self.chunk.noise.add(last.span.line)
            self.out.append(Token(missing, mark, last.span))
        else:
            self.wrong("DV0110", "this line is indented, but the line before it opens no block", token.span,
                       help="begin it where the line before begins; an expression goes on over several lines "
                            "inside brackets")
            if colon:
                self.out.pop()
            return
        self.virtual("INDENT", token.span)
        self.push(_Frame(None, token.span.col), token)

    def line(self) -> list[Token]:
        """The tokens of the current line so far, without what stands in brackets."""
        kept: list[Token] = []
        depth = 0
        for token in reversed(self.out):
            if token.type in _CLOSERS:
                depth += 1
            elif token.type in _CLOSING:
                depth -= 1
            elif depth == 0:
                if token.type in ("NEWLINE", "INDENT", "DEDENT"):
                    break
                kept.append(token)
        return kept[::-1]

    def in_arms(self) -> bool:
        """Whether the innermost block holds the arms of a `match`."""
        depth = 0
        for at in range(len(self.out) - 1, -1, -1):
            kind = self.out[at].type
            depth += (kind == "DEDENT") - (kind == "INDENT")
            if depth < 0:
                return self.out[at - 1].type not in _OPENERS
        return False

    # ------------------------------------------------------------ tokens

    def add(self, token: Token) -> None:
        """Passes one token on; soft keywords get their type here."""
        kind, top = token.type, self.frames[-1]
        if kind == "NAME":
            if self.out:
                soft = token.text in SOFT and (self.out[-1].type in OPERAND_ENDS or self.out[-1].type == "DOWN")
            else:
                soft = token.text in DECLARATIONS and not self.expression
            if soft:
                token.type = token.text.upper()
        elif kind in _ENDS_BLOCKS:
            self.end_blocks_in_bracket(token)
            if kind in _CLOSERS and not self.close(token):
                return
        elif kind in _CLOSING:
            if kind == "LBRACE":
                top.match = None
            self.brackets += 1
            self.push(_Frame(token, token.span.col), token)
        elif kind == "MATCH" and not (self.out and self.out[-1].type in ("DOT", "LET", "DEF")):
            top.match = token
        elif kind == "FOR":
            top.fors += 1
        elif kind == "DO":
            top.fors = max(0, top.fors - 1)
        elif kind == "ASSERT":
            top.asserting = True
        if not self.chunk.too_deep:
            self.out.append(token)

    def end_blocks_in_bracket(self, token: Token) -> None:
        while self.brackets and self.frames[-1].bracket is None:
            top = self.frames[-1]
            if token.type == "COMMA" and (top.fors or top.asserting):
                top.asserting = top.asserting and top.fors > 0
                return
            self.frames.pop()
            self.virtual("DEDENT", token.span)

    def close(self, token: Token) -> bool:
        """A closing bracket: whether it is to be passed on."""
        opening = self.frames[-1].bracket
        if opening is None:
            self.wrong("DV0112", f"nothing is open that this `{token.text}` could close", token.span,
                       help="delete it, or write the opening bracket")
            return False
        want, spelled = _CLOSING[opening.type]
        if token.type != want:
            below = [f for f in self.frames if f.bracket is not None and _CLOSING[f.bracket.type][0] == token.type]
            self.wrong("DV0112", f"`{spelled}` is wanted here, not `{token.text}`", token.span,
                       labels=(Label(opening.span, "this is open"),))
            self.chunk.lost_from = min(self.chunk.lost_from or token.span.line, token.span.line)
            if below:
                self.frames.pop()
                self.brackets -= 1
                self.out.append(Token(want, spelled, token.span))
                self.end_blocks_in_bracket(token)
                return self.close(token)
            token.type = want
        self.frames.pop()
        self.brackets -= 1
        return True

    # ------------------------------------------------------------ closing

    def close_blocks(self, column: int) -> None:
        while len(self.frames) > 1 and self.frames[-1].bracket is None and column < self.frames[-1].column:
            self.frames.pop()
            self.virtual("DEDENT", self.out[-1].span)

    def close_brackets(self, token: Token | None) -> None:
        """A declaration or the end of the text stands where brackets are open."""
        while self.brackets:
            self.close_blocks(0)
            opening = self.frames.pop().bracket
            assert opening is not None
            self.brackets -= 1
            kind, spelled = _CLOSING[opening.type]
            if self.brackets == 0 or self.chunk.lost_from is None:
                label = () if token is None else (Label(token.span, "a declaration begins here"),)
                self.wrong("DV0112", f"this `{opening.text}` is not closed", opening.span, labels=label,
                           help=f"write `{spelled}` where it ends")
            self.chunk.lost_from = min(self.chunk.lost_from or opening.span.line, opening.span.line)
            self.out.append(Token(kind, spelled, _behind(self.out[-1].span)))

    def end_declaration(self) -> None:
        self.frames = [_Frame(None, 1)]
        self.brackets = 0
        self.chunk = Chunk(noise=self.noise)
        self.chunks.append(self.chunk)
        self.out = self.chunk.tokens

    # ------------------------------------------------------------ small things

    def push(self, frame: _Frame, token: Token) -> None:
        self.frames.append(frame)
        if len(self.frames) > MAX_DEPTH + 1:
            self.errors.append(too_deep(token.span))
            self.chunk.too_deep = True
            self.frames = self.frames[:1]
            self.brackets = 0

    def declares(self, at: int) -> bool:
        """Whether a declaration begins with the token at this place."""
        token = self.tokens[at]
        if token.type in ("DEF", "LET"):
            return True
        follower = self.tokens[at + 1] if at + 1 < len(self.tokens) else None
        if token.type != "NAME" or token.text not in DECLARATIONS or follower is None or follower.first:
            return False
        return follower.type in ("NAME", "CNAME", "STRING") or token.text == "language" and follower.type == "NUM"

    def is_elif(self, at: int) -> bool:
        """Whether a name `elif` stands for `else if`: an operand follows and then `then` or `:`."""
        token = self.tokens[at]
        if at == 0 or not (token.first or self.out and self.out[-1].type in OPERAND_ENDS):
            return False
        rest = self.tokens[at + 1:at + 80]
        line = [t for t in rest if t.span.line == token.span.line]
        return bool(line) and line[0].type in ("NAME", "CNAME", "NUM", "NOT", "MINUS", "LPAR", "TRUE", "FALSE") and any(
            t.type in ("THEN", "COLON") for t in line)

    def virtual(self, kind: str, span: Span) -> None:
        self.out.append(Token(kind, "", Span(span.source, span.line, span.col, span.line, span.col)))

    def wrong(self, code: str, message: str, span: Span, *, labels: tuple[Label, ...] = (),
              help: str | None = None) -> None:
        self.errors.append(SyntaxError(code, message, span, labels=labels, help=help))
        self.noise.add(span.line)


def too_deep(span: Span) -> SyntaxError:
    return SyntaxError("DV0130", f"this is nested more than {MAX_DEPTH} levels deep", span,
                       help="give parts of it names with `let` or `def`")


def unfinished_head(line: list[Token], *, in_arms: bool) -> str | None:
    """The token that a line lacks before a block may follow: `if c` lacks THEN."""
    wanted: list[str] = []
    closes = {"IF": "THEN", "FOR": "DO", "WHILE": "DO", "FN": "ARROW", "DEF": "EQUAL", "LET": "EQUAL", "TEST": "EQUAL",
              "TYPE": "EQUAL", "DERIVATIVE": "EQUAL", "ADJOINT": "EQUAL"}
    if in_arms:
        wanted.append("ARROW")
    for token in line:
        if token.type == "LOOP":
            wanted += ["DO", "EQUAL"]
        elif token.type in ("FOR", "WHILE") and wanted and wanted[-1] == "DO":
            continue  # of this loop
        elif token.type in closes:
            wanted.append(closes[token.type])
        elif wanted and token.type == wanted[-1]:
            wanted.pop()
    return wanted[-1] if wanted else None


def _behind(span: Span) -> Span:
    """The place directly behind a span."""
    return Span(span.source, span.end_line, span.end_col, span.end_line, span.end_col + 1)
