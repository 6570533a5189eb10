"""The pictures of the pages: terminals with what the program says today.

    python docs/pictures/draw.py        writes the .svg files beside this one

It wants rich, which turns the colours of a terminal into SVG.  A test compares the texts.
"""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from derivant.runtime import console, highlight
from derivant.runtime.cli import run_command
from derivant.runtime.repl import Printer, run
from derivant.runtime.session import Session

HERE = Path(__file__).resolve().parent

FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
FORMAT = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
    <style>
    .{unique_id}-matrix {{ font-family: """ + FONT + """; font-size: {char_height}px; line-height: {line_height}px; }}
    .{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: arial, sans-serif; }}
    {styles}
    </style>
    <defs>
    <clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" /></clipPath>
    {lines}
    </defs>
    {chrome}
    <g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
    {backgrounds}
    <g class="{unique_id}-matrix">
    {matrix}
    </g>
    </g>
</svg>
"""


@dataclass(frozen=True)
class Picture:
    """`lines` are typed: command lines behind `$ `, everything else at the prompt, which goes on behind a `\\n`."""

    title: str
    lines: tuple[str, ...]
    files: dict[str, str] = field(default_factory=dict)


PICTURES = {
    "repl": Picture("derivant repl", (
        "let x = [0.5, 1.0, 1.5, 2.0]",
        "def loss(w: f64, y: f64[n]) -> f64 =\n  let r = [w * x[i] - y[i] for i < len(y)]\n  sum(r**2)",
        "loss(2.0, x**2)",
        "grad(loss)(2.0, x**2)",
        ":grad loss",
        "loop w = 0.0 for _ < 100 do w - 0.05 * grad(loss)(w, x**2)",
        "loss(_)",
        "loss(_, x**2)",
    )),
    "error": Picture("derivant check", ("$ derivant check fit.dv",), {"fit.dv": (
        "def predict(w: f64[d], x: f64[n, d]) -> f64[n] = [x[i] @ w for i < n]\n\n"
        "def loss(w: f64[d], x: f64[n, d], y: f64[n]) -> f64 =\n"
        "  sum((predict(y, x)[i] - y[i])**2 for i < n)\n\n"
        "def step(w: f64[d], x: f64[n, d], y: f64[n]) -> f64[d] = w - 0.1 * grad(los)(w, x, y)\n"
    )}),
    "explain": Picture("derivant explain", ("$ derivant explain fit.dv slope", "$ derivant explain fit.dv slope --stage optimised"), {"fit.dv": (
        "def loss(w: f64[d], x: f64[n, d], y: f64[n]) -> f64 =\n"
        "  sum(softplus(x[i] @ w) - y[i] * (x[i] @ w) for i)\n\n"
        "def slope(w: f64[d], x: f64[n, d], y: f64[n]) -> f64[d] = grad(loss)(w, x, y)\n"
    )}),
}


def said(p: Picture) -> str:
    """What such a terminal shows, with its colours."""
    out = io.StringIO()
    with _place(p.files), contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        session = Session()
        printer = Printer(lambda: session, out, out)
        for line in p.lines:
            if line.startswith("$ "):
                print(("\n" if out.getvalue() else "") + console.styled("$ ", console.BOLD, stream=out) + line[2:], file=out)
                run_command(shlex.split(line)[2:])
            else:
                typed = highlight.ansi(line, session.language_names()).replace("\n", "\n\x1b[90m  | \x1b[0m")
                print(console.styled("dv> ", console.BOLD, stream=out) + typed, file=out)
                run(printer, session.feed(line))
    return out.getvalue().rstrip("\n")


@contextlib.contextmanager
def _place(files: dict[str, str]) -> Iterator[None]:
    """A folder with these files, and colours."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder), mock.patch.dict(
            os.environ, {"FORCE_COLOR": "1", "DERIVANT_CACHE_DIR": f"{folder}/cache"}):
        os.environ.pop("NO_COLOR", None)
        for name, text in files.items():
            Path(name).write_text(text, encoding="utf-8")
        yield


def draw(name: str, p: Picture) -> str:
    """The SVG of a terminal."""
    from rich.console import Console
    from rich.terminal_theme import SVG_EXPORT_THEME
    from rich.text import Text

    text = Text.from_ansi(said(p))
    recorder = Console(record=True, width=max(map(len, text.plain.split("\n"))) + 1, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    recorder.print(text)
    return recorder.export_svg(title=p.title, theme=SVG_EXPORT_THEME, code_format=FORMAT, unique_id=name)


if __name__ == "__main__":
    for name, picture in PICTURES.items():
        (HERE / f"{name}.svg").write_text(draw(name, picture), encoding="utf-8")
