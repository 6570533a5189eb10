"""Roots, integrals, series, interpolation, differential equations."""

import math

import derivant as dv
import numpy as np

from .corpus import case

P = np.array([0.3, -1.2, 0.5, 2.0])
KNOTS = np.array([0.0, 1.0, 2.5, 4.0])
HEIGHTS = np.array([1.0, 0.5, 2.0, -1.0])


@case(P, 1.7)
def horner(c, x: float) -> float:
    y = 0.0
    for a in reversed(c):
        y = y * x + a
    return y


@case(P, 1.7)
def horner_by_index(c: dv.f64["n"], x: float) -> float:
    y = 0.0
    for i in range(len(c) - 1, -1, -1):
        y = y * x + c[i]
    return y


@case(2.0)
@case(9.0)
def heron(a: float) -> float:
    x = a
    while abs(x * x - a) > 1e-12 * a:
        x = 0.5 * (x + a / x)
    return x


@case(0.7)
def newton_cosine(start: float) -> float:
    x = start
    for _ in range(6):
        x -= (math.cos(x) - x) / (-math.sin(x) - 1)
    return x


@case(3.0)
def newton_leaves_early(a):
    x = 1.0
    for _ in range(60):
        step = (x**3 - a) / (3 * x**2)
        x = x - step
        if abs(step) < 1e-14:
            return x
    return x


@case(1.0, 2.0, slope=False)
def bisection(lo, hi):
    for _ in range(60):
        mid = (lo + hi) / 2
        if mid**3 - mid - 2 > 0:
            hi = mid
        else:
            lo = mid
    return (lo + hi) / 2


@case(0.5, 1.5)
def secant(a, b):
    for _ in range(5):
        fa, fb = math.exp(a) - 2, math.exp(b) - 2
        if fb == fa:
            break
        a, b = b, b - fb * (b - a) / (fb - fa)
    return b


@case(0.0, 2.0, 16)
def trapezoid(a: float, b: float, n: int) -> float:
    h = (b - a) / n
    inner = sum(math.exp(-((a + i * h) ** 2)) for i in range(1, n))
    return h * (0.5 * math.exp(-(a**2)) + inner + 0.5 * math.exp(-(b**2)))


@case(0.5, 3.0, 8)
def simpson(a: float, b: float, n: int) -> float:
    h = (b - a) / (2 * n)
    total = math.log(a) + math.log(b)
    for k in range(1, 2 * n):
        total += (4 if k % 2 == 1 else 2) * math.log(a + k * h)
    return total * h / 3


@case(0.2, 1.4)
def gauss_legendre(a, b):
    nodes = [-0.7745966692414834, 0.0, 0.7745966692414834]
    weights = [5 / 9, 8 / 9, 5 / 9]
    mid, half = (a + b) / 2, (b - a) / 2
    return half * sum(w * math.sin(mid + half * t) for w, t in zip(weights, nodes))


@case(1.0, 5)
def romberg(b: float, n: int) -> float:
    r = np.zeros((n, n))
    for k in range(n):
        m = 2**k
        h = b / m
        r[k, 0] = h * (sum(1 / (1 + (i * h) ** 2) for i in range(1, m)) + 0.5 + 0.5 / (1 + b * b))
        for j in range(1, k + 1):
            r[k, j] = r[k, j - 1] + (r[k, j - 1] - r[k - 1, j - 1]) / (4**j - 1)
    return r[n - 1, n - 1]


@case(HEIGHTS, KNOTS, 1.3)
def lagrange(y, x, t):
    total = 0.0
    for i in range(len(x)):
        term = y[i]
        for j in range(len(x)):
            if j != i:
                term *= (t - x[j]) / (x[i] - x[j])
        total += term
    return total


