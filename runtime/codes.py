"""The pages of `derivant explain CODE`: for each code an example, its cause, and what to write instead.

A page is Markdown, `codes/DVnnnn.md`: a title, files (the first one, example.dv or example.py, is the program
that is wrong), a `console` block if something else than `derivant check example.dv` shows the error, text, and
mostly a program that is right.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

from ..compiler import errors

FOLDER = Path(__file__).with_name("codes")
CODE = re.compile(r"(?:[Dd][Vv])?(\d{3,4})")
"""How a code may be written where one is asked for: `DV0312`, `dv0312`, `312`."""
_BLOCK = re.compile(r"```(\w+) ?(\S*)\n(.*?)\n```", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Page:
    """A code, the title behind it, and the whole text in Markdown."""

    code: str
    title: str
    text: str

    @property
    def blocks(self) -> list[tuple[str, str, str]]:
        """Kind, file name (perhaps empty) and text of each block."""
        return [(m[1], m[2], m[3]) for m in _BLOCK.finditer(self.text)]


def codes() -> list[str]:
    """All codes, in order."""
    return sorted(p.stem for p in FOLDER.glob("DV*.md"))


def page(code: str) -> Page:
    """The page of a code, as it matches `CODE`; `ValueError` DV0613 if there is none."""
    written = CODE.fullmatch(code)
    code = f"DV{int(written[1]):04}" if written else code
    try:
        text = (FOLDER / f"{code}.md").read_text(encoding="utf-8")
    except OSError:
        known = codes()
        near = difflib.get_close_matches(code, known, 3, 0.8)
        raise errors.ValueError_("DV0613", f"there is no code {code}", help=(
            f"the nearest {'is' if len(near) == 1 else 'are'} {', '.join(sorted(near))}; " if near else "") + "`derivant explain --codes` lists all") from None
    return Page(code, text.partition("\n")[0].partition(": ")[2], text)


def for_terminal(page: Page, color: bool) -> str:
    """The page with its blocks set off, in columns of 80."""
    import textwrap

    bold, dim, off = ("\x1b[1m", "\x1b[36m", "\x1b[0m") if color else ("", "", "")
    title = textwrap.fill(f"{page.code}: {page.title}", 80, break_on_hyphens=False)
    out = [bold + title.replace("\n", f"{off}\n{bold}") + off]
    for kind, name, text in _pieces(page.text.partition("\n")[2]):
        if not kind:
            out += [textwrap.fill(p, 80, break_long_words=False, break_on_hyphens=False) for p in text.split("\n\n")]
            continue
        head = f"  {name}:\n" if name and not name.startswith("example.") else ""
        out.append(head + "\n".join(f"    {dim}{line}{off}" if line else "" for line in text.split("\n")))
    return "\n\n".join(out)


def _pieces(text: str) -> list[tuple[str, str, str]]:
    """Blocks, and the text between them as blocks without a kind."""
    found, at = [], 0
    for m in _BLOCK.finditer(text):
        found += [("", "", text[at:m.start()].strip()), (m[1], m[2], m[3])]
        at = m.end()
    found.append(("", "", text[at:].strip()))
    return [p for p in found if p[2]]
