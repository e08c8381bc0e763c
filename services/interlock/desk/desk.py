"""The desk: a library inside every process that takes commands. Each project has its own queue and order."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from interlock.desk.answer import Answer
from interlock.desk.deciding import Waiting
from interlock.desk.errors import DeskClosed, DeskError, NoSuchPosition, Unavailable
from interlock.desk.past import Past
from interlock.desk.project import ProjectDesk
from interlock.desk.reading import Ledger, load_streams
from interlock.desk.real_rules import real_rules
from interlock.desk.rules import Rules
from interlock.desk.tools import Tools
from interlock.domain.errors import InvalidCommand
from interlock.ledger import LedgerError
from interlock.ledger.clock import LedgerClock

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from interlock.events.envelope import Actor
    from interlock.events.seams import EventIds, MonotonicClock

Admits = Callable[[str, Any], Awaitable[None]]

# Projects beyond these that nobody waits for are forgotten, and read again when somebody asks.
PROJECTS_REMEMBERED_MAX: Final = 256


@dataclass(slots=True, kw_only=True)
class Submission:
    """One command of several: what `Desk.submit` takes."""

    command: Any
    actor: Actor
    command_id: UUID
    request_hash: str
    if_version: int | None = None


class Desk:
    """Decides commands, each project's in one order, and tells how things stand.

    `ledger` is open and stays its opener's; `monotonic` and `event_ids` are seams. `rules` are the real ones unless
    a test brings its own. `admits` looks at what a command names outside the ledger, and raises InvalidCommand.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        monotonic: MonotonicClock,
        event_ids: EventIds,
        rules: Rules | None = None,
        admits: Admits | None = None,
    ) -> None:
        """Nothing is read before it is needed."""
        self._admits = admits
        self._ledger = ledger
        self._rules = rules or real_rules()
        self._past = Past(ledger, self._rules)
        self._tools = Tools(ledger, self._rules, LedgerClock(monotonic), monotonic, event_ids)
        self._projects: OrderedDict[str, ProjectDesk] = OrderedDict()
        self._closed = False

    async def submit(
        self,
        project: str,
        command: Any,
        actor: Actor,
        *,
        command_id: UUID,
        request_hash: str,
        if_version: int | None = None,
    ) -> Answer:
        """Decide `command` in its turn, record what follows, and return the answer: for this id always the same one.

        `if_version` is the version at which the sender read the subject's stream. A caller that is cancelled stops
        waiting, no more: its command is decided all the same. Raises CommandIdReused, CommandTooLarge, an Unavailable
        (nothing is lost: repeat the same id), Changed, or what the rules raise (NotFound, InvalidCommand).
        """
        [answer] = await self._queued(
            project,
            [
                Submission(
                    command=command,
                    actor=actor,
                    command_id=command_id,
                    request_hash=request_hash,
                    if_version=if_version,
                )
            ],
        )
        return await answer

    async def submit_all(self, project: str, submissions: Sequence[Submission]) -> list[Answer | BaseException]:
        """Decide several commands in the order given, each with the effects of those before it.

        Return for each its answer, or what `submit` would have raised; none harms another, and after a crash each is
        recorded or not, which its id tells. Raises DeskClosed, Unavailable: then none was taken.
        """
        return await asyncio.gather(*await self._queued(project, submissions), return_exceptions=True)

    async def _queued(self, project: str, submissions: Sequence[Submission]) -> list[asyncio.Future[Answer]]:
        """Let them wait for their turn, one behind the other: nothing is waited for between two of them."""
        if self._closed:
            raise DeskClosed
        inadmissible = [await self._why_not(project, one.command) for one in submissions]
        if self._closed:
            raise DeskClosed
        desk, answers = self._project(project), []
        for one, why in zip(submissions, inadmissible, strict=True):
            answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
            answers.append(answer)
            try:
                desk.submit(
                    Waiting(one.command, one.actor, one.command_id, one.request_hash, one.if_version, answer, why)
                )
            except DeskError as error:
                answer.set_exception(error)
        return answers

    async def _why_not(self, project: str, command: Any) -> InvalidCommand | None:
        """Return why `command` is not admitted; its turn comes all the same: an old one's first answer stands."""
        try:
            await self.admit(project, command)
        except InvalidCommand as why:
            return why
        return None

    async def admit(self, project: str, command: Any) -> None:
        """Raise InvalidCommand where `command` names something outside the ledger that is not as it must be.

        The desk does it before it takes a command; whoever only asks what would be decided does it too. Raises
        Unavailable.
        """
        if self._admits is None:
            return
        try:
            await self._admits(project, command)
        except LedgerError as error:
            raise Unavailable(str(error)) from error

    async def situation(self, project: str, command: Any = None, *, at_position: int | None = None) -> Any:
        """Return the situation after everything recorded so far, or after the first `at_position` events.

        With a `command`, what it names and is over is there too, as its decision would see it. Raises Unavailable,
        and NoSuchPosition.
        """
        memory = await self._project(project).current()
        position, situation = memory.position, memory.situation
        if position == 0:
            self._forget_nothing(project)
        try:
            if at_position is not None and at_position != position:
                if not 0 <= at_position <= position:
                    raise NoSuchPosition(f"{at_position}; the last one is {position}")
                position, situation = at_position, await self._past.situation(project, at_position)
        except LedgerError as error:
            raise Unavailable(str(error)) from error
        return situation if command is None else await self.completed(project, situation, command, position=position)

    async def completed(self, project: str, situation: Any, about: Any, *, position: int) -> Any:
        """Return the situation after the first `position` events with what `about` names and is over.

        `about` is a command, or a question that the rules know. Raises Unavailable.
        """
        try:
            return await self._complete(project, situation, about, position)
        except LedgerError as error:
            raise Unavailable(str(error)) from error

    async def _complete(self, project: str, situation: Any, about: Any, position: int) -> Any:
        """What is loaded may lead to more: ask until nothing is wanted any more."""
        asked: set[str] = set()
        while needed := sorted(set(self._rules.streams_needed(situation, about)) - asked):
            for stream, events in (await load_streams(self._ledger, project, needed)).items():
                by_then = [event for event in events if event.position <= position]
                situation = self._rules.admit(situation, stream, by_then)
            asked.update(needed)
        return situation

    async def now(self, project: str) -> datetime:
        """Return the instant (UTC, the ledger's clock) at which a command would be decided now. Raises Unavailable."""
        return await self._project(project).now()

    @property
    def trouble(self) -> str | None:
        """Why the ledger took nothing of some project, a moment ago; None where it took what came last."""
        found = ((name, project.trouble) for name, project in self._projects.items())
        return next((f"{name}: {trouble}" for name, trouble in found if trouble is not None), None)

    async def close(self) -> None:
        """Take no more commands, and return when those that wait are answered."""
        self._closed = True
        await asyncio.gather(*(project.finish() for project in self._projects.values()))

    def _project(self, name: str) -> ProjectDesk:
        desk = self._projects.get(name)
        if desk is None:
            desk = self._projects[name] = ProjectDesk(name, self._tools)
            self._forget_idle()
        self._projects.move_to_end(name)
        return desk

    def _forget_nothing(self, name: str) -> None:
        """Forget a project without events: whoever asks for made-up names pushes no real project out of memory."""
        desk = self._projects.get(name)
        if desk is not None and not desk.busy:
            del self._projects[name]

    def _forget_idle(self) -> None:
        idle = [name for name, desk in self._projects.items() if not desk.busy]
        for name in idle[: max(0, len(self._projects) - PROJECTS_REMEMBERED_MAX)]:
            del self._projects[name]
