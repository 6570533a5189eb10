"""What the commands print: results to stdout, everything else to stderr, colours on terminals only."""

from __future__ import annotations

import json
import os
import sys
from typing import Any, TextIO


def color(stream: TextIO | None = None) -> bool:
    """Whether to colour what goes to a stream (stderr): `NO_COLOR`, then `FORCE_COLOR`, then: a terminal?"""
    if os.environ.get("NO_COLOR"):
        return False
    forced = os.environ.get("FORCE_COLOR", "")
    if forced:
        return forced != "0"
    stream = sys.stderr if stream is None else stream
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def styled(text: str, *codes: int, stream: TextIO | None = None) -> str:
    """The text in the style of these SGR codes, if its stream shows colours."""
    return f"\x1b[{';'.join(map(str, codes))}m{text}\x1b[0m" if codes and color(stream) else text


BOLD, DIM, RED, GREEN, YELLOW, CYAN = 1, 2, 31, 32, 33, 36


def result(text: str, end: str = "\n") -> None:
    """To stdout in UTF-8, whatever the locale says."""
    out = getattr(sys.stdout, "buffer", None)
    if out is None:
        sys.stdout.write(text + end)
    else:
        sys.stdout.flush()
        out.write((text + end).encode("utf-8", "surrogateescape"))
        out.flush()


def result_json(value: Any) -> None:
    result(json.dumps(value, ensure_ascii=False))


def note(text: str) -> None:
    """A line to stderr."""
    import click

    click.echo(text, err=True)


def count(n: int, what: str) -> str:
    """`1 file`, `2 files`."""
    return f"{n} {what}{'' if n == 1 else 's'}"
