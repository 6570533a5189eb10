"""The verifier of the loop IR: definitions before uses, kinds, ranks, spaces."""

from __future__ import annotations

from collections import Counter

from .errors import InternalError
from .loops import (
    Accum,
    Alloc,
    Assign,
    Branch,
    Buf,
    Check,
    CopyIn,
    FillIn,
    For,
    Free,
    Grow,
    Load,
    LoopFunction,
    LStmt,
    Operand,
    Place,
    Reg,
    Scope,
    ShowAt,
    Sort,
    Store,
    Swap,
    While,
    reads,
    walk,
    writes,
)
from .primitives import result_kind


def verify_loops(f: LoopFunction) -> None:
    """Raises an internal error (DV0999) at the first thing that is wrong."""
    _Verifier(f).function()


class _Verifier:
    def __init__(self, f: LoopFunction) -> None:
        self.f = f
        self.regs: set[Reg] = set()
        self.bufs: set[Buf] = set()
        self.assigned = Counter(r for s in walk(f.body) for r in writes(s))

    def wrong(self, s: object, why: str) -> InternalError:
        return InternalError("DV0999", f"loop IR of {self.f.name}: {why}: {s}")

    def function(self) -> None:
        for p in self.f.params:
            self.regs.update(p.sizes)
            if isinstance(p.value, Reg):
                self.regs.add(p.value)
            else:
                self.bufs.add(p.value)
        self.bufs.update(r for r in self.f.results if isinstance(r, Buf) and r.space == "out")
        self.block(self.f.body)
        for r in self.f.results:
            if isinstance(r, Buf):
                if r.space not in ("out", "heap") or r not in self.bufs:
                    raise self.wrong(r, "a result that nothing allocates")
            else:
                self.operand(r, r)

    def block(self, body: list[LStmt]) -> None:
        """What a list defines is known after it only if every way through defines it: see `branch`."""
        for s in body:
            self.stmt(s)

    def nested(self, *bodies: list[LStmt]) -> None:
        """Bodies that may not run: what they define stays inside, unless all of them define it."""
        before = set(self.regs), set(self.bufs)
        after = []
        for b in bodies:
            self.regs, self.bufs = set(before[0]), set(before[1])
            self.block(b)
            after.append((self.regs, self.bufs))
        self.regs = before[0] | (set.intersection(*(a[0] for a in after)) if len(bodies) > 1 else set())
        self.bufs = before[1] | (set.intersection(*(a[1] for a in after)) if len(bodies) > 1 else set())

    def operand(self, a: Operand, s: object) -> None:
        if isinstance(a, Reg) and a not in self.regs:
            raise self.wrong(s, f"{a} is read before it is defined")

    def place(self, p: Place, s: LStmt, rank: int | None, write: bool = False) -> None:
        if p.buf.view is not None:
            self.place(p.buf.view.of.at(p.buf.view.start), s, None, write)
        elif p.buf not in self.bufs:
            raise self.wrong(s, f"{p.buf} is used before it is allocated")
        if len(p.prefix) > len(p.buf.shape) or (rank is not None and len(p.shape) != rank):
            raise self.wrong(s, f"{p} has the wrong number of indices")
        if any(i.kind != "i64" for i in p.prefix):
            raise self.wrong(s, f"{p} has an index that is no i64")
        if write and p.buf.space == "in":
            raise self.wrong(s, f"{p.buf} is a parameter and is written")

    def kind(self, s: LStmt, got: str | None, want: str) -> None:
        if got != want:
            raise self.wrong(s, f"kind {got} where {want} is expected")

    def stmt(self, s: LStmt) -> None:
        if not isinstance(s, (Alloc, Grow, Swap, Free)):
            for a in reads(s):
                self.operand(a, s)
        match s:
            case Assign(r, op, args):
                kinds = [a.kind for a in args]
                op = {"sum": "add", "prod": "mul", "maximum": "max", "minimum": "min"}.get(op, op)
                self.kind(s, kinds[0] if op == "copy" else result_kind(op, kinds), r.kind)
                self.regs.add(r)
            case Load(r, p):
                self.place(p, s, 0)
                self.kind(s, p.buf.kind, r.kind)
                self.regs.add(r)
            case Store(p, v) | Accum(p, v):
                self.place(p, s, 0, write=True)
                self.kind(s, v.kind, p.buf.kind)
            case FillIn(p, v):
                self.place(p, s, None, write=True)
                self.kind(s, v.kind, p.buf.kind)
            case CopyIn(p, q):
                self.place(q, s, len(p.shape))
                self.place(p, s, None, write=True)
                self.kind(s, q.buf.kind, p.buf.kind)
            case For():
                self.kind(s, s.extent.kind, "i64")
                self.regs.add(s.index)
                if self.assigned[s.index] != 1:
                    raise self.wrong(s.index, "a loop index is assigned")
                self.nested(s.body)
            case While():
                self.block(s.head)
                self.operand(s.cond, s.cond)
                self.nested(s.body)
                # A buffer that never grew has no rows.
                self.bufs.update(t.buf for t in s.body if isinstance(t, Grow))
            case Branch(cond, then, orelse):
                self.kind(s, cond.kind, "bool")
                self.nested(then, orelse)
            case Scope(body):
                self.block(body)
            case Alloc(b):
                self.alloc(b, s)
            case Grow(b):
                if not isinstance(b.shape[0], Reg) or self.assigned[b.shape[0]] < 2:
                    raise self.wrong(s, "a growing buffer without a capacity")
                self.alloc(b, s)
            case Free(b):
                self.kind(s, b.space, "heap")
            case Swap(b, c):
                if (b.kind, b.space, len(b.shape)) != (c.kind, c.space, len(c.shape)):
                    raise self.wrong(s, "buffers that differ are exchanged")
                self.bufs |= {b, c}
            case Sort(p, q):
                self.place(p, s, 1, write=True)
                self.place(q, s, 1)
            case Check(cond, site):
                self.kind(s, cond.kind, "bool")
                self.site(s, site)
            case ShowAt(site, values):
                self.site(s, site)
                for shown in values:
                    if isinstance(shown, Place):
                        self.place(shown, s, None)

    def site(self, s: LStmt, site: int) -> None:
        if not 0 <= site < len(self.f.sites):
            raise self.wrong(s, "no such site")

    def alloc(self, b: Buf, s: LStmt) -> None:
        if b.space not in ("temp", "heap"):
            raise self.wrong(s, f"a buffer of space {b.space} is allocated")
        for n in b.shape:
            self.operand(n, s)
        self.bufs.add(b)
