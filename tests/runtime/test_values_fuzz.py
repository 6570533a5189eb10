"""Argument conversion meets anything: it converts, or refuses with an error of ours, and never changes what it got."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from derivant.compiler import errors
from derivant.runtime import data
from derivant.runtime.shapes import Any as AnyType
from derivant.runtime.shapes import Array, Record, Scalar, Tuple, Type, leaves
from derivant.runtime.values import DTYPES, Reader, infer, rebuild
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

KINDS = ("f64", "f32", "i64", "i32", "bool")
scalars = st.sampled_from(KINDS).map(Scalar)
arrays = st.builds(Array, scalars, st.lists(st.sampled_from(["n", "m", 2, "_"]), min_size=1, max_size=3).map(tuple))
types: st.SearchStrategy[Type] = st.recursive(
    st.one_of(scalars, arrays),
    lambda t: st.one_of(
        st.lists(t, min_size=2, max_size=3).map(lambda ts: Tuple(tuple(ts))),
        st.lists(t, min_size=1, max_size=3).map(lambda ts: Record("R", tuple((f"f{k}", s) for k, s in enumerate(ts)))),
    ),
    max_leaves=4,
)
dtypes = st.one_of(
    hnp.floating_dtypes(endianness="?"), hnp.integer_dtypes(endianness="?"), hnp.unsigned_integer_dtypes(), hnp.boolean_dtypes(),
    hnp.complex_number_dtypes(), hnp.unicode_string_dtypes(max_len=3), hnp.datetime64_dtypes(),
)
ndarrays = hnp.arrays(dtypes, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
plain = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=3), st.complex_numbers(), st.binary(max_size=3),
    ndarrays,
)
values = st.recursive(
    plain, lambda v: st.one_of(st.lists(v, max_size=3), st.tuples(v, v), st.dictionaries(st.sampled_from(["f0", "f1", "x"]), v, max_size=3)),
    max_leaves=5,
)


def same(a: Any, b: Any) -> bool:
    return repr(a) == repr(b)


@settings(max_examples=400, deadline=None)
@given(types, values)
def test_any_value_for_any_type(t: Type, value: Any) -> None:
    before = copy.deepcopy(value)
    try:
        got = Reader("f").read(value, t, "v")
    except errors.Error as e:
        assert e.code in ("DV0607", "DV0502", "DV0616") and "`v" in e.message
        return
    finally:
        assert same(before, value)
    assert len(got) == len(leaves(t))
    for x, leaf in zip(got, leaves(t), strict=True):
        if leaf.sizes:
            assert isinstance(x, np.ndarray) and x.dtype == DTYPES[leaf.kind] and x.ndim == len(leaf.sizes)
            assert x.flags.c_contiguous and x.flags.aligned
        else:
            assert not isinstance(x, np.ndarray)
    again = rebuild(got, t)
    assert same(Reader("f").read(again, t, "v"), got)


@settings(max_examples=200, deadline=None)
@given(values)
def test_any_value_without_a_type(value: Any) -> None:
    try:
        t = infer(value, "v", "f")
        Reader("f").read(value, t, "v")
    except errors.Error as e:
        assert e.code in ("DV0607", "DV0502", "DV0616")


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=20), st.sampled_from(["[1, 2]", "1e999", "--1", "{}", '"a"', "[[1],[2,3]]"])), types)
def test_any_text_on_the_command_line(text: str, t: Type) -> None:
    if data.is_path(text.strip()):
        return
    try:
        Reader("f").read(data.read_argument(text, t, "v"), t, "v")
    except errors.Error:
        return


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60), st.sampled_from([".csv", ".json", ".npy", ".npz"]))
def test_any_bytes_as_a_file(tmp_path_factory: Any, content: bytes, suffix: str) -> None:
    path = tmp_path_factory.mktemp("data") / f"x{suffix}"
    path.write_bytes(content)
    for t in (Array(Scalar("f64"), ("n",)), Array(Record("R", (("a", Scalar("i64")),)), ("n",)), AnyType()):
        try:
            data.read_argument(str(path), t, "v")
        except errors.Error as e:
            assert str(path) in e.message or "`v`" in e.message
