"""What the backward sweep of a sequential loop needs from the forward one, and how it is kept.

The body is run again in the backward loop, from the states that entered the step.  A scalar state is
stored once per step, and so is an array that every step builds anew.  An array that steps update
element by element is never stored whole: what is stored is what is read of it (the scalars), at
whatever depth of inner loops the read stands.  Where that is impossible (a read of a whole row, an
inner loop whose bounds change from step to step) the array itself is stored, which is right and dear.
An array that changes its size is stored in one flat vector with those of all steps (`ragged`).  How
long that must be, a run before the loop finds; dead code leaves of that run what sizes need.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from ..compiler.build import defined
from ..compiler.ir import Array, Atom, Block, Const, If, Index, Loop, Scalar, Stmt, Update, Var
from ..compiler.sizes import poly_of
from .linearity import needed_primals


@dataclass(frozen=True)
class Read:
    """A scalar read of an updated array, under inner loops with these indices (outermost first)."""

    stmt: Stmt
    path: tuple[Var, ...]


@dataclass(frozen=True)
class Plan:
    """`columns`: states stored once per step; `ragged`: those of them that change their size; `reads`:
    values stored where they are read; `needed`: the primal variables of the body that the backward loop
    computes again."""

    columns: tuple[Var, ...]
    ragged: tuple[Var, ...]
    reads: tuple[Read, ...]
    needed: frozenset[Var]


NO_PLAN = Plan((), (), (), frozenset())


def plan_residuals(op: Loop, linear: set[Var], stored: Container[Stmt]) -> Plan:
    """The plan for one loop; `stored` are reads that an outer loop keeps already."""
    need = needed_primals(op, linear, stored)
    reads: list[Read] = []
    inside = defined(op.body) | {op.index, *op.states}
    families = {v: _family(op.body, v) for v in op.states if v not in linear and isinstance(v.type, Array)}
    for state in _updated(op, families):
        if state in need:
            _reads(op.body, families[state], (), inside, stored, reads)
    stops = {r.stmt for r in reads}
    if reads:
        need = needed_primals(op, linear, _Either(stored, stops))
        reads = [r for r in reads if r.stmt.vars[0] in need]
    kept = [s for s in op.states if s in need and s not in linear]
    ragged = tuple(s for s in kept if any(a in op.states for a in s.type.shape))
    return Plan(tuple(s for s in kept if s not in ragged), ragged, tuple(reads), frozenset(need))


@dataclass(frozen=True)
class _Either:
    a: Container[Stmt]
    b: Container[Stmt]

    def __contains__(self, s: object) -> bool:
        return s in self.a or s in self.b


def _updated(op: Loop, families: dict[Var, set[Var]]) -> list[Var]:
    """The states whose arrays go on from step to step: as the same state, or as others in turn."""
    follows = {v: next((u for u, family in families.items() if r in family), None)
               for v, r in zip(op.states, op.body.results, strict=False) if v in families}
    found = []
    for v in families:
        u, left = follows[v], len(families)
        while u is not None and u is not v and left:
            u, left = follows[u], left - 1
        if u is v:
            found.append(v)
    return found


def _family(body: Block, state: Var) -> set[Var]:
    """The versions of a state in one step."""
    family = {state}
    _grow(body, family)
    return family


def _grow(block: Block, family: set[Var]) -> None:
    """Adds the versions of an array: updates of it, and what branches and inner loops make of it."""
    for s in block.stmts:
        match s.op:
            case Update(a, _, _):
                if a in family:
                    family.add(s.vars[0])
            case If(_, t, e):
                _grow(t, family)
                _grow(e, family)
                for v, x, y in zip(s.vars, t.results, e.results, strict=True):
                    if x in family or y in family:
                        family.add(v)
            case Loop() as op:
                for v, state, init in zip(s.vars, op.states, op.inits, strict=False):
                    if init in family:
                        family.update((v, state))
                _grow(op.body, family)


def _reads(
    block: Block,
    family: set[Var],
    path: tuple[Var, ...],
    inside: set[Var],
    stored: Container[Stmt],
    found: list[Read],
) -> None:
    for s in block.stmts:
        match s.op:
            case Index(a, _):
                if a in family and isinstance(s.vars[0].type, Scalar) and s not in stored:
                    found.append(Read(s, path))
            case If(_, t, e):
                _reads(t, family, path, inside, stored, found)
                _reads(e, family, path, inside, stored, found)
            case Loop() as op:
                if op.head is None and op.extent is not None and _invariant(op.extent, inside):
                    _reads(op.body, family, (*path, op.index), inside, stored, found)


def _invariant(extent: Atom, inside: set[Var]) -> bool:
    return isinstance(extent, Const) or not any(v in inside for v in poly_of(extent).vars())
