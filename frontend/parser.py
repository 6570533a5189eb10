"""From text to surface syntax: `parse` for a file, `parse_expr` for one expression, `read` for what is broken.

lexer.py makes tokens, layout.py blocks and declarations, lark's LALR parser runs over the tokens of one
declaration after the other, builder.py makes the nodes, repair.py and the hints say what is wrong and go on.
"""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import lark
from lark.grammar import Rule
from lark.lexer import Lexer, TerminalDef
from platformdirs import user_cache_dir

from ..compiler.errors import Error, Source, Span, SyntaxError, bundle
from ..compiler.lock import lock
from . import syntax as s
from .builder import Builder
from .layout import MAX_DEPTH, Chunk, layout, too_deep
from .lexer import Comment, Lexed, Token, lex
from .repair import States, repair

_GRAMMAR = Path(__file__).with_name("grammar.lark")
_MOST_ERRORS = 4
"""Of one declaration."""


# ---------------------------------------------------------------- entry points


def parse(source: Source, last: str | None = None) -> s.Program:
    """The declarations of a file; raises a `SyntaxError`, or a bundle of several.

    At a prompt `last` is the name of what `_` stands for in an expression.
    """
    found = read(source, last)
    _raise(found.errors)
    return found.program


@dataclass(frozen=True, slots=True)
class Reading:
    """What can be read of a file: a declaration that can't be mended is missing in `program`, its tokens are there."""

    chunks: Sequence[Chunk]
    program: s.Program
    errors: Sequence[SyntaxError]


def read(source: Source, last: str | None = None) -> Reading:
    """Reads a file as far as it goes."""
    lexed = lex(source)
    chunks, errors = layout(lexed)
    decls: list[Any] = []
    docs = _Docs(lexed)
    parser = _Parser()
    for chunk in chunks:
        if last is not None:
            name_last(chunk.tokens, "decl", last)
        decl = parser.run(chunk, "decl")
        if decl is not None:
            decls.append(docs.attach(decl))
    whole = decls[0].span.to(decls[-1].span) if decls else lexed.end or Span(lexed.source, 1, 1, 1, 1)
    return Reading(chunks, s.Program(whole, tuple(decls)), [*lexed.errors, *errors, *parser.errors])


def parse_expr(source: Source, last: str | None = None) -> s.Expr:
    """One expression; raises like `parse`."""
    lexed = lex(source)
    chunks, errors = layout(lexed, expression=True)
    parser = _Parser()
    if last is not None and chunks:
        name_last(chunks[0].tokens, "expr", last)
    if not chunks:
        _raise([*lexed.errors, *errors] or [SyntaxError("DV0120", "an expression is expected", lexed.end)])
    node: s.Expr | None = parser.run(chunks[0], "expr") if chunks else None
    _raise(list(lexed.errors) + errors + parser.errors)
    assert node is not None
    return node


def name_last(tokens: list[Token], start: str, last: str) -> list[Span]:
    """Makes a name of each `_` that stands where only an expression can; the places."""
    places: list[Span] = []
    if all(t.type != "UNDERSCORE" for t in tokens):
        return places
    automaton = states(start)
    stack = [automaton.start]
    for token in tokens:
        if token.type == "UNDERSCORE" and not automaton.feed(list(stack), token.type):
            token.type, token.text = "NAME", last
            places.append(token.span)
        if not automaton.feed(stack, token.type):
            break
    return places


def states(start: str) -> States:
    """The automaton of the parser, for `decl` or `expr`."""
    return States(_tables()[0].parse_interactive("", start).parser_state.parse_conf)


def raw_tree(chunk: Chunk) -> Any:
    """The grammar's own tree of a declaration that `parse` accepts, with all its tokens."""
    interactive = _raw_parser().parse_interactive("", "decl")
    for token in chunk.tokens:
        interactive.parser_state.feed_token(token)  # type: ignore[arg-type]
    return interactive.parser_state.feed_token(end_token(chunk.tokens), True)  # type: ignore[arg-type]


def _raise(errors: Sequence[SyntaxError]) -> None:
    if errors:
        several: list[Error] = list(errors)
        raise bundle(several)


# ---------------------------------------------------------------- parsing


class _Parser:
    """Parses chunks; what is wrong is collected in `errors`."""

    def __init__(self) -> None:
        self.lark, self.builder = _tables()
        self.errors: list[SyntaxError] = []

    def run(self, chunk: Chunk, start: str) -> Any:
        """The node of a chunk, also after repairs; None if there is none."""
        if chunk.too_deep:
            return None
        with lock:  # all parsers share one builder, which collects errors
            return self.repairing(chunk, start)

    def repairing(self, chunk: Chunk, start: str) -> Any:
        tokens = chunk.tokens
        for _ in range(_MOST_ERRORS):
            self.builder.errors.clear()
            found = self.attempt(tokens, start)
            if not isinstance(found, int):
                self.errors += self.builder.errors
                deep = _deepest(found)
                if deep is not None:
                    self.errors.append(too_deep(deep))
                return found
            error, tokens = repair(self.states(start), tokens, found)
            line = error.span.line if error.span is not None else 0
            if line not in chunk.noise and not (chunk.lost_from is not None and line >= chunk.lost_from):
                self.errors.append(error)
                chunk.noise.add(line)
            if not tokens:
                return None
        return None

    def attempt(self, tokens: list[Token], start: str) -> Any:
        """The node, or the place of the first token that doesn't fit."""
        interactive = self.lark.parse_interactive("", start)
        feed = interactive.parser_state.feed_token
        at = 0
        try:
            for at, token in enumerate(tokens):
                feed(token)  # type: ignore[arg-type]  # lark asks for nothing but `.type`
            at = len(tokens)
            return feed(end_token(tokens), True)  # type: ignore[arg-type]
        except lark.UnexpectedToken:
            return at

    def states(self, start: str) -> Any:
        return self.lark.parse_interactive("", start).parser_state.parse_conf


