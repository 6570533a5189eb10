"""Core programs as text of the language.

    print(print_program(program))               # one `let` for each statement: exact
    print(print_function(f, pretty=True))       # nested expressions and comprehensions: for people

Exact text parses back to the same core up to names.  In both modes the last statement of a block
stands as its value where it can.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .ir import (
    ArgSort,
    Assert,
    Atom,
    Block,
    Call,
    Const,
    Delta,
    Fill,
    Function,
    If,
    Index,
    Jvp,
    Loop,
    Plus,
    Prim,
    Program,
    Scalar,
    Show,
    Stmt,
    Type,
    Update,
    Var,
    Vjp,
    all_stmts,
    is_float,
    operands,
    regions,
)
from .primitives import PRIMITIVES
from .printer_names import Names, RawNames, constant, function_name, may_shadow, quoted

_WIDTH = 100
_NESTED = 60
_OR, _AND, _NOT, _COMPARE, _ADD, _MUL, _NEG, _POWER, _POST, _ATOM = range(1, 11)
_BINARY = {
    "or": _OR, "and": _AND, "==": _COMPARE, "!=": _COMPARE, "<": _COMPARE, "<=": _COMPARE, ">": _COMPARE,
    ">=": _COMPARE, "+": _ADD, "-": _ADD, "*": _MUL, "/": _MUL, "//": _MUL, "%": _MUL, "**": _POWER,
}
_WORDS = {"build": "array"}
_NO_INDEX_LIMIT = "9223372036854775807"


def print_program(program: Program, *, pretty: bool = False) -> str:
    """All functions, in order, with a blank line between them."""
    functions = program.functions
    texts = [print_function(f, pretty=pretty, functions=functions) for f in functions.values()]
    return "\n".join(texts)


def print_function(
    f: Function,
    names: Mapping[Var, str] | None = None,
    *,
    pretty: bool = False,
    functions: Mapping[str, Function] | None = None,
) -> str:
    """One `def` (and the `derivative` that belongs to it).

    Its parameters keep their names where they can: they shadow builtins that the text does not use.
    """
    taken = [function_name(n) for n in (functions or {f.name: f})]
    text = _Printer(f, Names(names, taken), pretty).function(f)
    given = dict(names or {})
    kept = {v.name: v for v in (*f.sizes, *f.params) if v not in given and may_shadow(v.name, text)}
    if not kept:
        return text
    return _Printer(f, Names({**given, **{v: name for name, v in kept.items()}}, taken), pretty).function(f)


def statement_text(s: Stmt, limit: int = 12) -> str:
    """A statement for an internal error, with variables' numbers, cut after some lines."""
    printer = _Printer(Block((s,), s.vars), RawNames(), False)
    try:
        lines = printer.statement(s)
    except Exception as e:  # noqa: BLE001  the statement is broken, which is why it is printed
        lines = [f"{s!r}"[:300], f"({type(e).__name__} while printing it)"]
    return "\n".join(lines[:limit] + ["…"] * (len(lines) > limit))


@dataclass(frozen=True, slots=True)
class _Text:
    """An expression: its lines, and its level (an operator of a higher level binds tighter; 0: `if`, …)."""

    lines: list[str]
    level: int

    @property
    def one_line(self) -> bool:
        return len(self.lines) == 1


