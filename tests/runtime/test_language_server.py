"""What editors get: places, errors, hovers, definitions, layout, hints; and a conversation over standard input."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from derivant.compiler.errors import Source, clean
from derivant.frontend.formatter import format_source
from derivant.runtime.language_server import Document, Places
from lsprotocol.types import Location, Position

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PROGRAM = """\
type Line = {slope: f64, offset: f64}

## The mean of the squared residuals.
def loss(p: Line, x: f64[n], y: f64[n]) =
  let r = [p.slope * x[i] + p.offset - y[i] for i]
  sum(r ** 2) / f64(n)

def both(f, x: f64) =
  let (a, b) = (f(x), x)
  a + b

def main() = both(fn t -> t * t, 3.0)
"""


def document(text: str, folder: Path = Path("/nowhere"), **more: Any) -> Document:
    return Document((folder / "m.dv").as_uri(), text, **more)


def at(text: str, mark: str, offset: int = 0) -> Position:
    """The position where a mark begins, in a text of ASCII."""
    k = text.index(mark) + offset
    return Position(text.count("\n", 0, k), k - text.rfind("\n", 0, k) - 1)


def covered(d: Document, place: Location) -> str:
    """The text of a range, by the rules of the protocol: units of two bytes."""
    lines = d.text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    start, end = place.range.start, place.range.end
    assert start.line == end.line
    return lines[start.line].encode("utf-16-le")[2 * start.character:2 * end.character].decode("utf-16-le")


# ---------------------------------------------------------------- places


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
@pytest.mark.parametrize("text", ["abc = 1", "a\U0001f600b\u00e9 = z", "\ufeffx = \U0001f600y", "e\u0301 = a\u0308\U0001f600 + b"])
def test_places_go_there_and_back(text: str, encoding: str) -> None:
    places = Places(f"{text}\r\n# \U0001f600\r{text}", encoding)
    normal = clean(Source("", places.lines[0])).text
    for col in range(1, len(normal) + 2):
        position = places.position(1, col)
        assert places.place(position) == (1, col)
    units = {"utf-8": len(text.encode()), "utf-16": len(text.encode("utf-16-le")) // 2, "utf-32": len(text)}
    assert places.position(1, len(normal) + 1).character == units[encoding]
    assert places.position(99, 1).line == 2


# ---------------------------------------------------------------- errors


def test_every_error_has_its_range_its_page_and_its_help() -> None:
    text = 'def f(x: f64) -> f64 =\n  show("\U0001f600", x + lenght)\n\ndef g(x: f64) -> f64 = x + true\n\ndef f(y: f64) = y\n'
    d = document(text)
    found = {str(x.code): x for x in d.diagnostics()}
    assert sorted(found) == sorted({e.code for e in d.analysis.errors}) and {"DV0201", "DV0202"} <= set(found)
    assert len(d.diagnostics()) == 3
    name = found["DV0201"]
    assert covered(d, Location(d.uri, name.range)) == "lenght" and "help: did you mean" in name.message
    assert name.range.start.character == text.split("\n")[1].index("lenght") + 1  # the face takes two units
    assert name.code_description is not None and name.code_description.href.endswith("/DV0201.md")
    twice = found["DV0202"].related_information
    assert twice is not None and twice[0].message == "the first definition" and twice[0].location.range.start.line == 0


def test_errors_of_the_text_come_all_at_once() -> None:
    d = document("def f(x = 1\n\ndef g(x: f64) = x &&\n\ndef h(x: f64) = x\n")
    assert {x.range.start.line for x in d.diagnostics()} == {0, 2}
    hover = d.hover(Position(4, 16))  # the rest still answers
    assert hover is not None and "x: f64" in hover.contents.value  # type: ignore[union-attr]


def test_errors_of_imports_stand_at_the_import(tmp_path: Path) -> None:
    (tmp_path / "stats.dv").write_text("def mean2(x: f64[n]) -> f64 = sum(x) / nn\n")
    d = document("import stats\n\ndef f(x: f64[n]) = stats.mean2(x)\n", tmp_path)
    (error,) = d.diagnostics()
    assert (error.range.start.line, error.range.end.character) == (0, len("import stats"))
    assert error.related_information is not None
    (there,) = error.related_information
    assert there.location.uri == (tmp_path / "stats.dv").as_uri() and there.location.range.start.character == 39
    repaired = {str(tmp_path / "stats.dv"): "def mean2(x: f64[n]) -> f64 = sum(x) / f64(n)\n"}
    assert document(d.text, tmp_path, texts=repaired).diagnostics() == []  # the editor's text counts, not the disk's
    assert [x.code for x in document("import nothing\n").diagnostics()] == ["DV0204"]


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.dv")), ids=lambda p: p.name)
def test_examples_are_fine_and_formatted(path: Path) -> None:
    d = Document(path.as_uri(), path.read_text())
    assert d.diagnostics() == [] and d.formatting() == []


@pytest.mark.parametrize("text", [
    "", "\n", "\ufeff", "(", "def", "def f(x) = \ud800", "\x00", "match", "'" * 50, "import m", "test", "def f(x: f64) = " + "(" * 180 + "x" + ")" * 180,
    "def f(x: f64) =\n" + "".join("  " * k + f"let a{k} =\n" for k in range(1, 150)) + "  " * 150 + "x"])
def test_nothing_falls_over(text: str) -> None:
    d = document(text)
    for line in range(3):
        for character in range(8):
            d.hover(Position(line, character))
            d.definition(Position(line, character))
    d.formatting()
    d.inlay_hints()
    assert all(x.code != "DV0999" for x in d.diagnostics())


# ---------------------------------------------------------------- hovers and definitions


@pytest.mark.parametrize(("mark", "offset", "wanted"), [
    ("loss", 0, "loss(p: Line, x: f64[n], y: f64[n]) -> f64\n```\n\nThe mean of the squared residuals."),
    ("r ** 2", 0, "r: f64[n]"),
    ("x[i]", 0, "x: f64[n]"),
    ("y[i]", 2, "i: i64"),
    ("f64(n)", 4, "n: i64"),
    ("a + b", 0, "a: f64"),
    ("p.slope", 2, "Line.slope: f64"),
    ("p: Line", 3, "type Line = {slope: f64, offset: f64}"),
    ("t * t", 0, "t: f64"),
    ("both(fn", 0, "both(f, x: f64)"),
    ("sum(", 0, "the sum of all elements"),
])
def test_hovers(mark: str, offset: int, wanted: str) -> None:
    hover = document(PROGRAM).hover(at(PROGRAM, mark, offset))
    assert hover is not None and wanted in hover.contents.value  # type: ignore[union-attr]


@pytest.mark.parametrize(("mark", "offset", "target"), [
    ("both(fn", 0, "both(f"), ("r ** 2", 0, "r = ["), ("x[i]", 0, "x: f64[n], y"), ("p.slope", 2, "slope: f64"),
    ("p: Line", 3, "Line = {"), ("a + b", 4, "b) = ("), ("f64(n)", 4, "n], y"), ("y[i] for i", 2, "i]\n  sum"), ("t * t", 4, "t -> t"),
])
def test_definitions(mark: str, offset: int, target: str) -> None:
    (place,) = document(PROGRAM).definition(at(PROGRAM, mark, offset))
    assert place.range.start == at(PROGRAM, target)


def test_definitions_in_other_files(tmp_path: Path) -> None:
    stats = "## Half.\ndef half(x: f64) = x / 2\n\ntype Pair = {a: f64, b: f64}\n"
    (tmp_path / "stats.dv").write_text(stats)
    text = "import stats\nfrom stats import half, Pair\n\ndef f(p: Pair) = half(p.a) + stats.half(p.b)\n"
    d = document(text, tmp_path)
    assert d.diagnostics() == []
    for mark, offset, target in (("half(p.a)", 0, "half("), ("stats.half", 6, "half("), ("half, Pair", 6, "Pair ="), ("p: Pair", 3, "Pair =")):
        (place,) = d.definition(at(text, mark, offset))
        assert place.uri == (tmp_path / "stats.dv").as_uri() and place.range.start == at(stats, target), mark
    hover = d.hover(at(text, "half(p.b)"))
    assert hover is not None and "half(x: f64) -> f64\n```\n\nHalf." in hover.contents.value  # type: ignore[union-attr]
    (module,) = d.definition(at(text, "stats.half"))
    assert module.uri.endswith("stats.dv") and module.range.start == Position(0, 0)


def test_the_prelude_can_be_read() -> None:
    (place,) = document("def f(x: f64[n]) = softmax(x)\n").definition(Position(0, 20))
    line = Path(place.uri.removeprefix("file://")).read_text().split("\n")[place.range.start.line]
    assert line[place.range.start.character:].startswith("softmax(") and line.startswith("def ")


# ---------------------------------------------------------------- layout and hints


def test_formatting_is_that_of_the_command() -> None:
    ugly = "\ufeffdef f(x:f64)->f64=x  +1  # \u00e9\r\ndef g(x:f64)=x"
    (edit,) = document(ugly).formatting()
    assert edit.new_text == format_source(Source("m.dv", ugly))
    assert edit.range.start == Position(0, 0) and edit.range.end == Position(1, len("def g(x:f64)=x"))


def test_hints_are_types_that_may_be_written() -> None:
    assert [(h.position.line, h.label) for h in document(PROGRAM).inlay_hints()] == [
        (3, " -> f64"), (11, " -> f64"), (4, ": f64[n]"), (8, ": f64"), (8, ": f64")]


@pytest.mark.parametrize("path", [None, *sorted(EXAMPLES.glob("*.dv"))], ids=lambda p: p.name if p else "program")
def test_programs_with_the_types_of_hints_are_right(path: Path | None) -> None:
    """Except for the parts of tuples, which take no types of their own."""
    text = path.read_text() if path is not None else PROGRAM
    uri = (path or Path("/nowhere/m.dv")).as_uri()
    lines, written = text.split("\n"), 0
    for h in sorted(Document(uri, text, "utf-32").inlay_hints(), key=lambda h: -h.position.character):
        line, k = h.position.line, h.position.character
        if re.search(r"\b(let|loop) \w+$|\)$", lines[line][:k]):
            lines[line] = lines[line][:k] + str(h.label) + lines[line][k:]
            written += 1
    annotated = Document(uri, "\n".join(lines), "utf-32")
    assert written and annotated.diagnostics() == []
    assert len(annotated.inlay_hints()) == len(Document(uri, text).inlay_hints()) - written


# ---------------------------------------------------------------- a conversation


class Client:
    """Plain messages of JSON-RPC to a server of its own."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None and process.stdout is not None
        self.process, self.out, self.into = process, process.stdout, process.stdin
        self.number = 0

    def send(self, method: str, params: object, **more: object) -> None:
        body = json.dumps({"jsonrpc": "2.0", "method": method, "params": params, **more}).encode()
        self.into.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.into.flush()

    def receive(self) -> dict[str, Any]:
        length = 0
        while (line := self.out.readline().strip()) or not length:
            assert line, "the server has ended"
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        message: dict[str, Any] = json.loads(self.out.read(length))
        return message

    def ask(self, method: str, params: object) -> Any:
        self.number += 1
        self.send(method, params, id=self.number)
        while True:
            message = self.receive()
            if message.get("id") == self.number and "method" not in message:
                assert "error" not in message, message
                return message["result"]

    def diagnostics(self, version: int) -> list[dict[str, Any]]:
        while True:
            message = self.receive()
            if message.get("method") == "textDocument/publishDiagnostics" and message["params"].get("version") == version:
                found: list[dict[str, Any]] = message["params"]["diagnostics"]
                return found


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    process = subprocess.Popen(
        [sys.executable, "-m", "derivant", "lsp", "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tmp_path,
        env={**os.environ, "DERIVANT_CACHE_DIR": str(tmp_path / "cache")})
    try:
        yield Client(process)
    finally:
        process.kill()
        process.communicate()


def test_a_conversation(client: Client, tmp_path: Path) -> None:
    uri = (tmp_path / "m.dv").as_uri()
    here = {"uri": uri}
    can = client.ask("initialize", {"processId": None, "rootUri": None, "capabilities": {}})["capabilities"]
    assert can["hoverProvider"] and can["definitionProvider"] and can["documentFormattingProvider"] and can["inlayHintProvider"]
    client.send("initialized", {})
    client.send("textDocument/didOpen", {"textDocument": {"uri": uri, "languageId": "derivant", "version": 1, "text": PROGRAM}})
    assert client.diagnostics(1) == []
    wrong = at(PROGRAM, "r ** 2")
    change = {"range": {"start": vars_(wrong), "end": {"line": wrong.line, "character": wrong.character + 1}}, "text": "s"}
    for version, text in ((2, "q"), (3, "s")):
        client.send("textDocument/didChange", {
            "textDocument": {"uri": uri, "version": version}, "contentChanges": [{**change, "text": text}]})
    (error,) = client.diagnostics(3)
    assert error["code"] == "DV0201" and error["range"]["start"] == vars_(wrong)
    place = {"textDocument": here, "position": vars_(at(PROGRAM, "both(fn"))}
    assert "both(f, x: f64)" in client.ask("textDocument/hover", place)["contents"]["value"]
    (found,) = client.ask("textDocument/definition", place)
    assert found["uri"] == uri and found["range"]["start"] == vars_(at(PROGRAM, "both(f"))
    options = {"tabSize": 2, "insertSpaces": True}
    assert not client.ask("textDocument/formatting", {"textDocument": here, "options": options})
    everything = {"start": {"line": 0, "character": 0}, "end": {"line": 99, "character": 0}}
    assert client.ask("textDocument/inlayHint", {"textDocument": here, "range": everything})[0]["label"]
    client.send("textDocument/didClose", {"textDocument": here})
    nowhere = {"uri": (tmp_path / "nowhere.dv").as_uri()}
    assert client.ask("textDocument/hover", {"textDocument": nowhere, "position": vars_(at(PROGRAM, "both(fn"))}) is None
    assert not client.ask("textDocument/formatting", {"textDocument": nowhere, "options": options})
    assert client.ask("shutdown", None) is None
    client.send("exit", None)
    assert client.process.wait(timeout=60) == 0


def test_what_imports_a_text_hears_of_its_changes(client: Client, tmp_path: Path) -> None:
    uri, stats = (tmp_path / "m.dv").as_uri(), (tmp_path / "stats.dv").as_uri()

    def codes_of(wanted: str) -> list[str]:
        while True:
            message = client.receive()
            if message.get("method") == "textDocument/publishDiagnostics" and message["params"]["uri"] == wanted:
                return [d["code"] for d in message["params"]["diagnostics"]]

    def opened(uri: str, text: str) -> None:
        client.send("textDocument/didOpen", {"textDocument": {"uri": uri, "languageId": "derivant", "version": 1, "text": text}})

    client.ask("initialize", {"processId": None, "rootUri": None, "capabilities": {}})
    client.send("initialized", {})
    opened(uri, "from stats import half\n\ndef f(x: f64) = half(x)\n")
    assert codes_of(uri) == ["DV0204"]
    (tmp_path / "stats.dv").write_text("def half(x: f64) = x / 2\n")
    client.send("workspace/didChangeWatchedFiles", {"changes": [{"uri": stats, "type": 1}]})
    assert codes_of(uri) == []
    opened(stats, "def half(x: f64) = x / 2\n")
    assert codes_of(stats) == []
    client.send("textDocument/didChange", {
        "textDocument": {"uri": stats, "version": 2}, "contentChanges": [{"text": "def halves(x: f64) = x / 2\n"}]})
    while not (found := codes_of(uri)):
        pass  # of the opening
    assert set(found) == {"DV0201"}
    client.send("textDocument/didClose", {"textDocument": {"uri": stats}})
    while codes_of(uri):
        pass


def vars_(p: Position) -> dict[str, int]:
    return {"line": p.line, "character": p.character}
