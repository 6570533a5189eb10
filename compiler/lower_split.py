"""Index-set splitting: a loop whose body chooses by `index < c` is several loops without the choice.

    for i < n do if i < c then A else B   →   for i < c do A;  for i < n - c do B at i + c

The iterations keep their order, so whatever a body does happens as before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from . import sizes
from .ir import ZERO, Atom, Block, Const, If, Loop, Prim, Stmt, Var, all_stmts, bound_vars, operands, regions

# More pieces than this stay branches, and so do choices beside this many statements, which all pieces need.
_PIECES, _SHARED = 6, 48


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """What a loop does from `start` to before `stop`; `sure`: these are in order, and in the loop's range."""

    start: Atom
    stop: Atom
    block: Block
    sure: bool = True


def pieces(op: Loop) -> tuple[Piece, ...]:
    """The parts of a loop in order; one if nothing splits."""
    assert op.extent is not None
    whole = (Piece(ZERO, op.extent, op.body),)
    if op.states or op.head is not None or op.down:
        return whole
    inside = {v for s in all_stmts(op.body) for v in s.vars} | {op.index}
    found = _divide(op.index, whole[0], inside, _PIECES)
    return tuple(found) if len(found) <= _PIECES else whole


def _divide(index: Var, piece: Piece, inside: set[Var], most: int) -> list[Piece]:
    at = _choice(index, piece.block, inside)
    if at is None or most <= 0:
        return [piece]
    k, cut = at
    c, start, stop = sizes.poly_of(cut), sizes.poly_of(piece.start), sizes.poly_of(piece.stop)
    then, orelse = (_resolved(piece.block, k, truth) for truth in (True, False))
    if piece.sure and sizes.nonneg(c - stop):
        return _divide(index, Piece(piece.start, piece.stop, then), inside, most)
    if piece.sure and sizes.nonneg(start - c):
        return _divide(index, Piece(piece.start, piece.stop, orelse), inside, most)
    sure = piece.sure and sizes.nonneg(c - start) and sizes.nonneg(stop - c)
    left = _divide(index, Piece(piece.start, cut, then, sure), inside, most - 1)
    right = _divide(index, Piece(cut, piece.stop, orelse, sure), inside, most - len(left))
    return left + right


def _choice(index: Var, block: Block, inside: set[Var]) -> tuple[int, Atom] | None:
    """Where a block chooses by the index, and the first index that takes the other side."""
    for k, s in enumerate(block.stmts):
        if not isinstance(s.op, If) or not isinstance(s.op.cond, Var):
            continue
        test = s.op.cond.stmt.op if s.op.cond.stmt is not None else None
        if not (isinstance(test, Prim) and test.name == "lt" and test.args[0] is index):
            continue
        cut = test.args[1]
        if isinstance(cut, Var) and cut in inside:
            continue
        others = block.stmts[:k] + block.stmts[k + 1:]
        if _stands_alone(s.vars, others) and sum(1 for _ in all_stmts(Block(others, ()))) <= _SHARED:
            return k, cut
    return None


def _stands_alone(vars: Sequence[Var], others: Sequence[Stmt]) -> bool:
    """Are these read by nothing but the block's results?"""
    mine = set(vars)
    if any(a in mine for v in vars for a in v.type.shape):
        return False
    return not any(_mentions(s, mine) for s in others)


def _mentions(s: Stmt, vars: set[Var]) -> bool:
    if any(a in vars for a in operands(s.op)):
        return True
    if any(a in vars for v in (*s.vars, *bound_vars(s.op)) for a in v.type.shape):
        return True
    return any(a in vars for b in regions(s.op) for a in b.results) or any(
        _mentions(t, vars) for b in regions(s.op) for t in b.stmts)


def _resolved(block: Block, k: int, truth: bool) -> Block:
    """The block with one side of its k-th statement in the place of that statement."""
    s = block.stmts[k]
    assert isinstance(s.op, If)
    side = s.op.then if truth else s.op.orelse
    results: dict[Atom, Atom] = dict(zip(s.vars, side.results, strict=True))
    return Block((*block.stmts[:k], *side.stmts, *block.stmts[k + 1:]),
                 tuple(a if isinstance(a, Const) else results.get(a, a) for a in block.results))
