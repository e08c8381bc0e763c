"""One deploy from its start to its report. The record says what was seen to be so, and nothing else.

A runner that dies leaves a lease: its child is ended with it, and the lease's end leaves the environment unsure.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final, Literal
from uuid import UUID

from interlock.events.codec import plain
from interlock.runners.asking import REPORT_PAUSE_SECONDS, REPORT_SECONDS, Asker, Away, event_in
from interlock.runners.deploying.looking import Looked, NotSaid, look_around, what_runs
from interlock.runners.deploying.work import Job, Progress, check_migrations, work
from interlock.runners.evidence import TEXT, kept_now, scrubbed
from interlock.runners.failures import LeaseLost, Stopped
from interlock.runners.leases import Lease, granted, kept_lease
from interlock.runners.targets import look

# What is recorded of a failure; an event's text is bounded.
ERROR_CHARACTERS_MAX: Final = 1_000
INTERRUPTED: Final = "it was interrupted"


class Interrupted(Stopped):
    """it was interrupted before anything was begun"""


class AlreadyBegun(Stopped):
    """it was begun already, by another process under the same login"""


@dataclass(frozen=True, slots=True)
class Report:
    """What is reported: the command's name and fields."""

    name: Literal["ReportDeploySucceeded", "ReportDeployFailed"]
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Done:
    """It is reported. `interrupted`: somebody wanted it to stop, in time or not."""

    report: Report
    answer: dict[str, Any]
    interrupted: bool


async def execute(asker: Asker, job: Job, attempt: UUID) -> Done:
    """Do what was asked for under `attempt`, a random name of this try alone.

    Raises Stopped where nothing was begun (Refused: Interlock said no), Away where Interlock gave no answer, Kept where
    the report waits. A cancellation ends the work in order, and is reported.
    """
    stop = asyncio.Event()
    trying = asyncio.create_task(_attempt(asker, job, attempt, stop))
    while True:
        try:
            return await asyncio.shield(trying)
        except asyncio.CancelledError:
            if trying.done():
                raise
            stop.set()
            current = asyncio.current_task()
            if current is not None:
                current.uncancel()


async def _attempt(asker: Asker, job: Job, attempt: UUID, stop: asyncio.Event) -> Done:
    looked = await look_around(job.executor, job.registered, clock=asker.clock, environ=job.facts())
    await check_migrations(job, asker.clock)
    await asker.reached("looked")
    if stop.is_set():
        raise Interrupted(Interrupted.__doc__)
    lease = await _begin(asker, job, looked, attempt)
    await asker.reached("started")
    progress = Progress()
    working = asyncio.create_task(work(job, lease, progress, looked.content, asker.clock))

    async def end_work() -> None:
        working.cancel()
        await asyncio.wait({working})

    async with kept_lease(asker, lease, end_work):
        error = await _over(working, lease, stop)
        await asker.reached("ended")
        report = await judged(asker, job, lease, looked, progress, error)
        await asker.reached("judged")
        report = await _with_log(asker, job, report, progress)
        await asker.reached("kept")
        answer = await asker.report(report.name, report.fields, job.deploy, lease.token)
        await asker.reached("reported")
        return Done(report, answer, stop.is_set())


async def _begin(asker: Asker, job: Job, looked: Looked, attempt: UUID) -> Lease:
    """Take the lease. An answer that was lost is asked for again, under the same key: it is this attempt's own.

    A crash after the question leaves a lease that is or is not granted, and nothing that runs.
    """
    began = asker.clock()
    fields = {"release": job.release, "deploy": job.deploy, "observed": looked.fields()}
    answer: dict[str, Any] | None = None
    while answer is None:
        try:
            answer = await asker.ask("StartDeploy", fields, job.deploy, attempt)
        except Away:
            if asker.clock() >= began + REPORT_SECONDS:
                raise
            await asker.sleep(REPORT_PAUSE_SECONDS)
    if event_in(answer, "LeaseGranted") is None:
        raise AlreadyBegun(AlreadyBegun.__doc__)
    return granted(answer, job.environment, began)


async def _over(working: asyncio.Task[None], lease: Lease, stop: asyncio.Event) -> str | None:
    """Wait until the work is over, or ended; return what went wrong."""
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not working.done():
        working.cancel()
        await asyncio.wait({working})
    try:
        working.result()
    except asyncio.CancelledError:
        return str(LeaseLost.__doc__) if lease.lost else INTERRUPTED
    except Stopped as stopped:
        return stopped.recorded
    return None


async def judged(asker: Asker, job: Job, lease: Lease, looked: Looked, progress: Progress, error: str | None) -> Report:
    """Look at what runs there now, and say what came of it: a command's word alone proves nothing."""
    now: str | None = None
    try:
        now = await what_runs(job.executor, clock=asker.clock, environ=job.facts(lease, looked.content))
    except NotSaid as unsaid:
        if error is None:
            progress.phase, error = "verify", unsaid.recorded
    if error is None and now != job.content:
        progress.phase, error = "verify", "another content runs there than was deployed"
    fields = {"release": job.release, "deploy": job.deploy, "fencing_token": lease.token, "observed_digest": now}
    if error is None:
        schema = progress.schema or await _schema_now(asker, job)
        ran = [plain(each) for each in progress.migrations]
        return Report("ReportDeploySucceeded", {**fields, "schema_digest": schema, "migrations": ran})
    if progress.migrations:
        error = f"{error}; migrations that ran: {', '.join(each.id for each in progress.migrations)}"
    if progress.migrated and not progress.migrations and await _nothing_migrated(asker, job, looked):
        progress.migrated = False
    said = {"phase": progress.phase, "error": _printable(error), "environment_left": left(job, looked, progress, now)}
    return Report("ReportDeployFailed", {**fields, **said})


async def _with_log(asker: Asker, job: Job, report: Report, progress: Progress) -> Report:
    """Return the report with what the command wrote, kept as evidence; without it where it cannot be kept now.

    A report without its log is worth more than one that waits for it: what happened must be told within the lease.
    """
    if not progress.log:
        return report
    log = await kept_now(asker, job.put_evidence, scrubbed(progress.log, job.secrets), TEXT)
    if log is None:
        job.told("what the command wrote could not be kept")
        return report
    return replace(report, fields={**report.fields, "log": log})


def left(job: Job, looked: Looked, progress: Progress, now: str | None) -> str:
    """Return what a failed deploy left behind: unchanged only where that was seen."""
    if not progress.touched:
        return "partial" if progress.migrated else "unchanged"
    if now is None:
        return "unknown"
    if now == job.content:
        return "partial"
    if now != looked.content:
        return "other"
    return "partial" if progress.migrated else "unchanged"


async def _nothing_migrated(asker: Asker, job: Job, looked: Looked) -> bool:
    """Whether the one that failed left nothing: its file ran in a transaction of its own, and the schema is the same.

    What another tool does, and when it commits, is not known.
    """
    if job.executor.migrations is None or job.executor.migrations.kind != "sql":
        return False
    with suppress(Stopped):
        await check_migrations(job, asker.clock)
        return await _schema_now(asker, job) == looked.found.schema_digest is not None
    return False


async def _schema_now(asker: Asker, job: Job) -> str | None:
    if job.executor.target.connection is None:
        return None
    with suppress(Stopped):
        found = await look(job.executor.target, job.registered, clock=asker.clock, environ=job.facts())
        return found.schema_digest
    return None


def _printable(text: str) -> str:
    shown = "".join(sign if sign.isprintable() else " " for sign in text)[:ERROR_CHARACTERS_MAX]
    return shown or "it did not work"
