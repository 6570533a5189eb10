"""Core text: one golden for each form, in both modes, and that all of it parses."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from derivant.compiler.build import Builder, make_function
from derivant.compiler.errors import Source
from derivant.compiler.ir import Array, Atom, Const, Function, Scalar, Stmt, Var, integer
from derivant.compiler.printer import print_function, print_program, statement_text
from derivant.compiler.printer_names import Names, constant, function_name
from derivant.frontend.parser import parse

from .core_programs import F64, I64, Case, cases, f, size, vector

CASES = {c.name: c for c in cases()}

GOLDEN = {
    "dot": """\
def main(x: f64[n], y: f64[n]) -> f64 =
  for i < n into (sum) do
    let t = x[i]
    let t₁ = y[i]
    t * t₁
""",
    "outs": """\
def main(x: f64[n]) -> (f64[n], f64, f64, f64, f64, bool, bool, i64, i64) =
  for i < n into (array, sum, prod, max, min, any, all, argmax, argmin) do
    let t = x[i]
    let t₁ = t > 2.5
    let t₂ = t * 2.0
    (t₂, t, t, t, t, t₁, t₁, t, t)
""",
    "down": """\
def main(x: f64[n]) -> (f64, f64[n]) =
  loop acc = 0.0 for i < n down into (array) do
    let t = acc * 2.0
    let t₁ = x[i]
    let t₂ = t + t₁
    (t₂, acc)
""",
    "while": """\
def main(s: f64) =
  loop r = 2.0 while (let t = r * r; let t₁ = t - 2.0; let t₂ = abs(t₁); t₂ > 1e-09) into (array, steps) do
    let t = 2.0 / r
    let t₁ = r + t
    let t₂ = 0.5 * t₁
    (t₂, t₂, 1)
""",
    "branch": """\
def main(s: f64) -> (f64, i64) =
  let t = s > 0.0
  if t then
    let t₁ = log(s)
    (t₁, 1)
  else
    (0.0, 2)
""",
    "rows": """\
def main(a: f64[n, m], q: i64) -> (f64[m], f64[n, m], f64[n, m]) =
  let t = a[q]
  let t₁ = fill(m, 0.0)
  let t₂ = a with [q] = t₁
  let t₃ = delta((n, m), (q, 0), 7.0)
  (t, t₂, t₃)
""",
    "filter": """\
def main(x: f64[n]) =
  let t = fill(n, 0.0)
  let (count, kept) = loop (count₁, kept₁) = (0, t) for i < n do
    let t₁ = x[i]
    let t₂ = t₁ > 1.5
    let (t₃, t₄) = if t₂ then
      let t₅ = kept₁ with [count₁] = t₁
      let t₆ = count₁ + 1
      (t₅, t₆)
    else
      (kept₁, count₁)
    (t₄, t₃)
  let t₁ = for i < count do kept[i]
  (count, t₁)
""",
    "half": """\
def main(h: f32) -> f32 =
  h * f32(0.1)
""",
    "plus": """\
def main(x: f64[n], y: f64[n]) -> f64[n] =
  plus(x, y, x)
""",
}

PRETTY = {
    "dot": """\
def main(x: f64[n], y: f64[n]) -> f64 =
  sum(x[i] * y[i] for i < n)
""",
    "while": """\
def main(s: f64) =
  loop r = 2.0 while abs(r * r - 2.0) > 1e-09 into (array, steps) do
    let t = 0.5 * (r + 2.0 / r)
    (t, t, 1)
""",
    "recursion": """\
def fact(k: i64) -> i64 =
  if k <= 1 then 1 else k * fact(k - 1)
""",
    "precedence": """\
def main(s: f64) -> f64 =
  (s - (s - -2.0)) ** 2.0
""",
    "logic": """\
def main(s: f64, c: bool) -> (bool, f64) =
  (not c and s < 1.0, select(c, s, -s))
""",
    "scatter": """\
def main(k: i64[n], x: f64[n]) -> f64[n] =
  sum(delta(n, k[i], x[i]) for i < n)
