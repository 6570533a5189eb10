"""Names of one Python function while it is read: local ones, those from around it, and what they stand for."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import CellType, FunctionType, ModuleType
from typing import Any, NoReturn, Protocol

import numpy as np

from ..compiler.errors import Error, InternalError, NameError, Span, SyntaxError, UnsupportedError, bundle
from . import syntax as sx
from .elab_base import did_you_mean
from .python_source import Text
from .python_tables import MODULES, module_functions

MISSING = object()
"""A name that nothing defines yet."""

LOOP = "write a loop; what waits for its turn can be kept in an array"


class Linker(Protocol):
    """The program that a function becomes a part of (python_program.py)."""

    lenient: bool

    def spell(self, name: str) -> str:
        """A Python name as the program writes it."""
        raise NotImplementedError

    def builtin(self, name: str, span: Span) -> sx.Expr:
        """A name of the language."""
        raise NotImplementedError

    def value(self, value: object, name: str, span: Span, used: dict[str, None], as_array: bool = False) -> sx.Expr:
        """An object of Python as an expression; what has to be passed in is noted in `used`."""
        raise NotImplementedError

    def watch(self, place: Watched | None) -> None:
        """Notes where something from outside was found."""
        raise NotImplementedError

    def call_of(self, function: FunctionType, span: Span, used: dict[str, None],
                owner: type | None = None, of_class: bool = False) -> tuple[sx.Expr, tuple[sx.Arg, ...]]:
        """A function to be called at once, and the arguments that the caller does not see; `owner` is the class of the
        record whose method it is, or for a method `of_class` its first argument."""
        raise NotImplementedError

    def python(self, value: object) -> FunctionType | None:
        """The Python function that an object is, jitted or not."""
        raise NotImplementedError

    def member(self, cls: type, name: str, behind: type | None = None) -> None:
        """Notes that the program took something from a class, or from those `behind` one: subclasses may have their own."""
        raise NotImplementedError

    def blind(self, what: str) -> None:
        """Notes what is done with a record whose class the text does not say: some have their own way to do it."""
        raise NotImplementedError

    def dict_of(self, keys: tuple[str, ...]) -> None:
        """Notes that the program makes a dict with these keys."""
        raise NotImplementedError

    def given_as(self, given: type, taken: type, span: Span) -> None:
        """Notes that a record of one class is given to a function that takes another one."""
        raise NotImplementedError

    def class_given(self, function: FunctionType, owner: type | None, of_class: bool) -> type | None:
        """The class of the records that a function returns, as far as its text says."""
        raise NotImplementedError

    def record(self, cls: type, span: Span) -> tuple[sx.Expr | None, tuple[str, ...]] | None:
        """The constructor of a class (None: an anonymous record) and its fields, or None if it is no record."""
        raise NotImplementedError

    def check_made(self, cls: type, span: Span) -> None:
        """Refuses to make a record whose class does more than to keep its fields then."""
        raise NotImplementedError

    def transform(self, value: object) -> str | None:
        """The name of a transform such as `dv.grad`."""
        raise NotImplementedError

    def check_lists(self, function: FunctionType, lists: Mapping[str, int]) -> None:
        """Refuses what would be something else in Python if parameters are lists (of so many levels), or tuples (0)."""
        raise NotImplementedError

    def gives_list(self, function: FunctionType) -> int:
        """How deep the lists are that a function returns; 0 if it returns none."""
        raise NotImplementedError


@dataclass
class Frame:
    """One scope: the names that belong to it, and those that have a value where we stand."""

    locals: frozenset[str]
    defined: set[str] = field(default_factory=set)


_LASTING = ("math", "numpy", "scipy", __name__.partition(".")[0])
"""Packages whose names nobody changes."""


@dataclass(frozen=True, eq=False)
class Watched:
    """A name from outside, or an attribute, and what it stood for when the program was made."""

    place: Any
    name: str
    value: object

    def is_fresh(self) -> bool:
        place = self.place
        try:
            now = place.cell_contents if type(place) is CellType else place.get(self.name, MISSING) if type(place) is dict \
                else getattr(place, self.name)
        except (ValueError, AttributeError):
            now = MISSING
        return now is self.value or (type(now) is type(self.value) and isinstance(now, int | float) and repr(now) == repr(self.value))


class Contents(Watched):
    """An array or list whose elements are part of the program: a default that others may change; `value` is what it held."""

    def is_fresh(self) -> bool:
        return contents(self.place) == self.value


def contents(value: object) -> object:
    """What an array or list of numbers holds, to the bit."""
    try:
        array = np.asarray(value)
    except ValueError:
        return None
    return array.dtype.str, array.shape, array.tobytes()


class Environment:
    """The names around a function: its closure, its module, Python's own."""

    def __init__(self, function: FunctionType | None, cells: dict[str, Any], globals_: Mapping[str, Any]) -> None:
        self.function = function
        self.cells = cells
        self.globals = globals_

    @classmethod
    def of(cls, function: FunctionType) -> Environment:
        cells: dict[str, Any] = {}
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            try:
                cells[name] = cell.cell_contents
            except ValueError:
                cells[name] = MISSING
        return cls(function, cells, function.__globals__)

    def get(self, name: str) -> Any:
        if name in self.cells:
            return self.cells[name]
        return self.globals.get(name, getattr(builtins, name, MISSING))

    def names(self) -> list[str]:
        return [*self.cells, *self.globals]

    def watched(self, name: str, value: object) -> Watched | None:
        """Where a name has its value from; None for what is there for good (modules, Python's own, known arguments)."""
        if isinstance(value, ModuleType) or value is MISSING:
            return None
        if name in self.cells:
            free = () if self.function is None else self.function.__code__.co_freevars
            cells = () if self.function is None else self.function.__closure__ or ()
            return Watched(cells[free.index(name)], name, value) if name in free else None
        return Watched(self.globals, name, value) if name in self.globals else None


