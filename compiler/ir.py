"""The core IR: a small typed array language in A-normal form.

Flat: tuples, records and sum types are gone (one variable per leaf), functions have several
parameters and results, every value is a scalar or an array of scalars.

    type  ::= Scalar kind | Array kind [atom, …]           kind: f64 f32 i64 i32 bool
    atom  ::= Var | Const
    block ::= stmt* ; results atom*
    stmt  ::= vars = op                                     one Stmt defines one variable or several
    op    ::= Prim name(atoms)                              a scalar primitive of the table
            | Index a[atoms]        (safe?)                 an element, or a trailing subarray
            | Update a with [atoms] = v   (safe?)           functional update
            | Delta (shape) [atoms] v       (safe?)         zeros except v at the index (an `i64` prefix)
            | Fill (shape) v                                v everywhere
            | Plus(arrays)                                  elementwise sum of arrays of one shape
            | ArgSort v                                     stable permutation that sorts a vector, NaN last
            | Loop                                          below
            | If c then block else block                    several results
            | Call f(atoms)
            | Jvp f(atoms; tangents)                        results of f, then tangents of its float results
            | Vjp f(atoms; cotangents) wrt positions        results of f, then cotangents of those parameters
            | Assert c, code, message(atoms)                no result; kept, in order
            | Show label(atoms)                             no result; kept, in order

One loop form serves build, reduce, scan, for and while:

    for i < extent (down) with states = inits (while head) do body → states', outs

`head` is a block over the states and the index whose one result says whether to go on; with a head
the last result of the statement is the number of steps taken (trip), and collected outs have that
extent.  Without states and head the iterations are independent.  An out is collected (`build`) or
reduced by a monoid (`sum prod max min any all`, `argmax argmin` give the first index).

Sizes are values: the shape of an array type holds i64 atoms in scope (a variable of the same
statement may stand in the types of other variables of that statement).  A function's size variables
are the variables in its parameters' types that are not parameters; the caller binds them.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from .errors import Span

KINDS = ("f64", "f32", "i64", "i32", "bool")
FLOATS = ("f64", "f32")
MODES = ("build", "sum", "prod", "max", "min", "any", "all", "argmax", "argmin")

_uids = itertools.count(1)


# ---------------------------------------------------------------- types and atoms


@dataclass(frozen=True, slots=True)
class Scalar:
    kind: str

    @property
    def shape(self) -> tuple[Atom, ...]:
        return ()


@dataclass(frozen=True, slots=True)
class Array:
    """`shape` has at least one axis."""

    kind: str
    shape: tuple[Atom, ...]


Type = Scalar | Array


class Var:
    """A variable: identity is the object; `name` is for people.

    `stmt` is its definition (None for parameters, loop indices, loop states); `extent` is set for a
    loop index (0 <= i < extent, None for an unbounded while); `nonneg` says that an i64 is known to
    be >= 0 (sizes, trip counts, indices).
    """

    __slots__ = ("extent", "name", "nonneg", "poly", "stmt", "type", "uid")

    def __init__(self, name: str, type: Type, *, extent: Atom | None = None, nonneg: bool = False) -> None:
        self.name = name
        self.type = type
        self.uid = next(_uids)
        self.stmt: Stmt | None = None
        self.extent = extent
        self.nonneg = nonneg
        self.poly: object = None  # memo of `sizes.poly_of`

    def __repr__(self) -> str:
        return f"{self.name}.{self.uid}"


class Const:
    """A scalar constant; equal if kind and bits are (so NaN equals itself and 0.0 differs from -0.0)."""

    __slots__ = ("_key", "kind", "value")

    def __init__(self, value: float | bool, kind: str) -> None:
        self.kind = kind
        self.value: int | float | bool
        if kind in FLOATS:
            self.value = float(value)
            self._key: tuple[object, ...] = (kind, struct.pack("<d", self.value))
        elif kind == "bool":
            self.value = bool(value)
            self._key = (kind, self.value)
        else:
            self.value = int(value)
            self._key = (kind, self.value)

    @property
    def type(self) -> Scalar:
        return Scalar(self.kind)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Const) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        return f"{self.value}:{self.kind}"


Atom = Var | Const

ZERO, ONE = Const(0, "i64"), Const(1, "i64")
TRUE, FALSE = Const(True, "bool"), Const(False, "bool")


def integer(n: int) -> Const:
    """An i64 constant."""
    return Const(n, "i64")


def is_float(t: Type) -> bool:
    """Does a value of this type carry a tangent?"""
    return t.kind in FLOATS


# ---------------------------------------------------------------- operations


@dataclass(frozen=True, slots=True)
class Prim:
    name: str
    args: tuple[Atom, ...]


@dataclass(frozen=True, slots=True)
class Index:
    """`array[index]`; fewer indices than axes give the trailing subarray.

    `safe`: proven in bounds (an analysis result, not part of the program's identity).
    """

    array: Atom
    index: tuple[Atom, ...]
    safe: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Update:
    """`array with [index] = value`; the value is a trailing subarray (a scalar for a full index)."""

    array: Atom
    index: tuple[Atom, ...]
    value: Atom
    safe: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Delta:
    """Zeros of this shape, but `value` at [index], a prefix (checked like `Index` unless `safe`)."""

    shape: tuple[Atom, ...]
    index: tuple[Atom, ...]
    value: Atom
    safe: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Fill:
    shape: tuple[Atom, ...]
    value: Atom


@dataclass(frozen=True, slots=True)
class Plus:
    """Elementwise sum of two arrays or more of one type: how cotangents meet.

    A form of its own because a scatter stays a scatter in it: lowering adds each operand into the
    destination, and a `Delta` touches one cell only.
    """

    arrays: tuple[Atom, ...]


@dataclass(frozen=True, slots=True)
class ArgSort:
    array: Atom


@dataclass(frozen=True, slots=True, eq=False)
class Loop:
    """See the module's text; `body.results` are the next states, then the outs in order of `modes`.

    `extent` None only with a head.  `down`: the index runs from extent - 1 to 0 (collected outs still
    stand at their index).
    """

    index: Var
    extent: Atom | None
    states: tuple[Var, ...]
    inits: tuple[Atom, ...]
    head: Block | None
    body: Block
    modes: tuple[str, ...]
    down: bool = False

    @property
    def parallel(self) -> bool:
        return not self.states and self.head is None

    @property
    def outs(self) -> tuple[Atom, ...]:
        """What the body gives for each mode."""
        return self.body.results[len(self.states):]


@dataclass(frozen=True, slots=True, eq=False)
class If:
    cond: Atom
    then: Block
    orelse: Block


@dataclass(frozen=True, slots=True)
class Call:
    fn: str
    args: tuple[Atom, ...]


@dataclass(frozen=True, slots=True)
class Jvp:
    """`tangents[k]` belongs to `args[k]`, None where it is constant.

    Results: those of `fn`, then one tangent for each float result (zeros where it does not depend).
    """

    fn: str
    args: tuple[Atom, ...]
    tangents: tuple[Atom | None, ...]


@dataclass(frozen=True, slots=True)
class Vjp:
    """`cotangents` has one entry for each float result of `fn`, None for zero.

    Results: those of `fn`, then the cotangents of the parameters at positions `wrt`.  `linear`: `fn` is said
    to be linear in these, which is checked where the derivative is made.
    """

    fn: str
    args: tuple[Atom, ...]
    cotangents: tuple[Atom | None, ...]
    wrt: tuple[int, ...]
    linear: bool = False


@dataclass(frozen=True, slots=True)
class Assert:
    """Raises unless `cond`; `message` has `{0}` … for the arguments; `code` picks the error class."""

    cond: Atom
    code: str
    message: str
    args: tuple[Atom, ...] = ()


@dataclass(frozen=True, slots=True)
class Show:
    """Prints `label` with `{0}` … replaced by the arguments."""

    label: str
    args: tuple[Atom, ...]


Op = Prim | Index | Update | Delta | Fill | Plus | ArgSort | Loop | If | Call | Jvp | Vjp | Assert | Show


@dataclass(frozen=True, slots=True)
class Asked:
    """A derivative that a program asks for: `grad(loss)`, and where."""

    what: str
    span: Span


@dataclass(frozen=True, slots=True)
class Prov:
    """Where a binding comes from: source spans, a role such as `cotangent` or `tangent`, and the derivatives of which it
    is a part, innermost first.  `use`: where the program uses what stands in the prelude."""

    spans: tuple[Span, ...] = ()
    role: str = ""
    asked: tuple[Asked, ...] = ()
    use: Span | None = None

    @property
    def span(self) -> Span | None:
        return self.use or (self.spans[0] if self.spans else None)

    def within(self, outer: Prov) -> Prov:
        """The same as a part of the derivatives there (a hessian is one, though its gradient is another), and used there."""
        used = self.use is None and self.in_prelude and not outer.in_prelude
        if not used and not outer.asked:
            return self
        known = {id(a) for a in outer.asked}
        asked = (*(a for a in self.asked if id(a) not in known), *outer.asked)[:MOST_ASKED]
        return replace(self, asked=asked, use=outer.span if used else self.use)

    @property
    def in_prelude(self) -> bool:
        """Does it come from the prelude, and nothing says for which use?"""
        return self.span is not None and self.span.in_prelude

    @property
    def notes(self) -> tuple[str, ...]:
        """What an error says of the prelude and of the derivatives in which it is."""
        found = () if self.use is None else (f"found in {self.spans[0]}",)
        here = self.span.source.name if self.span is not None and self.span.source is not None else None
        return found + tuple(f"in {a.what}, from {f'line {a.span.line}' if a.span.source is not None and a.span.source.name == here else a.span}"
                     for a in self.asked if not a.span.is_derived)


MOST_ASKED = 3


NOWHERE = Prov()


class Stmt:
    """`vars = op`; links its variables to itself."""

    __slots__ = ("op", "prov", "vars")

    def __init__(self, vars: tuple[Var, ...], op: Op, prov: Prov = NOWHERE) -> None:
        self.vars = vars
        self.op = op
        self.prov = prov
        for v in vars:
            v.stmt = self

    def __repr__(self) -> str:
        return f"{self.vars} = {self.op}"


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    stmts: tuple[Stmt, ...]
    results: tuple[Atom, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """`derivative` names a function that gives the tangents: parameters are those of this one, then
    one tangent for each float parameter; results are the tangents of the float results."""

    name: str
    params: tuple[Var, ...]
    body: Block
    derivative: str | None = None
    span: Span | None = None

    @property
    def sizes(self) -> tuple[Var, ...]:
        """Variables in the parameters' types that are not parameters, in order of appearance."""
        return size_vars(self.params)

    @property
    def result_types(self) -> tuple[Type, ...]:
        return tuple(a.type for a in self.body.results)

    def with_body(self, body: Block) -> Function:
        return replace(self, body=body)


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """Functions by name; the entries are those that users call."""

    functions: dict[str, Function]
    entries: tuple[str, ...]


# ---------------------------------------------------------------- walking


def size_vars(params: Iterable[Var]) -> tuple[Var, ...]:
    """Size variables that these parameters bind implicitly."""
    params = tuple(params)
    given, found = set(params), dict[Var, None]()
    for p in params:
        for a in p.type.shape:
            if isinstance(a, Var) and a not in given:
                found.setdefault(a)
    return tuple(found)


def operands(op: Op) -> Iterator[Atom]:
    """The atoms that an operation reads directly, without those inside its regions."""
    match op:
        case Prim(_, args) | Call(_, args) | Show(_, args):
            yield from args
        case Index(a, es):
            yield a
            yield from es
        case Update(a, es, v):
            yield a
            yield from es
            yield v
        case Delta(shape, es, v):
            yield from shape
            yield from es
            yield v
        case Plus(arrays):
            yield from arrays
        case Fill(shape, v):
            yield from shape
            yield v
        case ArgSort(a):
            yield a
        case Loop():
            if op.extent is not None:
                yield op.extent
            yield from op.inits
        case If(c):
            yield c
        case Jvp(_, args, ts):
            yield from args
            yield from (t for t in ts if t is not None)
        case Vjp(_, args, cs, _):
            yield from args
            yield from (c for c in cs if c is not None)
        case Assert(c, _, _, args):
            yield c
            yield from args


def map_operands(op: Op, f: dict[Var, Atom]) -> Op:
    """The operation with its direct operands replaced; regions are left as they are."""

    def at(a: Atom) -> Atom:
        return f.get(a, a) if isinstance(a, Var) else a

    def all_of(xs: tuple[Atom, ...]) -> tuple[Atom, ...]:
        return tuple(at(x) for x in xs)

    match op:
        case Prim(n, args):
            return Prim(n, all_of(args))
        case Index(a, es, safe):
            return Index(at(a), all_of(es), safe)
        case Update(a, es, v, safe):
            return Update(at(a), all_of(es), at(v), safe)
        case Delta(shape, es, v, safe):
            return Delta(all_of(shape), all_of(es), at(v), safe)
        case Plus(arrays):
            return Plus(all_of(arrays))
        case Fill(shape, v):
            return Fill(all_of(shape), at(v))
        case ArgSort(a):
            return ArgSort(at(a))
        case Loop():
            extent = None if op.extent is None else at(op.extent)
            return replace(op, extent=extent, inits=all_of(op.inits))
        case If(c, t, e):
            return If(at(c), t, e)
        case Call(n, args):
            return Call(n, all_of(args))
        case Jvp(n, args, ts):
            return Jvp(n, all_of(args), tuple(None if t is None else at(t) for t in ts))
        case Vjp(_, args, cs):
            return replace(op, args=all_of(args), cotangents=tuple(None if c is None else at(c) for c in cs))
        case Assert(c, code, message, args):
            return Assert(at(c), code, message, all_of(args))
        case Show(label, args):
            return Show(label, all_of(args))


def regions(op: Op) -> tuple[Block, ...]:
    match op:
        case Loop():
            return (op.body,) if op.head is None else (op.head, op.body)
        case If(_, t, e):
            return (t, e)
    return ()


def bound_vars(op: Op) -> tuple[Var, ...]:
    """Variables that an operation binds inside its regions."""
    return (op.index, *op.states) if isinstance(op, Loop) else ()


def free_vars(block: Block, bound: Iterable[Var] = ()) -> dict[Var, None]:
    """Variables that a block reads (also in types) but does not define, in order of appearance."""
    known, found = set(bound), dict[Var, None]()

    def see(a: Atom | None) -> None:
        if isinstance(a, Var) and a not in known:
            found.setdefault(a)

    def see_type(t: Type) -> None:
        for a in t.shape:
            see(a)

    def walk(b: Block) -> None:
        for s in b.stmts:
            for a in operands(s.op):
                see(a)
            inner = bound_vars(s.op)
            known.update(inner)
            for v in inner:
                see_type(v.type)
            for r in regions(s.op):
                walk(r)
            known.update(s.vars)
            for v in s.vars:
                see_type(v.type)
        for a in b.results:
            see(a)

    walk(block)
    return found


def all_stmts(block: Block) -> Iterator[Stmt]:
    """Every statement, also in nested regions, in order of definition."""
    for s in block.stmts:
        yield s
        for r in regions(s.op):
            yield from all_stmts(r)


def count_stmts(block: Block) -> int:
    return sum(1 for _ in all_stmts(block))


# ---------------------------------------------------------------- substitution and equality


def subst(a: Atom, env: dict[Var, Atom]) -> Atom:
    return env.get(a, a) if isinstance(a, Var) else a


def subst_type(t: Type, env: dict[Var, Atom]) -> Type:
    if isinstance(t, Scalar):
        return t
    return Array(t.kind, tuple(subst(a, env) for a in t.shape))


def fresh_like(v: Var, env: dict[Var, Atom]) -> Var:
    """A new variable of the same name whose type (and extent) is read through `env`, which it joins."""
    extent = None if v.extent is None else subst(v.extent, env)
    new = Var(v.name, subst_type(v.type, env), extent=extent, nonneg=v.nonneg)
    env[v] = new
    return new


def fresh_vars(vars: tuple[Var, ...], env: dict[Var, Atom]) -> tuple[Var, ...]:
    """Fresh copies of a statement's variables; scalars first, since they may be sizes of the others."""
    made = {v: fresh_like(v, env) for v in sorted(vars, key=lambda v: len(v.type.shape) > 0)}
    return tuple(made[v] for v in vars)


def clone(block: Block, env: dict[Var, Atom]) -> Block:
    """The block with fresh bound variables and its free ones read through `env` (which grows)."""
    stmts = tuple(clone_stmt(s, env) for s in block.stmts)
    return Block(stmts, tuple(subst(a, env) for a in block.results))


def clone_stmt(s: Stmt, env: dict[Var, Atom]) -> Stmt:
    op = clone_op(s.op, env)
    return Stmt(fresh_vars(s.vars, env), op, s.prov)


def clone_op(op: Op, env: dict[Var, Atom]) -> Op:
    op = map_operands(op, env)
    if isinstance(op, Loop):
        index = fresh_like(op.index, env)
        states = tuple(fresh_like(v, env) for v in op.states)
        head = None if op.head is None else clone(op.head, env)
        return replace(op, index=index, states=states, head=head, body=clone(op.body, env))
    if isinstance(op, If):
        return If(op.cond, clone(op.then, env), clone(op.orelse, env))
    return op


def clone_function(f: Function, name: str | None = None) -> Function:
    env: dict[Var, Atom] = {}
    for v in f.sizes:
        fresh_like(v, env)
    params = []
    for p in f.params:
        params.append(fresh_like(p, env))
    return replace(f, name=name or f.name, params=tuple(params), body=clone(f.body, env))


def alpha_equal(f: Function, g: Function) -> bool:
    """Are two functions the same up to names, spans and proofs?"""
    env: dict[Var, Var] = {}

    def same(a: Atom | None, b: Atom | None) -> bool:
        if isinstance(a, Var) and isinstance(b, Var):
            return env.setdefault(a, b) is b
        return a == b

    def same_types(s: Type, t: Type) -> bool:
        return s.kind == t.kind and len(s.shape) == len(t.shape) and all(map(same, s.shape, t.shape))

    def same_vars(vs: tuple[Var, ...], ws: tuple[Var, ...]) -> bool:
        if len(vs) != len(ws):
            return False
        env.update(zip(vs, ws, strict=True))
        return all(same_types(v.type, w.type) for v, w in zip(vs, ws, strict=True))

    def same_ops(p: Op, q: Op) -> bool:
        if type(p) is not type(q) or not all(
            same(a, b) for a, b in itertools.zip_longest(operands(p), operands(q))
        ):
            return False
        match p, q:
            case (Loop(), Loop()):
                if (p.modes, p.down, p.head is None) != (q.modes, q.down, q.head is None):
                    return False
                if not same_vars(bound_vars(p), bound_vars(q)):
                    return False
            case (Prim(), Prim()):
                if p.name != q.name:
                    return False
            case (Call() | Jvp() | Vjp(), Call() | Jvp() | Vjp()):
                if p.fn != q.fn or getattr(p, "wrt", ()) != getattr(q, "wrt", ()):
                    return False
            case (Assert(), Assert()):
                if (p.code, p.message) != (q.code, q.message):
                    return False
            case (Delta(), Delta()):
                if len(p.shape) != len(q.shape):
                    return False
            case (Show(), Show()):
                if p.label != q.label:
                    return False
        return all(map(same_blocks, regions(p), regions(q)))

    def same_blocks(b: Block, c: Block) -> bool:
        if len(b.stmts) != len(c.stmts) or len(b.results) != len(c.results):
            return False
        for s, t in zip(b.stmts, c.stmts, strict=True):
            if not same_ops(s.op, t.op) or not same_vars(s.vars, t.vars):
                return False
        return all(map(same, b.results, c.results))

    if len(f.params) != len(g.params):
        return False
    env.update(zip(f.params, g.params, strict=True))
    if not all(same_types(v.type, w.type) for v, w in zip(f.params, g.params, strict=True)):
        return False
    return same_blocks(f.body, g.body)
