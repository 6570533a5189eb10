"""`derivant repl`: the prompt, expressions on the command line, and scripts on standard input.

A script gives its values on stdout and its errors on stderr, and stops at the first error with exit
code 1 unless it is told to go on.  Only a real prompt loads the line editor.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

from ..compiler import errors
from ..compiler.lock import lock
from . import console
from .session_types import INTERRUPTED, Reply

if TYPE_CHECKING:
    from .session import Session

FINE, WRONG, FAULT, STOPPED = 0, 1, 70, 130


class Printer:
    """Replies on a terminal or into files.

    `quiet` leaves out what is no result: notes of what was declared.
    """

    def __init__(self, session: Callable[[], Session], out: TextIO | None = None, err: TextIO | None = None, *, quiet: bool = False) -> None:
        self.session = session
        self.out = out or sys.stdout
        self.err = err or sys.stderr
        self.quiet = quiet
        self.code = FINE
        self.quit = False

    def __call__(self, reply: Reply) -> None:
        if reply.kind == "error":
            assert reply.error is not None
            self.failed(reply.error)
            return
        color = console.color(self.out)
        text = reply.text
        if reply.kind == "note":
            if self.quiet:
                return
            text = f"\x1b[2m{text}\x1b[0m" if color else text
        elif reply.kind == "value":
            if reply.type is not None and self.session().settings["types"]:
                text += f"\x1b[2m : {reply.type}\x1b[0m" if color else f" : {reply.type}"
        elif reply.kind == "code" and reply.language == "derivant" and color:
            from .highlight import ansi

            text = ansi(text, self.session().language_names())
        elif reply.kind == "quit":
            self.quit = True
            return
        console.write(self.out, text)

    def failed(self, error: errors.Error) -> None:
        """An error in the house's style; the exit code remembers the worst."""
        worst = STOPPED if error.code == INTERRUPTED else FAULT if isinstance(error, errors.InternalError) else WRONG
        self.code = max(self.code, worst)
        console.write(self.err, error.render(console.color(self.err)))


def start(file: str | None, expressions: Sequence[str], scripts: Sequence[str], *, keep_going: bool, quiet: bool,
          backend: str | None = None) -> int:
    """Everything that `derivant repl` does; the exit code.  Errors of `file` are raised."""
    prompts = not expressions and sys.stdin.isatty() and sys.stdout.isatty()
    session = _Later(backend, types=prompts)
    printer = Printer(session, quiet=not prompts)
    if file is not None:
        session().load(file)
    for name, text in _inputs(expressions, scripts, stdin=not prompts and not expressions and not (scripts and sys.stdin.isatty())):
        if not run(printer, session().feed(text, name=name, keep_going=keep_going), keep_going=keep_going):
            return printer.code
    if prompts:
        from .terminal import converse

        converse(session, printer, banner=not quiet, shown=session.begin)
        return FINE
    return printer.code


def _inputs(expressions: Sequence[str], scripts: Sequence[str], *, stdin: bool) -> Iterator[tuple[str, str]]:
    """What runs in front of the prompt or instead of it, with the names that errors say."""
    if scripts or stdin:
        from .data import read_source

        yield from [(path, read_source(path)) for path in scripts]
    yield from [("-e" if len(expressions) == 1 else f"-e {k}", e) for k, e in enumerate(expressions, 1)]
    if stdin:
        yield "<stdin>", read_source("-")


class _Later:
    """The session, made when it is asked for, or in a thread of its own once the prompt is there."""

    def __init__(self, backend: str | None, *, types: bool) -> None:
        self._backend, self._types = backend, types
        self._made: Session | None = None
        self._begun = False

    def begin(self) -> None:
        """Begins in the background."""
        if not self._begun:
            self._begun = True
            threading.Thread(target=self._begin, daemon=True).start()

    def _begin(self) -> None:
        with suppress(errors.Error):  # it comes again when the session is asked for
            self()

    def __call__(self) -> Session:
        with lock:
            if self._made is None:
                self._made = _session(self._backend, self._types)
            return self._made


def _session(backend: str | None, types: bool) -> Session:
    from .session import Session

    session = Session(backend=backend, write=console.note)
    session.settings["types"] = types
    if types:
        from ..frontend.cells import progress

        session.language_names()  # for completion and colours; it loads the front end
        progress("0")  # for Enter; it loads the parser
    return session


def run(printer: Printer, replies: Iterable[Reply], *, keep_going: bool = False) -> bool:
    """Prints replies; whether to go on."""
    for reply in replies:
        printer(reply)
        if reply.kind == "quit" or reply.error is not None and (not keep_going or reply.error.code == INTERRUPTED):
            return False
    return True
