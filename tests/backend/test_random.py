"""Random programs: the loop interpreter and the machine code give what the reference gives."""

from __future__ import annotations

from typing import Any

import pytest
from derivant.compiler import llvm_emit, llvm_text
from derivant.compiler.interpret import run
from derivant.compiler.ir import Program
from derivant.compiler.loops_interpret import run_loops
from derivant.compiler.loops_verify import verify_loops
from derivant.compiler.lower import Lowerer, lower

from .agree import agree, outcome, same
from .random_programs import RandomProgram


def compare(seed: int) -> None:
    p = RandomProgram(seed)
    loops = lower(p.fn)
    verify_loops(loops)
    want = outcome(lambda: run(Program({"random": p.fn}, ("random",)), "random", p.args))
    same(outcome(lambda: run_loops(loops, p.args)), want, 1e-9)


@pytest.mark.parametrize("block", range(8))
def test_loops(block: int) -> None:
    for seed in range(100 * block, 100 * block + 100):
        compare(seed)


@pytest.mark.parametrize("block", range(4))
def test_native(block: int) -> None:
    for seed in range(10_000 + 10 * block, 10_010 + 10 * block):
        p = RandomProgram(seed)
        agree(p.fn, p.args, tol=1e-9)


def test_nests_as_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (llvm_text, llvm_emit):
        monkeypatch.setattr(module, "NESTS", 0)
    for seed in range(20_000, 20_020):
        p = RandomProgram(seed)
        agree(p.fn, p.args, tol=1e-9)


def fails(seeds: range) -> bool:
    for seed in seeds:
        try:
            compare(seed)
        except Exception:  # noqa: BLE001  # any sign of the fault will do
            return True
    return False


def test_would_find_a_missing_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lowerer, "exclusive", lambda self, place: place.buf.space != "in")
    assert fails(range(200))


def test_would_find_a_written_parameter(monkeypatch: pytest.MonkeyPatch) -> None:
    from derivant.compiler import lower_live

    true_live: Any = lower_live.Liveness.live
    monkeypatch.setattr(lower_live.Liveness, "live", lambda self, v: v.stmt is not None and true_live(self, v))
    assert fails(range(400))


def test_would_find_a_loop_that_forgets_its_next_iteration(monkeypatch: pytest.MonkeyPatch) -> None:
    from derivant.compiler import lower_live

    monkeypatch.setattr(lower_live.Liveness, "always", lambda self, vars: self.frames.append(lower_live.Frame()))
    assert fails(range(400))
