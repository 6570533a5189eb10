"""The primal part of a program that is transposed: copied in front, and run again in backward loops.

What a sequential loop keeps for that is planned in `residuals`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..compiler.build import Builder, defined
from ..compiler.ir import (
    ZERO,
    Array,
    Assert,
    Atom,
    Block,
    If,
    Loop,
    Scalar,
    Show,
    Stmt,
    Var,
    all_stmts,
    clone,
    clone_stmt,
    fresh_like,
    fresh_vars,
    regions,
    subst,
    subst_type,
)
from .effects import has_effects, silent
from .ragged import Ragged, volume, write
from .residuals import NO_PLAN, plan_residuals


@dataclass(frozen=True, slots=True)
class Kept:
    """Of a sequential loop: `columns` have a row for each of the `steps`, `ragged` states that change
    their size; `row` stands for the row at hand, `needed` is what of the body is computed again."""

    columns: dict[Var, Var]
    ragged: dict[Var, Ragged]
    steps: Atom
    row: Var
    needed: frozenset[Var]


@dataclass(frozen=True, slots=True)
class Pending:
    """A linear statement that waits for the backward sweep, and what a loop has kept for it."""

    stmt: Stmt
    kept: Kept | None = None


class Primal:
    """`env` maps old primal variables to the current copy; copies in inner regions replace outer ones
    only for variables of that region, so one map serves all."""

    def __init__(self, linear: set[Var]) -> None:
        self.b = Builder()
        self.linear = linear
        self.env: dict[Var, Atom] = {}
        self.stored: dict[Stmt, tuple[Var, tuple[Var, ...]]] = {}  # reads kept: column, index path
        self.wanted: set[Stmt] = set()  # reads to be kept by the loop that is emitted now
        self.seen: dict[Stmt, Atom] = {}  # their values at the current level
        self.replay = False  # effects are not repeated in a backward sweep
        self.needed: frozenset[Var] | None = None  # what a backward sweep computes again (None: all)

    def sweep(self, block: Block, pending: list[Pending] | None) -> None:
        """Copies the primal statements; the linear ones go to `pending` (None: are left out)."""
        for s in block.stmts:
            self.primal(s, pending)

    def primal(self, s: Stmt, pending: list[Pending] | None) -> None:
        op = s.op
        if isinstance(op, Assert | Show):
            if not self.replay and not any(a in self.linear for a in (*op.args, getattr(op, "cond", None))):
                self.b.emit_stmt(clone_stmt(s, self.env))
            return
        if s in self.stored:
            column, path = self.stored[s]
            at = tuple(self.env[v] for v in path)
            self.env[s.vars[0]] = self.b.index(column, *at, safe=True, name=s.vars[0].name)
            return
        mixed = any(v in self.linear for v in s.vars)
        if not mixed and not any(map(self.wants, s.vars)):
            return
        if isinstance(op, Loop):
            if mixed or self.inside(s) or self.touched(s):
                self.primal_loop(s, op, pending if mixed else None)
                return
        elif isinstance(op, If):
            if mixed or self.inside(s) or self.touched(s):
                self.primal_if(s, op)
                if mixed and pending is not None:
                    pending.append(Pending(s))
                return
        elif mixed:
            if pending is not None:
                pending.append(Pending(s))
            return
        copy = clone_stmt(s, self.env)
        copy = silent(copy) if self.replay else copy
        self.b.emit_stmt(copy)
        if s in self.wanted:
            self.seen[s] = copy.vars[0]

    def wants(self, v: Var) -> bool:
        """Is this a primal variable that the current sweep computes?"""
        return v not in self.linear and (self.needed is None or v in self.needed)

    def inside(self, s: Stmt) -> list[Stmt]:
        """Reads that are kept, by this loop or an outer one, in the regions of a statement."""
        if not self.wanted and not self.stored:
            return []
        return [t for r in regions(s.op) for t in all_stmts(r) if t in self.wanted or t in self.stored]

    def touched(self, s: Stmt) -> bool:
        """Is there something linear in the regions of a statement (if only garbage)?"""
        return any(v in self.linear for r in regions(s.op) for t in all_stmts(r) for v in t.vars)

    def primal_if(self, s: Stmt, op: If) -> None:
        """The branches without their linear results, and with the reads that are kept."""
        keep = [k for k, v in enumerate(s.vars) if self.wants(v)]
        kept = [t for t in self.inside(s) if t in self.wanted]
        values: dict[Stmt, Atom] = {}

        def side(block: Block) -> Block:
            def fill() -> Sequence[Atom]:
                self.sweep(block, None)
                for t in kept:
                    if t in self.seen:
                        values[t] = self.seen.pop(t)
                return [subst(block.results[k], self.env) for k in keep]

            return self.b.region(fill)

        then = side(op.then)
        of_then = dict(values)
        orelse = side(op.orelse)
        for t in kept:  # a read stands in one branch; the other one gives zeros of the same shape
            here, there = (then, orelse) if t in of_then else (orelse, then)
            zero = Builder()
            blank = zero.zeros(values[t].type)
            here = Block(here.stmts, (*here.results, values[t]))
            there = Block((*there.stmts, *zero.stack[0]), (*there.results, blank))
            then, orelse = (here, there) if t in of_then else (there, here)
        if not keep and not kept and not (has_effects(then) or has_effects(orelse)):
            return
        new = fresh_vars(tuple(s.vars[k] for k in keep), self.env)
        reads = [Var("r", values[t].type) for t in kept]
        self.b.emit_stmt(Stmt((*new, *reads), If(subst(op.cond, self.env), then, orelse), s.prov))
        self.seen.update(zip(kept, reads, strict=True))

    def primal_loop(self, s: Stmt, op: Loop, pending: list[Pending] | None) -> None:
        """The loop without its linear part, with columns for what the backward loop needs."""
        n = len(op.states)
        states = [k for k in range(n) if self.wants(op.states[k]) or self.wants(s.vars[k])]
        outs = [k for k in range(len(op.modes)) if self.wants(s.vars[n + k])]
        kept = [t for t in self.inside(s) if t in self.wanted]
        sequential = not op.parallel
        plan = plan_residuals(op, self.linear, self.stored) if sequential and pending is not None else NO_PLAN
        own = [r.stmt for r in plan.reads]
        self.wanted.update(own)
        with self.b.at(s.prov):
            extent = None if op.extent is None else subst(op.extent, self.env)
            inits = tuple(subst(op.inits[k], self.env) for k in states)
            index = fresh_like(op.index, self.env)
            vars = tuple(fresh_like(op.states[k], self.env) for k in states)
            head = None if op.head is None else clone(op.head, self.env)

            def fill() -> Sequence[Atom]:
                self.sweep(op.body, None)
                get = [subst(op.body.results[k], self.env) for k in states]
                get += [subst(op.outs[k], self.env) for k in outs]
                # The states as they enter the step: `env` holds them still, each has one name.
                get += [self.env[v] for v in plan.columns]
                return (*get, *(self.seen.pop(t) for t in (*kept, *own)))

            body = self.b.region(fill)
            modes = (*(op.modes[k] for k in outs), *["build"] * (len(plan.columns) + len(kept) + len(own)))
            if not modes and not states and head is None and not has_effects(body):
                if pending is not None:
                    pending.append(Pending(s))
                return
            old = tuple(s.vars[k] for k in states) + tuple(s.vars[n + k] for k in outs)
            old += (s.vars[-1],) if head is not None else ()
            new = fresh_vars(old, self.env)
            trip = new[-1] if head is not None else None
            steps = extent if trip is None else trip
            assert steps is not None
            results = body.results[len(states) + len(outs):]
            more = [Var(v.name + "s", Array(v.type.kind, (steps, *(subst(a, self.env) for a in v.type.shape))))
                    for v in plan.columns]
            inner = defined(body) | {index, *vars} if kept or own else set()
            for a in results[len(more):]:
                shape = (steps, *(self.b.outside(x, inner) for x in a.type.shape))
                more.append(Var("r", Array(a.type.kind, shape)))
            all_vars = (*new[: len(states) + len(outs)], *more, *((trip,) if trip is not None else ()))
            self.b.emit_stmt(Stmt(all_vars, Loop(index, extent, vars, inits, head, body, modes, op.down), s.prov))
        self.wanted.difference_update(own)
        columns = dict(zip(plan.columns, more, strict=False))
        reads = more[len(plan.columns):]
        self.seen.update(zip(kept, reads, strict=False))
        row = Var("row", Scalar("i64"))
        for r, column in zip(plan.reads, reads[len(kept):], strict=True):
            self.stored[r.stmt] = (column, (row, *r.path))
        if pending is not None:
            keeps = Kept(columns, {}, steps, row, plan.needed) if sequential else None
            if keeps is not None and plan.ragged:
                with self.b.at(s.prov):
                    self.store(op, keeps, plan.ragged)
            pending.append(Pending(s, keeps))

    def store(self, op: Loop, kept: Kept, ragged: Sequence[Var]) -> None:
        """Runs the loop again, now that all sizes are known, and keeps the states that change theirs."""
        b, env = self.b, self.env
        states = [k for k, v in enumerate(op.states) if self.wants(v)]

        def total(v: Var) -> Atom:
            def at(i: Var) -> Atom:
                sizes: dict[Var, Atom] = {w: b.index(c, i, safe=True) for w, c in kept.columns.items() if w in v.type.shape}
                return volume(b, [sizes.get(a, subst(a, env)) if isinstance(a, Var) else a for a in v.type.shape])

            return b.reduce("sum", kept.steps, at)

        stores = [b.zeros(Array(v.type.kind, (total(v),))) for v in ragged]
        inits = [*(subst(op.inits[k], env) for k in states), *stores, *(ZERO for _ in ragged)]
        index = Var(op.index.name, Scalar("i64"), extent=kept.steps, nonneg=True)
        entered = [fresh_like(op.states[k], env) for k in states]
        filled = [Var(v.name + "s", a.type) for v, a in zip(ragged, stores, strict=True)]
        ends = [Var("at", Scalar("i64"), nonneg=True) for _ in ragged]

        def fill() -> Sequence[Atom]:
            self.enter(op, replace(kept, columns={}), index)
            now = [env[v] for v in ragged]
            self.sweep(op.body, None)
            return [
                *(subst(op.body.results[k], env) for k in states),
                *(write(b, w, at, x) for w, at, x in zip(filled, ends, now, strict=True)),
                *(b.prim("add", at, volume(b, x.type.shape)) for at, x in zip(ends, now, strict=True)),
                *ends,
            ]

        outer, self.wanted = self.wanted, set()
        body = self.replayed(fill)
        self.wanted = outer
        modes = ("build",) * len(ragged)
        found = b.emit_loop(Loop(index, kept.steps, (*entered, *filled, *ends), tuple(inits), None, body, modes, op.down))
        full, offsets = found[len(states):], found[len(states) + 2 * len(ragged):]
        kept.ragged.update((v, Ragged(a, at)) for v, a, at in zip(ragged, full, offsets, strict=False))

    def enter(self, op: Loop, kept: Kept | None, row: Atom) -> None:
        """Binds what the body of a loop finds, inside a loop that goes through the rows it has kept.

        Where it ran down and ended early, the rows are those of its last indices.
        """
        b, env = self.b, self.env
        env[op.index] = row
        if kept is None:
            return
        env[kept.row] = row
        if op.down and op.head is not None and op.extent is not None:
            env[op.index] = b.prim("add", b.prim("sub", subst(op.extent, env), kept.steps), row)
        for v, column in kept.columns.items():
            env[v] = b.index(column, row, safe=True, name=v.name)
        for v, ragged in kept.ragged.items():
            env[v] = ragged.read(b, row, subst_type(v.type, env))

    def replayed(self, fill: Callable[[], Sequence[Atom]]) -> Block:
        before, self.replay = self.replay, True
        try:
            return self.b.region(fill)
        finally:
            self.replay = before
