"""`%load_ext derivant`: cells of a notebook in the language, on a session of its own.

    %%derivant
    def f(x: f64) -> f64 = x**2

    f(3.0)

What a cell declares is there in Python, too: functions as `dv.Function`, constants as their values, types
as the classes of their values.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_cell_magic, magics_class
from IPython.display import display

from ..compiler import errors
from ..compiler.frames import Interrupted, cell_name, lines
from .api import Module
from .highlight import as_html, value_html
from .session import Session
from .session_types import INTERRUPTED, Reply
from .snapshot import Snapshot


class CellError(Exception):
    """An error of the language in a cell, shown in the house's style instead of a traceback of Python."""

    def __init__(self, error: errors.Error) -> None:
        super().__init__(error.message)
        self.error = error

    def _render_traceback_(self) -> list[str]:
        return self.error.render(color=True).split("\n")


@magics_class
class Derivant(Magics):  # type: ignore[misc]  # IPython has no types
    """The magics, and the session that they share."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self.session = Session(write=print)
        self.shared: dict[str, Any] = {}

    @line_cell_magic  # type: ignore[untyped-decorator]
    def derivant(self, line: str, cell: str | None = None) -> None:
        """Declarations, expressions and commands of the language: `%derivant 1 + 1`, or a cell under `%%derivant`."""
        before = self.session.unit
        failed = None
        text, first = (line, 1) if cell is None else (f"{line}\n{cell}", 1) if line.strip() else (cell, 2)
        for reply in self.session.feed(text, name=cell_name(), line=first):
            failed = reply.error
            if failed is None:
                show(reply, self.session)
        self._share(self._changed(before))
        if failed is not None:
            raise Interrupted(failed.span) if failed.code == INTERRUPTED else CellError(failed)

    def _changed(self, before: Snapshot) -> set[str]:
        """What is declared anew, and what depends on that and still has its name in Python."""
        unit = self.session.unit
        new = {n for key, i in unit.items.items() if before.items.get(key) is not i for n in i.names}
        here = self.shell.user_ns
        return new | {n for i in unit.items.values() if unit.reached(i.uses) & new for n in i.names
                      if n in self.shared and here.get(n) is self.shared[n]}

    def _share(self, names: set[str]) -> None:
        """Declarations as names of Python."""
        module = Module(self.session.unit)
        for name in names:
            if name in self.session.functions():
                with suppress(errors.TypeError):  # it takes functions, which don't come from Python
                    self.shell.user_ns[name] = self.session.function(name)
            elif hasattr(module, name):
                self.shell.user_ns[name] = getattr(module, name)
            elif self.session.unit.owner[name].let is not None and name.isidentifier():
                self.shell.user_ns[name] = self.session.value(name)
        self.shared.update((n, self.shell.user_ns[n]) for n in names if n in self.shell.user_ns)


def show(reply: Reply, session: Session) -> None:
    """One answer below the cell."""
    if reply.kind == "value":
        type_ = reply.type if session.settings["types"] else None
        display({"text/plain": reply.text + (f" : {type_}" if type_ else ""), "text/html": value_html(reply.text, type_)}, raw=True)
    elif reply.kind == "code" and reply.language == "derivant":
        html = f"<pre>{as_html(reply.text, session.language_names())}</pre>"
        display({"text/plain": reply.text, "text/html": html}, raw=True)
    elif reply.kind == "quit":
        print("the session lasts as long as the notebook; restart the kernel for a new one")
    elif reply.text:
        print(reply.text)


def load(shell: Any) -> None:
    """Gives a shell the magics; a session that is there goes on, so `%reload_ext` loses nothing.

    Errors of the class that IPython takes for Python's own are shown like all others.
    """
    found = shell.magics_manager.registry.get(Derivant.__name__)
    shell.register_magics(found if isinstance(found, Derivant) else Derivant(shell))

    def shown(self: Any, kind: type, error: errors.SyntaxError, tb: object, tb_offset: int | None = None) -> None:
        self._showtraceback(kind, error, lines(error))

    if not any(shell.custom_exceptions):
        shell.set_custom_exc((errors.SyntaxError,), shown)
