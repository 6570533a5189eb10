"""Corners of the language that users have run into: what each of them gives, or says."""

from __future__ import annotations

from typing import Any

import derivant as dv
import numpy as np
import pytest
from derivant.compiler.errors import Error, Source
from derivant.compiler.ir import alpha_equal
from derivant.compiler.printer import print_program
from derivant.frontend.modules import load_module

V = np.array([1.0, -2.0, 3.0])
A = np.arange(6.0).reshape(2, 3) - 2.0
NOTHING = np.zeros(0)


def run(text: str, name: str, *args: Any) -> Any:
    return getattr(dv.compile(text, backend="interpreter"), name)(*args)


def same(got: Any, want: Any) -> bool:
    if isinstance(want, tuple):
        return isinstance(got, tuple) and len(got) == len(want) and all(map(same, got, want))
    return bool(np.shape(got) == np.shape(want) and np.allclose(got, want))


# ---------------------------------------------------------------- filters of `for … into`


@pytest.mark.parametrize(("text", "args", "want"), [
    ("def f(v: f64[n]) = for x in v if x > 0 into (array, sum) do (x, x)",
     [V], (np.array([1.0, 3.0]), 4.0)),
    ("def f(v: f64[n]) = for x in v if x > 0 into (array) do x * 2",
     [V], np.array([2.0, 6.0])),
    ("def f(v: f64[n]) = for i if v[i] > 0 into (array, max, argmin, count, any) do (i, v[i], v[i], v[i] > 2, v[i] > 9)",
     [V], (np.array([0, 2]), 3.0, 0, 1, False)),
    ("def f(a: f64[n, m]) = for i, j if a[i, j] > 0 into (array, sum) do (a[i], a[i, j])",
     [A], (np.array([A[1]] * 3), 6.0)),
    ("def f(v: f64[n]) = for x in v if x > 0 into (reduce(fn (p, q) -> p * q, 1.0), array) do (x, (x, x > 2))",
     [V], (3.0, (np.array([1.0, 3.0]), np.array([False, True])))),
    ("def f(v: f64[n]) = for i < n if v[i] > 0 into (array, accumulate(zeros(n))) do (i, (i, v[i]))",
     [V], (np.array([0, 2]), np.array([1.0, 0.0, 3.0]))),
    ("def f(v: f64[n]) = for x in v if x > 0 into (array, sum) do (x, x)",
     [NOTHING], (NOTHING, 0.0)),
    ("def f(v: f64[n]) = loop s = 0.0 for i < n if v[i] > 0 into (array, max, sum) do (s + v[i], i, s, v[i])",
     [V], (4.0, np.array([0, 2]), 1.0, 4.0)),
    ("def f(v: f64[n]) = loop s = 1.0 for x in v, i < 2 if x * i > 0 into (array) do (s * x, (x, i))",
     [V], (3.0, (np.array([1.0, 3.0]), np.array([1, 1])))),
])
def test_filters_of_for_into(text: str, args: list[Any], want: Any) -> None:
    assert same(run(text, "f", *args), want)


@pytest.mark.parametrize("body", [
    "for x in v if x > 9 into (max, sum) do (x, x)",
    "loop s = 0 for x in v while x > 9 into (max) do (s, x)",
    "loop s = 0 for x in v, y in v while x > 9 into (argmin, sum) do (s, x, y)",
])
def test_the_maximum_of_nothing(body: str) -> None:
    with pytest.raises(Error) as caught:
        run(f"def f(v: f64[n]) = {body}", "f", V)
    assert caught.value.code == "DV0508"


# ---------------------------------------------------------------- while with filters and several generators


