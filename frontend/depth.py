"""Room for deep programs: Python's recursion limit is raised while the front end runs."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from ..compiler.lock import lock

LIMIT = 60_000

P = ParamSpec("P")
R = TypeVar("R")


def deep(f: Callable[P, R]) -> Callable[P, R]:
    """The function with room for long chains of `else if` and of functions that call each other.

    The limit belongs to all threads, so one goes in at a time.
    """

    @functools.wraps(f)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with lock:
            before = sys.getrecursionlimit()
            sys.setrecursionlimit(max(before, LIMIT))
            try:
                return f(*args, **kwargs)
            finally:
                sys.setrecursionlimit(before)

    return run
