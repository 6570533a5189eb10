"""Builtins of generators: `sum(e for …)` and the like, `accumulate`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..compiler.errors import Span
from ..compiler.ir import Atom, Var
from ..compiler.sizes import in_range, poly_of
from . import builtins_reduce  # noqa: F401  # its functions get their generators here
from . import types as ty
from . import values as vs
from .builtins_base import TABLE, array, builtin, expected, function
from .elab_values import wider
from .values import ArrayV, Builtin, FnV, GenArg, Leaf, TupleV, Value, axes_of, leaves

if TYPE_CHECKING:
    from .elaborate import Elaborator

Named = Mapping[str, Value]


def _reduction(mode: str) -> Callable[..., Value]:
    def reduce(elab: Elaborator, gen: GenArg, args: Sequence[Value], named: Named, span: Span) -> Value:
        _alone(elab, mode, args, named, span)
        with elab.at(span):
            return elab.reduce_gen(mode, gen)

    return reduce


def _alone(elab: Elaborator, who: str, args: Sequence[Value], named: Named, span: Span) -> None:
    if args or named:
        elab.type_error("DV0304", f"{who} of a generator takes nothing else", span,
                        help=f"put it in brackets: {who}([e for …], …)")


def _comprehension(elab: Elaborator, gen: GenArg) -> Value:
    return elab.comprehension(lambda scope: elab.elaborate(gen.body, scope), gen.gens, gen.env, gen.span)


def _mean(elab: Elaborator, gen: GenArg, args: Sequence[Value], named: Named, span: Span) -> Value:
    _alone(elab, "mean", args, named, span)

    def inner(scope: vs.Env) -> list[tuple[str, Value]]:
        v = elab.elaborate(gen.body, scope)
        if isinstance(v, vs.SumV) or vs.has_function(v) or any(x.kind == "bool" for x in leaves(v)):
            expected(elab, "mean", "numbers", v, gen.body.span)
        elab.note_records("+", v)
        return [("sum", v), ("sum", vs.leaf(1, "i64"))]

    with elab.at(span):
        total, n = elab.nest(gen.gens, gen.env, inner, gen.span)
        return vs.map_leaves(total, lambda x: elab.arith("/", x, _leaf(n), span))


def _leaf(v: Value) -> Leaf:
    assert isinstance(v, Leaf)
    return v


def _attach(name: str, gen: Any) -> None:
    f = TABLE[name]
    assert isinstance(f, Builtin)
    f.gen = gen


for _mode in ("sum", "prod", "max", "min", "any", "all", "count", "argmax", "argmin"):
    _attach(_mode, _reduction(_mode))
_attach("mean", _mean)


# ---------------------------------------------------------------- accumulate


def _accumulate_gen(elab: Elaborator, gen: GenArg, args: Sequence[Value], named: Named, span: Span) -> Value:
    """One loop that sums deltas; with an operator, updates one after the other."""
    with elab.at(span):
        base = _base(elab, args, named, span)
        op = named.get("op")
        if op is not None and not _is_plus(op):
            return _in_order(elab, base, _comprehension(elab, gen), function(elab, "accumulate: op", op, span), span)

        def inner(scope: vs.Env) -> list[tuple[str, Value]]:
            return [("sum", _delta(elab, base, elab.elaborate(gen.body, scope), gen.body.span))]

        return _added(elab, base, elab.nest(gen.gens, gen.env, inner, gen.span)[0])


@builtin("accumulate", "base, pairs | op", "base with v added at index i for each (i, v); op = max instead of adding",
         gen=_accumulate_gen)
def accumulate(elab: Elaborator, span: Span, base: Value, pairs: Value, op: Value | None) -> Value:
    b = array(elab, "accumulate", base, span)
    p = array(elab, "accumulate", pairs, span, "an array of pairs (i, v)")
    if op is not None and not _is_plus(op):
        return _in_order(elab, b, p, function(elab, "accumulate: op", op, span), span)
    if len(axes_of(p)) != 1:
        expected(elab, "accumulate", "a vector of pairs (i, v)", pairs, span)
    cells: list[Value] = []

    def body(i: Var, _: tuple[Var, ...]) -> tuple[Sequence[Atom], Sequence[tuple[str, Atom]]]:
        cells.append(_delta(elab, b, elab.index_value(p, [i], safe=True), span))
        return (), [("sum", x.atom) for x in leaves(cells[0])]

    outs = elab.b.loop(axes_of(p)[0], body)
    return _added(elab, b, vs.rebuild(cells[0], outs))


def _base(elab: Elaborator, args: Sequence[Value], named: Named, span: Span) -> Leaf | ArrayV:
    if len(args) != 1:
        elab.type_error("DV0303", f"accumulate takes a base and a generator of pairs, this gives {len(args)} "
                        "arguments before the generator", span)
    for name in named:
        if name != "op":
            elab.type_error("DV0304", f"accumulate has no argument {name}", span, help="it has op")
    return array(elab, "accumulate", args[0], span)


def _is_plus(op: Value) -> bool:
    return op is TABLE["sum"]


def _pair(elab: Elaborator, base: Leaf | ArrayV, pair: Value, span: Span) -> tuple[list[Atom], Value]:
    """The index, and the value at the kinds of the base, checked to fit there."""
    if not isinstance(pair, TupleV) or len(pair.items) != 2:
        expected(elab, "accumulate", "pairs (index, value)", pair, span)
    place, value = pair.items
    items = place.items if isinstance(place, TupleV) else (place,)
    at = [elab.scalar(i, "i64", "an index of accumulate", span) for i in items]
    shape = axes_of(base)
    if len(at) > len(shape):
        elab.type_error("DV0311", f"accumulate: {len(at)} indices for {vs.show_type(base)}", span)
    cell = list(leaves(base))
    given = list(leaves(value))
    if len(cell) != len(given) or any(x.rank != y.rank + len(at) for x, y in zip(cell, given, strict=True)):
        elab.type_error("DV0311", f"accumulate: at {len(at)} {'index' if len(at) == 1 else 'indices'} of "
                        f"{vs.show_type(base)} a value of type {_rest(base, len(at))} is needed, this is "
                        f"{vs.show_type(value)}", span)
    ready: list[Leaf] = []
    for x, y in zip(cell, given, strict=True):
        kind = wider(x.flex_kind, y.flex_kind)
        if kind is None or (not x.flex and kind != x.kind):
            elab.type_error("DV0301", f"accumulate: the base holds {vs.show_type(base)}, this adds "
                            f"{vs.show_type(value)}", span)
        for s, t in zip(x.shape[len(at):], y.shape, strict=True):
            elab.equate(poly_of(s), poly_of(t), span, "accumulate: the value must have the size of a row",
                        names=("a row", "the value"))
        ready.append(elab.to_kind(y, kind))
    it = iter(ready)
    return at, vs.map_leaves(value, lambda _: next(it))


def _rest(base: Value, drop: int) -> str:
    t = vs.type_of(base)
    assert isinstance(t, ty.ArrayT)
    return ty.show(ty.array_of(t.elem, t.sizes[drop:]))


def _delta(elab: Elaborator, base: Leaf | ArrayV, pair: Value, span: Span) -> Value:
    at, value = _pair(elab, base, pair, span)
    safe = all(in_range(i, s) for i, s in zip(at, axes_of(base), strict=False))
    cells = iter(list(leaves(base)))
    out = [elab.b.delta(next(cells).shape, at, y.atom, safe=safe) for y in leaves(value)]
    flags = [y.flex for y in leaves(value)]
    it = iter(zip(out, flags, strict=True))
    return vs.map_leaves(base, lambda _: Leaf(*next(it)))


def _added(elab: Elaborator, base: Value, total: Value) -> Value:
    sums = iter(list(leaves(total)))

    def add(x: Leaf) -> Leaf:
        y = next(sums)
        kind = wider(x.flex_kind, y.flex_kind)
        assert kind is not None
        p, q = elab.to_kind(x, kind), elab.to_kind(y, kind)
        return Leaf(elab.b.plus(p.atom, q.atom), kind.endswith("?"))

    return vs.map_leaves(base, add)


def _in_order(elab: Elaborator, base: Leaf | ArrayV, pairs: Value, op: FnV, span: Span) -> Value:
    """Sequential updates base[i] = op(base[i], v)."""
    p = array(elab, "accumulate", pairs, span, "an array of pairs (i, v)")
    names = op.params()
    if names is not None and len(names) != 2:
        elab.type_error("DV0303", f"accumulate: op must be a function of two parameters, this has {len(names)}", span)
    if any(x.flex for x in leaves(base)):
        sample = [x for x in leaves(p)][-len(list(leaves(base))):]
        wanted = iter(sample)
        base = _array(vs.map_leaves(base, lambda x: elab.to_kind(x, _joined(x, next(wanted)))))
        base = _array(elab.settle(base))

    def nest(k: int, done: tuple[Atom, ...], states: Sequence[Atom]) -> Sequence[Atom]:
        if k == len(axes_of(p)):
            current = _array(vs.rebuild(base, states))
            at, value = _pair(elab, current, elab.index_value(p, done, safe=True), span)
            old = elab.index_value(current, at)
            new = elab.apply(op, [old, value], span)
            elab.same_structure(old, new, span, "accumulate: the elements and what op gives")
            kinds = [x.kind for x in leaves(old)]
            fresh = [elab.to_kind(x, kind) for x, kind in zip(leaves(new), kinds, strict=True)]
            return [elab.b.update(s, at, x.atom) for s, x in zip(states, fresh, strict=True)]
        extent = axes_of(p)[k]
        return elab.b.loop(extent, lambda i, inner: (nest(k + 1, (*done, i), inner), ()), inits=states)

    return vs.rebuild(base, nest(0, (), [x.atom for x in leaves(base)]))


def _joined(x: Leaf, y: Leaf) -> str:
    kind = wider(x.flex_kind, y.flex_kind)
    return x.kind if kind is None else kind


def _array(v: Value) -> Leaf | ArrayV:
    assert isinstance(v, Leaf | ArrayV)
    return v
