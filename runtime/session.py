"""A session: declarations, values and expressions that come one after the other, as at a prompt.

    session = Session()
    for reply in session.feed("let a = 2.0\\na * 3"):
        print(reply.text)

It knows no terminal: the prompt, a script on standard input and a notebook's cell all feed it text.
Declarations are taken whole or not at all: if one of them, or one that depends on it, has an error,
the last good definitions stay.
"""

from __future__ import annotations

import os
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..compiler import errors
from ..compiler.errors import Source, Span
from ..frontend import syntax as sx
from ..frontend.cells import Cell, cells
from ..frontend.declarations import ModuleV
from ..frontend.elab_base import did_you_mean
from ..frontend.layout import layout
from ..frontend.lexer import lex
from ..frontend.names import free_names, pattern_names
from ..frontend.parser import name_last, parse, parse_expr
from ..frontend.preview import released
from ..frontend.types import SCALARS
from ..frontend.values import StrV, Value
from . import shapes
from .data import read_source
from .function import Function
from .guard import guarded
from .pipeline import Run
from .session_types import INTERRUPTED, SETTINGS, Reply
from .show import show
from .snapshot import Computation, Entry, Item, NotData, Snapshot, Stored, function_signature
from .values import rebuild


class Session:
    """`write` gets the lines of `show`; `folder` is where imports and files are looked for."""

    def __init__(self, *, folder: str | None = None, backend: str | None = None,
                 write: Callable[[str], object] = print) -> None:
        self.folder = os.getcwd() if folder is None else folder
        self.backend = backend
        self.write = write
        self.file: str | None = None
        self.settings = {name: s.default for name, s in SETTINGS.items()}
        self.made: dict[object, Run] = {}
        self.sizes: dict[str, int] = {}
        self._count = self._results = self._named = 0
        self._last: str | None = None
        self._result_items: dict[str, Item] = {}
        self.unit = self._snapshot({}, {})

    def _snapshot(self, items: Mapping[str, Item], values: Mapping[str, Stored]) -> Snapshot:
        return Snapshot(items, values, self.folder, self.backend, self.write, self.made)

    # ------------------------------------------------------------ input

    def feed(self, text: str, *, name: str | None = None, line: int = 1, keep_going: bool = False) -> Iterator[Reply]:
        """Runs declarations, expressions and commands; after an error the rest is left, unless `keep_going`.

        Spans of errors speak of `name`, whose first line here is number `line`.
        """
        self._count += 1
        name = name or f"input {self._count}"
        if text[:1] in (" ", "\t", "\n"):
            text = textwrap.dedent(text)
        group: list[Item] = []
        for cell in [*cells(text, line), None]:
            try:
                items = self._items(cell, name) if cell is not None and cell.kind == "declaration" else []
                if group and (not items or _clash(group, items)):
                    ready, group = group, []
                    yield from self._guarded(lambda: self._declare(ready), text)  # noqa: B023
                group += items
                if cell is not None and cell.kind == "expression":
                    yield from self._guarded(lambda: self._timed(cell, name), text)  # noqa: B023
                elif cell is not None and cell.kind == "command":
                    from .repl_commands import run

                    yield from self._guarded(lambda: run(self, cell.text), text)  # noqa: B023
            except errors.Error as e:
                yield Reply("error", e.render(), error=e)
                if not keep_going:
                    return

    def _guarded(self, answer: Callable[[], Iterator[Reply]], text: str) -> Iterator[Reply]:
        """The replies one by one, as they come; an interrupt is an error like others."""
        with guarded("session", text):
            try:
                yield from answer()
            except (KeyboardInterrupt, errors.Error) as e:
                if isinstance(e, errors.Error) and e.code != INTERRUPTED:
                    raise
                # What was being built may be half done; what is declared and computed stays.
                self.unit = self._snapshot(self.unit.items, self.unit.values)
                raise errors.ValueError_(INTERRUPTED, "interrupted") from None

    # ------------------------------------------------------------ declarations

    def _items(self, cell: Cell, name: str) -> list[Item]:
        source = cell.source(name)
        last = self._last or "_"
        text = _text(cell, last)
        return [_item(d, text_at_lines(text, d.span)) for d in parse(source, last).decls]

    def _declare(self, new: Sequence[Item]) -> Iterator[Reply]:
        """Takes declarations, computes their constants and runs their tests."""
        known = {n for i in new for n in i.names if n in self.unit.owner}
        rebuilt, kept = self.change(new, results=self._results_in(new), run=True)
        for item in new:
            yield from self._announce(item)
        if rebuilt:
            yield Reply("note", f"rebuilt: {', '.join(rebuilt)}")
        if kept and known:
            yield Reply("note", f"computed before, and kept: {', '.join(kept)}")
        for item in new:
            if isinstance(item.decl, sx.TestDecl):
                yield self.run_test(item)

    def _announce(self, item: Item) -> Iterator[Reply]:
        match item.decl:
            case sx.Def() | sx.TopLet(_, sx.LetFn()):
                yield Reply("note", str(self.signature(item.names[0])))
            case sx.TopLet():
                for n in item.names:
                    yield Reply("note", self.constant(n))
            case sx.TypeDecl(_, name):
                yield Reply("note", f"type {name}")
            case sx.DerivativeDecl(_, fn):
                yield Reply("note", f"derivative of {fn}")

    def run_test(self, item: Item) -> Reply:
        """Runs a `test`."""
        assert isinstance(item.decl, sx.TestDecl)
        passed = self.unit.cell(item.decl.body).run(())[0]
        if not passed:
            raise errors.AssertError("DV0507", f'the test "{item.decl.name}" fails', item.decl.span)
        return Reply("note", f'test "{item.decl.name}" passes')

    def change(self, new: Sequence[Item], *, results: Sequence[Item] = (), run: bool = False,
               fresh: bool = False) -> tuple[list[str], list[str]]:
        """The session with new declarations: all of them or, with an error, none.

        Gives what was rebuilt because it depends on them, and which values were computed from the old ones.
        `results` are values before that get a declaration.  With `run` new constants are computed now,
        otherwise when they are needed; `fresh` drops all that was.
        """
        items, values = ({}, {}) if fresh else (dict(self.unit.items), dict(self.unit.values))
        items.update((i.key, i) for i in results)
        changed, gone = {n for i in new for n in i.names}, set[str]()
        replaced = {i.key for i in new}
        for item in list(items.values()):
            if item.key in replaced or set(item.names) & changed:
                left = () if item.key in replaced else tuple(n for n in item.names if n not in changed)
                del items[item.key]
                if left:
                    items[", ".join(left)] = _without(item, changed, left)
                else:
                    gone |= set(item.names)
        changed |= gone
        for n in changed:
            values.pop(n, None)
        items.update((i.key, i) for i in new)
        before = self._snapshot(items, values)
        touched = changed | {i.decl.fn for i in new if isinstance(i.decl, sx.DerivativeDecl)}
        hit = [i for i in items.values() if i.key not in replaced and before.reached(i.uses) & touched]
        late = [i for i in hit if i.let is not None and values.keys() & set(i.names)]
        kept = [n for i in late for n in i.names if values[n].computation.done]
        again = [i for i in late if not values[i.names[0]].computation.done]
        for i in again:
            for n in i.names:
                del values[n]
        if self._last in values and self._last not in before.used and _type_names(values[self._last].type) & changed:
            del values[self._last]
        _check_types(values, changed, items)
        unit = self._lets([i for i in (*new, *again) if i.let is not None], items, values)
        rebuild_ = [i for i in hit if i not in late]
        self._check(unit, new, [*rebuild_, *again], changed)
        if run:
            for item in new:
                for n in item.names:
                    if n in unit.values:
                        self._learn(unit.values[n])
                if item.let is not None and not item.names:
                    unit.cell(item.let).run(())
        self.unit = unit
        names = [n for i in (*rebuild_, *again) for n in (i.names or (i.key,))]
        return names, kept

    def _lets(self, lets: Sequence[Item], items: dict[str, Item], values: dict[str, Stored]) -> Snapshot:
        """The snapshot in which these constants have types: each after those that it uses."""
        waiting = {i.key: i for i in lets}
        opening: list[str] = []
        unit = self._snapshot(items, values)

        def open_(item: Item) -> None:
            nonlocal unit
            if item.key in opening:
                raise errors.NameError("DV0206", f"{item.names[0]} depends on itself", item.decl.span)
            opening.append(item.key)
            for n in unit.reached(item.uses):
                owner = unit.owner.get(n)
                if owner is not None and owner.key in waiting and n not in values:
                    open_(owner)
            opening.remove(item.key)
            if waiting.pop(item.key, None) is not None and self._store(item, unit, values):
                unit = self._snapshot(items, values)

        for item in lets:
            if item.key in waiting and item.names:
                open_(item)
        return unit

    def _store(self, item: Item, unit: Snapshot, values: dict[str, Stored]) -> bool:
        """Whether a constant is a value of its own: not if it is a function, or one number without code."""
        let = item.let
        assert let is not None
        instance = unit.cell(let)
        try:
            entry = instance.core.functions[instance.core.entries[0]]
        except NotData:
            return False
        from ..compiler.ir import Const

        if len(item.names) == 1 and not entry.body.stmts and all(isinstance(r, Const) for r in entry.body.results):
            return False
        computation = Computation(instance)
        result = instance.result
        types = result.items if len(item.names) > 1 and isinstance(result, shapes.Tuple) else (result,)
        fresh = self._size_names(instance.result, unit)
        start = 0
        for n, t in zip(item.names, types, strict=True):
            count = len(shapes.leaves(t))
            values[n] = Stored(shapes.with_sizes(t, fresh), instance.flex[start:start + count], computation, start)
            start += count
        return True

    def _size_names(self, t: shapes.Type, unit: Snapshot) -> Callable[[shapes.Size], shapes.Size]:
        """Names of sizes that belong to the session: equal ones within a value, and those that came in."""
        known = {s for v in unit.values.values() for leaf in shapes.leaves(v.type) for s in leaf.sizes}
        made: dict[shapes.Size, shapes.Size] = {}

        def name(s: shapes.Size) -> shapes.Size:
            if isinstance(s, int) or s in known:
                return s
            if s not in made or s == "_":
                self._named += 1
                made[s] = f"size_{self._named}_"
            return made[s]

        return name

    def _check(self, unit: Snapshot, new: Sequence[Item], rebuilt: Sequence[Item], changed: set[str]) -> None:
        found: list[errors.Error] = list(unit.front.module.errors)
        for item in new:
            try:
                unit.front.check_item(item)
            except errors.Error as e:
                found += e.errors
        if not found:
            for item in rebuilt:
                try:
                    unit.front.check_item(item)
                except errors.Error as e:
                    why = sorted(unit.reached(item.uses) & changed) or sorted(changed)
                    for one in e.errors:
                        one.notes = (*one.notes, f"{item.key} uses {', '.join(why)}: the definitions from before are kept")
                        one.help = one.help or f"define {item.key} together with {why[0]}, or :forget {item.key} first"
                    found += e.errors
        if found:
            raise errors.bundle(found)

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
            yield Reply("value", cell.text.strip(), function_type(e.value))
            return
        computation = Computation(instance)
        computation.leaves()
        fresh = self._size_names(t, self.unit)
        stored = Stored(shapes.with_sizes(t, fresh), instance.flex, computation, 0)
        self._learn(stored)
        self._remember(stored, node, _text(cell, self._last or "_").strip())
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
        self._result_items[self._last] = _item(sx.TopLet(node.span, let), f"let {self._last} = {body}".replace("= \n", "=\n"))
        if len(self._result_items) > 1000:
            del self._result_items[next(iter(self._result_items))]

    def _results_in(self, new: Sequence[Item]) -> list[Item]:
        """The results before that declarations use as `_`: they become constants of the session."""
        found: dict[str, Item] = {}
        todo = [n for i in new for n in i.uses]
        while todo:
            n = todo.pop()
            if n in self._result_items and n not in self.unit.items and n not in found:
                found[n] = self._result_items[n]
                todo += found[n].uses
        return list(reversed(found.values()))

    def _learn(self, stored: Stored) -> None:
        """Computes a value, and notes the numbers behind the names of its sizes."""
        for leaf, x in zip(shapes.leaves(stored.type), stored.leaves(), strict=True):
            self.sizes.update((s, n) for s, n in zip(leaf.sizes, getattr(x, "shape", ()), strict=True) if isinstance(s, str))

    def shown(self, stored: Stored) -> Reply:
        value = rebuild(stored.leaves(), stored.type)
        return Reply("value", self.show(value), str(self.readable(stored.type)), value)

    def show(self, value: Any) -> str:
        """A value as the settings want it."""
        with np.printoptions(precision=int(self.settings["digits"])):
            return show(value, int(self.settings["elide"]))

    # ------------------------------------------------------------ questions

    def readable(self, t: shapes.Type) -> shapes.Type:
        """A type for people: sizes that belong to the session as numbers, or open."""

        def size(s: shapes.Size) -> shapes.Size:
            return self.sizes.get(s, "_") if isinstance(s, str) and s.startswith("size_") and s.endswith("_") else s

        return shapes.with_sizes(t, size)

    def value(self, name: str) -> Any:
        """The Python value of a constant, a copy."""
        stored = self.unit.values[name]
        return rebuild([x.copy() if isinstance(x, np.ndarray) else x for x in stored.leaves()], stored.type)

    def signature(self, name: str) -> shapes.Signature:
        """The signature of a function of the session."""
        s = self.unit.signature(name)
        return replace(s, result=None if s.result is None else self.readable(s.result))

    def functions(self) -> tuple[str, ...]:
        """The names of the functions of the session."""
        return self.unit.outline().functions

    def _node(self, text: str) -> sx.Expr:
        return parse_expr(Source("expression", text), self._last or "_")

    def type_of(self, text: str) -> str:
        """The type of an expression, without running it."""
        node = self._node(text)
        found = self.unit.front.value_of(node)
        return str(self.readable(found)) if isinstance(found, shapes.Type) else function_type(found)

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
        return str(self.signature(text)) if text in self.functions() else f"{text} : {self.type_of(text)}"

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

    # ------------------------------------------------------------ names and settings

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

    def forget(self, names: Sequence[str]) -> None:
        """Removes what these names declare; an error if other declarations use it."""
        keys = []
        for n in names:
            item = self.unit.owner.get(n) or self.unit.items.get(n)
            if item is None:
                raise errors.NameError("DV0201", f"the session has no {n}", help=did_you_mean(n, self.unit.owner))
            keys.append(item.key)
        items = {k: i for k, i in self.unit.items.items() if k not in keys}
        gone = {n for k in keys for n in self.unit.items[k].names}
        users = [i.key for i in items.values() if i.uses & gone]
        if users:
            raise errors.NameError("DV0201", f"{', '.join(users)} use{'s' if len(users) == 1 else ''} {', '.join(sorted(gone))}",
                                   help=f":forget {', '.join((*names, *users))} removes all of them")
        values = {n: v for n, v in self.unit.values.items() if n not in gone}
        _check_types(values, gone, items)
        self.unit = self._snapshot(items, values)

    def set(self, name: str, text: str) -> None:
        """Changes a setting."""
        if name not in SETTINGS:
            raise errors.ValueError_("DV0613", f"there is no setting {name}",
                                     help=did_you_mean(name, SETTINGS) or f"there are: {', '.join(SETTINGS)}")
        self.settings[name] = SETTINGS[name].read(name, text)

    # ------------------------------------------------------------ files

    def load(self, path: str) -> int:
        """Replaces the session by the declarations of a file; the number of its functions."""
        text = read_source(path)
        folder = os.path.dirname(os.path.abspath(path))
        items = [_item(d, text_at_lines(text, d.span)) for d in parse(Source(path, text)).decls]
        before, self.folder = self.folder, folder
        try:
            self.change(items, fresh=True)
        except BaseException:
            self.folder = before
            raise
        self.file = path
        return len(self.unit.outline().functions)

    def text(self) -> str:
        """The declarations of the session as a program."""
        return "\n\n".join(i.text for i in self.unit.items.values()) + "\n"


