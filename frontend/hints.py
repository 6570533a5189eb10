"""Hints: sentences for the mistakes that people make, with what they meant.

A hint looks at the token, its neighbours and the tokens that the parser would accept, and answers with
a sentence and mended tokens; repair.py believes it only if the parser gets further with them.  Every
hint has a test that it fires and one that it doesn't.
"""

from __future__ import annotations

from collections.abc import Callable

from .lexer import KEYWORDS
from .messages import ENDS, LARGE, STARTS, Fix, Place, described, spelled, written

Hint = Callable[[Place], Fix | None]
HINTS: list[Hint] = []
TRANSFORMS = frozenset(("grad", "value_and_grad", "hessian", "jacobian", "hvp", "laplacian"))
"""Words that stand in front of a function: `grad f(x)` is meant as `grad(f)(x)`."""


def _hint(function: Hint) -> Hint:
    HINTS.append(function)
    return function


# ---------------------------------------------------------------- declarations


@_hint
def foreign_declaration(p: Place) -> Fix | None:
    """`fun f(x)`, `struct S`: the words of other languages at the left margin."""
    word = p.token.text
    if p.at == 0 and word in ("fun", "func", "function", "fn", "define", "defn", "proc", "sub"):
        return p.fix("a function is declared with `def`", "write `def`", 0, 1, "DEF")
    if p.at == 0 and word in ("struct", "class", "data", "enum", "record", "newtype", "datatype"):
        return p.fix("a type is declared with `type`", "write `type Name = …`", 0, 1, "TYPE")
    return None


@_hint
def no_declaration(p: Place) -> Fix | None:
    """An expression or `x = 3` at the left margin."""
    if p.at > 0 or "DEF" not in p.accepted or p.token.type in ("RPAR", "RBRACK", "RBRACE"):
        return None
    if p.token.type in ("NAME", "CNAME") and p.look(1).type in ("EQUAL", "COLON"):
        return p.fix("a value is named with `let`", f"write `let {p.token.text} = …`", 0, 0, "LET")
    if p.token.type in STARTS | LARGE:
        return p.fix("only declarations stand at the left margin", "write `let name = …`, or indent this line", 0, 0,
                     "LET", "UNDERSCORE", "EQUAL")
    return None


@_hint
def capital(p: Place) -> Fix | None:
    """`def F(x)`, `type shape`."""
    if p.token.type == "CNAME" and p.previous.type == "DEF":
        return p.fix("the name of a function begins with a small letter", f"write `{p.token.text.lower()}`", 0, 1,
                     "NAME", code="DV0123")
    if p.token.type == "NAME" and p.previous.type == "TYPE":
        return p.fix("the name of a type begins with a capital", f"write `{p.token.text.capitalize()}`", 0, 1,
                     "CNAME", code="DV0123")
    return None


@_hint
def parameters(p: Place) -> Fix | None:
    """`def f = …` and `def f x y = …`."""
    if p.look(-2).type != "DEF" or p.previous.type != "NAME":
        return None
    name = p.previous.text
    if p.token.type == "EQUAL":
        return p.fix("a function has a list of parameters, even an empty one",
                     f"write `def {name}() = …`, or `let {name} = …` for a value", 0, 0, "LPAR", "RPAR", code="DV0121",
                     span=p.previous.span)
    stop = 0
    while p.look(stop).type in ("NAME", "CNAME"):
        stop += 1
    if stop and p.look(stop).type in ("EQUAL", "ARROW"):
        names = ", ".join(p.look(at).text for at in range(stop))
        return p.fix("parameters stand in parentheses", f"write `def {name}({names})`", 0, stop, "LPAR", "NAME", "RPAR")
    return None


@_hint
def import_all(p: Place) -> Fix | None:
    """`from stats import *`."""
    if p.token.type == "STAR" and p.previous.type == "IMPORT":
        return p.fix("names are imported one by one", "write them out, or `import` the module", 0, 1, "NAME")
    return None


# ---------------------------------------------------------------- statements


@_hint
def return_(p: Place) -> Fix | None:
    """`return x`."""
    if p.previous.text == "return" and p.after_operand and p.token.type in STARTS | LARGE | {"NOT", "LBRACK"}:
        return p.fix("there is no `return`: the value of a block is its last line", "leave it out", -1, 0)
    return None


