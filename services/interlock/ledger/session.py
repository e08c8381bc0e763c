"""What can be asked of a project's log on one connection; `Ledger` lends one per call, a turn keeps one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from interlock.ledger import errors
from interlock.ledger.connections import refused_by_name
from interlock.ledger.rows import Answer, Ends, Head, Row, Stored
from interlock.ledger.statements import sql

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    import asyncpg

    from interlock.ledger.connections import Connection

BATCH_EVENTS_MAX: Final = 5_000
BODY_BYTES_MAX: Final = 65_535
READ_EVENTS_MAX: Final = 10_000
ANSWERS_MAX: Final = 5_000
POSITION_MAX: Final = 2**63 - 1


class Session:
    """The ledger's questions and its one change, on one connection."""

    def __init__(self, connection: Connection) -> None:
        """Work on `connection`, which stays its lender's."""
        self._connection = connection

    async def append(self, project: str, rows: Sequence[Row]) -> datetime:
        """Append `rows` (1 to BATCH_EVENTS_MAX, one instant) as one transaction; return the ledger's clock.

        When this returns, the rows are on disk. A crash before leaves all of them or none: OutcomeUnknown is raised,
        and whoever reads `answers` for the command ids, or sends them again, finds out. Raises Overtaken,
        ClockDisagrees, ReadOnlyLedger, UnsafeSettings, or a BatchRefused.
        """
        if not 1 <= len(rows) <= BATCH_EVENTS_MAX:
            raise errors.BatchRefused(f"{len(rows)} rows; a batch has 1 to {BATCH_EVENTS_MAX}")
        for row in rows:
            if len(row.body) > BODY_BYTES_MAX:
                raise errors.BatchRefused(f"position {row.position} has {len(row.body)} bytes; {BODY_BYTES_MAX} fit")
        async with refused_by_name(sent=True):
            clock: datetime = await self._connection.fetchval(
                sql("append"),
                project,
                rows[0].recorded_at,
                [row.position for row in rows],
                [row.stream for row in rows],
                [row.version for row in rows],
                [row.type for row in rows],
                [row.body for row in rows],
                [row.command_id for row in rows],
                [row.request_hash for row in rows],
                [row.command_events for row in rows],
            )
        return clock

    async def read(self, project: str, *, after: int, limit: int, up_to: int | None = None) -> list[Stored]:
        """Return at most `limit` events with `after` < position <= `up_to`, in order and without gaps."""
        limit = min(limit, READ_EVENTS_MAX)
        async with refused_by_name(sent=False):
            found = await self._connection.fetch(
                sql("read"), project, after, POSITION_MAX if up_to is None else up_to, limit
            )
        return [_stored(project, row) for row in found]

    async def bodies(self, project: str, *, after: int, limit: int, up_to: int | None = None) -> list[bytes]:
        """Return what `read` does, as bytes alone: the first one's position is `after` + 1, for there are no gaps.

        The bytes say everything that the other columns do; a fifth of the time, measured, for who reads a whole log.
        """
        limit = min(limit, READ_EVENTS_MAX)
        async with refused_by_name(sent=False):
            found = await self._connection.fetch(
                sql("bodies"), project, after, POSITION_MAX if up_to is None else up_to, limit
            )
        return [row[0] for row in found]

    async def read_stream(self, project: str, stream: str, *, after_version: int = 0, limit: int) -> list[Stored]:
        """Return at most `limit` of a stream's events with version > `after_version`, in order."""
        limit = min(limit, READ_EVENTS_MAX)
        async with refused_by_name(sent=False):
            found = await self._connection.fetch(sql("read_stream"), project, stream, after_version, limit)
        return [_stored(project, row) for row in found]

    async def read_streams(self, project: str, streams: Sequence[str]) -> dict[str, list[Stored]]:
        """Return those of `streams` that have events, each whole and in order of version.

        Raises BatchRefused where they hold more than READ_EVENTS_MAX events together: ask for fewer.
        """
        async with refused_by_name(sent=False):
            found = await self._connection.fetch(
                sql("read_streams"), project, list(dict.fromkeys(streams)), READ_EVENTS_MAX + 1
            )
        if len(found) > READ_EVENTS_MAX:
            raise errors.BatchRefused(f"the streams hold more than {READ_EVENTS_MAX} events")
        events: dict[str, list[Stored]] = {}
        for row in found:
            events.setdefault(row["stream"], []).append(_stored(project, row))
        return events

    async def ends(self, project: str, streams: Sequence[str], *, bodies: bool = False) -> dict[str, Ends]:
        """Return the first position and the last version of those of `streams` that have events.

        With `bodies`, also each one's first event's bytes.
        """
        async with refused_by_name(sent=False):
            found = await self._connection.fetch(sql("ends"), project, list(dict.fromkeys(streams)), bodies)
        return {row["stream"]: Ends(row["first"], row["version"], row["body"]) for row in found}

    async def head(self, project: str) -> Head:
        """Return how far `project`'s log is; position 0 for a project without events."""
        async with refused_by_name(sent=False):
            row = await self._connection.fetchrow(sql("head"), project)
        assert row is not None  # the statement returns one row for every project
        return Head(row["position"] or 0, row["recorded_at"], row["clock"])

    async def answers(self, project: str, command_ids: Sequence[UUID]) -> dict[UUID, Answer]:
        """Return what those of `command_ids` that left events were answered with, whenever that was."""
        if len(command_ids) > ANSWERS_MAX:
            raise errors.BatchRefused(f"{len(command_ids)} command ids; {ANSWERS_MAX} can be looked up at once")
        async with refused_by_name(sent=False):
            found = await self._connection.fetch(sql("answers"), project, list(dict.fromkeys(command_ids)))
        events: dict[UUID, list[Stored]] = {}
        hashes: dict[UUID, str] = {}
        for row in found:
            hashes[row["command_id"]] = row["request_hash"]
            events.setdefault(row["command_id"], []).append(_stored(project, row))
        return {command_id: Answer(hashes[command_id], tuple(events[command_id])) for command_id in events}


class Turn(Session):
    """A project's turn: nobody else who waits for turns appends while it is `held`.

    A courtesy between writers, not what keeps the log right: that is the fence, and a turn that could not be had in
    LOCK_WAIT_MS is not `held` and works all the same.
    """

    def __init__(self, connection: Connection, *, held: bool) -> None:
        """Work on `connection`, whose session has the lock if `held`."""
        super().__init__(connection)
        self.held = held


def _stored(project: str, row: asyncpg.Record) -> Stored:
    return Stored(project, row["position"], row["stream"], row["version"], row["type"], row["recorded_at"], row["body"])
