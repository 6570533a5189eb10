"""Tuples of anything, gone over item by item: layers of a network, functions, parts of different types."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable
from typing import Any

import derivant as dv
import numpy as np
import pytest

RNG = np.random.default_rng(0)
LAYERS = tuple((RNG.normal(size=(m, n)), RNG.normal(size=m)) for n, m in ((2, 3), (3, 4), (4, 1)))
NAMED = tuple({"w": w, "b": b} for w, b in LAYERS)
X = np.array([0.3, -0.7])


def forward(layers, x):
    for w, b in layers:
        x = np.tanh(w @ x + b)
    return np.sum(x)


def named(layers, x):
    for p in layers:
        x = np.tanh(p["w"] @ x + p["b"])
    return np.sum(x)


def last_is_linear(layers, x):
    for w, b in layers[:-1]:
        x = np.tanh(w @ x + b)
    w, b = layers[-1]
    return np.sum(w @ x + b)


def numbered(layers, x):
    for i, (w, b) in enumerate(layers):
        x = w @ x + b
        if i < len(layers) - 1:
            x = np.tanh(x)
    return np.sum(x)


def by_index(layers, x):
    for i in range(len(layers) - 1):
        w, b = layers[i]
        x = np.tanh(w @ x + b)
    return np.sum(x)


def norms(layers, x):
    return sum(np.sum(w**2) + np.sum(b**2) for w, b in layers) * x[0]


def beside(layers, x):
    s = x[0]
    for (w, b), (v, c) in zip(layers, layers):
        s += np.sum(w * v) * np.sum(b * c)
    return s


def from_the_end(layers, x):
    s = np.sum(x)
    for w, b in reversed(layers):
        s = math.sin(s + w[0, 0]) * b[0]
    return s


def left_early(layers, x):
    s = x[0]
    for w, b in layers:
        s = s * 2 + w[0, 0] * b[0]
        if s > 0.1:
            break
    return s


def made_inside(layers, x):
    for k, (w, b) in enumerate(layers):
        h = w @ x + b if x[0] > -9 else b
        x = np.tanh(h)
    return np.sum(h) * w[0, 0] + k


@pytest.mark.parametrize("f, layers", [(f, NAMED if f is named else LAYERS) for f in (
    forward, named, last_is_linear, numbered, by_index, norms, beside, from_the_end, left_early, made_inside)], ids=lambda x: getattr(x, "__name__", ""))
def test_layers(f: Callable[..., Any], layers: Any) -> None:
    """The values of Python, and derivatives along random directions as by differences."""
    assert dv.jit(f)(layers, X) == pytest.approx(float(f(layers, X)), rel=1e-13)
    value, (slopes, dx) = dv.value_and_grad(f, argnums=(0, 1))(layers, X)
    assert value == pytest.approx(float(f(layers, X)), rel=1e-13)

    def parts(p: Any) -> list[Any]:
        return list(p.values()) if isinstance(p, dict) else list(p)

    def moved(h: float) -> Any:
        out = []
        for p, d in zip(layers, along, strict=True):
            changed = [a + h * e for a, e in zip(parts(p), d, strict=True)]
            out.append(dict(zip(p, changed, strict=True)) if isinstance(p, dict) else tuple(changed))
        return tuple(out)

    along = [[RNG.normal(size=np.shape(a)) for a in parts(p)] for p in layers]
    wanted = (f(moved(1e-6), X) - f(moved(-1e-6), X)) / 2e-6
    found = sum(np.sum(g * e) for p, d in zip(slopes, along, strict=True) for g, e in zip(parts(p), d, strict=True))
    assert found == pytest.approx(float(wanted), rel=1e-6, abs=1e-8)
    v = np.array([0.4, -1.1])
    assert dx @ v == pytest.approx(float(f(layers, X + 1e-6 * v) - f(layers, X - 1e-6 * v)) / 2e-6, rel=1e-6, abs=1e-8)


def test_as_jax() -> None:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)

    def theirs(layers: Any, x: Any) -> Any:
        for w, b in layers:
            x = jax.numpy.tanh(w @ x + b)
        return x.sum()

    found, wanted = dv.grad(forward)(LAYERS, X), jax.grad(theirs)(LAYERS, X)
    for ours, other in zip(found, wanted, strict=True):
        for a, b in zip(ours, other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)


def collected(layers, x):
    sums = []
    for w, b in layers:
        x = np.tanh(w @ x + b)
        sums.append(np.sum(x))
    return np.array(sums)


def of_functions(x):
    s = 0.0
    for g in (math.sin, np.cos, lambda t: t * t):
        s += g(x[0])
    return s


def list_of_functions(x):
    return [g(x[1]) for g in (math.sin, math.exp)]


def written_out(x):
    s = 0.0
    for a, b in ((x, x[:1]), (x[1:], x)):
        s += np.sum(a) * b[0]
    return s


def from_outside(x):
    for w, b in LAYERS:
        x = w @ x + b
    return x


@pytest.mark.parametrize("f", [of_functions, list_of_functions, written_out, from_outside])
def test_tuples_in_the_text(f: Callable[..., Any]) -> None:
    np.testing.assert_allclose(dv.jit(f)(X), f(X), rtol=1e-13)


def test_lists_of_what_items_give() -> None:
    np.testing.assert_allclose(dv.jit(collected)(LAYERS, X), collected(LAYERS, X), rtol=1e-13)


def test_declared_tuples() -> None:
    @dv.jit
    def f(p: tuple[dv.f64["n"], dv.f64["n", "m"]], q: tuple[float, float]) -> float:
        s = 0.0
        for a in p:
            s += np.sum(a)
        for t in q:
            s *= t
        return s

    assert f((np.ones(2), np.ones((2, 3))), (2.0, 3.0)) == 48.0


def test_other_numbers_of_items_are_other_compilations() -> None:
    f = dv.jit(forward)
    for k in (2, 3, 2):
        assert f(LAYERS[:k], X) == pytest.approx(float(forward(LAYERS[:k], X)), rel=1e-13)
    assert f.compilations == 2


@pytest.mark.parametrize("layers", [list(LAYERS), list(NAMED)])
def test_a_list_of_layers_names_the_tuple(layers: Any) -> None:
    with pytest.raises(dv.TypeError) as e:
        dv.jit(forward)(layers, X)
    assert "give tuple(layers)" in (e.value.help or "")
    assert dv.jit(named if isinstance(layers[0], dict) else forward)(tuple(layers), X) == pytest.approx(float(forward(LAYERS, X)))


def test_an_index_that_is_not_known_is_refused() -> None:
    with pytest.raises(dv.TypeError) as e:
        dv.jit(lambda p, k: p[k])((1.0, 2.0), 1)
    assert e.value.code == "DV0306"


def test_sizes_are_those_of_the_parts() -> None:
    with pytest.raises(dv.Error) as e:
        dv.jit(lambda p: p[0] == p[1])(((np.ones(2), 1.0), (np.ones(3), 2.0)))
    assert "p_0_0" in e.value.message and "compare the parts" in (e.value.help or "")


def test_tuples_in_the_language() -> None:
    m = dv.compile(textwrap.dedent("""
        def f(w: f64[n, m], v: f64[k, n], x: f64[m]) -> f64[k] = loop y = x for a in (w, v) do a @ y
        def g(t: (i64, f64)) -> f64 = sum(2.0 * f64(x) for x in t)
        def h(t: (f64, f64), u: (f64, f64)) -> f64[2] = [a - b for (a, b) in zip(t, reverse(u))]
        def last(t: (f64, f64, f64)) -> f64 = loop s = 0.0 for i < len(t) - 1 do 2 * s + t[i + 1]
    """).strip())
    w, v, x = np.arange(6.0).reshape(3, 2), np.arange(12.0).reshape(4, 3), np.array([1.0, -2.0])
    np.testing.assert_allclose(m.f(w, v, x), v @ (w @ x))
    assert m.g((2, 0.5)) == 5.0 and m.last((7.0, 1.0, 3.0)) == 5.0
    np.testing.assert_array_equal(m.h((1.0, 2.0), (3.0, 5.0)), [-4.0, -1.0])
    for text in ("sum(x for x in t if x > 0)", "[x * i for x in t, i < 2]"):
        with pytest.raises(dv.Error, match="in goes over the elements"):
            dv.compile(f"def f(t: (f64, f64)) = {text}")
