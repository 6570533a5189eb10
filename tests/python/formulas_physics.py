"""Physics, geometry, numbers, and the corners of Python's control flow."""

import math

import derivant as dv
import numpy as np

from .corpus import case

G = 9.81
SPIN = np.array([0.5, -0.5, 1.0])
BOX = (1.0, 2.0, 3.0)


@case(0.6, 20.0)
def projectile_range(angle, speed):
    return speed**2 * math.sin(2 * angle) / G


@case(0.9)
def pendulum_period(amplitude):
    a, b = 1.0, math.cos(amplitude / 2)
    for _ in range(6):
        a, b = 0.5 * (a + b), math.sqrt(a * b)
    return 2 * math.pi / math.sqrt(G) / a


@case(300.0)
def planck(t: float) -> float:
    x = 14387.8 / (10.0 * t)
    return 1.19e8 / 10.0**5 / math.expm1(x)


@case(1.4, 2.0)
def van_der_waals(v, t):
    return 8 * t / (3 * v - 1) - 3 / v**2


@case(1.1)
def lennard_jones(r):
    s = 1 / r**6
    return 4 * (s * s - s)


@case(np.array([[0.0, 0.0, 0.0], [1.1, 0.0, 0.0], [0.3, 1.2, 0.1]]))
def cluster_energy(x: dv.f64["n", 3]):
    e = 0.0
    for i in range(len(x)):
        for j in range(i):
            r2 = sum((x[i, k] - x[j, k]) ** 2 for k in range(3))
            s = 1 / r2**3
            e += 4 * (s * s - s)
    return e


@case(np.array([1.0, 0.0, 0.0, 1.0]), 0.05, 20)
def orbit(s, h, n: int):
    x, y, u, v = s[0], s[1], s[2], s[3]
    for _ in range(n):
        r3 = (x * x + y * y) ** 1.5
        u, v = u - h * x / r3, v - h * y / r3
        x, y = x + h * u, y + h * v
    return x, y


@case(SPIN)
def ising_like(s):
    n = len(s)
    return -sum(s[i] * s[(i + 1) % n] for i in range(n))


@case(2.0, 0.5)
def relativistic_sum(u, v):
    c = 3.0
    return (u + v) / (1 + u * v / c**2)


@case(1.5)
def snell(n):
    theta = 0.4
    return math.asin(math.sin(theta) / n)


@case(0.3, 1.0)
def damped_oscillator(gamma, t):
    w = math.sqrt(1 - gamma * gamma)
    return math.exp(-gamma * t) * (math.cos(w * t) + gamma / w * math.sin(w * t))


@case(np.array([3.0, 4.0, 5.0]))
def triangle_area(s):
    a, b, c = s[0], s[1], s[2]
    p = (a + b + c) / 2
    return math.sqrt(p * (p - a) * (p - b) * (p - c))


@case(np.array([[0.0, 0.0], [2.0, 0.1], [1.5, 1.0], [0.2, 1.3]]))
def shoelace(p):
    n = len(p)
    return 0.5 * sum(p[i, 0] * p[(i + 1) % n, 1] - p[(i + 1) % n, 0] * p[i, 1] for i in range(n))


@case(0.9, 0.1, 0.4, 2.0)
def haversine(a, b, c, d):
    h = math.sin((c - a) / 2) ** 2 + math.cos(a) * math.cos(c) * math.sin((d - b) / 2) ** 2
    return 2 * 6371.0 * math.asin(math.sqrt(h))


@case(0.3, np.array([[0.0, 0.0], [1.0, 2.0], [2.0, -1.0], [3.0, 0.5]]))
def de_casteljau(t, points):
    p = points.copy()
    n = len(p)
    for k in range(1, n):
        for i in range(n - k):
            p[i] = (1 - t) * p[i] + t * p[i + 1]
    return p[0]


@case(np.array([1.0, 0.2, -0.3, 0.1]), np.array([0.9, 0.1, 0.0, -0.2]))
def quaternion_product(p, q):
    a, b, c, d = p[0], p[1], p[2], p[3]
    e, f, g, h = q[0], q[1], q[2], q[3]
    return np.array([a * e - b * f - c * g - d * h, a * f + b * e + c * h - d * g,
                     a * g - b * h + c * e + d * f, a * h + b * g - c * f + d * e])


@case(0.5)
def box_volume(scale):
    v = 1.0
    for side in BOX:
        v *= side * scale
    return v


