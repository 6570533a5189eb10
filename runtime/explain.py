"""`explain`: a function after any stage, and an overview of what happened to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..compiler import errors
from .console import count

if TYPE_CHECKING:
    from ..compiler.ir import Program
    from .pipeline import Instance

STAGES = {
    "parsed": "the declaration as it was read",
    "typed": "its signature, with all types and sizes",
    "core": "the flat program, derivatives as `jvp` and `vjp`",
    "derivative": "derivatives worked out",
    "optimised": "simplified and fused",
    "loops": "loops over memory",
    "llvm": "LLVM IR after its optimisation",
    "asm": "machine code",
}

PROGRAMS = ("parsed", "typed", "core", "derivative", "optimised")
"""The stages whose text is a program of the language."""


def explain(instance: Instance, stage: str | None) -> str:
    """The text of one stage, or the overview."""
    if stage is None:
        return _overview(instance)
    if not isinstance(stage, str) or stage not in STAGES:
        raise errors.ValueError_("DV0613", f"there is no stage {stage}", help=f"there are: {', '.join(STAGES)}")
    match stage:
        case "parsed":
            return instance.unit.text_of(instance.text) if instance.plain else instance.text
        case "typed":
            return _typed(instance)
        case "core" | "derivative":
            return _program(getattr(instance, stage))
        case "optimised":
            return _program(instance.optimised, pretty=True) + _fired(instance)
        case "loops":
            return _loops(instance)
    return str(getattr(instance, stage))


def _program(program: Program, pretty: bool = False) -> str:
    from ..compiler.printer import print_program

    return print_program(program, pretty=pretty)


def _typed(instance: Instance) -> str:
    if not instance.plain:
        return f"{instance.text} : ({', '.join(map(str, instance.types))}) -> {instance.result}"
    declared = instance.unit.signature(instance.text)
    params = ", ".join(f"{p.name}: {t}" for p, t in zip(declared.params, instance.types, strict=True))
    return f"{declared.name}({params}) -> {instance.result}"


def _loops(instance: Instance) -> str:
    from ..compiler.loops_printer import print_loops

    return print_loops(instance.loops)


def _fired(instance: Instance) -> str:
    """The rules that fired, as comments below the program."""
    if not instance.fired:
        return ""
    width = max(len(f.rule) for f in instance.fired)
    lines = []
    for f in instance.fired:
        where = f"  {f.span}" if f.span is not None else ""
        lines.append(f"#   {f.rule:<{width}}  {f.count} time{'' if f.count == 1 else 's'}{where}")
    return "\n# rules that fired:\n" + "\n".join(lines) + "\n"


def _overview(instance: Instance) -> str:
    """Sizes of the program after each stage, its loops, copies and rules."""
    from ..compiler.ir import Loop, all_stmts, count_stmts

    def size(program: Program) -> int:
        return sum(count_stmts(f.body) for f in program.functions.values())

    entry = instance.entry
    nests = [s for s in entry.body.stmts if isinstance(s.op, Loop)]
    loops = [s for s in all_stmts(entry.body) if isinstance(s.op, Loop)]
    parallel = sum(s.op.parallel for s in loops if isinstance(s.op, Loop))
    lines = [
        _typed(instance), "",
        f"core        {size(instance.core):5} operations   {STAGES['core']}",
        f"derivative  {size(instance.derivative):5} operations   {STAGES['derivative']}",
        f"optimised   {size(instance.optimised):5} operations   {STAGES['optimised']}",
        f"loops       {len(loops):5} in {count(len(nests), 'nest')}, {parallel} of them with independent iterations",
    ]
    copies = instance.loops.copies
    lines += [f"copies      {len(copies):5}", *(f"  {c}" for c in copies)] if copies else ["copies          0"]
    return "\n".join(lines) + "\n" + _fired(instance)
