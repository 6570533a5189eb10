"""References of the programs in ml/."""

from __future__ import annotations

from typing import Any

import numpy

from .cases import case, normal, uniform

NET = lambda r: [
    {"w1": normal(r, 3, 2), "b1": normal(r, 3), "w2": normal(r, 2, 3), "b2": normal(r, 2)}, normal(r, 4, 2),
    normal(r, 4, 2)]


def mlp(np: Any, p: Any, x: Any, y: Any) -> Any:
    z = np.tanh(x @ p["w1"].T + p["b1"]) @ p["w2"].T + p["b2"]
    return np.sum((z - y) ** 2) / len(x)


@case("ml/mlp", "loss", NET, grad="p x")
def mlp_loss(np: Any, p: Any, x: Any, y: Any) -> Any:
    return mlp(np, p, x, y)


@case("ml/mlp", "train", lambda r: [*NET(r), 0.05], derivatives=True)
def mlp_train(np: Any, p: Any, x: Any, y: Any, rate: float) -> Any:
    h = np.tanh(x @ p["w1"].T + p["b1"])
    e = 2 * (h @ p["w2"].T + p["b2"] - y) / len(x)
    back = e @ p["w2"] * (1 - h**2)
    g = {"w1": back.T @ x, "b1": back.sum(0), "w2": e.T @ h, "b2": e.sum(0)}
    return mlp(np, {k: p[k] - rate * g[k] for k in p}, x, y)


def soft(np: Any, s: Any) -> Any:
    w = np.exp(s - np.max(s, axis=-1, keepdims=True))
    return w / np.sum(w, axis=-1, keepdims=True)


@case("ml/attention", "attention", lambda r: [normal(r, 3, 2), normal(r, 4, 2), normal(r, 4, 3)], grad="q k v")
def attention(np: Any, q: Any, k: Any, v: Any) -> Any:
    return soft(np, q @ k.T / np.sqrt(q.shape[1])) @ v


@case("ml/attention", "causal", lambda r: [normal(r, 4, 2), normal(r, 4, 2), normal(r, 4, 3)], grad="q k v")
def causal(np: Any, q: Any, k: Any, v: Any) -> Any:
    s = q @ k.T / np.sqrt(q.shape[1])
    return soft(np, np.where(numpy.tril(numpy.ones(s.shape)) > 0, s, -np.inf)) @ v


@case("ml/lstm", "loss",
      lambda r: [normal(r, 4, 3), normal(r, 4, 3), normal(r, 3), (normal(r, 5, 3) > 0) * 1.0], grad="w c scale")
def lstm(np: Any, w: Any, c: Any, scale: Any, xs: Any) -> Any:
    def sig(z: Any) -> Any:
        return 1 / (1 + np.exp(-z))

    h = s = np.zeros(3)
    total = 0.0
    for k in range(len(xs) - 1):
        x = xs[k]
        s = s * sig(x * w[0] + c[0]) + sig(h * w[1] + c[1]) * np.tanh(h * w[3] + c[3])
        h = sig(x * w[2] + c[2]) * np.tanh(s)
        y = h * scale
        total = total + np.sum(xs[k + 1] * (y - np.log(2 + np.sum(np.exp(y)))))
    return -total / ((len(xs) - 1) * 3)


@case("ml/rnn", "energy", lambda r: [normal(r, 3, 3), normal(r, 3, 2), normal(r, 4, 2)], grad="w u xs")
def rnn(np: Any, w: Any, u: Any, xs: Any) -> Any:
    s, total = np.zeros(3), 0.0
    for x in xs:
        s = np.tanh(w @ s + u @ x)
        total = total + np.sum(s**2)
    return total


@case("ml/kmeans", "cost", lambda r: [normal(r, 7, 2), normal(r, 3, 2)], grad="points centres")
def kmeans(np: Any, points: Any, centres: Any) -> Any:
    return np.sum(np.min(np.sum((points[:, None] - centres[None]) ** 2, axis=2), axis=1))


@case("ml/kmeans", "lloyd", lambda r: [normal(r, 9, 2), normal(r, 3, 2)])
def lloyd(np: Any, points: Any, centres: Any) -> Any:
    home = np.argmin(np.sum((points[:, None] - centres[None]) ** 2, axis=2), axis=1)
    return np.array([points[home == c].mean(axis=0) if any(home == c) else centres[c] for c in range(3)])


