"""Which arrays are still needed, and which results continue a variable: the facts behind in-place updates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from .ir import (
    Array,
    Atom,
    Block,
    Function,
    If,
    Loop,
    Plus,
    Stmt,
    Update,
    Var,
    all_stmts,
    bound_vars,
    operands,
    regions,
)


class Uses:
    """Array variables that blocks and statements read, memoised."""

    def __init__(self, fn: Function) -> None:
        self._blocks: dict[int, frozenset[Var]] = {}
        self._stmts: dict[int, frozenset[Var]] = {}
        self.definition: dict[Var, Stmt] = {v: s for s in all_stmts(fn.body) for v in s.vars}
        self.states = {v for s in all_stmts(fn.body) if isinstance(s.op, Loop) for v in s.op.states}

    def block(self, b: Block) -> frozenset[Var]:
        """Free array variables."""
        found = self._blocks.get(id(b))
        if found is None:
            used: set[Var] = {a for a in b.results if _is_array(a)}  # type: ignore[misc]
            defined: set[Var] = set()
            for s in b.stmts:
                used |= self.stmt(s)
                defined.update(s.vars)
            found = self._blocks[id(b)] = frozenset(used - defined)
        return found

    def stmt(self, s: Stmt) -> frozenset[Var]:
        found = self._stmts.get(id(s))
        if found is None:
            used: set[Var] = {a for a in operands(s.op) if _is_array(a)}  # type: ignore[misc]
            found = self._stmts[id(s)] = frozenset(used | self.inside(s))
        return found

    def inside(self, s: Stmt) -> frozenset[Var]:
        """Free array variables of the regions of a statement."""
        found: set[Var] = set()
        for b in regions(s.op):
            found |= self.block(b)
        return frozenset(found.difference(bound_vars(s.op)))

    def root(self, a: Atom) -> Atom:
        """The variable that `a` continues: through updates, and loops and ifs that pass it on."""
        while isinstance(a, Var):
            s = self.definition.get(a)
            match s.op if s else None:
                case Update(array):
                    a = array
                case Loop() as op if s and s.vars.index(a) < len(op.states):
                    k = s.vars.index(a)
                    if self.root(op.body.results[k]) is not op.states[k]:
                        return a
                    a = op.inits[k]
                case If(_, then, orelse) if s:
                    k = s.vars.index(a)
                    left = self.root(then.results[k])
                    if not isinstance(left, Var) or left is not self.root(orelse.results[k]):
                        return a
                    a = left
                case Plus() as op:
                    base = self.base(op)
                    if base is None:
                        return a
                    a = base
                case _:
                    return a
        return a


    def base(self, op: Plus) -> Var | None:
        """The operand that the others are added to, in place: one that continues a loop state."""
        for a in op.arrays:
            if isinstance(a, Var) and op.arrays.count(a) == 1 and self.root(a) in self.states:
                return a
        return None


class Frame:
    """What is still to come in one open block, or in all further iterations of an open loop."""

    def __init__(self, counts: Iterable[Var] = (), always: Iterable[Var] = ()) -> None:
        self.left = Counter(counts)
        self.always = frozenset(always)

    def live(self, v: Var) -> bool:
        return self.left[v] > 0 or v in self.always


class Liveness:
    """Frames of the open blocks and loops, innermost last."""

    def __init__(self, uses: Uses) -> None:
        self.uses = uses
        self.frames: list[Frame] = []

    def open(self, block: Block) -> Frame:
        counts: Counter[Var] = Counter()
        for s in block.stmts:
            counts.update(self.uses.stmt(s))
        counts.update({a for a in block.results if _is_array(a)})  # type: ignore[misc]
        frame = Frame()
        frame.left = counts
        self.frames.append(frame)
        return frame

    def always(self, vars: Iterable[Var]) -> None:
        self.frames.append(Frame((), vars))

    def close(self) -> None:
        self.frames.pop()

    def pass_by(self, s: Stmt) -> None:
        """A statement of the innermost block is being lowered."""
        self.frames[-1].left.subtract(self.uses.stmt(s))

    def live(self, v: Var) -> bool:
        return any(f.live(v) for f in reversed(self.frames))


def _is_array(a: Atom) -> bool:
    return isinstance(a, Var) and isinstance(a.type, Array)
