"""How many axes values have, as far as the text of a Python function says; None where it does not."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .python_flow import targets
from .python_scope import MISSING
from .python_tables import Known

VECTORS = frozenset({"np.arange", "np.linspace", "np.ravel", "np.cumsum", "np.sort", "np.argsort", "np.diff", "sorted"})
SHAPED = frozenset({"np.zeros", "np.ones", "np.empty", "np.full"})
ALIKE = frozenset({"np.zeros_like", "np.ones_like", "np.full_like", "np.copy", "np.array", "np.asarray", "np.abs", "np.exp",
                   "np.sqrt", "np.sin", "np.cos"})
NUMBERS = frozenset({"float", "int", "len", "round", "np.dot"})


class Ranks:
    def __init__(self, static: Callable[[ast.expr], Any], known: Callable[[Any], Known | None],
                 params: Mapping[str, int | None], body: Sequence[ast.stmt], local: Callable[[str], bool]) -> None:
        self.static = static
        self.known = known
        self.is_local = local
        self.names: dict[str, int | None] = dict(params)
        self.body = body
        for _ in range(3):
            self._round(body, params)

    def _round(self, body: Sequence[ast.stmt], params: Mapping[str, int | None]) -> None:
        found: dict[str, set[int | None]] = {n: {r} for n, r in params.items()}
        added: list[tuple[str, int | None]] = []
        for s in body:
            for n in ast.walk(s):
                match n:
                    case ast.Assign(targets=ts, value=value):
                        for t in ts:
                            self._assigned(t, value, found)
                    case ast.AnnAssign(target=t, value=ast.expr() as value):
                        self._assigned(t, value, found)
                    case ast.AugAssign(target=ast.Name(id=name), value=value):
                        added.append((name, self.of(value)))
                    case ast.For(target=t, iter=source):
                        self._gone_over(t, source, found)
        for name, rank in added:  # a number may become an array; an array stays what it is
            if 0 in found.setdefault(name, {None}) and rank != 0:
                found[name].add(None)
        self.names = {n: next(iter(rs)) if len(rs) == 1 else None for n, rs in found.items()}

    def _assigned(self, t: ast.expr, value: ast.expr, found: dict[str, set[int | None]]) -> None:
        match t:
            case ast.Name(id=name):
                found.setdefault(name, set()).add(self.of(value))
            case ast.Tuple(elts=elts) | ast.List(elts=elts):
                values = value.elts if isinstance(value, ast.Tuple) and len(value.elts) == len(elts) else None
                sizes = isinstance(value, ast.Attribute) and value.attr == "shape"
                for k, e in enumerate(elts):
                    if values is not None:
                        self._assigned(e, values[k], found)
                    else:
                        for n in targets(e):
                            if not isinstance(e, ast.Subscript):
                                found.setdefault(n, set()).add(0 if sizes else None)

    def _gone_over(self, t: ast.expr, source: ast.expr, found: dict[str, set[int | None]]) -> None:
        value = self.static(source.func) if isinstance(source, ast.Call) else None
        parts: Sequence[ast.expr] = t.elts if isinstance(t, ast.Tuple) else [t]
        ranks: list[int | None] = [None] * len(parts)
        if value is range:
            ranks = [0] * len(parts)
        elif isinstance(source, ast.Call) and value in (zip, enumerate):
            inner = [self._less(self.of(a)) for a in source.args]
            given = [0, *inner] if value is enumerate else inner
            ranks = given if len(given) == len(parts) else ranks
        elif len(parts) == 1:
            ranks = [self._less(self.of(source))]
        for p, r in zip(parts, ranks, strict=True):
            for n in targets(p):
                found.setdefault(n, set()).add(r if isinstance(p, ast.Name) else None)

    def _less(self, rank: int | None) -> int | None:
        return None if rank is None else max(rank - 1, 0)

    def of_name(self, name: str) -> int | None:
        return self.names.get(name)

    def of(self, e: ast.expr) -> int | None:
        match e:
            case ast.Constant() | ast.Compare(left=ast.Constant()) | ast.BoolOp():
                return 0
            case ast.Name(id=name):
                if self.is_local(name):
                    return self.names.get(name)
                return 0 if isinstance(self.static(e), int | float) else None
            case ast.Attribute():
                return 0 if isinstance(self.static(e), int | float) or e.attr == "size" else None
            case ast.BinOp(left=left, op=op, right=right):
                a, b = self.of(left), self.of(right)
                if isinstance(op, ast.MatMult) or a is None or b is None:
                    return None
                return max(a, b)
            case ast.UnaryOp(operand=operand):
                return self.of(operand)
            case ast.IfExp(body=body, orelse=orelse):
                a, b = self.of(body), self.of(orelse)
                return a if a == b else None
            case ast.List(elts=elts):
                inner = self.of(elts[0]) if elts else 0
                return None if inner is None else 1 + inner
            case ast.Subscript(value=value, slice=index):
                if isinstance(value, ast.Attribute) and value.attr == "shape":
                    return 0
                rank = self.of(value)
                parts = index.elts if isinstance(index, ast.Tuple) else [index]
                return None if rank is None else max(rank - sum(not isinstance(p, ast.Slice) for p in parts), 0)
            case ast.Call():
                return self._of_call(e)
        return None

    def _of_call(self, e: ast.Call) -> int | None:
        value = self.static(e.func)
        if value is MISSING:
            copies = isinstance(e.func, ast.Attribute) and e.func.attr in ("copy", "astype")
            return self.of(e.func.value) if copies and isinstance(e.func, ast.Attribute) else None
        known = self.known(value)
        name = known.name if isinstance(known, Known) else ""
        if name in NUMBERS and name != "np.dot" or name.startswith("math."):
            return 0
        if name in VECTORS:
            return 1
        if name in SHAPED and e.args:
            first = e.args[0]
            if isinstance(first, ast.Tuple):
                return len(first.elts)
            return 1 if self.of(first) == 0 or isinstance(first, ast.BinOp) else None
        if name in ALIKE and e.args:
            return self.of(e.args[0])
        return 2 if name in ("np.eye", "np.identity", "np.outer") else None
