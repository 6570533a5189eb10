"""Where an error comes from, as users know it: cells of IPython by their number, and no frames of ours.

`raise trimmed(e) from None` at a door leaves the user's frames and the door's own; IPython and pytest leave out
that one, too.  `DERIVANT_TRACEBACK=full` keeps them all.
"""

from __future__ import annotations

import os
import sys
import traceback
from types import TracebackType
from typing import Any, TypeVar

from .errors import Error, InternalError, Span

E = TypeVar("E", bound=Error)
HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OURS = tuple(os.path.join(HOME, room, "") for room in ("compiler", "frontend", "passes", "runtime"))


class Interrupted(KeyboardInterrupt):
    """An interrupt that came while we worked, at a place of the user; IPython shows that, and one line."""

    def __init__(self, at: Span | None = None) -> None:
        super().__init__()
        self.at = at

    def _render_traceback_(self) -> list[str]:
        where = f"{self.at.source.name}:{self.at.line}: " if self.at is not None and self.at.source is not None else ""
        return [*places(self.__traceback__), f"{where}interrupted"]


def trimmed(e: E) -> E:
    """The error without its traceback, to be raised again at a door; faults of ours keep it."""
    return e if isinstance(e, InternalError) or is_full() else e.with_traceback(None)


def is_full() -> bool:
    return os.environ.get("DERIVANT_TRACEBACK", "") == "full"


def shell() -> Any:
    """The shell of IPython, where we are in one."""
    ipython = sys.modules.get("IPython")
    return None if ipython is None else ipython.get_ipython()


def shown_name(file: str) -> str:
    """The name of a file as users know it: a cell's is `In[3]`."""
    name = getattr(getattr(shell(), "compile", None), "format_code_name", None)
    found = None if name is None else name(file)
    return file if found is None else str(found[1])


def cell_name() -> str | None:
    """The name of the cell that runs."""
    frame = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if (name := shown_name(file)) != file:
            return name
        frame = frame.f_back  # type: ignore[assignment]
    return None


def lines(e: Error) -> list[str]:
    """What IPython shows of an error: the user's frames, if there are several, and the error."""
    out = e.render(color=True).split("\n")
    frames = places(e.__traceback__)
    return [*frames, "", *out] if len(frames) > 1 else out


def places(tb: TracebackType | None) -> list[str]:
    """The user's frames, a line for each."""
    return [f"{shown_name(f.filename)}:{f.lineno} in {f.name}: {f.line}" for f in user_frames(tb)]


def user_frames(tb: TracebackType | None) -> list[traceback.FrameSummary]:
    """The frames below IPython's, without ours."""
    found = traceback.extract_tb(tb)
    first = max((k + 1 for k, f in enumerate(found) if f"{os.sep}IPython{os.sep}" in f.filename), default=0)
    return [f for f in found[first:] if not f.filename.startswith(OURS)]
