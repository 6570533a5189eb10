"""What an error says to write is taken at its word: put in place of what was wrong, the program compiles and means
what was meant."""

from __future__ import annotations

import re
from dataclasses import dataclass

import derivant as dv
import numpy as np
import pytest


@dataclass(frozen=True)
class Case:
    """`bad` has an error whose help says `…`-quoted what to write for `instead`; `f(*args)` is then `result`.

    `filled` is what the `…` in a remedy stand for; `quoted` which of the quoted texts it is.
    """

    bad: str
    instead: str
    args: tuple[object, ...]
    result: object
    filled: tuple[str, ...] = ()
    quoted: int = 0


V = np.array([3.0, 1.0, 2.0])
M = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
P = "type P = {x: f64, y: f64}\n"

CASES = [
    # updates
    Case("def f(v: f64[n]) = v with [0] += 1", "with [0] += 1", (V,), [4.0, 1.0, 2.0]),
    Case(P + "def f(x: f64) = (let p = P(x, 1); (p with y -= x * 2).y)", "with y -= x * 2", (3.0,), -5.0),
    Case("def f(x: f64) = x *= 2", "x *= 2", (3.0,), 6.0),
    Case("def f(x: f64) =\n  x *= x + 1\n  x", "x *= x + 1", (3.0,), 12.0),
    Case("def f(v: f64[n]) =\n  v[0] += v[1]\n  v", "v[0] += v[1]", (V,), [4.0, 1.0, 2.0]),
    Case(P + "def f(x: f64) =\n  let p = P(x, 1)\n  p.y += 2  # more\n  p.y", "p.y += 2", (3.0,), 3.0),
    Case("def f(x: f64[n, m]) =\n  x[0, 1] /= 2\n  x[0, 1]", "x[0, 1] /= 2", (M,), 1.0),
    Case("def f(x: f64) = a\nlet a = 3.0\na += 1", "a += 1", (0.0,), 3.0),
    Case("def f(v: f64[n]) =\n  v[0] = 1\n  v", "v[0] = 1", (V,), [1.0, 1.0, 2.0], ("1",)),
    Case("def f(v: f64[n]) = v[0] = 1", "v[0] = 1", (V,), [1.0, 1.0, 2.0]),
    Case(P + "def f(x: f64) =\n  let p = P(x, 1)\n  let q = p.x = 7\n  q.x", "p.x = 7", (3.0,), 7.0),
    Case("def f(v: f64[n]) = if v[0] = 3 then 1 else 2", "=", (V,), 1),
    # calls and products
    Case("def f(x: f64) = sin'x", "sin'x", (0.0,), 1.0),
    Case("def f(x: f64) = exp''x", "exp''x", (0.0,), 1.0),
    Case("def f(x: f64) = abs x", "abs x", (-2.0,), 2.0),
    Case("def f(v: f64[n]) = abs v[1]", "abs v[1]", (-V,), 1.0),
    Case("def f(v: f64[n]) = grad sum(v)", "grad sum(v)", (V,), [1.0, 1.0, 1.0]),
    Case("def f(v: f64[n]) = abs sum(v)", "abs sum(v)", (-V,), 6.0),
    Case(P + "def f(x: f64) = (let p = P(x, 1); abs p.x)", "abs p.x", (-2.0,), 2.0),
    Case("def f(v: f64[n], x: f64) = v[0] x", "v[0] x", (V, 2.0), 6.0),
    Case("def f(v: f64[n], x: f64) = sum(v) x", "sum(v) x", (V, 2.0), 12.0),
    Case("def f(x: f64) = 3 x", "3 x", (2.0,), 6.0),
    Case("def f(x: f64) = 3x", "3x", (2.0,), 6.0),
    Case("def f(x: f64) = x |> exp", "x |> exp", (0.0,), 1.0),
    Case("def f(v: f64[n]) = v[0] |> exp", "v[0] |> exp", (0 * V,), 1.0),
    Case("def f(x: f64) = |x - 3|", "|x - 3|", (1.0,), 2.0),
    Case(P + "def f(x: f64) = (let p = P(x, 1); p.x as i64)", "p.x as i64", (2.0,), 2),
    Case("def f(v: f64[n]) = v.sum()", "v.sum()", (V,), 6.0),
    Case("def f(v: f64[n], w: f64[n]) = v.dot(w)", "v.dot(w)", (V, V), 14.0),
    Case("def f(v: f64[n]) = (2 * v).clip(0, max(1, 3))", "(2 * v).clip(0, max(1, 3))", (V,), [3.0, 2.0, 3.0]),
    Case("def f(x: f64) = max x 2", "max x 2", (1.0,), 2.0),
    Case("def f(x: f64) = max x, 2", "max x, 2", (1.0,), 2.0),
    Case("def f(v: f64[n]) = map sin v", "map sin v", (0 * V,), [0.0, 0.0, 0.0]),
    Case("def f(v: f64[n]) = map(|y| y + 1, v)", "|y| y", (V,), [4.0, 2.0, 3.0], ("y",)),
    # records
    Case(P + "def f(x: f64) = (P{x: x, y: 1}).x", "P{x: x, y: 1}", (3.0,), 3.0),
    Case(P + "def f(x: f64) = (P {x = x, y = 1}).x", "P {x = x, y = 1}", (3.0,), 3.0),
    # statements
    Case("def f(x: f64) = y\nlet y <- 3", "<-", (2.0,), 3),
    Case('def f(x: f64) =\n  assert(x > 0, "a")\n  x', 'assert(x > 0, "a")', (2.0,), 2.0),
    Case('def f(x: f64) =\n  assert(x > 0)\n  x', "assert(x > 0)", (2.0,), 2.0, ("a",)),
    Case("def f(x: f64) =\n  y = x\n  y", "y = x", (2.0,), 2.0, ("x",)),
    Case("def f(x: f64) =\n  var y = x\n  y", "var y = x", (2.0,), 2.0, ("x",)),
    Case("def f x = x", "def f x", (2.0,), 2.0),
    Case("def f(x: f64) = if x < 1: 1 else 2", ":", (2.0,), 2),
    Case("def f(m: i64) = if m % 2 then 1 else 2", "m % 2", (3,), 1),
    # loops, generators, slices
    Case("def f(v: f64[n]) = for x in v: x + 1", ":", (V,), [4.0, 2.0, 3.0]),
    Case("def f(v: f64[n]) = for i < n: v[i]", ":", (V,), V.tolist()),
    Case("def f(v: f64[n]) = for i in 0:n: v[i]", "0:n:", (V,), V.tolist()),
    Case("def f(v: f64[n]) = for i in 1:n do v[i]", "1:n", (V,), [1.0, 2.0]),
    Case("def f(v: f64[n]) = sum(v[i] for i in 1:len(v))", "1:len(v)", (V,), 3.0),
    Case("def f(v: f64[n]) = sum(v[i] for i in 0:2:n)", "0:2:n", (V,), 5.0),
    Case("def f(m: i64) = sum(i for i <= m)", "i <= m", (3,), 6),
    Case("def f(n: i64) = sum(i for i in n)", "i in n", (3,), 3),
    Case("def f(v: f64[n]) = v[1:n:2]", "v[1:n:2]", (V,), [1.0]),
    Case("def f(v: f64[n]) = v[::2]", "v[::2]", (V,), [3.0, 2.0]),
    Case("def f(v: f64[n]) = v[::-1]", "v[::-1]", (V,), [2.0, 1.0, 3.0]),
    Case("def f(v: f64[n]) = v[1..3]", "1..3", (V,), [1.0, 2.0]),
    Case("def f(v: f64[n]) = v[i for i < 2]", "v[i for i < 2]", (V,), [3.0, 1.0]),
    Case("def f(v: f64[n]) = v[v > 1]", "v[v > 1]", (V,), [3.0, 2.0]),
    Case("def f(v: f64[n], m: bool[n]) = v[m]", "v[m]", (V, np.array([True, False, True])), [3.0, 2.0]),
    Case("def f(v: f64[n]) = v[[0, 1]]", "v[[0, 1]]", (V,), [3.0, 1.0]),
    Case("def f(v: f64[n], ix: i64[m]) = v[ix]", "v[ix]", (V, np.array([2, 0])), [2.0, 3.0]),
    Case("def f(x: i64, xs: i64[n]) = x in xs", "x in xs", (2, np.array([1, 2])), True),
    Case("def f(x: i64, xs: i64[n]) = x not in xs", "x not in xs", (2, np.array([1, 2])), False),
    Case("def f(v: f64[n]) = [x for x in v: x > 1]", ":", (V,), [3.0, 2.0]),
    Case("def f(v: f64[n]) = [2 * x | x <- v]", "[2 * x | x <- v]", (V,), [6.0, 2.0, 4.0]),
    Case("def f(v: f64[n]) = [2 * x | x <- v, x > 1]", "[2 * x | x <- v, x > 1]", (V,), [6.0, 4.0]),
    Case("def f(n: i64) = sum(i for i in 0..=n)", "..=n", (3,), 6),
    # arrays
    Case("def f(a: f64[n, m], v: f64[m]) = a * v", "a * v", (M, V), (M * V).tolist()),
    Case("def f(v: f64[m], a: f64[n, m]) = v - a", "v - a", (V, M), (V - M).tolist()),
    Case("def f(a: f64[n, m]) = a'", "a'", (M,), M.T.tolist()),
    Case("def f(a: f64[n, m]) = sum(a, 0)", "0", (M,), [5.0, 7.0, 9.0]),
    # numbers and types
    Case("def f(x: f64) = x + 1,000", "1,000", (1.0,), 1001.0),
    Case("def f(x: f64) = 1,000,000.5", "1,000,000.5", (1.0,), 1000000.5),
    Case("def f(x: f64) = 1.5f + x", "1.5f", (1.0,), 2.5),
    Case("def f(x: f64, y: f64) = x²y", "x²y", (3.0, 2.0), 18.0),
    Case("def f(x: f64) = 1_000", "1_000", (1.0,), 1000),
    Case("def f(v: f64[:]) = v[0]", "f64[:]", (V,), 3.0),
    Case("def f(v: f64[]) = v[0]", "f64[]", (V,), 3.0),
    Case("def f(a: f64[][]) = a[0, 1]", "f64[][]", (M,), 2.0),
    Case("def f(a: f64[:, :]) -> f64[:] = a[0]", "f64[:, :]", (M,), None),
    Case("def f(v: Array[f64]) = v[0]", "Array[f64]", (V,), 3.0),
    Case("def f(v: list[f64]) = v[0]", "list[f64]", (V,), 3.0),
    # derivatives
    Case("def f(v: f64[n]) = vjp(sum)(v)[0]", "vjp(sum)(v)", (V,), 6.0),
    Case("def f(v: f64[n]) = linearize(sum)(v)[0]", "linearize(sum)(v)", (V,), 6.0),
    Case("def g(x: f64, y: f64) = x * y**2\ndef f(x: f64) = grad(g, argnums=1)(x, 2.0)", "argnums=1", (3.0,), 12.0),
    Case("def g(x: f64, y: f64) = x * y**2\ndef f(x: f64) = grad(g, argnums=(0, 1))(x, 2.0)", "argnums=(0, 1)", (3.0,), (4.0, 12.0)),
]


