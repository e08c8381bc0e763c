"""What each event means for the adjustments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from interlock.events.catalogue import adjustment as adj
from interlock.events.catalogue import environment as env
from interlock.events.catalogue import team
from interlock.events.catalogue.ledger import Annotated
from interlock.events.codec import plain
from interlock.events.envelope import Recorded
from interlock.projections import mentions
from interlock.projections.adjustment_chain.tables import (
    ADD_REMARK,
    ADD_STEP,
    CLOSE,
    END_ELSEWHERE,
    END_LEASE,
    FACETS,
    LOSE_ELSEWHERE,
    REGAIN_ELSEWHERE,
)
from interlock.projections.facets import compact, data, instant
from interlock.projections.parts import Parts
from interlock.projections.projection import Write
from interlock.projections.sentences import sentence

PARTS = Parts()


def project(recorded: Recorded[Any]) -> Iterator[Write]:
    """Say what one event changes in the adjustments, and in whose chain it is a step."""
    named = list(mentions.adjustments(recorded))
    if named:
        yield Write(ADD_STEP, (*step(recorded), named))
    yield from PARTS.project(recorded)


def step(recorded: Recorded[Any]) -> tuple[Any, ...]:
    """Return what a step says of its event: the first twelve arguments of each statement that adds one."""
    decision = getattr(recorded.event, "decision", None)
    return (
        recorded.project,
        recorded.position,
        recorded.recorded_at,
        recorded.actor.id,
        recorded.actor.kind,
        recorded.actor.credential,
        recorded.type,
        recorded.stream,
        recorded.version,
        sentence(recorded),
        compact(data(recorded.event)),
        None if decision is None else compact(plain(decision)),
    )


def _close(recorded: Recorded[Any], families: Sequence[str], labels: Sequence[str] | None = None) -> Write:
    event = recorded.event
    return Write(
        CLOSE,
        (
            recorded.project,
            event.adjustment,
            list(families),
            None if labels is None else list(labels),
            recorded.position,
            recorded.recorded_at,
        ),
    )


@PARTS.about(adj.DataAdjustRequested, adj.DataAdjustAmended, adj.DataAdjustCancelled)
def _plan(recorded: Recorded[Any]) -> Iterator[Write]:
    """What is asked for, until when."""
    event = recorded.event
    match event:
        case adj.DataAdjustRequested():
            detail = {
                "expires_at": instant(event.expires_at),
                "reverts": event.reverts,
                "requested_at": instant(recorded.recorded_at),
                "requested_position": recorded.position,
                "requested_by": recorded.actor.id,
            }
            yield FACETS.set(recorded, event.adjustment, "request", "requested", detail)
            yield FACETS.set(recorded, event.adjustment, "plan", "requested", _planned(event))
            yield FACETS.set(recorded, event.adjustment, "state", "open", {})
        case adj.DataAdjustAmended():
            # Who verified it verified another plan.
            yield _close(recorded, ("rehearsal", "verdict", "authorization"))
            yield FACETS.set(recorded, event.adjustment, "plan", "amended", _planned(event))
        case adj.DataAdjustCancelled():
            yield FACETS.set(recorded, event.adjustment, "state", "cancelled", {"reason": event.reason})


def _planned(event: Any) -> dict[str, Any]:
    return {"plan": plain(event.plan), "bound_digest": event.bound_digest}


@PARTS.about(
    adj.DataAdjustRehearsed,
    adj.DataAdjustRehearsalFailed,
    adj.DataAdjustVerified,
    adj.DataAdjustRejected,
    adj.DataAdjustAuthorized,
    adj.DataAdjustExpired,
)
def _words(recorded: Recorded[Any]) -> Iterator[Write]:
    """What was found out and said about the plan, and what the rule made of it."""
    event, verdict = recorded.event, f"verdict/{recorded.actor.id}"
    match event:
        case adj.DataAdjustRehearsed() | adj.DataAdjustRehearsalFailed():
            label = "rehearsed" if isinstance(event, adj.DataAdjustRehearsed) else "failed"
            yield FACETS.set(recorded, event.adjustment, "rehearsal", label, data(event, "adjustment"))
        case adj.DataAdjustVerified():
            yield FACETS.set(recorded, event.adjustment, verdict, "verified", data(event, "adjustment"))
        case adj.DataAdjustRejected():
            yield _close(recorded, ("authorization",))
            yield FACETS.set(recorded, event.adjustment, verdict, "rejected", data(event, "adjustment"))
        case adj.DataAdjustAuthorized():
            yield FACETS.set(recorded, event.adjustment, "authorization", "authorized", data(event, "adjustment"))
        case adj.DataAdjustExpired():
            yield _close(recorded, ("authorization",))
            yield _close(recorded, ("verdict",), ("verified", "lost"))
            if event.what == "request":
                yield FACETS.set(recorded, event.adjustment, "state", "expired", {})


@PARTS.about(adj.DataAdjustBackupTaken, adj.DataAdjustStarted, adj.DataAdjustFailed, adj.DataAdjustExecuted)
def _attempt(recorded: Recorded[Any]) -> Iterator[Write]:
    """How an execution goes: what it did is void where it was not committed."""
    event = recorded.event
    match event:
        case adj.DataAdjustBackupTaken():
            yield FACETS.set(recorded, event.adjustment, "backup", "taken", data(event, "adjustment"))
        case adj.DataAdjustStarted():
            yield FACETS.set(recorded, event.adjustment, "attempt", "started", data(event, "adjustment"))
        case adj.DataAdjustFailed(transaction="unknown"):
            yield FACETS.set(
                recorded,
                event.adjustment,
                "attempt",
                "unknown",
                {"error": event.error},
                keep=("lease", "marker", "fencing_token", "identity", "rows", "before", "after", "bound_digest"),
            )
        case adj.DataAdjustFailed():
            yield _close(recorded, ("backup", "attempt"))
        case adj.DataAdjustExecuted():
            yield FACETS.set(recorded, event.adjustment, "execution", "executed", data(event, "adjustment"))
            yield FACETS.set(recorded, event.adjustment, "state", "executed", {})


@PARTS.about(adj.DataAdjustResultVerified, adj.DataAdjustResultDisputed, adj.DataAdjustReverted)
def _result(recorded: Recorded[Any]) -> Iterator[Write]:
    """Whether what it did is right, and whether it was taken back."""
    event = recorded.event
    match event:
        case adj.DataAdjustResultVerified():
            yield FACETS.set(recorded, event.adjustment, "result", "verified", data(event, "adjustment"))
            yield FACETS.set(recorded, event.adjustment, "state", "checked", {})
        case adj.DataAdjustResultDisputed():
            yield FACETS.set(recorded, event.adjustment, "result", "disputed", data(event, "adjustment"))
            yield FACETS.set(recorded, event.adjustment, "state", "disputed", {"problem": event.problem})
        case adj.DataAdjustReverted():
            yield FACETS.set(recorded, event.adjustment, "state", "reverted", {"reverted_by": event.by})


@PARTS.about(env.LeaseGranted, env.LeaseReleased, env.LeaseExpired, env.LeaseBroken)
def _lease(recorded: Recorded[Any]) -> Iterator[Write]:
    """Who works at it now, in which place."""
    event = recorded.event
    match event:
        case env.LeaseGranted():
            name = mentions.leased_for(recorded)
            if name is not None:
                yield FACETS.set(recorded, name, "lease", event.subject.partition(" ")[0], data(event))
        case env.LeaseReleased() | env.LeaseExpired() | env.LeaseBroken():
            yield Write(END_LEASE, (*step(recorded), event.lease, event.environment))


@PARTS.about(
    team.OperatorDesignated,
    env.DataMarkedCorrupt,
    team.RoleRevoked,
    team.PrincipalDeactivated,
    team.RoleGranted,
    Annotated,
)
def _elsewhere(recorded: Recorded[Any]) -> Iterator[Write]:
    """What happens to people, and ends what they said or may do; and what is remarked."""
    event = recorded.event
    match event:
        case team.OperatorDesignated():
            here, verdict = event.environment, f"verdict/{event.principal}"
            yield _about(END_ELSEWHERE, recorded, "authorization", ("authorized",), adjusted=here)
            # Nobody executes what he verified himself.
            yield _about(END_ELSEWHERE, recorded, verdict, ("verified", "lost"), adjusted=here)
        case env.DataMarkedCorrupt():
            labels = ("rehearsed", "failed")
            yield _about(END_ELSEWHERE, recorded, "rehearsal", labels, said_in=event.environment)
        case team.RoleRevoked(role="verifier") | team.PrincipalDeactivated():
            yield _about(LOSE_ELSEWHERE, recorded, f"verdict/{event.principal}", ("verified",))
        case team.RoleGranted(role="verifier"):
            yield _about(REGAIN_ELSEWHERE, recorded, f"verdict/{event.principal}", ("lost",))
        case Annotated():
            yield Write(ADD_REMARK, (*step(recorded), event.target))


def _about(
    statement: str,
    recorded: Recorded[Any],
    facet: str,
    labels: Sequence[str],
    *,
    adjusted: str | None = None,
    said_in: str | None = None,
) -> Write:
    return Write(statement, (*step(recorded), facet, list(labels), adjusted, said_in))
