"""The prompt on a terminal, on prompt_toolkit: what is typed is coloured, completed, kept, and run when it is whole.

The prompt is there before the compiler is: sessions are given as functions, called at the first key.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.enums import DEFAULT_BUFFER, EditingMode
from prompt_toolkit.filters import completion_is_selected, has_focus
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import History
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.lexers import Lexer
from prompt_toolkit.output import ColorDepth, Output
from prompt_toolkit.styles import Style

from . import console
from .history import SharedHistory, history_file
from .repl import Printer, run

if TYPE_CHECKING:
    from .session import Session

PROMPT, GOES_ON = "dv> ", "  | "
Get = Callable[[], "Session"]
STYLE = Style.from_dict({
    "keyword": "ansimagenta", "number": "ansicyan", "string": "ansigreen", "comment": "ansibrightblack",
    "type": "ansiyellow", "builtin": "ansiblue", "prompt": "bold", "goes-on": "ansibrightblack",
    "auto-suggestion": "ansibrightblack",
})


def converse(session: Get, printer: Printer, *, banner: bool = True, shown: Callable[[], None] | None = None,
             input: Input | None = None, output: Output | None = None, history: History | None = None) -> None:
    """Asks and answers until the input ends or says `:quit`; `shown` is called whenever the prompt is on the screen."""
    if banner:
        from .. import __version__

        print(f"derivant {__version__}   :help lists commands, Ctrl-D ends")
    ask = prompt(session, input=input, output=output, history=history)
    if shown is not None:
        ask.app.after_render += lambda _: shown()
    mode = EditingMode.EMACS
    while True:
        try:
            ask.editing_mode = mode
            text = ask.prompt()
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
        if not text.strip():
            continue
        try:
            run(printer, session().feed(text))
        except KeyboardInterrupt:  # between two replies
            print("interrupted", file=sys.stderr)
        if printer.quit:
            return
        mode = EditingMode.VI if session().settings["keys"] == "vi" else EditingMode.EMACS


def prompt(session: Get, *, input: Input | None = None, output: Output | None = None,
           history: History | None = None) -> PromptSession[str]:
    """The line editor of a session."""
    return PromptSession(
        [("class:prompt", PROMPT)],
        multiline=True,
        prompt_continuation=[("class:goes-on", GOES_ON)],
        history=history or SharedHistory(history_file()),
        auto_suggest=AutoSuggestFromHistory(),
        enable_history_search=True,
        enable_suspend=True,
        search_ignore_case=True,
        lexer=Highlighter(session),
        completer=Names(session),
        complete_while_typing=False,
        key_bindings=keys(),
        style=STYLE,
        color_depth=None if console.color(sys.stdout) else ColorDepth.DEPTH_1_BIT,
        include_default_pygments_style=False,
        input=input,
        output=output,
    )


class Highlighter(Lexer):
    """Colours by the lexer of the language."""

    def __init__(self, session: Get) -> None:
        self.session = session

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        text = document.text
        if not text:
            return lambda number: []
        from .highlight import typed

        lines: list[StyleAndTextTuples] = [[]]
        for kind, piece in typed(text, self.session().language_names()):
            for k, part in enumerate(piece.split("\n")):
                if k:
                    lines.append([])
                lines[-1].append((f"class:{kind}" if kind else "", part))
        return lambda number: lines[number] if number < len(lines) else []


class Names(Completer):
    """The completions of `complete`, for the menu."""

    def __init__(self, session: Get) -> None:
        self.session = session

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        from ..frontend.cells import COMMANDS
        from .editing import choices

        line = document.current_line_before_cursor
        text = line if line.startswith(COMMANDS) else document.text_before_cursor
        for c in choices(self.session(), text, document.text):
            yield Completion(c.text, -c.back, display=c.shown, display_meta=c.about[:80])


def keys() -> KeyBindings:
    """Enter runs what is whole, else begins a line; Alt-Enter always begins one; Tab completes or indents."""
    bindings = KeyBindings()
    editing = has_focus(DEFAULT_BUFFER)  # not while the history is searched

    @bindings.add("enter", filter=editing & ~completion_is_selected)
    def _enter(event: KeyPressEvent) -> None:
        from .editing import submits

        buffer = event.current_buffer
        if submits(buffer.text, buffer.document.text_after_cursor):
            buffer.validate_and_handle()
        elif event.app.key_processor.input_queue:  # pasted, by a terminal that does not say so
            buffer.insert_text("\n")
        else:
            _new_line(buffer)

    @bindings.add("enter", filter=editing & completion_is_selected)
    def _take(event: KeyPressEvent) -> None:
        event.current_buffer.complete_state = None

    @bindings.add("escape", "enter", filter=editing)
    def _alt_enter(event: KeyPressEvent) -> None:
        _new_line(event.current_buffer)

    @bindings.add("tab", filter=editing)
    def _tab(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        before = buffer.document.current_line_before_cursor
        if buffer.complete_state is not None:
            buffer.complete_next()
        elif not before.strip():
            buffer.insert_text(" " * (2 - len(before) % 2))
        else:
            _complete(buffer)

    @bindings.add("s-tab", filter=editing)
    def _back_tab(event: KeyPressEvent) -> None:
        if event.current_buffer.complete_state is not None:
            event.current_buffer.complete_previous()

    @bindings.add("backspace", filter=editing & ~completion_is_selected)
    def _backspace(event: KeyPressEvent) -> None:
        before = event.current_buffer.document.current_line_before_cursor
        blank = bool(before) and not before.strip() and len(before) % 2 == 0
        event.current_buffer.delete_before_cursor(2 if blank else 1)

    return bindings


def _complete(buffer: Buffer) -> None:
    """One completion is taken at once, and so is what several have in common."""
    completer = buffer.completer
    found = list(completer.get_completions(buffer.document, CompleteEvent(completion_requested=True)))
    exact = [c for c in found if c.display_text == buffer.document.text_before_cursor[c.start_position:]]
    if len(found) == 1 or exact and exact[0].text != exact[0].display_text:
        buffer.apply_completion((exact or found)[0])
    elif found:
        buffer.start_completion(insert_common_part=True)


def _new_line(buffer: Buffer) -> None:
    from .editing import indentation

    buffer.insert_text("\n" + indentation(buffer.document.current_line_before_cursor))
