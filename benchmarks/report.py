"""The table that people read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .cases import LIMITS, NAMES
from .harness import Row

_HEAD = (
    "function", "size",
    "primal", "C++", "JAX", "to C++", "to JAX",
    "derivative", "C++", "JAX", "to C++", "to JAX",
    "d/p", "limit", "d/p C++",
)  # fmt: skip


def table(rows: Sequence[Row]) -> str:
    """Times, then Derivant's over the others' (below 1 is faster), then derivative over primal."""
    lines = [list(_HEAD)] + [_cells(row) for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(_HEAD))]
    text = ["  ".join(c.ljust(w) if i < 2 else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths, strict=True)))
            for line in lines]  # fmt: skip
    return "\n".join(line.rstrip() for line in text)


def _cells(row: Row) -> list[str]:
    cells = [row.case.name, row.case.label]
    for mode in ("primal", "derivative"):
        cells += [duration(row.best(side, mode)) for side in ("derivant", "c++", "jax")]
        cells += [number(row.ratio("derivant", mode, side)) for side in ("c++", "jax")]
    limit = f"{LIMITS[row.case.name]:.0f}"
    cells += [number(row.ratio("derivant", "derivative", "derivant", "primal"))]
    cells += [limit + {True: "", False: " !", None: ""}[row.within()]]
    return [*cells, number(row.ratio("c++", "derivative", "c++", "primal"))]


def means(rows: Sequence[Row]) -> str:
    """Geometric means of the ratios over functions, each function being the mean over its sizes."""
    lines = []
    for title, key in _RATIOS.items():
        means = []
        for name in NAMES:
            ratios = [r for row in rows if row.case.name == name and (r := row.ratio(*key)) is not None]
            if ratios:
                means.append(_geometric(ratios))
        if means:
            lines.append(f"{title}: {number(_geometric(means))}")
    return "\n".join(lines)


_RATIOS: dict[str, tuple[str, ...]] = {
    "primal to C++": ("derivant", "primal", "c++"),
    "derivative to C++": ("derivant", "derivative", "c++"),
    "primal to JAX": ("derivant", "primal", "jax"),
    "derivative to JAX": ("derivant", "derivative", "jax"),
    "derivative over primal": ("derivant", "derivative", "derivant", "primal"),
    "derivative over primal in C++": ("c++", "derivative", "c++", "primal"),
}


def _geometric(values: Sequence[float]) -> float:
    return math.exp(sum(math.log(v) for v in values) / len(values))


def problems(rows: Sequence[Row]) -> str:
    """What went wrong, a line each."""
    return "\n".join(
        f"{row.case.name} {row.case.label}, {what}: {_first_line(error)}"
        for row in rows
        for what, error in row.errors.items()
    )


def growth_table(entries: Sequence[dict[str, Any]]) -> str:
    """The slopes; one that exceeds the theory by more than 0.15 is marked."""
    lines = []
    for e in entries:
        head = f"{e['name']:5} {e['mode']:10} in {e['axis']}"
        if "error" in e:
            lines.append(f"{head}: {_first_line(e['error'])}")
            continue
        mark = " !" if e["slope"] > e["theory"] + 0.15 else ""
        small, large = (duration(s) for s in e["seconds"])
        lines.append(f"{head}: {small} to {large}, slope {e['slope']:.2f} (theory {e['theory']:.0f}){mark}")
    return "\n".join(lines)


def call_table(entries: dict[str, dict[str, float]]) -> str:
    """The time of a call, and Derivant's over the others' (below 1 is faster)."""
    lines = []
    for name, best in entries.items():
        told = ", ".join(f"{side} {duration(t)}" for side, t in best.items())
        ours = best.get("derivant")
        ratios = [f"to {side} {ours / t:.2g}" for side, t in best.items() if ours is not None and side != "derivant"]
        lines.append(f"{name:11} {told}" + (f" ({', '.join(ratios)})" if ratios else ""))
    return "\n".join(lines)


def process_table(entries: dict[str, dict[str, Any]]) -> str:
    """Whole processes and their parts."""
    lines = []
    for name, entry in entries.items():
        for kind, parts in entry.items():
            if "error" in parts:
                lines.append(f"{name:5} {kind:7} {_first_line(parts['error'])}")
                continue
            told = ", ".join(f"{k} {duration(v)}" for k, v in parts.items() if k not in ("whole", "cpu"))
            lines.append(f"{name:5} {kind:7} {duration(parts['whole'])}, cpu {duration(parts['cpu'])} ({told})")
    return "\n".join(lines)


def duration(seconds: float | None) -> str:
    """Three digits and a unit."""
    if seconds is None:
        return "-"
    for factor, unit in ((1.0, "s"), (1e-3, "ms")):
        if seconds >= factor:
            return f"{_digits(seconds / factor)} {unit}"
    return f"{_digits(seconds / 1e-6)} us"


def number(value: float | None) -> str:
    """A ratio."""
    return "-" if value is None else _digits(value)


def _digits(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _first_line(error: str) -> str:
    return error.strip().splitlines()[0][:160] if error.strip() else error
