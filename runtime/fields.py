"""The fields of what is like a record: our records, mappings, NamedTuples, dataclasses."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ..compiler import errors
from .records import SumValue, Value, nfc

_PLAIN = frozenset((float, int, bool, np.float64, np.int64, np.ndarray, list))
"""What has no fields and is met all the time."""


def fields_of(value: Any) -> dict[str, Any] | None:
    """Names and values of anything that is like a record."""
    cls = type(value)
    if cls in _PLAIN:
        return None
    if isinstance(value, Value):
        return None if isinstance(value, SumValue) else value._asdict()
    if isinstance(value, tuple):
        names = getattr(value, "_fields", None)
        return None if names is None else dict(zip(map(nfc, names), value, strict=True))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {nfc(f.name): getattr(value, f.name) for f in dataclasses.fields(value)}
    if isinstance(value, dict) or (hasattr(cls, "keys") and hasattr(cls, "__getitem__")):
        return {nfc(str(k)): value[k] for k in value}
    return None


def fields_of_argument(value: Any, path: str, function: str) -> dict[str, Any] | None:
    """The same for an argument, which may have its own ways, and of which not every class is a record."""
    cls: type = type(value)
    if cls in _PLAIN or cls.__module__ in ("builtins", "numpy") or isinstance(value, Value):
        return fields_of(value)
    from ..frontend.python_classes import reads_otherwise

    with foreign(value, path, function):
        own = reads_otherwise(cls)
        if own is None:
            return fields_of(value)
    raise errors.TypeError("DV0607", f"`{path}` of {function}: expected a record, found a {type(value).__name__}, which has its own {own}",
                           help="its fields are not what it keeps: give a dict, or a class with plain fields")


class foreign:
    """Around code that is the argument's own: whatever it raises becomes an error that names the argument."""

    __slots__ = ("function", "path", "value")

    def __init__(self, value: object, path: str, function: str) -> None:
        self.value, self.path, self.function = value, path, function

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, e: BaseException | None, _: object) -> None:
        if isinstance(e, Exception) and not isinstance(e, errors.Error):
            why = f"{type(e).__name__}: {short(str(e))}".removesuffix(": ")
            raise errors.TypeError("DV0607", f"`{self.path}` of {self.function}: a {type(self.value).__name__} can't be read ({why})") from e


def short(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"
