"""One restore: asked for, copied from one snapshot into an emptied and closed database, masked, measured, reported."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from interlock.events.canonical import canonical
from interlock.events.codec import plain
from interlock.runners.asking import Asker, Away
from interlock.runners.ending import Ending
from interlock.runners.evidence import PutEvidence, keep
from interlock.runners.failures import LeaseLost, NotReported, Refused, Stopped
from interlock.runners.leases import Lease, granted, kept_lease
from interlock.runners.means import Means
from interlock.runners.recorded import attempt_of, said_of, told_text
from interlock.runners.restoring import closing
from interlock.runners.restoring.configured import Restoring
from interlock.runners.restoring.copying import APPLICATION, Copying, dump_directory
from interlock.runners.restoring.measuring import Table, measure
from interlock.runners.restoring.places import Looked, Registered, look
from interlock.runners.restoring.tools import find_tools
from interlock.runners.schema import schema_digest
from interlock.runners.sessions import named_failures, session_of
from interlock.runners.statements import sql

ANALYZE: Final = "analyze"


@dataclass(frozen=True, slots=True)
class Copied:
    """What is in the target now, and of when."""

    snapshot: str
    taken_at: datetime
    source_release: str | None
    source_schema: str
    schema: str
    tables: tuple[Table, ...]
    masked: str | None


@dataclass(frozen=True, slots=True)
class Restored:
    """It is recorded: `report` is the evidence."""

    copied: Copied
    report: str
    answer: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Work:
    """The two sessions of a restore, and all it needs."""

    asker: Asker
    restoring: Restoring
    registered: Registered
    put_evidence: PutEvidence
    means: Means
    ending: Ending
    source: Any
    target: Any

    @property
    def environment(self) -> str:
        """Into which it is restored."""
        return self.restoring.target.environment

    @property
    def sessions(self) -> dict[str, Any]:
        """Both, by their environments."""
        return {self.restoring.source.environment: self.source, self.environment: self.target}


async def restore(
    asker: Asker, restoring: Restoring, registered: Registered, put_evidence: PutEvidence, means: Means
) -> Restored:
    """Restore, as whom `asker` speaks for.

    Raises Stopped (Refused: Interlock said no; reported as failed where a lease was granted), NotReported.
    """
    async with _opened(asker, restoring, registered, put_evidence, means) as work:
        await closing.claim(work.target, means)
        looked = await look(work.source, work.target, work.environment, restoring.source.environment, registered)
        tools = await find_tools(looked.source_major, means.environ)
        await asker.reached("looked")
        lease = await _start(work, looked)
        await asker.reached("started")
        copying = Copying(restoring, tools, means, work.ending)
        async with kept_lease(asker, lease, work.ending.end):
            try:
                with named_failures(work.ending, **work.sessions):
                    copied = await _copy(work, copying, looked)
                lease.check(asker.clock())
                return await _report(work, lease, looked, copied)
            except (Stopped, Away) as stopped:
                raise await _failed(work, lease, stopped) from stopped
            except asyncio.CancelledError:
                await _failed(work, lease, Stopped("it was interrupted"))
                raise


@asynccontextmanager
async def _opened(
    asker: Asker, restoring: Restoring, registered: Registered, put_evidence: PutEvidence, means: Means
) -> AsyncIterator[Work]:
    ending = Ending()
    async with session_of(restoring.target, APPLICATION, ending, lock_timeout="60s") as target:
        async with session_of(restoring.source, APPLICATION, ending, default_transaction_read_only="on") as source:
            yield Work(asker, restoring, registered, put_evidence, means, ending, source, target)


async def _start(work: Work, looked: Looked) -> Lease:
    """Take the lease. A crash after this leaves a lease that expires, and the environment unsure."""
    asker, environment = work.asker, work.environment
    try:
        await _end_earlier(work)
        attempt, asked_at = await attempt_of(asker, environment), asker.clock()
        origin = work.restoring.source.environment
        fields = {"environment": environment, "source": origin, "observed": looked.target.fields()}
        answer = await asker.ask("StartRestore", fields, environment, origin, *attempt)
    except Away as away:
        raise NotReported(f"nothing was begun: {away}") from away
    if answer.get("repeated"):
        raise LeaseLost("this restore was begun before: look at it, and restore again")
    return granted(answer, environment, asked_at)


async def _end_earlier(work: Work) -> None:
    """Report a restore as failed whose runner is gone: it would hold the database's lock, and this runner does."""
    state = await work.asker.read(f"/environments/{work.environment}")
    lease = state.get("lease") or {}
    if lease.get("kind") != "restore" or work.asker.is_past(str(lease["expires_at"])):
        return
    fields = {
        "environment": work.environment,
        "restore": said_of(lease["subject"]),
        "fencing_token": lease["fencing_token"],
        "error": "the runner ended before it reported",
    }
    # Refused where it is another's lease: then that one's end is waited for.
    with suppress(Refused):
        await work.asker.report("ReportRestoreFailed", fields, work.environment, lease["fencing_token"], "by-lock")