@case(HEIGHTS, KNOTS, 1.3)
def newton_divided_differences(y: dv.f64["n"], x: dv.f64["n"], t: float) -> float:
    c = y.copy()
    n = len(c)
    for k in range(1, n):
        for i in range(n - 1, k - 1, -1):
            c[i] = (c[i] - c[i - 1]) / (x[i] - x[i - k])
    value = c[n - 1]
    for i in range(n - 2, -1, -1):
        value = value * (t - x[i]) + c[i]
    return value


@case(HEIGHTS, KNOTS, 1.3)
def neville(y, x, t):
    p = y + 0.0
    n = len(p)
    for k in range(1, n):
        for i in range(n - k):
            p[i] = ((t - x[i + k]) * p[i] + (x[i] - t) * p[i + 1]) / (x[i] - x[i + k])
    return p[0]


@case(1.6, KNOTS, HEIGHTS)
def piecewise_linear(t, x: dv.f64["n"], y: dv.f64["n"]):
    for i in range(len(x) - 1):
        if x[i] <= t <= x[i + 1]:
            w = (t - x[i]) / (x[i + 1] - x[i])
            return (1 - w) * y[i] + w * y[i + 1]
    return 0.0


@case(KNOTS + 0.1, HEIGHTS)
def spline_moments(x: dv.f64["n"], y: dv.f64["n"]):
    """Natural cubic spline: second derivatives, by the Thomas algorithm."""
    n = len(x)
    m = np.zeros(n)
    upper = np.zeros(n)
    for i in range(1, n - 1):
        left, right = x[i] - x[i - 1], x[i + 1] - x[i]
        rhs = 6 * ((y[i + 1] - y[i]) / right - (y[i] - y[i - 1]) / left)
        pivot = 2 * (left + right) - left * upper[i - 1]
        upper[i] = right / pivot
        m[i] = (rhs - left * m[i - 1]) / pivot
    for i in range(n - 2, 0, -1):
        m[i] = m[i] - upper[i] * m[i + 1]
    return m


@case(0.4, 30)
def exp_series(x: float, n: int) -> float:
    term, total = 1.0, 1.0
    for k in range(1, n):
        term *= x / k
        total += term
    return total


@case(0.4)
def sine_series(x):
    total, term, k = 0.0, x, 1
    while abs(term) > 1e-16:
        total += term
        term *= -x * x / ((k + 1) * (k + 2))
        k += 2
    return total


@case(0.3, 40)
def continued_fraction_tangent(x: float, n: int) -> float:
    f = 0.0
    for k in range(2 * n - 1, 0, -2):
        f = x * x / (k - f)
    return f / x


@case(1.2)
def agm(b):
    a = 1.0
    while abs(a - b) > 1e-14:
        a, b = (a + b) / 2, math.sqrt(a * b)
    return a


@case(0.5, 4)
def legendre(x: float, n: int) -> float:
    if n == 0:
        return 1.0
    p, q = 1.0, x
    for k in range(2, n + 1):
        p, q = q, ((2 * k - 1) * x * q - (k - 1) * p) / k
    return q


@case(0.3, 6)
def chebyshev(x, n: int):
    a, b = 1.0, x
    for _ in range(n - 1):
        a, b = b, 2 * x * b - a
    return b


@case(0.7, 5)
def hermite(x, n: int):
    h = [1.0] * (n + 1)
    h[1] = 2 * x
    for k in range(2, n + 1):
        h[k] = 2 * x * h[k - 1] - 2 * (k - 1) * h[k - 2]
    return h[n]


@case(0.8, P)
def clenshaw(x, c):
    b1, b2 = 0.0, 0.0
    for k in range(len(c) - 1, 0, -1):
        b1, b2 = 2 * x * b1 - b2 + c[k], b1
    return x * b1 - b2 + c[0]


@case(1.0, 0.1, 20)
def euler_decay(y: float, h: float, n: int) -> float:
    for _ in range(n):
        y += h * (-2 * y)
    return y


