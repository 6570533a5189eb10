"""The cache on disk: object code with its manifest, one file per entry.

    cache = Cache.default()
    entry = cache.get(key)                    # (manifest, code) or None
    cache.put(key, manifest, code)            # never raises

A file is a magic line, the SHA-256 of its name and the rest, the length of the manifest, the manifest
(JSON) and the code.  Files appear by renaming, so a reader sees whole ones; whatever can't be read, does
not match its checksum or stands under another name than it was given counts as absent.  Beyond the size
limit the entries that were not used for longest go.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import stat
import struct
from functools import cache
from pathlib import Path
from typing import Any

from .. import __version__
from ..compiler.abi import ABI_VERSION

LIMIT = 1 << 30
_MAGIC = b"derivant object 2\n"
_SUFFIX = ".dvo"
_OURS = re.compile(r"[0-9a-f]{64}(\.dvo|\.\d+\.[0-9a-f]{8}\.tmp)|grammar-[0-9a-f]{16}\.json.*")
"""Entries, debris, and tables of the grammar; what else stands in the directory is somebody's own."""
_EVERY = 16  # the size of the whole is looked at after so many new entries


def directory() -> Path:
    """`DERIVANT_CACHE_DIR`, otherwise the platform's place for caches."""
    given = os.environ.get("DERIVANT_CACHE_DIR")
    if given:
        return Path(given).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("derivant", appauthor=False))


def digest(key: bytes) -> str:
    """The name of an entry: the caller's bytes and everything else that object code depends on."""
    from ..compiler import llvm

    h = hashlib.sha256()
    for part in (__version__, str(ABI_VERSION), *llvm.versions()):
        h.update(len(part).to_bytes(4, "little") + part.encode())
    h.update(key)
    return h.hexdigest()


class Cache:
    """Entries in one directory, which is ours alone (mode 0700); otherwise there is no cache."""

    def __init__(self, path: Path, limit: int = LIMIT) -> None:
        self.path = path
        self.limit = limit
        self.usable = _prepare(path)
        self._puts = 0

    @staticmethod
    def default() -> Cache:
        return _cache_at(directory())

    def file(self, key: bytes) -> Path:
        return self.path / (digest(key) + _SUFFIX)

    def get(self, key: bytes) -> tuple[dict[str, Any], bytes] | None:
        """The manifest and the code, None if there is no sound entry."""
        if not self.usable:
            return None
        path = self.file(key)
        try:
            with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as f:  # a pipe in its place must not wait
                found = _decode(path.stem, f.read())
        except OSError:
            return None
        # A damaged entry makes place for a new one; otherwise it is marked as used.
        with contextlib.suppress(OSError):
            if found is None:
                path.unlink()
            else:
                os.utime(path)
        return found

    def put(self, key: bytes, manifest: dict[str, Any], code: bytes) -> None:
        """Stores an entry; does nothing where that is impossible."""
        if not self.usable:
            return
        path = self.file(key)
        temp = path.with_name(f"{path.stem}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
        try:
            try:
                temp.write_bytes(_encode(path.stem, manifest, code))
                temp.replace(path)
            except OSError:
                temp.unlink(missing_ok=True)
                return
            if self._puts % _EVERY == 0:
                self.trim()
            self._puts += 1
        except OSError:
            return

    def trim(self) -> None:
        """Removes what was not used for longest until nine tenths of the limit are kept; old debris too."""
        found: list[tuple[float, int, Path]] = []
        newest = 0.0
        with os.scandir(self.path) as entries:
            for e in entries:
                with contextlib.suppress(OSError):
                    s = e.stat(follow_symlinks=False)
                    newest = max(newest, s.st_mtime)
                    if _OURS.fullmatch(e.name) and e.name.endswith((_SUFFIX, ".tmp")):
                        found.append((s.st_mtime, s.st_size, Path(e.path)))
        total = sum(size for _, size, _ in found)
        goal = self.limit if total <= self.limit else self.limit * 9 // 10
        for when, size, path in sorted(found):
            debris = path.suffix == ".tmp" and when < newest - 3600
            if total <= goal and not debris:
                continue
            with contextlib.suppress(OSError):
                path.unlink()
                total -= size

    def usage(self) -> tuple[int, int]:
        """How many files there are, and their bytes."""
        sizes = []
        for path in self._ours():
            with contextlib.suppress(OSError):
                sizes.append(path.stat().st_size)
        return len(sizes), sum(sizes)

    def clear(self) -> None:
        """Removes all entries, and what else was put here."""
        if self.usable:
            for path in self._ours():
                with contextlib.suppress(OSError):
                    path.unlink()

    def _ours(self) -> list[Path]:
        return [p for p in self.path.iterdir() if _OURS.fullmatch(p.name)] if self.path.is_dir() else []


@cache
def _cache_at(path: Path) -> Cache:
    return Cache(path)


def _prepare(path: Path) -> bool:
    """Makes the directory; says whether we may trust and use it: ours, and nobody else may write."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        s = path.stat()
    except OSError:
        return False
    if not stat.S_ISDIR(s.st_mode):
        return False
    if hasattr(os, "geteuid") and s.st_uid != os.geteuid():
        return False
    return not s.st_mode & 0o022


def _encode(name: str, manifest: dict[str, Any], code: bytes) -> bytes:
    text = json.dumps(manifest, ensure_ascii=False, separators=(",", ":")).encode()
    rest = struct.pack("<Q", len(text)) + text + code
    return _MAGIC + _checksum(name, rest) + rest


def _checksum(name: str, rest: bytes | memoryview) -> bytes:
    h = hashlib.sha256(name.encode())
    h.update(rest)
    return h.digest()


def _decode(name: str, data: bytes) -> tuple[dict[str, Any], bytes] | None:
    start = len(_MAGIC) + 32
    if not data.startswith(_MAGIC) or len(data) < start + 8:
        return None
    rest = memoryview(data)[start:]
    if _checksum(name, rest) != data[len(_MAGIC) : start]:
        return None
    (length,) = struct.unpack_from("<Q", rest)
    try:
        manifest = json.loads(bytes(rest[8 : 8 + length]))
    except ValueError:
        return None
    return (manifest, bytes(rest[8 + length :])) if isinstance(manifest, dict) else None
