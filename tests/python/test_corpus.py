"""The corpus: jitted functions against Python's own run of them, and their derivatives against JAX's or differences."""

from __future__ import annotations

import importlib
import math
import pkgutil
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any

import derivant as dv
import numpy as np
import pytest

from . import corpus

for module in pkgutil.iter_modules(__import__(__package__, fromlist=["x"]).__path__):
    if module.name.startswith("formulas_"):
        importlib.import_module(f"{__package__}.{module.name}")

CASES = corpus.CASES


def leaves(value: Any) -> list[np.ndarray]:
    if isinstance(value, tuple):
        return [x for v in value for x in leaves(v)]
    return [np.asarray(value, float)]


def close(a: Any, b: Any, tolerance: float) -> None:
    found, wanted = leaves(a), leaves(b)
    assert len(found) == len(wanted)
    for x, y in zip(found, wanted, strict=True):
        assert x.shape == y.shape
        scale = max(1.0, float(np.max(np.abs(y), initial=0.0)))
        np.testing.assert_allclose(x, y, rtol=0, atol=tolerance * scale, equal_nan=True)


def named(case: corpus.Case) -> str:
    return case.name


@pytest.mark.parametrize("case", CASES, ids=named)
def test_value(case: corpus.Case) -> None:
    before = [np.array(a, copy=True) for a in case.arguments]
    close(dv.jit(case.function)(*case.arguments), case.function(*case.arguments), 1e-11)
    for a, b in zip(case.arguments, before, strict=True):
        assert np.array_equal(a, b)


def weighted(value: Any) -> Any:
    """One number from a result: every element counts, each in its own way."""
    parts = value if isinstance(value, tuple) else (value,)
    return sum((1.0 + 0.3 * k) * (p * (1.0 + 0.1 * np.arange(np.size(p)).reshape(np.shape(p)))).sum()
               for k, p in enumerate(parts))


def slope(case: corpus.Case) -> Any:
    """The gradient of `weighted(f)` in the first argument, from our pullback."""
    f = dv.jit(case.function)
    value, pull = dv.vjp(lambda x, *rest: x, 1.0) if False else dv.vjp(f, *case.arguments)
    parts = value if isinstance(value, tuple) else (value,)
    weights = tuple((1.0 + 0.3 * k) * (1.0 + 0.1 * np.arange(np.size(p)).reshape(np.shape(p))) for k, p in enumerate(parts))
    weights = tuple(float(w) if np.ndim(p) == 0 else w for w, p in zip(weights, parts, strict=True))
    found = pull(weights if isinstance(value, tuple) else weights[0])
    return found[0] if isinstance(found, tuple) else found


def by_differences(case: corpus.Case) -> Any:
    x, rest = np.asarray(case.arguments[0], float), case.arguments[1:]
    out = np.zeros(x.shape)
    for at in np.ndindex(x.shape):
        h = 1e-6 * max(1.0, abs(float(x[at])))

        def moved(t: float, at: tuple[int, ...] = at) -> Any:
            y = x.copy()
            y[at] += t
            return weighted(case.function(y if y.shape else float(y), *rest))

        out[at] = (8 * (moved(h) - moved(-h)) - (moved(2 * h) - moved(-2 * h))) / (12 * h)
    return out


def with_jax(function: FunctionType) -> Callable[..., Any]:
    """The same Python code, with `np` and `math` that JAX can differentiate."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    shim = ModuleType("math")
    for name in dir(math):
        twin = {"acos": "arccos", "asin": "arcsin", "atan": "arctan", "atan2": "arctan2", "fabs": "abs",
                "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh"}.get(name, name)
        found = getattr(jnp, twin, None) or getattr(jax.scipy.special, {"lgamma": "gammaln"}.get(name, name), None)
        setattr(shim, name, found if callable(found) else getattr(math, name))
    names = {**function.__globals__, "np": jnp, "math": shim}
    for name, value in function.__globals__.items():
        if isinstance(value, FunctionType) and value.__module__ == function.__module__ and value is not function:
            names[name] = FunctionType(value.__code__, names, name, value.__defaults__, value.__closure__)
    made = FunctionType(function.__code__, names, function.__name__, function.__defaults__, function.__closure__)
    made.__kwdefaults__ = function.__kwdefaults__
    return made


def by_jax(case: corpus.Case) -> Any:
    """JAX's gradient, or None where it can't do the function (assignments to elements, for one)."""
    jax = pytest.importorskip("jax")
    f = with_jax(case.function)
    try:
        with jax.disable_jit(False):
            return jax.grad(lambda x: weighted(f(x, *case.arguments[1:])))(case.arguments[0])
    except (TypeError, ValueError, AttributeError, NotImplementedError, jax.errors.JAXTypeError):
        return None


@pytest.mark.parametrize("case", [c for c in CASES if c.slope], ids=named)
def test_slope(case: corpus.Case) -> None:
    found = slope(case)
    close(found, by_differences(case), case.tolerance)
    wanted = by_jax(case)
    if wanted is not None:
        close(found, wanted, 1e-10)


def test_jax_does_most() -> None:
    """JAX is an independent judge only where it runs: a good part of the corpus."""
    pytest.importorskip("jax")
    few = [c for c in CASES if c.slope][::8]
    assert sum(by_jax(c) is not None for c in few) >= len(few) // 3


def test_size() -> None:
    assert len({c.function for c in CASES}) >= 200
