"""`derivant test`: tests that fail say why; derivatives against finite differences."""

from __future__ import annotations

import json

import pytest
from derivant.compiler.errors import UnsupportedError
from derivant.runtime import api
from derivant.runtime.api import compile as compile_program
from derivant.runtime.gradients import Checked, check_gradients, ridders

from .commands import Run

TESTS = """
def half(x: f64) -> f64 = x / 2

test "halves" = approx(half(3.0), 1.5)

test "two conditions" =
  let v = [1.0, 2.0, 4.0]
  len(v) == 3 and approx(half(v), [0.5, 1.0, 2.5]) and 1 // 0 == 2

test "below" = half(4.0) < 1

test "stops" =
  let i = i64(half(10.0))
  [1, 2][i] == 2

test "nothing to compare" = not true
"""


def test_what_a_failure_shows(run: Run) -> None:
    (run.folder / "t.dv").write_text(TESTS)
    done = run("test", "t.dv")
    assert done.returncode == 1 and done.stderr == ""
    out = done.stdout
    assert "✓ halves" in out and "✗ two conditions" in out
    assert "the left side is [0.5, 1. , 2. ]" in out and "the right side is [0.5, 1. , 2.5]" in out
    assert "they differ most at [2]: 2.0 and 2.5" in out and "t.dv:8:19" in out
    assert "the left side is 2.0" in out and "the right side is 1\n" in out
    assert "DV0501" in out and 'in the test "stops"' in out
    assert out.endswith("\n4 failed, 1 test passed\n")


def test_choosing_and_json(run: Run) -> None:
    (run.folder / "t.dv").write_text(TESTS)
    done = run("test", "t.dv", "-k", "HALV")
    assert (done.returncode, done.stdout) == (0, "t.dv\n  ✓ halves\n\n1 test passed\n")
    assert run("test", "t.dv", "-k", "zzz").returncode == 2
    rows = json.loads(run("test", "t.dv", "--json").stdout)
    assert [r["outcome"] for r in rows] == ["passed", "failed", "failed", "failed", "failed"]
    assert rows[2]["errors"][0]["code"] == "DV0512" and rows[2]["errors"][0]["span"]["line"] == 10


def test_folders_and_files_that_are_no_programs(run: Run) -> None:
    (run.folder / "sub").mkdir()
    (run.folder / "sub" / "bad.dv").write_text("def f( = 1\n")
    (run.folder / "sub" / "good.dv").write_text('test "fine" = true\n')
    done = run("test", "sub")
    assert done.returncode == 1 and "DV01" in done.stdout and "✓ fine" in done.stdout
    assert run("test", "p.dv").returncode == 0


def test_tests_run_from_the_cache(fresh: Run) -> None:
    (fresh.folder / "t.dv").write_text('def f(x: f64) -> f64 = x\n\ntest "one" = approx(f(1.0), 1.0)\n')
    assert fresh("test", "t.dv").returncode == 0
    assert "hit test 0" in fresh("test", "t.dv", DERIVANT_LOG="cache").stderr


def check(text: str) -> dict[str, Checked]:
    return {c.name: c for c in check_gradients(compile_program(text))}


RIGHT = """
type Pair = {x: f64, v: f64[n], k: i64}
type Shape = Circle(f64) | Box(f64, f64)
def square(x: f64) -> f64 = x * x
def unit(v: f64[n]) -> f64[n] = [x / sqrt(sum(y ** 2 for y in v)) for x in v]
def guarded(x: f64) -> f64 =
  assert x >= 1, "no"
  log(x)
def area(s: Shape) -> f64 = match s { Circle(r) -> pi * r ** 2; Box(a, b) -> a * b }
def both(p: Pair, n: i64) -> (f64, f64[n]) = (p.x * sum(p.v), [p.x ** 2 * i for i < n])
def kinks(v: f64[n]) -> f64 = sum(abs(x) + max(x, 0.2) for x in v)
def faint(v: f64[n]) -> f64 = 1e-15 * sum(exp(x) for x in v)
def root(a: f64) -> f64 = loop y = a + 1 while abs(y * y - a) > 1e-12 do 0.5 * (y + a / y)
def single(x: f32[n], w: f32[n]) -> f32 = sum(x[i] * exp(w[i]) for i)
def sizes(v: f64[n * (n + 1) // 2], m: f64[n + 1, 2]) -> f64 = sum(v) * sum(m)
def steps(x: f64) -> f64 = f64(floor(3 * x)) * x
def sorted(v: f64[n]) -> f64[n] = sort(v)
def matrix(a: f64[n, n], b: f64[n]) -> f64[n] = a @ b + tanh(b)
def rows(ps: (f64, f64)[n]) -> f64 = sum(x * y for (x, y) in ps)
"""


