"""`derivant doctor`, `cache`, `bench`, `completion`, and how commands behave on a terminal."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys

import pytest
from derivant.runtime import doctor
from derivant.runtime.doctor import FAIL, OK, WARN, examine

from .commands import Run

COMMANDS = ((), ("run",), ("grad",), ("check",), ("explain",), ("fmt",), ("test",), ("bench",), ("doctor",), ("cache",),
            ("cache", "info"), ("cache", "clear"), ("cache", "path"), ("completion",))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_has_an_example(run: Run, command: tuple[str, ...]) -> None:
    done = run(*command, "--help")
    assert done.returncode == 0 and "Example:" in done.stdout and done.stderr == ""
    if not command:
        assert "…" not in done.stdout and "..." not in done.stdout.split("Commands:")[1]


def test_doctor(run: Run) -> None:
    done = run("doctor")
    assert done.returncode == 0 and done.stderr == ""
    for what in ("Python:", "numpy:", "llvmlite:", "processor:", "cache:", "compile and run:", "C compiler:", "GPU:", "jax:"):
        assert what in done.stdout
    rows = json.loads(run("doctor", "--json").stdout)
    assert {r["state"] for r in rows} <= {OK, WARN, FAIL} and all(r["remedy"] for r in rows if r["state"] != OK)


def test_doctor_sees_what_is_wrong(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    done = run("doctor", DERIVANT_CACHE_DIR="/proc/nowhere")
    assert done.returncode == 0 and "! cache:" in done.stdout and "DERIVANT_CACHE_DIR" in done.stdout
    monkeypatch.setattr("importlib.metadata.requires", lambda _: ["numpy>=99", "nowhere>=1,<3", "scipy>=1; extra == 'x'"])
    lines = {x.what: x for x in examine()}
    assert lines["numpy"].state == lines["nowhere"].state == FAIL and "scipy" not in lines
    assert lines["numpy"].remedy == "pip install 'numpy>=99'"
    monkeypatch.setattr(doctor, "_processor", lambda: 1 / 0)
    assert any(x.state == WARN and "ZeroDivisionError" in x.found for x in examine())


@pytest.mark.parametrize("version, bound, good", [
    ("1.26.4", ">=1.26", True), ("2.0", ">=2.0.0", True), ("1.9", ">=1.10", False), ("3.0rc1", "<3", False),
    ("0.44.0", "==0.44", True), ("1.2", "!=1.2", False), ("1.2", "", True),
])
def test_bounds(version: str, bound: str, good: bool) -> None:
    assert doctor._satisfies(version, bound) is good


def test_cache(fresh: Run) -> None:
    assert fresh("cache", "path").stdout == f"{fresh.cache}\n"
    assert json.loads(fresh("cache", "info", "--json").stdout)["files"] == 0
    assert fresh("run", "p.dv").returncode == 0
    found = json.loads(fresh("cache", "info", "--json").stdout)
    assert found["files"] > 3 and found["bytes"] > 1000 and found["usable"] and found["path"] == str(fresh.cache)
    assert f"files    {found['files']}" in fresh("cache", "info").stdout
    (fresh.cache / "mine.txt").write_text("not ours")
    done = fresh("cache", "clear")
    assert done.returncode == 0 and done.stdout == "" and f"removed: {found['files']} files" in done.stderr
    assert [p.name for p in fresh.cache.iterdir()] == ["mine.txt"]
    assert "can't be used" in fresh("cache", "info", DERIVANT_CACHE_DIR="/proc/nowhere").stdout


def test_bench(run: Run) -> None:
    done = run("bench", "p.dv", "loss", "--size", "n=10,1000")
    assert done.returncode == 0 and done.stderr == ""
    head, *rows = done.stdout.splitlines()
    assert head.split() == ["n", "primal", "gradient", "ratio"] and [r.split()[0] for r in rows] == ["10", "1000"]
    (row,) = json.loads(run("bench", "p.dv", "table", "--size", "n=3", "--json").stdout)
    assert row["sizes"] == {"n": 3} and row["primal"] > 0 and row["derivative"] is None
    (run.folder / "b.dv").write_text(
        "def sq(v: f64[n], by: f64) -> f64[n] = by * v * v\ndef lg(x: f64) -> f64 =\n  assert x > 1, \"no\"\n  log(x)\n")
    assert "jacobian" in run("bench", "b.dv", "sq", "--size", "n=4", "--arg", "by=2").stdout
    assert "gradient" in run("bench", "b.dv", "lg").stdout


@pytest.mark.parametrize("args, code, text", [
    (("p.dv", "loss", "--size", "n=x"), 2, "integers are wanted"), (("p.dv", "loss", "--size", "n"), 2, "NAME=VALUE"),
    (("p.dv", "loss", "--size", "k=3"), 1, "no size k"), (("p.dv", "los"), 1, "did you mean loss"), (("p.dv",), 2, "NAME"),
    (("p.dv", "loss", "--size", "n=-1"), 2, "not negative"), (("p.dv", "loss", "--arg", "q=1"), 1, "no parameter q"),
    (("p.dv", "fails", "--arg", "x=-1"), 1, "x is -1"),
])
def test_bench_refuses(run: Run, args: tuple[str, ...], code: int, text: str) -> None:
    done = run("bench", *args)
    assert done.returncode == code and text in done.stderr and done.stdout == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(run: Run, shell: str) -> None:
    done = run("completion", shell)
    assert done.returncode == 0 and f"_DERIVANT_COMPLETE={shell}_complete" in done.stdout


def test_what_is_completed(run: Run) -> None:
    def completed(words: str, at: int) -> set[str]:
        done = run(COMP_WORDS=words, COMP_CWORD=str(at), _DERIVANT_COMPLETE="bash_complete")
        return {line.partition(",")[2] for line in done.stdout.splitlines() if line}

    assert {"run", "fmt", "test"} <= completed("derivant ", 1)
    assert completed("derivant run p.dv l", 3) == {"loss"} and completed("derivant bench none.dv l", 3) == set()
    assert "--stage" in completed("derivant explain p.dv loss --s", 4) and completed("derivant fmt p.dv --j", 3) == {"--json"}


# ---------------------------------------------------------------- terminals

SLOW = "def f0(g, x: f64) -> f64 = g(x) + g(x + 1)\n" + "".join(
    f"def f{k}(g, x: f64) -> f64 = f{k - 1}(fn y -> g(y) + g(y * 2), x)\n" for k in range(1, 12)
) + "def main(x: f64 = 1.0) -> f64 = f11(fn y -> sin(y), x)\n"


def on_terminal(run: Run, *args: str, command: tuple[str, str] = ("-m", "derivant"), **env: str) -> tuple[int, bytes, bytes]:
    """Exit code, stdout (a pipe) and stderr (a terminal) of a command."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, *command, *args], cwd=run.folder, stdout=subprocess.PIPE, stderr=theirs,
        env={**os.environ, "DERIVANT_CACHE_DIR": str(run.cache), "TERM": "xterm", **env},
    )
    os.close(theirs)
    assert process.stdout is not None
    err, out, open_ = b"", b"", {ours, process.stdout.fileno()}
    while open_:
        for fd in select.select(open_, [], [], 120)[0]:
            try:
                piece = os.read(fd, 65536)
            except OSError:  # the other end of the terminal is closed
                piece = b""
            if not piece:
                open_.discard(fd)
            elif fd == ours:
                err += piece
            else:
                out += piece
    os.close(ours)
    return process.wait(), out, err


