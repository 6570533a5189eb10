"""More forms of the language on the reference interpreter: generators, records, sums, functions, derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from derivant.compiler.errors import Error, Source
from derivant.compiler.interpret import run
from derivant.compiler.ir import Jvp, Vjp, all_stmts
from derivant.compiler.verify import verify
from derivant.frontend import types as ty
from derivant.frontend.modules import Module, load_module
from derivant.frontend.parser import parse_expr
from derivant.passes.differentiate import resolve

X = np.array([1.0, 2.0, 3.0])
A = np.arange(12.0).reshape(3, 4)


def go(text: str, name: str, *args: Any) -> list[Any]:
    module = load_module(Source("t.dv", text))
    module.check()
    return call(module, module.instantiate(name), *args)


def call(module: Module, entry: Any, *args: Any) -> list[Any]:
    verify(entry.program)
    program = entry.program
    if any(isinstance(s.op, Jvp | Vjp) for f in program.functions.values() for s in all_stmts(f.body)):
        program = resolve(program)
        verify(program)
    entry.check_sizes(args)
    return run(program, entry.entry, list(args), write=lambda line: None)[entry.hidden:]


CASES: list[tuple[str, str, list[Any], list[Any]]] = [
    ("def f(x: f64[n]) = sum(x[i] for i if i > 0)",
     "f", [X], [5.0]),
    ("def f(x: f64[n]) = count(v > 1 for v in x)",
     "f", [X], [2]),
    ("def f(x: f64[n]) = (any(v > 2 for v in x), all(v > 2 for v in x))",
     "f", [X], [True, False]),
    ("def f(x: f64[n]) = max(v for v in x if v < 3)",
     "f", [X], [2.0]),
    ("def f(A: f64[n, m]) = max(A[i, j] for i, j)",
     "f", [A], [11.0]),
    ("def f(x: f64[n]) = sum(x[i] * x for i)",
     "f", [X], [6 * X]),
    ("def f(x: f64[n]) = sum((v, v * v) for v in x)",
     "f", [X], [6.0, 14.0]),
    ("def f(x: f64[n]) = argmax(v for v in x)",
     "f", [X], [2]),
    ("def f(n: i64) = [k for k in 2 .. n by 3]",
     "f", [11], [np.array([2, 5, 8])]),
    ("def f(n: i64) = loop s = 0 for i in 1 .. n + 1 do s + i",
     "f", [4], [10]),
    ("def f(x: i64) = (x / 2, x // 2, x % 2, x ** 2, 2 ** x, -x)",
     "f", [3], [1.5, 1, 1, 9, 8, -3]),
    ("def f(x: f64) = (x ** 2, x ** 0.5, x ** -1, 2 ** x)",
     "f", [4.0], [16.0, 2.0, 0.25, 16.0]),
    ("def f(b: bool) = i64(b) + 1",
     "f", [True], [2]),
    ("def f(x: i32) = x + 1",
     "f", [3], [4]),
    ("def f(x: f64[n]) = x > 1 and x < 3",
     "f", [X], [np.array([False, True, False])]),
    ("""def f(x: f64) =
  let e = 2
  let pi = 3
  e * pi * x""",
     "f", [1.0], [6.0]),
    ("""def max(x: f64) = x + 1
def f(x: f64) = max(x)""",
     "f", [1.0], [2.0]),
    ("""def sum(x: f64[n]) = 1.0
def f(x: f64[n]) = sum(v for v in x)""",
     "f", [X], [1.0]),
    ("""def f(x: f64[n]) =
  let n = 2
  [x[i] for i < n]""",
     "f", [X], [X[:2]]),
    ("""type C = {k: f64}
def f(c: C) =
  let {k} = c
  let C(j) = c
  let C(k = q) = c
  k + j + q""",
     "f", [2.0], [6.0]),
    ("""type V = f64[3]
def f(v: V) -> V = 2 * v""",
     "f", [X], [2 * X]),
    ("""type M[a, b] = {m: f64[a, b], s: f64[b]}
def g(m: M[k, k]) -> f64[k] = m.m @ m.s
def f(A: f64[n, n], s: f64[n]) = g(M(A, s))""",
     "f", [np.eye(3), X], [X]),
    ("""type Fit = {w: f64[n, d], b: f64[n]}
def f(fs: Fit[2, 3][m]) = sum(g.b[0] + g.w[1, 2] for g in fs)""",
     "f", [np.ones((4, 2, 3)), np.ones((4, 2))], [8.0]),
    ("""type Fit = {w: f64[n], b: f64}
