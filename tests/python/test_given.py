"""Functions that are given to jitted ones, and methods: what is compiled how often, and what they see."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import derivant as dv
import numpy as np
import pytest


@dv.jit
def applied(f, x):
    return f(x)


def test_a_lambda_in_a_call_is_compiled_once() -> None:
    before = applied.compilations
    for k in range(20):
        assert applied(lambda t: t * t + 1, float(k)) == k * k + 1
    assert applied.compilations == before + 1


def test_constants_around_a_lambda_are_part_of_it() -> None:
    before = applied.compilations
    for c in (1, 2, 1.0, 2.0, 1, 0.0, -0.0, 1):
        assert applied(lambda t: math.atan2(t, c), 0.0) == math.atan2(0.0, c)  # noqa: B023  # one cell, many values
    assert applied.compilations == before + 6
    for c in (2, -0.0, 1):
        assert applied(lambda t, c=c: math.atan2(t, c), 0.0) == math.atan2(0.0, c)


def test_functions_around_a_lambda() -> None:
    def power(n: int) -> Any:
        def inner(t):
            return t**n

        return inner

    before = applied.compilations
    for n in (2, 3, 2, 3):
        g = power(n)
        assert applied(lambda t: g(t) + 1, 2.0) == 2**n + 1  # noqa: B023
    assert applied.compilations == before + 2


def test_arrays_around_a_lambda_are_read_at_each_call() -> None:
    a = np.array([1.0, 2.0])
    before = applied.compilations
    for k in range(3):
        a[0] = k
        assert applied(lambda t: t * a[0], 2.0) == 2.0 * k
    assert applied.compilations == before + 1


def test_a_closure_that_contains_itself_is_refused_as_recursion() -> None:
    def f(t):
        return f(t - 1)

    with pytest.raises(dv.UnsupportedError, match="calls itself"):
        applied(f, 1.0)


def test_programs_of_given_functions_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    from derivant.runtime import jit_function

    monkeypatch.setattr(jit_function, "MOST_PROGRAMS", 2)

    @dv.jit
    def twice(f, x):
        return f(f(x))

    for c in (1.0, 2.0, 3.0, 4.0):
        assert twice(lambda t: t + c, 0.0) == 2 * c  # noqa: B023
    assert twice.compilations == 2
    assert twice(lambda t: t + 1.0, 0.0) == 2.0


# ---------------------------------------------------------------- methods


class Spring:
    def __init__(self, k: Any) -> None:
        self.k = k
        self.rest = 1.0

    @dv.jit
    def energy(self, x):
        return self.k * (x - self.rest) ** 2 / 2

    @dv.jit
    def parts(self, x):
        return {"k": self.k, "rest": self.rest * x}


@dataclass
class Scale:
    by: float

    @dv.jit
    def of(self, f, x):
        return self.by * f(x)


def test_a_method_reads_its_object_at_each_call() -> None:
    s = Spring(2.0)
    energy, slope = s.energy, dv.grad(s.energy)
    assert (energy(3.0), slope(3.0)) == (4.0, 4.0)
    s.k, s.rest = 4.0, 2.0
    assert (energy(3.0), slope(3.0), s.energy(x=3.0)) == (2.0, 4.0, 2.0)
    s.k = np.array([1.0, 2.0])
    np.testing.assert_array_equal(s.energy(3.0), [0.5, 1.0])
    assert s.parts(2.0)["rest"] == 4.0 and type(s.parts(2.0)) is dict
    with pytest.raises(AttributeError, match="rest"):
        del s.rest
        s.energy(1.0)


def test_methods_are_functions() -> None:
    s = Spring(2.0)
    assert isinstance(s.energy, dv.Function) and s.energy.__name__ == "energy"
    assert s.energy.params[0].name == "x" and "self" in str(Spring.energy.__signature__)
    np.testing.assert_array_equal(dv.vmap(s.energy)(np.arange(3.0)), [1.0, 0.0, 1.0])
    assert dv.jit(s.energy)(2.0) == 1.0 and Scale(3.0).of(math.exp, 0.0) == 3.0
    before = Scale.of.compilations
    for k in range(3):
        assert Scale(2.0).of(lambda t: t + 1, float(k)) == 2.0 * (k + 1)
    assert Scale.of.compilations == before + 1
