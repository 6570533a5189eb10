"""The parser's trees, spans, tables and speed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from derivant.compiler.errors import Source, SyntaxError
from derivant.frontend import parser as parser_module
from derivant.frontend import syntax as s
from derivant.frontend.builder import Builder
from derivant.frontend.parser import build, parse, parse_expr

NOWHERE: Any = parse_expr(Source("t", "x")).span


def expr(text: str) -> s.Expr:
    return parse_expr(Source("t.dv", text))


def decl(text: str) -> Any:
    (found,) = parse(Source("t.dv", text)).decls
    return found


def body(text: str) -> Any:
    return decl("def f() =\n" + "\n".join("  " + line for line in text.split("\n"))).body


def name(text: str) -> s.Name:
    return s.Name(NOWHERE, text)


# ---------------------------------------------------------------- the grammar


def test_grammar_has_no_conflicts() -> None:
    grammar = Path(parser_module.__file__).with_name("grammar.lark").read_text(encoding="utf-8")
    build(grammar, Builder(), strict=True)


def test_operators_bind_as_in_python() -> None:
    assert expr("-a ** 2") == s.Unary(NOWHERE, "-", s.Power(NOWHERE, name("a"), s.Num(NOWHERE, 2, "2")))
    assert expr("a - b + c") == s.Chain(NOWHERE, name("a"), (("-", name("b")), ("+", name("c"))))
    assert expr("a / b @ c") == s.Chain(NOWHERE, name("a"), (("/", name("b")), ("@", name("c"))))
    assert expr("0 < x < 1") == s.Compare(
        NOWHERE, s.Num(NOWHERE, 0, "0"), (("<", name("x")), ("<", s.Num(NOWHERE, 1, "1"))))
    assert expr("a or b or c and not d") == s.Logic(NOWHERE, "or", (
        name("a"), name("b"), s.Logic(NOWHERE, "and", (name("c"), s.Unary(NOWHERE, "not", name("d"))))))


def test_parentheses_stay() -> None:
    assert expr("(a)") == s.Paren(NOWHERE, name("a"))
    assert expr("(a, b)") == s.Tuple(NOWHERE, (name("a"), name("b")))
    assert expr("(let x = a; x)") == s.Paren(NOWHERE, s.Block(
        NOWHERE, (s.Let(NOWHERE, s.PName(NOWHERE, "x"), None, name("a")),), name("x")))


def test_numbers() -> None:
    assert [type(expr(t).value) for t in ("1", "1.0", "1e3", "2.5e-3")] == [int, float, float, float]  # type: ignore[union-attr]
    assert expr("10").text == "10"  # type: ignore[union-attr]


def test_strings() -> None:
    assert expr(r'"a\n\"\\\t\u{3b8}"') == s.Str(NOWHERE, 'a\n"\\\tθ')


def test_primes_are_postfix() -> None:
    assert expr("f''(x)'") == s.Prime(NOWHERE, s.Call(
        NOWHERE, s.Prime(NOWHERE, s.Prime(NOWHERE, name("f"))), (s.Arg(NOWHERE, None, name("x")),), None))


def test_indices_and_slices() -> None:
    index = expr("a[i, 1:, :-1, :, x:y]").index  # type: ignore[union-attr]
    assert [type(i).__name__ for i in index] == ["Name", "Slice", "Slice", "Slice", "Slice"]
    assert index[3] == s.Slice(NOWHERE, None, None)


def test_calls_take_names_and_a_generator_last() -> None:
    call = expr("accumulate(base, op = max, (i, v) for i < n)")
    assert isinstance(call, s.Call)
    assert [a.name for a in call.args] == [None, "op"]
    assert call.gen is not None
    assert call.gen[1].gens == (s.GenBelow(NOWHERE, "i", name("n")),)


def test_generators() -> None:
    gens = expr("[e for i, _ < n, j < n down, k in 0 .. n by 2, (x, y) in xs if i < j]").gens  # type: ignore[union-attr]
    assert gens.gens == (
        s.GenBare(NOWHERE, "i"), s.GenBelow(NOWHERE, "_", name("n")), s.GenBelow(NOWHERE, "j", name("n"), down=True),
        s.GenRange(NOWHERE, "k", s.Num(NOWHERE, 0, "0"), name("n"), s.Num(NOWHERE, 2, "2")),
        s.GenIn(NOWHERE, s.PTuple(NOWHERE, (s.PName(NOWHERE, "x"), s.PName(NOWHERE, "y"))), name("xs")))
    assert isinstance(gens.cond, s.Compare)


def test_soft_words_are_names_elsewhere() -> None:
    text = "def down(by, into, when = 1) = [by[down] for into < by down, import in by .. into by along]"
    made = decl(text)
    assert made.name == "down"
    assert [g.name for g in made.body.gens.gens] == ["into", "import"]
    assert decl("def test(type, rule) = type.language + rule").name == "test"


def test_loops() -> None:
    loop = expr("loop (a, b): T = (0, 1) for i < n while a < b into (array, scan(op, u)) do (b, a)")
    assert isinstance(loop, s.Loop)
    assert loop.type == s.TName(NOWHERE, "T")
    assert loop.gens is not None and loop.cond is not None
    assert loop.into is not None and len(loop.into) == 2
    plain = expr("loop a = 0 while c do a")
    assert isinstance(plain, s.Loop) and (plain.gens, plain.into) == (None, None)


def test_else_if_is_one_node() -> None:
    node = expr("if a then b else if c then d else e")
    assert node == s.If(NOWHERE, ((name("a"), name("b")), (name("c"), name("d"))), name("e"))


def test_functions_count_their_parameters() -> None:
    x, y = s.PName(NOWHERE, "x"), s.PName(NOWHERE, "y")
    assert expr("fn x -> z").params == (x,)  # type: ignore[union-attr]
    assert expr("fn (x, y) -> z").params == (x, y)  # type: ignore[union-attr]
    assert expr("fn ((x, y)) -> z").params == (s.PTuple(NOWHERE, (x, y)),)  # type: ignore[union-attr]
    assert expr("fn () -> z").params == ()  # type: ignore[union-attr]


def test_with_paths() -> None:
    node = expr("a with [i].v = w with (p.q = x, [0, :] = y)")
    assert isinstance(node, s.With) and isinstance(node.base, s.With)
    assert [len(path) for path, _ in node.updates] == [2, 1]
    (path, _), = node.base.updates
    assert path[1].field == "v" and path[0].index == (name("i"),)
    assert isinstance(expr("a with b = if c then d else e").updates[0][1], s.If)  # type: ignore[union-attr]


def test_capitals_are_constructors_in_arms_alone() -> None:
    match = body("match s\n  A -> 1\n  Box(p, q = B) | C -> 2\n  (x, -1) -> 3")
    assert [a.pattern for a in match.arms] == [
        s.PCtor(NOWHERE, "A", None),
        s.POr(NOWHERE, (s.PCtor(NOWHERE, "Box", ((None, s.PName(NOWHERE, "p")), ("q", s.PCtor(NOWHERE, "B", None)))),
                        s.PCtor(NOWHERE, "C", None))),
        s.PTuple(NOWHERE, (s.PName(NOWHERE, "x"), s.PLit(NOWHERE, -1)))]
    assert expr("fn A -> A").params == (s.PName(NOWHERE, "A"),)  # type: ignore[union-attr]
    assert body("let A = 1\nA").stmts[0].pattern == s.PName(NOWHERE, "A")


def test_match_in_braces() -> None:
    assert len(expr("match s { A -> 1; B -> 2; }").arms) == 2  # type: ignore[union-attr]


def test_let_with_a_capital_may_be_both() -> None:
    let = body("let Box(p, q = r) = e\np").stmts[0]
    assert isinstance(let, s.LetFn)
    assert let.as_pattern == s.PCtor(NOWHERE, "Box", ((None, s.PName(NOWHERE, "p")), ("q", s.PName(NOWHERE, "r"))))
    assert let.params[1] == s.Param(NOWHERE, "q", None, name("r"))
    assert isinstance(body("let Box((a, b)) = e\na").stmts[0], s.Let)
    assert isinstance(body("let Box(_): T = e\n1").stmts[0], s.Let)
    typed = body("let F(x: f64 = 1.5) -> f64 = x\nF").stmts[0]
    assert isinstance(typed, s.LetFn) and typed.as_pattern is None
    assert isinstance(body("let f(x) = x\nf").stmts[0], s.LetFn)


def test_types() -> None:
    f64, i64 = s.TName(NOWHERE, "f64"), s.TName(NOWHERE, "i64")

    def type_of(text: str) -> s.Type:
        found: s.Type = decl(f"def f(x: {text}) = x").params[0].type
        return found

    assert type_of("f64[n, _]") == s.TApply(NOWHERE, f64, (name("n"), None))
    assert type_of("(f64, i64) -> f64") == s.TFn(NOWHERE, (f64, i64), f64)
    assert type_of("((f64, i64)) -> f64") == s.TFn(
        NOWHERE, (s.TParen(NOWHERE, s.TTuple(NOWHERE, (f64, i64))),), f64)
    assert type_of("f64 -> f64 -> f64") == s.TFn(NOWHERE, (f64,), s.TFn(NOWHERE, (f64,), f64))
    assert type_of("() -> ()") == s.TFn(NOWHERE, (), s.TTuple(NOWHERE, ()))
    assert isinstance(type_of("f64[n][m]"), s.TApply)


def test_type_declarations() -> None:
    assert decl("type A = f64[3]").body == s.TApply(NOWHERE, s.TName(NOWHERE, "f64"), (s.Num(NOWHERE, 3, "3"),))
    assert decl("type A = B").body == s.TName(NOWHERE, "B")
    assert decl("type A = B(f64)").body == s.SumBody((("B", (s.TName(NOWHERE, "f64"),)),))
    assert [n for n, _ in decl("type A =\n  | B\n  | C(f64)\n").body.ctors] == ["B", "C"]
    assert [n for n, _ in decl("type A = B\n  | C").body.ctors] == ["B", "C"]
    block = decl("type Block[d, e] = {a: f64[d], b: f64[e],}")
    assert block.sizes == ("d", "e") and [n for n, _ in block.body.fields] == ["a", "b"]


def test_other_declarations() -> None:
    program = parse(Source("t.dv", """language 1