def f(x: f64[n]) =
  let fs = [Fit(x * i, i) for i < 4]
  let g = fs[2]
  (sum(g.w), g.b, len(fs), sum(fs[1].w))""",
     "f", [X], [12.0, 2.0, 4, 6.0]),
    ("def f(x: f64[n]) = loop (v, w): (f64[_], f64) = (x, 0) while len(v) > 1 do (v[1:], w + v[0])",
     "f", [X], [np.array([3.0]), 3.0]),
    ("""def f(x: f64[n]) =
  let ys = filter(fn v -> v > 1, x)
  let zs = [y * y for y in ys]
  sum(zs[i] * ys[i] for i)""",
     "f", [X], [35.0]),
    ("""def evens(n: i64) -> i64[_] = [i for i < n if i % 2 == 0]
def f(n: i64) = (evens(n), len(evens(n)))""",
     "f", [5], [np.array([0, 2, 4]), 3]),
    ("""def split(x: f64[n]) -> (f64[_], f64[_]) = ([v for v in x if v < 2], [v for v in x if v >= 2])
def f(x: f64[n]) =
  let (a, b) = split(x)
  concat(b, a)""",
     "f", [X], [np.array([2.0, 3, 1])]),
    ("def f(x: f64[n]) = grad(fn v -> sum(u * u for u in v if u > 1))(x)",
     "f", [X], [np.array([0.0, 4, 6])]),
    ("def f(x: f64[n]) = grad(fn v -> sum([u * u for u in v if u > 1]))(x)",
     "f", [X], [np.array([0.0, 4, 6])]),
    ("def f(x: f64) = grad(fn y -> loop s = y while s < 100 do s * s)(x)",
     "f", [3.0], [8 * 3.0 ** 7]),
    ("def f(x: f64[n]) = grad(fn v -> (loop w = v for i < n do w with [i] = w[i] * w[0])[2])(x)",
     "f", [X], [np.array([2 * 1.0 * 3.0, 0.0, 1.0])]),
    ("""type T = A | B(f64) | D((f64, i64))
def g(t: T) -> f64 = match t
  A -> 0.0
  B(x) -> x
  D((x, k)) -> x * k
def f(x: f64) = g(A) + g(B(x)) + g(D((x, 3)))""",
     "f", [2.0], [8.0]),
    ("""def f(a: i64, b: i64) = match (a, b)
  (0, _) | (_, 0) -> 1
  (x, y) -> x * y""",
     "f", [3, 4], [12]),
    ("""type S = L(f64) | R(f64)
def f(x: f64) = match (if x > 0 then L(x) else R(x))
  L(v) | R(v) -> v + 1""",
     "f", [2.0], [3.0]),
    ("""def twice(f) = fn x -> f(f(x))
def f(x: f64) = twice(twice(fn y -> y * 2))(x)""",
     "f", [1.0], [16.0]),
    ("def f(x: f64[n], w: f64[n]) = (fn (a, b) -> sum(a[i] * b[i] for i))(x, w)",
     "f", [X, X], [14.0]),
    ("def f(x: f64[n]) = [(v, i) for (v, i) in zip(x, iota(n))][1]",
     "f", [X], [2.0, 1]),
    ("def f(x: f64[n, n]) = [x[i, i] for i]",
     "f", [np.eye(3)], [np.ones(3)]),
    ("def f(x: f64[n]) = if len(x) > 5 then x[4] else x[0]",
     "f", [X], [1.0]),
    ("def f(x: f64[n]) = sum(if i > 0 then x[i - 1] else 0 for i < n)",
     "f", [X], [3.0]),
    ("def f(A: f64[n, m]) = [sum(r) for r in A]",
     "f", [A], [A.sum(1)]),
    ("def f(t: (f64[n], f64)) = t[0][0] + t[1]",
     "f", [X, 2.0], [3.0]),
    ("def f(x: f64[n]) = hessian(fn v -> sum(v[i] * v[j] for i, j))(x)",
     "f", [X], [2 * np.ones((3, 3))]),
    ("def f(a: f64, b: f64) = hessian(fn (p, q) -> p * p * q, wrt = (0, 1))(a, b)",
     "f", [2.0, 3.0], [6.0, 4.0, 4.0, 0.0]),
    ("def f(x: f64) = jacobian(fn y -> [y, y * y])(x)",
     "f", [3.0], [np.array([1.0, 6.0])]),
    ("def f(x: f64) = (fn y -> fn z -> y * z * z)'(x)(3)",
     "f", [2.0], [9.0]),
    ("""def f(x: f64[n], y: f64[m]) =
  let z: f64[n] = y
  sum(x[i] * z[i] for i)""",
     "f", [X, X], [14.0]),
    ("""def g(x: f64[2 * k]) -> i64 = k
