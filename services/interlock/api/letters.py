"""Dead letters: what came in on Kafka and could not be understood; who cares for it, tries it again or discards it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response

from interlock.api.asked import CARERS, Asked, Identified, Reader, must_hold
from interlock.api.bodies import command_body
from interlock.api.documents import answer
from interlock.api.openapi import Documented
from interlock.api.problems import Problem, found
from interlock.api.query import Limit, NoQuery
from interlock.events.fact import fact
from interlock.events.values import Text
from interlock.letters import LETTERS_MAX, DeadLetters, Letter, NoSuchLetter, NotWaiting

router = APIRouter(prefix="/v1/{project}/intake", tags=["intake"])
Name = Annotated[str, Path(description="as the list names it: topic:partition:offset", max_length=300)]


class LettersQuery(NoQuery):
    """Which dead letters; `cursor` is the name of the last one of the page before."""

    state: Literal["waiting", "all"] = "waiting"
    limit: Limit = LETTERS_MAX
    cursor: str | None = None


@fact
class Discard:
    """Why nothing will be done about it."""

    reason: Text


@router.get("/dead-letters", **Documented.of())
async def listed(asked: Reader, query: Annotated[LettersQuery, Query()]) -> Response:
    """What was put aside and waits; with state=all, what was settled and discarded too."""
    limit = min(query.limit, LETTERS_MAX)
    letters = await _letters(asked).listed(
        asked.project, everything=query.state == "all", after=query.cursor, limit=limit
    )
    more = {"next_cursor": letters[-1].name} if len(letters) == limit else {}
    documents = [_document(letter) for letter in letters]
    return answer({"dead_letters": documents, **more}, position=asked.situation.position)


@router.get("/dead-letters/{name}", **Documented.of(also=["not-found"]))
async def shown(asked: Reader, name: Name, _query: Annotated[NoQuery, Query()]) -> Response:
    """One dead letter with its own bytes, in base64."""
    with found("dead letter", name, unless=NoSuchLetter):
        letter = await _letters(asked).get(asked.project, name)
    return answer({**_document(letter), **_contents(letter)}, position=asked.situation.position)


@router.post("/dead-letters/{name}/retry", **Documented.of(also=["role-missing", "refused"]))
async def tried_again(asked: Identified, name: Name, _query: Annotated[NoQuery, Query()]) -> Response:
    """Let the intake try it again; its sender hears the outcome."""
    must_hold(asked, *CARERS)
    with _waiting(name):
        letter = await _letters(asked).ask_again(asked.project, name, asked.caller.actor.id)
    return answer(_document(letter), position=asked.situation.position)


@router.post("/dead-letters/{name}/discard", **Documented.of(body=True, also=["role-missing", "refused"]))
async def discarded(request: Request, asked: Identified, name: Name, _query: Annotated[NoQuery, Query()]) -> Response:
    """Say that nothing will be done about it, and why. It stays where it is, and can be read."""
    must_hold(asked, *CARERS)
    body = await command_body(request, Discard)
    with _waiting(name):
        letter = await _letters(asked).discard(asked.project, name, asked.caller.actor.id, body.reason)
    return answer(_document(letter), position=asked.situation.position)


def _letters(asked: Asked) -> DeadLetters:
    return DeadLetters(asked.parts.ledger)


@contextmanager
def _waiting(name: str) -> Iterator[None]:
    """Within, somebody settles a letter: it must be there, and wait."""
    with found("dead letter", name, unless=NoSuchLetter):
        try:
            yield
        except NotWaiting as over:
            raise Problem("refused", str(over)) from None


def _document(letter: Letter) -> dict[str, Any]:
    optional = {
        "source": letter.source,
        "request": letter.request,
        "settled_by": letter.settled_by,
        "settled_at": letter.settled_at,
        "because": letter.because,
    }
    return {
        "name": letter.name,
        "reason": letter.reason,
        "put_aside_at": letter.put_aside_at,
        "state": letter.state,
        "tries": letter.tries,
        "bytes": letter.record.size,
        **{name: value for name, value in optional.items() if value is not None},
    }


def _contents(letter: Letter) -> dict[str, Any]:
    record = letter.record
    return {
        **({"key": _base64(record.key)} if record.key is not None else {}),
        "value": _base64(record.value or b""),
        "headers": [{"name": name, "value": _base64(text)} for name, text in record.headers],
    }


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
