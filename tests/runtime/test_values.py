"""Python values to leaves and back: what converts, what doesn't, and what the messages say."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections import namedtuple
from typing import Any

import numpy as np
import pytest
from derivant.compiler import errors
from derivant.runtime.records import ctor_class, record_class
from derivant.runtime.shapes import (
    Array,
    Param,
    Record,
    Scalar,
    Signature,
    Sum,
    Tuple,
    from_json,
    leaves,
    signature_from_json,
    signature_to_json,
    to_json,
)
from derivant.runtime.values import Reader, infer, rebuild

F64, F32, I64, I32, BOOL = (Scalar(k) for k in ("f64", "f32", "i64", "i32", "bool"))
VEC = Array(F64, ("n",))
POINT = Record("Point", (("x", F64), ("y", I64)))
SHAPE = Sum("Shape", (("Circle", (F64,)), ("Box", (F64, F64)), ("Empty", ())))


def read(value: Any, t: Any, name: str = "v") -> list[Any]:
    return Reader("f").read(value, t, name)


@pytest.mark.parametrize("value, t, want", [
    (1.5, F64, 1.5), (2, F64, 2.0), (np.float32(0.5), F64, 0.5), (np.int32(3), I64, 3), (True, BOOL, True),
    (np.array(4.0), F64, 4.0), (3, I32, 3), (np.uint8(7), I32, 7), (np.float16(0.5), F32, np.float32(0.5)),
])
def test_scalars_widen(value: Any, t: Scalar, want: Any) -> None:
    (got,) = read(value, t)
    assert got == want and type(got) is type(want)


@pytest.mark.parametrize("value, t", [
    (True, F64), (1.0, I64), (np.float64(1), F32), (True, I64), (1, BOOL), ("1", F64), (None, F64), (1j, F64),
    (np.zeros(2), F64), (2**40, I32), ([1.0], F64), (np.bool_(True), F64), (np.float64(2), I64),
])
def test_scalars_never_narrow(value: Any, t: Scalar) -> None:
    with pytest.raises(TypeError) as info:
        read(value, t)
    assert isinstance(info.value, errors.TypeError) and info.value.code == "DV0607"
    assert "`v` of f: expected " + str(t) in str(info.value)


def test_integers_beyond_i64() -> None:
    with pytest.raises(ValueError, match="beyond the range"):
        read(2**63, I64)
    assert read(-(2**63), I64) == [-(2**63)]


@pytest.mark.parametrize("value", [
    np.arange(6.0)[::2], np.array([0, 2, 4]), np.array([0, 2, 4], np.uint8), [0, 2, 4], (0.0, 2.0, 4.0), range(0, 6, 2),
    np.array([0, 2, 4], ">f8"), np.array([0, 2, 4], np.float32), np.ma.masked_array([0.0, 2.0, 4.0]),
])
def test_arrays_become_contiguous_and_native(value: Any) -> None:
    (got,) = read(value, VEC)
    assert got.tolist() == [0.0, 2.0, 4.0] and got.dtype == np.float64
    assert got.flags.c_contiguous and got.flags.aligned and got.dtype.isnative


def test_misaligned_and_read_only_arrays() -> None:
    raw = np.zeros(33, np.uint8)
    odd = raw[1:].view(np.float64)
    assert read(odd, VEC)[0].flags.aligned
    frozen = np.arange(3.0)
    frozen.flags.writeable = False
    assert read(frozen, VEC)[0].tolist() == [0, 1, 2]


@pytest.mark.parametrize("value, t", [
    (np.zeros(3), Array(F32, ("n",))), (np.zeros(3), Array(I64, ("n",))), (np.zeros(3, bool), VEC),
    (np.zeros(3), Array(BOOL, ("n",))), (np.zeros((2, 2)), VEC), (np.zeros(3, complex), VEC), (["a"], VEC),
    ([[1.0], [1.0, 2.0]], Array(F64, ("n", "m"))), ([1.0, None], VEC), ([True, 1.0], VEC), ({"a": 1}, VEC), (1.0, VEC),
    (np.zeros(3, np.int64), Array(I32, ("n",))), (np.ma.masked_array([1.0, 2.0], [True, False]), VEC),
    (np.array(["x"]), VEC), (np.array([object()]), VEC),
])
def test_arrays_that_do_not_fit(value: Any, t: Array) -> None:
    with pytest.raises(errors.TypeError, match=r"`v(\[\d\])?` of f: expected"):
        read(value, t)


@pytest.mark.parametrize("value, t, says", [
    ("abc", VEC, "`v` of f: expected f64[n], found the string 'abc'"), (["1", 2], VEC, "`v[0]` of f: expected f64, found the string '1'"),
    ([1, None], VEC, "`v[1]` of f: expected f64, found None"), ([1, True], VEC, "`v[1]` of f: expected f64, found bool True"),
    ([True, 1], Array(BOOL, ("n",)), "`v[1]` of f: expected bool, found i64 1"),
    ([[1, 2], [3, "a"]], Array(F64, ("n", "m")), "`v[1, 1]` of f: expected f64, found the string 'a'"),
    ([1, 2**64], Array(I64, ("n",)), "`v[1]` of f: 18446744073709551616 is beyond the range of i64"),
    (10**400, F64, "is beyond the range of f64"), ([10**39], Array(F32, ("n",)), "is beyond the range of f32"),
])
def test_what_does_not_fit_is_named(value: Any, t: Scalar | Array, says: str) -> None:
    with pytest.raises(errors.Error) as info:
        read(value, t)
    assert says in info.value.message


class Foreign:
    """An array of another library, which like those rounds when it is asked for an integer."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        if isinstance(self.value, Exception):
            raise self.value
        return np.asarray(self.value, dtype)

    def __index__(self) -> int:
        return int(self.value)

    __int__ = __index__