class _Printer:
    def __init__(self, within: Function | Block, names: Names, pretty: bool) -> None:
        self.names = names
        self.pretty = pretty
        self.flat = 0
        self.nested: dict[Var, _Text] = {}
        self.uses: Counter[Atom] = Counter()
        body = within.body if isinstance(within, Function) else within
        for s in all_stmts(body):
            self.uses.update(operands(s.op))
            for r in regions(s.op):
                self.uses.update(r.results)
        self.uses.update(body.results)

    # ------------------------------------------------ functions and types

    def function(self, f: Function) -> str:
        for v in (*f.params, *f.sizes):
            self.names(v)
        params = ", ".join(f"{self.names(p)}: {self.type(p.type)}" for p in f.params)
        head = f"def {function_name(f.name)}({params}){self.result(f)} ="
        lines = [head, *_indent(self.block(f.body))]
        if f.derivative is not None:
            names = [self.names(p) for p in f.params]
            tangents = [self.names.fresh(f"d{self.names(p)}") for p in f.params if is_float(p.type)]
            along = _tuple(tangents)
            value = f"{function_name(f.derivative)}({', '.join([*names, *tangents])})"
            lines += ["", f"derivative {function_name(f.name)}({', '.join(names)}) along {along} = {value}"]
        return "\n".join(lines) + "\n"

    def type(self, t: Type) -> str:
        return t.kind + (f"[{', '.join(self.atom(a) for a in t.shape)}]" if t.shape else "")

    def result(self, f: Function) -> str:
        """The declared result, if its sizes are known in the signature."""
        known = {*f.params, *f.sizes}
        types = f.result_types
        if not types or any(isinstance(a, Var) and a not in known for t in types for a in t.shape):
            return ""
        return " -> " + _tuple([self.type(t) for t in types])

    # ------------------------------------------------ blocks and statements

    def block(self, b: Block, group: int = 0) -> list[str]:
        """Lines of the statements, then of the value; the first `group` results are a tuple of their own."""
        with self.names.region():
            lines = self.lines(b, group)
        return [f"({'; '.join(lines)})"] if self.flat and len(lines) > 1 else lines

    def lines(self, b: Block, group: int) -> list[str]:
        lines: list[str] = []
        last = b.stmts[-1] if b.stmts else None
        tail = last is not None and self.is_tail(last, b.results, group)
        if self.pretty:
            self.choose_nested(b)
        for s in b.stmts[: len(b.stmts) - 1 if tail else None]:
            if len(s.vars) == 1 and s.vars[0] in self.nested:
                text = self.operation(s)
                if text.one_line and len(text.lines[0]) <= _NESTED:
                    self.nested[s.vars[0]] = text
                    continue
                del self.nested[s.vars[0]]
                lines += self.let(s, text)
            else:
                lines += self.statement(s)
        if tail:
            assert last is not None
            return lines + self.operation(last).lines
        return [*lines, self.value(b.results, group)]

    def is_tail(self, s: Stmt, results: Sequence[Atom], group: int) -> bool:
        """Can the statement stand as the value of its block?"""
        shown = self.shown(s)
        if not results or len(shown) != len(results) or any(a is not b for a, b in zip(shown, results, strict=True)):
            return False
        if len(results) == 1:
            return True
        grouped = isinstance(s.op, Loop) and len(s.op.states) > 1 and len(shown) > len(s.op.states)
        return group < 2 and not grouped and not isinstance(s.op, (Jvp, Vjp))

    def shown(self, s: Stmt) -> tuple[Var, ...]:
        """The variables that a statement is written to bind: a trip count that nobody reads is left out."""
        if isinstance(s.op, Loop) and s.op.head is not None and len(s.vars) > 1 and not self.uses[s.vars[-1]]:
            return s.vars[:-1]
        return s.vars

    def value(self, atoms: Sequence[Atom], group: int = 0) -> str:
        texts = [self.atom(a, 0) for a in atoms]
        if group > 1 and len(texts) > group:
            texts = [_tuple(texts[:group]), *texts[group:]]
        return _tuple(texts) if texts else "0"

    def statement(self, s: Stmt) -> list[str]:
        match s.op:
            case Assert(c, code, message, args):
                prefix = "" if code == "DV0507" else f"{code}: "
                return [f"assert {self.atom(c, 0)}, {quoted(prefix + self.message(message, args))}"]
            case Show(label, args):
                name = label.removesuffix(" = " + _tuple([f"{{{k}}}" for k in range(len(args))]))
                said = label if re.search(r"\{\d+\}", name) else name  # where each value stands, or a plain label
                return [f"let _ = show({self.value(args)}, {quoted(said)})"]
            case Vjp():
                return self.vjp(s, s.op)
        for v in self.shown(s):
            self.names(v)  # before the names inside
        return self.let(s, self.operation(s))

    def let(self, s: Stmt, text: _Text) -> list[str]:
        return [f"let {self.pattern(s)} = {text.lines[0]}", *text.lines[1:]]

    def pattern(self, s: Stmt) -> str:
        names = [self.names(v) for v in self.shown(s)]
        if isinstance(s.op, Loop):
            n = len(s.op.states)
            if 1 < n < len(names):
                names = [_tuple(names[:n]), *names[n:]]
        if isinstance(s.op, Jvp):
            # The values, then a tangent for each float among them.
            n = next(k for k in range(len(names) + 1) if k + sum(is_float(v.type) for v in s.vars[:k]) == len(names))
            names = [_tuple(part) for part in (names[:n], names[n:]) if part]
        return _tuple(names) if names else "_"

    def message(self, text: str, args: Sequence[Atom]) -> str:
        return re.sub(r"\{(\d+)\}", lambda m: "{" + self.atom(args[int(m[1])], 0) + "}", text)

    # ------------------------------------------------ nesting, for people

    def choose_nested(self, b: Block) -> None:
        """Unnamed values that the same block reads once may stand where they are read."""
        here: Counter[Atom] = Counter(b.results)
        for s in b.stmts:
            here.update(operands(s.op))
        for s in b.stmts:
            if len(s.vars) != 1 or isinstance(s.op, (Update, If, Jvp, Vjp)):
                continue
            v = s.vars[0]
            if isinstance(s.op, Loop) and (s.op.states or s.op.head is not None or s.op.down):
                continue
            if self.uses[v] == 1 and here[v] == 1 and v.name == "t":
                self.nested[v] = _Text([], 0)

    def atom(self, a: Atom, level: int = _ATOM) -> str:
        """An operand of an operator of this level."""
        if isinstance(a, Const):
            text = constant(a)
            return f"({text})" if text.startswith("-") and level > _NEG else text
        nested = self.nested.get(a)
        if nested is not None and nested.lines:
            return f"({nested.lines[0]})" if nested.level < level else nested.lines[0]
        return self.names(a)

    def atoms(self, atoms: Sequence[Atom]) -> str:
        return ", ".join(self.atom(a, 0) for a in atoms)

    def index_of(self, atoms: Sequence[Atom]) -> str:
        """A shape or an index as an argument."""
        return _tuple([self.atom(a, 0) for a in atoms])

    # ------------------------------------------------ operations

    def operation(self, s: Stmt) -> _Text:
        op = s.op
        match op:
            case Prim():
                return self.prim(op)
            case Index(a, index):
                return _post(f"{self.atom(a, _POST)}[{self.atoms(index)}]")
            case Update(a, index, v):
                return _Text([f"{self.atom(a, _OR)} with [{self.atoms(index)}] = {self.atom(v, _OR)}"], 0)
            case Delta(shape, index, v):
                return _post(f"delta({self.index_of(shape)}, {self.index_of(index)}, {self.atom(v, 0)})")
            case Fill(shape, v):
                return _post(f"fill({self.index_of(shape)}, {self.atom(v, 0)})")
            case Plus(arrays):
                return _post(f"plus({self.atoms(arrays)})")
            case ArgSort(a):
                return _post(f"argsort({self.atom(a, 0)})")
            case Call(fn, args):
                return _post(f"{function_name(fn)}({self.atoms(args)})")
            case Jvp(fn, args, tangents):
                moving = [self.zero(a) if t is None else self.atom(t, 0)
                          for a, t in zip(args, tangents, strict=True) if is_float(a.type)]
                return _post(f"jvp({function_name(fn)}, {self.value(args)}, {_tuple(moving)})")
            case If(c, then, orelse):
                return self.branch(self.atom(c, _OR), self.block(then), self.block(orelse))
            case Loop():
                with self.names.region():
                    return self.loop(s, op)
        return _Text(self.statement(s), 0)

    def prim(self, op: Prim) -> _Text:
        p = PRIMITIVES.get(op.name)
        sign = p.operator if p else None
        if sign is None:
            return _post(f"{op.name}({self.atoms(op.args)})")
        if len(op.args) == 1:
            level = _NOT if sign == "not" else _NEG
            text = self.atom(op.args[0], level)
            # `-1.0` is a constant; the negation of a constant keeps its parentheses.
            minus = sign == "-" and (text.startswith("-") or isinstance(op.args[0], Const))
            return _Text([f"not {text}" if sign == "not" else f"-({text})" if minus else f"-{text}"], level)
        x, y = op.args
        level = _BINARY[sign]
        left, right = level, level + 1
        if sign == "**":
            left, right = _POST, _NEG
        elif level == _COMPARE:
            left = _ADD
        return _Text([f"{self.atom(x, left)} {sign} {self.atom(y, right)}"], level)

    def zero(self, a: Atom) -> str:
        if isinstance(a.type, Scalar):
            return constant(Const(0, a.type.kind))
        return f"zeros_like({self.atom(a, 0)})"

    def vjp(self, s: Stmt, op: Vjp) -> list[str]:
        """Two lines, since the surface has a pullback in between."""
        n = len(s.vars) - len(op.wrt)
        values = _tuple([self.names(v) for v in s.vars[:n]])
        pull = self.names.fresh("pull")
        found = dict(zip(op.wrt, s.vars[n:], strict=True))
        floats = [k for k, a in enumerate(op.args) if is_float(a.type)]
        names = [self.names(found[k]) if k in found else "_" for k in floats]
        results = [v for v in s.vars[:n] if is_float(v.type)]
        moving = [self.zero(v) if c is None else self.atom(c, 0) for v, c in zip(results, op.cotangents, strict=True)]
        return [
            f"let ({values}, {pull}) = vjp({function_name(op.fn)}, {self.atoms(op.args)})",
            f"let {_tuple(names)} = {pull}({_tuple(moving)})",
        ]

    def branch(self, cond: str, then: list[str], orelse: list[str]) -> _Text:
        if len(then) == len(orelse) == 1:
            first, second = then[0], orelse[0]
            if _big(first) and self.flat:
                first = f"({first})"
            text = f"if {cond} then {first} else {second}"
            short = len(text) <= _WIDTH and not _big(first) and (not _big(second) or second.startswith("if "))
            if short or self.flat:
                return _Text([text], 0)
        return _Text([f"if {cond} then", *_indent(then), "else", *_indent(orelse)], 0)

    # ------------------------------------------------ loops

    def loop(self, s: Stmt, op: Loop) -> _Text:
        if self.pretty and op.parallel and not op.down and len(op.modes) == 1:
            nice = self.comprehension(op)
            if nice is not None:
                return nice
        n = len(op.states)
        steps = op.head is not None and len(self.shown(s)) == len(s.vars)
        modes = [_WORDS.get(m, m) for m in op.modes] + ["steps"] * steps
        words = []
        if n or op.head is not None:
            states = _tuple([self.names(v) for v in op.states]) if n else "_"
            words.append(f"loop {states}{self.open_sizes(op)} = {self.value(op.inits)}")
        used = self.uses[op.index] > 0
        if op.extent is not None:
            down = " down" if op.down else ""
            words.append(f"for {self.names(op.index) if used else '_'} < {self.atom(op.extent, _ADD)}{down}")
        elif used:
            words.append(f"for {self.names(op.index)} < {_NO_INDEX_LIMIT}")
        if op.head is not None:
            words.append(f"while {self.inline(op.head)}")
        if not n and op.head is None and not modes:
            modes = ["sum"]  # a loop that only checks
        if modes != ["array"] or n or op.head is not None:
            words += [f"into ({', '.join(modes)})"] if modes else []
        words.append("do")
        head = " ".join(words)
        body = op.body
        if steps or (op.head is not None and not n):
            body = Block(body.stmts, (*([] if n else [Const(0, "i64")]), *body.results, *[Const(1, "i64")] * steps))
        lines = self.block(body, n if modes else 0)
        if self.flat or (len(lines) == 1 and len(head) + len(lines[0]) < _WIDTH):
            return _Text([f"{head} {lines[0]}"], 0)
        return _Text([head, *_indent(lines)], 0)

    def open_sizes(self, op: Loop) -> str:
        """The type of the states, if there are some that change their size: `_` in the place of that size."""
        if not any(a in op.states for v in op.states for a in v.type.shape):
            return ""

        def axis(a: Atom) -> str:
            return "_" if a in op.states else self.atom(a)

        types = [v.type.kind + (f"[{', '.join(map(axis, v.type.shape))}]" if v.type.shape else "") for v in op.states]
        return f": {_tuple(types)}"

    def comprehension(self, op: Loop) -> _Text | None:
        """`[e for i < n, j < m]` or `sum(e for i < n)`, if the body is one expression."""
        before = dict(self.nested)
        index = self.names(op.index) if self.uses[op.index] else "_"  # before the names inside
        lines = self.block(op.body)
        if len(lines) != 1 or _big(lines[0]) or len(lines[0]) > _WIDTH:
            self.nested = before
            return None
        text = lines[0]
        assert op.extent is not None
        gen = f"{index} < {self.atom(op.extent, _ADD)}"
        if op.modes[0] != "build":
            return _Text([f"{op.modes[0]}({text} for {gen})"], _POST)
        inner = op.body.stmts[-1].op if op.body.stmts else None
        nested = isinstance(inner, Loop) and inner.modes == ("build",) and text.startswith("[") and text.endswith("]")
        if nested:
            e, gens = text[1:-1].rsplit(" for ", 1)
            return _Text([f"[{e} for {gen}, {gens}]"], _ATOM)
        return _Text([f"[{text} for {gen}]"], _ATOM)

    def inline(self, b: Block) -> str:
        """A block where only an expression may stand: on one line, `(let a = …; let b = …; value)`."""
        self.flat += 1
        (line,) = self.block(b)
        self.flat -= 1
        return f"({line})" if _big(line) else line


def _post(text: str) -> _Text:
    return _Text([text], _POST)


def _big(line: str) -> bool:
    """Does a line begin with a form that extends to the right, or end with an update?"""
    return line.startswith(("if ", "for ", "loop ", "let ", "assert ")) or " with [" in line


def _indent(lines: Sequence[str]) -> list[str]:
    return [f"  {line}" if line else line for line in lines]


def _tuple(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"
