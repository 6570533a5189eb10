"""Derivant: a symbolic-numeric compiler for differentiable programs.

    import derivant as dv

    model = dv.load("model.dv")            # the functions of a file
    model = dv.compile("def f(x) = x**2")  # or of a text
    dv.grad(model.f)(3.0)                  # 6.0

Only NumPy is imported with the package; the rest follows when it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as _np  # noqa: F401

__version__ = "0.1.0"

_API = (
    "Function", "Module", "compile", "grad", "hessian", "hvp", "jacobian", "jvp", "linearize", "load",
    "transpose_linear", "value_and_grad", "vjp",
)
_ERRORS = {
    "Error": "Error", "SyntaxError": "SyntaxError", "NameError": "NameError", "TypeError": "TypeError",
    "SizeError": "SizeError", "BoundsError": "BoundsError", "AssertError": "AssertError",
    "ArithmeticError": "ArithmeticError", "ValueError": "ValueError_", "UnsupportedError": "UnsupportedError",
    "InternalError": "InternalError",
}
__all__ = ["__version__", *_API, *_ERRORS]  # noqa: PLE0604

if TYPE_CHECKING:
    from .compiler.errors import (
        ArithmeticError,
        AssertError,
        BoundsError,
        Error,
        InternalError,
        NameError,
        SizeError,
        SyntaxError,
        TypeError,
        UnsupportedError,
    )
    from .compiler.errors import ValueError_ as ValueError
    from .runtime.api import (
        Function,
        Module,
        compile,
        grad,
        hessian,
        hvp,
        jacobian,
        jvp,
        linearize,
        load,
        transpose_linear,
        value_and_grad,
        vjp,
    )


def __getattr__(name: str) -> Any:
    if name in _API:
        from .runtime import api as home

        value = getattr(home, name)
    elif name in _ERRORS:
        from .compiler import errors

        value = getattr(errors, _ERRORS[name])
    else:
        raise AttributeError(f"module 'derivant' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
