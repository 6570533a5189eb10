"""Program files as the commands take them: names and folders; and how they are written."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..compiler import errors


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


def overwrite(name: str, content: bytes) -> None:
    """Replaces a file's content: whole or not at all, with its permissions; a link stays a link."""
    path = os.path.realpath(name)
    try:
        if not os.access(path, os.W_OK):
            raise PermissionError(13, "permission denied")
        handle, temp = tempfile.mkstemp(dir=os.path.dirname(path), prefix=f".{os.path.basename(path)}.")
        try:
            with os.fdopen(handle, "wb") as f:
                f.write(content)
                f.flush()
                os.fsync(f.fileno())
            shutil.copystat(path, temp)
            os.utime(temp)
            os.replace(temp, path)
        except BaseException:
            os.unlink(temp)
            raise
    except OSError as e:
        raise errors.ValueError_("DV0612", f"{name} can't be written: {(e.strerror or str(e)).lower()}") from None
