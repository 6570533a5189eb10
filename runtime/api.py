"""The Python door: modules, their functions, and the transforms of functions.

A transform makes a function of the language and no new machinery: `dv.grad(f)` is the language's
`grad(f, wrt=(0))`, compiled for the arguments that arrive.
"""

from __future__ import annotations

import difflib
import functools
import os
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..compiler import errors
from ..compiler.errors import Source
from . import data, shapes
from .function import Function
from .guard import door
from .pipeline import Outline, Unit
from .records import ctor_class, homes, record_class, sum_class
from .sources import PAIR
from .values import array_of

__all__ = [
    "Function", "Module", "compile", "grad", "hessian", "hvp", "jacfwd", "jacobian", "jacrev", "jvp", "linearize", "load",
    "transpose_linear", "value_and_grad", "vjp", "vmap",
]

Argnums = int | Sequence[int]


# ---------------------------------------------------------------- modules


class Module:
    """The functions, record types and constructors of a program, as attributes, or by `module["name"]`.

    Only names of the program are attributes; what is ours begins with an underscore.
    """

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._functions: dict[str, Function] = {}

    @property
    def _source(self) -> str:
        """The text of the program."""
        return self._unit.source.text

    def _function(self, name: str) -> Function:
        """A function by name; `dv.NameError` if there is none."""
        found = self._functions.get(name)
        if found is None:
            made = Function(self._unit, name, self._unit.signature(name), plain=True)
            found = self._functions.setdefault(name, made)
        return found

    def _check(self) -> int:
        """Checks the whole program; the number of its functions."""
        return self._unit.check()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = self.__dict__[name] = self._member(unicodedata.normalize("NFC", name))
        return found

    def _member(self, name: str) -> Any:
        outline = self._unit.outline()
        if name in outline.functions:
            return self._function(name)
        cls = self._class(name, outline)
        if cls is not None:
            homes[cls] = self._unit.alone.__reduce__()
            return cls
        close = difflib.get_close_matches(name, list(outline.functions), 1)
        raise AttributeError(f"{self._unit.source.name} has no {name}" + (f"; did you mean {close[0]}?" if close else ""))

    def _class(self, name: str, outline: Outline) -> type | None:
        """The class of a record, a sum type or a constructor."""
        for t in outline.types:
            if isinstance(t, shapes.Record) and t.name == name:
                return record_class(name, tuple(f for f, _ in t.fields))
            if isinstance(t, shapes.Sum):
                arity = tuple((c, len(payload)) for c, payload in t.ctors)
                for tag, (ctor, _) in enumerate(arity):
                    if ctor == name:
                        return ctor_class(t.name, arity, tag)
                if t.name == name:
                    return sum_class(name, arity)
        return None

    def __getitem__(self, name: str) -> Function:
        if not isinstance(name, str):
            raise errors.TypeError("DV0607", f"a function of a module is found by its name, not by a {type(name).__name__}")
        return self._function(name)

    def __dir__(self) -> list[str]:
        outline = self._unit.outline()
        ctors = [c for t in outline.types if isinstance(t, shapes.Sum) for c, _ in t.ctors]
        records = [t.name for t in outline.types if isinstance(t, shapes.Record)]
        return sorted({*object.__dir__(self), *outline.functions, *records, *ctors})

    def __repr__(self) -> str:
        return f"<derivant module {self._unit.source.name}: {', '.join(self._unit.outline().functions)}>"

    def __reduce__(self) -> tuple[object, ...]:
        return Module, (self._unit,)


@door
def compile(text: str, *, name: str = "<text>", backend: str | None = None) -> Module:
    """The module of a program's text; errors of the whole program are raised here."""
    if not isinstance(text, str):
        raise errors.TypeError("DV0607", f"dv.compile takes a program's text, not a {type(text).__name__}")
    if not isinstance(name, str):
        raise errors.TypeError("DV0607", f"dv.compile: name is a text, not a {type(name).__name__}")
    if len(text) > data.MAX_SOURCE:
        raise errors.ValueError_("DV0603", f"{name} is larger than {data.MAX_SOURCE >> 20} MiB: too large for a program")
    module = Module(Unit(Source(name, text), None, backend))
    module._check()
    return module


