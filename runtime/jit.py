"""`dv.jit`: Python functions as functions of the language.

The function's text is read when it is decorated, and what is not in the language refused there; names
from outside are looked up, and the program is put together, when it is first used.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import inspect
import os
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from types import CellType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any, NoReturn

from ..compiler import errors
from ..compiler.errors import Source, Span
from ..frontend.python_flow import called_parameters
from ..frontend.python_source import find
from ..frontend.python_types import list_levels, record_fields
from . import api, shapes
from .function import Function
from .pipeline import Unit
from .records import SumValue, Value, homes
from .shapes import Signature
from .sources import DERIVED, compiler_fingerprint, find_import
from .values import Rebuilder, fields_of

if TYPE_CHECKING:
    from ..frontend import syntax as sx
    from ..frontend.python_program import Built, Reader
    from .front import Front

_TRANSFORMS = ("grad", "value_and_grad", "jacobian", "hessian", "hvp", "jvp", "vjp", "linearize", "transpose_linear", "vmap")


# ---------------------------------------------------------------- programs from Python


class PythonUnit(Unit):
    """A program that was read from Python functions."""

    def __init__(self, built: Built, backend: str | None = None) -> None:
        super().__init__(built.sources[0], None, backend)
        self.built = built
        self.fixed: dict[str, Any] = {}
        """Arguments that are known, functions."""
        self._accepted: set[tuple[str, int]] = set()
        self._names = [(w.place, w.name, w.value) for w in built.watched if isinstance(w.place, dict)]
        self._attributes = [w for w in built.watched if not isinstance(w.place, dict | CellType)]
        self._cells = [w for w in built.watched if isinstance(w.place, CellType)]

    def reword(self, e: errors.Error) -> None:
        from .jit_words import reword

        reword(e)

    def accept(self, param: shapes.Param, value: object, function: str) -> None:
        """Lists and tuples: what is written for arrays may mean something else for them."""
        python = _functions.get(id(self.built))
        name = next((n for n, s in self.built.spelled.items() if s == param.name), param.name)
        depth = list_levels(value) - (len(param.type.batch) if isinstance(param.type, shapes.Any) else 0)
        if python is None or name in self.fixed or (not isinstance(value, tuple) and depth <= 0):
            return
        with self.lock:
            if (name, depth) not in self._accepted:
                try:
                    _reader().check_lists(python, {name: depth}, self.fixed)
                except errors.SyntaxError as e:
                    what = "list" if depth else "tuple"
                    raise errors.TypeError("DV0607", f"`{name}` of {function} is a {what}: {e.message}", e.span,
                                           help="give np.array(…)" if depth else e.help) from None
                self._accepted.add((name, depth))

    def __reduce__(self) -> tuple[object, ...]:
        return PythonUnit, (dataclasses.replace(self.built, watched=()), self.backend)

    def is_fresh(self) -> bool:
        """Do all names from outside stand for what they did when the program was made?"""
        for names, name, value in self._names:
            if names.get(name) is not value:
                return False
        for w in self._attributes:
            if getattr(w.place, w.name, None) is not w.value and not w.is_fresh():
                return False
        for w in self._cells:  # this runs at every call
            if not w.is_fresh():
                return False
        return True

    @functools.cached_property
    def key(self) -> str:
        parts = [compiler_fingerprint(), repr(self.built.program), *(s.name for s in self.built.sources),
                 *(f"{n} {u.key}" for n, u in self.built.modules.items()), os.environ.get("DERIVANT_PREVIEW", "")]
        return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()

    @functools.cached_property
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

    def has_classes(self, t: shapes.Type) -> bool:
        match t:
            case shapes.Tuple(items):
                return any(map(self.has_classes, items))
            case shapes.Array(element):
                return self.has_classes(element)
        return not isinstance(t, shapes.Scalar)

    def rebuilt(self, results: Sequence[Any], t: shapes.Type, arguments: Sequence[Any]) -> Any:
        if not self.has_classes(t):
            return super().rebuilt(results, t, arguments)
        return _Rebuilder(results, self.built, arguments).value(t)


class _Rebuilder(Rebuilder):
    """Records come back in the classes that the program was written with, or that the arguments had."""

    def __init__(self, results: Sequence[Any], built: Built, arguments: Sequence[Any]) -> None:
        super().__init__(results)
        self.classes = built.classes
        self.found: dict[tuple[str, ...], dict[object, None]] = {}
        for cls in (*built.classes.values(), *built.anonymous):
            self.found.setdefault(record_fields(cls) or (), {})[cls] = None
        for a in arguments:
            self._see(a)

    def _see(self, value: Any) -> None:
        fields = None if isinstance(value, SumValue) else fields_of(value)
        if fields is not None:
            cls = type(value) if isinstance(value, Value | tuple) or dataclasses.is_dataclass(value) else dict
            self.found.setdefault(tuple(fields), {})[cls] = None
        parts: Iterable[Any] = fields.values() if fields is not None else value if type(value) is tuple else ()
        for part in parts:
            self._see(part)

    def record(self, name: str, fields: tuple[str, ...]) -> Callable[..., Any]:
        if name in self.classes:
            return _making(self.classes[name])
        if name:
            return super().record(name, fields)
        found = list(self.found.get(fields, {dict: None}))
        if len(found) > 1:
            names = " and ".join(sorted(getattr(c, "__name__", "") for c in found))
            raise errors.TypeError("DV0614", f"{names} have the same fields ({', '.join(fields)}): which one comes back is not clear",
                                   help="write the types of the fields in the classes")
        if found == [dict]:
            return lambda *parts: dict(zip(fields, parts, strict=True))
        return _making(found[0])  # type: ignore[arg-type]

    def ctor(self, t: shapes.Sum, tag: int) -> Callable[..., Any]:
        known = self.classes.get(t.ctors[tag][0])
        return _making(known) if known is not None else super().ctor(t, tag)


def _making(cls: type) -> Callable[..., Any]:
    """The class as a function of its fields; some have reasons of their own to refuse values."""

    def make(*parts: Any) -> Any:
        try:
            return cls(*parts)
        except Exception as e:
            raise errors.TypeError("DV0614", f"the result is a {cls.__name__}, but it refuses its values ({type(e).__name__}: {e})",
                                   help="a dict, a NamedTuple or a dataclass without checks takes any values") from e

    return make


# ---------------------------------------------------------------- what the reader asks


class _Outside:
    """Jitted functions, functions of modules and transforms, as expressions of a program."""

    def python(self, value: object) -> FunctionType | None:
        return value.python if isinstance(value, Jitted) else None

    def is_jit(self, value: object) -> bool:
        return value is jit

    def transform(self, value: object) -> str | None:
        name = getattr(value, "__name__", "")
        return name if name in _TRANSFORMS and getattr(api, name) is value else None

    def expression(self, value: object, span: Span, reader: Reader, used: dict[str, None]) -> sx.Expr | None:
        if not isinstance(value, Function):
            return None
        from ..frontend import syntax as sx
        from ..frontend.parser import parse_expr
        from ..frontend.python_scope import call

        if value._wrap:
            raise errors.UnsupportedError("DV0901", f"{value.__name__} gives a tuple of one: not inside a program", span)
        unit = value._unit
        names: dict[str, sx.Expr] = {}
        first: list[sx.Expr] = []
        if isinstance(unit, PythonUnit):
            jitted = _jitted_of(unit)
            if jitted is None:
                raise errors.UnsupportedError("DV0901", f"{value.__name__} was unpickled: it can't be part of another program", span)
            name, hidden = reader.function(jitted, span)
            used.update(hidden)
            names[unit.built.entry] = sx.Name(span, name)
            first = [sx.Name(span, h) for h in hidden]
            rest = value.bound[len(unit.built.hidden):]
        else:
            module = _module_name(unit, reader)
            reader.now.imports[module] = sx.Import(span, module, None)
            names = {f: sx.Field(span, sx.Name(span, module), f) for f in unit.outline().functions}
            rest = value.bound
        first += [reader.value(v, "bound", span, used) for v in rest]
        e = names[value.text] if value.text in names else placed(parse_expr(Source(DERIVED, value.text)), span, names)
        if not first:
            return e
        own = [sx.PName(span, f"x{k}__") for k in range(len(value.params))]
        return sx.Fn(span, tuple(own), call(span, e, *first, *(sx.Name(span, p.id) for p in own)))

    def record(self, cls: type, span: Span, reader: Reader) -> tuple[sx.Expr, tuple[str, ...], tuple[type, ...]] | None:
        from ..frontend import syntax as sx

        if not issubclass(cls, Value):
            return None
        unit = homes.get(cls)
        if not isinstance(unit, Unit):
            raise errors.TypeError("DV0156", f"{cls.__name__} is of no module that was loaded here", span)
        module = _module_name(unit, reader)
        family = () if not issubclass(cls, SumValue) else tuple(_constructors(unit, cls))
        for c in family or (cls,):
            reader.now.imports[f"{module}.{c.__name__}"] = sx.FromImport(span, module, (c.__name__,))
        return sx.Name(span, cls.__name__), cls.__match_args__, family


def _constructors(unit: Unit, cls: type[SumValue]) -> Iterable[type]:
    module = api.Module(unit)
    for t in unit.outline().types:
        if isinstance(t, shapes.Sum) and any(getattr(module, c) is cls for c, _ in t.ctors):
            return [getattr(module, c) for c, _ in t.ctors]
    return [cls]


def _module_name(unit: Unit, reader: Reader) -> str:
    """The name under which a program is imported in another one."""
    for name, known in reader.modules.items():
        if known is unit or known.source == unit.source:
            return name
    base = os.path.basename(unit.source.name).removesuffix(".dv")
    name = base if base.isidentifier() else "module"
    while name in reader.modules:
        name += "_"
    reader.modules[name] = unit
    return name


def placed(e: Any, span: Span, names: dict[str, sx.Expr]) -> Any:
    """An expression at one span, with some of its names replaced."""
    from ..frontend import syntax as sx

    if isinstance(e, sx.Name):
        return names.get(e.id, sx.Name(span, e.id))
    if isinstance(e, tuple):
        return tuple(placed(x, span, names) for x in e)
    fields = getattr(e, "__dataclass_fields__", None)
    if fields is None or isinstance(e, Span):
        return e
    return type(e)(**{f: span if f == "span" else placed(getattr(e, f), span, names) for f in fields})


# ---------------------------------------------------------------- jitted functions

MOST_PROGRAMS = 256
_functions: dict[int, FunctionType] = {}


def _jitted_of(unit: PythonUnit) -> FunctionType | None:
    return _functions.get(id(unit.built))


class _Named(Function):
    """Keywords are Python's names, where the program had to spell them in another way."""

    def _bind(self, values: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], tuple[bool, ...]]:
        unit = self._unit
        assert isinstance(unit, PythonUnit)
        spelled = unit.built.spelled
        return super()._bind(values, {spelled.get(k, k): v for k, v in kwargs.items()})


