"""Builtins and the prelude: values against NumPy and SciPy, edges, widths."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.linalg
import scipy.special
from derivant.compiler import interpret
from derivant.compiler.errors import Error, Source
from derivant.frontend.modules import load_module
from derivant.passes.differentiate import resolve
from derivant.runtime.native import compile_native
from derivant.runtime.optimise import optimise

DTYPES = {"f64": np.float64, "f32": np.float32, "i64": np.int64, "i32": np.int32, "bool": np.bool_}
KINDS = {np.dtype(v): k for k, v in DTYPES.items()}


def kind_of(value: Any) -> str:
    array = np.asarray(value)
    base = KINDS[array.dtype]
    return base if not array.ndim else f"{base}[{', '.join('_' for _ in range(array.ndim))}]"


def evaluate(text: str, *args: Any, types: str | None = None) -> Any:
    """The value of an expression over a, b, c … (`types`: how the parameters are written)."""
    names = "abcdef"[: len(args)]
    params = types or ", ".join(f"{n}: {kind_of(v)}" for n, v in zip(names, args, strict=True))
    return call(f"def main({params}) = {text}\n", *args)


def call(text: str, *args: Any) -> Any:
    """What the interpreter gives, if the native code gives the same."""
    entry = load_module(Source("test.dv", text)).instantiate("main")
    ready = [np.asarray(a, dtype=DTYPES[p.type.kind]) for p, a in zip(entry.function.params, args, strict=True)]
    ready = [a if a.ndim else a[()] for a in ready]
    out = interpret.run(resolve(entry.program), entry.entry, ready)
    program, _ = optimise(entry.program)
    native = compile_native(program.functions[entry.entry], write=lambda line: None)(ready)
    for x, y in zip(out, native, strict=True):
        tol = 1e-4 if np.asarray(x).dtype == np.float32 else 1e-9
        np.testing.assert_allclose(y, x, rtol=tol, atol=tol)
    found = out[entry.hidden:]
    return found[0] if len(found) == 1 else tuple(found)


def refused(text: str, *args: Any, types: str | None = None) -> Error:
    with pytest.raises(Error) as caught:
        evaluate(text, *args, types=types)
    return caught.value.errors[0]


rng = np.random.default_rng(3)
V, W = rng.standard_normal(7), rng.standard_normal(7)
M = rng.standard_normal((3, 4))
C = rng.standard_normal((2, 3, 4))
SQUARE = rng.standard_normal((4, 4))
NOTHING = np.zeros(0)
PAIR = "a: i64[n], b: f64[n]"


def close(found: Any, wanted: Any, tol: float = 1e-12) -> None:
    found, wanted = np.asarray(found), np.asarray(wanted)
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=tol, atol=tol)


# ---------------------------------------------------------------- reductions

REDUCTIONS = {"sum": np.sum, "prod": np.prod, "max": np.max, "min": np.min, "mean": np.mean, "argmax": np.argmax,
              "argmin": np.argmin, "logsumexp": scipy.special.logsumexp, "norm": lambda a, axis=None: np.sqrt(
                  np.sum(a * a, axis=axis))}


@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions(name: str) -> None:
    f = REDUCTIONS[name]
    for a in (V, M, C):
        close(evaluate(f"{name}(a)", a), f(a))
        for axis in range(a.ndim) if a.ndim > 1 else ():
            close(evaluate(f"{name}(a, axis = {axis})", a), f(a, axis=axis))
            close(evaluate(f"{name}(a, axis = {axis - a.ndim})", a), f(a, axis=axis))
    if name in ("sum", "prod", "max", "min", "mean"):
        close(evaluate(f"{name}(a, axis = (0, 2))", C), f(C, axis=(0, 2)))
        close(evaluate(f"{name}(2 * a[i, j] for i, j)", M), f(2 * M))


@pytest.mark.parametrize("name", ["max", "min", "argmax", "argmin"])
def test_reductions_of_nothing_raise(name: str) -> None:
    for text in (f"{name}(a)", f"{name}(x for x in a)"):
        assert refused(text, NOTHING).code == "DV0508"


def test_units_and_nan() -> None:
    assert evaluate("(sum(a), prod(a))", NOTHING) == (0.0, 1.0)
    assert np.isnan(evaluate("mean(a)", NOTHING))
    assert np.isnan(evaluate("mean(x for x in a)", NOTHING))
    holes = np.array([1.0, np.nan, 3.0])
    assert all(np.isnan(evaluate("(max(a), min(a), sum(a))", holes)))
    assert evaluate("argmax(a)", holes) == 1
    close(evaluate("sort(a)", np.array([np.nan, 2.0, 1.0])), [1.0, 2.0, np.nan])


def test_bools() -> None:
    b = M > 0
    assert evaluate("(any(a), all(a), count(a))", b) == (b.any(), b.all(), b.sum())
    close(evaluate("count(a, axis = 0)", b), b.sum(axis=0))
    assert evaluate("count(x > 0 for x in a)", V) == np.sum(V > 0)
    assert evaluate("(any(a), all(a))", np.zeros(0, bool)) == (False, True)
    assert evaluate("(any(x > 9 for x in a), all(x > -9 for x in a))", V) == (False, True)


def test_extremes_of_several() -> None:
    close(evaluate("max(a, b)", V, W), np.maximum(V, W))
    close(evaluate("min(a, 0)", V), np.minimum(V, 0))
    assert evaluate("max(a, 3, 2)", 1) == 3
    assert evaluate("reduce(max, -inf, a)", V) == V.max()
    close(evaluate("map(max, a)", M), M.max(axis=1))
    close(evaluate("clip(a, -0.5, 0.5)", V), np.clip(V, -0.5, 0.5))


def test_generators_over_several() -> None:
    assert evaluate("argmax(a[i, j] for i, j)", M) == np.argmax(M)
    assert evaluate("max(a[i, j] for i < 3, j < i + 1)", M) == max(M[i, j] for i in range(3) for j in range(i + 1))
    close(evaluate("sum((x, x * x) for x in a)", V), (V.sum(), (V * V).sum()))
    close(evaluate("mean(r for r in a)", M), M.mean(axis=0))
    close(evaluate("mean(a[i] for i < len(a) if a[i] > 0)", V), V[V > 0].mean())


# ---------------------------------------------------------------- scalar functions

UNARY = {
    "sqrt": np.sqrt, "cbrt": np.cbrt, "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "log": np.log, "log2": np.log2,
    "log10": np.log10, "log1p": np.log1p, "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin,
    "acos": np.arccos, "atan": np.arctan, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "asinh": np.arcsinh,
    "atanh": np.arctanh, "erf": scipy.special.erf, "erfc": scipy.special.erfc, "gamma": scipy.special.gamma,
    "lgamma": scipy.special.gammaln, "digamma": scipy.special.digamma, "sigmoid": scipy.special.expit,
    "softplus": lambda x: np.logaddexp(0, x), "log1mexp": lambda x: np.log(-np.expm1(-x)),
    "relu": lambda x: np.maximum(x, 0), "logit": scipy.special.logit, "abs": np.abs, "sign": np.sign,
}


@pytest.mark.parametrize("name", UNARY)
def test_unary(name: str) -> None:
    x = np.array([0.1, 0.35, 0.8])
    close(evaluate(f"{name}(a)", x), UNARY[name](x))
    close(evaluate(f"{name}(a)", 0.35), UNARY[name](0.35))
    single = evaluate(f"{name}(a)", np.float32(0.35))
    assert single.dtype == np.float32
    close(single, UNARY[name](0.35), 1e-5)
    close(evaluate(f"[{name}'(x) for x in a]", x), (UNARY[name](x + 1e-6) - UNARY[name](x - 1e-6)) / 2e-6, 1e-6)


def test_binary() -> None:
    close(evaluate("atan2(a, b)", V, W), np.arctan2(V, W))
    close(evaluate("hypot(a, 2)", V), np.hypot(V, 2))
    close(evaluate("logaddexp(a, b)", V, W), np.logaddexp(V, W))
    close(evaluate("xlogy(a, b)", 0.0, 0.0), 0.0)
    close(evaluate("pow(a, 3)", V), V**3)
    close(evaluate("polygamma(2, a)", 0.7), scipy.special.polygamma(2, 0.7))
    close(evaluate("(beta(a, 2), lbeta(a, 3.5))", 0.7), (scipy.special.beta(0.7, 2), scipy.special.betaln(0.7, 3.5)))


def test_special_functions_of_the_prelude() -> None:
    close(evaluate("(zeta(a), hurwitz(a, 0.3))", 2.5), (scipy.special.zeta(2.5), scipy.special.zeta(2.5, 0.3)))
    y = np.array([-0.999, -0.6, -1e-3, 0.0, 0.3, 0.9999])
    close(evaluate("erfinv(a)", y), scipy.special.erfinv(y))
    close(evaluate("[erfinv'(y) for y in a]", y),
          0.5 * np.sqrt(np.pi) * np.exp(scipy.special.erfinv(y) ** 2), 1e-9)
    for n in (0, 1, 3):
        for x in (0.0, 0.7, 12.5, -3.0):
            close(evaluate("bessel(a, b)", n, x), scipy.special.jv(n, x), 1e-11)
    close(evaluate("(fn x -> bessel(2, x))'(a)", 1.7), scipy.special.jvp(2, 1.7), 1e-11)


def test_conversions() -> None:
    x = np.array([-2.5, -0.5, 0.5, 1.5, 2.7])
    for name, f in {"floor": np.floor, "ceil": np.ceil, "trunc": np.trunc, "round": np.round, "i64": np.trunc}.items():
        found = evaluate(f"{name}(a)", x)
        assert found.dtype == np.int64
        close(found, f(x))
    assert evaluate("f32(a)", 0.1) == np.float32(0.1)
    assert evaluate("f32(0.1)") == np.float32(0.1)
    assert evaluate("i64(a)", True) == 1
    assert evaluate("floor(a)", 3) == 3
    assert evaluate("(isnan(a), isinf(a), isfinite(a))", np.inf) == (False, True, False)
    assert refused("i64(a)", np.nan).code == "DV0506"
    close(evaluate("i32(a)", np.array([-(2**31), 2**31 - 1])), [-(2**31), 2**31 - 1])
    assert refused("i32(a)", 2**31).code == "DV0506"
    assert refused("i32(a)", np.array([0, -(2**40)])).code == "DV0506"


def test_literals_take_the_width_asked_for() -> None:
    for text in ("a * pi", "a + sqrt(2)", "a * zeros(3)[0]", "eye(2)[0, 0] * a", "linspace(0, 1, 3)[1] + a",
                 "sum(ones(3)) + a", "full(2, 0.5)[1] * a", "a + max(1, 2.5)", "a + i64(a) / 2", "relu(a)",
                 "logsumexp([a, 2 * a])", "norm([a])", "mean([a, 1])", "a * concat(zeros(1), ones(2))[1]"):
        assert evaluate(text, np.float32(0.5)).dtype == np.float32, text


# ---------------------------------------------------------------- arrays


def test_building() -> None:
    close(evaluate("zeros(2, a)", 3), np.zeros((2, 3)))
    close(evaluate("ones((2, 3))"), np.ones((2, 3)))
    close(evaluate("full(3, 2.5)"), np.full(3, 2.5))
    close(evaluate("full(2, a)", V), np.stack([V, V]))
    close(evaluate("eye(3)"), np.eye(3))
    close(evaluate("eye(2, 3)"), np.eye(2, 3))
    close(evaluate("iota(4)"), np.arange(4))
    close(evaluate("linspace(1, 2, 5)"), np.linspace(1, 2, 5))
    close(evaluate("linspace(1, 2, 1)"), [1.0])
    close(evaluate("zeros_like(a)", M), np.zeros((3, 4)))
    close(evaluate("ones_like(a)", M), np.ones((3, 4)))
    assert evaluate("(len(a), shape(a)[1], shape(a[0]))", M) == (3, 4, 4)
    assert evaluate("len((1, 2.0, 3))") == 3
    assert refused("zeros(a)", -1).code == "DV0503"


def test_combining() -> None:
    close(evaluate("concat(a, b, [1, 2])", V, W), np.concatenate([V, W, [1, 2]]))
    close(evaluate("concat(a, a)", M), np.concatenate([M, M]))
    close(evaluate("stack(a, b)", V, W), np.stack([V, W]))
    close(evaluate("[x - y for (x, y) in zip(a, b)]", V, W), V - W)
    close(evaluate("map(fn (x, y) -> x * y, a, b)", V, W), V * W)
    close(evaluate("concat([(1, x) for x in a], [(2, x) for x in b])", V, W)[1], np.concatenate([V, W]))
    close(evaluate("outer(a, b)", V, W), np.outer(V, W))
    close(evaluate("kron(a, b)", M, M), np.kron(M, M))
    close(evaluate("cross(a, b)", V[:3], W[:3], types="a: f64[3], b: f64[3]"), np.cross(V[:3], W[:3]))


def test_reordering() -> None:
    close(evaluate("transpose(a)", C), C.T)
    close(evaluate("transpose(a, 2, 0, 1)", C), np.transpose(C, (2, 0, 1)))
    close(evaluate("reshape(a, 4, 6)", C), C.reshape(4, 6))
    close(evaluate("reshape(a, 2, 2, 6)", C), C.reshape(2, 2, 6))
    close(evaluate("flatten(a)", C), C.ravel())
    close(evaluate("reverse(a)", V), V[::-1])
    close(evaluate("sort(a)", V), np.sort(V))
    close(evaluate("argsort(a)", V), np.argsort(V))
    close(evaluate("argsort(a)", np.array([2, 1, 2, 1])), [1, 3, 0, 2])
    close(evaluate("diag(a)", V), np.diag(V))
    close(evaluate("diag(a)", SQUARE), np.diag(SQUARE))
    close(evaluate("tril(a) + triu(a)", M), np.tril(M) + np.triu(M))
    close(evaluate("filter(fn x -> x > 0, a)", V), V[V > 0])
    close(evaluate("unique(a)", np.array([3, 1, 3, 2])), [1, 2, 3])
    close(evaluate("[searchsorted(sort(a), x) for x in b]", V, W), np.searchsorted(np.sort(V), W))
    for shape in ((0, 3), (3, 0)):
        close(evaluate("flatten(a)", np.zeros(shape)), NOTHING)
        close(evaluate("transpose(a)", np.zeros(shape)), np.zeros(shape).T)


def test_prefixes() -> None:
    close(evaluate("cumsum(a)", V), np.cumsum(V))
    close(evaluate("cumprod(a)", V), np.cumprod(V))
    close(evaluate("cumsum(a)", np.array([1, 2, 3])), [1, 3, 6])
    close(evaluate("scan(max, -inf, a)", V), np.maximum.accumulate(V))
    close(evaluate("scan(fn (x, y) -> x + y, zeros(4), a)", M), np.cumsum(M, axis=0))
    close(evaluate("reduce(fn (x, y) -> x * y, 1, a)", V), np.prod(V))
    close(evaluate("cumsum(a)", NOTHING), NOTHING)
    assert evaluate("reduce(fn (x, y) -> x + y, 0.0, a)", NOTHING) == 0


def test_statistics() -> None:
    close(evaluate("softmax(a)", V), scipy.special.softmax(V))
    close(evaluate("softmax(a)", 1000 * V), scipy.special.softmax(1000 * V))
    close(evaluate("log_softmax(a)", V), scipy.special.log_softmax(V))
    close(evaluate("log_softmax(a)", [1e15, 1e15, 1e15 + 1]), scipy.special.log_softmax(np.array([1e15, 1e15, 1e15 + 1])))
    close(evaluate("logsumexp(a)", np.array([-np.inf, -np.inf])), -np.inf)
    close(evaluate("(variance(a), std(a), median(a))", V), (V.var(), V.std(), np.median(V)))
    for odd in ([np.nan, 1.0, 2.0], [1.0, np.nan], [np.inf, 1.0, 2.0]):
        x = np.array(odd)
        close(evaluate("(median(a), quantile(a, 0.3))", x), (np.median(x), np.quantile(x, 0.3)))
    close([evaluate("quantile(a, b)", V, q) for q in (0.0, 0.3, 1.0)], np.quantile(V, [0, 0.3, 1]))
    close(evaluate("polyval(a, b)", V, 0.7), np.polynomial.polynomial.polyval(0.7, V))


def test_accumulate() -> None:
    i = np.array([0, 2, 2, 1, 0, 2, 1])
    wanted = np.bincount(i, V)
    close(evaluate("accumulate(zeros(3), (a[k], b[k]) for k)", i, V, types=PAIR), wanted)
    close(evaluate("accumulate(zeros(3), zip(a, b))", i, V, types=PAIR), wanted)
    close(evaluate("accumulate(ones(3), (a[k], b[k]) for k if b[k] > 0)", i, V, types=PAIR),
          1 + np.bincount(i, np.maximum(V, 0)))
    close(evaluate("accumulate([0 for _ < 4], (k, 1) for k in a)", i), [2, 2, 3, 0])
    largest = np.full(3, -9.0)
    np.maximum.at(largest, i, V)
    close(evaluate("accumulate(full(3, -9.0), op = max, (a[k], b[k]) for k)", i, V, types=PAIR), largest)
    close(evaluate("accumulate(zeros(2, 3), ((a[k] % 2, a[k]), b[k]) for k)", i, V, types=PAIR).sum(), V.sum())
    assert refused("accumulate(zeros(2), (k, 1.0) for k in a)", i).code == "DV0501"


def test_core_forms() -> None:
    close(evaluate("delta((2, 3), (1, 2), a)", 5.0), [[0, 0, 0], [0, 0, 5]])
    close(evaluate("delta((2, 7), 1, a)", V, types="a: f64[7]")[1], V)
    close(evaluate("fill((2, 2), a)", 5), [[5, 5], [5, 5]])
    close(evaluate("select(a > 0, a, 0)", V), np.maximum(V, 0))
    close(evaluate("plus(a, a, b)", V, W, types="a: f64[n], b: f64[n]"), 2 * V + W)
    assert refused("delta(3, a, 1.0)", 3).code == "DV0501"


def test_structures() -> None:
    text = """
