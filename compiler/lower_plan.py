"""Planning: destinations for the variables of a block, from its results backwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .ir import Atom, Block, Delta, Fill, If, Loop, Plus, Stmt, Update, Var
from .lower_dest import Dest, Wants
from .lower_views import plan_views

if TYPE_CHECKING:
    from .lower import Lowerer


def plan(lo: Lowerer, b: Block, stmts: Sequence[Stmt], dests: Sequence[Dest | None], uses: Counter[Var]) -> Wants:
    """Destinations for the variables of a block, from its results backwards."""
    wants: Wants = {}
    here = {v: k for k, s in enumerate(stmts) for v in s.vars}
    results = Counter(b.results)

    def sole(a: Atom) -> bool:
        """Is this array made here, and is the statement at hand its only reader?"""
        return isinstance(a, Var) and a in here and uses[a] == 1 and a not in wants

    for r, dest in zip(b.results, dests, strict=True):
        if dest is None or not isinstance(r, Var) or r not in here or r in wants:
            continue
        if not dest.add or (uses[r] == 1 and results[r] == 1):
            wants[r] = dest
    for s in reversed(stmts):
        if isinstance(s.op, Plus):
            alone = [a for a in s.op.arrays if sole(a) and s.op.arrays.count(a) == 1]
            _plan_plus(lo, s, s.op, wants, alone, here)
        if isinstance(s.op, Loop):
            plan_views(lo, s, s.op, wants, sole, here)
        for k, v in enumerate(s.vars):
            want = wants.get(v)
            if want is None:
                continue
            match s.op:
                case Update(a) if not want.add and sole(a):
                    wants[a] = want  # type: ignore[index]
                case Plus() as op if not want.add and v in lo.sums:
                    base = lo.uses.base(op)
                    if base is not None and sole(base):
                        wants[base] = want
                case Loop() as op if not want.add and k < len(op.states):
                    a = op.inits[k]
                    only = sole(a) and op.inits.count(a) == 1 and a not in lo.uses.inside(s)
                    if only and lo.uses.root(op.body.results[k]) is op.states[k]:
                        wants[a] = want  # type: ignore[index]
                case If(_, then, orelse) if not want.add:
                    a = lo.uses.root(then.results[k])
                    if sole(a) and a is lo.uses.root(orelse.results[k]):
                        wants[a] = want  # type: ignore[index]
    return wants


def _plan_plus(lo: Lowerer, s: Stmt, op: Plus, wants: Wants, sole: Sequence[Atom], here: dict[Var, int]) -> None:
    """Operands that can be added go straight to the sum's destination; the earliest clears it, unless
    a base stands there already."""
    base = lo.uses.base(op)
    pushed = [a for a in sole if isinstance(a, Var) and _can_add(lo, a) and a is not base]
    want = wants.get(s.vars[0])
    if base is not None and (want is None or not want.add):
        into = lo.sums[s.vars[0]] = Dest(None, add=True, base=base)
        for a in pushed:
            if here[a] > here.get(base, -1):
                wants[a] = Dest(None, add=True, origin=into)
        return
    if not pushed:
        return
    if want is None:
        want = wants[s.vars[0]] = Dest(None)
    pushed.sort(key=here.__getitem__)
    if not want.add:
        pushed = _clearing_first(lo, pushed, here)
    for k, a in enumerate(pushed):
        wants[a] = Dest(want.place, add=want.add or k > 0, origin=want)


def _clearing_first(lo: Lowerer, pushed: list[Var], here: dict[Var, int]) -> list[Var]:
    """The operand that clears the destination, then those that add to it.

    Where the earliest statement makes several operands, only a sum out clears in time: it does so
    before the loop.  A collected out or a branch writes its cells when others may have been added.
    """
    tied = [a for a in pushed if here[a] == here[pushed[0]]]
    if len(tied) == 1:
        return pushed
    lead = next((a for a in tied if _is_sum(lo, a)), None)
    if lead is None:
        return [a for a in pushed if a is tied[0] or a not in tied]
    return [lead, *(a for a in pushed if a is not lead)]


def _is_sum(lo: Lowerer, a: Var) -> bool:
    s = lo.uses.definition.get(a)
    if s is None or not isinstance(s.op, Loop):
        return False
    k = s.vars.index(a) - len(s.op.states)
    return 0 <= k < len(s.op.modes) and s.op.modes[k] == "sum"


def _can_add(lo: Lowerer, a: Atom) -> bool:
    """Does the statement that makes this array know how to add it to a destination?"""
    s = lo.uses.definition.get(a) if isinstance(a, Var) else None
    match s.op if s else None:
        case Delta() | Fill() | Plus() | If():
            return True
        case Loop() as op if s:
            k = s.vars.index(a) - len(op.states)
            return 0 <= k < len(op.modes) and (
                op.modes[k] == "sum" or (op.modes[k] == "build" and op.head is None)
            )
    return False
