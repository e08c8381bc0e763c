"""Commands that share options, and groups that import a command only when it is given, so that help is quick."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from interlock.cli.exits import USAGE, Halt
from interlock.cli.session import Session

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


# A command may have an argument `principal` of its own.
PREFIX = "every_"


def keep(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Hand a common option over to the session; it may stand before or after the command."""
    if value is None or value is False or parameter.name is None:
        return
    session = ctx.find_object(Session)
    if session is not None:
        session.set_option(parameter.name.removeprefix(PREFIX), value)


def common_options() -> list[click.Option]:
    """Return new instances of the options that every command has."""

    def option(*names: str, **more: Any) -> click.Option:
        return click.Option(list(names), expose_value=False, callback=keep, **more)

    return [
        option("--json", PREFIX + "json", is_flag=True, help="The answer as JSON on stdout, with `next`."),
        option("--no-input", PREFIX + "no_input", is_flag=True, help="Never ask; fail instead."),
        option("--yes", "-y", PREFIX + "yes", is_flag=True, help="Answer yes to what would be asked."),
        option("--url", PREFIX + "url", metavar="URL", help="The server (or INTERLOCK_URL, or interlock.toml)."),
        option(
            "--project",
            PREFIX + "project",
            metavar="NAME",
            help="The project (or INTERLOCK_PROJECT, or interlock.toml).",
        ),
        option("--as", PREFIX + "principal", metavar="WHO", help="Use this stored login (or INTERLOCK_AS)."),
        option(
            "--now", PREFIX + "now", metavar="INSTANT", help="The test clock's instant; only a test server takes it."
        ),
    ]


class Command(click.Command):
    """A command with the common options, which stand in a section of their own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params = [*self.params, *common_options()]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command's own options, then the common ones."""
        own: list[tuple[str, str]] = []
        common: list[tuple[str, str]] = []
        for parameter in self.get_params(ctx):
            # Arguments stand in the usage line, and are explained in the text.
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if record is not None:
                (common if str(parameter.name).startswith(PREFIX) else own).append(record)
        for title, records in (("Options", own), ("Options of every command", common)):
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


class Group(click.Group):
    """A group with the common options (they may stand anywhere); its commands are of the class above."""

    command_class = Command
    group_class = type

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("subcommand_metavar", "COMMAND …")
        super().__init__(*args, **kwargs)
        hidden = common_options()
        for option in hidden:
            option.hidden = True
        self.params = [*self.params, *hidden]

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order in which they were written: that of the work."""
        del ctx
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each command with its whole first sentence; a sentence cut off says nothing."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [
            (name, first_sentence(command)) for name, command in found if command is not None and not command.hidden
        ]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)


def first_sentence(command: click.Command) -> str:
    """Return the first paragraph's first sentence of a command's help."""
    paragraph = " ".join((command.help or "").split("\n\n")[0].split())
    sentence, stop, _ = paragraph.partition(". ")
    return sentence + stop.strip()


class GroupWithDefault(Group):
    """A group whose first word may be a command's name or an argument: `dt deploy 4.12.0 production`.

    click would look up "4.12.0" as a command. So the word after the common options is looked at
    first: where it is no command's name, `default` is put before it.
    """

    def __init__(self, *args: Any, default: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.default = default

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default command's name where no command is named."""
        at = first_word(args)
        if at is None:
            if args and not {"--help", "-h"} & set(args):
                args = [self.default, *args]
        elif args[at] not in self.commands:
            args = [self.default, *args]
        return super().parse_args(ctx, args)


def first_word(args: Sequence[str]) -> int | None:
    """Return where the first word stands that is no common option or its value; None where that is an option."""
    valued = {"--url", "--project", "--as", "--now"}
    at = 0
    while at < len(args):
        word = args[at]
        if word in valued:
            at += 2
        elif word in {"--json", "--no-input", "--yes", "-y"} or word.startswith(tuple(f"{name}=" for name in valued)):
            at += 1
        elif word.startswith("-"):
            return None
        else:
            return at
    return None


class LazyGroup(Group):
    """The root: its commands stand in a table (section, name, where, one line) and are imported when given."""

    def __init__(self, *args: Any, table: Sequence[tuple[str, str, str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.table = tuple(table)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        del ctx
        return [name for _, name, _, _ in self.table]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module and return the command."""
        for _, name, where, _ in self.table:
            if name == cmd_name:
                module, _, attribute = where.partition(":")
                try:
                    found = getattr(import_module(module), attribute)
                except ModuleNotFoundError as missing:
                    if missing.name != module:
                        raise
                    if ctx.resilient_parsing:
                        return None
                    raise Halt(f"dt {name} is not part of this installation", code=USAGE) from missing
                assert isinstance(found, click.Command)
                return found
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; an unknown one is answered with those that look like it."""
        name = args[0]
        if name not in self.list_commands(ctx) and not name.startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(name, self.list_commands(ctx), n=3)
            hint = f" Did you mean: {', '.join(near)}?" if near else " dt --help lists the commands."
            ctx.fail(f"There is no command {name!r}.{hint}")
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Offer the commands without importing any."""
        from click.shell_completion import CompletionItem

        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        return [CompletionItem(name, help=short) for _, name, _, short in self.table if name.startswith(incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands by section, one line each, without importing any."""
        del ctx
        width = max(len(name) for _, name, _, _ in self.table)
        sections: dict[str, list[tuple[str, str]]] = {}
        for section, name, _, short in self.table:
            sections.setdefault(section, []).append((name.ljust(width), short))
        for section, rows in sections.items():
            with formatter.section(section):
                formatter.write_dl(rows)
