"""A program from Python functions: a function with all that it calls, its types and the arrays it uses.

    built = Reader(outside).build(function)

Arrays from outside become parameters in front of the function's own; functions pass on what those that
they call need.  Names are spelled as in Python unless the language or the program means something else.
"""

from __future__ import annotations

import ast
import enum
import inspect
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any, Protocol

import numpy as np

from ..compiler.errors import Error, Source, Span, SyntaxError, TypeError, UnsupportedError
from . import syntax as sx
from .depth import deep
from .lexer import KEYWORDS
from .python_alias import returns_argument
from .python_calls import INSTEAD
from .python_classes import has_own, made_otherwise, reads_otherwise, record_fields
from .python_function import FunctionReader, hints_of
from .python_scope import LOOP, Environment, Watched, call, number
from .python_source import find
from .python_tables import Known, known_function
from .python_types import PLAIN, Annotations, Scalar
from .python_types import hints_of as class_hints

DTYPES = {"float64": "f64", "float32": "f32", "int64": "i64", "int32": "i32", "bool": "bool"}
MOST_ROUNDS = 6
LIBRARY = os.path.dirname(os.__file__)
"""Where Python's own functions are."""

NOTHING: Mapping[str, object] = {}
NO_LISTS: Mapping[str, int] = {}
Read = tuple[int, type | None]
"""A function, and the class whose method it is: one that is inherited calls the methods of the class that has it."""


class Outside(Protocol):
    """What only the package as a whole knows: functions of `.dv` modules, jitted ones, transforms."""

    def python(self, value: object) -> FunctionType | None:
        """The Python function of a jitted one."""
        raise NotImplementedError

    def expression(self, value: object, span: Span, reader: Reader, used: dict[str, None]) -> sx.Expr | None:
        """A function of a module of the language, or of a transform."""
        raise NotImplementedError

    def record(self, cls: type, span: Span, reader: Reader) -> tuple[sx.Expr, tuple[str, ...], tuple[type, ...]] | None:
        """A record or constructor of such a module: its name, its fields, all constructors of its type."""
        raise NotImplementedError

    def transform(self, value: object) -> str | None:
        raise NotImplementedError

    def is_jit(self, value: object) -> bool:
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Built:
    """A program whose function `entry` takes `hidden` first; `classes` are the Python classes of its types."""

    program: sx.Program
    entry: str
    hidden: tuple[tuple[str, object], ...]
    classes: dict[str, type]
    anonymous: tuple[type, ...]
    dicts: tuple[tuple[str, ...], ...]
    """The keys of the dicts that the program makes."""
    sources: tuple[Source, ...]
    spelled: dict[str, str]
    modules: dict[str, Any]
    watched: tuple[Watched, ...]
    members: tuple[tuple[type, str, type | None], ...]
    """Methods, properties and constants that the program took from classes."""
    hints: dict[str, type]
    """The classes that the annotations of the entry's parameters name."""
    blind: tuple[str, ...]
    """What is done with records whose classes the text does not say: `replace`, `__getitem__`."""


@dataclass(eq=False)
class Round:
    """What one reading of the whole finds."""

    defs: dict[Read, sx.Def] = field(default_factory=dict)
    names: dict[Read, str] = field(default_factory=dict)
    used: dict[Read, dict[str, None]] = field(default_factory=dict)
    depths: dict[int, int] = field(default_factory=dict)
    hidden: dict[str, object] = field(default_factory=dict)
    types: dict[str, sx.TypeDecl] = field(default_factory=dict)
    imports: dict[str, sx.Import | sx.FromImport] = field(default_factory=dict)
    classes: dict[str, type] = field(default_factory=dict)
    anonymous: dict[type, None] = field(default_factory=dict)
    dicts: dict[tuple[str, ...], None] = field(default_factory=dict)
    sources: dict[int, Source] = field(default_factory=dict)
    emitted: set[str] = field(default_factory=set)
    spelled: dict[str, str] = field(default_factory=dict)
    opening: set[Read] = field(default_factory=set)
    watched: dict[tuple[int, str], Watched] = field(default_factory=dict)
    members: dict[tuple[type, str, type | None], None] = field(default_factory=dict)
    given_as: list[tuple[type, type, Span]] = field(default_factory=list)
    blind: dict[str, None] = field(default_factory=dict)
    hints: dict[Read, dict[str, type]] = field(default_factory=dict)


