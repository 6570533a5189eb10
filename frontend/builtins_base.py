"""What the builtins share: the table, arguments by name, axes, vectors, values of the prelude.

    @builtin("concat", "*arrays", "the arrays one after the other along the first axis")
    def concat(elab, span, arrays): ...

A signature lists parameters; `v?` is optional, `*vs` takes all that are left, and what stands behind
`|` is given by name only.  Optional ones that are missing arrive as None.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from ..compiler.errors import Span
from ..compiler.ir import Atom, Const
from . import values as vs
from .values import ArrayV, Builtin, FnV, Leaf, TupleV, Value, axes_of

if TYPE_CHECKING:
    from .elaborate import Elaborator

TABLE: dict[str, Value] = {}


@dataclass(frozen=True, slots=True)
class Params:
    """A signature: positional names, the optional ones, the name of the rest, names of keywords."""

    name: str
    positional: tuple[str, ...]
    optional: frozenset[str]
    rest: str | None
    keywords: tuple[str, ...]

    @property
    def required(self) -> int:
        return len(self.positional) - sum(p in self.optional for p in self.positional)

    def bind(self, elab: Elaborator, args: Sequence[Value], named: Mapping[str, Value], span: Span) -> dict[str, Any]:
        found: dict[str, Any] = dict(zip(self.positional, args, strict=False))
        extra = tuple(args[len(self.positional):])
        if self.rest is not None:
            found[self.rest] = extra
        elif extra:
            self.count_error(elab, len(args), span, extra)
        for name, value in named.items():
            if name not in self.positional and name not in self.keywords:
                self.unknown(elab, name, span)
            if name in found:
                elab.type_error("DV0304", f"{self.name}: the argument {name} is given twice", span)
            found[name] = value
        for name in (*self.positional, *self.keywords):
            if name not in found:
                if name in self.positional and name not in self.optional:
                    self.count_error(elab, len(args), span)
                found[name] = None
        return found

    def count_error(self, elab: Elaborator, given: int, span: Span, extra: Sequence[Value] = ()) -> NoReturn:
        low, high = self.required, len(self.positional)
        if self.rest is not None:
            wanted = f"{low} or more" if low else "any number of"
        else:
            wanted = str(low) if low == high else f"{low} to {high}"
        plural = "argument" if wanted == "1" else "arguments"
        elab.type_error("DV0303", f"{self.name} takes {wanted} {plural} ({', '.join(self.shown())}), this gives {given}",
                        span, help=self._named(extra))

    def _named(self, extra: Sequence[Value]) -> str | None:
        """An axis has a name in front: `sum(a, axis = 0)`."""
        v = extra[0] if len(extra) == 1 and "axis" in self.keywords else None
        return f"write `axis = {v.atom.value}`" if isinstance(v, Leaf) and isinstance(v.atom, Const) and v.kind == "i64" else None

    def unknown(self, elab: Elaborator, name: str, span: Span) -> NoReturn:
        known = [*self.positional, *self.keywords]
        close = difflib.get_close_matches(name, known, 1)
        elab.type_error("DV0304", f"{self.name} has no argument {name}", span,
                        help=f"did you mean {close[0]}?" if close
                        else f"it has {', '.join(known)}" if known else None)

    def shown(self) -> list[str]:
        out = [f"{p}?" if p in self.optional else p for p in self.positional]
        if self.rest is not None:
            out.append(f"{self.rest} …")
        return [*out, *(f"{k} =" for k in self.keywords)]


def signature(name: str, text: str) -> Params:
    left, _, right = text.partition("|")
    positional: list[str] = []
    optional: set[str] = set()
    rest = None
    for word in (w.strip() for w in left.split(",")):
        if word.startswith("*"):
            rest = word[1:]
        elif word:
            positional.append(word.rstrip("?"))
            if word.endswith("?"):
                optional.add(word.rstrip("?"))
    keywords = tuple(w.strip() for w in right.split(",") if w.strip())
    return Params(name, tuple(positional), frozenset(optional), rest, keywords)


Implementation = Callable[..., Value]


def builtin(name: str, text: str, doc: str, *, gen: Any = None, lifts: int = 0) -> Callable[[Implementation], Implementation]:
    """Registers a function `(elab, span, **arguments) -> Value`."""

    def register(f: Implementation) -> Implementation:
        TABLE[name] = make(name, text, doc, f, gen, lifts)
        return f

    return register


def make(name: str, text: str, doc: str, f: Implementation, gen: Any = None, lifts: int = 0) -> Builtin:
    params = signature(name, text)

    def call(elab: Elaborator, args: Sequence[Value], named: Mapping[str, Value], span: Span) -> Value:
        with elab.at(span):
            return f(elab, span, **params.bind(elab, args, named, span))

    return Builtin(name, call, gen, None if params.rest else params.positional,
                   f"{name}({', '.join(params.shown())}): {doc}", lifts)


# ---------------------------------------------------------------- checks


def expected(elab: Elaborator, who: str, what: str, v: Value, span: Span, help: str | None = None) -> NoReturn:
    elab.type_error("DV0306", f"{who} takes {what}, this is {vs.show_type(v)}", span, help=help)


def array(elab: Elaborator, who: str, v: Value, span: Span, what: str = "an array") -> Leaf | ArrayV:
    if isinstance(v, Leaf) and v.rank or isinstance(v, ArrayV):
        return v
    expected(elab, who, what, v, span, "an array of one element is [x]" if isinstance(v, Leaf) else None)


def numbers(elab: Elaborator, who: str, v: Value, span: Span, what: str = "an array of numbers") -> Leaf:
    """An array of scalars that are no bools."""
    if isinstance(v, Leaf) and v.rank and v.kind != "bool":
        return v
    help = None
    if isinstance(v, Leaf) and v.kind == "bool" and who in ("sum", "mean"):
        help = "count(v) counts what is true" if who == "sum" else "count(v) / len(v) is the share of what is true"
    expected(elab, who, what, v, span, help)


def vector(elab: Elaborator, who: str, v: Value, span: Span) -> Leaf | ArrayV:
    """One axis."""
    a = array(elab, who, v, span, "a vector")
    if len(axes_of(a)) != 1:
        expected(elab, who, "a vector", v, span,
                 f"take the rows: [{who}(r) for r in a]" if len(axes_of(a)) == 2 else None)
    return a


def function(elab: Elaborator, who: str, v: Value, span: Span) -> FnV:
    if isinstance(v, FnV):
        return v
    elab.type_error("DV0306", f"{who} must be a function, this is {vs.show_type(v)}", span)


def sizes(elab: Elaborator, who: str, values: Sequence[Value], span: Span) -> tuple[Atom, ...]:
    """Sizes one by one, or as one tuple; each is checked not to be negative."""
    if len(values) == 1 and isinstance(values[0], TupleV):
        values = values[0].items
    if not values:
        elab.type_error("DV0303", f"{who} takes one size or more", span)
    return tuple(elab.nonneg_extent(elab.scalar(v, "i64", f"a size of {who}", span)) for v in values)


def literal(v: Value) -> int | None:
    """The value of a constant integer."""
    if isinstance(v, Leaf) and isinstance(v.atom, Const) and v.kind == "i64":
        return int(v.atom.value)
    return None


def axes(elab: Elaborator, who: str, v: Value | None, rank: int, span: Span) -> tuple[int, ...] | None:
    """`axis = k` or `axis = (k, l)`, from the end if negative; None where it is not given."""
    if v is None:
        return None
    items = v.items if isinstance(v, TupleV) else (v,)
    found: list[int] = []
    for item in items:
        k = literal(item)
        if k is None:
            elab.type_error("DV0306", f"{who}: axis must be a literal integer or a tuple of them, this is "
                            f"{vs.show_type(item)}", span, help="the rank of a result is known at compile time")
        if not -rank <= k < rank:
            elab.type_error("DV0313", f"{who}: axis {k} is out of range, the array has "
                            f"{rank} {'axis' if rank == 1 else 'axes'}", span,
                            help=f"the axes are {', '.join(map(str, range(rank)))}" if rank > 1 else "the axis is 0")
        if k % rank in found:
            elab.type_error("DV0313", f"{who}: axis {k} is given twice", span)
        found.append(k % rank)
    return tuple(sorted(found))


def from_prelude(elab: Elaborator, name: str) -> FnV:
    """A function of the prelude, whatever the program has shadowed."""
    f = elab.prelude(name)
    assert isinstance(f, FnV), name
    return f
