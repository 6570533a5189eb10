"""Types as the edge of a program sees them: small, storable as JSON, without a compiler behind them.

What the front end knows as types is translated once (`pipeline`); a call from the cache reads the
manifest alone and never imports the front end.

    type ::= Scalar kind | Array element [size, …] | Tuple types | Record name {field: type} | Sum name | Any
    size ::= int | text        a name (`n`), an expression (`n + 1`, checked by the program), or `_`
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any as Json

Size = int | str


_NAME = re.compile(r"[^\W\d]\w*")


@functools.lru_cache(4096)
def is_name(size: Size) -> bool:
    """Is it a plain name, and so bound by arguments?  (`x₁` is one here, though not in Python.)"""
    return isinstance(size, str) and size != "_" and _NAME.fullmatch(size) is not None


@dataclass(frozen=True, slots=True)
class Scalar:
    kind: str

    def __str__(self) -> str:
        return self.kind


@dataclass(frozen=True, slots=True)
class Array:
    """`element` is no array; an array of tuples or records is stored as one array per leaf."""

    element: Type
    sizes: tuple[Size, ...]

    def __str__(self) -> str:
        return f"{self.element}[{', '.join(map(str, self.sizes))}]"


@dataclass(frozen=True, slots=True)
class Tuple:
    items: tuple[Type, ...]

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.items))})"


@dataclass(frozen=True, slots=True)
class Record:
    """`name` is empty for an anonymous record."""

    name: str
    fields: tuple[tuple[str, Type], ...]

    def __str__(self) -> str:
        return self.name or "{" + ", ".join(f"{f}: {t}" for f, t in self.fields) + "}"


@dataclass(frozen=True, slots=True)
class Sum:
    """Constructors in the order of their tags; a recursive type holds `SumRef` to itself."""

    name: str
    ctors: tuple[tuple[str, tuple[Type, ...]], ...]

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Any:
    """A parameter without a type: what arrives decides.  `sizes` where it is an array of anything.

    `batch` are first axes that all its leaves have: then it is an array of what arrives without them.
    """

    sizes: tuple[Size, ...] | None = None
    batch: tuple[Size, ...] = ()

    def __str__(self) -> str:
        return "any type" if self.sizes is None else f"any type[{', '.join(map(str, self.sizes))}]"


Type = Scalar | Array | Tuple | Record | Sum | Any


@dataclass(frozen=True, slots=True)
class Param:
    """`default` is None, or ("path", text) for a path beside the source, or ("value", expression).

    A `tangent` (or cotangent) takes None for what carries no floats.
    """

    name: str
    type: Type
    default: tuple[str, str] | None = None
    place: tuple[int, int, int, int] | None = None
    tangent: bool = False

    def __str__(self) -> str:
        text = self.name if isinstance(self.type, Any) else f"{self.name}: {self.type}"
        if self.default is None:
            return text
        shown = f'"{self.default[1]}"' if self.default[0] == "path" else self.default[1]
        return f"{text} = {shown}"


@dataclass(frozen=True, slots=True)
class Signature:
    """What a function looks like from outside; `result` None where only a call decides."""

    name: str
    params: tuple[Param, ...]
    result: Type | None = None
    doc: str | None = None

    def __str__(self) -> str:
        arrow = "" if self.result is None else f" -> {self.result}"
        return f"{self.name}({', '.join(map(str, self.params))}){arrow}"


# ---------------------------------------------------------------- JSON


def to_json(t: Type) -> Json:
    match t:
        case Scalar(kind):
            return kind
        case Array(element, sizes):
            return ["array", to_json(element), list(sizes)]
        case Tuple(items):
            return ["tuple", [to_json(i) for i in items]]
        case Record(name, fields):
            return ["record", name, [[f, to_json(s)] for f, s in fields]]
        case Sum(name, ctors):
            return ["sum", name, [[c, [to_json(s) for s in payload]] for c, payload in ctors]]
        case Any(sizes, batch):
            return ["any", None if sizes is None else list(sizes), list(batch)]


def from_json(data: Json) -> Type:
    match data:
        case str():
            return Scalar(data)
        case ["array", element, sizes]:
            return Array(from_json(element), tuple(sizes))
        case ["tuple", items]:
            return Tuple(tuple(from_json(i) for i in items))
        case ["record", name, fields]:
            return Record(name, tuple((f, from_json(s)) for f, s in fields))
        case ["sum", name, ctors]:
            return Sum(name, tuple((c, tuple(from_json(s) for s in payload)) for c, payload in ctors))
        case ["any", sizes, batch]:
            return Any(None if sizes is None else tuple(sizes), tuple(batch))
    raise ValueError(f"not a type: {data!r}")


def signature_to_json(s: Signature) -> Json:
    params = [[p.name, to_json(p.type), list(p.default) if p.default else None, p.place] for p in s.params]
    return [s.name, params, None if s.result is None else to_json(s.result), s.doc]


def signature_from_json(data: Json) -> Signature:
    name, params, result, doc = data
    read = tuple(
        Param(n, from_json(t), (d[0], d[1]) if d else None, tuple(place) if place else None)
        for n, t, d, place in params
    )
    return Signature(name, read, None if result is None else from_json(result), doc)


# ---------------------------------------------------------------- leaves


def carries_float(t: Type) -> bool:
    return any(leaf.kind in ("f64", "f32") for leaf in leaves(t))


def with_sizes_of(t: Type, known: set[Size]) -> Type:
    """The type with every size that is not a number or among `known` left open."""
    return with_sizes(t, lambda s: s if isinstance(s, int) or s in known else "_")


def with_sizes(t: Type, size: Callable[[Size], Size]) -> Type:
    """The type with each size replaced."""
    match t:
        case Array(element, sizes):
            return Array(with_sizes(element, size), tuple(map(size, sizes)))
        case Tuple(items):
            return Tuple(tuple(with_sizes(i, size) for i in items))
        case Record(name, fields):
            return Record(name, tuple((f, with_sizes(s, size)) for f, s in fields))
        case Sum(name, ctors):
            return Sum(name, tuple((c, tuple(with_sizes(s, size) for s in payload)) for c, payload in ctors))
    return t


@dataclass(frozen=True, slots=True)
class Leaf:
    """One flat value: a scalar (`sizes` empty) or an array of `kind`; `path` names it for people."""

    kind: str
    sizes: tuple[Size, ...]
    path: str


def leaves(t: Type, path: str = "", outer: tuple[Size, ...] = ()) -> list[Leaf]:
    """The flat leaves of a value of this type, in the order in which programs take and give them."""
    match t:
        case Scalar(kind):
            return [Leaf(kind, outer, path)]
        case Array(element, sizes):
            return leaves(element, path, outer + sizes)
        case Tuple(items):
            return [x for i, s in enumerate(items) for x in leaves(s, f"{path}[{i}]", outer)]
        case Record(_, fields):
            return [x for f, s in fields for x in leaves(s, f"{path}.{f}" if path else f, outer)]
        case Sum(_, ctors):
            slots = [x for c, payload in ctors for i, s in enumerate(payload)
                     for x in leaves(s, f"{path}.{c}[{i}]" if path else f"{c}[{i}]", outer)]
            return [Leaf("i64", outer, path), *slots]
        case Any():
            raise ValueError("a value without a type has no leaves")
