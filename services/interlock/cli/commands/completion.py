"""`dt completion`: let the shell complete commands, options and the names that `dt` has seen."""

from __future__ import annotations

import click

from interlock.cli.lazy import Command


@click.command("completion", cls=Command)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a script for the shell: eval "$(dt completion bash)".

    Names come from what dt has shown before; the server is not asked.
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(ctx.find_root().command, {}, "dt", "_DT_COMPLETE").source())
