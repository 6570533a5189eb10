"""Structures in every place: paths behind slices, sums that are shown or come untyped, jacobians of arrays of records."""

from __future__ import annotations

import pickle
from typing import Any

import derivant as dv
import numpy as np
import pytest

BACKENDS = ["interpreter", "loops", "llvm"]
PROGRAM = """
type S = A(f64) | B(f64, f64) | N
type T = L(S) | M
type P = {x: f64, y: f64}
type Q = {w: f64[2], k: i64}

def part(v: P[n], c: f64) = v with [1:].x = [c, 6]
def spread(v: Q[n], c: f64) = v with ([:].w[1] = c, [0].w = [9, 9], [1:].w = [[1, c]])
def framed(v: Q[n, m], c: f64) = v with ([:, 1].k = 7, [0, :].w[0] = [i * c for i < m])
def slope(v: P[n], c: f64) = grad(fn u -> sum(p.x * p.x for p in part(u, c)))(v)

def shown(x: f64) = (let s = show((if x > 0 then B(x, 2) else N, A(x)), "s"); x)
def nested(x: f64) = (let s = show(if x > 0 then L(if x > 2 then A(x) else B(x, 1)) else M); x)
def untyped(s, k) = match s { A(x) -> x * k; B(x, y) -> x * y * k; N -> k }

def kept(v: f64[n]) -> f64[_] = [x * x * sum(v) for x in v if x > 1]
def energy(v: P[n]) -> f64 = sum(p.x * p.y * p.y for p in v)
def apart(x: f64[n], y: f64[n]) -> f64 = energy([P(a, b) for (a, b) in zip(x, y)])
def moved(v: P[n], c: f64) -> P[n] = [P(c * p.x, p.y * v[0].x) for p in v]
def moved_apart(x: f64[n], y: f64[n], c: f64) = (let q = moved([P(a, b) for (a, b) in zip(x, y)], c); ([p.x for p in q], [p.y for p in q]))
def mixed(x: f64, n: i64) = (2 * n, x * x)
"""
X, Y = np.array([0.5, 2.0, 3.0]), np.array([1.0, -1.0, 2.0])
POINTS = {"x": X, "y": Y}


@pytest.fixture(params=BACKENDS)
def m(request: Any) -> dv.Module:
    return dv.compile(PROGRAM, backend=request.param)


def test_paths_behind_slices(m: dv.Module) -> None:
    assert m.part(POINTS, 5.0).x.tolist() == [0.5, 5, 6]
    with pytest.raises(dv.SizeError, match="size 3 and the value 2"):
        m.part({"x": np.ones(4), "y": np.ones(4)}, 5.0)
    w = m.spread({"w": np.ones((2, 2)), "k": [1, 2]}, 5.0)
    assert w.w.tolist() == [[9, 9], [1, 5]] and w.k.tolist() == [1, 2]
    w = m.framed({"w": np.ones((2, 3, 2)), "k": np.zeros((2, 3), int)}, 5.0)
    assert w.k.tolist() == [[0, 7, 0]] * 2
    assert w.w[0].tolist() == [[0, 1], [5, 1], [10, 1]] and w.w[1].tolist() == [[1, 1]] * 3
    assert m.slope(POINTS, 5.0).x.tolist() == [1, 0, 0]


def test_sums_show_as_their_constructors(m: dv.Module, capsys: pytest.CaptureFixture[str]) -> None:
    for x in (1.0, -1.0):
        m.shown(x)
    for x in (3.0, 1.0, -1.0):
        m.nested(x)
    assert capsys.readouterr().out.splitlines() == [
        "s = (B(1.0, 2.0), A(1.0))", "s = (N, A(-1.0))", "L(A(3.0))", "L(B(1.0, 1.0))", "M"]


