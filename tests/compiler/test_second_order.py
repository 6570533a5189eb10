"""Second derivatives of the primitives at their edges, in each order of the modes: no NaN from a side not taken."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from derivant.compiler.build import Builder, make_function
from derivant.compiler.interpret import run
from derivant.compiler.ir import Atom, Const, Function, Program, Scalar, Var
from derivant.passes.differentiate import resolve

ROWS: list[tuple[str, tuple[float | int, ...], list[float]]] = [
    ("abs", (0.0,), [0]),
    ("relu", (0.0,), [0]),
    ("max", (1.0, 1.0), [0, 0, 0, 0]),
    ("sqrt", (0.0,), [-math.inf]),
    ("pow", (3.0, 0.0), [0, 1 / 3, 1 / 3, math.log(3) ** 2]),
    ("pow", (0.0, 2.0), [2, 0, 0, 0]),
    ("pow", (0.0, 1.0), [0, 1, 0, 0]),
    ("powi", (0.0, 0), [0]),
    ("powi", (0.0, 1), [0]),
    ("powi", (0.0, 2), [2]),
    ("powi", (-2.0, 3), [-12]),
    ("hypot", (0.0, 0.0), [1, 0, 0, 1]),
    ("xlogy", (0.0, 2.0), [0, 0.5, 0.5, 0]),
    ("logaddexp", (-math.inf, 1.0), [0, 0, 0, 0]),
    ("logaddexp", (2.0, 2.0), [0.25, -0.25, -0.25, 0.25]),
    ("mod", (7.5, 2.0), [0, 0, 0, 0]),
    ("softplus", (-1000.0,), [0]),
    ("expm1", (-50.0,), [math.exp(-50)]),
]


def derivative(f: Function, k: int, mode: str, name: str) -> Function:
    """The partial derivative of a scalar function by its k-th parameter."""
    params = [Var(p.name, p.type) for p in f.params]

    def body(b: Builder) -> Sequence[Atom]:
        one = Const(1.0, "f64")
        if mode == "jvp":
            return [b.jvp(f, params, [one if j == k else None for j in range(len(params))])[1]]
        return [b.vjp(f, params, [one], [k])[1]]

    return make_function(name, params, body)


@pytest.mark.parametrize("outer", ["jvp", "vjp"])
@pytest.mark.parametrize("inner", ["jvp", "vjp"])
@pytest.mark.parametrize(("name", "values", "want"), ROWS, ids=lambda x: str(x))
def test_second_derivatives(name: str, values: tuple[float | int, ...], want: list[float], inner: str, outer: str) -> None:
    kinds = ["f64" if isinstance(v, float) else "i64" for v in values]
    params = [Var(f"x{k}", Scalar(kind)) for k, kind in enumerate(kinds)]
    f = make_function("f", params, lambda b: [b.prim(name, *params)])
    floats = [k for k, kind in enumerate(kinds) if kind == "f64"]
    found = []
    for i in floats:
        g = derivative(f, i, inner, "g")
        for j in floats:
            h = derivative(g, j, outer, "h")
            program = resolve(Program({"f": f, "g": g, "h": h}, ("h",)))
            found.append(float(run(program, "h", list(values))[0]))
    assert found == pytest.approx(want, rel=1e-12)
