"""Python loops as loops of the language.

The state are the variables that the next step, or what comes after the loop, reads.  `break` is one more, a
bool that ends the loop; `continue` and the end of the body give the next state.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping, Sequence
from typing import TypeVar

from ..compiler.errors import Span
from . import syntax as sx
from .python_flow import (
    NONE,
    Live,
    Names,
    assigned,
    exits,
    exposed,
    has,
    is_endless,
    loop_live,
    pattern_names,
    reads,
    surely,
    targets,
)
from .python_lists import Extend, Growth, Rewriting, appends, comprehension, renewed, set_
from .python_scope import block, call, number
from .python_sequences import Gen
from .python_stmts import End, Leave, Statements, Stmt

Looped = TypeVar("Looped", bound=ast.stmt)


class Loops(Statements):
    kept: set[str]
    """Variables that may keep what they were in the step before."""

    def loop(self, s: ast.For | ast.While, after: Names, collect: Sequence[str] = ()) -> list[Stmt]:
        """`collect`: names of which the loop collects what they are at the end of each step."""
        if s.orelse:
            self.refuse(s.orelse[0], "else of a loop is not in the language", "use a variable that says how it ended")
        lists = [n for n in dict.fromkeys(a.name for a in appends(s.body))
                 if n in self.frames[-1].locals and n not in renewed(s.body)]
        if lists:
            return self.growing(s, lists, after)
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
            return self.noted(s, sorted(inner), after, collect)
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
            self.note_items(s.target, s.iter)
        outer = self.leave
        plain = gen is not None and not state and not breaks  # steps that know nothing of each other

        def left(stopped: bool) -> End:
            def end() -> sx.Expr:
                values = [sx.Name(span, self.spelled(n)) for n in state]
                if state:
                    self.current(state, s, frozenset(self.made))
                parts: list[sx.Expr] = [*values, *([sx.Bool(span, stopped)] if breaks else [])]
                more = [sx.Name(span, self.spelled(n)) for n in collect]
                if not parts and not (more and plain):
                    parts = [number(0, span)]
                return tupled([*([tupled(parts, span)] if parts else []), *more], span)
            return end

        self.leave = Leave(outer.ret, left(True), left(False))
        ends = after | set(collect)
        head = loop_live(s.body, ends, frozenset(own), reads(test))
        body = block(lets, self.side(s.body, (), left(False), Live(head, ends, head)))
        self.leave = outer
        self.frames[-1].defined = set(before) | set(state)
        # ---- the whole
        cond = self.test(test) if test is not None and not endless else None
        wild = frozenset(own)
        pattern, pattern_after = self.names_pattern(state, s, wild), self.names_pattern(state, s)
        if breaks:
            going = sx.Unary(span, "not", sx.Name(span, stop))
            cond = going if cond is None else sx.Logic(span, "and", (going, cond))
            pattern = _with(pattern, sx.PName(span, stop), bool(state))
            pattern_after = _with(pattern_after, sx.PWild(span), bool(state))
            first = [*first, sx.Bool(span, False)]
        gens = None if gen is None else sx.Gens(gen.span, (gen,), None)
        into = tuple(self.builtin("array", s) for _ in collect) or None
        arrays: list[sx.Pattern] = [sx.PName(span, self.spelled(f"{n} all")) for n in collect]
        if collect and plain and gens is not None:
            made = sx.Comp(span, body, gens) if len(collect) == 1 else sx.For(span, gens, into, body)
            return [*checks, sx.Let(span, arrays[0] if len(arrays) == 1 else sx.PTuple(span, tuple(arrays)), None, made)]
        if not first:
            if not collect and not any(isinstance(n, ast.Assert) for n in ast.walk(s)):
                return []
            first, pattern, pattern_after = [number(0, span)], sx.PWild(span), sx.PWild(span)
        init = first[0] if len(first) == 1 else sx.Tuple(span, tuple(first))
        value = sx.Loop(span, pattern, None, init, gens, cond, into, body)
        if collect:
            pattern_after = sx.PTuple(span, (pattern_after, *arrays))
        return [*checks, sx.Let(span, pattern_after, None, value)]

    # ------------------------------------------------ lists that grow

    def growing(self, s: ast.For | ast.While, names: Sequence[str], after: Names) -> list[Stmt]:
        """A loop that appends to lists."""
        for n in names:
            by = next((a for a in appends(s.body) if a.name == n and isinstance(a, Extend)), None)
            if by is not None:
                self.refuse(by, f"{n} grows in a loop by a list", f"write {n} = [… for … for …], or append the elements one by one", "DV0152")
            if n not in self.defined or not self.list_depth(ast.Name(n)) and n not in self.empty:
                self.no_list_to_append(next(appends(s.body)))
        whole = comprehension(s, after)
        if whole is not None:
            return self.statement(self.longer(whole[0], whole[1], s), after)
        direct = list(appends(s.body, loops=False))
        for a in appends(s.body):
            if a not in direct and a.name in names:
                self.refuse(a, f"{a.name} grows in a loop inside of a loop", f"write {a.name} = [… for … for …], or a = np.zeros(n) and a[i] = …",
                            "DV0152")
        growths = {n: Growth(n) for n in names}
        new = copy.copy(s)
        for _ in range(2):  # the first time to see what is read
            for g in growths.values():
                g.items, g.flags, g.elements = [], [], []
            rewriting = Rewriting(growths)
            new.body = rewriting.body(s.body)
            if isinstance(s, ast.While) and isinstance(new, ast.While):
                new.test = rewriting.expr(s.test)
        if rewriting.other is not None:
            what = ast.unparse(rewriting.other)
            self.refuse(rewriting.other, f"{what if len(what) < 20 else 'a list'} is read while it grows",
                        "read its last element, xs[-1], or len(xs); or write a = np.zeros(n) and a[i] = …", "DV0152")
        for old, copied in rewriting.changed:
            if old in self.scalars:
                self.scalars.add(copied)
        out: list[Stmt] = []
        start: list[ast.stmt] = []
        collect: list[str] = []
        some: set[str] = set()
        for g in growths.values():
            if g.reads_last and g.name in self.empty and g.last in exposed(new.body, NONE, reads(getattr(new, "test", None))):
                self.refuse(s, f"{g.name} is empty at first, and {g.name}[-1] is read", f"begin with its first element: {g.name} = [x0]", "DV0154")
            if g.reads_last and g.name not in self.empty:
                start.append(set_(g.last, ast.Subscript(ast.Name(g.name, ast.Load()), ast.Constant(-1), ast.Load()), s))
            if g.reads_length:
                count = ast.Call(ast.Name("len", ast.Load()), [ast.Name(g.name, ast.Load())], [])
                start.append(set_(g.length, ast.Constant(0) if g.name in self.empty else count, s))
            flags = [f for f in g.flags if f is not None]
            new.body = [*(set_(f, ast.Constant(False), s) for f in flags), *new.body]
            some |= {i for i, f in zip(g.items, g.flags, strict=True) if f is not None}
            collect += [*g.items, *flags]
            self.bools |= set(flags)
        own = [*assigned(start), *collect, *(g.last for g in growths.values() if g.reads_last)]
        self.order = [*self.order, *own]
        self.frames[-1].locals |= set(own)
        made, kept = self.made, self.kept
        self.made, self.kept = made | some, kept | some
        for x in start:
            out += self.statement(x, after | set(own))
        out += self.loop(new, after | some, collect)
        self.made, self.kept = made, kept
        for g in growths.values():
            out += self.grown(g, s)
        return out

    def longer(self, name: str, more: ast.expr, s: ast.stmt) -> ast.Assign:
        """A list with a list behind it."""
        value = more if name in self.empty else ast.copy_location(ast.BinOp(ast.Name(name, ast.Load()), ast.Add(), more), more)
        return set_(name, value, s)

    def grown(self, g: Growth, s: ast.stmt) -> list[Stmt]:
        """The list behind the loop, from what the steps gave."""
        span = self.at(s)

        def array(n: str) -> sx.Expr:
            return sx.Name(span, self.spelled(f"{n} all"))

        made = array(g.items[0])
        if len(g.items) > 1 or g.flags[0] is not None:
            names = [n for pair in zip(g.items, g.flags, strict=True) for n in pair if n is not None]
            steps = call(span, self.builtin("zip", s), *map(array, names)) if len(names) > 1 else array(names[0])
            bound = [sx.PName(span, self.spelled(n)) for n in names]
            gens: list[Gen] = [sx.GenIn(span, sx.PTuple(span, tuple(bound)) if len(bound) > 1 else bound[0], steps)]
            has: list[sx.Expr] = [sx.Bool(span, True) if f is None else sx.Name(span, self.spelled(f)) for f in g.flags]
            items: list[sx.Expr] = [sx.Name(span, self.spelled(i)) for i in g.items]
            value, test = items[0], has[0]
            if len(items) > 1:
                one, known = self.fresh("item"), self.fresh("has")
                pairs = sx.ArrayLit(span, tuple(sx.Tuple(span, (i, h)) for i, h in zip(items, has, strict=True)))
                gens.append(sx.GenIn(span, sx.PTuple(span, (sx.PName(span, one), sx.PName(span, known))), pairs))
                value, test = sx.Name(span, one), sx.Name(span, known)
            made = sx.Comp(span, value, sx.Gens(span, tuple(gens), test))
        if g.name not in self.empty:
            made = call(span, self.builtin("concat", s), sx.Name(span, self.spelled(g.name)), made)
        self.empty.discard(g.name)
        self.lists[g.name] = max(self.lists.get(g.name, 0), 1 + max(map(self.list_depth, g.elements)))
        self.define((g.name,))
        return [sx.Let(span, sx.PName(span, self.spelled(g.name)), None, made)]

    # ------------------------------------------------ variables that keep what they were

    def noted(self, s: ast.For | ast.While, names: Sequence[str], after: Names, collect: Sequence[str]) -> list[Stmt]:
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
        out += self.loop(noting(s, flags), after | set(flags.values()), collect)
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
                    lets += self.attempt(x, everything)
                continue
            parts: list[list[ast.stmt]] = []
            if isinstance(x, ast.If):
                parts = [x.body, x.orelse]
            elif isinstance(x, ast.Match):
                parts = [c.body for c in x.cases if not list(pattern_names(c.pattern))]
                if not any(name in assigned(p) for p in parts):
                    self.refuse(x, "a value that first comes from a case with names in its pattern, in a loop",
                                "give the variable a value before the loop")
            for part in parts:
                if name in assigned(part):
                    return block(lets, self.on_the_way(part, name, s))
            lets += self.attempt(x, everything)
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
                cond = self.test(s.test)
        return sx.Assert(span, cond, text)


def tupled(parts: Sequence[sx.Expr], span: Span) -> sx.Expr:
    return parts[0] if len(parts) == 1 else sx.Tuple(span, tuple(parts))


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
