"""Second derivatives of the corpus: forward over reverse, reverse over reverse, and differences of gradients."""

from __future__ import annotations

from typing import Any

import numpy
import pytest
from derivant.compiler.errors import Source
from derivant.frontend import syntax as sx
from derivant.frontend.parser import parse

from . import corpus
from .cases import Case
from .harness import assert_close, expected, flatten, run, text_of, with_gradient
from .references import NUMPY, arrays

# Kinks, 1e6 as infinity, or singular values that make differences meaningless.
ROUGH = {"physics/raymarch:march"}


def second(text: str, wrt: tuple[str, ...]) -> str:
    """Adds `forward_` and `reverse_`: the Hessian of the objective along directions d0_, d1_, …."""
    d = next(d for d in parse(Source("program.dv", text)).decls if isinstance(d, sx.Def) and d.name == "gradient_")
    lines = text.splitlines()
    params = [lines[p.span.line - 1][p.span.col - 1:p.span.end_col - 1] for p in d.params]
    names = [p.name for p in d.params]
    directions = [f"d{k}_" for k in range(len(wrt))]
    extra = [f"{v}:{params[names.index(w)].split(':', 1)[1].split('=')[0]}" for v, w in zip(directions, wrt, strict=True)]
    bare = len(wrt) == 1
    point, along = (wrt[0], directions[0]) if bare else (f"({', '.join(wrt)})", f"({', '.join(directions)})")
    call = f"gradient_({', '.join(names)})"
    return text + f"""
def forward_({', '.join([*params, *extra])}) = jvp(fn {point} -> {call}, {point}, {along})[1]

def reverse_({', '.join([*params, *extra])}) = vjp(fn {point} -> {call}, {', '.join(wrt)})[1]({along})
"""


def direction(value: Any, r: numpy.random.Generator) -> Any:
    if isinstance(value, dict):
        return {k: direction(v, r) for k, v in value.items()}
    a = numpy.asarray(value)
    d = r.standard_normal(a.shape).astype(a.dtype if a.dtype.kind == "f" else float)
    return d if a.dtype.kind == "f" else numpy.zeros_like(a)


def moved(value: Any, d: Any, h: float) -> Any:
    if isinstance(value, dict):
        return {k: moved(v, d[k], h) for k, v in value.items()}
    a = numpy.asarray(value)
    return a + h * d if a.dtype.kind == "f" else a


@pytest.mark.parametrize("backend", ["interpreter", "native"])
@pytest.mark.parametrize("case", [c for c in corpus.cases() if c.grad], ids=lambda c: c.id)
def test_second(case: Case, backend: str) -> None:
    r = numpy.random.default_rng(17)
    args = [arrays(a, numpy) for a in case.args(r)]
    value: Any = case.reference(NUMPY, *args)
    parts = len(value) if isinstance(value, tuple) else 0
    text = second(with_gradient(text_of(case.program), case.function, case.grad, parts,
                                not parts and numpy.ndim(value) > 0), case.grad)
    places = corpus.positions(case)
    directions = [direction(args[k], r) for k in places]
    with expected(case):
        forward = run(case.program, text, "forward_", [*args, *directions], backend)
    reverse = run(case.program, text, "reverse_", [*args, *directions], backend)
    assert_close(forward, reverse, max(1e-8, 10 * case.tol), case.id)
    if case.id in ROUGH or any(numpy.asarray(a).dtype == numpy.float32 for a in flatten(tuple(args))):
        return
    h = 1e-6
    sides = []
    for s in (h, -h):
        shifted = list(args)
        for k, d in zip(places, directions, strict=True):
            shifted[k] = moved(args[k], d, s)
        sides.append(run(case.program, text, "gradient_", shifted, backend))
    wanted = [(a - b) / (2 * h) for a, b in zip(*sides, strict=True)]
    assert_close(forward, wanted, 1e-4, case.id)
