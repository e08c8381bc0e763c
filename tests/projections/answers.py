"""Everything that the read models answer, at one position, as one value that can be compared."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from interlock.ledger.connections import SESSION
from interlock.projections import PROJECTIONS, adjustment_chain, audit_trail, environment_state, problems, releases
from interlock.projections.projection import Projection
from interlock.projector import cursors
from interlock.projector.runner import Runner

LIMIT = 500


class Writer:
    """Projects into one database without a feed; each project name is a read model of its own."""

    def __init__(self, connection: Any, projections: Sequence[Projection] = PROJECTIONS) -> None:
        self.connection = connection
        self.projections = projections

    @asynccontextmanager
    async def _lent(self) -> AsyncIterator[Any]:
        yield self.connection

    def runner(self, projection: Projection, project: str, **how: Any) -> Runner:
        async def sleep(seconds: float) -> None:
            raise AssertionError(f"nothing here waits {seconds} s")

        how = {"feed": None, "ledger": None, "alarm": lambda _: None, **how}
        return Runner(self._lent, how.pop("feed"), projection, project, sleep=sleep, moved=lambda _: None, **how)

    async def write(self, project: str, pages: Iterable[list[Any]]) -> None:
        runners = [self.runner(projection, project) for projection in self.projections]
        for runner in runners:
            runner.progress.position = await cursors.begin(self.connection, runner.projection, project)
        for page in pages:
            for runner in runners:
                await runner.take(page)


@asynccontextmanager
async def read_models(dsn: str) -> AsyncIterator[Writer]:
    """A connection to a database with the tables of all projections."""
    connection: Any = await asyncpg.connect(dsn, server_settings=SESSION)
    try:
        await cursors.prepare(connection, PROJECTIONS)
        yield Writer(connection)
    finally:
        await connection.close()


async def answers(connection: Any, project: str, at: int | None) -> dict[str, Any]:
    """Everything there is to ask."""
    everywhere = await environment_state.environments(connection, project, at=at)
    found = await releases.releases(connection, project, at=at, state="all", limit=LIMIT)
    known = await problems.problems(connection, project, at=at, state="all", limit=LIMIT)
    asked_for = await adjustment_chain.adjustments(connection, project, at=at, state="all", limit=LIMIT)
    trail = await audit_trail.entries(connection, project, at=at, limit=LIMIT, data=True)
    return {
        "environments": everywhere,
        "occupants": [
            await environment_state.occupants(connection, project, one["environment"], at=at, limit=LIMIT)
            for one in everywhere
        ],
        "releases": found,
        "open releases": await releases.releases(connection, project, at=at, limit=LIMIT),
        "release": [await releases.release(connection, project, one["release"], at=at) for one in found],
        "timelines": [
            await releases.timeline(connection, project, one["release"], at=at, limit=LIMIT) for one in found
        ],
        "problems": known,
        "open problems": await problems.problems(connection, project, at=at, limit=LIMIT),
        "adjustments": asked_for,
        "open adjustments": await adjustment_chain.adjustments(connection, project, at=at, limit=LIMIT),
        "chains": [
            await adjustment_chain.adjustment(connection, project, one["adjustment"], at=at) for one in asked_for
        ],
        "trail": trail,
        "of production": await audit_trail.entries(
            connection, project, audit_trail.Filters(environment="production"), at=at, limit=LIMIT
        ),
        "entries": [
            await audit_trail.entry(connection, project, one["position"], at=at) for one in trail[:3] + trail[-3:]
        ],
    }
