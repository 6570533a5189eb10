"""A builder of core programs: emits statements in order and works out the types of their results.

    b = Builder()
    y = b.prim("mul", x, x)
    z = b.build(n, lambda i: b.prim("exp", b.index(v, i)))        # for i < n do exp(v[i])
    s = b.reduce("sum", n, lambda i: b.index(z, i))

Callbacks emit into the region that they are for.  `close_over` turns a region with free variables
into a function of its own (lambda lifting).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from .errors import InternalError, Span
from .ir import (
    NOWHERE,
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
    Op,
    Plus,
    Prim,
    Prov,
    Scalar,
    Show,
    Stmt,
    Type,
    Update,
    Var,
    Vjp,
    all_stmts,
    bound_vars,
    clone,
    free_vars,
    fresh_like,
    is_float,
    subst,
    subst_type,
)
from .sizes import materialise, poly_of, same_size

_BOOL = frozenset(["eq", "ne", "lt", "le", "gt", "ge", "and", "or", "not", "isnan", "isinf", "isfinite"])
_CASTS = frozenset(["f64", "f32", "i64", "i32"])
_SECOND = frozenset(["select", "polygamma"])


def result_kind(name: str, kinds: Sequence[str]) -> str:
    """The kind that a primitive gives for operands of these kinds."""
    if name in _BOOL:
        return "bool"
    if name in _CASTS:
        return name
    return kinds[1] if name in _SECOND else kinds[0]


class Builder:
    """Emits into the innermost open region; `prov` is attached to what is emitted."""

    def __init__(self, prov: Prov = NOWHERE) -> None:
        self.stack: list[list[Stmt]] = [[]]
        self.prov = prov

    # ------------------------------------------------ regions

    @contextmanager
    def at(self, prov: Prov) -> Iterator[None]:
        """Statements inside come from here."""
        before, self.prov = self.prov, prov
        try:
            yield
        finally:
            self.prov = before

    def region(self, fill: Callable[[], Sequence[Atom]]) -> Block:
        """A block of its own: what `fill` emits, and the atoms that it returns."""
        self.stack.append([])
        try:
            results = tuple(fill())
        finally:
            stmts = self.stack.pop()
        return Block(tuple(stmts), results)

    def finish(self, results: Sequence[Atom]) -> Block:
        """The outermost block."""
        (stmts,) = self.stack
        return Block(tuple(stmts), tuple(results))

    # ------------------------------------------------ statements

    def emit(self, op: Op, types: Sequence[Type], names: Sequence[str] = ()) -> tuple[Var, ...]:
        vars = tuple(Var(names[k] if k < len(names) else "t", t) for k, t in enumerate(types))
        self.emit_stmt(Stmt(vars, op, self.prov))
        return vars

    def emit_stmt(self, stmt: Stmt) -> None:
        self.stack[-1].append(stmt)

    def splice(self, block: Block, env: dict[Var, Atom]) -> tuple[Atom, ...]:
        """A copy of a block's statements here; gives its results."""
        copy = clone(block, env)
        self.stack[-1].extend(copy.stmts)
        return copy.results

    def prim(self, op: str, *args: Atom, name: str = "t") -> Var:
        kind = result_kind(op, [a.type.kind for a in args])
        return self.emit(Prim(op, args), [Scalar(kind)], [name])[0]

    def index(self, array: Atom, *index: Atom, safe: bool = False, name: str = "t") -> Atom:
        """`array[index]`; without indices the array itself."""
        if not index:
            return array
        rest = array.type.shape[len(index):]
        return self.emit(Index(array, index, safe), [array_type(array.type.kind, rest)], [name])[0]

    def update(self, array: Atom, index: Sequence[Atom], value: Atom, *, safe: bool = False, name: str = "t") -> Var:
        return self.emit(Update(array, tuple(index), value, safe), [array.type], [name])[0]

    def delta(
        self, shape: Sequence[Atom], index: Sequence[Atom], value: Atom, *, safe: bool = False, name: str = "t"
    ) -> Var:
        op = Delta(tuple(shape), tuple(index), value, safe)
        return self.emit(op, [array_type(value.type.kind, shape)], [name])[0]

    def fill(self, shape: Sequence[Atom], value: Atom, name: str = "t") -> Atom:
        """`value` everywhere; without axes the value itself."""
        if not shape:
            return value
        return self.emit(Fill(tuple(shape), value), [array_type(value.type.kind, shape)], [name])[0]

    def zeros(self, t: Type, name: str = "t") -> Atom:
        return self.fill(t.shape, Const(0, t.kind), name)

    def plus(self, *arrays: Atom, name: str = "t") -> Atom:
        """The elementwise sum; of one array itself, of scalars by `add`."""
        first, *rest = arrays
        if not rest:
            return first
        if isinstance(first.type, Scalar):
            for a in rest:
                first = self.prim("add", first, a, name=name)
            return first
        return self.emit(Plus(arrays), [first.type], [name])[0]

    def argsort(self, array: Atom, name: str = "order") -> Var:
        return self.emit(ArgSort(array), [Array("i64", array.type.shape)], [name])[0]

    def assert_(self, cond: Atom, code: str, message: str, *args: Atom) -> None:
        self.emit(Assert(cond, code, message, args), [])

    def show(self, label: str, *args: Atom) -> None:
        self.emit(Show(label, args), [])

    def size(self, a: Atom | int) -> Atom:
        return Const(a, "i64") if isinstance(a, int) else a

    # ------------------------------------------------ loops

    def loop(
        self,
        extent: Atom | None,
        body: Callable[[Var, tuple[Var, ...]], tuple[Sequence[Atom], Sequence[tuple[str, Atom]]]],
        *,
        inits: Sequence[Atom] = (),
        head: Callable[[Var, tuple[Var, ...]], Atom] | None = None,
        down: bool = False,
        index: str = "i",
        states: Sequence[str] = (),
        names: Sequence[str] = (),
    ) -> tuple[Var, ...]:
        """The general loop.  `body(i, states)` gives the next states and (mode, value) pairs.

        Results: final states, outs, and the trip count if there is a head.  A state whose size is the
        value of another state (an existential size) is written so in the types of `inits`: the init's
        shape atom is the init of that other state.
        """
        i = Var(index, Scalar("i64"), extent=extent, nonneg=True)
        vars = state_vars(inits, states)
        top = None if head is None else self.region(lambda: [head(i, vars)])
        modes: list[str] = []

        def fill() -> Sequence[Atom]:
            nexts, outs = body(i, vars)
            modes.extend(m for m, _ in outs)
            return (*nexts, *(a for _, a in outs))

        block = self.region(fill)
        return self.emit_loop(Loop(i, extent, vars, tuple(inits), top, block, tuple(modes), down), names)

    def emit_loop(self, op: Loop, names: Sequence[str] = ()) -> tuple[Var, ...]:
        """Emits a finished loop; result types are worked out from its body."""
        n = len(op.states)
        trip = Var("trip", Scalar("i64"), nonneg=True) if op.head is not None else None
        extent = trip if trip is not None else op.extent
        assert extent is not None
        inside: set[Var] | None = None
        env: dict[Var, Atom] = {}
        results: list[Var] = []
        for k, s in enumerate(op.states):
            v = Var(names[k] if k < len(names) else s.name, subst_type(s.type, env), nonneg=s.nonneg)
            env[s] = v
            results.append(v)
        for k, (mode, a) in enumerate(zip(op.modes, op.outs, strict=True), n):
            if a.type.shape and inside is None:
                inside = defined(op.body) | {op.index, *op.states}
            shape = tuple(self.outside(x, inside or set()) for x in a.type.shape)
            t = array_type(a.type.kind, (extent, *shape) if mode == "build" else shape)
            if mode in ("argmax", "argmin"):
                t = Scalar("i64")
            results.append(Var(names[k] if k < len(names) else "t", t))
        if trip is not None:
            results.append(trip)
        self.emit_stmt(Stmt(tuple(results), op, self.prov))
        return tuple(results)

    def outside(self, size: Atom, inside: set[Var]) -> Atom:
        """An atom of this scope that equals a size of an inner one."""
        if isinstance(size, Const) or size not in inside:
            return size
        p = poly_of(size)
        if any(v in inside for v in p.vars()):
            raise InternalError("DV0999", f"the size {p!r} is known only inside a region")
        known = (v for stmts in reversed(self.stack) for s in reversed(stmts) if isinstance(s.op, Prim)
                 for v in s.vars if v.type == Scalar("i64") and poly_of(v) == p)
        return next(known, None) or materialise(p, self.prim)

    def build(self, extent: Atom, f: Callable[[Var], Atom], *, index: str = "i", name: str = "t") -> Var:
        """`for i < extent do f(i)`."""
        return self.loop(extent, lambda i, _: ((), [("build", f(i))]), index=index, names=[name])[0]

    def builds(self, shape: Sequence[Atom], f: Callable[[tuple[Var, ...]], Atom], name: str = "t") -> Atom:
        """Nested builds over a whole shape."""

        def go(done: tuple[Var, ...]) -> Atom:
            if len(done) == len(shape):
                return f(done)
            return self.build(shape[len(done)], lambda i: go((*done, i)), index="ijklm"[len(done) % 5], name=name)

        return go(())

    def reduce(self, mode: str, extent: Atom, f: Callable[[Var], Atom], *, index: str = "i", name: str = "t") -> Var:
        return self.loop(extent, lambda i, _: ((), [(mode, f(i))]), index=index, names=[name])[0]

    def cond(
        self,
        c: Atom,
        then: Callable[[], Sequence[Atom]],
        orelse: Callable[[], Sequence[Atom]],
        names: Sequence[str] = (),
    ) -> tuple[Var, ...]:
        """`if c then … else …`; where branches differ in a size, it must be a result before the array."""
        return self.emit_if(If(c, self.region(then), self.region(orelse)), names)

    def emit_if(self, op: If, names: Sequence[str] = ()) -> tuple[Var, ...]:
        left, right = op.then.results, op.orelse.results
        inside = None
        vars: list[Var] = []
        for k, (a, b) in enumerate(zip(left, right, strict=True)):
            shape: list[Atom] = []
            for x, y in zip(a.type.shape, b.type.shape, strict=True):
                if inside is None:
                    inside = defined(op.then) | defined(op.orelse)
                joined = next((vars[j] for j in range(k) if left[j] == x and right[j] == y and x != y), None)
                if joined is None and not same_size(x, y):
                    raise InternalError("DV0999", f"branches of an if have sizes {poly_of(x)!r} and {poly_of(y)!r}")
                shape.append(self.outside(x, inside) if joined is None else joined)
            t = array_type(a.type.kind, shape)
            vars.append(Var(names[k] if k < len(names) else "t", t))
        self.emit_stmt(Stmt(tuple(vars), op, self.prov))
        return tuple(vars)

    # ------------------------------------------------ functions

    def call(self, f: Function, args: Sequence[Atom], names: Sequence[str] = ()) -> tuple[Var, ...]:
        return self.emit_results(Call(f.name, tuple(args)), f, args, f.body.results, names)

    def jvp(self, f: Function, args: Sequence[Atom], tangents: Sequence[Atom | None]) -> tuple[Var, ...]:
        """Results of f, then a tangent for each float result."""
        atoms = (*f.body.results, *(a for a in f.body.results if is_float(a.type)))
        return self.emit_results(Jvp(f.name, tuple(args), tuple(tangents)), f, args, atoms)

    def vjp(
        self, f: Function, args: Sequence[Atom], cotangents: Sequence[Atom | None], wrt: Sequence[int],
        linear: bool = False,
    ) -> tuple[Var, ...]:
        """Results of f, then the cotangents of the parameters `wrt`; `linear`: f must be linear in them."""
        op = Vjp(f.name, tuple(args), tuple(cotangents), tuple(wrt), linear)
        return self.emit_results(op, f, args, f.body.results, extra=[args[k].type for k in wrt])

    def emit_results(
        self,
        op: Op,
        f: Function,
        args: Sequence[Atom],
        results: Sequence[Atom],
        names: Sequence[str] = (),
        extra: Sequence[Type] = (),
    ) -> tuple[Var, ...]:
        """Emits an operation whose results have the types of `results` (atoms of f's body) at `args`."""
        env = bind_sizes(f, args)
        vars: list[Var] = []
        for k, r in enumerate(results):
            shape = tuple(self._translate(x, env, f) for x in r.type.shape)
            v = Var(names[k] if k < len(names) else "t", array_type(r.type.kind, shape))
            if isinstance(r, Var):
                v.nonneg = r.nonneg
                env.setdefault(r, v)
            vars.append(v)
        vars += [Var("t", t) for t in extra]
        self.emit_stmt(Stmt(tuple(vars), op, self.prov))
        return tuple(vars)

    def _translate(self, size: Atom, env: dict[Var, Atom], f: Function) -> Atom:
        if isinstance(size, Const) or size in env:
            return subst(size, env)
        p = poly_of(size)
        if any(v not in env for v in p.vars()):
            raise InternalError("DV0999", f"the size {p!r} of a result of {f.name} is not known to the caller")
        return materialise(p.substitute(lambda v: poly_of(env[v])), self.prim)


