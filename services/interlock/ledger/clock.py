"""A writer's copy of the ledger's clock: late by at most what was measured, never early."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from interlock.events.seams import MonotonicClock

# Quartz in servers is off by tens of millionths; the double of the worst keeps the copy late rather than early.
DRIFT_PER_SECOND: Final = 200e-6
# A copy is asked for again before its drift matters to anybody (12 ms).
COPY_SECONDS_MAX: Final = 60.0


class LedgerClock:
    """What the ledger's clock reads at least, between two looks at it.

    A look is sent at one moment and received at a later one, and the clock was read somewhere between them: counted
    from when the answer came, the copy is late, so that no window opens early. The copy from an earlier look is kept
    where the new look allows it, because a slow answer (an fsync) would make the copy later than it was.
    """

    def __init__(self, monotonic: MonotonicClock) -> None:
        """Count time by `monotonic`."""
        self._monotonic = monotonic
        self._reading: datetime | None = None
        self._taken = 0.0
        self.is_set: bool | None = None
        """Whether somebody sets the ledger's clock (a test database); None where nobody asked yet."""

    def learn(self, clock: datetime, *, sent: float, received: float) -> None:
        """Take the ledger's `clock`, read between the moments `sent` and `received` of the monotonic clock."""
        known = self._at(received)
        earliest, latest = clock, clock + timedelta(seconds=received - sent)
        self._reading = known if known is not None and earliest <= known <= latest else earliest
        self._taken = received

    def forget(self) -> None:
        """Trust the copy no more: the ledger disagreed with it."""
        self._reading = None

    def now(self) -> datetime | None:
        """Return an instant (UTC) that the ledger's clock has reached; None where it must be looked at first."""
        moment = self._monotonic()
        if moment - self._taken > COPY_SECONDS_MAX:
            return None
        return self._at(moment)

    def _at(self, moment: float) -> datetime | None:
        if self._reading is None:
            return None
        return self._reading + timedelta(seconds=max(0.0, moment - self._taken) * (1 - DRIFT_PER_SECOND))