class Jitted(_Named):
    """A Python function, compiled.

    `.py_func` is the function itself, `.source` its text, `.dv_source` the program that it is in the
    language, `.compilations` for how many choices of argument types it was compiled.

    It becomes a `Function` when it is first used.  One that uses names from outside leaves the work to `_inner`
    and looks first whether they stand for what they did.
    """

    python: Any  # its FunctionType, or None; mypy takes a function that is an attribute for a method

    def __init__(self, function: FunctionType, backend: str | None = None, fixed: dict[str, Any] | None = None) -> None:
        """`fixed`: arguments that are known, functions."""
        self.python = function
        self._backend = backend
        self._fixed_arguments = fixed or {}
        self._lock = threading.RLock()
        self._programs: dict[object, Jitted] = {}
        self._describe(function.__name__, function.__qualname__, function.__module__, function.__doc__,
                       _without(inspect.signature(function), self._fixed_arguments))
        if not fixed:
            _reader(lenient=True).build(function)
        self._behind: Callable[..., Any] = self._first
        self._takes_functions = not fixed and bool(called_parameters(find(function).node))
        self.__call__ = self._dispatch if self._takes_functions else self._behind

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

    def _first(self, *args: Any, **kwargs: Any) -> Any:
        self._linked()
        return self._behind(*args, **kwargs)

    def _linked(self) -> None:
        with self._lock:
            if "_unit" not in self.__dict__:
                self._link()

    def _link(self) -> None:
        """Reads the function with all that it calls."""
        assert self.python is not None
        built = _reader().build(self.python, self._fixed_arguments)
        _functions[id(built)] = self.python
        unit = PythonUnit(built, self._backend)
        unit.fixed = self._fixed_arguments
        self._made(unit, tuple(v for _, v in built.hidden))

    def _made(self, unit: PythonUnit, hidden: tuple[object, ...]) -> None:
        signature = unit.signature(unit.built.entry)
        described = self._described
        Function.__init__(self, unit, unit.built.entry, signature, plain=True, bound=hidden)
        self._describe(*described)
        self._behind = self.__call__
        if unit.built.watched:
            self._inner = _Named(unit, unit.built.entry, signature, plain=True, bound=hidden)
            self._ready = self._inner._ready
            self._behind = self._checked
        self.__call__ = self._dispatch if self._takes_functions else self._behind

    # ------------------------------------------------------------ calls that are more than a call

    def _checked(self, *args: Any, **kwargs: Any) -> Any:
        """For functions that use names from outside."""
        unit = self._unit
        if not unit.is_fresh():  # type: ignore[attr-defined]
            self.follow()
        return self._inner(*args, **kwargs)

    def follow(self) -> PythonUnit:
        """The program for what names from outside stand for now."""
        unit = self._unit
        assert isinstance(unit, PythonUnit)
        if unit.is_fresh():
            return unit
        with self._lock:
            if self._unit is unit:
                self._link()
        return self.follow()

    def _dispatch(self, *args: Any, **kwargs: Any) -> Any:
        """For functions that call a parameter: a function from outside makes a program of its own."""
        try:
            given = self.__signature__.bind_partial(*args, **kwargs).arguments
        except TypeError:
            given = {}
        functions = {n: v for n, v in given.items() if callable(v) and not isinstance(v, Value)}
        if not functions:
            return self._behind(*args, **kwargs)
        key = tuple((n, id(v)) for n, v in functions.items())  # each keeps its functions, so ids stay theirs
        with self._lock:
            if key not in self._programs:
                if len(self._programs) >= MOST_PROGRAMS:
                    self._programs.clear()
                self._programs[key] = Jitted(self.python, self._backend, functions)
            program = self._programs[key]
        return program(**{n: v for n, v in given.items() if n not in functions})

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
        if owner is None:
            return self
        first = next(iter(self.__signature__.parameters.values()), None)
        if first is None:
            raise errors.TypeError("DV0606", f"{self.__name__} takes no arguments, as a method it has one")
        if first.annotation is not inspect.Parameter.empty:
            return self.bind((owner,))
        return self.bind((_Self(owner, _attributes(self.py_func, first.name)),))


