"""`derivant repl`: scripts and expressions, the prompt on a pipe, and on a real terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from derivant.runtime.history import SharedHistory
from derivant.runtime.repl import Printer
from derivant.runtime.session import Session
from derivant.runtime.terminal import converse
from prompt_toolkit.application import create_app_session
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "DERIVANT_CACHE_DIR": str(tmp_path / "cache"), "XDG_STATE_HOME": str(tmp_path / "state"),
            "TERM": "xterm", "NO_COLOR": "1"}


@pytest.fixture
def run(tmp_path: Path, environment: dict[str, str]) -> Run:
    def start(*args: str, script: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "derivant", "repl", *args], input=script, cwd=tmp_path, env=environment,
                              capture_output=True, text=True, timeout=120, check=False)

    return start


# ---------------------------------------------------------------- scripts


def test_expressions(run: Run, tmp_path: Path) -> None:
    (tmp_path / "m.dv").write_text("def f(x: f64) = x**2\n")
    done = run("m.dv", "-e", "let a = f(3.0)", "-e", "a + 1", "-e", "[a, f'(a)]")
    assert (done.returncode, done.stdout, done.stderr) == (0, "10.0\n[ 9., 18.]\n", "")
    done = run("-e", "nothing", "-e", "1")
    assert done.returncode == 1 and done.stdout == "" and "-e 1:1:1" in done.stderr
    assert run("-e", ":quit", "-e", "1").stdout == ""
    assert run("none.dv", "-e", "1").returncode == 1
    assert run("--nonsense").returncode == 2


def test_scripts(run: Run) -> None:
    script = "# a script\nlet a = [1.0, 2.0]\ndef f(x: f64[n]) =\n  sum(x)\n\nf(a)\n:type f\nf(\n  a\n)[0]\nf(a) + 1\n"
    done = run(script=script)
    assert done.returncode == 1 and done.stdout == "3.0\nf(x: f64[n]) -> f64\n" and "<stdin>:8:1" in done.stderr
    done = run("--keep-going", script=script)
    assert done.returncode == 1 and done.stdout == "3.0\nf(x: f64[n]) -> f64\n4.0\n"
    assert (run(script="").returncode, run(script="\n# nothing\n").stdout) == (0, "")
    assert run(script='test "t" = 1 > 2\n').returncode == 1
    assert run(script="show(1.5)\n").stderr == "1.5\n"
    assert run(script=":set types on\n1\n").stdout.splitlines()[1] == "1 : i64"


def test_a_script_first(run: Run, tmp_path: Path) -> None:
    (tmp_path / "start.txt").write_text("let a = 2\na\n")
    assert run("-i", "start.txt", "-e", "a * 3").stdout == "2\n6\n"
    assert run("-i", "start.txt", script="a * 4\n").stdout == "2\n8\n"


def test_a_script_that_is_no_text(tmp_path: Path, environment: dict[str, str]) -> None:
    done = subprocess.run([sys.executable, "-m", "derivant", "repl"], input=b"\xff\xfe1", env=environment, capture_output=True,
                          timeout=120, check=False)
    assert done.returncode == 1 and b"DV0603" in done.stderr


def test_a_script_is_interrupted(tmp_path: Path, environment: dict[str, str]) -> None:
    process = subprocess.Popen([sys.executable, "-m", "derivant", "repl", "-e", "1", "-e", "loop x = 0.5 while x < 2.0 do x * 0.5"],
                               env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stderr is not None
    assert process.stdout.readline() == "1\n"
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130 and "interrupted" in process.stderr.read()


def test_the_prompt_needs_nothing_of_the_line_editor_in_scripts(environment: dict[str, str]) -> None:
    code = "import sys\nfrom derivant.runtime.cli import run_command\nrun_command(['repl', '-e', '1'])\nprint('prompt_toolkit' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "1\nFalse\n"


# ---------------------------------------------------------------- the prompt on a pipe


def typed(keys: str, capsys: pytest.CaptureFixture[str], history: InMemoryHistory | None = None) -> str:
    """What the prompt prints when these keys are pressed, then the end of the input."""
    session = Session()
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        pipe.send_text(keys + "\x03\x04")  # whatever is left is cleared first
        converse(lambda: session, Printer(lambda: session), banner=False, input=pipe, output=DummyOutput(),
                 history=history or InMemoryHistory())
    out, err = capsys.readouterr()
    return str(out + err)


PASTE, END = "\x1b[200~", "\x1b[201~"


def test_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("1 + 1\r_ * 2\r", capsys) == "2 : i64\n4 : i64\n"
    assert typed("\r  \r1\r", capsys) == "1 : i64\n"


def test_a_block_goes_on_until_it_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("def f(x: f64) =\r", capsys) == ""
    assert typed("def f(x: f64) =\r  let a = x\r  a * a\rf(3.0)\r", capsys).endswith("9.0 : f64\n")


def test_paste_runs_nothing_before_enter(capsys: pytest.CaptureFixture[str]) -> None:
    block = "def g(x: f64) =\n  let a = x\n  a * 2\n\ng(2.0)\n"
    assert typed(f"{PASTE}{block}{END}", capsys) == ""
    assert typed(f"{PASTE}{block}{END}\r", capsys) == "g(x: f64) -> f64\n4.0 : f64\n"
    assert typed(f"{PASTE}match 1\n  1 -> 2\n{END}\r", capsys).startswith("error[DV0309]")
    assert typed(f"{PASTE}match 1\n  1 -> 2\n  _ -> 3{END}\r\r", capsys) == "2 : i64\n"


def test_arms_end_with_an_empty_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert typed(f"{PASTE}match 3\n  1 -> 2{END}\r  _ -> 5\r\r", capsys) == "5 : i64\n"


def test_alt_enter_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("let a = 1\x1b\rlet b = 2\ra + b\r", capsys) == "a : i64\nb : i64\n3 : i64\n"


def test_tab(capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("let \\alpha\t = 3\r\\al\t + 1\r", capsys) == "α : i64\n4 : i64\n"
    assert typed("sinh(0.0) + softpl\t(0.0)\r", capsys) == "0.6931471805599453 : f64\n"
    assert typed("type P = {size: f64}\rlet p = P(2.0)\rp.si\t\r", capsys).endswith("2.0 : f64\n")
    assert typed(":ty\t 1\r", capsys) == "1 : i64\n"


def test_clearing_and_leaving(capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("1 + \x032 + 2\r", capsys) == "4 : i64\n"
    assert typed(":quit\r1\r", capsys) == "" and typed("1\r:q\r2\r", capsys) == "1 : i64\n"
    assert typed("nothing\r1\r", capsys).startswith("1 : i64\nerror[DV0201]")  # stdout, then stderr


def test_history_at_the_prompt(capsys: pytest.CaptureFixture[str]) -> None:
    history = InMemoryHistory(["let a = 7", "sin(0.0)"])
    assert typed("\x1b[A\x1b[A\r", capsys, history) == "a : i64\n"
    assert typed("let\x1b[A\r", capsys, InMemoryHistory(["let a = 7", "sin(0.0)"])) == "a : i64\n"
    assert typed("\x12let\r\r", capsys, InMemoryHistory(["let a = 7", "sin(0.0)"])) == "a : i64\n"


def test_the_other_keys(capsys: pytest.CaptureFixture[str]) -> None:
    assert typed(":set keys vi\r1 + 1\x1bhxi2\r", capsys).endswith(": i64\n")


# ---------------------------------------------------------------- history on disk


def test_history_is_shared(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "history"
    a, b = SharedHistory(path), SharedHistory(path)
    a.store_string("1 + 1")
    b.store_string("def f(x) =\n  x")
    a.store_string("α")
    assert list(SharedHistory(path).load_history_strings()) == ["α", "def f(x) =\n  x", "1 + 1"]
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700
    with path.open("ab") as f:
        f.write(b'"cut\n\xff\xff\n17\n""\n' + json.dumps("last").encode() + b"\n")
    assert list(SharedHistory(path).load_history_strings())[:2] == ["last", "α"]


def test_history_without_a_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    h = SharedHistory(tmp_path / "file" / "history")
    h.store_string("1")
    assert list(h.load_history_strings()) == []


def test_history_stays_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("derivant.runtime.history.LONGEST", 1000)
    h = SharedHistory(tmp_path / "history")
    for k in range(200):
        h.store_string(f"input {k}")
    kept = list(h.load_history_strings())
    assert kept[0] == "input 199" and 20 < len(kept) < 150 and h.path.stat().st_size < 2000


# ---------------------------------------------------------------- a real terminal


class Terminal:
    """A child process on a pseudo-terminal; answers where the cursor is, as terminals do."""

    def __init__(self, argv: list[str], env: dict[str, str], folder: Path) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(argv[0], argv, env)
        self.seen = ""

    def until(self, text: str, seconds: float = 60.0) -> str:
        """What comes up to this text."""
        end = time.monotonic() + seconds
        while text not in self.seen:
            assert time.monotonic() < end, f"no {text!r} in {self.seen!r}"
            if not select.select([self.fd], [], [], 0.1)[0]:
                continue
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                data = b""
            assert data, f"the end instead of {text!r}: {self.seen!r}"
            if b"\x1b[6n" in data:
                os.write(self.fd, b"\x1b[1;1R")
            self.seen += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", data.decode(errors="replace"))
        before, _, self.seen = self.seen.partition(text)
        return before + text

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def ask(self, text: str) -> None:
        """Types at the next prompt."""
        self.until("dv>")
        self.type(text)

    def end(self) -> int:
        """The exit code."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if select.select([self.fd], [], [], 0.05)[0]:
                try:
                    os.read(self.fd, 65536)
                except OSError:
                    pass
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = 0
                return os.waitstatus_to_exitcode(status)
        raise AssertionError("it did not end")

    def close(self) -> None:
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)


