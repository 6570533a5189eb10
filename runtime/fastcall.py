"""The short way into a compiled function: a built-in function that reads, checks, calls and builds as machine code.

There is one routine for all functions (`fastcall_*.ll`); a plan, words in a `bytes`, tells it what one
function takes for one choice of argument types:

    plan   ::= entry  arguments  1 if the GIL is released  where held arrays, result arrays and keyword
               arguments stand in the room  words of room  where `fresh`, `own`, `build` and `watch` stand
               how many arguments are bound
               reads sizes fresh own build watch
    read   ::= kind slot wide | 5 slot kind rank | 6 count read… | 7 class count dicts name… read…
             | 8 class count name… read…
    sizes  ::= (1 slot slot | 2 slot number | 3 slot size)… 0
    size   ::= (1 number | 2 slot | 3…9 operator of the two on top)… 0 0
    fresh  ::= (rank slot kind size…)… -1            results whose sizes follow from the arguments
    own    ::= (result slot kind rank)… -1           results in memory of the function
    build  ::= kind slot | 5 array | 6 count build… | 7 class count build… | 8 callable count build…
    watch  ::= (1 dict name value | 2 function 0 code | 3 cell 0 value)… 0    what must be as it was

Only what needs no conversion goes this way: exact `float`, `int` and `bool`, NumPy's scalars and arrays of
the very dtype, tuples, our records, dicts for records, NamedTuples and dataclasses of the very class that was
there before.  Everything else, and every mistake, goes the long
way, which has the same results.  So there may be no short way at all: for other Pythons than CPython with
a GIL, for layouts of objects that are not as expected, for sum values, and for functions that `show`.
"""

from __future__ import annotations

import ctypes
import functools
import struct
import sys
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, is_dataclass
from importlib import resources
from types import CellType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from ..compiler import errors, llvm
from ..compiler.abi import Context
from ..compiler.lock import locked
from . import shapes
from .cache import Cache
from .fields import fields_of
from .glue import poll_address
from .records import Value, record_class
from .values import DTYPES

if TYPE_CHECKING:
    from ..frontend.python_scope import Watched
    from .native import NativeFunction
    from .pipeline import Described
    from .size_check import Json, SizeCheck

_KINDS = ("f64", "i64", "i32", "f32", "bool")
_ARRAY, _TUPLE, _RECORD, _OBJECT = 5, 6, 7, 8
_EQUAL, _IS, _FOLLOWS = 1, 2, 3
_NUMBER, _SLOT = 1, 2
_OPERATORS = {"add": 3, "sub": 4, "mul": 5, "floordiv": 6, "mod": 7, "max": 8, "min": 9}
_DICT, _FUNCTION, _CELL = 1, 2, 3
_HEAD = 12  # words in front of the reads
_MAX_WORDS = 1024  # of slots and arrays, on the C stack
_MAX_DEPTH = 16  # of a size
_MAX_RANK = 32


class Unplanned(Exception):
    """This function has no short way."""


@dataclass(frozen=True, slots=True)
class Way:
    """What goes in and comes out.

    `arguments` are the parameters with their types and values like those to come, the first ones `bound`; `blame`
    may add to an error of the function before it is raised; `maker` gives what makes records, by name and fields,
    out of arguments of these classes and no others.
    """

    arguments: Sequence[tuple[shapes.Param, shapes.Type, object]]
    result: shapes.Type
    blame: Callable[[errors.Error], None] = lambda e: None
    bound: tuple[object, ...] = ()
    maker: Callable[[str, tuple[str, ...]], Callable[..., Any]] | None = None


