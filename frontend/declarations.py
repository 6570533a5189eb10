"""Declarations of a file: their scopes, types, constants and imports."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ..compiler.errors import Error, Label, NameError, Source, Span, TypeError
from ..compiler.ir import Scalar, Var
from . import syntax as sx
from . import types as ty
from . import values as vs
from .elab_base import MEANT, depends_on_itself
from .elab_functions import Closure, Code, Compiled
from .elab_match import RecordCtor, SumCtor
from .elab_types import Signature, TypeEnv
from .elaborate import Elaborator
from .instance import Instance
from .names import pattern_names
from .parser import parse
from .types import Type
from .values import Env, Value, leaves

Resolver = Callable[[str], "Source | None"]


class ModuleV(vs.Scope):
    """`import stats`: a name whose fields are a module's names."""

    def __init__(self, module: Declarations) -> None:
        self.module = module
        self.name = module.name

    def member(self, elab: Elaborator, name: str, span: Span) -> Value:
        v = self.module.value(name) if name in self.module.decls else None
        if v is None:
            elab.unknown_name(name, span, self.module.decls, f"{self.name} has no")
        return v


class ModuleEnv(TypeEnv):
    """A module's names, then the builtins, then the prelude; values are made on demand."""

    def __init__(self, module: Declarations) -> None:
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


class Declarations:
    """The declarations of a file: values, types and imports by name, made on demand.

    Functions in `inlined` use values from outside: they are elaborated where they are applied.
    """

    def __init__(self, program: sx.Program, name: str, elab: Elaborator, resolver: Resolver | None,
                 loaded: dict[str, Declarations | None], base: Callable[[str], Value | None],
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
        self._tests: dict[sx.TestDecl, Instance] = {}
        self._values: dict[str, Value] = {}
        self._types: dict[str, Type | ty.RecordDecl] = {}
        self.inlined: set[str] = set()
        self._opening: set[str] = set()
        self._lets: dict[int, tuple[str, object]] = {}
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
            case sx.Import(span, module, alias):
                self._import(alias or module, d, span)
            case sx.FromImport(span, _, names):
                for name in names:
                    self._import(name, d, span)
            case sx.TestDecl():
                self.tests.append(d)
            case sx.DerivativeDecl(span, fn):
                if fn in self.rules:
                    self._twice(f"the derivative of {fn}", span, self.rules[fn].span)
                self.rules[fn] = d
            case sx.Language(span, version):
                if version != "1":
                    self.errors.append(TypeError("DV0207", f"this is language 1, the file wants {version}", span))
            case sx.StrategyDecl(span, kind):
                self._refuse(kind, span)
            case sx.RuleDecl(span) | sx.AdjointDecl(span) | sx.ImplicitDecl(span):
                self._refuse(type(d).__name__.removesuffix("Decl").lower(), span)

    def _refuse(self, what: str, span: Span) -> None:
        try:
            self.elab.not_yet(f"{what} declarations in a program", span)
        except Error as e:
            self.errors.append(e)

    def _add(self, name: str, d: sx.Decl, span: Span) -> None:
        if self._is_new(name, span):
            self.decls[name] = d

    def _import(self, name: str, d: sx.FromImport | sx.Import, span: Span) -> None:
        if self._is_new(name, span):
            self.imports[name] = d

    def _is_new(self, name: str, span: Span) -> bool:
        before = self.decls.get(name) or self.imports.get(name)
        if before is not None:
            self._twice(name, span, before.span)
        return before is None

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
                self._values[name] = self._function(Code(name, params, ret, body, span, True, self.rules.get(name), doc))
            case sx.TopLet(span, sx.LetFn(_, _, params, ret, body, _), doc):
                self._values[name] = self._function(Code(name, params, ret, body, span, True, self.rules.get(name), doc))
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

    def _function(self, code: Code) -> Closure:
        if code.name in self.inlined:
            self.elab.templates.add(id(code))
            self.elab.codes.append(code)
        return Closure(self.elab, code, self.env)

    def _top_let(self, name: str, let: sx.Let, span: Span) -> Value:
        """A constant stays one; what needs code is a core function without parameters."""
        if id(let) in self._lets:
            return self._let_value(name, let)
        key = str(id(let))
        if key in self._opening:
            raise depends_on_itself(name, span)
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
                    found = self._closed(t, sig)
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
                        self._closed(t, sig), lambda p: p if p is not None and p.constant is not None else None)
                        for t in payload)))
                    if any(map(ty.has_function, found_[-1][1])):
                        raise TypeError("DV0317", f"a function may not be a field ({c})", d.span)
                decl.ctors = tuple(found_)
                return ty.SumT(decl)
        body = d.body
        assert not isinstance(body, sx.RecordBody | sx.SumBody)
        sig = Signature(self.env, given=False)
        for s in d.sizes or ():
            sig.sizes[s] = Var(s, Scalar("i64"), nonneg=True)
        return self._closed(body, sig)

    def _closed(self, t: sx.Type, sig: Signature) -> Type:
        """A type in a declaration: without type variables."""
        found = self.elab.resolve(t, sig)
        for name in ty.type_vars(found):
            self.elab.unknown_name(name, t.span, [*ty.SCALARS, *self.types], "there is no type")
        return found

    # ------------------------------------------------ imports

    def import_module(self, name: str, span: Span) -> Declarations:
        if name in self.loaded:
            found = self.loaded[name]
            if found is None:
                raise NameError("DV0205", f"the module {name} imports itself, over others perhaps", span)
            return found
        source = self.resolver(name) if self.resolver is not None else None
        if source is None:
            raise NameError("DV0204", f"there is no module {name}", span,
                            help=MEANT.get(name) or "modules are looked for beside the file, then along DERIVANT_PATH")
        self.loaded[name] = None
        try:
            module = type(self)(parse(source), name, self.elab, self.resolver, self.loaded, self.base, self.base_names)
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
