"""`derivant bench`: a table of times."""

from __future__ import annotations

from typing import Any

import click

from ..compiler import errors
from . import console, data


@click.command("bench", short_help="Times of a function and its derivative.", epilog="Example: derivant bench model.dv loss --size n=1000,10000 --size d=10")
@click.argument("file", metavar="FILE", type=click.Path())
@click.argument("name", shell_complete=console.functions_of_file)
@click.option("--size", "sizes", multiple=True, metavar="NAME=N,…",
              help="Values for a size, or for an integer parameter (default: 100); every combination is measured.")
@click.option("--arg", "args", multiple=True, metavar="NAME=VALUE", help="An argument that is not to be random.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, errors too.")
def bench(file: str, name: str, sizes: tuple[str, ...], args: tuple[str, ...], as_json: bool) -> None:
    """Measure NAME and its derivative over sizes, at random arguments of the declared types.

    Times are processor time, the least of some repeats, of a call from Python.  The derivative is the
    value with the gradient for a scalar result, otherwise the Jacobian, in all parameters that carry floats.
    """
    from . import arguments
    from .api import load_file
    from .bench import derivative_of, measure

    f = load_file(file, write=lambda _: None)[name]
    texts = console.pairs(args, "--arg")
    names = {p.name: p.type for p in f.params}
    for key in texts:
        if key not in names:
            raise errors.TypeError("DV0606", f"{name} has no parameter {key}", f.span)
    given = {key: data.read_argument(text, names[key], key) for key, text in texts.items()}
    wanted = {key: _numbers(key, text) for key, text in console.pairs(sizes, "--size").items()}
    known = {*arguments.sizes_of(f), *arguments.integers_of(f)}
    for key in wanted:
        if key not in known:
            raise errors.TypeError("DV0606", f"{name} has no size {key}", f.span,
                                   help=f"there are: {', '.join(sorted(known))}" if known else "it has no sizes")
    found = derivative_of(f, given)
    what, derivative = found if found is not None else ("", None)
    rows = list(measure(f, wanted, given, derivative))
    if as_json:
        console.result_json([{"sizes": r.sizes, "primal": r.primal, "derivative": r.derivative, "ratio": r.ratio}
                             for r in rows])
        return
    table: list[list[str]] = [[*rows[0].sizes, "primal", *([what, "ratio"] if derivative is not None else [])]]
    for r in rows:
        cells: list[Any] = [*r.sizes.values(), _time(r.primal)]
        if r.derivative is not None and r.ratio is not None:
            cells += [_time(r.derivative), f"{r.ratio:.1f}"]
        table.append([str(c) for c in cells])
    widths = [max(len(line[k]) for line in table) for k in range(len(table[0]))]
    for line in table:
        console.result("  ".join(cell.rjust(w) for cell, w in zip(line, widths, strict=True)))


def _numbers(name: str, text: str) -> list[int]:
    try:
        found = [int(float(part)) if "e" in part else int(part.replace("_", "")) for part in text.split(",")]
    except ValueError:
        raise click.BadParameter(f"{name}={text}: integers are wanted, as in {name}=100,1000", param_hint="--size") from None
    if min(found) < 0:
        raise click.BadParameter(f"{name}={text}: a size is not negative", param_hint="--size")
    return found


def _time(seconds: float) -> str:
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.0f} ns"
