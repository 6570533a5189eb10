"""One Python function as a definition of the language."""

from __future__ import annotations

import ast
import inspect
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from types import FunctionType
from typing import Any, Protocol

import numpy as np

from ..compiler.errors import Span, TypeError
from . import syntax as sx
from .python_alias import Aliases
from .python_classes import record_fields
from .python_flow import NONE, Live, assigned, bound, defaults_of, exits, hoisted, late, parameters
from .python_iterators import Iterators
from .python_lists import appending
from .python_loops import Loops
from .python_ranks import Ranks
from .python_returns import ReturnsOfLoops
from .python_scope import MISSING, Contents, Environment, Frame, Linker, call, contents
from .python_source import Found, Text
from .python_stmts import Leave
from .python_tables import known_function
from .python_types import Annotations

LONGEST_DEFAULT = 256
SCALARS = ("f64", "f32", "i64", "i32", "bool")


class Program(Linker, Protocol):
    """What a definition asks of the program beside names."""

    annotations: Annotations

    def family(self, cls: object) -> tuple[type, ...]:
        raise NotImplementedError

    def returns_argument(self, function: FunctionType) -> bool:
        raise NotImplementedError

    def opened(self, value: object) -> FunctionReader | None:
        raise NotImplementedError

    def is_jit(self, value: object) -> bool:
        raise NotImplementedError


