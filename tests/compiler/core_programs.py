"""Small core programs made by hand, one for each form, with arguments and expected results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from derivant.compiler.build import Builder, make_function
from derivant.compiler.ir import Array, Atom, Const, Function, Program, Scalar, Var, integer

F64, I64 = Scalar("f64"), Scalar("i64")


def f(x: float) -> Const:
    return Const(x, "f64")


def size(name: str = "n") -> Var:
    return Var(name, I64, nonneg=True)


def vector(name: str, n: Atom, kind: str = "f64") -> Var:
    return Var(name, Array(kind, (n,)))


def program(*functions: Function) -> Program:
    return Program({g.name: g for g in functions}, (functions[-1].name,))


@dataclass(frozen=True)
class Case:
    """The last function of `program` of `args` gives `want`."""

    name: str
    program: Program
    args: Sequence[Any]
    want: Sequence[Any]

    def __repr__(self) -> str:
        return self.name

    @property
    def entry(self) -> str:
        return self.program.entries[0]


def case(name: str, params: Sequence[Var], body: Callable[[Builder], Sequence[Atom]], args: Sequence[Any],
         want: Sequence[Any], *others: Function) -> Case:
    return Case(name, program(*others, make_function("main", params, body)), args, want)


def cases() -> list[Case]:
    n, m = size("n"), size("m")
    x, y, k, a = vector("x", n), vector("y", n), vector("k", n, "i64"), Var("a", Array("f64", (n, m)))
    h, s, i0, c = Var("h", Scalar("f32")), Var("s", F64), Var("q", I64), Var("c", Scalar("bool"))
    xs = np.array([3.0, 1.0, 2.0])
    found = [
        case("dot", [x, y], lambda b: [b.reduce("sum", n, lambda i: b.prim("mul", b.index(x, i), b.index(y, i)))],
             [xs, xs + 1], [3 * 4 + 1 * 2 + 2 * 3.0]),
        case("outs", [x], _outs(x, n), [xs], [xs * 2, 6.0, 6.0, 3.0, 1.0, True, False, 0, 1]),
        case("down", [x], lambda b: _horner(b, x, n), [xs],
             [3.0 + 2 * (1 + 2 * 2.0), np.array([5.0, 2.0, 0.0])]),
        case("while", [s], _newton, [2.0], [665857 / 470832, np.array([1.5, 17 / 12, 577 / 408, 665857 / 470832]), 4]),
        case("branch", [s], lambda b: b.cond(
            b.prim("gt", s, f(0.0)), lambda: [b.prim("log", s), integer(1)], lambda: [f(0.0), integer(2)]),
             [-1.0], [0.0, 2]),
        case("rows", [a, i0], lambda b: [
            b.index(a, i0), b.update(a, [i0], b.fill([m], f(0.0))), b.delta([n, m], [i0, integer(0)], f(7.0))],
             [np.arange(6.0).reshape(2, 3), 1],
             [np.array([3.0, 4, 5]), np.array([[0.0, 1, 2], [0, 0, 0]]), np.array([[0.0, 0, 0], [7, 0, 0]])]),
        case("scatter", [k, x], lambda b: [b.reduce(
            "sum", n, lambda i: b.delta([n], [b.index(k, i)], b.index(x, i)))], [[2, 0, 2], xs],
             [np.array([1.0, 0, 5])]),
        case("plus", [x, y], lambda b: [b.plus(x, y, x)], [xs, xs], [xs * 3]),
        case("argsort", [x], lambda b: [b.argsort(x)], [[2.0, np.nan, 1.0, 2.0]], [np.array([2, 0, 3, 1])]),
        case("logic", [s, c], lambda b: [
            b.prim("and", b.prim("not", c), b.prim("lt", s, f(1.0))), b.prim("select", c, s, b.prim("neg", s))],
             [0.5, False], [True, -0.5]),
        case("precedence", [s], lambda b: [b.prim("pow", b.prim("sub", s, b.prim("sub", s, f(-2.0))), f(2.0))],
             [3.0], [4.0]),
        case("half", [h], lambda b: [b.prim("mul", h, Const(0.1, "f32"))], [3.0], [np.float32(3) * np.float32(0.1)]),
    ]
    found.append(_factorial())
    found.append(_call())
    found.append(_filter())
    return found


def _outs(x: Var, n: Atom) -> Callable[[Builder], Sequence[Atom]]:
    def body(b: Builder) -> Sequence[Atom]:
        def step(i: Var, _: tuple[Var, ...]) -> Any:
            v = b.index(x, i)
            big = b.prim("gt", v, f(2.5))
            return (), [("build", b.prim("mul", v, f(2.0))), ("sum", v), ("prod", v), ("max", v), ("min", v),
                        ("any", big), ("all", big), ("argmax", v), ("argmin", v)]

        return b.loop(n, step)

    return body


def _horner(b: Builder, x: Var, n: Atom) -> Sequence[Atom]:
    return b.loop(n, lambda i, st: ([b.prim("add", b.prim("mul", st[0], f(2.0)), b.index(x, i))], [("build", st[0])]),
                  inits=[f(0.0)], down=True, states=["acc"])


def _newton(b: Builder) -> Sequence[Atom]:
    def step(i: Var, st: tuple[Var, ...]) -> Any:
        (r,) = st
        new = b.prim("mul", f(0.5), b.prim("add", r, b.prim("div", f(2.0), r)))
        return [new], [("build", new)]

    def head(i: Var, st: tuple[Var, ...]) -> Atom:
        return b.prim("gt", b.prim("abs", b.prim("sub", b.prim("mul", st[0], st[0]), f(2.0))), f(1e-9))

    return b.loop(None, step, inits=[f(2.0)], head=head, states=["r"], names=["root", "path"])


def _factorial() -> Case:
    k = Var("k", I64)
    b = Builder()
    first = Function("fact", (k,), b.finish([k]))

    def body(b: Builder) -> Sequence[Atom]:
        return b.cond(b.prim("le", k, integer(1)), lambda: [integer(1)], lambda: [
            b.prim("mul", k, b.call(first, [b.prim("sub", k, integer(1))])[0])])

    return Case("recursion", program(make_function("fact", [k], body)), [10], [3628800])


def _call() -> Case:
    n, k = size(), Var("k", I64)
    v = vector("v", n)
    last = make_function("last", [v, k], lambda b: [b.index(v, b.prim("sub", n, k)), n])
    m = size("m")
    x = vector("x", m)
    return case("call", [x], lambda b: b.call(last, [x, integer(1)]), [[1.0, 2.0, 5.0]], [5.0, 3], last)


def _filter() -> Case:
    """A size that depends on data: the kept elements in front of a loop's state, then a copy of these."""
    n = size()
    x = vector("x", n)

    def body(b: Builder) -> Sequence[Atom]:
        def step(i: Var, st: tuple[Var, ...]) -> Any:
            count, kept = st
            v = b.index(x, i)
            keep = b.prim("gt", v, f(1.5))
            new = b.cond(keep, lambda: [b.update(kept, [count], v), b.prim("add", count, integer(1))],
                         lambda: [kept, count])
            return [new[1], new[0]], []

        count, kept = b.loop(n, step, inits=[integer(0), b.fill([n], f(0.0))], states=["count", "kept"])
        return [count, b.build(count, lambda i: b.index(kept, i))]

    return case("filter", [x], body, [[3.0, 1.0, 2.0]], [2, np.array([3.0, 2.0])])
