"""Sizes as polynomials, and a small prover of equations and inequalities between them.

A size is an i64 atom; its polynomial is read off the definitions (`add sub mul neg` of i64).  What is
not polynomial (`//`, `%`, a loop's trip count, an element of an array) is an opaque atom; equal
opaque terms are equal atoms.  `nonneg` decides p >= 0 by the sign of first differences, the innermost
loop index first: sound, not complete, and what it can't prove costs a check and never an error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .ir import Atom, Const, Prim, Var, integer


@dataclass(frozen=True, slots=True)
class Opaque:
    """`left // right` or `left % right` (`op`: floordiv, mod) of polynomials."""

    op: str
    left: Poly
    right: Poly


Factor = Var | Opaque
Monomial = tuple[Factor, ...]


def _order(f: Factor) -> tuple[int, int]:
    return (0, f.uid) if isinstance(f, Var) else (1, hash(f))


class Poly:
    """An integer polynomial; equality is equality of normal forms."""

    __slots__ = ("_hash", "terms")

    def __init__(self, terms: dict[Monomial, int]) -> None:
        self.terms = {m: c for m, c in terms.items() if c}
        self._hash = hash(frozenset(self.terms.items()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Poly) and self._hash == other._hash and self.terms == other.terms

    def __hash__(self) -> int:
        return self._hash

    def __add__(self, other: Poly) -> Poly:
        terms = dict(self.terms)
        for m, c in other.terms.items():
            terms[m] = terms.get(m, 0) + c
        return Poly(terms)

    def __neg__(self) -> Poly:
        return Poly({m: -c for m, c in self.terms.items()})

    def __sub__(self, other: Poly) -> Poly:
        return self + -other

    def __mul__(self, other: Poly) -> Poly:
        terms: dict[Monomial, int] = {}
        for m, c in self.terms.items():
            for n, d in other.terms.items():
                k = tuple(sorted(m + n, key=_order))
                terms[k] = terms.get(k, 0) + c * d
        return Poly(terms)

    @property
    def constant(self) -> int | None:
        """The value, if it is a number."""
        if not self.terms:
            return 0
        return self.terms.get(()) if len(self.terms) == 1 else None

    def factors(self) -> dict[Factor, None]:
        return {f: None for m in self.terms for f in m}

    def vars(self) -> dict[Var, None]:
        """All variables, also inside opaque terms."""
        found: dict[Var, None] = {}
        for f in self.factors():
            if isinstance(f, Var):
                found[f] = None
            else:
                found.update(f.left.vars())
                found.update(f.right.vars())
        return found

    def substitute(self, at: Callable[[Var], Poly | None]) -> Poly:
        """Variables replaced by polynomials (None: kept), inside opaque terms too."""
        total = number(0)
        for m, c in self.terms.items():
            term = number(c)
            for f in m:
                if isinstance(f, Var):
                    new = at(f)
                    term = term * (of_factor(f) if new is None else new)
                else:
                    term = term * quotient(f.op, f.left.substitute(at), f.right.substitute(at))
            total = total + term
        return total

    def __repr__(self) -> str:
        if not self.terms:
            return "0"

        def name(f: Factor) -> str:
            if isinstance(f, Var):
                return f.name
            left, right = (repr(p) if len(p.terms) < 2 and _plain(p) else f"({p!r})" for p in (f.left, f.right))
            return f"({left} {'//' if f.op == 'floordiv' else '%'} {right})"

        parts = []
        for m, c in sorted(self.terms.items(), key=lambda t: (-len(t[0]), [_order(f) for f in t[0]])):
            body = " * ".join([*([str(abs(c))] if abs(c) != 1 or not m else []), *(name(f) for f in m)])
            parts.append(("- " if c < 0 else "+ ") + body)
        text = " ".join(parts)
        return text[2:] if text.startswith("+ ") else "-" + text[2:]


def _plain(p: Poly) -> bool:
    """Is it one number or one factor, so that it needs no parentheses in a quotient?"""
    return all((not m and c >= 0) or (len(m) == 1 and c == 1) for m, c in p.terms.items())


def number(n: int) -> Poly:
    return Poly({(): n})


def product(shape: Iterable[Atom]) -> Poly:
    """How many elements an array of this shape has."""
    total = number(1)
    for s in shape:
        total = total * poly_of(s)
    return total


def of_factor(f: Factor) -> Poly:
    return Poly({(f,): 1})


def quotient(op: str, a: Poly, b: Poly) -> Poly:
    """`a // b` or `a % b`, with the terms that b divides exactly pulled out."""
    k = b.constant
    if k is None or k <= 0:
        return of_factor(Opaque(op, a, b))
    whole = Poly({m: c // k for m, c in a.terms.items() if c % k == 0})
    rest = Poly({m: c for m, c in a.terms.items() if c % k})
    n = rest.constant
    if n is not None:
        return whole + number(n // k) if op == "floordiv" else number(n % k)
    opaque = of_factor(Opaque(op, rest, b))
    return whole + opaque if op == "floordiv" else opaque


def poly_of(a: Atom) -> Poly:
    """The polynomial that an i64 atom stands for."""
    if isinstance(a, Const):
        return number(int(a.value))
    if a.poly is None:
        a.poly = _poly_of_var(a)
    assert isinstance(a.poly, Poly)
    return a.poly


def _poly_of_var(v: Var) -> Poly:
    op = v.stmt.op if v.stmt else None
    if not isinstance(op, Prim) or v.type.kind != "i64" or op.name not in ("add", "sub", "mul", "neg", "floordiv", "mod"):
        return of_factor(v)
    x, *rest = map(poly_of, op.args)
    y = rest[0] if rest else number(0)
    if (weight(x) * weight(y) if op.name == "mul" else weight(x) + weight(y)) > HEAVIEST:
        return of_factor(v)
    match op.name:
        case "add":
            return x + y
        case "sub":
            return x - y
        case "mul":
            return x * y
        case "neg":
            return -x
    return quotient(op.name, x, y)


HEAVIEST = 400
"""Integers that are more than sizes (hashes, random bits) have polynomials without end: beyond this they are opaque."""


def weight(p: Poly) -> int:
    """How many factors and terms stand in a polynomial."""
    return sum(1 + sum(1 if isinstance(f, Var) else weight(f.left) + weight(f.right) for f in m) for m in p.terms)


def substituted(p: Poly, at: Callable[[Var], Poly | None]) -> Poly | None:
    """`p.substitute(at)`, or None if that is too heavy."""

    def most(q: Poly) -> int:
        return sum(math.prod(map(most_of, m)) for m in q.terms)

    def most_of(f: Factor) -> int:
        if not isinstance(f, Var):
            return most(f.left) + most(f.right)
        new = at(f)
        return 1 if new is None else weight(new)

    return p.substitute(at) if most(p) <= HEAVIEST else None


def same_size(a: Atom, b: Atom) -> bool:
    """Provably equal."""
    return a == b or poly_of(a) == poly_of(b)


# ---------------------------------------------------------------- inequalities

_DEPTH = 6


def nonneg(p: Poly, facts: tuple[Poly, ...] = (), depth: int = _DEPTH) -> bool:
    """Is p >= 0 for all values that its variables can take?  `facts` are known to be >= 0."""
    if all(c >= 0 and all(_factor_nonneg(f) for f in m) for m, c in p.terms.items()):
        return True
    if depth == 0 or p.constant is not None:
        return False
    indices = [f for f in p.factors() if isinstance(f, Var) and f.extent is not None]
    for v in sorted(indices, key=lambda f: -f.uid):
        step = _put(p, v, of_factor(v) + number(1)) - p
        if nonneg(step, facts, depth - 1):
            return nonneg(_put(p, v, number(0)), facts, depth - 1)
        if nonneg(-step, facts, depth - 1):
            assert v.extent is not None
            return nonneg(_put(p, v, poly_of(v.extent) - number(1)), facts, depth - 1)
    return any(nonneg(p - f, (), depth - 1) for f in facts if f.factors().keys() & p.factors().keys())


def _put(p: Poly, v: Var, value: Poly) -> Poly:
    """p with v replaced."""
    return p.substitute(lambda w: value if w is v else None)


def _factor_nonneg(f: Factor) -> bool:
    if isinstance(f, Var):
        return f.nonneg or f.extent is not None
    divisor = f.right.constant
    if divisor is None or divisor <= 0:
        return False
    return f.op == "mod" or nonneg(f.left, (), 2)


def in_range(i: Atom, size: Atom, facts: tuple[Poly, ...] = ()) -> bool:
    """Provably 0 <= i < size (for an iteration that runs)."""
    p = poly_of(i)
    return nonneg(p, facts) and nonneg(poly_of(size) - p - number(1), facts)


def positive(size: Atom, facts: tuple[Poly, ...] = ()) -> bool:
    """Provably size >= 1."""
    return nonneg(poly_of(size) - number(1), facts)


# ---------------------------------------------------------------- back to code


def materialise(p: Poly, prim: Callable[..., Atom]) -> Atom:
    """Code that computes a polynomial; `prim(name, *atoms)` emits a primitive."""
    total: Atom | None = None
    for m, c in sorted(p.terms.items(), key=lambda t: (-len(t[0]), -t[1], [_order(f) for f in t[0]])):
        term: Atom | None = None
        for f in m:
            atom = f if isinstance(f, Var) else prim(f.op, materialise(f.left, prim), materialise(f.right, prim))
            term = atom if term is None else prim("mul", term, atom)
        if term is None:
            term, sign = integer(abs(c)), c
        else:
            term, sign = term if abs(c) == 1 else prim("mul", integer(abs(c)), term), c
        if total is None:
            total = term if sign > 0 else integer(c) if not m else prim("neg", term)
        else:
            total = prim("add" if sign > 0 else "sub", total, term)
    return integer(0) if total is None else total
