"""Random numbers as functions of a key (any integer) and sizes; `taylor`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ..compiler.errors import Span
from ..compiler.ir import Var
from . import values as vs
from .builtins_base import builtin, from_prelude, function, literal, sizes
from .values import FnV, Leaf, Native, Value

if TYPE_CHECKING:
    from .elaborate import Elaborator


def _drawn(elab: Elaborator, who: str, prelude: str, key: Value, n: Sequence[Value], span: Span) -> Value:
    """An array of these sizes, one number for each place; a single number without sizes."""
    seed = Leaf(elab.scalar(key, "i64", f"the key of {who}", span))
    ready = elab.apply(from_prelude(elab, "random_key"), [seed], span)
    draw = from_prelude(elab, prelude)
    if not n:
        return elab.apply(draw, [ready, vs.leaf(0, "i64")], span)
    shape = sizes(elab, who, n, span)

    def cell(idx: Sequence[Var]) -> Value:
        place: Value = Leaf(idx[0])
        for i, size in zip(idx[1:], shape[1:], strict=True):
            place = elab.binary("+", elab.binary("*", place, Leaf(size), span), Leaf(i), span)
        return elab.apply(draw, [ready, place], span)

    return elab.build(shape, cell)


def _distribution(who: str) -> Callable[..., Value]:
    return lambda elab, span, key, n: _drawn(elab, who, f"random_{who}", key, n, span)


builtin("uniform", "key, *n", "uniform numbers from [0, 1) of these sizes")(_distribution("uniform"))
builtin("normal", "key, *n", "normal numbers of these sizes")(_distribution("normal"))


@builtin("bernoulli", "key, p, *n", "bools of these sizes that are true with probability p")
def bernoulli(elab: Elaborator, span: Span, key: Value, p: Value, n: Sequence[Value]) -> Value:
    limit = elab.scalar(p, "f64", "the probability of bernoulli", span)
    return elab.binary("<", _drawn(elab, "bernoulli", "random_uniform", key, n, span), Leaf(limit), span)


@builtin("split", "key, n", "n keys whose numbers are independent of each other's")
def split(elab: Elaborator, span: Span, key: Value, n: Value) -> Value:
    return _drawn(elab, "split", "random_split", key, [n], span)


HIGHEST = 12
"""The order of `taylor`: each derivative of a derivative is about twice the program."""


@builtin("taylor", "f, x, dx, k", "the coefficients 0 … k of t ↦ f(x + t * dx)")
def taylor(elab: Elaborator, span: Span, f: Value, x: Value, dx: Value, k: Value) -> Value:
    from .transforms import prime

    fn = function(elab, "taylor: f", f, span)
    order = literal(k)
    if order is None or order < 0:
        elab.type_error("DV0306", f"taylor: k must be a literal integer, not negative, this is {vs.show_type(k)}", span)
    if order > HIGHEST:
        elab.type_error("DV0306", f"taylor: k is at most {HIGHEST} as yet, this is {order}", span)
    point = [_floats(elab, v) for v in elab.point("taylor", fn, x, span)]
    along = [_floats(elab, v) for v in elab.point("taylor", fn, dx, span)]

    def line(elab: Elaborator, args: Sequence[Value], named: Mapping[str, Value], span: Span) -> Value:
        moved = [elab.binary("+", p, elab.binary("*", args[0], d, span), span)
                 for p, d in zip(point, along, strict=True)]
        return elab.apply(fn, moved, span)

    g: FnV = Native("taylor", line, ("t",))
    found: list[Value] = []
    for j in range(order + 1):
        value = elab.apply(g, [vs.leaf(0.0, "f64")], span)
        found.append(elab.binary("/", value, Leaf(vs.leaf(float(math.factorial(j)), "f64").atom, True), span))
        if j < order:
            g = _function(prime(elab, g, span))
    return elab.array_of_values(found, span)


def _floats(elab: Elaborator, v: Value) -> Value:
    """Integer literals become floats, and every literal gets its width."""
    return elab.settle(vs.map_leaves(v, lambda x: elab.to_kind(x, "f64") if x.flex_kind == "int?" else x))


def _function(v: Value) -> FnV:
    assert isinstance(v, FnV)
    return v


