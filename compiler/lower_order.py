"""The order of a block's statements: an array is read before the statement that overwrites it.

Derivatives read old versions of an array after they have updated it.  Whatever can take an array over
(an `Update`, a loop that carries it on, a sum that adds to it), and all that depends on it, moves behind
the last reader of the old version, unless that reader depends on it too.  A cell that a sum adds waits
for the sum, so that the array which it is added to is there.  Effects keep their order.
"""

from __future__ import annotations

from collections import Counter

from .ir import (
    Assert,
    Block,
    Delta,
    If,
    Index,
    Loop,
    Plus,
    Show,
    Stmt,
    Update,
    Var,
    all_stmts,
    bound_vars,
    free_vars,
    operands,
    regions,
)
from .lower_live import Uses


class Order:
    """Orders of blocks, memoised."""

    def __init__(self, uses: Uses) -> None:
        self.uses = uses
        self._reads: dict[int, frozenset[Var]] = {}

    def stmts(self, b: Block) -> list[Stmt]:
        stmts = list(b.stmts)
        results = set(b.results)
        readers = Counter(v for s in b.stmts for v in self.uses.stmt(s))
        for s in b.stmts:
            for a in self.taken(s):
                if a not in results and readers[a] > 1:
                    self.read_first(stmts, s, a)
        for s in b.stmts:
            if isinstance(s.op, Plus) and self.taken(s):
                self.cells_last(stmts, s)
        return stmts

    def cells_last(self, stmts: list[Stmt], s: Stmt) -> None:
        """Moves the cells that only this sum adds to right before it."""
        for d in [t for t in stmts[:stmts.index(s)] if isinstance(t.op, Delta) and not t.op.value.type.shape]:
            v = d.vars[0]
            if v in operands(s.op) and sum(v in self.uses.stmt(t) for t in stmts) == 1:
                stmts.remove(d)
                stmts.insert(stmts.index(s), d)

    def taken(self, s: Stmt) -> list[Var]:
        """Arrays whose storage this statement may go on with."""
        uses, found = self.uses, []
        match s.op:
            case Update(a):
                found = [a]
            case Loop() as op:
                found = [a for a, v, r in zip(op.inits, op.states, op.body.results, strict=False)
                         if v.type.shape and uses.root(r) is v]
            case If():
                found = [uses.root(v) for v in s.vars if v.type.shape and uses.root(v) is not v]
            case Plus() as op:
                found = [a for a in [uses.base(op)] if a is not None]
        return [a for a in found if isinstance(a, Var)]

    def read_first(self, stmts: list[Stmt], s: Stmt, a: Var) -> None:
        """Moves `s` and its dependents behind the readers of `a`, if that is possible."""
        at = stmts.index(s)
        group = {a}
        for t in stmts:
            if isinstance(t.op, Index) and t.op.array in group and t.vars[0].type.shape:
                group.add(t.vars[0])
        readers = [k for k in range(at + 1, len(stmts)) if self.uses.stmt(stmts[k]) & group]
        if not readers:
            return
        changed, moved, stay = set(s.vars), [s], []
        for k in range(at + 1, readers[-1] + 1):
            t = stmts[k]
            if self.reads(t) & changed:
                if k in readers or _has_effect(t):
                    return
                changed.update(t.vars)
                moved.append(t)
            else:
                stay.append(t)
        if not _has_effect(s):
            stmts[at : readers[-1] + 1] = stay + moved

    def reads(self, s: Stmt) -> frozenset[Var]:
        """All variables that a statement needs, scalars and sizes too."""
        found = self._reads.get(id(s))
        if found is None:
            used: set[Var] = {a for a in operands(s.op) if isinstance(a, Var)}
            for r in regions(s.op):
                used.update(free_vars(r, bound_vars(s.op)))
            for v in (*s.vars, *bound_vars(s.op)):
                used.update(a for a in v.type.shape if isinstance(a, Var))
            found = self._reads[id(s)] = frozenset(used.difference(s.vars, bound_vars(s.op)))
        return found


def _has_effect(s: Stmt) -> bool:
    return isinstance(s.op, (Assert, Show)) or any(
        isinstance(t.op, (Assert, Show)) for r in regions(s.op) for t in all_stmts(r)
    )
