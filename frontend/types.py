"""Surface types: what signatures say and what values have.

    Type ::= ScalarT kind | ArrayT elem [size, …] | TupleT | RecordT decl [size, …] | AnonT (anonymous record)
           | SumT decl | FnT | VarT name | StrT

A size is a `Poly` over core variables, or None for `_` (and for an open size of a record).  The kinds
`int?` and `float?` belong to literals, whose width nobody has asked for yet.  `leaves` lists the core
variables that a value of a type takes, in order; it is how the runtime passes data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ..compiler.errors import Span
from ..compiler.ir import Var
from ..compiler.sizes import Poly

SCALARS = ("f64", "f32", "i64", "i32", "bool")
Size = Poly | None


@dataclass(frozen=True, slots=True)
class ScalarT:
    kind: str


@dataclass(frozen=True, slots=True)
class ArrayT:
    """`elem` is no array."""

    elem: Type
    sizes: tuple[Size, ...]


@dataclass(frozen=True, slots=True)
class TupleT:
    items: tuple[Type, ...]


@dataclass(frozen=True, slots=True)
class RecordT:
    decl: RecordDecl
    sizes: tuple[Size, ...]

    @property
    def fields(self) -> tuple[tuple[str, Type], ...]:
        """The fields' types with this record's sizes put in (an open size stays None)."""
        at = dict(zip(self.decl.size_vars, self.sizes, strict=True))
        return tuple((n, subst_sizes(t, at)) for n, t in self.decl.fields)


@dataclass(frozen=True, slots=True)
class AnonT:
    """A record without a name: what `jacobian` gives for a record."""

    names: tuple[str, ...]
    items: tuple[Type, ...]


@dataclass(frozen=True, slots=True)
class SumT:
    decl: SumDecl


@dataclass(frozen=True, slots=True)
class FnT:
    params: tuple[Type, ...]
    result: Type


@dataclass(frozen=True, slots=True)
class VarT:
    name: str


@dataclass(frozen=True, slots=True)
class StrT:
    pass


Type = ScalarT | ArrayT | TupleT | RecordT | AnonT | SumT | FnT | VarT | StrT


@dataclass(eq=False, slots=True)
class RecordDecl:
    """`type Name[sizes] = {fields}`; the fields' types are over `size_vars`."""

    name: str
    size_names: tuple[str, ...] = ()
    size_vars: tuple[Var, ...] = ()
    fields: tuple[tuple[str, Type], ...] = ()
    span: Span | None = None
    doc: str | None = None

    def __repr__(self) -> str:
        return self.name


@dataclass(eq=False, slots=True)
class SumDecl:
    """`type Name = A | B(T, …)`: constructors with the types of their payloads."""

    name: str
    ctors: tuple[tuple[str, tuple[Type, ...]], ...] = ()
    span: Span | None = None
    doc: str | None = None

    def __repr__(self) -> str:
        return self.name


def subst_sizes(t: Type, at: dict[Var, Size]) -> Type:
    """Sizes replaced; what mentions an open size (None) is open."""

    def size(p: Size) -> Size:
        if p is None or any(v in at and at[v] is None for v in p.vars()):
            return None
        return p.substitute(lambda v: at.get(v))

    return map_sizes(t, size)


def map_sizes(t: Type, f: Callable[[Size], Size]) -> Type:
    match t:
        case ArrayT(elem, sizes):
            return ArrayT(map_sizes(elem, f), tuple(map(f, sizes)))
        case TupleT(items):
            return TupleT(tuple(map_sizes(i, f) for i in items))
        case RecordT(decl, sizes):
            return RecordT(decl, tuple(map(f, sizes)))
        case AnonT(names, items):
            return AnonT(names, tuple(map_sizes(i, f) for i in items))
        case FnT(params, result):
            return FnT(tuple(map_sizes(p, f) for p in params), map_sizes(result, f))
    return t


def array_of(elem: Type, sizes: Sequence[Size]) -> Type:
    """An array of `elem`; axes of an array join."""
    if not sizes:
        return elem
    if isinstance(elem, ArrayT):
        return ArrayT(elem.elem, (*sizes, *elem.sizes))
    return ArrayT(elem, tuple(sizes))


# ---------------------------------------------------------------- leaves


