"""The command line where things are odd: files that are none, streams that are closed or full, bare environments."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .commands import Run

ON_FILES = (("run",), ("grad", "loss"), ("check",), ("explain", "loss"), ("test",), ("fmt", "--check"), ("bench", "loss"))
PRINTS = (("run", "p.dv"), ("check", "p.dv", "--json"), ("--help",), ("test", "p.dv"), ("fmt", "--diff", "p.dv"), ("repl", "-e", "1 + 1"))


def at(command: tuple[str, ...], file: str) -> list[str]:
    return [command[0], *([file, *command[1:]] if not command[-1].startswith("-") else [*command[1:], file])]


def shell(run: Run, redirection: str, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    """A command behind a redirection of the shell."""
    return subprocess.run(["bash", "-c", f'exec "$0" -m derivant "$@" {redirection}', sys.executable, *args], cwd=run.folder, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=300,
                          env={**os.environ, "DERIVANT_CACHE_DIR": str(run.cache), **env})


@pytest.mark.parametrize("command", ON_FILES, ids=" ".join)
def test_files_that_are_none(run: Run, command: tuple[str, ...]) -> None:
    (run.folder / "bin.dv").write_bytes(b"\x7fELF\x02\x01\0\0\xff\xfe\xd0")
    (run.folder / "folder").mkdir()
    for file, code in (("none.dv", "DV0601"), ("bin.dv", "DV0603")):
        done = run(*at(command, file))
        assert done.returncode == 1 and code in done.stdout + done.stderr, done.stderr
    done = run(*at(command, "folder"))
    if command[0] in ("check", "test", "fmt"):
        assert done.returncode == 0
    else:
        assert done.returncode == 1 and "DV0602" in done.stderr


@pytest.mark.parametrize("command", ON_FILES, ids=" ".join)
def test_an_empty_file_and_a_large_one(run: Run, command: tuple[str, ...]) -> None:
    (run.folder / "empty.dv").write_text("")
    (run.folder / "large.dv").write_text("## A long comment of a large file, in front of nothing.\n" * 190_000)
    for file in ("empty.dv", "large.dv"):
        done = run(*at(command, file))
        if command[0] in ("check", "test", "fmt"):
            assert done.returncode == 0
        else:
            assert done.returncode == 1 and "DV0604" in done.stderr


@pytest.mark.parametrize("command", PRINTS, ids=" ".join)
def test_streams_that_take_nothing(run: Run, command: tuple[str, ...]) -> None:
    """A result that can't be written is an error, once and without a traceback; a reader that has enough is none."""
    for where in (">&-", ">/dev/full"):
        done = shell(run, where, *command)
        assert done.returncode == 1 and "DV0612" in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert shell(run, "| head -c 1", *command).stderr.count("rror") == 0
    assert shell(run, "<&- >&- 2>&-", *command).returncode == 1


def test_complaints_that_nobody_hears(run: Run) -> None:
    for where in ("2>&-", "2>/dev/full"):
        assert shell(run, where, "run", "p.dv").returncode == 0
        assert shell(run, where, "run", "none.dv").returncode == 1
        assert shell(run, where, "nonsense").returncode == 2
    assert shell(run, "<&-", "check", "-").returncode == 0