# ---------------------------------------------------------------- helpers


def array_type(kind: str, shape: Sequence[Atom]) -> Type:
    """An array type, or a scalar type without axes."""
    return Array(kind, tuple(shape)) if shape else Scalar(kind)


def state_vars(inits: Sequence[Atom], names: Sequence[str] = ()) -> tuple[Var, ...]:
    """State variables for these initial values (see `Builder.loop` for sizes that are states)."""
    vars: list[Var] = []
    earlier: dict[Var, Atom] = {}
    for k, a in enumerate(inits):
        v = Var(names[k] if k < len(names) else "s", subst_type(a.type, earlier))
        if isinstance(a, Var) and a.type == Scalar("i64") and any(a in b.type.shape for b in inits[k + 1:]):
            v.nonneg = True
            earlier[a] = v
        vars.append(v)
    return tuple(vars)


def defined(block: Block) -> set[Var]:
    """All variables that a block defines, also in nested regions."""
    found: set[Var] = set()
    for s in all_stmts(block):
        found.update(s.vars)
        found.update(bound_vars(s.op))
    return found


def bind_sizes(f: Function, args: Sequence[Atom]) -> dict[Var, Atom]:
    """The function's parameters and size variables, bound by a call's arguments."""
    env: dict[Var, Atom] = dict(zip(f.params, args, strict=True))
    for p, a in zip(f.params, args, strict=True):
        for x, y in zip(p.type.shape, a.type.shape, strict=True):
            if isinstance(x, Var):
                env.setdefault(x, y)
    return env