def test_progress_on_a_terminal_clears_itself(fresh: Run) -> None:
    (fresh.folder / "slow.dv").write_text(SLOW)
    soon = "-c", "from derivant.runtime import progress; progress.AFTER = 0.1; from derivant.__main__ import main; main()"
    code, out, err = on_terminal(fresh, "run", "slow.dv", command=soon)
    assert code == 0 and out.endswith(b"\n") and b"\x1b" not in out
    assert " … ".encode() in err and err.endswith(b"\r\x1b[K")
    code, out, err = on_terminal(fresh, "run", "slow.dv", command=soon)
    assert code == 0 and err == b""
    assert fresh("run", "slow.dv").stderr == ""


def test_colours_on_a_terminal_only(run: Run) -> None:
    (run.folder / "bad.dv").write_text("def f(x: f64) = y\n")
    assert b"\x1b[31;1merror" in on_terminal(run, "check", "bad.dv")[2]
    assert b"\x1b" not in on_terminal(run, "check", "bad.dv", NO_COLOR="1")[2]
    assert "\x1b" not in run("check", "bad.dv").stderr
    assert "\x1b[31;1merror" in run("check", "bad.dv", FORCE_COLOR="1").stderr
    assert "\x1b" not in run("check", "bad.dv", FORCE_COLOR="1", NO_COLOR="1").stderr


@pytest.mark.parametrize("command", ["fmt --diff many.dv", "explain --codes", "test many.dv", "doctor --json"])
def test_closed_pipes(run: Run, command: str) -> None:
    text = "".join(f'def f{k}(x:f64)=x\ntest "t{k}"=f{k}(1)==1\n' for k in range(300))
    (run.folder / "many.dv").write_text(text)
    line = f"{sys.executable} -m derivant {command} | head -c 10"
    done = subprocess.run(["bash", "-c", line], cwd=run.folder, capture_output=True, text=True, check=False,
                          env={**os.environ, "DERIVANT_BACKEND": "interpreter"})
    assert "Traceback" not in done.stderr and "BrokenPipe" not in done.stderr and "Exception" not in done.stderr


def test_commands_are_read_when_they_are_used() -> None:
    code = ("import sys; from derivant.runtime import cli\n"
            "print([m for m in sys.modules if m.startswith('derivant.runtime.cli_')])")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
