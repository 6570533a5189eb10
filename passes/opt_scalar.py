"""Simplification of scalar primitives: folding, units, signs, integer algebra, selections.

What stands here holds for all values, up to the sign of a zero and the order of a sum.  Identities that
change NaN and infinity (`x - x → 0`) are rules of the set `finite`, and are tried only on what
differentiation introduced.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..compiler.ir import FALSE, TRUE, Atom, Const, Prim, Var, integer
from ..compiler.primitives import PRIMITIVES, is_partial
from ..compiler.sizes import Poly, materialise, number, of_factor
from .opt_facts import SCALARS, Motion

if TYPE_CHECKING:
    from .normalise import Normaliser

Simplifier = Callable[["Normaliser", tuple[Atom, ...]], "Atom | None"]

_NUMPY: dict[str, Any] = {"f64": np.float64, "f32": np.float32, "i64": np.int64, "i32": np.int32, "bool": np.bool_}
_POLY_TERMS = 12
_POLY_DEGREE = 6


def simplify(nz: Normaliser, name: str, args: tuple[Atom, ...]) -> Atom | None:
    """Something simpler that equals the primitive, or None."""
    for a in args:
        if type(a) is not Const:
            break
    else:
        return _fold(name, args)
    if name == "stop_gradient" and nz.options.speculate:
        return args[0]
    kind = args[0].type.kind
    if kind == "i64":
        special = _INTEGER.get(name)
        if special is not None:
            return special(nz, args)
    rule = _TABLE.get(name)
    if rule is not None:
        out = rule(nz, args)
        if out is not None:
            return out
    rules = nz.options.rules
    if name in rules.heads:
        out = rules.apply(nz, name, args)
        if out is not None:
            return out
    if nz.prov.role and name in nz.options.finite.heads:
        return nz.options.finite.apply(nz, name, args)
    return None


def _fold(name: str, args: tuple[Atom, ...]) -> Atom | None:
    values = [a for a in args if isinstance(a, Const)]
    if is_partial(name, args):
        return None
    primitive = PRIMITIVES[name]
    kind = primitive.rule([a.kind for a in values])
    if kind is None:
        return None
    with np.errstate(all="ignore"):
        out = primitive.evaluate(*(_NUMPY[a.kind](a.value) for a in values))
    return Const(out.item() if hasattr(out, "item") else out, kind)


def definition(a: Atom, name: str) -> tuple[Atom, ...] | None:
    """The arguments of the primitive `name` that defines an atom."""
    if type(a) is Var and a.stmt is not None:
        op = a.stmt.op
        if type(op) is Prim and op.name == name:
            return op.args
    return None


def is_const(a: Atom, value: float) -> bool:
    return type(a) is Const and a.value == value


# ---------------------------------------------------------------- arithmetic


def _add(nz: Normaliser, args: tuple[Atom, ...]) -> Atom | None:
    x, y = args
    if is_const(x, 0):
        return y
    if is_const(y, 0):
        return x
    n = definition(y, "neg")
    if n is not None:
        return nz.prim("sub", x, n[0])
    n = definition(x, "neg")
    if n is not None:
        return nz.prim("sub", y, n[0])
    if x is y:
        m = definition(x, "mul")
        if m is not None and type(m[1]) is Const:
            return nz.prim("mul", m[0], Const(2 * m[1].value, m[1].kind))
    return _guarded(nz, "add", args)


def _guarded(nz: Normaliser, name: str, args: tuple[Atom, ...]) -> Atom | None:
    """`f([p] v, y)` is `[p] f(v, y)` for an operation that keeps zero, p an equation of indices.

    Only for what differentiation made: it drops what y would do to a zero.
    """
    if not nz.prov.role:
        return None
    guards = [_guard(a) for a in args]
    new: tuple[Atom, ...]
    if name in ("add", "sub"):
        g, h = guards
        if g is None or h is None or g[0] is not h[0]:
            return None
        cond, new = g[0], (g[1], h[1])
    else:
        k = next((k for k, g in enumerate(guards) if g is not None), None)
        if k is None or (name == "div" and k == 1):
            return None
        found = guards[k]
        assert found is not None
        cond = found[0]
        new = tuple(found[1] if j == k else a for j, a in enumerate(args))
    nz.fire("guard_out")
    return nz.prim("select", cond, nz.prim(name, *new), Const(0, args[0].type.kind))


def _guard(a: Atom) -> tuple[Atom, Atom] | None:
    """(p, v) of `select(p, v, 0)` where p compares indices."""
    s = definition(a, "select")
    if s is None or not is_const(s[2], 0) or not _compares_indices(s[0]):
        return None
    return s[0], s[1]


def _compares_indices(c: Atom) -> bool:
    both = definition(c, "and")
    if both is not None:
        return any(map(_compares_indices, both))
    sides = definition(c, "eq")
    return sides is not None and sides[0].type.kind == "i64"


def _sub(nz: Normaliser, args: tuple[Atom, ...]) -> Atom | None:
    x, y = args
    if is_const(y, 0):
        return x
    if is_const(x, 0):
        return nz.prim("neg", y)
    n = definition(y, "neg")
    if n is not None:
        return nz.prim("add", x, n[0])
    return _guarded(nz, "sub", args)


def _mul(nz: Normaliser, args: tuple[Atom, ...]) -> Atom | None:
    x, y = args
    if type(x) is Const:
        x, y = y, x
    if type(y) is Const:
        if y.value == 1:
            return x
        if y.value == -1:
            return nz.prim("neg", x)
        n = definition(x, "neg")
        if n is not None:
            return nz.prim("mul", n[0], Const(-y.value, y.kind))
        m = definition(x, "mul")
        if m is not None and type(m[1]) is Const:
            return nz.prim("mul", m[0], Const(m[1].value * y.value, y.kind))
        return _guarded(nz, "mul", (x, y))
    n, m = definition(x, "neg"), definition(y, "neg")
    if n is not None and m is not None:
        return nz.prim("mul", n[0], m[0])
    if n is not None:
        return nz.prim("neg", nz.prim("mul", n[0], y))
    if m is not None:
        return nz.prim("neg", nz.prim("mul", x, m[0]))
    for a, b in ((x, y), (y, x)):
        d = definition(a, "div")
        if d is not None and is_const(d[0], 1):
            return nz.prim("div", b, d[1])
    return _guarded(nz, "mul", args)


def _div(nz: Normaliser, args: tuple[Atom, ...]) -> Atom | None:
    x, y = args
    if is_const(y, 1):
        return x
    if is_const(y, -1):
        return nz.prim("neg", x)
    n, m = definition(x, "neg"), definition(y, "neg")
    if n is not None and m is not None:
        return nz.prim("div", n[0], m[0])
    if n is not None:
        return nz.prim("neg", nz.prim("div", n[0], y))
    if m is not None:
        return nz.prim("neg", nz.prim("div", x, m[0]))
    return _guarded(nz, "div", args)


def _neg(nz: Normaliser, args: tuple[Atom, ...]) -> Atom | None:
    (x,) = args
    n = definition(x, "neg")
    if n is not None:
        return n[0]
    s = definition(x, "sub")
    if s is not None:
        return nz.prim("sub", s[1], s[0])
    return None


def _power(nz: Normaliser, args: tuple[Atom, ...]) -> Atom | None:
    """Small constant exponents become products."""
    x, n = args
    if type(n) is not Const or n.value not in (0, 1, 2, 3, 4, -1, -2):
        return None
    k = int(n.value)
    if k == 0:
        return Const(1, x.type.kind)
    if k < 0:
        return nz.prim("div", Const(1, x.type.kind), x if k == -1 else nz.prim("mul", x, x))
    if k == 1:
        return x
    square = nz.prim("mul", x, x)
    return square if k == 2 else nz.prim("mul", square, x if k == 3 else square)


def _powi(nz: Normaliser, args: tuple[Atom, ...]) -> Atom | None:
    """Constant exponents up to 16 become products by squaring."""
    x, n = args
    if type(n) is not Const or not 0 <= n.value <= 16:
        return _power(nz, args)
    k = int(n.value)
    if k == 0:
        return Const(1, x.type.kind)
    total: Atom | None = None
    square: Atom = x
    while True:
        if k & 1:
            total = square if total is None else nz.prim("mul", total, square)
        k >>= 1
        if not k:
            assert total is not None
            return total
        square = nz.prim("mul", square, square)


def _same(nz: Normaliser, args: tuple[Atom, ...]) -> Atom | None:
    """max(x, x) and min(x, x)"""
    return args[0] if args[0] is args[1] else None


def _cast(kind: str) -> Simplifier:
    def rule(nz: Normaliser, args: tuple[Atom, ...]) -> Atom | None:
        return args[0] if args[0].type.kind == kind else None

    return rule


# ---------------------------------------------------------------- truth


def _not(nz: Normaliser, args: tuple[Atom, ...]) -> Atom | None:
    n = definition(args[0], "not")
    return None if n is None else n[0]


def _truth(nz: Normaliser, a: Atom) -> bool | None:
    if type(a) is Const:
        return bool(a.value)
    return nz.know.known.get(a) if type(a) is Var else None


def _and(nz: Normaliser, args: tuple[Atom, ...]) -> Atom | None:
    x, y = args
    if x is y:
        return x
    s, t = _truth(nz, x), _truth(nz, y)
    if s is False or t is False:
        return FALSE
    return y if s else x if t else None


def _or(nz: Normaliser, args: tuple[Atom, ...]) -> Atom | None:
    x, y = args
    if x is y:
        return x
    s, t = _truth(nz, x), _truth(nz, y)
    if s or t:
        return TRUE
    return y if s is False else x if t is False else None


def _select(nz: Normaliser, args: tuple[Atom, ...]) -> Atom | None:
    c, x, y = args
    truth = _truth(nz, c)
    if truth is not None:
        return x if truth else y
    if x is y or x == y:
        return x
    n = definition(c, "not")
    if n is not None:
        return nz.prim("select", n[0], y, x)
    if x == TRUE and y == FALSE:
        return c
    if x == FALSE and y == TRUE:
        return nz.prim("not", c)
    inner = definition(x, "select")
    if inner is not None and inner[0] is c:
        return nz.prim("select", c, inner[1], y)
    inner = definition(y, "select")
    if inner is not None and inner[0] is c:
        return nz.prim("select", c, x, inner[2])
    n, m = definition(x, "neg"), definition(y, "neg")
    if n is not None and is_const(y, 0):
        return nz.prim("neg", nz.prim("select", c, n[0], y))
    if m is not None and is_const(x, 0):
        return nz.prim("neg", nz.prim("select", c, x, m[0]))
    return None


def _equal_bools(nz: Normaliser, args: tuple[Atom, ...]) -> Atom | None:
    x, y = args
    if x.type.kind not in ("bool", "i32"):
        return None
    if x is y:
        return TRUE
    for a, b in ((x, y), (y, x)):
        if b == TRUE:
            return a
        if b == FALSE:
            return nz.prim("not", a)
    return None


# ---------------------------------------------------------------- integers


def _ring(name: str) -> Simplifier:
    """Sums and products of i64 as polynomials (a ring also modulo 2**64)."""

    def rule(nz: Normaliser, args: tuple[Atom, ...]) -> Atom | None:
        polys = [nz.poly(a) for a in args]
        if name == "mul" and _too_big(polys[0], polys[1]):
            return _opaque(nz, name, args)
        if name == "add":
            p = polys[0] + polys[1]
        elif name == "sub":
            p = polys[0] - polys[1]
        elif name == "mul":
            p = polys[0] * polys[1]
        else:
            p = -polys[0]
        if len(p.terms) > _POLY_TERMS:
            return _opaque(nz, name, args)
        k = p.constant
        if k is not None:
            return integer((k + (1 << 63)) % (1 << 64) - (1 << 63))
        if len(p.terms) == 1:
            (m, c), = p.terms.items()
            if c == 1 and len(m) == 1 and isinstance(m[0], Var):
                return m[0]
        key = ("poly", p)
        hit = nz.table.get(key)
        if hit is not None and nz.visible(hit[0]):
            return hit[0]
        v = nz.emit(Prim(name, args), _I64, _FREE, key=(name, args), cost=0.0)
        nz.table[key] = v
        return v[0]

    return rule


def _too_big(p: Poly, q: Poly) -> bool:
    if len(p.terms) * len(q.terms) > _POLY_TERMS:
        return True
    degree = max(map(len, p.terms), default=0) + max(map(len, q.terms), default=0)
    size = max((abs(c) for c in p.terms.values()), default=0) * max((abs(c) for c in q.terms.values()), default=0)
    return degree > _POLY_DEGREE or size >= 1 << 63


def _opaque(nz: Normaliser, name: str, args: tuple[Atom, ...]) -> Atom:
    """Arithmetic on data, not on sizes: its polynomial is not followed."""
    (v,) = nz.emit(Prim(name, args), _I64, _FREE, key=(name, args), cost=0.0)
    v.poly = of_factor(v)
    return v


def _compare(name: str) -> Simplifier:
    def rule(nz: Normaliser, args: tuple[Atom, ...]) -> Atom | None:
        x, y = args
        if x is y:
            return TRUE if name in ("eq", "le", "ge") else FALSE
        tag = definition(x, "select")
        if tag is not None and all(type(a) is Const for a in (tag[1], tag[2], y)):
            return nz.prim("select", tag[0], nz.prim(name, tag[1], y), nz.prim(name, tag[2], y))
        out = nz.know.decide(name, nz.poly(x), nz.poly(y))
        return None if out is None else TRUE if out else FALSE

    return rule


def _quotient(name: str) -> Simplifier:
    def rule(nz: Normaliser, args: tuple[Atom, ...]) -> Atom | None:
        x, y = args
        if is_const(y, 1):
            return x if name == "floordiv" else integer(0)
        p, d = nz.poly(x), nz.poly(y)
        whole, rest = _divided(p, d)
        if whole is None or not nz.know.sized(p) or not nz.know.sized(d):
            return None
        if nz.know.prove(rest) and nz.know.prove(d - rest - number(1)):
            return materialise(whole if name == "floordiv" else rest, nz.prim)
        if not whole.terms:
            return None
        inner = nz.prim(name, materialise(rest, nz.prim), y)
        return nz.prim("add", materialise(whole, nz.prim), inner) if name == "floordiv" else inner

    return rule


def _divided(p: Poly, d: Poly) -> tuple[Poly | None, Poly]:
    """(q, r) with p = q d + r, for a divisor with one term."""
    if len(d.terms) != 1:
        return None, p
    (m, c), = d.terms.items()
    quotient: dict[tuple[Any, ...], int] = {}
    rest: dict[tuple[Any, ...], int] = {}
    for n, k in p.terms.items():
        left = list(n)
        for f in m:
            if f not in left:
                break
            left.remove(f)
        else:
            if k % c == 0:
                quotient[tuple(left)] = k // c
                continue
        rest[n] = k
    return Poly(quotient), Poly(rest)


def _extreme(name: str) -> Simplifier:
    """max and min of sizes."""

    def rule(nz: Normaliser, args: tuple[Atom, ...]) -> Atom | None:
        x, y = args
        if x is y:
            return x
        first = nz.know.decide("ge" if name == "max" else "le", nz.poly(x), nz.poly(y))
        return None if first is None else x if first else y

    return rule


_TABLE: dict[str, Simplifier] = {
    "add": _add, "sub": _sub, "mul": _mul, "div": _div, "neg": _neg, "pow": _power, "powi": _powi, "max": _same,
    "min": _same, "not": _not, "and": _and, "or": _or, "select": _select, "eq": _equal_bools,
    **{k: _cast(k) for k in ("f64", "f32", "i64", "i32")},
}
_INTEGER: dict[str, Simplifier] = {
    **{n: _ring(n) for n in ("add", "sub", "mul", "neg")},
    **{n: _compare(n) for n in ("eq", "ne", "lt", "le", "gt", "ge")},
    **{n: _quotient(n) for n in ("floordiv", "mod")},
    **{n: _extreme(n) for n in ("max", "min")},
}


_I64, _FREE = (SCALARS["i64"],), Motion.FREE
