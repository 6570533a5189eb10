"""Where Python and the language could differ in what a text means: large integers, guards, defaults, truth values."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import derivant as dv
import numpy as np
import pytest

LARGE = 10**12


@pytest.mark.parametrize("f", [
    lambda x: x / 10**20,
    lambda x: x / (1 * 2 * 3 * 4 * 5 * 6 * 7 * 8 * 9 * 10 * 11 * 12 * 13 * 14 * 15 * 16 * 17 * 18 * 19 * 20 * 21),
    lambda x: 10**30 / x,
    lambda x: x * (6.022 * 10**23),
    lambda x: x * (10**20 // 10**18),
    lambda x: x * 10**-3,
    lambda x: x + 2**-1,
    lambda x: x + 2**63 % 1000,
    lambda x: (x / 2) * 10**25,
    lambda x: math.sqrt(x) * 2**70,
    lambda x: 2.5 * x * 10**22,
    lambda x: x / LARGE**2,
    lambda x: x + -(2**63) / 3,
    lambda x: x + (2**63 - 1) % 10,
])
def test_integers_beyond_i64_that_meet_floats(f: Callable[..., Any]) -> None:
    assert dv.jit(f)(1.5) == f(1.5)


def test_integers_beyond_i64_beside_annotated_floats() -> None:
    def scaled(x: float, v: dv.f64["n"]) -> dv.f64["n"]:
        return x * 10**20 + v[0] * 2**64 + v * 10**25

    v = np.array([1.0, 3.0])
    np.testing.assert_array_equal(dv.jit(scaled)(1.5, v), scaled(1.5, v))
    assert dv.jit(lambda n: n + -(2**63))(5) == 5 - 2**63


@dataclass(frozen=True)
class Circle:
    r: float


@dataclass(frozen=True)
class Box:
    w: float
    h: float


def digits(k: int) -> int:
    match k:
        case 0:
            return 10
        case j if j > 5:
            return j
        case 3 if k < 0:
            return 99
        case 3 | 4:
            return -k
        case _:
            return 7


def changed(k: int) -> int:
    a = 1
    match k:
        case 2 if a > 0:
            a = 5
        case j if j > 5:
            a = j
    return a


def counted(n: int) -> int:
    total = 0
    for i in range(n):
        match i % 4:
            case 1 if total > 3:
                break
            case r if r == 2 or total == 0:
                total += 2
            case r:
                total -= r
    return total


def round_or_square(s: Circle | Box) -> float:
    match s:
        case Circle(r) if r > 1:
            return r
        case Box(w, h) if w > h:
            return w * h
        case Circle(r):
            return -r
        case Box(w, h):
            return h - w


def guarded_later(s: Circle | Box) -> float:
    match s:
        case Circle(r):
            return 3 * r
        case Box(w, h) if w == h:
            return w
        case Box(w, h) if w > 3 * h:
            return h
        case Box(w, h):
            return w * h


def guarded_later_with_state(s: Circle | Box) -> float:
    total = 1.0
    match s:
        case Circle(r):
            total = r
        case Box(w, h) if w > h:
            total -= h
        case Box(w, h):
            total += w
    return total


def guarded_truth(b: bool, x: float) -> float:
    match b:
        case True:
            return x
        case False if x > 1:
            return -x
        case False:
            return 0.0


def test_guards_behind_the_first_case() -> None:
    for f in (guarded_later, guarded_later_with_state):
        for s in (Circle(2.0), Box(2.0, 2.0), Box(9.0, 2.0), Box(1.0, 2.0)):
            assert dv.jit(f)(s) == f(s)
    for b, x in ((True, 2.0), (False, 2.0), (False, 0.5)):
        assert dv.jit(guarded_truth)(b, x) == guarded_truth(b, x)


def test_guards_of_cases() -> None:
    for f in (digits, changed, counted):
        assert [dv.jit(f)(k) for k in range(12)] == [f(k) for k in range(12)]
    for s in (Circle(2.0), Circle(0.5), Box(2.0, 1.0), Box(1.0, 2.0)):
        assert dv.jit(round_or_square)(s) == round_or_square(s)
    with pytest.raises(dv.SyntaxError, match="ends without a value"):
        @dv.jit
        def partial(k: int) -> int:
            match k:
                case j if j > 0:
                    return j


@dataclass
class Bounds:
    lower: float
    upper: float = 2.0


class Step(NamedTuple):
    width: float
    count: int = 3


def test_defaults_of_fields() -> None:
    def f(x: float) -> float:
        b, s = Bounds(x), Step(width=x)
        return b.lower * b.upper + s.width * s.count + Bounds(upper=x, lower=1.0).upper + Step(x, 4).count

    assert dv.jit(f)(1.5) == f(1.5)
    with pytest.raises(dv.SyntaxError, match="lower"):
        dv.jit(lambda x: Bounds(upper=x))(1.0)


@pytest.mark.parametrize("f", [
    lambda v: np.sum(v > 0), lambda v: sum(v > 0), lambda v: (v > 0).sum(), lambda v: sum(x > 0 for x in v),
])
def test_sums_of_truth_values(f: Callable[..., Any]) -> None:
    v = np.array([1.0, -1.0, 2.0])
    assert dv.jit(f)(v) == f(v) == 2


def test_defaults_in_the_signature_of_a_transform() -> None:
    def f(x: float, k: int = 2, up: bool = True, h: float = -0.5) -> float:
        return x**k + h if up else x

    found = inspect.signature(dv.grad(f)).parameters
    assert [p.default for p in found.values()][1:] == [2, True, -0.5]


@pytest.mark.parametrize("f, x, word", [
    (lambda v: sum(v), np.array([True, False]), "np.count_nonzero"),
    (lambda b: b + 1, True, "int("),
    (lambda n: n**-2, 2, "float("),
])
def test_advice_in_words_of_python(f: Callable[..., Any], x: Any, word: str) -> None:
    with pytest.raises(dv.Error) as e:
        dv.jit(f)(x)
    assert word in (e.value.help or "") and "64" not in (e.value.help or "")
    with pytest.raises(dv.TypeError) as found:
        dv.grad(lambda a: a * a)(2)
    assert "argnums" in (found.value.help or "")


def test_negative_sizes_point_at_the_range() -> None:
    for f in (lambda n: np.arange(n), lambda n: sum(range(n))):
        with pytest.raises(dv.SizeError) as e:
            dv.jit(f)(-5)
        assert e.value.span is not None and e.value.span.source is not None and e.value.span.source.name == __file__


def test_arrays_as_defaults() -> None:
    def helper(x, d=[1, 3]):  # noqa: B006
        return x * d[1]

    def f(x, d=np.array([1.0, 2.0]), *, m=np.eye(2)):  # noqa: B008
        return helper(x) + x * d[1] + m[0, 0] * d[0]

    g = dv.jit(f)
    assert g(2.0) == f(2.0) and dv.grad(g)(2.0) == 5.0
    assert g(2.0, np.full(3, 4.0), m=np.ones((2, 2))) == f(2.0, np.full(3, 4.0), m=np.ones((2, 2)))
    with pytest.raises(dv.Error, match="default of d"):
        @dv.jit
        def large(x, d=np.zeros(1000)):  # noqa: B008
            return x * d[0]


class Scaled:
    scale = 10.0

    @classmethod
    @dv.jit
    def of_class(cls, x):
        return x * cls.scale


def test_class_methods() -> None:
    assert Scaled.of_class(3.0) == Scaled().of_class(3.0) == 30.0


def test_tuples_are_not_calculated_with() -> None:
    def named(t: Step):
        return t + t

    def pair(t: tuple[float, float]):
        return t * 2

    for f in (named, pair):
        with pytest.raises(dv.SyntaxError, match="Python"):
            dv.jit(f)
    for f in (lambda t: t * 2, lambda t: t - t, lambda t: t + t):
        with pytest.raises(dv.TypeError, match="tuple"):
            dv.jit(f)(Step(1.0, 2))

    def total(t: tuple[float, float]):
        return sum(t) + t[1]

    assert dv.jit(total)((1.0, 2.0)) == total((1.0, 2.0))


def test_hostile_arguments() -> None:
    endless: dict[str, Any] = {}
    endless["a"] = endless

    def typed(x: float):
        return x

    for f, x in ((lambda x: x * 2, endless), (typed, int), (typed, float)):
        with pytest.raises(dv.TypeError) as e:
            dv.jit(f)(x)
        assert e.value.code == "DV0607"


def test_tuples_from_their_end() -> None:
    def f(x: float, t: tuple[float, float]) -> float:
        u = (x, 2 * x, 3 * x)
        return u[-1] + 10 * u[-3] + t[-1] - t[-2]

    assert dv.jit(f)(1.0, (5.0, 7.0)) == f(1.0, (5.0, 7.0))


def test_clip_as_a_method() -> None:
    v = np.array([-2.0, 0.5, 3.0])
    for f in (lambda v: v.clip(0.0, 1.0), lambda v: v.clip(min=-1.0, max=2.0)):
        np.testing.assert_array_equal(dv.jit(f)(v), f(v))


def test_generators_that_are_used_later() -> None:
    def f(v):
        k = 2.0
        g = (t * k for t in v)
        v = v * 3
        return sum(g) + v[0]

    v = np.array([1.0, 2.0])
    assert dv.jit(f)(v) == f(v)


def one_pass(q):
    s = 0.0
    for x in q:
        s = s + x
    return s


def test_iterators_that_are_read_once() -> None:
    def by_another(v):
        g = (x * 2 for x in v)
        return one_pass(g) + one_pass(x * x for x in v)

    def made_in_the_loop(v):
        s = 0.0
        for i in range(3):
            g = zip(v, (x * i for x in v))
            s = s + sum(a * b for a, b in g)
        return s

    def on_one_of_two_ways(v):
        g = map(one_pass, [v, v])
        if v[0] > 0:
            return sum(g)
        return 2 * sum(g)

    def of_iterators(v):
        g = reversed(v)
        h = zip(g, v)
        return sum(a * b for a, b in h)

    def listed(v):
        pairs = list(enumerate(v))
        return sum(x * i for i, x in pairs) + sum(x for _, x in pairs)

    def given_again(v):
        g = (x * 2 for x in v)
        s = sum(g)
        g = [s, 2.0]
        return sum(g) * sum(g)

    v = np.array([0.3, -1.2, 2.5])
    for f in (by_another, made_in_the_loop, on_one_of_two_ways, of_iterators, listed, given_again):
        for sign in (1, -1):
            np.testing.assert_allclose(dv.jit(f)(sign * v), f(sign * v), rtol=1e-15)


def test_elements_of_a_list_that_are_replaced() -> None:
    def f(v):
        items = [v[0], v[1], v[0]]
        items[0] = 5.0
        return items

    v = np.array([1.0, 2.0])
    np.testing.assert_array_equal(dv.jit(f)(v), f(v))
    with pytest.raises(dv.Error, match="a value with 1 axes is written here"):  # rows and a number in one list
        dv.jit(f)(np.ones((2, 2)))


def test_variables_of_inner_loops_behind_the_outer_one() -> None:
    def last_pass_is_empty(n):
        c = 0
        for i in range(2, n):
            for j in range(2, i):
                c += 1
        return c, j

    def none_in_the_last(n):
        i = 0
        while i < n:
            for j in range(n - 2 - i):
                if j > 3:
                    break
            i += 1
        return j * 10 + i

    def deep(n):
        for i in range(n):
            for j in range(3 - i):
                for k in range(j, 2 * i):
                    i += k
        return j + 10 * k + 100 * i

    def over_rows(n):
        s = 0.0
        for i in range(n):
            for x in (np.arange(4) * 1.5)[i:4]:
                s = s + x
        return x + s

    def on_two_ways(n):
        c = 1
        if n > 4:
            if n > 20:
                return 0
            c = 2
        for i in range(2, n):
            for j in range(2, i):
                c += j
        return c * j

    for f, sizes in ((last_pass_is_empty, (4, 5, 9)), (on_two_ways, (4, 5, 30)), (none_in_the_last, (3, 5, 9)), (deep, (2, 3, 5)), (over_rows, (1, 3))):
        for n in sizes:
            assert dv.jit(f)(n) == f(n)
    for f in (last_pass_is_empty, none_in_the_last, on_two_ways):
        with pytest.raises(dv.AssertError, match="j has no value"):
            dv.jit(f)(2)