""",
}


@pytest.mark.parametrize("name", GOLDEN)
def test_exact(name: str) -> None:
    assert print_program(CASES[name].program) == GOLDEN[name]


@pytest.mark.parametrize("name", PRETTY)
def test_pretty(name: str) -> None:
    assert print_program(CASES[name].program, pretty=True) == PRETTY[name]


@pytest.mark.parametrize("pretty", [False, True], ids=["exact", "pretty"])
@pytest.mark.parametrize("c", CASES.values(), ids=repr)
def test_text_parses(c: Case, pretty: bool) -> None:
    parse(Source("core.dv", print_program(c.program, pretty=pretty)))


def text(params: Sequence[Var], body: Callable[[Builder], Sequence[Atom]], *, pretty: bool = True) -> str:
    """The printed body of a function, without its head."""
    return print_function(make_function("main", params, body), pretty=pretty).split("\n", 1)[1]


def test_parentheses() -> None:
    a, b, c = Var("a", F64), Var("b", F64), Var("c", F64)
    rows = [
        (lambda p: p("sub", a, p("sub", b, c)), "a - (b - c)"),
        (lambda p: p("sub", p("sub", a, b), c), "a - b - c"),
        (lambda p: p("mul", p("add", a, b), c), "(a + b) * c"),
        (lambda p: p("div", a, p("mul", b, c)), "a / (b * c)"),
        (lambda p: p("neg", p("pow", a, b)), "-a ** b"),
        (lambda p: p("pow", p("neg", a), b), "(-a) ** b"),
        (lambda p: p("pow", a, p("neg", b)), "a ** -b"),
        (lambda p: p("pow", p("pow", a, b), c), "(a ** b) ** c"),
        (lambda p: p("pow", a, p("pow", b, c)), "a ** b ** c"),
        (lambda p: p("pow", f(-1.0), a), "(-1.0) ** a"),
        (lambda p: p("neg", p("neg", a)), "-(-a)"),
        (lambda p: p("neg", p("mul", a, b)), "-(a * b)"),
        (lambda p: p("mul", p("neg", a), b), "-a * b"),
        (lambda p: p("not", p("lt", a, p("add", b, c))), "not a < b + c"),
        (lambda p: p("eq", p("lt", a, b), p("lt", b, c)), "(a < b) == (b < c)"),
        (lambda p: p("and", p("or", p("lt", a, b), p("lt", b, c)), p("not", p("lt", a, c))),
         "(a < b or b < c) and not a < c"),
        (lambda p: p("hypot", p("add", a, b), f(-1.0)), "hypot(a + b, -1.0)"),
    ]
    for make, want in rows:
        assert text([a, b, c], lambda e, make=make: [make(e.prim)]) == f"  {want}\n"


def test_constants() -> None:
    nan, inf = float("nan"), float("inf")
    found = [constant(Const(v, "f64")) for v in (1.0, -0.0, 1e-9, 1e22, inf, -inf, nan)]
    assert found == ["1.0", "-0.0", "1e-09", "1e+22", "inf", "-inf", "nan"]
    assert [constant(Const(v, k)) for v, k in [(0.1, "f32"), (3, "i32"), (-3, "i64"), (True, "bool")]] == [
        "f32(0.1)", "i32(3)", "-3", "true"]


def test_names() -> None:
    names = Names()
    vs = [Var(n, F64) for n in ("x", "x", "x₁", "x", "if", "exp", "2b", "a.b", "", "s'", "θ", "down")]
    assert [names(v) for v in vs] == ["x", "x₁", "x₂", "x₃", "if₁", "exp₁", "t2b", "a_b", "t", "s", "θ", "down₁"]
    assert names(vs[1]) == "x₁"
    v = Var("y", F64)
    assert print_function(Function("g", (v,), Builder().finish([v])), {v: "z"}) == "def g(z: f64) -> f64 =\n  z\n"


def test_functions_are_not_named_like_words_of_the_language() -> None:
    assert [function_name(n) for n in ("fn", "sum", "f", "x y")] == ["fn_", "sum_", "f", "x_y"]


def test_names_are_free_again_behind_a_region() -> None:
    n = size()
    x = vector("x", n)
    assert text([x], lambda b: [b.build(n, lambda i: b.index(x, i)), b.build(n, lambda i: i)], pretty=False) == """\
  let t = for i < n do x[i]
  let t₁ = for i < n do i
  (t, t₁)
"""


def test_effects() -> None:
    s = Var("s", F64)

    def body(b: Builder) -> Sequence[Atom]:
        b.assert_(b.prim("gt", s, f(0.0), name="ok"), "DV0507", 'the "value" is {0}', s)
        b.assert_(b.prim("lt", s, f(9.0), name="ok"), "DV0502", "sizes")
        b.show("{0} and {1}", s, integer(3))
        b.show("both {x} = ({0}, {1})", s, integer(3))
        b.show("s = {0}", s)
        return [s]

    assert text([s], body, pretty=False) == """\
  let ok = s > 0.0
  assert ok, "the \\"value\\" is {s}"
  let ok₁ = s < 9.0
  assert ok₁, "DV0502: sizes"
  let _ = show((s, 3), "{0} and {1}")
  let _ = show((s, 3), "both {x}")
  let _ = show(s, "s")
  s
