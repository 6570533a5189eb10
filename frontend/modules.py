"""Modules: declarations of a file, their scopes, imports, checks, and entries made ready to run.

    module = load_module(Source("model.dv", text), resolver)
    module.check()                           # every declaration; raises one bundle of errors
    instance = module.instantiate("loss")    # a core program whose entry is `loss`

`resolver(name)` gives the source of an imported module, or None.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from ..compiler.errors import Error, InternalError, NameError, Source, Span, TypeError, bundle
from ..compiler.ir import Block, Call, Function, Jvp, Program, Scalar, Var, Vjp, all_stmts, count_stmts
from ..compiler.sizes import Poly, of_factor
from . import syntax as sx
from . import types as ty
from . import values as vs
from .declarations import Declarations, Resolver
from .depth import deep
from .elab_base import did_you_mean
from .elab_functions import Closure, Code, Compiled, is_mono
from .elab_types import Match
from .elaborate import Elaborator
from .instance import Instance, Param
from .names import check_names, pattern_names
from .parser import parse
from .transforms import TRANSFORMS
from .types import ScalarT, Type
from .values import Env, FnV, Leaf, Native, Value, leaves

__all__ = ["Instance", "Module", "Param", "Resolver", "load_module"]

MAX_BINDINGS = 20_000


@dataclass(frozen=True)
class Given:
    """The type of a value from outside; `flex` says which of its leaves are made of literals only."""

    type: Type
    flex: tuple[bool, ...]


_EMPTY = Block((), ())


class Module(Declarations):
    """A file whose declarations can be checked and made ready to run."""

    # ------------------------------------------------ checking

    @deep
    def check(self) -> None:
        """Every declaration, also unused ones: generic ones for names only."""
        errors = list(self.errors)
        for d in self.program.decls:
            try:
                self.check_decl(d)
            except Error as e:
                errors += e.errors
        unique: dict[object, Error] = {}
        for one in errors:
            at = (one.span.source, one.span.line, one.span.col) if one.span is not None else None
            unique.setdefault((one.code, one.message, at), one)
        if unique:
            raise bundle(list(unique.values()))

    def check_decl(self, d: sx.Decl) -> None:
        """One declaration of the module."""
        match d:
            case sx.Def(span, name) | sx.TopLet(span, sx.LetFn(_, name)):
                v = self.value(name)
                if isinstance(v, Closure) and v.code.span is span:
                    check_names(v.code.params, v.code.body, self.env)
                    self._check_defaults(v)
                    if is_mono(v):
                        self.elab.mono(v, span)
            case sx.TopLet(_, sx.Let(_, pattern)):
                for name in list(pattern_names(pattern))[:1]:
                    with self.elab.own_function():
                        self.value(name)
            case sx.TypeDecl(_, name):
                self.type_of_name(name)
            case sx.Import() | sx.FromImport():
                module = self.import_module(d.module, d.span)
                if isinstance(d, sx.FromImport):
                    for name in d.names:
                        self._imported(name, d)
                if isinstance(module, Module):
                    module.check()
            case sx.TestDecl():
                self.test_instance(d)
            case sx.DerivativeDecl(span, fn):
                if fn not in self.decls:
                    self.elab.unknown_name(fn, span, self.decls, "this file defines no function")

    def _check_defaults(self, f: Closure) -> None:
        """Defaults have the types of their parameters; a text stands for a file of any type."""
        for p, t in zip(f.code.params, f.typed.types, strict=True):
            if t is not None and isinstance(p, sx.Param) and p.default is not None and not isinstance(p.default, sx.Str):
                with self.elab.own_function():
                    given = vs.type_of(self.elab.elaborate(p.default, f.env))
                    m = Match()
                    self.elab.match_type(t, given, m, f"the default of {p.name}", p.default.span)
                    m.equations = [e for e in m.equations if (e.left - e.right).constant is not None]
                    self.elab.solve(m, ())  # what other arguments decide is checked at the call

    def stated_derivatives(self) -> list[Program]:
        """The functions of the program with a stated derivative that have been typed, each as an entry."""
        return [self._program(f.name) for f in list(self.elab.functions.values())
                if f.derivative is not None and not (f.span is not None and f.span.in_prelude)]

    # ------------------------------------------------ entries

    def closure(self, name: str) -> FnV:
        v = self.value(name) if name in self.decls or name in self.imports else None
        if v is None:
            raise_unknown(name, self.decls)
        if not isinstance(v, FnV):
            raise TypeError("DV0304", f"{name} is no function", self.decls[name].span)
        return v

    @deep
    def params(self, name: str) -> tuple[Param, ...]:
        """The parameters of a function: name, declared type or None, default."""
        fn = self.closure(name)
        if not isinstance(fn, Closure):
            return tuple(Param(n, None, None) for n in fn.params() or ())
        return tuple(Param(n, t, p.default if isinstance(p, sx.Param) else None)
                     for n, t, p in zip(fn.params(), fn.typed.types, fn.code.params, strict=True))

    def doc(self, name: str) -> str | None:
        fn = self.closure(name)
        return fn.code.doc if isinstance(fn, Closure) else None

    @deep
    def signature(self, name: str) -> str:
        """`f(x: f64[n], rate: f64) -> f64`, as written."""
        fn = self.closure(name)
        parts = [p.name if p.type is None else f"{p.name}: {ty.show(p.type)}" for p in self.params(name)]
        ret = fn.typed.ret if isinstance(fn, Closure) else None
        if ret is None and isinstance(fn, Closure) and is_mono(fn):
            done = self.elab.mono(fn, fn.code.span)
            ret = vs.type_of(done.result) if done is not None else None
        return f"{name}({', '.join(parts)})" + (f" -> {ty.show(ret)}" if ret is not None else "")

    @deep
    def instantiate(self, name: str, arg_types: Sequence[Type | None] | None = None) -> Instance:
        """The function as an entry; `arg_types` for parameters whose types are not written."""
        return self.instantiate_fn(self.closure(name), arg_types)

    @deep
    def instantiate_expr(self, e: sx.Expr, arg_types: Sequence[Type | None] | None = None) -> Instance:
        """An expression that gives a function, such as `grad(f, wrt = x)`; or data, as a function of nothing."""
        with self.elab.own_function():
            v = self.elab.elaborate(e, self.env)
        if isinstance(v, FnV):
            return self.instantiate_fn(v, arg_types)
        code = Code("value", (), None, e, e.span, True)
        return self.instantiate_fn(Closure(self.elab, code, self.env), ())

    def instantiate_fn(self, fn: FnV, arg_types: Sequence[Type | None] | None = None) -> Instance:
        base = fn
        while isinstance(base, Native) and isinstance(base.origin, FnV):
            base = base.origin
        code = base.code if isinstance(base, Closure) else None
        names = fn.params()
        if names is None:
            names = tuple(f"x{k}" for k in range(len(arg_types or ())))
        span = code.span if code is not None else Span(None, 1, 1, 1, 1)
        if fn is base and isinstance(fn, Closure) and arg_types is None and is_mono(fn) and fn.code.top:
            found = self.elab.mono(fn, span)
            if found is None:
                raise TypeError("DV0317", f"{fn.name} gives a function: a function may not leave the program", span)
            done = found
        else:
            done = self._wrapper(fn, base, names, arg_types, span)
        defaults: dict[str, sx.Expr | None] = {}
        if code is not None:
            defaults = {p.name: p.default for p in code.params if isinstance(p, sx.Param)}
        params = tuple(Param(n, vs.type_of(v), defaults.get(n)) for n, v in zip(names, done.params, strict=True))
        return Instance(self._program(done.function.name), done.function.name, params, vs.type_of(done.result),
                        done.hidden, done.equations)

    def _wrapper(self, fn: FnV, base: FnV, names: Sequence[str], arg_types: Sequence[Type | None] | None,
                 span: Span) -> Compiled:
        """A core function that applies `fn` to parameters of these types."""
        extra: list[tuple[Var, Poly]] = []
        values = self._arguments(fn, base, names, arg_types, span, extra)
        name = self.elab.fresh_function_name("".join(c if c.isalnum() or c == "_" else "_" for c in fn.name).strip("_")
                                             or "entry")
        self.elab.functions[name] = Function(name, (), _EMPTY)
        try:
            self.elab.outside = span
            with self.elab.own_function(), self.elab.at(span):
                self.elab.compound_sizes(values, extra)
                done = self.elab.finish(name, values, self.elab.apply(fn, values, span), span, extra)
        except Exception:
            del self.elab.functions[name]
            raise
        self.elab.functions[name] = done.function
        return done

    def _arguments(self, fn: FnV, base: FnV, names: Sequence[str], arg_types: Sequence[Type | None] | None,
                   span: Span, extra: list[tuple[Var, Poly]]) -> list[Value]:
        """Fresh parameters for a function: of its declared types, else of those given."""
        sizes: dict[Var, Var] = {}

        def fresh(p: Poly | None) -> Poly | None:
            if p is None:
                return None
            for v in p.vars():
                if v not in sizes:
                    sizes[v] = Var(v.name, Scalar("i64"), nonneg=v.nonneg)
                    self.elab.rigid[sizes[v]] = v.name
            return p.substitute(lambda v: of_factor(sizes[v]))

        declared = fn.declared() or (None,) * len(names)
        given = tuple(arg_types or ())
        values: list[Value] = []
        for k, n in enumerate(names):
            t = declared[k] if k < len(declared) else None
            if t is None or any(True for _ in ty.type_vars(t)) or ty.has_function(t):
                t = given[k] if k < len(given) and given[k] is not None else t
            if t is None or ty.has_function(t) or any(True for _ in ty.type_vars(t)):
                raise TypeError("DV0319", f"{fn.name}: the type of {n} is not known", span,
                                help=f"write it: {n}: f64, or call it with a value")
            size = base.typed.sig.sizes.get(n) if isinstance(base, Closure) and base.typed.sig.sizes else None
            if t == ScalarT("i64") and size is not None:
                fresh(of_factor(size))
                values.append(Leaf(sizes[size]))
            else:
                values.append(self.elab.make_param(ty.map_sizes(t, fresh), n, extra))
        return values

    # ------------------------------------------------ values from outside

    @deep
    def instantiate_given(self, make: Callable[[], Value], given: Mapping[str, Given], span: Span,
                          arg_types: Sequence[Type | None] | None = None) -> Instance | Value:
        """What `make` elaborates, as an entry whose first parameters are the names in `given`.

        The entry's further parameters are those of the function that `make` gives, if there are
        `arg_types`.  A function without them, or a text, is no data: it is given back.
        """
        extra: list[tuple[Var, Poly]] = []
        outer = {n: self._outer(n, g, extra) for n, g in given.items()}
        name = self.elab.fresh_function_name("entry")
        self.elab.functions[name] = Function(name, (), _EMPTY)
        self._values.update(outer)
        try:
            with self.elab.own_function(), self.elab.at(span):
                self.elab.compound_sizes(list(outer.values()), extra)
                v, values = make(), list(outer.values())
                if isinstance(v, FnV) and arg_types is not None:
                    names = v.params() or tuple(f"x{k}" for k in range(len(arg_types)))
                    base = v
                    while isinstance(base, Native) and isinstance(base.origin, FnV):
                        base = base.origin
                    mine = self._arguments(v, base, names, arg_types, span, extra)
                    self.elab.compound_sizes(mine, extra)
                    v, values = self.elab.apply(v, mine, span), values + mine
                if vs.has_function(v) or isinstance(v, vs.StrV):
                    return v
                flex = tuple(x.flex for x in leaves(v))
                done = self.elab.finish(name, values, v, span, extra)
            self.elab.functions[name] = done.function
            return Instance(self._program(name), name, (), vs.type_of(done.result), done.hidden, done.equations, flex)
        finally:
            del self.elab.functions[name]
            for n in outer:
                del self._values[n]

    def _outer(self, name: str, given: Given, extra: list[tuple[Var, Poly]]) -> Value:
        it = iter(given.flex)
        return vs.map_leaves(self.elab.make_param(given.type, name, extra), lambda x: Leaf(x.atom, next(it)))

    def let_values(self, let: sx.Let) -> Value:
        """What a `let` binds: one value, or the tuple of its names' values."""
        v = self.elab.let_value(let.value, let.type, self.env)
        scope = Env(self.env)
        self.elab.bind_pattern(let.pattern, v, scope)
        values = tuple(scope.names[n] for n in pattern_names(let.pattern))
        return values[0] if len(values) == 1 else vs.TupleV(values)

    @deep
    def test_instance(self, d: sx.TestDecl) -> Instance:
        """A `test` as a function without parameters."""
        if d in self._tests:
            return self._tests[d]
        code = Code("test", (), None, d.body, d.span, True)
        done = self._wrapper(Closure(self.elab, code, self.env), Closure(self.elab, code, self.env), (), None, d.span)
        if vs.type_of(done.result) != ScalarT("bool"):
            raise TypeError("DV0301", f"a test gives a bool, this one {vs.show_type(done.result)}", d.span)
        self._tests[d] = Instance(self._program(done.function.name), done.function.name, (), ScalarT("bool"), 0, ())
        return self._tests[d]

    def _program(self, entry: str) -> Program:
        """The entry with everything that it reaches."""
        functions = self.elab.functions
        reached: dict[str, Function] = {}
        todo = [entry]
        while todo:
            name = todo.pop()
            if name in reached:
                continue
            f = functions.get(name)
            if f is None:
                raise InternalError("DV0999", f"the function {name} is missing")
            reached[name] = f
            todo += [s.op.fn for s in all_stmts(f.body) if isinstance(s.op, Call | Jvp | Vjp)]
            if f.derivative is not None:
                todo.append(f.derivative)
        size = sum(count_stmts(f.body) for f in reached.values())
        if size > MAX_BINDINGS:
            raise TypeError("DV0321", f"{entry} has {size} bindings after specialisation, {MAX_BINDINGS} are allowed",
                            reached[entry].span, help="functions that take functions are copied for each use")
        return Program(reached, (entry,))


