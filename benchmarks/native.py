"""The functions in plain C++ (cpp/): compiled by the system's g++ when first wanted, called through ctypes.

Every entry takes the arguments of inputs.py and gives a call without arguments, which allocates its results anew.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from .inputs import Args, Floats

FLAGS = ("-O3", "-march=native", "-std=c++17", "-fPIC", "-shared")
_HERE = Path(__file__).parent
_OUT = _HERE / "out"

Call = Callable[[], Any]


def compiler() -> str | None:
    """The system's C++ compiler, if there is one."""
    return shutil.which("g++")


@cache
def library(name: str) -> ctypes.CDLL:
    """cpp/`name`.cpp as a shared library, compiled if the source, the flags or the compiler changed."""
    gxx = compiler()
    if gxx is None:
        raise FileNotFoundError("g++ is not installed")
    source = _HERE / "cpp" / f"{name}.cpp"
    version = subprocess.run([gxx, "--version"], check=True, capture_output=True).stdout
    key = hashlib.sha256(source.read_bytes() + version + " ".join(FLAGS).encode()).hexdigest()[:16]
    target = _OUT / f"{name}-{key}.so"
    if not target.exists():
        _OUT.mkdir(exist_ok=True)
        fresh = target.with_suffix(f".{os.getpid()}.tmp")
        subprocess.run([gxx, *FLAGS, str(source), "-o", str(fresh)], check=True)
        fresh.replace(target)
    return ctypes.CDLL(str(target))


def bind(name: str, mode: str, args: Args) -> Call:
    """The call for function `name`, `mode` being "primal" or "derivative"."""
    arrays = tuple(np.ascontiguousarray(a) if isinstance(a, np.ndarray) else a for a in args)
    return _BINDERS[name, mode](*arrays)


def _entry(name: str, symbol: str, result: Any = None) -> Callable[..., Any]:
    function = library(name)[f"{name}_{symbol}"]
    function.restype = result
    return function


def _pass(value: Any) -> Any:
    """A value as C++ gets it: the address of an array, a number as i64 or double."""
    if isinstance(value, np.ndarray):
        return ctypes.c_void_p(value.ctypes.data)
    return ctypes.c_double(value) if isinstance(value, float) else ctypes.c_int64(value)


def _passed(*values: Any) -> tuple[Any, ...]:
    return tuple(_pass(v) for v in values)


# ---------------------------------------------------------------- one binder for each function and mode


def _gmm_primal(*args: Any) -> Call:
    function, given = _entry("gmm", "primal", ctypes.c_double), _gmm_arguments(*args)
    return lambda: function(*given)


def _gmm_gradient(*args: Any) -> Call:
    function, given = _entry("gmm", "gradient", ctypes.c_double), _gmm_arguments(*args)

    def call() -> tuple[Floats, ...]:
        results = tuple(np.empty_like(a) for a in args[:4])
        function(*given, *_passed(*results))
        return results

    return call


def _gmm_arguments(alpha: Floats, mu: Floats, q: Floats, l: Floats, x: Floats, gamma: float, m: int) -> tuple[Any, ...]:
    return _passed(*x.shape, len(alpha), alpha, mu, q, l, x, gamma, m)


def _ba_primal(cams: Floats, points: Floats, weights: Floats, feats: Floats, obs: Any) -> Call:
    function = _entry("ba", "primal")
    given = _passed(len(obs), cams, points, weights, feats, obs)

    def call() -> tuple[Floats, Floats]:
        errors, weight_errors = np.empty_like(feats), np.empty_like(weights)
        function(*given, *_passed(errors, weight_errors))
        return errors, weight_errors

    return call


def _ba_jacobian(cams: Floats, points: Floats, weights: Floats, feats: Floats, obs: Any) -> Call:
    function = _entry("ba", "jacobian")
    p = len(obs)
    given = _passed(len(cams), len(points), p, cams, points, weights, feats, obs)

    def call() -> tuple[Any, Any, Floats]:
        rows, cols, vals = np.empty(3 * p + 1, np.int64), np.empty(31 * p, np.int64), np.empty(31 * p)
        function(*given, *_passed(rows, cols, vals))
        return rows, cols, vals

    return call


def _lstm_primal(*args: Any) -> Call:
    function, given = _entry("lstm", "primal", ctypes.c_double), _lstm_arguments(*args)
    return lambda: function(*given)


def _lstm_gradient(*args: Any) -> Call:
    function, given = _entry("lstm", "gradient", ctypes.c_double), _lstm_arguments(*args)

    def call() -> tuple[Floats, ...]:
        results = tuple(np.empty_like(a) for a in args[:2])
        function(*given, *_passed(*results))
        return results

    return call


def _lstm_arguments(main: Floats, extra: Floats, state: Floats, sequence: Floats) -> tuple[Any, ...]:
    c, b = sequence.shape
    return _passed(len(state) // 2, b, c, main, extra, state, sequence)


def _lse_primal(x: Floats) -> Call:
    function, given = _entry("lse", "primal", ctypes.c_double), _passed(len(x), x)
    return lambda: function(*given)


def _lse_gradient(x: Floats) -> Call:
    return _like(_entry("lse", "gradient"), _passed(len(x), x), x)


def _ode_primal(x: Floats, s: int) -> Call:
    return _like(_entry("ode", "primal"), _passed(len(x), s, x), x)


def _ode_gradient(x: Floats, s: int) -> Call:
    return _like(_entry("ode", "gradient"), _passed(len(x), s, x), x)


def _like(function: Callable[..., Any], given: tuple[Any, ...], model: Floats) -> Call:
    """A call with one result, an array like `model`."""

    def call() -> Floats:
        result = np.empty_like(model)
        function(*given, _pass(result))
        return result

    return call


_BINDERS: Mapping[tuple[str, str], Callable[..., Call]] = {
    ("gmm", "primal"): _gmm_primal,
    ("gmm", "derivative"): _gmm_gradient,
    ("ba", "primal"): _ba_primal,
    ("ba", "derivative"): _ba_jacobian,
    ("lstm", "primal"): _lstm_primal,
    ("lstm", "derivative"): _lstm_gradient,
    ("lse", "primal"): _lse_primal,
    ("lse", "derivative"): _lse_gradient,
    ("ode", "primal"): _ode_primal,
    ("ode", "derivative"): _ode_gradient,
}