def test_arrays_of_other_libraries_are_not_rounded() -> None:
    assert read(Foreign(1.5), F64) == [1.5]
    assert read(Foreign(2), I64) == [2]
    with pytest.raises(errors.TypeError, match="expected i64, found f64 1.5"):
        read(Foreign(1.5), I64)
    with pytest.raises(errors.TypeError, match="expected f64, found bool True"):
        read(Foreign(True), F64)


class Closed(dict):  # type: ignore[type-arg]
    def __getitem__(self, key: object) -> Any:
        raise KeyError("closed")


@pytest.mark.parametrize("value, t", [
    (Foreign(KeyError("closed")), VEC), (Foreign(ValueError("closed")), F64), ([Foreign(OSError("closed"))], VEC), (Closed(x=1, y=2), POINT),
    ([Closed(x=1, y=2)], Array(POINT, ("n",))), (Foreign(MemoryError("closed")), VEC),
])
def test_what_arguments_raise_names_the_argument(value: Any, t: Any) -> None:
    with pytest.raises(errors.TypeError, match=r"`v(\[0\])?` of f: a \w+ can't be read \(\w+: .*closed"):
        read(value, t)


def test_a_view_that_is_larger_than_memory() -> None:
    with pytest.raises(errors.ValueError_, match="no memory for an array of shape") as caught:
        read(np.broadcast_to(1.0, (10**8, 10**9)), Array(F64, ("n", "m")))
    assert caught.value.code == "DV0509"


def test_unsigned_integers_beyond_i64_are_floats_only() -> None:
    large = np.array([2**63, 1], np.uint64)
    assert read(large, VEC)[0].tolist() == [2.0**63, 1.0]
    with pytest.raises(errors.TypeError, match="beyond the range of i64"):
        read(large, Array(I64, ("n",)))


@pytest.mark.filterwarnings("error")
def test_nothing_is_of_every_dtype() -> None:
    assert read(np.zeros(0, complex), VEC)[0].dtype == np.float64


def test_integers_that_only_a_float_holds() -> None:
    assert read(10**30, F64) == [1e30]
    assert read(-(10**30), F32) == [np.float32(-1e30)]
    (got,) = read([1, 10**30], VEC)
    assert got.dtype == np.float64 and got.tolist() == [1, 1e30]


def test_empty_arrays() -> None:
    assert read([], VEC)[0].shape == (0,)
    assert read([], Array(F64, ("n", 3)))[0].shape == (0, 3)
    assert read([], Array(I64, ("n",)))[0].dtype == np.int64


def test_sizes_agree_over_all_arguments() -> None:
    reader = Reader("f")
    reader.read(np.zeros(3), VEC, "x")
    with pytest.raises(errors.SizeError) as info:
        reader.read(np.zeros(4), VEC, "y")
    assert "axis 0 of `y` has size 4, but n is 3 (from axis 0 of `x`)" in str(info.value)
    with pytest.raises(ValueError, match="has size 4, expected 3"):
        reader.read(np.zeros(4), Array(F64, (3,)), "z")


def test_an_integer_parameter_names_a_size() -> None:
    reader = Reader("f")
    reader.read(2, I64, "n")
    with pytest.raises(errors.SizeError, match="has size 3, but n is 2"):
        reader.read(np.zeros(3), VEC, "x")


@dataclasses.dataclass
class PointClass:
    x: float
    y: int


PointTuple = namedtuple("PointTuple", "x y")


@pytest.mark.parametrize("value", [
    {"x": 1, "y": 2}, PointClass(1.0, 2), PointTuple(1.0, 2), record_class("Point", ("x", "y"))(1.0, 2),
    record_class("Other", ("y", "x"))(2, 1.0),
])
def test_records_from_what_has_fields(value: Any) -> None:
    assert read(value, POINT) == [1.0, 2]


@pytest.mark.parametrize("value, text", [
    ({"x": 1}, "no field y"), ({"x": 1, "y": 2, "z": 3}, "a field z"), (3, "i64 3"), ((1, 2), "a tuple"),
    ({"x": 1, "y": 2.5}, "`v.y` of f: expected i64, found f64 2.5"),
])
def test_records_that_do_not_fit(value: Any, text: str) -> None:
    with pytest.raises(errors.TypeError) as info:
        read(value, POINT)
    assert text in str(info.value)


