"""How the story's pipeline works: by the same runners as `dt`, while the story's time passes around them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from interlock.cli import seams
from interlock.cli.demo.cast import PRODUCTION, STAGE, TESTS
from interlock.cli.demo.playing import Play, StoryStops

if TYPE_CHECKING:
    from interlock.events.catalogue.parts import Identity, Migration
    from interlock.runners.asking import Asker
    from interlock.runners.means import Means
    from interlock.runners.testing import Outcome
    from interlock.runners.testing.parts import Begun

T = TypeVar("T")
Happens = Callable[[], Awaitable[None]]


def run(what: str, work: Coroutine[Any, Any, T]) -> T:
    """Let a runner work. Raises StoryStops."""
    from interlock.runners.asking import Away
    from interlock.runners.failures import Stopped

    try:
        return asyncio.run(work)
    except (Stopped, Away) as stopped:
        raise StoryStops(f"{what}: {stopped}") from stopped


def asker(play: Play, who: str, **happens: Happens) -> Asker:
    """Return how a runner asks Interlock as this member; at the steps that `happens` names, the story goes on."""
    from interlock.runners.asking import Asker

    async def reached(step: str) -> None:
        name = step.replace("-", "_")
        if name in happens:
            await happens[name]()
            play.client(who)  # for whom it is later now, too

    return Asker(play.client(who), clock=seams.monotonic, sleep=seams.pause, reached=reached)


def passes(play: Play, minutes: int) -> Happens:
    """Return what lets so many minutes pass, and what the routine brings in them happen."""

    async def later() -> None:
        # In a thread: what happens meanwhile may be a runner's work itself.
        await asyncio.to_thread(play.later, minutes=minutes)

    return later


def identity(play: Play, environment: str) -> Identity:
    """Return what is registered for the environment."""
    from interlock.events.catalogue.parts import Identity
    from interlock.events.strict import read

    return read(Identity, play.identity(environment))


def environ() -> dict[str, str]:
    """Return what children inherit: nothing that speaks of another project, and nobody's login."""
    return {name: value for name, value in os.environ.items() if not name.startswith("INTERLOCK_")}


def means(**facts: str) -> Means:
    """Return what a runner's work needs of this process; what its children say is not shown."""
    from interlock.runners.means import Means

    return Means(seams.monotonic, seams.pause, environ(), _unheard, facts)


def _unheard(line: str) -> None:
    del line


def declared(play: Play, release: str) -> tuple[Migration, ...]:
    """Return the migrations that the release declares."""
    from interlock.events.catalogue.parts import Migration
    from interlock.events.strict import read

    content = play.get(f"/releases/{release}", after=play.position)["content"]
    return tuple(read(Migration, each) for each in content.get("migrations") or ())


# -- deploys


def deploys(play: Play, who: str, deploy: Mapping[str, Any], *, minutes: int) -> dict[str, Any]:
    """Carry out a deploy that was asked for (a DeployRequested's data) and is ready; return the report's answer."""
    from interlock.runners.deploying import Job, execute, executor_of

    release, environment = str(deploy["release"]), str(deploy["environment"])
    play.repository.at(release)
    executor = executor_of(
        play.document, environment, home=play.places.home, environ=environ(), rehearses=environment == STAGE
    )
    if executor is None:
        raise StoryStops(f"nothing is configured that deploys to {environment}")
    job = Job(
        release=release,
        deploy=str(deploy["deploy"]),
        content=str(deploy["content_digest"]),
        intent=str(deploy["intent"]),
        executor=executor,
        registered=identity(play, environment),
        environ=environ(),
        told=_unheard,
        sleep=seams.pause,
        put_evidence=play.client(who).put_evidence,
        declared=declared(play, release),
    )
    asks = asker(play, who, ended=passes(play, minutes))
    done = run(f"{release} to {environment}", execute(asks, job, seams.new_id()))
    if done.report.name != "ReportDeploySucceeded":
        raise StoryStops(f"{release} to {environment}: {done.report.fields}")
    return done.answer


# -- tests


