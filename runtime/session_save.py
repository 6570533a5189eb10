"""What `:save` writes: the declarations of a session, and the values that they would not give again.

A value stays as it was computed when what it came from is replaced.  Its `let` would then give another one, or
nothing at all; so the value itself is written, as a literal that reads back to the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from . import shapes
from .session_answers import Answers
from .snapshot import Item, Snapshot

LONGEST = 8192
"""So many numbers of one value are written; a text of more takes long to read."""


def program(session: Answers) -> tuple[str, list[str]]:
    """The declarations as a program, and what a reader should know of values that depend on what is gone."""
    unit = session.unit
    lost: set[str] = set()
    while True:
        changed = {key: why for key, item in unit.items.items() if (why := _changed(item, unit, lost))}
        hindered = {key: reason for key in changed if (reason := _hindrance(session, unit.items[key]))}
        missing = {n for key in hindered for n in unit.items[key].names}
        if missing == lost:
            break
        lost = missing  # what was computed from these can't be computed again either
    texts, notes = [], []
    for key, item in unit.items.items():
        names = ", ".join(changed.get(key, ()))
        if key in hindered:
            texts.append(f"# {key} had a value from before {names} changed; it is not written: {hindered[key]}.\n{item.text}")
            notes.append(f"{key} is not saved as it is, but computed again with {names} as now: {hindered[key]}")
        elif key in changed:
            head = f"# The value of {key}; {names} changed since it was computed:"
            comment = [head, *(f"#   {line}" for line in item.text.split("\n"))]
            texts.append("\n".join([*comment, *(_let(session, n) for n in item.names)]))
            notes.append(f"{key}: saved as the value, because {names} changed since it was computed")
        else:
            texts.append(item.text)
    return "\n\n".join(texts) + "\n", notes


def _changed(item: Item, now: Snapshot, lost: set[str]) -> list[str]:
    """What a value was computed from that is no more, or no more the same."""
    stored = next((now.values[n] for n in item.names if n in now.values), None)
    if stored is None or not stored.computation.done:
        return []
    was = stored.computation.instance.unit
    names = was.reached(item.uses)
    return sorted(n for n in names if n in lost or not _same(n, was, now))


def _same(name: str, was: Snapshot, now: Snapshot) -> bool:
    old, new = was.values.get(name), now.values.get(name)
    if old is not None or new is not None:
        return old is not None and new is not None and old.computation is new.computation
    if name.startswith("_") and name[1:].isdigit():  # a result before: its text is kept as long as it gives the value
        return name in now.owner
    return all(_text(a) == _text(b) for a, b in (
        (was.owner.get(name), now.owner.get(name)),
        (was.items.get(f"derivative {name}"), now.items.get(f"derivative {name}"))))


def _text(item: Item | None) -> str | None:
    return item.text if item is not None else None


# ---------------------------------------------------------------- literals


def _hindrance(session: Answers, item: Item) -> str | None:
    """Why the value of a declaration can't be written, if it can't."""
    stored = [session.unit.values[n] for n in item.names]
    if sum(np.size(x) for v in stored for x in v.leaves()) > LONGEST:
        return f"more than {LONGEST} numbers"
    return "a record without a name" if any(_nameless(v.type) for v in stored) else None


def _nameless(t: shapes.Type) -> bool:
    match t:
        case shapes.Array(element):
            return _nameless(element)
        case shapes.Tuple(items):
            return any(map(_nameless, items))
        case shapes.Record(name):
            return not name
    return False


def _let(session: Answers, name: str) -> str:
    """The declaration of a name with the value that it has."""
    stored = session.unit.values[name]
    kind = "" if all(stored.flex) else f": {session.readable(stored.type)}"
    return f"let {name}{kind} = {_expression(stored.type, stored.leaves(), session.unit.owner)}"


def _expression(t: shapes.Type, leaves: Sequence[Any], owner: Mapping[str, Item]) -> str:
    """A value as an expression of the language; `owner` tells which of its names mean something else here."""

    def parts(types: Iterable[shapes.Type], start: int = 0) -> list[str]:
        out = []
        for s in types:
            count = len(shapes.leaves(s))
            out.append(_expression(s, leaves[start:start + count], owner))
            start += count
        return out

    match t:
        case shapes.Scalar():
            return _number(leaves[0].item() if isinstance(leaves[0], np.generic | np.ndarray) else leaves[0], owner)
        case shapes.Array(element, sizes):
            shape = np.shape(leaves[0])[:len(sizes)]
            if 0 in shape:
                empty = [np.zeros(np.shape(x)[len(sizes):], np.asarray(x).dtype) for x in leaves]
                return f"[{_expression(element, empty, owner)} for {', '.join(f'_ < {n}' for n in shape)}]"
            inner = element if len(sizes) == 1 else shapes.Array(element, sizes[1:])
            return f"[{', '.join(_expression(inner, [x[i] for x in leaves], owner) for i in range(shape[0]))}]"
        case shapes.Tuple(items):
            return f"({', '.join(parts(items))})"
        case shapes.Record(name, fields):
            values = parts(s for _, s in fields)
            return f"{name}({', '.join(f'{f} = {v}' for (f, _), v in zip(fields, values, strict=True))})"
        case shapes.Sum(_, ctors):
            tag = int(leaves[0])
            start = 1 + sum(len(shapes.leaves(s)) for _, payload in ctors[:tag] for s in payload)
            name, payload = ctors[tag]
            return f"{name}({', '.join(parts(payload, start))})" if payload else name
    raise AssertionError(t)


def _number(x: bool | float, owner: Mapping[str, Item]) -> str:
    if isinstance(x, bool):
        return "true" if x else "false"
    if isinstance(x, int) or math.isfinite(x):
        return repr(x)
    word = "nan" if math.isnan(x) else "inf"
    plain = word if word not in owner else {"nan": "(0.0 / 0.0)", "inf": "(1.0 / 0.0)"}[word]
    return f"-{plain}" if x < 0 else plain