class FunctionReader(Loops):
    """Reads a `def` or a `lambda`; `frames` are the scopes around a nested one."""

    linker: Program

    def __init__(self, linker: Program, text: Text, node: ast.FunctionDef | ast.Lambda, env: Environment,
                 frames: Sequence[Frame], used: dict[str, None], fixed: Collection[str] = ()) -> None:
        """`fixed` are parameters that the environment gives a value."""
        super().__init__(linker, text, env, frames, used)
        self.node = node
        self.plain_parameters(node)
        self.own = [a for a in parameters(node) if a.arg not in fixed]
        self.params = [a.arg for a in self.own]
        returns = ReturnsOfLoops(self.params)
        self.body = returns.function(node.body) if isinstance(node, ast.FunctionDef) else [
            ast.copy_location(ast.Return(node.body), node.body)]
        self.made = returns.made
        self.body, self.moved = late(hoisted(appending(self.body)), frozenset(self.params))
        self.itself = node.name if isinstance(node, ast.FunctionDef) and not frames else ""
        self.kept = set()
        self.records = {}
        self.order = [*self.params, *(n for n in assigned(self.body) if n not in self.params)]
        own = {*self.params, *bound(self.body)}
        self.frames.append(Frame(frozenset(own), set(self.params)))
        self.bools = self._bools()
        self.scalars = set()
        self.floats: set[str] = set()
        self.numeric: set[str] = set()
        self.asked: dict[ast.expr, type | None] = {}
        self.depth = 0
        self.work = 0

    def _bools(self) -> set[str]:
        """Names that are given truth values."""
        found: set[str] = set()
        nodes = [n for s in self.body for n in ast.walk(s)]
        given = [(t.id, n.value) for n in nodes if isinstance(n, ast.Assign) for t in n.targets if isinstance(t, ast.Name)]
        stored = Counter(n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
        self.truths = set()
        for _ in range(2):
            for name, value in given:
                if self.is_bool(value) or isinstance(value, ast.Name) and value.id in found:
                    found.add(name)
            sure = Counter(name for name, value in given if self.are_bools(value))
            self.truths = {n for n, k in sure.items() if k == stored[n] and n not in self.params}
        return found

    # ------------------------------------------------ the whole

    def definition(self, name: str, hidden: Callable[[], tuple[sx.Param, ...]], defaults: dict[str, Any], hints: dict[str, Any],
                   doc: str | None, lists: Mapping[str, int]) -> sx.Def:
        """`lists`: how many levels of lists parameters without a type are given, 0 for a tuple."""
        types = {a.arg: self.hint(hints[a.arg], a) for a in self.own if a.arg in hints}
        ret = None
        if isinstance(self.node, ast.FunctionDef) and self.node.returns is not None and "return" in hints:
            ret = self.linker.annotations.type_of(hints["return"], self.at(self.node.returns))
        self.note_types(types)
        if self.linker.lenient:
            self.pending = frozenset(a.arg for a in self.own if a.annotation is not None and a.arg not in hints)
        self.records |= {n: h for n, h in hints.items() if isinstance(h, type) and record_fields(h) is not None}
        self.tuples |= {n: 0 for n, h in hints.items() if isinstance(h, type) and issubclass(h, tuple) and types.get(n) is not None}
        for n, depth in lists.items():
            if types.get(n) is None and depth:
                self.lists[n] = depth
            elif types.get(n) is None:
                self.tuples[n] = 0
        own = []
        for a in self.own:
            default = None
            if a.arg in defaults:
                given = defaults[a.arg]
                default = self.array_default(given, a) if isinstance(given, np.ndarray | list) else self.default(given, a)
            own.append(sx.Param(self.at(a), self.spelled(a.arg), types.get(a.arg), default))
        self.check_aliases({a.arg: _rank(types.get(a.arg)) for a in self.own})
        body = self.value()
        self.raise_all()
        return sx.Def(self.head, name, (*hidden(), *own), ret, body, doc)

    def default(self, value: object, arg: ast.arg) -> sx.Expr:
        arrays: dict[str, None] = {}
        made = self.linker.value(value, arg.arg, self._default_span(arg), arrays)
        if arrays:
            raise TypeError("DV0156", f"the default of {arg.arg} has an array in it", self._default_span(arg),
                            help="give it as an argument, or use it by its name from outside")
        return made

    def array_default(self, value: Any, arg: ast.arg) -> sx.Expr:
        """An array as a default is written out: defaults see no parameters, not even hidden ones."""
        where = self._default_span(arg)
        array = np.asarray(value)
        if not isinstance(defaults_of(self.node)[arg.arg], ast.List):  # one that is written out has no other name
            self.linker.watch(Contents(value, arg.arg, contents(value)))
        if not 0 < array.size <= LONGEST_DEFAULT or array.dtype.kind not in "fib":
            raise TypeError("DV0156", f"the default of {arg.arg} is no array of 1 to {LONGEST_DEFAULT} numbers", where,
                            help="give it as an argument, or use it by its name from outside")

        def literal(part: Any) -> sx.Expr:
            if part.ndim == 0:
                return self.linker.value(part, arg.arg, where, {})
            return sx.ArrayLit(where, tuple(map(literal, map(np.asarray, part))))

        made = literal(array)
        return call(where, self.linker.builtin("i64", where), made) if array.dtype.kind == "i" else made

    def note_types(self, types: Mapping[str, sx.Type | None]) -> None:
        """What the annotations of parameters say to the reader."""
        again = set(assigned(self.body))
        self.tuples |= {n: len(t.items) for n, t in types.items() if isinstance(t, sx.TTuple)}
        self.truths |= {n for n, t in types.items() if n not in again and _element(t) == "bool"}
        self.numeric |= {n for n, t in types.items() if n not in again and _rank(t) == 0}
        self.floats |= {n for n, t in types.items() if n not in again and _element(t) in ("f64", "f32")}

    @property
    def head(self) -> Span:
        """The first line of the definition."""
        whole = self.at(self.node)
        if whole.line == whole.end_line:
            return whole
        return Span(whole.source, whole.line, whole.col, whole.line, len(self.text.line(whole).rstrip()) + 1)

    def hint(self, hint: Any, arg: ast.arg) -> sx.Type | None:
        return self.linker.annotations.type_of(hint, self.at(arg.annotation or arg))

    def _default_span(self, arg: ast.arg) -> Span:
        positional = [*self.node.args.posonlyargs, *self.node.args.args]
        if arg in positional:
            k = positional.index(arg) - len(positional)
            return self.at(self.node.args.defaults[k])
        found = self.node.args.kw_defaults[self.node.args.kwonlyargs.index(arg)]
        return self.at(found if found is not None else arg)

    def value(self) -> sx.Expr:
        """The body as an expression."""

        def ret(s: ast.Return) -> sx.Expr:
            if s.value is None:
                self.refuse(s, "a function of the language has a value", "return one")
            self.depth = max(self.depth, self.list_depth(s.value))
            return self.expr(s.value)

        self.leave = Leave(ret)
        self.check_statements(self.body)
        if isinstance(self.node, ast.FunctionDef) and not exits(self.body).leaves and not self.errors:
            self.refuse(self.body[-1], "this function returns nothing", "a function of the language has a value: return one", "DV0154")
        return self.run(self.body, self.no_value, Live(NONE))

    def check_aliases(self, ranks: dict[str, int | None]) -> None:
        known_ranks = Ranks(self.quiet_static, known_function, ranks, self.body, self.is_lexical)
        records, self.records = self.records, dict(self.records)
        self.class_given(self.body)  # notes the classes of names
        found = Aliases(known_ranks, self.at, self.list_depth_of(known_ranks), self.linker.returns_argument, self.method_of)
        found.run(self.params, self.body)
        self.records = records
        self.scalars = found.scalars
        body = self.node.body if isinstance(self.node, ast.FunctionDef) else self.body
        iterators = Iterators(self.quiet_static, self.at, self.linker.opened)
        iterators.run(body)
        self.errors += [*found.errors, *iterators.errors]

    def method_of(self, func: ast.Attribute) -> FunctionType | None:
        cls = self.class_of(func.value)
        found = None if cls is None else inspect.getattr_static(cls, func.attr, None)
        return self.linker.python(found.__func__ if isinstance(found, staticmethod | classmethod) else found)

    def list_depth_of(self, ranks: Ranks) -> Callable[[ast.expr], int]:
        """How deep lists are, before the text is read from top to bottom."""
        depths = dict(self.lists)
        outer, self.lists = self.lists, depths
        for _ in range(2):
            for s in self.body:
                for n in ast.walk(s):
                    if isinstance(n, ast.Assign):
                        for t in n.targets:
                            if isinstance(t, ast.Name):
                                depths[t.id] = max(depths.get(t.id, 0), self.list_depth(n.value))
        self.lists = outer

        def depth(e: ast.expr) -> int:
            before, self.lists = self.lists, depths
            try:
                return self.list_depth(e)
            finally:
                self.lists = before

        return depth

    def quiet_static(self, node: ast.expr) -> Any:
        """`static` that leaves complaints to the reading itself."""
        try:
            return self.static(node)
        except Exception:  # noqa: BLE001
            return MISSING

    # ------------------------------------------------ nested functions

    def local_function(self, s: ast.FunctionDef) -> sx.LetFn:
        for d in s.decorator_list:
            if not self.linker.is_jit(self.static(d)):
                self.refuse(d, "a decorator of a nested function is not in the language")
        self.check_captured(s, self.moved.get(s, NONE))
        inner = type(self)(self.linker, self.text, s, self.env, self.frames, self.used)
        inner.errors = self.errors
        inner.lists, inner.tuples = dict(self.lists), dict(self.tuples)
        inner.records = {n: c for n, c in self.records.items() if n not in inner.frames[-1].locals}
        types = {a.arg: self.annotation(a.annotation) for a in parameters(s) if a.annotation is not None}
        inner.note_types(types)
        inner.check_aliases({a.arg: _rank(types.get(a.arg)) for a in parameters(s)})
        defaults = defaults_of(s)
        params = tuple(sx.Param(self.at(a), self.spelled(a.arg), types.get(a.arg),
                                self.expr(defaults[a.arg]) if a.arg in defaults else None) for a in parameters(s))
        ret = self.annotation(s.returns) if s.returns is not None else None
        made = sx.LetFn(inner.head, self.spelled(s.name), params, ret, inner.value())
        self.define((s.name,))
        return made

    def annotation(self, node: ast.expr) -> sx.Type | None:
        """The type of an annotation inside a function."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node = ast.copy_location(ast.parse(node.value, mode="eval").body, node)
        try:
            hint = eval(compile(ast.Expression(node), "<annotation>", "eval"), dict(self.env.globals), dict(self.env.cells))
        except Exception as e:  # noqa: BLE001
            raise TypeError("DV0156", f"the annotation {ast.unparse(node)} can't be evaluated: {e}", self.at(node)) from None
        return self.linker.annotations.type_of(hint, self.at(node))

    def family(self, cls: object) -> tuple[type, ...]:
        return self.linker.family(cls)


def _element(t: sx.Type | None) -> str | None:
    """The name of a declared type, of its elements for an array."""
    match t:
        case sx.TName(_, name) | sx.TApply(_, sx.TName(_, name), _):
            return name
    return None


def _rank(t: sx.Type | None) -> int | None:
    """The number of axes of a declared type; None where that is open."""
    match t:
        case sx.TName(_, name):
            return 0 if name in SCALARS else None
        case sx.TApply(_, sx.TName(_, name), sizes) if name in SCALARS:
            return len(sizes)
    return None


def hints_of(function: FunctionType, found: Found, env: Environment, lenient: bool) -> dict[str, Any]:
    """The annotations of a function, evaluated where they are text."""
    out: dict[str, Any] = {}
    for name, hint in inspect.get_annotations(function).items():
        if isinstance(hint, str):
            try:
                hint = eval(hint, dict(env.globals), dict(env.cells))
            except Exception as e:  # noqa: BLE001
                if lenient:
                    continue
                where = {a.arg: a.annotation for a in parameters(found.node)}
                where["return"] = getattr(found.node, "returns", None)
                at = where.get(name)
                raise TypeError("DV0156", f"the annotation {hint} can't be evaluated: {e}",
                                found.text.span(at) if at is not None else None) from None
        out[name] = hint
    return out
