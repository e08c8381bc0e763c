"""How far the read models are, as the database says: for processes that read what another one projects."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import asyncpg

from interlock.events.seams import Sleep
from interlock.ledger import LedgerError
from interlock.projections import PROJECTIONS, Projection
from interlock.projector.writer import Connect

LOOK_SECONDS: Final = 0.02

# A version that does not serve yet is nobody's answer; a projection that has not begun with a project is at 0.
_POSITIONS = """
select moved.project, min(coalesce(moved.position, 0)) as position
  from (select project.project, cursor.position
          from (select distinct project from cursor.projection) as project
         cross join unnest($1::text[]) as asked(name)
          left join cursor.projection_version as version on version.name = asked.name and version.serving
          left join cursor.projection as cursor
                 on cursor.name = version.name and cursor.version = version.version and cursor.project = project.project
         where cursor.stopped_because is null) as moved
 group by moved.project
"""
_POSITION = """
select coalesce(min(coalesce(cursor.position, 0)), 0) as reached,
       coalesce(min(coalesce(cursor.position, 0)) filter (where cursor.stopped_because is null), $3) as moving
  from unnest($1::text[]) as asked(name)
  left join cursor.projection_version as version on version.name = asked.name and version.serving
  left join cursor.projection as cursor
         on cursor.name = version.name and cursor.version = version.version and cursor.project = $2
"""
_STOPPED = """
select cursor.name, cursor.project, cursor.stopped_because
  from cursor.projection as cursor
  join cursor.projection_version as version on version.name = cursor.name and version.version = cursor.version
 where version.serving and cursor.stopped_because is not null and cursor.name = any($1::text[])
 order by cursor.name, cursor.project limit 1
"""


_SERVING = """
select count(*) from cursor.projection_version as version
  join unnest($1::text[], $2::integer[]) as ours(name, number)
    on ours.name = version.name and ours.number = version.version
 where version.serving
"""


class Reached:
    """Answers what a Projector in this process would, from the positions that are committed with the rows."""

    def __init__(self, connect: Connect, sleep: Sleep, projections: Sequence[Projection] = PROJECTIONS) -> None:
        """Read by `connect`."""
        self._connect = connect
        self._sleep = sleep
        self._names = [projection.name for projection in projections]
        self._versions = [projection.version for projection in projections]
        self._serving = True
        self._looking: asyncio.Task[None] | None = None

    async def wait_for(self, project: str, position: int, timeout: float) -> int:
        """Return the lowest position reached: at once when it is `position`, after `timeout` seconds anyway.

        A projection that stopped is not waited for; what is returned tells that it lags.
        """
        reached = 0
        await self._look_who_serves()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while True:
                    async with self._connect() as connection:
                        row = await connection.fetchrow(_POSITION, self._names, project, position)
                    assert row is not None  # an aggregate has a row, whatever there is
                    reached = row["reached"]
                    if row["moving"] >= position:
                        break
                    await self._sleep(LOOK_SECONDS)
        return reached

    def serving(self) -> bool:
        """Tell whether, when it was last looked at, every projection's version served; where not, look again."""
        if not self._serving and (self._looking is None or self._looking.done()):
            self._looking = asyncio.create_task(self._look_again())
        return self._serving

    async def _look_again(self) -> None:
        with suppress(LedgerError, OSError, asyncpg.PostgresError):
            await self._look_who_serves()

    async def _look_who_serves(self) -> None:
        async with self._connect() as connection:
            serving = await connection.fetchval(_SERVING, self._names, self._versions)
        self._serving = serving == len(self._names)

    async def positions(self) -> dict[str, int]:
        """Return up to where each project is projected; what stopped is left out of it."""
        async with self._connect() as connection:
            return {row["project"]: row["position"] for row in await connection.fetch(_POSITIONS, self._names)}

    async def stopped(self) -> str | None:
        """Return which projection stopped, and why; None where none did."""
        async with self._connect() as connection:
            row = await connection.fetchrow(_STOPPED, self._names)
        return None if row is None else f"{row['name']}: stopped: {row['stopped_because']}"
