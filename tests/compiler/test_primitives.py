"""Each primitive's value, slopes and edges, against SymPy, finite differences and a table of conventions."""

from __future__ import annotations

import math
import random
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy
from derivant.compiler.errors import ArithmeticError, ValueError_
from derivant.compiler.ir import FLOATS, Atom, Const, Prim, Scalar, Var
from derivant.compiler.primitives import (
    CASTS,
    MINUS_ONE,
    ONE,
    PRIMITIVES,
    ZERO,
    Primitive,
    evaluate,
    is_partial,
    result_kind,
)
from derivant.compiler.primitives_eval import DTYPES

INF, NAN = math.inf, math.nan


class Eager:
    """A builder that computes what it emits."""

    def __init__(self) -> None:
        self.values: dict[Var, Any] = {}

    def var(self, value: Any) -> Var:
        kind = next(k for k, t in DTYPES.items() if isinstance(value, t))
        v = Var("t", Scalar(kind))
        self.values[v] = value
        return v

    def value(self, a: Atom) -> Any:
        return DTYPES[a.kind](a.value) if isinstance(a, Const) else self.values[a]

    def prim(self, name: str, /, *args: Atom) -> Atom:
        values = [self.value(a) for a in args]
        kind = result_kind(name, [a.type.kind for a in args])
        assert kind is not None, f"{name} of {[a.type.kind for a in args]}"
        result = evaluate(name, *values)
        assert isinstance(result, DTYPES[kind]), f"{name} gives {type(result)} instead of {kind}"
        return self.var(result)


def scalars(p: Primitive, values: Any, kind: str = "f64") -> list[Any]:
    """Arguments for a primitive: bools stay, `polygamma` and `powi` have an i64."""
    out = []
    for k, v in enumerate(values):
        integer = (p.name, k) in (("polygamma", 0), ("powi", 1))
        out.append(np.bool_(v) if isinstance(v, bool) else np.int64(v) if integer else DTYPES[kind](v))
    return out


def slopes(name: str, *values: Any, kind: str = "f64") -> list[float | None]:
    """The partial derivatives as numbers."""
    b, p = Eager(), PRIMITIVES[name]
    args = tuple(b.var(v) for v in scalars(p, values, kind))
    result = b.prim(name, *args)
    markers = {ONE: 1.0, MINUS_ONE: -1.0, ZERO: 0.0, None: None}
    found = p.partials(b, args, result)
    return [markers[s] if s in markers else float(b.value(s)) for s in found]  # type: ignore[index, arg-type]


def along(name: str, values: Any, tangents: Any) -> float:
    """The tangent of the result, 0 where there is none."""
    b, p = Eager(), PRIMITIVES[name]
    args = tuple(b.var(v) for v in scalars(p, values))
    ts = tuple(None if t is None else b.var(np.float64(t)) for t in tangents)
    t = p.tangent(b, args, b.prim(name, *args), ts)
    return 0.0 if t is None else float(b.value(t))


POSITIVE = ("sqrt", "log", "log2", "log10", "gamma", "lgamma", "digamma", "log1mexp")
DOMAIN = {name: (0.2, 3.0) for name in POSITIVE} | {
    "asin": (-0.9, 0.9), "acos": (-0.9, 0.9), "atanh": (-0.9, 0.9), "acosh": (1.1, 3.0), "log1p": (-0.9, 3.0),
    "pow": (0.2, 3.0), "xlogy": (0.2, 3.0), "tan": (-1.4, 1.4),
}


def points(p: Primitive, count: int = 6) -> list[list[Any]]:
    rng = random.Random(p.name)
    low, high = DOMAIN.get(p.name, (-2.3, 2.3))
    rows: list[list[Any]] = [[rng.uniform(low, high) for _ in range(p.arity)] for _ in range(count)]
    for k, row in enumerate(rows):
        if p.name == "select":
            row[0] = bool(k % 2)
        if p.name == "powi":
            row[1] = k - 2
        if p.name == "polygamma":
            row[0], row[1] = k, abs(row[1]) + 0.3
    return rows


# stop_gradient has the slope 0 on purpose (programs/calculus/stopped.dv is about it).
FLOAT_PRIMS = [p for p in PRIMITIVES.values() if p.name not in (*CASTS, "stop_gradient")
               and any(s is not None for s in p.slopes)
               and (result_kind(p.name, ["bool" if p.name == "select" else "f64"] + ["f64"] * (p.arity - 1)) in FLOATS
                    or p.name in ("powi", "polygamma"))]
SYMBOLIC = [p for p in FLOAT_PRIMS if p.sympy is not None]
FLAT = {"floor", "ceil", "trunc", "sign", "round", "floordiv"}


