"""The reference interpreter: plain, slow, and the oracle for everything else.

    results = run(program, "loss", [x, 3])        # NumPy arrays and scalars

Every block becomes a list of Python closures over a list of registers, one for each variable and
constant of a function.  Nothing is shared with any lowering: values are never changed in place,
each array is checked against its declared type, and a `safe` access that is not safe is an internal
error.  With `count` it counts the arithmetic that runs (`cost` weighs it).
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .errors import Error, InternalError, SizeError, TypeError, ValueError_
from .interpret_loop import loop_step
from .interpret_values import (
    Step,
    allocate,
    check_index,
    error_class,
    fill_message,
    out_array,
)
from .ir import (
    FLOATS,
    ArgSort,
    Assert,
    Atom,
    Block,
    Call,
    Const,
    Delta,
    Fill,
    Function,
    If,
    Index,
    Loop,
    Plus,
    Prim,
    Program,
    Show,
    Stmt,
    Update,
    Var,
)
from .primitives import PRIMITIVES
from .primitives_eval import DTYPES

_MAX_DEPTH = 10_000


def run(
    program: Program,
    name: str,
    args: Sequence[Any],
    *,
    count: Counter[str] | None = None,
    write: Callable[[str], object] | None = None,
) -> list[Any]:
    """The results of function `name` of these arguments: fresh arrays and NumPy scalars.

    `count` gets the number of float operations by primitive; `write` receives the lines of `Show`
    (standard output by default).
    """
    machine = _Machine(program, count, write or _print)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, 200_000))
    try:
        with np.errstate(all="ignore"):
            f = program.functions[name]
            results = machine.call(f, [_argument(p, a) for p, a in _pairs(f, args)])
    finally:
        sys.setrecursionlimit(limit)
    return [out_array(r) for r in results]


def cost(count: Counter[str]) -> float:
    """The weighted number of operations that `run(…, count=count)` counted."""
    return sum(n * PRIMITIVES[name].cost for name, n in count.items())


def _print(line: str) -> None:
    print(line)


def _pairs(f: Function, args: Sequence[Any]) -> list[tuple[Var, Any]]:
    if len(args) != len(f.params):
        raise TypeError("DV0606", f"{f.name} takes {len(f.params)} arguments, {len(args)} were given", f.span)
    return list(zip(f.params, args, strict=True))


def _argument(p: Var, value: Any) -> Any:
    """The value as an array or scalar of the parameter's kind."""
    dtype = DTYPES[p.type.kind]
    a = np.asarray(value, dtype=dtype)
    if a.ndim != len(p.type.shape):
        raise TypeError("DV0607", f"{p.name} has {len(p.type.shape)} axes, the argument has {a.ndim}")
    return dtype(a[()]) if a.ndim == 0 else a


class _Machine:
    """One run of a program; functions are compiled to closures at their first call."""

    def __init__(self, program: Program, count: Counter[str] | None, write: Callable[[str], object]) -> None:
        self.program = program
        self.count = count
        self.write = write
        self.compiled: dict[str, _Compiled] = {}
        self.depth = 0

    def function(self, name: str) -> _Compiled:
        if name not in self.compiled:
            self.compiled[name] = _Compiled(self, self.program.functions[name])
        return self.compiled[name]

    def call(self, f: Function, args: list[Any]) -> list[Any]:
        if self.depth >= _MAX_DEPTH:
            raise ValueError_("DV0520", f"calls nest deeper than {_MAX_DEPTH}")
        self.depth += 1
        try:
            return self.function(f.name)(args)
        finally:
            self.depth -= 1


