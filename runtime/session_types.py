"""What a session answers, and what can be set in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..compiler import errors

INTERRUPTED = "DV0510"


@dataclass(frozen=True)
class Reply:
    """One thing that a session answers.

    `kind`: "value" (with its `type`), "note" (what was declared, rebuilt, …), "text", "code" (a program, in
    `language`), "error", or "quit".
    """

    kind: str
    text: str
    type: str | None = None
    value: Any = None
    language: str = "derivant"
    error: errors.Error | None = None


@dataclass(frozen=True)
class Setting:
    """`kind` is the type of its value: bool, int, or the words that are allowed."""

    default: bool | int | str
    help: str
    words: tuple[str, ...] = ()

    def read(self, name: str, text: str) -> bool | int | str:
        """The value of a text; an error says what is allowed."""
        if isinstance(self.default, bool):
            found = {"on": True, "off": False, "true": True, "false": False}.get(text.lower())
            if found is not None:
                return found
            raise errors.ValueError_("DV0613", f"{name} is on or off, not {text}")
        if self.words:
            if text in self.words:
                return text
            raise errors.ValueError_("DV0613", f"{name} is {' or '.join(self.words)}, not {text}")
        if text.isdigit() and len(text) < 10:
            return int(text)
        raise errors.ValueError_("DV0613", f"{name} is a number, not {text}")


SETTINGS: dict[str, Setting] = {
    "types": Setting(True, "the type behind each value"),
    "time": Setting(False, "how long each input took"),
    "digits": Setting(8, "of the numbers in arrays"),
    "elide": Setting(1000, "arrays with more elements show their edges"),
    "keys": Setting("emacs", "of the line editor", ("emacs", "vi")),
}
