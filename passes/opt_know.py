"""What holds at a place: facts from conditions and checks, equations of sizes, and proofs from them.

Immutable, so that a scope keeps what held when it was opened.  A fact about one variable (`k - 1 >= 0`)
becomes a *shadow*: in proofs k is read as k' + 1 with k' >= 0; other facts are used by `sizes.nonneg`.
"""

from __future__ import annotations

from ..compiler.ir import Atom, Const, Prim, Scalar, Var
from ..compiler.sizes import Poly, nonneg, number, of_factor, poly_of

_SIZE_LIMIT = 1 << 40
_FACTS = 24
_COMPARE = frozenset(["lt", "le", "gt", "ge", "eq", "ne"])
_OPPOSITE = {"lt": "ge", "ge": "lt", "gt": "le", "le": "gt", "eq": "ne", "ne": "eq"}


class Knowledge:
    """`known` conditions, `facts` that are >= 0, equations (`equal`) and `shadow`s of variables."""

    __slots__ = ("_hidden", "_memo", "_polys", "equal", "facts", "known", "shadow")

    def __init__(
        self, facts: tuple[Poly, ...] = (), equal: dict[Var, Poly] | None = None, shadow: dict[Var, Poly] | None = None,
        known: dict[Var, bool] | None = None,
    ) -> None:
        self.facts = facts
        self.equal = {} if equal is None else equal
        self.shadow = {} if shadow is None else shadow
        self.known = {} if known is None else known
        self._memo: dict[Poly, bool] = {}
        self._polys: dict[Atom, Poly] = {}
        self._hidden: tuple[Poly, ...] | None = None

    # ------------------------------------------------ learning

    def assume(self, cond: Atom, truth: bool) -> Knowledge:
        """What holds where the condition does (or does not)."""
        if not isinstance(cond, Var):
            return self
        known = dict(self.known)
        new = Knowledge(self.facts, self.equal, self.shadow, known)
        todo = [(cond, truth)]
        while todo:
            c, t = todo.pop()
            known[c] = t
            op = c.stmt.op if c.stmt is not None else None
            if isinstance(op, Prim):
                if op.name == "not" and isinstance(op.args[0], Var):
                    todo.append((op.args[0], not t))
                elif op.name == ("and" if t else "or"):
                    todo += [(a, t) for a in op.args if isinstance(a, Var)]
        for f in facts_of(cond, truth):
            new = new.learn(f)
        return new

    def learn(self, fact: Poly) -> Knowledge:
        """`fact` >= 0 holds."""
        p = fact.substitute(self.shadow.get) if self.shadow else fact
        shadow = self.shadow
        single = [m for m in p.terms if m]
        if len(single) == 1 and len(single[0]) == 1 and p.terms[single[0]] == 1:
            v, c = single[0][0], p.terms.get((), 0)
            if isinstance(v, Var) and v.extent is None and not (v.nonneg and c >= 0):
                new = of_factor(Var(v.name, Scalar("i64"), nonneg=True)) - number(c)
                shadow = {w: q.substitute({v: new}.get) for w, q in shadow.items()}
                shadow.setdefault(v, new)
        facts = (*self.facts, fact) if len(self.facts) < _FACTS and fact not in self.facts else self.facts
        return Knowledge(facts, self.equal, shadow, self.known)

    def equate(self, v: Var, p: Poly) -> Knowledge:
        """The variable equals the polynomial."""
        equal = {w: q.substitute({v: p}.get) for w, q in self.equal.items()}
        equal[v] = p.substitute(self.equal.get)
        return Knowledge(self.facts, equal, self.shadow, self.known)

    # ------------------------------------------------ asking

    def poly(self, a: Atom) -> Poly:
        """The polynomial of a size, equations used."""
        if not self.equal:
            return poly_of(a)
        p = self._polys.get(a)
        if p is None:
            p = self._polys[a] = poly_of(a).substitute(self.equal.get)
        return p

    def prove(self, p: Poly) -> bool:
        """Is p >= 0?  (False: not known.)"""
        out = self._memo.get(p)
        if out is None:
            out = nonneg(p, self.facts) or self._by_a_fact(p)
            if not out and self.shadow:
                if self._hidden is None:
                    self._hidden = tuple(f.substitute(self.shadow.get) for f in self.facts if len(f.factors()) > 1)
                out = nonneg(p.substitute(self.shadow.get), self._hidden)
            self._memo[p] = out
        return out

    def _by_a_fact(self, p: Poly) -> bool:
        """A guard on an index (`i > 0`) counts for more than the index's own range."""
        mine = p.factors().keys()
        return any(nonneg(p - f) for f in self.facts if f.factors().keys() & mine)

    def in_range(self, i: Atom, n: Atom) -> bool:
        """Provably 0 <= i < n."""
        if type(i) is Var and i.extent is not None and i.extent == n:
            return True
        p, q = self.poly(i), self.poly(n)
        return self.prove(p) and self.prove(q - p - _ONE)

    def sized(self, p: Poly) -> bool:
        """Only sizes and indices with small coefficients, so that no wrap-around is near."""
        if self.shadow:
            p = p.substitute(self.shadow.get)
        return all(
            abs(c) < _SIZE_LIMIT and all(isinstance(f, Var) and (f.nonneg or f.extent is not None) for f in m)
            for m, c in p.terms.items()
        )

    def decide(self, name: str, a: Poly, b: Poly) -> bool | None:
        """A comparison of integers, if it is provable."""
        d = b - a
        k = d.constant
        if k is not None and (a.constant is not None or self.sized(a)):
            return {"lt": k > 0, "le": k >= 0, "gt": k < 0, "ge": k <= 0, "eq": k == 0, "ne": k != 0}[name]
        if not (self.sized(a) and self.sized(b)):
            return None
        if name in ("gt", "ge"):
            name, d = {"gt": "lt", "ge": "le"}[name], -d
        if name == "lt":
            return True if self.prove(d - _ONE) else False if self.prove(-d) else None
        if name == "le":
            return True if self.prove(d) else False if self.prove(-d - _ONE) else None
        apart = self.prove(d - _ONE) or self.prove(-d - _ONE)
        return (name == "ne") if apart else None


_ONE = number(1)


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
            return [b - a - _ONE]
        case "le":
            return [b - a]
        case "gt":
            return [a - b - _ONE]
        case "ge":
            return [a - b]
        case "eq":
            return [a - b, b - a]
    return []


def equation(cond: Atom) -> tuple[Var, Poly] | None:
    """A variable and what it equals where `cond` holds: an equation of sizes solved for the variable
    that was made last."""
    if not isinstance(cond, Var) or cond.stmt is None or not isinstance(cond.stmt.op, Prim):
        return None
    op = cond.stmt.op
    if op.name != "eq" or op.args[0].type.kind != "i64" or all(isinstance(a, Const) for a in op.args):
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
