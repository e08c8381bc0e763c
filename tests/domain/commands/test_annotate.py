"""Annotate: a remark beside an event, which itself stays as it is."""

from __future__ import annotations

import pytest

from interlock.domain.commands.governance import Annotate
from interlock.domain.errors import NotFound
from tests.domain import given


def test_the_event_stays_as_it_is() -> None:
    story = given.team()
    before = story.events[2]
    story.do("dora", Annotate(target=3, kind="correction", text="it was admin-1"))
    assert story.events[2] == before
    assert story.events[-1].stream == "annotations"


def test_there_is_no_remark_about_what_has_not_happened() -> None:
    story = given.team()
    with pytest.raises(NotFound):
        story.do("dora", Annotate(target=len(story.events) + 1, kind="remark", text="soon"))


def test_two_persons_may_remark_the_same() -> None:
    story = given.team()
    remark = Annotate(target=3, kind="remark", text="by telephone")
    assert story.do("dora", remark).facts
    assert story.do("qa-1", remark).facts
    assert not story.do("dora", remark).facts
