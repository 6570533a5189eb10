"""What the language's messages advise, in Python's spelling."""

from __future__ import annotations

import re

from ..compiler.errors import Error

SIZES = ((r"\bsize_(\w+)_axis(\d+)\b", r"\1.shape[\2]"), (r"\bsize_of_(\w+)", r"len(\1)"), (r"\bsize_(\w+)", r"len(\1)"))
"""Sizes that no annotation names."""

WORDS = (
    (r"^a field is chosen by its name: write `(\w+)\.(\w+)`", r'a field is chosen by its name: write \1.\2, or \1["\2"] for a dict'),
    (r"^if it may change, say so: loop .*", "an array that a loop assigns keeps its sizes: keep it whole, and count how much of it is meant"),
    (r"^let it begin as (\w+)\((\w+)\)", r"write \2 = \1(\2) before the loop"),
    (r"^let its elements begin as \w+\((\w+)\)", r"write \1 = \1.astype(float) before the loop"),
    (r"^give the bound: \w+ < (.*)", r"write range(\1)"),
    (r"\bcount\(", "np.count_nonzero("),
    (r"^take its fields by name: .*", "take its fields by name, p.a; or write the type of the parameter, p: Class"),
    (r"\bwrt = …", "argnums=…"),
    (r"\bi64\(", "int("),
    (r"\bf64\(", "float("),
    (r"\bi32\(", "np.int32("),
    (r"\bf32\(", "np.float32("),
)


def reword(e: Error) -> None:
    """Puts Python's words in the place of the language's."""
    for inner in {e, *e.errors}:
        if inner.code == "DV0505" and inner.message.startswith("negative integer exponent"):
            inner.help = "write float(x) ** n for a fraction"
        for pattern, instead in SIZES:
            inner.message = re.sub(pattern, instead, inner.message)
            inner.notes = tuple(re.sub(pattern, instead, note) for note in inner.notes)
            inner.help = re.sub(pattern, instead, inner.help) if inner.help else inner.help
        for pattern, instead in WORDS:
            inner.help = re.sub(pattern, instead, inner.help) if inner.help else inner.help
