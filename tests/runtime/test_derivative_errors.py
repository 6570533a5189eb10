"""Errors inside derivatives point at the function, and say which derivative it was, from where."""

from __future__ import annotations

import textwrap
from typing import Any

import derivant as dv
import numpy as np
import pytest
from derivant.runtime.session import Session

PROGRAM = textwrap.dedent("""\
    def loss(v: f64[n], i: i64) -> f64 = sum(x**2 for x in v) * v[i]

    def slope(v: f64[n], i: i64) -> f64[n] =
      let g = grad(loss, wrt = v)
      [2.0 * y for y in g(v, i)]

    def curve(v: f64[n], i: i64) -> f64[n, n] = hessian(loss, wrt = v)(v, i)
    def along(v: f64[n], i: i64) -> f64[n] = hvp(loss, wrt = v)(v, i, v)
    def table(v: f64[n], i: i64) -> f64[n, n] = jacobian(slope, wrt = v)(v, i)

    def push(v: f64[n], i: i64) -> f64 =
      let (_, d) = jvp(fn w -> loss(w, i), v, v)
      d

    def pull(v: f64[n], i: i64) -> f64[n] =
      let (_, back) = vjp(fn w -> loss(w, i), v)
      back(1.0)

    def near(v: f64[n], i: i64) -> f64 =
      let (_, line) = linearize(fn w -> loss(w, i), v)
      line(v)

    def both(v: f64[n], i: i64) -> f64 = loss(v, i) + sum(slope(v, i))
    def steps(v: f64[n], i: i64) -> f64[n] = loop w = v for k < 3 do w - 0.1 * grad(loss)(w, i + k)
    def pow(x: f64, k: i64) -> f64 = x * f64(6 // k)
    def primed(x: f64, k: i64) -> f64 = (fn y -> pow(y, k))'(x)
    """)
NOTES = {
    "slope": ("in grad(loss), from line 5",),
    "curve": ("in hessian(loss), from line 7",),
    "along": ("in hvp(loss), from line 8",),
    "table": ("in grad(loss), from line 5", "in jacobian(slope), from line 9"),
    "push": ("in jvp(fn), from line 12",),
    "pull": ("in vjp(fn), from line 16",),
    "steps": ("in grad(loss), from line 24",),
    "loss": (),
    "both": (),  # the value comes first, and what the slope has in common with it belongs to both
}
INSIDE = np.array([1.0, 2.0])


def error(f: Any, *args: Any) -> dv.Error:
    with pytest.raises(dv.Error) as e:
        f(*args)
    return e.value


@pytest.mark.parametrize("backend", ["llvm", "interpreter", "loops"])
@pytest.mark.parametrize("name", NOTES)
def test_the_line_that_asks_for_the_derivative_is_named(name: str, backend: str) -> None:
    module = dv.compile(PROGRAM, backend=backend)
    found = error(getattr(module, name), INSIDE, 5)
    assert found.code == "DV0501" and "index 5 " in found.message
    assert found.span is not None and found.span.line == 1
    assert found.notes == NOTES[name]
    getattr(module, name)(np.ones(8), 1)


@pytest.mark.parametrize("backend", ["llvm", "interpreter", "loops"])
def test_other_checks_too(backend: str) -> None:
    found = error(dv.compile(PROGRAM, backend=backend).primed, 1.0, 0)
    assert found.code == "DV0504" and found.span is not None and found.span.line == 25
    assert found.notes == ("in fn', from line 26",)


def test_a_program_from_the_cache_still_says_it() -> None:
    for _ in range(2):
        assert error(dv.compile(PROGRAM).slope, INSIDE, 5).notes == NOTES["slope"]


def test_transforms_from_outside_come_last() -> None:
    module = dv.compile(PROGRAM)
    assert error(dv.grad(module.loss), INSIDE, 5).notes == ("in grad(loss)",)
    assert error(dv.jacobian(module.slope), INSIDE, 5).notes == ("in grad(loss), from line 5", "in jacobian(slope)")
    assert error(dv.vmap(module.slope, (0, None)), np.ones((3, 2)), 5).notes == ("in grad(loss), from line 5", "in vmap(slope)")


def test_the_derivative_of_a_derivative_names_both() -> None:
    module = dv.compile(PROGRAM + "def third(v: f64[n], i: i64) -> f64[n] = grad(fn w -> sum(slope(w, i)))(v)\n")
    assert error(module.third, INSIDE, 5).notes == ("in grad(loss), from line 5", "in grad(fn), from line 27")


def test_another_file_is_named(tmp_path: Any) -> None:
    (tmp_path / "base.dv").write_text("def loss(v: f64[n], i: i64) -> f64 = v[i]**2\n")
    (tmp_path / "top.dv").write_text("import base\n\ndef slope(v: f64[n], i: i64) -> f64[n] = grad(base.loss)(v, i)\n")
    (note,) = error(dv.load(tmp_path / "top.dv").slope, INSIDE, 5).notes
    assert note.startswith("in grad(loss), from ") and note.endswith("top.dv:3:42")


def asking(x, k: int):  # type: ignore[no-untyped-def]
    return x[k] ** 2


