"""What everyday Python does with parts of arrays and lists: unpacking, shapes, steps, defaults, truth values that count."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import derivant as dv
import numpy as np
import pytest

V = np.array([1.5, -2.0, 3.0])
M = np.array([[1.0, 2.0], [3.0, -4.0], [0.5, 6.0]])


class Pair(NamedTuple):
    a: float
    b: float


def check(f: Callable[..., Any], *args: Any, slope: bool = True) -> None:
    """The same values as Python's, and the gradient of their sum in the first argument as by differences."""
    wanted = f(*args)
    found = dv.jit(f)(*args)
    assert np.shape(found) == np.shape(wanted)
    np.testing.assert_allclose(found, wanted, rtol=1e-13)
    if not slope:
        return
    x, *rest = args

    def total(y: Any) -> float:
        return float(np.sum(f(y, *rest)))

    gradient = np.zeros(np.shape(x))
    for at in np.ndindex(gradient.shape):
        d = np.zeros(gradient.shape)
        d[at] = 1e-6
        gradient[at] = (total(x + d) - total(x - d)) / 2e-6
    jitted = dv.jit(f)
    pulled = dv.vjp(jitted, *args)[1](np.ones(np.shape(wanted)) if np.shape(wanted) else 1.0)
    np.testing.assert_allclose(pulled[0] if isinstance(pulled, tuple) else pulled, gradient, rtol=1e-6, atol=1e-8)


# ---------------------------------------------------------------- unpacking


def two(v):
    a, b, c = v
    return a * b - c


def rows(m):
    x, y, z = m
    return (x @ y) * z[0]


def over_rows(m):
    s = 0.0
    for a, b in m:
        s += a * b * b
    return s


def numbered(m):
    s = 0.0
    for i, (a, b) in enumerate(m):
        s += i * a * b
    return s


def beside(m, v):
    s = 0.0
    for (a, b), w in zip(m, v):
        s += w * a * b
    return s


def local(x):
    a, b = np.array([x, x * x])
    [c] = (a * b,)
    (d,) = (c,)
    return d - b


def of_lists(x):
    a, b = [[x, 2 * x], [3.0, x]]
    return np.array(a + b)


@pytest.mark.parametrize("f, args", [
    (two, (V,)), (rows, (M,)), (over_rows, (M,)), (numbered, (M,)), (beside, (M, V)), (local, (1.5,)), (of_lists, (2.0,)),
    (lambda m: sum(a * b for a, b in m), (M,)), (lambda m: np.array([a - b * b for a, b in m]), (M,)),
])
def test_arrays_are_unpacked(f: Callable[..., Any], args: tuple[Any, ...]) -> None:
    check(f, *args)


def test_the_number_of_elements_is_checked() -> None:
    for f, x in ((two, V[:2]), (over_rows, M.T), (over_rows, np.ones((3, 1)))):
        with pytest.raises(dv.SizeError, match="the pattern takes|takes an array of"):
            dv.jit(f)(x)


@pytest.mark.parametrize("text", ["a[0] = 5.0\n    return m", "m[0, 0] = 5.0\n    return a"])
def test_rows_are_parts_of_the_array(text: str) -> None:
    from .test_refused import run

    f = run(f"def f(m):\n    m = m.copy()\n    a, b, c = m\n    {text}")["f"]
    with pytest.raises(dv.SyntaxError) as e:
        dv.jit(f)
    assert e.value.code == "DV0152"


def pair(p: Pair):
    a, b = p
    return a * p[1] - b * p[-2] * p[0] + sum(t * t for t in p)


def pair_of_a_call(x):
    a, b = Pair(x, 2 * x)
    return a * b


def test_named_tuples() -> None:
    p, h = Pair(1.5, -2.0), 1e-6
    assert dv.jit(pair)(p) == pytest.approx(pair(p), rel=1e-14)
    slope = dv.grad(pair)(p)
    assert slope.a == pytest.approx((pair(Pair(p.a + h, p.b)) - pair(Pair(p.a - h, p.b))) / (2 * h), rel=1e-7)
    assert slope.b == pytest.approx((pair(Pair(p.a, p.b + h)) - pair(Pair(p.a, p.b - h))) / (2 * h), rel=1e-7)
    check(pair_of_a_call, 1.5)
    assert dv.jit(over_rows)([Pair(1.0, 2.0), Pair(3.0, 4.0)]) == over_rows([Pair(1.0, 2.0), Pair(3.0, 4.0)])

    @dv.jit
    def untyped(p):
        a, b = p
        return a - b

    with pytest.raises(dv.TypeError, match="a tuple of 2") as e:
        untyped(p)
    assert "p: Class" in (e.value.help or "")


