"""Transforms under the names that JAX's users type, with the axes and pytrees that they are used to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import derivant as dv
import numpy as np
import pytest

A = np.arange(6.0).reshape(2, 3)
B = np.arange(3.0)
C = np.arange(24.0).reshape(2, 3, 4)


def scaled(x: dv.f64["n"], y: float) -> dv.f64["n"]:
    return x * y


VMAPS: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = [
    (lambda x: x * 2, (A,), {}),
    (lambda x: x * 2, (A,), {"in_axes": 1}),
    (lambda x: x * 2, (A,), {"in_axes": 1, "out_axes": 1}),
    (lambda x: x * x, (C,), {"in_axes": -1, "out_axes": -1}),
    (lambda x: x * x, (C,), {"in_axes": 1, "out_axes": 2}),
    (lambda x, y: x * y, (A, A.T.copy()), {"in_axes": (1, 0), "out_axes": 1}),
    (lambda x, y: x * y, (A, np.ones(2)), {"in_axes": (1, None)}),
    (lambda x, y: x @ y, (A, A), {"in_axes": (1, 1)}),
    (scaled, (A, B), {"in_axes": (1, 0)}),
    (scaled, (A, B), {"in_axes": (-1, 0), "out_axes": 1}),
    (lambda d: d["a"] * sum(d["b"]), ({"a": B, "b": A.T.copy()},), {}),
]


@pytest.mark.parametrize("f, arguments, axes", VMAPS)
def test_vmap(f: Callable[..., Any], arguments: tuple[Any, ...], axes: dict[str, Any]) -> None:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    found, wanted = dv.vmap(f, **axes)(*arguments), jax.vmap(f, **axes)(*arguments)
    assert np.shape(found) == np.shape(wanted)
    np.testing.assert_allclose(found, wanted, rtol=1e-14)


def test_vmap_of_vmap_and_of_gradients() -> None:
    f = lambda x: x * 3.0
    twice = dv.vmap(dv.vmap(f, in_axes=1), in_axes=2, out_axes=1)
    wanted = np.moveaxis(np.stack([np.stack([f(C[:, i, k]) for i in range(3)]) for k in range(4)]), 0, 1)
    np.testing.assert_array_equal(twice(C), wanted)
    slope = dv.vmap(dv.grad(lambda v: sum(v**3)), in_axes=1, out_axes=1)
    np.testing.assert_allclose(slope(A), 3 * A**2)
    np.testing.assert_allclose(dv.grad(lambda a: np.sum(a**2))(A), 2 * A)


def test_axes_that_do_not_fit() -> None:
    with pytest.raises(dv.SizeError, match="size"):
        dv.vmap(lambda x, y: x * y, in_axes=(1, 0))(A, np.ones((2, 2)))
    for axes in ({"in_axes": "0"}, {"in_axes": (0, 0)}, {"in_axes": 0.0}, {"out_axes": None}, {"in_axes": None}):
        with pytest.raises(dv.TypeError, match="in_axes"):
            dv.vmap(lambda x: x, **axes)
    with pytest.raises(dv.TypeError, match="axis 2 is out of range"):
        dv.vmap(lambda x: x * 2, in_axes=2)(A)


def test_jacobians_by_other_names() -> None:
    jax = pytest.importorskip("jax")

    def f(p, x):
        return {"y": p["a"] * x * x, "z": p["b"] * x[0]}

    p, x = {"a": np.array([1.0, 2.0]), "b": 3.0}, np.array([0.5, -1.5])
    for name in ("jacfwd", "jacrev"):
        ours, theirs = getattr(dv, name), getattr(jax, name)
        for argnums in (0, 1):
            found = ours(f, argnums=argnums)(p, x)
            wanted = theirs(f, argnums=argnums)(p, x)
            for key in ("y", "z"):
                for one, two in zip(leaves(found[key]), leaves(wanted[key]), strict=True):
                    np.testing.assert_allclose(one, two)

    @dv.jit
    def inside(x):
        return dv.jacfwd(lambda t: t * t)(x) + dv.jacrev(lambda t: t * t)(x)

    np.testing.assert_array_equal(inside(x), np.diag(4 * x))


def leaves(value: Any) -> list[Any]:
    return [x for v in value.values() for x in leaves(v)] if isinstance(value, dict) else [value]


class Params(NamedTuple):
    w: Any
    b: float


def loss(p, x):
    return np.sum(p.w * x) ** 2 + p.b**3


def test_pytrees_in_all_transforms() -> None:
    p, x = Params(np.array([1.0, 2.0]), 3.0), np.array([2.0, 1.0])
    dp, dx, h = Params(np.array([0.5, -0.5]), 1.0), np.array([1.0, 3.0]), 1e-6
    value, slope = dv.jvp(loss, (p, x), (dp, dx))

    def along(t: float) -> float:
        return loss(Params(p.w + t * dp.w, p.b + t * dp.b), x + t * dx)

    assert value == loss(p, x) and slope == pytest.approx((along(h) - along(-h)) / (2 * h), rel=1e-7)
    _, pull = dv.vjp(loss, p, x)
    gp, gx = pull(1.0)
    assert type(gp) is Params and gp.w @ dp.w + gp.b * dp.b + gx @ dx == pytest.approx(slope)
    value, (again, _) = dv.value_and_grad(loss, argnums=(0, 1))(p, x)
    np.testing.assert_allclose(again.w, gp.w)
    second = dv.hessian(loss)(p, x)
    assert type(second) is Params and type(second.w) is Params
    np.testing.assert_allclose(second.w.w, 2 * np.outer(x, x))
    assert second.b.b == pytest.approx(6 * p.b) and not second.w.b.any()


def test_moveaxis() -> None:
    f = dv.jit(lambda x: (np.moveaxis(x, 0, 2), np.moveaxis(x, -1, 0), np.moveaxis(x, 1, 1)))
    for found, wanted in zip(f(C), (np.moveaxis(C, 0, 2), np.moveaxis(C, -1, 0), C), strict=True):
        np.testing.assert_array_equal(found, wanted)
    assert dv.compile("def f(a: f64[n, m]) -> f64[m, n] = moveaxis(a, 1, 0)").f(A).shape == (3, 2)
