"""Scalar primitives in the loop IR: expansions, and the checks of those that can raise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .ir import FLOATS, ZERO, Atom, Const, Prim, Scalar, Var
from .loops import Operand, Reg
from .primitives import PRIMITIVES, float_mod, is_partial, result_kind
from .primitives_base import Formula

if TYPE_CHECKING:
    from .lower import Lowerer

# One past the largest and the smallest float that a conversion takes.
_RANGE = {"i64": (-(2.0**63), 2.0**63), "i32": (-(2.0**31), 2.0**31)}


def lower_prim(lo: Lowerer, op: Prim, args: tuple[Operand, ...], check: bool = True) -> Operand:
    """Emits a primitive; `check` False where an operation that would raise may give anything."""
    return _Expand(lo, check).apply(op.name, args)


class _Expand:
    """A builder for expansions whose atoms stand for operands."""

    def __init__(self, lo: Lowerer, check: bool) -> None:
        self.lo, self.check = lo, check
        self.values: dict[Var, Operand] = {}

    def prim(self, name: str, *atoms: Atom) -> Atom:
        return self.atom(self.apply(name, tuple(a if isinstance(a, Const) else self.values[a] for a in atoms)))

    def atom(self, value: Operand) -> Atom:
        if isinstance(value, Const):
            return value
        v = Var(value.name, Scalar(value.kind))
        self.values[v] = value
        return v

    def apply(self, name: str, args: tuple[Operand, ...]) -> Operand:
        e = self.lo.e
        kinds = [a.kind for a in args]
        kind = result_kind(name, kinds)
        assert kind is not None, f"{name} of {kinds}"
        p = PRIMITIVES[name]
        if name == "stop_gradient" or (name == kind and kinds == [kind]):
            return args[0]
        if name == "mod" and kind in FLOATS:
            x, y = (Formula(self, self.atom(a)) for a in args)
            return self.operand(float_mod(x, y).atom)
        if p.expansion is not None:
            return self.operand(p.expand(self, tuple(self.atom(a) for a in args)))
        if self.check and is_partial(name, [self.atom(a) for a in args]):
            self.guard(name, args)
        return e.op(name, kind, *args)

    def operand(self, a: Atom) -> Operand:
        return a if isinstance(a, Const) else self.values[a]

    def guard(self, name: str, args: Sequence[Operand]) -> None:
        """The check before an operation that can raise."""
        e = self.lo.e
        if name in ("floordiv", "mod"):
            what = "division" if name == "floordiv" else "modulo"
            fine: Reg = e.op("ne", "bool", args[1], Const(0, args[1].kind))
            e.check(fine, "DV0504", f"integer {what} by zero", ())
        elif name == "ipow":
            fine = e.op("ge", "bool", args[1], Const(0, args[1].kind))
            e.check(fine, "DV0505", "negative integer exponent {0}", (args[1],))
        else:
            low, high = _RANGE[name]
            x = args[0] if args[0].kind == "f64" else e.op("f64", "f64", args[0])
            whole = e.op("trunc", "f64", x)
            above = e.op("ge", "bool", whole, Const(low, "f64"))
            fine = e.op("and", "bool", above, e.op("lt", "bool", whole, Const(high, "f64")))
            e.check(fine, "DV0506", f"{name}({{0}}) is out of range", (args[0],))


def zero_like(kind: str) -> Const:
    return ZERO if kind == "i64" else Const(0, kind)
