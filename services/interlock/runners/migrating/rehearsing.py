"""One rehearsal of a release's migrations in stage: asked for, run as production will run them, reported."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from interlock.events.canonical import canonical
from interlock.events.catalogue.parts import Identity, Migration
from interlock.events.codec import plain
from interlock.runners.asking import Asker, Away
from interlock.runners.connections import Connection
from interlock.runners.ending import Ending
from interlock.runners.evidence import PutEvidence, keep, kept_now
from interlock.runners.failures import LeaseLost, NotReported, Refused, Stopped
from interlock.runners.leases import Lease, granted, kept_lease
from interlock.runners.means import Means
from interlock.runners.migrating.configured import Migrations
from interlock.runners.migrating.running import Applied, SetFailed, check_set, migrate_set
from interlock.runners.recorded import attempt_of, said_of, told_text
from interlock.runners.targets import Found


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """Which release's migrations run where, and as whom."""

    release: str
    declared: tuple[Migration, ...]
    migrations: Migrations
    connection: Connection
    registered: Identity

    @property
    def environment(self) -> str:
        """Where they are rehearsed."""
        return self.connection.environment


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """They ran and it is recorded: `report` is the evidence."""

    applied: Applied
    report: str
    answer: dict[str, Any]


async def rehearse(asker: Asker, rehearsal: Rehearsal, put_evidence: PutEvidence, means: Means) -> Rehearsed:
    """Rehearse, as whom `asker` speaks for.

    The set is compared with what is declared before anybody is asked: what cannot be right voids no restore. Raises
    Stopped (Refused: Interlock said no; reported as failed where a lease was granted), NotReported.
    """
    ending = Ending()
    named: dict[str, Any] = {"registered": rehearsal.registered, "means": means, "ending": ending}
    found = await check_set(rehearsal.connection, rehearsal.migrations, rehearsal.declared, **named)
    await asker.reached("looked")
    lease = await _start(asker, rehearsal, found)
    await asker.reached("started")
    async with kept_lease(asker, lease, ending.end):
        try:
            applied = await migrate_set(rehearsal.connection, rehearsal.migrations, rehearsal.declared, **named)
            await asker.reached("migrated")
            lease.check(asker.clock())
            return await _report(asker, rehearsal, lease, applied, put_evidence)
        except (Stopped, Away) as stopped:
            raise await _failed(asker, rehearsal, lease, stopped, put_evidence) from stopped
        except asyncio.CancelledError:
            await _failed(asker, rehearsal, lease, Stopped("it was interrupted"), put_evidence)
            raise


async def _start(asker: Asker, rehearsal: Rehearsal, found: Found) -> Lease:
    """Take the lease. A crash after this leaves a lease that expires: the rehearsal is lost, and its restore void."""
    environment = rehearsal.environment
    try:
        attempt, asked_at = await attempt_of(asker, environment), asker.clock()
        fields = {"release": rehearsal.release, "environment": environment, "observed": found.fields()}
        answer = await asker.ask("StartMigration", fields, rehearsal.release, environment, *attempt)
    except Away as away:
        raise NotReported(f"nothing was begun: {away}") from away
    if answer.get("repeated"):
        raise LeaseLost("this rehearsal was begun before: look at it, and restore before the next one")
    return granted(answer, environment, asked_at)


def report_of(rehearsal: Rehearsal, applied: Applied) -> bytes:
    """Return the report: what ran, how long, and which locks were long."""
    document = {
        "release": rehearsal.release,
        "environment": rehearsal.environment,
        "identity": plain(applied.identity),
        "kind": rehearsal.migrations.kind,
        "migrations": [plain(each) for each in applied.migrations],
        "ran_before": list(applied.earlier),
        "schema_before": applied.schema_before,
        "schema_after": applied.schema_after,
        "long_locks": [lock.fields() for lock in applied.locks],
        "locks_not_seen": applied.blind or "",
    }
    return canonical(document)


async def _report(
    asker: Asker, rehearsal: Rehearsal, lease: Lease, applied: Applied, put_evidence: PutEvidence
) -> Rehearsed:
    report = await keep(asker, put_evidence, report_of(rehearsal, applied), until=lease.until)
    fields = {
        "release": rehearsal.release,
        "environment": rehearsal.environment,
        "migration": said_of(lease.subject),
        "fencing_token": lease.token,
        "migrations": [plain(each) for each in applied.migrations],
        "schema_before": applied.schema_before,
        "schema_after": applied.schema_after,
        "report": report,
    }
    try:
        await asker.reached("reporting")
        answer = await asker.report("ReportMigrated", fields, rehearsal.environment, lease.token, until=lease.until)
    except Away as away:
        raise NotReported(f"they ran, and Interlock could not be told: {away}") from away
    await asker.reached("reported")
    return Rehearsed(applied, report, answer)


def report_of_failure(rehearsal: Rehearsal, failed: SetFailed) -> bytes:
    """Return the report of a set that failed: what ran before, how long each took, and which locks were long.

    Nothing that a row held is in it, as nothing of it is in the event.
    """
    document = {
        "release": rehearsal.release,
        "environment": rehearsal.environment,
        "identity": plain(rehearsal.registered),
        "kind": rehearsal.migrations.kind,
        "migrations": [plain(each) for each in failed.ran],
        "failed_migration": failed.failed,
        "failed_after_ms": int(failed.seconds * 1000),
        "error": told_text(failed),
        "long_locks": [lock.fields() for lock in failed.locks],
        "locks_not_seen": failed.blind or "",
    }
    return canonical(document)


async def _failed(
    asker: Asker, rehearsal: Rehearsal, lease: Lease, stopped: Exception, put_evidence: PutEvidence
) -> Exception:
    """Report that it failed, and return what to raise. Its restore is void with it."""
    cause = stopped.cause if isinstance(stopped, SetFailed) else stopped
    if lease.lost and not isinstance(cause, Refused):
        return LeaseLost(LeaseLost.__doc__)
    report = None
    if isinstance(stopped, SetFailed):
        report = await kept_now(asker, put_evidence, report_of_failure(rehearsal, stopped))
    fields = {
        "release": rehearsal.release,
        "environment": rehearsal.environment,
        "migration": said_of(lease.subject),
        "fencing_token": lease.token,
        "error": told_text(stopped),
        "failed_migration": stopped.failed if isinstance(stopped, SetFailed) else None,
        "report": report,
    }
    try:
        await asker.report("ReportMigrationFailed", fields, rehearsal.environment, lease.token, until=lease.until)
    except Away as away:
        return NotReported(f"{stopped}; Interlock could not be told: {away}")
    except Refused:
        pass  # the lease was over: what follows is decided already
    return stopped