def f(x: f64[n]) = g(x)""",
     "f", [np.ones(6)], [3]),
    ("""type S = Circle(f64) | Box(f64, f64)
def area(s: S) -> f64 =
  match s
    Circle(r) -> r * r
    Box(a, b) -> a * b
def f(s: S) = grad(area)(s)""",
     "f", [1, 0.0, 2.0, 3.0], [1, 0.0, 3.0, 2.0]),
    ("def f(x: f64[n]) = jacobian(fn (a, b) -> a * b, wrt = (0, 1))(x, x)",
     "f", [X], [np.diag(X)] * 2),
    ("""type P = {a: f64, b: f64[n], k: i64}
def g(p: P) = P(p.a * 2, p.b * p.a, p.k)
def f(x: f64[n]) =
  let j = jacobian(g)(P(3, x, 1))
  (j.a.a, j.b.a, j.b.b)""",
     "f", [X], [2.0, X, 3 * np.eye(3)]),
    ("""def f(x: f64[n]) =
  let (y, lin) = linearize(fn v -> v * v, x)
  let t = transpose_linear(lin, x)
  (y, lin(x), t(x))""",
     "f", [X], [X * X, 2 * X * X, 2 * X * X]),
    ("def f(x: f64) = jvp(fn (a, k, b) -> a * b * k, (x, 2, x), (1, 0.5))",
     "f", [3.0], [18.0, 2 * (3 + 1.5)]),
    ("def f(x: f64) = vjp(fn (a, k, b) -> a * b * k, x, 2, x)[1](1)",
     "f", [3.0], [6.0, 6.0]),
    ("def f(x: f64[n]) = [sum(v[j] for v in [x, x] ) for j]",
     "f", [X], [2 * X]),
    ("""def f(x: f64[n]) =
  let g(a: f64, b: f64) = a * b
  g(x, x) + g(2, x)""",
     "f", [X], [X * X + 2 * X]),
    ("""type P = {x: f64, v: f64}
def f(ps: P[n]) =
  let qs = ps with [0].x = 5
  [q.x for q in qs]""",
     "f", [X, X], [np.array([5.0, 2, 3])]),
    ("""type P = {x: f64, v: f64}
def f(ps: P[n]) = (ps with [0] = P(7, 8))[0].v""",
     "f", [X, X], [8.0]),
    ("def f(A: f64[n, m]) = [[A[i, j] for j < m if j > 1][0] for i]",
     "f", [A], [A[:, 2]]),
    ("def f(x: f64[n]) = for i < n, j < n into (array, sum) do (x[i] * x[j], x[i])",
     "f", [X], [np.outer(X, X), 18.0]),
    ("""def f(x: f64[n]) =
  let (m, k) = if x[0] > 0 then (x[0], 1) else (0.0, 2)
  m * k""",
     "f", [X], [1.0]),
    ("def f(x: f64[n]) = loop (w, s) = (zeros(n), 0.0) for i < n do (w with [i] = s, s + x[i])",
     "f", [X], [np.array([0.0, 1.0, 3.0]), 6.0]),
    ("def f(n: i64) = loop k = n while k > 1 into (steps, array) do (if k % 2 == 0 then k // 2 else 3 * k + 1, 1, k)",
     "f", [6], [1, 8, np.array([6, 3, 10, 5, 16, 8, 4, 2])]),
    ("def f(v: f64[n]) = for i < n down into (array) do v[i] * i",
     "f", [X], [X * np.arange(3)]),
    ("def f(x: f64[n], y: f64[m]) = concat(x, y)",
     "f", [X, X], [np.r_[X, X]]),
    ("""def f(x: f64[n], c: bool) =
  let y = if c then x[1:] else x
  sum(y[i] * y[i] for i) + len(y)""",
     "f", [X, True], [15.0]),
    ("def main(n: i64 = 3, s: f64 = -0.5) = n * s",
     "main", [3, -0.5], [-1.5]),
    ("def f(x: f64) = (if x > 0 then fn y -> y * x else fn y -> y)(3.0)",
     "f", [2.0], [6.0]),
    ("def f(x: f64[n]) = map(fn (v) -> v * 2, x)",
     "f", [X], [2 * X]),
    ("def f(x: f64[n]) = reduce(fn ((a, b), (c, d)) -> (a + c, max(b, d)), (0, 0), [(v, v) for v in x])",
     "f", [X], [6.0, 3.0]),
    ("def f(x: f64[n]) = 2 * x @ x + 1",
     "f", [X], [29.0]),
    ("""let k = 3
