"""The examples do what they say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples"


def reference(points: np.ndarray) -> float:
    """The log-likelihood at the maximum, by expectation maximisation in NumPy."""
    n = len(points)
    share = (points[:, 0] > 3).astype(float)
    share = np.stack([1 - share, share])
    value = 0.0
    for _ in range(500):
        weights = share.sum(axis=1) / n
        means = share @ points / share.sum(axis=1)[:, None]
        logs = []
        for c in range(2):
            off = points - means[c]
            cov = (share[c][:, None] * off).T @ off / share[c].sum()
            maha = np.einsum("ni,ij,nj->n", off, np.linalg.inv(cov), off)
            logs.append(np.log(weights[c]) - 0.5 * (maha + np.log(np.linalg.det(2 * np.pi * cov))))
        joint = np.logaddexp(*logs)
        share = np.exp(np.stack(logs) - joint)
        value = float(joint.sum())
    return value


def test_old_faithful_from_python(tmp_path: Path) -> None:
    points = np.loadtxt(EXAMPLES / "data" / "old_faithful.csv", delimiter=",", skiprows=1)
    assert abs(reference(points) + 1130.264) < 1e-3
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "old_faithful_plot.py"), str(tmp_path / "picture.png")],
        capture_output=True, text=True, check=False, env={**os.environ, "MPLBACKEND": "Agg"},
    )
    assert done.returncode == 0, done.stderr
    assert f"log-likelihood {reference(points):.3f}" in done.stdout
    assert (tmp_path / "picture.png").exists() or "matplotlib is not installed" in done.stdout
