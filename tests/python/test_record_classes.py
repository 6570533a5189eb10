"""What classes of records have of their own: operators are called, what can't be followed is refused."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import KW_ONLY, InitVar, dataclass, field, replace
from typing import Any, NamedTuple

import derivant as dv
import numpy as np
import pytest


@dataclass
class V:
    x: float
    y: float

    def __add__(self, o):
        return V(self.x + 10 * o.x, self.y + o.y)

    def __mul__(self, k):
        return V(self.x * k * 10, self.y * k)

    def __rmul__(self, k):
        return V(self.x * k * 1000, self.y * k)

    def __neg__(self):
        return V(5.0 * self.x, 5.0)

    def __invert__(self):
        return V(self.y, self.x)

    def __and__(self, o):
        return self.x * o.y

    def __lt__(self, o):
        return self.x < o.y

    def __eq__(self, o):
        return self.x == o.y

    def __getitem__(self, i):
        return self.x * i

    def __len__(self):
        return 7

    def __abs__(self):
        return self.x * 3

    def __call__(self, t, k=2.0):
        return self.x * t * k

    def norm(self):
        return math.hypot(self.x, self.y)


@dataclass
class Right(V):
    """Its own way is asked first."""

    def __radd__(self, o):
        return V(o.x * self.x, -1.0)

    def __iadd__(self, o):
        return self


@dataclass
class Plain:
    x: float
    y: float


class Pair(NamedTuple):
    x: float
    y: float

    def __sub__(self, o):
        return Pair(self.x - 2 * o.x, self.y)


OUTSIDE = V(2.0, 3.0)


def binary(a: V, b: V, k: float):
    return (a + b).x + (a * k).y + (k * a).x + (2.0 * a + b * a.x).norm() + (a & b)


def unary(a: V, b: V, k: float):
    return (-a).x * k + (~a).x + (-(a + b)).norm()


def assigned(a: V, b: V, k: float):
    c = a + b * k
    c += a
    for i in range(3):
        c = c + V(k, 1.0) * i
    return c.norm()


def parts(a: V, b: V, k: float):
    return a[3] + len(a) + abs(a) + a(k) + a(k, k=5.0) * b[2]


def compared(a: V, b: V, k: float):
    return k * (1.0 if a < b else 2.0) + (a == b) * 4.0 + (a != b) * 8.0 + (a > b) * 16.0


def from_outside(a: V, b: V, k: float):
    return (OUTSIDE + V(k, 1.0) * k).x + OUTSIDE(k) + (a + OUTSIDE).y


@pytest.mark.parametrize("f", [binary, unary, assigned, parts, compared, from_outside])
def test_operators_of_a_class(f: Callable[..., Any]) -> None:
    jitted = dv.jit(f)
    for a, b in ((V(1.5, 2.0), V(3.0, 4.0)), (V(4.0, 2.0), V(3.0, 4.0)), (V(1.0, 0.5), V(-3.0, 0.25))):
        for _ in range(3):
            assert jitted(a, b, 0.75) == pytest.approx(f(a, b, 0.75), rel=1e-14)
        h = 1e-6
        slope = (f(a, b, 0.75 + h) - f(a, b, 0.75 - h)) / (2 * h)
        assert dv.grad(f, argnums=2)(a, b, 0.75) == pytest.approx(slope, rel=1e-6, abs=1e-8)


def test_whose_method_is_called() -> None:
    @dv.jit
    def both(a: V, r: Right):
        return a + r, r + a

    a, r = V(2.0, 3.0), Right(5.0, 7.0)
    assert [(c.x, c.y) for c in both(a, r)] == [(c.x, c.y) for c in (a + r, r + a)]

    @dv.jit
    def less(p: Pair, q: Pair):
        return p - q

    assert less(Pair(1.0, 2.0), Pair(3.0, 4.0)) == Pair(1.0, 2.0) - Pair(3.0, 4.0)

    @dv.jit
    def added(a: V, b: V):
        return a + b

    with pytest.raises(dv.TypeError, match="found a Right, which has its own __radd__"):
        added(a, r)
    with pytest.raises(dv.SyntaxError, match="has its own __iadd__"):
        @dv.jit
        def grown(r: Right, a: V):
            r += a
            return r.x

        grown(r, a)
    with pytest.raises(dv.SyntaxError, match="chain of comparisons"):
        @dv.jit
        def chain(a: V, b: V):
            return a < b < a

        chain(a, a)


@pytest.mark.parametrize("f", [
    lambda a, b: a + b, lambda a, b: b * 2.0, lambda a, b: -a, lambda a, b: sum([a, b]), lambda a, b: sum(c for c in [a, b]),
    lambda a, b: np.add(a, b), lambda a, b: (a, (a + b).x), lambda a, b: np.array([c + c for c in [a, b]])[1].x,
])
def test_operators_that_the_text_does_not_show(f: Callable[..., Any]) -> None:
    """The fields have the same types, so one compiled function serves both classes."""
    jitted = dv.jit(f)
    for _ in range(3):
        jitted(Plain(1.0, 2.0), Plain(3.0, 4.0))
    for g in (jitted, dv.jit(f)):  # the second one takes the code from the disk
        for _ in range(2):
            with pytest.raises(dv.TypeError, match="V has its own __(add|mul|neg)__") as e:
                g(V(1.0, 2.0), V(3.0, 4.0))
        assert "p: V" in (e.value.help or "")
    with pytest.raises(dv.TypeError, match="V has its own"):
        dv.vmap(f)(V(np.ones(2), np.ones(2)), V(np.ones(2), np.ones(2)))
    assert dv.jit(lambda a, b: a.x + b.y * 2.0)(V(1.0, 2.0), V(3.0, 4.0)) == 9.0
    with pytest.raises(dv.TypeError, match="which has its own __getitem__"):
        dv.jit(lambda a: a["x"])(V(1.0, 2.0))


# ---------------------------------------------------------------- how records are made


@dataclass(kw_only=True)
class Named:
    a: float = 1.0


@dataclass
class Mixed(Named):
    b: float = 2.0


@dataclass
class Behind:
    a: float
    _: KW_ONLY
    b: dv.f64["n"]
    c: float = field(default=3.0)


def test_fields_that_go_by_name() -> None:
    assert dv.jit(lambda t: Mixed(t).a + 10 * Mixed(t).b)(3.0) == 31.0
    assert dv.jit(lambda t: Mixed(t))(3.0) == Mixed(3.0) and dv.jit(lambda t: Mixed(t, a=t + 1))(3.0) == Mixed(3.0, a=4.0)
    assert dv.jit(lambda m: m)(Mixed(3.0, a=9.0)) == Mixed(3.0, a=9.0)
    assert dv.jit(lambda t: Named(a=t))(2.0) == Named(a=2.0)
    assert dv.grad(lambda m: m.a**2 * m.b)(Mixed(3.0, a=2.0)) == Mixed(4.0, a=12.0)
    made = dv.jit(lambda t: Behind(t, b=np.ones(2) * t))(2.0)
    assert type(made) is Behind and (made.a, made.c) == (2.0, 3.0) and made.b.tolist() == [2.0, 2.0]
    for wrong, message in ((lambda t: Behind(t, t), "takes 1 argument by position"), (lambda t: Mixed(t, b=t), "b of Mixed is given twice")):
        with pytest.raises(dv.SyntaxError, match=message):
            dv.jit(wrong)(1.0)


@dataclass
class Init:
    a: float
    b: float

    def __init__(self, b, a):
        self.a, self.b = 2 * a, b


@dataclass
class Post:
    a: float
    b: float = 0.0

    def __post_init__(self):
        self.b = math.pi * self.a**2


@dataclass
class Checked:
    a: float
    b: float

    def __post_init__(self):
        if self.b < 0:
            raise ValueError("negative")
        self.sum = self.a + self.b


@dataclass
class Later:
    a: float
    b: float = field(init=False, default=3.0)


@dataclass
class Given:
    a: float
    b: float = 0.0
    c: InitVar[float] = 0.0


@dataclass
class Setting:
    a: float
    b: float

    def __setattr__(self, name, value):
        object.__setattr__(self, name, 2 * value)


class Twice(Pair):
    def __new__(cls, x):
        return super().__new__(cls, x, 2 * x)


class Meta(type):
    def __call__(cls, *args):
        return super().__call__(*(2 * a for a in args))


@dataclass
class OfMeta(metaclass=Meta):
    a: float
    b: float


@dataclass(frozen=True, slots=True)
class Frozen:
    a: float
    b: float = 2.0


@pytest.mark.parametrize("make, own", [
    (lambda t: Init(t, t).a, "__init__"), (lambda t: Post(t).b, "__post_init__"), (lambda t: Checked(t, t).a, "__post_init__"),
    (lambda t: Later(t).b, "__init__"), (lambda t: Given(t).a, "__init__"), (lambda t: Setting(t, t).a, "__setattr__"),
    (lambda t: Twice(t).y, "__new__"), (lambda t: OfMeta(t, t).a, "__call__ of the metaclass"),
    (lambda t: replace(OUTSIDE_POST, a=t).b, "__post_init__"),
])
def test_made_in_a_way_of_their_own(make: Callable[..., Any], own: str) -> None:
    make(1.0)  # Python does something
    with pytest.raises(dv.SyntaxError, match=f"more than to keep its fields when it is made: it has its own {own}"):
        dv.jit(make)(1.0)


OUTSIDE_POST = Post(2.0)


@pytest.mark.parametrize("p, own", [
    (Init(1.0, 2.0), "__init__"), (Post(2.0), "__post_init__"), (Setting(1.0, 2.0), "__setattr__"), (OfMeta(1.0, 2.0), "__call__ of the metaclass"),
])
def test_results_that_their_class_would_change(p: Any, own: str) -> None:
    f = dv.jit(lambda p: p.a * p.b)
    assert f(p) == p.a * p.b
    slope = dv.grad(lambda p: p.a * p.b)
    for g in (slope, dv.jit(lambda p: p)) if own != "__post_init__" else (slope,):
        with pytest.raises(dv.TypeError, match=f"the result is a {type(p).__name__}, but its {own} changes"):
            g(p)


def test_results_that_their_class_leaves_alone() -> None:
    same = dv.jit(lambda p: p)
    assert same(Post(2.0)) == Post(2.0) and same(Checked(1.0, 2.0)).sum == 3.0 and same(Frozen(1.0)) == Frozen(1.0)
    nan = same(Checked(math.nan, 1.0))
    assert math.isnan(nan.a) and nan.b == 1.0
    assert dv.grad(lambda p: p.a * p.b)(Frozen(3.0)) == Frozen(2.0, 3.0) and dv.jit(lambda t: Frozen(t).b)(1.0) == 2.0
    with pytest.raises(dv.TypeError, match="refuses its values .ValueError: negative"):
        dv.grad(lambda p: p.a - p.b)(Checked(1.0, 2.0))


def test_replace_runs_what_makes_a_record() -> None:
    with pytest.raises(dv.SyntaxError, match="it has its own __post_init__"):
        @dv.jit
        def known(p: Post):
            return replace(p, a=3.0).b

    unknown = dv.jit(lambda p: replace(p, a=3.0))
    assert unknown(Frozen(1.0)) == Frozen(3.0)
    for p in (Post(1.0), Setting(1.0, 2.0)):
        with pytest.raises(dv.TypeError, match=f"found a {type(p).__name__}, which has its own"):
            unknown(p)
    assert dv.jit(lambda p: p._replace(x=5.0))(Pair(1.0, 2.0)) == Pair(5.0, 2.0)


# ---------------------------------------------------------------- how fields are read


class Tripled:
    def __set_name__(self, owner, name):
        self.name = "_" + name

    def __get__(self, instance, owner=None):
        return 1.0 if instance is None else 3 * getattr(instance, self.name)

    def __set__(self, instance, value):
        setattr(instance, self.name, value)


@dataclass
class Described:
    a: float = Tripled()  # type: ignore[assignment]


@dataclass
class Reading:
    a: float

    def __getattribute__(self, name):
        found = object.__getattribute__(self, name)
        return 10 * found if name == "a" else found


class Item(NamedTuple):
    a: float
    b: float

    def __getitem__(self, k):
        return 42.0


class Hidden(Pair):
    @property
    def x(self):
        return 100.0


class Above:
    @functools.cached_property
    def a(self):
        return 7.0


@dataclass
class Under(Above):
    """What the class above has is no way to read the field."""

    a: float


@pytest.mark.parametrize("p, own", [
    (Described(2.0), "a"), (Reading(2.0), "__getattribute__"), (Item(1.0, 2.0), "__getitem__"), (Hidden(1.0, 2.0), "x"),
])
def test_classes_that_are_no_records(p: Any, own: str) -> None:
    cls = type(p)

    def typed(p):
        return p

    typed.__annotations__["p"] = cls
    with pytest.raises(dv.SyntaxError, match=f"{cls.__name__} is no record: it has its own {own}"):
        dv.jit(typed)(p)
    for f in (lambda p: 1.0, lambda p: p):
        with pytest.raises(dv.TypeError, match=f"has its own {own}"):
            dv.jit(f)(p)
    with pytest.raises(dv.TypeError, match=f"has its own {own}"):
        dv.grad(lambda p: 1.0)(p)
    assert dv.jit(lambda p: p.a)(Under(2.0)) == 2.0
