"""`return` out of loops as flags."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable, Sequence

from .python_flow import NONE, Names, assigned, has, is_endless, reads, targets


class ReturnsOfLoops:
    """`return e` inside a loop becomes: set a flag, `break`; and behind the loop `if flag: return e`.

    Where e reads what only the loop gives a value, it is kept in a variable of its own.  Names that are made
    here hold a blank, so that no program has them; they are spelled when they are written.
    """

    def __init__(self, params: Iterable[str]) -> None:
        self.count = 0
        self.made: set[str] = set()
        self.params = frozenset(params)

    def function(self, body: Sequence[ast.stmt]) -> list[ast.stmt]:
        return self.statements(body, self.params)

    def statements(self, stmts: Sequence[ast.stmt], sure: Names) -> list[ast.stmt]:
        """`sure` are names that have a value here."""
        out: list[ast.stmt] = []
        for k, s in enumerate(stmts):
            match s:
                case ast.For() | ast.While():
                    out += self.loop(s, stmts[k + 1] if k + 1 < len(stmts) else None, sure)
                case ast.If():
                    new = copy.copy(s)
                    new.body, new.orelse = self.statements(s.body, sure), self.statements(s.orelse, sure)
                    out.append(new)
                case ast.Match():
                    both = copy.copy(s)
                    both.cases = [copy.copy(c) for c in s.cases]
                    for c in both.cases:
                        c.body = self.statements(c.body, sure)
                    out.append(both)
                case ast.Assign() | ast.AnnAssign():
                    sure = sure | frozenset(assigned([s]))
                    out.append(s)
                case _:
                    out.append(s)
        return out

    def loop(self, s: ast.For | ast.While, after: ast.stmt | None, sure: Names) -> list[ast.stmt]:
        own = frozenset(targets(s.target)) if isinstance(s, ast.For) else NONE
        body = self.statements(s.body, sure - own)
        new = copy.copy(s)
        new.body = body
        if not has(body, ast.Return):
            return [new]
        self.count += 1
        flag = f"left {self.count}"
        found: list[tuple[ast.Return, ast.expr | None]] = []
        again = ast.dump(after) if isinstance(after, ast.Return) else ""
        new.body = self.replaced(body, flag, (frozenset(assigned(body)) | own) - (sure - own), again, found)
        if not found:
            return [new]
        start = _assign(flag, ast.Constant(0), s)
        behind: list[ast.stmt] = [
            ast.copy_location(ast.If(_equals(flag, k + 1, r), [ast.copy_location(ast.Return(value), r)], []), r)
            for k, (r, value) in enumerate(found)]
        if is_endless(s) and not has(body, ast.Break):  # then it is left by the last one, if by no other
            behind[-1] = ast.copy_location(ast.Return(found[-1][1]), found[-1][0])
            return [new, behind[-1]] if len(found) == 1 else [start, new, *behind]
        return [start, new, *behind]

    def replaced(self, stmts: Sequence[ast.stmt], flag: str, inside: Names, again: str,
                 found: list[tuple[ast.Return, ast.expr | None]]) -> list[ast.stmt]:
        """`inside`: names that only the loop gives a value; `again`: the `return` that stands behind the loop."""
        out: list[ast.stmt] = []
        for s in stmts:
            match s:
                case ast.Return() if ast.dump(s) == again and not reads(s.value) & inside:
                    out.append(ast.copy_location(ast.Break(), s))
                case ast.Return(value=value):
                    kept: ast.expr | None = value
                    if value is not None and reads(value) & inside:
                        self.count += 1
                        name = f"kept {self.count}"
                        self.made.add(name)
                        out.append(_assign(name, value, s))
                        kept = ast.copy_location(ast.Name(name, ast.Load()), value)
                    found.append((s, kept))
                    out.append(_assign(flag, ast.Constant(len(found)), s))
                    out.append(ast.copy_location(ast.Break(), s))
                case ast.If():
                    new = copy.copy(s)
                    new.body = self.replaced(s.body, flag, inside, again, found)
                    new.orelse = self.replaced(s.orelse, flag, inside, again, found)
                    out.append(new)
                case ast.Match():
                    both = copy.copy(s)
                    both.cases = [copy.copy(c) for c in s.cases]
                    for c in both.cases:
                        c.body = self.replaced(c.body, flag, inside, again, found)
                    out.append(both)
                case _:
                    out.append(s)
        return out


def _assign(name: str, value: ast.expr, at: ast.stmt) -> ast.Assign:
    target = ast.copy_location(ast.Name(name, ast.Store()), at)
    if isinstance(value, ast.Constant):
        value = ast.copy_location(value, at)
    return ast.copy_location(ast.Assign([target], value), at)


def _equals(name: str, k: int, at: ast.stmt) -> ast.expr:
    left = ast.copy_location(ast.Name(name, ast.Load()), at)
    right = ast.copy_location(ast.Constant(k), at)
    return ast.copy_location(ast.Compare(left, [ast.Eq()], [right]), at)
