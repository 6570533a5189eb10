"""Python values to flat leaves by type, and back.

Numbers widen as in the language (integers to floats, f32 to f64), nothing narrows, bool never
converts; inputs are never changed.  A record is taken from one of our records, a mapping, a
NamedTuple or a dataclass; an array of records from a record of arrays, or a list of records.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

import numpy as np

from ..compiler import errors
from ..compiler.errors import Span
from . import shapes
from .fields import fields_of_argument, foreign, short
from .records import SumValue, Value, ctor_class, record_class
from .shapes import Array, Record, Scalar, Sum, Tuple

DTYPES: dict[str, np.dtype[Any]] = {
    k: np.dtype(v)
    for k, v in {"f64": np.float64, "f32": np.float32, "i64": np.int64, "i32": np.int32, "bool": np.bool_}.items()
}
KINDS = {v: k for k, v in DTYPES.items()}
WIDENS = {
    "f64": ("f64", "f32", "i64", "i32"), "f32": ("f32", "i64", "i32"), "i64": ("i64", "i32"), "i32": ("i32",),
    "bool": ("bool",),
}


class Reader:
    """Reads the arguments of one call; `sizes` collects what they say about the names of sizes."""

    def __init__(self, function: str, spans: Callable[[], dict[str, Span]] = dict,
                 own_member: Callable[[type, str, str], str | None] | None = None) -> None:
        """`own_member` says what a class has otherwise than the one that the program was written for."""
        self.function = function
        self.spans = spans
        self.own_member = own_member
        self.param = ""
        self.tangent = False
        self.sizes: dict[str, tuple[int, str]] = {}

    # ------------------------------------------------------------ entry points

    def read(self, value: Any, t: shapes.Type, name: str, tangent: bool = False) -> list[Any]:
        """The leaves of one argument; in a tangent, None stands for what carries no floats."""
        self.param, self.tangent = name, tangent
        if type(value) is float and type(t) is Scalar and t.kind == "f64":
            return [value]
        if type(value) is np.ndarray and type(t) is Array and type(t.element) is Scalar:
            return [self._array(value, t, name)]
        out: list[Any] = []
        self._value(value, t, name, out)
        return out

    def _fail(self, path: str, t: object, found: object, help: str | None = None) -> NoReturn:
        self._refuse(path, t, describe(found), help)

    def _refuse(self, path: str, t: object, found: str, help: str | None) -> NoReturn:
        raise errors.TypeError("DV0607", f"`{path}` of {self.function}: expected {t}, found {found}",
                               self.spans().get(self.param), help=help)

    def _beyond(self, path: str, n: int, kind: str) -> NoReturn:
        raise errors.ValueError_("DV0616", f"`{path}` of {self.function}: {short(str(n))} is beyond the range of {kind}",
                                 self.spans().get(self.param))

    def _fail_size(self, message: str) -> NoReturn:
        raise errors.SizeError("DV0502", f"{self.function}: {message}", self.spans().get(self.param))

    # ------------------------------------------------------------ by type

    def _value(self, value: Any, t: shapes.Type, path: str, out: list[Any]) -> None:
        if value is None and self.tangent and not shapes.carries_float(t):
            out += self._zeros(t)
            return
        match t:
            case Scalar(kind):
                got = self._scalar(value, kind, path)
                out.append(got)
                if kind in ("i64", "i32") and path == self.param:
                    self._size(path, int(got), path, None)
            case Array(Scalar()):
                out.append(self._array(value, t, path))
            case Array(Record() as element, sizes):
                parts = self._columns(value, [f for f, _ in element.fields], t, path)
                for (f, s), part in zip(element.fields, parts, strict=True):
                    self._value(part, array_of(s, sizes), f"{path}.{f}", out)
            case Array(Sum() as element, sizes):
                self._array_of_sums(value, element, t, path, out)
            case Array(Tuple(items), sizes):
                for i, (s, part) in enumerate(zip(items, self._split(value, len(items), t, path), strict=True)):
                    self._value(part, array_of(s, sizes), f"{path}[{i}]", out)
            case Tuple(items):
                if not isinstance(value, (tuple, list)) or len(value) != len(items):
                    self._fail(path, t, value)
                for i, s in enumerate(items):
                    self._value(value[i], s, f"{path}[{i}]", out)
            case Record(_, fields):
                for (f, s), part in zip(fields, self._fields(value, t, [f for f, _ in fields], path), strict=True):
                    self._value(part, s, f"{path}.{f}", out)
            case Sum():
                self._sum(value, t, path, out)
            case _:
                self._fail(path, t, value)

    def _zeros(self, t: shapes.Type) -> list[Any]:
        """Zeros of a type, as large as the other arguments say."""
        out: list[Any] = []
        for leaf in shapes.leaves(t):
            shape = tuple(s if isinstance(s, int) else self.sizes.get(s, (0, ""))[0] for s in leaf.sizes)
            out.append(np.zeros(shape, DTYPES[leaf.kind]) if leaf.sizes else DTYPES[leaf.kind].type(0).item())
        return out

    def _scalar(self, value: Any, kind: str, path: str) -> Any:
        if type(value) is float and kind == "f64":
            return value
        found, plain = _kind_of_scalar(value), value
        if found is None and hasattr(type(value), "__array__"):  # of other libraries too: their `__int__` rounds
            value = value if isinstance(value, np.ndarray) else self._as_array(value, Array(Scalar(kind), ()), path)
            if value.ndim == 0:
                plain = value[()]
                found = _kind_of_scalar(plain)
        elif found is None and hasattr(type(value), "__index__"):
            with foreign(value, path, self.function):
                plain, found = operator.index(value), "i64"
        small = kind == "i32" and found == "i64" and isinstance(plain, int) and -(2**31) <= plain < 2**31
        if found not in WIDENS[kind] and not small:
            self._fail(path, kind, value, _narrowing(found, kind))
        if found == "i64" and not -(2**63) <= int(plain) < 2**63:
            if kind not in ("f64", "f32") or abs(int(plain)) > int(np.finfo(DTYPES[kind]).max):
                self._beyond(path, int(plain), kind)
            plain = float(plain)
        if kind == "bool":
            return bool(plain)
        if kind == "f64":
            return float(plain)
        return np.float32(plain) if kind == "f32" else int(plain)

    def _array(self, value: Any, t: Array, path: str) -> np.ndarray[Any, Any]:
        kind = t.element.kind if isinstance(t.element, Scalar) else ""
        dtype = DTYPES[kind]
        if type(value) is not np.ndarray:
            value = self._as_array(value, t, path)
        if value.dtype != dtype:
            found = _kind_of_dtype(value.dtype)
            if value.size and (found is None or found not in WIDENS[kind]):
                self._fail(path, t, value, _narrowing(found, kind))
            given, value = value, self._copy(value, dtype, path) if value.size else np.empty(value.shape, dtype)
            if kind == "i64" and given.dtype.kind == "u" and value.size and value.min() < 0:
                self._fail(path, t, given, "the values are beyond the range of i64")
        flags = value.flags
        if not (flags.c_contiguous and flags.aligned):
            value = self._copy(value, dtype, path)
        if value.ndim != len(t.sizes):
            if value.size or value.ndim > len(t.sizes):
                self._fail(path, t, value)
            value = value.reshape(*value.shape, *(s if isinstance(s, int) else 0 for s in t.sizes[value.ndim:]))
        array: np.ndarray[Any, Any] = value
        for axis, (size, n) in enumerate(zip(t.sizes, array.shape, strict=True)):
            self._size(size, n, path, axis)
        return array

    def _copy(self, value: np.ndarray[Any, Any], dtype: np.dtype[Any], path: str) -> np.ndarray[Any, Any]:
        """In rows, one element behind the other; what is no more than a view may have no place in memory."""
        try:
            return value.astype(dtype, order="C")
        except MemoryError:
            raise errors.ValueError_("DV0509", f"`{path}` of {self.function}: no memory for an array of shape {list(value.shape)}",
                                     self.spans().get(self.param)) from None

    def _as_array(self, value: Any, t: Array, path: str) -> np.ndarray[Any, Any]:
        if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
            self._refuse(path, t, "a masked array", "fill or drop what is masked first")
        if isinstance(value, (str, bytes, dict, set, Value)) or _kind_of_scalar(value) is not None:
            self._fail(path, t, value)
        with foreign(value, path, self.function):
            try:
                found = np.asarray(value)
            except ValueError as e:
                if isinstance(value, (list, tuple)) and "inhomogeneous" in str(e):
                    self._refuse(path, t, "rows of different lengths", None)
                raise
        mixes = isinstance(value, (list, tuple)) and found.dtype.kind in "if" and _has_bool(value)
        if found.dtype == object or mixes or found.dtype.kind in "USV":
            kind = t.element.kind if isinstance(t.element, Scalar) else ""
            for at, v in _elements(value):
                self._scalar(v, kind, f"{path}[{', '.join(map(str, at))}]")  # says which one it is
            if not isinstance(value, (list, tuple)) or found.dtype != object or kind not in ("f64", "f32"):
                self._fail(path, t, value)
            found = found.astype(DTYPES[kind])  # integers that only a float holds
        return found

    def _size(self, size: shapes.Size, n: int, path: str, axis: int | None) -> None:
        """What one axis (or an integer argument, axis None) says about a size."""
        where = path if axis is None else f"axis {axis} of `{path}`"
        if isinstance(size, int):
            if size != n:
                self._fail_size(f"{where} has size {n}, expected {size}")
        elif shapes.is_name(size):
            known = self.sizes.setdefault(size, (n, where if axis is not None else f"the argument `{path}`"))
            if known[0] != n:
                verb = "is" if axis is None else "has size"
                other = f"{known[1]} has size {known[0]}" if size.endswith("_") else f"{size} is {known[0]} (from {known[1]})"
                self._fail_size(f"{where} {verb} {n}, but {other}")  # names that end so are ours: of vmap, of lifting

    # ------------------------------------------------------------ records and sums

    def _fields(self, value: Any, t: shapes.Type, names: list[str], path: str) -> list[Any]:
        """The fields of a record, in order, from anything that has them."""
        found = fields_of_argument(value, path, self.function)
        if found is None:
            self._fail(path, t, value, f"give a dict or a record with {', '.join(names)}")
        self._check_class(value, t.element if isinstance(t, Array) else t, path)
        missing = [n for n in names if n not in found]
        extra = [n for n in found if n not in names]
        if missing or extra:
            what = f"no field {missing[0]}" if missing else f"a field {extra[0]} that {t} has not"
            self._refuse(path, t, f"a record with {what}", f"its fields are {', '.join(names)}")
        return [found[n] for n in names]

    def _check_class(self, value: Any, t: shapes.Type, path: str) -> None:
        """Refuses an object with methods of its own, where the program has those of another class."""
        if self.own_member is None or isinstance(value, dict | Value) or not isinstance(t, Record):
            return
        own = self.own_member(type(value), t.name, path)
        if own is not None:
            cls = type(value).__name__
            says = f", whose parameter says so: {path}: {cls}" if path == self.param else f", with types that say {cls}"
            self._refuse(path, t.name or "a record", f"a {cls}, which has its own {own}", f"write a function for it{says}")

    def _columns(self, value: Any, names: list[str], t: shapes.Type, path: str) -> list[Any]:
        """One array per field, from a record of arrays, a structured array or a list of records."""
        if isinstance(value, np.ndarray) and value.dtype.names:
            value = {n: value[n] for n in value.dtype.names}
        if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
            rows = [self._fields(v, t, names, f"{path}[{i}]") for i, v in enumerate(value)]
            return [[row[k] for row in rows] for k in range(len(names))]
        return self._fields(value, t, names, path)

    def _split(self, value: Any, count: int, t: object, path: str) -> list[Any]:
        if isinstance(value, tuple) and len(value) == count:
            return list(value)
        if isinstance(value, list) and all(isinstance(v, (tuple, list)) and len(v) == count for v in value):
            return [[v[k] for v in value] for k in range(count)]
        self._fail(path, t, value, "give a tuple of arrays")

    def _sum(self, value: Any, t: Sum, path: str, out: list[Any]) -> None:
        given = self._constructed(value, t, path)
        if given is None:
            self._fail(path, t, value, f"one of {_constructors(t)}, of this program; as JSON {_as_json(t)}")
        out.append(given[0])
        for tag, (ctor, payload) in enumerate(t.ctors):
            for i, s in enumerate(payload):
                if tag == given[0]:
                    self._value(given[1][i], s, f"{path}.{ctor}[{i}]", out)
                else:
                    out += blanks(s)

    def _constructed(self, value: Any, t: Sum, path: str) -> tuple[int, Sequence[Any]] | None:
        """The constructor and payload of a value of ours, of a dataclass or of a NamedTuple of that name."""
        arity = tuple((c, len(payload)) for c, payload in t.ctors)
        if isinstance(value, type) and issubclass(value, SumValue) and not value.__match_args__ and value._key[0] == "ctor":
            value = value()  # a constructor without values stands for its only one
        if isinstance(value, SumValue):
            return (value.tag, value._values) if value._key[1:3] == (t.name, arity) else None
        fields = None if isinstance(value, dict) else fields_of_argument(value, path, self.function)
        own = (type(value).__name__, len(fields or ()))
        return None if fields is None or own not in arity else (arity.index(own), list(fields.values()))

    def _array_of_sums(self, value: Any, element: Sum, t: Array, path: str, out: list[Any]) -> None:
        cells = value
        if isinstance(value, (list, tuple)):
            cells = np.empty(len(value), object)
            for i, v in enumerate(value):  # one by one, so that NumPy does not look into them
                cells[i] = v
        if not isinstance(cells, np.ndarray) or cells.dtype != object or cells.ndim != len(t.sizes):
            self._fail(path, t, value, "give a list of values")
        for axis, (size, n) in enumerate(zip(t.sizes, cells.shape, strict=True)):
            self._size(size, n, path, axis)
        rows: list[list[Any]] = []
        for at in np.ndindex(cells.shape):
            row: list[Any] = []
            self._sum(cells[at], element, f"{path}{list(at)}", row)
            rows.append(row)
        for k, leaf in enumerate(shapes.leaves(element)):
            flat = np.array([row[k] for row in rows], DTYPES[leaf.kind])
            out.append(flat.reshape(cells.shape + flat.shape[1:]))


def _constructors(t: Sum) -> str:
    return ", ".join(f"{c}({', '.join(map(str, payload))})" if payload else c for c, payload in t.ctors)


def _as_json(t: Sum) -> str:
    return next((f'{{"{c}": […]}}' for c, payload in t.ctors if payload), f'"{t.ctors[0][0]}"')


def blanks(t: shapes.Type) -> list[Any]:
    """Leaves of no meaning, for the payload of a constructor that isn't the one."""
    out: list[Any] = []
    for leaf in shapes.leaves(t):
        shape = tuple(s if isinstance(s, int) else 0 for s in leaf.sizes)
        out.append(np.zeros(shape, DTYPES[leaf.kind]) if leaf.sizes else DTYPES[leaf.kind].type(0).item())
    return out


