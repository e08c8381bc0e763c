"""One look at the log: who changed data that is neither the application nor the runner, told as a fact."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid5

from interlock.runners.asking import Interlock
from interlock.runners.connections import Connection
from interlock.runners.writes.lines import Line, changes_in, line_of
from interlock.runners.writes.places import Place, Places

FILES: Final = "*.json"
# A statement is logged before it is done; by then it has failed, where it fails at once (a missing right, say).
SETTLE_SECONDS: Final = 5
READ_BYTES_MAX: Final = 64 * 1024 * 1024
COMMANDS_SHOWN_MAX: Final = 5
KEYS: Final = UUID("1f5c8a52-0e0b-5f3e-8d3a-0d9f6f3b2c11")


class NoLog(ValueError):
    """there is no log to read: say where PostgreSQL writes it as JSON, log = "DIR" under [environments.NAME]"""


@dataclass(slots=True)
class Session:
    """What one session did in the stretch of log that was read."""

    user: str
    session: str
    first: Line
    last: Line
    commands: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found: the sessions that wrote, and Interlock's answers."""

    sessions: tuple[Session, ...]
    answers: tuple[dict[str, Any], ...]


def look(interlock: Interlock, connection: Connection, database: str, state: Path, now: datetime) -> Look:
    """Read what is new in the log, tell what was written around Interlock, and remember how far it was read.

    Raises NoLog, OSError, and what the client raises: then the next look tells the same again, under the same keys.
    """
    if connection.log is None or not connection.log.is_dir():
        raise NoLog(NoLog.__doc__)
    places = Places.read(state)
    files = sorted(connection.log.glob(FILES))
    if places.until is None:
        places.telling(dict(_ends(files, places, now)))
    assert places.until is not None
    lines = [line for file in files for line in _lines(file, places, places.until.get(file.name))]
    found = tuple(_strangers(lines, connection, database))
    answers = tuple(_tell(interlock, connection, database, session) for session in found)
    places.told({file.name for file in files})
    return Look(found, answers)


def _ends(files: Iterable[Path], places: Places, now: datetime) -> Iterator[tuple[str, Place]]:
    """Yield up to where each file is read now: whole lines that are old enough."""
    oldest = now - timedelta(seconds=SETTLE_SECONDS)
    for file in files:
        start = places.start_of(file)
        end = start
        for raw in _raw(file, start):
            line = line_of(raw)
            if line is not None and line.at > oldest:
                break
            end += len(raw)
        yield file.name, {"inode": file.stat().st_ino, "offset": end}


def _raw(file: Path, start: int) -> Iterator[bytes]:
    with file.open("rb") as opened:
        opened.seek(start)
        for raw in opened.read(READ_BYTES_MAX).splitlines(keepends=True):
            if raw.endswith(b"\n"):
                yield raw


def _lines(file: Path, places: Places, until: Place | None) -> Iterator[Line]:
    """Yield the session lines of the stretch, and the failures right after it: they belong to it."""
    if until is None:
        return
    start = places.start_of(file)
    for raw in _raw(file, start):
        inside = start < until["offset"]
        start += len(raw)
        line = line_of(raw)
        if line is not None and (inside or line.failed):
            yield line


def _strangers(lines: list[Line], connection: Connection, database: str) -> Iterator[Session]:
    """Yield each session of another login role that changed something, as one."""
    known = {connection.runner, *connection.writers}
    failed = {(line.session, line.number) for line in lines if line.failed}
    sessions: dict[str, Session] = {}
    for line in lines:
        if line.text is None or line.database != database or line.user in known:
            continue
        # PostgreSQL refused the very next thing that this session is logged with: it was not done.
        if (line.session, line.number + 1) in failed:
            continue
        commands = changes_in(line.text)
        if commands:
            session = sessions.setdefault(line.session, Session(line.user, line.session, line, line))
            session.last = line
            session.commands += commands
    yield from sessions.values()


def _tell(interlock: Interlock, connection: Connection, database: str, session: Session) -> dict[str, Any]:
    """Report the fact; never what was written: a statement may hold what a row holds."""
    commands = ", ".join(dict.fromkeys(session.commands[:COMMANDS_SHOWN_MAX]))
    count = f"{len(session.commands)} statements" if len(session.commands) > 1 else "a statement"
    since = session.first.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    fields = {
        "environment": connection.environment,
        "kind": "adjustment",
        "source": f"PostgreSQL's log of {database}",
        "description": f"{session.user} wrote around Interlock: {count} ({commands}) at {since},"
        f" session {session.session}, lines {session.first.number} to {session.last.number}",
    }
    words = f"{interlock.project}/{connection.environment}/{database}/{session.session}"
    key = uuid5(KEYS, f"{words}/{session.first.number}/{session.last.number}")
    return interlock.command("ObserveFact", fields, idempotency_key=key)
