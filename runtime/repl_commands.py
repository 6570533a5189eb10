"""The commands of a session, in one table: `:type e`, `:load FILE`, `?name`, …

Each entry says what it takes, what it does in a line, what completes its argument, and what other prompts
call it; any unambiguous beginning of its name will do.
"""

from __future__ import annotations

import difflib
import os
import re
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..compiler import errors
from ..frontend import syntax as sx
from ..frontend.elab_base import meant
from ..frontend.lexer import KEYWORDS
from ..frontend.names import pattern_names
from . import codes, session_save
from .explain import PROGRAMS, STAGES
from .files import write
from .session_types import SETTINGS, Reply

if TYPE_CHECKING:
    from .session import Session

Action = Callable[["Session", str], Iterator[Reply]]


@dataclass(frozen=True)
class Command:
    """`completes` names what its argument is: "expression", "file", "stage" (behind an expression), "command",
    "setting", or "" for nothing."""

    name: str
    takes: str
    help: str
    completes: str
    run: Action
    also: tuple[str, ...] = ()


COMMANDS: dict[str, Command] = {}


def command(name: str, takes: str, help: str, completes: str = "", also: tuple[str, ...] = ()) -> Callable[[Action], Action]:
    """Enters a function in the table."""

    def enter(f: Action) -> Action:
        COMMANDS[name] = Command(name, takes, help, completes, f, also)
        return f

    return enter


ELSEWHERE = {
    "reset": ":forget name, … removes declarations", "run": ":load FILE takes the declarations of a file",
    "edit": "edit in an editor, then :load FILE, and :reload after each change", "history": "Ctrl-R searches the history",
    "cd": "start the prompt there, or give :load the whole path",
}
"""Commands of other prompts that there are none for, and what to do instead."""


def run(session: Session, line: str) -> Iterator[Reply]:
    """The replies to a line that begins with `:`, `?`, or with `%` or `!` as in IPython."""
    if line.startswith("?"):
        source = line.startswith("??")
        yield from COMMANDS["source" if source else "doc"].run(session, line.lstrip("?").strip())
        return
    word, _, rest = line.lstrip(":%" if line[0] != "!" else "").strip().partition(" ")
    if word.startswith("!"):
        raise errors.ValueError_("DV0613", "there is no shell here", help="Ctrl-Z suspends the session; if `!` meant `not`, write that")
    chosen, rest = find(word or "help"), rest.strip()
    if rest and not chosen.takes:
        raise errors.ValueError_("DV0613", f":{chosen.name} takes nothing, so what is {rest}?", help=_usage(chosen))
    yield from chosen.run(session, rest)


def find(word: str) -> Command:
    """The command of which this is the name, here or elsewhere, or the only possible beginning."""
    if word in COMMANDS:
        return COMMANDS[word]
    found = [c for c in COMMANDS.values() if word in c.also] or [c for n, c in COMMANDS.items() if n.startswith(word)]
    if len(found) == 1:
        return found[0]
    if found:
        raise errors.ValueError_("DV0613", f":{word} may be {', '.join(f':{c.name}' for c in found)}")
    names = {n: c.name for c in COMMANDS.values() for n in (c.name, *c.also) if len(n) > 1}
    close = difflib.get_close_matches(word, names, 1)
    raise errors.ValueError_("DV0613", f"there is no command :{word}", help=ELSEWHERE.get(word) or (
        f"did you mean :{names[close[0]]}?" if close else ":help lists them"))


def _usage(c: Command) -> str:
    return f":{c.name} {c.takes}".rstrip() + f"   {c.help}"


def _wanted(text: str, name: str) -> str:
    if not text:
        raise errors.ValueError_("DV0613", f":{name} wants something behind it", help=_usage(COMMANDS[name]))
    return text


# ---------------------------------------------------------------- looking at programs


@command("type", "e", "the type of an expression, without running it", "expression", ("t", "kind"))
def _type(session: Session, text: str) -> Iterator[Reply]:
    yield Reply("text", session.describe(_wanted(text, "type")))


@command("grad", "f [x, y]", "the gradient of a function as a program, by its first parameter or by those named", "expression")
def _grad(session: Session, text: str) -> Iterator[Reply]:
    named = re.fullmatch(r"([^\W\d]\S*?)[\s,]+([^\W\d]\w*(?:[\s,]+[^\W\d]\w*)*)", _wanted(text, "grad"))
    name, names = (named[1], re.split(r"[\s,]+", named[2])) if named else (text, None)
    yield Reply("code", session.function(name).derivative_source(names).rstrip("\n"))


