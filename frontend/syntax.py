"""Surface syntax: what the parser makes, from text now and from Python functions later.

Frozen nodes with a span each; equality ignores spans.  Chains of one precedence level are n-ary, so
that depth counts nesting and not length.

    program  ::= decl*
    decl     ::= Import | FromImport | Language | Def | TopLet | TypeDecl | TestDecl
               | RuleDecl | StrategyDecl | DerivativeDecl | AdjointDecl | ImplicitDecl
    body     ::= expr | Block(lets and asserts, expr)
    expr     ::= Name Num Str Bool | Tuple ArrayLit Comp | If Match For Loop Fn With Block
               | Chain Compare Logic Unary Power | Call IndexE Field Prime
    pattern  ::= PName PWild PLit PTuple PRecord PCtor POr
    type     ::= TName TApply TTuple TFn
"""

from __future__ import annotations

from dataclasses import dataclass

from ..compiler.errors import Span

# ---------------------------------------------------------------- expressions


@dataclass(frozen=True, slots=True)
class Name:
    span: Span
    id: str


@dataclass(frozen=True, slots=True)
class Num:
    """`value` is an int exactly if the text has neither point nor exponent; `text` is as written."""

    span: Span
    value: int | float
    text: str


@dataclass(frozen=True, slots=True)
class Str:
    span: Span
    value: str


@dataclass(frozen=True, slots=True)
class Bool:
    span: Span
    value: bool


@dataclass(frozen=True, slots=True)
class Tuple:
    """`(a, b)`, two items or more."""

    span: Span
    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class ArrayLit:
    """`[a, b]`, possibly `[]`."""

    span: Span
    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Comp:
    """`[e for gens]`."""

    span: Span
    body: Expr
    gens: Gens


@dataclass(frozen=True, slots=True)
class For:
    """`for gens (into (modes))? do body`; without `into` the same as a comprehension."""

    span: Span
    gens: Gens
    into: tuple[Expr, ...] | None
    body: Expr


@dataclass(frozen=True, slots=True)
class Loop:
    """`loop pattern: type = init (for gens)? (while cond)? (into (modes))? do body`."""

    span: Span
    pattern: Pattern
    type: Type | None
    init: Expr
    gens: Gens | None
    cond: Expr | None
    into: tuple[Expr, ...] | None
    body: Expr


@dataclass(frozen=True, slots=True)
class If:
    """`if c then a else if d then b else e` is one node with two branches."""

    span: Span
    branches: tuple[tuple[Expr, Expr], ...]
    orelse: Expr


@dataclass(frozen=True, slots=True)
class Arm:
    span: Span
    pattern: Pattern
    body: Expr


@dataclass(frozen=True, slots=True)
class Match:
    span: Span
    subject: Expr
    arms: tuple[Arm, ...]


@dataclass(frozen=True, slots=True)
class Fn:
    """`fn p -> e`: one parameter; `fn (p, q) -> e`: two; `fn ((p, q)) -> e`: one tuple."""

    span: Span
    params: tuple[Pattern, ...]
    body: Expr


@dataclass(frozen=True, slots=True)
class PathStep:
    """One step of a `with` path: a field name, or indices."""

    span: Span
    field: str | None
    index: tuple[Index, ...] | None


@dataclass(frozen=True, slots=True)
class With:
    """`base with path = e` or `base with (path = e, …)`."""

    span: Span
    base: Expr
    updates: tuple[tuple[tuple[PathStep, ...], Expr], ...]


@dataclass(frozen=True, slots=True)
class Chain:
    """`a + b - c` or `a * b / c`: `first`, then (operator, operand) from the left.

    Operators: `+ -` in one chain, `* / // % @` in one chain.
    """

    span: Span
    first: Expr
    rest: tuple[tuple[str, Expr], ...]


@dataclass(frozen=True, slots=True)
class Compare:
    """`a < b <= c`."""

    span: Span
    first: Expr
    rest: tuple[tuple[str, Expr], ...]


@dataclass(frozen=True, slots=True)
class Logic:
    """`a and b and c` or `a or b or c`; `op` is `and` or `or`."""

    span: Span
    op: str
    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Unary:
    """`-x` or `not x`."""

    span: Span
    op: str
    operand: Expr


