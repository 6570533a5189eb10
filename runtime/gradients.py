"""`derivant test --gradients`: derivatives against finite differences, and forward against reverse.

At random points, along a random direction v of all floats and for random weights c of all results:

    forward      c · J v   by `jvp`
    reverse      (Jᵀ c) · v   by `vjp`; the two are equal up to rounding
    differences  of t ↦ c · f(x + t v) at 0, central, extrapolated by Ridders' method (C. Ridders, Adv. Eng.
                 Software 4, 1982), which estimates its own error

A random direction sees every wrong entry.  Where the extrapolation does not settle (a branch switches, the
function is rough) the point says nothing about the derivative and another one is tried.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..compiler import errors
from . import api, arguments, shapes
from .api import Module
from .function import Function
from .values import DTYPES, Reader

POINTS = 3
TRIES = 24
LIMIT = 1.0  # seconds of one call
_EQUAL = {"f64": 1e-9, "f32": 2e-4}      # forward and reverse, relative to the terms of the products
_SMALL = 1e-3                            # values and slopes below this are enlarged
_SETTLED = {"f64": 1e-5, "f32": 2e-2}    # an extrapolation that is worth comparing with
_HUGE = 1e10                             # a derivative so much larger than all else is of a chaotic point
_START = {"f64": 0.05, "f32": 0.2}       # the first step

_REFUSED = ("DV0317", "DV0319", "DV0614", "DV0901", "DV0902")
"""What can't be compiled or differentiated as it stands, besides DV04xx."""

NOT_DIFFERENCES = frozenset(("stop_gradient", "straight_through"))
"""What changes a derivative on purpose: differences see something else."""


@dataclass(frozen=True, slots=True)
class Checked:
    """`points` that were compared, perhaps with a `remark`; or why the function was skipped; or what is wrong."""

    name: str
    points: int = 0
    skipped: str | None = None
    error: errors.Error | None = None
    remark: str | None = None


class _Skip(Exception):
    """The function can't be checked."""


class _TooLong(Exception):
    """A call has taken more processor time than it may."""


@contextlib.contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Stops a call that goes on for longer: a loop that never ends at a random point.  In the main thread only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise _TooLong(f"a call took more than {seconds:g} s")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def check_gradients(module: Module, wanted: str = "") -> Iterator[Checked]:
    """Checks the functions of a module whose names contain `wanted` (in any case)."""
    for name in module._unit.outline().functions:
        if wanted.lower() not in name.lower():
            continue
        try:
            yield _checked(module[name])
        except _Skip as e:
            yield Checked(name, skipped=str(e))
        except errors.InternalError:
            raise
        except errors.Error as e:
            if e.code == "DV0510":
                raise
            refused = e.code[:4] == "DV04" or e.code in _REFUSED
            yield Checked(name, skipped=_short(e)) if refused else Checked(name, error=e)


@np.errstate(all="ignore")  # what overflows says nothing, and is seen as such
def _checked(f: Function) -> Checked:
    name = f.__name__
    _look(f)
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    points, slow, remark, doubt = 0, 0, None, None
    last = "no point where it is smooth was found"
    for attempt in range(TRIES):
        low, high = arguments.RANGES[attempt % len(arguments.RANGES)]
        sizes = {s: int(rng.integers(2, 5)) for s in arguments.sizes_of(f)}
        try:
            point = _Point(f, arguments.make(f, sizes, rng, low, high), rng)
        except (errors.Error, ValueError, _TooLong) as e:
            if isinstance(e, errors.Error) and (e.code[:4] != "DV05" or e.code == "DV0510"):
                raise
            last = _short(e)
            slow += isinstance(e, _TooLong)
            if slow == 5:
                break
            continue
        found = point.compare()
        if isinstance(found, errors.Error):
            if point.finite:
                return Checked(name, points, error=found)
            doubt = found  # where a function is at the edge of its domain that may be; everywhere it may not
        elif found:
            points, remark = points + 1, point.remark
            if points == POINTS:
                break
    if points:
        return Checked(name, points, remark=remark)
    if doubt is not None:
        return Checked(name, error=doubt)
    raise _Skip(last)


def _look(f: Function) -> None:
    """Skips what can't be checked for reasons that its signature and its text show."""
    reason = arguments.obstacle(f)
    if reason is not None:
        raise _Skip(reason)
    if not any(shapes.carries_float(p.type) for p in f.params):
        raise _Skip("no parameter carries floats")
    on_purpose = sorted(NOT_DIFFERENCES & f._unit.names_in(f.__name__))
    if on_purpose:
        raise _Skip(f"it uses {on_purpose[0]}")


