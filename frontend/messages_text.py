"""Messages with values: `"n is {n}"` as a text with `{0}` and the expressions that fill it."""

from __future__ import annotations

from ..compiler.errors import Source, Span, TypeError
from . import syntax as sx


def parse_message(text: str, span: Span) -> tuple[str, list[sx.Expr]]:
    """`{e}` stands for the value of e; `{{` and `}}` for the braces themselves."""
    from .parser import parse_expr

    out: list[str] = []
    exprs: list[sx.Expr] = []
    k = 0
    while k < len(text):
        c = text[k]
        if c in "{}" and text[k:k + 2] == c * 2:
            out.append(c * 2)
            k += 2
            continue
        if c == "{":
            end = text.find("}", k)
            if end < 0:
                raise TypeError("DV0308", "this message has a { without a }", span, help="{{ stands for a brace")
            inner = text[k + 1:end]
            try:
                e = parse_expr(Source("message", inner))
            except Exception as error:
                raise TypeError("DV0308", f"{{{inner}}} in this message is no expression", span) from error
            out.append(f"{{{len(exprs)}}}")
            exprs.append(_moved(e, span))
            k = end + 1
            continue
        if c == "}":
            raise TypeError("DV0308", "this message has a } without a {", span, help="}} stands for a brace")
        out.append(c)
        k += 1
    return "".join(out), exprs


def _moved(e: sx.Expr, span: Span) -> sx.Expr:
    """The expression with the message's span everywhere (its own are within the string)."""
    def go(node: object) -> object:
        if isinstance(node, tuple):
            return tuple(map(go, node))
        fields = getattr(node, "__dataclass_fields__", None)
        if fields is None or isinstance(node, Span):
            return node
        return type(node)(**{f: span if f == "span" else go(getattr(node, f)) for f in fields})

    moved = go(e)
    return moved  # type: ignore[return-value]  # the same node with other spans
