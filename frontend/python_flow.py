"""What a sequence of Python statements assigns, reads, and how it is left.

Liveness is the usual backward analysis; loops are run to a fixed point.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

Names = frozenset[str]
NONE: Names = frozenset()
Function = ast.FunctionDef | ast.Lambda


# ---------------------------------------------------------------- names


def targets(t: ast.expr) -> Iterator[str]:
    """The names that an assignment to `t` gives a new value."""
    match t:
        case ast.Name(id=name):
            yield name
        case ast.Tuple(elts=elts) | ast.List(elts=elts):
            for e in elts:
                yield from targets(e)
        case ast.Subscript(value=value) | ast.Attribute(value=value) | ast.Starred(value=value):
            yield from targets(value)


def pattern_names(p: ast.pattern) -> Iterator[str]:
    for node in ast.walk(p):
        name = getattr(node, "name", None) if isinstance(node, ast.MatchAs | ast.MatchStar) else None
        if name is not None:
            yield name


def assigned(stmts: Iterable[ast.stmt]) -> list[str]:
    """The names that statements assign, nested ones included, in order of appearance."""
    found: dict[str, None] = {}

    def see(names: Iterable[str]) -> None:
        found.update(dict.fromkeys(names))

    for s in stmts:
        match s:
            case ast.Assign(targets=ts):
                for t in ts:
                    see(targets(t))
            case ast.AugAssign(target=t) | ast.AnnAssign(target=t):
                see(targets(t))
            case ast.For(target=t, body=body):
                see(targets(t))
                see(assigned(body))
            case ast.While(body=body):
                see(assigned(body))
            case ast.If(body=body, orelse=orelse):
                see(assigned(body))
                see(assigned(orelse))
            case ast.Match(cases=cases):
                for c in cases:
                    see(pattern_names(c.pattern))
                    see(assigned(c.body))
            case ast.FunctionDef(name=name):
                see((name,))
    return list(found)


def bound(stmts: Iterable[ast.stmt]) -> set[str]:
    """The names that belong to a function: it gives them a value, and not only one of their elements."""
    found: set[str] = set()

    def go(node: ast.AST) -> None:
        match node:
            case ast.Name(id=name, ctx=ast.Store()):
                found.add(name)
            case ast.FunctionDef(name=name):
                found.add(name)
                return
            case ast.Lambda() | ast.ListComp() | ast.GeneratorExp():
                return
            case ast.pattern():
                found.update(pattern_names(node))
        for child in ast.iter_child_nodes(node):
            go(child)

    for s in stmts:
        go(s)
    return found


def reads(*nodes: ast.AST | None) -> Names:
    """The names that expressions read, those bound inside (comprehensions, lambdas) left out."""
    found: set[str] = set()

    def go(node: ast.AST, bound: Names) -> None:
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                if name not in bound:
                    found.add(name)
                return
            case ast.ListComp() | ast.GeneratorExp() | ast.SetComp() | ast.DictComp():
                inner = bound
                for g in node.generators:
                    go(g.iter, inner)
                    inner = inner | frozenset(targets(g.target))
                    for test in g.ifs:
                        go(test, inner)
                for part in ("elt", "key", "value"):
                    if hasattr(node, part):
                        go(getattr(node, part), inner)
                return
            case ast.Lambda() | ast.FunctionDef():
                found.update(free(node) - bound)
                return
        for child in ast.iter_child_nodes(node):
            go(child, bound)

    for n in nodes:
        if n is not None:
            go(n, NONE)
    return frozenset(found)


def parameters(f: Function) -> list[ast.arg]:
    return [*f.args.posonlyargs, *f.args.args, *f.args.kwonlyargs]


def defaults_of(f: Function) -> dict[str, ast.expr]:
    positional = [*f.args.posonlyargs, *f.args.args]
    found = {a.arg: d for a, d in zip(reversed(positional), reversed(f.args.defaults), strict=False)}
    return found | {a.arg: d for a, d in zip(f.args.kwonlyargs, f.args.kw_defaults, strict=True) if d is not None}


def called_parameters(f: Function) -> Names:
    """The parameters that a function calls."""
    own = {a.arg for a in parameters(f)}
    return frozenset(n.func.id for n in ast.walk(f) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)) & own


def free(f: Function) -> Names:
    """The names that a nested function takes from around it."""
    own = {a.arg for a in parameters(f)}
    outside = reads(*f.args.defaults, *f.args.kw_defaults)
    if isinstance(f, ast.Lambda):
        return outside | (reads(f.body) - own)
    inside: set[str] = set()
    own |= set(assigned(f.body))
    for s in f.body:
        inside |= _statement_reads(s)
    return outside | frozenset(inside - own)


def _statement_reads(s: ast.stmt) -> Names:
    """All names read anywhere in a statement."""
    if isinstance(s, ast.FunctionDef):
        return free(s)
    found: set[str] = set()
    for child in ast.iter_child_nodes(s):
        if isinstance(child, ast.stmt):
            found |= _statement_reads(child)
        elif isinstance(child, ast.match_case):
            found |= reads(child.pattern, child.guard)
            for inner in child.body:
                found |= _statement_reads(inner)
        elif isinstance(child, ast.expr):
            found |= reads(child)
    if isinstance(s, ast.AugAssign):
        found |= frozenset(targets(s.target))
    for t in getattr(s, "targets", ()):
        if isinstance(t, ast.Subscript):
            found |= frozenset(targets(t))
    return frozenset(found)


class Defaulted(ast.FunctionDef):
    """A local function whose defaults are variables in front of it, as Python asks for them when it comes to the `def`."""


def hoisted(stmts: Sequence[ast.stmt]) -> list[ast.stmt]:
    """The statements with variables for the defaults of local functions."""
    out: list[ast.stmt] = []
    for s in stmts:
        match s:
            case ast.If() | ast.For() | ast.While():
                new = copy.copy(s)
                new.body, new.orelse = hoisted(s.body), hoisted(s.orelse)
                out.append(new)
            case ast.Match():
                both = copy.copy(s)
                both.cases = [ast.match_case(c.pattern, c.guard, hoisted(c.body)) for c in s.cases]
                out.append(both)
            case ast.FunctionDef(name=name, args=args, body=body) if defaults_of(s):
                out += _defaulted(s, name, args, body, s.decorator_list, s.returns)
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Lambda() as f) if defaults_of(f):
                out += _defaulted(f, name, f.args, [ast.copy_location(ast.Return(f.body), f.body)], [], None)
            case _:
                out.append(s)
    return out


def _defaulted(f: Function, name: str, args: ast.arguments, body: list[ast.stmt], decorators: list[ast.expr],
               returns: ast.expr | None) -> Iterator[ast.stmt]:
    given = {a: d for a, d in defaults_of(f).items() if reads(d)}
    for a, d in given.items():
        yield ast.copy_location(ast.Assign([ast.copy_location(ast.Name(f"{a} of {name}", ast.Store()), d)], d), d)

    def variable(a: ast.arg, d: ast.expr) -> ast.expr:
        return ast.copy_location(ast.Name(f"{a.arg} of {name}", ast.Load()), d) if a.arg in given else d

    positional = [*args.posonlyargs, *args.args]
    new = copy.copy(args)
    new.defaults = [variable(a, d) for a, d in zip(positional[len(positional) - len(args.defaults):], args.defaults, strict=True)]
    new.kw_defaults = [None if d is None else variable(a, d) for a, d in zip(args.kwonlyargs, args.kw_defaults, strict=True)]
    yield ast.copy_location(Defaulted(name, new, body, decorators, returns), f)


Moved = dict[ast.stmt, Names]


def late(stmts: Sequence[ast.stmt], before: Names) -> tuple[list[ast.stmt], Moved]:
    """The statements with functions behind what they use of them: a closure looks its names up when it is called.

    Also the names for which each was moved; they are assigned once, and not `before`.  Functions that call each other
    are left where they are.
    """
    out, moved = list[ast.stmt](), Moved()
    sure = before
    for s in stmts:
        new = copy.copy(s)
        for part in ("body", "orelse") if isinstance(s, ast.If | ast.For | ast.While) else ():
            body, more = late(getattr(s, part), sure)
            setattr(new, part, body)
            moved |= more
        out.append(new if isinstance(s, ast.If | ast.For | ast.While) else s)
        sure |= frozenset(assigned([s]))
    once: dict[str, ast.stmt | None] = dict.fromkeys(before)
    for s in out:
        once |= {n: None if n in once else s for n in assigned([s])}
    own = {n: f for n, s in once.items() if s is not None and (f := local_function(s)) is not None}
    for _ in own:
        for name, f in own.items():
            here = once[name]
            assert here is not None
            k = out.index(here)
            behind = {n: out.index(d) for n in free(f) if (d := once.get(n)) in out[k + 1:] and d is not None
                      and isinstance(d, ast.FunctionDef | ast.Assign)}
            if behind:
                out.insert(max(behind.values()), out.pop(k))
                moved[here] = moved.get(here, NONE) | set(behind)
    return out, moved


def recursive(stmts: Sequence[ast.stmt]) -> ast.stmt | None:
    """A function among the statements that calls itself, perhaps by way of others."""
    found = {n: (s, f) for s in stmts if (f := local_function(s)) is not None for n in assigned([s])}
    for name, (s, f) in found.items():
        seen, todo = set[str](), [*free(f)]
        while todo:
            n = todo.pop()
            if n == name:
                return s
            if n in found and n not in seen:
                seen.add(n)
                todo += free(found[n][1])
    return None


def local_function(s: ast.stmt) -> Function | None:
    """The function that a statement defines."""
    match s:
        case ast.FunctionDef():
            return s
        case ast.Assign(targets=[ast.Name()], value=ast.Lambda() as f):
            return f
    return None


# ---------------------------------------------------------------- how statements are left


@dataclass(frozen=True, slots=True)
class Exits:
    """Can control fall off the end, and does it leave in another way somewhere?"""

    falls: bool
    leaves: bool


def exits(stmts: Sequence[ast.stmt]) -> Exits:
    leaves = False
    for s in stmts:
        match s:
            case ast.Return() | ast.Break() | ast.Continue():
                return Exits(False, True)
            case ast.If(body=body, orelse=orelse):
                a, b = exits(body), exits(orelse)
                leaves = leaves or a.leaves or b.leaves
                if not (a.falls or b.falls):
                    return Exits(False, True)
            case ast.Match(cases=cases):
                all_ = [exits(c.body) for c in cases]
                leaves = leaves or any(e.leaves for e in all_)
                if not any(e.falls for e in all_) and is_total(cases):
                    return Exits(False, True)
    return Exits(True, leaves)


def is_total(cases: Sequence[ast.match_case]) -> bool:
    """Does the last case take everything?"""
    last = cases[-1]
    return last.guard is None and isinstance(last.pattern, ast.MatchAs) and last.pattern.pattern is None


def surely(body: Sequence[ast.stmt]) -> Names:
    """The names that a loop's step gives a value, whichever way it ends."""
    ends: list[Names] = []

    def go(stmts: Sequence[ast.stmt], have: Names) -> Names | None:
        for s in stmts:
            match s:
                case ast.Return() | ast.Break() | ast.Continue():
                    ends.append(have)
                    return None
                case ast.If(body=one, orelse=two):
                    ways = [go(one, have), go(two, have)]
                case ast.Match(cases=cases):
                    ways = [go(c.body, have | set(pattern_names(c.pattern))) for c in cases]
                    ways += [] if is_total(cases) else [have]
                case ast.For() | ast.While():
                    continue
                case _:
                    have |= frozenset(assigned([s]))
                    continue
            falls = [w for w in ways if w is not None]
            if not falls:
                return None
            have = frozenset.intersection(*falls)
        return have

    last = go(body, NONE)
    ends += [] if last is None else [last]
    return frozenset.intersection(*ends) if ends else NONE


