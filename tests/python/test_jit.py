"""`dv.jit` as users meet it: where functions come from, what they keep, records, methods, transforms, pickles, threads."""

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
from types import MappingProxyType
from typing import Any, NamedTuple

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


def differences(f: Callable[..., Any], x: np.ndarray, h: float = 1e-6) -> np.ndarray:
    eye = np.eye(len(x)) * h
    return np.array([(f(x + e) - f(x - e)) / (2 * h) for e in eye])


# ---------------------------------------------------------------- what it keeps


def test_looks_like_the_function() -> None:
    assert loss.__name__ == "loss" and loss.__doc__ == "The sum of powers." and loss.__module__ == __name__
    assert inspect.signature(loss) == inspect.signature(loss.py_func)
    assert loss.py_func(X) == pytest.approx(loss(X))
    assert loss.source.startswith("@dv.jit\ndef loss(") and "def loss(x: f64[n], power: i64 = 2" in loss.dv_source
    assert "loss" in repr(loss) and isinstance(loss, dv.Function)
    assert dv.jit(loss) is loss


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


# ---------------------------------------------------------------- transforms


def test_transforms_take_plain_functions() -> None:
    np.testing.assert_allclose(dv.grad(plain)(X), differences(plain, X), rtol=1e-6)
    value, slope = dv.value_and_grad(plain)(X)
    assert value == pytest.approx(plain(X))
    np.testing.assert_allclose(slope, dv.grad(dv.jit(plain))(X))
    np.testing.assert_allclose(dv.hessian(plain)(X), np.diag(2 * (SCALE * WEIGHTS + 1)))
    np.testing.assert_allclose(dv.hvp(plain)(X, X), 2 * (SCALE * WEIGHTS + 1) * X)
    np.testing.assert_allclose(dv.jacobian(lambda x: x * x)(X), np.diag(2 * X))
    assert dv.grad(dv.grad(lambda x: x**3))(2.0) == 12.0
    _, tangent = dv.jvp(plain, X, X)
    _, pull = dv.vjp(plain, X)
    assert tangent == pytest.approx(pull(1.0) @ X)


def test_argnums_argnames_has_aux() -> None:
    def f(a, b, n: int):
        return a**2 * b * n, a + b

    first = lambda a, b, n: f(a, b, n)[0]
    assert dv.grad(first, argnums=(0, 1))(2.0, 3.0, 2) == (24.0, 8.0)
    assert dv.grad(first, argnames="b")(2.0, 3.0, 2) == 8.0
    assert dv.grad(first, argnums=(0,))(2.0, 3.0, 2) == (24.0,)
    assert dv.grad(f, has_aux=True)(2.0, 3.0, 2) == (24.0, 5.0)
    assert dv.value_and_grad(f, argnums=(0, 1), has_aux=True)(2.0, 3.0, 2) == ((24.0, 5.0), (24.0, 8.0))
    with pytest.raises(dv.Error):
        dv.grad(f, argnums=2, has_aux=True)(2.0, 3.0, 2)


def test_transforms_inside() -> None:
    @dv.jit
    def newton_step(x):
        return x - dv.grad(well)(x) / dv.grad(dv.grad(well))(x)

    def well(t):
        return t**4 - 2 * t**2

    assert newton_step(2.0) == pytest.approx(2 - 24 / 44)
    slope = dv.grad(well)

    @dv.jit
    def uses_a_derivative(x):
        return slope(x) * 2

    assert uses_a_derivative(2.0) == 48.0 and dv.grad(uses_a_derivative)(2.0) == 88.0


def test_vmap() -> None:
    def f(x, y):
        return x * y if x > 0 else -y

    xs = np.array([1.0, -2.0, 3.0])
    np.testing.assert_array_equal(dv.vmap(f)(xs, xs), [f(x, y) for x, y in zip(xs, xs, strict=True)])
    np.testing.assert_array_equal(dv.vmap(f, in_axes=(0, None))(xs, 2.0), [f(x, 2.0) for x in xs])
    np.testing.assert_array_equal(dv.vmap(dv.grad(lambda x: x**3))(xs), 3 * xs**2)
    np.testing.assert_array_equal(dv.vmap(dv.vmap(lambda x: x + 1))(np.ones((2, 3))), np.full((2, 3), 2.0))
    np.testing.assert_allclose(dv.grad(lambda v: sum(v * v))(xs), 2 * xs)
    np.testing.assert_allclose(dv.vmap(weighted)(np.stack([X, 2 * X])), [weighted(X), weighted(2 * X)])
    np.testing.assert_array_equal(dv.vmap(lambda v: v * 2)([1.0, 2.0]), [2.0, 4.0])
    for axes in ((0,), (None, None), "0"):
        with pytest.raises(dv.TypeError):
            dv.vmap(f, in_axes=axes)


