"""Values that need code: indexing, building, widths of literals, joins of branches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ..compiler.build import array_type
from ..compiler.errors import SizeError, Span, SyntaxError
from ..compiler.ir import (
    FLOATS,
    Atom,
    Block,
    Const,
    Delta,
    Fill,
    If,
    Index,
    Loop,
    Plus,
    Prim,
    Scalar,
    Update,
    Var,
    clone_op,
)
from ..compiler.sizes import in_range, poly_of, product, same_size
from . import types as ty
from . import values as vs
from .elab_base import Base
from .values import ArrayV, FnV, Leaf, RecordV, StrV, SumV, TupleV, Value, array_of, leaves, map_leaves, rebuild

WIDTHS = ("int?", "i32", "i64", "float?", "f32", "f64")
INTS = ("int?", "i32", "i64")


def wider(a: str, b: str) -> str | None:
    """The kind to which two kinds widen (`int?`, `float?` included)."""
    if a == b:
        return a
    if a not in WIDTHS or b not in WIDTHS:
        return None
    return max(a, b, key=WIDTHS.index)


def join_kind(a: str, b: str, rank: int) -> str | None:
    """The kind of a join: scalars widen, elements of arrays are exact apart from literals."""
    k = wider(a, b)
    if k is None or rank == 0:
        return k
    return k if all(x in (k, "int?", "float?") for x in (a, b)) else None


def settled(kind: str) -> str:
    return {"int?": "i64", "float?": "f64"}.get(kind, kind)


class Values(Base):
    # ------------------------------------------------ reading and building

    def size_of(self, v: Value, axis: int, span: Span) -> Atom:
        axes = vs.axes_of(v)
        if axis >= len(axes):
            self.type_error("DV0311", f"an array with {axis + 1} axes or more is needed here, this is {vs.show_type(v)}",
                            span)
        return axes[axis]

    def not_ragged(self, cells: Sequence[Value], block: Block, vars: Sequence[Var], span: Span | None) -> None:
        """No sizes that differ from element to element: that are known only in the block, or are these variables."""
        inner: set[Var] | None = None
        for size in (s for v in cells for x in leaves(v) for s in x.shape):
            inner = self.defined_in(block, *vars) if inner is None else inner
            if self.escapes(size, inner):
                raise SizeError("DV0313", "an array cannot be ragged: its elements have size "
                                f"{poly_of(size)!r}, which differs from element to element", span)

    def check_element(self, v: Value, span: Span) -> None:
        if (why := ty.no_element(vs.type_of(v))) is not None:
            self.type_error("DV0317", why, span)

    def index_value(self, v: Value, index: Sequence[Atom], safe: bool = False) -> Value:
        """The element (or trailing subarray) at these indices."""
        if not index:
            return v
        if not safe:
            safe = all(in_range(i, s) for i, s in zip(index, vs.axes_of(v), strict=False))
        if isinstance(v, Leaf):
            return replace(v, atom=self.b.index(v.atom, *index, safe=safe))
        assert isinstance(v, ArrayV)
        body = map_leaves(v.body, lambda x: replace(x, atom=self.b.index(x.atom, *index, safe=safe)))
        return array_of(v.axes[len(index):], body)

    def collected(self, cell: Value, axes: Sequence[Atom], atoms: Sequence[Atom]) -> Value:
        """The array whose elements look like `cell`, over core arrays (one for each leaf)."""
        it = iter(atoms)
        body = map_leaves(cell, lambda x: replace(x, atom=next(it)))
        return array_of(axes, vs.reread(body, len(axes)))

    def flat(self, x: Leaf) -> Leaf:
        """All elements in one axis, in row-major order."""
        if x.rank == 1:
            return x
        n = self.atom(product(x.shape))
        return Leaf(self.b.build(n, lambda i: self.b.index(x.atom, *self.unravel(i, x.shape), safe=True)), x.flex)

    def unravel(self, place: Atom, shape: Sequence[Atom]) -> list[Atom]:
        """The indices of the element that stands at `place` in row-major order."""
        index: list[Atom] = []
        for size in reversed(shape[1:]):
            index.append(self.b.prim("mod", place, size))
            place = self.b.prim("floordiv", place, size)
        return [place, *reversed(index)]

    def build(self, extents: Sequence[Atom], f: Callable[[tuple[Var, ...]], Value], names: str = "ijklm") -> Value:
        """The array of this shape with element `f(indices)` (a structure gives a structure of arrays)."""

        def go(done: tuple[Var, ...]) -> Value:
            k = len(done)
            if k == len(extents):
                return f(done)
            i = Var(names[k % len(names)], Scalar("i64"), extent=extents[k], nonneg=True)
            cell: list[Value] = []

            def fill() -> list[Atom]:
                cell.append(go((*done, i)))
                return [x.atom for x in leaves(cell[0])]

            block = self.region(fill)
            self.not_ragged(cell, block, [i], self.b.prov.span)
            outs = self.b.emit_loop(Loop(i, extents[k], (), (), None, block, ("build",) * len(block.results)))
            return self.collected(cell[0], (extents[k],), outs)

        return go(())

    def name_leaves(self, name: str, v: Value) -> None:
        """Core variables without a name of their own are called after the first name that users give them.

        So are sizes that depend on data, for messages.
        """
        for a in vs.axes_of(v):
            if a in self.unknown and isinstance(a, Var) and a.name in ("t", "count", "size"):
                a.name = f"size_of_{name}"
        match v:
            case Leaf(Var() as a):
                if a.name in ("t", "s"):
                    a.name = name
                    self.named.add(a)
            case TupleV(items):
                for k, i in enumerate(items):
                    self.name_leaves(f"{name}_{k}", i)
            case RecordV(_, names, items):
                for n, i in zip(names, items, strict=True):
                    self.name_leaves(f"{name}_{n}", i)
            case ArrayV(_, body):
                self.name_leaves(name, body)

    def zero_like(self, v: Value) -> Value:
        """Zeros of the same structure, kinds and sizes."""
        return vs.map_numbers(v, lambda x: replace(x, atom=self.b.zeros(x.atom.type)))

    def zeros(self, kind: str, shape: Sequence[Atom]) -> Leaf:
        return Leaf(self.b.zeros(array_type(kind, shape)))

    # ------------------------------------------------ widths

    def to_kind(self, x: Leaf, kind: str) -> Leaf:
        """The leaf at another kind: a literal is made anew at that width, anything else converted."""
        flex = kind.endswith("?")
        kind = settled(kind)
        if x.kind == kind:
            return Leaf(x.atom, x.flex and flex)
        if x.flex and kind != "bool":
            return Leaf(self.retype(x.atom, kind), flex)
        return Leaf(self.each([x.atom], lambda s: self.b.prim(kind, *s)), flex)

    def each(self, atoms: Sequence[Atom], f: Callable[[Sequence[Atom]], Atom]) -> Atom:
        """`f` on the elements of arrays of one shape; scalars stay as they are."""
        shape = next((a.type.shape for a in atoms if a.type.shape), ())

        def at(idx: tuple[Var, ...]) -> Atom:
            return f([self.b.index(a, *idx, safe=True) if a.type.shape else a for a in atoms])

        return self.b.builds(shape, at)

    def check_width(self, n: int, kind: str) -> None:
        """An integer literal must fit the width that it is asked for."""
        end = 1 << {"i32": 31, "i64": 63}[kind]
        if not -end <= n < end:
            instead = "a float is written with a point or an exponent: 1e30"
            if kind == "i32" and -(1 << 63) <= n < 1 << 63:
                instead = f"write i64({n}), to which an i32 widens, or declare i64"
            raise SyntaxError("DV0103", f"the integer {n} is too large for {kind}", self.b.prov.span,
                              help=f"{kind} goes from {-end} to {end - 1}; {instead}")

    def retype(self, a: Atom, kind: str) -> Atom:
        """A literal's code made anew for another kind, down to its constants and integers."""
        if a.type.kind == kind:
            return a
        if isinstance(a, Const):
            if kind == "i32":
                self.check_width(int(a.value), kind)
            return Const(a.value, kind)
        source, b = a.type.kind, self.b
        op = a.stmt.op if a.stmt is not None else None

        def again(x: Atom) -> Atom:
            return self.retype(x, kind) if x.type.kind == source else x

        match op:
            case Prim(name, (x,)) if name == source and source in FLOATS and x.type.kind not in FLOATS:
                return b.prim(kind, x)
            case Prim(name, args) if source in FLOATS and kind in FLOATS:
                return b.prim(name, *map(again, args))
            case Index(array, index, safe) if array in self.trial_vars or source in FLOATS or kind not in FLOATS:
                return b.index(again(array), *index, safe=safe)  # (an integer that becomes a float is exact by itself)
            case Update(array, index, v, safe):
                return b.update(again(array), index, again(v), safe=safe)
            case Delta(shape, index, v, safe):
                return b.delta(shape, index, again(v), safe=safe)
            case Fill(shape, v):
                return b.fill(shape, again(v))
            case Plus(arrays):
                return b.plus(*map(again, arrays))
            case If() | Loop() if not isinstance(op, Loop) or op.parallel:
                assert a.stmt is not None
                return self._retype_region(op, a.stmt.vars.index(a), again)
        if a in self.trial_vars and (source in FLOATS or kind not in FLOATS):  # a counter stays one beside floats
            assert isinstance(a, Var)
            self.casts[a] = wider(self.casts.get(a, kind), kind) or kind
        return self.each([a], lambda s: b.prim(kind, *s))

    def _retype_region(self, op: If | Loop, k: int, again: Callable[[Atom], Atom]) -> Atom:
        new = clone_op(op, {})

        def last(block: Block) -> Block:
            return self.reopen(block, lambda: [again(block.results[k])])

        if isinstance(new, If):
            hidden = [x for x in new.then.results[k].type.shape]
            if hidden and not all(map(same_size, hidden, new.orelse.results[k].type.shape)):
                raise AssertionError("a literal array of unknown size")
            return self.b.emit_if(If(new.cond, last(new.then), last(new.orelse)))[0]
        assert isinstance(new, Loop)
        return self.b.emit_loop(replace(new, body=last(new.body), modes=(new.modes[k],)))[0]

    def settle(self, v: Value) -> Value:
        """Literals at their default width."""
        return map_leaves(v, lambda x: Leaf(x.atom))

    def is_flex(self, v: Value) -> bool:
        return any(x.flex for x in leaves(v))

    def scalar(self, v: Value, kind: str, what: str, span: Span) -> Atom:
        """The atom of a scalar that is, or widens to, this kind."""
        if not isinstance(v, Leaf) or v.rank or wider(v.flex_kind, kind) != kind:
            self.type_error("DV0301", f"{what} must be {kind}, this is {vs.show_type(v)}{hint(v, kind)}", span)
        return self.to_kind(v, kind).atom

    def condition(self, v: Value, span: Span) -> Atom:
        if isinstance(v, Leaf) and v.kind == "bool" and not v.rank:
            return v.atom
        help = "say all(…) or any(…), or choose elementwise in a comprehension" \
            if isinstance(v, Leaf) and v.kind == "bool" else \
            f"write `{span.text('x')} != 0`" if isinstance(v, Leaf) and not v.rank else None
        self.type_error("DV0302", f"a condition must be one bool, this is {vs.show_type(v)}", span, help=help)

    # ------------------------------------------------ joins

    def join_kinds(self, values: Sequence[Value], span: Span, what: str) -> list[str]:
        """The kind of each leaf of the join: scalars widen, arrays are exact apart from literals."""
        first = values[0]
        for other in values[1:]:
            self.same_structure(first, other, span, what)
        kinds: list[str] = []
        for row in zip(*map(leaves, values), strict=True):
            kind: str | None = row[0].flex_kind
            for x in row[1:]:
                kind = None if kind is None else join_kind(kind, x.flex_kind, x.rank)
            if kind is None:
                self.type_error("DV0307", f"{what} must have one type, these are "
                                + " and ".join(dict.fromkeys(map(vs.show_type, values))), span)
            kinds.append(kind)
        return kinds

    def same_structure(self, a: Value, b: Value, span: Span, what: str) -> None:
        if alike(a, b):
            return
        if vs.has_function(a) and vs.has_function(b):
            self.type_error("DV0307", f"{what} hold functions; only a function alone can be chosen", span)
        self.type_error("DV0307", f"{what} must have one type, these are {vs.show_type(a)} and {vs.show_type(b)}",
                        span)

    def cond(
        self, c: Atom, then: Callable[[], Value], orelse: Callable[[], Value], span: Span,
        what: str = "both sides of an if",
    ) -> Value:
        """`if c then … else …` with joined branches; sizes that differ become unknown ones."""
        found: list[Value] = []

        def run(side: Callable[[], Value]) -> Callable[[], Sequence[Atom]]:
            def fill() -> Sequence[Atom]:
                found.append(side())
                return ()
            return fill

        blocks = [self.guarded(run(then)), self.guarded(run(orelse))]
        if any(isinstance(v, FnV) for v in found):
            return self.either(c, then, orelse, found, span)
        kinds = self.join_kinds(found, span, what)
        values: list[Value] = []
        for k, block in enumerate(blocks):
            def widen(v: Value = found[k]) -> Sequence[Atom]:
                it = iter(kinds)
                values.append(map_leaves(v, lambda x: self.to_kind(x, next(it))))
                return ()
            blocks[k] = self.reopen(block, widen)
        return self.finish_if(c, blocks, values)

    def finish_if(self, c: Atom, blocks: Sequence[Block], values: Sequence[Value]) -> Value:
        left, right = ([x.atom for x in leaves(v)] for v in values)
        hidden: list[tuple[Atom, Atom]] = []
        inner = self.defined_in(blocks[0]) | self.defined_in(blocks[1])
        for k, (x, y) in enumerate(zip(left, right, strict=True)):
            given = [*hidden, *zip(left[:k], right[:k], strict=True)]
            for s, t in zip(x.type.shape, y.type.shape, strict=True):
                if (not same_size(s, t) or self.escapes(s, inner)) and (s, t) not in given:
                    hidden.append((s, t))
        results = [[*(h[k] for h in hidden), *atoms] for k, atoms in enumerate((left, right))]
        ready = [Block(block.stmts, tuple(r)) for block, r in zip(blocks, results, strict=True)]
        vars = self.b.emit_if(If(c, *ready))
        for v in vars[:len(hidden)]:
            v.nonneg = True
            self.unknown.add(v)
        for v, x, y in zip(vars[len(hidden):], left, right, strict=True):
            if v.type == Scalar("i64") and poly_of(x) == poly_of(y) and not any(u in inner for u in poly_of(x).vars()):
                v.poly = poly_of(x)
        return rebuild(values[0], vars[len(hidden):])

    def either(
        self, c: Atom, then: Callable[[], Value], orelse: Callable[[], Value], found: Sequence[Value], span: Span
    ) -> Value:
        """A choice between functions: each application chooses."""
        if not all(isinstance(v, FnV) for v in found):
            self.type_error("DV0307", "one side of the if is a function and the other is not", span)
        names = found[0].params() if isinstance(found[0], FnV) else None

        def call(_: object, args: Sequence[Value], named: object, at: Span) -> Value:
            assert isinstance(named, dict) or named is None or not named
            return self.cond(c, lambda: self.apply(then(), args, at), lambda: self.apply(orelse(), args, at), at)

        return vs.Native("a choice of functions", call, names)


def alike(x: Value, y: Value) -> bool:
    """The same structure and ranks, whatever the kinds and sizes."""
    match x, y:
        case Leaf(), Leaf():
            return x.rank == y.rank
        case TupleV(p), TupleV(q):
            return len(p) == len(q) and all(map(alike, p, q))
        case RecordV(d, names, p), RecordV(e, others, q):
            return d is e and names == others and all(map(alike, p, q))
        case SumV(d), SumV(e):
            return d is e
        case ArrayV(axes, one), ArrayV(others_, two):
            return len(axes) == len(others_) and alike(one, two)
        case StrV(s), StrV(t):
            return s == t
    return False


def hint(v: Value, kind: str) -> str:
    """What to write to convert."""
    if isinstance(v, Leaf) and v.rank == 0 and kind in ty.SCALARS and v.kind != kind:
        return f"; {settled(v.flex_kind)} does not become {kind} unasked: write {kind}(…)" \
            if kind != "bool" else ""
    return ""
