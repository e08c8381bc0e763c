"""RequestDeploy: gate by gate, each check of the gate table refuses by itself, and says what would help."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache

import pytest

from interlock.domain.commands.deploy import CancelDeploy, RequestDeploy, StartDeploy
from interlock.domain.commands.environment import (
    FreezeEnvironment,
    MarkDataCorrupt,
    ObserveFact,
    SetDataFeed,
    StateContent,
)
from interlock.domain.commands.evidence import RejectCodeReview, RejectManualQA, WithdrawCodeReview, WithdrawManualQA
from interlock.domain.commands.problem import ResolveProblem
from interlock.domain.commands.release import HoldRelease, OpenRelease, WithdrawRelease
from interlock.domain.errors import NotFound
from interlock.domain.gates import DEPLOY, START
from interlock.domain.policy import PURPOSES
from interlock.events.decision import CheckOutcome
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

R = "4.12.0"
ORDER = (DEVELOPMENT, TESTS, SANDBOX, STAGE, PRODUCTION)
TESTERS = ("qa-1", "qa-2")
Breaker = Callable[[Story], object]


def before(environment: str, **content: object) -> Story:
    """4.12.0 may go to `environment`, now."""
    return _told(environment, **content) if content else _plain(environment).copy()


@cache
def _plain(environment: str) -> Story:
    return _told(environment)


def _told(environment: str, **content: object) -> Story:
    content.setdefault("contains", ("4.11.0",))
    story = running()
    story.do("anton", OpenRelease(name=R, kind="normal", title=R))
    story.do("anton", story.content(R, **content))
    if environment != DEVELOPMENT:
        story.confirm(R)
    if environment in {SANDBOX, STAGE, PRODUCTION}:
        story.to_tests(R)
    if environment in {STAGE, PRODUCTION}:
        story.to_sandbox(R)
    if environment == PRODUCTION:
        story.rehearse(R).at(SATURDAY_09).check_logs()
    return story


def ask(story: Story, environment: str, who: str = "anton") -> dict[str, CheckOutcome]:
    """What stands in the way of the deploy; nothing where it is accepted."""
    return lacks(story.ask(who, RequestDeploy(release=R, environment=environment)).decision)


@pytest.mark.parametrize("environment", ORDER)
def test_with_everything_done_before_it_a_deploy_is_accepted(environment: str) -> None:
    story = before(environment)
    assert ask(story, environment) == {}
    requested = story.event("DeployRequested")
    content = story.situation.releases[R].content
    assert content is not None
    assert (requested.environment, requested.content_digest, requested.intent) == (
        environment, content.digest, "promote",
    )


@pytest.mark.parametrize("environment", ORDER)
def test_every_check_of_the_gate_is_evaluated_and_shown_not_the_first_that_fails(environment: str) -> None:
    story = running()
    story.do("anton", OpenRelease(name=R, kind="normal", title=R))
    refused = story.ask("anton", RequestDeploy(release=R, environment=environment))
    gate = DEPLOY[PURPOSES[ORDER.index(environment)]]
    assert [outcome.check for outcome in refused.decision.checks] == ["role-held", *gate]


CUMULATIVE = {
    DEVELOPMENT: {"owner-only", "data-feed-correct"},
    TESTS: {"environment-order", "content-current", "development-confirmed", "new-tests-named"},
    SANDBOX: {"tests-passed", "new-tests-ran", "data-feed-correct"},
    STAGE: {"manual-qa-approved", "no-open-problem"},
    PRODUCTION: {
        "release-present", "code-reviewed", "production-data-restored", "migrations-passed", "rehearsal-current",
        "includes-production", "core-areas-approved", "release-window", "problem-linked", "hotfix-confirmed",
        "log-watch-current",
    },
}


@pytest.mark.parametrize("environment", ORDER)
def test_a_gate_checks_its_own_row_and_what_the_earlier_rows_checked(environment: str) -> None:
    gate = set(DEPLOY[PURPOSES[ORDER.index(environment)]])
    assert set(START) <= gate
    assert CUMULATIVE[environment] <= gate
    for earlier in ORDER[1:ORDER.index(environment)]:
        # The feed is a property of the environment that is deployed to, not of the release.
        assert CUMULATIVE[earlier] - {"data-feed-correct"} <= gate


def held(story: Story) -> None:
    story.do("rm-1", HoldRelease(release=R, reason="wait"))


def withdrawn(story: Story) -> None:
    story.do("anton", WithdrawRelease(release=R, reason="no"))


@pytest.mark.parametrize("environment", ORDER)
@pytest.mark.parametrize(
    "breaker, check, command",
    [(held, "no-hold", f"dt release unhold {R}"), (withdrawn, "release-open", None)],
    ids=["held", "withdrawn"],
)
def test_a_release_that_is_stopped_starts_nowhere(
    environment: str, breaker: Breaker, check: str, command: str | None
) -> None:
    story = before(environment)
    breaker(story)
    outcome = ask(story, environment)[check]
    assert (outcome.state, outcome.next) == ("failed", command)


@pytest.mark.parametrize("environment", ORDER)
def test_only_one_activity_at_a_time(environment: str) -> None:
    story = before(environment)
    story.start(R, environment)
    outcome = ask(story, environment)["environment-free"]
    assert (outcome.state, outcome.until) == ("failed", story.now + timedelta(minutes=15))
    assert outcome.observed == f"deploy {story.event('DeployStarted').deploy} by ci-1"
    assert outcome.next == f"dt env show {environment}"


@pytest.mark.parametrize("environment", ORDER)
def test_nothing_starts_where_nobody_registered_the_server(environment: str) -> None:
    story = before(environment)
    place = replace(story.situation.environment(environment), identity=None)
    environments = {**story.situation.environments, environment: place}
    story.situation = replace(story.situation, environments=environments)
    outcome = ask(story, environment)["environment-identified"]
    assert (outcome.state, outcome.who) == ("failed", ("admin-1", "admin-2"))
    assert outcome.next == f"dt env register {environment}"


@pytest.mark.parametrize("environment", ORDER)
def test_nothing_new_starts_where_nobody_knows_what_is_there(environment: str) -> None:
    story = before(environment)
    story.do("qa-1", ObserveFact(
        environment=environment, kind="drift", source="cron", description="another image", observed_digest=digest("x")
    ))
    outcome = ask(story, environment)["environment-sure"]
    assert (outcome.state, outcome.next) == ("failed", f"dt env state {environment}")


def freeze(environment: str, since: datetime | None = None, until: datetime | None = None) -> FreezeEnvironment:
    return FreezeEnvironment(environment=environment, reason="audit", since=since, until=until)


@pytest.mark.parametrize("environment", ORDER)
def test_a_freeze_stops_every_start_until_its_end(environment: str) -> None:
    story = before(environment)
    until = story.now + timedelta(minutes=30)
    story.do("rm-1", freeze(environment, until=until))
    asked = story.ask("anton", RequestDeploy(release=R, environment=environment)).decision
    outcome = lacks(asked)["no-freeze"]
    assert (outcome.state, outcome.passes_at, asked.allowed_at) == ("waiting", until, until)
    assert ask(story.at(until), environment) == {}


@pytest.mark.parametrize("environment", ORDER)
def test_a_freeze_without_an_end_needs_somebody_to_end_it(environment: str) -> None:
    story = before(environment)
    story.do("rm-1", freeze(environment))
    outcome = ask(story, environment)["no-freeze"]
    assert (outcome.state, outcome.who, outcome.next) == ("failed", ("rm-1",), f"dt env unfreeze {environment}")


def test_a_freeze_that_lies_ahead_stops_nothing_yet() -> None:
    story = before(PRODUCTION)
    story.do("rm-1", freeze(PRODUCTION, since=SUNDAY_09))
    assert ask(story, PRODUCTION) == {}


def without(**content: object) -> Callable[[str], Story]:
    return lambda environment: before(environment, **content)


def drifted(story: Story) -> None:
    """Something was seen in production, and two persons said that all is as it was."""
    story.do("qa-1", ObserveFact(
        environment=PRODUCTION, kind="drift", source="cron", description="another image", observed_digest=digest("x")
    ))
    story.both("rm-1", "qa-1", StateContent(
        environment=PRODUCTION, state="content", release="4.11.0", content_digest=digest("4.11.0"), reason="looked"
    ))
    story.do("rm-1", ResolveProblem(problem=story.event("ProblemReported").problem, how="a false alarm"))


def displaced(story: Story) -> None:
    story.develop("4.13.0").to_tests("4.13.0").to_sandbox("4.13.0")
    story.deploy("4.13.0", STAGE)


BROKEN: list[tuple[str, str, Breaker, str, str, str | None, tuple[str, ...]]] = [
    ("another feed", DEVELOPMENT,
     lambda s: s.do("rm-1", SetDataFeed(environment=DEVELOPMENT, feed="IEX Production")),
     "data-feed-correct", "failed", f'dt env feed {DEVELOPMENT} "IEX Sandbox"', ()),
    ("another feed", SANDBOX, lambda s: s.do("rm-1", SetDataFeed(environment=SANDBOX, feed="IEX Sandbox")),
     "data-feed-correct", "failed", f'dt env feed {SANDBOX} "IEX Production"', ()),
    ("red tests", SANDBOX, lambda s: s.test(failed=("test_orders",)), "tests-passed", "failed", "dt test-run start",
     ()),
    ("red tests", STAGE, lambda s: s.test(failed=("test_orders",)), "tests-passed", "failed", "dt test-run start", ()),
    ("red tests", PRODUCTION, lambda s: s.test(failed=("test_orders",)), "tests-passed", "failed",
     "dt test-run start", ()),
    ("QA rejected", STAGE, lambda s: s.do("qa-2", RejectManualQA(release=R, environment=SANDBOX, reason="it lags")),
     "manual-qa-approved", "failed", f"dt qa approve {R} --env {SANDBOX}", TESTERS),
    ("QA withdrawn", STAGE, lambda s: s.do("qa-1", WithdrawManualQA(release=R, environment=SANDBOX, reason="I erred")),
     "manual-qa-approved", "needed", f"dt qa approve {R} --env {SANDBOX}", TESTERS),
    ("QA withdrawn", PRODUCTION,
     lambda s: s.do("qa-1", WithdrawManualQA(release=R, environment=SANDBOX, reason="I erred")),
     "manual-qa-approved", "needed", f"dt qa approve {R} --env {SANDBOX}", TESTERS),
    ("a problem in sandbox", STAGE, lambda s: s.problem(SANDBOX), "no-open-problem", "failed", "dt problem show P-1",
     ()),
    ("a problem in stage", PRODUCTION, lambda s: s.problem(STAGE), "no-open-problem", "failed", "dt problem show P-1",
     ()),
    ("a problem in production", PRODUCTION, lambda s: s.problem(PRODUCTION), "no-open-problem", "failed",
     "dt problem show P-1", ()),
    ("the review rejected", PRODUCTION, lambda s: s.do("reviewer-1", RejectCodeReview(release=R, reason="a race")),
     "code-reviewed", "failed", f"dt review approve {R}", ("reviewer-1",)),
    ("the review withdrawn", PRODUCTION, lambda s: s.do("rm-1", WithdrawCodeReview(release=R, reason="a race")),
     "code-reviewed", "needed", f"dt review approve {R}", ("reviewer-1",)),
    ("the core test rejected", PRODUCTION,
     lambda s: s.do("qa-2", RejectManualQA(release=R, environment=STAGE, reason="it lags")),
     "core-areas-approved", "failed", f"dt qa approve {R} --env {STAGE}", TESTERS),
    ("the core test withdrawn", PRODUCTION,
     lambda s: s.do("qa-2", WithdrawManualQA(release=R, environment=STAGE, reason="I erred")),
     "core-areas-approved", "needed", f"dt qa approve {R} --env {STAGE}", TESTERS),
    ("production doubted and stated", PRODUCTION, drifted, "rehearsal-current", "failed", f"dt deploy {R} {STAGE}",
     ()),
    ("logs unread", PRODUCTION, lambda s: s.tick(minutes=76), "log-watch-current", "needed",
     "dt logs checked production", ("anton", "dora", "operator-1", "qa-1", "qa-2", "rm-1")),
]


@pytest.mark.parametrize(
    "environment, breaker, check, state, command, who", [row[1:] for row in BROKEN],
    ids=[f"{row[0]}-{row[1]}" for row in BROKEN],
)
def test_each_check_alone_refuses_and_says_who_and_what_would_help(
    environment: str, breaker: Breaker, check: str, state: str, command: str | None, who: tuple[str, ...]
) -> None:
    story = before(environment)
    breaker(story)
    refused = story.refuse("anton", RequestDeploy(release=R, environment=environment))
    missing = lacks(refused.decision)
    assert set(missing) == {check}
    outcome = missing[check]
    assert (outcome.state, outcome.next, outcome.who) == (state, command, who)
    assert command is None or command in [step.command for step in refused.decision.next]


def test_in_the_developers_sandbox_the_owner_alone_asks() -> None:
    outcome = ask(before(DEVELOPMENT), DEVELOPMENT, "dora")
    assert set(outcome) == {"owner-only"}
    assert (outcome["owner-only"].state, outcome["owner-only"].who) == ("needed", ("anton",))


def test_a_release_without_content_goes_nowhere() -> None:
    story = running()
    story.do("anton", OpenRelease(name=R, kind="normal", title=R))
    assert set(ask(story, DEVELOPMENT)) == {"content-current"}
    assert ask(story, TESTS)["content-current"].next == f"dt release content {R}"


def test_a_release_enters_tests_only_from_the_developers_sandbox_and_confirmed() -> None:
    story = before(DEVELOPMENT)
    missing = ask(story, TESTS)
    assert set(missing) == {"environment-order", "development-confirmed"}
    assert missing["environment-order"].next == f"dt deploy {R} {DEVELOPMENT}"
    assert (missing["development-confirmed"].state, missing["development-confirmed"].who) == ("needed", ("anton",))
    assert missing["development-confirmed"].next == f"dt release confirm {R}"


def test_new_functionality_without_named_tests_does_not_enter_tests() -> None:
    assert set(ask(before(TESTS, adds_functionality=True), TESTS)) == {"new-tests-named"}
    assert ask(before(TESTS, adds_functionality=True, new_tests=("test_new",)), TESTS) == {}


def test_each_named_new_test_must_have_run() -> None:
    story = before(TESTS, new_tests=("test_new", "test_newer"))
    story.to_tests(R, ran=("test_new",))
    outcome = ask(story, SANDBOX)
    assert set(outcome) == {"new-tests-ran"}
    assert outcome["new-tests-ran"].observed == "did not run: test_newer"
    story.test(ran=("test_new", "test_newer"))
    assert ask(story, SANDBOX) == {}


@pytest.mark.parametrize("missing", [1, 2, 3])
def test_no_environment_is_jumped_over(missing: int) -> None:
    story = before(ORDER[missing])
    outcome = ask(story, ORDER[missing + 1])["environment-order"]
    assert (outcome.state, outcome.next) == ("failed", f"dt deploy {R} {ORDER[missing]}")


def test_deploying_again_to_an_earlier_environment_never_helps_to_a_later_one() -> None:
    story = before(STAGE)
    story.deploy(R, TESTS)
    assert ask(story, STAGE) == {}
    assert "environment-order" in ask(story, PRODUCTION)


def test_a_release_reaches_production_only_while_it_is_stage_s_occupant() -> None:
    story = before(PRODUCTION)
    displaced(story)
    missing = ask(story, PRODUCTION)
    assert missing["release-present"].observed == "4.13.0 is in stage"
    assert set(missing) == {
        "release-present", "code-reviewed", "production-data-restored", "migrations-passed", "rehearsal-current",
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
        "dt env restored stage --from production"
    )


def test_a_restore_whose_schema_nobody_read_proves_nothing() -> None:
    story = before(PRODUCTION)
    place = story.situation.environment(STAGE)
    assert place.rehearsal is not None
    assert place.rehearsal.restore is not None
    unread = replace(place, rehearsal=replace(place.rehearsal, restore=replace(place.rehearsal.restore,
                                                                              schema_digest=None)))
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
        "waiting", SATURDAY_09, SATURDAY_09 + timedelta(hours=3),
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
        (SATURDAY_09 - timedelta(microseconds=1), False), (SATURDAY_09, True),
        (SATURDAY_09 + timedelta(hours=3) - timedelta(microseconds=1), True),
        (SATURDAY_09 + timedelta(hours=3), False), (SUNDAY_09, True), (SUNDAY_09 + timedelta(days=1), False),
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
        "release-window", "log-watch-current", "new-tests-named", "new-tests-ran",
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
        "needed", ("qa-1", "qa-2", "reviewer-1", "rm-1"),
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


@pytest.mark.parametrize("environment", ORDER[:4])
def test_a_redeploy_needs_no_more_than_any_start(environment: str) -> None:
    story = before(environment)
    story.deploy(R, environment)
    story.do("anton", RequestDeploy(release=R, environment=environment))
    requested = story.event("DeployRequested")
    assert requested.intent == "redeploy"
    assert [outcome.check for outcome in requested.decision.checks] == ["role-held", *START]


def test_a_redeploy_in_production_needs_the_window_or_a_problem() -> None:
    story = running().released(R)
    story.tick(days=2)
    assert set(ask(story, PRODUCTION)) == {"release-window"}
    problem = story.problem()
    assert set(ask(story, PRODUCTION)) == {"release-window"}
    story.do("anton", RequestDeploy(release=R, environment=PRODUCTION, problem=problem))
    assert story.event("DeployRequested").intent == "redeploy"


def test_new_content_of_the_occupant_is_a_promotion() -> None:
    story = before(STAGE)
    story.deploy(R, STAGE)
    story.do("anton", story.content(R, contains=("4.11.0",), salt="2"))
    assert {"environment-order", "tests-passed"} <= set(ask(story, STAGE))


def test_what_two_persons_stated_to_be_there_is_promoted_not_redeployed() -> None:
    story = running().develop(R)
    story.do("qa-1", ObserveFact(
        environment=PRODUCTION, kind="drift", source="cron", description="another image", observed_digest=digest("x")
    ))
    content = story.situation.releases[R].content
    assert content is not None
    story.both("anton", "dora", StateContent(
        environment=PRODUCTION, state="content", release=R, content_digest=content.digest, reason="we looked"
    ))
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
