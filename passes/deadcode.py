"""Dead code: what no result and no effect needs, down to single outs and states of loops.

Marking starts from the results and from `Assert` and `Show` and follows definitions on demand, so
that one needed result of a loop needs its own out only; then the program is rebuilt.  Linear time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..compiler.ir import (
    Assert,
    Atom,
    Block,
    Call,
    Function,
    If,
    Jvp,
    Loop,
    Op,
    Show,
    Stmt,
    Var,
    Vjp,
    all_stmts,
    fresh_like,
    fresh_vars,
    map_operands,
    operands,
    regions,
    subst,
)

Functions = Mapping[str, Function]


def dead_code(f: Function, functions: Functions | None = None) -> Function:
    """The function without what nobody needs."""
    marks = _Marks(functions or {})
    marks.effects(f.body, ())
    for a in f.body.results:
        marks.want(a)
    marks.run()
    if marks.all_alive(f.body):
        return f
    return f.with_body(marks.sweep(f.body, range(len(f.body.results))))


def has_effects(f: Function, functions: Functions, seen: frozenset[str] = frozenset()) -> bool:
    """Does a call of the function assert or show something?"""
    if f.name in seen:
        return False
    for s in all_stmts(f.body):
        if isinstance(s.op, Assert | Show):
            return True
        if isinstance(s.op, Call | Jvp | Vjp):
            g = functions.get(s.op.fn)
            if g is None or has_effects(g, functions, seen | {f.name}):
                return True
    return False


class _Marks:
    def __init__(self, functions: Functions) -> None:
        self.functions = functions
        self.needed: set[Var] = set()
        self.alive: set[Stmt] = set()
        self.todo: list[Var] = []
        self.states: dict[Var, tuple[Stmt, int]] = {}
        self.effectful: dict[str, bool] = {}
        self.env: dict[Var, Atom] = {}

    def want(self, a: Atom) -> None:
        if isinstance(a, Var) and a not in self.needed:
            self.needed.add(a)
            self.todo.append(a)

    def is_effect(self, op: Op) -> bool:
        if isinstance(op, Assert | Show):
            return True
        if isinstance(op, Call | Jvp | Vjp):
            if op.fn not in self.effectful:
                f = self.functions.get(op.fn)
                self.effectful[op.fn] = f is not None and has_effects(f, self.functions)
            return self.effectful[op.fn]
        return False

    def effects(self, block: Block, around: tuple[Stmt, ...]) -> None:
        """Marks every effect and the control around it; notes which loop owns a state."""
        for s in block.stmts:
            op = s.op
            if isinstance(op, Loop):
                self.states.update((v, (s, k)) for k, v in enumerate(op.states))
            inner = regions(op)
            if inner:
                for b in inner:
                    self.effects(b, (*around, s))
            elif self.is_effect(op):
                self.live(s)
                for a in operands(op):
                    self.want(a)
                for outer in around:
                    self.live(outer)

    def live(self, s: Stmt) -> None:
        """The statement runs: its control is needed."""
        if s in self.alive:
            return
        self.alive.add(s)
        op = s.op
        if isinstance(op, Loop):
            if op.extent is not None:
                self.want(op.extent)
            if op.head is not None:
                self.want(op.head.results[0])
        elif isinstance(op, If):
            self.want(op.cond)

    def run(self) -> None:
        while self.todo:
            v = self.todo.pop()
            for a in v.type.shape:
                self.want(a)
            if v.extent is not None:
                self.want(v.extent)
            if v.stmt is not None:
                self.definition(v, v.stmt)
            elif v in self.states:
                s, k = self.states[v]
                assert isinstance(s.op, Loop)
                self.live(s)
                self.want(s.op.inits[k])
                self.want(s.op.body.results[k])

    def definition(self, v: Var, s: Stmt) -> None:
        op = s.op
        if isinstance(op, Loop):
            self.live(s)
            k = s.vars.index(v)
            if k < len(op.states):
                self.want(op.states[k])
            elif k < len(op.body.results):
                self.want(op.body.results[k])
        elif isinstance(op, If):
            self.live(s)
            k = s.vars.index(v)
            self.want(op.then.results[k])
            self.want(op.orelse.results[k])
        else:
            self.alive.add(s)
            for a in operands(op):
                self.want(a)

    # ------------------------------------------------ rebuilding

    def all_alive(self, block: Block) -> bool:
        """Is there nothing to remove?"""
        for s in block.stmts:
            if s not in self.alive or not all(v in self.needed for v in s.vars if not self.is_trip(v, s)):
                return False
            if not all(map(self.all_alive, regions(s.op))):
                return False
        return True

    def is_trip(self, v: Var, s: Stmt) -> bool:
        return isinstance(s.op, Loop) and s.op.head is not None and v is s.vars[-1]

    def sweep(self, block: Block, keep: Sequence[int]) -> Block:
        stmts = tuple(self.stmt(s) for s in block.stmts if s in self.alive)
        return Block(stmts, tuple(subst(block.results[k], self.env) for k in keep))

    def stmt(self, s: Stmt) -> Stmt:
        """A copy of the statement with its needed results only."""
        op = map_operands(s.op, self.env)
        kept = list(s.vars)
        if isinstance(op, If):
            keep = [k for k, v in enumerate(s.vars) if v in self.needed]
            op = If(op.cond, self.sweep(op.then, keep), self.sweep(op.orelse, keep))
            kept = [s.vars[k] for k in keep]
        elif isinstance(op, Loop):
            n = len(op.states)
            states = [k for k, v in enumerate(op.states) if v in self.needed or s.vars[k] in self.needed]
            outs = [k for k in range(len(op.modes)) if s.vars[n + k] in self.needed]
            keep = states + [n + k for k in outs]
            index = fresh_like(op.index, self.env)
            new_states = tuple(fresh_like(op.states[k], self.env) for k in states)
            head = None if op.head is None else self.sweep(op.head, [0])
            body = self.sweep(op.body, keep)
            kept = [s.vars[k] for k in keep] + ([s.vars[-1]] if op.head is not None else [])
            op = replace(op, index=index, states=new_states, inits=tuple(op.inits[k] for k in states), head=head,
                         body=body, modes=tuple(op.modes[k] for k in outs))
        return Stmt(fresh_vars(tuple(kept), self.env), op, s.prov)
