"""`dv.grad` and the other transforms of jitted functions: arguments, pytrees, `vmap`, functions as arguments."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import derivant as dv
import numpy as np
import pytest

from .test_jit import SCALE, WEIGHTS, X, plain, weighted


def differences(f: Callable[..., Any], x: np.ndarray, h: float = 1e-6) -> np.ndarray:
    eye = np.eye(len(x)) * h
    return np.array([(f(x + e) - f(x - e)) / (2 * h) for e in eye])


def test_transforms_take_plain_functions() -> None:
    np.testing.assert_allclose(dv.grad(plain)(X), differences(plain, X), rtol=1e-6)
    value, slope = dv.value_and_grad(plain)(X)
    assert value == pytest.approx(plain(X))
    np.testing.assert_allclose(slope, dv.grad(dv.jit(plain))(X))
    np.testing.assert_allclose(dv.hessian(plain)(X), np.diag(2 * (SCALE * WEIGHTS + 1)))
    np.testing.assert_allclose(dv.hvp(plain)(X, X), 2 * (SCALE * WEIGHTS + 1) * X)
    np.testing.assert_allclose(dv.jacobian(lambda x: x * x)(X), np.diag(2 * X))
    assert dv.grad(dv.grad(lambda x: x**3))(2.0) == 12.0
    _, tangent = dv.jvp(plain, X, X)
    _, pull = dv.vjp(plain, X)
    assert tangent == pytest.approx(pull(1.0) @ X)


def test_argnums_and_argnames_are_not_both_given() -> None:
    for make in (dv.grad, dv.value_and_grad, dv.jacobian, dv.hessian):
        with pytest.raises(dv.TypeError, match="both given"):
            make(lambda x, y: x * y, argnums=0, argnames="y")
    with pytest.raises(dv.Error, match="both given"):
        dv.jit(lambda a: dv.grad(lambda x, y: x * y, argnums=0, argnames="y")(a, 3.0))(1.0)
    with pytest.raises(dv.TypeError) as e:
        dv.grad(dv.vmap(lambda x: x**3))(np.ones(2))
    assert not any("x__" in note for note in e.value.notes)


def test_keys_that_are_no_names() -> None:
    with pytest.raises(dv.TypeError, match="a dict whose keys are names"):
        dv.jit(lambda d: d[0])({0: 1.0})


def test_argnums_argnames_has_aux() -> None:
    def f(a, b, n: int):
        return a**2 * b * n, a + b

    first = lambda a, b, n: f(a, b, n)[0]
    assert dv.grad(first, argnums=(0, 1))(2.0, 3.0, 2) == (24.0, 8.0)
    assert dv.grad(first, argnames="b")(2.0, 3.0, 2) == 8.0
    assert dv.grad(first, argnums=(0,))(2.0, 3.0, 2) == (24.0,)
    assert dv.grad(f, has_aux=True)(2.0, 3.0, 2) == (24.0, 5.0)
    assert dv.value_and_grad(f, argnums=(0, 1), has_aux=True)(2.0, 3.0, 2) == ((24.0, 5.0), (24.0, 8.0))
    with pytest.raises(dv.Error):
        dv.grad(f, argnums=2, has_aux=True)(2.0, 3.0, 2)


def test_transforms_inside() -> None:
    @dv.jit
    def newton_step(x):
        return x - dv.grad(well)(x) / dv.grad(dv.grad(well))(x)

    def well(t):
        return t**4 - 2 * t**2

    assert newton_step(2.0) == pytest.approx(2 - 24 / 44)
    slope = dv.grad(well)

    @dv.jit
    def uses_a_derivative(x):
        return slope(x) * 2

    assert uses_a_derivative(2.0) == 48.0 and dv.grad(uses_a_derivative)(2.0) == 88.0


def test_vmap() -> None:
    def f(x, y):
        return x * y if x > 0 else -y

    xs = np.array([1.0, -2.0, 3.0])
    np.testing.assert_array_equal(dv.vmap(f)(xs, xs), [f(x, y) for x, y in zip(xs, xs, strict=True)])
    np.testing.assert_array_equal(dv.vmap(f, in_axes=(0, None))(xs, 2.0), [f(x, 2.0) for x in xs])
    np.testing.assert_array_equal(dv.vmap(dv.grad(lambda x: x**3))(xs), 3 * xs**2)
    np.testing.assert_array_equal(dv.vmap(dv.vmap(lambda x: x + 1))(np.ones((2, 3))), np.full((2, 3), 2.0))
    np.testing.assert_allclose(dv.grad(lambda v: sum(v * v))(xs), 2 * xs)
    np.testing.assert_allclose(dv.vmap(weighted)(np.stack([X, 2 * X])), [weighted(X), weighted(2 * X)])
    np.testing.assert_array_equal(dv.vmap(lambda v: v * 2)([1.0, 2.0]), [2.0, 4.0])
    for axes in ((0,), (None, None), "0"):
        with pytest.raises(dv.TypeError):
            dv.vmap(f, in_axes=axes)


def test_vmap_sizes() -> None:
    def product(a: float, b: float) -> float:
        return a * b

    for f in (lambda a, b: a * b, product):
        for shapes in (((3,), (4,)), ((4,), (3,))):
            with pytest.raises(dv.SizeError, match="size"):
                dv.vmap(f)(*map(np.ones, shapes))
        twice = dv.vmap(dv.vmap(f))
        np.testing.assert_array_equal(twice(np.ones((2, 3)), np.ones((2, 3))), np.ones((2, 3)))
        for shapes in (((2, 3), (2, 4)), ((2, 3), (4, 3))):
            with pytest.raises(dv.SizeError):
                twice(*map(np.ones, shapes))
        outer = dv.vmap(dv.vmap(f, in_axes=(None, 0)), in_axes=(0, None))
        np.testing.assert_array_equal(outer(np.arange(2.0), np.arange(3.0)), np.outer(np.arange(2.0), np.arange(3.0)))
    with pytest.raises(dv.TypeError, match="array to go over"):
        dv.vmap(lambda a: a)(1.0)


class Pair(NamedTuple):
    a: float
    b: Any


@dataclass
class Positive:
    a: float

    def __post_init__(self) -> None:
        if self.a < 0:
            raise ValueError("negative")


def test_classes_that_refuse_a_gradient() -> None:
    assert dv.grad(lambda p: p.a**2)(Positive(2.0)) == Positive(4.0)
    with pytest.raises(dv.TypeError, match="is a Positive, but it refuses its values .ValueError: negative"):
        dv.grad(lambda p: -(p.a**2))(Positive(2.0))


def test_mappings_come_back_as_dicts() -> None:
    given = MappingProxyType({"a": 2.0, "b": 3.0})
    assert dv.grad(lambda p: p["a"] * p["b"])(given) == {"a": 3.0, "b": 2.0}


def test_vmap_of_pytrees() -> None:
    a, b = np.arange(3.0), np.arange(6.0).reshape(3, 2)
    for p in ({"a": a, "b": b}, Pair(a, b), (a, b)):
        def f(p):
            return p["a"] ** 2 * sum(p["b"])

        def g(p):
            return p.a ** 2 * sum(p.b)

        def h(p):
            return p[0] ** 2 * sum(p[1])

        one = f if isinstance(p, dict) else g if isinstance(p, Pair) else h
        np.testing.assert_array_equal(dv.vmap(one)(p), a**2 * b.sum(1))
        found = dv.vmap(dv.grad(one))(p)
        assert type(found) is type(p)
        da, db = found.values() if isinstance(found, dict) else found
        np.testing.assert_array_equal(da, 2 * a * b.sum(1))
        np.testing.assert_array_equal(db, np.stack([a**2, a**2], 1))
    with pytest.raises(dv.SizeError, match=r"d\.b"):
        dv.vmap(lambda d: d["a"] + d["b"])({"a": np.ones(3), "b": np.ones(4)})


@pytest.mark.parametrize("f, x", [
    (lambda x: x * x, 2.0), (lambda x: x * x, np.ones(2)), (lambda x: (x, x, x), 2.0),
])
def test_has_aux_wants_a_pair(f: Callable[..., Any], x: Any) -> None:
    for transform in (dv.grad, dv.value_and_grad, dv.jacobian):
        with pytest.raises(dv.Error, match="pair") as e:
            transform(f, has_aux=True)(x)
        assert not e.value.notes and e.value.span is not None and e.value.span.source is not None
        assert e.value.span.source.name == __file__


def test_functions_as_arguments() -> None:
    @dv.jit
    def integral(f, a: float, b: float, n: int = 50):
        h = (b - a) / n
        return h * sum(f(a + (k + 0.5) * h) for k in range(n))

    assert integral(math.exp, 0.0, 1.0) == pytest.approx(math.e - 1, rel=1e-4)
    assert integral(lambda t: t * t, 0.0, 3.0, n=300) == pytest.approx(9, rel=1e-4)
    assert integral(f=dv.jit(lambda t: 2 * t), a=0.0, b=1.0) == pytest.approx(1)
    assert dv.grad(lambda b: integral(lambda t: b * t, 0.0, 1.0))(2.0) == pytest.approx(0.5)
    for c in (1.0, 2.0):
        assert integral(lambda t: c, 0.0, 1.0) == pytest.approx(c)  # noqa: B023
    with pytest.raises(dv.Error):
        integral(print, 0.0, 1.0)


def test_vmap_keeps_defaults() -> None:
    x, ks = np.arange(3.0), np.array([1.0, 2.0, 3.0])
    for f in (lambda a, k=3.0: a * k, dv.jit(lambda a, k=3.0: a * k)):
        g = dv.vmap(f)
        for _ in range(3):
            np.testing.assert_array_equal(g(x), 3.0 * x)
            np.testing.assert_array_equal(g(x, ks), x * ks)
            np.testing.assert_array_equal(g(x, k=ks), x * ks)
    with pytest.raises(dv.Error, match="no value for"):
        dv.vmap(lambda a, b, k=3.0: a * b * k)(x)


def test_aux_of_jvp_and_vjp() -> None:
    def f(x, y):
        return np.sum(x * x) * y, (x * y, y)

    x, y, dx = np.array([1.0, 2.0]), 3.0, np.array([0.5, -1.0])
    value, along, (more, same) = dv.jvp(f, (x, y), (dx, 2.0), has_aux=True)
    assert value == 15.0 and same == 3.0
    assert along == pytest.approx(2 * x @ dx * y + 2.0 * (x @ x))
    np.testing.assert_array_equal(more, x * y)
    value, pull, (more, _) = dv.vjp(f, x, y, has_aux=True)
    gx, gy = pull(1.0)
    assert value == 15.0 and gx @ dx + gy * 2.0 == pytest.approx(along)  # the dot-product identity
    np.testing.assert_array_equal(more, x * y)
    for g in (lambda: dv.jvp(lambda t: t, 1.0, 1.0, has_aux=True), lambda: dv.vjp(lambda t: t, 1.0, has_aux=True)):
        with pytest.raises(dv.Error, match="has_aux=True is for a function that gives a pair"):
            g()


class Scaled:
    def __init__(self, k: float) -> None:
        self.k = k

    @dv.jit
    def by(self, x):
        return self.k * x


def test_methods_without_their_object() -> None:
    c = Scaled(2.0)
    assert c.by(3.0) == 6.0 and Scaled.by.__wrapped__(c, 3.0) == 6.0
    for f in (lambda: Scaled.by(c, 3.0), lambda: dv.grad(Scaled.by, argnums=1)(c, 3.0)):
        with pytest.raises(dv.TypeError) as e:
            f()
        assert e.value.help == "take it from the object: p.by(…) for an object p"
