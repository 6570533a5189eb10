"""Destinations: where the arrays of a block are wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .ir import Block, Var
from .loops import Operand, Place

if TYPE_CHECKING:
    from .lower import Lowerer

Value = Operand | Place


@dataclass(slots=True, eq=False)
class Dest:
    """Where an array is wanted; `add`: it is added to what is there.

    A place of None is made by the first statement that needs it; the others share it through `origin`.
    With a `base` it is the place of that variable, which the others are added to.
    """

    place: Place | None
    add: bool = False
    origin: Dest | None = None
    base: Var | None = None

    def at(self, lowerer: Lowerer, v: Var) -> Place:
        """The place; `v` is an array of that shape."""
        if self.place is None and self.origin is not None:
            self.place = self.origin.at(lowerer, v)
        if self.place is None and self.base is not None:
            self.place = lowerer.base_place(v, self.base)
        if self.place is None:
            self.place = Place(lowerer.e.alloc(v.name, v.type.kind, lowerer.shape(v.type)))
        return self.place


Wants = dict[Var, Dest]


def storable(b: Block, dests: Sequence[Dest | None]) -> dict[Var, list[Dest]]:
    """Results of a block that go to destinations only."""
    found: dict[Var, list[Dest]] = {}
    for r, d in zip(b.results, dests, strict=True):
        if isinstance(r, Var) and d is not None and not d.add:
            found.setdefault(r, []).append(d)
    return {r: ds for r, ds in found.items() if len(ds) == b.results.count(r)}
