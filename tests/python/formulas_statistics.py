"""Statistics, learning, finance."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import derivant as dv
import numpy as np

from .corpus import case

X = np.array([1.0, 2.5, 3.0, 4.2, 0.3])
Y = np.array([0.8, 2.0, 3.5, 3.9, 0.1])
TABLE = np.array([[0.2, 1.0], [1.5, -0.4], [0.3, 0.9], [-1.0, 0.5]])
LABELS = np.array([1, 0, 1, 0])


@case(X)
def mean_and_variance(x):
    n = len(x)
    m = sum(x) / n
    return m, sum((v - m) ** 2 for v in x) / (n - 1)


@case(X)
def welford(x):
    mean, m2, n = 0.0, 0.0, 0
    for v in x:
        n += 1
        delta = v - mean
        mean += delta / n
        m2 += delta * (v - mean)
    return mean, m2 / (n - 1)


@case(X)
def skewness(x):
    m = np.mean(x)
    s = np.std(x)
    return np.mean(((x - m) / s) ** 3)


@case(X, Y)
def pearson(x, y):
    mx, my = np.mean(x), np.mean(y)
    return sum((a - mx) * (b - my) for a, b in zip(x, y)) / math.sqrt(
        sum((a - mx) ** 2 for a in x) * sum((b - my) ** 2 for b in y))


@case(X, 2.0, 1.5)
def gaussian_likelihood(x, mu: float, sigma: float):
    return -sum(0.5 * ((v - mu) / sigma) ** 2 + math.log(sigma) + 0.5 * math.log(2 * math.pi) for v in x)


@case(0.7, 3.0, 2.0)
def gamma_density(x, k, theta):
    return x ** (k - 1) * math.exp(-x / theta) / (math.gamma(k) * theta**k)


@case(0.3, 2.0, 5.0)
def beta_log_density(x, a, b):
    return (a - 1) * math.log(x) + (b - 1) * math.log(1 - x) - (math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b))


@case(2.5, 7)
def poisson_log_mass(rate: float, k: int) -> float:
    return k * math.log(rate) - rate - math.lgamma(k + 1)


@case(0.3, 10)
def binomial_cdf(p: float, n: int) -> float:
    total, term = 0.0, (1 - p) ** n
    for k in range(4):
        total += term
        term *= (n - k) / (k + 1) * p / (1 - p)
    return total


@case(1.3, 4.0)
def student_density(t, nu):
    return math.exp(math.lgamma((nu + 1) / 2) - math.lgamma(nu / 2)) / math.sqrt(nu * math.pi) * (1 + t * t / nu) ** (-(nu + 1) / 2)


@case(0.4)
def normal_cdf(x):
    return 0.5 * (1 + math.erf(x / math.sqrt(2)))


@case(X)
def log_sum_exp(x):
    m = max(x)
    return m + math.log(sum(math.exp(v - m) for v in x))


@case(X)
def softmax(x):
    e = np.exp(x - np.max(x))
    return e / np.sum(e)


@case(X - 2.0)
def entropy_of_softmax(x):
    m = max(x)
    z = sum(math.exp(v - m) for v in x)
    p = [math.exp(v - m) / z for v in x]
    return -sum(q * math.log(q) for q in p)


@case(np.array([0.2, 0.3, 0.5]), np.array([0.4, 0.4, 0.2]))
def kullback_leibler(p, q):
    return sum(a * math.log(a / b) for a, b in zip(p, q) if a > 0)


@case(np.array([0.3, -0.2]), TABLE, LABELS)
def logistic_loss(w, x: dv.f64["n", "d"], y: dv.i64["n"]):
    total = 0.0
    for i in range(len(y)):
        z = w @ x[i]
        total += math.log(1 + math.exp(z)) - (z if y[i] == 1 else 0.0)
    return total / len(y)


@case(np.array([0.3, -0.2]), TABLE)
def ridge(w, x):
    y = np.array([1.0, 2.0, -1.0, 0.5])
    r = x @ w - y
    return r @ r + 0.1 * sum(w**2)


@case(np.array([0.3, -0.2]), TABLE)
def huber_regression(w, x):
    total = 0.0
    for row in x:
        r = abs(w @ row - 1.0)
        if r <= 0.5:
            total += 0.5 * r * r
        else:
            total += 0.5 * (r - 0.25)
    return total


@case(np.array([0.3, -0.2]), TABLE, 0.1, 12)
def gradient_descent_by_hand(w, x, rate: float, steps: int):
    y = np.array([1.0, 2.0, -1.0, 0.5])
    for _ in range(steps):
        w = w - rate * 2 * (x.T @ (x @ w - y)) / len(y)
    return w


@case(np.array([[0.5, -0.3], [0.2, 0.8]]), np.array([0.1, 0.4]), np.array([1.0, -2.0]))
def perceptron_layer(w, b, x):
    return np.tanh(w @ x + b)


@case(np.array([[0.5, -0.3], [0.2, 0.8]]), TABLE)
def two_layers(w, x):
    h = np.array([np.tanh(w @ row) for row in x])
    return sum(sum(r**2) for r in h)


@case(TABLE, np.array([[0.0, 0.0], [1.0, 1.0]]), slope=False)
def nearest_centre(points, centres):
    out = np.zeros(len(points))
    for i in range(len(points)):
        best, at = math.inf, 0
        for k in range(len(centres)):
            d = sum((points[i] - centres[k]) ** 2)
            if d < best:
                best, at = d, k
        out[i] = at
    return out


@case(np.array([[0.0, 0.0], [1.0, 1.0]]), TABLE)
def k_means_step(centres: dv.f64["k", "d"], points: dv.f64["n", "d"]):
    k, d = centres.shape
    total = np.zeros((k, d))
    count = np.zeros(k)
    for p in points:
        at = np.argmin(np.array([sum((p - c) ** 2) for c in centres]))
        count[at] += 1.0
        total[at] = total[at] + p
    return np.array([total[i] / max(count[i], 1.0) for i in range(k)])


@case(1.2, X, Y)
def kernel_regression(h, x, y):
    w = [math.exp(-0.5 * ((v - 2.0) / h) ** 2) for v in x]
    return sum(a * b for a, b in zip(w, y)) / sum(w)


@case(X, 0.3)
def exponential_smoothing(x, alpha):
    s = x[0]
    out = np.zeros(len(x))
    for i in range(len(x)):
        s = alpha * x[i] + (1 - alpha) * s
        out[i] = s
    return out


@case(0.4, X)
def ar1_likelihood(phi, x):
    return sum(-0.5 * (x[t] - phi * x[t - 1]) ** 2 for t in range(1, len(x)))


@case(np.array([0.1, 0.4, 0.5]), X)
def garch(parameters, r):
    omega, alpha, beta = parameters[0], parameters[1], parameters[2]
    s2, total = 1.0, 0.0
    for v in r:
        s2 = omega + alpha * v * v + beta * s2
        total += 0.5 * (math.log(s2) + v * v / s2)
    return total


@case(np.array([[0.7, 0.3], [0.4, 0.6]]), np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0, 1, 0, 0]))
def hidden_markov_forward(a: dv.f64["k", "k"], b: dv.f64["k", "m"], seen: dv.i64["t"]):
    k = len(a)
    alpha = np.array([b[i, seen[0]] / k for i in range(k)])
    for t in range(1, len(seen)):
        alpha = np.array([b[j, seen[t]] * sum(alpha[i] * a[i, j] for i in range(k)) for j in range(k)])
    return math.log(sum(alpha))


@case(X, slope=False)
def empirical_median(x):
    v = np.sort(x)
    n = len(v)
    return v[n // 2] if n % 2 == 1 else (v[n // 2 - 1] + v[n // 2]) / 2


@case(100.0, 95.0, 0.5, 0.02, 0.3)
def black_scholes(s: float, k: float, t: float, r: float, sigma: float) -> float:
    def cdf(x):
        return 0.5 * math.erfc(-x / math.sqrt(2))

    d1 = (math.log(s / k) + (r + sigma**2 / 2) * t) / (sigma * math.sqrt(t))
    return s * cdf(d1) - k * math.exp(-r * t) * cdf(d1 - sigma * math.sqrt(t))


@case(100.0, 95.0, 0.5, 0.02, 0.3, 24)
def binomial_tree(s: float, k: float, t: float, r: float, sigma: float, n: int) -> float:
    """An American put."""
    dt = t / n
    u = math.exp(sigma * math.sqrt(dt))
    q = (math.exp(r * dt) - 1 / u) / (u - 1 / u)
    v = np.array([max(k - s * u ** (2 * j - n), 0.0) for j in range(n + 1)])
    for i in range(n - 1, -1, -1):
        for j in range(i + 1):
            hold = math.exp(-r * dt) * (q * v[j + 1] + (1 - q) * v[j])
            v[j] = max(hold, k - s * u ** (2 * j - i))
    return v[0]


@case(0.05, np.array([5.0, 5.0, 105.0]))
def present_value(rate, flows):
    total = 0.0
    for t, c in enumerate(flows, 1):
        total += c / (1 + rate) ** t
    return total


@case(98.0)
def yield_to_maturity(price):
    y = 0.04
    for _ in range(30):
        f = sum(4.0 / (1 + y) ** t for t in range(1, 6)) + 100 / (1 + y) ** 5 - price
        d = -sum(4.0 * t / (1 + y) ** (t + 1) for t in range(1, 6)) - 500 / (1 + y) ** 6
        step = f / d
        y -= step
        if abs(step) < 1e-14:
            break
    return y


@case(np.array([0.3, 0.7]), np.array([[0.04, 0.01], [0.01, 0.09]]), np.array([0.05, 0.08]))
def sharpe(w, cov, mu):
    return (w @ mu - 0.01) / math.sqrt(w @ cov @ w)


@case(0.06, 1000.0, 12)
def annuity(rate: float, loan: float, n: int) -> float:
    r = rate / 12
    pay = loan * r / (1 - (1 + r) ** -n)
    left = loan
    for _ in range(n // 2):
        left = left * (1 + r) - pay
    return left


class Line(NamedTuple):
    slope: float
    offset: float


@dataclass(frozen=True)
class Normal:
    mean: float
    deviation: float


@case(1.3, 2.0)
def with_records(a: float, b: float) -> float:
    line = Line(a, b)
    n = Normal(deviation=b, mean=line.slope)
    return line.slope * n.mean + line.offset / n.deviation


@case(1.3, X, Y)
def line_loss(a: float, x, y) -> float:
    line = Line(slope=a, offset=0.2)

    def predict(p, t):
        return p.slope * t + p.offset

    return sum((predict(line, s) - t) ** 2 for s, t in zip(x, y))


@case(X, Y)
def spearman_like(x: dv.f64["n"], y: dv.f64["n"]):
    order = np.argsort(x)
    return sum(y[order[i]] * (i + 1) for i in range(len(x)))


@case(X, slope=False)
def l1_and_count(x):
    return sum(abs(v) for v in x), sum(v > 1 for v in x), all(v > 0 for v in x), any(v > 4 for v in x)


@case(X, 1.5)
def hinge(x, margin):
    return sum(max(0.0, margin - v) for v in x)


@case(X, Y)
def soft_dtw(a: dv.f64["n"], b: dv.f64["m"]):
    n, m = len(a), len(b)
    d = np.full((n + 1, m + 1), 1e6)
    d[0, 0] = 0.0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            p, q, r = d[i - 1, j], d[i, j - 1], d[i - 1, j - 1]
            low = min(p, q, r)
            soft = low - math.log(math.exp(low - p) + math.exp(low - q) + math.exp(low - r))
            d[i, j] = (a[i - 1] - b[j - 1]) ** 2 + soft
    return d[n, m]
