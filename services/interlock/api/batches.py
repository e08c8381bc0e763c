"""Many commands in one request: decided in the order given, and each answered as if it had come alone."""

from __future__ import annotations

import logging
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from interlock.api.asked import Asked, Identified
from interlock.api.bodies import command_body
from interlock.api.commands import must_write, refused, uuid_of, version_of
from interlock.api.documents import accepted_document, answer
from interlock.api.openapi import BATCH, BATCH_ANSWER, Documented
from interlock.api.problems import Problem, not_found, problem_of
from interlock.api.query import NoQuery
from interlock.desk import BATCH_COMMANDS_MAX, Answer, Submission
from interlock.domain.commands import PUBLISHED
from interlock.events.codec import request_hash
from interlock.events.fact import fact
from interlock.events.strict import BadInput, Fault, read
from interlock.events.values import Count, Line, Name
from interlock.identity import ScopeMissing

# Room for as many commands as one batch of the desk takes, and for fewer large ones.
BYTES_MAX: Final = 2 * 1024 * 1024

log = logging.getLogger(__name__)
router = APIRouter(prefix="/v1/{project}/commands", tags=["commands"])


@fact
class Given:
    """One command: its name, an id of its own (what Idempotency-Key is to a single one), and its fields."""

    command: Name
    id: Line
    fields: dict[str, Any]
    if_version: Count | None = None


@fact
class GivenTogether:
    """The commands, in the order in which they are decided."""

    commands: Annotated[tuple[Given, ...], Field(min_length=1, max_length=BATCH_COMMANDS_MAX)]


@router.post("", operation_id="GiveTogether", **Documented.of(BATCH_ANSWER, command=BATCH))
async def give_together(request: Request, asked: Identified, _query: Annotated[NoQuery, Query()]) -> Response:
    """Give up to 256 commands; the answer holds, in the same order, each one's `answer` or `problem`.

    Beside an answer stands the subject's `version` (a single command's ETag). None harms another: what is refused,
    malformed or not found is a problem of that one alone. Repeat the whole request after a lost answer: what was
    recorded is answered as it was the first time.
    """
    must_write(asked)
    body = await command_body(request, GivenTogether, limit=BYTES_MAX)
    ids = _ids(body.commands)
    told: list[Submission | Problem] = [_submission(asked, *one) for one in zip(body.commands, ids, strict=True)]
    # From here on the desk has them; see `commands`.
    submissions = [one for one in told if isinstance(one, Submission)]
    given = iter(await asked.parts.desk.submit_all(asked.project, submissions) if submissions else ())
    answers, position = [], asked.situation.position
    for command_id, one in zip(ids, told, strict=True):
        outcome = one if isinstance(one, Problem) else next(given)
        document = {"id": str(command_id)}
        if isinstance(outcome, Answer):
            position = max(position, outcome.position)
            document |= await _answered(asked, outcome)
        else:
            document |= _problem(outcome)
        answers.append(document)
    return answer({"answers": answers}, position=position)


def _ids(commands: tuple[Given, ...]) -> list[UUID]:
    ids, faults = [], []
    for index, one in enumerate(commands):
        try:
            ids.append(uuid_of(one.id))
        except ValueError as wrong:
            faults.append(Fault(f"commands[{index}].id", str(wrong)))
    if faults:
        raise BadInput(faults)
    return ids


def _submission(asked: Asked, given: Given, command_id: UUID) -> Submission | Problem:
    """Return what the desk takes, or what is wrong with this command alone."""
    cls = PUBLISHED.get(given.command)
    if cls is None:
        return not_found("command", given.command)
    try:
        command = read(cls, given.fields)
        asked.caller.require_command(given.command, getattr(command, "principal", None))
    except (BadInput, ScopeMissing) as error:
        return problem_of(error)
    actor = asked.caller.actor
    return Submission(
        command=command,
        actor=actor,
        command_id=command_id,
        request_hash=request_hash(given.command, command, actor=actor.id),
        if_version=given.if_version,
    )


async def _answered(asked: Asked, outcome: Answer) -> dict[str, Any]:
    if outcome.decision is not None:
        return _problem(await refused(asked, outcome))
    version = version_of(outcome)
    read_by = {} if version is None else {"version": version}
    return {"answer": {**accepted_document(outcome), "position": outcome.position}, **read_by}


def _problem(error: BaseException) -> dict[str, Any]:
    if not isinstance(error, Exception):
        raise error
    problem = problem_of(error)
    if problem.kind.name == "unexpected":
        log.error("a command given with others", exc_info=error)
    return {"problem": problem.document}
