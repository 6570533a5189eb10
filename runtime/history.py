"""What was typed at the prompt, across sessions: a file with one input a line, as JSON.

Several sessions may write at once: each input is one write at the end of the file.  A line that makes
no sense is left out; where no file can be written, the history lasts as long as the session.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from platformdirs import user_state_dir
from prompt_toolkit.history import History

from ..compiler import errors

LONGEST = 4 << 20  # bytes of the file; beyond, the older half goes
MOST = 5_000  # inputs that a session reads


def history_file() -> Path:
    """Where it is kept."""
    return Path(user_state_dir("derivant")) / "history"


class SharedHistory(History):
    """The inputs of all sessions, oldest last."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def load_history_strings(self) -> Iterable[str]:
        try:
            data = self.path.read_bytes()
        except OSError:
            return
        if len(data) > LONGEST:
            data = self._halve(data)
        found = 0
        for line in reversed(data.splitlines()):
            try:
                text = json.loads(line)
            except ValueError:
                continue
            if isinstance(text, str) and text:
                yield text
                found += 1
                if found == MOST:
                    return

    def store_string(self, string: str) -> None:
        line = json.dumps(string).encode("ascii") + b"\n"
        with suppress(OSError):
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(handle, line)
            finally:
                os.close(handle)

    def _halve(self, data: bytes) -> bytes:
        from .files import write

        data = data[data.find(b"\n", len(data) // 2) + 1:]
        with suppress(errors.Error):
            write(str(self.path), data)
        return data
