"""Records of Python in jitted code: methods, properties, fields with names of arrays' attributes, `*` before tuples."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import derivant as dv
import numpy as np
import pytest


class Pair(NamedTuple):
    a: float
    b: float = 2.0

    def total(self) -> float:
        return self.a + self.b

    def grown(self, by: float = 1.0) -> Pair:
        return self._replace(a=self.a + by * self.half)

    @property
    def half(self) -> float:
        return self.total() / 2

    @staticmethod
    def twice(x):
        return 2 * x

    @classmethod
    def of(cls, x):
        return cls(x)


@dataclass
class Box:
    size: float
    T: float
    shape: float
    unit = 4.0

    @functools.cached_property
    def volume(self):
        return self.size * self.T * self.shape

    def scaled(self, k, *, up=True):
        return dataclasses.replace(self, size=self.size * k if up else self.size)


@dataclass
class Inner:
    w: dv.f64["n"]

    def at(self, x):
        return np.sum(self.w * x)


@dataclass
class Outer:
    inner: Inner
    bias: float

    @dv.jit
    def loss(self: Outer, x):
        return (self.inner.at(x) + self.bias) ** 2


PAIR = Pair(3.0)


def methods(p: Pair):
    return p.total() * p.half + Pair.twice(p.a) + p.twice(p.b) + Pair.total(p)


def methods_of_results(p: Pair):
    q = p.grown().grown(by=p.b)
    return q.half + Pair(q.a, 5.0).total() + p._replace(b=1.0, a=p.b).half


def fields(b: Box):
    c = b.scaled(3.0)
    return b.size + 2 * b.T + 3 * b.shape + c.volume + c.scaled(2.0, up=False).size * b.unit


def chosen(p: Pair):
    q = p if p.a > 0 else Pair(-p.a)
    return q.total() * PAIR.half + PAIR.grown(p.a).a


def stars(p: Pair):
    t = (p.a, 2.0, p.b)
    return g(*t) + g(*p, 3.0) + max(*p) + g(*(p.a, *p)) + (*p, *t)[3]


def g(a, b, c):
    return a - 2 * b * c


def apply(f, x):
    return f(x)


def defaults(p: Pair):
    f = lambda y, k=p.a: y * k
    return f(2.0) + f(p.b, 3.0) + apply(lambda y, z=p.b: y + z, p.a)


def as_dict(p: Pair):
    d = p._asdict()
    return d["a"] * d["b"]


@pytest.mark.parametrize("f", [methods, methods_of_results, chosen, stars, defaults, as_dict])
def test_pairs(f: Callable[..., Any]) -> None:
    for p in (Pair(1.5, -0.5), Pair(-1.0)):
        assert dv.jit(f)(p) == pytest.approx(f(p), rel=1e-14)
        h = 1e-6
        slope = dv.grad(f)(p)
        wanted = [(f(Pair(p.a + da, p.b + db)) - f(Pair(p.a - da, p.b - db))) / (2 * h) for da, db in ((h, 0), (0, h))]
        assert type(slope) is Pair
        np.testing.assert_allclose(slope, wanted, rtol=1e-6, atol=1e-7)


def test_fields_that_arrays_have() -> None:
    b = Box(2.0, 3.0, 4.0)
    assert dv.jit(fields)(b) == fields(b)
    slope, h = dv.grad(fields)(b), 1e-6
    assert type(slope) is Box
    for name in ("size", "T", "shape"):
        up, down = (dataclasses.replace(b, **{name: getattr(b, name) + d}) for d in (h, -h))
        assert getattr(slope, name) == pytest.approx((fields(up) - fields(down)) / (2 * h), rel=1e-7)


def test_methods_of_parts() -> None:
    o, x = Outer(Inner(np.array([1.0, 2.0])), 0.5), np.array([3.0, 1.0])
    assert o.loss(x) == 5.5**2
    np.testing.assert_allclose(dv.grad(o.loss)(x), 11.0 * o.inner.w)
    found = dv.grad(Outer.loss)(o, x)
    assert type(found) is Outer and found.bias == 11.0
    np.testing.assert_allclose(found.inner.w, 11.0 * x)


def test_replace_without_a_class() -> None:
    f = dv.jit(lambda p: p._replace(a=5.0 * p.b))
    assert f(Pair(1.0, 2.0)) == Pair(10.0, 2.0)


def test_bool() -> None:
    def f(x: float, flag: bool):
        return [bool(x), bool(x > 1), not bool(x - 1)]

    for x in (0.0, 1.0, 2.0):
        np.testing.assert_array_equal(dv.jit(f)(x, True), f(x, True))


MODEL = dv.compile("""
type Point = {x: f64, y: f64}
type Sides = {a: f64, b: f64}
def norm2(p: Point) -> f64 = p.x**2 + p.y**2
""")


def test_records_of_modules_as_arguments() -> None:
    p, s = MODEL.Point(1.0, 2.0), MODEL.Sides(3.0, 4.0)
    assert dv.jit(lambda p: p.x + p.y)(p) == 3.0
    assert dv.grad(lambda p: MODEL.norm2(p) * p.x)(p) == MODEL.Point(7.0, 4.0)
    f = dv.jit(lambda t: t[0].x * t[1].a + MODEL.norm2(t[0]))
    assert f((p, s)) == 8.0 and f((p, s)) == 8.0

    @dv.jit
    def applied(f, p):
        return f(p)

    assert applied(lambda q: q.b, s) == 4.0 and applied(lambda q: MODEL.norm2(q), p) == 5.0


@pytest.mark.parametrize("f", [lambda p: p.total(), lambda p: p.grown(2.0).a])
def test_methods_need_to_know_the_class(f: Callable[..., Any]) -> None:
    with pytest.raises(dv.SyntaxError, match="method") as e:
        dv.jit(f)
    assert "p: Class" in (e.value.help or "")
