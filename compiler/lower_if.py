"""Lowering of `if`: both branches write their arrays into one place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .ir import If, Scalar, Stmt, Var
from .loops import Alloc, Buf, Operand, Place, Reg
from .lower_dest import Dest, Value, Wants
from .lower_emit import branch

if TYPE_CHECKING:
    from .lower import Lowerer


def lower_if(lo: Lowerer, s: Stmt, op: If, wants: Wants) -> None:
    """Both branches write arrays into one place; one that both continue is updated where it is."""
    c = lo.operand(op.cond)
    dests: list[Dest | None] = []
    targets: list[Operand | Place] = []
    taken = {want.at(lo, v).buf.root for v in s.vars if (want := wants.get(v)) is not None}
    for k, v in enumerate(s.vars):
        want = wants.get(v)
        if isinstance(v.type, Scalar):
            target: Operand | Place = lo.e.reg(v.name, v.type.kind)
            lo.env[v] = target
            dests.append(None)
        elif want is not None:
            target = want.at(lo, v) if want.add else lo.fresh(v, want)
            dests.append(Dest(target, want.add))
        elif any(a in s.vars for a in v.type.shape):
            target = Place(lo.e.buf(v.name, v.type.kind, lo.shape(v.type), "temp"))
            dests.append(None)
        else:
            target, there = _target(lo, op, k, v, taken)
            dests.append(None if there else Dest(target))
        targets.append(target)
    lists = []
    for b in (op.then, op.orelse):
        with lo.e.region(guard=True) as body:
            _values(lo, s, lo.block(b, dests), dests, targets)
        lists.append(body)
    branch(lo.e, c, *lists)
    for v, target, dest in zip(s.vars, targets, dests, strict=True):
        if dest is not None and dest.add:
            lo.added.add(v)
        else:
            lo.bind(v, target)


def _target(lo: Lowerer, op: If, k: int, v: Var, taken: set[Buf]) -> tuple[Place, bool]:
    """Where an array result of an `if` goes, and whether that is an array that both sides continue."""
    a = lo.uses.root(op.then.results[k])
    if isinstance(a, Var) and a is lo.uses.root(op.orelse.results[k]) and a in lo.env:
        place = lo.place(a)
        if place.buf.root not in taken and lo.exclusive(place):
            taken.add(place.buf.root)
            return place, True
    return Place(lo.e.alloc(v.name, v.type.kind, lo.shape(v.type))), False


def _values(
    lo: Lowerer, s: Stmt, values: Sequence[Value], dests: Sequence[Dest | None], targets: Sequence[Operand | Place]
) -> None:
    """At the end of a branch: results without destination.  Those of unknown size first: their sources
    may lie in arrays that are continued in place."""
    todo = [(v, x, t) for v, x, d, t in zip(s.vars, values, dests, targets, strict=True) if d is None]
    for _, x, t in todo:
        if isinstance(t, Reg):
            assert not isinstance(x, Place)
            lo.e.set(t, x)
    for v, x, t in todo:
        if isinstance(t, Place) and any(a in s.vars for a in v.type.shape):
            assert isinstance(x, Place)
            lo.e.emit(Alloc(t.buf))
            lo.e.copy(t, x)
    for v, x, t in todo:
        if isinstance(t, Place) and not any(a in s.vars for a in v.type.shape):
            assert isinstance(x, Place)
            if x != t:
                lo.note_copy(v, "branch")
                lo.e.copy(t, x)
