"""Arguments from text and files; results to files; what the messages name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import derivant as dv
import numpy as np
import pytest
from derivant.compiler import errors
from derivant.runtime import data, output
from derivant.runtime.gradients import check_gradients
from derivant.runtime.records import ctor_class, record_class
from derivant.runtime.shapes import Any as AnyType
from derivant.runtime.shapes import Array, Record, Scalar, Sum, Tuple
from derivant.runtime.show import show, to_plain
from derivant.runtime.testing import run_tests

F64, F32, I64 = Scalar("f64"), Scalar("f32"), Scalar("i64")
VEC, MATRIX = Array(F64, ("n",)), Array(F64, ("n", "d"))
ROWS = Array(Record("Row", (("a", F64), ("b", I64))), ("n",))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.mark.parametrize("text, t, want", [
    ("3", I64, 3), ("3.5", F64, 3.5), ("true", Scalar("bool"), True), ("-inf", F64, -np.inf), ("1e-3", F64, 0.001),
    ("[1, 2.5]", VEC, [1, 2.5]), ('{"a": 1}', AnyType(), {"a": 1}), ("[1, 2]", Tuple((F64, F64)), (1, 2)),
])
def test_literals(text: str, t: Any, want: Any) -> None:
    assert data.read_argument(text, t, "x") == want


def test_literals_take_the_width_that_is_asked_for() -> None:
    assert type(data.read_argument("0.1", F32, "x")) is np.float32
    assert data.read_argument("[0.1, 2]", Array(F32, ("n",)), "x").dtype == np.float32


def test_literals_of_sum_types() -> None:
    shape = Sum("Shape", (("Circle", (F64,)), ("Empty", ())))
    arity = (("Circle", 1), ("Empty", 0))
    circle, empty = ctor_class("Shape", arity, 0)(2.0), ctor_class("Shape", arity, 1)()
    assert data.read_argument('{"Circle": [2.0]}', shape, "x") == circle
    assert data.read_argument('[{"Circle": [2.0]}, {"Empty": []}]', Array(shape, ("n",)), "x") == [circle, empty]
    assert data.read_argument('{"Square": [2.0]}', shape, "x") == {"Square": [2.0]}
    assert to_plain((circle, empty)) == [{"Circle": [2.0]}, {"Empty": []}]


def test_numbers_that_json_has_not(folder: Path) -> None:
    values = np.array([1.0, np.nan, -np.inf, np.inf])
    assert to_plain(values) == [1.0, "nan", "-inf", "inf"] and to_plain(np.inf) == "inf"
    assert to_plain(values.reshape(2, 2)) == [[1.0, "nan"], ["-inf", "inf"]]
    for text in ('[1, nan, -inf, inf]', '[1, NaN, -Infinity, Infinity]', json.dumps(to_plain(values))):
        assert np.array_equal(data.read_argument(text, VEC, "x"), values, equal_nan=True)
    path = write(folder, "v.json", '{"nan": [1, "nan", -inf, "inf"], "inf \\" nan": "fine"}')
    found = data.read_argument(path, AnyType(), "x")
    assert np.array_equal(found["nan"], values, equal_nan=True) and found['inf " nan'] == "fine"


def test_arrays_of_sum_types_are_written_as_json_only(folder: Path) -> None:
    arity = (("Circle", 1), ("Empty", 0))
    shapes = np.array([ctor_class("Shape", arity, 0)(2.0), ctor_class("Shape", arity, 1)()], object)
    assert to_plain(shapes) == [{"Circle": [2.0]}, {"Empty": []}] and show(shapes) == "[Circle(2.0), Empty]"
    for name in ("a.npz", "a.npy", "a.csv"):
        with pytest.raises(errors.Error, match="write .json"):
            output.save(shapes, str(folder / name))


@pytest.mark.parametrize("text", ["points", "[1,", "{", "1.2.3", ""])
def test_what_is_no_literal(text: str) -> None:
    with pytest.raises(errors.Error) as info:
        data.read_argument(text, F64, "x")
    assert info.value.code == "DV0609" and "`x`" in str(info.value)


def write(folder: Path, name: str, text: str | bytes) -> str:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def test_csv_by_header(folder: Path) -> None:
    path = write(folder, "t.csv", "\ufeffb, a,c\n1,2.5,x\n\n-3,4,y\n")
    got = data.read_argument(path, ROWS, "x")
    assert got["a"].tolist() == [2.5, 4.0] and got["b"].tolist() == [1, -3]


def test_csv_matrix_and_vector(folder: Path) -> None:
    assert data.read_argument(write(folder, "m.csv", "1,2\n3,4\n"), MATRIX, "x").tolist() == [[1, 2], [3, 4]]
    assert data.read_argument(write(folder, "h.csv", "p,q\n3,4\n"), MATRIX, "x").tolist() == [[3, 4]]
    assert data.read_argument(write(folder, "v.csv", "1\n2\n"), VEC, "x").tolist() == [1, 2]
    assert data.read_argument(write(folder, "i.csv", "1\n2\n"), Array(I64, ("n",)), "x").dtype == np.int64


@pytest.mark.parametrize("text, t, want", [
    ("a,b\n1,2\n3,x\n", ROWS, "t.csv, line 3, column 2 (b): `x` is not a value of i64"),
    ("a,b\n1,2\n3,2.5\n", ROWS, "column 2 (b): `2.5` is not a value of i64"),
    ("a,b\n1,\n", ROWS, "line 2, column 2 (b): this cell is empty"),
    ("a,b\n1,2,3\n", ROWS, "t.csv, line 2: 3 columns, but 2 above"),
    ("a,c\n1,2\n", ROWS, "there is no column b"),
    ("a,b,b\n1,2,3\n", ROWS, "two columns b"),
    ("1,2\n", ROWS, "line 1: no header"),
    ("", ROWS, "no header"),
    ("1,2\n3,y\n", MATRIX, "line 2, column 2: `y`"),
    ("1,2\n", F64, "expected f64, found a CSV file"),
])
def test_csv_messages(folder: Path, text: str, t: Any, want: str) -> None:
    with pytest.raises(errors.Error) as info:
        data.read_argument(write(folder, "t.csv", text), t, "x")
    assert want in str(info.value)


def test_numpy_json_and_text_files(folder: Path) -> None:
    np.save(folder / "a.npy", np.arange(3.0))
    np.savez(folder / "b.npz", x=np.arange(2), y=np.ones(2))
    assert data.read_argument("a.npy", VEC, "x", str(folder)).tolist() == [0, 1, 2]
    assert data.read_argument("b.npz", VEC, "y", str(folder)).tolist() == [1, 1]
    assert set(data.read_argument("b.npz", VEC, "z", str(folder))) == {"x", "y"}
    assert data.read_argument(write(folder, "c.json", "[1, 2]"), VEC, "x") == [1, 2]
    assert data.read_argument(write(folder, "d.txt", "AB"), Array(I64, ("n",)), "x").tolist() == [65, 66]


@pytest.mark.parametrize("name, content, want", [
    ("a.npy", b"garbage", "not a NumPy file"), ("b.npz", b"PK\x03\x04garbage", "damaged"), ("c.json", b"[1, ", "line 1"),
    ("d.csv", b"a\n\xff\xfe\n", "not UTF-8 text: byte 0xff in line 2"), ("e.json", b"[" * 100000, "nested too deeply"),
    ("f.npy", b"", "not a NumPy file"), ("g.csv", b'a,b\n"1,2\n', "line"),
])
def test_damaged_files(folder: Path, name: str, content: bytes, want: str) -> None:
    with pytest.raises(errors.Error) as info:
        data.read_argument(write(folder, name, content), ROWS if name == "g.csv" else VEC, "x")
    assert want in str(info.value) and name in str(info.value)


def test_objects_are_refused(folder: Path) -> None:
    np.save(folder / "o.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(errors.Error, match="Python objects"):
        data.read_argument(str(folder / "o.npy"), VEC, "x")


@pytest.mark.filterwarnings("error")
def test_numbers_beyond_f32_are_rounded_to_infinity(folder: Path) -> None:
    """As the language rounds `let x: f32 = 1e50`; integers are not rounded, so they are refused where they arrive."""
    f32, vector = F32, Array(F32, ("n",))
    for text in ("-1e50", write(folder, "a.json", "-1e50")):
        found = data.read_argument(text, f32, "x")
        assert type(found) is np.float32 and found == -np.inf
    table = Array(Record("R", (("x", f32),)), ("n",))
    for text in ("[1e50, 0.1]", write(folder, "b.json", "[1e50, 0.1]"), write(folder, "c.csv", "x\n1e50\n0.1\n")):
        found = data.read_argument(text, vector, "x")
        assert found.dtype == np.float32 and found.tolist() == [np.inf, float(np.float32(0.1))]
    assert data.read_argument(write(folder, "c.csv", "x\n1e50\n"), table, "x")["x"].tolist() == [np.inf]
    module = dv.compile("def f(x: f32 = 1e50) = x\ndef g(v: f32[n]) = v\ndef h(x: f64) = f32(x)")
    assert module.f() == module.h(1e50) == np.inf
    for big in (10**50, 10**400):
        for name, t, text in (("f", f32, str(big)), ("g", vector, f"[{big}]")):
            with pytest.raises(errors.Error) as info:
                module[name](data.read_argument(text, t, "x"))
            assert info.value.code == "DV0616"


@pytest.mark.filterwarnings("error")
def test_what_overflows_in_a_check_is_no_warning() -> None:
    module = dv.compile('def f(v: f64[n]) = 1e308 * sum(v) * 100\ntest "a" = approx([1e308], [-1e308])')
    (checked,) = check_gradients(module)
    assert checked.skipped is not None and "finite" in checked.skipped
    (outcome,) = run_tests(module._unit)
    assert outcome.error is not None and "they differ most at [0]: 1e+308 and -1e+308" in str(outcome.error)


def test_missing_files(folder: Path) -> None:
    write(folder, "points.csv", "1\n")
    with pytest.raises(errors.Error) as info:
        data.read_argument("point.csv", VEC, "x", str(folder))
    assert info.value.code == "DV0601" and "did you mean" in str(info.value) and info.value.span is None
    with pytest.raises(errors.Error, match="is a directory"):
        data.read_source(folder)
    with pytest.raises(errors.Error, match="no name of a file"):
        data.read_source("a\0b")


def test_sources(folder: Path) -> None:
    assert data.read_source(write(folder, "a.dv", "\ufeffdef f(x) = x\n")) == "def f(x) = x\n"
    with pytest.raises(errors.Error, match="byte 0x00 in line 2"):
        data.read_source(write(folder, "b.dv", b"a\n\0"))
    with pytest.raises(errors.Error, match="too large"):
        data.read_source(write(folder, "c.dv", b" " * ((16 << 20) + 1)))


RESULT = record_class("Fit", ("value", "means"))(1.5, np.array([[1.0, 2.0], [3.0, 4.0]]))


def test_results_to_files_and_back(folder: Path) -> None:
    t = Record("Fit", (("value", F64), ("means", MATRIX)))
    for name in ("r.json", "r.npz"):
        path = str(folder / name)
        output.check_path(path)
        output.save(RESULT, path)
        got = data.read_argument(path, t, "x")
        assert float(got["value"]) == 1.5 and np.array_equal(got["means"], RESULT.means)
    output.save(RESULT.means, str(folder / "m.csv"))
    assert (folder / "m.csv").read_text() == "1.0,2.0\n3.0,4.0\n"
    output.save((np.arange(2), np.ones(2)), str(folder / "t.csv"))
    assert (folder / "t.csv").read_text() == "0,1\n0,1.0\n1,1.0\n"
    assert sorted(p.name for p in folder.iterdir()) == ["m.csv", "r.json", "r.npz", "t.csv"]


def test_results_that_do_not_fit(folder: Path) -> None:
    for name, value in (("a.npy", RESULT), ("a.csv", RESULT)):
        with pytest.raises(errors.Error, match="write .npz or .json"):
            output.save(value, str(folder / name))
    for path in ("x.txt", "nowhere/x.json"):
        with pytest.raises(errors.Error, match="--out"):
            output.check_path(path)


def test_show() -> None:
    assert show(1.5) == "1.5" and show(True) == "true" and show((1, 2.5)) == "(1, 2.5)"
    assert show(np.arange(3)) == "[0, 1, 2]"
    assert show(RESULT) == "Fit(\n  value = 1.5\n  means = [[1., 2.],\n           [3., 4.]]\n)"