def array_of(t: shapes.Type, sizes: tuple[shapes.Size, ...]) -> shapes.Type:
    """`t[sizes]`, where `t` may be an array."""
    return Array(t.element, sizes + t.sizes) if isinstance(t, Array) else Array(t, sizes)


# ---------------------------------------------------------------- kinds


def _kind_of_scalar(value: Any) -> str | None:
    match value:
        case bool() | np.bool_():
            return "bool"
        case float():
            return "f64"
        case int():
            return "i64"
        case np.generic():
            return _kind_of_dtype(value.dtype)
    return None


def _kind_of_dtype(dtype: np.dtype[Any]) -> str | None:
    """The kind that holds all values of a dtype."""
    if dtype.kind == "f":
        return "f64" if dtype.itemsize == 8 else "f32" if dtype.itemsize in (2, 4) else None
    if dtype.kind == "i":
        return "i64" if dtype.itemsize == 8 else "i32"
    if dtype.kind == "u":
        return "i64" if dtype.itemsize >= 4 else "i32"
    return "bool" if dtype.kind == "b" else None


def _elements(value: Any, at: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], Any]]:
    """What stands in lists of lists, with its indices."""
    if isinstance(value, (list, tuple)):
        for k, v in enumerate(value):
            yield from _elements(v, (*at, k))
    elif at:
        yield at, value


