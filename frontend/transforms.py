"""The transforms: `f'`, grad, jvp, vjp, linearize, jacobian, hessian, … as functions of the language."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..compiler.errors import Span, TypeError
from ..compiler.ir import FLOATS, Atom, Const, Var
from ..compiler.sizes import Poly, nonneg, number, poly_of
from . import syntax as sx
from . import values as vs
from .elab_functions import Closure
from .elab_transforms import Lifted
from .values import ArrayV, FnV, Leaf, Native, RecordV, TupleV, Value, leaves, map_leaves, rebuild, reread

if TYPE_CHECKING:
    from .elaborate import Elaborator


class Transform(vs.Builtin):
    """A builtin whose `wrt` is read as names or positions, never as values."""


def wrt_value(e: sx.Expr) -> Value:
    """`wrt = x`, `wrt = (x, y)`, `wrt = 0` as names and positions."""
    match e:
        case sx.Paren(_, inner):
            return wrt_value(inner)
        case sx.Name(_, name):
            return vs.StrV(name)
        case sx.Num(_, int(n)):
            return vs.int_lit(n)
        case sx.Tuple(_, items):
            return TupleV(tuple(map(wrt_value, items)))
        case sx.Str(_, text):
            return vs.StrV(text)
    raise TypeError("DV0403", "wrt takes names or positions of parameters", e.span)


def function_arg(elab: Elaborator, name: str, args: Sequence[Value], span: Span, n: int | None = 1) -> FnV:
    if not args or (n is not None and len(args) != n):
        elab.type_error("DV0303", f"{name} takes {n or 'two or more'} argument{'s' * (n != 1)}", span)
    if not isinstance(args[0], FnV):
        elab.type_error("DV0401", f"{name} wants a function, this is {vs.show_type(args[0])}", span)
    return args[0]


def only(elab: Elaborator, name: str, named: Mapping[str, Value], allowed: Sequence[str], span: Span,
         fn: FnV | None = None) -> None:
    for n in named:
        if n == "argnums" and fn is not None:
            elab.type_error("DV0304", f"{name} has no argument {n}", span, help=elab.instead_of_argnums(named[n], fn))
        if n not in allowed:
            elab.unknown_name(n, span, allowed, f"{name} has no argument")


def grad_like(name: str, with_value: bool) -> Callable[..., Value]:
    def call(elab: Elaborator, args: Sequence[Value], named: Mapping[str, Value], span: Span) -> Value:
        fn = function_arg(elab, name, args, span)
        only(elab, name, named, ("wrt",), span, fn)

        def run(elab: Elaborator, args: Sequence[Value], named_: Mapping[str, Value], at: Span) -> Value:
            values = elab.prepare(fn, args, named_, at)
            wrt, bare = elab.wrt_positions(fn, named.get("wrt"), len(values), span)
            values = elab.float_args(fn, values, wrt, at)
            elab.check_wrt(name, fn, values, wrt, at)
            f = elab.lift_fn(fn, values, at)
            if not isinstance(f.result, Leaf) or f.result.rank or f.result.kind not in FLOATS:
                elab.type_error("DV0401", f"{name} wants a function with one float as its result; {fn.name} gives "
                                f"{vs.show_type(f.result)}; use jacobian, vjp or sum it", span)
            value, found = elab.run_vjp(f, vs.leaf(1.0, f.result.kind), wrt, at)
            slope = found[0] if bare else TupleV(tuple(found))
            return TupleV((value, slope)) if with_value else slope

        return derived(elab, f"{name}({fn.name})", fn, run, named.get("wrt"))

    return call


def derived(elab: Elaborator, name: str, fn: FnV, run: vs.BuiltinApply, wrt: Value | None = None) -> Native:
    """A function with the parameters of `fn`."""
    declared = fn.declared()
    key = (fn.key(), repr_wrt(wrt))
    return Native(name, asking(name, run), fn.params(), declared, identity=key, origin=fn)


def asking(what: str, run: vs.BuiltinApply) -> vs.BuiltinApply:
    """The same, which errors name as the derivative that is asked for."""
    def call(elab: Elaborator, args: Sequence[Value], named: Mapping[str, Value], at: Span) -> Value:
        with elab.asking(what, at):
            return run(elab, args, named, at)

    return call


def repr_wrt(v: Value | None) -> object:
    match v:
        case vs.StrV(text):
            return text
        case TupleV(items):
            return tuple(map(repr_wrt, items))
        case Leaf(Const() as c):
            return c.value
    return None


def prime(elab: Elaborator, fn: Value, span: Span) -> Value:
    """`f'`: the derivative of a function of one scalar, of whatever it gives."""
    if not isinstance(fn, FnV):
        matrix = isinstance(fn, Leaf) and fn.rank == 2
        elab.type_error("DV0401", f"' takes a function, this is {vs.show_type(fn)}", span,
                        help=f"write `transpose({span.text('a').rstrip(chr(39))})`" if matrix else None)
    names = fn.params()
    if names is not None and len(names) != 1:
        elab.type_error("DV0401", f"{fn.name}' wants a function of one scalar, {fn.name} has {len(names)} parameters",
                        span, help="grad(f, wrt = …) differentiates by one of several")

    def run(elab: Elaborator, args: Sequence[Value], named: Mapping[str, Value], at: Span) -> Value:
        values = elab.float_args(fn, elab.prepare(fn, args, named, at), [0], at)
        if len(values) != 1:
            elab.type_error("DV0303", f"{fn.name}' takes 1 argument, these are {len(values)}", at)
        x = values[0]
        if not isinstance(x, Leaf) or x.rank or x.kind not in FLOATS:
            if isinstance(x, FnV) or not isinstance(x, Leaf):
                elab.type_error("DV0401", f"{fn.name}' takes one float, this is {vs.show_type(x)}", at)
            elab.type_error("DV0402" if x.kind not in FLOATS else "DV0401",
                            f"{fn.name}' takes one float, this is {vs.show_type(x)}", at,
                            help=None if x.kind not in FLOATS else f"declare x: f64 and {fn.name} lifts" if isinstance(fn, Closure)
                            and fn.code.top else "make it a `def f(x: f64)`, which lifts, or write [… for x in …]")
        found = given(elab, fn, x, at)
        if found is not None and vs.has_function(found):
            return pointwise(elab, fn, found, x, at)
        f = elab.lift_fn(fn, [x], at)
        return elab.run_jvp(f, [vs.leaf(1.0, x.kind)], at)[1]

    return derived(elab, f"{fn.name}'", fn, run)


def pointwise(elab: Elaborator, fn: FnV, found: Value, x: Leaf, span: Span) -> Value:
    """The derivative at x of a function that gives functions, such as `found`: y to that of fn(x)(y)."""

    def part(pick: Callable[[Elaborator, Value, Span], Value]) -> Native:
        def run(elab: Elaborator, xs: Sequence[Value], _: Mapping[str, Value], at: Span) -> Value:
            return pick(elab, elab.apply(fn, xs, at), at)

        return Native(fn.name, run, ("x",))

    def item(k: int) -> Callable[[Elaborator, Value, Span], Value]:
        def pick(elab: Elaborator, v: Value, at: Span) -> Value:
            assert isinstance(v, TupleV | RecordV)
            return v.items[k]

        return pick

    def run(elab: Elaborator, ys: Sequence[Value], named: Mapping[str, Value], at: Span) -> Value:
        return elab.apply(prime(elab, part(lambda elab, f, here: elab.apply(f, ys, here, named)), at), [x], at)

    match found:
        case FnV():
            return Native(f"{fn.name}'", run, found.params(), found.declared())
        case TupleV(items):
            return TupleV(tuple(pointwise(elab, part(item(k)), v, x, span) for k, v in enumerate(items)))
        case RecordV(decl, names, items):
            return RecordV(decl, names, tuple(pointwise(elab, part(item(k)), v, x, span) for k, v in enumerate(items)))
    return elab.apply(prime(elab, fn, span), [x], span)


def given(elab: Elaborator, fn: FnV, x: Leaf, at: Span) -> Value | None:
    """What the application gives, if it may hold functions: a closure is tried only if its text may do so."""
    base = fn
    while isinstance(base, Native) and isinstance(base.origin, FnV):
        base = base.origin
    if isinstance(base, vs.Builtin) or (isinstance(base, Closure) and not may_give_function(base.code.body)):
        return None
    seen: list[Value] = []

    def probe() -> Sequence[Atom]:
        seen.append(elab.apply(fn, [Leaf(Var("x", x.atom.type))], at))
        return ()

    elab.region(probe)
    return seen[0]


def may_give_function(e: sx.Expr) -> bool:
    match e:
        case sx.Fn() | sx.Name() | sx.Call() | sx.Prime():
            return True
        case sx.Tuple(_, items):
            return any(map(may_give_function, items))
        case sx.Block(_, _, value):
            return may_give_function(value)
        case sx.Paren(_, inner):
            return may_give_function(inner)
        case sx.If(_, branches, _):
            return may_give_function(branches[0][1])
        case sx.Match(_, _, arms):
            return may_give_function(arms[0].body)
    return False


def jvp(elab: Elaborator, args: Sequence[Value], named: Mapping[str, Value], span: Span) -> Value:
    fn = function_arg(elab, "jvp", args, span, 3)
    only(elab, "jvp", named, (), span)
    values = elab.prepare(fn, elab.point("jvp", fn, args[1], span), {}, span)
    active = [k for k, v in enumerate(values) if not isinstance(v, FnV)]
    values = elab.float_args(fn, values, active if len(active) == 1 else [], span)
    active = elab.floats_of(values)
    if not active:
        elab.type_error("DV0402", f"jvp: no parameter of {fn.name} carries floats", span)
    given = elab.spread("jvp", [args[2]], len(active), span)
    tangents: list[Value | None] = [None] * len(values)
    for k, d in zip(active, given, strict=True):
        tangents[k] = elab.direction(values[k], d, "the direction", span)
    with elab.asking(f"jvp({fn.name})", span):
        return TupleV(elab.run_jvp(elab.lift_fn(fn, values, span), tangents, span))


@dataclass(frozen=True, eq=False)
class Linear:
    """What a linear function value is of: `f` at a point, forward or transposed."""

    f: Lifted
    active: tuple[int, ...]
    forward: bool


def point_of(elab: Elaborator, name: str, args: Sequence[Value], span: Span) -> tuple[FnV, Lifted, list[int]]:
    fn = function_arg(elab, name, args, span, None)
    if len(args) == 1 and fn.params() != ():
        elab.type_error("DV0303", f"{name} takes a function and the point at which it is meant", span,
                        help=f"write `{name}({fn.name}, {', '.join(fn.params() or ('x',))})`")
    values = elab.prepare(fn, args[1:], {}, span)
    active = [k for k, v in enumerate(values) if not isinstance(v, FnV)]
    values = elab.float_args(fn, values, active if len(active) == 1 else [], span)
    active = elab.floats_of(values)
    if not active:
        elab.type_error("DV0402", f"{name}: no parameter of {fn.name} carries floats", span)
    with elab.asking(f"{name}({fn.name})", span):
        return fn, elab.lift_fn(fn, values, span), active


def value_at(elab: Elaborator, f: Lifted, span: Span) -> Value:
    with elab.at(span, f.asked):
        f.value = elab.results(f, elab.b.call(f.function, f.atoms))
    return f.value


def forward(f: Lifted, active: Sequence[int]) -> Native:
    def run(elab: Elaborator, args: Sequence[Value], named: Mapping[str, Value], span: Span) -> Value:
        given = elab.spread("the linear function", args, len(active), span)
        tangents: list[Value | None] = [None] * len(f.args)
        for k, d in zip(active, given, strict=True):
            tangents[k] = elab.direction(f.args[k], d, "the direction", span)
        return elab.run_jvp(f, tangents, span)[1]

    names = tuple(f"dx{k}" if len(active) > 1 else "dx" for k, _ in enumerate(active))
    return Native("the linear function", run, names, extra=Linear(f, tuple(active), True))


def pullback(f: Lifted, active: Sequence[int], linear: bool = False) -> Native:
    """Takes cotangents back through f; `linear`: f must be linear."""
    def run(elab: Elaborator, args: Sequence[Value], named: Mapping[str, Value], span: Span) -> Value:
        if len(args) != 1:
            elab.type_error("DV0403", f"a pullback takes one cotangent, these are {len(args)}", span)
        found = elab.run_vjp(f, elab.cotangent(f, args[0], span), active, span, linear)[1]
        return found[0] if len(found) == 1 else TupleV(tuple(found))

    return Native("the pullback", run, ("ybar",), extra=Linear(f, tuple(active), False))


def vjp(elab: Elaborator, args: Sequence[Value], named: Mapping[str, Value], span: Span) -> Value:
    only(elab, "vjp", named, (), span)
    _, f, active = point_of(elab, "vjp", args, span)
    return TupleV((value_at(elab, f, span), pullback(f, active)))


def linearize(elab: Elaborator, args: Sequence[Value], named: Mapping[str, Value], span: Span) -> Value:
    only(elab, "linearize", named, (), span)
    _, f, active = point_of(elab, "linearize", args, span)
    return TupleV((value_at(elab, f, span), forward(f, active)))


def transpose_linear(elab: Elaborator, args: Sequence[Value], named: Mapping[str, Value], span: Span) -> Value:
    fn = function_arg(elab, "transpose_linear", args, span, None)
    if isinstance(fn, Native) and isinstance(fn.extra, Linear):
        lin = fn.extra
        return pullback(lin.f, lin.active) if lin.forward else forward(lin.f, lin.active)
    only(elab, "transpose_linear", named, (), span)
    if len(args) == 2:
        args = [fn, *elab.point("transpose_linear", fn, args[1], span)]
    _, f, active = point_of(elab, "transpose_linear", args, span)
    return pullback(f, active, linear=True)


def jacobian(elab: Elaborator, args: Sequence[Value], named: Mapping[str, Value], span: Span) -> Value:
    fn = function_arg(elab, "jacobian", args, span)
    only(elab, "jacobian", named, ("wrt",), span, fn)

    def run(elab: Elaborator, args: Sequence[Value], named_: Mapping[str, Value], at: Span) -> Value:
        values = elab.prepare(fn, args, named_, at)
        wrt, bare = elab.wrt_positions(fn, named.get("wrt"), len(values), span)
        values = elab.float_args(fn, values, wrt, at)
        elab.check_wrt("jacobian", fn, values, wrt, at)
        f = elab.lift_fn(fn, values, at)
        return jacobian_of(elab, f, wrt, bare, at)

    return derived(elab, f"jacobian({fn.name})", fn, run, named.get("wrt"))


NO_SUMS = "there is no type for it: its constructors would hold other types"


def jacobian_of(elab: Elaborator, f: Lifted, wrt: Sequence[int], bare: bool, span: Span) -> Value:
    """The result's structure, each leaf with the structure and shape of the arguments behind its own
    (`bare`: of the only one, otherwise a tuple of them)."""
    floats = [x for x in leaves(f.result) if x.kind in FLOATS]
    if not floats:
        elab.type_error("DV0401", f"jacobian: the function gives no floats but {vs.show_type(f.result)}", span)
    plain = all(x.kind in FLOATS for x in leaves(f.result)) and not f.hidden
    value = f.result if plain else elab.results(f, elab.b.call(f.function, f.atoms))
    blocks = {k: (reverse_blocks if prefers_reverse(f, k) else forward_blocks)(elab, f, k, value, span) for k in wrt}
    rows = iter(range(len(list(leaves(value)))))

    def outer(v: Value, rank: int = 0) -> Value:
        """`rank` axes of each leaf are those of arrays around it."""
        match v:
            case Leaf():
                row = next(rows)
                if v.kind not in FLOATS:
                    return v
                parts = [inner(f.args[k], v.shape[rank:], iter(blocks[k][row])) for k in wrt]
                return parts[0] if bare else TupleV(tuple(parts))
            case TupleV(items):
                return TupleV(tuple(outer(i, rank) for i in items))
            case RecordV(_, names, items):
                return RecordV(None, names, tuple(outer(i, rank) for i in items))
            case ArrayV(axes, body):
                return ArrayV(axes, outer(body, rank + len(axes)))
        elab.not_yet(f"the jacobian of {vs.show_type(v)}", span, NO_SUMS)

    def inner(v: Value, own: Sequence[Atom], row: Iterator[Value]) -> Value:
        """`own` are the axes of the result's leaf, which stand in front."""
        match v:
            case Leaf():
                return next(row)
            case TupleV(items):
                return TupleV(tuple(inner(i, own, row) for i in items))
            case RecordV(_, names, items):
                return RecordV(None, names, tuple(inner(i, own, row) for i in items))
            case ArrayV(axes, body):
                return ArrayV((*own, *axes), inner(body, (), row))
        elab.not_yet(f"the jacobian with respect to {vs.show_type(v)}", span, NO_SUMS)

    return reread(outer(value))