class Scope:
    """The ground of the translation of one function: spans, refusals, names."""

    itself = ""
    """The name of the function, if it is one of a module."""

    def __init__(self, linker: Linker, text: Text, env: Environment, frames: Sequence[Frame], used: dict[str, None]) -> None:
        self.linker = linker
        self.text = text
        self.env = env
        self.frames = list(frames)
        self.used = used
        self.lists: dict[str, int] = {}
        self.errors: list[Error] = []
        self.empty: set[str] = set()
        """Names of lists that have no elements yet."""
        self.tuples: dict[str, int] = {}
        """Names of tuples, with the number of their items (0 where it is not known)."""

    # ------------------------------------------------ spans and refusals

    def wrong(self, e: Error) -> None:
        """Notes an error; the reading goes on, to find more."""
        if isinstance(e, InternalError):
            raise e
        self.errors += e.errors

    def raise_all(self) -> None:
        """Raises what was found, each thing once; values that are missing may follow from the rest."""
        found: dict[object, Error] = {}
        for e in [e for e in self.errors if e.code != "DV0154"] or self.errors:
            place = (e.span.source, e.span.line, e.span.col) if e.span is not None else None
            found.setdefault(place or e.message, e)
        if found:
            raise bundle(list(found.values()))

    def at(self, node: ast.AST) -> Span:
        return self.text.span(node)

    def refuse(self, node: ast.AST, what: str, help: str | None = None, code: str = "DV0151") -> NoReturn:
        raise SyntaxError(code, what, self.at(node), help=help)

    def no_recursion(self, node: ast.AST, name: str) -> NoReturn:
        raise UnsupportedError("DV0901", f"{name} calls itself: the language has no recursion", self.at(node), help=LOOP)

    # ------------------------------------------------ names

    @contextmanager
    def frame(self, names: Sequence[str]) -> Iterator[None]:
        """A scope of a lambda or a comprehension, all of whose names have values."""
        self.frames.append(Frame(frozenset(names), set(names)))
        try:
            yield
        finally:
            self.frames.pop()

    def is_lexical(self, name: str) -> bool:
        """Is it a name of this function or of one around it (and no constant from outside)?"""
        return any(name in f.locals for f in self.frames)

    def name(self, node: ast.Name) -> sx.Expr:
        """A name that is read."""
        if node.id in self.empty and node.id in self.frames[-1].locals:
            self.refuse(node, f"{node.id} is an empty list here: the language can't tell of what",
                        f"begin with its first element, {node.id} = [x0]; np.zeros(0) is an array that stays empty", "DV0154")
        for f in reversed(self.frames):
            if node.id in f.locals:
                if node.id not in f.defined:
                    self.refuse(node, f"{node.id} may have no value here", "give it one on every path that leads here",
                                "DV0154")
                return sx.Name(self.at(node), self.spelled(node.id))
        value = self.outside(node.id)
        if value is MISSING:
            return self.missing(node)
        return self.linker.value(value, node.id, self.at(node), self.used)

    def outside(self, name: str) -> Any:
        """What a name stands for that is not of this function."""
        value = self.env.get(name)
        self.linker.watch(self.env.watched(name, value))
        return value

    def missing(self, node: ast.Name) -> sx.Expr:
        if node.id == self.itself:
            self.no_recursion(node, node.id)
        if self.linker.lenient:  # it may be defined before the first call
            return sx.Name(self.at(node), node.id)
        known = [n for f in self.frames for n in f.locals] + self.env.names()
        raise NameError("DV0201", f"nothing here is called {node.id}", self.at(node), help=did_you_mean(node.id, known))

    def spelled(self, name: str) -> str:
        return self.linker.spell(name)

    def builtin(self, name: str, node: ast.AST) -> sx.Expr:
        return self.linker.builtin(name, self.at(node))

    def static(self, node: ast.expr) -> Any:
        """The object that a name from outside, or a path of attributes of one, stands for; MISSING if it is none."""
        match node:
            case ast.Name(id=name):
                return MISSING if self.is_lexical(name) else self.outside(name)
            case ast.Attribute(value=value, attr=attr):
                base = self.static(value)
                if base is MISSING:
                    return MISSING
                try:
                    value = getattr(base, attr)
                    if isinstance(base, ModuleType):
                        if base.__name__.partition(".")[0] not in _LASTING:
                            self.linker.watch(Watched(vars(base), attr, value))
                    elif isinstance(base, type) or isinstance(value, int | float):
                        self.linker.watch(Watched(base, attr, value))
                    return value
                except AttributeError:
                    if isinstance(base, ModuleType | type):
                        self.unknown_member(node, base)
                    self.refuse(node, f"{ast.unparse(value)} has no {attr}", did_you_mean(attr, dir(base)), "DV0201")
        return MISSING

    def unknown_member(self, node: ast.Attribute, base: Any) -> NoReturn:
        known = module_functions(base.__name__) if base.__name__ in MODULES else dir(base)
        raise NameError("DV0153", f"{base.__name__} has no {node.attr}", self.at(node), help=did_you_mean(node.attr, known))


