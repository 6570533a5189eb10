"""The short way of a call gives what the long way gives, for every argument; and is taken where it should be."""

from __future__ import annotations

import copy
import gc
import itertools
import math
import pickle
import random
import signal
import sys
import threading
import tracemalloc
import types
import weakref
from collections import namedtuple
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, NamedTuple

import derivant as dv
import numpy as np
import pytest
from derivant.compiler import errors
from derivant.runtime import fastcall, function
from derivant.runtime.function import Function

PROGRAM = """
type Point = {x: f64, y: f64}
type Camera = {at: Point, k: i64, shift: f64[n]}
type Shape = Circle(f64) | Box(f64, f64)

def square(x: f64) -> f64 = x * x + 1.0
def mixed(a: f64, b: i64, c: bool) -> f64 = if c then a + b else a - b
def single(x: f32) -> f32 = x * x
def whole(i: i32) -> i32 = i
def either(c: bool) -> bool = not c
def far(n: i64) -> i64 = n - 1
def norm(v: f64[n]) -> f64 = sum(v[i] * v[i] for i)
def twice(v: f64[n]) -> f64[n] = [2.0 * v[i] for i]
def singles(v: f32[n]) -> f32[n] = [v[i] + v[i] for i]
def flags(v: bool[n]) -> i64 = sum(if v[i] then 1 else 0 for i)
def counts(v: i64[n], w: i32[n]) -> i64[n] = [v[i] + i64(w[i]) for i]
def dot(a: f64[n], b: f64[n]) -> f64 = sum(a[i] * b[i] for i)
def apply(a: f64[m, n], x: f64[n]) -> f64[m] = [sum(a[i, j] * x[j] for j) for i]
def three(v: f64[3]) -> f64 = v[0] + v[1] + v[2]
def table(n: i64) -> f64[n, 2] = [[1.0 * i + 2.0 * j for j < 2] for i < n]
def upto(v: f64[n], n: i64) -> f64 = sum(v[i] for i)
def steps(v: f64[n + 1], w: f64[n]) -> f64[n] = [w[i] * (v[i + 1] - v[i]) for i < n]
def triangle(d: i64, v: f64[d * (d + 1) // 2]) -> f64 = sum(v[i] ** 2 for i)
def at(v: f64[n], i: i64) -> f64 = v[i]
def power(x: f64, n: i64 = 2) -> f64 = x ** n
def flipped(p: Point) -> Point = Point(x = p.y, y = p.x)
def seen(c: Camera[n]) -> (f64, Point) = (c.at.x + sum(c.shift) + c.k, c.at)
def pair(t: (f64, f64[n])) -> (f64[n], (f64, i64)) = ([t[0] * t[1][i] for i], (t[0], 3))
def cloud(p: Point[n]) -> Point[n] = [Point(x = p[i].y, y = 2.0 * p[i].x) for i]
def positive(v: f64[n]) -> f64[_] = [v[i] for i if v[i] > 0]
def area(s: Shape) -> f64 =
  match s
    Circle(r) -> pi * r ** 2
    Box(w, h) -> w * h
def any(x) = x + x
def both(p) = (p.x * p.y, p.y)
def times(x, y) = x * y
def told(x: f64) -> f64 = show(x)
def forever(x: f64) -> f64 = loop y = x while y > 0 do y + 1.0
def checked(x: f64) -> f64 =
  assert x > 0, "x is {x}"
  sqrt(x)
"""

long_calls = 0


@pytest.fixture(scope="module")
def m() -> Iterator[dv.Module]:
    """The program; calls that go the long way are counted."""
    usual = Function._long_way

    def counted(self: Function, *args: Any, **named: Any) -> Any:
        global long_calls
        long_calls += 1
        return usual(self, *args, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Function, "_long_way", counted)
        yield dv.compile(PROGRAM)


def warm(f: Function, *args: Any, **named: Any) -> Function:
    for _ in range(2):
        f(*args, **named)
    return f


def short(f: Function, *args: Any, **named: Any) -> bool:
    """Does this call go the short way?"""
    before = long_calls
    f(*args, **named)
    return long_calls == before


def outcome(call: Any, *args: Any, **named: Any) -> Any:
    """What a call gives, in a form that compares: types, dtypes, layout, bits; or the error."""
    try:
        return shape_of(call(*args, **named))
    except errors.Error as e:
        return type(e), e.code, e.message, e.help, str(e.span)


