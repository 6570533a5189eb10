"""The Python door: calls, transforms, errors, threads, pickles."""

from __future__ import annotations

import copy
import inspect
import pickle
import threading
from typing import Any

import derivant as dv
import numpy as np
import pytest

TEXT = """
type Point = {x: f64, y: f64}
type Shape = Circle(f64) | Box(f64, f64)

## The square of x.
def square(x: f64) -> f64 = x ** 2

def dot(a: f64[n], b: f64[n]) -> f64 = sum(a[i] * b[i] for i)

def scale(v: f64[n], by: f64 = 2.0) -> f64[n] = [by * v[i] for i]

def norm2(p: Point) -> f64 = p.x ** 2 + p.y ** 2

def shift(p: Point, d: f64) -> Point = Point(x = p.x + d, y = p.y)

def centre(ps: Point[n]) -> Point = Point(x = mean([ps[i].x for i]), y = mean([ps[i].y for i]))

def area(s: Shape) -> f64 =
  match s
    Circle(r) -> pi * r ** 2
    Box(w, h) -> w * h

def double(s: Shape) -> Shape =
  match s
    Circle(r) -> Circle(2 * r)
    Box(w, h) -> Box(2 * w, 2 * h)

def cubic(x) = x * x * x

def poly(x: f64, k: i64) -> f64 = x ** k

def positive(v: f64[n]) -> f64[_] = [v[i] for i if v[i] > 0]

def both(x: f64, y: f64) -> (f64, f64) = (x * y, x + y)

def checked(x: f64) -> f64 =
  assert x > 0, "x is {x}"
  sqrt(x)

def at(v: f64[n], i: i64) -> f64 = v[i]

type Pair = {a: f64[n], b: f64[n]}

def sized(n: i64, v: f64[n]) -> f64 = sum(v[i] ** 2 for i) / n

def triangle(d: i64, v: f64[d * (d + 1) // 2]) -> f64 = sum(v[i] ** 2 for i)

def third(x: f64[n], y: f64) -> f64 = y * sum(x ** 3)

def curved(x: f64[n]) -> f64 = sum(tanh(x))

def named(e: f64, steps: f64, sum: f64) -> f64 = e * steps * sum

def powers(x: f64, c: f64 = 2.0, k: i64 = 3) -> f64 = c * x ** k

type Mixed = {gain: f64, count: i64, on: bool[n]}

def mixed(p: Mixed[n], v: f64[n]) -> Mixed[n] = Mixed(gain = p.gain * sum(v), count = p.count, on = p.on)

def doubled(v: f64[n]) -> f64[2 * n] = concat(v, [3 * v[i] for i])

def weigh(p: Pair[n], q: f64[n], k: i64) -> f64 = k * sum(p.a[i] * p.b[i] * q[i] for i)

def spread(ps: Point[n], t: (f64, f64)) -> f64 = sum(ps[i].x ** 2 * t[0] + ps[i].y * t[1] for i)

def rosenbrock(x: f64[n]) -> f64 = sum(100 * (x[i + 1] - x[i] ** 2) ** 2 + (1 - x[i]) ** 2 for i < n - 1)
"""


@pytest.fixture(scope="module")
def m() -> dv.Module:
    return dv.compile(TEXT)


def test_scalars_and_arrays(m: dv.Module) -> None:
    assert m.square(3.0) == 9.0 and type(m.square(3)) is float
    assert m.dot([1, 2], np.array([3.0, 4.0])) == 11.0
    got = m.scale(np.arange(6.0)[::2])
    assert got.tolist() == [0, 4, 8] and got.flags.c_contiguous and got.flags.writeable
    assert m.both(2.0, 3.0) == (6.0, 5.0)
    assert m.positive(np.array([1.0, -1.0, 2.0])).tolist() == [1.0, 2.0]
    assert m.positive(np.zeros(0)).shape == (0,)


