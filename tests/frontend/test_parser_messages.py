"""What the errors say.  Every hint is tested both ways: a mistake that it names, a program that it leaves alone."""

from __future__ import annotations

import builtins
from dataclasses import dataclass

import pytest
from derivant.compiler.errors import Error, Source, SyntaxError
from derivant.frontend.hints import HINTS
from derivant.frontend.hints_habits import HABITS
from derivant.frontend.parser import parse, parse_expr


def errors(text: str) -> tuple[Error, ...]:
    try:
        parse(Source("t.dv", text))
    except SyntaxError as found:
        return found.errors
    return ()


@dataclass(frozen=True)
class Case:
    """`bad` has exactly the one error that says `says` at `line:col`; `good` has none."""

    hint: str
    bad: str
    says: str
    at: tuple[int, int]
    good: str
    help: str = ""


IN_BLOCK = "def f(x) =\n  "

CASES = [
    Case("foreign_declaration", "func f(x) = x", "declared with `def`", (1, 1), "def func(x) = x"),
    Case("foreign_declaration", "struct A = B | C", "declared with `type`", (1, 1), "def struct(data) = data"),
    Case("foreign_declaration", "fn(x) = x", "declared with `def`", (1, 1), "let f = fn(x) -> x"),
    Case("no_declaration", "x = 3", "a value is named with `let`", (1, 1), "let x = 3", "let x = …"),
    Case("no_declaration", "f(x) + 3", "only declarations", (1, 1), "let y = f(x) + 3"),
    Case("capital", "def F(x) = x", "begins with a small letter", (1, 5), "def f(F) = F", "`f`"),
    Case("capital", "type shape = A | B", "begins with a capital", (1, 6), "type Shape = A | B", "`Shape`"),
    Case("parameters", "def f = 3", "list of parameters", (1, 5), "def f() = 3", "def f() = …"),
    Case("parameters", "def f x y = x", "in parentheses", (1, 7), "def f(x, y) = x", "def f(x, y)"),
    Case("import_all", "from stats import *", "one by one", (1, 19), "from stats import a, b"),
    Case("return_", IN_BLOCK + "return x + 1", "no `return`", (2, 3), IN_BLOCK + "let return = x\n  return + 1"),
    Case("return_", IN_BLOCK + "return y", "no `return`", (2, 3), "def f(return) = return"),
    Case("var", IN_BLOCK + "var y = x\n  y", "a value is named with `let`", (2, 3), IN_BLOCK + "let var = x\n  var"),
    Case("var", IN_BLOCK + "let mut y = x\n  y", "values don't change", (2, 7), IN_BLOCK + "let mut = x\n  mut"),
    Case("assignment", IN_BLOCK + "y = x\n  y", "a value is named with `let`", (2, 3), IN_BLOCK + "let y = x\n  y"),
    Case("assignment", IN_BLOCK + "x[0] = 1\n  x", "values don't change", (2, 3), IN_BLOCK + "x with [0] = 1",
         "let x = x with [0] = …"),
    Case("def_in_block", IN_BLOCK + "def g(y) = y\n  g(x)", "inside a block", (2, 3), IN_BLOCK + "let g(y) = y\n  g(x)"),
    Case("block_without_value", IN_BLOCK + "let y = x", "ends with an expression", (2, 3), IN_BLOCK + "let y = x\n  y"),
    Case("value_before_the_end", IN_BLOCK + "show(x)\n  x", "only the last line", (2, 3),
         IN_BLOCK + "let _ = show(x)\n  x"),
    Case("semicolon", IN_BLOCK + "let y = x;\n  y", "doesn't end with `;`", (2, 12), "def f(x) = (let y = x; y)"),
    Case("semicolon", IN_BLOCK + "let y = x; y", "line of its own", (2, 12), "def f(x) = match x { A -> 1; B -> 2 }"),
    Case("comma_before_filter", "def f(x) = [i for i < n, if i > 2]", "no `,` stands between", (1, 24),
         "def f(x) = [i for i < n, j < m if i > 2]"),
    Case("dots", "def f(x) = x[1..3]", "written with `:`", (1, 15), "def f(x) = x[1:3]"),
    Case("dots", "def f(x) = 1 .. 3", "only in generators", (1, 14), "def f(x) = [i for i in 1 .. 3]"),
    Case("keyword_as_name", IN_BLOCK + "let loop = 3\n  x", "can name nothing", (2, 7), IN_BLOCK + "let loops = 3\n  x"),
    Case("keyword_as_name", "def f(x) = x.in", "can name nothing", (1, 14), "def f(x) = x.into"),
    Case("else_missing", "def f(x) = if x then 1", "no `else`", (1, 12), "def f(x) = if x then 1 else 2"),
    Case("else_missing", "def f(x) = if a then 1 else g(if x then 1)", "no `else`", (1, 31),
         "def f(x) = [i for i if x]"),
    Case("python_conditional", "def f(x) = 1 if x else 2", "if c then a else b", (1, 14),
         "def f(x) = [1 for i if x] + (if x then 1 else 2)"),
    Case("python_conditional", "def f(x) = 1 if x", "if c then a else b", (1, 14), "def f(x) = sum(1 for i if x)", "both sides"),
    Case("let_in", "def f(x) = let y = x in y", "no `let … in`", (1, 12), IN_BLOCK + "let y = x\n  y"),
    Case("let_in", "def f(x) = x + let y = 3", "no expression", (1, 16), "def f(x) = x + (let y = 3; y)"),
    Case("comma_before_for", "def f(x) = sum(x[i], for i < n)", "no `,` stands between", (1, 20),
         "def f(x) = sum(x, for i < n do i)"),
    Case("lambda_", "def f(x) = map(lambda y: y + 1, x)", "fn x -> e", (1, 16), "def f(lambda) = lambda[1:]"),
    Case("large_operand", "def f(x) = 1 + if x then 1 else 2", "alone or in parentheses", (1, 16),
         "def f(x) = 1 + (if x then 1 else 2)"),
    Case("large_operand", "def f(x) = -for i < n do i", "alone or in parentheses", (1, 13),
         "def f(x) = g(for i < n do i)"),
    Case("lone_while", "def f(x) = while x > 0 do x - 1", "belongs to a loop", (1, 12),
         "def f(x) = loop y = x while y > 0 do y - 1"),
    Case("arms", "def f(x) = match x of\n  A -> 1", "without `of`", (1, 20), "def f(of) = match of\n  A -> 1"),
    Case("arms", "def f(x) = match x with\n  A -> 1", "without `with`", (1, 20),
         "def f(x) = match (x with a = 1)\n  A -> 1"),
    Case("arms", "def f(x) = match x:\n  A -> 1", "without `:`", (1, 19), "def f(x) = match x { A -> 1 }"),
    Case("arms", "def f(x) = match x\n  | A -> 1\n  B -> 1", "without `|`", (2, 3),
         "def f(x) = match x\n  A\n  | B -> 1"),
    Case("arms", "def f(x) = match x\n  A -> 1\n  | B -> 1", "without `|`", (3, 3),
         "def f(x) = match x\n  A -> 1\n  B | C -> 1"),
    Case("arms", "def f(x) = match x\n  case A -> 1", "begins with its pattern", (2, 3),
         "def f(x) = match x\n  case -> 1"),
    Case("generators", "def f(x) = [i for i <= n]", "below its bound", (1, 21), "def f(x) = [i for i < n if i <= 2]"),
    Case("generators", "def f(x) = [i for i = 0 .. n]", "`i in a .. b`", (1, 21), "def f(x) = [i for i in 0 .. n]"),
    Case("type_over_lines", "def f(g: f64 ->\n    f64) = g", "opens a block", (1, 14), "def f(g: f64 -> f64) = g"),
    Case("equals", "def f(x) = if x = 3 then 1 else 2", "`==` compares", (1, 17), "def f(x) = g(x = 3)", "`==`"),
    Case("word_operators", "def f(x) = x is 3", "`==` compares", (1, 14), "def f(is) = is == 3"),
    Case("word_operators", "def f(x) = x mod 3", "no operator", (1, 14), "def f(x) = mod(x, 3)", "`%`"),
    Case("word_operators", "def f(x) = 3 in x", "only in generators", (1, 14), "def f(x) = [i for i in x]"),
    Case("word_operators", "def f(x) = 3 not in x", "only in generators", (1, 14), "def f(x) = not x"),
    Case("unary_plus", "def f(x) = +x", "no `+` in front", (1, 12), "def f(x) = 1 + x"),
    Case("braces", "def f(x) = {a = x, b = 1}", "braces make no value", (1, 12), "def f(x) = fn {a, b} -> a"),
    Case("tuples", "def f(x) = g((x,))", "two elements or more", (1, 16), "def f(x) = g((x, x,))"),
    Case("tuples", "def f(x) = ()", "no empty tuple", (1, 12), "def f() = g()"),
    Case("juxtaposition", "def f(x) = g x", "operator is missing", (1, 14), "def f(x) = g(x)", "`g(x)`"),
    Case("juxtaposition", "def f(x) = 2 x + 1", "operator is missing", (1, 14), "def f(x) = 2 * x + 1", "`2 * x`"),
    Case("decorator", "@jit\ndef f(x) = x", "no decorators", (1, 1), "def f(a) = a @ a"),
    Case("foreign_heading", "const x = 3", "named with `let`", (1, 1), "let const = 3", "let x = …"),
    Case("foreign_heading", "using Stats", "with `import`", (1, 1), "import using"),
    Case("foreign_heading", "module Stats", "every file is a module", (1, 1), "let module = 3"),
    Case("foreign_heading", "def f(x) =\n  x\nend", "by their indentation", (3, 1), "let end = 3", "`end`"),
    Case("foreign_heading", "def f(x) = y\nwhere y = 2", "no `where`", (2, 1), "implicit f(x) = y where y == x", "let y = …"),
    Case("import_path", "import a.b", "plain name", (1, 9), "import a as b"),
    Case("import_path", "import a, b", "one module", (1, 9), "from a import b, c", "`import b`"),
    Case("let_heading", "let f x y = x", "in parentheses", (1, 7), "let f(x, y) = x", "let f(x, y) = …"),
    Case("let_heading", "let rec f(x) = x", "no `let rec`", (1, 5), "let rec(x) = x", "loop"),
    Case("let_heading", IN_BLOCK + "let a, b = x\n  a", "in parentheses", (2, 7), IN_BLOCK + "let (a, b) = x\n  a",
         "let (a, b) = …"),
    Case("type_body", "type A = f64 | i64", "has a name", (1, 14), "type A = F(f64) | I(i64)"),
    Case("type_body", "type P =\n  x: f64\n  y: f64", "in braces", (2, 4), "type P =\n  { x: f64, y: f64 }"),
    Case("comment", "-- some words\ndef f(x) = x", "with `#`", (1, 1), "def f(x) = --x"),
    Case("comment", IN_BLOCK + "-- some words\n  x", "with `#`", (2, 3), IN_BLOCK + "--x"),
    Case("comment", "def f(x) = x // the square of it", "with `#`", (1, 14), "def f(x, the) = x // the"),
    Case("let_in_block", IN_BLOCK + "let y = x * x in y + 1", "no `let … in`", (2, 17), IN_BLOCK + "let y = x * x\n  y + 1",
         "next line"),
    Case("let_in_block", "def f(x) = (let y = x in y)", "no `let … in`", (1, 23), "def f(x) = (let y = x; y)", "`;`"),
    Case("let_in_block", "let y = 3 in y + 1", "no `let … in`", (1, 11), "let y = sum(i for i in a)"),
    Case("where", "def f(x) = x * y where y = 2", "before it is used", (1, 18), "def f(where) = where", "let y = …"),
    Case("where", IN_BLOCK + "y\n  where y = x", "before it is used", (3, 3), IN_BLOCK + "let where = x\n  where"),
    Case("end_word", "def f(x) = x end", "by their indentation", (1, 14), "def f(end) = end"),
    Case("end_word", IN_BLOCK + "x + 1\n  end", "by their indentation", (3, 3), IN_BLOCK + "let end = x\n  end"),
    Case("assertion", IN_BLOCK + "assert x > 0\n  x", "has a text", (2, 3), IN_BLOCK + 'assert x > 0, "x"\n  x',
         'assert x > 0, "…"'),
    Case("assertion", "def f(x) = assert x > 0", "no expression", (1, 12), IN_BLOCK + 'assert x > 0, "x"\n  x'),
    Case("line_of_statements", "def f(x) = x; x", "line of its own", (1, 13), "def f(x) = (let y = x; y)"),
    Case("arrow", "def f(x) = map(y -> y + 1, x)", "begins with `fn`", (1, 16), "def f(x) = map(fn y -> y + 1, x)", "`fn y -> …`"),
    Case("arrow", "def f(x) = fold((a, b) => a + b, x)", "begins with `fn`", (1, 17),
         "def f(x) = fold(fn (a, b) -> a + b, x)", "`fn (a, b) -> …`"),
    Case("pipe", "def f(x) = x |> sin", "no `|>`", (1, 14), "def f(x) = match x { A | B -> 1 }", "`sin(x)`"),
    Case("word_in_front", "def f(x) = try g(x)", "no error is caught", (1, 12), "def f(try) = try(1)"),
    Case("word_in_front", "def f(x) = switch x { A -> 1 }", "is a `match`", (1, 12), "def f(switch) = -switch"),
    Case("bare_tuple", "def f(x) = x, -x", "in parentheses", (1, 13), "def f(x) = (x, -x)", "`(x, -x)`"),
    Case("bare_tuple", "def f(x) = if x then 1, 2 else (3, 4)", "in parentheses", (1, 23), "def f(x) = for i < 3, j < 3 do x",
         "`(1, 2)`"),
    Case("braced_choice", "def f(x) = if (x > 0) { x } else { -x }", "if c then a else b", (1, 23),
         "def f(x) = if (x > 0) then x else -x", "`then`"),
    Case("braced_choice", "def f(x) = if x > 0: x else: -x", "if c then a else b", (1, 20),
         "def f(x) = if x[0:1] then x else -x", "`then`"),
    Case("braced_body", "def f(x) { x }", "in no braces", (1, 10), "def f(x) = match x { {x, y} -> x }", "`=`"),
    Case("braced_body", "def f(x) = fn (x, y) { x }", "in no braces", (1, 22), "def f(x) = fn {x, y} -> x", "`->`"),
    Case("conversion", "def f(x) = x as i64", "is a call", (1, 14), "def f(as) = i64(as)", "`i64(x)`"),
    Case("conversion", "def f(x) = (x: i64)", "is a call", (1, 14), "let x: i64 = 3", "`i64(x)`"),
    Case("colon_range", "def f(n) = [i for i in 1:n]", "written `a .. b`", (1, 25), "def f(n) = [i for i in n[1:3]]", "`1 .. n`"),
    Case("colon_range", "def f(n) = [i for i in 1:2:n]", "by step", (1, 25), "def f(n) = [i for i in 1 .. n by 2]",
         "`1 .. n by 2`"),
    Case("colon_range", "def f(n) = [i for i in 0 <= n]", "written `a .. b`", (1, 26), "def f(n) = [i for i < n if i <= 2]",
         "`0 .. n + 1`"),
    Case("colon_range", "def f(v) = for x in v: x + 1", "follows `do`", (1, 22), "def f(v) = for x in v do x + 1", "`do`"),
    Case("generator_as_index", "def f(v) = v[i for i < 2]", "an index is a number", (1, 16), "def f(v) = [v[i] for i < 2]",
         "`[v[i] for i < 2]`"),
    Case("left_arrow", IN_BLOCK + "let y <- 3\n  y", "given by `=`", (2, 9), "def f(x) = x <-3", "`=`"),
    Case("inclusive_range", "def f(n) = [i for i in 0..=n]", "not counted", (1, 25), "def f(n) = [i for i in 0 .. n]", "`.. n + 1`"),
    Case("set_builder", "def f(v) = [2 * x | x <- v]", "written with `for`", (1, 19), "def f(v) = [2 * x for x in v]",
         "`[2 * x for x in v]`"),
    Case("braced_record", "def f(x) = P{x: x}", "like a call", (1, 13), "def f(x) = match P { P -> x }", "`P(x = x)`"),
    Case("grouped_digits", "def f(x) = 1,000", "not grouped", (1, 13), "def f(x) = (1, 000)", "`1000`"),
    Case("generic", "def f[T](x: T) = x", "with small letters", (1, 6), "def f(x: t) = x", "leave `[T]` out"),
    Case("open_sizes", "def f(x: f64[:]) = x", "every axis of an array has a size", (1, 14), "def f(x: f64[_]) = x[:]", "`f64[_]`"),
    Case("slice_step", "def f(x) = x[1:9:2]", "no step", (1, 17), "def f(x) = x[x[1:9][0]:2]", "by 2"),
    Case("slice_step", "def f(x) = x[::-1]", "no step", (1, 15), "def f(x) = x[:, 1:]", "reverse"),
    Case("matrix", "def f(x) = [1 2; 3 4]", "are arrays", (1, 15), "def f(x) = [[1, 2], [3, 4]]"),
    Case("matrix", "def f(x) = [1, 2; 3, 4]", "are arrays", (1, 17), "def f(x) = [(let y = 1; y), 2]"),
    Case("bars", "def f(x) = 1 + |x - 1|", "is a call", (1, 16), "def f(x) = abs(x - 1)", "`abs(x - 1)`"),
    Case("dotted_operator", "def f(x) = x .* x", "without a point", (1, 14), "def f(x) = x.a * x.b", "`*`"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.hint}-{c.bad[:30]!r}")
def test_hint_fires(case: Case) -> None:
    found = errors(case.bad)
    assert len(found) == 1, [e.message for e in found]
    (error,) = found
    assert case.says in f"{error.message} {error.help}"
    assert case.help in (error.help or "")
    assert error.span is not None
    assert (error.span.line, error.span.col) == case.at


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.hint}-{c.good[:30]!r}")
def test_hint_leaves_programs_alone(case: Case) -> None:
    assert errors(case.good) == ()


