"""What became of an execution that nobody ended: read from the marker in the database, reported, never guessed."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Literal

import asyncpg

from interlock.events.catalogue.parts import AdjustmentPlan
from interlock.runners.adjust import markers, sessions
from interlock.runners.adjust.attempts import Attempt, history_of
from interlock.runners.adjust.failures import (
    CannotTell,
    DatabaseAway,
    NotReported,
    Refused,
    StillRunning,
    UnfitSession,
)
from interlock.runners.asking import Asker, Away
from interlock.runners.connections import Connection as Configured
from interlock.runners.failures import LOST
from interlock.runners.identity import identity_of, same_database
from interlock.runners.statements import sql

# A lease that ends between two looks is recorded by the server within seconds.
TRIES: Final = 6
PAUSE_SECONDS: Final = 1.0
SETTLE_SECONDS: Final = 45.0

Ending = Literal["executed", "rolled_back"]


@dataclass(frozen=True, slots=True)
class Resolved:
    """What was found, and Interlock's answer to the report of it."""

    ending: Ending
    token: int
    outcome: markers.Outcome | None
    answer: dict[str, Any]


async def resolve(
    asker: Asker, adjustment: str, plan: AdjustmentPlan, connection: Configured, *, begun_only: bool = False
) -> Resolved | None:
    """Settle the execution that nobody ended, if there is one; None where there is nothing to settle.

    `begun_only` leaves one alone that cannot have been committed yet: for those who only look.
    Safe to call at any time and again. While a runner still works, StillRunning is raised; one that has not written
    its marker yet will find the tombstone and roll back. Raises CannotTell, NotReported, Refused, WrongDatabase.
    """
    refused: Refused | None = None
    for _ in range(TRIES):
        try:
            pending = (await history_of(asker, adjustment, plan.targets.environment)).pending
        except Away as away:
            raise NotReported(away, committed=None) from away
        if pending is None or _needs_no_word(pending, begun_only=begun_only):
            return None
        ending, outcome = await read_marker(connection, plan, adjustment, pending.token)
        try:
            answer = await _report(asker, adjustment, plan, pending, ending, outcome)
        except Away as away:
            raise NotReported(away, committed=ending == "executed") from away
        except Refused as changed:
            # The lease ended meanwhile, or somebody else reported: the record says which at the next look.
            refused = changed
            await asker.sleep(PAUSE_SECONDS)
            continue
        return Resolved(ending, pending.token, outcome, answer)
    assert refused is not None
    raise refused


def _needs_no_word(pending: Attempt, *, begun_only: bool) -> bool:
    """Whether nobody has to say anything: it cannot have been committed, and its lease's end says so."""
    return not pending.started and not pending.unknown and (begun_only or pending.over)


async def read_marker(
    connection: Configured, plan: AdjustmentPlan, adjustment: str, token: int, backend: int | None = None
) -> tuple[Ending, markers.Outcome | None]:
    """Ask the database once. Raises CannotTell, StillRunning, WrongDatabase."""
    session = None
    try:
        session = await sessions.connect(connection.dsn)
        same_database(await identity_of(session, plan.targets.identity), plan.targets.identity)
        if backend is not None:
            await session.execute(sql("end_backend"), backend, timeout=sessions.QUICK_SECONDS)
        return await markers.settle(session, markers.marker_of(adjustment, token), adjustment)
    except (DatabaseAway, UnfitSession) as away:
        raise CannotTell(f"the database does not answer: {away}") from away
    except (*LOST, asyncpg.PostgresError) as away:
        raise sessions.cannot_tell(away) from None
    finally:
        with suppress(*LOST):
            await sessions.end_of(session)


async def settle_after_loss(
    asker: Asker, connection: Configured, plan: AdjustmentPlan, adjustment: str, token: int, backend: int
) -> tuple[Ending, markers.Outcome | None]:
    """Ask the database until it answers, for a while. Raises CannotTell.

    `backend` is the process that has the lost session: it may not have noticed the loss, and is ended.
    """
    until = asker.clock() + SETTLE_SECONDS
    while True:
        try:
            return await read_marker(connection, plan, adjustment, token, backend)
        except (CannotTell, StillRunning) as open_question:
            if asker.clock() >= until:
                raise CannotTell(str(open_question)) from open_question
        await asker.sleep(PAUSE_SECONDS)


async def _report(
    asker: Asker,
    adjustment: str,
    plan: AdjustmentPlan,
    attempt: Attempt,
    ending: Ending,
    outcome: markers.Outcome | None,
) -> dict[str, Any]:
    """Say it: by the marker where the lease is over, as the lease's holder where it is not."""
    found = outcome.fields() if outcome is not None else {}
    token = attempt.token
    if attempt.unknown or attempt.over:
        identity = plan.targets.identity
        seen = {"system_identifier": identity.system_identifier, "database": identity.database}
        if identity.address is not None:
            seen["address"] = identity.address
        fields = {
            "adjustment": adjustment,
            "marker": markers.marker_of(adjustment, token),
            "outcome": ending,
            "observed": {"identity": seen},
            **found,
        }
        return await asker.report("ResolveAdjustment", fields, adjustment, token)
    if ending == "executed":
        return await report_executed(asker, adjustment, token, found)
    # A key of its own: the runner may have given another reason under its own one.
    fields = {
        "adjustment": adjustment,
        "fencing_token": token,
        "transaction": "rolled_back",
        "error": "the runner ended before it reported; its marker is not there, and never will be",
    }
    return await asker.report("ReportAdjustmentFailed", fields, adjustment, token, "by-marker")


async def report_executed(
    asker: Asker, adjustment: str, token: int, outcome: dict[str, Any], *, until: float | None = None
) -> dict[str, Any]:
    """Say that it was committed: whoever says it, and however often, it is one command."""
    fields = {"adjustment": adjustment, "fencing_token": token, **outcome}
    return await asker.report("ReportAdjustmentExecuted", fields, adjustment, token, until=until)
