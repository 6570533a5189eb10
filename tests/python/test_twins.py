"""One program through two doors: a Python function and the `.dv` text that an author would write give one core program."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import derivant as dv
import numpy as np
import pytest

from .corpus import Case
from .test_corpus import CASES

TWINS: list[tuple[Callable[..., Any], str]] = []


def twin(text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def add(f: Callable[..., Any]) -> Callable[..., Any]:
        TWINS.append((f, text))
        return f

    return add


@twin("def square_sum(x: f64[n]) -> f64 = sum(x[i]**2 for i < len(x))")
def square_sum(x: dv.f64["n"]) -> float:
    return sum(x[i] ** 2 for i in range(len(x)))


@twin("def elements(x: f64[n]) -> f64 = sum(t * t for t in x)")
def elements(x: dv.f64["n"]) -> float:
    return sum(t * t for t in x)


@twin("""def loop_sum(x: f64[n]) -> f64 =
  loop s = 0.0 for i < n do s + x[i]""")
def loop_sum(x: dv.f64["n"]) -> float:
    s = 0.0
    for i in range(x.shape[0]):
        s = s + x[i]
    return s


@twin("""def two_states(n: i64) -> (i64, i64) =
  loop (a, b) = (0, 1) for _ < n do (b, a + b)""")
def two_states(n: int) -> tuple[int, int]:
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a, b


@twin("""def heron(a: f64) -> f64 =
  loop x = a while abs(x * x - a) > 1e-9 do 0.5 * (x + a / x)""")
def heron(a: float) -> float:
    x = a
    while abs(x * x - a) > 1e-9:
        x = 0.5 * (x + a / x)
    return x


@twin("""def branches(x: f64) -> f64 =
  if x < 0 then -x else if x < 1 then x * x else 2 * x - 1""")
def branches(x: float) -> float:
    if x < 0:
        return -x
    elif x < 1:
        return x * x
    else:
        return 2 * x - 1


@twin("""def early(x: f64) -> f64 =
  if x < 0 then 0.0 else (let y = sqrt(x); y * (1 + y))""")
def early(x: float) -> float:
    if x < 0:
        return 0.0
    y = math.sqrt(x)
    return y * (1 + y)


@twin("""def joined(x: f64) -> f64 =
  let y = if x > 0 then x else 2 * x
  y * y""")
def joined(x: float) -> float:
    if x > 0:
        y = x
    else:
        y = 2 * x
    return y * y


@twin("""def prefix(x: f64[n]) -> f64[n] =
  loop y = x for i in 1 .. n do y with [i] = y[i] + y[i - 1]""")
def prefix(x: dv.f64["n"]):
    y = x.copy()
    for i in range(1, len(x)):
        y[i] += y[i - 1]
    return y


@twin("def table(x: f64[n], y: f64[m]) -> f64[n, m] = [[a * b for b in y] for a in x]")
def table(x: dv.f64["n"], y: dv.f64["m"]) -> dv.f64["n", "m"]:
    return [[a * b for b in y] for a in x]


@twin("def softplus_sum(x: f64[n]) -> f64 = sum(log(1 + exp(x)))")
def softplus_sum(x: dv.f64["n"]) -> float:
    return np.sum(np.log(1 + np.exp(x)))


@twin("def quadratic(a: f64[n, n], x: f64[n]) -> f64 = 0.5 * (x @ a @ x) - sum(x)")
def quadratic(a: dv.f64["n", "n"], x: dv.f64["n"]) -> float:
    return 0.5 * (x @ a @ x) - sum(x)


@twin("""def local(x: f64) -> f64 =
  let f(t) = t**3 + x
  f(2.0) - f(x)""")
def local(x: float) -> float:
    def f(t):
        return t**3 + x

    return f(2.0) - f(x)


@twin("""def backwards(x: f64[n]) -> f64 =
  loop s = 0.0 for i < n down do 0.5 * s + x[i]""")
def backwards(x: dv.f64["n"]) -> float:
    s = 0.0
    for i in range(len(x) - 1, -1, -1):
        s = 0.5 * s + x[i]
    return s


@twin("def filtered(x: f64[n]) -> f64 = sum(sqrt(t) for t in x if t > 0)")
def filtered(x: dv.f64["n"]) -> float:
    return sum(math.sqrt(t) for t in x if t > 0)


@twin("def slope(x: f64) -> f64 = grad(fn t -> t * sin(t))(x)")
def slope(x: float) -> float:
    return dv.grad(lambda t: t * math.sin(t))(x)


class Line(NamedTuple):
    slope: float
    offset: float


@twin("""type Line = {slope: f64, offset: f64}
def at(p: Line, x: f64) -> f64 = p.slope * x + p.offset""")
def at(p: Line, x: float) -> float:
    return p.slope * x + p.offset


@twin("""def dynamic(a: f64[n], b: f64[m]) -> f64 =
  let d = fill((n + 1, m + 1), inf)
  let d = d with [0, 0] = 0.0
  let d = loop d = d for i in 1 .. n + 1 do
    loop d = d for j in 1 .. m + 1 do
      d with [i, j] = abs(a[i - 1] - b[j - 1]) + min(d[i - 1, j], d[i, j - 1], d[i - 1, j - 1])
  d[n, m]""")
def dynamic(a: dv.f64["n"], b: dv.f64["m"]) -> float:
    n, m = len(a), len(b)
    d = np.full((n + 1, m + 1), np.inf)
    d[0, 0] = 0.0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            d[i, j] = abs(a[i - 1] - b[j - 1]) + min(d[i - 1, j], d[i, j - 1], d[i - 1, j - 1])
    return d[n, m]


def core(f: dv.Function) -> str:
    """The core text, types and imports left out."""
    return "\n".join(line for line in f.explain("core").splitlines() if not line.startswith("type "))


@pytest.mark.parametrize("python, text", TWINS, ids=lambda x: getattr(x, "__name__", ""))
def test_same_core(python: Callable[..., Any], text: str) -> None:
    jitted = dv.jit(python)
    assert core(jitted) == core(dv.compile(text)[python.__name__])


@pytest.mark.parametrize("python", [f for f, _ in TWINS], ids=lambda f: f.__name__)
def test_source_compiles_to_itself(python: Callable[..., Any]) -> None:
    """`.dv_source` is a program, and gives the same core text once more."""
    jitted = dv.jit(python)
    again = dv.compile(jitted.dv_source)[python.__name__]
    assert core(again) == core(jitted)


def test_derivatives_are_the_same_program() -> None:
    jitted, text = dv.jit(square_sum), dv.compile(TWINS[0][1]).square_sum
    assert dv.grad(jitted).source == dv.grad(text).source


@pytest.mark.parametrize("case", CASES[::5], ids=lambda c: c.name)
def test_sources_of_the_corpus_compile(case: Case) -> None:
    """What is printed for functions of the corpus is a program, and gives the same core text once more."""
    jitted = dv.jit(case.function)
    jitted(*case.arguments)
    again = dv.compile(jitted.dv_source)[case.function.__name__]
    if not jitted.bound:
        again(*case.arguments)
        assert core(again) == core(jitted)
