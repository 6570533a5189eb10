"""What is wrong with a token that doesn't fit, and a repair to go on with."""

from __future__ import annotations

from typing import Any

from ..compiler.errors import SyntaxError
from .lexer import Token


def repair(conf: Any, tokens: list[Token], at: int) -> tuple[SyntaxError, list[Token]]:
    token = tokens[at] if at < len(tokens) else tokens[-1]
    return SyntaxError("DV0120", f"`{token.text}` is not expected here", token.span), []