@_hint
def var(p: Place) -> Fix | None:
    """`var x = 3`, `let mut x = 3`."""
    if p.previous.text in ("var", "val", "const", "auto", "mut") and p.token.type == "NAME":
        if p.look(-2).type == "LET":
            return p.fix("values don't change", f"leave `{p.previous.text}` out", -1, 0)
        return p.fix("a value is named with `let`", f"write `let {p.token.text} = …`", -1, 0, "LET")
    return None


@_hint
def assignment(p: Place) -> Fix | None:
    """`x = 3` and `a[i] = 3` in a block."""
    start = p.statement()
    if p.token.type not in ("EQUAL", "COLON") or start >= p.at or p.tokens[start].type not in ("NAME", "CNAME"):
        return None
    line = p.tokens[start:p.at]
    name = line[0].text
    if start == 0 or p.tokens[start - 1].type not in ("INDENT", "NEWLINE"):
        return None
    if len(line) == 1:
        return p.fix("a value is named with `let`", f"write `let {name} = …`", -1, 0, "LET", line[0])
    if p.token.type == "EQUAL" and line[1].type in ("LBRACK", "DOT") and line[-1].type in ("RBRACK", "NAME", "CNAME"):
        path = line[2:] if line[1].type == "DOT" else line[1:]
        written = "".join(t.text for t in path)
        return p.fix("values don't change; an update makes a new one",
                     f"write `let {name} = {name} with {written} = …`", -len(line), 0, "LET", line[0], "EQUAL", line[0],
                     "WITH", *path)
    return None


@_hint
def def_in_block(p: Place) -> Fix | None:
    """`def` inside a body."""
    if p.token.type == "DEF" and "LET" in p.accepted:
        return p.fix("a function inside a block is made with `let`", f"write `let {p.look(1).text}(…) = …`", 0, 1, "LET")
    return None


@_hint
def block_without_value(p: Place) -> Fix | None:
    """A block whose last line is a `let` or an `assert`."""
    if p.token.type in ("DEDENT", "$END") and "NEWLINE" in p.accepted and p.tokens[p.statement()].type in (
            "LET", "ASSERT") and not p.accepted & {"DEDENT", "$END"}:
        line = p.tokens[p.statement()]
        return p.fix("a block ends with an expression, which is its value", "write one more line below", 0, 0, "NEWLINE",
                     "NAME", code="DV0128", span=line.span)
    return None


@_hint
def value_before_the_end(p: Place) -> Fix | None:
    """An expression that is not the last line of its block."""
    start = p.statement()
    if p.token.type != "NEWLINE" or "DEDENT" not in p.accepted or p.tokens[start].type in ("LET", "ASSERT"):
        return None
    line = p.tokens[start:p.at]
    return p.fix("only the last line of a block is its value", "give this line a name with `let`, or leave it out",
                 -len(line), 0, "LET", "UNDERSCORE", "EQUAL", *line, code="DV0128",
                 span=line[0].span)


@_hint
def semicolon(p: Place) -> Fix | None:
    """`;` at the end of a line, or between statements."""
    if p.token.type != "SEMI":
        return None
    if p.look(1).type in ("NEWLINE", "DEDENT", "$END"):
        return p.fix("a line doesn't end with `;`", "leave it out", 0, 1, code="DV0122")
    if "NEWLINE" in p.accepted:
        return p.fix("every statement stands on a line of its own", "begin a new line", 0, 1, "NEWLINE", code="DV0123")
    return None


@_hint
def comma_before_filter(p: Place) -> Fix | None:
    """`[x for i < n, if c]`."""
    if p.token.type == "IF" and p.previous.type == "COMMA" and not p.wants_operand:
        return p.fix("no `,` stands between generators and their filter", "leave the `,` out", -1, 0, code="DV0122")
    return None


@_hint
def dots(p: Place) -> Fix | None:
    """`a[1..3]`, and a range as a value."""
    if p.token.type != "DOTDOT" or not p.after_operand:
        return None
    if "COLON" in p.accepted:
        stop = p.flat(p.at + 1, "COMMA", "RBRACK") or p.at + 1
        slice_ = f"{written(p.operand())}:{written(p.tokens[p.at + 1:stop])}"
        return p.fix("a slice is written with `:`", f"write `{slice_}`", 0, 1, "COLON")
    return p.fix("`..` stands only in generators", "write `[i for i in a .. b]`", 0, 1, "PLUS", code="DV0123")


