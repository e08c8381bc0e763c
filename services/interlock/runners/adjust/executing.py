"""One execution: asked for, done in one open transaction, allowed, committed, reported; at most once, whatever dies."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from interlock.events.catalogue.parts import Identity
from interlock.runners.adjust import markers, sessions
from interlock.runners.adjust.attempts import history_of, refused_last
from interlock.runners.adjust.backup import Written, write_backup
from interlock.runners.adjust.failures import CannotTell, LeaseLost, NotReported, Refused, Stopped
from interlock.runners.adjust.job import Job
from interlock.runners.adjust.resolving import Resolved, report_executed, resolve, settle_after_loss
from interlock.runners.adjust.transaction import Found, Ran, Work
from interlock.runners.asking import Asker, Away
from interlock.runners.connections import Connection, NotConfigured
from interlock.runners.failures import LOST
from interlock.runners.identity import same_database
from interlock.runners.leases import Lease, granted, kept_lease

# What is recorded of a failure; an event's text is bounded.
ERROR_CHARACTERS_MAX: Final = 1_000
STARTS_MAX: Final = 3
HOST_CHARACTERS_MAX: Final = 64


@dataclass(frozen=True, slots=True)
class Executed:
    """It was committed. `resolved` where an earlier attempt turned out to have done it already."""

    token: int
    outcome: markers.Outcome | None
    backup: Written | None
    answer: dict[str, Any]
    resolved: bool = False


async def execute(asker: Asker, job: Job, connection: Connection) -> Executed:
    """Execute the adjustment as the operator whom `asker` speaks for.

    Raises Stopped where it was rolled back (Refused: Interlock said no), NotReported where Interlock could not be
    told, CannotTell where the database does not answer; the next `resolve` settles what the last two leave open.
    """
    if connection.backups is None:
        setting = f"environments.{connection.environment}.backups"
        raise NotConfigured(setting, "it is missing", 'say where touched rows are kept: backups = "DIR"')
    for _ in range(STARTS_MAX):
        earlier = await resolve(asker, job.adjustment, job.plan, connection)
        if earlier is not None and earlier.ending == "executed":
            return _resolved(earlier)
        async with opened(asker, job, connection, job.plan.targets.identity) as work:
            found = await work.look()
            same_database(found.identity, job.plan.targets.identity)
            await asker.reached("looked")
            lease = await _start(asker, job, found)
            if lease is None:
                continue  # an attempt that somebody else began: it is settled first
            return await _attempt(asker, job, connection, work, found, lease)
    raise LeaseLost("every lease that was granted belonged to an attempt that ended before")


def _resolved(earlier: Resolved) -> Executed:
    return Executed(earlier.token, earlier.outcome, None, earlier.answer, resolved=True)


@asynccontextmanager
async def opened(asker: Asker, job: Job, connection: Connection, registered: Identity | None) -> AsyncIterator[Work]:
    """Lend the two sessions; both are ended, whatever happens."""
    working = await sessions.connect(connection.dsn)
    backend, witness = working.get_server_pid(), None
    try:
        witness = await sessions.connect(connection.dsn)
        yield Work(job, working, witness, backend, asker.clock, asker.reached, registered)
    finally:
        for session in (working, witness):
            with suppress(*LOST, asyncpg.PostgresError):
                await sessions.end_of(session)


async def _start(asker: Asker, job: Job, found: Found) -> Lease | None:
    """Take the lease; None where the answer is an old one, whose time nobody knows.

    A crash after the question leaves a lease that is or is not granted: the next start asks under the same key until
    the record shows it, and settles it then.
    """
    environment = job.plan.targets.environment
    try:
        last = (await history_of(asker, job.adjustment, environment)).last_token
        refused = await refused_last(asker, job.adjustment)
        asked_at = asker.clock()
        fields = {"adjustment": job.adjustment, "bound_digest": job.bound_digest, "observed": found.fields()}
        await asker.reached("start-asking")
        key = (job.adjustment, job.bound_digest, last, refused)
        answer = await asker.ask("StartAdjustment", fields, *key)
    except Away as away:
        raise NotReported(away, committed=False) from away
    await asker.reached("started")
    return None if answer.get("repeated") else granted(answer, environment, asked_at)


async def _attempt(asker: Asker, job: Job, connection: Connection, work: Work, found: Found, lease: Lease) -> Executed:
    marker = markers.marker_of(job.adjustment, lease.token)
    async with kept_lease(asker, lease, work.end):
        try:
            ran = await work.run(marker, found)
            backup = await _keep(asker, job, connection, lease, marker, ran)
            await _may_commit(asker, job, lease, marker, ran)
            lease.check(asker.clock())
        except (Stopped, Away) as stopped:
            await work.roll_back()
            await asker.reached("rolled-back")
            raise await _stopped(asker, job, lease, stopped) from stopped
        await asker.reached("committing")
        by_marker = await _commit(asker, job, connection, work, lease)
        # Committed for ever; a crash leaves it unreported until the next look at the adjustment.
        await asker.reached("committed")
        return await _report(asker, job, connection, lease, by_marker or ran.outcome, backup)


async def _keep(asker: Asker, job: Job, connection: Connection, lease: Lease, marker: str, ran: Ran) -> Written:
    """Write the backup, then say so: what is recorded is on disk."""
    assert connection.backups is not None
    about = {
        "adjustment": job.adjustment,
        "bound_digest": job.bound_digest,
        "environment": job.plan.targets.environment,
        **ran.found.fields(),
    }
    # In a thread: the lease is renewed meanwhile.
    written = await asyncio.to_thread(write_backup, connection.backups, marker, about, ran.kept)
    await asker.reached("backup-written")
    fields = {
        "adjustment": job.adjustment,
        "fencing_token": lease.token,
        "backup_digest": written.digest,
        "place": f"{socket.gethostname()[:HOST_CHARACTERS_MAX]}:{written.path}",
        "rows": written.rows,
        "size_bytes": written.size_bytes,
    }
    await asker.ask("ReportAdjustmentBackup", fields, job.adjustment, lease.token)
    await asker.reached("backup-reported")
    return written


async def _may_commit(asker: Asker, job: Job, lease: Lease, marker: str, ran: Ran) -> None:
    """Ask; once this is accepted, the record says that it may have been committed."""
    lease.check(asker.clock())
    fields = {
        "adjustment": job.adjustment,
        "fencing_token": lease.token,
        "observed": ran.found.fields(),
        "rows": ran.outcome.rows,
        "effect_holds": True,
        "before": ran.outcome.before,
        "after": ran.outcome.after,
        "marker": marker,
    }
    await asker.reached("commit-asking")
    await asker.ask("CommitAdjustment", fields, job.adjustment, lease.token)
    await asker.reached("commit-allowed")


async def _commit(asker: Asker, job: Job, connection: Connection, work: Work, lease: Lease) -> markers.Outcome | None:
    """Commit; where the answer is lost, or is not "COMMIT", the marker says what happened.

    Returns what the marker holds, or None where the answer was plain. Raises Stopped, CannotTell, NotReported.
    """
    try:
        if await work.commit():
            return None
        cause = "PostgreSQL rolled back where COMMIT was asked"
    except (*LOST, asyncpg.PostgresError) as lost:
        cause = f"COMMIT: {type(lost).__name__}"
        await work.end()
    try:
        ending, outcome = await settle_after_loss(
            asker, connection, job.plan, job.adjustment, lease.token, work.backend
        )
    except CannotTell as unknown:
        try:
            await _report_failed(asker, job, lease, "unknown", cause)
        except (Away, Refused) as away:
            raise NotReported(away, committed=None) from away
        raise unknown from None
    if ending == "executed":
        return outcome
    raise await _stopped(asker, job, lease, Stopped(f"{cause}; it was rolled back"))


async def _stopped(asker: Asker, job: Job, lease: Lease, stopped: Stopped | Away) -> Exception:
    """Report that it was rolled back, and return what is to be raised."""
    if lease.lost and not isinstance(stopped, Refused):
        stopped = LeaseLost(LeaseLost.__doc__)
    text = stopped.recorded if isinstance(stopped, Stopped) else "Interlock gave no answer"
    try:
        await _report_failed(asker, job, lease, "rolled_back", text)
    except Away as away:
        return NotReported(away, committed=False)
    except Refused:
        # The lease was over: its end is recorded, and so is that nothing was committed, or the next look settles it.
        pass
    return stopped if isinstance(stopped, Stopped) else NotReported(stopped, committed=False)


async def _report_failed(asker: Asker, job: Job, lease: Lease, transaction: str, text: str) -> None:
    printable = "".join(sign if sign.isprintable() else " " for sign in text)[:ERROR_CHARACTERS_MAX]
    fields = {
        "adjustment": job.adjustment,
        "fencing_token": lease.token,
        "transaction": transaction,
        "error": printable or "it was stopped",
    }
    await asker.report("ReportAdjustmentFailed", fields, job.adjustment, lease.token)
    await asker.reached("failure-reported")


async def _report(
    asker: Asker, job: Job, connection: Connection, lease: Lease, outcome: markers.Outcome, backup: Written
) -> Executed:
    try:
        lease.check(asker.clock())
        answer = await report_executed(asker, job.adjustment, lease.token, outcome.fields(), until=lease.until)
    except Away as away:
        raise NotReported(away, committed=True) from away
    except (Refused, LeaseLost):
        # The lease was over before the report: the marker is reported instead.
        settled = await resolve(asker, job.adjustment, job.plan, connection)
        if settled is None:
            return Executed(lease.token, outcome, backup, {}, resolved=True)
        return Executed(lease.token, settled.outcome, backup, settled.answer, resolved=True)
    await asker.reached("reported")
    return Executed(lease.token, outcome, backup, answer)
