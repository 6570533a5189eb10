"""Hints for what other languages write: their comments, functions, blocks and words.

Like hints.py, which is asked after these.  Lexical habits (`&&`, `2x`, `/* … */`) are the business of lexer.py.
"""

from __future__ import annotations

import re
from itertools import pairwise

from .hints import Hint
from .lexer import OPERAND_ENDS
from .messages import ENDS, STARTS, Fix, Place, make_token, spelled, written

HABITS: list[Hint] = []

_WHERE = "there is no `where`: a name is given before it is used"
_COMMENT = "a comment begins with `#`"
_BLOCK_WORDS = frozenset(("end", "endfunction", "endif", "endfor", "done", "fi", "od"))
_NUMBERS = frozenset(("f32", "f64", "i64", "bool"))
_WORDS = {
    "try": ("no error is caught", "write `if c then a else b` to avoid it"),
    "raise": ("there is no `raise`", 'write `assert c, "text"` on a line of its own'),
    "throw": ("there is no `throw`", 'write `assert c, "text"` on a line of its own'),
    "yield": ("there is no `yield`", "write `[e for i < n]`, which makes the whole array"),
    "async": ("there is no `async`", "leave it out"),
    "await": ("there is no `await`", "leave it out"),
    "del": ("nothing is deleted: an array lives as long as it is used", "leave the line out"),
    "new": ("there is no `new`", "leave it out"),
    "case": ("a choice between patterns is a `match`", "write `match x { A -> a; B -> b }`"),
    "switch": ("a choice between patterns is a `match`", "write `match x { A -> a; B -> b }`"),
    "begin": ("blocks are made by indentation", "leave `begin` and `end` out"),
    "global": ("a function sees the values of its file, and changes none", "leave the line out"),
    "nonlocal": ("a function sees the values around it, and changes none", "leave the line out"),
}
"""Words in front of an operand: why they are not here, and what to do."""

_MODULE_WORDS = frozenset(("module", "package", "namespace", "export", "public"))
_IMPORT_WORDS = frozenset(("using", "use", "include", "require", "open"))


def _habit(function: Hint) -> Hint:
    HABITS.append(function)
    return function


# ---------------------------------------------------------------- declarations


@_habit
def decorator(p: Place) -> Fix | None:
    """`@jit` above a function."""
    if p.at == 0 and p.token.type == "AT":
        return p.fix("functions have no decorators; every one is compiled", "leave the line out", 0, len(p.tokens))
    return None


@_habit
def foreign_heading(p: Place) -> Fix | None:
    """`const x = 3`, `module A`, `using A`, `end` at the left margin."""
    word, follower = p.token.text, p.look(1)
    if p.at > 0 or "DEF" not in p.accepted or p.token.type != "NAME":
        return None
    if word in ("const", "var", "val", "auto") and follower.type in ("NAME", "CNAME"):
        return p.fix("a value is named with `let`", f"write `let {follower.text} = …`", 0, 1, "LET")
    if word == "where" and follower.type == "NAME":
        return p.fix(_WHERE, f"write `let {follower.text} = …` on a line above", 0, len(p.tokens))
    if word in _IMPORT_WORDS and follower.type in ("NAME", "CNAME", "STRING"):
        return p.fix("names come from other files with `import`", "write `import name`, or `from name import f`", 0,
                     len(p.tokens))
    if word in _MODULE_WORDS and follower.type in ("NAME", "CNAME"):
        return p.fix("every file is a module, and all that it declares can be imported", "leave the line out", 0,
                     len(p.tokens))
    if word in _BLOCK_WORDS and len(p.tokens) == 1:
        return p.fix("blocks end by their indentation", f"leave `{word}` out", 0, 1)
    return None


@_habit
def import_path(p: Place) -> Fix | None:
    """`import foo.bar`, `import foo, bar`."""
    if p.token.type == "COMMA" and p.at == 2 and p.look(-2).type == "IMPORT":
        return p.fix("every `import` names one module", f"write `import {p.look(1).text}` on a line of its own", 0,
                     len(p.tokens) - p.at)
    if p.token.type == "DOT" and p.at == 2 and p.look(-2).type in ("IMPORT", "FROM"):
        return p.fix("a module has a plain name: that of its file without `.dv`",
                     "write `import name`; folders are listed in DERIVANT_PATH", 0, 2)
    return None


