"""Loop functions as text, in the grammar at the top of `compiler/loops.py`."""

from __future__ import annotations

from collections.abc import Iterator

from ..compiler import loops as lp
from ..compiler.ir import Const


def loops_text(f: lp.LoopFunction) -> str:
    """The function with names as short as they stay apart."""
    return _Text().function(f)


class _Text:
    def __init__(self) -> None:
        self.names: dict[object, str] = {}
        self.taken: set[str] = set()

    def name(self, x: lp.Reg | lp.Buf) -> str:
        found = self.names.get(x)
        if found is None:
            sign = "@" if isinstance(x, lp.Buf) else "%"
            found, k = sign + x.name, 2
            while found in self.taken:
                found, k = f"{sign}{x.name}.{k}", k + 1
            self.taken.add(found)
            self.names[x] = found
        return found

    def operand(self, x: lp.Operand) -> str:
        if isinstance(x, Const):
            return str(x.value).lower() if x.kind == "bool" else str(x.value)
        return self.name(x)

    def place(self, p: lp.Place) -> str:
        return self.name(p.buf) + (f"[{', '.join(map(self.operand, p.prefix))}]" if p.prefix else "")

    def buf(self, b: lp.Buf) -> str:
        return f"{self.name(b)} : {b.kind}[{', '.join(map(self.operand, b.shape))}] {b.space}"

    def function(self, f: lp.LoopFunction) -> str:
        params = [
            self.buf(p.value) if isinstance(p.value, lp.Buf) else f"{self.name(p.value)} : {p.value.kind}"
            for p in f.params
        ]
        results = [self.buf(r) if isinstance(r, lp.Buf) else self.operand(r) for r in f.results]
        lines = [f"func {f.name}({', '.join(params)}) -> ({', '.join(results)}) {{", *self.block(f.body), "}"]
        sites = [f"# site {k}: {s.code} {s.message}" + (f"  {s.span}" if s.span else "") for k, s in enumerate(f.sites)]
        return "\n".join(lines + sites) + "\n"

    def block(self, body: list[lp.LStmt]) -> Iterator[str]:
        for s in body:
            for line in self.statement(s):
                yield "  " + line

    def statement(self, s: lp.LStmt) -> Iterator[str]:
        match s:
            case lp.For():
                down = " down" if s.down else ""
                yield f"for {self.name(s.index)} < {self.operand(s.extent)}{down} {s.mode} {{"
                yield from self.block(s.body)
                yield "}"
            case lp.While():
                yield "while {"
                yield from self.block(s.head)
                yield f"}} {self.operand(s.cond)} {{"
                yield from self.block(s.body)
                yield "}"
            case lp.Branch():
                yield f"if {self.operand(s.cond)} {{"
                yield from self.block(s.then)
                if s.orelse:
                    yield "} else {"
                    yield from self.block(s.orelse)
                yield "}"
            case lp.Scope():
                yield "scope {"
                yield from self.block(s.body)
                yield "}"
            case _:
                yield self.simple(s)

    def simple(self, s: lp.LStmt) -> str:
        match s:
            case lp.Assign(reg, op, args):
                return f"{self.name(reg)} = {op}({', '.join(map(self.operand, args))})"
            case lp.Load(reg, src):
                return f"{self.name(reg)} = {self.place(src)}"
            case lp.Store(dst, value):
                return f"{self.place(dst)} = {self.operand(value)}"
            case lp.Accum(dst, value):
                return f"{self.place(dst)} += {self.operand(value)}"
            case lp.Alloc(buf):
                return f"alloc {self.buf(buf)}"
            case lp.Free(buf):
                return f"free {self.name(buf)}"
            case lp.Swap(a, b):
                return f"swap {self.name(a)}, {self.name(b)}"
            case lp.FillIn(dst, value):
                return f"fill {self.place(dst)} = {self.operand(value)}"
            case lp.CopyIn(dst, src):
                return f"copy {self.place(dst)} = {self.place(src)}"
            case lp.Grow(buf, rows):
                return f"grow {self.name(buf)}, {self.operand(rows)}"
            case lp.Sort(dst, src):
                return f"sort {self.place(dst)} = {self.place(src)}"
            case lp.Check(cond, site, values):
                return f"check {self.operand(cond)}, site {site}({', '.join(map(self.operand, values))})"
            case lp.ShowAt(site, values):
                shown = [self.place(v) if isinstance(v, lp.Place) else self.operand(v) for v in values]
                return f"show site {site}({', '.join(shown)})"
        return repr(s)
