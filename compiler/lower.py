"""Core IR to loop IR by destination passing.

A block is lowered with a destination for each result: an array is then built where it is wanted, at
once (`=`), or added to what stands there (`+=`).  Sums, `Plus`, scatters, branches and loops pass
destinations on, so a `Delta` inside a sum is one `+=` and no zero-filled temporary.  A partial `Index`
is a view.  `Update`s and loop states work in place when no other live variable reads that buffer; in
doubt they copy.  Parameters are never written.
"""

from __future__ import annotations

from collections.abc import Sequence

from . import sizes
from .errors import InternalError
from .ir import (
    NOWHERE,
    ZERO,
    ArgSort,
    Array,
    Assert,
    Atom,
    Block,
    Const,
    Delta,
    Fill,
    Function,
    If,
    Index,
    Loop,
    Plus,
    Prim,
    Prov,
    Scalar,
    Show,
    Stmt,
    Type,
    Update,
    Var,
)
from .loops import (
    Accum,
    Alloc,
    Buf,
    FillIn,
    LoopFunction,
    Operand,
    Param,
    Place,
    ShowAt,
    Sort,
    Store,
)
from .lower_dest import Dest, Value, Wants, storable
from .lower_emit import Emitter, mark_polls
from .lower_if import lower_if
from .lower_interchange import interchange
from .lower_live import Liveness, Uses
from .lower_loops import lower_loop
from .lower_order import Order
from .lower_plan import plan
from .lower_prims import lower_prim
from .lower_shapes import shape_program
from .lower_split import Piece, pieces
from .lower_views import apart

_VERSIONS = 32  # of an array, until those that nobody reads any more are forgotten


def lower(fn: Function) -> LoopFunction:
    """The loop function of a core function without calls and derivatives."""
    return Lowerer(fn).run()


