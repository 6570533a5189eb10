"""Loop interchange: where an inner loop walks down columns, it becomes the outer one, and rows are walked.

    for j { t = 0; for k { t = t + a[i, k] * b[k, j] }; out[i, j] = t }
    →   for j { T[j] = 0 };  for k { for j { T[j] = T[j] + a[i, k] * b[k, j] } };  for j { out[i, j] = T[j] }

What the inner loop carries stands in a temporary row (scalar expansion).  Each cell sees the same operations
in the same order, so results are the same to the last bit unless cells are added to, and the new inner loop can
be vector code.  Four
steps of the new outer loop are taken at once, so that the row is loaded and stored once for them.
(Allen and Kennedy, "Optimizing Compilers for Modern Architectures", sections 5.2 and 8.4.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .ir import Const, integer
from .loops import (
    Accum,
    Alloc,
    Assign,
    Buf,
    For,
    Free,
    Grow,
    Load,
    LStmt,
    Operand,
    Place,
    Reg,
    Scope,
    Store,
    Swap,
    blocks,
    places,
    reads,
    walk,
    writes,
)

_SHORT = 8  # constant extents below this are left alone
_STEPS = 4  # of the new outer loop at once,
_SMALL = 16  # if its body has no more statements than this
_CHEAP = frozenset(("copy", "add", "sub", "mul", "neg", "eq", "ne", "lt", "le", "gt", "ge", "and", "or", "not", "select"))


def interchange(body: list[LStmt]) -> list[LStmt]:
    """The statements with loops interchanged where that makes walks along rows."""
    out: list[LStmt] = []
    for s in body:
        for b in blocks(s):
            b[:] = interchange(b)
        out += _loop(s) if isinstance(s, For) else [s]
    return out


def _loop(s: For) -> list[LStmt]:
    nest = _nest(s)
    return [s] if nest is None else [Scope(nest.interchanged())]


_Line = Assign | Load | Accum | Store


@dataclass(frozen=True)
class _Nest:
    """`outer { before; inner { … }; after }`, with the registers that the inner loop carries."""

    outer: For
    before: Sequence[Assign | Load]
    inner: For
    body: Sequence[Assign | Load | Accum]  # of the inner loop
    after: Sequence[LStmt]
    carried: Sequence[Reg]

    def interchanged(self) -> list[LStmt]:
        j, n, k = self.outer.index, self.outer.extent, self.inner.extent
        rows = {r: Place(Buf(r.name, r.kind, (n,), "temp"), (j,)) for r in self.carried}
        loads = [Load(r, cell) for r, cell in rows.items()]
        stores = [Store(cell, r) for r, cell in rows.items()]
        out: list[LStmt] = [Alloc(cell.buf) for cell in rows.values()]
        if rows:
            out.append(self.across([(s, self.inner.index) for s in (*self.before, *stores)]))
        if len(self.body) <= _SMALL:
            groups, done, left = Reg("groups", "i64"), Reg("done", "i64"), Reg("left", "i64")
            out += [
                Assign(groups, "floordiv", (k, integer(_STEPS))), Assign(done, "mul", (groups, integer(_STEPS))),
                Assign(left, "sub", (k, done)), self.steps(groups, "mul", integer(_STEPS), _STEPS, loads, stores),
                self.steps(left, "add", done, 1, loads, stores),
            ]
        else:
            out.append(self.steps(k, "add", integer(0), 1, loads, stores))
        return out + (_loop(For(j, n, [*self.before, *loads, *self.after])) if self.after else [])

    def steps(self, count: Operand, op: str, by: Operand, times: int, loads: Sequence[_Line], stores: Sequence[_Line]) -> For:
        """The new outer loop: the inner one's steps from `index op by` on, `times` of them in each of its own."""
        index, first = Reg(self.inner.index.name, "i64"), Reg(self.inner.index.name, "i64")
        at: list[LStmt] = [Assign(first, op, (index, by))]
        lines: list[tuple[_Line, Reg]] = [(s, first) for s in (*_slice(self.before, self.body), *loads)]
        for step in range(times):
            here = first
            if step:
                here = Reg(first.name, "i64")
                at.append(Assign(here, "add", (first, integer(step))))
            lines += [(s, here) for s in self.body]
        return For(index, count, [*at, self.across([*lines, *((s, first) for s in stores)])])

    def across(self, lines: Sequence[tuple[_Line, Reg]]) -> For:
        """A copy of the outer loop with these lines, each at an index of the inner one; it has registers of its own."""
        names: dict[Operand, Reg] = {r: Reg(r.name, r.kind) for r in (self.outer.index, *self.carried)}
        body: list[LStmt] = []

        def write(r: Reg) -> Reg:
            if r not in self.carried:
                names[r] = Reg(r.name, r.kind)
            return names[r]

        def at(p: Place) -> Place:
            return Place(p.buf, tuple(names.get(x, x) for x in p.prefix))

        for s, index in lines:
            names[self.inner.index] = index
            match s:
                case Assign(r, op, args):
                    args = tuple(names.get(x, x) for x in args)
                    body.append(Assign(write(r), op, args))
                case Load(r, p):
                    p = at(p)
                    body.append(Load(write(r), p))
                case Accum(p, v):
                    body.append(Accum(at(p), names.get(v, v)))
                case Store(p, v):
                    body.append(Store(at(p), names.get(v, v)))
        return For(names[self.outer.index], self.outer.extent, body)


