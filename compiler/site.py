"""What a compiled function says of itself without the IR behind it: places of checks, sizes of results.

A call from the cache needs these and nothing else of the compiler.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import Span

SITE_VALUES = 4
"""How many values a failed check can leave behind."""

Expr = list[Any]
"""A shape expression (`lower_shapes` makes them)."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where and what a check or a `show` is; `{0}` … in the message are its values, of these kinds;
    `notes` say in which derivative it is.

    In the kinds of a `show`, `f64[2]` is an array with two axes.
    """

    code: str
    message: str
    kinds: tuple[str, ...]
    span: Span | None = None
    notes: tuple[str, ...] = ()


def compile_shape(exprs: Sequence[Expr]) -> Callable[[Sequence[Sequence[int]], Sequence[Any]], tuple[int, ...]]:
    """A function of the arguments' shapes and the arguments; negative sizes come out as 0."""
    fs = [_compile(e) for e in exprs]

    def sizes(shapes: Sequence[Sequence[int]], args: Sequence[Any]) -> tuple[int, ...]:
        return tuple([max(f(shapes, args), 0) for f in fs])

    return sizes


def _compile(e: Expr) -> Callable[[Any, Any], int]:
    match e:
        case ["const", n]:
            return lambda shapes, args: int(n)
        case ["size", k, axis]:
            return lambda shapes, args: int(shapes[k][axis])
        case ["arg", k]:
            return lambda shapes, args: int(args[k])
        case [op, *rest]:
            fs, f = [_compile(x) for x in rest], _FUNCTIONS[op]
            return lambda shapes, args: _wrap(f(*(g(shapes, args) for g in fs)))
    raise ValueError(f"no shape expression: {e}")


def _wrap(n: int) -> int:
    return (n + 2**63) % 2**64 - 2**63


_FUNCTIONS: dict[str, Callable[..., int]] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "neg": lambda x: -x,
    "floordiv": lambda x, y: x // (y or 1),
    "mod": lambda x, y: x % (y or 1),
    "max": max,
    "min": min,
}
