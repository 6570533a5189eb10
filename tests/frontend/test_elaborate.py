"""The elaborator from text to numbers: every form of the language on the reference interpreter."""

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
F = X.astype(np.float32)

CASES: list[tuple[str, str, list[Any], list[Any]]] = [
    ("def f(A: f64[n, m], v: f64[m]) = A @ v",
     "f", [A, np.ones(4)], [A @ np.ones(4)]),
    ("def f(A: f64[n, m]) = [sum(A[i, j] for j) for i]",
     "f", [A], [A.sum(1)]),
    ("def f(A: f64[n, m]) = [A[i, j] for j, i]",
     "f", [A], [A.T]),
    ("def f(x: f64[n]) = sum(x[i+1] - x[i] for i < n - 1)",
     "f", [X], [2.0]),
    ("def f(x: f64[n]) = x[1:] - x[:-1]",
     "f", [X], [np.diff(X)]),
    ("def f(A: f64[n, m]) = (A[:, 1], A[1], A[0:2, 1:3], A[-1, :])",
     "f", [A], [A[:, 1], A[1], A[0:2, 1:3], A[-1]]),
    ("def f(n: i64) = loop s = 0 for i < n do s + i",
     "f", [5], [10]),
    ("def f(n: i64) = loop (a, b) = (0, 1) for _ < n do (b, a + b)",
     "f", [10], [55, 89]),
    ("def f(x: f64[n]) = loop s = 0 for i < n do s + x[i]",
     "f", [X], [6.0]),
    ("def f(x: f64[n]) = loop s = 0 for v in x do s + v",
     "f", [X], [6.0]),
    ("def f(x: f64) = loop y = x while abs(y * y - x) > 1e-12 do 0.5 * (y + x / y)",
     "f", [2.0], [2 ** 0.5]),
    ("def f(n: i64) = loop s = 0 for i < n into (array, sum) do (s + i, s, i * i)",
     "f", [4], [6, np.array([0, 0, 1, 3]), 14]),
    ("def f(x: f64[n]) = for v in x into (array, sum, max, argmin) do (v + 1, v, v, v)",
     "f", [X], [X + 1, 6.0, 3.0, 0]),
    ("def f(x: f64[n]) = [v for v in x if v > 1.5]",
     "f", [X], [X[1:]]),
    ("def f(x: f64[n]) = [x[i] * i for i if x[i] > 1.5]",
     "f", [X], [np.array([2.0, 6.0])]),
    ("def f(x: f64[n]) = sum(v for v in x if v > 1.5)",
     "f", [X], [5.0]),
    ("def f(n: i64) = [i + j for i < n, j < n if j < i]",
     "f", [3], [np.array([1, 2, 3])]),
    ("def f(n: i64) = sum(1 for i < n, j < i)",
     "f", [4], [6]),
    ("def f(n: i64) = max(i * j for i < n, j < i)",
     "f", [4], [6]),
    ("def f(x: f64[n]) = (let (a, b) = (sum(x), max(x)); a + b)",
     "f", [X], [9.0]),
    ("""def f(x: f64[n]) =
  let y = x with [0] = 5
  y with ([1] = y[0], [2] = 0.5)""",
     "f", [X], [np.array([5.0, 5.0, 0.5])]),
    ("def f(A: f64[n, m]) = A with [1, :] = 0",
     "f", [A], [np.vstack([A[0], 0 * A[0], A[2]])]),
    ("def f(A: f64[n, m], c: f64[n]) = A with [:, 1] = c",
     "f", [A, X], [np.column_stack([A[:, 0], X, A[:, 2:]])]),
    ("def f(x: f64[n]) = x with [1:] = [7, 8]",
     "f", [X], [np.array([1.0, 7, 8])]),
    ("""type P = {a: f64, b: f64[n]}
def f(x: f64[n]) =
  let p = P(a = 2, b = x)
  let q = p with a = 3
  q.a * sum(q.b) + p.a""",
     "f", [X], [20.0]),
    ("""type P = {a: f64, b: f64[n]}
def g(p: P) -> P = p with b = p.b * 2
def f(x: f64[n]) = g(P(1, x)).b""",
     "f", [X], [2 * X]),
    ("""type P = {a: f64, b: f64}
def f(x: f64[n]) =
  let ps = [P(v, v * v) for v in x]
  sum(p.a * p.b for p in ps)""",
     "f", [X], [36.0]),
    ("""type P = {a: f64, b: f64}
def f(ps: P[n]) = [ps[i].a + ps[i].b for i]""",
     "f", [X, X], [2 * X]),
    ("""type S = Circle(f64) | Box(f64, f64) | Nil
def area(s: S) -> f64 =
  match s
    Circle(r) -> 3 * r * r
    Box(a, b) -> a * b
    Nil -> 0
def f(x: f64) = (area(Circle(x)), area(Box(x, 3)), area(Nil), area(if x > 1 then Circle(x) else Box(x, x)))""",
     "f", [2.0], [12.0, 6.0, 0.0, 12.0]),
    ("""type S = Vec(f64[n]) | Num(f64)
def total(s: S) -> f64 =
  match s
    Vec(v) -> sum(v)
    Num(x) -> x
def f(x: f64[n], c: bool) = total(if c then Vec(x) else Num(1))""",
     "f", [X, True], [6.0]),
    ("""def fib(n: i64) = match n
  0 -> 10
  1 | 2 -> 20
  _ -> 30
def f(a: i64) = (fib(a), fib(2), fib(0))""",
     "f", [5], [30, 20, 10]),
    ("""def compose(f, g) = fn x -> f(g(x))
def f(x: f64) = compose(sin, fn y -> y * 2)(x)""",
     "f", [1.0], [np.sin(2)]),
    ("""def mymap(f: a -> b, v: a[n]) -> b[n] = [f(v[i]) for i]
def f(x: f64[n]) = mymap(fn v -> (v, 1), x)""",
     "f", [X], [X, np.ones(3)]),
    ("""def relu2(x: f64) -> f64 = if x > 0 then x else 0
def f(x: f64[n]) = relu2(x - 2)""",
     "f", [X], [np.maximum(X - 2, 0)]),
    ("""def sq(x: f64) = x * x * x
def f(x: f64) = (sq'(x), sq''(x))""",
     "f", [2.0], [12.0, 12.0]),
    ("""def sq(x: f64) = x * x
def f(x: f64[n]) = sq'(x)""",
     "f", [X], [2 * X]),
    ("""def loss(w: f64[n], x: f64[n]) = sum(w[i] * w[i] * x[i] for i)
def f(x: f64[n]) = grad(loss)(x, x)""",
     "f", [X], [2 * X * X]),
    ("""def loss(w: f64[n], x: f64[n]) = sum(w[i] * w[i] * x[i] for i)
def f(x: f64[n]) = grad(loss, wrt = (x, w))(x, x)""",
     "f", [X], [X * X, 2 * X * X]),
    ("""def loss(w: f64[n]) = sum(w[i] ** 3 for i)
def f(x: f64[n]) = (hessian(loss)(x), value_and_grad(loss)(x), hvp(loss)(x, x))""",
     "f", [X], [np.diag(6 * X), 36.0, 3 * X * X, 6 * X * X]),
    ("""def fn1(w: f64[n]) = [w[i] ** 2 for i]
def f(x: f64[n]) = (jacobian(fn1)(x), jvp(fn1, x, x))""",
     "f", [X], [np.diag(2 * X), X * X, 2 * X * X]),
    ("""def fn1(w: f64[n], s: f64) = [s * w[i] ** 2 for i]
def f(x: f64[n]) =
  let (y, pull) = vjp(fn1, x, 2.0)
  let (dx, ds) = pull(y)
  (y, dx, ds)""",
     "f", [X], [2 * X * X, 4 * X * 2 * X * X, sum(2 * X ** 4)]),
    ("""type P = {a: f64, b: f64[n]}
def loss(p: P) = p.a * sum(p.b)
def f(x: f64[n]) =
  let p = P(2, x)
  let g = grad(loss)(p)
  let q = p - 0.1 * g
  (g.a, g.b, q.a, q.b)""",
     "f", [X], [6.0, 2 * np.ones(3), 1.4, X - 0.2]),
    ("""type P = {a: f64, b: f64[n]}
def loss(p: P) = p.a * sum(p.b)
def f(x: f64[n]) =
  let h = hessian(loss)(P(2, x))
  (h.a.b, h.b.a)""",
     "f", [X], [np.ones(3), np.ones(3)]),
    ("""def f(x: f64) =
  let g(y) = x * y * y
  g'(3)""",
     "f", [2.0], [12.0]),
    ("def f(x: f64) = (fn y -> grad(fn z -> z * y)(y))'(x)",
     "f", [2.0], [1.0]),
    ("""def sp(x: f64) -> f64 = log(1 + exp(x))
derivative sp(x) along dx = dx * sigmoid(x)
def f(x: f64) = sp'(x)""",
     "f", [0.3], [1 / (1 + np.exp(-0.3))]),
    ("def f(x: f32[n]) = [0.5 * v + 1 / 3 for v in x]",
     "f", [F], [0.5 * X + 1 / 3]),
    ("def f(x: f32[n]) = loop s = 0.0 for v in x do s + v",
     "f", [F], [6.0]),
    ("def f(x: f64[n]) -> f64[_] = filter(fn v -> v > 1, x)",
     "f", [X], [X[1:]]),
    ("def f(x: f64[n]) = reduce(max, 0, x)",
     "f", [X], [3.0]),
    ("""def f(x: f64[n]) =
  assert n == 3, "n is {n} and x {x[0]}"
  sum(x)""",
     "f", [X], [6.0]),
    ("def f(x: f64[n + 1]) -> f64[n] = [x[i + 1] - x[i] for i < n]",
     "f", [X], [np.diff(X)]),
    ("""def f(x: f64[2 * n]) -> f64[n] = [x[2 * i] for i < n]
def g(y: f64[2 * k]) = f(y) + f(y)""",
     "g", [np.arange(4.0)], [np.array([0.0, 4])]),
    ("""let c = 2
let table = [exp(i) for i < 4]
def f(x: f64) = c * table[2] * x""",
     "f", [1.0], [2 * np.exp(2)]),
    ("""def f(x: f64, k: f64 = 3) = x * k
def g(x: f64) = f(x) + f(k = 1, x = x)""",
     "g", [1.0], [4.0]),
    ("def f(v: f64[_]) = loop w: f64[_] = v while len(w) > 1 do w[1:]",
     "f", [X], [np.array([3.0])]),
    ("def f(x: f64) = 0 < x < 1 and 1 / x > 2",
     "f", [0.3], [True]),
    ("def f(v: f64[n]) = n > 0 and v[0] > 0",
     "f", [np.zeros(0)], [False]),
    ("""def f(x: f64[n]) = stop_gradient(sum(x)) * sum(x)
def g(x: f64[n]) = grad(f)(x)""",
     "g", [X], [6 * np.ones(3)]),
    ("def f(A: f64[n, m]) = grad(fn B -> trace(B @ transpose(B)))(A)",
     "f", [A], [2 * A]),
    ("def f(x: f64[n]) = softmax(x) + cumsum(x)",
     "f", [X], [np.exp(X) / np.exp(X).sum() + np.cumsum(X)]),
    ("def f(x: f64[n]) = mean(x) + norm(x) + logsumexp(x) + dot(x, x)",
     "f", [X], [2 + np.sqrt(14) + np.log(np.exp(X).sum()) + 14]),
    ("def f(x: f64[n]) = [[1, 2], [3, x[0]]]",
     "f", [X], [np.array([[1, 2], [3, 1.0]])]),
    ("def f(x: f64[n]) = if n > 2 then x[:2] else x",
     "f", [X], [X[:2]]),
    ("def f(k: i64) = (if k > 0 then sin else cos)(1.0)",
     "f", [1], [np.sin(1)]),
    ("def f(x: f64[n]) = accumulate(zeros(2), (i % 2, x[i]) for i < n)",
     "f", [X], [np.array([4.0, 2.0])]),
    ("def f(x: f64[n]) = for i < n into (accumulate(zeros(2)), reduce(fn (a, b) -> a * b, 1)) do ((i % 2, x[i]), x[i])",
     "f", [X], [np.array([4.0, 2.0]), 6.0]),
]


@pytest.mark.parametrize(("text", "name", "args", "want"), CASES, ids=[c[0].splitlines()[-1][:60] for c in CASES])
def test_value(text: str, name: str, args: list[Any], want: list[Any]) -> None:
    got = go(text, name, *args)
    tol = 1e-6 if "f32" in text else 1e-9
    assert len(got) == len(want)
    for g, w in zip(got, want, strict=True):
        assert np.shape(g) == np.shape(w)
        np.testing.assert_allclose(g, w, rtol=tol, atol=tol)
