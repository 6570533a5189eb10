"""The command `derivant`: run, grad, check, explain; the other commands have files of their own.

Results go to stdout, everything else to stderr.  Exit codes: 0 fine, 1 the program or its data is
wrong, 2 usage, 70 our own fault (a reproducer is written), 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib import import_module
from typing import Any

import click

from ..compiler import errors
from . import console, files, guard, progress
from .explain import PROGRAMS, STAGES

FINE, WRONG, USAGE, FAULT, INTERRUPTED = 0, 1, 2, 70, 130


def main(argv: list[str] | None = None) -> None:
    """Runs a command line and exits with its code."""
    sys.exit(run_command(sys.argv[1:] if argv is None else argv))


def run_command(argv: list[str]) -> int:
    """The exit code of a command line; never raises."""
    as_json = "--json" in argv
    console.open_streams()
    try:
        with guard.guarded("command line", " ".join(argv)), progress.watched():
            code = cli.main(argv, prog_name="derivant", standalone_mode=False)
            sys.stdout.flush()
        return code if isinstance(code, int) else FINE
    except click.exceptions.Exit as e:
        return e.exit_code
    except click.UsageError as e:
        with suppress(OSError):
            e.show(sys.stderr)
        return USAGE
    except (KeyboardInterrupt, click.Abort):
        console.note("derivant: interrupted")
        return INTERRUPTED
    except OSError as e:
        # What is still buffered must not complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(e, BrokenPipeError):
            return FINE  # the reader has had enough
        what = e.filename or ("the working directory" if isinstance(e, FileNotFoundError) else "the output")
        console.note(_said(errors.ValueError_("DV0612", f"{what}: {(e.strerror or str(e)).lower()}"), as_json))
        return WRONG
    except errors.InternalError as e:
        console.note(e.to_json() if as_json else f"derivant: {e.message}")
        return FAULT
    except errors.Error as e:
        if e.code == "DV0510":
            console.note("derivant: interrupted")
            return INTERRUPTED
        console.note(_said(e, as_json))
        return WRONG


def _said(e: errors.Error, as_json: bool) -> str:
    return e.to_json() if as_json else e.render(console.color())


def _shown(line: str) -> None:
    """What a program shows is no result: it goes to stderr."""
    console.note(line)


def _version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        from .. import __version__

        console.result(f"derivant {__version__}")
        ctx.exit()


_ELSEWHERE = {
    "bench": "cli_bench", "cache": "cli_doctor", "completion": "cli_completion", "doctor": "cli_doctor", "fmt": "cli_fmt",
    "lsp": "cli_lsp", "test": "cli_test",
}
"""Commands that are read when they are used: `fmt` is the `fmt` of cli_fmt.py."""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *_ELSEWHERE})

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name in _ELSEWHERE:
            command: click.Command = getattr(import_module(f".{_ELSEWHERE[name]}", __package__), name)
            return command
        return super().get_command(ctx, name)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]}, invoke_without_command=True,
             epilog="Example: derivant run model.dv --arg n=3")
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_version,
              help="Print the version and exit.")
@click.pass_context
def cli(ctx: click.Context) -> int | None:
    """Compile and run differentiable programs.  Without a command, on a terminal: the prompt."""
    if ctx.invoked_subcommand is not None:
        return None
    if sys.stdin.isatty() and sys.stdout.isatty():
        return repl.main([], standalone_mode=False)  # type: ignore[no-any-return]
    click.echo(ctx.get_help())
    return FINE


_file = click.argument("file", metavar="FILE", type=click.Path())
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, errors too.")
_backend = click.option("--backend", type=click.Choice(["llvm", "interpreter", "loops"]), default=None, hidden=True)


@cli.command("run", short_help="Compile a file, call a function.",
             epilog="Example: derivant run fit.dv --arg rate=0.1 --arg data=points.csv --out fit.npz")
@_file
@click.argument("name", default="main", shell_complete=console.functions_of_file)
@click.option("--arg", "args", multiple=True, metavar="NAME=VALUE",
              help="A number, true, false, JSON, or a file: .npy .npz .csv .json .txt.")
@click.option("--out", metavar="FILE", help="Save the result as .npz, .json, .npy or .csv.")
@_json
@_backend
def run(file: str, name: str, args: tuple[str, ...], out: str | None, as_json: bool, backend: str | None) -> None:
    """Compile FILE, call main (or NAME), print the result."""
    from . import data, output, show
    from .api import load_file

    texts = console.pairs(args, "--arg")
    if out is not None:
        output.check_path(out)
    function = load_file(file, backend, _shown)[name]
    names = [p.name for p in function.params]
    for key in texts:
        if key not in names:
            raise errors.TypeError("DV0606", f"{name} has no parameter {key}", function.span,
                                   help=f"its parameters: {', '.join(names)}" if names else "it has no parameters")
    values = {p.name: data.read_argument(texts[p.name], p.type, p.name) for p in function.params if p.name in texts}
    result = function(**values)
    if out is not None:
        output.save(result, out)
    console.result(_as_json(result) if as_json else show.show(result))


def _as_json(result: Any) -> str:
    import json

    from .show import to_plain

    return json.dumps(to_plain(result), ensure_ascii=False)


@cli.command("grad", short_help="Print a gradient as a program.",
             epilog="Example: derivant grad model.dv loss --wrt weights,bias")
@_file
@click.argument("name", shell_complete=console.functions_of_file)
@click.option("--wrt", metavar="NAMES", help="Parameters, by comma (default: the first).")
@click.option("--mode", type=click.Choice(["reverse", "forward"]), default="reverse", show_default=True)
@_json
def grad(file: str, name: str, wrt: str | None, mode: str, as_json: bool) -> None:
    """Print the gradient of NAME as a program."""
    from .api import load_file

    function = load_file(file)[name]
    names = [w.strip() for w in wrt.split(",")] if wrt else None
    text = function.derivative_source(names, mode)
    if as_json:
        console.result_json({"function": name, "wrt": names or [function.params[0].name], "mode": mode, "text": text})
    else:
        console.program(text.rstrip("\n"))


@cli.command("check", short_help="Check the types of programs.",
             epilog="Example: derivant check model.dv tests/    Example: derivant check - --json < model.dv")
@click.argument("paths", metavar="FILE…", nargs=-1, required=True, type=click.Path())
@_json
def check(paths: tuple[str, ...], as_json: bool) -> int:
    """Check the types of programs: files, all .dv files below folders, or - for standard input."""
    from .api import load_file

    found: list[str] = []

    def one(name: str) -> None:
        found.append(name)
        count = load_file(name)._check()
        if not as_json:
            console.note(f"{name}: {console.count(count, 'function')}, no errors")

    wrong = files.each(paths, one)
    if as_json:
        console.result_json([row for e in wrong for row in e.to_dicts()])
        return WRONG if wrong else FINE
    if not found:
        console.note("no .dv files")
    if wrong:
        raise errors.bundle(wrong)
    return FINE


@cli.command("explain", short_help="A function after any stage; an error's code.", epilog="Example: derivant explain model.dv loss --stage optimised    "
                               "Example: derivant explain DV0312")
@click.argument("file", metavar="FILE|CODE", required=False, type=click.Path())
@click.argument("name", required=False, shell_complete=console.functions_of_file)
@click.option("--stage", type=click.Choice(list(STAGES)), help="Print the program after this stage.")
@click.option("--codes", "listing", is_flag=True, help="List the codes of all errors.")
@_json
def explain(file: str | None, name: str | None, stage: str | None, listing: bool, as_json: bool) -> None:
    """What the compiler makes of NAME: its stages, the rules that fired.  Or what an error's CODE means."""
    from . import codes
    from .api import load_file

    if listing:
        pages = [codes.page(c) for c in codes.codes()]
        if as_json:
            console.result_json([{"code": p.code, "title": p.title} for p in pages])
        else:
            console.result("\n".join(f"{p.code}  {p.title}" for p in pages))
        return
    if file is None:
        raise click.UsageError("give a FILE and a NAME, or the CODE of an error")
    if name is None and codes.CODE.fullmatch(file) and not os.path.exists(file):
        page = codes.page(file)
        if as_json:
            console.result_json({"code": page.code, "title": page.title, "text": page.text})
        else:
            console.result(codes.for_terminal(page, console.color(sys.stdout)))
        return
    if name is None:
        raise click.UsageError("Missing argument 'NAME'.")
    text = load_file(file)[name].explain(stage)
    if as_json:
        console.result_json({"function": name, "stage": stage, "text": text})
    elif stage in PROGRAMS:
        console.program(text.rstrip("\n"))
    else:
        console.result(text.rstrip("\n"))


@cli.command("repl", short_help="The prompt; or a script from standard input.",
             epilog="Examples: derivant repl model.dv; derivant repl -e '1 + 1'; derivant repl < script.dv")
@click.argument("file", metavar="[FILE]", required=False)
@click.option("-e", "--eval", "expressions", multiple=True, metavar="EXPR", help="Run this and print its value; may be repeated.")
@click.option("-i", "--init", "scripts", multiple=True, metavar="FILE", help="Run the inputs in FILE first, then prompt.")
@click.option("-k", "--keep-going", is_flag=True, help="Go on after an error in a script.")
@click.option("-q", "--quiet", is_flag=True, help="No banner.")
@_backend
def repl(file: str | None, expressions: tuple[str, ...], scripts: tuple[str, ...], keep_going: bool, quiet: bool,
         backend: str | None) -> int:
    """A prompt with the declarations of FILE; a script, if standard input is no terminal."""
    from .repl import start

    return start(file, expressions, scripts, keep_going=keep_going, quiet=quiet, backend=backend)
