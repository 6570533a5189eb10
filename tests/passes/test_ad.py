"""Derivatives of every form: against finite differences, the dot-product identity, and at second order."""

from __future__ import annotations

import numpy as np
import pytest
from derivant.compiler.build import Builder
from derivant.compiler.interpret import run
from derivant.compiler.ir import Function, Program, Var, fresh_like, is_float
from derivant.compiler.verify import verify
from derivant.passes.differentiate import resolve

from .ad_programs import CASES

Values = list[np.ndarray]


def wrap(f: Function, kind: str) -> Function:
    """The function `(params, directions) → jvp` or `(params, cotangents) → vjp`."""
    env: dict = {}
    for v in f.sizes:
        fresh_like(v, env)
    params = [fresh_like(p, env) for p in f.params]
    floats = [k for k, p in enumerate(f.params) if is_float(p.type)]
    b = Builder()
    if kind == "jvp":
        directions = [fresh_like(p, dict(env)) for p in (f.params[k] for k in floats)]
        tangents = [None] * len(params)
        for k, d in zip(floats, directions):
            tangents[k] = d
        outs = b.jvp(f, params, tangents)
        return Function("main", (*params, *directions), b.finish(outs))
    results = [a for a in f.body.results if is_float(a.type)]
    cts = []
    for a in results:
        shape = tuple(Var("m", x.type, nonneg=True) if isinstance(x, Var) else x for x in a.type.shape)
        cts.append(Var("ct", type(a.type)(a.type.kind, shape) if shape else a.type))
    outs = b.vjp(f, params, cts, floats)
    return Function("main", (*params, *cts), b.finish(outs))


def floats_of(values: Values) -> Values:
    return [np.asarray(v) for v in values if np.asarray(v).dtype.kind == "f"]


def primal(f: Function, args: Values) -> Values:
    program = Program({f.name: f}, (f.name,))
    return run(resolve(program), f.name, list(args))


def derived(f: Function, kind: str) -> Program:
    main = wrap(f, kind)
    program = resolve(Program({f.name: f, "main": main}, ("main",)))
    verify(program)
    return program


def dot(xs: Values, ys: Values) -> float:
    return float(sum(np.sum(np.asarray(x) * np.asarray(y)) for x, y in zip(xs, ys, strict=True)))


def shift(args: Values, directions: Values, h: float) -> Values:
    rest = iter(directions)
    return [a + h * next(rest) if np.asarray(a).dtype.kind == "f" else a for a in args]


def check(f: Function, args: Values, rng: np.random.Generator) -> None:
    args = [np.asarray(a, dtype=np.float64) if np.asarray(a).dtype.kind == "f" else a for a in args]
    directions = [rng.normal(size=a.shape) for a in floats_of(args)]
    n = len(f.body.results)
    outs = run(derived(f, "jvp"), "main", [*args, *directions])
    values, tangents = outs[:n], outs[n:]
    for a, b in zip(values, primal(f, args), strict=True):
        np.testing.assert_array_equal(a, b)
    h = 1e-6
    up, down = (floats_of(primal(f, shift(args, directions, s * h))) for s in (1, -1))
    for t, a, b in zip(tangents, up, down, strict=True):
        np.testing.assert_allclose(t, (a - b) / (2 * h), rtol=2e-5, atol=2e-7)
    cotangents = [rng.normal(size=np.shape(t)) for t in tangents]
    back = run(derived(f, "vjp"), "main", [*args, *cotangents])
    for a, b in zip(back[:n], values, strict=True):
        np.testing.assert_array_equal(a, b)
    assert dot(tangents, cotangents) == pytest.approx(dot(directions, back[n:]), rel=1e-10, abs=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_first_order(name: str) -> None:
    rng = np.random.default_rng(1)
    check(*CASES[name](rng), rng)


@pytest.mark.parametrize("outer", ["jvp", "vjp"])
@pytest.mark.parametrize("name", CASES)
def test_second_order(name: str, outer: str) -> None:
    """The inner derivative, itself a function, is differentiated both ways."""
    rng = np.random.default_rng(2)
    f, args = CASES[name](rng)
    inner = wrap(f, outer)
    inner = resolve(Program({f.name: f, "main": inner}, ("main",))).functions["main"]
    inner = Function("inner", inner.params, inner.body)
    if outer == "jvp":
        seeds = [rng.normal(size=np.shape(a)) for a in args if np.asarray(a).dtype.kind == "f"]
    else:
        outs = floats_of(primal(f, [np.asarray(a) for a in args]))
        seeds = [rng.normal(size=np.shape(t)) for t in outs]
    check(inner, [*args, *seeds], rng)
