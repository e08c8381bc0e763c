"""Gives the commands that are due, in order, through the desk like everybody."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

from interlock.desk import Desk, DeskError
from interlock.domain.due import due, next_due
from interlock.domain.errors import Changed, InvalidCommand, NotFound
from interlock.domain.situation import Situation
from interlock.events.canonical import canonical
from interlock.events.codec import plain, request_hash
from interlock.events.envelope import Actor
from interlock.events.foreign import own
from interlock.events.seams import Sleep
from interlock.ledger import LedgerError

WATCH_SECONDS: Final = 1.0
# What is done may make something else due at the same instant; more rounds than this mean that rules go in circles.
ROUNDS_MAX: Final = 100

ACTOR: Final = Actor(id="watch", kind="system")
NAMESPACE: Final = UUID("6d3a1c0e-6a0b-5d0c-9a54-3f1f0f7a2b11")

_LOG: Final = logging.getLogger("interlock.watch")


class Watch:
    """Looks at every project each WATCH_SECONDS. `trouble` says why the last look failed, None where it did not.

    Two of them do no harm: a command's id is made of what it is about and of how far its subject's stream was, so
    both give the same one, and what was already done is answered as done. One that was down over a moment finds
    what is still due when it is back.
    """

    def __init__(self, desk: Desk) -> None:
        """Work through `desk`."""
        self._desk = desk
        self.trouble: str | None = None

    async def run(self, projects: Callable[[], Awaitable[Iterable[str]]], sleep: Sleep) -> None:
        """Look and look again, until cancelled; a ledger that is away is asked again at the next look."""
        while True:
            try:
                for project in sorted(own(await projects())):
                    await self.step(project)
                self.trouble = None
            except (DeskError, LedgerError) as away:
                if self.trouble is None:
                    _LOG.warning("the watch waits: %s", away)
                self.trouble = str(away)
            await sleep(WATCH_SECONDS)

    async def step(self, project: str) -> int:
        """Do everything that is due in `project` now; return how many commands changed something.

        A crash between two commands leaves the rest due, for whoever looks next.
        """
        done = 0
        for _ in range(ROUNDS_MAX):
            situation: Situation = await self._desk.situation(project)
            changes = 0
            for command in due(situation, await self._desk.now(project)):
                changes += await self._give(project, situation, command)
            if not changes:
                return done
            done += changes
        _LOG.error("%s: something is due again and again", project)
        return done

    async def next_moment(self, project: str) -> datetime | None:
        """Return the next instant at which something will be due, as things stand."""
        situation: Situation = await self._desk.situation(project)
        return next_due(situation, await self._desk.now(project))

    async def _give(self, project: str, situation: Situation, command: Any) -> bool:
        name = type(command).__name__
        try:
            answer = await self._desk.submit(
                project,
                command,
                ACTOR,
                command_id=command_id(project, situation, command),
                request_hash=request_hash(name, command, actor=ACTOR.id),
            )
        except (NotFound, InvalidCommand, Changed) as overtaken:
            # Somebody else ended it between the look and the decision.
            _LOG.info("%s: %s is not due any more: %s", project, name, overtaken)
            return False
        if answer.status == "refused":
            _LOG.warning("%s: %s was refused", project, name)
        return bool(answer.recorded) and not answer.repeated and answer.status == "accepted"


def command_id(project: str, situation: Situation, command: Any) -> UUID:
    """Return the id of a timely command: the same for everybody who sees its subject in the same state."""
    fields = plain(command)
    state = situation.version_of(_stream(fields))
    body = canonical({"project": project, "command": type(command).__name__, "fields": fields, "state": state})
    return uuid5(NAMESPACE, body.decode("utf-8"))


def _stream(fields: dict[str, Any]) -> str:
    """The stream that ends with the command: its release's, its environment's, its problem's, or the team's."""
    for kind in ("release", "problem", "environment"):
        if kind in fields:
            return f"{kind}/{fields[kind]}"
    return "team"
