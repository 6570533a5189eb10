"""Elaborated values: what an expression is at compile time.

Data values are trees whose leaves are core atoms; function values are templates that are elaborated
where they are applied.

    Leaf     one atom: a scalar, or an array of scalars; `flex` marks a literal (`int?`, `float?`)
    TupleV   items                         RecordV  fields of a record type, or of an anonymous record
    SumV     a tag and the payloads of all constructors (those not taken are zeros of size 0)
    ArrayV   an array of tuples, records or sums as a structure of arrays: each leaf of `body` has
             `axes` in front of its own (an array of scalars is a plain Leaf)
    StrV     a string, at compile time only
    FnV      a function: `apply(elab, args, named, span)`

What this file offers needs no builder; everything that emits code is a method of `Elaborator`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..compiler.errors import Span
from ..compiler.ir import Atom, Const, Var
from ..compiler.sizes import Poly, poly_of
from . import types as ty
from .types import RecordDecl, Size, SumDecl, Type

if TYPE_CHECKING:
    from . import syntax as sx
    from .elaborate import Elaborator


@dataclass(frozen=True, slots=True, eq=False)
class Leaf:
    """`flex`: an i64 atom is an integer literal's, an f64 atom one that is made of literals only."""

    atom: Atom
    flex: bool = False

    @property
    def kind(self) -> str:
        return self.atom.type.kind

    @property
    def shape(self) -> tuple[Atom, ...]:
        return self.atom.type.shape

    @property
    def rank(self) -> int:
        return len(self.atom.type.shape)

    @property
    def flex_kind(self) -> str:
        """The kind, or `int?`, `float?` of a literal."""
        if self.flex:
            return {"i64": "int?", "f64": "float?"}.get(self.kind, self.kind)
        return self.kind


@dataclass(frozen=True, slots=True, eq=False)
class TupleV:
    items: tuple[Value, ...]


@dataclass(frozen=True, slots=True, eq=False)
class RecordV:
    """`decl` is None for an anonymous record."""

    decl: RecordDecl | None
    names: tuple[str, ...]
    items: tuple[Value, ...]

    def field(self, name: str) -> Value | None:
        return self.items[self.names.index(name)] if name in self.names else None


@dataclass(frozen=True, slots=True, eq=False)
class SumV:
    decl: SumDecl
    tag: Leaf
    payloads: tuple[tuple[Value, ...], ...]


@dataclass(frozen=True, slots=True, eq=False)
class ArrayV:
    axes: tuple[Atom, ...]
    body: Value


@dataclass(frozen=True, slots=True, eq=False)
class StrV:
    text: str


class FnV:
    """A function value.

    `apply` elaborates the application in place; `params` are the names of its parameters (None: any
    number), `declared` their declared types where all are known (for coercion and transforms).
    """

    name: str

    def apply(self, elab: Elaborator, args: Sequence[Value], named: Mapping[str, Value], span: Span) -> Value:
        raise NotImplementedError

    def params(self) -> tuple[str, ...] | None:
        return None

    def declared(self) -> tuple[Type | None, ...] | None:
        return None

    def key(self) -> object:
        """Functions with equal keys do the same."""
        return self


class Scope(FnV):
    """A module as a value: its names are its fields."""

    def member(self, elab: Elaborator, name: str, span: Span) -> Value:
        raise NotImplementedError

    def apply(self, elab: Elaborator, args: Sequence[Value], named: Mapping[str, Value], span: Span) -> Value:
        elab.type_error("DV0304", f"{self.name} is a module, not a function", span)


Value = Leaf | TupleV | RecordV | SumV | ArrayV | StrV | FnV


@dataclass(frozen=True, slots=True, eq=False)
class GenArg:
    """`e for gens` as the last argument of a call, not yet elaborated."""

    body: sx.Expr
    gens: sx.Gens
    env: Env
    span: Span


BuiltinApply = Callable[["Elaborator", Sequence[Value], Mapping[str, Value], Span], Value]
BuiltinGen = Callable[["Elaborator", GenArg, Sequence[Value], Mapping[str, Value], Span], Value]


@dataclass(eq=False)
class Builtin(FnV):
    """A function of the language that is written in Python.

    `lifts`: from how many arguments on it goes element by element over arrays (0: it does not).
    `call(elab, args, named, span)`; `gen(elab, generator, args, named, span)` where it takes a
    generator argument (without it, the call gets `[e for …]` as its last argument).
    """

    name: str
    call: BuiltinApply
    gen: BuiltinGen | None = None
    names: tuple[str, ...] | None = None
    doc: str = ""
    lifts: int = 0

    def apply(self, elab: Elaborator, args: Sequence[Value], named: Mapping[str, Value], span: Span) -> Value:
        return self.call(elab, args, named, span)

    def params(self) -> tuple[str, ...] | None:
        return self.names


