"""Linear algebra of the prelude against NumPy and SciPy, and its derivatives against differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.linalg

from .test_builtins import close, evaluate, refused

rng = np.random.default_rng(5)
A = rng.standard_normal((4, 4))
T = rng.standard_normal((5, 3))
B = rng.standard_normal((4, 2))
U = rng.standard_normal(4)
SYMMETRIC = A + A.T
POSITIVE = A @ A.T + np.eye(4)


def test_products() -> None:
    close(evaluate("a @ b", A, B), A @ B)
    close(evaluate("dot(a, b)", U, A), U @ A)
    close(evaluate("matmul(a, b)", A, U), A @ U)
    close(evaluate("dot(a, a)", U), U @ U)
    close(evaluate("trace(a)", A, types="a: f64[n, n]"), np.trace(A))


def test_systems() -> None:
    close(evaluate("solve(a, b)", A, U), np.linalg.solve(A, U))
    close(evaluate("solve(a, b)", A, B), np.linalg.solve(A, B))
    close(evaluate("inv(a)", A), np.linalg.inv(A))
    close(evaluate("det(a)", A), np.linalg.det(A))
    close(evaluate("slogdet(a)", -A), np.linalg.slogdet(-A))
    lower, upper = np.tril(A), np.triu(A)
    close(evaluate("solve_triangular(a, b)", A, U), scipy.linalg.solve_triangular(lower, U, lower=True))
    close(evaluate("solve_triangular(a, b, lower = false)", A, B), scipy.linalg.solve_triangular(upper, B))
    p, low, up = evaluate("lu(a)", A)
    close(p @ low @ up, A)
    close(low, np.tril(low))
    swap = np.array([[0.0, 1.0], [1.0, 0.0]])
    close(evaluate("(det(a), solve(a, [1, 2]))", swap)[1], [2.0, 1.0])
    assert evaluate("det(a)", np.ones((2, 2))) == 0


def test_factors() -> None:
    close(evaluate("cholesky(a)", POSITIVE), np.linalg.cholesky(POSITIVE))
    q, r = evaluate("qr(a)", T)
    close(q @ r, T)
    close(q.T @ q, np.eye(3))
    assert np.all(np.diag(r) > 0)
    close(evaluate("lstsq(a, b)", T, rng.standard_normal(5), types="a: f64[n, m], b: f64[n]").shape, (3,))
    w, v = evaluate("eigh(a)", SYMMETRIC)
    close(w, np.linalg.eigvalsh(SYMMETRIC))
    close(SYMMETRIC @ v, v * w)
    u, s, v = evaluate("svd(a)", T)
    close(s, np.linalg.svd(T, compute_uv=False))
    close(u * s @ v.T, T)
    for scale in (0.1, 3.0, 20.0):
        close(evaluate("expm(a)", scale * A) / np.exp(4 * scale), scipy.linalg.expm(scale * A) / np.exp(4 * scale), 1e-11)


def test_singles() -> None:
    single = A.astype(np.float32)
    for text in ("solve(a, a[0])", "inv(a)", "det(a)", "expm(a)", "cholesky(a @ transpose(a))"):
        assert evaluate(text, single, types="a: f32[n, n]").dtype == np.float32, text


SCALARS = [
    ("sum(sin(solve(a, a[0])))", A), ("sum(sin(solve(a, a @ a)))", A), ("sum(sin(inv(a)))", A), ("det(a)", A),
    ("slogdet(a)[1]", A), ("sum(sin(cholesky(a @ transpose(a) + eye(len(a)))))", A), ("sum(sin(expm(a)))", A),
    ("sum(sin(eigh(a + transpose(a))[0]))", A), ("sum(abs(eigh(a + transpose(a))[1]) ** 3)", A),
    ("sum(sin(svd(a)[1]))", T), ("sum(abs(svd(a)[0]) ** 3)", T), ("sum(abs(svd(a)[2]) ** 3)", T),
    ("sum(sin(qr(a)[0]))", T), ("sum(sin(qr(a)[1]))", T), ("norm(a)", A), ("norm(0 * a)", A),
    ("sum(sin(lstsq(a, a[:, 0] ** 2)))", T),
]


@pytest.mark.parametrize("text, point", SCALARS, ids=[t for t, _ in SCALARS])
def test_derivatives(text: str, point: Any) -> None:
    direction = np.random.default_rng(1).standard_normal(point.shape)
    shape = "n, n" if point.shape == (4, 4) else "n, m"
    types = f"a: f64[{shape}], b: f64[{shape}]"
    h = 1e-6
    value = [evaluate(text, point + s * h * direction, types=f"a: f64[{shape}]") for s in (1, -1)]
    wanted = (value[0] - value[1]) / (2 * h)
    if text == "norm(0 * a)":
        wanted = 0.0
    close(evaluate(f"jvp(fn a -> {text}, a, b)[1]", point, direction, types=types), wanted, 1e-6)
    reverse = evaluate(f"grad(fn a -> {text})(a)", point, types=f"a: f64[{shape}]")
    close(np.sum(reverse * direction), wanted, 1e-6)


def test_second_derivatives() -> None:
    types = "a: f64[n, n], b: f64[n, n]"
    for text in ("sum(sin(solve(a, a[0])))", "slogdet(a)[1]", "norm(a) ** 3"):
        h = 1e-5
        gradients = [evaluate(f"grad(fn a -> {text})(a)", A + s * h * SYMMETRIC, types="a: f64[n, n]") for s in (1, -1)]
        close(evaluate(f"hvp(fn a -> {text})(a, b)", A, SYMMETRIC, types=types),
              (gradients[0] - gradients[1]) / (2 * h), 1e-5)


def test_messages() -> None:
    e = refused("solve(a, b)", U, U)
    assert (e.code, e.message) == ("DV0306", "solve takes a square matrix, this is f64[size_a]")
    assert refused("inv(a)", T).code in ("DV0312", "DV0502")