def shortened(
    native: NativeFunction, described: Described, way: Way, behind: Callable[..., Any], watched: Sequence[Watched] = (),
) -> Callable[..., Any] | None:
    """A callable that takes the short way where it can, else calls `behind`; None if there is no short way.

    `watched` are names that must stand for what they did.
    """
    routine = _routine()
    if routine is None:
        return None
    planner = _Planner(native, way)
    try:
        plan = planner.plan(described, watched)
    except Unplanned:
        return None

    def failed(code: int, address: int) -> NoReturn:
        __tracebackhide__ = True
        e = native.error(Context.from_address(address))
        if isinstance(e, errors.Error):
            way.blame(e)
        raise e

    names = tuple(sys.intern(p.name) for p, _, _ in way.arguments[len(way.bound):])
    self = (plan, behind, failed, native.adopt, names, native, planner.kept, routine, way.bound)
    return _new(routine, self, None)  # type: ignore[no-any-return]


# ---------------------------------------------------------------- plans


class _Planner:
    def __init__(self, native: NativeFunction, way: Way) -> None:
        self.sig = native.signature
        self.entry = native.entry
        self.way = way
        self.kept: list[object] = []  # objects whose addresses stand in the plan
        self.params: list[int] = []
        self.results: list[int] = []
        slot = 0
        for slots, leaves in ((self.params, self.sig.params), (self.results, self.sig.results)):
            for leaf in leaves:
                slots.append(slot)
                slot += 1 + 2 * leaf.rank if leaf.rank else 1
        self.slots = slot
        self.leaf = 0
        self.named: dict[shapes.Size, int] = {}
        self.sizes: dict[tuple[int, ...], None] = {}

    def plan(self, described: Described, watched: Sequence[Watched]) -> bytes:
        if any(s.code == "show" for s in self.sig.sites):
            raise Unplanned
        reads: list[int] = []
        for p, t, value in self.way.arguments:
            reads += self.read(t, p, value)
        self.check(described.sizes)
        fresh, own, arrays = self.memory()
        shown = [k for k, used in enumerate(described.outputs) if used]
        build = self.build(self.way.result, iter(shown), arrays)
        sizes = [w for check in self.sizes for w in check] + [0]
        held = sum(p.rank > 0 for p in self.sig.params) + 1
        results = len(arrays) + 1
        given = len(self.way.arguments) - len(self.way.bound)
        words = self.slots + held + results + given
        if words > _MAX_WORDS:
            raise Unplanned
        at = _HEAD + len(reads) + len(sizes)
        head = [
            self.entry, given, not self.sig.brief, self.slots, self.slots + held, self.slots + held + results,
            words, at, at + len(fresh), at + len(fresh) + len(own), at + len(fresh) + len(own) + len(build), len(self.way.bound),
        ]
        code = head + reads + sizes + fresh + own + build + [w for one in watched for w in self.watch(one)] + [0]
        return struct.pack(f"={len(code)}q", *code)

    # ------------------------------------------------------------ arguments

    def read(self, t: shapes.Type, p: shapes.Param, value: object, outer: tuple[shapes.Size, ...] = (),
             top: bool = True) -> list[int]:
        """The reads of values of this type, or of arrays of them with these axes in front, that are like this one."""
        declared = not isinstance(p.type, shapes.Any)
        match t:
            case shapes.Scalar(kind) if not outer:
                slot = self.take(kind, 0)
                if top and kind in ("i64", "i32"):
                    self.size(p.name, slot)
                return [_KINDS.index(kind), slot, int(declared or kind == "i64")]
            case shapes.Scalar(kind):
                slot = self.take(kind, len(outer))
                for axis, size in enumerate(outer):
                    self.size(size, slot + 1 + axis)
                return [_ARRAY, slot, _KINDS.index(kind), len(outer)]
            case shapes.Array(element, sizes):
                return self.read(element, p, value, outer + sizes, False)
            case shapes.Tuple(items):
                parts = value if type(value) is tuple and len(value) == len(items) else (None,) * len(items)
                return [_TUPLE, len(items), *(w for s, v in zip(items, parts, strict=True) for w in self.read(s, p, v, outer, False))]
            case shapes.Record(name, fields):
                names = [sys.intern(f) for f, _ in fields]
                self.kept += names
                own = isinstance(value, tuple) and hasattr(value, "_fields") or is_dataclass(value) and not isinstance(value, dict | Value)
                found = fields_of(value) or {} if own or type(value) is dict or isinstance(value, Value) else {}
                inner = [w for f, s in fields for w in self.read(s, p, found.get(f), outer, False)]
                if own:
                    self.kept.append(type(value))
                    return [_OBJECT, id(type(value)), len(fields), *map(id, names), *inner]
                cls, dicts = self.record(name, fields), declared or type(value) is dict
                if self.way.maker is not None:  # results are made in the classes of arguments: one or the other
                    if not isinstance(value, dict | Value):
                        raise Unplanned
                    cls, dicts = (0, True) if type(value) is dict else (cls, False)
                return [_RECORD, cls, len(fields), int(dicts), *map(id, names), *inner]
        raise Unplanned

    def take(self, kind: str, rank: int) -> int:
        """The slot of the next leaf."""
        leaf = self.sig.params[self.leaf]
        if (leaf.kind, leaf.rank) != (kind, rank) or rank > _MAX_RANK:
            raise Unplanned
        self.leaf += 1
        return self.params[self.leaf - 1]

    def record(self, name: str, fields: tuple[tuple[str, shapes.Type], ...]) -> int:
        cls = record_class(name, tuple(f for f, _ in fields))
        self.kept.append(cls)
        return id(cls)

    # ------------------------------------------------------------ sizes

    def size(self, size: shapes.Size, slot: int) -> None:
        """What a type says about the size in a slot."""
        if isinstance(size, int):
            self.sizes[_IS, slot, size] = None
        elif shapes.is_name(size):
            self.same(self.named.setdefault(size, slot), slot)

    def same(self, a: int, b: int) -> None:
        if a != b:
            self.sizes[_EQUAL, a, b] = None

    def check(self, sizes: SizeCheck) -> None:
        """What the core function expects."""
        found: dict[int, int] = {}
        for k, n in sizes.scalars:
            self.same(found.setdefault(n, self.params[k]), self.params[k])
        for k, axis, n in sizes.axes:
            slot = self.params[k] + 1 + axis
            self.same(found.setdefault(n, slot), slot)
        for k, axis, number in sizes.fixed:
            self.sizes[_IS, self.params[k] + 1 + axis, number] = None
        for n, poly, _ in sizes.equations:
            if n in found:
                self.sizes[(_FOLLOWS, found[n], *self.polynomial(poly, found), 0, 0)] = None

    def polynomial(self, poly: Json, found: dict[int, int], depth: int = 0) -> list[int]:
        """A polynomial over slots of sizes; one that mentions a size of no argument is for the long way."""
        if depth + 3 > _MAX_DEPTH:
            raise Unplanned
        code = [_NUMBER, 0]
        for factors, c in poly:
            code += [_NUMBER, c]
            for x in factors:
                if not isinstance(x, int):
                    op, left, right = x
                    code += [*self.polynomial(left, found, depth + 2), *self.polynomial(right, found, depth + 3)]
                    code.append(_OPERATORS[op])
                elif x in found:
                    code += [_SLOT, found[x]]
                else:
                    raise Unplanned
                code.append(_OPERATORS["mul"])
            code.append(_OPERATORS["add"])
        return code

    def expression(self, e: Json, depth: int = 1) -> list[int]:
        """A shape expression of the signature."""
        if depth > _MAX_DEPTH:
            raise Unplanned
        match e:
            case ["const", n]:
                return [_NUMBER, n]
            case ["size", k, axis]:
                return [_SLOT, self.params[k] + 1 + axis]
            case ["arg", k]:
                return [_SLOT, self.params[k]]
            case ["neg", x]:
                return self.expression(["sub", ["const", 0], x], depth)
            case [op, x, y]:
                return [*self.expression(x, depth), *self.expression(y, depth + 1), _OPERATORS[op]]
        raise Unplanned

    # ------------------------------------------------------------ results

    def memory(self) -> tuple[list[int], list[int], dict[int, int]]:
        """How the arrays among the results get memory, and where each will stand."""
        fresh, own = [], []
        order: tuple[list[int], list[int]] = [], []
        for k, r in enumerate(self.sig.results):
            if not r.rank:
                continue
            if r.rank > _MAX_RANK:
                raise Unplanned
            order[r.shape is None].append(k)
            if r.shape is None:
                own += [k, self.results[k], _KINDS.index(r.kind), r.rank]
            else:
                fresh += [r.rank, self.results[k], _KINDS.index(r.kind)]
                for e in r.shape:
                    fresh += [*self.expression(e), 0, 0]
        places = {k: i for i, k in enumerate(order[0] + order[1])}
        return [*fresh, -1], [*own, -1], places

    def build(
        self, t: shapes.Type, leaves: Iterator[int], arrays: dict[int, int], outer: bool = False
    ) -> list[int]:
        """How a value of this type is made of these results; `outer`: each leaf is an array."""
        match t:
            case shapes.Scalar(kind):
                k = next(leaves)
                if self.sig.results[k].kind != kind or outer != (k in arrays):
                    raise Unplanned
                return [_ARRAY, arrays[k]] if outer else [_KINDS.index(kind), self.results[k]]
            case shapes.Array(element, _):
                return self.build(element, leaves, arrays, True)
            case shapes.Tuple(items):
                return [_TUPLE, len(items), *(w for s in items for w in self.build(s, leaves, arrays, outer))]
            case shapes.Record(name, fields):
                inner = [w for _, s in fields for w in self.build(s, leaves, arrays, outer)]
                make = self.way.maker(name, tuple(f for f, _ in fields)) if self.way.maker is not None else None
                if make is not None and not (isinstance(make, type) and issubclass(make, Value)):
                    make = make if isinstance(make, type) else self.blamed(make)
                    self.kept.append(make)
                    return [_OBJECT, id(make), len(fields), *inner]
                return [_RECORD, self.record(name, fields), len(fields), *inner]
        raise Unplanned


    def blamed(self, make: Callable[..., Any]) -> Callable[..., Any]:
        """What makes a record, and may refuse: its errors are the function's."""
        def told(*parts: Any) -> Any:
            __tracebackhide__ = True
            try:
                return make(*parts)
            except errors.Error as e:
                self.way.blame(e)
                raise

        return told

    # ------------------------------------------------------------ names from outside

    def watch(self, one: Watched) -> list[int]:
        place, name, value = one.place, one.name, one.value
        if type(place) is ModuleType and vars(place).get(name) is value:
            place = vars(place)
        self.kept += [place, name, value]
        if type(place) is dict and type(name) is str:
            return [_DICT, id(place), id(name), id(value)]
        if type(place) is FunctionType and name == "__code__":
            return [_FUNCTION, id(place), 0, id(value)]
        if type(place) is CellType:
            return [_CELL, id(place), 0, id(value)]
        raise Unplanned


