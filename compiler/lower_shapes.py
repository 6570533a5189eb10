"""Shape programs: sizes of results as expressions in the sizes and integers of the arguments.

    expr ::= ["const", n] | ["size", parameter, axis] | ["arg", parameter] | [primitive, expr …]

They are JSON, and stand in the manifest of a compiled function: the caller allocates its results.
"""

from __future__ import annotations

from collections.abc import Sequence

from .ir import Atom, Const, Function, Prim, Scalar, Stmt, Var, all_stmts
from .site import Expr

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
