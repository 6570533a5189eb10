"""The program of a session at one moment: its declarations, and the values that were computed before.

A declaration that uses a value takes it as an argument: every entry has the values that it needs as
parameters in front of its own, and functions that use values are elaborated in place.  So a value is
computed once, and its sizes never compile anything again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..compiler import errors
from ..compiler.errors import DERIVED, Source, Span
from ..compiler.ir import Delta, Index, Program, Show, Stmt, Update, all_stmts, bound_vars, clone_function
from ..compiler.lock import kept, locked
from ..compiler.printer import print_program
from ..frontend import modules
from ..frontend import syntax as sx
from ..frontend import types as ty
from ..frontend.elab_functions import Closure, is_mono
from ..frontend.names import check_names, free_names
from ..frontend.parser import parse_expr
from ..frontend.values import FnV, StrV, Value
from ..passes.differentiate import resolve
from . import shapes
from .front import Front, Made, made_of, outside, text_at
from .pipeline import Instance, Run, T, Unit
from .session_types import INTERRUPTED
from .shapes import Param, Signature
from .sources import compiler_fingerprint, find_import

NAME = "<session>"
Node = sx.Let | sx.Expr


@dataclass(frozen=True)
class Item:
    """A declaration with its text; `names` are what it defines, `uses` what it mentions."""

    key: str
    names: tuple[str, ...]
    decl: sx.Decl
    text: str
    uses: frozenset[str]

    @property
    def let(self) -> sx.Let | None:
        """The constant that it declares, if it does."""
        return self.decl.let if isinstance(self.decl, sx.TopLet) and isinstance(self.decl.let, sx.Let) else None


class Computation:
    """An entry whose results are kept: known by type at once, run when they are needed first."""

    def __init__(self, instance: Entry) -> None:
        self.instance = instance
        self._leaves: Sequence[Any] | None = None

    @property
    def done(self) -> bool:
        return self._leaves is not None

    def leaves(self) -> Sequence[Any]:
        if self._leaves is None:
            self._leaves = self.instance.run(())
            for x in self._leaves:
                if isinstance(x, np.ndarray):
                    x.flags.writeable = False
        return self._leaves


@dataclass(frozen=True)
class Stored:
    """A value of the session: some leaves of a computation.  Sizes that are no numbers have names of their own."""

    type: shapes.Type
    flex: tuple[bool, ...]
    computation: Computation
    start: int

    def leaves(self) -> Sequence[Any]:
        return self.computation.leaves()[self.start:self.start + len(self.flex)]


class NotData(errors.TypeError):
    """An expression is a function (or a text): it has a type, and nothing to run."""

    def __init__(self, value: Value, span: Span) -> None:
        super().__init__("DV0317", "this is a function, not data", span, help="apply it, or ask for its :type")
        self.value = value


class Snapshot(Unit):
    """`made` is machine code by core program, shared by all snapshots of a session."""

    def __init__(
        self, items: Mapping[str, Item], values: Mapping[str, Stored], folder: str | None, backend: str | None,
        write: Callable[[str], object], made: dict[object, Run],
    ) -> None:
        super().__init__(Source(NAME, ""), folder, backend)
        self.items = dict(items)
        self.values = dict(values)
        self.write = write
        self.made = made
        self.owner = {n: item for item in self.items.values() for n in item.names}

    def span_of(self, text: str, p: shapes.Param, place: tuple[int, int, int, int]) -> Span:
        """Every input is a text of its own, so a place alone doesn't say which."""
        words = set(re.findall(r"\w+", text))
        for item in sorted(self.items.values(), key=lambda i: words.isdisjoint(i.names)):
            d = item.decl.let if isinstance(item.decl, sx.TopLet) else item.decl
            for mine in d.params if isinstance(d, sx.Def | sx.LetFn) else ():
                s = mine.span
                if getattr(mine, "name", None) == p.name and (s.line, s.col, s.end_line, s.end_col) == place:
                    return s
        return super().span_of(text, p, place)

    @property
    def text(self) -> str:
        """The declarations as a program."""
        return "\n\n".join(i.text for i in self.items.values()) + "\n"

    @kept
    def alone(self) -> Unit:
        return Unit(Source(NAME, self.text), self.folder, self.backend)

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("functions of a session can't be pickled: save the session to a file and load that")

    @kept
    def front(self) -> SnapshotFront:
        return SnapshotFront(self)

    def _on_disk(self, label: str, make: Callable[[], T], encode: Callable[[T], Any], decode: Callable[[Any], T]) -> T:
        return make()

    # ------------------------------------------------------------ what depends on what

    @property
    def worn(self) -> bool:
        """Has so much been elaborated that a fresh one is better?"""
        return len(self.front.module.elab.functions) > 1000

    @property
    def used(self) -> set[str]:
        """The names that declarations mention."""
        return {n for item in self.items.values() for n in item.uses}

    def reached(self, names: Iterable[str]) -> set[str]:
        """The names of the session that these use, themselves included; values stand for themselves."""
        seen: set[str] = set()
        todo = list(names)
        while todo:
            name = todo.pop()
            if name in seen:
                continue
            seen.add(name)
            if name in self.values:
                continue
            for item in (self.owner.get(name), self.items.get(f"derivative {name}")):
                if item is not None:
                    todo += item.uses
        return seen

    def needs(self, names: Iterable[str]) -> tuple[str, ...]:
        """The values that these names use, in order."""
        return tuple(sorted(self.reached(names) & self.values.keys()))

    # ------------------------------------------------------------ entries

    def cell(self, node: Node) -> Entry:
        """What was typed at the prompt, as an entry without parameters of its own."""
        return Entry(self, text_at(node.span), (), False, node)

    def _new_instance(self, text: str, types: tuple[shapes.Type, ...], plain: bool) -> Instance:
        return Entry(self, text, types, plain)


