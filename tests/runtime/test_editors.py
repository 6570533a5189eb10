"""The grammar of editors against the lexer: on all our programs both see the same kinds of text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from derivant.frontend.lexer import DECLARATIONS, KEYWORDS, SOFT
from derivant.runtime.highlight import pieces

ROOT = Path(__file__).resolve().parents[2]
VSCODE = ROOT / "editors" / "vscode"
GRAMMAR: dict[str, Any] = json.loads((VSCODE / "syntaxes" / "derivant.tmLanguage.json").read_text(encoding="utf-8"))
KINDS = {"comment": "comment", "string": "string", "constant.numeric": "number", "constant.language": "keyword",
         "keyword.control": "keyword", "keyword.other": "keyword", "support.type": "type"}
PROGRAMS = [*sorted((ROOT / "examples").glob("*.dv")), *sorted((ROOT / "frontend" / "prelude").glob("*.dv"))]
CORNERS = '''\
language 1
from stats import mean, by
import stats as s
let by = 2.0  # "no string" by 3
type T = Box(f64) | None_
def type_(x₁: f64[n, _], down: i64) -> (f64, bool) = (x₁[0] ** 2e-3, not true)
derivative f(x) along dx = f'(x) * dx
test "a # is no comment, a \\" no end" = down - 1e5 < 1 and by * 2 == 0.5
def g(n: i64) = [i for i in 0 .. n by 2]
def h(n: i64) =
  loop s = 0 for i < n down into (sum) do s + then_(by, where)
  match e { Box(x) -> x; None_ -> 0 }
'''


def rules(patterns: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for p in patterns:
        if "include" in p:
            found = GRAMMAR["repository"][p["include"].removeprefix("#")]
            yield from rules(found.get("patterns", [found]))
        else:
            yield p


RULES = [(re.compile(r["match"]), r) for r in rules(GRAMMAR["patterns"])]


def kind(scope: str) -> str:
    return next((k for prefix, k in KINDS.items() if scope.startswith(prefix)), "")


def by_grammar(line: str) -> list[str]:
    """The kind of each character: the match that begins first counts, of several the first rule's."""
    kinds, at = [""] * len(line), 0
    while at < len(line):
        found = [(m.start(), k, m, r) for k, (pattern, r) in enumerate(RULES) if (m := pattern.search(line, at))]
        if not found:
            break
        _, _, m, rule = min(found, key=lambda f: f[:2])
        groups = {"0": {"name": rule.get("name", "")}, **rule.get("captures", {})}
        for number, what in groups.items():
            start, end = m.span(int(number))
            kinds[max(start, 0):max(end, 0)] = [kind(what["name"])] * (max(end, 0) - max(start, 0))
        assert m.end() > at or m.end() > m.start(), rule
        at = m.end()
    return kinds


def by_lexer(text: str) -> list[list[str]]:
    kinds = [k for k, piece in pieces(text) for _ in piece]
    lines, at = [], 0
    for line in text.split("\n"):
        lines.append(kinds[at:at + len(line)])
        at += len(line) + 1
    return lines


@pytest.mark.parametrize("text", [*(p.read_text(encoding="utf-8") for p in PROGRAMS), CORNERS],
                         ids=[*(p.name for p in PROGRAMS), "corners"])
def test_the_grammar_sees_what_the_lexer_sees(text: str) -> None:
    for number, (line, expected) in enumerate(zip(text.split("\n"), by_lexer(text), strict=True), 1):
        assert by_grammar(line) == expected, f"{number}: {line}"


def test_the_corners_have_all_kinds() -> None:
    assert {k for line in by_lexer(CORNERS) for k in line} == {*KINDS.values(), ""}


def test_the_grammar_knows_all_words() -> None:
    """Also a new keyword belongs into the grammar."""
    patterns = GRAMMAR["repository"]
    known = set(re.findall(r"[a-z]+", " ".join(patterns[p]["match"] for p in ("declaration", "constant", "keyword", "soft"))))
    assert KEYWORDS | DECLARATIONS | SOFT <= known


def test_the_extension_is_whole() -> None:
    package = json.loads((VSCODE / "package.json").read_text(encoding="utf-8"))
    language, grammar = package["contributes"]["languages"][0], package["contributes"]["grammars"][0]
    assert language["id"] == grammar["language"] and grammar["scopeName"] == GRAMMAR["scopeName"]
    for path in (package["main"], language["configuration"], grammar["path"]):
        assert (VSCODE / path).is_file()
    configuration = json.loads((VSCODE / language["configuration"]).read_text(encoding="utf-8"))
    assert configuration["comments"]["lineComment"] == "#"