# ---------------------------------------------------------------- items


def _item(d: sx.Decl, text: str) -> Item:
    names: tuple[str, ...] = ()
    key = ""
    match d:
        case sx.Def(_, name) | sx.TopLet(_, sx.LetFn(_, name)):
            names = (name,)
        case sx.TopLet(_, sx.Let(_, pattern)):
            names = tuple(pattern_names(pattern))
        case sx.TypeDecl(_, key, _, body):
            names = (key, *(c for c, _ in body.ctors)) if isinstance(body, sx.SumBody) else (key,)
        case sx.Import(_, module, alias):
            names = (alias or module,)
        case sx.FromImport(_, _, names):
            pass
        case sx.DerivativeDecl(_, fn):
            key = f"derivative {fn}"
        case sx.TestDecl(_, title):
            key = f'test "{title}"'
        case _:
            key = text
    return Item(key or ", ".join(names) or text, names, d, text, frozenset(free_names(d)))


def _without(item: Item, changed: set[str], left: tuple[str, ...]) -> Item:
    """A declaration of several names, some of which have a new meaning."""
    d = item.decl
    match d:
        case sx.TopLet(_, sx.Let() as let):
            decl = replace(d, let=replace(let, pattern=_wild(let.pattern, changed)))
            return replace(item, key=", ".join(left), names=left, decl=decl)
        case sx.FromImport():
            return replace(item, key=", ".join(left), names=left, decl=replace(d, names=left))
    raise errors.NameError(
        "DV0202", f"{', '.join(sorted(changed & set(item.names)))} belongs to {item.key}", d.span,
        help=f"define {item.key} again without it, or :forget {item.key}",
    )


