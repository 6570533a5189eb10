"""Scalar operations as LLVM text."""

from __future__ import annotations

import struct
from collections.abc import Callable

from .errors import InternalError
from .ir import FLOATS, Const
from .llvm_runtime import LLVM_TYPES
from .primitives import PRIMITIVES

# Sums and products over a loop may be regrouped, single operations only contracted; NaN and infinity count.
_FLAGS = "contract"
_REDUCE = "reassoc nsz contract"

# Operations that stay calls of libm or loops, so that a loop around them is no vector code.
CALLS = frozenset(
    name for name, p in PRIMITIVES.items()
    if p.llvm is not None and name not in ("exp", "log") and (p.cost >= 15 or name in ("fmod", "floordiv", "mod", "ipow"))
)

Emit = Callable[[str], None]
Fresh = Callable[[], str]

# Routines of our own that exist in f64 only.
_WIDE = frozenset(["dv_digamma", "dv_polygamma"])


def constant(c: Const) -> str:
    """The operand text of a constant."""
    if c.kind == "bool":
        return "true" if c.value else "false"
    if c.kind == "f64":
        return f"0x{struct.unpack('<Q', struct.pack('<d', c.value))[0]:016X}"
    if c.kind == "f32":
        try:
            single = struct.unpack("<f", struct.pack("<f", c.value))[0]
        except OverflowError:
            single = float("inf") if c.value > 0 else float("-inf")
        return f"0x{struct.unpack('<Q', struct.pack('<d', single))[0]:016X}"
    return str(int(c.value))


