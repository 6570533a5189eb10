"""The house keeps its order: arrows between rooms, packages, sizes of files, what may not be written."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("compiler", "frontend", "passes", "runtime")
MAY_IMPORT = {
    "compiler": {"compiler"}, "frontend": {"frontend", "compiler"}, "passes": {"passes", "compiler"},
    "runtime": set(ROOMS),
}
OUR_CODE = [p for room in ROOMS for p in sorted((ROOT / room).rglob("*.py"))]
LONGEST = 700


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """(room, line) of each import of a room."""
    depth = len(path.relative_to(ROOT).parts) - 1
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            up = node.level - depth
            if up == 1:
                heads = [node.module.split(".")[0]] if node.module else [a.name for a in node.names]
                yield from ((head, node.lineno) for head in heads)
        elif isinstance(node, ast.ImportFrom):
            assert node.module and node.module.split(".")[0] != "derivant", f"{name(path)}:{node.lineno}: import relatively"
        elif isinstance(node, ast.Import):
            for a in node.names:
                assert a.name.split(".")[0] not in (*ROOMS, "derivant"), f"{name(path)}:{node.lineno}"


@pytest.mark.parametrize("path", OUR_CODE, ids=name)
def test_arrows_point_down(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    for target, line in imports(path):
        if target in ROOMS:
            assert target in MAY_IMPORT[room], f"{name(path)}:{line}: {room} may not import {target}"


def test_no_wildcard_imports() -> None:
    for path in OUR_CODE:
        assert not re.search(r"^\s*from .* import \*", path.read_text(encoding="utf-8"), re.MULTILINE), name(path)


def test_every_package_is_declared() -> None:
    declared = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    folders = {p.parent for p in OUR_CODE}
    assert declared == {"derivant", *("derivant." + ".".join(f.relative_to(ROOT).parts) for f in folders)}
    for folder in folders:
        assert (folder / "__init__.py").exists(), name(folder)


def test_package_data_is_declared() -> None:
    data = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    for room in ROOMS:
        for path in (ROOT / room).rglob("*"):
            if path.is_file() and path.suffix not in (".py", ".pyc"):
                inside = path.relative_to(ROOT / room)
                patterns = data.get(f"derivant.{room}", [])
                assert any(inside.match(p) for p in patterns), f"{name(path)} is in no package-data"


def test_there_is_one_lock() -> None:
    """A fork takes the compiler's lock; a second one would be held in its child by a thread that is not there."""
    for path in OUR_CODE:
        if name(path) in ("compiler/lock.py", "runtime/progress.py"):  # the latter belongs to the command line
            continue
        found = re.search(r"\bR?Lock\(|\b(?:Condition|Semaphore)\b|(?:@|import |@functools\.)cached_property\b", path.read_text(encoding="utf-8"))
        assert not found, f"{name(path)}: {found and found.group()}"


def test_files_stay_readable() -> None:
    for path in OUR_CODE:
        lines = path.read_text(encoding="utf-8").splitlines()
        assert len(lines) <= LONGEST, f"{name(path)} has {len(lines)} lines"
        first = ast.get_docstring(ast.parse("\n".join(lines)))
        assert first, f"{name(path)} begins without a docstring"


def test_type_checkers_see_the_rooms() -> None:
    for entry in (*ROOMS, "__init__.py", "__main__.py", "py.typed"):
        link = ROOT / ".ci" / "types" / "derivant" / entry
        assert link.is_symlink() and link.resolve() == ROOT / entry


def tracked() -> list[Path]:
    """Texts of the repository, as far as git (or the folder) knows."""
    try:
        out = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
        files = [ROOT / f for f in out if f]
    except (OSError, subprocess.CalledProcessError):
        files = [p for p in ROOT.rglob("*") if p.is_file() and ".git" not in p.parts]
    return [f for f in files if f.suffix in (".py", ".md", ".dv", ".toml", ".lark", "") and f.is_file() and not f.is_symlink()]


def test_nothing_that_does_not_belong() -> None:
    """No absolute paths of somebody's machine, no unfinished business."""
    banned = re.compile(r"/(?:home|root|work|Users)/[a-z]|\b(?:TODO|FIXME|XXX|HACK)\b")
    for path in tracked():
        if path.name == "test_house.py":
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            assert not banned.search(line), f"{name(path)}:{number}: {line.strip()}"


def test_importing_is_light() -> None:
    code = "import sys, derivant; print([m for m in ('lark', 'sympy', 'llvmlite', 'networkx', 'click', 'scipy', 'numpy') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_exports_exist() -> None:
    import derivant

    for export in derivant.__all__:
        assert getattr(derivant, export) is not None
    assert issubclass(derivant.SizeError, ValueError) and issubclass(derivant.BoundsError, IndexError)
