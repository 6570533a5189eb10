"""What an expert would write: derivative programs in the language, before and after.

`tests/golden/optimise/NAME.dv` is the program, `NAME.out` what the optimiser makes of its `main`.
`DERIVANT_UPDATE_GOLDEN=1 pytest …` rewrites the latter; a person reads the difference.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from derivant.compiler.errors import Source
from derivant.compiler.interpret import run
from derivant.compiler.ir import Function, Program
from derivant.compiler.printer import print_function
from derivant.compiler.verify import verify
from derivant.frontend.modules import load_module
from derivant.passes import pipelines
from derivant.passes.differentiate import resolve

FOLDER = Path(__file__).parents[1] / "golden" / "optimise"
NAMES = sorted(p.stem for p in FOLDER.glob("*.dv"))


def load(name: str) -> tuple[Program, str]:
    path = FOLDER / f"{name}.dv"
    entry = load_module(Source(path.name, path.read_text(encoding="utf-8"))).instantiate("main")
    return entry.program, entry.entry


def optimised(program: Program, entry: str) -> Function:
    f = pipelines.run(resolve(program, pipelines.simplify).functions[entry], pipelines.FINAL)
    verify(Program({entry: f}, (entry,)))
    return f


@pytest.mark.parametrize("name", NAMES)
def test_text(name: str) -> None:
    found = print_function(optimised(*load(name)), pretty=True).rstrip() + "\n"
    path = FOLDER / f"{name}.out"
    if os.environ.get("DERIVANT_UPDATE_GOLDEN"):
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_meaning(name: str) -> None:
    program, entry = load(name)
    plain = resolve(program)
    f = optimised(program, entry)
    rng = np.random.default_rng(3)
    size = {"n": 5, "m": 3, "k": 2, "d": 4}
    args = []
    for p in plain.functions[entry].params:
        shape = [int(a.value) if not hasattr(a, "name") else size.get(a.name, 7) for a in p.type.shape]
        integers = rng.integers(0, 2, shape) if shape else np.int64(1)
        args.append(rng.uniform(0.2, 1.5, shape) if p.type.kind == "f64" else integers)
    wanted = run(plain, entry, list(args))
    for a, b in zip(run(Program({entry: f}, (entry,)), entry, list(args)), wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)
