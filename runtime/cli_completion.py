"""`derivant completion`: what a shell needs to complete commands, options and files."""

from __future__ import annotations

import click

from . import console


@click.command("completion", short_help="Completion for bash, zsh, fish.", epilog='Example: eval "$(derivant completion bash)"    '
                                    "Example: derivant completion fish > ~/.config/fish/completions/derivant.fish")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script for a shell; put its evaluation into your shell's start file."""
    from click.shell_completion import get_completion_class

    from .cli import cli

    found = get_completion_class(shell)
    assert found is not None
    console.result(found(cli, {}, "derivant", "_DERIVANT_COMPLETE").source().rstrip("\n"))
