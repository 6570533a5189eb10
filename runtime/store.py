"""What the pipeline keeps on disk: small answers as JSON, object code with its manifest.

A cache never makes a program fail: what can't be read, or makes no sense, is computed again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..compiler.errors import Source
from .cache import Cache
from .trace import log

if TYPE_CHECKING:
    from .native import NativeFunction


def read_json(label: str) -> Any:
    """What was written under this label, or None."""
    found = Cache.default().get(b"json " + _key(label))
    return None if found is None else found[0].get("value")


def write_json(label: str, value: Any) -> None:
    Cache.default().put(b"json " + _key(label), {"value": value}, b"")


def read_object(label: str) -> tuple[dict[str, Any], bytes] | None:
    """A manifest and its object code."""
    return Cache.default().get(b"object " + _key(label))


def write_object(label: str, manifest: dict[str, Any], code: bytes) -> None:
    Cache.default().put(b"object " + _key(label), manifest, code)


def _key(label: str) -> bytes:
    return label.encode("utf-8", "surrogatepass")


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
