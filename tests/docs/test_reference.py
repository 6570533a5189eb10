"""The reference is complete: every name that comes with the language, every code, every keyword."""

from __future__ import annotations

import os
import re
from pathlib import Path

from derivant.frontend.builtins import BUILTINS
from derivant.frontend.builtins_prelude import index
from derivant.frontend.lexer import DECLARATIONS, KEYWORDS, SOFT
from derivant.frontend.preview import LATER
from derivant.frontend.python_tables import markdown
from derivant.frontend.transforms import TRANSFORMS

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "language.md").read_text(encoding="utf-8")
CODE = " ".join(re.findall(r"`([^`\n]+)`", TEXT))
WORDS = set(re.findall(r"[^\W\d]\w*", CODE))


def test_builtins() -> None:
    """Helpers of the prelude are no part of the language."""
    helpers = ("linalg.dv", "random.dv")
    prelude = {name for name, piece in index().items()
               if not piece.file.endswith(helpers) and not name.endswith("_vector")}
    names = {*BUILTINS, *prelude, *TRANSFORMS, *LATER} - {"newton_erf", "sparse_jacobian", "sparse_hessian"}
    assert sorted(names - WORDS) == []


def test_words() -> None:
    assert sorted({*KEYWORDS, *DECLARATIONS, *SOFT} - WORDS) == []


def test_codes() -> None:
    used: set[str] = set()
    for room in ("compiler", "frontend", "passes", "runtime"):
        for path in (ROOT / room).rglob("*.py"):
            used |= set(re.findall(r'"(DV0\d{3})"', path.read_text(encoding="utf-8")))
    listed = set(re.findall(r"DV0\d{3}", TEXT[TEXT.index("| code | |"):]))
    assert sorted(used - listed) == []


def test_table_of_python() -> None:
    """`docs/python.md` prints the table of Python's functions; DERIVANT_DOCS=update writes it there."""
    page = ROOT / "docs" / "python.md"
    head, begin, rest = page.read_text(encoding="utf-8").partition("<!-- table: from frontend/python_tables.py -->\n")
    printed, end, tail = rest.partition("<!-- end of table -->")
    assert begin and end
    if os.environ.get("DERIVANT_DOCS") == "update":
        page.write_text(f"{head}{begin}\n{markdown()}\n{end}{tail}", encoding="utf-8")
    else:
        assert printed.strip() == markdown().strip()