def close_over(
    name: str, params: Sequence[Var], body: Block, *, span: Span | None = None, derivative: str | None = None
) -> tuple[Function, tuple[Var, ...]]:
    """Lambda lifting: a function whose leading parameters are the free variables of `body`.

    Gives the function and those free variables (the leading arguments of a call).  `params` and
    `body` are copied; sizes in the parameters' types that are defined outside are captured too.
    """
    free = free_vars(body, params)
    for p in params:
        for a in p.type.shape:
            if isinstance(a, Var) and a not in params:
                free.setdefault(a)
    for v in tuple(free):
        for a in v.type.shape:
            if isinstance(a, Var):
                free.setdefault(a)
    captured = tuple(sorted(free, key=lambda v: v.uid))
    env: dict[Var, Atom] = {}
    new_params = []
    for v in (*captured, *params):
        w = fresh_like(v, env)
        w.extent = None
        if v.extent is not None:
            w.nonneg = True
        new_params.append(w)
    return Function(name, tuple(new_params), clone(body, env), derivative, span), captured


def make_function(name: str, params: Iterable[Var], f: Callable[[Builder], Sequence[Atom]]) -> Function:
    """A closed function from a callback that emits its body."""
    b = Builder()
    return Function(name, tuple(params), b.finish(f(b)))
