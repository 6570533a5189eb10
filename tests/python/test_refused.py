"""What is outside the language is refused at decoration, with its place in the user's file and what to write."""

from __future__ import annotations

import importlib
import inspect
import linecache
import re
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import derivant as dv
import numpy as np
import pytest

from . import refused_arrays, refused_lists, refused_statements, refused_values  # noqa: F401  they fill REFUSED
from .refused import REFUSED

EXPECTED = re.compile(r"# (DV\d{4}) at ([^\n]*?):( .*)?$")


@pytest.mark.parametrize("f", REFUSED, ids=lambda f: f.__name__)
def test_refused(f: Callable[..., Any]) -> None:
    lines, first = inspect.getsourcelines(f)
    (at,) = [k for k, line in enumerate(lines) if EXPECTED.search(line)]
    found = EXPECTED.search(lines[at])
    assert found is not None
    with pytest.raises(dv.Error) as e:
        dv.jit(f)
    error = e.value
    assert error.code == found[1], error
    assert error.span is not None and error.span.source is not None and error.span.source.name == inspect.getsourcefile(f)
    assert (error.span.line, error.span.col) == (first + at, lines[at].index(found[2]) + 1), error
    assert (found[3] or "").strip() in (error.help or ""), error
    assert lines[at].rstrip() in error.render()


def run(text: str, name: str = "cell") -> dict[str, Any]:
    """Runs a text that can be read again, as a notebook's cell can."""
    text = textwrap.dedent(text)
    file = f"<{name} {abs(hash(text))}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    names: dict[str, Any] = {"dv": dv, "np": np}
    exec(compile(text, file, "exec"), names)  # noqa: S102
    return names


@pytest.mark.parametrize("text, code", [
    ("def f(x): return g(x)", "DV0201"),  # refused at the first call: it may be defined by then
    ("def f(x): return g(x - 1)\ndef g(x): return f(x)", "DV0901"),
    ("def f(n: int): return 1.0 if n else 2.0", "DV0302"),
    ("def f(x: float):\n    a = np.full(3, 0)\n    a[0] = x\n    return a", "DV0301"),
    ("def f(x: float): return [1, 2][5]", "DV0315"),
])
def test_refused_when_used(text: str, code: str) -> None:
    f = dv.jit(run(text)["f"])
    with pytest.raises(dv.Error) as e:
        f(1)
    assert e.value.code == code and e.value.span is not None and e.value.span.line >= 1


@pytest.mark.parametrize("text, argument", [
    ("def f(x):\n    x += 1\n    return x", np.ones(3)),
    ("def f(x):\n    a = x.copy()\n    t = a[0]\n    a[0] = a[1]\n    a[1] = t\n    return a", np.ones((2, 2))),
    ("def f(x):\n    a = x.copy()\n    a[0], a[1] = a[1], a[0]\n    return a", np.ones((2, 2))),
])
def test_arrays_where_numbers_were_meant(text: str, argument: np.ndarray) -> None:
    """What is right for numbers, and shares memory for arrays, is decided by the arguments."""
    f = dv.jit(run(text)["f"])
    with pytest.raises(dv.TypeError) as e:
        f(argument)
    assert e.value.code == "DV0308" and "Python" in (e.value.help or "")
    g = run(text)["f"]
    numbers = 1.0 if argument.ndim == 1 else np.array([1.0, 2.0])
    np.testing.assert_array_equal(dv.jit(g)(numbers), g(numbers))


