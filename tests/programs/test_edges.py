"""Errors at run time, and values at the edges: the same on every backend."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from derivant.compiler.errors import Error

from .harness import BACKENDS, assert_close, flatten, run

V, W = np.array([0.3, -0.7, 1.2]), np.array([1.0, 2.0, 3.0])
E, O = np.zeros(0), np.zeros((0, 3))
INF, NAN = np.inf, np.nan

# program, arguments, the code of the error or the value
CASES: list[tuple[str, list[Any], Any]] = [
    ("def main(v: f64[n], i: i64) -> f64 = v[i]", [V, 3], "DV0501"),
    ("def main(v: f64[n], i: i64) -> f64 = v[i]", [V, -1], "DV0501"),
    ("def main(v: f64[n], i: i64) -> f64[n] = v with [i] = 1.0", [V, 3], "DV0501"),
    ("def main(v: f64[n], i: i64) -> f64 = grad(fn w -> w[i])(v)[0]", [V, 3], "DV0501"),
    ("def main(v: f64[n], a: i64, b: i64) -> f64[_] = v[a:b]", [V, 1, 5], "DV0501"),
    ("def main(v: f64[n], a: i64, b: i64) -> f64[_] = v[a:b]", [V, 2, 1], "DV0501"),
    ("def main(a: i64, b: i64) -> i64 = a // b", [1, 0], "DV0504"),
    ("def main(a: i64, b: i64) -> i64 = a % b", [1, 0], "DV0504"),
    ("def main(a: i64, b: i64) -> i64 = a ** b", [2, -1], "DV0505"),
    ("def main(x: f64) -> i64 = floor(x)", [1e30], "DV0506"),
    ("def main(x: f64) -> i64 = round(x)", [NAN], "DV0506"),
    ('def main(x: f64) -> f64 =\n  assert x > 0, "no {x}"\n  sqrt(x)', [-1.0], "DV0507"),
    ("def main(v: f64[n]) -> f64 = max(v)", [E], "DV0508"),
    ("def main(v: f64[n]) -> i64 = argmin(v)", [E], "DV0508"),
    ("def main(v: f64[n]) -> f64[n] = grad(fn w -> max(w))(v)", [E], "DV0508"),
    ("def main(v: f64[n]) -> f64 = max(x for x in v if x > 5)", [V], "DV0508"),
    ("def main(v: f64[n]) -> f64 = logsumexp(v)", [E], "DV0508"),
    ("def main(v: f64[n], w: f64[m]) -> f64[_] = [x for x in v if x > 0] + [x for x in w if x > 0]", [V, W], "DV0502"),
    ("def main(v: f64[n], m: i64) -> f64[m, 2] = reshape(v, m, 2)", [V, 2], "DV0502"),
    ("def main(n: i64) -> f64[n] = zeros(n)", [-3], "DV0503"),
    ("def main(n: i64) -> f64[n] = [f64(i) for i < n]", [-3], "DV0503"),
    ("def main(n: i64) -> f64 = sum(f64(i) for i < n)", [-3], 0.0),
    ("def main(v: f64[n]) -> f64 =\n  let w: f64[2] = v\n  w[0]", [V], "DV0502"),
    ("def main(v: f64[n], k: i64) -> f64 = if k < 3 then v[k] else 0.0", [V, 7], 0.0),
    ("def main(v: f64[n], k: i64) -> bool = k < 3 and v[k] > 0", [V, 7], False),
    (
        "def main(v: f64[n]) -> f64[n] = grad(fn w -> sum(sqrt(w[i] ** 2) for i))(v)",
        [np.array([0.0, 1.0])],
        np.array([NAN, 1.0]),
    ),
    ("def main(v: f64[n]) -> f64[n] = grad(fn w -> norm(w))(v)", [np.zeros(2)], np.zeros(2)),
    ("def main(v: f64[n]) -> f64[n] = grad(fn w -> prod(w))(v)", [np.array([0.0, 2.0, 3.0])], np.array([6.0, 0, 0])),
    ("def main(v: f64[n]) -> f64[n] = softmax(v)", [np.array([-INF, 0.0, -INF])], np.array([0, 1.0, 0])),
    (
        "def main(v: f64[n]) -> f64[n] = grad(fn w -> logsumexp(w))(v)",
        [np.array([-INF, 0.0, 1.0])],
        np.array([0.0, 1 / (1 + np.e), np.e / (1 + np.e)]),
    ),
    ("def main(v: f64[n]) -> f64[n] = grad(fn w -> logsumexp(w))(v)", [np.array([-INF, -INF])], np.array([NAN, NAN])),
    ("def main(v: f64[n]) -> (f64, f64) = (max(v), min(v))", [np.array([1, NAN, 2])], (NAN, NAN)),
    ("def main(v: f64[n]) -> (i64, i64) = (argmax(v), argmin(v))", [np.array([1, NAN, 2])], (1, 1)),
    ("def main(a: f64, b: f64) -> f64 = max(a, b)", [1.0, NAN], NAN),
    ("def main(a: f64, b: f64) -> (f64, f64) = (max(a, b), 1 / max(a, b))", [-0.0, 0.0], (-0.0, -INF)),
    ("def main(x: f64) -> f64 = (fn t -> if t > 0 then log(t) else 0.0)'(x)", [-1.0], 0.0),
    ("def main(a: i64) -> i64 = a + 1", [2**63 - 1], -(2**63)),
    ("def main(a: i64) -> i64 = abs(a)", [-(2**63)], -(2**63)),
    ("def main(a: i64) -> i64 = a // -1", [-(2**63)], -(2**63)),
    ("def main(x: f64, y: f64) -> (f64, f64) = (x % y, x // y)", [-7.5, 2.0], (0.5, -4.0)),
    ("def main(x: f64, y: f64) -> (f64, f64) = (x % y, x // y)", [7.5, -2.0], (-0.5, -4.0)),
    ("def main(x: f64) -> (f64, f64, f64) = (x ** 0.5, x ** 2, x ** -1)", [-4.0], (NAN, 16.0, -0.25)),
    ("def main(v: f64[n]) -> f64[_] = [x for x in v if x > 9]", [V], E),
    ('def main(v: f64[n]) -> f64 = sum(show(x, "x") for x in v)', [V], 0.8),
    ("def main(n: i64) -> i64 = loop k = n while k > 10 do k - 3", [20], 8),
    ("def main(v: f64[n]) -> f64[n] = cumsum(v) + reverse(v)", [E], E),
    ("def main(a: f64[n, m]) -> f64[m] = sum(a, axis = 0)", [O], np.zeros(3)),
    ("def main(a: f64[n, m]) -> f64[m] = max(a, axis = 0)", [O], "DV0508"),
    ("def main(a: f64[n, m]) -> f64[n] = max(a, axis = 1)", [O], E),
    ("def main(a: f64[n, n]) -> f64 = det(a)", [np.zeros((0, 0))], 1.0),
    ("def main(v: f64[n]) -> f64[n] = sort(v)", [E], E),
    ("def main(v: f64[n]) -> f64 = median(v)", [E], "DV0501"),
    ("def main(v: f64[n], k: i64[m]) -> f64[n] = accumulate(v, (j, 1.0) for j in k)", [V, np.array([0, 5])], "DV0501"),
    (
        "def main(v: f64[n], k: i64[m]) -> f64[m] = grad(fn w -> sum(accumulate(v, (k[j], w[j]) for j) ** 2))([1.0 for _ < m])",
        [V, np.array([0, 5])],
        "DV0501",
    ),
]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("text, args, wanted", CASES)
def test_edge(text: str, args: list[Any], wanted: Any, backend: str) -> None:
    if isinstance(wanted, str):
        with pytest.raises(Error) as caught:
            run("edge", text, "main", args, backend)
        assert caught.value.errors[0].code == wanted
    else:
        assert_close(run("edge", text, "main", args, backend), flatten(wanted), 1e-12, text)
