"""Mutants of the repository's programs: `mutant(seed, index)` is always the same text.

Changes are made to bytes, characters, tokens, lines, subtrees, names, numbers, types, and to the text as a
whole; most mutants have one or two of them, so that many still check and go through all of the compiler.
"""

from __future__ import annotations

import dataclasses
import random
import re
import unicodedata
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

from derivant.compiler.errors import Error, Source, clean
from derivant.frontend import syntax as sx
from derivant.frontend.lexer import DECLARATIONS, KEYWORDS, MARKS, lex
from derivant.frontend.parser import parse

from .children import ROOT

Rng = random.Random
_FENCE = re.compile(r"^```dv[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_VALUE = re.compile(r"^(?!(?:def|let|type|derivative|adjoint|implicit|import|from|rule|test)\b)(?=[^\s#])", re.MULTILINE)
_KINDS = {c: kind for kind, union in (("expr", sx.Expr), ("pattern", sx.Pattern), ("type", sx.Type))
          for c in union.__args__}
Place = tuple[str, int, int]  # kind, start, end


# ---------------------------------------------------------------- the corpus


@cache
def corpus() -> tuple[str, ...]:
    """All programs of the repository, and the blocks of its pages."""
    folders = ("tests", "examples", "benchmarks", "frontend", "passes")
    texts = [p.read_text(encoding="utf-8") for folder in folders for p in sorted((ROOT / folder).rglob("*.dv"))]
    for page in sorted((ROOT / "docs").glob("*.md")):
        for k, block in enumerate(_FENCE.findall(page.read_text(encoding="utf-8"))):
            names = (f"def value{k}_{n}() = " for n in range(1000))
            texts.append(_VALUE.sub(lambda _, names=names: next(names), block))  # type: ignore[misc]
    return tuple(clean(Source("", t)).text for t in texts)


@lru_cache(2000)
def tokens(text: str) -> tuple[Place, ...]:
    """The tokens of a text, by their offsets."""
    starts = _starts(text)
    return tuple((t.type, starts[t.span.line - 1] + t.span.col - 1, starts[t.span.line - 1] + t.span.end_col - 1)
                 for t in lex(Source("", text)).tokens)


@lru_cache(2000)
def subtrees(text: str) -> tuple[Place, ...]:
    """Expressions, patterns, types and declarations of a text, by their offsets."""
    try:
        tree = parse(Source("", text))
    except Error:
        return ()
    starts = _starts(text)
    found: list[Place] = []
    todo: list[tuple[Any, str | None]] = [(d, "decl") for d in tree.decls]
    while todo:
        node, kind = todo.pop()
        if isinstance(node, tuple):
            todo += ((n, _KINDS.get(type(n))) for n in node)
        elif dataclasses.is_dataclass(node) and hasattr(node, "span"):
            s = node.span
            if kind:
                found.append((kind, starts[s.line - 1] + s.col - 1, starts[s.end_line - 1] + s.end_col - 1))
            inside = (getattr(node, f.name) for f in dataclasses.fields(node))
            todo += ((n, _KINDS.get(type(n))) for n in inside)
    return tuple(found)


def _starts(text: str) -> list[int]:
    """Where lines begin."""
    return [0, *(m.end() for m in re.finditer("\n", text)), len(text)]


# ---------------------------------------------------------------- changes

CHANGES: list[tuple[int, Callable[[Rng, str], str]]] = []


def change(weight: int) -> Callable[[Callable[[Rng, str], str]], Callable[[Rng, str], str]]:
    def add(f: Callable[[Rng, str], str]) -> Callable[[Rng, str], str]:
        CHANGES.append((weight, f))
        return f

    return add


def change_at(weight: int, places: Callable[[str], list[Place]]) -> Callable[[Callable[[Rng, str, int, int], str]], Callable[[Rng, str], str]]:
    """A change of one of these places; a text without any is changed somewhere else."""

    def add(f: Callable[[Rng, str, int, int], str]) -> Callable[[Rng, str], str]:
        def changed(rng: Rng, text: str) -> str:
            there = places(text)
            if not there:
                return in_subtrees(rng, text)
            _, a, b = rng.choice(there)
            return f(rng, text, a, b)

        return change(weight)(changed)

    return add


def _stretch(rng: Rng, length: int, most: int = 40) -> tuple[int, int]:
    start = rng.randrange(length + 1)
    return start, min(length, start + rng.choice((0, 1, 1, 1, 2, 5, rng.randrange(most))))


@change(2)
def in_bytes(rng: Rng, text: str) -> str:
    data = bytearray(text.encode("utf-8", "surrogatepass"))
    start, end = _stretch(rng, len(data))
    match rng.randrange(4):
        case 0 if data:
            data[start % len(data)] ^= 1 << rng.randrange(8)
        case 1:
            del data[start:end]
        case 2:
            data[start:end] = rng.randbytes(rng.randrange(1, 5))
        case _:
            data[start:start] = data[start:end]
    return data.decode("utf-8", rng.choice(("replace", "surrogateescape", "ignore")))


STRANGE = ("\0", "\x01", "\x1b", "\x7f", "\x85", "\u200b", "\u2028", "\ufeff", "\ufffe", "\U0001f600", "\ud800",
    "\udfff", "é", "e\u0301",
           "ﬁ", "Ⅳ", "²", "₁", "θ", "ß", "İ", "\u0130", "٣", "𝟙", "中", "\u202e", "\u0300" * 50, "\t", "\r",
           "\r\n", "\n", "\v", "\f",
           "'", '"', "\\", "`", "#", "(", "[", "{", ")", "]", "}", "_", ".", "..", "...", ":", ";", "|", "->",
           "=>", "=", "==", "**")


@change(4)
def in_characters(rng: Rng, text: str) -> str:
    start, end = _stretch(rng, len(text))
    match rng.randrange(5):
        case 0:
            return text[:start] + text[end:]
        case 1:
            return text[:start] + rng.choice(STRANGE) + text[start:]
        case 2:
            return text[:start] + rng.choice(STRANGE) + text[end:]
        case 3:
            return text[:start] + text[start:end] * rng.randrange(2, 4) + text[end:]
        case _:
            return text[:start] + text[end:end + 1] + text[start:end] + text[end + 1:]


@change(8)
def in_tokens(rng: Rng, text: str) -> str:
    there = tokens(text)
    if not there:
        return rng.choice(corpus())
    (_, a, b), (_, c, d) = sorted(rng.choices(there, k=2), key=lambda p: p[1])
    other = rng.choice(corpus())
    new = rng.choice((*MARKS, *sorted(KEYWORDS | DECLARATIONS)))
    if tokens(other) and rng.random() < 0.7:
        _, x, y = rng.choice(tokens(other))
        new = other[x:y]
    match rng.randrange(6):
        case 0:
            return text[:a] + text[b:]
        case 1:
            return f"{text[:b]} {text[a:b]}{text[b:]}"
        case 2 if b <= c:
            return text[:a] + text[c:d] + text[b:c] + text[a:b] + text[d:]
        case 3:
            return f"{text[:a]}{new} {text[a:]}"
        case 4:
            return text[:a] + text[d:]
        case _:
            return text[:a] + new + text[b:]


@change(4)
def in_lines(rng: Rng, text: str) -> str:
    lines = text.split("\n")
    k, j = rng.randrange(len(lines)), rng.randrange(len(lines))
    match rng.randrange(7):
        case 0:
            del lines[k]
        case 1:
            lines.insert(j, lines[k])
        case 2:
            lines[k], lines[j] = lines[j], lines[k]
        case 3:
            lines[k] = " " * rng.randrange(1, 5) + lines[k]
        case 4:
            lines[k] = lines[k][rng.randrange(1, 4):]
        case 5:
            lines.insert(k, rng.choice(rng.choice(corpus()).split("\n")))
        case _:
            lines[k:k + 2] = [" ".join(lines[k:k + 2])]
    return "\n".join(lines)


DEEP = (2, 3, 8, 30, 190, 199, 201, 250, 1000, 5000)


def _nested(rng: Rng, e: str) -> str:
    """An expression far inside of others."""
    n = rng.choice(DEEP)
    match rng.randrange(14):
        case 0:
            return "(" * n + e + ")" * n
        case 1:
            return "[" * n + e + "]" * n
        case 2:
            return "-" * n + f"({e})"
        case 3:
            return "sin(" * n + e + ")" * n
        case 4:
            return f"({e})" + "[0]" * n
        case 5:
            return "(if true then " * n + e + f" else {e})" * n if len(e) * n < 20_000 else e
        case 6:
            return "".join(f"if x_ == {k} then {k} else " for k in range(n)) + e
        case 7:
            return "(" + "".join(f"let v{k}_ = {e if not k else f'v{k - 1}_ + 1'}; " for k in range(n)) + f"v{n - 1}_)"
        case 8:
            return f"({e})" + f" {rng.choice(('+', '*', '-', '@', '**', 'and', '<', '/', '//'))} 1" * n
        case 9:
            return "(fn x_ -> " * n + e + ")" * n
        case 10:
            return "[" + ", ".join([e] * n) + "]" if len(e) * n < 20_000 else e
        case 11:
            return "sum(" * n + e + "".join(f" for i{k}_ < 2)" for k in range(n))
        case 12:
            return "(let (a_, b_) = (" * n + e + ", 1); a_)" * n
        case _:
            return rng.choice(("grad", "jacobian", "hessian")) + "(fn x_ -> " + e + ")" + f"({rng.choice((e, '1.0'))})"


@change(26)
def in_subtrees(rng: Rng, text: str) -> str:
    there = subtrees(text)
    if not there:
        return in_tokens(rng, text)
    kind, a, b = rng.choice(there)
    like = [p for p in there if p[0] == kind]
    near = [p for p in like if "\ndef" not in text[min(a, p[1]):max(a, p[1])]]  # whose names are known here, mostly
    _, c, d = rng.choice(near if rng.random() < 0.7 else like)
    match rng.randrange(7):
        case 0:
            return text[:a] + text[b:]
        case 1 if b <= c or d <= a:  # exchanged
            (a, b), (c, d) = sorted(((a, b), (c, d)))
            return text[:a] + text[c:d] + text[b:c] + text[a:b] + text[d:]
        case 2 if kind == "expr":
            e = text[a:b]
            form = rng.choice(("{0} + {0}", "({0}, {0})", "[{0}, {0}]", "{0} @ {0}", "{0}({0})", "{0}[{0}]",
            "{0}'", "f64({0})", "f32({0})",
                               "i64({0})", "sum({0})", "{0}.x", "{0} with [0] = {0}",
                               "if {0} then {0} else {0}", "fn x_ -> {0}", "[{0} for i_ < 3]",
                               "loop s_ = {0} for i_ < 3 do s_ + {0}", "sort({0})", "transpose({0})",
                               "zeros({0})", "{0}[1:]", "not {0}", "stop_gradient({0})"))
            return text[:a] + form.format(e) + text[b:]
        case 3 if kind == "expr":
            return text[:a] + _nested(rng, text[a:b]) + text[b:]
        case 4 if kind == "type":
            n = rng.choice(DEEP)
            return text[:a] + "(" * n + text[a:b] + f", {text[a:b]})" * n + text[b:]
        case 5 if kind == "decl":
            return f"{text}\n{text[a:b]}\n"
        case 2 | 3:  # its own subtree in its place, and the other way round
            return text[:a] + text[c:d] + text[b:]
        case _:
            other = rng.choice(corpus())
            pieces = [p for p in subtrees(other) if p[0] == kind]
            if not pieces:
                return text[:a] + text[c:d] + text[b:]
            _, x, y = rng.choice(pieces)
            return text[:a] + other[x:y] + text[b:]


NUMBERS = ("0", "1", "-1", "2", "3", "7", "64", "100", "1000", "1000000", "1000000000", "2147483647",
    "2147483648", "-2147483649", "4294967296",
           "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
           "18446744073709551616", "1" + "0" * 30,
           "1" + "0" * 400, "9" * 5000, "0.0", "-0.0", "1e308", "1e309", "1e-320", "5e-324", "0.1", "1e16",
           "1e400000000", "inf", "nan", "-inf", "true", "pi", "(0 / 0)")


@change_at(12, lambda text: [p for p in tokens(text) if p[0] == "NUM"])
def in_numbers(rng: Rng, text: str, a: int, b: int) -> str:
    return text[:a] + rng.choice(NUMBERS) + text[b:]


NAMES = ("x", "i", "n", "f64", "sin", "sum", "grad", "zeros", "len", "loop", "if", "where", "type", "T", "Some",
    "_", "θ", "x" * 3000, "n_", "fill",
         "vjp", "jvp", "hessian", "concat", "map", "fold", "scan", "range", "shape", "solve", "f32", "i32",
         "bool", "pi", "inf", "along", "test",
         "unique", "filter", "sort", "while", "x₁", "self", "__class__", "None", "random", "key", "split")


@change(14)
def in_names(rng: Rng, text: str) -> str:
    there = [p for p in tokens(text) if p[0] in ("NAME", "CNAME")]
    if not there:
        return in_tokens(rng, text)
    _, a, b = rng.choice(there)
    near = [p for p in there if "\ndef" not in text[min(a, p[1]):max(a, p[1])]]
    _, c, d = rng.choice(near)
    old, new = text[a:b], rng.choice((text[c:d], text[c:d], rng.choice(NAMES)))
    if rng.random() < 0.5:
        return text[:a] + new + text[b:]
    return re.sub(rf"\b{re.escape(old)}\b", new.replace("\\", ""), text)


LIKE = tuple(tuple(group.split()) for group in (
    "+ - * / // % ** @ ==", "< <= > >= == !=", "and or", "sin cos exp log sqrt tanh abs sigmoid lgamma erf floor f64 f32 i64 log1p relu sign round",
    "sum prod max min mean any all argmax argmin count logsumexp norm median variance std", "grad jacobian hessian value_and_grad grad(grad)",
    "sort cumsum cumprod reverse transpose flatten argsort softmax unique diag inv det cholesky trace", "concat stack outer dot kron solve",
    "map filter fold scan", "zeros ones eye full range", "for", "i j k", "n m n-1 n+1", "0 1 2 -1",
    "0.0 1.0 2.0 0.5", "f64 f32 i64 bool", "then else", "do =",
    "jvp vjp linearize hvp"))


@change(22)
def in_kind(rng: Rng, text: str) -> str:
    """An operator, a function or a number becomes another one of its kind, so that the program mostly stays one."""
    there = [(a, b, group) for _, a, b in tokens(text) for group in LIKE if text[a:b] in group]
    if not there:
        return in_subtrees(rng, text)
    a, b, group = rng.choice(there)
    return text[:a] + rng.choice(group) + text[b:]


SIZES = ("n", "m", "n + 1", "2*n", "0", "1", "-1", "3", "_", "n*n", "n//2", "n - 1", "1.5", "n, n", "n + m",
    "4000000000", "9223372036854775807", "k", "len(x)", "")
TYPES = ("f64", "f32", "i64", "i32", "bool", "f64[n]", "i64[n, m]", "(f64, f64)", "{x: f64}", "f64 -> f64", "t",
    "t[n]", "T", "f64[n][m]", "(f64,)", "()")


@change_at(12, lambda text: [p for p in subtrees(text) if p[0] == "type"])
def in_types(rng: Rng, text: str, a: int, b: int) -> str:
    old = text[a:b]
    match rng.randrange(4):
        case 0 if "[" in old:
            return text[:a] + old[:old.index("[")] + f"[{rng.choice(SIZES)}]" + text[b:]
        case 1 if "[" in old:
            return text[:a] + re.sub(r"\b\w+\b(?=[\],])", lambda m: rng.choice((m[0], rng.choice(SIZES))), old) + text[b:]
        case 2:
            return text[:a] + old + f"[{rng.choice(SIZES)}]" + text[b:]
        case _:
            return text[:a] + rng.choice(TYPES) + text[b:]


@change(3)
def in_whole(rng: Rng, text: str) -> str:
    k = rng.randrange(len(text) + 1)
    match rng.randrange(16):
        case 0:
            return text.replace("\n", "\r\n")
        case 1:
            return text.replace("\n", "\r")
        case 2:
            return "\ufeff" + text
        case 3:
            return unicodedata.normalize(rng.choice(("NFD", "NFKC", "NFKD")), text)
        case 4:
            return text[:k] + " " * rng.choice((100, 100_000)) + text[k:]
        case 5:
            return text[:k] + rng.choice(("#" + "x" * 100_000 + "\n", "\n" * 10_000, "\t", "\0" * 1000))
        case 6:
            return text[:k]
        case 7:
            return text[k:]
        case 8:
            return text + "\n" + rng.choice(corpus())
        case 9:
            return text + "\n" + text
        case 10:
            return rng.choice(("", "\n", " ", "#", "\0", "(" * 10_000, '"', "def", "let x =", "\ufeff",
            "def f(x) = f(x)\n", "[" * 300 + "\n"))
        case 11:
            return text.replace(" ", rng.choice(("  ", "\t", "\u00a0", "")))
        case 12:
            return text.rstrip("\n")
        case 13:
            return text.replace("(", rng.choice(("((", "[", "")), rng.randrange(1, 4))
        case 14:
            return text + "\ndef many_(x: f64) -> f64 = " + rng.choice((" + ", " * ", " - ", " ** ")).join(["x"] * rng.choice((10, 300, 3000))) + "\n"
        case _:
            return text + f"\ndef last_{rng.randrange(3)}(x: f64[n]) -> f64 = sum(x)\ndef again_(x: f64[n]) = grad(last_0)(x)\n"


@change_at(8, lambda text: [p for p in tokens(text) if p[0] == "NAME" and text[p[2]:p[2] + 1] == "("])
def in_calls(rng: Rng, text: str, a: int, b: int) -> str:
    """A function becomes its derivative."""
    form = rng.choice(("grad({0})", "jacobian({0})", "hessian({0})", "value_and_grad({0})", "{0}'", "{0}''",
    "jvp({0})", "vjp({0})", "hvp({0})",
                       "grad(grad({0}))", "({0})", "{0}({0})", "vmap({0})", "linearize({0})", "map({0})",
                       "grad({0}, wrt=1)"))
    return text[:a] + form.format(text[a:b]) + text[b:]


# ---------------------------------------------------------------- mutants


RAW = (in_bytes, in_characters, in_lines, in_whole)
"""The changes that take any text; the others want one whose spans are right."""


def random_of(seed: int, index: int) -> Rng:
    return Rng(f"{seed} {index}")


def mutant(seed: int, index: int) -> str:
    """The mutant of this number."""
    rng = random_of(seed, index)
    text = rng.choice(corpus())
    weights = [w for w, _ in CHANGES]
    for _ in range(rng.choice((1, 1, 1, 1, 2, 2, 5))):
        (f,) = rng.choices([f for _, f in CHANGES], weights)
        if f not in RAW:
            text = clean(Source("", text)).text
        text = f(rng, text)
        if len(text) > 300_000:
            break
    return text
