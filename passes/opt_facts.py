"""Costs, motion and keys of statements."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType

from ..compiler.ir import (
    ArgSort,
    Array,
    Assert,
    Atom,
    Block,
    Call,
    Delta,
    Fill,
    If,
    Index,
    Jvp,
    Loop,
    Op,
    Plus,
    Prim,
    Scalar,
    Show,
    Type,
    Update,
    Var,
    Vjp,
    bound_vars,
    operands,
    regions,
)
from ..compiler.primitives import PRIMITIVES


class Motion(IntEnum):
    """Where a statement may go (see `normalise`)."""

    FREE = 0
    DEAR = 1
    STAY = 2
    PINNED = 3


INF = float("inf")
SCALARS = {k: Scalar(k) for k in ("f64", "f32", "i64", "i32", "bool")}
COST = {name: p.cost for name, p in PRIMITIVES.items()}
DEAR = 10.0  # a primitive of this weight or more is worth a table
_NUMBERS = ("f64", "f32")
NOTHING: Mapping[Var, object] = MappingProxyType({})


def array_type(kind: str, shape: tuple[Atom, ...]) -> Type:
    return Array(kind, shape) if shape else SCALARS[kind]


def prim_cost(op: Prim) -> float:
    """The table's weight; arithmetic on integers and booleans is free."""
    for a in op.args:
        if a.type.kind in _NUMBERS:
            return COST[op.name]
    return 0.0


# ---------------------------------------------------------------- keys


def block_key(block: Block, num: dict[Var, int], outer: Mapping[Var, object]) -> tuple[object, ...]:
    """A hashable key, equal for blocks that are equal up to names."""
    parts: list[object] = []
    for s in block.stmts:
        parts.append(op_key(s.op, num, outer))
        for v in s.vars:
            num[v] = len(num)
    parts.append(tuple(_number(a, num, outer) for a in block.results))
    return tuple(parts)


def _number(a: Atom, num: dict[Var, int], outer: Mapping[Var, object]) -> object:
    if type(a) is not Var:
        return a
    k = num.get(a)
    return outer.get(a, a) if k is None else k


def op_key(op: Op, num: dict[Var, int], outer: Mapping[Var, object] = NOTHING) -> tuple[object, ...]:
    """The key of an operation; `num` numbers what its regions bind, `outer` stands for variables around."""
    atoms = tuple([_number(a, num, outer) for a in operands(op)])
    match op:
        case Prim(name, _):
            return (name, atoms)
        case Index():
            return ("index", atoms)
        case Update(_, es, _):
            return ("update", len(es), atoms)
        case Delta(shape, es, _):
            return ("delta", len(shape), len(es), atoms)
        case Fill():
            return ("fill", atoms)
        case Plus():
            return ("plus", atoms)
        case ArgSort():
            return ("argsort", atoms)
        case Loop():
            for v in bound_vars(op):
                num[v] = len(num)
            head = () if op.head is None else block_key(op.head, num, outer)
            return ("loop", op.extent is None, len(op.states), op.modes, op.down, atoms, head, block_key(op.body, num, outer))
        case If():
            return ("if", atoms, block_key(op.then, num, outer), block_key(op.orelse, num, outer))
        case Call(fn, _):
            return ("call", fn, atoms)
        case Jvp(fn, _, ts):
            return ("jvp", fn, tuple(t is None for t in ts), atoms)
        case Vjp(fn, _, cs, wrt):
            return ("vjp", fn, tuple(c is None for c in cs), wrt, atoms)
        case Assert(_, code, message, _):
            return ("assert", code, message, atoms)
        case Show(label, _):
            return ("show", label, atoms)


def block_cost(block: Block) -> float:
    """Operations of a block, loops counted once."""
    total = 0.0
    for s in block.stmts:
        if isinstance(s.op, Prim):
            total += prim_cost(s.op)
        elif isinstance(s.op, Index | Update | Delta):
            total += 1
        for b in regions(s.op):
            total += block_cost(b)
    return total