# ---------------------------------------------------------------- shapes and steps


def stored(v):
    a = v * 1.0
    a[::2] = 0.5
    a[1::2] += a[0] * v[0]
    return a


def stored_arrays(v):
    a = np.zeros(7)
    a[1:6:2] = v * v
    a[::3] = a[1:4] + 1.0
    a[::-1] = a * np.arange(7.0)
    return a


def stored_rows(m):
    a = m.copy()
    a[::2] = m[1:] * 2
    return a


@pytest.mark.parametrize("f, args", [
    (lambda m: m.reshape(-1) * m.shape[-1], (M,)), (lambda m: m.reshape(-1, 3) * m.shape[-2], (M,)), (lambda m: m.reshape(2, -1), (M,)),
    (lambda m: (m * m).reshape((m.shape[1], -1)), (M,)), (lambda m: np.reshape(m, (1, -1, 2)), (M,)), (lambda v: v * v.shape[-1], (V,)),
    (lambda v: np.zeros((len(v),)) + np.ones((3,)) * v.reshape((3,)), (V,)), (stored, (V,)), (stored_arrays, (V,)), (stored_rows, (M,)),
])
def test_shapes_and_steps(f: Callable[..., Any], args: tuple[Any, ...]) -> None:
    check(f, *args)


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(dv.SizeError):
        dv.jit(lambda m: m.reshape(-1, 4))(M)
    with pytest.raises(dv.SyntaxError, match="only one size may be -1"):
        dv.jit(lambda m: m.reshape(-1, -1))
    with pytest.raises(dv.SizeError):
        dv.jit(lambda v: stored_arrays(v))(V[:2])


@pytest.mark.parametrize("f", [
    lambda: np.arange(0.0, 1.0, 0.25), lambda: np.arange(0, 1, 0.1), lambda: np.arange(3.0), lambda: np.arange(1.0, 4.5),
    lambda: np.arange(2.0, 0.0, -0.3), lambda: np.arange(1.0, 0.0, 0.5), lambda: np.arange(0.1, 0.7, 0.1),
])
def test_arange_of_floats(f: Callable[[], Any]) -> None:
    found = dv.jit(f)()
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, f())


def test_only_by_name_or_by_position() -> None:
    def named(x, *, k, m=1.0):
        return x * k + m

    def placed(x, /, k):
        return x * k

    f, g = dv.jit(named), dv.jit(placed)
    for _ in range(3):
        assert f(2.0, k=3.0) == 7.0 and g(2.0, k=3.0) == 6.0
        with pytest.raises(dv.TypeError, match="named takes 1 argument by position, 2 were given") as e:
            f(2.0, 3.0)
        assert "k=…" in (e.value.help or "")
        with pytest.raises(dv.TypeError, match="x of placed goes by position only"):
            g(x=2.0, k=3.0)
    for h in (lambda x: named(x, 3.0), lambda x: placed(x=x, k=3.0)):
        with pytest.raises(dv.Error) as inside:
            dv.jit(h)(2.0)
        assert inside.value.code == "DV0303"


# ---------------------------------------------------------------- truth values


def masks(v):
    m = v > 0
    return np.array([np.sum(m), np.mean(m), m.sum(), m.mean(), sum(m), np.std(m), np.var(m), np.prod(m), np.mean([t > 1 for t in v])])


@pytest.mark.parametrize("f, args", [
    (masks, (V,)), (lambda v: np.cumsum(v > 0), (V,)), (lambda m: np.mean(m > 0, axis=0), (M,)), (lambda m: np.sum(m > 0, axis=1), (M,)),
    (lambda x: sum([x > 0, x > 1, x < 0]), (2.0,)), (lambda v: sum((t > 0 for t in v), 1.5), (V,)), (lambda v: sum(t > 0 for t in v), (V,)),
    (lambda x: (x > 0) * x + x * (x > 5), (2.0,)), (lambda v: (v > 0) * v, (V,)), (lambda v: np.sum(np.isnan(v)), (V,)),
    (lambda x: sum((x > 0, x > 1)), (1.5,)),
])
def test_truth_values_count(f: Callable[..., Any], args: tuple[Any, ...]) -> None:
    found, wanted = dv.jit(f)(*args), f(*args)
    np.testing.assert_allclose(found, wanted, rtol=1e-14)
    assert np.asarray(found).dtype.kind == np.asarray(wanted).dtype.kind


