"""An interpreter of the loop IR: plain NumPy, in which every store really is in place.

Freed storage and storage that was never written is poisoned, so a read of it shows in the results.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .interpret_values import fill_message, site_error
from .ir import Const
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
    View,
    While,
)
from .primitives import PRIMITIVES
from .primitives_eval import DTYPES

# Operations of the loop IR that are not primitives of the core.
_MORE: dict[str, Any] = {"copy": lambda x: x, "sum": lambda x, y: x + y, "prod": lambda x, y: x * y,
                         "maximum": np.maximum, "minimum": np.minimum}

_POISON = {"f64": -7.77e77, "f32": -7.77e37, "i64": -7777777777777777777, "i32": -777777777, "bool": True}


def run_loops(f: LoopFunction, args: Sequence[Any], write: Callable[[str], object] = print) -> list[Any]:
    """The results for arguments of the right kinds and ranks."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, 100_000))
    try:
        with np.errstate(all="ignore"):
            return _Run(f, write).call(args)
    finally:
        sys.setrecursionlimit(limit)


class _Run:
    def __init__(self, f: LoopFunction, write: Callable[[str], object]) -> None:
        self.f, self.write = f, write
        self.regs: dict[Reg, Any] = {}
        self.mem: dict[Buf, Any] = {}
        self.scopes: list[list[Buf]] = [[]]

    def call(self, args: Sequence[Any]) -> list[Any]:
        for p, a in zip(self.f.params, args, strict=True):
            dtype = DTYPES[p.value.kind]
            if isinstance(p.value, Reg):
                self.regs[p.value] = dtype(a)
                continue
            a = np.array(a, dtype=dtype)
            a.flags.writeable = False
            for r, n in zip(p.sizes, a.shape, strict=True):
                self.regs[r] = np.int64(n)
            self.mem[p.value] = a
        for b in self.f.results:
            if isinstance(b, Buf) and b.space == "out":
                self.mem[b] = None
        self.block(self.f.body)
        return [self.storage(x) if isinstance(x, Buf) else self.get(x) for x in self.f.results]

    # ------------------------------------------------ values and storage

    def get(self, a: Operand) -> Any:
        return DTYPES[a.kind](a.value) if isinstance(a, Const) else self.regs[a]

    def shape(self, buf: Buf) -> tuple[int, ...]:
        return tuple(max(int(self.get(n)), 0) for n in buf.shape)

    def storage(self, buf: Buf) -> Any:
        if buf.space == "out" and self.mem[buf] is None:
            self.mem[buf] = self.fresh(buf)
        if buf.view is not None:
            return self.rows(buf, buf.view)
        a = self.mem.get(buf)
        if a is None and not all(self.shape(buf)):
            return np.empty(self.shape(buf), DTYPES[buf.kind])  # no storage is needed
        if a is None:
            raise AssertionError(f"{buf} is used outside of its lifetime")
        return a

    def fresh(self, buf: Buf) -> Any:
        shape = self.shape(buf)
        try:
            return np.full(shape, _POISON[buf.kind], DTYPES[buf.kind])
        except (MemoryError, ValueError):
            raise site_error(buf.site, shape) from None

    def rows(self, buf: Buf, view: View) -> Any:
        """The storage of a view."""
        shape, whole, start = self.shape(buf), self.view(view.of), int(self.get(view.start))
        size, row = math.prod(shape), math.prod(whole.shape[1:])
        count = size // row if row else 0
        if start < 0 or start + count > len(whole) or count * row != size:
            raise AssertionError(f"{buf} of shape {shape} leaves {view.of} of shape {whole.shape} at {start}")
        return whole[start : start + count].reshape(shape)

    def at(self, p: Place) -> tuple[Any, tuple[int, ...]]:
        """The array and a checked index."""
        a, index = self.storage(p.buf), tuple(int(self.get(i)) for i in p.prefix)
        for k, (i, n) in enumerate(zip(index, a.shape, strict=False)):
            if not 0 <= i < n:
                raise AssertionError(f"{p} leaves axis {k}: {i} of {n}")
        shape = self.shape(p.buf)
        if a.shape[1:] != shape[1:] or a.shape[0] < shape[0]:
            raise AssertionError(f"{p.buf} has storage {a.shape} and shape {shape}")
        return a, index

    def view(self, p: Place) -> Any:
        a, index = self.at(p)
        v = a[index] if index else a
        return v[: self.shape(p.buf)[0]] if not index else v

    # ------------------------------------------------ statements

    def block(self, body: list[LStmt]) -> None:
        for s in body:
            self.stmt(s)

    def stmt(self, s: LStmt) -> None:
        match s:
            case Assign(r, op, args):
                f = _MORE.get(op) or PRIMITIVES[op].evaluate
                value = f(*[self.get(a) for a in args])
                self.regs[r] = DTYPES[r.kind](value)
            case Load(r, p):
                a, index = self.at(p)
                self.regs[r] = a[index]
            case Store(p, v):
                a, index = self.at(p)
                a[index] = self.get(v)
            case Accum(p, v):
                a, index = self.at(p)
                a[index] = a[index] + self.get(v)
            case For(i, extent, body, down):
                n = int(self.get(extent))
                for k in range(n - 1, -1, -1) if down else range(n):
                    self.regs[i] = np.int64(k)
                    self.block(body)
            case While(head, cond, body):
                while True:
                    self.block(head)
                    if not self.get(cond):
                        break
                    self.block(body)
            case Branch(c, then, orelse):
                self.block(then if self.get(c) else orelse)
            case Alloc(b):
                self.mem[b] = self.fresh(b)
                if b.space == "temp":
                    self.scopes[-1].append(b)
            case Free(b):
                self.poison(b)
            case Scope(body):
                self.scopes.append([])
                self.block(body)
                for b in self.scopes.pop():
                    self.poison(b)
            case Swap(a, b):
                self.mem[a], self.mem[b] = self.mem.get(b), self.mem.get(a)
            case FillIn(p, v):
                self.view(p)[...] = self.get(v)
            case CopyIn(p, q):
                dst, src = self.view(p), self.view(q)
                if dst.shape != src.shape:
                    raise AssertionError(f"{p} of shape {dst.shape} = {q} of shape {src.shape}")
                dst[...] = src.copy()
            case Grow(b, rows):
                self.grow(b, int(self.get(rows)))
            case Sort(p, q):
                self.view(p)[...] = np.argsort(self.view(q), kind="stable")
            case Check(c, site, values):
                if not self.get(c):
                    raise site_error(self.f.sites[site], [self.get(v) for v in values])
            case ShowAt(site, values):
                shown = [self.view(v) if isinstance(v, Place) else self.get(v) for v in values]
                self.write(fill_message(self.f.sites[site].message, shown))

    def poison(self, b: Buf) -> None:
        if self.mem.get(b) is not None:
            self.mem[b][...] = _POISON[b.kind]
            self.mem[b] = None

    def grow(self, b: Buf, rows: int) -> None:
        capacity = b.shape[0]
        assert isinstance(capacity, Reg)
        if rows < int(self.regs[capacity]):
            return
        self.regs[capacity] = np.int64(max(2 * rows, 1))
        new = self.fresh(b)
        if rows:
            new[:rows] = self.storage(b)[:rows]
        self.mem[b] = new
