"""The verifiers accept what is right and refuse each kind of wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from derivant.compiler.build import Builder, make_function
from derivant.compiler.errors import InternalError
from derivant.compiler.ir import (
    Array,
    Atom,
    Block,
    Call,
    Const,
    Fill,
    Function,
    If,
    Index,
    Loop,
    Op,
    Plus,
    Prim,
    Program,
    Scalar,
    Stmt,
    Type,
    Update,
    Var,
    integer,
)
from derivant.compiler.verify import verify, verify_linear

from .core_programs import F64, I64, Case, cases, f, program, size, vector

N = size()
X, Y, S, K = vector("x", N), vector("y", N), Var("s", F64), Var("k", I64)
PARAMS = (X, Y, S, K)
BOOL = Scalar("bool")


@pytest.mark.parametrize("c", cases(), ids=repr)
def test_good_programs(c: Case) -> None:
    verify(c.program)


def one(op: Op, *types: Type) -> Function:
    """A function of one statement."""
    s = Stmt(tuple(Var("t", t) for t in types), op)
    return Function("main", PARAMS, Block((s,), s.vars))


def loop(body: Block, states: Sequence[Var] = (), inits: Sequence[Atom] = (), modes: Sequence[str] = (),
         extent: Atom = N, known: Atom = N, head: Block | None = None) -> Loop:
    i = Var("i", I64, extent=known, nonneg=True)
    return Loop(i, extent, tuple(states), tuple(inits), head, body, tuple(modes))


V = Array("f64", (N,))
STATE = Var("st", F64)
NOTHING = Block((), ())

WRONG: list[tuple[str, Function]] = [
    ("does not take", one(Prim("add", (S, K)), F64)),
    ("no primitive", one(Prim("frobnicate", (S,)), F64)),
    ("of an array", one(Prim("exp", (X,)), F64)),
    ("has type i64 where f64 belongs", one(Prim("exp", (S,)), I64)),
    ("not in scope", one(Prim("exp", (Var("z", F64),)), F64)),
    ("1 results are bound to 2", one(Prim("exp", (S,)), F64, F64)),
    ("indices for", one(Index(X, (K, K)), F64)),
    ("not i64", one(Index(X, (S,)), F64)),
    ("the value has type", one(Update(X, (K,), K), V)),
    ("a fill needs", one(Fill((N,), X), Array("f64", (N, N)))),
    ("belongs", one(Fill((N,), S), Array("f64", (integer(3), integer(4))))),
    ("two arrays", one(Plus((X,)), V)),
    ("no function", one(Call("other", (S,)), F64)),
    ("the condition is no bool", one(If(S, Block((), (S,)), Block((), (S,))), F64)),
    ("different numbers", one(If(Const(True, "bool"), Block((), (S,)), NOTHING), F64)),
    ("the branches give", one(If(Const(True, "bool"), Block((), (S,)), Block((), (K,))), F64)),
    ("the body gives 0 results", one(loop(NOTHING, modes=["sum"]), F64)),
    ("unknown mode", one(loop(Block((), (S,)), modes=["mean"]), F64)),
    ("any of f64", one(loop(Block((), (S,)), modes=["any"]), F64)),
    ("the index believes", one(loop(Block((), (S,)), modes=["sum"], known=K), F64)),
    ("the initial value", one(loop(Block((), (S,)), [STATE], [K]), F64)),
    ("the next value", one(loop(Block((), (K,)), [Var("st", F64)], [S]), F64)),
    ("the head gives no bool", one(loop(NOTHING, head=Block((), (S,))), I64)),
    ("differ in number", one(loop(Block((), (S,)), [Var("st", F64)], []), F64)),
    ("result", Function("main", PARAMS, Block((), (Var("z", F64),)))),
    ("no i64", Function("main", (Var("v", Array("f64", (S,))), S), Block((), ()))),
    ("defined twice", Function("main", (S, S), Block((), ()))),
]


@pytest.mark.parametrize(("why", "g"), WRONG, ids=[w for w, _ in WRONG])
def test_wrong_programs(why: str, g: Function) -> None:
    with pytest.raises(InternalError, match=why) as e:
        verify(program(g))
    assert e.value.code == "DV0999"


def test_scopes_end() -> None:
    b = Builder()
    inner: list[Var] = []

    def body(i: Var) -> Atom:
        inner.append(b.prim("exp", S))
        return inner[0]

    b.build(N, body)
    g = Function("main", PARAMS, b.finish([inner[0]]))
    with pytest.raises(InternalError, match="not in scope"):
        verify(program(g))


def test_links_names_and_entries() -> None:
    g = make_function("g", [S], lambda b: [b.prim("exp", S)])
    with pytest.raises(InternalError, match="entry"):
        verify(Program({"g": g}, ("h",)))
    with pytest.raises(InternalError, match="filed"):
        verify(Program({"h": g}, ()))
    with pytest.raises(InternalError, match="derivative"):
        verify(program(replace(g, derivative="nothing")))
    with pytest.raises(InternalError, match="takes 1 arguments"):
        verify(Program({"g": g, "main": one(Call("g", ()), F64)}, ()))
    g.body.stmts[0].vars[0].stmt = None
    with pytest.raises(InternalError, match="does not know its statement"):
        verify(program(g))


def test_a_checked_equation_allows_other_sizes() -> None:
    z = vector("z", integer(3))

    def body(checked: bool) -> Callable[[Builder], Sequence[Atom]]:
        def fill(b: Builder) -> Sequence[Atom]:
            w = b.fill([integer(4)], f(0.0))
            if checked:
                b.assert_(b.prim("eq", integer(3), integer(4)), "DV0502", "sizes")
            return [b.plus(z, w)]

        return fill

    verify(program(make_function("main", [z], body(True))))
    with pytest.raises(InternalError, match="belongs"):
        verify(program(make_function("main", [z], body(False))))


def test_the_message_shows_the_statement() -> None:
    with pytest.raises(InternalError) as e:
        verify(program(one(Prim("add", (S, K)), F64)))
    assert f"s.{S.uid} + k.{K.uid}" in e.value.message


# ---------------------------------------------------------------- linearity


def linear(body: Callable[[Builder], Sequence[Atom]], *params: Var, others: dict[str, Function] | None = None) -> None:
    verify_linear(make_function("main", PARAMS, body), params, others)


def test_linear_functions() -> None:
    linear(lambda b: [b.prim("add", S, b.prim("mul", b.index(X, K), b.index(Y, K)))], X, S)
    linear(lambda b: [b.prim("div", S, b.prim("exp", f(2.0))), f(0.0)], S)
    linear(lambda b: [b.prim("select", b.prim("gt", S, f(0.0)), b.index(X, K), f(0.0))], X)
    linear(lambda b: [b.reduce("sum", N, lambda i: b.delta([N], [i], b.index(X, i)))], X)
    linear(lambda b: [b.plus(b.update(X, [K], S), b.fill([N], S))], X, S)
    linear(lambda b: b.cond(b.prim("eq", K, K), lambda: [S], lambda: [f(0.0)]), S)
    linear(lambda b: [b.prim("f32", S), K], S)

    def recurrence(b: Builder) -> Sequence[Atom]:
        return b.loop(N, lambda i, st: ([b.prim("add", b.prim("mul", st[0], b.index(Y, i)), b.index(X, i))],
                                        [("build", st[0])]), inits=[f(0.0)])

    linear(recurrence, X)
    twice = make_function("twice", [Var("v", F64), Var("w", F64)], lambda b: [f(0.0)])
    v, w = twice.params
    twice = make_function("twice", [v, w], lambda b: [b.prim("mul", v, w)])
    linear(lambda b: [b.call(twice, [S, f(3.0)])[0]], S, others={"twice": twice})
    linear(lambda b: list(b.jvp(twice, [f(1.0), f(3.0)], [S, None])[1:]), S, others={"twice": twice})


def test_positions_name_parameters_too() -> None:
    verify_linear(make_function("main", PARAMS, lambda b: [S]), [2])


@pytest.mark.parametrize("body", [
    lambda b: [b.prim("mul", S, S)],
    lambda b: [b.prim("exp", S)],
    lambda b: [b.prim("div", f(1.0), S)],
    lambda b: [b.prim("add", S, f(1.0))],
    lambda b: [f(3.0)],
    lambda b: [b.prim("max", S, f(0.0))],
    lambda b: [b.prim("select", b.prim("gt", S, f(0.0)), f(1.0), f(2.0)), S],
    lambda b: b.cond(b.prim("gt", S, f(0.0)), lambda: [S], lambda: [f(0.0)]),
    lambda b: [b.reduce("prod", N, lambda i: S)],
    lambda b: b.loop(N, lambda i, st: ([b.prim("mul", st[0], st[0])], []), inits=[S]),
    lambda b: b.loop(N, lambda i, st: ([S], []), inits=[f(1.0)]),
], ids=range(11))
def test_functions_that_are_not_linear(body: Callable[[Builder], Sequence[Atom]]) -> None:
    with pytest.raises(InternalError, match="not linear|depends on|prod of|meets one"):
        linear(body, S)
