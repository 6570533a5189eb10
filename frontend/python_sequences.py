"""What `for` goes over in Python functions: ranges, arrays, and what goes over several at once."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import NoReturn

import numpy as np

from ..compiler.errors import Span, SyntaxError
from . import syntax as sx
from .python_classes import record_fields
from .python_records import Records
from .python_scope import MISSING, block, call, number

Gen = sx.GenBelow | sx.GenRange | sx.GenIn


class Sequences(Records):
    def literal(self, node: ast.expr | None) -> int | None:
        raise NotImplementedError

    def fresh(self, name: str) -> str:
        """A name of the language that no name of Python is spelled as."""
        return self.spelled(f"{name} ")

    def iterator(self, node: ast.Call, value: object) -> sx.Expr:
        """`range(n)`, `zip(a, b)`, … as a value."""
        span = self.at(node)
        if value is map:
            return call(span, self.builtin("map", node), *map(self.expr, node.args))
        if value is range:
            return self.numbers([self.expr(a) for a in node.args], span)
        return self.sequence(node)

    def numbers(self, args: Sequence[sx.Expr], span: Span) -> sx.Expr:
        """`range(…)` as an array of integers."""
        k = self.fresh("k")
        if len(args) == 1:
            return sx.Comp(span, sx.Name(span, k), sx.Gens(span, (sx.GenBelow(span, k, args[0]),), None))
        if len(args) == 3 and isinstance(args[2], sx.Unary):
            raise SyntaxError("DV0151", "a range as a value goes up", args[2].span, help="write the one that goes up, with [::-1] behind it")
        gen = sx.GenRange(span, k, args[0], not_below(args[0], args[1]), args[2] if len(args) == 3 else None)
        return sx.Comp(span, sx.Name(span, k), sx.Gens(span, (gen,), None))

    def items(self, node: ast.expr) -> sx.Expr | None:
        """The items of a tuple as an array; None for anything else."""
        span = self.at(node)
        if isinstance(node, ast.Tuple):
            return sx.ArrayLit(span, tuple(map(self.expr, node.elts)))
        cls = self.class_of(node)
        if cls is not None and issubclass(cls, tuple):
            whole = self.expr(node)
            return sx.ArrayLit(span, tuple(sx.Field(span, whole, f) for f in record_fields(cls) or ()))
        if isinstance(node, ast.Name) and self.is_lexical(node.id):
            base = self.expr(node)
            found = [sx.IndexE(span, base, (number(k, span),)) for k in range(self.tuples.get(node.id, 0))]
            return sx.ArrayLit(span, tuple(found)) if found else None
        if isinstance(node, ast.Name) and isinstance(value := self.static(node), tuple):
            return self.linker.value(value, node.id, span, self.used, as_array=True)
        return None

    def is_shape(self, node: ast.expr) -> bool:
        """Is it the `.shape` of an array?"""
        return isinstance(node, ast.Attribute) and node.attr == "shape" and self.quiet_static(node) is MISSING and self.class_of(node.value) is None

    def sequence(self, node: ast.expr) -> sx.Expr:
        """Something that a generator goes over, as an array."""
        span = self.at(node)
        found = self.items(node)
        if found is not None:
            return found
        value = self.static(node.func) if isinstance(node, ast.Call) else None
        if isinstance(node, ast.Call) and value in (zip, enumerate, reversed):
            args = [self.sequence(a) for a in node.args]
            if value is zip:
                return call(span, self.builtin("zip", node), *args)
            if value is reversed:
                return call(span, self.builtin("reverse", node), *args)
            count: sx.Expr = call(span, self.builtin("iota", node), call(span, self.builtin("len", node), args[0]))
            start = node.args[1] if len(node.args) == 2 else next((k.value for k in node.keywords if k.arg == "start"), None)
            if start is not None:
                count = sx.Chain(span, self.expr(start), (("+", count),))
            return call(span, self.builtin("zip", node), count, args[0])
        if self.is_shape(node) and isinstance(node, ast.Attribute):
            return call(span, self.builtin("sizes", node), self.expr(node.value))
        static = self.static(node)
        if isinstance(static, dict | str | set):
            self.refuse(node, f"a {type(static).__name__} can't be gone over", "go over an array")
        if static is not MISSING and not isinstance(node, ast.Call):
            return self.linker.value(static, ast.unparse(node), span, self.used, as_array=True)
        return self.expr(node)

    def generator(self, target: ast.expr, source: ast.expr, *, loop: bool) -> tuple[Gen, list[sx.Let]]:
        """What `for target in source` is, with `let`s that stand first in the body."""
        span = self.at(target).to(self.at(source))
        value = self.static(source.func) if isinstance(source, ast.Call) else None
        if isinstance(source, ast.Call) and value is range:
            return self.range_(target, source, span, loop=loop)
        if isinstance(source, ast.Call) and value is reversed and len(source.args) == 1:
            inner = source.args[0]
            if isinstance(inner, ast.Call) and self.static(inner.func) is range:
                return self.backwards(target, inner, span, loop=loop)
        if isinstance(source, ast.Call) and value is enumerate and len(source.args) == 1 and not source.keywords \
                and isinstance(source.args[0], ast.Name) and self.is_lexical(source.args[0].id) \
                and isinstance(target, ast.Tuple) and len(target.elts) == 2 and isinstance(target.elts[0], ast.Name):
            xs, name = self.expr(source.args[0]), self.spelled(target.elts[0].id)
            where = self.at(target.elts[0])
            item = sx.IndexE(where, xs, (sx.Name(where, name),))
            let = sx.Let(span, self.pattern(target.elts[1]), None, item)
            return sx.GenBelow(span, name, call(span, self.builtin("len", source), xs)), [let]
        return sx.GenIn(span, self.pattern(target), self.tuple_itself(source) or self.sequence(source)), []

    def tuple_itself(self, node: ast.expr) -> sx.Expr | None:
        """A tuple whose items are gone over one by one, because they may be of different types or functions; None for
        those of numbers, and for anything else."""
        if isinstance(node, ast.Tuple):
            simple = all(isinstance(e, ast.Constant | ast.UnaryOp | ast.BinOp) for e in node.elts)
            return None if simple or len(node.elts) < 2 else self.expr(node)
        value = self.quiet_static(node) if isinstance(node, ast.Name | ast.Attribute) else MISSING
        if isinstance(value, tuple) and len(value) > 1 and not hasattr(value, "_fields"):
            return None if all(isinstance(v, int | float | np.number) for v in value) else self.expr(node)
        named = isinstance(node, ast.Name) and self.is_lexical(node.id) and node.id in self.tuples
        return self.expr(node) if named and self.class_of(node) is None else None

    def range_(self, target: ast.expr, node: ast.Call, span: Span, *, loop: bool) -> tuple[Gen, list[sx.Let]]:
        name = self.loop_name(target)
        if node.keywords or not 1 <= len(node.args) <= 3:
            self.refuse(node, "range takes one to three numbers")
        args = node.args
        if len(args) == 1:
            return sx.GenBelow(span, name, self.expr(args[0])), []
        step = self.literal(args[2]) if len(args) == 3 else 1
        if step is None or step > 0:
            if step == 1 and self.literal(args[0]) == 0:
                return sx.GenBelow(span, name, self.expr(args[1])), []
            by = None if step == 1 else self.expr(args[2])
            lo = self.expr(args[0])
            return sx.GenRange(span, name, lo, not_below(lo, self.expr(args[1])), by), []
        if step == 0:
            self.refuse(args[2], "a step of 0")
        match args[0]:
            case ast.BinOp(left=n, op=ast.Sub(), right=ast.Constant(value=1)) if loop and step == self.literal(args[1]) == -1:
                return sx.GenBelow(span, name, self.expr(n), True), []
        lo, hi = self.expr(args[0]), self.expr(args[1])
        count: sx.Expr = sx.Chain(span, lo, (("-", hi),))
        if step != -1:
            count = sx.Chain(span, sx.Chain(span, lo, (("-", hi), ("+", number(-step - 1, span)))), (("//", number(-step, span)),))
        return self.counted(name, lo, -step, count, span)

    def backwards(self, target: ast.expr, node: ast.Call, span: Span, *, loop: bool) -> tuple[Gen, list[sx.Let]]:
        """`reversed(range(…))`."""
        args = node.args
        if len(args) > 2 or node.keywords:
            self.refuse(node, "reversed of a range with a step", "write the range from its end: range(hi, lo, -step)")
        if len(args) == 1 and loop:
            return sx.GenBelow(span, self.loop_name(target), self.expr(args[0]), True), []
        lo = number(0, span) if len(args) == 1 else self.expr(args[0])
        hi = self.expr(args[-1])
        last = sx.Chain(span, hi, (("-", number(1, span)),))
        return self.counted(self.loop_name(target), last, 1, sx.Chain(span, hi, (("-", lo),)), span)

    def steps(self, node: ast.Call, args: list[sx.Expr]) -> sx.Expr:
        """`np.arange` of floats, as NumPy counts them: ceil((stop - start) / step) times start + k * ((start + step) - start)."""
        span = self.at(node)
        start, stop, step = args if len(args) == 3 else [*args, number(1.0, span)] if len(args) == 2 else \
            [number(0.0, span), args[0], number(1.0, span)]
        lets = []
        for name, value in (("start", start), ("stop", stop), ("step", step)):
            made = call(span, self.builtin("f64", node), value)
            lets.append(sx.Let(span, sx.PName(span, self.fresh(name)), None, made))
        first, last, by = (sx.Name(span, self.fresh(n)) for n in ("start", "stop", "step"))
        k = self.fresh("k")
        many = sx.Chain(span, sx.Chain(span, last, (("-", first),)), (("/", by),))
        count = call(span, self.builtin("max", node), call(span, self.builtin("ceil", node), many), number(0, span))
        delta = sx.Chain(span, sx.Chain(span, first, (("+", by),)), (("-", first),))
        item = sx.Chain(span, first, (("+", sx.Chain(span, sx.Name(span, k), (("*", delta),))),))
        return block(lets, sx.Comp(span, item, sx.Gens(span, (sx.GenBelow(span, k, count),), None)))

    def counted(self, name: str, first: sx.Expr, step: int, count: sx.Expr, span: Span) -> tuple[Gen, list[sx.Let]]:
        """A name that counts down from `first`."""
        k = self.fresh("k")
        back: sx.Expr = sx.Name(span, k)
        if step != 1:
            back = sx.Chain(span, number(step, span), (("*", back),))
        let = sx.Let(span, sx.PName(span, name), None, sx.Chain(span, first, (("-", back),)))
        return sx.GenBelow(span, k, count), [let]

    def loop_name(self, target: ast.expr) -> str:
        if isinstance(target, ast.Name):
            return self.spelled(target.id)
        self.refuse(target, "range gives one number at a time", "write one name")

    def pattern(self, target: ast.expr) -> sx.Pattern:
        """The pattern of an assignment to names."""
        match target:
            case ast.Name(id=name):
                return sx.PName(self.at(target), self.spelled(name))
            case ast.Tuple(elts=elts) | ast.List(elts=elts):
                for e in elts:
                    if isinstance(e, ast.Starred):
                        self.refuse(e, "* in an assignment is not in the language", "take the parts by index: a[0], a[1:]")
                if len(elts) < 2:
                    self.refuse(target, "a tuple of one is not in the language", "write a[0]")
                return sx.PTuple(self.at(target), tuple(map(self.pattern, elts)))
        self.no_pattern(target)

    def no_pattern(self, target: ast.expr) -> NoReturn:
        self.refuse(target, f"{ast.unparse(target)} can't be assigned to here", "assign to names")


def not_below(lo: sx.Expr, hi: sx.Expr) -> sx.Expr:
    """The end of a range of numbers that are written out: one that ends before it begins is empty."""
    return lo if isinstance(lo, sx.Num) and isinstance(hi, sx.Num) and hi.value < lo.value else hi
