"""Results to files: `.json` and `.npz` take anything, `.npy` an array, `.csv` a table."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from ..compiler import errors
from .files import write
from .records import SumValue, Value
from .show import to_plain

FORMATS = (".json", ".npz", ".npy", ".csv")


def check_path(path: str) -> None:
    """Refuses a name that can't be written, before work starts."""
    if Path(path).suffix.lower() not in FORMATS:
        raise errors.ValueError_("DV0612", f"--out {path}: the name must end in {', '.join(FORMATS)}")
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise errors.ValueError_("DV0612", f"--out {path}: there is no folder {folder}")


def save(value: Any, path: str) -> None:
    """Writes a result; the file appears whole or not at all."""
    suffix = Path(path).suffix.lower()
    if suffix != ".json" and any(isinstance(v, np.ndarray) and v.dtype == object for v in flat(value).values()):
        raise errors.ValueError_("DV0612", f"--out {path}: an array of a sum type has no place in {suffix[1:]}; write .json")
    data = {".json": _json, ".npz": _npz, ".npy": _npy, ".csv": _csv}[suffix](value, path)
    write(path, data)


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """The leaves of a result by dotted name; a lone array is `result`."""
    if isinstance(value, SumValue):
        parts = {str(i): v for i, v in enumerate(value._values)}
        head: dict[str, Any] = {f"{path}.tag" if path else "tag": np.int64(value.tag)}
    elif isinstance(value, Value):
        parts, head = value._asdict(), {}
    elif isinstance(value, tuple):
        parts, head = {str(i): v for i, v in enumerate(value)}, {}
    else:
        return {path or "result": value}
    for name, v in parts.items():
        head |= flat(v, f"{path}.{name}" if path else name)
    return head


def _json(value: Any, path: str) -> bytes:
    return (json.dumps(to_plain(value), indent=1, ensure_ascii=False) + "\n").encode()


def _npz(value: Any, path: str) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **flat(value))
    return buffer.getvalue()


def _npy(value: Any, path: str) -> bytes:
    if isinstance(value, (tuple, Value)):
        raise errors.ValueError_("DV0612", f"--out {path}: the result is no array; write .npz or .json")
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(value))
    return buffer.getvalue()


def _csv(value: Any, path: str) -> bytes:
    if isinstance(value, np.ndarray) and value.ndim in (1, 2):
        lines = [",".join(map(str, np.atleast_1d(row).tolist())) for row in value]
        return "".join(line + "\n" for line in lines).encode()
    columns = flat(value) if isinstance(value, (tuple, Value)) else {"result": value}
    arrays = {name: np.atleast_1d(v) for name, v in columns.items()}
    if any(a.ndim != 1 for a in arrays.values()) or len({len(a) for a in arrays.values()}) != 1:
        raise errors.ValueError_("DV0612", f"--out {path}: the result is no table; write .npz or .json")
    rows = zip(*(a.tolist() for a in arrays.values()), strict=True)
    lines = [",".join(arrays), *(",".join(map(str, row)) for row in rows)]
    return "".join(line + "\n" for line in lines).encode()