def test_keywords_and_defaults(m: dv.Module) -> None:
    v = np.ones(2)
    assert m.scale(v, 3).tolist() == [3, 3] and m.scale(v, by=3.0).tolist() == [3, 3]
    assert m.scale(by=3.0, v=v).tolist() == [3, 3] and m.scale(v=v).tolist() == [2, 2]
    for args, kwargs, code in (((), {}, "DV0605"), ((v, 1.0, 2.0), {}, "DV0606"), ((v,), {"to": 1.0}, "DV0606"),
                               ((v,), {"v": v}, "DV0606")):
        with pytest.raises(dv.TypeError) as info:
            m.scale(*args, **kwargs)
        assert info.value.code == code
    assert info.value.span is not None and info.value.span.line == 10


def test_records_and_sums(m: dv.Module) -> None:
    p = m.shift({"x": 1.0, "y": 2.0}, 1.0)
    assert p == m.Point(2.0, 2.0) and type(p) is m.Point and m.norm2(p) == 8.0
    assert m.centre([m.Point(0.0, 0.0), m.Point(2.0, 4.0)]) == m.Point(1.0, 2.0)
    assert m.centre({"x": [0.0, 2.0], "y": np.array([0.0, 4.0])}).y == 2.0
    assert m.area(m.Box(2.0, 3.0)) == 6.0 and m.double(m.Circle(1.0)) == m.Circle(2.0)
    assert isinstance(m.Box(1.0, 2.0), m.Shape) and not isinstance(p, m.Shape)
    match m.double(m.Box(1.0, 2.0)):
        case m.Box(w, h):
            assert (w, h) == (2.0, 4.0)
        case _:
            raise AssertionError


def test_unannotated_parameters_specialise(m: dv.Module) -> None:
    assert m.cubic(2) == 8 and type(m.cubic(2)) is int and type(m.cubic(2.0)) is float
    assert type(m.cubic(np.float32(2))) is np.float32


def test_what_a_function_shows(m: dv.Module) -> None:
    assert m.square.__doc__ == "The square of x." and m.square.__name__ == "square"
    assert list(inspect.signature(m.scale).parameters) == ["v", "by"]
    assert "scale(v: f64[n], by: f64 = 2.0) -> f64[n]" in repr(m.scale)
    assert m.square.source.strip() == "def square(x: f64) -> f64 = x ** 2" or "x ** 2" in m.square.source
    assert "rosenbrock" in dir(m) and "Point" in dir(m) and "Circle" in dir(m)
    with pytest.raises(AttributeError, match="did you mean square"):
        _ = m.squar


def test_functions_of_scalars_lift(m: dv.Module) -> None:
    assert m.square(np.arange(3)).tolist() == [0.0, 1.0, 4.0] and m.square([1.0, 2.0]).tolist() == [1.0, 4.0]
    assert dv.grad(m.square)(np.ones((2, 2))).tolist() == [[2.0, 2.0], [2.0, 2.0]]
    assert m.poly(np.array([1.0, 2.0]), 3).tolist() == [1.0, 8.0]
    with pytest.raises(dv.SizeError, match="size 3"):
        m.both(np.ones(2), np.ones(3))


# ---------------------------------------------------------------- transforms


def test_grad(m: dv.Module) -> None:
    assert dv.grad(m.square)(3.0) == 6.0
    a, b = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    assert dv.grad(m.dot)(a, b).tolist() == [3, 4]
    assert dv.grad(m.dot, argnums=1)(a, b).tolist() == [1, 2]
    assert dv.grad(m.dot, argnums=-1)(a, b).tolist() == [1, 2]
    both = dv.grad(m.dot, argnums=(0, 1))(a, b)
    assert isinstance(both, tuple) and [x.tolist() for x in both] == [[3, 4], [1, 2]]
    (one,) = dv.grad(m.dot, argnums=(1,))(a, b)
    assert one.tolist() == [1, 2]
    assert dv.grad(m.dot, argnames="b")(a, b=b).tolist() == [1, 2]
    value, slope = dv.value_and_grad(m.dot)(a, b)
    assert value == 11.0 and slope.tolist() == [3, 4]
    assert dv.grad(m.norm2)(m.Point(1.0, 2.0)) == m.Point(2.0, 4.0)
    assert dv.grad(m.area)(m.Box(2.0, 3.0)) == m.Box(3.0, 2.0)


