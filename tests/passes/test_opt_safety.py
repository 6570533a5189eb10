"""What the optimiser must not do: raise what the source would not, run sides that are not taken, move
what may fail.  The interpreter refuses a `safe` access that is not."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from derivant.compiler.errors import Error, Source
from derivant.compiler.interpret import cost, run
from derivant.compiler.ir import Assert, If, Index, Loop, Program, Show, all_stmts
from derivant.compiler.lower import lower
from derivant.compiler.verify import verify
from derivant.frontend.modules import load_module
from derivant.passes import pipelines
from derivant.passes.differentiate import resolve


def optimised(source: str) -> tuple[Program, Program]:
    """The program of `main` without and with optimisation."""
    program = load_module(Source("t.dv", source)).instantiate("main").program
    (name,) = program.entries
    plain = resolve(program)
    f = pipelines.run(resolve(program, pipelines.simplify).functions[name], pipelines.FINAL)
    done = Program({name: f}, (name,))
    verify(done)
    return plain, done


def outcome(p: Program, args: list[object]) -> object:
    shown: list[str] = []
    try:
        return [np.asarray(r).tolist() for r in run(p, p.entries[0], list(args), write=shown.append)], shown
    except Error as e:
        return e.code, shown


V = np.array([2.0, -1.0, 0.5])
EMPTY = np.zeros(0)
CASES: dict[str, tuple[str, list[list[object]]]] = {
    "division in a side not taken": (
        "def main(x: f64[n], k: i64) = [if k != 0 then x[i] * (7 // k) else x[i] for i]", [[V, 0], [V, 2]]),
    "a read under a guard": (
        "def main(x: f64[n]) = [if i > 0 then x[i - 1] + x[i] else x[i] for i]", [[V], [EMPTY]]),
    "a read in a loop that does not run": (
        "def main(x: f64[n], y: f64[m]) = sum(x[i] * y[0] for i)", [[EMPTY, EMPTY], [V, V], [V, EMPTY]]),
    "a read of an element that is not there": (
        "def main(x: f64[n], k: i64) = sum(x[k] for i < n)", [[V, 1], [V, 3], [V, -1], [EMPTY, 0]]),
    "a gradient at an element of nothing": (
        "def f(x: f64[n], y: f64[m]) -> f64 = sum(x[i] * y[0] for i)\n" +
        "def main(x: f64[n], y: f64[m]) = grad(f, wrt = (x, y))(x, y)", [[EMPTY, EMPTY], [V, V], [EMPTY, V]]),
    "asserts keep their order": (
        'def main(x: f64[n], k: i64) =\n  assert k > 0, "first"\n  let s = sum(x[i] / k for i)\n' +
        '  assert s > 0, "second"\n  s', [[V, 0], [V, 1], [-V, 1]]),
    "an assert in a loop that does not run": (
        "def main(x: f64[n], k: i64) = sum(check(x[i], k) for i)" +
        '\ndef check(v: f64, k: i64) -> f64 =\n  assert k > 0, "positive"\n  v', [[EMPTY, 0], [V, 0], [V, 1]]),
    "nothing is shown twice": (
        "def f(x: f64[n]) -> f64 = sum((let t = show(x[i], \"x\"); t * t) for i)\n" +
        "def main(x: f64[n]) = value_and_grad(f)(x)", [[V], [EMPTY]]),
    "a sum of nothing is zero": (
        "def main(x: f64[n], c: f64) = (sum(c for i < n), sum(x[i] * c for i), sum(3.0 for i < n))", [[V, 2.0], [EMPTY, 2.0]]),
    "a sum of nothing with factors that are not finite": (
        "def main(x: f64[n], c: f64) = (sum(x[i] * sqrt(c) for i), sum(x[i] / c for i), sum(log(c) for i < n), sum(x / (c * n)))",
        [[V, 2.0], [EMPTY, 2.0], [EMPTY, -1.0], [EMPTY, 0.0]]),
    "an index behind its own check": (
        "def main(x: f64[n], k: i64) = if 0 <= k and k < n then x[k] else 0.0", [[V, 2], [V, 3], [V, -1], [EMPTY, 0]]),
    "a table of nothing": (
        "def main(x: f64[n], y: f64[m]) = sum(sum(exp(y[j]) * x[i] for j) for i)", [[V, V], [EMPTY, V], [V, EMPTY]]),
    "a while loop that must not start": (
        "def main(x: f64, go: bool) = if go then (loop s = x while s < 10 do s * s) else 0.0",
        [[2.0, True], [1.0, False]]),
}


@pytest.mark.parametrize("name", CASES)
def test_same_outcome(name: str) -> None:
    source, inputs = CASES[name]
    plain, done = optimised(source)
    for args in inputs:
        assert outcome(done, args) == outcome(plain, args), args


def test_no_nan_from_a_side_not_taken() -> None:
    for body in ("if x[i] > 0 then sqrt(x[i]) else 0.0", "if x[i] != 0 then sin(x[i]) / x[i] else 1.0",
                 "if x[i] > 0 then x[i] * log(x[i]) else 0.0"):
        _, done = optimised(f"def f(x: f64[n]) -> f64 = sum({body} for i)\ndef main(x: f64[n]) = grad(f)(x)")
        (g,) = run(done, "main", [np.array([0.0, 1.5, 0.0])])
        assert np.isfinite(g).all(), body
        _, twice = optimised(f"def f(x: f64) -> f64 = let_(x)\ndef let_(t: f64) -> f64 = {body.replace('x[i]', 't')}\n"
                             "def main(x: f64) = f''(x)")
        assert np.isfinite(run(twice, "main", [0.0])[0]), body


def test_bounds_are_proven() -> None:
    """Reads that provably stay inside carry no check."""
    for source in (
        "def main(x: f64[n, m]) = [sum(x[i, j] for j) for i]",
        "def main(x: f64[n]) = [x[i] + x[i + 1] for i < n - 1]",
        "def main(x: f64[n]) = sum(sum(x[j] for j < i) for i < n)",
        "def main(x: f64[n, m]) = flatten(transpose(x))",
        "def main(x: f64[n]) = [if i > 0 then x[i - 1] else 0.0 for i < n]",
        "def main(x: f64[n]) = [if i + 1 < n and i > 0 then x[i - 1] + x[i + 1] else 0.0 for i < n]",
    ):
        _, done = optimised(source)
        for s in all_stmts(done.functions["main"].body):
            if isinstance(s.op, Index):
                assert s.op.safe, (source, s)


def test_checks_that_are_always_true_go() -> None:
    _, done = optimised('def main(x: f64[n]) =\n  assert n >= 0, "size"\n  sum(x[i] for i)')
    assert not any(isinstance(s.op, Assert) for s in all_stmts(done.functions["main"].body))


def test_invariants_leave_loops_and_dear_ones_do_not_leave_ifs() -> None:
    _, done = optimised("def main(x: f64[n], a: f64) = [x[i] * exp(a) for i]")
    (top,) = [s for s in done.functions["main"].body.stmts if isinstance(s.op, Loop)]
    assert not any("exp" in str(s.op) for s in top.op.body.stmts)
    _, done = optimised("def main(x: f64[n], a: f64) = [if x[i] > 0 then exp(exp(exp(a))) else x[i] for i]")
    count: Counter[str] = Counter()
    run(done, "main", [-np.ones(4), 1.0], count=count)
    assert count["exp"] == 0
    assert any(isinstance(s.op, If) for s in all_stmts(done.functions["main"].body))


def test_work_is_shared() -> None:
    """A value and its derivatives cost one pass; equal loops are one."""
    _, done = optimised(
        "def f(x: f64[n]) -> f64 = sum(exp(x[i]) for i)\n"
        "def main(x: f64[n]) = (f(x), grad(f)(x), f(x) + f(x))")
    count: Counter[str] = Counter()
    run(done, "main", [np.ones(10)], count=count)
    assert count["exp"] == 10
    assert cost(count) < 200


def test_shows_survive() -> None:
    _, done = optimised('def main(x: f64) =\n  let unused = show(x, "x")\n  x')
    assert any(isinstance(s.op, Show) for s in all_stmts(done.functions["main"].body))


def test_what_a_loop_overwrites_is_read_before_it() -> None:
    """The three elements are a temporary; read inside the loop that stores them, all of `w` would be copied."""
    _, done = optimised("def main(v: f64[n]) = loop w = v for i < n - 3 do w with [i:i+3] = w[i+1:i+4] * 0.5")
    (f,) = done.functions.values()
    assert lower(f).copies == ["w (initial state)"]
