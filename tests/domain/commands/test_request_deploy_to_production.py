"""RequestDeploy: into production, waiting for the window, once more, and by whom."""
# Long: one gate, production's, with its window, in the order of its rules.

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from interlock.domain.commands.deploy import CancelDeploy, RequestDeploy, StartDeploy
from interlock.domain.commands.environment import (
    MarkDataCorrupt,
    ObserveFact,
    StateContent,
)
from interlock.domain.commands.problem import ResolveProblem
from interlock.domain.commands.release import OpenRelease
from interlock.domain.errors import NotFound
from interlock.domain.gates import START
from interlock.events.decision import CheckOutcome
from tests.domain.commands.on_the_way import (
    ORDER,
    Breaker,
    R,
    ask,
    before,
    displaced,
    drifted,
    held,
)
from tests.domain.story import (
    DEVELOPMENT,
    PRODUCTION,
    SANDBOX,
    SATURDAY_09,
    STAGE,
    SUNDAY_09,
    TESTS,
    TUESDAY_10,
    Story,
    digest,
    lacks,
    rehearsed,
    running,
)


def test_a_release_reaches_production_only_while_it_is_stage_s_occupant() -> None:
    story = before(PRODUCTION)
    displaced(story)
    missing = ask(story, PRODUCTION)
    assert missing["release-present"].observed == "4.13.0 is in stage"
    assert set(missing) == {
        "release-present",
        "code-reviewed",
        "production-data-restored",
        "migrations-passed",
        "rehearsal-current",
        "core-areas-approved",
    }


def test_corrupt_data_in_stage_voids_what_was_rehearsed_on_it_but_not_the_review() -> None:
    story = before(PRODUCTION)
    story.do("qa-1", MarkDataCorrupt(environment=STAGE, reason="a script ran wild"))
    assert set(ask(story, PRODUCTION)) == {"production-data-restored", "migrations-passed", "core-areas-approved"}


def test_a_snapshot_is_at_most_seven_days_old() -> None:
    story = running().prepared(R)
    taken = story.event("DataRestored").taken_at
    story.at(taken + timedelta(days=7))
    assert "production-data-restored" not in lacks(story.gate(R, PRODUCTION))
    story.at(taken + timedelta(days=7, microseconds=1))
    assert lacks(story.gate(R, PRODUCTION))["production-data-restored"].next == (
        "dt env restore stage --from production"
    )


def test_a_restore_whose_schema_nobody_read_proves_nothing() -> None:
    story = before(PRODUCTION)
    place = story.situation.environment(STAGE)
    assert place.rehearsal is not None
    assert place.rehearsal.restore is not None
    unread = replace(
        place, rehearsal=replace(place.rehearsal, restore=replace(place.rehearsal.restore, schema_digest=None))
    )
    story.situation = replace(story.situation, environments={**story.situation.environments, STAGE: unread})
    assert set(ask(story, PRODUCTION)) == {"rehearsal-current"}


def test_a_release_contains_what_production_runs() -> None:
    story = before(PRODUCTION, contains=())
    missing = ask(story, PRODUCTION)
    assert set(missing) == {"includes-production"}
    assert missing["includes-production"].next == f"dt release content {R}"


def test_on_a_weekday_a_normal_release_waits_and_is_told_until_when() -> None:
    story = rehearsed().at(TUESDAY_10).check_logs()
    decision = story.ask("anton", RequestDeploy(release=R, environment=PRODUCTION)).decision
    missing = lacks(decision)
    assert set(missing) == {"release-window"}
    outcome = missing["release-window"]
    assert (outcome.state, outcome.passes_at, outcome.until) == (
        "waiting",
        SATURDAY_09,
        SATURDAY_09 + timedelta(hours=3),
    )
    assert decision.allowed_at == SATURDAY_09
    assert decision.next[0].command == f"dt deploy {R} {PRODUCTION} --at-window"


def test_allowed_at_is_said_only_where_time_alone_is_missing() -> None:
    story = rehearsed().at(TUESDAY_10).check_logs()
    held(story)
    decision = story.ask("anton", RequestDeploy(release=R, environment=PRODUCTION)).decision
    assert (set(lacks(decision)), decision.allowed_at) == ({"release-window", "no-hold"}, None)


@pytest.mark.parametrize(
    "moment, is_open",
    [
        (SATURDAY_09 - timedelta(microseconds=1), False),
        (SATURDAY_09, True),
        (SATURDAY_09 + timedelta(hours=3) - timedelta(microseconds=1), True),
        (SATURDAY_09 + timedelta(hours=3), False),
        (SUNDAY_09, True),
        (SUNDAY_09 + timedelta(days=1), False),
    ],
)
def test_the_window_is_half_open_on_saturday_and_on_sunday(moment: datetime, *, is_open: bool) -> None:
    story = rehearsed().at(moment).check_logs()
    assert ("release-window" in lacks(story.gate(R, PRODUCTION))) is not is_open


