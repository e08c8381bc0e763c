"""The stories of the checks of releases, environments and people; those of adjustments stand beside them."""
# Long: one short story a check, a table in the order of the rules.

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from interlock.domain.commands import deploy, environment, evidence, governance, problem, release
from interlock.events.catalogue.parts import AppliedMigration, Identity, Migration, Observed
from interlock.events.codec import digest_of
from interlock.events.envelope import Actor
from tests.domain import examples, given, guards_of_adjustments
from tests.domain.examples import EXAMPLES, Example
from tests.domain.given import DEVELOPMENT, PRODUCTION, SANDBOX, STAGE, TESTS
from tests.domain.guard import GUARDS, INDEPENDENCE, guard, independence
from tests.domain.story import ALL_AREAS, SATURDAY_09, SUNDAY_09, Story, digest

__all__ = ["GUARDS", "INDEPENDENCE", "guards_of_adjustments"]


def to(place: str, name: str = "4.12.0", **more: Any) -> deploy.RequestDeploy:
    return deploy.RequestDeploy(release=name, environment=place, **more)


def on_saturday(told: Story, name: str = "4.12.0") -> Example:
    """The window is open, and the logs are read."""
    return told.at(SATURDAY_09).check_logs(), "anton", to(PRODUCTION, name)


def drift(told: Story, place: str) -> str:
    """Something else was found there; give the problem's id."""
    found: str = (
        told.do(
            "dora",
            environment.ObserveFact(
                environment=place,
                kind="drift",
                source="scan",
                description="another image",
                observed_digest=digest("other"),
            ),
        )
        .facts[0]
        .event.problem
    )
    return found


def stated(told: Story, place: str) -> None:
    """Two persons state that 4.12.0 is there."""
    content = told.situation.releases["4.12.0"].content
    assert content is not None
    given.stated(told, place, state="content", release="4.12.0", content_digest=content.digest)


# -- any start


@guard("release-open")
def a_withdrawn_release_goes_nowhere() -> Example:
    told = given.developed()
    told.do("rm-1", release.WithdrawRelease(release="4.12.0", reason="not wanted"))
    return told, "anton", to(TESTS)


@guard("environment-free")
def a_second_run_waits_for_the_first() -> Example:
    told, _ = examples.testing()
    return told, "ci-1", evidence.StartTestRun(environment=TESTS, trigger="manual", observed=told.observed(TESTS))


@guard("environment-identified")
def a_deploy_that_finds_another_database_does_not_start() -> Example:
    told, who, command = EXAMPLES["StartDeploy"]()
    elsewhere = Observed(identity=Identity(system_identifier="1", database="production"))
    return told, who, replace(command, observed=elsewhere)


@guard("environment-sure")
def nothing_starts_where_nobody_knows_what_is_there() -> Example:
    told = given.developed()
    drift(told, TESTS)
    return told, "anton", to(TESTS)


@guard("no-freeze")
def nothing_starts_in_a_frozen_environment() -> Example:
    told = given.developed()
    told.do("rm-1", environment.FreezeEnvironment(environment=TESTS, reason="audit"))
    return told, "anton", to(TESTS)


@guard("no-hold")
def a_held_release_stays_where_it_is() -> Example:
    told = given.developed()
    told.do("qa-1", release.HoldRelease(release="4.12.0", reason="wait"))
    return told, "anton", to(TESTS)


@guard("release-present")
def what_is_not_there_is_not_approved_there() -> Example:
    return given.tested(), "qa-1", evidence.ApproveManualQA(release="4.12.0", environment=SANDBOX)


@guard("request-unexpired")
def a_request_whose_day_is_over_does_not_start() -> Example:
    told, who, command = EXAMPLES["StartDeploy"]()
    told.now += timedelta(hours=24)
    return told, who, command


# -- from development to manual QA


@guard("owner-only")
def nobody_else_deploys_to_the_owners_sandbox() -> Example:
    told, who, command = EXAMPLES["SetReleaseContent"]()
    told.do(who, command)
    return told, "dora", to(DEVELOPMENT)


@guard("data-feed-correct")
def the_developers_sandbox_gets_the_sandbox_feed() -> Example:
    told, who, command = EXAMPLES["SetReleaseContent"]()
    told.do(who, command)
    told.do("rm-1", environment.SetDataFeed(environment=DEVELOPMENT, feed="IEX Production"))
    return told, "anton", to(DEVELOPMENT)


@guard("environment-order")
def no_environment_is_skipped() -> Example:
    told, _, _ = EXAMPLES["SetReleaseContent"]()
    # The content went away and came back, while the sandbox kept it: nothing says that this content was deployed.
    there = told.content("4.12.0", contains=("4.11.0",))
    told.do("anton", there)
    told.deploy("4.12.0", DEVELOPMENT)
    told.do("anton", told.content("4.12.0", contains=("4.11.0",), salt="2"))
    told.do("anton", there)
    told.do("anton", release.ConfirmDevelopment(release="4.12.0"))
    return told, "anton", to(TESTS)