def _has_bool(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_has_bool, value))
    return isinstance(value, (bool, np.bool_))


def _narrowing(found: str | None, kind: str) -> str | None:
    if found == "bool":
        return "bool never converts by itself"
    if kind == "f32" and found == "f64":
        return "nothing narrows unasked: give numpy.float32(…) or .astype(numpy.float32)"
    if kind in ("i64", "i32") and found in ("f64", "f32"):
        return "nothing narrows unasked: round it first"
    return None


def describe(value: Any) -> str:
    """A value in a few words, for messages."""
    if isinstance(value, str):
        return f"the string {short(repr(value))}"
    if isinstance(value, np.ndarray):
        dtype = KINDS.get(value.dtype, str(value.dtype))
        return f"an array {dtype}[{', '.join(map(str, value.shape))}]" if value.ndim else f"{dtype} {value[()]}"
    kind = _kind_of_scalar(value)
    if kind is not None:
        return f"{'i64' if isinstance(value, int) and kind != 'bool' else kind} {short(str(value))}"
    if value is None:
        return "None"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    return f"a {type(value).__name__}"


def infer(value: Any, name: str, function: str, sizes: tuple[shapes.Size, ...] | None = None,
          known: Callable[[], Sequence[shapes.Type]] = tuple) -> shapes.Type:
    """The type of an argument whose parameter has none: dtype and rank; `sizes` where they have names.

    `known` gives the types of the program, where those of sum values are looked up.
    """
    if sizes is not None:
        found = infer(value, name, function, None, known)
        if not isinstance(found, Array) or len(found.sizes) != len(sizes):
            Reader(function)._fail(name, f"an array with {len(sizes)} axes", value)
        return Array(found.element, sizes)
    kind = _kind_of_scalar(value)
    if kind is not None:
        return Scalar(kind)
    if isinstance(value, SumValue):
        for t in known():
            if isinstance(t, Sum) and value._key[1:3] == (t.name, tuple((c, len(p)) for c, p in t.ctors)):
                return t
        Reader(function)._fail(name, "a value of this program", value)
    fields = fields_of_argument(value, name, function)
    if fields is not None:
        if isinstance(value, dict) and not all(isinstance(k, str) for k in value):
            Reader(function)._fail(name, "a dict whose keys are names", value, 'write {"a": …}, or give an array or a tuple')
        label = type(value).__name__ if isinstance(value, Value) and type(value).__name__ != "Record" else ""
        return Record(label, tuple((f, infer(v, f"{name}.{f}", function, None, known)) for f, v in fields.items()))
    if isinstance(value, tuple):
        return Tuple(tuple(infer(v, f"{name}[{i}]", function, None, known) for i, v in enumerate(value)))
    reader = Reader(function)
    if callable(value):
        reader._fail(name, "a value", value, "functions don't enter a program from outside: write it in the language")
    try:
        array = value if isinstance(value, np.ndarray) else reader._as_array(value, Array(Scalar("f64"), ("_",)), name)
    except errors.TypeError as e:
        if isinstance(value, list) and not all(isinstance(v, int | float | np.number | str) for v in value):
            e.help = e.help or f"a list is an array; parts of different kinds or sizes are a tuple: give tuple({name})"
        raise
    element = _kind_of_dtype(array.dtype)
    if element is None:
        reader._fail(name, "numbers", value)
    return Array(Scalar(element), tuple("_" for _ in array.shape)) if array.ndim else Scalar(element)


