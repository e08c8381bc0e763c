"""One rehearsal: the same transaction on production's data elsewhere, and always rolled back."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import asyncpg

from interlock.events.catalogue.parts import Identity
from interlock.runners.adjust import markers
from interlock.runners.adjust.attempts import pending_rehearsal, refused_last
from interlock.runners.adjust.executing import ERROR_CHARACTERS_MAX, opened
from interlock.runners.adjust.failures import (
    LeaseLost,
    NotReported,
    Refused,
    StillRunning,
    Stopped,
    WrongDatabase,
)
from interlock.runners.adjust.job import Job
from interlock.runners.adjust.transaction import Ran, Work
from interlock.runners.asking import Asker, Away
from interlock.runners.connections import Connection
from interlock.runners.leases import Lease, granted, kept_lease


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """It ran, met its expectations and was rolled back."""

    token: int
    outcome: markers.Outcome
    answer: dict[str, Any]


async def rehearse(
    asker: Asker, job: Job, connection: Connection, *, environment: str, registered: Identity | None
) -> Rehearsed:
    """Rehearse it in `environment`, whose `registered` identity Interlock compares with what is read there.

    Raises Stopped (reported as a failed rehearsal where a lease was granted), NotReported.
    """
    async with opened(asker, job, connection, registered) as work:
        found = await work.look()
        production = job.plan.targets.identity
        if (found.identity.system_identifier, found.identity.database) == (
            production.system_identifier,
            production.database,
        ):
            raise WrongDatabase(f"this is {job.plan.targets.environment} itself: nothing is rehearsed there")
        try:
            last = await _end_earlier(asker, job, work, environment)
            asked_at = asker.clock()
            fields = {"adjustment": job.adjustment, "environment": environment, "observed": found.fields()}
            refused = await refused_last(asker, job.adjustment)
            key = (job.adjustment, job.bound_digest, environment, last, refused)
            answer = await asker.ask("StartAdjustmentRehearsal", fields, *key)
        except Away as away:
            raise NotReported(away, committed=False) from away
        if answer.get("repeated"):
            raise LeaseLost("this rehearsal was begun before: look at it, and rehearse again")
        lease = granted(answer, environment, asked_at)
        await asker.reached("rehearsal-started")
        async with kept_lease(asker, lease, work.end):
            try:
                ran = await work.run(markers.rehearsal_marker_of(job.adjustment, lease.token), found)
            except Stopped as stopped:
                await work.roll_back()
                raise await _failed(asker, job, environment, lease, stopped) from stopped
            await work.roll_back()
        await asker.reached("rehearsal-rolled-back")
        return await _report(asker, job, environment, lease, ran)


async def _end_earlier(asker: Asker, job: Job, work: Work, environment: str) -> int:
    """Report a rehearsal as failed whose runner is gone, and return the newest token.

    The database tells: its marker is locked as long as it runs. Raises StillRunning.
    """
    last, pending = await pending_rehearsal(asker, job.adjustment, environment)
    if pending is None:
        return last
    try:
        async with work.witness.transaction():
            await markers.claim(
                work.witness, markers.rehearsal_marker_of(job.adjustment, pending), job.adjustment, job.bound_digest
            )
            raise _Free
    except _Free:
        pass
    except asyncpg.LockNotAvailableError:
        raise StillRunning(StillRunning.__doc__) from None
    fields = {
        "adjustment": job.adjustment,
        "environment": environment,
        "fencing_token": pending,
        "error": "the runner ended before it reported; nothing of it is in the database",
    }
    # Refused where the lease is over, or another's: then what follows is decided by that.
    with suppress(Refused):
        await asker.report("ReportAdjustmentRehearsalFailed", fields, job.adjustment, pending, "by-marker")
    return pending


class _Free(Exception):
    """Rolls the trial of the marker back."""


async def _report(asker: Asker, job: Job, environment: str, lease: Lease, ran: Ran) -> Rehearsed:
    fields = {
        "adjustment": job.adjustment,
        "environment": environment,
        "fencing_token": lease.token,
        **ran.outcome.fields(),
    }
    try:
        answer = await asker.report("ReportAdjustmentRehearsed", fields, job.adjustment, lease.token)
    except Away as away:
        raise NotReported(away, committed=False) from away
    return Rehearsed(lease.token, ran.outcome, answer)


async def _failed(asker: Asker, job: Job, environment: str, lease: Lease, stopped: Stopped) -> Exception:
    if lease.lost:
        stopped = LeaseLost(LeaseLost.__doc__)
    text = "".join(sign if sign.isprintable() else " " for sign in stopped.recorded)[:ERROR_CHARACTERS_MAX]
    fields = {
        "adjustment": job.adjustment,
        "environment": environment,
        "fencing_token": lease.token,
        "error": text or "it was stopped",
    }
    try:
        await asker.report("ReportAdjustmentRehearsalFailed", fields, job.adjustment, lease.token)
    except Away as away:
        return NotReported(away, committed=False)
    except Refused:
        pass  # the lease was over: its end is recorded as a failed rehearsal already
    return stopped
