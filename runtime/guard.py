"""Nothing leaks: what is not an error of the user becomes an internal error with a reproducer."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

from ..compiler import errors
from ..compiler.errors import Span
from ..compiler.frames import Interrupted, trimmed
from ..compiler.lock import lock

P = ParamSpec("P")
R = TypeVar("R")

DEPTH = 20_000  # syntax is at most 200 deep; passes recurse over nests of what they generate


def door(f: Callable[P, R]) -> Callable[P, R]:
    """A function that users call: the traceback of an error ends here."""

    @functools.wraps(f)
    def opened(*args: P.args, **kwargs: P.kwargs) -> R:
        __tracebackhide__ = True
        try:
            return f(*args, **kwargs)
        except errors.Error as e:
            raise trimmed(e) from e.__cause__

    return opened


@contextlib.contextmanager
def guarded(stage: str, source: str, at: Span | None = None) -> Iterator[None]:
    """Turns exceptions that users should never see into errors of ours; an interrupt gets its place."""
    with lock:  # under which the limit is changed for a while, too
        if sys.getrecursionlimit() < DEPTH:
            sys.setrecursionlimit(DEPTH)
    try:
        yield
    except (errors.Error, OSError):
        raise
    except KeyboardInterrupt as e:
        raise Interrupted(getattr(e, "at", None) or at) from None
    except RecursionError:
        raise errors.UnsupportedError("DV0902", f"the program is nested too deeply ({stage})") from None
    except MemoryError:
        raise errors.ValueError_("DV0509", f"out of memory ({stage})") from None
    except NotImplementedError as e:
        raise errors.UnsupportedError("DV0901", f"not yet: {e} ({stage})") from e
    except Exception as e:
        if type(e).__module__.startswith("click"):
            raise
        raise internal(e, stage, source) from e


def internal(e: BaseException, stage: str, source: str) -> errors.InternalError:
    """The error for a fault of our own; writes the file that reproduces it."""
    what = f"{type(e).__name__}: {e}".splitlines()[0][:200] if str(e) else type(e).__name__
    path = _write_reproducer(e, stage, source)
    where = f"; a reproducer is in {path}" if path else ""
    return errors.InternalError("DV0999", f"internal error in {stage} ({what}){where}")


def _write_reproducer(e: BaseException, stage: str, source: str) -> str | None:
    import platform
    import tempfile
    import traceback

    from .. import __version__

    def version(module: str) -> str:
        found = sys.modules.get(module)
        return f"{module} {getattr(found, '__version__', '?')}" if found else f"{module} not loaded"

    text = "\n".join([
        f"derivant {__version__}, Python {platform.python_version()}, {version('numpy')}, {version('llvmlite')}",
        f"{platform.system()} {platform.machine()}", f"command: {' '.join(sys.argv)}", f"stage: {stage}", "",
        "".join(traceback.format_exception(e)), "---- source", source, "",
    ])
    try:
        handle, path = tempfile.mkstemp(prefix="derivant-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as f:
            f.write(text)
        return path
    except OSError:
        return None
