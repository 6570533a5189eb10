"""A program that was read from Python functions, and results in the classes that it was written with."""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from ..compiler import errors
from ..compiler.errors import Source
from ..compiler.lock import kept, locked
from ..frontend.python_classes import by_name, has_own, made_otherwise, own_method, own_way, positional, record_fields
from ..frontend.python_types import list_levels
from . import shapes
from .fields import fields_of, foreign
from .pipeline import Operated, Unit
from .records import SumValue, Value, home_of, homes
from .sources import compiler_fingerprint, find_import
from .values import Rebuilder

if TYPE_CHECKING:
    from ..frontend.python_program import Built
    from .front import Front

FREE = "a dict, a NamedTuple or a dataclass without checks takes any values"
selves: set[type] = set()
"""Records that stand for the objects of methods."""


class PythonUnit(Unit):
    """A program that was read from Python functions."""

    def __init__(self, built: Built, backend: str | None = None, python: FunctionType | None = None) -> None:
        """`python` is the function itself; an unpickled program has none."""
        super().__init__(built.sources[0], None, backend)
        self.built = built
        self.python: Any = python  # mypy takes a function that is an attribute for a method
        self.fixed: dict[str, Any] = {}
        """Arguments that are known, functions."""
        self._accepted: set[tuple[str, int]] = set()
        self._same: dict[tuple[type, str, str], str | None] = {}
        self.own_member = self._own_member if built.members or built.blind else None

    def reword(self, e: errors.Error) -> None:
        from .jit_words import reword

        reword(e)

    def accept(self, param: shapes.Param, value: object, function: str) -> None:
        """Lists and tuples: what is written for arrays may mean something else for them.  Records of modules of the
        language: the program may not know their types yet."""
        if self.python is not None and isinstance(value, np.matrix):
            raise errors.TypeError("DV0607", f"`{param.name}` of {function}: expected an array, found an np.matrix, whose * is another one",
                                   help="give np.asarray(m)")
        with foreign(value, param.name, function):
            classes = list(_classes(value))
        for cls in classes:
            self._adopt(cls)
        own = None if self.python is None or type(value).__module__ == "builtins" else inspect.getattr_static(type(value), self.python.__name__, None)
        if own is not None and getattr(own, "python", None) is self.python and record_fields(type(value)) is None:
            raise errors.TypeError("DV0607", f"`{param.name}` of {function} is a {type(value).__name__}, whose method this is",
                                   help=f"take it from the object: p.{own.__name__}(…) for an object p")
        name = next((n for n, s in self.built.spelled.items() if s == param.name), param.name)
        depth = list_levels(value) - (len(param.type.batch) if isinstance(param.type, shapes.Any) else 0)
        if self.python is None or name in self.fixed or (not isinstance(value, tuple) and depth <= 0):
            return
        if (name, depth) not in self._accepted:
            from .jit_outside import reader

            try:
                reader().check_lists(self.python, {name: depth}, self.fixed)
            except errors.SyntaxError as e:
                what = "list" if depth else "tuple"
                raise errors.TypeError("DV0607", f"`{name}` of {function} is a {what}: {e.message}", e.span,
                                       help=f"to calculate give np.array(…); to append write list({name}) + …" if depth else e.help) from None
            self._accepted.add((name, depth))

    def _own_member(self, cls: type, record: str, path: str) -> str | None:
        """What a class has otherwise than the one that the program knows: `record` is its type there, without a name if
        its fields leave their types open; then the annotation of a parameter says it, or it is any class above."""
        key = cls, record, path if not record else ""
        if key not in self._same:
            known = self.built.classes.get(record) if record else self.built.hints.get(path)
            self._same[key] = next((name for base, name, behind in self.built.members if has_own(cls, name, base, behind)
                                    and (base is known or known is None and issubclass(cls, base))), None) \
                or (next((own for what in self.built.blind if (own := own_way(cls, what)) is not None), None) if known is None else None)
        return self._same[key]

    def check_operated(self, operated: Sequence[Operated], values: Sequence[Any], function: str) -> None:
        from ..frontend.python_operators import SYMBOLS

        given = [c for v in values for c in _own_classes(v)]
        for op, name, fields in operated:
            for cls in (self.built.classes.get(name), *self.built.anonymous, *given):
                methods = SYMBOLS[op] if cls is not None and {*(record_fields(cls) or ())} == {*fields} else ()
                own = next((m for m in methods if cls is not None and own_method(cls, m) is not None), None)
                if own is not None and cls is not None:
                    raise errors.TypeError("DV0607", f"{function}: {cls.__name__} has its own {own}, which is called only where the text says the class",
                                           help=f"write the types of the parameters, p: {cls.__name__}, and give the record a name of its own: q = …")

    @locked
    def _adopt(self, cls: type[Value]) -> None:
        """Imports the type of a record that a caller brings."""
        from ..frontend import syntax as sx
        from .jit_outside import module_name

        if cls not in homes or any(getattr(t, "name", "") == cls.__name__ for t in self.outline().types):
            return
        old = self.built
        modules = dict(old.modules)
        span, decls = old.program.span, old.program.decls
        decl = sx.FromImport(span, module_name(home_of(cls), modules), (cls.__name__,))
        self.built = dataclasses.replace(old, program=sx.Program(span, (decl, *decls)), modules=modules)
        for made in ("front", "key", "_outline"):
            self.__dict__.pop(made, None)

    def __reduce__(self) -> tuple[object, ...]:
        return PythonUnit, (dataclasses.replace(self.built, watched=()), self.backend)

    def is_fresh(self) -> bool:
        """Do all names from outside stand for what they did when the program was made?"""
        return all(w.is_fresh() for w in self.built.watched)

    @kept
    def key(self) -> str:
        parts = [compiler_fingerprint(), repr(self.built.program), *(s.name for s in self.built.sources),
                 *(f"{n} {u.key}" for n, u in self.built.modules.items()), os.environ.get("DERIVANT_PREVIEW", "")]
        return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()

    @kept
    def front(self) -> Front:
        from .front import Front

        return Front(self.source, self.folder, self.built.program, self._imported)

    def _imported(self, name: str) -> Source | None:
        unit = self.built.modules.get(name)
        if unit is not None:
            found: Source = unit.source
            return found
        return next((s for u in self.built.modules.values() if (s := find_import(name, u.folder)) is not None), None)

    def sources(self) -> list[Source]:
        return [*self.built.sources, *(s for u in self.built.modules.values() for s in u.sources())]

    def text_of(self, name: str) -> str:
        from ..frontend.unparse import program_text

        return program_text(self.built.program)

    def maker(self, t: shapes.Type, arguments: Sequence[Any]) -> Callable[[str, tuple[str, ...]], Callable[..., Any]] | None:
        return _Rebuilder((), self.built, arguments).record if _has_classes(t) else None

    def rebuilt(self, results: Sequence[Any], t: shapes.Type, arguments: Sequence[Any]) -> Any:
        if not _has_classes(t):
            return super().rebuilt(results, t, arguments)
        return _Rebuilder(results, self.built, arguments).value(t)


