"""Which variables depend linearly on given ones, and what a linear program needs from the rest."""

from __future__ import annotations

from collections.abc import Container, Iterable

from ..compiler.errors import TypeError
from ..compiler.ir import (
    ZERO,
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
    Plus,
    Prim,
    Prov,
    Show,
    Stmt,
    Update,
    Var,
    Vjp,
    is_float,
    operands,
    regions,
)


def mark_linear(block: Block, linear: set[Var]) -> None:
    """Adds to `linear` every variable of the block that depends on one of them.

    Raises a `TypeError` (DV0410) where the dependence is not linear.
    """
    for s in block.stmts:
        _mark(s, linear)


def _mark(s: Stmt, linear: set[Var]) -> None:
    def on(a: Atom | None) -> bool:
        return a in linear

    op = s.op
    match op:
        case Loop():
            _mark_loop(s, op, linear)
            return
        case If(c, t, e):
            if on(c):
                raise _not_linear(s, "a condition depends on it")
            mark_linear(t, linear)
            mark_linear(e, linear)
            for v, x, y in zip(s.vars, t.results, e.results, strict=True):
                if on(x) or on(y):
                    linear.add(v)
            return
    if not any(on(a) for a in operands(op)):
        return
    match op:
        case Prim("add" | "sub" | "neg" | "f64" | "f32", _) | Plus():
            pass
        case Prim("mul", (x, y)):
            if on(x) and on(y):
                raise _not_linear(s, "two factors depend on it")
        case Prim("div", (_, y)):
            if on(y):
                raise _not_linear(s, "it divides")
        case Prim("select", (c, _, _)):
            if on(c):
                raise _not_linear(s, "a condition depends on it")
        case Index(_, es) | Update(_, es, _) | Delta(_, es, _):
            if any(map(on, es)):
                raise _not_linear(s, "an index depends on it")
        case Fill():
            pass
        case Assert() | Show():
            return
        case Prim(name, _):
            raise _not_linear(s, f"{name} is not linear")
        case ArgSort() | Call() | Jvp() | Vjp():
            raise _not_linear(s, "it goes through a function that is not linear")
    linear.update(s.vars)


def _mark_loop(s: Stmt, op: Loop, linear: set[Var]) -> None:
    n = len(op.states)
    linear.update(v for v, a in zip(op.states, op.inits, strict=True) if a in linear)
    while True:
        mark_linear(op.body, linear)
        new = [v for v, a in zip(op.states, op.body.results, strict=False) if a in linear and v not in linear]
        if not new:
            break
        linear.update(new)
    if op.head is not None:
        mark_linear(op.head, linear)
        if op.head.results[0] in linear:
            raise _not_linear(s, "a condition depends on it")
    for v, state in zip(s.vars, op.states, strict=False):
        if state in linear:
            linear.add(v)
    for v, mode, a in zip(s.vars[n:], op.modes, op.outs, strict=False):
        if a in linear:
            if mode not in ("build", "sum"):
                raise _not_linear(s, f"a reduction by {mode} is not linear")
            linear.add(v)


# ---------------------------------------------------------------- linear, and nothing beside it


def check_linear(f: Function, directions: set[Var]) -> None:
    """Refuses (DV0410) results that are not linear in the directions: `dx + 1` is only affine."""
    linear = set(directions)
    mark_linear(f.body, linear)
    _check_sides(f.body, linear)
    for a in f.body.results:
        if is_float(a.type) and a not in linear and not is_zero(a):
            raise _without(a, f.body.stmts[-1] if f.body.stmts else Stmt((), Fill((), ZERO), Prov((f.span,) if f.span else ())))


def _check_sides(block: Block, linear: set[Var]) -> None:
    """Where a linear value comes from several, each must be linear or zero."""
    for s in block.stmts:
        for r in regions(s.op):
            _check_sides(r, linear)
        sides: Iterable[tuple[Var, tuple[Atom, ...]]]
        match s.op:
            case Prim("add" | "sub", args) | Prim("select", (_, *args)) | Plus(args):
                sides = [(s.vars[0], tuple(args))]
            case Update(a, _, v):
                sides = [(s.vars[0], (a, v))]
            case If(_, t, e):
                sides = zip(s.vars, zip(t.results, e.results, strict=True), strict=True)
            case Loop() as op:
                sides = zip(op.states, zip(op.inits, op.body.results, strict=False), strict=True)
            case _:
                continue
        for v, atoms in sides:
            bad = [a for a in atoms if a not in linear and not is_zero(a)]
            if v in linear and bad:
                raise _without(bad[0], s)


