"""Commands in processes of their own, as a user runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
type Row = {a: f64, b: i64}
type Fit = {total: f64, rows: i64}

def main(data: Row[n] = "data.csv", scale: f64 = 1.0) -> Fit =
  Fit(total = scale * sum(data[i].a for i), rows = n)

def loss(w: f64[n], x: f64[n]) -> f64 = sum((w[i] - x[i]) ** 2 for i)

def table(n: i64) -> f64[n, 2] = [f64(i * j) for i < n, j < 2]

def fails(x: f64) -> f64 =
  assert x > 0, "x is {x}"
  x
"""


class Run:
    def __init__(self, folder: Path, cache: Path) -> None:
        self.folder = folder
        self.cache = cache

    def __call__(self, *args: str, stdin: str | None = None, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "derivant", *args], cwd=self.folder, input=stdin, capture_output=True, text=True, check=False,
            env={**os.environ, "DERIVANT_CACHE_DIR": str(self.cache), **env}, timeout=300, encoding="utf-8",
        )
