"""Further formulas: optimisation, signals, special functions, image and text, with helpers of the module."""

import math
from math import cos, exp, log, sin, sqrt

import derivant as dv
import numpy as np
from numpy import linalg

from .corpus import case

V = np.array([0.4, -1.1, 2.0])
GRID = np.array([[0.0, 1.0, 2.0, 1.0], [1.0, 3.0, 0.5, 0.2], [2.0, 0.1, 1.5, 4.0]])


def square(x):
    return x * x


def norm2(v):
    return sum(square(t) for t in v)


def lerp(a, b, t=0.5):
    return a + (b - a) * t


@case(V)
def with_helpers(v):
    return norm2(v) * lerp(v[0], v[1]) + lerp(b=v[2], a=1.0, t=0.25)


@case(V)
def rosenbrock(x):
    return sum(100 * (x[i + 1] - x[i] ** 2) ** 2 + (1 - x[i]) ** 2 for i in range(len(x) - 1))


@case(V)
def rastrigin(x):
    return 10 * len(x) + sum(t**2 - 10 * cos(2 * math.pi * t) for t in x)


@case(V)
def ackley(x):
    n = len(x)
    return -20 * exp(-0.2 * sqrt(sum(t * t for t in x) / n)) - exp(sum(cos(2 * math.pi * t) for t in x) / n) + 20 + math.e


@case(V)
def styblinski_tang(x):
    return 0.5 * np.sum(x**4 - 16 * x**2 + 5 * x)


@case(np.array([1.2, -0.7]))
def himmelblau(p):
    x, y = p[0], p[1]
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


@case(V, 0.05, 10)
def descent_with_momentum(x, rate, steps: int):
    v = np.zeros_like(x)
    for _ in range(steps):
        v = 0.9 * v - rate * 2 * x
        x = x + v
    return x


@case(np.array([1.0, 1.0]), 8)
def adam(x, steps: int):
    m, s = np.zeros(2), np.zeros(2)
    for t in range(1, steps + 1):
        g = 2 * x + np.array([0.5, -0.25])
        m = 0.9 * m + 0.1 * g
        s = 0.999 * s + 0.001 * g**2
        x = x - 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(s / (1 - 0.999**t)) + 1e-8)
    return x


@case(2.0)
def backtracking(x):
    """A line search that halves its step."""
    g = 4 * x**3 - 2
    step = 1.0
    while (x - step * g) ** 4 - 2 * (x - step * g) > x**4 - 2 * x - 0.5 * step * g * g:
        step /= 2
    return x - step * g


@case(0.1, 0.9, slope=False)
def golden_section(a: float, b: float) -> float:
    ratio = (sqrt(5.0) - 1) / 2
    c, d = b - ratio * (b - a), a + ratio * (b - a)
    while b - a > 1e-9:
        if (c - 0.3) ** 2 < (d - 0.3) ** 2:
            b = d
        else:
            a = c
        c, d = b - ratio * (b - a), a + ratio * (b - a)
    return (a + b) / 2


@case(GRID)
def box_blur(image: dv.f64["h", "w"]):
    h, w = image.shape
    out = np.zeros((h, w))
    for y in range(h):
        for x in range(w):
            total, count = 0.0, 0
            for dy in range(-1, 2):
                for dx in range(-1, 2):
                    if 0 <= y + dy < h and 0 <= x + dx < w:
                        total += image[y + dy, x + dx]
                        count += 1
            out[y, x] = total / count
    return out


@case(GRID)
def total_variation(u: dv.f64["h", "w"]):
    h, w = u.shape
    return sum(sqrt((u[i + 1, j] - u[i, j]) ** 2 + (u[i, j + 1] - u[i, j]) ** 2 + 1e-3)
               for i in range(h - 1) for j in range(w - 1))


@case(GRID)
def integral_image(a: dv.f64["h", "w"]):
    s = np.zeros((a.shape[0] + 1, a.shape[1] + 1))
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            s[i + 1, j + 1] = a[i, j] + s[i, j + 1] + s[i + 1, j] - s[i, j]
    return s


@case(GRID, 1.3, 0.6)
def bilinear(image, x: float, y: float) -> float:
    i, j = int(y), int(x)
    v, u = y - i, x - j
    return ((1 - v) * ((1 - u) * image[i, j] + u * image[i, j + 1])
            + v * ((1 - u) * image[i + 1, j] + u * image[i + 1, j + 1]))


@case(GRID, slope=False)
def histogram(image: dv.f64["h", "w"]):
    counts = np.zeros(5, dtype=int)
    for row in image:
        for t in row:
            counts[min(int(t), 4)] += 1
    return counts


@case(np.array([1.0, 0.5, -0.5, 2.0, 1.5]), 0.3)
def low_pass(x, a):
    y = x[0]
    out = [0.0] * len(x)
    for k, t in enumerate(x):
        y = y + a * (t - y)
        out[k] = y
    return out


@case(np.array([1.0, 0.5, -0.5, 2.0, 1.5, 0.1]), 2)
def moving_average(x, k: int):
    return [sum(x[i - k:i + k + 1]) / (2 * k + 1) for i in range(k, len(x) - k)]


@case(np.array([1.0, 0.5, -0.5, 2.0]))
def autocorrelation(x):
    n = len(x)
    m = sum(x) / n
    c0 = sum((t - m) ** 2 for t in x)
    return np.array([sum((x[i] - m) * (x[i + k] - m) for i in range(n - k)) / c0 for k in range(3)])