type P = {w: f64[n], b: f64, k: i64}
def main(w: f64[n], b: f64) = map_leaves(fn x -> 2 * x, P(w = w, b = b, k = 3)) + zeros_like(P(w = w, b = b, k = 1))
"""
    w, b, k = call(text, V, 1.5)
    close(w, 2 * V)
    assert (b, k) == (3.0, 3)
    shape = """
type Shape = Circle(f64) | Box(f64, f64)
def main(x: f64) -> f64 = match zeros_like(Box(x, x)) { Circle(r) -> 1.0; Box(a, b) -> 2 + a + b }
"""
    assert call(shape, 3.0) == 2.0
    assert evaluate("approx(a, b)", 1.0, 1.0 + 1e-12)
    assert not evaluate("approx(a, b)", 1.0, 1.001)
    assert evaluate("approx(a, b, tol = 0.01)", 1.0, 1.001)
    assert evaluate("approx((a, inf), (a, inf))", V)
    assert not evaluate("approx(nan, nan)")


def test_show(capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate('show(a, "x") + show((a, 2))[1]', 1.5) == 3.5
    assert capsys.readouterr().out.split("\n")[:2] == ["x = 1.5", "(1.5, 2)"]
    assert evaluate("(fn x -> show(x * x))'(a)", 3.0) == 6.0


def test_constants() -> None:
    close(evaluate("[pi, e, inf, eps]"), [np.pi, np.e, np.inf, np.finfo(float).eps])
    assert np.isnan(evaluate("nan"))
