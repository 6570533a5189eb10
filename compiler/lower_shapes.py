"""Shape programs: sizes of results as expressions in the sizes and integers of the arguments.

    expr ::= ["const", n] | ["size", parameter, axis] | ["arg", parameter] | [primitive, expr …]

They are JSON, and stand in the manifest of a compiled function: the caller allocates its results.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .ir import Atom, Const, Function, Prim, Scalar, Stmt, Var, all_stmts

Expr = list[Any]

_BINARY = ("add", "sub", "mul", "floordiv", "mod", "max", "min")


def shape_program(fn: Function, shape: Sequence[Atom], top: dict[Var, Stmt] | None = None) -> list[Expr] | None:
    """The sizes of one array, None if they depend on more than the arguments' sizes and integers."""
    known: dict[Var, Expr] = {}
    for k, p in enumerate(fn.params):
        if p.type == Scalar("i64"):
            known[p] = ["arg", k]
    for k, p in enumerate(fn.params):
        for axis, a in enumerate(p.type.shape):
            if isinstance(a, Var):
                known.setdefault(a, ["size", k, axis])
    if top is None:
        top = {v: s for s in all_stmts(fn.body) for v in s.vars}
    definitions = top

    def tree(a: Atom) -> Expr | None:
        if isinstance(a, Const):
            return ["const", int(a.value)]
        if a in known:
            return known[a]
        s = definitions.get(a)
        if s is None or not isinstance(s.op, Prim) or a.type != Scalar("i64"):
            return None
        if s.op.name not in (*_BINARY, "neg"):
            return None
        args = [tree(x) for x in s.op.args]
        return None if any(x is None for x in args) else [s.op.name, *args]

    trees = [tree(a) for a in shape]
    return None if any(t is None for t in trees) else trees  # type: ignore[return-value]


def compile_shape(exprs: Sequence[Expr]) -> Callable[[Sequence[Sequence[int]], Sequence[Any]], tuple[int, ...]]:
    """A function of the arguments' shapes and the arguments; negative sizes come out as 0."""
    fs = [_compile(e) for e in exprs]

    def sizes(shapes: Sequence[Sequence[int]], args: Sequence[Any]) -> tuple[int, ...]:
        return tuple([max(f(shapes, args), 0) for f in fs])

    return sizes


def _compile(e: Expr) -> Callable[[Any, Any], int]:
    match e:
        case ["const", n]:
            return lambda shapes, args: int(n)
        case ["size", k, axis]:
            return lambda shapes, args: int(shapes[k][axis])
        case ["arg", k]:
            return lambda shapes, args: int(args[k])
        case [op, *rest]:
            fs, f = [_compile(x) for x in rest], _FUNCTIONS[op]
            return lambda shapes, args: _wrap(f(*(g(shapes, args) for g in fs)))
    raise ValueError(f"no shape expression: {e}")


def _wrap(n: int) -> int:
    return (n + 2**63) % 2**64 - 2**63


_FUNCTIONS: dict[str, Callable[..., int]] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "neg": lambda x: -x,
    "floordiv": lambda x, y: x // (y or 1),
    "mod": lambda x, y: x % (y or 1),
    "max": max,
    "min": min,
}
