"""Values of the interpreter: allocation, bounds, texts, and which class an error code has."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .errors import ArithmeticError, AssertError, BoundsError, Error, InternalError, SizeError, ValueError_
from .site import Site

Step = Callable[[list[Any]], None]

_CLASSES: dict[str, type[Error]] = {
    "DV0501": BoundsError, "DV0502": SizeError, "DV0503": SizeError, "DV0504": ArithmeticError,
    "DV0505": ArithmeticError, "DV0507": AssertError,
}


def error_class(code: str) -> type[Error]:
    """The class of a run-time error with this code."""
    return _CLASSES.get(code, ValueError_)


def allocate(shape: tuple[Any, ...], dtype: Any) -> Any:
    """Zeros of this shape."""
    for axis, n in enumerate(shape):
        if n < 0:
            raise SizeError("DV0503", f"an array can't have size {n} along axis {axis}")
    try:
        return np.zeros(shape, dtype=dtype)
    except (MemoryError, ValueError) as e:
        raise ValueError_("DV0509", f"no memory for an array of shape {[int(n) for n in shape]}") from e


def check_index(shape: tuple[int, ...], index: tuple[Any, ...], safe: bool) -> None:
    """Raises unless each index lies in its axis."""
    for axis, i in enumerate(index):
        if not 0 <= i < shape[axis]:
            if safe:
                raise InternalError("DV0999", f"index {i} of axis {axis} was taken to be below {shape[axis]}")
            raise BoundsError("DV0501", f"index {i} is out of bounds for axis {axis} of size {shape[axis]}")


def site_error(site: Site, values: Sequence[Any]) -> Error:
    """What a failed check raises."""
    return error_class(site.code)(site.code, fill_message(site.message, values), site.span, notes=site.notes)


def fill_message(text: str, values: Sequence[Any]) -> str:
    """`{0}` … replaced by values."""
    return re.sub(r"\{(\d+)\}", lambda m: format_value(values[int(m[1])]), text)


def format_value(v: Any) -> str:
    """A value as the language writes it; long arrays are cut."""
    if isinstance(v, np.ndarray):
        items = [format_value(x) for x in v[:20]]
        return "[" + ", ".join(items + ["…"] * (len(v) > 20)) + "]"
    if isinstance(v, (np.bool_, bool)):
        return "true" if v else "false"
    return str(v)


def out_array(v: Any) -> Any:
    """A result that its receiver may change: arrays are copied."""
    return np.array(v, order="C") if isinstance(v, np.ndarray) else v
