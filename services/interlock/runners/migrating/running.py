"""A release's migrations in one database: looked at first, compared with what is declared, run and timed one by one.

The same set runs in stage, as a rehearsal, and in production, as part of a deploy:

    ending = Ending()
    async with kept_lease(asker, lease, ending.end):
        applied = await migrate_set(connection, migrations, declared, registered=identity, means=means, ending=ending)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from interlock.events.catalogue.parts import AppliedMigration, Identity, Migration
from interlock.runners.connections import Connection
from interlock.runners.ending import Ending
from interlock.runners.failures import Stopped
from interlock.runners.identity import identity_of, same_database
from interlock.runners.migrating.configured import Migrations
from interlock.runners.migrating.locks import APPLICATION, Lock, Watcher
from interlock.runners.migrating.sets import Planned, planned
from interlock.runners.migrating.tools import Means, Tool, tool_of
from interlock.runners.schema import schema_digest
from interlock.runners.sessions import session_of
from interlock.runners.targets import Found


@dataclass(frozen=True, slots=True)
class Applied:
    """They ran, all of them. `earlier` are those that had run in this database before; they are in `migrations` too."""

    identity: Identity
    migrations: tuple[AppliedMigration, ...]
    schema_before: str
    schema_after: str
    locks: tuple[Lock, ...] = ()
    earlier: tuple[str, ...] = ()
    blind: str | None = None


class SetFailed(Stopped):
    """a migration failed; `ran` ran before it, `failed` is its id, `seconds` how long it took to fail"""

    def __init__(
        self, cause: Stopped, failed: str, ran: tuple[AppliedMigration, ...], watcher: Watcher, seconds: float
    ) -> None:
        """Keep what is known."""
        super().__init__(str(cause))
        self.cause = cause
        self.failed = failed
        self.ran = ran
        self.seconds = seconds
        self.locks = watcher.long()
        self.blind = watcher.blind

    @property
    def recorded(self) -> str:
        """What is recorded of the cause."""
        return self.cause.recorded


async def check_set(
    connection: Connection,
    migrations: Migrations,
    declared: Sequence[Migration],
    *,
    registered: Identity,
    means: Means,
    ending: Ending,
) -> Found:
    """Compare everything that `migrate_set` compares, change nothing, and return what the database is.

    Raises WrongDatabase, OtherMigrations, HalfApplied, ToolFailed, UnfitSession, DatabaseAway, NotConfigured.
    """
    async with session_of(connection, APPLICATION, ending) as session:
        identity = await identity_of(session, registered)
        same_database(identity, registered)
        planned(declared, await tool_of(migrations, connection, means, ending).known(session))
        return Found(identity, await schema_digest(session))


async def migrate_set(
    connection: Connection,
    migrations: Migrations,
    declared: Sequence[Migration],
    *,
    registered: Identity,
    means: Means,
    ending: Ending,
) -> Applied:
    """Let exactly the declared migrations run in the registered database.

    Raises SetFailed where one failed; and where nothing was begun WrongDatabase, OtherMigrations, HalfApplied,
    ToolFailed, UnfitSession, DatabaseAway, NotConfigured; LeaseLost where `ending` came first.
    """
    async with session_of(connection, APPLICATION, ending, idle_in_transaction_session_timeout="120s") as session:
        identity = await identity_of(session, registered)
        same_database(identity, registered)
        before = await schema_digest(session)
        tool = tool_of(migrations, connection, means, ending)
        plan = planned(declared, await tool.known(session))
        watcher = Watcher(connection.dsn, means.clock, means.sleep, means.told)
        async with _watched(watcher):
            ran = await _all(tool, session, plan, watcher, means, ending)
        after = await schema_digest(session)
        earlier = tuple(each.id for each in plan if each.known.ran is not None)
        return Applied(identity, ran, before, after, watcher.long(), earlier, watcher.blind)


async def _all(
    tool: Tool, session: Any, plan: Sequence[Planned], watcher: Watcher, means: Means, ending: Ending
) -> tuple[AppliedMigration, ...]:
    ran: list[AppliedMigration] = []
    for each in plan:
        if each.known.ran is not None:
            means.told(f"{each.id} ran here before")
            ran.append(AppliedMigration(id=each.id, digest=each.known.digest, duration_ms=each.known.ran.duration_ms))
            continue
        watcher.migration, began = each.id, means.clock()
        try:
            ending.check()
            ran.append(await _one(tool, session, each, means))
        except Stopped as stopped:
            raise SetFailed(stopped, each.id, tuple(ran), watcher, means.clock() - began) from stopped
    return tuple(ran)


async def _one(tool: Tool, session: Any, each: Planned, means: Means) -> AppliedMigration:
    began = means.clock()
    await tool.apply(session, each)
    duration = int((means.clock() - began) * 1000)
    means.told(f"{each.id} ran in {duration / 1000:.1f} s")
    return AppliedMigration(id=each.id, digest=each.known.digest, duration_ms=duration)


@asynccontextmanager
async def _watched(watcher: Watcher) -> AsyncIterator[None]:
    watching = asyncio.create_task(watcher.watch())
    try:
        yield
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
