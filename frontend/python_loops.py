"""Python loops as loops of the language.

The state are the variables that the next step, or what comes after the loop, reads.  `break` is one more, a
bool that ends the loop; `continue` and the end of the body give the next state.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping, Sequence
from typing import TypeVar

from . import syntax as sx
from .python_calls import Gen
from .python_flow import Live, Names, assigned, exits, exposed, has, is_endless, loop_live, reads, surely, targets
from .python_scope import block, call, number
from .python_stmts import End, Leave, Statements, Stmt

Looped = TypeVar("Looped", bound=ast.stmt)


class Loops(Statements):
    kept: set[str]
    """Variables that may keep what they were in the step before."""

    def loop(self, s: ast.For | ast.While, after: Names) -> list[Stmt]:
        if s.orelse:
            self.refuse(s.orelse[0], "else of a loop is not in the language", "use a variable that says how it ended")
        span, before = self.at(s), frozenset(self.defined)
        own = list(targets(s.target)) if isinstance(s, ast.For) else []
        test = s.test if isinstance(s, ast.While) else None
        endless = is_endless(s)
        again = exposed(s.body, frozenset(own), reads(test))
        state = [n for n in assigned(s.body) if (n in again or n in after) and n not in own]
        state = [n for n in self.order if n in state] + [n for n in own if n in after]
        new = [n for n in state if n not in before]
        inner = set(new) - again - self.made - surely(s.body) - set(own)
        if inner:
            return self.noted(s, sorted(inner), after)
        for n in new:
            if n in again and n not in self.made:
                self.refuse(s, f"{n} may have no value in this loop", "give it one before the loop", "DV0154")
        breaks = has(s.body, ast.Break)
        if endless and not breaks:
            self.refuse(s, "this loop never ends", "leave it by break or return")
        checks: list[Stmt] = []
        gen, lets = self.loop_generator(s) if isinstance(s, ast.For) else (None, [])
        if any(n not in self.made for n in new) and not endless:
            checks.append(self.must_run(s, gen, [n for n in new if n not in self.made]))
        first = self.initial(s, state, new, gen, lets)

        stop = self.fresh("stop")
        # ---- one step
        self.define(own)
        self.define([n for n in state if n in self.kept])  # of the step before
        if isinstance(s, ast.For):
            for n in own:
                self.lists[n] = max(self.list_depth(s.iter) - 1, 0)
        outer = self.leave

        def left(stopped: bool) -> End:
            def end() -> sx.Expr:
                values = [sx.Name(span, self.spelled(n)) for n in state]
                if state:
                    self.current(state, s, frozenset(self.made))
                parts: list[sx.Expr] = [*values, *([sx.Bool(span, stopped)] if breaks else [])]
                if not parts:
                    parts = [number(0, span)]
                return parts[0] if len(parts) == 1 else sx.Tuple(span, tuple(parts))
            return end

        self.leave = Leave(outer.ret, left(True), left(False))
        head = loop_live(s.body, after, frozenset(own), reads(test))
        body = block(lets, self.side(s.body, (), left(False), Live(head, after, head)))
        self.leave = outer
        self.frames[-1].defined = set(before) | set(state)
        # ---- the whole
        cond = self.expr(test) if test is not None and not endless else None
        wild = frozenset(own)
        pattern, pattern_after = self.names_pattern(state, s, wild), self.names_pattern(state, s)
        if breaks:
            going = sx.Unary(span, "not", sx.Name(span, stop))
            cond = going if cond is None else sx.Logic(span, "and", (going, cond))
            pattern = _with(pattern, sx.PName(span, stop), bool(state))
            pattern_after = _with(pattern_after, sx.PWild(span), bool(state))
            first = [*first, sx.Bool(span, False)]
        if not first:
            if not any(isinstance(n, ast.Assert) for n in ast.walk(s)):
                return []
            first, pattern, pattern_after = [number(0, span)], sx.PWild(span), sx.PWild(span)
        init = first[0] if len(first) == 1 else sx.Tuple(span, tuple(first))
        gens = None if gen is None else sx.Gens(gen.span, (gen,), None)
        value = sx.Loop(span, pattern, None, init, gens, cond, None, body)
        return [*checks, sx.Let(span, pattern_after, None, value)]

    def noted(self, s: ast.For | ast.While, names: Sequence[str], after: Names) -> list[Stmt]:
        """A loop behind which variables are read that not every step assigns, but one must: they keep what they were."""
        flags = {n: self.fresh(f"ran_{n}") for n in names}
        made, kept = self.made, self.kept
        self.made, self.kept = made | set(names), kept | set(names)
        self.bools |= set(flags.values())
        self.order = [*self.order, *flags.values()]
        self.frames[-1].locals |= set(flags.values())
        out: list[Stmt] = []
        for flag in flags.values():
            out += self.statement(truth(flag, False, s), after)
        out += self.loop(noting(s, flags), after | set(flags.values()))
        self.made, self.kept = made, kept
        for n, flag in flags.items():
            span = self.at(s)
            out.append(sx.Assert(span, sx.Name(span, self.spelled(flag)), f"{n} has no value: the loop never gave it one"))
        return out

    def loop_generator(self, s: ast.For) -> tuple[Gen, list[sx.Let]]:
        """What a loop goes over.  Elements that the body writes are seen by later steps, a new value of the name is not."""
        stored = [n for b in s.body for n in ast.walk(b) if isinstance(getattr(n, "ctx", None), ast.Store)]
        rebound = {n.id for n in stored if isinstance(n, ast.Name)}
        written = {m for n in stored if isinstance(n, ast.Subscript) for m in targets(n)}
        inside = {n.id for n in ast.walk(s.iter) if isinstance(n, ast.Name)}
        if isinstance(s.iter, ast.Call) and self.static(s.iter.func) is range or not inside & (written | rebound):
            return self.generator(s.target, s.iter, loop=True)
        source, target = s.iter, s.target
        counted = isinstance(source, ast.Call) and self.static(source.func) is enumerate and len(source.args) == 1
        if counted and isinstance(source, ast.Call) and isinstance(target, ast.Tuple) and len(target.elts) == 2:
            index, source, target = target.elts[0], source.args[0], target.elts[1]
        if not inside & written:
            return sx.GenIn(self.at(target).to(self.at(source)), self.pattern(s.target), self.sequence(s.iter)), []
        if isinstance(source, ast.Name) and source.id not in rebound:
            where, base = self.at(source), self.expr(source)
            k = self.spelled(index.id) if counted and isinstance(index, ast.Name) else self.fresh("k")
            let = sx.Let(where, self.pattern(target), None, sx.IndexE(where, base, (sx.Name(where, k),)))
            return sx.GenBelow(where, k, call(where, self.builtin("len", source), base)), [let]
        self.refuse(s.iter, "the loop changes what it goes over", "go over the indices: for i in range(len(…))", "DV0152")

    def initial(self, s: ast.For | ast.While, state: Sequence[str], new: Sequence[str], gen: Gen | None,
                lets: Sequence[sx.Let]) -> list[sx.Expr]:
        """The first state; a variable that the loop makes begins as zeros of its type."""
        out: list[sx.Expr] = []
        span = self.at(s)
        for n in state:
            if n not in new:
                out.append(sx.Name(span, self.spelled(n)))
                continue
            before, lists = set(self.defined), dict(self.lists)
            if isinstance(s, ast.For):
                self.define(list(targets(s.target)))
            inside = n in set(targets(s.target)) if isinstance(s, ast.For) else False
            value = self.current([n], s) if inside else self.on_the_way(s.body, n, s)
            self.frames[-1].defined, self.lists = before, lists
            never = gen if gen is not None else sx.GenBelow(span, "_", number(0, span))
            if isinstance(never, sx.GenBelow):
                never = sx.GenBelow(span, never.name, never.bound)
            gens = sx.Gens(span, (never,), sx.Bool(span, False) if gen is not None else None)
            name = "any" if n in self.bools else "sum"
            out.append(sx.Call(span, self.builtin(name, s), (), (block(lets, value), gens)))
        return out

    def on_the_way(self, stmts: Sequence[ast.stmt], name: str, s: ast.stmt) -> sx.Expr:
        """The value of a name where a body first assigns it; conditions on the way are not asked (it never runs)."""
        lets: list[Stmt] = []
        everything = frozenset(assigned(stmts))
        for x in stmts:
            if name not in assigned([x]):
                if not exits([x]).leaves and not isinstance(x, ast.Assert):
                    lets += self.statement(x, everything)
                continue
            parts: list[list[ast.stmt]] = []
            if isinstance(x, ast.If):
                parts = [x.body, x.orelse]
            elif isinstance(x, ast.Match):
                self.refuse(x, "return out of a match in a loop", "assign a variable, and return it behind the loop")
            for part in parts:
                if name in assigned(part):
                    return block(lets, self.on_the_way(part, name, s))
            lets += self.statement(x, everything)
            return block(lets, self.current([name], s))
        raise AssertionError(name)

    def must_run(self, s: ast.For | ast.While, gen: Gen | None, names: Sequence[str]) -> sx.Assert:
        """A variable that only the loop assigns and that is read behind it: the loop must run."""
        span = self.at(s)
        text = f"{names[0]} has no value: the loop did not run"
        zero = number(0, span)
        match gen:
            case sx.GenBelow(_, _, bound):
                cond: sx.Expr = sx.Compare(span, bound, ((">", zero),))
            case sx.GenRange(_, _, lo, hi):
                cond = sx.Compare(span, lo, (("<", hi),))
            case sx.GenIn(_, _, value):
                cond = sx.Compare(span, call(span, self.builtin("len", s), value), ((">", zero),))
            case _:
                assert isinstance(s, ast.While)
                cond = self.expr(s.test)
        return sx.Assert(span, cond, text)


def truth(name: str, value: bool, at: ast.stmt) -> ast.Assign:
    made = ast.Assign([ast.Name(name, ast.Store())], ast.Constant(value))
    for n in ast.walk(made):
        ast.copy_location(n, at)
    return made


def noting(s: Looped, flags: Mapping[str, str]) -> Looped:
    """A statement, where each assignment to names is followed by one to their flags."""

    def body(stmts: Sequence[ast.stmt]) -> list[ast.stmt]:
        out: list[ast.stmt] = []
        for x in stmts:
            out.append(noting(x, flags))
            if isinstance(x, ast.Assign | ast.AnnAssign):
                out += [truth(flags[n], True, x) for n in assigned([x]) if n in flags]
        return out

    match s:
        case ast.For() | ast.While() | ast.If():
            made = copy.copy(s)
            first = [truth(flags[n], True, s) for n in targets(s.target) if n in flags] if isinstance(s, ast.For) else []
            made.body, made.orelse = [*first, *body(s.body)], body(s.orelse)
            return made
        case ast.Match():
            cases = copy.copy(s)
            cases.cases = [ast.match_case(c.pattern, c.guard, body(c.body)) for c in s.cases]
            return cases
    return s


def _with(p: sx.Pattern, last: sx.Pattern, several: bool) -> sx.Pattern:
    if not several:
        return last
    items = p.items if isinstance(p, sx.PTuple) else (p,)
    return sx.PTuple(p.span, (*items, last))
