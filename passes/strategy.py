"""Strategies: values that turn a program into a success with a new program, or a failure.

    s ::= identity | fail | s ; t (seq) | s <+ t (choice) | try_(s) | repeat(s)
        | one(s) | all_(s) | some(s)                       the statements of a block, or of the regions of one
        | topdown(s) | bottomup(s) | innermost(s) | outermost(s) | at(path, s) | where(predicate, s)

(Hagedorn, Lenfers, Koehler, Qin, Gorlatch and Steuwer: Achieving High-Performance the Functional Way,
ICFP 2020.)  A strategy maps a `Function`, a `Block` or a `Stmt`; nothing is mutated.  A `Log` records
what fired where, and holds the fuel: a rule set that goes on for ever is reported with its rules.

Rewriting a statement gives a *list* of statements in its place and a substitution for the variables
that it defined; `replace_stmt` applies that to the rest of the block, so rules need not know about
scopes.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Union

from ..compiler.errors import InternalError, Span
from ..compiler.ir import (
    Atom,
    Block,
    Function,
    If,
    Loop,
    Op,
    Stmt,
    Var,
    clone_stmt,
    regions,
    subst,
    subst_type,
)
from ..compiler.lock import lock

FUEL = 100_000
_RECENT = 64


# ---------------------------------------------------------------- what happened


@dataclass(frozen=True, slots=True)
class Firing:
    """A rule, where it fired, and how often."""

    rule: str
    span: Span | None
    count: int


class Log:
    """What fired where; counts steps and stops a rule set that loops."""

    __slots__ = ("counts", "fuel", "recent", "spans", "stage")

    def __init__(self, fuel: int = FUEL) -> None:
        self.counts: Counter[tuple[str, int]] = Counter()
        self.spans: dict[int, Span] = {}
        self.fuel = fuel
        self.recent: list[str] = []
        self.stage = ""

    def fire(self, rule: str, span: Span | None = None) -> None:
        """Records one firing; raises when the fuel is spent."""
        line = 0
        if span is not None:
            line = span.line
            self.spans.setdefault(line, span)
        self.counts[rule, line] += 1
        self.fuel -= 1
        if self.fuel < _RECENT:
            self.recent.append(rule)
            if self.fuel < 0:
                raise endless(self.recent)

    def firings(self) -> list[Firing]:
        """All firings, in order of their first occurrence."""
        return [Firing(rule, self.spans.get(line), n) for (rule, line), n in self.counts.items()]

    def total(self, rule: str) -> int:
        return sum(n for (r, _), n in self.counts.items() if r == rule)


def endless(rules: Sequence[str]) -> InternalError:
    """Names the rules of a rewriting that goes round."""
    cycle = ", ".join(dict.fromkeys(rules[-_RECENT:]))
    return InternalError("DV0999", f"rewriting does not end; the rules that go round are: {cycle}")


# ---------------------------------------------------------------- strategies


Term = Union[Function, Block, Stmt, "Rewritten"]


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What stands in place of a statement: statements, and atoms for the variables that it defined."""

    stmts: tuple[Stmt, ...]
    env: dict[Var, Atom] = field(default_factory=dict)


Apply = Callable[[Term, Log], Term | None]


@dataclass(frozen=True)
class Strategy:
    """A named strategy; None from `apply` is failure."""

    name: str
    doc: str
    apply: Apply

    def __call__(self, term: Term, log: Log | None = None) -> Term | None:
        return self.apply(term, Log() if log is None else log)

    def __rshift__(self, other: Strategy) -> Strategy:
        return seq(self, other)

    def __or__(self, other: Strategy) -> Strategy:
        return choice(self, other)

    def run(self, f: Function, log: Log | None = None) -> Function:
        """The function after the strategy, unchanged where it fails."""
        out = self(f, log)
        return out if isinstance(out, Function) else f


identity = Strategy("identity", "succeeds and changes nothing", lambda t, log: t)
fail = Strategy("fail", "always fails", lambda t, log: None)


def seq(*parts: Strategy) -> Strategy:
    """One after the other; fails if one fails."""

    def apply(t: Term, log: Log) -> Term | None:
        current: Term | None = t
        for s in parts:
            if current is None:
                return None
            current = _then(s, current, log)
        return current

    return Strategy(" ; ".join(s.name for s in parts), "one after the other", apply)


