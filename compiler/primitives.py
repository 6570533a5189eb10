"""The one table of scalar primitives; to add a primitive is to add one entry.

    p = PRIMITIVES["hypot"]
    p.rule(["f64", "f64"])                    # "f64"
    p.evaluate(np.float64(3), np.float64(4))  # 5.0
    p.tangent(b, args, result, tangents)      # emits the linear part
    p.to_sympy(x, y)                          # sqrt(x**2 + y**2)

Slopes are written as formulas over the arguments and the result `r`; operators on them emit
primitives.  At edges they follow one rule: *the operand is made harmless, then the ordinary formula is
used* (`select(r == 0, 1, r)` below a fraction), so that no infinity or NaN arises in a side that is
not taken, at any order.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import primitives_eval as ev
from .ir import FLOATS, Atom, Const
from .primitives_base import MINUS_ONE, ONE, ZERO, Emit, Formula, KindRule, Partial, Primitive, Slope, SlopeRule

__all__ = [
    "CASTS", "LINEAR", "MINUS_ONE", "ONE", "PRIMITIVES", "ZERO", "Emit", "Formula", "Partial", "Primitive",
    "Slope", "evaluate", "is_partial", "result_kind",
]

F = Formula
INTEGERS = ("i64", "i32")
NUMBERS = (*FLOATS, *INTEGERS)


# ---------------------------------------------------------------- type rules


def _same(allowed: tuple[str, ...], result: str | None = None) -> KindRule:
    """All operands of one of these kinds; the result is of that kind, or of `result`."""

    def rule(kinds: Sequence[str]) -> str | None:
        if kinds[0] not in allowed or any(k != kinds[0] for k in kinds):
            return None
        return result or kinds[0]

    return rule


def _powi_rule(kinds: Sequence[str]) -> str | None:
    return kinds[0] if kinds[0] in FLOATS and kinds[1] == "i64" else None


def _polygamma_rule(kinds: Sequence[str]) -> str | None:
    return kinds[1] if kinds[0] == "i64" and kinds[1] in FLOATS else None


def _select_rule(kinds: Sequence[str]) -> str | None:
    return kinds[1] if kinds[0] == "bool" and kinds[1] == kinds[2] else None


def _has_integers(kinds: Sequence[str]) -> bool:
    return kinds[0] in INTEGERS


def _has_floats(kinds: Sequence[str]) -> bool:
    return kinds[0] in FLOATS


# ---------------------------------------------------------------- slopes with edges


def _pow_x(x: F, y: F, r: F) -> F | Slope:
    if y.constant == 0:
        return ZERO
    if y.constant == 1:
        return ONE
    if y.constant == 2:
        return 2 * x
    if y.constant is not None:
        return y * x.f("pow", y.constant - 1)
    corner = x.f("eq", 0).f("and", y.f("eq", 0))
    return y * corner.select(1, x).f("pow", y - 1)


def _pow_y(x: F, y: F, r: F) -> F:
    """`0**y` is flat for y >= 0; NaN for x < 0."""
    flat = x.f("eq", 0).f("and", y.f("ge", 0))
    return r * flat.select(1, x).f("log")


def _powi_x(x: F, n: F, r: F) -> F | Slope:
    if n.constant is not None:
        known = {0: ZERO, 1: ONE}.get(int(n.constant))
        if known is not None:
            return known
        k = int(n.constant)
        if k == -(2**63):
            return k * (r / x)  # there is no integer below
        return k * x if k == 2 else k * x.f("powi", F(x.b, Const(k - 1, "i64")))
    below = n.f("eq", 0).select(1, n) - 1
    return n.f(x.kind) * x.f("powi", below)


def _hypot(x: F, y: F, r: F) -> F:
    return x / r.f("eq", 0).select(1, r)


def _atan2_y(y: F, x: F, r: F) -> F:
    h = y.f("hypot", x)
    h = h.f("eq", 0).select(1, h)
    return x / h / h


def _atan2_x(y: F, x: F, r: F) -> F:
    return -_atan2_y(x, y, r)


def _xlogy_y(x: F, y: F, r: F) -> F:
    corner = x.f("eq", 0).f("and", y.f("eq", 0))
    return x / corner.select(1, y)


def _logaddexp_x(x: F, y: F, r: F) -> F:
    """Equal infinities share the slope."""
    tie = x.f("eq", y).f("and", x.f("isinf"))
    return tie.select(0, x - y).f("sigmoid")


# ---------------------------------------------------------------- tangents that are no sum of products


def _choice(b: Emit, cond: Atom, t: Atom | None, u: Atom | None) -> Atom:
    like = t if t is not None else u
    assert like is not None
    zero = Const(0, like.type.kind)
    return b.prim("select", cond, zero if t is None else t, zero if u is None else u)


Tangents = tuple["Atom | None", ...]


def _select_tangent(b: Emit, args: tuple[Atom, ...], result: Atom, ts: Tangents) -> Atom | None:
    return None if ts[1] is None and ts[2] is None else _choice(b, args[0], ts[1], ts[2])


def _max_tangent(b: Emit, args: tuple[Atom, ...], result: Atom, ts: Tangents) -> Atom | None:
    return _choice(b, b.prim("ge", *args), *ts)


def _min_tangent(b: Emit, args: tuple[Atom, ...], result: Atom, ts: Tangents) -> Atom | None:
    return _choice(b, b.prim("le", *args), *ts)


def _relu_tangent(b: Emit, args: tuple[Atom, ...], result: Atom, ts: Tangents) -> Atom | None:
    return _choice(b, b.prim("le", args[0], Const(0, args[0].type.kind)), None, ts[0])


def _div_tangent(b: Emit, args: tuple[Atom, ...], result: Atom, ts: Tangents) -> Atom | None:
    """(dx - r dy) / y"""
    dx, dy = ts
    if dy is None:
        assert dx is not None
        return b.prim("div", dx, args[1])
    pull = b.prim("mul", result, dy)
    return b.prim("div", b.prim("neg", pull) if dx is None else b.prim("sub", dx, pull), args[1])


def _cast_tangent(kind: str) -> Any:
    def rule(b: Emit, args: tuple[Atom, ...], result: Atom, ts: Tangents) -> Atom | None:
        return b.prim(kind, ts[0]) if ts[0] is not None and args[0].type.kind in FLOATS else None

    return rule


# ---------------------------------------------------------------- expansions


def _sign(x: F) -> F:
    return x.f("gt", 0).select(1, x.f("lt", 0).select(-1, x.f("eq", 0).select(0, x)))


def _mod(x: F, y: F) -> F:
    """For floats only, by the remainder `fmod` of the machine."""
    r = x.f("fmod", y)
    turned = r.f("lt", 0).f("ne", y.f("lt", 0)).f("and", r.f("ne", 0))
    return turned.select(r + y, r)


def _powi(x: F, n: F) -> F:
    """In f64, so that the exponent is exact."""
    return x.f("f64").f("pow", n.f("f64")).f(x.kind)


def _sigmoid(x: F) -> F:
    """By e = exp(-|x|), which can't overflow."""
    e = (-x.f("abs")).f("exp")
    return x.f("lt", 0).select(e, 1) / (1 + e)


