"""Commands, each at its own address; and the same questions with nothing recorded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from interlock.api.asked import Asked, Identified, Reader, reader, rules_moment
from interlock.api.bodies import command_body
from interlock.api.direct import METHOD, Direct, Endpoint
from interlock.api.documents import accepted_document, answer
from interlock.api.openapi import COMMAND_ANSWER, DECISION, Documented
from interlock.api.problems import Problem, malformed, refusal
from interlock.api.query import Asking, NoQuery
from interlock.desk import Answer
from interlock.domain.commands import PUBLISHED
from interlock.domain.decide import Submitted
from interlock.domain.explain import explain
from interlock.events.codec import plain, request_hash

_ETAG: Final = re.compile(r'"(0|[1-9]\d{0,15})"')
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_PROJECT: Final = "/v1/{project}"


def table() -> dict[str, Direct]:
    """Return an address for each command, and one for asking what would be decided."""
    made: dict[str, Direct] = {}
    for name, cls in sorted(PUBLISHED.items()):
        for address, endpoint, query, may in (
            (f"commands/{name}", _giving(name, cls), NoQuery, None),
            (f"explain/{name}", _asking(cls), Asking, reader),
        ):
            made[address] = Direct(f"{_PROJECT}/{address}", endpoint, query, may)
    return made


def documented() -> APIRouter:
    """Return the same addresses as routes of the framework, which take half a second to make: OpenAPI tells of them."""
    router, addresses = APIRouter(), table()
    for name, cls in sorted(PUBLISHED.items()):
        _document(router, name, cls, addresses)
    return router


def _document(router: APIRouter, name: str, cls: type[Any], addresses: Mapping[str, Direct]) -> None:
    summary = (cls.__doc__ or name).strip().splitlines()[0]
    giving, asking = addresses[f"commands/{name}"], addresses[f"explain/{name}"]
    router.add_api_route(
        giving.path,
        giving.endpoint,
        methods=[METHOD],
        operation_id=name,
        summary=summary,
        tags=["commands"],
        **Documented.of(COMMAND_ANSWER, command=name, changes=True),
    )
    router.add_api_route(
        asking.path,
        asking.endpoint,
        methods=[METHOD],
        operation_id=f"explain-{name}",
        tags=["why"],
        summary=f"What would be decided on {name}; records nothing",
        **Documented.of(DECISION, command=name),
    )


def _giving(name: str, cls: type[Any]) -> Endpoint:
    async def give(request: Request, asked: Identified, _query: Annotated[NoQuery, Query()]) -> Response:
        command_id, if_version = idempotency_key(request), expected_version(request)
        must_write(asked)
        command = await command_body(request, cls)
        asked.caller.require_command(name, getattr(command, "principal", None))
        # From here on the desk has it: a caller that goes away, or a server that stops, ends the waiting and nothing
        # more. A crash leaves it recorded or not, which the same Idempotency-Key tells.
        given = await asked.parts.desk.submit(
            asked.project,
            command,
            asked.caller.actor,
            command_id=command_id,
            request_hash=request_hash(name, command, actor=asked.caller.actor.id),
            if_version=if_version,
        )
        if given.decision is not None:
            raise await refused(asked, given)
        version = version_of(given)
        headers = {} if version is None else {"ETag": f'"{version}"'}
        return answer(accepted_document(given), position=given.position, headers=headers)

    return give


def must_write(asked: Asked) -> None:
    """Raise ScopeMissing where the credential may not give commands at all."""
    if asked.caller.credential.purpose == "token":
        asked.caller.require("write")


def version_of(given: Answer) -> int | None:
    """Return the version that the subject's stream came to by this command; None where it left nothing there."""
    versions = [recorded.version for recorded in given.recorded if recorded.stream == given.subject]
    return versions[-1] if versions else None


async def refused(asked: Asked, given: Answer) -> Problem:
    """Return the problem that a refused command is answered with."""
    assert given.decision is not None
    now = await asked.parts.desk.now(asked.project)
    return refusal(given.decision, given.reason, recorded=given.refusal, now=now)


def _asking(cls: type[Any]) -> Endpoint:
    async def ask(request: Request, asked: Reader, query: Annotated[Asking, Query()]) -> Response:
        command = await command_body(request, cls)
        await asked.parts.desk.admit(asked.project, command)
        situation, now = await rules_moment(asked, query, about=command)
        decision = explain(situation, Submitted(command=command, actor=asked.caller.actor), now)
        return answer(plain(decision), position=situation.position)

    return ask


def idempotency_key(request: Request) -> UUID:
    """Return the command's id, which the caller made once for this intent."""
    key = request.headers.get("idempotency-key")
    if key is None:
        raise malformed("Idempotency-Key", "it is missing: send a new UUID per intent, the same one to repeat it")
    try:
        return uuid_of(key)
    except ValueError as wrong:
        raise malformed("Idempotency-Key", str(wrong)) from None


def uuid_of(text: str) -> UUID:
    """Return the UUID that `text` is, written in one way only. Raises ValueError with what is wrong."""
    if not _UUID.fullmatch(text):
        raise ValueError("it must be a UUID, as in 018f6b1e-0000-7000-8000-000000000001")
    return UUID(text)


def expected_version(request: Request) -> int | None:
    """Return the version of the subject that the caller read, where it says so."""
    tag = request.headers.get("if-match")
    if tag is None:
        return None
    match = _ETAG.fullmatch(tag.strip())
    if match is None:
        raise malformed("If-Match", 'it must be one ETag as it was given, as in "7"')
    return int(match[1])