class Ops:
    """Emits operations; collects declarations of what they call."""

    def __init__(self, emit: Emit, fresh: Fresh) -> None:
        self.emit, self.fresh = emit, fresh
        self.declared: dict[str, str] = {}
        self.inline = False  # exp and log as code that can become vector code, not as calls

    def line(self, text: str) -> str:
        """A new value."""
        r = self.fresh()
        self.emit(f"  {r} = {text}")
        return r

    def declare(self, name: str, result: str, args: list[str]) -> None:
        self.declared[name] = f"declare {result} @{name}({', '.join(args)}) nounwind willreturn memory(none)"

    def call(self, name: str, result: str, args: list[str], types: list[str], own: bool = False) -> str:
        """A call of a pure function."""
        if not own:
            self.declare(name, result, types)
        pairs = ", ".join(f"{t} {a}" for t, a in zip(types, args, strict=True))
        return self.line(f"call {result} @{name}({pairs})")

    def apply(self, op: str, kind: str, kinds: list[str], args: list[str]) -> str:
        """The value of an operation of these kinds."""
        t = LLVM_TYPES[kinds[-1]]
        float_ = kinds[-1] in FLOATS
        if op in ("sum", "prod", "add", "sub", "mul", "div"):
            name = {"sum": "add", "prod": "mul"}.get(op, op)
            flags = (_REDUCE if op in ("sum", "prod") else _FLAGS) if float_ else ""
            return self.line(f"{'f' if float_ else ''}{name} {flags} {t} {args[0]}, {args[1]}")
        if op == "neg":
            return self.line(f"fneg {t} {args[0]}" if float_ else f"sub {t} 0, {args[0]}")
        if op in ("eq", "ne", "lt", "le", "gt", "ge"):
            ordered, integer = (PRIMITIVES[op].llvm or "").split("|")
            test = f"fcmp {ordered}" if float_ else f"icmp {integer}"
            return self.line(f"{test} {t} {args[0]}, {args[1]}")
        if op in ("and", "or"):
            return self.line(f"{op} i1 {args[0]}, {args[1]}")
        if op == "not":
            return self.line(f"xor i1 {args[0]}, true")
        if op == "select":
            return self.line(f"select i1 {args[0]}, {t} {args[1]}, {t} {args[2]}")
        if op in ("f64", "f32", "i64", "i32"):
            return self.cast(op, kinds[0], args[0])
        if op in ("maximum", "minimum"):
            return self.line(f"call {t} @llvm.{op}.{kind}({t} {args[0]}, {t} {args[1]})")
        if op in ("max", "min"):
            return self.extreme(op, kinds[0], args)
        if op in ("isnan", "isinf", "isfinite"):
            return self.classify(op, kinds[0], args[0])
        return self.function(op, kind, kinds, args)

    def cast(self, to: str, kind: str, x: str) -> str:
        """From a float to an integer only in range (see the check before it)."""
        if to == kind:
            return x
        s, t = LLVM_TYPES[kind], LLVM_TYPES[to]
        if kind in FLOATS:
            how = ("fpext" if to == "f64" else "fptrunc") if to in FLOATS else "fptosi"
        elif to in FLOATS:
            how = "uitofp" if kind == "bool" else "sitofp"
        else:
            how = "zext" if kind == "bool" else "sext" if to == "i64" else "trunc"
        return self.line(f"{how} {s} {x} to {t}")

    def extreme(self, op: str, kind: str, args: list[str]) -> str:
        """The first operand on ties; NaN wins."""
        t, (x, y) = LLVM_TYPES[kind], args
        if kind not in FLOATS:
            return self.line(f"call {t} @llvm.s{op}.{t}({t} {x}, {t} {y})")
        c = self.line(f"fcmp {'oge' if op == 'max' else 'ole'} {t} {x}, {y}")
        n = self.line(f"fcmp uno {t} {x}, {x}")
        first = self.line(f"or i1 {c}, {n}")
        return self.line(f"select i1 {first}, {t} {x}, {t} {y}")

    def classify(self, op: str, kind: str, x: str) -> str:
        t = LLVM_TYPES[kind]
        if op == "isnan":
            return self.line(f"fcmp uno {t} {x}, {x}")
        size = self.line(f"call {t} @llvm.fabs.{kind}({t} {x})")
        infinity = constant(Const(float("inf"), kind))
        return self.line(f"fcmp {'oeq' if op == 'isinf' else 'olt'} {t} {size}, {infinity}")

    def function(self, op: str, kind: str, kinds: list[str], args: list[str]) -> str:
        """A call: an intrinsic that is machine code, a routine of our own, or libm's."""
        hint = PRIMITIVES[op].llvm
        if hint is None:
            raise InternalError("DV0999", f"no lowering for {op}")
        types = [LLVM_TYPES[k] for k in kinds]
        t = LLVM_TYPES[kind]
        if op == "fmod":
            return self.line(f"frem {t} {args[0]}, {args[1]}")
        if op == "abs":
            if kind in FLOATS:
                return self.line(f"call {t} @llvm.fabs.{kind}({t} {args[0]})")
            return self.line(f"call {t} @llvm.abs.{t}({t} {args[0]}, i1 false)")
        if op in ("floor", "ceil", "trunc", "round", "sqrt"):
            name = {"round": "roundeven"}.get(op, op)
            return self.line(f"call {t} @llvm.{name}.{kind}({t} {args[0]})")
        if op in ("ipow", "floordiv", "mod"):
            return self.call(f"dv_{op}_{kind}", t, args, types, own=True)
        if hint in _WIDE or op == "lgamma":
            wide = [self.cast("f64", k, a) if k == "f32" else a for k, a in zip(kinds, args, strict=True)]
            types = ["double" if k == "f32" else LLVM_TYPES[k] for k in kinds]
            r = self.call("dv_lgamma" if op == "lgamma" else hint, "double", wide, types, own=True)
            return self.cast("f32", "f64", r) if kind == "f32" else r
        if self.inline and op in ("exp", "log"):
            x = self.cast("f64", kind, args[0])
            return self.cast(kind, "f64", self.call(f"dv_{op}", "double", [x], ["double"], own=True))
        name = hint.removeprefix("llvm.") + ("f" if kind == "f32" else "")
        return self.call(name, t, args, types)
