"""Operators: arithmetic, comparisons and logic, over scalars, arrays and parameter sets."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ..compiler.errors import Span
from ..compiler.ir import FLOATS, Atom, Call, Const, If, Loop, Prim, Show, all_stmts, integer
from ..compiler.ir import Assert as CoreAssert
from ..compiler.ir import Block as CoreBlock
from ..compiler.ir import Index as CoreIndex
from ..compiler.primitives import is_partial
from ..compiler.sizes import poly_of
from . import syntax as sx
from . import values as vs
from .elab_values import INTS, Values, alike, settled, wider
from .values import ArrayV, Env, Leaf, RecordV, TupleV, Value, leaves, map_leaves

NAMES = {"+": "add", "-": "sub", "*": "mul", "/": "div", "//": "floordiv", "%": "mod", "**": "pow",
         "==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
COMPARE = frozenset(["==", "!=", "<", "<=", ">", ">="])


class Ops(Values):
    # ------------------------------------------------ lifting

    def lift(
        self, xs: Sequence[Leaf], f: Callable[[Sequence[Atom]], Atom], span: Span, *, what: str = "the operands",
        flex: bool = False,
    ) -> Leaf:
        """`f` on scalars, on arrays of one shape elementwise; scalars are broadcast."""
        arrays = [x for x in xs if x.rank]
        if not arrays:
            return Leaf(f([x.atom for x in xs]), flex)
        first = arrays[0]
        for x in arrays[1:]:
            if x.rank != first.rank:
                self.type_error("DV0311", f"{what} must have the same shape: {vs.show_type(first)} "
                                f"and {vs.show_type(x)}", span, help=self._by_rows(arrays, span))
            for s, t in zip(first.shape, x.shape, strict=True):
                self.equate(poly_of(s), poly_of(t), span, f"{what} must have the same shape",
                            names=("one", "the other"))
        return Leaf(self.b.builds(first.shape, lambda idx: f(
            [self.b.index(x.atom, *idx, safe=True) if x.rank else x.atom for x in xs])), flex)

    def _by_rows(self, arrays: Sequence[Leaf], span: Span) -> str | None:
        """What to write for a matrix and a vector as long as its rows."""
        named = re.fullmatch(r"(\w+) *([-+*/]|\*\*) *(\w+)", span.text(""))
        if named is None or len(arrays) != 2 or {a.rank for a in arrays} != {1, 2}:
            return None
        if len({self.norm(poly_of(a.shape[-1])) for a in arrays}) > 1:
            return None
        left, op, right = named.groups()
        return f"write `[r {op} {right} for r in {left}]`" if arrays[0].rank == 2 else f"write `[{left} {op} r for r in {right}]`"

    def prim(self, name: str, args: Sequence[Value], span: Span) -> Leaf:
        """A primitive on numbers of one kind (they widen to it), lifted over arrays."""
        xs = [self.number(a, name, span) for a in args]
        kind = self.common_kind(xs, name, span)
        ready = [self.to_kind(x, kind) for x in xs]
        flex = kind.endswith("?")
        return self.lift(ready, lambda a: self.fold(name, *a), span, what=f"the arguments of {name}", flex=flex)

    def float_prim(self, name: str, args: Sequence[Value], span: Span) -> Leaf:
        """A primitive on floats, such as `exp`: integers become floats of the width that is asked for."""
        xs = [self.number(a, name, span) for a in args]
        kind = self.common_kind(xs, name, span)
        kind = "float?" if kind in INTS else kind
        ready = [self.to_kind(x, kind) for x in xs]
        return self.lift(ready, lambda a: self.b.prim(name, *a), span, what=f"the arguments of {name}",
                         flex=kind == "float?")

    def number(self, v: Value, what: str, span: Span) -> Leaf:
        if isinstance(v, Leaf) and v.kind != "bool":
            return v
        self.type_error("DV0308", f"{what} takes numbers, this is {vs.show_type(v)}", span,
                        help="convert it: f64(b)" if isinstance(v, Leaf) else None)

    def common_kind(self, xs: Sequence[Leaf], what: str, span: Span) -> str:
        kind = xs[0].flex_kind
        for x in xs[1:]:
            joined = wider(kind, x.flex_kind)
            if joined is None:
                self.type_error("DV0308", f"{what} does not take {settled(kind)} and {settled(x.flex_kind)}", span)
            kind = joined
        return kind

    def fold(self, name: str, *args: Atom) -> Atom:
        """The primitive, evaluated where it is arithmetic of integer constants."""
        if all(isinstance(a, Const) for a in args):
            values = [a.value for a in args if isinstance(a, Const)]
            kind = args[0].type.kind
            if name == "neg":
                return Const(-values[0], kind)
            if kind == "i64" and name in ("add", "sub", "mul"):
                x, y = values
                n = int({"add": x + y, "sub": x - y, "mul": x * y}[name])
                return Const((n + 2**63) % 2**64 - 2**63, kind)
        if args[0].type.kind == "i64" and len(args) == 2:
            if args[1] == integer(0) and name in ("add", "sub"):
                return args[0]
            if args[0] == integer(0) and name == "add":
                return args[1]
        return self.b.prim(name, *args)

    # ------------------------------------------------ arithmetic

    def binary(self, op: str, a: Value, b: Value, span: Span) -> Value:
        """`a op b` for arithmetic and comparisons."""
        if op == "@":
            return self.matmul(a, b, span)
        if isinstance(a, Leaf) and isinstance(b, Leaf):
            if op in COMPARE:
                return self.compare(op, a, b, span)
            return self.arith(op, a, b, span)
        self.note_records(op, a, b)
        if op in ("+", "-") and not isinstance(a, Leaf | vs.FnV | vs.StrV):
            if not alike(a, b):
                self.type_error("DV0308", f"{op} does not take {vs.show_type(a)} and {vs.show_type(b)}", span)
            rights = iter(list(leaves(b)))

            def both(x: Leaf) -> Leaf:
                y = next(rights)
                return x if x.kind == "bool" else self.arith(op, x, y, span)

            return self.same_fields(a, map_leaves(a, both), span)
        scale, other, left = (a, b, True) if isinstance(a, Leaf) else (b, a, False)
        if (op == "*" or (op == "/" and not left)) and isinstance(scale, Leaf) and not scale.rank \
                and isinstance(other, TupleV | RecordV | ArrayV):
            def scaled(x: Leaf) -> Leaf:
                if x.kind not in FLOATS:
                    return x
                return self.arith(op, scale, x, span) if left else self.arith(op, x, scale, span)

            return self.same_fields(other, map_leaves(other, scaled), span)
        self.type_error("DV0308", f"{op} does not take {vs.show_type(a)} and {vs.show_type(b)}", span)

    def note_records(self, op: str, *values: Value) -> None:
        """Notes which records an operator goes through: a class of the caller's may have its own way."""
        for v in values:
            match v:
                case RecordV(decl, names, items):
                    self.operated.add((op, decl.name if decl is not None else "", tuple(names)))
                    self.note_records(op, *items)
                case TupleV(items):
                    self.note_records(op, *items)
                case ArrayV(_, element):
                    self.note_records(op, element)

    def same_fields(self, old: Value, new: Value, span: Span) -> Value:
        """Arithmetic on a record must leave the kinds of its fields."""
        match old, new:
            case RecordV(decl, names, items), RecordV(_, _, others) if decl is not None:
                for name, i, o in zip(names, items, others, strict=True):
                    for x, y in zip(leaves(i), leaves(o), strict=True):
                        if x.kind != y.kind:
                            self.type_error("DV0308", f"the field {name} of {decl.name} is {x.kind}, this makes it "
                                            f"{y.kind}", span, help=f"convert the other side: {x.kind}(…)")
            case (TupleV(items), TupleV(others)) | (RecordV(_, _, items), RecordV(_, _, others)):
                for i, o in zip(items, others, strict=True):
                    self.same_fields(i, o, span)
            case ArrayV(_, one), ArrayV(_, two):
                self.same_fields(one, two, span)
        return new

    def arith(self, op: str, a: Leaf, b: Leaf, span: Span) -> Leaf:
        if op == "**":
            return self.power(a, b, span)
        ka, kb = a.flex_kind, b.flex_kind
        kind = wider(ka, kb) if "bool" not in (ka, kb) else None
        if kind is None:
            self.type_error("DV0308", f"{op} does not take {vs.show_type(a)} and {vs.show_type(b)}", span,
                            help="a bool becomes a number by i64(…) or f64(…)" if "bool" in (ka, kb) else None)
        if op == "/" and kind in INTS:
            kind = "float?"
        x, y = self.to_kind(a, kind), self.to_kind(b, kind)
        return self.lift([x, y], lambda s: self.fold(NAMES[op], *s), span, what=f"the sides of {op}",
                         flex=kind.endswith("?"))

    def power(self, a: Leaf, b: Leaf, span: Span) -> Leaf:
        if "bool" in (a.kind, b.kind):
            self.type_error("DV0308", "** does not take a bool", span)
        if a.flex_kind in INTS and b.flex_kind in INTS:
            kind = wider(a.flex_kind, b.flex_kind)
            assert kind is not None
            if a.flex and b.flex and isinstance(a.atom, Const) and isinstance(b.atom, Const) and 0 <= b.atom.value < 64:
                n = int(a.atom.value) ** int(b.atom.value)
                if abs(n) < 2**63:
                    return Leaf(Const(n, "i64"), True)
            return self.lift([self.to_kind(a, kind), self.to_kind(b, kind)], lambda s: self.b.prim("ipow", *s), span,
                             what="the sides of **", flex=kind.endswith("?"))
        if b.flex_kind in INTS:
            n_ = self.to_kind(b, "i64")
            return self.lift([a, n_], lambda s: self.b.prim("powi", *s), span, what="the sides of **", flex=a.flex)
        kind = wider(a.flex_kind, b.flex_kind)
        assert kind is not None
        return self.lift([self.to_kind(a, kind), self.to_kind(b, kind)], lambda s: self.b.prim("pow", *s), span,
                         what="the sides of **", flex=kind.endswith("?"))

    def compare(self, op: str, a: Leaf, b: Leaf, span: Span) -> Leaf:
        kind = wider(a.flex_kind, b.flex_kind)
        if kind is None or (kind == "bool" and op not in ("==", "!=")):
            self.type_error("DV0308", f"{op} does not take {vs.show_type(a)} and {vs.show_type(b)}", span)
        x, y = self.to_kind(a, kind), self.to_kind(b, kind)
        return self.lift([x, y], lambda s: self.b.prim(NAMES[op], *s), span, what=f"the sides of {op}")

    def negate(self, v: Value, span: Span) -> Value:
        if isinstance(v, Leaf) and v.kind != "bool":
            return self.lift([v], lambda s: self.fold("neg", *s), span, flex=v.flex)
        if isinstance(v, TupleV | RecordV | ArrayV):
            self.note_records("neg", v)
            return map_leaves(v, lambda x: x if x.kind not in FLOATS else
                              self.lift([x], lambda s: self.b.prim("neg", *s), span))
        help = "a bool becomes a number by i64(…) or f64(…)" if isinstance(v, Leaf) else None
        self.type_error("DV0308", f"- does not take {vs.show_type(v)}", span, help=help)

    def matmul(self, a: Value, b: Value, span: Span) -> Value:
        """`A @ B`, `A @ v`, `v @ A`, `v @ w`."""
        if not (isinstance(a, Leaf) and isinstance(b, Leaf) and 1 <= a.rank <= 2 and 1 <= b.rank <= 2
                and "bool" not in (a.kind, b.kind)):
            self.type_error("DV0308", f"@ takes matrices and vectors, these are {vs.show_type(a)} and "
                            f"{vs.show_type(b)}", span)
        kind = wider(a.flex_kind, b.flex_kind)
        assert kind is not None
        x, y = self.to_kind(a, kind), self.to_kind(b, kind)
        inner, other = x.shape[-1], y.shape[0]
        p, q = poly_of(inner), poly_of(other)
        self.equate(p, q, span, "@: the inner sizes must agree", names=("the left side", "the right side"))
        rows, cols = x.shape[:-1], y.shape[1:]

        def cell(idx: Sequence[Atom]) -> Atom:
            i, j = idx[:len(rows)], idx[len(rows):]
            return self.b.reduce("sum", inner, lambda k: self.b.prim(
                "mul", self.b.index(x.atom, *i, k, safe=True), self.b.index(y.atom, k, *j, safe=True)), index="k")

        return Leaf(self.b.builds((*rows, *cols), cell), kind.endswith("?"))

    # ------------------------------------------------ logic

    def logic(self, op: str, items: Sequence[sx.Expr], env: Env, span: Span) -> Value:
        """`and`, `or`: the right side runs only where the left one leaves it open."""
        first = self.elaborate(items[0], env)
        if len(items) == 1:
            return first
        if isinstance(first, Leaf) and first.kind == "bool" and first.rank:
            result = first
            for item in items[1:]:
                other = self.elaborate(item, env)
                if not isinstance(other, Leaf) or other.kind != "bool":
                    self.type_error("DV0308", f"{op} takes bools, this is {vs.show_type(other)}", item.span)
                result = self.lift([result, other], lambda s: self.b.prim(op, *s), span, what=f"the sides of {op}")
            return result
        c = self.bool_side(first, op, items[0].span)
        right: list[Atom] = []

        def rest() -> Sequence[Atom]:
            v = self.logic(op, items[1:], env, span)
            right.append(self.bool_side(v, op, items[1].span))
            return right

        block = self.guarded(rest)
        if simple(block):
            for s in block.stmts:
                self.b.emit_stmt(s)
            return Leaf(self.b.prim(op, c, right[0]))
        const = CoreBlock((), (Const(op == "or", "bool"),))
        sides = (block, const) if op == "and" else (const, block)
        return Leaf(self.b.emit_if(If(c, *sides))[0])

    def bool_side(self, v: Value, op: str, span: Span) -> Atom:
        if isinstance(v, Leaf) and v.kind == "bool" and not v.rank:
            return v.atom
        self.type_error("DV0308", f"{op} takes bools, this is {vs.show_type(v)}", span)

    def chain_compare(self, e: sx.Compare, env: Env) -> Value:
        """`a < b <= c` is `a < b and b <= c`, each operand evaluated once."""
        left = self.elaborate(e.first, env)
        result: Leaf | None = None
        for op, operand in e.rest:
            right = self.elaborate(operand, env)
            if not isinstance(left, Leaf) or not isinstance(right, Leaf):
                bad = right if isinstance(left, Leaf) else left
                self.type_error("DV0308", f"{op} does not compare {vs.show_type(bad)}", e.span,
                                help="compare the parts, or use match" if isinstance(bad, vs.SumV) else
                                "compare the parts" if isinstance(bad, TupleV | RecordV) else None)
            one = self.compare(op, left, right, e.span)
            result = one if result is None else self.lift([result, one], lambda s: self.b.prim("and", *s), e.span)
            left = right
        assert result is not None
        return result


def simple(block: CoreBlock) -> bool:
    """May the block run where it need not: cheap, and nothing in it can raise?"""
    for s in all_stmts(block):
        match s.op:
            case Prim(name, args) if not is_partial(name, args):
                pass
            case CoreIndex(_, _, True):
                pass
            case Loop() | If() | Call() | CoreAssert() | Show() | _:
                return False
    return True