def end_token(tokens: list[Token]) -> Token:
    last = tokens[-1].span
    return Token("$END", "", Span(last.source, last.end_line, last.end_col, last.end_line, last.end_col + 1))


# ---------------------------------------------------------------- depth


_NESTS = {c: tuple(f.name for f in dataclasses.fields(c) if f.name not in ("span", "id", "name", "text", "value"))
          for c in vars(s).values() if dataclasses.is_dataclass(c) and isinstance(c, type)}
_NESTS |= {c: (*_NESTS[c], "value") for c in (s.Arg, s.Let, s.Block, s.GenIn)}
_LEVELS = frozenset(c for kind in (s.Expr, s.Pattern, s.Type) for c in kind.__args__)


def _deepest(root: Any) -> Span | None:
    """Where the tree is deeper than allowed, if it is.  Without recursion."""
    level = [root]
    depth = 0
    while level:
        below: list[Any] = []
        same = level
        while same:
            item = same.pop()
            if type(item) is tuple:
                same.extend(item)
            elif type(item) in _LEVELS:
                if depth > MAX_DEPTH:
                    span: Span = item.span
                    return span
                for name in _NESTS[type(item)]:
                    below.append(getattr(item, name))
            elif type(item) in _NESTS:
                for name in _NESTS[type(item)]:
                    same.append(getattr(item, name))
        level = below
        depth += 1
    return None


# ---------------------------------------------------------------- doc comments


class _Docs:
    """The `##` lines of a text, to be put at the declarations that they stand above."""

    def __init__(self, lexed: Lexed) -> None:
        self.lines: dict[int, Comment] = {
            c.span.line: c for c in lexed.comments if c.own_line and c.text.startswith("##")}

    def attach(self, decl: Any) -> Any:
        line, found = decl.span.line - 1, []
        while line in self.lines:
            found.append(self.lines[line].text[2:].removeprefix(" "))
            line -= 1
        if not found or not isinstance(decl, s.Def | s.TopLet | s.TypeDecl):
            return decl
        return dataclasses.replace(decl, doc="\n".join(reversed(found)))


# ---------------------------------------------------------------- tables


class _NoLexer(Lexer):
    """Our tokens are fed one by one; lark's lexers stay unused."""

    def __init__(self, conf: object) -> None:
        pass

    def lex(self, *_: object) -> Any:
        return iter(())


@cache
def _tables() -> tuple[lark.Lark, Builder]:
    """The parser with its builder."""
    builder = Builder()
    return _parser(builder), builder


@cache
def _raw_parser() -> lark.Lark:
    """The parser that leaves the grammar's own trees."""
    return _parser(None)


def _parser(builder: Builder | None) -> lark.Lark:
    """Its tables are from the cache, or computed (a third of a second) and put there."""
    grammar = _GRAMMAR.read_text(encoding="utf-8")
    file = _cache_file(grammar)
    try:
        return _load(file.read_text(encoding="ascii"), builder)
    except Exception:  # noqa: BLE001  # absent, truncated, of another lark: whatever it is, compute anew
        built = build(grammar, builder)
    with suppress(OSError, ValueError, TypeError, KeyError):  # no place to write it: works without
        _write(file, _dump(built))
    return built


def _dump(built: lark.Lark) -> str:
    """The tables as JSON, which can be read back without running anything (lark's own `save` pickles)."""
    data, memo = built.memo_serialize([TerminalDef, Rule])
    data["options"].update(transformer=None, lexer=None)
    data["parser"]["lexer_conf"]["lexer_type"] = None
    return json.dumps({"data": data, "memo": memo})


def _load(text: str, builder: Builder | None) -> lark.Lark:
    stored = json.loads(text, object_hook=_int_keys)
    data = stored["data"]
    data["options"].update(transformer=builder, lexer=_NoLexer)
    data["parser"]["lexer_conf"]["lexer_type"] = _NoLexer
    loaded: lark.Lark = lark.Lark._load_from_dict(data, stored["memo"])  # type: ignore[no-untyped-call]
    return loaded


def build(grammar: str, builder: Builder | None, *, strict: bool = False) -> lark.Lark:
    """The parser of a grammar, from scratch; `strict` refuses conflicts."""
    return lark.Lark(grammar, parser="lalr", lexer=_NoLexer, start=["decl", "expr"], strict=strict,
                     keep_all_tokens=True, maybe_placeholders=False, transformer=builder)


def _cache_file(grammar: str) -> Path:
    place = os.environ.get("DERIVANT_CACHE_DIR") or user_cache_dir("derivant")
    key = sha256(f"{lark.__version__} 1 {grammar}".encode()).hexdigest()[:16]
    return Path(place) / f"grammar-{key}.json"


def _write(file: Path, text: str) -> None:
    """Writes all or nothing; several processes may do it at once."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=file.name)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as out:
            out.write(text)
        os.replace(name, file)
    except BaseException:
        os.unlink(name)
        raise


def _int_keys(pairs: dict[str, Any]) -> dict[Any, Any]:
    """JSON knows only strings as keys; lark's tables have numbers."""
    return {int(k) if k.isdigit() else k: v for k, v in pairs.items()}
