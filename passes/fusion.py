"""Merging: loops of one extent and direction become one loop, ifs with one condition one `if`.

Two loops of a block merge if the later one reads outs of the earlier one at its own index only, and
nothing between them needs the earlier and is needed by the later.  That is decided by levels of the
dependence graph in one pass: a *soft* edge (a read at the own index, or inside the branches of an
`if`) keeps the level, every other edge from something that could merge raises it, and what has the
same key on the same level merges.  So merging is linear in the size of the program, and nothing is
restarted.  (Kennedy and McKinley, Maximizing Loop Parallelism and Improving Data Locality via Loop
Fusion and Distribution, LCPC 1993.)

Effects keep their order; what may raise does not pass an effect.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import replace

from ..compiler.ir import (
    Assert,
    Atom,
    Block,
    Call,
    Delta,
    Function,
    If,
    Index,
    Jvp,
    Loop,
    Op,
    Prim,
    Prov,
    Scalar,
    Show,
    Stmt,
    Update,
    Var,
    Vjp,
    all_stmts,
    bound_vars,
    fresh_like,
    fresh_vars,
    map_operands,
    operands,
    regions,
    subst,
)
from ..compiler.primitives import is_partial
from ..compiler.sizes import poly_of
from .opt_states import control_key
from .strategy import Log

Env = dict[Var, Atom]
Key = tuple[object, ...]


def merge(f: Function, log: Log | None = None) -> Function:
    """The function with its loops and ifs merged, at every depth; itself if nothing merges."""
    log = Log() if log is None else log
    before = log.total("merge")
    body = _block(f.body, {}, log)
    return f if log.total("merge") == before else f.with_body(body)


def _block(block: Block, env: Env, log: Log) -> Block:
    stmts: list[Stmt] = []
    for group in _groups(block):
        renamed: dict[Var, Var] = {}
        s = group[0] if len(group) == 1 else _join(group, renamed, log)
        op = map_operands(s.op, env)
        if isinstance(op, Loop):
            index = fresh_like(op.index, env)
            states = tuple(fresh_like(v, env) for v in op.states)
            head = None if op.head is None else _block(op.head, env, log)
            op = replace(op, index=index, states=states, head=head, body=_block(op.body, env, log))
        elif isinstance(op, If):
            op = If(op.cond, _block(op.then, env, log), _block(op.orelse, env, log))
        stmts.append(Stmt(fresh_vars(s.vars, env), op, s.prov))
        env.update((old, env[new]) for old, new in renamed.items())
    return Block(tuple(stmts), tuple(subst(a, env) for a in block.results))


# ---------------------------------------------------------------- what merges


class _Uses:
    """What a statement reads from its block: `soft` at its own index only, `hard` otherwise."""

    def __init__(self, s: Stmt) -> None:
        self.soft: set[Var] = set()
        self.hard: set[Var] = set()
        op = s.op
        self.read(operands(op))
        for v in (*s.vars, *bound_vars(op)):
            self.read(v.type.shape)
        inner = regions(op)
        if isinstance(op, If):
            for b in inner:
                self.soft_block(b)
        elif isinstance(op, Loop):
            for b in inner:
                self.own_block(b, op.index)

    def read(self, atoms: Iterator[Atom] | tuple[Atom, ...]) -> None:
        self.hard.update(a for a in atoms if type(a) is Var)

    def soft_block(self, block: Block) -> None:
        """Everything inside the branches of an `if`."""
        for s in all_stmts(block):
            self.soft.update(a for a in operands(s.op) if type(a) is Var)
            for v in (*s.vars, *bound_vars(s.op)):
                self.read(v.type.shape)
            for b in regions(s.op):
                self.soft.update(a for a in b.results if type(a) is Var)
        self.soft.update(a for a in block.results if type(a) is Var)

    def own_block(self, block: Block, index: Var) -> None:
        for s in all_stmts(block):
            op = s.op
            if type(op) is Index and op.index[0] is index and type(op.array) is Var:
                self.soft.add(op.array)
                self.read(op.index)
            else:
                self.read(operands(op))
            for v in (*s.vars, *bound_vars(op)):
                self.read(v.type.shape)
            for b in regions(op):
                self.read(b.results)
        self.read(block.results)


def _key(s: Stmt) -> Key | None:
    """What merges has equal keys; None for what never does."""
    op = s.op
    if isinstance(op, Loop):
        if _effects(s):
            return None
        if op.head is not None:
            return ("while", control_key(op))
        assert op.extent is not None
        return ("loop", poly_of(op.extent), op.down, op.parallel)
    if isinstance(op, If) and not _effects(s):
        return ("if", op.cond)
    return None


def _effects(s: Stmt) -> bool:
    if isinstance(s.op, Assert | Show | Call | Jvp | Vjp):
        return True
    return any(_effects(t) for b in regions(s.op) for t in b.stmts)


def _may_raise(s: Stmt) -> bool:
    """Can it raise, or is it right only after the checks before it?"""
    op = s.op
    if isinstance(op, Prim):
        return is_partial(op.name, op.args)
    if isinstance(op, Index | Update | Delta):
        return not op.safe
    if isinstance(op, Loop) and op.head is not None:
        return True
    return any(_may_raise(t) for b in regions(op) for t in b.stmts)


def _relies(s: Stmt) -> bool:
    """Does it need the checks that stand before it?"""
    return not isinstance(s.op, Prim) or is_partial(s.op.name, s.op.args)


def _groups(block: Block) -> list[list[Stmt]]:
    """The statements in an order that keeps all dependences, those that merge together."""
    stmts = block.stmts
    keys = [_key(s) for s in stmts]
    if len({k for k in keys if k is not None}) == sum(k is not None for k in keys):
        return [[s] for s in stmts]
    home: dict[Var, int] = {}
    depth: list[int] = []
    edges: list[set[int]] = []
    last_effect: int | None = None
    raisers: list[int] = []  # since the last effect
    for n, s in enumerate(stmts):
        uses = _Uses(s)
        before: dict[int, bool] = {}  # dependence -> soft
        for v in uses.soft:
            if v in home:
                d = home[v]
                soft = keys[n] is not None and keys[d] == keys[n] and _collected(stmts[d], v)
                before[d] = before.get(d, True) and soft
        for v in uses.hard:
            if v in home:
                before[home[v]] = False
        if last_effect is not None and _relies(s):
            before.setdefault(last_effect, False)
        if _effects(s):
            for k in raisers:
                before[k] = False
            last_effect, raisers = n, []
        elif _may_raise(s):
            raisers.append(n)
        depth.append(max((depth[d] + (keys[d] is not None and not soft) for d, soft in before.items()), default=0))
        edges.append(set(before))
        home.update((v, n) for v in s.vars)
    group_of: dict[object, list[int]] = {}
    for n in range(len(stmts)):
        group_of.setdefault((keys[n], depth[n]) if keys[n] is not None else n, []).append(n)
    return _ordered(stmts, list(group_of.values()), edges)


def _collected(s: Stmt, v: Var) -> bool:
    """May a read of `v` become a read of what a merged body has at hand?"""
    if isinstance(s.op, If):
        return True
    assert isinstance(s.op, Loop)
    k = s.vars.index(v) - len(s.op.states)
    return 0 <= k < len(s.op.modes) and s.op.modes[k] == "build"


def _ordered(stmts: tuple[Stmt, ...], groups: list[list[int]], edges: list[set[int]]) -> list[list[Stmt]]:
    """A topological order of the groups, as near to the order of the source as may be."""
    of = {n: g for g, members in enumerate(groups) for n in members}
    waits = [{of[d] for n in members for d in edges[n]} - {g} for g, members in enumerate(groups)]
    users: list[list[int]] = [[] for _ in groups]
    for g, needed in enumerate(waits):
        for d in needed:
            users[d].append(g)
    left = [len(needed) for needed in waits]
    ready = [(members[0], g) for g, members in enumerate(groups) if left[g] == 0]
    heapq.heapify(ready)
    out: list[list[Stmt]] = []
    while ready:
        _, g = heapq.heappop(ready)
        out.append([stmts[n] for n in groups[g]])
        for u in users[g]:
            left[u] -= 1
            if left[u] == 0:
                heapq.heappush(ready, (groups[u][0], u))
    assert len(out) == len(groups), "the groups of a merge depend on each other in a circle"
    return out


# ---------------------------------------------------------------- merging


def _join(group: list[Stmt], renamed: dict[Var, Var], log: Log) -> Stmt:
    """One statement for several, with fresh variables; `renamed` maps the old ones to them."""
    log.fire("merge", group[0].prov.span)
    spans = tuple(dict.fromkeys(id(x) for s in group for x in s.prov.spans))
    by_id = {id(x): x for s in group for x in s.prov.spans}
    first = group[0].prov
    same_role = all(s.prov.role == first.role for s in group)
    same_asked = all(s.prov.asked == first.asked for s in group)
    same_use = all(s.prov.use is first.use for s in group)
    prov = Prov(tuple(by_id[k] for k in spans[:8]), first.role if same_role else "", first.asked if same_asked else (),
                first.use if same_use else None)
    op = _join_loops(group) if isinstance(group[0].op, Loop) else _join_ifs(group)
    local: Env = {}
    old = _group_vars(group)
    if isinstance(op, Loop) and op.head is not None:
        trip = fresh_like(old[-1], local)
        local.update((s.vars[-1], trip) for s in group)
        renamed.update((s.vars[-1], trip) for s in group)
        new = (*fresh_vars(old[:-1], local), trip)
    else:
        new = fresh_vars(old, local)
    renamed.update(zip(old, new, strict=True))
    return Stmt(new, op, prov)


def _group_vars(group: list[Stmt]) -> tuple[Var, ...]:
    """Final states first, then the outs."""
    first = group[0].op
    if isinstance(first, If):
        return tuple(v for s in group for v in s.vars)
    loops = [(s, s.op) for s in group if isinstance(s.op, Loop)]
    return (*(v for s, op in loops for v in s.vars[: len(op.states)]),
            *(v for s, op in loops for v in s.vars[len(op.states): len(op.states) + len(op.modes)]),
            *(s.vars[-1] for s, op in loops[:1] if op.head is not None))


def _join_loops(group: list[Stmt]) -> Op:
    loops = [s.op for s in group if isinstance(s.op, Loop)]
    first = loops[0]
    index = Var(first.index.name, Scalar("i64"), extent=first.extent, nonneg=True)
    copier = _Copier()
    states: list[Var] = []
    nexts: list[Atom] = []
    outs: list[Atom] = []
    head: Block | None = None
    for s, op in zip(group, loops, strict=True):
        copier.env[op.index] = index
        states += [fresh_like(v, copier.env) for v in op.states]
        copier.own = op.index
        if op.head is not None and head is None:
            head = copier.region(op.head)
        copier.block(op.body)
        n = len(op.states)
        results = [subst(a, copier.env) for a in op.body.results]
        nexts += results[:n]
        outs += results[n:]
        copier.at_hand.update((v, a) for v, m, a in zip(s.vars[n:], op.modes, results[n:], strict=False) if m == "build")
    inits = tuple(a for op in loops for a in op.inits)
    modes = tuple(m for op in loops for m in op.modes)
    body = Block(tuple(copier.stmts), (*nexts, *outs))
    return Loop(index, first.extent, tuple(states), inits, head, body, modes, first.down)


def _join_ifs(group: list[Stmt]) -> Op:
    first = group[0].op
    assert isinstance(first, If)
    sides: list[Block] = []
    for k in (0, 1):
        copier = _Copier()
        results: list[Atom] = []
        for s in group:
            side = regions(s.op)[k]
            copier.block(side)
            mine = [subst(a, copier.env) for a in side.results]
            copier.env.update(zip(s.vars, mine, strict=True))
            results += mine
        sides.append(Block(tuple(copier.stmts), tuple(results)))
    return If(first.cond, *sides)


class _Copier:
    """Copies statements; reads of outs `at_hand` at the index `own` become what the body holds."""

    def __init__(self) -> None:
        self.env: Env = {}
        self.at_hand: dict[Var, Atom] = {}
        self.own: Var | None = None
        self.stmts: list[Stmt] = []

    def block(self, block: Block) -> None:
        for s in block.stmts:
            self.stmt(s)

    def stmt(self, s: Stmt) -> None:
        op = s.op
        if type(op) is Index and op.index[0] is self.own and op.array in self.at_hand:
            assert isinstance(op.array, Var)
            a, rest = self.at_hand[op.array], op.index[1:]
            if not rest:
                self.env[s.vars[0]] = a
                return
            new: Op = Index(a, tuple(subst(x, self.env) for x in rest), op.safe)
        else:
            new = map_operands(op, self.env)
        if isinstance(new, Loop):
            index = fresh_like(new.index, self.env)
            states = tuple(fresh_like(v, self.env) for v in new.states)
            head = None if new.head is None else self.region(new.head)
            new = replace(new, index=index, states=states, head=head, body=self.region(new.body))
        elif isinstance(new, If):
            new = If(new.cond, self.region(new.then), self.region(new.orelse))
        self.stmts.append(Stmt(fresh_vars(s.vars, self.env), new, s.prov))

    def region(self, block: Block) -> Block:
        outer, self.stmts = self.stmts, []
        self.block(block)
        inner, self.stmts = self.stmts, outer
        return Block(tuple(inner), tuple(subst(a, self.env) for a in block.results))
