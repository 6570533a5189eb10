"""The benchmark programs, at small sizes, against the peers."""

from __future__ import annotations

import pytest

from benchmarks import cases, harness, native, sides


@pytest.mark.parametrize("mode", cases.MODES)
@pytest.mark.parametrize("case", cases.CHECKS, ids=lambda c: c.name)
def test_agrees_with_cpp(case: cases.Case, mode: str) -> None:
    if native.compiler() is None:
        pytest.skip("g++ is not installed")
    args = case.args()
    if case.name == "ba":
        args[0][1, :3] = 0.0  # the branch without a rotation
    got, wanted = (bind(case.name, mode, args)() for bind in (sides.derivant_bind, native.bind))
    assert sides.disagreement(got, wanted) < harness.TOLERANCE
