"""Derivatives as programs, for parameters and results of any structure: what is printed compiles to the same numbers."""

from __future__ import annotations

from typing import Any

import derivant as dv
import numpy as np
import pytest
from derivant.runtime.records import Value

PROGRAM = """
type Shape = Circle(f64) | Box(f64, f64) | Point
type Data = Vec(f64[n]) | Num(f64, i64) | Mat(f64[n, m], f64[3])
type Single = Single(f64, f64[n])
type Fit = {w: f64[n], b: f64}
type Pair = {p: Fit[n], q: Fit[k], k: i64}
type Deep = D(Pair, (f64, Shape)) | E(f32)
type Body = {shape: Shape, mass: f64}
type P = {x: f64, y: f64}

def area(s: Shape, k: f64) -> f64 = match s { Circle(r) -> k * pi * r**2; Box(a, b) -> a * b; Point -> k }
def total(s: Data, v: f64[n]) -> f64 = match s
  Vec(v) -> sum(v * v)
  Num(x, k) -> x * x * k
  Mat(a, b) -> sum(a) * sum(b) * v[0]
def fits(a: Fit[3], b: Fit[n + 1], c: Fit, d: Fit[n][m]) -> f64 =
  sum(b.w[1:] * sum(c.w)) * a.b + sum(sum(x.w * x.w) for x in d) + a.w[2]**2
def pairs(a: Pair, b: Pair[2, 2]) -> f64 = sum(a.p.w) * sum(b.q.w ** 2) * a.q.b * a.k
def areas(s: Shape[n]) -> f64 = sum(area(x, 2) for x in s)
def single(o: Single) -> f64 = match o { Single(x, v) -> x * sum(v * v) }
def deep(d: Deep) -> f64 = match d
  D(p, (x, s)) -> x * area(s, x) * sum(p.p.w) * p.q.b
  E(x) -> f64(x) * f64(x)
def bodies(b: Body[n]) -> f64 = sum(x.mass ** 2 * area(x.shape, x.mass) for x in b)
def grid(s: P[n, m], scale: f32) -> f64 = f64(scale) * sum(q.x * q.y * q.x for row in s, q in row)
def cubic(p: P) -> f64 = p.x**2 * p.y + p.y**3
def lined(p: Fit, x: f64) = (p.w * x, p.b ** 2)
def moved(s: P, t: (f64, P)) -> P = P(s.x * t[0], s.y * t[1].x)
"""
M = dv.compile(PROGRAM)
V = np.array([1.0, 2.0, 3.0])


def fit(n: int, start: float = 1.0) -> Any:
    return M.Fit(np.arange(n) + start, 2 * start)


PAIR = M.Pair(fit(2), fit(4, 0.5), 3)
ARGS: dict[str, list[tuple[Any, ...]]] = {
    "area": [(M.Circle(2.0), 3.0), (M.Box(2.0, 3.0), 1.0), (M.Point(), 1.0)],
    "total": [(M.Vec(V), V), (M.Num(2.0, 3), V), (M.Mat(np.ones((2, 3)), V), V)],
    "fits": [(fit(3), fit(3), fit(5), {"w": np.ones((4, 2)), "b": np.ones(4)})],
    "pairs": [(PAIR, M.Pair(fit(2), fit(2), 1))],
    "areas": [([M.Circle(2.0), M.Box(1.0, 2.0), M.Point()],), ([],)],
    "single": [(M.Single(2.0, V),)],
    "deep": [(M.D(PAIR, (1.5, M.Box(2.0, 3.0))),), (M.E(np.float32(2.0)),)],
    "bodies": [({"shape": [M.Circle(2.0), M.Box(1.0, 2.0)], "mass": [1.0, 2.0]},)],
    "grid": [({"x": np.ones((2, 3)), "y": np.arange(6.0).reshape(2, 3)}, np.float32(2))],
    "cubic": [(M.P(1.0, 2.0),)],
    "lined": [(fit(3), 2.0)],
    "moved": [(M.P(1.0, 2.0), (3.0, M.P(4.0, 5.0)))],
}


def plain(v: Any) -> Any:
    """A value as nested lists; records without their names, since anonymous ones get some when they are printed."""
    if isinstance(v, Value):
        name = type(v).__name__
        return ["Record" if name.startswith("Record") else name, *map(plain, v._values)]
    if isinstance(v, tuple):
        return list(map(plain, v))
    if isinstance(v, np.ndarray):
        return [plain(x) for x in v] if v.dtype == object else v.tolist()
    return v


def same_as_printed(f: dv.Function, text: str, name: str, args: tuple[Any, ...]) -> None:
    again = dv.compile(text)
    assert plain(again[name](*args)) == plain(f(*args)), text