def remedy(bad: str, filled: tuple[str, ...] = (), quoted: int = 0) -> str:
    """What the first error says to write."""
    with pytest.raises(dv.Error) as info:
        dv.compile(bad)
    e = info.value.errors[0]
    assert e.help is not None, e
    texts = re.findall(r"`([^`]+)`", e.help[e.help.index("writ"):])
    assert texts, e.help
    text = str(texts[quoted])
    for f in filled:
        text = text.replace("…", f, 1)
    return text


@pytest.mark.parametrize("case", CASES, ids=[c.bad.split("\n")[-1] for c in CASES])
def test_a_remedy_compiles_and_means_what_was_meant(case: Case) -> None:
    written = remedy(case.bad, case.filled, case.quoted)
    at = case.bad.rindex(case.instead) if case.instead not in ("=", ":") else None
    if at is None:  # the sign where the error stands
        with pytest.raises(dv.Error) as info:
            dv.compile(case.bad)
        span = info.value.errors[0].span
        assert span is not None
        at = sum(len(line) + 1 for line in case.bad.split("\n")[:span.line - 1]) + span.col - 1
        written = f" {written}"
    mended = case.bad[:at] + written + case.bad[at + len(case.instead):]
    if case.result is None:  # one of several mistakes
        assert remedy(mended)
        return
    got = dv.compile(mended)["f"](*case.args)
    assert np.asarray(got).tolist() == np.asarray(case.result).tolist(), mended


NONE = [
    "def f(x: f64?) = x", "def f(v: f64[n]) = v[-3::2]", "def f(v: f64[n]) = v[2:0:-1]", "def f(x: f64) = true x",
    "def f(a: f64[n, m]) = a[:, ::2]", "def f(a: f64[n, m], v: f64[n]) = a * v", "def f(v: f64[n]) = v'",
    "def f(x: f64) = for i > 2 do i", "def f(x: f64) = 3j",
]


@pytest.mark.parametrize("bad", NONE)
def test_where_no_remedy_is_known_none_is_given(bad: str) -> None:
    with pytest.raises(dv.Error) as info:
        dv.compile(bad)
    assert "write" not in (info.value.errors[0].help or "")
