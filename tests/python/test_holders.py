"""Lists with a second holder, and views of arrays: Python shows changes there, so what changes them is refused, or right."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import textwrap
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import derivant as dv
import numpy as np
import pytest
from derivant.frontend.python_alias import VIEWS
from derivant.frontend.python_tables import methods, module_functions

from .test_refused import run


class Held(NamedTuple):
    v: list
    k: float


class Path(NamedTuple):
    v: dv.f64["n"]

    def get(self):
        return self.v

    def scaled(self, k):
        return self.v * k


SHOWN = {
    "its own loop": "q = [0]\ns = 0\nfor v in q:\n    s += v\n    if v < 4:\n        q.append(v + 1)  #\nreturn s",
    "enumerate": "q = [1.0]\ns = 0.0\nfor i, v in enumerate(q):\n    s += v\n    if i < 3:\n        q += [v + 1]  #\nreturn s",
    "zip": "q = [1.0]\ns = 0.0\nfor u, v in zip(q, [1.0, 2.0]):\n    q.append(u + v)  #\nreturn sum(q)",
    "a tuple": "xs = [x]\nt = (xs, 2.0)\nxs.append(x)  #\nreturn sum(t[0])",
    "a dict": 'xs = [x]\nr = {"v": xs}\nxs.append(x * x)  #\nreturn sum(r["v"])',
    "a record": "xs = [x]\nr = Held(xs, x)\nxs += [x]  #\nreturn sum(r.v)",
    "a changed record": "xs = [x]\nr = Held(xs, x)\nr2 = r._replace(k=2.0)\nxs.extend([x, x])  #\nreturn sum(r2.v)",
    "two names at once": "xs = [x]\nu, w = xs, xs\nu.append(x)  #\nreturn len(w)",
    "one value": "u = w = [x]\nu.append(x)  #\nreturn len(w)",
    "a nested function": "xs = [x]\ndef f(ys): return ys\nw = f(xs)\nxs.append(x)  #\nreturn len(w)",
    "another function": 'xs = [x]\nw = given(ys=xs)\nxs.append(x)  #\nreturn len(w["a"])',
    "a generator": "xs = [x]\ng = (v * 2 for v in xs)\nxs.append(x)  #\nreturn sum(g)",
    "an iterator": "xs = [x]\ne = enumerate(xs)\nxs.append(x)  #\nreturn sum(i * v for i, v in e)",
    "map": "xs = [x]\ne = map(lambda v: v * 2, xs)\nxs.extend([x])  #\nreturn sum(e)",
    "what was an item": 'xs = [x]\nd = {"a": xs}\nys = d["a"]\nxs.append(x)  #\nreturn len(ys)',
    "pop": "xs = [x, x]\nt = (xs, x)\ny = xs.pop()  #\nreturn len(t[0]) + y",
    "a list from outside": "xs = LIST\nxs.append(x)  #\nreturn xs",
    "one of two": "xs = [x]\nys = [x]\nu = xs if x > 0 else ys\nu.append(x)  #\nreturn len(xs)",
    "a copy of rows": "y = [[x, 1.0], [2.0, x]]\nz = y.copy()\nz[0][0] = 9.0  #\nreturn y",
    "a slice of rows": "y = [np.zeros(2), np.ones(2)]\nz = y[:]\nz[0][0] = x  #\nreturn y",
    "a row twice": "y = [[x, 1.0], [2.0, x]]\ny[0] = y[1]\ny[0][0] = 9.0  #\nreturn y",
    "a row twice, by a tuple": "y = [[x, 1.0], [2.0, x]]\ny[0], t = y[1], x\ny[0][0] = t  #\nreturn y",
    "a row that is put": "y = [np.zeros(2), np.ones(2)]\nr = np.zeros(2)\ni = 1\ny[i] = r\nr[0] = x  #\nreturn y",
    "diag": "a = np.zeros((2, 2))\nd = np.diag(a)\na[0, 0] = x  #\nreturn d",
    "moveaxis": "a = np.zeros((3, 2))\nb = np.moveaxis(a, 0, 1)\na[0, 1] = x  #\nreturn b",
    "float64": "a = np.zeros(2)\nb = np.float64(a)\na[0] = x  #\nreturn b",
    "a row": "rows = [[x, 2.0], [3.0, x]]\nr = rows[0]\nr.append(3.0)  #\nreturn len(rows[0]) + len(r)",
    "rows with names": "rows = [[x, 2.0], [3.0, x]]\na, b = rows\na.append(3.0)  #\nreturn len(rows[0]) + len(a)",
    "each row": "rows = [[x, 2.0], [3.0, x]]\nfor r in rows:\n    r.append(3.0)  #\nreturn len(rows[0])",
    "a method": "p = Path(np.zeros(2))\nw = p.get()\nw[0] = x  #\nreturn p.v",
    "dataclasses.replace": "p = Point(np.zeros(2), x)\nq = dataclasses.replace(p, k=2.0)\nw = q.v\nw[0] = x  #\nreturn p.v",
}


@dataclasses.dataclass(frozen=True)
class Point:
    v: dv.f64["n"]
    k: float


def function(text: str) -> Callable[..., Any]:
    names = run("def given(ys):\n    return {'a': ys}\n\ndef f(x):\n" + textwrap.indent(text, "    "))
    names.update(Held=Held, Path=Path, Point=Point, dataclasses=dataclasses, LIST=[1.0, 2.0])
    f: Callable[..., Any] = names["f"]
    return f


@pytest.mark.parametrize("what", SHOWN)
def test_changes_that_others_see(what: str) -> None:
    text = SHOWN[what]
    function(text)(1.0)  # Python takes it
    with pytest.raises(dv.Error) as e:
        dv.jit(function(text))(1.0)
    where = next(k for k, line in enumerate(text.splitlines()) if line.endswith("#"))
    assert e.value.code == "DV0152" and e.value.help, e.value
    assert e.value.span is not None and e.value.span.line == 5 + where, e.value


ALONE = [
    "it = [x, 2.0]\nout = []\nfor v in it:\n    out.append(v * 2)\nit.append(x)\nout.append(x)\nreturn sum(out) + sum(it)",
    "xs = [x]\nfor v in list(xs):\n    xs.append(v + 1)\nreturn sum(xs)",
    "xs = [x, 2.0]\nt = (list(xs), 1.0)\nxs.append(3.0)\nreturn sum(t[0]) + sum(xs)",
    "xs = [x]\nt = (xs, 2.0)\ns = sum(t[0])\nxs.append(x)\nreturn s + sum(xs)",
    "rows = [[x, 2.0]]\nr = [3.0, x]\nrows.append(r)\nreturn rows[1][1] * r[1] + rows[0][0]",
    "xs = [x]\ns = 0.0\nfor v in xs:\n    s += v\n    if v > 0:\n        xs.append(x)\n        break\nreturn s",
    "y = [[0.5, 1.0], [2.0, 3.0]]\ny[0], y[1] = y[1], y[0]\ny[0][0] = 5.0\nreturn x * x * y[0][0] * y[1][0]",
    "xs = [x, 2.0]\nt = xs[0]\nxs[0] = t + 1\nxs[1] = t\nreturn xs[0] * xs[1] + t",
    "xs = [v for v in [x, x]]\nt = xs[0]\ni = 1\nxs[i] = t * t\nxs[0] = 2.0\nreturn xs[0] * xs[1]",
    "xs = [x]\nys = xs.copy()\nys[0] = 3.0\nys.append(x)\nreturn sum(xs) * sum(ys)",
    "xs = [x, 2.0] * 3\nxs.append(x)\nreturn xs[4] * len(xs) + sum(2 * [x, x * x]) + xs[6] * xs[0]",
    'c = {"a": x, "b": 1.0}\nc["a"] += x\nc["b"] = c["a"] * x\nreturn c["b"] * x',
    "xs = [x, 2.0]\nxs[0] += x\nreturn xs[0] * x",
    "p = Path(np.ones(2))\nw = p.scaled(x)\nw[0] = 2 * x\nreturn np.sum(p.v * w)",
    # what a refused worklist is to become
    ("room = 100\nq = np.zeros(room)\nq[0] = x\nn = 1\ni = 0\ns = 0.0\nwhile i < n:\n    v = q[i]\n    i += 1\n    s += v\n"
    "    if n < 3:\n        q[n] = v * x\n        n += 1\nreturn s"),
]


@pytest.mark.parametrize("text", ALONE)
def test_changes_that_nobody_else_sees(text: str) -> None:
    f, h = function(text), 1e-6
    np.testing.assert_allclose(dv.jit(f)(2.0), f(2.0), rtol=1e-12)
    np.testing.assert_allclose(dv.grad(f)(2.0), (f(2.0 + h) - f(2.0 - h)) / (2 * h), rtol=1e-7)


def test_all_views_of_the_table_are_known() -> None:
    """What NumPy gives for arrays of all kinds may share their memory only where the analysis knows it."""
    v, m = np.arange(3.0), np.arange(9.0).reshape(3, 3)
    given = [v, m, v.astype(np.float32), v.astype(np.int64), v.astype(np.int32), v > 0, 0, 1, 2.0, (3, 3), (9,)]
    found = set()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for prefix, table in (("np", module_functions("numpy")), ("", methods())):
            for name, known in table.items():
                for rule in known.rules:
                    for args in itertools.product(given, repeat=len(rule.params) + (prefix == "")):
                        try:
                            whole = copy.copy(args)
                            function: Any = np if prefix else args[0]
                            for part in name.split("."):
                                function = getattr(function, part)
                            made = function(*(whole if prefix else whole[1:]))
                        except Exception:  # noqa: BLE001, S112  # most are no arguments of it
                            continue
                        if isinstance(made, np.ndarray) and any(isinstance(a, np.ndarray) and np.shares_memory(a, made) for a in args):
                            found.add(known.name)
    assert {"np.diag", "np.moveaxis", ".ravel"} <= found <= VIEWS


def test_items_that_change_themselves() -> None:
    """`c["a"] += 1.0` changes an array that stands there, which others see."""
    for text in ('c = {"a": x}\nc["a"] += 1.0\nreturn x + c["a"]', "c = [x, x]\nc[0] += 1.0\nreturn x + c[0]"):
        assert dv.jit(function(text))(1.0) == function(text)(1.0)
        with pytest.raises(dv.TypeError) as e:
            dv.jit(function(text))(np.ones(2))
        assert e.value.code == "DV0308" and ".copy()" in (e.value.help or "")


@dataclasses.dataclass
class Pair:
    a: float
    b: float


def test_replace_where_its_value_has_a_name() -> None:
    from dataclasses import replace

    def named(p, t):
        q = dataclasses.replace(p, a=t)
        return q.a * q.b

    def typed(p: Pair, t):
        q = replace(p, a=t)
        return q.a * q.b

    def again(p: Pair, t):
        for _ in range(3):
            p = replace(p, a=p.a * t)
        return p.a + p.b

    def inside(p, t):
        return 2 * replace(replace(p, b=t), a=p.b).b + (replace(p, a=t) if t > 0 else p).a

    p, h = Pair(1.5, 2.0), 1e-6
    for f in (named, typed, again, inside):
        assert dv.jit(f)(p, 5.0) == pytest.approx(f(p, 5.0), rel=1e-12)
        assert dv.grad(f, argnums=1)(p, 5.0) == pytest.approx((f(p, 5.0 + h) - f(p, 5.0 - h)) / (2 * h), rel=1e-7)


class Two(NamedTuple):
    a: float
    b: float


def test_dicts_are_no_records_of_the_same_fields() -> None:
    for f in (lambda p: {"a": p.a, "b": p.b}, lambda p: {"a": p.b, "b": p}["b"]):
        with pytest.raises(dv.Error, match="which one comes back"):
            dv.jit(f)(Two(1.0, 2.0))
    assert dv.jit(lambda p: {"b": p.a, "c": p.b})(Two(1.0, 2.0)) == {"b": 1.0, "c": 2.0}


def test_the_library_of_python() -> None:
    """Errors in functions of Python's own files are placed where they are called."""

    def as_tuple(p: Pair):
        return dataclasses.astuple(p)

    def as_dict(p: Pair):
        return dataclasses.asdict(p)["a"]

    def made(p: Pair):
        return Two._make([p.a, p.b])

    for f, help in ((as_tuple, "(p.a, p.b)"), (as_dict, '{"a": p.a'), (made, "Class(*t)")):
        with pytest.raises(dv.Error) as e:
            dv.jit(f)(Pair(1.0, 2.0))
        assert e.value.span is not None and e.value.span.source is not None and e.value.span.source.name == __file__
        assert e.value.code == "DV0153" and help in (e.value.help or "")


