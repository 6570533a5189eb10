"""The text and the syntax tree of a Python function: from its file, a notebook cell or the shell's history.

`find(function)` gives the `def` or `lambda` that the function was made from, in the tree of the whole
text, so that positions are those of the user's own file.
"""

from __future__ import annotations

import ast
import builtins
import functools
import linecache
import os
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import CodeType, FunctionType

from ..compiler import STARTED
from ..compiler.errors import Source, Span, SyntaxError, UnsupportedError
from ..compiler.frames import shell, shown_name

Definition = ast.FunctionDef | ast.Lambda
Defined = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
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
    if lines and _is_young(code.co_filename) and "@pytest_ar" not in function.__globals__:  # pytest rewrites asserts
        lines = _as_loaded(function, lines)
    cell = _timed_cell(code) if not lines else None
    if not lines and cell is None:
        raise UnsupportedError("DV0155", f"the source of {function.__name__} is not available ({code.co_filename})",
                               help=_where_to_write(code.co_filename))
    text, tree = cell or _parsed(shown_name(code.co_filename), "".join(lines))
    found = [n for n in _definitions(tree) if _is_of(n, code)]
    if len(found) > 1:
        found = _around(found, code) or found
    if not found:
        raise _changed(function)
    if len(found) > 1:
        raise UnsupportedError("DV0155", f"two functions of this text could be {function.__name__}", text.span(found[0]),
                               help="put them on lines of their own")
    if isinstance(found[0], ast.AsyncFunctionDef):
        raise SyntaxError("DV0151", "an async function is not in the language", _head(text, found[0]))
    assert isinstance(found[0], ast.FunctionDef | ast.Lambda)
    return Found(text, found[0])


def _as_loaded(function: FunctionType, lines: list[str]) -> list[str]:
    """The text of a file if a function comes from it; what was read before may be older than the function."""
    code = function.__code__
    if _comes_from(code, "".join(lines)):
        return lines
    linecache.checkcache(code.co_filename)
    lines = linecache.getlines(code.co_filename, function.__globals__)
    if _comes_from(code, "".join(lines)):
        return lines
    raise _changed(function)


def _changed(function: FunctionType) -> UnsupportedError:
    return UnsupportedError(
        "DV0155", f"the source of {function.__name__} is not what it was made from: {function.__code__.co_filename} has changed",
        help="import it again")


def _is_young(file: str) -> bool:
    """Was a file written after this package was imported?  Only then is it worth a look whether it has changed."""
    try:
        return os.stat(file).st_mtime > STARTED
    except (OSError, ValueError):  # a cell
        return False


def _comes_from(code: CodeType, text: str) -> bool:
    """Is a function's code what Python makes of this text?"""
    return any(_same(code, c) for c in _codes(text) if c.co_name == code.co_name and c.co_firstlineno == code.co_firstlineno)


@functools.lru_cache(16)
def _codes(text: str) -> tuple[CodeType, ...]:
    """The code of all functions of a text."""
    try:
        found = [compile(text, "<text>", "exec", dont_inherit=True)]
    except (ValueError, RecursionError, builtins.SyntaxError):
        return ()
    for c in found:
        found += [x for x in c.co_consts if isinstance(x, CodeType)]
    return tuple(found)


def _same(a: object, b: object) -> bool:
    """Are two codes, or two constants, the same but for the name of their file?"""
    if isinstance(a, CodeType) and isinstance(b, CodeType):
        names = all(getattr(a, n) == getattr(b, n) for n in ("co_code", "co_names", "co_varnames", "co_freevars", "co_cellvars"))
        return names and len(a.co_consts) == len(b.co_consts) and all(map(_same, a.co_consts, b.co_consts))
    return a == b if isinstance(a, frozenset) else repr(a) == repr(b)  # which tells 1 from 1.0 and True


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


def _definitions(tree: ast.AST) -> Iterator[Defined]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield node


def _is_of(node: Defined, code: CodeType) -> bool:
    """Could the code come from this definition: its name, first line and parameters?"""
    name = "<lambda>" if isinstance(node, ast.Lambda) else node.name
    first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
    params = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    names = code.co_varnames[:code.co_argcount + code.co_kwonlyargcount]
    return name == code.co_name and first == code.co_firstlineno and tuple(params) == names


def _around(found: Sequence[Defined], code: CodeType) -> list[Defined]:
    """Of several definitions the narrowest whose bodies have all the instructions in them."""
    where = [((line, col), (end, stop)) for line, end, col, stop in code.co_positions()
             if line is not None and end is not None and col is not None and stop is not None and (line, col) != (end, stop)]

    def has_all(n: Defined) -> bool:
        body = n.body if isinstance(n, ast.Lambda) else n
        first, last = (body.lineno, body.col_offset), (body.end_lineno or 0, body.end_col_offset or 0)
        return all(first <= start and stop <= last for start, stop in where)

    wide = [n for n in found if has_all(n)]
    return [n for n in wide if not any(m is not n and m in wide for m in ast.walk(n))]


def _head(text: Text, node: ast.AST) -> Span:
    """The first line of a definition."""
    whole = text.span(node)
    line = text.line(whole)
    return Span(whole.source, whole.line, whole.col, whole.line, len(line.rstrip()) + 1)
