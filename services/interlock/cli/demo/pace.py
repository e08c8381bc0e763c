"""How fast the story is told to somebody who watches it on the board."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

DAY = timedelta(days=1)


class Pace:
    """No day of the story takes less than `seconds_a_day`; what takes longer anyway waits for nothing."""

    def __init__(
        self, monotonic: Callable[[], float], sleep: Callable[[float], None], *, seconds_a_day: float = 1.0
    ) -> None:
        """Count by `monotonic`, wait by `sleep`, both in seconds."""
        self._monotonic = monotonic
        self._sleep = sleep
        self._seconds_a_day = seconds_a_day
        self._last: tuple[datetime, float] | None = None

    def __call__(self, moment: datetime) -> None:
        """It is `moment` in the story: wait until as much time has passed here since the moment before."""
        now = self._monotonic()
        if self._last is not None:
            before, then = self._last
            wait = (moment - before) / DAY * self._seconds_a_day - (now - then)
            if wait > 0:
                self._sleep(wait)
                now += wait
        self._last = (moment, now)
