"""Arrays made of arrays: zip, concat, transpose, reshape, zeros, and what orders or shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..compiler.errors import Span
from ..compiler.ir import FLOATS, Atom, Const, Var, integer
from ..compiler.sizes import Poly, number, poly_of, product
from . import values as vs
from .builtins_base import (
    array,
    axes,
    builtin,
    expected,
    from_prelude,
    function,
    literal,
    numbers,
    sizes,
    vector,
)
from .values import ArrayV, Leaf, TupleV, Value, axes_of

if TYPE_CHECKING:
    from .elaborate import Elaborator

# ---------------------------------------------------------------- sizes


@builtin("len", "v", "the size of the first axis; of a tuple the number of its items")
def length(elab: Elaborator, span: Span, v: Value) -> Value:
    if isinstance(v, TupleV):
        return vs.leaf(len(v.items), "i64")
    return Leaf(axes_of(array(elab, "len", v, span))[0])


@builtin("shape", "v | axis", "the sizes of all axes: a tuple, of a vector its one size; or those of one axis, or several")
def shape(elab: Elaborator, span: Span, v: Value, axis: Value | None) -> Value:
    found = tuple(Leaf(s) for s in axes_of(array(elab, "shape", v, span)))
    chosen = axes(elab, "shape", axis, len(found), span)
    found = found if chosen is None else tuple(found[k] for k in chosen)
    return found[0] if len(found) == 1 else TupleV(found)


@builtin("sizes", "v", "the sizes of all axes, as an array")
def all_sizes(elab: Elaborator, span: Span, v: Value) -> Value:
    return elab.array_of_values([Leaf(s) for s in axes_of(array(elab, "sizes", v, span))], span)


# ---------------------------------------------------------------- constants


@builtin("zeros", "*n", "an array of zeros of these sizes")
def zeros(elab: Elaborator, span: Span, n: Sequence[Value]) -> Value:
    return _filled(elab, "zeros", n, 0.0, span)


@builtin("ones", "*n", "an array of ones of these sizes")
def ones(elab: Elaborator, span: Span, n: Sequence[Value]) -> Value:
    return _filled(elab, "ones", n, 1.0, span)


def _filled(elab: Elaborator, who: str, n: Sequence[Value], value: float, span: Span) -> Value:
    return Leaf(elab.b.fill(sizes(elab, who, n, span), Const(value, "f64")), True)


@builtin("full", "*n", "full(n, m, v): an array of these sizes with v everywhere")
def full(elab: Elaborator, span: Span, n: Sequence[Value]) -> Value:
    if len(n) < 2:
        elab.type_error("DV0303", "full takes sizes and a value: full(n, v)", span)
    *extents, v = n
    if isinstance(v, Leaf) and not v.rank:
        return Leaf(elab.b.fill(sizes(elab, "full", extents, span), v.atom), v.flex)
    if isinstance(v, vs.FnV | vs.StrV):
        expected(elab, "full", "a value of data", v, span)
    return elab.build(sizes(elab, "full", extents, span), lambda _: v)


@builtin("eye", "n, m?", "the unit matrix")
def eye(elab: Elaborator, span: Span, n: Value, m: Value | None) -> Value:
    shape = sizes(elab, "eye", [n, n if m is None else m], span)
    one, zero = Const(1.0, "f64"), Const(0.0, "f64")
    return Leaf(elab.b.builds(shape, lambda i: elab.b.prim("select", elab.b.prim("eq", *i), one, zero)), True)


@builtin("zeros_like", "v", "zeros of the structure of v")
def zeros_like(elab: Elaborator, span: Span, v: Value) -> Value:
    if vs.has_function(v) or isinstance(v, vs.StrV):
        expected(elab, "zeros_like", "a value of data", v, span)
    return elab.zero_like(v)


@builtin("ones_like", "v", "ones of the structure of v")
def ones_like(elab: Elaborator, span: Span, v: Value) -> Value:
    if vs.has_function(v) or isinstance(v, vs.StrV):
        expected(elab, "ones_like", "a value of data", v, span)
    return vs.map_numbers(v, lambda x: Leaf(elab.b.fill(x.shape, Const(1, x.kind)), x.flex))


@builtin("full_like", "v, x", "x everywhere, in the shape and the type of the array v")
def full_like(elab: Elaborator, span: Span, v: Value, x: Value) -> Value:
    a = array(elab, "full_like", v, span)
    if not isinstance(a, Leaf):
        expected(elab, "full_like", "an array of numbers or bools", v, span)
    return Leaf(elab.b.fill(a.shape, elab.scalar(x, a.kind, "what fills", span)), a.flex)


# ---------------------------------------------------------------- combining


@builtin("zip", "*arrays", "the array of the tuples of elements at the same place")
def zip_(elab: Elaborator, span: Span, arrays: Sequence[Value]) -> Value:
    if len(arrays) < 2:
        elab.type_error("DV0303", f"zip takes two arrays or more, this gives {len(arrays)}", span)
    found = [array(elab, "zip", a, span) for a in arrays]
    n = axes_of(found[0])[0]
    for k, a in enumerate(found[1:], 2):
        elab.equate(poly_of(n), poly_of(axes_of(a)[0]), span, "zip: the arrays must have the same size",
                    names=("argument 1", f"argument {k}"))
    items = tuple(vs.array_of(a.axes[1:], a.body) if isinstance(a, ArrayV) else a for a in found)
    return ArrayV((n,), TupleV(items))


@builtin("concat", "*arrays", "the arrays one after the other along the first axis")
def concat(elab: Elaborator, span: Span, arrays: Sequence[Value]) -> Value:
    if not arrays:
        elab.type_error("DV0303", "concat takes one array or more", span)
    found: list[Value] = [array(elab, "concat", a, span) for a in arrays]
    if len(found) == 1:
        return found[0]
    kinds = elab.join_kinds(found, span, "the arrays of concat")
    found = [_at_kinds(elab, a, kinds) for a in found]
    for k, a in enumerate(found[1:], 2):
        for s, t in zip(axes_of(found[0])[1:], axes_of(a)[1:], strict=True):
            elab.equate(poly_of(s), poly_of(t), span, "concat: the axes behind the first must agree",
                        names=("argument 1", f"argument {k}"))
    ends: list[Poly] = []
    for a in found:
        ends.append((ends[-1] if ends else number(0)) + poly_of(axes_of(a)[0]))
    at = [elab.atom(p) for p in ends]

    inner = axes_of(found[0])[1:]

    def cell(idx: Sequence[Var], k: int = 0) -> Value:
        i = idx[0]
        j: Atom = i if k == 0 else elab.b.prim("sub", i, at[k - 1])
        if k == len(found) - 1:
            return elab.index_value(found[k], [j, *idx[1:]])
        return elab.cond(elab.b.prim("lt", i, at[k]), lambda: elab.index_value(found[k], [j, *idx[1:]]),
                         lambda: cell(idx, k + 1), span)

    return elab.build([at[-1], *inner], cell)


def _at_kinds(elab: Elaborator, v: Value, kinds: Sequence[str]) -> Value:
    it = iter(kinds)
    return vs.map_leaves(v, lambda x: elab.to_kind(x, next(it)))


@builtin("stack", "*arrays", "the arrays as the rows of one more axis in front: [a, b]")
def stack(elab: Elaborator, span: Span, arrays: Sequence[Value]) -> Value:
    if not arrays:
        elab.type_error("DV0303", "stack takes one array or more", span)
    for a in arrays:
        array(elab, "stack", a, span)
    return elab.array_of_values(list(arrays), span)


# ---------------------------------------------------------------- another order of the same elements


@builtin("transpose", "v, *order", "the matrix on its side: axes in reverse order, or in the order given")
def transpose(elab: Elaborator, span: Span, v: Value, order: Sequence[Value]) -> Value:
    a = array(elab, "transpose", v, span)
    shape = axes_of(a)
    rank = len(shape)
    perm = list(range(rank))[::-1]
    if order:
        items = order[0].items if len(order) == 1 and isinstance(order[0], TupleV) else order
        axes(elab, "transpose", TupleV(tuple(items)), rank, span)
        perm = [k % rank for k in map(literal, items) if k is not None]
        if len(perm) != rank:
            elab.type_error("DV0313", f"transpose needs all {rank} axes in their new order, these are {len(perm)}", span)
    return permuted(elab, a, perm)


def permuted(elab: Elaborator, a: Value, perm: Sequence[int]) -> Value:
    """The array with its axes in this order."""
    shape = axes_of(a)
    if list(perm) == list(range(len(shape))):
        return a
    return elab.build([shape[k] for k in perm],
                      lambda idx: elab.index_value(a, [idx[perm.index(k)] for k in range(len(shape))], safe=True))


@builtin("moveaxis", "v, source, destination", "the array with one axis at another place; the others keep their order")
def moveaxis(elab: Elaborator, span: Span, v: Value, source: Value, destination: Value) -> Value:
    a = array(elab, "moveaxis", v, span)
    rank = len(axes_of(a))
    axes(elab, "moveaxis", source, rank, span)
    axes(elab, "moveaxis", destination, rank, span)
    here, there = (k % rank for k in map(literal, (source, destination)) if k is not None)
    order = [k for k in range(rank) if k != here]
    order.insert(there, here)
    return permuted(elab, a, order)


@builtin("reshape", "v, *n", "the elements in row-major order at other sizes")
def reshape(elab: Elaborator, span: Span, v: Value, n: Sequence[Value]) -> Value:
    a = array(elab, "reshape", v, span)
    old, new = axes_of(a), sizes(elab, "reshape", n, span)
    before, after = product(old), product(new)
    elab.equate(after, before, span, f"reshape: {elab.show_size(before)} elements can't take this shape", checked=True,
                names=("the new shape", "the array"),
                note=f"the new shape has {elab.show_size(after)} elements, the array {elab.show_size(before)}")

    def cell(idx: Sequence[Var]) -> Value:
        place: Atom = idx[0]
        for i, size in zip(idx[1:], new[1:], strict=True):
            place = elab.b.prim("add", elab.b.prim("mul", place, size), i)
        return elab.index_value(a, elab.unravel(place, old), safe=True)

    return elab.build(new, cell)


@builtin("flatten", "v", "all elements in one axis, in row-major order")
def flatten(elab: Elaborator, span: Span, v: Value) -> Value:
    a = array(elab, "flatten", v, span)
    if isinstance(a, Leaf):
        return elab.flat(a)
    if len(a.axes) == 1:
        return a
    return elab.build([elab.atom(product(a.axes))],
                      lambda idx: elab.index_value(a, elab.unravel(idx[0], a.axes), safe=True))


@builtin("diff", "v", "the differences of neighbours along the last axis")
def diff(elab: Elaborator, span: Span, v: Value) -> Value:
    x = numbers(elab, "diff", v, span)
    *outer, n = x.shape
    elab.nonempty(n, "diff")

    def cell(idx: Sequence[Var]) -> Atom:
        *row, i = idx
        after = elab.b.index(x.atom, *row, elab.b.prim("add", i, integer(1)), safe=True)
        return elab.b.prim("sub", after, elab.b.index(x.atom, *idx, safe=True))

    return Leaf(elab.b.builds([*outer, elab.atom(poly_of(n) - number(1))], cell), x.flex)


@builtin("argsort", "v", "the stable order that sorts a vector; NaN stands last")
def argsort(elab: Elaborator, span: Span, v: Value) -> Value:
    vector(elab, "argsort", v, span)
    x = numbers(elab, "argsort", v, span, "a vector of numbers")
    return Leaf(elab.b.argsort(x.atom))


@builtin("sort", "v", "a vector in ascending order; NaN stands last")
def sort(elab: Elaborator, span: Span, v: Value) -> Value:
    vector(elab, "sort", v, span)
    x = numbers(elab, "sort", v, span, "a vector of numbers")
    order = elab.b.argsort(x.atom)
    return Leaf(elab.b.build(x.shape[0], lambda i: elab.b.index(
        x.atom, elab.b.index(order, i, safe=True), safe=True)), x.flex)


@builtin("diag", "v", "the square matrix with a vector on its diagonal, or the diagonal of a square matrix")
def diag(elab: Elaborator, span: Span, v: Value) -> Value:
    x = numbers(elab, "diag", v, span, "a vector or a square matrix")
    if x.rank > 2:
        expected(elab, "diag", "a vector or a square matrix", v, span)
    return elab.apply(from_prelude(elab, "diag_matrix" if x.rank == 1 else "diagonal"), [x], span)


@builtin("map", "f, *arrays", "[f(x) for x in v]; of several arrays f of the elements at the same place")
def map_(elab: Elaborator, span: Span, f: Value, arrays: Sequence[Value]) -> Value:
    fn = function(elab, "map: f", f, span)
    if not arrays:
        elab.type_error("DV0303", "map takes a function and one array or more", span)
    found = [array(elab, "map", a, span) for a in arrays]
    n = axes_of(found[0])[0]
    for k, a in enumerate(found[1:], 2):
        elab.equate(poly_of(n), poly_of(axes_of(a)[0]), span, "map: the arrays must have the same size",
                    names=("array 1", f"array {k}"))
    return elab.build([n], lambda idx: elab.apply(fn, [elab.index_value(a, idx, safe=True) for a in found], span))


@builtin("filter", "f, v", "the elements for which f holds, in order")
def filter_(elab: Elaborator, span: Span, f: Value, v: Value) -> Value:
    fn = function(elab, "filter: f", f, span)
    return elab.apply(from_prelude(elab, "filter"), [fn, array(elab, "filter", v, span)], span)


# ---------------------------------------------------------------- structures


@builtin("map_leaves", "f, v", "f of each float, or array of floats, in a tuple or record")
def map_leaves(elab: Elaborator, span: Span, f: Value, v: Value) -> Value:
    fn = function(elab, "map_leaves: f", f, span)

    def one(x: Leaf) -> Leaf:
        if x.kind not in FLOATS:
            return x
        y = elab.apply(fn, [x], span)
        if not isinstance(y, Leaf):
            elab.type_error("DV0306", f"map_leaves: f must give a number or an array, this gives {vs.show_type(y)}", span)
        return y

    return vs.map_leaves(v, one)


@builtin("stop_gradient", "v", "v, as a constant for derivatives")
def stop_gradient(elab: Elaborator, span: Span, v: Value) -> Value:
    def one(x: Leaf) -> Leaf:
        if x.kind not in FLOATS or x.flex:
            return x
        return Leaf(elab.each([x.atom], lambda s: elab.b.prim("stop_gradient", *s)))

    return vs.map_leaves(v, one)
