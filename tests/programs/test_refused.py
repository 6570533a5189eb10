"""Programs that must be refused: the code and the line stand in the file's first line.

    # error: DV0312 line 5
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from derivant.compiler.errors import Error, Source
from derivant.frontend.modules import load_module

from .harness import FOLDER, resolved

PROGRAMS = sorted((FOLDER / "refused").glob("*.dv"))


def refuse(name: str, text: str) -> None:
    """Everything that may refuse a program: parsing, checking, derivatives."""
    module = load_module(Source(name, text))
    module.check()
    for d in module.names():
        resolved(module.instantiate(d).program)


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda p: p.stem)
def test_refused(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    header = re.match(r"# error: (DV\d{4}) line (\d+)\n", text)
    assert header, "the first line says what is wrong"
    with pytest.raises(Error) as caught:
        refuse(path.name, text)
    first = caught.value.errors[0]
    assert first.code == header[1], caught.value.render()
    assert first.span is not None and first.span.line == int(header[2]), caught.value.render()


def test_there_are_enough() -> None:
    assert len(PROGRAMS) >= 40
