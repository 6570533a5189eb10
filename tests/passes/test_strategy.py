"""Strategies: combinators, traversals that know binders, the log and its fuel."""

from __future__ import annotations

import pytest
from derivant.compiler.build import Builder, make_function
from derivant.compiler.errors import InternalError
from derivant.compiler.interpret import run
from derivant.compiler.ir import Array, Const, Function, Loop, Prim, Program, Scalar, Stmt, Var, all_stmts
from derivant.compiler.verify import verify
from derivant.passes.strategy import (
    Log,
    Rewritten,
    Strategy,
    all_,
    at,
    bottomup,
    choice,
    everywhere,
    fail,
    identity,
    innermost,
    lift,
    one,
    outermost,
    repeat,
    rule,
    seq,
    some,
    topdown,
    try_,
    where,
)

F = Scalar("f64")


def example() -> Function:
    """sum(-(-(x[i] * 1)) for i) + -(-y)"""
    n, y = Var("n", Scalar("i64"), nonneg=True), Var("y", F)
    x = Var("x", Array("f64", (n,)))

    def body(b: Builder) -> list[Var]:
        def cell(i: Var) -> Var:
            t = b.prim("mul", b.index(x, i, safe=True), Const(1.0, "f64"))
            return b.prim("neg", b.prim("neg", t))

        s = b.reduce("sum", n, cell)
        return [b.prim("add", s, b.prim("neg", b.prim("neg", y)))]

    return make_function("f", [x, y], body)


def names(f: object) -> list[str]:
    assert isinstance(f, Function)
    verify(Program({"f": f}, ("f",)))
    assert run(Program({"f": f}, ("f",)), "f", [[1.0, 2.5], 4.0])[0] == 7.5
    return [s.op.name for s in all_stmts(f.body) if isinstance(s.op, Prim)]


def _double(s: Stmt) -> Rewritten | None:
    op = s.op
    if isinstance(op, Prim) and op.name == "neg" and isinstance(op.args[0], Var) and op.args[0].stmt is not None:
        inner = op.args[0].stmt.op
        if isinstance(inner, Prim) and inner.name == "neg":
            return Rewritten((), {s.vars[0]: inner.args[0]})
    return None


def _unit(s: Stmt) -> Rewritten | None:
    if isinstance(s.op, Prim) and s.op.name == "mul" and s.op.args[1] == Const(1.0, "f64"):
        return Rewritten((), {s.vars[0]: s.op.args[0]})
    return None


double = rule("double_negation", _double)
unit = rule("times_one", _unit)


def test_traversals() -> None:
    f = example()
    assert names(f) == ["mul", "neg", "neg", "neg", "neg", "add"]
    assert names(topdown(double)(f)) == ["mul", "neg", "neg", "neg", "add"]
    assert names(bottomup(unit)(f)) == ["neg", "neg", "neg", "neg", "add"]
    for s in (innermost(choice(double, unit)), outermost(double | unit), everywhere(double | unit)):
        assert names(s(f)) == ["neg", "neg", "add"], s.name
    assert names(repeat(topdown(double))(f)) == ["mul", "neg", "neg", "add"]


def test_failure_and_choice() -> None:
    f = example()
    assert fail(f) is None
    assert identity(f) is f
    assert try_(fail)(f) is f
    assert seq(identity, fail)(f) is None
    assert choice(fail, identity)(f) is f
    assert (topdown(double) >> fail)(f) is None
    nothing = rule("nothing", lambda s: None)
    assert topdown(nothing)(f) is None
    assert topdown(nothing).run(f) is f


def test_children() -> None:
    f = example()
    assert all_(double)(f) is None
    assert all_(identity)(f) is not None
    assert one(double)(f) is not None
    assert names(some(double)(f)) == ["mul", "neg", "neg", "neg", "add"]  # the loop is one child


def test_places() -> None:
    f = example()
    assert names(at((0, 3), double)(f)) == ["mul", "neg", "neg", "neg", "add"]
    assert at((0, 0), double)(f) is None
    outer = topdown(where(lambda t: isinstance(t, Stmt) and t.prov.role == "none", double, "role"))
    assert outer(f) is None