class Quiet:
    """Is told how far a run is; keeps how it began."""

    def __init__(self) -> None:
        self.run: Begun | None = None

    def begun(self, begun: Begun) -> None:
        """The lease is there."""
        self.run = begun

    def erased(self, position: int) -> None:
        """The data is erased."""

    def running(self, report: str) -> None:
        """The command starts."""

    def line(self, line: str) -> None:
        """Take a line."""

    def ran(self) -> None:
        """The command has ended."""


def tests(
    play: Play, who: str, trigger: Literal["manual", "scheduled"], *, minutes: int, renewed_every: int
) -> Outcome:
    """Run the automatic tests; they take so many minutes of the story, with a sign of life now and then."""
    from interlock.runners.targets import target_of
    from interlock.runners.testing import Job, run_tests, settings_of

    told = Quiet()

    async def take_their_time() -> None:
        assert told.run is not None
        lease = told.run.lease
        for _ in range(minutes // renewed_every):
            await passes(play, renewed_every)()
            fields = {"environment": TESTS, "lease": lease.lease, "fencing_token": lease.token}
            await asyncio.to_thread(play.do, who, "RenewLease", **fields)
        await passes(play, minutes % renewed_every)()

    job = Job(
        settings=settings_of(play.document, home=play.places.home),
        target=target_of(play.document, TESTS, home=play.places.home, environ=environ()),
        registered=identity(play, TESTS),
        trigger=trigger,
        attempt=seams.new_id(),
        environ=environ(),
    )
    return run("the tests", run_tests(asker(play, who, ran=take_their_time), play.client(who), job, told))


# -- production's data elsewhere


def restores(play: Play, who: str, *, minutes: int) -> dict[str, Any]:
    """Put production's data into stage, which takes so many minutes of the story; return the report's answer."""
    from interlock.runners.restoring import Registered, restore, restoring_of

    how = restoring_of(play.document, STAGE, PRODUCTION, home=play.places.home, environ=environ())
    registered = Registered({name: identity(play, name) for name in (STAGE, PRODUCTION)}, PRODUCTION)
    asks = asker(play, who, opened=passes(play, minutes))
    return run("the restore", restore(asks, how, registered, play.client(who).put_evidence, means())).answer


def migrates(play: Play, who: str, release: str, *, table_in_use: str | None = None) -> dict[str, Any]:
    """Rehearse the release's migrations in stage; return the report's answer. Raises StoryStops.

    While they run, somebody's session may hold a `table_in_use`.
    """
    from interlock.runners.connections import connection_of
    from interlock.runners.migrating import MIGRATE_ADDRESSES, Rehearsal, migrations_of, rehearse

    play.repository.at(release)
    home = play.places.home
    rehearsal = Rehearsal(
        release,
        declared(play, release),
        migrations_of(play.document, STAGE, home=home),
        connection_of(play.document, STAGE, home=home, environ=environ(), addresses=MIGRATE_ADDRESSES),
        identity(play, STAGE),
    )

    async def work() -> dict[str, Any]:
        held: AbstractAsyncContextManager[None] = nullcontext()
        if table_in_use is not None:
            held = play.databases.in_use(STAGE, table_in_use)
        async with held:
            asks = asker(play, who, migrated=passes(play, 1))
            return (await rehearse(asks, rehearsal, play.client(who).put_evidence, means())).answer

    return run(f"the migrations of {release}", work())


# -- logs


def reads_logs(play: Play, who: str) -> dict[str, Any]:
    """Read production's logs since the last time, up to now; return the answer of what is recorded."""
    from interlock.runners.logs.checking import Reader
    from interlock.runners.logs.queries import Machine
    from interlock.runners.logs.settings import logs_of

    home = play.places.home
    reader = Reader(logs_of(play.document, PRODUCTION, home), Machine(home, environ(), seams.monotonic), who)
    if play.logs_from is None:
        raise StoryStops("nothing runs whose logs could be read")
    done = run("the logs", reader.check(asker(play, who), play.client(who), play.logs_from, play.now))
    if not done.whole:
        raise StoryStops(f"the logs could not be read: {done.missing}")
    play.logs_from = play.now
    return dict(done.answers[-1])