@command("ir", "e [stage]", f"the program after a stage: {', '.join(STAGES)}", "stage")
def _ir(session: Session, text: str) -> Iterator[Reply]:
    behind = re.fullmatch(r"(.*[\w)\]}'])\s+([^\W\d]\w*)", _wanted(text, "ir"))
    if behind is None or {behind[2], re.split(r"\W", behind[1])[-1]} & KEYWORDS:
        yield _stage(session, text, "optimised")
        return
    # No expression ends with two words, so the last one is meant as a stage.
    stages = [s for s in STAGES if s.startswith(behind[2])]
    yield _stage(session, behind[1], stages[0] if len(stages) == 1 else behind[2])


@command("llvm", "e", "its LLVM code", "expression")
def _llvm(session: Session, text: str) -> Iterator[Reply]:
    yield _stage(session, _wanted(text, "llvm"), "llvm")


@command("asm", "e", "its machine code", "expression")
def _asm(session: Session, text: str) -> Iterator[Reply]:
    yield _stage(session, _wanted(text, "asm"), "asm")


@command("explain", "e", "what the compiler makes of it: sizes, loops, copies, rules; of DV0312, what that error means", "expression")
def _explain(session: Session, text: str) -> Iterator[Reply]:
    if codes.CODE.fullmatch(_wanted(text, "explain")) and text.upper().startswith("DV") and text not in session.names():
        yield Reply("text", codes.for_terminal(codes.page(text), color=False))
        return
    yield _stage(session, text, None)


def _stage(session: Session, text: str, stage: str | None) -> Reply:
    language = "derivant" if stage in PROGRAMS else stage or "text"
    return Reply("code", session.explain(text, stage).rstrip("\n"), language=language)


@command("time", "e", "how long an expression takes: to compile, and the best of many runs", "expression", ("timeit",))
def _time(session: Session, text: str) -> Iterator[Reply]:
    start = time.perf_counter()
    instance = session.entry(_wanted(text, "time"))
    instance.run(())
    first = time.perf_counter() - start
    times: list[float] = []
    while sum(times) < 0.5 and len(times) < 10_000 or len(times) < 3:
        start = time.perf_counter()
        instance.run(())
        times.append(time.perf_counter() - start)
    runs = f"{len(times)} runs, median {duration(statistics.median(times))}"
    yield Reply("text", f"{duration(min(times))} at best ({runs}); the first time {duration(first)}, compilation included")


def duration(seconds: float) -> str:
    """Three digits and a unit."""
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "µs")):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


# ---------------------------------------------------------------- documentation


@command("doc", "name", "what a function, type or command is; also ?name", "expression", ("info", "i", "pinfo"))
def _doc(session: Session, text: str) -> Iterator[Reply]:
    if not text:
        yield from _help(session, "")
    elif text.startswith(":"):
        yield from _help(session, text[1:])
    elif text.rstrip("'").isidentifier():
        yield Reply("text", document(session, text.rstrip("'")))
    else:
        raise errors.ValueError_("DV0613", f":doc wants a name, not {text}", help=":type says what an expression is")


@command("source", "name", "the text of a definition; also ??name", "expression")
def _source(session: Session, text: str) -> Iterator[Reply]:
    item = session.unit.owner.get(_wanted(text, "source"))
    if item is not None:
        yield Reply("code", item.text)
        return
    from ..frontend.builtins_prelude import index

    if text in index():
        yield Reply("code", index()[text].text)
        return
    yield Reply("text", document(session, text))


def document(session: Session, name: str) -> str:
    """What is known of a name of the session or of the language."""
    item = session.unit.owner.get(name)
    if item is not None:
        d = item.decl
        doc = getattr(d, "doc", None)
        place = d.span.source.name if d.span.source else ""
        head = item.text if isinstance(d, sx.TypeDecl) else session.describe(name) if name not in session.functions() \
            else session.signed(name)
        return "\n".join([head, *([doc] if doc else []), f"defined in {place}, line {d.span.line}"])
    from ..frontend.builtins import document as of_the_language

    found = of_the_language(name)
    if found is None:
        raise errors.NameError("DV0201", f"nothing here is called {name}",
                               help=meant(name, session.names()) or ":browse shows what there is")
    return found


@command("browse", "[text]", "the functions and types of the session, or the names of the language that contain a text", "expression")
def _browse(session: Session, text: str) -> Iterator[Reply]:
    if text:
        names = sorted(n for n in session.names() if text in n)
        lines = [line.split("\n")[0] for n in names for line in [document(session, n)]]
        yield Reply("text", "\n".join(lines) or f"no name contains {text}")
        return
    lines = []
    for item in session.unit.items.values():
        match item.decl:
            case sx.Def() | sx.TopLet(_, sx.LetFn()):
                lines.append(session.signed(item.names[0]))
            case sx.TopLet():
                pass
            case _:
                lines.append(item.text.split("\n")[0] if not item.text.startswith("##") else item.key)
    yield Reply("code" if lines else "text", "\n".join(lines) or "nothing is defined yet; :browse TEXT looks among the names of the language")


