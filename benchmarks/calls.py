"""What a call from Python costs, beside the same function in Numba and JAX."""

from __future__ import annotations

import importlib.util
import timeit
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .harness import CLOCKS, ROUNDS, TOLERANCE
from .sides import disagreement

Functions = dict[str, Callable[..., Any]]

_VECTOR = np.arange(10.0)
FACTOR = 2.0
WEIGHTS = np.linspace(0.0, 1.0, 10)


class Pair(NamedTuple):
    a: float
    b: float


# Functions of Python as they are, for all sides: names from outside, an array from outside, a record.


def named(x: float) -> float:
    return FACTOR * x + 1.0


def weighted(v: Any) -> Any:
    return (WEIGHTS * v).sum()


def record(p: Pair) -> float:
    return p.a * p.b


_PLAIN: tuple[Callable[..., Any], ...] = (named, weighted, record)

ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "scalar": (1.5,), "scalars": (1.5, 2.5, 3.5), "total": (_VECTOR,), "twice": (_VECTOR,), "grad scalar": (1.5,), "grad total": (_VECTOR,),
    "named": (1.5,), "weighted": (_VECTOR,), "record": (Pair(1.5, 2.5),), "grad record": (Pair(1.5, 2.5),),
}  # fmt: skip


def _derivant() -> Functions:
    import derivant

    package: Any = derivant  # its names are made on demand
    module = package.load(Path(__file__).parent / "calls.dv")
    plain = {name: module[name] for name in ("scalar", "scalars", "total", "twice")}
    jitted = {f.__name__: package.jit(f) for f in _PLAIN}
    return {**plain, **{f"grad {name}": package.grad(module[name]) for name in ("scalar", "total")}, **jitted, "grad record": package.grad(jitted["record"])}


def _numba() -> Functions:
    import numba

    @numba.njit  # type: ignore[untyped-decorator,unused-ignore]
    def scalar(x: float) -> float:
        return x * x + 1.0

    @numba.njit  # type: ignore[untyped-decorator,unused-ignore]
    def scalars(x: float, y: float, z: float) -> float:
        return x * y + z

    @numba.njit  # type: ignore[untyped-decorator,unused-ignore]
    def total(v: Any) -> float:
        s = 0.0
        for i in range(len(v)):
            s += v[i] * v[i]
        return s

    @numba.njit  # type: ignore[untyped-decorator,unused-ignore]
    def twice(v: Any) -> Any:
        out = np.empty(len(v))
        for i in range(len(v)):
            out[i] = 2.0 * v[i]
        return out

    return {"scalar": scalar, "scalars": scalars, "total": total, "twice": twice, **{f.__name__: numba.njit(f) for f in _PLAIN}}


def _jax() -> Functions:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)  # type: ignore[no-untyped-call,unused-ignore]
    plain: Functions = {
        "scalar": lambda x: x * x + 1.0, "scalars": lambda x, y, z: x * y + z, "total": lambda v: jnp.sum(v * v), "twice": lambda v: 2.0 * v,
        **{f.__name__: f for f in _PLAIN},
    }  # fmt: skip
    made = {**plain, **{f"grad {name}": jax.grad(plain[name]) for name in ("scalar", "total", "record")}}
    return {name: partial(_waited, jax.jit(f), jax.block_until_ready) for name, f in made.items()}


def _waited(call: Callable[..., Any], wait: Callable[[Any], Any], *args: Any) -> Any:
    return wait(call(*args))


SIDES: dict[str, Callable[[], Functions]] = {"derivant": _derivant, "numba": _numba, "jax": _jax}


def available(wanted: tuple[str, ...] = tuple(SIDES)) -> dict[str, Functions]:
    """The functions by name, of the sides that exist on this machine."""
    return {side: make() for side, make in SIDES.items() if side in wanted and importlib.util.find_spec(side) is not None}


def measure(sides: Mapping[str, Functions], seconds: float, clock: str = "wall") -> dict[str, dict[str, float]]:
    """Seconds of one call, by function and side; the sides are compared first and take turns.

    Raises `ValueError` where results differ.
    """
    found: dict[str, dict[str, float]] = {}
    for name, args in ARGUMENTS.items():
        timers: dict[str, timeit.Timer] = {}
        best: dict[str, float] = {}
        reference: Any = None
        for side, functions in sides.items():
            if name not in functions:
                continue
            call = functions[name]
            for _ in range(3):  # what is made on demand is there at the third call
                result = call(*args)
            reference = result if reference is None else reference
            if disagreement(result, reference) > TOLERANCE:
                raise ValueError(f"{name}: {side} gives {result}, {next(iter(sides))} {reference}")
            names = ", ".join(f"a{k}" for k in range(len(args)))
            places = {f"a{k}": a for k, a in enumerate(args)}
            timer = CLOCKS["wall" if side == "jax" else clock]
            timers[side] = timeit.Timer(f"f({names})", timer=timer, globals={"f": call, **places})
        for _ in range(3 * ROUNDS):
            for side, timer_ in timers.items():
                number = max(1, int(seconds / (3 * ROUNDS) / best.get(side, 1e-5)))
                best[side] = min(best.get(side, np.inf), timer_.timeit(number) / number)
        found[name] = best
    return found