def _softplus(x: F) -> F:
    return x.f("max", 0) + (-x.f("abs")).f("exp").f("log1p")


def _relu(x: F) -> F:
    return x.f("le", 0).select(0, x)


def _logaddexp(x: F, y: F) -> F:
    tie = x.f("eq", y).f("and", x.f("isinf"))
    return tie.select(x, x.f("max", y) + (-(x - y).f("abs")).f("exp").f("log1p"))


def _xlogy(x: F, y: F) -> F:
    gone = x.f("eq", 0).f("and", y.f("isnan").f("not"))
    return gone.select(x, x * gone.select(1, y).f("log"))


def _log1mexp(x: F) -> F:
    near = (-(-x).f("expm1")).f("log")
    return x.f("le", math.log(2)).select(near, (-(-x).f("exp")).f("log1p"))


# ---------------------------------------------------------------- the table

_ARITH, _FLOAT, _INT = _same(NUMBERS), _same(FLOATS), _same(INTEGERS)
_TEST, _EQUAL = _same(NUMBERS, "bool"), _same((*NUMBERS, "bool"), "bool")
_BOOL, _CLASS = _same(("bool",)), _same(FLOATS, "bool")

_TABLE: list[Primitive] = []


def _add(name: str, arity: int, rule: KindRule, evaluate: Any, *slopes: SlopeRule, **more: Any) -> None:
    _TABLE.append(Primitive(name, arity, rule, evaluate, slopes or (None,) * arity, **more))


def _elementary(name: str, evaluate: Any, slope: SlopeRule, **more: Any) -> None:
    """A smooth function of one float; the SymPy form is the name unless given."""
    defaults: dict[str, Any] = {"sympy": f"{name}(x)", "cost": 15, "ulp": 4, "llvm": name}
    _add(name, 1, _FLOAT, evaluate, slope, **(defaults | more))