def f(x: f64[k]) = x""",
     "f", [np.ones(5)], [np.ones(5)]),
    ("""def f(x: f64[n]) = show(sum(x), "total")""",
     "f", [X], [6.0]),
    ("def f(t: (f64, i64)[n]) = sum(a * k for (a, k) in t)",
     "f", [X, np.array([1, 2, 3])], [14.0]),
    ("def f(x: f64) = sin'(x) + (fn y -> y * y)''(x)",
     "f", [1.0], [np.cos(1) + 2]),
]

FAILURES: list[tuple[str, str, list[Any], str, str]] = [
    ("""def f(x: f64[n], y: f64[m]) =
  let z: f64[n] = y
  sum(x[i] * z[i] for i)""",
     "f", [X, np.ones(4)], "DV0502", "3"),
    ("""def f(x: f64[n]) =
  assert n > 5, "n is {n}, {x[0] + 1}"
  x""",
     "f", [X], "DV0507", "n is 3, 2"),
    ("def f(n: i64) = zeros(n - 1)",
     "f", [0], "DV0503", ""),
    ("def f(x: f64[n]) = max(x)",
     "f", [np.zeros(0)], "DV0508", ""),
    ("def f(x: f64[n], i: i64) = x[i]",
     "f", [X, 7], "DV0501", ""),
    ("def f(x: f64[n], i: i64) = x[i:]",
     "f", [X, 7], "DV0501", ""),
    ("def f(x: f64[n], k: i64) -> f64[2 * k] = x",
     "f", [X, 2], "DV0502", ""),
    ("def f(x: f64[2 * k]) -> i64 = k",
     "f", [X], "DV0502", ""),
    ("""def g(x: f64[2 * k]) -> i64 = k
def f(x: f64[n]) = g(x)""",
     "f", [X], "DV0502", ""),
    ("""type S = Circle(f64) | Box(f64, f64)
def grow(s: S) -> S =
  match s
    Circle(r) -> Circle(r * r)
    Box(a, b) -> Box(a * b, b)
