"""Lists that grow: as in Python, with derivatives, and without a list as the state of a loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import derivant as dv
import numpy as np
import pytest

X = np.array([1.0, -2.0, 3.0, -4.0])


def squares(x):
    xs = []
    for t in x:
        xs.append(t*t)
    return np.array(xs)


def with_steps_between(x):
    xs = []
    for t in x:
        y=t+1
        z=y*y
        xs.append(y*z)
    return sum(xs)


def from_the_last_one(x):
    xs=[x[0]]
    for i in range(5):
        xs.append(xs[-1]*0.5+i)
    return xs


def filtered(x):
    xs = []
    for t in x:
        if t>0:
            xs.append(t)
    return xs


def several_of_a_step(x):
    xs = []
    s=0.0
    for t in x:
        s+=t
        if s>0:
            xs.append(s)
        else:
            xs.append(t*2)
            xs.append(s)
    return np.array(xs)


def trajectory(x):
    ts = []
    v=x[0]
    ys = []
    while v<100:
        ts.append(v)
        v=v*2+1
        ys.append(v)
        if v>50:
            break
    return np.array(ts), ys


def products(x):
    xs = []
    for a in x:
        for b in x:
            xs.append(a*b)
    return xs


def without_a_loop(x):
    xs = []
    xs.append(x[0])
    xs.append(x[1])
    if x[0]>0:
        xs.append(5.0)
    return len(xs)+sum(xs)


def by_length(x):
    xs = []
    while len(xs)<4:
        xs.append(len(xs)*x[1])
    return xs


def until(x):
    xs = []
    for t in x:
        if t<-3:
            break
        if t<0:
            continue
        xs.append(t)
    return xs


def integers(x):
    xs=[1]
    for i in range(3):
        xs.append(2 * i)
    return xs[2]+len(xs)


def rows_of_two(x):
    row_pairs = []
    for t in x:
        row_pairs.append([t, t*2])
    return np.array(row_pairs)


def pairs(x):
    xs = []
    for t in x:
        xs.append((t, t*2))
    return sum(a*b for a,b in xs)


def inner_lists(x):
    out = []
    for i in range(len(x)):
        row = []
        for j in range(3):
            row.append(x[i]*j)
        out.append(sum(row))
    return out


def as_it_is(x):
    xs = [x[0], x[1]]
    while xs[-1] < 30 and len(xs) < 20:
        if len(xs) % 2 == 0:
            xs.append(xs[-1] * xs[-1] + 1)
            continue
        xs.append(xs[-1] + len(xs))
    return xs


def of_a_match(x):
    xs = []
    for k in range(6):
        match k % 3:
            case 0:
                xs.append(x[0] * k)
            case 1:
                xs.append(k - x[1])
            case _:
                pass
    return xs


FUNCTIONS = [squares, with_steps_between, from_the_last_one, filtered, several_of_a_step, trajectory, products, without_a_loop, by_length, until, integers, rows_of_two, pairs, inner_lists, as_it_is, of_a_match]


def total(value: Any) -> Any:
    parts = value if isinstance(value, tuple) else (value,)
    return sum(np.sum(np.asarray(p) * (1 + np.arange(np.size(p)).reshape(np.shape(p)))) for p in parts)


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_as_in_python(f: Callable[..., Any]) -> None:
    jitted = dv.jit(f)
    found, wanted = jitted(X), f(X)
    if isinstance(wanted, tuple):
        for a, b in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(a, b)
    else:
        np.testing.assert_array_equal(found, wanted)
    again = dv.compile(jitted.dv_source)[f.__name__]
    np.testing.assert_array_equal(total(again(X)), total(found))


@pytest.mark.parametrize("f", [f for f in FUNCTIONS if f is not integers], ids=lambda f: f.__name__)
def test_derivatives(f: Callable[..., Any]) -> None:
    value, pull = dv.vjp(dv.jit(f), X)
    parts = value if isinstance(value, tuple) else (value,)
    weights = tuple(1.0 + np.arange(np.size(p)).reshape(np.shape(p)) if np.ndim(p) else 1.0 for p in parts)
    h = 1e-6
    wanted = [(total(f(X + h * d)) - total(f(X - h * d))) / (2 * h) for d in np.eye(len(X))]
    np.testing.assert_allclose(pull(weights if isinstance(value, tuple) else weights[0]), wanted, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("f", [f for f in FUNCTIONS if f is not without_a_loop], ids=lambda f: f.__name__)
def test_no_list_is_a_state(f: Callable[..., Any]) -> None:
    """An append costs what it appends: lists are joined behind loops, if at all."""
    text = dv.jit(f).dv_source.splitlines()
    for k, line in enumerate(text):
        if "concat(" in line:
            indent = len(line) - len(line.lstrip())
            assert not any(" do" in before and len(before) - len(before.lstrip()) < indent for before in text[:k])


def test_empty_lists() -> None:
    f = dv.jit(filtered)
    assert len(f(-np.ones(3))) == 0 and len(f(np.ones(0))) == 0
    assert dv.jit(from_the_last_one).dv_source.count("into (array)") == 1


def test_large_lists() -> None:
    @dv.jit
    def walk(n: int):
        xs = [0.0]
        for i in range(n):
            xs.append(xs[-1] + 1.0 / (i + 1))
        return xs

    n = 200_000
    np.testing.assert_allclose(walk(n), np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, n + 1))]), rtol=1e-10)


def test_two_names_of_one_list() -> None:
    with pytest.raises(dv.SyntaxError, match="one list in Python"):
        @dv.jit
        def f(x):
            a = [x]
            b = a
            a.append(x)
            return b


@pytest.mark.parametrize("f", [lambda x: np.sum(x*2.0), lambda x: x, lambda x: sum(x)])
def test_lists_that_hold_themselves(f: Any) -> None:
    xs: list[Any] = []
    xs.append(xs)
    for given in (xs, [xs, xs], (xs,), {"a": xs}):
        with pytest.raises(dv.TypeError):
            dv.jit(f)(given)
