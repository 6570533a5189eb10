"""Rules that users write in programs, as the optimiser's values."""

from __future__ import annotations

from ..compiler.errors import Span, TypeError
from ..compiler.primitives import PRIMITIVES
from ..frontend import syntax as sx
from ..passes.rules import Pattern, PConst, POp, PVar, Rule, negated, walk

_CHAIN = {"+": "add", "-": "sub", "*": "mul", "/": "div"}
_COMPARE = {"==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}


def rule_of(d: sx.RuleDecl) -> Rule:
    """The rule; what is no scalar expression is refused (DV0310)."""
    lhs, rhs = _pattern(d.lhs, d.vars), _pattern(d.rhs, d.vars)
    when = None if d.when is None else _pattern(d.when, d.vars)
    if not isinstance(lhs, POp):
        raise _refused(d.lhs.span, "the left side of a rule is an operation")
    missing = set(d.vars) - {p.name for p in walk(lhs) if isinstance(p, PVar)}
    if missing:
        raise _refused(d.span, f"the left side of a rule must hold all of its variables, also {min(missing)}")
    return Rule(d.name, d.vars, lhs, rhs, when)


def _refused(span: Span, message: str) -> TypeError:
    return TypeError("DV0310", message, span, help="a rule rewrites scalar primitives, as in `exp(log(x)) => x when x > 0`")


def _pattern(e: sx.Expr, vars: tuple[str, ...]) -> Pattern:
    match e:
        case sx.Paren(_, inner):
            return _pattern(inner, vars)
        case sx.Num(_, value, _):
            return PConst(float(value))
        case sx.Name(span, name):
            if name not in vars:
                raise _refused(span, f"{name} is no variable of the rule")
            return PVar(name)
        case sx.Chain(_, first, rest):
            out = _pattern(first, vars)
            for op, x in rest:
                if op not in _CHAIN:
                    raise _refused(x.span, f"`{op}` has no place in a rule")
                out = POp(_CHAIN[op], (out, _pattern(x, vars)))
            return out
        case sx.Unary(_, "-", x):
            return negated(_pattern(x, vars))
        case sx.Unary(_, "not", x):
            return POp("not", (_pattern(x, vars),))
        case sx.Compare(_, first, ((op, x),)):
            return POp(_COMPARE[op], (_pattern(first, vars), _pattern(x, vars)))
        case sx.Logic(_, op, items):
            all_of, *others = (_pattern(x, vars) for x in items)
            for p in others:
                all_of = POp(op, (all_of, p))
            return all_of
        case sx.Power(_, x, y):
            return POp("pow", (_pattern(x, vars), _pattern(y, vars)))
        case sx.Call(span, sx.Name(_, name), args, None):
            if name not in PRIMITIVES or PRIMITIVES[name].arity != len(args):
                raise _refused(span, f"{name} of {len(args)} operands is no primitive")
            return POp(name, tuple(_pattern(a.value, vars) for a in args))
    raise _refused(e.span, "this has no place in a rule")
