"""What the type checker refuses: code and words of the message."""

from __future__ import annotations

import pytest
from derivant.compiler.errors import Error, Source
from derivant.frontend.modules import load_module

CASES: list[tuple[str, str, str]] = [
    ("def f(x: f64[n], y: f64[m]) = sum(x[i] * y[i] for i)",
     "DV0312", "i runs over sizes"),
    ("def f(a: f64[k, m], b: f64[n, k]) = a @ b",
     "DV0312", ""),
    ("def f(x: f64[n]) = if x > 0 then 1 else 2",
     "DV0302", ""),
    ("""def relu3(x) = if x > 0 then x else 0
def f(x: f64[n]) = relu3(x)""",
     "DV0302", "used here"),
    ("def f(x: f64[n]) = sum(x[i + 1] - x[i] for i)",
     "DV0315", ""),
    ("def f(x: f64[n]) = sum(x[i + 1] - x[i] for i < n)",
     "DV0315", ""),
    ("def f(x: f64[n]) = sum(x[i - 1] for i < n)",
     "DV0315", ""),
    ("def f(x: f64[3]) = x[3]",
     "DV0315", ""),
    ("def f(x: f64[3]) = x[-4]",
     "DV0315", "-4 is outside"),
    ("def f(x: f64 = true) = x",
     "DV0301", "the default of x"),
    ("def f(x: f64[4] = [1, 2, 3]) = sum(x)",
     "DV0312", "the default of x"),
    ("def f(x: f64[n - 2, -1]) = 1",
     "DV0503", "-1"),
    ("def f(x: f64) -> i64 = x * 2",
     "DV0301", "does not become"),
    ("def f(n: i64) = [[1 for j < i] for i < n]",
     "DV0313", ""),
    ("def f(v: f64[n]) = loop w = v while len(w) > 1 do w[1:]",
     "DV0316", "f64[_]"),
    ("""def fit(x: f64[n]) = x * 2
def f(x: f64[n]) = grad(fit)(x)""",
     "DV0401", ""),
    ("def f(n: i64) = sum(i for i)",
     "DV0314", ""),
    ("def f(x: f64[n]) = sum(x[i + 1] for i)",
     "DV0314", ""),
    ("""def energy(p: f64[n, 3]) = sum(p)
def f(p: f64[3]) = energy(p)""",
     "DV0311", ""),
    ("def f(x: f64) = y + 1",
     "DV0201", ""),
    ("def f(alpha: f64) = alpa + 1",
     "DV0201", "did you mean alpha"),
    ("def f(x) = alpa + 1",
     "DV0201", ""),
    ("""def f(x: f64) = g(x)
def g(x: f64) = f(x)""",
     "DV0901", "recursion"),
    ("def f(x: F64) = x", "DV0201", "did you mean f64"),
    ("def g(x: f64, y: f64) -> f64 = x*y\ndef f(x: f64) = grad(g, wrt = (x, 0))(x, x)", "DV0403", "x of g twice"),
    ("schedule f = dce", "DV0901", "schedule declarations"),
    ('def f(x: f64) = show(x, "{1}")', "DV0308", "from {0}"),
    ("def f(n: i64) -> i64 = if n < 1 then 1 else f(n - 1)",
     "DV0901", ""),
    ("""type S = A(f64) | B
def f(s: S) = match s
  A(x) -> x""",
     "DV0309", "B"),
    ("""type S = A(f64) | B
def f(s: S, b: bool) = match (s, b)
  (A(x), true) -> x
  (B, _) -> 0.0""",
     "DV0309", "(A(_), false)"),
    ("""def f(x: i64) = match x
  0 -> 1
  1 -> 2""",
     "DV0309", "_"),
    ("def f(n: i64) = grad(fn k -> k * 2.0)(n)",
     "DV0402", ""),
    ("""def loss(w: f64, k: i64) = w * k
def f(w: f64) = grad(loss, wrt = k)(w, 3)""",
     "DV0402", ""),
    ("""def loss(w: f64, k: i64) = w * k
def f(w: f64) = grad(loss, wrt = ww)(w, 3)""",
     "DV0201", "did you mean w"),
    ("def f(x: f64) = x(3)",
     "DV0304", ""),
    ("""def f(x: f64) = f2(x)
def f2(a: f64, b: f64) = a""",
     "DV0303", ""),
    ("""def f(x: f64) = f2(x, c = 2)
def f2(a: f64, b: f64) = a""",
     "DV0201", "no parameter"),
    ("""type P = {a: f64}
def f(p: P) = p.aa""",
     "DV0201", "did you mean a"),
    ("""type P = {a: f64}
def f(x: f64) = P(b = x)""",
     "DV0201", ""),
    ("def f(x: f64[n]) -> f64[n] = [v for v in x if v > 0]",
     "DV0312", "depends on data"),
    ("def f(x: f64[n]) -> f64[m] = x",
     "DV0201", "there is no size m"),
    ("def f(x: f64[n], y: f64[m]) -> f64[m] = x",
     "DV0312", ""),
    ("def f(x: f64[n]) = x[0, 1]",
     "DV0311", ""),
    ("def f(x: float) = x",
     "DV0201", ""),
    ("def f(x: Foo) = x",
     "DV0201", ""),
    ("""def f(x: f64) = x
def f(y: f64) = y""",
     "DV0202", ""),
    ("def f(x: f64[n]) = for i in n do x[i]",
     "DV0301", "write `i < n`"),
    ("def f(x: f64) = [sin, cos]",
     "DV0317", ""),
    ("type W = V(f64 -> f64) | E",
     "DV0317", "a function may not be a field (V)"),
    ("""type W = V(f64[n]) | E
def f(v: f64[n]) = [V(v), E]""",
     "DV0317", "its payloads hold arrays"),
    ("""type W = V(f64[n]) | E
def f(v: f64[n]) = [(1, V(v * x)) for x in v]""",
     "DV0317", "its payloads hold arrays"),
    ("""type W = V(f64[n]) | E
def f(v: (W, f64)[n]) = 1""",
     "DV0317", "its payloads hold arrays"),
    ("""def table(n: i64) -> f64[n] = zeros(n)
def f(v: i64[m]) = table(v)""",
     "DV0313", "cannot be ragged"),
    ("def f(v: i64[m]) = map(fn n -> zeros(n), v)",
     "DV0313", "cannot be ragged"),
    ("def f(v: f64[n]) = v[-9223372036854775809]",
     "DV0103", "too large for i64"),
    ("def f(v: f64[n]) = v[:-9223372036854775809]",
     "DV0103", "too large for i64"),
    ("def f(p: f64[9223372036854775808]) = sum(p)",
     "DV0103", "too large for i64"),
    ("def f(x: f64) = x + true",
     "DV0308", ""),
    ("""def f(g: f64 -> f64) = f(fn x -> g(g(x)))(1)
def h(x: f64) = f(sin)""",
     "DV0320", ""),
    ("def f(x: c128) = x",
     "DV0901", ""),
    ("rule r(x): exp(log(x)) => x",
     "DV0901", ""),
    ("""def f(x: f64) = let1
def g(x: f64) = let2""",
     "DV0201", ""),
    ("""type T = Leaf(f64) | Node(T, T)
def f(t: T) = 1""",
     "DV0901", ""),
    ("def f(x: f64) = checkpoint(sin)(x)",
     "DV0901", ""),
    ("def f(x: f64[n]) = x[n]",
     "DV0315", ""),
    ("""test "a" = 3""",
     "DV0301", ""),
    ("""def f(a: f64[n], b: f64[m]) =
  let g(x: f64[k], y: f64[k]) = x
  g(a, b)""",
     "DV0312", ""),
    ("def f(a: f64[n]) = sum(filter(fn v -> v > 0, a)[i] * filter(fn v -> v > 0, a)[i] for i)",
     "DV0314", ""),
    ("def f(x: f64) = if x > 0 then x else (x, x)",
     "DV0307", ""),
    ("def f(n: i64) = n with [0] = 1",
     "DV0311", ""),
    ("def f(x: f64) = x.y",
     "DV0305", ""),
    ("def f(t: (f64, f64)) = t[2]",
     "DV0306", ""),
    ("""derivative g(x) along dx = dx
def f(x: f64) = x""",
     "DV0201", ""),
    ("""from nope import x
def f(x: f64) = x""",
     "DV0204", ""),
]


