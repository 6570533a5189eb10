"""The optimiser keeps what programs mean: interpreter before = interpreter after, on every form."""

from __future__ import annotations

import time
from collections import Counter

import numpy as np
import pytest
from derivant.compiler.build import Builder, make_function
from derivant.compiler.interpret import cost, run
from derivant.compiler.ir import Atom, Const, Function, If, Loop, Program, Scalar, Var, all_stmts, count_stmts
from derivant.compiler.verify import verify
from derivant.passes import pipelines
from derivant.passes.differentiate import resolve
from derivant.passes.normalise import normalise

from .ad_programs import CASES
from .test_ad import wrap

Arrays = list[np.ndarray]


def program(f: Function) -> Program:
    return Program({f.name: f}, (f.name,))


def inputs(name: str, kind: str) -> tuple[Program, Arrays]:
    """The program (primal, jvp or vjp of a case) and arguments for it."""
    rng = np.random.default_rng(1)
    f, values = CASES[name](rng)
    args = [np.asarray(a, float) if np.asarray(a).dtype.kind == "f" else np.asarray(a) for a in values]
    if kind == "primal":
        return program(f), args
    floats = [a for a in args if a.dtype.kind == "f"]
    if kind == "vjp":
        outs = run(resolve(program(f)), f.name, list(args))
        floats = [np.asarray(o) for o in outs if np.asarray(o).dtype.kind == "f"]
    main = wrap(f, kind)
    return Program({f.name: f, "main": main}, ("main",)), [*args, *(rng.normal(size=a.shape) for a in floats)]


@pytest.mark.parametrize("kind", ["primal", "jvp", "vjp"])
@pytest.mark.parametrize("name", CASES)
def test_meaning_is_kept(name: str, kind: str) -> None:
    p, args = inputs(name, kind)
    (entry,) = p.entries
    plain = resolve(p)
    before: Counter[str] = Counter()
    expected = run(plain, entry, list(args), count=before)
    simple = resolve(p, pipelines.simplify)
    verify(simple)
    final = program(pipelines.run(simple.functions[entry], pipelines.FINAL))
    verify(final)
    for q in (simple, final):
        after: Counter[str] = Counter()
        for x, y in zip(run(q, entry, list(args), count=after), expected, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-10, atol=1e-12)
        assert cost(after) <= 2 * cost(before) + 10


@pytest.mark.parametrize("name", CASES)
def test_normal_forms_stay(name: str) -> None:
    """A second run of the whole pipeline makes the program no larger."""
    p, _ = inputs(name, "vjp")
    f = pipelines.run(resolve(p, pipelines.simplify).functions["main"], pipelines.FINAL)
    g = pipelines.run(f, pipelines.FINAL)
    assert count_stmts(g.body) <= count_stmts(f.body)


def test_two_thousand_bindings_are_fast() -> None:
    x = Var("x", Scalar("f64"))

    def body(b: Builder) -> list[Var]:
        t, u = x, x
        for k in range(1000):
            t, u = b.prim("mul" if k % 3 else "sin", *([t, u] if k % 3 else [t])), b.prim("add", u, t)
        return [t, u]

    f = make_function("long", [x], body)
    assert count_stmts(f.body) == 2000
    best = min(_timed(f) for _ in range(3))
    assert best < 0.3  # the aim is 0.1 on a quiet machine


def _timed(f: Function) -> float:
    start = time.perf_counter()
    g = normalise(f)
    assert sum(1 for _ in all_stmts(g.body)) > 1000
    return time.perf_counter() - start


def test_results_that_are_the_same_everywhere_are_one() -> None:
    """Two results of an if, and the states of a loop that start as them."""
    x, k = Var("x", Scalar("f64")), Var("k", Scalar("i64"))

    def body(b: Builder) -> list[Atom]:
        def side(name: str) -> list[Atom]:
            v = b.prim(name, b.prim("exp", x))
            return [v, v]

        p, q = b.cond(b.prim("lt", x, Const(0.0, "f64")), lambda: side("sin"), lambda: side("cos"))

        def step(_: Var, s: tuple[Var, ...]) -> tuple[list[Atom], list[tuple[str, Atom]]]:
            v, w = b.prim("sin", b.prim("add", s[0], p)), b.prim("sin", b.prim("add", s[1], q))
            return [v, w], [("sum", v), ("max", w)]

        return list(b.loop(k, step, inits=[p, q]))

    f = make_function("f", [x, k], body)
    g = normalise(f)
    verify(program(g))
    assert [len(s.vars) for s in g.body.stmts if isinstance(s.op, If)] == [1]
    assert [len(s.op.states) for s in g.body.stmts if isinstance(s.op, Loop)] == [1]
    for args in ([-0.5, 3], [0.5, 4], [0.5, 0]):
        for a, e in zip(run(program(g), "f", list(args)), run(program(f), "f", list(args)), strict=True):
            np.testing.assert_allclose(a, e, rtol=1e-14)
