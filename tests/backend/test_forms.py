"""Each form of the core: reference interpreter, loop interpreter and machine code agree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from derivant.compiler.build import Builder
from derivant.compiler.errors import InternalError
from derivant.compiler.ir import ONE, ZERO, Array, Atom, Const, Function, Scalar, Var, integer
from derivant.compiler.lower import lower
from derivant.runtime.native import compile_native

from .agree import agree
from .programs import F64, I64, c, function, matrix, size, vector

n, m = size("n"), size("m")
x, y, k = vector("x", n), vector("y", n), vector("k", n, "i64")
a = matrix("a", n, m)
s, q = Var("s", F64), Var("q", I64)
xs = np.array([3.0, 1.0, 2.0])
mat = np.arange(6.0).reshape(3, 2)
EMPTY = np.zeros(0)


def test_scalars_of_all_kinds() -> None:
    h, i, t = Var("h", Scalar("f32")), Var("i", Scalar("i32")), Var("t", Scalar("bool"))
    fn = function([s, h, q, i, t], lambda b: [t, i, q, h, s, b.prim("f32", s), b.prim("i32", q), b.prim("not", t),
                                             Const(2.5, "f32"), integer(-3)])
    agree(fn, [1.5, 2.5, 7, -7, True], [0.1, 0.1, -1, 3, False])


def test_arrays_of_all_kinds() -> None:
    for kind in ("f64", "f32", "i64", "i32", "bool"):
        v = vector("v", n, kind)
        zero = Const(0, kind)
        fn = function([v], lambda b, v=v, zero=zero: [
            v, b.update(v, [ZERO], b.index(v, ONE)), b.build(n, lambda i: b.index(v, i)), b.fill([n], zero),
            b.argsort(v)])
        agree(fn, [[1, 0, 1, 0, 0]])


def test_results_that_are_parameters_or_equal() -> None:
    fn = function([x, s], lambda b: [x, x, s, s, c(1.0)])
    native = agree(fn, [xs, 2.0])
    r = native([xs, 2.0])
    assert r[0] is not r[1]
    assert not np.shares_memory(r[0], xs)


@pytest.mark.parametrize("down", [False, True])
def test_modes(down: bool) -> None:
    def body(b: Builder) -> Any:
        def step(i: Var, _: Any) -> Any:
            v = b.index(x, i)
            big = b.prim("gt", v, c(2.0))
            return (), [("build", v), ("sum", v), ("prod", v), ("max", v), ("min", v), ("any", big), ("all", big),
                        ("argmax", v), ("argmin", v)]

        return b.loop(n, step, down=down)

    agree(function([x], body), [xs], [EMPTY], [[1.0, 2.0, 2.0, 1.0]], [[1.0, np.nan, 3.0, np.nan]],
          [[-np.inf, -np.inf]], [[np.inf] * 3])


def test_modes_of_integers() -> None:
    def body(b: Builder) -> Any:
        return b.loop(n, lambda i, _: ((), [(mode, b.index(k, i)) for mode in (
            "sum", "prod", "max", "min", "argmax", "argmin")]))

    agree(function([k], body), [[3, -1, 3, -1]], [[]], [[-(2**63), 2**63 - 1, 2**62]])


def test_reductions_of_arrays() -> None:
    def body(b: Builder) -> Any:
        def step(i: Var, _: Any) -> Any:
            row = b.index(a, i)
            small = b.build(m, lambda j: b.prim("lt", b.index(row, j), c(3.0)))
            return (), [(mode, row) for mode in ("sum", "prod", "max", "min")] + [("any", small), ("all", small)]

        return b.loop(n, step)

    agree(function([a], body), [mat], [-mat], [np.zeros((0, 2))], [np.zeros((2, 0))], [[[np.nan, 1.0], [2.0, 0.0]]])


@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize("bounded", [False, True])
def test_while(down: bool, bounded: bool) -> None:
    if down and not bounded:
        return

    def body(b: Builder) -> Any:
        def step(i: Var, st: Any) -> Any:
            t = b.prim("add", st[0], b.prim("f64", b.prim("add", i, ONE)))
            row = b.build(m, lambda j: b.prim("mul", t, b.prim("f64", j)))
            return [t], [("build", t), ("build", row), ("sum", row), ("max", t), ("argmax", b.prim("neg", t))]

        return b.loop(n if bounded else None, step, inits=[c(0.0)], down=down,
                      head=lambda i, st: b.prim("lt", st[0], s))

    fn = function([a, s], body)
    agree(fn, [mat, 5.0], [mat, -1.0], [np.zeros((0, 3)), 2.0], [np.zeros((50, 2)), 300.0])


def test_while_in_a_parallel_loop() -> None:
    def body(b: Builder) -> Any:
        def one(i: Var) -> Atom:
            def step(j: Var, st: Any) -> Any:
                return [b.prim("mul", st[0], c(0.5))], [("build", st[0])]

            _, path, trip = b.loop(None, step, inits=[b.index(x, i)], head=lambda j, st: b.prim("gt", st[0], c(0.1)))
            return b.reduce("sum", trip, lambda j: b.index(path, j))

        return [b.build(n, one)]

    agree(function([x], body), [xs], [[0.0, 1e300, 2.0]])


def test_head_is_not_evaluated_beyond_the_extent() -> None:
    def body(b: Builder) -> Any:
        return b.loop(n, lambda i, st: ([b.prim("add", st[0], b.index(x, i))], []), inits=[c(0.0)],
                      head=lambda i, st: b.prim("lt", b.index(x, i), c(10.0)))

    agree(function([x], body), [xs], [EMPTY], [[1.0, 11.0, 2.0]])


def test_index_rows_and_delta() -> None:
    fn = function([a, q], lambda b: [
        b.index(a, q), b.update(a, [q], b.index(a, ZERO)), b.delta([n, m], [q], b.index(a, ONE)),
        b.delta([n, m], [q, ZERO], c(2.0)), b.index(b.index(a, q), ONE)])
    agree(fn, [mat, 2], [mat, 3], [mat, -1])


def test_three_axes() -> None:
    p = size("p")
    t = Var("t", Array("f64", (n, m, p)))

    def body(b: Builder) -> Any:
        turned = b.builds((p, n, m), lambda i: b.index(t, i[1], i[2], i[0]))
        plane = b.index(turned, ONE)
        return [turned, b.index(plane, ONE), b.update(turned, [ZERO], plane)]

    agree(function([t], body), [np.arange(24.0).reshape(2, 3, 4)])


def test_partial_operations_under_a_guard() -> None:
    def body(b: Builder) -> Any:
        def cell(i: Var) -> Atom:
            return b.cond(b.prim("gt", i, ZERO), lambda: [b.index(x, b.prim("sub", i, ONE))], lambda: [c(0.0)])[0]

        return [b.build(n, cell)]

    agree(function([x], body), [xs], [EMPTY])


def test_ragged_temporaries() -> None:
    def body(b: Builder) -> Any:
        def one(i: Var) -> Atom:
            t = b.build(i, lambda j: b.prim("mul", b.index(x, j), b.index(x, i)))
            order = b.argsort(t)
            return b.reduce("sum", i, lambda j: b.prim("mul", b.index(t, b.index(order, j)), b.prim("f64", j)))

        return [b.build(n, one)]

    agree(function([x], body), [np.arange(200.0) % 7], [EMPTY])


def test_show_in_order() -> None:
    def body(b: Builder) -> Any:
        b.show("n = {0}, s = {1}", n, s)
        b.show("rows {0} and {1}", b.index(a, ZERO), a)
        b.show("flag {0}", b.prim("gt", s, c(0.0)))
        b.reduce("sum", n, lambda i: (b.show("i {0}", i), b.index(a, i, ZERO))[1])
        b.show("nothing")
        return [s]

    agree(function([a, s], body), [mat, 1.5])


def test_result_sizes_known_and_unknown() -> None:
    def body(b: Builder) -> Any:
        twice = b.prim("mul", b.prim("add", n, m), integer(2))
        half = b.prim("floordiv", b.prim("sub", twice, q), integer(3))
        count = b.reduce("sum", n, lambda i: b.prim("i64", b.index(a, i, ZERO)))
        return [b.fill([twice], c(1.0)), b.fill([half, ONE], c(2.0)), b.fill([count], c(3.0)), count]

    fn = function([a, q], body)
    native = agree(fn, [mat, 1], [mat, 10], [np.zeros((0, 4)), 0])
    assert [r.shape is None for r in native.signature.results[:3]] == [False, False, True]


def test_huge_results_that_the_function_owns() -> None:
    def body(b: Builder) -> Any:
        count = b.reduce("sum", n, lambda i: b.prim("i64", b.index(x, i)))
        return [b.build(count, lambda i: b.prim("f64", i))]

    (r,) = compile_native(function([x], body))([[3e5]])
    np.testing.assert_array_equal(r, np.arange(300_000.0))
    r[0] = 1.0


def test_stop_gradient_is_nothing() -> None:
    agree(function([s], lambda b: [b.prim("stop_gradient", s)]), [2.0])


def test_calls_are_resolved_before_lowering() -> None:
    g = Function("g", (s,), Builder().finish([s]))
    with pytest.raises(InternalError, match="before lowering"):
        lower(function([s], lambda b: b.call(g, [s])))
