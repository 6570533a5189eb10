"""Subclasses in jitted code: what they have of their own is called, or the call is refused; `super()`, classmethods."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import derivant as dv
import numpy as np
import pytest


@dataclass(frozen=True)
class Base:
    k: float
    unit = 2.0

    def f(self, x):
        return self.k * x + self.g()

    def g(self):
        return self.k**2

    @property
    def half(self):
        return self.k / 2

    @classmethod
    def of(cls, x):
        return cls(x * cls.unit)

    @classmethod
    def times(cls, x):
        return x * cls.unit

    @staticmethod
    def twice(x):
        return 2 * x


@dataclass(frozen=True)
class Same(Base):
    """Nothing of its own."""


@dataclass(frozen=True)
class OwnMethod(Base):
    def f(self, x):
        return super().f(x) * x + super().half


@dataclass(frozen=True)
class OwnInner(Base):
    def g(self):
        return 10 * self.k


@dataclass(frozen=True)
class OwnProperty(Base):
    @property
    def half(self):
        return 3 * self.k


class OwnConstant(Base):
    unit = 5.0


@dataclass(frozen=True)
class Deep(OwnMethod, OwnInner):
    def f(self, x):
        return 2 * super().f(x) + super().times(x) + super().twice(x) + super().unit


@dataclass
class Twin:
    """Not a subclass, but with the same names."""

    k: float

    def f(self, x):
        return -x


@dataclass
class Outer:
    inner: Base
    w: float

    def total(self, x):
        return self.inner.f(x) * self.w


class Left(Base):
    def g(self):
        return super().g() + 1


class Right(Base):
    def g(self):
        return super().g() * 100


class Both(Left, Right):
    pass


class Wrong(Base):
    def f(self, x):
        return super().ff(x)


class Pair(NamedTuple):
    a: float
    b: float

    def total(self):
        return self.a + self.b


class OwnField(Pair):
    @property
    def a(self):
        return 50.0


@dataclass
class Open:
    """Its field leaves its type open."""

    w: np.ndarray

    def f(self):
        return np.sum(self.w)


class OwnOpen(Open):
    def f(self):
        return self.w[0]


def method(b: Base, x):
    return b.f(x)


def property_(b: Base, x):
    return b.half * x


def constant(b: Base, x):
    return b.unit * x


def nested(o: Outer, x):
    return o.total(x)


def pair(p: Pair):
    return p.total()


def of_open(o: Open):
    return o.f()


def through(o):
    return of_open(o)


def deep(d: Deep, x):
    return d.f(x) + d.half


def several(a: OwnInner, b: OwnMethod, x):
    """One inherited method, with what each class has."""
    return a.f(x) * 7 + b.f(x) + Base.f(a, x)


def classmethods(x):
    return Base.of(x).f(x) + OwnConstant.of(x).k + Base.times(x) + OwnConstant.times(x)


def of_instance(c: OwnConstant, x):
    return c.of(x).half + c.times(x) * c.twice(x)


@pytest.mark.parametrize("f, good, bad", [
    (method, [Base, Same, OwnProperty, OwnConstant], [OwnMethod, OwnInner, Deep, Twin]),
    (property_, [Base, Same, OwnMethod, OwnInner, OwnConstant, Twin], [OwnProperty]),
    (constant, [Base, Same, OwnMethod, OwnProperty], [OwnConstant]),
])
def test_what_a_class_has_of_its_own(f: Callable[..., Any], good: list[Any], bad: list[Any]) -> None:
    jitted, slope = dv.jit(f), dv.grad(f)
    for cls in good:
        b = cls(3.0)
        wanted = f(b if cls is not Twin else Base(3.0), 2.0)
        for _ in range(3):  # the short way, too
            assert jitted(b, 2.0) == wanted
        assert jitted({"k": 3.0}, 2.0) == wanted
        h = 1e-6
        assert slope(b, 2.0).k == pytest.approx((f(Base(3.0 + h), 2.0) - f(Base(3.0 - h), 2.0)) / (2 * h), rel=1e-7, abs=1e-9)
    for cls in bad:
        for g, args in (
            (jitted, (cls(3.0), 2.0)), (jitted, (cls(3.0), 2)), (slope, (cls(3.0), 2.0)), (dv.grad(jitted, argnums=1), (cls(3.0), 2.0)),
            (dv.vmap(f, in_axes=(0, None)), (cls(np.arange(3.0)), 2.0)), (dv.vmap(f, in_axes=(0, None)), ([Base(1.0), cls(2.0)], 2.0)),
            (pickle.loads(pickle.dumps(jitted)), (cls(3.0), 2.0)),
        ):
            with pytest.raises(dv.TypeError, match=f"found a {cls.__name__}, which has its own") as e:
                g(*args)
            assert "write a function for it" in (e.value.help or "")


@pytest.mark.parametrize("f, good, bad, path", [
    (nested, (Outer(Same(2.0), 3.0), 2.0), (Outer(OwnInner(2.0), 3.0), 2.0), "o.inner"),
    (pair, (Pair(1.0, 2.0),), (OwnField(1.0, 2.0),), "n"),
    (of_open, (Open(np.arange(3.0)),), (OwnOpen(np.arange(3.0)),), "o"),
    (through, (Open(np.arange(3.0)),), (OwnOpen(np.arange(3.0)),), "o"),
])
def test_parts_and_open_fields(f: Callable[..., Any], good: tuple[Any, ...], bad: tuple[Any, ...], path: str) -> None:
    assert dv.jit(f)(*good) == f(*good)
    for g in (dv.jit(f), dv.grad(f)):
        with pytest.raises(dv.TypeError, match="which has its own"):
            g(*bad)


def test_given_to_a_function_inside() -> None:
    @dv.jit
    def f(o: OwnOpen):
        return of_open(o)

    with pytest.raises(dv.TypeError, match="OwnOpen, which has its own f: the function takes Open") as e:
        f(OwnOpen(np.arange(3.0)))
    assert e.value.span is not None and e.value.span.col == 24


@pytest.mark.parametrize("f, args", [
    (deep, (Deep(1.5), 2.0)),
    (several, (OwnInner(1.5), OwnMethod(-2.0), 2.0)),
    (classmethods, (1.5,)),
    (of_instance, (OwnConstant(2.0), 1.5)),
])
def test_super_and_classmethods(f: Callable[..., Any], args: tuple[Any, ...]) -> None:
    assert dv.jit(f)(*args) == pytest.approx(f(*args), rel=1e-14)
    *first, x = args
    h = 1e-6
    slope = dv.grad(f, argnums=len(first))(*args)
    assert slope == pytest.approx((f(*first, x + h) - f(*first, x - h)) / (2 * h), rel=1e-7)


def test_super_in_the_order_of_the_object() -> None:
    @dv.jit
    def left(b: Left):
        return b.g()

    @dv.jit
    def both(b: Both):
        return b.g()

    assert left(Left(3.0)) == Left(3.0).g() and both(Both(3.0)) == Both(3.0).g() == 901.0
    with pytest.raises(dv.TypeError, match="a Both, which has its own g"):
        left(Both(3.0))


@dataclass
class Model:
    k: float

    @dv.jit
    def run(self: Model, x):
        return self.weight() * x**2

    def weight(self):
        return self.k


@dataclass
class Heavy(Model):
    extra: float = 3.0

    def weight(self):
        return super().weight() + self.extra


@dataclass
class Shifted(Heavy):
    @dv.jit
    def run(self: Shifted, x):
        return super().run(x) + self.k


def test_jitted_methods_of_subclasses() -> None:
    for m in (Model(2.0), Heavy(2.0), Shifted(2.0, 5.0)):
        wanted = Model.run.py_func(m, 3.0) + (m.k if isinstance(m, Shifted) else 0.0)
        for _ in range(3):
            assert m.run(3.0) == wanted
        assert dv.grad(m.run)(3.0) == 2 * m.weight() * 3.0
        assert pickle.loads(pickle.dumps(m.run))(3.0) == wanted
    with pytest.raises(dv.TypeError, match="Heavy"):
        Model.run(Heavy(2.0), 3.0)


def test_super_needs_the_class() -> None:
    with pytest.raises(dv.SyntaxError, match=r"super\(\) is for methods") as e:
        class Untyped(Model):
            @dv.jit
            def run(self, x):
                return super().run(x)

    assert 'self: "Class"' in (e.value.help or "")

    with pytest.raises(dv.Error, match="no class above Wrong has ff") as wrong:
        dv.jit(lambda x: Wrong(1.0).f(x))(2.0)
    assert "did you mean f" in (wrong.value.help or "")


def test_classmethods_are_not_decorated() -> None:
    with pytest.raises(dv.TypeError, match="of is a classmethod"):
        class _Decorated(Base):
            @dv.jit
            @classmethod
            def of(cls, x):
                return x
