"""Modules: declarations of a file, their scopes, imports, checks, and entries made ready to run.

    module = load_module(Source("model.dv", text), resolver)
    module.check()                           # every declaration; raises one bundle of errors
    instance = module.instantiate("loss")    # a core program whose entry is `loss`

`resolver(name)` gives the source of an imported module, or None.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NoReturn

from ..compiler.errors import Error, InternalError, Label, NameError, SizeError, Source, Span, TypeError, bundle
from ..compiler.ir import Block, Call, Function, Jvp, Program, Scalar, Var, Vjp, all_stmts
from ..compiler.sizes import Poly, of_factor
from . import syntax as sx
from . import types as ty
from . import values as vs
from .elab_base import did_you_mean
from .elab_calls import Closure, Code, Compiled, is_mono
from .elab_match import RecordCtor, SumCtor
from .elab_types import Signature, TypeEnv
from .elaborate import Elaborator
from .names import check_names, pattern_names
from .parser import parse
from .transforms import TRANSFORMS
from .types import ScalarT, Type
from .values import Env, FnV, Leaf, Native, Value, leaves

Resolver = Callable[[str], "Source | None"]
_EMPTY = Block((), ())


@dataclass(frozen=True, eq=False)
class Param:
    name: str
    type: Type | None
    default: sx.Expr | None


@dataclass(frozen=True, eq=False)
class Instance:
    """An entry of a core program.

    The entry takes the leaves of the parameters in order (`types.leaves`); its first `hidden` results
    are sizes that depend on data, then come the leaves of the result.
    """

    program: Program
    entry: str
    params: tuple[Param, ...]
    result: Type
    hidden: int
    equations: tuple[tuple[Var, Poly], ...]

    @property
    def function(self) -> Function:
        return self.program.functions[self.entry]

    def check_sizes(self, values: Sequence[object]) -> None:
        """Do the sizes of the arguments (anything with `.shape`, or integers) satisfy the signature?"""
        found: dict[Var, tuple[int, str]] = {}
        f = self.function
        for p, v in zip(f.params, values, strict=True):
            if p.type == Scalar("i64"):
                found[p] = (int(v), f"the argument {p.name}")  # type: ignore[call-overload]
        for p, v in zip(f.params, values, strict=True):
            for axis, size in enumerate(p.type.shape):
                have = int(v.shape[axis])  # type: ignore[attr-defined]
                where = f"axis {axis} of {p.name}"
                if isinstance(size, Var):
                    known = found.setdefault(size, (have, where))
                    if known[0] != have:
                        raise SizeError("DV0502", f"{where} has size {have}, but {size.name} is {known[0]} by {known[1]}",
                                        f.span)
                elif int(size.value) != have:
                    raise SizeError("DV0502", f"{where} has size {have} where {size.value} is declared", f.span)
        for s, q in self.equations:
            if all(u in found for u in q.vars()):
                want = _evaluate(q, {u: n for u, (n, _) in found.items()})
                got, at = found[s]
                if want != got:
                    raise SizeError("DV0502", f"{at} has size {got}, but {q!r} is {want}", f.span)


def _evaluate(p: Poly, at: dict[Var, int]) -> int:
    total = 0
    for m, c in p.terms.items():
        for f in m:
            if isinstance(f, Var):
                c *= at[f]
            else:
                a, b = _evaluate(f.left, at), _evaluate(f.right, at)
                c *= (a // b if f.op == "floordiv" else a % b) if b else 0
        total += c
    return total


class ModuleV(vs.Scope):
    """`import stats`: a name whose fields are a module's names."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.name = module.name

    def member(self, elab: Elaborator, name: str, span: Span) -> Value:
        v = self.module.value(name) if name in self.module.decls else None
        if v is None:
            elab.unknown_name(name, span, self.module.decls, f"{self.name} has no")
        return v


class ModuleEnv(TypeEnv):
    """A module's names, then the builtins, then the prelude; values are made on demand."""

    def __init__(self, module: Module) -> None:
        super().__init__()
        self.module = module

    def resolve(self, name: str) -> Value | None:
        return self.module.value(name)

    def type_decl(self, name: str) -> Type | ty.RecordDecl | None:
        return self.module.type_of_name(name)

    def type_names(self) -> Iterable[str]:
        return self.module.types.keys()

    def own_names(self) -> Iterator[str]:
        yield from self.module.scope_names()