class _Derived(Function):
    """A transform of a jitted function, or one with arguments given, that follows it."""

    def __init__(self, origin: Jitted, f: Function) -> None:
        self.origin = origin
        self._point_to(f)

    def _point_to(self, f: Function) -> None:
        super().__init__(f._unit, f.text, f._all, plain=f._plain, bound=f.bound, wrap=f._wrap, base=f._base)
        self._inner = f
        self._ready = f._ready
        self.__call__ = self._checked

    def _checked(self, *args: Any, **kwargs: Any) -> Any:
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
        return self._inner(*args, **kwargs)

    def derived(self, text: str, signature: Signature, wrap: str = "") -> Function:
        return _Derived(self.origin, super().derived(text, signature, wrap))

    def bind(self, values: Sequence[Any]) -> Function:
        return _Derived(self.origin, super().bind(values))


def _without(signature: inspect.Signature, names: Iterable[str]) -> inspect.Signature:
    return signature.replace(parameters=[p for n, p in signature.parameters.items() if n not in set(names)])


class _Self:
    """An object as a record of some of its attributes."""

    def __init__(self, owner: object, names: tuple[str, ...]) -> None:
        self._owner = owner
        self._names = names

    def keys(self) -> tuple[str, ...]:
        return self._names

    def __iter__(self) -> Any:
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
    made.python, made._backend, made._lock = None, unit.backend, threading.RLock()
    made._fixed_arguments, made._programs, made._takes_functions = {}, {}, False
    shown = inspect.Signature([inspect.Parameter(p.name, inspect.Parameter.POSITIONAL_OR_KEYWORD)
                               for p in unit.signature(unit.built.entry).params[len(hidden):]])
    made._describe(name, qualname, module, doc, shown)
    made._made(unit, hidden)
    return made