@door
def load(path: str | os.PathLike[str], *, backend: str | None = None) -> Module:
    """The module of a file; errors of the whole program are raised here."""
    module = load_file(path, backend)
    module._check()
    return module


def load_file(
    path: str | os.PathLike[str], backend: str | None = None, write: Callable[[str], object] = print
) -> Module:
    """The module of a file, unchecked: a function is checked when it is used.  `write` gets what it shows."""
    name = os.fspath(path)
    text = data.read_source(path)
    folder = os.getcwd() if name == "-" else os.path.dirname(os.path.abspath(name))
    unit = Unit(Source("<stdin>" if name == "-" else name, text), folder, backend)
    unit.write = write
    return Module(unit)


# ---------------------------------------------------------------- transforms


@door
def grad(
    f: Callable[..., Any], argnums: Argnums | None = None, argnames: str | Sequence[str] | None = None, *, has_aux: bool = False,
) -> Function:
    """The gradient with respect to some parameters: bare for one, a tuple for a tuple; the first, if none are named.

    Plain Python functions are jitted.  `has_aux`: f gives `(value, more)`, the result is `(gradient, more)`.
    """
    return _by_name("grad", f, argnums, argnames, has_aux)


@door
def value_and_grad(
    f: Callable[..., Any], argnums: Argnums | None = None, argnames: str | Sequence[str] | None = None, *, has_aux: bool = False,
) -> Function:
    """(value, gradient), in one run; with `has_aux` ((value, more), gradient)."""
    return _by_name("value_and_grad", f, argnums, argnames, has_aux)


@door
def jacobian(
    f: Callable[..., Any], argnums: Argnums | None = None, argnames: str | Sequence[str] | None = None, *, has_aux: bool = False,
) -> Function:
    """The result's structure, each array with the argument's axes behind its own."""
    return _by_name("jacobian", f, argnums, argnames, has_aux)


@door
def hessian(
    f: Callable[..., Any], argnums: Argnums | None = None, argnames: str | Sequence[str] | None = None, *, has_aux: bool = False,
) -> Function:
    """The second derivatives of a function with a scalar result."""
    return _by_name("hessian", f, argnums, argnames, has_aux)


jacfwd = jacrev = jacobian
"""JAX's names; the mode is chosen by the sizes: forward for few inputs, reverse for few outputs."""


@door
def vmap(f: Callable[..., Any], in_axes: int | None | Sequence[int | None] = 0, out_axes: int = 0) -> Function:
    """f over an axis of its arguments: `[f(x[i], y) for i]`; None in `in_axes` for what stays whole.

    Axes other than the first are for arrays; tuples and records are gone over along the first axes of their arrays.
    `out_axes` is where the new axis of the result is, an array then.  Parameters that a call does not give keep their defaults.
    """
    f = _function("vmap", f)
    given: Any = in_axes
    axes = list(given) if isinstance(given, list | tuple) else [given] * len(f.params)
    good = all(a is None or type(a) is int for a in axes) and type(out_axes) is int
    if len(axes) != len(f.params) or not good or all(a is None for a in axes):
        raise errors.TypeError(
            "DV0606", f"dv.vmap: in_axes {in_axes!r}, out_axes {out_axes!r} for {len(f.params)} parameters of {f.__name__}", f.span,
            help="a number for each parameter, or None for what stays whole; one number for the result",
        )
    names = f.names()
    own = names[len(f.bound):]
    over = {n: f"moveaxis({n}, {a}, 0)" if a else n for n, a in zip(own, axes, strict=True) if a is not None}
    args = ", ".join([*names[:len(f.bound)], *(f"{n}e_" if n in over else n for n in own)])
    steps = [f"{n}e_" for n in over]
    each, all_ = (steps[0], next(iter(over.values()))) if len(over) == 1 else (f"({', '.join(steps)})", f"zip({', '.join(over.values())})")
    made = f"[({f.text})({args}) for {each} in {all_}]"
    text = f"fn ({', '.join(names)}) -> {f'moveaxis({made}, 0, {out_axes})' if out_axes else made}"
    size = "n_"  # one name for the axes of all, and another one for those of an inner vmap
    while any(size in _sizes(p.type) for p in f.params):
        size = f"n{size}"
    params = tuple(
        shapes.Param(p.name, p.type if a is None else _gone_over(p.type, size, a), None, p.place)
        for p, a in zip(f.params, axes, strict=True)
    )
    mapped = f.derived(text, shapes.Signature(f"vmap({f.__name__})", params, None, f.signature.doc))
    if not isinstance(in_axes, list | tuple) and any(p.default is not None for p in f.params):
        mapped.fewer = functools.cache(lambda n: None if _first(f, n) is f else vmap(_first(f, n), in_axes, out_axes))
    return mapped