def _then(s: Strategy, t: Term, log: Log) -> Term | None:
    """After a statement was rewritten, later strategies of a sequence see its last statement.

    The substitutions are composed, so that they are of the variables of the first statement.
    """
    if isinstance(t, Function | Block):
        return s.apply(t, log)
    stmts, env = (t.stmts, t.env) if isinstance(t, Rewritten) else ((t,), {})
    if not stmts:  # there is nothing left for rules; what succeeds everywhere does so here
        return None if s.apply(Block((), ()), log) is None else t
    *before, last = stmts
    new = s.apply(last, log)
    if new is None or new is last:
        return None if new is None else t
    if isinstance(new, Stmt):
        new = Rewritten((new,), {v: w for v, w in zip(last.vars, new.vars, strict=True) if v is not w})
    assert isinstance(new, Rewritten)
    step = new.env
    return Rewritten((*before, *new.stmts), step | {v: subst(a, step) for v, a in env.items()})


def choice(first: Strategy, second: Strategy) -> Strategy:
    """`first`, or where that fails `second`."""

    def apply(t: Term, log: Log) -> Term | None:
        out = first.apply(t, log)
        return second.apply(t, log) if out is None else out

    return Strategy(f"({first.name} <+ {second.name})", "the first that succeeds", apply)


def try_(s: Strategy) -> Strategy:
    """`s`, or nothing where it fails."""
    return replace(choice(s, identity), name=f"try({s.name})")


def repeat(s: Strategy) -> Strategy:
    """`s` as often as it succeeds (fuel bounds it)."""

    def apply(t: Term, log: Log) -> Term | None:
        while True:
            new = _then(s, t, log)
            if new is None or new is t:
                return t
            t = new
            log.fire(f"repeat({s.name})")

    return Strategy(f"repeat({s.name})", "as often as it succeeds", apply)


def where(predicate: Callable[[Term], bool], s: Strategy, name: str = "…") -> Strategy:
    """`s` where the predicate holds, failure elsewhere."""
    return Strategy(f"where({name}, {s.name})", "under a condition",
                    lambda t, log: s.apply(t, log) if predicate(t) else None)


def lift(name: str, f: Callable[[Function], Function], doc: str = "") -> Strategy:
    """A pass over whole functions as a strategy that always succeeds there."""
    return Strategy(name, doc or (f.__doc__ or "").strip(), lambda t, log: f(t) if isinstance(t, Function) else None)


def rule(name: str, f: Callable[[Stmt], Stmt | Rewritten | None], doc: str = "") -> Strategy:
    """A rule on statements; its firings are logged."""

    def apply(t: Term, log: Log) -> Term | None:
        if not isinstance(t, Stmt):
            return None
        out = f(t)
        if out is not None:
            log.fire(name, t.prov.span)
        return out

    return Strategy(name, doc or (f.__doc__ or "").strip(), apply)


# ---------------------------------------------------------------- children


def all_(s: Strategy) -> Strategy:
    """`s` at every child; fails if it fails at one."""
    return Strategy(f"all({s.name})", "every child", lambda t, log: _children(t, s, log, "all"))


def some(s: Strategy) -> Strategy:
    """`s` at every child where it succeeds; fails if there is none."""
    return Strategy(f"some({s.name})", "the children where it succeeds", lambda t, log: _children(t, s, log, "some"))


def one(s: Strategy) -> Strategy:
    """`s` at the first child where it succeeds."""
    return Strategy(f"one({s.name})", "the first child where it succeeds", lambda t, log: _children(t, s, log, "one"))


def _children(t: Term, s: Strategy, log: Log, how: str) -> Term | None:
    """The children of a function are its body's, those of a block its statements, those of a statement
    the statements of its regions."""
    if isinstance(t, Function):
        body = _children(t.body, s, log, how)
        return None if body is None else t.with_body(_block(body))
    if isinstance(t, Block):
        return _block_children(t, s, log, how)
    assert isinstance(t, Stmt)
    inner = regions(t.op)
    if not inner:
        return t if how == "all" else None
    blocks: list[Block] = []
    hit = False
    for k, b in enumerate(inner):
        new = None if hit and how == "one" else _block_children(b, s, log, how)
        if new is None and how == "all":
            return None
        hit = hit or new is not None
        blocks.append(b if new is None else new)
    return with_regions(t, blocks) if hit else None


def _block(t: Term) -> Block:
    assert isinstance(t, Block)
    return t


