"""The command line: results on stdout, messages on stderr, exit codes."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from .commands import PROGRAM, Run

ROOT = Path(__file__).resolve().parent.parent.parent


def test_run(run: Run) -> None:
    done = run("run", "p.dv")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Fit(\n  total = 4.0\n  rows  = 2\n)\n"
    assert json.loads(run("run", "p.dv", "--json", "--arg", "scale=2").stdout) == {"total": 8.0, "rows": 2}
    assert run("run", "p.dv", "table", "--arg", "n=2").stdout == "[[0., 0.],\n [0., 1.]]\n"
    assert run("run", "p.dv", "loss", "--arg", "w=[1, 2]", "--arg", "x=[0, 0]").stdout == "5.0\n"


def test_defaults_are_beside_the_source(run: Run) -> None:
    (run.folder / "inner").mkdir()
    assert Run(run.folder / "inner", run.cache)("run", "../p.dv").returncode == 0


def test_out(run: Run) -> None:
    assert run("run", "p.dv", "table", "--arg", "n=2", "--out", "t.npy").returncode == 0
    assert np.load(run.folder / "t.npy").tolist() == [[0, 0], [0, 1]]
    assert run("run", "p.dv", "--out", "fit.json").returncode == 0
    assert json.loads((run.folder / "fit.json").read_text()) == {"total": 4.0, "rows": 2}
    done = run("run", "p.dv", "--out", "fit.xyz")
    assert done.returncode == 1 and ".npz" in done.stderr


@pytest.mark.parametrize("args, code, text", [
    (("run", "q.dv"), 1, "did you mean p.dv"), (("run", "p.dv", "nothing"), 1, "nothing"),
    (("run", "p.dv", "--arg", "scale"), 2, "NAME=VALUE"), (("run", "p.dv", "--arg", "size=2"), 1, "no parameter size"),
    (("run", "p.dv", "--arg", "scale=x"), 1, "neither a number nor a file"), (("run",), 2, "FILE"),
    (("run", "p.dv", "--arg", "scale=1", "--arg", "scale=2"), 2, "twice"), (("frobnicate",), 2, "frobnicate"),
    (("run", "p.dv", "fails", "--arg", "x=-1"), 1, "x is -1"), (("run", "p.dv", "loss"), 1, "no value for `w"),
    (("run", "."), 1, "directory"), (("run", "p.dv", "--arg", "data=none.csv"), 1, "no file none.csv"),
    (("explain", "p.dv", "loss", "--stage", "nowhere"), 2, "nowhere"), (("grad", "p.dv", "loss", "--wrt", "q"), 1, "q"),
])
def test_what_is_wrong(run: Run, args: tuple[str, ...], code: int, text: str) -> None:
    done = run(*args)
    assert done.returncode == code and text in done.stderr and done.stdout == "", done.stderr
    assert "Traceback" not in done.stderr


def test_files_that_are_no_programs(run: Run) -> None:
    (run.folder / "b.dv").write_bytes(b"\x7fELF\xff\xfe")
    (run.folder / "h.dv").write_bytes(b"# " + b"x" * (17 << 20))
    for name, text in (("b.dv", "not UTF-8"), ("h.dv", "too large")):
        done = run("run", name)
        assert done.returncode == 1 and text in done.stderr


def test_long_lines_and_deep_nests(run: Run) -> None:
    (run.folder / "long.dv").write_text(f"def main(x: f64 = 1.0) -> f64 = {' + '.join(['x'] * 2000)}\n")
    assert run("run", "long.dv").stdout == "2000.0\n"
    (run.folder / "deep.dv").write_text(f"def main(x: f64 = 1.0) -> f64 = {'(' * 5000}x{')' * 5000}\n")
    done = run("run", "deep.dv")
    assert done.returncode == 1 and "200" in done.stderr and "Traceback" not in done.stderr


def test_memory(run: Run) -> None:
    done = run("run", "p.dv", "table", "--arg", "n=1000000000000000")
    assert done.returncode == 1 and "DV0509" in done.stderr and "Traceback" not in done.stderr


def test_check(run: Run) -> None:
    done = run("check", "p.dv")
    assert (done.returncode, done.stdout) == (0, "") and "4 functions, no errors" in done.stderr
    assert run("check", "p.dv", "--json").stdout == "[]\n"
    bad = run("check", "-", stdin="def f(x: f64) = y\n")
    assert bad.returncode == 1 and "┌─ <stdin>:1:17" in bad.stderr
    listed = json.loads(run("check", "-", "--json", stdin="def f(x: f64) = y\n").stdout)
    assert listed[0]["span"]["line"] == 1 and listed[0]["code"].startswith("DV02")


def test_grad_prints_a_program(run: Run) -> None:
    for extra in ((), ("--wrt", "w,x"), ("--mode", "forward")):
        done = run("grad", "p.dv", "loss", *extra)
        assert done.returncode == 0 and done.stdout.startswith("def grad_loss(w: f64[n], x: f64[n])"), done.stderr
        checked = run("check", "-", stdin=done.stdout)
        assert checked.returncode == 0, done.stdout + checked.stderr


@pytest.mark.parametrize("stage", ["core", "derivative", "optimised", "loops", "llvm", "asm", "typed", "parsed"])
def test_explain(run: Run, stage: str) -> None:
    done = run("explain", "p.dv", "loss", "--stage", stage)
    assert done.returncode == 0 and "loss" in done.stdout


def test_version_and_help(run: Run) -> None:
    assert run("--version").stdout.startswith("derivant 0.")
    for command in ((), ("run",), ("grad",), ("check",), ("explain",)):
        done = run(*command, "--help")
        assert done.returncode == 0 and "Example:" in done.stdout


def test_the_cache_answers_without_compiling(fresh: Run) -> None:
    first = fresh("run", "p.dv", DERIVANT_LOG="cache")
    second = fresh("run", "p.dv", DERIVANT_LOG="cache,compile")
    assert "miss" in first.stderr and "hit" in second.stderr and "elaborate" not in second.stderr
    assert first.stdout == second.stdout
    (fresh.folder / "p.dv").write_text(PROGRAM.replace("scale * sum", "2.0 * scale * sum"))
    assert "total = 8.0" in fresh("run", "p.dv").stdout


def test_a_run_from_the_cache_is_light(run: Run) -> None:
    """Processor time of the whole process, the best of some; heavy modules stay out."""
    assert run("run", "p.dv").returncode == 0
    times = []
    for _ in range(4):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert run("run", "p.dv").returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(times) < 0.35, times
    code = (
        "import sys; from derivant.runtime import cli; cli.run_command(['run', 'p.dv'])\n"
        "heavy = 'lark sympy networkx scipy derivant.frontend derivant.passes derivant.compiler.ir'\n"
        "print([m for m in heavy.split() if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=run.folder, capture_output=True, text=True, check=True,
        env={**os.environ, "DERIVANT_CACHE_DIR": str(run.cache)},
    )
    assert done.stdout.endswith("\n[]\n")


def test_interrupts(run: Run) -> None:
    (run.folder / "spin.dv").write_text("def main(x: f64 = 1.0) -> f64 = loop y = x while y < 2.0 do y * 0.5\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "derivant", "run", "spin.dv"], cwd=run.folder, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "DERIVANT_LOG": "cache,compile", "DERIVANT_CACHE_DIR": str(run.cache)},
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "machine code" in line or "hit" in line:
            break
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130 and "interrupted" in process.stderr.read()


def test_verifiers_run_between_stages(fresh: Run) -> None:
    done = fresh("run", "p.dv", DERIVANT_VERIFY="1", DERIVANT_LOG="passes")
    assert done.returncode == 0 and "verify core" in done.stderr and "verify after dead code" in done.stderr


def test_what_a_program_shows_is_no_result(run: Run) -> None:
    (run.folder / "s.dv").write_text('def main(x: f64 = 1.5) -> f64 = 2 * show(x, "x")\n')
    done = run("run", "s.dv", "--json")
    assert done.stdout == "3.0\n" and "1.5" in done.stderr


def test_damaged_and_unwritable_caches(fresh: Run) -> None:
    assert fresh("run", "p.dv").returncode == 0
    for path in (fresh.folder / "cache").rglob("*"):
        if path.is_file():
            path.write_bytes(b"garbage")
    done = fresh("run", "p.dv")
    assert done.returncode == 0 and "total = 4.0" in done.stdout
    assert fresh("run", "p.dv", DERIVANT_CACHE_DIR="/proc/nowhere").returncode == 0


def test_imports_are_part_of_the_key(fresh: Run) -> None:
    (fresh.folder / "lib.dv").write_text("def g(x: f64) -> f64 = x + 1\n")
    (fresh.folder / "u.dv").write_text("import lib\ndef main(x: f64 = 1.0) = lib.g(x)\n")
    assert fresh("run", "u.dv").stdout == "2.0\n"
    (fresh.folder / "lib.dv").write_text("def g(x: f64) -> f64 = x + 2\n")
    assert fresh("run", "u.dv").stdout == "3.0\n"


def test_a_closed_pipe_is_no_error(run: Run) -> None:
    command = f"{sys.executable} -m derivant run p.dv table --arg n=20000 --json | head -c 10"
    done = subprocess.run(["bash", "-c", command], cwd=run.folder, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr and "BrokenPipe" not in done.stderr


def test_internal_errors_leave_a_reproducer(run: Run) -> None:
    code = (
        "import sys; from derivant.runtime import api, cli\n"
        "def broken(*a): raise KeyError('oops')\n"
        "api.load_file = broken\n"
        "cli.main(['check', 'p.dv'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=run.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 70 and done.stderr.count("\n") == 1 and "KeyError" in done.stderr
    path = Path(done.stderr.strip().rsplit(" ", 1)[1])
    assert "oops" in path.read_text()
    path.unlink()


def test_the_example(run: Run) -> None:
    done = run("run", str(ROOT / "examples" / "old_faithful.dv"), "--json")
    assert done.returncode == 0, done.stderr
    fit = json.loads(done.stdout)
    assert abs(fit["log_likelihood"] + 1130.264) < 1e-3 and abs(sum(fit["weights"]) - 1) < 1e-12