@_habit
def let_heading(p: Place) -> Fix | None:
    """`let f x = …`, `let rec f(x) = …`, `let a, b = …`."""
    if p.previous.text == "rec" and p.look(-2).type == "LET" and p.token.type == "NAME":
        return p.fix("there is no `let rec`: no function calls itself", "leave `rec` out, and write a `loop`", -1,
                     next((at - p.at for at in range(p.at, len(p.tokens)) if p.tokens[at].type == "EQUAL"), 1), "NAME")
    if p.look(-2).type != "LET" or p.previous.type != "NAME" or p.previous.text in ("mut", "var"):
        return None
    if p.token.type == "COMMA":
        stop = next((at for at in range(p.at, len(p.tokens)) if p.tokens[at].type == "EQUAL"), p.at)
        names = written(p.tokens[p.at - 1:stop])
        return p.fix("several names stand in parentheses", f"write `let ({names}) = …`", -1, stop - p.at, "NAME")
    stop = 0
    while p.look(stop).type in ("NAME", "CNAME"):
        stop += 1
    if stop and p.look(stop).type == "EQUAL":
        names = ", ".join(p.look(at).text for at in range(stop))
        return p.fix("parameters stand in parentheses", f"write `let {p.previous.text}({names}) = …`", 0, stop, "LPAR",
                     "NAME", "RPAR")
    return None


@_habit
def type_body(p: Place) -> Fix | None:
    """`type A = f64 | i64`, `type P =` with fields on lines, `type P = { x: f64; y: f64 }`."""
    if not p.tokens or p.tokens[0].type != "TYPE":
        return None
    equal = next((at for at in range(p.at) if p.tokens[at].type == "EQUAL"), None)
    if equal is None:
        return None
    start, rest, name = equal + 1 - p.at, len(p.tokens) - p.at, p.look(1 - p.at).text
    if p.token.type == "BAR":
        return p.fix("each alternative of a type has a name", f"write `type {name} = F(f64) | I(i64)`", start, rest, "NAME",
                     span=p.token.span)
    if p.token.type == "COLON" and "COLON" not in p.accepted and "RBRACE" not in p.accepted:
        return p.fix("the fields of a record stand in braces", f"write `type {name} = {{ {p.previous.text}: f64 }}`",
                     start, rest, "NAME", span=p.token.span)
    return None


@_habit
def generic(p: Place) -> Fix | None:
    """`def f[T](x: T)`, `def f<T>(x: T)`."""
    if p.token.type not in ("LBRACK", "LT") or p.look(-2).type != "DEF" or p.at != 2:
        return None
    stop = next((at for at in range(p.at, len(p.tokens)) if p.tokens[at].type == "LPAR"), len(p.tokens))
    return p.fix("types and sizes that may be any are named where they stand, with small letters",
                 f"leave `{written(p.tokens[p.at:stop])}` out, and write `x: t`, or `x: f64[n]`", 0, stop - p.at)


@_habit
def open_sizes(p: Place) -> Fix | None:
    """`f64[:]`, `f64[:, :]`, `f64[]`, `f64[][]` as types."""
    opening = p.opening(p.at)
    if p.token.type not in ("COLON", "RBRACK") or "UNDERSCORE" not in p.accepted or opening < 1 or (
            p.tokens[opening - 1].type not in ("NAME", "CNAME") or p.tokens[opening].type != "LBRACK"):
        return None
    stop, axes = opening, 0
    while stop < len(p.tokens) and p.tokens[stop].type == "LBRACK":
        end = p.closing(stop)
        axes += 1 + sum(t.type == "COMMA" for t in p.tokens[stop:end])
        stop = end + 1
    name = p.tokens[opening - 1]
    made = make_token("UNDERSCORE", p.token.span), make_token("COMMA", p.token.span)
    sizes = [made[k % 2] for k in range(2 * axes - 1)]
    return p.fix("every axis of an array has a size: a number, a name, or `_` for any",
                 f"write `{name.text}[{', '.join('_' * axes)}]`", opening - p.at, stop - p.at, p.tokens[opening], *sizes, "RBRACK",
                 span=p.token.span)


