"""The corpus through the Python door: calls, gradients, and gradients printed and compiled again."""

from __future__ import annotations

from typing import Any

import derivant as dv
import numpy as np
import pytest

from tests.programs.cases import Case
from tests.programs.corpus import cases
from tests.programs.harness import FOLDER, assert_close, flatten
from tests.programs.references import NUMPY, arrays

WORKING = [c for c in cases() if not c.later]
WITH_GRADIENTS = [c for c in cases() if c.grad and not c.later]


def leaves(value: Any) -> list[Any]:
    if isinstance(value, tuple):
        return [x for v in value for x in leaves(v)]
    if hasattr(value, "_asdict"):
        return [x for v in value._asdict().values() for x in leaves(v)]
    return [value]


@pytest.mark.parametrize("case", WORKING, ids=lambda c: c.id)
def test_calls(case: Case) -> None:
    """Python values in, Python values out."""
    args = case.args(np.random.default_rng(17))
    result = dv.load(FOLDER / f"{case.program}.dv")[case.function](*args)
    found = [np.asarray(x) for x in leaves(result)]
    wanted = flatten(case.reference(NUMPY, *[arrays(a, np) for a in args]))
    assert_close(found, wanted, case.tol, case.id)


@pytest.mark.parametrize("case", WITH_GRADIENTS, ids=lambda c: c.id)
def test_printed_gradients(case: Case) -> None:
    """`derivant grad` prints what computes the same numbers."""
    module = dv.load(FOLDER / f"{case.program}.dv")
    f = module[case.function]
    args = case.args(np.random.default_rng(3))
    value = f(*args)
    if not isinstance(value, float):
        pytest.skip("the result is no scalar")
    gradient = dv.grad(f, argnames=case.grad)
    want = leaves(gradient(*args))
    try:
        text = f.derivative_source(list(case.grad))
    except dv.UnsupportedError as e:
        pytest.skip(str(e))
    again = dv.compile(text)[f"grad_{case.function}"]
    got = leaves(again(*args))
    assert len(got) == len(want)
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12, err_msg=text)
