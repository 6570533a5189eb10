"""Arguments as hostile callers give them: plain values in strange clothes, and things that are no values at all.

`Maker.make(type)` gives an argument and what it stands for: a plain value, as `subjects` has them, or `WRONG`,
where it must be refused.  With `unsure` in the maker the argument may also be refused.
"""

from __future__ import annotations

import array
import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import random
import types
from collections.abc import Callable
from typing import Any

import numpy as np
from derivant.runtime import shapes
from derivant.runtime.shapes import Array, Record, Scalar, Sum, Tuple
from derivant.runtime.values import DTYPES

WRONG: Any = type("Wrong", (), {"__repr__": lambda self: "WRONG"})()
LARGEST = {"i64": 2**63 - 1, "i32": 2**31 - 1}
WIDER = {"f64": ("f2", "f4", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"), "f32": ("f2", "i1", "i2", "i4", "i8", "u1", "u2", "u4"),
         "i64": ("i1", "i2", "i4", "u1", "u2", "u4"), "i32": ("i1", "i2", "u1", "u2"), "bool": ()}
NARROWER = {"f64": ("c8", "c16", "?", "M8[s]", "m8[s]", "U3", "S3", "O", "g"), "f32": ("f8", "c8", "?", "M8[s]", "U2", "g"),
            "i64": ("f2", "f4", "f8", "c16", "?", "M8[s]", "m8[s]", "U3"), "i32": ("i8", "u8", "f4", "f8", "?", "U3"),
            "bool": ("i1", "u1", "i8", "f8", "U3", "O")}


# ---------------------------------------------------------------- objects of all sorts


class Boom(Exception):
    """What an argument raises when it is looked at."""


class MyFloat(float):
    pass


class MyInt(int):
    pass


class Level(enum.IntEnum):
    THREE = 3


class Index:
    def __init__(self, value: int) -> None:
        self.value = value

    def __index__(self) -> int:
        return self.value


class BadIndex:
    def __index__(self) -> int:
        raise Boom


class OnlyFloat:
    def __float__(self) -> float:
        return 1.5


class ArrayLike:
    """An object that NumPy can make an array of."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        made = self.make()
        return made if dtype is None else np.asarray(made).astype(dtype)


class Raises:
    """An array-like that can't be made an array."""

    def __init__(self, kind: type[Exception]) -> None:
        self.kind = kind

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise self.kind("no array")


class Torch:
    """What speaks only DLPack."""

    def __init__(self, a: Any) -> None:
        self.a = a

    def __dlpack__(self, **more: Any) -> Any:
        return self.a.__dlpack__(**more)

    def __dlpack_device__(self) -> Any:
        return self.a.__dlpack_device__()


class Sub(np.ndarray):
    """A subclass that resists being used."""

    def __array_function__(self, *_: Any) -> Any:
        raise Boom

    def __getitem__(self, key: Any) -> Any:
        raise Boom


class Sequence:
    """A sequence by its methods alone."""

    def __init__(self, items: list[Any]) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, k: int) -> Any:
        return self.items[k]


class LyingSequence(Sequence):
    def __len__(self) -> int:
        return len(self.items) + 1


class Odd(dict):  # type: ignore[type-arg]
    """A mapping whose values can't be had."""

    def __getitem__(self, key: Any) -> Any:
        raise Boom


class Hollow:
    """Says that it has keys."""

    def keys(self) -> Any:
        raise Boom

    def __getitem__(self, key: Any) -> Any:
        raise Boom


class NoWords:
    """Can't be shown."""

    def __repr__(self) -> str:
        raise Boom

    __str__ = __repr__


class Missing:
    """Everything asked of it fails."""

    def __getattr__(self, name: str) -> Any:
        raise Boom


def _itself() -> list[Any]:
    own: list[Any] = [1.0]
    own.append(own)
    return own


def _deep(n: int) -> Any:
    own: Any = 1.0
    for _ in range(n):
        own = [own]
    return own


