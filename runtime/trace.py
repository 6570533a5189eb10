"""`DERIVANT_LOG=passes,cache,compile`: what happens and how long it takes, on stderr."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator


def channels() -> frozenset[str]:
    return frozenset(c.strip() for c in os.environ.get("DERIVANT_LOG", "").split(",") if c.strip())


def log(channel: str, text: str) -> None:
    """A line, if the channel is on."""
    if channel in channels():
        print(f"derivant {channel}: {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def timed(channel: str, what: str) -> Iterator[None]:
    """Logs how long the block took; of `compile`, remembers what is going on."""
    start = time.perf_counter()
    if channel == "compile":
        _stages.append((what, time.monotonic()))
    try:
        yield
    finally:
        if channel == "compile":
            _stages.pop()
            if not _stages:
                idle()
    log(channel, f"{what} {1e3 * (time.perf_counter() - start):.1f} ms")


_stages: list[tuple[str, float]] = []


def idle() -> None:
    """Called when no stage runs any more; progress.py puts its own in this place."""


def current() -> tuple[str, float] | None:
    """The stage of compilation that is running, and since when (`time.monotonic`) one is."""
    try:
        return _stages[-1][0], _stages[0][1]
    except IndexError:
        return None


def verifying() -> bool:
    """DERIVANT_VERIFY=1: the program is checked between all stages."""
    return os.environ.get("DERIVANT_VERIFY", "") not in ("", "0")
