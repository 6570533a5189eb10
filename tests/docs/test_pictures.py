"""The pictures of the pages show what the program says today; `python docs/pictures/draw.py` draws them anew."""

from __future__ import annotations

import importlib.util
import re
import sys
import xml.etree.ElementTree as ET
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "pictures"
WIDTH = 20 * 0.61  # of a character, in rich's pictures


def script() -> Any:
    spec = importlib.util.spec_from_file_location("draw", FOLDER / "draw.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["draw"] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


DRAW = script()


def text_of(svg: str) -> list[str]:
    """The lines of a picture: its texts, each at its column."""
    rows: dict[float, dict[int, str]] = defaultdict(dict)
    for e in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"):
        if "-title" not in e.attrib["class"]:
            rows[float(e.attrib["y"])][round(float(e.attrib["x"]) / WIDTH)] = (e.text or "").replace("\xa0", " ")
    lines = []
    for _, row in sorted(rows.items()):
        line = ""
        for column, text in sorted(row.items()):
            line = line.ljust(column) + text
        lines.append(line.rstrip())
    return [line for line in lines if line]


@pytest.mark.parametrize("name", DRAW.PICTURES)
def test_pictures_are_true(name: str) -> None:
    said = re.sub(r"\x1b\[[0-9;]*m", "", DRAW.said(DRAW.PICTURES[name]))
    svg = (FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    assert text_of(svg) == [line.rstrip() for line in said.split("\n") if line.strip()]


@pytest.mark.parametrize("name", DRAW.PICTURES)
def test_pictures_can_be_drawn_again(name: str) -> None:
    pytest.importorskip("rich")
    assert text_of(DRAW.draw(name, DRAW.PICTURES[name])) == text_of((FOLDER / f"{name}.svg").read_text(encoding="utf-8"))


def test_no_picture_without_its_source() -> None:
    assert {p.stem for p in FOLDER.glob("*.svg")} == set(DRAW.PICTURES)
