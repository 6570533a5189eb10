"""How operations and memory grow with the sizes: slopes in log-log over an eightfold step."""

from __future__ import annotations

import math
import resource
from collections import Counter
from collections.abc import Callable

import derivant as dv
import numpy as np
import pytest
from derivant.compiler.errors import Source
from derivant.compiler.interpret import cost, run
from derivant.compiler.ir import Program
from derivant.frontend.modules import load_module
from derivant.passes.differentiate import resolve
from derivant.passes.pipelines import FINAL, simplify
from derivant.passes.pipelines import run as run_pipeline

RNG = np.random.default_rng(3)
SOFT_DTW = """
def soft_dtw(d: f64[n, m]) -> f64 =
  let start = full((n + 1, m + 1), 1e3) with [0, 0] = 0.0
  let table = loop t = start for i < n do
    loop r = t for j < m do
      let best = -logsumexp([-r[i, j], -r[i, j + 1], -r[i + 1, j]])
      r with [i + 1, j + 1] = d[i, j] + best
  table[n, m]
"""

# name: (source, arguments at size n, theory)
CASES: dict[str, tuple[str, Callable[[int], list[object]], float]] = {
    "one-hot tangents of an elementwise map": (
        "def main(x: f64[n]) -> f64[n, n] = jacobian(fn v -> sin(v))(x)",
        lambda n: [RNG.normal(size=n)], 2),
    "forward mode, one input of many": (
        ("def f(x: f64[n]) -> f64 = sum(exp(x[i]) for i)\n"
        "def main(x: f64[n]) -> f64[n] = [jvp(f, x, zeros(n) with [i] = 1.0)[1] for i < n]"),
        lambda n: [RNG.normal(size=n)], 1),
    "gradient of a sum": (
        "def main(x: f64[n]) = grad(fn v -> sum(sin(v[i]) * v[i] for i))(x)",
        lambda n: [RNG.normal(size=n)], 1),
    "gradient of a gather": (
        "def f(x: f64[n]) -> f64 = sum(x[(3 * i) % n] ** 2 for i < n)\ndef main(x: f64[n]) = grad(f)(x)",
        lambda n: [RNG.normal(size=n)], 1),
    "gradient of a histogram": (
        ("def f(x: f64[n]) -> f64 =\n  let h = accumulate(zeros(8), (i % 8, x[i] ** 2) for i < n)\n"
        "  sum(h[k] ** 2 for k)\ndef main(x: f64[n]) = grad(f)(x)"),
        lambda n: [RNG.normal(size=n)], 1),
    "gradient of a recurrence": (
        "def f(x: f64[n]) -> f64 = loop s = 0.0 for i < n do tanh(s + x[i])\ndef main(x: f64[n]) = grad(f)(x)",
        lambda n: [RNG.normal(size=n)], 1),
    "gradient of cell updates": (
        ("def f(x: f64[n]) -> f64 =\n  let y = loop v = x for i < n - 1 do v with [i + 1] = v[i] * sin(v[i + 1])\n"
        "  y[-1]\ndef main(x: f64[n]) = grad(f)(x)"),
        lambda n: [RNG.normal(size=n)], 1),
    "gradient of a scan": (
        "def main(x: f64[n]) = grad(fn v -> sum(cumsum(v)[i] ** 2 for i < n))(x)",
        lambda n: [RNG.normal(size=n)], 1),
    "gradient of a vector that is doubled in each step": (
        ("def f(x: f64[n]) -> f64 =\n  sum(loop v: f64[_] = x for _ < 3 do concat(sin(v), v * v[0]))\n"
        "def main(x: f64[n]) = grad(f)(x)"),
        lambda n: [RNG.normal(size=n)], 1),
    "gradient of a vector that grows and is read in each step": (
        ("def f(x: f64[n]) -> f64 =\n  let v = loop v: f64[_] = [] for i < n do concat(v, [x[i] * cos(sum(v))])\n"
        "  sum(v)\ndef main(x: f64[n]) = grad(f)(x)"),
        lambda n: [RNG.normal(size=n)], 2),
    "gradient of a matrix product": (
        "def f(a: f64[n, n]) -> f64 = sum((a @ a)[i, j] ** 2 for i < n, j < n)\ndef main(a: f64[n, n]) = grad(f)(a)",
        lambda n: [RNG.normal(size=(n, n))], 3),
    "gradient of soft dynamic time warping": (
        SOFT_DTW + "def main(d: f64[n, m]) = grad(soft_dtw)(d)",
        lambda n: [RNG.uniform(size=(n, n))], 2),
    "gradient of a table whose corner is guarded": (
        ("def f(x: f64[n], y: f64[m]) -> f64 =\n  let t = loop t = zeros(n + 1, m + 1) for i < n do\n    loop r = t for j < m do\n"
        "      let corner = if i == 0 and j == 0 then 0.0 else r[i, j]\n"
        "      r with [i + 1, j + 1] = (x[i] - y[j])**2 + sin(corner) + r[i, j + 1]\n"
        "  t[n, m]\ndef main(x: f64[n], y: f64[m]) = grad(f)(x, y)"),
        lambda n: [RNG.normal(size=n), RNG.normal(size=n)], 2),
    "gradient of forward substitution": (
        ("def f(a: f64[n, n], y: f64[n]) -> f64 =\n"
        "  let x = loop v = zeros(n) for i < n do\n"
        "    v with [i] = (y[i] - sum(a[i, j] * v[j] for j < i)) / a[i, i]\n"
        "  sum(x)\ndef main(a: f64[n, n], y: f64[n]) = grad(f, wrt=(a, y))(a, y)"),
        lambda n: [RNG.normal(size=(n, n)) + n * np.eye(n), RNG.normal(size=n)], 2),
}


def compiled(source: str) -> Program:
    done = resolve(load_module(Source("growth.dv", source)).instantiate("main").program, simplify)
    (name,) = done.entries
    return Program({name: run_pipeline(done.functions[name], FINAL)}, (name,))


@pytest.mark.parametrize("name", CASES)
def test_operations(name: str) -> None:
    source, args, theory = CASES[name]
    program = compiled(source)
    (entry,) = program.entries
    costs = []
    for n in (6, 48) if theory < 3 else (3, 24):
        count: Counter[str] = Counter()
        run(program, entry, args(n), count=count)
        costs.append(cost(count))
    slope = math.log(costs[1] / max(costs[0], 1)) / math.log(8)
    assert slope <= theory + 0.15, f"slope {slope:.2f}, theory {theory}"


def test_memory_of_soft_dtw_is_linear_in_the_table() -> None:
    """A gradient that kept the table at each of its cells would need 8 · 700⁴ bytes."""
    module = dv.compile(SOFT_DTW)
    gradient = dv.grad(module.soft_dtw)
    gradient(RNG.uniform(size=(4, 4)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    gradient(RNG.uniform(size=(700, 700)))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert (after - before) * 1024 <= 20 * 8 * 700 * 700
