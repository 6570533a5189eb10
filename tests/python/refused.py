"""The functions of `refused_*.py`, which the decorator refuses.

A comment `# DV0152 at x[0]: help` says the code, the text at which the error points (of that line), and a part
of what to write instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

REFUSED: list[Callable[..., Any]] = []


def refused(f: Callable[..., Any]) -> Callable[..., Any]:
    """Enters a function in the list."""
    REFUSED.append(f)
    return f
