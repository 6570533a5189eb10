"""Linear algebra as textbooks write it: factorisations, iterations, least squares."""

import math

import derivant as dv
import numpy as np

from .corpus import case

A = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, -0.2], [0.5, -0.2, 2.0]])
B = np.array([[1.0, 2.0], [0.5, -1.0], [3.0, 0.25]])
V = np.array([1.0, -2.0, 0.5])


@case(A, V)
def matvec(a, v):
    out = np.zeros(len(v))
    for i in range(len(v)):
        for j in range(len(v)):
            out[i] += a[i, j] * v[j]
    return out


@case(A, B)
def matmul_by_hand(a: dv.f64["n", "k"], b: dv.f64["k", "m"]):
    return np.array([[sum(a[i, q] * b[q, j] for q in range(a.shape[1])) for j in range(b.shape[1])]
                     for i in range(a.shape[0])])


@case(V, V[::-1].copy())
def inner_product(u, v):
    return sum(x * y for x, y in zip(u, v))


@case(V)
def euclidean_norm(v):
    return math.sqrt(sum(x * x for x in v))


@case(V, 3.0)
def p_norm(v, p: float):
    return sum(abs(x) ** p for x in v) ** (1 / p)


@case(V)
def max_norm(v):
    return max(abs(x) for x in v)


@case(V, np.array([0.5, 1.0, 2.0]))
def cross_product(a, b):
    return np.array([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


@case(A)
def determinant_3(m):
    return (m[0, 0] * (m[1, 1] * m[2, 2] - m[1, 2] * m[2, 1])
            - m[0, 1] * (m[1, 0] * m[2, 2] - m[1, 2] * m[2, 0])
            + m[0, 2] * (m[1, 0] * m[2, 1] - m[1, 1] * m[2, 0]))


@case(A)
def determinant_by_elimination(a: dv.f64["n", "n"]):
    m = a.copy()
    n = len(m)
    d = 1.0
    for k in range(n):
        d *= m[k, k]
        for i in range(k + 1, n):
            f = m[i, k] / m[k, k]
            for j in range(k, n):
                m[i, j] -= f * m[k, j]
    return d


@case(A, V)
def gauss(a: dv.f64["n", "n"], b: dv.f64["n"]):
    m, x = a.copy(), b.copy()
    n = len(b)
    for k in range(n):
        for i in range(k + 1, n):
            f = m[i, k] / m[k, k]
            m[i, k:] = m[i, k:] - f * m[k, k:]
            x[i] -= f * x[k]
    for k in range(n - 1, -1, -1):
        x[k] = (x[k] - sum(m[k, j] * x[j] for j in range(k + 1, n))) / m[k, k]
    return x


@case(A, V)
def gauss_with_pivots(a: dv.f64["n", "n"], b: dv.f64["n"]):
    m, x = a.copy(), b.copy()
    n = len(b)
    for k in range(n):
        p = k
        for i in range(k + 1, n):
            if abs(m[i, k]) > abs(m[p, k]):
                p = i
        row = m[k].copy()
        m[k] = m[p]
        m[p] = row
        x[k], x[p] = x[p], x[k]
        for i in range(k + 1, n):
            f = m[i, k] / m[k, k]
            for j in range(k, n):
                m[i, j] -= f * m[k, j]
            x[i] -= f * x[k]
    for k in range(n - 1, -1, -1):
        s = 0.0
        for j in range(k + 1, n):
            s += m[k, j] * x[j]
        x[k] = (x[k] - s) / m[k, k]
    return x


@case(A)
def cholesky(a):
    n = len(a)
    l = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1):
            s = a[i, j] - sum(l[i, k] * l[j, k] for k in range(j))
            if i == j:
                l[i, j] = math.sqrt(s)
            else:
                l[i, j] = s / l[j, j]
    return l


@case(A)
def doolittle(a):
    n = len(a)
    low, up = np.eye(n), np.zeros((n, n))
    for i in range(n):
        for j in range(i, n):
            up[i, j] = a[i, j] - sum(low[i, k] * up[k, j] for k in range(i))
        for j in range(i + 1, n):
            low[j, i] = (a[j, i] - sum(low[j, k] * up[k, i] for k in range(i))) / up[i, i]
    return low, up


@case(B)
def gram_schmidt(a: dv.f64["n", "k"]):
    q = a.copy()
    n, k = a.shape
    for j in range(k):
        for i in range(j):
            r = sum(q[t, i] * q[t, j] for t in range(n))
            for t in range(n):
                q[t, j] -= r * q[t, i]
        length = math.sqrt(sum(q[t, j] ** 2 for t in range(n)))
        q[:, j] = q[:, j] / length
    return q


@case(A, V, 25)
def jacobi_iteration(a, b, steps: int):
    x = np.zeros(len(b))
    for _ in range(steps):
        x = np.array([(b[i] - sum(a[i, j] * x[j] for j in range(len(b)) if j != i)) / a[i, i] for i in range(len(b))])
    return x


@case(A, V, 12)
def gauss_seidel(a, b, steps: int):
    x = np.zeros_like(b)
    for _ in range(steps):
        for i in range(len(b)):
            s = b[i]
            for j in range(len(b)):
                if i == j:
                    continue
                s -= a[i, j] * x[j]
            x[i] = s / a[i, i]
    return x


@case(A, V)
def conjugate_gradients(a, b):
    x = np.zeros(len(b))
    r = b - a @ x
    p = r
    rr = r @ r
    for _ in range(len(b)):
        ap = a @ p
        alpha = rr / (p @ ap)
        x = x + alpha * p
        r = r - alpha * ap
        new = r @ r
        p = r + new / rr * p
        rr = new
    return x


@case(A, 40)
def power_iteration(a, steps: int):
    v = np.ones(len(a))
    for _ in range(steps):
        w = a @ v
        v = w / math.sqrt(w @ w)
    return v @ (a @ v)


@case(A, V)
def rayleigh_quotient(a, v):
    return v @ a @ v / (v @ v)


@case(np.array([2.0, 3.0, 4.0]), np.array([0.5, 0.5]), np.array([1.0, -1.0]), V)
def thomas(diagonal, lower, upper, rhs):
    n = len(rhs)
    c, d = np.zeros(n), np.zeros(n)
    c[0] = upper[0] / diagonal[0]
    d[0] = rhs[0] / diagonal[0]
    for i in range(1, n):
        den = diagonal[i] - lower[i - 1] * c[i - 1]
        if i < n - 1:
            c[i] = upper[i] / den
        d[i] = (rhs[i] - lower[i - 1] * d[i - 1]) / den
    for i in reversed(range(n - 1)):
        d[i] -= c[i] * d[i + 1]
    return d


@case(np.array([1.0, 2.0, 2.9]), np.array([0.0, 1.0, 2.0]))
def straight_line(y, x):
    n = len(x)
    mx, my = sum(x) / n, sum(y) / n
    slope = sum((a - mx) * (b - my) for a, b in zip(x, y)) / sum((a - mx) ** 2 for a in x)
    return slope, my - slope * mx


@case(B, V)
def normal_equations(x, y):
    g = x.T @ x
    r = x.T @ y
    det = g[0, 0] * g[1, 1] - g[0, 1] * g[1, 0]
    return np.array([(g[1, 1] * r[0] - g[0, 1] * r[1]) / det, (g[0, 0] * r[1] - g[1, 0] * r[0]) / det])


@case(0.4)
def rotation(angle):
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[c, -s], [s, c]])


