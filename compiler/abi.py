"""The interface of compiled functions in Python: the context of abi.h, and what a function's slots are."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .errors import Source, Span
from .site import SITE_VALUES, Expr, Site

if TYPE_CHECKING:
    from .loops import LoopFunction

ABI_VERSION = 1
HEADER = 64


class Context(ctypes.Structure):
    """`dv_context`."""

    _fields_ = [
        ("cancel", ctypes.c_int32),
        ("code", ctypes.c_int32),
        ("site", ctypes.c_int32),
        ("reserved", ctypes.c_int32),
        ("values", ctypes.c_int64 * SITE_VALUES),
        ("chunk", ctypes.c_void_p),
        ("top", ctypes.c_void_p),
        ("end", ctypes.c_void_p),
        ("spare", ctypes.c_void_p),
        ("heap", ctypes.c_void_p),
        ("poll", ctypes.c_void_p),
        ("last_poll", ctypes.c_int64),
        ("show", ctypes.c_void_p),
        ("host", ctypes.c_void_p),
    ]


@dataclass(frozen=True, slots=True)
class ParamInfo:
    name: str
    kind: str
    rank: int


@dataclass(frozen=True, slots=True)
class ResultInfo:
    """`shape` says how the caller computes the sizes, `site` what it says when there is no memory;
    shape None: the function allocates."""

    kind: str
    rank: int
    shape: tuple[Expr, ...] | None
    site: int = 0


@dataclass(frozen=True, slots=True)
class Signature:
    """All that a caller must know about one entry; JSON by `to_json` and `from_json`.

    A function is `brief` if it has no loops: not worth giving up a lock for.
    """

    name: str
    symbol: str
    params: tuple[ParamInfo, ...]
    results: tuple[ResultInfo, ...]
    sites: tuple[Site, ...]
    copies: tuple[str, ...] = ()
    brief: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "symbol": self.symbol,
            "params": [[p.name, p.kind, p.rank] for p in self.params],
            "results": [[r.kind, r.rank, None if r.shape is None else list(r.shape), r.site] for r in self.results],
            "sites": [[s.code, s.message, list(s.kinds), _span_to_json(s.span), list(s.notes)] for s in self.sites],
            "copies": list(self.copies),
            "brief": self.brief,
        }

    @staticmethod
    def from_json(data: dict[str, Any], sources: Sequence[Source] = ()) -> Signature:
        """`sources` are those that spans may point into, found by name."""
        named = {s.name: s for s in sources}
        return Signature(
            data["name"],
            data["symbol"],
            tuple(ParamInfo(n, k, r) for n, k, r in data["params"]),
            tuple(ResultInfo(k, r, None if s is None else tuple(s), at) for k, r, s, at in data["results"]),
            tuple(Site(c, m, tuple(ks), _span_from_json(sp, named), tuple(notes)) for c, m, ks, sp, notes in data["sites"]),
            tuple(data["copies"]),
            data["brief"],
        )


def signature(f: LoopFunction, symbol: str, shapes: Sequence[list[Expr] | None]) -> Signature:
    """`shapes` has an entry for each result."""
    from .loops import Buf, brief

    results, sites = [], list(f.sites)
    for r, shape in zip(f.results, shapes, strict=True):
        rank = len(r.shape) if isinstance(r, Buf) else 0
        if isinstance(r, Buf) and r.space != "heap" and shape is not None:
            results.append(ResultInfo(r.kind, rank, tuple(shape), len(sites)))
            sites.append(r.site)
        else:
            results.append(ResultInfo(r.kind, rank, None))
    params = tuple(ParamInfo(p.name, p.value.kind, len(p.sizes)) for p in f.params)
    return Signature(f.name, symbol, params, tuple(results), tuple(sites), tuple(f.copies), brief(f))


def _span_to_json(span: Span | None) -> Any:
    if span is None:
        return None
    name = span.source.name if span.source else None
    return [name, span.line, span.col, span.end_line, span.end_col]


def _span_from_json(data: Any, named: dict[str, Source]) -> Span | None:
    if data is None:
        return None
    name, *at = data
    source = named.get(name) or (Source(name, "") if name is not None else None)
    return Span(source, *at)