# ---------------------------------------------------------------- comments


@_habit
def comment(p: Place) -> Fix | None:
    """`-- words` on a line of its own; `// words` and `-- words` behind an expression."""
    if p.token.type == "MINUS" and p.at == 0 and _dashes(p, 0):
        return p.fix(_COMMENT, "write `# …`", 0, len(p.tokens), span=p.token.span)
    line = p.token.span.line if p.token.text else p.previous.span.line
    start = next((at for at in range(max(0, p.at - 2), max(-1, p.at - 12), -1) if _dashes(p, at) and
                  p.tokens[at].span.line == line), None)
    if start is None and p.at and _dashes(p, p.at - 1) and p.token.type not in STARTS:
        start = p.at - 1
    if start is None:
        start = next((at for at in range(p.at - 2, max(-1, p.at - 12), -1) if p.tokens[at].type == "SLASHSLASH" and
                      p.tokens[at].span.line == line and p.tokens[at + 1].type == "NAME"), None)
    if start is None or p.token.type not in STARTS | {"COLON", "DOT", "COMMA", "IF", "FOR", "IN", "THEN", "DO", "WITH"}:
        return None
    stop = start
    while stop < len(p.tokens) and p.tokens[stop].span.line == line and p.tokens[stop].type not in (
            "NEWLINE", "DEDENT", "INDENT"):
        stop += 1
    alone = start == 0 or p.tokens[start - 1].type in ("INDENT", "NEWLINE")
    if alone and stop < len(p.tokens) and p.tokens[stop].type == "NEWLINE":
        stop += 1
    return p.fix(_COMMENT, "write `# …`", start - p.at, stop - p.at, span=p.tokens[start].span)


def _dashes(p: Place, at: int) -> bool:
    """`--` without a blank between."""
    a, b = p.look(at - p.at), p.look(at + 1 - p.at)
    return a.type == b.type == "MINUS" and (a.span.end_line, a.span.end_col) == (b.span.line, b.span.col)


# ---------------------------------------------------------------- statements


@_habit
def let_in_block(p: Place) -> Fix | None:
    """`let y = e in f` as a line of a block."""
    if p.token.type != "IN" or not p.after_operand:
        return None
    start = p.opening(p.at) + 1 if "SEMI" in p.accepted else p.statement()
    if p.tokens[start].type != "LET":
        return None
    message, help = "there is no `let … in`", "write what follows `in` on the next line"
    if "SEMI" in p.accepted:
        return p.fix(message, "write `;` instead of `in`", 0, 1, "SEMI")
    if "NEWLINE" in p.accepted:
        return p.fix(message, help, 0, 1) if p.look(1).type == "NEWLINE" else p.fix(message, help, 0, 1, "NEWLINE")
    if "$END" in p.accepted:
        return p.fix(message, "a `let` at the left margin holds for the whole file", 0, len(p.tokens) - p.at)
    return None


@_habit
def where(p: Place) -> Fix | None:
    """`e where y = 2`, on the same line or on the next one."""
    message, help = _WHERE, "write `let {} = …` on a line above"
    if p.token.type == "WHERE" and p.after_operand:
        return p.fix(message, help.format(p.look(1).text or "y"), 0, p.end(p.at) - p.at, span=p.token.span)
    if p.token.type == "NEWLINE" and p.look(1).text == "where" and p.look(2).type == "NAME":
        return p.fix(message, help.format(p.look(2).text), 0, p.end(p.at + 1) - p.at, span=p.look(1).span)
    return None


@_habit
def end_word(p: Place) -> Fix | None:
    """`end` behind a block or on its last line."""
    at = 1 if p.token.type == "NEWLINE" else 0
    if p.look(at).text in _BLOCK_WORDS and p.look(at + 1).type in ENDS and (at or p.after_operand):
        return p.fix("blocks end by their indentation", f"leave `{p.look(at).text}` out", 0, at + 1, span=p.look(at).span)
    return None


