"""Questions about people: who may do what, who must act, what waits for a second person."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from interlock.api.asked import Identified, Reader, rules_moment
from interlock.api.documents import answer
from interlock.api.openapi import Documented
from interlock.api.problems import not_found
from interlock.api.query import NoQuery, ObligationsQuery, Reading
from interlock.domain.obligations import Obligation, obligations
from interlock.domain.situation import Ask, Designation
from interlock.events.values import Name

router = APIRouter(prefix="/v1/{project}")


@router.get("/whoami", tags=["people"], **Documented.of())
async def who_am_i(asked: Identified, _query: Annotated[NoQuery, Query()]) -> Response:
    """The caller, as the record knows it; also for an enrolment code."""
    team, credential = asked.situation.team, asked.caller.credential
    principal = team.principals[asked.caller.actor.id]
    document = {
        "project": asked.project,
        "principal": principal.id,
        "kind": principal.kind,
        "roles": sorted(principal.roles),
        "credential": credential.credential,
        "purpose": credential.purpose,
        "scopes": list(credential.scopes),
        "expires_at": credential.expires_at,
        "now": asked.now,
        "test_clock": asked.parts.test_clock,
        "owner_of": [name for name, owner in sorted(team.owners.items()) if owner.at(asked.now) == principal.id],
        "operator_of": [name for name, who in sorted(team.operators.items()) if who.at(asked.now) == principal.id],
    }
    return answer(document, position=asked.situation.position)


@router.get("/team", tags=["people"], **Documented.of())
async def who_is_there(asked: Reader, query: Annotated[Reading, Query()]) -> Response:
    """Principals, roles, designations, and credentials by what may be known of them."""
    situation, now = await rules_moment(asked, query)
    team = situation.team
    document = {
        "founders": list(team.founders),
        "principals": [
            {"principal": each.id, "kind": each.kind, "roles": sorted(each.roles), "active": each.active}
            for each in sorted(team.principals.values(), key=lambda each: each.id)
        ],
        "owners": _designations(team.owners, now),
        "operators": _designations(team.operators, now),
        "credentials": [
            {
                "credential": each.credential,
                "principal": each.principal,
                "purpose": each.purpose,
                "scopes": list(each.scopes),
                "expires_at": each.expires_at,
                "expired": each.expires_at <= now,
            }
            for each in team.credentials.values()
        ],
    }
    return answer(document, position=situation.position)


def _designations(named: dict[str, Designation], now: datetime) -> list[dict[str, Any]]:
    return [
        {"environment": environment, "principal": each.at(now), "designated": each.principal}
        | ({} if each.deputy is None else {"deputy": each.deputy, "deputy_until": each.deputy_until})
        for environment, each in sorted(named.items())
    ]


@router.get("/obligations", tags=["why"], **Documented.of())
async def who_must_act(asked: Reader, query: Annotated[ObligationsQuery, Query()]) -> Response:
    """Who must act, on what, by when; `dt todo`."""
    situation, now = await rules_moment(asked, query)
    found = [
        obligation_document(each)
        for each in obligations(situation, now)
        if query.who is None or each.concerns(query.who)
    ]
    return answer({"obligations": found, "now": now}, position=situation.position)


def obligation_document(obligation: Obligation) -> dict[str, Any]:
    """Return an obligation as JSON; absent moments are left out."""
    document = {
        "who": list(obligation.who),
        "what": obligation.what,
        "command": obligation.command,
        "subject": obligation.subject,
        "since": obligation.since,
        "by": obligation.by,
        "overdue": obligation.overdue,
        "escalates_to": list(obligation.escalates_to) or None,
    }
    return {name: value for name, value in document.items() if value is not None}


@router.get("/asks", tags=["people"], **Documented.of())
async def what_waits(asked: Reader, query: Annotated[Reading, Query()]) -> Response:
    """What waits for a second person."""
    situation, now = await rules_moment(asked, query)
    found = [_ask(each, now) for each in sorted(situation.asks.values(), key=lambda each: each.position)]
    return answer({"asks": found}, position=situation.position)


@router.get("/asks/{ask}", tags=["people"], **Documented.of())
async def one_ask(
    asked: Reader, ask: Annotated[Name, Path(description="as in C-3")], query: Annotated[Reading, Query()]
) -> Response:
    """One of them, with the command that a second person would do; what is over is found among the events."""
    situation, now = await rules_moment(asked, query)
    found = situation.asks.get(ask)
    if found is None:
        raise not_found("open question for a second person", ask)
    return answer(_ask(found, now), position=situation.position)


def _ask(ask: Ask, now: datetime) -> dict[str, Any]:
    return {
        "ask": ask.ask,
        "action": ask.action,
        "command_type": ask.command_type,
        "command": ask.command,
        "bound_digest": ask.bound_digest,
        "asked_by": ask.asked_by,
        "until": ask.until,
        "asked_position": ask.position,
        "expired": ask.until <= now,
    }