def _block_children(b: Block, s: Strategy, log: Log, how: str) -> Block | None:
    env: dict[Var, Atom] = {}
    stmts: list[Stmt] = []
    hit = False
    for stmt in b.stmts:
        now = clone_stmt(stmt, env) if env else stmt
        new = None if hit and how == "one" else s.apply(now, log)
        if new is None:
            if how == "all":
                return None
            stmts.append(now)
            continue
        hit = True
        if isinstance(new, Stmt):
            env.update({v: w for v, w in zip(now.vars, new.vars, strict=True) if v is not w})
            env.update({v: w for v, w in zip(stmt.vars, new.vars, strict=True) if v is not w})
            stmts.append(new)
        else:
            assert isinstance(new, Rewritten)
            stmts.extend(new.stmts)
            env.update(new.env)
            env.update({v: new.env.get(w, w) for v, w in zip(stmt.vars, now.vars, strict=True)})
    if not hit and how != "all":
        return None
    return Block(tuple(stmts), tuple(subst(a, env) for a in b.results))


def with_regions(s: Stmt, blocks: Sequence[Block]) -> Stmt:
    """The statement with other regions; it defines new variables of the same types.

    The variables that the operation binds stay the same, as the regions mention them.
    """
    op: Op
    if isinstance(s.op, Loop):
        op = replace(s.op, head=blocks[0] if len(blocks) == 2 else None, body=blocks[-1])
    else:
        assert isinstance(s.op, If)
        op = If(s.op.cond, *blocks)
    env: dict[Var, Atom] = {}
    vars = []
    for v in s.vars:
        w = Var(v.name, subst_type(v.type, env), nonneg=v.nonneg)
        env[v] = w
        vars.append(w)
    return Stmt(tuple(vars), op, s.prov)


# ---------------------------------------------------------------- traversals


def topdown(s: Strategy) -> Strategy:
    """The first statement, from the outside, where `s` succeeds."""
    go = Strategy(f"topdown({s.name})", "the first from the outside",
                  lambda t, log: choice(_at_stmt(s), one(go)).apply(t, log))
    return go


def bottomup(s: Strategy) -> Strategy:
    """The first statement, from the inside, where `s` succeeds."""
    go = Strategy(f"bottomup({s.name})", "the first from the inside",
                  lambda t, log: choice(one(go), _at_stmt(s)).apply(t, log))
    return go


def everywhere(s: Strategy) -> Strategy:
    """`s` at each statement once, from the inside, where it succeeds."""
    go = Strategy(f"everywhere({s.name})", "each statement once",
                  lambda t, log: seq(try_(some(go)), try_(_at_stmt(s))).apply(t, log))
    return go


def innermost(s: Strategy) -> Strategy:
    """`s` from the inside as long as it succeeds anywhere."""
    return replace(repeat(bottomup(s)), name=f"innermost({s.name})")


def outermost(s: Strategy) -> Strategy:
    """`s` from the outside as long as it succeeds anywhere."""
    return replace(repeat(topdown(s)), name=f"outermost({s.name})")


def at(path: Sequence[int], s: Strategy) -> Strategy:
    """`s` at one statement: (2, 0) is the first statement of the regions of the third."""

    def apply(t: Term, log: Log) -> Term | None:
        if not path:
            return s.apply(t, log)
        position = iter(range(1 << 30))

        def here(u: Term, inner: Log) -> Term | None:
            return at(path[1:], s).apply(u, inner) if next(position) == path[0] else None

        return one(Strategy("here", "", here)).apply(t, log)

    return Strategy(f"at({tuple(path)}, {s.name})", "at one place", apply)


def _at_stmt(s: Strategy) -> Strategy:
    return replace(s, apply=lambda t, log: s.apply(t, log) if isinstance(t, Stmt) else None)


@contextmanager
def no_collection() -> Iterator[None]:
    """Without Python's collector: it is of no use while millions of small values are made
    that all stay, and takes most of the time there."""
    with lock:  # the collector belongs to all threads
        was_on = gc.isenabled()
        gc.disable()
        try:
            yield
        finally:
            if was_on:
                gc.enable()


@contextmanager
def stage(log: Log, name: str) -> Iterator[None]:
    """Names the pass that is running, for messages."""
    before, log.stage = log.stage, name
    try:
        yield
    finally:
        log.stage = before
