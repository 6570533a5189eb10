"""Copies that need not happen: an array that a loop only copies into rows of its result is built there.

    let a = for i < p do for j < 15 do …             a : f64[p, 15]
    let v = for i < 15 * p + q do if i < 15 * p then a[i // 15, i % 15] else …

`a` gets a view of v's rows as its destination, and the copying part of the loop goes.  That is how
flatten, reshape to one axis and concat cost nothing where they are the only readers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from . import sizes
from .ir import Atom, Block, Const, Fill, Index, Loop, Prim, Stmt, Var, all_stmts, operands, regions
from .loops import Buf, Operand, Place, View
from .lower_dest import Dest, Wants
from .lower_prims import lower_prim
from .lower_split import Piece
from .primitives import is_partial

if TYPE_CHECKING:
    from .lower import Lowerer


class ViewDest(Dest):
    """Rows of the destination of `whole`, from `start` on.

    It is needed before the statement of `whole` is reached, so sizes that this block defines behind
    `at` are computed for it.
    """

    def __init__(self, whole: Var, parent: Dest, start: Atom, early: Callable[[Lowerer, Atom], Operand]) -> None:
        super().__init__(None)
        self.whole, self.parent, self.start, self.early = whole, parent, start, early

    def at(self, lowerer: Lowerer, v: Var) -> Place:
        if self.place is None:
            parent, whole = self.parent, self.whole
            if parent.place is None:
                shape = tuple(self.early(lowerer, n) for n in whole.type.shape)
                parent.place = Place(lowerer.e.alloc(whole.name, whole.type.kind, shape))
            view = View(parent.place, self.early(lowerer, self.start))
            self.place = Place(Buf(v.name, v.type.kind, lowerer.shape(v.type), "view", view=view))
        return self.place


def plan_views(
    lo: Lowerer, s: Stmt, op: Loop, wants: Wants, sole: Callable[[Atom], bool], here: dict[Var, int]
) -> None:
    """Destinations for arrays that this loop copies as they are."""
    if not op.parallel or op.down:
        return
    for k, v in enumerate(s.vars):
        want = wants.get(v)
        if op.modes[k] != "build" or (want is not None and (want.add or want.origin or want.base or type(want) is not Dest)):
            continue
        for piece in lo.pieces(op):
            a = _copied(op.index, piece, k)
            if a is None or not sole(a) or not _is_made_in_place(a):
                continue
            needed = (piece.start, *(v.type.shape if want is None or want.place is None else ()))
            if not all(_is_early(n, here[a], here) for n in needed):
                continue
            if want is None:
                want = wants[v] = Dest(None)
            wants[a] = ViewDest(v, want, piece.start, _early(here[a], here))
            lo.parts[piece, k] = a, wants[a]


def _copied(index: Var, piece: Piece, k: int) -> Var | None:
    """The array whose cells, in order, are what this piece of a loop collects for out k."""
    r = piece.block.results[k]
    op = r.stmt.op if isinstance(r, Var) and r.stmt is not None else None
    if not piece.sure or not isinstance(op, Index) or not isinstance(op.array, Var) or r.stmt not in piece.block.stmts:  # type: ignore[union-attr,operator]
        return None
    shape = op.array.type.shape[: len(op.index)]
    left = sizes.of_factor(index) - sizes.poly_of(piece.start)
    total = sizes.number(1)
    for i, n in zip(op.index[:0:-1], shape[:0:-1], strict=True):
        size = sizes.poly_of(n)
        if sizes.poly_of(i) != sizes.quotient("mod", left, size):
            return None
        left, total = sizes.quotient("floordiv", left, size), total * size
    total = total * sizes.poly_of(shape[0])
    same = sizes.poly_of(op.index[0]) == left and total == sizes.poly_of(piece.stop) - sizes.poly_of(piece.start)
    return op.array if same else None


def _is_made_in_place(a: Atom) -> bool:
    """Does the statement that makes this array write only, and only there, if there is where it is wanted?"""
    s = a.stmt if isinstance(a, Var) else None
    match s.op if s is not None else None:
        case Fill():
            return True
        case Loop() as op if s is not None and isinstance(a, Var):
            k = s.vars.index(a)
            return op.parallel and op.modes[k] == "build"
    return False


def _is_early(a: Atom, at: int, here: dict[Var, int]) -> bool:
    """Can this size be had before statement `at` of the block?"""
    if isinstance(a, Const) or a not in here or here[a] < at:
        return True
    op = a.stmt.op if a.stmt is not None else None
    return isinstance(op, Prim) and not is_partial(op.name, op.args) and all(_is_early(x, at, here) for x in op.args)


def _early(at: int, here: dict[Var, int]) -> Callable[[Lowerer, Atom], Operand]:
    def early(lo: Lowerer, a: Atom) -> Operand:
        if isinstance(a, Const) or a not in here or here[a] < at:
            return lo.operand(a)
        assert a.stmt is not None and isinstance(a.stmt.op, Prim)
        return lower_prim(lo, a.stmt.op, tuple(early(lo, x) for x in a.stmt.op.args), check=False)

    return early


# ---------------------------------------------------------------- in the loop that copied


def is_there(lo: Lowerer, piece: Piece, k: int, place: Place | None) -> bool:
    """Is what this piece would copy into out k, which is `place`, in place already?"""
    if (piece, k) not in lo.parts:
        return False
    a, dest = lo.parts[piece, k]
    view = dest.place.buf.view if dest.place is not None else None
    return view is not None and lo.env[a] == dest.place and view.of == place


def only_there(lo: Lowerer, op: Loop, piece: Piece, k: int) -> Var | None:
    """The array that is in place for out k, if this loop reads it nowhere else."""
    a, _ = lo.parts[piece, k]
    reads = sum(list(operands(s.op)).count(a) for s in all_stmts(op.body))
    results = sum(b.results.count(a) for s in all_stmts(op.body) for b in regions(s.op))
    return a if reads + results + op.body.results.count(a) == 1 else None


def is_idle(block: Block) -> bool:
    """Does a body nothing but compute?"""
    return all(
        (isinstance(s.op, Prim) and not is_partial(s.op.name, s.op.args))
        or (isinstance(s.op, Index) and s.op.safe)
        for s in block.stmts
    )


def apart(value: object, place: Place) -> bool:
    """Do these lie in different parts of one place?"""
    if not isinstance(value, Place) or value.buf.view is None or place.buf.view is None:
        return False
    return value.buf is not place.buf and value.buf.view.of is place.buf.view.of


