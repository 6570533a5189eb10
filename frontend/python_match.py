"""Python's `match` as the language's; a guard that fails goes on with the cases behind it."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Sequence

from . import syntax as sx
from .python_expr import Expressions, conditional
from .python_flow import Names, is_total


class Matching(Expressions):
    @property
    def defined(self) -> set[str]:
        return self.frames[-1].defined

    def define(self, names: Sequence[str] | Names) -> None:
        self.defined.update(names)

    def matched(self, s: ast.Match, side: Callable[[Sequence[ast.stmt]], sx.Expr], falls: bool) -> sx.Expr:
        subject = self.expr(s.subject)
        arms = []
        for k, c in enumerate(s.cases):
            pattern = self.case_pattern(c.pattern)
            before = set(self.defined)
            self.define([n for p in ast.walk(c.pattern) if (n := getattr(p, "name", None)) is not None])
            span = self.at(c.pattern)
            if c.guard is None:
                arms.append(sx.Arm(span, pattern, side(c.body)))
                self.frames[-1].defined = before
                continue
            test, body = self.expr(c.guard), side(c.body)
            self.frames[-1].defined = before
            others = copy.copy(s)
            later = s.cases[k + 1:]
            done = [d for d in s.cases[:k] if d.guard is None] if later and not is_total(later) else []
            others.cases = [*done, *later]  # those before take nothing here, but with them nothing is left out
            otherwise = self.matched(others, side, falls) if others.cases else side(())
            arms.append(sx.Arm(span, pattern, conditional(self.at(c.guard), test, body, otherwise)))
            if isinstance(c.pattern, ast.MatchAs) and c.pattern.pattern is None:  # it takes everything
                return sx.Match(self.at(s), subject, tuple(arms))
        if falls and not is_total(s.cases) and not self.covers(s):
            arms.append(sx.Arm(self.at(s.cases[-1].pattern), sx.PWild(self.at(s.cases[-1].pattern)), side(())))
        return sx.Match(self.at(s), subject, tuple(arms))

    def covers(self, s: ast.Match) -> bool:
        """Do the cases name all constructors of a sum type?  Then there is no other way."""
        found = [self.static(p.cls) for c in s.cases if c.guard is None for p in ast.walk(c.pattern) if isinstance(p, ast.MatchClass)]
        family = self.family(found[0]) if found else ()
        return bool(family) and set(family) <= set(found)

    def family(self, cls: object) -> tuple[type, ...]:
        """All constructors of the sum type that a class belongs to."""
        raise NotImplementedError

    def case_pattern(self, p: ast.pattern) -> sx.Pattern:
        span = self.at(p)
        match p:
            case ast.MatchAs(pattern=None, name=None):
                return sx.PWild(span)
            case ast.MatchAs(pattern=None, name=str(name)):
                return sx.PName(span, self.spelled(name))
            case ast.MatchValue(value=value):
                k = self.literal(value)
                if k is not None:
                    return sx.PLit(span, k)
                if isinstance(value, ast.Constant) and isinstance(value.value, float):
                    return sx.PLit(span, value.value)
                static = self.static(value)
                if isinstance(static, int):
                    return sx.PLit(span, int(static))
            case ast.MatchSingleton(value=bool(value)):
                return sx.PLit(span, value)
            case ast.MatchSequence(patterns=patterns) if len(patterns) > 1:
                return sx.PTuple(span, tuple(map(self.case_pattern, patterns)))
            case ast.MatchOr(patterns=patterns):
                return sx.POr(span, tuple(map(self.case_pattern, patterns)))
            case ast.MatchClass():
                return self.class_pattern(p)
        self.refuse(p, "this pattern is not in the language", "patterns are classes, tuples, numbers, names and _")

    def class_pattern(self, p: ast.MatchClass) -> sx.Pattern:
        span, cls = self.at(p), self.static(p.cls)
        record = self.linker.record(cls, span) if isinstance(cls, type) else None
        if record is None or record[0] is None:
            self.refuse(p.cls, f"{ast.unparse(p.cls)} is no class that the language can match",
                        "write the types of its fields: float, int, dv.f64[…]")
        ctor, fields = record
        name = ctor.id if isinstance(ctor, sx.Name) else ast.unparse(p.cls)
        if len(p.patterns) > len(fields):
            self.refuse(p, f"{ast.unparse(p.cls)} has {len(fields)} fields", code="DV0310")
        by_name = dict(zip(fields, p.patterns, strict=False)) | dict(zip(p.kwd_attrs, p.kwd_patterns, strict=True))
        unknown = [n for n in by_name if n not in fields]
        if unknown:
            self.refuse(p, f"{ast.unparse(p.cls)} has no field {unknown[0]}", code="DV0201")
        if not fields:
            return sx.PCtor(span, name, None)
        args = tuple((None, self.case_pattern(by_name[f]) if f in by_name else sx.PWild(span)) for f in fields)
        return sx.PCtor(span, name, args)
