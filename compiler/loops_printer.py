"""The loop IR as text, in the grammar at the top of loops.py."""

from __future__ import annotations

from collections.abc import Sequence

from .ir import FLOATS, Const
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
)

VERSION = 1


def print_loops(f: LoopFunction) -> str:
    """The function, its sites behind it; names are numbered in the order in which they appear."""
    return _Printer().function(f)


class _Printer:
    def __init__(self) -> None:
        self.names: dict[Reg | Buf, str] = {}
        self.counts: dict[str, int] = {}
        self.lines: list[str] = []

    def name(self, x: Reg | Buf) -> str:
        if x not in self.names:
            stem = ("%" if isinstance(x, Reg) else "@") + x.name
            k = self.counts[stem] = self.counts.get(stem, 0) + 1
            self.names[x] = f"{stem}.{k}"
        return self.names[x]

    def operand(self, a: Operand) -> str:
        if isinstance(a, Reg):
            return self.name(a)
        return constant(a)

    def operands(self, xs: Sequence[Operand]) -> str:
        return ", ".join(self.operand(x) for x in xs)

    def place(self, p: Place) -> str:
        new = p.buf.view is not None and p.buf not in self.names
        return f"{self.name(p.buf)}{f'({self.buffer(p.buf)})' if new else ''}[{self.operands(p.prefix)}]"

    def buffer(self, b: Buf) -> str:
        text = f"{self.name(b)} : {b.kind}[{self.operands(b.shape)}] {b.space}"
        return text if b.view is None else f"{text} of {self.place(b.view.of)} from {self.operand(b.view.start)}"

    def function(self, f: LoopFunction) -> str:
        params = []
        for p in f.params:
            if isinstance(p.value, Reg):
                params.append(f"{self.name(p.value)} : {p.value.kind}")
            else:
                params.append(f"{self.buffer(p.value)} given ({self.operands(p.sizes)})")
        outs = [self.buffer(r) if isinstance(r, Buf) and r.space == "out" else "" for r in f.results]
        self.block(f.body, 1)
        results = [out or (self.name(r) if isinstance(r, Buf) else f"{self.operand(r)} : {r.kind}")
                   for r, out in zip(f.results, outs, strict=True)]
        head = f"loops {VERSION}\nfunc {f.name}({', '.join(params)}) -> ({', '.join(results)}) {{"
        sites = [f"site {k} = {s.code} {s.message!r} ({', '.join(s.kinds)})" for k, s in enumerate(f.sites)]
        return "\n".join([head, *self.lines, "}", *sites]) + "\n"

    def block(self, body: list[LStmt], depth: int) -> None:
        for s in body:
            self.stmt(s, depth)

    def line(self, depth: int, text: str) -> None:
        self.lines.append("  " * depth + text)

    def stmt(self, s: LStmt, depth: int) -> None:
        match s:
            case For(i, extent, body, down, mode, poll):
                how = ("down " if down else "") + mode + (" poll" if poll else "")
                self.line(depth, f"for {self.name(i)} < {self.operand(extent)} {how} {{")
                self.block(body, depth + 1)
                self.line(depth, "}")
            case While(head, cond, body, poll):
                self.line(depth, f"while {'poll ' if poll else ''}{{")
                self.block(head, depth + 1)
                self.line(depth, f"}} {self.operand(cond)} {{")
                self.block(body, depth + 1)
                self.line(depth, "}")
            case Branch(cond, then, orelse):
                self.line(depth, f"if {self.operand(cond)} {{")
                self.block(then, depth + 1)
                if orelse:
                    self.line(depth, "} else {")
                    self.block(orelse, depth + 1)
                self.line(depth, "}")
            case Scope(body):
                self.line(depth, "scope {")
                self.block(body, depth + 1)
                self.line(depth, "}")
            case _:
                self.line(depth, self.simple(s))

    def simple(self, s: LStmt) -> str:
        match s:
            case Assign(r, op, args):
                return f"{self.name(r)} : {r.kind} = {op}({self.operands(args)})"
            case Load(r, p):
                return f"{self.name(r)} : {r.kind} = {self.place(p)}"
            case Store(p, v):
                return f"{self.place(p)} = {self.operand(v)}"
            case Accum(p, v):
                return f"{self.place(p)} += {self.operand(v)}"
            case Alloc(b):
                return f"alloc {self.buffer(b)}"
            case Free(b):
                return f"free {self.name(b)}"
            case Swap(b, c):
                return f"swap {self.name(b)}, {self.name(c)}"
            case FillIn(p, v):
                return f"fill {self.place(p)} = {self.operand(v)}"
            case CopyIn(p, q):
                return f"copy {self.place(p)} = {self.place(q)}"
            case Grow(b, rows):
                return f"grow {self.buffer(b)}, {self.operand(rows)}"
            case Sort(p, q):
                return f"sort {self.place(p)} = {self.place(q)}"
            case Check(cond, site, values):
                return f"check {self.operand(cond)}, {site}({self.operands(values)})"
            case ShowAt(site, shown):
                parts = [self.place(v) if isinstance(v, Place) else self.operand(v) for v in shown]
                return f"show {site}({', '.join(parts)})"
        raise AssertionError(s)


def constant(c: Const) -> str:
    """A constant with its kind where the text alone does not tell it."""
    if c.kind == "bool":
        return "true" if c.value else "false"
    if c.kind in FLOATS:
        return repr(c.value) + ("" if c.kind == "f64" else ":f32")
    return str(c.value) + ("" if c.kind == "i64" else ":i32")
