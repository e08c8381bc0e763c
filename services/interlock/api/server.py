"""What belongs to the server and not to a project: is it there, is it ready, what does it serve, how is it used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response

from interlock.api import explorer
from interlock.api.documents import json_bytes
from interlock.api.openapi import Documented, document
from interlock.api.parts import Parts
from interlock.api.problems import Problem
from interlock.domain.problem_types import PROBLEM_PATH, PROBLEM_TYPES
from interlock.events.foreign import own

router = APIRouter(tags=["server"])


@router.get("/health", **Documented.of(project=False))
async def health(request: Request) -> Response:
    """The process answers; it says nothing of what is behind it."""
    parts: Parts = request.app.state.parts
    return _json({"status": "alive", "version": parts.version, "unknown_callers": parts.strangers.count})


@router.get("/ready", **Documented.of(project=False, also=["not-ready"]))
async def ready(request: Request) -> Response:
    """Commands can be decided and read models are served; each part with its state. It heals by itself."""
    parts: Parts = request.app.state.parts
    states = dict(await parts.readiness())
    if parts.stopping.is_set():
        states["server"] = "is stopping"
    wrong = {name: state for name, state in states.items() if state != "ok"}
    if wrong:
        said = "; ".join(f"{name}: {state}" for name, state in wrong.items())
        raise Problem("not-ready", said, parts=states, headers={"Retry-After": "1"})
    return _json({"status": "ready", "parts": states})


@router.get("/v1", **Documented.of(project=False, also=["unavailable"]))
async def server(request: Request) -> Response:
    """What this server is: its version, whether its clock is a test clock, and its projects."""
    parts: Parts = request.app.state.parts
    heads = await parts.ledger.heads()
    projects = sorted(project for project in own(heads) if heads[project])
    return _json(
        {"server": "interlock", "version": parts.version, "test_clock": parts.test_clock, "projects": projects}
    )


@router.get(PROBLEM_PATH + "{name}", **Documented.of(project=False, also=["not-found"]))
async def problem_type(name: str) -> Response:
    """What a problem document's `type` means."""
    kind = PROBLEM_TYPES.get(name)
    if kind is None:
        raise Problem("not-found", "there is no problem type of this name")
    return _json({"type": kind.uri, "title": kind.title, "status": kind.status, "exit_code": kind.exit_code})


def add_documentation(app: FastAPI, documented: Callable[[], APIRouter]) -> None:
    """Serve the OpenAPI document, and the page that shows it. What `documented` returns is served by others."""
    made: dict[str, Any] = {}

    def openapi() -> dict[str, Any]:
        if not made:
            made.update(document(app, documented().routes))
        return made

    setattr(app, "openapi", openapi)  # noqa: B010 - the framework's own way to extend it; types call it a method

    # As they are, like the others.
    app.router.routes.extend(explorer.router.routes)


def _json(content: dict[str, Any]) -> Response:
    return Response(json_bytes(content), media_type="application/json")