def prefers_reverse(f: Lifted, k: int) -> bool:
    """Few outputs: one scalar, or provably fewer than inputs."""
    outs = [x for x in leaves(f.result) if x.kind in FLOATS]
    ins = [x for x in leaves(f.args[k]) if x.kind in FLOATS]

    def total(xs: Sequence[Leaf]) -> Poly:
        p = number(0)
        for x in xs:
            q = number(1)
            for s in x.shape:
                q = q * poly_of(s)
            p = p + q
        return p

    if len(outs) == 1 and not outs[0].rank:
        return any(x.rank for x in ins) or len(ins) > 1
    known = {v for x in ins for s in x.shape for v in poly_of(s).vars()}
    if not all(v in known for x in outs for s in x.shape for v in poly_of(s).vars()):
        return False
    m, n = total(outs), total(ins)
    return nonneg(n - m - number(1))


def forward_blocks(elab: Elaborator, f: Lifted, k: int, value: Value, span: Span) -> list[list[Value]]:
    """By basis tangents: for each leaf of the result, for each leaf of the argument.  `value` is f's there."""
    results = list(leaves(value))
    blocks: list[list[Value]] = [[] for _ in results]
    zero = elab.zero_like(f.args[k])
    zeros = list(leaves(zero))
    for j, a in enumerate(leaves(f.args[k])):
        if a.kind not in FLOATS:
            for row in blocks:
                row.append(Leaf(elab.b.zeros(a.atom.type)))
            continue

        def column(idx: Sequence[Atom], j: int = j, a: Leaf = a) -> Value:
            one = Const(1.0, a.kind)
            basis = elab.b.delta(a.shape, idx, one, safe=True) if a.rank else one
            tangent = rebuild(f.args[k], [basis if i == j else z.atom for i, z in enumerate(zeros)])
            tangents: list[Value | None] = [tangent if i == k else None for i in range(len(f.args))]
            slopes = leaves(elab.run_jvp(f, tangents, span)[1])
            if not f.hidden:
                return TupleV(tuple(slopes))
            # Each run has sizes of its own, which are those of the value.
            return TupleV(tuple(elab.build(r.shape, lambda at, x=x: elab.index_value(x, at))  # type: ignore[misc]
                                for r, x in zip(results, slopes, strict=True)))

        table = elab.build(a.shape, column)
        columns = list(leaves(table))
        for row, c in zip(blocks, columns, strict=True):
            row.append(moved(elab, c, a.rank))
    return blocks


