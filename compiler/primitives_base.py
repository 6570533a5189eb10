"""What an entry of the table of primitives is, and the small language its derivatives are written in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from .ir import FLOATS, Atom, Const
from .lock import kept


class Emit(Protocol):
    """The part of a builder that derivatives and expansions need."""

    def prim(self, name: str, /, *args: Atom) -> Atom: ...


class Slope(Enum):
    """Partial derivatives that need no number of their own."""

    ONE = 1
    MINUS_ONE = -1
    ZERO = 0


ONE, MINUS_ONE, ZERO = Slope.ONE, Slope.MINUS_ONE, Slope.ZERO

Partial = Atom | Slope | None
KindRule = Callable[[Sequence[str]], "str | None"]


class Formula:
    """An atom with operators, so that `1 - r * r` emits the primitives it looks like.

    A plain number takes the kind of the formula that it meets.
    """

    __slots__ = ("atom", "b")

    def __init__(self, b: Emit, atom: Atom) -> None:
        self.b = b
        self.atom = atom

    @property
    def kind(self) -> str:
        return self.atom.type.kind

    @property
    def constant(self) -> int | float | None:
        """The value, if it is known."""
        return self.atom.value if isinstance(self.atom, Const) else None

    def const(self, value: float) -> Formula:
        return Formula(self.b, Const(value, self.kind))

    def f(self, name: str, *others: Formula | float) -> Formula:
        """The primitive `name` of this formula and others."""
        atoms = [o.atom if isinstance(o, Formula) else Const(o, self.kind) for o in others]
        return Formula(self.b, self.b.prim(name, self.atom, *atoms))

    def select(self, then: Formula | float, orelse: Formula | float) -> Formula:
        """`select(self, then, orelse)`; at least one of the two is a formula."""
        like = then if isinstance(then, Formula) else orelse
        assert isinstance(like, Formula)
        atoms = [o.atom if isinstance(o, Formula) else Const(o, like.kind) for o in (then, orelse)]
        return Formula(self.b, self.b.prim("select", self.atom, *atoms))

    def __add__(self, other: Formula | float) -> Formula:
        return self.f("add", other)

    def __sub__(self, other: Formula | float) -> Formula:
        return self.f("sub", other)

    def __mul__(self, other: Formula | float) -> Formula:
        return self.f("mul", other)

    def __truediv__(self, other: Formula | float) -> Formula:
        return self.f("div", other)

    def __radd__(self, other: float) -> Formula:
        return self.const(other).f("add", self)

    def __rsub__(self, other: float) -> Formula:
        return self.const(other).f("sub", self)

    def __rmul__(self, other: float) -> Formula:
        return self.const(other).f("mul", self)

    def __rtruediv__(self, other: float) -> Formula:
        return self.const(other).f("div", self)

    def __neg__(self) -> Formula:
        return self.f("neg")


# A slope: a marker, or a function of the arguments and the result.
SlopeRule = Slope | None | Callable[..., "Formula | Slope"]
TangentRule = Callable[[Emit, tuple[Atom, ...], Atom, "tuple[Atom | None, ...]"], "Atom | None"]


@dataclass(frozen=True)
class Primitive:
    """One scalar primitive: everything that any part of the compiler knows about it.

    name        in the core, and on the surface unless `operator` is set
    arity       number of arguments
    rule        kinds of the arguments to the kind of the result, None where they don't fit
    evaluate    the value, from NumPy scalars to a NumPy scalar (call under `np.errstate(all="ignore")`)
    slopes      the partial derivatives; read them through `partials` or `tangent`
    operator    surface operator (`+`, `not`, …) if it has one
    sympy       its SymPy form: an expression in x, y, z as text, or a function of SymPy expressions
    cost        weight of one application to floats (index arithmetic is free, see `weight`)
    ulp         how far a backend may be from the interpreter
    raises      can it raise?  a function of the kinds where that depends on them
    llvm        lowering: `fadd|add` instruction for floats | integers, `llvm.*` intrinsic, a libm
                function (with an `f` behind it for f32), or `dv_*`, a routine of our own
    expansion   lowering by other primitives: a function of formulas
    """

    name: str
    arity: int
    rule: KindRule
    evaluate: Callable[..., Any]
    slopes: tuple[SlopeRule, ...]
    operator: str | None = None
    sympy: str | Callable[..., Any] | None = None
    cost: float = 1
    ulp: float = 0
    raises: bool | Callable[[Sequence[str]], bool] = False
    llvm: str | None = None
    expansion: Callable[..., Formula] | None = None
    tangent_rule: TangentRule | None = None
    note: str = ""

    def partial(self, kinds: Sequence[str]) -> bool:
        """Can it raise for arguments of these kinds?"""
        return self.raises if isinstance(self.raises, bool) else self.raises(kinds)

    def weight(self, kinds: Sequence[str]) -> float:
        """The cost; arithmetic on integers and booleans is free, as are casts."""
        return self.cost if any(k in FLOATS for k in kinds) else 0.0

    def partials(
        self, b: Emit, args: tuple[Atom, ...], result: Atom, wanted: Sequence[bool] | None = None
    ) -> tuple[Partial, ...]:
        """The partial derivative for each argument: an atom made with `b`, a `Slope`, or None where the
        argument is no float.  Those not `wanted` are not computed and read ZERO."""
        out: list[Partial] = []
        formulas = [Formula(b, a) for a in (*args, result)]
        for k, (a, slope) in enumerate(zip(args, self.slopes, strict=True)):
            if a.type.kind not in FLOATS or slope is None:
                out.append(None)
            elif result.type.kind not in FLOATS or (wanted is not None and not wanted[k]):
                out.append(ZERO)
            elif isinstance(slope, Slope):
                out.append(slope)
            else:
                value = slope(*formulas)
                out.append(value if isinstance(value, Slope) else value.atom)
        return tuple(out)

    def tangent(
        self, b: Emit, args: tuple[Atom, ...], result: Atom, tangents: tuple[Atom | None, ...]
    ) -> Atom | None:
        """The tangent of the result, linear in the given ones (None is zero); None if it is zero.

        Selections stay selections (a guard is never a factor), a quotient stays a quotient.
        """
        if result.type.kind not in FLOATS or all(t is None for t in tangents):
            return None
        if self.tangent_rule is not None:
            return self.tangent_rule(b, args, result, tangents)
        total: Atom | None = None
        slopes = self.partials(b, args, result, [t is not None for t in tangents])
        for slope, t in zip(slopes, tangents, strict=True):
            if t is None or slope is None or slope is ZERO:
                continue
            if slope is MINUS_ONE:
                total = b.prim("neg", t) if total is None else b.prim("sub", total, t)
                continue
            term = t if isinstance(slope, Slope) else b.prim("mul", slope, t)
            total = term if total is None else b.prim("add", total, term)
        return total

    def expand(self, b: Emit, args: tuple[Atom, ...]) -> Atom:
        """The same value by simpler primitives (only where `expansion` is set)."""
        assert self.expansion is not None
        return self.expansion(*(Formula(b, a) for a in args)).atom

    def to_sympy(self, *args: Any) -> Any:
        """The SymPy form of this primitive of SymPy expressions, None where there is none."""
        if self.sympy is None or callable(self.sympy):
            return None if self.sympy is None else self.sympy(*args)
        symbols, form = self._symbolic
        return form.subs(dict(zip(symbols, args, strict=True)), simultaneous=True)

    @kept
    def _symbolic(self) -> tuple[list[Any], Any]:
        import sympy

        symbols = [sympy.Dummy(n, real=True) for n in "xyz"[: self.arity]]
        return symbols, sympy.sympify(self.sympy, locals=dict(zip("xyz", symbols, strict=False)))
