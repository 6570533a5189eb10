"""Two names of one array: where Python would change an array that another name, or the caller, still sees.

In the language arrays are values.  A forward analysis keeps, for each pair of local names, whether they
may be one array; an assignment to elements is refused if another name of the array is read later, or if
the array came from outside.  Where it is not known whether something is a number or a row (`t = a[i]`),
the place is noted in `scalars`, and the program checks that it is a number.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from itertools import combinations
from types import FunctionType
from typing import Any

from ..compiler.errors import Error, Span, SyntaxError
from .python_flow import (
    NONE,
    Defaulted,
    Live,
    Names,
    assigned,
    defaults_of,
    free,
    live,
    loop_live,
    parameters,
    reads,
    targets,
)
from .python_lists import Append, Extend, Shrink
from .python_ranks import Ranks
from .python_scope import MISSING
from .python_tables import Known

Nodes = frozenset[ast.AST]
SURE: Nodes = frozenset()
OUTSIDE = "\0"
"""Stands for all arrays that come from outside."""

TWICE = "\1"
"""Paired with a name of a list or tuple two of whose parts are one array."""

VIEWS = frozenset({"np.asarray", "np.reshape", "np.ravel", "np.transpose", "np.diagonal", "np.flip", ".reshape", ".ravel",
                   ".transpose", ".item"})
Pairs = dict[frozenset[str], Nodes]


class Aliases:
    """The analysis of one function; `static` and `known` say what names from outside stand for."""

    def __init__(self, ranks: Ranks, at: Callable[[ast.AST], Span], list_depth: Callable[[ast.expr], int],
                 returns_argument: Callable[[FunctionType], bool]) -> None:
        self.ranks = ranks
        self.at = at
        self.list_depth = list_depth
        self.returns_argument = returns_argument
        self.scalars: set[ast.AST] = set()
        self.errors: list[Error] = []
        self.pairs: Pairs = {}
        self.left: list[Pairs] = []
        self.functions: dict[str, ast.FunctionDef | ast.Lambda] = {}
        self.rows: dict[str, tuple[Names, bool]] = {}
        """The names that a comprehension gives values, the arrays whose rows these may be, and whether they are."""

    def run(self, params: Sequence[str], body: Sequence[ast.stmt]) -> None:
        for p in params:
            if self.ranks.of_name(p) != 0:
                self.pairs[frozenset((p, OUTSIDE))] = SURE
        self.statements(body, Live(NONE))

    # ------------------------------------------------ the analysis

    def statements(self, stmts: Sequence[ast.stmt], out: Live) -> None:
        for k, s in enumerate(stmts):
            try:
                self.statement(s, stmts[k + 1:], out)
            except Error as e:
                self.errors.append(e)

    def statement(self, s: ast.stmt, rest: Sequence[ast.stmt], out: Live) -> None:
        after = live(rest, out)
        match s:
            case Append(name=name, element=element):
                self.write(name, s, after, SURE, self.list_depth(s.targets[0]))
                for other, nodes in (self.sources(element) if isinstance(s, Extend) else self.reached(element)).items():
                    if other != name:
                        self.add(name, TWICE if frozenset((name, other)) in self.pairs else other, nodes)
            case Shrink(name=name):
                self.write(name, s, after, SURE, self.list_depth(s.targets[0]))
            case ast.Assign(targets=ts, value=value):
                for t in ts:
                    self.assign(t, value, after, s)
                same = [t.id for t in ts if isinstance(t, ast.Name)]
                if self.ranks.of(value) != 0:
                    for other in same[1:]:
                        self.add(same[0], other, SURE)
            case ast.AnnAssign(target=t, value=ast.expr() as value):
                self.assign(t, value, after, s)
            case ast.AugAssign(target=ast.Name(id=name)):
                if self.ranks.of_name(name) != 0 and not self.list_depth(s.target):
                    self.write(name, s, after, frozenset((s,)) if self.ranks.of_name(name) is None else SURE)
            case ast.AugAssign(target=t):
                self.write_into(t, after)
            case ast.If(body=body, orelse=orelse):
                self.either([body, orelse], Live(after, out.broken, out.again))
            case ast.Match(subject=subject, cases=cases):
                for c in cases:
                    for name in [n for p in ast.walk(c.pattern) if (n := getattr(p, "name", None)) is not None]:
                        self.bind(name, self.sources(subject))
                self.either([c.body for c in cases] + [[]], Live(after, out.broken, out.again))
            case ast.For(target=t, iter=source, body=body):
                self.loop(body, after, t, source, None)
            case ast.While(test=test, body=body):
                self.loop(body, after, None, None, test)
            case ast.FunctionDef(name=name):
                self.functions[name] = s
                if isinstance(s, Defaulted):  # it keeps what its defaults were
                    self.bind(name, {n: nodes for d in defaults_of(s).values() for n, nodes in self.sources(d).items()})
            case ast.Break() | ast.Continue():
                self.left.append(dict(self.pairs))

    def either(self, bodies: Sequence[Sequence[ast.stmt]], out: Live) -> None:
        before, found = self.pairs, []
        for body in bodies:
            self.pairs = dict(before)
            self.statements(body, out)
            found.append(self.pairs)
        self.pairs = join(found)

    def loop(self, body: Sequence[ast.stmt], after: Names, target: ast.expr | None, source: ast.expr | None,
             test: ast.expr | None) -> None:
        own = NONE if target is None else frozenset(targets(target))
        head = loop_live(body, after, own, reads(test))
        outer, self.left = self.left, []
        while True:
            before = dict(self.pairs)
            if target is not None and source is not None:
                self.go_over(target, source)
            self.statements(body, Live(head, after, head))
            self.pairs = join([before, self.pairs, *self.left])
            if self.pairs == before:
                break
        self.left = outer

    def go_over(self, target: ast.expr, source: ast.expr) -> None:
        """The loop's variables may be rows of what the loop goes over."""
        if isinstance(source, ast.Call):
            iterator = self.ranks.static(source.func)
            inner = [*([ast.Constant(0)] if iterator is enumerate else []), *([] if iterator is range else source.args)]
            parts = target.elts if iterator in (zip, enumerate) and isinstance(target, ast.Tuple) else []
            for t, a in zip(parts, inner, strict=False) if len(parts) == len(inner) else [(target, a) for a in inner]:
                self.go_over(t, a)
            return
        if self.ranks.of(source) == 1 or self.list_depth(source) == 1:
            for n in targets(target):
                self.bind(n, {})
            return
        found = self.sources(source)
        for n in targets(target):
            if self.ranks.of_name(n) == 0:
                continue
            for other, nodes in found.items():
                self.pairs[frozenset((n, other))] = nodes

    def assign(self, target: ast.expr, value: ast.expr, after: Names, s: ast.stmt) -> None:
        match target:
            case ast.Name(id=name):
                if isinstance(value, ast.Lambda):
                    self.functions[name] = value
                self.bind(name, self.sources(value))
                if isinstance(value, ast.List | ast.Tuple):
                    for one, two in combinations([self.sources(x) for x in value.elts], 2):
                        for n in one.keys() & two.keys():  # unsure where one is an element: it may be a number
                            self.add(name, TWICE, one[n] | two[n])
            case ast.Tuple(elts=elts) | ast.List(elts=elts):
                values = value.elts if isinstance(value, ast.Tuple) and len(value.elts) == len(elts) else None
                whole = {} if values is not None or self.ranks.of(value) == 1 else self.sources(value)
                found = [self.sources(v) for v in values] if values is not None else [whole] * len(elts)
                self.shared(elts, values)
                self.bind_all([(e.id if isinstance(e, ast.Name) else None, f) for e, f in zip(elts, found, strict=True)])
                for e in elts:
                    if isinstance(e, ast.Tuple | ast.List):
                        self.assign(e, value, after, s)
                    elif not isinstance(e, ast.Name):
                        self.write_into(e, after)
            case _:
                self.write_into(target, after)
                if isinstance(target, ast.Subscript) and (self.list_depth(target.value) > 1 or isinstance(target.slice, ast.Constant)):
                    root = next(targets(target), None)
                    for other, nodes in self.sources(value).items():
                        if root is not None and other != root:
                            self.pairs[frozenset((root, other))] = nodes

    def bind(self, name: str, found: dict[str, Nodes]) -> None:
        self.bind_all([(name, found)])

    def bind_all(self, new: Sequence[tuple[str | None, dict[str, Nodes]]]) -> None:
        """Several names at once: what they were before decides what they are now (so a swap is one)."""
        old = dict(self.pairs)
        names = {n for n, _ in new if n is not None}
        self.pairs = {p: nodes for p, nodes in old.items() if not p & names}

        def related(x: str, y: str) -> Nodes | None:
            return SURE if x == y else old.get(frozenset((x, y)))

        others = {n for p in old for n in p} - names
        for k, (name, found) in enumerate(new):
            if name is None:
                continue
            for source, nodes in found.items():
                direct = {source} - names
                for other in others | direct:
                    how = related(source, other)
                    if how is not None and other != name:
                        self.add(name, other, nodes | how)
                for second, more in new[k + 1:]:
                    for source2, nodes2 in more.items():
                        how = related(source, source2)
                        if second is not None and how is not None and second != name:
                            self.add(name, second, nodes | nodes2 | how)

    def add(self, a: str, b: str, nodes: Nodes) -> None:
        pair = frozenset((a, b))
        known = self.pairs.get(pair)
        self.pairs[pair] = nodes if known is None else SURE if not known or not nodes else known | nodes

    def shared(self, elts: Sequence[ast.expr], values: Sequence[ast.expr] | None) -> None:
        """`a[i], a[j] = a[j], a[i]`: with rows, NumPy reads the second one after the first was written."""
        if values is None:
            return
        written: set[str] = set()
        for e, v in zip(elts, values, strict=True):
            for name, nodes in self.sources(v).items():
                if name in written and not self.list_depth(v):
                    if not nodes:
                        raise SyntaxError("DV0152", "NumPy writes a part of this array before it reads this one", self.at(v),
                                          help="write .copy() behind it")
                    self.scalars |= nodes
            if isinstance(e, ast.Subscript):
                written |= set(targets(e))

    # ------------------------------------------------ writing

    def write_into(self, target: ast.expr, after: Names) -> None:
        name = next(targets(target), None)
        if name is not None and not isinstance(target, ast.Attribute):
            self.write(name, target, after, SURE)

    def write(self, name: str, node: ast.AST, after: Names, unsure: Nodes, depth: int = 0) -> None:
        """Refuses to change an array that is seen elsewhere; `unsure`: it may be a number that is replaced; `depth`: only
        a list of so many levels changes, not its elements."""
        for pair, nodes in list(self.pairs.items()):
            if name not in pair:
                continue
            (other,) = pair - {name}
            if depth and other not in self.functions and (other in (OUTSIDE, TWICE) or self.list_depth(ast.Name(other, ast.Load())) < depth):
                continue
            if other not in (OUTSIDE, TWICE) and other not in after:
                continue
            if unsure and name not in after:
                raise SyntaxError("DV0152", f"{name} is read no more: in Python this changes an array that it is a part of, or nothing", self.at(node),
                                  help="assign to the array itself: a[i] = …, or leave it out")
            if unsure or nodes:
                self.scalars |= unsure or nodes
                continue
            if other == TWICE:
                raise SyntaxError("DV0152", f"two parts of {name} are one array in Python: this changes both", self.at(node),
                                  help="write .copy() where it is made")
            if other == OUTSIDE:
                raise SyntaxError("DV0152", f"{name} is a parameter, or shares its memory: the arguments of a function are never changed", self.at(node),
                                  help=f"write {name} = {name}.copy() first, and return {name}")
            raise SyntaxError("DV0152", f"{name} and {other} are one array in Python: this changes both", self.at(node),
                              help="write .copy() where one is made from the other")

    # ------------------------------------------------ what a value may share

    def sources(self, e: ast.expr) -> dict[str, Nodes]:
        """Names of arrays that the value may be, or have as a part."""
        if isinstance(e, ast.Name) and e.id in self.rows:
            names, sure = self.rows[e.id]
            return dict.fromkeys(names, SURE if sure else frozenset((e,)))
        if self.ranks.of(e) == 0:
            return {}
        match e:
            case ast.Name(id=name):
                if self.ranks.is_local(name):
                    return {name: SURE}
                value = self.ranks.static(e)
                return {} if isinstance(value, int | float) else {OUTSIDE: SURE}
            case ast.Attribute(value=value):
                if self.ranks.static(e) is not MISSING:
                    return {} if isinstance(self.ranks.static(e), int | float) else {OUTSIDE: SURE}
                return {} if e.attr in ("shape", "size") else self.sources(value)
            case ast.Subscript(value=value):
                found = self.sources(value)
                if isinstance(e.slice, ast.Slice) and self.list_depth(value) == 1:
                    return {}
                if self.ranks.of(e) is None and not _sliced(e.slice):
                    return dict.fromkeys(found, frozenset((e,)))
                return found
            case ast.ListComp(elt=elt, generators=generators):
                return self.collected(elt, generators)
            case ast.IfExp(body=body, orelse=orelse):
                return self.sources(body) | self.sources(orelse)
            case ast.Tuple(elts=elts) | ast.List(elts=elts):
                return {n: nodes for x in elts for n, nodes in self.sources(x).items()}
            case ast.GeneratorExp():
                return self.sources(e.generators[0].iter)  # read when it is used
            case ast.Dict(values=values):
                return {n: nodes for x in values for n, nodes in self.sources(x).items()}
            case ast.Call(func=func, args=args):
                given = [*args, *(k.value for k in e.keywords)]
                return self.of_call(func, given)
        return {}

    def collected(self, element: ast.expr, generators: Sequence[ast.comprehension]) -> dict[str, Nodes]:
        """`[r for r in a]`, `[a[i] for i in range(n)]`: lists keep the rows of arrays themselves."""
        outer = self.rows
        for g in generators:
            source = g.iter
            numbers = isinstance(source, ast.Call) or self.ranks.of(source) == 1 or self.list_depth(source) == 1
            rows: tuple[Names, bool] = NONE if numbers else frozenset(self.sources(source)), (self.ranks.of(source) or 0) > 1
            self.rows = self.rows | dict.fromkeys(targets(g.target), rows)
        found = self.sources(element)
        self.rows = outer
        return found

    def reached(self, e: ast.expr) -> dict[str, Nodes]:
        """Sources of a value, and what those may be parts of."""
        found = self.sources(e)
        for name in list(found):
            for pair in [p for p in self.pairs if name in p]:
                (other,) = pair - {name}
                if other != TWICE and other not in found:
                    found[other] = frozenset((e,)) if self.ranks.of(e) is None else self.pairs[pair]
        return found

    def of_call(self, func: ast.expr, args: Sequence[ast.expr]) -> dict[str, Nodes]:
        everything = {n: nodes for a in args for n, nodes in self.sources(a).items()}
        value = self.ranks.static(func)
        known = self.ranks.known(value) if value is not MISSING else None
        if isinstance(known, Known) and known.name == "list":  # of rows, where the text says that they are rows
            inner = [a for x in args for a in (x.args if isinstance(x, ast.Call) else [x])]
            return {n: nodes for a in inner if (self.ranks.of(a) or 0) > 1 for n, nodes in self.sources(a).items()}
        if isinstance(known, Known):
            return everything if known.name in VIEWS else {}
        if isinstance(value, type):
            return everything  # a record
        if isinstance(value, FunctionType):
            return everything if self.returns_argument(value) else {}
        if isinstance(func, ast.Attribute) and value is MISSING:
            return self.sources(func.value) if f".{func.attr}" in VIEWS else {}
        if isinstance(func, ast.Name) and func.id in self.functions:
            f = self.functions[func.id]
            return everything | {n: SURE for n in free(f)} if returns_argument(f, self.ranks.static, self.ranks.known) else {}
        if isinstance(func, ast.Name) and self.ranks.is_local(func.id):
            return everything  # a function that is not known here
        return {}


