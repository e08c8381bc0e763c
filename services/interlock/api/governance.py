"""Questions about the policy and the team: what holds, what a proposal would change, which gate nobody can pass."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Response

from interlock.api.asked import Reader, rules_moment
from interlock.api.documents import answer
from interlock.api.openapi import Documented
from interlock.api.policies import document_of
from interlock.api.problems import not_found
from interlock.api.query import Number, Reading
from interlock.domain.policy import diff
from interlock.domain.policy_effects import GateChanged, effects
from interlock.domain.situation import Proposal, Situation
from interlock.domain.staffing import Lack, staffing
from interlock.events.catalogue import policy as happened
from interlock.events.codec import decode, digest_of, plain

POLICY_EVENTS_MAX: Final = 5_000

router = APIRouter(prefix="/v1/{project}")


@router.get("/policy", tags=["policy"], **Documented.of())
async def which_policy(asked: Reader, query: Annotated[Reading, Query()]) -> Response:
    """The policy in force."""
    situation, _ = await rules_moment(asked, query)
    document = document_of(situation)
    found = {"version": situation.policy_version, "document": document, "document_digest": digest_of(document)}
    return answer(found, position=situation.position)


@router.get("/policy/proposals", tags=["policy"], **Documented.of())
async def which_proposals(asked: Reader, query: Annotated[Reading, Query()]) -> Response:
    """The policies that wait for a second person, each with what it would change."""
    situation, _ = await rules_moment(asked, query)
    found = [_proposal(situation, each) for _, each in sorted(situation.proposals.items())]
    return answer({"proposals": found}, position=situation.position)


def _proposal(situation: Situation, proposal: Proposal) -> dict[str, Any]:
    active = document_of(situation)
    changes = [{"path": path, "from": old, "to": new} for path, old, new in diff(active, proposal.document)]
    return {
        "version": proposal.version,
        "proposed_by": proposal.proposed_by,
        "proposed_position": proposal.position,
        "document_digest": proposal.document_digest,
        "document": proposal.document,
        "changes": changes,
    }


@router.get("/policy/proposals/{version}", tags=["policy"], **Documented.of())
async def one_proposal(
    asked: Reader, version: Annotated[Number, Path(description="from 1")], query: Annotated[Reading, Query()]
) -> Response:
    """One of them: what it would change, and for which open releases and adjustments that changes something now."""
    situation, now = await rules_moment(asked, query)
    proposal = situation.proposals.get(version)
    if proposal is None:
        raise not_found("open proposal of a policy", str(version))
    affects = [gate_document(each) for each in effects(situation, version, proposal.document, now)]
    document = {
        **_proposal(situation, proposal),
        "affects": affects,
        "open_releases": sorted(each.name for each in situation.releases.values() if each.open),
        "open_adjustments": sorted(n for n, each in situation.adjustments.items() if each.state == "open"),
        "now": now,
    }
    return answer(document, position=situation.position)


def gate_document(changed: GateChanged) -> dict[str, Any]:
    """Return what would be otherwise for a release in one environment, or for an adjustment."""
    checks = []
    for each in changed.checks:
        outcomes = {"before": each.before, "after": each.after}
        told = {name: plain(outcome) for name, outcome in outcomes.items() if outcome is not None}
        checks.append({"check": each.check, "flips": each.flips, **told})
    return {
        changed.kind: changed.subject,
        "environment": changed.environment,
        "flips": changed.flips,
        "before": changed.before.result,
        "after": changed.after.result,
        "checks": checks,
    }


@router.get("/policy/versions/{version}", tags=["policy"], **Documented.of())
async def one_policy(
    asked: Reader, version: Annotated[Number, Path(description="from 1")], query: Annotated[Reading, Query()]
) -> Response:
    """One version of the policy, in force or not, and what became of it."""
    situation, _ = await rules_moment(asked, query)
    stored = await asked.parts.ledger.read_stream(asked.project, "policy", limit=POLICY_EVENTS_MAX)
    events = [decode(each.body) for each in stored if each.position <= situation.position]
    history = [each for each in events if each.event.version == version]
    if not history:
        raise not_found("policy version", str(version))
    state = {happened.PolicyProposed: "proposed", happened.PolicyRejected: "rejected"}.get(
        type(history[-1].event), "active" if version == situation.policy_version else "superseded"
    )
    [first, *_] = [each.event for each in history if hasattr(each.event, "document")]
    told = [
        {"type": each.type, "position": each.position, "at": each.recorded_at, "by": each.actor.id} for each in history
    ]
    document = {
        "version": version,
        "state": state,
        "document": first.document,
        "document_digest": first.document_digest,
        "history": told,
    }
    return answer(document, position=situation.position)


@router.get("/staffing", tags=["people"], **Documented.of())
async def who_is_missing(asked: Reader, query: Annotated[Reading, Query()]) -> Response:
    """Which steps of the flow no set of the registered people could take, and who is missing; `dt doctor`."""
    situation, now = await rules_moment(asked, query)
    found = staffing(situation, now)
    document = {
        "possible": [{"step": step, "people": people} for step, people in found.possible.items()],
        "lacks": [_lack(each) for each in found.lacks],
        "authors_alone": [_lack(each) for each in found.alone],
        "now": now,
    }
    return answer(document, position=situation.position)


def _lack(lack: Lack) -> dict[str, Any]:
    document: dict[str, Any] = {
        "step": lack.step,
        "because": lack.because,
        "command": lack.command,
        "could": list(lack.could),
    }
    return document if lack.subject is None else {"subject": lack.subject, **document}