"""


def test_several_states_with_outs() -> None:
    n = size()

    def body(b: Builder) -> Sequence[Atom]:
        return b.loop(n, lambda i, st: ([st[1], b.prim("add", st[0], st[1])], [("build", st[0])]),
                      inits=[f(0.0), f(1.0)], states=["a", "b"], names=["a", "b", "fib"])

    x = vector("x", n)
    assert text([x], body, pretty=False) == """\
  let ((a, b), fib) = loop (a₁, b₁) = (0.0, 1.0) for _ < n into (array) do
    let t = a₁ + b₁
    ((b₁, t), a₁)
  (a, b, fib)
"""


def test_a_head_with_a_branch_and_a_loop() -> None:
    """What stands before `while` is one expression, whatever it needs."""
    n = size()
    x = vector("x", n)

    def body(b: Builder) -> Sequence[Atom]:
        def head(i: Var, st: tuple[Var, ...]) -> Atom:
            def inside() -> Sequence[Atom]:
                total = b.reduce("sum", n, lambda j: b.prim("exp", b.prim("mul", b.index(x, j), f(0.5))), index="j")
                return [b.prim("lt", total, b.index(x, st[0]))]

            return b.cond(b.prim("lt", st[0], n), inside, lambda: [Const(False, "bool")])[0]

        return b.loop(None, lambda i, st: ([b.prim("add", st[0], i)], []), inits=[integer(0)], head=head, states=["k"])[:1]

    exact = (
        "(let t = k < n; if t then (let t₁ = for j < n into (sum) do (let t₂ = x[j]; let t₃ = t₂ * 0.5; exp(t₃));"
        " let t₂ = x[k]; t₁ < t₂) else false) do\n    k + i\n"
    )
    nested = "(if k < n then sum(exp(x[j] * 0.5) for j < n) < x[k] else false) do\n    k + i\n"
    for pretty, rest in [(False, exact), (True, nested)]:
        found = text([x], body, pretty=pretty)
        assert found == f"  loop k = 0 for i < 9223372036854775807 while {rest}"
        parse(Source("core.dv", f"def main(x: f64[n]) =\n{found}"))


def test_derivatives() -> None:
    x, n = Var("x", F64), Var("n", I64)
    g = make_function("g", [x, n], lambda b: [b.prim("powi", x, n)])
    assert text([x, n], lambda b: b.jvp(g, [x, n], [f(1.0), None]), pretty=False) == """\
  let (t, t₁) = jvp(g, (x, n), 1.0)
  (t, t₁)
"""
    assert text([x, n], lambda b: b.vjp(g, [x, n], [f(1.0)], [0]), pretty=False) == """\
  let (t, pull) = vjp(g, x, n)
  let t₁ = pull(1.0)
  (t, t₁)
"""
    rule = Function("h", g.params, g.body, "h_along")
    assert print_function(rule) == """\
def h(x: f64, n: i64) -> f64 =
  x ** n

derivative h(x, n) along dx = h_along(x, n, dx)
"""


def test_nested_comprehensions() -> None:
    n, m = size("n"), size("m")
    a = Var("a", Array("f64", (n, m)))
    transposed = text([a], lambda b: [b.build(m, lambda j: b.build(n, lambda i: b.index(a, i, j)), index="j")])
    assert transposed == "  [a[i, j] for j < m, i < n]\n"
    total = text([a], lambda b: [b.reduce("sum", n, lambda i: b.reduce("max", m, lambda j: b.index(a, i, j), index="j"))])
    assert total == "  sum(max(a[i, j] for j < m) for i < n)\n"


def test_values_read_twice_or_in_a_loop_are_not_nested() -> None:
    n, s = size(), Var("s", F64)
    x = vector("x", n)

    def body(b: Builder) -> Sequence[Atom]:
        e = b.prim("exp", s)
        r = b.prim("sqrt", s)
        return [b.prim("mul", e, e), b.build(n, lambda i: b.prim("mul", b.index(x, i), r))]

    assert text([s, x], body) == """\
  let t = exp(s)
  let t₁ = sqrt(s)
  (t * t, [x[i] * t₁ for i < n])
"""


def test_a_statement_for_internal_errors() -> None:
    x = Var("x", F64)
    s = make_function("f", [x], lambda b: [b.prim("exp", x)]).body.stmts[0]
    assert statement_text(s) == f"let t.{s.vars[0].uid} = exp(x.{x.uid})"
    broken = Stmt((Var("y", Scalar("f64")),), None)  # type: ignore[arg-type]
    assert "while printing it" in statement_text(broken)
