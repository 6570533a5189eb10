"""Arguments as text: literals, and files of numbers; results written to files.

Messages name the file and, where there are such things, line and column.
"""

from __future__ import annotations

import json
import math
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from ..compiler import errors
from ..compiler.errors import Span
from . import shapes
from .records import ctor_class
from .shapes import Array, Record, Scalar, Sum, Tuple

SUFFIXES = (".npy", ".npz", ".csv", ".json", ".txt")
MAX_SOURCE = 16 << 20
FLOATS = ("f64", "f32")
_F32_MAX = int(np.finfo(np.float32).max)
_WORDS = {"true": True, "false": False, "inf": math.inf, "-inf": -math.inf, "nan": math.nan}


def read_source(path: str | os.PathLike[str]) -> str:
    """The text of a program; `-` is standard input."""
    name = os.fspath(path)
    return decode(read_program(name), name)


def read_program(name: str) -> bytes:
    """The bytes of a program; `-` is standard input."""
    if name == "-":
        import sys

        data = sys.stdin.buffer.read(MAX_SOURCE + 1)
    else:
        data = read_bytes(name, MAX_SOURCE + 1)
    if len(data) > MAX_SOURCE:
        raise errors.ValueError_("DV0603", f"{name} is larger than {MAX_SOURCE >> 20} MiB: too large for a program")
    return data


def decode(data: bytes, name: str) -> str:
    """UTF-8 without NUL, or an error that says where it stops being text."""
    try:
        text = data.decode("utf-8-sig")
        at = data.find(b"\0")
    except UnicodeDecodeError as e:
        text, at = "", e.start
    if at >= 0:
        line = data.count(b"\n", 0, at) + 1
        raise errors.ValueError_("DV0603", f"{name} is not UTF-8 text: byte 0x{data[at]:02x} in line {line}")
    return text


def read_bytes(name: str, limit: int = -1) -> bytes:
    """A file's bytes, or an error of ours that says why not."""
    try:
        with open(name, "rb") as f:
            return f.read(limit)
    except OSError as e:
        raise unreadable(name, e) from None
    except ValueError:
        raise errors.ValueError_("DV0602", f"{name!r} is no name of a file") from None


def unreadable(name: str, e: OSError) -> errors.Error:
    if isinstance(e, FileNotFoundError):
        if os.path.islink(name):
            return errors.ValueError_("DV0601", f"there is no file {os.readlink(name)}, to which {name} links")
        return errors.ValueError_("DV0601", f"there is no file {name}", help=_nearest_file(name))
    if isinstance(e, IsADirectoryError):
        return errors.ValueError_("DV0602", f"{name} is a directory, not a file")
    if isinstance(e, PermissionError):
        return errors.ValueError_("DV0602", f"{name} may not be read: permission denied")
    return errors.ValueError_("DV0602", f"{name} can't be read: {(e.strerror or str(e)).lower()}")


def _nearest_file(name: str) -> str | None:
    import difflib

    path = Path(name)
    try:
        close = difflib.get_close_matches(path.name, os.listdir(path.parent), 1, 0.6)
    except OSError:
        return None
    return f"did you mean {path.parent / close[0]}?" if close else None


# ---------------------------------------------------------------- arguments


def is_path(text: str) -> bool:
    return text.lower().endswith(SUFFIXES)


def read_argument(text: str, t: shapes.Type, name: str, folder: str = "") -> Any:
    """The value that a command line, or a default of a program, gives as text."""
    text = text.strip()
    if is_path(text):
        return read_file(os.path.join(folder, text) if folder else text, t, name)
    if isinstance(t, Sum) and any(text == c for c, _ in t.ctors):
        return fit_literal(text, t)
    return fit_literal(_literal(text, name), t)


def _literal(text: str, name: str) -> Any:
    word = text.lower()
    if word in _WORDS:
        return _WORDS[word]
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        pass
    if text[:1] in ("[", "{", '"'):
        try:
            return from_json(text)
        except (ValueError, RecursionError) as e:
            where = f" (column {e.colno}: {e.msg.lower()})" if isinstance(e, json.JSONDecodeError) else ""
            raise errors.ValueError_("DV0609", f"`{name}`: this is not JSON{where}: {_short(text)}") from None
    raise errors.ValueError_(
        "DV0609", f"`{name}`: neither a number nor a file: {_short(text)}",
        help=f"give a number, true, false, JSON, or a file that ends in {' '.join(SUFFIXES)}",
    )


_UNQUOTED = re.compile(r'"(?:[^"\\]|\\.)*"|(-?)\b(?:(nan)|inf(?:inity)?)\b', re.IGNORECASE)


def from_json(text: str) -> Any:
    """A JSON text; `nan` and `inf`, which JSON has not, may stand there as words or, as `to_plain` writes them, as strings."""
    return _with_words(json.loads(_UNQUOTED.sub(
        lambda m: m[0] if m[0][0] == '"' else "NaN" if m[2] else f"{m[1]}Infinity", text)))


