"""What is remembered of each stream: where the library's versions begin in it, and how far they are.

Versions in the ledger count from 1; the library lets an application begin with any. A stream's first event says which.
Nothing that was recorded is ever taken away, so what is remembered can be behind, and never ahead.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from interlock.eventsourcing.calls import Call

STREAMS_MAX: Final = 100_000
# What a new stream's first version is where nothing else is known; a stream that is there refutes it at the fence.
BEGINS_MOST: Final = 1


class Known(NamedTuple):
    """A stream's first and last version, as the library counts."""

    first: int
    last: int


class Streams:
    """The streams that were used last, at most STREAMS_MAX."""

    def __init__(self) -> None:
        """Nothing is known."""
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._doubted: set[str] = set()

    def get(self, stream: str) -> Known | None:
        """Return what is known."""
        return self._known.get(stream)

    def learn(self, streams: Mapping[str, Known]) -> None:
        """Take what was recorded or read."""
        for stream, known in streams.items():
            self._known[stream] = known
            self._known.move_to_end(stream)
        self._doubted.difference_update(streams)
        while len(self._known) > STREAMS_MAX:
            self._known.popitem(last=False)

    def doubt(self, streams: Iterable[str]) -> None:
        """Believe nothing about these until they are read."""
        for stream in streams:
            self._known.pop(stream, None)
            self._doubted.add(stream)

    def to_read(self, calls: Iterable[Call]) -> list[str]:
        """Return the streams that must be read before these calls can be placed."""
        wanted: dict[str, None] = {}
        for call in calls:
            for stream, (first, _) in call.spans.items():
                known = self._known.get(stream)
                behind = known is not None and first > known.last + 1
                unknown = known is None and (first > BEGINS_MOST or stream in self._doubted)
                if behind or unknown:
                    wanted[stream] = None
        return list(wanted)

    def read(self, asked: Iterable[str], found: Mapping[str, Known]) -> None:
        """Take what a read said; those of `asked` that it did not find do not exist."""
        self._doubted.difference_update(asked)
        self.learn(found)
