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

__all__ = [
    "ArithmeticError",
    "AssertError",
    "BoundsError",
    "Error",
    "Function",
    "InternalError",
    "Module",
    "NameError",
    "SizeError",
    "SyntaxError",
    "TypeError",
    "UnsupportedError",
    "ValueError",
    "__version__",
    "compile",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "linearize",
    "load",
    "transpose_linear",
    "value_and_grad",
    "vjp",
]

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
    if name not in __all__:
        raise AttributeError(f"module 'derivant' has no attribute {name!r}")
    if name.endswith("Error"):
        from .compiler import errors as home
    else:
        from .runtime import api as home  # type: ignore[no-redef]
    value = getattr(home, "ValueError_" if name == "ValueError" else name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