def _short(e: Exception) -> str:
    return f"{e.code}: {e.message}" if isinstance(e, errors.Error) else str(e)


class _Point:
    """A function at a point, with a direction and weights; raises where it has no value."""

    def __init__(self, f: Function, leaves: list[list[Any]], rng: np.random.Generator) -> None:
        self.f = f
        self.leaves = leaves
        self.finite = True
        self.remark: str | None = None
        self.types = [p.type for p in f.params]
        self.active = [k for k, t in enumerate(self.types) if shapes.carries_float(t)]
        values = self._values(leaves)
        self.result = f.result_of(values)
        if not shapes.carries_float(self.result):
            raise _Skip("its result carries no floats")
        if arguments.sums_of(self.result):
            raise _Skip(f"its result is or holds a sum type ({self.result})")
        f.compile_for(values)
        with limited(LIMIT):
            self.value = f(*values)
        self.at = self._flat_result(self.value)
        if not np.isfinite(self.at).all():
            raise ValueError("its values are not finite")
        kinds = {leaf.kind for t in (*self.types, self.result) for leaf in shapes.leaves(t)}
        self.kind = "f32" if "f32" in kinds else "f64"
        self.direction = [_like(part, t, rng) for part, t in zip(leaves, self.types, strict=True)]
        self.weights = rng.uniform(0.5, 1.5, self.at.shape) * rng.choice([-1.0, 1.0], self.at.shape)

    def _values(self, leaves: list[list[Any]]) -> list[Any]:
        return [arguments.value(part, t) for part, t in zip(leaves, self.types, strict=True)]

    def _flat_result(self, value: Any) -> np.ndarray[Any, Any]:
        return _flat(value, self.result)

    # ------------------------------------------------------------ the three ways

    def along(self, t: float) -> float:
        """c · f(x + t v); NaN where f fails."""
        try:
            with limited(LIMIT):
                value = self.f(*self._values(self._moved(t)))
            return float(self.weights @ self._flat_result(value))
        except errors.Error as e:
            if e.code == "DV0510" or isinstance(e, errors.InternalError):
                raise
            return float("nan")
        except (ValueError, _TooLong):
            return float("nan")  # a result of another size, or a loop that does not end

    def forward(self) -> np.ndarray[Any, Any]:
        """J v."""
        along = tuple(arguments.value(self.direction[k], self.types[k]) for k in self.active)
        _, tangent = api.jvp(self.f, tuple(self._values(self.leaves)), along)
        return self._flat_result(tangent)

    def reverse(self) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Jᵀ c and v, flat."""
        _, pull = api.vjp(self.f, *self._values(self.leaves))
        back = pull(_shaped(self.weights, self.result, self.value))
        parts = back if len(self.active) > 1 else (back,)
        x = np.concatenate([_flat(part, self.types[k]) for part, k in zip(parts, self.active, strict=True)])
        v = np.concatenate([_flat_leaves(self.direction[k], self.types[k]) for k in self.active])
        return x, v

    # ------------------------------------------------------------ comparing

    def compare(self) -> errors.Error | bool:
        """True if all agree, False if the point says nothing, otherwise the error."""
        pushed = self.forward()
        unit = max(float(np.abs(self.weights) @ np.abs(x)) for x in (self.at, pushed))
        unit = unit if 0 < unit < _SMALL else 1.0
        self.weights = self.weights / unit  # what is small is seen as large as others are, and not as nothing
        try:
            pulled, v = self.reverse()
        except errors.UnsupportedError as e:
            self.remark, (pulled, v) = f"forward only, {_short(e)}", (pushed, self.weights)
        forward, reverse = float(self.weights @ pushed), float(pulled @ v)
        self.finite = bool(np.isfinite(forward) and np.isfinite(reverse))
        scale = float(np.abs(self.weights) @ np.abs(pushed) + np.abs(pulled) @ np.abs(v)) if self.finite else 0.0
        difference, off = ridders(self.along, _START[self.kind])
        if not np.isfinite(difference) or off > _SETTLED[self.kind] * max(scale, abs(difference)):
            return False
        equal, size = _EQUAL[self.kind], 1 + float(np.abs(self.weights) @ np.abs(self.at))
        rounding = 100 * float(np.finfo(DTYPES[self.kind]).eps) * size
        near = abs(forward - reverse) <= equal * scale + rounding
        if near and abs(forward - difference) <= 10 * (off + equal * (scale + size)):
            return True
        if self.finite and (scale > _HUGE * (size + abs(difference)) or self.unstable(forward, scale)):
            return False
        what = "disagrees with finite differences" if near else "is not the same forward and in reverse"
        point = ", ".join(f"{p.name} = {_brief(value)}" for p, value in
                          zip(self.f.params, self._values(self.leaves), strict=True))
        return errors.AssertError(
            "DV0513", f"the derivative of {self.f.__name__} {what}", self.f.span,
            notes=[f"forward:     {forward * unit:.12g}", f"reverse:     {reverse * unit:.12g}",
                   f"differences: {difference * unit:.12g} ± {off * unit:.1g}", f"at {point}, along a random direction"],
            help="what is found by comparisons only (bisection) has a derivative of zero: state its `derivative`"
            if forward == reverse == 0 else "a stated `derivative` of it, or of what it calls, may be wrong",
        )

    def unstable(self, forward: float, scale: float) -> bool:
        """Whether the derivative is noise: a point next to this one has quite another."""
        here = self.leaves
        step, allowed = (1e-9, 1e-5) if self.kind == "f64" else (1e-4, 5e-2)
        self.leaves = self._moved(step)
        try:
            with limited(LIMIT):
                other = float(self.weights @ self.forward())
        except (errors.Error, ValueError, _TooLong):
            return True
        finally:
            self.leaves = here
        return not abs(other - forward) <= allowed * scale

    def _moved(self, t: float) -> list[list[Any]]:
        return [[_moved(a, v, t) for a, v in zip(part, along, strict=True)]
                for part, along in zip(self.leaves, self.direction, strict=True)]


def ridders(g: Callable[[float], float], h: float, steps: int = 10) -> tuple[float, float]:
    """The derivative of g at 0 and an estimate of its error: central differences, extrapolated to h = 0."""
    shrink = 1.6
    table: list[list[float]] = []
    best, error = float("nan"), float("inf")
    for i in range(steps):
        row = [(g(h) - g(-h)) / (2 * h)]
        factor = shrink * shrink
        for j in range(i):
            row.append((row[j] * factor - table[i - 1][j]) / (factor - 1))
            factor *= shrink * shrink
            gap = max(abs(row[j + 1] - row[j]), abs(row[j + 1] - table[i - 1][j]))
            if gap <= error:
                error, best = gap, row[j + 1]
        table.append(row)
        h /= shrink
    return best, error


# ---------------------------------------------------------------- leaves


def _is_float(kind: str) -> bool:
    return kind in ("f64", "f32")


def _like(leaves: list[Any], t: shapes.Type, rng: np.random.Generator) -> list[Any]:
    """A direction: random floats in place of floats, zeros in place of others; constructors stay."""
    tags = arguments.tags_of(t)
    out = []
    for k, (a, leaf) in enumerate(zip(leaves, shapes.leaves(t), strict=True)):
        shape = np.shape(a)
        drawn = rng.uniform(0.5, 1.5, shape) * rng.choice([-1.0, 1.0], shape)
        out.append(a if k in tags else _typed(drawn if _is_float(leaf.kind) else np.zeros(shape), leaf))
    return out


def _typed(a: Any, leaf: shapes.Leaf) -> Any:
    made = np.asarray(a).astype(DTYPES[leaf.kind])
    return made if leaf.sizes else made[()] if leaf.kind == "f32" else made.item()


def _moved(a: Any, v: Any, t: float) -> Any:
    if isinstance(a, float | np.float32):
        return type(a)(a + t * v)
    return (a + t * v).astype(a.dtype) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a


def _flat(value: Any, t: shapes.Type) -> np.ndarray[Any, Any]:
    return _flat_leaves(Reader("result").read(value, t, "result", True), t)


def _flat_leaves(leaves: list[Any], t: shapes.Type) -> np.ndarray[Any, Any]:
    floats = [np.ravel(a).astype(float) for a, leaf in zip(leaves, shapes.leaves(t), strict=True) if _is_float(leaf.kind)]
    return np.concatenate(floats) if floats else np.zeros(0)


def _shaped(flat: np.ndarray[Any, Any], t: shapes.Type, like: Any) -> Any:
    """A value of type t with these numbers in place of its floats; its sizes are those of `like`."""
    out, at = [], 0
    for a, leaf in zip(Reader("result").read(like, t, "result", True), shapes.leaves(t), strict=True):
        if _is_float(leaf.kind):
            n = int(np.size(a))
            out.append(_typed(np.reshape(flat[at:at + n], np.shape(a)), leaf))
            at += n
        else:
            out.append(a)
    return arguments.value(out, t)


def _brief(value: Any) -> str:
    from .show import show

    text = " ".join(show(value).split())
    return text if len(text) <= 60 else text[:59] + "…"
