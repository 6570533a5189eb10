"""Python expressions as expressions of the language."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from ..compiler.errors import Span
from . import syntax as sx
from .python_classes import record_fields
from .python_constants import Beyond, constant, is_float, is_i64, shown
from .python_flow import defaults_of, parameters, reads, targets
from .python_operators import Operators
from .python_scope import MISSING, Watched, block, call, number
from .python_tables import known_function
from .python_types import list_levels

ADDING = {ast.Add: "+", ast.Sub: "-"}
MULTIPLYING = {ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.MatMult: "@"}
COMPARING = {ast.Lt: "<", ast.LtE: "<=", ast.Eq: "==", ast.NotEq: "!=", ast.GtE: ">=", ast.Gt: ">"}
BITS = {ast.BitAnd: "and, or np.logical_and", ast.BitOr: "or, or np.logical_or", ast.BitXor: "!=",
        ast.LShift: "x * 2**k", ast.RShift: "x // 2**k"}
WHAT = {
    ast.JoinedStr: ("an f-string", "it may stand in the message of an assert only"),
    ast.Set: ("a set", "use an array, or np.unique"), ast.SetComp: ("a set comprehension", "use np.unique([… for …])"),
    ast.DictComp: ("a dict comprehension", "write a dict with its keys, {\"a\": …}, or a dataclass"),
    ast.NamedExpr: (":=", "assign on a line of its own"), ast.Await: ("await", None), ast.Yield: ("yield", "return an array"),
    ast.YieldFrom: ("yield from", "return an array"), ast.Starred: ("* in an expression", "write the items"),
}
FLOATS_END = 2**1023
TRUTHS = ("isnan", "isinf", "isfinite", "logical_and", "logical_or", "logical_not")
"""Functions whose results are truth values."""


class Expressions(Operators):
    truths: set[str]
    """Names that stand for truth values, or arrays of them, wherever they are read."""
    scalars: set[ast.AST]
    floats: set[str]
    """Names that are surely floats, or arrays of them."""

    def expr(self, node: ast.expr) -> sx.Expr:
        span = self.at(node)
        match node:
            case ast.Constant(value=value):
                return self.constant(node, value)
            case ast.Name():
                made = self.name(node)
                return self.as_scalar(made, node) if node in self.scalars else made
            case ast.BinOp(op=op):
                return self.binary(node, op)
            case ast.UnaryOp() if (made_ := self.by_method(node)) is not None:
                return made_
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                known = self.known_number(node)
                if known is not None:
                    return self.constant(node, known)
                self.no_list(operand, "-")
                return sx.Unary(span, "-", self.expr(operand))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return sx.Unary(span, "not", self.test(operand))
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.expr(operand)
            case ast.UnaryOp():
                self.refuse(node, "~ is not in the language", "write not, or np.logical_not")
            case ast.BoolOp(op=op, values=values):
                return sx.Logic(span, "and" if isinstance(op, ast.And) else "or", tuple(map(self.test, values)))
            case ast.Compare():
                return self.compare(node)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return conditional(span, self.test(test), self.expr(body), self.expr(orelse))
            case ast.Call():
                return self.call(node)
            case ast.Tuple(elts=elts):
                return self.tuple_(node, elts)
            case ast.List(elts=elts):
                return sx.ArrayLit(span, tuple(map(self.expr, elts)))
            case ast.Dict():
                return self.dict_(node)
            case ast.ListComp(elt=elt, generators=generators) | ast.GeneratorExp(elt=elt, generators=generators):
                element, gens = self.comprehension(elt, generators, node)
                if len(gens.gens) > 1 and gens.cond is None:
                    gens = sx.Gens(gens.span, gens.gens, sx.Bool(gens.span, True))  # flat, as lists are
                return sx.Comp(span, element, gens)
            case ast.Subscript():
                return self.subscript(node)
            case ast.Attribute():
                return self.attribute(node)
            case ast.Lambda():
                return self.lambda_(node)
        what, help = WHAT.get(type(node), (type(node).__name__, None))
        self.refuse(node, f"{what} is not in the language", help)

    def test(self, node: ast.expr) -> sx.Expr:
        """A condition; a list is one in Python: has it elements?"""
        made = self.expr(node)
        if not self.list_depth(node):
            return made
        return sx.Compare(made.span, call(made.span, self.builtin("len", node), made), ((">", number(0, made.span)),))

    def constant(self, node: ast.AST, value: object) -> sx.Expr:
        span = self.at(node)
        match value:
            case bool():
                return sx.Bool(span, value)
            case int():
                if not is_i64(value):
                    text = ast.unparse(node) if isinstance(node, ast.expr) else str(value)
                    self.refuse(node, f"{text} is beyond the range of i64", shown(value))
                return number(value, span)
            case float():
                return number(value, span) if value != float("inf") else self.builtin("inf", node)
            case None:
                self.refuse(node, "None is not in the language", "give a number, or two functions")
            case str() if value.lower().strip("+- ") in ("nan", "inf", "infinity"):
                self.refuse(node, "text is not in the language", "write math.nan, or math.inf")
            case str() | bytes():
                self.refuse(node, "text is not in the language", "it may stand in the message of an assert only")
        self.refuse(node, f"{value!r} is not in the language", "numbers are float, int and bool")

    # ------------------------------------------------ operators

    def binary(self, node: ast.BinOp, op: ast.operator) -> sx.Expr:
        called = self.by_method(node)
        if called is not None:
            return called
        if type(op) in BITS:
            self.refuse(node, f"{ast.unparse(node)}: bits of integers are not in the language", f"write {BITS[type(op)]}")
        known = self.known_number(node)
        if known is not None:
            return self.constant(node, known)
        made = self.of_lists(node, op)
        if made is not None:
            return made
        left, right = self.operand(node.left, node.right, op), self.operand(node.right, node.left, op)
        if isinstance(op, ast.Pow):
            return sx.Power(self.at(node), left, right)
        return chain(left, ADDING.get(type(op)) or MULTIPLYING[type(op)], right)

    def known_number(self, node: ast.expr) -> float | None:
        """The value of an expression of numbers where i64 could not follow Python; None where it can."""
        try:
            found = constant(node, self.quiet_static)
        except Beyond as e:
            self.refuse(e.node, f"{ast.unparse(e.node)} is beyond the range of i64", "write a float, or a smaller number")
        return found[0] if found is not None and found[1] else None

    def operand(self, node: ast.expr, beside: ast.expr, op: ast.operator) -> sx.Expr:
        """An operand; Python makes a float of an integer of any size that meets one."""
        known = self.known_number(node)
        if isinstance(known, int) and not is_i64(known) and abs(known) < FLOATS_END \
                and (isinstance(op, ast.Div) or is_float(beside, self.floats, self.quiet_static)):
            return number(float(known), self.at(node))
        made = self.expr(node)
        counted = isinstance(op, ast.Add | ast.Sub | ast.Mult | ast.Div) and self.are_bools(node) and not self.are_bools(beside)
        return self.ones(made) if counted else made

    def of_lists(self, node: ast.BinOp, op: ast.operator) -> sx.Expr | None:
        """What Python does with lists: `+` appends, `[x] * n` repeats, all else is an error."""
        a, b = self.list_depth(node.left), self.list_depth(node.right)
        if not a and not b:
            if self.is_tuple(node.left) or self.is_tuple(node.right):
                does = {ast.Add: "Python joins tuples here", ast.Mult: "Python repeats tuples here"}
                self.refuse(node, does.get(type(op), f"{ast.unparse(node)}: Python does not calculate with tuples"),
                            "write the items, or use np.array")
            return None
        if isinstance(op, ast.Add) and a and b:
            return call(self.at(node), self.builtin("concat", node), self.expr(node.left), self.expr(node.right))
        span = self.at(node)
        items, times = (node.left, node.right) if a else (node.right, node.left)
        if isinstance(op, ast.Mult) and isinstance(items, ast.List) and len(items.elts) == 1:
            n, x = self.expr(times), self.expr(items.elts[0])
            if self.list_depth(items.elts[0]):
                self.refuse(node, "the rows of this list are one and the same list", f"write [{ast.unparse(items.elts[0])} for _ in range(…)]",
                            "DV0152")
            return call(self.at(node), self.builtin("fill", node), n, x)
        if isinstance(op, ast.Mult) and isinstance(items, ast.List | ast.ListComp) and self.list_depth(items) == 1:
            v = self.fresh("v")
            gens = sx.Gens(span, (sx.GenBelow(span, "_", self.expr(times)), sx.GenIn(span, sx.PName(span, v), self.expr(items))), sx.Bool(span, True))
            return sx.Comp(span, sx.Name(span, v), gens)
        if isinstance(op, ast.Add):
            other = ast.unparse(node.right if a else node.left)
            self.refuse(node, f"{ast.unparse(node)}: in Python this appends if {other} is a list, and calculates if it is an array",
                        f"write list({other}) if it is a list; np.array({ast.unparse(items)}) if it is an array")
        self.refuse(node, f"{ast.unparse(node)}: in Python this is about lists, not about numbers", "write np.array(…)")

    def no_list(self, node: ast.expr, op: str) -> None:
        if self.list_depth(node):
            self.refuse(node, f"Python has no {op} for lists", "write np.array(…)")

    def list_depth(self, node: ast.expr) -> int:
        """How many levels of Python lists a value has, as far as the text says; 0 for numbers and arrays."""
        match node:
            case ast.List(elts=elts):
                return 1 + max((self.list_depth(e) for e in elts), default=0)
            case ast.ListComp(elt=elt):
                return 1 + self.list_depth(elt)
            case ast.Name(id=name):
                return self.lists[name] if name in self.lists else list_levels(self.quiet_static(node))
            case ast.IfExp(body=body, orelse=orelse):
                return max(self.list_depth(body), self.list_depth(orelse))
            case ast.BinOp(left=left, op=ast.Add() | ast.Mult(), right=right):
                return max(self.list_depth(left), self.list_depth(right))
            case ast.Subscript(value=value, slice=index):
                depth = self.list_depth(value)
                return depth if isinstance(index, ast.Slice) else max(depth - 1, 0)
            case ast.Call(func=ast.Attribute(value=value, attr="copy")) if self.list_depth(value):
                return self.list_depth(value)
            case ast.Call(func=func):
                value = self.quiet_static(func)
                if value is list or value is sorted:
                    return 1
                if isinstance(value, FunctionType):
                    return self.linker.gives_list(value)
        return 0

    def is_tuple(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Tuple) or isinstance(node, ast.Name) and node.id in self.tuples \
            or isinstance(node, ast.Attribute) and node.attr == "shape" and self.class_of(node.value) is None

    def is_bool(self, node: ast.expr) -> bool:
        match node:
            case ast.Compare() | ast.BoolOp() | ast.UnaryOp(op=ast.Not()) | ast.Constant(value=bool()):
                return True
            case ast.IfExp(body=body):
                return self.is_bool(body)
            case ast.Call(func=ast.Name(id="all" | "any" | "bool")):
                return True
        return False

    def is_float(self, node: ast.expr) -> bool:
        return is_float(node, self.floats, self.quiet_static)

    def are_bools(self, node: ast.expr) -> bool:
        """Is this a truth value, or are there truth values in it?"""
        match node:
            case ast.Name(id=name):
                return name in self.truths and self.is_lexical(name)
            case ast.List(elts=elts) | ast.Tuple(elts=elts):
                return bool(elts) and all(map(self.are_bools, elts))
            case ast.ListComp(elt=elt) | ast.GeneratorExp(elt=elt):
                return self.are_bools(elt)
            case ast.Subscript(value=value):
                return not isinstance(value, ast.Tuple | ast.Attribute) and self.are_bools(value)
            case ast.Call(func=func):
                known = known_function(self.quiet_static(func))
                return self.is_bool(node) or known is not None and known.name.rpartition(".")[2] in TRUTHS
        return self.is_bool(node)

    def compare(self, node: ast.Compare) -> sx.Expr:
        called = self.by_method(node)
        if called is not None:
            return called
        for op, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(op, ast.In | ast.NotIn):
                text = isinstance(node.left, ast.Constant) and isinstance(node.left.value, str)
                self.refuse(node, "in is not in the language", "the keys of a dict are known here: leave it out" if text else "write any(x == y for y in v)")
            if isinstance(op, ast.Is | ast.IsNot):
                self.refuse(node, "is compares objects, the language has values only", "write ==")
            self.no_list(right, "comparison of this kind")
        self.no_list(node.left, "comparison of this kind")
        rest = tuple((COMPARING[type(op)], self.expr(c)) for op, c in zip(node.ops, node.comparators, strict=True))
        return sx.Compare(self.at(node), self.expr(node.left), rest)

    # ------------------------------------------------ parts and wholes

    def tuple_(self, node: ast.expr, elts: Sequence[ast.expr]) -> sx.Expr:
        elts = self.spread_items(elts)
        if len(elts) < 2:
            self.refuse(node, f"a tuple of {len(elts)} is not in the language", "write the value itself, or np.array([x])" if elts else "give a number")
        return sx.Tuple(self.at(node), tuple(map(self.expr, elts)))

    def dict_(self, node: ast.Dict) -> sx.Expr:
        args = []
        for key, value in zip(node.keys, node.values, strict=True):
            if not isinstance(key, ast.Constant) or not isinstance(key.value, str) or not key.value.isidentifier():
                self.refuse(key or node, "the keys of a dict are names in quotes here", 'write {"a": …, "b": …}')
            args.append(sx.Arg(self.at(value), key.value, self.expr(value)))
        if not args:
            self.refuse(node, "an empty dict is not in the language")
        self.linker.dict_of(tuple(a.name or "" for a in args))
        return sx.Call(self.at(node), self.builtin("record", node), tuple(args), None)

    def attribute(self, node: ast.Attribute) -> sx.Expr:
        above = self.of_super(node)
        if above is not None:
            return above
        value = self.static(node)
        if value is not MISSING:
            if isinstance(value, ModuleType):
                self.refuse(node, f"{ast.unparse(node)} is a module", "name one of its functions")
            return self.linker.value(value, node.attr, self.at(node), self.used)
        cls = self.class_of(node.value)
        if cls is not None:
            return self.member(node, cls)
        base = self.expr(node.value)
        span = self.at(node)
        match node.attr:
            case "T":
                return call(span, self.builtin("transpose", node), base)
            case "shape":
                return call(span, self.builtin("shape", node), base)
            case "size":
                return call(span, self.builtin("len", node), call(span, self.builtin("flatten", node), base))
            case "ndim" | "dtype" | "flat" | "real" | "imag":
                self.refuse(node, f".{node.attr} is not in the language", "ranks and types are known before the program runs")
        return sx.Field(span, base, node.attr)

    def subscript(self, node: ast.Subscript) -> sx.Expr:
        made = self.element(node)
        return self.as_scalar(made, node) if node in self.scalars else made

    def as_scalar(self, made: sx.Expr, node: ast.AST) -> sx.Expr:
        """Python would change or share an array here: only a number is meant."""
        text = "Python would change the array itself, which others see: write a new one, x = x + …" \
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) else \
            "in Python this is a part of an array that is changed elsewhere: write .copy(), or the types of the parameters"
        return call(made.span, self.builtin("scalar", node), made, sx.Str(made.span, text))

    def element(self, node: ast.Subscript) -> sx.Expr:
        called = self.by_method(node)
        if called is not None:
            return called
        span = self.at(node)
        if isinstance(node.value, ast.Attribute) and node.value.attr == "shape" and self.static(node.value) is MISSING \
                and isinstance(node.slice, ast.Constant) and node.slice.value == 0:
            return call(span, self.builtin("len", node), self.expr(node.value.value))
        if isinstance(node.value, ast.Attribute) and node.value.attr == "shape" and self.static(node.value) is MISSING \
                and self.class_of(node.value.value) is None and (self.literal(node.slice) or 0) < 0:
            return call(span, self.builtin("shape", node), self.expr(node.value.value), axis=self.expr(node.slice))
        if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
            if self.class_of(node.value) is None:
                self.linker.blind("__getitem__")
            return sx.Field(span, self.expr(node.value), node.slice.value)
        cls, k = self.class_of(node.value), self.literal(node.slice)
        if cls is not None and issubclass(cls, tuple) and k is not None:
            fields = record_fields(cls) or ()
            if not -len(fields) <= k < len(fields):
                self.refuse(node.slice, f"{cls.__name__} has {len(fields)} fields", code="DV0315")
            return self.member(ast.copy_location(ast.Attribute(node.value, fields[k], ast.Load()), node), cls)
        base = self.static(node.value)
        if isinstance(base, dict | tuple | list) and not hasattr(base, "_fields"):
            return self.static_item(node, base)
        if isinstance(node.value, ast.Name) and -self.tuples.get(node.value.id, 0) <= (self.literal(node.slice) or 0) < 0:
            back = self.tuples[node.value.id] + (self.literal(node.slice) or 0)  # of a tuple, from its end
            return sx.IndexE(span, self.expr(node.value), (number(back, span),))
        if isinstance(node.slice, ast.Slice) and node.slice.step is not None:
            return self.strided(node, node.slice)
        if self.literal(node.slice) is None and (items := self.items(node.value)) is not None:
            return sx.IndexE(span, items, self.indices(node.slice))
        if isinstance(base, np.ndarray):
            whole = self.linker.value(base, ast.unparse(node.value), self.at(node.value), self.used, as_array=True)
        else:
            whole = self.expr(node.value)
        return sx.IndexE(span, whole, self.indices(node.slice))

    def static_item(self, node: ast.Subscript, base: Any) -> sx.Expr:
        """An item of a tuple, list or dict from outside."""
        try:
            key = ast.literal_eval(node.slice)
        except ValueError:
            key = MISSING
        if key is not MISSING and not isinstance(base, list):
            try:
                if isinstance(base, dict):
                    self.linker.watch(Watched(base, key, base[key]))
                return self.linker.value(base[key], "item", self.at(node), self.used)
            except (KeyError, IndexError):
                self.refuse(node, f"{ast.unparse(node.value)} has no item {key!r}", code="DV0315")
            except TypeError:
                self.refuse(node, f"{key!r} is no index", code="DV0315")
        if isinstance(base, dict):
            self.refuse(node, "a dict from outside takes a key that is known", "write the key itself")
        whole = self.linker.value(base, ast.unparse(node.value), self.at(node.value), self.used, as_array=True)
        return sx.IndexE(self.at(node), whole, self.indices(node.slice))

    def indices(self, node: ast.expr) -> tuple[sx.Index, ...]:
        parts = node.elts if isinstance(node, ast.Tuple) else [node]
        return tuple(self.index(p) for p in parts)

    def index(self, node: ast.expr) -> sx.Index:
        match node:
            case ast.Slice(lower=lower, upper=upper, step=step):
                if step is not None:
                    self.refuse(node, "a slice with a step is a list of its own here",
                                "write a[lo:hi:step] alone, without other indices; or a loop over range(lo, hi, step)")
                return sx.Slice(self.at(node), None if lower is None else self.expr(lower),
                                None if upper is None else self.expr(upper))
            case ast.Constant(value=None):
                self.refuse(node, "None in an index adds an axis, which is not in the language", "write a comprehension")
            case ast.Constant(value=bool()) | ast.Compare():
                self.refuse(node, "an index is an integer", "choose elements by [x for x in v if …], or np.where")
            case ast.Constant(value=value) if value is Ellipsis:
                self.refuse(node, "... in an index is not in the language", "write : for each axis")
            case ast.Starred() | ast.List():
                self.refuse(node, "an index is an integer", "write [a[i] for i in …]")
        if isinstance(node, ast.Attribute | ast.Name) and self.static(node) is None:
            self.refuse(node, "None in an index adds an axis, which is not in the language", "write a comprehension")
        return self.expr(node)

    def strided(self, node: ast.Subscript, index: ast.Slice) -> sx.Expr:
        """`a[::-1]`, `a[lo:hi:2]`."""
        span = self.at(node)
        step = self.literal(index.step)
        if step == -1 and index.lower is None and index.upper is None:
            return call(span, self.builtin("reverse", node), self.expr(node.value))
        if step is not None and step < 1:
            self.refuse(index, "a slice's step is a number above 0, or [::-1] for all of it",
                        "write [a[i] for i in range(…)]; to assign, a loop over range(…)")
        k = self.fresh("k")
        base = self.expr(node.value)
        gen = self.places(k, index, base, span)
        return sx.Comp(span, sx.IndexE(span, base, (sx.Name(span, k),)), sx.Gens(span, (gen,), None))

    def places(self, k: str, index: ast.Slice, base: sx.Expr, span: Span) -> sx.GenRange:
        """The indices that a slice with a step means."""
        assert index.step is not None
        by = None if self.literal(index.step) == 1 else self.expr(index.step)
        lo = number(0, span) if index.lower is None else self.from_end(index.lower, base, span)
        hi = call(span, self.linker.builtin("len", span), base) if index.upper is None else self.from_end(index.upper, base, span)
        return sx.GenRange(span, k, lo, hi, by)

    def from_end(self, node: ast.expr, base: sx.Expr, span: Span) -> sx.Expr:
        value = self.literal(node)
        if value is not None and value < 0:
            return chain(call(span, self.builtin("len", node), base), "-", number(-value, span))
        return self.expr(node)

    def literal(self, node: ast.expr | None) -> int | None:
        """The value of an integer that is written out."""
        match node:
            case ast.Constant(value=int(value)) if not isinstance(value, bool):
                return value
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(value))) if not isinstance(value, bool):
                return -value
        return None

    # ------------------------------------------------ functions and comprehensions

    def lambda_(self, node: ast.Lambda) -> sx.Expr:
        self.plain_parameters(node)
        names, given = [a.arg for a in parameters(node)], defaults_of(node)
        shadowed = reads(*given.values()) & set(names)
        kept = {n: self.fresh(f"given {n}") if n in shadowed else self.spelled(n) for n in given}
        lets = [sx.Let(self.at(d), sx.PName(self.at(d), kept[n]), None, self.expr(d)) for n, d in given.items()]
        back = [sx.Let(self.at(given[n]), sx.PName(self.at(given[n]), self.spelled(n)), None, sx.Name(self.at(given[n]), kept[n]))
                for n in given if n in shadowed]
        with self.frame(names):
            body = self.expr(node.body)
        own = [a for a in parameters(node) if a.arg not in given]
        fn = sx.Fn(self.at(node), tuple(sx.PName(self.at(a), self.spelled(a.arg)) for a in own),
                   block(back if shadowed else lets, body))  # defaults are what they were, for those who call it
        return block(lets, fn) if shadowed else fn

    def plain_parameters(self, node: ast.Lambda | ast.FunctionDef) -> None:
        extra = node.args.vararg or node.args.kwarg
        if extra is not None:
            sign = "*" if node.args.vararg is extra else "**"
            self.refuse(extra, f"{sign}{extra.arg} is not in the language", "name the parameters; several values go in a tuple")

    def note_items(self, target: ast.expr, source: ast.expr) -> None:
        """How deep the lists are that a loop goes over, item by item."""
        if isinstance(source, ast.Call) and isinstance(target, ast.Tuple) and (it := self.quiet_static(source.func)) in (zip, enumerate):
            inner = source.args if it is zip else [ast.Constant(0), *source.args]
            if len(inner) >= len(target.elts):
                for t, a in zip(target.elts, inner, strict=False):
                    self.note_items(t, a)
                return
        depth = self.list_depth(source)
        for t in target.elts if isinstance(target, ast.Tuple | ast.List) else [target]:
            for name in targets(t):
                self.lists[name] = max(depth - 1 - isinstance(target, ast.Tuple | ast.List), 0)

    def comprehension(self, elt: ast.expr, generators: Sequence[ast.comprehension], node: ast.expr) -> tuple[sx.Expr, sx.Gens]:
        """The element and the generators; helping `let`s stand in the element and in the filter."""
        gens: list[Any] = []
        lets: list[sx.Let] = []
        tests: list[ast.expr] = []
        names: list[str] = []
        for g in generators:
            if g.is_async:
                self.refuse(g.target, "async is not in the language")
            if tests:
                self.refuse(g.target, "a filter between two generators", "put the `if` behind the last `for`")
            with self.frame(names):
                gen, more = self.generator(g.target, g.iter, loop=False)
            gens.append(gen)
            lets += more
            names += targets(g.target)
            tests += g.ifs
        with self.frame(names):
            before = dict(self.lists)
            for g in generators:
                self.note_items(g.target, g.iter)
            body = block(lets, self.expr(elt))
            conds = [self.expr(t) for t in tests]
            self.lists = before
        cond = None if not conds else conds[0] if len(conds) == 1 else sx.Logic(self.at(tests[0]), "and", tuple(conds))
        whole = self.at(generators[0].target).to(self.at(generators[-1].iter))
        return body, sx.Gens(whole, tuple(gens), None if cond is None else block(lets, cond))


def chain(left: sx.Expr, op: str, right: sx.Expr) -> sx.Expr:
    """`left op right`, in one chain with what stands on the left."""
    span = left.span.to(right.span)
    if isinstance(left, sx.Chain) and (left.rest[0][0] in "+-") == (op in "+-"):
        return sx.Chain(span, left.first, (*left.rest, (op, right)))
    return sx.Chain(span, left, ((op, right),))


def conditional(span: Span, test: sx.Expr, body: sx.Expr, orelse: sx.Expr) -> sx.If:
    """`else if` is one node with several branches."""
    if isinstance(orelse, sx.If):
        return sx.If(span, ((test, body), *orelse.branches), orelse.orelse)
    return sx.If(span, ((test, body),), orelse)
