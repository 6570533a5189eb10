"""Python statements as expressions of the language: what comes after a statement becomes a part of its value.

A branch that leaves (`return`, `break`, `continue`) takes what follows into its other side; loops are
in python_loops.py.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from ..compiler.errors import Error
from . import syntax as sx
from .python_classes import record_fields
from .python_expr import conditional
from .python_flow import (
    NONE,
    Defaulted,
    Live,
    Moved,
    Names,
    assigned,
    defaults_of,
    exits,
    free,
    live,
    reads,
    recursive,
    targets,
)
from .python_iterators import ONE_SHOT
from .python_lists import MUTATORS, Append, Extend, Shrink
from .python_match import Matching
from .python_scope import block, call, number
from .unparse import expression_text

MOST_STATEMENTS = 4_000
"""What follows a branch is written once for each way to get there: so many statements are enough."""

End = Callable[[], sx.Expr]
Stmt = sx.Let | sx.LetFn | sx.Assert
REFUSED: dict[type[ast.AST], tuple[str, str | None]] = {
    ast.Try: ("try", "check what could fail first: if … else"), ast.With: ("with", "what needs it stays outside, in Python"), ast.Raise: ("raise", 'write assert condition, "message"'),
    ast.Global: ("global", "give it as an argument, and return it"), ast.Nonlocal: ("nonlocal", "return the new value"),
    ast.Delete: ("del", "leave the name as it is"), ast.ClassDef: ("a class inside a function", "write it outside"), ast.Import: ("import inside a function", "import at the top of the file"),
    ast.ImportFrom: ("import inside a function", "import at the top of the file"), ast.AsyncFunctionDef: ("async", None),
    ast.AsyncFor: ("async", None), ast.AsyncWith: ("async", None), ast.TryStar: ("try", None),
}


@dataclass(frozen=True)
class Leave:
    """What `return`, `break` and `continue` give where we stand."""

    ret: Callable[[ast.Return], sx.Expr]
    brk: End | None = None
    cont: End | None = None


class Statements(Matching):
    node: ast.FunctionDef | ast.Lambda
    leave: Leave
    body: Sequence[ast.stmt]
    made: set[str]
    moved: Moved
    """Functions that stand behind what they use, with the names that they use."""
    work = 0

    # ------------------------------------------------ where we stand

    def current(self, names: Sequence[str], node: ast.AST, kept: Names = NONE) -> sx.Expr:
        """The values of names, a tuple for several; those in `kept` may be what they were."""
        for n in names:
            if n in self.empty:
                self.refuse(node, f"{n} is an empty list here: the language can't tell of what", "give it its first elements where it is made", "DV0154")
            if n not in self.defined and n not in kept:
                self.refuse(node, f"{n} may have no value behind this", "give it one before, or on every path", "DV0154")
        found = [sx.Name(self.at(node), self.spelled(n)) for n in names]
        return found[0] if len(found) == 1 else sx.Tuple(self.at(node), tuple(found))

    def names_pattern(self, names: Sequence[str], node: ast.AST, wild: Names = NONE) -> sx.Pattern:
        span = self.at(node)
        found: list[sx.Pattern] = [sx.PWild(span) if n in wild else sx.PName(span, self.spelled(n)) for n in names]
        return found[0] if len(found) == 1 else sx.PTuple(span, tuple(found))

    # ------------------------------------------------ sequences

    def run(self, stmts: Sequence[ast.stmt], end: End, out: Live) -> sx.Expr:
        """The value of statements that are followed by `end`."""
        lets: list[Stmt] = []
        for k, s in enumerate(stmts):
            self.work += 1
            if self.work > MOST_STATEMENTS:
                self.refuse(s, "there are too many paths through this function", "write parts of it as functions")
            rest = stmts[k + 1:]
            match s:
                case ast.Return():
                    return block(lets, self.tried(lambda s=s: self.leave.ret(s), s))  # type: ignore[misc]
                case ast.Break() | ast.Continue():
                    way = self.leave.brk if isinstance(s, ast.Break) else self.leave.cont
                    assert way is not None  # Python itself refuses it elsewhere
                    return block(lets, way())
                case ast.If() if exits([s]).leaves:
                    return block(lets, self.branches(s, rest, end, out))
                case ast.Match() if exits([s]).leaves:
                    return block(lets, self.cases(s, rest, end, out))
                case _:
                    lets += self.attempt(s, live(rest, out))
        return block(lets, self.tried(end, stmts[-1] if stmts else self.node))

    def tried(self, make: End, at: ast.AST) -> sx.Expr:
        """An expression, or anything in place of one that is refused."""
        try:
            return make()
        except Error as e:
            self.wrong(e)
            return number(0, self.at(at))

    def attempt(self, s: ast.stmt, after: Names) -> list[Stmt]:
        """A statement; behind one that is refused its names have values, whatever they are."""
        try:
            return self.statement(s, after)
        except Error as e:
            if self.work > MOST_STATEMENTS:
                raise
            self.wrong(e)
        names = {n.id for n in ast.walk(s) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)} | set(assigned([s]))
        self.define(frozenset(names))
        self.empty -= names
        return []

    def side(self, body: Sequence[ast.stmt], rest: Sequence[ast.stmt], end: End, out: Live) -> sx.Expr:
        """One branch with what follows it, from where we stand; leaves us there."""
        before, lists, tuples, empty = set(self.defined), dict(self.lists), dict(self.tuples), set(self.empty)
        try:
            return self.run([*body, *rest] if exits(body).falls else body, end, out)
        finally:
            self.frames[-1].defined = before
            self.lists, self.tuples, self.empty = lists, tuples, empty

    def branches(self, s: ast.If, rest: Sequence[ast.stmt], end: End, out: Live) -> sx.Expr:
        test = self.tried(lambda: self.test(s.test), s.test)
        body = self.side(s.body, rest, end, out)
        return conditional(self.at(s), test, body, self.side(s.orelse, rest, end, out))

    def cases(self, s: ast.Match, rest: Sequence[ast.stmt], end: End, out: Live) -> sx.Expr:
        return self.matched(s, lambda body: self.side(body, rest, end, out), falls=bool(rest) or not self.at_end(end))

    def at_end(self, end: End) -> bool:
        """Is falling off this end an error (the end of a function)?"""
        return end == self.no_value

    def no_value(self) -> NoReturn:
        self.refuse(self.body[-1], "the function ends without a value here", "write return on every path", "DV0154")

    # ------------------------------------------------ statements

    def check_statements(self, stmts: Sequence[ast.stmt]) -> None:
        """Refuses what has no place anywhere in a function, before its flow is looked at."""
        again = recursive(stmts)
        if again is not None:
            self.no_recursion(again, assigned([again])[0])
        for s in stmts:
            if type(s) in REFUSED:
                self.tried(lambda s=s: self.refuse_statement(s), s)  # type: ignore[misc]
            for part in ast.iter_child_nodes(s):
                if isinstance(part, ast.match_case):
                    self.check_statements(part.body)
                elif isinstance(part, ast.expr):
                    found = next((n for n in ast.walk(part) if isinstance(n, ast.Yield | ast.YieldFrom | ast.Await)), None)
                    if found is not None:
                        self.tried(lambda found=found: self.expr(found), found)  # type: ignore[misc]
            if isinstance(s, ast.For | ast.While | ast.If):
                self.check_statements(s.body)
                self.check_statements(s.orelse)

    def refuse_statement(self, s: ast.stmt) -> NoReturn:
        what, help = REFUSED.get(type(s), (type(s).__name__, None))
        long = isinstance(s, ast.Try | ast.TryStar | ast.With | ast.ClassDef)
        self.refuse(_head(s) if long else s, f"{what} is not in the language", help)

    def statement(self, s: ast.stmt, after: Names) -> list[Stmt]:
        match s:
            case Append():
                return self.appended(s)
            case Shrink():
                if not self.list_depth(s.value) or s.name in self.empty:
                    self.no_list_to_append(s)
                return self.assign(s.targets[0], s.value, s)
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.List(elts=[])):
                self.empty.add(name)
                self.lists[name] = 1
                self.define((name,))
                return []
            case ast.Assign(targets=[target], value=value):
                return self.assign(target, value, s)
            case ast.Assign(targets=[*targets_], value=value):
                first = next((t for t in targets_ if isinstance(t, ast.Name)), None)
                if first is None:
                    self.refuse(s, "several assignments at once need a name among them")
                out = self.assign(first, value, s)
                for t in targets_:
                    if t is not first:
                        out += self.assign(t, ast.copy_location(ast.Name(first.id, ast.Load()), first), s)
                return out
            case ast.AugAssign():
                return self.augmented(s)
            case ast.AnnAssign(value=None):
                return []
            case ast.AnnAssign(target=ast.Name() as target, value=ast.expr() as value, annotation=annotation):
                lets = self.assign(target, value, s)
                type_ = self.annotation(annotation)
                return [sx.Let(x.span, x.pattern, type_, x.value) if isinstance(x, sx.Let) else x for x in lets]
            case ast.If():
                return self.joined(s, after)
            case ast.Match():
                return self.joined(s, after)
            case ast.For() | ast.While():
                return self.loop(s, after)
            case ast.FunctionDef():
                return [self.local_function(s)]
            case ast.Assert():
                return [self.assertion(s)]
            case ast.Pass():
                return []
            case ast.Expr(value=ast.Constant()):
                return []
            case ast.Expr(value=value):
                self.unused(value)
        self.refuse_statement(s)

    def appended(self, s: Append) -> list[Stmt]:
        """`xs.append(e)`, outside of loops."""
        span, fresh = self.at(s), s.name in self.empty
        if not fresh and not self.list_depth(ast.copy_location(ast.Name(s.name, ast.Load()), s)):
            self.no_list_to_append(s)
        one = self.expr(s.element) if isinstance(s, Extend) else sx.ArrayLit(span, (self.expr(s.element),))
        base = sx.Name(span, self.spelled(s.name))
        self.lists[s.name] = max(self.lists.get(s.name, 0), (not isinstance(s, Extend)) + self.list_depth(s.element))
        self.empty.discard(s.name)
        return [sx.Let(span, sx.PName(span, self.spelled(s.name)), None, one if fresh else call(span, self.builtin("concat", s), base, one))]

    def no_list_to_append(self, s: Append | Shrink) -> NoReturn:
        if s.name in self.params:
            self.refuse(s, f"{s.name} is a parameter: the arguments of a function are never changed", f"write {s.name} = [v for v in {s.name}] first, and return it",
                        "DV0152")
        self.refuse(s, f"{s.name} is no list of its own here", f"write {s.name} = [] first, or {s.name} = list(…) where it is made", "DV0154")

    def unused(self, value: ast.expr) -> NoReturn:
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr in MUTATORS:
            xs = ast.unparse(value.func.value)
            if value.func.attr in ("append", "extend", "pop") and not isinstance(value.func.value, ast.Name):
                self.refuse(value, f"{value.func.attr} changes a list inside of something", f"give it a name first, xs = list({xs}), and put it back when it is whole",
                            "DV0152")
            self.refuse(value, f"{value.func.attr} changes a list", "append, extend and pop() are what lists do here; else write [… for …], or a = np.zeros(n) and a[i] = …",
                        "DV0152")
        if isinstance(value, ast.Call):
            self.expr(value)  # what is wrong with it says more
        self.refuse(value, "the value of this expression is not used", "the language has no effects: assign it or return it")

    def assign(self, target: ast.expr, value: ast.expr, s: ast.stmt) -> list[Stmt]:
        span = self.at(s)
        match target:
            case ast.Name(id=name):
                self.check_late(name, value, s)
                made = self.expr(value)
                self.empty.discard(name)
                self.note(name, value)
                self.define((name,))
                return [sx.Let(span, sx.PName(self.at(target), self.spelled(name)), None, made)]
            case ast.Tuple(elts=[ast.Name(id=name)]) if isinstance(value, ast.Attribute) and value.attr == "shape":
                made = call(self.at(value), self.builtin("len", value), self.expr(value.value))
                self.define((name,))
                return [sx.Let(span, sx.PName(self.at(target), self.spelled(name)), None, made)]
            case ast.Tuple(elts=[one]) | ast.List(elts=[one]) if isinstance(value, ast.Tuple) and len(value.elts) == 1:
                return self.assign(one, value.elts[0], s)
            case ast.Tuple() | ast.List() if (parts_ := self.fields_of(value)) is not None:
                return [*parts_[0], *self.assign(target, parts_[1], s)]
            case ast.Tuple() | ast.List() if all(isinstance(n, ast.Name | ast.Tuple | ast.List | ast.expr_context)
                                                 for n in ast.walk(target)):
                made = self.expr(value)
                parts = value.elts if isinstance(value, ast.Tuple) and len(value.elts) == len(target.elts) else None
                depth = max(self.list_depth(value) - 1, 0)
                depths = [self.list_depth(p) for p in parts] if parts is not None else [depth] * len(target.elts)
                for t, depth in zip(target.elts, depths, strict=True):
                    if isinstance(t, ast.Name):
                        self.lists[t.id] = depth
                self.define(list(targets(target)))
                return [sx.Let(span, self.pattern(target), None, made)]
            case ast.Tuple(elts=elts) | ast.List(elts=elts):
                made = self.expr(value)
                names = [self.fresh(f"t{k}") for k in range(len(elts))]
                pattern = sx.PTuple(self.at(target), tuple(sx.PName(self.at(e), n) for e, n in zip(elts, names, strict=True)))
                out: list[Stmt] = [sx.Let(span, pattern, None, made)]
                for e, n in zip(elts, names, strict=True):
                    out += self.put(e, sx.Name(self.at(e), n), s)
                return out
        return self.put(target, self.expr(value), s)

    def fields_of(self, value: ast.expr) -> tuple[list[Stmt], ast.expr] | None:
        """A NamedTuple as the tuple that it is, for an assignment to several names; None for anything else."""
        cls = self.class_of(value)
        if cls is None or not issubclass(cls, tuple):
            return None
        lets: list[Stmt] = []
        if not isinstance(value, ast.Name | ast.Attribute):
            name = f"of {cls.__name__}"
            lets.append(sx.Let(self.at(value), sx.PName(self.at(value), self.spelled(name)), None, self.expr(value)))
            self.frames[-1].locals |= {name}
            self.define((name,))
            self.records[name] = cls
            value = ast.copy_location(ast.Name(name, ast.Load()), value)
        made = ast.Tuple([ast.Attribute(value, f, ast.Load()) for f in record_fields(cls) or ()], ast.Load())
        for n in ast.walk(made):
            ast.copy_location(n, value)
        return lets, made

    def put(self, target: ast.expr, value: sx.Expr, s: ast.stmt) -> list[Stmt]:
        """`a[i, j] = value` on a local array."""
        span = self.at(s)
        if isinstance(target, ast.Name):
            self.define((target.id,))
            return [sx.Let(span, sx.PName(self.at(target), self.spelled(target.id)), None, value)]
        if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Slice) and target.slice.step is not None \
                and isinstance(target.value, ast.Name) and self.is_lexical(target.value.id):
            return self.put_strided(target, target.value, target.slice, value, s)
        path: list[sx.PathStep] = []
        here = target
        while isinstance(here, ast.Subscript):
            if isinstance(here.slice, ast.Constant) and isinstance(here.slice.value, str):
                path.insert(0, sx.PathStep(self.at(here.slice), here.slice.value, None))
            else:
                path.insert(0, sx.PathStep(self.at(here.slice), None, self.indices(here.slice)))
            here = here.value
        if isinstance(here, ast.Attribute):
            self.refuse(here, f"{ast.unparse(here)} can't be assigned to: records don't change",
                        f"make a new one: dataclasses.replace({ast.unparse(here.value)}, {here.attr}=…)", "DV0152")
        if not isinstance(here, ast.Name):
            self.no_pattern(target)
        if here.id not in self.frames[-1].locals and self.is_lexical(here.id):
            self.refuse(here, f"{here.id} belongs to the function around this one and can't be changed here",
                        "give it as an argument, and return it", "DV0152")
        if not self.is_lexical(here.id):
            self.refuse(here, f"{here.id} comes from outside and can't be changed", f"{here.id} = {here.id}.copy() first, and return it", "DV0152")
        base = self.name(here)
        return [sx.Let(span, sx.PName(self.at(here), self.spelled(here.id)), None, sx.With(span, base, ((tuple(path), value),)))]

    def put_strided(self, target: ast.Subscript, array: ast.Name, index: ast.Slice, value: sx.Expr, s: ast.stmt) -> list[Stmt]:
        """`a[lo:hi:step] = value`: what stands at these places with all of it replaced, put back one by one."""
        span, name = self.at(s), self.spelled(array.id)
        load = ast.copy_location(ast.Subscript(array, index, ast.Load()), target)
        all_ = sx.PathStep(span, None, (sx.Slice(span, None, None),))
        new = sx.With(span, self.strided(load, index), (((all_,), value),))
        if self.literal(index.step) == -1:
            made: sx.Expr = call(span, self.builtin("reverse", s), new)
            return [*self.put(array, made, s)]
        part, k = self.fresh(f"part of {array.id}"), self.fresh("k")
        base = sx.Name(span, name)
        at = self.places(k, index, base, span)
        by = number(1, span) if at.step is None else at.step
        count = sx.Chain(span, sx.Chain(span, sx.Name(span, k), (("-", at.lo),)), (("//", by),))
        cell = sx.PathStep(span, None, (sx.Name(span, k),))
        body = sx.With(span, base, (((cell,), sx.IndexE(span, sx.Name(span, part), (count,))),))
        loop = sx.Loop(span, sx.PName(span, name), None, base, sx.Gens(span, (at,), None), None, None, body)
        return [sx.Let(span, sx.PName(span, part), None, new), sx.Let(span, sx.PName(span, name), None, loop)]

    def note(self, name: str, value: ast.expr) -> None:
        """What the text says about the value of a name."""
        self.lists[name] = self.list_depth(value)
        self.note_class(name, self.class_of(value))
        self.tuples.pop(name, None)
        if self.is_tuple(value):
            self.tuples[name] = len(value.elts) if isinstance(value, ast.Tuple) else self.tuples.get(getattr(value, "id", ""), 0)

    def augmented(self, s: ast.AugAssign) -> list[Stmt]:
        load = ast.copy_location(ast.parse(ast.unparse(s.target), mode="eval").body, s.target)
        for n in ast.walk(load):
            ast.copy_location(n, s.target)
        if isinstance(s.target, ast.Name) and self.list_depth(s.target):
            self.refuse(s, f"{ast.unparse(s)}: in Python this appends to a list, or repeats it",
                        f"write {s.target.id}.extend(…), or {s.target.id} = {s.target.id} + …; np.array(…) calculates")
        self.not_in_place(s, load)
        if s in self.scalars and isinstance(s.target, ast.Subscript):
            self.scalars.add(load)
        value = self.binary(ast.copy_location(ast.BinOp(load, s.op, s.value), s), s.op)
        if s in self.scalars and self.class_of(load) is None and isinstance(s.target, ast.Name):
            span = self.at(s.target)
            guard = sx.Let(span, sx.PName(span, self.spelled(s.target.id)), None, self.as_scalar(self.expr(load), s.target))
            return [guard, *self.put(s.target, value, s)]
        return self.put(s.target, value, s)

    def annotation(self, node: ast.expr) -> sx.Type | None:
        raise NotImplementedError

    def loop(self, s: ast.For | ast.While, after: Names, collect: Sequence[str] = ()) -> list[Stmt]:
        raise NotImplementedError

    def assertion(self, s: ast.Assert) -> sx.Assert:
        test = self.test(s.test)
        match s.msg:
            case None:
                text = _braces(ast.unparse(s.test))
            case ast.Constant(value=str(value)):
                text = _braces(value)
            case ast.JoinedStr(values=values):
                text = "".join(self.shown(v) for v in values)
            case _:
                self.refuse(s.msg, "the message of an assert is a text", 'write "…" or f"… {value}"')
        return sx.Assert(self.at(s), test, text)

    def shown(self, part: ast.expr) -> str:
        match part:
            case ast.Constant(value=value):
                return _braces(str(value))
            case ast.FormattedValue(value=value, conversion=-1, format_spec=None):
                return "{" + expression_text(self.expr(value)) + "}"
        self.refuse(part, "formats are not in the language", "write {value}")

    # ------------------------------------------------ branches that go on behind

    def joined(self, s: ast.If | ast.Match, after: Names) -> list[Stmt]:
        """Branches without exits: the variables that they assign and that are read later."""
        names = [n for n in assigned([s]) if n in after]
        span = self.at(s)
        checks = any(isinstance(n, ast.Assert) for n in ast.walk(s))

        def end() -> sx.Expr:
            return self.current(names, s) if names else number(0, span)

        def side(body: Sequence[ast.stmt]) -> sx.Expr:
            made = self.side(body, (), end, Live(after))
            return made

        if isinstance(s, ast.If):
            test = self.tried(lambda: self.test(s.test), s.test)
            body = side(s.body)
            value: sx.Expr = conditional(span, test, body, side(s.orelse))
        else:
            value = self.matched(s, side, falls=True)
        for n in names:
            self.lists[n] = max((self.list_depth(x.value) for x in ast.walk(s) if isinstance(x, ast.Assign)
                                 and n in [m for t in x.targets for m in targets(t)]), default=self.lists.get(n, 0))
        if not names and not checks:
            return []
        self.define(names)
        self.empty -= set(names)
        return [sx.Let(span, self.names_pattern(names, s) if names else sx.PWild(span), None, value)]

    # ------------------------------------------------ functions inside

    def local_function(self, s: ast.FunctionDef) -> sx.LetFn:
        raise NotImplementedError

    def is_called(self, name: str) -> bool:
        """Is a variable called as a function anywhere?"""
        return any(isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == name
                   for s in self.body for n in ast.walk(s))

    def check_late(self, name: str, value: ast.expr, s: ast.stmt) -> None:
        """What Python reads when the value is used, not where it is made: functions and iterators."""
        iterator = isinstance(value, ast.GeneratorExp | ast.Call) and (
            isinstance(value, ast.GeneratorExp) or any(self.static(value.func) is f for f in ONE_SHOT))
        for f in ast.walk(value):
            if isinstance(f, ast.Lambda) and (f is value or iterator or self.is_called(name)):
                self.check_captured(f, self.moved.get(s, NONE))
            if isinstance(f, ast.GeneratorExp) and iterator:  # what it goes over is read at once
                first, *more = f.generators
                now = ast.comprehension(first.target, ast.Constant(0), first.ifs, 0)
                self.check_captured(ast.copy_location(ast.GeneratorExp(f.elt, [now, *more]), f))

    def check_captured(self, s: ast.FunctionDef | ast.Lambda | ast.GeneratorExp, known: Names = NONE) -> None:
        """A closure sees later assignments in Python, and the value at its definition here."""
        names = {n for n in (reads(s) if isinstance(s, ast.GeneratorExp) else free(s)) if self.is_lexical(n)} - known
        names -= {f"{a} of {s.name}" for a in defaults_of(s)} if isinstance(s, Defaulted) else NONE
        for outer in self.body:
            for n in ast.walk(outer):
                at = getattr(n, "lineno", 0), getattr(n, "col_offset", 0)
                if at <= (s.end_lineno or s.lineno, s.end_col_offset or 0):
                    continue
                stored = n.id if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store) else None
                if isinstance(n, ast.Subscript) and isinstance(n.ctx, ast.Store):
                    stored = next(targets(n), None)
                if stored in names:
                    self.refuse(n, f"{stored} is used by a function or generator above and changed here", "give it to the function as an argument", "DV0152")

    order: Sequence[str]
    params: list[str]
    bools: set[str]


def _braces(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _head(s: ast.stmt) -> ast.AST:
    """The first word of a statement that is too long to show."""
    at = ast.Pass()
    at.lineno = at.end_lineno = s.lineno
    at.col_offset = s.col_offset
    at.end_col_offset = s.col_offset + {ast.ClassDef: 5, ast.With: 4}.get(type(s), 3)
    return at

