"""Derivatives as programs: text of the language that compiles again.

The core is flat.  Where a signature has records or tuples, a `def` with the original signature takes
them apart, calls the flat one and puts the result together.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from . import shapes
from .shapes import Array, Param, Record, Scalar, Sum, Tuple

if TYPE_CHECKING:
    from .function import Function
    from .pipeline import Instance


def program_text(instance: Instance, params: Sequence[Param], name: str) -> str:
    """The instance as a program whose function has these parameters."""
    from ..compiler.printer import print_program

    name = identifier(name)
    params = (*instance.given, *params)
    flat = all(_is_flat(p.type) for p in params) and _is_flat_result(instance.result)
    leaves = [identifier(leaf.path) for p in params for leaf in shapes.leaves(p.type, p.name)]
    if flat:
        text = print_program(instance.renamed(name, leaves), pretty=True)
        head, rest = text.split("\n", 1)
        if all(f"{p.name}: " in head for p in params):
            for p in params:
                if default := _default(p):
                    head = re.sub(rf"\b{p.name}: {p.type}(?=[,)])", rf"\g<0>{default}", head, count=1)
            return f"{head}\n{rest}"  # else a name had to give way to a builtin's
    text = print_program(instance.renamed(f"{name}_flat", leaves), pretty=True)
    types = Types([*(p.type for p in params), instance.result])
    *given, result = types.named
    shown = [f"{p.name}: {types.show(t)}{_default(p)}" for p, t in zip(params, given, strict=True)]
    head = f"def {name}({', '.join(shown)}) ="
    parts = [leaf for p, t in zip(params, given, strict=True) for leaf in _take_apart(p.name, t)]
    outs = [f"r{k}_" for k in range(len(instance.outputs))]
    body = [f"  let {_tuple(outs)} = {name}_flat({', '.join(parts)})", f"  {_put_together(result, iter(_kept(instance, outs)))}"]
    return "\n".join([*types.declarations(), "\n".join([head, *body]), "", text])


def _default(p: Param) -> str:
    """A default that says the same in any program: a number or a bool."""
    plain = isinstance(p.type, Scalar) and p.default is not None and p.default[0] == "value"
    text = p.default[1] if p.default is not None else ""
    return f" = {text}" if plain and re.fullmatch(r"-?\d[\w.]*(e[+-]?\d+)?|true|false", text) else ""


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


def _tuple(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"


def _take_apart(text: str, t: shapes.Type, depth: int = 0) -> Iterator[str]:
    """An expression for each leaf of a value."""
    match t:
        case Record(_, fields):
            for f, s in fields:
                yield from _take_apart(f"{text}.{f}", s, depth)
        case Tuple(items):
            for k, s in enumerate(items):
                yield from _take_apart(f"{text}[{k}]", s, depth)
        case Sum(_, ctors):
            tags = [f"{c}{'(' + ', '.join('_' for _ in payload) + ')' if payload else ''} -> {k}"
                    for k, (c, payload) in enumerate(ctors)]
            yield f"match {text} {{ {'; '.join(tags)} }}"
            for c, payload in ctors:
                for k, s in enumerate(payload):
                    x = f"x{depth}_"
                    pattern = ", ".join(x if j == k else "_" for j in range(len(payload)))
                    for leaf, there in zip(shapes.leaves(s), _take_apart(x, s, depth + 1), strict=True):
                        other = f"; _ -> {_blank(leaf)}" if len(ctors) > 1 else ""
                        yield f"match {text} {{ {c}({pattern}) -> {there}{other} }}"
        case Array(element, sizes) if not isinstance(element, Scalar):
            names = [text, *(f"x{depth + k}_" for k in range(len(sizes)))]
            gens = ", ".join(f"{x} in {of}" for of, x in itertools.pairwise(names))
            for leaf_text in _take_apart(names[-1], element, depth + len(sizes)):
                yield f"[{leaf_text} for {gens}]"
        case _:
            yield text


def _blank(leaf: shapes.Leaf) -> str:
    """Zeros in the place of a leaf whose constructor was not taken."""
    zero = {"f64": "0.0", "i64": "0", "bool": "false"}.get(leaf.kind, f"{leaf.kind}(0)")
    if not leaf.sizes:
        return zero
    return f"fill({_tuple([str(s) if isinstance(s, int) else '0' for s in leaf.sizes])}, {zero})"


def _put_together(t: shapes.Type, outs: Iterator[str], index: str = "", depth: int = 0) -> str:
    match t:
        case Record(name, fields):
            return f"{name}({', '.join(f'{f} = {_put_together(s, outs, index, depth)}' for f, s in fields)})"
        case Tuple(items):
            return f"({', '.join(_put_together(s, outs, index, depth) for s in items)})"
        case Sum(_, ctors):
            tag = _put_together(Scalar("i64"), outs, index)
            made = [c + (f"({', '.join(_put_together(s, outs, index, depth) for s in payload)})" if payload else "")
                    for c, payload in ctors]
            return "".join(f"if {tag} == {k} then {text} else " for k, text in enumerate(made[:-1])) + made[-1]
        case Array(element, sizes) if not isinstance(element, Scalar):
            names = [f"i{depth + k}_" for k in range(len(sizes))]
            inner = index + ", " + ", ".join(names) if index else ", ".join(names)
            return f"[{_put_together(element, outs, inner, depth + len(sizes))} for {', '.join(names)}]"
        case _:
            return f"{next(outs)}[{index}]" if index else next(outs)


class Types:
    """The record and sum types that a program needs: their declarations, and how types are written with them.

    A record's sizes become its parameters: those that are equal wherever the type occurs are one.  Anonymous
    records get names.
    """

    def __init__(self, types: Sequence[shapes.Type]) -> None:
        self.seen: dict[str, list[Record | Sum]] = {}
        self.anonymous: dict[str, str] = {}
        self.taken = {name for t in types for name in _names(t)}
        self.named = [self._named(t) for t in types]

    def _named(self, t: shapes.Type) -> shapes.Type:
        """The type with names for anonymous records; notes what occurs in it, parts first."""
        match t:
            case Array(element, sizes):
                return Array(self._named(element), sizes)
            case Tuple(items):
                return Tuple(tuple(map(self._named, items)))
            case Record(name, fields):
                record = Record(name, tuple((f, self._named(s)) for f, s in fields))
                if not name:
                    record = Record(self._fresh(record), record.fields)
                self.seen.setdefault(record.name, []).append(record)
                return record
            case Sum(name, ctors):
                made = Sum(name, tuple((c, tuple(map(self._named, payload))) for c, payload in ctors))
                self.seen.setdefault(name, []).append(made)
                return made
        return t

    def _fresh(self, record: Record) -> str:
        """The name of an anonymous record, one for each structure."""
        key = repr(shapes.with_sizes_of(record, set()))
        names = itertools.chain(["Record"], (f"Record{k}" for k in itertools.count(2)))
        if key not in self.anonymous:
            self.anonymous[key] = next(n for n in names if n not in self.taken)
            self.taken.add(self.anonymous[key])
        return self.anonymous[key]

    def _parameters(self, name: str) -> list[tuple[int, ...]]:
        """Which of a record's sizes are the same parameter; those that are one number everywhere are none."""
        groups: dict[object, list[int]] = {}
        for k, column in enumerate(zip(*(_sizes(r) for r in self.seen[name]), strict=True)):
            if not (isinstance(column[0], int) and len(set(column)) == 1):
                groups.setdefault((k, column) if "_" in column else column, []).append(k)
        return [tuple(g) for g in groups.values()]

    def show(self, t: shapes.Type, element: bool = False) -> str:
        match t:
            case Array(inner, sizes):
                return f"{self.show(inner, True)}[{', '.join(map(str, sizes))}]"
            case Tuple(items):
                return f"({', '.join(map(self.show, items))})"
            case Record(name, _):
                given = _sizes(t)
                args = [str(given[group[0]]) for group in self._parameters(name)]
                return f"{name}[{', '.join(args)}]" if any(a != "_" for a in args) or (args and element) else name
        return str(t)

    def declarations(self) -> list[str]:
        """What is used first stands before what uses it."""
        return [self._declaration(found[0]) + "\n" for found in self.seen.values()]

    def _declaration(self, t: Record | Sum) -> str:
        names = (f"n{k}_" for k in itertools.count())
        if isinstance(t, Sum):
            ctors = [c + (f"({', '.join(self.show(_filled(s, names)) for s in payload)})" if payload else "")
                     for c, payload in t.ctors]
            return f"type {t.name} = {' | '.join(ctors)}"
        sizes, params = _sizes(t), []
        for group in self._parameters(t.name):
            params.append(next(names))
            for k in group:
                sizes[k] = params[-1]
        given = iter(sizes)
        fields = [f"{f}: {self.show(_with_sizes(s, given))}" for f, s in t.fields]
        return f"type {t.name}{'[' + ', '.join(params) + ']' if params else ''} = {{{', '.join(fields)}}}"