def join(found: Sequence[Pairs]) -> Pairs:
    out: Pairs = {}
    for pairs in found:
        for p, nodes in pairs.items():
            known = out.get(p)
            out[p] = nodes if known is None else SURE if not known or not nodes else known | nodes
    return out


def _sliced(index: ast.expr) -> bool:
    parts = index.elts if isinstance(index, ast.Tuple) else [index]
    return any(isinstance(p, ast.Slice) for p in parts)


def returns_argument(f: ast.FunctionDef | ast.Lambda, static: Callable[[ast.expr], Any],
                     known: Callable[[Any], Known | None]) -> bool:
    """May a function give back one of its arguments, or a part of one?"""
    own = {a.arg for a in parameters(f)} | set(free(f))
    body: Sequence[ast.stmt] = [ast.Return(f.body)] if isinstance(f, ast.Lambda) else f.body
    shared = set(own)

    def touches(e: ast.expr | None) -> bool:
        match e:
            case ast.Name(id=name):
                return name in shared
            case ast.Attribute(value=value) | ast.Subscript(value=value):
                return touches(value)
            case ast.IfExp(body=a, orelse=b):
                return touches(a) or touches(b)
            case ast.Tuple(elts=elts) | ast.List(elts=elts):
                return any(map(touches, elts))
            case ast.Call(func=func, args=args):
                entry = known(static(func)) if isinstance(func, ast.Name | ast.Attribute) else None
                if isinstance(entry, Known):
                    return entry.name in VIEWS and any(map(touches, args))
                if isinstance(func, ast.Attribute):
                    return f".{func.attr}" in VIEWS and touches(func.value)
                return any(map(touches, args))
        return False

    nodes = [n for s in body for n in ast.walk(s)]
    for _ in range(len(assigned(body)) + 1):
        for n in nodes:
            if isinstance(n, ast.Assign) and touches(n.value):
                shared |= {m for t in n.targets for m in targets(t)}
    return any(isinstance(n, ast.Return) and touches(n.value) for n in nodes)
