"""What is done between a deploy's start and its report: the release's migrations, then the configured command."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from interlock.events.catalogue.parts import AppliedMigration, Identity
from interlock.events.seams import MonotonicClock
from interlock.runners.child import Child
from interlock.runners.deploying.configured import Executor
from interlock.runners.failures import Stopped
from interlock.runners.leases import Lease

# What is Interlock's own, and no child's: with it a script could speak as its runner.
OUR_OWN: Final = frozenset({"INTERLOCK_TOKEN"})


class NotDone(Stopped):
    """the deploy command did not do it"""


# Applies the release's migrations, tells each that ran, and returns the schema's digest afterwards. Raises Stopped.
Migrate = Callable[[Callable[[AppliedMigration], None]], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Job:
    """One deploy or rollback that was asked for; `registered` is the environment's identity, `told` gets each line."""

    release: str
    deploy: str
    content: str
    intent: str
    executor: Executor
    registered: Identity | None
    environ: Mapping[str, str]
    told: Callable[[str], None]
    migrate: Migrate | None = None

    @property
    def environment(self) -> str:
        """Where it goes."""
        return self.executor.environment

    def facts(self, lease: Lease | None = None, replaced: str | None = None) -> dict[str, str]:
        """Return the environment of a child: this process's, with what the child may know."""
        made = {name: value for name, value in self.environ.items() if name not in OUR_OWN}
        made |= {
            "INTERLOCK_RELEASE": self.release,
            "INTERLOCK_ENVIRONMENT": self.environment,
            "INTERLOCK_CONTENT_DIGEST": self.content,
            "INTERLOCK_DEPLOY": self.deploy,
            "INTERLOCK_INTENT": "rollback" if self.intent == "rollback" else "deploy",
        }
        if replaced is not None:
            made["INTERLOCK_REPLACED_DIGEST"] = replaced
        if lease is not None:
            made |= {"INTERLOCK_LEASE": lease.lease, "INTERLOCK_FENCING_TOKEN": str(lease.token)}
        return made


@dataclass(slots=True)
class Progress:
    """How far it came: what may have been changed once `touched`, and which migrations ran."""

    phase: str = "start"
    touched: bool = False
    migrations: list[AppliedMigration] = field(default_factory=list)
    schema: str | None = None


async def work(job: Job, lease: Lease, progress: Progress, replaced: str | None, clock: MonotonicClock) -> None:
    """Do it. Raises Stopped; where this is cancelled, what it began is ended first."""
    if job.migrate is not None:
        progress.phase = "migrate"
        lease.check(clock())
        progress.touched = True
        progress.schema = await job.migrate(progress.migrations.append)
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
    ended = await running.wait()
    if ended.code != 0:
        raise NotDone(f"{job.executor.deploy.words[0]}: {ended.how}")
