"""The rules that come with the compiler: numerically, by SymPy, and where they must not fire."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy
from derivant.compiler.build import Builder, make_function
from derivant.compiler.errors import InternalError, Source
from derivant.compiler.interpret import run
from derivant.compiler.ir import Atom, Const, Prim, Program, Prov, Scalar, Var, all_stmts
from derivant.compiler.primitives import PRIMITIVES, evaluate
from derivant.passes.deadcode import dead_code
from derivant.passes.normalise import Options, normalise
from derivant.passes.rules import Pattern, PConst, POp, PVar, Rule, read_rules, shipped
from derivant.passes.strategy import Log

EXACT, FINITE = shipped("exact"), shipped("finite")
RULES = [*EXACT.rules, *FINITE.rules]
SPECIAL = [0.0, 1.0, -1.0, 0.5, -2.5, 3.0, 1e-300, -1e-300, 1e300, math.inf, -math.inf, math.nan]


def value(p: Pattern, env: dict[str, float]) -> float | bool:
    if isinstance(p, PVar):
        return np.float64(env[p.name])
    if isinstance(p, PConst):
        return np.float64(p.value)
    return evaluate(p.name, *(value(a, env) for a in p.args))


def intermediates(p: Pattern, env: dict[str, float]) -> list[float]:
    inner = [x for a in p.args for x in intermediates(a, env)] if isinstance(p, POp) else []
    return [*inner, float(value(p, env))]


def same(a: float, b: float) -> bool:
    return (math.isnan(a) and math.isnan(b)) or a == b or abs(a - b) <= 1e-12 * max(abs(a), abs(b))


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.name)
def test_numbers(rule: Rule) -> None:
    """`exact` rules at every special value inside the condition, `finite` ones where all is finite."""
    rng = np.random.default_rng(0)
    points = [dict(zip(rule.vars, c, strict=True)) for c in np.array(np.meshgrid(
        *[SPECIAL] * len(rule.vars))).reshape(len(rule.vars), -1).T]
    points += [dict(zip(rule.vars, rng.normal(size=len(rule.vars)), strict=True)) for _ in range(50)]
    tried = 0
    for env in points:
        if rule.when is not None and not (value(rule.when, env) or any(map(math.isnan, env.values()))):
            continue
        left, right = float(value(rule.lhs, env)), float(value(rule.rhs, env))
        if rule in FINITE.rules:
            seen = intermediates(rule.lhs, env)
            scale = max(map(abs, seen))
            if not math.isfinite(sum(map(abs, seen))) or any(0 < abs(x) < 1e-200 for x in seen):
                continue
            assert abs(left - right) <= 1e-10 * max(scale, abs(right)), (env, left, right)
        else:
            near_root = rule.name == "exp_log" and env["x"] > 0 and (env["x"] < 1e-290 or env["x"] > 1e290)
            assert same(left, right) or (near_root and abs(left / right - 1) < 1e-12), (env, left, right)
        tried += 1
    assert tried > 5


@pytest.mark.parametrize("sign", ["positive", "negative", "real"])
@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.name)
def test_sympy(rule: Rule, sign: str) -> None:
    one_sided = rule.when is not None or rule.name in ("exp_log_any", "div_sqrt")
    if (one_sided and sign != "positive") or (rule.name == "cos_abs" and sign == "real"):
        return  # SymPy knows |x| where it knows the sign
    symbols = {v: sympy.Symbol(v, **{sign: True}) for v in rule.vars}

    def form(p: Pattern) -> sympy.Expr:
        if isinstance(p, PVar):
            return symbols[p.name]
        if isinstance(p, PConst):
            return sympy.nsimplify(p.value)
        return PRIMITIVES[p.name].to_sympy(*(form(a) for a in p.args))

    assert sympy.simplify(form(rule.lhs) - form(rule.rhs)) == 0


def test_text_and_the_language_agree() -> None:
    """The rule files are valid programs, and the reader of the rules reads what the parser reads."""
    from derivant.frontend import syntax as sx
    from derivant.frontend.parser import parse
    from derivant.passes import rules
    from derivant.runtime.rules import rule_of

    for rule_set in (EXACT, FINITE):
        path = rules.Path(rules.__file__).parent / "rules" / f"{rule_set.name}.dv"
        decls = parse(Source(path.name, path.read_text())).decls
        assert tuple(rule_of(d) for d in decls if isinstance(d, sx.RuleDecl)) == rule_set.rules


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.name)
def test_print_and_read(rule: Rule) -> None:
    assert read_rules("one", str(rule)).rules == (rule,)


def test_what_is_no_rule_is_refused() -> None:
    for text in ("rule a(x): x => x", "rule a(x): exp(y) => x", "rule a(x): exp(x, x) => x", "rule a(x, y): exp(x) => y",
                 "rule a(x): nothing(x) => x", "rule a(x) exp(x) => x", "rule a(x): exp(x) => $"):
        with pytest.raises(InternalError):
            read_rules("bad", text)


def prims(f: object) -> list[str]:
    return [s.op.name for s in all_stmts(f.body) if isinstance(s.op, Prim)]  # type: ignore[attr-defined]


def made(emit, role: str = "", log: Log | None = None):  # type: ignore[no-untyped-def]
    x, y = Var("x", Scalar("f64")), Var("y", Scalar("f64"))

    def body(b: Builder) -> list[Atom]:
        b.prov = Prov((), role)
        return [emit(b, x, y)]

    f = make_function("f", [x, y], body)
    g = dead_code(normalise(f, Options(rules=EXACT, finite=FINITE), log=log))
    for a, b in ((0.7, -1.3), (2.0, 0.5)):
        np.testing.assert_allclose(run(Program({"f": g}, ("f",)), "f", [a, b]), run(Program({"f": f}, ("f",)), "f", [a, b]))
    return g


def test_finite_rules_leave_the_users_expressions_alone() -> None:
    def difference(b: Builder, x: Var, y: Var) -> Atom:
        return b.prim("sub", x, x)

    assert prims(made(difference)) == ["sub"]
    log = Log()
    assert prims(made(difference, "cotangent", log)) == []
    assert log.total("sub_self") == 1


def test_conditions_are_proven() -> None:
    assert prims(made(lambda b, x, y: b.prim("exp", b.prim("log", x)))) == ["log", "exp"]
    square = made(lambda b, x, y: b.prim("exp", b.prim("log", b.prim("mul", x, x))))
    assert "exp" not in prims(square)


def test_condition_from_a_guard() -> None:
    def body(b: Builder, x: Var, y: Var) -> Atom:
        zero = Const(0.0, "f64")
        return b.cond(b.prim("ge", x, zero), lambda: [b.prim("abs", x)], lambda: [y])[0]

    assert "abs" not in prims(made(body))


def test_operands_in_either_order() -> None:
    assert "div" not in prims(made(lambda b, x, y: b.prim("mul", y, b.prim("div", x, y)), "tangent"))


def test_a_guard_is_never_a_factor() -> None:
    """[i == e] v times w stays a selection; a user's own is not touched."""
    n, w = Var("n", Scalar("i64"), nonneg=True), Var("w", Scalar("f64"))

    def body(role: str):  # type: ignore[no-untyped-def]
        def emit(b: Builder) -> list[Atom]:
            b.prov = Prov((), role)
            c = b.prim("eq", n, Const(3, "i64"))
            return [b.prim("mul", b.prim("select", c, Const(2.0, "f64"), Const(0.0, "f64")), w)]

        return make_function("f", [n, w], emit)

    assert prims(normalise(body("")))[-1] == "mul"
    assert prims(normalise(body("tangent")))[-1] == "select"


def test_rules_of_users() -> None:
    """Rules of a program join the pipelines; a rule set that goes round is reported by name."""
    from derivant.passes import pipelines
    from derivant.passes.rules import RuleSet

    x = Var("x", Scalar("f64"))
    f = make_function("f", [x], lambda b: [b.prim("sub", Const(1.0, "f64"), b.prim("sigmoid", x))])
    extra = read_rules("mine", "rule mirror(x): 1 - sigmoid(x) => sigmoid(-x)")
    log = Log()
    g = pipelines.run(f, pipelines.pipelines(extra).final, log=log)
    assert prims(g) == ["neg", "sigmoid"]
    assert log.total("mirror") >= 1
    loops = RuleSet("bad", read_rules("bad", "rule there(x): sinh(x) => cosh(x)\nrule back(x): cosh(x) => sinh(x)").rules)
    h = make_function("h", [x], lambda b: [b.prim("sinh", x)])
    with pytest.raises(InternalError, match="there, back|back, there"):
        pipelines.run(h, pipelines.pipelines(loops).final, log=Log(500))
