"""The whole corpus: importing this fills the table of cases."""

from __future__ import annotations

from derivant.compiler.errors import Source
from derivant.frontend import syntax as sx
from derivant.frontend.parser import parse

from . import (  # noqa: F401  # these fill the table
    cases_calculus,
    cases_dp,
    cases_finance,
    cases_geometry,
    cases_lang,
    cases_mixed,
    cases_ml,
    cases_numeric,
    cases_physics,
    cases_sizes,
    cases_stats,
    cases_steps,
)
from .cases import CASES, Case
from .harness import FOLDER, text_of


def cases() -> list[Case]:
    return CASES


def programs() -> set[str]:
    """All programs that run (not those that must be refused)."""
    found = {str(p.relative_to(FOLDER).with_suffix("")) for p in FOLDER.rglob("*.dv")}
    return {p for p in found if not p.startswith("refused")}


def positions(case: Case) -> list[int]:
    """Where the parameters to differentiate stand."""
    tree = parse(Source("program.dv", text_of(case.program)))
    d = next(d for d in tree.decls if isinstance(d, sx.Def) and d.name == case.function)
    names = [p.name for p in d.params]
    return [names.index(g) for g in case.grad]