def _names(t: shapes.Type) -> Iterator[str]:
    """The names of types and constructors in a type."""
    match t:
        case Array(element, _):
            yield from _names(element)
        case Tuple(items):
            for i in items:
                yield from _names(i)
        case Record(name, fields):
            yield name
            for _, s in fields:
                yield from _names(s)
        case Sum(name, ctors):
            yield name
            for c, payload in ctors:
                yield c
                for s in payload:
                    yield from _names(s)


def _sizes(t: shapes.Type) -> list[shapes.Size]:
    """The sizes in a type from left to right; those of a sum type belong to its values."""
    match t:
        case Array(element, sizes):
            return [*_sizes(element), *sizes]
        case Tuple(items):
            return [n for i in items for n in _sizes(i)]
        case Record(_, fields):
            return [n for _, s in fields for n in _sizes(s)]
    return []


def _with_sizes(t: shapes.Type, given: Iterator[shapes.Size]) -> shapes.Type:
    """The type with other sizes, in the order of `_sizes`."""
    match t:
        case Array(element, sizes):
            inner = _with_sizes(element, given)
            return Array(inner, tuple(next(given) for _ in sizes))
        case Tuple(items):
            return Tuple(tuple(_with_sizes(i, given) for i in items))
        case Record(name, fields):
            return Record(name, tuple((f, _with_sizes(s, given)) for f, s in fields))
    return t


