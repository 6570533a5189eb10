"""What is not released is refused by name, unless the program defines it itself."""

from __future__ import annotations

import derivant as dv
import pytest
from derivant.compiler.errors import Source
from derivant.frontend.modules import load_module

CALLS = ["det(a)", "slogdet(a)", "inv(a)", "solve(a, v)", "lstsq(a, v)", "cholesky(a)", "solve_triangular(a, v)", "lu(a)",
         "qr(a)", "eigh(a)", "svd(a)", "expm(a)", "beta(v[0], v[1])", "bessel(1, v[0])", "zeta(v[0])",
         "lbeta(v[0], v[1])", "hurwitz(v[0], v[1])", "erfinv(v[0])",
         "uniform(1, 3)", "normal(1, 3)", "bernoulli(1, 0.5)", "split(1, 3)", "taylor(fn x -> x, 1.0, 1.0, 3)",
         "checkpoint(sin)(1.0)", "straight_through(floor, sin)(1.0)", "laplacian(fn x -> sum(x))(v)",
         "divergence(fn x -> x)(v)"]


def check(call: str) -> None:
    load_module(Source("text", f"def f(a: f64[n, n], v: f64[n]) =\n  {call}\n")).check()


@pytest.fixture(autouse=True)
def released(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DERIVANT_PREVIEW")


@pytest.mark.parametrize("call", CALLS)
def test_not_yet(call: str) -> None:
    with pytest.raises(dv.UnsupportedError) as e:
        check(call)
    name = call.split("(")[0]
    assert e.value.code == "DV0901" and f"not yet: {name}" in e.value.message
    assert e.value.span is not None and (e.value.span.line, e.value.span.col) == (2, 3)


@pytest.mark.parametrize("call", CALLS)
def test_not_yet_in_a_function_that_nobody_calls(call: str) -> None:
    text = f"def f(a, v) =\n  {call}\ndef g(a: f64) = (fn (a, v) -> 1)(a, a)"
    with pytest.raises(dv.UnsupportedError) as e:
        load_module(Source("text", text)).check()
    name = call.split("(")[0]
    assert e.value.code == "DV0901" and f"not yet: {name}" in e.value.message
    assert len(e.value.errors) == 1 and e.value.span is not None and (e.value.span.line, e.value.span.col) == (2, 3)


def test_own_definitions_are_not_concerned() -> None:
    dv.compile("def f(det, v) = (let taylor = v; det * taylor * (fn normal -> normal)(v) + sum(inv for inv in v))")
    m = dv.compile("def det(a: f64[2, 2]) -> f64 = a[0, 0] * a[1, 1] - a[0, 1] * a[1, 0]\n"
                   "def f(a: f64[2, 2]) = let_(det(a))\ndef let_(normal: f64) = normal")
    assert m.f([[1.0, 2.0], [3.0, 4.0]]) == -2.0


@pytest.mark.parametrize("call", ["trace(a)", "norm(v)", "dot(v, v)", "a @ v", "transpose(a)", "erf(v[0])", "lgamma(v[0])",
                                  "polygamma(1, v[0])", "digamma(v[0])", "outer(v, v)", "diag(v)", "hvp(norm)(v, v)"])
def test_released(call: str) -> None:
    check(call)