class Lowerer:
    """State of lowering one function."""

    def __init__(self, fn: Function) -> None:
        self.fn = fn
        self.e = Emitter()
        self.uses = Uses(fn)
        self.liveness = Liveness(self.uses)
        self.order = Order(self.uses)
        self.sums: dict[Var, Dest] = {}  # sums with a base
        self.results: list[dict[Var, list[Dest]]] = []  # of the open blocks: not yet stored
        self.current: Stmt | None = None
        self.env: dict[Var, Value] = {}
        self.aliases: dict[Buf, set[Var]] = {}
        self.nonneg: set[Atom] = {a for p in fn.params for a in p.type.shape}
        self.added: set[Var] = set()  # variables that exist only inside an accumulating destination
        self.e.prov = Prov((fn.span,)) if fn.span is not None else NOWHERE
        self.copies: list[str] = []
        self.split: dict[Loop, tuple[Piece, ...]] = {}
        self.parts: dict[tuple[Piece, int], tuple[Var, Dest]] = {}  # what is built where a loop would copy it

    # ------------------------------------------------ the function

    def run(self) -> LoopFunction:
        params = [self.param(p) for p in self.fn.params]
        for p, param in zip(self.fn.params, params, strict=True):
            self.check_sizes(p, param)
        outs: list[Buf | None] = []
        for r in self.fn.body.results:
            known = isinstance(r.type, Array) and shape_program(self.fn, r.type.shape) is not None
            outs.append(self.out_buffer(r) if known else None)
        dests = [None if b is None else Dest(Place(b)) for b in outs]
        values = self.block(self.fn.body, dests)
        results: list[Operand | Buf] = []
        for v, out in zip(values, outs, strict=True):
            if out is not None:
                results.append(out)
            elif isinstance(v, Place):
                results.append(self.hand_over(v))
            else:
                results.append(v)
        body = interchange(self.e.regions[0].body)
        mark_polls(body)
        return LoopFunction(self.fn.name, params, results, body, self.e.sites, self.copies)

    def param(self, p: Var) -> Param:
        if isinstance(p.type, Scalar):
            r = self.e.reg(p.name, p.type.kind)
            self.env[p] = r
            return Param(p.name, r)
        given = tuple(self.e.reg(f"{p.name}_n{k}", "i64") for k in range(len(p.type.shape)))
        for a, n in zip(p.type.shape, given, strict=True):
            if isinstance(a, Var) and a not in self.fn.params and a not in self.env:
                self.env[a] = n
        return Param(p.name, Buf(p.name, p.type.kind, given, "in"), given)

    def check_sizes(self, p: Var, param: Param) -> None:
        """Sizes that are given twice must agree; afterwards the buffer has the canonical ones."""
        if not isinstance(param.value, Buf):
            return
        for axis, (a, n) in enumerate(zip(p.type.shape, param.sizes, strict=True)):
            want = self.operand(a)
            if want is not n:
                name = a.name if isinstance(a, Var) else str(a.value)
                what = f"{name} is expected" if isinstance(a, Const) else f"{name} is {{1}}"
                same = self.e.op("eq", "bool", n, want)
                message = f"axis {axis} of {p.name} has size {{0}}, but {what}"
                self.e.check(same, "DV0502", message, (n, want))
        param.value.shape = tuple(self.operand(a) for a in p.type.shape)
        self.bind(p, Place(param.value))

    def out_buffer(self, r: Atom) -> Buf:
        """A buffer of the caller; its shape is computed by the statements that define it, see `ensure`."""
        assert isinstance(r.type, Array)
        made = self.uses.definition.get(r) if isinstance(r, Var) else None
        prov = self.e.prov if made is None else made.prov
        return Buf("out", r.type.kind, tuple(self.size_early(a) for a in r.type.shape), "out", prov)

    def size_early(self, a: Atom) -> Operand:
        """A size of a result before the body: a register that its definition fills in later."""
        if isinstance(a, Var) and a not in self.env:
            s = self.uses.definition[a]
            assert isinstance(s.op, Prim)
            self.env[a] = lower_prim(self, s.op, tuple(self.size_early(x) for x in s.op.args), check=False)
        return self.operand(a)

    def hand_over(self, place: Place) -> Buf:
        buf = Buf("out", place.buf.kind, place.shape, "heap", place.buf.prov)
        self.e.emit(Alloc(buf))
        self.e.copy(Place(buf), place)
        return buf

    # ------------------------------------------------ values

    def operand(self, a: Atom) -> Operand:
        if isinstance(a, Const):
            return a
        v = self.env[a]
        if isinstance(v, Place):
            raise InternalError("DV0999", f"{a} is an array where a scalar is expected")
        return v

    def operands(self, atoms: Sequence[Atom]) -> tuple[Operand, ...]:
        return tuple(self.operand(a) for a in atoms)

    def place(self, a: Atom) -> Place:
        assert isinstance(a, Var)
        v = self.env[a]
        if not isinstance(v, Place):
            raise InternalError("DV0999", f"{a} is a scalar where an array is expected")
        return v

    def value(self, a: Atom) -> Value:
        return a if isinstance(a, Const) else self.env[a]

    def bind(self, v: Var, value: Value) -> None:
        self.env[v] = value
        if isinstance(value, Place):
            self.aliases.setdefault(value.buf.root, set()).add(v)

    def forget_dead(self, place: Place) -> None:
        """Long chains of updates: old versions are no longer looked at.  (Only where all open blocks are counted.)"""
        found = self.aliases[place.buf.root]
        if len(found) > _VERSIONS:
            found.intersection_update([v for v in found if self.liveness.live(v)])

    def sharing(self, place: Place) -> set[Var]:
        """The variables in the same storage; without those in another part of it, where it is parted."""
        found = self.aliases.get(place.buf.root, set())
        return found if place.buf.view is None else {v for v in found if not apart(self.env[v], place)}

    def shape(self, t: Type) -> tuple[Operand, ...]:
        return self.operands(t.shape)

    def exclusive(self, place: Place) -> bool:
        """May this storage be overwritten now?  No parameter, and nothing live reads the buffer."""
        return place.buf.root.space != "in" and not any(map(self.liveness.live, self.sharing(place)))

    def fresh(self, v: Var, want: Dest | None) -> Place:
        """Storage for an array that a statement makes: where it is wanted, or new.

        Something may still live where it is wanted: an array that an `if` continues.
        """
        if want is not None and not want.add and self.exclusive(want.at(self, v)):
            return want.at(self, v)
        return Place(self.e.alloc(v.name, v.type.kind, self.shape(v.type)))

    def check_size(self, atoms: Sequence[Atom]) -> None:
        """Array sizes must not be negative (DV0503)."""
        for axis, a in enumerate(atoms):
            if not sizes.nonneg(sizes.poly_of(a)) and a not in self.nonneg:
                n = self.operand(a)
                fine = self.e.op("ge", "bool", n, ZERO)
                message = f"an array can't have size {{0}} along axis {axis}"
                self.e.check(fine, "DV0503", message, (n,))

    def store(self, value: Value, dest: Dest) -> None:
        """Puts a finished value where it is wanted."""
        assert isinstance(value, Place) and dest.place is not None
        if dest.add:
            self.e.accumulate(dest.place, value)
        else:
            self.e.copy(dest.place, value)

    # ------------------------------------------------ blocks

    def pieces(self, op: Loop) -> tuple[Piece, ...]:
        """See `lower_split`; made once, because facts about blocks are kept by identity."""
        if op not in self.split:
            self.split[op] = pieces(op)
        return self.split[op]

    def block(self, b: Block, dests: Sequence[Dest | None]) -> list[Value]:
        """Lowers a block; the arrays that have a destination are there afterwards."""
        frame = self.liveness.open(b)
        stmts = self.order.stmts(b)
        wants = plan(self, b, stmts, dests, frame.left)
        self.results.append(storable(b, dests))
        for s in stmts:
            self.liveness.pass_by(s)
            self.stmt(s, wants)
        early = storable(b, dests).keys() - self.results.pop().keys()
        values: list[Value] = []
        pending: list[tuple[Place, Dest]] = []
        for r, dest in zip(b.results, dests, strict=True):
            if dest is None:
                values.append(self.value(r))
                continue
            assert dest.place is not None
            values.append(dest.place)
            if r in early:
                continue
            if not (isinstance(r, Var) and r in self.added and wants.get(r) is dest):
                place = self.value(r)
                assert isinstance(place, Place)
                if dest.add or place != dest.place:
                    pending.append((place, dest))
        self.store_all(pending)
        self.liveness.close()
        return values

    def store_all(self, pending: list[tuple[Place, Dest]]) -> None:
        """Stores finished values, each before its storage becomes the destination of another."""
        while pending:
            sources = [p.buf.root for p, _ in pending]
            for k, (place, dest) in enumerate(pending):
                assert dest.place is not None
                if dest.place.buf.root not in sources[:k] + sources[k + 1:]:
                    self.store(place, dest)
                    del pending[k]
                    break
            else:
                place, dest = pending[0]
                temp = Place(self.e.alloc("t", place.buf.kind, place.shape))
                self.e.copy(temp, place)
                pending[0] = temp, dest

    def settle(self, place: Place) -> bool:
        """Is this storage free now, if results of the block that lie in it are stored at once?"""
        if self.exclusive(place):
            return True
        if not self.results or place.buf.root.space == "in":
            return False
        pending, left = self.results[-1], self.liveness.frames[-1].left
        here = [r for r in pending if r in self.sharing(place) and all(
            p is not None and p.buf.root is not place.buf.root and self.exclusive(p) for p in (d.place for d in pending[r]))]
        for r in here:
            left[r] -= 1
        if not self.exclusive(place):
            for r in here:
                left[r] += 1
            return False
        for r in here:
            for d in pending.pop(r):
                self.store(self.env[r], d)
        return True

    # ------------------------------------------------ statements

    def stmt(self, s: Stmt, wants: Wants) -> None:
        self.e.prov = s.prov
        self.current = s
        match s.op:
            case Prim(_, args):
                self.bind(s.vars[0], lower_prim(self, s.op, self.operands(args)))
            case Index():
                self.index(s.vars[0], s.op)
            case Update():
                self.update(s.vars[0], s.op, wants.get(s.vars[0]))
            case Delta():
                self.delta(s.vars[0], s.op, wants.get(s.vars[0]))
            case Fill():
                self.fill(s.vars[0], s.op, wants.get(s.vars[0]))
            case Plus():
                self.plus(s.vars[0], s.op, wants)
            case ArgSort(a):
                place = self.fresh(s.vars[0], wants.get(s.vars[0]))
                self.e.emit(Sort(place, self.place(a)))
                self.bind(s.vars[0], place)
            case Loop():
                lower_loop(self, s, s.op, wants)
            case If():
                lower_if(self, s, s.op, wants)
            case Assert(c, code, message, args):
                self.e.check(self.operand(c), code, message, self.operands(args))
            case Show(label, args):
                self.show(label, [self.value(a) for a in args])
            case _:
                raise InternalError("DV0999", f"{type(s.op).__name__} is not resolved before lowering", s.prov.span)

    def check_bounds(self, index: Sequence[Atom], shape: Sequence[Atom], safe: bool) -> None:
        for axis, (i, n) in enumerate(zip(index, shape, strict=False)):
            if not safe and not sizes.in_range(i, n):
                self.e.check_index(self.operand(i), self.operand(n), axis)

    def index(self, v: Var, op: Index) -> None:
        place = self.place(op.array)
        self.check_bounds(op.index, op.array.type.shape, op.safe)
        at = place.at(*self.operands(op.index))
        self.bind(v, at if at.shape else self.e.load(at, v.name))

    def update(self, v: Var, op: Update, want: Dest | None) -> None:
        place = self.place(op.array)
        self.check_bounds(op.index, op.array.type.shape, op.safe)
        if not self.settle(place):
            target = self.fresh(v, want)
            self.note_copy(op.array, "update")
            self.e.copy(target, place)
            place = target
        cell, value = place.at(*self.operands(op.index)), self.value(op.value)
        if isinstance(value, Place):
            self.e.copy(cell, value)
        else:
            self.e.emit(Store(cell, value))
        self.bind(v, place)
        self.forget_dead(place)

    def delta(self, v: Var, op: Delta, want: Dest | None) -> None:
        self.check_size(op.shape)
        self.check_bounds(op.index, op.shape, op.safe)
        value = self.value(op.value)
        place = want.at(self, v) if want else self.fresh(v, None)
        if want is None or not want.add:
            self.e.emit(FillIn(place, Const(0, v.type.kind)))
        cell = place.at(*self.operands(op.index))
        if want is not None and want.add:
            self.add_to(cell, value)
            self.added.add(v)
            return
        if isinstance(value, Place):
            self.e.copy(cell, value)
        else:
            self.e.emit(Store(cell, value))
        self.bind(v, place)

    def add_to(self, place: Place, value: Value) -> None:
        """place += value; a scalar is added to every cell."""
        if isinstance(value, Place):
            self.e.accumulate(place, value)
        else:
            self.e.elementwise(place, lambda cell: self.e.emit(Accum(cell, value)))

    def fill(self, v: Var, op: Fill, want: Dest | None) -> None:
        self.check_size(op.shape)
        value = self.operand(op.value)
        if want is not None and want.add:
            if not (isinstance(value, Const) and value.value == 0):
                self.add_to(want.at(self, v), value)
            self.added.add(v)
            return
        place = self.fresh(v, want)
        self.e.emit(FillIn(place, value))
        self.bind(v, place)

    def plus(self, v: Var, op: Plus, wants: Wants) -> None:
        """Operands that were pushed (see `lower_plan`) are in the destination already."""
        want = wants.get(v)
        into = self.sums.get(v)
        if into is not None:
            place = into.at(self, v)
            for a in op.arrays:
                if a is not into.base and not (a in wants and wants[a].origin is into):  # type: ignore[index]
                    self.e.accumulate(place, self.place(a))
            self.bind(v, place)
            return
        pushed = {a for a in op.arrays if a in wants and wants[a].origin is want and want is not None}  # type: ignore[index]
        rest = [self.place(a) for a in op.arrays if a not in pushed]
        place = self.fresh(v, want) if want is None or not want.add else want.at(self, v)
        if pushed or (want is not None and want.add):
            for p in rest:
                self.e.accumulate(place, p)
        else:
            self.e.elementwise(place, lambda cell: self.e.emit(Store(cell, self.sum_at(rest, place, cell))))
        if want is not None and want.add:
            self.added.add(v)
        else:
            self.bind(v, place)

    def base_place(self, v: Var, base: Var) -> Place:
        """The storage of `base`, or a copy of it, to add the other operands of a sum to."""
        place = self.place(base)
        assert self.current is not None
        reading = self.uses.stmt(self.current) - {base}
        frame, at_sum = self.liveness.frames[-1], v in self.current.vars and v in self.sums
        if base in self.uses.inside(self.current):
            reading |= {base}
        frame.left[base] -= not at_sum  # the sum itself still reads it
        free = not reading & self.sharing(place) and self.settle(place)
        frame.left[base] += not at_sum
        if free:
            return place
        self.note_copy(base, "sum")
        copy = Place(self.e.alloc(v.name, v.type.kind, self.shape(v.type)))
        self.e.copy(copy, place)
        return copy

    def sum_at(self, places: Sequence[Place], whole: Place, cell: Place) -> Operand:
        """The sum of one cell of several arrays, from left to right."""
        index = cell.prefix[len(whole.prefix):]
        total: Operand | None = None
        for p in places:
            x = self.e.load(p.at(*index))
            total = x if total is None else self.e.op("add", p.buf.kind, total, x)
        assert total is not None
        return total

    def show(self, label: str, values: Sequence[Value]) -> None:
        kinds = [f"{x.buf.kind}[{len(x.shape)}]" if isinstance(x, Place) else x.kind for x in values]
        self.e.emit(ShowAt(self.e.site("show", label, kinds), tuple(values)))

    def note_copy(self, a: Atom, why: str) -> None:
        self.copies.append(f"{a.name if isinstance(a, Var) else a} ({why})")
