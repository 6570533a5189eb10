"""Lowering of the core's one loop form.

A state that the body *continues* (updates, or passes through inner loops and branches) lives in one
buffer, in place.  Any other array state is built anew: two buffers, the next value goes into the back
one, then they are exchanged.  A state whose size changes from step to step has storage of its own,
made anew in each step.  Collected outs of a loop with a head grow in chunks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .ir import FALSE, FLOATS, ONE, TRUE, ZERO, Array, Atom, Block, Const, Loop, Scalar, Stmt, Var
from .loops import (
    Accum,
    Alloc,
    Buf,
    FillIn,
    For,
    Free,
    Grow,
    LStmt,
    Operand,
    Place,
    Reg,
    Store,
    Swap,
    While,
)
from .lower_dest import Dest, Value, Wants
from .lower_emit import branch
from .lower_views import is_idle, is_there, only_there

if TYPE_CHECKING:
    from .lower import Lowerer

_STEP = {"sum": "sum", "prod": "prod", "max": "max", "min": "min", "any": "or", "all": "and"}
# Extremes become vector code in loops longer than this, with at most this many statements.
_SHORT, _LIGHT = 16, 8


@dataclass
class _State:
    """One state: `reg` of a scalar; `place` and the `back` buffer of an array built anew.

    `sizes` are the registers of an array whose size changes, `next` the storage of its next value.
    """

    var: Var
    reg: Reg | None = None
    place: Place | None = None
    back: Buf | None = None
    next: Buf | None = None
    sizes: tuple[Reg, ...] = ()


@dataclass
class _Out:
    """One out: `reg` accumulates a scalar, `arg` its position; `place` collects or accumulates."""

    var: Var
    mode: str
    reg: Reg | None = None
    arg: Reg | None = None
    place: Place | None = None
    add: bool = False
    grown: bool = False
    kind: str = field(default="")
    step: str = ""  # another operation than the mode's own


def _exchanged(lo: Lowerer, op: Loop) -> list[int]:
    """The array states that go on, updated or not, as other states in turn."""
    follows: dict[int, int] = {}
    for k, (v, r) in enumerate(zip(op.states, op.body.results, strict=False)):
        root = lo.uses.root(r)
        if v.type.shape and root in op.states and not any(a in op.states for a in v.type.shape):
            follows[k] = op.states.index(root)
    moving = {k for k, j in follows.items() if k != j}
    while rest := {k for k in moving if follows[k] not in moving or k not in {follows[j] for j in moving}}:
        moving -= rest
    return sorted(moving)


def lower_loop(lo: Lowerer, s: Stmt, op: Loop, wants: Wants) -> None:
    """Emits the loop and binds the results of the statement."""
    _LoopLowering(lo, s, op, wants).run()


class _LoopLowering:
    def __init__(self, lo: Lowerer, s: Stmt, op: Loop, wants: Wants) -> None:
        self.lo, self.e, self.s, self.op, self.wants = lo, lo.e, s, op, wants
        self.inside = lo.uses.inside(s)
        self.taken: set[Buf] = set()
        self.trip: Reg | None = None
        self.exchanged = _exchanged(lo, op)

    def run(self) -> None:
        op, n = self.op, len(self.op.states)
        results = self.s.vars
        if op.head is not None:
            self.trip = self.e.var("trip", "i64", ZERO)
        states = [self.state(k) for k in range(n)]
        outs = [self.out(results[n + k], m, a) for k, (m, a) in enumerate(zip(op.modes, op.outs, strict=True))]
        if op.head is None:
            self.counted(states, outs)
        else:
            self.headed(states, outs)
        for v, st in zip(results, states, strict=False):
            self.lo.bind(v, self.final_state(v, st))
        if self.trip is not None:
            self.lo.bind(results[-1], self.trip)
        for o in outs:
            self.final_out(o)

    # ------------------------------------------------ states

    def state(self, k: int) -> _State:
        """Storage for a state, holding its initial value."""
        op, lo = self.op, self.lo
        v, init = op.states[k], op.inits[k]
        if isinstance(v.type, Scalar):
            return _State(v, reg=self.e.var(v.name, v.type.kind, lo.operand(init)))
        place = lo.place(init)
        if any(a in op.states for a in v.type.shape):
            sizes = tuple(self.e.var(f"{v.name}_n{j}", "i64", n) for j, n in enumerate(place.shape))
            nexts = tuple(self.e.var(f"{v.name}_m{j}", "i64", n) for j, n in enumerate(place.shape))
            buf, spare = (self.e.buf(v.name, v.type.kind, n, "heap") for n in (sizes, nexts))
            self.e.emit(Alloc(buf))
            self.e.copy(Place(buf), place)
            return _State(v, place=Place(buf), next=spare, sizes=sizes)
        alone = place.buf.root not in self.taken and not (lo.sharing(place) & self.inside) and lo.settle(place)
        if k in self.exchanged:
            if not (alone and not place.prefix and place.buf.space == "temp"):
                return self.copied(v, place, Place(self.e.alloc(v.name, v.type.kind, place.shape)))
            self.taken.add(place.buf.root)
            return _State(v, place=place)
        if lo.uses.root(op.body.results[k]) is v:
            want = self.wants.get(self.s.vars[k])
            if want is not None and not want.add and want.at(lo, v) != place and lo.exclusive(want.at(lo, v)):
                return self.copied(v, place, want.at(lo, v))
            if alone:
                self.taken.add(place.buf.root)
                return _State(v, place=place)
            return self.copied(v, place, Place(self.e.alloc(v.name, v.type.kind, place.shape)))
        back = self.e.alloc(v.name, v.type.kind, place.shape)
        if alone and not place.prefix and place.buf.space == "temp":
            self.taken.add(place.buf.root)
            return _State(v, place=place, back=back)
        st = self.copied(v, place, Place(self.e.alloc(v.name, v.type.kind, place.shape)))
        st.back = back
        return st

    def copied(self, v: Var, init: Place, place: Place) -> _State:
        self.lo.note_copy(v, "initial state")
        self.e.copy(place, init)
        return _State(v, place=place)

    def bind_states(self, states: list[_State]) -> None:
        """The states at the start of an iteration; scalars are copies, which stay as they are."""
        for st in states:
            if st.reg is not None:
                self.lo.bind(st.var, self.e.var(st.var.name, st.reg.kind, st.reg))
            else:
                assert st.place is not None
                self.lo.bind(st.var, st.place)

    def advance(self, states: list[_State], values: list[Value]) -> None:
        """The next states at the end of an iteration.

        Values that lie in the storage of some state are copied out first, then what is private is
        copied in, then buffers are exchanged and registers set.
        """
        fronts = {st.place.buf.root for st in states if st.place is not None}
        late: list[tuple[Place, Place]] = []
        swaps = self.exchanges(states, values)
        done = {a for pair in swaps for a in pair}
        for st, x in zip(states, values, strict=True):
            if st.place is None or st.place.buf in done or x == st.place and st.back is None and st.next is None:
                continue
            assert isinstance(x, Place)
            if st.next is not None:
                for r, n in zip(st.next.shape, x.shape, strict=True):
                    assert isinstance(r, Reg)
                    self.e.set(r, n)
                self.e.emit(Alloc(st.next))
                self.e.copy(Place(st.next), x)
                swaps.append((st.place.buf, st.next))
            elif st.back is not None:
                if x != Place(st.back):
                    self.e.copy(Place(st.back), x)
                swaps.append((st.place.buf, st.back))
            elif x.buf.root in fronts:
                temp = Place(self.e.alloc(st.var.name, st.var.type.kind, st.place.shape))
                self.e.copy(temp, x)
                late.append((st.place, temp))
                self.lo.note_copy(st.var, "state exchanged")
            else:
                late.append((st.place, x))
                self.lo.note_copy(st.var, "next state")
        for dst, src in late:
            self.e.copy(dst, src)
        for a, b in swaps:
            self.e.emit(Swap(a, b))
        for st, x in zip(states, values, strict=True):
            if st.reg is not None:
                assert not isinstance(x, Place)
                self.e.set(st.reg, x)
            elif st.next is not None:
                for r, m in zip(st.sizes, st.next.shape, strict=True):
                    self.e.set(r, m)
                self.e.emit(Free(st.next))

    def exchanges(self, states: list[_State], values: list[Value]) -> list[tuple[Buf, Buf]]:
        """Pairs of buffers whose exchange, one after the other, gives each state its next value, where
        arrays that were updated in place change places."""
        places = {k: states[k].place for k in self.exchanged}
        at = {p: k for k, p in places.items() if p is not None}
        after = {k: at.get(x) for k in places if isinstance(x := values[k], Place)}
        if set(after.values()) != set(places):
            return []
        swaps: list[tuple[Buf, Buf]] = []
        left = set(places)
        while left:
            first = k = min(left)
            while (j := after[k]) != first:
                assert j is not None
                swaps.append((places[k].buf, places[j].buf))  # type: ignore[union-attr]
                left.discard(k)
                k = j
            left.discard(k)
        return swaps

    def final_state(self, v: Var, st: _State) -> Value:
        if st.reg is not None:
            return st.reg
        assert st.place is not None
        if st.next is None:
            return st.place
        final = Place(self.e.alloc(v.name, v.type.kind, tuple(self.e.var("n", "i64", n) for n in st.sizes)))
        self.e.copy(final, st.place)
        self.e.emit(Free(st.place.buf))
        return final

    # ------------------------------------------------ outs

    def out(self, v: Var, mode: str, element: Atom) -> _Out:
        """Storage for an out, holding the unit of its monoid."""
        lo, kind = self.lo, element.type.kind
        o = _Out(v, mode, kind=kind)
        want = self.wants.get(v)
        if mode == "build":
            assert isinstance(v.type, Array)
            if self.trip is not None:
                o.grown = True
                capacity = self.e.var("capacity", "i64", ZERO)
                o.place = Place(self.e.buf(v.name, kind, (capacity, *lo.operands(v.type.shape[1:])), "temp"))
                return o
            lo.check_size(v.type.shape)
            o.add = want is not None and want.add
            o.place = want.at(lo, v) if want is not None and o.add else lo.fresh(v, want)
        elif isinstance(v.type, Array):
            o.add = mode == "sum" and want is not None and want.add
            o.place = want.at(lo, v) if want is not None and o.add else lo.fresh(v, want)
            lo.check_size(v.type.shape)
            if not o.add:
                self.e.emit(FillIn(o.place, unit(mode, kind)))
        elif mode in ("argmax", "argmin"):
            o.reg = self.e.var("best", kind, unit(mode[3:], kind))
            o.arg = self.e.var("at", "i64", ZERO)
        else:
            o.reg = self.e.var(v.name, kind, unit(mode, kind))
        return o

    def dest(self, o: _Out, i: Operand) -> Dest | None:
        """Where the body puts an array for this out."""
        if o.place is None or not (o.mode == "sum" or (o.mode == "build" and len(o.place.shape) > 1)):
            return None
        if o.mode == "sum":
            return Dest(o.place, add=True)
        return Dest(o.place.at(i), add=o.add)

    def collect(self, o: _Out, value: Value, i: Operand, down: bool) -> None:
        """One iteration's value of an out; arrays with a destination are there already."""
        e = self.e
        if isinstance(value, Place):
            if o.mode not in ("build", "sum"):
                assert o.place is not None
                self.combine(o.place, value, _STEP[o.mode])
        elif o.mode == "build":
            assert o.place is not None
            if o.add:
                e.emit(Accum(o.place.at(i), value))
            else:
                e.emit(Store(o.place.at(i), value))
        elif o.arg is not None:
            assert o.reg is not None
            # Strictly better, or as good where the index runs down; NaN beats all but an earlier NaN.
            test = ("ge" if down else "gt") if o.mode == "argmax" else ("le" if down else "lt")
            better: Operand = e.op(test, "bool", value, o.reg)
            if o.kind in FLOATS:
                new = e.op("isnan", "bool", value)
                if not down:
                    new = e.op("and", "bool", new, e.op("not", "bool", e.op("isnan", "bool", o.reg)))
                better = e.op("or", "bool", better, new)
            e.set(o.reg, e.op("select", o.kind, better, value, o.reg))
            e.set(o.arg, e.op("select", "i64", better, i, o.arg))
        else:
            assert o.reg is not None
            e.set(o.reg, e.op(o.step or _STEP[o.mode], o.kind, o.reg, value))

    def combine(self, acc: Place, value: Place, step: str) -> None:
        """acc = step(acc, value), elementwise."""

        def cell(p: Place) -> None:
            x = self.e.load(value.at(*p.prefix[len(acc.prefix):]))
            self.e.emit(Store(p, self.e.op(step, acc.buf.kind, self.e.load(p), x)))

        self.e.elementwise(acc, cell)

    def final_out(self, o: _Out) -> None:
        if o.grown:
            assert o.place is not None and self.trip is not None
            rest = o.place.shape[1:]
            exact = self.e.buf(o.var.name, o.kind, (self.trip, *rest), "temp")
            if self.op.down:
                self.reverse(o, exact)
            else:
                self.e.emit(Swap(exact, o.place.buf))
            self.lo.bind(o.var, Place(exact))
        elif o.add:
            self.lo.added.add(o.var)
        elif o.place is not None:
            self.lo.bind(o.var, o.place)
        else:
            value = o.arg if o.arg is not None else o.reg
            assert value is not None
            self.lo.bind(o.var, value)

    def reverse(self, o: _Out, exact: Buf) -> None:
        """Rows in the order of their indices, where the index ran down."""
        assert o.place is not None and self.trip is not None
        self.e.emit(Alloc(exact))
        with self.e.loop(self.trip) as i:
            last = self.e.op("sub", "i64", self.trip, ONE)
            self.e.copy(Place(exact, (i,)), o.place.at(self.e.op("sub", "i64", last, i)))

    # ------------------------------------------------ the loop itself

    def body(
        self, block: Block, i: Operand, slot: Operand, states: list[_State], outs: list[_Out],
        there: Sequence[_Out] = (),
    ) -> None:
        """One iteration of this body; collected outs go to row `slot`, except those that are there."""
        lo, op = self.lo, self.op
        self.bind_states(states)
        dests = [Dest(Place(st.back)) if st.back is not None else None for st in states]
        dests += [None if o in there else self.dest(o, slot) for o in outs]
        lo.liveness.always(self.inside)
        values = lo.block(block, dests)
        lo.liveness.close()
        for o, x in zip(outs, values[len(states):], strict=True):
            if o in there:
                continue
            self.collect(o, x, slot if o.mode == "build" else i, op.down)
        self.advance(states, values[: len(states)])

    def counted(self, states: list[_State], outs: list[_Out]) -> None:
        """The loop; extremes of floats alone by operations that can be vector code first.

        Those differ from ours where the extreme is zero: they order the zeros, ours takes the first.
        """
        e = self.e
        regs = [o.reg for o in outs if o.mode in ("max", "min") and o.kind in FLOATS and o.reg is not None]
        if not regs or len(regs) < len(outs) or states or not is_light(self.op):
            self.parts(states, outs)
            return
        for o in outs:
            o.step = {"max": "maximum", "min": "minimum"}[o.mode]
        self.parts(states, outs)
        tests = [e.op("eq", "bool", r, Const(0.0, r.kind)) for r in regs]
        doubt = tests[0]
        for t in tests[1:]:
            doubt = e.op("or", "bool", doubt, t)
        with e.region(guard=True) as again:
            for o, r in zip(outs, regs, strict=True):
                o.step = ""
                e.set(r, unit(o.mode, o.kind))
            self.parts(states, outs)
        branch(e, doubt, again, [])

    def parts(self, states: list[_State], outs: list[_Out]) -> None:
        op, e = self.op, self.e
        assert op.extent is not None
        extent = self.lo.operand(op.extent)
        done: Operand = ZERO
        pieces = self.lo.pieces(op)
        placed = {only_there(self.lo, op, p, k)
                  for p in pieces for k, o in enumerate(outs) if is_there(self.lo, p, k, o.place)}
        self.inside -= placed
        for piece in pieces:
            stop = extent if piece.stop is op.extent else self.lo.operand(piece.stop)
            if not piece.sure and piece.stop is not op.extent:
                stop = e.op("max", "i64", done, e.op("min", "i64", stop, extent))
            there = [o for k, o in enumerate(outs) if is_there(self.lo, piece, k, o.place)]
            if there and len(there) == len(outs) and is_idle(piece.block):
                done = stop
                continue
            count = stop if done == ZERO else e.op("sub", "i64", stop, done)
            with e.region() as body:
                k = i = e.reg(op.index.name, "i64")
                if done != ZERO:
                    i = e.op("add", "i64", k, done, name=op.index.name)
                self.lo.bind(op.index, i)
                self.body(piece.block, i, i, states, outs, there)
            e.emit(For(k, count, e.scoped(body), op.down))
            done = stop

    def headed(self, states: list[_State], outs: list[_Out]) -> None:
        """`while`: the head is evaluated only where the index is in range."""
        op, e, lo = self.op, self.e, self.lo
        assert op.head is not None and self.trip is not None
        extent = None if op.extent is None else lo.operand(op.extent)
        go = e.var("go", "bool", FALSE)
        with e.region() as head:
            more: Operand = TRUE if extent is None else e.op("lt", "bool", self.trip, extent)
            e.set(go, more)
            with e.region(guard=True) as test:
                self.bind_index(extent)
                self.bind_states(states)
                lo.liveness.always({*self.inside, *op.states, *lo.uses.block(op.body)})
                (c,) = lo.block(op.head, [None])
                lo.liveness.close()
                assert not isinstance(c, Place)
                e.set(go, c)
            branch(e, more, e.scoped(test), [])
        with e.region() as body:
            for o in outs:
                if o.grown:
                    assert o.place is not None
                    e.emit(Grow(o.place.buf, self.trip))
            with e.region() as inner:
                slot = e.var("row", "i64", self.trip)
                self.body(op.body, self.bind_index(extent), slot, states, outs)
            steps: list[LStmt] = e.scoped(inner)
            for t in steps:
                e.emit(t)
            e.set(self.trip, e.op("add", "i64", self.trip, ONE))
        e.emit(While(head, go, body))

    def bind_index(self, extent: Operand | None) -> Operand:
        """The index of this iteration, from the number of those before."""
        assert self.trip is not None
        i: Operand = self.e.var(self.op.index.name, "i64", self.trip)
        if self.op.down and extent is not None:
            i = self.e.op("sub", "i64", self.e.op("sub", "i64", extent, ONE), self.trip)
        self.lo.bind(self.op.index, i)
        return i


def is_light(op: Loop) -> bool:
    """A body small enough to stand twice, that does nothing but compute, of a loop that may be long."""
    short = isinstance(op.extent, Const) and op.extent.value <= _SHORT
    return not short and len(op.body.stmts) <= _LIGHT and is_idle(op.body)


def unit(mode: str, kind: str) -> Const:
    """What a monoid gives of nothing."""
    if mode in ("max", "min"):
        if kind in FLOATS:
            return Const(float("-inf") if mode == "max" else float("inf"), kind)
        bits = 63 if kind == "i64" else 31
        return Const(-(2**bits) if mode == "max" else 2**bits - 1, kind)
    return Const({"sum": 0, "prod": 1, "any": False, "all": True}[mode], kind)
