"""Loop IR to LLVM text.

A function becomes an entry of the C interface (abi.h), which unpacks the slots, and an internal
function with the body, whose array parameters are `noalias`.  Registers that are assigned once are
LLVM values, the others live in `alloca`s, as do pointers of buffers that change; LLVM's first pass
turns them into values.
"""

from __future__ import annotations

from collections.abc import Sequence

from . import llvm_runtime as rt
from .ir import Const
from .llvm_math import MATH
from .llvm_ops import CALLS, constant
from .llvm_runtime import LLVM_TYPES, MEMORY_TYPES, ROUTINES, needed
from .llvm_special import SPECIAL
from .llvm_text import BUDGET, COLD, NESTS, FunctionBase, count_loops, mentions
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
    blocks,
    contains_loops,
    places,
    tiny,
    walk,
    writes,
)

_PRELUDE = """
declare noalias ptr @malloc(i64) nounwind
declare void @free(ptr) nounwind
declare double @lgamma_r(double, ptr) nounwind
"""

_EPILOGUE = """
!0 = !{!"branch_weights", i32 1000000, i32 1}
"""


def emit_module(functions: Sequence[LoopFunction], *, inline: bool = True) -> str:
    """The text of a module with these entries; `inline`: exp and log of our own where loops may become
    vector code (the processor must have fused multiply-add)."""
    bodies: list[str] = []
    declared: dict[str, str] = {}
    for f in functions:
        emitter = _FunctionText(f)
        emitter.inline = inline
        bodies.append(emitter.text())
        declared.update(emitter.ops.declared)
    text = "\n".join(bodies)
    helpers = "\n".join(needed(text, ROUTINES | SPECIAL | MATH))
    # Routines call libm too.
    libm = {n: d for n, d in declared.items()}
    for name in ("log", "pow", "tan", "tgamma"):
        if f"@{name}(" in helpers:
            args = "double, double" if name == "pow" else "double"
            libm.setdefault(name, f"declare double @{name}({args}) nounwind willreturn memory(none)")
    return "\n".join([_PRELUDE, *libm.values(), helpers, text, _EPILOGUE])


