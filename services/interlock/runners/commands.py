"""Commands in interlock.toml: a list of words, or one text that is split as a shell would; no shell reads it."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

from interlock.events.seams import MonotonicClock
from interlock.runners import child
from interlock.runners.connections import NotConfigured
from interlock.runners.failures import Stopped


@dataclass(frozen=True, slots=True)
class Configured:
    """A command and the directory it runs in: that of interlock.toml."""

    words: tuple[str, ...]
    directory: Path

    def with_values(self, **values: str) -> tuple[str, ...]:
        """Return the words with {name} replaced; braces that name nothing given stay as they are."""
        return tuple(
            reduce(lambda word, name: word.replace(f"{{{name}}}", values[name]), values, w) for w in self.words
        )


async def asked(
    command: Configured, *, seconds: float, failing: type[Stopped], clock: MonotonicClock, environ: Mapping[str, str]
) -> tuple[child.Ended, list[str]]:
    """Ask a command something: return how it ended, and its lines. Raises `failing` where it takes longer."""
    lines: list[str] = []
    work = child.run(command.words, directory=command.directory, environ=environ, clock=clock, told=lines.append)
    try:
        return await asyncio.wait_for(work, seconds), lines
    except TimeoutError:
        raise failing(f"{command.words[0]} did not end within {seconds:.0f} s") from None


def command_of(value: object, setting: str, home: Path) -> Configured:
    """Return a command. Raises NotConfigured, which names the `setting`."""
    instead = 'write it as in command = ["./run.sh", "--all"], or command = "./run.sh --all"'
    if isinstance(value, str):
        try:
            words = shlex.split(value)
        except ValueError as wrong:
            raise NotConfigured(setting, f"its quotes do not end ({wrong})", instead) from wrong
    elif isinstance(value, list) and all(isinstance(word, str) for word in value):
        words = list(value)
    elif value is None:
        raise NotConfigured(setting, "it is missing", instead)
    else:
        raise NotConfigured(setting, "it is no command", instead)
    if not words or not words[0]:
        raise NotConfigured(setting, "it is empty", instead)
    return Configured(tuple(words), home)


def table_of(document: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    """Return a table of interlock.toml, empty where there is none. Raises NotConfigured where it is something else."""
    found: Any = document
    for depth, name in enumerate(names, 1):
        found = found.get(name, {})
        if not isinstance(found, Mapping):
            place = ".".join(names[:depth])
            raise NotConfigured(place, "it is no table", f"write it as [{place}]")
    table: Mapping[str, Any] = found
    return table


def known_only(table: Mapping[str, Any], names: frozenset[str], place: str) -> None:
    """Raise NotConfigured for a setting that there is not: a slip of the pen would silently do nothing."""
    for name in table:
        if name not in names:
            raise NotConfigured(f"{place}.{name}", "there is no such setting", f"there are {', '.join(sorted(names))}")