def test_vmap_sizes() -> None:
    def product(a: float, b: float) -> float:
        return a * b

    for f in (lambda a, b: a * b, product):
        for shapes in (((3,), (4,)), ((4,), (3,))):
            with pytest.raises(dv.SizeError, match="size"):
                dv.vmap(f)(*map(np.ones, shapes))
        twice = dv.vmap(dv.vmap(f))
        np.testing.assert_array_equal(twice(np.ones((2, 3)), np.ones((2, 3))), np.ones((2, 3)))
        for shapes in (((2, 3), (2, 4)), ((2, 3), (4, 3))):
            with pytest.raises(dv.SizeError):
                twice(*map(np.ones, shapes))
        outer = dv.vmap(dv.vmap(f, in_axes=(None, 0)), in_axes=(0, None))
        np.testing.assert_array_equal(outer(np.arange(2.0), np.arange(3.0)), np.outer(np.arange(2.0), np.arange(3.0)))
    with pytest.raises(dv.TypeError, match="array to go over"):
        dv.vmap(lambda a: a)(1.0)


class Pair(NamedTuple):
    a: float
    b: Any


@dataclass
class Positive:
    a: float

    def __post_init__(self) -> None:
        if self.a < 0:
            raise ValueError("negative")


def test_classes_that_refuse_a_gradient() -> None:
    assert dv.grad(lambda p: p.a**2)(Positive(2.0)) == Positive(4.0)
    with pytest.raises(dv.TypeError, match="is a Positive, but it refuses its values .ValueError: negative"):
        dv.grad(lambda p: -(p.a**2))(Positive(2.0))


def test_mappings_come_back_as_dicts() -> None:
    given = MappingProxyType({"a": 2.0, "b": 3.0})
    assert dv.grad(lambda p: p["a"] * p["b"])(given) == {"a": 3.0, "b": 2.0}


def test_vmap_of_pytrees() -> None:
    a, b = np.arange(3.0), np.arange(6.0).reshape(3, 2)
    for p in ({"a": a, "b": b}, Pair(a, b), (a, b)):
        def f(p):
            return p["a"] ** 2 * sum(p["b"])

        def g(p):
            return p.a ** 2 * sum(p.b)

        def h(p):
            return p[0] ** 2 * sum(p[1])

        one = f if isinstance(p, dict) else g if isinstance(p, Pair) else h
        np.testing.assert_array_equal(dv.vmap(one)(p), a**2 * b.sum(1))
        found = dv.vmap(dv.grad(one))(p)
        assert type(found) is type(p)
        da, db = found.values() if isinstance(found, dict) else found
        np.testing.assert_array_equal(da, 2 * a * b.sum(1))
        np.testing.assert_array_equal(db, np.stack([a**2, a**2], 1))
    with pytest.raises(dv.SizeError, match=r"d\.b"):
        dv.vmap(lambda d: d["a"] + d["b"])({"a": np.ones(3), "b": np.ones(4)})


@pytest.mark.parametrize("f, x", [
    (lambda x: x * x, 2.0), (lambda x: x * x, np.ones(2)), (lambda x: (x, x, x), 2.0),
])
def test_has_aux_wants_a_pair(f: Callable[..., Any], x: Any) -> None:
    for transform in (dv.grad, dv.value_and_grad, dv.jacobian):
        with pytest.raises(dv.Error, match="pair") as e:
            transform(f, has_aux=True)(x)
        assert not e.value.notes and e.value.span is not None and e.value.span.source is not None
        assert e.value.span.source.name == __file__


def test_functions_as_arguments() -> None:
    @dv.jit
    def integral(f, a: float, b: float, n: int = 50):
        h = (b - a) / n
        return h * sum(f(a + (k + 0.5) * h) for k in range(n))

    assert integral(math.exp, 0.0, 1.0) == pytest.approx(math.e - 1, rel=1e-4)
    assert integral(lambda t: t * t, 0.0, 3.0, n=300) == pytest.approx(9, rel=1e-4)
    assert integral(f=dv.jit(lambda t: 2 * t), a=0.0, b=1.0) == pytest.approx(1)
    assert dv.grad(lambda b: integral(lambda t: b * t, 0.0, 1.0))(2.0) == pytest.approx(0.5)
    for c in (1.0, 2.0):
        assert integral(lambda t: c, 0.0, 1.0) == pytest.approx(c)  # noqa: B023
    with pytest.raises(dv.Error):
        integral(print, 0.0, 1.0)


# ---------------------------------------------------------------- records


class Layer(NamedTuple):
    w: np.ndarray
    b: float


class Typed(NamedTuple):
    w: dv.f64["n"]
    b: float


@dataclass
class Model:
    first: Typed
    rate: float


@dataclass(frozen=True)
class Circle:
    r: float


@dataclass(frozen=True)
class Box:
    w: float
    h: float


