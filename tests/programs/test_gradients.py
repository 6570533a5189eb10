"""Gradients of the corpus against JAX."""

from __future__ import annotations

from typing import Any

import numpy
import pytest

from . import corpus
from .cases import Case
from .harness import BACKENDS, assert_close, expected, flatten, run, text_of, with_gradient
from .references import NUMPY, arrays, jax_gradient

WANTED: dict[str, list[Any]] = {}
"""What JAX gives, once for all backends."""


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", [c for c in corpus.cases() if c.grad], ids=lambda c: c.id)
def test_gradient(case: Case, backend: str) -> None:
    pytest.importorskip("jax")
    args = [arrays(a, numpy) for a in case.args(numpy.random.default_rng(17))]
    value: Any = case.reference(NUMPY, *args)
    parts = len(value) if isinstance(value, tuple) else 0
    text = with_gradient(text_of(case.program), case.function, case.grad, parts, not parts and numpy.ndim(value) > 0)
    with expected(case):
        found = run(case.program, text, "gradient_", args, backend)
    if case.id not in WANTED:
        WANTED[case.id] = flatten(jax_gradient(case.reference, args, corpus.positions(case)))
    wanted = WANTED[case.id]
    assert_close(found, wanted, max(case.tol, 1e-9), case.id)
