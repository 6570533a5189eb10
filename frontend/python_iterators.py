"""Iterators, which Python reads once and late: generator expressions, `zip`, `map`, `enumerate`, `reversed`, `filter`.

In the language they are arrays.  A forward analysis follows the names that stand for iterators; a second read, one
that a loop, a lambda or a nested function may repeat, and a place that keeps an iterator (an item, a result) are refused.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn, Protocol

from ..compiler.errors import Error, Span, SyntaxError
from .python_flow import Function, free, parameters, pattern_names, reads, targets
from .python_scope import MISSING
from .python_tables import known_function

ONE_SHOT = (zip, map, enumerate, reversed, filter)
State = dict[str, bool]
"""The names that may be iterators here, and whether they may have been read."""


class Opened(Protocol):
    """A function and what names from outside stand for in it."""

    node: Function

    def quiet_static(self, node: ast.expr) -> Any:
        raise NotImplementedError


class Iterators:
    """The analysis of one function; `opened` gives the text of a function from outside that is called."""

    def __init__(self, static: Callable[[ast.expr], Any], at: Callable[[ast.AST], Span], opened: Callable[[Any], Opened | None],
                 state: State | None = None, under: frozenset[tuple[int, str]] = frozenset()) -> None:
        self.static = static
        self.at = at
        self.opened = opened
        self.state: State | None = state or {}
        self.under = under
        self.left: list[State | None] = []
        self.ended: list[State | None] = []
        self.functions: dict[str, Function] = {}
        self.lists: dict[str, str] = {}
        self.errors: list[Error] = []

    # ------------------------------------------------ statements

    def run(self, body: Sequence[ast.stmt]) -> None:
        for s in body:
            if self.state is None:
                return
            try:
                self.statement(s)
            except Error as e:
                if self.under:  # the question is whether there is one
                    raise
                self.errors.append(e)

    def statement(self, s: ast.stmt) -> None:
        match s:
            case ast.Assign(targets=ts, value=value):
                for t in ts:
                    self.assign(t, value, first=t is ts[0])
            case ast.AnnAssign(target=t, value=ast.expr() as value):
                self.assign(t, value)
            case ast.If(test=test, body=body, orelse=orelse):
                self.expr(test)
                self.either([lambda: self.run(body), lambda: self.run(orelse)])
            case ast.Match(subject=subject, cases=cases):
                self.expr(subject)

                def case(c: ast.match_case) -> Callable[[], None]:
                    def go() -> None:
                        self.drop(pattern_names(c.pattern))
                        if c.guard is not None:
                            self.expr(c.guard)
                        self.run(c.body)
                    return go

                self.either([*map(case, cases), lambda: None])
            case ast.For(target=t, iter=source, body=body):
                self.expr(source, may=True)
                self.loop(body, list(targets(t)), None)
            case ast.While(test=test, body=body):
                self.loop(body, (), test)
            case ast.FunctionDef(name=name):
                self.drop([name])
                self.functions[name] = s
                self.repeated(free(s), s)
            case ast.Break():
                self.left.append(self.state)
                self.state = None
            case ast.Continue():
                self.ended.append(self.state)
                self.state = None
            case _:
                for e in ast.iter_child_nodes(s):
                    if isinstance(e, ast.expr):
                        self.expr(e)
                if isinstance(s, ast.Return):
                    self.state = None

    def assign(self, target: ast.expr, value: ast.expr, first: bool = True) -> None:
        if isinstance(target, ast.Tuple | ast.List) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
            for t, v in zip(target.elts, value.elts, strict=True):
                self.assign(t, v)
            return
        iterator = isinstance(target, ast.Name) and self.is_iterator(value)
        if iterator and not first:
            self.refuse(value, "two names would share one iterator", self.as_list(value))
        if first:
            self.expr(value, may=iterator)
        self.drop(targets(target) if isinstance(target, ast.Name | ast.Tuple | ast.List) else ())
        if isinstance(target, ast.Name):
            self.functions.pop(target.id, None)
            if isinstance(value, ast.Lambda):
                self.functions[target.id] = value
            if iterator and self.state is not None:
                self.state[target.id] = False
                self.lists[target.id] = self.as_list(value)

    def drop(self, names: Iterable[str]) -> None:
        for n in names:
            if self.state is not None:
                self.state.pop(n, None)

    def either(self, ways: Sequence[Callable[[], None]]) -> None:
        before, found = self.state, []
        for way in ways:
            self.state = None if before is None else dict(before)
            way()
            found.append(self.state)
        self.state = join(found)

    def loop(self, body: Sequence[ast.stmt], own: Sequence[str], test: ast.expr | None) -> None:
        outer = self.left, self.ended
        head = self.state
        while True:
            self.left, self.ended = [], []
            self.state = dict(head or {})
            if test is not None:
                self.expr(test)
            self.drop(own)
            self.run(body)
            again = join([head, self.state, *self.ended])
            if again == head:
                break
            head = again
        self.state = join([head, *self.left])
        self.left, self.ended = outer

    # ------------------------------------------------ expressions

    def is_iterator(self, e: ast.expr) -> bool:
        match e:
            case ast.Name(id=name):
                return self.state is not None and name in self.state
            case ast.GeneratorExp():
                return True
            case ast.Call(func=func):
                return self.static(func) in ONE_SHOT if isinstance(self.static(func), type) else False
            case ast.IfExp(body=body, orelse=orelse):
                return self.is_iterator(body) or self.is_iterator(orelse)
        return False

    def expr(self, e: ast.expr, may: bool = False) -> None:
        """Reads an expression; `may` an iterator stand here?"""
        if not may and self.is_iterator(e):
            self.refuse(e, "in Python this is an iterator, which is used up when it is first read", self.as_list(e))
        match e:
            case ast.Name(id=name):
                if self.state is not None and name in self.state:
                    if self.state[name]:
                        self.refuse(e, f"{name} may have been read before: in Python it is an iterator, and used up", self.as_list(e))
                    self.state[name] = True
            case ast.GeneratorExp() | ast.ListComp() | ast.SetComp() | ast.DictComp():
                self.comprehension(e)
            case ast.Lambda(body=body):
                self.repeated(free(e), e)
                self.inside([a.arg for a in parameters(e)], [body])
            case ast.IfExp(test=test, body=body, orelse=orelse):
                self.expr(test)
                self.either([lambda: self.expr(body, may), lambda: self.expr(orelse, may)])
            case ast.Starred(value=value):
                self.expr(value, may=True)
            case ast.Call():
                self.call(e)
            case _:
                for n in ast.iter_child_nodes(e):
                    if isinstance(n, ast.expr):
                        self.expr(n)

    def comprehension(self, e: ast.GeneratorExp | ast.ListComp | ast.SetComp | ast.DictComp) -> None:
        first, *more = e.generators
        self.expr(first.iter, may=True)
        parts = [e.key, e.value] if isinstance(e, ast.DictComp) else [e.elt]
        parts = [*(t for g in e.generators for t in g.ifs), *parts]
        own = [n for g in e.generators for n in targets(g.target)]
        self.repeated(reads(*parts, *(g.iter for g in more)) - frozenset(own), e)
        self.inside(own, parts, [g.iter for g in more])

    def inside(self, own: Sequence[str], parts: Sequence[ast.expr], sources: Sequence[ast.expr] = ()) -> None:
        """Expressions with names of their own."""
        before = self.state
        self.state = {n: read for n, read in (before or {}).items() if n not in own}
        for x in sources:
            self.expr(x, may=True)
        for x in parts:
            self.expr(x)
        self.state = before

    def call(self, e: ast.Call) -> None:
        value = self.static(e.func)
        given: list[tuple[int | str, ast.expr]] = [*enumerate(e.args), *((k.arg or "", k.value) for k in e.keywords)]
        self.expr(e.func)
        method = value is MISSING and isinstance(e.func, ast.Attribute)
        known = method or value is not MISSING and (getattr(builtins, getattr(value, "__name__", ""), None) is value
                                                    or known_function(value) is not None)
        for place, a in given:
            if known or not self.is_iterator(a):
                self.expr(a, may=known)
                continue
            if not self.reads_once(e.func, value, place):
                self.refuse(a, f"{ast.unparse(e.func)} may read this more than once: in Python it is an iterator, and used up",
                            self.as_list(a))
            self.expr(a, may=True)

    def reads_once(self, func: ast.expr, value: Any, place: int | str) -> bool:
        """Does a function read this argument at most once?"""
        f = self.functions.get(func.id) if isinstance(func, ast.Name) and value is MISSING else None
        static = self.static
        if f is None:
            opened = self.opened(value) if value is not MISSING else None
            if opened is None:
                return False
            f, static = opened.node, opened.quiet_static
        own = [a.arg for a in parameters(f)]
        name = place if isinstance(place, str) else own[place] if place < len(own) else ""
        if name not in own or (id(f), name) in self.under:
            return name in own
        inner = Iterators(static, self.at, self.opened, {name: False}, self.under | {(id(f), name)})
        inner.functions = {n: g for n, g in self.functions.items() if n not in own} if static == self.static else {}
        try:
            inner.run([ast.Return(f.body)] if isinstance(f, ast.Lambda) else f.body)
        except SyntaxError:
            return False
        return True

    # ------------------------------------------------ refusals

    def repeated(self, names: Iterable[str], node: ast.AST) -> None:
        """Names that are read where a place may be passed several times."""
        for n in sorted(names):
            if self.state is not None and n in self.state:
                at = next((x for x in ast.walk(node) if isinstance(x, ast.Name) and x.id == n), node)
                self.refuse(at, f"{n} may be read several times here: in Python it is an iterator, and used up",
                            self.lists.get(n, "give a list"))

    def as_list(self, e: ast.expr) -> str:
        if isinstance(e, ast.Name):
            return self.lists.get(e.id, "give a list")
        if isinstance(e, ast.GeneratorExp):
            return "make it a list: [… for … in …]"
        name = ast.unparse(e.func) if isinstance(e, ast.Call) else "…"
        return f"make it a list: list({name}(…))" if name != "…" else "make it a list"

    def refuse(self, node: ast.AST, what: str, help: str) -> NoReturn:
        raise SyntaxError("DV0152", what, self.at(node), help=help)


def join(found: Sequence[State | None]) -> State | None:
    """What may be so on one of several ways; None for one that nothing takes."""
    ways = [s for s in found if s is not None]
    return {n: any(s.get(n, False) for s in ways) for s in ways for n in s} if ways else None
