"""Where imports come from, and the fingerprint of a program with all that it depends on.

The fingerprint needs no parser: it reads the bytes of the program, of every file that a line
`import …` or `from … import` could mean, and of the compiler itself.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
from pathlib import Path

from ..compiler.errors import Source, clean
from .data import read_source

_IMPORT = re.compile(r"^[ \t]*(?:import|from)[ \t]+([^\W\d]\w*(?:\.\w+)*)", re.MULTILINE)
PAIR = "let (value_, more_) ="
"""In an expression that a transform made: how it takes apart what a function with `has_aux` gives."""
PACKAGE = Path(__file__).resolve().parent.parent


def search_path(folder: str | None) -> list[str]:
    """Folders for imports, in order."""
    path = [folder] if folder is not None else []
    return path + [p for p in os.environ.get("DERIVANT_PATH", "").split(os.pathsep) if p]


def find_import(module: str, folder: str | None) -> Source | None:
    """The source of an imported module; None if no folder has it (the prelude may)."""
    parts = module.split(".")
    for place in search_path(folder):
        path = os.path.join(place, *parts) + ".dv"
        if os.path.isfile(path):
            return clean(Source(path, read_source(path)))
    return None


def fingerprint(source: Source, folder: str | None) -> str:
    """Equal for two programs if nothing that could change their meaning differs."""
    digest = hashlib.sha256(compiler_fingerprint().encode())
    seen: set[str] = set()

    def add(text: str, here: str | None) -> None:
        data = text.encode("utf-8", "surrogatepass")
        digest.update(b"%d:" % len(data))
        digest.update(data)
        for module in sorted(set(_IMPORT.findall(text))):
            found = find_import(module, here)
            digest.update(f"\0{module}={found.name if found else ''}\0".encode())
            if found is not None and found.name not in seen:
                seen.add(found.name)
                add(found.text, os.path.dirname(found.name))

    add(source.text, folder)
    digest.update(b"\0preview" if os.environ.get("DERIVANT_PREVIEW", "") not in ("", "0") else b"")
    digest.update(f"\0{source.name}".encode("utf-8", "surrogatepass"))  # spans in messages name it
    return digest.hexdigest()


@functools.cache
def compiler_fingerprint() -> str:
    """Changes whenever the compiler, its prelude or its rules do: names, sizes and times of all files."""
    from .. import __version__

    digest = hashlib.sha256(__version__.encode())
    for room in ("compiler", "frontend", "passes", "runtime"):
        for path in _files(PACKAGE / room):
            try:
                stat = path.stat()
                digest.update(f"{path.relative_to(PACKAGE)} {stat.st_size} {stat.st_mtime_ns}\n".encode())
            except OSError:
                continue
    return digest.hexdigest()


def _files(folder: Path) -> list[Path]:
    out = []
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if f != "__pycache__")
        out += [Path(here, n) for n in sorted(names) if n.endswith((".py", ".dv", ".lark", ".h"))]
    return out


def all_sources(source: Source, folder: str | None) -> list[Source]:
    """The program and all that it imports: what spans can point into."""
    found: dict[str, Source] = {source.name: source}

    def follow(text: str, here: str | None) -> None:
        for module in sorted(set(_IMPORT.findall(text))):
            other = find_import(module, here)
            if other is not None and other.name not in found:
                found[other.name] = other
                follow(other.text, os.path.dirname(other.name))

    follow(source.text, folder)
    return list(found.values())
