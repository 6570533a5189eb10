"""Rewriting rules of scalars: values that are read from `rules/*.dv`, matched by head and definitions.

    rule exp_log(x): exp(log(x)) => x when x >= 0

    p    ::= PVar name | PConst value | POp primitive(p, …)
    rule ::= Rule name vars lhs rhs when           lhs is a POp

A variable that stands twice must match the same atom; operands of commutative primitives match in
either order; a condition must be provable, from signs or from the conditions around the place.
Rules that users write in programs become the same values (in `runtime`).  The small reader below
knows scalar expressions only, so that the rules which come with the compiler need no grammar.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ..compiler.errors import InternalError
from ..compiler.ir import FLOATS, Atom, Const, Prim, Var
from ..compiler.primitives import PRIMITIVES
from .strategy import endless

if TYPE_CHECKING:
    from .normalise import Normaliser


@dataclass(frozen=True, slots=True)
class PVar:
    name: str


@dataclass(frozen=True, slots=True)
class PConst:
    value: float


@dataclass(frozen=True, slots=True)
class POp:
    name: str
    args: tuple[Pattern, ...]


Pattern = PVar | PConst | POp
COMMUTE = frozenset(["add", "mul", "eq", "ne", "and", "or"])


@dataclass(frozen=True, slots=True)
class Rule:
    """`lhs => rhs when cond`, over float operands."""

    name: str
    vars: tuple[str, ...]
    lhs: POp
    rhs: Pattern
    when: Pattern | None = None

    def __str__(self) -> str:
        cond = f" when {show(self.when)}" if self.when is not None else ""
        return f"rule {self.name}({', '.join(self.vars)}): {show(self.lhs)} => {show(self.rhs)}{cond}"


@dataclass(frozen=True)
class RuleSet:
    """Named rules, composed by `+`."""

    name: str = "none"
    rules: tuple[Rule, ...] = ()
    heads: Mapping[str, tuple[Rule, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        heads: dict[str, tuple[Rule, ...]] = {}
        for r in self.rules:
            heads[r.lhs.name] = (*heads.get(r.lhs.name, ()), r)
        object.__setattr__(self, "heads", heads)

    def __add__(self, other: RuleSet) -> RuleSet:
        return RuleSet(f"{self.name} + {other.name}", self.rules + other.rules)

    def apply(self, nz: Normaliser, name: str, args: tuple[Atom, ...]) -> Atom | None:
        """What the first rule that matches makes of the primitive."""
        for r in self.heads[name]:
            for env in match_all(r.lhs.args, args, {}, name in COMMUTE):
                if r.when is not None and not holds(nz, r.when, env):
                    continue
                nz.fire(r.name)
                nz.firing.append(r.name)
                if len(nz.firing) > _NESTED:
                    raise endless(nz.firing)
                out = build(nz, r.rhs, env, args[-1].type.kind)
                nz.firing.pop()
                return out
        return None


NO_RULES = RuleSet()
_NESTED = 50  # one rewriting inside another
Env = dict[str, Atom]


# ---------------------------------------------------------------- matching


def match_all(patterns: tuple[Pattern, ...], args: tuple[Atom, ...], env: Env, commute: bool) -> Iterator[Env]:
    """All ways to match the patterns with these operands."""
    yield from _match_list(patterns, args, env)
    if commute and args[0] is not args[1]:
        yield from _match_list(patterns, (args[1], args[0]), env)


def _match_list(patterns: tuple[Pattern, ...], args: tuple[Atom, ...], env: Env) -> Iterator[Env]:
    if not patterns:
        yield env
        return
    for bound in match(patterns[0], args[0], env):
        yield from _match_list(patterns[1:], args[1:], bound)


def match(p: Pattern, a: Atom, env: Env) -> Iterator[Env]:
    """All ways to match one pattern with an atom."""
    if type(p) is PVar:
        known = env.get(p.name)
        if known is None:
            yield {**env, p.name: a}
        elif known is a or known == a:
            yield env
    elif type(p) is PConst:
        if type(a) is Const and a.value == p.value and a.kind != "bool":
            yield env
    else:
        assert type(p) is POp
        op = a.stmt.op if type(a) is Var and a.stmt is not None else None
        if type(op) is Prim and op.name == p.name:
            yield from match_all(p.args, op.args, env, p.name in COMMUTE)


def build(nz: Normaliser, p: Pattern, env: Env, kind: str) -> Atom:
    """The atom that a pattern stands for; constants take the kind of the rewritten expression."""
    if type(p) is PVar:
        return env[p.name]
    if type(p) is PConst:
        return Const(p.value, kind)
    assert type(p) is POp
    return nz.prim(p.name, *(build(nz, q, env, kind) for q in p.args))


# ---------------------------------------------------------------- conditions


def holds(nz: Normaliser, cond: Pattern, env: Env) -> bool:
    """Provable where the rewriting happens (for a NaN a condition need not hold: both sides are NaN)."""
    assert type(cond) is POp
    if cond.name == "and":
        return all(holds(nz, c, env) for c in cond.args)
    left, right = cond.args
    if type(left) is not PVar:
        return False
    a = env[left.name]
    if a.type.kind not in FLOATS or type(right) is not PConst:
        return False
    known = nz.table.get((cond.name, (a, Const(right.value, a.type.kind))))
    if known and nz.know.known.get(known[0]):
        return True
    s = sign(nz, a)
    match cond.name, right.value:
        case "gt" | "ne", 0:
            return s == 2
        case "ge", 0:
            return s >= 1
    return False


def sign(nz: Normaliser, a: Atom, depth: int = 6) -> int:
    """2: positive, 1: not negative, 0: unknown (or NaN)."""
    if type(a) is Const:
        return 2 if a.value > 0 else 1 if a.value == 0 else 0
    if type(a) is not Var or a.stmt is None or depth == 0:
        return 0
    if a.type.kind == "i64":
        return 1 if a.nonneg else 0
    op = a.stmt.op
    if type(op) is not Prim:
        return 0
    name, args = op.name, op.args
    if name in ("exp", "exp2", "sqrt", "abs", "sigmoid", "softplus", "relu", "erfc", "hypot"):
        return 1
    if name == "cosh":
        return 2
    if name == "mul" and args[0] is args[1]:
        return 1
    if name in ("f64", "f32"):
        return sign(nz, args[0], depth - 1)
    if name in ("add", "mul", "div", "max", "min", "select"):
        x, y = (sign(nz, b, depth - 1) for b in args[-2:])
        if name == "add":
            return max(x, y) if x and y else 0
        if name == "max":
            return max(x, y)
        return 1 if name in ("mul", "div") and x and y else min(x, y)
    return 0


# ---------------------------------------------------------------- reading and printing

_INFIX = {
    "or": (1, "or"), "and": (2, "and"), "==": (4, "eq"), "!=": (4, "ne"), "<": (4, "lt"), "<=": (4, "le"),
    ">": (4, "gt"), ">=": (4, "ge"), "+": (5, "add"), "-": (5, "sub"), "*": (6, "mul"), "/": (6, "div"),
}
_TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d+)?(?:e-?\d+)?)|([^\W\d]\w*)|(=>|[<>=!]=|[-+*/<>(),:]))")
_SYMBOL = {name: (level, op) for op, (level, name) in _INFIX.items()}


class _Reader:
    def __init__(self, text: str) -> None:
        self.tokens: list[str] = []
        pos = 0
        text = text.rstrip()
        while pos < len(text):
            m = _TOKEN.match(text, pos)
            if m is None:
                raise InternalError("DV0999", f"a rule can't be read: {text[pos:]!r}")
            self.tokens.append(m.group().strip())
            pos = m.end()
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def next(self, expected: str | None = None) -> str:
        t = self.peek()
        if not t or (expected is not None and t != expected):
            raise InternalError("DV0999", f"a rule can't be read: {expected or 'more'} expected, found {t!r}")
        self.at += 1
        return t

    def rule(self) -> Rule:
        self.next("rule")
        name = self.next()
        self.next("(")
        vars = [self.next()]
        while self.peek() == ",":
            self.next()
            vars.append(self.next())
        self.next(")")
        self.next(":")
        lhs = self.expr(0)
        self.next("=>")
        rhs = self.expr(0)
        when = None
        if self.peek() == "when":
            self.next()
            when = self.expr(0)
        return make_rule(name, tuple(vars), lhs, rhs, when)

    def expr(self, level: int) -> Pattern:
        left = self.prefix()
        while self.peek() in _INFIX and _INFIX[self.peek()][0] > level:
            inner, name = _INFIX[self.next()]
            left = POp(name, (left, self.expr(inner)))
        return left

    def prefix(self) -> Pattern:
        t = self.next()
        if t == "-":
            return negated(self.expr(6))
        if t == "not":
            return POp("not", (self.expr(3),))
        if t == "(":
            inner = self.expr(0)
            self.next(")")
            return inner
        if t[0].isdigit():
            return PConst(float(t))
        if self.peek() != "(":
            return PVar(t)
        self.next()
        args = [self.expr(0)]
        while self.peek() == ",":
            self.next()
            args.append(self.expr(0))
        self.next(")")
        return POp(t, tuple(args))


def negated(p: Pattern) -> Pattern:
    return PConst(-p.value) if type(p) is PConst else POp("neg", (p,))


def make_rule(name: str, vars: tuple[str, ...], lhs: Pattern, rhs: Pattern, when: Pattern | None) -> Rule:
    """A rule, checked for what can be checked without numbers."""
    if type(lhs) is not POp:
        raise InternalError("DV0999", f"the left side of the rule {name} is not an operation")
    for p in (lhs, rhs, *(() if when is None else (when,))):
        for q in walk(p):
            if type(q) is POp and (q.name not in PRIMITIVES or PRIMITIVES[q.name].arity != len(q.args)):
                raise InternalError("DV0999", f"the rule {name} uses {q.name} with {len(q.args)} operands")
            if type(q) is PVar and q.name not in vars:
                raise InternalError("DV0999", f"the rule {name} uses {q.name}, which is none of its variables")
    bound = {q.name for q in walk(lhs) if type(q) is PVar}
    if bound != set(vars):
        raise InternalError("DV0999", f"the left side of the rule {name} must hold all of its variables")
    return Rule(name, vars, lhs, rhs, when)


def walk(p: Pattern) -> Iterator[Pattern]:
    yield p
    if type(p) is POp:
        for q in p.args:
            yield from walk(q)


def show(p: Pattern | None, level: int = 0) -> str:
    """The pattern as text of the language."""
    if type(p) is PVar:
        return p.name
    if type(p) is PConst:
        return repr(p.value) if p.value != int(p.value) else str(int(p.value))
    assert type(p) is POp
    if p.name in _SYMBOL:
        mine, op = _SYMBOL[p.name]
        text = f"{show(p.args[0], mine - 1)} {op} {show(p.args[1], mine)}"
        return f"({text})" if mine <= level else text
    if p.name == "neg":
        text = f"-{show(p.args[0], 6)}"
        return f"({text})" if level >= 6 else text
    return f"{p.name}({', '.join(map(show, p.args))})"


def read_rules(name: str, text: str) -> RuleSet:
    """Rules from text, one a line."""
    lines = (line.split("#")[0].strip() for line in text.splitlines())
    return RuleSet(name, tuple(_Reader(line).rule() for line in lines if line))


@cache
def shipped(name: str) -> RuleSet:
    """A rule set that comes with the compiler: `exact` or `finite`."""
    return read_rules(name, (Path(__file__).parent / "rules" / f"{name}.dv").read_text())
