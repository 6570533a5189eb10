"""From text to tokens: one master regular expression, and hints for what other languages write.

A mistake is noted and a corrected token goes on, so that one wrong character gives one error.
Indentation is the business of layout.py, which also decides where words like `by` are keywords.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from ..compiler.errors import Source, Span, SyntaxError, clean

KEYWORDS = frozenset((
    "and", "assert", "def", "do", "else", "false", "fn", "for", "if", "in", "let", "loop", "match", "not", "or", "then",
    "true", "while", "with"))
"""The words that can name nothing."""

DECLARATIONS = frozenset((
    "adjoint", "derivative", "from", "implicit", "import", "language", "rule", "schedule", "strategy", "test", "type"))
"""Keywords as the first word of a declaration, names elsewhere (`def` and `let` are hard)."""

SOFT = frozenset(("along", "as", "by", "down", "import", "into", "pulls", "when", "where"))
"""Keywords directly behind an operand, names elsewhere."""

MARKS = {
    "->": "ARROW", "@": "AT", "|": "BAR", "<+": "CHOICE", ":": "COLON", ",": "COMMA", ".": "DOT", "..": "DOTDOT",
    "==": "EQ", "=": "EQUAL", "=>": "FATARROW", ">=": "GE", ">": "GT", "{": "LBRACE", "[": "LBRACK", "<=": "LE",
    "(": "LPAR", "<": "LT", "-": "MINUS", "!=": "NE", "%": "PERCENT", "+": "PLUS", "**": "POWER", "}": "RBRACE",
    "]": "RBRACK", ")": "RPAR", ";": "SEMI", "/": "SLASH", "//": "SLASHSLASH", "*": "STAR",
}

OPERAND_ENDS = frozenset((
    "NAME", "CNAME", "NUM", "STRING", "TRUE", "FALSE", "RPAR", "RBRACK", "RBRACE", "PRIME", "UNDERSCORE"))
"""The tokens that end an operand."""


@dataclass(slots=True, eq=False)
class Token:
    """`type` is a terminal of grammar.lark; `first`: the first token of its line."""

    type: str
    text: str
    span: Span
    first: bool = False
    value: float | str | None = None


@dataclass(frozen=True, slots=True)
class Comment:
    """`text` begins with `#`; `own_line`: nothing but blanks before it."""

    span: Span
    text: str
    own_line: bool


@dataclass(slots=True)
class Lexed:
    """The tokens of `source` (the cleaned text), its comments, and what was wrong."""

    source: Source
    tokens: list[Token] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    errors: list[SyntaxError] = field(default_factory=list)
    end: Span | None = None


_MASTER = re.compile(
    r"""
      (?P<newline>\n)
    | (?P<blank>[ \t]+)
    | (?P<comment>\#[^\n]*)
    | (?P<block>/\*(?s:.*?)(?:\*/|\Z)|"{3}(?s:.*?)(?:"{3}|\Z))
    | (?P<word>[^\W\d]\w*)
    | (?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)(?P<tail>\w*)
    | (?P<string>"(?:[^"\\\n]|\\[^\n])*")
    | (?P<foreign>&&|\|\||!==|===|!(?!=)|:=|<>|\.\.\.
        |\*\*=|//=|[+*/%@&|^]=|-=(?!=)|[&^~$?`\\]|[≤≥≠×·⋅÷−–→⇒…“”„≔λ∧∨¬])
    | (?P<mark>->|=>|==|!=|<=|>=|<\+|\*\*|//|\.\.|[-+*/%@<>=()\[\]{},;:.|])
    """,
    re.VERBOSE,
)

_FOREIGN: dict[str, tuple[tuple[str, ...], str]] = {
    "&&": (("and",), "`and` is written as a word"),
    "||": (("or",), "`or` is written as a word"),
    "&": (("and",), "write `and`; there are no operators on bits"),
    "∧": (("and",), "write `and`"),
    "∨": (("or",), "write `or`"),
    "!": (("not",), "`not` is written as a word"),
    "¬": (("not",), "write `not`"),
    "~": (("not",), "write `not`; there are no operators on bits"),
    "^": (("**",), "powers are written `**`"),
    "===": (("==",), "write `==`"),
    "!==": (("!=",), "write `!=`"),
    "<>": (("!=",), "write `!=`"),
    ":=": (("=",), "write `=`"),
    "≔": (("=",), "write `=`"),
    "...": (("..",), "a range is written `a .. b`"),
    "…": (("..",), "a range is written `a .. b`"),
    "≤": (("<=",), "write `<=`"), "≥": ((">=",), "write `>=`"), "≠": (("!=",), "write `!=`"),
    "×": (("*",), "write `*`"), "·": (("*",), "write `*`"), "⋅": (("*",), "write `*`"), "÷": (("/",), "write `/`"),
    "−": (("-",), "write `-`, the plain minus sign"), "–": (("-",), "write `-`, the plain minus sign"),
    "→": (("->",), "write `->`"), "⇒": (("=>",), "write `=>`"),
    "λ": (("fn",), "write `fn x -> …`"),
    "“": ((), "strings are in plain double quotes"), "”": ((), "strings are in plain double quotes"),
    "„": ((), "strings are in plain double quotes"),
    "?": ((), "a choice is written `if c then a else b`"),
    "`": ((), "backquotes have no meaning here"),
    "$": ((), "names consist of letters, digits and `_`"),
    "\\": ((), "a line goes on inside brackets; a function is written `fn x -> …`"),
}
"""What other languages write: the tokens that go on instead, and what to say."""

_COMMENTS = frozenset(("//", "%", ";"))
"""What begins a comment elsewhere; here no line begins so."""

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'", "0": "\0"}
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")


def lex(source: Source) -> Lexed:
    """All tokens of a text, without the end token; never raises."""
    return _Lexer(clean(source)).run()


def word(text: str) -> str:
    """The token type of a word, soft keywords apart."""
    if text in KEYWORDS:
        return text.upper()
    if text == "_":
        return "UNDERSCORE"
    return "CNAME" if text[0].isupper() else "NAME"


class _Lexer:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.text = source.text
        self.out = Lexed(source)
        self.tokens = self.out.tokens
        self.line = 1
        self.line_start = 0
        self.first = True
        self.depth = 0

    def run(self) -> Lexed:
        text, match, position = self.text, _MASTER.match, 0
        special: dict[str, Callable[[int, str], None]] = {
            "comment": self.comment, "block": self.block, "word": self.word, "string": self.string, "foreign": self.foreign}
        while position < len(text):
            m = match(text, position)
            if m is None:
                position = self.bad_character(position)
                continue
            start, position = position, m.end()
            kind = m.lastgroup
            if kind == "mark":
                mark = m.group()
                self.depth += (mark in "([{") - (mark in ")]}")
                if mark == ".":
                    position = self.point(start)
                elif mark in _COMMENTS and self.first and self.depth <= 0:
                    position = self.foreign_comment(start, mark)
                else:
                    self.add(MARKS[mark], mark, start)
            elif kind == "newline":
                self.line += 1
                self.line_start = position
                self.first = True
            elif kind == "blank":
                if self.first and "\t" in m.group():
                    self.tab(start, m.group())
            elif kind == "tail":
                self.number(start, m.group("number"), m.group("tail"))
            elif kind is not None:
                special[kind](start, m.group())
        self.out.end = self.span(len(text), len(text))
        return self.out

    def span(self, start: int, end: int) -> Span:
        base = self.line_start - 1
        return Span(self.source, self.line, start - base, self.line, end - base)

    def add(self, kind: str, text: str, start: int, value: float | str | None = None) -> None:
        base = self.line_start - 1
        span = Span(self.source, self.line, start - base, self.line, start - base + len(text))
        self.tokens.append(Token(kind, text, span, self.first, value))
        self.first = False

    def wrong(self, code: str, message: str, start: int, end: int, help: str | None = None) -> None:
        self.out.errors.append(SyntaxError(code, message, self.span(start, end), help=help))

    # ------------------------------------------------------------ well-formed

    def comment(self, start: int, text: str) -> None:
        self.out.comments.append(Comment(self.span(start, start + len(text)), text.rstrip(), self.first))

    def word(self, start: int, text: str) -> None:
        plain = text.translate(_SUPERSCRIPTS)
        if not text[0].isalpha() and text[0] != "_":
            self.wrong("DV0101", f"a name can't begin with `{text[0]}`", start, start + 1)
        elif plain != text:
            at = next(i for i, (a, b) in enumerate(zip(text, plain, strict=True)) if a != b)
            digits = len(text) - len(text[at:].lstrip("⁰¹²³⁴⁵⁶⁷⁸⁹"))
            rest = f" * {plain[digits:]}" if plain[digits:] else ""
            self.wrong("DV0105", f"`{text[at]}` is not an operator", start + at, start + len(text),
                       f"write `{text[:at]}**{plain[at:digits]}{rest}`")
        self.add(word(text), text, start)

    def number(self, start: int, text: str, tail: str) -> None:
        end = start + len(text)
        point = self.text.startswith(".", end) and not self.text.startswith("..", end)
        if tail and self.tokens and self.tokens[-1].type in ("DEF", "LET") and tail[0].isalpha():
            self.wrong("DV0103", "a name begins with a letter", start, end + len(tail), f"write `{tail}{text}`")
            self.add("NAME", tail, start)
            return
        if tail:
            self.wrong("DV0103", f"the number `{text}` runs into `{tail}`", start, end + len(tail), _tail_help(text, tail))
        elif point:
            digit = self.text[end + 1:end + 2].isdigit()
            message = "a number has one point only" if digit else "a number doesn't end with a point"
            self.wrong("DV0103", message, start, end + 1, None if digit or "." in text or "e" in text.lower() else
                       f"write `{text}.0`, or `{text}`: integers become floats where floats are wanted")
        value: float
        if "." in text or "e" in text or "E" in text:
            value = float(text)
            if value == float("inf"):
                self.wrong("DV0103", "this number is too large for 64 bits", start, end, "infinity is called `inf`")
        elif len(text) > 4000:
            self.wrong("DV0103", "this number has too many digits", start, end)
            value = 0
        else:
            value = int(text)
        self.add("NUM", text, start, value)

    def string(self, start: int, text: str) -> None:
        self.add("STRING", text, start, self.unescape(start + 1, text[1:-1]))

    def unescape(self, start: int, text: str) -> str:
        if "\\" not in text:
            return text
        out, at = [], 0
        while at < len(text):
            if text[at] != "\\":
                out.append(text[at])
                at += 1
                continue
            letter = text[at + 1]
            code = re.compile(r"u\{([0-9a-fA-F]{1,6})\}").match(text, at + 1)
            if letter in _ESCAPES:
                out.append(_ESCAPES[letter])
            elif code and int(code.group(1), 16) < 0x110000:
                out.append(chr(int(code.group(1), 16)))
                at += len(code.group()) - 1
            else:
                self.wrong("DV0104", f"`\\{letter}` has no meaning in a string", start + at, start + at + 2,
                           "a backslash itself is written `\\\\`; there are `\\n`, `\\t`, `\\\"` and `\\u{3b8}`")
            at += 2
        return "".join(out)

    # ------------------------------------------------------------ mistakes

    def tab(self, start: int, blanks: str) -> None:
        at = start + blanks.index("\t")
        self.wrong("DV0102", "a tab in the indentation", at, at + 1, "indent with spaces")

    def foreign_comment(self, start: int, mark: str) -> int:
        """A line that begins with `//`, which no line does outside brackets; returns where it ends."""
        end = self.text.find("\n", start)
        self.wrong("DV0105", "a comment begins with `#`", start, start + len(mark), f"write `#` instead of `{mark}`")
        return len(self.text) if end < 0 else end

    def block(self, start: int, text: str) -> None:
        """`/* … */` and a text in three quotes, which is a value only if something stands in front of it."""
        if text.startswith("/*"):
            self.wrong("DV0105", "a comment begins with `#`", start, start + 2, "write `#` at the beginning of each line")
        elif self.first:
            self.wrong("DV0104", "what a declaration is for stands above it, in lines that begin with `##`", start, start + 3,
                       f"write `## {text[3:].split(chr(10))[0].strip(chr(34)) or '…'}` above it")
        else:
            self.wrong("DV0104", "strings stand between single `\"` and end on the same line", start, start + 3,
                       "write `\\n` for a new line in a string")
            self.add("STRING", '"…"', start, text.strip('"'))
        if "\n" in text:
            self.line += text.count("\n")
            self.line_start = start + text.rindex("\n") + 1

    def foreign(self, start: int, text: str) -> None:
        instead, say = _FOREIGN.get(text, ((), ""))
        if text.endswith("=") and text not in _FOREIGN:
            instead, say = ("=",), f"values don't change; {self.changed(start + len(text), text[:-1])}"
        if text in ("...", "…") and self.tokens and self.tokens[-1].type in ("LBRACE", "LBRACK", "LPAR", "COMMA"):
            say = "all of an axis is `:`; a record is changed by `p with x = 1`"
        if text == "?" and self.tokens and self.tokens[-1].text in ("f32", "f64", "i64", "bool"):
            say = "no type is optional: every value is there"
        self.wrong("DV0105", f"`{text}` is not an operator" if text not in "“”„$`\\" else
                   f"`{text}` has no meaning here", start, start + len(text), say)
        for piece in instead:
            self.add(MARKS[piece] if piece in MARKS else piece.upper(), piece, start)
            self.tokens[-1].span = self.span(start, start + len(text))

    def changed(self, right: int, op: str) -> str:
        """What `a op= b` is written as: `a` are the last tokens, `b` stands in the text at `right`."""
        line = [t for t in self.tokens if t.span.line == self.line]
        end, depth = right, 0
        while end < len(self.text) and self.text[end] not in "\n#;" and (depth or self.text[end] not in ",)]}"):
            depth += (self.text[end] in "([{") - (self.text[end] in ")]}")
            end += 1
        b = self.text[right:end].strip()
        b = b if re.fullmatch(r"\w+(\.\w+)*", b) else f"({b})" if b and not depth and len(b) <= 40 else "…"
        start, depth = len(line), 0
        while start and (depth or line[start - 1].type in ("NAME", "DOT", "RBRACK") and (
                start == len(line) or line[start].type in ("DOT", "LBRACK") or line[start - 1].type == "DOT")):
            start -= 1
            depth += (line[start].type == "RBRACK") - (line[start].type == "LBRACK")
        path = self.text_of(line[start:])
        before = line[start - 1] if start else None
        if before is not None and before.type == "WITH" and start > 1 and line[start - 2].type == "NAME" and path:
            name = line[start - 2].text
            return f"write `with {path} = {name}{'' if path[0] == '[' else '.'}{path} {op} {b}`"
        if not path or line[start].type != "NAME":
            return "a new one is made from it, or use `loop`"
        if before is not None:
            return f"write `{path} {op} {b}`" if before.type == "EQUAL" else "a new one is made from it, or use `loop`"
        if line[0].span.col == 1:
            return f"write `let new = {path} {op} {b}`, with a name of its own"
        name = line[start].text
        inner = path[len(name):].removeprefix(".")
        return f"write `let {name} = {f'{name} with {inner} = ' if inner else ''}{path} {op} {b}`, or use `loop`"

    def text_of(self, tokens: list[Token]) -> str:
        """Tokens of one line as they stand there."""
        if not tokens:
            return ""
        base = self.line_start - 1
        return self.text[tokens[0].span.col + base:tokens[-1].span.end_col + base]

    def point(self, start: int) -> int:
        """A `.`: of a field, or in front of a number that lacks its zero."""
        digits = re.compile(r"\.[0-9]+(?:[eE][+-]?[0-9]+)?").match(self.text, start)
        if digits is None:
            previous = self.tokens[-1] if self.tokens else None
            if previous is not None and previous.type == "NUM" and _touches(previous, self.span(start, start)):
                return start + 1  # `1.`, which has had its error
            self.add("DOT", ".", start)
            return start + 1
        last = self.tokens[-1] if self.tokens else None
        if last is not None and last.type == "NUM" and _touches(last, self.span(start, start)):
            return digits.end()  # `1.2.3`, which has had its error
        if last is not None and last.type in OPERAND_ENDS and _touches(last, self.span(start, start)):
            self.wrong("DV0103", "a number stands where a field's name should", start, digits.end(),
                       f"an element of a tuple is `{last.text}[{digits.group()[1:]}]`")
            return digits.end()
        self.wrong("DV0103", "a number doesn't begin with a point", start, digits.end(), f"write `0{digits.group()}`")
        self.add("NUM", digits.group(), start, float("0" + digits.group()))
        return digits.end()

    def bad_character(self, start: int) -> int:
        """Quotes, and whatever no token begins with; returns where to go on."""
        letter = self.text[start]
        line_end = self.text.find("\n", start)
        line_end = len(self.text) if line_end < 0 else line_end
        if letter == "'":
            return self.quote(start, line_end)
        if letter == '"':
            self.wrong("DV0104", "this string has no end", start, line_end, "strings end with `\"` on the same line")
            self.add("STRING", self.text[start:line_end], start, self.text[start + 1:line_end])
            return line_end
        if letter.isspace():
            self.wrong("DV0101", f"an unusual blank (U+{ord(letter):04X})", start, start + 1, "write a space")
            return start + 1
        if letter.isprintable():
            self.wrong("DV0101", f"the character `{letter}` has no meaning here", start, start + 1)
        else:
            self.wrong("DV0101", f"a character that can't be seen (U+{ord(letter):04X})", start, start + 1, "delete it")
        return start + 1

    def quote(self, start: int, line_end: int) -> int:
        """`'` behind an operand is a derivative; elsewhere it is a string of another language."""
        last = self.tokens[-1] if self.tokens else None
        if last is not None and last.type in ("NAME", "CNAME", "RPAR", "RBRACK", "PRIME") and _touches(
                last, self.span(start, start)):
            self.add("PRIME", "'", start)
            return start + 1
        end = self.text.find("'", start + 1, line_end)
        if end < 0:
            self.wrong("DV0104", "`'` stands only directly behind a function, for its derivative", start, start + 1,
                       "write `f'`; strings are in double quotes")
            return start + 1
        content = self.text[start + 1:end]
        self.wrong("DV0104", "strings are in double quotes", start, end + 1, f'write `"{content}"`')
        self.add("STRING", self.text[start:end + 1], start, content)
        return end + 1


def _touches(token: Token, span: Span) -> bool:
    return token.span.end_line == span.line and token.span.end_col == span.col


def _tail_help(text: str, tail: str) -> str:
    if text == "0" and tail[0] in "xXbBoO":
        return "integers are written in decimal"
    if tail.startswith("_"):
        return f"digits are not grouped: write `{text}{tail.replace('_', '')}`"
    if tail in ("j", "J"):
        return "there are no complex numbers"
    if tail.lower() in ("l", "u", "ul", "d") or tail in ("f", "F") and "." in text:
        return f"a number has no suffix: write `{text}`" + ("; an f32 is made by `f32(…)`" if tail in ("f", "F") else "")
    if tail in ("e", "E"):
        return f"an exponent has digits: `{text}e3`"
    return f"write `{text} * {tail}`"