def test_arrays_of_records() -> None:
    t = Array(POINT, ("n",))
    for value in ({"x": [1.0, 2.0], "y": [3, 4]}, [{"x": 1.0, "y": 3}, PointClass(2.0, 4)],
                  np.array([(1.0, 3), (2.0, 4)], [("x", "f8"), ("y", "i8")])):
        x, y = read(value, t)
        assert x.tolist() == [1, 2] and y.tolist() == [3, 4]
    with pytest.raises(errors.SizeError, match="axis 0 of `v.y` has size 1, but n is 2"):
        read({"x": [1.0, 2.0], "y": [3]}, t)
    inner = Array(Record("Pose", (("r", Array(F64, (3,))),)), ("n",))
    assert read([{"r": [1, 2, 3]}, {"r": [4, 5, 6]}], inner)[0].shape == (2, 3)


def test_tuples() -> None:
    t = Tuple((F64, VEC))
    assert read((1.0, [2.0]), t)[0] == 1.0
    with pytest.raises(errors.TypeError):
        read((1.0,), t)
    pair = Array(Tuple((F64, I64)), ("n",))
    for value in (([1.0, 2.0], [3, 4]), [(1.0, 3), (2.0, 4)]):
        assert [a.tolist() for a in read(value, pair)] == [[1, 2], [3, 4]]


def test_sum_values() -> None:
    arity = (("Circle", 1), ("Box", 2), ("Empty", 0))
    box = ctor_class("Shape", arity, 1)(2.0, 3.0)
    assert read(box, SHAPE) == [1, 0.0, 2.0, 3.0]
    assert rebuild([1, 0.0, 2.0, 3.0], SHAPE) == box
    cls = ctor_class("Shape", arity, 1)
    match box:
        case cls(w, h):  # type: ignore[misc]
            assert (w, h) == (2.0, 3.0)
        case _:
            raise AssertionError
    boxes = [box, ctor_class("Shape", arity, 2)()]
    flat = read(boxes, Array(SHAPE, ("n",)))
    assert flat[0].tolist() == [1, 2] and flat[2].tolist() == [2.0, 0.0]
    assert rebuild(flat, Array(SHAPE, ("n",))).tolist() == boxes
    with pytest.raises(errors.TypeError, match="expected Shape"):
        read(1.0, SHAPE)


def test_record_classes_are_frozen_and_pickle() -> None:
    p = record_class("Point", ("x", "y₁"))(1.0, np.arange(3))
    assert p.x == 1.0 and p["y₁"].sum() == 3 and p[0] == 1.0
    with pytest.raises(AttributeError, match="frozen"):
        p.x = 2.0
    assert pickle.loads(pickle.dumps(p)) == p and copy.deepcopy(p) == p and copy.copy(p) is p
    assert p._replace(x=3.0).x == 3.0 and p != p._replace(x=3.0)
    assert repr(p) == "Point(x=1.0, y₁=array([0, 1, 2]))"
    with pytest.raises(TypeError, match="needs y₁"):
        type(p)(1.0)
    with pytest.raises(TypeError, match="no free field z"):
        type(p)(1.0, 2, z=3)
    assert not hasattr(p, "z")


def test_rebuild() -> None:
    assert type(rebuild([np.float64(1)], F64)) is float and type(rebuild([1], F32)) is np.float32
    assert type(rebuild([np.int64(1)], I64)) is int and rebuild([np.bool_(True)], BOOL) is True
    got = rebuild([1.0, 2, np.zeros(2)], Tuple((POINT, VEC)))
    assert got[0].y == 2 and got[1].shape == (2,)
    assert rebuild([np.zeros(3)], Array(F64, ("_",))).shape == (3,)


def test_infer() -> None:
    assert infer(1, "x", "f") == I64 and infer(True, "x", "f") == BOOL and infer(1.0, "x", "f") == F64
    assert infer(np.zeros((2, 3), np.float32), "x", "f") == Array(F32, ("_", "_"))
    assert infer([1, 2], "x", "f") == Array(I64, ("_",))
    assert infer({"a": 1.0}, "x", "f") == Record("", (("a", F64),))
    assert infer((1.0, 2), "x", "f") == Tuple((F64, I64))
    with pytest.raises(errors.TypeError):
        infer("text", "x", "f")


def test_types_and_signatures_survive_json() -> None:
    t = Tuple((Array(POINT, ("n", 3)), SHAPE, F32))
    assert from_json(to_json(t)) == t
    s = Signature("f", (Param("x", t, None, (1, 2, 1, 3)), Param("d", VEC, ("path", "a.csv"))), F64, "doc")
    assert signature_from_json(signature_to_json(s)) == s
    assert [leaf.path for leaf in leaves(Array(POINT, ("n",)), "p")] == ["p.x", "p.y"]
