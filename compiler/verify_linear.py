"""Is a function linear in some of its parameters?

Each value is *zero*, *fixed* (does not depend on those parameters) or *linear* in all of them
together.  Zero joins with both; fixed and linear don't join.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from .errors import InternalError
from .ir import (
    ArgSort,
    Assert,
    Atom,
    Block,
    Call,
    Const,
    Delta,
    Fill,
    Function,
    If,
    Index,
    Jvp,
    Loop,
    Plus,
    Prim,
    Show,
    Stmt,
    Update,
    Var,
    Vjp,
    is_float,
)
from .primitives import LINEAR
from .printer import statement_text

Status = Literal["zero", "fixed", "linear"]


def verify_linear(
    function: Function, params: Iterable[Var | int], functions: Mapping[str, Function] | None = None
) -> None:
    """Raises InternalError unless each float result is linear in `params` (variables or positions)."""
    chosen = {function.params[p] if isinstance(p, int) else p for p in params}
    statuses: list[Status] = ["linear" if p in chosen else "fixed" for p in function.params]
    results = _Linear(functions or {}).function(function, statuses)
    for a, status in zip(function.body.results, results, strict=True):
        if (status == "fixed") == is_float(a.type):
            raise InternalError("DV0999", f"the result {a} of {function.name} is not linear", function.span)


class _Linear:
    def __init__(self, functions: Mapping[str, Function]) -> None:
        self.functions = functions
        self.memo: dict[tuple[str, tuple[Status, ...]], tuple[Status, ...]] = {}

    def function(self, f: Function, args: Sequence[Status]) -> tuple[Status, ...]:
        """The statuses of the results; recursion is a fixed point from zero."""
        key = f.name, tuple(args)
        if key in self.memo:
            return self.memo[key]
        self.memo[key] = tuple("zero" for _ in f.body.results)
        while True:
            found = self.block(f.body, dict(zip(f.params, args, strict=True)))
            if found == self.memo[key]:
                return found
            self.memo[key] = found

    def block(self, b: Block, env: dict[Var, Status]) -> tuple[Status, ...]:
        for s in b.stmts:
            for v, status in zip(s.vars, self.stmt(s, env), strict=True):
                env[v] = status
        return tuple(_status(a, env) for a in b.results)

    def stmt(self, s: Stmt, env: dict[Var, Status]) -> Sequence[Status]:
        def at(a: Atom) -> Status:
            return _status(a, env)

        def fixed(atoms: Iterable[Atom]) -> None:
            for a in atoms:
                if at(a) == "linear":
                    raise _not_linear(s, f"{a} depends on the linear parameters")

        def join(statuses: Iterable[Status]) -> Status:
            return _join(s, statuses)

        op = s.op
        match op:
            case Prim():
                return [_prim(s, op, [at(a) for a in op.args])]
            case Index(a, index):
                fixed(index)
                return [at(a)]
            case Update(a, index, v):
                fixed(index)
                return [join([at(a), at(v)])]
            case Delta(_, index, v):
                fixed(index)
                return [at(v)]
            case Fill(_, v):
                return [at(v)]
            case Plus(arrays):
                return [join(map(at, arrays))]
            case ArgSort(a):
                fixed([a])
                return ["fixed"]
            case If(c, then, orelse):
                fixed([c])
                sides = zip(self.block(then, env), self.block(orelse, env), strict=True)
                return [join(pair) for pair in sides]
            case Loop():
                return self.loop(s, op, env)
            case Call(fn, args):
                return self.function(self.functions[fn], [at(a) for a in args])
            case Jvp(_, args, moving) | Vjp(_, args, moving, _):
                fixed(args)
                status = join(at(t) for t in moving if t is not None)
                primal = len(self.functions[op.fn].body.results)
                return [status if k >= primal else "fixed" for k in range(len(s.vars))]
            case Assert(c, _, _, args):
                fixed([c, *args])
                return []
            case Show():
                return []

    def loop(self, s: Stmt, op: Loop, env: dict[Var, Status]) -> Sequence[Status]:
        n = len(op.states)
        if op.extent is not None and _status(op.extent, env) == "linear":
            raise _not_linear(s, "the extent depends on the linear parameters")
        states = [_status(a, env) for a in op.inits]
        env[op.index] = "fixed"
        while True:
            env.update(zip(op.states, states, strict=True))
            if op.head is not None and "linear" in self.block(op.head, env):
                raise _not_linear(s, "the head depends on the linear parameters")
            results = self.block(op.body, env)
            joined = [_join(s, pair) for pair in zip(states, results[:n], strict=True)]
            if joined == states:
                break
            states = joined
        outs: list[Status] = []
        for mode, status in zip(op.modes, results[n:], strict=True):
            if mode not in ("build", "sum"):
                if status == "linear":
                    raise _not_linear(s, f"{mode} of a linear value")
                status = "fixed"
            outs.append(status)
        trip: list[Status] = ["fixed"] if op.head is not None else []
        return [*states, *outs, *trip]


def _status(a: Atom, env: dict[Var, Status]) -> Status:
    if isinstance(a, Const):
        return "zero" if is_float(a.type) and a.value == 0 else "fixed"
    return env.get(a, "fixed")


def _join(s: Stmt, statuses: Iterable[Status]) -> Status:
    found = set(statuses) - {"zero"}
    if len(found) == 2:
        raise _not_linear(s, "a linear value meets one that is not")
    return found.pop() if found else "zero"


def _prim(s: Stmt, op: Prim, args: Sequence[Status]) -> Status:
    groups = LINEAR.get(op.name, ())
    moving = {k for k, status in enumerate(args) if status == "linear"}
    for group in groups:
        inside = {args[k] for k in group}
        if inside == {"zero"} or (moving and moving <= set(group) and "fixed" not in inside):
            return "linear" if moving else "zero"
    if moving:
        raise _not_linear(s, f"{op.name} is not linear here")
    return "fixed"


def _not_linear(s: Stmt, why: str) -> InternalError:
    return InternalError("DV0999", f"{why}, at\n{statement_text(s)}", s.prov.span)
