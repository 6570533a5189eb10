"""Spans and errors: data with one renderer.

Every error that a user can see is an `Error` with a code `DVnnnn`, a span (or None where no source
is concerned), labels at other spans, notes and a help line.  Codes have ranges per phase and are
never reused:

    DV01xx  text: characters, layout, grammar        DV05xx  run time: sizes, bounds, asserts, values
    DV02xx  names, imports, declarations             DV06xx  arguments, files, options
    DV03xx  types and sizes                          DV07xx  the machine, the cache, the backends
    DV04xx  differentiation                          DV09xx  not yet; internal errors
"""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Source:
    """A text with a name; spans point into it."""

    name: str
    text: str


DERIVED = "<derived>"
"""The name of an expression that a transform from outside made; users never see those."""


PRELUDE = "prelude/"
"""What the names of the sources of the prelude begin with."""

_LINE_BREAKS = str.maketrans(dict.fromkeys("\v\f\x1c\x1d\x1e\x85\u2028\u2029", " "))


def clean(source: Source) -> Source:
    """The source that all spans point into: no byte order mark, `\\n` for line breaks, NFC."""
    text = source.text.removeprefix("\ufeff")
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(_LINE_BREAKS)
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return source if text == source.text else Source(source.name, text)


@dataclass(frozen=True, slots=True)
class Span:
    """Lines and columns from 1, columns in code points; `end_col` is one past the last one."""

    source: Source | None
    line: int
    col: int
    end_line: int
    end_col: int

    def to(self, other: Span | None) -> Span:
        """The span from the start of this one to the end of `other`."""
        if other is None:
            return self
        return Span(self.source, self.line, self.col, other.end_line, other.end_col)

    def holds(self, other: Span) -> bool:
        """Is the other one a part of this one?"""
        return self.source is other.source and (self.line, self.col) <= (other.line, other.col) and (
            other.end_line, other.end_col) <= (self.end_line, self.end_col)

    @property
    def is_derived(self) -> bool:
        """Does it point into an expression that users never see?"""
        return self.source is not None and self.source.name == DERIVED

    @property
    def in_prelude(self) -> bool:
        """Does it point into a part of the language that is written in the language?"""
        return self.source is not None and self.source.name.startswith(PRELUDE)

    def text(self, otherwise: str) -> str:
        """The program's own text, if it stands on one line and is short; else something that stands for it."""
        if self.source is None or self.line != self.end_line or not 0 < self.end_col - self.col <= 30:
            return otherwise
        line = self.source.text.split("\n")[self.line - 1:self.line]
        return (line[0][self.col - 1:self.end_col - 1] if line else "") or otherwise

    def __str__(self) -> str:
        return f"{self.source.name if self.source else '<unknown>'}:{self.line}:{self.col}"

    def __repr__(self) -> str:
        return f"{self.line}:{self.col}-{self.end_line}:{self.end_col}"

    def __eq__(self, other: object) -> bool:
        """Spans are provenance: two trees that differ in spans alone are equal."""
        return isinstance(other, Span)

    def __hash__(self) -> int:
        return 0


@dataclass(frozen=True, slots=True)
class Label:
    """A remark at another place of the source: `b has size m`."""

    span: Span
    text: str


MOST_SHOWN = 20
"""Of the errors of a bundle, as text."""


class Error(Exception):
    """The base of all errors of Derivant, also a bundle of several (`errors`).

    `code` is `DVnnnn`; `message` one sentence; `span` where; `labels` remarks at other places;
    `notes` further sentences; `help` what to write instead.
    """

    def __init__(
        self,
        code: str,
        message: str,
        span: Span | None = None,
        *,
        labels: tuple[Label, ...] | list[Label] = (),
        notes: tuple[str, ...] | list[str] = (),
        help: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.span = span
        self.labels = tuple(labels)
        self.notes = tuple(notes)
        self.help = help
        self.errors: tuple[Error, ...] = (self,)

    def render(self, color: bool = False) -> str:
        """The error as text, with the source line and a caret range; of a bundle the first ones."""
        shown = [_render(e, color) for e in self.errors[:MOST_SHOWN]]
        more = len(self.errors) - len(shown)
        return "\n\n".join([*shown, f"… and {more} more error{'s' * (more != 1)}"] if more else shown)

    def __str__(self) -> str:
        return self.render()

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """For IPython and notebooks, where an error is the value of a cell."""
        printer.text(self.render())

    def _render_traceback_(self) -> list[str]:
        """What IPython asks for."""
        from .frames import is_full, lines

        if is_full():
            import traceback

            return "".join(traceback.format_exception(self)).split("\n")
        return lines(self)

    def to_dicts(self) -> list[dict[str, object]]:
        """The errors as JSON takes them."""
        return [_as_dict(e) for e in self.errors]

    def to_json(self) -> str:
        return json.dumps(self.to_dicts())

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.code, self.message, self.span, self.labels, self.notes,
                           self.help, () if self.errors == (self,) else self.errors))


def _rebuild(cls: type[Error], code: str, message: str, span: Span | None, labels: tuple[Label, ...],
             notes: tuple[str, ...], help: str | None, errors: tuple[Error, ...]) -> Error:
    error = cls(code, message, span, labels=labels, notes=notes, help=help)
    if errors:
        error.errors = errors
    return error


class SyntaxError(Error, SyntaxError):  # type: ignore[misc]  # both are meant: users catch either
    """The text is not a program (DV01xx)."""

    def __init__(self, code: str, message: str, span: Span | None = None, **more: object) -> None:
        Error.__init__(self, code, message, span, **more)  # type: ignore[arg-type]

    __str__ = Error.__str__

    @property
    def msg(self) -> str:
        """What Python's tracebacks show in place of `str` of an error of this class."""
        return self.render()


