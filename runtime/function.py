"""Functions of a program as Python calls them.

A function is a text of the language (the name of a `def`, or an expression such as `grad(f, wrt=(0))`)
with a signature and possibly some first arguments already bound.  A call converts its arguments, finds
the instance for their types, runs it and rebuilds the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..compiler import errors
from ..compiler.errors import Span
from ..compiler.frames import trimmed
from ..compiler.lock import lock
from . import data, shapes
from .guard import guarded
from .shapes import Param, Signature
from .values import Reader, infer, infer_batched

if TYPE_CHECKING:
    import inspect

    from ..frontend.python_scope import Watched
    from .pipeline import Instance, Unit

_ALL: tuple[bool, ...] = ()
_SHORT_WAYS = 8  # of one function, for as many choices of argument types
_COUNTED = 256  # choices of types and classes; those beyond have no short ways
_Key = tuple[tuple[bool, ...], tuple[shapes.Type, ...]]


class Function:
    """A compiled function; call it with numbers and arrays.

    What a call calls stands in the instance: at first `_long_way`, in Python; when an instance is called for
    the second time, a short way (`fastcall`) is put in front, for arguments of its types.
    """

    __slots__ = ("__call__", "__dict__", "__weakref__")
    __call__: Callable[..., Any]
    fewer: Callable[[int], Function | None] | None = None
    """The function for calls with so many arguments, where the others have defaults that stand for something else."""

    def __init__(
        self, unit: Unit, text: str, signature: Signature, *, plain: bool = False, bound: tuple[Any, ...] = (),
        wrap: str = "", base: Function | None = None,
    ) -> None:
        if bound and base is None:
            base = Function(unit, text, signature, plain=plain, wrap=wrap)
        self._base = base  # the same without bound arguments, which does the work
        self._unit = unit
        self.text = text
        self._all = signature
        self._plain = plain
        self.bound = bound
        self._wrap = wrap
        self._ready: dict[_Key, Instance] = {} if base is None else base._ready
        self._lifts = bool(signature.params) and all(isinstance(p.type, shapes.Scalar) for p in signature.params)
        types = tuple(p.type for p in signature.params)
        self._declared_types = None if any(isinstance(t, shapes.Any) for t in types) else types
        self._fixed: Instance | None = None  # of the declared types: most calls need no other
        self._calls: dict[tuple[object, ...], int] = {}  # by instance and classes of arguments: the first two are counted
        self._derived: dict[object, Function] = {}
        self.__call__ = self._long_way
        self.__name__ = self.__qualname__ = signature.name
        self.__doc__ = signature.doc
        self.__module__ = "derivant"

    # ------------------------------------------------------------ what it looks like

    @property
    def params(self) -> tuple[Param, ...]:
        """The parameters that are still free."""
        return self._all.params[len(self.bound):]

    @property
    def signature(self) -> Signature:
        return Signature(self._all.name, self.params, self._all.result, self._all.doc)

    @property
    def __signature__(self) -> inspect.Signature:
        import inspect

        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        return inspect.Signature([
            inspect.Parameter(
                p.name, kind, annotation=str(p.type),
                default=inspect.Parameter.empty if p.default is None else _shown_default(*p.default),
            )
            for p in self.params if p.name.isidentifier()
        ])

    @property
    def span(self) -> Span | None:
        """Where its parameters (or the first of them) stand."""
        return next((s for s in self._spans().values()), None)

    def _spans(self) -> dict[str, Span]:
        return {p.name: self._unit.span_of(self.text, p, p.place) for p in self._all.params if p.place is not None}

    def _repr_html_(self) -> str:
        """For notebooks: the signature, the documentation and the text."""
        from .highlight import function_html

        return function_html(self)

    def __repr__(self) -> str:
        return f"<derivant function {self.signature}>"

    def __reduce__(self) -> tuple[object, ...]:
        return _restore, (self._unit, self.text, self._all, self._plain, self.bound, self._wrap)

    # ------------------------------------------------------------ calling

    def _long_way(self, /, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        fewer = self.fewer(len(args)) if self.fewer is not None and not kwargs and len(args) < len(self.params) else None
        if fewer is not None:
            return fewer(*args)
        values = (*self.bound, *args) if self.bound else args
        params = self._all.params
        if kwargs or len(values) != len(params):
            values, given = self._bind(values, kwargs)
            if False in given:
                params = tuple(p for p, g in zip(params, given, strict=True) if g)
        else:
            given = _ALL
        if self._base is not None and given is _ALL:
            return self._base(*values)
        try:
            return self._call(params, values, given)
        except errors.Error as e:
            self._blame(e)
            raise trimmed(e) from e.__cause__

    def _call(self, params: tuple[Param, ...], values: tuple[Any, ...], given: tuple[bool, ...]) -> Any:
        reader = Reader(self._all.name, self._spans, self._unit.own_member)
        types: list[shapes.Type] = []
        leaves: list[Any] = []
        usual = given is _ALL and self._declared_types is not None
        for p, v in zip(params, values, strict=True):
            t = p.type
            if type(t) is shapes.Any:
                t = self._infer(p, v, t)
            elif self._lifts and type(v) is not float:
                t = _lifted(t, v)
                usual = usual and t is p.type
            types.append(t)
            leaves += reader.read(v, t, p.name, p.tangent)
        instance = self._fixed if usual else None
        if instance is None:
            instance = self._instance((given, tuple(types)))
            self._fixed = instance if usual else self._fixed
        results = instance.run(leaves)
        result = _wrapped(instance.result, self._wrap)
        if instance.described.operated:
            self._unit.check_operated(instance.described.operated, values, self._all.name)
        like = instance, *(id(c) for v in values if (c := type(v)).__module__ not in ("builtins", "numpy"))
        calls = self._calls.get(like, 0 if len(self._calls) < _COUNTED else 2)
        if calls == 0:
            self._calls[like] = 1
        elif calls == 1 and lock.acquire(blocking=False):  # a call does not wait for compilations
            try:
                self._calls[like] = 2
                instance.shorten()
                if len(self._calls) <= _SHORT_WAYS and False not in given[:given.count(True)]:
                    self._shorten(instance, params, types, values, result)
            finally:
                lock.release()
        return self._unit.rebuilt(results, result, values)

    def _shorten(
        self, instance: Instance, params: tuple[Param, ...], types: Sequence[shapes.Type], values: Sequence[object], result: shapes.Type,
    ) -> None:
        """Puts a short way in front for calls like the last one."""
        if instance.native is None:
            return
        from .fastcall import Way, shortened

        arguments = list(zip(params, types, values, strict=True))
        way = Way(arguments, result, self._blame, self.bound, self._unit.maker(result, values))
        for f, watched in self._fronts():
            short = shortened(instance.native, instance.described, way, f.__call__, watched)
            f.__call__ = f.__call__ if short is None else short

    def _fronts(self) -> Iterable[tuple[Function, Sequence[Watched]]]:
        """What gets the short ways, and the names that it watches."""
        return ((self, ()),)

    def _blame(self, e: errors.Error) -> None:
        """Gives an error without a place the parameter that its message names, or else the first one; what runs is
        told where that is a derivative, for its places are those of the function."""
        self._unit.reword(e)
        if not self._plain and e.code.startswith("DV05"):
            e.notes = (*e.notes, f"in {self._all.name}")
        if e.span is None or e.span.is_derived:
            spans = self._spans()
            e.span = next((s for n, s in spans.items() if f"`{n}`" in e.message), self.span)

    def _bind(self, values: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], tuple[bool, ...]]:
        """The arguments in order, and which parameters have one; paths of defaults are read here."""
        params, name = self._all.params, self._all.name
        if len(values) > len(params):
            free = len(self.params)
            raise errors.TypeError(
                "DV0606", f"{name} takes {free} argument{'' if free == 1 else 's'}, {len(values) - len(self.bound)} were given",
                self.span, help=f"its parameters: {', '.join(map(str, self.params))}",
            )
        bound: list[Any] = list(values)
        given = [True] * len(values)
        taken = {p.name for p in params[:len(values)]}
        for key in kwargs:
            if key in taken:
                raise errors.TypeError("DV0606", f"{name}: {key} is given twice", self._spans().get(key))
            if all(p.name != key for p in params):
                raise errors.TypeError(
                    "DV0606", f"{name} has no parameter {key}", self.span,
                    help=f"its parameters: {', '.join(map(str, self.params))}",
                )
        missing = []
        for p in params[len(values):]:
            given.append(True)
            if p.name in kwargs:
                bound.append(kwargs[p.name])
            elif p.default is None:
                missing.append(p)
            elif p.default[0] == "path":
                bound.append(data.read_default(p.default[1], p, self._unit.folder, self._spans().get(p.name)))
            else:
                given[-1] = False
        if missing:
            raise errors.TypeError(
                "DV0605", f"{name}: no value for {', '.join(f'`{p}`' for p in missing)}", self._spans().get(missing[0].name)
            )
        return tuple(bound), tuple(given) if False in given else _ALL

    def _instance(self, key: _Key) -> Instance:
        found = self._ready.get(key)
        if found is None:
            given, types = key
            text, plain = self.text, self._plain
            names = self.names()
            if self._lifts and not given and any(isinstance(t, shapes.Array) for t in types):
                text, plain = f"fn ({', '.join(names)}) -> ({self.text})({', '.join(names)})", False
            elif given:
                here = [n for n, g in zip(names, given, strict=True) if g]
                last = given.index(False)
                args = [
                    n if k < last else f"{p.name} = {n}"
                    for k, (n, p) in enumerate(zip(names, self._all.params, strict=True)) if given[k]
                ]
                text, plain = f"fn ({', '.join(here)}) -> ({self.text})({', '.join(args)})", False
            with guarded("compilation", self._unit.source.text):
                found = self._unit.instance(text, types, plain)
            self._ready[key] = found
        return found

    # ------------------------------------------------------------ for transforms

    def names(self) -> list[str]:
        """Names for all parameters in a `fn` of ours: an i64 parameter's name says which size it is."""
        out: list[str] = []
        for k, p in enumerate(self._all.params):
            name = f"{p.name}__" if shapes.is_name(p.name) else ""
            out.append(name if name and name not in out else f"x{k}__")
        return out

    def derived(self, text: str, signature: Signature, wrap: str = "") -> Function:
        """Another function of the same program; what is bound stays bound."""
        params = (*self._all.params[:len(self.bound)], *signature.params)
        whole = Signature(signature.name, params, signature.result, signature.doc)
        return Function(self._unit, text, whole, bound=self.bound, wrap=wrap)

    def bind(self, values: Sequence[Any]) -> Function:
        """The function with its first free arguments given."""
        return Function(
            self._unit, self.text, self._all, bound=(*self.bound, *values), wrap=self._wrap, base=self._base or self
        )

    def once(self, key: object, make: Callable[[], Function]) -> Function:
        """What a transform makes of this function, made once, so that it is compiled and shortened once."""
        found = self._derived.get(key)
        return found if found is not None else self._derived.setdefault(key, make())

    def types_of(self, values: Sequence[Any]) -> tuple[shapes.Type, ...]:
        """The types of the free parameters for these arguments."""
        if len(values) != len(self.params):
            raise errors.TypeError(
                "DV0606", f"{self.__name__} takes {len(self.params)} arguments, {len(values)} were given", self.span
            )
        return tuple(
            self._infer(p, v, p.type) if isinstance(p.type, shapes.Any) else p.type
            for p, v in zip(self.params, values, strict=True)
        )

    def _infer(self, p: Param, value: Any, t: shapes.Any) -> shapes.Type:
        """The type of an argument whose parameter has none."""
        try:
            if type(value) is not np.ndarray and not isinstance(value, int | float | np.generic):
                self._unit.accept(p, value, self._all.name)
            if t.batch:
                return infer_batched(value, p.name, self._all.name, t, self._types)
            return infer(value, p.name, self._all.name, t.sizes, self._types)
        except RecursionError:
            raise errors.TypeError("DV0607", f"`{p.name}` of {self._all.name} contains itself, or is nested too deeply",
                                   self._spans().get(p.name)) from None

    def _types(self) -> Sequence[shapes.Type]:
        return self._unit.outline().types

    def compile_for(self, values: Sequence[Any]) -> None:
        """Makes the machine code for arguments like these."""
        self._instance((_ALL, self.types_of(values))).compiled()

    def result_of(self, values: Sequence[Any]) -> shapes.Type:
        """The type of the result for these arguments; sizes that no argument names are open."""
        types = self.types_of(values)
        whole = tuple(
            self._infer(p, v, p.type) if isinstance(p.type, shapes.Any) else p.type
            for p, v in zip(self._all.params, self.bound, strict=False)
        )
        instance = self._instance((_ALL, (*whole, *types)))
        names: set[shapes.Size] = {s for t in (*whole, *types) for leaf in shapes.leaves(t) for s in leaf.sizes}
        return shapes.with_sizes_of(instance.result, names)

    def params_of(self, types: Sequence[shapes.Type]) -> tuple[Param, ...]:
        """The free parameters with these types and without defaults."""
        return tuple(Param(p.name, t, None, p.place) for p, t in zip(self.params, types, strict=True))

    # ------------------------------------------------------------ looking inside

    def _declared(self, what: str) -> tuple[shapes.Type, ...]:
        """The declared types of all parameters; needed where there is no call to look at."""
        for p in self._all.params:
            if isinstance(p.type, shapes.Any):
                if self._ready:
                    return next(reversed(self._ready))[1]
                raise errors.TypeError(
                    "DV0607", f"{what} of {self.__name__} needs types: `{p.name}` has none", self._spans().get(p.name),
                    help=self._with_types(p),
                )
        return tuple(p.type for p in self._all.params)

    def _with_types(self, p: Param) -> str:
        """What to write so that this parameter has a type."""
        if self._plain:
            return f"write one in the signature, e.g. {p.name}: f64"
        text = self.text
        typed = ", ".join(f"{q.name}: {'f64' if isinstance(q.type, shapes.Any) else q.type}" for q in self._all.params)
        names = ", ".join(q.name for q in self._all.params)
        call = text if text.isidentifier() else f"({text})"
        return f"declare it, e.g. `def f({typed}) = {call}({names})`, and ask about f"

    @property
    def source(self) -> str:
        """The text of a `def`; of a derivative, a program that computes it."""
        if self._plain:
            with guarded("parsing", self._unit.source.text):
                return self._unit.text_of(self.text)
        return self._printed(self.text, self._all.name)

    def derivative_source(self, wrt: Sequence[str] | None = None, mode: str = "reverse") -> str:
        """The gradient as a program that compiles again."""
        from .api import grad
        from .source import forward_gradient

        types = self._declared("the derivative")
        known = [p.name for p in self.params]
        names = [wrt] if isinstance(wrt, str) else list(wrt or known[:1])
        for w in names:
            if w not in known:
                raise errors.TypeError("DV0606", f"{self.__name__} has no parameter {w}", self.span,
                                       help=f"its parameters: {', '.join(known)}")
        if mode == "forward":
            return self._printed(forward_gradient(self, types, names), f"grad_{self.text}")
        derived = grad(self, argnames=wrt) if wrt else grad(self)
        return derived._printed(derived.text, f"grad_{self.text}")

    def _printed(self, text: str, name: str) -> str:
        from .source import identifier, program_text

        types = self._declared("the derivative")
        with guarded("printing", self._unit.source.text):
            instance = self._unit.instance(text, types, False)
            params = tuple(Param(identifier(p.name), t, p.default) for p, t in zip(self._all.params, types, strict=True))
            return program_text(instance, params, name)

    def explain(self, stage: str | None = None) -> str:
        """What the compiler makes of it: an overview, or the program after one stage."""
        types = self._declared("explain")
        with guarded("explain", self._unit.source.text):
            return self._unit.instance(self.text, types, self._plain).explain(stage)


