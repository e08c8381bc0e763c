"""What is to be run: the table [tests] of interlock.toml, or the words on the command line.

[tests]
environment = "tests"                              # whose lease is taken
command = ["pytest", "--junit-xml={report}"]       # run in the directory of interlock.toml
report = "report.xml"                              # where it leaves its JUnit report: {report}, INTERLOCK_REPORT
erase = ["./erase.sh"]                             # erases the data of the tests, before each run
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal
from uuid import UUID

from interlock.events.catalogue.parts import Identity
from interlock.runners.commands import Configured, command_of, known_only, table_of
from interlock.runners.connections import NotConfigured
from interlock.runners.targets import Target

TABLE: Final = "tests"
KNOWN: Final = frozenset({"environment", "command", "report", "erase"})
ENVIRONMENT: Final = "tests"
REPORT: Final = "report.xml"


@dataclass(frozen=True, slots=True)
class Settings:
    """The table, read."""

    environment: str
    command: Configured
    report: Path
    erase: Configured


@dataclass(frozen=True, slots=True)
class Job:
    """One run: its settings, the environment as it is reached and as it is registered, and what the child inherits.

    `attempt` names this call: the same attempt, asked again, is the same run.
    """

    settings: Settings
    target: Target
    registered: Identity
    trigger: Literal["manual", "scheduled"]
    attempt: UUID
    environ: Mapping[str, str]


def settings_of(
    document: Mapping[str, Any], *, home: Path, words: Sequence[str] = (), here: Path | None = None
) -> Settings:
    """Return what a parsed interlock.toml in `home` says. Raises NotConfigured.

    `words` are a command instead of the configured one; it runs `here`.
    """
    table = table_of(document, TABLE)
    known_only(table, KNOWN, TABLE)
    if words:
        command = command_of(list(words), "the command", here or home)
    else:
        command = command_of(table.get("command"), f"{TABLE}.command", home)
    if table.get("erase") is None:
        instead = 'name what erases the data of the tests: erase = ["./erase.sh"]'
        raise NotConfigured(f"{TABLE}.erase", "it is missing, and each run begins on erased data", instead)
    report = (home / _text(table, "report", REPORT)).absolute()
    if report.is_dir():
        raise NotConfigured(f"{TABLE}.report", "it is a directory", "name the file that the command writes")
    return Settings(
        environment=_text(table, "environment", ENVIRONMENT),
        command=command,
        report=report,
        erase=command_of(table["erase"], f"{TABLE}.erase", home),
    )


def _text(table: Mapping[str, Any], name: str, otherwise: str) -> str:
    value = table.get(name, otherwise)
    if not isinstance(value, str) or not value:
        raise NotConfigured(f"{TABLE}.{name}", "it is no text", f'write it as in {name} = "{otherwise}"')
    return value
