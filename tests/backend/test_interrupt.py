"""Long loops of any shape stop soon after a signal, and cutting them changes nothing."""

from __future__ import annotations

import os
import signal
import threading
import time

import derivant as dv
import numpy as np
import pytest
from derivant.compiler.llvm_text import BUDGET

LONG = {
    "a sum": ("def f(n: i64) -> f64 = sum(sin(i * 0.5) for i < n)", 10**12),
    "a sum downwards": ("def f(n: i64) -> f64 = loop s = 0.5 for i < n down do sin(s) + 0.5 * i", 10**12),
    "steps": ("def f(n: i64) -> f64 = loop x = 0.5 for i < n do x * (1 - x) * 3.9", 10**13),
    "a while": ("def f(n: i64) -> f64 = (loop (x, k) = (0.5, 0) while k < n do (x * (1 - x) * 3.9, k + 1))[0]", 10**13),
    "a while inside": (
        "def f(n: i64) -> f64 = sum((loop (x, k) = (0.5, 0) while k < n do (x * (1 - x), k + 1))[0] for i < 3)", 10**13),
    "few steps, each long": (
        "def f(n: i64) -> f64 = loop x = 0.5 for i < 3 do x + sum(sum(sin(j * k * x) for k < 1000) for j < n)", 10**10),
    "a triangle": ("def f(n: i64) -> f64 = sum(sum(sin(i * j + 0.5) for j < i) for i < n)", 10**7),
    "a derivative": (
        "def f(n: i64) -> f64 = grad(fn x -> sum(sum(sin(x * k) for k < 100) for i < n))(0.5)", 10**10),
}


@pytest.mark.parametrize("name", LONG)
def test_stops(name: str) -> None:
    """The delay is 100 ms on a quiet machine; the limit here only tells stopping from not stopping."""
    text, n = LONG[name]
    f = dv.compile(text).f
    f(3)
    timer = threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        f(n)
    assert time.monotonic() - start < 10
    assert np.isfinite(f(3))


@pytest.mark.parametrize("n", [0, 1, BUDGET - 1, BUDGET, BUDGET + 1, 3 * BUDGET, 3 * BUDGET + 5])
def test_strips_are_whole(n: int) -> None:
    """Every iteration runs once, upwards and downwards, in one loop and in nests."""
    m = dv.compile("""
def up(n: i64) -> i64 = sum(i for i < n)
def squares(n: i64) -> i64[n] = [i * i for i < n]
def down(n: i64) -> i64 = loop s = 0 for i < n down do (3 * s + i) % 1000003
def nest(n: i64, m: i64) -> i64 = sum(sum(i + j for j < m) for i < n)
""")
    assert m.up(n) == n * (n - 1) // 2
    assert np.array_equal(m.squares(n), np.arange(n) ** 2)
    s = 0
    for i in reversed(range(n)):
        s = (3 * s + i) % 1000003
    assert m.down(n) == s
    for k in (0, 1, 7):
        assert m.nest(n, k) == k * (n * (n - 1) // 2) + n * (k * (k - 1) // 2)