def test_what_fired_is_logged() -> None:
    log = Log()
    innermost(choice(double, unit))(example(), log)
    assert (log.total("double_negation"), log.total("times_one")) == (2, 1)
    assert {f.rule for f in log.firings()} >= {"double_negation", "times_one"}


def test_fuel_names_the_rules_in_the_cycle() -> None:
    def flip(s: Stmt) -> Stmt | None:
        if isinstance(s.op, Prim) and s.op.name == "add":
            return Stmt((Var("t", F),), Prim("add", s.op.args[::-1]), s.prov)
        return None

    loops: Strategy = innermost(rule("flip", flip))
    with pytest.raises(InternalError, match="flip") as e:
        loops(example(), Log(200))
    assert "do not end" in str(e.value) or "does not end" in str(e.value)


def test_a_pass_is_a_strategy() -> None:
    renamed = lift("rename", lambda f: Function("g", f.params, f.body))
    out = (renamed >> topdown(double))(example())
    assert isinstance(out, Function)
    assert out.name == "g"


# ---------------------------------------------------------------- sequences whose parts define new variables


def _swap(s: Stmt) -> Stmt | None:
    """x * 1 as 1 * x: another variable."""
    if isinstance(s.op, Prim) and s.op.name == "mul" and s.op.args[1] == Const(1.0, "f64"):
        return Stmt((Var("t", F),), Prim("mul", s.op.args[::-1]), s.prov)
    return None


def _unit_left(s: Stmt) -> Rewritten | None:
    if isinstance(s.op, Prim) and s.op.name == "mul" and s.op.args[0] == Const(1.0, "f64"):
        return Rewritten((), {s.vars[0]: s.op.args[1]})
    return None


def _negations(s: Stmt) -> Rewritten | None:
    """x + y as -(-x - y)."""
    if isinstance(s.op, Prim) and s.op.name == "add":
        b = Builder()
        x, y = s.op.args
        out = b.prim("neg", b.prim("sub", b.prim("neg", x), y))
        return Rewritten(b.finish((out,)).stmts, {s.vars[0]: out})
    return None


def _again(s: Stmt) -> Stmt | None:
    """The same under another variable."""
    return Stmt((Var("u", F),), s.op, s.prov) if isinstance(s.op, Prim) else None


def _renamed_sum(s: Stmt) -> Rewritten | None:
    """The loop as a loop with another variable."""
    if not isinstance(s.op, Loop):
        return None
    w = Var("w", F)
    return Rewritten((Stmt((w,), s.op, s.prov),), {s.vars[0]: w})


swap, unit_left, again = rule("swap", _swap), rule("unit_left", _unit_left), rule("again", _again)
negations, loops = rule("negations", _negations), rule("loops", _renamed_sum)


@pytest.mark.parametrize(("s", "want"), [
    (everywhere(seq(swap, unit_left)), ["neg", "neg", "neg", "neg", "add"]),
    (innermost(seq(swap, unit_left)), ["neg", "neg", "neg", "neg", "add"]),
    (everywhere(seq(swap, unit_left, try_(double))), ["neg", "neg", "neg", "neg", "add"]),
    (everywhere(seq(negations, again)), ["mul", "neg", "neg", "neg", "neg", "neg", "sub", "neg"]),
    (everywhere(seq(again, negations, again)), ["mul", "neg", "neg", "neg", "neg", "neg", "sub", "neg"]),
    (everywhere(seq(again, again)), ["mul", "neg", "neg", "neg", "neg", "add"]),
    (everywhere(choice(choice(double, unit), loops)), ["neg", "neg", "add"]),
    (topdown(seq(one(again), loops)), ["mul", "neg", "neg", "neg", "neg", "add"]),
])
def test_sequences_of_rules_that_define_new_variables(s: Strategy, want: list[str]) -> None:
    assert names(s(example())) == want


def test_a_sequence_after_a_statement_that_went_away() -> None:
    assert names(topdown(seq(unit, identity))(example())) == ["neg", "neg", "neg", "neg", "add"]
    assert topdown(seq(unit, double))(example()) is None
