"""Calls in Python functions."""

from __future__ import annotations

import ast
import builtins
import dataclasses
import inspect
from collections.abc import Sequence
from types import FunctionType, MethodType
from typing import Any

from ..compiler.errors import Span
from . import syntax as sx
from .elab_base import did_you_mean
from .python_classes import positional, record_defaults, record_fields
from .python_records import is_static
from .python_scope import MISSING, block, call, number
from .python_sequences import Sequences
from .python_tables import SHORT, Known, Rule, home_of, known_function, methods, module_functions
from .python_types import hints_of

INSTEAD = {
    "print": "return what is to be seen", "sorted": "write np.sort(v), ascending",
    "isinstance": "use match", "input": "give it as an argument", "open": "read the file before the call",
    "complex": "complex numbers are not yet there", "set": "use np.unique", "dict": 'write {"a": …}', "str": None, "map": None,
    "filter": "write [x for x in v if …]", "tuple": "write the items", "getattr": "write a.name", "type": "use match",
    "slice": "write a[lo:hi]", "next": "use a loop with break", "iter": "use a for loop", "super": None,
    "einsum": "write the sum: [sum(a[i, k] * b[k, j] for k in range(n)) for …]",
    "vectorize": "functions of scalars take arrays as they are", "hstack": "np.concatenate", "vstack": "np.stack or np.concatenate",
    "fsum": "write sum(v), which rounds at each step", "index": "write np.argmax([1 if t == x else 0 for t in xs]), if it is there",
    "count": "write sum(t == x for t in xs)", "bit_length": "bits of integers are not in the language: halve it in a loop, n //= 2, and count",
    "tolist": "arrays and lists are one: leave it out", "format": None, "eval": None, "exec": None,
    "items": 'a dict is a record here: name its fields, d["a"]', "values": 'a dict is a record here: name its fields, d["a"]',
    "astuple": "write the fields: (p.a, p.b)", "asdict": 'write the fields: {"a": p.a, "b": p.b}', "_make": "write Class(*t) for a tuple t",
    "keys": 'a dict is a record here: name its fields, d["a"]', "get": 'write d["a"]: the keys of a dict are known',
}
OTHERWISE = {
    "round": "write round(x * 100) / 100: as NumPy rounds, which for ties may differ from Python in the last digit",
    "np.round": "write np.round(x * 100) / 100", "sorted": "write sorted(v)[::-1] for the largest first; np.argsort gives an order",
    "max": "for default= write d if len(v) == 0 else max(v); for key= write v[np.argmax([key(t) for t in v])]",
    "min": "for default= write d if len(v) == 0 else min(v); for key= write v[np.argmin([key(t) for t in v])]",
}
"""What to write for arguments that a function of the table does not take here."""
OF_NUMBERS = frozenset({"sum", "np.sum", "np.mean", "np.prod", "np.std", "np.var", "np.cumsum", ".sum", ".mean", ".prod", ".std",
                        ".var", ".cumsum"})
"""Functions that take truth values for ones and zeros."""
METHOD = "a method of a class is found where the text says the class: write the type of the parameter, p: Class"
OF_ITEMS = frozenset({"sum", "min", "max", "any", "all", "math.prod", "np.sum", "np.prod", "np.mean", "np.max", "np.min", "list"})
"""Functions that take a tuple for the array of its items."""
TYPES = {"float": "f64", "int": "i64", "bool": "bool", "float64": "f64", "float32": "f32", "int64": "i64", "int32": "i32"}


