"""The three ways to run a core function, compared: reference interpreter, loop interpreter, machine code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from derivant.compiler.errors import Error
from derivant.compiler.interpret import run
from derivant.compiler.ir import Function, Program
from derivant.compiler.loops_interpret import run_loops
from derivant.compiler.loops_verify import verify_loops
from derivant.compiler.lower import lower
from derivant.runtime.native import NativeFunction, compile_native


def outcome(f: Any) -> Any:
    """The results of a call, or its error as (class, code, text)."""
    try:
        return f()
    except Error as e:
        return type(e), e.code, e.message


def same(got: Any, want: Any, tol: float = 1e-12) -> None:
    if isinstance(want, tuple):
        assert got == want
        return
    assert isinstance(got, list), got
    assert len(got) == len(want)
    for g, w in zip(got, want, strict=True):
        g, w = np.asarray(g), np.asarray(w)
        assert g.dtype == w.dtype and g.shape == w.shape, (g, w)
        if g.dtype.kind == "f":
            scale = max(1.0, float(np.nanmax(np.abs(np.where(np.isfinite(w), w, 0)), initial=0.0)))
            rough = tol if g.dtype == np.float64 else 2e-5
            np.testing.assert_allclose(g, w, rtol=rough, atol=rough * scale)
        else:
            np.testing.assert_array_equal(g, w)


def agree(fn: Function, *calls: Sequence[Any], tol: float = 1e-12) -> NativeFunction:
    """All three agree on these calls, also about errors and what is shown."""
    program = Program({fn.name: fn}, (fn.name,))
    loops = lower(fn)
    verify_loops(loops)
    native = compile_native(fn)
    for args in calls:
        before = [np.array(a) for a in args]
        lines: list[list[str]] = [[], [], []]
        native.write = lines[2].append
        want = outcome(lambda a=args, w=lines[0]: run(program, fn.name, a, write=w.append))
        same(outcome(lambda a=args, w=lines[1]: run_loops(loops, a, w.append)), want, tol)
        same(outcome(lambda a=args: native(a)), want, tol)
        assert lines[1] == lines[0] and lines[2] == lines[0]
        for a, b in zip(args, before, strict=True):
            np.testing.assert_array_equal(np.asarray(a), b)
    return native
