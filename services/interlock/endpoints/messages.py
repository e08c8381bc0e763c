"""Messages on their way: what is due, what was told, what was given up; what was told leaves."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal, get_args

from interlock.endpoints.endpoints import NoSuchEndpoint
from interlock.events.fact import fact
from interlock.ledger import Ledger
from interlock.ledger.connections import refused_by_name

Kind = Literal["must-act", "refused", "missed", "problem", "deployed"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
MESSAGES_MAX: Final = 200
ERROR_CHARACTERS_MAX: Final = 500

# The oldest that is due of each endpoint which is not gone.
_DUE: Final = """
select distinct on (message.endpoint) message.id, message.endpoint, message.kind, message.position, message.body,
       message.state, message.tries, message.next_at, message.made_at, message.last_error,
       endpoint.url, endpoint.secret
  from notify.message as message
  join notify.endpoint as endpoint on endpoint.project = message.project and endpoint.name = message.endpoint
 where message.project = $1 and message.state = 'waiting' and message.next_at <= clock_timestamp()
   and not endpoint.gone
 order by message.endpoint, message.tries, message.position, message.id
"""
_TOLD: Final = """
with told as (delete from notify.message where project = $1 and id = $2 returning endpoint)
update notify.endpoint as endpoint set delivered = endpoint.delivered + 1, told_at = clock_timestamp(), gone = false
  from told where endpoint.project = $1 and endpoint.name = told.endpoint
"""
_AGAIN: Final = """
update notify.message set tries = tries + 1, last_error = $3, state = $4,
       next_at = clock_timestamp() + make_interval(secs => $5)
 where project = $1 and id = $2
"""
# It asked to be left alone for a while: that is for all that waits for it.
_LATER: Final = """
update notify.message set next_at = greatest(next_at, clock_timestamp() + make_interval(secs => $3))
 where project = $1 and endpoint = $2 and state = 'waiting'
"""
_GONE: Final = "update notify.endpoint set gone = true where project = $1 and name = $2"
_LIST: Final = """
select message.id, message.endpoint, message.kind, message.position, message.body, message.state, message.tries,
       message.next_at, message.made_at, message.last_error
  from notify.message as message
 where message.project = $1 and ($2 = 'all' or message.state = $2) and message.id > $3
 order by message.id limit $4
"""
_ONE: Final = """
select message.id, message.endpoint, message.kind, message.position, message.body, message.state, message.tries,
       message.next_at, message.made_at, message.last_error
  from notify.message as message where message.project = $1 and message.id = $2
"""
_RETRY: Final = """
with again as (
    update notify.message set state = 'waiting', tries = 0, next_at = clock_timestamp()
     where project = $1 and (id = $2 or ($2 is null and state = 'failed' and endpoint = $3)) returning endpoint
), resumed as (
    update notify.endpoint as endpoint set gone = false
     where endpoint.project = $1 and endpoint.name in (select again.endpoint from again)
)
select count(*) from again
"""


class NoSuchMessage(LookupError):
    """no such message is on its way, or was given up: it was told, or never was"""


@fact
class Waiting:
    """A message that is not told: why, how often it was tried, and when it is tried again."""

    project: str
    id: str
    endpoint: str
    kind: str
    position: int
    body: bytes
    state: str
    tries: int
    next_at: datetime
    made_at: datetime
    last_error: str | None
    url: str = ""
    secret: bytes = b""


class Messages:
    """Beside a ledger, in the same database."""

    def __init__(self, ledger: Ledger) -> None:
        """Use the connections of `ledger`."""
        self._ledger = ledger

    async def due(self, project: str) -> list[Waiting]:
        """Return for each endpoint one message that may be sent now."""
        async with self._ledger.connection() as connection, refused_by_name(sent=False):
            rows = await connection.fetch(_DUE, project)
        return [_waiting(project, row, url=row["url"], secret=row["secret"]) for row in rows]

    async def told(self, message: Waiting) -> None:
        """Note that the endpoint has it. A crash before this leaves it waiting: it is sent once more, under its id."""
        await self._do(_TOLD, message.project, message.id)

    async def again(self, message: Waiting, error: str, seconds: float) -> None:
        """Try it again after so many seconds."""
        said = error[:ERROR_CHARACTERS_MAX].replace("\x00", "")
        await self._do(_AGAIN, message.project, message.id, said, "waiting", seconds)

    async def give_up(self, message: Waiting, error: str) -> None:
        """Try it no more, until somebody asks."""
        said = error[:ERROR_CHARACTERS_MAX].replace("\x00", "")
        await self._do(_AGAIN, message.project, message.id, said, "failed", 0.0)

    async def hold(self, message: Waiting, seconds: float) -> None:
        """Leave its endpoint alone for so long."""
        await self._do(_LATER, message.project, message.endpoint, seconds)

    async def gone(self, message: Waiting) -> None:
        """Send its endpoint nothing until somebody asks."""
        await self._do(_GONE, message.project, message.endpoint)

    async def listed(self, project: str, state: str, *, after: str = "", limit: int = MESSAGES_MAX) -> list[Waiting]:
        """Return those that wait, or were given up, or both (`all`), in order of their ids."""
        async with self._ledger.connection() as connection, refused_by_name(sent=False):
            rows = await connection.fetch(_LIST, project, state, after, min(limit, MESSAGES_MAX))
        return [_waiting(project, row) for row in rows]

    async def get(self, project: str, message: str) -> Waiting:
        """Return one that is not told. Raises NoSuchMessage."""
        async with self._ledger.connection() as connection, refused_by_name(sent=False):
            row = await connection.fetchrow(_ONE, project, message)
        if row is None:
            raise NoSuchMessage(message)
        return _waiting(project, row)

    async def retry(self, project: str, message: str) -> None:
        """Try one from the beginning. Raises NoSuchMessage."""
        if not await self._fetch(_RETRY, project, message, None):
            raise NoSuchMessage(message)

    async def retry_all(self, project: str, endpoint: str) -> int:
        """Try all that were given up for this endpoint; return how many."""
        return int(await self._fetch(_RETRY, project, None, endpoint))

    async def _do(self, statement: str, *arguments: Any) -> None:
        async with self._ledger.connection() as connection, refused_by_name(sent=True):
            await connection.execute(statement, *arguments)

    async def _fetch(self, statement: str, *arguments: Any) -> Any:
        async with self._ledger.connection() as connection, refused_by_name(sent=True):
            return await connection.fetchval(statement, *arguments)


def _waiting(project: str, row: Any, **more: Any) -> Waiting:
    names = ("id", "endpoint", "kind", "position", "body", "state", "tries", "next_at", "made_at", "last_error")
    return Waiting(project=project, **{name: row[name] for name in names}, **more)


__all__ = ["KINDS", "MESSAGES_MAX", "Kind", "Messages", "NoSuchEndpoint", "NoSuchMessage", "Waiting"]
