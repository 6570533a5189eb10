"""Forward differentiation: a function to the function of its dual numbers.

One rule per IR form, closed under nesting; scalar primitives take theirs from the table.  A tangent
that is known to be zero is None and costs nothing (symbolic zeros); which loop states carry one is a
fixed point.  (Griewank and Walther, Evaluating Derivatives, 2nd ed., sections 3.1 and 3.2.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..compiler.build import Builder
from ..compiler.errors import InternalError
from ..compiler.ir import (
    ZERO,
    ArgSort,
    Array,
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
    Jvp,
    Loop,
    Plus,
    Prim,
    Scalar,
    Show,
    Stmt,
    Update,
    Var,
    Vjp,
    clone,
    clone_stmt,
    fresh_like,
    fresh_vars,
    is_float,
    map_operands,
    subst,
    subst_type,
)
from ..compiler.primitives import PRIMITIVES

Functions = Mapping[str, Function]


def jvp(f: Function, active: Sequence[bool], functions: Functions, name: str) -> Function:
    """The function (params, tangents of the active ones) → (results, tangents of the float results).

    `f` holds no `Jvp` and `Vjp` any more, and calls only functions with a derivative of their own.
    """
    env: dict[Var, Atom] = {}
    for v in f.sizes:
        fresh_like(v, env)
    params = [fresh_like(p, env) for p in f.params]
    forward = _Forward(functions)
    tangents: list[Var] = []
    for p, on in zip(f.params, active, strict=True):
        if on:
            t = fresh_like(p, dict(env))
            t.name, t.nonneg = "d" + p.name, False
            forward.tangents[p] = t
            tangents.append(t)
    forward.env = env
    results = forward.block(f.body)
    duals = [forward.dense(a) for a in f.body.results if is_float(a.type)]
    return Function(name, (*params, *tangents), forward.b.finish((*results, *duals)), span=f.span)


# ---------------------------------------------------------------- activity


def active_vars(block: Block, active: set[Var], functions: Functions) -> None:
    """Adds to `active` the variables of a block that may carry a tangent."""

    def on(a: Atom | None) -> bool:
        return a in active

    for s in block.stmts:
        match s.op:
            case Prim("stop_gradient", _) | ArgSort() | Assert() | Show():
                pass
            case Prim(_, args) | Plus(args):
                if is_float(s.vars[0].type) and any(map(on, args)):
                    active.add(s.vars[0])
            case Index(a, _) | Fill(_, a) | Delta(_, _, a):
                if on(a):
                    active.add(s.vars[0])
            case Update(a, _, v):
                if on(a) or on(v):
                    active.add(s.vars[0])
            case If(_, t, e):
                active_vars(t, active, functions)
                active_vars(e, active, functions)
                for v, x, y in zip(s.vars, t.results, e.results, strict=True):
                    if is_float(v.type) and (on(x) or on(y)):
                        active.add(v)
            case Call(_, args):
                if any(map(on, args)):
                    active.update(v for v in s.vars if is_float(v.type))
            case Loop():
                _active_loop(s, s.op, active, functions)
            case Jvp() | Vjp():
                raise InternalError("DV0999", "a derivative was left inside a function that is differentiated")


def _active_loop(s: Stmt, op: Loop, active: set[Var], functions: Functions) -> None:
    n = len(op.states)
    for state, init in zip(op.states, op.inits, strict=True):
        if is_float(state.type) and init in active:
            active.add(state)
    while True:  # grows at each round, so at most once per state
        active_vars(op.body, active, functions)
        new = [
            v for v, a in zip(op.states, op.body.results[:n], strict=True)
            if is_float(v.type) and a in active and v not in active
        ]
        if not new:
            break
        active.update(new)
    for v, state in zip(s.vars, op.states, strict=False):
        if state in active:
            active.add(v)
    for v, mode, a in zip(s.vars[n:], op.modes, op.outs, strict=False):
        if a in active and mode in ("build", "sum", "prod", "max", "min"):
            active.add(v)


# ---------------------------------------------------------------- the rewriting


class _Forward:
    """Rewrites blocks; `env` maps old variables to new primals, `tangents` to new tangents."""

    def __init__(self, functions: Functions) -> None:
        self.b = Builder()
        self.functions = functions
        self.env: dict[Var, Atom] = {}
        self.tangents: dict[Var, Atom] = {}

    def tangent(self, a: Atom) -> Atom | None:
        return self.tangents.get(a) if isinstance(a, Var) else None

    def dense(self, a: Atom) -> Atom:
        """The tangent, zeros where it is a symbolic zero."""
        t = self.tangent(a)
        if t is not None:
            return t
        new = subst(a, self.env)
        return self.b.zeros(new.type)

    def block(self, block: Block) -> tuple[Atom, ...]:
        for s in block.stmts:
            self.stmt(s)
        return tuple(subst(a, self.env) for a in block.results)

    def stmt(self, s: Stmt) -> None:
        if isinstance(s.op, Loop):
            self.loop(s, s.op)
        elif isinstance(s.op, If):
            self.branch(s, s.op)
        else:
            self.b.emit_stmt(clone_stmt(s, self.env))
            with self.b.at(replace(s.prov, role="tangent")):
                self.leaf(s)

    def leaf(self, s: Stmt) -> None:
        """The tangent of a statement without regions, whose primal has just been emitted."""
        b, tangent = self.b, self.tangent
        op = map_operands(s.op, self.env)
        new: Atom | None = None
        match s.op, op:
            case Prim("stop_gradient", _), _:
                return
            case Prim(name, old), Prim(_, args):
                ts = tuple(tangent(a) for a in old)
                if any(t is not None for t in ts):
                    new = PRIMITIVES[name].tangent(b, args, subst(s.vars[0], self.env), ts)
            case Plus(old), _:
                present = [t for a in old if (t := tangent(a)) is not None]
                new = b.plus(*present) if present else None
            case Index(a, _), Index(_, es, safe):
                if (t := tangent(a)) is not None:
                    new = b.index(t, *es, safe=safe)
            case Update(a, _, v), Update(_, es, _, safe):
                if tangent(a) is not None or tangent(v) is not None:
                    new = b.update(self.dense(a), es, self.dense(v), safe=safe)
            case Delta(_, _, v), Delta(shape, es, _, safe):
                if (t := tangent(v)) is not None:
                    new = b.delta(shape, es, t, safe=safe)
            case Fill(_, v), Fill(shape, _):
                if (t := tangent(v)) is not None:
                    new = b.fill(shape, t)
            case Call(), Call():
                self.custom(s, op)
                return
        if new is not None:
            self.tangents[s.vars[0]] = new

    def custom(self, s: Stmt, op: Call) -> None:
        """A call of a function that states its derivative: the rule's body stands here in its place."""
        old = s.op
        assert isinstance(old, Call)
        f = self.functions[op.fn]
        if f.derivative is None:
            raise InternalError("DV0999", f"the call of {op.fn} should have been inlined")
        if all(self.tangent(a) is None for a in old.args):
            return
        rule = self.functions[f.derivative]
        tangents = [self.dense(a) for a in old.args if is_float(a.type)]
        results = splice_call(self.b, rule, (*op.args, *tangents))
        for v, t in zip([v for v in s.vars if is_float(v.type)], results, strict=True):
            self.tangents[v] = t

    def branch(self, s: Stmt, op: If) -> None:
        on = set(self.tangents)
        active_vars(op.then, on, self.functions)
        active_vars(op.orelse, on, self.functions)
        carriers = [
            k for k, (x, y) in enumerate(zip(op.then.results, op.orelse.results, strict=True))
            if is_float(x.type) and (x in on or y in on)
        ]

        def side(block: Block) -> Block:
            def fill() -> Sequence[Atom]:
                results = self.block(block)
                return (*results, *(self.dense(block.results[k]) for k in carriers))

            return self.b.region(fill)

        new_op = If(subst(op.cond, self.env), side(op.then), side(op.orelse))
        new = fresh_vars(s.vars, self.env)
        duals = [self.dual(s.vars[k]) for k in carriers]
        self.b.emit_stmt(Stmt((*new, *duals), new_op, s.prov))

    def dual(self, v: Var) -> Var:
        """A variable for the tangent of an old variable, of the type of its new primal."""
        t = Var("d" + v.name, subst_type(v.type, self.env))
        self.tangents[v] = t
        return t

    def loop(self, s: Stmt, op: Loop) -> None:
        on = set(self.tangents)
        _active_loop(s, op, on, self.functions)
        if not any(v in on for v in s.vars):
            self.b.emit_stmt(clone_stmt(s, self.env))
            return
        n = len(op.states)
        carried = [v for v in op.states if v in on]
        with self.b.at(s.prov):
            inits = [*(subst(a, self.env) for a in op.inits),
                     *(self.dense(a) for v, a in zip(op.states, op.inits, strict=True) if v in on)]
            extent = None if op.extent is None else subst(op.extent, self.env)
            index = fresh_like(op.index, self.env)
            states = [fresh_like(v, self.env) for v in op.states]
            states += [self.dual(v) for v in carried]
            head = None if op.head is None else clone(op.head, self.env)
            modes, slots = list(op.modes), []
            for k, (mode, a) in enumerate(zip(op.modes, op.outs, strict=True)):
                if s.vars[n + k] in on:
                    slots.append((k, mode, a, len(modes)))
                    modes += {"max": ["build", "argmax"], "min": ["build", "argmin"],
                              "prod": ["build", "build"]}.get(mode, [mode])

            def fill() -> Sequence[Atom]:
                outs = list(self.block(op.body))
                nexts = outs[:n] + [self.dense(a) for v, a in zip(op.states, op.body.results, strict=False) if v in on]
                extra: list[Atom] = []
                for _, mode, a, _ in slots:
                    primal = [] if mode in ("build", "sum") else [subst(a, self.env)]
                    extra += [self.dense(a), *primal]
                return (*nexts, *outs[n:], *extra)

            body = self.b.region(fill)
        new_op = Loop(index, extent, tuple(states), tuple(inits), head, body, tuple(modes), op.down)
        new = list(fresh_vars(s.vars, self.env))
        trip = [new.pop()] if head is not None else []
        duals = [self.dual(v) for v, state in zip(s.vars, op.states, strict=False) if state in on]
        column: tuple[Atom, ...] = (trip[0] if trip else new_op.extent or ZERO,)
        outs = new[n:]
        for k, mode, _, _ in slots:
            kind = s.vars[n + k].type.kind
            outs += {"max": [Var("t", Array(kind, column)), Var("at", Scalar("i64"))],
                     "min": [Var("t", Array(kind, column)), Var("at", Scalar("i64"))],
                     "prod": [Var("t", Array(kind, column)), Var("t", Array(kind, column))]}.get(
                mode, [Var("t", subst_type(s.vars[n + k].type, self.env))])
        self.b.emit_stmt(Stmt((*new[:n], *duals, *outs, *trip), new_op, s.prov))
        with self.b.at(replace(s.prov, role="tangent")):
            for k, mode, _, at in slots:
                t = outs[at]
                if mode in ("max", "min"):
                    t = self.b.emit(Index(t, (outs[at + 1],), True), [outs[k].type], ["t"])[0]
                elif mode == "prod":
                    t = self.product(outs[at + 1], outs[at])
                self.tangents[s.vars[n + k]] = t

    def product(self, factors: Var, tangents: Var) -> Var:
        """Tangent of a product from its factors and theirs: prefix products, no division (exact at zeros)."""
        b = self.b
        one, zero = Const(1, factors.type.kind), Const(0, factors.type.kind)

        def body(i: Var, s: tuple[Var, ...]) -> tuple[Sequence[Atom], Sequence[tuple[str, Atom]]]:
            x, dx = b.index(factors, i, safe=True), b.index(tangents, i, safe=True)
            slope = b.prim("add", b.prim("mul", s[1], x), b.prim("mul", dx, s[0]))
            return (b.prim("mul", s[0], x), slope), ()

        return b.loop(factors.type.shape[0], body, inits=(one, zero), states=("p", "dp"))[1]


def splice_call(b: Builder, f: Function, args: Sequence[Atom]) -> tuple[Atom, ...]:
    """The body of a function in place of its call."""
    env: dict[Var, Atom] = dict(zip(f.params, args, strict=True))
    for p, a in zip(f.params, args, strict=True):
        if isinstance(p.type, Array):
            for x, y in zip(p.type.shape, a.type.shape, strict=True):
                if isinstance(x, Var):
                    env.setdefault(x, y)
    return b.splice(f.body, env)
