"""Lists that grow: `xs.append(e)`.

Outside of loops that is a longer list.  In a loop it is what the loop collects: the step gives the element (and, where
not every step has one, whether it has), and behind the loop stands the list.  So n elements cost n steps, and no list
is a state of a loop.  What the steps read of it are its last element and its length.
"""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from .python_flow import Names, exits, reads, targets

MUTATORS = ("append", "extend", "insert", "pop", "remove", "clear", "sort", "reverse")


class Append(ast.Assign):
    """`xs.append(e)`, to the analyses of statements `xs = xs + [e]`."""

    name: str
    element: ast.expr


class Extend(Append):
    """`xs.extend(v)`, `xs += v`: to the analyses `xs = xs + [t for t in v]`; `element` is the list behind it."""


class Shrink(ast.Assign):
    """`xs.pop()` after what it gives: `xs = xs[:-1]`, or `xs = xs[1:]`."""

    name: str


def grown_lists(stmts: Sequence[ast.stmt], *kinds: type[ast.expr]) -> Names:
    """The names that are given lists (or what else is of these kinds), and nothing else: `+=` makes them longer."""
    nodes = [n for s in stmts for n in ast.walk(s)]
    lists = Counter(t.id for n in nodes if isinstance(n, ast.Assign) and isinstance(n.value, kinds or (ast.List, ast.ListComp))
                    for t in n.targets if isinstance(t, ast.Name))
    added = Counter(n.target.id for n in nodes if isinstance(n, ast.AugAssign) and isinstance(n.target, ast.Name))
    added += Counter(n.name for n in nodes if isinstance(n, Append | Shrink))
    stored = Counter(n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
    return frozenset(n for n, k in lists.items() if k + added[n] == stored[n])


def appending(stmts: Sequence[ast.stmt], lists: Names | None = None) -> list[ast.stmt]:
    """The statements, with `Append`s and `Shrink`s for what makes lists longer and shorter; `lists` are names of lists."""
    lists = grown_lists(stmts) if lists is None else lists
    out: list[ast.stmt] = []
    for s in stmts:
        match s:
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name() as xs, attr="extend"), args=[more], keywords=[])) \
                    if not isinstance(more, ast.Starred):
                out += longer(xs, more, s)
            case ast.AugAssign(target=ast.Name(id=name) as xs, op=ast.Add(), value=more) if name in lists:
                out += longer(xs, more, s)
            case ast.Expr(value=ast.Call() as popped) if (made := shrink(popped, None)) is not None:
                out += made
            case ast.Assign(targets=[ast.Name() as t], value=ast.Call() as popped) if (made := shrink(popped, t)) is not None:
                out += made
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name() as xs, attr="append"), args=[e], keywords=[])) \
                    if not isinstance(e, ast.Starred):
                out.append(located(Append, xs.id, e, ast.List([e], ast.Load()), s.value))
            case ast.If() | ast.For() | ast.While():
                new = copy.copy(s)
                new.body, new.orelse = appending(s.body, lists), appending(s.orelse, lists)
                out.append(new)
            case ast.Match():
                both = copy.copy(s)
                both.cases = [ast.match_case(c.pattern, c.guard, appending(c.body, lists)) for c in s.cases]
                out.append(both)
            case _:
                out.append(s)
    return out


def longer(xs: ast.Name, more: ast.expr, s: ast.stmt) -> list[ast.stmt]:
    """`xs.extend(more)`: element by element where they are written out, unless they see the list as it was."""
    written = isinstance(more, ast.List | ast.Tuple) and more.elts and not any(isinstance(e, ast.Starred) for e in more.elts)
    if written and isinstance(more, ast.List | ast.Tuple) and (len(more.elts) == 1 or xs.id not in reads(more)):
        return [located(Append, xs.id, e, ast.List([e], ast.Load()), s) for e in more.elts]
    item = ast.Name(f"item of {xs.id}", ast.Load())
    whole = ast.ListComp(item, [ast.comprehension(ast.Name(item.id, ast.Store()), more, [], 0)])
    if isinstance(more, ast.GeneratorExp):
        whole = ast.ListComp(more.elt, more.generators)
    return [located(Extend, xs.id, whole, whole, s)]


