"""The application: every address, and around it the edge."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from interlock import desk, evidence, ledger
from interlock.api import (
    adjustments,
    audit,
    batches,
    commands,
    environments,
    governance,
    letters,
    metrics,
    notify,
    people,
    policy_effects,
    published,
    read_models,
    releases,
    server,
    status,
    system,
)
from interlock.api import evidence as evidence_routes
from interlock.api.direct import Table, other_method, refused_parameters
from interlock.api.edge import Edge
from interlock.api.parts import Parts
from interlock.api.problems import Problem, problem_of, response_of
from interlock.domain import errors as domain
from interlock.events.strict import BadInput
from interlock.identity import NotAuthenticated, ScopeMissing

# What parts below raise; anything else is a mistake of ours, and is answered as `unexpected` at the edge.
FORESEEN: Final = (
    Problem,
    BadInput,
    NotAuthenticated,
    ScopeMissing,
    domain.NotFound,
    domain.Changed,
    domain.InvalidCommand,
    desk.DeskError,
    ledger.LedgerError,
    evidence.NoSuchEvidence,
    evidence.EvidenceTooLarge,
)


class Api:
    """The ASGI application: the commands' table and `fastapi` inside, the edge around them."""

    def __init__(self, parts: Parts) -> None:
        """Build it over `parts`."""
        self.fastapi = _application(parts)
        self._edge = Edge(Table(self.fastapi, commands.table()), parts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        await self._edge(scope, receive, send)


def build(parts: Parts) -> Api:
    """Return the application over `parts`."""
    return Api(parts)


def _application(parts: Parts) -> FastAPI:
    app = FastAPI(
        title="Interlock",
        version=parts.version,
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        description="Release control you can replay and prove. Every refusal says why, who can act, and when.",
        redirect_slashes=False,
    )
    app.state.parts = parts
    for router in (
        server.router,
        published.router,
        batches.router,
        releases.router,
        adjustments.router,
        environments.router,
        audit.router,
        people.router,
        policy_effects.router,
        governance.router,
        status.router,
        metrics.router,
        read_models.router,
        system.router,
        evidence_routes.router,
        letters.router,
        notify.router,
    ):
        # As they are: `include_router` would build each of them a second time, when the first request comes, and they
        # have their whole paths.
        app.router.routes.extend(router.routes)
    server.add_documentation(app, commands.documented)
    for kind in FORESEEN:
        app.add_exception_handler(kind, _answer)
    # The framework's own answer to what nobody foresaw is plain text; it raises the error on, and the edge logs it.
    app.add_exception_handler(Exception, _answer)
    app.add_exception_handler(RequestValidationError, _refused_parameter)
    app.add_exception_handler(HTTPException, _of_the_framework)
    return app


async def _answer(_request: Request, error: Exception) -> Response:
    return response_of(problem_of(error))


async def _refused_parameter(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return response_of(refused_parameters(error.errors()))


async def _of_the_framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        return response_of(other_method(request.method, (error.headers or {}).get("Allow", "")))
    if error.status_code == 404:
        return response_of(Problem("not-found", "nothing is served at this address; /docs shows what is"))
    return response_of(Problem("malformed", str(error.detail)))