def test_truth_values_have_no_slope() -> None:
    assert dv.grad(lambda x: (x > 0) * x**2)(3.0) == 6.0 and dv.grad(lambda x: (x > 0) * x**2)(-3.0) == 0.0
    with pytest.raises(dv.TypeError) as e:
        dv.jit(lambda v: np.mean(v))(V > 0)
    assert "np.count_nonzero(v) / len(v)" in (e.value.help or "")


def reused(v):
    m = v > 0
    m = v * 2.0
    return np.sum(m)


def test_a_name_that_is_not_always_a_truth_value() -> None:
    check(reused, V)


# ---------------------------------------------------------------- lists that grow and shrink


def extended(v):
    xs = [v]
    xs.extend([2 * v, len(xs)])
    xs.extend(t * v for t in range(3))
    xs += [v * v]
    ys = []
    ys += xs
    ys.extend(np.array([v, 1.0]))
    return np.array(ys)


def extended_in_a_loop(v, n):
    xs = [1.0]
    for i in range(n):
        xs.extend([v * i, v * v])
        xs += [v]
    return np.array(xs)


def seen_before(v):
    xs = [v]
    xs.extend([len(xs), len(xs), xs[-1]])
    return np.array(xs)


def popped(v):
    xs = [v, 2 * v, 3 * v, 4 * v]
    a = xs.pop()
    xs.pop(0)
    b = xs.pop(-1)
    return a * b + 10 * sum(xs) + len(xs)


def popped_rows(v):
    xs = [[v, 1.0], [2 * v, 3.0]]
    xs = xs.pop()
    return np.array(xs)


def zipped(v):
    ps = list(zip(v, v * v))
    return sum(x * y for x, y in ps) + ps[1][1] + len(ps)


@pytest.mark.parametrize("f, args", [
    (extended, (1.5,)), (extended_in_a_loop, (1.5, 3)), (seen_before, (1.5,)), (popped, (1.5,)), (popped_rows, (1.5,)), (zipped, (V,)),
])
def test_lists(f: Callable[..., Any], args: tuple[Any, ...]) -> None:
    check(f, *args)


def test_pop_of_nothing() -> None:
    @dv.jit
    def f(v, n: int):
        xs = [v for _ in range(n)]
        xs.pop()
        return sum(xs)

    assert f(2.0, 3) == 4.0
    with pytest.raises(dv.Error, match="the slice 0:-1 leaves the axis"):
        f(2.0, 0)


# ---------------------------------------------------------------- defaults


def default_of_a_loop(x, n):
    s = 0.0
    for k in range(n):
        def f(y, k=k):
            return y * k
        k = k + 1
        s += f(x) + f(x, 2) + k
    return s


def default_before(x):
    k = x
    f = lambda y, k=k: y * k
    k = 7.0
    g = lambda y, *, k=k * x: y * k
    k = 9.0
    return f(2.0) + g(3.0) + g(1.0, k=x) + k


def default_in_place(x):
    s = 0.0
    for k in range(3):
        s += apply(lambda y, k=k, j=2.0: y * k * j, x)
    return s


def apply(f, x):
    return f(x)


def default_nested(x):
    def outer(u):
        k = u
        def f(y, k=k):
            return y * k
        k = 2 * u
        return f(3.0) + k
    return outer(x)


@pytest.mark.parametrize("f, args", [
    (default_of_a_loop, (1.5, 4)), (default_before, (1.5,)), (default_in_place, (1.5,)), (default_nested, (1.5,)),
])
def test_defaults_are_those_of_the_def(f: Callable[..., Any], args: tuple[Any, ...]) -> None:
    check(f, *args)


@pytest.mark.parametrize("made, change", [
    ("np.array([x, x])", "a[0] = 5.0"), ("np.array([x, x])", "a[::2] = 5.0"), ("[x, x]", "a.append(1.0)"), ("[x, x]", "a.extend([1.0])"),
    ("[x, x]", "a += [1.0]"), ("[x, x]", "a.pop()"),
])
def test_a_default_that_changes(made: str, change: str) -> None:
    """A function keeps the array that its default was, with what is put into it later: that is refused."""
    from .test_refused import run

    for default in ("a", "b"):
        f = run(f"def f(x):\n    a = {made}\n    b = a\n    def g(y, c={default}):\n        return y * len(c) * c[0]\n    {change}\n    return g(x)")["f"]
        with pytest.raises(dv.SyntaxError) as e:
            dv.jit(f)
        assert e.value.code == "DV0152"