@pytest.mark.parametrize(("body", "want"), [
    ("loop s = 0 for i < 9 if i % 2 == 1 while i < 6 into (array, steps) do (s + i, i, 1)", (9, np.array([1, 3, 5]), 3)),
    ("loop s = 0 for i < 9, j < i while s < 3 do s + j", 4),
    ("loop s = 0 for i < 9 if i != 1 while v[i] > 0 and i < 2 into (array) do (s + 1, i)", (1, np.array([0]))),
    ("loop s = 0 for i < 3 if i > 0 while v[i - 1] > 0 do s + i", 1),
    ("loop w: f64[_] = v for i < 9, j < 2 while len(w) > 1 into (sum) do (w[1:], i)", (np.array([3.0]), 0)),
    ("loop s = 0 for (x, k) in zip(v, iota(n)), j while s < 4 into (array) do (s + v[j] * k, j)",
     (4.0, np.array([0, 1, 2, 0, 1, 2, 0]))),
    ("loop s = 0 for i < -2, j < 3 while s < 3 into (array) do (s + 1, i)", (0, NOTHING)),
    ("loop s = 0 for i < 5 down if i % 2 == 1 into (array) do (10 * s + i, s)", (31, np.array([3, 0]))),
    ("for i < 4 down if i > 0 into (reduce(fn (a, b) -> 10 * a + b, 0), sum) do (i, i)", (321, 6)),
    ("for i < 4, j < i into (max, argmax) do (j, j)", (2, 5)),
    ("for x in v into (scan(max, 0), reduce(fn (a, b) -> 2 * a + b, 0), sum) do (x, x, x)",
     (np.array([1.0, 1.0, 3.0]), 3.0, 2.0)),
    ("for x in v if x > 0 into (scan(fn (a, b) -> a + b, 0), array) do (x, x)", (np.array([1.0, 4.0]), np.array([1.0, 3.0]))),
    ("for i < 3 down into (scan(fn (a, b) -> a + b, 0)) do v[i]", np.array([2.0, 1.0, 3.0])),
    ("for i < 2, x in v into (scan(fn (a, b) -> a + b, 0)) do x * i", np.array([[0.0, 0, 0], [1, -1, 2]])),
    ("for x in v into (scan(fn ((a, k), (b, l)) -> (a + b, k + l), (0, 0))) do (x, 1)",
     (np.array([1.0, -1, 2]), np.array([1, 2, 3]))),
    ("loop s = 0 for x in v into (reduce(max, -inf), scan(fn (a, b) -> a * b, 1)) do (s + x, x, x + s)",
     (2.0, 3.0, np.array([1.0, -1.0, -2.0]))),
    ("loop w: f64[_] = v for x in v while len(w) > 1 into (scan(max, 0), steps) do (w[1:], x, 1)",
     (np.array([3.0]), np.array([1.0, 1.0]), 2)),
    ("argmax(i * 3 + j for i < 3, j < i)", 2),
])
@pytest.mark.parametrize("backend", ["interpreter", "loops", "llvm"])
def test_loops_of_single_steps(body: str, want: Any, backend: str) -> None:
    assert same(dv.compile(f"def f(v: f64[n]) = {body}", backend=backend).f(V), want)


@pytest.mark.parametrize(("body", "code"), [
    ("loop s = 0 for i < 3 if i > 0 into (steps) do (s, 1)", "DV0306"),
    ("for i < 3 into (scan(sin, 0)) do 1.0", "DV0303"),
    ("for i < 3 into (reduce(3, 0)) do 1.0", "DV0303"),
    ("for i < 3, j < i into (scan(max, 0)) do j", "DV0313"),
    ("loop s = 0 for i < 3 down, j < 3 while s < 3 into (array) do (s, 1)", "DV0901"),
])
def test_loops_of_single_steps_that_are_refused(body: str, code: str) -> None:
    with pytest.raises(Error) as caught:
        run(f"def f(v: f64[n]) = {body}", "f", V)
    assert caught.value.code == code


# ---------------------------------------------------------------- defaults


@pytest.mark.parametrize(("body", "want"), [
    ("grad(f)(x = x)", 6.0), ("hessian(f)(x = x)", 12.0), ("hessian(f)(x)", 12.0), ("grad(grad(f))(x = x)", 12.0),
    ("grad(grad(f), wrt = c)(x = x)", 3.0), ("hessian(f, wrt = c)(x)", 0.0), ("hvp(f)(x = x, direction = 2.0)", 24.0),
    ("hvp(f)(x, direction = 2.0)", 24.0), ("value_and_grad(grad(f))(c = 3.0, x = x)", (9.0, 18.0)),
])
def test_defaults_in_transforms(body: str, want: Any) -> None:
    text = f"def f(x: f64, c: f64 = 2.0) -> f64 = c * x**3\ndef g(x: f64) = {body}"
    assert same(run(text, "g", 1.0), want)


