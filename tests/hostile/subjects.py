"""Functions that are called with hostile arguments, each with a reference in NumPy.

A reference gets plain values: numbers of Python and arrays of exactly the dtype and shape that a parameter says,
however strange the argument was that stood for them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import derivant as dv
import numpy as np
from derivant.runtime import shapes
from derivant.runtime.shapes import Array, Record, Scalar, Tuple

PROGRAM = """
type Point = {x: f64, y: f64}
type Body = {at: Point, mass: f64, tag: i64, path: f64[n]}
type Pick = {a: f64, b: f64[n]}
type Shape = Circle(f64) | Box(f64, i64) | Corner(Point) | Nothing

def square(x: f64) -> f64 = x * x + 1.0
def single(x: f32) -> f32 = x + x
def whole(i: i64) -> i64 = i - 1
def small(i: i32) -> i32 = i + 1
def flag(b: bool) -> bool = not b
def mixed(a: f64, b: i64, c: bool) -> f64 = if c then a + b else a - b
def total(v: f64[n]) -> f64 = sum(v[i] * v[i] for i)
def doubled(v: f64[n]) -> f64[n] = [2.0 * v[i] for i]
def squares(v: f64[n]) -> f64[n] = [v[i] ** 2 for i]
def singles(v: f32[n]) -> f32[n] = [v[i] + v[i] for i]
def counts(v: i64[n]) -> i64 = sum(v[i] for i)
def halves(v: i32[n]) -> i32[n] = v
def marks(v: bool[n]) -> i64 = sum(if v[i] then 1 else 0 for i)
def dot(a: f64[n], b: f64[n]) -> f64 = sum(a[i] * b[i] for i)
def apply(a: f64[m, n], x: f64[n]) -> f64[m] = [sum(a[i, j] * x[j] for j) for i]
def gram(a: f64[n, n]) -> f64[n, n] = transpose(a)
def fixed(v: f64[3], a: f64[2, 2]) -> f64 = v[0] + v[1] + v[2] + a[0, 0] - a[1, 1]
def cube(a: f64[k, m, n]) -> f64[n] = [sum(a[i, j, l] for i < k, j < m) for l < n]
def four(a: f32[2, k, m, n], s: f32) -> f32[k] = [s * a[0, i, 0, 0] + a[1, i, m - 1, n - 1] for i < k]
def steps(v: f64[n + 1], w: f64[n]) -> f64[n] = [w[i] * (v[i + 1] - v[i]) for i < n]
def table(n: i64, x: f64) -> f64[n] = [x * i for i < n]
def weigh(n: i64, v: f64[n]) -> f64 = n * sum(v)
def pair(t: (f64, f64[n])) -> (f64[n], f64) = ([t[0] * t[1][i] for i], t[0])
def turned(p: Point) -> Point = Point(x = p.y, y = p.x)
def cloud(p: Point[n]) -> Point[n] = [Point(x = p[i].y, y = 2.0 * p[i].x) for i]
def heavy(b: Body[n]) -> f64 = b.mass * (b.at.x + b.tag) + sum(b.path)
def nested(t: ((i64, bool), Pick[n])) -> f64 = t[1].a * t[0][0] + (if t[0][1] then sum(t[1].b) else 0.0)
def area(s: Shape) -> f64 =
  match s
    Circle(r) -> 3.0 * r
    Box(w, h) -> w * h
    Corner(p) -> p.x - p.y
    Nothing -> 0.0
