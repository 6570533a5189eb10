"""What a Python class may have to be a record of the language, and what it has of its own beside its fields.

A record is no more than its fields.  So a class whose fields are read in a way of its own is none (`reads_otherwise`);
one that does more than to keep its fields when it is made is never made inside a program (`made_otherwise`), and a
result comes back in it only if it leaves the values alone; and methods such as `__add__` (`own_method`) are called,
for the language's operators would go through the fields.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import typing
from types import FunctionType, MemberDescriptorType
from typing import Any

OF_TUPLES = ("__iter__", "__getitem__", "__len__")
PLAIN = (object, tuple, typing.Generic)


def record_fields(cls: type) -> tuple[str, ...] | None:
    """The fields of a dataclass or a NamedTuple, None for other classes."""
    if dataclasses.is_dataclass(cls):
        return tuple(f.name for f in dataclasses.fields(cls))
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return tuple(cls._fields)
    return None


def record_defaults(cls: type) -> dict[str, Any]:
    """The defaults of a record's fields; those that a factory makes are left out."""
    if dataclasses.is_dataclass(cls):
        return {f.name: f.default for f in dataclasses.fields(cls) if f.default is not dataclasses.MISSING}
    return dict(getattr(cls, "_field_defaults", {}))


def positional(cls: type) -> tuple[str, ...]:
    """The fields that a call of the class takes by position, in their order; the others go by name."""
    if not dataclasses.is_dataclass(cls):
        return record_fields(cls) or ()
    return tuple(f.name for f in dataclasses.fields(cls) if f.init and not f.kw_only)


def by_name(cls: type) -> tuple[str, ...]:
    """The fields that a call of the class takes by name only."""
    return tuple(f.name for f in dataclasses.fields(cls) if f.init and f.kw_only) if dataclasses.is_dataclass(cls) else ()


def found_in(cls: type, name: str, behind: type | None = None) -> Any:
    """What a class has of a name, or the classes `behind` one in its order, as `super()` looks; None for nothing."""
    order = cls.__mro__
    if behind in order:
        order = order[order.index(behind) + 1:]
    return next((vars(c)[name] for c in order if name in vars(c)), None)


def has_own(cls: type, name: str, base: type, behind: type | None = None) -> bool:
    """Has a class something else of this name than another one?"""
    own = found_in(cls, name, behind)
    return own is not None and own is not found_in(base, name, behind)


def own_method(cls: type, name: str) -> Any:
    """A special method that somebody wrote: not that of every object or tuple, nor one that `dataclass` made."""
    found = found_in(cls, name)
    return None if _generated(found) or any(found is vars(c).get(name) for c in PLAIN) else found


@functools.lru_cache(maxsize=1024)
def reads_otherwise(cls: type) -> str | None:
    """What makes the fields of a class something else than what it keeps; None for records."""
    fields = record_fields(cls)
    if fields is None:
        return None
    if own_method(cls, "__getattribute__") is not None:
        return "__getattribute__"
    if not issubclass(cls, tuple):  # values win over what the class has, but for what also takes them
        return next((f for f in fields if hasattr(type(found_in(cls, f)), "__set__")
                     and not isinstance(found_in(cls, f), MemberDescriptorType)), None)
    home = _home(cls)
    return next((n for n in OF_TUPLES if own_method(cls, n) is not None), None) \
        or next((f for f in fields if found_in(cls, f) is not vars(home).get(f)), None)


@functools.lru_cache(maxsize=1024)
def made_otherwise(cls: type) -> str | None:
    """What runs when a record of the class is made, beside the keeping of its fields; None if nothing does."""
    if record_fields(cls) is None:
        return None
    if type(cls).__call__ is not type.__call__:
        return "__call__ of the metaclass"
    if not dataclasses.is_dataclass(cls):
        changed = found_in(cls, "__new__") is not found_in(_home(cls), "__new__")
        return "__new__" if changed else "__init__" if own_method(cls, "__init__") is not None else None
    if hasattr(cls, "__post_init__"):
        return "__post_init__"
    if own_method(cls, "__new__") is not None:
        return "__new__"
    init = found_in(cls, "__init__")
    if not _generated(init) or {*list(inspect.signature(init).parameters)[1:]} != set(record_fields(cls) or ()):
        return "__init__"
    keeper = next(c for c in cls.__mro__ if "__setattr__" in vars(c))
    frozen = getattr(vars(keeper).get("__dataclass_params__"), "frozen", False)
    return None if keeper is object or frozen else "__setattr__"


def own_way(cls: type, what: str) -> str | None:
    """What a class has of its own that does something with its records: `__add__`, or for `replace` the making of them."""
    if record_fields(cls) is None:  # a mapping
        return None
    if what == "replace":
        return made_otherwise(cls)
    return what if own_method(cls, what) is not None else None


def has_text(cls: type, name: str) -> bool:
    """Did somebody write this function?  NamedTuples have some by themselves."""
    found = found_in(cls, name)
    return isinstance(found, FunctionType) and not (issubclass(cls, tuple) and found is vars(_home(cls)).get(name))


def _home(cls: type) -> type:
    """The NamedTuple itself, for what is derived from it."""
    return next(c for c in cls.__mro__ if "_fields" in vars(c))


def _generated(found: object) -> bool:
    """Was it made by `dataclass`?  Its qualified name is put in later, that of the code says where it came from."""
    return isinstance(found, FunctionType) and found.__code__.co_qualname.startswith("__create_fn__")
