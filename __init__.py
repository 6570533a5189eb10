"""Derivant: a symbolic-numeric compiler for differentiable programs.

    import derivant as dv

    model = dv.load("model.dv")            # the functions of a file
    model = dv.compile("def f(x) = x**2")  # or of a text
    dv.grad(model.f)(3.0)                  # 6.0

    @dv.jit                                # or of a Python function
    def g(x: dv.f64["n"]) -> float:
        return sum(t**2 for t in x)

Nothing else is imported with the package; everything follows when it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .compiler.lock import locked as _locked

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
    "bool",
    "compile",
    "f32",
    "f64",
    "grad",
    "hessian",
    "hvp",
    "i32",
    "i64",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jit",
    "jvp",
    "linearize",
    "load",
    "transpose_linear",
    "value_and_grad",
    "vjp",
    "vmap",
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
    from .frontend.python_types import bool_ as bool
    from .frontend.python_types import f32, f64, i32, i64
    from .runtime.api import (
        Function,
        Module,
        compile,
        grad,
        hessian,
        hvp,
        jacfwd,
        jacobian,
        jacrev,
        jvp,
        linearize,
        load,
        transpose_linear,
        value_and_grad,
        vjp,
        vmap,
    )
    from .runtime.jit import jit


@_locked
def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'derivant' has no attribute {name!r}")
    if name.endswith("Error"):
        from .compiler import errors as home
    elif name in ("f64", "f32", "i64", "i32", "bool"):
        from .frontend import python_types as home  # type: ignore[no-redef]
    elif name == "jit":
        from .runtime import jit as home  # type: ignore[no-redef]
    else:
        from .runtime import api as home  # type: ignore[no-redef]
    value = getattr(home, {"ValueError": "ValueError_", "bool": "bool_"}.get(name, name))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext derivant`: the magic `%%derivant` for cells in the language."""
    from .runtime.notebook import load

    load(shell)