@pytest.fixture
def open_terminal(tmp_path: Path, environment: dict[str, str]) -> Iterator[Callable[..., Terminal]]:
    made: list[Terminal] = []

    def start(*args: str) -> Terminal:
        made.append(Terminal([sys.executable, "-m", "derivant", *args], environment, tmp_path))
        return made[-1]

    yield start
    for t in made:
        t.close()


def test_a_conversation(open_terminal: Callable[..., Terminal]) -> None:
    t = open_terminal("repl")
    t.until("derivant 0")
    t.ask("1 + 1\r")
    t.until("2 : i64")
    t.ask(f"{PASTE}def f(x: f64) =\n  let a = x\n  a * 3\n\nf(2.0){END}")
    t.until("f(2.0)")
    time.sleep(0.3)
    assert "6.0" not in t.seen
    t.type("\r")
    t.until("6.0 : f64")
    t.ask("f(\x03")
    t.ask("f(10.0)\r")
    t.until("30.0 : f64")
    t.ask("\x04")
    assert t.end() == 0


def test_interrupting_a_native_loop_keeps_the_session(open_terminal: Callable[..., Terminal]) -> None:
    """The limit is 200 ms; the wait here is long enough for a busy machine."""
    t = open_terminal("repl", "-q")
    t.ask("let a = 41\r")
    t.until("a : i64")
    t.ask("let s = sum(sin(i * 0.5) for i < 10**12)\r")
    time.sleep(3)
    t.type("\x03")
    t.until("interrupted", 10)
    t.ask("a + 1\r")
    t.until("42 : i64")
    t.ask("s\r")
    t.until("nothing here is called s")
    t.ask("loop x = 0.5 while x < 2.0 do x * 0.5\r")
    time.sleep(3)
    t.type("\x03")
    t.until("interrupted", 10)
    t.ask(":quit\r")
    assert t.end() == 0


def test_history_outlives_sessions(open_terminal: Callable[..., Terminal], tmp_path: Path) -> None:
    t = open_terminal("repl", "-q")
    t.ask("let kept = 17\r")
    t.until("kept : i64")
    t.ask("\x04")
    assert t.end() == 0
    assert json.loads((tmp_path / "state" / "derivant" / "history").read_text()) == "let kept = 17"
    t = open_terminal()  # `derivant` alone is the prompt
    t.ask("\x12kep\r\r")
    t.until("kept : i64")
    t.ask(":q\r")
    assert t.end() == 0


def test_files(open_terminal: Callable[..., Terminal], tmp_path: Path) -> None:
    (tmp_path / "m.dv").write_text("def f(x: f64) = x**2\n")
    t = open_terminal("repl", "-q", "m.dv")
    t.ask("f(1.5)\r")
    t.until("2.25 : f64")
    t.ask("\x04")
    assert t.end() == 0
    (tmp_path / "bad.dv").write_text("def f(x: f64) = y\n")
    t = open_terminal("repl", "bad.dv")
    t.until("error[DV0201]")
    assert t.end() == 1
