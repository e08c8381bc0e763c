"""A projection's meaning in parts, each of which names the types of events that it has something to say about.

Most events concern few parts: to let each part look at each event costs more than what is said in the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from interlock.events.envelope import Recorded
from interlock.projections.projection import Write

Part: TypeAlias = Callable[[Recorded[Any]], Iterator[Write]]


class Parts:
    """The parts in the order in which they were written down, and which of them an event concerns."""

    def __init__(self) -> None:
        """None yet: `about` adds them."""
        self.every: list[tuple[frozenset[type], Part]] = []
        self._of: dict[type, tuple[Part, ...]] = {}

    def about(self, *types: type) -> Callable[[Part], Part]:
        """Add the decorated part: it says nothing about an event of another type than these."""

        def add(part: Part) -> Part:
            self.every.append((frozenset(types), part))
            return part

        return add

    def project(self, recorded: Recorded[Any]) -> Iterator[Write]:
        """Yield what all parts together say of an event, in their order."""
        kind = recorded.event.__class__
        parts = self._of.get(kind)
        if parts is None:
            parts = self._of[kind] = tuple(part for types, part in self.every if kind in types)
        for part in parts:
            yield from part(recorded)