def moved(elab: Elaborator, c: Leaf, front: int) -> Leaf:
    """The first `front` axes moved behind the others."""
    if not front or c.rank == front:
        return c
    shape = (*c.shape[front:], *c.shape[:front])
    n = c.rank - front
    return Leaf(elab.b.builds(shape, lambda idx: elab.b.index(c.atom, *idx[n:], *idx[:n], safe=True)))


def reverse_blocks(elab: Elaborator, f: Lifted, k: int, value: Value, span: Span) -> list[list[Value]]:
    """By basis cotangents."""
    results = list(leaves(f.result))
    env = elab.results(f, elab.b.call(f.function, f.atoms)) if any(x.rank for x in results) else f.result
    shapes = [x.shape for x in leaves(env)]
    blocks: list[list[Value]] = []
    for j, r in enumerate(results):
        if r.kind not in FLOATS:
            blocks.append([])
            continue

        def row(idx: Sequence[Atom], j: int = j, r: Leaf = r) -> Value:
            one = Const(1.0, r.kind)
            basis = elab.b.delta(shapes[j], idx, one, safe=True) if r.rank else one
            cots = [basis if i == j else elab.b.fill(shapes[i], Const(0, x.kind)) for i, x in enumerate(results)]
            found = elab.run_vjp(f, rebuild(f.result, cots), [k], span)[1]
            return TupleV(tuple(leaves(found[0])))

        blocks.append(list(leaves(elab.build(shapes[j], row))))
    return blocks


