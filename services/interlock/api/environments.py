"""Questions about environments and problems: what runs where, since when, and what is wrong there."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from interlock.api.asked import Asked, Moment, Reader, read_moment, rules_moment
from interlock.api.cursors import next_page, place_of
from interlock.api.documents import answer
from interlock.api.openapi import Documented
from interlock.api.policies import policy_of
from interlock.api.problems import not_found
from interlock.api.query import OccupantsQuery, ProblemsQuery, Reading, WindowsQuery
from interlock.api.releases import EnvironmentName, tagged
from interlock.domain.policy import Policy
from interlock.domain.windows import describe, is_open, windows
from interlock.events.values import Name
from interlock.projections import audit_trail, environment_state, problems

router = APIRouter(prefix="/v1/{project}")


@router.get("/environments", tags=["environments"], **Documented.of())
async def which_environments(asked: Reader, query: Annotated[Reading, Query()]) -> Response:
    """Every environment of the flow, in its order; one where nothing happened yet has only its name."""
    moment = await read_moment(asked, query)
    async with asked.parts.connection() as connection:
        rows = await environment_state.environments(connection, asked.project, at=moment.position)
    return answer({"environments": in_order(rows, await _policy(asked, moment))}, position=moment.position)


async def _policy(asked: Asked, moment: Moment) -> Policy | None:
    """Return the policy that was in force at the moment: the flow may have been another one; None before the first."""
    situation = asked.situation
    if moment.past:
        situation = await asked.parts.desk.situation(asked.project, at_position=moment.position)
    return policy_of(situation) if situation.policy_version in situation.policies else None


def in_order(rows: list[dict[str, Any]], policy: Policy | None) -> list[dict[str, Any]]:
    """Return `rows` in the flow's order, with a blank one for each environment where nothing happened."""
    known = {row["environment"]: row for row in rows}
    if policy is None:
        return [*known.values()]
    ordered = [
        {**known.pop(each.name, {"environment": each.name, "occupancy": {"state": "empty"}}), "purpose": each.purpose}
        for each in policy.environments
    ]
    return [*ordered, *known.values()]


@router.get("/environments/{name}", tags=["environments"], **Documented.of())
async def one_environment(asked: Reader, name: EnvironmentName, query: Annotated[Reading, Query()]) -> Response:
    """What is in the environment, since when and by whom; its data, its lease, its logs."""
    moment = await read_moment(asked, query)
    async with asked.parts.connection() as connection:
        row = await environment_state.environment(connection, asked.project, name, at=moment.position)
    policy = await _policy(asked, moment)
    named = policy.environment(name) if policy is not None else None
    if row is None and named is None:
        raise not_found("environment", name)
    [found] = [row] if row is not None else [{"environment": name, "occupancy": {"state": "empty"}}]
    purpose = {"purpose": named.purpose} if named is not None else {}
    return answer({**found, **purpose}, position=moment.position)


@router.get("/environments/{name}/occupants", tags=["environments"], **Documented.of())
async def who_was_here(
    request: Request, asked: Reader, name: EnvironmentName, query: Annotated[OccupantsQuery, Query()]
) -> Response:
    """What ran in the environment, the newest first."""
    place = place_of(request, query)
    moment = await read_moment(asked, query, pinned=place.position)
    async with asked.parts.connection() as connection:
        rows = await environment_state.occupants(
            connection, asked.project, name, at=moment.position, before=place.key, limit=query.limit
        )
    policy = await _policy(asked, moment)
    if not rows and (policy is None or policy.environment(name) is None):
        raise not_found("environment", name)
    members, headers = next_page(
        request, query, rows, key="since_position", position=moment.position, limit=query.limit
    )
    return answer({"environment": name, "occupants": rows, **members}, position=moment.position, headers=headers)


@router.get("/windows/{environment}", tags=["environments"], **Documented.of())
async def when(asked: Reader, environment: EnvironmentName, query: Annotated[WindowsQuery, Query()]) -> Response:
    """The windows in which a deploy may start there, from `at` (also in the future) on; none where it always may."""
    at = query.at
    if isinstance(at, int) or at is None or at <= asked.now:
        situation, at = await rules_moment(asked, Reading(at=None if at is None else _text(at), after=query.after))
    else:
        situation = asked.situation
    named = policy_of(situation).environment(environment)
    if named is None:
        raise not_found("environment", environment)
    found = [{"opens": window.opens, "closes": window.closes} for window in windows(named, at, query.count)]
    document = {
        "environment": environment,
        "at": at,
        "rule": describe(named) or "always",
        "open": is_open(named, at),
        "windows": found,
    }
    return answer(document, position=situation.position)


def _text(at: Any) -> Any:
    return at if isinstance(at, int) else at.isoformat()


@router.get("/problems", tags=["problems"], **Documented.of())
async def which_problems(request: Request, asked: Reader, query: Annotated[ProblemsQuery, Query()]) -> Response:
    """The problems, the newest first."""
    place = place_of(request, query)
    moment = await read_moment(asked, query, pinned=place.position)
    async with asked.parts.connection() as connection:
        rows = await problems.problems(
            connection,
            asked.project,
            at=moment.position,
            state=query.state,
            environment=query.environment,
            release=query.release,
            before=place.key,
            limit=query.limit,
        )
    members, headers = next_page(
        request, query, rows, key="reported_position", position=moment.position, limit=query.limit
    )
    return answer({"problems": rows, **members}, position=moment.position, headers=headers)


@router.get("/problems/{problem}", tags=["problems"], **Documented.of(tag=True))
async def one_problem(
    request: Request,
    asked: Reader,
    problem: Annotated[Name, Path(description="as in P-81")],
    query: Annotated[Reading, Query()],
) -> Response:
    """One problem, from its report to its end."""
    moment = await read_moment(asked, query)
    async with asked.parts.connection() as connection:
        row = await problems.problem(connection, asked.project, problem, at=moment.position)
        if row is not None:
            row["history"] = await audit_trail.annotated(connection, asked.project, row["history"], at=moment.position)
    if row is None:
        raise not_found("problem", problem)
    return tagged(request, row, position=moment.position)
