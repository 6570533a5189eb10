"""Classes of values, as far as the text of a Python function says: methods, properties, fields; items of tuples."""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import typing
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FunctionType, MethodType
from typing import Any

from . import syntax as sx
from .elab_base import did_you_mean
from .python_classes import found_in, has_text, record_fields
from .python_scope import MISSING, Scope, number
from .python_types import hints_of


class Records(Scope):
    records: dict[str, type | None]
    """The classes of names; None where they are not of one."""
    pending: frozenset[str] = frozenset()
    """Parameters whose annotations name what is not there yet: the class around a method."""

    params: list[str]

    def expr(self, node: ast.expr) -> sx.Expr:
        raise NotImplementedError

    def by_method(self, node: ast.expr) -> sx.Expr | None:
        raise NotImplementedError

    def user_call(self, node: ast.Call, fn: sx.Expr, first: tuple[sx.Arg, ...] = ()) -> sx.Expr:
        raise NotImplementedError

    def check_kinds(self, node: ast.Call, function: FunctionType, first: int) -> None:
        raise NotImplementedError

    # ------------------------------------------------ classes

    @contextmanager
    def frame(self, names: Sequence[str]) -> Iterator[None]:
        outer = self.records
        self.records = {n: c for n, c in outer.items() if n not in names}
        try:
            with super().frame(names):
                yield
        finally:
            self.records = outer

    def class_of(self, node: ast.expr) -> type | None:
        """The record that a value is; None where the text does not say it."""
        match node:
            case ast.Name(id=name) if self.is_lexical(name):
                return self.records.get(name)
            case ast.IfExp(body=body, orelse=orelse):
                found = self.class_of(body)
                return found if found is self.class_of(orelse) else None
            case ast.Call(func=func):
                return self.class_of_call(node, func)
        value = self.quiet_static(node)
        if value is not MISSING:
            return _record(type(value))
        if isinstance(node, ast.Attribute):
            cls = self.class_of(node.value)
            return None if cls is None else _record(hints_of(cls).get(node.attr))
        return None

    def class_of_call(self, node: ast.Call, func: ast.expr) -> type | None:
        value, owner = self.quiet_static(func), None
        if value is dataclasses.replace and node.args:
            return self.class_of(node.args[0])
        if isinstance(value, type):
            return _record(value)
        if value is MISSING and isinstance(func, ast.Attribute):
            cls = self.class_of(func.value)
            if cls is None or func.attr == "_replace":
                return cls
            value = getattr(cls, func.attr, None)
            owner = cls if isinstance(value, FunctionType) and not is_static(cls, func.attr) else None
        of_class = isinstance(value, MethodType) and isinstance(value.__self__, type)
        function = self.linker.python(value.__func__ if isinstance(value, MethodType) else value)
        if function is None:
            return None
        return _record(_result(function)) or self.linker.class_given(function, value.__self__ if of_class else owner, of_class)

    def class_given(self, body: Sequence[ast.stmt]) -> type | None:
        """The class of what a body returns, if that is one."""
        found: set[type | None] = set()
        for s in body:
            for n in ast.walk(s):
                if isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Name):
                    self.note_class(n.targets[0].id, self.class_of(n.value))
                elif isinstance(n, ast.Return) and n.value is not None:
                    found.add(self.class_of(n.value))
        return found.pop() if len(found) == 1 else None

    def quiet_static(self, node: ast.expr) -> Any:
        raise NotImplementedError

    def note_class(self, name: str, cls: type | None) -> None:
        """A name that stands for records of two classes stands for none: methods would not be clear."""
        self.records[name] = cls if self.records.get(name, cls) is cls else None

    def is_pending(self, node: ast.expr) -> bool:
        while isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
            node = node.func if isinstance(node, ast.Call) else node.value
        return isinstance(node, ast.Name) and node.id in self.pending

    # ------------------------------------------------ what belongs to a class

    def member(self, node: ast.Attribute, cls: type) -> sx.Expr:
        """A field, a property, or a constant of the class."""
        fields = record_fields(cls) or ()
        found = inspect.getattr_static(cls, node.attr, MISSING)
        if node.attr in fields:
            if issubclass(cls, tuple):
                self.linker.member(cls, node.attr)
            return sx.Field(self.at(node), self.expr(node.value), node.attr)
        self.linker.member(cls, node.attr)
        getter = found.fget if isinstance(found, property) else found.func if isinstance(found, functools.cached_property) else None
        if isinstance(getter, FunctionType):
            return self.of_property(node, getter, cls, self.expr(node.value))
        if found is MISSING or callable(found) or hasattr(found, "__get__"):
            known = [*fields, *(n for n in dir(cls) if not n.startswith("_"))]
            self.refuse(node, f"{cls.__name__} has no field {node.attr}", did_you_mean(node.attr, known), "DV0201")
        return self.linker.value(found, node.attr, self.at(node), self.used)

    def method(self, node: ast.Call, func: ast.Attribute, cls: type) -> sx.Expr:
        """`p.area(…)` for a record."""
        if func.attr == "_replace" and not has_text(cls, func.attr):
            return self.replaced(node, func.value, cls)
        if func.attr == "_asdict" and not has_text(cls, func.attr):
            args = tuple(sx.Arg(self.at(func), f, sx.Field(self.at(func), self.expr(func.value), f)) for f in record_fields(cls) or ())
            self.linker.dict_of(tuple(a.name or "" for a in args))
            return sx.Call(self.at(node), self.linker.builtin("record", self.at(node)), args, None)
        found = inspect.getattr_static(cls, func.attr, None)
        self.linker.member(cls, func.attr)
        return self.called(node, func, cls, found, func.value)

    def called(self, node: ast.Call, func: ast.Attribute, cls: type, found: object, receiver: ast.expr) -> sx.Expr:
        """A call of what a class has: a method of one of its records, a static method, or a method of the class."""
        function = self.linker.python(found.__func__ if isinstance(found, staticmethod | classmethod) else found)
        if function is None:
            names = [n for n in dir(cls) if not n.startswith("_") and n != func.attr]
            self.refuse(func, f"{func.attr} is no method of {cls.__name__} that has a Python text",
                        did_you_mean(func.attr, names) or "write a function", "DV0153")
        if isinstance(found, staticmethod):
            return self.of_function(node, function, None)
        if isinstance(found, classmethod):
            return self.of_function(node, function, cls, of_class=True)
        return self.of_function(node, function, cls, self.expr(receiver))

    def of_property(self, node: ast.Attribute, getter: FunctionType, cls: type, receiver: sx.Expr) -> sx.Expr:
        return self.of_function(ast.copy_location(ast.Call(node, [], []), node), getter, cls, receiver)

    def of_function(self, node: ast.Call, python: FunctionType, cls: type | None, receiver: sx.Expr | None = None, *,
                    of_class: bool = False) -> sx.Expr:
        """A call of a function of a class; one `of_class` takes the class first."""
        self.check_kinds(node, python, first=int(cls is not None))
        fn, hidden = self.linker.call_of(python, self.at(node.func), self.used, cls, of_class)
        own = () if receiver is None else (sx.Arg(receiver.span, None, receiver),)
        return self.user_call(node, fn, (*hidden, *own))

    # ------------------------------------------------ super()

    def of_super(self, node: ast.expr, call: ast.Call | None = None) -> sx.Expr | None:
        """`super().half`, or a call `super().f(…)`: what stands behind the class around the method in the order of the
        classes of `self`; None for anything else."""
        if not isinstance(node, ast.Attribute) or not is_super(node.value):
            return None
        first = self.params[0] if self.params else ""
        cls, here = self.records.get(first), self.env.get("__class__")
        if self.linker.lenient and (cls is not None or first in self.pending):
            return number(0, self.at(node)) if call is None else self.user_call(call, sx.Name(self.at(node), node.attr))
        if not isinstance(here, type) or cls is None or here not in cls.__mro__:
            self.refuse(node.value, "super() is for methods of dataclasses and NamedTuples whose first parameter has its type",
                        'write self: "Class", or call Class.method(self, …)')
        found = found_in(cls, node.attr, here)
        self.linker.member(cls, node.attr, here)
        me = ast.copy_location(ast.Name(first, ast.Load()), node.value)
        if call is not None and found is not None:
            return self.called(call, node, cls, found, me)
        if isinstance(found, property) and isinstance(found.fget, FunctionType):
            return self.of_property(node, found.fget, cls, self.expr(me))
        if found is None or call is not None or hasattr(found, "__get__"):
            known = [n for c in here.__mro__[1:] for n in vars(c) if not n.startswith("_")]
            self.refuse(node, f"no class above {here.__name__} has {node.attr}", did_you_mean(node.attr, known), "DV0201")
        return self.linker.value(found, node.attr, self.at(node), self.used)

    def replaced(self, node: ast.Call, record: ast.expr, cls: type | None) -> sx.Expr:
        """`p._replace(a=…)`, `dataclasses.replace(p, a=…)`."""
        fields = None if cls is None else record_fields(cls)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "_replace":
            pass  # of tuples: nothing else runs
        elif cls is None:
            self.linker.blind("replace")
        else:
            self.linker.check_made(cls, self.at(node))
        updates = []
        for k in node.keywords:
            if k.arg is None or fields is not None and k.arg not in fields:
                self.refuse(k.value, f"{k.arg or '**'} is no field", did_you_mean(k.arg or "", fields or ()), "DV0201")
            updates.append(((sx.PathStep(self.at(k.value), k.arg, None),), self.expr(k.value)))
        base = self.expr(record)
        return sx.With(self.at(node), base, tuple(updates)) if updates else base

    # ------------------------------------------------ * in front of tuples

    def spread_items(self, elts: Sequence[ast.expr]) -> list[ast.expr]:
        """Expressions, with the items of `*t` in its place."""
        out: list[ast.expr] = []
        for e in elts:
            out += self.items_of(e) if isinstance(e, ast.Starred) else [e]
        return out

    def items_of(self, node: ast.Starred) -> list[ast.expr]:
        t = node.value
        if isinstance(t, ast.Tuple):
            return self.spread_items(t.elts)
        cls = self.class_of(t)
        found: list[ast.expr] = []
        if isinstance(t, ast.Name | ast.Attribute):
            static = self.quiet_static(t)
            if cls is not None and issubclass(cls, tuple):
                found = [ast.Attribute(t, f, ast.Load()) for f in record_fields(cls) or ()]
            elif isinstance(static, tuple):
                found = [ast.Subscript(t, ast.Constant(k), ast.Load()) for k in range(len(static))]
            elif isinstance(t, ast.Name) and self.is_lexical(t.id):
                found = [ast.Subscript(t, ast.Constant(k), ast.Load()) for k in range(self.tuples.get(t.id, 0))]
        if not found:
            self.refuse(node, "* is for tuples whose number of items the text says",
                        "take them apart first: a, b = …; or write the type of the parameter, tuple[float, float]")
        for e in found:
            for n in ast.walk(e):
                ast.copy_location(n, node)
        return found


def is_super(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"


def is_static(cls: type, name: str) -> bool:
    return isinstance(inspect.getattr_static(cls, name, None), staticmethod)


def _record(hint: Any) -> type | None:
    """The class that a hint means, if it is one whose fields the language knows."""
    return hint if isinstance(hint, type) and record_fields(hint) is not None else None


def _result(function: FunctionType) -> Any:
    try:
        return typing.get_type_hints(function).get("return")
    except Exception:  # noqa: BLE001  # text that can't be evaluated
        return None