def hessian(elab: Elaborator, args: Sequence[Value], named: Mapping[str, Value], span: Span) -> Value:
    fn = function_arg(elab, "hessian", args, span)
    only(elab, "hessian", named, ("wrt",), span, fn)
    slope = grad_like("grad", False)(elab, [fn], named, span)
    rows = jacobian(elab, [slope], named, span)
    assert isinstance(rows, Native)
    what = f"hessian({fn.name})"
    return replace(rows, name=what, call=asking(what, rows.call))


def hvp(elab: Elaborator, args: Sequence[Value], named: Mapping[str, Value], span: Span) -> Value:
    fn = function_arg(elab, "hvp", args, span)
    only(elab, "hvp", named, ("wrt",), span, fn)
    slope = grad_like("grad", False)(elab, [fn], named, span)
    assert isinstance(slope, FnV)

    def run(elab: Elaborator, args: Sequence[Value], named_: Mapping[str, Value], at: Span) -> Value:
        direction = named_.get("direction")
        if direction is None and (len(args) < 2 or named_):
            elab.type_error("DV0303", "hvp(f) takes the arguments of f, then the direction", at)
        point = args if direction is not None else args[:-1]
        values = elab.prepare(slope, point, {n: v for n, v in named_.items() if n != "direction"}, at)
        wrt, _ = elab.wrt_positions(fn, named.get("wrt"), len(values), span)
        values = elab.float_args(fn, values, wrt, at)
        elab.check_wrt("hvp", fn, values, wrt, at)
        given = elab.spread("hvp", [direction if direction is not None else args[-1]], len(wrt), at)
        tangents: list[Value | None] = [None] * len(values)
        for k, d in zip(wrt, given, strict=True):
            tangents[k] = elab.direction(values[k], d, "the direction", at)
        return elab.run_jvp(elab.lift_fn(slope, values, at), tangents, at)[1]

    names = fn.params()
    what = f"hvp({fn.name})"
    return Native(what, asking(what, run), None if names is None else (*names, "direction"))


