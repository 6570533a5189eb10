"""Where loops look at the cancel flag: at most two loops lie between two looks, in nests of any depth."""

from __future__ import annotations

import os
import re
import signal
import threading

import derivant as dv
import pytest

NESTS = {
    "sum": "def f(n: i64) -> f64 = sum(sin(f64(a * b + c * d + e * g)) for a < n, b < n, c < n, d < n, e < n, g < n)",
    "array": "def f(n: i64) -> f64[n] = [sum(sin(f64(a * b + c * d + e)) for b < n, c < n, d < n, e < n) for a < n]",
    "few outside": "def f(n: i64) -> f64 = sum(sin(f64(a * b + c * d)) for a < 2, b < 3, c < n, d < n)",
    "states": "def f(n: i64) -> f64 = loop a = 0.0 for i < n do loop b = a for j < n do loop c = b for k < n do loop d = c "
              "for l < n do loop e = d for m < n do e * 0.5 + f64(i + j + k + l + m)",
    "gradient": "def g(w: f64, n: i64) -> f64 = sum(sin(w * f64(a * b + c * d + e)) for a < n, b < n, c < n, d < n, e < n)\n"
                "def f(n: i64) -> f64 = grad(g)(1.0, n)",
    "triangles": "def f(n: i64) -> f64 = sum(sum(sum(sum(sum(f64(m) * 0.5 for m < l + 1) for l < k + 1) for k < j + 1) for j < i + 1) for i < n)",
}


def unwatched(text: str) -> int:
    """The most loops inside one another that don't look, in a program of the loop IR; tiny ones don't count."""
    most, open_ = 0, []
    for line in text.split("\n"):
        loop = re.match(r"\s*(for|while)\b.*\{$", line)
        if line.strip() == "}":
            open_.pop()
        elif line.endswith("{"):
            tiny = re.match(r"\s*for \S+ < (\d+) ", line)
            counts = bool(loop) and not (tiny and int(tiny[1]) <= 16)
            before = open_[-1] if open_ else 0
            open_.append(0 if loop and " poll" in line else before + counts)
            most = max(most, open_[-1])
    return most


@pytest.mark.parametrize("name", NESTS)
def test_at_most_two_loops_between_two_looks(name: str) -> None:
    text = dv.compile(NESTS[name]).f.explain("loops")
    assert " poll" in text and unwatched(text) <= 2, text


@pytest.mark.parametrize("name", ["sum", "gradient", "few outside"])
def test_deep_nests_are_interrupted(name: str) -> None:
    """Without a look inside, these would go on for minutes."""
    f = dv.compile(NESTS[name]).f
    assert f(2) == f(2)
    threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    with pytest.raises((KeyboardInterrupt, dv.Error)):
        f(200_000 if name == "few outside" else 400)
