"""One call for the whole picture: environments, releases, problems, obligations, and the next window."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response

from interlock.api.asked import Reader, read_moment
from interlock.api.documents import answer
from interlock.api.environments import in_order
from interlock.api.openapi import Documented
from interlock.api.people import obligation_document
from interlock.api.policies import policy_of
from interlock.api.query import Reading
from interlock.domain.obligation import WhoMustAct
from interlock.domain.obligations import obligations
from interlock.domain.policy import Policy
from interlock.domain.windows import describe, is_open, next_window
from interlock.projections import environment_state, problems, releases

STATUS_ITEMS_MAX: Final = 100

router = APIRouter(prefix="/v1/{project}")


@router.get("/status", tags=["status"], **Documented.of())
async def whole_picture(asked: Reader, query: Annotated[Reading, Query()]) -> Response:
    """Everything of one position: read models and rules agree, also when the read models lag."""
    moment = await read_moment(asked, query)
    at = moment.position
    situation = asked.situation
    if at != situation.position:
        situation = await asked.parts.desk.situation(asked.project, at_position=at)
    async with asked.parts.connection() as connection:
        environments = await environment_state.environments(connection, asked.project, at=at)
        open_releases = await releases.releases(connection, asked.project, at=at, limit=STATUS_ITEMS_MAX)
        open_problems = await problems.problems(connection, asked.project, at=at, limit=STATUS_ITEMS_MAX)
    policy = policy_of(situation)
    seen = await asked.parts.desk.completed(asked.project, situation, WhoMustAct(), position=situation.position)
    waiting = obligations(seen, moment.now)
    document = {
        "project": asked.project,
        "now": moment.now,
        "test_clock": asked.parts.test_clock,
        "policy": {"name": policy.name, "version": situation.policy_version},
        "environments": in_order(environments, policy),
        "releases": open_releases,
        "problems": open_problems,
        "obligations": {
            "count": len(waiting),
            "overdue": sum(each.overdue for each in waiting),
            "mine": sum(each.concerns(asked.caller.actor.id) for each in waiting),
            "first": [obligation_document(each) for each in waiting[:STATUS_ITEMS_MAX]],
        },
        "asks": len(situation.asks),
        "window": _window(policy, moment.now),
    }
    return answer(document, position=at)


def _window(policy: Policy, now: Any) -> dict[str, Any]:
    production = policy.environments[-1]
    document: dict[str, Any] = {
        "environment": production.name,
        "rule": describe(production) or "always",
        "open": is_open(production, now),
    }
    following = next_window(production, now)
    if following is not None:
        document |= {"opens": following.opens, "closes": following.closes}
    return document