def _with_words(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_words(v) for v in value]
    if isinstance(value, dict):
        return {k: _with_words(v) for k, v in value.items()}
    return _WORDS.get(value, value) if isinstance(value, str) and value not in ("true", "false") else value


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "…"


def fit_literal(value: Any, t: shapes.Type) -> Any:
    """Literals take the width that is asked for (`0.1` for an f32 is one), `{"Box": [1, 2]}` is `Box(1, 2)`, `"Point"`
    that constructor; all else is left alone."""
    match t:
        case Scalar("f32"):
            return to_f32(value)[()] if type(value) is float or type(value) is int and abs(value) <= _F32_MAX else value
        case Array(Scalar("f32" | "i32" as kind)):
            try:
                found = np.asarray(value)
            except ValueError:
                return value
            if kind == "f32" and found.dtype.kind in "if":
                return to_f32(found)
            if kind == "i32" and found.dtype.kind == "i" and (abs(found) < 2**31).all():
                return found.astype(np.int32)
        case Tuple(items) if isinstance(value, list) and len(value) == len(items):
            return tuple(fit_literal(v, s) for v, s in zip(value, items, strict=True))
        case Array(element, sizes) if isinstance(value, list) and len(sizes) == 1 and not isinstance(element, Scalar):
            return [fit_literal(v, element) for v in value]
        case Sum(name, ctors) if isinstance(value, str) or isinstance(value, dict) and len(value) == 1:
            ctor, payload = (value, []) if isinstance(value, str) else next(iter(value.items()))
            tag = next((k for k, (c, _) in enumerate(ctors) if c == ctor), None)
            types = () if tag is None else ctors[tag][1]
            if not isinstance(payload, list) or len(payload) != len(types):
                payload = [payload]  # the only one, without brackets
            if tag is not None and len(payload) == len(types):
                cls = ctor_class(name, tuple((c, len(p)) for c, p in ctors), tag)
                return cls(*(fit_literal(v, s) for v, s in zip(payload, types, strict=True)))
        case Record(_, fields) if isinstance(value, dict):
            known = dict(fields)
            return {f: fit_literal(v, known[f]) if f in known else v for f, v in value.items()}
    return value


def to_f32(value: Any) -> np.ndarray[Any, Any]:
    """Numbers as f32, rounded as IEEE 754 does: what is too large is infinite."""
    with np.errstate(over="ignore"):
        return np.asarray(value).astype(np.float32)


def read_default(text: str, p: shapes.Param, folder: str | None, span: Span | None) -> Any:
    """What a string default names: a path beside the source."""
    if not is_path(text):
        raise errors.ValueError_(
            "DV0609", f"the default of `{p.name}` names no data file: {_short(text)}", span,
            help=f"it must end in {', '.join(SUFFIXES)}",
        )
    return read_argument(text, p.type, p.name, folder or "")


def read_file(path: str, t: shapes.Type, name: str) -> Any:
    """The contents of a data file, shaped for type `t`."""
    suffix = Path(path).suffix.lower()
    if suffix == ".csv":
        from .tables import read_csv

        return read_csv(path, t, name)
    if suffix == ".json":
        text = decode(read_bytes(path), path)
        try:
            return fit_literal(from_json(text), t)
        except json.JSONDecodeError as e:
            raise errors.ValueError_("DV0610", f"{path}, line {e.lineno}, column {e.colno}: {e.msg}") from None
        except RecursionError:
            raise errors.ValueError_("DV0610", f"{path}: nested too deeply") from None
    if suffix == ".txt":
        return np.frombuffer(read_bytes(path), np.uint8).astype(np.int32 if "i32" in str(t) else np.int64)
    return _read_numpy(path, name)


def _read_numpy(path: str, name: str) -> Any:
    import zipfile

    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded:
            arrays = {key: loaded[key] for key in loaded.files}
    except OSError as e:
        if e.errno:
            raise unreadable(path, e) from None
        raise errors.ValueError_("DV0610", f"{path} is not a NumPy file, or is damaged") from None
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile, MemoryError) as e:
        why = "it holds Python objects" if "Object arrays" in str(e) else "it is not a NumPy file, or is damaged"
        raise errors.ValueError_("DV0610", f"{path} can't be read: {why}") from None
    if name in arrays:
        return arrays[name]
    if len(arrays) == 1:
        return next(iter(arrays.values()))
    return _nest(arrays)


def _nest(arrays: dict[str, Any]) -> dict[str, Any]:
    """`{"camera.focal": …}` as `{"camera": {"focal": …}}`: what `--out` writes can be read back."""
    out: dict[str, Any] = {}
    for key, value in arrays.items():
        *path, last = key.split(".")
        here = out
        for part in path:
            here = here.setdefault(part, {})
        here[last] = value
    return out
