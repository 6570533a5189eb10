"""Calls with all that callers may come up with: the right answer or one clear error.

`DERIVANT_CALLS` says how many.
"""

from __future__ import annotations

import os

import pytest

from .children import serve

CALLS = int(os.environ.get("DERIVANT_CALLS", "1000"))
PART = 10_000


@pytest.mark.parametrize("first", range(0, CALLS, PART))
def test_calls(first: int) -> None:
    found = serve("tests.hostile.calls", 1, first, min(PART, CALLS - first))
    assert not found, "\n\n".join(f"call {f.index}, {f.stage}: {f.why}" for f in found)
