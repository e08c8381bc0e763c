"""Who asks, about which project, as of which moment: what every route works out first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import Depends, Path, Request
from starlette.types import Scope

from interlock.api.parts import Parts
from interlock.api.problems import Problem, invalid, not_found
from interlock.api.query import Asking, Reading
from interlock.desk import DeskError
from interlock.domain.situation import Situation
from interlock.events.values import Name
from interlock.identity import (
    SESSION,
    Caller,
    NotAuthenticated,
    ScopeMissing,
    SignedIn,
    authenticate,
    authenticate_session,
)
from interlock.ledger import LedgerError

# Those who answer for the way releases go: they settle what Kafka brought, and say who outside hears of what.
CARERS: Final = ("administrator", "release-manager")
AFTER_SECONDS: Final = 2.0
NOW: Final = "interlock.now"
AS_OF: Final = "interlock.as-of"


@dataclass(slots=True)
class Asked:
    """A known caller's request: `situation` is the project's present one, `now` the ledger's clock.

    What is put into `scope` the edge tells the caller in headers.
    """

    parts: Parts
    project: str
    caller: Caller
    situation: Situation
    now: datetime
    scope: Scope


@dataclass(slots=True)
class Moment:
    """A position, and the instant that `now` means there; `past` where it is not the present."""

    position: int
    now: datetime
    past: bool


async def identified(request: Request, project: Annotated[Name, Path(description="the project")]) -> Asked:
    """Return who asks; unknown callers are counted and turned away. No scope is looked at yet."""
    parts: Parts = request.app.state.parts
    situation = await parts.desk.situation(project)
    if situation.position == 0:
        raise not_found("project", project)
    now = await parts.desk.now(project)
    # The edge tells every caller, also one that is refused, what time it is here.
    request.scope[NOW] = now
    try:
        caller = _caller(request, situation, now)
    except NotAuthenticated:
        parts.strangers.count += 1
        raise
    return Asked(parts, project, caller, situation, now, request.scope)


def _caller(request: Request, situation: Situation, now: datetime) -> Caller:
    """Return who calls: by the session that the pages put into the scope, or else by a token. Raises NotAuthenticated.

    A session is of one project: in another one, the same name may be somebody else.
    """
    session = request.scope.get(SESSION)
    if session is None:
        return authenticate(situation, request.headers.get("authorization"), now)
    if not isinstance(session, SignedIn):
        raise NotAuthenticated("nobody is signed in here")
    if session.project != request.path_params["project"]:
        raise NotAuthenticated("this session is of another project: sign in there")
    return authenticate_session(situation, session, now)


def must_hold(asked: Asked, *roles: str) -> None:
    """Return where the caller may write, and is a person with one of `roles`. Raises ScopeMissing, Problem."""
    asked.caller.require("write")
    holders = asked.situation.team.persons_holding(*roles)
    if asked.caller.actor.id not in holders:
        raise Problem("role-missing", f"this takes the role {' or '.join(roles)}: {', '.join(holders) or 'nobody'}")


async def reader(asked: Annotated[Asked, Depends(identified)]) -> Asked:
    """Return who asks, where the credential may read."""
    asked.caller.require("read")
    return asked


async def still_reader(request: Request, asked: Asked) -> bool:
    """Tell whether the caller of a long request may still read; a ledger that is away changes nothing about it."""
    try:
        await reader(await identified(request, asked.project))
    except (NotAuthenticated, ScopeMissing):
        return False
    except (DeskError, LedgerError):
        return True
    return True


Identified = Annotated[Asked, Depends(identified)]
Reader = Annotated[Asked, Depends(reader)]


async def read_moment(asked: Asked, query: Reading, *, pinned: int | None = None) -> Moment:
    """Return the moment at which the read models are asked; `pinned` is the position of the page before.

    Without `at` it is the present, as the caller could know it: read models get AFTER_SECONDS to arrive there, and
    where they do not, the answer says by its position how old it is. `after` insists: the problem is then `behind`.
    """
    moment = await _named_moment(asked, query)
    if pinned is not None:
        moment = Moment(min(pinned, moment.position), moment.now, moment.past)
    if not asked.parts.reads.serving():
        # What is there is older than what the version before it answers, so it is no answer.
        raise Problem(
            "behind",
            "a new version of the read models is still being built; a server of the version before it answers",
            headers={"Retry-After": "1"},
        )
    wanted = max(moment.position, query.after or 0)
    reached = await asked.parts.reads.wait_for(asked.project, wanted, AFTER_SECONDS)
    if query.after is not None and reached < query.after:
        raise behind(query.after, reached, asked.situation.position)
    if reached < moment.position:
        if moment.past:
            raise behind(moment.position, reached, asked.situation.position)
        return Moment(reached, moment.now, past=False)
    return moment


async def rules_moment(asked: Asked, query: Reading, *, about: Any = None) -> tuple[Situation, datetime]:
    """Return the situation and the instant at which the rules are asked: then, now, or now with a future clock.

    What the command `about` names and is over is there too.
    """
    if query.after is not None and query.after > asked.situation.position:
        raise behind(query.after, asked.situation.position, asked.situation.position)
    if isinstance(query, Asking) and query.if_at is not None:
        if query.at is not None:
            raise invalid("if_at", "it cannot be combined with `at`: one is the past, the other the future")
        if query.if_at < asked.now:
            raise invalid("if_at", "it lies in the past; `at` asks about the past")
        asked.scope[AS_OF] = query.if_at
        return await _present(asked, about), query.if_at
    moment = await _named_moment(asked, query)
    if not moment.past:
        return await _present(asked, about), asked.now
    situation = await asked.parts.desk.situation(asked.project, about, at_position=moment.position)
    return situation, moment.now


async def _present(asked: Asked, about: Any) -> Situation:
    if about is None:
        return asked.situation
    situation: Situation = await asked.parts.desk.situation(asked.project, about)
    return situation


async def _named_moment(asked: Asked, query: Reading) -> Moment:
    moment = await _moment_of(asked, query)
    # Who asks by a position is told the instant too.
    asked.scope[AS_OF] = moment.now
    return moment


async def _moment_of(asked: Asked, query: Reading) -> Moment:
    head = asked.situation.position
    match query.at:
        case None:
            return Moment(head, asked.now, past=False)
        case datetime() as at:
            if at > asked.now:
                raise invalid("at", "it lies in the future; the rules answer about the future by `if_at`")
            return Moment(await asked.parts.ledger.position_at(asked.project, at), at, past=True)
        case int() as position:
            if position > head:
                raise invalid("at", f"the last position is {head}")
            return Moment(position, await recorded_at(asked, position), past=True)


async def recorded_at(asked: Asked, position: int) -> datetime:
    """Return when `position` was recorded; for 0, the moment before everything, when position 1 was."""
    found: list[Any] = await asked.parts.ledger.read(asked.project, after=max(0, position - 1), limit=1)
    moment: datetime = found[0].recorded_at
    return moment


def behind(wanted: int, reached: int, head: int) -> Problem:
    """Return what a caller is told who asked for `wanted`, where `reached` is readable and the ledger ends at `head`.

    `ends_at` is there where the ledger itself ends before: then no waiting helps.
    """
    more: dict[str, Any] = {}
    if wanted <= head:
        said = f"position {wanted} is not readable yet, {reached} is"
    else:
        said = (
            f"position {wanted} is not in this ledger, which ends at {head}: "
            "it was restored from an older backup, or is another one"
        )
        more = {"ends_at": head}
    return Problem(
        "behind",
        said,
        position=reached,
        headers={"Retry-After": "1", "Interlock-Position": str(reached)},
        **more,
    )
