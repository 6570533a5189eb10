"""Random arguments for a function, from the types that it declares."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from . import shapes
from .function import Function
from .shapes import Array, Record, Scalar, Sum, Tuple
from .values import DTYPES, rebuild

Generator = np.random.Generator

RANGES = ((-1.0, 1.0), (0.1, 0.9), (1.0, 2.0), (-3.0, 3.0))
"""Where floats are drawn from, one range after the other: some functions take only positive numbers."""


def obstacle(f: Function) -> str | None:
    """Why no arguments can be made for a function, None if they can."""
    for p in f.params:
        if isinstance(p.type, shapes.Any):
            return f"`{p.name}` has no type"
        for s in sums_of(p.type):
            if any(leaf.sizes for leaf in shapes.leaves(s)[1:]):
                return f"`{p.name}` has arrays inside the sum type {s}"
    return None


def sizes_of(f: Function) -> tuple[str, ...]:
    """The names of sizes in the types of the parameters, in order."""
    found: dict[str, None] = {}
    for p in f.params:
        for leaf in shapes.leaves(p.type):
            for s in leaf.sizes:
                found.update(dict.fromkeys(() if isinstance(s, int) else _names(s)))
    return tuple(found)


def integers_of(f: Function) -> tuple[str, ...]:
    """The parameters that are integers."""
    return tuple(p.name for p in f.params if isinstance(p.type, Scalar) and p.type.kind in ("i64", "i32"))


def make(f: Function, sizes: Mapping[str, int], rng: Generator, low: float = -1.0, high: float = 1.0) -> list[list[Any]]:
    """The leaves of each argument: integers that name sizes are these sizes, others are small."""
    out = []
    for p in f.params:
        if isinstance(p.type, Scalar) and p.type.kind in ("i64", "i32"):
            out.append([sizes[p.name] if p.name in sizes else int(rng.integers(1, 4))])
        else:
            out.append(_leaves(p.type, sizes, rng, low, high))
    return out


def value(leaves: list[Any], t: shapes.Type) -> Any:
    """The Python value of leaves."""
    return rebuild(leaves, t)


def _leaves(t: shapes.Type, sizes: Mapping[str, int], rng: Generator, low: float, high: float) -> list[Any]:
    tags = tags_of(t)
    out: list[Any] = []
    for k, leaf in enumerate(shapes.leaves(t)):
        shape = tuple(s if isinstance(s, int) else evaluate(s, sizes) for s in leaf.sizes)
        if any(n < 0 for n in shape):
            raise ValueError(f"a negative size in {t}")
        if k in tags:
            drawn: Any = rng.integers(0, tags[k], shape)
        elif leaf.kind in ("f64", "f32"):
            drawn = rng.uniform(low, high, shape)
        elif leaf.kind == "bool":
            drawn = rng.integers(0, 2, shape)
        else:
            drawn = rng.integers(0, 3, shape)
        drawn = np.asarray(drawn, DTYPES[leaf.kind])
        out.append(drawn if leaf.sizes else drawn[()] if leaf.kind == "f32" else drawn.item())
    return out


def tags_of(t: shapes.Type, at: int = 0) -> dict[int, int]:
    """Which leaves are tags of sum types, with the number of constructors."""
    found: dict[int, int] = {}
    match t:
        case Array(element, _):
            return tags_of(element, at)
        case Tuple(items):
            inner = list(items)
        case Record(_, fields):
            inner = [s for _, s in fields]
        case Sum(_, ctors):
            found[at] = len(ctors)
            inner = [s for _, payload in ctors for s in payload]
            at += 1
        case _:
            return {}
    for s in inner:
        found |= tags_of(s, at)
        at += len(shapes.leaves(s))
    return found


def sums_of(t: shapes.Type) -> list[Sum]:
    """The sum types in a type."""
    match t:
        case Sum():
            return [t]
        case Array(element, _):
            return sums_of(element)
        case Tuple(items):
            return [s for i in items for s in sums_of(i)]
        case Record(_, fields):
            return [s for _, i in fields for s in sums_of(i)]
    return []


# ---------------------------------------------------------------- sizes


def _names(size: str) -> tuple[str, ...]:
    """The names in a size; all sizes that are left open (`_`) are one."""
    return tuple(dict.fromkeys(re.findall(r"[^\W\d]\w*|_", size)))


def evaluate(size: str, sizes: Mapping[str, int]) -> int:
    """The value of a size such as `2 * n + 1`, for the values of its names."""
    if size in sizes:
        return sizes[size]
    from ..compiler.errors import Source
    from ..frontend import syntax as sx
    from ..frontend.parser import parse_expr

    operations: dict[str, Callable[[int, int], int]] = {
        "+": operator.add, "-": operator.sub, "*": operator.mul, "//": operator.floordiv, "%": operator.mod}

    def of(e: sx.Expr) -> int:
        match e:
            case sx.Num(_, int() as n, _):
                return n
            case sx.Name(_, name):
                return sizes[name]
            case sx.Paren(_, inner):
                return of(inner)
            case sx.Unary(_, "-", operand):
                return -of(operand)
            case sx.Power(_, base, exponent):
                return int(of(base) ** of(exponent))
            case sx.Chain(_, first, rest):
                total = of(first)
                for sign, operand in rest:
                    total = operations[sign](total, of(operand))
                return total
        raise ValueError(f"{size} is no size")

    return of(parse_expr(Source("size", size)))
