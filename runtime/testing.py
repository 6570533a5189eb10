"""`derivant test`: the `test`s of a program, and what was wrong where one fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..compiler import errors
from ..compiler.errors import Span
from .pipeline import Unit
from .show import show
from .values import rebuild

LONGEST = 10  # lines of a value that are shown


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a test: `error` says why it failed; `seconds` of processor time, compilation included."""

    name: str
    seconds: float
    error: errors.Error | None = None


def run_tests(unit: Unit, wanted: str = "") -> Iterator[Outcome]:
    """Runs the tests whose names contain `wanted` (in any case), in their order."""
    for k, name in enumerate(unit.outline().tests):
        if wanted.lower() not in name.lower():
            continue
        start = time.process_time()
        try:
            error = None if _value(unit, f"test {k}") else _why(unit, k, name)
        except errors.InternalError:
            raise
        except errors.Error as e:
            if e.code == "DV0510":
                raise
            for inner in e.errors:
                inner.notes = (*inner.notes, f'in the test "{name}"')
            error = e
        yield Outcome(name, time.process_time() - start, error)


def _value(unit: Unit, text: str) -> Any:
    instance = unit.instance(text, (), True)
    return rebuild(instance.run([]), instance.result)


def _why(unit: Unit, k: int, name: str) -> errors.Error:
    """The error of a test that is false."""
    return failure(name, unit.test_parts(k), lambda p: _value(unit, f"test {k} part {p}"),
                   lambda p: _value(unit, f"test {k} sides {p}"))


def failure(name: str, parts: Sequence[tuple[Span, str | None]], holds: Callable[[int], Any],
            sides: Callable[[int], Any]) -> errors.Error:
    """The error of a test that is false: which of its conditions, and what stands on its sides."""
    at = next((p for p in range(len(parts)) if not holds(p)), len(parts) - 1)
    span, relation = parts[at]
    return errors.AssertError("DV0512", f'the test "{name}" fails', span, notes=_sides(sides, at, relation))


def _sides(sides: Callable[[int], Any], at: int, relation: str | None) -> list[str]:
    if relation is None:
        return []
    try:
        left, right = sides(at)
    except errors.Error:
        return []  # sides that can't leave a program
    notes = [_noted("the left side is ", left), _noted("the right side is ", right)]
    apart = _furthest(left, right) if relation in ("approx", "==") else None
    return [*notes, apart] if apart else notes


def _noted(head: str, value: Any) -> str:
    lines = show(value).split("\n")
    if len(lines) > LONGEST:
        lines = [*lines[:LONGEST - 1], "…"]
    return head + ("\n" + " " * len(head)).join(lines)


def _furthest(left: Any, right: Any) -> str | None:
    """Where two arrays or numbers differ most, and by how much."""
    a, b = np.asarray(left, dtype=object), np.asarray(right, dtype=object)
    if a.shape != b.shape or a.dtype != b.dtype or not a.size:
        return None
    try:
        x, y = a.astype(float), b.astype(float)
    except (TypeError, ValueError):
        return None
    with np.errstate(invalid="ignore", over="ignore"):
        gap = np.where((x == y) | np.isnan(x) & np.isnan(y), 0.0, np.abs(x - y))
    gap = np.where(np.isnan(gap), np.inf, gap)
    at = np.unravel_index(int(np.argmax(gap)), gap.shape)
    if not a.ndim:
        return f"they differ by {float(gap):.3g}"
    place = ", ".join(map(str, at))
    return f"they differ most at [{place}]: {float(x[at])!r} and {float(y[at])!r}"
