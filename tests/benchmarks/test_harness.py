"""The harness itself, on sides whose results and times are known."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from benchmarks import calls, cases, harness, inputs, report, sides

CASE = cases.Case("lse", "n3", (3,))


def giving(primal: Any, derivative: Any, pause: float = 0.0) -> sides.Bind:
    """A side with these results."""

    def bind(name: str, mode: str, args: inputs.Args) -> Callable[[], Any]:
        def call() -> Any:
            time.sleep(pause)
            return primal if mode == "primal" else derivative

        return call

    return bind


def test_inputs_are_the_same_each_time() -> None:
    for case in cases.CHECKS:
        for a, b in zip(case.args(), case.args(), strict=True):
            np.testing.assert_array_equal(a, b)


def test_every_case_has_a_function_in_the_language() -> None:
    for case in (*cases.ALL, *cases.QUICK, *cases.LARGE, *cases.CHECKS):
        assert (sides.FOLDER / f"{case.name}.dv").exists()
        assert all((case.name, mode) in sides.FUNCTIONS for mode in cases.MODES)


def test_growth_steps_are_eightfold() -> None:
    for step in cases.GROWTH:
        changed = [(a, b) for a, b in zip(step.small, step.large, strict=True) if a != b]
        assert len(changed) == 1 and changed[0][1] == 8 * changed[0][0]


def test_sides_that_agree_are_timed() -> None:
    x = np.ones(3)
    row = harness.measure(CASE, {"c++": giving(1.0, x), "derivant": giving(1.0, x, 0.002)}, 0.01)
    assert not row.errors
    ratio = row.ratio("derivant", "primal", "c++")
    assert ratio is not None and ratio > 1
    assert json.loads(json.dumps(row.as_json()))["seconds"]["derivant"]["primal"]["runs"] >= harness.MIN_RUNS


def test_a_side_that_differs_is_not_timed() -> None:
    x = np.ones(3)
    row = harness.measure(CASE, {"c++": giving(1.0, x), "derivant": giving(1.0, x + [0, 0, 1e-3])}, 0.0)
    assert list(row.errors) == ["derivant derivative"]
    assert row.best("derivant", "derivative") is None and row.best("derivant", "primal") is not None
    assert "differs from the reference by 1.0e-03" in report.problems([row])


def test_a_side_that_fails_does_not_end_the_run() -> None:
    def broken(name: str, mode: str, args: inputs.Args) -> Callable[[], Any]:
        raise ValueError("no such thing")

    row = harness.measure(CASE, {"c++": giving(1.0, np.ones(3)), "derivant": broken}, 0.0)
    assert row.errors == dict.fromkeys(("derivant primal", "derivant derivative"), "ValueError: no such thing")
    assert "no such thing" in report.problems([row])


def test_disagreement() -> None:
    assert sides.disagreement((1.0, np.zeros(2)), (1.0, np.zeros(2))) == 0
    assert sides.disagreement(np.zeros(2), np.zeros(3)) == float("inf")
    assert sides.disagreement(np.array([1.0, np.nan]), np.ones(2)) == float("inf")
    assert sides.disagreement(np.array([1e6 + 1.0]), np.array([1e6])) == 1e-6


def test_the_table_marks_derivatives_that_cost_too_much() -> None:
    rows = []
    for pause in (0.0, 0.02):
        row = harness.Row(CASE)
        row.timings["derivant"] = {
            "primal": harness.Timing(0, [0.001]),
            "derivative": harness.Timing(0, [0.002 + pause]),
        }
        rows.append(row)
    cheap, dear = report.table(rows).splitlines()[1:]
    assert "5 !" in dear and "!" not in cheap
    assert "derivative over primal" in report.means(rows)


def test_growth_is_a_slope_in_double_logarithms() -> None:
    def bind(name: str, mode: str, args: inputs.Args) -> Callable[[], Any]:
        return lambda: time.sleep(5e-8 * len(args[0]))

    entries = harness.growth({"lse"}, bind, 0.05)
    assert [e["axis"] for e in entries] == ["n", "n"]
    assert all(0.7 < e["slope"] < 1.3 for e in entries)
    assert "slope" in report.growth_table(entries)


def test_durations() -> None:
    assert [report.duration(s) for s in (None, 1.5, 0.0123, 4.2e-5)] == ["-", "1.50 s", "12.3 ms", "42.0 us"]


def test_calls_are_compared_and_timed() -> None:
    made = calls.available(("derivant",))
    found = calls.measure(made, 1e-4, "cpu")
    assert set(found) == set(calls.ARGUMENTS) == set(made["derivant"])
    assert all(0 < best["derivant"] < 1 for best in found.values())
    text = report.call_table({"scalar": {"derivant": 1e-7, "numba": 2e-7}})
    assert text == "scalar      derivant 0.10 us, numba 0.20 us (to numba 0.5)"
    with pytest.raises(ValueError, match="other gives"):
        calls.measure({**made, "other": {"scalar": lambda x: x}}, 1e-4)
