"""Functions: closures and constructors, their application, and their core functions.

A top-level function becomes one core function for each list of argument types (one at all if its
parameters are written without type variables); what takes functions or literals whose width is
open is elaborated in place.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..compiler.build import array_type, bind_sizes
from ..compiler.errors import Label, NameError, SizeError, Span
from ..compiler.ir import Atom, Block, Const, Function, Scalar, Var
from ..compiler.sizes import Poly, poly_of, substituted
from . import syntax as sx
from . import types as ty
from . import values as vs
from .elab_functions import (
    Closure,
    Compiled,
    Typed,
    count,
    erased,
    is_mono,
    structure,
    value_span,
)
from .elab_match import Patterns
from .elab_types import Match, Signature
from .types import FnT, ScalarT, Type
from .values import Env, FnV, Leaf, Native, RecordV, SumV, Value, leaves, rebuild

if TYPE_CHECKING:
    from .elaborate import Elaborator


class Calls(Patterns):
    def __init__(self) -> None:
        super().__init__()
        self.memo: dict[object, Compiled | None] = {}
        self.codes: list[object] = []
        self.templates: set[int] = set()

    # ------------------------------------------------ signatures

    def signature(self, c: Closure) -> Typed:
        """Resolves a function's types.  An i64 parameter's name is a size in the types after it."""
        sig = Signature(c.env, given=not c.code.top)
        types: list[Type | None] = []
        seen: set[str] = set()
        for p in c.code.params:
            if isinstance(p, sx.Param):
                if p.name in seen:
                    raise NameError("DV0202", f"the parameter {p.name} stands twice in {c.name}", p.span)
                seen.add(p.name)
            if not isinstance(p, sx.Param) or p.type is None:
                types.append(None)
                continue
            t = self.resolve(p.type, sig)
            if t == ScalarT("i64") and p.name not in sig.sizes:
                sig.sizes[p.name] = Var(p.name, Scalar("i64"))
            types.append(t)
        sig.open = False
        ret = None if c.code.ret is None else self.resolve(c.code.ret, sig)
        return Typed(tuple(types), ret, sig)

    # ------------------------------------------------ application

    def apply(self, fn: Value, args: Sequence[Value], span: Span, named: Mapping[str, Value] | None = None) -> Value:
        """`fn(args)`; a function of declared scalars lifts over arrays."""
        if not isinstance(fn, FnV):
            self.type_error("DV0304", f"only functions can be called, this is {vs.show_type(fn)}", span)
        declared = fn.declared()
        every: list[Value] = [*args, *(named or {}).values()]
        lifts = (declared and all(isinstance(t, ScalarT) for t in declared)) or _of_lifting_builtin(fn, len(every))
        if lifts and any(vs.axes_of(a) for a in every) and all(isinstance(a, Leaf) for a in every):
            return self.lifted(fn, args, named or {}, span)
        return fn.apply(self, args, named or {}, span)  # type: ignore[arg-type]  # every Calls is an Elaborator

    def lifted(self, fn: FnV, args: Sequence[Value], named: Mapping[str, Value], span: Span) -> Value:
        """The application element by element."""
        xs = [a for a in (*args, *named.values()) if isinstance(a, Leaf)]
        first = next(x for x in xs if x.rank)
        for x in xs:
            if x.rank and x.rank != first.rank:
                self.type_error("DV0311", f"{fn.name} is lifted over arrays of one shape, these are "
                                f"{vs.show_type(first)} and {vs.show_type(x)}", span)
            for s, t in zip(first.shape, x.shape, strict=False):
                self.equate(poly_of(s), poly_of(t), span, f"{fn.name} is lifted over arrays of one shape")

        def cell(idx: Sequence[Atom]) -> Value:
            def at(a: Value) -> Value:
                return self.index_value(a, idx, safe=True) if vs.axes_of(a) else a

            return fn.apply(self, [at(a) for a in args],  # type: ignore[arg-type]
                            {k: at(a) for k, a in named.items()}, span)

        return self.build(first.shape, cell)

    def bind_args(self, c: Closure, args: Sequence[Value], named: Mapping[str, Value], span: Span,
                  called: str | None = None) -> tuple[list[Value], set[int]]:
        """One value for each parameter, and the positions of those that are defaults.

        `called` is what messages call the function.
        """
        params, who = c.code.params, called or c.name
        names = c.params()
        if len(args) > len(params):
            self.type_error("DV0303", f"{who} takes {count(len(params), 'argument')}, these are {len(args)}", span,
                            labels=[Label(c.code.span, f"{c.name} is defined here")])
        bound: list[Value | None] = [*args, *([None] * (len(params) - len(args)))]
        for name, value in named.items():
            if name not in names:
                self.unknown_name(name, span, names, f"{who} has no parameter")
            k = names.index(name)
            if bound[k] is not None:
                self.type_error("DV0303", f"{name} is given twice", span)
            bound[k] = value
        done: list[Value] = []
        defaults: set[int] = set()
        for p, given in zip(params, bound, strict=True):
            v: Value | None = given
            if v is None and isinstance(p, sx.Param) and p.default is not None:
                defaults.add(len(done))
                v = self.elaborate(p.default, c.env)
            if v is None:
                missing = [n for n, b, q in zip(names, bound, params, strict=True)
                           if b is None and not (isinstance(q, sx.Param) and q.default is not None)]
                self.type_error("DV0303", f"{who} also needs {', '.join(missing)}", span,
                                labels=[Label(c.code.span, f"{c.name} is defined here")])
            done.append(v)
        return done, defaults

    def apply_closure(self, c: Closure, args: Sequence[Value], named: Mapping[str, Value], span: Span) -> Value:
        where, self.arg_spans = self.arg_spans, {}
        values, defaults = self.bind_args(c, args, named, span)
        m, values = self.match_args(c, values, span, where, defaults)
        if c.code.top and id(c.code) not in self.templates and not any(
                vs.has_function(v) or isinstance(v, vs.StrV) for v in values):
            if is_mono(c):
                compiled = self.mono(c, span)
                if compiled is not None:
                    return self.call_compiled(compiled, values, m, c, span)
                return self.expand(c, values, m, span)
            if c.code.rule is not None:
                values = [self.settle(v) for v in values]
            if not any(map(self.is_flex, values)):
                instance = self.instance(c, values, span)
                if instance is not None:
                    return self.call_compiled(instance, values, m, c, span)
        elif c.code.rule is not None:
            return self.apply_ruled(c, values, m, span)
        return self.expand(c, values, m, span)

    def match_args(self, c: Closure, values: Sequence[Value], span: Span,
                   where: Mapping[int | str, Span] | None = None,
                   defaults: Collection[int] = ()) -> tuple[Match, list[Value]]:
        """Matches the declared types; gives the values at their kinds.  A default's sizes may be checked at run time."""
        typed, m = c.typed, Match()
        names = c.params()
        for t, v, name in zip(typed.types, values, names, strict=True):
            if t == ScalarT("i64") and isinstance(v, Leaf) and not v.rank and v.kind == "i64":
                m.sizes[typed.sig.sizes[name]] = poly_of(v.atom)
        done: list[Value] = []
        for k, (t, v) in enumerate(zip(typed.types, values, strict=True)):
            if t is not None:
                at = (where or {}).get(k, (where or {}).get(names[k], span))
                before = len(m.equations)
                self.match_type(t, vs.type_of(v), m, f"argument {k + 1} ({names[k]}) of {c.name}", at)
                if k in defaults:
                    m.equations[before:] = [replace(e, checked=True) for e in m.equations[before:]]
        m.equations.sort(key=lambda e: e.checked)  # what is given fixes the sizes
        self.solve(m, typed.bound)
        for t, v in zip(typed.types, values, strict=True):
            if isinstance(t, FnT) and isinstance(v, FnV):
                done.append(self.ascribed(v, t, m))
            else:
                done.append(v if t is None else self.fit(v, t if isinstance(t, ScalarT) else self.bind(t, m)))
        return m, done

    def ascribed(self, fn: FnV, t: FnT, m: Match) -> FnV:
        """A function argument, read at the declared type where it is applied."""
        bound = self.bind(t, m)
        assert isinstance(bound, FnT)
        open_ = any(True for p in bound.params for _ in ty.type_vars(p))

        def call(elab: Elaborator, args: Sequence[Value], named: Mapping[str, Value], span: Span) -> Value:
            if len(args) != len(bound.params):
                self.type_error("DV0303", f"{fn.name} takes {count(len(bound.params), 'argument')}, these are "
                                f"{len(args)}", span)
            mine = Match(dict(m.sizes), dict(m.types))
            for k, (p, a) in enumerate(zip(bound.params, args, strict=True)):
                self.match_type(p, vs.type_of(a), mine, f"argument {k + 1} of {fn.name}", span)
            self.solve(mine, ())
            ready = [self.fit(a, self.bind(p, mine)) for p, a in zip(bound.params, args, strict=True)]
            result = self.apply(fn, ready, span)
            after = Match(dict(m.sizes), dict(mine.types))
            self.match_type(bound.result, vs.type_of(result), after, f"the result of {fn.name}", span)
            self.solve(after, ())
            return self.fit(result, self.bind(bound.result, after))

        return Native(fn.name, call, fn.params() or tuple(f"_{k}" for k in range(len(bound.params))),
                      None if open_ else bound.params, identity=fn.key())

    def expand(self, c: Closure, values: Sequence[Value], m: Match, span: Span) -> Value:
        """The body in place of a call; errors inside the prelude are shown where the program uses it."""
        use = self.use
        if not c.code.span.in_prelude:
            self.use = None
        elif not span.in_prelude:
            self.use = span
        try:
            return self.inline(c, values, m, span)
        finally:
            self.use = use

    def inline(self, c: Closure, values: Sequence[Value], m: Match, span: Span) -> Value:
        """The body in place, in a scope of its parameters, sizes and type variables."""
        key = (id(c.code), tuple(erased(v) for v in values))
        if c.code.top and any(k == key for _, k, _ in self.chain):
            self.not_yet(f"recursion ({c.name} calls itself)", span, "write it as a loop")
        env = Env(c.env)
        env.types = dict(m.types)
        for name, var in c.typed.sig.sizes.items():
            p = m.sizes.get(var)
            if p is not None:
                env.names[name] = Leaf(self.atom(p))
        for p_, v in zip(c.code.params, values, strict=True):
            fresh = replace(v) if isinstance(v, Leaf) else v
            if isinstance(p_, sx.Param):
                env.names[p_.name] = fresh
            else:
                self.bind_pattern(p_, fresh, env)
        with self.instantiating(c.name, key, span, remark=span is not c.code.span):
            result = self.elaborate(c.code.body, env)
            if c.typed.ret is not None:
                result = self.check_result(c, result, m)
        return result

    def check_result(self, c: Closure, result: Value, m: Match) -> Value:
        ret = c.typed.ret
        assert ret is not None
        span = value_span(c.code.body)
        mine = Match(dict(m.sizes), dict(m.types))
        what = f"the result of {c.name}"
        self.match_type(ret, vs.type_of(result), mine, what, span)
        for e in mine.equations:
            p = e.left.substitute(mine.sizes.get)
            if not self.same_poly(p, e.right) and any(v in self.unknown for v in self.norm(e.right).vars()):
                raise SizeError("DV0312", f"{what} has a size that depends on data where {p!r} is declared", span,
                                help=f"write _ for {p!r} in the result, or assert it: let v: … = …")
            self.compare_sizes(p, e, False)
        if isinstance(result, FnV):
            return self.ascribed(result, ret, mine) if isinstance(ret, FnT) else result
        return self.fit(result, self.bind(ret, mine))

    # ------------------------------------------------ core functions

    def mono(self, c: Closure, span: Span) -> Compiled | None:
        """The one core function of a function whose parameters are written without type variables.

        None if it gives a function: then each use is elaborated in place.
        """
        key = (id(c.code), "mono")
        if id(c.code) in self.templates:
            return None
        if key in self.memo:
            return self._known(key, c, span)
        self.codes.append(c.code)
        typed = c.typed
        extra: list[tuple[Var, Poly]] = []
        values: list[Value] = []
        for t, name in zip(typed.types, c.params(), strict=True):
            assert t is not None
            if t == ScalarT("i64"):
                values.append(Leaf(typed.sig.sizes[name]))
            else:
                values.append(self.make_param(t, name, extra))
        for name, v in typed.sig.sizes.items():
            self.rigid[v] = name
        return self.compile(c, key, values, span, extra)

    def instance(self, c: Closure, values: Sequence[Value], span: Span) -> Compiled | None:
        """A generic function at these argument types; None where a size is no plain name."""
        sizes: dict[Var, Var] = {}
        shape: list[object] = []

        def size(a: Atom) -> Atom | None:
            p = self.norm(poly_of(a))
            known = self.plain_atom(p)
            if known is None and c.code.rule is None:
                return None
            if isinstance(known, Const):
                shape.append(known.value)
                return known
            v = known if isinstance(known, Var) else a
            assert isinstance(v, Var)
            if v not in sizes:
                sizes[v] = Var(v.name, Scalar("i64"), nonneg=True)
            shape.append(("size", list(sizes).index(v)))
            return sizes[v]

        atoms: list[Var] = []
        for v in values:
            shape.append(structure(v))
            for x in leaves(v):
                axes = [size(a) for a in x.shape]
                if any(a is None for a in axes):
                    return None
                atoms.append(Var("x", array_type(x.kind, [a for a in axes if a is not None])))
        for k, x in enumerate(x for v in values for x in leaves(v)):
            if x.atom.type == Scalar("i64"):
                known = self.plain_atom(self.norm(poly_of(x.atom)))
                if isinstance(known, Var) and known in sizes and sizes[known] not in atoms:
                    atoms[k] = sizes[known]
                    shape.append((k, list(sizes).index(known)))
        key = (id(c.code), id(c.env), tuple(shape))
        if key in self.memo:
            return self._known(key, c, span)
        self.codes += [c.code, c.env]
        it = iter(atoms)
        params: list[Value] = []
        for v, name in zip(values, c.params(), strict=True):
            mine = [next(it) for _ in leaves(v)]
            for a in mine:
                a.name = name if a.name == "x" else a.name
            params.append(rebuild(v, mine, flex=False))
        return self.compile(c, key, params, span, [])

    def _known(self, key: object, c: Closure, span: Span) -> Compiled:
        found = self.memo[key]
        if found is None:
            self.not_yet(f"recursion ({c.name} calls itself)", span, "write it as a loop")
        return found

    def compile(self, c: Closure, key: tuple[object, ...], values: Sequence[Value], span: Span,
                extra: list[tuple[Var, Poly]]) -> Compiled | None:
        self.memo[key] = None
        name = self.fresh_function_name(c.name)
        self.functions[name] = Function(name, (), Block((), ()))
        chain, use = self.chain, self.use
        self.use = None
        if key[1] == "mono":
            self.chain = []
        try:
            with self.own_function(), self.at(c.code.span):
                self.compound_sizes(values, extra)
                m, ready = self.match_args(c, values, c.code.span, {k: p.span for k, p in enumerate(c.code.params)})
                result = self.inline(c, ready, m, span if key[1] != "mono" else c.code.span)
                if vs.has_function(result):
                    self.templates.add(id(c.code))
                    del self.memo[key]
                    del self.functions[name]
                    return None
                done = self.finish(name, values, result, c.code.span, extra)
        except Exception:
            self.memo.pop(key, None)
            self.functions.pop(name, None)
            raise
        finally:
            self.chain, self.use = chain, use
        self.memo[key] = done
        self.functions[name] = done.function
        if c.code.rule is not None:
            self.add_rule(c, done)
        return done

    def compound_sizes(self, values: Sequence[Value], extra: Sequence[tuple[Var, Poly]]) -> None:
        """Axes such as `n + 1`: the caller has checked them; here they are what they say."""
        bound = {a for v in values for x in leaves(v) for a in (x.atom, *x.shape)}
        for s, p in extra:
            if all(v in bound for v in p.vars()):
                s.poly = p

    def finish(self, name: str, params: Sequence[Value], result: Value, span: Span,
               extra: Sequence[tuple[Var, Poly]] = ()) -> Compiled:
        """Ends the core function at hand: sizes that callers can't know become results."""
        if vs.has_function(result):
            self.type_error("DV0317", f"{name} gives a function: a function may not leave the program", span)
        result = self.settle(result)
        given = {a for v in params for x in leaves(v) for a in (x.atom, *x.shape)}
        hidden: dict[Atom, None] = {}
        for x in leaves(result):
            for s in x.shape:
                if not all(v in given for v in poly_of(s).vars()):
                    hidden[s] = None
        body = self.b.finish((*hidden, *(x.atom for x in leaves(result))))
        vars = tuple(x.atom for v in params for x in leaves(v))
        f = Function(name, tuple(v for v in vars if isinstance(v, Var)), body, None, span)
        return Compiled(f, tuple(params), result, len(hidden), tuple(extra))

    def call_compiled(self, f: Compiled, values: Sequence[Value], m: Match, c: Closure, span: Span) -> Value:
        atoms = [x.atom for v in values for x in leaves(v)]
        result = self.call_function(f, atoms)
        if c.typed.ret is not None:
            after = Match(dict(m.sizes), dict(m.types))
            self.match_type(c.typed.ret, vs.type_of(result), after, c.name, span)
            for e in after.equations:
                p = e.left.substitute(after.sizes.get)
                if all(v in m.sizes or not any(v is u for u in c.typed.sig.sizes.values()) for v in e.left.vars()) \
                        and not self.same_poly(p, e.right):
                    self.learn(p, e.right)
        return result

    def call_function(self, f: Compiled, atoms: Sequence[Atom]) -> Value:
        """Emits the call; the result's sizes in terms of the arguments'."""
        env = bind_sizes(f.function, atoms)
        vars = self.b.call(f.function, atoms)
        for v in vars[:f.hidden]:
            v.nonneg = True
            self.unknown.add(v)
        for v, r in zip(vars, f.function.body.results, strict=True):
            if v.type == Scalar("i64"):
                p = poly_of(r)
                if all(u in env for u in p.vars()):
                    v.poly = substituted(p, lambda u: poly_of(env[u]) if env[u].type == Scalar("i64") else None)
        return rebuild(f.result, vars[f.hidden:])

    def add_rule(self, c: Closure, f: Compiled) -> None:
        raise NotImplementedError

    def apply_ruled(self, c: Closure, values: Sequence[Value], m: Match, span: Span) -> Value:
        raise NotImplementedError

    # ------------------------------------------------ constructors

    def make_record(self, decl: ty.RecordDecl, args: Sequence[Value], named: Mapping[str, Value], span: Span) -> Value:
        names = tuple(n for n, _ in decl.fields)
        given: dict[str, Value] = dict(zip(names, args, strict=False))
        if len(args) > len(names):
            self.type_error("DV0303", f"{decl.name} has {count(len(names), 'field')}, these are {len(args)}", span)
        for n, v in named.items():
            if n not in names:
                self.unknown_name(n, span, names, f"{decl.name} has no field")
            if n in given:
                self.type_error("DV0303", f"the field {n} is given twice", span)
            given[n] = v
        missing = [n for n in names if n not in given]
        if missing:
            self.type_error("DV0303", f"{decl.name} also needs {', '.join(missing)}", span)
        m = Match()
        for n, t in decl.fields:
            if isinstance(given[n], FnV):
                self.type_error("DV0317", "a function may not be a field", span)
            self.match_type(t, vs.type_of(given[n]), m, f"the field {n} of {decl.name}", span)
        self.solve(m, decl.size_vars)
        return RecordV(decl, names, tuple(self.fit(given[n], self.bind(t, m)) for n, t in decl.fields))

    def make_sum(self, decl: ty.SumDecl, index: int, args: Sequence[Value], span: Span) -> Value:
        name, payload = decl.ctors[index]
        if len(args) != len(payload):
            self.type_error("DV0303", f"{name} takes {count(len(payload), 'value')}, these are {len(args)}", span)
        payloads: list[tuple[Value, ...]] = []
        for k, (_, types) in enumerate(decl.ctors):
            if k != index:
                payloads.append(tuple(self.empty_of(t) for t in types))
                continue
            m = Match()
            for n, (t, v) in enumerate(zip(types, args, strict=True)):
                if isinstance(v, FnV):
                    self.type_error("DV0317", "a function may not be a payload", span)
                self.match_type(t, vs.type_of(v), m, f"value {n + 1} of {name}", span)
            self.solve(m, ())
            payloads.append(tuple(self.fit(v, self.bind(t, m)) for t, v in zip(types, args, strict=True)))
        return SumV(decl, vs.leaf(index, "i64"), tuple(payloads))

    def empty_of(self, t: Type) -> Value:
        """Zeros of a type, with size 0 wherever the type leaves it open."""
        v = self.make_param(ty.map_sizes(t, lambda p: p if p is not None and p.constant is not None else
                                         poly_of(Const(0, "i64"))), "none", [])
        zero: dict[Var, Atom] = {}
        return rebuild(v, [self.b.zeros(array_type(x.kind, [a if isinstance(a, Const) else zero.get(a, Const(0, "i64"))
                                                            for a in x.shape])) for x in leaves(v)])


def _of_lifting_builtin(fn: FnV, n: int) -> bool:
    """Is it a derivative of a builtin that goes element by element?  (The builtin does that itself.)"""
    base = fn
    while isinstance(base, vs.Native) and isinstance(base.origin, FnV):
        base = base.origin
    return base is not fn and isinstance(base, vs.Builtin) and 0 < base.lifts <= n
