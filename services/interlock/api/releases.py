"""Questions about releases: which, what each is made of, what happened, and whether it may go on."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

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
from interlock.domain.situation import Situation
from interlock.events.codec import plain
from interlock.events.values import Name
from interlock.projections import audit_trail
from interlock.projections import releases as read

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
    """What happened to the release, the oldest first; with what was remarked about it, and when it really was."""
    place = place_of(request, query)
    moment = await read_moment(asked, query, pinned=place.position)
    async with asked.parts.connection() as connection:
        if await read.release(connection, asked.project, name, at=moment.position) is None:
            raise not_found("release", name)
        rows = await read.timeline(
            connection, asked.project, name, at=moment.position, after=place.key or 0, limit=query.limit
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