def _has_classes(t: shapes.Type) -> bool:
    match t:
        case shapes.Tuple(items):
            return any(map(_has_classes, items))
        case shapes.Array(element):
            return _has_classes(element)
    return not isinstance(t, shapes.Scalar)


def _classes(value: object) -> Iterator[type[Value]]:
    """The records of the language with a name that a value is, or has as a part."""
    if isinstance(value, Value) and not isinstance(value, SumValue) and type(value).__name__ != "Record":
        yield type(value)
    fields = None if isinstance(value, SumValue | list) else fields_of(value)
    for part in fields.values() if fields is not None else value if type(value) is tuple else ():
        yield from _classes(part)


def _own_classes(value: object) -> Iterator[type]:
    """The classes of the caller's own that records are of: of a value, and of its parts."""
    parts: Iterable[Any] = value if type(value) is tuple or isinstance(value, list) and value and fields_of(value[0]) is not None else ()
    fields = None if isinstance(value, SumValue | list) else fields_of(value)
    if fields is not None:
        parts = fields.values()
        if not isinstance(value, dict | Value):
            yield type(value)
    for part in parts:
        yield from _own_classes(part)


class _Rebuilder(Rebuilder):
    """Records come back in the classes that the program was written with, or that the arguments had."""

    def __init__(self, results: Sequence[Any], built: Built, arguments: Sequence[Any]) -> None:
        super().__init__(results)
        self.classes = built.classes
        self.found: dict[tuple[str, ...], dict[object, None]] = {}
        for cls in (*built.classes.values(), *built.anonymous):
            self.found.setdefault(record_fields(cls) or (), {})[cls] = None
        for keys in built.dicts:
            self.found.setdefault(keys, {})[dict] = None
        for a in arguments:
            self._see(a)

    def _see(self, value: Any) -> None:
        fields = None if isinstance(value, SumValue) else fields_of(value)
        if fields is not None:
            own = isinstance(value, Value | tuple) or dataclasses.is_dataclass(value)
            cls = type(value) if own and type(value) not in selves else dict
            self.found.setdefault(tuple(fields), {})[cls] = None
        parts: Iterable[Any] = fields.values() if fields is not None else value if type(value) is tuple else ()
        for part in parts:
            self._see(part)

    def record(self, name: str, fields: tuple[str, ...]) -> Callable[..., Any]:
        if name in self.classes:
            return _making(self.classes[name], fields)
        if name:
            return super().record(name, fields)
        found = list(self.found.get(fields, {dict: None}))
        if len(found) > 1:
            names = " and ".join(sorted(getattr(c, "__name__", "") for c in found))
            raise errors.TypeError("DV0614", f"{names} have the same fields ({', '.join(fields)}): which one comes back is not clear",
                                   help="give back its fields as a tuple" if dict in found else "write the types of the fields in the classes")
        if found == [dict]:
            return lambda *parts: dict(zip(fields, parts, strict=True))
        return _making(found[0], fields)  # type: ignore[arg-type]

    def ctor(self, t: shapes.Sum, tag: int) -> Callable[..., Any]:
        known = self.classes.get(t.ctors[tag][0])
        return _making(known, record_fields(known) or ()) if known is not None else super().ctor(t, tag)


def _making(cls: type, fields: tuple[str, ...]) -> Callable[..., Any]:
    """The class as a function of its fields; some have reasons of their own to refuse values, or change them."""
    own, first, named = made_otherwise(cls), positional(cls), by_name(cls)
    if own is None and tuple(first) == fields and not named:
        return cls

    def make(*parts: Any) -> Any:
        given = dict(zip(fields, parts, strict=True))
        try:
            made = cls(*(given[f] for f in first), **{f: given[f] for f in named})
        except Exception as e:
            raise errors.TypeError("DV0614", f"the result is a {cls.__name__}, but it refuses its values ({type(e).__name__}: {e})",
                                   help=FREE) from e
        changed = next((f for f in fields if own is not None and not _same(getattr(made, f), given[f])), None)
        if changed is not None:
            raise errors.TypeError("DV0614", f"the result is a {cls.__name__}, but its {own} changes {changed}", help=FREE)
        return made

    return make


def _same(a: Any, b: Any) -> bool:
    return a is b or type(a) is type(b) and isinstance(a, int | float | np.ndarray | np.generic) \
        and np.array_equal(a, b, equal_nan=np.asarray(a).dtype.kind == "f")
