"""Whole processes: from starting Python to the first gradient, with an empty cache, from the cache, and in JAX."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from .sides import FUNCTIONS

_ROOT = Path(__file__).resolve().parents[1]

_FIRST = {
    "gmm": (1000, 10, 25),
    "ba": (49, 7776, 31_843),
    "lstm": (2, 1024),
    "lse": (2500,),
    "ode": (1000, 10),
}
"""The sizes of a first derivative."""

_OURS = """
import json, sys, time
t0 = time.perf_counter()
import numpy
t1 = time.perf_counter()
import derivant
t2 = time.perf_counter()
sys.path.insert(0, {root!r})
from benchmarks import inputs
args = inputs.MAKERS[{name!r}](*{sizes!r})
t3 = time.perf_counter()
function = getattr(derivant.load({path!r}), {function!r})
t4 = time.perf_counter()
function(*args)
t5 = time.perf_counter()
print(json.dumps({{"numpy": t1 - t0, "import": t2 - t1, "load": t4 - t3, "first": t5 - t4}}))
"""

_JAX = """
import json, sys, time
t0 = time.perf_counter()
import numpy
t1 = time.perf_counter()
sys.path.insert(0, {root!r})
from benchmarks import inputs
args = inputs.MAKERS[{name!r}](*{sizes!r})
t2 = time.perf_counter()
from benchmarks import peers_jax
t3 = time.perf_counter()
peers_jax.bind({name!r}, "derivative", args)()
t4 = time.perf_counter()
print(json.dumps({{"numpy": t1 - t0, "import": t3 - t2, "first": t4 - t3}}))
"""


def processes(names: set[str], jax: bool, repeat: int = 2) -> dict[str, dict[str, Any]]:
    """The parts and the whole of processes up to the first derivative of each function, in seconds.

    `cold` has an empty cache, `cached` finds its function there, `new` only what every program needs.
    """
    found: dict[str, dict[str, Any]] = {}
    for name in _FIRST:
        if name in names:
            found[name] = _function(name, jax, repeat)
    return found


def _function(name: str, jax: bool, repeat: int) -> dict[str, Any]:
    fields = {"root": str(_ROOT), "name": name, "sizes": _FIRST[name]}
    source = Path(__file__).parent / f"{name}.dv"
    runs: dict[str, list[dict[str, Any]]] = {"cold": [], "cached": [], "new": []}
    for _ in range(repeat):
        with tempfile.TemporaryDirectory() as folder:
            other = Path(folder) / source.name
            other.write_text(source.read_text() + "# another program for the cache\n")
            cache = str(Path(folder) / "cache")
            for kind, path in (("cold", source), ("cached", source), ("cached", source), ("new", other)):
                code = _OURS.format(**fields, path=str(path), function=FUNCTIONS[name, "derivative"])
                runs[kind].append(_run(code, cache))
    entry: dict[str, Any] = {kind: _best(found) for kind, found in runs.items()}
    if jax:
        entry["jax"] = _best([_run(_JAX.format(**fields), None) for _ in range(repeat)])
    return entry


def _run(code: str, cache: str | None) -> dict[str, Any]:
    """One process: what it says of its parts, and the whole."""
    env = dict(os.environ)
    if cache is not None:
        env["DERIVANT_CACHE_DIR"] = cache
    before = _spent()
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], check=False, env=env, capture_output=True, text=True)
    whole = time.perf_counter() - started
    if done.returncode:
        return {"error": done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit {done.returncode}"}
    parts: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {**parts, "whole": whole, "cpu": _spent() - before}


def _spent() -> float:
    """The processor time of the processes that ended: on a busy machine it says more than the clock."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _best(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The run that took the least of the processor."""
    good = [r for r in runs if "error" not in r]
    return min(good, key=lambda r: float(r["cpu"])) if good else runs[0]
