"""References of the programs in stats/."""

from __future__ import annotations

import itertools
from typing import Any

import numpy
import scipy.stats

from .cases import case, normal, uniform


@case("stats/moments", "moments", lambda r: [normal(r, 9)])
def moments(np: Any, v: Any) -> Any:
    m = np.mean(v)
    s2 = np.mean((v - m) ** 2)
    return m, s2, np.mean((v - m) ** 3) / s2**1.5, np.mean((v - m) ** 4) / s2**2


@case("stats/covariance", "covariance", lambda r: [normal(r, 6, 3)], grad="x")
def covariance(np: Any, x: Any) -> Any:
    return np.cov(x.T)


@case("stats/covariance", "correlation", lambda r: [normal(r, 6, 3)])
def correlation(np: Any, x: Any) -> Any:
    return np.corrcoef(x.T)


@case("stats/histogram", "histogram", lambda r: [normal(r, 40), -1.0, 1.5, 6])
def histogram(np: Any, v: Any, lo: float, hi: float, bins: int) -> Any:
    return numpy.histogram(v[v < hi], bins, (lo, hi))[0]


@case("stats/histogram", "weighted", lambda r: [uniform(r, 12), normal(r, 12), 4], grad="w")
def weighted(np: Any, v: Any, w: Any, bins: int) -> Any:
    place = (v * bins).astype(int)
    return np.stack([np.sum(np.where(place == b, w, 0.0)) for b in range(bins)])


def gmm(np: Any, alpha: Any, mu: Any, logsd: Any, x: Any) -> Any:
    z = (x[:, None] - mu[None]) * np.exp(-logsd)[None]
    beta = alpha - np.sum(logsd[None] + 0.5 * z**2, axis=2)
    return np.sum(np.special.logsumexp(beta, axis=1)) - len(x) * np.special.logsumexp(alpha)


@case("stats/gmm", "loglik", lambda r: [normal(r, 3), normal(r, 3, 2), normal(r, 3, 2), normal(r, 5, 2)],
      grad="alpha mu logsd x")
def loglik(np: Any, alpha: Any, mu: Any, logsd: Any, x: Any) -> Any:
    return gmm(np, alpha, mu, logsd, x)


@case("stats/gmm", "ascent", lambda r: [normal(r, 2), normal(r, 2, 2), normal(r, 2, 2), normal(r, 4, 2), 0.01, 3],
      derivatives=True)
def ascent(np: Any, alpha: Any, mu: Any, logsd: Any, x: Any, rate: float, steps: int) -> Any:
    for _ in range(steps):
        z = (x[:, None] - mu[None]) * np.exp(-logsd)[None]
        beta = alpha - np.sum(logsd[None] + 0.5 * z**2, axis=2)
        w = np.exp(beta - np.special.logsumexp(beta, axis=1)[:, None])
        da = np.sum(w, axis=0) - len(x) * np.exp(alpha - np.special.logsumexp(alpha))
        dm = np.sum(w[..., None] * z * np.exp(-logsd)[None], axis=0)
        ds = np.sum(w[..., None] * (z**2 - 1), axis=0)
        alpha, mu, logsd = alpha + rate * da, mu + rate * dm, logsd + rate * ds
    return gmm(np, alpha, mu, logsd, x)


@case("stats/gmm_full", "objective",
      lambda r: [normal(r, 2), normal(r, 2, 3), normal(r, 2, 3), normal(r, 2, 3), normal(r, 4, 3)],
      grad="alpha mu q l x")
def gmm_full(np: Any, alpha: Any, mu: Any, q: Any, low: Any, x: Any) -> Any:
    k, d = mu.shape
    rows, cols = [], []
    for j in range(d):
        for i in range(j + 1, d):
            rows.append(i)
            cols.append(j)
    total = 0.0
    betas = []
    for c in range(k):
        place = numpy.zeros((len(rows), d, d))
        place[range(len(rows)), rows, cols] = 1
        factor = np.diag(np.exp(q[c])) + np.einsum("p,pij->ij", low[c], place)
        z = (x - mu[c]) @ factor.T
        betas.append(alpha[c] + np.sum(q[c]) - 0.5 * np.sum(z**2, axis=1))
    total = np.sum(np.special.logsumexp(np.stack(betas), axis=0))
    return total - len(x) * np.special.logsumexp(alpha)


def logistic(np: Any, w: Any, x: Any, y: Any) -> Any:
    z = x @ w
    return np.sum(np.logaddexp(0, z) - y * z) + 0.05 * w @ w


