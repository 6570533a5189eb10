"""The primal part of a program that is transposed: copied in front, and run again in backward loops.

What a sequential loop keeps for that is planned in `residuals`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
        wanted = any(map(self.wants, s.vars))
        if not mixed and not wanted and (self.replay or not any(map(has_effects, regions(op)))):
            return  # a loop of asserts has no results, but runs
        if isinstance(op, Loop):
            if mixed or not wanted or self.inside(s) or self.touched(s):
                self.primal_loop(s, op, pending if mixed else None)
                return
        elif isinstance(op, If):
            if mixed or not wanted or self.inside(s) or self.touched(s):
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
        b, env, n = self.b, self.env, len(op.states)
        states = [k for k in range(n) if self.wants(op.states[k]) or self.wants(s.vars[k])]
        outs = [k for k in range(len(op.modes)) if self.wants(s.vars[n + k])]
        kept = [t for t in self.inside(s) if t in self.wanted]
        sequential = not op.parallel
        plan = plan_residuals(op, self.linear, self.stored) if sequential and pending is not None else NO_PLAN
        own = [r.stmt for r in plan.reads]
        with b.at(s.prov):
            steps, stores = self.measure(s, op, states, plan.ragged) if plan.ragged else (None, [])
            extent = steps if op.extent is None or steps is not None else subst(op.extent, env)
            inits = (*(subst(op.inits[k], env) for k in states), *stores, *(ZERO for _ in stores))
            index = Var(op.index.name, Scalar("i64"), extent=extent, nonneg=True)
            env[op.index] = index
            vars = [fresh_like(op.states[k], env) for k in states]
            filled = [Var(v.name + "s", a.type) for v, a in zip(plan.ragged, stores, strict=True)]
            ends = [Var("end", Scalar("i64"), nonneg=True) for _ in stores]
            head = None if op.head is None or steps is not None else clone(op.head, env)

            def fill() -> Sequence[Atom]:
                if steps is not None:
                    self.at_row(op, steps, index)
                # The states as they enter the step: `env` holds them still, each has one name.
                now = [env[v] for v in (*plan.ragged, *plan.columns)]
                self.sweep(op.body, None)
                get = [subst(op.body.results[k], env) for k in states]
                get += [write(b, w, at, x) for w, at, x in zip(filled, ends, now, strict=False)]
                get += [b.prim("add", at, volume(b, x.type.shape)) for at, x in zip(ends, now, strict=False)]
                get += [subst(op.outs[k], env) for k in outs]
                return (*get, *ends, *now[len(ends):], *(self.seen.pop(t) for t in (*kept, *own)))

            self.wanted.update(own)
            body = b.region(fill) if steps is None else self.replayed(fill)
            self.wanted.difference_update(own)
            columns = len(plan.ragged) + len(plan.columns)
            modes = (*(op.modes[k] for k in outs), *["build"] * (columns + len(kept) + len(own)))
            if not modes and not states and head is None and not has_effects(body):
                if pending is not None:
                    pending.append(Pending(s))
                return
            old = tuple(s.vars[k] for k in states) + tuple(s.vars[n + k] for k in outs)
            old += (s.vars[-1],) if head is not None else ()
            new = list(fresh_vars(old, env))
            trip = [new.pop()] if head is not None else []
            rows = trip[0] if trip else extent
            assert rows is not None
            logs = [Var(v.name, v.type) for v in (*filled, *ends)]
            more = [Var("at", Array("i64", (rows,))) for _ in ends]
            more += [Var(v.name + "s", Array(v.type.kind, (rows, *(subst(a, env) for a in v.type.shape))))
                     for v in plan.columns]
            inner = defined(body) | {index, *vars} if kept or own else set()
            for a in body.results[len(body.results) - len(kept) - len(own):] if kept or own else ():
                more.append(Var("r", Array(a.type.kind, (rows, *(b.outside(x, inner) for x in a.type.shape)))))
            loop = Loop(index, extent, (*vars, *filled, *ends), inits, head, body, modes, op.down)
            b.emit_stmt(Stmt((*new[:len(states)], *logs, *new[len(states):], *more, *trip), loop, s.prov))
        reads = more[columns:]
        self.seen.update(zip(kept, reads, strict=False))
        row = Var("row", Scalar("i64"))
        for r, column in zip(plan.reads, reads[len(kept):], strict=True):
            self.stored[r.stmt] = (column, (row, *r.path))
        if pending is not None:
            ragged = {v: Ragged(a, at) for v, a, at in zip(plan.ragged, logs, more, strict=False)}
            whole = dict(zip(plan.columns, more[len(ends):], strict=False))
            pending.append(Pending(s, Kept(whole, ragged, rows, row, plan.needed) if sequential else None))

    def measure(self, s: Stmt, op: Loop, states: Sequence[int], ragged: Sequence[Var]) -> tuple[Atom, list[Atom]]:
        """Runs the loop for its effects, its steps and its sizes: what another run can store states in.

        Dead code leaves what those need.  Gives the number of steps and an empty store for each state.
        """
        b, env = self.b, self.env
        extent = None if op.extent is None else subst(op.extent, env)
        inits = tuple(subst(op.inits[k], env) for k in states)
        index = fresh_like(op.index, env)
        vars = tuple(fresh_like(op.states[k], env) for k in states)
        head = None if op.head is None else clone(op.head, env)

        def fill() -> Sequence[Atom]:
            shapes = [subst_type(v.type, env).shape for v in ragged]
            self.sweep(op.body, None)
            return (*(subst(op.body.results[k], env) for k in states), *(volume(b, shape) for shape in shapes))

        outer, self.wanted = self.wanted, set()
        loop = Loop(index, extent, vars, inits, head, b.region(fill), ("sum",) * len(ragged), op.down)
        self.wanted = outer
        found = b.emit_loop(loop)
        steps = found[-1] if head is not None else extent
        assert steps is not None
        if head is not None:
            env[s.vars[-1]] = steps
        return steps, [b.zeros(Array(v.type.kind, (n,))) for v, n in zip(ragged, found[len(states):], strict=False)]

    def enter(self, op: Loop, kept: Kept | None, row: Atom) -> None:
        """Binds what the body of a loop finds, inside a loop that goes through the rows it has kept."""
        b, env = self.b, self.env
        env[op.index] = row
        if kept is None:
            return
        env[kept.row] = row
        self.at_row(op, kept.steps, row)
        for v, column in kept.columns.items():
            env[v] = b.index(column, row, safe=True, name=v.name)
        for v, ragged in kept.ragged.items():
            env[v] = ragged.read(b, row, subst_type(v.type, env))

    def at_row(self, op: Loop, steps: Atom, row: Atom) -> None:
        """The index that a loop had at a row: where it ran down and ended early, one of its last ones."""
        if op.down and op.head is not None and op.extent is not None:
            first = self.b.prim("sub", subst(op.extent, self.env), steps)
            self.env[op.index] = self.b.prim("add", first, row)

    def replayed(self, fill: Callable[[], Sequence[Atom]]) -> Block:
        before, self.replay = self.replay, True
        try:
            return self.b.region(fill)
        finally:
            self.replay = before