class _FunctionText(FunctionBase):
    """Emission of one function."""

    # ------------------------------------------------ the function

    def text(self) -> str:
        """The entry and the body."""
        f = self.f
        params: list[tuple[str, str, str]] = []  # type, attributes, value
        loads: list[str] = []
        slot = 0

        def load(type_: str, value: str, offset: int) -> None:
            loads.append(f"  {value}.p = getelementptr i8, ptr %slots, i64 {8 * offset}")
            loads.append(f"  {value} = load {type_}, ptr {value}.p")

        for p in f.params:
            if isinstance(p.value, Reg):
                value = f"%a{slot}"
                t = LLVM_TYPES[p.value.kind]
                if p.value.kind == "bool":
                    load("i8", value + ".b", slot)
                    loads.append(f"  {value} = icmp ne i8 {value}.b, 0")
                else:
                    load(t, value, slot)
                params.append((t, "", value))
                self.values[p.value] = value
                slot += 1
                continue
            value = f"%a{slot}"
            load("ptr", value, slot)
            params.append(("ptr", "noalias readonly", value))
            self.pointers[p.value] = value
            for k, r in enumerate(p.sizes):
                load("i64", f"%a{slot + 1 + k}", slot + 1 + k)
                params.append(("i64", "", f"%a{slot + 1 + k}"))
                self.values[r] = f"%a{slot + 1 + k}"
            slot += 1 + 2 * len(p.sizes)
        results: list[int] = []
        for x in f.results:
            results.append(slot)
            if isinstance(x, Buf):
                if x.space == "out":
                    load("ptr", f"%a{slot}", slot)
                    params.append(("ptr", "noalias", f"%a{slot}"))
                    self.pointers[x] = f"%a{slot}"
                slot += 1 + 2 * len(x.shape)
            else:
                slot += 1
        self.body(f.body)
        self.finish(results)
        name = symbol(f.name)
        formal = ", ".join(["ptr noalias %ctx", "ptr %slots", *(f"{t} {a} {v}" for t, a, v in params)])
        actual = ", ".join(["ptr %ctx", "ptr %slots", *(f"{t} {v}" for t, _, v in params)])
        entry = [
            f"define i32 @{name}(ptr %ctx, ptr %slots) nounwind {{",
            *loads,
            f"  %code = call i32 @{name}.body({actual})",
            "  %bad = icmp ne i32 %code, 0",
            "  br i1 %bad, label %failed, label %leave",
            "failed:",
            "  call void @dv_heap_clear(ptr %ctx)",
            "  br label %leave",
            "leave:",
            f"  %chunk.p = getelementptr i8, ptr %ctx, i64 {rt.CHUNK}",
            "  %chunk = load ptr, ptr %chunk.p",
            "  %used = icmp ne ptr %chunk, null",
            "  br i1 %used, label %empty, label %exit",
            "empty:",
            "  call void @dv_leave(ptr %ctx)",
            "  br label %exit",
            "exit:",
            "  ret i32 %code",
            "}",
        ]
        return "\n".join([*self.nests, *self.definition(f"{name}.body", formal), *entry, ""])

    def definition(self, name: str, formal: str) -> list[str]:
        """The lines of an internal function."""
        return [f"define internal i32 @{name}({formal}) noinline nounwind {{", "entry:", *self.entry, *self.lines,
                *self.failures, "}"]

    def finish(self, slots: list[int]) -> None:
        """Stores the results."""
        for r, k in zip(self.f.results, slots, strict=True):
            at = self.ops.line(f"getelementptr i8, ptr %slots, i64 {8 * k}")
            if not isinstance(r, Buf):
                v = self.get(r)
                if r.kind == "bool":
                    v = self.ops.line(f"zext i1 {v} to i64")
                self.emit(f"  store {'i64' if r.kind == 'bool' else LLVM_TYPES[r.kind]} {v}, ptr {at}")
            elif r.space == "heap":
                p = self.pointer(r)
                self.emit(f"  call void @dv_heap_detach(ptr %ctx, ptr {p})")
                self.emit(f"  store ptr {p}, ptr {at}")
                for j, n in enumerate(r.shape):
                    to = self.ops.line(f"getelementptr i8, ptr %slots, i64 {8 * (k + 1 + j)}")
                    self.emit(f"  store i64 {self.get(n)}, ptr {to}")
        self.emit("  ret i32 0")

    # ------------------------------------------------ statements

    def body(self, stmts: list[LStmt]) -> None:
        for s in stmts:
            self.stmt(s)

    def stmt(self, s: LStmt) -> None:
        match s:
            case Assign(r, "copy", (a,)):
                self.set(r, self.get(a))
            case Assign(r, op, args):
                self.set(r, self.ops.apply(op, r.kind, [a.kind for a in args], [self.get(a) for a in args]))
            case Load(r, p):
                self.set(r, self.load(p.buf.kind, self.address(p)))
            case Store(p, v):
                self.store(p.buf.kind, self.get(v), self.address(p))
            case Accum(p, v):
                kind, at = p.buf.kind, self.address(p)
                total = self.ops.apply("sum", kind, [kind, kind], [self.load(kind, at), self.get(v)])
                self.store(kind, total, at)
            case For() | While() if self.split:
                self.nest(s)
            case For():
                self.counted(s)
            case While():
                self.headed(s)
            case Branch(c, then, orelse):
                self.branch(c, then, orelse)
            case Alloc(b):
                self.alloc(b)
            case Free(b):
                self.emit(f"  call void @dv_heap_free(ptr %ctx, ptr {self.pointer(b)})")
                self.set_pointer(b, "null")
            case Scope(body):
                self.scope(body)
            case Swap(a, b):
                x, y = self.pointer(a), self.pointer(b)
                self.set_pointer(a, y)
                self.set_pointer(b, x)
            case FillIn(p, v):
                self.fill(p, v)
            case CopyIn(p, q):
                to, source = self.address(p), self.address(q)
                size = self.bytes(p.buf.kind, p.shape)
                self.emit(f"  call void @llvm.memcpy.p0.p0.i64(ptr {to}, ptr {source}, i64 {size}, i1 false)")
            case Grow(b, rows):
                self.grow(b, rows)
            case Sort(p, q):
                self.sort(p, q)
            case Check(c, site, values):
                self.fail(self.get(c), int(self.f.sites[site].code[2:]), site, values)
            case ShowAt(site, shown):
                self.show(site, shown)

    def load(self, kind: str, at: str) -> str:
        v = self.ops.line(f"load {MEMORY_TYPES[kind]}, ptr {at}")
        return self.ops.line(f"icmp ne i8 {v}, 0") if kind == "bool" else v

    def store(self, kind: str, value: str, at: str) -> None:
        if kind == "bool":
            value = self.ops.line(f"zext i1 {value} to i8")
        self.emit(f"  store {MEMORY_TYPES[kind]} {value}, ptr {at}")

    def nest(self, s: For | While) -> None:
        """A loop nest as a function of its own, because LLVM's time grows faster than their number.

        What the nest reads goes in as a value, what it changes for others as a pointer to its stack cell.
        """
        child = _FunctionText(self.f, self)
        child.inline, child.split = self.inline, count_loops([s]) > NESTS
        formal, actual = ["ptr noalias %ctx"], ["ptr %ctx"]
        inside = mentions([s])
        changed = {r for t in walk([s]) for r in writes(t)}
        for r in inside:
            if not isinstance(r, Reg) or inside[r] == self.total[r]:
                continue
            if r in self.mutable and r in changed:
                child.values[r] = f"%r{r.uid}"
                formal.append(f"ptr noalias %r{r.uid}")
                actual.append(f"ptr {self.cell(r)}")
                continue
            t, child.values[r] = LLVM_TYPES[r.kind], child.fresh()
            child.mutable.discard(r)
            formal.append(f"{t} {child.values[r]}")
            actual.append(f"{t} {self.get(r)}")
        moved = {p.buf for t in walk([s]) if isinstance(t, (Swap, Grow, Free, Alloc)) for p in places(t)}
        for b in inside:
            if not isinstance(b, Buf) or inside[b] == self.total[b]:
                continue
            if b in self.moving and b in moved:
                child.pointers[b] = f"%b{b.uid}"
                formal.append(f"ptr noalias %b{b.uid}")
                actual.append(f"ptr {self.home(b)}")
                continue
            child.pointers[b] = child.fresh()
            child.moving.discard(b)
            formal.append(f"ptr noalias{' readonly' if b.space == 'in' else ''} {child.pointers[b]}")
            actual.append(f"ptr {self.pointer(b)}")
        if isinstance(s, For):
            child.counted(s)
        else:
            child.headed(s)
        child.emit("  ret i32 0")
        name = f"{symbol(self.f.name)}.nest{len(self.nests)}"
        self.nests.append("\n".join(child.definition(name, ", ".join(formal))))
        self.ops.declared.update(child.ops.declared)
        code, good = self.ops.line(f"call i32 @{name}({', '.join(actual)})"), self.label()
        bad = self.label()
        fine = self.ops.line(f"icmp eq i32 {code}, 0")
        self.emit(f"  br i1 {fine}, label %{good}, label %{bad}, {COLD}")
        self.failures += [f"{bad}:", f"  ret i32 {code}"]
        self.start(good)

    def counted(self, s: For) -> None:
        """A rotated loop: nothing if the extent is not positive."""
        n = self.get(s.extent)
        length = self.strip_length(s)
        if length is not None:
            self.strips(s, n, length)
            return
        work = self.work(s.body, {s.index: s.extent}) if s.poll and contains_loops(s) else None
        top, done = self.label(), self.label()
        runs = self.ops.line(f"icmp sgt i64 {n}, 0")
        first = self.ops.line(f"sub nsw i64 {n}, 1") if s.down else "0"
        self.emit(f"  br i1 {runs}, label %{top}, label %{done}")
        self.rotated(s, top, first, "0" if s.down else n, work)
        self.jump(done)
        self.start(done)

    def strip_length(self, s: For) -> str | None:
        """After how many iterations a loop looks at the cancel flag, if that can be said before it begins.

        None for a loop inside that has none in it, and for one around loops that are nests or whose
        extents are not known yet.
        """
        if not s.poll or isinstance(s.extent, Const) and s.extent.value <= BUDGET and not contains_loops(s):
            return None
        inner = [t for t in walk(s.body) if isinstance(t, (For, While)) and not tiny(t)]
        bounds = [self.bound(t, {s.index: s.extent}) for t in inner]
        if None in bounds or any(map(contains_loops, inner)):
            return None
        if not bounds:
            return str(BUDGET)
        total = self.ops.line(f"add i64 1, {bounds[0]}")
        for each in bounds[1:]:
            total = self.ops.line(f"add i64 {total}, {each}")
        zeros = self.ops.line(f"call i64 @llvm.ctlz.i64(i64 {total}, i1 false)")
        bits = self.ops.line(f"call i64 @llvm.smin.i64(i64 {self.ops.line(f'sub i64 64, {zeros}')}, i64 {BUDGET.bit_length() - 1})")
        return self.ops.line(f"lshr i64 {BUDGET}, {bits}")

    def bound(self, s: For | While, around: dict[Operand, Operand]) -> str | None:
        """The most iterations of a loop, if that can be said here; `around` are the extents of indices outside."""
        if isinstance(s, While):
            return None
        most = around.get(s.extent, s.extent)
        known = isinstance(most, Const) or most in self.values and most not in self.mutable
        return self.get(most) if known else None

    def work(self, body: list[LStmt], around: dict[Operand, Operand]) -> str:
        """A bound for the iterations of innermost loops in a body, where it can be said; at most the budget."""
        total = "8"
        for s in body:
            inner = around | {s.index: s.extent} if isinstance(s, For) else around
            for b in blocks(s):
                if isinstance(s, (For, While)) and tiny(s):
                    continue
                each = self.work(b, inner)
                if isinstance(s, (For, While)):
                    most = self.ops.line(f"call i64 @llvm.umin.i64(i64 {self.bound(s, around) or 64}, i64 {1 << 40})")
                    each = self.ops.line(f"mul i64 {most}, {each}")
                total = self.ops.line(f"add i64 {total}, {each}")
        return total if total == "8" else self.ops.line(f"call i64 @llvm.smin.i64(i64 {total}, i64 {BUDGET})")

    def strips(self, s: For, n: str, length: str) -> None:
        """A loop cut into strips, between which it looks at the cancel flag."""
        strip, top, done, again = self.label(), self.label(), self.label(), self.label()
        runs = self.ops.line(f"icmp sgt i64 {n}, 0")
        before = self.block
        self.emit(f"  br i1 {runs}, label %{strip}, label %{done}")
        self.start(strip)
        start, at = self.fresh(), len(self.lines)
        self.emit("")
        left = self.ops.line(f"sub nsw i64 {n}, {start}")
        size = self.ops.line(f"call i64 @llvm.smin.i64(i64 {left}, i64 {length})")
        end = self.ops.line(f"add nuw nsw i64 {start}, {size}")
        first, stop = start, end
        if s.down:
            last = self.ops.line(f"sub nsw i64 {n}, 1")
            first, stop = (self.ops.line(f"sub nsw i64 {a}, {b}") for a, b in ((last, start), (n, end)))
        self.jump(top)
        self.rotated(s, top, first, stop, None)
        more = self.ops.line(f"icmp slt i64 {end}, {n}")
        self.emit(f"  br i1 {more}, label %{again}, label %{done}")
        self.start(again)
        self.look()
        self.lines[at] = f"  {start} = phi i64 [ 0, %{before} ], [ {end}, %{self.block} ]"
        self.jump(strip)
        self.start(done)

    def rotated(self, s: For, top: str, first: str, stop: str, work: str | None) -> None:
        """The iterations from `first` on, at least one, in block `top`: up to before `stop`, or down to it.

        If their work is given, they look at the cancel flag.
        """
        before = self.block
        self.start(top)
        i, step = self.fresh(), self.fresh()
        at = len(self.lines)
        self.emit("")
        self.values[s.index] = i
        if work is not None:
            self.poll(work)
        self.ops.inline = self.inline and _plain(s.body)
        self.body(s.body)
        self.ops.inline = False
        self.lines[at] = f"  {i} = phi i64 [ {first}, %{before} ], [ {step}, %{self.block} ]"
        if s.down:
            self.emit(f"  {step} = sub nsw i64 {i}, 1")
            more = self.ops.line(f"icmp sgt i64 {i}, {stop}")
        else:
            self.emit(f"  {step} = add nuw nsw i64 {i}, 1")
            more = self.ops.line(f"icmp slt i64 {step}, {stop}")
        rest = self.label()
        self.emit(f"  br i1 {more}, label %{top}, label %{rest}")
        self.start(rest)

    def headed(self, s: While) -> None:
        work = self.work(s.body, {})
        top, inside, done = self.label(), self.label(), self.label()
        self.jump(top)
        self.start(top)
        self.body(s.head)
        self.emit(f"  br i1 {self.get(s.cond)}, label %{inside}, label %{done}")
        self.start(inside)
        if s.poll:
            self.poll(work)
        self.body(s.body)
        self.jump(top)
        self.start(done)

    def branch(self, c: Operand, then: list[LStmt], orelse: list[LStmt]) -> None:
        left, right, join = self.label(), self.label(), self.label()
        self.emit(f"  br i1 {self.get(c)}, label %{left}, label %{right if orelse else join}")
        self.start(left)
        self.body(then)
        self.jump(join)
        if orelse:
            self.start(right)
            self.body(orelse)
            self.jump(join)
        self.start(join)

    def alloc(self, b: Buf) -> None:
        if b in self.stack:
            if b in self.moving or b not in self.pointers:
                name = f"%s{b.uid}"
                if not any(line.startswith(f"  {name} = ") for line in self.entry):
                    n = 1
                    for x in b.shape:
                        n *= max(int(x.value), 0)  # type: ignore[union-attr]
                    self.entry.append(f"  {name} = alloca [{max(n, 1)} x {MEMORY_TYPES[b.kind]}], align 64")
                self.set_pointer(b, name)
            return
        where = "dv_heap_alloc" if b.space == "heap" else "dv_alloc"
        size = self.bytes(b.kind, b.shape)
        p = self.ops.line(f"call ptr @{where}(ptr %ctx, i64 {size})")
        self.have(p, b)
        self.set_pointer(b, p)

    def scope(self, body: list[LStmt]) -> None:
        if not self.takes_arena(body):
            self.body(body)
            return
        cells = [self.ops.line(f"getelementptr i8, ptr %ctx, i64 {k}") for k in (rt.CHUNK, rt.TOP)]
        chunk, top = (self.ops.line(f"load ptr, ptr {c}") for c in cells)
        self.body(body)
        now = self.ops.line(f"load ptr, ptr {cells[0]}")
        same = self.ops.line(f"icmp eq ptr {now}, {chunk}")
        fast, slow, on = self.label(), self.label(), self.label()
        self.emit(f"  br i1 {same}, label %{fast}, label %{slow}")
        self.start(fast)
        self.emit(f"  store ptr {top}, ptr {cells[1]}")
        self.jump(on)
        self.start(slow)
        self.emit(f"  call void @dv_release(ptr %ctx, ptr {chunk}, ptr {top})")
        self.jump(on)
        self.start(on)

    def takes_arena(self, body: list[LStmt]) -> bool:
        for s in body:
            match s:
                case Grow():
                    return True
                case Alloc(b) if b.space == "temp" and b not in self.stack:
                    return True
                case Sort():
                    return True
            if any(self.takes_arena(b) for b in blocks(s)):
                return True
        return False

    def fill(self, p: Place, v: Operand) -> None:
        kind, at = p.buf.kind, self.address(p)
        if isinstance(v, Const) and constant(v) in ("0", "false", "0x0000000000000000"):
            size = self.bytes(kind, p.shape)
            self.emit(f"  call void @llvm.memset.p0.i64(ptr {at}, i8 0, i64 {size}, i1 false)")
            return
        n = "1"
        for x in p.shape:
            n = self.ops.line(f"call i64 @dv_mul(i64 {n}, i64 {self.get(x)})")
        value, i = self.get(v), Reg("i", "i64")
        count = Reg("n", "i64")
        self.values[count] = n
        filler = Reg("v", kind)
        self.values[filler] = value
        row = Buf("row", kind, (count,), "out")
        self.pointers[row] = at
        self.counted(For(i, count, [Store(Place(row, (i,)), filler)]))

    def grow(self, b: Buf, rows: Operand) -> None:
        capacity = b.shape[0]
        assert isinstance(capacity, Reg)
        n = self.get(rows)
        full = self.ops.line(f"icmp sge i64 {n}, {self.get(capacity)}")
        more, on = self.label(), self.label()
        self.emit(f"  br i1 {full}, label %{more}, label %{on}")
        self.start(more)
        twice = self.ops.line(f"mul i64 {n}, 2")
        self.set(capacity, self.ops.line(f"call i64 @llvm.smax.i64(i64 {twice}, i64 16)"))
        old = self.pointer(b)
        new = self.ops.line(f"call ptr @dv_alloc(ptr %ctx, i64 {self.bytes(b.kind, b.shape)})")
        self.have(new, b)
        row = self.bytes(b.kind, b.shape[1:])
        size = self.ops.line(f"mul i64 {row}, {n}")
        self.emit(f"  call void @llvm.memcpy.p0.p0.i64(ptr {new}, ptr {old}, i64 {size}, i1 false)")
        self.set_pointer(b, new)
        self.jump(on)
        self.start(on)

    def sort(self, p: Place, q: Place) -> None:
        n = self.get(q.shape[0])
        to, source = self.address(p), self.address(q)
        temp = self.ops.line(f"call ptr @dv_alloc(ptr %ctx, i64 {self.bytes('i64', q.shape)})")
        self.have(temp, Buf("order", "i64", q.shape, "temp", p.buf.prov))
        self.emit(f"  call void @dv_sort_{q.buf.kind}(ptr {source}, i64 {n}, ptr {to}, ptr {temp})")

    def show(self, site: int, values: Sequence[Operand | Place]) -> None:
        """Values as slots; an array is its pointer and its sizes."""
        slots: list[tuple[str, str]] = []
        for v in values:
            if isinstance(v, Place):
                slots.append(("ptr", self.address(v)))
                slots += [("i64", self.get(n)) for n in v.shape]
            elif v.kind == "bool":
                slots.append(("i64", self.ops.line(f"zext i1 {self.get(v)} to i64")))
            else:
                slots.append((LLVM_TYPES[v.kind], self.get(v)))
        room = f"%show{self.count}"
        self.count += 1
        self.entry.append(f"  {room} = alloca [{max(len(slots), 1)} x i64]")
        for k, (t, text) in enumerate(slots):
            at = self.ops.line(f"getelementptr i64, ptr {room}, i64 {k}")
            self.emit(f"  store {t} {text}, ptr {at}")
        cell = self.ops.line(f"getelementptr i8, ptr %ctx, i64 {rt.SHOW}")
        f = self.ops.line(f"load ptr, ptr {cell}")
        self.emit(f"  call void {f}(ptr %ctx, i32 {site}, ptr {room})")


def _plain(body: list[LStmt]) -> bool:
    """Straight-line code that LLVM can turn into vector code."""
    return all(
        isinstance(s, (Load, Store, Accum)) or (isinstance(s, Assign) and s.op not in CALLS) for s in body
    )


def symbol(name: str) -> str:
    """A name that LLVM takes without quotes."""
    return "dv." + "".join(c if c.isascii() and (c.isalnum() or c == "_") else f".{ord(c):x}." for c in name)
