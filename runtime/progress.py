"""What the compiler is doing, on a terminal only, when it takes long; it clears itself."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator

from . import trace

AFTER = 0.5   # seconds before anything is shown
_EVERY = 0.1

_lock = threading.Lock()
_shown = False


@contextlib.contextmanager
def watched() -> Iterator[None]:
    """Shows the stage that is running, as long as the block lasts."""
    if not sys.stderr.isatty():
        yield
        return
    done = threading.Event()
    thread = threading.Thread(target=_watch, args=(done,), daemon=True)
    thread.start()
    before, trace.idle = trace.idle, clear
    try:
        yield
    finally:
        trace.idle = before
        done.set()
        thread.join()
        clear()


def clear() -> None:
    """Removes the line; to be called before something else is printed."""
    global _shown
    with _lock:
        if _shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            _shown = False


def _watch(done: threading.Event) -> None:
    global _shown
    while not done.wait(_EVERY):
        stage = trace.current()
        if stage is None:
            continue
        what, since = stage
        seconds = time.monotonic() - since
        if seconds >= AFTER:
            with _lock:
                if trace.current() is None:
                    continue  # it has ended meanwhile, and something else may be printed
                sys.stderr.write(f"\r\x1b[K\x1b[2m{what} … {seconds:.0f} s\x1b[0m")
                sys.stderr.flush()
                _shown = True
