"""Integer literals and the widths that they are asked for; blocks of several parameters."""

from __future__ import annotations

import derivant as dv
import numpy as np
import pytest


@pytest.mark.parametrize("text", [
    "def f(x: i64) = 9223372036854775808",
    "def f(x: i64) = 123456789012345678901234567890",
    "def f(x: i32) -> i32 = x + 3000000000",
])
def test_too_large(text: str) -> None:
    with pytest.raises(dv.SyntaxError) as e:
        dv.compile(text).f(np.int32(1) if "i32" in text else 1)
    assert e.value.code == "DV0103"
    assert e.value.span is not None and e.value.span.line == 1


@pytest.mark.parametrize("text, help", [
    ("def f(k: i32) = k + 3000000000", "i32 goes from -2147483648 to 2147483647; write i64(3000000000), to which an i32 widens"),
    ("def f(k: i32) = k == -2147483649", "write i64(-2147483649)"),
    ("def f(k: i32) = match k { 3000000000 -> 1; _ -> 2 }", "i64(3000000000)"),
    ("def f(k: i64) = match k { 99999999999999999999 -> 1; _ -> 2 }", "i64 goes from"),
    ("def f(k: i32) = k * 99999999999999999999", "a float is written with a point"),
    ("def f(k: i64) = k + 9223372036854775808", "to 9223372036854775807; a float is written with a point"),
])
def test_what_to_write_instead(text: str, help: str) -> None:
    with pytest.raises(dv.SyntaxError) as e:
        dv.compile(text)
    assert e.value.code == "DV0103" and e.value.help is not None
    assert help in e.value.help
    if "write i64(" in help and "match" not in text:
        n = help.split("i64(")[-1].split(")")[0]
        dv.compile(text.replace(n, f"i64({n})"))


@pytest.mark.parametrize("backend", ["interpreter", "loops", "llvm"])
def test_patterns_of_literals(backend: str) -> None:
    m = dv.compile("def f(k: i32) = match k { -2147483648 -> 1; 3 -> 2; _ -> 3 }\n"
                   "def g() = match 3 { 1.5 -> 1; 3.0 -> 2; _ -> 3 }", backend=backend)
    assert [m.f(np.int32(k)) for k in (-(2**31), 3, 2**31 - 1)] == [1, 2, 3]
    assert m.g() == 2


def test_extremes() -> None:
    m = dv.compile("def f() = (-9223372036854775808, 9223372036854775807)\ndef g(x: i32) -> i32 = x - 2147483647")
    assert m.f() == (-(2**63), 2**63 - 1)
    assert m.g(np.int32(0)) == -(2**31) + 1


def test_blocks_are_the_result_first_then_the_argument() -> None:
    m = dv.compile("def f(a: f64[n], b: f64[m]) = sum(a) ** 2 * sum(b)\n"
                   "def g(a: f64[n], b: f64[m]) = (sum(a) * b, sum(b))")
    a, b = np.arange(3.0), np.arange(4.0)
    shapes = [[np.shape(x) for x in row] for row in dv.hessian(m.f, argnums=(0, 1))(a, b)]
    assert shapes == [[(3, 3), (3, 4)], [(4, 3), (4, 4)]]
    shapes = [[np.shape(x) for x in row] for row in dv.jacobian(m.g, argnums=(0, 1))(a, b)]
    assert shapes == [[(4, 3), (4, 4)], [(3,), (4,)]]