def test_a_parameter_that_is_missing_in_a_transform() -> None:
    text = "def f(x: f64, b: f64, c: f64 = 2.0) -> f64 = c * x**3\ndef g(x: f64) = hessian(f)(x = x)"
    with pytest.raises(Error, match="also needs b"):
        load_module(Source("t.dv", text)).check()


def test_a_default_of_fixed_size_where_a_name_stands() -> None:
    text = "def g(v: f64[n], w: f64[n] = [1, 2, 3]) = dot(v, w)"
    assert run(text, "g", V) == 6.0
    assert same(dv.grad(dv.compile(text).g)(V), np.array([1.0, 2.0, 3.0]))
    with pytest.raises(Error, match="size 3 where n = 2") as caught:
        run(text, "g", V[:2])
    assert caught.value.code == "DV0502"


# ---------------------------------------------------------------- derivatives that are stated


@pytest.mark.parametrize("body", [
    "dx * dx", "dx + 1", "2 * x", "x * dx - x", "if x > 0 then dx else 1.0", "sin(dx)",
    "loop s = x for _ < 3 do s + dx", "max(dx, 0)",
])
@pytest.mark.parametrize("used", ["", "\ndef g(x: f64) = f(x)"])
def test_a_rule_that_is_not_linear(body: str, used: str) -> None:
    text = f"def f(x: f64) -> f64 = x * x\nderivative f(x) along dx = {body}{used}\n"
    with pytest.raises(Error) as caught:
        dv.compile(text)
    assert caught.value.code == "DV0410"
    assert caught.value.span is not None
    assert caught.value.span.line == 2


@pytest.mark.parametrize("body", [
    "2 * x * dx", "0.0", "dx * (if x > 0 then 1.0 else 2.0)", "if x > 0 then dx else 0.0", "loop s = 0.0 for _ < 3 do s + dx",
    "sum(dx * k for k < 3)", "sum(zeros(3) with [1] = dx)", "jvp(fn t -> t * sin(t), x, dx)[1]", "grad(fn t -> t**3)(x) * dx",
    "-dx / x + 3 * dx", "sum(for i < 3 do if i > 1 then dx else 0.0)", "sum([0.0, dx])",
])
def test_a_rule_that_is_linear(body: str) -> None:
    dv.compile(f"def f(x: f64) -> f64 = x * x\nderivative f(x) along dx = {body}\n")


# ---------------------------------------------------------------- where errors point


def test_a_run_time_error_in_a_function_that_is_differentiated() -> None:
    text = "def g(v: f64[n], i: i64) -> f64 =\n  v[i]\ndef f(v: f64[n]) = grad(fn v -> g(v, 7))(v)"
    for backend in ("interpreter", "llvm"):
        with pytest.raises(Error) as caught:
            dv.compile(text, backend=backend).f(V)
        span = caught.value.span
        assert caught.value.code == "DV0501"
        assert span is not None
        assert (span.line, span.col) == (2, 3), backend


@pytest.mark.parametrize("name", ["string", "str"])
def test_strings_have_no_type(name: str) -> None:
    with pytest.raises(Error, match="strings") as caught:
        load_module(Source("t.dv", f"def f(s: {name}) = s")).check()
    assert caught.value.code == "DV0201"


# ---------------------------------------------------------------- negative sizes