@pytest.mark.parametrize("p", SYMBOLIC, ids=lambda p: p.name)
def test_value_and_slopes_are_those_of_the_sympy_form(p: Primitive) -> None:
    if p.name == "select":
        pytest.skip("piecewise; its slopes are tested below")
    xs = sympy.symbols("x y z", real=True)[: p.arity]
    form = p.to_sympy(*xs)
    for row in points(p):
        at = dict(zip(xs, [sympy.Integer(v) if isinstance(v, int) else sympy.Float(v, 40) for v in row], strict=True))
        want = complex(form.subs(at).evalf(30))
        have = evaluate(p.name, *scalars(p, row))
        assert abs(have - want) <= 1e-11 * max(1.0, abs(want)), (row, have, want)
        for k, (x, slope) in enumerate(zip(xs, slopes(p.name, *row), strict=True)):
            if slope is None:
                continue
            if p.name in FLAT:
                assert slope == 0.0
                continue
            if p.name == "mod" and k == 1:
                exact = -math.floor(row[0] / row[1])
            elif p.name == "mod":
                exact = 1
            else:
                exact = complex(form.diff(x).subs(at).doit().evalf(30)).real
            assert abs(slope - exact) <= 1e-10 * max(1.0, abs(exact)), (row, k, slope, exact)


@pytest.mark.parametrize("p", FLOAT_PRIMS, ids=lambda p: p.name)
def test_slopes_are_finite_differences(p: Primitive) -> None:
    h = 1e-6
    for row in points(p, 4):
        for k, slope in enumerate(slopes(p.name, *row)):
            if slope is None:
                continue
            up, down = list(row), list(row)
            up[k] += h
            down[k] -= h
            number = (evaluate(p.name, *scalars(p, up)) - evaluate(p.name, *scalars(p, down))) / (2 * h)
            assert abs(slope - number) <= 1e-6 * max(1.0, abs(number)), (row, k, slope, number)


@pytest.mark.parametrize("p", FLOAT_PRIMS, ids=lambda p: p.name)
def test_tangents_agree_with_slopes(p: Primitive) -> None:
    for row in points(p, 3):
        found = slopes(p.name, *row)
        ts = [None if s is None else 0.3 + k for k, s in enumerate(found)]
        want = sum(s * t for s, t in zip(found, ts, strict=True) if s is not None and t is not None)
        assert along(p.name, row, ts) == pytest.approx(want, rel=1e-12)
        for k, s in enumerate(found):
            if s is not None:
                alone = [2.0 if j == k else None for j in range(p.arity)]
                assert along(p.name, row, alone) == pytest.approx(2 * s, rel=1e-12)


@pytest.mark.parametrize("p", [p for p in PRIMITIVES.values() if p.expansion], ids=lambda p: p.name)
def test_expansions_give_the_value(p: Primitive) -> None:
    special = [0.0, -0.0, INF, -INF, NAN, 1e-300, 800.0, -800.0]
    rows = points(p) + [[x] * p.arity for x in special if p.name != "powi"]
    if p.arity == 2 and p.name != "powi":
        rows += [[x, y] for x in special for y in special]
    for row in rows:
        for kind in FLOATS:
            b = Eager()
            args = scalars(p, row, kind)
            want = evaluate(p.name, *args)
            have = b.value(p.expand(b, tuple(b.var(a) for a in args)))
            assert have == pytest.approx(want, rel=1e-13 if kind == "f64" else 1e-5, nan_ok=True), (row, have, want)


