"""All that is wrong with a function is said at once, in the order of its text, and nothing that only follows from it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import derivant as dv
import numpy as np
import pytest

LINE = re.compile(r"# (DV\d{4})")


def statements(x, n: int):
    import math  # noqa: F401  # DV0151
    y = np.sqr(x)  # DV0153
    try:  # DV0151
        z = 1
    except ValueError:
        z = 2
    x[0] = 3  # DV0152
    if x & 1:  # DV0151
        return None  # DV0151
    return y + z + n


def loops(x):
    q = 0.0
    for i in range(3):
        y = {1, i}  # DV0151
        q = math.sinn(y)  # DV0153
        print(q)  # DV0153
        while q > 1:
            q = q if q is None else q - 1  # DV0151
    for t in np.hilbert(x):  # DV0153
        q += t
    return q.foo()  # DV0153


def closures(x):
    def g(t):
        a = t & 1  # DV0151
        return a.bar()  # DV0153

    h = lambda t: f"{t}"  # DV0151
    k = [t | 1 for t in x]  # DV0151
    return g(x) + h(x) + k


def arrays(x, y):
    x[0] = 1.0  # DV0152
    for i in range(3):
        y[i] = 2.0  # DV0152
    z = np.zeros(3)
    w = z
    z[0] = 1.0  # DV0152
    g = (t for t in x)
    s = sum(g) + sum(g)  # DV0152
    return w + s


def branches(x):
    match x:
        case 1:
            y = ~x  # DV0151
        case _:
            y = x << 1  # DV0151
    if y:
        return 1 in x  # DV0151
    elif y is x:  # DV0151
        return y
    return [*x]  # DV0151


@pytest.mark.parametrize("f", [statements, loops, closures, arrays, branches], ids=lambda f: f.__name__)
def test_all_at_once(f: Callable[..., Any]) -> None:
    import inspect

    lines, first = inspect.getsourcelines(f)
    wanted = [(first + k, m[1]) for k, line in enumerate(lines) if (m := LINE.search(line))]
    with pytest.raises(dv.Error) as e:
        dv.jit(f)
    found = [(x.span.line, x.code) for x in e.value.errors if x.span is not None]
    assert found == wanted, e.value
    assert e.value.render().count("error[") == len(wanted) and len({str(x.message) for x in e.value.errors}) > 1


def test_twenty_are_shown() -> None:
    from .test_refused import run

    text = "def f(x):\n" + "".join(f"    a{k} = x & {k}\n" for k in range(30)) + "    return x\n"
    with pytest.raises(dv.Error) as e:
        dv.jit(run(text)["f"])
    assert len(e.value.errors) == 30 and "and 10 more errors" in e.value.render()


def test_values_that_are_missing_come_last() -> None:
    def f(x):
        y = z + x
        z = 1.0
        return y + z + w

    with pytest.raises(dv.Error) as e:
        dv.jit(f)
    assert [x.code for x in e.value.errors] == ["DV0154"]
