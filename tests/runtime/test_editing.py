"""Completion, indentation and colours at a prompt, without one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from derivant.runtime.editing import choices, indentation, submits, symbols
from derivant.runtime.highlight import ansi, as_html, pieces
from derivant.runtime.session import Session


@pytest.fixture(scope="module")
def s() -> Session:
    session = Session()
    list(session.feed("type P = {alpha: f64, beta: f64[3]}\nlet p = P(1.0, zeros(3))\nlet ps = [p, p]\n"
                      "def lossy(x: f64) -> f64 = x\ndef lossless(x: f64) -> f64 = x"))
    return session


def found(s: Session, text: str) -> list[str]:
    return [c.text for c in choices(s, text)]


def test_names(s: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DERIVANT_PREVIEW", raising=False)
    assert found(s, "loss") == ["lossless", "lossy"]
    assert found(s, "1 + softm") == ["softmax"]
    assert "let" in found(s, "le") and "match" in found(s, "mat") and "derivative" in found(s, "deriv")
    assert found(s, "def f(abcd) = abc") == ["abcd"]  # of the text itself
    assert found(s, "") == [] and found(s, "1 + ") == []
    about = {c.text: c.about for c in choices(s, "lossy")}
    assert about == {"lossy": "lossy(x: f64) -> f64"}
    assert not {n for n in s.names() if "turn_columns" in n or n == "cholesky"}  # not released


def test_fields(s: Session) -> None:
    assert [(c.text, c.about) for c in choices(s, "p.")] == [("alpha", "f64"), ("beta", "f64[3]")]
    assert found(s, "sin(p.al") == ["alpha"] and found(s, "ps[0].b") == ["beta"] and found(s, "ps.a") == ["alpha"]
    assert found(s, "nothing.") == [] and found(s, "1.") == [] and found(s, "p.alpha.") == []


def test_commands(s: Session) -> None:
    assert found(s, ":lo") == ["load"] and {"save", "save!", "set", "source"} == set(found(s, ":s"))
    assert all(c.about for c in choices(s, ":"))
    assert found(s, ":type loss") == ["lossless", "lossy"] and found(s, ":ir lossy optim") == ["optimised"]
    assert found(s, ":set ty") == ["types"] and found(s, ":set types ") == ["on", "off"] and found(s, ":set keys v") == ["vi"]
    assert found(s, ":help ti") == ["time"] and found(s, "?lossy") == ["lossy"] and found(s, ":wrong x") == []


def test_files(s: Session, tmp_path: Path) -> None:
    (tmp_path / "model.dv").write_text("")
    (tmp_path / "models").mkdir()
    (tmp_path / ".hidden").write_text("")
    assert found(s, f":load {tmp_path}/mod") == ["model.dv", "models/"]
    assert found(s, f":l {tmp_path}/") == ["model.dv", "models/"] and found(s, f":l {tmp_path}/.h") == [".hidden"]
    assert found(s, f'def f(x: f64[n] = "{tmp_path}/mo') == ["model.dv", "models/"]
    assert found(s, ":load /no/such/place/") == []


def test_symbols(s: Session) -> None:
    assert found(s, "2 * \\alpha") == ["α"] and found(s, "x\\_1") == ["₁"] and found(s, "\\Omega") == ["Ω"]
    assert "ε" in found(s, "\\eps") and found(s, "\\nothing") == []
    assert {symbols()[f"\\{w}"] for w in ("lambda", "Lambda", "theta", "pi")} == {"λ", "Λ", "θ", "π"}
    name = re.compile(r"\w")
    assert all(len(v) == 1 and name.fullmatch(v) for v in symbols().values())  # each is a letter of names
    assert list(s.feed("let " + "".join(["x", *symbols().values()]) + " = 1"))[-1].error is None


def test_indentation() -> None:
    assert indentation("def f(x) =") == "  " and indentation("  let a =") == "    " and indentation("  let a = 1") == "  "
    assert indentation("match x") == "  " and indentation("f(1,") == "  " and indentation("f(1)") == ""
    assert indentation("  for i < n do") == "    " and indentation("") == ""


def test_what_enter_does() -> None:
    assert submits("1 + 1", "") and not submits("f(1,", "") and submits("", "")
    assert not submits("match x\n  1 -> 2", "") and submits("match x\n  1 -> 2\n  ", "")
    assert submits("type S = A | B", "")  # one line, and whole
    assert not submits("def f(x) =\n  ", "") and submits("def f(x) =\n\n", "")  # two empty lines show the error
    assert not submits("def f(x) =\n  x", "\n  x") and submits("f(1)", ")")  # the cursor stands inside


def test_colours(s: Session) -> None:
    text = '## doc\ndef f(x: f64[n]) -> f64 =\n  let a = "s"  # c\n  if x > 1.5 then sum(x) else P(x)\n'
    kinds = [(k, t) for k, t in pieces(text, s.language_names()) if k]
    assert ("comment", "## doc") in kinds and ("keyword", "def") in kinds and ("type", "f64") in kinds
    assert ("string", '"s"') in kinds and ("number", "1.5") in kinds and ("builtin", "sum") in kinds and ("type", "P") in kinds
    assert re.sub(r"\x1b\[\d+m", "", ansi(text, s.language_names())) == text
    assert re.sub(r"<[^>]+>", "", as_html("a < b")) == "a &lt; b"


@pytest.mark.parametrize("text", [
    "", "\n\n", "f(", "1 &&& 2", "x² + ´`?", "'", '"open', "\tdef f(x) = x", "def f(x)\n = x", "a\u2028b", "é = e\u0301",
    "for i down by", "elif x then y", "x := 1", "≤ ≥ λ", "\x00", "0x12 1.2.3 .5",
])
def test_colours_keep_every_character(text: str) -> None:
    assert "".join(t for _, t in pieces(text)) == text
