"""States of sequential loops: which are equal, and what decides when a loop ends.

Merged loops often carry a state twice (the primal recurrence and its recomputation).  Two states are
equal if they start equal and, assuming that, every step leaves them equal: the coarsest partition is
found by refinement, with value numbering of the body.  (Alpern, Wegman and Zadeck, Detecting Equality
of Variables in Programs, POPL 1988.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..compiler.ir import (
    Assert,
    Atom,
    Block,
    If,
    Loop,
    Show,
    Stmt,
    Var,
    bound_vars,
    free_vars,
    operands,
    regions,
)
from .opt_facts import op_key


def congruent_states(op: Loop, inits: Sequence[Atom], env: Mapping[Var, Atom]) -> list[int]:
    """For each state the first one that always equals it (itself if there is none); `env` are new values of
    what the loop reads."""
    if len(set(inits)) == len(inits):
        return list(range(len(inits)))
    outer: dict[Var, object] = {v: env[v] for b in regions(op) for v in free_vars(b) if v in env}
    return _refine(op, list(inits), outer, {})


def _refine(op: Loop, inits: Sequence[object], outer: dict[Var, object], ids: dict[object, int]) -> list[int]:
    """The coarsest partition of the states that starts equal and stays equal; numbers the body."""
    n = len(op.states)
    classes: dict[object, list[int]] = {}
    for k in range(n):
        classes.setdefault((inits[k], op.states[k].type.kind, len(op.states[k].type.shape)), []).append(k)
    parts = list(classes.values())
    while True:
        first = {k: p[0] for p in parts for k in p}
        outer.update((v, ("state", op.index.uid, first[k])) for k, v in enumerate(op.states))
        outer[op.index] = ("index", op.index.uid)
        number(op.body, outer, ids)
        refined: list[list[int]] = []
        for p in parts:
            split: dict[object, list[int]] = {}
            for k in p:
                split.setdefault(_number_of(op.body.results[k], outer), []).append(k)
            refined.extend(split.values())
        if len(refined) == len(parts):
            return [first[k] for k in range(n)]
        parts = refined


def _number_of(a: Atom, outer: dict[Var, object]) -> object:
    return outer.get(a, a) if type(a) is Var else a


def number(block: Block, outer: dict[Var, object], ids: dict[object, int]) -> None:
    """Value numbers for the variables of a block, into `outer`; results of regions one by one."""
    for s in block.stmts:
        op = s.op
        key: object = s if isinstance(op, Assert | Show) else op_key(op, {}, outer)
        n = ids.setdefault(key, len(ids))
        if isinstance(op, Loop):
            first = _refine(op, [_number_of(a, outer) for a in op.inits], outer, ids)
            m = len(op.states)
            results: list[object] = [("final", first[k]) for k in range(m)]
            results += [(mode, _number_of(a, outer)) for mode, a in zip(op.modes, op.outs, strict=True)]
            results += [("trip",)] * (op.head is not None)
            outer.update((v, (n, r)) for v, r in zip(s.vars, results, strict=True))
        elif isinstance(op, If):
            number(op.then, outer, ids)
            number(op.orelse, outer, ids)
            cond = _number_of(op.cond, outer)
            for v, x, y in zip(s.vars, op.then.results, op.orelse.results, strict=True):
                outer[v] = ("if", cond, _number_of(x, outer), _number_of(y, outer))
        else:
            outer.update((v, (n, k)) for k, v in enumerate(s.vars))


def backward_slice(stmts: Sequence[Stmt], roots: Sequence[Atom], reads: dict[Stmt, tuple[Var, ...]]) -> list[Stmt]:
    """The statements that the roots are computed from, in order; `reads` is a memo."""
    need = {a for a in roots if type(a) is Var}
    out: list[Stmt] = []
    for s in reversed(stmts):
        if need.isdisjoint(s.vars):
            continue
        out.append(s)
        need.update(reads_of(s, reads))
    out.reverse()
    return out


def reads_of(s: Stmt, memo: dict[Stmt, tuple[Var, ...]]) -> tuple[Var, ...]:
    """The variables that a statement reads from around it."""
    known = memo.get(s)
    if known is None:
        found = [a for a in operands(s.op) if type(a) is Var]
        for b in regions(s.op):
            found.extend(free_vars(b, bound_vars(s.op)))
        for v in s.vars:
            found.extend(a for a in v.type.shape if type(a) is Var)
        known = memo[s] = tuple(found)
    return known


def control_key(op: Loop) -> object:
    """Equal for loops that take the same number of steps because the same states decide it."""
    assert op.head is not None
    memo: dict[Stmt, tuple[Var, ...]] = {}
    place = {v: k for k, v in enumerate(op.states)}
    deciding: set[int] = set()
    todo = [v for v in free_vars(op.head) if v in place]
    while todo:
        k = place[todo.pop()]
        if k in deciding:
            continue
        deciding.add(k)
        a = op.body.results[k]
        found = {a} if isinstance(a, Var) else set()
        for s in backward_slice(op.body.stmts, (a,), memo):
            found.update(reads_of(s, memo))
        todo.extend(v for v in found if v in place)
    keep = sorted(deciding, key=lambda k: repr(op.inits[k]))
    nexts = tuple(op.body.results[k] for k in keep)
    body = Block(tuple(backward_slice(op.body.stmts, nexts, memo)), nexts)
    return op_key(replace(op, states=tuple(op.states[k] for k in keep), inits=tuple(op.inits[k] for k in keep),
                          body=body, modes=()), {})
