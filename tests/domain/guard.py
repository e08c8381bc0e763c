"""For each check a story in which it alone stands in the way, and one for each rule of independence.

A story gives the moment, who asks, and what is asked.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.domain.example import Example

GUARDS: dict[str, Callable[[], Example]] = {}
INDEPENDENCE: dict[str, Callable[[], Example]] = {}


def guard(name: str) -> Callable[[Callable[[], Example]], Callable[[], Example]]:
    """Register the story of a check."""

    def register(make: Callable[[], Example]) -> Callable[[], Example]:
        GUARDS[name] = make
        return make

    return register


def independence(name: str) -> Callable[[Callable[[], Example]], Callable[[], Example]]:
    """Register the story of a rule of independence."""

    def register(make: Callable[[], Example]) -> Callable[[], Example]:
        INDEPENDENCE[name] = make
        return make

    return register
