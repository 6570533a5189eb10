"""Every function of the corpus gives what its reference in NumPy gives."""

from __future__ import annotations

import numpy
import pytest

from . import corpus
from .cases import Case
from .harness import BACKENDS, assert_close, expected, flatten, run, text_of
from .references import NUMPY, arrays


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", corpus.cases(), ids=lambda c: c.id)
def test_value(case: Case, backend: str) -> None:
    args = case.args(numpy.random.default_rng(17))
    with expected(case):
        found = run(case.program, text_of(case.program), case.function, args, backend)
    wanted = flatten(case.reference(NUMPY, *[arrays(a, numpy) for a in args]))
    assert_close(found, wanted, case.tol, case.id)


def test_every_program_has_a_case() -> None:
    assert corpus.programs() - {c.program for c in corpus.cases()} == set()