@dataclass(frozen=True, slots=True)
class Power:
    span: Span
    base: Expr
    exponent: Expr


@dataclass(frozen=True, slots=True)
class Arg:
    span: Span
    name: str | None
    value: Expr


@dataclass(frozen=True, slots=True)
class Call:
    """`f(a, name = b, e for gens)`; the generator stands last, `gen` is (e, gens)."""

    span: Span
    fn: Expr
    args: tuple[Arg, ...]
    gen: tuple[Expr, Gens] | None


@dataclass(frozen=True, slots=True)
class Slice:
    """`:` or `lo:hi`, either side may be missing."""

    span: Span
    lo: Expr | None
    hi: Expr | None


@dataclass(frozen=True, slots=True)
class IndexE:
    """`a[i, 1:n]`; on a tuple a literal projects."""

    span: Span
    base: Expr
    index: tuple[Index, ...]


@dataclass(frozen=True, slots=True)
class Field:
    span: Span
    base: Expr
    name: str


@dataclass(frozen=True, slots=True)
class Prime:
    """`f'`."""

    span: Span
    fn: Expr


@dataclass(frozen=True, slots=True)
class Paren:
    """`(e)`: kept for the formatter and for `(T)`; otherwise transparent."""

    span: Span
    inner: Expr


@dataclass(frozen=True, slots=True)
class Block:
    """`let`s and `assert`s in order, then the value."""

    span: Span
    stmts: tuple[Let | LetFn | Assert, ...]
    value: Expr


# ---------------------------------------------------------------- statements and generators


@dataclass(frozen=True, slots=True)
class Let:
    span: Span
    pattern: Pattern
    type: Type | None
    value: Expr


@dataclass(frozen=True, slots=True)
class LetFn:
    """`let f(x: T) -> R = body`, a local function.

    `let Box(x) = e` with a capital name is parsed as this too, and told apart by scope: if `name` is
    a constructor in scope, `as_pattern` is the pattern that it stands for (None if it can't be one).
    """

    span: Span
    name: str
    params: tuple[Param, ...]
    ret: Type | None
    body: Expr
    as_pattern: PCtor | None = None


@dataclass(frozen=True, slots=True)
class Assert:
    span: Span
    cond: Expr
    message: str


@dataclass(frozen=True, slots=True)
class GenBare:
    """`for i`: the bound comes from where `i` is an index."""

    span: Span
    name: str


@dataclass(frozen=True, slots=True)
class GenBelow:
    """`i < n` and `i < n down`; `name` may be `_`."""

    span: Span
    name: str
    bound: Expr
    down: bool = False


@dataclass(frozen=True, slots=True)
class GenRange:
    """`i in lo .. hi by step`."""

    span: Span
    name: str
    lo: Expr
    hi: Expr
    step: Expr | None


@dataclass(frozen=True, slots=True)
class GenIn:
    """`p in e`: over the elements of an array."""

    span: Span
    pattern: Pattern
    value: Expr


@dataclass(frozen=True, slots=True)
class Gens:
    """Generators, then an optional filter."""

    span: Span
    gens: tuple[GenBare | GenBelow | GenRange | GenIn, ...]
    cond: Expr | None


# ---------------------------------------------------------------- patterns


@dataclass(frozen=True, slots=True)
class PName:
    span: Span
    id: str


@dataclass(frozen=True, slots=True)
class PWild:
    span: Span


@dataclass(frozen=True, slots=True)
class PLit:
    """A number, bool or string; `-1` has value -1."""

    span: Span
    value: int | float | bool | str


@dataclass(frozen=True, slots=True)
class PTuple:
    """`(p, q)`; `(p)` is p, `()` has no items."""

    span: Span
    items: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True)
class PRecord:
    """`{rotation, focal}`: binds the fields of that name."""

    span: Span
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PCtor:
    """`Box(p, q)` or `Camera(rotation = p)`; `args` None for a lone capital name.

    A lone capital name is a constructor in a `match` arm and a variable (PName) elsewhere.
    """

    span: Span
    name: str
    args: tuple[tuple[str | None, Pattern], ...] | None


