"""The cache on disk: JSON by label, object code with a manifest.

    DERIVANT_CACHE_DIR, or the platform's place for caches (mode 0700); an empty name turns it off
        0f/0f3a….json       {"check": sha256 of the rest, …}
        0f/0f3a….o          object code; its sha256 stands in the manifest

Labels are hashed.  Files appear whole or not at all; whatever can't be read or written is computed
again: the cache never makes a program fail.  Beyond `LIMIT` the least recently used files go.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import random
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..compiler.errors import Source
from .trace import log

if TYPE_CHECKING:
    from .native import NativeFunction

LIMIT = 1 << 30
_FORMAT = "1"


@functools.cache
def _folder_for(setting: str | None) -> str | None:
    """The folder, made if need be; None if there can be none."""
    if setting == "":
        return None
    path = setting
    if path is None:
        base = os.environ.get("XDG_CACHE_HOME") if sys.platform != "darwin" else None
        home = os.path.expanduser("~")
        path = os.path.join(base or os.path.join(home, "Library/Caches" if sys.platform == "darwin" else ".cache"), "derivant")
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
        stat = os.stat(path)
        if hasattr(os, "getuid") and stat.st_uid != os.getuid():
            log("cache", f"{path} belongs to somebody else: not used")
            return None
        if stat.st_mode & 0o077:
            os.chmod(path, 0o700)
    except OSError as e:
        log("cache", f"{path} can't be used: {e}")
        return None
    return path


def folder() -> str | None:
    return _folder_for(os.environ.get("DERIVANT_CACHE_DIR"))


def _path(label: str, suffix: str) -> str | None:
    base = folder()
    if base is None:
        return None
    digest = hashlib.sha256(f"{_FORMAT} {label}".encode("utf-8", "surrogatepass")).hexdigest()[:40]
    return os.path.join(base, digest[:2], digest + suffix)


def _read(path: str | None) -> bytes | None:
    if path is None:
        return None
    try:
        with open(path, "rb") as f:
            data = f.read()
        os.utime(path)
        return data
    except OSError:
        return None


def _write(path: str | None, data: bytes) -> None:
    if path is None:
        return
    temporary = f"{path}.{os.getpid()}.{random.getrandbits(40):x}"
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(temporary, "xb") as f:
            f.write(data)
        os.replace(temporary, path)
    except OSError as e:
        log("cache", f"not written: {e}")
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        return
    if random.random() < 0.01:
        prune()


def prune(limit: int = LIMIT) -> None:
    """Removes what was used longest ago, and what a killed process left, until the rest fits."""
    base = folder()
    if base is None:
        return
    files: list[tuple[float, int, str]] = []
    for here, _, names in os.walk(base):
        for name in names:
            path = os.path.join(here, name)
            with contextlib.suppress(OSError):
                stat = os.stat(path)
                files.append((stat.st_mtime, stat.st_size, path))
    total = sum(size for _, size, _ in files)
    for _, size, path in sorted(files):
        if total <= limit:
            return
        with contextlib.suppress(OSError):
            os.unlink(path)
            total -= size


# ---------------------------------------------------------------- JSON and objects


def read_json(label: str) -> Any:
    """What was written under this label; None if nothing, or nothing that can be read."""
    data = _read(_path(label, ".json"))
    if data is None:
        return None
    try:
        whole = json.loads(data)
        if whole["label"] != label or whole["check"] != _digest(whole["value"]):
            return None
        return whole["value"]
    except (ValueError, KeyError, TypeError, RecursionError):
        log("cache", "a damaged entry is made anew")
        return None


def write_json(label: str, value: Any) -> None:
    text = json.dumps({"label": label, "check": _digest(value), "value": value})
    _write(_path(label, ".json"), text.encode())


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def read_object(label: str) -> tuple[dict[str, Any], bytes] | None:
    """A manifest and its object code."""
    manifest = read_json(label)
    if not isinstance(manifest, dict):
        return None
    code = _read(_path(label, ".o"))
    if code is None or hashlib.sha256(code).hexdigest() != manifest.get("code"):
        return None
    return manifest, code


def write_object(label: str, manifest: dict[str, Any], code: bytes) -> None:
    """The code first: a manifest never stands without it."""
    _write(_path(label, ".o"), code)
    write_json(label, {**manifest, "code": hashlib.sha256(code).hexdigest()})


# ---------------------------------------------------------------- machine code


@functools.cache
def machine() -> str:
    """What object code depends on beside the program: versions and the processor."""
    from ..compiler import llvm
    from ..compiler.abi import ABI_VERSION

    return " ".join(map(str, (ABI_VERSION, *llvm.versions())))


def load(
    manifest: dict[str, Any], code: bytes, sources: Sequence[Source], write: Callable[[str], object]
) -> NativeFunction | None:
    """The function of a cache entry; None if the entry makes no sense."""
    from ..compiler.abi import Signature
    from .native import NativeFunction

    try:
        return NativeFunction(Signature.from_json(manifest["abi"], sources), code, write=write)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RuntimeError) as e:
        log("cache", f"a damaged entry is made anew ({e})")
        return None
