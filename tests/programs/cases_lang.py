"""References of the programs in lang/."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy

from .cases import case, normal, uniform

V = lambda r: [normal(r, 7)]
F32 = numpy.float32

case("lang/loops", "extremes", V)(lambda np, v: (np.sum(v), np.max(v), np.min(v), np.sum(v > 0)))
case("lang/loops", "collatz", lambda r: [27])(lambda np, n: (1, 111))
case("lang/loops", "prefix", V)(
    lambda np, v: (np.sum(v), np.concatenate([np.zeros(1), np.cumsum(v)[:-1]]) * v))
case("lang/loops", "where", V)(lambda np, v: (np.argmax(v), np.argmin(v)))
case("lang/down", "horner", lambda r: [normal(r, 5), 0.7], grad="c x")(
    lambda np, c, x: sum(c[k] * x**k for k in range(5)))
case("lang/down", "suffixes", V, grad="v")(lambda np, v: np.cumsum(v[::-1])[::-1])
case("lang/down", "strided", V, grad="v")(lambda np, v: np.sum((v * numpy.arange(7))[1::3]))
case("lang/slices", "ends", V)(lambda np, v: (v[0], v[-1]))
case("lang/slices", "differences", V, grad="v")(lambda np, v: v[1:] - v[:-1])
case("lang/slices", "column", lambda r: [normal(r, 4, 3), 1], grad="a")(lambda np, a, j: a[:, j])
case("lang/slices", "inner", lambda r: [normal(r, 5, 4)], grad="a")(lambda np, a: a[1:-1, 1:-1])
case("lang/slices", "framed", lambda r: [normal(r, 5, 4), normal(r, 4)], grad="a v")(
    lambda np, a, v: np.concatenate([v[None], a[1:-1], 2 * v[None]]))
case("lang/filters", "positives", V)(lambda np, v: (v[v > 0], np.sum(v > 0)))
case("lang/filters", "off_diagonal", lambda r: [normal(r, 3, 3)])(lambda np, a: a[~numpy.eye(3, dtype=bool)])
case("lang/filters", "pairs", lambda r: [normal(r, 9), 0.5])(
    lambda np, v, r: sum(abs(a - b) < r for a, b in itertools.combinations(v, 2)))
case("lang/filters", "clipped", lambda r: [2 * uniform(r, 7)], grad="v")(
    lambda np, v: np.sum(np.where(v < 1, v, 0)) + np.prod(np.where(v > 1, v, 1)))
case("lang/filters", "chosen", lambda r: [normal(r, 7), 0.1])(lambda np, v, f: v[v > f])
case("lang/zipped", "dot3", lambda r: [normal(r, 4) for _ in range(3)], grad="a b c")(
    lambda np, a, b, c: np.sum(a * b * c))
case("lang/zipped", "swapped", lambda r: [normal(r, 3), [4, 5, 6]])(lambda np, a, k: (k, a))
case("lang/zipped", "best", lambda r: [normal(r, 5), [4, 5, 6, 7, 8]])(lambda np, a, k: (np.max(a), k[np.argmax(a)]))
case("lang/sums_of_structures", "centre", lambda r: [uniform(r, 4), normal(r, 4, 3)], grad="m x")(
    lambda np, m, x: m @ x / np.sum(m))
case("lang/sums_of_structures", "three", V)(lambda np, v: (np.sum(v), len(v), np.sum(v * v)))
case("lang/sums_of_structures", "rows", lambda r: [normal(r, 3, 4)], grad="a")(lambda np, a: np.sum(a, axis=0))
case("lang/closures", "value", lambda r: [0.7], grad="x")(lambda np, x: 2 * (2 * x * x + 1) + 1)
case("lang/closures", "apply_all", V, grad="v")(
    lambda np, v: np.where(numpy.arange(7) % 2 == 0, np.sin(v), np.cos(v)))
case("lang/generics", "total", lambda r: [normal(r, 4), normal(r, 3, 2)])(
    lambda np, x, rows: (np.sum(x), np.sum(rows, axis=0), 4))
case("lang/sizes", "pack", lambda r: [normal(r, 4, 4)], grad="a")(lambda np, a: a[numpy.tril_indices(4)])
case("lang/sizes", "unpack", lambda r: [numpy.arange(6.0), 3])(
    lambda np, p, n: np.array([[0.0, 1, 3], [1, 2, 4], [3, 4, 5]]))
case("lang/sizes", "interleave", lambda r: [normal(r, 3), normal(r, 3)], grad="a b")(
    lambda np, a, b: np.stack([a, b], axis=1).reshape(-1))
case("lang/sizes", "windows", lambda r: [normal(r, 6), 3])(
    lambda np, v, w: numpy.lib.stride_tricks.sliding_window_view(v, w))
case("lang/match", "score", lambda r: [0.4], grad="x")(lambda np, x: x + 10.0 + 1.0 - 1.0)
case("lang/match", "name", lambda r: [12])(lambda np, k: 100)
case("lang/match", "name", lambda r: [9])(lambda np, k: 200)
case("lang/match", "name", lambda r: [8])(lambda np, k: 300)
case("lang/match", "name", lambda r: [13])(lambda np, k: 400)
case("lang/shapes_in_arrays", "total", lambda r: [uniform(r, 5)], grad="r")(
    lambda np, r: np.sum(np.where(numpy.arange(5) % 2 == 0, np.pi * r * r, 2.0 * r)))
case("lang/literals", "half", lambda r: [7])(lambda np, n: 3.5)
case("lang/literals", "mixed", lambda r: [F32(0.3), 3], tol=1e-6)(
    lambda np, x, k: F32(0.5 * x + k / 4 + math.sqrt(2)))
case("lang/literals", "third", lambda r: [normal(r, 3).astype(F32)], tol=1e-6)(lambda np, v: v / F32(3))
case("lang/literals", "powers", lambda r: [1.5, 5])(lambda np, x, n: (x**n, 2**n, 2**x))
case("lang/literals", "divisions", lambda r: [-7, 2])(lambda np, a, b: (a / b, a // b, a % b))
case("lang/rounding", "whole", lambda r: [-2.5])(lambda np, x: (-3, -2, -2, -2, -2))
case("lang/rounding", "whole", lambda r: [3.7])(lambda np, x: (3, 4, 3, 4, 3))
case("lang/rounding", "parts", lambda r: [-2.3], grad="x")(lambda np, x: x + 3 + x % 1.0)
case("lang/rounding", "halves", lambda r: [[0.5, 1.5, 2.5, -0.5]])(lambda np, v: numpy.array([0, 2, 2, 0]))


def leak(np: Any, x: Any) -> Any:
    return np.where(x > 0, x, 0.1 * x)


case("lang/lifting", "layer", lambda r: [normal(r, 3, 2)], grad="v")(lambda np, v: leak(np, v) * 2 + 1.5)
case("lang/lifting", "slopes", V, derivatives=True)(lambda np, v: np.where(v > 0, 1.0, 0.1) + np.cos(v))
case("lang/lifting", "mixed", lambda r: [normal(r, 3), normal(r, 3)], grad="v w")(
    lambda np, v, w: v + 0.25 * (w - v))
case("lang/shadowing", "gamma", lambda r: [1.5], grad="e")(lambda np, e: 2 * e + 1 + 3 * e)
case("lang/axes", "all_of", lambda r: [normal(r, 3, 4)])(
    lambda np, a: (np.sum(a), np.sum(a, axis=0), np.mean(a, axis=1), np.max(a), np.min(a, axis=-1)))
case("lang/axes", "places", lambda r: [normal(r, 3, 4)])(
    lambda np, a: (np.argmax(a), np.argmin(a, axis=0), np.argmax(a, axis=1)))
case("lang/axes", "cube", lambda r: [normal(r, 3, 4, 2)])(
    lambda np, a: (np.prod(a, axis=1), np.sum(a, axis=(0, 2)), np.special.logsumexp(np.sum(a, axis=0), axis=0)))
case("lang/axes", "tests", lambda r: [normal(r, 3, 4)])(
    lambda np, a: (np.any(a > 1), np.all(a > -1, axis=0), np.sum(a > 0), np.sum(a > 0, axis=1)))
case("lang/arrays", "joined", lambda r: [normal(r, 3), normal(r, 2)], grad="a b")(
    lambda np, a, b: np.concatenate([a, np.array([1.0, 2.0]), b]))
case("lang/arrays", "stacked", lambda r: [normal(r, 2, 3), normal(r, 4, 3)], grad="a b")(
    lambda np, a, b: np.concatenate([a, b]))
case("lang/arrays", "both", lambda r: [normal(r, 3), normal(r, 3)], grad="a b")(lambda np, a, b: np.stack([a, b]))
case("lang/arrays", "turned", lambda r: [normal(r, 2, 3, 4)])(
    lambda np, a: (np.transpose(a), np.transpose(a, (1, 0, 2))))
case("lang/arrays", "folded", lambda r: [normal(r, 3, 4)])(
    lambda np, a: (np.reshape(a, (4, 3)), np.reshape(a, (-1,)), a[0][::-1]))
case("lang/arrays", "made", lambda r: [4])(
    lambda np, n: (np.eye(n), np.ones(n), np.linspace(1, 2, n), np.arange(n), np.full((n, 2), 0.5)))
case("lang/arrays", "products", lambda r: [normal(r, 3), normal(r, 2)])(
    lambda np, a, b: (np.outer(a, b), np.diag(a), np.kron(np.outer(a, a), np.outer(b, b))))
case("lang/sorting", "order", V)(lambda np, v: (np.sort(v), np.argsort(v)))
case("lang/sorting", "different", lambda r: [[3, 1, 3, 2, 1]])(lambda np, k: np.unique(k))
case("lang/sorting", "places", lambda r: [numpy.sort(normal(r, 6)), normal(r, 5)])(
    lambda np, s, x: np.searchsorted(s, x))
case("lang/sorting", "by_key", lambda r: [[3, 1, 2, 1], normal(r, 4)], grad="v")(
    lambda np, k, v: v[numpy.array([1, 3, 2, 0])])
case("lang/sorting", "top", lambda r: [normal(r, 6), 3], grad="v")(lambda np, v, k: np.sort(v)[::-1][:k])
case("lang/scans", "sums", V)(lambda np, v: (np.cumsum(v), np.cumprod(v)))
case("lang/scans", "maxima", V, grad="v")(lambda np, v: np.stack([np.max(v[: i + 1]) for i in range(7)]))
case("lang/scans", "beside", V, grad="v")(
    lambda np, v: np.cumprod(np.sin(v)) * np.sum(v * v) + np.stack([np.max(v[: i + 1]) for i in range(7)]))


@case("lang/scans", "affine", lambda r: [normal(r, 4), normal(r, 4), 0.3], grad="a b x")
def affine(np: Any, a: Any, b: Any, x: Any) -> Any:
    out = []
    for p, q in zip(a, b, strict=True):
        x = p * x + q
        out.append(x)
    return np.stack(out)


@case("lang/scans", "linear", lambda r: [[3, 1, 4, 1, 5]])
def linear(np: Any, k: Any) -> Any:
    return numpy.array(list(itertools.accumulate(k, lambda a, b: (3 * a + b) % 7, initial=0))[1:])


@case("lang/updates", "bend", lambda r: [normal(r, 4), 2, 0.4], grad="angles by")
def bend(np: Any, angles: Any, k: int, by: Any) -> Any:
    total = 0.0
    for i in range(4):
        total = total + (angles[i] + (by if i == k else 0.0)) * (3.0 if i == 0 else angles[i])
    return total + 0.5 + by


@case("lang/accumulation", "table", lambda r: [r.integers(0, 3, 8), r.integers(0, 4, 8), normal(r, 8)], grad="v")
def table(np: Any, i: Any, j: Any, v: Any) -> Any:
    hot = (i[:, None] == numpy.arange(3))[:, :, None] & (j[:, None] == numpy.arange(4))[:, None]
    return np.sum(np.where(hot, v[:, None, None], 0.0), axis=0)


@case("lang/accumulation", "rows", lambda r: [r.integers(0, 5, 6), normal(r, 6, 2)], grad="x")
def rows(np: Any, i: Any, x: Any) -> Any:
    return 1 + np.sum(np.where((i[:, None] == numpy.arange(5))[..., None], x[:, None], 0.0), axis=0)


@case("lang/accumulation", "largest", lambda r: [r.integers(0, 4, 8), normal(r, 8)], grad="v")
def largest(np: Any, i: Any, v: Any) -> Any:
    return np.stack([np.max(np.where(i == k, v, -1.0), initial=-1.0) for k in range(4)])


@case("lang/accumulation", "pairs", lambda r: [r.integers(0, 4, 8), normal(r, 8)], grad="v")
def pairs(np: Any, i: Any, v: Any) -> Any:
    return np.stack([np.sum(np.where(i == k, v, 0.0)) for k in range(4)])


case("lang/guards", "padded", V)(
    lambda np, v: np.concatenate([np.zeros(1), np.where(v[:-1] > 0, v[:-1], 0.0)]))
case("lang/guards", "safe", lambda r: [[7.5], 2])(lambda np, v, d: 3)
case("lang/guards", "safe", lambda r: [[7.5], 0])(lambda np, v, d: -1)
case("lang/existential", "sieve", lambda r: [30])(
    lambda np, n: numpy.array([2, 3, 5, 7, 11, 13, 17, 19, 23, 29]))
case("lang/existential", "halving", lambda r: [normal(r, 11)], grad="v")(lambda np, v: (np.sum(v), 4))
case("lang/assertions", "root", lambda r: [9.0])(lambda np, x: 3.0)
case("lang/greek", "density", lambda r: [0.3, 0.1, 1.2], grad="x μ σ")(
    lambda np, x, m, s: np.exp(-(((x - m) / s) ** 2) / 2) / (s * np.sqrt(2 * np.pi)))
case("lang/defaults", "uses", lambda r: [1.7], grad="x")(
    lambda np, x: x * (0.5**3 + 0.5 + 0.75**3 + 0.9**3))
MODEL = lambda r: {"w": normal(r, 2, 3), "b": normal(r, 3), "scale": 0.5}
case("lang/parameter_sets", "step", lambda r: [MODEL(r), MODEL(r), 0.1])(
    lambda np, p, g, rate: {k: p[k] - rate * g[k] for k in p})
case("lang/parameter_sets", "shrink", lambda r: [MODEL(r)])(lambda np, p: {k: 0.5 * p[k] for k in p})
case("lang/integers", "gcd", lambda r: [84, 36])(lambda np, a, b: 12)
case("lang/integers", "power", lambda r: [7, 123, 1009])(lambda np, a, b, m: pow(a, b, m))
case("lang/integers", "primes", lambda r: [30])(lambda np, n: 10)
case("lang/integers", "bits", lambda r: [178])(lambda np, n: numpy.array([n >> k & 1 for k in range(8)]))
case("lang/singles", "normalise", lambda r: [normal(r, 6).astype(F32)], tol=2e-6)(
    lambda np, v: (v - np.mean(v)) / np.std(v))
case("lang/singles", "energy", lambda r: [normal(r, 6).astype(F32), normal(r, 6).astype(F32)], grad="v w", tol=2e-6)(
    lambda np, v, w: 0.5 * np.sum(v * v * np.exp(-w)) + np.sqrt(np.sum(v * v)) + np.special.logsumexp(w))
