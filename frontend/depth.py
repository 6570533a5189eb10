"""Room for deep programs: Python's recursion limit is raised while the front end runs."""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

LIMIT = 60_000

P = ParamSpec("P")
R = TypeVar("R")
_lock = threading.Lock()
_inside = 0
_before = 1_000


def deep(f: Callable[P, R]) -> Callable[P, R]:
    """The function with room for long chains of `else if` and of functions that call each other.

    The limit belongs to all threads, so the last one to leave restores it.
    """

    @functools.wraps(f)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        global _inside, _before
        with _lock:
            if _inside == 0:
                _before = sys.getrecursionlimit()
                sys.setrecursionlimit(max(_before, LIMIT))
            _inside += 1
        try:
            return f(*args, **kwargs)
        finally:
            with _lock:
                _inside -= 1
                if _inside == 0:
                    sys.setrecursionlimit(_before)

    return run
