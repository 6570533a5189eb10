"""Native functions from outside: arguments, errors, threads, signals, memory."""

from __future__ import annotations

import gc
import os
import resource
import signal
import threading
import time
from typing import Any

import numpy as np
import pytest
from derivant.compiler.build import Builder
from derivant.compiler.errors import (
    ArithmeticError,
    AssertError,
    BoundsError,
    Error,
    SizeError,
    Source,
    Span,
    TypeError,
    ValueError_,
)
from derivant.compiler.ir import ZERO, Array, Atom, Prov, Var, integer
from derivant.runtime.native import compile_native

from .agree import agree
from .programs import F64, I64, c, function, matrix, size, vector

n, m = size("n"), size("m")
x, y = vector("x", n), vector("y", n)
a = matrix("a", n, m)
s, q = Var("s", F64), Var("q", I64)
xs = np.array([3.0, 1.0, 2.0])


def raises(f: Any, args: list[Any]) -> Error:
    with pytest.raises(Error) as caught:
        f(args)
    return caught.value


# ---------------------------------------------------------------- arguments


def test_arguments_of_any_layout() -> None:
    f = compile_native(function([a], lambda b: [b.build(m, lambda j: b.reduce("sum", n, lambda i: b.index(a, i, j)))]))
    base = np.arange(24.0).reshape(4, 6)
    raw = np.zeros(4 * 3 * 8 + 1, np.uint8)
    odd = np.frombuffer(raw.data, np.float64, 12, 1).reshape(4, 3)
    fixed = base.copy()
    fixed.flags.writeable = False
    for v in (base, base.T, base[::2, ::-1], base.astype(">f8"), base.astype(np.int32), fixed, base.tolist(),
              np.zeros((0, 3)), np.zeros((3, 0)), np.asfortranarray(base), odd, np.broadcast_to(base[0], (5, 6))):
        np.testing.assert_array_equal(f([v])[0], np.asarray(v, float).sum(axis=0))


def test_wrong_arguments() -> None:
    f = compile_native(function([x, s], lambda b: [s]))
    for args, code in (([xs], "DV0606"), ([xs, 1.0, 2.0], "DV0606"), ([3.0, 1.0], "DV0607"), ([xs, xs], "DV0607")):
        e = raises(f, args)
        assert isinstance(e, TypeError)
        assert e.code == code


# ---------------------------------------------------------------- errors


def test_sizes_that_disagree() -> None:
    fn = function([x, y], lambda b: [b.index(x, ZERO)])
    e = raises(agree(fn, [xs, xs], [xs, xs[:2]]), [xs, xs[:2]])
    assert isinstance(e, SizeError)
    assert e.code == "DV0502"
    assert "size 2" in e.message
    assert "n is 3" in e.message


def test_size_that_is_a_parameter_or_a_number() -> None:
    v, w = Var("v", Array("f64", (q,))), Var("w", Array("f64", (integer(2), n)))
    agree(function([v, w, q], lambda b: [b.index(v, ZERO)]), [xs, np.zeros((2, 1)), 3], [xs, np.zeros((2, 1)), 4],
          [xs, np.zeros((3, 1)), 3])


def test_error_classes() -> None:
    def body(b: Builder) -> list[Atom]:
        return [b.index(x, q), b.prim("f64", b.prim("floordiv", integer(7), q)),
                b.prim("f64", b.prim("i64", s)), b.index(b.fill([b.prim("add", q, integer(1))], s), ZERO),
                b.prim("f64", b.prim("ipow", integer(2), q))]

    f = agree(function([x, q, s], body), [xs, 1, 2.0], [xs, 5, 2.0], [xs, -1, 2.0], [xs, 0, 2.0], [xs, 1, np.nan],
              [xs, 1, 1e300])
    for args, cls, code in (([xs, 5, 2.0], BoundsError, "DV0501"), ([xs, 0, 2.0], ArithmeticError, "DV0504"),
                            ([xs, 1, 1e300], ValueError_, "DV0506")):
        e = raises(f, args)
        assert type(e) is cls
        assert e.code == code


def test_negative_sizes_and_exponents() -> None:
    agree(function([q], lambda b: [b.fill([q], c(1.0))]), [3], [0], [-1])
    agree(function([q], lambda b: [b.build(q, lambda i: b.prim("f64", i))]), [3], [0], [-1])
    agree(function([q], lambda b: [b.reduce("sum", q, lambda i: b.prim("f64", i))]), [3], [0], [-1])
    agree(function([q], lambda b: [b.delta([integer(2), q], [ZERO], b.fill([q], c(1.0)))]), [3], [-1])
    agree(function([q], lambda b: [b.prim("ipow", integer(3), q)]), [4], [-4])


def test_assert_with_span_and_values() -> None:
    source = Source("demo.dv", "def f(s: f64) -> f64 = assert s > 0\n")
    span = Span(source, 1, 24, 1, 36)

    def body(b: Builder) -> list[Atom]:
        with b.at(Prov((span,))):
            b.assert_(b.prim("gt", s, c(0.0)), "DV0507", "s is {0}, q is {1}", s, q)
        return [s]

    e = raises(agree(function([s, q], body), [1.0, 2], [-1.5, 2]), [-1.5, 2])
    assert isinstance(e, AssertError)
    assert e.message == "s is -1.5, q is 2"
    assert e.span is not None
    assert (e.span.line, e.span.col, e.span.source) == (1, 24, source)


def test_first_error_in_order_wins() -> None:
    def body(b: Builder) -> list[Atom]:
        b.assert_(b.prim("gt", q, ZERO), "DV0507", "first")
        return [b.fill([q], b.index(x, q))]

    agree(function([x, q], body), [xs, 1], [xs, -1], [xs, 7])


