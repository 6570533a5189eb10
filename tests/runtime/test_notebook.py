"""The notebook: cells in the language, what they show, what they share with Python."""

from __future__ import annotations

import os
import re
import signal
import threading
from pathlib import Path
from typing import Any

import derivant as dv
import numpy as np
import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")


def shell() -> Any:
    from IPython.core.interactiveshell import InteractiveShell

    found = InteractiveShell()
    found.run_line_magic("load_ext", "derivant")
    return found


def test_cells_share_their_names(capsys: pytest.CaptureFixture[str]) -> None:
    s = shell()
    assert s.run_cell("%%derivant\nlet a = [1.0, 2.0]\ndef f(x: f64) -> f64 = sum(a) * x**2\n\nf(2.0)").success
    out = capsys.readouterr().out
    assert "f(x: f64) -> f64" in out and "12.0 : f64" in out
    assert np.array_equal(s.user_ns["a"], [1.0, 2.0]) and s.user_ns["f"](3.0) == 27.0
    assert dv.grad(s.user_ns["f"])(1.0) == 6.0
    assert s.run_cell("%derivant :type f(1.0)").success
    assert "f(1.0) : f64" in capsys.readouterr().out
    assert s.run_cell("%%derivant\ndef f(x: f64) -> f64 = x").success and s.user_ns["f"](3.0) == 3.0


def test_names_of_what_depends_on_a_change_change_too() -> None:
    s = shell()
    assert s.run_cell("%%derivant\nlet c = 3.0\ndef base(x: f64) -> f64 = x**2\ndef above(x: f64) -> f64 = c * base(x)").success
    assert s.user_ns["above"](2.0) == 12.0
    assert s.run_cell("%%derivant\ndef base(x: f64) -> f64 = 10.0 * x\nlet c = 5.0").success
    assert s.user_ns["above"](2.0) == 100.0 and dv.grad(s.user_ns["above"])(2.0) == 50.0
    assert s.run_cell("above = 7").success and s.run_cell("%%derivant\nlet c = 6.0").success
    assert s.user_ns["above"] == 7  # a name that is Python's own by now


def test_errors_stop_the_cell_in_the_house_style(capsys: pytest.CaptureFixture[str]) -> None:
    s = shell()
    done = s.run_cell("%%derivant\nlet a = 1\na + b")
    assert not done.success and type(done.error_in_exec).__name__ == "CellError"
    out = capsys.readouterr()
    assert "nothing here is called b" in out.out + out.err and "Traceback" not in out.out + out.err
    assert s.run_cell("%derivant a + 1").success


def test_functions_show_themselves() -> None:
    m = dv.compile("## Squares < all.\ndef f(x: f64) -> f64 = x**2")
    text = m.f._repr_html_()
    assert "Squares &lt; all." in text and "<span" in text and "x: " in text
    assert "def" in dv.grad(m.f)._repr_html_()
    assert dv.compile("def g(x) = x").g._repr_html_().startswith("<div>")


def test_interrupts() -> None:
    s = shell()
    s.run_cell("%derivant let a = 5")
    threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    done = s.run_cell("%derivant sum(sin(i * 0.5) for i < 10**12)")
    assert isinstance(done.error_in_exec, KeyboardInterrupt)
    assert s.run_cell("%derivant a + 1").success


