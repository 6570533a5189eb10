"""What is there without an import: functions written in Python, constants, and the prelude.

    BUILTINS["sum"]            a `Builtin`; constants are literals
    prelude_names()            names of the prelude, which is written in the language
    declarations("softmax")    the declaration of one of them (and its rules), parsed on demand

A name of the program comes first, then BUILTINS, then the prelude.  Builtins that apply a function of
the prelude ask `elab.prelude(name)`, which is not affected by what the program shadows.
"""

from __future__ import annotations

from collections.abc import Iterable

from . import (  # noqa: F401  # these fill the table
    builtins_arrays,
    builtins_core,
    builtins_gens,
    builtins_math,
    builtins_random,
    builtins_reduce,
    builtins_vectors,
)
from .builtins_base import TABLE
from .builtins_prelude import declarations, index
from .values import Value

__all__ = ["BUILTINS", "declarations", "prelude_names"]

BUILTINS: dict[str, Value] = TABLE


def prelude_names() -> Iterable[str]:
    return index().keys()
