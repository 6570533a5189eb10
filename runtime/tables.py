"""CSV files: a header fills an array of records by name, numbers alone a matrix."""

from __future__ import annotations

import csv
from collections.abc import Callable
from typing import Any

import numpy as np

from ..compiler import errors
from . import shapes
from .data import decode, read_bytes, to_f32
from .shapes import Array, Record, Scalar

DTYPES = {"f64": np.float64, "f32": np.float32, "i64": np.int64, "i32": np.int32, "bool": np.bool_}


def read_csv(path: str, t: shapes.Type, name: str) -> Any:
    """A record of columns, a matrix or a vector, as `t` asks."""
    rows = _rows(path)
    header = rows and not all(_is_number(cell) for cell in rows[0][1])
    names = [cell.strip() for cell in rows[0][1]] if header else []
    body = rows[1:] if header else rows
    fields = _columns(t)
    if fields is not None:
        return _by_name(path, names, body, fields, name)
    if not isinstance(t, (Array, shapes.Any)):
        raise errors.TypeError("DV0607", f"`{name}`: expected {t}, found a CSV file, which holds an array: {path}")
    kind = t.element.kind if isinstance(t, Array) and isinstance(t.element, Scalar) else "f64"
    width = len(names) if header else (len(body[0][1]) if body else 0)
    _check_width(path, body, width)
    cells: np.ndarray[Any, Any] = np.empty((len(body), width), DTYPES[kind])
    for c in range(width):
        cells[:, c] = _column(path, body, c, names, kind)
    if isinstance(t, Array) and len(t.sizes) == 1 and 1 in cells.shape:
        return cells.reshape(-1)
    return cells


def _rows(path: str) -> list[tuple[int, list[str]]]:
    """(line number, cells) of each line that isn't blank."""
    text = decode(read_bytes(path), path)
    reader = csv.reader(text.splitlines(keepends=True), strict=True, skipinitialspace=True)
    rows = []
    try:
        for row in reader:
            if row and any(cell.strip() for cell in row):
                rows.append((reader.line_num, row))
    except csv.Error as e:
        raise errors.ValueError_("DV0610", f"{path}, line {reader.line_num}: {e}") from None
    return rows


def _columns(t: shapes.Type) -> tuple[tuple[str, shapes.Type], ...] | None:
    """The fields that columns fill: those of an array of records, or of a record of vectors."""
    if isinstance(t, Array) and isinstance(t.element, Record):
        return t.element.fields
    if isinstance(t, Record):
        inner = [(f, s.element if isinstance(s, Array) and len(s.sizes) == 1 else s) for f, s in t.fields]
        return tuple(inner)
    return None


def _by_name(path: str, names: list[str], body: list[tuple[int, list[str]]],
             fields: tuple[tuple[str, shapes.Type], ...], name: str) -> dict[str, Any]:
    if names:
        _check_width(path, body, len(names))
    else:
        raise errors.ValueError_(
            "DV0611", f"{path}, line 1: no header, but `{name}` takes its fields by name",
            help=f"begin the file with the line {','.join(f for f, _ in fields)}",
        )
    out = {}
    for field, t in fields:
        if not isinstance(t, Scalar):
            raise errors.TypeError("DV0607", f"`{name}.{field}`: a CSV file can't hold {t}")
        if names.count(field) != 1:
            what = "there is no column" if field not in names else "there are two columns"
            raise errors.ValueError_(
                "DV0611", f"{path}, line 1: {what} {field}, which `{name}` needs", help=f"there are: {', '.join(names)}"
            )
        out[field] = _column(path, body, names.index(field), names, t.kind)
    return out


def _column(path: str, body: list[tuple[int, list[str]]], at: int, names: list[str], kind: str) -> Any:
    """One column as an array; the slow way only to say which cell is wrong."""
    read = _reader(kind)
    try:
        values = list(map(read, [row[at] for _, row in body]))
        if kind in ("i64", "i32"):
            bound = 2 ** (int(kind[1:]) - 1)
            if not all(-bound <= v < bound for v in values):
                raise ValueError
        return to_f32(values) if kind == "f32" else np.array(values, DTYPES[kind])
    except ValueError:
        cells = [_cell(path, line, at, names, row[at], kind, read) for line, row in body]
        return to_f32(cells) if kind == "f32" else np.array(cells, DTYPES[kind])


def _check_width(path: str, body: list[tuple[int, list[str]]], width: int) -> None:
    for line, row in body:
        if len(row) != width:
            raise errors.ValueError_("DV0610", f"{path}, line {line}: {len(row)} columns, but {width} above")


def _reader(kind: str) -> Callable[[str], Any]:
    if kind in ("f64", "f32"):
        return float
    return _read_bool if kind == "bool" else int


def _read_bool(text: str) -> bool:
    value = {"true": True, "false": False, "1": True, "0": False}.get(text.strip().lower())
    if value is None:
        raise ValueError
    return value


def _cell(path: str, line: int, column: int, names: list[str], cell: str, kind: str, read: Callable[[str], Any]) -> Any:
    try:
        value = read(cell)
        if kind in ("i64", "i32") and not -(2 ** (bits := int(kind[1:]) - 1)) <= value < 2**bits:
            raise ValueError
        return value
    except ValueError:
        what = f"`{cell.strip()}` is not a value of {kind}" if cell.strip() else "this cell is empty"
        label = f" ({names[column]})" if names else ""
        raise errors.ValueError_(
            "DV0610", f"{path}, line {line}, column {column + 1}{label}: {what}",
            help=None if cell.strip() or kind not in ("f64", "f32") else "write nan for a missing value",
        ) from None


def _is_number(cell: str) -> bool:
    try:
        float(cell)
        return True
    except ValueError:
        return not cell.strip() or cell.strip().lower() in ("true", "false")
