"""`derivant lsp`: what an editor asks, over the language server protocol.

`Document` answers for one text, as the protocol has it (`lsprotocol` types): places there count from 0, in
units of the encoding that the client wants.  `make_server` is the wiring to pygls, and keeps the documents.
"""

from __future__ import annotations

import asyncio
import os
import re
import unicodedata
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from lsprotocol import types as lsp
from pygls.lsp.server import LanguageServer
from pygls.uris import from_fs_path, to_fs_path

from .. import __version__
from ..compiler import errors
from ..compiler.errors import Source, Span
from ..frontend.formatter import format_source
from . import codes
from .analysis import Analysis
from .guard import guarded
from .sources import find_import

DEBOUNCE = 0.25
"""Seconds without a change before a text is checked."""

_UNITS = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}


# ---------------------------------------------------------------- places


class Places:
    """Between places of the editor's text and spans, which point into the text in normal form."""

    def __init__(self, text: str, encoding: str = "utf-16") -> None:
        self.lines = re.split("\r\n|\n|\r", text)
        self.codec, self.width = _UNITS[encoding]

    def position(self, line: int, col: int) -> lsp.Position:
        """Of a line and column of a span."""
        if line > len(self.lines):
            return lsp.Position(len(self.lines) - 1, self._units(self.lines[-1]))
        text = self.lines[line - 1]
        end = (line == 1 and text.startswith("\ufeff")) + col - 1
        if not unicodedata.is_normalized("NFC", text):
            end = next((k for k in range(len(text)) if len(self._normal(line, text[:k])) >= col - 1), len(text))
        return lsp.Position(line - 1, self._units(text[:end]))

    def place(self, position: lsp.Position) -> tuple[int, int]:
        """Line and column, from 1, of a position."""
        if position.line >= len(self.lines):
            return len(self.lines) + 1, 1
        text = self.lines[position.line]
        units, end = 0, 0
        while end < len(text) and units < position.character:
            units += self._units(text[end])
            end += 1
        return position.line + 1, len(self._normal(position.line + 1, text[:end])) + 1

    def range(self, span: Span) -> lsp.Range:
        return lsp.Range(self.position(span.line, span.col), self.position(span.end_line, span.end_col))

    def whole(self) -> lsp.Range:
        return lsp.Range(lsp.Position(0, 0), self.position(len(self.lines) + 1, 1))

    def _normal(self, line: int, text: str) -> str:
        return unicodedata.normalize("NFC", text.removeprefix("\ufeff") if line == 1 else text)

    def _units(self, text: str) -> int:
        return len(text.encode(self.codec, "surrogatepass")) // self.width


# ---------------------------------------------------------------- one text


class Document:
    """The answers for one text; `texts` are those of open files by path, which imports see instead of the disk."""

    def __init__(self, uri: str, text: str, encoding: str = "utf-16", texts: Mapping[str, str] | None = None) -> None:
        path = to_fs_path(uri) if uri.startswith("file:") else None
        self.uri = uri
        self.text = text
        self.encoding = encoding
        self.places = Places(text, encoding)
        self._texts = texts or {}
        self._folder = os.path.dirname(path) if path else None
        self.analysis = Analysis(Source(path or uri, text), self._folder, self._found)

    def _found(self, module: str) -> Source | None:
        source = find_import(module, self._folder)
        return source if source is None else Source(source.name, self._texts.get(source.name, source.text))

    # ------------------------------------------------------------ errors

    def diagnostics(self) -> list[lsp.Diagnostic]:
        """All errors of the text; those of imported files at the import, with their own places."""
        mine: list[errors.Error] = []
        theirs: list[errors.Error] = []
        for e in self.analysis.errors:
            foreign = e.span is not None and e.span.source is not None and e.span.source.name != self.analysis.source.name
            (theirs if foreign else mine).append(e)
        found = [self._diagnostic(e, e.span) for e in mine]
        return found + [self._diagnostic(e, self._import_of(e)) for e in theirs]

    def _diagnostic(self, e: errors.Error, span: Span | None) -> lsp.Diagnostic:
        related = [(la.span, la.text) for la in e.labels]
        if e.span is not None and span is not e.span:
            related.insert(0, (e.span, "the error is here"))
        info = [lsp.DiagnosticRelatedInformation(self._location(s), text) for s, text in related]
        message = "\n".join([e.message, *e.notes, *([f"help: {e.help}"] if e.help else [])])
        page = codes.FOLDER / f"{e.code}.md"
        return lsp.Diagnostic(
            self.places.range(span or Span(None, 1, 1, 1, 1)), message, severity=lsp.DiagnosticSeverity.Error, code=e.code,
            code_description=lsp.CodeDescription(page.as_uri()) if page.is_file() else None, source="derivant",
            related_information=info or None)

    def _import_of(self, e: errors.Error) -> Span | None:
        """The first import that leads to the file of an error."""
        assert e.span is not None and e.span.source is not None
        return self.analysis.import_of(e.span.source.name)

    def _location(self, span: Span) -> lsp.Location:
        source = span.source
        if source is None or source.name == self.analysis.source.name:
            return lsp.Location(self.uri, self.places.range(span))
        return lsp.Location(_uri(source.name), Places(self._editor_text(source), self.encoding).range(span))

    def _editor_text(self, source: Source) -> str:
        """The text of another file as the editor has it, not in normal form."""
        try:
            return self._texts.get(source.name) or Path(source.name).read_bytes().decode("utf-8")
        except (OSError, UnicodeDecodeError):
            return source.text

    # ------------------------------------------------------------ questions

    def hover(self, position: lsp.Position) -> lsp.Hover | None:
        """Type or signature, and documentation, of a name."""
        found = self.analysis.describe(*self.places.place(position))
        if found is None:
            return None
        span, text = found
        return lsp.Hover(lsp.MarkupContent(lsp.MarkupKind.Markdown, text), self.places.range(span))

    def definition(self, position: lsp.Position) -> list[lsp.Location]:
        """Where a name is bound."""
        return [self._location(s) for s in self.analysis.definition(*self.places.place(position))]

    def formatting(self) -> list[lsp.TextEdit]:
        """One edit to the canonical layout; none if it is there already, or if the text can't be read."""
        try:
            with guarded("formatting", self.text):
                text = format_source(Source(self.analysis.source.name, self.text))
        except errors.Error:
            return []
        return [] if text == self.text else [lsp.TextEdit(self.places.whole(), text)]

    def inlay_hints(self, within: lsp.Range | None = None) -> list[lsp.InlayHint]:
        """Types that are not written, in the lines of a range."""
        return [lsp.InlayHint(self.places.position(h.line, h.col), h.text, kind=lsp.InlayHintKind.Type)
                for h in self.analysis.hints() if within is None or within.start.line <= h.line - 1 <= within.end.line]


