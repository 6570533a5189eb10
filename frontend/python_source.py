"""The text and the syntax tree of a Python function: from its file, a notebook cell or the shell's history.

`find(function)` gives the `def` or `lambda` that the function was made from, in the tree of the whole
text, so that positions are those of the user's own file.
"""

from __future__ import annotations

import ast
import builtins
import functools
import linecache
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType, FunctionType

from ..compiler.errors import Source, Span, SyntaxError, UnsupportedError
from ..compiler.frames import shell, shown_name

Definition = ast.FunctionDef | ast.Lambda
MAGICS = ("<timed exec>", "<timed eval>", "<magic-timeit>")
MOST_CELLS = 20
"""Of those before, in which a function is looked for."""


@dataclass(frozen=True, eq=False)
class Text:
    """A Python text; `span` says where a node of its tree stands."""

    source: Source
    lines: tuple[str, ...]
    above: int = 0
    """Lines of the source above this text."""

    def span(self, node: ast.AST) -> Span:
        line, end = getattr(node, "lineno", 1), getattr(node, "end_lineno", None)
        end = line if end is None else end
        start, stop = getattr(node, "col_offset", 0), getattr(node, "end_col_offset", None)
        stop = start + 1 if stop is None else stop
        return Span(self.source, line + self.above, self._column(line, start), end + self.above, self._column(end, stop))

    def line(self, span: Span) -> str:
        """The line in which a span begins."""
        return self.lines[span.line - self.above - 1]

    def _column(self, line: int, offset: int) -> int:
        """From a byte offset to a column in code points, from 1."""
        text = self.lines[line - 1] if line <= len(self.lines) else ""
        return offset + 1 if text.isascii() else len(text.encode()[:offset].decode("utf-8", "ignore")) + 1

    def of(self, node: ast.AST) -> str:
        """What a definition looks like, decorators included, at the left margin."""
        first = min([getattr(node, "lineno", 1), *(d.lineno for d in getattr(node, "decorator_list", ()))])
        if isinstance(node, ast.Lambda):
            return ast.get_source_segment(self.source.text, node) or ast.unparse(node)
        return textwrap.dedent("\n".join(self.lines[first - 1:node.end_lineno])) + "\n"  # type: ignore[attr-defined]


@dataclass(frozen=True, eq=False)
class Found:
    """A function's definition in its text."""

    text: Text
    node: Definition


def find(function: FunctionType) -> Found:
    """The definition of a function; raises DV0155 where its text is not to be had."""
    code = function.__code__
    lines = linecache.getlines(code.co_filename, function.__globals__)
    cell = _timed_cell(code) if not lines else None
    if not lines and cell is None:
        raise UnsupportedError("DV0155", f"the source of {function.__name__} is not available ({code.co_filename})",
                               help=_where_to_write(code.co_filename))
    text, tree = cell or _parsed(shown_name(code.co_filename), "".join(lines))
    found = [n for n in _definitions(tree) if _is_of(n, code)]
    if len(found) > 1:
        found = [n for n in found if _covers(n, code)]
    if not found:
        raise UnsupportedError(
            "DV0155", f"the source of {function.__name__} is not what it was made from: {code.co_filename} has changed",
            help="import it again")
    if len(found) > 1:
        raise UnsupportedError("DV0155", f"two functions of this text could be {function.__name__}", text.span(found[0]),
                               help="put them on lines of their own")
    if isinstance(found[0], ast.AsyncFunctionDef):
        raise SyntaxError("DV0151", "an async function is not in the language", _head(text, found[0]))
    assert isinstance(found[0], ast.FunctionDef | ast.Lambda)
    return Found(text, found[0])


def _timed_cell(code: CodeType) -> tuple[Text, ast.Module] | None:
    """The cell below `%%time` or `%%timeit`: IPython compiles it under a name that says nothing of its text."""
    cells = getattr(getattr(shell(), "history_manager", None), "input_hist_raw", ()) if code.co_filename in MAGICS else ()
    for k in range(len(cells) - 1, max(len(cells) - MOST_CELLS, -1), -1):
        first, _, rest = cells[k].partition("\n")
        if not first.startswith("%%time"):
            continue
        text, tree = _parsed(f"In[{k}]", shell().transform_cell(rest), first + "\n")
        if any(_is_of(n, code) for n in _definitions(tree)):
            return text, tree
    return None


def _where_to_write(name: str) -> str:
    if name in ("<stdin>", "<string>"):
        return "functions are read, not traced: write it in a file, a notebook or IPython (or Python 3.13 and later)"
    return "functions are read, not traced: write it in a file that stays where it is"


@functools.lru_cache(64)
def _parsed(name: str, text: str, above: str = "") -> tuple[Text, ast.Module]:
    try:
        tree = ast.parse(text)
    except (ValueError, RecursionError, builtins.SyntaxError) as e:
        raise UnsupportedError("DV0155", f"{name} is no Python text: {e}") from None
    return Text(Source(name, above + text), tuple(text.split("\n")), above.count("\n")), tree


def _definitions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield node


def _is_of(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, code: CodeType) -> bool:
    """Could the code come from this definition: its name, first line and parameters?"""
    name = "<lambda>" if isinstance(node, ast.Lambda) else node.name
    first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
    params = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    names = code.co_varnames[:code.co_argcount + code.co_kwonlyargcount]
    return name == code.co_name and first == code.co_firstlineno and tuple(params) == names


def _covers(node: ast.AST, code: CodeType) -> bool:
    """Do the instructions stand inside the body, and does one of them cover all of it (of several lambdas)?"""
    body = getattr(node, "body")  # noqa: B009
    if isinstance(body, list):
        return True
    whole = (body.lineno, body.end_lineno, body.col_offset, body.end_col_offset)
    return any(tuple(p) == whole for p in code.co_positions())


def _head(text: Text, node: ast.AST) -> Span:
    """The first line of a definition."""
    whole = text.span(node)
    line = text.line(whole)
    return Span(whole.source, whole.line, whole.col, whole.line, len(line.rstrip()) + 1)