@dataclass(eq=False)
class Native(FnV):
    """A function made during elaboration: a pullback, `grad(f)`, a composition."""

    name: str
    call: BuiltinApply
    names: tuple[str, ...] | None = None
    types: tuple[Type | None, ...] | None = None
    identity: object = None
    extra: object = None
    origin: object = None

    def apply(self, elab: Elaborator, args: Sequence[Value], named: Mapping[str, Value], span: Span) -> Value:
        return self.call(elab, args, named, span)

    def params(self) -> tuple[str, ...] | None:
        return self.names

    def declared(self) -> tuple[Type | None, ...] | None:
        return self.types

    def key(self) -> object:
        return self if self.identity is None else (self.name, self.identity)


# ---------------------------------------------------------------- environments


class Env:
    """Names in scope; a scope of its own for each binder.  `types` are type variables bound by a call."""

    __slots__ = ("names", "parent", "spans", "types")

    def __init__(self, parent: Env | None = None, names: dict[str, Value] | None = None) -> None:
        self.parent = parent
        self.names: dict[str, Value] = {} if names is None else names
        self.types: dict[str, Type] = {}
        self.spans: dict[str, Span] = {}

    def get(self, name: str) -> Value | None:
        env: Env | None = self
        while env is not None:
            found = env.names.get(name)
            if found is not None:
                return found
            found = env.resolve(name)
            if found is not None:
                return found
            env = env.parent
        return None

    def resolve(self, name: str) -> Value | None:
        """For scopes that make their values on demand (a module's)."""
        return None

    def get_type(self, name: str) -> Type | None:
        env: Env | None = self
        while env is not None:
            if name in env.types:
                return env.types[name]
            env = env.parent
        return None

    def all_names(self) -> set[str]:
        env: Env | None = self
        found: set[str] = set()
        while env is not None:
            found |= set(env.own_names())
            env = env.parent
        return found

    def own_names(self) -> Iterator[str]:
        yield from self.names

    @property
    def root(self) -> Env:
        env = self
        while env.parent is not None:
            env = env.parent
        return env


# ---------------------------------------------------------------- structure


def leaf(value: float | bool, kind: str) -> Leaf:
    """A constant of a settled kind."""
    return Leaf(Const(value, kind))


def int_lit(n: int) -> Leaf:
    return Leaf(Const(n, "i64"), True)


def float_lit(x: float) -> Leaf:
    return Leaf(Const(x, "f64"), True)


def leaves(v: Value) -> Iterator[Leaf]:
    """The leaves of a data value in order."""
    match v:
        case Leaf():
            yield v
        case TupleV(items) | RecordV(_, _, items):
            for i in items:
                yield from leaves(i)
        case SumV(_, tag, payloads):
            yield tag
            for p in payloads:
                for i in p:
                    yield from leaves(i)
        case ArrayV(_, body):
            yield from leaves(body)


def map_leaves(v: Value, f: Callable[[Leaf], Leaf]) -> Value:
    """The same structure with each leaf replaced; the axes of arrays of structures stay as they are."""
    match v:
        case Leaf():
            return f(v)
        case TupleV(items):
            return TupleV(tuple(map_leaves(i, f) for i in items))
        case RecordV(decl, names, items):
            return RecordV(decl, names, tuple(map_leaves(i, f) for i in items))
        case SumV(decl, tag, payloads):
            return SumV(decl, f(tag), tuple(tuple(map_leaves(i, f) for i in p) for p in payloads))
        case ArrayV(axes, body):
            return ArrayV(axes, map_leaves(body, f))
    return v


def map_numbers(v: Value, f: Callable[[Leaf], Leaf]) -> Value:
    """`map_leaves`, but sum values keep their constructors."""
    tags = {id(tag) for tag in tags_of(v)}
    return map_leaves(v, lambda x: x if id(x) in tags else f(x))


def tags_of(v: Value) -> Iterator[Leaf]:
    """The tags of the sum values in a value."""
    match v:
        case TupleV(items) | RecordV(_, _, items):
            for i in items:
                yield from tags_of(i)
        case ArrayV(_, body):
            yield from tags_of(body)
        case SumV(_, tag, payloads):
            yield tag
            for p in payloads:
                for i in p:
                    yield from tags_of(i)


