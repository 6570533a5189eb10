"""What is written and tested but not released: refused as "not yet" unless `DERIVANT_PREVIEW=1`.

A program's own definitions of these names are never concerned, nor is what the prelude uses itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from ..compiler.errors import PRELUDE, Span, UnsupportedError
from .builtins_prelude import index
from .elab_base import unsupported
from .elab_functions import Closure
from .values import Builtin, Value

_FILES = frozenset(f"{PRELUDE}{name}.dv" for name in ("linalg", "random", "special", "transforms"))
_BUILTINS = frozenset([
    "beta", "lbeta", "uniform", "normal", "bernoulli", "split", "taylor", "det", "slogdet", "inv", "solve",
    "solve_triangular", "lstsq", "cholesky", "lu", "qr", "eigh", "svd", "expm",
])
# Functions of the language that are not there yet.
LATER = frozenset(["checkpoint", "sparse_jacobian", "sparse_hessian"])
HELP = "DERIVANT_PREVIEW=1 in the environment lets programs try it"


def preview() -> bool:
    return os.environ.get("DERIVANT_PREVIEW", "") not in ("", "0")


def refused(name: str, v: Value | None, span: Span) -> UnsupportedError | None:
    """The error where a program names something (`v`, if there is such a thing) that is not there or not released."""
    if v is None:
        return unsupported(name, span) if name in LATER else None
    if isinstance(v, Builtin):
        ours = name in _BUILTINS and v.name == name
    else:
        source = v.code.span.source if isinstance(v, Closure) else None
        ours = source is not None and source.name in _FILES
    return unsupported(name, span, HELP) if ours and not span.in_prelude and not preview() else None


def released(names: Iterable[str]) -> Iterator[str]:
    """The names of the language that a program may use."""
    for n in names:
        if preview() or is_released(n):
            yield n


def is_released(name: str) -> bool:
    prelude = index()
    return name not in _BUILTINS and (name not in prelude or prelude[name].file not in _FILES)
