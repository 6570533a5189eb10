"""A jitted function: it becomes a function of the language when it is first used, and follows what it uses."""

from __future__ import annotations

import functools
import inspect
import operator
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import CellType, FunctionType
from typing import TYPE_CHECKING, Any

from ..compiler import errors
from ..compiler.frames import trimmed
from ..compiler.lock import kept, lock, locked
from ..frontend.python_flow import called_parameters
from ..frontend.python_scope import MISSING
from ..frontend.python_source import find
from .function import Function
from .jit_outside import reader
from .jit_unit import PythonUnit, selves
from .records import Value, record_class
from .shapes import Signature

if TYPE_CHECKING:
    from ..frontend.python_scope import Watched

MOST_PROGRAMS = 256


class _Named(Function):
    """Keywords are Python's names, where the program had to spell them in another way."""

    def _bind(self, values: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], tuple[bool, ...]]:
        unit = self._unit
        assert isinstance(unit, PythonUnit)
        spelled = unit.built.spelled
        return super()._bind(values, {spelled.get(k, k): v for k, v in kwargs.items()})


class _Inner(_Named):
    """What does the work of a function that uses names from outside, and may stand for others later."""

    def __init__(self, outer: Function, f: Function) -> None:
        super().__init__(f._unit, f.text, f._all, plain=f._plain, bound=f.bound, wrap=f._wrap, base=f._base)
        unit = self._unit
        assert isinstance(unit, PythonUnit)
        self.unit: PythonUnit = unit
        self.outer: Any = outer  # may be a `Jitted`, which mypy takes for a descriptor
        self._ready = f._ready
        if len(f.bound) == len(unit.built.hidden):  # arrays from outside are bound for long: the short ways are its own
            self._base = None

    def _fronts(self) -> Iterator[tuple[Function, Sequence[Watched]]]:
        yield self, ()
        if self.outer.is_led_by(self.unit):
            yield self.outer, self.unit.built.watched