def raise_unknown(name: str, known: Iterable[str]) -> NoReturn:
    raise NameError("DV0201", f"there is no function {name}", None, help=did_you_mean(name, known))


class _Prelude:
    """The builtins and the prelude as a scope; prelude functions see each other and the builtins only."""

    def __init__(self, elab: Elaborator) -> None:
        from .builtins import BUILTINS, prelude_names

        self.builtins = {**BUILTINS, **TRANSFORMS}
        self.names = set(prelude_names())
        self.module = Module(sx.Program(Span(None, 1, 1, 1, 1), ()), "prelude", elab, None, {}, self.builtin,
                             lambda: (*self.builtins, *self.names))

    def builtin(self, name: str) -> Value | None:
        found = self.builtins.get(name)
        return found if found is not None else self.function(name)

    def function(self, name: str) -> Value | None:
        if name not in self.names:
            return None
        from .builtins import declarations

        if name not in self.module.decls:
            for d in declarations(name):
                self.module._declare(d)
        return self.module.value(name)


@deep
def load_module(source: Source, resolver: Resolver | None = None, *, prelude: bool = True,
                program: sx.Program | None = None, whole: bool = True) -> Module:
    """A module from text, or from syntax that is already there; `whole` if no names come from elsewhere."""
    elab = Elaborator()
    if prelude:
        base = _Prelude(elab)
        elab._prelude = base.function
        get, names = base.builtin, base.module.base_names
    else:
        get, names = TRANSFORMS.get, TRANSFORMS.keys  # type: ignore[assignment]
    module = Module(program if program is not None else parse(source), source.name, elab, resolver, {}, get, names)
    missing: list[Error] = []
    for i in dict.fromkeys(module.imports.values()):
        try:
            module.import_module(i.module, i.span)
        except Error as e:
            missing += e.errors
    if missing:
        module.errors[:0] = missing
        if whole:
            module.check()  # raises what is wrong besides, too; what uses the modules raises the same again
        raise bundle(missing)
    return module
