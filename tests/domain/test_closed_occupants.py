"""What runs somewhere may be over and forgotten: each command that decides about an occupant loads it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import pytest

from interlock.domain.commands import COMMANDS
from interlock.domain.commands.deploy import RequestDeploy, RequestRollback, StartDeploy
from interlock.domain.commands.environment import (
    ReportErased,
    ReportMigrated,
    ReportRestored,
    ReportRestoreFailed,
    StartMigration,
    StartRestore,
)
from interlock.domain.commands.evidence import ApproveCodeReview, ApproveManualQA
from interlock.domain.commands.problem import DismissProblem
from interlock.domain.commands.release import HoldRelease
from interlock.domain.decide import Accepted, Refused, Submitted, decide
from interlock.domain.errors import InvalidCommand, NotFound
from interlock.domain.evolve import admit
from interlock.domain.explain import gate
from interlock.domain.needs import completed, streams_needed
from interlock.domain.situation import OCCUPANTS_KEPT_MAX, Environment, Situation
from interlock.events.catalogue.parts import AppliedMigration, Migration
from interlock.events.catalogue.release import ReleaseCompleted
from interlock.events.envelope import Actor, Recorded
from tests.domain import given
from tests.domain.examples import EXAMPLES
from tests.domain.given import DEVELOPMENT, PRODUCTION, SANDBOX, STAGE, TESTS, Story
from tests.domain.story import ALL_AREAS, SATURDAY_09, digest, lacks
from tests.domain.walk import Walk

OLD, NEW = "4.12.0", "4.13.0"
WHERE_IT_WAITS = (DEVELOPMENT, TESTS, SANDBOX, STAGE)
WALKED, ENOUGH = 300, 100


@cache
def _displaced() -> Story:
    story = given.running().released(OLD)
    return story.at(SATURDAY_09 + timedelta(days=6)).released(NEW, at=SATURDAY_09 + timedelta(days=7))


def back(*environments: str) -> Story:
    """One release followed the other into production; the first one runs in these environments again."""
    story = given.copied(_displaced())
    for environment in environments:
        story.deploy(OLD, environment)
    assert OLD not in story.situation.releases
    return story


def restore_of(story: Story, environment: str, source: str = PRODUCTION) -> StartRestore:
    return StartRestore(environment=environment, source=source, observed=story.observed(environment))


# -- what each of them decides about


def test_a_completed_release_that_ran_nowhere_is_rehearsed_again_from_restore_to_core_test() -> None:
    story = back()
    rehearse(story, base=NEW)
    seen = given.seen(story, RequestDeploy(release=OLD, environment=PRODUCTION))
    # It does not contain what production runs by now; nothing of its rehearsal is lacking.
    assert set(lacks(gate(seen, OLD, PRODUCTION, story.now))) == {"includes-production"}


def rehearse(story: Story, base: str) -> None:
    story.deploy(OLD, STAGE)
    review = ApproveCodeReview(release=OLD, base_release=base, commit_range="v1..v2", diff_digest=digest("diff"))
    story.do("reviewer-1", review)
    story.tick(minutes=1).restore()
    assert [e.event.release for e in story.events if e.type == "LeaseGranted"][-1] == OLD
    migrate(story)
    story.do("qa-2", ApproveManualQA(release=OLD, environment=STAGE, areas=ALL_AREAS))
    assert OLD not in story.situation.releases


def migrate(story: Story) -> None:
    start = StartMigration(release=OLD, environment=STAGE, observed=story.observed(STAGE))
    migration = story.do("ci-1", start).facts[0].event.subject.split()[1]
    content = given.seen(story, start).releases[OLD].content
    assert content is not None
    assert content.migrations
    report = ReportMigrated(
        release=OLD, environment=STAGE, migration=migration, fencing_token=given.token(story, STAGE),
        migrations=tuple(AppliedMigration(id=m.id, digest=m.digest, duration_ms=1) for m in content.migrations),
        schema_before=digest("before"), schema_after=digest("after"),
    )  # fmt: skip
    story.refuse("ci-1", replace(report, migrations=()), "migrations-complete")
    story.do("ci-1", report)


def test_its_migrations_are_its_own_where_stage_has_forgotten_that_it_was_there() -> None:
    story = back()
    for _ in range(OCCUPANTS_KEPT_MAX):
        story.deploy(NEW, STAGE)
    story.deploy(OLD, STAGE)
    story.tick(minutes=1).restore()
    migrate(story)


def test_a_test_run_is_a_verdict_on_it() -> None:
    story = back(TESTS)
    story.test(failed=("test_quotes",))
    assert story.event("TestRunStarted").release == OLD
    assert [e.stream for e in story.events if e.type == "TestsFailed"] == [f"release/{OLD}"]


def test_what_holds_it_bars_the_work_on_it() -> None:
    story = back(STAGE)
    story.do("qa-1", HoldRelease(release=OLD, reason="wait"))
    assert set(lacks(story.refuse("ci-1", restore_of(story, STAGE)).decision)) == {"no-hold"}


def test_what_holds_it_bars_the_retry_of_what_was_lost_on_it() -> None:
    story = back(STAGE)
    story.do("ci-1", restore_of(story, STAGE))
    story.tick(minutes=20)
    story.do("qa-1", HoldRelease(release=OLD, reason="wait"))
    assert set(lacks(story.refuse("ci-1", restore_of(story, STAGE)).decision)) == {"no-hold"}


def test_its_author_reports_nothing_of_it_by_hand() -> None:
    story = back(SANDBOX, DEVELOPMENT)
    story.refuse("anton", restore_of(story, SANDBOX), "reported-by-runner")
    story.do("dora", restore_of(story, SANDBOX))
    shared: dict[str, Any] = {"environment": SANDBOX, "restore": "S-3", "fencing_token": given.token(story, SANDBOX)}
    assert story.event("LeaseGranted").subject == f"restore {shared['restore']} from {PRODUCTION}"
    done = ReportRestored(**shared, snapshot="nightly", taken_at=story.now)
    for report in (done, ReportRestoreFailed(**shared, error="the disk is full")):
        story.refuse("anton", report, "reported-by-runner")
    story.do("dora", done)
    erase = ReportErased(environment=DEVELOPMENT, cause="a clean start", observed=story.observed(DEVELOPMENT))
    story.refuse("anton", erase, "reported-by-runner")
    story.do("dora", erase)


def test_its_author_settles_no_problem_that_it_names_as_fixed_though_every_place_forgot_that_it_does() -> None:
    story = given.running()
    problem = story.problem()
    story.released(OLD, fixes=(problem,), author="rm-1")
    story.at(SATURDAY_09 + timedelta(days=6))
    story.released(NEW, at=SATURDAY_09 + timedelta(days=7), fixes=(problem,))
    for _ in range(OCCUPANTS_KEPT_MAX):
        for environment in (PRODUCTION, *WHERE_IT_WAITS):
            story.deploy(NEW, environment)
    dismissal = DismissProblem(problem=problem, reason="it was none")
    assert f"release/{OLD}" not in streams_needed(story.situation, dismissal)
    story.deploy(OLD, TESTS)
    story.refuse("rm-1", dismissal, "resolver-independent")
    story.do("qa-1", dismissal)


# -- rolling back


@pytest.mark.parametrize("elsewhere", [False, True], ids=["it runs nowhere", "it runs in tests"])
def test_a_rollback_that_failed_half_way_is_tried_again_whatever_its_target_had_migrated(elsewhere: bool) -> None:
    story = given.running()
    story.released(OLD, migrations=(Migration(id="m-1", digest=digest("m-1"), backward_compatible=False),))
    story.at(SATURDAY_09 + timedelta(days=6)).released(NEW, at=SATURDAY_09 + timedelta(days=7))
    if elsewhere:
        story.deploy(OLD, TESTS)
    problem = story.problem()
    story.rollback(problem)
    story.fail(OLD, PRODUCTION)
    deploy = story.rollback(problem)
    story.finish(OLD, PRODUCTION)
    occupant = story.situation.environment(PRODUCTION).occupant
    assert occupant is not None
    assert occupant.deploy == deploy


def test_what_it_had_half_done_bars_the_way_back_where_it_cannot_be_taken_back() -> None:
    story, last = given.running(), "4.14.0"
    problem = story.problem()
    migrations = (Migration(id="m-1", digest=digest("m-1"), backward_compatible=False),)
    story.released(OLD, migrations=migrations, contains=("4.11.0", NEW, last), fixes=(problem,))
    story.at(SATURDAY_09 + timedelta(days=6))
    story.released(NEW, at=SATURDAY_09 + timedelta(days=7), fixes=(problem,))
    for _ in range(OCCUPANTS_KEPT_MAX):
        story.deploy(NEW, PRODUCTION)
    story.at(SATURDAY_09 + timedelta(days=13)).released(last, at=SATURDAY_09 + timedelta(days=14), fixes=(problem,))
    back_again = RequestRollback(environment=PRODUCTION, problem=problem)
    request = story.do("rm-1", back_again).facts[-1].event
    rehearse(story, base=last)
    story.start(OLD, PRODUCTION)
    story.fail(OLD, PRODUCTION)
    story.refuse("rm-1", back_again, "rollback-compatible")
    start = StartDeploy(release=NEW, deploy=request.deploy, observed=story.observed(PRODUCTION))
    story.refuse("ci-1", start, "rollback-compatible")


# -- every command


def held(place: Environment) -> Iterator[str | None]:
    """The releases that the environment's state names; None where it names nothing."""
    if place.occupant is not None:
        yield place.occupant.release
    if place.deploy is not None:
        yield place.deploy.release
        yield place.deploy.before.release if place.deploy.before is not None else None
    if place.run is not None:
        yield place.run.release
    if place.lease is not None:
        yield place.lease.work.release
    if place.unsure is not None and place.unsure.work is not None:
        yield place.unsure.work.release