async def _copy(work: Work, copying: Copying, looked: Looked) -> Copied:
    """Dump first: until then the target is as it was, and open."""
    reached, means, target = work.asker.reached, work.means, work.target
    with dump_directory(work.restoring.dumps, looked.target.identity) as directory:
        async with work.source.transaction(isolation="repeatable_read", readonly=True):
            seen = await work.source.fetchrow(sql("restore_snapshot"))
            release = await _occupant(work)
            source_schema = await schema_digest(work.source)
            means.told(f"reading {work.restoring.source.environment} as of {seen['taken_at']:%Y-%m-%d %H:%M:%S} GMT")
            await reached("snapshot-taken")
            await copying.dump(seen["snapshot"], directory)
        await reached("dumped")
        await closing.close_and_empty(target, means)
        # From here to `opened` a crash leaves it closed: nobody but a restore gets in.
        await reached("emptied")
        await closing.make_public(target, wanted=seen["public"])
        await copying.restore(directory)
    await reached("filled")
    masked = None
    if work.restoring.mask is not None:
        masked = await closing.mask(target, work.restoring.mask.read_bytes())
        await reached("masked")
    await target.execute(ANALYZE)
    tables = await measure(target)
    schema = await schema_digest(target)
    await reached("measured")
    work.ending.check()
    await closing.open_again(target)
    await reached("opened")
    return Copied(seen["snapshot"], seen["taken_at"], release, source_schema, schema, tables, masked)


async def _occupant(work: Work) -> str | None:
    """Return what runs in the source as its snapshot is taken."""
    state = await work.asker.read(f"/environments/{work.restoring.source.environment}")
    occupancy: Mapping[str, Any] = state.get("occupancy") or {}
    return occupancy.get("release") if occupancy.get("state") == "occupied" else None


def report_of(work: Work, looked: Looked, copied: Copied) -> bytes:
    """Return the report: where from, of when, and what is in each table; nothing that a row holds."""
    document = {
        "source": {
            "environment": work.restoring.source.environment,
            "identity": plain(looked.source),
            "schema_digest": copied.source_schema,
            "server_version": looked.source_version,
            "release": copied.source_release or "",
            "snapshot": copied.snapshot,
            "taken_at": copied.taken_at.astimezone(UTC).isoformat(),
        },
        "target": {
            "environment": work.environment,
            "identity": plain(looked.target.identity),
            "schema_digest": copied.schema,
            "server_version": looked.target_version,
        },
        "masked": copied.masked or "",
        "tables": [table.fields() for table in copied.tables],
    }
    return canonical(document)


async def _report(work: Work, lease: Lease, looked: Looked, copied: Copied) -> Restored:
    asker, environment = work.asker, work.environment
    report = await keep(asker, work.put_evidence, report_of(work, looked, copied), until=lease.until)
    # A source whose clock is ahead of the ledger's was still read before now.
    now = asker.interlock.server_now
    taken_at = min(copied.taken_at, now) if now is not None else copied.taken_at
    fields = {
        "environment": environment,
        "restore": said_of(lease.subject),
        "fencing_token": lease.token,
        "snapshot": copied.snapshot,
        "taken_at": taken_at.astimezone(UTC).isoformat(),
        "source_release": copied.source_release,
        "schema_digest": copied.schema,
        "report": report,
        "masked": copied.masked,
    }
    try:
        await asker.reached("reporting")
        answer = await asker.report("ReportRestored", fields, environment, lease.token, until=lease.until)
    except Away as away:
        raise NotReported(f"the data is there, and Interlock could not be told: {away}") from away
    await asker.reached("reported")
    return Restored(copied, report, answer)


async def _failed(work: Work, lease: Lease, stopped: Exception) -> Exception:
    """Report that it failed, and return what to raise."""
    if lease.lost and not isinstance(stopped, Refused):
        stopped = LeaseLost(LeaseLost.__doc__)
    fields = {
        "environment": work.environment,
        "restore": said_of(lease.subject),
        "fencing_token": lease.token,
        "error": told_text(stopped),
    }
    try:
        await work.asker.report("ReportRestoreFailed", fields, work.environment, lease.token, until=lease.until)
    except Away as away:
        return NotReported(f"{stopped}; Interlock could not be told: {away}")
    except Refused:
        pass  # the lease was over: what follows is decided already
    return stopped