def test_defaults_under_transforms(m: dv.Module) -> None:
    assert m.powers(2.0) == 16.0 and dv.grad(m.powers)(2.0) == 24.0 and dv.hessian(m.powers)(1.0) == 12.0
    assert dv.grad(m.powers)(2.0, k=2) == 8.0 and dv.grad(m.powers, argnames="c")(2.0, k=2) == 4.0


def test_transforms_nest(m: dv.Module) -> None:
    assert dv.grad(dv.grad(m.cubic))(2.0) == 12.0
    assert dv.grad(dv.grad(dv.grad(m.cubic)))(2.0) == 6.0
    assert dv.hessian(m.square)(1.0) == 2.0
    x = np.array([1.0, 2.0, 0.5])
    h = dv.hessian(m.rosenbrock)(x)
    assert np.allclose(h, dv.jacobian(dv.grad(m.rosenbrock))(x)) and np.allclose(h, h.T)
    v = np.array([1.0, -1.0, 2.0])
    assert np.allclose(dv.hvp(m.rosenbrock)(x, v), h @ v)
    assert np.allclose(dv.hvp(m.third)(x, 2.0, v), 12 * x * v) and dv.hvp(m.powers)(1.0, 2.0) == 24.0
    value, along = dv.jvp(dv.grad(m.rosenbrock), x, v)
    assert np.allclose(value, dv.grad(m.rosenbrock)(x)) and np.allclose(along, h @ v)


def test_jvp_and_vjp(m: dv.Module) -> None:
    a, b = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    value, tangent = dv.jvp(m.dot, (a, b), (np.ones(2), np.zeros(2)))
    assert value == 11.0 and tangent == 7.0
    assert dv.jvp(m.square, 3.0, 1.0) == (9.0, 6.0) and dv.jvp(m.square, (3.0,), (1.0,)) == (9.0, 6.0)
    value, pullback = dv.vjp(m.dot, a, b)
    da, db = pullback(2.0)
    assert value == 11.0 and da.tolist() == [6, 8] and db.tolist() == [2, 4]
    value, pullback = dv.vjp(m.square, 3.0)
    assert pullback(1.0) == 6.0
    assert dv.jvp(m.poly, (2.0, 3), (1.0, None)) == (8.0, 12.0)
    assert dv.vjp(m.poly, 2.0, 3)[1](1.0) == 12.0
    (value, other), pullback = dv.vjp(m.both, 2.0, 3.0)
    assert (value, other) == (6.0, 5.0) and pullback((1.0, 0.0)) == (3.0, 2.0)
    with pytest.raises(dv.TypeError, match="1 tangents for 2 parameters"):
        dv.jvp(m.dot, (a, b), (a,))


def test_sizes_are_never_negative() -> None:
    m = dv.compile("def f(v: f64[n + 4]) -> i64 = n\ndef g(v: f64[2 * n + 1], k: i64) -> i64 = n * k\n")
    assert m.f(np.ones(4)) == 0 and m.g(np.ones(5), 3) == 6
    for call in (lambda: m.f(np.ones(3)), lambda: m.g(np.ones(0), 1), lambda: m.g(np.ones(2), 1)):
        with pytest.raises(dv.SizeError) as info:
            call()
        assert info.value.code == "DV0502" and info.value.span is not None
    assert "axis 0 of `v` has size 3, but n + 4 is 4 or more" in str(pytest.raises(dv.SizeError, m.f, np.ones(3)).value)


def test_transforms_of_functions_with_sizes(m: dv.Module) -> None:
    v = np.array([0.1, 0.2])
    slope = 1 - np.tanh(v) ** 2
    assert np.allclose(dv.jvp(m.curved, v, v), (np.tanh(v).sum(), slope @ v))
    assert np.allclose(dv.vjp(m.curved, v)[1](2.0), 2 * slope)
    _, line = dv.linearize(m.curved, v)
    assert np.isclose(line(v), slope @ v) and np.allclose(dv.transpose_linear(line, v)(1.0), slope)


