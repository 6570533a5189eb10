"""Results for people: records with a field per line, arrays as NumPy shows them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .records import SumValue, Value


def show(value: Any, elide: int = 1000) -> str:
    """Any result of a program as text, without a final newline; larger arrays than `elide` show their edges."""
    if isinstance(value, np.ndarray):
        text = np.array2string(value, separator=", ", threshold=elide, formatter={"object": show} if value.dtype == object else None)
        return "\n".join(line.rstrip() for line in text.split("\n"))
    if isinstance(value, np.generic):
        return str(value.item() if value.dtype.kind != "f" else value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return _group("", [("", show(v, elide)) for v in value])
    if isinstance(value, SumValue):
        name = type(value).__name__
        return _group(name, [("", show(v, elide)) for v in value._values]) if value._values else name
    if isinstance(value, Value):
        name = type(value).__name__
        return _group("" if name == "Record" else name, [(f, show(v, elide)) for f, v in value._asdict().items()], True)
    return str(value)


def _group(name: str, texts: list[tuple[str, str]], lines: bool = False) -> str:
    if not lines and all("\n" not in text for _, text in texts) and sum(len(text) for _, text in texts) < 90:
        return f"{name}({', '.join(text for _, text in texts)})"
    out = [f"{name}("]
    width = max((len(f) for f, _ in texts), default=0)
    for f, text in texts:
        head = f"  {f:<{width}} = " if f else "  "
        first, *rest = text.split("\n")
        out += [head + first, *((" " * len(head) + line).rstrip() for line in rest)]
    return "\n".join([*out, ")"])


def to_plain(value: Any) -> Any:
    """The value in lists, dicts and numbers, for JSON, which has no NaN and no infinity: they are the strings "nan",
    "inf" and "-inf"."""
    if isinstance(value, np.ndarray):
        plain = value.dtype.kind in "biu" or (value.dtype.kind == "f" and np.isfinite(value).all())
        return value.tolist() if plain else [to_plain(v) for v in (value if value.ndim > 1 else value.tolist())]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, tuple):
        return [to_plain(v) for v in value]
    if isinstance(value, SumValue):
        return {type(value).__name__: [to_plain(v) for v in value._values]}
    if isinstance(value, Value):
        return {f: to_plain(v) for f, v in value._asdict().items()}
    return value
