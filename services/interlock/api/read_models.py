"""The read models themselves: how far each is, and building one anew while it goes on serving."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from interlock.api.asked import Asked, Identified, Reader, must_hold
from interlock.api.commands import expected_version, idempotency_key
from interlock.api.documents import answer
from interlock.api.openapi import Documented
from interlock.api.parts import ReadModel
from interlock.api.problems import Problem, malformed, not_found
from interlock.api.query import NoQuery
from interlock.events.foreign import own
from interlock.events.values import Name

router = APIRouter(prefix="/v1/{project}", tags=["server"])


@router.get("/projections", **Documented.of())
async def which_read_models(asked: Reader, _query: Annotated[NoQuery, Query()]) -> Response:
    """Every read model: its version, how far it is, and its last rebuild. They are not history, so there is no `at`."""
    total = await _events(asked)
    found = [_document(each, total) for each in await asked.parts.read_models.told(asked.project)]
    return answer({"head": asked.situation.position, "projections": found}, position=asked.situation.position)


@router.post("/projections/{name}/rebuild", **Documented.of(changes=True))
async def build_anew(
    request: Request,
    asked: Identified,
    name: Annotated[Name, Path(description="the projection's name")],
    _query: Annotated[NoQuery, Query()],
) -> Response:
    """Build a read model anew from the first event, beside the one that serves, for all projects of this database.

    Asked again while it is under way, or under the same Idempotency-Key, it is the same rebuild. Nothing is recorded:
    read models say again what the record says. The answer does not wait for the end: ask /projections.
    """
    must_hold(asked, "administrator")
    key = idempotency_key(request)
    if expected_version(request) is not None:
        raise malformed("If-Match", "a read model has no version of its own that somebody could have read")
    known = {each.name: each for each in await asked.parts.read_models.told(asked.project)}
    if name not in known:
        raise not_found("projection", name)
    if not known[name].serving:
        raise Problem("behind", f"{name} is being built already: its version does not serve yet")
    new = await asked.parts.read_models.rebuild(name, by=asked.caller.actor.id, key=key)
    total = await _events(asked)
    [now] = [each for each in await asked.parts.read_models.told(asked.project) if each.name == name]
    return answer({"projection": _document(now, total), "repeated": not new}, position=asked.situation.position)


async def _events(asked: Asked) -> int:
    """A rebuild is of all projects of the database: their events together."""
    heads = await asked.parts.ledger.heads()
    return sum(heads[project] for project in own(heads))


def _document(model: ReadModel, total: int) -> dict[str, Any]:
    document = {
        "name": model.name,
        "version": model.version,
        "position": model.position,
        "serving": model.serving,
        "stopped_because": model.stopped_because,
        "trouble": model.trouble,
        "gaps": model.gaps,
        "rebuild": _rebuild(model.rebuild, total),
    }
    return {name: value for name, value in document.items() if value is not None}


def _rebuild(rebuild: Any, total: int) -> dict[str, Any] | None:
    if rebuild is None:
        return None
    over = rebuild.ended_at is not None
    document: dict[str, Any] = {
        "state": "building" if not over else "failed" if rebuild.failed_because else "done",
        "asked_by": rebuild.asked_by,
        "began_at": rebuild.began_at,
        "ended_at": rebuild.ended_at,
        "failed_because": rebuild.failed_because,
        "events_done": rebuild.done,
        "events_total": rebuild.done if over else max(total, rebuild.done),
    }
    if not over and rebuild.per_second:
        document["per_second"] = round(rebuild.per_second)
        document["seconds_left"] = round(max(0, total - rebuild.done) / rebuild.per_second)
    return {name: value for name, value in document.items() if value is not None}