def test_cotangents_have_the_type_of_the_result(m: dv.Module) -> None:
    assert dv.vjp(m.square, 3)[1](1) == 6.0
    _, back = dv.vjp(m.shift, {"x": 1.0, "y": 2.0}, 1.0)
    assert back({"x": 1, "y": 2}) == (m.Point(1.0, 2.0), 1.0)
    assert dv.vjp(m.doubled, [1.0, 2.0])[1]([1, 1, 1, 1]).tolist() == [4, 4]
    with pytest.raises(dv.SizeError):
        dv.vjp(m.doubled, [1.0, 2.0])[1](np.ones(3))
    with pytest.raises(dv.TypeError, match="`cotangent` of pullback of square: expected f64, found None"):
        dv.vjp(m.square, 3.0)[1](None)
    mixed = m.Mixed(2.0, 3, np.array([True, False]))
    v = np.array([1.0, 2.0])
    value, back = dv.vjp(m.mixed, mixed, v)
    assert value.gain == 6.0 and value.on.tolist() == [True, False]
    dp, dvv = back({"gain": 1.0, "count": None, "on": None})
    assert dp.gain == 3.0 and dp.count == 0 and dvv.tolist() == [2, 2]
    tangent = {"gain": 1.0, "count": None, "on": None}
    assert dv.jvp(m.mixed, (mixed, v), (tangent, np.zeros(2)))[1].gain == 3.0


