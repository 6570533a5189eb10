"""The one lock of the compiler, and forks.

    with lock: …          # or @locked, or a property that is @kept

Whoever compiles, reads programs, fills tables on demand or uses LLVM holds it: the recursion limit, Python's
collector, the parser and LLVM's context belong to all threads.  Calls of compiled functions don't need it.

A fork holds it too, so no other thread is inside, and the child finds nothing half done and no lock whose owner is
not there any more.  That works because there is no other lock: nobody waits for a second one while he holds this one,
but for those of imports and of llvmlite, and whoever has those never waits for this one.
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Generic, ParamSpec, Self, TypeVar, overload

P = ParamSpec("P")
R = TypeVar("R")
T_co = TypeVar("T_co", covariant=True)

lock = threading.RLock()


def locked(f: Callable[P, R]) -> Callable[P, R]:
    """The function under the lock."""

    @functools.wraps(f)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with lock:
            return f(*args, **kwargs)

    return run


class kept(Generic[T_co]):
    """`functools.cached_property` under the lock (in Python 3.11 that has locks of its own): computed once."""

    def __init__(self, make: Callable[[Any], T_co]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, owner: None, cls: type) -> Self: ...
    @overload
    def __get__(self, owner: object, cls: type) -> T_co: ...
    def __get__(self, owner: Any, cls: type) -> Any:
        if owner is None:
            return self
        with lock:
            if self._name not in owner.__dict__:
                owner.__dict__[self._name] = self._make(owner)
            return owner.__dict__[self._name]


# ---------------------------------------------------------------- finalizers

_left: deque[Callable[[], object]] = deque()


def dispose(action: Callable[[], object]) -> None:
    """Does this under the lock, but never waits for it: whoever has it does it later.

    For finalizers, which run anywhere, also in a thread that has what the owner of the lock waits for.
    """
    _left.append(action)
    if lock.acquire(blocking=False):
        try:
            tidy()
        finally:
            lock.release()


def tidy() -> None:
    """Does what finalizers have left to the owner of the lock."""
    with suppress(IndexError):
        while True:
            _left.popleft()()


# ---------------------------------------------------------------- forks

_PATIENCE = 30.0  # seconds that a fork waits for locks; then it goes on as it would without us
_IMPORTS = 5.0    # and for modules that are being loaded

_WANTED = sys.stdlib_module_names | {__name__.partition(".")[0], "numpy", "scipy", "lark", "llvmlite", "sympy", "networkx"}


class _Forks(threading.local):
    """What the forks that go on in this thread wanted and what they hold, the inner one last: the handler of a signal may
    fork in the middle of another fork."""

    def __init__(self) -> None:
        self.stack: list[tuple[list[Any], list[Any]]] = []


_forks = _Forks()


def _others_import() -> bool:
    """Is another thread loading a module that we may want?  A child would wait for it for ever."""
    locks = getattr(importlib._bootstrap, "_module_locks", {})
    found = [ref() for name, ref in list(locks.items()) if name.partition(".")[0] in _WANTED]
    return any(getattr(f, "owner", None) not in (None, threading.get_ident()) for f in found)


def _of_llvmlite() -> list[Any]:
    """llvmlite's lock, once that is loaded: other packages compile with it, too."""
    found: Any = sys.modules.get("llvmlite.binding.ffi")
    for name in ("lib", "_lock", "_lock"):
        found = getattr(found, name, None)
    return [] if found is None else [found]


def _before() -> None:
    wanted, held = [lock, *_of_llvmlite()], []
    try:
        end = time.monotonic() + _PATIENCE
        for each in wanted:
            if each.acquire(timeout=max(0.0, end - time.monotonic())):
                held.append(each)
        end = time.monotonic() + _IMPORTS
        while _others_import() and time.monotonic() < end:
            time.sleep(0.001)
    finally:
        _forks.stack.append((wanted, held))


def _after() -> None:
    _, held = _forks.stack.pop()
    while held:
        held.pop().release()


def _in_child() -> None:
    wanted, held = _forks.stack[-1]
    for each in wanted:
        if each not in held:
            each._at_fork_reinit()
    _after()


# What is registered later comes earlier in front of a fork: ours has to come before those of the standard library that
# take locks, because a thread that has ours (and forks in a handler of signals) takes them, too.
if hasattr(os, "register_at_fork"):
    import concurrent.futures.thread  # noqa: F401  # it loads logging

    os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_in_child)
