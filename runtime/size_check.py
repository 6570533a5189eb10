"""What a core function expects of the sizes of its arguments, as plain data: checked before every call.

Compiled code trusts its arguments' sizes, so this runs whoever calls; it also solves nothing: what
only the program can know it asserts itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..compiler import errors

if TYPE_CHECKING:
    from ..compiler.ir import Function, Var
    from ..compiler.sizes import Poly

Json = Any


@dataclass(frozen=True, slots=True)
class SizeCheck:
    """`names` of the parameters' leaves; `scalars`: (leaf, slot) of integer arguments that are sizes;
    `axes`: (leaf, axis, slot) of variable sizes; `fixed`: (leaf, axis, size);
    `equations`: (slot, polynomial over slots, its text), a polynomial as [[factor, …], coefficient] terms.
    """

    names: tuple[str, ...]
    scalars: tuple[tuple[int, int], ...]
    axes: tuple[tuple[int, int, int], ...]
    fixed: tuple[tuple[int, int, int], ...]
    equations: tuple[tuple[int, Json, str], ...]

    def to_json(self) -> Json:
        return [list(self.names), self.scalars, self.axes, self.fixed, self.equations]

    @staticmethod
    def from_json(data: Json) -> SizeCheck:
        names, scalars, axes, fixed, equations = data
        return SizeCheck(
            tuple(names), tuple((k, s) for k, s in scalars), tuple((k, a, s) for k, a, s in axes),
            tuple((k, a, n) for k, a, n in fixed), tuple((s, p, t) for s, p, t in equations),
        )

    def __call__(self, leaves: Sequence[Any]) -> None:
        """Raises a `SizeError` unless the sizes of these leaves fit."""
        found: dict[int, int] = {}
        for k, slot in self.scalars:
            if found.setdefault(slot, leaves[k]) != leaves[k]:
                self._differ(f"`{self.names[k]}` is {leaves[k]}", slot, found[slot])
        for k, axis, slot in self.axes:
            n = leaves[k].shape[axis]
            if found.setdefault(slot, n) != n:
                self._differ(f"axis {axis} of `{self.names[k]}` has size {n}", slot, found[slot])
        for k, axis, want in self.fixed:
            n = leaves[k].shape[axis]
            if n != want:
                raise errors.SizeError("DV0502", f"axis {axis} of `{self.names[k]}` has size {n}, expected {want}")
        for slot, poly, text in self.equations:
            if slot not in found:
                continue
            value = _evaluate(poly, found)
            if value is None:
                least = _least(poly, found)
                if least is not None and found[slot] < least:
                    raise errors.SizeError(
                        "DV0502", f"{self._where(slot)} has size {found[slot]}, but {text} is {least} or more"
                    )
            elif found[slot] != value:
                raise errors.SizeError("DV0502", f"{self._where(slot)} has size {found[slot]}, but {text} is {value}")

    def _differ(self, what: str, slot: int, n: int) -> None:
        raise errors.SizeError("DV0502", f"{what}, but {self._where(slot)} is {n}")

    def _where(self, slot: int) -> str:
        for k, s in self.scalars:
            if s == slot:
                return f"`{self.names[k]}`"
        k, axis = next((k, a) for k, a, s in self.axes if s == slot)
        return f"axis {axis} of `{self.names[k]}`"


def describe(f: Function, equations: Sequence[tuple[Var, Poly]]) -> SizeCheck:
    """What `f` expects."""
    from ..compiler.ir import Const, Var

    slots: dict[Var, int] = {}
    axes, fixed = [], []
    for k, p in enumerate(f.params):
        for axis, size in enumerate(p.type.shape):
            if isinstance(size, Const):
                fixed.append((k, axis, int(size.value)))
            else:
                axes.append((k, axis, slots.setdefault(size, len(slots))))
    for _, poly in equations:
        for v in poly.vars():
            slots.setdefault(v, len(slots))
    scalars = [(k, slots[p]) for k, p in enumerate(f.params) if p in slots]

    def plain(p: Poly) -> Json:
        return [[[factor(x) for x in m], c] for m, c in p.terms.items()]

    def factor(x: Any) -> Json:
        return slots[x] if isinstance(x, Var) else [x.op, plain(x.left), plain(x.right)]

    checks = [(slots[v], plain(p), repr(p)) for v, p in equations if v in slots]
    return SizeCheck(tuple(p.name for p in f.params), tuple(scalars), tuple(axes), tuple(fixed), tuple(checks))


def _evaluate(poly: Json, at: dict[int, int]) -> int | None:
    """The value of a polynomial; None if it mentions a size that no argument has."""
    total = 0
    for factors, c in poly:
        for x in factors:
            if isinstance(x, int):
                value = at.get(x)
            else:
                left, right = _evaluate(x[1], at), _evaluate(x[2], at)
                if left is None or not right:
                    return None
                value = left // right if x[0] == "floordiv" else left % right
            if value is None:
                return None
            c *= value
        total += c
    return total


def _least(poly: Json, at: dict[int, int]) -> int | None:
    """The smallest value that a polynomial can have, as no size is negative; None if that is not plain to see."""
    for factors, c in poly:
        unknown = any(not isinstance(x, int) or x not in at for x in factors)
        if unknown and (c < 0 or any(not isinstance(x, int) or at.get(x, 0) < 0 for x in factors)):
            return None
    return _evaluate([t for t in poly if all(x in at for x in t[0])], at)
