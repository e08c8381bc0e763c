"""The command line itself: help, lazy imports, options anywhere, and that every command the rules name can be typed."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from interlock.cli.app import COMMANDS, dt
from interlock.cli.exits import MEANINGS
from interlock.cli.lazy import first_word
from interlock.domain.problem_types import PROBLEM_TYPES
from tests.cli.terminal import Terminal

NOWHERE = "http://127.0.0.1:9"
DOMAIN = Path(__file__).parents[2] / "services" / "interlock" / "domain"
WRITTEN_ELSEWHERE = {"demo"}


def walk(group: click.Group, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        if name in WRITTEN_ELSEWHERE and not path:
            continue
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from walk(command, (*path, name))


EVERY = dict(walk(dt, ()))


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path, NOWHERE)


def test_help_is_read_aloud_as_it_stands(terminal: Terminal) -> None:
    terminal.shows("help", "--help", who=None)


def test_help_imports_no_client_no_rules_and_no_pydantic() -> None:
    code = (
        "import sys; sys.argv=['dt','--help']\nfrom interlock.cli import main\ntry: main()\nexcept SystemExit: pass\n"
    )
    code += "print([m for m in sys.modules if m.split('.')[0] in {'httpx2','pydantic','orjson','asyncpg','fastapi'}])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("path", sorted(EVERY), ids=" ".join)
def test_every_command_says_in_a_sentence_what_it_does(path: tuple[str, ...]) -> None:
    text = EVERY[path].help
    assert text
    assert text.split("\n\n")[0].rstrip().endswith((".", "]", '".'))


@pytest.mark.parametrize(
    "path", [path for path, command in EVERY.items() if not isinstance(command, click.Group)], ids=" ".join
)
def test_every_command_takes_json(path: tuple[str, ...]) -> None:
    assert any("--json" in parameter.opts for parameter in EVERY[path].params)


def test_every_command_has_one_line_in_the_table() -> None:
    for _, name, _, short in COMMANDS:
        assert len(short) < 76, name
        assert short.endswith("."), name


def commands_in_the_rules() -> list[str]:
    """The texts that the rules print as next steps, with a word in place of what is put in."""
    found = set()
    for path in DOMAIN.rglob("*.py"):
        for text in re.findall(r'f?"(dt [^"]+)"', path.read_text(encoding="utf-8")):
            found.add(re.sub(r"\{[^}]*\}", "X", text))
    return sorted(found)


@pytest.mark.parametrize("text", commands_in_the_rules())
def test_every_command_that_the_rules_name_is_one(text: str) -> None:
    _, *words = text.split()
    command: click.Command = dt
    context = click.Context(dt)
    while isinstance(command, click.Group) and words:
        default = getattr(command, "default", None)
        found = command.get_command(context, words[0])
        if found is None and default:
            found = command.get_command(context, default)
        else:
            words.pop(0)
        assert found is not None, text
        command = found
    options = {name for parameter in command.params for name in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options
    arguments = [parameter for parameter in command.params if isinstance(parameter, click.Argument)]
    given, skip = 0, False
    for word in words:
        if skip:
            skip = False
        elif word.startswith("--"):
            [option] = [each for each in command.params if word in each.opts]
            skip = isinstance(option, click.Option) and not option.is_flag
        else:
            given += 1
    assert given <= len(arguments)


@pytest.mark.parametrize(
    "words, at",
    [(["4.12.0", "production"], 0), (["start", "D-3"], 0), (["--json", "start"], 1), (["--now", "X", "4.12.0"], 2),
     (["--at-window", "4.12.0"], None), ([], None)],
)  # fmt: skip
def test_the_first_word_is_found_behind_common_options(words: list[str], at: int | None) -> None:
    assert first_word(words) == at


def test_a_release_may_be_deployed_without_naming_the_request(terminal: Terminal) -> None:
    for words in (["deploy", "--at-window", "4.12.0", "production"], ["deploy", "--json", "4.12.0", "production"]):
        assert terminal.dt(*words).code == 7
    assert terminal.dt("deploy", "4.12.0").code == 2
    assert "Usage: dt deploy request" in terminal.dt("deploy", "4.12.0").stderr


def test_dt_alone_shows_what_there_is_and_half_a_command_is_wrong(terminal: Terminal) -> None:
    assert terminal.dt(who=None).code == 0
    assert terminal.dt("release", who=None).code == 2


def test_an_unknown_command_is_answered_with_those_that_look_like_it(terminal: Terminal) -> None:
    done = terminal.dt("statsu", who=None)
    assert done.code == 2
    assert "Did you mean: status" in done.stderr


def test_exit_codes_are_told_and_cover_what_problems_end_with(terminal: Terminal) -> None:
    told = {code for code, _ in MEANINGS}
    assert {kind.exit_code for kind in PROBLEM_TYPES.values()} <= told
    done = terminal.dt("help", "exit-codes", who=None)
    assert "refused by a check" in done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_can_complete(terminal: Terminal, shell: str) -> None:
    assert "_DT_COMPLETE" in terminal.dt("completion", shell, who=None).stdout


def test_completion_offers_commands_and_names_and_asks_nobody(terminal: Terminal) -> None:
    asked = {"_DT_COMPLETE": "bash_complete", "COMP_WORDS": "dt rel", "COMP_CWORD": "1"}
    assert terminal.dt(who=None, env=asked).stdout == "plain,release\n"
    asked = {"_DT_COMPLETE": "bash_complete", "COMP_WORDS": "dt env show prod", "COMP_CWORD": "3"}
    assert terminal.dt(who=None, env=asked).stdout == "plain,production\n"
