"""The reference interpreter: every form, every run-time error, and what it counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from derivant.compiler.build import Builder, make_function
from derivant.compiler.errors import (
    ArithmeticError,
    AssertError,
    BoundsError,
    Error,
    InternalError,
    SizeError,
    Source,
    Span,
    ValueError_,
)
from derivant.compiler.interpret import cost, run
from derivant.compiler.ir import Array, Atom, Const, Prov, Scalar, Var, integer
from derivant.compiler.verify import verify

from .core_programs import F64, I64, Case, cases, f, program, size, vector


@pytest.mark.parametrize("c", cases(), ids=repr)
def test_forms(c: Case) -> None:
    verify(c.program)
    results = run(c.program, c.entry, c.args)
    assert len(results) == len(c.want)
    for have, want in zip(results, c.want, strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-15)
        assert np.shape(have) == np.shape(want)


def main(params: Sequence[Var], body: Callable[[Builder], Sequence[Atom]], args: Sequence[Any], **more: Any) -> Any:
    p = program(make_function("main", params, body))
    verify(p)
    return run(p, "main", args, **more)


def fails(cls: type[Error], code: str, params: Sequence[Var], body: Callable[[Builder], Sequence[Atom]],
          args: Sequence[Any]) -> Error:
    with pytest.raises(cls) as e:
        main(params, body, args)
    assert e.value.code == code
    return e.value


def test_empty_loops() -> None:
    n = size()
    x = vector("x", n)

    def body(b: Builder) -> Sequence[Atom]:
        row = b.fill([integer(2)], f(1.0))
        return b.loop(n, lambda i, _: ((), [(m, b.index(x, i)) for m in ("build", "sum", "prod", "max", "min")]
                                       + [("sum", row), ("build", row), ("argmax", b.index(x, i))]))

    built, total, product, top, low, rows, table, at = main([x], body, [np.zeros(0)])
    assert built.shape == (0,) and table.shape == (0, 2) and rows.tolist() == [0.0, 0.0]
    assert (total, product, top, low, at) == (0, 1, -np.inf, np.inf, 0)


def test_an_empty_or_negative_range_runs_nothing() -> None:
    k = Var("k", I64)
    assert main([k], lambda b: [b.reduce("sum", k, lambda i: i)], [-3]) == [0]


def test_nan_and_ties_in_reductions() -> None:
    n = size()
    x = vector("x", n)

    def body(b: Builder) -> Sequence[Atom]:
        modes = ("max", "min", "argmax", "argmin")
        up = b.loop(n, lambda i, _: ((), [(m, b.index(x, i)) for m in modes]))
        return [*up, *b.loop(n, lambda i, _: ((), [(m, b.index(x, i)) for m in modes[2:]]), down=True)]

    assert main([x], body, [[1.0, 2.0, 2.0, 1.0]]) == [2, 1, 1, 0, 1, 0]
    top, low, *at = main([x], body, [[1.0, np.nan, 2.0, np.nan]])
    assert np.isnan(top) and np.isnan(low) and at == [1, 1, 1, 1]


def test_values_are_never_changed() -> None:
    n = size()
    x = vector("x", n)
    given = np.zeros(2)
    out, same = main([x], lambda b: [b.update(x, [integer(0)], f(1.0)), x], [given])
    assert out.tolist() == [1, 0] and same.tolist() == [0, 0] and given.tolist() == [0, 0]
    same[0] = 5
    assert given[0] == 0


def test_integers_wrap_in_sums() -> None:
    n = size()
    k = vector("k", n, "i64")
    assert main([k], lambda b: [b.reduce("sum", n, lambda i: b.index(k, i))], [[2**63 - 1, 1]]) == [-(2**63)]


def test_bounds() -> None:
    n, k = size(), Var("k", I64)
    x = vector("x", n)
    for i in (-1, 3):
        e = fails(BoundsError, "DV0501", [x, k], lambda b: [b.index(x, k)], [np.zeros(3), i])
        assert e.message == f"index {i} is out of bounds for axis 0 of size 3"
    fails(BoundsError, "DV0501", [x, k], lambda b: [b.update(x, [k], f(1.0))], [np.zeros(3), 3])
    fails(BoundsError, "DV0501", [x, k], lambda b: [b.delta([n], [k], f(1.0))], [np.zeros(3), 3])
    a = Var("a", Array("f64", (n, size("m"))))
    e = fails(BoundsError, "DV0501", [a, k], lambda b: [b.index(a, integer(0), k)], [np.zeros((3, 2)), 2])
    assert "axis 1 of size 2" in e.message
    fails(InternalError, "DV0999", [x, k], lambda b: [b.index(x, k, safe=True)], [np.zeros(3), 3])


def test_sizes() -> None:
    n = size()
    x, y, k = vector("x", n), vector("y", n), Var("k", I64)
    e = fails(SizeError, "DV0502", [x, y], lambda b: [n], [np.zeros(3), np.zeros(2)])
    assert e.message == "axis 0 of y has size 2, but n is 3"
    z = vector("z", k)
    fails(SizeError, "DV0502", [k, z], lambda b: [k], [2, np.zeros(3)])
    assert main([k, z], lambda b: [k], [3, np.zeros(3)]) == [3]
    fails(SizeError, "DV0502", [vector("w", integer(4))], lambda b: [f(0.0)], [np.zeros(3)])
    fails(SizeError, "DV0503", [k], lambda b: [b.fill([k], f(0.0))], [-1])
    fails(SizeError, "DV0503", [k], lambda b: [b.build(k, lambda i: i)], [-1])
    fails(ValueError_, "DV0509", [k], lambda b: [b.fill([k, k], f(0.0))], [2**40])


def test_wrong_arguments() -> None:
    p = program(make_function("main", [vector("x", size())], lambda b: [f(0.0)]))
    for args in ([], [1.0], [np.zeros((2, 2))]):
        with pytest.raises(TypeError):
            run(p, "main", args)


def test_asserts_and_show() -> None:
    n, s = size(), Var("s", F64)
    x = vector("x", n)
    lines: list[str] = []

    def body(b: Builder) -> Sequence[Atom]:
        b.show("x is {0}, {1}", x, b.prim("gt", s, f(0.0)))
        b.assert_(b.prim("gt", s, f(0.0)), "DV0507", "{0} is not positive", s)
        return [s]

    assert main([x, s], body, [np.arange(3), 0.5], write=lines.append) == [0.5]
    assert lines == ["x is [0.0, 1.0, 2.0], true"]
    e = fails(AssertError, "DV0507", [x, s], body, [np.arange(3), -0.5])
    assert e.message == "-0.5 is not positive"

    def sizes(b: Builder) -> Sequence[Atom]:
        b.assert_(b.prim("eq", n, integer(2)), "DV0502", "sizes differ")
        return [s]

    fails(SizeError, "DV0502", [x, s], sizes, [np.arange(3), 1])


def test_an_error_gets_the_span_of_the_innermost_statement() -> None:
    k = Var("k", I64)
    span = Span(Source("a.dv", "k // k"), 1, 1, 1, 7)

    def body(b: Builder) -> Sequence[Atom]:
        def inner(i: Var) -> Atom:
            with b.at(Prov((span,))):
                return b.prim("floordiv", k, k)

        return [b.reduce("sum", integer(2), inner)]

    e = fails(ArithmeticError, "DV0504", [k], body, [0])
    assert e.span is span


def test_short_circuit_is_a_branch() -> None:
    k = Var("k", I64)

    def body(b: Builder) -> Sequence[Atom]:
        return b.cond(b.prim("eq", k, integer(0)), lambda: [integer(0)], lambda: [b.prim("floordiv", integer(6), k)])

    assert main([k], body, [0]) == [0] and main([k], body, [4]) == [1]


def test_counting() -> None:
    n = size()
    x = vector("x", n)

    def body(b: Builder) -> Sequence[Atom]:
        return [b.reduce("sum", n, lambda i: b.prim("exp", b.index(x, b.prim("mul", i, integer(1))))),
                b.reduce("sum", n, lambda i: b.delta([n], [i], b.index(x, i)))]

    count: Counter[str] = Counter()
    main([x], body, [np.ones(5)], count=count)
    assert count == {"exp": 5, "add": 10}
    assert cost(count) == 5 * 15 + 10


def test_existential_sizes_of_states() -> None:
    """A state whose size is another state: the array doubles at each step."""
    n = size()
    x = vector("x", n)

    def body(b: Builder) -> Sequence[Atom]:
        one = b.prim("add", integer(0), integer(1))

        def step(i: Var, st: tuple[Var, ...]) -> Any:
            k, v = st
            twice = b.prim("add", k, k)
            return [twice, b.build(twice, lambda j: b.index(v, b.prim("mod", j, k)))], []

        return b.loop(integer(3), step, inits=[one, b.fill([one], f(2.0))], states=["k", "v"])

    k, v = main([x], body, [np.zeros(1)])
    assert k == 8 and v.tolist() == [2.0] * 8


def test_a_long_block_and_a_deep_recursion() -> None:
    s = Var("s", F64)

    def body(b: Builder) -> Sequence[Atom]:
        v: Atom = s
        for _ in range(20_000):
            v = b.prim("add", v, f(1.0))
        return [v]

    assert main([s], body, [0.0]) == [20_000]
    fact = next(c for c in cases() if c.name == "recursion")
    assert run(fact.program, "fact", [2_000]) == [0]
    with pytest.raises(ValueError_, match="calls nest deeper"):
        run(fact.program, "fact", [20_000])


def test_wrong_types_are_internal_errors() -> None:
    n = size()
    x = vector("x", n)
    p = program(make_function("main", [x], lambda b: [b.plus(x, x)]))
    stmt = p.functions["main"].body.stmts[0]
    stmt.vars[0].type = Array("f64", (Const(7, "i64"),))
    with pytest.raises(InternalError, match="its type says"):
        run(p, "main", [np.zeros(2)])
    assert Scalar("f64").shape == ()