# Arithmetic
_add("add", 2, _ARITH, operator.add, ONE, ONE, operator="+", sympy="x + y", llvm="fadd|add")
_add("sub", 2, _ARITH, operator.sub, ONE, MINUS_ONE, operator="-", sympy="x - y", llvm="fsub|sub")
_add("mul", 2, _ARITH, operator.mul, lambda x, y, r: y, lambda x, y, r: x, operator="*", sympy="x * y",
     llvm="fmul|mul")
_add("div", 2, _FLOAT, operator.truediv, lambda x, y, r: 1 / y, lambda x, y, r: -(r / y), operator="/",
     sympy="x / y", cost=4, llvm="fdiv", tangent_rule=_div_tangent)
_add("neg", 1, _ARITH, operator.neg, MINUS_ONE, operator="-", sympy="-x", llvm="fneg|neg")
_add("floordiv", 2, _ARITH, ev.floordiv, ZERO, ZERO, operator="//", sympy="floor(x / y)", cost=4, ulp=1,
     raises=_has_integers, llvm="dv_floordiv",
     note="floats: (x - fmod(x, y)) / y, less 1 where the signs of fmod and y differ, rounded; x / y for y = 0")
_add("mod", 2, _ARITH, ev.mod, ONE, lambda x, y, r: -x.f("floordiv", y), operator="%", sympy="x - y * floor(x / y)",
     cost=4, ulp=1, raises=_has_integers, llvm="dv_mod", note="floats: the expansion `primitives.float_mod`")
_add("fmod", 2, _FLOAT, np.fmod, ONE, lambda x, y, r: -(x / y).f("trunc"), cost=4, llvm="frem",
     note="the machine's remainder, of the sign of x; not on the surface")
_add("pow", 2, _FLOAT, np.power, _pow_x, _pow_y, operator="**", sympy="x ** y", cost=15, ulp=4, llvm="llvm.pow")
_add("powi", 2, _powi_rule, ev.powi, _powi_x, None, operator="**", sympy="x ** y", cost=15, ulp=4, expansion=_powi,
     note="constant exponents become products first")
_add("ipow", 2, _INT, ev.ipow, operator="**", cost=0, raises=True, llvm="dv_ipow")

# Comparisons and logic
for _name, _op, _function, _llvm in (
    ("eq", "==", operator.eq, "oeq|eq"), ("ne", "!=", operator.ne, "une|ne"), ("lt", "<", operator.lt, "olt|slt"),
    ("le", "<=", operator.le, "ole|sle"), ("gt", ">", operator.gt, "ogt|sgt"), ("ge", ">=", operator.ge, "oge|sge"),
):
    _add(_name, 2, _EQUAL if _name in ("eq", "ne") else _TEST, _function, ZERO, ZERO, operator=_op,
         sympy={"eq": "Eq(x, y)", "ne": "Ne(x, y)"}.get(_name, f"x {_op} y"), llvm=_llvm)
_add("and", 2, _BOOL, operator.and_, operator="and", cost=0, llvm="and")
_add("or", 2, _BOOL, operator.or_, operator="or", cost=0, llvm="or")
_add("not", 1, _BOOL, np.logical_not, operator="not", cost=0, llvm="not")
_add("isnan", 1, _CLASS, np.isnan, ZERO, llvm="isnan", note="fcmp uno x, x")
_add("isinf", 1, _CLASS, np.isinf, ZERO, llvm="isinf", note="fcmp oeq |x|, inf")
_add("isfinite", 1, _CLASS, np.isfinite, ZERO, llvm="isfinite", note="fcmp olt |x|, inf")
_add("select", 3, _select_rule, ev.select, None, lambda c, x, y, r: c.f(r.kind), lambda c, x, y, r: c.f("not").f(r.kind),
     sympy=lambda c, x, y: _piecewise(c, x, y), llvm="select", tangent_rule=_select_tangent)

# Kinks and steps
_add("max", 2, _ARITH, ev.maximum, lambda x, y, r: x.f("ge", y).f(r.kind), lambda x, y, r: x.f("ge", y).f("not").f(r.kind),
     sympy="Max(x, y)", llvm="dv_max", tangent_rule=_max_tangent, note="x if x >= y or isnan(x) else y")
_add("min", 2, _ARITH, ev.minimum, lambda x, y, r: x.f("le", y).f(r.kind), lambda x, y, r: x.f("le", y).f("not").f(r.kind),
     sympy="Min(x, y)", llvm="dv_min", tangent_rule=_min_tangent, note="x if x <= y or isnan(x) else y")
