"""`dv.jit` as users meet it: where functions come from, what they keep, pickles, threads."""

from __future__ import annotations

import copy
import functools
import inspect
import linecache
import math
import multiprocessing
import pickle
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import derivant as dv
import numpy as np
import pytest

SCALE = 3.0
WEIGHTS = np.array([1.0, 2.0, 3.0])


@dv.jit
def loss(x: dv.f64["n"], power: int = 2, *, scale: float = 1.0) -> float:
    """The sum of powers."""
    return scale * sum(t**power for t in x)


@dv.jit
def weighted(x):
    return SCALE * sum(w * t * t for w, t in zip(WEIGHTS, x))


def plain(x):
    return weighted(x) + loss(x)


X = np.array([1.0, -2.0, 0.5])


# ---------------------------------------------------------------- what it keeps


def test_looks_like_the_function() -> None:
    assert loss.__name__ == "loss" and loss.__doc__ == "The sum of powers." and loss.__module__ == __name__
    assert inspect.signature(loss) == inspect.signature(loss.py_func)
    assert loss.py_func(X) == pytest.approx(loss(X))
    assert loss.source.startswith("@dv.jit\ndef loss(") and "def loss(x: f64[n], power: i64 = 2" in loss.dv_source
    assert "loss" in repr(loss) and isinstance(loss, dv.Function)
    assert dv.jit(loss) is loss


def test_functions_on_one_line() -> None:
    f = lambda x: x + 1 if x > 0 else x - 1; g = lambda x: x + 1 if x > 0 else x - 2
    h, k = lambda x: x + 2 if x > 0 else x - 1, lambda x: x > 0 and x < 2
    inner = lambda x: (lambda x: x * 2 if x > 0 else x)(x) + 1  # noqa: PLC3002
    for one in (f, g, h, k, inner):
        for x in (-1.0, 1.0, 3.0):
            assert dv.jit(one)(x) == one(x)


@pytest.mark.parametrize("text, name, help", [
    ("def f(x):\n    while x > 1:\n        x = x / 2\n    return x", "x is i64 at first", "write x = float(x) before the loop"),
    ("def f(n: int):\n    a, b = n, 1\n    for i in range(3):\n        b = b + 1\n        a *= 0.5\n    return a * b",
     "a is i64 at first, a float literal", "write a = float(a) before the loop"),
    ("def f(x):\n    v = np.arange(x)\n    for i in range(3):\n        v = v / 2\n    return v", "v is i64[x] at first",
     "write v = v.astype(float) before the loop"),
])
def test_integers_that_become_floats_in_a_loop(text: str, name: str, help: str) -> None:
    from .test_refused import run

    with pytest.raises(dv.TypeError, match="after a step of the loop") as e:
        dv.jit(run(text)["f"])(9)
    assert e.value.code == "DV0316" and name in e.value.message and e.value.help == help
    lines = text.splitlines()
    at = next(k for k, line in enumerate(lines) if line.lstrip().startswith(("while", "for")))
    followed = "\n".join([*lines[:at], "    " + help.removeprefix("write ").removesuffix(" before the loop"), *lines[at:]])
    f = run(followed)["f"]
    np.testing.assert_allclose(dv.jit(f)(9), f(9))


def test_keywords_and_defaults() -> None:
    assert loss(X, 3) == pytest.approx(sum(X**3))
    assert loss(x=X, scale=2.0) == loss(X, scale=2.0, power=2) == pytest.approx(2 * X @ X)
    with pytest.raises(TypeError, match="no parameter"):
        loss(X, skale=2.0)
    with pytest.raises(TypeError, match="no value"):
        loss()


def test_compilations_follow_dtype_and_rank() -> None:
    f = dv.jit(lambda x: x * 2)
    assert f.compilations == 0
    for n in (3, 5, 1000):
        f(np.ones(n))
    assert f.compilations == 1
    assert f(np.ones((2, 2), np.float32)).dtype == np.float32 and f(3) == 6 and isinstance(f(3), int)
    assert f.compilations == 3


def test_parameter_names_of_the_language() -> None:
    @dv.jit
    def f(fn, let=2.0, gamma=1.0):
        return fn * let + math.gamma(gamma + 2)

    assert f(1.0) == 4.0 and f(fn=1.0, let=3.0, gamma=2.0) == 9.0