def _nest(outer: For) -> _Nest | None:
    """The nest to interchange, if that is possible and pays."""
    before: list[Assign | Load] = []
    for s in outer.body:
        if not isinstance(s, Assign | Load):
            break
        before.append(s)
    inner = outer.body[len(before)] if len(before) < len(outer.body) else None
    if outer.down or not isinstance(inner, For) or inner.down:
        return None
    body = [s for s in inner.body if isinstance(s, Assign | Load | Accum)]
    if len(body) < len(inner.body) or any(
            isinstance(e, Const) and int(e.value) < _SHORT for e in (outer.extent, inner.extent)):
        return None
    after = outer.body[len(before) + 1:]
    carried = _carried(outer, before, inner, after)
    if carried is None or any(isinstance(t, Swap | Grow | Free) for t in walk(after)):
        return None
    added = {s.dst.buf.root for s in body if isinstance(s, Accum)}
    loaded = {s.src.buf.root for s in (*before, *body) if isinstance(s, Load)}
    later = {p.buf.root for t in walk(after) for p in places(t)}
    written = {p.buf.root for t in walk(after) if not isinstance(t, Load) for p in places(t)}
    if added & (loaded | later) or written & loaded:
        return None
    nest = _Nest(outer, before, inner, body, after, carried)
    return nest if _pays(nest) else None


def _carried(outer: For, before: Sequence[LStmt], inner: For, after: Sequence[LStmt]) -> list[Reg] | None:
    """What an iteration of the inner loop leaves for the next, or for what comes behind it; None if
    iterations of the outer loop depend on each other there."""
    changed = {r for t in walk(outer.body) for r in writes(t)} - {outer.index}
    known: set[Operand] = set()
    for t in before:
        if any(r in changed and r not in known for r in reads(t)):
            return None
        known.update(writes(t))
    inside = {r for t in inner.body for r in writes(t)}
    if inner.extent in {*changed, outer.index} or inner.index in known or inside & {outer.index, inner.index}:
        return None
    carried: dict[Reg, None] = {}
    fresh: set[Operand] = {inner.index}
    for t in inner.body:
        for r in reads(t):
            if isinstance(r, Reg) and r in changed and r not in fresh:
                if r not in known:
                    return None
                if r in inside:
                    carried[r] = None
        fresh.update(writes(t))
    for r in {r for t in walk(list(after)) for r in reads(t) if isinstance(r, Reg)} & inside:
        if r not in known:
            return None
        carried[r] = None
    return list(carried)


def _slice(stmts: Sequence[Assign | Load], wanted: Iterable[LStmt]) -> list[Assign | Load]:
    """The statements that these need."""
    need = {r for t in wanted for r in reads(t)}
    out: list[Assign | Load] = []
    for s in reversed(stmts):
        if s.reg in need:
            out.append(s)
            need.update(reads(s))
    return out[::-1]


# ---------------------------------------------------------------- does it pay?


def _pays(nest: _Nest) -> bool:
    """Are columns walked now, and none afterwards, and little computed again?"""
    needed = [s for s in _slice(nest.before, nest.body) if s.reg not in nest.carried]
    if not all(isinstance(s, Load) or s.op in _CHEAP for s in needed):
        return False
    touched = [s.dst if isinstance(s, Accum) else s.src for s in (*needed, *nest.body) if not isinstance(s, Assign)]
    now, then = (_columns(touched, nest, v) for v in (nest.inner.index, nest.outer.index))
    return now > 0 and then == 0


def _columns(touched: Sequence[Place], nest: _Nest, index: Reg) -> int:
    """How many places jump when this index goes on by one."""
    defined = {s.reg: s for s in (*nest.before, *nest.body) if isinstance(s, Assign | Load)}
    steps: dict[Operand, int | None] = {index: 1}

    def step(a: Operand) -> int | None:
        """By how much an operand goes on; None: not by a constant."""
        if a not in steps:
            s = defined.get(a) if isinstance(a, Reg) and a not in nest.carried else None
            steps[a] = None if a in nest.carried else 0
            match s:
                case Assign(_, "copy", (x,)):
                    steps[a] = step(x)
                case Assign(_, "add" | "sub" as op, (x, y)):
                    m, n = step(x), step(y)
                    steps[a] = None if m is None or n is None else m + n if op == "add" else m - n
                case Assign(_, _, args):
                    steps[a] = 0 if all(step(x) == 0 for x in args) else None
                case Load(_, p):
                    steps[a] = 0 if all(step(x) == 0 for x in p.prefix) else None
        return steps[a]

    def jumps(p: Place) -> bool:
        *front, last = p.prefix
        return any(step(x) != 0 for x in front) or step(last) not in (0, 1)

    return sum(map(jumps, touched))