class Calls(Sequences):
    def comprehension(self, elt: ast.expr, generators: Sequence[ast.comprehension], node: ast.expr) -> tuple[sx.Expr, sx.Gens]:
        raise NotImplementedError

    def is_bool(self, node: ast.expr) -> bool:
        raise NotImplementedError

    def is_float(self, node: ast.expr) -> bool:
        raise NotImplementedError

    def are_bools(self, node: ast.expr) -> bool:
        raise NotImplementedError

    def is_tuple(self, node: ast.expr) -> bool:
        raise NotImplementedError

    def list_depth(self, node: ast.expr) -> int:
        raise NotImplementedError

    # ------------------------------------------------ calls

    def call(self, node: ast.Call) -> sx.Expr:
        if any(isinstance(a, ast.Starred) for a in node.args):
            node = ast.copy_location(ast.Call(node.func, self.spread_items(node.args), node.keywords), node)
        for k in node.keywords:
            if k.arg is None:
                self.refuse(k, "** in a call is not in the language", "write the arguments by name")
        made = self.by_method(node)
        if made is not None:
            return made
        value = self.static(node.func)
        if value is MISSING:
            return self.call_inside(node)
        if value is dataclasses.replace and len(node.args) == 1:
            return self.replaced(node, node.args[0], self.class_of(node.args[0]))
        if isinstance(value, MethodType) and record_fields(type(value.__self__)) is not None \
                and (function := self.linker.python(value.__func__)) is not None:
            owner = self.linker.value(value.__self__, ast.unparse(node.func), self.at(node.func), self.used)
            return self.of_function(node, function, type(value.__self__), owner)
        if isinstance(value, MethodType) and isinstance(value.__self__, type) and record_fields(value.__self__) is not None \
                and (function := self.linker.python(value.__func__)) is not None:
            return self.of_function(node, function, value.__self__, of_class=True)
        known = known_function(value)
        if value is bool and len(node.args) == 1 and not node.keywords and self.is_bool(node.args[0]):
            return self.expr(node.args[0])
        if value in (range, zip, enumerate, reversed, map):
            return self.iterator(node, value)
        if known is not None:
            return self.by_table(node, known)
        span = self.at(node)
        if isinstance(value, type):
            record = self.linker.record(value, span)
            if record is not None:
                return self.construct(node, value, *record)
        transform = self.linker.transform(value)
        if transform is not None:
            return self.transformed(node, transform)
        self.check_known_home(node, value)
        python = self.linker.python(value)
        if python is not None:
            fn, first = self.linker.call_of(python, self.at(node.func), self.used, self.owner(node.func, node.args))
            self.check_kinds(node, python, first=0)
            self.check_lists(node, python)
            self.check_classes(node, python)
            return self.user_call(node, fn, first)
        return self.user_call(node, self.linker.value(value, ast.unparse(node.func), self.at(node.func), self.used))

    def check_kinds(self, node: ast.Call, function: FunctionType, first: int) -> None:
        """Arguments that go by position only, or by name only; `first` are given by the call itself."""
        params = list(inspect.signature(function, follow_wrapped=False).parameters.values())[first:]
        positional = [p.name for p in params if p.kind is not inspect.Parameter.KEYWORD_ONLY]
        if len(node.args) > len(positional) < len(params):
            rest = ", ".join(f"{p.name}=…" for p in params[len(positional):])
            self.refuse(node, f"{function.__name__} takes {len(positional)} argument{'s' * (len(positional) != 1)} by position, these are "
                        f"{len(node.args)}", f"the rest goes by name: {rest}", "DV0303")
        only = {p.name for p in params if p.kind is inspect.Parameter.POSITIONAL_ONLY}
        for k in node.keywords:
            if k.arg in only:
                self.refuse(k.value, f"{k.arg} of {function.__name__} goes by position only", "leave out its name", "DV0303")

    def owner(self, func: ast.expr, args: Sequence[ast.expr]) -> type | None:
        """The class of the record that `Class.method(p)` is called for."""
        cls = self.quiet_static(func.value) if isinstance(func, ast.Attribute) else MISSING
        if not isinstance(cls, type) or record_fields(cls) is None or not isinstance(func, ast.Attribute) or is_static(cls, func.attr):
            return None
        given = self.class_of(args[0]) if args else None
        return given if given is not None and issubclass(given, cls) else cls

    def check_classes(self, node: ast.Call, function: FunctionType) -> None:
        """A function that says a class may be given a subclass, but not one that means something else."""
        given = dict(zip(inspect.signature(function, follow_wrapped=False).parameters, node.args, strict=False))
        given |= {k.arg: k.value for k in node.keywords if k.arg is not None}
        for name, a in given.items():
            cls = self.class_of(a)
            hint = None if cls is None else hints_of(function).get(name)
            if cls is not None and isinstance(hint, type) and record_fields(hint) is not None:
                self.linker.given_as(cls, hint, self.at(a))

    def check_lists(self, node: ast.Call, function: FunctionType) -> None:
        """Lists and tuples stay what they are in the functions that they are given to."""
        given = dict(zip(inspect.signature(function, follow_wrapped=False).parameters, node.args, strict=False))
        given |= {k.arg: k.value for k in node.keywords if k.arg is not None}
        lists = {n: self.list_depth(a) for n, a in given.items() if self.list_depth(a) or self.is_tuple(a)}
        if lists:
            self.linker.check_lists(function, lists)

    def check_known_home(self, node: ast.Call, value: Any) -> None:
        """Refuses functions of Python, math and NumPy that the table lacks."""
        name = getattr(value, "__name__", ast.unparse(node.func))
        if getattr(builtins, name, None) is value:
            self.refuse(node.func, f"{name} is not in the language", INSTEAD.get(name), "DV0153")
        home = home_of(value)
        if home is not None:
            shown = f"{SHORT[home]}.{name}"
            if "random" in (getattr(value, "__module__", None) or type(value).__module__):
                self.refuse(node.func, f"{ast.unparse(node.func)} is not in the language",
                            "random numbers are pure here: give them as an argument", "DV0153")
            help = INSTEAD.get(name) or did_you_mean(name, module_functions(home))
            self.refuse(node.func, f"{shown} is not in the language", help, "DV0153")

    def call_inside(self, node: ast.Call) -> sx.Expr:
        """A call of a local function, or of a method of a value."""
        func = node.func
        above = self.of_super(func, node)
        if above is not None:
            return above
        if isinstance(func, ast.Attribute) and not (isinstance(func.value, ast.Name) and not self.is_lexical(func.value.id)):
            cls = self.class_of(func.value)
            if cls is not None:
                return self.method(node, func, cls)
            if func.attr == "_replace":
                return self.replaced(node, func.value, None)
            if func.attr == "astype":
                return self.converted(node, func.value, node.args[0] if len(node.args) == 1 else None)
            if func.attr == "sum" and not node.args and not node.keywords and self.are_bools(func.value):
                return call(self.at(node), self.builtin("count", node), self.expr(func.value))
            known = methods().get(func.attr)
            if known is None and self.is_pending(func.value):
                return self.user_call(node, sx.Field(self.at(func), self.expr(func.value), func.attr))
            if known is None and func.attr == "pop" and (self.list_depth(func.value) or isinstance(func.value, ast.Name)):
                self.refuse(func, "pop stands in the middle of something", "write y = xs.pop() on a line of its own; others by a[:k] + a[k + 1:]", "DV0152")
            if known is None:
                help = INSTEAD.get(func.attr) or did_you_mean(func.attr, methods()) or METHOD
                self.refuse(func, f"the method {func.attr} is not in the language", help, "DV0153")
            receiver = self.expr(func.value)
            if known.name in OF_NUMBERS and self.are_bools(func.value):
                receiver = self.ones(receiver)
            return self.by_table(node, known, receiver)
        return self.user_call(node, self.expr(func))

    def user_call(self, node: ast.Call, fn: sx.Expr, first: tuple[sx.Arg, ...] = ()) -> sx.Expr:
        """A call of a function of the program."""
        args = [sx.Arg(self.at(a), None, self.expr(a)) for a in node.args]
        args += [sx.Arg(self.at(k.value), self.spelled(k.arg or ""), self.expr(k.value)) for k in node.keywords]
        return sx.Call(self.at(node), fn, (*first, *args), None)

    def construct(self, node: ast.Call, cls: type, ctor: sx.Expr | None, fields: tuple[str, ...]) -> sx.Expr:
        """A record; without a type of its own all its fields are named."""
        span, defaults = self.at(node), record_defaults(cls)
        first = fields if record_fields(cls) is None else positional(cls)
        self.linker.check_made(cls, span)
        args = [sx.Arg(self.at(a), first[k] if k < len(first) else None, self.expr(a)) for k, a in enumerate(node.args)]
        args += [sx.Arg(self.at(k.value), k.arg, self.expr(k.value)) for k in node.keywords]
        given = {*first[:len(node.args)], *(k.arg for k in node.keywords)}
        if len(node.args) > len(first) < len(fields):
            rest = ", ".join(f"{f}=…" for f in fields if f not in first)
            self.refuse(node, f"{cls.__name__} takes {len(first)} argument{'s' * (len(first) != 1)} by position, these are {len(node.args)}",
                        f"the rest goes by name: {rest}", "DV0303")
        twice = [k.arg for k in node.keywords if k.arg in first[:len(node.args)]]
        if twice:
            self.refuse(node, f"{twice[0]} of {cls.__name__} is given twice", code="DV0303")
        left = [f for f in fields if f not in given and f in defaults]
        args += [sx.Arg(span, f, self.linker.value(defaults[f], f, span, self.used)) for f in left]
        given |= set(left)
        if len(node.args) > len(fields) or given != set(fields):
            self.refuse(node, f"{ast.unparse(node.func)} takes {', '.join(fields)}", "give all that have no default", "DV0303")
        order = {f: k for k, f in enumerate(fields)}
        args.sort(key=lambda a: order[a.name or ""])
        if ctor is not None:
            return sx.Call(span, ctor, tuple(sx.Arg(a.span, None, a.value) for a in args), None)
        return sx.Call(span, self.builtin("record", node), tuple(args), None)

    # ------------------------------------------------ the table

    def by_table(self, node: ast.Call, known: Known, receiver: sx.Expr | None = None) -> sx.Expr:
        args, keywords = list(node.args), list(node.keywords)
        dtype = next((k for k in keywords if k.arg == "dtype"), None)
        if dtype is not None:
            keywords.remove(dtype)
            plain = ast.copy_location(ast.Call(node.func, args, keywords), node)
            return self.converted(node, plain, dtype.value, receiver)
        if known.name in ("np.array", "np.asarray") and len(args) == 1 and not keywords:
            return self.array(args[0])
        if known.name in ("np.concatenate", "np.stack") and len(args) == 1 and not keywords:
            return self.spread(node, known, args[0])
        if known.name == "np.arange" and 1 <= len(args) <= 3 and not keywords and any(map(self.is_float, args)):
            return self.steps(node, [self.expr(a) for a in args])
        if known.name == "len" and len(args) == 1 and (cls := self.class_of(args[0])) is not None and issubclass(cls, tuple):
            return number(len(record_fields(cls) or ()), self.at(node))
        if known.name == "len" and len(args) == 1 and self.is_shape(args[0]):
            return call(self.at(node), self.builtin("len", node), self.sequence(args[0]))
        if known.name == ".reshape" and args and not keywords and receiver is not None:
            return self.reshaped(node, receiver, args)
        if known.name == "np.reshape" and len(args) == 2 and not keywords:
            return self.reshaped(node, self.expr(args[0]), args[1:])
        gen = args[0] if len(args) == 1 and not keywords and isinstance(args[0], ast.GeneratorExp) else None
        for rule in known.rules:
            given = self.bind(rule, args, keywords)
            if given is None:
                continue
            if gen is not None and isinstance(rule.template, ast.Call) and isinstance(rule.template.func, ast.Name) \
                    and rule.rest is None:
                return self.reduction(node, rule.template.func.id, gen)
            values = {n: self.shape(a) if n == "shape" else self.expr(a) for n, a in given.items()}
            if known.name in OF_ITEMS and rule.rest is None:
                values |= {n: v for n, a in given.items() if (v := self.items(a)) is not None}
            if known.name in OF_NUMBERS and args and self.are_bools(args[0]):
                if known.name in ("sum", "np.sum") and len(args) == 1 and not keywords:
                    return call(self.at(node), self.builtin("count", node), *values.values())
                values[rule.params[0]] = self.ones(values[rule.params[0]])
            rest = [self.expr(a) for a in args[len(rule.params):]] if rule.rest is not None else []
            if receiver is not None:
                values["self"] = receiver
            made = self.instantiate(rule.template, values, rule.rest, rest, self.at(node))
            filling = given.get("fill_value") if known.name == "np.full" else None
            if isinstance(filling, ast.Constant) and type(filling.value) is int:  # as in NumPy, whatever is put in later
                return call(self.at(node), self.builtin("i64", node), made)
            return made
        forms = " or ".join(f"{known.name}({r.given()})" for r in known.rules)
        self.refuse(node, f"{known.name} is called as {forms} here", OTHERWISE.get(known.name), "DV0153")

    def bind(self, rule: Rule, args: Sequence[ast.expr], keywords: Sequence[ast.keyword]) -> dict[str, ast.expr] | None:
        """The arguments by name, None if the rule takes others."""
        if len(args) > len(rule.params) and rule.rest is None:
            return None
        given = dict(zip(rule.params, args, strict=False))
        for k in keywords:
            if k.arg is None or k.arg in given or k.arg not in rule.params + rule.named:
                return None
            given[k.arg] = k.value
        return given if set(given) == {*rule.params, *rule.named} else None

    def instantiate(self, t: ast.expr, values: dict[str, sx.Expr], rest: str | None, more: Sequence[sx.Expr],
                    span: Span) -> sx.Expr:
        """A template with its arguments put in."""
        from .python_expr import ADDING, COMPARING, MULTIPLYING, chain

        def go(x: ast.expr) -> sx.Expr:
            match x:
                case ast.Name(id=name):
                    return values[name] if name in values else self.linker.builtin(name, span)
                case ast.Constant(value=bool(value)):
                    return sx.Bool(span, value)
                case ast.Constant(value=int(value) | float(value)):
                    return number(value, span)
                case ast.BinOp(left=left, op=ast.Pow(), right=right):
                    return sx.Power(span, go(left), go(right))
                case ast.BinOp(left=left, op=op, right=right):
                    made = chain(go(left), ADDING.get(type(op)) or MULTIPLYING[type(op)], go(right))
                    return sx.Chain(span, made.first, made.rest) if isinstance(made, sx.Chain) else made
                case ast.UnaryOp(op=op, operand=operand):
                    return sx.Unary(span, "-" if isinstance(op, ast.USub) else "not", go(operand))
                case ast.Compare(left=left, ops=[op], comparators=[right]):
                    return sx.Compare(span, go(left), ((COMPARING[type(op)], go(right)),))
                case ast.Tuple(elts=elts):
                    return sx.Tuple(span, tuple(map(go, elts)))
                case ast.Subscript(value=value, slice=ast.Slice(lower=lower, upper=upper)):
                    index = sx.Slice(span, None if lower is None else go(lower), None if upper is None else go(upper))
                    return sx.IndexE(span, go(value), (index,))
                case ast.Call(func=ast.Name("range"), args=args):
                    return self.numbers([go(a) for a in args], span)
                case ast.Call(func=func, args=args, keywords=keywords):
                    given = [sx.Arg(span, None, go(a)) for a in args if not isinstance(a, ast.Starred)]
                    for a in args:
                        if isinstance(a, ast.Starred) and isinstance(a.value, ast.Name):
                            name = a.value.id
                            given += [sx.Arg(span, None, m) for m in (more if name == rest else items(values[name]))]
                    named = [sx.Arg(span, k.arg, go(k.value)) for k in keywords]
                    return sx.Call(span, go(func), (*given, *named), None)
            raise AssertionError(ast.dump(x))

        return go(t)

    def shape(self, node: ast.expr) -> sx.Expr:
        """Sizes: a tuple, one number, or a tuple of one."""
        return self.expr(node.elts[0] if isinstance(node, ast.Tuple | ast.List) and len(node.elts) == 1 else node)

    def reshaped(self, node: ast.Call, array: sx.Expr, args: Sequence[ast.expr]) -> sx.Expr:
        """`reshape` to sizes, of which one may be -1: what the others leave."""
        span = self.at(node)
        given = args[0].elts if len(args) == 1 and isinstance(args[0], ast.Tuple | ast.List) else args
        open_ = [k for k, a in enumerate(given) if self.literal(a) == -1]
        if not open_:
            made = [self.expr(a) for a in given]
            return call(span, self.builtin("reshape", node), array, *(items(made[0]) if len(made) == 1 else made))
        if len(open_) > 1:
            self.refuse(given[open_[1]], "only one size may be -1", "write the others")
        if len(given) == 1:
            return call(span, self.builtin("flatten", node), array)
        lets = []
        if not isinstance(array, sx.Name):
            name = self.fresh("array")
            lets.append(sx.Let(span, sx.PName(span, name), None, array))
            array = sx.Name(span, name)
        sizes = [None if k in open_ else self.expr(a) for k, a in enumerate(given)]
        known = [n for n in sizes if n is not None]
        others = known[0] if len(known) == 1 else sx.Chain(span, known[0], tuple(("*", n) for n in known[1:]))
        count = call(span, self.builtin("len", node), call(span, self.builtin("flatten", node), array))
        rest = sx.Chain(span, count, (("//", others),))
        return block(lets, call(span, self.builtin("reshape", node), array, *(rest if n is None else n for n in sizes)))

    def reduction(self, node: ast.Call, name: str, gen: ast.GeneratorExp) -> sx.Expr:
        """`sum(e for …)`, without the array; a sum of bools counts."""
        body, gens = self.comprehension(gen.elt, gen.generators, gen)
        counts = name == "sum" and self.are_bools(gen.elt)
        if name in ("mean", "prod") and self.are_bools(gen.elt):
            body = self.ones(body)
        return sx.Call(self.at(node), self.builtin("count" if counts else name, node), (), (body, gens))

    def ones(self, made: sx.Expr) -> sx.Expr:
        """Truth values as the numbers 1 and 0."""
        return call(made.span, self.linker.builtin("select", made.span), made, number(1, made.span), number(0, made.span))

    def array(self, node: ast.expr) -> sx.Expr:
        """`np.array([…])`; literal integers stay integers, whatever is put into the array later."""
        made = self.expr(node)
        flat = [e for e in ast.walk(node) if not isinstance(e, ast.List | ast.Tuple | ast.Load | ast.UnaryOp | ast.USub)]
        if isinstance(node, ast.Tuple):
            made = sx.ArrayLit(self.at(node), tuple(map(self.expr, node.elts)))
        if isinstance(node, ast.List | ast.Tuple) and flat and all(
                isinstance(e, ast.Constant) and type(e.value) is int for e in flat):
            return call(self.at(node), self.builtin("i64", node), made)
        return made

    def spread(self, node: ast.Call, known: Known, arrays: ast.expr) -> sx.Expr:
        if not isinstance(arrays, ast.List | ast.Tuple):
            self.refuse(arrays, f"{known.name} takes the arrays one by one: {known.name}((a, b))")
        name = "concat" if known.name == "np.concatenate" else "stack"
        return call(self.at(node), self.builtin(name, node), *map(self.expr, arrays.elts))

    def converted(self, node: ast.Call, of: ast.expr, dtype: ast.expr | None, receiver: sx.Expr | None = None) -> sx.Expr:
        """`np.zeros(n, dtype=int)`, `x.astype(float)`."""
        value = self.static(dtype) if dtype is not None else MISSING
        kind = getattr(value, "kind", None) if isinstance(getattr(value, "kind", None), str) else None
        kind = TYPES.get(getattr(value, "__name__", ""), kind if kind in TYPES.values() else None)
        if kind is None:
            self.refuse(dtype or node, "this type of elements is not in the language", "there are float, int, bool, np.float32 and np.int32")
        made = self.expr(of)
        if kind == "bool":
            return sx.Compare(self.at(node), made, (("!=", number(0, self.at(node))),))
        return call(self.at(node), self.builtin(kind, node), made)

    # ------------------------------------------------ transforms inside a program

    def transformed(self, node: ast.Call, name: str) -> sx.Expr:
        """`dv.grad(f, argnums=1)` is `grad(f, wrt = (1))`; `dv.vmap(f)` a function that goes over the first axes."""
        span, args = self.at(node), [sx.Arg(self.at(a), None, self.expr(a)) for a in node.args]
        if name == "vmap":
            self.refuse(node, "vmap stands outside of jitted functions", "write [f(x) for x in v]")
        if {"argnums", "argnames"} <= {k.arg for k in node.keywords}:
            self.refuse(node, f"argnums and argnames of {name} are both given", 'give one of them, with all that is meant: argnames=("a", "b")', "DV0606")
        for k in node.keywords:
            items = k.value.elts if isinstance(k.value, ast.Tuple | ast.List) else [k.value]
            match k.arg:
                case "argnums" if all(self.literal(i) is not None for i in items):
                    wrt: list[sx.Expr] = [number(self.literal(i) or 0, span) for i in items]
                case "argnames" if all(isinstance(i, ast.Constant) and isinstance(i.value, str) for i in items):
                    wrt = [sx.Name(span, self.spelled(i.value)) for i in items]  # type: ignore[attr-defined]
                case _:
                    self.refuse(k.value, f"{k.arg} of {name} must be written out here")
            args.append(sx.Arg(span, "wrt", wrt[0] if len(wrt) == 1 else sx.Tuple(span, tuple(wrt))))
        return sx.Call(span, self.builtin(name, node), tuple(args), None)


def items(e: sx.Expr) -> Sequence[sx.Expr]:
    """The sizes that `reshape(a, (n, m))` gives as one tuple."""
    return e.items if isinstance(e, sx.Tuple) else (e,)
