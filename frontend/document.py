"""Documents for pretty printing: texts with places where a line may end, laid out by width.

After Wadler ("A prettier printer", 2003), with three additions that this language needs: a line may end
only inside brackets (elsewhere a line break means something), comments can't be joined with what follows
them, and a choice between layouts is made by what fits on its first line.

    text       a string
    Cat        documents behind each other
    Line       a place where the line may end: its text, or a line break if its group does not fit
    Hard       the end of a line, perhaps with an empty line
    Nest       further to the right, by two columns
    Group      all on one line if it fits; otherwise its own places for line breaks are used
    Place      inside brackets (lines may end), or in a block (they may not)
    Comment    to the end of a line
    Choice     the first layout that fits, or the last

A document is `forced` if it can't be on one line, and `loose` if that is because of a comment that stands
neither in brackets of its own nor in a block.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

INDENT = 2


class Cat:
    __slots__ = ("forced", "items", "loose")

    def __init__(self, items: Iterable[Doc]) -> None:
        self.items = tuple(items)
        self.forced = any(forced(d) for d in self.items)
        self.loose = any(loose(d) for d in self.items)


@dataclass(frozen=True, slots=True)
class Line:
    """`flat` is the text if the line does not end here; `free`: it may end outside brackets too."""

    flat: str = " "
    free: bool = False


@dataclass(frozen=True, slots=True)
class Hard:
    blank: bool = False


@dataclass(frozen=True, slots=True)
class Comment:
    """`own`: on a line of its own; `blank`: behind an empty line; `gap`: an empty line follows."""

    text: str
    own: bool
    blank: bool = False
    gap: bool = False


class _Around:
    __slots__ = ("doc", "forced", "loose")

    def __init__(self, doc: Doc) -> None:
        self.doc = doc
        self.forced = forced(doc)
        self.loose = loose(doc)


class Nest(_Around):
    __slots__ = ()


class Group(_Around):
    __slots__ = ()


class Place(_Around):
    __slots__ = ("inside",)

    def __init__(self, doc: Doc, inside: bool) -> None:
        super().__init__(doc)
        self.inside = inside
        self.loose = False


class Choice:
    """Layouts with whether each must be on one line; the last one is for when nothing fits."""

    __slots__ = ("forced", "loose", "options")

    def __init__(self, *options: tuple[bool, Doc]) -> None:
        self.options = options
        self.forced = all(forced(d) for _, d in options)
        self.loose = loose(options[0][1])


Doc = str | Cat | Line | Hard | Comment | Nest | Group | Place | Choice


def forced(d: Doc) -> bool:
    return isinstance(d, Hard | Comment) or not isinstance(d, str | Line) and d.forced


def loose(d: Doc) -> bool:
    return isinstance(d, Comment) or not isinstance(d, str | Line | Hard) and d.loose


def flat_text(d: Doc, width: int) -> str | None:
    """The text of a document on one line, None if it is longer than `width` or can't be on one."""
    parts: list[str] = []
    todo = [d]
    while todo:
        match todo.pop():
            case str() as text:
                parts.append(text)
                width -= len(text)
            case Line(flat):
                parts.append(flat)
                width -= len(flat)
            case Cat() as cat:
                todo.extend(reversed(cat.items))
            case Nest() | Group() | Place() as around:
                todo.append(around.doc)
            case Choice() as choice:
                todo.append(choice.options[0][1])
            case _:
                return None
        if width < 0:
            return None
    return "".join(parts)


# ---------------------------------------------------------------- layout


@dataclass(frozen=True, slots=True)
class _Item:
    """A document to be laid out: how far to the right, on one line or not, in brackets or not."""

    indent: int
    flat: bool
    inside: bool
    doc: Doc

    def of(self, doc: Doc) -> _Item:
        return _Item(self.indent, self.flat, self.inside, doc)