@case(0.5, 3, 0.25)
def default_arguments(x, power=3, shift: float = 0.25):
    return x**power + shift


@case(84, 36, slope=False)
def euclid(a: int, b: int) -> int:
    while b != 0:
        a, b = b, a % b
    return a


@case(97, slope=False)
@case(91, slope=False)
def is_prime(n: int) -> bool:
    if n < 2:
        return False
    d = 2
    while d * d <= n:
        if n % d == 0:
            return False
        d += 1
    return True


@case(27, slope=False)
def collatz(n: int) -> int:
    steps = 0
    while n != 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
    return steps


@case(60, slope=False)
def sieve(n: int):
    prime = [True] * (n + 1)
    for i in range(2, n + 1):
        if not prime[i]:
            continue
        for j in range(i * i, n + 1, i):
            prime[j] = False
    return sum(1 for i in range(2, n + 1) if prime[i])


@case(13, slope=False)
def fibonacci(n: int) -> int:
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a


@case(3, 13, 17, slope=False)
def modular_power(b: int, e: int, m: int) -> int:
    r = 1
    b = b % m
    while e > 0:
        if e % 2 == 1:
            r = r * b % m
        e //= 2
        b = b * b % m
    return r


@case(10, 4, slope=False)
def pascal(n: int, k: int) -> int:
    row = np.zeros(n + 1, dtype=int)
    row[0] = 1
    for i in range(1, n + 1):
        for j in range(i, 0, -1):
            row[j] += row[j - 1]
    return row[k]


@case(np.array([3, 1, 2]), np.array([4, 3, 5]), 5, slope=False)
def knapsack(weight: dv.i64["n"], value: dv.i64["n"], room: int) -> int:
    best = np.zeros(room + 1, dtype=int)
    for i in range(len(weight)):
        for r in range(room, weight[i] - 1, -1):
            best[r] = max(best[r], best[r - weight[i]] + value[i])
    return best[room]


@case(np.array([1, 2, 3, 2, 1]), np.array([2, 3, 1]), slope=False)
def common_subsequence(a: dv.i64["n"], b: dv.i64["m"]) -> int:
    n, m = len(a), len(b)
    length = np.zeros((n + 1, m + 1), dtype=int)
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            if a[i - 1] == b[j - 1]:
                length[i, j] = length[i - 1, j - 1] + 1
            else:
                length[i, j] = max(length[i - 1, j], length[i, j - 1])
    return length[n, m]


@case(np.array([5.0, 2.0, 9.0, 1.0, 7.0]))
def insertion_sort(x: dv.f64["n"]):
    v = x.copy()
    for i in range(1, len(v)):
        t = v[i]
        j = i - 1
        while j >= 0 and v[j] > t:
            v[j + 1] = v[j]
            j -= 1
        v[j + 1] = t
    return v


@case(np.array([5.0, 2.0, 9.0, 1.0, 7.0]))
def bubble_sort(x: dv.f64["n"]):
    v = x.copy()
    swapped = True
    while swapped:
        swapped = False
        for i in range(len(v) - 1):
            if v[i] > v[i + 1]:
                v[i], v[i + 1] = v[i + 1], v[i]
                swapped = True
    return v


@case(np.array([1.0, 3.0, 4.0, 7.0]), 4.0, slope=False)
@case(np.array([1.0, 3.0, 4.0, 7.0]), 5.0, slope=False)
def binary_search(v, x):
    lo, hi = 0, len(v)
    while lo < hi:
        mid = (lo + hi) // 2
        if v[mid] == x:
            return mid
        if v[mid] < x:
            lo = mid + 1
        else:
            hi = mid
    return -1


@case(np.array([[0.0, 3.0, 8.0], [9.0, 0.0, 2.0], [1.0, 7.0, 0.0]]), slope=False)
def floyd_warshall(w):
    d = w.copy()
    n = len(d)
    for k in range(n):
        for i in range(n):
            for j in range(n):
                d[i, j] = min(d[i, j], d[i, k] + d[k, j])
    return d


@case(np.array([-2.0, 1.0, -3.0, 4.0, -1.0, 2.0, 1.0, -5.0]))
def largest_subarray(x):
    best, here = x[0], x[0]
    for v in x[1:]:
        here = max(v, here + v)
        best = max(best, here)
    return best


@case(-7.3, 2.0)
@case(7.3, -2.0)
def floor_and_remainder(x, y):
    q, r = divmod(x, y)
    return q * 10 + r, x // y, x % y, -x % y