@pytest.mark.parametrize(("text", "code", "words"), CASES, ids=[c[0].splitlines()[-1][:60] for c in CASES])
def test_refused(text: str, code: str, words: str) -> None:
    with pytest.raises(Error) as caught:
        load_module(Source("t.dv", text)).check()
    error = caught.value
    assert error.code == code, str(error)
    assert words in str(error)
    assert error.span is not None


def test_several_errors_at_once_in_order() -> None:
    text = "def f(x: f64) = nope1\ndef g(x: f64) = x\ndef h(x: f64[n]) = if x > 0 then 1 else 2\n"
    with pytest.raises(Error) as caught:
        load_module(Source("t.dv", text)).check()
    assert [e.code for e in caught.value.errors] == ["DV0201", "DV0302"]


def test_an_error_is_reported_once_however_often_its_function_is_used() -> None:
    text = "def f(x: f64) = x + true\ndef g(x: f64) = f(x)\ndef h(x: f64) = f(x) + g(x)\n"
    with pytest.raises(Error) as caught:
        load_module(Source("t.dv", text)).check()
    assert len(caught.value.errors) == 1


def test_the_number_of_a_size_is_what_can_be_asserted() -> None:
    for text in ("def f(x: f64[n]) = cross(x, x)", "def f(x: f64[3], y: f64[n]) = x + y"):
        with pytest.raises(Error) as caught:
            load_module(Source("t.dv", text)).check()
        assert caught.value.code == "DV0312"
        assert "let … : […3…]" in (caught.value.help or "")


