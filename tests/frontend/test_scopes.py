"""Who binds which name: every name of a marked text leads where the mark says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from derivant.compiler.errors import Source
from derivant.frontend.builtins import document
from derivant.frontend.lexer import lex
from derivant.frontend.parser import read
from derivant.frontend.scopes import Scopes

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

# `«name:k»` binds number k (or uses it), so equal numbers must be one binding, and different ones must not.
MARKED = {
    "parameters and sizes": "def «f:1»(«x:2»: f64[«n:3»], «y:4»: f64[«n:3»]) -> f64[«n:3»] = [«x:2»[«i:5»] + «y:4»[«i:5»] for «i:5» < «n:3»]",
    "shadowing": "def f(«x:1»: f64) =\n  let «x:2» = «x:1» + 1\n  let «x:3» = «x:2» * 2\n  «x:3»",
    "generators": "def f(«a:1»: f64[_]) = [«a:2» + «j:3» for «a:2» in «a:1», «j:3» < 3 if «a:2» > 0]",
    "loops": "def f(«n:1»: i64) =\n  loop «n:2» = «n:1» for «i:3» < «n:1» while «n:2» > 0 do «n:2» - «i:3»",
    "functions": "let «k:1» = 2.0\n\ndef f(x: f64) =\n  let «g:2»(«y:3»: f64) = «y:3» * «k:1»\n  let «h:4» = fn «y:5» -> «g:2»(«y:5»)\n  «h:4»(x)",
    "types": "type «P:1» = {«u:2»: f64, v: f64[«m:4»]}\n\ndef f(«p:3»: «P:1») -> «P:1» = «P:1»(u = «p:3».u, v = [])",
    "sums": "type «S:1» = «Box:2»(f64) | «None_:3»\n\ndef f(s: «S:1») = match s\n  «Box:2»(«x:4») -> «x:4»\n  «None_:3» -> 0",
    "later declarations": "def f(x: f64) = «g:1»(x)\n\ndef «g:1»(x: f64) = x",
    "tuples": "def f(x: f64) =\n  let («a:1», «b:2») = (x, x)\n  «a:1» + «b:2»",
    "rules": "def «f:1»(x: f64) = x\n\nderivative «f:1»(«x:2») along «dx:3» = «dx:3» * «x:2»",
    "broken around": "def f(«x:1»: f64) = «x:1»\n\ndef g( = \n\ndef h(«x:2»: f64) = «x:2»",
}


@pytest.mark.parametrize("name", MARKED)
def test_names_lead_to_their_bindings(name: str) -> None:
    text, marks, at = "", [], 0
    for m in re.finditer(r"«(\w+):(\d+)»", MARKED[name]):
        text += MARKED[name][at:m.start()]
        marks.append((text.count("\n") + 1, len(text) - text.rfind("\n"), m[1], m[2]))
        text, at = text + m[1], m.end()
    text += MARKED[name][at:]
    source = Source("t.dv", text)
    scopes = Scopes(read(source).program, lex(source))
    bound: dict[str, object] = {}
    for line, col, word, number in marks:
        for place in (col, col + len(word)):
            use = scopes.at(line, place)
            assert use is not None and use.name == word and use.binding is not None, (line, place, word)
            assert bound.setdefault(number, use.binding) is use.binding, (line, place, word)
    assert len(set(map(id, bound.values()))) == len(bound)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.dv")), ids=lambda p: p.name)
def test_every_name_of_the_examples_is_known(path: Path) -> None:
    source = Source(path.name, path.read_text())
    scopes = Scopes(read(source).program, lex(source))
    for t in lex(source).tokens:
        if t.type in ("NAME", "CNAME"):
            use = scopes.at(t.span.line, t.span.col)
            assert use is not None
            assert use.binding is not None or use.field or document(t.text), str(t.span)
