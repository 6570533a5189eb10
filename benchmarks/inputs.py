"""Generated inputs of the benchmark functions, as the tuples of arguments that each of them takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

Args = tuple[Any, ...]

SEED = 31337
BITS = 14
"""Of a character of the sequences."""

BUNDLES = {1: (49, 7_776, 31_843), 14: (356, 226_730, 1_255_268)}
"""Cameras, points and observations of two well-known data sets."""


def gmm(n: int, d: int, k: int) -> Args:
    """(alpha, mu, q, l, x, gamma, m)."""
    rng = np.random.default_rng(SEED)
    return (
        rng.standard_normal(k),
        rng.random((k, d)),
        rng.standard_normal((k, d)),
        rng.standard_normal((k, d * (d - 1) // 2)),
        rng.standard_normal((n, d)),
        1.0,
        0,
    )


def ba(n: int, m: int, p: int) -> Args:
    """(cams, points, weights, feats, obs): cameras around the origin that look at points near it."""
    rng = np.random.default_rng(SEED)
    cams = np.empty((n, 11))
    cams[:, 0:3] = 0.2 * rng.standard_normal((n, 3))
    cams[:, 3:6] = rng.standard_normal((n, 3)) - [0.0, 0.0, 10.0]
    cams[:, 6] = 500.0 + 50.0 * rng.standard_normal(n)
    cams[:, 7:9] = rng.standard_normal((n, 2))
    cams[:, 9:11] = [0.01, 0.001] * rng.standard_normal((n, 2))
    i = np.arange(p)
    obs = np.stack([i % n, i % m], axis=1)
    return cams, rng.standard_normal((m, 3)), rng.random(p), 100.0 * rng.standard_normal((p, 2)), obs


def lstm(layers: int, c: int, b: int = BITS) -> Args:
    """(main, extra, state, sequence)."""
    rng = np.random.default_rng(SEED)
    sequence = rng.integers(0, 2, (c, b)).astype(np.float64)
    return rng.random((2 * layers, 4 * b)), rng.random((3, b)), rng.random((2 * layers, b)), sequence


def lse(n: int) -> Args:
    """(x,)."""
    return (np.random.default_rng(SEED).random(n),)


def ode(n: int, s: int) -> Args:
    """(x, s)."""
    return np.random.default_rng(SEED).random(n), s


MAKERS: Mapping[str, Callable[..., Args]] = {"gmm": gmm, "ba": ba, "lstm": lstm, "lse": lse, "ode": ode}
