"""Who reads: replay and fold, one read model, all of them, `why`, cold starts and memory."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import UUID

import asyncpg
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresDatastore, PostgresTrackingRecorder
from eventsourcing.projection import Projection as TheirProjection
from eventsourcing.projection import ProjectionRunner
from psycopg.sql import SQL, Identifier

from bench import library
from bench.project import ANTON, SANDBOX, command_of, open_project
from bench.side_by_side.deciding import desk_over
from bench.side_by_side.place import Place, python
from bench.timing import Timing
from interlock.domain.commands.deploy import RequestDeploy
from interlock.domain.decide import Submitted
from interlock.domain.explain import explain
from interlock.feed import LedgerFeed
from interlock.ledger import Ledger
from interlock.projections import PROJECTIONS, Projection
from interlock.projector import Projector
from interlock.serve import seams
from tests.fixtures.server import config_text, serving

PAGE = 1_000
HANGS_SECONDS = 600.0


async def folded(dsn: str, project: str) -> tuple[float, int]:
    """Return the seconds in which a process that knows nothing has the project's situation, and its position."""
    async with desk_over(dsn, project) as desks:
        began = perf_counter()
        situation = await desks.desk.situation(project)
        return perf_counter() - began, int(situation.position)


async def forget_snapshots(dsn: str) -> None:
    """Let the next start read everything."""
    connection = await asyncpg.connect(dsn)
    await connection.execute("delete from snapshot.folded")
    await connection.close()


def library_history(place: Place, dsn: str, seconds: float) -> dict[str, str]:
    """Let the library's own application tell the story for so long; return its settings."""
    settings = place.environment(dsn, "eventsourcing.postgres", 16)
    address = {
        "dbname": settings["POSTGRES_DBNAME"],
        "host": settings["POSTGRES_HOST"],
        "port": settings["POSTGRES_PORT"],
    }
    library.run({**address, "user": settings["POSTGRES_USER"]}, callers=16, seconds=seconds, label="history")
    return settings


def library_folded(settings: dict[str, str]) -> tuple[float, int]:
    """Return the seconds in which the library reads its whole log and folds every aggregate, and how many events."""
    with library.Releases(env=settings) as application:
        known: dict[UUID, Any] = {}
        began, after, events = perf_counter(), 0, 0
        while page := application.recorder.select_notifications(after, PAGE, inclusive_of_start=False):
            for stored in page:
                event: Any = application.mapper.to_domain_event(stored)
                known[event.originator_id] = event.mutate(known.get(event.originator_id))
            events += len(page)
            after = page[-1].id
        return perf_counter() - began, events


class Trail(PostgresTrackingRecorder):
    """A read model with a row for each event, as the library's documentation writes one."""

    def __init__(self, datastore: PostgresDatastore, **kwargs: Any) -> None:
        """Its table stands beside the tracked position."""
        super().__init__(datastore, **kwargs)
        where = (Identifier(self.datastore.schema), Identifier(f"{self.tracking_table_name}_trail"))
        self.sql_create_statements.append(
            SQL("create table if not exists {0}.{1} (position bigint primary key, name text, about text)").format(
                *where
            )
        )
        self.insert = SQL("insert into {0}.{1} values (%s, %s, %s)").format(*where)

    def tell(self, name: str, about: str, tracking: Tracking) -> None:
        """Write a row and the position, as one."""
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(self.insert, (tracking.notification_id, name, about))


class Trails(TheirProjection[Trail]):
    """A row for each event, whatever it is."""

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        """Tell it."""
        self.view.tell(type(domain_event).__qualname__, str(domain_event.originator_id), tracking)


def library_projected(settings: dict[str, str], seconds: float, name: str) -> float:
    """Return the events a second that the library's ProjectionRunner writes, watched for so long.

    `name` is the projection's, and of its tables: each round begins at the first event.
    """

    class Named(Trails):
        """The same under another name."""

    Named.name = name
    with ProjectionRunner(
        application_class=library.Releases, projection_class=Named, view_class=Trail, env=settings
    ) as runner:
        of, view = runner.app.name, runner.projection.view
        while (first := view.max_tracking_id(of)) is None:
            runner.is_interrupted.wait(0.01)
        began = perf_counter()
        runner.is_interrupted.wait(seconds)
        last = view.max_tracking_id(of) or 0
        return float(last - first) / (perf_counter() - began)


async def projected(dsn: str, project: str, projections: Sequence[Projection]) -> tuple[float, int]:
    """Return the seconds in which these read models are written from the first event to the last, and how many."""
    ledger = await Ledger.open(dsn)
    head = (await ledger.head(project)).position
    async with LedgerFeed(ledger, seams.sleep) as feed:
        projector = Projector(ledger.connection, feed, projections, sleep=seams.sleep, ledger=feed)
        await projector.prepare()
        gc.collect()
        gc.freeze()
        began = perf_counter()
        running = asyncio.create_task(projector.run())
        while projector.position(project) < head:
            await projector.wait_for(project, head, 5.0)
            assert perf_counter() - began < HANGS_SECONDS, projector.status()
            assert not any(one.stopped_because for one in projector.status()), projector.status()
        taken = perf_counter() - began
        running.cancel()
        await asyncio.wait([running])
        gc.unfreeze()
    await ledger.close()
    return taken, head


def one_of(name: str) -> list[Projection]:
    """Return the read model of that name."""
    return [each for each in PROJECTIONS if each.name == name]


async def why(dsn: str, releases: int, asked: int) -> Timing:
    """Ask why a release may or may not be deployed, with so many open ones in the project."""
    timing = Timing()
    async with desk_over(dsn, "why") as desks:
        await open_project(desks)
        names = [f"release-{number}" for number in range(releases)]
        for step in ("open", "content"):
            await asyncio.gather(*(desks.must(command_of(step, name)) for name in names))
        gc.collect()
        gc.freeze()
        began = perf_counter()
        for number in range(asked):
            at = perf_counter()
            command = RequestDeploy(release=names[number % releases], environment=SANDBOX)
            situation = await desks.desk.situation("why", command)
            explain(situation, Submitted(command=command, actor=ANTON), await desks.desk.now("why"))
            timing.taken.append(perf_counter() - at)
        timing.seconds = perf_counter() - began
        gc.unfreeze()
    return timing


def server_started(config: Path) -> float:
    """Return the seconds from nothing to a server that is ready."""
    import time

    import httpx2

    began = perf_counter()
    with serving(config) as served:
        while httpx2.get(f"{served.url}/ready", timeout=10).status_code != 200:
            assert perf_counter() - began < HANGS_SECONDS
            time.sleep(0.01)
        return perf_counter() - began


def settings_for(place: Place, dsns: Any, project: str) -> Path:
    """Write a server's settings into a directory of their own."""
    home = place.home / f"server-{project}"
    home.mkdir(exist_ok=True)
    config = home / "interlock.toml"
    config.write_text(config_text(dsns=dsns, project=project), encoding="utf-8")
    return config


def memory(dsn: str, project: str) -> float:
    """Return the megabytes that a process has when it knows the project."""
    said = python("bench.side_by_side.reading", dsn, project).communicate(timeout=HANGS_SECONDS)[0]
    return float(said)


async def remember(dsn: str, project: str) -> None:
    """What that process does."""
    async with desk_over(dsn, project) as desks:
        await desks.desk.situation(project)
        gc.collect()
        sys.stdout.write(str(resident()))


def resident() -> float:
    """Return the megabytes that this process has in memory."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024


if __name__ == "__main__":
    asyncio.run(remember(sys.argv[1], sys.argv[2]))