class Jitted(_Named):
    """A Python function, compiled.

    `.py_func` is the function itself, `.source` its text, `.dv_source` the program that it is in the
    language, `.compilations` for how many choices of argument types it was compiled.

    It becomes a `Function` when it is first used.  One that uses names from outside leaves the work to `_inner`
    and looks first whether they stand for what they did.
    """

    python: Any  # its FunctionType, or None; mypy takes a function that is an attribute for a method

    def __init__(self, function: FunctionType, backend: str | None = None, fixed: dict[str, Any] | None = None,
                 cls: type | None = None) -> None:
        """`fixed`: arguments that are known, functions; `cls`: the class whose method it is, where `self` says one above."""
        self.python = function
        self._backend = backend
        self._fixed_arguments = fixed or {}
        self._class = cls
        self._programs: dict[object, Jitted] = {}
        self._methods: dict[type, Jitted] = {}
        self._describe(function.__name__, function.__qualname__, function.__module__, function.__doc__,
                       _without(inspect.signature(function), self._fixed_arguments))
        if not fixed and cls is None:
            reader(lenient=True).build(function)
        self._behind: Callable[..., Any] = self._first
        self._takes_functions = not fixed and bool(called_parameters(find(function).node))
        self.__call__ = self._strictly(self._dispatch if self._takes_functions else self._behind)

    @property
    def _is_strict(self) -> bool:
        """Has it parameters that go by name only, or by position only?"""
        kinds = {p.kind for p in self.__signature__.parameters.values()}
        return not self._fixed_arguments and not kinds <= {inspect.Parameter.POSITIONAL_OR_KEYWORD}

    def _strictly(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """The call, behind a look at arguments that go by name only, or by position only."""
        if not self._is_strict:
            return call
        kinds = {n: p.kind for n, p in self.__signature__.parameters.items()}
        only = {n for n, k in kinds.items() if k is inspect.Parameter.POSITIONAL_ONLY}
        most = sum(k is not inspect.Parameter.KEYWORD_ONLY for k in kinds.values())

        def checked(*args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            if len(args) > most and len(args) <= len(kinds):
                rest = ", ".join(f"{n}=…" for n, k in kinds.items() if k is inspect.Parameter.KEYWORD_ONLY)
                raise errors.TypeError("DV0606", f"{self.__name__} takes {most} argument{'s' * (most != 1)} by position, {len(args)} were given",
                                       help=f"the rest goes by name: {rest}")
            for n in only & kwargs.keys():
                raise errors.TypeError("DV0606", f"{n} of {self.__name__} goes by position only", help="leave out its name")
            return call(*args, **kwargs)

        return checked

    def _describe(self, name: str, qualname: str, module: str, doc: str | None, signature: inspect.Signature) -> None:
        self._described = (name, qualname, module, doc, signature)
        self.__name__, self.__qualname__, self.__module__, self.__doc__ = name, qualname, module, doc

    # ------------------------------------------------------------ becoming a function of the language

    def __getattr__(self, name: str) -> Any:
        known = self.__dict__
        if not name.startswith("__") and "_described" in known and "_unit" not in known:
            self._linked()
            return getattr(self, name)
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def _first(self, /, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        try:
            self._linked()
            return self._behind(*args, **kwargs)
        except errors.Error as e:
            raise trimmed(e) from e.__cause__

    @locked
    def _linked(self) -> None:
        if "_unit" not in self.__dict__:
            self._link()

    def _link(self) -> None:
        """Reads the function with all that it calls."""
        assert self.python is not None
        built = reader().build(self.python, self._fixed_arguments, owner=self._class)
        unit = PythonUnit(built, self._backend, self.python)
        unit.fixed = self._fixed_arguments
        self._made(unit, tuple(v for _, v in built.hidden))

    def _made(self, unit: PythonUnit, hidden: tuple[object, ...]) -> None:
        try:
            signature = unit.signature(unit.built.entry)
        except errors.Error as e:
            unit.reword(e)
            raise
        described = self._described
        Function.__init__(self, unit, unit.built.entry, signature, plain=True, bound=hidden)
        self._describe(*described)
        self._behind = self.__call__
        if unit.built.watched or self._is_strict:  # short ways are put in front of what is inside
            self._inner = _Inner(self, self)
            self._behind = self._checking(unit, self._inner)
        self.__call__ = self._strictly(self._dispatch if self._takes_functions else self._behind)

    def is_led_by(self, unit: PythonUnit) -> bool:
        """Does a call go to this program, and to nothing else in front?"""
        return self._unit is unit and not self._takes_functions and not self._is_strict

    # ------------------------------------------------------------ calls that are more than a call

    def _checking(self, unit: PythonUnit, inner: Function) -> Callable[..., Any]:
        """For functions that use names from outside: what the short ways leave over."""
        def checked(*args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            try:
                return inner(*args, **kwargs) if unit.is_fresh() else self._followed(*args, **kwargs)
            except errors.Error as e:
                raise trimmed(e) from e.__cause__

        return checked

    def _followed(self, /, *args: Any, **kwargs: Any) -> Any:
        self.follow()
        return self._behind(*args, **kwargs)

    def follow(self) -> PythonUnit:
        """The program for what names from outside stand for now."""
        unit = self._unit
        assert isinstance(unit, PythonUnit)
        if unit.is_fresh():
            return unit
        with lock:
            if self._unit is unit:
                self._link()
        return self.follow()

    def _dispatch(self, /, *args: Any, **kwargs: Any) -> Any:
        """For functions that call a parameter: a function from outside makes a program of its own."""
        __tracebackhide__ = True
        try:
            program, given = self._program(args, kwargs)
            return program(*args, **kwargs) if given is None else program(**given)
        except errors.Error as e:
            raise trimmed(e) from e.__cause__

    def _program(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Callable[..., Any], dict[str, Any] | None]:
        """The program for the functions among the arguments, and the other arguments; None where there are none."""
        try:
            given = self.__signature__.bind_partial(*args, **kwargs).arguments
        except TypeError:
            given = {}
        functions = {n: v for n, v in given.items() if callable(v) and not isinstance(v, Value)}
        if not functions:
            return self._behind, None
        key = tuple((n, identity(v)) for n, v in functions.items())
        program = self._programs.get(key) or self._new_program(key, functions)
        return program, {n: v for n, v in given.items() if n not in functions}

    @locked
    def _new_program(self, key: object, functions: Mapping[str, Any]) -> Jitted:
        if key not in self._programs:
            while len(self._programs) >= MOST_PROGRAMS:
                del self._programs[next(iter(self._programs))]
            self._programs[key] = Jitted(self.python, self._backend, {n: detached(v) for n, v in functions.items()}, self._class)
        return self._programs[key]

    # ------------------------------------------------------------ what is made from it

    def derived(self, text: str, signature: Signature, wrap: str = "") -> Function:
        return self._following(super().derived(text, signature, wrap))

    def bind(self, values: Sequence[Any]) -> Function:
        return self._following(super().bind(values))

    def _following(self, f: Function) -> Function:
        unit = self._unit
        assert isinstance(unit, PythonUnit)
        return _Derived(self, f) if unit.built.watched else f

    # ------------------------------------------------------------ what it looks like

    @property
    def __signature__(self) -> inspect.Signature:
        return self._described[4]

    @property
    def __wrapped__(self) -> Callable[..., Any]:
        """What `inspect` and others look at behind a decorator."""
        return self.py_func

    @property
    def py_func(self) -> FunctionType:
        """The Python function; it is not there after unpickling one that no module has."""
        if self.python is None:
            raise errors.UnsupportedError("DV0155", f"{self.__name__} was pickled: its Python function is not here")
        found: FunctionType = self.python
        return found

    @property
    def source(self) -> str:
        """The text of the Python function."""
        _ = self.py_func  # it may be gone
        found = find(self.python)
        return found.text.of(found.node)

    @property
    def dv_source(self) -> str:
        """The same in the language, with all functions that it calls."""
        from ..frontend.unparse import program_text

        unit = self._unit
        assert isinstance(unit, PythonUnit)
        return program_text(unit.built.program)

    @property
    def compilations(self) -> int:
        """For how many choices of argument types it was compiled; sizes are never one."""
        own = len(self._ready) if "_unit" in self.__dict__ else 0
        return own + sum(p.compilations for p in self._programs.values())

    def __repr__(self) -> str:
        return f"<derivant function {self.__name__}{self.__signature__}>"

    def __reduce__(self) -> Any:
        home: Any = sys.modules.get(self.__module__)
        for part in self.__qualname__.split("."):
            home = getattr(home, part, None)
        if home is self:
            return self.__qualname__
        unit = self._unit
        assert isinstance(unit, PythonUnit)
        return _unpickled, (unit, self.bound, *self._described[:4])

    def __get__(self, owner: object, cls: type | None = None) -> Function:
        """As a method: `self` is a record of the attributes that the function reads, as they are at each call."""
        return self if owner is None else _Method(self, owner)

    def method_of(self, cls: type) -> Jitted:
        """The method of a class: one that inherits it may have other methods that it calls, and other fields."""
        return self._methods.get(cls) or self._new_method(cls)

    @locked
    def _new_method(self, cls: type) -> Jitted:
        made = self
        if self._attributes is None:
            unit, (first, *_) = self.follow(), self._described[4].parameters
            said = unit.built.hints.get(unit.built.spelled[first])
            if said is not None and cls is not said and issubclass(cls, said):
                made = Jitted(self.python, self._backend, self._fixed_arguments, cls)
        return self._methods.setdefault(cls, made)

    @kept
    def _attributes(self) -> tuple[str, ...] | None:
        """The attributes of its first parameter that a method reads; None where the annotation says what it is."""
        first = next(iter(self.__signature__.parameters.values()), None)
        if first is None:
            raise errors.TypeError("DV0606", f"{self.__name__} takes no arguments, as a method it has one")
        return _attributes(self.py_func, first.name) if first.annotation is inspect.Parameter.empty else None

    @kept
    def _record_of(self) -> Callable[[Any], Any]:
        """Makes the first argument of a method from an object."""
        names = self._attributes
        if names is None:
            return lambda owner: owner
        read, cls = operator.attrgetter(*names), record_class("", names)
        selves.add(cls)
        return (lambda owner: cls(*read(owner))) if len(names) > 1 else lambda owner: cls(read(owner))


class _Method(Function):
    """A method of an object.  One is made at each `a.f`, so it is little more than the two; the rest is made when
    a transform asks for it."""

    def __init__(self, function: Jitted, owner: object) -> None:
        self.function = function
        self.owner = owner
        self.__call__ = self._direct

    def _direct(self, /, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        try:
            function = self.function.method_of(type(self.owner))
            return function.__call__(function._record_of(self.owner), *args, **kwargs)
        except errors.Error as e:
            raise trimmed(e) from e.__cause__

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name not in ("__name__", "__qualname__", "__doc__"):
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        return getattr(self.whole, name)

    @kept
    def whole(self) -> Function:
        """The function with its first argument given, which reads the object at each call."""
        function = self.function.method_of(type(self.owner))
        names = function._attributes
        return function.bind((self.owner if names is None else _Self(self.owner, names),))

    def derived(self, text: str, signature: Signature, wrap: str = "") -> Function:
        return self.whole.derived(text, signature, wrap)

    def bind(self, values: Sequence[Any]) -> Function:
        return self.whole.bind(values)

    def __reduce__(self) -> tuple[object, ...]:
        return _Method, (self.function, self.owner)


class _Derived(Function):
    """A transform of a jitted function, or one with arguments given, that follows it."""

    def __init__(self, origin: Jitted, f: Function) -> None:
        self.origin = origin
        self._point_to(f)

    def _point_to(self, f: Function) -> None:
        super().__init__(f._unit, f.text, f._all, plain=f._plain, bound=f.bound, wrap=f._wrap, base=f._base)
        self._inner = _Inner(self, f)
        self._inner.fewer = lambda n: None if self.fewer is None else self.fewer(n)
        self._ready = f._ready
        self.__call__ = self._checked

    def is_led_by(self, unit: PythonUnit) -> bool:
        """Does a call go to this program?"""
        return self._unit is unit

    def _checked(self, /, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        try:
            self._follow()
            return self._inner(*args, **kwargs)
        except errors.Error as e:
            raise trimmed(e) from e.__cause__

    def _follow(self) -> None:
        unit = self._unit
        assert isinstance(unit, PythonUnit)
        now = self.origin.follow()
        if now is not unit:
            hidden = tuple(v for _, v in now.built.hidden)
            if len(hidden) != len(unit.built.hidden):
                raise errors.UnsupportedError(
                    "DV0901", f"{self.__name__}: names that {self.origin.__name__} uses have changed from numbers to arrays, "
                    "or back", help="make it again")
            bound = (*hidden, *self.bound[len(hidden):])
            self._point_to(Function(now, self.text, self._all, plain=self._plain, bound=bound, wrap=self._wrap))

    def derived(self, text: str, signature: Signature, wrap: str = "") -> Function:
        return _Derived(self.origin, super().derived(text, signature, wrap))

    def bind(self, values: Sequence[Any]) -> Function:
        return _Derived(self.origin, super().bind(values))


# ---------------------------------------------------------------- functions that are given


def identity(value: object, inside: tuple[object, ...] = ()) -> object:
    """Equal for functions of one text with equal constants around them: a lambda that stands in a call is made anew
    at each call.  What is no constant is itself; a program keeps its functions, so an `id` stays theirs."""
    if not isinstance(value, FunctionType):
        return (type(value), repr(value)) if type(value) in (int, float, bool, str) else id(value)
    if value in inside:
        return inside.index(value)
    parts = (*_contents(value), *(value.__defaults__ or ()), *(v for _, v in sorted((value.__kwdefaults__ or {}).items())))
    return value.__code__, id(value.__globals__), tuple(identity(p, (*inside, value)) for p in parts)


def detached(value: Any, made: dict[object, FunctionType] | None = None) -> Any:
    """A function whose closure has cells of its own: those that it came with may change for others."""
    made = {} if made is None else made
    if not isinstance(value, FunctionType) or value.__closure__ is None:
        return value
    if value not in made:
        cells = tuple(CellType() for _ in value.__closure__)
        f = made[value] = FunctionType(value.__code__, value.__globals__, value.__name__, value.__defaults__, cells)
        f.__kwdefaults__, f.__annotations__, f.__qualname__ = value.__kwdefaults__, value.__annotations__, value.__qualname__
        for cell, content in zip(cells, _contents(value), strict=True):
            if content is not MISSING:
                cell.cell_contents = detached(content, made)
    return made[value]


def _contents(function: FunctionType) -> list[Any]:
    out: list[Any] = []
    for cell in function.__closure__ or ():
        try:
            out.append(cell.cell_contents)
        except ValueError:  # nothing is in it yet
            out.append(MISSING)
    return out


def _without(signature: inspect.Signature, names: Iterable[str]) -> inspect.Signature:
    return signature.replace(parameters=[p for n, p in signature.parameters.items() if n not in set(names)])


class _Self(Mapping[str, Any]):
    """An object as a record of some of its attributes."""

    def __init__(self, owner: object, names: tuple[str, ...]) -> None:
        self._owner = owner
        self._names = names

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __getitem__(self, name: str) -> Any:
        return getattr(self._owner, name)


@functools.lru_cache(256)
def _attributes(function: FunctionType, first: str) -> tuple[str, ...]:
    """The attributes of its first parameter that a method reads."""
    import ast

    found = find(function)
    names: dict[str, None] = {}
    for n in ast.walk(found.node):
        if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name) and n.value.id == first:
            names[n.attr] = None
    if not names:
        raise errors.UnsupportedError("DV0156", f"{function.__name__} reads no attribute of {first}",
                                      found.text.span(found.node), help="make it a function, or a staticmethod")
    return tuple(names)


def _unpickled(unit: PythonUnit, hidden: tuple[object, ...], name: str, qualname: str, module: str, doc: str | None) -> Jitted:
    made = Jitted.__new__(Jitted)
    made.python, made._backend, made._class = None, unit.backend, None
    made._fixed_arguments, made._programs, made._methods, made._takes_functions = {}, {}, {}, False
    shown = inspect.Signature([inspect.Parameter(p.name, inspect.Parameter.POSITIONAL_OR_KEYWORD)
                               for p in unit.signature(unit.built.entry).params[len(hidden):]])
    made._describe(name, qualname, module, doc, shown)
    made._made(unit, hidden)
    return made
