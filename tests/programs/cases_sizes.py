"""References of lang/changing_sizes: the loops unrolled, so that JAX meets one array for each step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .cases import case, uniform


def sizes(function: str, *shape: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A reference of one function, differentiated by its only parameter."""
    return case("lang/changing_sizes", function, lambda r: [0.25 + uniform(r, *shape)], grad="x")


def joined(np: Any, *parts: Any) -> Any:
    return np.concatenate([np.reshape(np.asarray(p), (-1,)) for p in parts])


def chosen(np: Any, v: Any, test: Callable[[Any], Any]) -> Any:
    found = [e for e in v if test(e)]
    return np.stack(found) if found else v[:0]


@sizes("growing", 5)
def growing(np: Any, x: Any) -> Any:
    for _ in range(3):
        x = joined(np, x, np.sin(np.sum(x)))
    return np.sum(x * np.cos(x))


@sizes("from_nothing", 4)
def from_nothing(np: Any, x: Any) -> Any:
    v = x[:0]
    for e in x:
        v = joined(np, v, e * (1 + np.sum(v)))
    return v


@sizes("doubling", 3)
def doubling(np: Any, x: Any) -> Any:
    for _ in range(3):
        x = joined(np, np.sin(x), x * x[0])
    return x


@sizes("halving", 9)
def halving(np: Any, x: Any) -> Any:
    while len(x) > 1:
        h = len(x) // 2
        x = x[0:2 * h:2] * np.sin(x[1:2 * h:2])
    return x[0]


@sizes("pruned", 6)
def pruned(np: Any, x: Any) -> Any:
    v = x
    for _ in range(3):
        v = chosen(np, np.sin(v) * 1.3 * x[0] ** 0.1, lambda e: e > 0.35)
    return np.sum(np.exp(v))


@sizes("rounds", 7)
def rounds(np: Any, x: Any) -> Any:
    s = 1.0
    while len(x) > 1:
        m = np.mean(x)
        x, s = chosen(np, x[1:], lambda e, m=m: e < 1.5 * m) * m, s * m + x[0]
    return s


@sizes("ranks", 3, 2)
def ranks(np: Any, x: Any) -> Any:
    k, s = 0, 0.5
    for _ in range(3):
        total = np.sum(x)
        x, k, s = np.concatenate([x, x[k % len(x)][None] * total]), k + len(x), s * np.cos(total)
    return np.sum(np.sin(x)) + s


@sizes("bordered", 5)
def bordered(np: Any, x: Any) -> Any:
    v = [[x[0]]]
    for i in range(3):
        v = [[(v[a - 1][b - 1] if a > 0 and b > 0 else x[i]) * np.sin(v[0][0] + x[(a + b) % 5])
              for b in range(i + 2)] for a in range(i + 2)]
    return np.stack([np.stack(row) for row in v])


@sizes("several", 5)
def several(np: Any, x: Any) -> Any:
    u, v, w, c = x, x[:1], [0], 1.0
    for i in range(4):
        m = np.sum(u) * np.sum(v) / len(u)
        u, v, c = joined(np, u, m * x[w[i]]), chosen(np, u, lambda e: e < 0.9) * v[0], c * np.sin(m)
        w.append((w[i] + 2 * i + 1) % 5)
    return np.sum(u) * c + np.sum(v)


@sizes("collected", 5)
def collected(np: Any, x: Any) -> Any:
    a, b = [], 0.0
    for i in range(4):
        s = np.sum(x)
        a.append(s * s)
        b = b + x[i] * x[0]
        x = joined(np, x, np.sin(s))
    return np.sum(x), np.sum(np.cos(np.stack(a))), b


@sizes("side_by_side", 4)
def side_by_side(np: Any, x: Any) -> Any:
    total = 0.0
    for j in range(4):
        v = x[j:j + 1]
        for i in range(j):
            v = joined(np, v, np.sin(np.sum(v) * x[i]))
        total = total + np.sum(v)
    return total


@sizes("in_turn", 4)
def in_turn(np: Any, x: Any) -> Any:
    s = 1.0
    for j in range(4):
        v = joined(np, x[j], s)
        for _ in range(j):
            v = joined(np, v, np.sin(np.sum(v) * s))
        s = s * v[-1] + np.sum(v) / 3
    return s


@sizes("inside_each_other", 4)
def inside_each_other(np: Any, x: Any) -> Any:
    v = x[:1]
    for j in range(3):
        v = v * x[j]
        for i in range(j + 1):
            v = joined(np, v, np.sin(np.sum(v)), v[i] * x[i])
    return v


@sizes("branches", 4)
def branches(np: Any, x: Any) -> Any:
    v = x
    for i in range(4):
        v = joined(np, v, v[i] * v[0]) if i % 2 == 0 else np.sin(v[1:]) * v[0]
    total = np.sum(v)
    for j in range(4):
        w = x
        for _ in range(j):
            w = joined(np, w, np.sin(np.sum(w)))
        total = total + (x[j] if j % 2 == 0 else np.sum(w))
    return total


@sizes("downward", 4)
def downward(np: Any, x: Any) -> Any:
    v, w, s = x, x, 1.0
    for i in reversed(range(4)):
        v = joined(np, v[:i + 1], np.sin(v[i] * v[0]))
        w = joined(np, w, w[i] * w[-1]) if len(w) < 7 else w
        s = s * np.sin(x[i] * s) if i > 1 else s
    return np.sum(v) + np.sum(w) * s


@sizes("cells", 4)
def cells(np: Any, x: Any) -> Any:
    for _ in range(3):
        w = [x[0]]
        for e in x[1:]:
            w.append(w[-1] * np.sin(e))
        x = np.stack([*w, w[-1] * w[0]])
    return x


@sizes("vanishing", 4)
def vanishing(np: Any, x: Any) -> Any:
    s = 1.0
    for _ in range(6):
        t = s * (0.5 + np.sin(np.sum(x)))
        x, s = x[1:] * t, s + t
    return s


@sizes("steepest", 4)
def steepest(np: Any, x: Any) -> Any:
    for _ in range(2):
        x = joined(np, x, (1 + np.sum(x * np.cos(x[0] * x))) / 4)
    return np.sum(x**2)


@sizes("chained", 5)
def chained(np: Any, x: Any) -> Any:
    v = x[:1]
    for e in x[1:]:
        v = joined(np, v, np.sin(e * np.sum(v)))
    return np.sum(v ** 3)


@sizes("joined", 4)
def joined_pairs(np: Any, x: Any) -> Any:
    v = joined(np, x[0], x[0] ** 2)
    for e in x[1:]:
        v = joined(np, v, e * v[0], e * e * v[0])
    return np.sum(np.cos(v))


@sizes("paired", 4)
def paired(np: Any, x: Any) -> Any:
    a, b = x, np.sin(x)
    for k in (1, 2):
        a, b = joined(np, a * b, x[k]), joined(np, b, a[0])
    return np.sum(a * b)
