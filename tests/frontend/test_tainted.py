"""A text with syntax errors still has its other errors, as far as they are no consequences."""

from __future__ import annotations

import derivant as dv
import pytest

WHOLE = "def f(x: f64) = nope\ndef k(x: f64[3]) = x[7]\n"
FOUND = [("DV0201", 1), ("DV0315", 2)]


def codes(text: str) -> list[tuple[str, int]]:
    with pytest.raises(dv.Error) as info:
        dv.compile(text)
    return [(e.code, e.span.line) for e in info.value.errors if e.span is not None]


@pytest.mark.parametrize("broken, more", [
    ("def g(y: f64) = y +", []),
    ("def g(y: f64) = y +\ndef h(x: f64) = g(x) + missing", []),                      # h uses g
    ("def g(y: f64) = y +\ndef h(x: f64) = g(x)\ndef l(x: f64) = h(x) + missing", []),  # over h
    ("def g(y: f64) = y +\ndef h(x: f64) = x + missing", [("DV0201", 4)]),
    ("type T = {a: f64, b f64}\ndef h(t: T) = t.missing", []),
    ("type S = A | B(f64\ndef h(x: f64) = B(x) + missing", []),
    ("let (a, b) = (1, )2\ndef h(x: f64) = a + missing", []),
    ("let c(x) = x x\ndef h(x: f64) = x + missing", [("DV0201", 4)]),
    ("derivative g(x) along = 1\ndef h(x: f64) = x + missing", [("DV0201", 4)]),
])
def test_what_is_no_consequence_is_said(broken: str, more: list[tuple[str, int]]) -> None:
    found = codes(WHOLE + broken + "\n")
    assert [e for e in found if e[0] > "DV02"] == [*FOUND, *more]
    assert [e for e in found if e[0] < "DV02"]
