"""What is there without an import: functions written in Python, constants, and the prelude.

    BUILTINS["sum"]            a `Builtin`; constants are literals
    prelude_names()            names of the prelude, which is written in the language
    declarations("softmax")    the declaration of one of them (and its rules), parsed on demand
    document("softmax")        what is known of any name of the language, for people

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
from . import syntax as sx
from .builtins_base import TABLE
from .builtins_prelude import declarations, index
from .lexer import DECLARATIONS, KEYWORDS, SOFT
from .values import Leaf, Value

__all__ = ["BUILTINS", "declarations", "document", "prelude_names"]

BUILTINS: dict[str, Value] = TABLE


def prelude_names() -> Iterable[str]:
    return index().keys()


def document(name: str) -> str | None:
    """What a name of the language is: a builtin, a constant, a function of the prelude, a keyword; None for others."""
    from .transforms import TRANSFORMS

    v = BUILTINS.get(name) or TRANSFORMS.get(name)
    doc = getattr(v, "doc", "")
    if doc:
        return str(doc)
    if isinstance(v, Leaf):
        return f"{name}: a constant"
    for d in declarations(name):
        if isinstance(d, sx.Def):
            params = ", ".join(p.name for p in d.params)
            return f"{name}({params}): {d.doc}" if d.doc else f"{name}({params})"
    if name in KEYWORDS | DECLARATIONS | SOFT:
        return f"{name}: a keyword"
    return None
