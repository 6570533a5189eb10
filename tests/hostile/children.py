"""Hostile work is done in children: a process that has imported everything forks one for each batch.

    for failure in examine(made, work, range(300)): …

`work(made(k), note)` raises AssertionError where a promise is broken.  It says by `note` what it does at the moment;
behind a `note(…, endless=True)` it may take more time than it has, as a program that runs for ever does.
A child that dies takes only the work with it that it was at; the others of its batch go on in a new child.
The process that calls this must have one thread, so tests call it through `serve`.
"""

from __future__ import annotations

import faulthandler
import functools
import gc
import json
import os
import resource
import select
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn, Protocol, TypeVar

SECONDS = 2.0  # of processor time, for each work
MEMORY = 1 << 30  # beyond what the imported process maps
SILENCE = 120.0  # seconds on the clock without a word: the child is blocked
ROOT = Path(__file__).parents[2]


class Note(Protocol):
    def __call__(self, stage: str, endless: bool = False) -> None: ...


T = TypeVar("T")


@dataclass(frozen=True)
class Failure:
    """What is wrong with one work."""

    index: int
    stage: str
    why: str


# ---------------------------------------------------------------- the parent


def examine(made: Callable[[int], T], work: Callable[[T, Note], None], indices: Iterable[int], batch: int = 50) -> Iterator[Failure]:
    """The failures among these works, in order; `made` takes time of its own."""
    gc.collect()
    gc.freeze()
    waiting = iter(indices)
    todo: list[int] = []
    total = 0
    while True:
        todo += [k for _, k in zip(range(batch - len(todo)), waiting, strict=False)]
        if not todo:
            return
        found, done = _batch(lambda k: functools.partial(work, made(k)), todo)
        del todo[:done]
        total += done
        if total // 1000 > (total - done) // 1000:
            print(f"{total // 1000} thousand", file=sys.stderr, flush=True)
        yield from found


def _batch(prepared: Callable[[int], Callable[[Note], None]], todo: list[int]) -> tuple[list[Failure], int]:
    """The failures of one child, and how many works it has finished or died at."""
    reading, writing = os.pipe()
    with tempfile.TemporaryFile() as said:
        child = os.fork()
        if child == 0:
            os.close(reading)
            _child(prepared, todo, writing, said.fileno())
        os.close(writing)
        found: list[Failure] = []
        done, stage, endless, blocked = 0, "", False, False
        with os.fdopen(reading, encoding="utf-8") as messages:
            while True:
                if not select.select([messages], [], [], SILENCE)[0]:
                    os.kill(child, signal.SIGKILL)
                    blocked = True
                line = messages.readline()
                if not line:
                    break
                match json.loads(line):
                    case ["at", str(stage), bool(endless)]:
                        pass
                    case ["failed", k, at, why]:
                        found.append(Failure(k, at, why))
                    case ["done"]:
                        done += 1
        _, status = os.waitpid(child, 0)
        if done == len(todo) and status == 0:
            return found, done
        said.seek(0)
        words = said.read().decode(errors="replace")[-6000:]
    if done == len(todo):
        found.append(Failure(todo[-1], "the end", f"the child ends with {_ending(status)}\n{words}"))
        return found, done
    why = "blocked" if blocked else _ending(status)
    if not (endless and why == "SIGPROF"):
        why = f"more than {SECONDS} s of processor time" if why == "SIGPROF" else f"{why}\n{words}"
        found.append(Failure(todo[done], stage, why))
    return found, done + 1


def _ending(status: int) -> str:
    if os.WIFSIGNALED(status):
        return signal.Signals(os.WTERMSIG(status)).name
    return f"exit {os.waitstatus_to_exitcode(status)}"


# ---------------------------------------------------------------- the child


def _child(prepared: Callable[[int], Callable[[Note], None]], todo: list[int], writing: int, said: int) -> NoReturn:
    """Does the works and tells of each; the interval timer, whose default action is to kill, counts its time."""
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.dup2(said, 2)
    faulthandler.enable(2)
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() if sys.platform == "linux" else 0
    if mapped:
        resource.setrlimit(resource.RLIMIT_AS, (mapped + MEMORY, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    at = ("", False)

    def tell(*message: Any) -> None:
        os.write(writing, (json.dumps(message) + "\n").encode())

    def note(stage: str, endless: bool = False) -> None:
        nonlocal at
        if at[1]:  # what follows has all of its time again
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
        at = stage, endless
        tell("at", stage, endless)

    for k in todo:
        work, at = prepared(k), ("", False)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        before = os.fstat(2).st_size
        try:
            work(note)
        except AssertionError as e:
            tell("failed", k, at[0], str(e)[-4000:])
        except BaseException:  # noqa: BLE001  # this is what must not happen
            tell("failed", k, at[0], traceback.format_exc()[-4000:])
        sys.stdout.flush()
        sys.stderr.flush()
        if os.fstat(2).st_size > before:
            tell("failed", k, at[0], "it writes: " + os.pread(2, 4000, before).decode(errors="replace"))
        signal.setitimer(signal.ITIMER_PROF, 0)
        tell("done")
    os._exit(0)


# ---------------------------------------------------------------- a process of its own


def serve(module: str, *arguments: object) -> list[Failure]:
    """What `python -m module arguments` finds, which ends with `answer`."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [Failure(**json.loads(line)) for line in done.stdout.splitlines() if line.startswith("{")]


def answer(failures: Iterable[Failure]) -> None:
    """Prints failures for `serve`."""
    for f in failures:
        print(json.dumps(asdict(f)), flush=True)