@dataclass(frozen=True, slots=True)
class POr:
    span: Span
    options: tuple[Pattern, ...]


# ---------------------------------------------------------------- types


@dataclass(frozen=True, slots=True)
class TName:
    """`f64`, `Camera`, or a type variable."""

    span: Span
    id: str


@dataclass(frozen=True, slots=True)
class TApply:
    """`T[n, d]`: an array of T, or a record with its sizes; None stands for `_`."""

    span: Span
    base: Type
    sizes: tuple[Expr | None, ...]


@dataclass(frozen=True, slots=True)
class TTuple:
    """`(A, B)`, also `()`; `(T)` is `TParen`."""

    span: Span
    items: tuple[Type, ...]


@dataclass(frozen=True, slots=True)
class TParen:
    """`(T)`: transparent, except that `((A, B)) -> C` has one parameter."""

    span: Span
    inner: Type


@dataclass(frozen=True, slots=True)
class TFn:
    span: Span
    params: tuple[Type, ...]
    result: Type


# ---------------------------------------------------------------- declarations


@dataclass(frozen=True, slots=True)
class Param:
    span: Span
    name: str
    type: Type | None
    default: Expr | None


@dataclass(frozen=True, slots=True)
class Import:
    span: Span
    module: str
    alias: str | None


@dataclass(frozen=True, slots=True)
class FromImport:
    span: Span
    module: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Language:
    span: Span
    version: str


@dataclass(frozen=True, slots=True)
class Def:
    span: Span
    name: str
    params: tuple[Param, ...]
    ret: Type | None
    body: Expr
    doc: str | None = None


@dataclass(frozen=True, slots=True)
class TopLet:
    span: Span
    let: Let | LetFn
    doc: str | None = None


@dataclass(frozen=True, slots=True)
class RecordBody:
    fields: tuple[tuple[str, Type], ...]


@dataclass(frozen=True, slots=True)
class SumBody:
    """Constructors in order, each with its payload types (empty for a lone name)."""

    ctors: tuple[tuple[str, tuple[Type, ...]], ...]


@dataclass(frozen=True, slots=True)
class TypeDecl:
    """`sizes` are the listed size parameters, None if they are not listed."""

    span: Span
    name: str
    sizes: tuple[str, ...] | None
    body: RecordBody | SumBody | Type
    doc: str | None = None


@dataclass(frozen=True, slots=True)
class TestDecl:
    span: Span
    name: str
    body: Expr


@dataclass(frozen=True, slots=True)
class RuleDecl:
    """`rule name(vars): lhs => rhs when cond`."""

    span: Span
    name: str
    vars: tuple[str, ...]
    lhs: Expr
    rhs: Expr
    when: Expr | None


@dataclass(frozen=True, slots=True)
class StrategyDecl:
    """`strategy name = …` and `schedule name = …` (`kind`); the right side is kept as text."""

    span: Span
    kind: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class DerivativeDecl:
    """`derivative f(x, y) along (dx, dy) = body`."""

    span: Span
    fn: str
    names: tuple[str, ...]
    along: Pattern
    body: Expr


@dataclass(frozen=True, slots=True)
class AdjointDecl:
    span: Span
    fn: str
    names: tuple[str, ...]
    pulls: Pattern
    body: Expr


@dataclass(frozen=True, slots=True)
class ImplicitDecl:
    span: Span
    fn: str
    names: tuple[str, ...]
    pattern: Pattern
    where: Expr


@dataclass(frozen=True, slots=True)
class Program:
    """A file: its declarations in order."""

    span: Span
    decls: tuple[Decl, ...]


Expr = (
    Name | Num | Str | Bool | Tuple | ArrayLit | Comp | For | Loop | If | Match | Fn | With | Chain | Compare
    | Logic | Unary | Power | Call | IndexE | Field | Prime | Paren | Block
)
Index = Expr | Slice
Pattern = PName | PWild | PLit | PTuple | PRecord | PCtor | POr
Type = TName | TApply | TTuple | TParen | TFn
Decl = (
    Import | FromImport | Language | Def | TopLet | TypeDecl | TestDecl | RuleDecl | StrategyDecl | DerivativeDecl
    | AdjointDecl | ImplicitDecl
)