@pytest.mark.parametrize("argnums", ["first", "all"])
@pytest.mark.parametrize("name", [n for n in ARGS if n not in ("lined", "moved")])
def test_gradients(name: str, argnums: str) -> None:
    many = len(ARGS[name][0])
    f = dv.grad(M[name], 0 if argnums == "first" or many == 1 else tuple(range(many)))
    for args in ARGS[name]:
        same_as_printed(f, f.source, f"grad_{name}", args)


@pytest.mark.parametrize("name", [n for n in ARGS if n not in ("lined", "moved")])
def test_gradients_by_forward_mode(name: str) -> None:
    for args in ARGS[name]:
        again = dv.compile(M[name].derivative_source(None, "forward"))[f"grad_{name}"](*args)
        assert str(plain(again)) == str(plain(dv.grad(M[name])(*args)))


@pytest.mark.parametrize("transform, name", [
    (dv.jacobian, "lined"), (dv.jacobian, "moved"), (dv.hessian, "cubic"), (dv.value_and_grad, "area"),
])
def test_other_transforms(transform: Any, name: str) -> None:
    f = transform(M[name])
    for args in ARGS[name]:
        same_as_printed(f, f.source, f"{transform.__name__}_{name}", args)


def test_names_of_anonymous_records_are_free() -> None:
    m = dv.compile("type Record = {x: f64}\ndef f(r: Record) -> Record = Record(r.x ** 2)")
    text = dv.jacobian(m.f).source
    assert dv.compile(text).jacobian_f({"x": 3.0}).x.x == 6.0
    assert "type Record2 = {x: Record3}" in text or "type Record2 = {x: f64}" in text


@pytest.mark.parametrize("backend", ["interpreter", "loops", "llvm"])
def test_gradients_of_arrays_of_sums_keep_the_constructors(backend: str) -> None:
    m = dv.compile(PROGRAM, backend=backend)
    shapes, h = [m.Circle(2.0), m.Point(), m.Box(1.0, 2.0)], 1e-6
    got = dv.grad(m.areas)(shapes)
    assert [type(g).__name__ for g in got] == ["Circle", "Point", "Box"]
    slope = (m.areas([*shapes[:2], m.Box(1.0 + h, 2.0)]) - m.areas([*shapes[:2], m.Box(1.0 - h, 2.0)])) / (2 * h)
    assert got[2][0] == pytest.approx(slope, rel=1e-6)
    _, pull = dv.vjp(m.areas, shapes)
    assert plain(pull(1.0)) == plain(got)


def test_a_cotangent_of_other_constructors_in_an_array() -> None:
    m = dv.compile("type S = A(f64) | B(f64)\n"
                   "def g(s: S[n]) = vjp(fn u -> [match x { A(y) -> A(y * y); B(y) -> B(y) } for x in u], s)[1]"
                   "([A(1) for _ < n])\ndef z(s: S[n]) = (zeros_like(s), ones_like(s))")
    assert plain(m.g([m.A(3.0)])) == [["A", 6.0]]
    assert plain(m.z([m.B(3.0)])) == [[["B", 0.0]], [["B", 1.0]]]
    with pytest.raises(dv.Error) as info:
        m.g([m.A(3.0), m.B(1.0)])
    assert info.value.code == "DV0511"


def test_a_constructor_with_the_name_of_its_type() -> None:
    assert plain(M.Single(2.0, V)) == ["Single", 2.0, [1.0, 2.0, 3.0]]


def test_numbers_stay_defaults() -> None:
    m = dv.compile("""def f(x: f64, s: f64 = -2.5, k: i64 = 3, b: bool = true, e: f64 = 1e-3, t: f64 = pi) = if b then s * x**k * e * t else x
def g(p: P, s: f64 = 2) = p.x * p.y * s
type P = {x: f64, y: f64}""")
    text = dv.grad(m.f).source
    assert text.startswith("def grad_f(x: f64, s: f64 = -2.5, k: i64 = 3, b: bool = true, e: f64 = 1e-3, t: f64) -> f64 =")
    again = dv.compile(text).grad_f
    assert again(2.0, t=3.0) == dv.grad(m.f)(2.0, t=3.0)
    assert again(2.0, b=False, t=0.0) == 1
    again = dv.compile(dv.grad(m.g).source).grad_g
    assert (again({"x": 3.0, "y": 4.0}).x, again({"x": 3.0, "y": 4.0}, 3.0).x) == (8, 12)


def test_places_of_arguments_are_those_of_the_text_as_it_is_read() -> None:
    """Of odd line breaks, too: the excerpt shows the line that is meant."""
    module = dv.compile("# one\x85line\r\ndef f(v: f64[2]) -> f64 = v[0]\r\n")
    for _ in range(2):
        with pytest.raises(dv.Error) as e:
            module.f(np.zeros(3))
        assert e.value.span is not None and e.value.span.line == 2
        assert "2 │ def f(v: f64[2])" in str(e.value)