def infer_batched(value: Any, name: str, function: str, t: shapes.Any, known: Callable[[], Sequence[shapes.Type]]) -> shapes.Type:
    """The type of an argument that is gone over: an array of what its leaves are without their first axes."""
    n = len(t.batch)

    def inner(found: shapes.Type, path: str) -> shapes.Type:
        match found:
            case Array(element, sizes) if len(sizes) >= n:
                return Array(element, sizes[n:]) if len(sizes) > n else element
            case Tuple(items) if items:
                return Tuple(tuple(inner(s, f"{path}[{i}]") for i, s in enumerate(items)))
            case Record(label, fields) if fields:
                return Record(label, tuple((f, inner(s, f"{path}.{f}")) for f, s in fields))
        raise errors.TypeError("DV0607", f"`{path}` of {function}: expected an array to go over, found {found}",
                               help="in_axes: None for what stays whole")

    whole = inner(infer(value, name, function, None, known), name)
    if t.sizes is not None and not (isinstance(whole, Array) and len(whole.sizes) == len(t.sizes)):
        Reader(function)._fail(name, f"an array with {n + len(t.sizes)} axes", value)
    return array_of(whole, t.batch)


# ---------------------------------------------------------------- back to Python


class Rebuilder:
    """Makes Python values from flat results by their type."""

    def __init__(self, results: Sequence[Any]) -> None:
        self.results = results
        self.at = 0

    def take(self) -> Any:
        self.at += 1
        return self.results[self.at - 1]

    def value(self, t: shapes.Type, outer: tuple[shapes.Size, ...] = ()) -> Any:
        match t:
            case Scalar(kind):
                return self.take() if outer else PLAIN[kind](self.take())
            case Array(element, sizes):
                return self.value(element, outer + sizes)
            case Tuple(items):
                return tuple(self.value(s, outer) for s in items)
            case Record(name, fields):
                names = tuple(f for f, _ in fields)
                return self.record(name, names)(*(self.value(s, outer) for _, s in fields))
            case Sum():
                tags = self.take()
                payloads = [[self.value(s, outer) for s in payload] for _, payload in t.ctors]
                return self._array_of_sums(t, tags, payloads) if outer else self._sum(t, int(tags), payloads)
        raise AssertionError(t)

    def record(self, name: str, fields: tuple[str, ...]) -> Callable[..., Any]:
        """What makes a record of this type."""
        return record_class(name, fields)

    def ctor(self, t: Sum, tag: int) -> Callable[..., Any]:
        """What makes a value of this constructor."""
        return ctor_class(t.name, tuple((c, len(p)) for c, p in t.ctors), tag)

    def _sum(self, t: Sum, tag: int, payloads: list[list[Any]]) -> Any:
        return self.ctor(t, tag)(*payloads[tag])

    def _array_of_sums(self, t: Sum, tags: np.ndarray[Any, Any], payloads: list[list[Any]]) -> np.ndarray[Any, Any]:
        out = np.empty(tags.shape, object)
        for at in np.ndindex(tags.shape):
            out[at] = self._sum(t, int(tags[at]), [[_item(part, at) for part in p] for p in payloads])
        return out


def _item(part: Any, at: tuple[int, ...]) -> Any:
    """One element of a payload that travels as arrays."""
    if isinstance(part, np.ndarray):
        got = part[at]
        return got.item() if isinstance(got, np.generic) and got.dtype != np.float32 else got
    if isinstance(part, Value):
        return type(part)(*(_item(v, at) for v in part._values))
    return tuple(_item(v, at) for v in part)


PLAIN: dict[str, Callable[[Any], Any]] = {
    "f64": float, "f32": np.float32, "i64": int, "i32": int, "bool": bool,
}


def rebuild(results: Sequence[Any], t: shapes.Type) -> Any:
    """The Python value of type `t` that these flat results make."""
    if isinstance(t, Scalar):
        return PLAIN[t.kind](results[0])
    return Rebuilder(results).value(t)
