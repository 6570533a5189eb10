"""The blocks of a page of the documentation, and how each kind is run.

    ```dv                 a whole program: it must check
    ```dv model.dv        the same, and it is a file of this name for the blocks after it
    ```dv unchecked a.dv  a file of this name, that need not be right
    ```dv eval            declarations, then lines `expression  # value`
    ```dv error DV0301    a program that must be refused with this code
    ```python             runs; all of a page share their names; a `text` block right behind is what it prints
    ```console            `$ derivant …` lines, each followed by what it prints
    ```repl               a transcript of the prompt, with what it answers; all of a page are one session
    ```diff some/file.py  a line that is in the file (`…` for its end), then `+` lines that go behind it

The blocks of a page run in order, in a folder of their own; `sh`, `text` and others are not run.  A line
`…` of an output stands for any lines.  With DERIVANT_DOCS=update outputs are written into the page.
"""

from __future__ import annotations

import builtins
import contextlib
import io
import linecache
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from derivant import Error, compile, load
from derivant.runtime.cli import run_command
from derivant.runtime.records import SumValue, Value
from derivant.runtime.repl import Printer, run
from derivant.runtime.session import Session
from derivant.runtime.show import show

_FENCE = re.compile(r"^```(\S*) *(.*)$")
_NUMBER = re.compile(r"(-?\d+\.\d*(?:e[+-]?\d+)?)")
_DECLARES = re.compile(r"(def|let|type|derivative|adjoint|implicit|import|from)\b")


@dataclass
class Block:
    """`line` is that of the opening fence, from 1; `lines` what stands between the fences."""

    kind: str
    info: str
    line: int
    lines: list[str]

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + "\n"


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found: list[Block] = []
    block: Block | None = None
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        fence = _FENCE.match(line)
        if block is not None:
            if line == "```":
                found.append(block)
                block = None
            else:
                block.lines.append(line)
        elif fence:
            block = Block(fence[1], fence[2], number, [])
    assert block is None, f"{page.name}: the block of line {block.line if block else 0} has no end"
    return found


def run_page(page: Path, folder: Path) -> list[tuple[Block, list[str]]]:
    """Runs the blocks of a page; those whose output is another one, with that output."""
    names: dict[str, Any] = {"__name__": page.stem}
    wrong: list[tuple[Block, list[str]]] = []
    every = blocks(page)
    with contextlib.chdir(folder):
        for k, b in enumerate(every):
            try:
                for block, printed in _run(b, every[k + 1] if k + 1 < len(every) else None, names):
                    if not matches(block.lines, printed):
                        wrong.append((block, printed))
            except Exception as e:
                raise AssertionError(f"{page.name}:{b.line}: {type(e).__name__}: {e}") from e
    return wrong


def _run(b: Block, after: Block | None, names: dict[str, Any]) -> Iterator[tuple[Block, list[str]]]:
    """Runs one block; gives blocks with what they should be."""
    match b.kind:
        case "dv" if b.info == "eval":
            yield b, evaluated(b)
        case "dv" if b.info.startswith("error"):
            code = b.info.split()[1]
            try:
                compile(b.text)
            except Error as e:
                assert code in [one.code for one in e.errors], f"{e.code} instead of {code}: {e}"
            else:
                raise AssertionError(f"this should be refused with {code}")
        case "dv" if b.info.startswith("unchecked "):
            Path(b.info.split()[1]).write_text(b.text, encoding="utf-8")
        case "dv" if b.info:
            Path(b.info).write_text(b.text, encoding="utf-8")
            load(b.info)
        case "dv":
            compile(b.text)
        case "python":
            out = io.StringIO()
            name = f"<{names['__name__']}.md:{b.line}>"
            linecache.cache[name] = (len(b.text), None, b.text.splitlines(keepends=True), name)  # as a notebook does
            with contextlib.redirect_stdout(out):
                exec(builtins.compile(b.text, name, "exec", dont_inherit=True), names)  # noqa: S102
            if after is not None and after.kind == "text" and after.line == b.line + len(b.lines) + 3:
                yield after, out.getvalue().splitlines()
        case "console":
            printed: list[str] = []
            for line in b.lines:
                if line.startswith("$ "):
                    printed += [line, *command(line[2:])]
            yield b, printed
        case "repl":
            names.setdefault("session", Session())
            yield b, replay(names["session"], b.lines)


def command(line: str) -> list[str]:
    """What a command prints, to stdout and stderr together."""
    program, *argv = shlex.split(line)
    assert program == "derivant", line
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = run_command(argv)
    assert code in (0, 1, 2), out.getvalue()
    return [s.rstrip() for s in out.getvalue().splitlines()]


def replay(session: Session, lines: list[str]) -> list[str]:
    """A transcript with what a session answers now: inputs begin with `dv> ` and go on with `  | `."""
    printed: list[str] = []
    out = io.StringIO()
    printer = Printer(lambda: session, out, out)
    session.write = lambda line: print(line, file=out)
    inputs: list[list[str]] = []
    for line in lines:
        if line.startswith("dv>"):
            inputs.append([line])
        elif line.startswith("  |") and inputs:
            inputs[-1].append(line)
    for each in inputs:
        out.seek(0)
        out.truncate()
        run(printer, session.feed("\n".join(line[4:] for line in each)))
        printed += [*each, *(s.rstrip() for s in out.getvalue().splitlines())]
    return printed