@case(np.array([1.0, 0.5, -0.5, 2.0, 1.5, 0.1, 0.3, -0.4]))
def haar_wavelet(x):
    y = x.copy()
    n = len(y)
    while n > 1:
        half = n // 2
        low = [(y[2 * i] + y[2 * i + 1]) / sqrt(2.0) for i in range(half)]
        high = [(y[2 * i] - y[2 * i + 1]) / sqrt(2.0) for i in range(half)]
        for i in range(half):
            y[i] = low[i]
            y[half + i] = high[i]
        n = half
    return y


@case(0.8)
def sinc(x):
    return 1.0 if x == 0 else sin(math.pi * x) / (math.pi * x)


@case(1.7)
def gamma_by_lanczos(x):
    g = 7
    c = [0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
         12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7]
    x -= 1
    t = x + g + 0.5
    s = c[0] + sum(c[i] / (x + i) for i in range(1, g + 2))
    return sqrt(2 * math.pi) * t ** (x + 0.5) * exp(-t) * s


@case(0.3)
def dilogarithm(x):
    total, k, power = 0.0, 1, x
    while power / k**2 > 1e-17:
        total += power / k**2
        k += 1
        power *= x
    return total


@case(0.6)
def elliptic_by_agm(k):
    a, b = 1.0, sqrt(1 - k * k)
    while abs(a - b) > 1e-15:
        a, b = (a + b) / 2, sqrt(a * b)
    return math.pi / (2 * a)


@case(0.5, 1.5)
def complex_product_by_hand(a, b):
    z = (a, b)
    w = (0.3, -0.7)
    return z[0] * w[0] - z[1] * w[1], z[0] * w[1] + z[1] * w[0]


@case(-0.4, 0.3, 30)
def mandelbrot_distance(cx: float, cy: float, most: int) -> float:
    x, y = 0.0, 0.0
    for k in range(most):
        if x * x + y * y > 4.0:
            return k + 1 - math.log2(log(x * x + y * y) / 2)
        x, y = x * x - y * y + cx, 2 * x * y + cy
    return x * x + y * y


@case(0.9, 0.7, 30)
def escapes(cx: float, cy: float, most: int) -> float:
    x, y = 0.0, 0.0
    for k in range(most):
        if x * x + y * y > 4.0:
            return k + 1 - math.log2(log(x * x + y * y) / 2)
        x, y = x * x - y * y + cx, 2 * x * y + cy
    return 0.0


@case(np.array([0.2, 0.5, 0.3]), np.array([[0.9, 0.1, 0.0], [0.2, 0.7, 0.1], [0.0, 0.3, 0.7]]), 9)
def markov_chain(p, t, steps: int):
    for _ in range(steps):
        p = p @ t
    return p


@case(np.array([0.05, 0.02]), 20)
def epidemic(rates, days: int):
    s, i, r = 0.99, 0.01, 0.0
    beta, gamma = 10 * rates[0], rates[1]
    peak = 0.0
    for _ in range(days):
        new, gone = beta * s * i, gamma * i
        s, i, r = s - new, i + new - gone, r + gone
        peak = max(peak, i)
    return peak, r


@case(np.array([1.1, 0.4, 0.4, 0.1]), 0.01, 30)
def predator_and_prey(p, h, steps: int):
    x, y = 10.0, 5.0
    for _ in range(steps):
        x, y = x + h * (p[0] * x - p[1] * x * y / 10), y + h * (p[3] * x * y / 10 - p[2] * y)
    return x + y


@case(np.array([[2.0, 0.5], [0.5, 1.0]]), np.array([0.3, -0.2]))
def gaussian_with_cholesky(cov, x):
    l11 = sqrt(cov[0, 0])
    l21 = cov[1, 0] / l11
    l22 = sqrt(cov[1, 1] - l21**2)
    z1 = x[0] / l11
    z2 = (x[1] - l21 * z1) / l22
    return -0.5 * (z1**2 + z2**2) - log(l11 * l22) - log(2 * math.pi)


@case(np.array([0.1, 0.7]), np.array([0.4, 1.2, 0.3]))
def kalman(noise, seen):
    mean, variance, score = 0.0, 1.0, 0.0
    for z in seen:
        variance += noise[0]
        gain = variance / (variance + noise[1])
        score -= 0.5 * ((z - mean) ** 2 / (variance + noise[1]) + log(variance + noise[1]))
        mean += gain * (z - mean)
        variance *= 1 - gain
    return score


@case(V)
def norms_of_numpy(v):
    return linalg.norm(v) + np.dot(v, v) + np.prod(v) + np.cumsum(v)[2] + np.diff(v)[0] + np.var(v)


@case(np.array([3, 1, 4, 1, 5, 9, 2, 6]), slope=False)
def counting_sort(x: dv.i64["n"]):
    counts = np.zeros(10, dtype=int)
    for t in x:
        counts[t] += 1
    out = np.zeros(len(x), dtype=int)
    at = 0
    for value in range(10):
        for _ in range(counts[value]):
            out[at] = value
            at += 1
    return out


@case(np.array([[0, 1, 1], [0, 0, 1], [1, 0, 0]]), 30, slope=False)
def page_rank(links: dv.i64["n", "n"], steps: int):
    n = len(links)
    r = np.full(n, 1.0 / n)
    for _ in range(steps):
        r = np.array([0.15 / n + 0.85 * sum(r[j] * links[j, i] / sum(links[j]) for j in range(n)) for i in range(n)])
    return r
