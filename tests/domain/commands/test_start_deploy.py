"""StartDeploy: every check again, on what the runner found; then a lease, and the old occupant is none."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from interlock.domain.commands.deploy import RequestDeploy, StartDeploy
from interlock.domain.commands.environment import FreezeEnvironment, SetDataFeed
from interlock.domain.commands.governance import GrantRole, RegisterPrincipal
from interlock.domain.commands.problem import ResolveProblem
from interlock.domain.commands.release import ConfirmHotfix, HoldRelease, OpenRelease
from interlock.domain.errors import InvalidCommand, NotFound
from interlock.events.catalogue.parts import Identity, Observed
from tests.domain.story import (
    DEVELOPMENT,
    MONDAY,
    PRODUCTION,
    SANDBOX,
    SATURDAY_09,
    STAGE,
    TESTS,
    TUESDAY_10,
    Story,
    digest,
    identity,
    lacks,
    rehearsed,
    running,
)

R = "4.12.0"


def requested(environment: str, story: Story | None = None) -> tuple[Story, StartDeploy]:
    story = story or rehearsed().at(SATURDAY_09).check_logs()
    deploy = story.do("anton", RequestDeploy(release=R, environment=environment)).facts[0].event.deploy
    return story, StartDeploy(release=R, deploy=deploy, observed=story.observed(environment))


def test_a_start_takes_the_lease_with_a_new_fencing_token_and_ends_the_old_occupancy() -> None:
    story, start = requested(PRODUCTION)
    granted, started = (new.event for new in story.do("ci-1", start).facts)
    assert (granted.kind, granted.holder, granted.subject) == ("deploy", "ci-1", f"deploy {start.deploy}")
    assert granted.expires_at == story.now + timedelta(minutes=15)
    assert (started.replaced_release, started.executor) == ("4.11.0", "ci-1")
    assert started.fencing_token == granted.fencing_token
    assert story.situation.environment(PRODUCTION).occupant is None


def test_tokens_only_grow() -> None:
    story = running().develop(R)
    first = story.event("DeployStarted").fencing_token
    story.deploy(R, DEVELOPMENT)
    assert story.event("DeployStarted").fencing_token == first + 1


WRONG = [
    None,
    Identity(system_identifier="1", database=PRODUCTION, address="10.0.0.1:5432"),
    replace(identity(PRODUCTION), database="other"),
    replace(identity(PRODUCTION), address="10.0.0.2:5432"),
    replace(identity(PRODUCTION), address=None),
]


@pytest.mark.parametrize("found", WRONG, ids=["unread", "server", "database", "address", "no address"])
def test_another_place_than_the_registered_one_is_refused(found: Identity | None) -> None:
    story, start = requested(PRODUCTION)
    wrong = replace(start, observed=replace(start.observed, identity=found))
    assert set(lacks(story.refuse("ci-1", wrong).decision)) == {"environment-identified"}


@pytest.mark.parametrize("schema", [None, digest("another schema")], ids=["unread", "another"])
def test_production_s_schema_is_compared_again_with_what_the_record_says(schema: str | None) -> None:
    story, start = requested(PRODUCTION)
    wrong = replace(start, observed=replace(start.observed, schema_digest=schema))
    assert set(lacks(story.refuse("ci-1", wrong).decision)) == {"rehearsal-current"}


def test_the_feed_that_the_runner_reads_counts_more_than_the_one_that_was_set() -> None:
    story = rehearsed()
    story.do("rm-1", SetDataFeed(environment=SANDBOX, feed="IEX Production"))
    story, start = requested(SANDBOX, story)
    # The redeploy of an occupant needs no feed: let another release have taken the place.
    story.develop("4.13.0").to_tests("4.13.0")
    story.deploy("4.13.0", SANDBOX)
    wrong = replace(start, observed=replace(start.observed, feed="IEX Sandbox"))
    assert "data-feed-correct" in lacks(story.refuse("ci-1", wrong).decision)


def test_the_window_is_looked_at_again() -> None:
    story, start = requested(PRODUCTION)
    story.now += timedelta(hours=3)
    refused = story.refuse("ci-1", start, "release-window", "request-unexpired")
    assert lacks(refused.decision)["release-window"].passes_at == SATURDAY_09 + timedelta(days=1)


def test_a_hotfix_whose_problem_was_resolved_since_the_request_obeys_the_window() -> None:
    story = running()
    problem = story.problem()
    story.hotfix("4.11.1", problem).at(TUESDAY_10)
    deploy = story.do("dora", RequestDeploy(release="4.11.1", environment=PRODUCTION)).facts[0].event.deploy
    story.do("rm-1", ResolveProblem(problem=problem, how="by itself"))
    start = StartDeploy(release="4.11.1", deploy=deploy, observed=story.observed(PRODUCTION))
    assert set(lacks(story.refuse("ci-1", start).decision)) == {"release-window"}


def test_a_start_names_the_open_problem_that_lets_it_go_though_another_was_asked_for() -> None:
    story = running()
    problem = story.problem()
    story.hotfix("4.11.1", problem).at(TUESDAY_10)
    deploy = story.do("dora", RequestDeploy(release="4.11.1", environment=PRODUCTION)).facts[0].event.deploy
    story.do("rm-1", ResolveProblem(problem=problem, how="by itself"))
    another = story.problem(title="orders freeze")
    story.do("rm-1", ConfirmHotfix(release="4.11.1", problem=another))
    story.do("ci-1", StartDeploy(release="4.11.1", deploy=deploy, observed=story.observed(PRODUCTION)))
    assert story.event("DeployRequested").problem == problem
    assert _linked(story) == [story.situation.problems[another].position]
    assert story.event("DeployStarted").problem == another


def test_the_retry_of_a_hotfix_names_its_failure_where_its_own_problem_is_open_no_more() -> None:
    story = running()
    problem = story.problem()
    story.hotfix("4.11.1", problem).at(TUESDAY_10)
    story.start("4.11.1", PRODUCTION, "dora")
    story.fail("4.11.1", PRODUCTION)
    (failure,) = (p for p in story.situation.problems.values() if p.failed_deploy is not None)
    deploy = story.do("dora", RequestDeploy(release="4.11.1", environment=PRODUCTION)).facts[0].event.deploy
    assert story.event("DeployRequested").problem == problem
    story.do("rm-1", ResolveProblem(problem=problem, how="by itself"))
    story.do("ci-1", StartDeploy(release="4.11.1", deploy=deploy, observed=story.observed(PRODUCTION)))
    assert _linked(story) == [failure.position]
    assert story.event("DeployStarted").problem == failure.problem


def _linked(story: Story) -> list[int]:
    """What the last start's `problem-linked` rests on."""
    checks = story.event("DeployStarted").decision.checks
    return [position for outcome in checks if outcome.check == "problem-linked" for position in outcome.evidence]


