"""ConfirmAsked, DeclineAsked: what needs two persons is decided anew by the second one's own command."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta

import pytest

from interlock.domain.commands import COMMANDS
from interlock.domain.commands.governance import ConfirmAsked, DeactivatePrincipal, DeclineAsked, GrantRole
from interlock.domain.errors import InvalidCommand, NotFound
from interlock.events.envelope import Actor
from tests.domain import examples, given
from tests.domain.given import Story
from tests.domain.story import digest


@pytest.fixture
def asked() -> tuple[Story, str]:
    return examples.asked(given.team())


def test_the_effect_follows_the_confirmation_and_names_both(asked) -> None:
    story, ask = asked
    before = len(story.events)
    story.do("admin-2", ConfirmAsked(ask=ask))
    assert story.types(before) == ["SecondPersonConfirmed", "RoleGranted"]
    confirmed, granted = (recorded for recorded in story.events[before:])
    assert confirmed.event.asked_by == "admin-1"
    assert granted.event.second_person == confirmed.actor.id == "admin-2"


def test_the_second_person_is_another_person_and_not_another_key(asked) -> None:
    story, ask = asked
    for key in ("key-of-admin-1", "another key"):
        story.refuse(Actor(id="admin-1", kind="person", credential=key), ConfirmAsked(ask=ask), "second-person")


def test_the_second_person_must_be_entitled_to_ask(asked) -> None:
    story, ask = asked
    story.refuse("rm-1", ConfirmAsked(ask=ask), "role-held")


def test_the_first_person_must_still_be_entitled(asked) -> None:
    story, ask = asked
    story.both("admin-1", "admin-2", GrantRole(principal="rm-1", role="administrator"))
    story.do("rm-1", DeactivatePrincipal(principal="admin-1", reason="left"))
    story.refuse("admin-2", ConfirmAsked(ask=ask), "role-held")


def test_a_service_confirms_nothing(asked) -> None:
    story, ask = asked
    story.refuse("ci-1", ConfirmAsked(ask=ask), "role-held")


def test_it_is_decided_anew_when_it_is_confirmed(asked) -> None:
    story, ask = asked
    story.do("admin-2", DeactivatePrincipal(principal="dora", reason="left"))
    with pytest.raises(NotFound, match="active principal"):
        story.do("admin-2", ConfirmAsked(ask=ask))


def test_it_is_confirmed_once(asked) -> None:
    story, ask = asked
    story.do("admin-2", ConfirmAsked(ask=ask))
    with pytest.raises(NotFound):
        story.do("admin-2", ConfirmAsked(ask=ask))


def test_what_was_read_can_be_proved(asked) -> None:
    story, ask = asked
    with pytest.raises(InvalidCommand, match="bound_digest"):
        story.do("admin-2", ConfirmAsked(ask=ask, bound_digest=digest("something else")))
    story.do("admin-2", ConfirmAsked(ask=ask, bound_digest=story.situation.asks[ask].bound_digest))


def test_after_its_time_nobody_confirms_it_even_before_anybody_noticed(asked) -> None:
    story, ask = asked
    story.now += timedelta(days=7)
    with pytest.raises(NotFound):
        story.do("admin-2", ConfirmAsked(ask=ask))


def test_the_same_question_is_asked_once(asked) -> None:
    story, _ = asked
    assert not story.do("admin-1", GrantRole(principal="dora", role="reviewer")).facts


def test_who_asked_may_take_it_back_and_who_may_confirm_may_decline(asked) -> None:
    story, ask = asked
    story.refuse("rm-1", DeclineAsked(ask=ask, reason="no"), "role-held")
    other = given.copied(story)
    for told, who in ((story, "admin-1"), (other, "admin-2")):
        told.do(who, DeclineAsked(ask=ask, reason="no"))
        with pytest.raises(NotFound):
            told.do("admin-2", ConfirmAsked(ask=ask))


def test_no_request_carries_a_second_name() -> None:
    names = {field.name for command in COMMANDS.values() for field in fields(command)}
    assert not {name for name in names if "second" in name or name in {"confirmed_by", "approved_by", "on_behalf_of"}}
