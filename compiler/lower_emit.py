"""Emission of loop IR: nested regions, where buffers are allocated, checks and their sites."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from .ir import NOWHERE, TRUE, ZERO, Const
from .loops import (
    Accum,
    Alloc,
    Assign,
    Branch,
    Buf,
    Check,
    CopyIn,
    For,
    Grow,
    Load,
    LStmt,
    Operand,
    Place,
    Reg,
    Scope,
    Store,
    While,
    blocks,
    contains_loops,
    tiny,
    walk,
)
from .site import Site

# A temporary of constant size up to this many elements may be allocated although it is not needed.
_SMALL = 4096


class Region:
    """A statement list under construction.  `guard`: a branch, so it may not run at all."""

    __slots__ = ("body", "guard")

    def __init__(self, guard: bool) -> None:
        self.body: list[LStmt] = []
        self.guard = guard


class Emitter:
    """Emits into the innermost region; knows at which depth each register is defined."""

    def __init__(self) -> None:
        self.regions: list[Region] = [Region(False)]
        self.home: dict[Reg, int] = {}
        self.sites: list[Site] = []
        self.prov = NOWHERE  # of the statement that is lowered
        self._known: dict[tuple[object, ...], int] = {}

    # ------------------------------------------------ regions and registers

    @contextmanager
    def region(self, guard: bool = False) -> Iterator[list[LStmt]]:
        """A nested list; statements inside go there."""
        r = Region(guard)
        self.regions.append(r)
        try:
            yield r.body
        finally:
            self.regions.pop()

    def emit(self, s: LStmt) -> None:
        self.regions[-1].body.append(s)

    def reg(self, name: str, kind: str) -> Reg:
        """A register that is defined in this region."""
        r = Reg(name, kind)
        self.home[r] = len(self.regions) - 1
        return r

    def op(self, op: str, kind: str, *args: Operand, name: str = "t") -> Reg:
        r = self.reg(name, kind)
        self.emit(Assign(r, op, args))
        return r

    def set(self, reg: Reg, value: Operand) -> None:
        self.emit(Assign(reg, "copy", (value,)))

    def var(self, name: str, kind: str, value: Operand) -> Reg:
        """A register that holds a copy of a value."""
        return self.op("copy", kind, value, name=name)

    def load(self, place: Place, name: str = "t") -> Reg:
        r = self.reg(name, place.buf.kind)
        self.emit(Load(r, place))
        return r

    # ------------------------------------------------ buffers

    def buf(self, name: str, kind: str, shape: tuple[Operand, ...], space: str) -> Buf:
        """A buffer for the statement that is lowered, not yet allocated."""
        return Buf(name, kind, shape, space, self.prov)

    def alloc(self, name: str, kind: str, shape: Sequence[Operand]) -> Buf:
        """A temporary, allocated outside of all loops in which its size does not change.

        It is not moved out of a branch, which may not run, unless it is small: running out of memory
        must not happen where the program asks for none.
        """
        buf = self.buf(name, kind, tuple(shape), "temp")
        need = max((self.home[a] for a in shape if isinstance(a, Reg)), default=0)
        level = len(self.regions) - 1
        small = all(isinstance(a, Const) for a in shape) and _elements(shape) <= _SMALL
        while level > need and (small or not self.regions[level].guard):
            level -= 1
        self.regions[level].body.append(Alloc(buf))
        return buf

    def scoped(self, body: list[LStmt]) -> list[LStmt]:
        """The body of a loop, as a scope if it allocates."""
        return [Scope(body)] if _allocates(body) else body

    def loop(self, extent: Operand, name: str = "i", down: bool = False) -> _Loop:
        return _Loop(self, extent, name, down)

    def copy(self, dst: Place, src: Place) -> None:
        if dst.shape:
            self.emit(CopyIn(dst, src))
        else:
            self.emit(Store(dst, self.load(src)))

    def accumulate(self, dst: Place, src: Place) -> None:
        """dst += src, elementwise."""
        self.elementwise(dst, lambda d: self.emit(Accum(d, self.load(src.at(*d.prefix[len(dst.prefix):])))))

    def elementwise(self, place: Place, f: object) -> None:
        """A loop nest over the cells of a place."""
        assert callable(f)
        if not place.shape:
            f(place)
            return
        with self.loop(place.shape[0]) as i:
            self.elementwise(place.at(i), f)

    # ------------------------------------------------ checks

    def site(self, code: str, message: str, kinds: Sequence[str]) -> int:
        prov = self.prov
        key = (code, message, tuple(kinds), id(prov.span), prov.notes)
        if key not in self._known:
            self._known[key] = len(self.sites)
            self.sites.append(Site(code, message, tuple(kinds), prov.span, prov.notes))
        return self._known[key]

    def check(self, cond: Operand, code: str, message: str, values: Sequence[Operand]) -> None:
        """Raises unless `cond`."""
        if cond == TRUE:
            return
        self.emit(Check(cond, self.site(code, message, [v.kind for v in values]), tuple(values)))

    def check_index(self, i: Operand, size: Operand, axis: int) -> None:
        inside = self.op("lt", "bool", i, size)
        if not (isinstance(i, Const) and i.value >= 0):
            inside = self.op("and", "bool", self.op("ge", "bool", i, ZERO), inside)
        self.check(inside, "DV0501", f"index {{0}} is out of bounds for axis {axis} of size {{1}}", (i, size))


class _Loop:
    """`with emitter.loop(n) as i:` emits a `for`."""

    def __init__(self, e: Emitter, extent: Operand, name: str, down: bool) -> None:
        self.e, self.extent, self.down = e, extent, down
        self.name = name
        self.sequential = False

    def __enter__(self) -> Reg:
        self.context = self.e.region()
        self.body = self.context.__enter__()
        self.index = self.e.reg(self.name, "i64")
        return self.index

    def __exit__(self, *error: object) -> None:
        self.context.__exit__(None, None, None)
        if error[0] is None:
            body = self.e.scoped(self.body)
            self.e.emit(For(self.index, self.extent, body, self.down))


def branch(e: Emitter, cond: Operand, then: list[LStmt], orelse: list[LStmt]) -> None:
    e.emit(Branch(cond, then, orelse))


def mark_polls(body: list[LStmt], depth: int = 0) -> None:
    """Outermost loops, loops around others just inside them, loops around nests, and whiles look at the cancel flag.

    So at most two loops lie between two looks; those that are unrolled anyway don't count.
    """
    for s in body:
        loop = isinstance(s, (For, While))
        if isinstance(s, (For, While)):
            s.poll = depth == 0 or isinstance(s, While) or contains_loops(s) and (depth == 1 or _contains_nests(s))
        for b in blocks(s):
            mark_polls(b, depth + (loop and not tiny(s)))


def _contains_nests(s: LStmt) -> bool:
    return any(isinstance(t, (For, While)) and contains_loops(t) for b in blocks(s) for t in walk(b))


def _allocates(body: list[LStmt]) -> bool:
    for s in body:
        if isinstance(s, Grow) or (isinstance(s, Alloc) and s.buf.space == "temp"):
            return True
        if not isinstance(s, Scope) and any(_allocates(b) for b in blocks(s)):
            return True
    return False


def _elements(shape: Sequence[Operand]) -> int:
    n = 1
    for a in shape:
        assert isinstance(a, Const)
        n *= max(int(a.value), 0)
    return n
