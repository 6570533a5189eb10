"""Types: text, leaves, sizes."""

from __future__ import annotations

import pytest
from derivant.compiler.errors import Source
from derivant.frontend import types as ty
from derivant.frontend.modules import load_module

DECLS = """
type Camera = {rotation: f64[3], centre: f64[3], focal: f64}
type Fit = {w: f64[n, d], b: f64[n]}
type Shape = Circle(f64) | Poly(f64[n, 2]) | Nil
"""


@pytest.mark.parametrize(("text", "shown"), [
    ("f64", "f64"), ("f64[n, d]", "f64[n, d]"), ("f64[n][m]", "f64[n, m]"),
    ("(f64, i64)[n]", "(f64, i64)[n]"), ("Camera", "Camera"), ("Fit", "Fit"), ("Fit[n, 2]", "Fit[n, 2]"),
    ("Fit[n, d][m]", "Fit[n, d][m]"), ("f64[_]", "f64[_]"), ("f64[2 * n + 1]", "f64[2 * n + 1]"),
    ("f64 -> f64", "f64 -> f64"), ("(f64, i64) -> f64", "(f64, i64) -> f64"), ("Shape", "Shape"),
    ("f64[n * (n + 1) // 2]", "f64[((n * n + n) // 2)]"),
])
def test_types_as_text(text: str, shown: str) -> None:
    module = load_module(Source("t.dv", f"{DECLS}def f(x: {text}) = 1"))
    (param,) = module.params("f")
    assert param.type is not None
    assert ty.show(param.type) == shown


def test_leaves() -> None:
    module = load_module(Source("t.dv", f"{DECLS}def f(x: (Camera, Fit[n, d][m], Shape)) = 1"))
    (param,) = module.params("f")
    assert param.type is not None
    assert [(leaf.path, leaf.kind, leaf.rank) for leaf in ty.leaves(param.type)] == [
        ((0, "rotation"), "f64", 1), ((0, "centre"), "f64", 1), ((0, "focal"), "f64", 0),
        ((1, "w"), "f64", 3), ((1, "b"), "f64", 2),
        ((2, "tag"), "i64", 0), ((2, "Circle", 0), "f64", 0), ((2, "Poly", 0), "f64", 2)]
    assert ty.carries_float(param.type)
    assert not ty.has_function(param.type)


def test_signatures_as_text() -> None:
    module = load_module(Source("t.dv", "def f(x: f64[n], rate: f64 = 0.1) = rate * x\ndef g(a, b) = a\n"))
    assert module.signature("f") == "f(x: f64[n], rate: f64) -> f64[n]"
    assert module.signature("g") == "g(a, b)"
