"""Scalar functions (they lift over arrays), conversions, constants."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..compiler.errors import Span
from ..compiler.ir import FLOATS, Atom, Const, integer
from ..compiler.primitives import PRIMITIVES
from . import values as vs
from .builtins_base import TABLE, builtin, expected, make
from .values import Leaf, Value

if TYPE_CHECKING:
    from .elaborate import Elaborator

CONSTANTS = {"pi": math.pi, "e": math.e, "inf": math.inf, "nan": math.nan, "eps": 2.0**-52}

UNARY = {
    "sqrt": "the square root", "cbrt": "the cube root", "exp": "e ** x", "exp2": "2 ** x", "expm1": "exp(x) - 1",
    "log": "the natural logarithm", "log2": "the logarithm to base 2", "log10": "the logarithm to base 10",
    "log1p": "log(1 + x)", "sin": "the sine", "cos": "the cosine", "tan": "the tangent", "asin": "the arc sine",
    "acos": "the arc cosine", "atan": "the arc tangent", "sinh": "the hyperbolic sine",
    "cosh": "the hyperbolic cosine", "tanh": "the hyperbolic tangent", "asinh": "its inverse", "acosh": "its inverse",
    "atanh": "its inverse", "erf": "the error function", "erfc": "1 - erf(x)", "gamma": "the gamma function",
    "lgamma": "log(abs(gamma(x)))", "digamma": "the logarithmic derivative of gamma",
    "sigmoid": "1 / (1 + exp(-x))", "softplus": "log(1 + exp(x))", "log1mexp": "log(1 - exp(-x))",
    "relu": "max(x, 0) with slope 0 at 0",
}
BINARY = {
    "atan2": ("y, x", "the angle of the point (x, y)"), "hypot": ("x, y", "sqrt(x ** 2 + y ** 2)"),
    "logaddexp": ("x, y", "log(exp(x) + exp(y))"), "xlogy": ("x, y", "x * log(y), 0 at x = 0"),
}
ROUNDING = {"floor": "the integer below", "ceil": "the integer above", "trunc": "the integer towards 0",
            "round": "the nearest integer, half to even"}
CLASSES = {"isnan": "is it no number?", "isinf": "is it infinite?", "isfinite": "is it finite?"}


def _unary(name: str) -> Callable[..., Value]:
    return lambda elab, span, x: elab.float_prim(name, [x], span)


def _binary(name: str, first: str, second: str) -> Callable[..., Value]:
    return lambda elab, span, **xs: elab.float_prim(name, [xs[first], xs[second]], span)


for _name, _doc in UNARY.items():
    if _name in PRIMITIVES:
        TABLE[_name] = make(_name, "x", _doc, _unary(_name), lifts=1)
for _name, (_text, _doc) in BINARY.items():
    TABLE[_name] = make(_name, _text, _doc, _binary(_name, *_text.split(", ")), lifts=1)
for _name, _value in CONSTANTS.items():
    TABLE[_name] = vs.float_lit(_value)


@builtin("abs", "x", "the magnitude", lifts=1)
def absolute(elab: Elaborator, span: Span, x: Value) -> Value:
    return elab.prim("abs", [x], span)


@builtin("sign", "x", "-1, 0 or 1", lifts=1)
def sign(elab: Elaborator, span: Span, x: Value) -> Value:
    return elab.prim("sign", [x], span)


@builtin("pow", "x, y", "x ** y", lifts=1)
def power(elab: Elaborator, span: Span, x: Value, y: Value) -> Value:
    return elab.binary("**", x, y, span)


@builtin("clip", "x, low, high", "x, but not below low and not above high", lifts=1)
def clip(elab: Elaborator, span: Span, x: Value, low: Value, high: Value) -> Value:
    return elab.prim("min", [elab.prim("max", [x, low], span), high], span)


@builtin("polygamma", "n, x", "the n-th derivative of digamma", lifts=1)
def polygamma(elab: Elaborator, span: Span, n: Value, x: Value) -> Value:
    order = elab.scalar(n, "i64", "the order of polygamma", span)
    v = elab.number(x, "polygamma", span)
    if v.kind not in FLOATS:
        v = elab.to_kind(v, "float?")
    return elab.lift([v], lambda a: elab.b.prim("polygamma", order, *a), span, flex=v.flex)


@builtin("logit", "p", "log(p / (1 - p))")
def logit(elab: Elaborator, span: Span, p: Value) -> Value:
    left = elab.float_prim("log", [p], span)
    return elab.binary("-", left, elab.float_prim("log1p", [elab.negate(p, span)], span), span)


@builtin("lbeta", "a, b", "the logarithm of the beta function")
def lbeta(elab: Elaborator, span: Span, a: Value, b: Value) -> Value:
    both = elab.binary("+", elab.float_prim("lgamma", [a], span), elab.float_prim("lgamma", [b], span), span)
    return elab.binary("-", both, elab.float_prim("lgamma", [elab.binary("+", a, b, span)], span), span)


@builtin("beta", "a, b", "the beta function of positive a and b")
def beta(elab: Elaborator, span: Span, a: Value, b: Value) -> Value:
    return elab.float_prim("exp", [lbeta(elab, span, a, b)], span)


# ---------------------------------------------------------------- conversions


def _cast(kind: str) -> Callable[..., Value]:
    def cast(elab: Elaborator, span: Span, x: Value) -> Value:
        if not isinstance(x, Leaf):
            expected(elab, kind, "a number or a bool, or an array of them", x, span)
        if x.flex and kind in FLOATS:
            return elab.settle(elab.to_kind(x, kind))
        if x.kind == kind:
            return Leaf(x.atom)
        return elab.lift([x], lambda a: _narrow(elab, *a) if (x.kind, kind) == ("i64", "i32")
                         else elab.b.prim(kind, *a), span)

    return cast


def _narrow(elab: Elaborator, a: Atom) -> Atom:
    """An i64 as i32, checked (the primitive wraps)."""
    b = elab.b
    fits = b.prim("and", b.prim("ge", a, integer(-(2**31))), b.prim("lt", a, integer(2**31)))
    b.assert_(fits, "DV0506", "i32({0}) is out of range", a)
    return b.prim("i32", a)


def _rounding(name: str) -> Callable[..., Value]:
    def rounded(elab: Elaborator, span: Span, x: Value, keep: Value | None) -> Value:
        v = elab.number(x, name, span)
        if v.kind not in FLOATS:
            return v
        if keep is not None and not (isinstance(keep, Leaf) and isinstance(keep.atom, Const) and keep.kind == "bool"):
            elab.type_error("DV0306", f"{name}: keep must be true or false, written out", span)
        if isinstance(keep, Leaf) and isinstance(keep.atom, Const) and keep.atom.value:
            return elab.lift([v], lambda a: elab.b.prim(name, *a), span, flex=v.flex)
        return elab.lift([v], lambda a: elab.b.prim("i64", elab.b.prim(name, *a)), span)

    return rounded


def _class(name: str) -> Callable[..., Value]:
    def test(elab: Elaborator, span: Span, x: Value) -> Value:
        v = elab.number(x, name, span)
        if v.kind not in FLOATS:
            v = elab.to_kind(v, "f64")
        return elab.lift([v], lambda a: elab.b.prim(name, *a), span)

    return test


for _kind in ("f64", "f32", "i64", "i32"):
    TABLE[_kind] = make(_kind, "x", f"x as {_kind}", _cast(_kind))
for _name, _doc in ROUNDING.items():
    TABLE[_name] = make(_name, "x | keep", f"{_doc}, as i64; with keep = true in the type of x", _rounding(_name))
for _name, _doc in CLASSES.items():
    TABLE[_name] = make(_name, "x", _doc, _class(_name))
