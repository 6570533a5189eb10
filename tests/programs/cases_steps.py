"""References of lang/steps: what Python's own loops do."""

from __future__ import annotations

from typing import Any

from .cases import case, normal

ARGS = lambda r: [0.5 + normal(r, 9), 0.7]


def weighted(found: list[Any]) -> Any:
    return sum(k * x for k, x in enumerate(found))


def below(n: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(n) for j in range(i)]


@case("lang/steps", "growth", ARGS, grad="v c")
def growth(np: Any, v: Any, c: Any) -> Any:
    s, seen = c, []
    for x in v:
        if not x > 0:
            continue
        if not s < 4:
            break
        seen.append(s * x)
        s = s + x * s
    return s, weighted(seen), len(seen)


@case("lang/steps", "pairs", ARGS, grad="v c")
def pairs(np: Any, v: Any, c: Any) -> Any:
    s, seen, at = c, [], 0
    for i, j in below(len(v)):
        if i == j + 2:
            continue
        if not abs(s) < 5:
            break
        seen.append(v[j] * s)
        at = 3 * at + 2 * i + j
        s = s + v[i] * v[j] * s
    return s, np.max(np.stack(seen)), at


@case("lang/steps", "swept", lambda r: [0.5 + normal(r, 6)], grad="v")
def swept(np: Any, v: Any) -> Any:
    w, total = list(v), 0.0
    for i, j in below(len(v)):
        if not sum(w) < 6:
            break
        total = total + w[i] * w[j]
        w[i] = w[i] + 0.5 * w[j] * w[j]
    return np.stack(w) + total


@case("lang/steps", "backwards", ARGS, grad="v c")
def backwards(np: Any, v: Any, c: Any) -> Any:
    s, seen, states = c, [], []
    for x in v[::-1]:
        if not x > 0:
            continue
        if not s < 50:
            break
        seen.append(x * s)
        states.append(s)
        s = s * 2 + x
    return s, weighted(seen[::-1]), int(np.argmax(np.stack(states[::-1])))


@case("lang/steps", "nested", ARGS, grad="v c")
def nested(np: Any, v: Any, c: Any) -> Any:
    kept = [(v[i], v[j]) for i in range(len(v))[::-1] for j in range(i) if v[i] > v[j]]
    s = c
    for x, _ in kept:
        s = 0.5 * s * x + x
    return s, np.max(np.stack([x - y for x, y in kept]))


@case("lang/steps", "flattened", lambda r: [normal(r, 4, 4)])
def flattened(np: Any, a: Any) -> Any:
    return np.argmax(a), np.argmin(a), np.argmax(np.array([a[i, j] for i in range(4) for j in range(i)]))
