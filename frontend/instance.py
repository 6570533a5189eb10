"""Entries that are ready to run: a core program, and how the values of a call are laid out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..compiler.errors import SizeError
from ..compiler.ir import Function, Program, Scalar, Var
from ..compiler.sizes import Poly
from . import syntax as sx
from .types import Type


@dataclass(frozen=True, eq=False)
class Param:
    name: str
    type: Type | None
    default: sx.Expr | None


@dataclass(frozen=True, eq=False)
class Instance:
    """An entry of a core program.

    The entry takes the leaves of the parameters in order (`types.leaves`); its first `hidden` results
    are sizes that depend on data, then come the leaves of the result; `flex` says which of these are
    made of literals only (where that was asked for).
    """

    program: Program
    entry: str
    params: tuple[Param, ...]
    result: Type
    hidden: int
    equations: tuple[tuple[Var, Poly], ...]
    flex: tuple[bool, ...] = ()

    @property
    def function(self) -> Function:
        return self.program.functions[self.entry]

    def check_sizes(self, values: Sequence[object]) -> None:
        """Do the sizes of the arguments (anything with `.shape`, or integers) satisfy the signature?"""
        found: dict[Var, tuple[int, str]] = {}
        f = self.function
        for p, v in zip(f.params, values, strict=True):
            if p.type == Scalar("i64"):
                found[p] = (int(v), f"the argument {p.name}")  # type: ignore[call-overload]
        for p, v in zip(f.params, values, strict=True):
            for axis, size in enumerate(p.type.shape):
                have = int(v.shape[axis])  # type: ignore[attr-defined]
                where = f"axis {axis} of {p.name}"
                if isinstance(size, Var):
                    known = found.setdefault(size, (have, where))
                    if known[0] != have:
                        raise SizeError("DV0502", f"{where} has size {have}, but {size.name} is {known[0]} by {known[1]}",
                                        f.span)
                elif int(size.value) != have:
                    raise SizeError("DV0502", f"{where} has size {have} where {size.value} is declared", f.span)
        for s, q in self.equations:
            if all(u in found for u in q.vars()):
                want = _evaluate(q, {u: n for u, (n, _) in found.items()})
                got, at = found[s]
                if want != got:
                    raise SizeError("DV0502", f"{at} has size {got}, but {q!r} is {want}", f.span)


def _evaluate(p: Poly, at: dict[Var, int]) -> int:
    total = 0
    for m, c in p.terms.items():
        for f in m:
            if isinstance(f, Var):
                c *= at[f]
            else:
                a, b = _evaluate(f.left, at), _evaluate(f.right, at)
                c *= (a // b if f.op == "floordiv" else a % b) if b else 0
        total += c
    return total
