"""What a session says about its names and about expressions: values, types, functions, stages; nothing changes."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from ..compiler import errors
from ..compiler.errors import Source
from ..frontend import syntax as sx
from ..frontend.declarations import ModuleV
from ..frontend.parser import parse_expr
from ..frontend.preview import released
from ..frontend.types import SCALARS
from ..frontend.values import FnV, StrV, Value
from . import shapes
from .function import Function
from .session_state import State
from .session_types import Reply
from .show import show
from .snapshot import Computation, Entry, NotData, Stored, function_signature
from .values import rebuild


class Answers(State):
    """Questions to what a session holds."""

    def readable(self, t: shapes.Type) -> shapes.Type:
        """A type for people: sizes that belong to the session as numbers, or open."""

        def size(s: shapes.Size) -> shapes.Size:
            return self.sizes.get(s, "_") if isinstance(s, str) and s.startswith("size_") and s.endswith("_") else s

        return shapes.with_sizes(t, size)

    def show(self, value: Any) -> str:
        """A value as the settings want it."""
        with np.printoptions(precision=int(self.settings["digits"])):
            return show(value, int(self.settings["elide"]))

    def shown(self, stored: Stored) -> Reply:
        value = rebuild(stored.leaves(), stored.type)
        return Reply("value", self.show(value), str(self.readable(stored.type)), value)

    def value(self, name: str) -> Any:
        """The Python value of a constant, a copy; a function if it is one."""
        stored = self.unit.values.get(name)
        if stored is None:  # a literal: it is no computation of its own
            entry = self.entry(name)
            try:
                stored = Stored(entry.result, entry.flex, Computation(entry), 0)
            except NotData:
                return self.function(name)
        return rebuild([x.copy() if isinstance(x, np.ndarray) else x for x in stored.leaves()], stored.type)

    def signature(self, name: str) -> shapes.Signature:
        """The signature of a function of the session."""
        s = self.unit.signature(name)
        return replace(s, result=None if s.result is None else self.readable(s.result))

    def signed(self, name: str) -> str:
        """The signature as text; also of functions that take functions, which no caller from outside can call."""
        try:
            return str(self.signature(name))
        except errors.Error as e:
            if e.code != "DV0614":
                raise
            return self.unit.front.module.signature(name)

    def functions(self) -> tuple[str, ...]:
        """The names of the functions of the session."""
        return self.unit.outline().functions

    def _node(self, text: str) -> sx.Expr:
        return parse_expr(Source("expression", text), self._last or "_")

    def type_of(self, text: str) -> str:
        """The type of an expression, without running it."""
        node = self._node(text)
        found = self.unit.front.value_of(node)
        return str(self.readable(found)) if isinstance(found, shapes.Type) else self.function_type(node, found)

    def function_type(self, node: sx.Expr, v: Value) -> str:
        """`(x: f64[n]) -> f64`: what a function takes and gives; `…` where what it is given decides."""
        if isinstance(v, StrV):
            return "a text"
        if not isinstance(v, FnV):
            return "a value with functions in it"
        s = function_signature(v, "")
        result: shapes.Type | None = None
        if s.params and not any(isinstance(p.type, shapes.Any) for p in s.params):
            with suppress(errors.Error):  # it can't be applied: a call says why
                result = self.unit.front.result_of(node)
        return f"({', '.join(map(str, s.params))}) -> {'…' if result is None else self.readable(result)}" if s.params else "a function"

    def constant(self, name: str) -> str:
        """`name : type`, and the value if it is computed and fits on the line."""
        line = f"{name} : {self.type_of(name)}"
        stored = self.unit.values.get(name)
        if stored is None:
            return line
        if not stored.computation.done:
            return f"{line}   # not computed yet"
        value = self.show(self.value(name)) if sum(np.size(x) for x in stored.leaves()) < 20 else "\n"
        return line if "\n" in value or len(line) + len(value) > 90 else f"{line} = {value}"

    def describe(self, text: str) -> str:
        """`e : type`; the signature of a function of the session."""
        text = text.strip()
        return self.signed(text) if text in self.functions() else f"{text} : {self.type_of(text)}"

    def entry(self, text: str) -> Entry:
        """An expression ready to run; `dv.TypeError` if it is a function."""
        return self.unit.cell(self._node(text))

    def function(self, text: str) -> Function:
        """A function of the session by name, or the one that an expression gives."""
        text = text.strip()
        if text in self.functions():
            return Function(self.unit, text, self.unit.signature(text), plain=True)
        found = self.unit.front.value_of(self._node(text))
        if isinstance(found, shapes.Type):
            raise errors.TypeError("DV0304", f"{text} is no function, it is {self.readable(found)}")
        return Function(self.unit, text, function_signature(found, text))

    def explain(self, text: str, stage: str | None) -> str:
        """A function or an expression after a stage of the compiler; the overview without one."""
        if text.strip() in self.functions():
            return self.function(text).explain(stage)
        if isinstance(self.unit.front.value_of(self._node(text)), shapes.Type):
            return self.entry(text).explain(stage)
        return self.function(text).explain(stage)

    def names(self) -> list[str]:
        """The names that can be used, those of the language included."""
        return [*self.unit.owner, *self.language_names()]

    def language_names(self) -> list[str]:
        """The names that come with the language."""
        return sorted({*released(self.unit.front.module.base_names()), *SCALARS})

    def members(self, text: str) -> list[tuple[str, shapes.Type | str]]:
        """The fields of an expression with their types, or the names of a module; nothing is run."""
        found = self.unit.front.value_of(self._node(text))
        if isinstance(found, ModuleV):
            return [(n, "") for n in found.module.names()]
        while isinstance(found, shapes.Array):
            found = found.element
        return [(n, self.readable(t)) for n, t in found.fields] if isinstance(found, shapes.Record) else []
