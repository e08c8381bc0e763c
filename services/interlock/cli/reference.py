"""`python -m interlock.cli.reference FILE`: docs/DT.md, out of the commands themselves, so that it says what they do.

The page has the sections of `dt --help`, and in them each command with its usage, its text, and
every option with its default. Nothing of it depends on the terminal or on the machine.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from interlock.cli.app import COMMANDS, dt
from interlock.cli.exits import MEANINGS
from interlock.cli.lazy import PREFIX, common_options

# A usage line is not broken: readers copy it.
USAGE_WIDTH: Final = 1_000
COLUMNS_MAX: Final = 120
HEAD: Final = """# `dt`, command by command

Written by `make reference` from the commands themselves; a test compares both. `dt COMMAND --help` says the same where
you work, [GUIDE.md](GUIDE.md) leads through a first release, and [CONCEPTS.md](CONCEPTS.md) explains the words.

Times are GMT. A refusal says what is missing, who can act, and what to type next. What `dt` reads from interlock.toml
and the environment, `dt help config` lists; [OPERATIONS.md](OPERATIONS.md) has the server's settings.
"""


def described(parameter: click.Parameter, ctx: click.Context) -> tuple[str, str] | None:
    """Return an option's names and its help; None for what is hidden, and for an argument: the usage line has it."""
    return parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None


def cell(text: str) -> str:
    """Return text as it may stand in a cell of a table: on one line, where `|` ends nothing."""
    return " ".join(text.split()).replace("|", "\\|")


def table(records: list[tuple[str, str]]) -> list[str]:
    """Return options as a table's lines."""
    return ["", "| option | |", "|---|---|", *(f"| `{cell(names)}` | {cell(text)} |" for names, text in records)]


def paragraphs(text: str) -> Iterator[str]:
    """Give a command's text in lines of COLUMNS_MAX at most, a blank line between paragraphs."""
    for paragraph in inspect.cleandoc(text).replace("\b", "").split("\n\n"):
        yield ""
        # `<` and `*` mean something to those who lay the page out, and nothing here.
        words = " ".join(paragraph.split()).replace("<", "\\<").replace("*", "\\*")
        yield from click.wrap_text(words, width=COLUMNS_MAX).splitlines()


def entries(command: click.Command, ctx: click.Context, depth: int) -> Iterator[str]:
    """Give the lines of one command, and of the commands in it."""
    yield from ("", f"{'#' * min(depth, 6)} `{ctx.command_path}`")
    yield from paragraphs(command.help or "")
    usage = command.get_usage(ctx).removeprefix("Usage: ")
    yield from ("", f"    {' '.join(usage.split())}")
    found = [described(parameter, ctx) for parameter in command.params if not str(parameter.name).startswith(PREFIX)]
    if own := [record for record in found if record is not None]:
        yield from table(own)
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            inner = command.get_command(ctx, name)
            if inner is not None and not inner.hidden:
                yield from entries(inner, context(inner, ctx, name), depth + 1)


def context(command: click.Command, parent: click.Context | None, name: str) -> click.Context:
    """Return what a command is asked for its help in: of one width on every terminal."""
    return click.Context(
        command, parent=parent, info_name=name, terminal_width=USAGE_WIDTH, max_content_width=USAGE_WIDTH
    )


def reference() -> str:
    """Return the whole page."""
    root = context(dt, None, "dt")
    lines = [HEAD.rstrip(), "", "## How commands end", "", "| exit code | |", "|---|---|"]
    lines += [f"| {code} | {cell(meaning)} |" for code, meaning in MEANINGS]
    lines += ["", "A command that ends in other ways than its neighbours says so below.", ""]
    lines += ["## Options of every command"]
    lines += table([record for option in common_options() if (record := described(option, root)) is not None])
    section = ""
    for title, name, _, _ in COMMANDS:
        if title != section:
            section = title
            lines += ["", f"## {title}"]
        command = dt.get_command(root, name)
        assert command is not None
        lines += entries(command, context(command, root, name), 3)
    return "\n".join(lines) + "\n"


@click.command()
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
def write(path: Path) -> None:
    """Write the reference of every command to PATH."""
    path.write_text(reference(), encoding="utf-8")


if __name__ == "__main__":
    write()
