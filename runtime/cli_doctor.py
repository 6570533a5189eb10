"""`derivant doctor` and `derivant cache`: the machine, and what is kept on it."""

from __future__ import annotations

import sys

import click

from . import console

_MARKS = {"ok": ("✓", console.GREEN), "warn": ("!", console.YELLOW), "fail": ("✗", console.RED)}


@click.command("doctor", short_help="What works on this machine.", epilog="Example: derivant doctor    Example: derivant doctor --json")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(as_json: bool) -> int:
    """Say what works on this machine, and what to do about what does not.

    Exits with 1 if something is missing without which nothing works.
    """
    from .doctor import FAIL, examine

    lines = []
    for line in examine():
        lines.append(line)
        if not as_json:
            mark, style = _MARKS[line.state]
            console.result(f"{console.styled(mark, style, stream=sys.stdout)} {line.what + ':':17} {line.found}")
            if line.remedy:
                console.result(f"{'':19} → {line.remedy}")
    if as_json:
        console.result_json([{"what": x.what, "state": x.state, "found": x.found, "remedy": x.remedy} for x in lines])
    return 1 if any(x.state == FAIL for x in lines) else 0


@click.group("cache", short_help="The compile cache: info, clear, path.", epilog="Example: derivant cache info    Example: derivant cache clear")
def cache() -> None:
    """The compile cache: programs that were compiled before run at once.

    It is in DERIVANT_CACHE_DIR, or where the platform keeps caches.
    """


@cache.command("info", epilog="Example: derivant cache info --json")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def info(as_json: bool) -> None:
    """Where it is, and how much is in it."""
    from .cache import LIMIT, Cache, directory
    from .doctor import megabytes

    found = Cache.default()
    files, size = found.usage() if found.usable else (0, 0)
    if as_json:
        console.result_json({"path": str(directory()), "usable": found.usable, "files": files, "bytes": size,
                             "limit": LIMIT})
        return
    console.result(f"path     {directory()}" + ("" if found.usable else " (can't be used)"))
    console.result(f"files    {files}\nsize     {megabytes(size)} of at most {megabytes(LIMIT)}")


@cache.command("clear", epilog="Example: derivant cache clear")
def clear() -> None:
    """Remove everything in it."""
    from .cache import Cache
    from .doctor import megabytes

    found = Cache.default()
    files, size = found.usage() if found.usable else (0, 0)
    found.clear()
    console.note(f"removed: {console.count(files, 'file')}, {megabytes(size)}")


@cache.command("path", epilog="Example: ls $(derivant cache path)")
def path() -> None:
    """Print its folder."""
    from .cache import directory

    console.result(str(directory()))