@case(np.array([0.1, -0.4, 0.7]), V)
def rodrigues(r, x):
    theta = math.sqrt(r @ r)
    k = r / theta
    cross = np.array([k[1] * x[2] - k[2] * x[1], k[2] * x[0] - k[0] * x[2], k[0] * x[1] - k[1] * x[0]])
    return x * math.cos(theta) + cross * math.sin(theta) + k * (k @ x) * (1 - math.cos(theta))


@case(V, np.array([0.3, 0.1, -0.2]))
def householder(v, x):
    return x - 2 * (v @ x) / (v @ v) * v


@case(A)
def trace_and_square(a):
    return sum(a[i, i] for i in range(len(a))), sum(a[i, j] ** 2 for i in range(len(a)) for j in range(len(a)))


@case(A)
def frobenius(a):
    return np.linalg.norm(a)


@case(A, 6)
def matrix_exponential_series(a, terms: int):
    total, power = np.eye(len(a)), np.eye(len(a))
    for k in range(1, terms):
        power = power @ a / k
        total = total + power
    return total


@case(A, 12)
def inverse_by_newton_schulz(a, steps: int):
    x = a.T / np.trace(a @ a.T)
    for _ in range(steps):
        x = x @ (2 * np.eye(len(a)) - a @ x)
    return x


@case(V)
def vandermonde(x):
    return np.array([[xi**k for k in range(3)] for xi in x])


@case(V, V + 1.0)
def outer_and_sum(u, v):
    return np.sum(np.outer(u, v), axis=0)


@case(A)
def rows_and_columns(a):
    return a[0], a[:, 1], a[1:, :2], a[-1, -1]


@case(V)
def toeplitz(c):
    n = len(c)
    return np.array([[c[abs(i - j)] for j in range(n)] for i in range(n)])


@case(V, np.array([1.0, 0.5]))
def convolution(a, b):
    out = np.zeros(len(a) + len(b) - 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            out[i + j] += x * y
    return out


@case(np.array([1.0, 2.0, 0.5, -1.0]))
def discrete_cosine(x):
    n = len(x)
    return np.array([sum(x[i] * math.cos(math.pi * (i + 0.5) * k / n) for i in range(n)) for k in range(n)])


@case(np.array([1.0, 2.0, 0.5, -1.0]))
def power_spectrum(x):
    n = len(x)
    re = [sum(v * math.cos(2 * math.pi * k * i / n) for i, v in enumerate(x)) for k in range(n)]
    im = [sum(v * math.sin(2 * math.pi * k * i / n) for i, v in enumerate(x)) for k in range(n)]
    return np.array([a * a + b * b for a, b in zip(re, im)])