def test_pytrees() -> None:
    def f(p, x):
        return np.sum(p.w * x) + p.b**2

    x = np.array([1.0, 2.0])
    for cls in (Layer, Typed):
        g = dv.grad(f)(cls(np.ones(2), 3.0), x)
        assert type(g) is cls and g.b == 6.0
        np.testing.assert_array_equal(g.w, x)
    g = dv.grad(lambda p, x: np.sum(p["w"] * x) + p["b"][0] * p["b"][1])({"w": np.ones(2), "b": (3.0, 4.0)}, x)
    assert g["b"] == (4.0, 3.0) and type(g) is dict
    nested = dv.grad(lambda m: m.rate * (np.sum(m.first.w) + m.first.b))(Model(Typed(np.ones(2), 1.0), 2.0))
    assert type(nested) is Model and type(nested.first) is Typed and nested.rate == 3.0


def test_records_come_back() -> None:
    @dv.jit
    def step(p: Typed, x: dv.f64["n"], rate: float) -> Typed:
        g = dv.grad(lambda q: sum((q.w * x + q.b) ** 2))(p)
        return Typed(p.w - rate * g.w, p.b - rate * g.b)

    p = step(Typed(np.ones(2), 0.5), np.array([1.0, 2.0]), 0.1)
    assert type(p) is Typed
    assert dv.jit(lambda x: {"value": x, "double": 2 * x})(2.0) == {"value": 2.0, "double": 4.0}
    assert type(dv.jit(lambda x: Layer(np.ones(2) * x, x))(2.0)) is Layer
    with pytest.raises(dv.TypeError, match="the same fields"):
        dv.jit(lambda p, q: Layer(p.w + q["w"], 0.0))(Layer(X, 1.0), {"w": X, "b": 1.0})


def test_sum_types() -> None:
    @dv.jit
    def area(s: Circle | Box) -> float:
        match s:
            case Circle(r):
                return math.pi * r**2
            case Box(w=a, h=b):
                return a * b

    @dv.jit
    def grown(s: Circle | Box) -> Circle | Box:
        match s:
            case Circle(r):
                return Circle(2 * r)
            case Box(w, h):
                return Box(w + 1, h)

    assert area(Circle(2.0)) == pytest.approx(4 * math.pi) and area(Box(2.0, 3.0)) == 6.0
    assert dv.grad(area)(Box(2.0, 3.0)) == Box(3.0, 2.0)
    assert grown(Circle(1.0)) == Circle(2.0) and grown(Box(1.0, 1.0)) == Box(2.0, 1.0)
    with pytest.raises(dv.TypeError):
        area(3.0)


MODEL = dv.compile("""
type Shape = Disc(f64) | Square(f64)
type Point = {x: f64, y: f64}
def size(s: Shape) -> f64 = match s { Disc(r) -> pi * r**2; Square(a) -> a * a }
def norm2(p: Point) -> f64 = p.x**2 + p.y**2
def twice(f, x) = f(f(x))
""")


def test_functions_and_types_of_modules() -> None:
    @dv.jit
    def f(x):
        return MODEL.norm2(MODEL.Point(x, 2.0)) + MODEL.twice(lambda t: t * t, x) + MODEL.size(MODEL.Square(x))

    assert f(2.0) == 8 + 16 + 4 and dv.grad(f)(2.0) == 4 + 32 + 4

    @dv.jit
    def g(s: MODEL.Shape) -> float:  # type: ignore[name-defined]
        match s:
            case MODEL.Disc(r):
                return r
            case MODEL.Square(a):
                return -a

    assert g(MODEL.Disc(2.0)) == 2.0 and g(MODEL.Square(2.0)) == -2.0
    slope = dv.grad(MODEL.norm2)

    @dv.jit
    def h(x):
        return slope(MODEL.Point(x, 1.0)).x

    assert h(3.0) == 6.0


# ---------------------------------------------------------------- methods


class Oscillator:
    def __init__(self, k: float) -> None:
        self.k = k
        self.name = "text does not matter"
        self.table = np.array([1.0, 2.0])

    @dv.jit
    def energy(self, x):
        return 0.5 * self.k * x**2 + sum(self.table)

    @staticmethod
    @dv.jit
    def double(x):
        return 2 * x


@dataclass
class Spring:
    k: float

    @dv.jit
    def force(self, x):
        """Hooke's law."""
        return -self.k * x


def test_methods() -> None:
    o = Oscillator(2.0)
    assert o.energy(3.0) == 12.0 and dv.grad(o.energy)(3.0) == 6.0
    o.k = 4.0
    assert o.energy(3.0) == 21.0
    assert Oscillator.double(2.0) == o.double(2.0) == 4.0
    assert Spring(2.0).force(3.0) == -6.0 and Spring.force.__doc__ == "Hooke's law."
    np.testing.assert_array_equal(dv.vmap(Spring(2.0).force)(X), -2 * X)
    assert dv.jit(o.energy)(1.0) == 5.0

    class Empty:
        @dv.jit
        def f(self, x):
            return x

    with pytest.raises(dv.UnsupportedError, match="no attribute"):
        Empty().f(1.0)


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
