"""`derivant fmt`: the tree stays, comments stay, a second run changes nothing."""

from __future__ import annotations

import os
import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
from derivant.compiler.errors import Source, SyntaxError
from derivant.frontend import syntax as s
from derivant.frontend.formatter import format_source
from derivant.frontend.lexer import lex
from derivant.frontend.parser import parse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ..docs.pages import blocks
from ..laws.generate import Generated, programs

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(p for p in ROOT.rglob("*.dv") if ".git" not in p.parts)
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def plain(node: Any) -> Any:
    """A tree without spans and parentheses; a strategy, which is kept as text, without its blanks."""
    if isinstance(node, s.Paren):
        return plain(node.inner)
    if isinstance(node, s.StrategyDecl):
        return (node.kind, node.name, re.sub(r"#.*|\s", "", node.text))
    if isinstance(node, tuple):
        return tuple(map(plain, node))
    if is_dataclass(node):
        return (type(node).__name__, *(plain(getattr(node, f.name)) for f in fields(node) if f.name != "span"))
    return node


def parens(node: Any) -> int:
    if isinstance(node, tuple):
        return sum(map(parens, node))
    if is_dataclass(node):
        return isinstance(node, s.Paren) + sum(parens(getattr(node, f.name)) for f in fields(node) if f.name != "span")
    return 0


def comments(text: str) -> list[str]:
    return [c.text for c in lex(Source("t.dv", text)).comments]


def formatted(text: str, width: int = 100) -> str:
    """The canonical text, once it is seen that it means the same and is a fixed point."""
    out = format_source(Source("t.dv", text), width)
    before, after = parse(Source("t.dv", text)), parse(Source("t.dv", out))
    assert plain(before) == plain(after), out
    assert parens(before) <= parens(after)
    if width >= 100:
        assert "(" in out or parens(before) == parens(after)
    assert comments(text) == comments(out), out
    assert format_source(Source("t.dv", out), width) == out, out
    assert out == "" or out.endswith("\n") and not out.startswith("\n") and "\n\n\n" not in out
    assert not any(line.endswith(" ") for line in out.split("\n"))
    return out


def sources() -> list[tuple[str, str]]:
    found = [(str(p.relative_to(ROOT)), p.read_text(encoding="utf-8")) for p in FILES]
    for page in PAGES:
        found += [(f"{page.name}:{b.line}", b.text) for b in blocks(page) if b.kind == "dv" and b.info != "eval"]
    good = []
    for name, text in found:
        try:
            parse(Source(name, text))
        except SyntaxError:
            continue  # a program that shows a mistake
        good.append((name, text))
    assert len(good) > 150
    return good


SOURCES = sources()


@pytest.mark.parametrize("name, text", SOURCES, ids=[n for n, _ in SOURCES])
def test_every_program_of_the_repository(name: str, text: str) -> None:
    for width in (100, 30):
        formatted(text, width)


@pytest.mark.parametrize("name, text", SOURCES, ids=[n for n, _ in SOURCES])
def test_comments_between_any_two_tokens(name: str, text: str) -> None:
    """A comment behind any token that ends a line, and on a line of its own wherever a line break is allowed."""
    random = Random(name)
    for _ in range(2):
        formatted(with_comments(text, random), random.choice((100, 60, 30)))


def with_comments(text: str, random: Random) -> str:
    """The text with comments in places where it can be seen to mean the same."""
    before = plain(parse(Source("t.dv", text)))
    for _ in range(8):
        lines = text.split("\n")
        at = random.randrange(len(lines))
        line = lines[at]
        if random.random() < 0.5:
            cut = random.choice([m.start() for m in re.finditer(r"(?<=[\s,(\[])(?=\S)", line)] or [len(line)])
            if "#" in line[:cut]:
                continue
            lines[at:at + 1] = [f"{line[:cut]} # c{at}", " " * (random.randrange(8) + 2) + line[cut:]]
        else:
            lines.insert(at, " " * random.randrange(8) + f"# own {at}")
        tried = "\n".join(lines)
        try:
            if plain(parse(Source("t.dv", tried))) == before:
                text = tried
        except SyntaxError:
            continue
    return text