class NameError(Error, NameError):  # type: ignore[misc]
    """A name that nothing defines, or that is defined twice (DV02xx)."""

    def __init__(self, code: str, message: str, span: Span | None = None, **more: object) -> None:
        Error.__init__(self, code, message, span, **more)  # type: ignore[arg-type]

    __str__ = Error.__str__


class TypeError(Error, TypeError):  # type: ignore[misc]
    """Types do not fit (DV03xx), also of arguments from outside (DV06xx)."""


class SizeError(Error, ValueError):
    """Sizes do not agree, at compile time (DV03xx) or at run time (DV05xx)."""


class BoundsError(Error, IndexError):
    """An index leaves its axis, at compile time or at run time."""


class AssertError(Error, AssertionError):
    """An `assert` of the program failed (DV05xx)."""


class ArithmeticError(Error, ZeroDivisionError):
    """Integer division by zero, a negative integer exponent (DV05xx)."""


class ValueError_(Error, ValueError):
    """A value or a file that can't be used (DV05xx, DV06xx)."""


class UnsupportedError(Error, NotImplementedError):
    """Part of the language, but not yet there; or not there on this machine (DV07xx, DV09xx)."""


class InternalError(Error, RuntimeError):
    """Our own fault (DV09xx); the command line exits with 70 and writes a reproducer."""


def bundle(errors: list[Error]) -> Error:
    """One error that stands for all of `errors` (at least one), in the order of the source, file by file."""
    files: dict[object, int] = {}
    for e in errors:
        files.setdefault(e.span.source.name if e.span and e.span.source else None, len(files))

    def place(e: Error) -> tuple[int, int, int]:
        span = e.span
        return (files[span.source.name if span.source else None], span.line, span.col) if span else (files[None], 0, 0)

    ordered = sorted(errors, key=place)
    if len(ordered) == 1:
        return ordered[0]
    first = ordered[0]
    whole = _rebuild(type(first), first.code, first.message, first.span, first.labels, first.notes, first.help, ())
    whole.errors = tuple(inner for e in ordered for inner in e.errors)
    return whole


def _as_dict(e: Error) -> dict[str, object]:
    def place(s: Span | None) -> object:
        if s is None:
            return None
        return {"file": s.source.name if s.source else None, "line": s.line, "column": s.col,
                "end_line": s.end_line, "end_column": s.end_col}

    return {"code": e.code, "kind": type(e).__name__.rstrip("_"), "message": e.message, "span": place(e.span),
            "labels": [{"span": place(la.span), "text": la.text} for la in e.labels],
            "notes": list(e.notes), "help": e.help}


@dataclass
class _Page:
    """The source lines that an error shows, with what is marked on each."""

    source: Source
    marks: dict[int, list[tuple[int, int, str, bool]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.lines = self.source.text.splitlines()

    def mark(self, span: Span, text: str, primary: bool) -> None:
        line = self.lines[span.line - 1] if span.line <= len(self.lines) else ""
        end = span.end_col if span.end_line == span.line else len(line) + 1
        self.marks.setdefault(span.line, []).append((span.col, max(end, span.col + 1), text, primary))


_WIDTH = 150  # columns of source that are shown


def _window(text: str, first: int) -> tuple[str, int]:
    """A long line cut to what stands around column `first`, and how many columns were cut in front."""
    if len(text) <= _WIDTH:
        return text, 0
    start = max(0, first - 1 - _WIDTH // 3)
    end = start + _WIDTH
    left, right = ("…" if start else ""), ("…" if end < len(text) else "")
    return left + text[start + len(left):end] + right, start


def _render(e: Error, color: bool) -> str:
    red, blue, bold, off = ("\x1b[31;1m", "\x1b[34;1m", "\x1b[1m", "\x1b[0m") if color else ("", "", "", "")
    out = [f"{red}error[{e.code}]{off}{bold}: {e.message}{off}"]
    pad = 0
    if e.span is not None:
        spots = [(e.span, "", True), *((la.span, la.text, False) for la in e.labels)]
        pad = len(str(max(s.line for s, _, _ in spots)))
        pages: dict[int, _Page] = {}
        for span, text, primary in spots:
            if span.source is not None:
                pages.setdefault(id(span.source), _Page(span.source)).mark(span, text, primary)
        out.append(f"{' ' * pad} {blue}┌─{off} {e.span}")
        for number, page in enumerate(pages.values()):
            if number:
                out.append(f"{' ' * pad} {blue}┌─{off} {page.source.name}")
            for line in sorted(page.marks):
                text = page.lines[line - 1] if line <= len(page.lines) else ""
                text, cut = _window(text, min(m[0] for m in page.marks[line]))
                out.append(f"{blue}{line:>{pad}} │{off} {text}")
                for col, end, remark, primary in sorted(page.marks[line]):
                    col, end = col - cut, min(end - cut, _WIDTH + 1)
                    if col > _WIDTH:
                        continue
                    sign = ("^" if primary else "─") * (end - col)
                    hue = red if primary else blue
                    out.append(f"{' ' * pad} {blue}│{off} {' ' * (col - 1)}{hue}{f'{sign} {remark}'.rstrip()}{off}")
    hang = "\n" + " " * (pad + 3)
    out += [f"{' ' * pad} = {note.replace(chr(10), hang)}" for note in e.notes]
    if e.help:
        out.append(f"{' ' * pad} {bold}help:{off} {e.help}")
    return "\n".join(out)
