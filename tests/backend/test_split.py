"""Loops that choose by their index: split where the choice is, whatever the bounds turn out to be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from derivant.compiler.build import Builder
from derivant.compiler.ir import ONE, Atom, Var, integer
from derivant.compiler.loops import Alloc, Branch, CopyIn, For, walk
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


# ---------------------------------------------------------------- arrays that are built in their copy


def doubled(b: Builder, v: Var, extent: Atom) -> Atom:
    return b.build(extent, lambda i: b.prim("mul", b.index(v, i, safe=True), c(2.0)))


def joined(b: Builder, p: Atom, q: Atom, r: Atom, s: Atom) -> Atom:
    """Two vectors of these sizes, one after the other."""
    return b.build(b.prim("add", r, s), lambda i: choose(
        b, i, r, lambda: b.index(p, i, safe=True), lambda: b.index(q, b.prim("sub", i, r), safe=True)))


def test_parts_are_built_in_the_whole() -> None:
    fn = function([x, y], lambda b: [joined(b, doubled(b, x, n), doubled(b, y, m), n, m)])
    agree(fn, [xs, ys], [xs[:0], ys], [xs, ys[:0]], [xs[:0], ys[:0]])
    assert count(fn, For) == 2 and count(fn, Alloc) == 0


def test_parts_of_a_temporary() -> None:
    def body(b: Builder) -> list[Atom]:
        v = joined(b, doubled(b, x, n), doubled(b, y, m), n, m)
        return [b.reduce("sum", b.prim("add", n, m), lambda i: b.prim("sin", b.index(v, i, safe=True))),
                b.index(v, integer(1))]

    fn = function([x, y], body)
    agree(fn, [xs, ys], [xs[:1], ys], [xs, ys[:0]], [xs[:0], ys[:0]])
    assert count(fn, Alloc) == 1


def test_a_part_that_is_read_again_is_copied() -> None:
    def body(b: Builder) -> list[Atom]:
        p, q = doubled(b, x, n), doubled(b, y, m)
        return [joined(b, p, q, n, m), b.reduce("sum", n, lambda i: b.index(p, i, safe=True))]

    fn = function([x, y], body)
    agree(fn, [xs, ys], [xs[:0], ys])
    assert count(fn, Alloc) == 1


def test_a_part_twice() -> None:
    def body(b: Builder) -> list[Atom]:
        p = doubled(b, x, n)
        return [joined(b, p, p, n, n)]

    agree(function([x], body), [xs], [xs[:0]])


def test_flattened() -> None:
    def body(b: Builder) -> list[Atom]:
        v = b.builds([n, integer(2), m], lambda i: b.prim(
            "add", b.prim("mul", b.index(x, i[0], safe=True), b.index(y, i[2], safe=True)), b.prim("f64", i[1])))
        total = b.prim("mul", b.prim("mul", n, integer(2)), m)

        def cell(i: Var) -> Atom:
            row = b.prim("floordiv", i, m)
            at = [b.prim("floordiv", row, integer(2)), b.prim("mod", row, integer(2)), b.prim("mod", i, m)]
            return b.index(v, *at, safe=True)

        return [b.build(total, cell)]

    fn = function([x, y], body)
    agree(fn, [xs, ys], [xs[:0], ys], [xs, ys[:1]])


@pytest.mark.parametrize("columns", [5, 3])
def test_flattened_by_a_number(columns: int) -> None:
    """Only by the width of the rows a copy is one of cells in order."""
    width = integer(columns)

    def body(b: Builder) -> list[Atom]:
        v = b.builds([n, integer(5)], lambda i: b.prim("mul", b.index(x, i[0], safe=True), b.prim("f64", i[1])))
        return [b.build(b.prim("mul", n, width), lambda i: b.index(
            v, b.prim("floordiv", i, width), b.prim("mod", i, width), safe=True))]

    fn = function([x], body)
    agree(fn, [xs], [xs[:0]], [xs[:1]])
    assert count(fn, Alloc) == (columns != 5)


def test_rows_one_after_the_other() -> None:
    def body(b: Builder) -> list[Atom]:
        p = b.builds([n, integer(3)], lambda i: b.prim("mul", b.index(x, i[0], safe=True), b.prim("f64", i[1])))
        return [b.build(b.prim("add", n, m), lambda i: choose(
            b, i, n, lambda: b.index(p, i, safe=True), lambda: b.fill([integer(3)], c(7.0))))]

    fn = function([x, y], body)
    agree(fn, [xs, ys], [xs[:0], ys], [xs, ys[:0]])
    assert count(fn, Alloc) == 0 and count(fn, CopyIn) == 0


def test_inside_loops_with_states() -> None:
    """The whole is the next state: it must not be written while the state is read."""
    whole = integer(4)

    def body(b: Builder) -> list[Atom]:
        def step(_: Var, states: tuple[Var, ...]) -> Any:
            (s,) = states
            p = b.build(integer(2), lambda i: b.prim("add", b.index(s, b.prim("sub", integer(3), i)), c(1.0)))
            q = b.build(integer(2), lambda i: b.prim("mul", b.index(s, i), c(3.0)))
            v = b.build(whole, lambda i: choose(
                b, i, integer(2), lambda: b.index(p, i, safe=True),
                lambda: b.index(q, b.prim("sub", i, integer(2)), safe=True)))
            return [v], [("build", b.index(v, ONE)), ("sum", v)]

        return list(b.loop(n, step, inits=[b.fill([whole], c(1.5))]))

    agree(function([x], body), [xs], [xs[:1]], [xs[:0]])


def test_an_update_of_the_whole() -> None:
    def body(b: Builder) -> list[Atom]:
        v = joined(b, doubled(b, x, n), doubled(b, y, m), n, m)
        return [b.update(v, [ONE], c(9.0)), b.index(v, ONE)]

    agree(function([x, y], body), [xs, ys], [xs[:1], ys])


def test_a_branch_that_continues_its_array() -> None:
    """Where one side goes on with the array, the other must not build parts over it too early."""
    def body(b: Builder) -> list[Atom]:
        v = b.build(integer(4), lambda i: b.prim("f64", i))

        def other() -> list[Atom]:
            p = b.build(integer(2), lambda i: b.prim("neg", b.index(v, b.prim("add", i, ONE))))
            q = b.build(integer(2), lambda i: b.index(v, i))
            return [b.build(integer(4), lambda i: choose(
                b, i, integer(2), lambda: b.index(p, i, safe=True),
                lambda: b.index(q, b.prim("sub", i, integer(2)), safe=True)))]

        return list(b.cond(b.prim("lt", k, integer(1)), lambda: [b.update(v, [ONE], c(5.0))], other))

    agree(function([k], body), [0], [1])


# ---------------------------------------------------------------- extremes


ZEROS = [[0.0, -0.0], [-0.0, 0.0], [-1.0, -0.0, 0.0], [1.0, 0.0, -0.0], [0.0, -0.0, 3.0], [-0.0], []]


@pytest.mark.parametrize("mode", ["max", "min"])
def test_extremes_take_the_first_zero_and_nan(mode: str) -> None:
    fn = function([x], lambda b: [b.reduce(mode, n, lambda i: b.index(x, i, safe=True))])
    rng = np.random.default_rng(3)
    calls = [[np.array(v)] for v in ZEROS] + [[rng.normal(size=k)] for k in (1, 7, 8, 9, 33, 100)]
    for k in (0, 1, 40, 99):
        v = rng.normal(size=100)
        v[k] = np.nan
        calls.append([v])
        calls.append([np.where(np.arange(100) == k, -0.0, 0.0)])
        calls.append([np.where(np.arange(100) < k, -0.0, 0.0) - (np.arange(100) % 3 == 1)])
    f = agree(fn, *calls)
    for (v,) in calls:
        want = None
        for e in v:
            better = want is None or (e > want if mode == "max" else e < want) or (np.isnan(e) and not np.isnan(want))
            want = e if better else want
        if want is not None:
            assert np.signbit(f([v])[0]) == np.signbit(want) or np.isnan(want)
