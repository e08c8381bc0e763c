"""Histories: what clients asked of a project's log and heard from it, with the moments on one clock for all processes.

A history is a file of lines. Each operation has a line when it is asked and another one when it is answered; one that
has no second line has an unknown outcome, and may have taken effect at any moment since it was asked, or never. The
moments are nanoseconds of CLOCK_MONOTONIC, which on Linux all processes of one machine read alike.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Literal

import orjson

OPEN = 2**63
"""The moment of an answer that never came."""

Kind = Literal["recorded", "refused", "changed", "nothing", "open"]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to record `intent` under `command`; the same intent is tried until it is answered.

    `outcome`: `recorded` (at `positions`), `refused` (somebody else has the name), `changed` (the stream has not
    `if_version` any more), `nothing` (the answer said that nothing was recorded by this try), `open` (nobody knows).
    """

    intent: str
    command: str
    invoked: int
    returned: int = OPEN
    outcome: Kind = "open"
    positions: tuple[int, ...] = ()
    name: str | None = None
    stream: str | None = None
    if_version: int | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """A page: the marks of the events after position `after`, at most `limit`."""

    after: int
    limit: int
    invoked: int
    returned: int = OPEN
    marks: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """How far the log is said to be."""

    invoked: int
    returned: int = OPEN
    position: int | None = None


@dataclass(frozen=True, slots=True)
class Lookup:
    """What a command id was answered with: positions, or nothing yet (an empty tuple); None where no answer came."""

    command: str
    invoked: int
    returned: int = OPEN
    positions: tuple[int, ...] | None = None


Operation = Attempt | Read | Head | Lookup


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of the final log. `intent` is what the client called it, `takes` a name that only one may have."""

    position: int
    command: str
    ordinal: int
    mark: int
    intent: str | None = None
    takes: str | None = None
    stream: str = ""
    version: int = 0
    at: float = 0.0


def mark_of(body: bytes) -> int:
    """A number by which an event's bytes are known again."""
    return zlib.crc32(body)


class Recorder:
    """Writes one process's history. What is written before a kill -9 stays: the kernel has it."""

    def __init__(self, path: Path, name: str) -> None:
        self._file: BinaryIO = path.open("ab", buffering=0)
        self._name = name
        self._count = 0

    def close(self) -> None:
        self._file.close()

    def asked(self, project: str, kind: str, **what: Any) -> str:
        """Note that something is about to be asked; return the operation's key."""
        self._count += 1
        key = f"{self._name}.{self._count}"
        self._file.write(orjson.dumps(["?", key, project, kind, what, time.monotonic_ns()]) + b"\n")
        return key

    def answered(self, key: str, **what: Any) -> None:
        """Note the answer, which came just now."""
        self._file.write(orjson.dumps(["!", key, what, time.monotonic_ns()]) + b"\n")


KINDS: dict[str, type[Operation]] = {"attempt": Attempt, "read": Read, "head": Head, "lookup": Lookup}


def histories(paths: Iterable[Path]) -> dict[str, list[Operation]]:
    """Return each project's operations. A line that a kill cut short counts as not written."""
    found: dict[str, tuple[str, Operation]] = {}
    for path in paths:
        for line in path.read_bytes().split(b"\n")[:-1]:
            match orjson.loads(line):
                case ["?", key, project, kind, what, moment]:
                    found[key] = (project, KINDS[kind](invoked=moment, **what))
                case ["!", key, what, moment]:
                    project, operation = found[key]
                    values = {name: _tuples(value) for name, value in what.items()}
                    found[key] = (project, replace(operation, returned=moment, **values))
    by_project: dict[str, list[Operation]] = {}
    for project, operation in found.values():
        by_project.setdefault(project, []).append(operation)
    return by_project


def _tuples(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def entries(bodies: Sequence[bytes]) -> list[Entry]:
    """Return the final log's entries, from events whose names and texts tell what their clients meant.

    A release's name is a name that only one may have; an intent is the name, or the text of a remark.
    """
    made = []
    for body in bodies:
        document = orjson.loads(body)
        data = document["data"]
        takes = data["name"] if document["type"] == "ReleaseOpened" else None
        intent = data.get("title") if takes else data.get("text") if document["type"] == "Annotated" else None
        made.append(
            Entry(
                position=document["position"],
                command=document["command_id"],
                ordinal=document["ordinal"],
                mark=mark_of(body),
                intent=intent if document["ordinal"] == 0 else None,
                takes=takes,
                stream=document["stream"],
                version=document["version"],
                at=datetime.fromisoformat(document["recorded_at"]).timestamp(),
            )
        )
    return made
