"""Declared types: from syntax to `Type`, parameters from types, and matching against what values have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from ..compiler.build import array_type
from ..compiler.errors import NameError, SizeError, Span
from ..compiler.ir import FLOATS, Atom, Scalar, Var, integer
from ..compiler.sizes import Poly, number, of_factor, poly_of, quotient
from . import syntax as sx
from . import types as ty
from . import values as vs
from .elab_ops import Ops
from .elab_values import hint, wider
from .types import ArrayT, FnT, RecordT, ScalarT, SumT, TupleT, Type, VarT
from .values import ArrayV, Env, Leaf, RecordV, SumV, TupleV, Value, array_of

FOREIGN = {"int": "i64", "float": "f64", "double": "f64", "real": "f64", "float64": "f64", "float32": "f32",
           "int64": "i64", "int32": "i32", "boolean": "bool", "integer": "i64", "number": "f64"}
STRINGS = ("string", "str")
ARRAYS = ("array", "ndarray", "vector", "vec", "list", "tensor", "matrix", "mat", "seq", "slice")


class TypeEnv(Env):
    """A module's scope: types by name."""

    def type_decl(self, name: str) -> Type | ty.RecordDecl | None:
        return None

    def type_names(self) -> Iterable[str]:
        return ()


@dataclass(eq=False)
class Signature:
    """The sizes that a signature names.  `given`: sizes of an enclosing scope by name."""

    env: Env
    open: bool = True
    given: bool = True
    sizes: dict[str, Var] = field(default_factory=dict)
    vars: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True, eq=False)
class Equation:
    """A declared size and the actual one.  `checked`: at run time if need be, even where names differ."""

    left: Poly
    right: Poly
    text: str
    span: Span
    checked: bool = False


@dataclass(eq=False)
class Match:
    """What one application binds: sizes and type variables, and the equations left to solve."""

    sizes: dict[Var, Poly] = field(default_factory=dict)
    types: dict[str, Type] = field(default_factory=dict)
    equations: list[Equation] = field(default_factory=list)


