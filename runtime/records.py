"""Records and sum types as Python sees them: small frozen classes, made once per name and fields.

A class belongs to its structure (name and fields), so that results of two programs, or of one program
compiled twice, compare and pickle.
"""

from __future__ import annotations

import copyreg
import unicodedata
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from ..compiler import errors

homes: dict[type, tuple[Any, ...]] = {}
"""The program that a class was last asked for, as it pickles: a class does not keep it alive."""
_classes: dict[tuple[object, ...], type[Value]] = {}


def home_of(cls: type) -> Any:
    """That program, made again."""
    make, arguments, *_ = homes[cls]
    return make(*arguments)


class _Kind(type):
    """The class of these classes: they pickle by their structure."""

    _key: tuple[Any, ...]


class Value(metaclass=_Kind):
    """A record, or a value of a sum type.  Fields by name or position: `r.focal`, `r["x₁"]`, `r[0]`."""

    __slots__ = ("_values",)
    __match_args__: ClassVar[tuple[str, ...]] = ()
    _key: ClassVar[tuple[object, ...]] = ()
    _values: tuple[Any, ...]

    def __init__(self, *args: Any, **named: Any) -> None:
        kind, fields = type(self).__name__, self.__match_args__
        named = {nfc(n): v for n, v in named.items()}
        if len(args) > len(fields):
            raise errors.TypeError("DV0606", f"{kind} has {len(fields)} field{'s' * (len(fields) != 1)}, not {len(args)}")
        missing = [f for f in fields[len(args):] if f not in named]
        if missing:
            what = f"{len(fields)} value{'s' * (len(fields) != 1)}" if missing[0].startswith("_") else ", ".join(missing)
            raise errors.TypeError("DV0606", f"{kind} needs {what}")
        left = set(named) - set(fields[len(args):])
        if left:
            raise errors.TypeError("DV0606", f"{kind} has no free field {min(left)}")
        object.__setattr__(self, "_values", (*args, *(named[f] for f in fields[len(args):])))

    def __getattr__(self, name: str) -> Any:
        try:
            return object.__getattribute__(self, "_values")[self.__match_args__.index(nfc(name))]
        except ValueError:
            raise AttributeError(f"{type(self).__name__} has no field {name!r}") from None

    def __getitem__(self, key: str | int) -> Any:
        if isinstance(key, int):
            return self._values[key]
        if nfc(key) not in self.__match_args__:
            raise KeyError(key)
        return getattr(self, key)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen; make a new one with _replace({name}=…)")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __dir__(self) -> list[str]:
        return [*object.__dir__(self), *self.__match_args__]

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other) or not isinstance(other, Value):
            return NotImplemented
        return all(_same(a, b) for a, b in zip(self._values, other._values, strict=True))

    def __hash__(self) -> int:
        return hash((self._key, *(v for v in self._values if not isinstance(v, np.ndarray))))

    def __repr__(self) -> str:
        inner = ", ".join(
            repr(v) if f.startswith("_") else f"{f}={v!r}"
            for f, v in zip(self.__match_args__, self._values, strict=True)
        )
        return f"{type(self).__name__}({inner})"

    def _repr_html_(self) -> str:
        """For notebooks: a field on each line."""
        from .highlight import value_html
        from .show import show

        return value_html(show(self))

    def __reduce__(self) -> tuple[object, ...]:
        return _restore, (self._key, self._values)

    def __copy__(self) -> Value:
        return self

    def _asdict(self) -> dict[str, Any]:
        return dict(zip(self.__match_args__, self._values, strict=True))

    def _replace(self, **changes: Any) -> Value:
        return type(self)(**{**self._asdict(), **{nfc(n): v for n, v in changes.items()}})


class SumValue(Value):
    """The base of all classes of sum types; `tag` numbers the constructors."""

    __slots__ = ()
    tag: ClassVar[int] = 0


def nfc(name: str) -> str:
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def _same(a: object, b: object) -> bool:
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return bool(np.array_equal(a, b))  # type: ignore[arg-type]
    return bool(a == b)


def _make(key: tuple[object, ...], name: str, base: type[Value], body: dict[str, object]) -> type[Value]:
    found = _classes.get(key)
    if found is None:
        made = type(name, (base,), {"__slots__": (), "__module__": "derivant", "_key": key, **body})
        found = _classes.setdefault(key, made)  # another thread may have been faster
    return found


def record_class(name: str, fields: tuple[str, ...]) -> type[Value]:
    """The class of records of this name with these fields."""
    return _make(("record", name, fields), name or "Record", Value, {"__match_args__": fields})


def sum_class(name: str, ctors: tuple[tuple[str, int], ...]) -> type[Value]:
    """The base class of a sum type whose constructors take so many values."""
    return _make(("sum", name, ctors), name, SumValue, {})


def ctor_class(name: str, ctors: tuple[tuple[str, int], ...], tag: int) -> type[Value]:
    """The class of one constructor, a subclass of its sum type's."""
    ctor, count = ctors[tag]
    fields = tuple(f"_{i}" for i in range(count))
    body = {"__match_args__": fields, "tag": tag}
    return _make(("ctor", name, ctors, tag), ctor, sum_class(name, ctors), body)


def _class_of(key: tuple[Any, ...]) -> type[Value]:
    make: dict[str, Callable[..., type[Value]]] = {"record": record_class, "sum": sum_class, "ctor": ctor_class}
    return make[key[0]](*key[1:])


def _restore(key: tuple[Any, ...], values: tuple[Any, ...]) -> Value:
    return _class_of(key)(*values)


def _reduced(cls: _Kind) -> str | tuple[Any, ...]:
    return (_class_of, (cls._key,)) if cls._key else cls.__qualname__


copyreg.pickle(_Kind, _reduced)