def test_a_notebook(tmp_path: Path) -> None:
    cells = ["%load_ext derivant", "%%derivant\ndef f(x: f64) -> f64 = x**2\n\nf(3.0)", "print(f(4.0))", "f", "%derivant :grad f"]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    nbclient.NotebookClient(book, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [c.outputs for c in book.cells]
    assert outputs[1][-1]["data"]["text/plain"] == "9.0 : f64" and outputs[2][0]["text"] == "16.0\n"
    assert "<pre>" in outputs[3][0]["data"]["text/html"] and "def grad_f" in outputs[4][0]["data"]["text/plain"]


def executed(folder: Path, *cells: str) -> list[Any]:
    """The outputs of cells in a real kernel, which goes on after errors."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in ("%load_ext derivant", *cells)])
    nbclient.NotebookClient(book, timeout=120, allow_errors=True, resources={"metadata": {"path": str(folder)}}).execute()
    return [c.outputs for c in book.cells[1:]]


def plain(output: Any) -> str:
    """An output as text, without colours."""
    text = "\n".join(output["traceback"]) if output.output_type == "error" else output.get("text") or output["data"]["text/plain"]
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_reloading_keeps_the_session(tmp_path: Path) -> None:
    _, _, again, called = executed(tmp_path, "%derivant let a = exp(0.0)", "%reload_ext derivant", "%derivant a + 1", "a")
    assert plain(again[0]) == "2.0 : f64" and plain(called[0]) == "1.0"


def test_a_cell_that_fails_shows_one_message(tmp_path: Path) -> None:
    for (out,) in executed(tmp_path, "%derivant a + 1", "%%derivant\nlet b = 1 +", "%derivant c = 3", "%derivant :wat"):
        lines = plain(out).splitlines()
        assert lines[0].startswith("error[DV0") and "Traceback" not in plain(out) and len(lines) < 7


def test_values_of_all_kinds_are_there_in_python(tmp_path: Path) -> None:
    declared = ("%%derivant\ntype P = {x: f64, y: f64}\ntype S = A | B(f64)\nlet p = P(1.0, exp(0.0))\nlet literal = P(1.0, 2.0)\n"
                "let s = B(3.0)\nlet v = [p, literal]\nlet k = 3\nlet t = (1.0, true)\nlet square = fn x -> x**2\n"
                "def norm(p: P) -> f64 = p.x + p.y")
    said = executed(tmp_path, declared, "p", "literal, s, k, t", "P(x=1.0, y=4.0).y, isinstance(s, S), s == B(3.0)", "square(3.0), norm(P(1.0, 2.0))",
                    "v", "%derivant p", "%derivant s", "%derivant v", "norm")
    assert plain(said[1][0]) == "P(x=1.0, y=1.0)" and "<pre>" in said[1][0]["data"]["text/html"]
    assert plain(said[2][0]) == "(P(x=1.0, y=2.0), B(3.0), 3, (1.0, True))"
    assert plain(said[3][0]) == "(4.0, True, True)" and plain(said[4][0]) == "(9.0, 3.0)"
    assert said[5][0].output_type == "execute_result"
    assert plain(said[6][0]) == "P(\n  x = 1.0\n  y = 1.0\n) : P" and plain(said[7][0]) == "B(3.0) : S"
    assert plain(said[8][0]).endswith(": P[2]")
    for cell in said[5:]:
        assert cell[0].output_type != "error"
    assert all("<pre>" in cell[0]["data"]["text/html"] for cell in said[6:])


def test_places_are_cells_and_their_lines(tmp_path: Path) -> None:
    (first,), (second,) = executed(tmp_path, "%%derivant\ndef f(x: f64) -> f64 =\n  y", "\n%%derivant let a = 1\nlet b = c")
    assert "In[2]:3:3" in plain(first) and "In[3]:2:9" in plain(second)


def test_jitted_functions_use_the_session(tmp_path: Path) -> None:
    """Its functions, constants and types; and the new ones when they are declared again."""
    jitted = ("import derivant as dv\n@dv.jit\ndef f(p: P) -> float:\n    return scaled(p.x) + p.y\n@dv.jit\ndef g(x: float):\n"
              "    return P(x, norm(P(x, 2.0)))\n@dv.jit\ndef h(q):\n    return norm(q)")
    said = executed(tmp_path, "%%derivant\ntype P = {x: f64, y: f64}\nlet c = exp(0.0) * 3\ndef scaled(x: f64) -> f64 = c * x\n"
                    "def norm(p: P) -> f64 = p.x**2 + p.y**2", jitted, "f(P(2.0, 1.0)), dv.grad(f)(P(2.0, 1.0)), g(1.0), h(P(1.0, 1.0))",
                    "%derivant let c = 5.0", "f(P(2.0, 1.0))", "%derivant def scaled(x: f64) -> f64 = c * x", "f(P(2.0, 1.0))")
    assert plain(said[2][0]) == "(7.0, P(x=3.0, y=1.0), P(x=1.0, y=5.0), 2.0)"
    assert plain(said[6][0]) == "11.0"


def test_what_shows_itself(tmp_path: Path) -> None:
    said = executed(tmp_path, "import derivant as dv\n@dv.jit\ndef f(x: float) -> float:\n    return x * x\ndisplay(f)", "display(dv.grad(f))",
                    "try:\n    dv.compile('def g(x: f64) = y')\nexcept dv.Error as e:\n    display(e)", "%derivant [1.0, 2.0]", "%derivant :asm 1 + 1",
                    "%derivant quit")
    assert "def" in said[0][0]["data"]["text/html"] and "grad_f" in said[1][0]["data"]["text/html"]
    assert plain(said[2][0]).startswith("error[DV0201]: nothing here is called y\n") and "^" in plain(said[2][0])
    assert said[3][0]["data"]["text/html"] == '<pre>[1., 2.]<span style="color:#6e7781"> : f64[2]</span></pre>'
    assert plain(said[4][0]) and "kernel" in plain(said[5][0])


def test_interrupting_the_kernel(tmp_path: Path) -> None:
    """A running loop stops, in a cell of the language and in calls from Python, with the user's place and one line."""
    soon = "import os, signal, threading\nthreading.Timer(4, lambda: os.kill(os.getpid(), signal.SIGINT)).start()"
    jitted = ("import derivant as dv, math\n@dv.jit\ndef turn(n: int):\n    s = 0.0\n    for i in range(n):\n        s += math.sin(i * 0.5)\n"
              "    return s\ndef twice(n):\n    return 2 * turn(n)\nturn(1)")
    said = executed(tmp_path, "%%derivant\nlet a = exp(0.0)\ndef spin(n: i64) -> f64 = sum(sin(i * 0.5) for i < n)", soon,
                    "%%derivant\nlet k = 1\nspin(10**13)", soon, "%%derivant\nlet b = 1\nlet c = spin(10**13)", "%derivant a + 1", soon, "spin(10**13)",
                    "spin(1)", jitted, soon, "twice(10**13)", "[turn(1) for _ in range(4)]", soon, "twice(10**13)")
    assert plain(said[2][1]) == "In[4]:3: interrupted" and plain(said[4][-1]) == "In[6]:3: interrupted"
    assert plain(said[5][0]) == "2.0 : f64" and plain(said[8][0]) == "0.0"
    assert plain(said[7][0]) == "In[9]:1 in <module>: spin(10**13)\ninterrupted"
    assert plain(said[11][0]) == "In[13]:1 in <module>: twice(10**13)\nIn[11]:9 in twice: return 2 * turn(n)\ninterrupted"
    assert said[14][0].ename == "KeyboardInterrupt"  # the short way, which has no frames of ours: IPython shows it as usual
    assert "2 * turn(n)" in plain(said[14][0]) and "derivant" not in plain(said[14][0]) and "native" not in plain(said[14][0])


def test_errors_of_calls_show_the_input_that_declared_the_parameter(capsys: pytest.CaptureFixture[str]) -> None:
    s = shell()
    s.run_cell("%derivant let k = 2.0")
    s.run_cell("%%derivant\ndef f(x: f64[n], y: f64[n]) = k * sum(x[i] * y[i] for i)")
    with pytest.raises(dv.SizeError) as info:
        dv.grad(s.user_ns["f"])([1.0, 2.0], [1.0])
    assert "y: f64[n]" in str(info.value) and info.value.span is not None and info.value.span.col == 18


def test_the_tour_runs() -> None:
    """All cells of examples/notebooks/tour.ipynb, from the top; what they print is what is stored."""
    from scipy.optimize import curve_fit

    path = Path(__file__).resolve().parent.parent.parent / "examples" / "notebooks" / "tour.ipynb"
    stored = nbformat.read(path, as_version=4)
    fresh = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(fresh, timeout=300, resources={"metadata": {"path": str(path.parent)}}).execute()

    def texts(notebook: Any) -> list[str]:
        cells = [c.outputs for c in notebook.cells if c.cell_type == "code"]
        return ["".join(o.get("text") or o["data"]["text/plain"] for o in outputs).strip() for outputs in cells]

    assert texts(fresh) == texts(stored)
    years, spots = np.loadtxt(path.parent.parent / "data" / "sunspots.csv", delimiter=",", skiprows=1).T
    inside = (years >= 1954) & (years < 1965)
    t, y = years[inside] - 1954, spots[inside]
    (height, centre, width), covariance = curve_fit(
        lambda t, a, c, w: a * np.exp(-0.5 * ((t - c) / w) ** 2), t, y, [150.0, 3.0, 1.6])
    said = " ".join(texts(fresh))
    assert f"maximum {height:.1f} in {1954 + centre:.2f}, width {width:.2f} years" in said
    error = float(re.search(r"± ([0-9.]+) years", said)[1])  # type: ignore[index]
    assert error == pytest.approx(np.sqrt(covariance[1, 1]), rel=0.2)  # Gauss-Newton's curvature there, Newton's here