@_hint
def keyword_as_name(p: Place) -> Fix | None:
    """`let loop = 3`."""
    if p.token.type == "WITH" and p.previous.type == "DOT" and "NAME" in p.accepted:
        return p.fix("an update has no point and no brackets", "write `p with x = 1`", -1, 1, "WITH", code="DV0123")
    if p.token.text in KEYWORDS and "NAME" in p.accepted and not p.wants_operand:
        return p.fix(f"`{p.token.text}` is a word of the language and can name nothing", "choose another name", 0, 1,
                     "NAME", code="DV0123")
    return None


# ---------------------------------------------------------------- large expressions


@_hint
def else_missing(p: Place) -> Fix | None:
    """`if c then a` and nothing more."""
    if p.token.type in ENDS and "ELSE" in p.accepted:
        opened = 0
        for token in reversed(p.tokens[:p.at]):
            opened += (token.type == "ELSE") - (token.type == "IF")
            if opened < 0:
                return p.fix("this `if` has no `else`", "an `if` gives a value, so it needs both sides", 0, 0, "ELSE",
                             "NAME", code="DV0129", span=token.span)
    return None


@_hint
def python_conditional(p: Place) -> Fix | None:
    """`a if c else b`, `a if c`."""
    if p.token.type != "IF" or not p.after_operand:
        return None
    stop = p.end(p.at)
    inner = [t.type for t in p.tokens[p.at:stop]]
    if "ELSE" in inner and "THEN" not in inner:
        return p.fix("a choice is written `if c then a else b`", None, 0, inner.index("ELSE") + 1, "PLUS",
                     span=p.token.span)
    if not {"ELSE", "THEN"} & set(inner):
        return p.fix("a choice is written `if c then a else b`", "it gives a value, so it needs both sides", 0, 1, "PLUS",
                     span=p.token.span)
    return None


@_hint
def let_in(p: Place) -> Fix | None:
    """`let x = e in f`, and a `let` in the middle of an expression."""
    if p.token.type != "LET" or not p.wants_operand:
        return None
    stop = p.end(p.at)
    line = p.tokens[p.at:stop]
    kinds = [t.type for t in line]
    help = "put it on a line of its own, or write `(let x = …; …)`"
    if "IN" in kinds:
        at = kinds.index("IN")
        return p.fix("there is no `let … in`", help, 0, len(line), "LPAR", *line[:at], "SEMI", *line[at + 1:], "RPAR",
                     span=p.token.span)
    if "EQUAL" in kinds:
        return p.fix("`let` is no expression", help, 0, kinds.index("EQUAL") + 1, code="DV0128", span=p.token.span)
    return None


@_hint
def comma_before_for(p: Place) -> Fix | None:
    """`sum(x[i], for i < n)`."""
    if p.token.type in ("RPAR", "RBRACK") and "DO" in p.accepted:
        for at in range(p.at - 1, 0, -1):
            if p.tokens[at].type == "FOR" and p.tokens[at - 1].type == "COMMA":
                return p.fix("no `,` stands between an expression and its `for`", "leave the `,` out", at - 1 - p.at,
                             at - p.at, code="DV0122", span=p.tokens[at - 1].span)
    return None


@_hint
def lambda_(p: Place) -> Fix | None:
    """`lambda x: e`."""
    if p.previous.text != "lambda" or p.token.type != "NAME":
        return None
    colon = next((at for at in range(p.at, p.end(p.at)) if p.tokens[at].type == "COLON"), None)
    stop = 1 if colon is None else colon - p.at + 1
    return p.fix("a function is written `fn x -> e`", None, -1, stop, "FN", p.token, "ARROW", span=p.previous.span)


@_hint
def large_operand(p: Place) -> Fix | None:
    """`1 + if …`."""
    if p.token.type in LARGE and p.wants_operand and p.at > 0:
        stop = p.end(p.at)
        return p.fix(f"`{p.token.text}` stands alone or in parentheses", f"write `({p.token.text} …)`", 0, stop - p.at,
                     "LPAR", *p.tokens[p.at:stop], "RPAR", code="DV0129", span=p.token.span)
    return None


