"""Types as Python annotations: `dv.f64["n", "d"]`, `float`, dataclasses, tuples; and what they become."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable
from typing import Any

import numpy as np

from ..compiler.errors import Error, Source, Span, SyntaxError, TypeError
from . import syntax as sx
from .python_classes import record_fields


class Scalar:
    """A scalar type of the language: `dv.f64`, and `dv.f64["n", 3]` for arrays of it."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __getitem__(self, sizes: object) -> Array:
        return Array(self, sizes if isinstance(sizes, tuple) else (sizes,))

    def __call__(self, x: Any) -> Any:
        """The conversion of the language: arrays elementwise, numbers to the nearest Python or NumPy scalar."""
        dtype = {"f64": np.float64, "f32": np.float32, "i64": np.int64, "i32": np.int32, "bool": np.bool_}[self.kind]
        if isinstance(x, np.ndarray) or self.kind in ("f32", "i32"):
            return np.asarray(x).astype(dtype)[()]
        return {"f64": float, "i64": int, "bool": bool}[self.kind](x)

    def __or__(self, other: object) -> Any:
        return typing.Union[self, other]  # noqa: UP007  # an annotation that is refused where it is used

    def __repr__(self) -> str:
        return f"derivant.{self.kind}"

    def __reduce__(self) -> tuple[object, ...]:
        return Scalar, (self.kind,)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scalar) and other.kind == self.kind

    def __hash__(self) -> int:
        return hash(self.kind)


class Array:
    """`dv.f64["n", "d"]`: sizes are names, expressions over names, numbers, or `"_"`."""

    def __init__(self, element: Any, sizes: tuple[object, ...]) -> None:
        self.element = element
        self.sizes = sizes

    def __repr__(self) -> str:
        return f"{self.element!r}[{', '.join(map(repr, self.sizes))}]"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Array) and (other.element, other.sizes) == (self.element, self.sizes)

    def __hash__(self) -> int:
        return hash((self.element, self.sizes))


SCALARS = {kind: Scalar(kind) for kind in ("f64", "f32", "i64", "i32", "bool")}
f64, f32, i64, i32, bool_ = SCALARS.values()
PLAIN: dict[object, str] = {
    float: "f64", int: "i64", bool: "bool", np.float64: "f64", np.float32: "f32", np.int64: "i64", np.int32: "i32",
    np.bool_: "bool",
}
LISTING = "dv.f64[\"n\", \"d\"] and the like, float, int, bool, a dataclass or NamedTuple of these, a tuple of these"


def list_levels(value: object) -> int:
    """How many levels of lists a Python value has; of one that holds itself more than an array can have axes."""
    depth = 0
    while isinstance(value, list) and depth < 100:
        depth, value = depth + 1, value[0] if value else None
    return depth


def hints_of(cls: Any) -> dict[str, Any]:
    """The annotations of a class or function, evaluated where they are text."""
    found = dict(getattr(cls, "__annotations__", {}))
    try:
        return typing.get_type_hints(cls)
    except Exception:  # noqa: BLE001  # text that can't be evaluated: the fields are typed by their values
        return found


class Annotations:
    """From annotations to types of the language; `record(cls)` names the type of a class, `spell` the sizes."""

    def __init__(self, record: Callable[[type, Span], sx.Type | None], union: Callable[[tuple[Any, ...], Span], sx.Type | None],
                 spell: Callable[[str], str]) -> None:
        self.record = record
        self.union = union
        self.spell = spell

    def type_of(self, hint: Any, span: Span) -> sx.Type | None:
        """The type that an annotation means; None where it leaves the type open."""
        if isinstance(hint, Scalar):
            return sx.TName(span, hint.kind)
        if isinstance(hint, Array):
            inner = self.type_of(hint.element, span)
            if inner is None:
                raise self.refused(hint, span)
            return sx.TApply(span, inner, tuple(self.size(s, span) for s in hint.sizes))
        try:
            if hint in PLAIN:
                return sx.TName(span, PLAIN[hint])
        except Exception:  # noqa: BLE001  # not hashable
            raise self.refused(hint, span) from None
        origin, args = typing.get_origin(hint), typing.get_args(hint)
        if origin is typing.Annotated:
            return self.type_of(args[0], span)
        if origin is tuple and args and Ellipsis not in args and len(args) > 1:
            items = [self.type_of(a, span) for a in args]
            return None if None in items else sx.TTuple(span, tuple(i for i in items if i is not None))
        if origin in (types.UnionType, typing.Union):
            found = self.union(args, span)
            if found is not None:
                return found
            raise self.refused(hint, span)
        if isinstance(hint, type) and (record_fields(hint) is not None or hasattr(hint, "_key")):
            return self.record(hint, span)
        if self.is_open(hint, origin):
            return None
        raise self.refused(hint, span)

    def is_open(self, hint: Any, origin: Any) -> bool:
        """Annotations that say no more than "an array", "a function", "anything"."""
        if hint is typing.Any or hint is None or isinstance(hint, typing.TypeVar):
            return True
        here = origin if origin is not None else hint
        name = f"{getattr(here, '__module__', '')}.{getattr(here, '__name__', '')}"
        return here in (np.ndarray, list, tuple, dict) or name in (
            "collections.abc.Callable", "collections.abc.Sequence", "collections.abc.Mapping", "collections.abc.Iterable",
            "typing.Callable", "jax.Array", "numpy.typing.ArrayLike", "typing.Self")

    def refused(self, hint: Any, span: Span) -> Error:
        return TypeError("DV0156", f"the annotation {_shown(hint)} is no type of the language", span,
                         help=f"write {LISTING}, or nothing")

    def size(self, size: object, span: Span) -> sx.Expr | None:
        if size == "_" or size is Ellipsis:
            return None
        if isinstance(size, int | np.integer) and not isinstance(size, bool):
            return sx.Num(span, int(size), str(int(size)))
        if isinstance(size, str):
            if size.isidentifier():
                return sx.Name(span, self.spell(size))
            from .parser import parse_expr

            try:
                found: sx.Expr = self.placed(parse_expr(Source("<size>", size)), span)
                return found
            except SyntaxError:
                pass
        raise TypeError("DV0156", f"{size!r} is no size", span, help='a size is a name "n", an expression "n + 1", or a number')

    def placed(self, e: Any, span: Span) -> Any:
        """The size at the span of the annotation, its names as this program spells them."""
        if isinstance(e, sx.Name):
            return sx.Name(span, self.spell(e.id))
        if isinstance(e, tuple):
            return tuple(self.placed(x, span) for x in e)
        if dataclasses.is_dataclass(e) and not isinstance(e, type):
            return type(e)(*(span if f.name == "span" else self.placed(getattr(e, f.name), span)
                             for f in dataclasses.fields(e)))
        return e


def _shown(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) else str(hint)