THINGS: tuple[Callable[[], Any], ...] = (
    lambda: None, lambda: "1.0", lambda: b"\1\2", lambda: 1j, lambda: np.complex128(1), lambda: decimal.Decimal(1),
    lambda: fractions.Fraction(1, 2), lambda: datetime.date(2020, 1, 1), lambda: np.datetime64("2020-01-01"),
    lambda: np.timedelta64(1, "s"), object, lambda: object, lambda: float, lambda: set(), lambda: {1.0, 2.0},
    lambda: frozenset((1,)), lambda: (x for x in (1.0, 2.0)), lambda: iter([1.0]), lambda: map(float, "12"),
    lambda: {"a": 1.0}, dict, lambda: {1: 2.0}, lambda: slice(3), lambda: Ellipsis, lambda: NotImplemented,
    lambda: len, lambda: (lambda x: x), lambda: np, lambda: np.sin, lambda: types.SimpleNamespace(x=1.0, y=2.0),
    lambda: Missing(), lambda: NoWords(), lambda: Hollow(), lambda: Odd(x=1.0, y=2.0), lambda: BadIndex(),
    lambda: OnlyFloat(), lambda: Raises(ValueError), lambda: Raises(TypeError), lambda: Raises(KeyError),
    lambda: Raises(Boom), lambda: Raises(MemoryError), lambda: Raises(RecursionError), lambda: Raises(AttributeError),
    lambda: ArrayLike(lambda: "no"), lambda: ArrayLike(lambda: None), lambda: ArrayLike(lambda: [1.0]),
    lambda: ArrayLike(lambda: np.array(["a"])), lambda: _itself(), lambda: _deep(31), lambda: _deep(70),
    lambda: _deep(3000), lambda: [[1.0], [1.0, 2.0]], lambda: [1.0, [2.0]], lambda: [None], lambda: [1.0, "a"],
    lambda: [1j], lambda: [[]] * 3, lambda: [set()], lambda: [{}], lambda: np.array(None), lambda: np.array(object()),
    lambda: np.array([1.0, None], object), lambda: np.array(["a", "b"]), lambda: np.array([b"a"]),
    lambda: np.zeros(2, "f8,i4"), lambda: np.rec.array([(1.0, 2)], "f8,i4"), lambda: np.zeros((1,) * 7),
    lambda: np.zeros((0,) * 6), lambda: np.zeros(0, "f8,i4"), lambda: np.zeros(0, "M8[s]"), lambda: np.zeros(0, "U3"),
    lambda: np.zeros(0, "c16"), lambda: np.zeros((0, 2), "V4"), lambda: np.ma.masked,
    lambda: np.ma.masked_array([1.0, 2.0], [True, False]), lambda: 10**400, lambda: -(10**400),
    lambda: np.broadcast_to(1.0, (10**8, 10**9)), lambda: np.broadcast_to(np.float32(1), (10**9, 10**8, 2)),
    lambda: np.broadcast_to(np.uint8(1), (2**40,)), lambda: memoryview(b"abc"), lambda: LyingSequence([1.0, 2.0]),
    lambda: Sequence([]), lambda: np.zeros((0, 3)), lambda: np.zeros((3, 0)),
    lambda: dataclasses.make_dataclass("D", ["x"])(1.0), lambda: collections.namedtuple("N", "x y")(1.0, "a"),
    lambda: np.zeros(3, "V8"), lambda: Exception("x"),
)


# ---------------------------------------------------------------- values by type


