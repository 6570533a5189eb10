"""The pipelines: plain lists, each entry with the reason for its place.

    f = run(f, BEFORE_AD, functions)       # what is differentiated
    f = run(f, AFTER_AD, functions)        # a derivative, which may be differentiated again
    f = run(f, FINAL)                      # what is lowered
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..compiler.ir import Function
from .deadcode import dead_code
from .fusion import merge
from .inline import inline
from .normalise import Options, normalise
from .opt_join import join_outs
from .rules import NO_RULES, RuleSet, shipped
from .strategy import Log, no_collection, stage

Functions = Mapping[str, Function]


@dataclass(frozen=True)
class Pass:
    """A named pass over functions and the reason for its place in a pipeline."""

    name: str
    why: str
    run: Callable[[Function, Functions, Log], Function]


Pipeline = Sequence[Pass]


def _rules(options: Options) -> Callable[[Function, Functions, Log], Function]:
    return lambda f, functions, log: normalise(f, options, log=log, functions=functions)


def _dead(f: Function, functions: Functions, log: Log) -> Function:
    return dead_code(f, functions)


def dead(why: str) -> Pass:
    return Pass("dead code", why, _dead)


def rules(options: Options, why: str) -> Pass:
    return Pass("rules", why, _rules(options))


def merged(options: Options, why: str) -> Pass:
    """Merging, and where something merged the rules for the bodies that are new."""

    def apply(f: Function, functions: Functions, log: Log) -> Function:
        new = merge(f, log)
        if new is f:
            return f
        return dead_code(normalise(new, options, log=log, functions=functions), functions)

    return Pass("merge", why, apply)


@dataclass(frozen=True)
class Pipelines:
    """The three of them: before a function is differentiated, after that, and before lowering."""

    before_ad: Pipeline
    after_ad: Pipeline
    final: Pipeline


def pipelines(extra: RuleSet = NO_RULES) -> Pipelines:
    """The pipelines with further rules of the user's."""
    plain = Options(rules=shipped("exact") + extra, finite=shipped("finite"), tables=True)
    last = replace(plain, speculate=True)
    before = (
        Pass("inline", "differentiation has no rule for calls but of functions with their own",
             lambda f, functions, log: inline(f, functions, log=log)),
        dead("nothing is rewritten that nobody needs"),
        rules(plain, "what leaves a loop here transposes to `sum first, scale later`"),
        dead("inlined arrays and replaced operands are garbage now, and would hold merging back"),
        merged(plain, "one loop where the program says several; after the algebra, which merging would hide"),
    )
    after = (
        merged(plain, "inner loops that the algebra brought together"),
    )
    final = (
        Pass("inline", "no calls are left, those with a derivative of their own included",
             lambda f, functions, log: inline(f, functions, custom=True, log=log)),
        dead("nothing is rewritten that nobody needs"),
        rules(last, "nothing is differentiated any more: ifs may become selections"),
        dead("inlined arrays and replaced operands are garbage now, and would hold merging back"),
        merged(last, "storage is decided last"),
        merged(last, "inner loops that the algebra brought together"),
        Pass("join", "one destination for what the algebra split; it would split again",
             lambda f, functions, log: join_outs(f, log)),
    )
    return Pipelines(before, after, final)


_DEFAULT = pipelines()
BEFORE_AD, AFTER_AD, FINAL = _DEFAULT.before_ad, _DEFAULT.after_ad, _DEFAULT.final


def run(f: Function, pipeline: Pipeline, functions: Functions | None = None, log: Log | None = None) -> Function:
    """The function after the passes."""
    log = Log() if log is None else log
    for p in pipeline:
        with stage(log, p.name), no_collection():
            f = p.run(f, functions or {}, log)
    return f


def simplify(f: Function, functions: Functions) -> Function:
    """The simplifier for `differentiate.resolve`: keeps calls of functions with a derivative."""
    return run(run(f, BEFORE_AD, functions), AFTER_AD, functions)