@pytest.mark.parametrize("body", [
    "sum([x[i] * f for f < o, i < n - 2])",
    "sum(for f < o do for i < n - 2 do x[i])",
    "sum(for f < o into (sum) do [x[i] for i < n - 2])",
    "(loop s = 0.0 for f < o into (array) do (s, [x[i] for i < n - 2]))[0]",
])
def test_a_negative_size_behind_an_empty_axis(body: str) -> None:
    text = f"def f(x: f64[n], o: i64) = {body}"
    for backend in ("interpreter", "llvm"):
        with pytest.raises(Error) as caught:
            dv.compile(text, backend=backend).f(NOTHING, 0)
        assert caught.value.code == "DV0503", backend
    assert same(run(text, "f", V, 0), 0.0)


@pytest.mark.parametrize("body", [
    "(max(v), sum([v[i] * f for f < o, i < n - 2]))",
    "[v[i] for i < n - 2]",
    "v[1:-1]",
    "max(v[1:-1])",
    "(let w = v[1:-1]; [[w[i] * w[j] for i] for j])",
    "loop w = v[2:] for i < 3 do w * 2",
    "if n > 3 then v[1:-1] else v[2:]",
    "sum([v[i] for i < n - 2] for k < 3)",
    "for k < o do [[v[i] for i < n - 2] for j < n - 1]",
    "loop s = 0.0 for k < o into (array, sum) do (s + v[k], [v[i] for i < n - 2], [v[i] for i < n - 3])",
    "dot(cumsum([2 for _ < n]), v)",
    "jvp(fn w -> w[1:-1] * w[2:], v, v)",
    "grad(fn w -> sum(w[1:-1] * w[2:]))(v)",
    "hessian(fn w -> sum(w[1:-1] * w[2:]))(v)",
])
def test_a_printed_program_is_read_as_it_was(body: str) -> None:
    """Neither checks nor sizes are made twice, and functions of derivatives have names."""
    program = load_module(Source("t.dv", f"def f(v: f64[n], o: i64) = {body}")).instantiate("f").program
    printed = print_program(program)
    module = load_module(Source("t.dv", printed))
    module.check()
    again = module.instantiate("f").program
    if "jvp(" not in body and "(fn" not in body:
        assert alpha_equal(program.functions["f"], again.functions["f"]), print_program(again)
    assert again.functions["f"].name == "f"


# ---------------------------------------------------------------- printed parameters


def test_printed_parameters_shadow_builtins_that_the_text_does_without() -> None:
    text = "def f(e: f64, steps: i64, sum: f64[n], exp: f64) -> f64 = e * steps * dot(sum, sum) * sin(exp) + e ** 2"
    printed = dv.grad(dv.compile(text).f).source
    assert "def grad_f_flat(e: f64, steps: i64, sum₁: f64[n], exp: f64)" in printed
    again = dv.compile(printed).grad_f(e=2.0, steps=3, sum=V, exp=0.5)
    assert np.isclose(again, dv.grad(dv.compile(text).f)(2.0, 3, V, 0.5))


# ---------------------------------------------------------------- where a check at run time stands


@pytest.mark.parametrize(("text", "args", "code", "words", "at"), [
    ("def f(v: f64[n], k: i64) = [v[j] for i < n, j in 0 .. n by k]", [V, 0], "DV0520", "the step 0 is not positive", 60),
    ("def f(v: f64[n], k: i64) = [[v[j] for j in 0 .. n by k - 1] for i < n]", [V, 0], "DV0520", "step -1", 54),
    ("def f(v: f64[n], k: i64) = sum(v[j] for i < n, j in 0 .. n by k)", [V, 0], "DV0520", "step 0", 63),
    ("def f(v: f64[n], k: i64) = for i < n, j in 0 .. n by k into (array) do v[j]", [V, 0], "DV0520", "step 0", 54),
    ("def f(v: f64[n], k: i64) = loop s = 0 for i < n, j in 0 .. n by k into (array) do (s, v[j])", [V, 0], "DV0520",
     "step 0", 65),
    ("def f(v: f64[n * m], w: f64[m]) = n", [V, NOTHING], "DV0502", "does not say n: m is 0", 7),
    ("def f(w: f64[m], v: f64[n * 2]) = n", [V, V], "DV0502", "size 3 where 2 * n = 2 is needed", 18),
])
@pytest.mark.parametrize("backend", ["interpreter", "llvm"])
def test_checks_at_run_time(text: str, args: list[Any], code: str, words: str, at: int, backend: str) -> None:
    with pytest.raises(Error) as caught:
        dv.compile(text, backend=backend).f(*args)
    assert caught.value.code == code
    assert words in caught.value.message
    assert caught.value.span is not None
    assert caught.value.span.col == at


