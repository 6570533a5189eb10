"""Every example of the documentation runs, and prints what the page says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .pages import blocks, patch, report, rewrite, run_page

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def has_diff(page: Path) -> bool:
    return any(b.kind == "diff" for b in blocks(page))


@pytest.mark.parametrize("page", [p for p in PAGES if not has_diff(p)], ids=lambda p: p.stem)
def test_examples(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DERIVANT_CACHE_DIR", str(tmp_path / "cache"))
    folder = tmp_path / "page"
    folder.mkdir()
    wrong = run_page(page, folder)
    if wrong and os.environ.get("DERIVANT_DOCS") == "update":
        rewrite(page, wrong)
    elif wrong:
        pytest.fail("\n\n".join(report(page, b, printed) for b, printed in wrong))


@pytest.mark.parametrize("page", [p for p in PAGES if has_diff(p)], ids=lambda p: p.stem)
def test_examples_of_changes(page: Path, tmp_path: Path) -> None:
    """A page that changes the sources runs on a copy of them."""
    copy = tmp_path / "copy" / "derivant"
    for room in ("compiler", "frontend", "passes", "runtime"):
        shutil.copytree(ROOT / room, copy / room, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("__init__.py", "__main__.py"):
        shutil.copy(ROOT / file, copy / file)
    patch(copy, page)
    shutil.copy(Path(__file__).parent / "pages.py", tmp_path / "copy" / "pages.py")
    folder = tmp_path / "page"
    folder.mkdir()
    env = {**os.environ, "PYTHONPATH": str(tmp_path / "copy"), "DERIVANT_CACHE_DIR": str(tmp_path / "cache")}
    code = "import sys, pages; pages.main(*sys.argv[1:])"
    done = subprocess.run([sys.executable, "-c", code, str(page), str(folder)], env=env, capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stderr


def test_links() -> None:
    """Links between pages lead somewhere."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([\w./-]+\.(?:md|svg))", text):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_doctor_says_what_the_page_shows() -> None:
    """What it finds depends on the machine; the lines do not."""
    from derivant.runtime.doctor import examine

    shown = next(b for b in blocks(ROOT / "docs" / "cli.md") if "derivant doctor" in b.text)
    labels = [m[1] for line in shown.lines if (m := re.match(r"[✓!✗] (.+?):  ", line))]
    said = {line.what for line in examine()}
    assert len(labels) > 10 and set(labels) <= said
