"""Function values from texts: closures, their signatures and their core functions; what types look like erased."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..compiler.errors import Span
from ..compiler.ir import Function, Var
from ..compiler.lock import kept
from ..compiler.sizes import Poly
from . import syntax as sx
from . import types as ty
from . import values as vs
from .elab_types import Signature
from .types import FnT, Type
from .values import Env, FnV, Leaf, RecordV, SumV, Value

if TYPE_CHECKING:
    from .elab_calls import Calls
    from .elaborate import Elaborator


@dataclass(eq=False)
class Code:
    """The text of a function: a `def`, a local function or a `fn`."""

    name: str
    params: tuple[sx.Param | sx.Pattern, ...]
    ret: sx.Type | None
    body: sx.Expr
    span: Span
    top: bool = False
    rule: sx.DerivativeDecl | None = None
    doc: str | None = None


@dataclass(eq=False)
class Typed:
    """A signature resolved: a type or None for each parameter, and for the result."""

    types: tuple[Type | None, ...]
    ret: Type | None
    sig: Signature

    @kept
    def bound(self) -> tuple[Var, ...]:
        """The sizes that the arguments must bind."""
        standing = sizes_in(self.types)
        return tuple(v for v in self.sig.sizes.values() if v in standing)


@dataclass(eq=False)
class Compiled:
    """A core function with the values of its parameters and result; `hidden` sizes come first."""

    function: Function
    params: tuple[Value, ...]
    result: Value
    hidden: int
    equations: tuple[tuple[Var, Poly], ...] = ()


class Closure(FnV):
    def __init__(self, elab: Calls, code: Code, env: Env) -> None:
        self.elab = elab
        self.code = code
        self.env = env
        self.name = code.name
        self._typed: Typed | None = None

    def apply(self, elab: Elaborator, args: Sequence[Value], named: Mapping[str, Value], span: Span) -> Value:
        return elab.apply_closure(self, args, named, span)

    def params(self) -> tuple[str, ...]:
        return tuple(param_name(p) for p in self.code.params)

    @property
    def typed(self) -> Typed:
        if self._typed is None:
            self._typed = self.elab.signature(self)
        return self._typed

    def declared(self) -> tuple[Type | None, ...]:
        return self.typed.types

    def key(self) -> object:
        return (id(self.code), id(self.env))


# ---------------------------------------------------------------- helpers


def param_name(p: sx.Param | sx.Pattern) -> str:
    if isinstance(p, sx.Param):
        return p.name
    return p.id if isinstance(p, sx.PName) else "_"


def count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def is_mono(c: Closure) -> bool:
    """Are all parameters written, without type variables and functions?"""
    types = c.typed.types
    return all(isinstance(p, sx.Param) and p.type is not None for p in c.code.params) and not any(
        t is None or ty.has_function(t) or any(True for _ in ty.type_vars(t)) for t in types)


def sizes_in(types: Sequence[Type | None]) -> set[Var]:
    """The size variables of parameters' types (those inside function types are bound elsewhere)."""
    found: set[Var] = set()

    def see(p: Poly | None) -> Poly | None:
        if p is not None:
            found.update(p.vars())
        return p

    for t in types:
        if t is not None and not isinstance(t, FnT):
            ty.map_sizes(t, see)
    return found


def erased(v: Value) -> object:
    """A value's type without sizes; functions by identity."""
    return v.key() if isinstance(v, FnV) else structure(v)


def structure(v: Value) -> object:
    """Kinds, ranks and nesting of a value."""
    match v:
        case Leaf():
            return (v.flex_kind, v.rank)
        case vs.TupleV(items):
            return ("tuple", *map(structure, items))
        case RecordV(decl, names, items):
            return ("record", decl if decl is not None else names, *map(structure, items))
        case SumV(decl):
            return ("sum", decl)
        case vs.ArrayV(axes, body):
            return ("array", len(axes), structure(body))
        case vs.StrV(text):
            return ("string", text)
    return v.key() if isinstance(v, FnV) else ()


def value_span(body: sx.Expr) -> Span:
    """Where a body's value stands."""
    return value_span(body.value) if isinstance(body, sx.Block) else body.span


