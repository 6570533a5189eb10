"""What builtins say when they are used wrongly: the name, the argument, what was expected and found."""

from __future__ import annotations

import pytest
from derivant.compiler.errors import Error, Source
from derivant.frontend.modules import load_module

V, M = "a: f64[n]", "a: f64[n, m]"

# expression, parameters, code, message, help
CASES: list[tuple[str, str, str, str, str | None]] = [
    ("sum(a, b)", "a: f64, b: f64", "DV0303", "sum takes 1 argument (v, axis =), this gives 2", None),
    ("sum(a, axs = 0)", M, "DV0304", "sum has no argument axs", "did you mean axis?"),
    ("sum(a, axis = 2)", M, "DV0313", "sum: axis 2 is out of range, the array has 2 axes", "the axes are 0, 1"),
    ("sum(a, axis = (0, -2))", M, "DV0313", "sum: axis -2 is given twice", None),
    ("sum(a, axis = len(a))", M, "DV0306",
     "sum: axis must be a literal integer or a tuple of them, this is i64", "the rank of a result is known at compile time"),
    ("sum(a > 0)", V, "DV0306", "sum takes an array of numbers, this is bool[n]", "count(v) counts what is true"),
    ("sum(x > 0 for x in a)", V, "DV0308", "sum takes numbers, this is bool", "count(…) counts the true ones"),
    ("max(a)", "a: f64", "DV0306", "max takes one array or several numbers, this is f64", None),
    ("max(a, a, axis = 0)", V, "DV0304", "max of several numbers has no axis", None),
    ("any(a)", V, "DV0306", "any takes an array of bools, this is f64[n]", "compare: v != 0"),
    ("argmax(a, axis = (0, 1))", M, "DV0313", "argmax goes along one axis", None),
    ("softmax(a)", M, "DV0306", "softmax takes a vector, this is f64[n, m]", "take the rows: [softmax(r) for r in a]"),
    ("sort(a)", M, "DV0306", "sort takes a vector, this is f64[n, m]", "take the rows: [sort(r) for r in a]"),
    ("cumsum(a)", "a: f64", "DV0306", "cumsum takes a vector, this is f64", "an array of one element is [x]"),
    ("sqrt(a, a)", "a: f64", "DV0303", "sqrt takes 1 argument (x), this gives 2", None),
    ("sqrt((a, a))", "a: f64", "DV0308", "sqrt takes numbers, this is (f64, f64)", None),
    ("clip(a)", "a: f64", "DV0303", "clip takes 3 arguments (x, low, high), this gives 1", None),
    ("reshape(a, 3, 5)", "a: f64[7]", "DV0312", "reshape: 7 elements can't take this shape", None),
    ("transpose(a, 0)", M, "DV0313", "transpose needs all 2 axes in their new order, these are 1", None),
    ("concat(a, a[0])", M, "DV0307", "the arrays of concat must have one type, these are f64[n, m] and f64[m]", None),
    ("zip(a)", V, "DV0303", "zip takes two arrays or more, this gives 1", None),
    ("zip(a, b)", "a: f64[n], b: f64[m]", "DV0312", "zip: the arrays must have the same size",
     "if they must be equal, give both the same name in the signature"),
    ("map(a, a)", V, "DV0306", "map: f must be a function, this is f64[n]", None),
    ("reduce(fn x -> x, 0, a)", V, "DV0303", "reduce: op must be a function of two parameters, this has 1", None),
    ("accumulate(a, a)", V, "DV0306", "accumulate takes pairs (index, value), this is f64", None),
    ("accumulate(a, ((1, 1), 2.0) for i < 3)", V, "DV0311", "accumulate: 2 indices for f64[n]", None),
    ("accumulate(a, (i, true) for i < 3)", V, "DV0301", "accumulate: the base holds f64[n], this adds bool", None),
    ("accumulate(a, by = max, (i, 1.0) for i < 3)", V, "DV0304", "accumulate has no argument by", "it has op"),
    ("solve(a, a)", V, "DV0306", "solve takes a square matrix, this is f64[n]", None),
    ("inv(a)", M, "DV0312", "inv takes a square matrix, this is f64[n, m]",
     "if they must be equal, give both the same name in the signature"),
    ("diag(a)", "a: f64[n, m, k]", "DV0306", "diag takes a vector or a square matrix, this is f64[n, m, k]", None),
    ("len(a)", "a: f64", "DV0306", "len takes an array, this is f64", "an array of one element is [x]"),
    ("show(a, 1)", "a: f64", "DV0306", "show takes a string as its label, this is an integer literal", None),
    ("select(a, a, a)", "a: f64", "DV0306", "select takes a bool first, this is f64", None),
    ("searchsorted(a, a)", V, "DV0306", "searchsorted takes one number to look for, this is f64[n]",
     "for several: [searchsorted(v, x) for x in xs]"),
    ("softmx(a)", V, "DV0201", "nothing here is called softmx", "did you mean softmax?"),
]


@pytest.mark.parametrize("text, params, code, message, help", CASES, ids=[c[0] for c in CASES])
def test_message(text: str, params: str, code: str, message: str, help: str | None) -> None:
    with pytest.raises(Error) as caught:
        load_module(Source("test.dv", f"def main({params}) = {text}\n")).check()
    e = caught.value.errors[0]
    assert (e.code, e.message) == (code, message)
    assert help is None or e.help == help
    assert e.span is not None and e.span.line == 1