class Entry(Instance):
    """An entry of a session: the values that it needs come first.

    With a node it is that, and has no parameters of its own; otherwise `text` is a function.
    """

    unit: Snapshot

    def __init__(self, unit: Snapshot, text: str, types: tuple[shapes.Type, ...], plain: bool,
                 node: Node | None = None) -> None:
        super().__init__(unit, text, types, plain)
        self._applied = node is None
        self._node = node or (_name(text) if plain else parse_expr(Source(DERIVED, text)))
        self._needs = unit.needs(free_names(self._node))

    def _elaborate(self) -> Made:
        front = self.unit.front
        if not self._applied:
            return front.made(self._node, self._needs, None)
        with front.relocated(self.text):
            return front.made(self._node, self._needs, self.types)

    @property
    def given(self) -> tuple[Param, ...]:  # type: ignore[override]
        return tuple(Param(n, self.unit.values[n].type) for n in self._needs)

    @property
    def flex(self) -> tuple[bool, ...]:
        _ = self.core
        return self._made.flex

    def run(self, leaves: Sequence[Any]) -> Sequence[Any]:
        outer = [x for n in self._needs for x in self.unit.values[n].leaves()]
        return super().run([*outer, *leaves])

    def cache_key(self) -> str:
        """Everything that the code could depend on: the core program, and the places that it may speak of."""
        digest = hashlib.sha256(compiler_fingerprint().encode())
        for part in _identity(self.core, spans=True):
            digest.update(part.encode("utf-8", "surrogatepass") + b"\0")
        return digest.hexdigest()

    def _native(self) -> Run:
        """Machine code of an equal program serves again; if it fails, our own says where."""
        if any(isinstance(s.op, Show) for s in _statements(self.core)):
            return self._compiled()
        made = self.unit.made
        key = tuple(_identity(self.core, spans=False))
        found = made.get(key)
        if found is None:
            found = made[key] = self._compiled()
            while len(made) > 200:
                del made[next(iter(made))]
            return found
        again = found

        def run(leaves: Sequence[Any]) -> Sequence[Any]:
            try:
                return again(leaves)
            except errors.Error as e:
                if e.code == INTERRUPTED:
                    raise
                return self._compiled()(leaves)

        return run

    def _compiled(self) -> Run:
        native = super()._native()
        if self._needs:
            self.native = None  # a caller of its machine code would have to give the values too
        return native


def _name(name: str) -> sx.Expr:
    return sx.Name(Span(None, 1, 1, 1, 1), name)


def _identity(program: Program, *, spans: bool) -> Iterator[str]:
    """A program as texts in which only what matters differs: functions and variables have numbers for names."""
    numbers = {name: f"f{k}" for k, name in enumerate(program.functions)}
    plain = {new: clone_function(program.functions[name], new) for name, new in numbers.items()}
    for f in plain.values():
        bound = [*f.sizes, *f.params, *(v for s in all_stmts(f.body) for v in (*s.vars, *bound_vars(s.op)))]
        for v in bound:
            v.name = "v"
    text = print_program(Program(plain, tuple(numbers[e] for e in program.entries)))
    yield re.sub("|".join(rf"\b{re.escape(n)}\b" for n in sorted(numbers, key=len, reverse=True)),
                 lambda m: numbers[m[0]], text)
    yield "".join("01"[s.op.safe] for s in _statements(program) if isinstance(s.op, Index | Update | Delta))
    if spans:
        yield from (f"{s.prov.span} {s.prov.span!r} {s.prov.notes}" for s in _statements(program) if s.prov.span is not None)
        yield from (v.name for f in program.functions.values() for v in f.params)


