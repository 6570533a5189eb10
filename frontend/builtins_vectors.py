"""Functions of the prelude behind a check: vectors only, or a choice by rank."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..compiler.errors import Span
from ..compiler.ir import FLOATS
from ..compiler.sizes import poly_of
from . import values as vs
from .builtins_base import TABLE, builtin, expected, from_prelude, make, numbers, vector
from .builtins_prelude import index
from .builtins_reduce import widened
from .values import Leaf, Value

if TYPE_CHECKING:
    from .elaborate import Elaborator

# Their first argument is a vector of numbers; those marked True want floats.
VECTORS = {
    "softmax": True, "log_softmax": True, "cumsum": False, "cumprod": False, "unique": False, "variance": True,
    "std": True, "median": True,
}


def _of_vector(name: str, floats: bool) -> Callable[..., Value]:
    def call(elab: Elaborator, span: Span, v: Value) -> Value:
        vector(elab, name, v, span)
        x = numbers(elab, name, v, span, "a vector of numbers")
        if floats and x.kind not in FLOATS:
            x = elab.to_kind(x, "float?" if x.flex else "f64")
        if name in ("cumsum", "cumprod"):
            x = widened(elab, x)
        return elab.apply(from_prelude(elab, name), [x], span)

    return call


for _name, _floats in VECTORS.items():
    _text = index()[_name].text.split("\n")
    TABLE[_name] = make(_name, "v", _text[0].removeprefix("## "), _of_vector(_name, _floats))


@builtin("reverse", "v", "a vector from its end to its beginning")
def reverse(elab: Elaborator, span: Span, v: Value) -> Value:
    return elab.apply(from_prelude(elab, "reverse"), [vector(elab, "reverse", v, span)], span)


@builtin("quantile", "v, q", "the element below which the fraction q lies, interpolated linearly")
def quantile(elab: Elaborator, span: Span, v: Value, q: Value) -> Value:
    vector(elab, "quantile", v, span)
    return elab.apply(from_prelude(elab, "quantile"), [numbers(elab, "quantile", v, span), q], span)


@builtin("searchsorted", "sorted, x", "how many elements of a sorted vector are below x")
def searchsorted(elab: Elaborator, span: Span, sorted: Value, x: Value) -> Value:
    vector(elab, "searchsorted", sorted, span)
    if not isinstance(x, Leaf) or x.rank:
        expected(elab, "searchsorted", "one number to look for", x, span,
                 "for several: [searchsorted(v, x) for x in xs]")
    return elab.apply(from_prelude(elab, "searchsorted"), [sorted, x], span)


# ---------------------------------------------------------------- linear algebra by rank


def square(elab: Elaborator, who: str, a: Value, span: Span) -> Leaf:
    x = numbers(elab, who, a, span, "a square matrix")
    if x.rank != 2:
        expected(elab, who, "a square matrix", a, span)
    elab.equate(poly_of(x.shape[0]), poly_of(x.shape[1]), span, f"{who} takes a square matrix, this is {vs.show_type(a)}",
                names=("the first axis", "the second"))
    return as_float(elab, x)


def as_float(elab: Elaborator, x: Leaf) -> Leaf:
    return x if x.kind in FLOATS else elab.to_kind(x, "float?" if x.flex else "f64")


def right_side(elab: Elaborator, who: str, a: Leaf, b: Value, span: Span) -> Leaf:
    x = numbers(elab, who, b, span, "a vector or a matrix on the right")
    if x.rank > 2:
        expected(elab, who, "a vector or a matrix on the right", b, span)
    elab.equate(poly_of(a.shape[0]), poly_of(x.shape[0]), span, f"{who}: the right side must have a row for each row "
                "of the matrix", names=("the matrix", "the right side"))
    return as_float(elab, x)


@builtin("solve", "a, b", "the x with a @ x = b; b is a vector or a matrix")
def solve(elab: Elaborator, span: Span, a: Value, b: Value) -> Value:
    left = square(elab, "solve", a, span)
    right = right_side(elab, "solve", left, b, span)
    name = "solve_vector" if right.rank == 1 else "solve_matrix"
    return elab.apply(from_prelude(elab, name), [left, right], span)


@builtin("solve_triangular", "c, b, lower?", "the x with c @ x = b for a triangular c, lower unless lower = false")
def solve_triangular(elab: Elaborator, span: Span, c: Value, b: Value, lower: Value | None) -> Value:
    left = square(elab, "solve_triangular", c, span)
    right = right_side(elab, "solve_triangular", left, b, span)
    below = vs.leaf(True, "bool") if lower is None else lower
    name = "solve_triangular_vector" if right.rank == 1 else "solve_triangular_matrix"
    return elab.apply(from_prelude(elab, name), [left, right, below], span)


def _of_square(name: str) -> Callable[..., Value]:
    return lambda elab, span, a: elab.apply(from_prelude(elab, name), [square(elab, name, a, span)], span)


for _name in ("inv", "det", "slogdet", "cholesky", "lu", "eigh", "expm"):
    _doc = [line for line in index()[_name].text.split("\n") if line.startswith("## ")]
    TABLE[_name] = make(_name, "a", _doc[0].removeprefix("## "), _of_square(_name))