@case(np.array([1.0, 0.0]), 0.1, 10)
def runge_kutta_oscillator(y, h, n: int):
    def f(u):
        return np.array([u[1], -u[0]])

    for _ in range(n):
        k1 = f(y)
        k2 = f(y + h / 2 * k1)
        k3 = f(y + h / 2 * k2)
        k4 = f(y + h * k3)
        y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return y


@case(np.array([0.5, 0.0]), 0.05, 40)
def leapfrog_pendulum(state, h: float, n: int):
    q, p = state[0], state[1]
    for _ in range(n):
        p -= 0.5 * h * math.sin(q)
        q += h * p
        p -= 0.5 * h * math.sin(q)
    return q, p


@case(np.array([1.0, 1.0, 1.0]), 0.01, 15)
def lorenz(x, h, n: int):
    sigma, rho, beta = 10.0, 28.0, 8.0 / 3.0
    for _ in range(n):
        dx = [sigma * (x[1] - x[0]), x[0] * (rho - x[2]) - x[1], x[0] * x[1] - beta * x[2]]
        x = np.array([x[k] + h * dx[k] for k in range(3)])
    return x


@case(1.5, 0.2, 30)
def implicit_euler(y: float, h: float, n: int) -> float:
    for _ in range(n):
        z = y
        for _ in range(8):
            z = z - (z - y + h * z**3) / (1 + 3 * h * z**2)
        y = z
    return y


@case(np.array([0.0, 1.0, 0.5, 0.25, 0.0]), 0.2, 12)
def heat_equation(u, r, steps: int):
    u = u.copy()
    for _ in range(steps):
        new = u.copy()
        for i in range(1, len(u) - 1):
            new[i] = u[i] + r * (u[i - 1] - 2 * u[i] + u[i + 1])
        u = new
    return u


@case(np.array([0.0, 1.0, 0.5, 0.25, 0.0]), 0.4, 5)
def upwind_advection(u: dv.f64["n"], c: float, steps: int):
    v = u + 0.0
    for _ in range(steps):
        v = np.array([v[i] - c * (v[i] - (v[i - 1] if i > 0 else 0.0)) for i in range(len(v))])
    return v


@case(0.3)
def central_difference_of_a_lambda(x):
    f = lambda t: t**3 * math.sin(t)
    h = 1e-3
    return (f(x + h) - f(x - h)) / (2 * h)


@case(0.9)
def richardson(x):
    def d(h):
        return (math.tanh(x + h) - math.tanh(x - h)) / (2 * h)

    return (4 * d(0.05) - d(0.1)) / 3


@case(1.3)
def derivative_inside(x):
    return x**2 + 3 * x


@case(2.5, 25)
def zeta_partial(s, n: int):
    return sum(1 / k**s for k in range(1, n + 1)) + n ** (1 - s) / (s - 1) - 0.5 * n**-s


@case(3.4)
def stirling(x):
    return (x - 0.5) * math.log(x) - x + 0.5 * math.log(2 * math.pi) + 1 / (12 * x) - 1 / (360 * x**3)


@case(0.6)
def erf_by_abramowitz(x):
    t = 1 / (1 + 0.3275911 * x)
    c = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)
    poly = 0.0
    for a in reversed(c):
        poly = (poly + a) * t
    return 1 - poly * math.exp(-x * x)


@case(1.1, 12)
def bessel_j0_series(x: float, n: int):
    return sum((-1.0) ** k * (x / 2) ** (2 * k) / math.gamma(k + 1) ** 2 for k in range(n))


@case(2.0)
def lambert_w(z):
    w = math.log(1 + z)
    for _ in range(20):
        e = math.exp(w)
        step = (w * e - z) / (e * (w + 1))
        w -= step
        if abs(step) < 1e-13:
            break
    return w


@case(0.2, 0.7)
def kepler(e: float, m: float) -> float:
    anomaly = m
    while True:
        d = (anomaly - e * math.sin(anomaly) - m) / (1 - e * math.cos(anomaly))
        anomaly -= d
        if abs(d) < 1e-13:
            break
    return anomaly
