"""Every primitive as machine code against its evaluation in the table, at edges too."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from derivant.compiler.build import make_function
from derivant.compiler.errors import Error
from derivant.compiler.ir import Array, Scalar, Var
from derivant.compiler.primitives import PRIMITIVES, evaluate, result_kind
from derivant.compiler.primitives_eval import DTYPES
from derivant.runtime.native import compile_native

INF, NAN = float("inf"), float("nan")
FLOATS = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 3.7, -3.7, 1e-9, -7.25, 12.0, 1e300, -1e300, INF, -INF, NAN]
SINGLES = [x for x in FLOATS if abs(x) < 1e38 or abs(x) == INF or np.isnan(x)]
INTS = [0, 1, -1, 2, -2, 3, -3, 7, -7, 10, 63, 2**31 - 1, -(2**31)]
LONGS = [*INTS, 2**63 - 1, -(2**63)]
VALUES: dict[str, list[Any]] = {"f64": FLOATS, "f32": SINGLES, "i64": LONGS, "i32": INTS, "bool": [False, True]}
# The reference for these is less exact than the code, or differs in the sign of a NaN's neighbour.
ROUGH = {"digamma": 1e-11, "polygamma": 1e-11, "gamma": 1e-13, "lgamma": 1e-13, "erfc": 1e-13}


def kinds_of(name: str) -> list[tuple[str, ...]]:
    p = PRIMITIVES[name]
    return [ks for ks in itertools.product(DTYPES, repeat=p.arity) if result_kind(name, ks) is not None]


def comparable(name: str, row: tuple[Any, ...]) -> bool:
    """Is the reference a reference here?  NumPy turns `** 0.5` into a square root, and SciPy's Hurwitz
    zeta counts up to large negative arguments one by one."""
    if name in ("pow", "powi"):
        return row[0] != -INF or row[1] != 0.5
    return name != "polygamma" or (not row[1] < -100 and row[0] < 100)


def reference(name: str, kinds: tuple[str, ...], args: tuple[Any, ...]) -> Any:
    try:
        return evaluate(name, *(DTYPES[k](a) for k, a in zip(kinds, args, strict=True)))
    except Error as e:
        return e


@pytest.mark.parametrize("name", sorted(PRIMITIVES))
def test_native_equals_table(name: str) -> None:
    for kinds in kinds_of(name):
        rows = list(itertools.product(*(VALUES[k] for k in kinds)))
        good, bad = [], []
        for row in filter(lambda r: comparable(name, r), rows):
            value = reference(name, kinds, row)
            if isinstance(value, Error):
                bad.append((row, value))
            else:
                good.append((row, value))
        check_values(name, kinds, good)
        check_errors(name, kinds, bad[:3])


def check_values(name: str, kinds: tuple[str, ...], cases: list[Any]) -> None:
    n = Var("n", Scalar("i64"), nonneg=True)
    params = [Var(f"x{k}", Array(kind, (n,))) for k, kind in enumerate(kinds)]
    fn = make_function("f", params, lambda b: [b.build(n, lambda i: b.prim(name, *(b.index(p, i) for p in params)))])
    columns = [np.array(c, DTYPES[k]) for c, k in zip(zip(*(r for r, _ in cases), strict=True), kinds, strict=True)]
    (got,) = compile_native(fn)(columns)
    want = np.array([v for _, v in cases])
    assert got.dtype == want.dtype
    if got.dtype.kind != "f":
        np.testing.assert_array_equal(got, want)
        return
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want), err_msg=str(rows_where(cases, got, want)))
    tol = max(ROUGH.get(name, 0.0), (PRIMITIVES[name].ulp + 1) * float(np.finfo(got.dtype).eps))
    if got.dtype == np.float32:
        tol = max(tol, 1e-6)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(got, want, rtol=tol, atol=0 if name != "fmod" else 1e-300)


def rows_where(cases: list[Any], got: Any, want: Any) -> list[Any]:
    return [(r, g, w) for (r, _), g, w in zip(cases, got, want, strict=True) if np.isnan(g) != np.isnan(w)]


def check_errors(name: str, kinds: tuple[str, ...], cases: list[Any]) -> None:
    if not cases:
        return
    params = [Var(f"x{k}", Scalar(kind)) for k, kind in enumerate(kinds)]
    f = compile_native(make_function("f", params, lambda b: [b.prim(name, *params)]))
    for row, want in cases:
        with pytest.raises(type(want)) as caught:
            f(row)
        assert (caught.value.code, caught.value.message) == (want.code, want.message)
