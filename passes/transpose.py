"""Transposition of linear programs: with `jvp` before it, this is reverse differentiation.

A function of primals and tangents, linear in the tangents, becomes the function of primals and
cotangents of its linear results.  One rule per linear form; the primal statements are copied in
front.  The body of a loop is run again inside the transposed loop (sharing is left to fusion); what a
sequential loop must keep for that is planned in `residuals`.  (Radul, Paszke, Frostig, Johnson,
Maclaurin, "You Only Linearize Once", POPL 2023.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from ..compiler.build import Builder, defined
from ..compiler.errors import InternalError, UnsupportedError
from ..compiler.ir import (
    Array,
    Assert,
    Atom,
    Block,
    Const,
    Delta,
    Fill,
    Function,
    If,
    Index,
    Loop,
    Plus,
    Prim,
    Prov,
    Scalar,
    Show,
    Stmt,
    Type,
    Update,
    Var,
    all_stmts,
    clone,
    clone_stmt,
    free_vars,
    fresh_like,
    fresh_vars,
    regions,
    subst,
    subst_type,
)
from .linearity import mark_linear
from .residuals import NO_PLAN, plan_residuals


def transpose(f: Function, primals: int, linear_params: int, given: Sequence[bool], name: str) -> Function:
    """(params, cotangents) → (primal results, cotangents of the last `linear_params` parameters).

    The first `primals` results of `f` do not depend on those parameters, the others are linear in
    them; `given` says for each of the others whether its cotangent is a parameter or zero.
    """
    split = len(f.params) - linear_params
    linear = set(f.params[split:])
    mark_linear(f.body, linear)
    t = _Transposer(linear)
    for v in f.sizes:
        fresh_like(v, t.env)
    params = [fresh_like(p, t.env) for p in f.params[:split]]
    for p in f.params[split:]:
        fresh_like(p, t.env)  # only its type is read
    pending: list[_Pending] = []
    t.sweep(f.body, pending)
    cts: Cotangents = {}
    for a, on in zip(f.body.results[primals:], given, strict=True):
        if on:
            c = _cotangent_param(a, t.env)
            params.append(c)
            t.add(cts, a, c)
    t.reverse(pending, cts)
    results = [subst(a, t.env) for a in f.body.results[:primals]]
    results += [t.dense(cts, p) for p in f.params[split:]]
    return Function(name, tuple(params), t.b.finish(results), span=f.span)


def _cotangent_param(a: Atom, env: dict[Var, Atom]) -> Var:
    """A parameter for the cotangent of a result; sizes that the body computes get names of their own."""
    shape = tuple(x if isinstance(x, Const) else Var(x.name, Scalar("i64"), nonneg=True) for x in a.type.shape)
    t: Type = Array(a.type.kind, shape) if shape else a.type
    return Var((a.name if isinstance(a, Var) else "y") + "_bar", t)


@dataclass(frozen=True, slots=True)
class _Scatter:
    """A contribution to one cell (or row) of a cotangent; `index` and `value` are new atoms.

    `prov` is where the element was read: an index out of bounds is found there.
    """

    index: tuple[Atom, ...]
    value: Atom
    safe: bool
    prov: Prov


Item = Atom | _Scatter
Cotangents = dict[Var, list[Item]]


@dataclass(frozen=True, slots=True)
class _Pending:
    """A linear statement that waits for the backward sweep; `columns` hold what a loop has kept,
    `needed` what of its body is computed again."""

    stmt: Stmt
    columns: dict[Var, Var] = field(default_factory=dict)
    trip: Atom | None = None
    needed: frozenset[Var] | None = None


class _Transposer:
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

    # ------------------------------------------------ the primal part

    def sweep(self, block: Block, pending: list[_Pending] | None) -> None:
        """Copies the primal statements; the linear ones go to `pending` (None: are left out)."""
        for s in block.stmts:
            self.primal(s, pending)

    def primal(self, s: Stmt, pending: list[_Pending] | None) -> None:
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
                    pending.append(_Pending(s))
                return
        elif mixed:
            if pending is not None:
                pending.append(_Pending(s))
            return
        copy = clone_stmt(s, self.env)
        copy = _silent(copy) if self.replay else copy
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
        if not keep and not kept and not (_has_effects(then) or _has_effects(orelse)):
            return
        new = fresh_vars(tuple(s.vars[k] for k in keep), self.env)
        reads = [Var("r", values[t].type) for t in kept]
        self.b.emit_stmt(Stmt((*new, *reads), If(subst(op.cond, self.env), then, orelse), s.prov))
        self.seen.update(zip(kept, reads, strict=True))

    def primal_loop(self, s: Stmt, op: Loop, pending: list[_Pending] | None) -> None:
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
            if not modes and not states and head is None and not _has_effects(body):
                if pending is not None:
                    pending.append(_Pending(s))
                return
            old = tuple(s.vars[k] for k in states) + tuple(s.vars[n + k] for k in outs)
            old += (s.vars[-1],) if head is not None else ()
            new = fresh_vars(old, self.env)
            trip = new[-1] if head is not None else None
            steps = extent if trip is None else trip
            assert steps is not None
            results = body.results[len(states) + len(outs):]
            more = self.columns(plan.columns, steps, op, s)
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
        for r, column in zip(plan.reads, reads[len(kept):], strict=True):
            self.stored[r.stmt] = (column, (op.index, *r.path))
        if pending is not None:
            pending.append(_Pending(s, columns, trip, plan.needed if sequential else None))

    def columns(self, states: Sequence[Var], steps: Atom, op: Loop, s: Stmt) -> list[Var]:
        """Variables for the states that are stored once per step."""
        for v in states:
            if any(a in op.states for a in v.type.shape):
                raise _changing_size(s)
        return [Var(v.name + "s", Array(v.type.kind, (steps, *(subst(a, self.env) for a in v.type.shape))))
                for v in states]

    # ------------------------------------------------ cotangents

    def add(self, cts: Cotangents, a: Atom, c: Item) -> None:
        if isinstance(a, Var) and a in self.linear:
            cts.setdefault(a, []).append(c)

    def take(self, cts: Cotangents, v: Var, in_place: bool = False) -> Atom | None:
        """The whole cotangent of a variable, None if nothing came in.

        `in_place`: scatters become updates of the dense part (a loop's state), otherwise a sum.
        """
        items = cts.pop(v, None)
        if not items:
            return None
        b = self.b
        dense = [c for c in items if not isinstance(c, _Scatter)]
        scatters = [c for c in items if isinstance(c, _Scatter)]
        t = subst_type(v.type, self.env)
        if in_place and dense and scatters:
            total = b.plus(*dense)
            for c in scatters:
                with b.at(c.prov):
                    old = b.index(total, *c.index, safe=c.safe)
                    total = b.update(total, c.index, b.plus(old, c.value), safe=c.safe)
            return total
        return b.plus(*dense, *(self.scattered(t.shape, c) for c in scatters))

    def scattered(self, shape: Sequence[Atom], c: _Scatter) -> Atom:
        with self.b.at(c.prov):
            return self.b.delta(shape, c.index, c.value, safe=c.safe)

    def dense(self, cts: Cotangents, v: Var, in_place: bool = False) -> Atom:
        c = self.take(cts, v, in_place)
        return self.b.zeros(subst_type(v.type, self.env)) if c is None else c

    # ------------------------------------------------ the backward sweep

    def reverse(self, pending: list[_Pending], cts: Cotangents) -> None:
        for p in reversed(pending):
            if any(v in cts for v in p.stmt.vars):
                with self.b.at(Prov(p.stmt.prov.spans, "cotangent")):
                    self.transpose(p, cts)

    def transpose(self, p: _Pending, cts: Cotangents) -> None:
        s = p.stmt
        match s.op:
            case Loop() as op:
                self.transpose_loop(s, op, p, cts)
            case If() as op:
                self.transpose_if(s, op, cts)
            case _:
                c = self.take(cts, s.vars[0])
                assert c is not None
                self.leaf(s, c, cts)

    def leaf(self, s: Stmt, c: Atom, cts: Cotangents) -> None:
        b, env, op = self.b, self.env, s.op

        def get(a: Atom) -> Atom:
            return subst(a, env)

        match op:
            case Prim("add", (x, y)):
                self.add(cts, x, c)
                self.add(cts, y, c)
            case Prim("sub", (x, y)):
                self.add(cts, x, c)
                if y in self.linear:
                    self.add(cts, y, b.prim("neg", c))
            case Prim("neg", (x,)):
                self.add(cts, x, b.prim("neg", c))
            case Prim("mul", (x, y)):
                if x in self.linear:
                    self.add(cts, x, b.prim("mul", c, get(y)))
                else:
                    self.add(cts, y, b.prim("mul", c, get(x)))
            case Prim("div", (x, y)):
                self.add(cts, x, b.prim("div", c, get(y)))
            case Prim("select", (k, x, y)):
                zero = Const(0, c.type.kind)
                if x in self.linear:
                    self.add(cts, x, b.prim("select", get(k), c, zero))
                if y in self.linear:
                    self.add(cts, y, b.prim("select", get(k), zero, c))
            case Prim("f64" | "f32", (x,)):
                self.add(cts, x, b.prim(x.type.kind, c))
            case Index(a, es, safe):
                self.add(cts, a, _Scatter(tuple(map(get, es)), c, safe, b.prov))
            case Update(a, es, v, safe):
                at = tuple(map(get, es))
                if v in self.linear:
                    self.add(cts, v, b.index(c, *at, safe=safe))
                if a in self.linear:
                    self.add(cts, a, b.update(c, at, b.zeros(subst_type(v.type, env)), safe=safe))
            case Delta(_, es, v, safe):
                self.add(cts, v, b.index(c, *map(get, es), safe=safe))
            case Fill(shape, v):
                self.add(cts, v, self.total(c, len(shape)))
            case Plus(arrays):
                for a in arrays:
                    self.add(cts, a, c)
            case _:
                raise InternalError("DV0999", f"no transposition of {op}", s.prov.span)

    def total(self, a: Atom, axes: int) -> Atom:
        """The sum of all elements."""
        if axes == 0:
            return a
        extent = a.type.shape[0]
        return self.b.reduce("sum", extent, lambda i: self.total(self.b.index(a, i, safe=True), axes - 1))

    def bar(self, v: Var) -> Var:
        """A variable for the cotangent of an old one."""
        return Var(v.name + "_bar", subst_type(v.type, self.env))

    def transpose_if(self, s: Stmt, op: If, cts: Cotangents) -> None:
        given = {k: c for k, v in enumerate(s.vars) if v in self.linear and (c := self.take(cts, v)) is not None}
        free: dict[Var, None] = {}
        for block in regions(op):
            free.update((v, None) for v in free_vars(block) if v in self.linear)

        def side(block: Block) -> Block:
            def fill() -> Sequence[Atom]:
                pending: list[_Pending] = []
                inner: Cotangents = {}
                self.sweep(block, pending)
                for k, c in given.items():
                    self.add(inner, block.results[k], c)
                self.reverse(pending, inner)
                return [self.dense(inner, v) for v in free]

            return self.replayed(fill)

        new_op = If(subst(op.cond, self.env), side(op.then), side(op.orelse))
        new = [self.bar(v) for v in free]
        self.b.emit_stmt(Stmt(tuple(new), new_op, self.b.prov))
        for v, done in zip(free, new, strict=True):
            self.add(cts, v, done)

    def replayed(self, fill: Callable[[], Sequence[Atom]]) -> Block:
        before, self.replay = self.replay, True
        try:
            return self.b.region(fill)
        finally:
            self.replay = before

    def transpose_loop(self, s: Stmt, op: Loop, p: _Pending, cts: Cotangents) -> None:
        b, n = self.b, len(op.states)
        carried = [k for k in range(n) if op.states[k] in self.linear]
        for k in carried:
            if any(a in op.states for a in op.states[k].type.shape):
                raise _changing_size(s)
        inits = [self.dense(cts, s.vars[k]) for k in carried]
        given = [(k, c) for k in range(len(op.modes)) if (c := self.take(cts, s.vars[n + k])) is not None]
        extent = p.trip if p.trip is not None else subst(op.extent, self.env) if op.extent is not None else None
        assert extent is not None
        i = Var(op.index.name, Scalar("i64"), extent=extent, nonneg=True)
        states = tuple(Var(op.states[k].name + "_bar", a.type) for k, a in zip(carried, inits, strict=True))
        local = defined(op.body) | {op.index, *op.states}
        free: list[Var] = []

        def fill() -> Sequence[Atom]:
            self.env[op.index] = i
            pending: list[_Pending] = []
            inner: Cotangents = {}
            for v, column in p.columns.items():
                self.env[v] = b.index(column, i, safe=True, name=v.name)
            self.sweep(op.body, pending)
            for k, c in zip(carried, states, strict=True):
                self.add(inner, op.body.results[k], c)
            for k, out in given:
                self.add(inner, op.outs[k], b.index(out, i, safe=True) if op.modes[k] == "build" else out)
            self.reverse(pending, inner)
            nexts = [self.dense(inner, op.states[k], in_place=True) for k in carried]
            free.extend(v for v in inner if v not in local)
            sums = [self.take(inner, v) for v in free]
            return (*nexts, *(total for total in sums if total is not None))

        outer, self.needed = self.needed, p.needed if p.needed is not None else self.needed
        body = self.replayed(fill)
        self.needed = outer
        if not carried and not free:
            return
        loop = Loop(i, extent, states, tuple(inits), None, body, ("sum",) * len(free), bool(carried) and not op.down)
        new = [*(Var(v.name, v.type) for v in states), *(self.bar(v) for v in free)]
        b.emit_stmt(Stmt(tuple(new), loop, b.prov))
        for k, done in zip(carried, new, strict=False):
            self.add(cts, op.inits[k], done)
        for v, done in zip(free, new[len(carried):], strict=True):
            self.add(cts, v, done)


def _changing_size(s: Stmt) -> UnsupportedError:
    return UnsupportedError(
        "DV0901", "not yet: the reverse derivative of a loop whose state changes its size", s.prov.span,
        help="use jvp, or keep the state in an array of fixed size",
    )


# ---------------------------------------------------------------- effects


def _has_effects(block: Block) -> bool:
    return any(isinstance(s.op, Assert | Show) for s in all_stmts(block))


def _silent(s: Stmt) -> Stmt:
    """The statement without the asserts and shows inside it (they have run in the forward sweep)."""
    if not any(map(_has_effects, regions(s.op))):
        return s

    def block(b: Block) -> Block:
        return Block(tuple(_silent(t) for t in b.stmts if not isinstance(t.op, Assert | Show)), b.results)

    op = s.op
    if isinstance(op, Loop):
        op = replace(op, body=block(op.body), head=None if op.head is None else block(op.head))
    elif isinstance(op, If):
        op = If(op.cond, block(op.then), block(op.orelse))
    return Stmt(s.vars, op, s.prov)
