"""`derivant lsp`: the language server, for editors."""

from __future__ import annotations

import os

import click

from ..compiler import errors


@click.command("lsp", short_help="The language server, for editors.", epilog="Example: derivant lsp    (an editor starts it)")
@click.option("--stdio", is_flag=True, help="Talk over standard input and output; there is no other way.")
def lsp(stdio: bool) -> None:
    """Answer an editor over the language server protocol: errors, types, definitions, layout.

    It talks over standard input and output, so it is not started by hand.
    """
    try:
        from .language_server import make_server
    except ModuleNotFoundError as e:
        if (e.name or "").split(".")[0] not in ("pygls", "lsprotocol"):
            raise
        raise errors.UnsupportedError("DV0702", "the language server needs pygls, which is not installed",
                                      help="pip install 'derivant[lsp]'") from None
    # Streams of its own: it closes them in the end.
    make_server().start_io(os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb"))
