"""Operators on records: the methods that Python calls for them, where the text says the class.

Where it does not, an operator stays one of the language, which goes through the fields; the elaborator notes that
it did (`Elaborator.operated`), and a record whose class has the method is refused (`runtime/jit_unit.py`).
"""

from __future__ import annotations

import ast

from . import syntax as sx
from .python_calls import Calls
from .python_classes import has_own, own_method
from .python_types import PLAIN, hints_of

BINARY: dict[type, tuple[str, str]] = {
    op: (f"__{name}__", f"__r{name}__") for op, name in {
        ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "truediv", ast.FloorDiv: "floordiv", ast.Mod: "mod",
        ast.MatMult: "matmul", ast.Pow: "pow", ast.BitAnd: "and", ast.BitOr: "or", ast.BitXor: "xor", ast.LShift: "lshift",
        ast.RShift: "rshift"}.items()}
SYMBOLS = {"+": BINARY[ast.Add], "-": BINARY[ast.Sub], "*": BINARY[ast.Mult], "/": BINARY[ast.Div], "neg": ("__neg__",)}
"""By the names of the language's operators that take records."""
COMPARISONS: dict[type, tuple[str, str]] = {
    ast.Lt: ("__lt__", "__gt__"), ast.LtE: ("__le__", "__ge__"), ast.Gt: ("__gt__", "__lt__"), ast.GtE: ("__ge__", "__le__"),
    ast.Eq: ("__eq__", "__eq__"), ast.NotEq: ("__ne__", "__ne__")}
UNARY: dict[type, str] = {ast.USub: "__neg__", ast.UAdd: "__pos__", ast.Invert: "__invert__"}
FUNCTIONS = (len, "__len__"), (abs, "__abs__"), (float, "__float__"), (int, "__int__"), (bool, "__bool__"), (round, "__round__")


class Operators(Calls):
    numeric: set[str]
    """Parameters that are numbers by their types."""
    asked: dict[ast.expr, type | None]
    """What one question has found so far: each part of an expression is looked at once."""

    def as_call(self, node: ast.expr) -> ast.Call | None:
        """The call of a method that an expression means in Python; None if there is none that the text shows."""
        match node:
            case ast.BinOp(left=left, op=op, right=right):
                return self.of_two(node, *BINARY[type(op)], left, right)
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in COMPARISONS:
                return self.of_two(node, *COMPARISONS[type(op)], left, right)
            case ast.UnaryOp(op=op, operand=operand) if type(op) in UNARY:
                return self.of_one(node, UNARY[type(op)], operand)
            case ast.Subscript(value=value, slice=index):
                return self.of_one(node, "__getitem__", value, index)
            case ast.Call(func=ast.Name() as func, args=[only], keywords=[]) if (name := self.of_builtin(func)) is not None:
                return self.of_one(node, name, only)
            case ast.Call(func=func) if not isinstance(func, ast.Attribute) or self.class_of(func.value) is None:
                made = self.of_one(node, "__call__", func, *node.args)
                return None if made is None else ast.copy_location(ast.Call(made.func, node.args, node.keywords), node)
        return None

    def of_builtin(self, func: ast.Name) -> str | None:
        value = self.quiet_static(func)
        return next((name for f, name in FUNCTIONS if f is value), None)

    def of_one(self, node: ast.expr, name: str, receiver: ast.expr, *args: ast.expr) -> ast.Call | None:
        cls = self.class_of(receiver)
        return None if cls is None or own_method(cls, name) is None else _method(node, name, receiver, *args)

    def of_two(self, node: ast.expr, name: str, reflected: str, left: ast.expr, right: ast.expr) -> ast.Call | None:
        """Python asks the left side first, unless the class of the right one is a subclass with a way of its own."""
        a, b = self.class_of(left), self.class_of(right)
        first = a is not None and own_method(a, name) is not None
        second = b is not None and own_method(b, reflected) is not None
        if first and a is not None and not (second and b is not None and b is not a and issubclass(b, a) and has_own(b, reflected, a)):
            if b is not None:
                self.linker.member(b, reflected)
            return _method(node, name, left, right)
        if second and (a is not None or self.is_number(left)):
            if a is not None:
                self.linker.member(a, name)
            return _method(node, reflected, right, left)
        return None

    def is_number(self, node: ast.expr) -> bool:
        """Is it surely a number, and no record or array?"""
        match node:
            case ast.Constant(value=int() | float()):
                return True
            case ast.Name(id=name) if self.is_lexical(name):
                return name in self.numeric
            case ast.UnaryOp(operand=operand):
                return self.is_number(operand)
            case ast.BinOp(left=left, right=right):
                return self.is_number(left) and self.is_number(right)
            case ast.Attribute(value=value, attr=attr) if (cls := self.class_of(value)) is not None:
                return any(hints_of(cls).get(attr) is t for t in PLAIN)
        return isinstance(self.quiet_static(node), int | float)

    def by_method(self, node: ast.expr) -> sx.Expr | None:
        """What a method of a class makes of an operator; None if the language has it."""
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.NotEq) and len(node.ops) == 1 and self.as_call(node) is None:
            same = ast.copy_location(ast.Compare(node.left, [ast.Eq()], node.comparators), node)
            made = self.by_method(same)
            return None if made is None else sx.Unary(self.at(node), "not", made)
        if isinstance(node, ast.Compare) and len(node.ops) > 1:
            pairs = zip([node.left, *node.comparators], node.ops, node.comparators, strict=False)
            if any(self.as_call(ast.copy_location(ast.Compare(a, [op], [b]), node)) for a, op, b in pairs):
                self.refuse(node, "a chain of comparisons, of a class with its own", "write a < b and b < c")
        call = self.as_call(node)
        if call is None or not isinstance(call.func, ast.Attribute):
            return None
        cls = self.class_of(call.func.value)
        return None if cls is None else self.method(call, call.func, cls)

    def not_in_place(self, s: ast.AugAssign, target: ast.expr) -> None:
        """Refuses `a += b` for a record with an `__iadd__`."""
        cls, name = self.class_of(target), BINARY[type(s.op)][0].replace("__", "__i", 1)
        if cls is not None and own_method(cls, name) is not None:
            self.refuse(s, f"{ast.unparse(s)}: {cls.__name__} has its own {name}, which may change the record", "write a new one: a = a + b")

    def class_of(self, node: ast.expr) -> type | None:
        if not isinstance(node, ast.BinOp | ast.UnaryOp | ast.Subscript | ast.Call):
            return super().class_of(node)
        outermost = not self.asked
        try:
            if node not in self.asked:
                self.asked[node] = None
                self.asked[node] = self.class_of_operator(node)
            return self.asked[node]
        finally:
            if outermost:
                self.asked.clear()

    def class_of_operator(self, node: ast.expr) -> type | None:
        made = self.as_call(node)
        if made is not None:
            return self.class_of_call(made, made.func)
        match node:  # the language goes through the fields
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right):
                found = self.class_of(left)
                return found if found is not None and found is self.class_of(right) else None
            case ast.BinOp(left=left, op=ast.Mult() | ast.Div(), right=right):
                return self.class_of(left) or self.class_of(right)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
                return self.class_of(operand)
        return super().class_of(node)


def _method(node: ast.expr, name: str, receiver: ast.expr, *args: ast.expr) -> ast.Call:
    return ast.copy_location(ast.Call(ast.copy_location(ast.Attribute(receiver, name, ast.Load()), node), list(args), []), node)

