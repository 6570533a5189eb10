"""Two names of one array: where Python would change an array that another name, or the caller, still sees.

In the language arrays are values.  A forward analysis keeps, for each pair of local names, whether they
may be one array; an assignment to elements is refused if another name of the array is read later, or if
the array came from outside.  What makes a list longer or shorter changes it for those that hold the list
itself (python_holders.py), and leaves its elements as they are.  Where it is not known whether something is a number or a row (`t = a[i]`),
the place is noted in `scalars`, and the program checks that it is a number.
"""

from __future__ import annotations

import ast
import dataclasses
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
from .python_holders import LOOP, OUTSIDE, Holders, Holds, growing_list
from .python_lists import Append, Extend, Shrink, grown_lists
from .python_ranks import Ranks
from .python_scope import MISSING
from .python_tables import Known, methods

Nodes = frozenset[ast.AST]
SURE: Nodes = frozenset()
TWICE = "\1"
"""Paired with a name of a list or tuple two of whose parts are one array."""

VIEWS = frozenset({"np.asarray", "np.reshape", "np.ravel", "np.transpose", "np.diagonal", "np.diag", "np.flip", "np.moveaxis",
                   "np.bool_", "np.float32", "np.float64", "np.int32", "np.int64", ".reshape", ".ravel", ".transpose", ".item"})
"""Functions of the table that may give the memory of an argument, the array itself or a part of it."""

Pairs = dict[frozenset[str], Nodes]
State = tuple[Pairs, Holds]


