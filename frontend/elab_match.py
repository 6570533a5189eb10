"""Patterns: binding, `match` with its test for exhaustiveness, constructors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..compiler.errors import Span
from ..compiler.ir import FLOATS, Atom, Const, integer
from ..compiler.sizes import poly_of
from . import syntax as sx
from . import types as ty
from . import values as vs
from .elab_types import Types
from .elab_values import wider
from .types import RecordT, ScalarT, SumT, TupleT, Type
from .values import ArrayV, Env, FnV, Leaf, RecordV, SumV, TupleV, Value

if TYPE_CHECKING:
    from .elaborate import Elaborator


class RecordCtor(FnV):
    def __init__(self, decl: ty.RecordDecl) -> None:
        self.decl = decl
        self.name = decl.name

    def apply(self, elab: Elaborator, args: Sequence[Value], named: Mapping[str, Value], span: Span) -> Value:
        return elab.make_record(self.decl, args, named, span)

    def params(self) -> tuple[str, ...]:
        return tuple(n for n, _ in self.decl.fields)


class SumCtor(FnV):
    def __init__(self, decl: ty.SumDecl, index: int) -> None:
        self.decl = decl
        self.index = index
        self.name = decl.ctors[index][0]

    def apply(self, elab: Elaborator, args: Sequence[Value], named: Mapping[str, Value], span: Span) -> Value:
        if named:
            elab.type_error("DV0303", f"{self.name} takes its payload by position", span)
        return elab.make_sum(self.decl, self.index, args, span)

    def params(self) -> tuple[str, ...]:
        return tuple(f"_{k}" for k in range(len(self.decl.ctors[self.index][1])))


@dataclass(frozen=True, slots=True)
class Ctor:
    """What a constructor's name in a pattern means; `index` None for a record."""

    decl: ty.RecordDecl | ty.SumDecl
    index: int | None


