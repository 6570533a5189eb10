"""References of the programs in finance/ and image/."""

from __future__ import annotations

from typing import Any

import numpy
import scipy.ndimage

from .cases import case, normal, uniform


def cdf(np: Any, x: Any) -> Any:
    return 0.5 * np.special.erfc(-x / np.sqrt(2.0))


BS = lambda r: [1.1, 1.0, 0.7, 0.05, 0.3]


@case("finance/black_scholes", "call", BS, grad="s k t r sigma")
def call(np: Any, s: Any, k: Any, t: Any, r: Any, sigma: Any) -> Any:
    d = (np.log(s / k) + (r + 0.5 * sigma**2) * t) / (sigma * np.sqrt(t))
    return s * cdf(np, d) - k * np.exp(-r * t) * cdf(np, d - sigma * np.sqrt(t))


@case("finance/black_scholes", "greeks", BS, derivatives=True)
def greeks(np: Any, s: Any, k: Any, t: Any, r: Any, sigma: Any) -> Any:
    d = (np.log(s / k) + (r + 0.5 * sigma**2) * t) / (sigma * np.sqrt(t))
    pdf = np.exp(-0.5 * d * d) / np.sqrt(2 * np.pi)
    return cdf(np, d), s * pdf * np.sqrt(t), pdf / (s * sigma * np.sqrt(t))


@case("finance/implied_volatility", "implied", lambda r: [0.15, 1.1, 1.05, 0.8], derivatives=True)
def implied(np: Any, price: Any, s: Any, k: Any, t: Any) -> Any:
    lo, hi = 1e-3, 3.0
    for _ in range(200):
        v = 0.5 * (lo + hi)
        d = (np.log(s / k) + 0.5 * v**2 * t) / (v * np.sqrt(t))
        if s * cdf(np, d) - k * cdf(np, d - v * np.sqrt(t)) < price:
            lo = v
        else:
            hi = v
    return lo


@case("finance/binomial_tree", "put", lambda r: [1.0, 1.1, 0.04, 0.3, 1.0, 6], grad="s k r sigma t")
def put(np: Any, s: Any, k: Any, r: Any, sigma: Any, t: Any, n: int) -> Any:
    dt = t / n
    up = np.exp(sigma * np.sqrt(dt))
    p = (np.exp(r * dt) - 1 / up) / (up - 1 / up)

    def at(i: int, j: int) -> Any:
        return np.maximum(k - s * up ** (2 * j - i), 0.0)

    v = [at(n, j) for j in range(n + 1)]
    for i in reversed(range(n)):
        v = [np.maximum(np.exp(-r * dt) * (p * v[j + 1] + (1 - p) * v[j]), at(i, j)) for j in range(i + 1)]
    return v[0]


COV = lambda r: numpy.cov(normal(r, 4, 20)) + 0.1 * numpy.eye(4)


@case("finance/portfolio", "least", lambda r: [COV(r)], grad="cov")
def least(np: Any, cov: Any) -> Any:
    w = np.linalg.solve(cov, np.ones(4))
    return w / np.sum(w)


@case("finance/portfolio", "sharpe", lambda r: [uniform(r, 4), normal(r, 4), COV(r)], grad="w mu cov")
def sharpe(np: Any, w: Any, mu: Any, cov: Any) -> Any:
    return (w @ mu) / np.sqrt(w @ cov @ w)


PAYMENTS = lambda r: [{"time": numpy.arange(1.0, 5.0), "amount": 1 + uniform(r, 4)}, 0.05]


@case("finance/bonds", "price", PAYMENTS, grad="payments y")
def price(np: Any, p: Any, y: Any) -> Any:
    return np.sum(p["amount"] * np.exp(-y * p["time"]))


@case("finance/bonds", "duration", PAYMENTS, derivatives=True)
def duration(np: Any, p: Any, y: Any) -> Any:
    w = p["amount"] * np.exp(-y * p["time"])
    return np.sum(w * p["time"]) / np.sum(w)


@case("finance/bonds", "convexity", PAYMENTS, derivatives=True)
def convexity(np: Any, p: Any, y: Any) -> Any:
    w = p["amount"] * np.exp(-y * p["time"])
    return np.sum(w * p["time"] ** 2) / np.sum(w)


F32 = numpy.float32


@case("finance/asian_option", "payoff", lambda r: [normal(r, 5, 4).astype(F32), F32(1.0), F32(0.9), F32(0.3)],
      tol=1e-5)
