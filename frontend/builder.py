"""From reductions of the grammar to surface syntax: one method for each rule or alias of grammar.lark.

A method gets the children in order, all tokens included: nodes and tokens, each with a span.  What
LALR(1) can't tell apart (patterns from parameters, `(p)` from `p`) is settled here; what is not an
error of the grammar but still no program is noted in `errors`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ..compiler.errors import Span, SyntaxError
from . import syntax as s
from .lexer import Token

Children = list[Any]


@dataclass(slots=True)
class _Part:
    """A piece that is no node of its own."""

    span: Span
    value: Any


class Builder:
    """The callbacks of the parser, with the errors that they found."""

    def __init__(self) -> None:
        self.errors: list[SyntaxError] = []

    def wrong(self, code: str, message: str, span: Span, help: str | None = None) -> None:
        self.errors.append(SyntaxError(code, message, span, help=help))

    # ------------------------------------------------------------ declarations

    def import_(self, c: Children) -> s.Import:
        return s.Import(_span(c), c[1].text, c[3].text if len(c) > 2 else None)

    def from_import(self, c: Children) -> s.FromImport:
        return s.FromImport(_span(c), c[1].text, tuple(t.text for t in c[3::2]))

    def language(self, c: Children) -> s.Language:
        return s.Language(_span(c), c[1].text)

    def def_(self, c: Children) -> s.Def:
        return s.Def(_span(c), c[1].text, c[2].value, _after(c, "ARROW"), c[-1])

    def top_let(self, c: Children) -> s.TopLet:
        return s.TopLet(c[0].span, c[0])

    def type_decl(self, c: Children) -> s.TypeDecl:
        sizes = c[2].value if isinstance(c[2], _Part) else None
        body = [x for x in c if not isinstance(x, Token)][-1]
        return s.TypeDecl(c[0].span.to(body.span), c[1].text, sizes, body.value if isinstance(body, _Part) else body)

    def test(self, c: Children) -> s.TestDecl:
        return s.TestDecl(_span(c), c[1].value, c[-1])

    def rule_(self, c: Children) -> s.RuleDecl:
        return s.RuleDecl(_span(c), c[1].text, c[2].value, c[4], c[6], _after(c, "WHEN"))

    def strategy(self, c: Children) -> s.StrategyDecl:
        return s.StrategyDecl(_span(c), c[0].text, c[1].text, _text(c[3].span))

    def derivative(self, c: Children) -> s.DerivativeDecl:
        return s.DerivativeDecl(_span(c), c[1].text, c[2].value, _variable(c[4]), c[-1])

    def adjoint(self, c: Children) -> s.AdjointDecl:
        return s.AdjointDecl(_span(c), c[1].text, c[2].value, _variable(c[4]), c[-1])

    def implicit(self, c: Children) -> s.ImplicitDecl:
        where = c[-1]
        for equation in where.items if isinstance(where, s.Tuple) else (where,):
            while isinstance(equation, s.Paren):
                equation = equation.inner
            if not (isinstance(equation, s.Compare) and [op for op, _ in equation.rest] == ["=="]):
                self.wrong("DV0124", "an equation `left == right` stands behind `where`", equation.span)
        return s.ImplicitDecl(_span(c), c[1].text, c[2].value, _variable(c[4]), where)

    def params(self, c: Children) -> _Part:
        return _Part(_span(c), tuple(_nodes(c)))

    def param(self, c: Children) -> s.Param:
        return s.Param(_span(c), c[0].text, _after(c, "COLON"), _after(c, "EQUAL"))

    def names(self, c: Children) -> _Part:
        return _Part(_span(c), _names(c))

    type_sizes = names

    def any(self, c: Children) -> Token:
        token: Token = c[0]
        return token

    def record_body(self, c: Children) -> _Part:
        return _Part(_span(c), s.RecordBody(tuple(x.value for x in _nodes(c))))

    def field(self, c: Children) -> _Part:
        return _Part(_span(c), (c[0].text, c[2]))

    def one_ctor(self, c: Children) -> _Part:
        return self.sum_body([self.ctor(c)])

    def sum_body(self, c: Children) -> _Part:
        return _Part(_span(c), s.SumBody(tuple(x.value for x in _nodes(c))))

    def ctor(self, c: Children) -> _Part:
        return _Part(_span(c), (c[0].text, c[1].value if len(c) > 1 else ()))

    def types_in_parens(self, c: Children) -> _Part:
        return _Part(_span(c), tuple(_nodes(c)))

    def strategy_rhs(self, c: Children) -> _Part:
        inner = [x for x in c if not _is(x, "INDENT") and not _is(x, "DEDENT")]
        return _Part(_span(inner), None)

    def strategy_choice(self, c: Children) -> _Part:
        return _Part(_span(c), None)

    strategy_atom = strategy_arg = strategy_choice

    # ------------------------------------------------------------ bodies

    def body(self, c: Children) -> s.Expr:
        nodes = _nodes(c)
        value: s.Expr = nodes[-1]
        return value if len(nodes) == 1 else s.Block(nodes[0].span.to(value.span), tuple(nodes[:-1]), value)

    def assert_(self, c: Children) -> s.Assert:
        return s.Assert(_span(c), c[1], c[3].value)

    def let_pattern(self, c: Children) -> s.Let:
        return s.Let(_span(c), _variable(c[1]), _after(c, "COLON"), c[-1])

    def let_fn(self, c: Children) -> s.LetFn:
        return s.LetFn(_span(c), c[1].text, c[2].value, _after(c, "ARROW"), c[-1])

    def let_either(self, c: Children) -> s.Let | s.LetFn:
        """`let Name(…) = e`: a local function, a pattern, or both until the scope is known."""
        name, items, span = c[1], c[2].value, _span(c)
        options = [_variable(x) for at, x in enumerate(c) if at and _is(c[at - 1], "BAR")]
        must_be_pattern = options or any(_is(x, "COLON") for x in c)
        pattern = None
        if not any(isinstance(item, s.Param) for item in items):
            args = tuple((label.text if label else None, _variable(p)) for label, p in items)
            pattern = s.PCtor(name.span.to(c[2].span), name.text, args)
        params = tuple(p for p in map(_param, items) if p is not None)
        if pattern is not None and (must_be_pattern or len(params) < len(items)):
            if any(_is(x, "ARROW") for x in c):
                self.wrong("DV0125", "a parameter of a function is a name", c[2].span)
            whole = s.POr(pattern.span.to(options[-1].span), (pattern, *options)) if options else pattern
            return s.Let(span, whole, _after(c, "COLON"), c[-1])
        if must_be_pattern or len(params) < len(items):
            self.wrong("DV0125", "this is neither a pattern nor a list of parameters", c[2].span,
                       "in a pattern nothing has a type; a parameter is a name")
        return s.LetFn(span, name.text, params, _after(c, "ARROW"), c[-1],
                       None if any(_is(x, "ARROW") for x in c) else pattern)

    def either(self, c: Children) -> _Part:
        return _Part(_span(c), [x.value if isinstance(x, _Part) else x for x in _nodes(c)])

    def either_pattern(self, c: Children) -> _Part:
        return _Part(_span(c), (None, c[0]))

    def either_named(self, c: Children) -> _Part:
        return _Part(_span(c), (c[0], c[2]))

    def either_typed(self, c: Children) -> s.Param:
        return s.Param(_span(c), c[0].text, c[2], _after(c, "EQUAL"))

    # ------------------------------------------------------------ large expressions

    def if_(self, c: Children) -> s.If:
        orelse = c[5]
        branches: tuple[tuple[s.Expr, s.Expr], ...] = ((c[1], c[3]),)
        if isinstance(orelse, s.If):
            branches, orelse = branches + orelse.branches, orelse.orelse
        return s.If(_span(c), branches, orelse)

    def fn(self, c: Children) -> s.Fn:
        pattern = c[1]
        many = isinstance(pattern, s.PTuple)
        return s.Fn(_span(c), tuple(_variable(p) for p in (pattern.items if many else (pattern,))), c[3])

    def match(self, c: Children) -> s.Match:
        arms = tuple(x for x in c if isinstance(x, s.Arm))
        end = arms[-1] if _is(c[-1], "DEDENT") else c[-1]
        return s.Match(c[0].span.to(end.span), c[1], arms)

    def arm(self, c: Children) -> s.Arm:
        return s.Arm(_span(c), _settled(c[0], arm=True), c[2])

    def for_(self, c: Children) -> s.For:
        return s.For(_span(c), c[1], c[2].value if isinstance(c[2], _Part) else None, c[-1])

    def loop(self, c: Children) -> s.Loop:
        into = next((x.value for x in c if isinstance(x, _Part)), None)
        gens, cond = _after(c, "FOR"), _after(c, "WHILE")
        if gens is None and cond is None:
            self.wrong("DV0131", "this `loop` does not say when it ends", c[0].span,
                       "`for i < n` in front of `do` takes n steps, `while x > 1` goes on as long as that holds")
        return s.Loop(_span(c), _variable(c[1]), _after(c, "COLON"), _after(c, "EQUAL"), gens, cond, into, c[-1])

    def into(self, c: Children) -> _Part:
        return _Part(_span(c), tuple(_nodes(c)))

    def with_one(self, c: Children) -> s.With:
        return s.With(_span(c), c[0], ((c[2].value, c[4]),))

    def with_many(self, c: Children) -> s.With:
        return s.With(_span(c), c[0], tuple(x.value for x in c if isinstance(x, _Part)))

    def with_item(self, c: Children) -> _Part:
        return _Part(_span(c), (c[0].value, c[2]))

    def path(self, c: Children) -> _Part:
        return _Part(_span(c), tuple(c))

    def path_field(self, c: Children) -> s.PathStep:
        return s.PathStep(_span(c), c[-1].text, None)

    def path_index(self, c: Children) -> s.PathStep:
        return s.PathStep(_span(c), None, tuple(_nodes(c)))

    # ------------------------------------------------------------ operators and atoms

    def logic(self, c: Children) -> s.Logic:
        return s.Logic(_span(c), c[1].text, tuple(c[::2]))

    def comparison(self, c: Children) -> s.Compare:
        return s.Compare(_span(c), c[0], _links(c))

    def chain(self, c: Children) -> s.Chain:
        return s.Chain(_span(c), c[0], _links(c))

    def unary(self, c: Children) -> s.Unary:
        return s.Unary(_span(c), c[0].text, c[1])

    def power(self, c: Children) -> s.Power:
        return s.Power(_span(c), c[0], c[2])

    def call(self, c: Children) -> s.Call:
        args, gen = c[2]
        return s.Call(_span(c), c[0], args, gen)

    def args(self, c: Children) -> tuple[tuple[s.Arg, ...], tuple[s.Expr, s.Gens] | None]:
        gen = c[-1].value if c and isinstance(c[-1], _Part) else None
        return tuple(x for x in c if isinstance(x, s.Arg)), gen

    def arg(self, c: Children) -> s.Arg:
        return s.Arg(_span(c), c[0].text if len(c) > 1 else None, c[-1])

    def generated(self, c: Children) -> _Part:
        return _Part(_span(c), (c[0], c[2]))

    def index(self, c: Children) -> s.IndexE:
        return s.IndexE(_span(c), c[0], tuple(_nodes(c[1:])))

    def slice(self, c: Children) -> s.Slice:
        lo = None if isinstance(c[0], Token) else c[0]
        return s.Slice(_span(c), lo, None if isinstance(c[-1], Token) else c[-1])

    def field_of(self, c: Children) -> s.Field:
        return s.Field(_span(c), c[0], c[2].text)

    def prime(self, c: Children) -> s.Prime:
        return s.Prime(_span(c), c[0])

    def name(self, c: Children) -> s.Name:
        return s.Name(c[0].span, c[0].text)

    def num(self, c: Children) -> s.Num:
        return s.Num(c[0].span, c[0].value, c[0].text)

    def string(self, c: Children) -> s.Str:
        return s.Str(c[0].span, c[0].value)

    def bool_(self, c: Children) -> s.Bool:
        return s.Bool(c[0].span, c[0].type == "TRUE")

    def paren(self, c: Children) -> s.Paren:
        return s.Paren(_span(c), c[1])

    def tuple_(self, c: Children) -> s.Tuple:
        return s.Tuple(_span(c), tuple(_nodes(c)))

    def paren_block(self, c: Children) -> s.Paren:
        nodes = _nodes(c)
        return s.Paren(_span(c), s.Block(nodes[0].span.to(nodes[-1].span), tuple(nodes[:-1]), nodes[-1]))

    def array(self, c: Children) -> s.ArrayLit:
        return s.ArrayLit(_span(c), tuple(_nodes(c)))

    def comp(self, c: Children) -> s.Comp:
        return s.Comp(_span(c), c[1], c[3])

    # ------------------------------------------------------------ generators

    def gens(self, c: Children) -> s.Gens:
        cond = _after(c, "IF")
        return s.Gens(_span(c), tuple(x for x in _nodes(c) if x is not cond), cond)

    def gen_bare(self, c: Children) -> s.GenBare:
        return s.GenBare(_span(c), c[0].text)

    def gen_below(self, c: Children) -> s.GenBelow:
        return s.GenBelow(_span(c), c[0].text, c[2], len(c) > 3)

    def gen_in(self, c: Children) -> s.GenIn:
        return s.GenIn(_span(c), _variable(c[0]), c[2])

    def gen_range(self, c: Children) -> s.GenRange:
        pattern = _variable(c[0])
        if not isinstance(pattern, s.PName | s.PWild):
            self.wrong("DV0126", "a range gives integers, so one name stands before `in`", pattern.span)
        name = pattern.id if isinstance(pattern, s.PName) else "_"
        return s.GenRange(_span(c), name, c[2], c[4], _after(c, "BY"))

    # ------------------------------------------------------------ patterns

    def p_or(self, c: Children) -> s.POr:
        return s.POr(_span(c), tuple(c[::2]))

    def p_name(self, c: Children) -> s.PName:
        return s.PName(c[0].span, c[0].text)

    def p_wild(self, c: Children) -> s.PWild:
        return s.PWild(c[0].span)

    def p_num(self, c: Children) -> s.PLit:
        return s.PLit(_span(c), c[-1].value if len(c) == 1 else -c[-1].value)

    def p_bool(self, c: Children) -> s.PLit:
        return s.PLit(c[0].span, c[0].type == "TRUE")

    def p_string(self, c: Children) -> s.PLit:
        return s.PLit(c[0].span, c[0].value)

    def p_tuple(self, c: Children) -> s.PTuple:
        return s.PTuple(_span(c), tuple(_nodes(c)))

    def p_record(self, c: Children) -> s.PRecord:
        return s.PRecord(_span(c), _names(c))

    def p_ctor(self, c: Children) -> s.PCtor:
        return s.PCtor(_span(c), c[0].text, tuple(x.value for x in c if isinstance(x, _Part)))

    def p_arg(self, c: Children) -> _Part:
        return _Part(_span(c), (c[0].text if len(c) > 1 else None, c[-1]))

    # ------------------------------------------------------------ types

    def t_fn(self, c: Children) -> s.TFn:
        return s.TFn(_span(c), c[0].items if isinstance(c[0], s.TTuple) else (c[0],), c[2])

    def t_name(self, c: Children) -> s.TName:
        return s.TName(c[0].span, c[0].text)

    def t_tuple(self, c: Children) -> s.TTuple | s.TParen:
        return s.TParen(_span(c), c[1]) if len(c) == 3 else s.TTuple(_span(c), tuple(_nodes(c)))

    def t_apply(self, c: Children) -> s.TApply:
        sizes = (x for x in c[2:-1] if not _is(x, "COMMA"))
        return s.TApply(_span(c), c[0], tuple(None if isinstance(x, Token) else x for x in sizes))


# ---------------------------------------------------------------- children


def _span(c: Children) -> Span:
    first: Span = c[0].span
    return first if len(c) == 1 else first.to(c[-1].span)


def _is(child: object, kind: str) -> bool:
    return isinstance(child, Token) and child.type == kind


def _nodes(c: Children) -> list[Any]:
    return [x for x in c if not isinstance(x, Token)]


def _names(c: Children) -> tuple[str, ...]:
    return tuple(x.text for x in c if isinstance(x, Token) and x.type in ("NAME", "CNAME"))


def _after(c: Children, kind: str) -> Any:
    """The child behind the first token of this kind, None if there is none."""
    for at, child in enumerate(c):
        if isinstance(child, Token) and child.type == kind:
            return c[at + 1]
    return None


def _links(c: Children) -> tuple[tuple[str, s.Expr], ...]:
    return tuple((c[at].text, c[at + 1]) for at in range(1, len(c), 2))


def _text(span: Span) -> str:
    """What a span covers, as written."""
    assert span.source is not None
    lines = span.source.text.split("\n")[span.line - 1:span.end_line]
    lines[-1] = lines[-1][:span.end_col - 1]
    lines[0] = lines[0][span.col - 1:]
    return "\n".join(lines)


# ---------------------------------------------------------------- patterns that were read as a superset


def _variable(pattern: s.Pattern) -> s.Pattern:
    return _settled(pattern, arm=False)


def _settled(pattern: s.Pattern, arm: bool) -> s.Pattern:
    """`(p)` becomes p; in an arm a lone capital name becomes a constructor.

    Recursion is safe: layout.py has counted the brackets.
    """
    if isinstance(pattern, s.PName) and arm and pattern.id[0].isupper():
        return s.PCtor(pattern.span, pattern.id, None)
    if isinstance(pattern, s.PTuple):
        items = []
        for item in pattern.items:
            items.append(_settled(item, arm))
        return items[0] if len(items) == 1 else replace(pattern, items=tuple(items))
    if isinstance(pattern, s.POr):
        options = []
        for item in pattern.options:
            options.append(_settled(item, arm))
        return replace(pattern, options=tuple(options))
    if isinstance(pattern, s.PCtor) and pattern.args is not None:
        args = []
        for label, item in pattern.args:
            args.append((label, _settled(item, arm)))
        return replace(pattern, args=tuple(args))
    return pattern


def _param(item: s.Param | tuple[Token | None, s.Pattern]) -> s.Param | None:
    """An argument behind `let Name` as a parameter, if it can be one."""
    if isinstance(item, s.Param):
        return item
    label, pattern = item
    if label is None:
        return s.Param(pattern.span, pattern.id, None, None) if isinstance(pattern, s.PName) else None
    default = _expression(pattern)
    return None if default is None else s.Param(label.span.to(pattern.span), label.text, None, default)


def _expression(pattern: s.Pattern) -> s.Expr | None:
    """The expression that is spelled like this pattern, for a default value."""
    if isinstance(pattern, s.PName):
        return s.Name(pattern.span, pattern.id)
    if not isinstance(pattern, s.PLit):
        return None
    value = pattern.value
    if isinstance(value, bool):
        return s.Bool(pattern.span, value)
    if isinstance(value, str):
        return s.Str(pattern.span, value)
    text = _text(pattern.span)
    if not text.startswith("-"):
        return s.Num(pattern.span, value, text)
    digits = text[1:].lstrip()
    inner = replace(pattern.span, col=pattern.span.end_col - len(digits), line=pattern.span.end_line)
    return s.Unary(pattern.span, "-", s.Num(inner, -value, digits))
