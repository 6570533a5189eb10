"""Inlining of calls: the body stands in place of the call, sizes bound by the arguments.

Before differentiation functions with a derivative of their own stay calls, afterwards they go too.
Recursive functions stay.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..compiler.build import Builder, bind_sizes
from ..compiler.ir import (
    NOWHERE,
    Atom,
    Block,
    Call,
    Function,
    If,
    Jvp,
    Loop,
    Op,
    Stmt,
    Var,
    Vjp,
    all_stmts,
    fresh_like,
    fresh_vars,
    map_operands,
    subst,
)
from .strategy import Log

Functions = Mapping[str, Function]


def inline(f: Function, functions: Functions, *, custom: bool = False, log: Log | None = None) -> Function:
    """The function with its calls inlined; with `custom` also those that state a derivative."""
    if not any(isinstance(s.op, Call) for s in all_stmts(f.body)):
        return f
    inliner = _Inliner(functions, custom, recursive(functions), log)
    return f.with_body(inliner.b.finish(inliner.block(f.body, {})))


def recursive(functions: Functions) -> set[str]:
    """Names of the functions that reach themselves by calls (or derivatives of calls)."""
    calls = {
        name: {s.op.fn for s in all_stmts(f.body) if isinstance(s.op, Call | Jvp | Vjp)}
        for name, f in functions.items()
    }
    found: set[str] = set()
    for name in functions:
        seen: set[str] = set()
        todo = list(calls[name])
        while todo:
            g = todo.pop()
            if g not in seen:
                seen.add(g)
                todo.extend(calls.get(g, ()))
        if name in seen:
            found.add(name)
    return found


class _Inliner:
    """Copies statements; each copy of a body has an environment of its own."""

    def __init__(self, functions: Functions, custom: bool, keep: set[str], log: Log | None) -> None:
        self.functions = functions
        self.custom = custom
        self.keep = keep
        self.log = log
        self.b = Builder()
        self.at = NOWHERE  # of the call that is inlined

    def block(self, block: Block, env: dict[Var, Atom]) -> tuple[Atom, ...]:
        for s in block.stmts:
            self.stmt(s, env)
        return tuple(subst(a, env) for a in block.results)

    def region(self, block: Block, env: dict[Var, Atom]) -> Block:
        return self.b.region(lambda: self.block(block, env))

    def stmt(self, s: Stmt, env: dict[Var, Atom]) -> None:
        op: Op = map_operands(s.op, env)
        if isinstance(op, Call):
            f = self.functions.get(op.fn)
            if f is not None and op.fn not in self.keep and (self.custom or f.derivative is None):
                if self.log is not None:
                    self.log.fire("inline", s.prov.span)
                inner = bind_sizes(f, op.args)
                before, self.at = self.at, s.prov.within(self.at)
                results = self.block(f.body, inner)
                self.at = before
                env.update(zip(s.vars, results, strict=True))
                return
        elif isinstance(op, Loop):
            index = fresh_like(op.index, env)
            states = tuple(fresh_like(v, env) for v in op.states)
            head = None if op.head is None else self.region(op.head, env)
            op = Loop(index, op.extent, states, op.inits, head, self.region(op.body, env), op.modes, op.down)
        elif isinstance(op, If):
            op = If(op.cond, self.region(op.then, env), self.region(op.orelse, env))
        self.b.emit_stmt(Stmt(fresh_vars(s.vars, env), op, s.prov.within(self.at)))