def has(stmts: Iterable[ast.stmt], kind: type[ast.stmt]) -> bool:
    """Is there such a statement, outside nested loops (for `break`, `continue`) and functions?"""
    for s in stmts:
        if isinstance(s, kind):
            return True
        if isinstance(s, ast.For | ast.While):
            if kind is ast.Return and has(s.body, kind):
                return True
        elif isinstance(s, ast.If):
            if has(s.body, kind) or has(s.orelse, kind):
                return True
        elif isinstance(s, ast.Match) and any(has(c.body, kind) for c in s.cases):
            return True
    return False


def is_endless(s: ast.For | ast.While) -> bool:
    return isinstance(s, ast.While) and isinstance(s.test, ast.Constant) and bool(s.test.value)


# ---------------------------------------------------------------- liveness


@dataclass(frozen=True, slots=True)
class Live:
    """The names that are read after a statement, after its loop, and at the loop's next step."""

    after: Names
    broken: Names = NONE
    again: Names = NONE


def live(stmts: Sequence[ast.stmt], out: Live) -> Names:
    """The names whose values are read from here on."""
    now = out.after
    for s in reversed(stmts):
        now = _live_before(s, Live(now, out.broken, out.again))
    return now


def _live_before(s: ast.stmt, out: Live) -> Names:
    now = out.after
    match s:
        case ast.Return(value=value):
            return reads(value)
        case ast.Break():
            return out.broken
        case ast.Continue():
            return out.again
        case ast.Assign(targets=ts, value=value):
            whole = {n for t in ts for n in _renewed(t)}
            return (now - whole) | reads(value) | _parts_read(ts)
        case ast.AnnAssign(target=t, value=value):
            return (now - set(_renewed(t))) | reads(value) | _parts_read([t])
        case ast.AugAssign(target=t, value=value):
            return now | reads(value) | frozenset(targets(t)) | _parts_read([t])
        case ast.If(test=test, body=body, orelse=orelse):
            return live(body, out) | live(orelse, out) | reads(test)
        case ast.Match(subject=subject, cases=cases):
            total = NONE if is_total(cases) else now
            for c in cases:
                total |= (live(c.body, out) | reads(c.guard)) - set(pattern_names(c.pattern))
            return total | reads(subject)
        case ast.For(target=t, iter=source, body=body):
            return loop_live(body, now, frozenset(targets(t)), NONE) | reads(source) | now
        case ast.While(test=test, body=body):
            return loop_live(body, now, NONE, reads(test)) | reads(test) | now
        case ast.FunctionDef(name=name):
            return (now - {name}) | free(s)
    return now | _statement_reads(s)


def loop_live(body: Sequence[ast.stmt], after: Names, renewed: Names, test: Names) -> Names:
    """The names that a loop's body reads before it assigns them, or that are read after the loop."""
    head = after | test
    while True:
        found = (live(body, Live(head, after, head)) - renewed) | head
        if found == head:
            return head
        head = found


def exposed(body: Sequence[ast.stmt], renewed: Names, test: Names) -> Names:
    """The names that a step reads from the step before it."""
    return loop_live(body, NONE, renewed, test)


def _renewed(t: ast.expr) -> Iterator[str]:
    """Names that an assignment replaces as a whole."""
    match t:
        case ast.Name(id=name):
            yield name
        case ast.Tuple(elts=elts) | ast.List(elts=elts):
            for e in elts:
                yield from _renewed(e)


def _parts_read(ts: Iterable[ast.expr]) -> Names:
    """What assignments to parts read: the array and its indices."""
    found: set[str] = set()
    for t in ts:
        match t:
            case ast.Subscript(value=value, slice=index):
                found |= set(targets(value)) | reads(value, index)
            case ast.Attribute(value=value):
                found |= set(targets(value))
            case ast.Tuple(elts=elts) | ast.List(elts=elts):
                found |= _parts_read(elts)
    return frozenset(found)
