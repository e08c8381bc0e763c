"""The endpoints of each project, in PostgreSQL: added and removed by people, told by the part `webhooks`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import asyncpg

from interlock.events.fact import fact
from interlock.ledger import Ledger
from interlock.ledger.connections import refused_by_name

ENDPOINTS_MAX: Final = 20

_ADD: Final = """
insert into notify.endpoint (project, name, url, secret, kinds, position, added_by)
select $1, $2, $3, $4, $5, coalesce((select head.position from ledger.head as head where head.project = $1), 0), $6
 where (select count(*) from notify.endpoint as known where known.project = $1) < $7
returning true
"""
_LIST: Final = """
select endpoint.*,
       (select count(*) from notify.message as m
         where m.project = endpoint.project and m.endpoint = endpoint.name and m.state = 'waiting') as waiting,
       (select count(*) from notify.message as m
         where m.project = endpoint.project and m.endpoint = endpoint.name and m.state = 'failed') as failed,
       (select min(m.made_at) from notify.message as m
         where m.project = endpoint.project and m.endpoint = endpoint.name and m.state = 'waiting') as oldest,
       (select m.last_error from notify.message as m
         where m.project = endpoint.project and m.endpoint = endpoint.name and m.last_error is not null
         order by m.made_at desc limit 1) as last_error,
       clock_timestamp() as now
  from notify.endpoint as endpoint where endpoint.project = $1 order by endpoint.name
"""
_REMOVE: Final = "delete from notify.endpoint where project = $1 and name = $2 returning true"
_PROJECTS: Final = "select distinct project from notify.endpoint order by project"
_MADE: Final = """
update notify.endpoint set position = $3 where project = $1 and name = any($2) and position < $3
"""
_PUT: Final = """
insert into notify.message (project, id, endpoint, kind, position, body)
select $1, made.id, made.endpoint, made.kind, made.position, made.body
  from unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::bytea[])
       as made(id, endpoint, kind, position, body)
 where exists (select from notify.endpoint as known where known.project = $1 and known.name = made.endpoint
                 and (known.position < made.position or made.position = 0))
    on conflict on constraint message_id do nothing
"""
_RESUME: Final = "update notify.endpoint set gone = false where project = $1 and name = $2"


class NoSuchEndpoint(LookupError):
    """no such endpoint is told anything in this project"""


class NameTaken(RuntimeError):
    """another endpoint has this name, or there are as many as there may be"""


@fact
class Endpoint:
    """Who is told, of what, and how far. `url` and `secret` are never shown."""

    project: str
    name: str
    url: str
    secret: bytes
    kinds: tuple[str, ...]
    position: int
    delivered: int
    told_at: datetime | None
    added_by: str
    added_at: datetime
    gone: bool
    waiting: int = 0
    failed: int = 0
    oldest_seconds: float = 0.0
    last_error: str | None = None


@fact
class Message:
    """What is sent to one endpoint: the same bytes under the same id each time, whatever happens to the sender."""

    id: str
    endpoint: str
    kind: str
    position: int
    body: bytes


class Endpoints:
    """Beside a ledger, in the same database."""

    def __init__(self, ledger: Ledger) -> None:
        """Use the connections of `ledger`."""
        self._ledger = ledger

    async def add(self, project: str, name: str, url: str, secret: bytes, kinds: Sequence[str], *, by: str) -> Endpoint:
        """Tell this endpoint what is recorded from now on. Raises NameTaken; the very same again is no change."""
        async with self._ledger.connection() as connection, refused_by_name(sent=True):
            try:
                added = await connection.fetchval(_ADD, project, name, url, secret, list(kinds), by, ENDPOINTS_MAX)
            except asyncpg.UniqueViolationError:
                added = False
        known = {each.name: each for each in await self.listed(project)}.get(name)
        if known is None or (not added and (known.url, known.secret, known.kinds) != (url, secret, tuple(kinds))):
            raise NameTaken(f"{name}: there is one already" if known else f"there are {ENDPOINTS_MAX} already")
        return known

    async def listed(self, project: str) -> list[Endpoint]:
        """Return all, in order of their names."""
        async with self._ledger.connection() as connection, refused_by_name(sent=False):
            return [_endpoint(row) for row in await connection.fetch(_LIST, project)]

    async def get(self, project: str, name: str) -> Endpoint:
        """Return one. Raises NoSuchEndpoint."""
        for each in await self.listed(project):
            if each.name == name:
                return each
        raise NoSuchEndpoint(name)

    async def remove(self, project: str, name: str) -> None:
        """Tell it nothing any more, also not what is on its way. Raises NoSuchEndpoint."""
        async with self._ledger.connection() as connection, refused_by_name(sent=True):
            if not await connection.fetchval(_REMOVE, project, name):
                raise NoSuchEndpoint(name)

    async def projects(self) -> list[str]:
        """Return the projects that have endpoints."""
        async with self._ledger.connection() as connection, refused_by_name(sent=False):
            return [row["project"] for row in await connection.fetch(_PROJECTS)]

    async def made(self, project: str, names: Sequence[str], position: int, messages: Sequence[Message]) -> None:
        """Keep messages, and that what was recorded up to `position` was made into them, in one transaction.

        A crash before this leaves neither: they are made once more, with the same ids.
        """
        async with self._ledger.connection() as connection, refused_by_name(sent=True), connection.transaction():
            await _put(connection, project, messages)
            await connection.execute(_MADE, project, list(names), position)

    async def put(self, project: str, message: Message) -> None:
        """Keep one message that no event brought about; one that is gone is told again."""
        async with self._ledger.connection() as connection, refused_by_name(sent=True), connection.transaction():
            await _put(connection, project, [message])
            await connection.execute(_RESUME, project, message.endpoint)


async def _put(connection: Any, project: str, messages: Sequence[Message]) -> None:
    if messages:
        columns = ("id", "endpoint", "kind", "position", "body")
        await connection.execute(_PUT, project, *([getattr(each, name) for each in messages] for name in columns))


def _endpoint(row: Any) -> Endpoint:
    return Endpoint(
        project=row["project"],
        name=row["name"],
        url=row["url"],
        secret=row["secret"],
        kinds=tuple(row["kinds"]),
        position=row["position"],
        delivered=row["delivered"],
        told_at=row["told_at"],
        added_by=row["added_by"],
        added_at=row["added_at"],
        gone=row["gone"],
        waiting=row["waiting"],
        failed=row["failed"],
        oldest_seconds=max(0.0, (row["now"] - row["oldest"]).total_seconds()) if row["oldest"] else 0.0,
        last_error=row["last_error"],
    )
