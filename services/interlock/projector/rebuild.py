"""Read models built anew from a whole history, read once: into a database that has none."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any

from interlock.events.seams import Sleep
from interlock.feed import Page
from interlock.projections import PROJECTIONS, Projection
from interlock.projector import cursors
from interlock.projector.digests import digest_of_tables
from interlock.projector.runner import Runner
from interlock.projector.writer import Connect

_log = logging.getLogger(__name__)
_FILLED = "select exists (select from cursor.projection where position > 0)"


class NotEmpty(Exception):
    """this database has read models already: `dt projections rebuild` builds into one that has none"""


async def rebuild(
    connect: Connect, history: AsyncIterator[Page], *, sleep: Sleep, projections: Sequence[Projection] = PROJECTIONS
) -> dict[str, tuple[int, str]]:
    """Build from `history`, each project's events in order; return of each project its position and its digest.

    Raises NotEmpty, and what `history` raises. A crash leaves what was built so far: drop the database, begin again.
    """
    async with connect() as connection:
        await cursors.prepare(connection, projections)
        if await connection.fetchval(_FILLED):
            raise NotEmpty
    runners: dict[str, list[Runner]] = {}
    async for page in history:
        for project in dict.fromkeys(recorded.project for recorded in page):
            if project not in runners:
                runners[project] = await _runners(connect, projections, project, sleep)
            own = [recorded for recorded in page if recorded.project == project]
            for runner in runners[project]:
                await runner.take(own)
    found = {}
    async with connect() as connection:
        for project, ours in sorted(runners.items()):
            position = min(runner.progress.position for runner in ours)
            found[project] = (position, await digest_of_tables(connection, projections, project))
    return found


async def _runners(connect: Connect, projections: Sequence[Projection], project: str, sleep: Sleep) -> list[Runner]:
    made = []
    for projection in projections:
        runner = Runner(
            connect, _NONE, projection, project, sleep=sleep, ledger=None, alarm=_log.error, moved=lambda _: None
        )
        async with connect() as connection:
            runner.progress.position = await cursors.begin(connection, projection, project)
        made.append(runner)
    return made


_NONE: Any = None
