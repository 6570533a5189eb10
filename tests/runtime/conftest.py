"""A folder with a program, and commands that run there."""

from __future__ import annotations

from pathlib import Path

import pytest

from .commands import PROGRAM, Run


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def run(tmp_path: Path, shared: Path) -> Run:
    (tmp_path / "p.dv").write_text(PROGRAM)
    (tmp_path / "data.csv").write_text("a,b\n1.5,2\n2.5,3\n")
    return Run(tmp_path, shared)


@pytest.fixture
def fresh(run: Run) -> Run:
    """With a cache of its own."""
    return Run(run.folder, run.folder / "cache")