@pytest.mark.parametrize("text", [
    "    rows = [r for r in a]\n    rows[0] = 7.0\n    return a, rows",
    "    rows = [r for r in a]\n    a[0] = 99.0\n    return rows",
    "    rows = [a[i] for i in range(2)]\n    a[0] = 99.0\n    return rows",
    "    rows = []\n    for r in a:\n        rows.append(r)\n    a[0] = 99.0\n    return rows",
])
def test_lists_of_rows_or_numbers(text: str) -> None:
    """Lists of numbers keep them; a list of the rows of a matrix sees what is done to the matrix."""
    g = run(f"def f(x):\n    a = x * 1\n{text}")["f"]
    for found, wanted in zip(dv.jit(g)(np.array([1.0, 2.0])), g(np.array([1.0, 2.0])), strict=True):
        np.testing.assert_array_equal(found, wanted)
    with pytest.raises(dv.Error):
        dv.jit(g)(np.ones((2, 2)))


@pytest.mark.parametrize("text, argument", [
    ("    for i in range(len(a)):\n        a[i] = a[i - 1] * 2 if i > 0 else a[i]", np.array([1.0, 2.0, 3.0])),
    ("    for i in range(len(a)):\n        t = a[0].copy()\n        a[0] = a[i]\n        a[i] = t", np.arange(6.0).reshape(3, 2)),
    ("    for i, t in enumerate(a):\n        a[i] = t + 1", np.array([1.0, 2.0, 3.0])),
    ("    for i in range(len(a)):\n        for j in range(i):\n            a[i], a[j] = a[j] + 1, a[i] * 2", np.array([1.0, 2.0, 3.0])),
])
def test_numbers_of_loops_are_no_arrays(text: str, argument: np.ndarray) -> None:
    rank = ", ".join('"_"' for _ in argument.shape)
    for head in ("x", f"x: dv.f64[{rank}]"):
        g = run(f"def f({head}):\n    a = x.copy()\n{text}\n    return a")["f"]
        if ":" in head or argument.ndim == 1:  # rows are told from numbers by the annotation
            np.testing.assert_array_equal(dv.jit(g)(argument), g(argument))


@pytest.mark.parametrize("text, arguments, at", [
    ("def f(v): return v * 2", ([1.0, 2.0],), "v * 2"),
    ("def f(v, w): return v + w", ([1.0, 2.0], [3.0, 4.0]), "v + w"),
    ("def f(v, w): return w + v", (np.ones(2), [3.0, 4.0]), "w + v"),
    ("def f(v):\n    w = v\n    return -w", ([1.0, 2.0],), "w"),
    ("def f(v): return v < 2", ([1, 2],), "v"),
    ("def f(v): return [row * 2 for row in v]", ([[1, 2]],), "row * 2"),
    ("def f(v):\n    s = 0.0\n    for row in v:\n        s = s + sum(row * 2)\n    return s", ([[1.0, 2.0]],), "row * 2"),
    ("def f(v): return g(v)\ndef g(u): return u - 1", ([1, 2],), "u - 1"),
    ("def f(v): return g([v, v])\ndef g(u): return u - 1", (2.0,), "u - 1"),
    ("def f(t): return t * 2", ((1.0, 2.0),), "t * 2"),
    ("def f(t): return g(t)\ndef g(u): return u + u", ((1.0, 2.0),), "u + u"),
])
def test_lists_where_arrays_were_meant(text: str, arguments: tuple[Any, ...], at: str) -> None:
    f = dv.jit(run(text)["f"])
    if not isinstance(arguments[0], float):
        f(*map(np.array, arguments))
    for _ in range(2):
        with pytest.raises(dv.Error) as e:
            f(*arguments)
        span = e.value.span
        assert span is not None and span.source is not None
        assert span.source.text.splitlines()[span.line - 1][span.col - 1:].startswith(at), e.value