@case("stats/logistic", "loss", lambda r: [normal(r, 3), normal(r, 7, 3), (normal(r, 7) > 0) * 1.0], grad="w x")
def loss(np: Any, w: Any, x: Any, y: Any) -> Any:
    return logistic(np, w, x, y)


@case("stats/logistic", "newton", lambda r: [normal(r, 3), normal(r, 7, 3), (normal(r, 7) > 0) * 1.0],
      derivatives=True)
def newton(np: Any, w: Any, x: Any, y: Any) -> Any:
    p = 1 / (1 + np.exp(-(x @ w)))
    g = x.T @ (p - y) + 0.1 * w
    h = x.T @ (x * (p * (1 - p))[:, None]) + 0.1 * np.eye(3)
    return w - np.linalg.solve(h, g)


@case("stats/poisson", "loglik", lambda r: [normal(r, 2), 0.3, normal(r, 6, 2), r.integers(0, 5, 6)], grad="w b")
def poisson(np: Any, w: Any, b: Any, x: Any, y: Any) -> Any:
    eta = x @ w + b
    return np.sum(y * eta - np.exp(eta) - np.special.gammaln(y + 1.0))


@case("stats/regression", "normal_equations", lambda r: [normal(r, 8, 3), normal(r, 8)], grad="x y")
def normal_equations(np: Any, x: Any, y: Any) -> Any:
    return np.linalg.solve(x.T @ x, x.T @ y)


@case("stats/regression", "by_qr", lambda r: [normal(r, 8, 3), normal(r, 8)], grad="x y")
def by_qr(np: Any, x: Any, y: Any) -> Any:
    return np.linalg.solve(x.T @ x, x.T @ y)


@case("stats/regression", "ridge", lambda r: [normal(r, 8, 3), normal(r, 8), 0.3], grad="x y lambda")
def ridge(np: Any, x: Any, y: Any, lam: Any) -> Any:
    return np.linalg.solve(x.T @ x + lam * np.eye(3), x.T @ y)


@case("stats/kde", "density", lambda r: [0.3, normal(r, 9), 0.4], grad="x data h")
def density(np: Any, x: Any, data: Any, h: Any) -> Any:
    return np.mean(np.exp(-0.5 * ((x - data) / h) ** 2)) / (h * np.sqrt(2 * np.pi))


def loo(np: Any, data: Any, h: Any) -> Any:
    k = np.exp(-0.5 * ((data[:, None] - data[None]) / h) ** 2) * (1 - np.eye(len(data)))
    return np.sum(np.log(np.sum(k, axis=1) / ((len(data) - 1) * h)))


@case("stats/kde", "leave_one_out", lambda r: [normal(r, 6), 0.4], grad="data h")
def leave_one_out(np: Any, data: Any, h: Any) -> Any:
    return loo(np, data, h)


@case("stats/kde", "best", lambda r: [normal(r, 8), [0.1, 0.3, 0.6, 1.2, 2.4]])
def best(np: Any, data: Any, widths: Any) -> Any:
    return max(widths, key=lambda h: loo(np, data, h))


@case("stats/quantiles", "summary", lambda r: [normal(r, 8)], grad="v")
def summary(np: Any, v: Any) -> Any:
    return np.min(v), np.median(v), np.max(v)


@case("stats/quantiles", "trimmed", lambda r: [normal(r, 9), 2], grad="v")
def trimmed(np: Any, v: Any, cut: int) -> Any:
    return np.mean(np.sort(v)[cut:len(v) - cut])


@case("stats/quantiles", "ranks", lambda r: [normal(r, 9)])
def ranks(np: Any, v: Any) -> Any:
    return np.argsort(np.argsort(v))


@case("stats/markov", "stationary", lambda r: [[[0.9, 0.1, 0.0], [0.2, 0.5, 0.3], [0.1, 0.3, 0.6]]])
def stationary(np: Any, p: Any) -> Any:
    p = np.asarray(p)
    a = np.vstack([p.T - np.eye(3), np.ones((1, 3))])
    return np.linalg.lstsq(a, np.array([0.0, 0, 0, 1]), rcond=None)[0]


@case("stats/markov", "path", lambda r: [uniform(r, 3, 3), [0, 2, 1, 1, 0, 2]], grad="p")
def path(np: Any, p: Any, states: Any) -> Any:
    return sum(np.log(p[a, b]) for a, b in itertools.pairwise(states))


