"""Arrays of different sizes in one flat store, one after the other.

A loop's state that changes its size has no column of rows.  Its values at all steps stand in a vector
as long as their sizes together, each where its offset says, in row-major order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..compiler.build import Builder
from ..compiler.ir import ONE, Atom, Type, Var


@dataclass(frozen=True, slots=True)
class Ragged:
    """`store` holds every step's value, `offsets` where it begins."""

    store: Atom
    offsets: Atom

    def read(self, b: Builder, step: Atom, t: Type) -> Atom:
        """The value at a step, whose type there is `t`."""
        at = b.index(self.offsets, step, safe=True)
        return b.builds(t.shape, lambda index: b.index(self.store, _position(b, at, t.shape, index), safe=True))


def volume(b: Builder, shape: Sequence[Atom]) -> Atom:
    """The number of elements."""
    total: Atom = ONE
    for n in shape:
        total = n if total is ONE else b.prim("mul", total, n)
    return total


def write(b: Builder, store: Atom, at: Atom, value: Atom) -> Atom:
    """The store with all elements of an array from position `at` on."""
    shape = value.type.shape

    def axis(store: Atom, done: tuple[Atom, ...]) -> Atom:
        if len(done) == len(shape):
            x = b.index(value, *done, safe=True)
            return b.update(store, [_position(b, at, shape, done)], x, safe=True)

        def body(i: Var, states: tuple[Var, ...]) -> tuple[Sequence[Atom], Sequence[tuple[str, Atom]]]:
            return [axis(states[0], (*done, i))], ()

        return b.loop(shape[len(done)], body, inits=[store], states=["store"])[0]

    return axis(store, ())


def _position(b: Builder, at: Atom, shape: Sequence[Atom], index: Sequence[Atom]) -> Atom:
    """Where the element at an index stands in the store, row by row."""
    flat = index[0]
    for n, i in zip(shape[1:], index[1:], strict=True):
        flat = b.prim("add", b.prim("mul", flat, n), i)
    return b.prim("add", at, flat)