class _Compiled:
    """A function as closures; `template` holds the constants, everything else is filled by a call."""

    def __init__(self, machine: _Machine, f: Function) -> None:
        self.machine = machine
        self.f = f
        self.template: list[Any] = []
        self.slots: dict[Atom, int] = {}
        self.params = [self.slot(p) for p in f.params]
        self.sizes = {self.slot(v) for v in f.sizes}
        self.shapes = [self.slots_of(p.type.shape) for p in f.params]
        self.run, self.results = self.block(f.body)

    def __call__(self, args: list[Any]) -> list[Any]:
        regs = self.template.copy()
        for p, a in zip(self.params, args, strict=True):
            regs[p] = a
        self._bind_sizes(regs, args)
        self.run(regs)
        return [regs[r] for r in self.results]

    def _bind_sizes(self, regs: list[Any], args: list[Any]) -> None:
        bound: set[int] = set()
        for p, shape, a in zip(self.f.params, self.shapes, args, strict=True):
            for axis, (slot, size) in enumerate(zip(shape, p.type.shape, strict=True)):
                have = a.shape[axis]
                if slot in self.sizes and slot not in bound:
                    regs[slot] = np.int64(have)
                    bound.add(slot)
                elif regs[slot] != have:
                    what = f"{size.name} is {regs[slot]}" if isinstance(size, Var) else f"{regs[slot]} is expected"
                    raise SizeError("DV0502", f"axis {axis} of {p.name} has size {have}, but {what}", self.f.span)

    # ------------------------------------------------ registers

    def slot(self, a: Atom) -> int:
        """The register of an atom."""
        k = self.slots.get(a)
        if k is None:
            k = self.slots[a] = len(self.template)
            self.template.append(DTYPES[a.kind](a.value) if isinstance(a, Const) else None)
        return k

    def slots_of(self, atoms: Sequence[Atom]) -> tuple[int, ...]:
        return tuple(self.slot(a) for a in atoms)

    def shape_check(self, vars: Sequence[Var]) -> Callable[[list[Any]], None] | None:
        """Compares arrays with their declared types; None if there is nothing to compare."""
        arrays = [(self.slot(v), self.slots_of(v.type.shape), v) for v in vars if v.type.shape]
        if not arrays:
            return None

        def check(regs: list[Any]) -> None:
            for a, shape, v in arrays:
                if regs[a].shape != tuple([regs[s] for s in shape]):
                    declared = [int(regs[s]) for s in shape]
                    raise InternalError("DV0999", f"{v} has shape {list(regs[a].shape)}, its type says {declared}")

        return check

    # ------------------------------------------------ blocks and statements

    def block(self, b: Block) -> tuple[Step, tuple[int, ...]]:
        steps = [self.stmt(s) for s in b.stmts]
        stmts = b.stmts

        def run_block(regs: list[Any]) -> None:
            k = 0
            try:
                for k, step in enumerate(steps):
                    step(regs)
            except Error as e:
                if e.span is None:
                    prov = stmts[k].prov
                    e.span, e.notes = prov.span, (*e.notes, *prov.notes)
                raise

        return run_block, self.slots_of(b.results)

    def stmt(self, s: Stmt) -> Step:
        step = self.operation(s)
        check = self.shape_check(s.vars)
        if check is None:
            return step

        def checked(regs: list[Any]) -> None:
            step(regs)
            check(regs)

        return checked

    def operation(self, s: Stmt) -> Step:
        op = s.op
        match op:
            case Prim():
                return self.prim(s, op)
            case Index():
                return self.index(s, op)
            case Update():
                return self.update(s, op)
            case Delta():
                return self.delta(s, op)
            case Fill(shape, value):
                return self.fill(s, shape, value)
            case Plus(arrays):
                return self.plus(s, arrays)
            case ArgSort(a):
                out, array = self.slot(s.vars[0]), self.slot(a)

                def argsort(regs: list[Any]) -> None:
                    regs[out] = np.argsort(regs[array], kind="stable").astype(np.int64)

                return argsort
            case Loop():
                return loop_step(self, s, op)
            case If():
                return self.branch(s, op)
            case Call(fn, args):
                outs, params, machine = self.slots_of(s.vars), self.slots_of(args), self.machine
                f = machine.program.functions[fn]

                def call(regs: list[Any]) -> None:
                    for o, r in zip(outs, machine.call(f, [regs[a] for a in params]), strict=True):
                        regs[o] = r

                return call
            case Assert(cond, code, message, args):
                c, values = self.slot(cond), self.slots_of(args)

                def check(regs: list[Any]) -> None:
                    if not regs[c]:
                        raise error_class(code)(code, fill_message(message, [regs[v] for v in values]))

                return check
            case Show(label, args):
                shown, write = self.slots_of(args), self.machine.write

                def show(regs: list[Any]) -> None:
                    write(fill_message(label, [regs[v] for v in shown]))

                return show
        raise InternalError("DV0999", f"the interpreter has no rule for {type(op).__name__}", s.prov.span)

    def prim(self, s: Stmt, op: Prim) -> Step:
        p = PRIMITIVES[op.name]
        f, out, slots = p.evaluate, self.slot(s.vars[0]), self.slots_of(op.args)
        step: Step
        if p.arity == 1:
            (a,) = slots

            def step(regs: list[Any]) -> None:
                regs[out] = f(regs[a])
        elif p.arity == 2:
            a, b = slots

            def step(regs: list[Any]) -> None:
                regs[out] = f(regs[a], regs[b])
        else:

            def step(regs: list[Any]) -> None:
                regs[out] = f(*[regs[x] for x in slots])

        return self.counted(op.name, step) if p.weight([x.type.kind for x in op.args]) else step

    def counted(self, name: str, step: Step) -> Step:
        count = self.machine.count
        if count is None:
            return step

        def counting(regs: list[Any]) -> None:
            count[name] += 1
            step(regs)

        return counting

    def index(self, s: Stmt, op: Index) -> Step:
        out, array, index, safe = self.slot(s.vars[0]), self.slot(op.array), self.slots_of(op.index), op.safe
        if len(index) == 1:
            (only,) = index

            def read(regs: list[Any]) -> None:
                a, i = regs[array], regs[only]
                if not 0 <= i < a.shape[0]:
                    check_index(a.shape, (i,), safe)
                regs[out] = a[i]

            return read

        def read_many(regs: list[Any]) -> None:
            a, at = regs[array], tuple([regs[i] for i in index])
            check_index(a.shape, at, safe)
            regs[out] = a[at]

        return read_many

    def update(self, s: Stmt, op: Update) -> Step:
        out, array, index, value = self.slot(s.vars[0]), self.slot(op.array), self.slots_of(op.index), self.slot(op.value)
        safe = op.safe

        def update(regs: list[Any]) -> None:
            a, at, v = regs[array], tuple([regs[i] for i in index]), regs[value]
            check_index(a.shape, at, safe)
            if np.shape(v) != a.shape[len(at):]:
                raise InternalError("DV0999", f"a value of shape {np.shape(v)} is written into {a.shape[len(at):]}")
            new = a.copy()
            new[at] = v
            regs[out] = new

        return update

    def delta(self, s: Stmt, op: Delta) -> Step:
        out, shape, index, value = self.slot(s.vars[0]), self.slots_of(op.shape), self.slots_of(op.index), self.slot(op.value)
        safe = op.safe

        def delta(regs: list[Any]) -> None:
            v = regs[value]
            new = allocate(tuple([regs[n] for n in shape]), v.dtype)
            at = tuple([regs[i] for i in index])
            check_index(new.shape, at, safe)
            if np.shape(v) != new.shape[len(at):]:
                raise InternalError("DV0999", f"a value of shape {np.shape(v)} is written into {new.shape[len(at):]}")
            new[at] = v
            regs[out] = new

        return delta

    def fill(self, s: Stmt, shape: Sequence[Atom], value: Atom) -> Step:
        out, sizes, v = self.slot(s.vars[0]), self.slots_of(shape), self.slot(value)

        def fill(regs: list[Any]) -> None:
            new = allocate(tuple([regs[n] for n in sizes]), regs[v].dtype)
            new[...] = regs[v]
            regs[out] = new

        return fill

    def plus(self, s: Stmt, arrays: Sequence[Atom]) -> Step:
        out, slots, count = self.slot(s.vars[0]), self.slots_of(arrays), self.machine.count
        floats = s.vars[0].type.kind in FLOATS

        def plus(regs: list[Any]) -> None:
            total = regs[slots[0]]
            for x in slots[1:]:
                if count is not None and floats:
                    # As in a lowering that adds into one destination, adding a structural zero is free.
                    count["add"] += int(np.count_nonzero(regs[x]))
                total = total + regs[x]
            regs[out] = total

        return plus

    def branch(self, s: Stmt, op: If) -> Step:
        cond, outs = self.slot(op.cond), self.slots_of(s.vars)
        then, left = self.block(op.then)
        orelse, right = self.block(op.orelse)

        def branch(regs: list[Any]) -> None:
            side, results = (then, left) if regs[cond] else (orelse, right)
            side(regs)
            for o, r in zip(outs, results, strict=True):
                regs[o] = regs[r]

        return branch

