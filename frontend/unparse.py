"""Surface syntax as text that parses to it again: what a program that was no text looks like."""

from __future__ import annotations

from . import syntax as sx

WIDTH = 100
_LOOSE, _OR, _AND, _NOT, _COMPARE, _ADD, _MUL, _NEG, _POWER, _POST = range(10)
"""From the loosest to the tightest; a form that is looser than its place stands in brackets."""

_ADDING = ("+", "-")
_FLAT = -1
"""The depth of what stands inside brackets: all on one line."""


def program_text(program: sx.Program) -> str:
    """The text of a program made of types, imports and functions."""
    return "\n".join(declaration_text(d) for d in program.decls)


def declaration_text(d: sx.Decl) -> str:
    match d:
        case sx.Import(_, module, alias):
            return f"import {module}" + (f" as {alias}" if alias is not None and alias != module else "") + "\n"
        case sx.FromImport(_, module, names):
            return f"from {module} import {', '.join(names)}\n"
        case sx.TypeDecl(_, name, sizes, body, doc):
            head = f"type {name}" + (f"[{', '.join(sizes)}]" if sizes else "")
            match body:
                case sx.RecordBody(fields):
                    return f"{_doc(doc)}{head} = {{{', '.join(f'{n}: {type_text(t)}' for n, t in fields)}}}\n"
                case sx.SumBody(ctors):
                    parts = [c + (f"({', '.join(map(type_text, ts))})" if ts else "") for c, ts in ctors]
                    return f"{_doc(doc)}{head} = {' | '.join(parts)}\n"
        case sx.Def(_, name, params, ret, body, doc):
            return f"{_doc(doc)}def {name}{_params(params)}{_arrow(ret)} ={_body(body, 2)}\n"
    raise AssertionError(d)


def _doc(doc: str | None) -> str:
    return "".join(f"## {line}".rstrip() + "\n" for line in doc.splitlines()) if doc else ""


def _arrow(ret: sx.Type | None) -> str:
    return "" if ret is None else f" -> {type_text(ret)}"


def _params(params: tuple[sx.Param, ...]) -> str:
    return "(" + ", ".join(
        p.name + (f": {type_text(p.type)}" if p.type is not None else "")
        + (f" = {_expr(p.default, _LOOSE, _FLAT)}" if p.default is not None else "") for p in params) + ")"


# ---------------------------------------------------------------- types and patterns


def type_text(t: sx.Type) -> str:
    match t:
        case sx.TName(_, name):
            return name
        case sx.TApply(_, base, sizes):
            inner = type_text(base)
            sized = ", ".join("_" if s is None else _expr(s, _ADD, _FLAT) for s in sizes)
            return f"({inner})[{sized}]" if isinstance(base, sx.TFn) else f"{inner}[{sized}]"
        case sx.TTuple(_, items):
            return f"({', '.join(map(type_text, items))})"
        case sx.TParen(_, inside):
            return f"({type_text(inside)})"
        case sx.TFn(_, params, result):
            left = type_text(params[0]) if len(params) == 1 else f"({', '.join(map(type_text, params))})"
            if len(params) == 1 and isinstance(params[0], sx.TFn | sx.TTuple):
                left = f"({left})"
            return f"{left} -> {type_text(result)}"
    raise AssertionError(t)


def pattern_text(p: sx.Pattern) -> str:
    match p:
        case sx.PName(_, name):
            return name
        case sx.PWild():
            return "_"
        case sx.PLit(_, value):
            return _literal(value)
        case sx.PTuple(_, items):
            return f"({', '.join(map(pattern_text, items))})"
        case sx.PRecord(_, names):
            return f"{{{', '.join(names)}}}"
        case sx.PCtor(_, name, args):
            if args is None:
                return name
            return f"{name}({', '.join((f'{n} = ' if n is not None else '') + pattern_text(q) for n, q in args)})"
        case sx.POr(_, options):
            return " | ".join(map(pattern_text, options))
    raise AssertionError(p)


