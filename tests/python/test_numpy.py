"""Functions of the table mean what they mean in NumPy for matrices, integers and small types, or are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import derivant as dv
import numpy as np
import pytest
import scipy.special

MATRIX = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.5]])
INTEGERS = np.array([[3, -1], [2, 2]])
SMALL = np.array([2_000_000_000, 2_000_000_000, 5], np.int32)
FLOAT32 = np.array([1.25, -2.5, 3.5], np.float32)
ONE = [
    lambda a: np.diff(a), lambda a: np.std(a), lambda a: np.var(a), lambda a: np.median(a), lambda a: np.unique(a),
    lambda a: np.cumsum(a), lambda a: np.cumprod(a), lambda a: np.flip(a), lambda a: np.ravel(a), lambda a: np.mean(a),
    lambda a: np.sum(a), lambda a: np.prod(a), lambda a: np.max(a), lambda a: np.argmax(a), lambda a: np.sign(a),
    lambda a: np.square(a), lambda a: np.floor(a), lambda a: np.ceil(a), lambda a: np.trunc(a), lambda a: np.round(a),
    lambda a: np.rint(a), lambda a: a.cumsum(), lambda a: a.cumprod(), lambda a: a.std(), lambda a: a.var(),
    lambda a: a.mean(), lambda a: a.sum(), lambda a: a.prod(), lambda a: np.full_like(a, 3), lambda a: np.linalg.norm(a),
    lambda a: np.transpose(a), lambda a: np.inner(a, a), lambda a: np.outer(a, a), lambda a: np.abs(a), lambda a: -a,
    lambda a: np.diff(np.transpose(a)), lambda a: np.zeros_like(a),
]


def same(found: Any, wanted: Any) -> None:
    assert np.shape(found) == np.shape(wanted)
    if isinstance(wanted, np.ndarray):
        assert found.dtype == wanted.dtype
    np.testing.assert_allclose(found, wanted, rtol=1e-6 if np.asarray(wanted).dtype == np.float32 else 1e-14)


@pytest.mark.parametrize("k", range(len(ONE)))
def test_of_one_array(k: int) -> None:
    f = dv.jit(ONE[k])
    for a in (MATRIX, MATRIX[1], INTEGERS, SMALL, FLOAT32):
        with np.errstate(over="ignore"):
            same(f(a), ONE[k](a))


@pytest.mark.parametrize("f", [
    lambda a, b: np.inner(a, b), lambda a, b: np.outer(a, b), lambda a, b: np.outer(a[0], b), lambda a, b: np.inner(a[0], b),
    lambda a, b: np.inner(a, b[0]), lambda a, b: np.dot(a, b.T), lambda a, b: np.matmul(a.T, b),
])
def test_of_two_arrays(f: Callable[..., Any]) -> None:
    same(dv.jit(f)(MATRIX, MATRIX + 1), f(MATRIX, MATRIX + 1))


@pytest.mark.parametrize("f", [np.floor, np.ceil, np.trunc, np.rint, np.round])
def test_roundings_keep_what_no_integer_holds(f: Callable[..., Any]) -> None:
    x = np.array([np.nan, np.inf, -np.inf, 1e300, 2.5, -0.5])
    np.testing.assert_array_equal(dv.jit(lambda x: f(x))(x), f(x))
    assert dv.grad(lambda t: f(t) * t)(2.75) == f(2.75)


@pytest.mark.parametrize("f", [scipy.special.softmax, scipy.special.log_softmax, scipy.special.logsumexp])
def test_of_scipy_over_all_elements(f: Callable[..., Any]) -> None:
    same(dv.jit(lambda x: f(x))(MATRIX), f(MATRIX))
    same(dv.jit(lambda x: f(x))(MATRIX[0]), f(MATRIX[0]))


def test_derivative_of_diff() -> None:
    weights = np.array([[2.0, -1.0], [0.5, 3.0]])
    f = dv.grad(lambda a: np.sum(weights * np.diff(a) ** 2))
    step = np.array([[0.3, 0.1, -0.2], [0.7, 0.0, 0.4]])

    def value(a: np.ndarray) -> float:
        return float(np.sum(weights * np.diff(a) ** 2))

    slope = (value(MATRIX + 1e-6 * step) - value(MATRIX - 1e-6 * step)) / 2e-6
    np.testing.assert_allclose(np.sum(f(MATRIX) * step), slope, rtol=1e-8)


@pytest.mark.parametrize("f, argument", [
    (lambda a: np.full_like(a, 2.5), INTEGERS),  # NumPy rounds it
    (lambda a: np.reciprocal(a), INTEGERS),  # NumPy gives integers
    (lambda a: np.linalg.norm(a, 1), MATRIX),  # another norm
    (lambda a: np.linalg.norm(a, ord=2), MATRIX),
    (lambda a: np.diff(a), np.array([True, False])),
])
def test_refused(f: Callable[..., Any], argument: np.ndarray) -> None:
    with pytest.raises(dv.Error):
        dv.jit(f)(argument)


def test_norms_along_an_axis() -> None:
    f = lambda a: np.linalg.norm(a, axis=1)
    same(dv.jit(f)(MATRIX), f(MATRIX))
