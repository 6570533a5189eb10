"""The loop IR: structured loops over buffers, between the core IR and machine code.

    func  ::= func name(param, …) -> (result, …) { stmt* }
    param ::= reg | buf                                   inputs are never written
    reg   ::= %name.uid : kind                            a scalar; may be assigned several times
    buf   ::= @name.uid : kind[operand, …] space          row-major; space: in out temp heap view
    stmt  ::= reg = op(operand, …)                        a scalar primitive, or see below
            | reg = buf[operand, …]                       load
            | buf[operand, …] = operand                   store
            | buf[operand, …] += operand                  accumulate
            | for reg < operand (down) mode { stmt* }     mode: seq
            | while { stmt* } operand { stmt* }           head, whether to go on, body
            | if operand { stmt* } else { stmt* }
            | alloc buf                                   temp: until the scope ends; heap: until `free`
            | free buf                                    a heap buffer; nothing if it has none
            | scope { stmt* }                             frees the temp buffers allocated inside
            | swap buf, buf                               exchanges the storage of two buffers
            | fill buf[operand, …] = operand              the trailing subarray
            | copy buf[operand, …] = buf[operand, …]      the trailing subarray, same or disjoint storage
            | grow buf, operand                           room for one more row after `operand` rows
            | sort buf[operand, …] = buf[operand, …]      stable permutation of a vector, NaN last
            | check operand, site(operand, …)             raises the error of the site unless the operand holds
            | show site(operand or buf[operand, …], …)
    operand ::= reg | constant

Beside the primitives: `copy`; `sum` and `prod`, which may be regrouped; `maximum` and `minimum` of floats,
where NaN wins and +0 is more than -0, so they may be too.

A buffer has a shape (operands that do not change while it is used), a space and, in `temp` and `heap`,
storage from its `alloc` on.  `out` is memory of the caller: its `alloc` says from where on it is used.
A `view` is rows of a place of another buffer, from `start` on, in a shape of its own; it is never
allocated.  A growing buffer is a `temp` whose first extent is its capacity, a register that `grow` changes.  A
statement that fails ends the function; all storage that the function holds is released by its entry.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

from .ir import NOWHERE, Const, Prov
from .site import SITE_VALUES, Site

_uids = itertools.count(1)


class Reg:
    """A scalar register; identity is the object."""

    __slots__ = ("kind", "name", "uid")

    def __init__(self, name: str, kind: str) -> None:
        self.name, self.kind, self.uid = name, kind, next(_uids)

    def __repr__(self) -> str:
        return f"%{self.name}.{self.uid}"


Operand = Reg | Const


class Buf:
    """A buffer; identity is the object.  `view`: the place whose rows it shows; `prov`: what asks for memory."""

    __slots__ = ("kind", "name", "prov", "shape", "space", "uid", "view")

    def __init__(
        self, name: str, kind: str, shape: tuple[Operand, ...], space: str, prov: Prov = NOWHERE,
        view: View | None = None,
    ) -> None:
        self.name, self.kind, self.shape, self.space, self.uid = name, kind, shape, space, next(_uids)
        self.prov, self.view = prov, view

    @property
    def root(self) -> Buf:
        """The buffer that has the storage."""
        return self if self.view is None else self.view.of.buf.root

    @property
    def site(self) -> Site:
        """What an allocation says when there is no memory; the values are those of the shape."""
        rank = len(self.shape)
        shape = f" of shape [{', '.join(f'{{{k}}}' for k in range(rank))}]" if rank <= SITE_VALUES else ""
        kinds = ("i64",) * rank if shape else ()
        return Site("DV0509", f"no memory for an array{shape}", kinds, self.prov.span, self.prov.notes)

    def __repr__(self) -> str:
        return f"@{self.name}.{self.uid}"


@dataclass(frozen=True, slots=True)
class Place:
    """The trailing subarray of a buffer at a prefix of indices (all of it, or one cell, too)."""

    buf: Buf
    prefix: tuple[Operand, ...] = ()

    @property
    def shape(self) -> tuple[Operand, ...]:
        return self.buf.shape[len(self.prefix):]

    def at(self, *index: Operand) -> Place:
        return Place(self.buf, (*self.prefix, *index))


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """Rows of a place from `start` on; as many cells as the shape of the view has."""

    of: Place
    start: Operand


# ---------------------------------------------------------------- statements


@dataclass(slots=True)
class Assign:
    reg: Reg
    op: str
    args: tuple[Operand, ...]


@dataclass(slots=True)
class Load:
    reg: Reg
    src: Place


@dataclass(slots=True)
class Store:
    dst: Place
    value: Operand


@dataclass(slots=True)
class Accum:
    dst: Place
    value: Operand


@dataclass(slots=True)
class For:
    """`poll`: look at the cancel flag now and then."""

    index: Reg
    extent: Operand
    body: list[LStmt]
    down: bool = False
    mode: str = "seq"
    poll: bool = False


@dataclass(slots=True)
class While:
    head: list[LStmt]
    cond: Operand
    body: list[LStmt]
    poll: bool = False


@dataclass(slots=True)
class Branch:
    cond: Operand
    then: list[LStmt]
    orelse: list[LStmt]


@dataclass(slots=True)
class Alloc:
    buf: Buf


@dataclass(slots=True)
class Free:
    buf: Buf


@dataclass(slots=True)
class Scope:
    body: list[LStmt]


@dataclass(slots=True)
class Swap:
    a: Buf
    b: Buf


@dataclass(slots=True)
class FillIn:
    dst: Place
    value: Operand


@dataclass(slots=True)
class CopyIn:
    dst: Place
    src: Place


@dataclass(slots=True)
class Grow:
    """`buf.shape[0]` is the capacity; afterwards it is more than `rows`."""

    buf: Buf
    rows: Operand


@dataclass(slots=True)
class Sort:
    dst: Place
    src: Place


@dataclass(slots=True)
class Check:
    cond: Operand
    site: int
    values: tuple[Operand, ...] = ()


@dataclass(slots=True)
class ShowAt:
    site: int
    values: tuple[Operand | Place, ...]


LStmt = (
    Assign | Load | Store | Accum | For | While | Branch | Alloc | Free | Scope | Swap | FillIn | CopyIn | Grow
    | Sort | Check | ShowAt
)


@dataclass(slots=True)
class Param:
    """`value` is a register or an `in` buffer; `sizes` are the sizes as given, one register per axis."""

    name: str
    value: Reg | Buf
    sizes: tuple[Reg, ...] = ()


@dataclass(slots=True)
class LoopFunction:
    """`results` are scalars, `out` buffers (the caller allocates) or `heap` buffers (handed over)."""

    name: str
    params: list[Param]
    results: list[Operand | Buf]
    body: list[LStmt]
    sites: list[Site]
    copies: list[str] = field(default_factory=list)


# ---------------------------------------------------------------- walking


def blocks(s: LStmt) -> tuple[list[LStmt], ...]:
    """The nested statement lists of a statement."""
    match s:
        case For() | Scope():
            return (s.body,)
        case While():
            return (s.head, s.body)
        case Branch():
            return (s.then, s.orelse)
    return ()


def walk(body: list[LStmt]) -> Iterator[LStmt]:
    """Every statement, also in nested lists, outer ones first."""
    for s in body:
        yield s
        for b in blocks(s):
            yield from walk(b)


def brief(f: LoopFunction) -> bool:
    """Does it run straight to its end, without loops, be they of statements or inside one?"""
    straight = (Assign, Load, Store, Accum, Branch, Check, Scope)
    return all(isinstance(s, straight) for s in walk(f.body))


def tiny(s: LStmt) -> bool:
    """A loop that is unrolled anyway."""
    return isinstance(s, For) and isinstance(s.extent, Const) and s.extent.value <= 16


def contains_loops(s: LStmt) -> bool:
    """Does a loop contain others, apart from tiny ones?"""
    return any(isinstance(t, (For, While)) and not tiny(t) for b in blocks(s) for t in walk(b))


def places(s: LStmt) -> tuple[Place, ...]:
    """The places that a statement itself touches."""
    match s:
        case Load(_, p):
            return (p,)
        case Store(p, _) | Accum(p, _) | FillIn(p, _):
            return (p,)
        case CopyIn(p, q):
            return (p, q)
        case Swap(a, b):
            return (Place(a), Place(b))
        case Alloc(b) | Free(b) | Grow(b, _):
            return (Place(b),)
        case Sort(p, q):
            return (p, q)
        case ShowAt(_, values):
            return tuple(v for v in values if isinstance(v, Place))
    return ()


def place_operands(p: Place) -> Iterator[Operand]:
    """The operands of a place's indices and of its buffer's shape."""
    yield from p.prefix
    yield from p.buf.shape
    if p.buf.view is not None:
        yield p.buf.view.start
        yield from place_operands(p.buf.view.of)


def reads(s: LStmt) -> Iterator[Operand]:
    """The operands that a statement itself reads, those of shapes and prefixes included."""
    for p in places(s):
        yield from place_operands(p)
    match s:
        case Assign(_, _, args):
            yield from args
        case Store(_, v) | Accum(_, v) | FillIn(_, v) | Grow(_, v):
            yield v
        case For():
            yield s.extent
        case While() | Branch():
            yield s.cond
        case Check(c, _, values):
            yield c
            yield from values
        case ShowAt(_, values):
            yield from (v for v in values if not isinstance(v, Place))


def writes(s: LStmt) -> tuple[Reg, ...]:
    """The registers that a statement itself assigns."""
    match s:
        case Assign(r, _, _) | Load(r, _):
            return (r,)
        case For():
            return (s.index,)
        case Grow(b, _) if isinstance(b.shape[0], Reg):
            return (b.shape[0],)
    return ()