def test_memory_that_is_not_there() -> None:
    f = compile_native(function([q], lambda b: [b.fill([q, q], c(1.0))]))
    assert raises(f, [1 << 40]).code == "DV0509"
    assert raises(f, [1 << 62]).code == "DV0509"

    def inside(b: Builder) -> list[Atom]:
        t = b.fill([q, q, q], c(1.0))
        return [b.index(t, ZERO, ZERO, ZERO)]

    g = compile_native(function([q], inside))
    for size_ in (1 << 21, 1 << 40, (1 << 62) + 1):
        assert raises(g, [size_]).code == "DV0509"
    assert g([2]) == [1.0]


def test_no_memory_for_a_branch_that_is_not_taken() -> None:
    def body(b: Builder) -> list[Atom]:
        def big() -> list[Atom]:
            t = b.fill([q, q], c(1.0))
            return [b.reduce("sum", q, lambda i: b.index(t, i, i))]

        return list(b.cond(b.prim("lt", q, integer(1000)), big, lambda: [c(-1.0)]))

    f = compile_native(function([q], body))
    assert f([3]) == [3.0]
    assert f([1 << 40]) == [-1.0]


# ---------------------------------------------------------------- memory


def rss() -> int:
    """Resident bytes."""
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * resource.getpagesize()


def churn(b: Builder) -> list[Atom]:
    """Temporaries, ragged ones, grown ones, owned results; an error at the end if q < 0."""
    def one(i: Var) -> Atom:
        t = b.build(b.prim("mul", i, integer(50)), lambda j: b.prim("f64", j))
        _, path, trip = b.loop(None, lambda j, st: ([b.prim("add", st[0], c(1.0))], [("build", st[0])]),
                               inits=[c(0.0)], head=lambda j, st: b.prim("lt", st[0], c(20.0)))
        return b.prim("add", b.reduce("sum", b.prim("mul", i, integer(50)), lambda j: b.index(t, j)),
                      b.reduce("sum", trip, lambda j: b.index(path, j)))

    def step(i: Var, st: Any) -> Any:
        more = b.prim("add", st[0], integer(100))
        return [more, b.build(more, lambda j: b.index(st[1], ZERO))], []

    count, grown = b.loop(integer(10), step, inits=[integer(1), b.fill([integer(1)], c(2.0))])
    total = b.build(n, one)
    b.assert_(b.prim("ge", q, ZERO), "DV0507", "no")
    return [total, grown, count]


def test_no_leaks() -> None:
    f = compile_native(function([x, q], churn))
    v = np.zeros(20)

    def run(times: int) -> None:
        for k in range(times):
            if k % 3 == 0:
                raises(f, [v, -1])
            else:
                f([v, 1])

    run(500)
    gc.collect()
    before = rss()
    run(10_000)
    gc.collect()
    assert rss() - before < 3 << 20


def test_owned_results_live_as_long_as_they_are_used() -> None:
    count = function([q], lambda b: [b.build(b.reduce("sum", q, lambda i: i), lambda i: b.prim("f64", i))])
    f = compile_native(count)
    kept = [f([800])[0] for _ in range(20)]
    part = f([800])[0][5:10]
    gc.collect()
    for r in kept:
        np.testing.assert_array_equal(r, np.arange(800 * 799 // 2))
    np.testing.assert_array_equal(part, np.arange(5.0, 10.0))
    before = rss()
    del kept, part, r
    gc.collect()
    assert rss() < before - (20 << 20)


# ---------------------------------------------------------------- threads and signals


def test_threads() -> None:
    f = compile_native(function([x, q], churn))
    want = f([np.zeros(20), 1])[0]
    wrong: list[Any] = []

    def work(k: int) -> None:
        for j in range(200):
            if j % 5 == k % 5:
                try:
                    f([np.zeros(20), -1])
                except AssertError:
                    continue
                wrong.append("no error")
            elif not np.array_equal(f([np.zeros(20), 1])[0], want):
                wrong.append("other values")

    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert wrong == []


def long_loop() -> Any:
    def body(b: Builder) -> list[Atom]:
        return [b.reduce("sum", q, lambda i: b.reduce("sum", q, lambda j: b.prim("sin", b.prim("f64", j))))]

    return compile_native(function([q], body))


def test_interrupt() -> None:
    f = long_loop()
    timer = threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        f([1_000_000])
    assert time.monotonic() - start < 5
    assert f([1])[0] == 0.0


def test_exception_of_a_handler() -> None:
    class Alarm(Exception):
        pass

    def handler(*_: Any) -> None:
        raise Alarm

    f = long_loop()
    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(Alarm):
            f([1_000_000])
    finally:
        signal.signal(signal.SIGALRM, before)


def test_gil_is_released() -> None:
    f = long_loop()
    done = threading.Event()
    t = threading.Thread(target=lambda: (f([10_000]), done.set()))
    t.start()
    ticks = 0
    while not done.is_set():
        ticks += 1
    t.join()
    assert ticks > 1000


def test_exception_while_showing() -> None:
    class Stop(Exception):
        pass

    def write(line: str) -> None:
        raise Stop(line)

    fn = function([s], lambda b: (b.show("s {0}", s), [s])[1])
    with pytest.raises(Stop, match="s 2.0"):
        compile_native(fn, write=write)([2.0])


def test_names_of_functions() -> None:
    for name in ("f'", "größe", "a.b c", "", "exp"):
        fn = function([s], lambda b: [b.prim("exp", s)])
        object.__setattr__(fn, "name", name)
        assert compile_native(fn)([0.0]) == [1.0]
