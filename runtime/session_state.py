"""What a session holds: declarations and values, changed all at once or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..compiler import errors
from ..compiler.errors import Source
from ..frontend import syntax as sx
from ..frontend import test_parts
from ..frontend.elab_base import depends_on_itself, did_you_mean
from ..frontend.parser import parse
from . import shapes
from .data import read_source
from .guard import guarded
from .pipeline import Run
from .session_items import item_of, text_at_lines, without
from .session_types import SETTINGS
from .snapshot import Computation, Item, NotData, Snapshot, Stored
from .testing import failure
from .values import rebuild


class State:
    """The declarations and values of a session, as a `Snapshot`; the settings.

    `write` gets the lines of `show`; `folder` is where imports and files are looked for.
    """

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
        self._outdated: set[str] = set()
        self.unit = self._snapshot({}, {})

    def _snapshot(self, items: Mapping[str, Item], values: Mapping[str, Stored]) -> Snapshot:
        return Snapshot(items, values, self.folder, self.backend, self.write, self.made)

    def change(self, new: Sequence[Item], *, results: Sequence[Item] = (), run: bool = False,
               fresh: bool = False) -> tuple[list[str], list[str]]:
        """The session with new declarations: all of them or, with an error, none.

        Gives what was rebuilt because it depends on them, and which values were computed from the old ones.
        `results` are values before that get a declaration.  With `run` new constants are computed now
        and new tests are run, otherwise when they are needed; `fresh` drops all that was.
        """
        items, values = ({}, {}) if fresh else (dict(self.unit.items), dict(self.unit.values))
        items.update((i.key, i) for i in results)
        changed, gone = {n for i in new for n in i.names}, set[str]()
        replaced = {i.key for i in new}
        for item in list(items.values()):
            if isinstance(item.decl, sx.DerivativeDecl) and item.decl.fn in changed:
                del items[item.key]  # it was stated of another function
            elif item.key in replaced or set(item.names) & changed:
                left = () if item.key in replaced else tuple(n for n in item.names if n not in changed)
                del items[item.key]
                if left:
                    items[", ".join(left)] = without(item, changed, left)
                else:
                    gone |= set(item.names)
        changed |= gone
        for n in changed:
            values.pop(n, None)
        items.update((i.key, i) for i in new)
        before = self._snapshot(items, values)
        touched = changed | {i.decl.fn for i in new if isinstance(i.decl, sx.DerivativeDecl)}
        hit = [i for i in items.values() if i.key not in replaced and before.reached(i.uses) & touched]
        for i in [i for i in results if i in hit and i.names[0] not in values]:
            del items[i.key]  # its text no longer gives what it was
            hit.remove(i)
        late = [i for i in hit if i.let is not None and values.keys() & set(i.names)]
        kept = [n for i in late for n in i.names if values[n].computation.done]
        again = [i for i in late if not values[i.names[0]].computation.done]
        for i in again:
            for n in i.names:
                del values[n]
        if self._last in values and self._last not in before.used and _type_names(values[self._last].type) & changed:
            del values[self._last]
        _check_types(values, changed, items)
        outdated = self._results_of(touched | {n for i in hit for n in i.names if n not in values}, fresh)
        unit = self._lets([i for i in (*new, *again) if i.let is not None], items, values)
        rebuild_ = [i for i in hit if i not in late]
        self._check(unit, new, [*rebuild_, *again], changed)
        if run:
            for item in new:
                with guarded("session", item.text, item.decl.span):
                    for n in item.names:
                        if n in unit.values:
                            self._learn(unit.values[n])
                    if item.let is not None and not item.names:
                        unit.cell(item.let).run(())
                    if isinstance(item.decl, sx.TestDecl):
                        _test(item.decl, unit)
        self.unit = unit
        self._outdated |= outdated
        names = [n for i in (*rebuild_, *again) for n in (i.names or (i.key,))]
        return names, kept

    def _results_of(self, affected: set[str], fresh: bool) -> set[str]:
        """The results before whose texts would not give them again; a fresh session has none of their definitions."""
        gone: set[str] = set()
        for n, item in self._result_items.items():  # each after those that it uses
            if fresh or item.uses & (affected | gone):
                gone.add(n)
        return gone

    def _lets(self, lets: Sequence[Item], items: dict[str, Item], values: dict[str, Stored]) -> Snapshot:
        """The snapshot in which these constants have types: each after those that it uses."""
        waiting = {i.key: i for i in lets}
        opening: list[str] = []
        unit = self._snapshot(items, values)

        def open_(item: Item) -> None:
            nonlocal unit
            if item.key in opening:
                raise depends_on_itself(item.names[0], item.decl.span)
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

    def _learn(self, stored: Stored) -> None:
        """Computes a value, and notes the numbers behind the names of its sizes."""
        for leaf, x in zip(shapes.leaves(stored.type), stored.leaves(), strict=True):
            self.sizes.update((s, n) for s, n in zip(leaf.sizes, getattr(x, "shape", ()), strict=True) if isinstance(s, str))

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

    def load(self, path: str) -> int:
        """Replaces the session by the declarations of a file; the number of its functions."""
        text = read_source(path)
        folder = os.path.dirname(os.path.abspath(path))
        items = [item_of(d, text_at_lines(text, d.span)) for d in parse(Source(path, text)).decls]
        before, self.folder = self.folder, folder
        try:
            self.change(items, fresh=True)
        except BaseException:
            self.folder = before
            raise
        self.file = path
        return len(self.unit.outline().functions)

    def set(self, name: str, text: str) -> None:
        """Changes a setting; without a text it only has to be there."""
        if name not in SETTINGS:
            raise errors.ValueError_("DV0613", f"there is no setting {name}",
                                     help=did_you_mean(name, SETTINGS) or f"there are: {', '.join(SETTINGS)}")
        if text:
            self.settings[name] = SETTINGS[name].read(name, text)


def _test(d: sx.TestDecl, unit: Snapshot) -> None:
    """Runs a test; an error says what is false in it."""

    def value(node: sx.Expr) -> Any:
        entry = unit.cell(node)
        return rebuild(entry.run(()), entry.result)

    if not value(d.body):
        parts = test_parts.parts(d)
        raise failure(d.name, [(p.condition.span, p.relation) for p in parts],
                      lambda k: value(test_parts.whole(d, parts[k].condition)),
                      lambda k: value(test_parts.whole(d, test_parts.both(parts[k]))))


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