HMM = lambda r: [normal(r, 3), normal(r, 3, 3), normal(r, 3, 4), r.integers(0, 4, 6)]


@case("stats/hmm", "forward", HMM, grad="start move emit")
def forward(np: Any, start: Any, move: Any, emit: Any, seen: Any) -> Any:
    a = start + emit[:, seen[0]]
    for o in seen[1:]:
        a = np.special.logsumexp(a[:, None] + move, axis=0) + emit[:, o]
    return np.special.logsumexp(a)


@case("stats/hmm", "viterbi", HMM, grad="start move emit")
def viterbi(np: Any, start: Any, move: Any, emit: Any, seen: Any) -> Any:
    a = start + emit[:, seen[0]]
    for o in seen[1:]:
        a = np.max(a[:, None] + move, axis=0) + emit[:, o]
    return np.max(a)


@case("stats/kalman", "loglik",
      lambda r: [0.4 * normal(r, 2, 2), 0.5 * numpy.eye(2), normal(r, 2), 0.4, normal(r, 5)], grad="a q h r ys")
def kalman(np: Any, a: Any, q: Any, h: Any, r: Any, ys: Any) -> Any:
    m, p, total = np.zeros(2), np.eye(2), 0.0
    for y in ys:
        m, p = a @ m, a @ p @ a.T + q
        ph = p @ h
        s, e = h @ ph + r, y - h @ m
        total = total - 0.5 * (np.log(2 * np.pi * s) + e * e / s)
        m, p = m + e * ph / s, p - np.outer(ph / s, ph)
    return total


@case("stats/particle", "step", lambda r: [normal(r, 7), 0.4, 0.37])
def particle(np: Any, particles: Any, y: Any, u: Any) -> Any:
    w = np.exp(-0.5 * (particles - y) ** 2)
    c = np.cumsum(w / np.sum(w))
    n = len(particles)
    return particles[np.minimum(np.searchsorted(c, (np.arange(n) + u) / n), n - 1)]


@case("stats/particle", "weights", lambda r: [normal(r, 7), 0.4], grad="particles y")
def particle_weights(np: Any, particles: Any, y: Any) -> Any:
    w = np.exp(-0.5 * (particles - y) ** 2)
    return w / np.sum(w)


@case("stats/bootstrap", "interval", lambda r: [normal(r, 6), r.integers(0, 6, (12, 6))], grad="v")
def bootstrap(np: Any, v: Any, draws: Any) -> Any:
    s = np.sort(np.mean(v[draws], axis=1))
    return s[1], s[10]


@case("stats/em", "fit", lambda r: [[5, 9, 8, 4, 7], 10, 4])
def em(np: Any, heads: Any, n: int, steps: int) -> Any:
    heads = np.asarray(heads)
    w, p, q = 0.5, 0.6, 0.4
    for _ in range(steps):
        a = w * p**heads * (1 - p) ** (n - heads)
        b = (1 - w) * q**heads * (1 - q) ** (n - heads)
        r = a / (a + b)
        w, p, q = np.mean(r), np.sum(r * heads) / (n * np.sum(r)), np.sum((1 - r) * heads) / (n * np.sum(1 - r))
    return w, p, q


@case("stats/student", "cost", lambda r: [normal(r, 6), 0.2, -0.3, 4.5], grad="v centre logscale df")
def student(np: Any, v: Any, centre: Any, logscale: Any, df: Any) -> Any:
    z = (v - centre) * np.exp(-logscale)
    g = np.special.gammaln
    pdf = g((df + 1) / 2) - g(df / 2) - 0.5 * np.log(df * np.pi) - (df + 1) / 2 * np.log1p(z * z / df)
    return -np.sum(pdf - logscale)


@case("stats/student", "logpdf", lambda r: [0.7, 3.0])
def logpdf(np: Any, x: Any, df: Any) -> Any:
    return scipy.stats.t.logpdf(x, df)


@case("stats/metropolis", "walk", lambda r: [0.1, normal(r, 20), uniform(r, 20)])
def metropolis(np: Any, x: Any, jumps: Any, us: Any) -> Any:
    accepted, total = 0, 0.0
    for j, u in zip(jumps, us, strict=True):
        y = x + j
        if np.log(u) < (-0.25 * y**4 + y) - (-0.25 * x**4 + x):
            x, accepted = y, accepted + 1
        total += x
    return x, accepted, total