def _shown_default(kind: str, text: str) -> object:
    """A default that is a number as a number; paths, and other expressions, as text."""
    import ast

    try:
        return text if kind == "path" else ast.literal_eval({"true": "True", "false": "False"}.get(text, text))
    except (ValueError, SyntaxError):
        return text


def _lifted(t: shapes.Type, value: Any) -> shapes.Type:
    """A function of scalars takes arrays of one shape as well."""
    rank = 0
    if isinstance(value, np.ndarray):
        rank = value.ndim
    elif isinstance(value, (list, tuple, range)) or hasattr(type(value), "__array__"):
        try:
            rank = np.ndim(value)
        except Exception:  # noqa: BLE001  # the argument's own; the reader says what is wrong with it
            rank = 1
    return shapes.Array(t, tuple(f"s{axis}_" for axis in range(rank))) if rank else t


def _wrapped(t: shapes.Type, transform: str) -> shapes.Type:
    """With the tuple of one that Python's `argnums=(0,)` asks for; the language has none."""
    if not transform:
        return t
    if transform == "value_and_grad":
        assert isinstance(t, shapes.Tuple)
        return shapes.Tuple((t.items[0], shapes.Tuple(t.items[1:])))
    one = shapes.Tuple((t,))
    return shapes.Tuple((one,)) if transform == "hessian" else one


def _restore(unit: Unit, text: str, signature: Signature, plain: bool, bound: tuple[Any, ...], wrap: str) -> Function:
    return Function(unit, text, signature, plain=plain, bound=bound, wrap=wrap)