EDGES: list[tuple[str, tuple[Any, ...], list[float | None]]] = [
    ("abs", (0.0,), [0]),
    ("relu", (0.0,), [0]),
    ("relu", (2.0,), [1]),
    ("max", (1.0, 1.0), [1, 0]),
    ("min", (1.0, 1.0), [1, 0]),
    ("max", (1.0, 2.0), [0, 1]),
    ("min", (1.0, 2.0), [1, 0]),
    ("sqrt", (0.0,), [INF]),
    ("cbrt", (0.0,), [INF]),
    ("pow", (0.0, 0.0), [0, 0]),
    ("pow", (3.0, 0.0), [0, math.log(3)]),
    ("pow", (0.0, 2.0), [0, 0]),
    ("pow", (0.0, 1.0), [1, 0]),
    ("pow", (0.0, 0.5), [INF, 0]),
    ("pow", (-2.0, 3.0), [12, NAN]),
    ("powi", (0.0, 0), [0, None]),
    ("powi", (0.0, 1), [1, None]),
    ("powi", (0.0, 2), [0, None]),
    ("powi", (-2.0, 3), [12, None]),
    ("hypot", (0.0, 0.0), [0, 0]),
    ("atan2", (0.0, 0.0), [0, 0]),
    ("atan2", (1e-200, 0.0), [0, -1e200]),
    ("xlogy", (0.0, 0.0), [-INF, 0]),
    ("xlogy", (0.0, 2.0), [math.log(2), 0]),
    ("logaddexp", (-INF, 1.0), [0, 1]),
    ("logaddexp", (1.0, -INF), [1, 0]),
    ("logaddexp", (-INF, -INF), [0.5, 0.5]),
    ("logaddexp", (2.0, 2.0), [0.5, 0.5]),
    ("mod", (7.5, 2.0), [1, -3]),
    ("mod", (-7.5, 2.0), [1, 4]),
    ("floordiv", (7.5, 2.0), [0, 0]),
    ("floor", (2.0,), [0]),
    ("ceil", (2.0,), [0]),
    ("trunc", (2.0,), [0]),
    ("round", (2.5,), [0]),
    ("sign", (0.0,), [0]),
    ("select", (True, 1.0, 2.0), [None, 1, 0]),
    ("select", (False, 1.0, 2.0), [None, 0, 1]),
    ("sigmoid", (-1000.0,), [0]),
    ("sigmoid", (1000.0,), [0]),
    ("softplus", (-1000.0,), [0]),
    ("softplus", (1000.0,), [1]),
    ("tanh", (50.0,), [0]),
    ("expm1", (-50.0,), [math.exp(-50)]),
    ("eq", (1.0, 1.0), [0, 0]),
]


@pytest.mark.parametrize(("name", "values", "want"), EDGES, ids=lambda x: str(x))
def test_slopes_at_the_edges(name: str, values: tuple[Any, ...], want: list[float | None]) -> None:
    found = slopes(name, *values)
    assert [s is None for s in found] == [w is None for w in want]
    numbers = [s for s in found if s is not None]
    assert numbers == pytest.approx([w for w in want if w is not None], nan_ok=True, rel=1e-14)


VALUES: list[tuple[str, tuple[Any, ...], float]] = [
    ("max", (NAN, 1.0), NAN), ("max", (1.0, NAN), NAN), ("min", (NAN, 1.0), NAN), ("min", (1.0, NAN), NAN),
    ("pow", (0.0, 0.0), 1), ("pow", (-8.0, 1 / 3), NAN), ("powi", (0.0, 0), 1), ("powi", (2.0, -2), 0.25),
    ("xlogy", (0.0, 0.0), 0), ("xlogy", (0.0, NAN), NAN), ("round", (2.5,), 2), ("round", (3.5,), 4),
    ("round", (-0.5,), -0.0), ("trunc", (-2.7,), -2), ("floordiv", (-7.0, 2.0), -4), ("mod", (-7.0, 2.0), 1),
    ("mod", (7.0, -2.0), -1), ("floordiv", (1.0, 0.0), INF), ("mod", (1.0, 0.0), NAN), ("fmod", (-7.0, 2.0), -1),
    ("sign", (NAN,), NAN), ("relu", (NAN,), NAN), ("relu", (-3.0,), 0), ("div", (1.0, 0.0), INF),
    ("sqrt", (-1.0,), NAN), ("log", (0.0,), -INF), ("logaddexp", (INF, INF), INF), ("logaddexp", (INF, -INF), INF),
    ("softplus", (INF,), INF), ("softplus", (-INF,), 0), ("log1mexp", (0.0,), -INF), ("log1mexp", (1e-20,), math.log(1e-20)),
    ("sigmoid", (-INF,), 0), ("polygamma", (-1, 1.0), NAN), ("digamma", (1.0,), -0.5772156649015329),
    ("polygamma", (1, -0.5), float(mpmath.polygamma(1, -0.5))), ("hypot", (1e200, 1e200), math.sqrt(2) * 1e200),
]


@pytest.mark.parametrize(("name", "values", "want"), VALUES, ids=lambda x: str(x))
def test_values_at_the_edges(name: str, values: tuple[Any, ...], want: float) -> None:
    have = evaluate(name, *scalars(PRIMITIVES[name], values))
    assert have == pytest.approx(want, nan_ok=True, rel=1e-13)
    if have == 0:
        assert math.copysign(1, have) == math.copysign(1, want)


def test_f32_stays_f32() -> None:
    for p in FLOAT_PRIMS:
        for row in points(p, 2):
            assert isinstance(evaluate(p.name, *scalars(p, row, "f32")), np.float32), p.name
            slopes(p.name, *row, kind="f32")  # Eager checks the kinds of everything emitted