def _filled(t: shapes.Type, names: Iterator[str]) -> shapes.Type:
    """The type with names for what is not a number."""
    return _with_sizes(t, iter([s if isinstance(s, int) else next(names) for s in _sizes(t)]))


# ---------------------------------------------------------------- forward mode


def forward_gradient(f: Function, types: Sequence[shapes.Type], wrt: Sequence[str]) -> str:
    """An expression of the language for the gradient of f by forward mode: one tangent for each input."""
    names = [p.name for p in f.params]
    args = f.names()
    parts = []
    for w in wrt:
        k = names.index(w)
        parts.append(_slopes(types[k], args[k], lambda x, k=k: (  # type: ignore[misc]
            f"({f.text})({', '.join(x if j == k else a for j, a in enumerate(args))})")))
    head = args[0] if len(args) == 1 else f"({', '.join(args)})"
    return f"fn {head} -> {_tuple(parts)}"


def _slopes(t: shapes.Type, x: str, f: Callable[[str], str], depth: int = 0) -> str:
    """The gradient of the expression f(x) with respect to the value x, as an expression."""
    match t:
        case Scalar("f64" | "f32" as kind):
            return _slope(x, f, _one(kind), kind)
        case Array(Scalar("f64" | "f32" as kind), sizes):
            ns, ix = ([f"{c}{depth + j}_" for j in range(len(sizes))] for c in "ni")
            direction = f"delta({_tuple(ns)}, {_tuple(ix)}, {_one(kind)})"
            gens = ", ".join(f"{i} < {n}" for i, n in zip(ix, ns, strict=True))
            shape = f"len({x})" if len(ns) == 1 else f"shape({x})"
            return f"(let {_tuple(ns)} = {shape}; [{_slope(x, f, direction, kind)} for {gens}])"
        case Record(_, fields):
            parts = [f"{n} = {_slopes(s, f'{x}.{n}', lambda y, n=n: f(f'({x} with {n} = {y})'), depth)}"  # type: ignore[misc]
                     for n, s in fields]
            return f"({x} with ({', '.join(parts)}))"
        case Tuple(items):
            return _tuple([_slopes(s, f"{x}[{k}]", lambda y, k=k: f(f"({x} with [{k}] = {y})"), depth)  # type: ignore[misc]
                           for k, s in enumerate(items)])
        case Sum(_, ctors):
            arms = []
            for c, payload in ctors:
                names = [f"x{depth + k}_" for k in range(len(payload))]
                slopes = [_slopes(s, names[k], lambda y, c=c, k=k, names=names: f(  # type: ignore[misc]
                    f"{c}({', '.join([*names[:k], y, *names[k + 1:]])})"), depth + len(payload)) for k, s in enumerate(payload)]
                arms.append(f"{c}({', '.join(names)}) -> {c}({', '.join(slopes)})" if payload else f"{c} -> {c}")
            return f"match {x} {{ {'; '.join(arms)} }}"
        case Array(element, sizes) if not isinstance(element, Scalar):
            ix = [f"i{depth + j}_" for j in range(len(sizes))]
            ns = [f"len({x}{'[' + ', '.join('0' * j) + ']' if j else ''})" for j in range(len(sizes))]
            at = ", ".join(ix)
            inner = _slopes(element, f"{x}[{at}]", lambda y: f(f"({x} with [{at}] = {y})"), depth + len(sizes))
            return f"[{inner} for {', '.join(f'{i} < {n}' for i, n in zip(ix, ns, strict=True))}]"
    return f"zeros_like({x})"


def _slope(x: str, f: Callable[[str], str], direction: str, kind: str) -> str:
    text = f"jvp(fn w_ -> {f('w_')}, {x}, {direction})[1]"
    return text if kind == "f64" else f"{kind}({text})"


def _one(kind: str) -> str:
    return "1.0" if kind == "f64" else "f32(1.0)"
