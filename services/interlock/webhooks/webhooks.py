"""The sender: makes messages of what was recorded, sends each until its endpoint has it, and gives up after a while."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Protocol

from interlock.desk import DeskError
from interlock.domain.obligation import WhoMustAct
from interlock.domain.obligations import Obligation, obligations
from interlock.domain.situation import Situation
from interlock.endpoints import Endpoint, Endpoints, Messages, NotAllowed, Waiting, target_of
from interlock.events.envelope import Recorded
from interlock.events.seams import Sleep
from interlock.feed import Unreadable
from interlock.ledger import LedgerError
from interlock.webhooks.posting import NotSent, Post, Said
from interlock.webhooks.signing import signed_headers
from interlock.webhooks.state import BEHIND_SECONDS_MAX, Standing
from interlock.webhooks.wording import message_of, notices

LOOK_SECONDS: Final = 1.0
RETRY_SECONDS: Final = 2.0
SENDS_MAX: Final = 16
# The first pause; each next one is so many times longer, up to the longest: the last try is about 11 h after the first.
FIRST_PAUSE_SECONDS: Final = 5.0
PAUSE_FACTOR: Final = 3.0
PAUSE_SECONDS_MAX: Final = 6 * 3600.0
JITTER: Final = 0.2
TRIES_MAX: Final = 10
GONE: Final = 410

_log = logging.getLogger(__name__)

Office = Callable[[Callable[[], None]], AbstractAsyncContextManager[None]]


class Feed(Protocol):
    """Where events are read (interlock.feed's LedgerFeed is one)."""

    async def read(self, project: str, *, after: int, up_to: int | None = None) -> list[Recorded[Any]]:
        """Return one page, in order."""


class Situations(Protocol):
    """Where situations are asked for (interlock.desk's Desk is one)."""

    async def situation(self, project: str, command: Any = None, *, at_position: int | None = None) -> Any:
        """Return the situation after so many events."""

    async def completed(self, project: str, situation: Any, about: Any, *, position: int) -> Any:
        """Return it with what `about` names and is over."""


def pause_after(tries: int, chance: float) -> float:
    """Return how long to wait after so many tries; `chance` in [0, 1) spreads those that failed together."""
    pause = min(FIRST_PAUSE_SECONDS * PAUSE_FACTOR ** (tries - 1), PAUSE_SECONDS_MAX)
    return pause * (1 + JITTER * (2 * chance - 1))


class Webhooks:
    """Several may run on one database: one sends, the others wait for its office. Nothing upstream notices it."""

    def __init__(
        self,
        endpoints: Endpoints,
        messages: Messages,
        feed: Feed,
        desk: Situations,
        post: Post,
        *,
        office: Office,
        sleep: Sleep,
        chance: Callable[[], float],
        pause: Callable[[int, float], float] = pause_after,
    ) -> None:
        """Read `feed`, ask `desk` what waits for whom, send by `post` while in `office`; `chance` is a seam."""
        self._endpoints = endpoints
        self._messages = messages
        self._feed = feed
        self._desk = desk
        self._post = post
        self._office = office
        self._sleep = sleep
        self._chance = chance
        self._pause = pause
        self._sending: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._active = False
        self._told = 0
        self._trouble: str | None = None

    async def standing(self) -> Standing:
        """Return how it is doing. Raises LedgerError."""
        all_of_them = [each for name in await self._endpoints.projects() for each in await self._endpoints.listed(name)]
        late = [each for each in all_of_them if each.failed or each.oldest_seconds > BEHIND_SECONDS_MAX]
        return Standing(
            active=self._active,
            told=self._told,
            waiting=sum(each.waiting for each in all_of_them),
            failed=sum(each.failed for each in all_of_them),
            oldest_seconds=max((each.oldest_seconds for each in all_of_them), default=0.0),
            behind=tuple(f"{each.project}/{each.name}" for each in late),
            trouble=self._trouble,
        )

    async def run(self) -> None:
        """Send whenever in office, until cancelled. Whatever goes wrong is tried again."""
        while True:
            try:
                if await self._endpoints.projects():
                    async with self._office(self._waiting):
                        await self._work()
                self._trouble = None
                await self._sleep(LOOK_SECONDS)
                continue
            except (LedgerError, OSError) as away:
                self._went_wrong(str(away) or type(away).__name__)
            except Exception as unexpected:
                self._went_wrong(f"{type(unexpected).__name__}: {unexpected}", unexpected)
            finally:
                self._active = False
                await self._end_sending()
            await self._sleep(RETRY_SECONDS)

    async def _work(self) -> None:
        """Make and send messages, as long as there is an endpoint. Raises LedgerError."""
        self._active = True
        while projects := await self._endpoints.projects():
            stuck = [said for project in projects if (said := await self._one(project)) is not None]
            self._look_at_ended()
            if stuck:
                self._went_wrong("; ".join(stuck))
            else:
                self._trouble = None
            await self._sleep(LOOK_SECONDS)

    async def _one(self, project: str) -> str | None:
        """Make and send one project's messages; return why none can be made, which is no other project's affair."""
        said = None
        try:
            await self._make(project)
        except (DeskError, Unreadable) as unknown:
            said = f"{project}: {unknown}"
        for message in await self._messages.due(project):
            self._begin(message)
        return said

    async def _make(self, project: str) -> None:
        """Make messages of one page of what was recorded since.

        A crash in here leaves the position before: the same messages are made again, with the same ids.
        """
        active = [each for each in await self._endpoints.listed(project) if not each.gone]
        if not active:
            return
        page = await self._feed.read(project, after=min(each.position for each in active))
        if not page:
            return
        made = [
            message_of(notice, project, recorded.position, each.name)
            for recorded in page
            for notice in await self._notices(project, recorded, active)
            for each in active
            if each.position < recorded.position and notice.kind in each.kinds
        ]
        await self._endpoints.made(project, [each.name for each in active], page[-1].position, made)

    async def _notices(self, project: str, recorded: Recorded[Any], active: Sequence[Endpoint]) -> list[Any]:
        kinds = {kind for each in active for kind in each.kinds}
        after = await self._desk.situation(project, at_position=recorded.position)
        waits = await self._waits(project, after, recorded)
        before = waits
        if "must-act" in kinds:
            earlier = await self._desk.situation(project, at_position=recorded.position - 1)
            before = await self._waits(project, earlier, recorded)
        return list(notices(recorded, after, before, waits))

    async def _waits(self, project: str, situation: Situation, recorded: Recorded[Any]) -> Sequence[Obligation]:
        seen = await self._desk.completed(project, situation, WhoMustAct(), position=situation.position)
        return obligations(seen, recorded.recorded_at)

    def _begin(self, message: Waiting) -> None:
        """Send it beside the others: one at a time to each endpoint, so that none waits for another's."""
        key = (message.project, message.endpoint)
        if key not in self._sending and len(self._sending) < SENDS_MAX:
            self._sending[key] = asyncio.create_task(self._send(message), name=f"webhook {message.endpoint}")

    def _look_at_ended(self) -> None:
        for key, task in list(self._sending.items()):
            if task.done():
                del self._sending[key]
                task.result()

    async def _end_sending(self) -> None:
        tasks, self._sending = list(self._sending.values()), {}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _send(self, message: Waiting) -> None:
        try:
            target = target_of(message.url)
            headers = signed_headers(message.id, self._post.now(), message.body, message.secret)
            said = await self._post(target, headers, message.body)
        except (NotSent, NotAllowed) as why:
            await self._again(message, str(why), None)
            return
        except Exception as unexpected:
            # Whatever it is, it is about this endpoint, and keeps no other from being told.
            _log.warning("%s cannot be told", message.endpoint, exc_info=unexpected)
            await self._again(message, f"{type(unexpected).__name__}: {unexpected}", None)
            return
        if said.took_it:
            # A crash before this leaves the message: it is sent once more under the same id, never lost.
            await self._messages.told(message)
            self._told += 1
        else:
            await self._refused(message, said)

    async def _refused(self, message: Waiting, said: Said) -> None:
        error = f"it answered {said.status}"
        if said.status == GONE:
            await self._messages.give_up(message, f"{error}: it is gone for good")
            await self._messages.gone(message)
            return
        if said.retry_after is not None:
            await self._messages.hold(message, said.retry_after)
        await self._again(message, error, said.retry_after)

    async def _again(self, message: Waiting, error: str, retry_after: float | None) -> None:
        tries = message.tries + 1
        if tries >= TRIES_MAX:
            await self._messages.give_up(message, error)
            return
        pause = self._pause(tries, self._chance())
        await self._messages.again(message, error, max(pause, retry_after or 0.0))

    def _waiting(self) -> None:
        """Somebody else sends: whatever was wrong here is not what matters now."""
        self._trouble = None

    def _went_wrong(self, said: str, unexpected: Exception | None = None) -> None:
        if said != self._trouble:
            _log.warning("the webhooks wait: %s", said, exc_info=unexpected)
        self._trouble = said
