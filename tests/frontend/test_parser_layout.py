"""Blocks by indentation: what opens, continues and ends them."""

from __future__ import annotations

from typing import Any

import pytest
from derivant.compiler.errors import Source, SyntaxError
from derivant.frontend.parser import parse, parse_expr


def same(left: str, right: str) -> None:
    a, b = (parse(Source("t.dv", text)) for text in (left, right))
    assert a == b


def refused(text: str) -> list[Any]:
    with pytest.raises(SyntaxError) as caught:
        parse(Source("t.dv", text))
    return [(e.code, e.span.line if e.span else 0) for e in caught.value.errors]


def test_openers_open_blocks() -> None:
    same("def f(x) =\n  if x then\n    a\n  else\n    for i < n do\n      fn y ->\n        y\n",
         "def f(x) = if x then a else for i < n do fn y -> y")


def test_lines_may_be_continued() -> None:
    same("def f(x) =\n  if x\n  then a\n  else b", "def f(x) = if x then a else b")
    same("def f(x) =\n  if x then a\n    else b", "def f(x) = if x then a else b")
    same("rule r(x): x =>\n  y", "rule r(x): x => y")
    same("rule r(x): x\n  => y", "rule r(x): x => y")
    same("type T = A\n  | B", "type T = A | B")
    same("def f(x) =\n  match x\n    A\n    | B -> 1\n", "def f(x) = match x { A | B -> 1 }")


def test_breaks_in_brackets_do_not_count() -> None:
    same("def f(x) = g(x,\ny\n     + z\n)", "def f(x) = g(x, y + z)")


def test_blocks_in_brackets() -> None:
    same("def f(x) = g(fn y ->\n    y + 1, x)", "def f(x) = g(fn y -> y + 1, x)")
    same("def f(x) = g(\n  fn y ->\n    let z = y\n    z,\n  x)", "def f(x) = g(fn y ->\n  let z = y\n  z, x)")
    same("def f(x) = g(a =\n  1,\n  b = 2)", "def f(x) = g(a = 1, b = 2)")
    same("def f(x) = g(\n  for i < n do\n    i\n  for j < m)", "def f(x) = g(for i < n do i for j < m)")


def test_commas_of_heads_and_asserts_stay_in_the_block() -> None:
    same("def f(x) = g(fn y ->\n  for i < n, j < m do i, x)", "def f(x) = g(fn y -> for i < n, j < m do i, x)")
    same('def f(x) = g(fn y ->\n  assert y, "m"\n  y, x)', 'def f(x) =\n  g(fn y ->\n    assert y, "m"\n    y\n  , x)')


def test_match_waits_for_the_end_of_its_line() -> None:
    same("def f(x) = match g(x,\n  y)\n  A -> 1\n  B -> 2", "def f(x) = match g(x, y) { A -> 1; B -> 2 }")
    same("def f(x) = g(match x { A -> 1 },\n  y)", "def f(x) = g(match x { A -> 1 }, y)")
    same("def f(x) = g(match x\n    A -> 1\n    B -> 2\n  , y)", "def f(x) = g(match x { A -> 1; B -> 2 }, y)")


def test_blank_lines_and_comments_do_not_matter() -> None:
    same("def f(x) =\n\n# c\n  let y = x\n      # c\n\n  y # d\n", "def f(x) =\n  let y = x\n  y")


def test_expressions_alone() -> None:
    assert parse_expr(Source("t", "  if x then\n     y\n  else z")) == parse_expr(Source("t", "if x then y else z"))
    parse_expr(Source("t", "match x\n  A -> 1"))


def test_words_of_declarations_in_brackets() -> None:
    same("def f(test) = [\ntest,\ntype\n]", "def f(test) = [test, type]")


@pytest.mark.parametrize(("text", "found"), [
    ("def f(x) =\nx", [("DV0111", 1)]),
    ("def f(x) =\ndef g(x) = x", [("DV0111", 1)]),
    ("def f(x) = x\n    + 1", [("DV0110", 2)]),
    ("  def f(x) = x", [("DV0110", 1)]),
    ("def f(x) =\n    let y = x\n  y", [("DV0110", 3)]),
    ("def f(x) =\n\tx", [("DV0102", 2)]),
    ("def f(x) = match x\ndef g(x) = x", [("DV0111", 1)]),
    ("def f(x) = (x\ndef g(x) = x", [("DV0112", 1)]),
    ("def f(x) = (x\nrule r(x): x => x\ndef g(x) = x)", [("DV0112", 1), ("DV0112", 3)]),
    ("def f(x) = [x)", [("DV0112", 1)]),
    ("def f(x) = (x + [y)", [("DV0112", 1)]),
    ("def f(x) = x]", [("DV0112", 1)]),
    ("def f(x):\n  x", [("DV0111", 1)]),
    ("def f(x)\n  x", [("DV0111", 1)]),
    ("def f(x) =\n  if x\n    y\n  else\n    z", [("DV0111", 2)]),
    ("def f(x) =\n  if x:\n    y\n  else:\n    z", [("DV0111", 2), ("DV0111", 4)]),
    ("def f(x) =\n  for i < n\n    z", [("DV0111", 2)]),
    ("def f(x) =\n  loop a = 0 for i < n while b\n    z", [("DV0111", 2)]),
    ("def f(x) =\n  loop a = 0:\n    z", [("DV0131", 2), ("DV0111", 2)]),
    ("def f(x) =\n  let g(y)\n    z\n  g", [("DV0111", 2)]),
    ("def f(x) =\n  match x\n    A\n      z", [("DV0111", 3)]),
    ("def f(x) =\n  if x then\n    y\n  elif z then\n    y\n  else\n    y", [("DV0113", 4)]),
])
def test_layout_errors(text: str, found: list[tuple[str, int]]) -> None:
    assert refused(text) == found


def test_elif_may_be_a_name() -> None:
    parse(Source("t.dv", "def f(elif) =\n  let x = elif\n  elif + x"))
