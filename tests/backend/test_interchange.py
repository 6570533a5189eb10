"""Loop interchange: rows are walked where columns were, with the same results; and where it must not happen."""

from __future__ import annotations

import functools

import derivant as dv
import numpy as np
import pytest
from derivant.compiler.loops import Accum, Branch, For, Load, Store, walk

RNG = np.random.default_rng(5)

# name: program, arguments, NumPy, and whether loops change places
CASES = {
    "matrix product": (
        "def f(a: f64[n, k], b: f64[k, m]) = a @ b", [(9, 10), (10, 11)], lambda a, b: a @ b, True),
    "matrix product of a transpose": (
        "def f(a: f64[n, k], b: f64[m, k]) = a @ transpose(b)", [(9, 10), (11, 10)], lambda a, b: a @ b.T, True),
    "sums along the first axis": (
        "def f(a: f64[n, m]) = sum(a, axis = 0)", [(13, 9)], lambda a: a.sum(axis=0), True),
    "maxima along the first axis": (
        "def f(a: f64[n, m]) = max(a, axis = 0)", [(13, 9)], lambda a: a.max(axis=0), True),
    "any along the first axis": (
        "def f(a: f64[n, m]) = [any(a[i, j] > 1.5 for i) for j]", [(13, 9)], lambda a: (a > 1.5).any(axis=0), True),
    "two results of each column": (
        "def f(a: f64[n, m]) = [(let (s, t) = for i into (sum, max) do (a[i, j]**2, a[i, j]); s / t) for j < m]",
        [(13, 9)], lambda a: (a**2).sum(axis=0) / a.max(axis=0), True),
    "a recurrence down each column": (
        "def f(a: f64[n, m]) = [loop s = 1.0 for i < n do 0.5 * s + a[i, j] for j < m]", [(13, 9)],
        lambda a: functools.reduce(lambda s, row: 0.5 * s + row, a, np.ones(a.shape[1])), True),
    "a running sum over columns": (
        "def f(a: f64[n, m]) = loop s = 0.0 for j < m do s + exp(-sum(a[i, j] * s for i < n))", [(13, 9)],
        lambda a: functools.reduce(lambda s, column: s + np.exp(-(column * s).sum()), a.T, 0.0), False),
    "dear work for each column": (
        "def f(a: f64[n, m], v: f64[m]) = [(let e = exp(v[j]); sum((a[i, j] + e)**2 for i)) for j]", [(13, 9), (9,)],
        lambda a, v: ((a + np.exp(v))**2).sum(axis=0), False),
    "a triangle": (
        "def f(a: f64[n, n]) = [sum(a[i, j] for i < j) for j < n]", [(12, 12)],
        lambda a: np.array([a[:j, j].sum() for j in range(len(a))]), False),
    "nothing": ("def f(a: f64[n, m]) = sum(a, axis = 0)", [(0, 9)], lambda a: a.sum(axis=0), True),
    "no columns": ("def f(a: f64[n, m]) = sum(a, axis = 0)", [(9, 0)], lambda a: a.sum(axis=0), True),
    "the gradient of a product": (
        "def g(a: f64[n, k], b: f64[k, m]) = sum((a @ b)**2)\ndef f(a: f64[n, k], b: f64[k, m]) = grad(g)(a, b)",
        [(9, 10), (10, 11)], lambda a, b: 2 * (a @ b) @ b.T, True),
}


def jumps(text: str) -> bool:
    """Is there an innermost loop whose index is not the last one of what it touches?  (Not in branches: `max`
    looks for the sign of a zero in one.)"""
    f = dv.compile(text).f
    body = f._unit.instance("f", tuple(p.type for p in f.params), True).loops.body
    rare = {id(t) for s in walk(body) if isinstance(s, Branch) for t in walk([s])}
    for loop in (s for s in walk(body) if id(s) not in rare):
        if isinstance(loop, For) and not any(isinstance(s, For) for s in walk(loop.body)):
            for s in loop.body:
                p = s.src if isinstance(s, Load) else s.dst if isinstance(s, Store | Accum) else None
                if p is not None and loop.index in p.prefix[:-1]:
                    return True
    return False


@pytest.mark.parametrize("name", CASES)
def test_results(name: str) -> None:
    text, shapes, numpy, _ = CASES[name]
    args = [RNG.normal(size=shape) for shape in shapes]
    want = numpy(*args)
    for backend in ("llvm", "loops", "interpreter"):
        got = dv.compile(text, backend=backend).f(*args)
        assert np.allclose(got, want, rtol=1e-12, atol=1e-12), backend


@pytest.mark.parametrize("name", CASES)
def test_rows_are_walked(name: str) -> None:
    text, _, _, changes = CASES[name]
    assert jumps(text) != changes


def test_the_last_bit_stays() -> None:
    a = RNG.normal(size=(101, 37))
    got = dv.compile("def f(a: f64[n, m]) = [loop s = 0.0 for i < n do s + a[i, j] for j < m]").f(a)
    total = np.zeros(37)
    for row in a:
        total += row
    assert np.array_equal(got, total)
