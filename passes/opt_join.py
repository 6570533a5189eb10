"""Joining outs: the sum of two outs of one loop is one out, the sum of their elements.

    let (a, b) = for i < n into (sum, sum) do (delta(n, i, x), delta(n, i + 1, y))
    plus(a, b, c)
 →  let a = for i < n into (sum) do plus(delta(n, i, x), delta(n, i + 1, y))
    plus(a, c)

The algebra splits such sums to see their parts; joined again they share one destination, and nothing
is filled with zeros twice.  Only outs that nobody else reads; from the outside in.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from ..compiler.ir import (
    Atom,
    Block,
    Function,
    If,
    Loop,
    Op,
    Plus,
    Prim,
    Stmt,
    Var,
    all_stmts,
    bound_vars,
    fresh_like,
    fresh_vars,
    map_operands,
    operands,
    regions,
    subst,
)
from .strategy import Log

Env = dict[Var, Atom]


def join_outs(f: Function, log: Log | None = None) -> Function:
    """The function with sums of outs taken inside their loops."""
    joiner = _Joiner(_counts(f), log)
    return f.with_body(joiner.block(f.body, {}))


def _counts(f: Function) -> Counter[Var]:
    """How often each variable is read."""
    found: Counter[Var] = Counter()

    def read(block: Block) -> None:
        found.update(a for a in block.results if type(a) is Var)

    for s in all_stmts(f.body):
        found.update(a for a in operands(s.op) if type(a) is Var)
        for v in (*s.vars, *bound_vars(s.op)):
            found.update(a for a in v.type.shape if type(a) is Var)
        for b in regions(s.op):
            read(b)
    read(f.body)
    return found


class _Joiner:
    def __init__(self, counts: Counter[Var], log: Log | None) -> None:
        self.counts = counts
        self.log = log
        self.originals: dict[Stmt, Stmt] = {}

    def block(self, block: Block, env: Env) -> Block:
        plans, dropped = self.plan(block)
        stmts: list[Stmt] = []
        for s in block.stmts:
            s = self.joined(s, plans[s]) if s in plans else s
            op = s.op
            if dropped and isinstance(op, Plus | Prim) and not dropped.isdisjoint(operands(op)):
                left = tuple(a for a in operands(op) if a not in dropped)
                if len(left) == 1:
                    env[s.vars[0]] = subst(left[0], env)
                    continue
                op = Plus(left)
            op = map_operands(op, env)
            if isinstance(op, Loop):
                index = fresh_like(op.index, env)
                states = tuple(fresh_like(v, env) for v in op.states)
                head = None if op.head is None else self.block(op.head, env)
                op = replace(op, index=index, states=states, head=head, body=self.block(op.body, env))
            elif isinstance(op, If):
                op = If(op.cond, self.block(op.then, env), self.block(op.orelse, env))
            new = fresh_vars(s.vars, env)
            stmts.append(Stmt(new, op, s.prov))
            self.relink(s)
        return Block(tuple(stmts), tuple(subst(a, env) for a in block.results))

    def relink(self, s: Stmt) -> None:
        """A statement made on the way has taken variables of the old one; they go back."""
        old = self.originals.pop(s, None)
        if old is not None:
            for v in old.vars:
                v.stmt = old

    def plan(self, block: Block) -> tuple[dict[Stmt, list[list[int]]], set[Atom]]:
        """For each loop the groups of outs that become one, and the outs that go."""
        home = {v: s for s in block.stmts if isinstance(s.op, Loop) and s.op.head is None for v in s.vars}
        plans: dict[Stmt, list[list[int]]] = {}
        dropped: set[Atom] = set()
        for s in block.stmts:
            op = s.op
            if not isinstance(op, Plus) and not (isinstance(op, Prim) and op.name == "add"):
                continue
            groups: dict[tuple[Stmt, str], list[int]] = {}
            for a in operands(op):
                loop = home.get(a) if type(a) is Var else None
                if loop is None or type(a) is not Var or self.counts[a] != 1:
                    continue
                assert isinstance(loop.op, Loop)
                k = loop.vars.index(a) - len(loop.op.states)
                if k >= 0 and loop.op.modes[k] in ("sum", "build"):
                    groups.setdefault((loop, loop.op.modes[k]), []).append(k)
            for (loop, _), ks in groups.items():
                if len(ks) > 1:
                    plans.setdefault(loop, []).append(ks)
                    assert isinstance(loop.op, Loop)
                    n = len(loop.op.states)
                    dropped.update(loop.vars[n + k] for k in ks[1:])
        return plans, dropped

    def joined(self, s: Stmt, groups: list[list[int]]) -> Stmt:
        """The loop with one out for each group."""
        op = s.op
        assert isinstance(op, Loop)
        n = len(op.states)
        results = list(op.body.results)
        extra: list[Stmt] = []
        gone: set[int] = set()
        for ks in groups:
            if self.log is not None:
                self.log.fire("join_outs", s.prov.span)
            values = tuple(results[n + k] for k in ks)
            total = self.total(values, s, extra)
            self.counts[total] = 1
            results[n + ks[0]] = total
            gone.update(ks[1:])
        keep = [k for k in range(len(op.modes)) if k not in gone]
        body = Block((*op.body.stmts, *extra), (*results[:n], *(results[n + k] for k in keep)))
        new = replace(op, body=body, modes=tuple(op.modes[k] for k in keep))
        out = Stmt((*s.vars[:n], *(s.vars[n + k] for k in keep)), new, s.prov)
        self.originals[out] = s
        return out

    def total(self, values: tuple[Atom, ...], s: Stmt, extra: list[Stmt]) -> Var:
        first = values[0]
        made: Op
        if first.type.shape:
            v = Var("t", first.type)
            extra.append(Stmt((v,), Plus(values), s.prov))
            return v
        total: Atom = first
        for x in values[1:]:
            v = Var("t", first.type)
            made = Prim("add", (total, x))
            extra.append(Stmt((v,), made, s.prov))
            total = v
        return v