@pytest.mark.parametrize(
    "command, check",
    [
        (HoldRelease(release=R, reason="wait"), "no-hold"),
        (FreezeEnvironment(environment=PRODUCTION, reason="audit"), "no-freeze"),
    ],
)
def test_what_came_up_since_the_request_stops_the_start(command: object, check: str) -> None:
    story, start = requested(PRODUCTION)
    story.do("rm-1", command)
    assert set(lacks(story.refuse("ci-1", start).decision)) == {check}


@pytest.mark.parametrize("who", ["anton", "rm-1", "qa-1"])
@pytest.mark.parametrize("environment", [TESTS, STAGE, PRODUCTION])
def test_a_runner_starts_deploys_and_no_person(who: str, environment: str) -> None:
    story, start = requested(environment)
    outcome = lacks(story.refuse(who, start).decision)["reported-by-runner"]
    assert (outcome.state, outcome.who) == ("needed", ("ci-1",))


def test_by_hand_where_the_policy_lists_it_but_never_by_an_author() -> None:
    story = running()
    story.do("anton", OpenRelease(name=R, kind="normal", title=R))
    story.do("anton", story.content(R))
    story, start = requested(DEVELOPMENT, story)
    story.refuse("anton", start, "reported-by-runner")
    accepted = story.do("dora", start)
    marked = {outcome.check: outcome for outcome in accepted.decision.checks}["reported-by-runner"]
    assert (marked.observed, marked.by) == ("dora, by hand", "dora")


def test_an_agent_is_no_runner() -> None:
    story, start = requested(PRODUCTION)
    story.do("admin-1", RegisterPrincipal(principal="bot", kind="agent"))
    story.both("admin-1", "admin-2", GrantRole(principal="bot", role="developer"))
    story.refuse("bot", start, "reported-by-runner")


def test_of_two_requests_for_one_environment_the_second_waits_for_the_first() -> None:
    story = running().develop(R).to_tests(R)
    story.develop("4.13.0").to_tests("4.13.0")
    story, start = requested(SANDBOX, story)
    story.start("4.13.0", SANDBOX)
    assert set(lacks(story.refuse("ci-1", start).decision)) == {"environment-free"}
    story.finish("4.13.0", SANDBOX)
    assert story.do("ci-1", start).facts


def test_a_request_is_over_at_its_moment_even_if_nobody_said_so_yet() -> None:
    story, start = requested(STAGE)
    story.now += timedelta(hours=24)
    assert set(lacks(story.refuse("ci-1", start).decision)) == {"request-unexpired"}


def test_starting_it_again_changes_nothing() -> None:
    story, start = requested(PRODUCTION)
    story.do("ci-1", start)
    assert not story.do("ci-1", start).facts


def test_what_nobody_requested_is_not_started() -> None:
    story = rehearsed()
    with pytest.raises(NotFound, match="requested deploy"):
        story.ask("ci-1", StartDeploy(release=R, deploy="D-99", observed=Observed()))


def test_a_deploy_belongs_to_its_release() -> None:
    story, start = requested(PRODUCTION)
    story.develop("4.13.0")
    with pytest.raises(InvalidCommand, match=r"is a deploy of 4\.12\.0"):
        story.ask("ci-1", replace(start, release="4.13.0"))


def test_what_became_a_promotion_since_the_request_passes_the_whole_gate() -> None:
    story, start = requested(STAGE)
    assert story.event("DeployRequested").intent == "redeploy"
    story.test(failed=("test_orders",))
    story.develop("4.13.0").to_tests("4.13.0").to_sandbox("4.13.0")
    story.deploy("4.13.0", STAGE)
    assert set(lacks(story.refuse("ci-1", start).decision)) == {"tests-passed"}


def test_a_start_in_stage_ends_the_rehearsal_there_even_if_it_changes_nothing() -> None:
    story = rehearsed()
    story.start(R, STAGE)
    story.fail(R, STAGE, "unchanged")
    assert {"code-reviewed", "production-data-restored", "migrations-passed", "core-areas-approved"} <= set(
        lacks(story.gate(R, PRODUCTION))
    )


def test_a_start_is_dated_by_the_ledger() -> None:
    story, start = requested(PRODUCTION)
    story.do("ci-1", start)
    assert story.events[-1].recorded_at == story.now > MONDAY
