"""Names and numbers of printed programs."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from .ir import Const, Var
from .primitives import PRIMITIVES

KEYWORDS = frozenset((
    "and", "assert", "def", "do", "else", "false", "fn", "for", "if", "in", "let", "loop", "match", "not", "or",
    "then", "true", "while", "with", "adjoint", "derivative", "from", "implicit", "import", "language", "rule",
    "schedule", "strategy", "test", "type", "along", "as", "by", "down", "into", "pulls", "when", "where",
))

# Words that a printed variable may not take: keywords, soft ones included, and the functions and
# constants that printed text uses.
RESERVED = KEYWORDS | frozenset(PRIMITIVES) | frozenset((
    "array", "sum", "prod", "max", "min", "any", "all", "argmax", "argmin", "steps", "delta", "fill", "plus",
    "argsort", "select", "show", "jvp", "vjp", "zeros_like", "inf", "nan", "pi", "e", "eps", "bool", "f64",
    "f32", "i64", "i32",
))

_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_TRAILING = "₀₁₂₃₄₅₆₇₈₉"


def clean(name: str) -> str:
    """The nearest identifier."""
    name = re.sub(r"\W", "_", unicodedata.normalize("NFC", name)).strip("_")
    return name if name and not name[0].isdecimal() else f"t{name}"


def function_name(name: str) -> str:
    """The nearest identifier that is no word of the language."""
    name = clean(name)
    return f"{name}_" if name in RESERVED else name


def may_shadow(name: str, text: str) -> bool:
    """May a parameter of a function with this text have the name of a builtin?  Yes, if the text does without it."""
    return name in RESERVED and name not in KEYWORDS and not re.search(rf"\b{name}\b", text)


class Names:
    """Gives each variable a name of its own: `x`, then `x₁`, `x₂`, …"""

    def __init__(self, given: Mapping[Var, str] | None = None, taken: Iterable[str] = ()) -> None:
        self.of: dict[Var, str] = dict(given or {})
        self.taken = set(self.of.values()) | set(taken)
        self.next: dict[str, int] = {}
        self.made: list[Var] = []

    @contextmanager
    def region(self) -> Iterator[None]:
        """Names given inside are free again behind it."""
        start = len(self.made)
        try:
            yield
        finally:
            for v in self.made[start:]:
                self.taken.discard(self.of.pop(v))
            del self.made[start:]

    def __call__(self, v: Var) -> str:
        if v not in self.of:
            self.of[v] = self.fresh(v.name)
            self.made.append(v)
        return self.of[v]

    def fresh(self, wanted: str) -> str:
        name = clean(wanted)
        if name in self.taken or name in RESERVED:
            base = name.rstrip(_TRAILING) or "t"
            k = 0
            while name in self.taken or name in RESERVED:
                k = max(k + 1, self.next.get(base, 0))
                name = base + str(k).translate(_SUBSCRIPTS)
            if k > 100:
                self.next[base] = k  # no longer looks for gaps
        self.taken.add(name)
        return name


class RawNames(Names):
    """Names with numbers, `x.17`, for internal errors: no two variables can look alike."""

    def __call__(self, v: Var) -> str:
        return repr(v)


def constant(c: Const) -> str:
    """A literal of exactly this kind and value."""
    if c.kind == "bool":
        return "true" if c.value else "false"
    text = _float(float(c.value)) if c.kind in ("f64", "f32") else str(c.value)
    return text if c.kind in ("f64", "i64") else f"{c.kind}({text})"


def _float(x: float) -> str:
    if math.isnan(x):
        return "nan"
    return repr(x) if math.isfinite(x) else ("inf" if x > 0 else "-inf")


def quoted(text: str) -> str:
    """A string literal."""
    for plain, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\t", "\\t"), ("\r", "\\r")):
        text = text.replace(plain, escaped)
    return f'"{text}"'