@dataclass(frozen=True, slots=True)
class LeafT:
    """One core variable of a value: `path` holds tuple positions, field names, `tag`, constructor names."""

    path: tuple[int | str, ...]
    kind: str
    sizes: tuple[Size, ...]

    @property
    def rank(self) -> int:
        return len(self.sizes)


def leaves(t: Type, path: tuple[int | str, ...] = (), axes: tuple[Size, ...] = ()) -> Iterator[LeafT]:
    """The core variables of a value of this type, in order.

    A sum value has an i64 `tag`, then the payloads of all its constructors (those not taken are zeros
    of size 0).
    """
    match t:
        case ScalarT(kind):
            yield LeafT(path, kind, axes)
        case ArrayT(elem, sizes):
            yield from leaves(elem, path, (*axes, *sizes))
        case TupleT(items):
            for k, item in enumerate(items):
                yield from leaves(item, (*path, k), axes)
        case RecordT():
            for name, item in t.fields:
                yield from leaves(item, (*path, name), axes)
        case AnonT(names, items):
            for name, item in zip(names, items, strict=True):
                yield from leaves(item, (*path, name), axes)
        case SumT(decl):
            yield LeafT((*path, "tag"), "i64", axes)
            for name, payload in decl.ctors:
                for k, item in enumerate(payload):
                    yield from leaves(item, (*path, name, k), axes)


def carries_float(t: Type) -> bool:
    return any(leaf.kind in ("f64", "f32", "float?") for leaf in leaves(t))


def has_function(t: Type) -> bool:
    match t:
        case FnT():
            return True
        case ArrayT(elem):
            return has_function(elem)
        case TupleT(items) | AnonT(_, items):
            return any(map(has_function, items))
    return False


def no_element(t: Type) -> str | None:
    """Why a value of this type may not be an array element, or None."""
    match t:
        case FnT():
            return "a function may not be an array element"
        case StrT():
            return "a string may not be an array element"
        case ArrayT(elem):
            return no_element(elem)
        case TupleT(items) | AnonT(_, items):
            return next((why for i in items if (why := no_element(i)) is not None), None)
        case RecordT():
            return no_element(TupleT(tuple(i for _, i in t.fields)))
        case SumT(decl) if any(leaf.rank for leaf in leaves(t)):
            return f"{decl.name} may not be an array element: its payloads hold arrays"
    return None


def type_vars(t: Type) -> Iterator[str]:
    match t:
        case VarT(name):
            yield name
        case ArrayT(elem):
            yield from type_vars(elem)
        case TupleT(items) | AnonT(_, items):
            for i in items:
                yield from type_vars(i)
        case FnT(params, result):
            for i in (*params, result):
                yield from type_vars(i)


# ---------------------------------------------------------------- text


def show_size(p: Size) -> str:
    return "_" if p is None else repr(p)


def show(t: Type) -> str:
    """The type as users write it."""
    match t:
        case ScalarT("int?"):
            return "an integer literal"
        case ScalarT("float?"):
            return "a float literal"
        case ScalarT(kind):
            return kind
        case ArrayT(elem, sizes):
            base = {"int?": "i64", "float?": "f64"}.get(elem.kind, elem.kind) if isinstance(elem, ScalarT) else show(elem)
            base = f"({base})" if isinstance(elem, FnT) else base
            return f"{base}[{', '.join(map(show_size, sizes))}]"
        case TupleT(items):
            return f"({', '.join(map(show, items))})"
        case RecordT(decl, sizes):
            if not sizes or all(s is None for s in sizes):
                return decl.name
            return f"{decl.name}[{', '.join(map(show_size, sizes))}]"
        case AnonT(names, items):
            return "{" + ", ".join(f"{n}: {show(i)}" for n, i in zip(names, items, strict=True)) + "}"
        case SumT(decl):
            return decl.name
        case FnT(params, result):
            first = show(params[0]) if len(params) == 1 else ""
            left = first if len(params) == 1 and not isinstance(params[0], (FnT, TupleT)) else \
                f"({', '.join(map(show, params))})"
            return f"{left} -> {show(result)}"
        case VarT(name):
            return name
        case StrT():
            return "a string"
    raise AssertionError(t)