@settings(max_examples=max(int(os.environ.get("DERIVANT_EXAMPLES", "1000")) // 4, 5), deadline=None, derandomize=True,
          database=None, suppress_health_check=list(HealthCheck))
@given(programs(depth=4), st.sampled_from((100, 40, 15)))
def test_generated_programs(p: Generated, width: int) -> None:
    formatted(p.source, width)


SHAPES = {
    "def f(x:f64)->f64=x+1": "def f(x: f64) -> f64 = x + 1\n",
    "def f( x,y = 2 ,) =\n\n\n    g(x , axis=0)[ 1 : , -1 ]**2": "def f(\n  x,\n  y = 2,\n) =\n  g(x, axis = 0)[1:, -1] ** 2\n",
    "let a=f''(x).y.z[0]\n\n\n\nlet b  =  - a": "let a = f''(x).y.z[0]\n\nlet b = -a\n",
    "let a = 1\nlet b = 2\ndef f() =\n  3\nlet c = 4": "let a = 1\nlet b = 2\n\ndef f() =\n  3\n\nlet c = 4\n",
    "def f(x) = x\nderivative f(x) along dx=dx": "def f(x) = x\nderivative f(x) along dx = dx\n",
    "type S=|A(f64)|B": "type S = A(f64) | B\n",
    "type S=|A": "type S = | A\n",
    "type S =\n  A(f64) | B": "type S =\n  | A(f64)\n  | B\n",
    "type R={x:f64,y:f64[n]}": "type R = {x: f64, y: f64[n]}\n",
    "type R={x:f64,y:f64[n],}": "type R = {\n  x: f64,\n  y: f64[n],\n}\n",
    "def f(s) = match s {A(x)->x;B->0;}": "def f(s) = match s { A(x) -> x; B -> 0; }\n",
    "def f(s) =\n    match s\n        A(x) | B(x,_) -> x\n        _ ->\n            let y = 1\n            y\n":
        "def f(s) =\n  match s\n    A(x) | B(x, _) -> x\n    _ ->\n      let y = 1\n      y\n",
    "def f(x) = if x then\n    1\n  else if y then 2 else\n    if z then 3 else 4":
        "def f(x) =\n  if x then\n    1\n  else if y then 2\n  else if z then 3\n  else 4\n",
    "def f(a) = a with (x.y[0]=1,[i , :]=2)": "def f(a) = a with (x.y[0] = 1, [i, :] = 2)\n",
    "rule r(x):exp(log(x))=>x when x>0": "rule r(x): exp(log(x)) => x when x > 0\n",
    "strategy s=repeat( topdown(a<+b) );dce": "strategy s = repeat(topdown(a <+ b)); dce\n",
    "test \"a\"=f(1)==2 and not g(3)": "test \"a\" = f(1) == 2 and not g(3)\n",
    "from  m import  f ,g\nimport a  as b": "from m import f, g\nimport a as b\n",
    "def f(g:(f64,i64)->f64,h:((f64,i64))->f64)=0": "def f(g: (f64, i64) -> f64, h: ((f64, i64)) -> f64) = 0\n",
    "": "",
    "\n\n# only a comment  \n\n\n# another": "# only a comment\n\n# another\n",
    "def f() =  # why\n  1 # one\n  # the end\n# of all": "def f() =  # why\n  1  # one\n  # the end\n\n# of all\n",
    "def f(a, # first\n  b) = a": "def f(\n  a,  # first\n  b\n) = a\n",
    "let a = 1\r\nlet b = \"\u0065\u0301\"\r\n": "let a = 1\nlet b = \"\u00e9\"\n",
}


@pytest.mark.parametrize("text", SHAPES)
def test_shapes(text: str) -> None:
    assert formatted(text) == SHAPES[text]


LONG = {
    "let alpha = f(aaaaaaaaaa, bbbbbbbbbb, cccccccccc)": "let alpha =\n  f(aaaaaaaaaa, bbbbbbbbbb, cccccccccc)\n",
    "let a = f(aaaaaaaaaa, bbbbbbbbbb, cccccccccc, dddddddddd)":
        "let a = f(\n  aaaaaaaaaa,\n  bbbbbbbbbb,\n  cccccccccc,\n  dddddddddd\n)\n",
    "let a = aaaaaaaaaa * bbbbbbbbbb + cccccccccc / dddddddddd":
        "let a = (\n  aaaaaaaaaa * bbbbbbbbbb\n  + cccccccccc / dddddddddd\n)\n",
    "def f(x) = [aaaaaaaaaa(i) + bbbbbbbbb(j) for i < n, j < m if i != j]":
        "def f(x) =\n  [\n    aaaaaaaaaa(i) + bbbbbbbbb(j)\n    for i < n, j < m if i != j\n  ]\n",
    "let table = [1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5]":
        "let table = [\n  1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5,\n  8.5, 9.5\n]\n",
    "def f(x) = loop s = 0.0 for i < n do s + aaaaaaaa(i)": "def f(x) =\n  loop s = 0.0 for i < n do\n    s + aaaaaaaa(i)\n",
    "let a = loop s = 0.0 for i < nnnnn do s + aaaaaaaa(i)": "let a = loop s = 0.0 for i < nnnnn do\n  s + aaaaaaaa(i)\n",
    "type Shape = Circle(f64) | Box(f64, f64) | Line(f64)":
        "type Shape =\n  | Circle(f64)\n  | Box(f64, f64)\n  | Line(f64)\n",
}


@pytest.mark.parametrize("text", LONG)
def test_long_lines(text: str) -> None:
    assert formatted(text, 40) == LONG[text]


def test_canonical_width() -> None:
    """No line of the repository's own programs is longer than the width, comments and strings apart."""
    for name, text in SOURCES:
        for line in format_source(Source(name, text)).split("\n"):
            assert len(line) <= 100 or "#" in line or '"' in line, f"{name}: {line}"


def test_what_is_no_program_is_refused_as_usual() -> None:
    with pytest.raises(SyntaxError, match="DV0112"):
        format_source(Source("t.dv", "let a = (1"))


@pytest.mark.parametrize("left, right", [
    ("[", "]"), ("(", ")"), ("f(", ")"), ("1 + (", ")"), ("fn x -> ", ""), ("(fn x -> ", ")(1)"), ("f(g = ", ")"),
    ("(let a = 1; ", ")"), ("[1, ", "]"), ("(if c then 1 else ", ")"),
])
def test_deep_nests(left: str, right: str) -> None:
    """As deep as the language allows: the work must not double with each level."""
    for depth in (20, 60):
        formatted(f"let a = {left * depth}x{right * depth}")
        formatted(f"let a = {left * depth}x{right * depth}", 40)


def test_long_chains() -> None:
    formatted("let a = " + " + ".join(["x"] * 3000))
    formatted("let a = " + " else ".join(f"if c{k} then {k}" for k in range(800)) + " else 0")


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.dv")), ids=lambda p: p.name)
def test_examples_are_formatted(path: Path) -> None:
    """Otherwise: `derivant fmt examples`."""
    text = path.read_text(encoding="utf-8")
    assert format_source(Source(path.name, text)) == text


def test_as_deep_as_is_allowed() -> None:
    """Another block would be one too many, so the layout stays; whatever the depth, the result is a program."""
    for depth in range(190, 202):
        text = "adjoint f(t) pulls y = [" + "sum(" * depth + "t" + "".join(f" for i{k} < 2)" for k in range(depth)) + "]\n"
        try:
            parse(Source("deep.dv", text))
        except SyntaxError as e:
            assert e.code == "DV0130"
            return
        once = format_source(Source("deep.dv", text))
        assert format_source(Source("deep.dv", once)) == once
    raise AssertionError("no depth is refused")