def layout(doc: Doc, width: int) -> str:
    """The text of a document, in lines of at most `width` columns where that is possible."""
    page = _Page()
    stack = [_Item(0, False, False, doc)]
    while stack:
        item = stack.pop()
        d = item.doc
        match d:
            case str():
                page.write(d, item.indent)
            case Cat():
                stack.extend(item.of(inner) for inner in reversed(d.items))
            case Line():
                if item.flat or not (item.inside or d.free):
                    page.write(d.flat, item.indent)
                else:
                    page.newline(False)
            case Hard():
                page.newline(d.blank)
            case Comment():
                page.comment(d, item.indent)
            case Nest():
                stack.append(_Item(item.indent + INDENT, item.flat, item.inside, d.doc))
            case Place():
                stack.append(_Item(item.indent, item.flat, d.inside, d.doc))
            case Group():
                one = _Item(item.indent, True, item.inside, d.doc)
                flat = not d.forced and (item.flat or _fits(one, stack, width, page.position(item.indent)))
                stack.append(one if flat else _Item(item.indent, False, item.inside, d.doc))
            case Choice():
                stack.append(_chosen(d, item, stack, width, page.position(item.indent)))
    return page.text()


def _chosen(choice: Choice, item: _Item, rest: list[_Item], width: int, column: int) -> _Item:
    if item.flat:
        return item.of(choice.options[0][1])
    for flat, doc in choice.options[:-1]:
        option = _Item(item.indent, flat, item.inside, doc)
        if _fits(option, rest, width, column):
            return option
    flat, doc = choice.options[-1]
    return _Item(item.indent, flat, item.inside, doc)


def _fits(first: _Item, rest: list[_Item], width: int, column: int) -> bool:
    """Whether everything up to the next place where the line can end has room.

    A layout on one line may begin with a line break; then it is the new line that has to fit.
    """
    todo = [first]
    behind = len(rest)
    fresh = False
    while True:
        if not todo:
            if behind == 0:
                return True
            behind -= 1
            todo.append(rest[behind])
        item = todo.pop()
        d = item.doc
        match d:
            case str():
                column += len(d)
                if column > width:
                    return False
            case Cat():
                todo.extend(item.of(inner) for inner in reversed(d.items))
            case Line():
                if not item.flat and (item.inside or d.free):
                    return True
                todo.append(item.of(d.flat))
            case Hard():
                if fresh or not first.flat or behind < len(rest):
                    return True
                fresh, column = True, item.indent
            case Comment():
                return True
            case Nest():
                todo.append(_Item(item.indent + INDENT, item.flat, item.inside, d.doc))
            case Group():
                todo.append(item.of(d.doc))
            case Place():
                todo.append(_Item(item.indent, item.flat, d.inside, d.doc))
            case Choice():
                if not item.flat:
                    return True
                todo.append(item.of(d.options[0][1]))


class _Page:
    """The text so far."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.column = 0
        self.empty = True  # nothing stands on the current line
        self.must = False  # a comment has to end first
        self.gap = False

    def position(self, indent: int) -> int:
        """The column where the next text will stand."""
        return indent if self.empty or self.must else self.column

    def write(self, text: str, indent: int) -> None:
        if self.must:
            text = text.lstrip(" ")
        if not text or self.empty and not text.strip(" "):
            return
        if self.must:
            self.newline(self.gap)
        if self.empty:
            self.parts.append(" " * indent)
            self.column = indent
            self.empty = False
        self.parts.append(text)
        self.column += len(text)

    def newline(self, blank: bool) -> None:
        blank = blank or self.must and self.gap
        if self.empty:
            if not blank or not self.parts or self.parts[-1] == "\n\n":
                return
            self.parts[-1] = "\n\n"
        else:
            while self.parts and self.parts[-1].endswith(" "):
                self.parts[-1] = self.parts[-1].rstrip(" ")
                if not self.parts[-1]:
                    self.parts.pop()
                else:
                    break
            self.parts.append("\n\n" if blank else "\n")
        self.column = 0
        self.empty = True
        self.must = self.gap = False

    def comment(self, c: Comment, indent: int) -> None:
        if self.must or c.own and not self.empty:
            self.newline(c.blank)
        elif c.own and c.blank:
            self.newline(True)
        if self.empty:
            self.parts.append(" " * indent)
        else:
            while self.parts[-1] and not self.parts[-1].strip(" "):
                self.parts.pop()
            self.parts.append("  ")
        self.parts.append(c.text)
        self.empty = False
        self.must, self.gap = True, c.gap

    def text(self) -> str:
        return "".join(self.parts)