class Types(Ops):
    # ------------------------------------------------ from syntax

    def resolve(self, t: sx.Type, sig: Signature) -> Type:
        match t:
            case sx.TParen(_, inner):
                return self.resolve(inner, sig)
            case sx.TTuple(_, items):
                return TupleT(tuple(self.resolve(i, sig) for i in items))
            case sx.TFn(_, params, result):
                return FnT(tuple(self.resolve(p, sig) for p in params), self.resolve(result, sig))
            case sx.TName(span, name):
                return self.named_type(name, span, sig)
            case sx.TApply(span, base, sizes):
                found = self.resolve_applied(base, sizes, sig)
                if found is not None:
                    return found
                if isinstance(base, sx.TApply) and self.resolve_applied(base.base, base.sizes, sig) is None:
                    return self.resolve(sx.TApply(span, base.base, (*base.sizes, *sizes)), sig)
                for s in sizes:
                    if isinstance(s, sx.Name) and s.id in ty.SCALARS:
                        self.type_error("DV0318", f"{s.id} is a type, and no size", s.span,
                                        help=f"an array is written `{s.id}[n]`, a matrix `{s.id}[n, m]`")
                elem = self.resolve(base, sig)
                if (why := ty.no_element(elem)) is not None:
                    self.type_error("DV0317", why, span)
                return ty.array_of(elem, [self.axis(s, sig) for s in sizes])
        raise AssertionError(t)

    def named_type(self, name: str, span: Span, sig: Signature) -> Type:
        if name in ty.SCALARS:
            return ScalarT(name)
        root = sig.env.root
        decl = root.type_decl(name) if isinstance(root, TypeEnv) else None
        if isinstance(decl, ty.RecordDecl):
            return RecordT(decl, (None,) * len(decl.size_vars))
        if decl is not None:
            return decl
        bound = sig.env.get_type(name)
        if bound is not None:
            return bound
        if name in ("c64", "c128", "z2"):
            self.not_yet(f"the scalar type {name}", span)
        known = [*ty.SCALARS, *(root.type_names() if isinstance(root, TypeEnv) else ())]
        if name.lower() in FOREIGN:
            raise NameError("DV0201", f"there is no type {name}", span, help=f"say {FOREIGN[name.lower()]}")
        if name.lower() in STRINGS:
            raise NameError("DV0201", f"there is no type {name}", span,
                            help="strings stand in messages and labels only; the text of a file enters as its bytes, i64[n]")
        if name[0].isupper() and name.lower() in ARRAYS:
            raise NameError("DV0201", f"there is no type {name}", span, help="an array is written `f64[n]`, a matrix `f64[n, m]`")
        if name[0].isupper() or (not sig.open and name not in sig.vars):
            self.unknown_name(name, span, known, "there is no type")
        sig.vars.add(name)
        return VarT(name)

    def resolve_applied(self, base: sx.Type, sizes: Sequence[sx.Expr | None], sig: Signature) -> Type | None:
        """`Fit[n, d]`: a record with its sizes; None if the brackets make an array."""
        if isinstance(base, sx.TParen):
            return self.resolve_applied(base.inner, sizes, sig)
        if not isinstance(base, sx.TName):
            return None
        root = sig.env.root
        decl = root.type_decl(base.id) if isinstance(root, TypeEnv) else None
        if not isinstance(decl, ty.RecordDecl) or not decl.size_vars:
            return None
        if len(sizes) != len(decl.size_vars):
            self.type_error("DV0318", f"{decl.name} has {len(decl.size_vars)} sizes ({', '.join(decl.size_names)}), "
                            f"these are {len(sizes)}", base.span,
                            help=f"an array of it is {decl.name}[{', '.join('_' for _ in decl.size_names)}][n]")
        return RecordT(decl, tuple(self.size_poly(s, sig) for s in sizes))

    def axis(self, e: sx.Expr | None, sig: Signature) -> Poly | None:
        """The size of an axis, which is no negative number."""
        p = self.size_poly(e, sig)
        if e is not None and p is not None and p.constant is not None and p.constant < 0:
            raise SizeError("DV0503", f"an array can't have the size {p.constant}", e.span)
        return p

    def size_poly(self, e: sx.Expr | None, sig: Signature) -> Poly | None:
        """A size as a polynomial; new names become sizes of the signature."""
        match e:
            case None:
                return None
            case sx.Paren(_, inner):
                return self.size_poly(inner, sig)
            case sx.Num(span, int(n)):
                with self.at(span):
                    self.check_width(n, "i64")
                return number(n)
            case sx.Name(span, name):
                return self.size_name(name, span, sig)
            case sx.Unary(_, "-", operand):
                return -self._size(operand, sig)
            case sx.Power(_, base, sx.Num(_, int(n))) if 0 <= n < 10:
                total = number(1)
                for _ in range(n):
                    total = total * self._size(base, sig)
                return total
            case sx.Chain(span, first, rest):
                p = self._size(first, sig)
                for op, item in rest:
                    q = self._size(item, sig)
                    match op:
                        case "+":
                            p = p + q
                        case "-":
                            p = p - q
                        case "*":
                            p = p * q
                        case "//" | "%":
                            p = quotient("floordiv" if op == "//" else "mod", p, q)
                        case _:
                            self.type_error("DV0318", f"{op} does not stand in a size", span)
                return p
        self.type_error("DV0318", "a size is a name, a number, or made of these by + - * // %", e.span)

    def _size(self, e: sx.Expr, sig: Signature) -> Poly:
        p = self.size_poly(e, sig)
        assert p is not None
        return p

    def size_name(self, name: str, span: Span, sig: Signature) -> Poly:
        if name in sig.sizes:
            return of_factor(sig.sizes[name])
        if sig.given:
            v = sig.env.get(name)
            if isinstance(v, Leaf) and v.kind == "i64" and not v.rank:
                return poly_of(v.atom)
        if not sig.open:
            known = [n for n in {*sig.env.all_names(), *sig.sizes} if isinstance(sig.env.get(n), Leaf)] \
                if sig.given else list(sig.sizes)
            self.unknown_name(name, span, [*known, *sig.sizes], "there is no size")
        v_ = Var(name, Scalar("i64"), nonneg=True)
        sig.sizes[name] = v_
        return of_factor(v_)

    # ------------------------------------------------ parameters

    def make_param(self, t: Type, name: str, extra: list[tuple[Var, Poly]]) -> Value:
        """A value of this type over fresh core variables; sizes that are no plain variables join `extra`."""

        def axis(p: Poly | None, k: int, name: str) -> Atom:
            own = f"size_{name}_axis{k}" if k else f"size_{name}"
            if p is None:
                return Var(own, Scalar("i64"), nonneg=True)
            a = self.plain_atom(p)
            if a is not None:
                return a
            s = Var(own, Scalar("i64"), nonneg=True)
            extra.append((s, p))
            return s

        def go(t: Type, name: str, axes: tuple[Atom, ...]) -> Value:
            match t:
                case ScalarT(kind):
                    return Leaf(Var(name, array_type(kind, axes)))
                case ArrayT(elem, sizes):
                    more = tuple(axis(p, len(axes) + k, name) for k, p in enumerate(sizes))
                    return array_of(more, go(elem, name, (*axes, *more)))
                case TupleT(items):
                    return TupleV(tuple(go(i, f"{name}_{k}", axes) for k, i in enumerate(items)))
                case ty.AnonT(names, items):
                    return RecordV(None, names, tuple(go(i, f"{name}_{n}", axes)
                                                      for n, i in zip(names, items, strict=True)))
                case RecordT(decl, sizes):
                    at = {v: p if p is not None else of_factor(Var(f"{v.name}_of_{name}", Scalar("i64"), nonneg=True))
                          for v, p in zip(decl.size_vars, sizes, strict=True)}
                    full = RecordT(decl, tuple(at.values()))
                    return RecordV(decl, tuple(n for n, _ in decl.fields),
                                   tuple(go(f, f"{name}_{n}", axes) for n, f in full.fields))
                case SumT(decl):
                    tag = Leaf(Var(f"{name}_tag", array_type("i64", axes)))
                    return SumV(decl, tag, tuple(
                        tuple(go(p, f"{name}_{c}_{k}", axes) for k, p in enumerate(payload))
                        for c, payload in decl.ctors))
            raise AssertionError(t)

        return go(t, name, ())

    def plain_atom(self, p: Poly) -> Atom | None:
        """The atom of a size that is a number or one variable."""
        if p.constant is not None:
            return self.atom(p)
        ((m, c), *rest) = p.terms.items()
        return m[0] if not rest and c == 1 and len(m) == 1 and isinstance(m[0], Var) else None

    # ------------------------------------------------ matching

    def match_type(self, want: Type, have: Type, m: Match, what: str, span: Span) -> None:
        """Matches a declared type against an actual one: binds, or notes equations, or raises."""
        match want, have:
            case VarT(name), _:
                bound = m.types.get(name)
                if bound is None or name == "_":
                    m.types[name] = have
                else:
                    m.types[name] = self.same_type(bound, have, m, f"{what} ({name})", span)
                return
            case _, VarT("_"):
                return
            case ScalarT(k), ScalarT(h) if wider(h, k) == k:
                return
            case ArrayT(elem, sizes), ArrayT(other, given) if len(given) >= len(sizes):
                rest = ty.array_of(other, given[len(sizes):])
                if isinstance(elem, ScalarT):
                    if not (len(given) == len(sizes) and isinstance(other, ScalarT) and (
                            other.kind == elem.kind
                            or (other.kind.endswith("?") and wider(other.kind, elem.kind) == elem.kind))):
                        self.mismatch(want, have, what, span)
                else:
                    self.match_type(elem, rest, m, what, span)
                self.match_sizes(sizes, given[:len(sizes)], m, what, span)
                return
            case TupleT(items), TupleT(others) if len(items) == len(others):
                for at, (i, o) in enumerate(zip(items, others, strict=True)):
                    self.match_type(i, o, m, f"item {at} of {what}", span)
                return
            case ty.AnonT(names, items), ty.AnonT(ns, others) if names == ns:
                for i, o in zip(items, others, strict=True):
                    self.match_type(i, o, m, what, span)
                return
            case RecordT(d, sizes), RecordT(e, given) if d is e:
                self.match_sizes(sizes, given, m, what, span)
                return
            case SumT(d), SumT(e) if d is e:
                return
            case FnT(params, _), FnT(given_params, _):
                if given_params and len(given_params) != len(params):
                    self.type_error("DV0303", f"{what} must be a function of {len(params)} parameters, this has "
                                    f"{len(given_params)}", span)
                return
        self.mismatch(want, have, what, span)

    def same_type(self, a: Type, b: Type, m: Match, what: str, span: Span) -> Type:
        """Two uses of one type variable: equal, apart from literals."""
        match a, b:
            case ScalarT(k), ScalarT(h):
                joined = wider(k, h)
                if joined is not None and (k == h or k.endswith("?") or h.endswith("?")):
                    return ScalarT(joined)
            case ArrayT(e, sizes), ArrayT(f, given) if len(sizes) == len(given):
                self.match_sizes(sizes, given, m, what, span)
                return ArrayT(self.same_type(e, f, m, what, span), sizes)
            case TupleT(p), TupleT(q) if len(p) == len(q):
                return TupleT(tuple(self.same_type(x, y, m, what, span) for x, y in zip(p, q, strict=True)))
            case RecordT(d, sizes), RecordT(e, given) if d is e:
                self.match_sizes(sizes, given, m, what, span)
                return a
            case SumT(d), SumT(e) if d is e:
                return a
            case FnT(), FnT():
                return a
        self.mismatch(a, b, what, span)

    def mismatch(self, want: Type, have: Type, what: str, span: Span) -> NoReturn:
        if isinstance(want, ArrayT) and isinstance(have, ArrayT | ScalarT) and isinstance(want.elem, ScalarT):
            axes = len(have.sizes) if isinstance(have, ArrayT) else 0
            if axes != len(want.sizes):
                self.type_error("DV0311", f"{what} must have {len(want.sizes)} "
                                f"{'axis' if len(want.sizes) == 1 else 'axes'} like {ty.show(want)}, this is "
                                f"{ty.show(have)}", span)
        more = ""
        if isinstance(want, ScalarT) and isinstance(have, ScalarT):
            more = hint(Leaf(vs.leaf(0, have.kind if have.kind in ty.SCALARS else "f64").atom), want.kind)
        self.type_error("DV0301", f"{what} must be {ty.show(want)}, this is {ty.show(have)}{more}", span)

    def match_sizes(self, want: Sequence[Poly | None], have: Sequence[Poly | None], m: Match, what: str,
                    span: Span) -> None:
        for p, q in zip(want, have, strict=True):
            if p is not None and q is not None:
                m.equations.append(Equation(p, q, what, span))

    def solve(self, m: Match, sizes: Iterable[Var], *, checked: bool = False) -> None:
        """Plain names first, then what is linear in one unknown; the rest is compared."""
        unknown = {v for v in sizes if v not in m.sizes}
        todo: list[Equation] = []
        for e in m.equations:
            v = self.plain_atom(e.left)
            if isinstance(v, Var) and v in unknown:
                unknown.discard(v)
                m.sizes[v] = e.right
            else:
                todo.append(e)
        progress = True
        while progress and unknown:
            progress = False
            for e in todo:
                p = e.left.substitute(m.sizes.get)
                free = [v for v in p.vars() if v in unknown]
                if len(free) == 1 and self._solve_linear(p, free[0], e, m):
                    unknown.discard(free[0])
                    progress = True
        for e in todo:
            p = e.left.substitute(m.sizes.get)
            if any(v in unknown for v in p.vars()):
                self.type_error("DV0312", f"{e.text}: the size {e.left!r} can't be solved", e.span)
            with self.at(e.span):
                self.compare_sizes(p, e, checked)

    def _solve_linear(self, p: Poly, v: Var, e: Equation, m: Match) -> bool:
        slope = p.substitute(lambda w: of_factor(v) + number(1) if w is v else None) - p
        if v in slope.vars():
            return False
        rest = e.right - p.substitute(lambda w: number(0) if w is v else None)
        k = slope.constant
        if k in (1, -1):
            m.sizes[v] = rest if k == 1 else -rest
        else:
            if k is None:
                with self.at(e.span):
                    have, factor = self.atom(e.right), self.atom(slope)
                    self.b.assert_(self.b.prim("ne", factor, integer(0)), "DV0502",
                                   f"{e.text} has size {{0}} where {e.left!r} is needed, which does not say {v.name}: "
                                   f"{slope!r} is {{1}}", have, factor)
            m.sizes[v] = quotient("floordiv", rest, slope)
        return True

    def compare_sizes(self, p: Poly, e: Equation, checked: bool) -> None:
        """The declared size (`p` with what is bound put in) against the actual one."""
        if self.same_poly(p, e.right):
            return
        declared = repr(e.left)
        needed = declared if declared == repr(p) or "//" in repr(p) else f"{declared} = {p!r}"
        self.equate(p, e.right, e.span, f"{e.text} has size {e.right!r} where {needed} is needed",
                    checked=checked or e.checked,
                    note=f"{e.right!r} and {p!r} are different sizes",
                    at_run_time=f"{e.text} has size {{1}} where {declared} = {{0}} is needed"
                    if e.left.constant is None else f"{e.text} has size {{1}} where {{0}} is needed")

    def bind(self, t: Type, m: Match) -> Type:
        """A declared type with what a match has bound put in."""
        def inner(t: Type) -> Type:
            match t:
                case VarT(name):
                    found = m.types.get(name, t)
                    literal = any(leaf.kind.endswith("?") for leaf in ty.leaves(found))
                    return t if literal else found
                case ArrayT(elem, sizes):
                    return ty.array_of(inner(elem), sizes)
                case TupleT(items):
                    return TupleT(tuple(map(inner, items)))
                case FnT(params, result):
                    return FnT(tuple(map(inner, params)), inner(result))
            return t

        return inner(ty.map_sizes(t, lambda p: None if p is None else p.substitute(m.sizes.get)))

    def fit(self, v: Value, t: Type) -> Value:
        """A matched value at the declared kinds: literals get their width, scalars widen."""
        match t, v:
            case ScalarT(kind), Leaf():
                return self.to_kind(v, kind)
            case ArrayT(ScalarT(kind), _), Leaf():
                return self.to_kind(v, kind)
            case ArrayT(TupleT() as elem, sizes), ArrayV(axes, TupleV(items)):
                cells = tuple(self.fit(i, ty.array_of(e, (*sizes[:len(axes)],)))
                              for i, e in zip(items, elem.items, strict=True))
                return ArrayV(axes, TupleV(cells))
            case TupleT(types), TupleV(items):
                return TupleV(tuple(self.fit(i, e) for i, e in zip(items, types, strict=True)))
        return v

    def annotated(self, v: Value, t: Type, what: str, span: Span) -> Value:
        """`let x: T = v`: the assertion, with checks at run time where sizes are not proven."""
        m = Match()
        self.match_type(t, vs.type_of(v), m, what, span)
        v = self.fit(v, t)
        changed = any(not self.same_poly(e.left, e.right) for e in m.equations)
        self.solve(m, (), checked=True)
        return self.resized(v, t) if changed else v

    def resized(self, v: Value, t: Type) -> Value:
        """The value at the sizes of its annotation (they have been checked to be equal)."""
        if isinstance(v, Leaf) and isinstance(t, ArrayT):
            sizes = [s if p is None else self.atom(p) for p, s in zip(t.sizes, v.shape, strict=True)]
            return self.build(sizes, lambda idx: self.index_value(v, idx, safe=True))
        return v

    def carries_float(self, v: Value) -> bool:
        return any(x.kind in FLOATS for x in vs.leaves(v))