# ---------------------------------------------------------------- the routine


class _Host(ctypes.Structure):
    """`%host` of `fastcall_objects.ll`."""

    _fields_ = [
        ("array", ctypes.c_void_p), ("new", ctypes.c_void_p), ("copy", ctypes.c_void_p), ("scalar", ctypes.c_void_p),
        ("poll", ctypes.c_void_p), ("scalars", ctypes.c_void_p * 5), ("dtypes", ctypes.c_void_p * 5),
        ("numbers", ctypes.c_int64 * 5),
    ]


class _MethodDef(ctypes.Structure):
    """`PyMethodDef`."""

    _fields_ = [
        ("name", ctypes.c_char_p), ("meth", ctypes.c_void_p), ("flags", ctypes.c_int), ("doc", ctypes.c_char_p),
    ]


_FASTCALL_WITH_KEYWORDS = 0x80 | 0x02


@locked
@functools.cache
def _routine() -> Any:
    """The one method of all short ways; None where there can be none."""
    api = _numpy_api() if _plain_objects() else None
    if api is None:
        return None
    files = resources.files(__package__)
    text = "".join(files.joinpath(f"fastcall_{part}.ll").read_text("utf-8") for part in ("objects", "arguments", "call"))
    symbols = ("dv_fast_call", "dv_fast_host")
    store, key = Cache.default(), b"fastcall" + text.encode()
    found = store.get(key)
    if found is None:
        found = {}, llvm.compile_text(text, 2)
        store.put(key, *found)
    try:
        library = llvm.Library(found[1], symbols)
    except RuntimeError:  # a process where a symbol is not to be found
        return None
    host = _Host.from_address(library.addresses["dv_fast_host"])
    host.array, host.new, host.copy, host.scalar = api
    host.poll = poll_address()
    for i, kind in enumerate(_KINDS):
        host.scalars[i], host.dtypes[i], host.numbers[i] = id(DTYPES[kind].type), id(DTYPES[kind]), DTYPES[kind].num
    method = _MethodDef(b"call", library.addresses["dv_fast_call"], _FASTCALL_WITH_KEYWORDS, None)
    method.library = library
    return method


