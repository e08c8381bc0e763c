"""The dead letters of the deployment, in PostgreSQL, where they are listed, tried again and discarded."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from interlock.events.fact import fact
from interlock.ledger import Ledger
from interlock.ledger.connections import refused_by_name
from interlock.letters.record import Record, place_of

LETTERS_MAX: Final = 200
REASON_CHARACTERS_MAX: Final = 4_000

_COLUMNS: Final = """project, topic, partition, "offset", reason, source, request, key, value, header_names,
 header_values, put_aside_at, state, tries, settled_by, settled_at, because"""
_PUT: Final = """
insert into intake.dead_letter as known
       (project, topic, partition, "offset", reason, source, request, key, value, header_names, header_values)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
on conflict on constraint dead_letter_record
do update set reason = excluded.reason, tries = known.tries + 1,
              state = case when known.state = 'asked' then 'waiting' else known.state end
"""
_LIST: Final = f"""
select {_COLUMNS} from intake.dead_letter
 where project = $1 and ($2 or state in ('waiting', 'asked'))
   and (topic, partition, "offset") > ($3, $4, $5)
 order by topic, partition, "offset" limit $6
"""  # noqa: S608 - names of columns
_WAITING: Final = "select count(*) from intake.dead_letter where project = $1 and state in ('waiting', 'asked')"
_GET: Final = f"""
select {_COLUMNS} from intake.dead_letter
 where project = $1 and topic = $2 and partition = $3 and "offset" = $4
"""  # noqa: S608 - names of columns
_ASKED: Final = f"""
select {_COLUMNS} from intake.dead_letter
 where state = 'asked' order by project, topic, partition, "offset" limit $1
"""  # noqa: S608 - names of columns
# Only one that waits can be asked for, or discarded; whoever comes second is told.
_SETTLE: Final = """
update intake.dead_letter set state = $5, settled_by = $6, because = $7, settled_at = clock_timestamp()
 where project = $1 and topic = $2 and partition = $3 and "offset" = $4 and state = any($8)
returning true
"""


class NoSuchLetter(LookupError):
    """no such record was put aside in this project"""


class NotWaiting(RuntimeError):
    """this record does not wait any more: it was settled, or discarded"""


@fact
class Letter:
    """One record that was put aside: why, what is known of its sender, and what became of it."""

    project: str
    record: Record
    reason: str
    source: str | None
    request: str | None
    put_aside_at: datetime
    state: str
    tries: int
    settled_by: str | None = None
    settled_at: datetime | None = None
    because: str | None = None

    @property
    def name(self) -> str:
        """How it is called by people: its place."""
        return self.record.name


class DeadLetters:
    """Beside a ledger, in the same database."""

    def __init__(self, ledger: Ledger) -> None:
        """Use the connections of `ledger`."""
        self._ledger = ledger

    async def put(
        self, project: str, record: Record, reason: str, *, source: str | None = None, request: str | None = None
    ) -> None:
        """Put a record aside; one that is there already gets the new reason, and waits again if it was asked for."""
        async with self._ledger.connection() as connection, refused_by_name(sent=True):
            await connection.execute(
                _PUT,
                project,
                record.topic,
                record.partition,
                record.offset,
                reason[:REASON_CHARACTERS_MAX].replace("\x00", ""),
                source,
                request,
                record.key,
                record.value,
                [name.replace("\x00", "") for name, _ in record.headers],
                [text for _, text in record.headers],
            )

    async def listed(
        self, project: str, *, everything: bool = False, after: str | None = None, limit: int = LETTERS_MAX
    ) -> list[Letter]:
        """Return those that wait, or all, in order of their places, after the one named."""
        place = (place_of(after) if after is not None else None) or ("", -1, -1)
        async with self._ledger.connection() as connection, refused_by_name(sent=False):
            rows = await connection.fetch(_LIST, project, everything, *place, min(limit, LETTERS_MAX))
        return [_letter(row) for row in rows]

    async def waiting(self, project: str) -> int:
        """Return how many wait for somebody. Raises LedgerError."""
        async with self._ledger.connection() as connection:
            return int(await connection.fetchval(_WAITING, project))

    async def get(self, project: str, name: str) -> Letter:
        """Return one. Raises NoSuchLetter."""
        async with self._ledger.connection() as connection, refused_by_name(sent=False):
            row = await connection.fetchrow(_GET, project, *self._place(name))
        if row is None:
            raise NoSuchLetter(name)
        return _letter(row)

    async def ask_again(self, project: str, name: str, by: str) -> Letter:
        """Let the intake try it again. Raises NoSuchLetter, NotWaiting."""
        return await self._settle(project, name, "asked", by, None, ("waiting", "asked"))

    async def discard(self, project: str, name: str, by: str, because: str) -> Letter:
        """Say that nothing will be done about it. Raises NoSuchLetter, NotWaiting."""
        return await self._settle(project, name, "discarded", by, because, ("waiting",))

    async def settled(self, letter: Letter, because: str) -> None:
        """Note that the intake has now understood it, and what came of it."""
        await self._settle(letter.project, letter.name, "settled", letter.settled_by or "", because, ("asked",))

    async def asked(self, limit: int = LETTERS_MAX) -> list[Letter]:
        """Return those that are to be tried again, of all projects."""
        async with self._ledger.connection() as connection, refused_by_name(sent=False):
            return [_letter(row) for row in await connection.fetch(_ASKED, limit)]

    async def _settle(
        self, project: str, name: str, state: str, by: str, because: str | None, before: tuple[str, ...]
    ) -> Letter:
        async with self._ledger.connection() as connection, refused_by_name(sent=True):
            done = await connection.fetchval(_SETTLE, project, *self._place(name), state, by, because, list(before))
        letter = await self.get(project, name)
        if not done:
            raise NotWaiting(f"{name}: {letter.state} by {letter.settled_by or 'nobody'}")
        return letter

    @staticmethod
    def _place(name: str) -> tuple[str, int, int]:
        place = place_of(name)
        if place is None:
            raise NoSuchLetter(name)
        return place


def _letter(row: Any) -> Letter:
    headers = zip(row["header_names"], row["header_values"], strict=True)
    return Letter(
        project=row["project"],
        record=Record(
            topic=row["topic"],
            partition=row["partition"],
            offset=row["offset"],
            key=row["key"],
            value=row["value"],
            headers=tuple(headers),
        ),
        reason=row["reason"],
        source=row["source"],
        request=row["request"],
        put_aside_at=row["put_aside_at"],
        state=row["state"],
        tries=row["tries"],
        settled_by=row["settled_by"],
        settled_at=row["settled_at"],
        because=row["because"],
    )
