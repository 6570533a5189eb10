"""A session: declarations, values and expressions that come one after the other, as at a prompt.

    session = Session()
    for reply in session.feed("let a = 2.0\\na * 3"):
        print(reply.text)

It knows no terminal: the prompt, a script on standard input and a notebook's cell all feed it text.
Declarations are taken whole or not at all: if one of them, or one that depends on it, has an error,
the last good definitions stay.
"""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NoReturn

from ..compiler import errors
from ..compiler.errors import Span
from ..compiler.frames import Interrupted
from ..frontend import syntax as sx
from ..frontend.cells import Cell, cells
from ..frontend.parser import parse, parse_expr
from . import habits, shapes
from .guard import guarded
from .session_answers import Answers
from .session_items import clash, item_of, text_at_lines, text_of_cell
from .session_types import INTERRUPTED, Reply
from .snapshot import Computation, Item, NotData, Stored


class Session(Answers):
    """Takes inputs, and answers."""

    def feed(self, text: str, *, name: str | None = None, line: int = 1, keep_going: bool = False) -> Iterator[Reply]:
        """Runs declarations, expressions and commands; after an error the rest is left, unless `keep_going`.

        Spans of errors speak of `name`, whose first line here is number `line`.
        """
        self._count += 1
        name = name or f"input {self._count}"
        if text[:1] in (" ", "\t", "\n"):
            text = textwrap.dedent(text)
        for before, typed in habits.inputs(text, self.unit.owner):
            for reply in self._feed(typed, name, line + before, keep_going):
                yield reply
                if reply.error is not None and not keep_going:
                    return

    def _feed(self, text: str, name: str, line: int, keep_going: bool) -> Iterator[Reply]:
        group: list[Item] = []
        for cell in [*cells(text, line), None]:
            steps: list[Callable[[], Iterator[Reply]]] = []
            try:
                items = self._items(cell, name) if cell is not None and cell.kind == "declaration" else []
            except errors.Error as e:
                steps.append(partial(_refuse, e))
            else:
                if group and (not items or clash(group, items)):
                    steps.append(partial(self._guarded, partial(self._declare, group), text))
                    group = []
                group = [*group, *items]
                if cell is not None and cell.kind != "declaration":
                    steps.append(partial(self._run, cell, name, text))
            for step in steps:
                try:
                    yield from step()
                except errors.Error as e:
                    yield Reply("error", e.render(), error=e)
                    if not keep_going:
                        return

    def _run(self, cell: Cell, name: str, text: str) -> Iterator[Reply]:
        """A command or an expression."""
        command = cell.text if cell.kind == "command" else habits.command(cell.text, self.unit.owner)
        if command is None:
            habits.refuse_assignment(cell, name)
            yield from self._guarded(lambda: self._timed(cell, name), text, cell.span(name))
        else:
            from .repl_commands import run

            yield from self._guarded(lambda: run(self, command), text, cell.span(name))

    def _guarded(self, answer: Callable[[], Iterator[Reply]], text: str, at: Span | None = None) -> Iterator[Reply]:
        """The replies one by one, as they come; an interrupt is an error like others."""
        try:
            with guarded("session", text, at):
                yield from answer()
        except (Interrupted, errors.Error) as e:
            if isinstance(e, errors.Error) and e.code != INTERRUPTED:
                raise
            # What was being built may be half done; what is declared and computed stays.
            self.unit = self._snapshot(self.unit.items, self.unit.values)
            raise errors.ValueError_(INTERRUPTED, "interrupted", e.at if isinstance(e, Interrupted) else at) from None

    # ------------------------------------------------------------ declarations

    def _items(self, cell: Cell, name: str) -> list[Item]:
        source = cell.source(name)
        last = self._last or "_"
        text = text_of_cell(cell, last)
        return [item_of(d, text_at_lines(text, d.span)) for d in parse(source, last).decls]

    def _declare(self, new: Sequence[Item]) -> Iterator[Reply]:
        """Takes declarations whose constants can be computed and whose tests pass."""
        known = {n for i in new for n in i.names if n in self.unit.owner}
        before = self.unit.items
        rebuilt, kept = self.change(new, results=self._results_in(new), run=True)
        for item in new:
            yield from self._announce(item)
        stated = sorted(key for key, i in before.items() if isinstance(i.decl, sx.DerivativeDecl) and key not in self.unit.items)
        if stated:
            yield Reply("note", f"gone: {', '.join(stated)}, stated of the function as it was")
        if rebuilt:
            yield Reply("note", f"rebuilt: {', '.join(rebuilt)}")
        if kept and known:
            yield Reply("note", f"computed before, and kept: {', '.join(kept)}")
        for item in new:
            if isinstance(item.decl, sx.TestDecl):
                yield Reply("note", f'test "{item.decl.name}" passes')

    def _announce(self, item: Item) -> Iterator[Reply]:
        match item.decl:
            case sx.Def() | sx.TopLet(_, sx.LetFn()):
                yield Reply("note", self.signed(item.names[0]))
            case sx.TopLet():
                for n in item.names:
                    yield Reply("note", self.constant(n))
            case sx.TypeDecl(_, name):
                yield Reply("note", f"type {name}")
            case sx.DerivativeDecl(_, fn):
                yield Reply("note", f"derivative of {fn}")

    # ------------------------------------------------------------ expressions

    def _timed(self, cell: Cell, name: str) -> Iterator[Reply]:
        start = time.perf_counter()
        yield from self._evaluate(cell, name)
        if self.settings["time"]:
            from .repl_commands import duration

            yield Reply("note", duration(time.perf_counter() - start))

    def _evaluate(self, cell: Cell, name: str) -> Iterator[Reply]:
        node = parse_expr(cell.source(name), self._last or "_")
        if self.unit.worn:
            self.unit = self._snapshot(self.unit.items, self.unit.values)
        instance = self.unit.cell(node)
        try:
            t = instance.result
        except NotData as e:
            yield Reply("value", cell.text.strip(), self.function_type(node, e.value))
            return
        computation = Computation(instance)
        computation.leaves()
        fresh = self._size_names(t, self.unit)
        stored = Stored(shapes.with_sizes(t, fresh), instance.flex, computation, 0)
        self._learn(stored)
        self._remember(stored, node, text_of_cell(cell, self._last or "_").strip())
        yield self.shown(stored)

    def _remember(self, stored: Stored, node: sx.Expr, text: str) -> None:
        """The value of `_` from now on; the one before goes, unless a declaration uses it."""
        values = dict(self.unit.values)
        last = self._last
        if last is not None and last not in self.unit.used:
            values.pop(last, None)
        self._results += 1
        self._last = f"_{self._results}"
        values[self._last] = stored
        self.unit.values = values
        let = sx.Let(node.span, sx.PName(node.span, self._last), None, node)
        body = text if "\n" not in text else "\n" + textwrap.indent(text, "  ")
        self._result_items[self._last] = item_of(sx.TopLet(node.span, let), f"let {self._last} = {body}".replace("= \n", "=\n"))
        if len(self._result_items) > 1000:
            first = next(iter(self._result_items))
            del self._result_items[first]
            self._outdated.discard(first)

    def _results_in(self, new: Sequence[Item]) -> list[Item]:
        """The results before that declarations use as `_`: they become constants of the session."""
        found: dict[str, Item] = {}
        todo = [n for i in new for n in i.uses]
        while todo:
            n = todo.pop()
            known = n in self._result_items and n not in self.unit.items and n not in found
            if known and (n in self.unit.values or n not in self._outdated):
                found[n] = self._result_items[n]
                todo += found[n].uses
        return list(reversed(found.values()))


def _refuse(e: errors.Error) -> NoReturn:
    raise e