import linalg as la
from stats import logsumexp, Fit
rule exp_log(x): exp(log(x)) => x when x > 0
strategy tidy = repeat(topdown(a <+ b("s", 2)));  dce
schedule s =
  tile(i, 32) ; unroll(4)
derivative f(x, y) along (dx, dy) = dx
adjoint lookup(t, i) pulls ybar = ybar
implicit root(a) = (y, z) where (y == a, (z == y))
test "name" = true
let (a, b) = (1, 2)
"""))
    kinds = [type(d).__name__ for d in program.decls]
    assert kinds == ["Language", "Import", "FromImport", "RuleDecl", "StrategyDecl", "StrategyDecl", "DerivativeDecl",
                     "AdjointDecl", "ImplicitDecl", "TestDecl", "TopLet"]
    strategies = [d for d in program.decls if isinstance(d, s.StrategyDecl)]
    assert strategies[0].text == 'repeat(topdown(a <+ b("s", 2)));  dce'
    assert strategies[1].text == "tile(i, 32) ; unroll(4)"


def test_doc_comments_stand_before_declarations() -> None:
    program = parse(Source("t.dv", "## lost\n\n## one\n##  two\ndef f() = 1  ## not\n# no\nlet x = 1\n## T\ntype T = A"))
    assert [d.doc for d in program.decls] == ["one\n two", None, "T"]  # type: ignore[union-attr]


# ---------------------------------------------------------------- text


def test_byte_order_mark_carriage_returns_and_composition() -> None:
    plain = parse(Source("t.dv", "def f(\u00e9) =\n  \u00e9\n"))
    assert parse(Source("t.dv", "\ufeffdef f(e\u0301) =\r\n  \u00e9\r\n")) == plain


def test_spans_cover_first_to_last_token() -> None:
    program = parse(Source("t.dv", "def f(x: f64) =\n  let y = (x + 1) * 2\n  g(y)[0]  # c\n"))
    (f,) = program.decls
    assert isinstance(f, s.Def) and isinstance(f.body, s.Block)
    assert repr(f.span) == "1:1-3:10"
    assert repr(f.params[0].span) == "1:7-1:13"
    assert repr(f.body.span) == "2:3-3:10"
    let = f.body.stmts[0]
    assert isinstance(let, s.Let) and isinstance(let.value, s.Chain)
    assert repr(let.value.first.span) == "2:11-2:18"
    assert isinstance(let.value.first, s.Paren)
    assert repr(let.value.first.inner.span) == "2:12-2:17"
    assert f.span.source is not None and f.span.source.name == "t.dv"


def test_empty_text() -> None:
    assert parse(Source("t.dv", "")).decls == ()
    assert parse(Source("t.dv", "\n  # nothing\n")).decls == ()
    with pytest.raises(SyntaxError, match="an expression is expected"):
        expr("  ")


# ---------------------------------------------------------------- depth


DEEP = {
    "brackets": lambda n: "(" * n + "x" + ")" * n,
    "minus": lambda n: "-" * n + "x",
    "power": lambda n: "x ** " * n + "x",
    "functions": lambda n: "fn x -> " * n + "x",
    "primes": lambda n: "f" + "'" * n,
    "calls": lambda n: "f" + "(x)" * n,
    "patterns": lambda n: "fn " + "(y, " * n + "x" + ")" * n + " -> x",
}


@pytest.mark.parametrize("kind", DEEP)
def test_depth_is_limited(kind: str) -> None:
    expr(DEEP[kind](190))
    for n in (210, 5000):
        with pytest.raises(SyntaxError) as caught:
            expr(DEEP[kind](n))
        assert [e.code for e in caught.value.errors] == ["DV0130"]


def test_depth_of_types_and_blocks() -> None:
    with pytest.raises(SyntaxError, match="DV0130"):
        parse(Source("t.dv", f"def f(x: {'a -> ' * 300}a) = x"))
    blocks = "".join(f"{' ' * i}if a then\n" for i in range(1, 300))
    with pytest.raises(SyntaxError, match="DV0130"):
        parse(Source("t.dv", f"def f(x) =\n{blocks}{' ' * 300}x\ndef g(x) = x\n"))


def test_chains_may_be_long() -> None:
    expr(" + ".join(["x"] * 3000))
    expr("if a then b else " * 3000 + "c")
    expr(" and ".join(["x"] * 3000))


# ---------------------------------------------------------------- tables and speed


def test_tables_come_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DERIVANT_CACHE_DIR", str(tmp_path / "cache"))
    tables = parser_module._tables.__wrapped__
    try:
        tables()
        (file,) = (tmp_path / "cache").iterdir()
        for content in (file.read_text(), "", "{", '{"data": {}, "memo": {}}'):
            file.write_text(content)
            lark, _ = tables()
            assert lark.parse_interactive("", "expr").accepts() >= {"NAME", "NUM"}
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("DERIVANT_CACHE_DIR", str(tmp_path / "file" / "no"))
        tables()
    finally:
        parser_module._tables.cache_clear()


def test_five_hundred_lines_are_fast() -> None:
    lines = "  let beta = [alpha[c] - sum(logsd[c, j] + 0.5 * ((x[i, j] - mu[c, j]) * exp(-logsd[c, j]))**2 for j) for c]\n"
    text = "".join(f"def f{k}(alpha: f64[k], x: f64[n, d]) =\n{lines * 8}  beta\n\n" for k in range(50))
    assert text.count("\n") > 500
    parse(Source("t.dv", "let x = 1"))
    best = 9.0
    for _ in range(3):
        start = time.perf_counter()
        parse(Source("t.dv", text))
        best = min(best, time.perf_counter() - start)
    assert best < 1.0  # about 0.1 on a quiet machine