class Module:
    """See `load_module`."""

    def __init__(self, program: sx.Program, name: str, elab: Elaborator, resolver: Resolver | None,
                 loaded: dict[str, Module | None], base: Callable[[str], Value | None],
                 base_names: Callable[[], Iterable[str]]) -> None:
        self.name = name
        self.elab = elab
        self.program = program
        self.resolver = resolver
        self.loaded = loaded
        self.base = base
        self.base_names = base_names
        self.env = ModuleEnv(self)
        self.decls: dict[str, sx.Decl] = {}
        self.types: dict[str, sx.TypeDecl] = {}
        self.imports: dict[str, sx.FromImport | sx.Import] = {}
        self.rules: dict[str, sx.DerivativeDecl] = {}
        self.tests: list[sx.TestDecl] = []
        self.errors: list[Error] = []
        self._values: dict[str, Value] = {}
        self._types: dict[str, Type | ty.RecordDecl] = {}
        self._opening: set[str] = set()
        self._lets: dict[int, tuple[str, object]] = {}
        self._instances: dict[str, Instance] = {}
        for d in program.decls:
            self._declare(d)

    # ------------------------------------------------ declarations

    def _declare(self, d: sx.Decl) -> None:
        match d:
            case sx.Def(span, name):
                self._add(name, d, span)
            case sx.TopLet(span, sx.LetFn(_, name)):
                self._add(name, d, span)
            case sx.TopLet(span, sx.Let(_, pattern)):
                for name in pattern_names(pattern):
                    self._add(name, d, span)
            case sx.TypeDecl(span, name, _, body):
                if name in self.types:
                    self._twice(name, span, self.types[name].span)
                self.types[name] = d
                if isinstance(body, sx.SumBody):
                    for ctor, _ in body.ctors:
                        self._add(ctor, d, span)
                elif isinstance(body, sx.RecordBody):
                    self._add(name, d, span)
            case sx.Import(_, module, alias):
                self.imports[alias or module] = d
            case sx.FromImport(_, _, names):
                for name in names:
                    self.imports[name] = d
            case sx.TestDecl():
                self.tests.append(d)
            case sx.DerivativeDecl(span, fn):
                if fn in self.rules:
                    self._twice(f"the derivative of {fn}", span, self.rules[fn].span)
                self.rules[fn] = d
            case sx.Language(span, version):
                if version != "1":
                    self.errors.append(TypeError("DV0207", f"this is language 1, the file wants {version}", span))
            case sx.RuleDecl(span) | sx.StrategyDecl(span) | sx.AdjointDecl(span) | sx.ImplicitDecl(span):
                self._refuse(type(d).__name__.removesuffix("Decl").lower(), span)

    def _refuse(self, what: str, span: Span) -> None:
        try:
            self.elab.not_yet(f"{what} declarations in a program", span)
        except Error as e:
            self.errors.append(e)

    def _add(self, name: str, d: sx.Decl, span: Span) -> None:
        if name in self.decls:
            self._twice(name, span, self.decls[name].span)
            return
        self.decls[name] = d

    def _twice(self, name: str, span: Span, before: Span) -> None:
        self.errors.append(NameError("DV0202", f"{name} is defined twice", span,
                                     labels=[Label(before, "the first definition")]))

    # ------------------------------------------------ names and types

    def names(self) -> list[str]:
        """What the module defines, without types."""
        return list(self.decls)

    def scope_names(self) -> Iterator[str]:
        yield from self.decls
        yield from self.imports
        yield from self.base_names()

    def value(self, name: str) -> Value | None:
        """The value of a name at module level."""
        if name in self._values:
            return self._values[name]
        d = self.decls.get(name)
        if d is not None:
            return self._declared(name, d)
        i = self.imports.get(name)
        if i is not None:
            return self._imported(name, i)
        return self.base(name)

    def _declared(self, name: str, d: sx.Decl) -> Value | None:
        match d:
            case sx.Def(span, _, params, ret, body, doc):
                code = Code(name, params, ret, body, span, True, self.rules.get(name), doc)
                self._values[name] = Closure(self.elab, code, self.env)
            case sx.TopLet(span, sx.LetFn(_, _, params, ret, body, _), doc):
                code = Code(name, params, ret, body, span, True, self.rules.get(name), doc)
                self._values[name] = Closure(self.elab, code, self.env)
            case sx.TopLet(span, sx.Let() as let):
                return self._top_let(name, let, span)
            case sx.TypeDecl(_, type_name, _, body):
                found = self.type_of_name(type_name)
                if isinstance(found, ty.RecordDecl):
                    self._values[name] = RecordCtor(found)
                elif isinstance(found, ty.SumT):
                    k = [n for n, _ in found.decl.ctors].index(name)
                    if found.decl.ctors[k][1]:
                        self._values[name] = SumCtor(found.decl, k)
                    else:
                        return self.elab.make_sum(found.decl, k, (), d.span)
        return self._values[name]

    def _top_let(self, name: str, let: sx.Let, span: Span) -> Value:
        """A constant stays one; what needs code is a core function without parameters."""
        if id(let) in self._lets:
            return self._let_value(name, let)
        key = str(id(let))
        if key in self._opening:
            raise NameError("DV0206", f"{name} depends on itself", span)
        self._opening.add(key)
        try:
            with self.elab.own_function() as b:
                v = self.elab.let_value(let.value, let.type, self.env)
                if vs.has_function(v) or self.elab.is_flex(v) or not any(True for _ in leaves(v)) or not b.stack[-1]:
                    self._lets[id(let)] = ("inline", None)
                else:
                    f = self.elab.fresh_function_name(name)
                    done = self.elab.finish(f, (), v, span)
                    self.elab.functions[f] = done.function
                    self._lets[id(let)] = ("call", done)
        finally:
            self._opening.discard(key)
        return self._let_value(name, let)

    def _let_value(self, name: str, let: sx.Let) -> Value:
        how, done = self._lets[id(let)]
        if how == "inline":
            v = self.elab.let_value(let.value, let.type, self.env)
        else:
            assert isinstance(done, Compiled)
            v = self.elab.call_function(done, [])
        scope = Env(self.env)
        self.elab.bind_pattern(let.pattern, v, scope)
        return scope.names[name]

    def type_of_name(self, name: str) -> Type | ty.RecordDecl | None:
        if name in self._types:
            return self._types[name]
        d = self.types.get(name)
        if d is None:
            i = self.imports.get(name)
            if isinstance(i, sx.FromImport):
                return self.import_module(i.module, i.span).type_of_name(name)
            return None
        if name in self._opening:
            self.elab.not_yet(f"recursive types ({name} contains itself)", d.span)
        self._opening.add(name)
        try:
            self._types[name] = self._resolve_type(d)
        finally:
            self._opening.discard(name)
        return self._types[name]

    def _resolve_type(self, d: sx.TypeDecl) -> Type | ty.RecordDecl:
        match d.body:
            case sx.RecordBody(fields):
                sig = Signature(self.env, given=False)
                for s in d.sizes or ():
                    sig.sizes[s] = Var(s, Scalar("i64"), nonneg=True)
                sig.open = d.sizes is None
                types: list[tuple[str, Type]] = []
                for n, t in fields:
                    if any(n == m for m, _ in types):
                        raise NameError("DV0202", f"the field {n} stands twice in {d.name}", d.span)
                    found = self.elab.resolve(t, sig)
                    if ty.has_function(found):
                        raise TypeError("DV0317", f"a function may not be a field ({n})", d.span)
                    types.append((n, found))
                return ty.RecordDecl(d.name, tuple(sig.sizes), tuple(sig.sizes.values()), tuple(types), d.span, d.doc)
            case sx.SumBody(ctors):
                decl = ty.SumDecl(d.name, (), d.span, d.doc)
                found_: list[tuple[str, tuple[Type, ...]]] = []
                for c, payload in ctors:
                    sig = Signature(self.env, given=False)
                    found_.append((c, tuple(ty.map_sizes(
                        self.elab.resolve(t, sig), lambda p: p if p is not None and p.constant is not None else None)
                        for t in payload)))
                decl.ctors = tuple(found_)
                return ty.SumT(decl)
        body = d.body
        assert not isinstance(body, sx.RecordBody | sx.SumBody)
        sig = Signature(self.env, given=False)
        for s in d.sizes or ():
            sig.sizes[s] = Var(s, Scalar("i64"), nonneg=True)
        return self.elab.resolve(body, sig)

    # ------------------------------------------------ imports

    def import_module(self, name: str, span: Span) -> Module:
        if name in self.loaded:
            found = self.loaded[name]
            if found is None:
                raise NameError("DV0205", f"the module {name} imports itself, over others perhaps", span)
            return found
        source = self.resolver(name) if self.resolver is not None else None
        if source is None:
            raise NameError("DV0204", f"there is no module {name}", span,
                            help="modules are looked for beside the file, then along DERIVANT_PATH")
        self.loaded[name] = None
        try:
            module = Module(parse(source), name, self.elab, self.resolver, self.loaded, self.base, self.base_names)
            for i in dict.fromkeys(module.imports.values()):
                module.import_module(i.module, i.span)
        except Error:
            del self.loaded[name]
            raise
        self.loaded[name] = module
        return module

    def _imported(self, name: str, i: sx.FromImport | sx.Import) -> Value | None:
        module = self.import_module(i.module, i.span)
        if isinstance(i, sx.Import):
            return ModuleV(module)
        if name in module.decls:
            return module.value(name)
        if name in module.types:
            return None
        self.elab.unknown_name(name, i.span, [*module.decls, *module.types], f"{i.module} has no")

    # ------------------------------------------------ checking

    def check(self) -> None:
        """Every declaration, also unused ones: generic ones for names only."""
        errors = list(self.errors)
        for d in self.program.decls:
            try:
                self._check(d)
            except Error as e:
                errors += e.errors
        unique: dict[object, Error] = {}
        for one in errors:
            at = (id(one.span.source), one.span.line, one.span.col) if one.span is not None else None
            unique.setdefault((one.code, one.message, at), one)
        if unique:
            raise bundle(list(unique.values()))

    def _check(self, d: sx.Decl) -> None:
        match d:
            case sx.Def(span, name) | sx.TopLet(span, sx.LetFn(_, name)):
                v = self.value(name)
                if isinstance(v, Closure) and v.code.span is span:
                    check_names(v.code.params, v.code.body, self.env)
                    _ = v.typed
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
                module.check()
            case sx.TestDecl():
                self.test_instance(d)
            case sx.DerivativeDecl(span, fn):
                if fn not in self.decls:
                    self.elab.unknown_name(fn, span, self.decls, "this file defines no function")

    # ------------------------------------------------ entries

    def closure(self, name: str) -> FnV:
        v = self.value(name) if name in self.decls or name in self.imports else None
        if v is None:
            raise_unknown(name, self.decls)
        if not isinstance(v, FnV):
            raise TypeError("DV0304", f"{name} is no function", self.decls[name].span)
        return v

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

    def signature(self, name: str) -> str:
        """`f(x: f64[n], rate: f64) -> f64`, as written."""
        fn = self.closure(name)
        parts = [p.name if p.type is None else f"{p.name}: {ty.show(p.type)}" for p in self.params(name)]
        ret = fn.typed.ret if isinstance(fn, Closure) else None
        if ret is None and isinstance(fn, Closure) and is_mono(fn):
            done = self.elab.mono(fn, fn.code.span)
            ret = vs.type_of(done.result) if done is not None else None
        return f"{name}({', '.join(parts)})" + (f" -> {ty.show(ret)}" if ret is not None else "")

    def instantiate(self, name: str, arg_types: Sequence[Type | None] | None = None) -> Instance:
        """The function as an entry; `arg_types` for parameters whose types are not written."""
        return self.instantiate_fn(self.closure(name), arg_types)

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
        extra: list[tuple[Var, Poly]] = []
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
        name = self.elab.fresh_function_name("".join(c if c.isalnum() or c == "_" else "_" for c in fn.name).strip("_")
                                             or "entry")
        self.elab.functions[name] = Function(name, (), _EMPTY)
        try:
            with self.elab.own_function(), self.elab.at(span):
                bound = {a for v in values for x in leaves(v) for a in (x.atom, *x.shape)}
                for s, p in extra:
                    if all(v in bound for v in p.vars()):
                        s.poly = p
                done = self.elab.finish(name, values, self.elab.apply(fn, values, span), span, extra)
        except Exception:
            del self.elab.functions[name]
            raise
        self.elab.functions[name] = done.function
        return done

    def test_instance(self, d: sx.TestDecl) -> Instance:
        """A `test` as a function without parameters."""
        code = Code("test", (), None, d.body, d.span, True)
        done = self._wrapper(Closure(self.elab, code, self.env), Closure(self.elab, code, self.env), (), None, d.span)
        if vs.type_of(done.result) != ScalarT("bool"):
            raise TypeError("DV0301", f"a test gives a bool, this one {vs.show_type(done.result)}", d.span)
        return Instance(self._program(done.function.name), done.function.name, (), ScalarT("bool"), 0, ())

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


def load_module(source: Source, resolver: Resolver | None = None, *, prelude: bool = True,
                program: sx.Program | None = None) -> Module:
    """A module from text, or from syntax that is already there."""
    elab = Elaborator()
    if prelude:
        base = _Prelude(elab)
        elab._prelude = base.function
        get, names = base.builtin, base.module.base_names
    else:
        get, names = TRANSFORMS.get, TRANSFORMS.keys  # type: ignore[assignment]
    module = Module(program if program is not None else parse(source), source.name, elab, resolver, {}, get, names)
    for i in dict.fromkeys(module.imports.values()):
        module.import_module(i.module, i.span)
    return module
