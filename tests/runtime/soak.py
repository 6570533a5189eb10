"""A process under load: eight threads compile, call, differentiate, decorate, load, ask sessions and fork.

    python -m tests.runtime.soak SECONDS [SEED]

Every result is compared with what plain Python or NumPy computes, in the children too.  When no job ends for a while
the stacks of all threads are written and the process ends.  A quarter of the time is the warm-up; what is there then
(memory, files, threads, programs and their machine code) is compared with what is there at the end.
"""

from __future__ import annotations

import faulthandler
import gc
import importlib
import itertools
import linecache
import math
import multiprocessing
import os
import pickle
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import derivant as dv
import numpy as np
import numpy.testing  # at once: a child would wait for an import that another thread has begun

THREADS = 8
HANG = 120  # seconds in which a job, or a child, has to end on a busy machine
CHILDREN = threading.Semaphore(2)
FOLDER = Path(tempfile.mkdtemp(prefix="derivant-soak-"))
number = itertools.count(1)

os.environ["DERIVANT_CACHE_DIR"] = str(FOLDER / "cache")
sys.path.insert(0, str(FOLDER))


def near(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def vector(r: random.Random) -> Any:
    return np.array([r.uniform(-2, 2) for _ in range(r.randrange(1, 9))])


# ---------------------------------------------------------------- jobs

FIXED = [f"def f(v: f64[n], c: f64) -> f64 = sum(v[i]**{k} * c for i) + {k}.0" for k in range(2, 6)]
SHARED = dv.compile("type P = { a: f64, b: f64 }\ndef h(v: f64[n], c: f64) -> f64 = c * sum(sin(x) for x in v)\n"
                    "def p(v: f64[n], c: f64) -> P = P(a = c, b = v[0])")


def miss(r: random.Random) -> None:
    """A program that was never seen."""
    k, m = next(number), r.randrange(2, 30)
    module = dv.compile(f"def f(x: f64) -> f64 = sum(x**2 * i for i < {m}) + {k}.0")
    x = r.uniform(-1, 1)
    for _ in range(3):
        near(module.f(x), x**2 * sum(range(m)) + k)


def hit(r: random.Random) -> None:
    """A program that is in the cache."""
    k = r.randrange(len(FIXED))
    v, c = vector(r), r.uniform(-1, 1)
    module = dv.compile(FIXED[k])
    near(module.f(v, c), (v**(k + 2) * c).sum() + k + 2)
    near(dv.grad(module.f)(v, c), (k + 2) * v**(k + 1) * c)


def call(r: random.Random) -> None:
    """Calls of functions that all threads share."""
    for _ in range(200):
        v, c = vector(r), r.uniform(-1, 1)
        near(SHARED.h(v, c), c * np.sin(v).sum())
    near(dv.grad(SHARED.h)(v, c), c * np.cos(v))
    made = SHARED.p(v, c)
    near(made.a, c)
    near(made.b, v[0])


def derivative(r: random.Random) -> None:
    k, v = next(number), vector(r)
    module = dv.compile(f"type Q = {{ a: f64 }}\ndef q(x: f64) -> Q = Q(a = x)\n"
                        f"def g(v: f64[n]) -> f64 = sum(v[i]**3 * {k}.0 + exp(v[i]) for i)")
    value, slope = dv.value_and_grad(module.g)(v)
    near(value, (v**3 * k + np.exp(v)).sum())
    near(slope, 3 * k * v**2 + np.exp(v))
    near(dv.hessian(module.g)(v), np.diag(6 * k * v + np.exp(v)))
    near(dv.jvp(module.g, v, np.ones_like(v))[1], slope.sum())
    near(module.q(2.0).a, 2.0)


def decorate(r: random.Random) -> None:
    """A function of a new module that uses a name from outside."""
    k = next(number)
    name = f"soak_{os.getpid()}_{k}"
    path = FOLDER / f"{name}.py"
    path.write_text(f"import math\nK = {k}.0\n\ndef f(x, n: int):\n    s = 0.0\n    for i in range(n):\n"
                    "        if i % 2 == 0:\n            s += x * i + K\n        else:\n            s -= math.sin(x)\n    return s\n")
    importlib.invalidate_caches()
    module: Any = importlib.import_module(name)
    plain, jitted = module.f, dv.jit(module.f)
    x, n = r.uniform(-1, 1), r.randrange(1, 9)
    for _ in range(3):
        near(jitted(x, n), plain(x, n))
    near(dv.grad(jitted)(x, n), sum(i if i % 2 == 0 else -math.cos(x) for i in range(n)))
    module.K = 1.5
    near(jitted(x, n), plain(x, n))
    path.unlink()
    del sys.modules[name]


def over_axes(r: random.Random) -> None:
    k, a, c = next(number), np.array([vector(r)[:1] for _ in range(4)]), r.uniform(-1, 1)
    module = dv.compile(f"def f(v: f64[n], c: f64) -> f64 = sum(v) * c + {k}.0")
    near(dv.vmap(module.f, (0, None))(a, c), a.sum(1) * c + k)


def load(r: random.Random) -> None:
    """A file that imports another one."""
    k, v = next(number), vector(r)
    base = f"base_{os.getpid()}_{k}"
    files = FOLDER / f"{base}.dv", FOLDER / f"top_{os.getpid()}_{k}.dv"
    files[0].write_text(f"def twice(x: f64) -> f64 = 2.0 * x + {k}.0\n")
    files[1].write_text(f"import {base}\ndef f(v: f64[n]) -> f64[n] = [{base}.twice(x) for x in v]\n")
    module = dv.load(files[1])
    near(module.f(v), 2 * v + k)
    near(pickle.loads(pickle.dumps(module.f))(v), 2 * v + k)
    for path in files:
        path.unlink()


def session(r: random.Random) -> None:
    from derivant.runtime.session import Session

    k, x = next(number), r.uniform(-1, 1)
    s = Session(folder=str(FOLDER))
    replies = list(s.feed(f"let a = [1.0, 2.0, {k}.0]\ndef f(x: f64) -> f64 = x * sum(a)\nf({x!r})\ngrad(f)(2.0)"))
    assert not [e for e in replies if e.error], replies
    near([e.value for e in replies if e.kind == "value"], [x * (3 + k), 3 + k])
    near(list(s.feed("let a = [1.0]\nf(2.0)"))[-1].value, 2.0)


def mistake(r: random.Random) -> None:
    """Errors when it is compiled, and when it runs, with their text."""
    k = next(number)
    for text, code in ((f"def f(x: f64) -> f64 = x + y{k}", "DV0201"), (f"def f(x: f64) -> f64 = [x, {k}.0]", "DV03")):
        try:
            dv.compile(text)
        except dv.Error as e:
            assert e.code.startswith(code) and "def f" in str(e.render()), e
        else:
            raise AssertionError(text)
    module = dv.compile("def f(v: f64[n], i: i64) -> f64 = v[i]")
    try:
        module.f(np.ones(3), 3 + r.randrange(9))
    except dv.BoundsError as e:
        assert "def f" in e.render()
    else:
        raise AssertionError("out of bounds")


def collect(r: random.Random) -> None:
    gc.collect()


def clear(r: random.Random) -> None:
    """The cache goes while others use it."""
    from derivant.runtime.cache import Cache

    if r.random() < 0.1:
        Cache.default().clear()


WORK: tuple[Callable[[random.Random], None], ...] = (
    miss, hit, call, derivative, decorate, over_axes, load, session, mistake, collect, clear)

# ---------------------------------------------------------------- children


def child(seed: int, jobs: int = 4) -> None:
    """What a forked process does: some jobs, and it ends."""
    faulthandler.dump_traceback_later(HANG, exit=True)
    code = 1
    try:
        r = random.Random(seed)
        for job in r.choices(WORK, k=jobs):
            job(r)
        code = 0
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def fork(r: random.Random) -> None:
    with CHILDREN:
        pid = os.fork()
        if pid == 0:
            child(r.randrange(1 << 30))
        code = os.waitpid(pid, 0)[1]
        assert code == 0, f"a child ended with {code}"


def in_pool(seed: int) -> float:
    r = random.Random(seed)
    hit(r)
    miss(r)
    return float(SHARED.h(np.ones(2), float(seed)))


def pool(r: random.Random) -> None:
    """Processes of `multiprocessing`, which inherit a compiled function."""
    with CHILDREN, multiprocessing.get_context("fork").Pool(2) as p:
        near(p.map(in_pool, [1, 2, 3]), 2 * math.sin(1) * np.array([1, 2, 3]))


def fork_in_handler(*_: object) -> None:
    """A signal arrives in the middle of whatever the main thread does."""
    pid = os.fork()
    if pid == 0:
        child(next(number), 1)
    orphans.append(pid)
    signal.setitimer(signal.ITIMER_REAL, 3.0)


orphans: list[int] = []


# ---------------------------------------------------------------- the whole

beats: dict[str, float] = {}


def watch() -> None:
    """Ends the process when a thread has not ended its job in time; not by `faulthandler`'s own timer, for which a
    child would wait when it wants one for itself."""
    while True:
        time.sleep(1)
        late = [name for name, since in list(beats.items()) if time.monotonic() - since > HANG]
        if late:
            print("HANG", late, file=sys.stderr, flush=True)
            faulthandler.dump_traceback()
            os._exit(3)


# Of every program that is compiled llvmlite 0.50 keeps about 70 KiB (it never frees the callbacks of a pass builder)
# and 10 KiB for a library that was unloaded; jobs compile up to five programs, most of them fewer.
ALLOWED = {"KiB": 48 << 10, "blocks": 60_000}
ALLOWED_PER_JOB = {"KiB": 160, "blocks": 1}


def stock() -> dict[str, int]:
    """What there is of what could pile up, after a collection; Python itself keeps the lines of files that are gone."""
    linecache.checkcache()
    for _ in range(3):
        gc.collect()
    dv.compile(f"def f() -> f64 = {next(number)}.0").f()  # what finalizers have left is done
    gc.collect()
    watched = ("Library", "NativeFunction", "Instance", "Entry", "Unit", "PythonUnit", "Snapshot", "Front", "Jitted", "Function")
    found = Counter(type(o).__name__ for o in gc.get_objects() if type(o).__module__.startswith("derivant."))
    out = {name: found[name] for name in watched}
    out["blocks"] = sys.getallocatedblocks()  # of Python's own memory
    out["threads"] = threading.active_count()
    if os.path.isdir("/proc/self/fd"):
        out["files"] = len(os.listdir("/proc/self/fd"))
        out["KiB"] = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 10
    return out


class Load:
    """Threads that do jobs until they shall stop."""

    def __init__(self, seed: int) -> None:
        self.stop = threading.Event()
        self.done: Counter[str] = Counter()
        self.failed: list[str] = []
        self.threads = [threading.Thread(target=self.work, args=(seed * THREADS + k,)) for k in range(THREADS)]

    def one(self, r: random.Random, jobs: Sequence[Callable[[random.Random], None]] = (*WORK, fork, pool)) -> None:
        job = r.choices(jobs, [1 if j is pool else 10 for j in jobs])[0]
        beats[threading.current_thread().name] = time.monotonic()
        try:
            job(r)
        except BaseException:  # noqa: BLE001
            self.failed.append(f"{job.__name__}: {traceback.format_exc()}")
            self.stop.set()
        self.done[job.__name__] += 1

    def work(self, seed: int) -> None:
        r = random.Random(seed)
        while not self.stop.is_set():
            self.one(r)
        del beats[threading.current_thread().name]

    def run(self, seconds: float) -> None:
        """The main thread works too, and is interrupted by signals whose handler forks.  (It does not fork itself: a fork
        in the middle of another one waits for ever for a lock of `concurrent.futures`, with us or without.)"""
        end, r = time.monotonic() + seconds, random.Random(int(seconds))
        for t in self.threads:
            t.start()
        signal.signal(signal.SIGALRM, fork_in_handler)
        signal.setitimer(signal.ITIMER_REAL, 1.0)
        while time.monotonic() < end and not self.stop.is_set():
            self.one(r, WORK) if r.random() < 0.5 else time.sleep(0.1)
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        self.stop.set()
        beats[threading.current_thread().name] = time.monotonic()
        for t in self.threads:
            t.join()
        while orphans:
            code = os.waitpid(orphans.pop(), 0)[1]
            if code:
                self.failed.append(f"a child of a signal handler ended with {code}")
        beats.clear()


def main(seconds: float, seed: int) -> int:
    warnings.simplefilter("ignore")  # Python warns of forks with threads
    faulthandler.enable()
    threading.Thread(target=watch, daemon=True).start()
    begun = Load(seed)
    begun.run(seconds / 4)
    before = stock()
    load = Load(seed + 1)
    if not begun.failed:
        load.run(seconds * 3 / 4)
    after = stock()
    jobs = load.done.total()
    print("jobs:", dict(begun.done + load.done))
    print("before:", before)
    print("after: ", after)
    for text in (*begun.failed, *load.failed):
        print("FAILED", text)
    allowed = {n: after[n] - before[n] - ALLOWED.get(n, 4) - jobs * ALLOWED_PER_JOB.get(n, 0) for n in after}
    more = {n: (before[n], after[n]) for n, rest in allowed.items() if rest > 0}
    print("in", jobs, "jobs:", {n: after[n] - before[n] for n in after})
    if more:
        print("PILED UP", more)
    shutil.rmtree(FOLDER, ignore_errors=True)
    return int(bool(begun.failed or load.failed or more))


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0))