@pytest.mark.parametrize("text, arguments", [
    ("def f(v): return v[0] * 2 + len(v) * sum(v) - max(v)", ([1.0, 2.0],)),
    ("def f(v, w): return sum(a * b for a, b in zip(v, w))", ([1.0, 2.0], [3.0, 4.0])),
    ("def f(v): return sum(np.array(v) * 2)", ([1.0, 2.0],)),
    ("def f(v): return [x * 2 for x in v]", ([1, 2],)),
    ("def f(v): return g(v) + v[1]\ndef g(u): return sum(u)", ([1, 2],)),
    ("def f(t): return t[0] * 2 - t[1]", ((1.0, 2.0),)),
    ("def f(v: dv.f64['n']): return v.sum() * 2", (np.ones(3),)),
])
def test_lists_as_arguments(text: str, arguments: tuple[Any, ...]) -> None:
    f = run(text)["f"]
    np.testing.assert_array_equal(dv.jit(f)(*arguments), f(*arguments))


def test_lists_given_to_transforms() -> None:
    for make in (dv.grad, dv.value_and_grad, dv.jacobian, lambda f: lambda v: dv.jvp(f, v, v), lambda f: lambda v: dv.vjp(f, v)):
        f = run("def f(v): return np.sum(v * v)")["f"]
        make(f)(np.array([1.0, 2.0]))
        with pytest.raises(dv.TypeError, match="list"):
            make(f)([1.0, 2.0])


def test_no_source() -> None:
    names: dict[str, Any] = {}
    exec("def f(x): return x", names)  # noqa: S102
    with pytest.raises(dv.UnsupportedError) as e:
        dv.jit(names["f"])
    assert e.value.code == "DV0155" and "file" in (e.value.help or "")


@pytest.mark.parametrize("thing", [print, int, 3, "x", np.sin, object()])
def test_no_function(thing: Any) -> None:
    with pytest.raises(dv.TypeError) as e:
        dv.jit(thing)
    assert e.value.code == "DV0607"


def test_wrapped_below() -> None:
    import functools

    def logged(f: Any) -> Any:
        @functools.wraps(f)
        def inner(x: Any) -> Any:
            return f(x)

        return inner

    @logged
    def g(x: Any) -> Any:
        return x * 2

    with pytest.raises(dv.UnsupportedError, match="another decorator"):
        dv.jit(g)
    assert logged(dv.jit(lambda x: x * 3))(2.0) == 6.0


def test_arguments_are_checked() -> None:
    f = dv.jit(run("def f(x: float, v: dv.f64['n'], w: dv.f64['n']): return x * (v @ w)")["f"])
    for bad, kind in [((1.0, np.ones(2), np.ones(3)), dv.SizeError), (("a", np.ones(2), np.ones(2)), dv.TypeError),
                      ((1.0, np.ones(2)), dv.TypeError), ((1.0, np.ones(2), np.ones((2, 2))), dv.TypeError)]:
        with pytest.raises(kind):
            f(*bad)


MODULE = """
def helper(x):
    return x + 1.0


def alone(x):
    assert x > 0, f"{x} is not positive"
    return 1 / x


def other(x):
    return [abs(t) * 2.5 for t in x] if x[0] > 0 else [helper(t) for t in x]
"""


def test_a_text_that_is_newer_than_the_function(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The function that is loaded counts, not what its file says by now; one that is loaded again is read again."""
    file = tmp_path / "edited_module.py"
    file.write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    module = importlib.import_module("edited_module")
    assert dv.jit(module.other)(np.ones(2)).tolist() == [2.5, 2.5]
    file.write_text(MODULE.replace("x + 1.0", "x + 2.0"))
    linecache.clearcache()
    with pytest.raises(dv.Error, match="is not what it was made from") as e:
        dv.jit(module.helper)(1.0)
    assert e.value.code == "DV0155"
    with pytest.raises(dv.Error, match="the source of helper is not"):
        dv.jit(module.other)(np.ones(2))
    assert dv.jit(module.alone)(2.0) == 0.5
    importlib.reload(module)
    assert dv.jit(module.helper)(1.0) == 3.0
    file.write_text(MODULE.replace("x + 1.0", "x - 1.0"))  # the text that was read before is not asked again
    importlib.reload(module)
    assert dv.jit(module.helper)(1.0) == module.helper(1.0) == 0.0
    del sys.modules["edited_module"]