def _statements(program: Program) -> Iterator[Stmt]:
    for f in program.functions.values():
        yield from all_stmts(f.body)


class SnapshotFront(Front):
    """The front end of a snapshot: values of the session are given to what uses them."""

    def __init__(self, unit: Snapshot) -> None:
        self.unit = unit
        self.source = unit.source
        decls = [i.decl for i in unit.items.values() if not any(n in unit.values for n in i.names)]
        program = sx.Program(Span(unit.source, 1, 1, 1, 1), tuple(decls))
        self.module = modules.load_module(unit.source, lambda name: find_import(name, unit.folder), program=program,
                                          whole=not unit.values)
        self.module.inlined = {n for i in unit.items.values() for n in i.names if unit.needs(i.names)}

    # ------------------------------------------------------------ entries

    def made(self, node: Node, needs: Sequence[str], types: tuple[shapes.Type, ...] | None) -> Made:
        """A node as an entry; a function for arguments of these types, if there are any."""
        args, names = self._inside(types or ())

        def make() -> Value:
            return self._closure(node, args, names) if isinstance(node, sx.Fn) and types is not None else self._value(node)

        found = self._given(make, needs, node.span, args if types is not None else None)
        if isinstance(found, modules.Instance):
            return made_of(found)
        raise NotData(found, node.span)

    def _value(self, node: Node) -> Value:
        return self.module.let_values(node) if isinstance(node, sx.Let) else self.module.elab.elaborate(node, self.module.env)

    @locked
    def _given(
        self, make: Callable[[], Value], needs: Sequence[str], span: Span, args: Sequence[ty.Type] | None
    ) -> modules.Instance | Value:
        values = [self.unit.values[n] for n in needs]
        inside, _ = self._inside(tuple(v.type for v in values))
        given = {n: modules.Given(t, v.flex) for n, v, t in zip(needs, values, inside, strict=True)}
        return self.module.instantiate_given(make, given, span, args)

    # ------------------------------------------------------------ checks and signatures

    @locked
    def check_item(self, item: Item) -> None:
        """The types of one declaration."""
        needs = self.unit.needs(item.names or item.uses)
        if not needs:
            self.module.check_decl(item.decl)
            if isinstance(item.decl, sx.DerivativeDecl):
                self.module.check_decl(self.module.decls[item.decl.fn])
                for program in self.module.stated_derivatives():
                    resolve(program)
            return
        match item.decl:
            case sx.TestDecl(span, _, body):
                self._given(lambda: self._value(body), needs, span, None)
            case sx.DerivativeDecl(span):
                self.module.elab.not_yet("a derivative rule for a function that uses a value of the session", span)
            case sx.TopLet(span, sx.Let() as let) if not item.names:
                self._given(lambda: self._value(let), needs, span, None)
            case _:
                self._result(item.names[0], item.decl.span, needs)

    def _result(self, name: str, span: Span, needs: Sequence[str]) -> modules.Instance | Value:
        """A function that uses values, applied to parameters of its declared types if they are all written."""

        def make() -> Value:
            v = self.module.value(name)
            assert v is not None
            if isinstance(v, Closure):
                check_names(v.code.params, v.code.body, self.module.env)
            return v

        fn = self.module.value(name) if isinstance(self.unit.owner[name].decl, sx.Def) else None
        return self._given(make, needs, span, () if isinstance(fn, Closure) and is_mono(fn) else None)

    def signature(self, name: str) -> Signature:
        found = super().signature(name)
        needs = self.unit.needs([name])
        if found.result is None and needs:
            made = self._result(name, self.unit.owner[name].decl.span, needs)
            if isinstance(made, modules.Instance):
                return replace(found, result=outside(made.result))
        return found

    def value_of(self, node: Node) -> Value | shapes.Type:
        """What an expression is: the type of its data, or the function."""
        found = self._given(lambda: self._value(node), self.unit.needs(free_names(node)), node.span, None)
        return outside(found.result) if isinstance(found, modules.Instance) else found

    def result_of(self, node: Node) -> shapes.Type | None:
        """What the function that an expression is gives for parameters of its declared types; None for a function."""
        found = self._given(lambda: self._value(node), self.unit.needs(free_names(node)), node.span, ())
        return outside(found.result) if isinstance(found, modules.Instance) else None


def function_signature(v: Value, text: str) -> Signature:
    """How a function value looks from outside."""
    if not isinstance(v, FnV) or isinstance(v, StrV):
        raise errors.TypeError("DV0304", f"{text} is no function")
    names = v.params() or ()
    declared = v.declared() or (None,) * len(names)
    types = [shapes.Any() if t is None or ty.has_function(t) else outside(t) for t in declared]
    return Signature(text, tuple(Param(n, t) for n, t in zip(names, types, strict=False)))
