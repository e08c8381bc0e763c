"""The marker: a row that the adjustment's own transaction writes, so that its outcome can be read, never guessed.

Whoever must know inserts a row of the same key, a tombstone. That waits for a transaction that is still open; where it
succeeds, the attempt was not committed and never will be; where the key is taken, the row says what happened.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final, Literal

import asyncpg

from interlock.events.catalogue.parts import ExecutedStatement
from interlock.runners.adjust.failures import MarkerTaken, StillRunning
from interlock.runners.adjust.sessions import QUICK_SECONDS, Connection, cannot_tell
from interlock.runners.failures import LOST

CLAIM: Final = (
    "insert into interlock_adjust.marker (marker, kind, adjustment, bound_digest) values ($1, 'executed', $2, $3)"
)
TELL: Final = (
    "insert into interlock_adjust.outcome (marker, statements, rows, before, after, duration_ms)"
    " values ($1, $2, $3, $4, $5, $6)"
)
ENTOMB: Final = (
    "insert into interlock_adjust.marker (marker, kind, adjustment) values ($1, 'rolled_back', $2)"
    " on conflict (marker) do nothing"
)
READ: Final = (
    "select m.kind, o.statements, o.rows, o.before, o.after, o.duration_ms"
    " from interlock_adjust.marker m left join interlock_adjust.outcome o using (marker) where m.marker = $1"
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a transaction did, as it stands in the database beside the marker."""

    statements: tuple[ExecutedStatement, ...]
    rows: int
    before: str
    after: str
    duration_ms: int

    def fields(self) -> dict[str, Any]:
        """Return it as the fields of a report: always the same for the same outcome."""
        return {
            "statements": [{"digest": s.digest, "command": s.command, "rows": s.rows} for s in self.statements],
            "rows": self.rows,
            "before": self.before,
            "after": self.after,
            "duration_ms": self.duration_ms,
        }


def marker_of(adjustment: str, token: int) -> str:
    """Return the key of an execution's marker."""
    return f"{adjustment}/{token}"


def rehearsal_marker_of(adjustment: str, token: int) -> str:
    """Return the key of a rehearsal's marker, which is always rolled back: never one that production's copy holds."""
    return f"rehearsal {adjustment}/{token}"


async def claim(connection: Connection, marker: str, adjustment: str, bound_digest: str) -> None:
    """Write the marker. Raises MarkerTaken where the attempt was settled by somebody else."""
    try:
        await connection.execute(CLAIM, marker, adjustment, bound_digest)
    except asyncpg.UniqueViolationError:
        raise MarkerTaken(f"{marker} is in the database already") from None


async def tell(connection: Connection, marker: str, outcome: Outcome) -> None:
    """Write beside the marker what the transaction did."""
    fields = outcome.fields()
    await connection.execute(
        TELL, marker, json.dumps(fields["statements"]), outcome.rows, outcome.before, outcome.after, outcome.duration_ms
    )


async def settle(
    connection: Connection, marker: str, adjustment: str
) -> tuple[Literal["executed", "rolled_back"], Outcome | None]:
    """Say what became of an attempt, for ever. Raises StillRunning, CannotTell."""
    try:
        # A crash after this leaves the tombstone, and the next question finds it: the same answer.
        await connection.execute(ENTOMB, marker, adjustment, timeout=QUICK_SECONDS)
        found = await connection.fetchrow(READ, marker, timeout=QUICK_SECONDS)
    except asyncpg.LockNotAvailableError:
        raise StillRunning(StillRunning.__doc__) from None
    except (*LOST, asyncpg.PostgresError) as away:
        raise cannot_tell(away) from None
    assert found is not None
    if found["kind"] == "rolled_back":
        return "rolled_back", None
    statements = tuple(
        ExecutedStatement(digest=each["digest"], command=each["command"], rows=each["rows"])
        for each in json.loads(found["statements"])
    )
    outcome = Outcome(statements, found["rows"], found["before"], found["after"], found["duration_ms"])
    return "executed", outcome
