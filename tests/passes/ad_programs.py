"""Core programs, built by hand, that between them use every form a derivative has to deal with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from derivant.compiler.build import Builder, make_function
from derivant.compiler.ir import ONE, ZERO, Array, Atom, Const, Function, Scalar, Var, integer

F = Scalar("f64")


def c(x: float) -> Const:
    return Const(x, "f64")


def size(name: str) -> Var:
    return Var(name, Scalar("i64"), nonneg=True)


def vector(name: str, n: Var) -> Var:
    return Var(name, Array("f64", (n,)))


def matrix(name: str, n: Var, m: Var) -> Var:
    return Var(name, Array("f64", (n, m)))


Case = tuple[Function, list[np.ndarray | float]]
CASES: dict[str, Callable[[np.random.Generator], Case]] = {}


def case(f: Callable[[np.random.Generator], Case]) -> Callable[[np.random.Generator], Case]:
    CASES[f.__name__] = f
    return f


@case
def straight(rng: np.random.Generator) -> Case:
    x, y = Var("x", F), Var("y", F)

    def body(b: Builder) -> list[Atom]:
        t = b.prim("mul", b.prim("sin", x), b.prim("exp", y))
        u = b.prim("div", t, b.prim("add", b.prim("mul", x, x), c(1.0)))
        return [u, b.prim("select", b.prim("lt", x, y), u, b.prim("neg", t))]

    return make_function("straight", [x, y], body), [0.7, -0.3]


@case
def logsumexp(rng: np.random.Generator) -> Case:
    n = size("n")
    x = vector("x", n)

    def body(b: Builder) -> list[Atom]:
        m = b.reduce("max", n, lambda i: b.index(x, i))
        s = b.reduce("sum", n, lambda i: b.prim("exp", b.prim("sub", b.index(x, i), m)))
        return [b.prim("add", m, b.prim("log", s))]

    return make_function("logsumexp", [x], body), [rng.normal(size=6)]


@case
def matmul(rng: np.random.Generator) -> Case:
    n, m, k = size("n"), size("m"), size("k")
    x, y = matrix("x", n, m), matrix("y", m, k)

    def body(b: Builder) -> list[Atom]:
        def cell(i: Var, j: Var) -> Atom:
            return b.reduce("sum", m, lambda r: b.prim("mul", b.index(x, i, r), b.index(y, r, j)))

        return [b.build(n, lambda i: b.build(k, lambda j: cell(i, j)))]

    return make_function("matmul", [x, y], body), [rng.normal(size=(2, 3)), rng.normal(size=(3, 4))]


@case
def rows_in_a_sum(rng: np.random.Generator) -> Case:
    n, d = size("n"), size("d")
    x, mu = matrix("x", n, d), vector("mu", d)

    def body(b: Builder) -> list[Atom]:
        def point(i: Var) -> Atom:
            row = b.index(x, i)
            z = b.build(d, lambda j: b.prim("sub", b.index(row, j), b.index(mu, j)))
            return b.prim("log", b.prim("add", c(1.0), b.reduce("sum", d, lambda j: b.prim(
                "mul", b.index(z, j), b.index(z, j)))))

        return [b.reduce("sum", n, point)]

    return make_function("rows", [x, mu], body), [rng.normal(size=(4, 3)), rng.normal(size=3)]


@case
def guarded(rng: np.random.Generator) -> Case:
    n = size("n")
    x = vector("x", n)

    def body(b: Builder) -> list[Atom]:
        def cell(i: Var) -> Atom:
            first = b.prim("gt", i, ZERO)

            def inside() -> list[Atom]:
                return [b.prim("mul", b.index(x, b.prim("sub", i, ONE)), b.index(x, i))]

            return b.cond(first, inside, lambda: [b.prim("sqrt", b.prim("abs", b.index(x, i)))])[0]

        return [b.build(n, cell)]

    return make_function("guarded", [x], body), [rng.normal(size=5)]


@case
def recurrence(rng: np.random.Generator) -> Case:
    n = size("n")
    x, a = vector("x", n), Var("a", F)

    def body(b: Builder) -> list[Atom]:
        def step(i: Var, s: tuple[Var, ...]) -> tuple[list[Atom], list[tuple[str, Atom]]]:
            h = b.prim("tanh", b.prim("add", b.prim("mul", a, s[0]), b.index(x, i)))
            g = b.prim("mul", h, s[1])
            return [h, b.prim("add", g, c(0.5))], [("build", g), ("sum", b.prim("sin", h))]

        return list(b.loop(n, step, inits=[c(0.1), c(1.0)]))

    return make_function("recurrence", [x, a], body), [rng.normal(size=6), 0.8]


@case
def newton(rng: np.random.Generator) -> Case:
    a = Var("a", F)

    def body(b: Builder) -> list[Atom]:
        def step(_: Var, s: tuple[Var, ...]) -> tuple[list[Atom], list[tuple[str, Atom]]]:
            (y,) = s
            return [b.prim("mul", c(0.5), b.prim("add", y, b.prim("div", a, y)))], [("build", y)]

        def going(_: Var, s: tuple[Var, ...]) -> Atom:
            return b.prim("gt", b.prim("abs", b.prim("sub", b.prim("mul", s[0], s[0]), a)), c(1e-3))

        y, path, _ = b.loop(None, step, inits=[c(1.0)], head=going)
        trip = path.type.shape[0]
        return [y, b.reduce("sum", trip, lambda i: b.prim("sin", b.index(path, i)))]

    return make_function("newton", [a], body), [2.7]


@case
def newton_in_a_sum(rng: np.random.Generator) -> Case:
    n = size("n")
    x = vector("x", n)

    def body(b: Builder) -> list[Atom]:
        def root(i: Var) -> Atom:
            a = b.prim("add", c(1.0), b.prim("mul", b.index(x, i), b.index(x, i)))

            def step(_: Var, s: tuple[Var, ...]) -> tuple[list[Atom], list[tuple[str, Atom]]]:
                return [b.prim("mul", c(0.5), b.prim("add", s[0], b.prim("div", a, s[0])))], []

            def going(_: Var, s: tuple[Var, ...]) -> Atom:
                return b.prim("gt", b.prim("abs", b.prim("sub", b.prim("mul", s[0], s[0]), a)), c(1e-3))

            return b.loop(None, step, inits=[c(1.0)], head=going)[0]

        return [b.reduce("sum", n, root)]

    return make_function("newtons", [x], body), [rng.normal(size=5)]


@case
def soft_dtw(rng: np.random.Generator) -> Case:
    """A table updated cell by cell over two sequential loops, with reads of three neighbours."""
    n, m = size("n"), size("m")
    d = matrix("d", n, m)

    def body(b: Builder) -> list[Atom]:
        n1, m1 = b.prim("add", n, ONE), b.prim("add", m, ONE)
        first = b.update(b.fill((n1, m1), c(1e3)), (ZERO, ZERO), c(0.0))

        def outer(i: Var, s: tuple[Var, ...]) -> tuple[list[Atom], list[tuple[str, Atom]]]:
            def inner(j: Var, r: tuple[Var, ...]) -> tuple[list[Atom], list[tuple[str, Atom]]]:
                i1, j1 = b.prim("add", i, ONE), b.prim("add", j, ONE)
                terms = [b.prim("exp", b.prim("neg", b.index(r[0], *at))) for at in ((i, j), (i, j1), (i1, j))]
                soft = b.prim("neg", b.prim("log", b.plus(*terms)))
                return [b.update(r[0], (i1, j1), b.prim("add", b.index(d, i, j), soft))], []

            return [b.loop(m, inner, inits=[s[0]], index="j")[0]], []

        (table,) = b.loop(n, outer, inits=[first])
        return [b.index(table, n, m)]

    return make_function("soft_dtw", [d], body), [rng.uniform(size=(3, 4))]


@case
def forward_substitution(rng: np.random.Generator) -> Case:
    """Ragged inner reads of an updated array."""
    n = size("n")
    a, y = matrix("a", n, n), vector("y", n)

    def body(b: Builder) -> list[Atom]:
        def step(i: Var, s: tuple[Var, ...]) -> tuple[list[Atom], list[tuple[str, Atom]]]:
            dot = b.reduce("sum", i, lambda j: b.prim("mul", b.index(a, i, j), b.index(s[0], j)))
            x = b.prim("div", b.prim("sub", b.index(y, i), dot), b.index(a, i, i))
            return [b.update(s[0], (i,), x)], []

        return [b.loop(n, step, inits=[b.fill((n,), c(0.0))])[0]]

    return make_function("subst", [a, y], body), [rng.normal(size=(4, 4)) + 4 * np.eye(4), rng.normal(size=4)]


@case
def stencil_in_place(rng: np.random.Generator) -> Case:
    """Reads of an updated array that come after writes to the same array."""
    n = size("n")
    x = vector("x", n)

    def body(b: Builder) -> list[Atom]:
        inner = b.prim("sub", n, integer(1))

        def step(i: Var, s: tuple[Var, ...]) -> tuple[list[Atom], list[tuple[str, Atom]]]:
            left, right = b.index(s[0], i), b.index(s[0], b.prim("add", i, ONE))
            once = b.update(s[0], (i,), b.prim("mul", left, b.prim("sin", right)))
            back = b.index(once, i)
            return [b.update(once, (b.prim("add", i, ONE),), b.prim("add", right, b.prim("mul", back, back)))], []

        return [b.loop(inner, step, inits=[x])[0]]

    return make_function("stencil", [x], body), [rng.normal(size=6)]


@case
def rebuilt_state(rng: np.random.Generator) -> Case:
    n, steps = size("n"), Var("steps", Scalar("i64"))
    x, w = vector("x", n), vector("w", n)

    def body(b: Builder) -> list[Atom]:
        def step(_: Var, s: tuple[Var, ...]) -> tuple[list[Atom], list[tuple[str, Atom]]]:
            total = b.reduce("sum", n, lambda i: b.prim("mul", b.index(s[0], i), b.index(w, i)))
            return [b.build(n, lambda i: b.prim("sin", b.prim("add", b.index(s[0], i), total)))], []

        return [b.loop(steps, step, inits=[x])[0]]

    return make_function("rebuilt", [x, w, steps], body), [rng.normal(size=3), rng.normal(size=3), 4]


@case
def reductions(rng: np.random.Generator) -> Case:
    n = size("n")
    x = vector("x", n)

    def body(b: Builder) -> list[Atom]:
        def outs(i: Var, _: tuple[Var, ...]) -> tuple[list[Atom], list[tuple[str, Atom]]]:
            v = b.prim("sin", b.index(x, i))
            return [], [("prod", v), ("max", v), ("min", v), ("sum", v)]

        return list(b.loop(n, outs))

    return make_function("reductions", [x], body), [rng.normal(size=5)]


@case
def sorting(rng: np.random.Generator) -> Case:
    n = size("n")
    x = vector("x", n)

    def body(b: Builder) -> list[Atom]:
        order = b.argsort(x)
        return [b.build(n, lambda i: b.prim("mul", b.prim("f64", i), b.index(x, b.index(order, i))))]

    return make_function("sorting", [x], body), [rng.normal(size=5)]


@case
def histogram(rng: np.random.Generator) -> Case:
    n, k = size("n"), Var("k", Scalar("i64"))
    x, w = vector("x", n), vector("w", n)

    def body(b: Builder) -> list[Atom]:
        def bin_of(i: Var) -> Atom:
            at = b.prim("mod", b.prim("mul", i, integer(2)), k)
            return b.delta((k,), (at,), b.prim("mul", b.index(x, i), b.prim("exp", b.index(w, i))))

        return [b.reduce("sum", n, bin_of)]

    return make_function("histogram", [x, w, k], body), [rng.normal(size=6), rng.normal(size=6), 3]


@case
def branch_with_arrays(rng: np.random.Generator) -> Case:
    n = size("n")
    x, t = vector("x", n), Var("t", F)

    def body(b: Builder) -> list[Atom]:
        y, s = b.cond(
            b.prim("gt", t, c(0.0)),
            lambda: [b.build(n, lambda i: b.prim("mul", t, b.index(x, i))), b.index(x, ZERO)],
            lambda: [b.build(n, lambda i: b.prim("exp", b.index(x, i))), t],
        )
        return [b.build(n, lambda i: b.prim("mul", b.index(y, i), s))]

    return make_function("branch", [x, t], body), [rng.normal(size=4), float(rng.normal())]


@case
def rows_of_a_state(rng: np.random.Generator) -> Case:
    """Layers: rows of an updated matrix, read elementwise in an inner parallel loop."""
    n, m, steps = size("n"), size("m"), Var("steps", Scalar("i64"))
    x, w = matrix("x", n, m), vector("w", m)

    def body(b: Builder) -> list[Atom]:
        def step(_: Var, s: tuple[Var, ...]) -> tuple[list[Atom], list[tuple[str, Atom]]]:
            def layer(r: Var, t: tuple[Var, ...]) -> tuple[list[Atom], list[tuple[str, Atom]]]:
                row = b.build(m, lambda j: b.prim("tanh", b.prim("add", b.prim(
                    "mul", b.index(t[0], r, j), b.index(w, j)), b.index(t[1], j))), name="row")
                return [b.update(t[0], (r,), row), row], []

            return [b.loop(n, layer, inits=[s[0], w], index="r")[0]], []

        return [b.loop(steps, step, inits=[x])[0]]

    return make_function("rows_of_a_state", [x, w, steps], body), [rng.normal(size=(2, 3)), rng.normal(size=3), 3]


@case
def counter_decides(rng: np.random.Generator) -> Case:
    """States without a tangent beside one with, a downward loop, and a bounded while."""
    n = size("n")
    x = vector("x", n)

    def body(b: Builder) -> list[Atom]:
        def step(i: Var, s: tuple[Var, ...]) -> tuple[list[Atom], list[tuple[str, Atom]]]:
            k, y = s
            odd = b.prim("eq", b.prim("mod", k, integer(2)), ONE)
            (z,) = b.cond(odd, lambda: [b.prim("mul", y, b.index(x, i))], lambda: [b.prim("sin", y)])
            return [b.prim("add", k, ONE), z], [("build", b.prim("mul", z, y))]

        down = b.loop(n, step, inits=[ZERO, c(0.9)], down=True)
        up = b.loop(n, step, inits=[ONE, down[1]], head=lambda i, s: b.prim("lt", b.prim("abs", s[1]), c(0.95)))
        total = b.reduce("sum", up[3], lambda i: b.index(up[2], i))
        return [down[1], down[2], up[1], total]

    return make_function("counter", [x], body), [rng.normal(size=5)]
