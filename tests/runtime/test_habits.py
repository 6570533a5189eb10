"""What users of IPython and ghci type: it works, or one line says what to write."""

from __future__ import annotations

from pathlib import Path

import derivant as dv
import pytest
from derivant.runtime.editing import submits
from derivant.runtime.repl_commands import COMMANDS
from derivant.runtime.session import Session
from derivant.runtime.session_types import Reply

from .test_session import failure, one, said


@pytest.fixture
def s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.setenv("DERIVANT_CACHE_DIR", str(tmp_path / "cache"))
    session = Session(folder=str(tmp_path))
    said(session, "def f(x: f64) -> f64 = x**2\nlet x = [1.0, 2.0]")
    return session


@pytest.mark.parametrize("text", ["quit", "exit", "quit()", "exit( )", ":q", ":exit", "%quit", ": quit"])
def test_leaving(s: Session, text: str) -> None:
    assert one(s, text).kind == "quit"


def test_names_of_the_session_come_first(s: Session) -> None:
    said(s, "let exit = 3\ndef help(x: i64) = x + 1")
    assert said(s, "exit") == ["3 : i64"] and said(s, "help(exit)") == ["4 : i64"]
    assert one(s, ":exit").kind == "quit"


@pytest.mark.parametrize(("text", "same"), [
    ("help", ":help"), ("help()", ":help"), ("%", ":help"), ("help(f)", ":doc f"), ("help f", ":doc f"), ("f?", ":doc f"),
    ("x ?", ":doc x"), ("f??", ":source f"), (":i f", ":doc f"), (":info f", ":doc f"), (":kind x", ":type x"),
    (":t x", ":type x"), ("%whos", ":env"), ("%who", ":env"), ("%env", ":env"), ("?f'", ":doc f"), ("::type x", ":type x"),
    (":ir f opt", ":ir f optimised"), (":ir f", ":ir f optimised"),
])
def test_other_words_for_commands(s: Session, text: str, same: str) -> None:
    assert one(s, text).kind in ("text", "code") and one(s, text) == one(s, same)


def test_timing(s: Session) -> None:
    for text in ("%time f(2.0)", "%timeit f(2.0)", "%%timeit f(2.0)"):
        assert "at best" in one(s, text).text


@pytest.mark.parametrize(("text", "right"), [
    ("y = 3", "let y = 3"), ("y=3", "let y=3"), ("y: f64 = 2", "let y: f64 = 2"), ("g(x) = x + 1", "def g(x) = x + 1"),
    ("g(x: f64) -> f64 = 3 * x", "def g(x: f64) -> f64 = 3 * x"), ("a, b = 1, 2", "let (a, b) = (1, 2)"),
    ("(a, b) = (1, 2)", "let (a, b) = (1, 2)"), ("x[0] = 3.0", "x with [0] = 3.0"),
])
def test_assignments_say_how_they_are_written(s: Session, text: str, right: str) -> None:
    """What the help says can be typed."""
    e = failure(s, text)
    assert e.code == "DV0123" and e.span is not None and text[e.span.col - 1] == "="
    shown = str(e.help).split("`")[1].replace("…", text.split("=")[-1].strip().strip("()").join("()"))
    assert "".join(shown.split()) == "".join(right.split())
    assert not any(r.error for r in s.feed(shown))


@pytest.mark.parametrize(("text", "then", "result"), [
    ("y = 3; z = 4", "y", 3), ("p.x = 3", "_.x", 3.0), ("x[0] = 5.0", "_[0]", 5.0), ("p.v[1] = 7.0", "_.v[1]", 7.0),
    ("x += 1", "new[0]", 2.0), ("y = 3  # three", "y", 3), ("g(x) = x * 2  # twice", "g(1.0)", 2.0), ("x.sum()", "_", 3.0),
    ("f 3.0", "_", 9.0), ("sin'0.0", "_", 1.0), ("x[x > 1]", "len(_)", 1),
])
def test_remedies_at_the_prompt_can_be_typed(s: Session, text: str, then: str, result: object) -> None:
    said(s, "type P = {x: f64, v: f64[2]}\nlet p = P(1.0, x)")
    help = str(failure(s, text).help)
    shown = help[help.index("writ"):].split("`")[1]
    assert not any(r.error for r in s.feed(shown)), shown
    assert one(s, then).value == result


