"""A situation as bytes is the same situation."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from interlock.domain.decide import Submitted, decide
from interlock.domain.situation import EMPTY
from interlock.domain.snapshot import SNAPSHOT_VERSION, NotASnapshot, dump, load, snapshot_version
from tests.domain import given
from tests.domain.examples import EXAMPLES
from tests.domain.guards import GUARDS

MOMENTS = EXAMPLES | GUARDS


@pytest.mark.parametrize("name", sorted(MOMENTS))
def test_what_was_dumped_is_loaded_and_decides_the_same(name) -> None:
    story, who, command = MOMENTS[name]()
    again = load(dump(story.situation))
    assert again == story.situation
    submitted = Submitted(command=command, actor=given.actor(story, who))
    seen = given.seen(story, command)
    assert decide(load(dump(seen)), submitted, story.now) == decide(seen, submitted, story.now)


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_a_story_goes_on_after_a_cold_start_as_if_nothing_had_been(name) -> None:
    story, who, command = EXAMPLES[name]()
    other = replace(given.copied(story), situation=load(dump(story.situation)))
    for told in (story, other):
        told.do(who, command)
        told.tick(days=1)
    assert story.situation == other.situation
    assert story.types() == other.types()


def test_an_empty_situation_is_one_too() -> None:
    assert load(dump(EMPTY)) == EMPTY


@pytest.mark.parametrize("dumped", [b"", b"{", b"[]", b'{"position": "many"}', b'{"releases": {"a": 1}}'])
def test_other_bytes_are_no_snapshot(dumped) -> None:
    with pytest.raises(NotASnapshot):
        load(dumped)


def test_the_version_is_the_same_each_time_and_fits_31_bits() -> None:
    assert snapshot_version() == SNAPSHOT_VERSION
    assert 0 <= SNAPSHOT_VERSION < 2**31


def test_a_snapshot_of_a_later_moment_is_another_one() -> None:
    story = given.released()
    before = dump(story.situation)
    story.at(story.now + timedelta(days=1))
    assert dump(story.situation) != before