_add("relu", 1, _FLOAT, ev.relu, lambda x, r: x.f("le", 0).f("not").f(r.kind), sympy="Max(x, 0)", expansion=_relu,
     tangent_rule=_relu_tangent)
_add("abs", 1, _ARITH, np.abs, lambda x, r: x.f("sign"), sympy="Abs(x)", llvm="llvm.fabs|dv_iabs")
_add("sign", 1, _ARITH, np.sign, ZERO, sympy="sign(x)", expansion=_sign)
_add("floor", 1, _FLOAT, np.floor, ZERO, sympy="floor(x)", llvm="llvm.floor")
_add("ceil", 1, _FLOAT, np.ceil, ZERO, sympy="ceiling(x)", llvm="llvm.ceil")
_add("trunc", 1, _FLOAT, np.trunc, ZERO, sympy="sign(x) * floor(Abs(x))", llvm="llvm.trunc")
_add("round", 1, _FLOAT, np.rint, ZERO, llvm="llvm.roundeven")

# Roots, exponentials, logarithms
_elementary("sqrt", np.sqrt, lambda x, r: 0.5 / r, cost=4, ulp=0, llvm="llvm.sqrt")
_elementary("cbrt", np.cbrt, lambda x, r: 1 / (3 * (r * r)), sympy="sign(x) * Abs(x) ** Rational(1, 3)")
_elementary("exp", np.exp, lambda x, r: r, llvm="llvm.exp")
_elementary("exp2", np.exp2, lambda x, r: r * math.log(2), sympy="2 ** x", llvm="llvm.exp2")
_elementary("expm1", np.expm1, lambda x, r: x.f("exp"), sympy="exp(x) - 1")
_elementary("log", np.log, lambda x, r: 1 / x, llvm="llvm.log")
_elementary("log2", np.log2, lambda x, r: (1 / math.log(2)) / x, sympy="log(x, 2)", llvm="llvm.log2")
_elementary("log10", np.log10, lambda x, r: (1 / math.log(10)) / x, sympy="log(x, 10)", llvm="llvm.log10")
_elementary("log1p", np.log1p, lambda x, r: 1 / (1 + x), sympy="log(1 + x)")

# Trigonometric and hyperbolic functions
_elementary("sin", np.sin, lambda x, r: x.f("cos"), llvm="llvm.sin")
_elementary("cos", np.cos, lambda x, r: -x.f("sin"), llvm="llvm.cos")
_elementary("tan", np.tan, lambda x, r: 1 + r * r)
_elementary("asin", np.arcsin, lambda x, r: 1 / ((1 - x) * (1 + x)).f("sqrt"))
_elementary("acos", np.arccos, lambda x, r: -1 / ((1 - x) * (1 + x)).f("sqrt"))
_elementary("atan", np.arctan, lambda x, r: 1 / (1 + x * x))
_elementary("sinh", np.sinh, lambda x, r: x.f("cosh"))
_elementary("cosh", np.cosh, lambda x, r: x.f("sinh"))
_elementary("tanh", np.tanh, lambda x, r: (1 - r) * (1 + r))
_elementary("asinh", np.arcsinh, lambda x, r: 1 / (1 + x * x).f("sqrt"))
_elementary("acosh", np.arccosh, lambda x, r: 1 / ((x - 1) * (x + 1)).f("sqrt"))
_elementary("atanh", np.arctanh, lambda x, r: 1 / ((1 - x) * (1 + x)))
_add("atan2", 2, _FLOAT, np.arctan2, _atan2_y, _atan2_x, sympy="atan2(x, y)", cost=15, ulp=4, llvm="atan2")
_add("hypot", 2, _FLOAT, np.hypot, _hypot, lambda x, y, r: _hypot(y, x, r), sympy="sqrt(x ** 2 + y ** 2)", cost=15,
     ulp=4, llvm="hypot")

# Special functions
_elementary("erf", ev.scipy_special("erf"), lambda x, r: (2 / math.sqrt(math.pi)) * (-(x * x)).f("exp"), cost=60, ulp=8)
_elementary("erfc", ev.scipy_special("erfc"), lambda x, r: (-2 / math.sqrt(math.pi)) * (-(x * x)).f("exp"), cost=60,
            ulp=32)
_elementary("gamma", ev.scipy_special("gamma"), lambda x, r: r * x.f("digamma"), cost=60, ulp=64, llvm="tgamma")
_elementary("lgamma", ev.lgamma, lambda x, r: x.f("digamma"), sympy="loggamma(x)", cost=60, ulp=64,
            note="log |gamma(x)|; the libm function writes a global sign, use the reentrant form")