@_habit
def assertion(p: Place) -> Fix | None:
    """`assert c` without a text, and an assertion as a value."""
    if p.token.type == "ASSERT" and p.wants_operand:
        stop = next((at for at in range(p.at, len(p.tokens)) if p.tokens[at].type in ENDS - {"COMMA"}), len(p.tokens))
        return p.fix("`assert` is no expression: it stands on a line of a block, above the value",
                     'write `assert c, "text"` on a line, and the value below', 0, stop - p.at, "NAME", span=p.token.span)
    start = p.statement()
    if p.token.type in ("NEWLINE", "DEDENT", "$END") and "COMMA" in p.accepted and start < p.at and (
            p.tokens[start].type == "ASSERT"):
        comma = p.flat(start + 2, "COMMA") if p.tokens[start + 1].type == "LPAR" else None
        if comma is not None and p.closing(start + 1) == p.at - 1:
            inner = p.tokens[start + 2:p.at - 1]
            return p.fix("an `assert` is no call", f"write `assert {written(inner)}`", start - p.at, 0, p.tokens[start], *inner,
                         span=p.tokens[start].span)
        said = written(p.tokens[start:p.at])
        return p.fix("an `assert` has a text, which says what is wrong", f'write `{said}, "…"`', 0, 0, "COMMA", "STRING",
                     code="DV0121", span=p.tokens[start].span)
    return None


@_habit
def line_of_statements(p: Place) -> Fix | None:
    """`def f(x) = a; b`."""
    if p.token.type == "SEMI" and "$END" in p.accepted and p.at + 1 < len(p.tokens):
        help = "write the body as an indented block below the `=`" if p.tokens[0].type in ("DEF", "LET") else "begin a new line"
        return p.fix("every statement stands on a line of its own", help, 0,
                     len(p.tokens) - p.at, code="DV0123", span=p.token.span)
    return None


# ---------------------------------------------------------------- functions


@_habit
def arrow(p: Place) -> Fix | None:
    """`x -> e`, `(x, y) => e`."""
    if p.token.type not in ("ARROW", "FATARROW") or not p.after_operand or p.token.type in p.accepted:
        return None
    start = p.at - 1
    if p.previous.type == "RPAR":
        start = p.opening(start)
    if start < 0 or p.tokens[start].type not in ("NAME", "LPAR") or (
            start > 0 and p.tokens[start - 1].type in OPERAND_ENDS):
        return None
    pattern = p.tokens[start:p.at]
    return p.fix("a function begins with `fn`", f"write `fn {written(pattern)} -> …`", start - p.at, 1, "FN", *pattern,
                 "ARROW", span=pattern[0].span.to(p.token.span))


@_habit
def pipe(p: Place) -> Fix | None:
    """`x |> f`."""
    if p.token.type != "BAR" or p.look(1).type != "GT":
        return None
    operand = p.operand()
    alone = p.look(-len(operand) - 1).type in ("EQUAL", "INDENT", "NEWLINE", "ARROW", "DO", "THEN", "ELSE", "LPAR", "COMMA", "LBRACK", "$END")
    left = written(operand) if alone else "…"
    right = p.look(2).text if p.look(2).type == "NAME" else "f"
    call = p.look(3).type == "LPAR"
    return p.fix("there is no `|>`", f"write `{right}({left}, …)`" if call else f"write `{right}({left})`", 0, 2, "STAR")


@_habit
def word_in_front(p: Place) -> Fix | None:
    """`try x`, `yield x`, `switch x { … }`."""
    if p.previous.text not in _WORDS or not p.after_operand or p.token.type not in STARTS | {"LBRACE", "IF"}:
        return None
    message, help = _WORDS[p.previous.text]
    return p.fix(message, help, -1, max(1, p.end(p.at) - p.at), "NAME", span=p.previous.span)


# ---------------------------------------------------------------- expressions


