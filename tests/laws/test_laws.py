"""Laws over generated programs.  `DERIVANT_EXAMPLES` sets how many programs each property sees.

Interpreter = loop interpreter = native code; print and parse give the same core; optimisation keeps
the meaning; forward against finite differences and against reverse; reverse costs a constant.
"""

from __future__ import annotations

import os
from collections import Counter

import numpy as np
from derivant.compiler.build import Builder
from derivant.compiler.errors import Source
from derivant.compiler.interpret import cost, run
from derivant.compiler.ir import Function, Program, Var, alpha_equal, fresh_like
from derivant.compiler.printer import print_function
from derivant.compiler.verify import verify
from derivant.frontend.modules import load_module
from derivant.passes.differentiate import resolve
from derivant.passes.pipelines import FINAL, simplify
from derivant.passes.pipelines import run as run_pipeline
from derivant.runtime.native import compile_native
from hypothesis import HealthCheck, Phase, given, settings

from .generate import Generated, programs

EXAMPLES = int(os.environ.get("DERIVANT_EXAMPLES", "1000"))


def law(share: float):  # type: ignore[no-untyped-def]
    """A property that gets this share of the examples."""
    return settings(
        max_examples=max(int(EXAMPLES * share), 5), deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink],
    )


def core(p: Generated) -> Program:
    program = load_module(Source("generated.dv", p.source)).instantiate("main").program
    verify(program)
    return program


def plain(program: Program) -> Program:
    """Derivatives resolved, nothing optimised."""
    return resolve(program)


def optimised(program: Program) -> Function:
    done = resolve(program, simplify)
    (name,) = done.entries
    f = run_pipeline(done.functions[name], FINAL)
    verify(Program({name: f}, (name,)))
    return f


def value(program: Program, args: tuple[object, ...], count: Counter[str] | None = None) -> list:  # type: ignore[type-arg]
    (name,) = program.entries
    return run(program, name, list(args), count=count)


def close(a: object, b: object, tol: float = 1e-9) -> None:
    a, b = np.asarray(a), np.asarray(b)
    np.testing.assert_allclose(a, b, rtol=tol, atol=tol)


@law(0.4)
@given(programs())
def test_backends_agree(p: Generated) -> None:
    program = core(p)
    want = value(plain(program), p.args)
    f = optimised(program)
    got = run(Program({f.name: f}, (f.name,)), f.name, list(p.args))
    native = compile_native(f)(list(p.args))
    for a, b, c in zip(want, got, native, strict=True):
        close(b, a)
        close(c, a)


@law(0.2)
@given(programs(sizes=False))  # a state that changes its size is read with its size as one more state
def test_print_then_parse_is_the_identity(p: Generated) -> None:
    f = plain(core(p)).functions
    (f,) = f.values()
    text = print_function(f)
    again = plain(load_module(Source("printed.dv", text)).instantiate(f.name).program)
    (g,) = again.functions.values()
    assert alpha_equal(f, g), text + "\n" + print_function(g)


def derived(f: Function, forward: bool, kept: Program) -> Program:
    """`(params, directions) → (value, tangent)` or `(params, 1) → (value, gradients)`."""
    env: dict = {}  # type: ignore[type-arg]
    for v in f.sizes:
        fresh_like(v, env)
    params = [fresh_like(q, env) for q in f.params]
    b = Builder()
    more: list[Var] = []
    if forward:
        more = [fresh_like(q, dict(env)) for q in f.params]
        outs = b.jvp(f, params, list(more))
    else:
        more = [Var("bar", f.body.results[0].type)]
        outs = b.vjp(f, params, list(more), range(len(params)))
    main = Function("derived", (*params, *more), b.finish(outs))
    return Program({**kept.functions, f.name: f, "derived": main}, ("derived",))


def entry(program: Program) -> Function:
    (name,) = program.entries
    return program.functions[name]


@law(0.2)
@given(programs(smooth=True, derivatives=False))
def test_forward_equals_finite_differences(p: Generated) -> None:
    program = core(p)
    rng = np.random.default_rng(0)
    directions = [rng.normal(size=np.shape(a)) for a in p.args]
    both = derived(entry(program), True, program)
    _, tangent = run(resolve(both), "derived", [*p.args, *directions])
    simple = plain(program)
    h = 1e-5

    def at(t: float) -> float:
        return float(value(simple, tuple(a + t * d for a, d in zip(p.args, directions, strict=True)))[0])

    estimate = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)
    scale = 1 + abs(estimate) + abs(at(0.0))
    assert abs(float(tangent) - estimate) <= 1e-6 * scale


@law(0.3)
@given(programs())
def test_reverse_is_the_transpose_of_forward(p: Generated) -> None:
    program = core(p)
    f = entry(program)
    rng = np.random.default_rng(0)
    directions = [rng.normal(size=np.shape(a)) for a in p.args]
    forward = resolve(derived(f, True, program), simplify)
    verify(forward)
    _, tangent = run(forward, "derived", [*p.args, *directions])
    backward = resolve(derived(f, False, program), simplify)
    verify(backward)
    main = run_pipeline(backward.functions["derived"], FINAL)
    _, *gradients = compile_native(main)([*p.args, 1.0])
    total = sum(float(np.sum(np.asarray(g) * d)) for g, d in zip(gradients, directions, strict=True))
    terms = sum(float(np.sum(np.abs(np.asarray(g) * d))) for g, d in zip(gradients, directions, strict=True))
    if np.isfinite(float(tangent)):
        assert abs(total - float(tangent)) <= 1e-9 * (1 + terms)


@law(0.2)
@given(programs(derivatives=False))
def test_gradients_are_cheap(p: Generated) -> None:
    """Operations of the reverse program ≤ 5 × (those of the primal + sizes of inputs and outputs)."""
    program = core(p)
    f = optimised(program)
    count: Counter[str] = Counter()
    run(Program({f.name: f}, (f.name,)), f.name, list(p.args), count=count)
    backward = resolve(derived(entry(program), False, program), simplify)
    main = run_pipeline(backward.functions["derived"], FINAL)
    reverse: Counter[str] = Counter()
    run(Program({"derived": main}, ("derived",)), "derived", [*p.args, 1.0], count=reverse)
    sizes = 1 + sum(np.size(a) for a in p.args)
    assert cost(reverse) <= 5 * (cost(count) + sizes), print_function(main)


def test_generator_reaches_every_form() -> None:
    """The generator is no narrower than it claims: each construct appears in a few hundred programs."""
    seen: set[str] = set()
    words = ("loop", "while", "match", "grad(", "jvp(", "with [", "accumulate", "if ", "let ", "cumsum", "sum(",
             "prod(", "Pair(", "dot(", "max(", "concat(", "filter(")

    @settings(max_examples=300, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(programs())
    def look(p: Generated) -> None:
        seen.update(w for w in words if w in p.source)

    look()
    assert seen == set(words)
