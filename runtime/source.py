"""Derivatives as programs: text of the language that compiles again.

The core is flat.  Where a signature has records or tuples, a `def` with the original signature takes
them apart, calls the flat one and puts the result together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..compiler import errors
from . import shapes
from .shapes import Array, Param, Record, Scalar, Sum, Tuple

if TYPE_CHECKING:
    from .function import Function
    from .pipeline import Instance


def program_text(instance: Instance, params: Sequence[Param], name: str) -> str:
    """The instance as a program whose function has these parameters."""
    from ..compiler.printer import print_program

    name = identifier(name)
    flat = all(_is_flat(p.type) for p in params) and _is_flat_result(instance.result)
    leaves = [identifier(leaf.path) for p in params for leaf in shapes.leaves(p.type, p.name)]
    if flat:
        text = print_program(instance.renamed(name, leaves), pretty=True)
        head = text.split("\n", 1)[0]
        if all(f"{p.name}: " in head for p in params):
            return text  # else a name had to give way to a builtin's
    text = print_program(instance.renamed(f"{name}_flat", leaves), pretty=True)
    types = _declarations([*(p.type for p in params), instance.result])
    head = f"def {name}({', '.join(str(Param(p.name, p.type)) for p in params)}) ="
    given = [leaf for p in params for leaf in _take_apart(p.name, p.type)]
    count = len(instance.outputs)
    outs = [f"r{k}_" for k in range(count)]
    body = [f"  let {_tuple(outs)} = {name}_flat({', '.join(given)})", f"  {_put_together(instance.result, iter(_kept(instance, outs)))}"]
    return "\n".join([*types, "\n".join([head, *body]), "", text])


def identifier(name: str) -> str:
    """A name that a `def` may have: `grad(loss)` becomes `grad_loss`."""
    out = "".join(c if c.isalnum() or c == "_" else " " for c in name).split()
    return "_".join(out) or "f"


def _kept(instance: Instance, outs: list[str]) -> list[str]:
    """The results that are leaves of the value; the others are sizes."""
    return [o for o, used in zip(outs, instance.outputs, strict=True) if used]


def _is_flat(t: shapes.Type) -> bool:
    """Can the core's own `def` say it?  A size that is an expression needs the one around."""
    if isinstance(t, Array):
        return isinstance(t.element, Scalar) and all(isinstance(s, int) or shapes.is_name(s) for s in t.sizes)
    return isinstance(t, Scalar)


def _is_flat_result(t: shapes.Type) -> bool:
    plain = t.items if isinstance(t, Tuple) else (t,)
    return all(isinstance(s, Scalar) or (isinstance(s, Array) and isinstance(s.element, Scalar)) for s in plain)


def _declarations(types: Sequence[shapes.Type]) -> list[str]:
    """The `type` declarations that these types need, what is used first before what uses it."""
    found: dict[str, str] = {}

    def see(t: shapes.Type) -> None:
        match t:
            case Array(element, _):
                see(element)
            case Tuple(items):
                for i in items:
                    see(i)
            case Record(name, fields):
                for _, s in fields:
                    see(s)
                inner = ", ".join(f"{f}: {s}" for f, s in fields)
                found.setdefault(name, f"type {name} = {{{inner}}}\n")
            case Sum():
                raise errors.UnsupportedError("DV0901", f"printing a function of the sum type {t.name}: not yet")

    for t in types:
        see(t)
    if "" in found:
        raise errors.UnsupportedError("DV0901", "printing a function of an anonymous record: not yet")
    return list(found.values())


def _tuple(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"


def _take_apart(text: str, t: shapes.Type, axes: int = 0) -> Iterator[str]:
    """An expression for each leaf of a value; under axes, over all elements."""
    match t:
        case Record(_, fields):
            for f, s in fields:
                yield from _take_apart(f"{text}.{f}", s, axes)
        case Tuple(items):
            for k, s in enumerate(items):
                yield from _take_apart(f"{text}[{k}]", s, axes)
        case Array(Scalar()) if not axes:
            yield text
        case Array(element, sizes) if not isinstance(element, Scalar):
            names = [f"i{axes + k}_" for k in range(len(sizes))]
            gens = ", ".join(f"{i} < {s}" for i, s in zip(names, sizes, strict=True))
            for leaf in _take_apart(f"{text}[{', '.join(names)}]", element, axes + len(sizes)):
                yield f"[{leaf} for {gens}]"
        case _:
            yield text


def _put_together(t: shapes.Type, outs: Iterator[str], index: str = "", depth: int = 0) -> str:
    match t:
        case Record(name, fields):
            return f"{name}({', '.join(f'{f} = {_put_together(s, outs, index, depth)}' for f, s in fields)})"
        case Tuple(items):
            return f"({', '.join(_put_together(s, outs, index, depth) for s in items)})"
        case Array(element, sizes) if not isinstance(element, Scalar):
            names = [f"i{depth + k}_" for k in range(len(sizes))]
            gens = ", ".join(f"{i} < {s}" for i, s in zip(names, sizes, strict=True))
            inner = index + ", " + ", ".join(names) if index else ", ".join(names)
            return f"[{_put_together(element, outs, inner, depth + len(sizes))} for {gens}]"
        case _:
            return f"{next(outs)}[{index}]" if index else next(outs)


def forward_gradient(f: Function, types: Sequence[shapes.Type], wrt: Sequence[str]) -> str:
    """An expression of the language for the gradient of f by forward mode: one tangent for each input."""
    names = [p.name for p in f.params]
    args = f.names()
    parts = []
    for w in wrt:
        if w not in names:
            raise errors.TypeError("DV0606", f"{f.__name__} has no parameter {w}", f.span,
                                   help=f"its parameters: {', '.join(names)}")
        k = names.index(w)
        t = types[k]
        inner = f"fn w_ -> ({f.text})({', '.join('w_' if j == k else a for j, a in enumerate(args))})"
        match t:
            case Scalar("f64" | "f32" as kind):
                one = "1.0" if kind == "f64" else "f32(1.0)"
                parts.append(f"jvp({inner}, {args[k]}, {one})[1]")
            case Array(Scalar("f64" | "f32" as kind), sizes):
                ns = [f"n{j}_" for j in range(len(sizes))]
                ix = [f"i{j}_" for j in range(len(sizes))]
                shape = f"len({args[k]})" if len(ns) == 1 else f"shape({args[k]})"
                one = "1.0" if kind == "f64" else "f32(1.0)"
                gens = ", ".join(f"{i} < {n}" for i, n in zip(ix, ns, strict=True))
                direction = f"delta(({', '.join(ns)}), ({', '.join(ix)}), {one})"
                parts.append(f"(let {_tuple(ns)} = {shape}; [jvp({inner}, {args[k]}, {direction})[1] for {gens}])")
            case _:
                raise errors.UnsupportedError("DV0901", f"forward mode with respect to {w}: {t}: not yet", f.span)
    head = args[0] if len(args) == 1 else f"({', '.join(args)})"
    return f"fn {head} -> {_tuple(parts)}"