@_habit
def grouped_digits(p: Place) -> Fix | None:
    """`1,000`."""
    if p.token.type != "COMMA" or not p.after_operand or p.previous.type != "NUM":
        return None
    stop = p.at
    while p.tokens[stop:stop + 1] and p.tokens[stop].type == "COMMA":
        stop += 2
    items = p.tokens[p.at - 1:stop]
    text = "".join(t.text for t in items)
    touching = all(a.span.line == b.span.line and a.span.end_col == b.span.col for a, b in pairwise(items))
    if not touching or not re.fullmatch(r"[1-9][0-9]{0,2}(,[0-9]{3})+(\.[0-9]+)?", text):
        return None
    return p.fix("digits are not grouped", f"write `{text.replace(',', '')}`", -1, len(items) - 1, "NUM", span=p.token.span)


@_habit
def bare_tuple(p: Place) -> Fix | None:
    """`= x, y` without parentheses."""
    if p.token.type != "COMMA" or not p.after_operand or not p.accepted & {"$END", "NEWLINE", "DEDENT", "ELSE"}:
        return None
    start, depth = p.at, 0
    while start > 0:
        kind = p.tokens[start - 1].type
        depth += (kind in ("RPAR", "RBRACK", "RBRACE")) - (kind in ("LPAR", "LBRACK", "LBRACE"))
        if depth == 0 and kind in ("EQUAL", "INDENT", "NEWLINE", "ARROW", "DO", "THEN", "ELSE"):
            break
        start -= 1
    stop = p.at
    while stop < len(p.tokens) and p.tokens[stop].type == "COMMA":
        stop = next((at for at in range(stop, p.end(stop + 1)) if p.tokens[at].type == "ELSE"), p.end(stop + 1))
    items = p.tokens[start:stop]
    if items[0].type in ("LET", "ASSERT") or items[0].text == "return":
        return None
    return p.fix("a tuple stands in parentheses", f"write `({written(items)})`", start - p.at, stop - p.at, "LPAR", *items,
                 "RPAR", span=p.token.span)


@_habit
def braced_choice(p: Place) -> Fix | None:
    """`if c { a } else { b }` and `if c: a else: b`."""
    if "THEN" not in p.accepted or p.token.type not in ("LBRACE", "COLON"):
        return None
    message, help = "a choice is written `if c then a else b`", f"write `then` instead of `{p.token.text}`"
    if p.token.type == "COLON":
        other = next((at for at in range(p.at, len(p.tokens) - 1) if p.tokens[at].type == "ELSE" and
                      p.tokens[at + 1].type == "COLON"), None)
        if other is None:
            return None
        return p.fix(message, help, 0, other + 2 - p.at, "THEN", *p.tokens[p.at + 1:other + 1], span=p.token.span)
    stop = p.closing(p.at)
    inner, more, last = p.tokens[p.at + 1:stop], [], stop + 1
    if p.tokens[stop + 1:stop + 2] and p.tokens[stop + 1].type == "ELSE":
        more, last = [p.tokens[stop + 1]], stop + 2
        if p.tokens[last:last + 1] and p.tokens[last].type == "LBRACE":
            end = p.closing(last)
            more, last = [*more, *p.tokens[last + 1:end]], end + 1
    else:
        more = [make_token("ELSE", p.token.span), make_token("NAME", p.token.span)]
        help = "it gives a value, so it needs both sides"
    return p.fix(message, help, 0, last - p.at, "THEN", *inner, *more, span=p.token.span)


@_habit
def braced_body(p: Place) -> Fix | None:
    """`def f(x) { e }`, `fn (x) { e }`."""
    mark = next((k for k in ("EQUAL", "ARROW", "DO") if k in p.accepted), None)
    if p.token.type != "LBRACE" or mark is None or "COMMA" in p.accepted or (
            p.previous.type not in OPERAND_ENDS):
        return None
    stop = p.closing(p.at)
    return p.fix("a body stands in no braces", f"write {spelled(mark)} in front of it", 0, stop + 1 - p.at, mark,
                 *p.tokens[p.at + 1:stop], span=p.token.span)


@_habit
def conversion(p: Place) -> Fix | None:
    """`x as i64`, `(x: i64)`."""
    if p.token.type not in ("AS", "COLON") or not p.after_operand or p.look(1).text not in _NUMBERS or (
            p.token.type in p.accepted or p.look(2).type in ("EQUAL", "LBRACK")):
        return None
    kind = p.look(1).text
    return p.fix("a conversion is a call", f"write `{kind}({written(p.operand())})`", 0, 2)