def test_sums_for_parameters_without_a_type(m: dv.Module) -> None:
    assert (m.untyped(m.A(2.0), 3.0), m.untyped(m.B(1.0, 2.0), 2), m.untyped(m.N(), 2)) == (6.0, 4.0, 2)
    assert dv.grad(m.untyped)(m.B(2.0, 3.0), 2) == m.B(6.0, 4.0)
    with pytest.raises(dv.TypeError, match="a value of this program"):
        m.untyped(dv.compile("type S = C(f64)\ndef f(s: S) = s").C(1.0), 2)


def test_a_jacobian_whose_size_depends_on_data(m: dv.Module) -> None:
    got, h = dv.jacobian(m.kept)(X), 1e-6
    want = [(m.kept(X + h * e) - m.kept(X - h * e)) / (2 * h) for e in np.eye(3)]
    assert got.shape == (2, 3)
    assert np.allclose(got, np.array(want).T, rtol=1e-6)


def test_jacobians_of_arrays_of_records(m: dv.Module) -> None:
    slope = dv.jacobian(m.energy)(POINTS)
    assert np.allclose([slope.x, slope.y], dv.jacobian(m.apart, (0, 1))(X, Y))
    second = dv.hessian(m.energy)(POINTS)
    want = dv.hessian(m.apart, (0, 1))(X, Y)
    assert np.allclose([[second.x.x, second.x.y], [second.y.x, second.y.y]], want)
    dx, dy = dv.jacobian(m.moved_apart, (0, 1, 2))(X, Y, 2.0)
    by_v, by_c = dv.jacobian(m.moved)(POINTS, 2.0), dv.jacobian(m.moved, 1)(POINTS, 2.0)
    assert np.allclose([by_v.x.x, by_v.x.y], dx[:2]) and np.allclose([by_v.y.x, by_v.y.y], dy[:2])
    assert np.allclose([by_c.x, by_c.y], [dx[2], dy[2]])
    assert dv.jacobian(m.mixed)(3.0, 4) == (8, 6.0)


def test_what_has_no_type_is_refused(m: dv.Module) -> None:
    for text in ("def f(x: f64) = jacobian(fn u -> A(u * u))(x)", "def f(s: S) = jacobian(fn s -> untyped(s, 1))(s)",
                 "def f(x: f64) = show([A(x)])"):
        with pytest.raises(dv.UnsupportedError) as info:
            dv.compile(PROGRAM + text)
        assert info.value.code == "DV0901" and info.value.span is not None


def test_constructors_from_python() -> None:
    m = dv.compile(
        "type S = A(f64) | N\ntype P = {x: f64, b: f64}\ndef f(s: S) -> f64 = match s { A(x) -> x; N -> 7.0 }\n"
    )
    assert m.f(m.N) == m.f(m.N()) == 7.0 and m.f(m.A(2.0)) == 2.0
    for made in (m.P, m.S, m.N, m.A):
        assert pickle.loads(pickle.dumps(made)) is made
    assert pickle.loads(pickle.dumps(m.P(1.0, 2.0))) == m.P(1.0, 2.0)
    for call, words in [
        (lambda: m.P(1.0), "P needs b"), (lambda: m.A(), "A needs 1 value"), (lambda: m.A(1, 2), "1 field, not 2"),
        (lambda: m.P(1.0, 2.0, z=3), "no free field z"), (lambda: m.f(m.A), "the class A"),
    ]:
        with pytest.raises(dv.TypeError, match=words):
            call()


def test_defaults_are_kept_by_transforms_at_a_point() -> None:
    m = dv.compile("def f(x: f64[n], s: f64 = 2.0) -> f64 = s * sum(x**3)")
    x = np.array([1.0, 2.0])
    assert dv.jvp(m.f, x, x) == dv.jvp(m.f, (x,), (x,)) == (18.0, 54.0)
    assert dv.jvp(m.f, (x, 3.0), (x, 0.0)) == (27.0, 81.0)
    assert np.allclose(dv.vjp(m.f, x)[1](1.0), [6, 24]) and dv.linearize(m.f, x)[1](x) == 54.0
    with pytest.raises(dv.TypeError, match="once each"):
        dv.grad(m.f, argnames=["x", "x"])
