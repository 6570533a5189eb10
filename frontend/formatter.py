"""`derivant fmt`: the canonical layout of a program.

The grammar's own tree, with every token in it, becomes a document (document.py); no token is dropped or
moved, so the meaning stays, and comments keep their places between tokens.  What a text decides itself:
whether a body stands on a line of its own, one empty line here and there, and a comma behind the last
element, which keeps a bracket open over several lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import lark

from ..compiler.errors import Source, SyntaxError
from . import syntax as s
from .depth import deep
from .document import Cat, Choice, Doc, Group, Hard, Line, Nest, Place, flat_text, forced, layout, loose
from .formatter_comments import Trivia
from .layout import Chunk
from .layout import layout as blocks
from .lexer import Token, lex
from .parser import parse, raw_tree

WIDTH = 100
_SHORT = 16
"""A bracket that is no longer than this is not opened: it would not get shorter."""

_GLUED = frozenset(("params", "names", "either", "type_sizes", "types_in_parens"))
_LEFT = frozenset(("COMMA", "COLON", "SEMI"))
_CHAINS = frozenset(("chain", "logic", "comparison"))
_HEADS = frozenset(("fn", "match", "for_", "loop"))
_BRACKETS = frozenset(("call", "array", "comp", "tuple_", "paren", "paren_block", "index"))
_RULES = frozenset(("DERIVATIVE", "ADJOINT", "IMPLICIT"))
_SOFT = Line("")

Node = Any  # lark.Tree, or a Token


@deep
def format_source(source: Source, width: int = WIDTH) -> str:
    """The text of a program in canonical layout; raises what `parse` raises.

    Idempotent; line breaks are `\\n`, the text is in normal form C, and ends with a line break.  What is
    nested so deep that a block more is not allowed keeps its layout.
    """
    tree = parse(source)
    lexed = lex(source)
    chunks, _ = blocks(lexed)
    trivia = Trivia(lexed, chunks)
    pieces: list[_Piece] = []
    for chunk in chunks:
        pieces += _pieces(chunk, trivia, width)
    pieces += [_Piece(c.text, c.blank) for c in trivia.at_end]
    out: list[str] = []
    for k, p in enumerate(pieces):
        if k and (p.blank or not p.close and (p.tall or pieces[k - 1].tall)):
            out.append("")
        out.append(p.text)
    text = "\n".join([*out, ""]) if out else ""
    try:
        again = parse(Source(source.name, text))
    except SyntaxError as e:
        if e.code != "DV0130":
            raise AssertionError("another layout, and no program") from e
        return lexed.source.text.rstrip("\n") + "\n"  # as deep as is allowed: a block more is one too many
    if not _same(tree, again):
        raise AssertionError("another layout, another meaning")
    return text


def _same(a: Any, b: Any) -> bool:
    """Whether two trees mean the same: they are equal up to spans and parentheses."""
    while isinstance(a, s.Paren):
        a = a.inner
    while isinstance(b, s.Paren):
        b = b.inner
    if type(a) is not type(b):
        return False
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, s.StrategyDecl):  # its right side is kept as text
        return a.name == b.name and _words(a.text) == _words(b.text)
    if is_dataclass(a):
        return all(_same(getattr(a, f.name), getattr(b, f.name)) for f in fields(a) if f.name != "span")
    return bool(a == b)


def _words(text: str) -> list[str]:
    return [t.text for t in lex(Source("strategy", text)).tokens]


@dataclass(frozen=True, slots=True)
class _Piece:
    """A declaration with the comments directly above it, or a comment that stands alone.

    `blank`: an empty line was above it; `tall`: it wants one above and below; `close`: not above.
    """

    text: str
    blank: bool
    tall: bool = False
    close: bool = False


def _pieces(chunk: Chunk, trivia: Trivia, width: int) -> list[_Piece]:
    first = chunk.tokens[0]
    comments = trivia.leading.pop(first, [])
    lines = [layout(_Formatter(trivia).doc(raw_tree(chunk)), width).rstrip("\n")]
    tall = "\n" in lines[0]
    blank = trivia.blank_above(first.span.line)
    while comments and not blank:
        c = comments.pop()
        lines.append(c.text)
        tall = tall or c.text.startswith("##")
        blank = c.blank or not comments and trivia.blank_before(first)
    alone = [_Piece(c.text, c.blank or k == 0 and trivia.blank_before(first)) for k, c in enumerate(comments)]
    # A rule of a function may follow it closely.
    return [*alone, _Piece("\n".join(reversed(lines)), blank, tall, first.type in _RULES)]


def _first(node: Node) -> Token:
    while isinstance(node, lark.Tree):
        node = next(c for c in node.children if isinstance(c, Token) or c.children)
    token: Token = node
    return token


def _is(node: Node, kind: str) -> bool:
    return isinstance(node, Token) and node.type == kind


def _data(node: Node) -> str:
    return str(node.data) if isinstance(node, lark.Tree) else ""


@dataclass(frozen=True, slots=True)
class _Formatter:
    """One method for each rule of the grammar that is not just words with blanks between them."""

    trivia: Trivia

    def doc(self, node: Node) -> Doc:
        if isinstance(node, Token):
            return self.token(node)
        made: Callable[[list[Node]], Doc] = getattr(self, "n_" + _data(node), self.words)
        return made(node.children)

    def token(self, t: Token) -> Doc:
        """A word with its comments."""
        above, behind = self.trivia.leading.get(t, ()), self.trivia.trailing.get(t, ())
        return Cat([*above, t.text, *behind]) if above or behind else t.text

    def words(self, c: list[Node]) -> Doc:
        """Words with blanks between them, except before `,` `:` `;` and lists of parameters."""
        out: list[Doc] = []
        for node in c:
            if out and not (_data(node) in _GLUED or isinstance(node, Token) and node.type in _LEFT):
                out.append(" ")
            out.append(self.doc(node))
        return Cat(out) if len(out) != 1 else out[0]

    def glued(self, c: Iterable[Node]) -> Doc:
        return Cat(self.doc(node) for node in c)

    n_prime = n_field_of = n_slice = n_path = n_p_num = glued

    # ------------------------------------------------------------ bodies

    def opened(self, c: list[Node]) -> Doc:
        return Cat([self.words(c[:-1]), self.body(c[-1], hug=True)])

    def opened_below(self, c: list[Node]) -> Cat:
        return Cat([self.words(c[:-1]), self.body(c[-1])])

    n_let_pattern = n_let_fn = n_let_either = n_with_item = opened
    n_def_ = n_test = n_derivative = n_adjoint = n_fn = n_arm = n_for_ = n_loop = opened_below

    def n_arg(self, c: list[Node]) -> Doc:
        return self.opened(c) if len(c) > 1 else self.doc(c[0])

    def body(self, body: Node, *, hug: bool = False) -> Doc:
        """What follows `=`, `do`, `then`, `else` or `->`: on the same line, or a block below it.

        `hug`: brackets may open on the same line.
        """
        if _is(body.children[0], "INDENT"):
            return self.block(body.children)
        node = body.children[0]
        data = _data(node)
        doc, in_parens = self.both(node)
        same: Doc = Cat([" ", doc])
        if loose(doc):  # a comment in the middle, which only brackets around it allow
            return same
        head = self.head(doc) if data in _HEADS else None
        if head is not None:
            same = Cat([" ", head])
        if forced(doc):
            below = _block([Hard(), doc])
            return Choice((False, same), (False, below)) if data in _HEADS or hug and data in _BRACKETS else below
        options: list[tuple[bool, Doc]] = [(True, same), (True, _block([Hard(), doc]))]
        if hug and in_parens is not None:
            options.append((False, Cat([" ", in_parens])))
        elif hug and data in _HEADS | _BRACKETS:
            options.append((False, same))
        return Choice(*options, (False, _block([Hard(), doc if in_parens is None else in_parens])))

    def head(self, doc: Doc) -> Doc | None:
        """A loop, `for`, `match` or `fn` whose head is in one line."""
        if not isinstance(doc, Cat) or forced(doc.items[0]):
            return None
        text = flat_text(doc.items[0], 10 * WIDTH)
        return None if text is None else Cat([text, *doc.items[1:]])

    def both(self, node: Node) -> tuple[Doc, Doc | None]:
        """An expression, and if it is a chain also with parentheses, in which its lines may end."""
        if _data(node) not in _CHAINS:
            return self.doc(node), None
        chain = self.chain(node.children)
        if flat_text(chain, _SHORT) is not None:
            return chain, None
        in_parens = Cat(["(", Place(Cat([Nest(Cat([_SOFT, chain])), _SOFT]), inside=True), ")"])
        return _hanging(chain), in_parens

    def whole(self, node: Node) -> Doc:
        """What begins a line: a chain that is too long gets parentheses."""
        doc, in_parens = self.both(node)
        return doc if in_parens is None or forced(doc) else Choice((True, doc), (False, in_parens))

    def block(self, c: list[Node]) -> Doc:
        """INDENT, statements between NEWLINEs, DEDENT."""
        out: list[Doc] = []
        for node in c[1:-1]:
            if _is(node, "NEWLINE"):
                continue
            out += [Hard(bool(out) and self.trivia.blank_before(_first(node))), self.whole(node)]
        return _block([*out, *self.trivia.leading.get(c[-1], ())])

    # ------------------------------------------------------------ declarations

    def n_type_decl(self, c: list[Node]) -> Doc:
        at = next(k for k, node in enumerate(c) if _is(node, "EQUAL"))
        head, rest = self.words(c[:at + 1]), c[at + 1:]
        block = _is(rest[0], "INDENT")
        inner = rest[1] if block else rest[0]
        doc = self.doc(inner)
        end = self.trivia.leading.get(rest[-1], ()) if block else ()
        if _data(inner) == "sum_body":
            lines = _block([*self.constructors(inner.children), *end])
            return Cat([head, lines if block or forced(doc) else Choice((True, Cat([" ", doc])), (False, lines))])
        return Cat([head, _block([Hard(), doc, *end]) if block else Cat([" ", doc])])

    def n_sum_body(self, c: list[Node]) -> Doc:
        lonely = len(c) == 2  # without its bar it would be another name
        return self.words(c if lonely or not _is(c[0], "BAR") or self.trivia.has_comments(c[0]) else c[1:])

    def constructors(self, c: list[Node]) -> list[Doc]:
        """A line for each, with a bar in front."""
        out: list[Doc] = []
        for k, node in enumerate(c):
            if isinstance(node, Token):
                out += [Hard(), self.token(node), " "]
            elif k == 0:
                first = _first(node)
                above = self.trivia.leading.pop(first, [])
                out += [Hard(), *above, "| ", self.doc(node)]
            else:
                out.append(self.doc(node))
        return out

    def n_rule_(self, c: list[Node]) -> Doc:
        at = next(k for k, node in enumerate(c) if _is(node, "FATARROW"))
        return _hanging(Cat([self.words(c[:at + 1]), Line(free=True), self.words(c[at + 1:])]))

    def n_strategy_rhs(self, c: list[Node]) -> Doc:
        if _is(c[0], "INDENT"):
            return _block([Hard(), self.words(c[1:-1]), *self.trivia.leading.get(c[-1], ())])
        return self.words(c)

    def n_strategy(self, c: list[Node]) -> Doc:
        block = _is(c[-1].children[0], "INDENT")
        return Cat([self.words(c[:-1]), "" if block else " ", self.doc(c[-1])])

    # ------------------------------------------------------------ brackets

    def bracket(self, c: list[Node], *, fill: bool = False) -> Doc:
        """An opening bracket, elements between commas, a closing one.

        `fill`: short elements may share lines, otherwise each gets its own.
        """
        inner = c[1:-1]
        keep = len(inner) > 2 and _is(inner[-1], "COMMA")
        docs = [self.doc(node) for node in inner]
        fill = fill and not any(forced(d) or flat_text(d, _SHORT) is None for d in docs)
        end: Doc = Hard() if keep else Group(Line()) if fill else Line()
        items: list[Doc] = []
        for k, (node, doc) in enumerate(zip(inner, docs, strict=True)):
            items.append(doc)
            if isinstance(node, Token) and node.type in ("COMMA", "SEMI") and k < len(inner) - 1:
                items.append(end)
        return self.enclosed(c[0], Cat(items), c[-1])

    def enclosed(self, opening: Token, inside: Cat, closing: Token, blank: str = "") -> Doc:
        """Something in brackets, on one line, or on lines of its own."""
        open_, close = self.token(opening), self.token(closing)
        whole = Cat([open_, inside, close])
        short = None if whole.forced else flat_text(inside, _SHORT)
        if short is not None:
            return Cat([open_, f"{blank}{short}{blank}" if short else "", close])
        edge = Line(blank)
        return Group(Cat([open_, Place(Cat([Nest(Cat([edge, inside])), edge]), inside=True), close]))

    def n_array(self, c: list[Node]) -> Doc:
        return self.bracket(c, fill=True)

    n_params = n_names = n_type_sizes = n_record_body = n_types_in_parens = n_either = bracket
    n_tuple_ = n_p_tuple = n_p_record = n_t_tuple = n_paren_block = bracket

    def behind(self, c: list[Node]) -> Doc:
        """A bracket directly behind what it belongs to."""
        at = next(k for k, node in enumerate(c) if isinstance(node, Token) and node.type in ("LPAR", "LBRACK"))
        return Cat([self.glued(c[:at]), self.bracket(c[at:])])

    n_index = n_t_apply = n_p_ctor = n_path_index = behind

    def n_strategy_atom(self, c: list[Node]) -> Doc:
        return self.behind(c) if len(c) > 1 else self.doc(c[0])

    def n_call(self, c: list[Node]) -> Doc:
        return Cat([self.doc(c[0]), self.bracket([c[1], *c[2].children, c[3]])])

    def n_generated(self, c: list[Node]) -> Doc:
        return Group(Cat([self.doc(c[0]), Line(), self.token(c[1]), " ", self.doc(c[2])]))

    def n_comp(self, c: list[Node]) -> Doc:
        return self.enclosed(c[0], Cat([self.n_generated(c[1:-1])]), c[-1])

    def n_gens(self, c: list[Node]) -> Doc:
        out: list[Doc] = []
        for node in c:
            if _is(node, "COMMA"):
                out += [self.token(node), Line()]
            elif _is(node, "IF"):
                out += [Line(), self.token(node), " "]
            else:
                out.append(self.doc(node))
        return Group(Cat(out))

    def n_into(self, c: list[Node]) -> Doc:
        return Cat([self.token(c[0]), " ", self.bracket(c[1:])])

    def n_paren(self, c: list[Node]) -> Doc:
        inner = self.chain(c[1].children) if _data(c[1]) in _CHAINS else Cat([self.doc(c[1])])
        return self.enclosed(c[0], inner, c[2])

    # ------------------------------------------------------------ expressions

    def chain(self, c: list[Node]) -> Cat:
        """Operands, each with its operator in front."""
        out: list[Doc] = [self.doc(c[0])]
        for k in range(1, len(c), 2):
            out += [Line(), self.token(c[k]), " ", self.doc(c[k + 1])]
        return Cat(out)

    def n_chain(self, c: list[Node]) -> Doc:
        return _hanging(self.chain(c))

    n_logic = n_comparison = n_chain

    def n_unary(self, c: list[Node]) -> Doc:
        return self.glued(c) if _is(c[0], "MINUS") else self.words(c)

    def n_with_one(self, c: list[Node]) -> Doc:
        return _hanging(Cat([self.doc(c[0]), Line(), self.words(c[1:])]))

    def n_with_many(self, c: list[Node]) -> Doc:
        return Cat([self.doc(c[0]), " ", self.token(c[1]), " ", self.bracket(c[2:])])

    def n_path_field(self, c: list[Node]) -> Doc:
        return self.glued(c)

    def n_match(self, c: list[Node]) -> Doc:
        head = self.words(c[:2])
        if _is(c[2], "INDENT"):
            return Cat([head, self.block(c[2:])])
        arms: list[Doc] = []
        for node in c[3:-1]:
            arms += [self.doc(node), Line()] if _is(node, "SEMI") else [self.doc(node)]
        if isinstance(arms[-1], Line):
            arms.pop()
        return Cat([head, " ", self.enclosed(c[2], Cat(arms), c[-1], blank=" ")])

    def n_if_(self, c: list[Node]) -> Doc:
        """A chain of `else if` has all its branches at one column."""
        out: list[Doc] = []
        while True:
            out += [self.token(c[0]), " ", self.doc(c[1]), " ", self.token(c[2]), self.body(c[3]), Line(free=True)]
            out.append(self.token(c[4]))
            following = self.chained(c[5])
            if following is None:
                break
            out.append(" ")
            c = following.children
        out.append(self.body(c[5]))
        return Group(Cat(out))

    def chained(self, body: Node) -> Node | None:
        """The `if` that follows an `else`, also if it stands in a block alone."""
        c = body.children
        if len(c) == 3 and _data(c[1]) == "if_" and not any(map(self.trivia.has_comments, (_first(c[1]), c[2]))):
            return c[1]
        return c[0] if len(c) == 1 and _data(c[0]) == "if_" else None


def _block(lines: list[Doc]) -> Doc:
    return Place(Nest(Cat(lines)), inside=False)


def _hanging(d: Cat) -> Doc:
    """The first part, and the others further to the right if they begin lines."""
    return Group(Cat([d.items[0], Nest(Cat(d.items[1:]))]))