def test_integers() -> None:
    i = np.int64
    low = i(-(2**63))
    assert evaluate("add", i(2**63 - 1), i(1)) == low
    assert evaluate("neg", low) == low and evaluate("abs", low) == low
    assert evaluate("mul", i(2**62), i(2)) == low
    assert evaluate("floordiv", i(-7), i(2)) == -4 and evaluate("mod", i(-7), i(2)) == 1
    assert evaluate("floordiv", low, i(-1)) == low and evaluate("mod", low, i(-1)) == 0
    assert evaluate("ipow", i(3), i(4)) == 81 and evaluate("ipow", i(0), i(0)) == 1
    assert evaluate("ipow", i(-3), i(41)) == i(np.int64(pow(-3, 41, 2**64) - 2**64 * (pow(-3, 41, 2**64) >> 63)))
    assert isinstance(evaluate("ipow", np.int32(3), np.int32(2)), np.int32)
    for name, args, code in [
        ("floordiv", (i(1), i(0)), "DV0504"), ("mod", (i(1), i(0)), "DV0504"), ("ipow", (i(2), i(-1)), "DV0505"),
    ]:
        with pytest.raises(ArithmeticError) as e:
            evaluate(name, *args)
        assert e.value.code == code


def test_casts() -> None:
    f = np.float64
    assert evaluate("i64", f(-2.7)) == -2 and isinstance(evaluate("i64", f(1)), np.int64)
    assert evaluate("i64", f(-(2.0**63))) == -(2**63)
    assert evaluate("i32", np.int64(2**32 + 5)) == 5
    assert evaluate("f64", np.bool_(True)) == 1.0 and evaluate("i64", np.bool_(True)) == 1
    assert evaluate("f32", f(1e300)) == INF
    for kind, x in [("i64", NAN), ("i64", 2.0**63), ("i32", 2.0**31), ("i32", -INF)]:
        with pytest.raises(ValueError_) as e:
            evaluate(kind, f(x))
        assert e.value.code == "DV0506"
    assert along("f64", [2.0], [3.0]) == 3.0 and along("i64", [2.0], [3.0]) == 0.0


def test_kinds() -> None:
    assert result_kind("add", ["f64", "f32"]) is None
    assert result_kind("div", ["i64", "i64"]) is None
    assert result_kind("lt", ["f32", "f32"]) == "bool"
    assert result_kind("powi", ["f32", "i64"]) == "f32"
    assert result_kind("select", ["bool", "i64", "i64"]) == "i64"
    assert result_kind("polygamma", ["i64", "f64"]) == "f64"
    assert result_kind("and", ["i64", "i64"]) is None
    assert result_kind("exp", ["f64", "f64"]) is None and result_kind("nothing", []) is None


def test_what_can_raise() -> None:
    x, n = Var("x", Scalar("f64")), Var("n", Scalar("i64"))
    assert is_partial("floordiv", [n, n]) and not is_partial("floordiv", [x, x])
    assert not is_partial("mod", [n, Const(4, "i64")]) and is_partial("mod", [n, Const(0, "i64")])
    assert is_partial("i64", [x]) and not is_partial("i64", [n]) and not is_partial("f64", [n])
    assert is_partial("ipow", [n, n]) and not is_partial("ipow", [n, Const(3, "i64")])


def test_no_guard_becomes_a_factor() -> None:
    """An infinite tangent of the side that is not taken does not leak."""
    assert along("select", [True, 1.0, 2.0], [None, 3.0, INF]) == 3
    assert along("max", [2.0, 1.0], [3.0, NAN]) == 3
    assert along("min", [1.0, 2.0], [3.0, INF]) == 3
    assert along("relu", [-1.0], [INF]) == 0


def test_constant_exponents_have_short_slopes() -> None:
    class Recorder(Eager):
        def __init__(self) -> None:
            super().__init__()
            self.ops: list[str] = []

        def prim(self, name: str, /, *args: Atom) -> Atom:
            self.ops.append(name)
            return super().prim(name, *args)

    b = Recorder()
    x = b.var(np.float64(3))
    args: tuple[Atom, ...] = (x, Const(2, "i64"))
    (slope, none) = PRIMITIVES["powi"].partials(b, args, b.prim("powi", *args))
    assert none is None and b.value(slope) == 6 and b.ops == ["powi", "mul"]  # type: ignore[arg-type]
    assert PRIMITIVES["powi"].partials(b, (x, Const(1, "i64")), x)[0] is ONE
    assert PRIMITIVES["powi"].partials(b, (x, Const(0, "i64")), x)[0] is ZERO


def test_every_primitive_can_be_lowered_and_spelled() -> None:
    for p in PRIMITIVES.values():
        assert p.llvm or p.expansion, p.name
        assert len(p.slopes) == p.arity, p.name
        assert Prim(p.name, ()).name == p.name
