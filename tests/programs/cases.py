"""The table of the corpus: programs, arguments, and references in NumPy.

    @case("physics/pendulum", "energy", lambda r: [0.3, -0.7], grad="angle")
    def energy(np, angle, velocity): ...

The program is `tests/programs/physics/pendulum.dv`; `energy` is the function that is run.  The
reference gets NumPy (as `np`) for values, and `jax.numpy` for the gradient with respect to the
parameters in `grad`; a result that is an array is then summed up as sin(result).  `np.special` and
`np.scipy_linalg` are SciPy's or JAX's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy


@dataclass(frozen=True)
class Case:
    """One function of a program with arguments and a reference.

    `derivatives`: the program takes derivatives itself.  `later`: it uses what is not there yet, and must
    say so until it is.
    """

    program: str
    function: str
    args: Callable[[numpy.random.Generator], list[Any]]
    reference: Callable[..., Any]
    grad: tuple[str, ...] = ()
    derivatives: bool = False
    tol: float = 1e-10
    later: bool = False

    @property
    def id(self) -> str:
        return f"{self.program}:{self.function}"


CASES: list[Case] = []


def case(
    program: str, function: str, args: Callable[[numpy.random.Generator], list[Any]], *, grad: str = "",
    derivatives: bool = False, tol: float = 1e-10, later: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def register(f: Callable[..., Any]) -> Callable[..., Any]:
        CASES.append(Case(program, function, args, f, tuple(grad.split()), derivatives, tol, later))
        return f

    return register


def normal(r: numpy.random.Generator, *shape: int) -> Any:
    return r.standard_normal(shape)


def uniform(r: numpy.random.Generator, *shape: int) -> Any:
    return r.uniform(0.1, 0.9, shape)