def _literal(value: float | bool | str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _string(value)
    return repr(value)


def _string(value: str) -> str:
    out = []
    for c in value:
        known = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0"}.get(c)
        out.append(known if known is not None else c if c.isprintable() else f"\\u{{{ord(c):x}}}")
    return '"' + "".join(out) + '"'


# ---------------------------------------------------------------- bodies


def _body(e: sx.Expr, depth: int) -> str:
    """What follows `=`, `do` or `->`: on the line, or a block below, indented by `depth`."""
    if depth < 0:
        return " " + _expr(e, _LOOSE, _FLAT)
    if isinstance(e, sx.Block | sx.Match):
        return "\n" + _block(e, depth)
    line = _expr(e, _LOOSE, depth)
    if isinstance(e, sx.If | sx.Loop | sx.For) and ("\n" in line or len(line) + depth > WIDTH):
        return "\n" + " " * depth + line
    return " " + line


def _block(e: sx.Expr, depth: int) -> str:
    """The lines of a block, at `depth`."""
    pad = " " * depth
    lines = []
    while isinstance(e, sx.Block):
        lines += [pad + _statement(s, depth) for s in e.stmts]
        e = e.value
    return "\n".join([*lines, pad + _expr(e, _LOOSE, depth)])


def expression_text(e: sx.Expr) -> str:
    """An expression on one line."""
    return _expr(e, _LOOSE, _FLAT)


def _statement(s: sx.Let | sx.LetFn | sx.Assert, depth: int) -> str:
    match s:
        case sx.Let(_, pattern, type_, value):
            typed = f": {type_text(type_)}" if type_ is not None else ""
            return f"let {pattern_text(pattern)}{typed} ={_body(value, _deeper(depth))}"
        case sx.LetFn(_, name, params, ret, body):
            return f"let {name}{_params(params)}{_arrow(ret)} ={_body(body, _deeper(depth))}"
        case sx.Assert(_, cond, message):
            return f"assert {_expr(cond, _OR, _FLAT)}, {_string(message)}"


def _deeper(depth: int, by: int = 2) -> int:
    return _FLAT if depth < 0 else depth + by


# ---------------------------------------------------------------- expressions


def _expr(e: sx.Expr, place: int, depth: int) -> str:
    """`e` where only what is as tight as `place` may stand without brackets."""
    text, level = _form(e, depth)
    if level >= place:
        return text
    return f"({_form(e, _FLAT)[0]})"


def _form(e: sx.Expr, depth: int) -> tuple[str, int]:
    """The text of an expression and how tightly it holds together."""

    def at(x: sx.Expr, place: int) -> str:
        return _expr(x, place, _FLAT)

    match e:
        case sx.Name(_, name):
            return name, _POST
        case sx.Num(_, _, text):
            return text, _POST
        case sx.Str(_, value):
            return _string(value), _POST
        case sx.Bool(_, value):
            return _literal(value), _POST
        case sx.Paren(_, inner):
            return _form(inner, depth)
        case sx.Tuple(_, items):
            return f"({', '.join(at(i, _LOOSE) for i in items)})", _POST
        case sx.ArrayLit(_, items):
            return f"[{', '.join(at(i, _LOOSE) for i in items)}]", _POST
        case sx.Comp(_, body, gens):
            return f"[{at(body, _LOOSE)} for {_gens(gens)}]", _POST
        case sx.Chain(_, first, rest):
            level = _ADD if rest[0][0] in _ADDING else _MUL
            return at(first, level) + "".join(f" {op} {at(x, level + 1)}" for op, x in rest), level
        case sx.Compare(_, first, rest):
            return at(first, _ADD) + "".join(f" {op} {at(x, _ADD)}" for op, x in rest), _COMPARE
        case sx.Logic(_, op, items):
            level = _OR if op == "or" else _AND
            return f" {op} ".join(at(i, level + 1) for i in items), level
        case sx.Unary(_, "not", operand):
            return f"not {at(operand, _NOT)}", _NOT
        case sx.Unary(_, op, operand):
            return f"{op}{at(operand, _NEG)}", _NEG
        case sx.Power(_, base, exponent):
            return f"{at(base, _POST)} ** {at(exponent, _NEG)}", _POWER
        case sx.Call(_, fn, args, gen):
            parts = [(f"{a.name} = " if a.name is not None else "") + at(a.value, _LOOSE) for a in args]
            if gen is not None:
                parts.append(f"{at(gen[0], _LOOSE)} for {_gens(gen[1])}")
            return f"{at(fn, _POST)}({', '.join(parts)})", _POST
        case sx.IndexE(_, base, index):
            return f"{at(base, _POST)}[{_indices(index)}]", _POST
        case sx.Field(_, base, name):
            return f"{at(base, _POST)}.{name}", _POST
        case sx.Prime(_, fn):
            return f"{at(fn, _POST)}'", _POST
        case sx.With(_, base, updates):
            parts = [f"{_path(path)} = {at(value, _OR if len(updates) == 1 else _LOOSE)}"
                     for path, value in updates]
            return f"{at(base, _OR)} with " + (parts[0] if len(parts) == 1 else f"({', '.join(parts)})"), _LOOSE
        case sx.Fn(_, params, body):
            one = len(params) == 1 and not isinstance(params[0], sx.PTuple)
            inside = pattern_text(params[0]) if one else f"({', '.join(map(pattern_text, params))})"
            return f"fn {inside} -> {at(body, _LOOSE)}", _LOOSE
        case sx.If():
            return _if(e, depth), _LOOSE
        case sx.Match(_, subject, arms):
            head = f"match {at(subject, _OR)}"
            if depth < 0:
                rows = [f"{pattern_text(a.pattern)} -> {at(a.body, _LOOSE)}" for a in arms]
                return f"{head} {{ {'; '.join(rows)} }}", _LOOSE
            pad = " " * (depth + 2)
            rows = [f"{pad}{pattern_text(a.pattern)} ->{_body(a.body, depth + 4)}" for a in arms]
            return "\n".join([head, *rows]), _LOOSE
        case sx.Loop(_, pattern, type_, init, gens_, cond, into, body):
            head = f"loop {pattern_text(pattern)}" + (f": {type_text(type_)}" if type_ is not None else "")
            head += f" = {at(init, _OR)}" + (f" for {_gens(gens_)}" if gens_ is not None else "")
            head += (f" while {at(cond, _OR)}" if cond is not None else "")
            return f"{head}{_into(into)} do{_body(body, _deeper(depth))}", _LOOSE
        case sx.For(_, gens, into, body):
            return f"for {_gens(gens)}{_into(into)} do{_body(body, _deeper(depth))}", _LOOSE
        case sx.Block():
            parts = [_statement(s, _FLAT) for s in e.stmts]
            return f"({'; '.join(parts)}; {at(e.value, _LOOSE)})", _POST
    raise AssertionError(e)


def _into(into: tuple[sx.Expr, ...] | None) -> str:
    return f" into ({', '.join(_expr(m, _LOOSE, _FLAT) for m in into)})" if into else ""


def _if(e: sx.If, depth: int) -> str:
    """On one line where it is short and has no blocks inside."""
    if depth < 0 or not any(isinstance(x, sx.Block | sx.Match | sx.Loop | sx.If) for x in (e.branches[0][1], e.orelse)):
        parts = [f"if {_expr(test, _OR, _FLAT)} then {_expr(body, _LOOSE, _FLAT)}" for test, body in e.branches]
        line = " else ".join([*parts, _expr(e.orelse, _LOOSE, _FLAT)])
        if depth < 0 or len(line) + depth <= WIDTH:
            return line
    pad = " " * depth
    out = []
    for k, (test, body) in enumerate(e.branches):
        word = "if" if k == 0 else f"\n{pad}else if"
        out.append(f"{word} {_expr(test, _OR, _FLAT)} then{_below(body, depth + 2)}")
    if isinstance(e.orelse, sx.If):
        return "".join(out) + f"\n{pad}else {_if(e.orelse, depth)}"
    return "".join(out) + f"\n{pad}else{_below(e.orelse, depth + 2)}"


def _below(e: sx.Expr, depth: int) -> str:
    return "\n" + _block(e, depth)


def _indices(index: tuple[sx.Index, ...]) -> str:
    out = []
    for i in index:
        if isinstance(i, sx.Slice):
            lo, hi = (_expr(x, _LOOSE, _FLAT) if x is not None else "" for x in (i.lo, i.hi))
            out.append(f"{lo}:{hi}")
        else:
            out.append(_expr(i, _LOOSE, _FLAT))
    return ", ".join(out)


def _path(path: tuple[sx.PathStep, ...]) -> str:
    out = ""
    for step in path:
        if step.index is not None:
            out += f"[{_indices(step.index)}]"
        else:
            out += f".{step.field}" if out else f"{step.field}"
    return out


def _gens(gens: sx.Gens) -> str:
    out = []
    for g in gens.gens:
        match g:
            case sx.GenBare(_, name):
                out.append(name)
            case sx.GenBelow(_, name, bound, down):
                out.append(f"{name} < {_expr(bound, _ADD, _FLAT)}" + (" down" if down else ""))
            case sx.GenRange(_, name, lo, hi, step):
                by = f" by {_expr(step, _ADD, _FLAT)}" if step is not None else ""
                out.append(f"{name} in {_expr(lo, _ADD, _FLAT)} .. {_expr(hi, _ADD, _FLAT)}{by}")
            case sx.GenIn(_, pattern, value):
                out.append(f"{pattern_text(pattern)} in {_expr(value, _ADD, _FLAT)}")
    return ", ".join(out) + (f" if {_expr(gens.cond, _OR, _FLAT)}" if gens.cond is not None else "")
