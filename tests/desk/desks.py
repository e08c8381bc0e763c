"""Desks for tests, their seams, and what a test says to them."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from interlock.desk import Answer, Desk, Rules
from interlock.desk.desk import Admits
from interlock.events.codec import decode, digest_of
from interlock.events.envelope import Recorded
from interlock.ledger import Ledger
from tests.desk.tiny import ACTOR, TINY

PROJECT = "shop"


def event_id(at: datetime) -> UUID:
    """A UUIDv7 (RFC 9562)."""
    milliseconds = int(at.timestamp() * 1000)
    return UUID(int=milliseconds << 80 | 7 << 76 | random.getrandbits(12) << 64 | 2 << 62 | random.getrandbits(62))


class Clerk:
    """Somebody who gives commands at one desk, each under a new id unless one is given."""

    def __init__(self, desk: Desk, project: str = PROJECT) -> None:
        self.desk = desk
        self.project = project

    async def say(
        self,
        command: Any,
        *,
        command_id: UUID | None = None,
        request_hash: str | None = None,
        if_version: int | None = None,
    ) -> Answer:
        return await self.desk.submit(
            self.project,
            command,
            ACTOR,
            command_id=command_id or uuid4(),
            request_hash=request_hash or digest_of(repr(command)),
            if_version=if_version,
        )


def desk_on(
    ledger: Ledger,
    rules: Rules = TINY,
    admits: Admits | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> Desk:
    return Desk(ledger, monotonic=monotonic, event_ids=event_id, rules=rules, admits=admits)


@asynccontextmanager
async def clerk_at(dsn: str, rules: Rules = TINY, project: str = PROJECT) -> AsyncIterator[Clerk]:
    """A desk with a ledger of its own, as another process would have it."""
    ledger = await Ledger.open(dsn)
    desk = desk_on(ledger, rules)
    yield Clerk(desk, project)
    await desk.close()
    await ledger.close()


async def events_of(ledger: Ledger, project: str = PROJECT) -> list[Recorded[Any]]:
    """Everything in the log."""
    return [decode(stored.body) for stored in await ledger.read(project, after=0, limit=10_000)]
