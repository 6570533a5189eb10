"""`derivant bench`: how long a function and its derivative take, over sizes."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..compiler import errors
from . import api, arguments, shapes
from .function import Function
from .trace import timed

DEFAULT = 100      # a size that is not given
REPEATS = 5
_LEAST = 0.02      # seconds of one repeat, so that the clock's ticks don't count
_LONG = 1.0        # a call that takes longer is repeated less


@dataclass(frozen=True, slots=True)
class Row:
    """Seconds of processor time for one call at these sizes, the best of some repeats."""

    sizes: dict[str, int]
    primal: float
    derivative: float | None

    @property
    def ratio(self) -> float | None:
        return None if self.derivative is None else self.derivative / max(self.primal, 1e-9)


def derivative_of(f: Function, given: Mapping[str, Any]) -> tuple[str, Function] | None:
    """What is measured beside the function: the gradient of a scalar result, otherwise the Jacobian."""
    active = [k for k, p in enumerate(f.params) if shapes.carries_float(p.type) and p.name not in given]
    values = _point(f, dict.fromkeys(arguments.sizes_of(f), 2), given)
    result = f.result_of(values)
    if not active or not shapes.carries_float(result) or arguments.sums_of(result):
        return None
    if isinstance(result, shapes.Scalar):
        return "gradient", api.value_and_grad(f, tuple(active))
    return "jacobian", api.jacobian(f, tuple(active))


def measure(f: Function, sizes: Mapping[str, Sequence[int]], given: Mapping[str, Any],
            derivative: Function | None) -> Iterator[Row]:
    """A row for each combination of sizes; `given` are arguments that are not random."""
    names = [*sizes, *(s for s in arguments.sizes_of(f) if s not in sizes and s not in given)]
    for combination in itertools.product(*(sizes.get(n, (DEFAULT,)) for n in names)):
        at = dict(zip(names, combination, strict=True))
        values = _point(f, at, given)
        label = ", ".join(f"{n} = {v}" for n, v in at.items())
        with timed("compile", f"measuring {f.__name__} at {label}" if label else f"measuring {f.__name__}"):
            primal = seconds(lambda v=values: f(*v))  # type: ignore[misc]
            slope = None if derivative is None else seconds(lambda v=values: derivative(*v))  # type: ignore[misc]
        yield Row(at, primal, slope)


def _point(f: Function, sizes: Mapping[str, int], given: Mapping[str, Any]) -> list[Any]:
    """Random arguments at which the function has a value."""
    reason = arguments.obstacle(f)
    if reason is not None:
        raise errors.TypeError("DV0607", f"bench of {f.__name__} needs types: {reason}", f.span)
    rng = np.random.default_rng(0)
    known = {**sizes, **{k: v for k, v in given.items() if isinstance(v, int)}}
    last: errors.Error | None = None
    for low, high in arguments.RANGES:
        leaves = arguments.make(f, known, rng, low, high)
        values = [given.get(p.name, arguments.value(part, p.type)) for p, part in zip(f.params, leaves, strict=True)]
        try:
            f(*values)
        except errors.Error as e:
            if e.code[:4] != "DV05" or e.code == "DV0510":
                raise
            last = e
            continue
        return values
    assert last is not None
    raise last


def seconds(call: Callable[[], object]) -> float:
    """Processor time of one call, the least of some repeats."""
    call()  # compiles
    start = time.process_time()
    call()
    once = max(time.process_time() - start, 1e-7)
    number = max(1, int(_LEAST / once))
    best = float("inf")
    for _ in range(REPEATS if once < _LONG else 2):
        start = time.process_time()
        for _ in range(number):
            call()
        best = min(best, (time.process_time() - start) / number)
    return best
