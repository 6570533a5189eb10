"""Indexing, slices, projections, and functional update (`with`)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..compiler.build import array_type
from ..compiler.errors import BoundsError, Span
from ..compiler.ir import Atom, Const, Var, integer
from ..compiler.sizes import in_range, nonneg, of_factor, poly_of
from . import syntax as sx
from . import values as vs
from .elab_into import Into
from .elab_values import settled, wider
from .values import ArrayV, Env, Leaf, RecordV, TupleV, Value, leaves, map_leaves


@dataclass(frozen=True, slots=True, eq=False)
class Range:
    """A slice: `count` elements from `lo`; `whole` for `:`."""

    lo: Atom
    count: Atom
    whole: bool


class Indexing(Into):
    # ------------------------------------------------ reading

    def index_expr(self, e: sx.IndexE, env: Env) -> Value:
        base = self.elaborate(e.base, env)
        with self.at(e.span):
            if isinstance(base, TupleV):
                return base.items[self.tuple_index(base, e.index, e.span, env)]
            axes = vs.axes_of(base)
            if not isinstance(base, Leaf | ArrayV) or len(e.index) > len(axes):
                if isinstance(base, vs.FnV):
                    self.type_error("DV0311", "a function is called with (…), not indexed", e.span)
                self.type_error("DV0311", f"{len(e.index)} {'index' if len(e.index) == 1 else 'indices'} for "
                                f"{vs.show_type(base)}", e.span, help=self.instead_of_index(e, base))
            items, safe = self.indices(e.index, axes, env, e.base)
            return self.read(base, items, safe)

    def instead_of_index(self, e: sx.IndexE, base: Value) -> str | None:
        """What to write where a record or a number is indexed, or an array by too many indices."""
        name = e.base.span.text("x")
        if isinstance(base, RecordV):
            return f"a field is chosen by its name: write `{name}.{base.names[0]}`" if base.names else None
        return f"`{name}` is one number, and has no axes" if isinstance(base, Leaf) and not base.rank else None

    def read(self, base: Value, items: Sequence[Atom | Range], safe: bool) -> Value:
        while items and isinstance(items[-1], Range) and items[-1].whole:
            items = items[:-1]
        ranges = [r for r in items if isinstance(r, Range)]
        if not ranges:
            return self.index_value(base, [i for i in items if not isinstance(i, Range)], safe)

        def cell(idx: Sequence[Atom]) -> Value:
            it = iter(idx)
            at = [shifted(self, i, next(it)) if isinstance(i, Range) else i for i in items]
            return self.index_value(base, at, safe)

        return self.build([r.count for r in ranges], cell)

    def tuple_index(self, v: TupleV, index: Sequence[sx.Index], span: Span, env: Env) -> int:
        e = strip(index[0]) if len(index) == 1 and not isinstance(index[0], sx.Slice) else None
        back = isinstance(e, sx.Unary) and e.op == "-"
        e = strip(e.operand) if isinstance(e, sx.Unary) and back else e
        at = self.elaborate(e, env) if isinstance(e, sx.Num | sx.Name | sx.Chain) else None
        if not isinstance(at, Leaf) or not isinstance(at.atom, Const) or at.kind != "i64":
            self.type_error("DV0306", "a tuple is projected by a literal index", span, help="its items may be of different types")
        k = len(v.items) - int(at.atom.value) if back else int(at.atom.value)
        if not 0 <= k < len(v.items):
            self.type_error("DV0306", f"this tuple has the items 0 to {len(v.items) - 1}", span)
        return k

    def indices(self, index: Sequence[sx.Index], axes: Sequence[Atom], env: Env,
                base: sx.Expr | None = None) -> tuple[list[Atom | Range], bool]:
        """The indices as atoms and ranges, of `base` where it is read; whether all atoms are known to be inside."""
        items: list[Atom | Range] = []
        safe = True
        for k, e in enumerate(index):
            if isinstance(e, sx.Slice):
                items.append(self.range_of(e, axes[k], env))
                continue
            i = self.from_end(e, axes[k])
            if i is None:
                v = self.elaborate(e, env)
                if base is not None and len(index) == 1 and isinstance(v, Leaf) and v.rank == 1 and v.kind in ("bool", "i64"):
                    self.type_error("DV0301", f"an index must be i64, this is {vs.show_type(v)}", e.span,
                                    help=f"write `{chosen(base, e, v.kind)}`")
                i = self.scalar(v, "i64", "an index", e.span)
                safe = self.note_index(e, v, i, axes[k], env) and safe
                items.append(i)
                continue
            if not in_range(i, axes[k]):
                safe = False
                self.static_bounds(i, axes[k], e.span)
            items.append(i)
        return items, safe

    def from_end(self, e: sx.Expr, size: Atom) -> Atom | None:
        """The place of a literal index `-k`, which counts from the end."""
        if isinstance(e, sx.Unary) and e.op == "-" and isinstance(e.operand, sx.Num) and isinstance(e.operand.value, int):
            with self.at(e.span):
                self.check_width(e.operand.value, "i64")
            n = self.norm(poly_of(size))
            if n.constant is not None and e.operand.value > n.constant and not self.guard:
                raise BoundsError("DV0315", f"the index -{e.operand.value} is outside: the axis has size {n!r}", e.span)
            return self.fold("sub", size, integer(e.operand.value))
        return None

    def static_bounds(self, i: Atom, size: Atom, span: Span) -> None:
        """A constant index outside a constant size, where no guard stands before it."""
        p, n = poly_of(i), self.norm(poly_of(size))
        over = (p - n).constant
        c = p.constant
        if not self.guard and ((over is not None and over >= 0) or (c is not None and c < 0)):
            raise BoundsError("DV0315", f"the index {p!r} is outside: the axis has size {n!r}", span)

    def note_index(self, e: sx.Expr, v: Value, i: Atom, size: Atom, env: Env) -> bool:
        """Records where the index of a generator stands; is the index known to be inside?"""
        if isinstance(i, Var) and i in self.bare:
            name = strip(e)
            known = self.bare[i]
            if isinstance(name, sx.Name) and env.get(name.id) is known.value:
                known.uses.append((size, e.span))
                return True
            return False
        p = poly_of(i)
        if in_range(i, size):
            return True
        if self.guard:
            return False
        for g in p.vars():
            offset = (p - of_factor(g)).constant
            if offset is None:
                continue
            if g in self.bare:
                self.bare[g].offsets.append((p, size, e.span))
            elif g in self.below and g.extent is not None:
                self.check_offsets(g, [(p, size, e.span)], poly_of(g.extent))
        self.static_bounds(i, size, e.span)
        return False

    def range_of(self, e: sx.Slice, size: Atom, env: Env) -> Range:
        """A slice, checked: 0 <= lo <= hi <= size."""
        if e.lo is None and e.hi is None:
            return Range(integer(0), size, True)
        lo, hi = (self.bound(x, size, env) for x in (e.lo, e.hi))
        a, b = lo if lo is not None else integer(0), hi if hi is not None else size
        p, q, n = self.norm(poly_of(a)), self.norm(poly_of(b)), self.norm(poly_of(size))
        count = self.fold("sub", b, a)
        proven = nonneg(p) and nonneg(q - p) and nonneg(n - q)
        if not proven:
            worst = [d for d in (p.constant, (q - p).constant, (n - q).constant) if d is not None and d < 0]
            if worst and not self.guard:
                raise BoundsError("DV0315", f"the slice {p!r} : {q!r} is outside: the axis has size {n!r}", e.span)
            ok: Atom | None = None
            for d, x, y in ((p, integer(0), a), (q - p, a, b), (n - q, b, size)):
                if not nonneg(d):
                    c = self.b.prim("le", x, y)
                    ok = c if ok is None else self.b.prim("and", ok, c)
            assert ok is not None
            self.b.assert_(ok, "DV0501", "the slice {0}:{1} leaves the axis of size {2}", a, b, size)
        return Range(a, count, False)

    def bound(self, e: sx.Expr | None, size: Atom, env: Env) -> Atom | None:
        if e is None:
            return None
        place = self.from_end(e, size)
        if place is not None:
            return place
        return self.scalar(self.elaborate(e, env), "i64", "the bound of a slice", e.span)

    # ------------------------------------------------ with

    def with_expr(self, e: sx.With, env: Env) -> Value:
        v = self.elaborate(e.base, env)
        news = [self.elaborate(value, env) for _, value in e.updates]
        with self.at(e.span):
            for (path, value), new in zip(e.updates, news, strict=True):
                v = self.updated(v, path, new, value.span, env)
        return v

    def updated(self, v: Value, path: Sequence[sx.PathStep], new: Value, span: Span, env: Env) -> Value:
        if not path:
            return self.replaced(v, new, span)
        step, rest = path[0], path[1:]
        if step.field is not None:
            old = self.field_of(v, step.field, step.span)
            assert isinstance(v, RecordV)
            at = v.names.index(step.field)
            one = self.updated(old, rest, new, span, env)
            return replace(v, items=(*v.items[:at], one, *v.items[at + 1:]))
        assert step.index is not None
        if isinstance(v, TupleV):
            at = self.tuple_index(v, step.index, step.span, env)
            one = self.updated(v.items[at], rest, new, span, env)
            return TupleV((*v.items[:at], one, *v.items[at + 1:]))
        axes = vs.axes_of(v)
        if not axes or len(step.index) > len(axes):
            self.type_error("DV0311", f"{len(step.index)} {'index' if len(step.index) == 1 else 'indices'} for "
                            f"{vs.show_type(v)}", step.span)
        items, safe = self.indices(step.index, axes, env)
        if rest:
            new = self.elementwise(v, items, rest, new, safe, span, env)
        return self.written(v, items, new, safe, span)

    def elementwise(self, v: Value, items: Sequence[Atom | Range], rest: Sequence[sx.PathStep], new: Value, safe: bool,
                    span: Span, env: Env) -> Value:
        """The chosen elements with their parts replaced: by the elements of `new`, or all by one number."""
        ranges = [i for i in items if isinstance(i, Range)]
        counts = vs.axes_of(new)[:len(ranges)]
        if counts:
            if len(counts) < len(ranges):
                self.type_error("DV0311", f"a value with {len(ranges)} axes or more is written here, this is "
                                f"{vs.show_type(new)}", span)
            for r, n in zip(ranges, counts, strict=True):
                self.equate(poly_of(r.count), poly_of(n), span, "the written value must have the size of its place",
                            names=("the place", "the value"))

        def one(idx: Sequence[Atom]) -> Value:
            k = iter(idx)
            at = [shifted(self, i, next(k)) if isinstance(i, Range) else i for i in items]
            part = self.index_value(new, idx, safe=True) if counts else new
            return self.updated(self.index_value(v, at, safe), rest, part, span, env)

        return self.build([r.count for r in ranges], one) if ranges else one(())

    def replaced(self, old: Value, new: Value, span: Span) -> Value:
        """The new value of a field: of the old one's type."""
        self.same_structure(old, new, span, "the old and the new value")
        rights = iter(list(leaves(new)))

        def one(x: Leaf) -> Leaf:
            y = next(rights)
            for s, t in zip(x.shape, y.shape, strict=True):
                self.equate(poly_of(s), poly_of(t), span, "the new value must have the old one's size",
                            names=("the old one", "the new one"))
            kind = self.kind_into(x, y, span)
            return self.to_kind(y, kind)

        return map_leaves(old, one)

    def kind_into(self, x: Leaf, y: Leaf, span: Span) -> str:
        kind = wider(x.flex_kind, y.flex_kind)
        if kind is None or (not x.flex and kind != x.flex_kind):
            self.type_error("DV0301", f"the new value must be {settled(x.flex_kind)}, this is {settled(y.flex_kind)}",
                            span)
        return kind

    def written(self, v: Value, items: Sequence[Atom | Range], new: Value, safe: bool, span: Span) -> Value:
        """The array with the value written at these indices."""
        if isinstance(v, Leaf):
            if not isinstance(new, Leaf):
                self.type_error("DV0301", f"an element of {vs.show_type(v)} is written, not {vs.show_type(new)}", span)
            return self.write_leaf(v, items, new, safe, span)
        assert isinstance(v, ArrayV)
        ranges = sum(1 for i in items if isinstance(i, Range))
        cell = new.body if isinstance(new, ArrayV) else new
        if ranges and not isinstance(new, ArrayV):
            self.type_error("DV0301", f"a slice of {vs.show_type(v)} is written, not {vs.show_type(new)}", span)
        self.same_structure(v.body if len(items) - ranges <= len(v.axes) else v, rank_up(self, cell, len(items) - ranges),
                            span, "the old and the new element")
        rights = iter(list(leaves(cell)))
        return map_leaves(v, lambda x: self.write_leaf(x, items, next(rights), safe, span))

    def write_leaf(self, x: Leaf, items: Sequence[Atom | Range], y: Leaf, safe: bool, span: Span) -> Leaf:
        kind = self.kind_into(x, y, span)
        a, v = self.to_kind(x, kind), self.to_kind(y, kind)
        items = list(items)
        while items and isinstance(items[-1], Range) and items[-1].whole and len(items) > 1 and v.rank:
            items.pop()
        ranges = [r for r in items if isinstance(r, Range)]
        rest = a.shape[len(items):]
        target = [*(r.count for r in ranges), *rest]
        broadcast = not v.rank and bool(ranges)
        if not broadcast:
            if v.rank != len(target):
                self.type_error("DV0311", f"a value with {len(target)} axes is written here, this is {vs.show_type(y)}",
                                span, help=None if v.rank else "to fill all of it write `:` for the axes that follow, a[i, :]")
            for s, t in zip(target, v.shape, strict=True):
                self.equate(poly_of(s), poly_of(t), span, "the written value must have the size of its place",
                            names=("the place", "the value"))

        def go(k: int, array: Atom, idx: list[Atom], at: list[Atom]) -> Atom:
            if k == len(items):
                value = self.b.fill(rest, v.atom) if broadcast else self.b.index(v.atom, *at, safe=True)
                return self.b.update(array, idx, value, safe=safe)
            item = items[k]
            if not isinstance(item, Range):
                return go(k + 1, array, [*idx, item], at)
            out = self.b.loop(item.count, lambda i, s: (
                [go(k + 1, s[0], [*idx, shifted(self, item, i)], [*at, i])], []), inits=[array], states=["a"])
            return out[0]

        return Leaf(go(0, a.atom, [], []), kind.endswith("?") and not ranges)


def shifted(elab: Indexing, r: Range, k: Atom) -> Atom:
    return k if r.lo == integer(0) else elab.b.prim("add", r.lo, k)


def rank_up(elab: Indexing, v: Value, n: int) -> Value:
    """A structure whose leaves have n axes more, for comparing structures only."""
    return map_leaves(v, lambda x: Leaf(Var("t", array_type(x.kind, (*(integer(0),) * n, *x.shape))), x.flex))


def chosen(base: sx.Expr, index: sx.Expr, kind: str) -> str:
    """The elements of `base` at several places, or where a mask is true, as a comprehension."""
    of, by = base.span.text("a"), index.span.text("b")
    if kind == "i64":
        return f"[{of}[i] for i in {by}]"
    here = index.first if isinstance(index, sx.Compare) else None
    if isinstance(here, sx.Name) and isinstance(base, sx.Name) and here.id == base.id and by.startswith(of) and (
            len(re.findall(rf"\b{of}\b", by)) == 1):
        return f"[x for x in {of} if x{by[len(of):]}]"
    return f"[x for (x, c) in zip({of}, {by}) if c]"


def strip(e: sx.Expr) -> sx.Expr:
    while isinstance(e, sx.Paren):
        e = e.inner
    return e