# ---------------------------------------------------------------- stated derivatives of functions that take functions

RULED = """
def g(x: f64, k: f64 -> f64) -> f64 = k(x) * x
derivative g(x, k) along dx = (k'(x) * x + g(x, k) / x) * dx
def each(v: f64[n], k: f64 -> f64, j: i64) -> f64[n] = [k(x) * j for x in v]
derivative each(v, k, j) along dv = [k'(v[i]) * dv[i] * j for i < n]
def root(h: (f64, f64[n]) -> f64, x0: f64, p: f64[n]) -> f64 = loop x = x0 for _ < 30 do x - h(x, p) / grad(h)(x, p)
derivative root(h, x0, p) along (_, dp) =
  let x = root(h, x0, p)
  -(grad(h, wrt = p)(x, p) @ dp) / grad(h)(x, p)
"""


@pytest.mark.parametrize(("body", "plain"), [
    ("grad(fn v -> g(v[0], sin) * v[1])(v)", "grad(fn v -> sin(v[0]) * v[0] * v[1])(v)"),
    ("grad(fn v -> g(v[0]**2, fn z -> z * v[1] * sin(z * v[2])))(v)",
     "grad(fn v -> v[0]**4 * v[1] * sin(v[0]**2 * v[2]))(v)"),
    ("hessian(fn v -> g(v[0]**2, fn z -> z * v[1] * sin(z * v[2])))(v)",
     "hessian(fn v -> v[0]**4 * v[1] * sin(v[0]**2 * v[2]))(v)"),
    ("jvp(fn v -> each(v, fn x -> x * x * v[0], n), v, v * v)", "jvp(fn v -> [x * x * v[0] * n for x in v], v, v * v)"),
    ("jacobian(fn v -> each(v, exp, 2))(v)", "jacobian(fn v -> 2 * exp(v))(v)"),
    ("hessian(fn v -> root(fn (x, p) -> x * x - p[0] * p[1]**2, 1.0, v**2))(v)", "hessian(fn v -> abs(v[0] * v[1]**2))(v)"),
])
def test_rules_of_functions_that_take_functions(body: str, plain: str) -> None:
    m = dv.compile(f"{RULED}def f(v: f64[n]) = {body}\ndef want(v: f64[n]) = {plain}")
    assert same(m.f(V), m.want(V))
    assert same(dv.compile(m.f.explain("core")).f(V), m.want(V))


def test_such_a_rule_is_what_is_used_and_is_checked() -> None:
    text = "def g(x: f64, k: f64 -> f64) -> f64 = k(x)\nderivative g(x, k) along dx = {}\ndef f(x: f64) = (fn x -> g(x, sin))'(x)"
    assert run(text.format("5 * dx"), "f", 1.0) == 5
    for body in ("dx * dx", "5 + dx"):
        with pytest.raises(Error) as caught:
            dv.compile(text.format(body))
        assert caught.value.code == "DV0410"
        assert caught.value.span is not None
        assert caught.value.span.line == 2


@pytest.mark.parametrize(("body", "want"), [
    ("jvp(fn w -> w * w, v, zeros(n))", (V * V, 0 * V)), ("jvp(fn x -> x * x, v[0], 0)", (1.0, 0.0)),
    ("vjp(fn w -> (sum(w), w), v)[1]((0, zeros(n)))", 0 * V), ("vjp(fn w -> (sum(w), w), v)[1]((1, zeros(n)))", 0 * V + 1),
    ("jvp(fn (a, b) -> a + b * b, (v, v), (zeros(n), zeros(n)))[1]", 0 * V),
])
def test_directions_that_are_zero(body: str, want: Any) -> None:
    assert same(run(f"def f(v: f64[n]) = {body}", "f", V), want)