def areas(s: Shape[n]) -> f64[n] = [area(s[i]) for i]
def tuples(t: (f64, i64)[n]) -> f64 = sum(t[i][0] * t[i][1] for i)
def added(x) = x + x
def power(x: f64, n: i64 = 2) -> f64 = x ** n
def picked(v: f64[n]) -> f64[_] = [v[i] for i if v[i] > 0]
def at(v: f64[n], i: i64) -> f64 = v[i]
"""


@dv.jit
def j_total(v):  # type: ignore[no-untyped-def]
    return np.sum(v * v)


@dv.jit
def j_moved(x: dv.f64["n"], y: dv.f64["n"]):  # type: ignore[no-untyped-def]
    return x + 2 * y


@dv.jit
def j_record(p, s: float):  # type: ignore[no-untyped-def]
    return p["a"] * s + p["b"]


@dv.jit
def j_pair(t: tuple[float, int], flag: bool) -> float:
    return t[0] * t[1] if flag else t[0]


@dv.jit
def j_matrix(a: dv.f64["n", "m"], x: dv.f64["m"]):  # type: ignore[no-untyped-def]
    return a @ x


@dv.jit
def j_apply(f, x: float):  # type: ignore[no-untyped-def]
    return f(x) + 1.0


@dataclass(frozen=True)
class Subject:
    """A function under test; `types` are those that the values for its parameters have.

    `smooth`: only finite floats, so that the reference of a derivative may be a formula.  `lifts`: it takes
    arrays where its parameters are scalars.  `open`: its parameters have no types, so arguments keep theirs.
    `fails`: for which values the program itself refuses.
    """

    name: str
    call: Callable[..., Any]
    types: tuple[shapes.Type, ...]
    reference: Callable[..., Any]
    names: tuple[str, ...] = ()
    smooth: bool = False
    lifts: bool = False
    open: bool = False
    fails: Callable[..., bool] = field(default=lambda *_: False)


F, I, B = Scalar("f64"), Scalar("i64"), Scalar("bool")
V = Array(F, ("n",))
POINT = Record("Point", (("x", F), ("y", F)))


def _reference(name: str) -> Callable[..., Any]:
    f4 = np.float32
    table: dict[str, Callable[..., Any]] = {
        "square": lambda x: x * x + 1.0,
        "single": lambda x: f4(x) + f4(x),
        "whole": lambda i: (i - 1 + 2**63) % 2**64 - 2**63,
        "small": lambda i: (i + 1 + 2**31) % 2**32 - 2**31,
        "flag": lambda b: not b,
        "mixed": lambda a, b, c: a + float(b) if c else a - float(b),
        "total": lambda v: np.sum(v * v),
        "doubled": lambda v: 2 * v,
        "squares": lambda v: v * v,
        "singles": lambda v: v + v,
        "counts": lambda v: np.sum(v),
        "halves": lambda v: v,
        "marks": lambda v: int(np.sum(v)),
        "dot": lambda a, b: np.sum(a * b),
        "apply": lambda a, x: np.array([np.sum(r * x) for r in a]).reshape(len(a)),
        "gram": lambda a: a.T,
        "fixed": lambda v, a: v[0] + v[1] + v[2] + a[0, 0] - a[1, 1],
        "cube": lambda a: np.sum(a, axis=(0, 1)),
        "four": lambda a, s: f4(s) * a[0, :, 0, 0] + a[1, :, -1, -1] if a.size else a[0, :, :0].sum(axis=(1, 2)),
        "steps": lambda v, w: w * (v[1:] - v[:-1]),
        "table": lambda n, x: np.array([x * i for i in range(n)], float),
        "weigh": lambda n, v: n * np.sum(v),
        "pair": lambda t: (t[0] * t[1], t[0]),
        "turned": lambda p: {"x": p["y"], "y": p["x"]},
        "cloud": lambda p: {"x": p["y"], "y": 2 * p["x"]},
        "heavy": lambda b: b["mass"] * (b["at"]["x"] + float(b["tag"])) + np.sum(b["path"]),
        "nested": lambda t: t[1]["a"] * float(t[0][0]) + (np.sum(t[1]["b"]) if t[0][1] else 0.0),
        "area": _area,
        "areas": lambda s: np.array([_area(one) for one in s], float),
        "tuples": lambda t: np.sum(t[0] * t[1]),
        "added": lambda x: x + x,
        "power": lambda x, n=2: np.float64(x) ** n,
        "picked": lambda v: v[v > 0],
        "at": lambda v, i: v[i],
    }
    return table[name]


def _area(s: tuple[str, tuple[Any, ...]]) -> float:
    ctor, values = s
    match ctor:
        case "Circle":
            return 3.0 * values[0]  # type: ignore[no-any-return]
        case "Box":
            return values[0] * float(values[1])  # type: ignore[no-any-return]
        case "Corner":
            return values[0]["x"] - values[0]["y"]  # type: ignore[no-any-return]
    return 0.0


@cache
def module() -> Any:
    return dv.compile(PROGRAM)


@cache
def subjects() -> tuple[Subject, ...]:
    """All of them, each compiled and called, so that short ways stand in front."""
    m = module()
    found: list[Subject] = []
    fails: dict[str, Callable[..., bool]] = {
        "four": lambda a, s: 0 in a.shape[2:] and a.shape[1] > 0,
        "table": lambda n, x: n < 0,
        "weigh": lambda n, v: n < 0,
        "power": lambda x, n=2: False,
        "at": lambda v, i: not 0 <= i < len(v),
    }
    for name in m._unit.outline().functions:
        f = m[name]
        types = tuple(V if isinstance(p.type, shapes.Any) else p.type for p in f.params)
        lifts = len(types) == 1 and isinstance(types[0], Scalar)
        found.append(Subject(name, f, types, _reference(name), tuple(p.name for p in f.params), lifts=lifts,
                             open=name == "added",
                             fails=fails.get(name, lambda *_: False)))

    free = {"open": True}

    def more(name: str, call: Callable[..., Any], types: tuple[shapes.Type, ...], reference: Callable[..., Any], names: str = "", **flags: Any) -> None:
        found.append(Subject(name, call, types, reference, tuple(names.split()), **flags))

    more("j_total", j_total, (V,), lambda v: np.sum(v * v), "v", **free)
    more("j_moved", j_moved, (V, V), lambda x, y: x + 2 * y, "x y")
    more("j_record", j_record, (Record("", (("a", F), ("b", V))), F), lambda p, s: p["a"] * s + p["b"], "p s", **free)
    more("j_pair", j_pair, (Tuple((F, I)), B), lambda t, b: t[0] * float(t[1]) if b else t[0], "t flag")
    more("j_matrix", j_matrix, (Array(F, ("n", "m")), Array(F, ("m",))), _reference("apply"), "a x")
    more("j_apply", lambda x: j_apply(np.sin, x), (F,), lambda x: np.sin(x) + 1.0)
    more("added matrix", m.added, (Array(F, ("n", "m")),), lambda x: x + x, "x", **free)
    more("added record", lambda p: m.turned(m.turned(p)), (POINT,), lambda p: p)

    smooth = {"smooth": True}
    more("grad(square)", dv.grad(m.square), (F,), lambda x: 2 * x, "x")
    more("grad(total)", dv.grad(m.total), (V,), lambda v: 2 * v, "v")
    more("grad(dot, both)", dv.grad(m.dot, argnums=(0, 1)), (V, V), lambda a, b: (b, a), "a b", **smooth)
    more("value_and_grad(total)", dv.value_and_grad(m.total), (V,), lambda v: (np.sum(v * v), 2 * v), "v", **smooth)
    more("grad(heavy)", dv.grad(m.heavy), m.heavy._declared_types, lambda b: {
        "at": {"x": b["mass"], "y": 0.0}, "mass": b["at"]["x"] + float(b["tag"]), "tag": 0, "path": np.ones_like(b["path"])}, "b", **smooth)
    more("grad(nested)", dv.grad(m.nested), m.nested._declared_types, lambda t: (
        (0, False), {"a": float(t[0][0]), "b": np.full_like(t[1]["b"], t[0][1])}), "t", **smooth)
    more("grad(area)", dv.grad(m.area), m.area._declared_types, _slope_of_area, "s", **smooth)
    more("jacobian(squares)", dv.jacobian(m.squares), (V,), lambda v: np.diag(2 * v), "v", **smooth)
    more("hessian(total)", dv.hessian(m.total), (V,), lambda v: 2 * np.eye(len(v)), "v", **smooth)
    more("hvp(total)", dv.hvp(m.total), (V, V), lambda v, d: 2 * d, "", **smooth)
    more("jvp(squares)", lambda v, d: dv.jvp(m.squares, (v,), (d,)), (V, V), lambda v, d: (v * v, 2 * v * d), **smooth)
    more("jvp(dot)", lambda a, b, c, d: dv.jvp(m.dot, (a, b), (c, d)), (V, V, V, V),
         lambda a, b, c, d: (np.sum(a * b), np.sum(a * d + b * c)), **smooth)
    more("vjp(squares)", _pulled(m.squares), (V, V), lambda v, d: (v * v, 2 * v * d), **smooth)
    more("linearize(squares)", lambda v, d: dv.linearize(m.squares, v)[1](d), (V, V), lambda v, d: 2 * v * d, **smooth)
    more("vmap(square)", dv.vmap(m.square), (V,), lambda v: v * v + 1, "x")
    more("vmap(total)", dv.vmap(m.total), (Array(F, ("m", "n")),), lambda a: np.sum(a * a, axis=1), "v")
    more("vmap(dot, one)", dv.vmap(m.dot, in_axes=(0, None)), (Array(F, ("m", "n")), V), _reference("apply"), "a b")
    more("vmap(turned)", dv.vmap(m.turned), (Array(POINT, ("n",)),), lambda p: {"x": p["y"], "y": p["x"]}, "p")
    more("grad(j_total)", dv.grad(j_total), (V,), lambda v: 2 * v, "v", **free)
    more("hessian(j_total)", dv.hessian(j_total), (V,), lambda v: 2 * np.eye(len(v)), "v", **smooth, **free)
    more("vmap(j_total)", dv.vmap(j_total), (Array(F, ("m", "n")),), lambda a: np.sum(a * a, axis=1), "v", **free)
    more("grad(j_record)", dv.grad(lambda p, v: j_dot(p["b"], v) * p["a"]), (Record("", (("a", F), ("b", V))), V),
         lambda p, v: {"a": np.sum(p["b"] * v), "b": p["a"] * v}, "p v", **smooth, **free)
    return tuple(found)


def j_dot(a, b):  # type: ignore[no-untyped-def]
    return np.sum(a * b)


def _pulled(f: Any) -> Callable[..., Any]:
    def call(v: Any, d: Any) -> Any:
        value, pull = dv.vjp(f, v)
        return value, pull(d)

    return call


def _slope_of_area(s: tuple[str, tuple[Any, ...]]) -> Any:
    ctor, values = s
    match ctor:
        case "Circle":
            return ("Circle", (3.0,))
        case "Box":
            return ("Box", (float(values[1]), 0))
        case "Corner":
            return ("Corner", ({"x": 1.0, "y": -1.0},))
    return ("Nothing", ())