def _uri(name: str) -> str:
    return from_fs_path(os.path.abspath(name)) or name


# ---------------------------------------------------------------- the server


@dataclass
class _Documents:
    """The open texts, each analysed when somebody asks, by one worker: the front end is not for several threads."""

    server: LanguageServer
    known: dict[str, Document] = field(default_factory=dict)
    waiting: dict[str, asyncio.TimerHandle] = field(default_factory=dict)
    running: set[asyncio.Task[None]] = field(default_factory=set)
    worker: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    changes: int = 0

    async def get(self, uri: str) -> Document:
        """The answers for the text as it is; they are kept unless anything changes meanwhile."""
        workspace = self.server.workspace
        try:
            text = workspace.get_text_document(uri).source
        except (OSError, ValueError):  # it is not open, and no text file: there is nothing to say of it
            text = ""
        found = self.known.get(uri)
        if found is None or found.text != text:
            encoding = workspace.position_encoding
            texts = {to_fs_path(u) or u: d.source for u, d in workspace.text_documents.items()}
            name = getattr(encoding, "value", encoding) or "utf-16"
            before = self.changes
            found = await asyncio.get_running_loop().run_in_executor(self.worker, Document, uri, text, name, texts)
            if before == self.changes:
                self.known[uri] = found
        return found

    def changed(self, uri: str, delay: float = DEBOUNCE) -> None:
        """Errors are published when the text, and what imports it, has come to rest."""
        self.changes += 1
        path = to_fs_path(uri)
        for other in [u for u, d in self.known.items() if path in d.analysis.imported]:
            del self.known[other]
            self._soon(other, delay)
        self._soon(uri, delay)

    def refresh(self) -> None:
        """Files have changed on the disk: what was not found, or was found, may be another one now."""
        self.changes += 1
        self.known.clear()
        for uri in self.server.workspace.text_documents:
            self._soon(uri, 0)

    def _soon(self, uri: str, delay: float) -> None:
        before = self.waiting.pop(uri, None)
        if before is not None:
            before.cancel()
        self.waiting[uri] = asyncio.get_running_loop().call_later(delay, self._start, uri)

    def _start(self, uri: str) -> None:
        self.waiting.pop(uri, None)
        task = asyncio.get_running_loop().create_task(self._publish(uri))
        self.running.add(task)
        task.add_done_callback(self.running.discard)

    async def _publish(self, uri: str) -> None:
        if uri not in self.server.workspace.text_documents:
            return
        before = self.changes
        document = await self.get(uri)
        current = self.server.workspace.text_documents.get(uri)
        if before != self.changes:
            self._soon(uri, DEBOUNCE)
        elif current is not None:
            self.server.text_document_publish_diagnostics(
                lsp.PublishDiagnosticsParams(uri, document.diagnostics(), current.version))

    def closed(self, uri: str) -> None:
        """Its errors go; what imports it sees the file on the disk again."""
        self.changed(uri)
        self.known.pop(uri, None)
        self.server.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(uri, []))


def make_server() -> LanguageServer:
    """A server that has not begun; `start_io()` lets it talk over standard input and output."""
    server = LanguageServer("derivant", __version__)
    documents = _Documents(server)

    @server.feature(lsp.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: lsp.DidOpenTextDocumentParams) -> None:
        documents.changed(params.text_document.uri, 0)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params: lsp.DidChangeTextDocumentParams) -> None:
        documents.changed(params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_SAVE)
    def saved(params: lsp.DidSaveTextDocumentParams) -> None:
        documents.refresh()

    @server.feature(lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def files_changed(params: lsp.DidChangeWatchedFilesParams) -> None:
        documents.refresh()

    @server.feature(lsp.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: lsp.DidCloseTextDocumentParams) -> None:
        documents.closed(params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_HOVER)
    async def hover(params: lsp.HoverParams) -> lsp.Hover | None:
        return (await documents.get(params.text_document.uri)).hover(params.position)

    @server.feature(lsp.TEXT_DOCUMENT_DEFINITION)
    async def definition(params: lsp.DefinitionParams) -> list[lsp.Location]:
        return (await documents.get(params.text_document.uri)).definition(params.position)

    @server.feature(lsp.TEXT_DOCUMENT_FORMATTING)
    async def formatting(params: lsp.DocumentFormattingParams) -> list[lsp.TextEdit]:
        return (await documents.get(params.text_document.uri)).formatting()

    @server.feature(lsp.TEXT_DOCUMENT_INLAY_HINT)
    async def inlay_hints(params: lsp.InlayHintParams) -> list[lsp.InlayHint]:
        return (await documents.get(params.text_document.uri)).inlay_hints(params.range)

    return server