class Patterns(Types):
    choosing = False
    """Whether patterns are arms of a `match`, which asks for no sizes."""

    # ------------------------------------------------ binding

    def bind_pattern(self, p: sx.Pattern, v: Value, env: Env) -> None:
        """Binds a pattern that always matches."""
        if self.pattern_test(p, v, env) is not None:
            self.type_error("DV0310", "this pattern does not always match; use match", p.span)
        self.bind_names(p, v, env)

    def bind_names(self, p: sx.Pattern, v: Value, env: Env) -> None:
        """Binds the names of a pattern that is known to match."""
        match p:
            case sx.PName(span, name):
                env.names[name] = v
                env.spans[name] = span
                if self.on_bind is not None:
                    self.on_bind(span, v)
            case sx.PTuple(_, items):
                parts = self.tuple_items(v, len(items), p.span)
                for q, part in zip(items, parts, strict=True):
                    self.bind_names(q, part, env)
            case sx.PRecord(span, names):
                for name in names:
                    env.names[name] = self.field_of(v, name, span)
            case sx.PCtor():
                for q, part in self.ctor_parts(p, v, env):
                    self.bind_names(q, part, env)
            case sx.POr(span, options):
                self.bind_either(options, v, env, span)

    def bind_either(self, options: Sequence[sx.Pattern], v: Value, env: Env, span: Span) -> None:
        scopes: list[Env] = []
        for q in options:
            scope = Env(env)
            self.bind_names(q, v, scope)
            scopes.append(scope)
        names = set(scopes[0].names)
        for s in scopes:
            if set(s.names) != names:
                odd = sorted(set(s.names) ^ names)
                self.type_error("DV0310", f"all sides of | must bind the same names; {', '.join(odd)} is not everywhere",
                                span)
        for name in sorted(names):
            def pick(k: int, name: str = name) -> Value:
                test = self.pattern_test(options[k], v, env) if k < len(options) - 1 else None
                if test is None:
                    return scopes[k].names[name]
                return self.cond(test, lambda: scopes[k].names[name], lambda: pick(k + 1), span, f"the sides of {name}")
            env.names[name] = pick(0)

    def tuple_items(self, v: Value, n: int, span: Span) -> Sequence[Value]:
        if isinstance(v, TupleV) and len(v.items) == n:
            return v.items
        wants_tuple = self.choosing or span.is_derived  # as a transform does that wants a pair
        if isinstance(v, Leaf | ArrayV) and vs.axes_of(v) and not wants_tuple:
            size = poly_of(vs.axes_of(v)[0])
            self.equate(size, poly_of(integer(n)), span, f"this pattern takes an array of {n} apart, this one is {vs.show_type(v)}",
                        checked=True, at_run_time=f"the pattern takes {n} elements, the array has {{0}}")
            return [self.index_value(v, (integer(k),), safe=True) for k in range(n)]
        self.type_error("DV0310", f"this pattern takes a tuple of {n}, the value is {vs.show_type(v)}", span,
                        help=f"take its fields by name: {{{', '.join(v.names)}}}" if isinstance(v, RecordV) else None)

    def field_of(self, v: Value, name: str, span: Span) -> Value:
        if isinstance(v, RecordV):
            found = v.field(name)
            if found is not None:
                return found
            kind = v.decl.name if v.decl is not None else vs.show_type(v)
            self.unknown_name(name, span, v.names, f"{kind} has no field")
        help = None
        if isinstance(v, vs.ArrayV):
            help = f"choose an element first: […].{name}, or [p.{name} for p in …]"
        self.type_error("DV0305", f"only records have fields, this is {vs.show_type(v)}", span, help=help)

    def find_ctor(self, name: str, env: Env, span: Span) -> Ctor:
        found = env.get(name)
        if isinstance(found, RecordCtor):
            return Ctor(found.decl, None)
        if isinstance(found, SumCtor):
            return Ctor(found.decl, found.index)
        if isinstance(found, SumV) and isinstance(found.tag.atom, Const):
            k = int(found.tag.atom.value)
            if found.decl.ctors[k][0] == name:
                return Ctor(found.decl, k)
        known = [n for n in env.all_names() if n[:1].isupper()]
        self.unknown_name(name, span, known, "there is no constructor")

    def ctor_parts(self, p: sx.PCtor, v: Value, env: Env) -> list[tuple[sx.Pattern, Value]]:
        """The sub-patterns of a constructor pattern with the values that they stand for."""
        ctor = self.find_ctor(p.name, env, p.span)
        args = p.args or ()
        if ctor.index is None:
            decl = ctor.decl
            if not isinstance(v, RecordV) or v.decl is not decl:
                self.type_error("DV0310", f"{p.name} is a pattern for {decl.name}, the value is {vs.show_type(v)}", p.span)
            if p.args is not None and len(args) > len(v.items):
                self.type_error("DV0310", f"{p.name} has {len(v.items)} fields, this pattern {len(args)}", p.span)
            return [(q, self.field_of(v, name, p.span) if name is not None else v.items[k])
                    for k, (name, q) in enumerate(args)]
        if not isinstance(v, SumV) or v.decl is not ctor.decl:
            self.type_error("DV0310", f"{p.name} is a pattern for {ctor.decl.name}, the value is {vs.show_type(v)}",
                            p.span)
        payload = v.payloads[ctor.index]
        if len(args) != len(payload):
            self.type_error("DV0310", f"{p.name} holds {len(payload)} value{'s' * (len(payload) != 1)}, this pattern "
                            f"{len(args)}", p.span)
        return [(q, part) for (_, q), part in zip(args, payload, strict=True)]

    # ------------------------------------------------ tests

    def pattern_test(self, p: sx.Pattern, v: Value, env: Env) -> Atom | None:
        """The condition under which a pattern matches; None if it always does."""
        match p:
            case sx.PLit(span, value):
                return self.literal_test(value, v, span)
            case sx.PTuple(_, items):
                parts = self.tuple_items(v, len(items), p.span)
                return self.all_tests([self.pattern_test(q, part, env) for q, part in zip(items, parts, strict=True)])
            case sx.PRecord(span, names):
                for name in names:
                    self.field_of(v, name, span)
                return None
            case sx.PCtor():
                parts_ = self.ctor_parts(p, v, env)
                ctor = self.find_ctor(p.name, env, p.span)
                tests: list[Atom | None] = []
                if isinstance(ctor.decl, ty.SumDecl) and len(ctor.decl.ctors) > 1:
                    assert isinstance(v, SumV) and ctor.index is not None
                    tests.append(self.b.prim("eq", v.tag.atom, integer(ctor.index)))
                return self.all_tests(tests + [self.pattern_test(q, part, env) for q, part in parts_])
            case sx.POr(_, options):
                found = [self.pattern_test(q, v, env) for q in options]
                total: Atom | None = None
                for t in found:
                    if t is None:
                        return None
                    total = t if total is None else self.b.prim("or", total, t)
                return total
        return None

    def literal_test(self, value: float | bool | str, v: Value, span: Span) -> Atom:
        if isinstance(value, str) or not isinstance(v, Leaf) or v.rank:
            self.type_error("DV0310", f"this pattern does not fit {vs.show_type(v)}", span)
        if isinstance(value, bool) or v.kind == "bool":
            if not isinstance(value, bool) or v.kind != "bool":
                self.type_error("DV0310", f"this pattern does not fit {vs.show_type(v)}", span)
            return v.atom if value else self.b.prim("not", v.atom)
        lit = "int?" if isinstance(value, int) else "float?"
        if wider(lit, v.flex_kind) != v.flex_kind and v.flex_kind != "int?":
            self.type_error("DV0310", f"this pattern does not fit {vs.show_type(v)}", span)
        if isinstance(value, float):
            v = self.to_kind(v, v.kind if v.kind in FLOATS else "f64")
        elif v.kind not in FLOATS:
            with self.at(span):
                self.check_width(value, v.kind)
        return self.b.prim("eq", v.atom, Const(value, v.kind))

    def all_tests(self, tests: Sequence[Atom | None]) -> Atom | None:
        total: Atom | None = None
        for t in tests:
            if t is not None:
                total = t if total is None else self.b.prim("and", total, t)
        return total

    # ------------------------------------------------ match

    def match(self, e: sx.Match, env: Env) -> Value:
        v = self.elaborate(e.subject, env)
        if isinstance(v, FnV | vs.StrV):
            self.type_error("DV0310", f"match does not take {vs.show_type(v)}", e.subject.span)
        with self.at(e.span):
            for arm in e.arms:
                self.guarded(lambda arm=arm: self._check_arm(arm, v, env))  # type: ignore[misc]
            left = self.missing([[arm.pattern] for arm in e.arms], [vs.type_of(v)], env)
            if left is not None:
                self.type_error("DV0309", f"match does not say what happens for {left[0]}", e.span,
                                help="add an arm for it, or _ -> … for all the rest")

            def arms(k: int) -> Value:
                arm = e.arms[k]
                test = None if k == len(e.arms) - 1 else self.pattern_test(arm.pattern, v, env)

                def body() -> Value:
                    scope = Env(env)
                    self.bind_names(arm.pattern, v, scope)
                    return self.elaborate(arm.body, scope)

                if test is None:
                    return body()
                return self.cond(test, body, lambda: arms(k + 1), e.span, "the arms of match")

            return arms(0)

    def _check_arm(self, arm: sx.Arm, v: Value, env: Env) -> Sequence[Atom]:
        before, self.choosing = self.choosing, True
        try:
            self.pattern_test(arm.pattern, v, env)
        finally:
            self.choosing = before
        return ()

    def missing(self, rows: list[list[sx.Pattern]], types: list[Type], env: Env) -> list[str] | None:
        """A value (one text for each column) that no row matches; None if there is none."""
        if not types:
            return None if rows else []
        rows = [[q, *r[1:]] for r in rows for q in options_of(r[0])]
        first, rest = types[0], types[1:]

        def among(expand: Callable[[sx.Pattern], list[sx.Pattern] | None], parts: list[Type]) -> list[str] | None:
            chosen = []
            for r in rows:
                new = [sx.PWild(r[0].span)] * len(parts) if is_wild(r[0]) else expand(r[0])
                if new is not None:
                    chosen.append([*new, *r[1:]])
            return self.missing(chosen, [*parts, *rest], env)

        match first:
            case TupleT(items):
                found = among(lambda p: list(p.items) if isinstance(p, sx.PTuple) else None, list(items))
                n = len(items)
                return None if found is None else [f"({', '.join(found[:n])})", *found[n:]]
            case RecordT(decl, _):
                def fields(p: sx.Pattern) -> list[sx.Pattern] | None:
                    if not isinstance(p, sx.PCtor):
                        return None
                    by_name = {name if name is not None else decl.fields[k][0]: q
                               for k, (name, q) in enumerate(p.args or ())}
                    return [by_name.get(name, sx.PWild(p.span)) for name, _ in decl.fields]

                n = len(decl.fields)
                found = among(fields, [t for _, t in first.fields])
                return None if found is None else [f"{decl.name}({', '.join(found[:n])})", *found[n:]]
            case SumT(sum_decl):
                for name, payload in sum_decl.ctors:
                    def args(p: sx.Pattern, name: str = name) -> list[sx.Pattern] | None:
                        if not isinstance(p, sx.PCtor) or p.name != name:
                            return None
                        return [q for _, q in p.args or ()]

                    found = among(args, list(payload))
                    if found is not None:
                        n = len(payload)
                        return [f"{name}({', '.join(found[:n])})" if n else name, *found[n:]]
                return None
            case ScalarT("bool"):
                for value in (True, False):
                    found = among(lambda p, value=value:  # type: ignore[misc]
                                  [] if isinstance(p, sx.PLit) and p.value is value else None, [])
                    if found is not None:
                        return [str(value).lower(), *found]
                return None
        for lit in dict.fromkeys(r[0].value for r in rows if isinstance(r[0], sx.PLit)):
            found = among(lambda p, lit=lit:  # type: ignore[misc]
                          [] if isinstance(p, sx.PLit) and p.value == lit else None, [])
            if found is not None:
                return [str(lit), *found]
        found = among(lambda p: None, [])
        return None if found is None else ["_", *found]


def options_of(p: sx.Pattern) -> list[sx.Pattern]:
    if isinstance(p, sx.POr):
        return [r for q in p.options for r in options_of(q)]
    return [p]


def is_wild(p: sx.Pattern) -> bool:
    return isinstance(p, sx.PName | sx.PWild | sx.PRecord)
