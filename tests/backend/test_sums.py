"""Sums of several results of one statement: which one clears the shared destination, and when."""

from __future__ import annotations

import derivant as dv
import numpy as np
import pytest

TEXT = """
def array_and_sum(a: f64[n, n], c: bool) -> f64[n, n] =
  let (x, y) = for i < n into (array, sum) do
    for j < n into (sum, sum) do (a[j] * a[i, j], delta((n, n), j, a[i]))
  plus(x, y)

def two_arrays(a: f64[n, n], c: bool) -> f64[n, n] =
  let (x, y) = for i < n into (array, array) do
    let q = [a[i, j] * 2 for j < n]
    let p = for j < n into (sum) do a[j] * a[i, j]
    (p, q)
  plus(x, y)

def two_sides(a: f64[n, n], c: bool) -> f64[n, n] =
  let (x, y) = if c then (let q = a * 2; let p = a @ a; (p, q)) else (a, a * 3)
  plus(x, y)
"""


@pytest.mark.parametrize("name", ["array_and_sum", "two_arrays", "two_sides"])
@pytest.mark.parametrize("c", [True, False])
def test_sum_of_results_of_one_statement(name: str, c: bool) -> None:
    a = np.random.default_rng(0).normal(size=(3, 3))
    wanted = {
        "array_and_sum": a @ a + a.sum(axis=0),
        "two_arrays": a @ a + 2 * a,
        "two_sides": a @ a + 2 * a if c else 4 * a,
    }[name]
    np.testing.assert_allclose(getattr(dv.compile(TEXT), name)(a, c), wanted, rtol=1e-12)
