"""Each part of a projection names all the types of events that it has something to say about."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from interlock.events.catalogue.environment import DataErased, LeaseReleased, LeaseRenewed
from interlock.events.codec import decode
from interlock.events.envelope import Recorded
from interlock.projections import problems
from interlock.projections.adjustment_chain import meaning as adjustments
from interlock.projections.environment_state import meaning as environments
from interlock.projections.parts import Part, Parts
from interlock.projections.projection import Write
from interlock.projections.releases import meaning as releases
from tests.events.corpus import stored

PARTS = [adjustments.PARTS, environments.PARTS, problems.PARTS, releases.OWN, releases.ANY]
EVERY = [(types, part) for parts in PARTS for types, part in parts.every]


@pytest.fixture(scope="module")
def events() -> list[Recorded[Any]]:
    return [decode(body) for bodies in stored().values() for body in bodies]


@pytest.mark.parametrize("types, part", EVERY, ids=lambda given: getattr(given, "__qualname__", ""))
def test_a_part_is_asked_about_all_that_it_speaks_of(
    events: list[Recorded[Any]], types: frozenset[type], part: Part
) -> None:
    spoken = {recorded.event.__class__ for recorded in events if list(part(recorded))}
    assert spoken
    assert spoken <= types


def test_only_the_parts_that_an_event_concerns_are_asked_and_in_their_order(events: list[Recorded[Any]]) -> None:
    parts = Parts()
    asked: list[str] = []

    def add(name: str, *types: type) -> None:
        @parts.about(*types)
        def part(_recorded: Recorded[Any]) -> Iterator[Write]:
            asked.append(name)
            return iter(())

    add("one", LeaseRenewed, LeaseReleased)
    add("other", LeaseReleased)
    for kind, expected in ((LeaseReleased, ["one", "other"]), (LeaseRenewed, ["one"]), (DataErased, [])):
        asked.clear()
        assert list(parts.project(next(each for each in events if isinstance(each.event, kind)))) == []
        assert asked == expected