# ---------------------------------------------------------------- where functions come from


def test_lambdas_of_one_line() -> None:
    f, g = dv.jit(lambda x: x + 1), dv.jit(lambda x: x * 2)
    assert (f(3.0), g(3.0)) == (4.0, 6.0)
    both = [dv.jit(h) for h in (lambda x: x - 1, lambda x: x**2)]
    assert [h(3.0) for h in both] == [2.0, 9.0]


def test_lambda_over_lines() -> None:
    f = dv.jit(
        lambda x: (
            x
            + 1
        ))
    assert f(1.0) == 2.0 and f.source.startswith("lambda x")


def test_closures() -> None:
    def made(c: Any) -> Callable[..., Any]:
        def f(x):
            return c * x

        return dv.jit(f)

    assert made(2.0)(3.0) == 6.0 and made(5)(3.0) == 15.0
    np.testing.assert_array_equal(made(WEIGHTS)(2.0), 2 * WEIGHTS)


def test_arrays_from_outside_are_arguments() -> None:
    data = np.array([1.0, 2.0])

    @dv.jit
    def f(x):
        return data @ data * x

    assert f(1.0) == 5.0 and "data: f64[_]" in f.dv_source
    data[0] = 3.0
    assert f(1.0) == 13.0 and f.compilations == 1
    assert dv.grad(f)(1.0) == 13.0