def _new(method: Any, self: tuple[Any, ...], module: None) -> Any:
    new = ctypes.pythonapi.PyCFunction_NewEx
    new.argtypes, new.restype = [ctypes.POINTER(_MethodDef), ctypes.py_object, ctypes.c_void_p], ctypes.py_object
    return new(method, self, module)


def _plain_objects() -> bool:
    """Is this a Python whose objects are laid out as the routine expects?"""
    if sys.implementation.name != "cpython" or sysconfig.get_config_var("Py_GIL_DISABLED"):
        return False
    sizes = (object, 16), (float, 24), (tuple, 24), (bytes, 33)
    if sys.byteorder != "little" or any(t.__basicsize__ != n for t, n in sizes):
        return False
    probe = record_class("", ("probe",))(0.0)
    return _word(id(probe) + 16) == id(probe._values) and Value.__basicsize__ == 24


def _numpy_api() -> tuple[int, int, int, int] | None:
    """The array type, and the addresses of NewFromDescr, NewCopy and Scalar in NumPy's table for C programs;
    None if the table or its arrays are not as expected."""
    core = getattr(np, "_core", None) or np.core
    capsule = core._multiarray_umath._ARRAY_API
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.argtypes, pointer.restype = [ctypes.py_object, ctypes.c_char_p], ctypes.c_void_p
    table = (ctypes.c_int64 * 95).from_address(pointer(capsule, None))
    if table[2] != id(np.ndarray) or not all(map(_plain_array, _probes())):
        return None
    return table[2], table[94], table[85], table[60]


