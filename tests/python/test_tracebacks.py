"""What a user sees of an error that nobody catches: his own frames, and the message with its place."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import derivant as dv
import numpy as np
import pytest
from derivant.compiler.frames import user_frames

SCALE = 2.0


@dv.jit
def element(v: dv.f64["n"], k: int) -> float:
    return v[k]


@dv.jit
def scaled(v, k):
    return v[k] * SCALE


@dv.jit
def applied(f, x):
    return f(x)


class Table:
    def __init__(self) -> None:
        self.rows = np.ones(3)

    @dv.jit
    def at(self, k):
        return self.rows[k]


X = np.ones(3)


@pytest.mark.parametrize("f", [
    lambda: dv.jit(lambda x: {1, x}), lambda: dv.grad(lambda x: {1, x}), lambda: dv.compile("def f(x) = y"),
    lambda: element(X, 5), lambda: scaled(X, 5), lambda: applied(lambda x: x[3], X), lambda: Table().at(4),
    lambda: dv.grad(scaled)(X, 5), lambda: dv.vjp(element, X, 3), lambda: dv.vmap(element, in_axes="7"),
])
def test_one_frame_of_ours_at_most(f: Callable[[], Any]) -> None:
    for _ in range(3):  # the first call, the long way, the short way
        with pytest.raises(dv.Error) as e:
            f()
        frames = traceback.extract_tb(e.value.__traceback__)
        own = user_frames(e.value.__traceback__)
        assert len(own) == 2 and own == frames[:2] and len(frames) <= 3
        assert e.value.__context__ is None or e.value.__suppress_context__


def test_all_frames_are_there_for_those_who_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DERIVANT_TRACEBACK", "full")
    with pytest.raises(dv.Error) as e:
        dv.jit(lambda x: {1, x})
    assert len(traceback.extract_tb(e.value.__traceback__)) > 5


def python(text: str, tmp_path: Path) -> str:
    """What a script writes."""
    file = tmp_path / "script.py"
    file.write_text(text)
    done = subprocess.run([sys.executable, str(file)], capture_output=True, text=True, check=False,
                          env={**os.environ, "NO_COLOR": "1"})
    return re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)


def test_a_script_shows_the_place(tmp_path: Path) -> None:
    out = python("import derivant as dv\n\n@dv.jit\ndef f(x):\n    x[0] = 1\n    return x\n", tmp_path)
    assert "script.py:5:5" in out and "help: write x = x.copy()" in out and out.count("  File ") == 2


CELLS = '''
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "derivant")
for cell in (
    "import derivant as dv, numpy as np",
    "@dv.jit\\ndef f(x):\\n    x[0] = 1\\n    return x",
    "@dv.jit\\ndef g(v, k):\\n    return v[k]\\n\\ndef h(k):\\n    return g(np.ones(3), k)\\n",
    "h(5)",
    "%%time\\n@dv.jit\\ndef t(v, k):\\n    return v[k]\\nprint(t(np.arange(3.0), 2))\\nt(np.ones(3), 9)",
    "%%timeit -n1 -r1\\nq = dv.jit(lambda v: v * 2)\\nassert q(2.0) == 4.0\\nprint('went well')",
):
    shell.run_cell(cell, store_history=True)
'''


def test_cells_have_numbers(tmp_path: Path) -> None:
    pytest.importorskip("IPython")
    out = python(CELLS, tmp_path)
    assert "In[2]:3:5" in out and "In[3]:3:12" in out and "In[4]:1 in <module>: h(5)" in out
    assert "In[5]:4:12" in out and "2.0" in out and "went well" in out
    assert "ipython-input" not in out and "File" not in out and "Traceback" not in out
