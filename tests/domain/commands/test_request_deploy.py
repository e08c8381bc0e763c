"""RequestDeploy: gate by gate, each check of the gate table refuses by itself, and says what would help."""
# Long: one gate table, row by row, in the order of the flow.

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from interlock.domain.commands.deploy import RequestDeploy
from interlock.domain.commands.environment import (
    ObserveFact,
    SetDataFeed,
)
from interlock.domain.commands.evidence import RejectCodeReview, RejectManualQA, WithdrawCodeReview, WithdrawManualQA
from interlock.domain.commands.release import OpenRelease
from interlock.domain.gates import DEPLOY, START
from interlock.domain.policy import PURPOSES
from tests.domain.commands.on_the_way import (
    ORDER,
    TESTERS,
    Breaker,
    R,
    ask,
    before,
    drifted,
    freeze,
    held,
    withdrawn,
)
from tests.domain.story import (
    DEVELOPMENT,
    PRODUCTION,
    SANDBOX,
    STAGE,
    SUNDAY_09,
    TESTS,
    digest,
    lacks,
    running,
)


@pytest.mark.parametrize("environment", ORDER)
def test_with_everything_done_before_it_a_deploy_is_accepted(environment: str) -> None:
    story = before(environment)
    assert ask(story, environment) == {}
    requested = story.event("DeployRequested")
    content = story.situation.releases[R].content
    assert content is not None
    assert (requested.environment, requested.content_digest, requested.intent) == (
        environment,
        content.digest,
        "promote",
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
        "release-present",
        "code-reviewed",
        "production-data-restored",
        "migrations-passed",
        "rehearsal-current",
        "includes-production",
        "core-areas-approved",
        "release-window",
        "problem-linked",
        "hotfix-confirmed",
        "log-watch-current",
    },
}


@pytest.mark.parametrize("environment", ORDER)
def test_a_gate_checks_its_own_row_and_what_the_earlier_rows_checked(environment: str) -> None:
    gate = set(DEPLOY[PURPOSES[ORDER.index(environment)]])
    assert set(START) <= gate
    assert CUMULATIVE[environment] <= gate
    for earlier in ORDER[1 : ORDER.index(environment)]:
        # The feed is a property of the environment that is deployed to, not of the release.
        assert CUMULATIVE[earlier] - {"data-feed-correct"} <= gate


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
    story.do(
        "qa-1",
        ObserveFact(
            environment=environment,
            kind="drift",
            source="cron",
            description="another image",
            observed_digest=digest("x"),
        ),
    )
    outcome = ask(story, environment)["environment-sure"]
    assert (outcome.state, outcome.next) == ("failed", f"dt env confirm {environment}")


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


BROKEN: list[tuple[str, str, Breaker, str, str, str | None, tuple[str, ...]]] = [
    (
        "another feed",
        DEVELOPMENT,
        lambda s: s.do("rm-1", SetDataFeed(environment=DEVELOPMENT, feed="IEX Production")),
        "data-feed-correct",
        "failed",
        f'dt env feed {DEVELOPMENT} "IEX Sandbox"',
        (),
    ),
    (
        "another feed",
        SANDBOX,
        lambda s: s.do("rm-1", SetDataFeed(environment=SANDBOX, feed="IEX Sandbox")),
        "data-feed-correct",
        "failed",
        f'dt env feed {SANDBOX} "IEX Production"',
        (),
    ),
    (
        "red tests",
        SANDBOX,
        lambda s: s.test(failed=("test_orders",)),
        "tests-passed",
        "failed",
        "dt test",
        (),
    ),
    ("red tests", STAGE, lambda s: s.test(failed=("test_orders",)), "tests-passed", "failed", "dt test", ()),
    (
        "red tests",
        PRODUCTION,
        lambda s: s.test(failed=("test_orders",)),
        "tests-passed",
        "failed",
        "dt test",
        (),
    ),
    (
        "QA rejected",
        STAGE,
        lambda s: s.do("qa-2", RejectManualQA(release=R, environment=SANDBOX, reason="it lags")),
        "manual-qa-approved",
        "failed",
        f"dt qa approve {R} --env {SANDBOX}",
        TESTERS,
    ),
    (
        "QA withdrawn",
        STAGE,
        lambda s: s.do("qa-1", WithdrawManualQA(release=R, environment=SANDBOX, reason="I erred")),
        "manual-qa-approved",
        "needed",
        f"dt qa approve {R} --env {SANDBOX}",
        TESTERS,
    ),
    (
        "QA withdrawn",
        PRODUCTION,
        lambda s: s.do("qa-1", WithdrawManualQA(release=R, environment=SANDBOX, reason="I erred")),
        "manual-qa-approved",
        "needed",
        f"dt qa approve {R} --env {SANDBOX}",
        TESTERS,
    ),
    (
        "a problem in sandbox",
        STAGE,
        lambda s: s.problem(SANDBOX),
        "no-open-problem",
        "failed",
        "dt problem show P-1",
        (),
    ),
    (
        "a problem in stage",
        PRODUCTION,
        lambda s: s.problem(STAGE),
        "no-open-problem",
        "failed",
        "dt problem show P-1",
        (),
    ),
    (
        "a problem in production",
        PRODUCTION,
        lambda s: s.problem(PRODUCTION),
        "no-open-problem",
        "failed",
        "dt problem show P-1",
        (),
    ),
    (
        "the review rejected",
        PRODUCTION,
        lambda s: s.do("reviewer-1", RejectCodeReview(release=R, reason="a race")),
        "code-reviewed",
        "failed",
        f"dt stage review {R}",
        ("reviewer-1",),
    ),
    (
        "the review withdrawn",
        PRODUCTION,
        lambda s: s.do("rm-1", WithdrawCodeReview(release=R, reason="a race")),
        "code-reviewed",
        "needed",
        f"dt stage review {R}",
        ("reviewer-1",),
    ),
    (
        "the core test rejected",
        PRODUCTION,
        lambda s: s.do("qa-2", RejectManualQA(release=R, environment=STAGE, reason="it lags")),
        "core-areas-approved",
        "failed",
        f"dt qa approve {R} --env {STAGE}",
        TESTERS,
    ),
    (
        "the core test withdrawn",
        PRODUCTION,
        lambda s: s.do("qa-2", WithdrawManualQA(release=R, environment=STAGE, reason="I erred")),
        "core-areas-approved",
        "needed",
        f"dt qa approve {R} --env {STAGE}",
        TESTERS,
    ),
    ("production doubted and stated", PRODUCTION, drifted, "rehearsal-current", "failed", f"dt deploy {R} {STAGE}", ()),
    (
        "logs unread",
        PRODUCTION,
        lambda s: s.tick(minutes=76),
        "log-watch-current",
        "needed",
        "dt logs checked production",
        ("anton", "dora", "operator-1", "qa-1", "qa-2", "rm-1"),
    ),
]


@pytest.mark.parametrize(
    "environment, breaker, check, state, command, who",
    [row[1:] for row in BROKEN],
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