@_hint
def lone_while(p: Place) -> Fix | None:
    """`while c do …` without a loop."""
    if p.token.type == "WHILE" and p.wants_operand:
        return p.fix("`while` belongs to a loop, which says what changes",
                     "write `loop x = start while condition do next`", 0, 0, "LOOP", "NAME", "EQUAL", "NAME",
                     span=p.token.span)
    return None


@_hint
def arms(p: Place) -> Fix | None:
    """`| A -> …`, `case A -> …`, `match x of`, `match x with`, `match x:`."""
    if p.token.type == "BAR" and p.previous.type == "INDENT" and "UNDERSCORE" in p.accepted:
        return p.fix("an arm begins with its pattern, without `|`", "leave it out", 0, 1)
    if p.token.type == "BAR" and "NEWLINE" in p.accepted and "ARROW" in [
            t.type for t in p.tokens[p.at:p.end(p.at)]]:
        return p.fix("an arm begins with its pattern, without `|`", "leave it out", 0, 1, "NEWLINE")
    if p.previous.text == "case" and p.look(-2).type in ("INDENT", "NEWLINE") and "ARROW" in p.accepted:
        return p.fix("an arm begins with its pattern", "leave `case` out", -1, 0)
    superfluous = p.token.type in ("COLON", "WITH", "DO", "THEN", "EQUAL") or p.token.text == "of"
    if superfluous and {"INDENT", "LBRACE"} <= p.accepted and p.look(1).type in ("INDENT", "LBRACE"):
        return p.fix(f"the arms follow `match` without {described(p.token)}", "leave it out", 0, 1)
    return None


@_hint
def generators(p: Place) -> Fix | None:
    """`for i = 0 .. n`, `for i <= n`."""
    if not {"IN", "LT"} <= p.accepted or "STAR" in p.accepted:
        return None
    if p.token.type == "LE":
        bound = p.tokens[p.at + 1:p.flat(p.at + 1, "COMMA", "DO", "IF", "INTO", "RPAR", "RBRACK", "INDENT") or p.at + 1]
        return p.fix("a generator counts below its bound", f"write `{p.previous.text} < {written(bound) or 'n'} + 1`", 0, 1, "LT")
    if p.token.type in ("EQUAL", "COLON") and p.look(1).type in STARTS | {"MINUS"}:
        return p.fix("a generator is written `i < n` or `i in a .. b`", "write `in`", 0, 1, "IN")
    return None


@_hint
def type_over_lines(p: Place) -> Fix | None:
    """A type that ends its line with `->`."""
    if p.token.type != "INDENT" or p.previous.type not in ("ARROW", "EQUAL") or p.wants_operand:
        return None
    depth = 0
    for at in range(p.at, len(p.tokens)):
        depth += (p.tokens[at].type == "INDENT") - (p.tokens[at].type == "DEDENT")
        if depth == 0:
            inner = p.tokens[p.at + 1:at]
            return p.fix(f"no line ends with `{p.previous.text}` here, because that opens a block",
                         "write what follows on the same line", 0, at - p.at + 1, *inner, code="DV0128",
                         span=p.previous.span)
    return None


# ---------------------------------------------------------------- operators and operands


@_hint
def left_arrow(p: Place) -> Fix | None:
    """`let x <- 3`."""
    if p.token.type == "LT" and p.look(1).type == "MINUS" and "EQUAL" in p.accepted and (
            p.token.span.end_col == p.look(1).span.col):
        return p.fix("a name is given by `=`", "write `=` instead of `<-`", 0, 2, "EQUAL")
    return None


@_hint
def equals(p: Place) -> Fix | None:
    """`if x = 3`; `def f(v) = v[0] = 1`, which is meant as an update."""
    if p.token.type == "EQUAL" and "EQ" in p.accepted and not p.accepted & {"EQUAL", "FATARROW"}:
        left = p.operand()
        before = p.tokens[p.at - len(left) - 1].type if p.at > len(left) else "$END"
        if len(left) > 1 and left[0].type == "NAME" and left[1].type in ("LBRACK", "DOT") and before in (
                "EQUAL", "ARROW", "DO", "THEN", "ELSE", "INDENT"):
            path = left[1:] if left[1].type == "LBRACK" else left[2:]
            right = written(p.tokens[p.at + 1:p.end(p.at + 1)]) or "…"
            return p.fix("values don't change; an update makes a new one",
                         f"write `{left[0].text} with {written(path)} = {right}`", -len(left), 0, left[0], "WITH", *path,
                         span=p.token.span)
        return p.fix("`==` compares; `=` only gives a name", "write `==`", 0, 1, "EQ", code="DV0123")
    return None