def is_zero(a: Atom) -> bool:
    """Is the value zero by its form, whatever it is computed from?"""
    if isinstance(a, Const):
        return a.value == 0 and a.kind != "bool"
    if a.stmt is None:
        return False
    op = a.stmt.op
    match op:
        case Fill(_, v) | Index(v, _) | Delta(_, _, v):
            return is_zero(v)
        case Prim("neg" | "f64" | "f32", args) | Prim("add" | "sub", args) | Plus(args):
            return all(map(is_zero, args))
        case Update(x, _, v):
            return is_zero(x) and is_zero(v)
        case If(_, t, e):
            k = a.stmt.vars.index(a)
            return is_zero(t.results[k]) and is_zero(e.results[k])
        case Loop():
            k = a.stmt.vars.index(a) - len(op.states)
            return 0 <= k < len(op.modes) and op.modes[k] in ("build", "sum") and is_zero(op.outs[k])
    return False


def _without(a: Atom, at: Stmt) -> TypeError:
    s = a.stmt if isinstance(a, Var) and a.stmt is not None else at
    return _not_linear(s, "a term stands without it")


def _not_linear(s: Stmt, why: str) -> TypeError:
    return TypeError(
        "DV0410",
        f"this must be linear in its direction, and is not: {why}",
        s.prov.span,
        help="the right side of a derivative is a sum of terms, each the direction times something without it",
    )


# ---------------------------------------------------------------- what the linear part needs


def needed_primals(op: Loop, linear: set[Var], stops: Container[Stmt]) -> set[Var]:
    """Variables without linear dependence that the linear statements of a loop's body read, directly or
    through other statements of the body, and the sizes of the states among them and of the linear ones;
    nothing is followed through the statements `stops`."""
    need: set[Var] = set()
    _seed(op.body, linear, need)
    _close(op.body, need, stops)
    for v in op.states:
        if v in linear or v in need:
            _need(need, v.type.shape)
    return need


def _seed(block: Block, linear: set[Var], need: set[Var]) -> None:
    def want(atoms: Iterable[Atom]) -> None:
        need.update(a for a in atoms if isinstance(a, Var) and a not in linear)

    for s in block.stmts:
        if not any(v in linear for v in s.vars):
            continue
        op = s.op
        if isinstance(op, Loop):
            if op.extent is not None:
                want([op.extent])
            if op.head is not None:
                want(op.head.results)
            for st, a in zip(op.states, op.body.results, strict=False):
                if st in linear:
                    want((a, *st.type.shape))
        elif isinstance(op, If):
            want([op.cond])
            for v, x, y in zip(s.vars, op.then.results, op.orelse.results, strict=True):
                if v in linear:
                    want([x, y])
        else:
            want(operands(op))
        for v in s.vars:
            if v in linear:
                want(v.type.shape)
        for r in regions(op):
            _seed(r, linear, need)


def _close(block: Block, need: set[Var], stops: Container[Stmt]) -> None:
    """Adds everything that the needed variables of a block are computed from."""
    for s in reversed(block.stmts):
        if s in stops:
            continue
        op = s.op
        wanted = [k for k, v in enumerate(s.vars) if v in need]
        for k in wanted:
            _need(need, s.vars[k].type.shape)
        if isinstance(op, Loop):
            _close_loop(s, op, wanted, need, stops)
        elif isinstance(op, If):
            for k in wanted:
                _need(need, (op.then.results[k], op.orelse.results[k]))
            for r in regions(op):
                _close(r, need, stops)
            if wanted:
                _need(need, [op.cond])
        elif wanted:
            _need(need, operands(op))


def _close_loop(s: Stmt, op: Loop, wanted: list[int], need: set[Var], stops: Container[Stmt]) -> None:
    n = len(op.states)
    for k in wanted:
        if k < n:
            need.add(op.states[k])
        elif k < n + len(op.modes):
            _need(need, [op.outs[k - n]])
    if wanted:
        _need(need, [op.extent] if op.extent is not None else [])
        if op.head is not None:
            _need(need, op.head.results)
    while True:  # states read each other over the iterations: to a fixed point
        before = len(need)
        for r in regions(op):
            _close(r, need, stops)
        for state, following, init in zip(op.states, op.body.results, op.inits, strict=False):
            if state in need:
                _need(need, (following, init, *state.type.shape))
        if len(need) == before:
            return


def _need(need: set[Var], atoms: Iterable[Atom]) -> None:
    need.update(a for a in atoms if isinstance(a, Var))