class Maker:
    """Makes the arguments of one call; `hostility` is how often something is wrong."""

    def __init__(self, rng: random.Random, hostility: float, smooth: bool, open: bool, module: Any) -> None:
        self.rng = rng
        self.hostility = hostility
        self.smooth = smooth
        self.open = open
        self.module = module
        self.sizes: dict[str, int] = {}
        self.unsure = False
        self.sizes_differ = False
        self.lifted = False  # arrays are given for numbers

    def make(self, t: shapes.Type, name: str = "") -> tuple[Any, Any]:
        """An argument of a type, and what it stands for."""
        self.unsure = self.unsure or self.open
        if self.rng.random() < self.hostility * 0.4:
            self.unsure = True  # some of them are values of some types
            return self.rng.choice(THINGS)(), WRONG
        match t:
            case Scalar(kind):
                return self.scalar(kind, name)
            case Array(Scalar(kind), sizes):
                return self.array(kind, self.shape(sizes))
            case Array(Record(_, fields), sizes):
                return self.record([(f, _in_front(s, sizes)) for f, s in fields], t.element.name)  # type: ignore[union-attr]
            case Array(Tuple(items), sizes):
                parts = [self.make(_in_front(s, sizes)) for s in items]
                return tuple(p for p, _ in parts), _all(tuple(v for _, v in parts))
            case Array(Sum() as element, sizes):
                (n,) = self.shape(sizes)
                cells = [self.make(element) for _ in range(n)]
                return [c for c, _ in cells], _all([v for _, v in cells])
            case Tuple(items):
                return self.tuple(items)
            case Record(label, fields):
                return self.record(list(fields), label)
            case Sum(_, ctors):
                ctor, payload = self.rng.choice(ctors)
                parts = [self.make(s) for s in payload]
                value = getattr(self.module, ctor)(*(p for p, _ in parts))
                return value, _all((ctor, tuple(v for _, v in parts)))
        raise AssertionError(t)

    def shape(self, sizes: tuple[shapes.Size, ...]) -> tuple[int, ...]:
        """Sizes of one name agree, but for a few that don't."""

        def one(s: shapes.Size) -> int:
            if s == "n + 1":
                return one("n") + 1
            new = self.rng.choice((0, 1, 2, 3, 3, 4, 5))
            known = s if isinstance(s, int) else max(self.sizes.setdefault(s, new), 0)
            if new == known or self.open or self.rng.random() > self.hostility * 0.2:
                return known
            self.sizes_differ = True
            return new

        return tuple(map(one, sizes))

    # ------------------------------------------------------------ scalars

    def number(self, kind: str) -> Any:
        """A plain value that every clothing can hold, mostly."""
        r = self.rng
        match kind:
            case "bool":
                return r.random() < 0.5
            case "i64" | "i32":
                return r.choice((0, 1, 2, 3, -1, 7, LARGEST[kind], -LARGEST[kind] - 1) if r.random() < 0.3 else (0, 1, 2, 3))
        if not self.smooth and r.random() < 0.1:
            return r.choice((float("nan"), float("inf"), -float("inf"), -0.0, 5e-324 if kind == "f64" else 1e-45))
        return r.randrange(-64, 65) / r.choice((1, 1, 4))

    def scalar(self, kind: str, name: str) -> tuple[Any, Any]:
        r = self.rng
        v = self.sizes[name] if name in self.sizes else self.number(kind)
        if kind in ("i64", "i32") and name == "n":
            v = self.sizes.setdefault(name, v if -5 < v < 1000 else 3)
        own = DTYPES[kind].type
        if r.random() < self.hostility:
            wrong = {"f64": (True, np.True_, np.complex64(1), np.longdouble(1), np.datetime64("2020"), 10**400, np.str_("1"), np.void(b"12345678")),
                     "f32": (1.5, np.float64(2), True, np.longdouble(1), 10**39 if r.random() < 0.5 else 1j),
                     "i64": (1.0, np.float32(2), True, np.bool_(False), 2**63, -(2**64), np.uint64(2**63), 10**30, Level),
                     "i32": (2**31, -(2**40), 1.0, True, np.int64(2**40), np.uint32(2**31), 10**30),
                     "bool": (0, 1, np.int8(1), 1.0, "True", np.float64(0), 10**30, MyInt(1))}[kind]
            return r.choice(wrong), WRONG
        clothes: list[Callable[[], Any]] = [lambda: v, lambda: own(v), lambda: np.array(own(v)), lambda: np.array(v, DTYPES[kind].newbyteorder(">"))]
        if kind == "f32":
            v = float(np.float32(v))
            clothes[0] = lambda: np.float32(v)
            clothes[3] = lambda: np.array(v, ">f4")
        if kind == "f64":
            clothes += [lambda: MyFloat(v), lambda: np.array(v)[()]]
        if kind != "bool" and not self.open and abs(v) < 100 and v == int(v) and str(v) != "-0.0":
            whole = int(v)
            clothes += [lambda: whole, lambda: MyInt(whole), lambda: Index(whole), lambda: np.int8(whole), lambda: np.array(whole, "i2")]
            if whole >= 0:
                clothes += [lambda: np.uint8(whole), lambda: np.uint16(whole)]
            if whole == 3:
                clothes += [lambda: Level.THREE]
            if kind in ("f64", "f32"):
                clothes += [lambda: np.float16(whole), lambda: np.array(whole, ">i4")]
        if kind == "f64" and not self.smooth and not self.open and r.random() < 0.05:
            return 10**30, 1e30
        return r.choice(clothes)(), v

    # ------------------------------------------------------------ arrays

    def array(self, kind: str, shape: tuple[int, ...]) -> tuple[Any, Any]:
        r = self.rng
        a = np.array([self.number(kind) for _ in range(int(np.prod(shape)))], DTYPES[kind]).reshape(shape)
        if r.random() < self.hostility:
            return self.wrong_array(a, kind)
        match r.choice((0, 1, 2, 3, 4, 5, 6, 10, 11, 12, 18, 19)) if self.open else r.randrange(22):
            case 0:
                return a.copy(order="F"), a
            case 1:
                return a[tuple(slice(None, None, -1) for _ in shape)].copy()[tuple(slice(None, None, -1) for _ in shape)], a
            case 2:
                return np.repeat(a, 2, axis=-1)[..., ::2], a
            case 3:
                return a.astype(a.dtype.newbyteorder(">")), a
            case 4:  # not aligned
                raw = np.zeros(a.nbytes + 1, np.uint8)
                odd = raw[1:].view(a.dtype).reshape(shape) if a.size else a
                odd[...] = a
                return odd, a
            case 5:
                a.flags.writeable = False
                return a, a
            case 6 if shape[0]:  # one row in the place of all, or one number
                wide = np.broadcast_to(a[:1], shape) if r.random() < 0.5 else np.broadcast_to(a.flat[0], shape) if a.size else a
                return wide, np.array(wide)
            case 7 | 8 if WIDER[kind]:
                dtype = np.dtype(r.choice(WIDER[kind]))
                rough = np.array([r.randrange(0, 100) for _ in range(a.size)], dtype).reshape(shape)
                return (rough.astype(dtype.newbyteorder(">")) if r.random() < 0.3 else rough), rough.astype(DTYPES[kind])
            case 9 if kind in ("f64", "i64", "bool") and all(shape):
                return self.listed(a)
            case 10:
                return np.asmatrix(a) if a.ndim == 2 else a.view(Sub), a
            case 11:
                return np.ma.masked_array(a), a
            case 12:
                return ArrayLike(lambda: a), a
            case 13:
                self.unsure = True
                return Torch(a), a
            case 14 if a.ndim == 1 and kind in ("f64", "f32", "i64", "i32"):
                self.unsure = self.unsure or self.lifted
                return array.array({"f64": "d", "f32": "f", "i64": "q", "i32": "i"}[kind], a.tolist()), a
            case 15:
                self.unsure = True
                return memoryview(a), a
            case 16 if all(shape):
                self.unsure = True
                return Sequence(list(a)), a
            case 17:
                self.unsure = True
                return a.astype(object), a
            case 18 if a.ndim and a.shape[0]:
                return np.concatenate([a, a])[:a.shape[0]], a
            case 19 if a.size:
                return mapped(a), a
            case 20 if a.ndim == 1 and kind in ("f64", "i64"):
                return range(a.size), np.arange(a.size).astype(a.dtype)
            case 21 if kind in ("f64", "i64") and a.ndim == 1 and a.size:
                self.unsure = self.unsure or self.lifted
                return collections.deque(a.tolist()), a
        return a, a

    def listed(self, a: Any) -> tuple[Any, Any]:
        """Lists of lists, of tuples, of arrays, of NumPy's numbers."""
        match self.rng.randrange(5):
            case 0:
                return tuple(a.tolist()), a
            case 1:
                return list(a), a
            case 2:
                return [tuple(row) if a.ndim > 1 else row for row in a.tolist()], a
            case 3 if a.ndim == 1 and a.dtype == np.float64 and a.size and not self.smooth:
                large = [*a.tolist()[:-1], 10**30]
                return large, np.array(large, float)
        return a.tolist(), a

    def wrong_array(self, a: Any, kind: str) -> tuple[Any, Any]:
        r = self.rng
        self.unsure = self.unsure or self.lifted  # any shape is right
        match r.randrange(9):
            case 0:
                return a[None], WRONG
            case 1 if a.size:
                return a[0], WRONG
            case 2 if a.size:
                with np.errstate(invalid="ignore", over="ignore"):
                    return a.astype(r.choice(NARROWER[kind])), WRONG
            case 3 if a.size:
                self.unsure = True  # another size, which may be free
                return a[:-1] if r.random() < 0.5 else np.concatenate([a, a]), WRONG
            case 4 if a.size > 1:
                masked = np.ma.masked_array(a, np.zeros(a.shape, bool))
                masked[(0,) * a.ndim] = np.ma.masked
                return masked, WRONG
            case 5 if a.size and a.ndim == 1:
                rows = a.tolist()
                rows[r.randrange(len(rows))] = r.choice((None, "a", 1j, [1.0], [], object(), b"1", float))
                return rows, WRONG
            case 6 if a.size and a.ndim == 2:
                return [*a.tolist()[:-1], a.tolist()[-1] * 2] if a.shape[0] > 1 else [a.tolist()[0], []], WRONG
            case 7 if kind != "bool" and a.size and a.ndim == 1:
                return [True, *a.tolist()[1:]], WRONG
        self.unsure = True
        return r.choice(THINGS)(), WRONG

    # ------------------------------------------------------------ structures

    def tuple(self, items: tuple[shapes.Type, ...]) -> tuple[Any, Any]:
        parts = [self.make(s) for s in items]
        value, truth = tuple(p for p, _ in parts), _all(tuple(v for _, v in parts))
        if self.rng.random() < self.hostility:
            return self.rng.choice((value[:-1], (*value, 1.0), set(), dict(enumerate(value)), value[0], None, ())), WRONG
        return list(value) if self.rng.random() < 0.3 else value, truth

    def record(self, fields: list[tuple[str, shapes.Type]], label: str) -> tuple[Any, Any]:
        r = self.rng
        parts = [(f, *self.make(s)) for f, s in fields]
        value, truth = {f: p for f, p, _ in parts}, _all({f: v for f, _, v in parts})
        names = tuple(value)
        if r.random() < self.hostility:
            less = dict(value)
            del less[r.choice(names)]
            return r.choice((less, {**value, "more": 1.0}, Odd(value), Hollow(), tuple(value.values()), types.SimpleNamespace(**value), None, {1: 2},
                             {**value, names[0]: None}, {n.upper(): v for n, v in value.items()})), WRONG
        match r.randrange(5):
            case 0:
                return dataclasses.make_dataclass("Given", names)(**value), truth
            case 1:
                return collections.namedtuple("Given", names)(**value), truth  # type: ignore[misc]
            case 2 if label:
                return getattr(self.module, label)(**value), truth
            case 3:
                return types.MappingProxyType(value), truth
        return dict(reversed(value.items())) if r.random() < 0.5 and label else value, truth


def mapped(a: Any) -> Any:
    """The array in a file that is mapped, read-only."""
    import tempfile

    with tempfile.NamedTemporaryFile() as f:
        f.write(a.tobytes())
        f.flush()
        return np.memmap(f.name, a.dtype, "r", shape=a.shape)


def _in_front(t: shapes.Type, sizes: tuple[shapes.Size, ...]) -> shapes.Type:
    return Array(t.element, (*sizes, *t.sizes)) if isinstance(t, Array) else Array(t, sizes)


def _all(truth: Any) -> Any:
    """A structure, or WRONG if something in it is."""
    inside = truth.values() if isinstance(truth, dict) else truth[1] if isinstance(truth, tuple) and truth and isinstance(truth[0], str) else truth
    return WRONG if any(v is WRONG for v in inside) else truth
