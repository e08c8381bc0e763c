"""What is done between a deploy's start and its report: the release's migrations, then the configured command."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from interlock.events.catalogue.parts import AppliedMigration, Identity, Migration
from interlock.events.seams import MonotonicClock, Sleep
from interlock.runners.child import Child
from interlock.runners.connections import Connection
from interlock.runners.deploying.configured import Executor
from interlock.runners.ending import Ending
from interlock.runners.environ import child_environ
from interlock.runners.evidence import PutEvidence, secrets_in
from interlock.runners.failures import Stopped
from interlock.runners.leases import Lease
from interlock.runners.means import Means
from interlock.runners.migrating import Migrations, SetFailed, check_set, migrate_set


class NotDone(Stopped):
    """the deploy command did not do it"""


@dataclass(frozen=True, slots=True)
class Job:
    """One deploy or rollback that was asked for; `registered` is the environment's identity, `told` gets each line.

    `declared` are the migrations that the release says it has.
    """

    release: str
    deploy: str
    content: str
    intent: str
    executor: Executor
    registered: Identity | None
    environ: Mapping[str, str]
    told: Callable[[str], None]
    sleep: Sleep
    put_evidence: PutEvidence
    declared: tuple[Migration, ...] = ()

    @property
    def environment(self) -> str:
        """Where it goes."""
        return self.executor.environment

    @property
    def migrates(self) -> bool:
        """Whether migrations run: a rollback restores no schema."""
        return self.executor.migrations is not None and self.intent != "rollback"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What is taken out of the command's words before they are kept."""
        return secrets_in(self.environ, self.executor.target.connection, self.executor.migrating)

    def facts(self, lease: Lease | None = None, replaced: str | None = None) -> dict[str, str]:
        """Return the environment of a child: this process's, with what the child may know."""
        return child_environ(
            self.environ,
            release=self.release,
            environment=self.environment,
            content_digest=self.content,
            deploy=self.deploy,
            intent="rollback" if self.intent == "rollback" else "deploy",
            replaced_digest=replaced,
            lease=lease.lease if lease is not None else None,
            fencing_token=lease.token if lease is not None else None,
        )


@dataclass(slots=True)
class Progress:
    """How far it came: whether the command was begun (`touched`), and which migrations ran."""

    phase: str = "start"
    touched: bool = False
    migrations: tuple[AppliedMigration, ...] = ()
    schema: str | None = None
    # A migration was begun; whether it, or one before it, left anything is not known from here.
    migrated: bool = False
    # The last of what the command wrote; migrations' own words, which may quote a row, are not in it.
    log: bytes = b""


async def work(job: Job, lease: Lease, progress: Progress, replaced: str | None, clock: MonotonicClock) -> None:
    """Do it. Raises Stopped; where this is cancelled, what it began is ended first."""
    if job.migrates:
        progress.phase = "migrate"
        lease.check(clock())
        await _migrate(job, lease, progress, clock)
    progress.phase = "run"
    lease.check(clock())
    progress.touched = True
    running = await Child.start(
        job.executor.deploy.words,
        directory=job.executor.deploy.directory,
        environ=job.facts(lease, replaced),
        clock=clock,
        told=job.told,
        # A deploy's purpose is that something goes on running.
        leaves="leave",
    )
    try:
        ended = await running.wait()
    finally:
        progress.log = running.tail
    if ended.code != 0:
        raise NotDone(f"{job.executor.deploy.words[0]}: {ended.how}")


async def check_migrations(job: Job, clock: MonotonicClock) -> None:
    """Compare what would run with what the release declares; change nothing. Raises Stopped, NotConfigured."""
    if job.migrates:
        await check_set(*_set(job), **_how(job, None, clock, Ending()))


async def _migrate(job: Job, lease: Lease, progress: Progress, clock: MonotonicClock) -> None:
    ending = Ending()
    progress.migrated = True
    try:
        applied = await migrate_set(*_set(job), **_how(job, lease, clock, ending))
    except SetFailed as failed:
        progress.migrations = failed.ran
        # PostgreSQL's own words are for who sits here, and are not recorded.
        job.told(str(failed))
        raise
    except asyncio.CancelledError:
        await asyncio.shield(ending.end())
        raise
    progress.migrations, progress.schema = applied.migrations, applied.schema_after
    progress.migrated = len(applied.earlier) < len(applied.migrations)


def _set(job: Job) -> tuple[Connection, Migrations, tuple[Migration, ...]]:
    assert job.executor.migrating is not None
    assert job.executor.migrations is not None
    return job.executor.migrating, job.executor.migrations, job.declared


def _how(job: Job, lease: Lease | None, clock: MonotonicClock, ending: Ending) -> dict[str, Any]:
    means = Means(clock, job.sleep, job.environ, job.told, job.facts(lease))
    return {"registered": job.registered, "means": means, "ending": ending}
