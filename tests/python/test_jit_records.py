"""Records, sum types and methods of jitted functions, and what modules of the language give them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import derivant as dv
import numpy as np
import pytest

X = np.array([1.0, -2.0, 0.5])


class Layer(NamedTuple):
    w: np.ndarray
    b: float


class Typed(NamedTuple):
    w: dv.f64["n"]
    b: float


@dataclass
class Model:
    first: Typed
    rate: float


@dataclass(frozen=True)
class Circle:
    r: float


@dataclass(frozen=True)
class Box:
    w: float
    h: float


def test_pytrees() -> None:
    def f(p, x):
        return np.sum(p.w * x) + p.b**2

    x = np.array([1.0, 2.0])
    for cls in (Layer, Typed):
        g = dv.grad(f)(cls(np.ones(2), 3.0), x)
        assert type(g) is cls and g.b == 6.0
        np.testing.assert_array_equal(g.w, x)
    g = dv.grad(lambda p, x: np.sum(p["w"] * x) + p["b"][0] * p["b"][1])({"w": np.ones(2), "b": (3.0, 4.0)}, x)
    assert g["b"] == (4.0, 3.0) and type(g) is dict
    nested = dv.grad(lambda m: m.rate * (np.sum(m.first.w) + m.first.b))(Model(Typed(np.ones(2), 1.0), 2.0))
    assert type(nested) is Model and type(nested.first) is Typed and nested.rate == 3.0


def test_records_come_back() -> None:
    @dv.jit
    def step(p: Typed, x: dv.f64["n"], rate: float) -> Typed:
        g = dv.grad(lambda q: sum((q.w * x + q.b) ** 2))(p)
        return Typed(p.w - rate * g.w, p.b - rate * g.b)

    p = step(Typed(np.ones(2), 0.5), np.array([1.0, 2.0]), 0.1)
    assert type(p) is Typed
    assert dv.jit(lambda x: {"value": x, "double": 2 * x})(2.0) == {"value": 2.0, "double": 4.0}
    assert type(dv.jit(lambda x: Layer(np.ones(2) * x, x))(2.0)) is Layer
    with pytest.raises(dv.TypeError, match="the same fields"):
        dv.jit(lambda p, q: Layer(p.w + q["w"], 0.0))(Layer(X, 1.0), {"w": X, "b": 1.0})


def test_sum_types() -> None:
    @dv.jit
    def area(s: Circle | Box) -> float:
        match s:
            case Circle(r):
                return math.pi * r**2
            case Box(w=a, h=b):
                return a * b

    @dv.jit
    def grown(s: Circle | Box) -> Circle | Box:
        match s:
            case Circle(r):
                return Circle(2 * r)
            case Box(w, h):
                return Box(w + 1, h)

    assert area(Circle(2.0)) == pytest.approx(4 * math.pi) and area(Box(2.0, 3.0)) == 6.0
    assert dv.grad(area)(Box(2.0, 3.0)) == Box(3.0, 2.0)
    assert grown(Circle(1.0)) == Circle(2.0) and grown(Box(1.0, 1.0)) == Box(2.0, 1.0)
    with pytest.raises(dv.TypeError):
        area(3.0)


MODEL = dv.compile("""
type Shape = Disc(f64) | Square(f64)
type Point = {x: f64, y: f64}
def size(s: Shape) -> f64 = match s { Disc(r) -> pi * r**2; Square(a) -> a * a }
def norm2(p: Point) -> f64 = p.x**2 + p.y**2
def twice(f, x) = f(f(x))
""")


def test_functions_and_types_of_modules() -> None:
    @dv.jit
    def f(x):
        return MODEL.norm2(MODEL.Point(x, 2.0)) + MODEL.twice(lambda t: t * t, x) + MODEL.size(MODEL.Square(x))

    assert f(2.0) == 8 + 16 + 4 and dv.grad(f)(2.0) == 4 + 32 + 4

    @dv.jit
    def g(s: MODEL.Shape) -> float:  # type: ignore[name-defined]
        match s:
            case MODEL.Disc(r):
                return r
            case MODEL.Square(a):
                return -a

    assert g(MODEL.Disc(2.0)) == 2.0 and g(MODEL.Square(2.0)) == -2.0
    slope = dv.grad(MODEL.norm2)

    @dv.jit
    def h(x):
        return slope(MODEL.Point(x, 1.0)).x

    assert h(3.0) == 6.0


# ---------------------------------------------------------------- methods


class Oscillator:
    def __init__(self, k: float) -> None:
        self.k = k
        self.name = "text does not matter"
        self.table = np.array([1.0, 2.0])

    @dv.jit
    def energy(self, x):
        return 0.5 * self.k * x**2 + sum(self.table)

    @staticmethod
    @dv.jit
    def double(x):
        return 2 * x


@dataclass
class Spring:
    k: float

    @dv.jit
    def force(self, x):
        """Hooke's law."""
        return -self.k * x


def test_methods() -> None:
    o = Oscillator(2.0)
    assert o.energy(3.0) == 12.0 and dv.grad(o.energy)(3.0) == 6.0
    o.k = 4.0
    assert o.energy(3.0) == 21.0
    assert Oscillator.double(2.0) == o.double(2.0) == 4.0
    assert Spring(2.0).force(3.0) == -6.0 and Spring.force.__doc__ == "Hooke's law."
    np.testing.assert_array_equal(dv.vmap(Spring(2.0).force)(X), -2 * X)
    assert dv.jit(o.energy)(1.0) == 5.0

    class Empty:
        @dv.jit
        def f(self, x):
            return x

    with pytest.raises(dv.UnsupportedError, match="no attribute"):
        Empty().f(1.0)
