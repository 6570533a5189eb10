"""What has to hold for any text: it is a program, or is refused with errors that have a code and a place in it.

    python -m tests.hostile.sources SEED FIRST COUNT      looks at mutants, prints what fails
    python -m tests.hostile.sources SEED INDEX            prints one mutant

A share of those that check is also formatted, run by interpreter and machine code, and differentiated.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import derivant as dv
import numpy as np
from derivant.compiler.errors import Error, Source, clean
from derivant.frontend.formatter import format_source
from derivant.runtime import shapes
from derivant.runtime.function import Function
from derivant.runtime.records import Value
from derivant.runtime.values import DTYPES

from .children import Failure, Note, answer, examine
from .mutate import corpus, mutant, random_of, subtrees, tokens

NAME = "mutant.dv"
_DERIVATIVE = re.compile(r"grad|jvp|vjp|hessian|jacobian|derivative|hvp|linearize|'")


def look(text: str, rng: random.Random, note: Note) -> None:
    """Raises AssertionError if something that must hold does not."""
    note("compile")
    module = refused = None
    try:
        module = dv.compile(text, name=NAME)
    except Error as e:
        refused = e
    if refused is not None:
        check_error(refused, text)
    if rng.random() < 0.25 and len(text) < 25_000 and not (refused is not None and refused.code.startswith("DV01")):
        note("format")
        check_format(text)
    if module is not None and len(text) < 10_000 and rng.random() < 0.12:
        check_runs(text, module, rng, note)


# ---------------------------------------------------------------- errors


def check_error(error: Error, text: str, running: bool = False) -> None:
    """Each error has a code that is not of our own faults, and a place inside the text."""
    own = clean(Source(NAME, text)).text
    for e in error.errors:
        assert re.fullmatch(r"DV0[1-9]\d\d", e.code), f"the code {e.code}"
        assert e.code != "DV0999", f"an internal error\n{e}"
        assert e.message and "Traceback" not in e.message, f"the message {e.message!r}"
        assert running or e.span is not None, f"no place\n{e}"
        for span in (e.span, *(label.span for label in e.labels)):
            if span is None:
                continue
            assert span.source is not None, f"no source\n{e}"
            if span.source.name == NAME:
                assert span.source.text == own, f"another text\n{e}"
            lines = span.source.text.split("\n")
            assert 1 <= span.line <= span.end_line <= len(lines) + 1, f"lines {span!r}\n{e}"
            for line, col in ((span.line, span.col), (span.end_line, span.end_col)):
                width = len(lines[line - 1]) if line <= len(lines) else 0
                assert 1 <= col <= width + 2, f"columns {span!r}\n{e}"
            assert (span.line, span.col) <= (span.end_line, span.end_col), f"the wrong way round {span!r}\n{e}"
    said = error.render()
    assert len(said) < 100_000, f"{len(said)} characters"
    error.to_json()


# ---------------------------------------------------------------- layout


def check_format(text: str) -> None:
    """Formatting keeps the meaning (it compares the trees itself), and does nothing the second time."""
    try:
        once = format_source(Source(NAME, text))
    except Error as e:
        check_error(e, text)
        return
    again = format_source(Source(NAME, once))
    assert again == once, f"formatted twice\n{once}\n---- again\n{again}"


# ---------------------------------------------------------------- running


def check_runs(text: str, module: Any, rng: random.Random, note: Note) -> None:
    """One call of one function, as interpreter and machine code see it, and a gradient."""
    sizes: dict[str, int] = {}
    try:
        name = rng.choice(module._unit.outline().functions)
        args = tuple(value_of(p.type, rng, sizes, p.name) for p in module[name].params)
    except Error as e:  # some functions can only be called inside the program
        check_error(e, text, running=True)
        return
    except LookupError:  # no functions, or types that nothing can be made of
        return
    forms: list[Callable[[Function], Function]] = [lambda f: f]
    if rng.random() < 0.5:
        forms.append(rng.choice((dv.grad, dv.grad, dv.value_and_grad, dv.jacobian, dv.hessian)))
    for form in forms:  # derivatives after the value, if that is finite
        found: list[Any] = []
        for backend in ("llvm", "interpreter"):
            f = dv.compile(text, name=NAME, backend=backend)[name]
            try:
                g = form(f)
                if backend == "llvm":
                    note(f"compile {g.__name__} for {args}")
                    g.compile_for(args)
                note(f"run {g.__name__} by {backend} with {args}", endless=True)
                found.append(g(*args))
            except Error as e:
                check_error(e, text, running=True)
                found.append(e)
        note("compare", endless=True)
        native, interpreted = found
        if isinstance(interpreted, Error) or isinstance(native, Error) and native.code == "DV0509":
            continue
        if form is forms[0] and not finite(interpreted):
            forms[1:] = []  # derivatives are simplified for finite values
        assert not isinstance(native, Error), f"{g.__name__} of {args}: machine code says\n{native}\nthe interpreter {interpreted}"
        loose = g is not f or _DERIVATIVE.search(text) is not None
        if not same(native, interpreted, loose) and same(interpreted, g(*nudged(args)), loose):
            raise AssertionError(f"{g.__name__} of {args}: machine code gives\n{native}\nthe interpreter {interpreted}")


def value_of(t: shapes.Type, rng: random.Random, sizes: dict[str, int], name: str, depth: int = 0) -> Any:
    """A value of a type."""
    match t:
        case shapes.Scalar("bool"):
            return rng.random() < 0.5
        case shapes.Scalar("f64" | "f32" as kind):
            return DTYPES[kind].type(round(rng.gauss(1, 1), 3))
        case shapes.Scalar():
            return sizes.setdefault(name, rng.randrange(5))
        case shapes.Array(shapes.Scalar(kind), wanted):
            shape = tuple(s if isinstance(s, int) else sizes.setdefault(s, rng.randrange(5)) if shapes.is_name(s) else rng.randrange(4)
                          for s in wanted)
            if not all(0 <= n < 1000 for n in shape) or np.prod(shape) > 1e6:
                raise LookupError(t)
            values = np.random.default_rng(rng.randrange(1000)).normal(1, 1, shape).round(3)
            return (values > 1) if kind == "bool" else values.astype(DTYPES[kind])
        case shapes.Tuple(items):
            return tuple(value_of(s, rng, sizes, name, depth) for s in items)
        case shapes.Record(_, fields):
            return {f: value_of(s, rng, sizes, "", depth) for f, s in fields}
        case shapes.Array(shapes.Record(_, fields), wanted):
            return {f: value_of(shapes.Array(s.element, (*wanted, *s.sizes)) if isinstance(s, shapes.Array) else shapes.Array(s, wanted),
                                rng, sizes, "", depth) for f, s in fields}
        case shapes.Any(given, ()):
            rank = rng.randrange(3) if given is None else len(given)
            return value_of(shapes.Array(shapes.Scalar("f64"), ("n", "m", "k")[:rank]) if rank else shapes.Scalar("f64"), rng, sizes, name)
    raise LookupError(t)


def finite(value: Any) -> bool:
    """Whether all floats of a result are numbers."""
    if isinstance(value, Value):
        value = value._values
    if isinstance(value, tuple):
        return all(map(finite, value))
    return np.asarray(value).dtype.kind != "f" or bool(np.isfinite(value).all())


def nudged(value: Any) -> Any:
    """A value with floats that differ by some units in the last place: what changes much by that is rounding."""
    if isinstance(value, tuple):
        return tuple(map(nudged, value))
    if isinstance(value, dict):
        return {k: nudged(v) for k, v in value.items()}
    if np.asarray(value).dtype.kind != "f":
        return value
    return value * value.dtype.type(1 + (1e-14 if value.dtype.itemsize == 8 else 1e-6))


def same(a: Any, b: Any, loose: bool) -> bool:
    """Whether two results are equal up to rounding; if `loose` NaN may be any number, as in simplified derivatives."""
    if isinstance(a, Value):
        return type(a) is type(b) and same(tuple(a._values), tuple(b._values), loose)
    if isinstance(a, tuple):
        return isinstance(b, tuple) and len(a) == len(b) and all(same(x, y, loose) for x, y in zip(a, b, strict=True))
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if a.dtype.kind != "f":
        return a.dtype == object or bool(np.array_equal(a, b))
    tolerance = 1e-6 if a.dtype.itemsize == 8 else 1e-2
    if loose:
        a, b = np.where(np.isnan(b), b, a), np.where(np.isnan(a), a, b)
    return bool(np.allclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True))


# ---------------------------------------------------------------- many


def failures(seed: int, first: int, count: int) -> Iterator[Failure]:
    """What fails among these mutants, each with a smaller text that fails as well."""

    def made(index: int) -> tuple[str, random.Random]:
        return mutant(seed, index), random_of(seed + 1, index)

    format_source(Source(NAME, "let x = 1\n"))  # what is made once is made here, and not in each child
    for text in corpus():
        subtrees(text)
        tokens(text)
        with contextlib.suppress(Error):
            dv.compile(text)
    for f in examine(made, lambda given, note: look(*given, note), range(first, first + count)):
        yield replace(f, why=f"{f.why}\n---- of\n{smaller(mutant(seed, f.index), seed, f.index)}")


def smaller(text: str, seed: int, index: int) -> str:
    """The text without lines that it takes no failure away to leave out."""
    step, tries = len(text.split("\n")) // 2, 60
    while step and tries > 0:
        lines = text.split("\n")
        shorter = ["\n".join(lines[:k] + lines[k + step:]) for k in range(0, len(lines), step)]
        tries -= len(shorter)
        found = next(examine(shorter.__getitem__, lambda t, note: look(t, random_of(seed + 1, index), note), range(len(shorter)), 1), None)
        text, step = (shorter[found.index], step) if found else (text, step // 2)
    return text


def main() -> None:
    seed, first, *count = map(int, sys.argv[1:])
    os.environ["DERIVANT_CACHE_DIR"] = os.devnull + "/none"  # nothing is kept: mutants would fill any cache
    os.environ["DERIVANT_PREVIEW"] = "1"
    if not count:
        print(mutant(seed, first))
        return
    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder  # for reproducers of internal errors
        answer(failures(seed, first, *count))


if __name__ == "__main__":
    main()