def _reader(*, lenient: bool = False) -> Reader:
    from ..frontend.python_program import Reader

    return Reader(_Outside(), lenient=lenient)


def jit(function: Callable[..., Any] | None = None, *, backend: str | None = None) -> Any:
    """A Python function as a function of the language: read, not traced, and compiled for its arguments.

    For functions, lambdas, closures and methods, as `@dv.jit` or `dv.jit(f)`.  Parameters are annotated in the
    language's spelling (`dv.f64["n", "d"]`, `float`, `int`, `bool`, dataclasses, NamedTuples), or not at all: then
    dtypes and ranks of the arguments decide.  What is outside the language raises a `dv.Error` with its place.
    """
    if function is None:
        return functools.partial(jit, backend=backend)
    if isinstance(function, Function):
        return function
    if isinstance(function, staticmethod):
        return staticmethod(jit(function.__func__, backend=backend))
    if isinstance(function, MethodType) and isinstance(function.__func__, FunctionType):
        return Jitted(function.__func__, backend).__get__(function.__self__)
    if not isinstance(function, FunctionType):
        _refuse(function)
    if hasattr(function, "__wrapped__"):
        raise errors.UnsupportedError("DV0156", f"{function.__name__} is wrapped by another decorator",
                                      help="put @dv.jit directly above the def, below the other decorators")
    return Jitted(function, backend)


def _refuse(function: object) -> NoReturn:
    if isinstance(function, type):
        raise errors.TypeError("DV0607", f"dv.jit takes a function, {function.__name__} is a class", help="decorate its methods")
    if isinstance(function, functools.partial):
        raise errors.TypeError("DV0607", "dv.jit takes a function, this is a functools.partial", help="write a lambda")
    name = getattr(function, "__name__", type(function).__name__)
    if callable(function):
        raise errors.TypeError("DV0607", f"dv.jit takes a Python function, {name} has no Python text", help="write a lambda around it")
    raise errors.TypeError("DV0607", f"dv.jit takes a function, not a {type(function).__name__}")
