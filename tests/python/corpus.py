"""The corpus: Python functions of numerical textbooks' formulas, each with arguments to try it with.

    @case(2.0, np.arange(3.0))
    def f(x, v): ...

A function stays an ordinary Python function: what it gives is compared with what its jitted self gives,
and its derivative in the first argument with JAX's, or with differences.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Case:
    """`slope`: is the derivative in the first argument looked at?  `step` of the differences."""

    function: FunctionType
    arguments: tuple[Any, ...]
    slope: bool
    tolerance: float

    @property
    def name(self) -> str:
        return f"{self.function.__module__.rsplit('.', 1)[-1]}.{self.function.__name__}"


CASES: list[Case] = []


def case(*arguments: Any, slope: bool = True, tolerance: float = 1e-6) -> Callable[[F], F]:
    """Adds a function to the corpus; it may stand several times above one function."""

    def add(function: F) -> F:
        assert isinstance(function, FunctionType)
        CASES.append(Case(function, arguments, slope, tolerance))
        return function

    return add