def asian(np: Any, z: Any, s: Any, k: Any, sigma: Any) -> Any:
    t = z.shape[1]
    h = 1 / np.sqrt(t)
    path = s * np.exp(np.cumsum(z, axis=1) * sigma * h - 0.5 * sigma**2 * np.arange(1, t + 1) / t)
    return np.mean(np.maximum(np.mean(path, axis=1) - k, 0))


@case("image/blur", "blur", lambda r: [normal(r, 5, 6), [0.25, 0.5, 0.25]])
def blur(np: Any, v: Any, k: Any) -> Any:
    return scipy.ndimage.correlate1d(scipy.ndimage.correlate1d(v, k, 1, mode="nearest"), k, 0, mode="nearest")


@case("image/sobel", "edges", lambda r: [normal(r, 5, 6)], grad="v")
def sobel(np: Any, v: Any) -> Any:
    m = numpy.array([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]])
    n, k = v.shape[0] - 2, v.shape[1] - 2
    x = sum(m[p, q] * v[p:p + n, q:q + k] for p in range(3) for q in range(3))
    y = sum(m[q, p] * v[p:p + n, q:q + k] for p in range(3) for q in range(3))
    return np.hypot(x, y)


def tv(np: Any, u: Any, f: Any, weight: Any) -> Any:
    a, b = u[1:, :-1] - u[:-1, :-1], u[:-1, 1:] - u[:-1, :-1]
    return 0.5 * np.sum((u - f) ** 2) + weight * np.sum(np.sqrt(a**2 + b**2 + 1e-3))


@case("image/denoise", "energy", lambda r: [normal(r, 4, 5), normal(r, 4, 5), 0.3], grad="u f weight")
def denoise_energy(np: Any, u: Any, f: Any, weight: Any) -> Any:
    return tv(np, u, f, weight)


@case("image/denoise", "denoise", lambda r: [normal(r, 4, 5), 0.3, 0.1, 3], derivatives=True)
def denoise(np: Any, f: Any, weight: Any, rate: Any, steps: int) -> Any:
    u = f
    for _ in range(steps):
        a, b = u[1:, :-1] - u[:-1, :-1], u[:-1, 1:] - u[:-1, :-1]
        s = np.sqrt(a**2 + b**2 + 1e-3)
        g = u - f
        g[1:, :-1] += weight * a / s
        g[:-1, 1:] += weight * b / s
        g[:-1, :-1] -= weight * (a + b) / s
        u = u - rate * g
    return u


@case("image/integral", "table", lambda r: [normal(r, 3, 4)], grad="v")
def table(np: Any, v: Any) -> Any:
    return np.pad(np.cumsum(np.cumsum(v, axis=0), axis=1), ((1, 0), (1, 0)))


@case("image/integral", "box", lambda r: [normal(r, 5, 6), 1, 2, 3, 2], grad="v")
def box(np: Any, v: Any, top: int, left: int, h: int, w: int) -> Any:
    return np.sum(v[top:top + h, left:left + w])


@case("image/game_of_life", "population", lambda r: [r.integers(0, 2, (6, 7)), 3])
def life(np: Any, c: Any, steps: int) -> Any:
    for _ in range(steps):
        k = sum(np.roll(c, (p, q), (0, 1)) for p in (-1, 0, 1) for q in (-1, 0, 1)) - c
        c = ((k == 3) | ((c == 1) & (k == 2))).astype(int)
    return np.sum(c)


@case("image/bilinear", "sample", lambda r: [normal(r, 4, 5), 1.3, 2.6], grad="v y x")
def sample(np: Any, v: Any, y: Any, x: Any) -> Any:
    i, j = 1, 2
    a, b = y - i, x - j
    return (1 - a) * ((1 - b) * v[i, j] + b * v[i, j + 1]) + a * ((1 - b) * v[i + 1, j] + b * v[i + 1, j + 1])


@case("image/bilinear", "warp", lambda r: [normal(r, 4, 5), 0.3, 0.6], grad="v dy dx")
def warp(np: Any, v: Any, dy: Any, dx: Any) -> Any:
    s = (1 - dy) * ((1 - dx) * v[:-1, :-1] + dx * v[:-1, 1:]) + dy * ((1 - dx) * v[1:, :-1] + dx * v[1:, 1:])
    return np.sum(s * (numpy.arange(3)[:, None] + 2 * numpy.arange(4)))