def test_naming_a_problem_lets_no_normal_release_out_of_its_window() -> None:
    story = running()
    problem = story.problem()
    story.prepared(R, fixes=(problem,)).at(TUESDAY_10).check_logs()
    command = RequestDeploy(release=R, environment=PRODUCTION, problem=problem)
    assert set(lacks(story.refuse("anton", command).decision)) == {"release-window"}


def test_a_normal_release_that_names_the_production_problem_as_fixed_is_not_blocked_by_it() -> None:
    story = running()
    problem = story.problem()
    story.prepared(R, fixes=(problem,)).at(SATURDAY_09).check_logs()
    assert ask(story, PRODUCTION) == {}


def hotfix() -> tuple[Story, str]:
    story = running()
    problem = story.problem()
    return story.hotfix("4.11.1", problem), problem


def to_production(story: Story) -> dict[str, CheckOutcome]:
    return lacks(story.ask("dora", RequestDeploy(release="4.11.1", environment=PRODUCTION)).decision)


def test_a_hotfix_has_no_window_and_does_not_wait_for_logs_but_skips_no_step() -> None:
    story, problem = hotfix()
    story.at(TUESDAY_10)
    assert to_production(story) == {}
    states = {outcome.check: outcome.state for outcome in story.event("DeployRequested").decision.checks}
    assert (states["release-window"], states["log-watch-current"]) == ("not_applicable", "not_applicable")
    assert (states["problem-linked"], states["hotfix-confirmed"]) == ("passed", "passed")
    assert {check for check, state in states.items() if state == "not_applicable"} == {
        "release-window",
        "log-watch-current",
        "new-tests-named",
        "new-tests-ran",
    }
    assert story.event("DeployRequested").problem == problem


def test_a_hotfix_nobody_confirmed_does_not_start() -> None:
    story = running()
    problem = story.problem()
    story.do("dora", OpenRelease(name="4.11.1", kind="hotfix", title="4.11.1", problem=problem))
    story.do("dora", story.content("4.11.1", author="dora", contains=("4.11.0",)))
    story.confirm("4.11.1").to_tests("4.11.1").to_sandbox("4.11.1").rehearse("4.11.1")
    missing = to_production(story)
    assert set(missing) == {"hotfix-confirmed"}
    assert (missing["hotfix-confirmed"].state, missing["hotfix-confirmed"].who) == (
        "needed",
        ("qa-1", "qa-2", "reviewer-1", "rm-1"),
    )


def test_a_content_that_was_rolled_back_from_is_refused_by_name() -> None:
    story = running().released(R)
    story.rollback(story.problem())
    story.finish("4.11.0", PRODUCTION)
    assert "not-rolled-back" in ask(story, PRODUCTION)


# -- waiting for the window ---------------------------------------------------------------------------

AT_WINDOW = RequestDeploy(release=R, environment=PRODUCTION, at_window=True)


def test_at_window_is_accepted_when_the_window_alone_is_missing() -> None:
    story = rehearsed().at(TUESDAY_10).check_logs()
    requested = story.do("anton", AT_WINDOW).facts[0].event
    assert (requested.at_window, requested.ready_from) == (True, SATURDAY_09)
    assert requested.expires_at == SATURDAY_09 + timedelta(hours=3)


@pytest.mark.parametrize("breaker", [held, drifted, displaced])
def test_at_window_is_refused_when_anything_else_is_missing(breaker: Breaker) -> None:
    story = rehearsed().at(TUESDAY_10).check_logs()
    breaker(story)
    story.refuse("anton", AT_WINDOW, "release-window")


def test_inside_the_window_at_window_is_a_request_like_any_other() -> None:
    requested = before(PRODUCTION).do("anton", AT_WINDOW).facts[0].event
    assert (requested.at_window, requested.ready_from) == (False, None)


def test_a_request_expires_after_a_day_or_with_its_window() -> None:
    story = before(STAGE)
    story.do("anton", RequestDeploy(release=R, environment=STAGE))
    assert story.event("DeployRequested").expires_at == story.now + timedelta(hours=24)
    story = before(PRODUCTION)
    story.do("anton", RequestDeploy(release=R, environment=PRODUCTION))
    assert story.event("DeployRequested").expires_at == SATURDAY_09 + timedelta(hours=3)


def test_a_request_reserves_nothing() -> None:
    story = before(SANDBOX)
    story.do("anton", RequestDeploy(release=R, environment=SANDBOX))
    story.develop("4.13.0").to_tests("4.13.0")
    story.deploy("4.13.0", SANDBOX)
    occupant = story.situation.environment(SANDBOX).occupant
    assert occupant is not None
    assert occupant.release == "4.13.0"


