"""What a `test` says: the conditions that it joins by `and`, and the two sides of each comparison."""

from __future__ import annotations

from dataclasses import dataclass, replace

from . import syntax as sx


@dataclass(frozen=True, slots=True)
class Part:
    """One condition; `sides` are what `approx(a, b)` or a comparison compares, `relation` how."""

    condition: sx.Expr
    relation: str | None = None
    sides: tuple[sx.Expr, sx.Expr] | None = None


def parts(test: sx.TestDecl) -> list[Part]:
    """The conditions in the order in which they are decided."""
    value = _value(test.body)
    conditions = value.items if isinstance(value, sx.Logic) and value.op == "and" else (value,)
    return [_part(c) for c in conditions]


def whole(test: sx.TestDecl, value: sx.Expr) -> sx.Expr:
    """The body of a test with another value at its end, under the same `let`s."""
    return _with_value(test.body, value)


def both(part: Part) -> sx.Expr:
    """The two sides as a pair."""
    assert part.sides is not None
    return sx.Tuple(part.condition.span, part.sides)


def _part(condition: sx.Expr) -> Part:
    inner = condition
    while isinstance(inner, sx.Paren):
        inner = inner.inner
    match inner:
        case sx.Call(_, sx.Name(_, "approx"), (sx.Arg(_, None, a), sx.Arg(_, None, b), *_), None):
            return Part(condition, "approx", (a, b))
        case sx.Compare(_, a, ((relation, b),)):
            return Part(condition, relation, (a, b))
    return Part(condition)


def _value(body: sx.Expr) -> sx.Expr:
    match body:
        case sx.Paren(_, inner):
            return _value(inner)
        case sx.Block(_, _, value):
            return _value(value)
    return body


def _with_value(body: sx.Expr, value: sx.Expr) -> sx.Expr:
    match body:
        case sx.Paren(_, inner):
            return _with_value(inner, value)
        case sx.Block(_, _, old):
            return replace(body, value=_with_value(old, value))
    return value
