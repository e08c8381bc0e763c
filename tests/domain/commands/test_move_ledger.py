"""MoveLedger: a ledger is closed for good by two administrators, and goes on where it went."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from interlock.desk import LedgerElsewhere, NotAccepted, real_rules
from interlock.domain.commands.governance import AcceptRestoredLedger, Annotate, ConfirmAsked, MoveLedger
from interlock.domain.due import due
from interlock.domain.errors import InvalidCommand
from interlock.events.envelope import Actor
from tests.domain import given
from tests.domain.examples import EXAMPLES
from tests.domain.story import Story

ADMIN = Actor(id="admin-1", kind="person")
REMARK = Annotate(target=1, kind="remark", text="x")


def moved() -> tuple[Story, MoveLedger]:
    story, who, command = EXAMPLES["MoveLedger"]()
    [asked] = story.do(who, command).facts
    story.do("admin-2", ConfirmAsked(ask=asked.event.ask))
    return story, command


def test_the_first_asks_and_the_second_closes_it() -> None:
    story, who, command = EXAMPLES["MoveLedger"]()
    [asked] = story.do(who, command).facts
    # A question closes nothing.
    assert real_rules().decide(story.situation, REMARK, ADMIN, story.now).decision is None
    story.refuse(who, ConfirmAsked(ask=asked.event.ask), "second-person")
    story.do("admin-2", ConfirmAsked(ask=asked.event.ask))
    event = story.event("LedgerMoved")
    assert (event.source, event.target) == ("embedded", "cluster-1")
    assert story.situation.moved == "cluster-1"


def test_whoever_is_no_administrator_moves_nothing() -> None:
    story, _, command = EXAMPLES["MoveLedger"]()
    story.refuse("rm-1", command, "role-held")


def test_it_moves_to_another_place() -> None:
    with pytest.raises(InvalidCommand, match="another place"):
        given.team().ask("admin-1", MoveLedger(source="cluster-1", target="cluster-1"))


def test_afterwards_every_command_is_told_where_it_went_and_nobody_opens_it_here() -> None:
    story, command = moved()
    opening = AcceptRestoredLedger(position=story.situation.position, backup="itself", taken_at=story.now)
    for late in (REMARK, command, opening, ConfirmAsked(ask="C-1")):
        with pytest.raises(LedgerElsewhere, match="cluster-1"):
            real_rules().decide(story.situation, late, ADMIN, story.now)


def test_time_brings_nothing_where_it_moved_away() -> None:
    story = given.team()
    story.do("admin-1", MoveLedger(source="embedded", target="cluster-2"))
    [asked] = story.do("admin-1", MoveLedger(source="embedded", target="cluster-1")).facts
    later = story.now + timedelta(days=60)
    assert due(story.situation, later)
    story.do("admin-2", ConfirmAsked(ask=asked.event.ask))
    assert due(story.situation, later) == ()


def test_where_it_went_two_persons_open_it_and_time_goes_on() -> None:
    story, _ = moved()
    end = story.situation.position
    opening = AcceptRestoredLedger(position=end, backup="the ledger before cluster-1", taken_at=story.now)
    # What the tool that fills the new ledger asks, as the first thing there, closes it until it is confirmed.
    story.situation = replace(story.situation, restored=end)
    [asked] = story.do("admin-1", opening).facts
    with pytest.raises(NotAccepted):
        real_rules().decide(story.situation, REMARK, ADMIN, story.now)
    story.do("admin-2", ConfirmAsked(ask=asked.event.ask))
    assert (story.situation.moved, story.situation.restored) == (None, None)
    assert real_rules().decide(story.situation, REMARK, ADMIN, story.now).decision is None
    assert due(story.situation, story.now + timedelta(days=60))