def test_right_derivatives_pass() -> None:
    found = check(RIGHT)
    assert len(found) == 14
    for c in found.values():
        assert c.points == 3 and c.error is None, c


WRONG = {
    "scaled": "def f(x: f64) -> f64 = x * x\nderivative f(x) along dx = 3 * x * dx\n",
    "sign": "def f(x: f64) -> f64 = sin(x)\nderivative f(x) along dx = -cos(x) * dx\n",
    "one entry": "def f(v: f64[n]) -> f64 = sum(v ** 2)\nderivative f(v) along dv = sum(2 * v[i] * dv[i] for i in 1 .. n)\n",
    "dropped": "def f(x: f64, y: f64) -> f64 = x * y\nderivative f(x, y) along (dx, dy) = y * dx + 0 * dy\n",
    "small": "def f(x: f64) -> f64 = 1e-20 * sin(x)\nderivative f(x) along dx = 2e-20 * cos(x) * dx\n",
    "inside": "def g(x: f64) -> f64 = exp(x)\nderivative g(x) along dx = (exp(x) + 1e-4) * dx\n"
              "def f(x: f64) -> f64 = g(g(x))\n",
    "bisection": "def f(a: f64) -> f64 =\n  let (l, h) = loop (l, h) = (0.0, 4.0) for _ < 50 do\n"
                 "    let m = 0.5 * (l + h)\n    if m * m < abs(a) + 1 then (m, h) else (l, m)\n  l\n",
}


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_wrong_derivatives_are_found(text: str) -> None:
    error = check(text)["f"].error
    assert error is not None and error.code == "DV0513" and error.span is not None


SKIPPED = {
    "def f(x) = x": "`x` has no type",
    "def f(g: f64 -> f64, x: f64) -> f64 = g(x)": "DV0614",
    "def f(i: i64) -> i64 = i": "no parameter carries floats",
    "def f(x: f64) -> i64 = floor(x)": "its result carries no floats",
    "def f(x: f64) -> f64 = g(x)\ndef g(x: f64) -> f64 = x * stop_gradient(x)": "stop_gradient",
    "def f(x: f64) -> f64 =\n  assert x > 100, \"{x} is small\"\n  x": "is small",
    "def f(x: f64) -> f64 = loop y = x while true do y + 1": "more than",
}


@pytest.mark.parametrize("text", SKIPPED)
def test_what_is_skipped_says_why(text: str) -> None:
    skipped = check(text)["f"].skipped
    assert skipped is not None and SKIPPED[text] in skipped


def test_forward_only_where_reverse_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise UnsupportedError("DV0901", "not yet: this one")

    monkeypatch.setattr(api, "vjp", refused)
    c = check("def f(x: f64) -> f64 = sin(x)")["f"]
    assert c.points == 3 and c.remark == "forward only, DV0901: not yet: this one"
    wrong = check(WRONG["scaled"])["f"].error
    assert wrong is not None and "disagrees with finite differences" in wrong.message


def test_gradients_on_the_command_line(run: Run) -> None:
    (run.folder / "g.dv").write_text(WRONG["scaled"] + "def h(x) = x\ndef k(x: f64) -> f64 = exp(x)\n")
    done = run("test", "g.dv", "--gradients")
    assert done.returncode == 1 and "✗ the gradient of f" in done.stdout and "– the gradient of h (skipped" in done.stdout
    assert "✓ the gradient of k" in done.stdout and done.stdout.endswith("1 failed, 1 gradient checked, 1 skipped\n")
    rows = json.loads(run("test", "g.dv", "--gradients", "--json", "-k", "k").stdout)
    assert [(r["name"], r["outcome"], r["points"]) for r in rows] == [("k", "passed", 3)]


def test_extrapolation() -> None:
    import math

    d, off = ridders(lambda t: math.exp(math.sin(1 + t)), 0.05)
    exact = math.cos(1) * math.exp(math.sin(1))
    assert abs(d - exact) < 1e-10 and abs(d - exact) <= 10 * off + 1e-13
    d, off = ridders(lambda t: abs(t - 1e-3), 0.05)
    assert off > 1e-5 or abs(d + 1) < 1e-9