@guard("content-current")
def a_release_without_content_goes_nowhere() -> Example:
    told, _, _ = EXAMPLES["SetReleaseContent"]()
    return told, "anton", to(DEVELOPMENT)


@guard("development-confirmed")
def what_the_owner_did_not_confirm_is_not_tested() -> Example:
    told, _, _ = EXAMPLES["ConfirmDevelopment"]()
    return told, "anton", to(TESTS)


@guard("new-tests-named")
def new_functionality_names_its_tests() -> Example:
    return given.running().develop("4.12.0", adds_functionality=True), "anton", to(TESTS)


@guard("tests-passed")
def what_was_not_tested_does_not_reach_the_team() -> Example:
    told, _, _ = EXAMPLES["StartTestRun"]()
    return told, "anton", to(SANDBOX)


@guard("new-tests-ran")
def the_new_tests_ran() -> Example:
    told = given.running().develop("4.12.0", adds_functionality=True, new_tests=("test_quotes",))
    return told.to_tests("4.12.0", ran=("test_orders",)), "anton", to(SANDBOX)


@guard("manual-qa-approved")
def what_no_tester_approved_does_not_reach_stage() -> Example:
    return given.in_sandbox(), "anton", to(STAGE)


@guard("no-open-problem")
def a_problem_keeps_its_release_where_it_was_seen() -> Example:
    told, who, command = EXAMPLES["ApproveManualQA"]()
    told.do(who, command)
    told.problem(SANDBOX)
    return told, "anton", to(STAGE)


# -- who


@independence("approver_independent")
@guard("approver-independent")
def nobody_approves_what_he_wrote() -> Example:
    told = given.running().develop("4.12.0", author="qa-1").to_tests("4.12.0")
    told.deploy("4.12.0", SANDBOX)
    return told, "qa-1", evidence.ApproveManualQA(release="4.12.0", environment=SANDBOX)


@independence("reviewer_independent")
@guard("reviewer-independent")
def nobody_reviews_what_he_wrote() -> Example:
    told = given.running().develop("4.12.0", author="reviewer-1").to_tests("4.12.0").to_sandbox("4.12.0")
    told.deploy("4.12.0", STAGE)
    return (
        told,
        "reviewer-1",
        evidence.ApproveCodeReview(
            release="4.12.0", base_release="4.11.0", commit_range="a..b", diff_digest=digest("diff")
        ),
    )


@independence("resolver_independent")
@guard("resolver-independent")
def nobody_resolves_what_blocks_his_own_release() -> Example:
    told, name = examples.reported()
    told.do("rm-1", release.OpenRelease(name="4.13.0", kind="normal", title="Next"))
    return told, "rm-1", problem.ResolveProblem(problem=name, how="it is gone")


@independence("second_person_independent")
@guard("second-person")
def two_persons_are_two() -> Example:
    told, ask = examples.asked(given.team())
    return told, "admin-1", governance.ConfirmAsked(ask=ask)


@guard("proposer-is-another")
def nobody_approves_his_own_policy() -> Example:
    told = given.team()
    told.do("admin-1", governance.ProposePolicy(document=examples.tightened(), reason="fresher data"))
    document = digest_of(examples.tightened())
    return told, "admin-1", governance.ApprovePolicy(version=2, document_digest=document)


@guard("reported-by-runner")
def what_machines_find_out_is_reported_by_machines() -> Example:
    told, _, command = EXAMPLES["StartDeploy"]()
    return told, "dora", command


@independence("reporter_independent")
def nobody_reports_by_hand_on_what_he_wrote() -> Example:
    told = given.tested()
    name = told.do("anton", to(SANDBOX)).facts[0].event.deploy
    return told, "anton", deploy.StartDeploy(release="4.12.0", deploy=name, observed=told.observed(SANDBOX))


@guard("lease-held")
def a_report_with_an_old_token_does_not_count() -> Example:
    told, who, command = EXAMPLES["ReportTestRun"]()
    return told, who, replace(command, fencing_token=command.fencing_token + 1)


@guard("role-held")
def only_testers_approve_by_hand() -> Example:
    return given.in_sandbox(), "dora", evidence.ApproveManualQA(release="4.12.0", environment=SANDBOX)


@guard("administrator")
def nobody_else_gets_a_credential_for_me() -> Example:
    told, _, command = EXAMPLES["IssueCredential"]()
    return told, "qa-1", command


