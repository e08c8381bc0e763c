"""Whether this process can do its part now: each thing says "ok", or why not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final

from interlock.desk import Desk, DeskError
from interlock.events.foreign import own
from interlock.ledger import Ledger, LedgerError
from interlock.projector import Projector
from interlock.projector.reached import Reached
from interlock.watch import Watch
from interlock.webhooks import Webhooks
from interlock.webhooks import state_of as state_of_webhooks

if TYPE_CHECKING:
    from interlock.intake import Intake
    from interlock.relay import Relay

ANSWER_SECONDS: Final = 2.0
LAG_EVENTS_MAX: Final = 1_000
OK: Final = "ok"

Heads = Mapping[str, int]
Check = Callable[[Heads], Awaitable[str]]


class Readiness:
    """Asks the things themselves each time, so that it heals as they do."""

    def __init__(self, ledger: Ledger, checks: Mapping[str, Check], ended: Mapping[str, str]) -> None:
        """Look at the ledger and at what `checks` name; `ended` names what runs no more."""
        self._ledger = ledger
        self._checks = checks
        self._ended = ended

    async def __call__(self) -> dict[str, str]:
        """Return each thing's state."""
        states = dict(self._ended)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                every = await self._ledger.heads()
                heads = {project: every[project] for project in own(every)}
                states["ledger"] = OK
                for name, check in self._checks.items():
                    if name not in self._ended:
                        states[name] = await check(heads)
        except TimeoutError:
            return {**states, "ledger": f"no answer within {ANSWER_SECONDS:g} s"}
        except LedgerError as away:
            return {**states, "ledger": str(away)}
        return states


def deciding(desk: Desk, closed: Mapping[str, str]) -> Check:
    """A desk decides nothing where it met an event that it does not know, cannot write, or the project is `closed`."""

    async def check(heads: Heads) -> str:
        for project, why in closed.items():
            return f"{project}: {why}"
        for project in heads:
            try:
                await desk.situation(project)
            except DeskError as stuck:
                return f"{project}: {stuck}"
        return desk.trouble or OK

    return check


def watching(watch: Watch) -> Check:
    """A watch whose last look failed."""

    async def check(_heads: Heads) -> str:
        return watch.trouble or OK

    return check


def projecting(projector: Projector, *, shared: bool = False) -> Check:
    """A projection that stopped, or is far behind; of a projector that shares the work, only what it has of it."""

    async def check(heads: Heads) -> str:
        statuses = projector.status()
        for status in statuses:
            if status.stopped_because:
                return f"{status.name}: stopped: {status.stopped_because}"
        if not projector.serving():
            return "a new version is being built beside the one that serves"
        ours = {status.project for status in statuses} if shared else heads.keys()
        return _far_behind(
            {project: heads[project] - projector.position(project) for project in ours if project in heads}
        )

    return check


def reading(reached: Reached) -> Check:
    """Read models that another process writes."""

    async def check(heads: Heads) -> str:
        stopped = await reached.stopped()
        if stopped:
            return stopped
        positions = await reached.positions()
        return _far_behind({project: head - positions.get(project, 0) for project, head in heads.items()})

    return check


def publishing(relay: Relay) -> Check:
    """A relay that is behind says so, and what holds it."""
    from interlock.relay import state_of

    async def check(_heads: Heads) -> str:
        return state_of(await relay.lag(), relay.standing())

    return check


def taking(intake: Intake) -> Check:
    """An intake that cannot go on says what holds it."""

    async def check(_heads: Heads) -> str:
        return intake.trouble or OK

    return check


def telling(webhooks: Webhooks) -> Check:
    """Messages that do not arrive, and endpoints that were given up."""

    async def check(_heads: Heads) -> str:
        return state_of_webhooks(await webhooks.standing())

    return check


def _far_behind(behind: Mapping[str, int]) -> str:
    for project, events in behind.items():
        if events > LAG_EVENTS_MAX:
            return f"{project}: {events} events behind"
    return OK
