"""`dv.jit`: Python functions as functions of the language.

The function's text is read when it is decorated, and what is not in the language refused there; names
from outside are looked up, and the program is put together, when it is first used.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any, NoReturn

from ..compiler import errors
from .function import Function
from .guard import door
from .jit_function import Jitted


@door
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
    if isinstance(function, classmethod):
        raise errors.TypeError("DV0607", f"dv.jit takes a function, {function.__name__} is a classmethod",
                               help="make it a staticmethod, or a function; jitted functions can call classmethods")
    name = getattr(function, "__name__", type(function).__name__)
    if callable(function):
        raise errors.TypeError("DV0607", f"dv.jit takes a Python function, {name} has no Python text", help="write a lambda around it")
    raise errors.TypeError("DV0607", f"dv.jit takes a function, not a {type(function).__name__}")
