"""Mutated programs: a program or clear errors, never a crash, a hang, or a fault of ours.

`DERIVANT_MUTANTS` says how many; one of them again: `python -m tests.hostile.sources 1 INDEX`.
"""

from __future__ import annotations

import os

import pytest

from .children import serve
from .mutate import mutant

MUTANTS = int(os.environ.get("DERIVANT_MUTANTS", "300"))
PART = 10_000


@pytest.mark.parametrize("first", range(0, MUTANTS, PART))
def test_mutants(first: int) -> None:
    found = serve("tests.hostile.sources", 1, first, min(PART, MUTANTS - first))
    assert not found, "\n\n".join(f"mutant {f.index}, at {f.stage}: {f.why}" for f in found)


def test_a_mutant_can_be_made_again() -> None:
    texts = [mutant(1, k) for k in range(20)]
    assert texts == [mutant(1, k) for k in range(20)]
    assert len(set(texts)) == 20