def stop_gradient(elab: Elaborator, args: Sequence[Value], named: Mapping[str, Value], span: Span) -> Value:
    if len(args) != 1 or named:
        elab.type_error("DV0303", "stop_gradient takes one argument", span)
    v = args[0]
    if isinstance(v, FnV):
        fn = v
        return Native(fn.name, lambda e, xs, more, at: stop_gradient(e, [e.apply(fn, xs, at, more)], {}, at),
                      fn.params(), fn.declared())
    with elab.at(span):
        return map_leaves(v, lambda x: x if x.kind not in FLOATS else
                          elab.lift([x], lambda s: elab.b.prim("stop_gradient", *s), span, flex=x.flex))


TRANSFORMS: dict[str, Value] = {
    name: Transform(name, call, None, None, doc) for name, call, doc in (
        ("grad", grad_like("grad", False), "grad(f, wrt = first): the gradient of a function with one float as result"),
        ("value_and_grad", grad_like("value_and_grad", True), "value_and_grad(f, wrt = first): (value, gradient)"),
        ("jvp", jvp, "jvp(f, point, direction): (value, tangent)"),
        ("vjp", vjp, "vjp(f, x, …): (value, pullback)"),
        ("linearize", linearize, "linearize(f, x, …): (value, linear function)"),
        ("transpose_linear", transpose_linear, "transpose_linear(g, x): the transpose of a linear function"),
        ("jacobian", jacobian, "jacobian(f, wrt = first): every output by every input"),
        ("hessian", hessian, "hessian(f, wrt = first): second derivatives"),
        ("hvp", hvp, "hvp(f)(x, v): the Hessian at x times v"),
        ("stop_gradient", stop_gradient, "stop_gradient(e): e, whose derivative is taken as zero"),
    )
}