def test_of_many_errors_the_first_are_shown() -> None:
    with pytest.raises(Error) as caught:
        load_module(Source("t.dv", "\n".join(f"def f{k}(x: f64) = nope{k}" for k in range(25)))).check()
    text = str(caught.value)
    assert text.count("error[DV0201]") == 20
    assert "nope19" in text
    assert text.endswith("\n\n… and 5 more errors")
    assert "nope24" in caught.value.to_json()


MEANT = [
    ("def f(x: f64) = x.sum()", "`sum(x)`"), ("def f(a: f64[n, m]) = a.T", "`transpose(a)`"),
    ("def f(a: f64[n, m]) = a[0].shape", "`shape(a[0])`"), ("def f(v: f64[n]) = (v + 1).size", "`len((v + 1))`"),
    ("def f(a: f64[n]) = a[0][0]", "`a[0]` is one number"), ("type P = { y: f64 }\ndef f(p: P) = p[0]", "`p.y`"),
    ("def f(x: i64) = if x % 2 then 1 else 2", "x % 2 != 0"), ("def f(x: f64) = loop s = 0.0 while s do s + x", "write `s != 0`"),
    ("def f(v: f64[n]) = loop s = [0.0] for i < n do concat(s, [v[i]])", "loop s: f64[_] = …"),
    ("def f(v: f64[n]) = loop (s, k) = ([0.0], 1) for i < n do (concat(s, [v[i]]), k + 1)", "loop (…, s, …): (…, f64[_], …)"),
    ("def f(x: f64[n]) = np.sum(x)", "`sum`"), ("def f(x: f64) = math.pi * x", "`pi`"),
    ("def f(x: f64[n]) = np.concatenate(x)", "`concat`"), ("def f(x: f64[n]) = jnp.summ(x)", "did you mean sum?"),
    ("def f(x: f64) = ln(x)", "`log`"), ("def f(x: f64) = int(x)", "`i64`"), ("def f(x: f64) = float(x)", "`f64`"),
    ("def f(x: f64) = str(x)", "show(x)"), ("def f() = infinity", "`inf`"), ("def f() = random()", "arguments"),
    ("def f(a: f64[n]) = append(a, 1.0)", "`concat(a, [x])`"), ("def f(x: f64) = None", "Maybe"), ("def f(x: f64) =\n  end", "indentation"),
    ("def f(a: f64[n]) = [x for x in enumerate(a)]", "counts"), ("def f(x: Float64) = x", "say f64"), ("def f(x: String) = x", "bytes"),
    ("let a = 1\nlet b = b + a", "another name"),
]


@pytest.mark.parametrize(("text", "help"), MEANT)
def test_the_help_says_what_is_written_here(text: str, help: str) -> None:
    with pytest.raises(Error) as caught:
        load_module(Source("t.dv", text)).check()
    assert help in str(caught.value.errors[0].help)


def test_what_is_far_from_every_name_is_none_of_them() -> None:
    with pytest.raises(Error) as caught:
        load_module(Source("t.dv", "def f(x: f64) = x * raduis")).check()
    assert caught.value.errors[0].help is None


@pytest.mark.parametrize("text", [
    "type Maybe = Some(f64) | Nothing\ndef f(m: Maybe) = match m { Some(x) -> x; Nothing -> 0 }",
    "def f(a: f64[n]) = a[1:] - a[:-1]", "def f(a: f64[n], x: f64) = concat(a, [x])", "def f(np: i64) = [i for i < np]",
    "type P = { sum: f64, T: f64 }\ndef f(p: P) = p.sum + p.T",
])
def test_what_the_help_says_can_be_written(text: str) -> None:
    load_module(Source("t.dv", text)).check()
