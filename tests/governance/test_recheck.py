"""Every recorded decision, decided again: nothing differs, unless somebody wrote what the rules do not say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from interlock.domain import rebuild
from interlock.domain.again import Given, essence, question, recorded, replay, say
from interlock.domain.checks import CHECKS
from interlock.domain.checks.asked import outcome
from interlock.domain.commands import COMMANDS
from interlock.domain.commands.deploy import RequestDeploy, StartDeploy
from interlock.domain.commands.evidence import ApproveManualQA
from interlock.domain.commands.release import SetReleaseContent
from interlock.domain.rebuild import candidates
from interlock.domain.recheck import Checked, recheck
from interlock.events.codec import decode
from tests.domain import adjusting, given
from tests.domain.examples import EXAMPLES
from tests.domain.story import PRODUCTION, SANDBOX, SATURDAY_09, STAGE, Story
from tests.governance.histories import EVERY, Events, changed, hashed


def differing(events: Events) -> list[Checked]:
    return [checked for checked in recheck(events) if checked.differs is not None]


@pytest.mark.parametrize("name", EVERY)
def test_every_decision_of_any_history_comes_out_the_same(name: str) -> None:
    events = EVERY[name]()
    found = list(recheck(events))
    assert [checked for checked in found if checked.differs] == []
    assert [checked for checked in found if checked.known == "unknown"] == []
    assert sum(checked.events for checked in found) == len(events)


@pytest.mark.parametrize("name", [name for name in EVERY if name.startswith("walk")])
def test_a_walk_decided_again_would_be_written_to_the_last_byte(name: str) -> None:
    for told in replay(EVERY[name]()):
        asked = question(told)
        _, facts = say(told.admitted(asked.command), told, asked.command)
        assert [(new.stream, new.event) for new in facts] == [(each.stream, each.event) for each in told.events]


def test_the_histories_hold_every_command_that_events_can_show() -> None:
    asked = {type(question(told).command).__name__ for events in EVERY.values() for told in replay(events())}
    assert set(COMMANDS) <= asked


# -- a rule that was tampered with when the ledger was written


def told_with(monkeypatch: pytest.MonkeyPatch, check: str, tell: Any) -> Story:
    """A story in which one check said yes to everything, told before the check is mended."""
    with monkeypatch.context() as tampered:
        tampered.setitem(CHECKS, check, lambda asked: outcome(check, "passed", "whatever", "whatever"))
        story: Story = tell()
    return story


def on_a_weekday() -> Story:
    story = given.rehearsed()
    story.start("4.12.0", PRODUCTION)
    return story


def test_a_deploy_that_a_tampered_rule_let_start_is_found_at_its_request_and_at_its_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    story = told_with(monkeypatch, "release-window", on_a_weekday)
    asked, started = differing(story.events)
    assert asked.kind == "DeployRequested"
    assert asked.differs == "recorded as allowed, again refused"
    assert asked.again is not None
    assert [check.check for check in asked.again.missing] == ["release-window"]
    assert started.kind == "LeaseGranted"
    assert started.recorded is not None
    assert started.recorded.action.startswith("start D-")


def test_an_approval_that_holds_no_decision_is_decided_again_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def approved() -> Story:
        story = given.in_stage()
        story.do("qa-1", ApproveManualQA(release="4.12.0", environment=STAGE, areas=("orders",)))
        return story

    def without(*checks: str) -> Story:
        return approved() if not checks else told_with(monkeypatch, checks[0], lambda: without(*checks[1:]))

    [found] = differing(without("areas-covered", "production-data-restored", "migrations-passed").events)
    assert found.kind == "ManualQAApproved"
    assert found.differs == "recorded as allowed, again refused"


def test_a_refusal_that_the_rules_do_not_say_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as tampered:
        tampered.setitem(CHECKS, "no-hold", lambda asked: outcome("no-hold", "failed", "whatever", "whatever"))
        story = given.rehearsed().at(SATURDAY_09).check_logs()
        story.refuse("anton", RequestDeploy(release="4.12.0", environment=PRODUCTION), "no-hold")
    [found] = differing(story.events)
    assert found.differs == "recorded as refused, again allowed"


def test_an_adjustment_that_a_tampered_rule_authorized_is_found_at_each_step_that_it_should_have_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def executed() -> Story:
        story = adjusting.verified()
        story.watch()
        adjusting.execute(story)
        return story

    found = differing(told_with(monkeypatch, "adjustment-verified", executed).events)
    assert [checked.kind for checked in found] == ["DataAdjustAuthorized", "LeaseGranted", "DataAdjustStarted"]
    assert {checked.differs for checked in found} == {"recorded as allowed, again refused"}


# -- a record that was rewritten


def production_start() -> tuple[Events, int]:
    events = tuple(given.released().events)
    [position] = [
        e.position for e in events if e.type == "DeployStarted" and e.event.environment == PRODUCTION
    ]  # fmt: skip
    return events, position


def test_a_check_whose_state_was_rewritten_is_named() -> None:
    events, position = production_start()
    decision = events[position - 1].event.decision
    checks = tuple(
        replace(one, state="not_applicable") if one.check == "code-reviewed" else one for one in decision.checks
    )
    [found] = differing(changed(events, position, decision=replace(decision, checks=checks)))
    assert found.differs == "code-reviewed was not_applicable, is passed"


def test_a_decision_that_claims_to_have_seen_another_moment_is_found() -> None:
    events, position = production_start()
    decision = events[position - 1].event.decision
    [found] = differing(changed(events, position, decision=replace(decision, position=3)))
    assert found.differs == "the decision saw another position or policy"


def test_an_event_that_names_another_policy_than_was_in_force_is_found() -> None:
    events = list(given.developed().events)
    events[-1] = replace(events[-1], policy_version=2)
    assert differing(events)[-1].differs == "it names policy 2; in force was 1"


def test_events_out_of_their_order_are_found() -> None:
    events = list(given.developed().events)
    events[-1] = replace(events[-1], position=events[-1].position + 1)
    assert (differing(events)[-1].differs or "").startswith(f"@{events[-1].position} is event 0")


def test_what_follows_by_itself_may_not_be_left_out() -> None:
    events = [e for e in given.released().events if e.type != "ReleaseCompleted"]
    closed = [replace(e, position=at) for at, e in enumerate(events, 1)]
    found = differing(closed)
    assert any("ReleaseCompleted" in (checked.differs or "") for checked in found)


# -- how sure the question is


def told_at(events: Events, position: int) -> Given:
    return next(told for told in replay(events) if told.position == position)


def test_the_digest_in_the_record_proves_the_command() -> None:
    story = given.tested()
    command = RequestDeploy(release="4.12.0", environment=SANDBOX)
    story.do("anton", command)
    position = len(story.events)
    asked = question(told_at(hashed(story.events, position, command), position))
    assert (asked.known, asked.command) == ("proved", command)
    # Without it, which of two commands it was is not known; they differ in nothing that is decided.
    assert question(told_at(story.events, position)).known == "rebuilt"


def test_of_what_could_have_been_asked_in_two_ways_the_digest_tells_which() -> None:
    story = given.rehearsed().at(SATURDAY_09).check_logs()
    command = RequestDeploy(release="4.12.0", environment=PRODUCTION, at_window=True)
    story.do("anton", command)
    position = len(story.events)
    assert story.events[-1].event.at_window is False
    assert question(told_at(hashed(story.events, position, command), position)).command == command


def test_no_more_questions_are_tried_than_are_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    story = given.tested()
    story.do("anton", RequestDeploy(release="4.12.0", environment=SANDBOX))
    told = told_at(story.events, len(story.events))
    assert len(candidates(told.before, told.events)) > 1
    monkeypatch.setattr(rebuild, "CANDIDATES_MAX", 1)
    assert len(candidates(told.before, told.events)) == 1


def test_what_a_runner_read_is_part_of_the_question() -> None:
    story = given.tested()
    deploy = story.do("anton", RequestDeploy(release="4.12.0", environment=SANDBOX)).facts[0].event.deploy
    command = StartDeploy(release="4.12.0", deploy=deploy, observed=story.observed(SANDBOX))
    story.do("ci-1", command)
    told = told_at(story.events, len(story.events) - 1)
    assert candidates(told.before, told.events)[0] == command


@pytest.mark.parametrize("name", ["ReportDeploySucceeded", "ReportDeployFailed", "ReportRestored", "ReportMigrated"])
def test_when_it_happened_is_part_of_what_was_reported(name: str) -> None:
    story, who, command = EXAMPLES[name]()
    command = replace(command, happened_at=story.now)
    story.tick(minutes=5)
    before = len(story.events)
    story.do(who, command)
    told = told_at(hashed(story.events, before + 1, command), before + 1)
    assert question(told).known == "proved"
    assert question(told).command == command


def test_a_refusal_keeps_its_question_unless_that_would_crowd_the_answer_out() -> None:
    story = given.rehearsed()
    story.refuse("anton", RequestDeploy(release="4.12.0", environment=PRODUCTION), "release-window")
    event = story.event("ActionRefused")
    assert (event.command_type, event.command["release"]) == ("RequestDeploy", "4.12.0")
    released = given.released()
    long = released.content("4.12.0", contains=tuple(f"4.{n}.0-{'x' * 50}" for n in range(400)))
    assert isinstance(long, SetReleaseContent)
    released.refuse("anton", replace(long, artifacts=(*long.artifacts, *long.artifacts)), "release-unfinished")
    assert released.event("ActionRefused").command is None
    last = list(recheck(released.events))[-1]
    assert (last.known, last.differs) == ("unknown", None)


def test_a_refusal_of_before_questions_were_kept_is_counted_and_not_guessed_at() -> None:
    old = (
        b'{"actor":{"id":"anton","kind":"person"},"command_id":"00000000-0000-0000-0000-0000000000ff",'
        b'"data":{"action":"deploy 4.12.0 to stage","decision":{"action":"deploy 4.12.0 to stage","checks":[],'
        b'"position":%d,"policy_version":1,"result":"refused"},"fingerprint":"sha256:%s","subject":"release/4.12.0"},'
        b'"id":"00000000-0000-7000-8000-0000000000ff","ordinal":0,"policy_version":1,"position":%d,"project":"demo",'
        b'"recorded_at":"2026-11-16T09:00:00.000000Z","request_hash":"sha256:%s","schema":1,'
        b'"stream":"refusals/anton","type":"ActionRefused","version":1}'
    )
    events = list(given.developed().events)
    at = len(events)
    events.append(decode(old % (at, b"0" * 64, at + 1, b"0" * 64)))
    last = list(recheck(events))[-1]
    assert (last.known, last.differs) == ("unknown", None)


def test_words_may_change_and_nothing_else() -> None:
    events, position = production_start()
    decision = events[position - 1].event.decision
    told = tuple(replace(one, observed="in other words", required="in other words") for one in decision.checks)
    assert differing(changed(events, position, decision=replace(decision, checks=told))) == []
    told_again = told_at(events, position - 1)
    assert essence(recorded(told_again))[0] == "allowed"