@command("env", "", "the constants of the session, with their types and, where they are short, their values", also=("who", "whos"))
def _env(session: Session, text: str) -> Iterator[Reply]:
    lets = [item.let for item in session.unit.items.values() if item.let is not None]
    lines = [session.constant(n) for let in lets for n in pattern_names(let.pattern)]
    yield Reply("code" if lines else "text", "\n".join(lines) or "there are no constants")


@command("help", "[command]", "this list, or one entry of it", "command", ("h",))
def _help(session: Session, text: str) -> Iterator[Reply]:
    chosen = [find(text.lstrip(":"))] if text else list(COMMANDS.values())
    heads = [f":{c.name} {c.takes}".rstrip() for c in chosen]
    width = max(map(len, heads))
    lines = [f"{h:<{width}}  {c.help}" for h, c in zip(heads, chosen, strict=True)]
    if not text:
        lines += ["", "Declarations and expressions are run when they are complete; Alt-Enter begins a new line in any case.",
                  "_ is the last value; Tab completes, also \\alpha to α; Ctrl-R searches the history; Ctrl-C stops; Ctrl-D ends."]
    yield Reply("text", "\n".join(lines))


# ---------------------------------------------------------------- files and settings


@command("load", "FILE", "replaces the session by the declarations of a file", "file", ("l",))
def _load(session: Session, text: str) -> Iterator[Reply]:
    path = _path(_wanted(text, "load"))
    count = session.load(path)
    yield Reply("note", f"{path}: {count} function{'' if count == 1 else 's'}")


@command("reload", "", "the last file again; if it has an error, the session stays as it was", "", ("r",))
def _reload(session: Session, text: str) -> Iterator[Reply]:
    if session.file is None:
        raise errors.ValueError_("DV0601", "no file was loaded", help=":load FILE loads one")
    yield from _load(session, session.file)


@command("save", "FILE", "writes the declarations of the session to a file; :save! replaces one that is there", "file")
def _save(session: Session, text: str) -> Iterator[Reply]:
    yield from _saved(session, _wanted(text, "save"), replace=False)


@command("save!", "FILE", "the same, also if the file is there", "file")
def _save_over(session: Session, text: str) -> Iterator[Reply]:
    yield from _saved(session, _wanted(text, "save!"), replace=True)


def _saved(session: Session, text: str, replace: bool) -> Iterator[Reply]:
    path = _path(text)
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise errors.ValueError_("DV0612", f"{path} can't be written: there is no folder {folder}")
    if os.path.isdir(path):
        raise errors.ValueError_("DV0612", f"{path} can't be written: it is a folder", help=f":save {os.path.join(text, 'session.dv')}")
    if os.path.exists(path) and not os.path.isfile(path):
        raise errors.ValueError_("DV0612", f"{path} can't be written: it is no ordinary file")
    if not replace and os.path.exists(path):
        raise errors.ValueError_("DV0612", f"{path} is there already", help=f":save! {text} replaces it")
    program, notes = session_save.program(session)
    write(path, program.encode("utf-8"))
    count = len(session.unit.items)
    yield Reply("note", f"{path}: {count} declaration{'' if count == 1 else 's'}")
    yield from (Reply("note", line) for line in notes)


def _path(text: str) -> str:
    """A file's name as it was typed: in quotes perhaps, with `~` for home."""
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    return os.path.expanduser(text[1:-1] if quoted else text)


@command("forget", "name, …", "removes declarations, unless others need them", "expression")
def _forget(session: Session, text: str) -> Iterator[Reply]:
    names = [n for n in re.split(r"[\s,]+", _wanted(text, "forget")) if n]
    session.forget(names)
    yield Reply("note", f"forgotten: {', '.join(names)}")


@command("set", "[option value]", "shows or changes how results look: " + ", ".join(SETTINGS), "setting")
def _set(session: Session, text: str) -> Iterator[Reply]:
    name, _, value = text.partition(" ")
    if text:
        session.set(name, value.strip())
    shown = [name] if text else list(SETTINGS)
    width = max(map(len, shown))
    yield Reply("text", "\n".join(
        f"{n:<{width}}  {_word(session.settings[n]):<5}  {SETTINGS[n].help}" for n in shown))


def _word(value: object) -> str:
    return {True: "on", False: "off"}.get(value, str(value)) if isinstance(value, bool) else str(value)


@command("quit", "", "ends the session; so does Ctrl-D", "", ("q", "exit"))
def _quit(session: Session, text: str) -> Iterator[Reply]:
    yield Reply("quit", "")