@pytest.mark.parametrize("text", ["x == x", "f(1.0) == 1.0", "1 <= 2", "fn y -> y", "(x with [0] = 3.0)[0] == 3.0",
                                  "loop y = 1.0 for _ < 3 do y * 2.0"])
def test_what_is_no_assignment(s: Session, text: str) -> None:
    assert not any(r.error for r in s.feed(text))


@pytest.mark.parametrize(("text", "help"), [
    ("import numpy", "no module"), ("import numpy as np", "no module"), ("from math import sin", "no module"),
    ("np.sin(1.0)", "no module"), ("print(x)", "show(x)"), ("True", "`true`"), ("f x", "f(x)"), ("x += 1", "values don't change"),
    ("np.sum(x)", "write `sum`"), ("let x = x * 2", "another name"), (":explain DV9998", "nearest"),
    (":grad fn y -> y * y", "`def f(y: f64) = (fn y -> y * y)(y)`"), (":llvm sin", "`def f(x: f64) = sin(x)`"),
    ("!ls", "Ctrl-Z"), (":!ls", "Ctrl-Z"), ("%reset", ":forget"), ("%run a.py", ":load"), (":edit f", ":reload"),
    (":tpye f", "did you mean :type?"), (":relaod", "did you mean :reload?"), (":wat", ":help lists them"), (":whoz", ":env"),
    (":ir f bogus", "there are: parsed, typed, core, derivative, optimised, loops, llvm, asm"),
    (":set digit 3", "digits"), (":save .", "session.dv"), ("?sinn", "sin"), ("sinn?", "sin"), (":doc 1 + 1", ":type"),
])
def test_hints(s: Session, text: str, help: str) -> None:
    e = failure(s, text)
    assert help in str(e.help) and "\n" not in str(e.help)


def test_an_error_is_explained_at_the_prompt(s: Session) -> None:
    for code in ("DV0312", "dv0312"):
        assert one(s, f":explain {code}").text.startswith("DV0312: ")
    assert one(s, ":explain f").text.startswith("f(x")
    said(s, "def dv0312(x: f64) = x")
    assert one(s, ":explain dv0312").text.startswith("dv0312(x")


def test_what_needs_types_says_how_to_give_them(s: Session) -> None:
    """What the help says can be typed, and answers the question."""
    for text in (":grad fn y -> y * y", ":llvm sin", ":ir atan2"):
        declared = str(failure(s, text).help).split("`")[1]
        said(s, declared.replace("def f(", "def again("))
        assert not any(r.error for r in s.feed(f"{text.split()[0]} again"))


