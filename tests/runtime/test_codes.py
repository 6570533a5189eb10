"""Every code has a page; its example provokes exactly this code, with exactly the text in tests/golden/errors.

`DERIVANT_GOLDEN=update pytest tests/runtime/test_codes.py` writes new texts.
"""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import io
import json
import os
import re
import shlex
import signal
import sys
import threading
from pathlib import Path

import pytest
from derivant import Error, compile
from derivant.compiler.errors import Source
from derivant.frontend.modules import load_module
from derivant.runtime import codes, guard
from derivant.runtime.cli import run_command

from .commands import Run

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden" / "errors"
OTHERWISE = ("DV0319", "DV0510", "DV0701", "DV0702", "DV0902", "DV0999")
"""Codes that no program provokes by itself; each has a test of its own below."""


def used() -> set[str]:
    """All codes in the sources: every string that is one."""
    found: set[str] = set()
    for room in ("compiler", "frontend", "passes", "runtime"):
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"DV\d{4}", node.value):
                    found.add(node.value)
    return found


def test_every_code_has_a_page() -> None:
    assert sorted(used()) == codes.codes()
    assert sorted(p.stem for p in GOLDEN.glob("*.txt")) == sorted(set(codes.codes()) - set(OTHERWISE))


def write_files(page: codes.Page) -> None:
    for kind, name, text in page.blocks:
        if kind == "hex":
            Path(name).write_bytes(bytes.fromhex(text))
        elif name:
            Path(name).write_text(text + "\n", encoding="utf-8")


def printed(command: str) -> tuple[int, str]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = run_command(shlex.split(command))
    return code, out.getvalue()


def decorated(name: str) -> str:
    """What comes out when a module of Python functions is imported."""
    spec = importlib.util.spec_from_file_location(Path(name).stem, Path(name).absolute())
    assert spec is not None and spec.loader is not None
    try:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    except Error as e:
        return e.render() + "\n"
    return ""


def keep(code: str, folder: Path, text: str) -> None:
    """The text is of this code alone, and the one that is kept."""
    text = re.sub(r" \(\d+\.\d s\)", "", text.replace(f"{folder}{os.sep}", ""))  # a slow machine says how long it took
    assert set(re.findall(r"error\[(DV\d{4})\]", text)) == {code}, text
    golden = GOLDEN / f"{code}.txt"
    if os.environ.get("DERIVANT_GOLDEN") == "update":
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("code", [c for c in codes.codes() if c not in OTHERWISE])
def test_examples(code: str, folder: Path) -> None:
    page = codes.page(code)
    write_files(page)
    if page.blocks[0][0] == "python":
        keep(code, folder, decorated("example.py"))
        return
    commands = [line.removeprefix("$ derivant ") for kind, _, text in page.blocks if kind == "console"
                for line in text.split("\n")] or ["check example.dv"]
    assert commands
    for command in commands:
        exit_code, text = printed(command)
        assert exit_code == 1, text
        keep(code, folder, text)


@pytest.mark.parametrize("code", codes.codes())
def test_pages(code: str, folder: Path) -> None:
    """A page shows a program, says why, and what it shows as right is right."""
    page = codes.page(code)
    kind, name, _ = page.blocks[0]
    assert (kind, name) in (("dv", "example.dv"), ("python", "example.py")) and page.title
    assert len(re.sub(r"```.*?```", "", page.text, flags=re.DOTALL).split()) > 20
    for kind, name, text in page.blocks[1:]:
        if kind == "dv" and not name:
            compile(text + "\n")
        elif kind == "python":
            Path("right.py").write_text(text + "\n", encoding="utf-8")
            assert decorated("right.py") == ""
    shown = codes.for_terminal(page, color=False)
    assert "```" not in shown and all(len(line) <= 80 or line.startswith("    ") for line in shown.split("\n"))


def test_types_that_are_not_known(folder: Path) -> None:
    write_files(codes.page("DV0319"))
    with pytest.raises(Error, match="DV0319"):
        load_module(Source("example.dv", Path("example.dv").read_text())).instantiate("twice")


def test_interrupted(folder: Path) -> None:
    write_files(codes.page("DV0510"))
    f = compile(Path("example.dv").read_text()).f
    f(3.0)
    timer = threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises((Error, KeyboardInterrupt)) as caught:
        f(1.0)
    timer.join()
    assert not isinstance(caught.value, Error) or caught.value.code == "DV0510"


def test_unsupported_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "win32")
    with pytest.raises(Error, match="DV0701"):
        compile("def f(x: f64) = x")


def test_a_part_that_is_not_installed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delitem(sys.modules, "derivant.runtime.language_server", raising=False)
    monkeypatch.setitem(sys.modules, "lsprotocol", None)
    assert run_command(["lsp"]) == 1
    text = capsys.readouterr().err
    assert "DV0702" in text and "pip install 'derivant[lsp]'" in text


def test_depth_and_internal_errors() -> None:
    def deep(n: int) -> int:
        return 1 + deep(n + 1)

    with pytest.raises(Error, match="DV0902"), guard.guarded("test", "text"):
        deep(0)
    with pytest.raises(Error, match="DV0999") as caught, guard.guarded("test", "text"):
        raise KeyError("x")
    Path(caught.value.message.rsplit(" ", 1)[1]).unlink()


def test_explain_on_the_command_line(run: Run) -> None:
    done = run("explain", "dv0312")
    assert done.returncode == 0 and done.stdout.startswith("DV0312: sizes that can't be equal") and done.stderr == ""
    assert "    def distance(a: f64[n], b: f64[m])" in done.stdout and "Instead:" in done.stdout
    assert json.loads(run("explain", "DV0312", "--json").stdout)["code"] == "DV0312"
    assert "\x1b[1m" in run("explain", "DV0312", FORCE_COLOR="1").stdout
    done = run("explain", "DV0311x", "f")
    assert done.returncode == 1
    done = run("explain", "DV0399")
    assert done.returncode == 1 and "there is no code DV0399" in done.stderr
    assert run("explain").returncode == 2 and run("explain", "p.dv").returncode == 2
    listed = run("explain", "--codes").stdout.split("\n")
    assert len(listed) == len(codes.codes()) + 1 and listed[0].startswith("DV0101  ")
