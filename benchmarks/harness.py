"""Measuring: outputs are compared before anything is timed, and sides take turns, so that a noisy moment meets all."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from .cases import CHECKS, GROWTH, LIMITS, MODES, Case
from .sides import Bind, Call, disagreement

TOLERANCE = 1e-9
"""Of the comparison of results, in units of the largest element."""

CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.thread_time}
"""A busy machine disturbs the calling thread's processor time less than that of the clock on the wall.

JAX works in threads of its own and is always timed by the wall.
"""

ROUNDS = 3
MIN_RUNS = 3
MAX_RUNS = 2000


@dataclass
class Timing:
    """The runs of one call, in seconds; `first` compiles where something is compiled on demand."""

    first: float
    runs: list[float] = field(default_factory=list)

    @property
    def best(self) -> float:
        """The fastest run."""
        return min(self.runs)

    def summary(self) -> dict[str, float]:
        """For the JSON file."""
        return {"first": self.first, "min": self.best, "median": statistics.median(self.runs), "runs": len(self.runs)}


@dataclass
class Row:
    """A case: timings by side and mode, how far each side is from the reference, and what went wrong."""

    case: Case
    timings: dict[str, dict[str, Timing]] = field(default_factory=dict)
    apart: dict[str, float] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    def best(self, side: str, mode: str) -> float | None:
        """The fastest run of a side, if it ran."""
        timing = self.timings.get(side, {}).get(mode)
        return timing.best if timing else None

    def ratio(self, side: str, mode: str, other: str, other_mode: str | None = None) -> float | None:
        """A side's time over another's."""
        a, b = self.best(side, mode), self.best(other, other_mode or mode)
        return a / b if a is not None and b else None

    def within(self) -> bool | None:
        """Whether Derivant's derivative costs no more primals than it may."""
        ratio = self.ratio("derivant", "derivative", "derivant", "primal")
        return None if ratio is None else ratio <= LIMITS[self.case.name]

    def as_json(self) -> dict[str, Any]:
        """For the JSON file."""
        return {
            **asdict(self.case),
            "seconds": {s: {m: t.summary() for m, t in by_mode.items()} for s, by_mode in self.timings.items()},
            "derivative/primal": {s: self.ratio(s, "derivative", s, "primal") for s in self.timings},
            "to c++": {m: self.ratio("derivant", m, "c++") for m in MODES},
            "to jax": {m: self.ratio("derivant", m, "jax") for m in MODES},
            "apart": self.apart,
            "errors": self.errors,
        }


def measure(case: Case, sides: Mapping[str, Bind], seconds: float, clock: str = "wall") -> Row:
    """Compares the sides at this size, then times those that agree, `seconds` for each of their modes."""
    row = Row(case)
    args = case.args()
    for mode in MODES:
        calls: dict[str, Call] = {}
        reference: Any = None
        for side, bind in ordered(sides):
            key = f"{side} {mode}"
            try:
                started = time.perf_counter()
                call = bind(case.name, mode, args)
                result = call()
                first = time.perf_counter() - started
            except Exception as error:  # noqa: BLE001 (one failure must not end the run)
                row.errors[key] = f"{type(error).__name__}: {error}"
                continue
            if reference is None:
                reference = result
            row.apart[key] = disagreement(result, reference)
            if row.apart[key] > TOLERANCE:
                row.errors[key] = f"differs from the reference by {row.apart[key]:.1e}"
                continue
            row.timings.setdefault(side, {})[mode] = Timing(first)
            calls[side] = call
        del reference, result
        for _ in range(ROUNDS):
            for side, call in calls.items():
                timed(call, row.timings[side][mode], seconds / ROUNDS, "wall" if side == "jax" else clock)
    return row


def ordered(sides: Mapping[str, Bind]) -> Iterator[tuple[str, Bind]]:
    """The sides with those first that serve as the reference."""
    rank = {"c++": 0, "jax": 1}
    yield from sorted(sides.items(), key=lambda item: rank.get(item[0], 2))


def timed(call: Call, into: Timing, seconds: float, clock: str = "wall") -> None:
    """Runs a call, after one run that isn't counted, for about `seconds`."""
    now = CLOCKS[clock]
    call()
    until = time.perf_counter() + seconds
    runs = 0
    while runs < MAX_RUNS // ROUNDS:
        started = now()
        call()
        into.runs.append(now() - started)
        runs += 1
        if time.perf_counter() > until and len(into.runs) >= MIN_RUNS:
            return


def checks(names: set[str], sides: Mapping[str, Bind]) -> dict[str, dict[str, Any]]:
    """How far the sides are apart at sizes where no result vanishes."""
    found: dict[str, dict[str, Any]] = {}
    for case in CHECKS:
        if case.name not in names:
            continue
        results = measure(case, sides, 0.0)
        found[case.name] = {"apart": results.apart, "errors": results.errors}
    return found


def growth(names: set[str], bind: Bind, seconds: float, clock: str = "wall") -> list[dict[str, Any]]:
    """The slope of Derivant's cost over an eightfold step of each size, in double logarithms."""
    found = []
    for step in GROWTH:
        if step.name not in names:
            continue
        for mode in MODES:
            entry: dict[str, Any] = {"name": step.name, "axis": step.axis, "mode": mode, "theory": step.theory}
            try:
                calls = [bind(step.name, mode, Case(step.name, "", s).args()) for s in (step.small, step.large)]
                timings = [Timing(0.0), Timing(0.0)]
                for _ in range(ROUNDS):
                    for call, timing in zip(calls, timings, strict=True):
                        timed(call, timing, seconds / ROUNDS, clock)
                entry["seconds"] = [t.best for t in timings]
                entry["slope"] = math.log(timings[1].best / timings[0].best) / math.log(8)
            except Exception as error:  # noqa: BLE001 (one failure must not end the run)
                entry["error"] = f"{type(error).__name__}: {error}"
            found.append(entry)
    return found