_elementary("digamma", ev.scipy_special("digamma"),
            lambda x, r: F(x.b, x.b.prim("polygamma", Const(1, "i64"), x.atom)), sympy="polygamma(0, x)", cost=60,
            ulp=64, llvm="dv_digamma",
            note="reflection for x <= 0 (NaN at the poles), recurrence up to x >= 10, asymptotic series")
_add("polygamma", 2, _polygamma_rule, ev.polygamma, None,
     lambda n, x, r: F(x.b, x.b.prim("polygamma", (n + 1).atom, x.atom)), sympy="polygamma(x, y)", cost=60, ulp=256,
     llvm="dv_polygamma",
     note="(-1)**(n+1) n! zeta(n+1, x), Hurwitz zeta by Euler-Maclaurin; n = 0 is digamma, n < 0 is NaN")

# Stable composites
_elementary("sigmoid", ev.sigmoid, lambda x, r: r * (1 - r), sympy="1 / (1 + exp(-x))", llvm=None, expansion=_sigmoid)
_elementary("softplus", ev.softplus, lambda x, r: x.f("sigmoid"), sympy="log(1 + exp(x))", llvm=None,
            expansion=_softplus, cost=30)
_elementary("log1mexp", ev.log1mexp, lambda x, r: 1 / x.f("expm1"), sympy="log(1 - exp(-x))", llvm=None,
            expansion=_log1mexp, cost=30, note="log(1 - exp(-x)), x > 0")
_add("logaddexp", 2, _FLOAT, ev.logaddexp, _logaddexp_x, lambda x, y, r: _logaddexp_x(y, x, r),
     sympy="log(exp(x) + exp(y))", cost=30, ulp=4, expansion=_logaddexp)
_add("xlogy", 2, _FLOAT, ev.xlogy, lambda x, y, r: y.f("log"), _xlogy_y, sympy="x * log(y)", cost=15, ulp=4,
     expansion=_xlogy, note="0 for x = 0, unless y is NaN")

# Conversions
for _name in ("f64", "f32", "i64", "i32"):
    _add(_name, 1, _same((*NUMBERS, "bool"), _name), ev.cast(_name), ONE if _name in FLOATS else ZERO,
         cost=0, sympy="x" if _name in FLOATS else None, raises=_has_floats if _name in INTEGERS else False,
         llvm=f"dv_to_{_name}", tangent_rule=_cast_tangent(_name),
         note="from a float to an integer: truncates, DV0506 out of range or NaN; between integers: wraps")

# The identity, as a constant for derivatives; lowering erases it.
_add("stop_gradient", 1, _FLOAT, operator.pos, ZERO, cost=0, sympy="x", llvm="dv_stop_gradient")

PRIMITIVES: dict[str, Primitive] = {p.name: p for p in _TABLE}
CASTS = frozenset(["f64", "f32", "i64", "i32"])

# Primitives that are linear in some of their arguments together, the others held fixed: name -> the
# positions of a linear group.  (`mul` is linear in each of its arguments alone.)
LINEAR: dict[str, tuple[tuple[int, ...], ...]] = {
    "add": ((0, 1),), "sub": ((0, 1),), "neg": ((0,),), "mul": ((0,), (1,)), "div": ((0,),), "select": ((1, 2),),
    "f64": ((0,),), "f32": ((0,),),
}

float_mod = _mod


def result_kind(name: str, kinds: Sequence[str]) -> str | None:
    """The kind of the result, None if the primitive does not take operands of these kinds."""
    p = PRIMITIVES.get(name)
    return None if p is None or len(kinds) != p.arity else p.rule(kinds)


def is_partial(name: str, args: Sequence[Atom]) -> bool:
    """Can this application raise?  A constant divisor that is not zero can't, a constant exponent >= 0 neither."""
    if not PRIMITIVES[name].partial([a.type.kind for a in args]):
        return False
    if name in ("floordiv", "mod") and isinstance(args[1], Const):
        return args[1].value == 0
    if name == "ipow" and isinstance(args[1], Const):
        return args[1].value < 0
    return True


def evaluate(name: str, *args: Any) -> Any:
    """The value for NumPy scalars, without warnings."""
    with np.errstate(all="ignore"):
        return PRIMITIVES[name].evaluate(*args)


def _piecewise(c: Any, x: Any, y: Any) -> Any:
    import sympy

    return sympy.Piecewise((x, c), (y, True))
