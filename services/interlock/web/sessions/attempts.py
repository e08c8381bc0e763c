"""How many wrong sign-ins are looked at: a stranger may be mistaken, and not a thousand times a minute."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from math import ceil
from typing import Final

# Ten at once, then one in six seconds. A token has 256 bits: this bounds work, and noise in a log, not luck.
BURST: Final = 10.0
SECONDS_EACH: Final = 6.0
# Addresses that are remembered; whoever was mistaken least lately makes room.
PLACES_MAX: Final = 4_096


class Attempts:
    """Counts by where they come from, in this process alone; behind a proxy all come from one place."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """Remember nobody."""
        self._monotonic = monotonic
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_seconds(self, place: str) -> int:
        """Return how long `place` has to wait for its next try, 0 where it need not."""
        left = self._now_left(place)
        return 0 if left >= 1 else ceil((1 - left) * SECONDS_EACH)

    def wrong(self, place: str) -> None:
        """Count a wrong try."""
        self._left[place] = (max(0.0, self._now_left(place) - 1), self._monotonic())
        self._left.move_to_end(place)
        while len(self._left) > PLACES_MAX:
            self._left.popitem(last=False)

    def _now_left(self, place: str) -> float:
        left, since = self._left.get(place, (BURST, 0.0))
        return min(BURST, left + (self._monotonic() - since) / SECONDS_EACH)