def test_asking_again_changes_nothing() -> None:
    story = before(STAGE)
    story.do("anton", RequestDeploy(release=R, environment=STAGE))
    assert not story.do("dora", RequestDeploy(release=R, environment=STAGE)).facts
    assert len(story.situation.requests) == 1


def test_a_request_that_was_taken_back_may_be_made_again() -> None:
    story = before(STAGE)
    deploy = story.do("anton", RequestDeploy(release=R, environment=STAGE)).facts[0].event.deploy
    story.do("anton", CancelDeploy(release=R, deploy=deploy, reason="not yet"))
    assert story.do("anton", RequestDeploy(release=R, environment=STAGE)).facts[0].event.deploy != deploy


# -- redeploys ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("environment", ORDER[1:4])
def test_a_redeploy_needs_no_more_than_any_start(environment: str) -> None:
    story = before(environment)
    story.deploy(R, environment)
    story.do("anton", RequestDeploy(release=R, environment=environment))
    requested = story.event("DeployRequested")
    assert requested.intent == "redeploy"
    assert [outcome.check for outcome in requested.decision.checks] == ["role-held", *START]


def test_a_redeploy_into_the_developers_sandbox_too_is_asked_for_by_its_owner_alone() -> None:
    story = before(DEVELOPMENT)
    story.deploy(R, DEVELOPMENT)
    assert set(ask(story, DEVELOPMENT, "dora")) == {"owner-only"}
    story.do("anton", RequestDeploy(release=R, environment=DEVELOPMENT))
    requested = story.event("DeployRequested")
    assert requested.intent == "redeploy"
    assert [outcome.check for outcome in requested.decision.checks] == ["role-held", *START, "owner-only"]


def test_a_redeploy_in_production_needs_the_window_or_a_problem() -> None:
    story = running().released(R)
    story.tick(days=2)
    assert set(ask(story, PRODUCTION)) == {"release-window"}
    problem = story.problem()
    assert set(ask(story, PRODUCTION)) == {"release-window"}
    story.do("anton", RequestDeploy(release=R, environment=PRODUCTION, problem=problem))
    assert story.event("DeployRequested").intent == "redeploy"


def test_a_request_names_no_problem_that_lets_nothing_go() -> None:
    story = running().released(R)
    problem = story.problem()
    story.do("rm-1", ResolveProblem(problem=problem, how="by itself"))
    story.do("anton", RequestDeploy(release=R, environment=PRODUCTION, problem=problem))
    requested = story.event("DeployRequested")
    assert (requested.intent, requested.problem) == ("redeploy", None)


def test_new_content_of_the_occupant_is_a_promotion() -> None:
    story = before(STAGE)
    story.deploy(R, STAGE)
    story.do("anton", story.content(R, contains=("4.11.0",), salt="2"))
    assert {"environment-order", "tests-passed"} <= set(ask(story, STAGE))


def test_what_two_persons_stated_to_be_there_is_promoted_not_redeployed() -> None:
    story = running().develop(R)
    story.do(
        "qa-1",
        ObserveFact(
            environment=PRODUCTION,
            kind="drift",
            source="cron",
            description="another image",
            observed_digest=digest("x"),
        ),
    )
    content = story.situation.releases[R].content
    assert content is not None
    story.both(
        "anton",
        "dora",
        StateContent(
            environment=PRODUCTION, state="content", release=R, content_digest=content.digest, reason="we looked"
        ),
    )
    assert {"tests-passed", "code-reviewed", "release-present"} <= set(ask(story.at(SATURDAY_09), PRODUCTION))


# -- who, and what is not there -----------------------------------------------------------------------


@pytest.mark.parametrize("who", ["reviewer-1", "admin-1"])
def test_who_may_not_ask_for_deploys_is_told_who_may(who: str) -> None:
    refused = before(STAGE).refuse(who, RequestDeploy(release=R, environment=STAGE), "role-held")
    assert refused.reason == "role"
    assert "rm-1" in lacks(refused.decision)["role-held"].who


def test_there_is_no_deploy_of_an_unknown_release_or_to_an_unknown_environment() -> None:
    story = running().develop(R)
    with pytest.raises(NotFound, match="release"):
        story.ask("anton", RequestDeploy(release="9.9.9", environment=TESTS))
    with pytest.raises(NotFound, match="environment"):
        story.ask("anton", RequestDeploy(release=R, environment="moon"))


def test_all_checks_run_again_at_the_start() -> None:
    story = before(PRODUCTION)
    deploy = story.do("anton", RequestDeploy(release=R, environment=PRODUCTION)).facts[0].event.deploy
    story.test(failed=("test_orders",))
    start = StartDeploy(release=R, deploy=deploy, observed=story.observed(PRODUCTION))
    assert set(lacks(story.refuse("ci-1", start).decision)) == {"tests-passed"}
