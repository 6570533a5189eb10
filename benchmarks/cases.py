"""What is measured: the functions, the sizes, and the steps by which the cost's growth is told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from . import inputs
from .inputs import Args

NAMES = ("gmm", "ba", "lstm", "lse", "ode")
MODES = ("primal", "derivative")

POINTS = 1000
"""Of a mixture."""

LIMITS = {"gmm": 5.0, "ba": 10.0, "lstm": 5.0, "lse": 5.0, "ode": 8.0}
"""What a derivative may cost, in primals."""


@dataclass(frozen=True)
class Case:
    """One function at one size."""

    name: str
    label: str
    sizes: tuple[int, ...]

    def args(self) -> Args:
        """The arguments, the same ones each time."""
        return inputs.MAKERS[self.name](*self.sizes)


@dataclass(frozen=True)
class Step:
    """A size grown eightfold: the cost should grow by 8 ** `theory`."""

    name: str
    axis: str
    small: tuple[int, ...]
    large: tuple[int, ...]
    theory: float


def _gmm(d: int, k: int) -> Case:
    return Case("gmm", f"d{d} k{k}", (POINTS, d, k))


def _ba(number: int) -> Case:
    return Case("ba", f"ba{number}", inputs.BUNDLES[number])


def _lstm(layers: int, c: int) -> Case:
    return Case("lstm", f"l{layers} c{c}", (layers, c))


def _lse(n: int) -> Case:
    return Case("lse", f"n{n}", (n,))


def _ode(n: int, s: int) -> Case:
    return Case("ode", f"n{n} s{s}", (n, s))


QUICK = (_gmm(2, 5), _gmm(10, 25), _ba(1), _lstm(2, 1024), _lse(2500), _lse(160_000), _ode(1000, 10))

ALL = (
    *(_gmm(d, k) for d, k in ((2, 5), (10, 25), (20, 50))),
    *(_ba(number) for number in (1, 14)),
    *(_lstm(layers, c) for layers in (2, 4) for c in (1024, 4096)),
    *(_lse(n) for n in (2500, 20_000, 160_000, 1_280_000)),
    *(_ode(n, s) for n in (1000, 10_000) for s in (1, 10, 100)),
)

LARGE = (_gmm(64, 100),)
"""Measured only when asked for."""

CHECKS = (
    Case("gmm", "check", (11, 3, 4)),
    Case("ba", "check", (3, 5, 17)),
    Case("lstm", "check", (2, 9, 3)),
    Case("lse", "check", (13,)),
    Case("ode", "check", (6, 9)),
)
"""Small enough that nothing vanishes: the larger `ode`s are zero almost everywhere."""

GROWTH = (
    Step("gmm", "n", (500, 10, 25), (4000, 10, 25), 1.0),
    Step("gmm", "k", (1000, 10, 5), (1000, 10, 40), 1.0),
    Step("gmm", "d", (1000, 4, 10), (1000, 32, 10), 2.0),
    Step("ba", "p", (49, 7776, 4000), (49, 7776, 32_000), 1.0),
    Step("lstm", "c", (2, 512), (2, 4096), 1.0),
    Step("lse", "n", (20_000,), (160_000,), 1.0),
    Step("ode", "n", (1000, 10), (8000, 10), 1.0),
    Step("ode", "s", (1000, 10), (1000, 80), 1.0),
)


def chosen(names: Iterable[str], quick: bool, large: bool) -> tuple[Case, ...]:
    """The cases of these functions, of all if none is named."""
    wanted = set(names) or set(NAMES)
    cases = QUICK if quick else (*ALL, *LARGE) if large else ALL
    return tuple(c for c in cases if c.name in wanted)