def _probes() -> list[Any]:
    whole = np.zeros((3, 4, 5))
    swapped = np.zeros(3, np.dtype(np.int32).newbyteorder())
    return [whole, whole[:, 1::2], whole.T, swapped, np.zeros(0, np.bool_), np.zeros((2, 7), np.float32)]


def _plain_array(a: Any) -> bool:
    """Do the fields of an array and of its dtype stand where the routine reads them?"""
    d = a.dtype
    contiguous = 1 if a.flags.c_contiguous else 0
    aligned = 0x100 if a.flags.aligned else 0
    return (
        _word(id(a) + 16) == a.ctypes.data
        and ctypes.c_int32.from_address(id(a) + 24).value == a.ndim
        and all(_word(_word(id(a) + 32) + 8 * k) == n for k, n in enumerate(a.shape))
        and all(_word(_word(id(a) + 40) + 8 * k) == n for k, n in enumerate(a.strides))
        and _word(id(a) + 56) == id(d)
        and ctypes.c_int32.from_address(id(a) + 64).value & 0x101 == contiguous | aligned
        and ctypes.c_char.from_address(id(d) + 26).value == d.byteorder.encode()
        and ctypes.c_int32.from_address(id(d) + 28).value == d.num
    )


def _word(address: int) -> int:
    return int(ctypes.c_int64.from_address(address).value)