@pytest.mark.parametrize("env", [{"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "POSIX", "PYTHONIOENCODING": "latin-1"},
                                 {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}])
def test_locales(run: Run, env: dict[str, str]) -> None:
    (run.folder / "fläche.dv").write_text("def main() -> f64 = α\n\nlet α = 2.0\n", encoding="utf-8")
    assert run("run", "fläche.dv", **env).stdout == "2.0\n"
    (run.folder / "wrong.dv").write_text("def f() -> f64 = nichtß\n", encoding="utf-8")
    done = run("check", "wrong.dv", **env)
    assert done.returncode == 1 and "│ def f() -> f64 = nichtß" in done.stderr
    assert run("repl", stdin="let α = 2\nα\n", **env).stdout == "2\n"


def test_narrow_terminals(run: Run) -> None:
    done = run("--help", COLUMNS="20")
    assert done.returncode == 0 and "..." not in done.stdout.split("Commands:")[1]
    assert run("check", "p.dv", COLUMNS="20").returncode == run("--help", COLUMNS="x").returncode == 0


def test_colours(run: Run) -> None:
    for command in (("check", "none.dv"), ("repl", "-e", "nothing")):
        assert "\x1b[" in run(*command, FORCE_COLOR="1").stderr
        assert "\x1b[" not in run(*command, FORCE_COLOR="1", NO_COLOR="1").stderr
        assert "\x1b[" not in run(*command).stderr


def test_bare_environments(run: Run) -> None:
    for without in ("HOME", "TERM", "PATH"):
        env = {k: v for k, v in os.environ.items() if k != without}
        env["XDG_CACHE_HOME"] = str(run.cache)
        done = subprocess.run([sys.executable, "-m", "derivant", "run", "p.dv"], cwd=run.folder, env=env, capture_output=True, check=False)
        assert done.returncode == 0 and done.stderr == b""
    assert run("run", "p.dv", HOME="/nonexistent", TMPDIR="/nonexistent").returncode == 0
    assert run("run", "p.dv", DERIVANT_CACHE_DIR="/dev/full").returncode == 0


def test_folders_that_cannot_be_written(run: Run) -> None:
    program = str(run.folder / "p.dv")
    done = Run(Path("/proc/self"), run.cache)("grad", program, "loss")
    assert done.returncode == 0
    done = Run(Path("/proc/self"), run.cache)("run", program, "table", "--arg", "n=2", "--out", "x.json")
    assert done.returncode == 1 and "DV0612" in done.stderr


def test_a_folder_that_is_gone(run: Run) -> None:
    (run.folder / "gone").mkdir()
    done = subprocess.run(["bash", "-c", 'cd gone && rmdir ../gone && exec "$0" -m derivant repl -e 1', sys.executable], cwd=run.folder,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "the working directory" in done.stderr and "Traceback" not in done.stderr


def test_check_takes_several(run: Run) -> None:
    (run.folder / "sub" / "deep").mkdir(parents=True)
    (run.folder / "sub" / "deep" / "a.dv").write_text("def f(x: f64) -> f64 = x\n")
    (run.folder / "sub" / "b.dv").write_text("def f(x: f64) -> f64 = y\n")
    done = run("check", "p.dv", "sub", "none.dv", "p.dv")
    assert done.returncode == 1 and done.stdout == ""
    lines = done.stderr.splitlines()
    assert lines[:2] == ["p.dv: 4 functions, no errors", "sub/deep/a.dv: 1 function, no errors"]
    assert "sub/b.dv:1:24" in done.stderr and "there is no file none.dv" in done.stderr
    rows = json.loads(run("check", "p.dv", "sub", "none.dv", "--json").stdout)
    assert [r["code"] for r in rows] == ["DV0201", "DV0601"] and rows[0]["span"]["file"] == "sub/b.dv"
    done = run("check", "p.dv", "sub/deep")
    assert done.returncode == 0 and done.stderr.count("no errors") == 2
    (run.folder / "none").mkdir()
    assert run("check", "none").stderr == "no .dv files\n" and run("check", "none", "--json").stdout == "[]\n"


def test_grad_as_json(run: Run) -> None:
    import derivant as dv

    found = json.loads(run("grad", "p.dv", "loss", "--wrt", "w,x", "--mode", "forward", "--json").stdout)
    assert (found["function"], found["wrt"], found["mode"]) == ("loss", ["w", "x"], "forward")
    w, x = dv.compile(found["text"]).grad_loss([1.0, 2.0], [0.0, 0.0])
    assert w.tolist() == [2.0, 4.0] and x.tolist() == [-2.0, -4.0]
    done = run("grad", "p.dv", "nothing", "--json")
    assert done.returncode == 1 and json.loads(done.stderr)[0]["code"] == "DV0604"


def test_fmt_counts_what_it_could_read(run: Run) -> None:
    (run.folder / "good.dv").write_text("def f(x: f64) -> f64 = x\n")
    done = run("fmt", "--check", "good.dv", "none.dv")
    assert done.returncode == 1 and done.stderr.startswith("0 files would change, 1 as they should be\nerror[DV0601]")
