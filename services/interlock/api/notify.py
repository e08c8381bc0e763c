"""Endpoints outside that are told what happens: added, removed, tried; what did not arrive, and trying it again."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Query, Request, Response

from interlock.api.asked import CARERS, Asked, Identified, Reader, must_hold
from interlock.api.bodies import command_body
from interlock.api.documents import answer
from interlock.api.openapi import Documented
from interlock.api.problems import Problem, found
from interlock.api.query import Limit, NoQuery
from interlock.endpoints import (
    MESSAGES_MAX,
    Endpoint,
    Endpoints,
    Kind,
    Message,
    Messages,
    NameTaken,
    NoSuchEndpoint,
    NoSuchMessage,
    NotAllowed,
    Waiting,
    body_of,
    target_of,
)
from interlock.events.fact import fact
from interlock.events.values import Line, Name

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what Standard Webhooks' secrets begin with
SECRET_BYTES_MIN, SECRET_BYTES_MAX = 24, 64

router = APIRouter(prefix="/v1/{project}/notify", tags=["notify"])
EndpointName = Annotated[Name, Path(description="the endpoint's name")]
MessageId = Annotated[str, Path(description="as the list names it", pattern="^msg_[0-9a-f]{32}$")]


class MessagesQuery(NoQuery):
    """Which messages; `cursor` is the id of the last one of the page before."""

    state: Literal["waiting", "failed", "all"] = "failed"
    limit: Limit = MESSAGES_MAX
    cursor: str | None = None


@fact
class AddEndpoint:
    """Whom to tell, and of what; `secret` signs what is sent, and is never shown again."""

    name: Name
    url: Line
    secret: Line
    kinds: tuple[Kind, ...]


@fact
class TryEndpoint:
    """`mark` makes it one message, also when this is asked twice."""

    mark: Name


@router.get("/endpoints", **Documented.of())
async def listed(asked: Reader, _query: Annotated[NoQuery, Query()]) -> Response:
    """Who is told of what, and how far; no address, which may hold a token, and no secret."""
    told = [_endpoint(each) for each in await Endpoints(asked.parts.ledger).listed(asked.project)]
    return answer({"endpoints": told}, position=asked.situation.position)


@router.post("/endpoints", **Documented.of(body=True, also=["role-missing", "refused"]))
async def added(request: Request, asked: Identified, _query: Annotated[NoQuery, Query()]) -> Response:
    """Tell an endpoint what is recorded from now on."""
    must_hold(asked, *CARERS)
    body = await command_body(request, AddEndpoint)
    try:
        target_of(body.url)
    except NotAllowed as why:
        raise _invalid("url", str(why)) from None
    if not body.kinds or len(set(body.kinds)) != len(body.kinds):
        raise _invalid("kinds", "name each kind once, and at least one")
    try:
        made = await Endpoints(asked.parts.ledger).add(
            asked.project, body.name, body.url, _secret(body.secret), body.kinds, by=asked.caller.actor.id
        )
    except NameTaken as taken:
        raise Problem("refused", str(taken)) from None
    return answer(_endpoint(made), position=asked.situation.position)


@router.post("/endpoints/{name}/remove", **Documented.of(also=["role-missing"]))
async def removed(asked: Identified, name: EndpointName, _query: Annotated[NoQuery, Query()]) -> Response:
    """Tell it nothing any more, also not what is on its way."""
    must_hold(asked, *CARERS)
    with found("endpoint", name, unless=NoSuchEndpoint):
        await Endpoints(asked.parts.ledger).remove(asked.project, name)
    return answer({"name": name}, position=asked.situation.position)


@router.post("/endpoints/{name}/test", **Documented.of(body=True, also=["role-missing"]))
async def tried(
    request: Request, asked: Identified, name: EndpointName, _query: Annotated[NoQuery, Query()]
) -> Response:
    """Send it a message that says who tries it; one that said that it is gone is told again."""
    must_hold(asked, *CARERS)
    body = await command_body(request, TryEndpoint)
    who = asked.caller.actor.id
    text = body_of(f"Test from {asked.project}", f"{who} tries whether messages arrive here ({name})")
    message = Message(id=_id_of(body.mark), endpoint=name, kind="test", position=0, body=text)
    await _must_be_there(asked, name)
    await Endpoints(asked.parts.ledger).put(asked.project, message)
    return answer({"message": message.id, "endpoint": name}, position=asked.situation.position)


@router.post("/endpoints/{name}/retry", **Documented.of(also=["role-missing"]))
async def all_again(asked: Identified, name: EndpointName, _query: Annotated[NoQuery, Query()]) -> Response:
    """Try again all that was given up for it."""
    must_hold(asked, *CARERS)
    await _must_be_there(asked, name)
    count = await Messages(asked.parts.ledger).retry_all(asked.project, name)
    return answer({"endpoint": name, "messages": count}, position=asked.situation.position)


@router.get("/messages", **Documented.of())
async def on_their_way(asked: Reader, query: Annotated[MessagesQuery, Query()]) -> Response:
    """What was given up; with state=waiting what is on its way, with state=all both."""
    limit = min(query.limit, MESSAGES_MAX)
    told = await Messages(asked.parts.ledger).listed(asked.project, query.state, after=query.cursor or "", limit=limit)
    more = {"next_cursor": told[-1].id} if len(told) == limit else {}
    return answer({"messages": [_message(each) for each in told], **more}, position=asked.situation.position)


@router.get("/messages/{message}", **Documented.of(also=["not-found"]))
async def shown(asked: Reader, message: MessageId, _query: Annotated[NoQuery, Query()]) -> Response:
    """One message that has not arrived, with its body; one that arrived is kept no longer."""
    with found("message", message, unless=NoSuchMessage):
        one = await Messages(asked.parts.ledger).get(asked.project, message)
    return answer({**_message(one), "body": one.body.decode()}, position=asked.situation.position)


@router.post("/messages/{message}/retry", **Documented.of(also=["role-missing"]))
async def again(asked: Identified, message: MessageId, _query: Annotated[NoQuery, Query()]) -> Response:
    """Try one again, from the beginning."""
    must_hold(asked, *CARERS)
    with found("message", message, unless=NoSuchMessage):
        await Messages(asked.parts.ledger).retry(asked.project, message)
    return answer({"message": message}, position=asked.situation.position)


async def _must_be_there(asked: Asked, name: str) -> None:
    """Raise a problem where there is no such endpoint."""
    with found("endpoint", name, unless=NoSuchEndpoint):
        await Endpoints(asked.parts.ledger).get(asked.project, name)


def _secret(text: str) -> bytes:
    try:
        secret = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except (ValueError, binascii.Error):
        raise _invalid("secret", f"it is {SECRET_PREFIX} and base64") from None
    if not text.startswith(SECRET_PREFIX) or not SECRET_BYTES_MIN <= len(secret) <= SECRET_BYTES_MAX:
        raise _invalid(
            "secret", f"it is {SECRET_PREFIX} and the base64 of {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes"
        )
    return secret


def _id_of(mark: str) -> str:
    hexadecimal = mark.replace("-", "").lower()
    if len(hexadecimal) != 32 or not all(each in "0123456789abcdef" for each in hexadecimal):
        raise _invalid("mark", "it is a UUID")
    return f"msg_{hexadecimal}"


def _invalid(field: str, what: str) -> Problem:
    return Problem("invalid", f"{field}: {what}", errors=[(field, what)])


def _endpoint(each: Endpoint) -> dict[str, Any]:
    document = {
        "name": each.name,
        "url": target_of(each.url).shown,
        "kinds": list(each.kinds),
        "state": "gone" if each.gone else "behind" if each.failed or each.last_error else "ok",
        "delivered": each.delivered,
        "waiting": each.waiting,
        "failed": each.failed,
        "oldest_seconds": int(each.oldest_seconds),
        "told_at": each.told_at,
        "last_error": each.last_error,
        "told_up_to": each.position,
        "added_by": each.added_by,
        "added_at": each.added_at,
    }
    return {name: value for name, value in document.items() if value is not None}


def _message(each: Waiting) -> dict[str, Any]:
    document = {
        "message": each.id,
        "endpoint": each.endpoint,
        "kind": each.kind,
        "about": each.position or None,
        "state": each.state,
        "tries": each.tries,
        "next_at": each.next_at if each.state == "waiting" else None,
        "made_at": each.made_at,
        "last_error": each.last_error,
    }
    return {name: value for name, value in document.items() if value is not None}
