"""Reductions of arrays, over all axes or along `axis =`; those of generators are in builtins_gens.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..compiler.errors import Span
from ..compiler.ir import FLOATS, Atom, Var
from . import values as vs
from .builtins_base import axes, builtin, expected, from_prelude, function, numbers
from .values import ArrayV, FnV, Leaf, Value, axes_of

if TYPE_CHECKING:
    from .elaborate import Elaborator

NONEMPTY = ("max", "min", "argmax", "argmin")


def reduce_atom(elab: Elaborator, mode: str, a: Atom, over: Sequence[int]) -> Atom:
    """The reduction of a core array along some of its axes."""
    shape = a.type.shape
    kept = [k for k in range(len(shape)) if k not in over]

    def cell(outer: Sequence[Var]) -> Atom:
        place = dict(zip(kept, outer, strict=True))

        def inner(done: tuple[Var, ...]) -> Atom:
            k = len(done)
            if k == len(over):
                at = {**place, **dict(zip(over, done, strict=True))}
                return elab.b.index(a, *(at[j] for j in range(len(shape))), safe=True)
            return elab.b.reduce(mode, shape[over[k]], lambda i: inner((*done, i)), index="ijklm"[over[k] % 5])

        return inner(())

    return elab.b.builds([shape[k] for k in kept], cell)


def reduce_leaf(elab: Elaborator, mode: str, x: Leaf, over: Sequence[int]) -> Leaf:
    if mode in NONEMPTY:
        for k in over:
            elab.nonempty(x.shape[k], mode)
    return Leaf(reduce_atom(elab, mode, x.atom, over), x.flex)


def widened(elab: Elaborator, x: Leaf) -> Leaf:
    """i32 as i64: sums and products of small integers are seldom small."""
    return elab.to_kind(x, "i64") if x.kind == "i32" else x


def chosen(elab: Elaborator, who: str, v: Value, axis: Value | None, span: Span) -> tuple[int, ...]:
    """The axes to reduce over."""
    rank = len(axes_of(v))
    given = axes(elab, who, axis, rank, span)
    return tuple(range(rank)) if given is None else given


# ---------------------------------------------------------------- sums and products


@builtin("sum", "v | axis", "the sum of all elements, or along an axis; of an array of tuples or records by parts")
def total(elab: Elaborator, span: Span, v: Value, axis: Value | None) -> Value:
    if isinstance(v, ArrayV):
        over = chosen(elab, "sum", v, axis, span)
        if any(x.kind == "bool" for x in vs.leaves(v)) or isinstance(v.body, vs.SumV):
            expected(elab, "sum", "numbers, or tuples and records of numbers", v, span)
        kept = [s for k, s in enumerate(v.axes) if k not in over]
        elab.note_records("+", v)
        return vs.array_of(kept, vs.map_leaves(v.body, lambda x: reduce_leaf(elab, "sum", x, over)))
    x = widened(elab, numbers(elab, "sum", v, span))
    return reduce_leaf(elab, "sum", x, chosen(elab, "sum", x, axis, span))


@builtin("prod", "v | axis", "the product of all elements, or along an axis")
def product(elab: Elaborator, span: Span, v: Value, axis: Value | None) -> Value:
    x = widened(elab, numbers(elab, "prod", v, span))
    return reduce_leaf(elab, "prod", x, chosen(elab, "prod", x, axis, span))


@builtin("mean", "v | axis", "the mean of all elements, or along an axis; NaN of nothing")
def mean(elab: Elaborator, span: Span, v: Value, axis: Value | None) -> Value:
    x = numbers(elab, "mean", v, span)
    if x.kind not in FLOATS:
        x = elab.to_kind(x, "float?" if x.flex else "f64")
    over = chosen(elab, "mean", x, axis, span)
    count: Value = vs.int_lit(1)
    for k in over:
        count = elab.binary("*", count, Leaf(x.shape[k]), span)
    return elab.binary("/", reduce_leaf(elab, "sum", x, over), count, span)


# ---------------------------------------------------------------- largest and smallest


def _extreme(mode: str) -> Callable[..., Value]:
    def extreme(elab: Elaborator, span: Span, v: Value, others: Sequence[Value], axis: Value | None) -> Value:
        if others:
            if axis is not None:
                elab.type_error("DV0304", f"{mode} of several numbers has no axis", span)
            result: Value = v
            for x in others:
                result = elab.prim(mode, [result, x], span)
            return result
        if isinstance(v, Leaf) and not v.rank and v.kind != "bool":
            expected(elab, mode, "one array or several numbers", v, span)
        x = numbers(elab, mode, v, span)
        return reduce_leaf(elab, mode, x, chosen(elab, mode, x, axis, span))

    return extreme


builtin("max", "v, *others | axis", "the largest element; of several arguments the largest, elementwise", lifts=2)(
    _extreme("max"))
builtin("min", "v, *others | axis", "the smallest element; of several arguments the smallest, elementwise", lifts=2)(
    _extreme("min"))


def _place(mode: str) -> Callable[..., Value]:
    def place(elab: Elaborator, span: Span, v: Value, axis: Value | None) -> Value:
        x = numbers(elab, mode, v, span)
        over = axes(elab, mode, axis, x.rank, span)
        if over is None:
            x = elab.flat(x)
            over = (0,)
        if len(over) > 1:
            elab.type_error("DV0313", f"{mode} goes along one axis", span)
        return Leaf(reduce_leaf(elab, mode, x, over).atom)

    return place


builtin("argmax", "v | axis", "where the largest element stands, the first of equals; in the flattened array")(
    _place("argmax"))
builtin("argmin", "v | axis", "where the smallest element stands, the first of equals; in the flattened array")(
    _place("argmin"))


# ---------------------------------------------------------------- bools


def bools(elab: Elaborator, who: str, v: Value, span: Span) -> Leaf:
    if isinstance(v, Leaf) and v.rank and v.kind == "bool":
        return v
    expected(elab, who, "an array of bools", v, span, "compare: v != 0" if isinstance(v, Leaf) else None)


def _logical(mode: str) -> Callable[..., Value]:
    def logical(elab: Elaborator, span: Span, v: Value, axis: Value | None) -> Value:
        x = bools(elab, mode, v, span)
        return reduce_leaf(elab, mode, x, chosen(elab, mode, x, axis, span))

    return logical


builtin("any", "v | axis", "is one of them true?")(_logical("any"))
builtin("all", "v | axis", "are all of them true?")(_logical("all"))


@builtin("count", "v | axis", "how many are true")
def count(elab: Elaborator, span: Span, v: Value, axis: Value | None) -> Value:
    x = bools(elab, "count", v, span)
    ones = Leaf(elab.each([x.atom], lambda s: elab.b.prim("i64", *s)))
    return reduce_leaf(elab, "sum", ones, chosen(elab, "count", x, axis, span))


# ---------------------------------------------------------------- by functions of vectors


def along(elab: Elaborator, f: FnV, x: Leaf, axis: int | None, span: Span) -> Value:
    """A function of a vector on all elements, or on each line along an axis."""
    if axis is None:
        return elab.apply(f, [elab.flat(x)], span)
    kept = [s for k, s in enumerate(x.shape) if k != axis]

    def cell(idx: Sequence[Var]) -> Value:
        line = elab.b.build(x.shape[axis], lambda i: elab.b.index(x.atom, *idx[:axis], i, *idx[axis:], safe=True))
        return elab.apply(f, [Leaf(line, x.flex)], span)

    return elab.build(kept, cell)


def _by_vector(name: str, prelude: str) -> Callable[..., Value]:
    def reduction(elab: Elaborator, span: Span, v: Value, axis: Value | None) -> Value:
        x = numbers(elab, name, v, span)
        if x.kind not in FLOATS:
            x = elab.to_kind(x, "float?" if x.flex else "f64")
        over = axes(elab, name, axis, x.rank, span)
        if over is not None and len(over) > 1:
            elab.type_error("DV0313", f"{name} goes along one axis, or over all", span)
        return along(elab, from_prelude(elab, prelude), x, None if over is None else over[0], span)

    return reduction


builtin("logsumexp", "v | axis", "log(sum(exp(v))), without overflow")(_by_vector("logsumexp", "logsumexp_vector"))
builtin("norm", "v | axis", "the square root of the sum of squares, with slope 0 at 0")(
    _by_vector("norm", "norm_vector"))


@builtin("dot", "u, v", "the matrix product, u @ v")
def dot(elab: Elaborator, span: Span, u: Value, v: Value) -> Value:
    return elab.matmul(u, v, span)


builtin("matmul", "u, v", "the matrix product, u @ v")(dot)


# ---------------------------------------------------------------- with an operator


@builtin("reduce", "op, unit, v", "unit op v[0] op v[1] …, for an associative op with this unit")
def reduce(elab: Elaborator, span: Span, op: Value, unit: Value, v: Value) -> Value:
    return _folded(elab, "reduce", op, unit, v, span)


@builtin("scan", "op, unit, v", "the reductions of all prefixes, the one up to i at i")
def scan(elab: Elaborator, span: Span, op: Value, unit: Value, v: Value) -> Value:
    return _folded(elab, "scan", op, unit, v, span)


def _folded(elab: Elaborator, who: str, op: Value, unit: Value, v: Value, span: Span) -> Value:
    f = function(elab, f"{who}: op", op, span)
    names = f.params()
    if names is not None and len(names) != 2:
        elab.type_error("DV0303", f"{who}: op must be a function of two parameters, this has {len(names)}", span)
    if not axes_of(v):
        expected(elab, who, "an array", v, span)
    return elab.apply(from_prelude(elab, who), [f, unit, v], span)


