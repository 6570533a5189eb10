"""`derivant fmt`: files, folders, standard input; what it writes and how."""

from __future__ import annotations

import json
import os
import stat

from .commands import Run

UGLY = "def f(x:f64)->f64=x  +1\n"
NICE = "def f(x: f64) -> f64 = x + 1\n"


def test_files_are_formatted_in_place(run: Run) -> None:
    path = run.folder / "a.dv"
    path.write_text(UGLY)
    path.chmod(0o640)
    (run.folder / "link.dv").symlink_to("a.dv")
    done = run("fmt", "link.dv")
    assert (done.returncode, done.stdout) == (0, "") and "1 file formatted" in done.stderr
    assert path.read_text() == NICE and stat.S_IMODE(path.stat().st_mode) == 0o640
    assert (run.folder / "link.dv").is_symlink()
    before = path.stat()
    done = run("fmt", "a.dv")
    assert "0 files formatted, 1 as they should be" in done.stderr and path.stat().st_mtime_ns == before.st_mtime_ns
    assert sorted(p.name for p in run.folder.iterdir() if p.name.startswith(".")) == []


def test_check_lists_and_writes_nothing(run: Run) -> None:
    (run.folder / "sub" / ".hidden").mkdir(parents=True)
    for name in ("sub/a.dv", "sub/b.dv", "sub/.hidden/c.dv"):
        (run.folder / name).write_text(UGLY)
    (run.folder / "sub" / "ok.dv").write_text(NICE)
    done = run("fmt", "--check", "sub")
    assert done.returncode == 1 and done.stdout.split() == ["sub/a.dv", "sub/b.dv"]
    assert (run.folder / "sub" / "a.dv").read_text() == UGLY
    assert run("fmt", "sub").returncode == 0 and run("fmt", "--check", "sub").returncode == 0
    assert (run.folder / "sub/.hidden/c.dv").read_text() == UGLY


def test_diff(run: Run) -> None:
    (run.folder / "a.dv").write_text(UGLY)
    done = run("fmt", "--diff", "a.dv")
    assert done.returncode == 0 and "-" + UGLY in done.stdout and "+" + NICE in done.stdout and "\x1b" not in done.stdout
    assert (run.folder / "a.dv").read_text() == UGLY
    done = run("fmt", "--diff", "--check", "a.dv", FORCE_COLOR="1")
    assert done.returncode == 1 and "\x1b[32m+def" in done.stdout
    assert "\x1b" not in run("fmt", "--diff", "a.dv", FORCE_COLOR="1", NO_COLOR="1").stdout


def test_standard_input(run: Run) -> None:
    done = run("fmt", "-", stdin=UGLY)
    assert (done.returncode, done.stdout, done.stderr) == (0, NICE, "")
    assert run("fmt", "-", "--check", stdin=UGLY).returncode == 1
    assert run("fmt", "-", "--check", stdin=NICE).returncode == 0
    done = run("fmt", "-", stdin="def f(")
    assert done.returncode == 1 and done.stdout == "" and "<stdin>:1:6" in done.stderr


def test_json(run: Run) -> None:
    """The new texts, and the errors as `check --json` gives them; nothing is written."""
    for name, text in (("a.dv", UGLY), ("b.dv", "def f( = 1\n"), ("ok.dv", NICE)):
        (run.folder / name).write_text(text)
    done = run("fmt", "--json", "a.dv", "b.dv", "none.dv", "ok.dv")
    said = json.loads(done.stdout)
    assert done.returncode == 1 and done.stderr == "" and said["changes"] == [{"file": "a.dv", "text": NICE}]
    assert said["errors"] == json.loads(run("check", "--json", "b.dv", "none.dv").stdout) and len(said["errors"]) > 1
    assert (run.folder / "a.dv").read_text() == UGLY
    done = run("fmt", "a.dv", "--json")
    assert done.returncode == 0 and run("fmt", "a.dv", "--json", "--check").returncode == 1
    assert json.loads(run("fmt", "-", "--json", stdin=UGLY).stdout) == {"changes": [{"file": "<stdin>", "text": NICE}], "errors": []}
    assert json.loads(run("fmt", "ok.dv", "--json", "--check").stdout) == {"changes": [], "errors": []}
    assert run("fmt", "a.dv", "--json", "--diff").returncode == 2


def test_what_is_no_program_stays_as_it_is(run: Run) -> None:
    (run.folder / "bad.dv").write_text("def f( = 1\n")
    (run.folder / "good.dv").write_text(UGLY)
    done = run("fmt", "bad.dv", "none.dv", "good.dv")
    assert done.returncode == 1 and "bad.dv:1:" in done.stderr and "no file none.dv" in done.stderr
    assert (run.folder / "bad.dv").read_text() == "def f( = 1\n" and (run.folder / "good.dv").read_text() == NICE


def test_line_breaks_and_marks(run: Run) -> None:
    (run.folder / "w.dv").write_bytes(b"\xef\xbb\xbf" + NICE.replace("\n", "\r\n").encode())
    assert run("fmt", "--check", "w.dv").returncode == 1
    assert run("fmt", "w.dv").returncode == 0 and (run.folder / "w.dv").read_bytes() == NICE.encode()


def test_files_that_may_not_be_written(run: Run) -> None:
    path = run.folder / "a.dv"
    path.write_text(UGLY)
    path.chmod(0o444)
    done = run("fmt", "a.dv")
    if os.geteuid():
        assert done.returncode == 1 and "DV0612" in done.stderr and path.read_text() == UGLY
    (run.folder / "b.bin").write_bytes(b"\x7fELF\xff")
    done = run("fmt", "b.bin")
    assert done.returncode == 1 and "not UTF-8" in done.stderr
    assert run("fmt").returncode == 2