def located(kind: type[Append], name: str, element: ast.expr, behind: ast.expr, s: ast.AST) -> Append:
    made = kind([ast.Name(name, ast.Store())], ast.BinOp(ast.Name(name, ast.Load()), ast.Add(), behind))
    made.name, made.element = name, element
    _place(made, s)
    return made


def _place(made: ast.AST, at: ast.AST) -> None:
    """Gives a place to the nodes that were made; those of the text keep theirs."""
    for n in ast.walk(made):
        if not hasattr(n, "lineno"):
            ast.copy_location(n, at)


def shrink(call: ast.Call, target: ast.Name | None) -> list[ast.stmt] | None:
    """`y = xs.pop()`, of the last element or the first."""
    match call:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="pop"), args=args, keywords=[]):
            where = -1 if not args else ast.literal_eval(args[0]) if len(args) == 1 and _is_end(args[0]) else None
            if where is None:
                return None
            given = ast.Subscript(ast.Name(name, ast.Load()), ast.Constant(0) if where == 0 else
                                  ast.UnaryOp(ast.USub(), ast.Constant(1)), ast.Load())
            rest = ast.Slice(ast.Constant(1), None) if where == 0 else ast.Slice(None, ast.UnaryOp(ast.USub(), ast.Constant(1)))
            made = Shrink([ast.Name(name, ast.Store())], ast.Subscript(ast.Name(name, ast.Load()), rest, ast.Load()))
            made.name = name
            out: list[ast.stmt] = [] if target is None else [ast.Assign([target], given)]
            for s in (*out, made):
                _place(s, call)
            return [*out, made] if target is None or target.id != name else out
    return None


def _is_end(e: ast.expr) -> bool:
    return ast.unparse(e) in ("0", "-1")


def appends(stmts: Sequence[ast.stmt], loops: bool = True) -> Iterator[Append]:
    """The appends among statements; `loops`: those of inner loops, too."""
    for s in stmts:
        match s:
            case Append():
                yield s
            case ast.If(body=body, orelse=orelse):
                yield from appends([*body, *orelse], loops)
            case ast.For(body=body) | ast.While(body=body) if loops:
                yield from appends(body)
            case ast.Match(cases=cases):
                for c in cases:
                    yield from appends(c.body, loops)


