"""From a program of the corpus to numbers: source, module, core program, backends.

    leaves = run("physics/pendulum", "energy", [0.3, -0.7, 1.2])

A value is given and compared as its leaves in order: records as dicts, arrays of records as dicts of
arrays, tuples as tuples.  `BACKENDS` lists what runs a core program.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy
import pytest
from derivant.compiler import interpret
from derivant.compiler.errors import Source, UnsupportedError
from derivant.compiler.ir import Jvp, Program, Vjp, all_stmts
from derivant.frontend import syntax as sx
from derivant.frontend.modules import Instance, load_module
from derivant.frontend.parser import parse

from .cases import Case

FOLDER = Path(__file__).parent
Backend = Callable[[Program, str, Sequence[Any]], list[Any]]


def interpreted(program: Program, entry: str, args: Sequence[Any]) -> list[Any]:
    return interpret.run(program, entry, args, write=lambda line: None)


BACKENDS: dict[str, Backend] = {"interpreter": interpreted}


def text_of(program: str) -> str:
    return (FOLDER / f"{program}.dv").read_text(encoding="utf-8")


def instance(name: str, text: str, function: str) -> Instance:
    """The function as an entry, with derivatives resolved where there are any."""
    module = load_module(Source(f"{name}.dv", text))
    module.check()
    return module.instantiate(function)


def resolved(program: Program) -> Program:
    """The program without `Jvp` and `Vjp`."""
    if not any(isinstance(s.op, Jvp | Vjp) for f in program.functions.values() for s in all_stmts(f.body)) and not any(
            f.derivative for f in program.functions.values()):
        return program
    from derivant.passes.differentiate import resolve

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
    results = BACKENDS[backend](resolved(entry.program), entry.entry, ready)
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


def with_gradient(text: str, function: str, wrt: Sequence[str], array: bool) -> str:
    """The program with `gradient`, which has the parameters of `function`.

    A function that gives an array is summed up as sin(result).
    """
    tree = parse(Source("program.dv", text))
    d = next(d for d in tree.decls if isinstance(d, sx.Def) and d.name == function)
    lines = text.splitlines()
    params = ", ".join(lines[p.span.line - 1][p.span.col - 1:p.span.end_col - 1] for p in d.params)
    names = [p.name for p in d.params]
    call = f"{function}({', '.join(names)})"
    kind = "f32" if "f32" in params else "f64"
    objective = f"total(sin({call}))" if array else call
    extra = f"\n\ndef objective_({params}) -> {kind} = {objective}\n"
    if array:
        extra = extra.replace("total(", "total_(")
        extra += "\ndef total_(v) = reduce(fn (a, b) -> a + b, 0, flatten(v))\n"
    extra += f"\ndef gradient_({params}) = grad(objective_, wrt = ({', '.join(wrt)}"
    extra += f"))({', '.join(names)})\n" if len(wrt) > 1 else f"))({', '.join(names)})\n"
    return text + extra


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
