"""What is written and tested but not released: refused as "not yet" unless `DERIVANT_PREVIEW=1`.

A program's own definitions of these names are never concerned, nor is what the prelude uses itself.
"""

from __future__ import annotations

import os

from ..compiler.errors import Span
from .elab_functions import Closure
from .values import Builtin, Value

_FILES = frozenset(f"prelude/{name}.dv" for name in ("linalg", "random", "special", "transforms"))
_BUILTINS = frozenset([
    "beta", "lbeta", "uniform", "normal", "bernoulli", "split", "taylor", "det", "slogdet", "inv", "solve",
    "solve_triangular", "lstsq", "cholesky", "lu", "qr", "eigh", "svd", "expm",
])
HELP = "DERIVANT_PREVIEW=1 in the environment lets programs try it"


def preview() -> bool:
    return os.environ.get("DERIVANT_PREVIEW", "") not in ("", "0")


def is_hidden(name: str, v: Value, span: Span) -> bool:
    """Does a program name something that is not released?"""
    if isinstance(v, Builtin):
        ours = name in _BUILTINS and v.name == name
    else:
        source = v.code.span.source if isinstance(v, Closure) else None
        ours = source is not None and source.name in _FILES
    inside = span.source is not None and span.source.name.startswith("prelude/")
    return ours and not inside and not preview()