def renewed(stmts: Sequence[ast.stmt]) -> set[str]:
    """The names that are given new values, and not only further elements."""
    return {n.id for s in stmts for a in ast.walk(s) if isinstance(a, ast.Assign) and not isinstance(a, Append)
            for t in a.targets for n in ast.walk(t) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def comprehension(s: ast.stmt, after: Names) -> tuple[str, ast.ListComp] | None:
    """`for … in …: for … in …: if …: xs.append(e)` as the list that is appended; None for anything else."""
    generators: list[ast.comprehension] = []
    here: ast.stmt = s
    while isinstance(here, ast.For) and len(here.body) == 1 and not here.orelse and not after & set(targets(here.target)):
        generators.append(ast.comprehension(here.target, here.iter, [], 0))
        here = here.body[0]
    if generators and isinstance(here, ast.If) and len(here.body) == 1 and not here.orelse:
        generators[-1].ifs.append(here.test)
        here = here.body[0]
    if not generators or not isinstance(here, Append):
        return None
    if any(isinstance(n, ast.Name) and n.id == here.name for g in generators for x in (g.iter, *g.ifs) for n in ast.walk(x)) \
            or any(isinstance(n, ast.Name) and n.id == here.name for n in ast.walk(here.element)):
        return None
    return here.name, ast.copy_location(ast.ListComp(here.element, generators), here)


@dataclass(eq=False)
class Growth:
    """One list in one loop: the names of what a step gives, in the order of its appends."""

    name: str
    items: list[str] = field(default_factory=list)
    flags: list[str | None] = field(default_factory=list)
    """For each item the name of whether this step has it; None where every step does."""
    reads_last: bool = False
    reads_length: bool = False
    elements: list[ast.expr] = field(default_factory=list)

    @property
    def last(self) -> str:
        return f"last {self.name}"

    @property
    def length(self) -> str:
        return f"length {self.name}"


class Rewriting:
    """A loop's body without its appends; `changed` are the nodes that were made anew, `other` reads that can't be."""

    def __init__(self, growths: dict[str, Growth]) -> None:
        self.growths = growths
        self.changed: list[tuple[ast.AST, ast.AST]] = []
        self.other: ast.AST | None = None

    def body(self, stmts: Sequence[ast.stmt], sure: bool = True) -> list[ast.stmt]:
        """`sure`: every step comes here."""
        out: list[ast.stmt] = []
        for s in stmts:
            if isinstance(s, Append) and s.name in self.growths:
                out += self.append(s, sure)
            else:
                out.append(self.statement(s))
            sure = sure and not exits([s]).leaves
        return out

    def append(self, s: Append, sure: bool) -> list[ast.stmt]:
        g = self.growths[s.name]
        k = len(g.items)
        item, flag = f"item {k} {s.name}", None if sure else f"has {k} {s.name}"
        g.items.append(item)
        g.flags.append(flag)
        g.elements.append(s.element)
        out: list[ast.stmt] = [set_(item, self.expr(s.element), s)]
        if flag is not None:
            out.append(set_(flag, ast.Constant(True), s))
        if g.reads_last:
            out.append(set_(g.last, ast.Name(item, ast.Load()), s))
        if g.reads_length:
            out.append(set_(g.length, ast.BinOp(ast.Name(g.length, ast.Load()), ast.Add(), ast.Constant(1)), s))
        return out

    def statement(self, s: Any) -> Any:
        match s:
            case Append(element=element) if (made := self.expr(element)) is not element:
                more = copy.copy(s)
                more.element = made
                more.value = ast.copy_location(ast.BinOp(ast.Name(s.name, ast.Load()), ast.Add(), ast.List([made], ast.Load())), s)
                for n in ast.walk(more.value):
                    if not hasattr(n, "lineno"):
                        ast.copy_location(n, s)
                return more
            case Append():
                return s
            case ast.Match():
                both = copy.copy(s)
                both.subject = self.expr(s.subject)
                both.cases = [ast.match_case(c.pattern, None if c.guard is None else self.expr(c.guard), self.body(c.body, False))
                              for c in s.cases]
                return self.noted(s, both)
            case ast.If() | ast.For() | ast.While():
                new = copy.copy(s)
                for part in ("test", "iter"):
                    if hasattr(s, part):
                        setattr(new, part, self.expr(getattr(s, part)))
                new.body, new.orelse = self.body(s.body, False), self.body(s.orelse, False)
                return self.noted(s, new)
        return self.expr(s)

    def expr(self, node: Any) -> Any:
        """A node with `xs[-1]` and `len(xs)` as variables."""
        match node:
            case ast.Subscript(value=ast.Name(id=name), slice=ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=1)),
                               ctx=ast.Load()) if name in self.growths:
                self.growths[name].reads_last = True
                return ast.copy_location(ast.Name(self.growths[name].last, ast.Load()), node)
            case ast.Call(func=ast.Name(id="len"), args=[ast.Name(id=name)], keywords=[]) if name in self.growths:
                self.growths[name].reads_length = True
                return ast.copy_location(ast.Name(self.growths[name].length, ast.Load()), node)
            case ast.Name(id=name) if name in self.growths:
                self.other = self.other or node
                return node
            case ast.FunctionDef() | ast.Lambda() if any(isinstance(n, ast.Name) and n.id in self.growths for n in ast.walk(node)):
                self.other = self.other or node
                return node
        parts: dict[str, Any] = {}
        for name, value in ast.iter_fields(node):
            if isinstance(value, ast.AST):
                changed: Any = self.expr(value)
                if changed is not value:
                    parts[name] = changed
            elif isinstance(value, list):
                several = [self.expr(v) if isinstance(v, ast.AST) else v for v in value]
                if any(a is not b for a, b in zip(several, value, strict=True)):
                    parts[name] = several
        if not parts:
            return node
        new = copy.copy(node)
        for name, value in parts.items():
            setattr(new, name, value)
        return self.noted(node, new)

    def noted(self, old: ast.AST, new: ast.AST) -> ast.AST:
        self.changed.append((old, new))
        return new


def set_(name: str, value: ast.expr, at: ast.AST) -> ast.Assign:
    """`name = value`."""
    made = ast.Assign([ast.Name(name, ast.Store())], value)
    for n in (made, made.targets[0], *(x for x in ast.walk(value) if not hasattr(x, "lineno"))):
        ast.copy_location(n, at)
    return made