def _gone_over(t: shapes.Type, size: str, axis: int) -> shapes.Type:
    """The type of a parameter with one more axis."""
    if isinstance(t, shapes.Any):
        return t if axis else shapes.Any(t.sizes, (size, *t.batch))
    if axis and isinstance(t, shapes.Array):
        at = axis % (len(t.sizes) + 1)
        return shapes.Array(t.element, (*t.sizes[:at], size, *t.sizes[at:]))
    return array_of(t, (size,))


def _sizes(t: shapes.Type) -> set[shapes.Size]:
    return set(t.batch) if isinstance(t, shapes.Any) else {s for leaf in shapes.leaves(t) for s in leaf.sizes}


@door
def hvp(f: Callable[..., Any]) -> Function:
    """`hvp(f)(x, v)`: the Hessian in the first parameter, at x, times v; never the Hessian itself.

    Further arguments of f stand before v; parameters with a default keep it.
    """
    f = _function("hvp", f)
    params = tuple(p for p in f.params if p.default is None) or f.params[:1]
    if not params:
        raise errors.TypeError("DV0606", f"dv.hvp: {f.__name__} has no parameters", f.span)
    v = shapes.Param("direction", f.params[0].type, tangent=True)
    made = f.derived(f"hvp({f.text})", shapes.Signature(f"hvp({f.__name__})", (*params, v)))
    if f.bound or len(params) < len(f.params):
        names = made.names()
        first, own = names[:len(f.bound)], names[len(f.bound):]
        inner = ", ".join([*first, *own[:-1]])
        text = f"hvp(fn ({', '.join(own[:-1])}) -> ({f.text})({inner}))({', '.join(own)})"
        made = f.derived(f"fn ({', '.join(names)}) -> {text}", made.signature)
    return made