def test_words_behind_an_expression_are_no_stages(s: Session) -> None:
    assert one(s, ":ir f(1.0) > 2.0 and true").text.startswith("def entry() -> bool")
    assert failure(s, ":ir f x y").code == "DV0121"
    assert failure(s, ":ir f(x").code != "DV0613"


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_with_odd_arguments(s: Session, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever stands behind it, a command answers or fails with one error of ours."""
    monkeypatch.chdir(tmp_path)
    for rest in ("", "nothing", "1 +", ")", "f f f", "f,", "=", "\\", '"', "α β", "x" * 3000, ":type", "-1", "§", "f\0"):
        replies = list(s.feed(f":{name} {rest}"))
        assert replies and not any(isinstance(r.error, dv.InternalError) for r in replies), (rest, replies[-1].text)
        assert len([r for r in replies if r.kind == "error"]) <= 1


def test_missing_and_superfluous_arguments(s: Session) -> None:
    for c in COMMANDS.values():
        if not c.takes:
            assert "takes nothing" in str(failure(s, f":{c.name} something"))
        elif not c.takes.startswith("[") and c.name != "doc":
            assert "wants something" in str(failure(s, f":{c.name}"))


def test_saving_where_that_is_not_possible(s: Session, tmp_path: Path) -> None:
    for bang in ("", "!"):
        assert f"there is no folder {tmp_path}/none" in str(failure(s, f":save{bang} {tmp_path}/none/a.dv"))
        assert "it is a folder" in str(failure(s, f":save{bang} {tmp_path}"))
        assert "no ordinary file" in str(failure(s, f":save{bang} /dev/null"))
    assert one(s, f':save "{tmp_path}/a b.dv"').kind == "note" and (tmp_path / "a b.dv").exists()
    assert one(s, f":load '{tmp_path}/a b.dv'").kind == "note"
    assert "is there already" in str(failure(s, f":save {tmp_path}/a b.dv"))


def test_a_full_disk_leaves_nothing_behind(s: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    assert "no space left" in str(failure(s, f":save {tmp_path}/a.dv"))
    assert [p for p in tmp_path.iterdir() if p.name != "cache"] == []


@pytest.mark.parametrize(("first", "more", "answer"), [("dv> ", "  | ", ""), (">>> ", "... ", ""), ("In [3]: ", "   ...: ", "Out[3]: ")])
@pytest.mark.parametrize("margin", ["", "    "])
def test_transcripts(s: Session, first: str, more: str, answer: str, margin: str) -> None:
    """Prompts and answers of a session before are left out, and places are lines of the text."""
    typed = ["let a = exp(0.0)", "def g(x: f64) =\n  let y = a * x\n\n  match y > 1.0\n    true -> y\n    false -> 0.0", "type S = A\n  | B(f64)", "g(3.0)", ":type g", "[[1, 2],\n [3, 4]]"]
    lines = []
    for text in typed:
        begun, *rest = text.split("\n")
        lines += [first + begun, *((more + line).rstrip() for line in rest), *(answer + r.text for r in _alone(typed, text)),
                  "error[DV0201]: nothing here is called b\n  ┌─ input 3:1:1\n1 │ b\n  | c"]
    text = "\n".join([*lines, first.rstrip(), first + "(a +", more + "b)"])
    text = "\n".join(margin + line if line else line for line in text.split("\n"))
    *answers, wrong = s.feed(text)
    assert [r.text for r in answers] == [r.text for t in typed for r in _alone(typed, t)]
    assert wrong.error is not None and wrong.error.code == "DV0201" and wrong.error.span is not None
    assert wrong.error.span.line == text.count("\n") + 1 and wrong.error.span.col == 1


@pytest.mark.parametrize("head", ["$ derivant repl", "```text", "```\n$ derivant -q", "derivant 0.1.0   :help lists commands, Ctrl-D ends"])
def test_what_stands_before_the_first_prompt(s: Session, head: str) -> None:
    assert said(s, f"{head}\ndv> let a = 2\na : i64\ndv> a + 1\n3 : i64\n```") == ["a : i64", "3 : i64"]


def _alone(typed: list[str], text: str) -> list[Reply]:
    """The replies to one input, after those before it."""
    session = Session()
    replies = [list(session.feed(t)) for t in typed[:typed.index(text) + 1]][-1]
    assert replies and not any(r.error for r in replies)
    return replies


def test_what_is_no_transcript(s: Session) -> None:
    said(s, "let dv = 5")
    assert said(s, "dv> 3") == ["true : bool"] and said(s, "dv> (3 +\n1)") == ["true : bool"]
    assert failure(s, "1 + 1\n>>> 2").code.startswith("DV01") and said(s, "1\n-1") == ["1 : i64", "-1 : i64"]
    assert submits("dv> f(2.0)\n4.0 : f64\ndv> ", "") and not submits("dv> def g(x) =\n  | ", "")
