"""AcceptRestoredLedger: a ledger that was restored takes commands when two administrators say so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from interlock.desk import NotAccepted, real_rules
from interlock.domain.commands.governance import Annotate, ConfirmAsked, DeclineAsked
from interlock.domain.errors import InvalidCommand
from interlock.domain.evolve import evolve
from interlock.events.envelope import Actor
from tests.domain import given
from tests.domain.examples import EXAMPLES

ADMIN = Actor(id="admin-1", kind="person")
REMARK = Annotate(target=1, kind="remark", text="x")


def test_the_first_asks_and_the_second_opens_it() -> None:
    story, who, command = EXAMPLES["AcceptRestoredLedger"]()
    [asked] = story.do(who, command).facts
    story.refuse(who, ConfirmAsked(ask=asked.event.ask), "second-person")
    assert story.situation.restored == command.position
    story.do("admin-2", ConfirmAsked(ask=asked.event.ask))
    opened = story.event("LedgerRestored")
    assert (opened.position, opened.backup) == (command.position, command.backup)
    assert (opened.asked_by, opened.confirmed_by) == ("admin-1", "admin-2")
    assert story.situation.restored is None


def test_whoever_is_no_administrator_opens_nothing() -> None:
    story, _, command = EXAMPLES["AcceptRestoredLedger"]()
    story.refuse("rm-1", command, "role-held")


def test_it_names_where_the_ledger_ends() -> None:
    story, who, command = EXAMPLES["AcceptRestoredLedger"]()
    with pytest.raises(InvalidCommand, match="ends at"):
        story.ask(who, replace(command, position=command.position - 1))


def test_nobody_closes_a_ledger_that_was_not_restored() -> None:
    _, who, command = EXAMPLES["AcceptRestoredLedger"]()
    story = given.team()
    with pytest.raises(InvalidCommand, match="was not restored"):
        story.ask(who, command)


def test_until_then_nothing_else_is_decided_also_after_a_no() -> None:
    story, who, command = EXAMPLES["AcceptRestoredLedger"]()
    [asked] = story.do(who, command).facts
    decide = real_rules().decide
    with pytest.raises(NotAccepted):
        decide(story.situation, REMARK, ADMIN, story.now)
    no = DeclineAsked(ask=asked.event.ask, reason="what was lost?")
    assert decide(story.situation, no, Actor(id="admin-2", kind="person"), story.now).decision is None
    story.do("admin-2", no)
    with pytest.raises(NotAccepted):
        decide(story.situation, REMARK, ADMIN, story.now)
    [again] = story.do("admin-2", command).facts
    story.do("admin-1", ConfirmAsked(ask=again.event.ask))
    assert decide(story.situation, REMARK, ADMIN, story.now).decision is None


def test_the_question_itself_closes_the_ledger() -> None:
    story, who, command = EXAMPLES["AcceptRestoredLedger"]()
    story.do(who, command)
    asked = story.events[-1]
    assert evolve(replace(story.situation, restored=None), asked).restored == command.position


def test_another_question_is_not_confirmed_on_a_closed_ledger() -> None:
    story, who, command = EXAMPLES["ConfirmAsked"]()
    story.situation = replace(story.situation, restored=story.situation.position)
    with pytest.raises(NotAccepted):
        real_rules().decide(story.situation, command, given.actor(story, who), story.now)