@_habit
def colon_range(p: Place) -> Fix | None:
    """`for i in 1:n`, `i in 0 <= n`."""
    if "DOTDOT" not in p.accepted or p.token.type not in ("COLON", "LE", "LT"):
        return None
    begin = p.at - 1
    while begin > 0 and p.tokens[begin - 1].type != "IN":
        begin -= 1
    left = written(p.tokens[begin:p.at])
    compared = any(t.type in ("LT", "GT", "LE", "GE", "EQ", "NE") for t in p.tokens[p.at + 1:p.end(p.at)])
    if p.token.type == "COLON" and "IF" in p.accepted and "DO" not in p.accepted and compared:
        return p.fix("a filter follows `if`", "write `if`", 0, 1, "IF")
    body = "DO" in p.accepted and p.token.type == "COLON"
    second, do = p.flat(p.at + 1, "COLON"), p.flat(p.at + 1, "DO")
    if body and do is None and second is None:
        return p.fix("the body of a `for` follows `do`", "write `do`", 0, 1, "DO")
    stop = p.flat(p.at + 1, "COLON", "DO", "COMMA", "IF", "INTO", "RPAR", "RBRACK") or p.end(p.at)
    inner = p.tokens[p.at + 1:stop]
    if body and do is None and second is not None:
        return p.fix("a range is written `a .. b`", f"write `{left} .. {written(inner)} do`; its end is not counted", 0,
                     second + 1 - p.at, "DOTDOT", *inner, "DO", span=p.token.span)
    if second is None:
        end = f"{written(inner)} + 1" if p.token.type == "LE" else written(inner)
        return p.fix("a range is written `a .. b`", f"write `{left} .. {end}`; its end is not counted", 0, 1, "DOTDOT")
    last = p.flat(second + 1, "DO", "COMMA", "IF", "INTO", "RPAR", "RBRACK") or p.end(second)
    limit = p.tokens[second + 1:last]
    return p.fix("a range is written `a .. b by step`",
                 f"write `{left} .. {written(limit)} by {written(inner)}`; its end is not counted", 0,
                 last - p.at, "DOTDOT", *limit, "BY", *inner, span=p.token.span)


@_habit
def inclusive_range(p: Place) -> Fix | None:
    """`i in 0..=3`."""
    if p.token.type != "EQUAL" or p.previous.type != "DOTDOT":
        return None
    end = p.tokens[p.at + 1:p.flat(p.at + 1, "DO", "COMMA", "IF", "BY", "RPAR", "RBRACK") or p.end(p.at)]
    return p.fix("the end of a range is not counted", f"write `.. {written(end)} + 1`", 0, 1, span=p.previous.span.to(p.token.span))


@_habit
def set_builder(p: Place) -> Fix | None:
    """`[2 * x | x <- v]`."""
    opening = p.opening(p.at)
    if p.token.type != "BAR" or opening < 0 or p.tokens[opening].type != "LBRACK" or not (
            p.look(1).type == "NAME" and (p.look(2).type == "IN" or p.look(2).type == "LT" and p.look(3).type == "MINUS")):
        return None
    stop = p.closing(opening)
    value, name = p.tokens[opening + 1:p.at], p.look(1)
    start = p.at + (3 if p.look(2).type == "IN" else 4)
    comma = p.flat(start, "COMMA")
    help = f"write `[{written(value)} for {name.text} in {written(p.tokens[start:comma or stop])}" + (
        f" if {written(p.tokens[comma + 1:stop])}]`" if comma else "]`")
    return p.fix("a comprehension is written with `for`", help, 0, stop - p.at, "FOR", name, "IN",
                 *p.tokens[start:comma or stop], span=p.token.span)


