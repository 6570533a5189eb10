"""The verifier of the core: scoping, kinds, ranks, sizes, arities.

    verify(program)                      # InternalError DV0999 with the statement, or nothing
    verify_linear(function, params)      # its results are linear in these parameters

Sizes that are equal at run time need not be provably equal (an `Assert` may have checked them), so
only sizes that provably differ are refused, and only before the first `Assert` of a function.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from .errors import InternalError
from .ir import (
    MODES,
    ArgSort,
    Array,
    Assert,
    Atom,
    Block,
    Call,
    Const,
    Delta,
    Fill,
    Function,
    If,
    Index,
    Jvp,
    Loop,
    Plus,
    Prim,
    Program,
    Scalar,
    Show,
    Stmt,
    Type,
    Update,
    Var,
    Vjp,
    is_float,
    operands,
)
from .primitives import PRIMITIVES, result_kind
from .printer import statement_text
from .sizes import poly_of
from .verify_linear import verify_linear

__all__ = ["verify", "verify_function", "verify_linear"]

_INT, _BOOL = Scalar("i64"), Scalar("bool")


def verify(program: Program) -> None:
    """Checks a whole program."""
    for name in program.entries:
        if name not in program.functions:
            raise InternalError("DV0999", f"the entry {name} is not a function of the program")
    for name, f in program.functions.items():
        if f.name != name:
            raise InternalError("DV0999", f"the function {f.name} is filed under {name}", f.span)
        verify_function(f, program.functions)


def verify_function(f: Function, functions: dict[str, Function]) -> None:
    """Checks one function; calls are checked against `functions`."""
    if f.derivative is not None and f.derivative not in functions:
        raise InternalError("DV0999", f"{f.derivative}, the derivative of {f.name}, is not there", f.span)
    _Checker(f, functions).function()


class _Bad(Exception):
    """What is wrong with the statement at hand."""


class _Checker:
    def __init__(self, f: Function, functions: dict[str, Function]) -> None:
        self.f = f
        self.functions = functions
        self.scope: set[Var] = set()
        self.defined: set[Var] = set()
        self.asserted = False

    def function(self) -> None:
        f = self.f
        try:
            for v in (*f.sizes, *f.params):
                self.define(v)
            for v in f.sizes:
                _expect(v.type == _INT, f"the size {v} is no i64")
            for p in f.params:
                for a in p.type.shape:
                    _expect(a.type == _INT, f"the size {a} of {p} is no i64")
        except _Bad as e:
            raise InternalError("DV0999", f"{e}, in the parameters of {f.name}", f.span) from e
        self.block(f.body)

    # ------------------------------------------------ scopes

    def define(self, v: Var) -> None:
        _expect(v not in self.defined, f"{v} is defined twice")
        self.defined.add(v)
        self.scope.add(v)

    def see(self, a: Atom) -> None:
        _expect(isinstance(a, Const) or a in self.scope, f"{a} is not in scope")

    def see_type(self, v: Var) -> None:
        for a in v.type.shape:
            self.see(a)
            _expect(a.type == _INT, f"the size {a} of {v} is no i64")

    def block(self, b: Block) -> None:
        """A region: what it defines ends with it."""
        mine: list[Var] = []
        for s in b.stmts:
            try:
                self.stmt(s)
            except _Bad as e:
                text = statement_text(s)
                raise InternalError("DV0999", f"{e}, in {self.f.name}, at\n{text}", s.prov.span) from e
            mine += s.vars
        for a in b.results:
            if isinstance(a, Var) and a not in self.scope:
                raise InternalError("DV0999", f"the result {a} of a block of {self.f.name} is not in scope")
        self.scope.difference_update(mine)

    def stmt(self, s: Stmt) -> None:
        for a in operands(s.op):
            self.see(a)
        types = self.result_types(s)
        _expect(len(types) == len(s.vars), f"{len(types)} results are bound to {len(s.vars)} variables")
        for v in s.vars:
            _expect(v.stmt is s, f"{v} does not know its statement")
            self.define(v)
        for v, t in zip(s.vars, types, strict=True):
            self.see_type(v)  # may mention the others: a trip count comes last
            self.agree(t, v.type, str(v))
        if isinstance(s.op, Assert):
            self.asserted = True

    # ------------------------------------------------ types

    def agree(self, want: Type, have: Type, what: str) -> None:
        """The same kind and rank, and no size that provably differs."""
        fits = want.kind == have.kind and len(want.shape) == len(have.shape)
        if fits and not self.asserted:
            for a, b in zip(want.shape, have.shape, strict=True):
                difference = (poly_of(a) - poly_of(b)).constant
                fits = fits and (difference is None or difference == 0)
        _expect(fits, f"{what} has type {_type(have)} where {_type(want)} belongs")

    def integers(self, atoms: Iterable[Atom], what: str) -> None:
        for a in atoms:
            _expect(a.type == _INT, f"{what} {a} is {_type(a.type)}, not i64")

    def cell(self, t: Type, index: Sequence[Atom]) -> Type:
        """The type of what stands at a (partial) index."""
        self.integers(index, "the index")
        _expect(0 < len(index) <= len(t.shape), f"{len(index)} indices for {len(t.shape)} axes")
        return _array(t.kind, t.shape[len(index):])

    def result_types(self, s: Stmt) -> Sequence[Type]:
        op = s.op
        match op:
            case Prim(name, args):
                _expect(name in PRIMITIVES, f"there is no primitive {name}")
                _expect(all(isinstance(a.type, Scalar) for a in args), f"{name} of an array")
                kinds = [a.type.kind for a in args]
                kind = result_kind(name, kinds)
                _expect(kind is not None, f"{name} does not take ({', '.join(kinds)})")
                return [Scalar(kind or "")]
            case Index(a, index):
                return [self.cell(a.type, index)]
            case Update(a, index, v):
                self.agree(self.cell(a.type, index), v.type, "the value")
                return [a.type]
            case Delta(shape, index, v):
                self.integers(shape, "the size")
                whole = Array(v.type.kind, shape)
                self.agree(self.cell(whole, index), v.type, "the value")
                return [whole]
            case Fill(shape, v):
                self.integers(shape, "the size")
                _expect(bool(shape) and isinstance(v.type, Scalar), "a fill needs axes and a scalar")
                return [Array(v.type.kind, shape)]
            case Plus(arrays):
                _expect(len(arrays) >= 2 and isinstance(arrays[0].type, Array), "a plus needs two arrays or more")
                for other in arrays[1:]:
                    self.agree(arrays[0].type, other.type, str(other))
                return [arrays[0].type]
            case ArgSort(a):
                _expect(len(a.type.shape) == 1, "argsort takes a vector")
                return [Array("i64", a.type.shape)]
            case Loop():
                return self.loop(s, op)
            case If(c, then, orelse):
                _expect(c.type == _BOOL, "the condition is no bool")
                self.block(then)
                self.block(orelse)
                _expect(len(then.results) == len(orelse.results), "the branches have different numbers of results")
                for x, y in zip(then.results, orelse.results, strict=True):
                    same = x.type.kind == y.type.kind and len(x.type.shape) == len(y.type.shape)
                    _expect(same, f"the branches give {_type(x.type)} and {_type(y.type)}")
                # Branches may differ in sizes that are results themselves, so only kind and rank count.
                return self.returned([x.type for x in then.results], s.vars)
            case Call(fn, args):
                f = self.callee(fn, args)
                return self.returned(f.result_types, s.vars)
            case Jvp(fn, args, tangents):
                f = self.callee(fn, args)
                _expect(len(tangents) == len(args), "a tangent is missing")
                for a, t in zip(args, tangents, strict=True):
                    if t is not None:
                        _expect(is_float(a.type), f"{a} can't have a tangent")
                        self.agree(a.type, t.type, f"the tangent of {a}")
                return self.returned((*f.result_types, *(t for t in f.result_types if is_float(t))), s.vars)
            case Vjp(fn, args, cotangents, wrt):
                f = self.callee(fn, args)
                floats = [t for t in f.result_types if is_float(t)]
                _expect(len(cotangents) == len(floats), "one cotangent for each float result is wanted")
                for r, ct in zip(floats, cotangents, strict=True):
                    if ct is not None:
                        same = r.kind == ct.type.kind and len(r.shape) == len(ct.type.shape)
                        _expect(same, f"a cotangent of {_type(r)} has type {_type(ct.type)}")
                _expect(all(0 <= k < len(args) and is_float(args[k].type) for k in wrt), f"no derivative by {wrt}")
                return [*self.returned(f.result_types, s.vars), *(args[k].type for k in wrt)]
            case Assert(c, code):
                _expect(c.type == _BOOL, "the condition is no bool")
                _expect(re.fullmatch(r"DV\d{4}", code) is not None, f"{code} is no error code")
                return []
            case Show():
                return []
        raise _Bad(f"{type(op).__name__} is no operation")

    def callee(self, name: str, args: Sequence[Atom]) -> Function:
        _expect(name in self.functions, f"there is no function {name}")
        f = self.functions[name]
        _expect(len(args) == len(f.params), f"{name} takes {len(f.params)} arguments, not {len(args)}")
        env: dict[Var, Atom] = dict(zip(f.params, args, strict=True))
        for p, a in zip(f.params, args, strict=True):
            _expect(len(p.type.shape) == len(a.type.shape), f"{a} has the wrong rank for {p.name}")
            for x, y in zip(p.type.shape, a.type.shape, strict=True):
                if isinstance(x, Var):
                    env.setdefault(x, y)
            shape = [env.get(x, x) if isinstance(x, Var) else x for x in p.type.shape]
            self.agree(_array(p.type.kind, shape), a.type, f"the argument {p.name}")
        return f

    def returned(self, types: Sequence[Type], vars: Sequence[Var]) -> list[Type]:
        """Results whose sizes belong to another scope: kind and rank are what counts here."""
        return [_like(t, vars[k]) if k < len(vars) else t for k, t in enumerate(types)]

    def loop(self, s: Stmt, op: Loop) -> Sequence[Type]:
        _expect(op.extent is not None or op.head is not None, "a loop without an end")
        _expect(op.index.type == _INT, "the index is no i64")
        if op.extent is None:
            _expect(op.index.extent is None, "the index has an extent, the loop has none")
        else:
            _expect(op.extent.type == _INT, "the extent is no i64")
            known = op.index.extent
            _expect(known is not None and poly_of(known) == poly_of(op.extent), f"the index believes in {known}")
        _expect(all(m in MODES for m in op.modes), f"unknown mode in {op.modes}")
        _expect(len(op.states) == len(op.inits), "states and initial values differ in number")
        _expect(not op.down or op.extent is not None, "a loop down from nowhere")
        bound = (op.index, *op.states)
        for v in bound:
            self.define(v)
        for v in op.states:
            self.see_type(v)
        starts = dict(zip(op.states, op.inits, strict=True))
        for v, a in starts.items():
            self.agree(_through(v.type, starts), a.type, f"the initial value of {v}")
        if op.head is not None:
            self.block(op.head)
            _expect(len(op.head.results) == 1 and op.head.results[0].type == _BOOL, "the head gives no bool")
        self.block(op.body)
        n = len(op.states)
        results = op.body.results
        _expect(len(results) == n + len(op.modes), f"the body gives {len(results)} results")
        nexts = dict(zip(op.states, results[:n], strict=True))
        for v, a in nexts.items():
            self.agree(_through(v.type, nexts), a.type, f"the next value of {v}")
        self.scope.difference_update(bound)
        finals: dict[Var, Atom] = dict(zip(op.states, s.vars, strict=False))
        types = [_through(v.type, finals) for v in op.states]
        trip = s.vars[-1] if op.head is not None and s.vars else op.extent
        _expect(trip is not None, "the number of steps is not bound")
        assert trip is not None
        for mode, a in zip(op.modes, results[n:], strict=True):
            types.append(self.out(mode, a, trip))
        return types if op.head is None else [*types, _INT]

    def out(self, mode: str, a: Atom, extent: Atom) -> Type:
        t = a.type
        match mode:
            case "build":
                return Array(t.kind, (extent, *t.shape))
            case "argmax" | "argmin":
                _expect(isinstance(t, Scalar) and t.kind != "bool", f"{mode} of {_type(t)}")
                return _INT
            case "any" | "all":
                _expect(t.kind == "bool", f"{mode} of {_type(t)}")
            case _:
                _expect(t.kind != "bool", f"{mode} of {_type(t)}")
        return t


def _expect(condition: bool, otherwise: str) -> None:
    if not condition:
        raise _Bad(otherwise)


def _array(kind: str, shape: Sequence[Atom]) -> Type:
    return Array(kind, tuple(shape)) if shape else Scalar(kind)


def _like(t: Type, v: Var) -> Type:
    """The variable's type if it has this kind and rank."""
    return v.type if t.kind == v.type.kind and len(t.shape) == len(v.type.shape) else t


def _through(t: Type, env: dict[Var, Atom]) -> Type:
    return _array(t.kind, [env.get(a, a) if isinstance(a, Var) else a for a in t.shape])


def _type(t: Type) -> str:
    return t.kind + (f"[{', '.join(map(str, t.shape))}]" if t.shape else "")
