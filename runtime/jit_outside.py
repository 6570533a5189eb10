"""What the reader of Python functions asks the package: jitted functions, functions of modules and transforms."""

from __future__ import annotations

import os
from collections.abc import Iterable
from types import FunctionType
from typing import TYPE_CHECKING, Any

from ..compiler import errors
from ..compiler.errors import DERIVED, Source, Span
from . import api, shapes
from .function import Function
from .jit_unit import PythonUnit
from .pipeline import Unit
from .records import SumValue, Value, home_of, homes

if TYPE_CHECKING:
    from ..frontend import syntax as sx
    from ..frontend.python_program import Reader

_TRANSFORMS = ("grad", "value_and_grad", "jacobian", "hessian", "hvp", "jvp", "vjp", "linearize", "transpose_linear", "vmap")


def reader(*, lenient: bool = False) -> Reader:
    from ..frontend.python_program import Reader

    return Reader(_Outside(), lenient=lenient)


class _Outside:
    """Jitted functions, functions of modules and transforms, as expressions of a program."""

    def python(self, value: object) -> FunctionType | None:
        from .jit_function import Jitted

        return value.python if isinstance(value, Jitted) else None

    def is_jit(self, value: object) -> bool:
        from .jit import jit

        return value is jit

    def transform(self, value: object) -> str | None:
        name = getattr(value, "__name__", "")
        return name if name in _TRANSFORMS and getattr(api, name) is value else None

    def expression(self, value: object, span: Span, reader: Reader, used: dict[str, None]) -> sx.Expr | None:
        if not isinstance(value, Function):
            return None
        from ..frontend import syntax as sx
        from ..frontend.parser import parse_expr
        from ..frontend.python_scope import call

        if value._wrap:
            raise errors.UnsupportedError("DV0901", f"{value.__name__} gives a tuple of one: not inside a program", span)
        unit = value._unit
        names: dict[str, sx.Expr] = {}
        first: list[sx.Expr] = []
        if isinstance(unit, PythonUnit):
            if unit.python is None:
                raise errors.UnsupportedError("DV0901", f"{value.__name__} was unpickled: it can't be part of another program", span)
            name, hidden = reader.function(unit.python, span)
            used.update(hidden)
            names[unit.built.entry] = sx.Name(span, name)
            first = [sx.Name(span, h) for h in hidden]
            rest = value.bound[len(unit.built.hidden):]
        else:
            unit = unit.alone
            module = module_name(unit, reader.modules)
            reader.now.imports[module] = sx.Import(span, module, None)
            names = {f: sx.Field(span, sx.Name(span, module), f) for f in unit.outline().functions}
            rest = value.bound
        first += [reader.value(v, "bound", span, used) for v in rest]
        e = names[value.text] if value.text in names else placed(parse_expr(Source(DERIVED, value.text)), span, names)
        if not first:
            return e
        own = [sx.PName(span, f"x{k}__") for k in range(len(value.params))]
        return sx.Fn(span, tuple(own), call(span, e, *first, *(sx.Name(span, p.id) for p in own)))

    def record(self, cls: type, span: Span, reader: Reader) -> tuple[sx.Expr, tuple[str, ...], tuple[type, ...]] | None:
        from ..frontend import syntax as sx

        if not issubclass(cls, Value):
            return None
        if cls not in homes:
            raise errors.TypeError("DV0156", f"{cls.__name__} is of no module that was loaded here", span)
        unit: Unit = home_of(cls)
        module = module_name(unit, reader.modules)
        family = () if not issubclass(cls, SumValue) else tuple(_constructors(unit, cls))
        for c in family or (cls,):
            reader.now.imports[f"{module}.{c.__name__}"] = sx.FromImport(span, module, (c.__name__,))
        return sx.Name(span, cls.__name__), cls.__match_args__, family


def _constructors(unit: Unit, cls: type[SumValue]) -> Iterable[type]:
    module = api.Module(unit)
    for t in unit.outline().types:
        if isinstance(t, shapes.Sum) and any(getattr(module, c) is cls for c, _ in t.ctors):
            return [getattr(module, c) for c, _ in t.ctors]
    return [cls]


def module_name(unit: Unit, modules: dict[str, Any]) -> str:
    """The name under which a program is imported in another one that has these modules."""
    for name, known in modules.items():
        if known is unit or known.source == unit.source:
            return name
    base = os.path.basename(unit.source.name).removesuffix(".dv")
    name = base if base.isidentifier() else "module"
    while name in modules:
        name += "_"
    modules[name] = unit
    return name


def placed(e: Any, span: Span, names: dict[str, sx.Expr]) -> Any:
    """An expression at one span, with some of its names replaced."""
    from ..frontend import syntax as sx

    if isinstance(e, sx.Name):
        return names.get(e.id, sx.Name(span, e.id))
    if isinstance(e, tuple):
        return tuple(placed(x, span, names) for x in e)
    fields = getattr(e, "__dataclass_fields__", None)
    if fields is None or isinstance(e, Span):
        return e
    return type(e)(**{f: span if f == "span" else placed(getattr(e, f), span, names) for f in fields})
