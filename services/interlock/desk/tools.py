"""What all projects' desks of one process share: ledger, rules, seams, and the time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from interlock.desk.reading import Ledger, Log
from interlock.desk.rules import Rules
from interlock.events.seams import EventIds, MonotonicClock
from interlock.ledger import Head
from interlock.ledger.clock import LedgerClock


@dataclass(frozen=True, slots=True)
class Tools:
    """Built once per desk."""

    ledger: Ledger
    rules: Rules
    clock: LedgerClock
    monotonic: MonotonicClock
    event_ids: EventIds

    async def time(self, at: Log, project: str) -> datetime:
        """Return the ledger's clock, from the copy where that may be trusted; a test clock is always looked at."""
        if self.clock.is_set is None:
            self.clock.is_set = await self.ledger.is_test()
        if not self.clock.is_set:
            now = self.clock.now()
            if now is not None:
                return now
        return (await self.look(at, project)).clock

    async def look(self, at: Log, project: str) -> Head:
        """Return the project's head, and learn the time from it."""
        sent = self.monotonic()
        head = await at.head(project)
        self.clock.learn(head.clock, sent=sent, received=self.monotonic())
        return head