def test_every_hint_has_a_case() -> None:
    assert {h.__name__ for h in (*HABITS, *HINTS)} == {c.hint for c in CASES}


LEXICAL = [
    ("x && y", "DV0105", "`and`"), ("x || y", "DV0105", "`or`"), ("!x", "DV0105", "`not`"), ("x ^ 2", "DV0105", "`**`"),
    ("x² + 1", "DV0105", "`x**2`"), ("x ≤ y", "DV0105", "`<=`"), ("x · y", "DV0105", "`*`"), ("x <> y", "DV0105", "`!=`"),
    ("x === y", "DV0105", "`==`"), ("2x", "DV0103", "`2 * x`"), ("0x1F", "DV0103", "decimal"),
    ("1_000", "DV0103", "`1000`"), ("1e", "DV0103", "exponent"), ("1. + x", "DV0103", "`1.0`"), (".5", "DV0103", "`0.5`"),
    ("1.2.3", "DV0103", ""), ("x.0", "DV0103", "`x[0]`"), ("1e999", "DV0103", "`inf`"), ("1" * 5000, "DV0103", ""),
    ("'abc'", "DV0104", '`"abc"`'), ("x + '", "DV0104", "`f'`"), ('"abc', "DV0104", "same line"),
    ('"a\\q"', "DV0104", "backslash"), ("x ? y", "DV0105", "if c then a else b"), ("x\u00a0+ y", "DV0101", "space"),
    ("x /* 'it' */", "DV0105", "`#`"), ('"""a b"""', "DV0104", "new line"), ("\n  // don't\n  x", "DV0105", "`#`"),
    ("\n  % it's\n  x", "DV0105", "`#`"), ('\n  """What\n  it\'s for"""\n  x', "DV0104", "`## What`"),
    ("(x\n  +* /* a\n b */ 2)", "DV0105", "`#`"),
    ("x + \x00y", "DV0101", "delete"), ("x 😀", "DV0101", ""), ("₁x", "DV0101", ""),
]