Streams = dict[str, list[Recorded[Any]]]


def over(situation: Situation, events: list[Recorded[Any]]) -> tuple[Situation, Situation, Streams]:
    """The situation with all that is held somewhere completed: as it is while it is known, and once it is forgotten."""
    somewhere = {name for place in situation.environments.values() for name in held(place)}
    names = [name for name in situation.releases if name in somewhere]
    known, streams = dict(situation.releases), Streams()
    for event in events:
        streams.setdefault(event.stream, []).append(event)
    for name in names:
        stream = f"release/{name}"
        last = streams[stream][-1]
        streams[stream].append(
            replace(last, version=last.version + 1, type="ReleaseCompleted", event=ReleaseCompleted(deploy="D-0"))
        )
        known[name] = admit(replace(situation, releases={}), stream, streams[stream]).releases[name]
    forgotten = {name: release for name, release in known.items() if name not in names}
    return replace(situation, releases=known), replace(situation, releases=forgotten), streams


def answered(
    situation: Situation, streams: Streams, who: Actor, command: Any, now: datetime
) -> Accepted | Refused | str:
    """What the rules say, with what the command needs; or that it names nothing, or contradicts itself."""
    situation = completed(situation, command, lambda stream: streams.get(stream, ()))
    try:
        return decide(situation, Submitted(command=command, actor=who), now)
    except (NotFound, InvalidCommand) as wrong:
        return repr(wrong)


def assert_forgetting_changes_nothing(
    situation: Situation, events: list[Recorded[Any]], who: Actor, command: Any, now: datetime
) -> bool:
    """Whether something was forgotten; the answer is the same."""
    known, forgotten, streams = over(situation, events)
    answer = answered(forgotten, streams, who, command, now)
    assert answer == answered(known, streams, who, command, now)
    assert "is no release of this project" not in str(answer) or "4.11.0" in str(answer)
    return known.releases != forgotten.releases


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_is_answered_as_if_nothing_had_been_forgotten(name: str) -> None:
    story, who, command = EXAMPLES[name]()
    assert_forgetting_changes_nothing(story.situation, story.events, given.actor(story, who), command, story.now)


def test_so_is_whatever_people_do() -> None:
    story = Walk(3).go(WALKED)
    told = [
        assert_forgetting_changes_nothing(seen, story.events[: seen.position], who, command, now)
        for seen, who, command, now in story.taken
    ]
    assert sum(told) > ENOUGH