def rebuild(v: Value, atoms: Sequence[Atom], *, flex: bool = True) -> Value:
    """The same structure over these atoms (one for each leaf, of the same rank); axes are read off them.

    `flex` False: literals have got their width.
    """
    it = iter(atoms)
    return reread(map_leaves(v, lambda x: Leaf(next(it), x.flex and flex)), 0)


def reread(v: Value, drop: int = 0) -> Value:
    """The sizes of arrays of structures read off their leaves, behind `drop` axes of arrays around them."""
    match v:
        case TupleV(items):
            return TupleV(tuple(reread(i, drop) for i in items))
        case RecordV(decl, names, items):
            return RecordV(decl, names, tuple(reread(i, drop) for i in items))
        case SumV(decl, tag, payloads):
            return SumV(decl, tag, tuple(tuple(reread(i, drop) for i in p) for p in payloads))
        case ArrayV(axes, body):
            first = next(leaves(body), None)
            end = drop + len(axes)
            return ArrayV(axes if first is None else first.shape[drop:end], reread(body, end))
    return v


def array_of(axes: Sequence[Atom], body: Value) -> Value:
    """An array whose elements are described by `body`, each of whose leaves begins with `axes`."""
    if not axes or isinstance(body, Leaf):
        return body
    if isinstance(body, ArrayV):
        return ArrayV((*axes, *body.axes), body.body)
    return ArrayV(tuple(axes), body)


def axes_of(v: Value) -> tuple[Atom, ...]:
    """The sizes of an array value, () for what is no array."""
    if isinstance(v, Leaf):
        return v.shape
    return v.axes if isinstance(v, ArrayV) else ()


def has_function(v: Value) -> bool:
    match v:
        case FnV():
            return True
        case TupleV(items) | RecordV(_, _, items):
            return any(map(has_function, items))
        case ArrayV(_, body):
            return has_function(body)
    return False


def type_of(v: Value, drop: int = 0) -> Type:
    """The type of a value, without its first `drop` axes."""
    match v:
        case Leaf():
            return ty.array_of(ty.ScalarT(v.flex_kind), tuple(map(poly_of, v.shape[drop:])))
        case TupleV(items):
            return ty.TupleT(tuple(type_of(i, drop) for i in items))
        case RecordV(None, names, items):
            return ty.AnonT(names, tuple(type_of(i, drop) for i in items))
        case RecordV(decl, _, items):
            assert decl is not None
            return ty.RecordT(decl, record_sizes(decl, [type_of(i, drop) for i in items]))
        case SumV(decl):
            return ty.SumT(decl)
        case ArrayV(axes, body):
            return ty.array_of(type_of(body, drop + len(axes)), tuple(map(poly_of, axes)))
        case StrV():
            return ty.StrT()
    declared = v.declared() or (None,) * len(v.params() or ())
    return ty.FnT(tuple(ty.VarT("_") if t is None else t for t in declared), ty.VarT("_"))


def record_sizes(decl: RecordDecl, types: Sequence[Type]) -> tuple[Size, ...]:
    """The sizes of a record, read off its fields' types where they stand alone."""
    found: dict[Var, Poly] = {}

    def see(pattern: Type, actual: Type) -> None:
        match pattern, actual:
            case ty.ArrayT(e, sizes), ty.ArrayT(f, given):
                for p, q in zip(sizes, given, strict=False):
                    note(p, q)
                see(e, f)
            case ty.TupleT(ts), ty.TupleT(us):
                for t, u in zip(ts, us, strict=False):
                    see(t, u)
            case ty.RecordT(_, sizes), ty.RecordT(_, given):
                for p, q in zip(sizes, given, strict=False):
                    note(p, q)

    def note(p: Size, q: Size) -> None:
        if p is None or q is None or len(p.terms) != 1:
            return
        ((monomial, c),) = p.terms.items()
        if c == 1 and len(monomial) == 1 and isinstance(monomial[0], Var):
            found.setdefault(monomial[0], q)

    for (_, pattern), actual in zip(decl.fields, types, strict=True):
        see(pattern, actual)
    return tuple(found.get(v) for v in decl.size_vars)


def show_type(v: Value) -> str:
    return "a function" if isinstance(v, FnV) else ty.show(type_of(v))


@dataclass
class BareIndex:
    """A bare generator `for i`: where `i` stood alone as an index, and at which offsets."""

    name: str
    span: Span
    var: Var
    value: Leaf
    uses: list[tuple[Atom, Span]] = field(default_factory=list)
    offsets: list[tuple[Poly, Atom, Span]] = field(default_factory=list)