@_habit
def slice_step(p: Place) -> Fix | None:
    """`x[a:b:2]`, `x[::-1]`."""
    colons = [at for at in range(max(0, p.opening(p.at)), p.at) if p.tokens[at].type == "COLON"]
    if p.token.type != "COLON" or not colons or "RBRACK" not in p.accepted:
        return None
    first, opening, stop = colons[-1], p.opening(p.at), p.end(p.at)
    low, high, step = p.tokens[opening + 1:first], p.tokens[first + 1:p.at], p.tokens[p.at + 1:stop]
    base = written(Place(p.tokens, opening, p.accepted).operand())
    help = None
    if stop == p.closing(opening) and all(t.type not in ("COMMA", "MINUS") for t in low + high):  # of one axis, from its start
        if written(step) == "-1":
            help = f"write `reverse({base})`" if not low + high else None
        elif step and step[0].type != "MINUS":
            help = (f"write `[{base}[i] for i in {written(low) or '0'} .. {written(high) or f'len({base})'} "
                    f"by {written(step)}]`")
    return p.fix("a slice has no step", help, 0, p.end(p.at) - p.at, span=p.token.span)


@_habit
def generator_as_index(p: Place) -> Fix | None:
    """`v[i for i < 2]`."""
    opening = p.opening(p.at)
    if p.token.type != "FOR" or opening < 1 or p.tokens[opening].type != "LBRACK" or "COMMA" not in p.accepted or (
            p.tokens[opening - 1].type not in OPERAND_ENDS):
        return None
    base = written(Place(p.tokens, opening, p.accepted).operand())
    index, gens = p.tokens[opening + 1:p.at], p.tokens[p.at:p.closing(opening)]
    return p.fix("an index is a number", f"write `[{base}[{written(index)}] {written(gens)}]`", 0, len(gens),
                 span=p.token.span)


@_habit
def matrix(p: Place) -> Fix | None:
    """`[1 2; 3 4]`, `[1, 2; 3, 4]`."""
    opening = p.opening(p.at)
    if "RBRACK" not in p.accepted or "COMMA" not in p.accepted or opening < 0 or p.tokens[opening].type != "LBRACK":
        return None
    stop = p.closing(opening)
    if all(t.type != "SEMI" for t in p.tokens[p.at:stop]):
        return None
    return p.fix("the rows of a matrix are arrays", "write `[[a, b], [c, d]]`", 0, stop - p.at, span=p.token.span)


@_habit
def braced_record(p: Place) -> Fix | None:
    """`P{x: 1}`, `P {x = 1}`."""
    if p.token.type != "LBRACE" or p.previous.type != "CNAME" or not p.after_operand:
        return None
    stop = p.closing(p.at)
    inner = [make_token("EQUAL", t.span) if t.type == "COLON" else t for t in p.tokens[p.at + 1:stop]]
    if any(t.type in ("ARROW", "FATARROW", "SEMI") for t in inner):
        return None
    fields = re.sub(r" *= *", " = ", written(inner))
    return p.fix("a record is made by its name, like a call", f"write `{p.previous.text}({fields})`", 0, stop + 1 - p.at, "LPAR", *inner,
                 "RPAR", span=p.token.span)


@_habit
def bars(p: Place) -> Fix | None:
    """`|x|`."""
    other = next((at for at in range(p.at + 1, p.end(p.at)) if p.tokens[at].type == "BAR"), None)
    if p.token.type != "BAR" or not p.wants_operand or other is None:
        return None
    inner = p.tokens[p.at + 1:other]
    if other + 1 < len(p.tokens) and p.tokens[other + 1].type in STARTS and all(t.type in ("NAME", "COMMA") for t in inner):
        names = written(inner) if len(inner) == 1 else f"({written(inner)})"
        return p.fix("a function is written `fn x -> e`", f"write `fn {names} -> …`", 0, other + 1 - p.at, "FN", "NAME", "ARROW",
                     span=p.token.span)
    return p.fix("an absolute value is a call", f"write `abs({written(inner)})`", 0, other + 1 - p.at, "LPAR", *inner,
                 "RPAR", span=p.token.span)


@_habit
def dotted_operator(p: Place) -> Fix | None:
    """`x .* y`."""
    if p.previous.type != "DOT" or p.token.type not in ("STAR", "SLASH", "PLUS", "MINUS", "POWER"):
        return None
    return p.fix("operators work element by element without a point", f"write {spelled(p.token.type)}", -1, 0)
