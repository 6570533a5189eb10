"""`python -m benchmarks [names] [--quick] [--json FILE]`: measures, and prints tables."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from pathlib import Path

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC"):
    os.environ.setdefault(_variable, "1")  # read when NumPy and JAX start

import numpy as np

from . import calls, cases, harness, report, sides, whole


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*cases.NAMES, "calls", []], help="functions, or calls; all if none is named")
    parser.add_argument("--quick", action="store_true", help="few small sizes, short runs, no whole processes")
    parser.add_argument("--large", action="store_true", help="the largest sizes too")
    parser.add_argument("--sides", default="derivant,c++,jax,numba", help="which sides, separated by commas")
    parser.add_argument("--seconds", type=float, help="for each timing (0.6; with --quick 0.15)")
    parser.add_argument("--clock", choices=list(harness.CLOCKS), default="wall", help="cpu on a busy machine")
    parser.add_argument("--no-growth", action="store_true", help="leave out how costs grow")
    parser.add_argument("--no-processes", action="store_true", help="leave out whole processes")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write everything there")
    options = parser.parse_args()

    names = set(options.names) or {*cases.NAMES, "calls"}
    seconds = options.seconds or (0.15 if options.quick else 0.6)
    present = sides.available(tuple(options.sides.split(",")))
    results: dict[str, object] = {"machine": _machine(), "sides": list(present)}

    rows = []
    results["checks"] = checked = harness.checks(names, present)
    for name, found in checked.items():
        for what, error in found["errors"].items():
            print(f"{name}, small sizes, {what}: {error.splitlines()[0]}", file=sys.stderr)
    for case in cases.chosen(options.names, options.quick, options.large):
        print(f"{case.name} {case.label} ...", file=sys.stderr, flush=True)
        rows.append(harness.measure(case, present, seconds, options.clock))
    results["rows"] = [row.as_json() for row in rows]
    if rows:
        print(report.table(rows))
    for part in (report.means(rows), report.problems(rows)):
        if part:
            print(f"\n{part}")

    if "calls" in names:
        overhead = calls.measure(calls.available(tuple(options.sides.split(","))), seconds, options.clock)
        results["calls"] = overhead
        print(f"\nA call from Python\n{report.call_table(overhead)}")
    if rows and not options.no_growth and "derivant" in present:
        results["growth"] = steps = harness.growth(names, present["derivant"], seconds / 2, options.clock)
        print(f"\nGrowth over an eightfold step\n{report.growth_table(steps)}")
    if rows and not (options.no_processes or options.quick) and "derivant" in present:
        results["processes"] = entries = whole.processes(names, "jax" in present)
        print(f"\nWhole processes up to the first derivative\n{report.process_table(entries)}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    wrong = any(row.errors for row in rows) or any(found["errors"] for found in checked.values())
    return 1 if wrong else 0


def _machine() -> dict[str, object]:
    model = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.exists():
        named = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        model = named[0] if named else model
    return {"cpu": model, "cores": os.cpu_count(), "python": platform.python_version(), "numpy": np.__version__}


if __name__ == "__main__":
    sys.exit(main())