@guard("credential-valid")
def an_enrolment_serves_once() -> Example:
    told = given.opened()
    founder = Actor(id="admin-1", kind="person", credential="K-1")
    until = told.now + timedelta(days=9)
    told.do(founder, governance.IssueCredential(principal="admin-1", secret_digest=digest("mine"), expires_at=until))
    return (
        told,
        founder,
        governance.IssueCredential(principal="admin-1", secret_digest=digest("stolen"), expires_at=until),
    )


@guard("two-administrators-remain")
def the_last_two_administrators_stay() -> Example:
    told = given.team()
    return told, "admin-1", governance.DeactivatePrincipal(principal="admin-2", reason="left")


@guard("verdict-own")
def nobody_takes_back_anothers_verdict() -> Example:
    told, _, command = EXAMPLES["WithdrawManualQA"]()
    return told, "qa-2", command


# -- content, name, life


@guard("content-unfrozen")
def content_does_not_change_under_a_running_deploy() -> Example:
    told, _, _ = EXAMPLES["ReportDeploySucceeded"]()
    return told, "anton", told.content("4.12.0", salt="more")


@guard("deploy-settled")
def a_release_is_not_withdrawn_under_its_deploy() -> Example:
    told, _, _ = EXAMPLES["ReportDeploySucceeded"]()
    return told, "rm-1", release.WithdrawRelease(release="4.12.0", reason="not wanted")


@guard("release-unfinished")
def what_is_in_production_is_not_withdrawn() -> Example:
    return given.released(), "rm-1", release.WithdrawRelease(release="4.12.0", reason="not wanted")


@guard("name-unused")
def a_name_is_used_once() -> Example:
    return given.developed(), "dora", release.OpenRelease(name="4.12.0", kind="normal", title="Mine")


@guard("authors-known")
def nobody_wrote_it_whom_nobody_knows() -> Example:
    told = given.running()
    told.do("anton", release.OpenRelease(name="4.12.0", kind="normal", title="Quotes"))
    return told, "anton", told.content("4.12.0", author="Anton Q. <anton@home.example>")


# -- the rehearsal


@guard("rehearsal-begun")
def a_review_belongs_to_a_deploy_to_stage() -> Example:
    told, who, command = EXAMPLES["ApproveCodeReview"]()
    name = drift(told, STAGE)
    stated(told, STAGE)
    told.do("qa-1", problem.ResolveProblem(problem=name, how="stated"))
    return told, who, command


@guard("review-base-current")
def a_review_covers_all_changes_since_production() -> Example:
    told, who, command = EXAMPLES["ApproveCodeReview"]()
    return told, who, replace(command, base_release="4.10.0")


@guard("code-reviewed")
def what_was_not_reviewed_does_not_reach_production() -> Example:
    told = given.rehearsed()
    told.do("reviewer-1", evidence.WithdrawCodeReview(release="4.12.0", reason="a doubt"))
    return on_saturday(told)


@guard("production-data-restored")
def a_snapshot_gets_too_old() -> Example:
    told = given.rehearsed().at(SATURDAY_09 + timedelta(days=7)).check_logs()
    return told, "anton", to(PRODUCTION)


@guard("migrations-passed")
def the_core_test_comes_after_the_migrations() -> Example:
    told, _, _ = EXAMPLES["StartMigration"]()
    return told, "qa-2", evidence.ApproveManualQA(release="4.12.0", environment=STAGE, areas=ALL_AREAS)


@guard("restored-after-deploy")
def migrations_are_rehearsed_on_restored_data() -> Example:
    told = given.in_stage()
    return told, "ci-1", environment.StartMigration(release="4.12.0", environment=STAGE, observed=told.observed(STAGE))


@guard("migrations-complete")
def all_migrations_ran_with_the_same_bytes() -> Example:
    told, who, command = EXAMPLES["ReportMigrated"]()
    other = AppliedMigration(id="4.12.0-1", digest=digest("edited"), duration_ms=1)
    return told, who, replace(command, migrations=(other,))


@guard("restore-source-allowed")
def data_goes_only_where_the_policy_lets_it() -> Example:
    told = given.in_sandbox()
    return told, "ci-1", environment.StartRestore(environment=SANDBOX, source=TESTS, observed=told.observed(SANDBOX))


@guard("erase-allowed")
def what_is_rehearsed_is_not_erased() -> Example:
    told = given.in_stage()
    return told, "ci-1", environment.ReportErased(environment=STAGE, cause="tidy", observed=told.observed(STAGE))


@guard("areas-covered")
def the_core_areas_are_all_tested() -> Example:
    told = given.in_stage()
    told.tick(minutes=1).restore()
    told.migrate("4.12.0")
    return told, "qa-2", evidence.ApproveManualQA(release="4.12.0", environment=STAGE, areas=("orders",))