def test_stacked_decorators() -> None:
    def twice(f: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(f)
        def inner(x: Any) -> Any:
            return f(f(x))

        return inner

    @twice
    @dv.jit
    def f(x):
        return x + 1

    assert f(1.0) == 3.0


def test_notebook_cells(tmp_path: Any) -> None:
    """A cell is text that `linecache` has under a name that is no file; a second one may have the same lines."""
    results = []
    for k in (1, 2):
        text = f"@dv.jit\ndef f(x):\n    return x * {k}\n"
        name = f"<ipython-input-{k}-cell>"
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
        names: dict[str, Any] = {"dv": dv}
        exec(compile(text, name, "exec"), names)  # noqa: S102
        results.append(names["f"](10.0))
    assert results == [10.0, 20.0]


def test_standard_input_has_no_source() -> None:
    text = "import derivant as dv\ntry:\n    dv.jit(lambda x: x)\nexcept dv.UnsupportedError as e:\n    print(e.code)\n"
    out = subprocess.run([sys.executable, "-"], input=text, capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "DV0155"


def test_a_file_that_has_changed(tmp_path: Any) -> None:
    file = tmp_path / "moved.py"
    file.write_text("def f(x):\n    return x\n")
    names: dict[str, Any] = {}
    exec(compile(file.read_text(), str(file), "exec"), names)  # noqa: S102
    file.write_text("# one more line\ndef f(x):\n    return x\n")
    linecache.checkcache()
    with pytest.raises(dv.UnsupportedError, match="changed"):
        dv.jit(names["f"])


def test_importing_the_decorator_is_light() -> None:
    code = ("import sys, derivant as dv\n@dv.jit\ndef f(x: dv.f64['n']): return sum(x)\n"
            "print([m for m in ('lark', 'sympy', 'llvmlite', 'networkx', 'scipy') if m in sys.modules])")
    with_file = f"import runpy, tempfile, os\np = os.path.join(tempfile.mkdtemp(), 'm.py')\nopen(p, 'w').write({code!r})\nrunpy.run_path(p)"
    out = subprocess.run([sys.executable, "-c", with_file], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_functions_defined_later() -> None:
    names: dict[str, Any] = {"dv": dv}
    text = textwrap.dedent("""
        @dv.jit
        def first(x):
            return second(x) + CONSTANT

        def second(x):
            return 2 * x

        CONSTANT = 5
    """)
    linecache.cache["<later>"] = (len(text), None, text.splitlines(keepends=True), "<later>")
    exec(compile(text, "<later>", "exec"), names)  # noqa: S102
    assert names["first"](1.0) == 7.0


# ---------------------------------------------------------------- pickles, copies, threads


def test_pickles() -> None:
    assert pickle.loads(pickle.dumps(loss)) is loss  # a module has it
    local = dv.jit(lambda x: SCALE * x + WEIGHTS[1])
    for again in (pickle.loads(pickle.dumps(local)), copy.deepcopy(local)):
        assert again(2.0) == local(2.0) == 8.0 and dv.grad(again)(1.0) == 3.0
        with pytest.raises(dv.UnsupportedError, match="pickled"):
            _ = again.py_func
    derived = pickle.loads(pickle.dumps(dv.grad(weighted)))
    np.testing.assert_array_equal(derived(X), dv.grad(weighted)(X))


def test_other_processes() -> None:
    local = dv.jit(lambda x: x * x + 1)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(local, [1.0, 2.0]) == [2.0, 5.0]


def test_threads() -> None:
    f = dv.jit(plain)
    results: list[float] = []
    threads = [threading.Thread(target=lambda: results.append(f(X))) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert results == [plain(X)] * 8


# ---------------------------------------------------------------- errors at run time


def test_errors_point_into_the_python_file() -> None:
    @dv.jit
    def at(v: dv.f64["n"], k: int):
        assert k >= 0, f"k is {k}"
        return v[k]

    with pytest.raises(dv.BoundsError) as e:
        at(X, 5)
    assert e.value.span is not None and e.value.span.source is not None and e.value.span.source.name == __file__
    assert "return v[k]" in e.value.render()
    with pytest.raises(dv.AssertError, match="k is -1"):
        at(X, -1)
    with pytest.raises(dv.Error) as e2:
        dv.grad(at)(X, 5)
    assert e2.value.code == "DV0501"


def test_annotations() -> None:
    assert dv.f64["n", 3] == dv.f64["n", 3] != dv.f64["n"] and repr(dv.i64["n + 1"]) == "derivant.i64['n + 1']"
    assert dv.f64(3) == 3.0 and dv.f32(1).dtype == np.float32 and dv.i64(2.7) == 2
    np.testing.assert_array_equal(dv.f32(X), X.astype(np.float32))

    @dv.jit
    def f(a: dv.f32["n"], b: dv.i32, c: dv.bool["n"], d: dv.f64["n + 1"], e: tuple[float, int]) -> dv.f64["n"]:
        return [dv.f64(a[i]) * b + d[i] + d[i + 1] + e[0] * e[1] if c[i] else 0.0 for i in range(len(a))]

    out = f(np.ones(2, np.float32), 2, np.array([True, False]), np.arange(3.0), (0.5, 2))
    np.testing.assert_array_equal(out, [4.0, 0.0])
    with pytest.raises(dv.SizeError):
        f(np.ones(2, np.float32), 2, np.array([True, False]), np.arange(4.0), (0.5, 2))


# ---------------------------------------------------------------- names from outside that change


FACTOR = 2.0


def helper(x):
    return FACTOR * x


@dataclass
class Settings:
    rate: float


SETTINGS = Settings(1.0)


def test_names_that_change(monkeypatch: pytest.MonkeyPatch) -> None:
    """A redefinition is seen by functions that use it, and by their derivatives that are already there."""
    f = dv.jit(lambda x: helper(x) * SETTINGS.rate)
    slope, bound = dv.grad(f), dv.vmap(f)
    assert (f(3.0), slope(3.0), bound(X)[0]) == (6.0, 2.0, 2.0)
    here = sys.modules[__name__]
    monkeypatch.setattr(here, "FACTOR", 5.0)
    assert (f(3.0), slope(3.0), bound(X)[0]) == (15.0, 5.0, 5.0)
    monkeypatch.setattr(SETTINGS, "rate", 2.0)
    assert (f(3.0), slope(3.0), dv.grad(slope)(3.0)) == (30.0, 10.0, 0.0)
    monkeypatch.setattr(here, "helper", lambda x: x * x)
    assert (f(3.0), slope(3.0), dv.grad(slope)(3.0)) == (18.0, 12.0, 4.0)
    assert pickle.loads(pickle.dumps(slope))(3.0) == 12.0


def test_closures_that_change() -> None:
    q = 1.0
    f = dv.jit(lambda x: q * x)
    assert f(2.0) == 2.0
    q = 3.0
    assert f(2.0) == 6.0


def test_defaults_are_those_of_the_definition() -> None:
    start = 2.0

    @dv.jit
    def f(x, by=start):
        return x * by

    start = 7.0
    assert f(1.0) == 2.0 and start == 7.0