def _wild(p: sx.Pattern, changed: set[str]) -> sx.Pattern:
    """A pattern that no longer binds these names."""
    match p:
        case sx.PName(span, name) if name in changed:
            return sx.PWild(span)
        case sx.PTuple(span, items):
            return sx.PTuple(span, tuple(_wild(i, changed) for i in items))
        case sx.PRecord(span, names):
            return sx.PRecord(span, tuple(n for n in names if n not in changed))
        case sx.PCtor(span, name, args):
            return sx.PCtor(span, name, None if args is None else tuple((n, _wild(q, changed)) for n, q in args))
    return p


def _clash(group: Sequence[Item], items: Sequence[Item]) -> bool:
    """Whether declarations define a name again: then they come after the others."""
    return bool({n for i in group for n in (i.key, *i.names)} & {n for i in items for n in (i.key, *i.names)})


def _check_types(values: dict[str, Stored], changed: set[str], items: dict[str, Item]) -> None:
    """A value may not outlive its type."""
    for name, v in values.items():
        lost = sorted(_type_names(v.type) & changed)
        if lost:
            where = items[lost[0]].decl.span if lost[0] in items else None
            raise errors.TypeError("DV0307", f"{name} holds a value of the type {lost[0]} as it was", where,
                                   help=f":forget {name} first, or give the new type another name")