@case(-7, 2, slope=False)
def integer_division(a: int, b: int):
    return a // b, a % b, -a % b, -a // b, a / b, a**2, int(-2.7), round(2.5), round(3.5), abs(a)


@case(2.0)
@case(-1.0)
@case(0.5)
def chained_comparison(x):
    return 1.0 if 0 < x <= 1 else x * x if x > 1 else -x


@case(3.7, slope=False)
def rounding(x):
    return math.floor(x), math.ceil(-x), math.trunc(-x), int(x), round(x)


@case(2.0)
def early_returns(x):
    if x < 0:
        return -x
    elif x < 1:
        y = x * x
    else:
        if x > 10:
            return 100.0
        y = 2 * x
    y += 1
    return y


@case(6.0)
def nested_leaving(x):
    total = 0.0
    for i in range(5):
        for j in range(5):
            if i * j > 5:
                break
            if (i + j) % 2 == 0:
                continue
            total += x * i - j
            if total > 90:
                return total
        total += 0.5
    return -total


@case(np.array([1.0, -2.0, 3.0, 4.0]))
def slices(x):
    return x[1:] - x[:-1], x[::-1], x[::2], x[1:3] * 2, x[-2:]


@case(np.array([1.0, -2.0, 3.0, 4.0]))
def overwriting(x):
    y = np.zeros(len(x))
    y[1:3] = x[:2]
    y[0] = 5.0
    y[-1] += x[0]
    z = y * 2
    z[1:] = 0.0
    return y, z


@case(np.array([1.0, -2.0, 3.0]))
def flat_comprehension(x):
    return [a * b for a in x for b in x if a > 0]


@case(np.array([1.0, -2.0, 3.0]))
def enumerated(x):
    best, at = x[0], 0
    for i, v in enumerate(x):
        if v > best:
            best, at = v, i
    return best + at


@case(1.5)
def last_value_of_the_loop(x):
    t = 0.0
    for i in range(4):
        t = x * i
    return t + i


@case(1.5)
def functions_of_functions(x):
    def twice(f):
        return lambda t: f(f(t))

    def compose(f, g):
        return lambda t: f(g(t))

    return compose(twice(math.sin), lambda t: t * t)(x)


@case(1.5, 3)
def repeated(x, n: int):
    def step(t, scale=0.5):
        return t + scale * math.cos(t)

    for _ in range(n):
        x = step(x)
    return step(x, scale=1.0)


@case(2.0)
def shadowing(sum):
    gamma = sum + 1
    e = 2.0
    return gamma * math.gamma(sum) * math.exp(e) + e


@case(0.5)
def names_of_the_language(fn):
    let, then, do = fn, 2 * fn, 3.0
    true = let + then * do
    return true


@case(0.7)
def global_constants(x):
    return G * x + SPIN @ SPIN * x + BOX[2] + sum(BOX) + len(BOX)


@case(2.0)
def conditional_assignment(x):
    a, b = (x, 1.0) if x > 1 else (1.0, x)
    if a > b:
        a, b = b, a
    sign = 1 if x >= 0 else -1
    return a - b * sign


@case(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
def unpacking(a, b):
    (x, y), z = (a[0], b[1]), a @ b
    p = q = x + y
    p += z
    return p * q


@case(3.0)
def while_with_else_paths(x):
    n = 0
    while x > 1e-3:
        x = x / 2
        if x < 0.1:
            x = x / 10
            n += 2
        else:
            n += 1
    return x * n


@case(8, slope=False)
def truth_values(n: int):
    found = False
    k = 0
    while not found and k < 20:
        k += 1
        found = k * k > n and k % 2 == 0 or k > 15
    return k, found


@case(np.array([2.0, 1.0, 4.0]))
def statistics_by_methods(x):
    return x.sum() + x.mean() * x.max() - x.min() + x.std() + x.dot(x) + x.T @ x


@case(np.array([[2.0, 1.0], [4.0, 0.5]]))
def along_axes(x):
    return np.sum(x, axis=0), np.mean(x, axis=1), np.max(x, axis=0), x.sum(axis=-1), sum(x)


@case(np.array([2.0, -1.0, 4.0]))
def elementwise(x):
    return np.where(x > 0, np.sqrt(np.abs(x)), x**2) + np.maximum(x, 1.0) - np.clip(x, 0.0, 3.0)
