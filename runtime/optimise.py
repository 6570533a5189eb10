"""Runs the pipelines of `passes` over a program, with timing, verification and a record of what fired."""

from __future__ import annotations

from ..compiler.ir import Function, Program
from ..passes import pipelines
from ..passes.differentiate import resolve
from ..passes.strategy import Firing, Log, no_collection, stage
from .trace import timed, verifying


def optimise(program: Program) -> tuple[Program, list[Firing]]:
    """The program ready for lowering, and the rules that fired."""
    fired: list[Firing] = []

    def apply(f: Function, pipeline: pipelines.Pipeline, functions: pipelines.Functions) -> Function:
        log = Log()
        for p in pipeline:
            with stage(log, p.name), timed("passes", f"{p.name} ({f.name})"):
                f = p.run(f, functions, log)
            _verify(f, functions, p.name)
        fired.extend(log.firings())
        return f

    def simplify(f: Function, functions: dict[str, Function]) -> Function:
        return apply(apply(f, pipelines.BEFORE_AD, functions), pipelines.AFTER_AD, functions)

    with no_collection(), timed("compile", "differentiate and simplify"):
        resolved = resolve(program, simplify)
    with no_collection(), timed("compile", "optimise"):
        functions = {n: apply(f, pipelines.FINAL, resolved.functions) for n, f in resolved.functions.items()}
    return Program(functions, resolved.entries), _merged(fired)


def _verify(f: Function, functions: pipelines.Functions, after: str) -> None:
    if not verifying():
        return
    from ..compiler.verify import verify_function

    with timed("passes", f"verify after {after}"):
        verify_function(f, {**functions, f.name: f})


def _merged(fired: list[Firing]) -> list[Firing]:
    """One entry for each rule and place."""
    found: dict[tuple[str, str], Firing] = {}
    for f in fired:
        key = (f.rule, str(f.span))
        old = found.get(key)
        found[key] = f if old is None else Firing(f.rule, f.span, old.count + f.count)
    return list(found.values())