@case("ml/conv", "features", lambda r: [normal(r, 2, 7, 6), normal(r, 2, 2, 3, 3)], grad="x w")
def conv(np: Any, x: Any, w: Any) -> Any:
    n, m = x.shape[1] - 2, x.shape[2] - 2
    y = sum(np.einsum("kij,fk->fij", x[:, p:p + n, q:q + m], w[:, :, p, q]) for p in range(3) for q in range(3))
    y = np.maximum(y, 0)[:, : n // 2 * 2, : m // 2 * 2]
    return np.sum(np.max(y.reshape(len(y), n // 2, 2, m // 2, 2), axis=(2, 4)))


@case("ml/cross_entropy", "loss", lambda r: [normal(r, 2, 3), normal(r, 3), normal(r, 6, 2), r.integers(0, 3, 6)],
      grad="w b x")
def cross_entropy(np: Any, w: Any, b: Any, x: Any, label: Any) -> Any:
    z = x @ w + b
    return np.mean(np.special.logsumexp(z, axis=1) - z[numpy.arange(len(label)), label])


@case("ml/cross_entropy", "accuracy",
      lambda r: [normal(r, 2, 3), normal(r, 3), normal(r, 6, 2), r.integers(0, 3, 6)])
def accuracy(np: Any, w: Any, b: Any, x: Any, label: Any) -> Any:
    return np.mean(np.argmax(x @ w + b, axis=1) == label)


@case("ml/batchnorm", "normalise", lambda r: [normal(r, 5, 3), normal(r, 3), normal(r, 3)], grad="x gamma shift",
      tol=1e-9)
def batchnorm(np: Any, x: Any, gamma: Any, shift: Any) -> Any:
    return gamma * (x - np.mean(x, axis=0)) / np.sqrt(np.var(x, axis=0) + 1e-5) + shift


@case("ml/word2vec", "loss",
      lambda r: [normal(r, 5, 3), normal(r, 5, 3), r.integers(0, 5, 4), r.integers(0, 5, 4), r.integers(0, 5, (4, 2))],
      grad="inner outer")
def word2vec(np: Any, inner: Any, outer: Any, centre: Any, context: Any, negative: Any) -> Any:
    good = np.sum(inner[centre] * outer[context], axis=1)
    bad = np.sum(inner[centre][:, None] * outer[negative], axis=2)
    return np.sum(np.logaddexp(0, -good)) + np.sum(np.logaddexp(0, bad))


@case("ml/matrix_factorisation", "loss",
      lambda r: [normal(r, 3, 2), normal(r, 4, 2),
                 {"user": r.integers(0, 3, 6), "item": r.integers(0, 4, 6), "stars": normal(r, 6)}, 0.1],
      grad="u v weight")
def factorisation(np: Any, u: Any, v: Any, ratings: Any, weight: Any) -> Any:
    e = ratings["stars"] - np.sum(u[ratings["user"]] * v[ratings["item"]], axis=1)
    return np.sum(e**2) + weight * (np.sum(u * u) + np.sum(v * v))


@case("ml/gaussian_process", "likelihood", lambda r: [normal(r, 5, 2), normal(r, 5), 0.8, 0.3],
      grad="x y scale noise", tol=1e-9)
def gaussian_process(np: Any, x: Any, y: Any, scale: Any, noise: Any) -> Any:
    d = np.sum((x[:, None] - x[None]) ** 2, axis=2)
    k = np.exp(-0.5 * d / scale**2) + noise * np.eye(len(x))
    return (-0.5 * y @ np.linalg.solve(k, y) - 0.5 * np.linalg.slogdet(k)[1]
            - 0.5 * len(x) * np.log(2 * np.pi))


@case("ml/svm", "objective", lambda r: [normal(r, 2), 0.1, normal(r, 6, 2), numpy.sign(normal(r, 6)), 0.7],
      grad="w b c")
def svm(np: Any, w: Any, b: Any, x: Any, y: Any, c: Any) -> Any:
    return 0.5 * w @ w + c * np.sum(np.maximum(1 - y * (x @ w + b), 0))


@case("ml/vae", "bound", lambda r: [normal(r, 4, 3), normal(r, 3, 2), uniform(r, 4, 3), normal(r, 4, 2)],
      grad="enc dec")
def vae(np: Any, enc: Any, dec: Any, x: Any, noise: Any) -> Any:
    code = x @ enc.T
    mu, logvar = code[:, :2], code[:, 2:]
    back = 1 / (1 + np.exp(-((mu + np.exp(0.5 * logvar) * noise) @ dec.T)))
    fit = np.sum(x * np.log(back) + (1 - x) * np.log(1 - back), axis=1)
    return np.mean(fit + 0.5 * np.sum(1 + logvar - mu**2 - np.exp(logvar), axis=1))


@case("ml/adam", "adam", lambda r: [normal(r, 3), 0.02, 5], derivatives=True, tol=1e-9)
def adam(np: Any, p: Any, rate: float, steps: int) -> Any:
    m = v = np.zeros(len(p))
    for k in range(steps):
        g = np.zeros(len(p))
        a = p[1:] - p[:-1] ** 2
        g[1:] += 200 * a
        g[:-1] += -400 * a * p[:-1] - 2 * (1 - p[:-1])
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        p = p - rate * (m / (1 - 0.9 ** (k + 1))) / (np.sqrt(v / (1 - 0.999 ** (k + 1))) + 1e-8)
    return p


@case("ml/ctc", "ctc", lambda r: [numpy.log(numpy.full((5, 3), 1 / 3)) + 0.3 * normal(r, 5, 3), [1, 2, 2]],
      grad="logp")
def ctc(np: Any, logp: Any, label: Any) -> Any:
    s = 2 * len(label) + 1
    symbol = [label[j // 2] if j % 2 else 0 for j in range(s)]
    a: list[Any] = [logp[0, symbol[j]] if j < 2 else None for j in range(s)]
    for i in range(1, len(logp)):
        new: list[Any] = []
        for j in range(s):
            terms = [a[j]]
            if j > 0:
                terms.append(a[j - 1])
            if j > 1 and symbol[j] != 0 and symbol[j] != symbol[j - 2]:
                terms.append(a[j - 2])
            terms = [t for t in terms if t is not None]
            total = None
            for t in terms:
                total = t if total is None else np.logaddexp(total, t)
            new.append(None if total is None else total + logp[i, symbol[j]])
        a = new
    return np.logaddexp(a[s - 1], a[s - 2])


@case("ml/siamese", "loss",
      lambda r: [normal(r, 3, 2), normal(r, 5, 2), normal(r, 5, 2), normal(r, 5) > 0, 1.0], grad="w a b margin")
def siamese(np: Any, w: Any, a: Any, b: Any, same: Any, margin: Any) -> Any:
    gap = np.sqrt(np.sum((np.tanh(a @ w.T) - np.tanh(b @ w.T)) ** 2, axis=1))
    return np.mean(np.where(same, gap**2, np.maximum(margin - gap, 0) ** 2))
