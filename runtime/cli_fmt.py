"""`derivant fmt`: programs in canonical layout."""

from __future__ import annotations

import click

from ..compiler import errors
from ..compiler.errors import Source
from . import console, data, files, guard


@click.command("fmt", short_help="Format programs.", epilog="Example: derivant fmt model.dv tests/    Example: derivant fmt --check .    "
                               "Example: derivant fmt - --json < model.dv")
@click.argument("paths", metavar="FILE…", nargs=-1, required=True, type=click.Path())
@click.option("--check", is_flag=True, help="Write nothing; list what would change, and exit with 1 if anything would.")
@click.option("--diff", is_flag=True, help="Write nothing; print the changes.")
@click.option("--json", "as_json", is_flag=True, help="Write nothing; print the new texts and the errors as JSON.")
def fmt(paths: tuple[str, ...], check: bool, diff: bool, as_json: bool) -> int:
    """Format programs: files, all .dv files below folders, or - from standard input to standard output.

    The layout is canonical: 100 columns, blocks by two blanks, one blank around operators.  Comments stay
    where they are, and so does what you decide: a body on a line of its own, an empty line here and there,
    a comma behind the last element, which keeps a bracket open.  Line breaks become \\n.
    """
    if diff and as_json:
        raise click.UsageError("--diff and --json exclude each other")
    changes: list[dict[str, str]] = []
    same = 0

    def one(name: str) -> None:
        nonlocal same
        before = data.read_program(name)
        text = data.decode(before, name)
        known = "<stdin>" if name == "-" else name
        after = formatted(text, known)
        if before == after.encode():
            same += 1
        else:
            changes.append({"file": known, "text": after})
            if as_json:
                return
            if diff:
                console.result(_difference(text, after, name), end="")
            elif check:
                console.result(name)
            elif name != "-":
                files.write(name, after.encode())
        if name == "-" and not (check or diff or as_json):
            console.result(after, end="")

    wrong = files.each(paths, one)
    changed = len(changes)
    if as_json:
        console.result_json({"changes": changes, "errors": [row for e in wrong for row in e.to_dicts()]})
        return 1 if wrong or check and changed else 0
    if paths != ("-",):
        verb = "would change" if check or diff else "formatted"
        console.note(f"{console.count(changed, 'file')} {verb}, {same} as they should be"
                     if changed + same + len(wrong) else "no .dv files")
    if wrong:
        raise errors.bundle(wrong)
    return 1 if check and changed else 0


def formatted(text: str, name: str) -> str:
    """The canonical text of a program; a fault of ours is one error that says so."""
    from ..frontend.formatter import format_source

    with guard.guarded("formatting", text):
        return format_source(Source(name, text))


def _difference(before: str, after: str, name: str) -> str:
    """A unified diff, coloured on a terminal."""
    import difflib
    import sys

    out = []
    for line in difflib.unified_diff(before.splitlines(keepends=True), after.splitlines(keepends=True), name, name):
        style = {"+": console.GREEN, "-": console.RED, "@": console.CYAN}.get(line[:1])
        text = line.rstrip("\r\n")
        out.append(console.styled(text, style, stream=sys.stdout) if style else text)
        if not line.endswith("\n"):
            out.append("\\ no line break at the end")
    return "\n".join([*out, ""])