def test_decorated_functions_say_the_line_of_their_file() -> None:
    @dv.jit
    def step(x, k: int):  # type: ignore[no-untyped-def]
        return x - 0.1 * dv.grad(asking)(x, k)

    found = error(step, INSIDE, 5)
    line = step.py_func.__code__.co_firstlineno + 2
    assert found.notes == (f"in grad(asking), from line {line}",)
    assert found.span is not None and found.span.line == asking.__code__.co_firstlineno + 1


def test_in_a_session() -> None:
    s = Session()
    first, = s.feed("def f(v: f64[n], i: i64) -> f64 = v[i]**2")
    assert not first.error
    (reply,) = s.feed("grad(f)([1.0, 2.0], 4)")
    assert reply.error is not None and len(reply.error.notes) == 1
    assert reply.error.notes[0].startswith("in grad(f), from ")


def test_errors_of_types_say_it() -> None:
    text = "def f(x, b) = x + b[2]\ndef g(x: f64, b: f64[2]) -> f64 =\n  grad(f)(x, b)\n"
    found = error(dv.compile, text)
    assert found.code == "DV0315" and found.notes == ("in grad(f), from line 3",)


CHECKED = """\
def checked(x: f64) -> f64 =
  assert x < 5, "{x} is too large"
  x / 2
def once(v: f64[n]) -> f64 = sum([checked(x) for x in v]**2)
def both(v: f64[n]) -> f64 =
  let a = if v[0] > 0 then [checked(x) for x in v] else [2 * x for x in v]
  v[0] * sum(a**3)
def matrix(v: f64[n]) -> f64 = norm([[checked(x) * y for y in v] for x in v])
def pairs(v: f64[n]) -> f64 = sum(a * b for (a, b) in [(checked(x), x) for x in v])
def sums(v: f64[n]) -> f64 = sum(cumsum(map(checked, v))**2)
def steps(v: f64[n]) -> f64 = sum(loop a = v for i < 3 do [1.5 * checked(x) for x in a])
def valued(v: f64[n]) -> (f64, f64[n]) = value_and_grad(once)(v)
"""


@pytest.mark.parametrize("backend", ["llvm", "interpreter"])
@pytest.mark.parametrize("name", ["once", "both", "matrix", "pairs", "sums", "steps"])
def test_what_a_function_asserts_holds_for_its_derivatives(name: str, backend: str) -> None:
    """Also where a derivative reads nothing of the loop that asserts."""
    f = getattr(dv.compile(CHECKED, backend=backend), name)
    good, bad = np.array([1.0, 3.0]), np.array([1.0, 9.0])
    for g in (f, dv.grad(f), dv.value_and_grad(f), dv.hessian(f), dv.grad(lambda v: dv.grad(f)(v)[0])):
        g(good)
        found = error(g, bad)
        assert found.code == "DV0507" and "is too large" in found.message
    slope = dv.grad(f)(good)
    h = 1e-6
    for k, e in enumerate(np.eye(2)):
        assert slope[k] == pytest.approx((f(good + h * e) - f(good - h * e)) / (2 * h), rel=1e-6)


def test_value_and_gradient_inside_the_language_keep_the_assert() -> None:
    module = dv.compile(CHECKED)
    assert error(module.valued, np.array([1.0, 9.0])).notes == ("in value_and_grad(once), from line 12",)
    assert module.valued(np.array([1.0, 3.0]))[0] == 2.5


USING = """\
def middle(v: f64[n]) -> f64 = 2 * median(v)
def slope(v: f64[n]) -> f64[n] = grad(fn u -> quantile(u, 0.5)**2)(v)
def inside(v: f64[n]) -> f64 = sum(middle(v) + i for i < 3)
def totals(n: i64) -> f64 =
  let a = cumsum([i**2 for i < n])
  a[0] + a[n - 1] * sum(a)
def table(n: i64) -> f64[n] = [sqrt(i) for i < n]
"""


@pytest.mark.parametrize("backend", ["llvm", "interpreter", "loops"])
@pytest.mark.parametrize(("name", "line", "text", "notes"), [
    ("middle", 1, "median(v)", 0), ("slope", 2, "quantile(u, 0.5)", 1), ("inside", 1, "median(v)", 0),
])
def test_errors_inside_the_prelude_are_shown_where_it_is_used(
        name: str, line: int, text: str, notes: int, backend: str) -> None:
    found = error(getattr(dv.compile(USING, backend=backend), name), np.ones(0))
    assert found.code == "DV0501" and found.span is not None and found.span.line == line
    assert found.span.text("") == text
    assert found.notes[0].startswith("found in prelude/functions.dv:") and len(found.notes) == 1 + notes


@pytest.mark.parametrize(("name", "line", "text"), [("totals", 5, "cumsum([i**2 for i < n])"), ("table", 7, "[sqrt(i) for i < n]")])
def test_memory_is_asked_for_by_an_expression(name: str, line: int, text: str) -> None:
    for _ in range(2):  # the second time from the cache
        found = error(getattr(dv.compile(USING), name), 10**14)
        assert found.code == "DV0509" and found.span is not None and (found.span.line, found.span.text("")) == (line, text)