@pytest.mark.parametrize(("text", "code", "help"), LEXICAL)
def test_characters(text: str, code: str, help: str) -> None:
    found = errors(f"def f(x) = {text}\ndef g(x) = x")
    assert found[0].code == code
    assert help in (found[0].help or "")
    assert len(found) == 1 or text == "x ? y"


@pytest.mark.parametrize("text", ["x != y", "-1 - -x", "f'(x)", "x[-1]", "(x\n  // 2)", "(x\n  % 2)", 'g("", "")', "0 .. 1 # !", '"!&&^"', "x₁ + θ", "1.5e-3", "x<-1"])
def test_characters_that_are_fine(text: str) -> None:
    found = errors(f"def f(x) = {text}" if ".." not in text else f"def f(x) = [i for i in {text}\n]")
    assert found == ()


@pytest.mark.parametrize(("text", "written"), [("def 2f(x) = x", "`f2`"), ("let 3d = 1", "`d3`")])
def test_names_that_begin_with_a_digit(text: str, written: str) -> None:
    (error,) = errors(text)
    assert error.code == "DV0103" and written in str(error.help)


@pytest.mark.parametrize(("text", "help"), [
    ("x => x", "`fn x -> …`"), ("1, 2", "`(1, 2)`"), ("0 |> sin", "`sin(0)`"), ("// c", "`#`"), ("1; 2", "new line"),
    ("-- a comment", "`# …`"), ("(x, y) -> x", "`fn (x, y) -> …`"),
])
def test_habits_in_one_expression(text: str, help: str) -> None:
    with pytest.raises(SyntaxError) as caught:
        parse_expr(Source("t.dv", text))
    assert len(caught.value.errors) == 1
    assert help in str(caught.value.help)


