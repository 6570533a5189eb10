"""Transposition of linear programs: with `jvp` before it, this is reverse differentiation.

A function of primals and tangents, linear in the tangents, becomes the function of primals and
cotangents of its linear results.  One rule per linear form; the primal statements are copied in
front (`primal`).  The body of a loop is run again inside the transposed loop (sharing is left to fusion); what a
sequential loop must keep for that is planned in `residuals`.  (Radul, Paszke, Frostig, Johnson,
Maclaurin, "You Only Linearize Once", POPL 2023.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..compiler.build import array_type, defined
from ..compiler.errors import InternalError
from ..compiler.ir import (
    Array,
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
    Stmt,
    Type,
    Update,
    Var,
    free_vars,
    fresh_like,
    regions,
    subst,
    subst_type,
)
from .linearity import mark_linear
from .primal import Pending, Primal


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
    pending: list[Pending] = []
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


class _Transposer(Primal):
    """The primal part, and the backward sweep over what it left."""

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

    def reverse(self, pending: list[Pending], cts: Cotangents) -> None:
        for p in reversed(pending):
            if any(v in cts for v in p.stmt.vars):
                with self.b.at(replace(p.stmt.prov, role="cotangent")):
                    self.transpose(p, cts)

    def transpose(self, p: Pending, cts: Cotangents) -> None:
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

    def resized(self, a: Atom, shape: Sequence[Atom]) -> Atom:
        """The array with sizes that equal its own, as the scope around knows them."""
        if a.type.shape == tuple(shape):
            return a
        return self.b.builds(shape, lambda index: self.b.index(a, *index, safe=True))

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
                pending: list[Pending] = []
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

    def transpose_loop(self, s: Stmt, op: Loop, p: Pending, cts: Cotangents) -> None:
        b, n = self.b, len(op.states)
        carried = [k for k in range(n) if op.states[k] in self.linear]
        # A cotangent has the size that its state has at that step, so sizes run backwards with it.
        sizes = [k for k in range(n) if any(op.states[k] in op.states[c].type.shape for c in carried)]
        ends = [self.dense(cts, s.vars[k]) for k in carried]
        given = [(k, c) for k in range(len(op.modes)) if (c := self.take(cts, s.vars[n + k])) is not None]
        extent = p.kept.steps if p.kept is not None else subst(op.extent, self.env) if op.extent is not None else None
        assert extent is not None
        i = Var(op.index.name, Scalar("i64"), extent=extent, nonneg=True)
        size_of: dict[Var, Atom] = {}
        states = [fresh_like(op.states[k], size_of) for k in sizes]
        for k, a in zip(carried, ends, strict=True):
            shape = [size_of.get(x, y) if isinstance(x, Var) else y
                     for x, y in zip(op.states[k].type.shape, a.type.shape, strict=True)]
            states.append(Var(op.states[k].name + "_bar", array_type(a.type.kind, shape)))
        local = defined(op.body) | {op.index, *op.states}
        free: list[Var] = []

        def fill() -> Sequence[Atom]:
            self.enter(op, p.kept, i)
            pending: list[Pending] = []
            inner: Cotangents = {}
            self.sweep(op.body, pending)
            for k, c in zip(carried, states[len(sizes):], strict=True):
                self.add(inner, op.body.results[k], c)
            for k, out in given:
                self.add(inner, op.outs[k], b.index(out, i, safe=True) if op.modes[k] == "build" else out)
            self.reverse(pending, inner)
            nexts = [*(self.env[op.states[k]] for k in sizes),
                     *(self.dense(inner, op.states[k], in_place=True) for k in carried)]
            free.extend(v for v in inner if v not in local)
            sums = [self.take(inner, v) for v in free]
            return (*nexts, *(total for total in sums if total is not None))

        outer, self.needed = self.needed, p.kept.needed if p.kept is not None else self.needed
        body = self.replayed(fill)
        self.needed = outer
        if not carried and not free:
            return
        inits = (*(subst(s.vars[k], self.env) for k in sizes), *ends)
        loop = Loop(i, extent, tuple(states), inits, None, body, ("sum",) * len(free), bool(carried) and not op.down)
        finals: dict[Var, Atom] = {}
        new = [*(fresh_like(v, finals) for v in states), *(self.bar(v) for v in free)]
        b.emit_stmt(Stmt(tuple(new), loop, b.prov))
        for k, done in zip(carried, new[len(sizes):], strict=False):
            self.add(cts, op.inits[k], self.resized(done, subst_type(op.inits[k].type, self.env).shape))
        for v, total in zip(free, new[len(states):], strict=True):
            self.add(cts, v, total)