def _type_names(t: shapes.Type) -> set[str]:
    match t:
        case shapes.Array(element):
            return _type_names(element)
        case shapes.Tuple(parts):
            return {n for s in parts for n in _type_names(s)}
        case shapes.Record(name, fields):
            return {name} | {n for _, s in fields for n in _type_names(s)}
        case shapes.Sum(name, ctors):
            return {name} | {n for _, payload in ctors for s in payload for n in _type_names(s)}
    return set()


def function_type(v: Value) -> str:
    """`(x: f64[n]) -> …`: what a function takes; what it gives depends on that."""
    if isinstance(v, StrV):
        return "a text"
    s = function_signature(v, "")
    return f"({', '.join(map(str, s.params))}) -> …" if s.params else "a function"


def text_at_lines(text: str, span: Span) -> str:
    """The lines of a declaration, with the documentation above it."""
    lines = text.split("\n")
    first = span.line - 1
    while first and lines[first - 1].startswith("##"):
        first -= 1
    return "\n".join(lines[first:span.end_line])


def _text(cell: Cell, last: str) -> str:
    """The text of a cell, its lines counted as in the whole text, with `_` by the name that it has from now on."""
    source = cell.source("")
    lines = source.text.split("\n")
    expression = cell.kind == "expression"
    for chunk in layout(lex(source), expression=expression)[0]:
        for span in reversed(name_last(chunk.tokens, "expr" if expression else "decl", last)):
            line = lines[span.line - 1]
            lines[span.line - 1] = line[:span.col - 1] + last + line[span.end_col - 1:]
    return "\n".join(lines)