def shape_of(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        f = value.flags
        assert f.c_contiguous and f.writeable and f.aligned
        return value.dtype.str, value.shape, value.strides, value.tobytes()
    if isinstance(value, tuple):
        return type(value), [shape_of(v) for v in value]
    if hasattr(value, "_values"):
        return type(value), [shape_of(v) for v in value._values]
    if isinstance(value, dict):
        return dict, {k: shape_of(v) for k, v in value.items()}  # in any order
    if is_dataclass(value):
        return type(value), [(f.name, shape_of(getattr(value, f.name))) for f in fields(value)]
    return type(value), np.asarray(value).tobytes()


class MyFloat(float):
    pass


class MyInt(int):
    pass


class MyArray(np.ndarray[Any, Any]):
    pass


class Index:
    def __index__(self) -> int:
        return 3


@dataclass(repr=False)  # one of them lacks a field
class Spot:
    x: float
    y: float


class Place(Spot):
    """One more class with the fields."""


def bare_spot() -> Spot:
    found = Spot(1.0, 2.0)
    del found.y
    return found


Named = namedtuple("Named", "x y")


def frozen(a: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    a.flags.writeable = False
    return a


def odd_address() -> np.ndarray[Any, Any]:
    a = np.zeros(25, np.uint8)[1:].view(np.float64)
    a[:] = [1.0, 2.0, 3.0]
    return a


V = np.array([1.0, 2.0, 3.0])
SCALARS: list[Any] = [
    1.5, -0.0, float("nan"), float("inf"), 2, -7, 0, 2**53 + 1, 2**63 - 1, -(2**63), 2**63, -(2**63) - 1, 10**400, True, False,
    np.float64(2.5), np.float32(0.1), np.float16(0.5), np.int64(5), np.int32(-5), np.int8(5), np.uint64(2**63), np.bool_(True),
    np.longlong(4), np.longdouble(1.5), np.complex128(1), 1j, None, "1.0", b"1", MyFloat(2.5), MyInt(2), Index(), object(), [1.0], (1.0,),
    {"x": 1.0}, np.array(2.5), np.array(2), V, 2**31, 2**31 - 1, -(2**31),
]
ARRAYS: list[Any] = [
    V, V[::-1], np.arange(6.0)[::2], np.asfortranarray(V), frozen(V.copy()), V.astype(">f8"), odd_address(), V.astype(np.float32),
    V.astype(int), V.astype(np.int32), V.astype(np.uint8), V.astype(bool), V.astype(complex), V.astype(np.longdouble), V.view(MyArray),
    np.ma.masked_array(V), np.ma.masked_array(V, [True, False, False]), np.array([1.0, "a"], object), np.array(["a", "b", "c"]),
    [1.0, 2.0, 3.0], (1, 2, 3), range(3), [1.0, [2.0]], [], np.zeros(0), np.zeros(2), np.zeros((3, 1)), np.zeros((1, 3)), np.zeros((0, 3)),
    np.zeros((3, 3))[:, 1], np.broadcast_to(1.0, (3,)), np.lib.stride_tricks.as_strided(V, (3,), (0,)), np.ones((3, 3)).T, np.float64(1.0), 1.0,
    None, "abc", np.zeros(3, [("x", float)]), np.zeros(3, "m8[s]"), memoryview(V), np.zeros(3, np.dtype(float, metadata={"a": 1})),
    np.array([1, 2, 3], np.longlong), pickle.loads(pickle.dumps(V)), np.array([True, False, True]), np.zeros(3, np.float16),
]
POINT = dv.compile(PROGRAM).Point
RECORDS: list[Any] = [
    POINT(1.0, 2.0), {"x": 1.0, "y": 2.0}, {"y": 2, "x": 1}, {"x": 1.0}, {"x": 1.0, "y": 2.0, "z": 3.0}, {"x": 1.0, "z": 2.0}, {},
    Named(1.0, 2.0), Named(V, 2), Named(np.float64(1.0), 2.0), Named(1.0, None), Spot(1.0, 2.0), Spot(1.0, True), Spot(V, V), Spot(V[::-1], V),
    Spot(V, np.zeros(2)), Spot(V, [1.0, 2.0, 3.0]), Place(1.0, 2.0), bare_spot(), (1.0, 2.0), [1.0, 2.0], POINT(1.0, "2"), POINT(True, 2.0), POINT(V, V), {"x": V, "y": V[::-1]},
    {"x": V, "y": np.zeros(2)}, [POINT(1.0, 2.0), {"x": 1, "y": 2}], {1: 2.0, "x": 1.0}, None, 1.0, V, POINT(np.float64(1), np.float32(2)),
]
TUPLES: list[Any] = [(2.0, V), [2.0, V], (2.0, V[::2]), (2, V), (2.0, V, 1), (2.0,), (V, 2.0), (2.0, [1.0]), Named(2.0, V), 2.0, None]

FIRST: list[tuple[str, tuple[Any, ...], list[Any]]] = [
    *((n, (a,), SCALARS) for n, a in {
        "square": 1.5, "single": np.float32(2), "whole": 3, "either": True, "far": 4, "checked": 2.0, "any": 1.5, "power": 2.0,
    }.items()),
    ("any", (3,), SCALARS), ("any", (np.float32(3),), SCALARS), ("any", (np.int32(3),), SCALARS),
    *((n, (a,), ARRAYS) for n, a in {
        "norm": V, "twice": V, "singles": V.astype(np.float32), "flags": V > 1, "three": V, "positive": V - 2, "any": V,
    }.items()),
    ("square", (V,), [*ARRAYS, *SCALARS]), ("any", (V.astype(int),), [*ARRAYS, *SCALARS]),
    *(("flipped", (make(1.0, 2.0),), RECORDS) for make in (POINT, Named, Spot)), *(("cloud", (make(V, V),), RECORDS) for make in (POINT, Named, Spot)),
    *(("both", (make(1.0, 2.0),), RECORDS) for make in (POINT, Named, Spot, lambda x, y: {"x": x, "y": y})), ("both", (Spot(V, 2.0),), RECORDS),
    ("any", ((1.0, V),), TUPLES), ("pair", ((2.0, V),), TUPLES),
]


@pytest.mark.parametrize("name, first, pool", FIRST, ids=[f"{n}-{k}" for k, (n, _, _) in enumerate(FIRST)])
def test_every_argument_does_the_same_either_way(m: dv.Module, name: str, first: tuple[Any, ...], pool: list[Any]) -> None:
    f = Function(m._unit, name, m._unit.signature(name), plain=True)
    try:
        warm(f, *first)
    except errors.Error:
        assert name == "any"
    else:
        assert short(f, *first)
    for value in pool:
        before = repr(value)
        for _ in range(3):  # the third call of a type that is new has a short way of its own
            assert outcome(f, value) == outcome(f._long_way, value), value
        assert repr(value) == before


@pytest.mark.parametrize("name, first", [
    ("mixed", (1.0, 2, True)), ("dot", (V, V)), ("counts", (V.astype(int), V.astype(np.int32))), ("upto", (V, 3)), ("steps", (np.arange(4.0), V)),
    ("triangle", (2, V)), ("at", (V, 1)), ("times", (V, V)), ("apply", (np.ones((3, 3)), V)), ("times", (2.0, 3.0)),
])
def test_pairs_of_arguments_do_the_same_either_way(m: dv.Module, name: str, first: tuple[Any, ...]) -> None:
    f = Function(m._unit, name, m._unit.signature(name), plain=True)
    try:
        warm(f, *first)
        assert short(f, *first)
    except errors.Error:
        assert name == "times"
    small = [1.5, 2, -1, 3, True, 2**63, V, V[::-1], np.arange(4.0), np.zeros(0), np.zeros(6), np.ones((3, 3)), np.ones((4, 3)).T, V.astype(int),
             V.astype(np.int32)]  # fmt: skip
    for rest in itertools.product(small, repeat=len(first)):
        assert outcome(f, *rest) == outcome(f._long_way, *rest), rest


def random_type(r: random.Random, depth: int, declared: list[str]) -> tuple[str, Callable[[], Any]]:
    """A type, and a maker of values that fit it, where n is 3."""
    choice = r.randrange(4) if depth else r.randrange(2)
    if choice == 0:
        kind, values = r.choice([
            ("f64", [1.5, 2, np.float64(0.5)]), ("i64", [3, np.int64(-4)]), ("bool", [True, np.bool_(False)]),
            ("f32", [np.float32(2)]), ("i32", [7, np.int32(8)]),
        ])  # fmt: skip
        return kind, lambda: r.choice(values)
    if choice == 1:
        kind, dtype = r.choice([("f64", "f8"), ("i64", "i8"), ("f32", "f4"), ("i32", "i4"), ("bool", "?")])
        sizes = [r.choice([("n", 3), ("2", 2), ("n", 3), ("2 * n", 6), ("n * n", 9)]) for _ in range(r.randint(1, 3))]

        def array() -> Any:
            a = (8 * np.random.default_rng(r.randrange(99)).random([n for _, n in sizes])).astype(dtype)
            return r.choice([a, np.asfortranarray(a), np.repeat(a, 2, axis=0)[::2], frozen(a)])

        return f"{kind}[{', '.join(s for s, _ in sizes)}]", array
    parts = [random_type(r, depth - 1, declared) for _ in range(r.randint(2, 3))]
    if choice == 2:
        return f"({', '.join(t for t, _ in parts)})", lambda: tuple(make() for _, make in parts)
    name, fields = f"R{len(declared)}", ", ".join(f"a{k}: {t}" for k, (t, _) in enumerate(parts))
    declared.append(f"type {name} = {{{fields}}}")
    return name + ("[n]" if "n" in fields else ""), lambda: {f"a{k}": make() for k, (_, make) in enumerate(parts)}


def spoiled(r: random.Random, value: Any) -> Any:
    """A value with one part replaced."""
    if isinstance(value, tuple) and value:
        k = r.randrange(len(value))
        return (*value[:k], spoiled(r, value[k]), *value[k + 1:])
    if isinstance(value, dict) and r.randrange(4):
        k = r.choice(list(value))
        return {**value, k: spoiled(r, value[k])}
    if isinstance(value, np.ndarray) and r.randrange(2):
        return value.astype(r.choice(["f8", "f4", "i8", "i4", "?", ">f8"])) if r.randrange(2) else np.concatenate([value, value[:1]])
    return r.choice([*SCALARS, *ARRAYS, *RECORDS, *TUPLES])


@pytest.mark.parametrize("seed", range(24))
def test_random_types_and_values_do_the_same_either_way(m: dv.Module, seed: int) -> None:
    r, declared = random.Random(seed), list[str]()
    params = [random_type(r, 2, declared) for _ in range(2)]
    head = ", ".join(f"p{k}: {t}" for k, (t, _) in enumerate([("f64[n]", None), *params]))
    result = ", ".join(t for t, _ in params)
    module = dv.compile("\n".join([*declared, f"def f({head}) -> ({result}) = (p1, p2)"]))
    f = module.f

    def arguments() -> tuple[Any, ...]:
        return V, *(make() for _, make in params)

    warm(f, *arguments())
    assert short(f, *arguments())
    for _ in range(40):
        args = arguments()
        assert outcome(f, *args) == outcome(f._long_way, *args)
        assert outcome(f, *args) == outcome(f, V, *f(*args)) and short(f, V, *f(*args))
        args = spoiled(r, args)
        assert outcome(f, *args) == outcome(f._long_way, *args), args


def test_what_goes_the_short_way(m: dv.Module) -> None:
    camera = {"at": POINT(1.0, 2.0), "k": 3, "shift": V}
    calls: list[tuple[Function, tuple[Any, ...]]] = [
        (m.mixed, (1.0, 2, True)), (m.norm, (V,)), (m.apply, (np.ones((2, 3)), V)), (m.table, (3,)), (m.upto, (V, 3)),
        (m.steps, (np.arange(4.0), V)), (m.triangle, (2, V)), (m.flipped, (POINT(1.0, 2.0),)), (m.seen, (camera,)), (m.pair, ((2.0, V),)),
        (m.cloud, (POINT(V, V),)), (m.positive, (V,)), (m.power, (2.0,)), (m.power, (2.0, 3)), (m.square, (V,)), (m.any, (V,)),
        (dv.grad(m.norm), (V,)), (dv.value_and_grad(m.norm, (0,)), (V,)), (dv.hessian(m.norm, (0,)), (V,)), (dv.jacobian(m.twice), (V,)),
        (dv.hvp(m.norm), (V, V)), (dv.grad(m.dot, argnums=(0, 1)), (V, V)),
    ]
    for f, args in calls:
        warm(f, *args)
        assert short(f, *args), f
        assert outcome(f, *args) == outcome(f._long_way, *args)
    assert short(m.norm, V[::-1]) and short(m.norm, frozen(V.copy())) and short(m.norm, np.zeros(0))
    assert short(m.mixed, 1, np.int64(2), np.bool_(False)) and short(m.mixed, np.float64(1.0), 2, c=True)
    assert short(m.flipped, {"y": 1.0, "x": 2})
    for make in (Named, Spot, POINT, lambda x, y: {"x": x, "y": y}):
        assert short(warm(m.both, make(1.0, 2.0)), make(2.0, 3.0)) and short(warm(m.flipped, make(1.0, 2.0)), make(1.0, 2.0))
    assert not short(m.both, Place(1.0, 2.0))
    assert not short(m.norm, [1.0]) and not short(m.norm, V.astype(int)) and not short(m.square, np.array(1.0))


def test_transforms_make_a_function_once(m: dv.Module) -> None:
    """So that what comes of them in a loop goes the short way too; bound arguments are put in front of it."""
    assert dv.grad(m.norm) is dv.grad(m.norm) is not dv.grad(m.norm, (0,))
    for _ in range(3):
        assert dv.jvp(m.norm, V, V)[1] == 28.0
        value, pullback = dv.vjp(m.norm, V)
        assert value == 14.0 and pullback(2.0).tolist() == [4.0, 8.0, 12.0]
        assert dv.linearize(m.twice, V)[1](V).tolist() == [2.0, 4.0, 6.0]
    again = dv.vjp(m.norm, V)[1]
    assert again._base is pullback._base is not None and short(again._base, V, 1.0)
    assert outcome(again) == outcome(pullback) and "takes 1 argument, 2 were given" in outcome(again, 1.0, 2.0)[2]
    assert outcome(again, cotangent=2.0) == outcome(again, 2.0) and str(again.signature) == "pullback of norm(cotangent: f64)"


def test_keywords(m: dv.Module) -> None:
    f = warm(m.mixed, 1.0, 2, True)
    wanted = f._long_way(1.0, 2, True)
    assert f(a=1.0, b=2, c=True) == f(c=True, a=1.0, b=2) == f(1.0, c=True, b=2) == f(**{"".join("a"): 1.0}, b=2, c=True) == wanted
    assert short(f, 1.0, c=True, b=2)
    for args, named in [
        ((1.0,), {"a": 1.0, "b": 2}), ((1.0, 2), {"d": True}), ((), {}), ((1.0, 2, True, 1), {}), ((1.0, 2, True), {"a": 1.0}), ((1.0, 2), {}),
    ]:
        assert outcome(f, *args, **named) == outcome(f._long_way, *args, **named)
        assert outcome(f, *args, **named)[0] is dv.TypeError


def test_defaults_keep_their_places() -> None:
    f = dv.compile("def f(a: f64, b: f64 = 10.0, c: f64 = 100.0) -> f64 = a + 2.0 * b + 3.0 * c").f
    for _ in range(4):
        assert f(1.0, c=2.0) == 27.0 and f(1.0, 2.0) == 305.0 and f(1.0) == 321.0 and f(1.0, b=2.0) == 305.0 and f(1.0, 2.0, 3.0) == 14.0


def test_what_has_no_short_way(m: dv.Module, capsys: pytest.CaptureFixture[str]) -> None:
    area = m.area
    for _ in range(3):
        assert area(m.Box(2.0, 3.0)) == 6.0
        assert m.told(2.0) == 2.0
    assert not short(area, m.Box(2.0, 3.0)) and not short(m.told, 2.0)
    assert len(capsys.readouterr().out.splitlines()) == 4
    assert function._SHORT_WAYS == 8
    chained = dv.compile("def f(x, y, z) = (x + x, y + y, z + z)").f
    for _ in range(3):
        for args in itertools.product((1.5, 2, np.float32(2)), repeat=3):
            assert outcome(chained, *args) == outcome(chained._long_way, *args)


def test_other_pythons_have_no_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fastcall, "_routine", lambda: None)
    f = dv.compile("def f(x: f64) -> f64 = x + 1.0").f
    assert [f(1.0) for _ in range(4)] == [2.0] * 4 and f.__call__ == f._long_way


def test_other_layouts_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fastcall._plain_objects() and fastcall._numpy_api() is not None
    monkeypatch.setattr(fastcall, "_plain_array", lambda a: False)
    assert fastcall._numpy_api() is None
    monkeypatch.setattr(fastcall.sysconfig, "get_config_var", lambda name: 1)
    assert not fastcall._plain_objects()


def test_errors_of_the_program(m: dv.Module) -> None:
    for f, good, bad in (m.at, (V, 0), (V, 3)), (m.at, (V, 0), (V, -4)), (m.checked, (2.0,), (-1.5,)):
        warm(f, *good)
        assert short(f, *good)
        before = long_calls
        got = outcome(f, *bad)
        assert long_calls == before and got[0] in (dv.BoundsError, dv.AssertError) and got == outcome(f._long_way, *bad)
        assert short(f, *good)


def test_results_are_fresh(m: dv.Module) -> None:
    f = warm(m.twice, V)
    a, b = f(V), f(V)
    a[0] = 99.0
    assert b[0] == 2.0 and V[0] == 1.0 and a.base is None and not np.shares_memory(a, b)
    big = np.ones(1 << 18)
    kept = warm(m.positive, big)(big)
    assert short(m.positive, big) and kept.shape == big.shape and kept.sum() == 1 << 18


def test_one_array_twice(m: dv.Module) -> None:
    f = warm(m.dot, V, V)
    assert f(V, V) == 14.0 and f(V, V[::-1]) == 10.0


def test_no_memory(m: dv.Module) -> None:
    f = warm(m.table, 3)
    for n in 10**15, 2**62, 2**63 - 1, -5:
        assert outcome(f, n) == outcome(f._long_way, n)


def test_nothing_is_lost(m: dv.Module) -> None:
    """Neither objects nor memory, whichever way a call ends."""
    x, v, strided, point = 1.5e300, np.arange(10.0), np.arange(20.0)[::2], POINT(1e300, 2e300)
    pair, record = (2.5, v), {"x": 1.25, "y": 2.25}
    calls: list[tuple[Function, tuple[Any, ...]]] = [
        (m.square, (x,)), (m.twice, (v,)), (m.twice, (strided,)), (m.flipped, (point,)), (m.flipped, (record,)), (m.pair, (pair,)),
        (m.positive, (v,)), (dv.vjp(m.norm, v)[1], (x,)), (m.at, (v, 10)), (m.dot, (v, V)), (m.cloud, ({"x": v, "y": strided},)),
        (m.pair, ((2.5, strided[:0]),)), (m.mixed, (x, 2, 3)),
    ]
    warm(m.at, v, 0), warm(m.dot, v, v), warm(m.mixed, x, 2, True)
    counted = (x, v, strided, point, pair, record, V, *map(np.dtype, ("f8", "i8")), type(point), float, np.ndarray, None, True)

    def all_calls(times: int) -> None:
        for f, args in calls:
            for _ in range(times if short_or_fails(f, args) else times // 20):
                try:
                    f(*args)
                except errors.Error:
                    pass

    all_calls(100)
    gc.collect()
    before = [sys.getrefcount(c) for c in counted]
    tracemalloc.start()
    try:
        all_calls(100)
        start = tracemalloc.get_traced_memory()[0]
        all_calls(10_000)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - start
    finally:
        tracemalloc.stop()
    assert grown < 20_000
    after = [sys.getrefcount(c) for c in counted]
    assert all(abs(a - b) < 50 for a, b in zip(after, before, strict=True)), list(zip(before, after, strict=True))


def short_or_fails(f: Function, args: tuple[Any, ...]) -> bool:
    try:
        return short(f, *args)
    except errors.Error:
        return False


def test_functions_are_collected(m: dv.Module) -> None:
    f = warm(dv.grad(Function(m._unit, "norm", m._unit.signature("norm"), plain=True)), V)
    assert short(f, V)
    seen, call = weakref.ref(f), f.__call__
    del f
    assert call(V).tolist() == [2.0, 4.0, 6.0]
    del call
    gc.collect()
    assert seen() is None


def test_pickle_and_copy(m: dv.Module) -> None:
    f = warm(dv.grad(m.norm), V)
    for g in (pickle.loads(pickle.dumps(f)), copy.copy(f), copy.deepcopy(f)):
        for _ in range(3):
            assert g(V).tolist() == [2.0, 4.0, 6.0]
        assert str(g) == str(f)


def test_threads(m: dv.Module) -> None:
    """Many threads in one function, some with mistakes, while short ways come into being."""
    f = Function(m._unit, "at", m._unit.signature("at"), plain=True)
    g = Function(m._unit, "twice", m._unit.signature("twice"), plain=True)
    wrong: list[object] = []

    def work(k: int) -> None:
        v = np.full(50, float(k))
        for i in range(2000):
            if f(v, i % 50) != k or not (g(v) == 2 * k).all():
                wrong.append(k)
            if i % 100 == 0:
                try:
                    f(v, 50)
                    wrong.append("no error")
                except dv.BoundsError as e:
                    if "50" not in str(e):
                        wrong.append(e)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_the_lock_is_given_up_and_signals_arrive(m: dv.Module) -> None:
    f = warm(m.forever, -1.0)
    assert short(f, -1.0)
    for error in KeyboardInterrupt, ZeroDivisionError:

        def handler(*_: object, error: type[BaseException] = error) -> None:
            assert m.norm(V) == 14.0  # a call inside a call
            raise error

        before = signal.signal(signal.SIGUSR1, handler)
        timer = threading.Timer(0.2, signal.raise_signal, (signal.SIGUSR1,))  # runs only if the lock is free
        try:
            timer.start()
            with pytest.raises(error):
                f(1.0)
        finally:
            timer.join()
            signal.signal(signal.SIGUSR1, before)
    assert short(f, -1.0)


def test_at_the_bottom_of_the_stack(m: dv.Module) -> None:
    f = warm(m.at, V, 0)

    def down() -> float:
        try:
            return down()
        except RecursionError:
            return float(f(V, 1))

    assert down() == 2.0


def test_a_dict_that_changes_while_it_is_read(m: dv.Module) -> None:
    """Keys may run Python code; what was read before stays."""
    class Key(str):
        def __hash__(self) -> int:
            return hash("y")

        def __eq__(self, other: object) -> bool:
            record.clear()
            return False

    f = warm(m.cloud, {"x": V, "y": V})
    for _ in range(3):
        record: dict[Any, Any] = {"x": np.arange(3.0), Key("z"): 1.0}
        with pytest.raises((errors.Error, RuntimeError, KeyError)):
            f(record)


def test_a_signature_stays_what_it_was(m: dv.Module) -> None:
    import inspect

    f = warm(m.mixed, 1.0, 2, True)
    assert str(inspect.signature(f)) == "(a: 'f64', b: 'i64', c: 'bool')" and callable(f)


# ---------------------------------------------------------------- results in the classes of arguments


class Checked(NamedTuple):
    x: float
    y: float


@dataclass
class Positive:
    x: float
    y: float

    def __post_init__(self) -> None:
        if np.any(np.asarray(self.x) < 0):
            raise ValueError("x must not be negative")


@dataclass(kw_only=True)
class ByName:
    y: float
    x: float


def same(p):  # type: ignore[no-untyped-def]
    return p


def turned(p, q):  # type: ignore[no-untyped-def]
    return p, q.x + p.y, q


def slope(p):  # type: ignore[no-untyped-def]
    return p.x * p.x * p.y


MAKERS: list[Callable[[Any, Any], Any]] = [
    POINT, Named, Spot, Positive, Checked, lambda x, y: {"x": x, "y": y}, lambda x, y: {"y": y, "x": x}, lambda x, y: ByName(x=x, y=y),
]


@pytest.mark.parametrize("make", MAKERS)
def test_results_in_the_classes_of_arguments_either_way(make: Callable[[Any, Any], Any]) -> None:
    """What was called often gives what is given at the first call, whatever comes."""
    pool = [m_(x, y) for m_ in MAKERS for x, y in [(1.5, 2.0), (V, 2.0), (0.5, -2.0)]]
    for f, derived in ((same, lambda f: f), (slope, dv.grad), (slope, dv.value_and_grad), (slope, lambda f: dv.hessian(f))):
        often = derived(dv.jit(f))
        for _ in range(3):
            outcome(often, make(1.5, 2.0))
        for value in pool:
            assert outcome(often, value) == outcome(derived(dv.jit(f)), value), value
    assert type(often.__call__) is type(len)


@pytest.mark.parametrize("make", MAKERS)
def test_pairs_of_records_either_way(make: Callable[[Any, Any], Any]) -> None:
    often = dv.jit(turned)
    for _ in range(3):
        outcome(often, make(1.5, 2.0), make(V, V))
    for m_ in MAKERS:
        for args in ((make(1.5, 2.0), m_(V, V)), (m_(1.5, 2.0), make(V, V)), (m_(1.5, 2.0), m_(3.0, V))):
            assert outcome(often, *args) == outcome(dv.jit(turned), *args), args


def test_a_class_that_refuses_a_result_is_named() -> None:
    f = dv.grad(dv.jit(lambda p: 0.0 - p.x * p.y))
    p = Positive(1.0, 2.0)
    for _ in range(3):
        with pytest.raises(dv.TypeError, match="x must not be negative"):
            f(p)


# ---------------------------------------------------------------- names from outside

FACTOR = 2.0


def helper(x: float) -> float:
    return x + 1.0


def other(x: float) -> float:
    return 10.0 * x


def test_names_from_outside_are_looked_at_on_the_way(m: dv.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    """What they stand for is followed; as long as that is the same, a call goes the short way."""
    inside = 3.0

    def f(x):  # type: ignore[no-untyped-def]
        return FACTOR * helper(x) + inside * math.pi * constants.k

    constants = types.ModuleType("constants")
    constants.k = 1.0  # type: ignore[attr-defined]
    jitted = warm(dv.jit(f), 2.0)

    def holds() -> None:
        for _ in range(3):
            assert jitted(2.0) == pytest.approx(f(2.0), rel=1e-15) and jitted(x=3.0) == pytest.approx(f(3.0), rel=1e-15)
        assert short(jitted, 2.0) and short(jitted, x=2.0)

    holds()
    assert type(jitted.__call__) is type(len), "it stands in front of all that is done in Python"
    monkeypatch.setitem(globals(), "FACTOR", 5.0)
    holds()
    monkeypatch.setitem(globals(), "helper", other)
    holds()
    monkeypatch.setattr(other, "__code__", (lambda x: x - 4.0).__code__)
    holds()
    inside = 7.0
    holds()
    constants.k = -2.0  # type: ignore[attr-defined]
    holds()
    monkeypatch.delitem(globals(), "FACTOR")
    with pytest.raises(dv.Error):
        jitted(2.0)
    monkeypatch.setitem(globals(), "FACTOR", 1.0)
    holds()


WEIGHTS = np.array([1.0, 2.0, 3.0])


def test_arrays_from_outside_are_read_on_the_way(m: dv.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = np.array([0.5, 1.0, 2.0])

    def f(x, y):  # type: ignore[no-untyped-def]
        return np.sum(WEIGHTS * x) + y * np.sum(inside)

    jitted = warm(dv.jit(f), V, 2.0)

    def holds() -> None:
        for _ in range(3):
            assert jitted(V, 3.0) == f(V, 3.0) and jitted(y=4.0, x=V) == f(V, 4.0)
        assert short(jitted, V, 2.0) and short(jitted, y=2.0, x=V)

    holds()
    WEIGHTS[1] = -7.0
    holds()
    monkeypatch.setitem(globals(), "WEIGHTS", np.array([5, 6, 7]))
    holds()
    inside = np.ones(6)[::2]
    holds()
    inside[:] = 4.0
    holds()
    monkeypatch.setitem(globals(), "WEIGHTS", np.ones(4))
    with pytest.raises(dv.SizeError):
        jitted(V, 2.0)
    with pytest.raises(dv.TypeError, match="takes 2 arguments"):
        jitted(V, 2.0, 3.0)


def test_what_watches_names_is_collected() -> None:
    def made() -> weakref.ref[Any]:
        k = 2.0
        f = warm(dv.jit(lambda x: k * x + FACTOR), 1.0)
        assert f(2.0) == 6.0
        return weakref.ref(f)

    found = made()
    gc.collect()
    assert found() is None