@door
def jvp(f: Callable[..., Any], primals: Any, tangents: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """(f(*primals), its derivative along the tangents), forward; bare values for one parameter.

    The tangents belong to the parameters that carry floats; None stands for the others.  `has_aux`: f gives
    `(value, more)`, the result is (value, derivative, more).
    """
    if has_aux:
        first, second = _parts("jvp", f)
        return (*jvp(first, primals, tangents), second(*(primals if isinstance(primals, tuple) else (primals,))))
    points = primals if isinstance(primals, tuple) else (primals,)
    f = _first(_function("jvp", f), len(points))
    along = list(tangents) if isinstance(tangents, tuple) and len(f.params) > 1 else [_bare(tangents)]
    types = f.types_of(points)
    active = [k for k, t in enumerate(types) if shapes.carries_float(t)]
    if len(along) == len(types) > len(active):
        along = [along[k] for k in active]
    if len(along) != len(active):
        raise errors.TypeError(
            "DV0606", f"jvp of {f.__name__}: {len(along)} tangents for {len(active)} parameters that carry floats", f.span
        )
    key = "jvp", types, tuple(active)
    g = f.once(key, lambda: _pointwise(f, types, active, "jvp({inner}, {xs}, {ds})"))
    return g(*points, *along)  # type: ignore[no-any-return]


@door
def vjp(f: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """(f(*primals), pullback): the pullback takes a cotangent of the result to cotangents of the parameters
    that carry floats, bare for one, a tuple for several.

    `has_aux`: f gives `(value, more)`, the result is (value, pullback, more).
    """
    if has_aux:
        first, second = _parts("vjp", f)
        return (*vjp(first, *primals), second(*primals))
    f = _first(_function("vjp", f), len(primals))
    types = f.types_of(primals)
    active = [k for k, t in enumerate(types) if shapes.carries_float(t)]

    def pullback() -> Function:
        ct = shapes.Param("cotangent", f.result_of(primals), tangent=True)
        text = _closure(f, types, active, ["ct_"], "(let (_, pull_) = vjp({inner}, {args}); pull_(ct_))")
        return f.derived(text, shapes.Signature(f"pullback of {f.__name__}", (*f.params_of(types), ct)))

    return f(*primals), f.once(("vjp", types), pullback).bind(primals)


@door
def linearize(f: Callable[..., Any], *primals: Any) -> tuple[Any, Function]:
    """(f(*primals), the linear function of tangents)."""
    f = _first(_function("linearize", f), len(primals))
    types = f.types_of(primals)
    active = [k for k, t in enumerate(types) if shapes.carries_float(t)]

    def linear() -> Function:
        names = [f"d{k}_" for k in active]
        text = _closure(f, types, active, names, "(let (_, lin_) = linearize({inner}, {args}); lin_({ds}))")
        tangents = tuple(shapes.Param(f"d{f.params[k].name}", types[k], tangent=True) for k in active)
        return f.derived(text, shapes.Signature(f"linearization of {f.__name__}", (*f.params_of(types), *tangents)))

    return f(*primals), f.once(("linearize", types), linear).bind(primals)


@door
def transpose_linear(g: Callable[..., Any], x: Any) -> Function:
    """Turns a linear function around: from a cotangent of its result to those of its parameters that carry floats,
    bare for one, a tuple for several.

    `x` is an example of the argument, a tuple of them for several parameters; parameters without floats keep
    what stands there.
    """
    g = _function("transpose_linear", g)
    point = x if isinstance(x, tuple) and len(g.params) != 1 else (x,)
    types = g.types_of(point)
    active = [k for k, t in enumerate(types) if shapes.carries_float(t)]
    ct = shapes.Param("cotangent", g.result_of(point), tangent=True)
    text = _closure(g, types, active, ["ct_"], "transpose_linear({inner}, {xs})({ds})")
    signature = shapes.Signature(f"transpose of {g.__name__}", (*g.params_of(types), ct))
    return g.derived(text, signature).bind(point)


def _function(transform: str, f: object) -> Function:
    if isinstance(f, Function):
        return f
    if callable(f):
        from .jit import jit

        made: Function = jit(f)
        return made
    raise errors.TypeError("DV0607", f"dv.{transform} takes a function, not a {type(f).__name__}")


def _by_name(
    transform: str, f: Callable[..., Any], argnums: Argnums | None, argnames: str | Sequence[str] | None, has_aux: bool
) -> Function:
    f, has_aux = _function(transform, f), bool(has_aux)
    positions, bare = _positions(transform, f, argnums, argnames)

    def make() -> Function:
        wrt = ", ".join(str(len(f.bound) + p) for p in positions)
        signature = shapes.Signature(f"{transform}({f.__name__})", f.params, None, f.signature.doc)
        wrap = "" if bare or len(positions) > 1 else transform
        if has_aux and wrap:
            raise errors.UnsupportedError("DV0901", f"dv.{transform}: has_aux with argnums of one in a tuple: not yet", f.span)
        text = _with_aux(transform, f, wrt) if has_aux else f"{transform}({f.text}, wrt=({wrt}))"
        return f.derived(text, signature, wrap=wrap)

    return f.once((transform, tuple(positions), bare, has_aux), make)


def _with_aux(transform: str, f: Function, wrt: str) -> str:
    """The derivative of the first part of what f gives, with the second part."""
    names = ", ".join(f.names())
    pair = f"({PAIR} ({f.text})({names}); "
    first = f"fn ({names}) -> {pair}value_)"
    derived = f"({transform}({first}, wrt=({wrt})))({names})"
    aux = f"{pair}more_)"
    if transform == "value_and_grad":
        return f"fn ({names}) -> (let (v_, g_) = {derived}; ((v_, {aux}), g_))"
    return f"fn ({names}) -> ({derived}, {aux})"


def _parts(transform: str, f: Callable[..., Any]) -> tuple[Function, Function]:
    """The two parts of what a function with `has_aux` gives, as functions."""
    whole = _function(transform, f)
    names = ", ".join(whole.names())
    signature = shapes.Signature(whole.__name__, whole.params, None, whole.signature.doc)

    def part(name: str) -> Function:
        return whole.once(("part", name), lambda: whole.derived(f"fn ({names}) -> ({PAIR} ({whole.text})({names}); {name})", signature))

    return part("value_"), part("more_")


def _positions(
    transform: str, f: Function, argnums: Argnums | None, argnames: str | Sequence[str] | None
) -> tuple[list[int], bool]:
    """Positions among the free parameters, and whether the result is bare."""
    names = [p.name for p in f.params]
    if argnums is not None and argnames is not None:
        raise errors.TypeError("DV0606", f"dv.{transform}: argnums and argnames are both given", f.span,
                               help='give one of them, with all that is meant: argnames=("a", "b")')
    argnums = 0 if argnums is None else argnums

    def listed(what: str, given: Any) -> list[Any]:
        try:
            return list(given)
        except TypeError:
            raise errors.TypeError("DV0606", f"dv.{transform}: {what} {given!r}: give one, or a sequence of them", f.span) from None

    if argnames is not None:
        wanted = [argnames] if isinstance(argnames, str) else listed("argnames", argnames)
        for w in wanted:
            if w not in names:
                raise errors.TypeError(
                    "DV0606", f"dv.{transform}: {f.__name__} has no parameter {w}", f.span,
                    help=f"its parameters: {', '.join(names)}",
                )
        if not wanted or len(set(wanted)) != len(wanted):
            raise errors.TypeError("DV0606", f"dv.{transform}: argnames must name parameters once each", f.span)
        return [names.index(w) for w in wanted], isinstance(argnames, str)
    bare = isinstance(argnums, (int, np.integer))
    numbers: list[Any] = [argnums] if isinstance(argnums, (int, np.integer)) else listed("argnums", argnums)
    out: list[int] = []
    for n in numbers:
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or not -len(names) <= n < len(names):
            raise errors.TypeError(
                "DV0606", f"dv.{transform}: argnums {n!r}, but {f.__name__} has {len(names)} parameters", f.span
            )
        out.append(int(n) % len(names))
    if not out or len(set(out)) != len(out):
        raise errors.TypeError("DV0606", f"dv.{transform}: argnums must name parameters once each", f.span)
    return out, bare


def _first(f: Function, n: int) -> Function:
    """f as a function of its first n parameters, if the others have defaults to keep."""
    rest = f.params[n:]
    if not rest or any(p.default is None or p.default[0] == "path" for p in rest):
        return f
    names = ", ".join(f.names()[:len(f.bound) + n])
    signature = shapes.Signature(f.__name__, f.params[:n], f.signature.result, f.signature.doc)
    return f.once(("first", n), lambda: f.derived(f"fn ({names}) -> ({f.text})({names})", signature))


def _bare(tangents: Any) -> Any:
    return tangents[0] if isinstance(tangents, tuple) and len(tangents) == 1 else tangents


def _pointwise(f: Function, types: tuple[shapes.Type, ...], active: list[int], form: str) -> Function:
    names = [f"d{k}_" for k in active]
    text = _closure(f, types, active, names, form)
    tangents = tuple(shapes.Param(f"tangent of {f.params[k].name}", types[k], tangent=True) for k in active)
    return f.derived(text, shapes.Signature(f"jvp({f.__name__})", (*f.params_of(types), *tangents)))


def _closure(f: Function, types: tuple[shapes.Type, ...], active: list[int], extra: list[str], form: str) -> str:
    """`fn (all arguments, extra) -> form`, where the form sees f as a function of its active parameters."""
    names = f.names()
    bound, args = names[:len(f.bound)], names[len(f.bound):]
    if not active:
        raise errors.TypeError("DV0401", f"{f.__name__}: no argument carries floats", f.span)
    inside = [f"y{k}_" if k in active else a for k, a in enumerate(args)]
    inner = f.text
    if bound or len(active) < len(types):
        params = ", ".join(f"y{k}_" for k in active)
        inner = f"fn ({params}) -> ({f.text})({', '.join([*bound, *inside])})"
    chosen = [args[k] for k in active]
    group = chosen[0] if len(chosen) == 1 else f"({', '.join(chosen)})"
    ds = extra[0] if len(extra) == 1 else f"({', '.join(extra)})"
    if form.startswith("(let"):
        ds = ", ".join(extra)
    body = form.format(inner=inner, xs=group, args=", ".join(chosen), ds=ds)
    return f"fn ({', '.join([*bound, *args, *extra])}) -> {body}"
