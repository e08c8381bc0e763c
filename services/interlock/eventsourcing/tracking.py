"""Events and the tracked position that they follow from, in one transaction: what a process recorder promises."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from eventsourcing.persistence import IntegrityError
from psycopg.sql import SQL, Identifier

from interlock.eventsourcing.calls import Call
from interlock.ledger import Ledger, Row, Session
from interlock.ledger.connections import refused_by_name

# The library's own statement (its single-row tracking), for asyncpg.
_MOVE: Final = SQL(
    "insert into {0}.{1} as tracked values ($1, $2) on conflict (application_name) do update"
    " set notification_id = $2 where tracked.notification_id < $2 returning notification_id"
)


class Conflict(Exception):
    """the position is tracked already, or a later one"""

    def __init__(self, error: IntegrityError) -> None:
        """Take what the caller is told."""
        super().__init__(str(error))
        self.error = error


async def append_tracked(ledger: Ledger, project: str, rows: list[Row], call: Call) -> datetime:
    """Append and move the tracked position, both or neither; return the ledger's clock. Raises Conflict, LedgerError.

    A lost COMMIT leaves both or neither too: the events' command id tells.
    """
    tracking, table = call.tracking, call.tracking_table
    assert tracking is not None
    assert table is not None
    move = _MOVE.format(*(Identifier(name) for name in table)).as_string(None)
    async with ledger.connection() as connection, refused_by_name(sent=True), connection.transaction():
        moved = await connection.fetchval(move, tracking.application_name, tracking.notification_id)
        if moved is None:
            raise Conflict(
                IntegrityError(f"{tracking.application_name} {tracking.notification_id} is tracked already, or passed")
            )
        return await Session(connection).append(project, rows)