def test_linearize_and_transpose(m: dv.Module) -> None:
    value, line = dv.linearize(m.dot, np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    assert value == 11.0 and line(np.array([1.0, 0.0]), np.zeros(2)) == 3.0
    value, line = dv.linearize(m.scale, np.array([1.0, 2.0]), 3.0) if False else dv.linearize(m.square, 3.0)
    assert line(2.0) == 12.0
    back = dv.transpose_linear(line, 0.0)
    assert back(1.0) == 6.0


LINEAR = """
type Q = {a: f64, b: f64[n], k: i64}
def several(x: f64, k: i64, v: f64[n]) = [x + k * y for y in v]
def tuples(z: (f64, f64[n])) = (2 * z[0] + sum(z[1]), 3 * z[1])
def records(z: Q[n][m], w: f64) = (sum(y.a for y in z) + 3 * w, [y.k * y.b for y in z])
def untyped(x, y) = x + sum(y)
def turned(x: f64, z: (f64, f64[n]), ct: f64[n]) = transpose_linear(fn (x, z) -> x * [1 for _ < n] + z[0] + z[1], (x, z))(ct)
def back(x: f64, k: i64, v: f64[n], ct: f64[n]) = transpose_linear(transpose_linear(several, (x, k, v)), ct)(x, v)
"""


def flat(x: Any) -> np.ndarray[Any, Any]:
    parts = x if isinstance(x, tuple) else getattr(x, "_values", None)
    return np.asarray(x, float).ravel() if parts is None else np.concatenate([flat(p) for p in parts])


@pytest.mark.parametrize("backend", ["interpreter", "loops", "llvm"])
def test_transposes_of_several_and_of_structures(backend: str) -> None:
    m, r = dv.compile(LINEAR, backend=backend), np.random.default_rng(3)
    v, w = r.normal(size=3), r.normal(size=(2, 3))
    zero = np.zeros(2, int)
    for f, x, moving, ct in (
        (m.several, (0.5, 4, v), (0.5, v), r.normal(size=3)),
        (m.tuples, (0.5, v), (0.5, v), (2.0, r.normal(size=3))),
        (m.records, (m.Q(v[:2], w, np.array([3, 1])), 0.7), (v[:2], w, zero, 0.7), (2.0, r.normal(size=(2, 3)))),
        (m.untyped, (0.5, v), (0.5, v), 2.0),
    ):
        value = f(*x) if len(f.params) > 1 else f(x)
        turned = dv.transpose_linear(f, x)(ct)
        assert np.isclose(flat(value) @ flat(ct), flat(moving) @ flat(turned)), f
    a, (b, c) = m.turned(0.5, (2.0, v), w[0])
    assert np.allclose([a, b], w[0].sum()) and np.allclose(c, w[0])
    assert np.allclose(m.back(0.5, 4, v, w[0]), m.several(0.5, 4, v))
    for call in (lambda: dv.transpose_linear(m.several, 1.0), lambda: dv.transpose_linear(m.several, (1.0, v))):
        with pytest.raises(dv.TypeError, match="takes 3 arguments"):
            call()


@pytest.mark.parametrize("given", [None, 1.5, b"0", object(), ..., np.array(1), [None], {"z"}, (i for i in "ab")])
def test_options_of_any_sort(m: dv.Module, given: Any) -> None:
    """Options that make no sense are refused as such, whatever they are."""
    for call in (lambda: dv.grad(m.square, argnums=1.5 if given is None else given), lambda: dv.grad(m.square, argnames=given or ()), lambda: dv.vmap(m.square, given),
                 lambda: m[given], lambda: dv.compile("", name=given), lambda: dv.compile(given), lambda: m.square.explain(given or ())):
        with pytest.raises(dv.Error) as info:
            call()
        assert info.value.code in ("DV0606", "DV0607", "DV0613")


@pytest.mark.parametrize("call, text", [
    (lambda m: dv.grad(print), "no Python text"), (lambda m: dv.grad(3), "takes a function"),
    (lambda m: dv.grad(m.dot, argnums=2), "argnums 2"), (lambda m: dv.grad(m.dot, argnames="c"), "no parameter c"),
    (lambda m: dv.grad(m.dot, argnums=(0, 0)), "once each"), (lambda m: dv.grad(m.dot, argnums=()), "once each"),
    (lambda m: dv.grad(m.poly, argnums=1)(1.0, 2), "i64|integer"), (lambda m: dv.grad(m.scale)(np.ones(2)), "DV0401"),
])
def test_transforms_refuse(m: dv.Module, call: Any, text: str) -> None:
    with pytest.raises(dv.Error, match=text):
        call(m)


# ---------------------------------------------------------------- errors


def test_functions_that_can_only_be_applied_inside_are_named() -> None:
    module = dv.compile("def twice(x: f64, f: f64 -> f64) -> f64 = f(f(x))")
    with pytest.raises(dv.Error) as info:
        module.twice(1.0, np.sin)
    assert info.value.code == "DV0614" and info.value.span is not None and info.value.span.col == 19


def test_numbers_of_other_libraries(m: dv.Module) -> None:
    jnp = pytest.importorskip("jax.numpy")
    assert m.square(jnp.asarray(1.5)) == 2.25
    assert m.square(jnp.asarray([1.5, 2.0])).tolist() == [2.25, 4.0]


def test_argument_errors_name_the_parameter(m: dv.Module) -> None:
    with pytest.raises(dv.TypeError) as info:
        m.square("3")
    assert "`x` of square: expected f64, found" in str(info.value)
    assert info.value.span is not None and (info.value.span.line, info.value.span.col) == (6, 12)
    with pytest.raises(dv.SizeError) as size:
        m.dot(np.ones(2), np.ones(3))
    assert "axis 0 of `b` has size 3, but n is 2" in str(size.value) and size.value.span is not None


def test_errors_at_run_time(m: dv.Module) -> None:
    with pytest.raises(dv.AssertError, match="x is -1") as info:
        m.checked(-1.0)
    assert info.value.code == "DV0507" and info.value.span is not None and isinstance(info.value, AssertionError)
    with pytest.raises(IndexError) as bounds:
        m.at(np.ones(2), 2)
    assert isinstance(bounds.value, dv.BoundsError) and bounds.value.span is not None
    assert m.checked(4.0) == 2.0


def test_errors_point_into_the_program(m: dv.Module) -> None:
    _, pull = dv.vjp(m.double, m.Circle(1.0))
    assert pull(m.Circle(1.0)) == m.Circle(2.0)
    calls = (lambda: pull(m.Box(1.0, 2.0)), lambda: m.cubic(abs), lambda: m.cubic("text"), lambda: dv.grad(m.scale)([1.0]),
             lambda: dv.jvp(m.checked, -1.0, 1.0), lambda: dv.vjp(m.at, [1.0], 3))
    for call in calls:
        with pytest.raises(dv.Error) as info:
            call()
        assert info.value.span is not None and info.value.span.source is not None
        assert info.value.span.source.name == "<text>", info.value


@pytest.mark.parametrize("text, kind", [
    ("def f(x) = ", dv.SyntaxError), ("def f(x: f64) = y", dv.NameError),
    ("def f(x: f64[n], y: f64[n + 1]) = x + y", dv.Error), ("def f(x: f64) -> f64[3] = x", dv.TypeError),
    ("import nowhere", dv.Error), ("def f(x: f64) = x\ndef f(x: f64) = x", dv.NameError),
])
def test_compile_errors(text: str, kind: type[dv.Error]) -> None:
    with pytest.raises(kind) as info:
        dv.compile(text)
    assert info.value.span is not None and info.value.code.startswith("DV0")


def test_any_name_may_be_defined() -> None:
    m = dv.compile(
        "def check(x: f64) -> f64 = x\ndef source(x: f64) -> f64 = x\ndef grad_(f: f64) -> f64 = f\n"
        "def θ(x₁: f64) -> f64 = x₁ ** 2\ndef σ(v: f64[n₁], w: f64[n₁]) -> f64 = sum(v[i] * w[i] for i)\n"
    )
    assert dv.vjp(m.σ, [1.0, 2.0], [3.0, 4.0])[1](1.0)[0].tolist() == [3, 4]
    with pytest.raises(dv.SizeError, match="n₁ is 2"):
        m.σ([1.0, 2.0], [1.0])
    assert m.check(1.0) == m.source(1.0) == m["check"](1.0) == 1.0
    assert dv.grad(m.θ)(**{"x₁": 3.0}) == 6.0 and dv.vjp(m.θ, 3.0)[1](1.0) == 6.0 and dv.vjp(m.grad_, 3.0)[1](1.0) == 1.0
    assert "x₁" in dv.grad(m.θ).source and dv.compile(dv.grad(m.θ).source)["grad_θ"](3.0) == 6.0


def test_compile_wants_text() -> None:
    with pytest.raises(dv.TypeError):
        dv.compile(b"def f(x) = x")  # type: ignore[arg-type]
    assert dv.compile("")._source == ""


# ---------------------------------------------------------------- sharing


def test_threads(m: dv.Module) -> None:
    fresh = dv.compile(TEXT)
    results: list[Any] = []

    def work(k: int) -> None:
        for _ in range(20):
            results.append((k, dv.grad(fresh.dot)(np.ones(3), np.full(3, float(k))).tolist()))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(results) == 120 and all(got == [float(k)] * 3 for k, got in results)


def test_pickle_and_copy(m: dv.Module) -> None:
    for f in (m.square, dv.grad(m.square)):
        again = pickle.loads(pickle.dumps(f))
        assert again(3.0) == f(3.0) and copy.deepcopy(f)(3.0) == f(3.0)
    assert pickle.loads(pickle.dumps(m)).square(2.0) == 4.0
    p = m.shift(m.Point(1.0, 2.0), 1.0)
    assert pickle.loads(pickle.dumps(p)) == p


def test_inputs_are_never_changed(m: dv.Module) -> None:
    v = np.arange(3.0)
    v.flags.writeable = False
    out = m.scale(v, 1.0)
    out[0] = 9.0
    assert v.tolist() == [0, 1, 2]


@pytest.mark.parametrize("text, why", [
    ("y * y", "two factors"), ("y + 1", "a term stands without it"), ("[sin(z) for z in y]", "transpose_linear"),
])
def test_only_linear_functions_are_turned_around(text: str, why: str) -> None:
    with pytest.raises(dv.TypeError, match="transpose_linear takes a linear function") as info:
        dv.compile(f"def f(x: f64[n], c: f64[n]) = transpose_linear(fn y -> {text}, x)(c)").f([1.0, 2.0], [3.0, 4.0])
    assert info.value.code == "DV0410" and why in str(info.value)


# ---------------------------------------------------------------- printed derivatives


@pytest.mark.parametrize("name, args", [
    ("square", (3.0,)), ("dot", ([1.0, 2.0], [3.0, 4.0])), ("rosenbrock", ([1.0, 2.0, 0.5],)),
])
def test_printed_derivatives_compile_again(m: dv.Module, name: str, args: tuple[Any, ...]) -> None:
    f = getattr(m, name)
    for mode in ("reverse", "forward"):
        text = f.derivative_source(None, mode)
        again = dv.compile(text)
        got = getattr(again, f"grad_{name}")(*args)
        assert np.allclose(got, dv.grad(f)(*args)), text
    assert f"def grad_{name}(" in dv.grad(f).source


@pytest.mark.parametrize("name, argnums, args", [
    ("norm2", 0, ({"x": 1.0, "y": 2.0},)), ("weigh", 0, ({"a": [1.0, 2.0], "b": [3.0, 4.0]}, [1.0, 1.0], 2)),
    ("weigh", (0, 1), ({"a": [1.0, 2.0], "b": [3.0, 4.0]}, [1.0, 1.0], 2)), ("sized", 1, (2, [1.0, 2.0])),
    ("named", (0, 1, 2), (1.0, 2.0, 3.0)), ("triangle", 1, (2, [1.0, 2.0, 3.0])), ("spread", (0, 1), ({"x": [1.0, 2.0], "y": [3.0, 4.0]}, (1.0, 2.0))),
])
def test_printed_derivatives_of_structures(m: dv.Module, name: str, argnums: Any, args: tuple[Any, ...]) -> None:
    f = dv.grad(getattr(m, name), argnums)
    again = dv.compile(f.source)
    assert repr(getattr(again, f"grad_{name}")(*args)) == repr(f(*args)), f.source


@pytest.mark.parametrize("text, args", [
    # An index that is used first inside the sum of the same comprehension.
    ("def f(v: f64[n]) =\n  let (s, ys) = loop s = v[0] for i < n into (array) do (s*v[i], [s, s*s])\n  s + sum(sum(r)*sum(r) for r in ys)",
     ([1.0, 2.0, 0.5],)),
    # Sizes that an assertion makes a number, or a sum.
    ("def f(a: f64[n]) = (let w: f64[3] = a; sum(reverse(w)*a[0]*w))", ([1.0, 2.0, 0.5],)),
    ("def f(a: f64[n, m]) = (let w: f64[3] = a[0]; sum(reverse(a[0])*a[-1]*w))", ([[1.0, 2.0, 0.5], [3.0, 1.0, 2.0]],)),
    ("def f(a: f64[n], b: f64[m]) -> f64 =\n  assert n == m + 1, \"one more\"\n  sum(a[1:]*a[:-1]*b)",
     ([1.0, 2.0, 0.5], [3.0, 4.0])),
])
def test_printed_derivatives_keep_names_and_sizes(text: str, args: tuple[Any, ...]) -> None:
    f = dv.compile(text).f
    again = dv.compile(dv.grad(f).source)
    assert np.array_equal(again.grad_f(*args), dv.grad(f)(*args))


def test_what_is_shown_survives_printing(capfd: pytest.CaptureFixture[str]) -> None:
    m = dv.compile("""
type P = {x: f64, y: f64}
def f(x: f64) -> f64 =
  let a = show(x*x, "hi {x}")
  let p = show(P(x = a, y = 2.0), "p")
  let q = show((a, p.y), "{1}, then {0}")
  show(q[0]*p.x, "")
""")
    m.f(2.0)
    first = capfd.readouterr().out
    assert first.splitlines() == ["hi {x} = 4.0", "p = P(x = 4.0, y = 2.0)", "2.0, then 4.0", " = 16.0"]
    assert dv.compile(dv.grad(m.f).source).grad_f(2.0) == 32.0
    assert capfd.readouterr().out == first


def test_sizes_that_arguments_name(m: dv.Module) -> None:
    v = np.array([1.0, 2.0])
    assert dv.grad(m.sized, 1)(2, v).tolist() == [1, 2] and dv.vjp(m.sized, 2, v)[1](1.0).tolist() == [1, 2]
    assert dv.jvp(m.sized, (2, v), (None, v)) == (2.5, 5.0) and dv.linearize(m.sized, 2, v)[1](v) == 5.0
    for call in (lambda: m.sized(3, v), lambda: dv.grad(m.sized, 1)(3, v), lambda: m.triangle(3, v),
                 lambda: m.weigh({"a": v, "b": [1.0]}, v, 1)):
        with pytest.raises(dv.SizeError) as info:
            call()
        assert info.value.code == "DV0502" and info.value.span is not None
    assert "(d * d + d) // 2) is 6" in str(pytest.raises(dv.SizeError, m.triangle, 3, v).value)


@pytest.mark.parametrize("stage", ["parsed", "typed", "core", "derivative", "optimised", "loops", "llvm", "asm", None])
def test_explain(m: dv.Module, stage: str | None) -> None:
    assert "dot" in m.dot.explain(stage)
    assert dv.grad(m.dot).explain(stage)


@pytest.mark.parametrize("backend", ["interpreter", "loops", "llvm"])
def test_backends_agree(backend: str) -> None:
    m = dv.compile(TEXT, backend=backend)
    assert dv.grad(m.dot)([1.0, 2.0], [3.0, 4.0]).tolist() == [3, 4]
    assert m.double(m.Circle(1.0)) == m.Circle(2.0)
    with pytest.raises(dv.ValueError):
        dv.compile(TEXT, backend="gpu")


@pytest.mark.parametrize("text", [
    "def f(v: f64[n]) = grad(norm)(v)",
    "def f(v: f64[n]) = hessian(fn w -> norm(w) ** 3)(v)",
    """def h(x: f64) -> f64 = log(1 + exp(x))
derivative h(x) along dx = dx * (1 - exp(-h(x)))
def f(v: f64[n]) = h''(v)""",
    """def h(x: f64[n], s: f64, k: i64) = s * sum(x**k)
def f(v: f64[n]) = jvp(h, (v, 2.0, 3), (v, 1.0))""",
    """def h(x: f64[n], s: f64) = s * x**3
def f(v: f64[n]) = hessian(fn (x, s) -> sum(h(x, s)), wrt = (s, x))(v, 2.0)""",
    """def h(x: f64[n], s: f64) = s * x**3
def f(v: f64[n]) = (let (y, d) = linearize(fn x -> h(x, 2.0), v); y + d(v))""",
    """def rows(a: f64[n, m]) = sum(a[1:, :2] * a[:-1, 1:]) + sum(reverse(a[0]) * a[-1])
def f(v: f64[n]) = rows([v, v])""",
    """def f(v: f64[n], w: f64[m] = [3, 4, 5]) =
  let fits = n == m and m == 3 and v[0] > 0
  assert fits, "no"
  reverse(v) * w""",
    """type Chain = Links(f64[n]) | Empty
def f(v: f64[n]) =
  let w = loop w = Empty for x in v do (match w { Empty -> Links([x]); Links(y) -> Links(concat(y, [x * y[0]])) })
  match w { Empty -> 0.0; Links(y) -> sum(y) }""",
])
@pytest.mark.parametrize("stage", ["core", "derivative", "optimised"])
def test_stages_read_back(text: str, stage: str) -> None:
    f = dv.compile(text).f
    v = np.array([1.0, 2.0, 3.0])
    again = dv.compile(f.explain(stage)).f(v, *([[3.0, 4, 5]] if "w: f64" in text else []))
    for x, y in zip(_numbers(again), _numbers(f(v)), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-12)


def _numbers(v: Any) -> list[Any]:
    return [x for i in v for x in _numbers(i)] if isinstance(v, tuple) else [v]


@pytest.mark.parametrize("backend", ["llvm", "interpreter"])
def test_the_smallest_exponent_has_a_derivative(backend: str) -> None:
    """There is no i64 below it for the exponent of the derivative."""
    slope = dv.grad(dv.compile("def f(x: f64) = x ** -9223372036854775808", backend=backend).f)
    assert [slope(x) for x in (1.0, -1.0, 2.0)] == [-(2.0**63), 2.0**63, 0.0]
