"""From a program of the corpus to numbers: source, module, core program, backends.

    leaves = run("physics/pendulum", "energy", [0.3, -0.7, 1.2])

A value is given and compared as its leaves in order: records as dicts, arrays of records as dicts of
arrays, tuples as tuples.  `BACKENDS` lists what runs a core program.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy
import pytest
from derivant.compiler import interpret
from derivant.compiler.errors import Source, UnsupportedError
from derivant.compiler.ir import Program
from derivant.compiler.verify import verify
from derivant.frontend import syntax as sx
from derivant.frontend.modules import Instance, load_module
from derivant.frontend.parser import parse
from derivant.passes.differentiate import resolve
from derivant.runtime.native import compile_native
from derivant.runtime.optimise import optimise

from .cases import Case

FOLDER = Path(__file__).parent
Backend = Callable[[Program, str, Sequence[Any]], list[Any]]


def interpreted(program: Program, entry: str, args: Sequence[Any]) -> list[Any]:
    """The core as it was elaborated, derivatives resolved."""
    return interpret.run(resolved(program), entry, args, write=quiet)


def optimised(program: Program, entry: str, args: Sequence[Any]) -> list[Any]:
    """What the optimiser made of it, verified and interpreted."""
    program, _ = optimise(program)
    verify(program)
    return interpret.run(program, entry, args, write=quiet)


def native(program: Program, entry: str, args: Sequence[Any]) -> list[Any]:
    program, _ = optimise(program)
    return list(compile_native(program.functions[entry], write=quiet)(args))


def quiet(line: str) -> None:
    """`show` of the programs is not looked at."""


BACKENDS: dict[str, Backend] = {"interpreter": interpreted, "optimised": optimised, "native": native}


def text_of(program: str) -> str:
    return (FOLDER / f"{program}.dv").read_text(encoding="utf-8")


@lru_cache(maxsize=4)
def instance(name: str, text: str, function: str) -> Instance:
    """The function as an entry of a core program."""
    module = load_module(Source(f"{name}.dv", text))
    module.check()
    return module.instantiate(function)


def resolved(program: Program) -> Program:
    """The program without `Jvp` and `Vjp`."""
    return resolve(program)


def flatten(value: Any) -> list[Any]:
    """The leaves of a value."""
    if isinstance(value, dict):
        return [leaf for v in value.values() for leaf in flatten(v)]
    if isinstance(value, tuple):
        return [leaf for v in value for leaf in flatten(v)]
    return [value]


def run(
    name: str, text: str, function: str, args: Sequence[Any], backend: str = "interpreter"
) -> list[numpy.ndarray[Any, Any]]:
    """The leaves of the result."""
    entry = instance(name, text, function)
    flat = [leaf for a in args for leaf in flatten(a)]
    kinds = {"f64": numpy.float64, "f32": numpy.float32, "i64": numpy.int64, "i32": numpy.int32, "bool": numpy.bool_}
    ready = [numpy.asarray(a, dtype=kinds[p.type.kind]) for p, a in zip(entry.function.params, flat, strict=True)]
    ready = [a if a.ndim else a[()] for a in ready]
    entry.check_sizes(ready)
    results = BACKENDS[backend](entry.program, entry.entry, ready)
    return [numpy.asarray(r) for r in results[entry.hidden:]]


@contextmanager
def expected(case: Case) -> Iterator[None]:
    """A program that uses what is not there yet says DV0901, and is marked so; no other may."""
    try:
        yield
    except UnsupportedError as e:
        if case.later and e.code == "DV0901":
            pytest.xfail(e.message)
        raise
    assert not case.later, f"{case.id} runs now: take the mark away"


# ---------------------------------------------------------------- gradients


def with_gradient(text: str, function: str, wrt: Sequence[str], parts: int, array: bool) -> str:
    """The program with `gradient_`, which has the parameters of `function`.

    A function that gives an array, or a tuple of so many numbers, is summed up as sin(result).
    """
    tree = parse(Source("program.dv", text))
    d = next(d for d in tree.decls if isinstance(d, sx.Def) and d.name == function)
    lines = text.splitlines()
    params = ", ".join(lines[p.span.line - 1][p.span.col - 1:p.span.end_col - 1] for p in d.params)
    names = ", ".join(p.name for p in d.params)
    value = f"{function}({names})"
    if parts:
        value = " + ".join(f"sin({value}[{k}])" for k in range(parts))
    elif array:
        value = f"total_(sin({value}))"
    wanted = ", ".join(wrt) if len(wrt) == 1 else f"({', '.join(wrt)})"
    return text + f"""
def objective_({params}) -> {"f32" if "f32" in params else "f64"} = {value}

def total_(v) = reduce(fn (a, b) -> a + b, 0, flatten(v))

def gradient_({params}) = grad(objective_, wrt = {wanted})({names})
"""


# ---------------------------------------------------------------- comparing


def assert_close(found: Sequence[Any], wanted: Sequence[Any], tol: float, what: str) -> None:
    """Leaf by leaf: |a - b| <= tol * the largest magnitude, and the same shape."""
    assert len(found) == len(wanted), f"{what}: {len(found)} leaves, wanted {len(wanted)}"
    for k, (a, b) in enumerate(zip(found, wanted, strict=True)):
        a, b = numpy.asarray(a), numpy.asarray(b)
        assert a.shape == b.shape, f"{what}, leaf {k}: shape {a.shape}, wanted {b.shape}"
        if a.dtype.kind in "ib" and b.dtype.kind in "ib":
            assert numpy.array_equal(a, b), f"{what}, leaf {k}: {a}, wanted {b}"
            continue
        a, b = a.astype(float), b.astype(float)
        same = (a == b) | (numpy.isnan(a) & numpy.isnan(b))
        finite = numpy.abs(b[numpy.isfinite(b)])
        scale = max(1.0, float(finite.max(initial=0.0)))
        with numpy.errstate(invalid="ignore"):
            near = numpy.abs(a - b) <= tol * scale
        assert numpy.all(same | near), f"{what}, leaf {k}: {a}, wanted {b}"