NOBODY_MEANS = [
    "def f(x) = x,", "def f(x) = g(y) -> x", "def f(x) = x : y", "@", "=> 3", "def f(x) = x .. y", "import a +", "def f(x) = x do",
    "def f(x) = x as y", "def f(x) = x => ", "let x | = 3", "def f(x) = x else 3", "def f(x) = [x -> for i < 3]",
]


@pytest.mark.parametrize("text", NOBODY_MEANS)
def test_that_the_parser_would_take_a_token_is_no_reason_to_write_it(text: str) -> None:
    for error in errors(text):
        assert not any(f"write `{word}`" in str(error.help) for word in (".", "'", "import", "with", "as", ",", "."))
        assert "an operator is expected" not in error.message


REPAIRS = [
    ("def f(x) = if x > 0: 1 else 2", "DV0123", "`then` is expected here, not `:`", (1, 20)),
    ("def f(x) = if x > 0 1 else 2", "DV0121", "`then` is missing before `1`", (1, 21)),
    ("def f(x) = fn y: y", "DV0123", "`->` is expected here, not `:`", (1, 16)),
    ("def f(x) = match x\n  A => 1", "DV0123", "`->` is expected here, not `=>`", (2, 5)),
    ("def f(x) = g(x y)", "DV0121", "`,` is missing before `y`", (1, 16)),
    ("def f(x) = x[1,,2]", "DV0121", "an expression is missing before `,`", (1, 16)),
    ("def f(x) = x +", "DV0121", "an expression is missing at the end of the line", (1, 15)),
    ("def f(x: ) = x", "DV0121", "a type is missing before `)`", (1, 10)),
    ("def f(x) -> = x", "DV0121", "a type is missing before `=`", (1, 13)),
    ("rule r(x): x = y", "DV0123", "`=>` is expected here, not `=`", (1, 14)),
    ("def f(x) = (x))", "DV0112", "nothing is open", (1, 15)),
    ("import 3", "DV0120", "`3` is not expected here", (1, 8)),
    ("derivative f(x) = 3", "DV0120", "`=` is not expected here", (1, 17)),
    ("implicit f(x) = y where y", "DV0124", "an equation", (1, 25)),
    ("def f(x) = [i for (i, j) in 0 .. 3]", "DV0126", "one name", (1, 19)),
    ("let Box((a, b), x: f64) = e", "DV0125", "neither a pattern nor", (1, 8)),
]


@pytest.mark.parametrize(("text", "code", "message", "at"), REPAIRS)
def test_repairs(text: str, code: str, message: str, at: tuple[int, int]) -> None:
    (error,) = errors(text)
    assert error.span is not None
    assert (error.code, error.span.line, error.span.col) == (code, *at)
    assert message in error.message


def test_expected_in_words() -> None:
    (error,) = errors("import 3")
    assert error.notes == ("expected: a name",)
    (error,) = errors("def f(x) =\n  let b = * / 3\n  b")
    assert error.notes == ("expected: an expression",)


def test_several_errors_in_order() -> None:
    found = errors("def f(x) =\n  let y = 1 +\n  let z = * / 2\n  g z\n\ndef g(x) = +x\ntype t = A | B\ndef h(x) = x")
    assert [e.span.line for e in found if e.span] == [2, 3, 4, 6, 7]


def test_at_most_four_of_a_declaration() -> None:
    assert len(errors("def f(x) =\n" + "  y = 1\n" * 20 + "  y")) == 4


def test_a_bundle_is_caught_as_the_built_in() -> None:
    with pytest.raises(builtins.SyntaxError):
        parse(Source("t.dv", "def f(x) = +x\ndef g(x) = +x"))
