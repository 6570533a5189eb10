"""Threads, forks, sessions and caches all at once, for some seconds; `DERIVANT_SOAK=3600 pytest …` for an hour."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SECONDS = float(os.environ.get("DERIVANT_SOAK", "6"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_process_under_load_stays_right_and_small() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.runtime.soak", str(SECONDS)], cwd=Path(__file__).parents[2],
        capture_output=True, text=True, check=False,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
