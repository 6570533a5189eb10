"""Program files as the commands take them: names and folders; and how they are written."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ..compiler import errors
from .session_types import INTERRUPTED


def programs(names: Iterable[str]) -> Iterator[str]:
    """The files themselves, and all `.dv` files below folders (hidden ones apart), each once."""
    seen: set[str] = set()
    for name in names:
        found = [name]
        if name != "-" and os.path.isdir(name):
            below = Path(name)
            found = sorted(str(p) for p in below.rglob("*.dv")
                           if p.is_file() and not any(part.startswith(".") for part in p.relative_to(below).parts))
        for file in found:
            if file not in seen:
                seen.add(file)
                yield file


def each(names: Iterable[str], action: Callable[[str], None]) -> list[errors.Error]:
    """Does something with each of the programs; the errors of all, but faults of ours and interrupts at once."""
    wrong: list[errors.Error] = []
    for name in programs(names):
        try:
            action(name)
        except errors.InternalError:
            raise
        except errors.Error as e:
            if e.code == INTERRUPTED:
                raise
            wrong += e.errors
    return wrong


def write(name: str, content: bytes) -> None:
    """Writes a file whole or not at all; one that is there keeps its permissions, and a link stays a link."""
    try:
        _write(os.path.realpath(name), content)
    except (OSError, ValueError) as e:  # ValueError: a NUL in the name
        why = (e.strerror if isinstance(e, OSError) else None) or str(e)
        raise errors.ValueError_("DV0612", f"{name} can't be written: {why.lower()}") from None


def _write(path: str, content: bytes) -> None:
    there = os.path.exists(path)
    if there and not os.access(path, os.W_OK):
        raise PermissionError(13, "permission denied")
    handle, temp = tempfile.mkstemp(dir=os.path.dirname(path), prefix=f".{os.path.basename(path)[:100]}.")
    try:
        with os.fdopen(handle, "wb") as f:
            f.write(content)
            f.flush()
            os.fsync(f.fileno())
        if there:
            shutil.copystat(path, temp)
            os.utime(temp)
        else:
            umask = os.umask(0)
            os.umask(umask)
            os.chmod(temp, 0o666 & ~umask)
        os.replace(temp, path)
    except BaseException:
        os.unlink(temp)
        raise
