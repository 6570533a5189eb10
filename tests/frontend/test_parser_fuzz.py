"""Whatever the text, the parser answers with a tree or with syntax errors that point into it."""

from __future__ import annotations

import random

import pytest
from derivant.compiler.errors import Source, SyntaxError, clean
from derivant.frontend.lexer import KEYWORDS, MARKS, lex
from derivant.frontend.parser import parse

PROGRAM = '''
type Shape = Circle(f64) | Box(f64, f64)
type Camera = {rotation: f64[3], focal: f64}

## the area
def area(s: Shape, scale: f64 = 1.0) -> f64 =
  let factor = scale**2
  match s
    Circle(r) -> factor * pi * r**2
    Box(a, b) ->
      let area = a * b
      factor * area

def loglik(alpha: f64[k], x: f64[n, d]) -> f64 =
  let per_point = for i < n do
    let beta = [alpha[c] - sum((x[i, j] * exp(-x[i, j]))**2 for j) for c]
    logsumexp(beta)
  assert n > 0 and not (k < 1), "points {n}"
  sum(per_point) - n * logsumexp(alpha)

def ascent(p, x: f64[n, d], steps: i64) =
  loop (a, m): (f64, f64) = p for step < steps while a > 0 do
    let (da, dm) = grad(loglik, wrt=(a, m))(a, m, x)
    if da > 1 then
      (a with [0] = da, m)
    else if dm < 0 then (a, m) else
      (a + da, fn (x, y) -> x[1:, -1] with (f.g = 2, [0] = y'))

rule exp_log(x): exp(log(x)) => x when x > 0
derivative log1pexp(x) along dx = dx * sigmoid(x)
implicit root(a) = y where y**3 + y - a == 0
test "area" = approx(area(Circle(1.0)), pi)
'''


def outcome(text: str) -> int:
    """How many errors a text has; all of them must be well-formed."""
    source = Source("fuzz.dv", text)
    lines = clean(source).text.split("\n")
    try:
        parse(source)
    except SyntaxError as error:
        for e in error.errors:
            assert isinstance(e, SyntaxError)
            assert e.code.startswith("DV01")
            assert e.message[-1] not in ".\n"
            assert e.span is not None
            assert 1 <= e.span.line <= len(lines) + 1
            assert e.span.line != e.span.end_line or e.span.col <= e.span.end_col
        assert error.render()
        assert error.to_json()
        return len(error.errors)
    return 0


def mutants(count: int, seed: int) -> list[tuple[int, str]]:
    """Texts with one token deleted, doubled, exchanged or put in; and the line where that is."""
    rng = random.Random(seed)
    tokens = lex(Source("fuzz.dv", PROGRAM)).tokens
    lines = PROGRAM.split("\n")
    pool = [*MARKS, *sorted(KEYWORDS), "x", "Name", "3", '"s"', "'", "\t", "\n", "\n  ", "elif", "&&"]
    made = []
    for _ in range(count):
        token = rng.choice(tokens)
        line = lines[token.span.line - 1]
        start, end = token.span.col - 1, token.span.end_col - 1
        old = line[start:end]
        new = rng.choice(["", f"{old} {old}", rng.choice(pool), f"{old} {rng.choice(pool)}"])
        changed = f"{line[:start]}{new}{line[end:]}"
        made.append((token.span.line, "\n".join([*lines[:token.span.line - 1], changed, *lines[token.span.line:]])))
    return made


def test_program_parses() -> None:
    assert outcome(PROGRAM) == 0


def test_one_token_mutants() -> None:
    refused = single = 0
    for _, text in mutants(400, seed=1):
        errors = outcome(text)
        refused += errors > 0
        single += errors == 1
    assert refused > 250
    assert single > 0.75 * refused  # one mistake, one error, in most cases


@pytest.mark.slow
def test_many_mutants() -> None:
    for seed in range(2, 6):
        for _, text in mutants(500, seed):
            outcome(text)


def test_every_prefix() -> None:
    for end in range(0, len(PROGRAM), 7):
        outcome(PROGRAM[:end])


def test_random_characters() -> None:
    rng = random.Random(3)
    letters = "ab1_ \t\n\n  ()[]{}'\"\\.,;:=<>+-*/|#θ₁²\u2028\x00\ufeff\r÷😀"
    for _ in range(300):
        outcome("".join(rng.choice(letters) for _ in range(rng.randrange(60))))


def test_random_tokens() -> None:
    rng = random.Random(4)
    pool = [*MARKS, *sorted(KEYWORDS), "x", "y", "Name", "3", '"s"', "\n", "\n  ", "\n    ", "def f(x) =", "type"]
    for _ in range(300):
        outcome(" ".join(rng.choice(pool) for _ in range(rng.randrange(40))))
