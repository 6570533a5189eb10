"""The peers of the benchmarks, at tiny sizes, against slow references in NumPy and central differences."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from benchmarks import inputs, native

SIDES = ["c++", "jax"]
SIZES = {"gmm": (7, 3, 4), "ba": (3, 4, 11), "lstm": (2, 6, 3), "lse": (9,), "ode": (5, 7)}


# ---------------------------------------------------------------- references


def gmm(alpha: Any, mu: Any, q: Any, l: Any, x: Any, gamma: float, m: int) -> float:
    n, d = x.shape
    k = len(alpha)
    total = -0.5 * n * d * math.log(2 * math.pi)
    for i in range(n):
        betas = []
        for c in range(k):
            factor = np.diag(np.exp(q[c]))
            packed = iter(l[c])
            for s in range(d):
                for r in range(s + 1, d):
                    factor[r, s] = next(packed)
            z = factor @ (x[i] - mu[c])
            betas.append(alpha[c] + np.sum(q[c]) - 0.5 * z @ z)
        total += np.log(np.sum(np.exp(betas)))
    total -= n * np.log(np.sum(np.exp(alpha)))
    freedom = d + m + 1
    log_gamma = 0.25 * d * (d - 1) * math.log(math.pi) + sum(math.lgamma(0.5 * (freedom - j)) for j in range(d))
    total += k * (freedom * d * (math.log(gamma) - 0.5 * math.log(2)) - log_gamma)
    return float(total - 0.5 * gamma**2 * (np.sum(np.exp(q) ** 2) + np.sum(l**2)) + m * np.sum(q))


def ba(cams: Any, points: Any, weights: Any, feats: Any, obs: Any) -> tuple[Any, Any]:
    errors = np.empty((len(obs), 2))
    for i, (a, b) in enumerate(obs):
        r, centre, focal, shift, (k1, k2) = cams[a, :3], cams[a, 3:6], cams[a, 6], cams[a, 7:9], cams[a, 9:]
        x = points[b] - centre
        theta = np.sqrt(r @ r)
        if theta == 0:
            seen = x + np.cross(r, x)
        else:
            w = r / theta
            seen = x * np.cos(theta) + np.cross(w, x) * np.sin(theta) + w * (w @ x) * (1 - np.cos(theta))
        p = seen[:2] / seen[2]
        square = p @ p
        errors[i] = weights[i] * (focal * (1 + k1 * square + k2 * square**2) * p + shift - feats[i])
    return errors, 1 - weights**2


def lstm(main: Any, extra: Any, state: Any, sequence: Any) -> float:
    def sigmoid(v: Any) -> Any:
        return 1 / (1 + np.exp(-v))

    c, b = sequence.shape
    s = state.copy()
    total = 0.0
    for t in range(c - 1):
        x = sequence[t] * extra[0]
        for i in range(0, len(s), 2):
            wf, wi, wo, wc = main[i].reshape(4, b)
            bf, bi, bo, bc = main[i + 1].reshape(4, b)
            change = np.tanh(s[i] * wc + bc)
            s[i + 1] = s[i + 1] * sigmoid(x * wf + bf) + sigmoid(s[i] * wi + bi) * change
            s[i] = sigmoid(x * wo + bo) * np.tanh(s[i + 1])
            x = s[i]
        y = x * extra[1] + extra[2]
        total += np.sum(sequence[t + 1] * (y - np.log(2 + np.sum(np.exp(y)))))
    return float(-total / ((c - 1) * b))


def lse(x: Any) -> float:
    return float(np.log(np.sum(np.exp(x))))


def ode(x: Any, s: int) -> Any:
    def slope(y: Any) -> Any:
        return np.array([x[i] * (y[i - 1] if i else 1) for i in range(len(x))])

    h = 2 / s
    y = np.zeros(len(x))
    for _ in range(s):
        k1 = slope(y)
        k2 = slope(y + h / 2 * k1)
        k3 = slope(y + h / 2 * k2)
        k4 = slope(y + h * k3)
        y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return y


REFERENCES: dict[str, Callable[..., Any]] = {"gmm": gmm, "ba": ba, "lstm": lstm, "lse": lse, "ode": ode}
ACTIVE = {"gmm": 4, "lstm": 2, "lse": 1, "ode": 1}
"""How many of the leading arguments are differentiated."""


def differences(name: str, args: inputs.Args, step: float = 1e-6) -> list[Any]:
    """The gradient by central differences; of a vector, that of its last component."""
    results = []
    for place in range(ACTIVE[name]):
        result = np.empty_like(args[place])
        for at in np.ndindex(result.shape):
            values = []
            for sign in (1, -1):
                moved = args[place].copy()
                moved[at] += sign * step
                value = REFERENCES[name](*args[:place], moved, *args[place + 1 :])
                values.append(value[-1] if name == "ode" else value)
            result[at] = (values[0] - values[1]) / (2 * step)
        results.append(result)
    return results


def dense_ba(cams: Any, points: Any, weights: Any, feats: Any, obs: Any, step: float = 1e-6) -> Any:
    """The Jacobian of bundle adjustment as a dense matrix, by central differences."""
    shapes = [cams.shape, points.shape, weights.shape]
    flat = np.concatenate([cams.ravel(), points.ravel(), weights])

    def errors(v: Any) -> Any:
        parts = np.split(v, np.cumsum([math.prod(s) for s in shapes])[:-1])
        a, b, c = (part.reshape(shape) for part, shape in zip(parts, shapes, strict=True))
        return np.concatenate([e.ravel() for e in ba(a, b, c, feats, obs)])

    columns = []
    for j in range(len(flat)):
        unit = step * (np.arange(len(flat)) == j)
        columns.append((errors(flat + unit) - errors(flat - unit)) / (2 * step))
    return np.stack(columns, axis=1)


# ---------------------------------------------------------------- tests


def bind(side: str, name: str, mode: str, args: inputs.Args) -> Callable[[], Any]:
    if side == "c++":
        if native.compiler() is None:
            pytest.skip("g++ is not installed")
        return native.bind(name, mode, args)
    pytest.importorskip("jax")
    from benchmarks import peers_jax

    return peers_jax.bind(name, mode, args)


def case(name: str) -> inputs.Args:
    args = inputs.MAKERS[name](*SIZES[name])
    if name == "ba":
        args[0][1, :3] = 0.0  # the branch without a rotation
    return args


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", list(SIZES))
def test_primal(side: str, name: str) -> None:
    args = case(name)
    got, wanted = bind(side, name, "primal", args)(), REFERENCES[name](*args)
    for a, b in zip(got, wanted, strict=True) if name == "ba" else [(got, wanted)]:
        np.testing.assert_allclose(np.asarray(a), b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", list(ACTIVE))
def test_gradient(side: str, name: str) -> None:
    args = case(name)
    got, wanted = bind(side, name, "derivative", args)(), differences(name, args)
    for a, b in zip(got if isinstance(got, tuple) else [got], wanted, strict=True):
        np.testing.assert_allclose(np.asarray(a), b, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("side", SIDES)
def test_jacobian_of_bundle_adjustment(side: str) -> None:
    args = inputs.ba(*SIZES["ba"])
    p = len(args[4])
    rows, cols, vals = (np.asarray(v) for v in bind(side, "ba", "derivative", args)())
    dense = dense_ba(*args)
    got = np.zeros_like(dense)
    for i in range(3 * p):
        got[i, cols[rows[i] : rows[i + 1]]] = vals[rows[i] : rows[i + 1]]
    np.testing.assert_allclose(got, dense, rtol=1e-6, atol=1e-5)


def test_turning_by_nothing_has_the_limit_of_small_turns() -> None:
    if native.compiler() is None:
        pytest.skip("g++ is not installed")
    exact, near = inputs.ba(1, 1, 1), inputs.ba(1, 1, 1)
    exact[0][0, :3], near[0][0, :3] = 0.0, 1e-7
    at, beside = (native.bind("ba", "derivative", args)()[2] for args in (exact, near))
    np.testing.assert_allclose(at, beside, rtol=1e-4, atol=1e-3)
