"""What the emission of a function rests on: lines, registers, addresses, failures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from . import llvm_runtime as rt
from .ir import Const
from .llvm_ops import Ops, constant
from .llvm_runtime import LLVM_TYPES, MEMORY_TYPES
from .loops import (
    Alloc,
    Buf,
    For,
    Free,
    Grow,
    LoopFunction,
    LStmt,
    Operand,
    Place,
    Reg,
    Swap,
    While,
    places,
    reads,
    walk,
    writes,
)
from .site import SITE_VALUES, Site

BYTES = {"f64": 8, "f32": 4, "i64": 8, "i32": 4, "bool": 1}
# Temporaries of constant size live on the stack up to this size each, and in all.
_STACK_EACH, _STACK_ALL = 2048, 32768
COLD = "!prof !0"
# A function with more loops than this gives its loop nests to functions of their own.
NESTS = 16
# So much work lies between two looks at the cancel flag, in iterations of innermost loops.
BUDGET = 1 << 18


def mentions(body: list[LStmt]) -> Counter[Reg | Buf]:
    """How often registers and buffers occur."""
    found: Counter[Reg | Buf] = Counter()
    for s in walk(body):
        found.update(a for a in reads(s) if isinstance(a, Reg))
        found.update(writes(s))
        found.update(p.buf.root for p in places(s))
    return found


def count_loops(body: list[LStmt]) -> int:
    return sum(isinstance(s, (For, While)) for s in walk(body))


class FunctionBase:
    """Text under construction, values of registers, pointers of buffers, and the ways out."""

    def __init__(self, f: LoopFunction, parent: FunctionBase | None = None) -> None:
        """With a parent it emits a nest of that function: `nests` and what is known of `f` are shared."""
        self.f = f
        self.lines: list[str] = []
        self.inline = False
        self.entry: list[str] = []
        self.count = 0
        self.block = "entry"
        self.ops = Ops(self.emit, self.fresh)
        self.values: dict[Reg, str] = {}
        self.pointers: dict[Buf, str] = {}
        self.failures: list[str] = []
        self.split = False
        self.nests: list[str] = []
        self.mutable: set[Reg] = set()
        self.moving: set[Buf] = set()
        self.stack: set[Buf] = set()
        self.total: Counter[Reg | Buf] = Counter()
        if parent is None:
            self.analyse()
        else:
            self.nests, self.total, self.stack = parent.nests, parent.total, parent.stack
            self.mutable, self.moving = set(parent.mutable), set(parent.moving)

    def analyse(self) -> None:
        """What is assigned several times, what moves, what lies on the stack, how often each occurs."""
        f = self.f
        self.total = mentions(f.body)
        self.total.update(r for r in f.results if not isinstance(r, Const))
        self.total.update(x for p in f.params for x in (p.value, *p.sizes))
        self.split = count_loops(f.body) > NESTS
        assigned = Counter(r for s in walk(f.body) for r in writes(s) if not isinstance(s, For))
        self.mutable = {r for r, n in assigned.items() if n > 1}
        self.mutable |= {n for s in walk(f.body) if isinstance(s, Grow) and isinstance(n := s.buf.shape[0], Reg)}
        allocs = Counter(s.buf for s in walk(f.body) if isinstance(s, Alloc))
        self.moving = {b for b, n in allocs.items() if n > 1}
        for s in walk(f.body):
            match s:
                case Swap(a, b):
                    self.moving |= {a, b}
                case Grow(b, _) | Free(b):
                    self.moving.add(b)
        self.stack = self.on_stack()

    # ------------------------------------------------ text

    def emit(self, line: str) -> None:
        self.lines.append(line)

    def fresh(self) -> str:
        self.count += 1
        return f"%v{self.count}"

    def label(self) -> str:
        self.count += 1
        return f"L{self.count}"

    def start(self, label: str) -> None:
        self.lines.append(f"{label}:")
        self.block = label

    def jump(self, label: str) -> None:
        self.lines.append(f"  br label %{label}")

    def on_stack(self) -> set[Buf]:
        found, total = set(), 0
        for s in walk(self.f.body):
            if isinstance(s, Alloc) and s.buf.space == "temp" and all(isinstance(n, Const) for n in s.buf.shape):
                size = BYTES[s.buf.kind]
                for n in s.buf.shape:
                    size *= max(int(n.value), 0)  # type: ignore[union-attr]
                if size <= _STACK_EACH and total + size <= _STACK_ALL and s.buf not in found:
                    total += size
                    found.add(s.buf)
        return found

    # ------------------------------------------------ operands and addresses

    def get(self, a: Operand) -> str:
        if isinstance(a, Const):
            return constant(a)
        if a in self.mutable:
            return self.ops.line(f"load {LLVM_TYPES[a.kind]}, ptr {self.cell(a)}")
        return self.values[a]

    def cell(self, r: Reg) -> str:
        """The stack cell of a register that is assigned several times."""
        cell = f"%r{r.uid}"
        if r not in self.values:
            self.values[r] = cell
            self.entry.append(f"  {cell} = alloca {LLVM_TYPES[r.kind]}")
        return cell

    def set(self, r: Reg, value: str) -> None:
        if r in self.mutable:
            self.emit(f"  store {LLVM_TYPES[r.kind]} {value}, ptr {self.cell(r)}")
        else:
            self.values[r] = value

    def pointer(self, b: Buf) -> str:
        if b in self.moving and b.space in ("temp", "heap"):
            return self.ops.line(f"load ptr, ptr {self.home(b)}")
        return self.pointers[b]

    def home(self, b: Buf) -> str:
        """The stack cell of a pointer that changes."""
        home = f"%b{b.uid}"
        if b not in self.pointers:
            self.pointers[b] = home
            self.entry += [f"  {home} = alloca ptr", f"  store ptr null, ptr {home}"]
        return home

    def set_pointer(self, b: Buf, value: str) -> None:
        if b in self.moving:
            self.emit(f"  store ptr {value}, ptr {self.home(b)}")
        else:
            self.pointers[b] = value

    def address(self, p: Place) -> str:
        """The address of a place, by Horner's rule over its whole index."""
        view = p.buf.view
        base = self.pointer(p.buf) if view is None else self.address(view.of.at(view.start))
        if not p.prefix:
            return base
        offset: str | None = None
        for k, n in enumerate(p.buf.shape):
            if offset is not None:
                offset = "0" if offset == "0" else self.ops.line(f"mul nsw i64 {offset}, {self.get(n)}")
            if k < len(p.prefix):
                i = self.get(p.prefix[k])
                if offset is None or offset == "0":
                    offset = i
                elif i != "0":
                    offset = self.ops.line(f"add nsw i64 {offset}, {i}")
        return self.ops.line(f"getelementptr inbounds {MEMORY_TYPES[p.buf.kind]}, ptr {base}, i64 {offset}")

    def bytes(self, kind: str, shape: Sequence[Operand]) -> str:
        """The size of an array, saturating."""
        size = str(BYTES[kind])
        for n in shape:
            size = self.ops.line(f"call i64 @dv_mul(i64 {size}, i64 {self.get(n)})")
        return size

    # ------------------------------------------------ failure

    def fail(self, good: str, code: int, site: int, values: Sequence[Operand]) -> None:
        """Goes on if `good`, otherwise leaves the function with an error."""
        stored = [(v.kind, self.get(v)) for v in values[:SITE_VALUES]]
        on, off = self.label(), self.label()
        self.emit(f"  br i1 {good}, label %{on}, label %{off}, {COLD}")
        out = [f"{off}:"]
        for offset, value in ((rt.CODE, code), (rt.SITE, site)):
            r = self.fresh()
            out += [f"  {r} = getelementptr i8, ptr %ctx, i64 {offset}", f"  store i32 {value}, ptr {r}"]
        for k, (kind, v) in enumerate(stored):
            r = self.fresh()
            out.append(f"  {r} = getelementptr i8, ptr %ctx, i64 {rt.VALUES + 8 * k}")
            if kind == "bool":
                w = self.fresh()
                out += [f"  {w} = zext i1 {v} to i64", f"  store i64 {w}, ptr {r}"]
            else:
                out.append(f"  store {LLVM_TYPES[kind]} {v}, ptr {r}")
        out.append(f"  ret i32 {code}")
        self.failures += out
        self.start(on)

    def have(self, p: str, buf: Buf) -> None:
        """Memory was there (DV0509)."""
        good = self.ops.line(f"icmp ne ptr {p}, null")
        self.fail(good, 509, self.site(buf.site), buf.shape[:len(buf.site.kinds)])

    def site(self, site: Site) -> int:
        if site not in self.f.sites:
            self.f.sites.append(site)
        return self.f.sites.index(site)

    # ------------------------------------------------ the cancel flag

    def poll(self, work: str) -> None:
        """Counts the work of an iteration; when enough was done, in whatever loops, a look at the flag."""
        if "  %budget = alloca i64" not in self.entry:
            self.entry += ["  %budget = alloca i64", f"  store i64 {BUDGET}, ptr %budget"]
        left = self.ops.line(f"sub i64 {self.ops.line('load i64, ptr %budget')}, {work}")
        self.emit(f"  store i64 {left}, ptr %budget")
        good, look, on = self.ops.line(f"icmp sge i64 {left}, 0"), self.label(), self.label()
        self.emit(f"  br i1 {good}, label %{on}, label %{look}, {COLD}")
        self.start(look)
        self.emit(f"  store i64 {BUDGET}, ptr %budget")
        self.look()
        self.jump(on)
        self.start(on)

    def look(self) -> None:
        """Leaves the function if it should stop."""
        r = self.ops.line("call i32 @dv_poll(ptr %ctx)")
        good = self.ops.line(f"icmp eq i32 {r}, 0")
        self.fail(good, 510, self.site(Site("DV0510", "interrupted", ())), ())
