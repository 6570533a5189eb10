"""Loops that choose by their index: split where the choice is, whatever the bounds turn out to be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from derivant.compiler.build import Builder
from derivant.compiler.ir import ONE, Atom, Var, integer
from derivant.compiler.loops import Branch, For, walk
from derivant.compiler.lower import lower

from .agree import agree
from .programs import I64, c, function, size, vector

n, m = size("n"), size("m")
x, y = vector("x", n), vector("y", m)
k, l_ = Var("k", I64), Var("l", I64)
xs, ys = np.array([3.0, 1.0, 2.0, -1.0]), np.array([-1.0, 0.5, 4.0])


def count(fn: Any, kind: type) -> int:
    return sum(isinstance(s, kind) for s in walk(lower(fn).body))


def choose(b: Builder, i: Atom, cut: Atom, then: Any, orelse: Any) -> Atom:
    return b.cond(b.prim("lt", i, cut), lambda: [then()], lambda: [orelse()])[0]


BOUNDS = [(0, 0), (1, 3), (3, 1), (-2, 2), (4, 4), (9, 2), (2, 9), (-5, -1), (9, 9)]


def test_two_vectors_one_after_the_other() -> None:
    def body(b: Builder) -> list[Atom]:
        return [b.build(b.prim("add", n, m), lambda i: choose(
            b, i, n, lambda: b.index(x, i, safe=True), lambda: b.index(y, b.prim("sub", i, n), safe=True)))]

    fn = function([x, y], body)
    agree(fn, [xs, ys], [xs[:0], ys], [xs, ys[:0]], [xs[:0], ys[:0]])
    assert count(fn, Branch) == 0 and count(fn, For) == 2


@pytest.mark.parametrize("bounds", BOUNDS)
def test_bounds_out_of_order(bounds: tuple[int, int]) -> None:
    def body(b: Builder) -> list[Atom]:
        def cell(i: Var) -> Atom:
            return choose(b, i, k, lambda: b.index(x, i),
                          lambda: choose(b, i, l_, lambda: c(2.0), lambda: b.prim("neg", b.index(x, i))))

        return [b.build(n, cell)]

    fn = function([x, k, l_], body)
    agree(fn, [xs, *bounds], [xs[:1], *bounds], [xs[:0], *bounds])
    assert count(fn, Branch) == 0 and count(fn, For) == 3


@pytest.mark.parametrize("cut", [-1, 0, 2, 4, 7])
def test_errors_come_in_order(cut: int) -> None:
    """An index out of bounds on either side, and a check that both need."""
    def body(b: Builder) -> list[Atom]:
        def cell(i: Var) -> Atom:
            b.assert_(b.prim("ne", i, l_), "DV0507", "at {0}", i)
            return choose(b, i, k, lambda: b.index(y, i), lambda: b.index(x, b.prim("add", i, ONE)))

        return [b.build(n, cell)]

    fn = function([x, y, k, l_], body)
    agree(fn, *([xs, ys[:j], cut, bad] for j in range(4) for bad in (-1, 1, 3)))


def test_reductions_keep_their_order() -> None:
    def body(b: Builder) -> list[Atom]:
        def cell(i: Var, _: Any) -> Any:
            v = choose(b, i, k, lambda: b.index(x, i), lambda: c(1e16))
            return (), [(mode, v) for mode in ("sum", "max", "argmax", "build")]

        return list(b.loop(n, cell))

    agree(function([x, k], body), *([xs, cut] for cut in range(-1, 6)))


def test_rows() -> None:
    def body(b: Builder) -> list[Atom]:
        def row(i: Var) -> Atom:
            return choose(b, i, k, lambda: x, lambda: b.build(n, lambda j: b.prim("mul", b.index(x, j), c(2.0))))

        return [b.build(integer(3), row)]

    agree(function([x, k], body), *([xs, cut] for cut in range(-1, 5)))


def test_a_result_that_the_body_reads_stays_a_branch() -> None:
    def body(b: Builder) -> list[Atom]:
        def cell(i: Var) -> Atom:
            v = choose(b, i, k, lambda: b.index(x, i), lambda: c(1.0))
            return b.prim("mul", v, v)

        return [b.build(n, cell)]

    fn = function([x, k], body)
    agree(fn, [xs, 2])
    assert count(fn, Branch) == 1
