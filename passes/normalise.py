"""Normalisation: one pass in definition order through smart constructors.

The program is rebuilt statement by statement.  A constructor looks only at the definitions of its
operands (`Var.stmt`), returns something simpler where a rule says so, an equal statement that is
already there (hash-consing; loops and ifs by alpha-key), or emits a new one at the outermost scope
that holds its operands, so loop-invariant motion is by construction.

What may move where (`Motion`):
    FREE    cheap and total: anywhere, also out of an `if`
    DEAR    total: out of loops, not out of an `if`
    STAY    total, but made where it is used (fills and deltas are sinks of the lowering)
    PINNED  can raise, or has an effect: never leaves its block
A proof that an index is in bounds makes it total only if it needs no guard (`opt_facts`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..compiler.build import result_kind
from ..compiler.ir import (
    NOWHERE,
    ArgSort,
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
    Show,
    Stmt,
    Type,
    Update,
    Var,
    Vjp,
    map_operands,
    operands,
    subst_type,
)
from ..compiler.primitives import is_partial
from ..compiler.sizes import Poly, materialise, poly_of
from . import opt_arrays as arrays
from . import opt_cells as cells
from . import opt_ifs as ifs
from . import opt_loops as loops
from . import opt_scalar as scalar
from . import opt_tables as tables
from .deadcode import has_effects
from .opt_facts import DEAR, SCALARS, Motion, array_type, op_key, prim_cost
from .opt_know import Knowledge, equation
from .rules import NO_RULES, RuleSet
from .strategy import Log


@dataclass(frozen=True)
class Options:
    """What a run of the normaliser does beyond what it always does.

    speculate  cheap float operations may leave an `if`, small ifs become selects (only where nothing
               is differentiated any more: the slope of a side not taken may be infinite)
    tables     transcendentals and loops that miss an enclosing loop become tables before it
    paths      reads of built arrays inline the element where that is cheap
    algebra    factors leave sums, sums of deltas become arrays
    rules      rewriting rules of scalars (`rules/*.dv`)
    finite     rules that hold where everything is finite; used where differentiation made the operand
    """

    speculate: bool = False
    tables: bool = False
    paths: bool = True
    algebra: bool = True
    rules: RuleSet = NO_RULES
    finite: RuleSet = NO_RULES


DEFAULT = Options()
_COMMUTE = frozenset(["add", "mul", "eq", "ne", "and", "or"])
_LINEAR = frozenset(["add", "sub", "neg", "f64", "f32"])


NOTHING_KNOWN = Knowledge()


class Scope:
    """An open region: the statements so far, and what it reads from outside (`uses`, a bit per level)."""

    __slots__ = ("barrier", "carried", "cells", "cost", "effects", "fixed", "guard", "index", "kind", "level", "partial", "saved", "stmts", "uses")

    def __init__(self, level: int, kind: str, barrier: int) -> None:
        self.level = level
        self.kind = kind  # top loop head if
        self.stmts: list[Stmt] = []
        self.index: Var | None = None
        self.cells: list[cells.Cell] = []
        self.carried: frozenset[Var] = frozenset()  # arrays of the function that the loop's states may go on with
        self.guard: Atom | None = None  # the extent of a loop without a head
        self.barrier = barrier
        self.uses = 0
        self.partial = False
        self.effects = False
        self.fixed = False  # holds something that may not leave an `if`
        self.cost = 0.0
        self.saved = NOTHING_KNOWN  # what held where the region was opened


Env = dict[Var, Atom]


def normalise(
    f: Function,
    options: Options = DEFAULT,
    *,
    log: Log | None = None,
    functions: Mapping[str, Function] | None = None,
) -> Function:
    """The function rebuilt by smart constructors."""
    nz = Normaliser(options, log if log is not None else Log(1 << 40), functions or {})
    for v in f.sizes:
        v.nonneg = True
    env: Env = {}
    results = nz.run(f.body, env)
    return f.with_body(Block(tuple(nz.scopes[0].stmts), results))


class Normaliser:
    """Also an emitter of primitives (`prim`), so that derivatives and expansions can use it."""

    def __init__(self, options: Options, log: Log, functions: Mapping[str, Function]) -> None:
        self.options = options
        self.log = log
        self.functions = functions
        self.prov = NOWHERE
        self.scopes = [Scope(0, "top", 0)]
        self.where: dict[Var, Scope] = {}
        self.table: dict[object, tuple[Var, ...]] = {}
        self.know = Knowledge()
        self.found: dict[Var, Atom] = {}  # results of argmax and argmin: the extent of their loop
        self.firing: list[str] = []  # rules whose right sides are being built
        self.whole: set[Var] = set()
        self.cells: dict[object, cells.Cell] = {}
        self.arrays: dict[object, Var] = {}
        self.trees: dict[Var, cells.Key] = {}
        self.cell_key: tuple[Var, cells.Key] | None = None

    # ------------------------------------------------ scopes

    def open(self, kind: str) -> Scope:
        outer = self.scopes[-1]
        level = outer.level + 1
        scope = Scope(level, kind, level if kind == "if" else outer.barrier)
        scope.saved = self.know
        self.scopes.append(scope)
        return scope

    def close(self, results: Sequence[Atom]) -> Scope:
        """Ends the innermost region; what it reads counts as read by the one around it."""
        scope = self.scopes.pop()
        for a in results:
            scope.uses |= 1 << self.level(a)
        self.know = scope.saved
        outer = self.scopes[-1]
        outer.uses |= scope.uses & ((1 << outer.level) - 1)
        scope.uses &= (1 << scope.level) - 1
        return scope

    def level(self, a: Atom) -> int:
        scope = self.where.get(a) if type(a) is Var else None
        return 0 if scope is None else scope.level

    def visible(self, a: Atom) -> bool:
        """Is it in scope here?  (Not so for what a closed region defined.)"""
        if type(a) is not Var:
            return True
        scope = self.where.get(a)
        return scope is None or (scope.level < len(self.scopes) and self.scopes[scope.level] is scope)

    def place(self, level: int, motion: Motion) -> Scope:
        """The scope where a statement goes whose operands live at `level` and above."""
        scopes = self.scopes
        here = scopes[-1]
        if motion >= Motion.STAY:
            return here
        if motion is Motion.DEAR and here.barrier > level:
            level = here.barrier
        while level < here.level and scopes[level + 1].kind == "if":
            level += 1
        return scopes[level]

    def put(self, scope: Scope, op: Op, vars: tuple[Var, ...], uses: int, motion: Motion, cost: float) -> None:
        scope.stmts.append(Stmt(vars, op, self.prov))
        scope.uses |= uses
        scope.cost += cost
        if motion is not Motion.FREE:
            scope.fixed = True
            if motion is Motion.PINNED:
                scope.partial = True
        where = self.where
        for v in vars:
            where[v] = scope

    def emit(
        self, op: Op, types: Sequence[Type], motion: Motion, *, names: Sequence[str] = (), key: object = None,
        uses: int = 0, cost: float = 1.0, like: Sequence[Var] = (),
    ) -> tuple[Var, ...]:
        """A new statement, or an equal one that is there."""
        if key is not None:
            hit = self.table.get(key)
            if hit is not None and (not hit or self.visible(hit[0])):
                self.meet(hit)
                return hit
        for a in operands(op):
            uses |= 1 << self.level(a)
        for t in types:
            for a in t.shape:
                uses |= 1 << self.level(a)
        scope = self.place(uses.bit_length() - 1 if uses else 0, motion)
        vars = tuple(Var(names[k] if k < len(names) else "t", t) for k, t in enumerate(types))
        for v, old in zip(vars, like, strict=False):
            v.nonneg = old.nonneg
            v.name = old.name
        self.put(scope, op, vars, uses, motion, cost)
        if key is not None:
            self.table[key] = vars
        return vars

    def meet(self, hit: tuple[Var, ...]) -> None:
        """Two statements became one: it belongs to both places, and to the user if one of them did."""
        if not hit or hit[0].stmt is None:
            return
        s, p = hit[0].stmt, self.prov
        if s.prov is p:
            return
        if (p.role != "", p.asked != ()) < (s.prov.role != "", s.prov.asked != ()):
            s.prov = p
        elif not s.prov.spans:
            s.prov = replace(s.prov, spans=p.spans)

    def fire(self, rule: str) -> None:
        self.log.fire(rule, self.prov.span)

    # ------------------------------------------------ knowledge

    def know_at(self, level: int) -> Knowledge:
        """What holds for everything that is emitted from now on at this level."""
        return self.know if level >= len(self.scopes) - 1 else self.scopes[level + 1].saved

    def poly(self, a: Atom) -> Poly:
        """The polynomial of a size, equations that hold here used."""
        return self.know.poly(a)

    def same_size(self, a: Atom, b: Atom) -> bool:
        return a is b or a == b or self.poly(a) == self.poly(b)

    def in_bounds(self, array: Atom | None, index: Sequence[Atom], shape: Sequence[Atom], safe: bool) -> tuple[bool, bool]:
        """(in bounds here, in bounds wherever the operands are in scope)."""
        level = 0 if array is None else self.level(array)
        for a in (*index, *shape):
            level = max(level, self.level(a))
        while self.scopes[level].kind == "if":  # a guard does not go with what leaves it
            level -= 1
        at = self.know_at(level)
        total = all(at.in_range(i, n) for i, n in zip(index, shape, strict=False))
        return (True, total) if total or safe else (self.fits(self.know, index, shape), False)

    def fits(self, know: Knowledge, index: Sequence[Atom], shape: Sequence[Atom]) -> bool:
        """In bounds where this is known; what `argmax` gives stands behind a check that there is one."""
        for i, n in zip(index, shape, strict=False):
            size = self.found.get(i) if type(i) is Var else None
            if not know.in_range(i, n) and (size is None or know.poly(size) != know.poly(n)):
                return False
        return True

    # ------------------------------------------------ statements

    def run(self, block: Block, env: Env) -> tuple[Atom, ...]:
        """The statements of a block, here; gives its results."""
        for a in block.results:
            if isinstance(a, Var) and a.type.shape:
                self.whole.add(a)
        for s in block.stmts:
            self.stmt(s, env)
        return tuple([env.get(a, a) if type(a) is Var else a for a in block.results])

    def stmt(self, s: Stmt, env: Env) -> None:
        """One statement; its variables join `env`."""
        self.prov = s.prov
        op = s.op
        if type(op) is Prim:
            v = s.vars[0]
            args = tuple([env.get(a, a) if type(a) is Var else a for a in op.args])
            env[v] = self.make_prim(op.name, args, v)
            return
        if type(op) is Index:
            v = s.vars[0]
            array = env.get(op.array, op.array) if type(op.array) is Var else op.array
            es = tuple([env.get(a, a) if type(a) is Var else a for a in op.index])
            env[v] = arrays.index(self, array, es, op.safe, v)
            return
        if isinstance(op, Loop):
            loops.loop(self, s, op, env)
            return
        if isinstance(op, If):
            ifs.branch(self, s, op, env)
            return
        new = map_operands(op, env)
        match new:
            case Update(a, es, x, safe):
                env[s.vars[0]] = arrays.update(self, a, es, x, safe, s.vars[0])
            case Delta(shape, es, x, safe):
                env[s.vars[0]] = arrays.delta(self, shape, es, x, safe, s.vars[0])
            case Fill(shape, x):
                env[s.vars[0]] = arrays.fill(self, shape, x)
            case Plus(xs):
                env[s.vars[0]] = arrays.plus(self, xs, s.vars[0])
            case ArgSort(a):
                out = self.emit(new, [subst_type(s.vars[0].type, env)], Motion.DEAR, key=op_key(new, {}), like=s.vars)
                env[s.vars[0]] = out[0]
            case Assert(cond, _, _, _):
                self.assertion(new, cond, env)
            case _:
                self.opaque(s, new, env)

    def assertion(self, op: Assert, cond: Atom, env: Env) -> None:
        if isinstance(cond, Var) and self.know.known.get(cond):
            return
        if isinstance(cond, Const) and cond.value:
            self.fire("proven_assert")
            return
        here = self.scopes[-1]
        first = here.guard is not None and not here.partial and not here.effects
        if first and all(self.level(a) < here.level for a in operands(op)):
            assert here.guard is not None
            self.assert_before(here, here.guard, op, cond, env)
            return
        self.emit(op, (), Motion.PINNED)
        self.scopes[-1].effects = True
        self.know = self.know.assume(cond, True)
        found = equation(cond)
        if found is not None:
            v, p = found
            self.know = self.know.equate(v, p)
            same = next(iter(p.terms))[0] if len(p.terms) == 1 and len(next(iter(p.terms))) == 1 else None
            if len(self.scopes) == 1 and v.stmt is None and isinstance(same, Var) and p.terms[(same,)] == 1:
                env[v] = same

    def assert_before(self, loop: Scope, extent: Atom, op: Assert, cond: Atom, env: Env) -> None:
        """What the first effect of every iteration asserts is asserted before the loop, if it runs."""
        self.fire("assert_before")
        scopes, know = self.scopes, self.know
        self.scopes, self.know = scopes[:-1], loop.saved
        empty = self.prim("le", extent, Const(0, "i64"))
        wider = self.prim("or", empty, cond)
        self.assertion(replace(op, cond=wider), wider, env)
        loop.saved = self.know
        self.scopes, self.know = scopes, know.assume(cond, True)

    def opaque(self, s: Stmt, op: Op, env: Env) -> None:
        """Shows, and calls and derivatives that are still there."""
        local: Env = dict(zip(s.vars, s.vars, strict=True))
        effect = isinstance(op, Show) or (isinstance(op, Call | Jvp | Vjp) and self._has_effects(op.fn))
        key = None if effect else op_key(op, {})
        hit = self.table.get(key) if key is not None else None
        if hit is not None and self.visible(hit[0]):
            env.update(zip(s.vars, hit, strict=True))
            return
        uses = 0
        for a in operands(op):
            uses |= 1 << self.level(a)
        vars: list[Var] = []
        for v in s.vars:
            w = Var(v.name, subst_type(v.type, env), nonneg=v.nonneg)
            env[v] = local[v] = w
            vars.append(w)
        self.put(self.scopes[-1], op, tuple(vars), uses, Motion.PINNED, 1.0)
        if effect:
            self.scopes[-1].effects = True
        if key is not None:
            self.table[key] = tuple(vars)

    def _has_effects(self, name: str) -> bool:
        f = self.functions.get(name)
        return f is None or has_effects(f, self.functions)

    # ------------------------------------------------ scalars

    def prim(self, name: str, /, *args: Atom) -> Atom:
        return self.make_prim(name, args, None)

    def make_prim(self, name: str, args: tuple[Atom, ...], like: Var | None) -> Atom:
        simpler = scalar.simplify(self, name, args)
        if simpler is not None:
            return simpler
        order = args
        if name in _COMMUTE and _rank(args[1]) < _rank(args[0]):
            order = (args[1], args[0])
        key = (name, order)
        table = self.table
        hit = table.get(key)
        if hit is not None and self.visible(hit[0]):
            self.meet(hit)
            return hit[0]
        op = Prim(name, args)
        cost = prim_cost(op)
        self.cell_key = None
        if cost >= DEAR and len(self.scopes) > 1:
            stored = cells.read(self, name, args)
            if stored is not None:
                table[key] = (stored,)
                return stored
        uses = 0
        where = self.where
        for a in args:
            if type(a) is Var:
                at = where.get(a)
                uses |= 1 << (0 if at is None else at.level)
        motion = self.prim_motion(op, cost)
        scope = self.place(uses.bit_length() - 1 if uses else 0, motion)
        if like is None:
            v = Var("t", SCALARS[result_kind(name, [a.type.kind for a in args])])
        else:
            v = Var(like.name, like.type, nonneg=like.nonneg)
        vars = (v,)
        self.put(scope, op, vars, uses, motion, cost)
        table[key] = vars
        if cost >= DEAR:
            cells.note(self, v, scope, cost)
        if self.options.tables and cost >= DEAR and scope.level >= 2:
            return tables.table(self, v, scope, loops.build)
        return v

    def prim_motion(self, op: Prim, cost: float) -> Motion:
        if is_partial(op.name, op.args):
            return Motion.PINNED
        if cost == 0 or (cost < DEAR and (self.options.speculate or op.name in _LINEAR)):
            return Motion.FREE
        if op.args[0].type.kind == "bool" and op.name == "select" and self.options.speculate:
            return Motion.FREE
        return Motion.DEAR

    # ------------------------------------------------ moving values between scopes

    def outside(self, size: Atom) -> Atom:
        """An atom that is in scope here and equals a size of a region that is closed."""
        if self.visible(size):
            return size
        return materialise(poly_of(size), self.prim)

    def array_type(self, kind: str, shape: Sequence[Atom]) -> Type:
        return array_type(kind, tuple(shape))


def _rank(a: Atom) -> int:
    """Constants last, else in order of making."""
    return a.uid if type(a) is Var else 1 << 62
