"""Random numbers: a second implementation, their distribution, their independence; composed transforms."""

from __future__ import annotations

import numpy as np
import scipy.special
import scipy.stats

from .test_builtins import V, close, evaluate, refused

MASK = 2**64 - 1


def squares(key: int, counter: int) -> int:
    """Widynski's generator in unsigned arithmetic."""
    x = y = counter * key & MASK
    z = (y + key) & MASK
    for add in (y, z, y):
        x = (x * x + add) & MASK
        x = (x >> 32 | x << 32) & MASK
    return (x * x + z & MASK) >> 32


def key_of(seed: int) -> int:
    fixed = 6092307897216718487
    return (squares(fixed, 2 * seed) << 32 | squares(fixed, 2 * seed + 1)) & MASK | 1


def test_bits_by_another_implementation() -> None:
    for seed in (0, 1, 42, -7):
        key = key_of(seed & MASK)
        wanted = [(squares(key, 2 * c) // 32 * 2**26 + squares(key, 2 * c + 1) // 64) / 2**53 for c in range(6)]
        assert list(evaluate("uniform(a, 6)", seed)) == wanted
        close(evaluate("uniform(a, 2, 3)", seed).ravel(), wanted)
        assert evaluate("uniform(a)", seed) == wanted[0]


def test_normals_are_quantiles() -> None:
    u = np.array([1e-300, 1e-12, 0.01, 0.07, 0.3, 0.5, 0.9, 0.99, 1 - 1e-12])
    close(evaluate("normal_quantile(a)", u), scipy.special.ndtri(u), 1e-14)


def test_distributions() -> None:
    x = evaluate("normal(a, 4000)", 5)
    assert scipy.stats.kstest(x, "norm").pvalue > 0.01
    u = evaluate("uniform(a, 4000)", 6)
    assert scipy.stats.kstest(u, "uniform").pvalue > 0.01
    assert u.min() >= 0 and u.max() < 1
    assert abs(np.mean(evaluate("bernoulli(a, 0.3, 4000)", 7)) - 0.3) < 0.03
    assert evaluate("bernoulli(a, 0.3, 2, 2)", 7).dtype == np.bool_


def test_keys_are_independent() -> None:
    draws = [evaluate("normal(a, 500)", seed) for seed in range(4)]
    draws += list(evaluate("[normal(k, 500) for k in split(a, 4)]", 0))
    correlations = np.corrcoef(draws) - np.eye(8)
    assert np.abs(correlations).max() < 0.2
    assert len(set(evaluate("split(a, 50)", 1))) == 50


def test_random_numbers_have_no_derivative() -> None:
    close(evaluate("grad(fn x -> sum(x * normal(3, 4)))(a)", 2.0), evaluate("sum(normal(3, 4))"))
    assert refused("uniform(a, 3)", 1.5).code == "DV0301"


def test_taylor() -> None:
    close(evaluate("taylor(exp, a, 1.0, 4)", 0.0), [1, 1, 1 / 2, 1 / 6, 1 / 24])
    close(evaluate("taylor(fn (x, y) -> x * y, (a, b), (1.0, 2.0), 2)", 3.0, 5.0), [15, 11, 2])
    close(evaluate("taylor(fn v -> v * v, a, a, 3)", V), [V * V, 2 * V * V, V * V, 0 * V])
    assert refused("taylor(exp, a, 1.0, b)", 0.5, 3).code == "DV0306"


def test_composed_transforms() -> None:
    close(evaluate("laplacian(fn v -> sum(v[i] ** 3 for i) + v[0] * v[1])(a)", V), 6 * V.sum())
    close(evaluate("divergence(fn v -> v * v)(a)", V), 2 * V.sum())
    close(evaluate("value_and_grad(straight_through(fn x -> f64(round(x)), fn x -> x * x))(a)", 1.7), (2.0, 3.4))
