"""Rewriting rules of scalars as data (the full story follows)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..compiler.ir import Atom

if TYPE_CHECKING:
    from .normalise import Normaliser


@dataclass(frozen=True)
class RuleSet:
    name: str = "none"
    heads: frozenset[str] = frozenset()

    def apply(self, nz: Normaliser, name: str, args: tuple[Atom, ...]) -> Atom | None:
        return None


NO_RULES = RuleSet()