def call(span: Span, fn: sx.Expr, *args: sx.Expr, **named: sx.Expr) -> sx.Call:
    return sx.Call(span, fn, (*(sx.Arg(a.span, None, a) for a in args),
                              *(sx.Arg(a.span, n, a) for n, a in named.items())), None)


def number(value: float, span: Span) -> sx.Expr:
    """A number as a literal; `inf` and `nan` are names."""
    if value < 0 or (value == 0 and str(value).startswith("-")):
        return sx.Unary(span, "-", number(-value, span))
    return sx.Num(span, value, repr(value).replace("e+", "e"))


def block(stmts: Sequence[sx.Let | sx.LetFn | sx.Assert], value: sx.Expr) -> sx.Expr:
    """`stmts` in front of a value; blocks are not nested, and `let p = e` in front of `p` is `e`."""
    if stmts and isinstance(last := stmts[-1], sx.Let) and last.type is None and _same(last.pattern, value):
        return block(stmts[:-1], last.value)
    if not stmts:
        return value
    if isinstance(value, sx.Block):
        return sx.Block(stmts[0].span.to(value.span), (*stmts, *value.stmts), value.value)
    return sx.Block(stmts[0].span.to(value.span), tuple(stmts), value)


def _same(p: sx.Pattern, e: sx.Expr) -> bool:
    """Does the value of `e` consist of what `p` binds, in its order?"""
    match p, e:
        case sx.PName(_, name), sx.Name(_, other):
            return name == other
        case sx.PTuple(_, items), sx.Tuple(_, others):
            return len(items) == len(others) and all(map(_same, items, others))
    return False
