"""References of the programs in dp/."""

from __future__ import annotations

import itertools
from typing import Any

import numpy

from .cases import case, normal, uniform


def table(a: Any, b: Any) -> Any:
    t = numpy.zeros((len(a) + 1, len(b) + 1), dtype=int)
    t[:, 0], t[0] = range(len(a) + 1), range(len(b) + 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            t[i + 1, j + 1] = min(t[i, j + 1] + 1, t[i + 1, j] + 1, t[i, j] + (x != y))
    return t


@case("dp/edit_distance", "distance", lambda r: [r.integers(0, 4, 9), r.integers(0, 4, 7)])
def edit(np: Any, a: Any, b: Any) -> Any:
    return table(a, b)[-1, -1]


@case("dp/soft_dtw", "soft_dtw", lambda r: [normal(r, 4), normal(r, 5), 0.7], grad="x y g")
def soft_dtw(np: Any, x: Any, y: Any, g: Any) -> Any:
    r: dict[tuple[int, int], Any] = {(i, j): 1e6 for i in range(len(x) + 1) for j in range(len(y) + 1)}
    r[0, 0] = 0.0
    for i in range(len(x)):
        for j in range(len(y)):
            three = np.stack([r[i, j], r[i, j + 1], r[i + 1, j]])
            r[i + 1, j + 1] = (x[i] - y[j]) ** 2 - g * np.special.logsumexp(-three / g)
    return r[len(x), len(y)]


@case("dp/knapsack", "best", lambda r: [[2, 3, 4, 5], [3.0, 4.5, 5.0, 7.0], 9], grad="value")
def knapsack(np: Any, weight: Any, value: Any, capacity: int) -> Any:
    best = []
    for c in range(capacity + 1):
        options = [s for k in range(5) for s in itertools.combinations(range(4), k) if sum(weight[i] for i in s) <= c]
        best.append(np.max(np.stack([sum((value[i] for i in s), 0.0 * value[0]) for s in options])))
    return np.stack(best)


@case("dp/matrix_chain", "cost", lambda r: [[10, 30, 5, 60, 7]])
def chain(np: Any, p: Any) -> Any:
    def go(i: int, j: int) -> int:
        if i == j:
            return 0
        return min(go(i, s) + go(s + 1, j) + p[i] * p[s + 1] * p[j + 1] for s in range(i, j))

    return go(0, len(p) - 2)


@case("dp/longest_common", "length", lambda r: [r.integers(0, 3, 9), r.integers(0, 3, 8)])
def common(np: Any, a: Any, b: Any) -> Any:
    t = numpy.zeros((len(a) + 1, len(b) + 1), dtype=int)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            t[i + 1, j + 1] = t[i, j] + 1 if x == y else max(t[i, j + 1], t[i + 1, j])
    return t[-1, -1]


@case("dp/shortest_paths", "paths", lambda r: [uniform(r, 5, 5)], grad="d")
def paths(np: Any, d: Any) -> Any:
    for k in range(len(d)):
        d = np.minimum(d, d[:, k, None] + d[None, k])
    return d


@case("dp/viterbi_path", "path", lambda r: [normal(r, 5, 3), normal(r, 3, 3)])
def viterbi_path(np: Any, score: Any, move: Any) -> Any:
    def total(p: Any) -> Any:
        return sum(score[k, s] for k, s in enumerate(p)) + sum(move[a, b] for a, b in itertools.pairwise(p))

    return numpy.array(max(itertools.product(range(3), repeat=5), key=total))


CHAIN = lambda r: [normal(r, 4, 3), normal(r, 3, 3)]


@case("dp/partition_function", "logz", CHAIN, grad="node edge")
def logz(np: Any, node: Any, edge: Any) -> Any:
    a = node[0]
    for k in range(1, len(node)):
        a = np.special.logsumexp(a[:, None] + edge, axis=0) + node[k]
    return np.special.logsumexp(a)


@case("dp/partition_function", "marginals", CHAIN, derivatives=True)
def marginals(np: Any, node: Any, edge: Any) -> Any:
    t, s = node.shape
    weight = numpy.zeros((t, s))
    for p in itertools.product(range(s), repeat=t):
        w = numpy.exp(sum(node[k, i] for k, i in enumerate(p)) + sum(
            edge[a, b] for a, b in itertools.pairwise(p)))
        for k, i in enumerate(p):
            weight[k, i] += w
    return weight / weight[0].sum()


@case("dp/coins", "ways", lambda r: [[1, 2, 5], 11])
def ways(np: Any, coins: Any, total: int) -> Any:
    return sum(a + 2 * b + 5 * c == total for a in range(12) for b in range(6) for c in range(3))


@case("dp/max_subarray", "largest", lambda r: [normal(r, 9)], grad="v")
def largest(np: Any, v: Any) -> Any:
    return np.max(np.stack([np.sum(v[i:j]) for i in range(len(v)) for j in range(i + 1, len(v) + 1)]))
