"""Who is measured: Derivant, plain C++ and JAX, each as a maker of calls without arguments."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from . import native
from .inputs import Args

Call = Callable[[], Any]
Bind = Callable[[str, str, Args], Call]

FOLDER = Path(__file__).parent

FUNCTIONS = {
    ("gmm", "primal"): "primal",
    ("gmm", "derivative"): "gradient",
    ("ba", "primal"): "primal",
    ("ba", "derivative"): "jacobian_csr",
    ("lstm", "primal"): "primal",
    ("lstm", "derivative"): "gradient",
    ("lse", "primal"): "primal",
    ("lse", "derivative"): "gradient",
    ("ode", "primal"): "primal",
    ("ode", "derivative"): "gradient",
}
"""The names in the `.dv` files."""


@cache
def _module(name: str) -> Any:
    import derivant

    package: Any = derivant  # its names are made on demand
    return package.load(FOLDER / f"{name}.dv")


def derivant_bind(name: str, mode: str, args: Args) -> Call:
    """The call of a function of `name`.dv, through the Python interface."""
    function = getattr(_module(name), FUNCTIONS[name, mode])
    return lambda: function(*args)


def _jax_bind(name: str, mode: str, args: Args) -> Call:
    from . import peers_jax

    return peers_jax.bind(name, mode, args)


def available(wanted: tuple[str, ...] = ("derivant", "c++", "jax")) -> dict[str, Bind]:
    """The sides that exist on this machine, by name."""
    sides: dict[str, Bind] = {}
    if "derivant" in wanted:
        sides["derivant"] = derivant_bind
    if "c++" in wanted and native.compiler() is not None:
        sides["c++"] = native.bind
    if "jax" in wanted and importlib.util.find_spec("jax") is not None:
        sides["jax"] = _jax_bind
    return sides


def leaves(result: Any) -> list[Any]:
    """A result as a list of NumPy arrays."""
    if isinstance(result, tuple | list):
        return [leaf for part in result for leaf in leaves(part)]
    return [np.asarray(result)]


def disagreement(got: Any, wanted: Any) -> float:
    """The largest difference of two results, in units of the larger of 1 and the array's largest element."""
    mine, theirs = leaves(got), leaves(wanted)
    if [a.shape for a in mine] != [b.shape for b in theirs]:
        return float("inf")
    worst = 0.0
    for a, b in zip(mine, theirs, strict=True):
        if a.size:
            apart = np.max(np.abs(a - b)) / max(1.0, float(np.max(np.abs(b))))
            worst = max(worst, float(apart) if np.isfinite(apart) else float("inf"))
    return worst
