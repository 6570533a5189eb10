"""Arithmetic of numbers that are known: where Python's integers leave i64, and where they become floats."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from typing import Any

MOST_BITS = 4096
"""Of an integer that is worked out; floats end at 1024."""

OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow,
}


class Beyond(Exception):
    """An integer too large to be worked out."""

    def __init__(self, node: ast.expr) -> None:
        super().__init__()
        self.node = node


def is_i64(value: float) -> bool:
    return not isinstance(value, int) or -(2**63) <= value < 2**63


def constant(node: ast.expr, static: Callable[[ast.expr], Any]) -> tuple[float, bool] | None:
    """The value of an expression of numbers, and whether i64 could not follow Python on the way to it.

    None for anything else, and where Python raises an error.  `static` says what names from outside stand for.
    """
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return value, not is_i64(value)
        case ast.Name() | ast.Attribute() if type(value := static(node)) in (int, float):
            return value, not is_i64(value)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as op, operand=operand):
            found = constant(operand, static)
            if found is None:
                return None
            value = -found[0] if isinstance(op, ast.USub) else found[0]
            return value, found[1]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            a, b = constant(left, static), constant(right, static)
            if a is None or b is None:
                return None
            try:
                value = _power(a[0], b[0], node) if isinstance(op, ast.Pow) else OPERATORS[type(op)](a[0], b[0])
            except (ArithmeticError, ValueError):
                return None
            if not isinstance(value, int | float):
                return None
            leaves = isinstance(op, ast.Pow) and isinstance(a[0], int) and isinstance(value, float) and isinstance(b[0], int)
            return value, a[1] or b[1] or leaves or not is_i64(value)
    return None


def _power(a: float, b: float, node: ast.expr) -> Any:
    if isinstance(a, int) and isinstance(b, int) and b > 0 and a.bit_length() * b > MOST_BITS:
        if abs(a) > 1:
            raise Beyond(node)
        return a ** (2 - b % 2)
    return a**b


def shown(value: int) -> str:
    """A float to write in place of an integer."""
    try:
        return f"write a float: {float(value)!r}".replace("e+", "e")
    except OverflowError:
        return "write a float, or a smaller number"


def is_float(node: ast.expr, names: set[str], static: Callable[[ast.expr], Any]) -> bool:
    """Is it surely a float, or an array of floats?  `names` are those that are."""
    match node:
        case ast.Constant(value=float()):
            return True
        case ast.Name(id=name) if name in names:
            return True
        case ast.Name() | ast.Attribute():
            return isinstance(static(node), float)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            return is_float(operand, names, static)
        case ast.BinOp(op=ast.Div()):
            return True
        case ast.BinOp(left=left, right=right):
            return is_float(left, names, static) or is_float(right, names, static)
        case ast.Call(func=func):
            return static(func) in (float, math.sqrt, math.exp, math.log, math.sin, math.cos, math.tan, math.pow)
        case ast.Subscript(value=value):
            return is_float(value, names, static)
    return False
