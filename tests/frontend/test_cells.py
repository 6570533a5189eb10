"""Inputs at a prompt: where they are cut, and when they are complete."""

from __future__ import annotations

import pytest
from derivant.compiler.errors import Source
from derivant.frontend.cells import Progress, cells, progress
from derivant.frontend.names import free_names
from derivant.frontend.parser import parse, parse_expr

COMPLETE, INCOMPLETE, OPEN, EMPTY = Progress.COMPLETE, Progress.INCOMPLETE, Progress.OPEN, Progress.EMPTY


@pytest.mark.parametrize(("text", "state"), [
    ("", EMPTY), ("   \n", EMPTY), ("# a remark", EMPTY),
    ("1 + 1", COMPLETE), ("f(1, 2)", COMPLETE), (":type x", COMPLETE), ("?sum", COMPLETE),
    ("f(1,", INCOMPLETE), ("[i for", INCOMPLETE), ("(let a = 2;", INCOMPLETE), ("f(1\n)", COMPLETE),
    ("def f(x) =", INCOMPLETE), ("def f(x) =\n  let a = x", INCOMPLETE), ("def f(x) =\n  let a = x\n  a * a", COMPLETE),
    ("def f(x) =\n  let a =\n    3", INCOMPLETE), ("def f(x) = x", COMPLETE), ("def f(x) =\n  assert x > 0, \"x\"", INCOMPLETE),
    ("## what f is", INCOMPLETE), ("## what f is\ndef f(x) = x", COMPLETE),
    ("if a then b", INCOMPLETE), ("if a then b\nelse c", COMPLETE), ("if a then b else", INCOMPLETE),
    ("def f(x) =\n  if x > 0 then\n    1", INCOMPLETE), ("def f(x) =\n  if x > 0 then\n    1\n  else\n    2", COMPLETE),
    ("match x", INCOMPLETE), ("match x\n  1 -> 2", OPEN), ("match x { 1 -> 2; _ -> 3 }", COMPLETE),
    ("type S = A | B", OPEN), ("type P = {x: f64", INCOMPLETE), ("type P = {x: f64}", COMPLETE),
    ("loop s = 0 for i < 3 do", INCOMPLETE), ("loop s = 0 for i < 3 do\n  let t = s\n  t + i", COMPLETE),
    ("fn x ->", INCOMPLETE), ("_ + 1", COMPLETE), ("f(_,", INCOMPLETE), ("let (_, b) = f(_)", COMPLETE),
    ("let v: f64[_] =", INCOMPLETE), ("derivative f(x) along dx =", INCOMPLETE), ("language 1", COMPLETE),
    # wrong, and no further line can mend it: it is run, so that its error is seen
    ("1 +", COMPLETE), ("def f(x):", COMPLETE), ("1 1", COMPLETE), ('let x = "abc', COMPLETE), ("f(1 2", COMPLETE),
    ("f)", COMPLETE), ("def f(x) =\n x\n  y", COMPLETE), ("[1, 2)", COMPLETE),
    # the last of several inputs decides
    ("def f(x) = x\nf(2", INCOMPLETE), ("def f(x) =\n  x\n\nf(2)", COMPLETE), ("(1,\n:type x", COMPLETE),
])
def test_progress(text: str, state: Progress) -> None:
    assert progress(text) is state


PROGRAM = '''\
## The mean.
def mean2(v: f64[n]) -> f64 =
  let s = sum(
    v
  )
  if n > 0 then
    s / n
  else
    0.0

type Shape = Circle(f64) | Box(f64, f64)
let area = fn s -> match s
  Circle(r) -> pi * r**2
  Box(a, b) -> a * b
'''


def test_incomplete_is_what_more_lines_complete() -> None:
    """Every beginning of a program by whole lines is complete exactly if it parses."""
    lines = PROGRAM.splitlines()
    for k in range(1, len(lines) + 1):
        text = "\n".join(lines[:k])
        try:
            parse(Source("", text))
            good = True
        except SyntaxError:
            good = False
        state = progress(text)
        assert (state in (COMPLETE, OPEN)) == good or text.splitlines()[-1].startswith("##"), text
    assert [c.kind for c in cells(PROGRAM)] == ["declaration"] * 3


def test_cells() -> None:
    text = "## d\ndef f(x) =\n  x\n\n# hey\nf(3)\n:type f\nf(\n1\n)\nlet a = 2\nif a then\n  b\nelse\n  c\n1\n?f\n## only"
    assert [(c.kind, c.text.split("\n")[0], c.line) for c in cells(text)] == [
        ("declaration", "## d", 1), ("expression", "f(3)", 6), ("command", ":type f", 7), ("expression", "f(", 8),
        ("declaration", "let a = 2", 11), ("expression", "if a then", 12), ("expression", "1", 16), ("command", "?f", 17)]
    assert [c.line for c in cells("1\n2", 10)] == [10, 11]
    assert [c.text for c in cells("1\r\n2\r3")] == ["1", "2", "3"]
    assert cells("") is not None and list(cells("\n# a\n")) == []


def test_an_open_bracket_ends_where_something_is_declared() -> None:
    assert [c.kind for c in cells("f(1\ndef g(x) = x")] == ["expression", "declaration"]


@pytest.mark.parametrize(("text", "names"), [
    ("x + f(y)", {"x", "f", "y"}), ("fn x -> x + y", {"y"}), ("[v[i] for i < n]", {"v", "n"}),
    ("(let a = b; a * a)", {"b"}), ("loop s = s0 for i < n do s + i", {"s0", "n"}),
    ("match s { Circle(r) -> r; _ -> z }", {"s", "Circle", "z"}), ("a.x with y = b", {"a", "b"}),
    ("for x in v do x * w", {"v", "w"}), ("_ + 1", {"last"}), ("grad(f, wrt = x)(y)", {"grad", "f", "y"}),
])
def test_free_names_of_expressions(text: str, names: set[str]) -> None:
    assert free_names(parse_expr(Source("", text), "last")) == names


@pytest.mark.parametrize(("text", "names"), [
    ("def f(x: f64[n], k: i64 = m) -> Shape = x[0] + n + k + c", {"m", "c", "Shape"}),
    ("let (a, b) = g(a0)", {"g", "a0"}), ("let f(x) = x + y", {"y"}), ("type P = {s: Shape, x: f64[n]}", {"Shape"}),
    ("derivative f(x, y) along (dx, dy) = x * dy + k", {"f", "k"}), ('test "t" = f(1) == t', {"f", "t"}),
    ('def f(x) =\n  assert x > 0, "it is {x} and {z}"\n  x', {"z"}), ("def f(x) =\n  let v: f64[m] = x\n  v", {"m"}),
])
def test_free_names_of_declarations(text: str, names: set[str]) -> None:
    assert free_names(parse(Source("", text)).decls[0]) == names