@_hint
def word_operators(p: Place) -> Fix | None:
    """`x is y`, `x in xs`, `x mod y`."""
    if not p.after_operand:
        return None
    if p.token.text == "is":
        return p.fix("`==` compares", "write `==`", 0, 2 if p.look(1).type == "NOT" else 1, "EQ")
    if p.token.text in ("mod", "div", "xor"):
        mark = {"mod": "PERCENT", "div": "SLASHSLASH", "xor": "NE"}[p.token.text]
        return p.fix(f"`{p.token.text}` is no operator", f"write {spelled(mark)}", 0, 1, mark)
    if p.token.type == "IN" or p.token.type == "NOT" and p.look(1).type == "IN":
        here = 1 if p.token.type == "IN" else 2
        items = Place(p.tokens, p.at + here, p.accepted).operand_after()
        test = "any(y == {0} for y in {1})" if here == 1 else "all(y != {0} for y in {1})"
        return p.fix("`in` stands only in generators", f"write `{test.format(written(p.operand()), written(items))}`", 0,
                     here, "EQ")
    return None


@_hint
def unary_plus(p: Place) -> Fix | None:
    """`+x`, `i++`."""
    if p.token.type == "PLUS" and p.wants_operand:
        return p.fix("there is no `+` in front of a value", "leave it out", 0, 1, code="DV0122")
    return None


@_hint
def braces(p: Place) -> Fix | None:
    """`{a = 1}` or `{1, 2}` as an expression."""
    if p.token.type != "LBRACE" or not p.wants_operand:
        return None
    depth = 0
    for at in range(p.at, len(p.tokens)):
        depth += (p.tokens[at].type == "LBRACE") - (p.tokens[at].type == "RBRACE")
        if depth == 0:
            return p.fix("braces make no value", "a record is made by its name, `Camera(focal = f)`; an array in `[ ]`", 0,
                         at - p.at + 1, "NAME", span=p.token.span)
    return None


@_hint
def tuples(p: Place) -> Fix | None:
    """`()` and `(x,)` as values."""
    if p.token.type == "RPAR" and p.previous.type == "LPAR" and p.wants_operand:
        return p.fix("there is no empty tuple", None, 0, 0, "NAME", code="DV0121", span=p.previous.span.to(p.token.span))
    if p.token.type == "RPAR" and p.previous.type == "COMMA" and "NUM" in p.accepted:
        return p.fix("a tuple has two elements or more", "leave the `,` out", -1, 0, code="DV0122")
    return None


def _arguments(p: Place) -> list[str]:
    """The operands that follow each other from the place on, with or without commas."""
    found, at = [], p.at
    while at < len(p.tokens) and p.tokens[at].type in STARTS:
        operand = Place(p.tokens, at, p.accepted).operand_after()
        found.append(written(operand))
        at += len(operand)
        at += at < len(p.tokens) and p.tokens[at].type == "COMMA"
    return found


@_hint
def juxtaposition(p: Place) -> Fix | None:
    """`f x`, `2 x`."""
    if not p.after_operand or p.token.type not in STARTS or "COMMA" in p.accepted:
        return None
    if p.accepted & {"THEN", "DO", "EQUAL"}:
        return None
    left, right = p.operand(), p.operand_after()
    help = None
    if p.previous.type in ("NAME", "CNAME", "PRIME"):
        arrow = right[0].type == "NAME" and len(right) > 1 and right[1].type == "LPAR" and p.previous.text in TRANSFORMS
        of = f"{right[0].text}){written(right[1:])}" if arrow else f"{written(right).removeprefix('(').removesuffix(')')})" \
            if right[0].type == "LPAR" and len(right) == p.closing(p.at) + 1 - p.at else f"{', '.join(_arguments(p))})"
        help = f"a call is written `{written(left)}({of}`"
    elif p.previous.type in ("NUM", "RPAR", "RBRACK") and p.token.type not in ("STRING", "TRUE", "FALSE"):
        help = f"a product is written `{written(left)} * {written(right)}`"
    return p.fix(f"an operator is missing between `{written(left)}` and {described(p.token)}", help, 0, 0, "STAR", code="DV0121",
                 span=p.token.span)
