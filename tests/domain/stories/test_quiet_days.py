"""Stories without drama: the first release, no migrations, an empty `tests`, a queue, content that changes."""

from __future__ import annotations

import pytest

from interlock.domain.commands.deploy import RequestDeploy, StartDeploy
from interlock.domain.commands.environment import BaselineEnvironment
from interlock.domain.commands.evidence import ApproveManualQA, StartTestRun
from interlock.domain.errors import InvalidCommand, NotFound
from tests.domain.story import (
    ALL_AREAS,
    MONDAY,
    PRODUCTION,
    SANDBOX,
    SATURDAY_09,
    STAGE,
    TESTS,
    TUESDAY_10,
    digest,
    empty_production,
    lacks,
    rehearsed,
    running,
    team,
)

R = "4.12.0"


def test_the_first_release_ever() -> None:
    story = empty_production().prepared("1.0.0").at(SATURDAY_09)
    gate = {outcome.check: outcome.state for outcome in story.gate("1.0.0", PRODUCTION).checks}
    assert {check for check, state in gate.items() if state == "not_applicable"} == {
        "new-tests-named",
        "new-tests-ran",
        "production-data-restored",
        "includes-production",
        "problem-linked",
        "hotfix-confirmed",
        "log-watch-current",
    }
    assert gate["core-areas-approved"] == gate["migrations-passed"] == gate["code-reviewed"] == "passed"
    story.deploy("1.0.0", PRODUCTION)
    # From here on production is not empty any more, and the next release knows it.
    story.prepared("1.1.0", contains=())
    assert "includes-production" in lacks(story.gate("1.1.0", PRODUCTION))
    assert story.event("DataRestored").source == PRODUCTION


def test_a_base_is_declared_once_and_by_two_persons() -> None:
    story = team()
    empty = BaselineEnvironment(environment=PRODUCTION, empty=True)
    story.do("admin-1", empty)
    assert "EnvironmentBaselined" not in story.types()
    story.both("rm-1", "admin-2", empty)
    declared = story.event("EnvironmentBaselined")
    assert (declared.asked_by, declared.confirmed_by) == ("rm-1", "admin-2")
    story.refuse("admin-1", empty, "base-undeclared")


def test_a_base_that_is_a_content_has_a_schema_to_compare_rehearsals_with() -> None:
    base = BaselineEnvironment(environment=PRODUCTION, release="4.11.0", content_digest=digest("4.11.0"))
    with pytest.raises(InvalidCommand, match="schema_digest"):
        team().ask("admin-1", base)


def test_without_a_declared_base_nothing_goes_to_production() -> None:
    story = team().develop(R).to_tests(R).to_sandbox(R)
    story.deploy(R, STAGE)
    outcome = lacks(story.gate(R, PRODUCTION))["includes-production"]
    assert outcome.next == "dt env baseline production"


def test_zero_migrations_waive_neither_the_restore_nor_the_core_test() -> None:
    story = running().develop(R, contains=("4.11.0",), migrations=()).to_tests(R).to_sandbox(R)
    story.deploy(R, STAGE)
    gate = {outcome.check: outcome.state for outcome in story.gate(R, PRODUCTION).checks}
    assert gate["migrations-passed"] == "not_applicable"
    assert (gate["production-data-restored"], gate["core-areas-approved"]) == ("failed", "needed")
    core = ApproveManualQA(release=R, environment=STAGE, areas=ALL_AREAS)
    story.refuse("qa-2", core, "production-data-restored")
    story.tick(minutes=1)
    story.restore()
    story.do("qa-2", core)
    assert "migrations-passed" not in lacks(story.gate(R, PRODUCTION))


def test_a_nightly_run_with_tests_empty_fulfils_the_night_and_judges_nobody() -> None:
    story = running().at(MONDAY.replace(day=17, hour=0))
    run = story.do("ci-1", StartTestRun(environment=TESTS, trigger="scheduled", observed=story.observed(TESTS)))
    started = run.facts[-1].event
    assert (started.fulfils, started.release) == ("2026-11-17", None)
    story.report(started.run, failed=("test_orders",))
    assert story.types()[-2:] == ["TestRunFinished", "LeaseReleased"]
    assert "TestRunMissed" not in story.at(TUESDAY_10).types()


def test_two_releases_want_sandbox() -> None:
    story = running().develop(R).to_tests(R)
    story.develop("4.13.0").to_tests("4.13.0")
    first = story.do("anton", RequestDeploy(release=R, environment=SANDBOX)).facts[0].event.deploy
    second = story.do("anton", RequestDeploy(release="4.13.0", environment=SANDBOX)).facts[0].event.deploy
    story.do("ci-1", StartDeploy(release=R, deploy=first, observed=story.observed(SANDBOX)))
    start = StartDeploy(release="4.13.0", deploy=second, observed=story.observed(SANDBOX))
    story.refuse("ci-1", start, "environment-free")
    story.finish(R, SANDBOX)
    # The first was deployed, and then displaced before anybody approved it: that must be redone.
    assert story.do("ci-1", start).facts[-1].event.replaced_release == R
    story.finish("4.13.0", SANDBOX)
    story.refuse("qa-1", ApproveManualQA(release=R, environment=SANDBOX), "release-present")
    story.do("qa-1", ApproveManualQA(release="4.13.0", environment=SANDBOX))
    story.to_sandbox(R)
    # What was finished there stands, whoever came after it.
    assert "manual-qa-approved" not in lacks(story.gate("4.13.0", STAGE))


def test_content_that_changes_while_a_deploy_is_queued_cancels_it() -> None:
    story = rehearsed().at(TUESDAY_10).check_logs()
    request = RequestDeploy(release=R, environment=PRODUCTION, at_window=True)
    deploy = story.do("anton", request).facts[0].event.deploy
    story.do("anton", story.content(R, contains=("4.11.0",), salt="2"))
    assert story.event("DeployCancelled").deploy == deploy
    story.at(SATURDAY_09)
    assert "DeployReady" not in story.types()
    with pytest.raises(NotFound):
        story.ask("ci-1", StartDeploy(release=R, deploy=deploy, observed=story.observed(PRODUCTION)))


def test_a_normal_release_goes_from_its_sandbox_to_production_and_cannot_go_any_other_way() -> None:
    story = rehearsed().at(SATURDAY_09).check_logs()
    story.deploy(R, PRODUCTION)
    succeeded = [e.event.environment for e in story.events if e.type == "DeploySucceeded"]
    assert succeeded == ["sandbox-anton", TESTS, SANDBOX, STAGE, PRODUCTION]
    assert story.types()[-1] == "ReleaseCompleted"