def evaluated(b: Block) -> list[str]:
    """The lines of an `eval` block with their values."""
    declared, tried = [], []
    for line in b.lines:
        if not line.strip() or line[0] in " #" or _DECLARES.match(line):
            declared.append(line)
        else:
            tried.append(line.split("  # ")[0].rstrip())
    head = "\n".join(declared) + "\n"
    good = [e for e, line in zip(tried, _lines(b), strict=True) if "  # error" not in line]
    values = iter(())
    if good:
        text = head + "\ndef value_() = (" + ", ".join([*good, "0"]) + ")\n"
        values = iter(compile(text, backend="interpreter").value_())
    out, at = [], iter(tried)
    for line in b.lines:
        if not line.strip() or line[0] in " #" or _DECLARES.match(line):
            out.append(line)
            continue
        e = next(at)
        if "  # error" in line:
            try:
                found = shown(compile(f"{head}\ndef value_() = {e}\n", backend="interpreter").value_())
            except Error as error:
                found = f"error {error.code}"
        else:
            found = shown(next(values))
        column = line.find("  # ") + 2
        out.append(f"{e:<{max(column, len(e) + 2)}}# {found}")
    return out


def _lines(b: Block) -> list[str]:
    return [s for s in b.lines if s.strip() and s[0] not in " #" and not _DECLARES.match(s)]


def shown(v: Any) -> str:
    """A value on one line, as `derivant run` shows it."""
    if isinstance(v, np.ndarray):
        return re.sub(r"\n+ *", " ", np.array2string(v, separator=", ", max_line_width=10_000))
    if isinstance(v, tuple):
        return "(" + ", ".join(map(shown, v)) + ")"
    if isinstance(v, Value) and not isinstance(v, SumValue):
        return type(v).__name__ + "(" + ", ".join(f"{f} = {shown(x)}" for f, x in v._asdict().items()) + ")"
    return show(v).replace("\n", " ")


def matches(wanted: list[str], printed: list[str]) -> bool:
    """Are these the lines, where `…` stands for any, and numbers may differ in their last digits?"""
    if "…" not in wanted:
        return len(wanted) == len(printed) and all(map(_same, wanted, printed))
    cut = wanted.index("…")
    if len(printed) < cut or not all(map(_same, wanted[:cut], printed)):
        return False
    return any(matches(wanted[cut + 1:], printed[k:]) for k in range(cut, len(printed) + 1))


def _same(a: str, b: str) -> bool:
    if a.rstrip() == b.rstrip():
        return True
    x, y = _NUMBER.split(a.rstrip()), _NUMBER.split(b.rstrip())
    if len(x) != len(y) or any(s.split() != t.split() for s, t in zip(x[::2], y[::2], strict=True)):
        return False
    return all(abs(float(s) - float(t)) <= 1e-9 * max(1.0, abs(float(t))) for s, t in zip(x[1::2], y[1::2], strict=True))


def rewrite(page: Path, wrong: list[tuple[Block, list[str]]]) -> None:
    """Writes outputs into the page."""
    lines = page.read_text(encoding="utf-8").splitlines()
    for b, printed in reversed(wrong):
        lines[b.line:b.line + len(b.lines)] = printed
    page.write_text("\n".join(lines) + "\n", encoding="utf-8")


def patch(root: Path, page: Path) -> None:
    """Applies the `diff` blocks of a page to the sources below `root`."""
    for b in blocks(page):
        if b.kind != "diff":
            continue
        path = root / b.info
        if all(s.startswith("+") for s in b.lines):
            path.write_text("\n".join(s[1:] for s in b.lines) + "\n", encoding="utf-8")
            continue
        text = path.read_text(encoding="utf-8").splitlines()
        at = -1
        for s in b.lines:
            if s.startswith("+"):
                text.insert(at + 1, s[1:])
                at += 1
            else:
                places = [k for k, t in enumerate(text) if t == s[1:] or s.endswith(" …") and t.startswith(s[1:-1])]
                assert len(places) == 1, f"{page.name}:{b.line}: {s[1:]!r} stands {len(places)} times in {b.info}"
                at = places[0]
        path.write_text("\n".join(text) + "\n", encoding="utf-8")


def main(page: str, folder: str) -> None:
    """Runs a page in a process of its own."""
    wrong = run_page(Path(page), Path(folder))
    if wrong:
        import os

        if os.environ.get("DERIVANT_DOCS") == "update":
            rewrite(Path(page), wrong)
        else:
            raise SystemExit("\n\n".join(report(Path(page), b, printed) for b, printed in wrong))


def report(page: Path, b: Block, printed: list[str]) -> str:
    return f"{page.name}:{b.line}: the page says\n" + b.text + "and this came out:\n" + "\n".join(printed)
