"""The interpreter's one loop, and the ways to collect its outs."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .interpret_values import Step, allocate
from .ir import FLOATS, Loop, Stmt, Type
from .primitives_eval import DTYPES, maximum, minimum

if TYPE_CHECKING:
    from .interpret import _Compiled

# mode -> (on scalars, on arrays, the primitive that is counted)
_MONOIDS: dict[str, tuple[Any, Any, str]] = {
    "sum": (np.add, np.add, "add"),
    "prod": (np.multiply, np.multiply, "mul"),
    "max": (maximum, np.maximum, "max"),
    "min": (minimum, np.minimum, "min"),
    "any": (np.logical_or, np.logical_or, ""),
    "all": (np.logical_and, np.logical_and, ""),
}


def unit(mode: str, kind: str) -> Any:
    """What a monoid gives of nothing."""
    dtype = DTYPES[kind]
    if mode in ("max", "min"):
        sign = -1 if mode == "max" else 1
        if kind in FLOATS:
            return dtype(sign * np.inf)
        return dtype(np.iinfo(dtype).min if mode == "max" else np.iinfo(dtype).max)
    return dtype({"sum": 0, "prod": 1, "any": False, "all": True}[mode])


class _Collect:
    """`build`: one element for each step."""

    def __init__(self, down: bool) -> None:
        self.down = down
        self.values: list[Any] = []

    def add(self, v: Any, i: int) -> None:
        self.values.append(v)

    def value(self, t: Type, shape: Sequence[int]) -> Any:
        out = allocate(tuple(shape), DTYPES[t.kind])
        ordered = reversed(self.values) if self.down else self.values
        for k, v in enumerate(ordered):
            out[k] = v
        return out


class _Reduce:
    """A monoid, in the order of the steps, elementwise on arrays."""

    def __init__(self, mode: str, element: Type, count: Any) -> None:
        self.mode = mode
        scalar, array, name = _MONOIDS[mode]
        self.f = array if element.shape else scalar
        self.name = name
        self.count = count if name and element.kind in FLOATS else None
        self.acc: Any = None

    def add(self, v: Any, i: int) -> None:
        if self.count is not None:
            # Adding a structural zero is free, as in a lowering that adds into one destination.
            self.count[self.name] += int(np.count_nonzero(v)) if isinstance(v, np.ndarray) else 1
        self.acc = v if self.acc is None else self.f(self.acc, v)

    def value(self, t: Type, shape: Sequence[int]) -> Any:
        if self.acc is not None:
            return self.acc
        nothing = unit(self.mode, t.kind)
        if not t.shape:
            return nothing
        out = allocate(tuple(shape), DTYPES[t.kind])
        out[...] = nothing
        return out


class _Arg:
    """The first index of the largest or the smallest value; NaN wins."""

    def __init__(self, mode: str) -> None:
        self.larger = mode == "argmax"
        self.best: Any = None
        self.at = 0

    def add(self, v: Any, i: int) -> None:
        if self.best is None or self._beats(v, i):
            self.best, self.at = v, i

    def _beats(self, v: Any, i: int) -> bool:
        if np.isnan(self.best) or np.isnan(v):
            return bool(np.isnan(v)) and (not np.isnan(self.best) or i < self.at)
        if v == self.best:
            return i < self.at
        return bool(v > self.best if self.larger else v < self.best)

    def value(self, t: Type, shape: Sequence[int]) -> Any:
        return np.int64(self.at)


def loop_step(c: _Compiled, s: Stmt, op: Loop) -> Step:
    """The closure of a loop statement."""
    n = len(op.states)
    index, states, inits = c.slot(op.index), c.slots_of(op.states), c.slots_of(op.inits)
    extent = None if op.extent is None else c.slot(op.extent)
    body, results = c.block(op.body)
    nexts, outs = results[:n], results[n:]
    head, go = (None, ()) if op.head is None else c.block(op.head)
    check_states = c.shape_check(op.states)
    slots = c.slots_of(s.vars)
    out_types = [v.type for v in s.vars[n : n + len(outs)]]
    out_shapes = [c.slots_of(t.shape) for t in out_types]
    elements: list[Type] = [a.type for a in op.outs]
    modes, down, count = op.modes, op.down, c.machine.count

    def collector(mode: str, element: Type) -> _Collect | _Reduce | _Arg:
        if mode == "build":
            return _Collect(down)
        return _Arg(mode) if mode in ("argmax", "argmin") else _Reduce(mode, element, count)

    def loop(regs: list[Any]) -> None:
        collectors = [collector(m, e) for m, e in zip(modes, elements, strict=True)]
        span: Iterable[int]
        if extent is None:
            span = itertools.count()
        else:
            limit = int(regs[extent])
            span = range(limit - 1, -1, -1) if down else range(limit)
        current = [regs[a] for a in inits]
        trip = 0
        for i in span:
            for slot, v in zip(states, current, strict=True):
                regs[slot] = v
            regs[index] = np.int64(i)
            if check_states is not None:
                check_states(regs)
            if head is not None:
                head(regs)
                if not regs[go[0]]:
                    break
            body(regs)
            current = [regs[a] for a in nexts]
            for out, collected in zip(outs, collectors, strict=True):
                collected.add(regs[out], i)
            trip += 1
        for slot, v in zip(slots, current, strict=False):
            regs[slot] = v
        if head is not None:
            regs[slots[-1]] = np.int64(trip)
        for slot, collected, t, shape in zip(slots[n:], collectors, out_types, out_shapes, strict=False):
            regs[slot] = collected.value(t, [int(regs[x]) for x in shape])

    return loop