def test_shapes_are_gone_over() -> None:
    def product(x):
        p = 1
        for k in x.shape:
            p *= k
        return p + 100 * len(x.shape)

    def listed(x):
        return [2 * k for k in x.shape]

    for x in (np.ones(4), np.ones((2, 3)), np.ones((2, 3, 4))):
        assert dv.jit(product)(x) == product(x)
        np.testing.assert_array_equal(dv.jit(listed)(x), listed(x))


def test_lists_as_conditions() -> None:
    def f(x):
        xs = [t for t in x if t > 0]
        return sum(xs) if xs and not [t for t in xs if t > 2] else -1.0

    for x in (np.array([1.0, 2.0]), np.array([-1.0]), np.array([1.0, 3.0])):
        assert dv.jit(f)(x) == f(x)


def test_matrices_that_calculate_in_their_own_way() -> None:
    m, names = np.matrix([[1.0, 2.0], [3.0, 4.0]]), run("def f(x):\n    return x * M")
    f = dv.jit(lambda x: x * x)
    for _ in range(3):
        f(np.asarray(m))
        with pytest.raises(dv.TypeError, match="np.matrix"):
            f(m)
    names["M"] = m
    with pytest.raises(dv.TypeError, match="its own way"):
        dv.jit(names["f"])(2.0)


def test_what_lists_have_in_python() -> None:
    for text, help in (("xs.index(2.0)", "np.argmax([1 if t == x else 0 for t in xs])"), ("xs.count(2.0)", "sum(t == x for t in xs)"),
                       ("math.fsum(xs)", "sum(v)")):
        with pytest.raises(dv.Error) as e:
            dv.jit(run(f"import math\ndef f(xs):\n    return {text}")["f"])([1.0, 2.0])
        assert help in (e.value.help or "")
    f = dv.jit(lambda xs, x: np.argmax([1 if t == x else 0 for t in xs]) + 10 * sum(t == x for t in xs))
    assert f([1.0, 2.0, 2.0], 2.0) == 21
