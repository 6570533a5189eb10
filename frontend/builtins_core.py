"""The spellings of core forms, tests of closeness, and output."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ..compiler.errors import Span
from ..compiler.ir import FLOATS, TRUE, Atom, Const, integer
from ..compiler.sizes import poly_of
from . import values as vs
from .builtins_base import TABLE, builtin, expected, sizes
from .values import ArrayV, Builtin, Leaf, RecordV, StrV, SumV, TupleV, Value, leaves

if TYPE_CHECKING:
    from .elaborate import Elaborator

# ---------------------------------------------------------------- core forms


def _tuple(v: Value) -> tuple[Value, ...]:
    return v.items if isinstance(v, TupleV) else (v,)


@builtin("delta", "shape, index, v", "zeros of this shape, but v at an index (or at the front axes' index, a row)")
def delta(elab: Elaborator, span: Span, shape: Value, index: Value, v: Value) -> Value:
    extents = sizes(elab, "delta", _tuple(shape), span)
    at = [elab.scalar(i, "i64", "an index of delta", span) for i in _tuple(index)]
    x = elab.number(v, "delta", span)
    if len(at) + x.rank != len(extents):
        elab.type_error("DV0306", f"delta: an array of {len(extents)} axes needs {len(extents) - x.rank} indices for "
                        f"{vs.show_type(v)}, these are {len(at)}", span)
    for s, t in zip(extents[len(at):], x.shape, strict=True):
        elab.equate(poly_of(s), poly_of(t), span, "delta: the value must have the size of the axes behind the index",
                    names=("the axis", "the value"))
    return Leaf(elab.b.delta(extents, at, x.atom), x.flex)


@builtin("fill", "shape, v", "an array of this shape with v everywhere")
def fill(elab: Elaborator, span: Span, shape: Value, v: Value) -> Value:
    if not isinstance(v, Leaf) or v.rank:
        expected(elab, "fill", "one number", v, span)
    return Leaf(elab.b.fill(sizes(elab, "fill", _tuple(shape), span), v.atom), v.flex)


@builtin("select", "c, a, b", "a where c, otherwise b; both are evaluated")
def select(elab: Elaborator, span: Span, c: Value, a: Value, b: Value) -> Value:
    if not isinstance(c, Leaf) or c.kind != "bool":
        expected(elab, "select", "a bool first", c, span)
    if not isinstance(a, Leaf) or not isinstance(b, Leaf):
        elab.type_error("DV0306", f"select takes scalars and arrays, these are {vs.show_type(a)} and {vs.show_type(b)}",
                        span)
    if "bool" in (a.kind, b.kind):
        kind = a.kind
        if a.kind != b.kind:
            elab.type_error("DV0307", f"both sides of select must have one type, these are {vs.show_type(a)} and "
                            f"{vs.show_type(b)}", span)
    else:
        kind = elab.common_kind([a, b], "select", span)
    x, y = elab.to_kind(a, kind), elab.to_kind(b, kind)
    return elab.lift([c, x, y], lambda s: elab.b.prim("select", *s), span, what="the arguments of select",
                     flex=x.flex and y.flex)


@builtin("plus", "*arrays", "the elementwise sum")
def plus(elab: Elaborator, span: Span, arrays: Sequence[Value]) -> Value:
    if not arrays:
        elab.type_error("DV0303", "plus takes one argument or more", span)
    found = [elab.number(a, "plus", span) for a in arrays]
    kind = elab.common_kind(found, "plus", span)
    found = [elab.to_kind(x, kind) for x in found]
    first = found[0]
    if not first.rank or any(x.rank != first.rank for x in found):
        result: Value = found[0]
        for x in found[1:]:
            result = elab.binary("+", result, x, span)
        return result
    for k, x in enumerate(found[1:], 2):
        for s, t in zip(first.shape, x.shape, strict=True):
            elab.equate(poly_of(s), poly_of(t), span, "the arguments of plus must have the same shape",
                        names=("argument 1", f"argument {k}"))
    named = [all(elab.plain(poly_of(s)) for s in x.shape) for x in found]
    if named == [False, True]:
        found.reverse()  # the sum has the size of its first argument: better one that has a name outside
    return Leaf(elab.b.plus(*(x.atom for x in found)), kind.endswith("?"))


# ---------------------------------------------------------------- closeness


@builtin("approx", "a, b | tol", "are all numbers of a and b within tol * max(1, |b|)?")
def approx(elab: Elaborator, span: Span, a: Value, b: Value, tol: Value | None) -> Value:
    limit = Const(1e-9, "f64") if tol is None else elab.scalar(tol, "f64", "tol of approx", span)
    if isinstance(a, Leaf) and isinstance(b, Leaf) and "bool" not in (a.kind, b.kind):
        kind = elab.common_kind([a, b], "approx", span)
        a, b = elab.to_kind(a, kind), elab.to_kind(b, kind)
    else:
        elab.same_structure(a, b, span, "the sides of approx")
    result: Atom = TRUE
    for x, y in zip(leaves(a), leaves(b), strict=True):
        result = _and(elab, result, _close(elab, x, y, limit, span))
    return Leaf(result)


def _and(elab: Elaborator, a: Atom, b: Atom) -> Atom:
    return b if a == TRUE else elab.b.prim("and", a, b)


def _close(elab: Elaborator, x: Leaf, y: Leaf, limit: Atom, span: Span) -> Atom:
    b = elab.b

    def test(pair: Sequence[Atom]) -> Atom:
        left, right = pair
        if left.type.kind not in FLOATS:
            return b.prim("eq", left, right)
        p, q = (b.prim("f64", s) if s.type.kind != "f64" else s for s in (left, right))
        scale = b.prim("max", b.prim("abs", q), Const(1.0, "f64"))
        near = b.prim("le", b.prim("abs", b.prim("sub", p, q)), b.prim("mul", limit, scale))
        return b.prim("or", b.prim("eq", p, q), b.prim("and", b.prim("isfinite", q), near))

    same = elab.lift([x, y], test, span, what="the sides of approx")
    out: Atom = same.atom
    return _all(elab, out)


def _all(elab: Elaborator, a: Atom) -> Atom:
    if not a.type.shape:
        return a
    return elab.b.reduce("all", a.type.shape[0], lambda i: _all(elab, elab.b.index(a, i, safe=True)))


# ---------------------------------------------------------------- output


def _record(elab: Elaborator, args: Sequence[Value], named: Mapping[str, Value], span: Span) -> Value:
    if args or not named:
        elab.type_error("DV0303", "record takes its fields by name: record(a = x, b = y)", span)
    if any(map(vs.has_function, named.values())):
        elab.type_error("DV0317", "a function may not be a field", span)
    return RecordV(None, tuple(named), tuple(named.values()))


TABLE["record"] = Builtin("record", _record, None, None, "record(a = x, b = y): a record that needs no type")


@builtin("scalar", "x, why?", "x itself, which must be one number or bool; otherwise an error that says why")
def scalar(elab: Elaborator, span: Span, x: Value, why: Value | None) -> Value:
    if isinstance(x, Leaf) and not x.rank:
        return x
    elab.type_error("DV0308", f"one number is expected here, this is {vs.show_type(x)}", span,
                    help=why.text if isinstance(why, StrV) else None)


@builtin("show", "v, label?", "prints v behind its label, or where the label says {0}, {1}, …; and gives v")
def show(elab: Elaborator, span: Span, v: Value, label: Value | None) -> Value:
    if label is not None and not isinstance(label, StrV):
        expected(elab, "show", "a string as its label", label, span)
    if vs.has_function(v):
        expected(elab, "show", "a value of data", v, span)
    _show(elab, None if label is None else label.text, v, span)
    return v


def _show(elab: Elaborator, label: str | None, v: Value, span: Span) -> None:
    """A sum value is shown as its constructor: by a choice around the whole value."""
    found = next((x for x in _sums(v) if not isinstance(x.tag.atom, Const)), None)
    if found is None:
        atoms: list[Atom] = []
        text = _text(v, atoms, elab, span)
        if label is not None:
            places = [int(k) for k in re.findall(r"\{(\d+)\}", label)]
            if any(k >= len(atoms) for k in places):
                elab.type_error("DV0308", f"the label speaks of {{{max(places)}}}, the value has {len(atoms)} parts, from {{0}}", span)
            text = label if places else f"{label} = {text}"
        elab.b.show(text, *atoms)
        return

    def choose(k: int) -> Sequence[Atom]:
        known = _with(v, found, SumV(found.decl, Leaf(integer(k)), found.payloads))
        if k == len(found.payloads) - 1:
            _show(elab, label, known, span)
        else:
            def here() -> Sequence[Atom]:
                _show(elab, label, known, span)
                return ()

            elab.b.cond(elab.b.prim("eq", found.tag.atom, integer(k)), here, lambda: choose(k + 1))
        return ()

    choose(0)


def _sums(v: Value) -> Iterator[SumV]:
    """The sum values that show, up to those whose constructor is not known."""
    match v:
        case TupleV(items) | RecordV(_, _, items):
            for i in items:
                yield from _sums(i)
        case SumV(_, tag, payloads):
            yield v
            if isinstance(tag.atom, Const):
                for i in payloads[int(tag.atom.value)]:
                    yield from _sums(i)


def _with(v: Value, old: Value, new: Value) -> Value:
    if v is old:
        return new
    match v:
        case TupleV(items):
            return TupleV(tuple(_with(i, old, new) for i in items))
        case RecordV(decl, names, items):
            return RecordV(decl, names, tuple(_with(i, old, new) for i in items))
        case SumV(decl_, tag, payloads):
            return SumV(decl_, tag, tuple(tuple(_with(i, old, new) for i in p) for p in payloads))
    return v


def _text(v: Value, atoms: list[Atom], elab: Elaborator, span: Span) -> str:
    """The value as the language writes it, `{0}` … for its leaves."""
    match v:
        case Leaf(atom):
            atoms.append(atom)
            return f"{{{len(atoms) - 1}}}"
        case TupleV(items):
            return "(" + ", ".join(_text(i, atoms, elab, span) for i in items) + ")"
        case RecordV(decl, names, items):
            inner = ", ".join(f"{n} = {_text(i, atoms, elab, span)}" for n, i in zip(names, items, strict=True))
            return f"{decl.name if decl is not None else ''}({inner})"
        case ArrayV(_, body):
            return _text(body, atoms, elab, span)
        case StrV(text):
            return text
        case SumV(decl, tag, payloads) if isinstance(tag.atom, Const):
            name, _ = decl.ctors[int(tag.atom.value)]
            inner = ", ".join(_text(i, atoms, elab, span) for i in payloads[int(tag.atom.value)])
            return f"{name}({inner})" if inner else name
        case SumV(decl):
            elab.not_yet(f"show of an array of the sum type {decl.name}", span, help="show its elements, or their parts")
    raise AssertionError(v)
