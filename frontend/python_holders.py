"""Which values hold a list: `t = (xs, 2.0)`, `ys = xs`, `g = (2 * v for v in xs)`, the loop `for v in xs`.

Where a list grows, Python shows that to all of them.  A fact `(h, xs)` says that `h` may be the list `xs`, or have it
inside; the analysis of statements (python_alias.py) keeps the facts, this is what expressions say.
"""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .python_flow import targets
from .python_iterators import ONE_SHOT
from .python_scope import MISSING
from .python_tables import Known

Names = frozenset[str]
Holds = frozenset[tuple[str, str]]
NONE: Names = frozenset()
OUTSIDE = "\0"
"""Stands for all that comes from outside."""

LOOP = "\2"
"""Begins the names of what loops go over."""

METHODS = frozenset({"copy", "_replace"})
"""Methods whose results hold what their object has inside."""


class Holders:
    """The facts at one place of a function; `returns` says whether a call may give back an argument, and what else."""

    def __init__(self, static: Callable[[ast.expr], Any], known: Callable[[Any], Known | None], is_local: Callable[[str], bool],
                 returns: Callable[[ast.Call], Names | None]) -> None:
        self.static = static
        self.known = known
        self.is_local = is_local
        self.returns = returns
        self.now: Holds = frozenset()
        self.items: Mapping[str, Names] = {}
        """What the names of comprehensions may be."""

    def parameters(self, names: Sequence[str]) -> None:
        """The caller has them, and what is in them is the caller's."""
        self.now |= {f for n in names for f in ((OUTSIDE, n), (n, OUTSIDE))}

    def of(self, h: str) -> Names:
        """The lists that a name holds."""
        return frozenset(x for g, x in self.now if g == h)

    def holders(self, x: str) -> Names:
        return frozenset(h for h, y in self.now if y == x)

    def bind(self, given: Sequence[tuple[str, Names, Names]]) -> None:
        """Names get new values at once, each the lists that it may be and those that it may have inside."""
        new = {n for n, *_ in given}
        kept = {(h, x) for h, x in self.now if not {h, x} & new}
        for n, alike, inside in given:
            kept |= {(n, x) for x in (alike | inside) - new}
            kept |= {(h, n) for x in alike for h in {x} | self.holders(x) if h not in new}
            kept |= {(n, m) for m, other, _ in given if m != n and (alike | inside) & other}
        self.now = frozenset(kept)

    def same(self, names: Sequence[str]) -> None:
        """Names that get one value, `a = b = [x]`."""
        self.now |= {(n, m) for n in names for m in names if n != m}

    def taken(self, names: Sequence[str], lists: Names) -> None:
        """Names that get items of lists: those hold them, and so do all that hold the lists."""
        for x in lists.difference(names):
            self.now |= {(h, n) for h in ({x} | self.holders(x)).difference(names) for n in names}

    def put(self, name: str, lists: Names) -> None:
        """An item of a list, tuple or dict: all that hold this hold the item."""
        self.now |= {(h, x) for h in {name} | self.holders(name) for x in lists if h != x}

    # ------------------------------------------------ expressions

    def held(self, e: ast.expr) -> Names:
        alike, inside = self.value(e)
        return alike | inside

    def owners(self, e: ast.expr) -> Names:
        """The lists of which a value may be an item."""
        match e:
            case ast.Subscript(slice=ast.Slice()):
                return NONE
            case ast.Subscript(value=value) | ast.Attribute(value=value):
                return self.held(value)
            case ast.IfExp(body=a, orelse=b):
                return self.owners(a) | self.owners(b)
        return NONE

    def items_of(self, e: ast.expr) -> Names:
        """What the items of a value may be."""
        if isinstance(e, ast.Call) and self.static(e.func) in (enumerate, zip, reversed):
            return frozenset().union(*map(self.items_of, e.args))
        return self.value(e)[1]

    def value(self, e: ast.expr) -> tuple[Names, Names]:
        """The lists that a value may be, and those that it may have inside."""
        match e:
            case ast.Name(id=name) if name in self.items:
                return self.items[name], NONE
            case ast.Name(id=name):
                if self.is_local(name):
                    return frozenset((name,)), self.of(name)
                return frozenset(() if isinstance(self.static(e), int | float) else (OUTSIDE,)), NONE
            case ast.Subscript(value=value, slice=ast.Slice()):
                return NONE, self.value(value)[1]
            case ast.Attribute(value=value) if self.static(e) is MISSING:
                return (NONE, NONE) if e.attr in ("shape", "size", "T") else (self.value(value)[1], NONE)
            case ast.Attribute():
                return frozenset((OUTSIDE,)), NONE
            case ast.Subscript(value=value):
                return self.value(value)[1], NONE
            case ast.IfExp(body=a, orelse=b):
                return self.either([a, b])
            case ast.BoolOp(values=values):
                return self.either(values)
            case ast.BinOp(left=left, op=ast.Add() | ast.Mult(), right=right):
                return NONE, self.value(left)[1] | self.value(right)[1]
            case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Dict(values=parts):
                return NONE, self.all(parts)
            case ast.Starred(value=value):
                return self.value(value)[1], NONE
            case ast.ListComp(elt=elt, generators=generators) | ast.GeneratorExp(elt=elt, generators=generators):
                outer, late = self.items, self.held(generators[0].iter) if isinstance(e, ast.GeneratorExp) else NONE
                for g in generators:
                    self.items = {**self.items, **dict.fromkeys(targets(g.target), self.items_of(g.iter))}
                found = self.held(elt)
                self.items = outer
                return NONE, found | late
            case ast.Call():
                return self.call(e)
        return NONE, NONE

    def either(self, ways: Sequence[ast.expr]) -> tuple[Names, Names]:
        found = [self.value(w) for w in ways]
        return frozenset().union(*(a for a, _ in found)), frozenset().union(*(i for _, i in found))

    def all(self, parts: Sequence[ast.expr]) -> Names:
        return frozenset().union(*map(self.held, parts))

    def call(self, e: ast.Call) -> tuple[Names, Names]:
        value = self.static(e.func)
        given = [*e.args, *(k.value for k in e.keywords)]
        if isinstance(value, type) and value in ONE_SHOT:
            return NONE, self.all(given)
        known = self.known(value) if value is not MISSING else None
        if isinstance(known, Known):  # arrays are copies of lists
            return NONE, self.either(given)[1] if known.name in ("list", "sorted") else NONE
        if value is dataclasses.replace or isinstance(value, type):
            return NONE, self.all(given) | self.either(given)[1]
        if isinstance(e.func, ast.Attribute) and value is MISSING and e.func.attr in METHODS:
            return NONE, self.value(e.func.value)[1] | self.all(given)
        more = self.returns(e)
        if isinstance(e.func, ast.Attribute) and value is MISSING:
            given.append(e.func.value)
        return (NONE, NONE) if more is None else (self.all(given) | more, NONE)


def growing_list(h: str, name: str) -> tuple[str, str]:
    """Why a list that `h` holds can't grow, and what to write."""
    if h == OUTSIDE:
        return (f"{name} is a parameter, or shares its memory: the arguments of a function are never changed",
                f"write {name} = list({name}) first, and return it")
    if h.startswith(LOOP):
        return (f"{name} changes while a loop goes over it: in Python the loop sees that",
                f"go over list({name}) if it should not; else keep the elements in an array, {name} = np.zeros(room), and count them: "
                + f"while i < n: v = {name}[i]; {name}[n] = …; n += 1")
    return (f"{name} and {h} are one list in Python, or one has the other inside: this changes both",
            f"write list({name}) where the other is made, or make it behind this")