@guard("core-areas-approved")
def what_was_not_tested_in_stage_does_not_reach_production() -> Example:
    told = given.rehearsed()
    told.do("qa-2", evidence.WithdrawManualQA(release="4.12.0", environment=STAGE, reason="a doubt"))
    return on_saturday(told)


@guard("rehearsal-current")
def a_rehearsal_is_over_when_production_changes() -> Example:
    told = given.released().prepared("4.13.0").at(SUNDAY_09).check_logs()
    told.deploy("4.12.0", PRODUCTION)
    return told, "anton", to(PRODUCTION, "4.13.0")


# -- production


@guard("includes-production")
def what_production_runs_is_never_lost() -> Example:
    return on_saturday(given.running().prepared("4.12.0", contains=()))


@guard("release-window")
def a_normal_release_waits_for_the_weekend() -> Example:
    return given.rehearsed(), "anton", to(PRODUCTION)


@guard("problem-linked")
def a_hotfix_is_for_an_open_problem() -> Example:
    told, who, command = EXAMPLES["ResolveProblem"]()
    told.do(who, command)
    return told, "dora", release.OpenRelease(name="4.12.1", kind="hotfix", title="Fix", problem=command.problem)


@guard("hotfix-confirmed")
def a_hotfix_whose_description_changed_is_confirmed_again() -> Example:
    told, name = examples.reported()
    told.hotfix("4.12.1", name)
    told.do("dora", told.content("4.12.1", author="dora", contains=("4.12.0",)))
    told.do("anton", release.ConfirmDevelopment(release="4.12.1"))
    return told, "dora", to(PRODUCTION, "4.12.1")


@guard("log-watch-current")
def a_normal_release_waits_for_the_logs() -> Example:
    return given.rehearsed().at(SATURDAY_09), "anton", to(PRODUCTION)


@guard("not-rolled-back")
def there_is_no_rollback_forward_under_another_name() -> Example:
    told, name = examples.reported()
    same = given.rehearsed().content("4.12.0")
    told.rollback(name)
    told.finish("4.11.0", PRODUCTION)
    told.prepared("4.12.1", artifacts=same.artifacts, commits=same.commits, migrations=same.migrations, fixes=(name,))
    return told.at(SUNDAY_09).check_logs(), "anton", to(PRODUCTION, "4.12.1")


@guard("rollback-target")
def a_base_without_artifacts_is_no_target() -> Example:
    told = given.team()
    told.both(
        "admin-1",
        "rm-1",
        environment.BaselineEnvironment(
            environment=PRODUCTION, release="4.11.0", content_digest=digest("4.11.0"), schema_digest=digest("schema")
        ),
    )
    name = told.released("4.12.0").problem()
    return told, "rm-1", deploy.RequestRollback(environment=PRODUCTION, problem=name)


@guard("rollback-compatible")
def there_is_no_way_back_over_a_migration_that_breaks_the_old_version() -> Example:
    told = given.running()
    breaking = Migration(id="drop", digest=digest("drop"), backward_compatible=False)
    name = told.released("4.12.0", migrations=(breaking,)).problem()
    return told, "rm-1", deploy.RequestRollback(environment=PRODUCTION, problem=name)


@guard("production-sure")
def a_failed_deploys_problem_stays_while_nobody_knows_what_is_there() -> Example:
    told = given.half_deployed()
    [name] = [p.problem for p in told.situation.problems.values() if p.failed_deploy]
    return told, "qa-1", problem.ResolveProblem(problem=name, how="it looks fine")


@guard("hotfix-goes-first")
def a_run_is_not_aborted_for_a_normal_release() -> Example:
    told, run = examples.testing("scheduled")
    return told, "rm-1", evidence.AbortTestRun(environment=TESTS, run=run, reason="hurry", hotfix="4.12.0")


# -- what two persons state


@guard("base-undeclared")
def a_base_is_declared_once() -> Example:
    told, _, command = EXAMPLES["BaselineEnvironment"]()
    other = environment.BaselineEnvironment(environment=PRODUCTION, empty=True)
    ask = told.do("rm-1", other).facts[0].event.ask
    told.both("admin-1", "admin-2", command)
    return told, "admin-1", governance.ConfirmAsked(ask=ask)


@guard("environment-unsure")
def what_is_known_is_not_stated_again() -> Example:
    told, _, command = EXAMPLES["StateContent"]()
    ask = told.do("qa-1", replace(command, state="empty")).facts[0].event.ask
    told.both("rm-1", "dora", command)
    return told, "qa-2", governance.ConfirmAsked(ask=ask)


@guard("logs-continuous")
def logs_are_read_without_a_gap() -> Example:
    told, who, command = EXAMPLES["CheckLogs"]()
    return told, who, replace(command, since=command.since + timedelta(minutes=1))
