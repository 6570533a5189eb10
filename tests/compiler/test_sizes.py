"""Polynomials of integers that are no sizes stay small."""

from __future__ import annotations

import pytest
from derivant.compiler.errors import Source
from derivant.compiler.ir import Scalar, all_stmts
from derivant.compiler.sizes import HEAVIEST, poly_of, weight
from derivant.frontend.modules import load_module


@pytest.mark.parametrize("step", ["{0} * {0} + {0}", "({0} * 31 + n) // 7 % 1000003", "{0} * n + 7", "{0} % (n * n + 1) * {0}"])
def test_integers_that_are_hashed(step: str) -> None:
    """Each step squares the number of terms; calls put whole polynomials in the place of variables."""
    lines = [f"  let x{k + 1} = {step.format(f'x{k}')}" for k in range(12)]
    text = "\n".join(["def hash(n: i64) -> i64 =", "  let x0 = n + 1", *lines, "  x12", "def main(n: i64) = hash(hash(n) + hash(n + 1))", ""])
    program = load_module(Source("hash.dv", text)).instantiate("main").program
    weights = [weight(poly_of(v)) for f in program.functions.values() for s in all_stmts(f.body) for v in s.vars if v.type == Scalar("i64")]
    assert len(weights) > 12
    assert max(weights) <= 4 * HEAVIEST
