"""Closures look names up when they are called; variables of loops keep what they were."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import derivant as dv
import numpy as np
import pytest

X = np.array([1.0, -2.0, 3.0])


def used_before_it_is_defined(x):
    def g(y):
        return h(y) + k

    def h(y):
        return y * 2

    k = 5.0
    return g(x[0])


def lambdas(x):
    f = lambda y: g(y) + 1
    g = lambda y: h(y) * 2
    h = lambda y: y - 3
    return f(x[1])


def in_a_branch(x):
    if x[0] > 0:
        def g(y):
            return y * scale

        scale = x[2]
        r = g(x[1])
    else:
        r = 0.0
    return r


def defined_in_a_loop(x):
    s = 0.0
    for i in range(3):
        def g(y):
            return h(y) * i  # noqa: B023

        def h(y):
            return y + 1

        s += g(x[i])
    return s


def inner_loop_that_does_not_run_at_last(x):
    for i in range(3):
        for j in range(2 - i):
            last = x[i] + j
    return last


def several_of_them(x):
    n = 0
    for i in range(3):
        for j in range(2 - i):
            last = x[i] * j
            other = (last, i)
            n += 1
    return last + n + other[1]


def in_some_steps(x):
    for t in x:
        if t > 0:
            last = t
    return last


def until_it_is_there(x):
    i = 0
    while True:
        if x[i] < 0:
            found = x[i] * i
            break
        i += 1
    return found


def before_continue(x):
    for t in x:
        if t < 0:
            continue
        y = t * t
    return y


FUNCTIONS = [used_before_it_is_defined, lambdas, in_a_branch, defined_in_a_loop, inner_loop_that_does_not_run_at_last,
             several_of_them, in_some_steps, until_it_is_there, before_continue]


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_as_in_python(f: Callable[..., Any]) -> None:
    assert dv.jit(f)(X) == f(X)
    h = 1e-6
    directions = np.eye(3)
    wanted = [(f(X + h * d) - f(X - h * d)) / (2 * h) for d in directions]
    np.testing.assert_allclose(dv.grad(f)(X), wanted, atol=1e-7)


@pytest.mark.parametrize("f, x", [
    (in_some_steps, -np.ones(3)), (before_continue, -np.ones(3)), (in_some_steps, np.ones(0)),
])
def test_variables_that_no_step_gives_a_value(f: Callable[..., Any], x: Any) -> None:
    with pytest.raises(UnboundLocalError):
        f(x)
    with pytest.raises(dv.AssertError, match="has no value"):
        dv.jit(f)(x)


def test_what_stands_in_modules_classes_and_dicts_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "settings_of_a_test.py").write_text("k = 2.0\ndef h(x): return x*3.0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    settings: Any = importlib.import_module("settings_of_a_test")
    rates: dict[Any, Any] = {"a": 1.0, "w": np.ones(2), 1: 5.0}

    class Config:
        k = 2.0

    @dataclass
    class Point:
        k: float

    p = Point(2.0)
    functions = [dv.jit(f) for f in (
        lambda x: settings.h(x)*settings.k, lambda x: x*Config.k, lambda x: x*p.k, lambda x: x*rates[1])]
    slopes = [dv.grad(f) for f in functions]
    assert [f(1.0) for f in functions] == [f(1.0) for f in slopes] == [6.0, 2.0, 2.0, 5.0]
    settings.k, settings.h = 9.0, lambda x: x*10
    Config.k, p.k, rates[1] = 8.0, 11.0, 12.0
    assert [f(1.0) for f in functions] == [f(1.0) for f in slopes] == [90.0, 8.0, 11.0, 12.0]
    named = {"a": 1.0, "w": np.ones(2)}
    f = dv.jit(lambda x: x*named["a"]*named["w"])
    assert f(1.0).tolist() == [1.0, 1.0]
    named["a"], named["w"] = 2.0, np.array([3.0, 4.0, 5.0])
    assert f(1.0).tolist() == [6.0, 8.0, 10.0]
    named["w"][0] = -1.0
    assert f(1.0).tolist() == [-2.0, 8.0, 10.0]


# ---------------------------------------------------------------- defaults that change


@pytest.mark.parametrize("held", [[1.0, 2.0], np.array([1.0, 2.0]), np.array([3, 4])])
def test_a_default_that_changes_is_followed(held: Any) -> None:
    """A list or array that is a default is one object: all calls see what it holds, as in Python."""

    def inner(x, w=held):
        return x * w[0]

    def f(x, w=held):
        return inner(x) + x * x * w[1]

    jitted = dv.jit(f)
    slope = dv.grad(jitted)
    for _ in range(4):  # the long way and the short ones
        assert jitted(2.0) == f(2.0)
    assert slope(2.0) == pytest.approx(held[0] + 4.0 * held[1], rel=1e-12)
    held[0] = held[1]
    assert jitted(2.0) == f(2.0)
    held[1] = held[1] * 5
    assert jitted(2.0) == f(2.0) and jitted(2.0) == f(2.0)
    assert slope(2.0) == pytest.approx(held[0] + 4.0 * held[1], rel=1e-12)


def test_a_default_of_nan_is_no_change() -> None:
    held = np.array([np.nan, 1.0])

    def f(x, w=held):
        return x * w[1]

    jitted = dv.jit(f)
    assert jitted(2.0) == 2.0 and jitted(2.0) == 2.0


def test_a_default_with_an_array_in_it_is_refused() -> None:
    def f(x, p=(np.ones(2), 3.0)):  # noqa: B008
        return x * p[1]

    with pytest.raises(dv.Error, match="the default of p has an array in it") as e:
        dv.jit(f)
    assert e.value.code == "DV0156" and "by its name from outside" in (e.value.help or "")


def test_a_called_function_is_followed_when_its_code_is_exchanged() -> None:
    def helper(x):  # type: ignore[no-untyped-def]
        return x + 1.0

    def other(x):  # type: ignore[no-untyped-def]
        return 10.0 * x

    user = dv.jit(lambda x: 2.0 * helper(x))
    slope = dv.grad(user)
    assert user(3.0) == 8.0 and slope(3.0) == 2.0
    helper.__code__ = other.__code__
    assert user(3.0) == 60.0 and slope(3.0) == 20.0


def test_a_zero_that_changes_its_sign_is_followed() -> None:
    k = 0.0
    f = dv.jit(lambda x: np.arctan2(k, x))
    for _ in range(3):
        assert f(-1.0) == np.pi
    k = -0.0
    for _ in range(3):
        assert f(-1.0) == -np.pi