def f(s: S) =
  let (y, pull) = vjp(grow, s)
  pull(Circle(1.0))""",
     "f", [1, 0.0, 2.0, 3.0], "DV0511", ""),
]


@pytest.mark.parametrize(("text", "name", "args", "want"), CASES, ids=[c[0].splitlines()[-1][:60] for c in CASES])
def test_value(text: str, name: str, args: list[Any], want: list[Any]) -> None:
    got = go(text, name, *args)
    assert len(got) == len(want)
    for g, w in zip(got, want, strict=True):
        assert np.shape(g) == np.shape(w)
        np.testing.assert_allclose(g, w, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("text", "name", "args", "code", "words"), FAILURES,
                         ids=[c[0].splitlines()[-1][:60] for c in FAILURES])
def test_fails_at_run_time(text: str, name: str, args: list[Any], code: str, words: str) -> None:
    with pytest.raises(Error) as caught:
        go(text, name, *args)
    assert caught.value.code == code
    assert words in caught.value.message


def test_long_and_deep_programs() -> None:
    assert go("def f(x: f64) = " + "(" * 190 + "x" + ")" * 190, "f", 1.0) == [1.0]
    assert go("def f(x: f64) = " + "if x > 5 then 1 else " * 150 + "x", "f", 1.0) == [1.0]
    chain = "".join(f"def g{k}(x: f64) = g{k + 1}(x) + 1\n" for k in range(200)) + "def g200(x: f64) = x\n"
    assert go(chain, "g0", 1.0) == [201.0]


def test_chains_of_generic_functions_are_elaborated_once_for_each_type() -> None:
    text = "def g0(x) = x + 1\n" + "".join(f"def g{k}(x) = g{k - 1}(x) + g{k - 1}(x)\n" for k in range(1, 13))
    text += "def f(x: f64) = g12(x)"
    module = load_module(Source("t.dv", text))
    assert len(module.instantiate("f").program.functions) == 14


MODEL = """
type P = {w: f64[n], b: f64}
def loss(p: P[n], x: f64[n], k: i64 = 2) -> f64 = (p.b + sum(p.w[i] * x[i] for i)) ** k
def gen(a, b) = a * b
def sized(n: i64, x: f64[n]) = sum(x) * n
test "square" = 2.0 ** 2 == 4.0
"""


def test_entries_from_expressions() -> None:
    module = load_module(Source("t.dv", MODEL))
    module.check()
    entry = module.instantiate_expr(parse_expr(Source("e", "grad(loss, wrt = (p, x))")))
    assert [(p.name, ty.show(p.type)) for p in entry.params if p.type] == [("p", "P[n]"), ("x", "f64[n]"), ("k", "i64")]
    assert entry.params[2].default is not None
    assert [leaf.path for leaf in ty.leaves(entry.result)] == [(0, "w"), (0, "b"), (1,)]
    dw, db, dx = call(module, entry, X, 1.0, X, 2)
    np.testing.assert_allclose([*dw, db, *dx], [*(30 * X), 30.0, *(30 * X)])
    (slope,) = call(module, module.instantiate_expr(parse_expr(Source("e", "grad(sized, wrt = x)"))), 3, X)
    np.testing.assert_allclose(slope, 3 * np.ones(3))
    entry = module.instantiate("gen", [ty.ArrayT(ty.ScalarT("f64"), (None,)), ty.ScalarT("f32")])
    np.testing.assert_allclose(call(module, entry, X, np.float32(2.0))[0], 2 * X)
    assert call(module, module.test_instance(module.tests[0])) == [True]
    with pytest.raises(Error, match="the type of a is not known"):
        module.instantiate("gen")


def test_sizes_of_arguments_are_checked() -> None:
    entry = load_module(Source("t.dv", "def f(x: f64[n], y: f64[n + 1], z: f64[3]) = n")).instantiate("f")
    entry.check_sizes([np.zeros(2), np.zeros(3), np.zeros(3)])
    for bad in ([np.zeros(2), np.zeros(4), np.zeros(3)], [np.zeros(2), np.zeros(3), np.zeros(4)]):
        with pytest.raises(Error) as caught:
            entry.check_sizes(bad)
        assert caught.value.code == "DV0502"


def test_imports() -> None:
    files = {"a": "from b import f\ndef g(x: f64) = f(x)", "b": "def f(x: f64) = 2 * x\ntype Q = {a: f64}",
             "c": "from d import h\ndef f(x: f64) = x", "d": "from c import f\ndef h(x: f64) = x"}

    def resolver(name: str) -> Source | None:
        return Source(f"{name}.dv", files[name]) if name in files else None

    text = "import b\nimport b as bb\nfrom a import g\nfrom b import Q\ndef f(q: Q) = b.f(q.a) + bb.f(1) + g(2)"
    module = load_module(Source("m.dv", text), resolver)
    module.check()
    assert call(module, module.instantiate("f"), 3.0) == [12.0]
    for bad, code in (("import c", "DV0205"), ("import bq", "DV0204"), ("from b import ff", "DV0201"),
                      ("import b\ndef f(x: f64) = b.ff(x)", "DV0201")):
        with pytest.raises(Error) as caught:
            load_module(Source("m.dv", bad), resolver).check()
        assert caught.value.code == code


def test_a_missing_module_hides_no_other_error() -> None:
    text = """\
import nowhere
from nothing import T, g
def f(x: f64) = x + u
def h(x: f64) -> i64 = x
def k(x: f64) = nowhere.q(x)
def l(x: T) = g(x)
def m(x: f64) = k(x) + 1
let c = g(1.0)
test "q" = c == 1
def o(x: f64) = (let s = g(x); s + zz)
def p(t: f64 -> f64) = t(nowhere.w)
"""
    with pytest.raises(Error) as caught:
        load_module(Source("t.dv", text), lambda _: None)
    assert [(e.code, e.span.line) for e in caught.value.errors if e.span is not None] == [
        ("DV0204", 1), ("DV0204", 2), ("DV0201", 3), ("DV0301", 4), ("DV0201", 10)]
    with pytest.raises(Error) as caught:
        load_module(Source("t.dv", "import nowhere\ndef k(x: f64) = nowhere.q(x)"), lambda _: None)
    assert [e.code for e in caught.value.errors] == ["DV0204"] and caught.value.labels == ()
