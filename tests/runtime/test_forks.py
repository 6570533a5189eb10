"""Forks, threads and the compiler's lock: children find nothing that a thread of their parent left half done."""

from __future__ import annotations

import concurrent.futures
import gc
import importlib
import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import derivant as dv
import pytest
from derivant.compiler import lock as forks
from derivant.compiler.lock import lock

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
number = itertools.count(1)
LONG = 120  # seconds after which something hangs, on a busy machine too


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("DERIVANT_CACHE_DIR", str(tmp_path / "cache"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python warns of forks with threads
        yield


def compile_one() -> None:
    """A program that no one has compiled before."""
    k = os.getpid() * 1000 + next(number)
    f = dv.compile(f"def f(x: f64) -> f64 = x**2 + {k}.0").f
    assert f(3.0) == 9 + k
    assert dv.grad(f)(3.0) == 6.0


def in_child(act: Callable[[], object]) -> int:
    """Does it in a forked process; its status, 0 if all is well."""
    pid = os.fork()
    if pid == 0:
        signal.alarm(LONG)
        code = 1
        try:
            act()
            code = 0
        except BaseException:  # noqa: BLE001
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitpid(pid, 0)[1]


class Holder(threading.Thread):
    """Another thread that has the lock until it is told to let it go."""

    def __init__(self) -> None:
        super().__init__()
        self.has, self.let_go = threading.Event(), threading.Event()

    def run(self) -> None:
        with lock:
            self.has.set()
            self.let_go.wait(LONG)

    def __enter__(self) -> Self:
        self.start()
        assert self.has.wait(LONG)
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go.set()
        self.join()


def test_a_fork_waits_for_the_thread_that_compiles() -> None:
    with Holder() as other:
        threading.Timer(0.3, other.let_go.set).start()
        seen: list[bool] = []

        def act() -> None:
            seen.append(other.let_go.is_set())
            compile_one()
            assert seen == [True]

        assert in_child(act) == 0
    compile_one()


def test_a_thread_that_compiles_may_fork_itself() -> None:
    """As in a handler of signals; that another thread waits for it is no matter."""
    waiting = threading.Thread(target=compile_one)
    with lock:
        waiting.start()
        assert in_child(compile_one) == 0
    waiting.join(LONG)
    assert not waiting.is_alive()


ORDER = """
import derivant
import logging  # takes a lock of its own in front of a fork
import os, threading, time
from derivant.compiler.lock import lock

def fork():
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)

forked = threading.Event()
other = threading.Thread(target=lambda: (fork(), forked.set()))
with lock:
    other.start()
    time.sleep(0.5)  # it waits now, with whatever it has already
    fork()
    print(forked.is_set())
other.join()
"""


def test_two_threads_that_fork_take_their_locks_in_one_order() -> None:
    done = subprocess.run([sys.executable, "-c", ORDER], capture_output=True, text=True, timeout=LONG, check=False)
    assert done.stdout == "False\n", done.stdout + done.stderr


def test_a_fork_waits_for_imports_of_ours() -> None:
    """A child that needs the module would wait for ever."""
    loading, let_go = threading.Event(), threading.Event()

    def load() -> None:
        with importlib._bootstrap._ModuleLockManager("derivant.not_there"):  # type: ignore[attr-defined]
            loading.set()
            let_go.wait(LONG)

    thread = threading.Thread(target=load)
    thread.start()
    loading.wait(LONG)
    threading.Timer(0.3, let_go.set).start()

    def act() -> None:
        with pytest.raises(ImportError):
            importlib.import_module("derivant.not_there")

    assert in_child(act) == 0
    thread.join()


def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that never lets the lock go stops no fork, and its child has a lock of its own."""
    compile_one()
    monkeypatch.setattr(forks, "_PATIENCE", 0.05)
    with Holder():
        assert in_child(compile_one) == 0
        assert not lock.acquire(blocking=False)
    compile_one()


def test_a_fork_in_a_signal_handler() -> None:
    """Signals arrive in the middle of compilations."""
    compile_one()
    codes: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda *_: codes.append(in_child(compile_one)))
    try:
        for _ in range(5):
            signal.setitimer(signal.ITIMER_REAL, 0.02)
            for _ in range(3):
                compile_one()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert codes and set(codes) == {0}


def test_calls_and_finalizers_do_not_wait() -> None:
    module = dv.compile(f"def f(x: f64) -> f64 = x + {next(number)}.25")
    expected = module.f(1.0)
    dropped = dv.compile(f"def f(x: f64) -> f64 = x * {next(number)}.25").f
    dropped(1.0)
    done = threading.Event()

    def work() -> None:
        nonlocal dropped
        assert [module.f(1.0) for _ in range(5)] == [expected] * 5
        del dropped
        gc.collect()
        done.set()

    with Holder():
        thread = threading.Thread(target=work)
        thread.start()
        assert done.wait(LONG)
        thread.join()
        assert forks._left
    compile_one()  # and what was left is done by the next who has the lock
    assert not forks._left
    assert [module.f(1.0) for _ in range(5)] == [expected] * 5


def square(k: int) -> float:
    compile_one()
    return float(shared.f(float(k)))


shared = dv.compile("def f(x: f64) -> f64 = x * x")


def test_pools_of_processes_while_threads_compile() -> None:
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            compile_one()

    shared.f(1.0)
    threads = [threading.Thread(target=work) for _ in range(3)]
    for t in threads:
        t.start()
    try:
        context = multiprocessing.get_context("fork")
        with context.Pool(2) as pool:
            assert pool.map_async(square, range(4)).get(LONG) == [0.0, 1.0, 4.0, 9.0]
        with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as executor:
            assert list(executor.map(square, range(4), timeout=LONG)) == [0.0, 1.0, 4.0, 9.0]
        run = subprocess.run([sys.executable, "-c", "print(1)"], preexec_fn=os.getpid, capture_output=True, check=True)
        assert run.stdout == b"1\n"
    finally:
        stop.set()
        for t in threads:
            t.join()


FIRST = """
import threading
import derivant as dv

def work(k):
    start.wait()
    f = dv.compile(f"def f(x: f64) -> f64 = sum(x * i for i < 10) + {k}.0").f
    for _ in range(5):
        found.append(f(2.0) - k)

found, start = [], threading.Barrier(8)
threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print(set(found), len(found))
"""


def test_threads_may_be_the_first_to_use_it() -> None:
    """What is made at the first use is made once: machine code that a second thread replaced would be gone."""
    done = subprocess.run([sys.executable, "-c", FIRST], capture_output=True, text=True, timeout=LONG, check=False)
    assert (done.returncode, done.stdout) == (0, "{90.0} 40\n"), done.stderr
