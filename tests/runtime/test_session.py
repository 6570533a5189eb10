"""Sessions without a terminal: values, redefinition, errors, commands."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import derivant as dv
import numpy as np
import pytest
from derivant.runtime.session import Session
from derivant.runtime.session_types import Reply


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DERIVANT_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def s(tmp_path: Path) -> Session:
    return Session(folder=str(tmp_path))


def said(s: Session, text: str, **options: object) -> list[str]:
    """The replies, with types and codes of errors."""
    out = []
    for r in s.feed(text, **options):  # type: ignore[arg-type]
        if r.error is not None:
            out.append(f"error {r.error.code}")
        else:
            out.append(r.text + (f" : {r.type}" if r.type else ""))
    return out


def failure(s: Session, text: str) -> dv.Error:
    replies = list(s.feed(text))
    assert replies[-1].error is not None, replies
    return replies[-1].error


def value(s: Session, text: str) -> object:
    *_, last = s.feed(text)
    assert last.kind == "value", last
    return last.value


# ---------------------------------------------------------------- values


def test_values_with_types(s: Session) -> None:
    assert said(s, "1 + 1") == ["2 : i64"]
    assert said(s, "[1.0, 2.5]") == ["[1. , 2.5] : f64[2]"]
    assert said(s, "(1, true)") == ["(1, true) : (i64, bool)"]
    assert said(s, "f32(0.1)") == ["0.1 : f32"]
    assert said(s, "type P = {x: f64, y: i64}\nP(1.0, 2)")[-1] == "P(\n  x = 1.0\n  y = 2\n) : P"
    assert said(s, "type S = A | B(f64)\nB(2.0)")[-1] == "B(2.0) : S"
    assert said(s, "zeros(5000)") == ["[0., 0., 0., ..., 0., 0., 0.] : f64[5000]"]
    assert said(s, "filter(fn x -> x > 1, [1.0, 2.0, 3.0])") == ["[2., 3.] : f64[2]"]


def test_functions_are_shown_by_their_parameters(s: Session) -> None:
    assert said(s, "def f(x: f64[n], k: i64) -> f64 = k * sum(x)") == ["f(x: f64[n], k: i64) -> f64"]
    assert said(s, "f") == ["f : (x: f64[n], k: i64) -> f64"]
    assert said(s, "grad(f)") == ["grad(f) : (x: f64[n], k: i64) -> f64[n]"]
    assert said(s, "sin") == ["sin : (x) -> …"]
    said(s, "let y = [exp(0.0), 2.0]\ndef half(x: f64) = x / 2\ndef loss(w: f64, v: f64[n]) = sum((w * v)**2) + y[0]\ndef any(v) = v")
    for text, shown in [
        ("half''", "(x: f64) -> f64"), ("grad(loss, wrt = (w, v))", "(w: f64, v: f64[n]) -> (f64, f64[n])"),
        ("hessian(f)", "(x: f64[n], k: i64) -> f64[n, n]"), ("jacobian(fn v -> v)", "(v) -> …"), ("grad(any)", "(v) -> …"),
        ("value_and_grad(loss)", "(w: f64, v: f64[n]) -> (f64, f64)"),
    ]:
        assert said(s, f":type {text}") == [f"{text} : {shown}"]


def test_the_last_value(s: Session) -> None:
    assert said(s, "_") == ["error DV0201"]
    assert said(s, "3.5\n_ * 2\n_ + _") == ["3.5 : f64", "7.0 : f64", "14.0 : f64"]
    assert said(s, "let z = 0\nlen([1.0]) // z") == ["z : i64", "error DV0504"]
    assert said(s, "_") == ["14.0 : f64"]  # an error is no value
    assert said(s, "let (_, b) = (1, _)") == ["b : f64 = 14.0"]  # in a pattern it is none either
    assert said(s, "sum(1 for _ < 3)") == ["3 : i64"]


def test_a_declaration_keeps_the_last_value_that_it_saw(s: Session, tmp_path: Path) -> None:
    said(s, "2.0\n_ * 3\ndef f(x: f64) = x + _\n100.0")
    assert said(s, "f(1.0)") == ["7.0 : f64"]
    said(s, f":save {tmp_path}/kept.dv")
    assert dv.load(tmp_path / "kept.dv").f(1.0) == 7.0


def saved(s: Session, tmp_path: Path) -> tuple[list[str], Session]:
    """What `:save` says behind its first line, and a session with the file."""
    file = tmp_path / "saved.dv"
    first, *notes = said(s, f":save! {file}")
    assert first.startswith(f"{file}: ")
    again = Session(folder=str(tmp_path))
    assert said(again, f":load {file}")[0].startswith(f"{file}: ")
    return notes, again


def same(a: object, b: object) -> bool:
    """The same type and the same numbers in all parts, zeros with their signs; one NaN is like another."""
    if isinstance(a, np.ndarray | np.generic | float):
        x, y = np.asarray(a), np.asarray(b)
        alike = x.dtype == y.dtype and np.array_equal(x, y, equal_nan=x.dtype.kind == "f")
        return bool(alike and np.array_equal(np.signbit(x) & (x == 0), np.signbit(y) & (y == 0)))
    if isinstance(a, tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))  # type: ignore[arg-type]
    parts = getattr(a, "_values", None)
    return same(parts, b._values) if parts is not None else type(a) is type(b) and a == b  # type: ignore[attr-defined]


KEPT = """\
type P = {x: f64, v: f32[2]}
type S = A(f64, P) | B
def third(x: f64) -> f64 = x / 3
let k = third(0.7)
let r = P(-k / 0.0, f32([0.1 * k, 1 / 0.0]))
let (t, u) = (k > 0, (k, len([k]), [[1e-310 * k], [0 * (k / 0.0)]]))
let q = [P(-i * k, f32([0.1, k])) for i < 3]
let z = (A(k, r), B)
let e = [f32(k) for i < 0, j < 2]
let w = f32(k)
let m = i32(len([k])) - i32(8)
let f = w + w
"""


@pytest.mark.parametrize("more", ["", "let inf = 3\nlet nan = 4"])
def test_saved_values_are_those_of_the_session(s: Session, tmp_path: Path, more: str) -> None:
    said(s, KEPT)
    said(s, more + "\ndef third(x: f64) -> f64 = 2 * x\nlet k = [1, 2]")
    names = ["r", "t", "u", "q", "z", "e", "w", "m", "f"]
    notes, again = saved(s, tmp_path)
    assert len(notes) == 7 and not any(line.startswith("f:") for line in notes), notes  # t with u; f is computed from w as it is
    for n in names:
        assert same(s.value(n), again.value(n)), n
        assert s.type_of(n) == again.type_of(n)


def test_what_can_be_computed_again_is_saved_as_written(s: Session, tmp_path: Path) -> None:
    said(s, "def f(x: f64) = x * x\nlet a = f(3.0)\n2.0 * a\nlet b = _ + a")
    said(s, "def f(x: f64) = x * x")  # the same again
    said(s, "def g(x: f64) = x + a\n:forget g")
    notes, again = saved(s, tmp_path)
    assert notes == [] and again.value("b") == 27.0
    assert "let a = f(3.0)" in (tmp_path / "saved.dv").read_text()


def test_saved_results_are_those_that_declarations_saw(s: Session, tmp_path: Path) -> None:
    said(s, "def sq(x: f64) = x * x\nsq(2.0)\n_ + 1\ndef sq(x: f64) = x\nlet y = _ * 2")
    assert saved(s, tmp_path)[1].value("y") == s.value("y") == 10.0


def test_a_pattern_that_lost_a_name_is_saved_without_it(s: Session, tmp_path: Path) -> None:
    said(s, "type P = {x: f64, y: f64}\nlet (a, {x, y}, b) = (exp(0.0), P(2.0 * exp(0.0), 3), exp(1.0))")
    said(s, "let a = 7.0\nlet x = 8.0\nlet y = 9.0")
    _, again = saved(s, tmp_path)
    assert [again.value(n) for n in "axyb"] == [7.0, 8.0, 9.0, s.value("b")]


def test_a_value_too_large_to_be_written_is_named(s: Session, tmp_path: Path) -> None:
    said(s, "let n = 9000 * len([1])\nlet big = [exp(-0.01 * i) for i < n]\nlet c = big[3]\nlet n = 5 * len([1])")
    notes, again = saved(s, tmp_path)
    assert notes[0].startswith("big is not saved as it is, but computed again with n as now") and notes[1].startswith("c: saved as")
    assert len(again.value("big")) == 5 and again.value("c") == s.value("c")  # type: ignore[arg-type]


def test_constants_are_computed_once(s: Session) -> None:
    lines: list[str] = []
    s.write = lines.append
    assert said(s, "let a = show(2.0 * exp(0.0)) + 1") == ["a : f64 = 3.0"]
    assert said(s, "a\na + a\ndef f(x: f64) = a * x\nf(a)")[-1] == "9.0 : f64"
    assert lines == ["2.0"]


def test_a_pattern_is_computed_once(s: Session) -> None:
    lines: list[str] = []
    s.write = lines.append
    assert said(s, "let (a, b) = (show(exp(0.0)), [1.0, 2.0])") == ["a : f64 = 1.0", "b : f64[2] = [1., 2.]"]
    assert said(s, "b + a") == ["[2., 3.] : f64[2]"] and lines == ["1.0"]


def test_a_let_without_names_runs(s: Session) -> None:
    lines: list[str] = []
    s.write = lines.append
    assert said(s, "let a = exp(0.0)\nlet _ = show(a + 1)\nlet _ = 3\nlet _ = show(a + 2)") == ["a : f64 = 1.0"]
    assert lines == ["2.0", "3.0"] and said(s, "let a = exp(0.0) + 9")[0] == "a : f64 = 10.0"
    assert said(s, "let _ = nothing") == ["error DV0201"]


def test_values_are_not_changed_from_python(s: Session) -> None:
    *_, reply = s.feed("let v = [1.0, 2.0] + exp(0.0)\nv")
    with pytest.raises(ValueError, match="read-only"):
        reply.value[0] = 7.0
    s.value("v")[0] = 7.0
    assert said(s, "v") == ["[2., 3.] : f64[2]"]


def test_literals_keep_their_freedom(s: Session) -> None:
    """A constant takes the width that its use asks for, as in a file."""
    said(s, "let n = 3\nlet half = 0.5\nlet z = zeros(3)\nlet k = [1, 2, 3]")
    assert said(s, "f32(1.0) * half") == ["0.5 : f32"]
    assert said(s, "z + f32(1.0)") == ["[1., 1., 1.] : f32[3]"]
    assert said(s, "k * 0.5") == ["[0.5, 1. , 1.5] : f64[3]"]
    assert said(s, "[i for i < n] + k") == ["[1, 3, 5] : i64[3]"]
    assert said(s, "let v: f64[3] = zeros(n)") == ["v : f64[3] = [0., 0., 0.]"]


def test_sizes_that_belong_to_values(s: Session) -> None:
    said(s, "let v = filter(fn x -> x > 1, [1.0, 2.0, 3.0])\nlet w = 2 * v\nlet u = filter(fn x -> x > 2, v)")
    assert said(s, "v + w") == ["[6., 9.] : f64[2]"]  # of one size, provably
    assert said(s, "v + u") == ["error DV0502"]  # not provably, and not
    assert said(s, "def f(x: f64[n]) -> f64 = x @ v\nf(v)") == ["f(x: f64[n]) -> f64", "13.0 : f64"]
    assert said(s, "f(u)") == ["error DV0502"]


def test_functions_see_values_and_derivatives_go_through(s: Session) -> None:
    said(s, "let x = [0.5, 1.0, 1.5]\ndef f(w: f64) = sum(sin(w * x[i])**2 for i)\ndef g(w: f64) = f(w) * f(2 * w)")
    x = np.array([0.5, 1.0, 1.5])

    def g(w: float) -> float:
        return float(np.sum(np.sin(w * x) ** 2) * np.sum(np.sin(2 * w * x) ** 2))

    assert np.isclose(value(s, "g(0.7)"), g(0.7))
    h = 1e-6
    assert np.isclose(value(s, "g'(0.7)"), (g(0.7 + h) - g(0.7 - h)) / (2 * h), rtol=1e-6)
    assert np.isclose(value(s, "g''(0.7)"), (g(0.7 + 1e-4) - 2 * g(0.7) + g(0.7 - 1e-4)) / 1e-8, rtol=1e-4)
    assert np.isclose(value(s, "jvp(g, 0.7, 1.0)[1]"), value(s, "g'(0.7)"))
    f = s.function("g")
    assert np.isclose(f(0.7), g(0.7)) and np.isclose(dv.grad(f)(0.7), value(s, "g'(0.7)"))


def test_a_parameter_shadows_a_value(s: Session) -> None:
    said(s, "let a = [1.0, 2.0]\ndef f(a: f64) = a + 1\nlet n = len(filter(fn x -> x > 0, a))\ndef g(x: f64[n]) = n")
    assert said(s, "f(2.0)") == ["3.0 : f64"]
    assert said(s, "g([1.0, 2.0, 3.0])") == ["3 : i64"]  # the size of a signature, not the constant


def test_the_same_call_compiles_once(s: Session) -> None:
    said(s, "def f(x: f64[n]) = sum(exp(x[i]) * x[i] for i)\nlet a = [1.0, 2.0]\nlet b = [3.0, 4.0]")
    said(s, "grad(f)(a)")
    count = len(s.made)
    said(s, "grad(f)(a)\ngrad(f)(b)\n# again\ngrad(f)(a)")
    assert len(s.made) == count


def test_reused_code_speaks_of_the_right_line(s: Session) -> None:
    said(s, "let a = filter(fn x -> x > 0, [1.0, 2.0])\nlet k = len(a)")
    first, second = failure(s, "a[k]"), failure(s, "# a line more\n  a[k]")
    assert first.code == second.code == "DV0501"
    assert (str(first.span), str(second.span)) == ("input 2:1:1", "input 3:2:3")


def test_long_sessions_start_afresh_unseen(s: Session) -> None:
    said(s, "let a = [1.0]\ndef f(x: f64[n]) = sum(x)")
    before = s.unit
    for k in range(600):
        s.unit.front.module.elab.functions[f"old_{k}"] = s.unit.front.module.elab.functions.get(f"old_{k}")  # type: ignore[assignment]
        s.unit.front.module.elab.functions[f"older_{k}"] = s.unit.front.module.elab.functions.get(f"older_{k}")  # type: ignore[assignment]
    assert said(s, "f(a)") == ["1.0 : f64"] and s.unit is not before


def test_an_error_about_a_parameter_points_at_its_function(s: Session) -> None:
    said(s, "def f(x: f64) = x**3\n1\ndef g(v: f64[n]) = f(v)\n2\ndef h(v: f64[n]) -> f64 = sum(f(v))")
    e = failure(s, ":grad h q")
    assert e.code == "DV0606" and e.message == "h has no parameter q" and e.help == "its parameters: v"
    assert e.span is not None and e.span.source is not None and e.span.source.text.split("\n")[e.span.line - 1].startswith("def h(")
    assert said(s, ":grad h v")[0].startswith("def grad_h(")


# ---------------------------------------------------------------- tests


def test_a_failing_test_says_why_and_leaves_the_one_before(s: Session) -> None:
    assert said(s, 'let v = [1.0, exp(0.0)]\ntest "q" = v[0] == 1\n1')[1:] == ['test "q" passes', "1 : i64"]
    e = failure(s, 'def f(x: f64) = x\ntest "q" =\n  let w = 2 * v\n  f(1.0) == 1.0 and approx(w, [2.0, 3.0])')
    assert e.code == "DV0512" and e.span is not None and (e.span.line, e.span.col) == (4, 21)
    assert e.notes == ("the left side is [2., 2.]", "the right side is [2., 3.]", "they differ most at [1]: 2.0 and 3.0")
    assert "f" not in s.functions() and s.unit.items['test "q"'].text == 'test "q" = v[0] == 1'
    assert said(s, 'test "q" = v[7] == 1') == ["error DV0315"]


def test_what_follows_declarations_with_an_error_is_run_if_it_goes_on(s: Session) -> None:
    text = 'test "q" = 1 == 2\n2 + 2\ntest "r" = false\ntest "r" = 1\n3\ndef f(x: f64) = x\ndef g(x) = )\nf(1.0)'
    replies = said(s, text, keep_going=True)
    assert replies == ["error DV0512", "4 : i64", "error DV0512", "error DV0301", "3 : i64", "error DV0112", "f(x: f64) -> f64",
                       "1.0 : f64"]


# ---------------------------------------------------------------- redefinition


def test_what_depends_is_rebuilt(s: Session) -> None:
    said(s, "def f(x: f64) = x\ndef g(x: f64) = f(x) + 1\ndef h(x: f64) = g(x) * 2\ndef other(x: f64) = x")
    assert said(s, "def f(x: f64) = 10 * x") == ["f(x: f64) -> f64", "rebuilt: g, h"]
    assert said(s, "h(1.0)") == ["22.0 : f64"]


def test_values_stay(s: Session) -> None:
    said(s, "def f(x: f64) = x\nlet a = f(exp(0.0))")
    assert said(s, "def f(x: f64) = 10 * x") == ["f(x: f64) -> f64", "computed before, and kept: a"]
    assert said(s, "a") == ["1.0 : f64"]
    assert said(s, "let a = f(exp(0.0))") == ["a : f64 = 10.0"]


def test_a_new_value_reaches_functions(s: Session) -> None:
    said(s, "let a = exp(0.0)\ndef f(x: f64) = a * x")
    assert said(s, "let a = [1.0, 2.0]") == ["a : f64[2] = [1., 2.]", "rebuilt: f"]
    assert said(s, "f(3.0)") == ["[3., 6.] : f64[2]"]


def test_a_change_that_breaks_others_changes_nothing(s: Session) -> None:
    said(s, "def f(x: f64) = x\ndef g(x: f64) = f(x) + 1")
    e = failure(s, "def f(x: f64, y: f64) = x * y")
    assert e.code == "DV0303" and any("g uses f" in n for n in e.notes) and "forget g" in (e.help or "")
    assert said(s, "g(1.0)\nf(2.0)") == ["2.0 : f64", "2.0 : f64"]
    assert said(s, "def f(x: f64, y: f64) = x * y\ndef g(x: f64) = f(x, x)")[-1] == "g(x: f64) -> f64"
    assert said(s, "g(3.0)") == ["9.0 : f64"]


def test_an_error_in_a_group_takes_none_of_it(s: Session) -> None:
    assert said(s, "def f(x: f64) = x\ndef g(x: f64) = nothing(x)") == ["error DV0201"]
    assert said(s, "f(1.0)") == ["error DV0201"]
    assert said(s, "let a = 1.0\nlet b = [1.0][k]\nlet k = 4") == ["error DV0315"]
    assert said(s, "a") == ["error DV0201"]


def test_declarations_stand_in_any_order(s: Session) -> None:
    assert said(s, "def g(x: f64) = f(x) + a\nlet a = b + 1\nlet b = exp(0.0)\ndef f(x: f64) = x * b") == [
        "g(x: f64) -> f64", "a : f64 = 2.0", "b : f64 = 1.0", "f(x: f64) -> f64"]
    assert said(s, "g(1.0)") == ["3.0 : f64"]
    assert said(s, "let p = q + exp(0.0)\nlet q = p + exp(0.0)") == ["error DV0206"]


def test_a_name_defined_twice_in_one_input_has_its_last_meaning(s: Session) -> None:
    assert said(s, "def f(x: f64) = x\ndef f(x: f64) = 2 * x\nf(1.0)")[-1] == "2.0 : f64"


def test_shadowing_the_language(s: Session) -> None:
    said(s, "def f(x: f64) = e * x")
    assert said(s, "let e = 10.0") == ["e : f64", "rebuilt: f"] and said(s, "f(1.0)") == ["10.0 : f64"]


def test_one_name_of_several(s: Session) -> None:
    said(s, "let (a, b) = (exp(0.0), [1.0])\nlet (f, g) = (sin, cos)")
    assert said(s, "let a = 5") == ["a : i64"] and said(s, "b + a") == ["[6.] : f64[1]"]
    assert said(s, "def f(x: f64) = x")[0] == "f(x: f64) -> f64"
    assert said(s, "g(0.0) + f(2.0)") == ["3.0 : f64"]


def test_types(s: Session) -> None:
    said(s, "type P = {x: f64}\ndef f(p: P) = p.x\nlet p = P(exp(0.0))")
    e = failure(s, "type P = {x: f64, y: f64}")
    assert "p holds a value of the type P" in e.message
    assert said(s, "f(p)") == ["1.0 : f64"]
    said(s, ":forget p\n")
    assert said(s, "type P = {x: f64, y: f64}") == ["type P", "rebuilt: f"]
    said(s, "type S = A | B(f64)\ndef h(s: S) = match s { A -> 0.0; B(r) -> r }")
    assert said(s, "type S = A") == ["error DV0201"]  # h needs B
    assert said(s, "h(B(2.0))") == ["2.0 : f64"]


def test_functions_of_functions(s: Session) -> None:
    assert said(s, "def twice(f: f64 -> f64, x: f64) -> f64 = f(f(x))") == ["twice(f: f64 -> f64, x: f64) -> f64"]
    assert said(s, "twice(fn t -> 2 * t, 1.0)") == ["4.0 : f64"]
    assert said(s, ":browse") == ["twice(f: f64 -> f64, x: f64) -> f64"]
    assert said(s, ":type (1, twice)") == said(s, "(1, twice)") == ["(1, twice) : a value with functions in it"]


def test_derivative_rules(s: Session) -> None:
    said(s, "def f(x: f64) = x\nderivative f(x) along dx = 3 * dx\ndef g(x: f64) = f(x)**2")
    assert said(s, "g'(1.0)") == ["6.0 : f64"]
    assert said(s, "derivative f(x) along dx = 5 * dx")[-1] == "rebuilt: g"
    assert said(s, "g'(1.0)") == ["10.0 : f64"]
    assert said(s, "derivative f(x) along dx = dx * dx") == ["error DV0410"]
    assert said(s, "derivative f(x) along dx = 1.0") == ["error DV0410"]
    assert said(s, "g'(1.0)") == ["10.0 : f64"]
    assert said(s, "def f(x: f64) = x")[1:] == ["gone: derivative f, stated of the function as it was", "rebuilt: g"]
    assert said(s, "g'(1.0)") == ["2.0 : f64"]
    said(s, "let a = exp(0.0)\ndef k(x: f64) = a * x")
    assert said(s, "derivative k(x) along dx = dx") == ["error DV0901"]


def test_tests(s: Session) -> None:
    assert said(s, 'test "one" = 1 < 2') == ['test "one" passes']
    e = failure(s, 'test "two" = 1 > 2')
    assert isinstance(e, AssertionError) and "two" in e.message
    assert said(s, 'test "three" = 1') == ["error DV0301"]


def test_imports(s: Session, tmp_path: Path) -> None:
    (tmp_path / "stats.dv").write_text("def power(v: f64[n]) -> f64 = mean(v**2)\nlet limit = 3.0\n")
    said(s, "import stats as st\nfrom stats import power")
    assert said(s, "power([1.0, 3.0]) + st.limit") == ["8.0 : f64"]
    assert said(s, "import nowhere") == ["error DV0204"]
    assert said(s, "st.power([2.0])") == ["4.0 : f64"]
    assert s.members("st") == [("power", ""), ("limit", "")]


# ---------------------------------------------------------------- errors and interrupts


def test_errors_name_lines_of_the_whole_text(s: Session) -> None:
    *_, last = s.feed("let a = 1\n\n# more\na + b\n", name="<stdin>", line=10)
    assert last.error is not None and str(last.error.span) == "<stdin>:13:5"


def test_going_on_after_an_error(s: Session) -> None:
    text = "1\nnothing\n2\n1 +\n3"
    assert said(s, text) == ["1 : i64", "error DV0201"]
    assert said(s, text, keep_going=True) == ["1 : i64", "error DV0201", "2 : i64", "error DV0121", "3 : i64"]


def test_indented_input(s: Session) -> None:
    assert said(s, "    let a = 2\n    a + 1") == ["a : i64", "3 : i64"]


def test_an_interrupt_keeps_the_session(s: Session) -> None:
    said(s, "def spin(n: i64) -> f64 = loop x = 0.5 for i < n do x * (1 - x) * 3.9\nlet a = spin(3)")
    said(s, "spin(10)")
    threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    start = time.monotonic()
    assert said(s, "spin(10**13)") == ["error DV0510"]
    assert time.monotonic() - start < 10
    assert said(s, "spin(3) == a") == ["true : bool"]
    threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    assert said(s, "let b = spin(10**13)\nb") == ["error DV0510"]
    assert said(s, "b") == ["error DV0201"]


def test_an_interrupt_while_compiling_leaves_nothing_half_done(s: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    from derivant.frontend.elaborate import Elaborator

    said(s, "def f(x: f64) = x * x\ndef g(x: f64) = f(x) + f(x)")
    plain, calls = Elaborator.binary, []

    def interrupted(self: Elaborator, *args: object) -> object:
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return plain(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Elaborator, "binary", interrupted)
    s.unit = s._snapshot(s.unit.items, s.unit.values)
    assert said(s, "g(2.0)") == ["error DV0510"]
    assert said(s, "g(2.0)") == ["8.0 : f64"]


def test_faults_of_ours_are_told_and_survived(s: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Session, "shown", lambda *_: 1 // 0)
    assert said(s, "1 + 1") == ["error DV0999"]
    monkeypatch.undo()
    assert said(s, "1 + 1") == ["2 : i64"]


# ---------------------------------------------------------------- commands


def one(s: Session, line: str) -> Reply:
    replies = list(s.feed(line))
    assert len(replies) == 1, replies
    return replies[0]


def test_looking_at_programs(s: Session) -> None:
    said(s, "let x = [1.0, 2.0]\n## The loss.\ndef loss(w: f64) -> f64 = sum((w * x[i])**2 for i)")
    assert one(s, ":type loss").text == "loss(w: f64) -> f64"
    assert one(s, ":t loss(1.0) + 1").text == "loss(1.0) + 1 : f64"
    assert one(s, ":type x").text == "x : f64[2]"
    program = one(s, ":grad loss").text
    again = dv.compile(program)
    assert again.grad_loss([1.0, 2.0], 3.0) == value(s, "loss'(3.0)") == 30.0
    assert said(s, ":grad fn w -> loss(w)") == ["error DV0607"]  # its parameter has no type
    assert "def entry" in one(s, ":ir loss(2.0)").text
    assert one(s, ":ir loss loops").text.startswith("loops 1")
    assert one(s, ":ir loss parsed").text == "## The loss.\ndef loss(w: f64) -> f64 = sum((w * x[i])**2 for i)"
    assert "define" in one(s, ":llvm loss").text and "ret" in one(s, ":asm loss(1.0)").text
    assert "operations" in one(s, ":explain loss").text
    assert "at best" in one(s, ":time loss(1.0)").text
    assert one(s, "?loss").text.startswith("loss(w: f64) -> f64\nThe loss.\ndefined in")
    assert one(s, "??loss").text.startswith("## The loss.")
    assert one(s, "?sin").text == one(s, ":doc sin").text == "sin(x): the sine"
    assert "weights" in one(s, "??softmax").text
    assert one(s, "?let").text == "let: a keyword" and one(s, "?pi").text == "pi: a constant"
    assert "did you mean loss" in str(failure(s, "?los"))
    assert one(s, ":browse").text == "loss(w: f64) -> f64"
    assert "softmax(v)" in one(s, ":browse softm").text
    assert one(s, ":env").text == "x : f64[2] = [1., 2.]"
    assert said(s, ":type nothing") == ["error DV0201"] and said(s, ":grad x") == ["error DV0304"]
    assert said(s, ":type") == ["error DV0613"]


def test_two_parameters(s: Session) -> None:
    said(s, "def f(a: f64, b: f64) = a * b**2")
    m = dv.compile(one(s, ":grad f b").text)
    assert m.grad_f(3.0, 2.0) == 12.0
    m = dv.compile(one(s, ":grad f a, b").text)
    assert m.grad_f(3.0, 2.0) == (4.0, 12.0)


def test_beginnings_of_commands(s: Session) -> None:
    assert one(s, ":ty 1").text == one(s, ":t 1").text == "1 : i64"
    assert "may be :source, :save, :save!, :set" in str(failure(s, ":s"))
    assert "did you mean :type" in str(failure(s, ":typo x"))
    assert one(s, ":help").text == one(s, ":").text == one(s, "?").text
    assert one(s, ":help type").text == one(s, ":help :type").text == one(s, "?:type").text
    assert one(s, ":q").kind == "quit"


def test_settings(s: Session) -> None:
    assert "types" in one(s, ":set").text and one(s, ":set digits").text.startswith("digits  8")
    said(s, ":set digits 3")
    assert said(s, "[1 / 3]") == ["[0.333] : f64[1]"]
    said(s, ":set elide 3")
    assert "..." in said(s, "zeros(10)")[0]
    assert said(s, ":set time on\n1")[-1].endswith("s")
    for wrong in (":set nothing 1", ":set types maybe", ":set digits x", ":set keys qwerty", ":set digits -1"):
        assert said(s, wrong) == ["error DV0613"]


def test_files(s: Session, tmp_path: Path) -> None:
    path = tmp_path / "model.dv"
    path.write_text("let table = show(exp(0.0)) + 1\n## Doubles.\ndef f(x: f64) = table * x\n")
    lines: list[str] = []
    s.write = lines.append
    s.unit = s._snapshot({}, {})
    assert said(s, f":load {path}") == [f"{path}: 1 function"]
    assert lines == [] and one(s, ":env").text == "table : f64   # not computed yet"
    assert said(s, "f(2.0)") == ["4.0 : f64"] and said(s, "f(3.0)") == ["6.0 : f64"]
    assert lines == ["1.0"]
    path.write_text("def f(x: f64) = nothing\n")
    assert said(s, ":reload") == ["error DV0201"] and said(s, "f(2.0)") == ["4.0 : f64"]
    path.write_text("def f(x: f64) = 100 * x\n")
    assert said(s, ":r") == [f"{path}: 1 function"] and said(s, "f(2.0)") == ["200.0 : f64"]
    assert said(s, "table") == ["error DV0201"]
    said(s, "def g(x: f64) =\n  let a = f(x)\n  a + 1\nlet c = g(1.0)")
    assert said(s, f":save {path}") == ["error DV0612"]
    assert said(s, f":save {tmp_path}/out.dv") == [f"{tmp_path}/out.dv: 3 declarations"]
    saved = dv.load(tmp_path / "out.dv")
    assert saved.g(1.0) == 101.0
    assert said(s, f":save! {path}") == [f"{path}: 3 declarations"]
    assert said(s, f":save {tmp_path}/no/such/folder.dv") == ["error DV0612"]
    assert said(s, f":load {tmp_path}/none.dv") == ["error DV0601"]
    assert said(Session(), ":reload") == ["error DV0601"]


def test_imports_of_a_loaded_file_are_beside_it(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.dv").write_text("from b import g\ndef f(x: f64) = g(x) + 1\n")
    (tmp_path / "deep" / "b.dv").write_text("def g(x: f64) = 2 * x\n")
    s = Session(folder=str(tmp_path))
    said(s, f":load {tmp_path}/deep/a.dv")
    assert said(s, "f(1.0) + g(1.0)") == ["5.0 : f64"]


def test_forgetting(s: Session) -> None:
    said(s, "let a = exp(0.0)\ndef f(x: f64) = a * x\ntest \"t\" = f(1.0) == 1.0")
    assert said(s, ":forget a") == ["error DV0201"]
    assert said(s, ':forget f') == ["error DV0201"]  # the test uses it
    assert said(s, ":forget none") == ["error DV0201"]
    said(s, "def g(x: f64) = x\ng(1.0)")
    assert said(s, ":forget g") == ["forgotten: g"] and said(s, "g(1.0)") == ["error DV0201"]


def test_functions_of_a_session_are_functions(s: Session) -> None:
    said(s, "let a = [1.0, 2.0]\ndef f(x: f64[2], k: f64 = 2.0) -> f64 = k * (x @ a)")
    f = s.function("f")
    assert f(np.array([1.0, 1.0])) == 6.0 and f([1.0, 1.0], k=1.0) == 3.0
    assert np.allclose(dv.grad(f)(np.array([3.0, 4.0])), [2.0, 4.0])
    assert str(f.signature) == "f(x: f64[2], k: f64 = 2.0) -> f64"
    with pytest.raises(dv.SizeError):
        f(np.ones(3))
    said(s, "let a = [10.0, 20.0]")
    assert f([1.0, 1.0]) == 6.0 and s.function("f")([1.0, 1.0]) == 60.0  # a function keeps what it was made of
    with pytest.raises(TypeError, match="pickled"):
        __import__("pickle").dumps(f)


@pytest.mark.parametrize("declared", ["def {}(x: f64[n], i: i64) -> f64[n] = x", "def {}(x: f64[n], i: i64) -> f64[n] = k * x",
                                      "let {}(x: f64[n], i: i64) -> f64[n] = k * x"])
@pytest.mark.parametrize("text", [":grad main", ":grad main x", ":grad main i", ":grad main x, i", ":ir grad(main)", ":explain hessian(main)"])
def test_errors_of_derivatives_point_at_the_function(s: Session, declared: str, text: str) -> None:
    """Not into the expression that a command makes of it."""
    said(s, "let k = exp(0.0)")
    said(s, declared.format("main"))
    e = failure(s, text)
    assert e.code.startswith("DV04") and e.span is not None and e.span.source is not None
    assert e.span.source.name.startswith("input ") and e.span.source.text.strip() == declared.format("main")
    assert "wrt" not in "".join(e.notes) and "<derived>" not in e.render() and " main " in e.render()


def test_a_redefinition_says_what_follows_and_what_is_kept(s: Session) -> None:
    """Plain numbers are part of the program and follow; what was computed is kept, and nothing runs again unasked."""
    said(s, "let a = 3\nlet b = a + 1\nlet c = exp(0.0) * b\nlet d = c + 1")
    assert said(s, "let a = 5")[1:] == ["rebuilt: b", "computed before, and kept: c"]
    assert said(s, "b\nc") == ["6 : i64", "4.0 : f64"]
    assert said(s, "let c = 1.0")[1:] == ["computed before, and kept: d"] and said(s, "d") == ["5.0 : f64"]
    assert said(s, "let a = exp(0.0)")[1:] == ["rebuilt: b"] and said(s, "b") == ["2.0 : f64"]