class Aliases:
    """The analysis of one function; `method` finds the method of a record whose class the text says."""

    def __init__(self, ranks: Ranks, at: Callable[[ast.AST], Span], list_depth: Callable[[ast.expr], int],
                 returns_argument: Callable[[FunctionType], bool], method: Callable[[ast.Attribute], FunctionType | None]) -> None:
        self.ranks = ranks
        self.at = at
        self.list_depth = list_depth
        self.returns_argument = returns_argument
        self.method = method
        self.scalars: set[ast.AST] = set()
        self.errors: list[Error] = []
        self.pairs: Pairs = {}
        self.left: list[State] = []
        self.functions: dict[str, ast.FunctionDef | ast.Lambda] = {}
        self.rows: dict[str, tuple[Names, bool]] = {}
        """The names that a comprehension gives values, the arrays whose rows these may be, and whether they are."""
        self.lists = NONE
        """The names that stand for lists and nothing else, or for dicts."""
        self.holders = Holders(ranks.static, ranks.known, ranks.is_local, self.returned)

    def run(self, params: Sequence[str], body: Sequence[ast.stmt]) -> None:
        for p in params:
            if self.ranks.of_name(p) != 0:
                self.pairs[frozenset((p, OUTSIDE))] = SURE
        self.lists = grown_lists(body) | grown_lists(body, ast.Dict)
        self.holders.parameters([p for p in params if self.ranks.of_name(p) != 0])
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
                self.resize(name, s, after)
                for other, nodes in (self.sources(element) if isinstance(s, Extend) else self.reached(element)).items():
                    if other != name:
                        self.add(name, TWICE if frozenset((name, other)) in self.pairs else other, nodes)
                self.holders.put(name, self.holders.value(element)[1] if isinstance(s, Extend) else self.holders.held(element))
            case Shrink(name=name):
                self.resize(name, s, after)
            case ast.Assign(targets=ts, value=value):
                for t in ts:
                    self.assign(t, value, after, s)
                same = [t.id for t in ts if isinstance(t, ast.Name)]
                self.holders.same(same)
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
                if self.is_item(t) and self.ranks.of(t) != 0:  # an array there changes itself
                    self.write(next(targets(t)), s, after, frozenset((s,)))
            case ast.If(body=body, orelse=orelse):
                self.either([body, orelse], Live(after, out.broken, out.again))
            case ast.Match(subject=subject, cases=cases):
                for c in cases:
                    for name in [n for p in ast.walk(c.pattern) if (n := getattr(p, "name", None)) is not None]:
                        self.bind(name, self.sources(subject))
                        self.holders.bind([(name, self.holders.held(subject), NONE)])
                self.either([c.body for c in cases] + [[]], Live(after, out.broken, out.again))
            case ast.For(target=t, iter=source, body=body):
                self.loop(body, after, t, source, None)
            case ast.While(test=test, body=body):
                self.loop(body, after, None, None, test)
            case ast.FunctionDef(name=name):
                self.functions[name] = s
                if isinstance(s, Defaulted):  # it keeps what its defaults were
                    self.bind(name, {n: nodes for d in defaults_of(s).values() for n, nodes in self.sources(d).items()})
                    self.holders.bind([(name, NONE, self.holders.all(list(defaults_of(s).values())))])
            case ast.Break() | ast.Continue():
                self.left.append(self.state())

    def state(self) -> State:
        return dict(self.pairs), self.holders.now

    def go_on(self, found: Sequence[State]) -> None:
        """From one of several states."""
        self.pairs, self.holders.now = join([p for p, _ in found]), frozenset().union(*(h for _, h in found))

    def either(self, bodies: Sequence[Sequence[ast.stmt]], out: Live) -> None:
        before, found = self.state(), []
        for body in bodies:
            self.go_on([before])
            self.statements(body, out)
            found.append(self.state())
        self.go_on(found)

    def loop(self, body: Sequence[ast.stmt], after: Names, target: ast.expr | None, source: ast.expr | None,
             test: ast.expr | None) -> None:
        own = NONE if target is None else frozenset(targets(target))
        head = loop_live(body, after, own, reads(test))
        if source is not None:  # a loop reads what it goes over at each step
            it = f"{LOOP}{source.lineno}:{source.col_offset}"
            self.holders.bind([(it, NONE, self.holders.held(source))])
            head |= {it}
        outer, self.left = self.left, []
        while True:
            before = self.state()
            if target is not None and source is not None:
                self.go_over(target, source)
                owners = self.holders.held(source)
                self.holders.bind([(n, self.holders.items_of(source), NONE) for n in own])
                self.holders.taken(sorted(own), owners)
            self.statements(body, Live(head, after, head))
            self.go_on([before, self.state(), *self.left])
            if self.state() == before:
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
                owners = self.holders.owners(value)
                self.holders.bind([(name, *self.holders.value(value))])
                self.holders.taken([name], owners)
                if isinstance(value, ast.List | ast.Tuple):
                    for one, two in combinations([self.sources(x) for x in value.elts], 2):
                        for n in one.keys() & two.keys():  # unsure where one is an element: it may be a number
                            self.add(name, TWICE, one[n] | two[n])
            case ast.Tuple(elts=elts) | ast.List(elts=elts):
                values = value.elts if isinstance(value, ast.Tuple) and len(value.elts) == len(elts) else None
                whole = {} if values is not None or self.ranks.of(value) == 1 else self.sources(value)
                found = [self.sources(v) for v in values] if values is not None else [whole] * len(elts)
                self.shared(elts, values)
                held = [self.holders.value(v) for v in values] if values is not None else [(self.holders.value(value)[1], NONE)] * len(elts)
                names = [e.id for e in elts if isinstance(e, ast.Name)]
                owners = self.holders.held(value) if values is None else frozenset().union(*map(self.holders.owners, values))
                self.holders.bind([(e.id, *h) for e, h in zip(elts, held, strict=True) if isinstance(e, ast.Name)])
                self.holders.taken(names, owners)
                self.bind_all([(e.id if isinstance(e, ast.Name) else None, f) for e, f in zip(elts, found, strict=True)])
                for e in elts:
                    if isinstance(e, ast.Tuple | ast.List):
                        self.assign(e, value, after, s)
                    elif not isinstance(e, ast.Name):
                        self.write_into(e, after)
                if values is not None and {*map(ast.unparse, elts)} != {*map(ast.unparse, values)}:  # a swap shares nothing
                    for e, v in zip(elts, values, strict=True):
                        self.put(e, v)
            case _:
                self.write_into(target, after)
                self.put(target, value)

    def put(self, target: ast.expr, value: ast.expr) -> None:
        """`rows[i] = r`, `d["a"] = r`: lists and dicts keep the array itself."""
        root = next(targets(target), None)
        if root is None or not isinstance(target, ast.Subscript):
            return
        self.holders.put(root, self.holders.held(value))
        named, depth = isinstance(target.slice, ast.Constant) and isinstance(target.slice.value, str), self.list_depth(target.value)
        if not named and not depth and (self.ranks.of(target.value) is not None or not isinstance(target.slice, ast.Constant)):
            return  # an array copies it
        sure = named or depth > 1 or self.ranks.of(value) is not None or not isinstance(value, ast.Name | ast.Subscript)
        for other, nodes in self.sources(value).items():
            if other != root or depth:
                self.add(root, TWICE if other == root else other, nodes if sure else nodes | {value})

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
        if name is not None and self.is_item(target):
            self.resize(name, target, after)  # what was there stays what it is
        elif name is not None and not isinstance(target, ast.Attribute):
            self.write(name, target, after, SURE)

    def is_item(self, target: ast.expr) -> bool:
        """Is it an item of a list or dict?"""
        return isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name) and target.value.id in self.lists

    def resize(self, name: str, s: ast.AST, after: Names) -> None:
        """Refuses to give a list other items that others hold."""
        for h in sorted(self.holders.holders(name)):
            if h == OUTSIDE or h in after:
                what, help = growing_list(h, name)
                raise SyntaxError("DV0152", what, self.at(s), help=help)
        if name not in self.lists and not self.list_depth(ast.Name(name, ast.Load())):
            self.write(name, s, after, SURE)

    def write(self, name: str, node: ast.AST, after: Names, unsure: Nodes) -> None:
        """Refuses to change an array that is seen elsewhere; `unsure`: it may be a number that is replaced."""
        for pair, nodes in list(self.pairs.items()):
            if name not in pair:
                continue
            (other,) = pair - {name}
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
                if isinstance(e.slice, ast.Slice) and self.list_depth(value):
                    return self.rows_of(value)
                found = self.sources(value)
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

    def rows_of(self, e: ast.expr) -> dict[str, Nodes]:
        """What a copy of a list shares with it: its rows, where the text says that they are rows."""
        return self.sources(e) if self.list_depth(e) > 1 or (self.ranks.of(e) or 0) > 1 else {}

    def of_call(self, func: ast.expr, args: Sequence[ast.expr]) -> dict[str, Nodes]:
        everything = {n: nodes for a in args for n, nodes in self.sources(a).items()}
        value = self.ranks.static(func)
        known = self.ranks.known(value) if value is not MISSING else None
        if isinstance(known, Known) and known.name == "list":  # of rows, where the text says that they are rows
            return {n: nodes for x in args for a in (x.args if isinstance(x, ast.Call) else [x]) for n, nodes in self.rows_of(a).items()}
        if isinstance(known, Known):
            return everything if known.name in VIEWS else {}
        if isinstance(value, type) or value is dataclasses.replace:
            return everything  # a record
        if isinstance(func, ast.Attribute) and value is MISSING:
            method = self.method(func)
            if method is not None or func.attr == "_replace":
                return everything | self.sources(func.value) if method is None or self.returns_argument(method) else {}
            if func.attr == "copy" and self.list_depth(func.value):
                return self.rows_of(func.value)
            return self.sources(func.value) if f".{func.attr}" in VIEWS else {}
        more = self.returned(ast.Call(func, list(args), []))
        return {} if more is None else everything | dict.fromkeys(more, SURE)

    def returned(self, e: ast.Call) -> Names | None:
        """What a function may give back beside its arguments; None if it gives back nothing that others have."""
        value = self.ranks.static(e.func)
        if value is MISSING and isinstance(e.func, ast.Attribute):
            value = self.method(e.func)
        if isinstance(value, FunctionType):
            return NONE if self.returns_argument(value) else None
        if not isinstance(e.func, ast.Name) or not self.ranks.is_local(e.func.id):
            return None
        f = self.functions.get(e.func.id)
        if f is None:
            return NONE  # a function that is not known here
        return frozenset(n for n in free(f) if self.ranks.is_local(n)) if returns_argument(f, self.ranks.static, self.ranks.known) else None


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
            case ast.Attribute(value=value) | ast.Subscript(value=value) | ast.Starred(value=value):
                return touches(value)
            case ast.IfExp(body=a, orelse=b):
                return touches(a) or touches(b)
            case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Dict(values=parts) | ast.BoolOp(values=parts):
                return any(map(touches, parts))
            case ast.GeneratorExp(generators=[first, *_]):
                return touches(first.iter)  # read when it is used
            case ast.Call(func=func, args=args, keywords=named):
                given = [*args, *(k.value for k in named)]
                entry = known(static(func)) if isinstance(func, ast.Name | ast.Attribute) else None
                if isinstance(entry, Known):
                    return entry.name in VIEWS and any(map(touches, given))
                if isinstance(func, ast.Attribute) and static(func) is MISSING:
                    new = func.attr == "astype" or func.attr in methods() and f".{func.attr}" not in VIEWS
                    return not new and any(map(touches, [func.value, *given]))
                return any(map(touches, given))
        return False

    nodes = [n for s in body for n in ast.walk(s)]
    for _ in range(len(assigned(body)) + 1):
        for n in nodes:
            if isinstance(n, ast.Assign) and touches(n.value):
                shared |= {m for t in n.targets for m in targets(t)}
            elif isinstance(n, ast.AnnAssign) and touches(n.value):
                shared |= set(targets(n.target))
    return any(isinstance(n, ast.Return) and touches(n.value) for n in nodes)
