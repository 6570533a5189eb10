"""Small core programs for the tests of the backend."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from derivant.compiler.build import Builder, make_function
from derivant.compiler.ir import Array, Atom, Const, Function, Scalar, Var

F64, I64 = Scalar("f64"), Scalar("i64")


def c(x: float) -> Const:
    return Const(x, "f64")


def size(name: str = "n") -> Var:
    return Var(name, I64, nonneg=True)


def vector(name: str, n: Atom, kind: str = "f64") -> Var:
    return Var(name, Array(kind, (n,)))


def matrix(name: str, n: Atom, m: Atom) -> Var:
    return Var(name, Array("f64", (n, m)))


def function(params: Sequence[Var], body: Callable[[Builder], Sequence[Atom]]) -> Function:
    return make_function("f", params, body)
