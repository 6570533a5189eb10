"""`derivant test`: runs the tests of programs, and checks their derivatives."""

from __future__ import annotations

import sys
from typing import Any

import click

from ..compiler import errors
from . import console, files

SLOW = 1.0  # seconds that are worth saying


@click.command("test", short_help="Run tests; check derivatives.", epilog="Example: derivant test model.dv    Example: derivant test . -k loss --gradients")
@click.argument("paths", metavar="FILE…", nargs=-1, required=True, type=click.Path())
@click.option("-k", "wanted", metavar="NAME", default="", help="Only what has NAME in its name.")
@click.option("--gradients", is_flag=True, help="Check every function that can be differentiated, too: forward and in "
                                                "reverse against finite differences, at random points.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, errors too.")
def test(paths: tuple[str, ...], wanted: str, gradients: bool, as_json: bool) -> int:
    """Run the `test`s of programs: files, and all .dv files below folders.

    A test that fails shows the condition that is false and the values of its two sides.  With
    --gradients, arguments are drawn from the declared types; what can't be checked says why.
    """
    report = _Report(as_json)
    for name in files.programs(paths):
        _file(name, wanted, gradients, report)
    if wanted and not report.found:
        raise click.UsageError(f"nothing here has {wanted!r} in its name")
    report.end()
    return 1 if report.failed else 0


def _file(name: str, wanted: str, gradients: bool, report: _Report) -> None:
    from .api import load_file
    from .gradients import check_gradients
    from .testing import run_tests

    try:
        module = load_file(name, write=console.note)
        outcomes = run_tests(module._unit, wanted)
        for o in outcomes:
            report.add(name, "test", o.name, o.error, seconds=o.seconds)
        if gradients:
            for c in check_gradients(module, wanted):
                report.add(name, "gradient", c.name, c.error, points=c.points, skipped=c.skipped, remark=c.remark)
    except errors.InternalError:
        raise
    except errors.Error as e:
        if e.code == "DV0510":
            raise
        report.add(name, "file", name, e)


class _Report:
    """Lines as they come, with what went wrong below; or JSON at the end."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.rows: list[dict[str, Any]] = []
        self.file = ""
        self.found = self.failed = self.passed = self.skipped = self.checked = 0

    def add(self, file: str, kind: str, name: str, error: errors.Error | None, *, seconds: float = 0.0, points: int = 0,
            skipped: str | None = None, remark: str | None = None) -> None:
        self.found += 1
        self.failed += error is not None
        self.skipped += skipped is not None
        good = error is None and skipped is None
        self.passed += good and kind == "test"
        self.checked += good and kind == "gradient"
        if self.as_json:
            row: dict[str, Any] = {"file": file, "kind": kind, "name": name,
                                   "outcome": "failed" if error is not None else "skipped" if skipped else "passed"}
            if kind == "gradient":
                row |= {"points": points, "reason": skipped or remark}
            self.rows.append({**row, "errors": [] if error is None else error.to_dicts()})
            return
        if file != self.file:
            console.result(("\n" if self.file else "") + _styled(file, console.BOLD))
            self.file = file
        what = "the gradient of " if kind == "gradient" else ""
        aside = f"skipped: {skipped}" if skipped else remark or (f"{seconds:.1f} s" if seconds >= SLOW else "")
        behind = f" ({aside})" if aside else ""
        mark = _styled("✗", console.RED) if error is not None else _styled("–", console.DIM) if skipped else \
            _styled("✓", console.GREEN)
        if kind != "file":
            console.result(f"  {mark} {what}{name}" + _styled(behind, console.DIM))
        if error is not None:
            text = error.render(console.color(sys.stdout))
            console.result("\n" + "\n".join(f"    {line}".rstrip() for line in text.split("\n")) + "\n")

    def end(self) -> None:
        if self.as_json:
            console.result_json(self.rows)
            return
        parts = [_styled(f"{self.failed} failed", console.RED)] if self.failed else []
        parts += [f"{console.count(self.passed, 'test')} passed"] if self.passed or not self.checked else []
        parts += [f"{console.count(self.checked, 'gradient')} checked"] if self.checked else []
        parts += [f"{self.skipped} skipped"] if self.skipped else []
        console.result(("\n" if self.file else "") + ", ".join(parts))


def _styled(text: str, code: int) -> str:
    return console.styled(text, code, stream=sys.stdout)