class Reader:
    """Reads functions into one program; in `lenient` mode one function alone, whose names may come later."""

    def __init__(self, outside: Outside, *, lenient: bool = False) -> None:
        self.outside = outside
        self.lenient = lenient
        self.avoid: set[str] = set()
        self.families: dict[type, tuple[type, ...]] = {}
        self.modules: dict[str, Any] = {}
        self.annotations = Annotations(self.record_type, self.union_type, self.spell)
        self.now = Round()
        self.list_checks: set[object] = set()
        self.given: dict[tuple[FunctionType, type | None], type | None] = {}

    @deep
    def build(self, function: FunctionType, fixed: Mapping[str, object] | None = None,
              lists: Mapping[str, int] | None = None, owner: type | None = None) -> Built:
        """The program of a function; `fixed` are arguments that are known: functions; `lists` as for `check_lists`;
        `owner` is the class whose method it is, where that is not the one that `self` says."""
        lexical: set[str] = set()
        for _ in range(MOST_ROUNDS):
            families = len(self.families)
            self.now = Round()
            self.taken = lexical
            entry = self.function(function, None, fixed or NOTHING, lists or NO_LISTS, owner)[0]
            now = self.now
            lexical = set(now.spelled.values())
            clash = {n for n, s in now.spelled.items() if s in now.emitted}
            if not clash - self.avoid and not set(now.names.values()) & (lexical | now.emitted) - self.taken \
                    and families == len(self.families):
                break
            self.avoid |= clash
            lexical |= now.emitted
        self.check_given()
        key = id(function), owner
        hidden = tuple((n, now.hidden[n]) for n in now.used[key])
        first = now.defs[key]
        decls = (*now.imports.values(), *now.types.values(), *now.defs.values())
        return Built(sx.Program(first.span, decls), entry, hidden, now.classes, tuple(now.anonymous), tuple(now.dicts),
                     tuple(now.sources.values()), dict(now.spelled), dict(self.modules),
                     tuple(now.watched.values()), tuple(now.members), now.hints[key], tuple(now.blind))

    def member(self, cls: type, name: str, behind: type | None = None) -> None:
        """Notes that the program took something from a class: subclasses may have their own."""
        self.now.members[cls, name, behind] = None

    def blind(self, what: str) -> None:
        """Notes what is done with a record whose class the text does not say: some have their own way to do it."""
        self.now.blind[what] = None

    def dict_of(self, keys: tuple[str, ...]) -> None:
        """Notes that the program makes a dict with these keys."""
        self.now.dicts[keys] = None

    def given_as(self, given: type, taken: type, span: Span) -> None:
        """Notes that a record of one class is given to a function that takes another one."""
        if given is not taken:
            self.now.given_as.append((given, taken, span))

    def check_given(self) -> None:
        for given, taken, span in self.now.given_as:
            for cls, name, behind in self.now.members:
                if cls is taken and has_own(given, name, cls, behind):
                    raise TypeError("DV0607", f"this is a {given.__name__}, which has its own {name}: the function takes {taken.__name__}", span,
                                    help=f"write a function that takes a {given.__name__}")

    def watch(self, place: Watched | None) -> None:
        """Notes a name that the program depends on; what is another object each time can't be followed."""
        if place is not None and place.is_fresh():
            self.now.watched[id(place.place), place.name] = place

    # ------------------------------------------------ names

    def spell(self, name: str) -> str:
        found = self.now.spelled.get(name)
        if found is None:
            found = name.replace(" ", "_")
            while found in KEYWORDS or (name in self.avoid and found == name) or found in self.now.spelled.values():
                found += "_"
            self.now.spelled[name] = found
        return found

    def builtin(self, name: str, span: Span) -> sx.Expr:
        self.now.emitted.add(name)
        return sx.Name(span, name)

    def free_name(self, name: str) -> str:
        """A name for a function or a hidden parameter, that nothing else has."""
        out = "".join(c if c.isalnum() or c == "_" else "_" for c in name).strip("_") or "f"
        while out in KEYWORDS or out in self.taken or out in self.now.names.values() or out in self.now.hidden:
            out += "_"
        return out

    # ------------------------------------------------ functions

    def function(self, function: FunctionType, span: Span | None, fixed: Mapping[str, object] = NOTHING,
                 lists: Mapping[str, int] = NO_LISTS, owner: type | None = None) -> tuple[str, dict[str, None]]:
        """The name of a function in the program, and the hidden parameters that it takes."""
        now, key = self.now, (id(function), owner)
        if self.is_open(function) and owner is None or key in now.opening:
            raise UnsupportedError("DV0901", f"{function.__name__} calls itself: the language has no recursion", span,
                                   help=LOOP)
        if key in now.names:
            return now.names[key], now.used[key]
        now.names[key] = ""
        found = find(function)
        if self.now.opening:
            self.watch(Watched(function, "__code__", function.__code__))  # which a reload exchanges
        env = Environment.of(function)
        env.cells.update(fixed)
        now.names[key] = self.free_name(function.__name__)
        now.sources[id(found.text.source)] = found.text.source
        used: dict[str, None] = {}
        now.opening.add(key)
        try:
            reader = FunctionReader(self, found.text, found.node, env, (), used, fixed)
            hints = hints_of(function, found, env, self.lenient)
            if owner is not None and reader.params and owner not in fixed.values() and owner is not hints.get(reader.params[0]):
                reader.records[reader.params[0]] = owner
                if reader.params[0] in hints:
                    hints[reader.params[0]] = owner
            made = reader.definition(now.names[key], lambda: self.hidden_params(used, reader.head), _defaults(function),
                                     hints, _doc(function), lists)
        except Error:
            if span is None or not function.__code__.co_filename.startswith(LIBRARY) or "site-packages" in function.__code__.co_filename:
                raise
            raise SyntaxError("DV0153", f"{function.__name__} of Python's library is not in the language", span,
                              help=INSTEAD.get(function.__name__) or "write what it does as a function") from None
        finally:
            now.opening.discard(key)
        now.hints[key] = {self.spell(n): h for n, h in hints.items()
                          if n != "return" and isinstance(h, type) and record_fields(h) is not None}
        now.defs[key], now.used[key], now.depths[id(function)] = made, used, reader.depth
        return now.names[key], used

    def hidden_params(self, used: dict[str, None], span: Span) -> tuple[sx.Param, ...]:
        return tuple(sx.Param(span, n, self.array_type(self.now.hidden[n], span), None) for n in used)

    def array_type(self, value: object, span: Span) -> sx.Type:
        array = np.asarray(value)
        kind = DTYPES[array.dtype.name]
        return sx.TApply(span, sx.TName(span, kind), (None,) * array.ndim)

    def gives_list(self, function: FunctionType) -> int:
        return self.now.depths.get(id(function), 0)

    def check_lists(self, function: FunctionType, lists: Mapping[str, int], fixed: Mapping[str, object] = NOTHING) -> None:
        """Refuses what would be something else in Python if parameters are lists (of so many levels), or tuples (0)."""
        key = id(function), *lists.items(), *map(id, fixed.values())
        if self.lenient or key in self.list_checks:
            return
        self.list_checks.add(key)
        as_lists, as_arrays = Reader(self.outside), Reader(self.outside)
        as_lists.list_checks = as_arrays.list_checks = self.list_checks
        if as_lists.build(function, fixed, lists).program != as_arrays.build(function, fixed).program:
            given = " and ".join(lists)
            raise SyntaxError("DV0151", f"{function.__name__} does something else with lists in Python: {given}",
                              find(function).text.span(find(function).node), help="give np.array(…)")

    def is_open(self, function: FunctionType) -> bool:
        """Are we inside of it?"""
        return any(f == id(function) for f, _ in self.now.opening)

    def returns_argument(self, function: FunctionType) -> bool:
        reader = self.opened(function)
        return reader is None or returns_argument(reader.node, reader.quiet_static, known_function)

    def opened(self, value: object, fixed: Mapping[str, object] = NOTHING) -> FunctionReader | None:
        """A function of Python, to look at its text; None if there is none."""
        function = self.python(value)
        try:
            found = find(function) if function is not None else None
        except UnsupportedError:
            return None
        if function is None or found is None:
            return None
        env = Environment.of(function)
        env.cells.update(fixed)
        try:
            return FunctionReader(self, found.text, found.node, env, (), {}, fixed)
        except SyntaxError:  # of parameters that the language lacks
            return None

    def class_given(self, function: FunctionType, owner: type | None, of_class: bool) -> type | None:
        key = function, owner
        if key not in self.given:
            self.given[key] = None  # for one that calls itself
            reader = self.opened(function, _class_given(function, owner) if of_class else NOTHING)
            if reader is not None:
                if owner is not None and reader.params and not of_class:
                    reader.records[reader.params[0]] = owner
                self.given[key] = reader.class_given(reader.body)
        return self.given[key]

    def is_jit(self, value: object) -> bool:
        return self.outside.is_jit(value)

    def transform(self, value: object) -> str | None:
        return self.outside.transform(value)

    # ------------------------------------------------ values from outside

    def value(self, value: object, name: str, span: Span, used: dict[str, None], as_array: bool = False) -> sx.Expr:
        match value:
            case bool() | np.bool_():
                return sx.Bool(span, bool(value))
            case enum.Enum() if not isinstance(value, int):
                return self.value(value.value, name, span, used)
            case int() | np.integer():
                if not -(2**63) <= int(value) < 2**63:
                    raise SyntaxError("DV0151", f"{name} is {value}, beyond the range of i64", span, help="write a float")
                return number(int(value), span)
            case np.floating() if value.dtype == np.float32:
                return call(span, self.builtin("f32", span), self.real(float(value), span))
            case float():
                return self.real(float(value), span)
            case np.ndarray(ndim=0):
                return self.value(value[()], name, span, used)
            case np.matrix() | np.ma.MaskedArray():
                raise TypeError("DV0156", f"{name} is a {type(value).__name__}, which calculates in its own way", span, help="write np.asarray(…) where it is made")
            case np.ndarray() | list():
                return self.array(value, name, span, used)
            case tuple() if as_array and value and all(isinstance(v, int | float | np.number) for v in value):
                return sx.ArrayLit(span, tuple(self.value(v, name, span, used) for v in value))
            case tuple() if not hasattr(value, "_fields") and len(value) > 1:
                return sx.Tuple(span, tuple(self.value(v, f"{name}_{k}", span, used) for k, v in enumerate(value)))
            case dict() if value and all(isinstance(k, str) and k.isidentifier() for k in value):
                for k, v in value.items():
                    self.watch(Watched(value, k, v))
                args = tuple(sx.Arg(span, k, self.value(v, k, span, used)) for k, v in value.items())
                return sx.Call(span, self.builtin("record", span), args, None)
        known = known_function(value)
        if known is not None:
            return self.table_function(known, span)
        if isinstance(value, type | Scalar):
            return self.class_value(value, name, span)
        python = self.python(value)
        if python is not None:
            return self.function_value(python, span, used)
        found = self.outside.expression(value, span, self, used)
        if found is not None:
            return found
        fields = record_fields(type(value))
        if fields is not None:
            record = self.record(type(value), span)
            assert record is not None
            for f in fields:
                self.watch(Watched(value, f, getattr(value, f)))
            parts = [self.value(getattr(value, f), f"{name}_{f}", span, used) for f in fields]
            if record[0] is None:
                return sx.Call(span, self.builtin("record", span), tuple(
                    sx.Arg(span, f, p) for f, p in zip(fields, parts, strict=True)), None)
            return call(span, record[0], *parts) if parts else record[0]
        raise self.refused(value, name, span)

    def refused(self, value: object, name: str, span: Span) -> Exception:
        if isinstance(value, str | bytes):
            return SyntaxError("DV0151", f"{name} is text, which is not in the language", span, help="give a number, or write two functions")
        if value is None:
            return SyntaxError("DV0151", f"{name} is None, which is not in the language", span, help="give a number, or write two functions")
        if isinstance(value, ModuleType):
            return SyntaxError("DV0151", f"{name} is a module", span, help="name one of its functions")
        if isinstance(value, BuiltinFunctionType | np.ufunc) or callable(value):
            where = getattr(value, "__module__", None) or type(value).__module__
            return SyntaxError("DV0153", f"{name} ({where}) is not in the language", span,
                               help="functions come from Python files, math, NumPy's table or .dv modules")
        return TypeError("DV0156", f"{name} is a {type(value).__name__}: no value of the language", span,
                         help="numbers, arrays, tuples, dicts, dataclasses and NamedTuples can be used; give others as arguments")

    def real(self, value: float, span: Span) -> sx.Expr:
        if math.isnan(value):
            return self.builtin("nan", span)
        if value == math.pi:
            return self.builtin("pi", span)
        if math.isinf(value):
            inf = self.builtin("inf", span)
            return inf if value > 0 else sx.Unary(span, "-", inf)
        return number(value, span)

    def array(self, value: Any, name: str, span: Span, used: dict[str, None]) -> sx.Expr:
        """An array from outside: a parameter that the caller does not see."""
        try:
            kind = DTYPES.get(np.asarray(value).dtype.name)
        except ValueError:
            kind = None
        if kind is None or (isinstance(value, list) and not value):
            raise TypeError("DV0156", f"{name} is no array of numbers", span, help="its elements are float, int or bool, in rows of one length; parts of different sizes are a tuple")
        found = next((n for n, v in self.now.hidden.items() if v is value), None)
        if found is None:
            found = self.free_name(name.split(".")[-1])
            self.now.hidden[found] = value
        used[found] = None
        return sx.Name(span, found)

    def table_function(self, known: Known, span: Span) -> sx.Expr:
        """A function of the table as a value: `newton(math.sin, 3.0)`."""
        for rule in known.rules:
            t = rule.template
            same = isinstance(t, ast.Call) and isinstance(t.func, ast.Name) and not t.keywords \
                and [a.id for a in t.args if isinstance(a, ast.Name)] == list(rule.params)
            if same and rule.rest is None and isinstance(t, ast.Call) and isinstance(t.func, ast.Name) and len(t.args) == len(rule.params):
                return self.builtin(t.func.id, span)
        raise SyntaxError("DV0153", f"{known.name} can't be given to a function here", span, help="write a lambda around it")

    def class_value(self, value: Any, name: str, span: Span) -> sx.Expr:
        kind = value.kind if isinstance(value, Scalar) else PLAIN.get(value)
        if kind is not None and kind != "bool":
            return self.builtin(kind, span)
        record = self.record(value, span) if isinstance(value, type) else None
        if record is None or record[0] is None:
            raise self.refused(value, name, span)
        self.check_made(value, span)
        return record[0]

    def check_made(self, cls: type, span: Span) -> None:
        """Refuses to make a record whose class does more than to keep its fields then."""
        own = made_otherwise(cls)
        if own is not None:
            raise SyntaxError("DV0156", f"{cls.__name__} does more than to keep its fields when it is made: it has its own {own}", span,
                              help="give it as an argument; or a dataclass without __post_init__, __init__, InitVar and init=False")

    def python(self, value: object) -> FunctionType | None:
        if isinstance(value, FunctionType):
            return None if (value.__module__ or "").startswith("derivant.") else value
        return self.outside.python(value)

    def call_of(self, function: FunctionType, span: Span, used: dict[str, None],
                owner: type | None = None, of_class: bool = False) -> tuple[sx.Expr, tuple[sx.Arg, ...]]:
        if self.lenient and not self.is_open(function):
            return sx.Name(span, function.__name__), ()
        name, hidden = self.function(function, span, _class_given(function, owner) if of_class else NOTHING, owner=owner)
        used.update(hidden)
        return sx.Name(span, name), tuple(sx.Arg(span, None, sx.Name(span, h)) for h in hidden)

    def function_value(self, function: FunctionType, span: Span, used: dict[str, None]) -> sx.Expr:
        """A function as a value; one that takes hidden parameters is wrapped."""
        if self.lenient and not self.is_open(function):
            return sx.Name(span, function.__name__)
        name, hidden = self.function(function, span)
        used.update(hidden)
        if not hidden:
            return sx.Name(span, name)
        own = list(inspect.signature(function, follow_wrapped=False).parameters)
        params = tuple(sx.PName(span, self.spell(p)) for p in own)
        args = [*(sx.Name(span, h) for h in hidden), *(sx.Name(span, self.spell(p)) for p in own)]
        return sx.Fn(span, params, call(span, sx.Name(span, name), *args))

    # ------------------------------------------------ types

    def record(self, cls: type, span: Span) -> tuple[sx.Expr | None, tuple[str, ...]] | None:
        found = self.outside.record(cls, span, self)
        if found is not None:
            return found[0], found[1]
        fields = record_fields(cls)
        if fields is None:
            return None
        own = reads_otherwise(cls)
        if own is not None:
            raise SyntaxError("DV0156", f"{cls.__name__} is no record: it has its own {own}, so its fields are not what it keeps", span,
                              help="a record is a dataclass or a NamedTuple whose fields are plain: write a method under another name")
        bad = [f for f in fields if f in KEYWORDS]
        if bad:
            raise SyntaxError("DV0156", f"{bad[0]} can't be a field: it is a word of the language", span)
        if cls in self.families:
            return sx.Name(span, self.type_name(cls)), fields
        name = self.declared(cls, span)
        if name is None:
            self.now.anonymous[cls] = None
            return None, fields
        return sx.Name(span, name), fields

    def type_name(self, cls: type) -> str:
        """Names of types and constructors begin with a capital."""
        for n, c in self.now.classes.items():
            if c is cls:
                return n
        name = cls.__name__.lstrip("_") or "Record"
        name = name[:1].upper() + name[1:]
        while name in self.now.classes or name in self.now.types:
            name += "_"
        self.now.classes[name] = cls
        return name

    def declared(self, cls: type, span: Span) -> str | None:
        """The name of a class's type in the program; None if a field leaves its type open."""
        for n, c in self.now.classes.items():
            if c is cls:
                return n if n in self.now.types else None
        fields = record_fields(cls) or ()
        hints = class_hints(cls)
        name = self.type_name(cls)
        self.now.types[name] = sx.TypeDecl(span, name, None, sx.RecordBody(()), None)
        types = [self.annotations.type_of(hints[f], span) if f in hints else None for f in fields]
        if None in types or not fields:
            del self.now.types[name], self.now.classes[name]
            return None
        body = sx.RecordBody(tuple((f, t) for f, t in zip(fields, types, strict=True) if t is not None))
        del self.now.types[name]  # behind the types of its fields
        self.now.types[name] = sx.TypeDecl(span, name, None, body, None)
        return name

    def record_type(self, cls: type, span: Span) -> sx.Type | None:
        found = self.outside.record(cls, span, self)
        if found is not None:
            assert isinstance(found[0], sx.Name)
            return sx.TName(span, found[0].id)
        if cls in self.families:
            raise TypeError("DV0156", f"{cls.__name__} is one of several constructors here", span,
                            help=f"write {' | '.join(c.__name__ for c in self.families[cls])}")
        record = self.record(cls, span)
        return sx.TName(span, record[0].id) if record is not None and isinstance(record[0], sx.Name) else None

    def union_type(self, classes: tuple[Any, ...], span: Span) -> sx.Type | None:
        """`Circle | Box`: a sum type whose constructors are the classes."""
        if not all(isinstance(c, type) for c in classes):
            return None
        outside = [self.outside.record(c, span, self) for c in classes]
        if all(o is not None for o in outside):
            return None
        if any(record_fields(c) is None for c in classes):
            return None
        for c in classes:
            if self.families.get(c, classes) != classes:
                raise TypeError("DV0156", f"{c.__name__} is in two unions", span)
            self.families[c] = classes
        name = "Or".join(c.__name__[:1].upper() + c.__name__[1:] for c in classes)
        if name not in self.now.types:
            ctors = []
            for c in classes:
                hints = class_hints(c)
                types = [self.annotations.type_of(hints.get(f), span) for f in record_fields(c) or ()]
                if None in types:
                    raise TypeError("DV0156", f"a field of {c.__name__} leaves its type open", span,
                                    help="write the types of its fields: float, int, dv.f64[…]")
                ctors.append((self.type_name(c), tuple(t for t in types if t is not None)))
            self.now.types[name] = sx.TypeDecl(span, name, None, sx.SumBody(tuple(ctors)), None)
        return sx.TName(span, name)

    def family(self, cls: object) -> tuple[type, ...]:
        if not isinstance(cls, type):
            return ()
        found = self.outside.record(cls, Span(None, 1, 1, 1, 1), self)
        return found[2] if found is not None else self.families.get(cls, ())


def _class_given(function: FunctionType, cls: type | None) -> dict[str, object]:
    """The first argument of a classmethod, as it is known."""
    return {next(iter(inspect.signature(function, follow_wrapped=False).parameters)): cls}


def _doc(function: FunctionType) -> str | None:
    """Its own documentation: `inspect.getdoc` would look for one in the classes around it, and so ask for the method."""
    return None if function.__doc__ is None else inspect.cleandoc(function.__doc__)


def _defaults(function: FunctionType) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for p in inspect.signature(function, follow_wrapped=False).parameters.values():
        if p.default is not inspect.Parameter.empty:
            out[p.name] = p.default
    return out

