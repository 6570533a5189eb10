"""Resolves derivatives: a program with `Jvp` and `Vjp` becomes one without.

Innermost first, so that perturbations can't be confused: a function is differentiated only when its
own body holds no derivative any more.  What is generated is memoised by function and activity and
stands in the place of the operation; a function with a derivative of its own stays a call until the
end, so that its rule is found at every order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..compiler.build import Builder
from ..compiler.errors import Error, InternalError, TypeError
from ..compiler.ir import (
    Atom,
    Block,
    Call,
    Function,
    If,
    Jvp,
    Loop,
    Program,
    Prov,
    Stmt,
    Var,
    Vjp,
    all_stmts,
    clone_stmt,
    fresh_like,
    fresh_vars,
    map_operands,
    subst,
)
from .jvp import jvp, splice_call
from .linearity import check_linear
from .transpose import transpose

Simplify = Callable[[Function, dict[str, Function]], Function]


def resolve(program: Program, simplify: Simplify = lambda f, _: f) -> Program:
    """The program with entries that hold neither calls nor derivatives.

    `simplify` runs on each function before it is differentiated, and on its dual numbers; it must keep
    calls of functions that have a derivative.  Entries come out as they are spliced.
    """
    r = _Resolver(program, simplify)
    return Program({name: r.entry(name) for name in program.entries}, program.entries)


class _Resolver:
    def __init__(self, program: Program, simplify: Simplify) -> None:
        self.functions = dict(program.functions)
        self.simplify = simplify
        self.done: dict[str, Function] = {}
        self.active: list[str] = []
        self.made: dict[tuple[object, ...], Function] = {}

    def resolved(self, name: str) -> Function:
        """The function without derivatives, and without calls but of functions with their own."""
        if name not in self.done:
            if name in self.active:
                raise self.circular(self.active[self.active.index(name):])
            self.active.append(name)
            f = self.functions[name]
            if any(isinstance(s.op, Call | Jvp | Vjp) for s in all_stmts(f.body)):
                f = _Splicer(self, keep_rules=True).function(f)
            f = self.simplify(f, self.functions)
            self.active.pop()
            self.done[name] = self.functions[name] = f
            if f.derivative is not None:
                self.check_rule(f)
        return self.done[name]

    def circular(self, names: list[str]) -> Error:
        """Functions whose derivatives need each other: a stated one among them is defined by itself."""
        for f in self.functions.values():
            if f.derivative in names:
                span = self.functions[f.derivative].span
                return TypeError("DV0405", f"the derivative stated for {f.name} uses the derivative of {f.name}", span,
                                 help=f"say it without; {f.name} itself may stand there")
        return InternalError("DV0999", f"{names[0]} is recursive")

    def check_rule(self, f: Function) -> None:
        """A stated derivative must be linear in its directions."""
        assert f.derivative is not None
        rule = self.resolved(f.derivative)
        directions = len(rule.params) - len(f.params)
        check_linear(rule, set(rule.params[len(rule.params) - directions:]))

    def check_argument(self, name: str, wrt: tuple[int, ...]) -> None:
        """What `transpose_linear` turns around must be linear."""
        f = self.resolved(name)
        try:
            check_linear(f, {f.params[k] for k in wrt})
        except TypeError as e:
            why = e.message.rpartition(": ")[2]
            raise TypeError("DV0410", f"transpose_linear takes a linear function, and this is not one: {why}", e.span,
                            help="vjp(f, x) gives the transpose of the derivative of any function") from None

    def jvp_of(self, name: str, active: tuple[bool, ...]) -> Function:
        f = self.resolved(name)
        for s in all_stmts(f.body):
            if isinstance(s.op, Call):
                rule = self.resolved(s.op.fn).derivative
                if rule is not None:
                    self.resolved(rule)
        key = ("jvp", name, active)
        if key not in self.made:
            if f.derivative is not None:
                f = _call_itself(f)  # its own rule, not its body
            g = jvp(f, active, self.functions, f"{name}_jvp")
            self.made[key] = self.simplify(g, self.functions)
        return self.made[key]

    def vjp_of(self, name: str, wrt: tuple[int, ...], given: tuple[bool, ...]) -> Function:
        f = self.resolved(name)
        key = ("vjp", name, wrt, given)
        if key not in self.made:
            order = sorted(wrt)
            forward = self.jvp_of(name, tuple(k in wrt for k in range(len(f.params))))
            self.made[key] = transpose(forward, len(f.body.results), len(order), given, f"{name}_vjp")
        return self.made[key]

    def entry(self, name: str) -> Function:
        """The function with every call and derivative replaced by a body."""
        f = self.functions[name]
        if f.derivative is not None:
            self.resolved(name)  # its rule is checked even if nothing differentiates it here
        return _Splicer(self, keep_rules=False).function(f)


def _call_itself(f: Function) -> Function:
    """λx. f(x): so that differentiation meets the call, and with it the rule of f."""
    env: dict[Var, Atom] = {}
    for v in f.sizes:
        fresh_like(v, env)
    params = tuple(fresh_like(p, env) for p in f.params)
    b = Builder()
    return Function(f.name, params, b.finish(b.call(f, params)), span=f.span)


class _Splicer:
    """Copies a function with calls and derivatives replaced by bodies."""

    def __init__(self, resolver: _Resolver, keep_rules: bool) -> None:
        self.r = resolver
        self.keep_rules = keep_rules
        self.b = Builder()
        self.env: dict[Var, Atom] = {}

    def function(self, f: Function) -> Function:
        for v in f.sizes:
            fresh_like(v, self.env)
        params = tuple(fresh_like(p, self.env) for p in f.params)
        results = self.block(f.body)
        return Function(f.name, params, self.b.finish(results), f.derivative, f.span)

    def block(self, block: Block) -> tuple[Atom, ...]:
        for s in block.stmts:
            self.stmt(s)
        return tuple(subst(a, self.env) for a in block.results)

    def bind(self, s: Stmt, results: tuple[Atom, ...]) -> None:
        self.env.update(zip(s.vars, results, strict=True))

    def stmt(self, s: Stmt) -> None:
        op = map_operands(s.op, self.env)
        match op:
            case Call(name, args):
                f = self.r.resolved(name)
                if f.derivative is not None and self.keep_rules:
                    self.b.emit_stmt(clone_stmt(s, self.env))
                else:
                    with self.asked(s.prov, prelude=f.span is not None and f.span.in_prelude):
                        self.nested(s, f, args)
            case Jvp(name, args, tangents):
                with self.asked(s.prov):
                    g = self.r.jvp_of(name, tuple(t is not None for t in tangents))
                    self.nested(s, g, (*args, *(t for t in tangents if t is not None)))
            case Vjp(name, args, cotangents, wrt, linear):
                with self.asked(s.prov):
                    if linear:
                        self.r.check_argument(name, wrt)
                    g = self.r.vjp_of(name, wrt, tuple(c is not None for c in cotangents))
                    results = self.spliced(g, (*args, *(c for c in cotangents if c is not None)))
                n = len(results) - len(wrt)
                place = {k: n + j for j, k in enumerate(sorted(wrt))}
                self.bind(s, (*results[:n], *(results[place[k]] for k in wrt)))
            case Loop():
                index = fresh_like(op.index, self.env)
                states = tuple(fresh_like(v, self.env) for v in op.states)
                head = None if op.head is None else self.region(op.head)
                body = self.region(op.body)
                new = Loop(index, op.extent, states, op.inits, head, body, op.modes, op.down)
                self.emit(s, new)
            case If(c, t, e):
                self.emit(s, If(c, self.region(t), self.region(e)))
            case _:
                self.b.emit_stmt(clone_stmt(s, self.env))

    @contextmanager
    def asked(self, prov: Prov, prelude: bool = False) -> Iterator[None]:
        """What is spliced inside is a part of the derivative that stands there (or comes from the prelude for what
        does), and errors say so."""
        here = self.b.stack[-1]
        first = len(here)
        try:
            yield
        except Error as e:
            e.notes = (*e.notes, *(n for n in prov.notes if n not in e.notes))
            raise
        if prov.asked or prelude:
            for s in all_stmts(Block(tuple(here[first:]), ())):
                s.prov = s.prov.within(prov)

    def emit(self, s: Stmt, op: Loop | If) -> None:
        self.b.emit_stmt(Stmt(fresh_vars(s.vars, self.env), op, s.prov))

    def region(self, block: Block) -> Block:
        return self.b.region(lambda: self.block(block))

    def nested(self, s: Stmt, f: Function, args: tuple[Atom, ...]) -> None:
        self.bind(s, self.spliced(f, args))

    def spliced(self, f: Function, args: tuple[Atom, ...]) -> tuple[Atom, ...]:
        if self.keep_rules:
            return splice_call(self.b, f, args)
        inner = _Splicer(self.r, keep_rules=False)  # the bodies of functions with rules may call others
        return splice_call(self.b, inner.function(f), args)


