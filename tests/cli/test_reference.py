"""docs/DT.md says what the commands say."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import click
import pytest

from interlock.cli.app import dt
from interlock.cli.exits import MEANINGS
from interlock.cli.reference import reference
from tests.house.tree import REPOSITORY

PAGE = (REPOSITORY / "docs" / "DT.md").read_text(encoding="utf-8")


def leaves(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """Every command that somebody may type, with its words."""
    yield path, command
    if isinstance(command, click.Group):
        ctx = click.Context(command, info_name=path)
        for name in command.list_commands(ctx):
            inner = command.get_command(ctx, name)
            assert inner is not None
            if not inner.hidden:
                yield from leaves(inner, f"{path} {name}")


def sections() -> dict[str, str]:
    """The page's text, by the command that it is about."""
    found = re.split(r"^#+ `(dt [^`]+)`$", PAGE, flags=re.MULTILINE)[1:]
    assert len(found[::2]) == len(set(found[::2]))
    return dict(zip(found[::2], found[1::2], strict=True))


def test_the_page_is_what_the_commands_say_now() -> None:
    assert reference() == PAGE, "make reference writes docs/DT.md anew"


@pytest.mark.parametrize("variable", ["COLUMNS", "INTERLOCK_URL", "NO_COLOR"])
def test_it_is_the_same_on_every_terminal(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "40")
    assert os.environ[variable] == "40"
    assert reference() == PAGE


def test_each_command_has_its_section_and_no_other_is_there() -> None:
    assert set(sections()) == {path for path, _ in leaves(dt, "dt")} - {"dt"}


def test_each_option_that_is_not_hidden_stands_in_its_command_s_section() -> None:
    told = sections()
    for path, command in leaves(dt, "dt"):
        for parameter in command.params if path != "dt" else ():
            if isinstance(parameter, click.Option) and not parameter.hidden:
                where = PAGE if str(parameter.name).startswith("every_") else told[path]
                for name in parameter.opts:
                    assert re.search(rf"^\| `[^`]*{re.escape(name)}\b", where, re.MULTILINE), (path, name)


def test_each_option_says_what_it_is_for_and_what_it_takes() -> None:
    for path, command in leaves(dt, "dt"):
        ctx = click.Context(command, info_name=path)
        for parameter in command.get_params(ctx):
            if isinstance(parameter, click.Option) and not parameter.hidden:
                assert parameter.help, (path, parameter.opts)
                # The type's own name says nothing: N, DAYS, FILE do.
                assert parameter.is_flag or "INTEGER" not in parameter.make_metavar(ctx), (path, parameter.opts)


def test_each_exit_code_is_there() -> None:
    for code, meaning in MEANINGS:
        assert f"| {code} | {meaning} |" in PAGE
