"""Derivatives from text to numbers: transforms and rules on every form of the language."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from derivant.compiler.errors import Source
from derivant.compiler.interpret import run
from derivant.compiler.ir import Jvp, Vjp, all_stmts
from derivant.compiler.verify import verify
from derivant.frontend.modules import load_module
from derivant.passes.differentiate import resolve


def go(text: str, name: str, *args: Any) -> list[Any]:
    """The leaves of the result."""
    module = load_module(Source("t.dv", text))
    module.check()
    entry = module.instantiate(name)
    verify(entry.program)
    program = entry.program
    if any(isinstance(s.op, Jvp | Vjp) for f in program.functions.values() for s in all_stmts(f.body)):
        program = resolve(program)
        verify(program)
    entry.check_sizes(args)
    return run(program, entry.entry, list(args))[entry.hidden:]


X = np.array([1.0, 2.0, 3.0])
A = np.arange(12.0).reshape(3, 4)

CASES: list[tuple[str, str, list[Any], list[Any]]] = [
    # Derivatives of builtins go element by element, as the builtins do.
    ("def f(x: f64[n]) = sin''(x)", "f", [X], [-np.sin(X)]),
    ("def f(x: f64[n]) = (grad(sin)(x), hessian(exp)(x))", "f", [X], [np.cos(X), np.exp(X)]),
    ("def f(x: f64[n]) = grad(atan2, wrt = (0, 1))(x, 2 * x)", "f", [X], [2 / (5 * X), -1 / (5 * X)]),
    ("def f(x: f64[n]) = (grad(max)(x, 1.5), grad(max)(x))", "f", [X], [[0, 1, 1], [0, 0, 1]]),
    ("def f(x: f64[n]) = jvp(sin', x, x)", "f", [X], [np.cos(X), -X * np.sin(X)]),
    # The derivative of what gives functions is taken pointwise, at any depth.
    ("def f(a: f64, b: f64) = (fn x -> fn y -> x*x*y)''(a)(b)", "f", [1.5, 2.0], [4.0]),
    ("""def f(a: f64, b: f64) =
  let h = fn x -> fn y -> fn z -> x*x*y*z**3
  h'(a)(b)(a)""", "f", [1.5, 2.0], [2 * 1.5 * 2.0 * 1.5**3]),
    ("""def adder(a: f64) -> f64 -> f64 -> f64 = fn x -> fn y -> a*x*y**2
def f(a: f64, b: f64) = (adder(b)'(a)(b), adder'(a)(b)(a))""", "f", [1.5, 2.0], [8.0, 2.0 * 1.5**2]),
    ("""def g(x: f64) -> (f64 -> f64, f64) = (fn y -> x*x*y, x**3)
def f(a: f64, b: f64) =
  let (s, t) = g'(a)
  (s(b), t)""", "f", [1.5, 2.0], [6.0, 6.75]),
    ("""type P = {x: f64, k: i64, v: f64}
def e(ps: P[n]) -> f64 = sum(p.x * p.x * p.k for p in ps)
def f(ps: P[n]) =
  let g = grad(e)(ps)
  [p.x for p in g]""",
     "f", [X, np.array([1, 2, 3]), X], [2 * X * np.array([1, 2, 3])]),
    ("def f(x: f64[n]) = [grad(fn y -> y * x[i] * y)(x[i]) for i]",
     "f", [X], [2 * X * X]),
    ("def f(x: f64[n]) = loop w = x for _ < 3 do w - 0.1 * grad(fn v -> sum(v * v))(w)",
     "f", [X], [X * 0.8 ** 3]),
    ("""type P = {a: f64, k: i64}
def g(p: P) -> f64 = p.a * p.a * p.k
derivative g(p) along dp = 10 * dp.a
def f(x: f64) = grad(g)(P(x, 2)).a""",
     "f", [3.0], [10.0]),
    ("""def g(x, y) = x * y
derivative g(x, y) along (dx, dy) = dx * y + x * dy * 2
def f(x: f64) = grad(g, wrt = (0, 1))(x, 3)""",
     "f", [2.0], [3.0, 4.0]),
    ("""def g(x: f64) -> f64 = sin(x)
derivative g(x) along dx = cos(x) * dx
def f(x: f64) = (g''(x), hessian(g)(x))""",
     "f", [0.3], [-np.sin(0.3)] * 2),
    ("""def g(x: f64[n]) -> f64[n] = x * x
derivative g(x) along dx = 2 * x * dx
def f(x: f64[n]) = grad(fn v -> sum(g(v)))(x)""",
     "f", [X], [2 * X]),
    ("""type S = Vec(f64[n]) | Num(f64)
def total(s: S) -> f64 = match s
  Vec(v) -> sum(v * v)
  Num(x) -> x * x
def f(x: f64[n], c: bool) =
  let g = grad(total)(if c then Vec(x) else Num(3))
  match g
    Vec(v) -> v
    Num(y) -> [y]""",
     "f", [X, True], [2 * X]),
    ("def f(x: f64[n]) = jacobian(fn v -> jacobian(fn u -> u * u)(v))(x)",
     "f", [X], [np.einsum("ij,jk->ijk", 2 * np.eye(3), np.eye(3))]),
    ("def f(x: f64[n]) = hessian(fn v -> sum(v ** 3))(x)",
     "f", [X], [np.diag(6 * X)]),
    ("def f(x: f64) = value_and_grad(fn y -> if y > 0 then y * y else y)(x)",
     "f", [2.0], [4.0, 4.0]),
    ("""def newton(f: f64 -> f64, x0: f64) -> f64 = loop x = x0 for _ < 20 do x - f(x) / f'(x)
def f(a: f64) = newton(fn y -> y * y - a, 1)""",
     "f", [2.0], [2 ** 0.5]),
    ("""def newton(f, x0) = loop x = x0 for _ < 20 do x - f(x) / f'(x)
def f(a: f64) = newton(fn y -> y * y - a, 1.0)""",
     "f", [2.0], [2 ** 0.5]),
    ("def f(a: f32) = (loop x = 1.0 for _ < 20 do x - (x * x - a) / (2 * x))",
     "f", [np.float32(2.0)], [2 ** 0.5]),
    ("def f(A: f64[n, m]) = grad(fn B -> sum(B[i, :] @ B[i, :] for i < n))(A)",
     "f", [A], [2 * A]),
    ("def f(x: f64[n]) = jvp(fn v -> filter(fn u -> u > 1, v), x, x)",
     "f", [X], [X[1:], X[1:]]),
    ("""def f(x: f64[n]) =
  let (y, pull) = vjp(fn v -> [u * u for u in v if u > 1], x)
  pull(y)""",
     "f", [X], [np.array([0.0, 2 * 2 * 4, 2 * 3 * 9])]),
    ("def f(x: f64[n]) = jvp(fn (a, b) -> (a * b, sum(a)), (x, x), (x, 2 * x))",
     "f", [X], [X * X, 6.0, 3 * X * X, 6.0]),
    ("""def loss(p, x: f64[n]) = sum((p[0] * x + p[1]) ** 2)
def f(x: f64[n]) = grad(loss)((2.0, 1.0), x)""",
     "f", [X], [sum(2 * (2 * X + 1) * X), sum(2 * (2 * X + 1))]),
    ("""type L = {w: f64[o, i], b: f64[o]}
def app(l: L, x: f64[k]) =
  let w: f64[_, k] = l.w
  w @ x
def f(x: f64[n], w: f64[m, n]) = app(L(w, [0 for _ < m]), x)""",
     "f", [np.ones(4), A], [A.sum(1)]),
    ("def f(x: f64[n]) = softmax(x)[0] + mean([v for v in x]) + len(x)",
     "f", [X], [np.exp(1) / np.exp(X).sum() + 2 + 3]),
    ("def f(x: f64[n], k: i64[m]) = [x[k[j]] for j]",
     "f", [X, np.array([2, 0])], [X[[2, 0]]]),
    ("def f(x: f64[n]) = grad(fn v -> sum(v[k] for k in [0, 0, 2]))(x)",
     "f", [X], [np.array([2.0, 0, 1])]),
    ("def f(x: f64[n]) = (loop (a, i) = (x, 0) while i < n and a[i] > 0 do (a with [i] = -a[i], i + 1))[0]",
     "f", [X], [-X]),
    ("""def f(x: f64) =
  let y = if x > 0 then 1 else 2
  y * x""",
     "f", [2.0], [2.0]),
    ("""def f(x: f32) =
  let y = if x > 0 then 0.5 else 2
  y * x""",
     "f", [np.float32(2.0)], [1.0]),
    ("def f(x: f64[n]) = map_leaves(fn v -> v * 2, (x, sum(x)))",
     "f", [X], [2 * X, 12.0]),
    ("""def g(x: f64[n], k: i64) -> f64[n] = if k > 0 then x else x * 2
def f(x: f64[n]) = g(x, 1) + g(x, 0)""",
     "f", [X], [3 * X]),
    ("""def tri(v: f64[d * (d + 1) // 2], d: i64) -> f64 = sum(v)
def f(v: f64[m], d: i64) = tri(v, d)""",
     "f", [np.ones(6), 3], [6.0]),
    ("def tri(d: i64, v: f64[d * (d + 1) // 2]) -> f64[d, d] = [if j <= i then v[i * (i + 1) // 2 + j] else 0 for i < d, j < d]",
     "tri", [2, np.array([1.0, 2, 3])], [np.array([[1.0, 0], [2, 3]])]),
]


@pytest.mark.parametrize(("text", "name", "args", "want"), CASES, ids=[c[0].splitlines()[-1][:60] for c in CASES])
def test_value(text: str, name: str, args: list[Any], want: list[Any]) -> None:
    got = go(text, name, *args)
    tol = 1e-6 if "f32" in text else 1e-9
    assert len(got) == len(want)
    for g, w in zip(got, want, strict=True):
        assert np.shape(g) == np.shape(w)
        np.testing.assert_allclose(g, w, rtol=tol, atol=tol)
