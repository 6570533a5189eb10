"""`derivant doctor`: what works on this machine, and what to do about what does not."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

OK, WARN, FAIL = "ok", "warn", "fail"


@dataclass(frozen=True, slots=True)
class Line:
    """What was looked at, how it is, and what to do if it is not well; `fail` means that nothing works without it."""

    what: str
    state: str
    found: str
    remedy: str | None = None


def examine() -> Iterator[Line]:
    """All lines, in order."""
    for check in (_python, _system, _packages, _processor, _cache, _smoke, _compiler, _gpu, _optional):
        try:
            yield from check()
        except Exception as e:  # noqa: BLE001  # a doctor that dies helps nobody
            yield Line(check.__name__.strip("_"), WARN, f"could not be examined: {type(e).__name__}: {e}")


# ---------------------------------------------------------------- the checks


def _python() -> Iterator[Line]:
    version = platform.python_version()
    good = sys.version_info >= (3, 11)
    yield Line("Python", OK if good else FAIL, f"{version} ({platform.python_implementation()}), {sys.executable}",
               None if good else "Derivant needs Python 3.11 or newer")


def _system() -> Iterator[Line]:
    system, machine = platform.system(), platform.machine()
    known = machine.lower() in ("x86_64", "amd64", "aarch64", "arm64")
    if system == "Linux" and known:
        yield Line("system", OK, f"{system} on {machine}")
    elif system == "Windows" or not known:
        yield Line("system", FAIL, f"{system} on {machine}", "use Linux on x86-64 or AArch64, on Windows its Linux subsystem")
    else:
        yield Line("system", WARN, f"{system} on {machine}", "Linux is supported, this is best effort")


def _packages() -> Iterator[Line]:
    """The dependencies that the package declares, each with its bounds."""
    from .. import __version__

    yield Line("derivant", OK, __version__)
    try:
        declared = importlib.metadata.requires("derivant") or []
    except importlib.metadata.PackageNotFoundError:
        yield Line("packages", WARN, "derivant is not installed, so its dependencies are not known", "pip install derivant")
        return
    for requirement in declared:
        m = re.match(r"([\w.-]+)\s*([^;]*)(;.*)?$", requirement)
        if m is None or m[3] and "extra" in m[3]:
            continue
        name, bounds = m[1], m[2].strip(" ()")
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield Line(name, FAIL, "not installed", f"pip install '{name}{bounds}'")
            continue
        good = all(_satisfies(version, b) for b in bounds.split(",") if b)
        yield Line(name, OK if good else FAIL, f"{version} ({bounds})" if bounds else version,
                   None if good else f"pip install '{name}{bounds}'")


def _processor() -> Iterator[Line]:
    from ..compiler import llvm

    name, features = llvm.cpu()
    on = {f[1:] for f in features.split(",") if f.startswith("+")}
    wide = [f for f in ("sse4.2", "avx", "avx2", "fma", "avx512f", "neon", "sve") if f in on]
    yield Line("processor", OK, f"{name}: {', '.join(wide) or 'no vector extensions'}; {os.cpu_count()} cores")


def _cache() -> Iterator[Line]:
    from .cache import Cache, directory

    cache = Cache.default()
    if not cache.usable:
        yield Line("cache", WARN, f"{directory()} can't be used",
                   "it must be a folder of yours that nobody else may write (mode 0700); DERIVANT_CACHE_DIR names another")
        return
    files, size = cache.usage()
    free = shutil.disk_usage(cache.path).free
    tight = free < 64 << 20
    yield Line("cache", WARN if tight else OK, f"{cache.path}: {files} files, {megabytes(size)}",
               f"only {megabytes(free)} free on that disk" if tight else None)


def _smoke() -> Iterator[Line]:
    """A function and its gradient, compiled afresh and run."""
    from ..compiler import errors
    from .api import compile as compile_program
    from .api import grad

    seed = int.from_bytes(os.urandom(3), "little")  # nothing that a cache knows
    try:
        f = compile_program(f"def f(v: f64[n]) -> f64 = sum(v[i] ** 2 for i) + {seed}").f
        value, slope = f([1.0, 2.0]), grad(f)([1.0, 2.0])
    except errors.Error as e:
        yield Line("compile and run", FAIL, e.message, f"derivant explain {e.code}")
        return
    good = value == 5.0 + seed and list(slope) == [2.0, 4.0]
    yield Line("compile and run", OK if good else FAIL, "a function and its gradient" if good else "wrong numbers",
               None if good else "please report this")


def _compiler() -> Iterator[Line]:
    found = next((c for c in (os.environ.get("CC"), "cc", "gcc", "clang") if c and shutil.which(c)), None)
    if found is None:
        yield Line("C compiler", OK, "none; nothing here needs one")
    else:
        yield Line("C compiler", OK, f"{shutil.which(found)}: {_first_line([found, '--version'])}")


def _gpu() -> Iterator[Line]:
    if shutil.which("nvidia-smi") is None:
        yield Line("GPU", OK, "no NVIDIA driver; functions run on the processor")
        return
    found = _first_line(["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"])
    yield Line("GPU", OK, f"{found}; functions run on the processor, GPUs are not used yet")


def _optional() -> Iterator[Line]:
    for name, what in (("jax", "a reference for tests and benchmarks"), ("numba", "a peer in benchmarks"),
                       ("matplotlib", "plots")):
        if importlib.util.find_spec(name) is None:
            yield Line(name, OK, f"not installed ({what})")
        else:
            yield Line(name, OK, f"{importlib.metadata.version(name)} ({what})")


# ---------------------------------------------------------------- small things


def _first_line(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired) as e:
        return f"does not answer ({type(e).__name__})"
    text = (done.stdout or done.stderr).strip()
    return text.split("\n")[0] if text else f"exit code {done.returncode}"


_BOUND = re.compile(r"\s*(>=|<=|==|!=|<|>|~=)\s*([\w.]+)")
_HOLDS: dict[str, Callable[[tuple[int, ...], tuple[int, ...]], bool]] = {
    ">=": lambda a, b: a >= b, "<=": lambda a, b: a <= b, "==": lambda a, b: a == b, "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b, ">": lambda a, b: a > b, "~=": lambda a, b: a >= b,
}


def _satisfies(version: str, bound: str) -> bool:
    m = _BOUND.match(bound)
    return m is None or _HOLDS[m[1]](_numbers(version), _numbers(m[2]))


def _numbers(version: str) -> tuple[int, ...]:
    """The release of a version, without zeros at its end."""
    found = [int(p) for p in re.match(r"[\d.]*", version)[0].split(".") if p]  # type: ignore[index]
    while found and found[-1] == 0:
        found.pop()
    return tuple(found)


def megabytes(size: int) -> str:
    """`3.2 MiB`, with a unit that suits."""
    number = float(size)
    for unit in ("B", "KiB", "MiB"):
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} GiB"
