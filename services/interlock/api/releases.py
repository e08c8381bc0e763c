"""Questions about releases: which, what each is made of, what happened, and whether it may go on."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request, Response

from interlock.api.asked import Asked, Reader, read_moment, rules_moment
from interlock.api.cursors import next_page, place_of
from interlock.api.documents import answer
from interlock.api.openapi import DECISION, Documented
from interlock.api.policies import policy_of
from interlock.api.problems import not_found
from interlock.api.query import Asking, Reading, ReleasesQuery, TimelineQuery
from interlock.domain.commands.deploy import RequestDeploy
from interlock.domain.explain import gate, gates
from interlock.domain.policy import Policy
from interlock.domain.situation import Release, Situation
from interlock.events.codec import plain
from interlock.events.values import Name
from interlock.projections import audit_trail
from interlock.projections import releases as read

NEXT_GATES_MAX: Final = 100

ReleaseName = Annotated[Name, Path(description="the release's name")]
EnvironmentName = Annotated[Name, Path(description="the environment's name")]

router = APIRouter(prefix="/v1/{project}", tags=["releases"])


@router.get("/releases", **Documented.of())
async def which_releases(request: Request, asked: Reader, query: Annotated[ReleasesQuery, Query()]) -> Response:
    """The releases, the newest first."""
    place = place_of(request, query)
    moment = await read_moment(asked, query, pinned=place.position)
    async with asked.parts.connection() as connection:
        rows = await read.releases(
            connection,
            asked.project,
            at=moment.position,
            state=query.state,
            before=place.key,
            limit=query.limit,
        )
    members, headers = next_page(
        request, query, rows, key="opened_position", position=moment.position, limit=query.limit
    )
    return answer({"releases": rows, **members}, position=moment.position, headers=headers)


@router.get("/releases/{name}", **Documented.of(tag=True))
async def one_release(
    request: Request, asked: Reader, name: ReleaseName, query: Annotated[Reading, Query()]
) -> Response:
    """One release: its content, its evidence, where it is. Its ETag is the version for If-Match."""
    moment = await read_moment(asked, query)
    async with asked.parts.connection() as connection:
        row = await read.release(connection, asked.project, name, at=moment.position)
    if row is None:
        raise not_found("release", name)
    return tagged(request, row, position=moment.position)


@router.get("/releases/{name}/timeline", **Documented.of())
async def what_happened(
    request: Request, asked: Reader, name: ReleaseName, query: Annotated[TimelineQuery, Query()]
) -> Response:
    """What happened to the release, the oldest first unless asked; with remarks about it, and when it really was."""
    place = place_of(request, query)
    moment = await read_moment(asked, query, pinned=place.position)
    async with asked.parts.connection() as connection:
        if await read.release(connection, asked.project, name, at=moment.position) is None:
            raise not_found("release", name)
        rows = await read.timeline(
            connection,
            asked.project,
            name,
            at=moment.position,
            after=place.key or 0,
            limit=query.limit,
            newest=query.order == "newest",
        )
        rows = await audit_trail.annotated(connection, asked.project, rows, at=moment.position)
    members, headers = next_page(request, query, rows, key="position", position=moment.position, limit=query.limit)
    return answer({"release": name, "timeline": rows, **members}, position=moment.position, headers=headers)


@router.get("/releases/{name}/gates", tags=["why"], **Documented.of())
async def all_gates(asked: Reader, name: ReleaseName, query: Annotated[Asking, Query()]) -> Response:
    """Whether the release may be deployed to each environment, in the order of the flow."""
    situation, now = await _with_release(asked, query, name)
    decisions = [
        {"environment": environment, "decision": plain(decision)}
        for environment, decision in gates(situation, name, now).items()
    ]
    return answer({"release": name, "gates": decisions}, position=situation.position)


@router.get("/releases/{name}/gates/{environment}", tags=["why"], **Documented.of(DECISION))
async def one_gate(
    asked: Reader, name: ReleaseName, environment: EnvironmentName, query: Annotated[Asking, Query()]
) -> Response:
    """Whether the release may be deployed there, and if not: why not, who must act, from when on."""
    situation, now = await _with_release(asked, query, name)
    decision = gate(situation, name, environment, now)
    return answer(plain(decision), position=situation.position)


@router.get("/gates", tags=["why"], **Documented.of())
async def next_gates(asked: Reader, query: Annotated[Asking, Query()]) -> Response:
    """For each open release, the newest first, the next environment on its way: what is missing there, who, until when.

    Checks that hold are counted only; /releases/{name}/gates/{environment} shows them.
    """
    situation, now = await rules_moment(asked, query)
    policy = policy_of(situation)
    newest = sorted((each for each in situation.releases.values() if each.open), key=_opened, reverse=True)
    found = [_next_gate(situation, policy, each, now) for each in newest[:NEXT_GATES_MAX]]
    return answer({"gates": found, "count": len(newest), "now": now}, position=situation.position)


def _opened(release: Release) -> int:
    return release.position


def _next_gate(situation: Situation, policy: Policy, release: Release, now: datetime) -> dict[str, Any]:
    reached = [rule.name for rule in policy.environments if rule.name in release.reached]
    document: dict[str, Any] = {"release": release.name, "reached": reached}
    place = policy.index(reached[-1]) + 1 if reached else 0
    asks = [each for each in situation.requests.values() if each.release == release.name]
    if asks:
        document["requests"] = [
            {
                "deploy": each.deploy,
                "environment": each.environment,
                "at_window": each.at_window,
                "ready": each.ready,
                "expires_at": each.expires_at,
            }
            for each in asks
        ]
    if place >= len(policy.environments):
        return document
    decision = plain(gate(situation, release.name, policy.environments[place].name, now))
    checks = decision.pop("checks")
    return document | {
        "environment": policy.environments[place].name,
        "decision": decision,
        "missing": [check for check in checks if check["state"] not in {"passed", "not_applicable"}],
        "passed": sum(check["state"] == "passed" for check in checks),
        "not_applicable": sum(check["state"] == "not_applicable" for check in checks),
    }


async def _with_release(asked: Asked, query: Asking, name: str) -> tuple[Situation, datetime]:
    """Return the situation, with the release `name` also where it is over, and the instant. Raises not-found."""
    about = RequestDeploy(release=name, environment=policy_of(asked.situation).production)
    situation, now = await rules_moment(asked, query, about=about)
    if name not in situation.releases:
        raise not_found("release", name)
    return situation, now


def tagged(request: Request, row: dict[str, Any], *, position: int) -> Response:
    """Return `row` with its stream's version as ETag, or 304 where the caller has that version."""
    tag = f'"{row["version"]}"'
    wanted = [part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")]
    if tag in wanted or "*" in wanted:
        return Response(status_code=304, headers={"ETag": tag, "Interlock-Position": str(position)})
    return answer(row, position=position, headers={"ETag": tag})
