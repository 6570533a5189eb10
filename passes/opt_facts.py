"""What the normaliser knows: facts from conditions, proofs of bounds, costs, keys of regions."""

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
from ..compiler.sizes import Poly, nonneg, number, poly_of


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
_SIZE_LIMIT = 1 << 40
NOTHING: Mapping[Var, object] = MappingProxyType({})


def array_type(kind: str, shape: tuple[Atom, ...]) -> Type:
    return Array(kind, shape) if shape else SCALARS[kind]


def prim_cost(op: Prim) -> float:
    """The table's weight; arithmetic on integers and booleans is free."""
    for a in op.args:
        if a.type.kind in _NUMBERS:
            return COST[op.name]
    return 0.0


# ---------------------------------------------------------------- facts


def facts_of(cond: Atom, truth: bool = True, depth: int = 4) -> list[Poly]:
    """Polynomials that are >= 0 where `cond` is true (or false)."""
    if depth == 0 or not isinstance(cond, Var) or cond.stmt is None or not isinstance(cond.stmt.op, Prim):
        return []
    name, args = cond.stmt.op.name, cond.stmt.op.args
    if name == "not":
        return facts_of(args[0], not truth, depth - 1)
    if name == ("and" if truth else "or"):
        return facts_of(args[0], truth, depth - 1) + facts_of(args[1], truth, depth - 1)
    if name not in _COMPARE or args[0].type.kind != "i64":
        return []
    if not truth:
        name = _OPPOSITE[name]
    a, b = poly_of(args[0]), poly_of(args[1])
    match name:
        case "lt":
            return [b - a - number(1)]
        case "le":
            return [b - a]
        case "gt":
            return [a - b - number(1)]
        case "ge":
            return [a - b]
        case "eq":
            return [a - b, b - a]
    return []


_COMPARE = frozenset(["lt", "le", "gt", "ge", "eq", "ne"])
_OPPOSITE = {"lt": "ge", "ge": "lt", "gt": "le", "le": "gt", "eq": "ne", "ne": "eq"}


def equation(cond: Atom) -> tuple[Var, Poly] | None:
    """A variable and what it equals where `cond` holds: an equation of sizes solved for the variable
    that was made last."""
    if not isinstance(cond, Var) or cond.stmt is None or not isinstance(cond.stmt.op, Prim):
        return None
    op = cond.stmt.op
    if op.name != "eq" or op.args[0].type.kind != "i64":
        return None
    p = poly_of(op.args[0]) - poly_of(op.args[1])
    best: tuple[Var, int] | None = None
    for m, c in p.terms.items():
        if len(m) != 1 or not isinstance(m[0], Var) or c not in (1, -1) or sum(m[0] in other for other in p.terms) > 1:
            continue
        if best is None or m[0].uid > best[0].uid:
            best = m[0], c
    if best is None:
        return None
    v, c = best
    rest = Poly({m: k for m, k in p.terms.items() if m != (v,)})
    if v in rest.vars():
        return None
    return v, (-rest if c == 1 else rest)


def is_size(p: Poly) -> bool:
    """Only sizes and indices with small coefficients, so that no wrap-around is near."""
    return all(
        abs(c) < _SIZE_LIMIT and all(isinstance(f, Var) and (f.nonneg or f.extent is not None) for f in m)
        for m, c in p.terms.items()
    )


def decide(name: str, a: Poly, b: Poly, facts: tuple[Poly, ...]) -> bool | None:
    """A comparison of integers, if it is provable."""
    d = b - a
    k = d.constant
    if k is not None and (a.constant is not None or is_size(a)):
        return {"lt": k > 0, "le": k >= 0, "gt": k < 0, "ge": k <= 0, "eq": k == 0, "ne": k != 0}[name]
    if not (is_size(a) and is_size(b)):
        return None
    one = number(1)
    if name in ("gt", "ge"):
        name, d = {"gt": "lt", "ge": "le"}[name], -d
    if name == "lt":
        return True if nonneg(d - one, facts) else False if nonneg(-d, facts) else None
    if name == "le":
        return True if nonneg(d, facts) else False if nonneg(-d - one, facts) else None
    apart = nonneg(d - one, facts) or nonneg(-d - one, facts)
    return (name == "ne") if apart else None


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


def has_regions(op: Op) -> bool:
    return isinstance(op, Loop | If)


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