def scaled(f):
    @functools.wraps(f)
    def inner(x, k=2.0):
        return f(x, k) * 10
    return inner


@scaled
def wrapped(x, k=5.0):
    return x * k


def test_wrapped_functions_keep_their_wrapper() -> None:
    assert dv.jit(lambda x: wrapped(x) + wrapped(x, 3.0))(1.5) == wrapped(1.5) + wrapped(1.5, 3.0)
    with pytest.raises(dv.UnsupportedError, match="wrapped by another decorator"):
        dv.jit(wrapped)


# ---------------------------------------------------------------- remainders, steps that are calculated, empty ranges


def sieve(n):
    prime = np.ones(n + 1, dtype=bool)
    prime[:2] = False
    for p in range(2, int(n**0.5) + 1):
        if prime[p]:
            prime[p * p :: p] = False
    return [k for k in range(n + 1) if prime[k]]


def every(v, k):
    y = np.zeros(7)
    y[1:6:k] = v[0]
    return y[::k] * 2 + v[1]


def nothing(x):
    return len([k for k in range(5, 2)]) + sum(k for k in range(3, 0)) + len(range(7, 3, 2)) + x


@pytest.mark.parametrize("f, args, slope", [
    (sieve, (50,), False), (every, (V, 2), True), (every, (V, 3), True), (nothing, (1.5,), True),
    (lambda x: np.fmod(x, 1.25), (V,), True), (lambda x: np.fmod(x, 3), (np.array([-7, 7, 2]),), False),
    (lambda x: math.fmod(x, 1.25), (-5.3,), True), (lambda x: math.fmod(-5.3, x), (2.0,), True),
    (lambda x: np.median(x), (V,), True), (lambda x: np.median(x), (np.array([3.0, np.nan, 2.0]),), False),
    (lambda x: np.median(x), (np.array([1, 4, 2]),), False),
    (lambda x: np.full_like(np.empty_like(x), 2.0) * x, (V,), True), (lambda x: np.round(x * 100) / 100, (V / 7,), False),
])
def test_numbers(f: Callable[..., Any], args: tuple[Any, ...], slope: bool) -> None:
    check(f, *args, slope=slope)


@pytest.mark.parametrize("x, y", [(5.3, 2.0), (-5.3, 2.0), (5.3, -2.0), (-4.0, 2.0), (-7, 3), (7, -3), (3.0, math.inf), (1e300, 3.7)])
def test_fmod(x: float, y: float) -> None:
    found, wanted = dv.jit(lambda a, b: math.fmod(a, b))(x, y), math.fmod(x, y)
    assert found == wanted and math.copysign(1, found) == math.copysign(1, wanted)


def test_a_step_below_one_is_refused() -> None:
    with pytest.raises(dv.Error, match="step -1 is not positive"):
        dv.jit(every)(V, -1)


def test_what_is_advised_means_the_same() -> None:
    def first_or(v):
        w = [t for t in v if t > 2]
        return -1.0 if len(w) == 0 else max(w)

    def by_key(v):
        return v[np.argmax([abs(t) for t in v])]

    def own(xs):
        ys = list(xs)
        ys.append(4.0)
        return len(xs), ys[-1]

    def size(p: Pair):
        return len(p)

    for v in (V, np.zeros(2)):
        assert dv.jit(first_or)(v) == first_or(v) and dv.jit(by_key)(v) == by_key(v)
    assert dv.jit(own)([1.0, 2.0]) == (2, 4.0) and dv.jit(size)(Pair(1.0, 2.0)) == 2
    assert dv.jit(lambda v: sorted(v)[::-1])(V).tolist() == sorted(V, reverse=True)


@pytest.mark.parametrize("f, arg, advice", [
    (lambda x: sum(x[i] * x[i + 1] for i in range(len(x))), V, "write range(len(x) - 1)"),
    (lambda n: np.arange(n, 0, -2), 5, "[::-1]"), (lambda n: list(range(n, 0, -1)), 5, "[::-1]"),
])
def test_advice_is_python(f: Callable[..., Any], arg: Any, advice: str) -> None:
    with pytest.raises(dv.Error) as e:
        dv.jit(f)(arg)
    assert advice in (e.value.help or "")
