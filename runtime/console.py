"""What the commands print: results to stdout, everything else to stderr, colours on terminals only."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from typing import Any, TextIO

from . import progress


def open_streams() -> None:
    """Streams in place of closed ones: nothing comes in, nobody hears complaints, and results can't be written."""
    for fd, stream, mode in ((0, "stdin", os.O_RDONLY), (1, "stdout", os.O_RDONLY), (2, "stderr", os.O_WRONLY)):
        if getattr(sys, stream) is None:
            os.dup2(os.open(os.devnull, mode), fd)
            setattr(sys, stream, os.fdopen(fd, "w" if fd else "r", encoding="utf-8", closefd=False))


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


def write(stream: TextIO, text: str, end: str = "\n") -> None:
    """A line in UTF-8, whatever the locale says."""
    progress.clear()
    raw = getattr(stream, "buffer", None)
    if raw is None:
        stream.write(text + end)
    else:
        stream.flush()
        raw.write((text + end).encode("utf-8", "surrogateescape"))
    stream.flush()


def result(text: str, end: str = "\n") -> None:
    """To stdout."""
    write(sys.stdout, text, end)


def program(text: str) -> None:
    """A program of the language to stdout, in colours on a terminal."""
    if color(sys.stdout):
        from .highlight import ansi

        text = ansi(text)
    result(text)


def result_json(value: Any) -> None:
    result(json.dumps(value, ensure_ascii=False))


def note(text: str) -> None:
    """A line to stderr."""
    with suppress(OSError):  # there is nowhere left to say it
        write(sys.stderr, text)


def count(n: int, what: str) -> str:
    """`1 file`, `2 files`."""
    return f"{n} {what}{'' if n == 1 else 's'}"


def pairs(texts: tuple[str, ...], option: str) -> dict[str, str]:
    """What an option `NAME=VALUE` was given, by name."""
    import click

    found: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        key = key.strip()
        if not equals or not key:
            raise click.BadParameter(f"{text!r} is not of the form NAME=VALUE", param_hint=option)
        if key in found:
            raise click.BadParameter(f"{key} is given twice", param_hint=option)
        found[key] = value
    return found


def functions_of_file(ctx: Any, param: Any, incomplete: str) -> list[str]:
    """The functions of the FILE before, for the shell's completion."""
    from ..compiler import errors
    from .api import load_file

    try:
        names = load_file(ctx.params["file"])._unit.outline().functions
    except (errors.Error, KeyError, TypeError):
        return []
    return [n for n in names if n.startswith(incomplete)]
