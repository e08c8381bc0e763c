"""For each command a realistic moment at which it is accepted: who gives it, and what follows.

The table is complete: a command without an example fails the tests that walk over it.
"""

# ruff: noqa: N802, PT028
# Each example has its command's name.

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from interlock.domain import policy as policies
from interlock.domain.commands import deploy, environment, evidence, governance, problem, release, timely
from interlock.events.catalogue.parts import (
    AppliedMigration,
    Artifact,
    CredentialGiven,
    Identity,
    RepositoryHead,
    TestCounts,
)
from interlock.events.codec import digest_of
from interlock.events.envelope import Actor
from interlock.events.values import Trigger
from tests.domain import given
from tests.domain.given import DEVELOPMENT, PRODUCTION, SANDBOX, STAGE, TESTS
from tests.domain.story import MONDAY, SATURDAY_09, Story, digest

Example = tuple[Story, str | Actor, Any]
EXAMPLES: dict[str, Callable[[], Example]] = {}


def example(make: Callable[[], Example]) -> Callable[[], Example]:
    """Register the example under its function's name, which is the command's."""
    EXAMPLES[make.__name__] = make
    return make


def enrolments() -> tuple[CredentialGiven, ...]:
    return tuple(
        CredentialGiven(credential=f"K-{n}", principal=f"admin-{n}", secret_digest=digest(f"code {n}"),
                        purpose="enrolment", scopes=("write",), expires_at=MONDAY + timedelta(days=7))
        for n in (1, 2)
    )  # fmt: skip


def tightened() -> dict[str, Any]:
    return {**policies.shipped(), "snapshot_age_hours": 24}


def asked(story: Story) -> tuple[Story, str]:
    """Somebody asked for something that takes two."""
    ask = story.do("admin-1", governance.GrantRole(principal="dora", role="reviewer")).facts[0].event.ask
    return story, ask


def waiting() -> tuple[Story, str]:
    """A deploy waits for its window."""
    story = given.rehearsed()
    command = deploy.RequestDeploy(release="4.12.0", environment=PRODUCTION, at_window=True)
    return story, story.do("anton", command).facts[0].event.deploy


def restoring() -> tuple[Story, str]:
    story = given.in_stage()
    event = story.do("ci-1", environment.StartRestore(
        environment=STAGE, source=PRODUCTION, observed=story.observed(STAGE))).facts[0].event
    return story, event.subject.split()[1]


def migrating() -> tuple[Story, str]:
    story = given.in_stage()
    story.tick(minutes=1).restore()
    event = story.do("ci-1", environment.StartMigration(
        release="4.12.0", environment=STAGE, observed=story.observed(STAGE))).facts[0].event
    return story, event.subject.split()[1]


def testing(trigger: Trigger = "manual") -> tuple[Story, str]:
    story = given.developed()
    story.deploy("4.12.0", TESTS)
    command = evidence.StartTestRun(environment=TESTS, trigger=trigger, observed=story.observed(TESTS))
    return story, story.do("ci-1", command).facts[-1].event.run


def reported(**more: Any) -> tuple[Story, str]:
    story = given.released()
    return story, story.problem(**more)


def report_of(story: Story, run: str) -> evidence.ReportTestRun:
    return evidence.ReportTestRun(
        environment=TESTS, run=run, fencing_token=given.token(story, TESTS), verdict="passed",
        suite_digest=digest("suite"), report=digest(run), started_at=story.now, finished_at=story.now,
        counts=TestCounts(total=3, passed=3, failed=0, skipped=0),
    )  # fmt: skip


def migrated(story: Story, migration: str) -> environment.ReportMigrated:
    content = story.situation.releases["4.12.0"].content
    assert content is not None
    return environment.ReportMigrated(
        release="4.12.0", environment=STAGE, migration=migration, fencing_token=given.token(story, STAGE),
        migrations=tuple(AppliedMigration(id=m.id, digest=m.digest, duration_ms=1) for m in content.migrations),
        schema_before=digest("before"), schema_after=digest("after"),
    )  # fmt: skip


# -- releases


@example
def OpenRelease() -> Example:
    return given.running(), "anton", release.OpenRelease(name="4.12.0", kind="normal", title="Quotes")


@example
def SetReleaseContent() -> Example:
    story = given.running()
    story.do("anton", release.OpenRelease(name="4.12.0", kind="normal", title="Quotes"))
    return story, "anton", story.content("4.12.0")


@example
def ConfirmDevelopment() -> Example:
    story, who, command = SetReleaseContent()
    story.do(who, command)
    story.deploy("4.12.0", DEVELOPMENT)
    return story, "anton", release.ConfirmDevelopment(release="4.12.0")


@example
def ConfirmHotfix() -> Example:
    story, name = reported()
    story.do("dora", release.OpenRelease(name="4.12.1", kind="hotfix", title="Fix", problem=name))
    story.do("dora", story.content("4.12.1", author="dora", fixes=(name,)))
    return story, "rm-1", release.ConfirmHotfix(release="4.12.1")


@example
def HoldRelease() -> Example:
    return given.developed(), "qa-1", release.HoldRelease(release="4.12.0", reason="wait")


@example
def LiftReleaseHold() -> Example:
    story, who, command = HoldRelease()
    story.do(who, command)
    return story, "rm-1", release.LiftReleaseHold(release="4.12.0", reason="go on")


@example
def WithdrawRelease() -> Example:
    return given.developed(), "rm-1", release.WithdrawRelease(release="4.12.0", reason="not wanted")


# -- deploys


@example
def RequestDeploy() -> Example:
    return given.developed(), "anton", deploy.RequestDeploy(release="4.12.0", environment=TESTS)


@example
def RequestRollback() -> Example:
    story, name = reported()
    return story, "rm-1", deploy.RequestRollback(environment=PRODUCTION, problem=name)


@example
def StartDeploy() -> Example:
    story, who, command = RequestDeploy()
    name = story.do(who, command).facts[0].event.deploy
    return story, "ci-1", deploy.StartDeploy(release="4.12.0", deploy=name, observed=story.observed(TESTS))


@example
def ReportDeploySucceeded() -> Example:
    story = given.developed()
    name = story.start("4.12.0", TESTS)
    running = story.situation.environment(TESTS).deploy
    assert running is not None
    return story, "ci-1", deploy.ReportDeploySucceeded(
        release="4.12.0", deploy=name, fencing_token=given.token(story, TESTS), observed_digest=running.content
    )


@example
def ReportDeployFailed() -> Example:
    story = given.developed()
    name = story.start("4.12.0", TESTS)
    return story, "ci-1", deploy.ReportDeployFailed(
        release="4.12.0", deploy=name, fencing_token=given.token(story, TESTS), phase="switch", error="no",
        environment_left="partial",
    )  # fmt: skip


@example
def CancelDeploy() -> Example:
    story, name = waiting()
    return story, "anton", deploy.CancelDeploy(release="4.12.0", deploy=name, reason="later")


# -- evidence


@example
def StartTestRun() -> Example:
    story = given.developed()
    story.deploy("4.12.0", TESTS)
    return story, "ci-1", evidence.StartTestRun(environment=TESTS, trigger="manual", observed=story.observed(TESTS))


@example
def ReportTestRun() -> Example:
    story, run = testing()
    return story, "ci-1", report_of(story, run)


@example
def AbortTestRun() -> Example:
    story, run = testing()
    return story, "ci-1", evidence.AbortTestRun(environment=TESTS, run=run, reason="no report")


@example
def ApproveManualQA() -> Example:
    return given.in_sandbox(), "qa-1", evidence.ApproveManualQA(release="4.12.0", environment=SANDBOX)


@example
def RejectManualQA() -> Example:
    return given.in_sandbox(), "qa-1", evidence.RejectManualQA(release="4.12.0", environment=SANDBOX, reason="slow")


@example
def WithdrawManualQA() -> Example:
    story, who, command = ApproveManualQA()
    story.do(who, command)
    return story, "qa-1", evidence.WithdrawManualQA(release="4.12.0", environment=SANDBOX, reason="a doubt")


@example
def ApproveCodeReview() -> Example:
    return given.in_stage(), "reviewer-1", evidence.ApproveCodeReview(
        release="4.12.0", base_release="4.11.0", commit_range="a..b", diff_digest=digest("diff")
    )


@example
def RejectCodeReview() -> Example:
    return given.in_stage(), "reviewer-1", evidence.RejectCodeReview(release="4.12.0", reason="unclear")


@example
def WithdrawCodeReview() -> Example:
    story, who, command = ApproveCodeReview()
    story.do(who, command)
    return story, "reviewer-1", evidence.WithdrawCodeReview(release="4.12.0", reason="a doubt")


# -- environments


@example
def RegisterEnvironment() -> Example:
    return given.team(), "admin-1", environment.RegisterEnvironment(
        environment=STAGE, identity=Identity(system_identifier="9", database="stage-2")
    )


@example
def BaselineEnvironment() -> Example:
    return given.team(), "admin-1", environment.BaselineEnvironment(
        environment=PRODUCTION, release="4.11.0", content_digest=digest("4.11.0"), schema_digest=digest("schema"),
        artifacts=(Artifact(purl="pkg:oci/trading@4.11.0", digest=digest("image")),),
        head=(RepositoryHead(repository="trading", sha="a" * 40),),
    )  # fmt: skip


@example
def StateContent() -> Example:
    return given.half_deployed(), "rm-1", environment.StateContent(
        environment=PRODUCTION, state="mixed", reason="two nodes have the old version"
    )


@example
def ObserveFact() -> Example:
    return given.released(), "dora", environment.ObserveFact(
        environment=PRODUCTION, kind="drift", source="scan", description="another image", observed_digest=digest("x")
    )


@example
def RenewLease() -> Example:
    story, _ = testing()
    story.tick(minutes=6)
    return story, "ci-1", environment.RenewLease(
        environment=TESTS, lease=given.lease(story, TESTS), fencing_token=given.token(story, TESTS)
    )


@example
def BreakLease() -> Example:
    story, _ = testing()
    return story, "rm-1", environment.BreakLease(environment=TESTS, lease=given.lease(story, TESTS), reason="stuck")


@example
def StartRestore() -> Example:
    story = given.in_stage()
    return story, "ci-1", environment.StartRestore(
        environment=STAGE, source=PRODUCTION, observed=story.observed(STAGE)
    )


@example
def ReportRestored() -> Example:
    story, restore = restoring()
    return story, "ci-1", environment.ReportRestored(
        environment=STAGE, restore=restore, fencing_token=given.token(story, STAGE), snapshot="dump",
        taken_at=story.now,
    )  # fmt: skip


@example
def ReportRestoreFailed() -> Example:
    story, restore = restoring()
    return story, "ci-1", environment.ReportRestoreFailed(
        environment=STAGE, restore=restore, fencing_token=given.token(story, STAGE), error="disk full"
    )


@example
def StartMigration() -> Example:
    story = given.in_stage()
    story.tick(minutes=1).restore()
    return story, "ci-1", environment.StartMigration(
        release="4.12.0", environment=STAGE, observed=story.observed(STAGE)
    )


@example
def ReportMigrated() -> Example:
    story, migration = migrating()
    return story, "ci-1", migrated(story, migration)


@example
def ReportMigrationFailed() -> Example:
    story, migration = migrating()
    return story, "ci-1", environment.ReportMigrationFailed(
        release="4.12.0", environment=STAGE, migration=migration, fencing_token=given.token(story, STAGE),
        error="duplicate key",
    )  # fmt: skip


@example
def ReportErased() -> Example:
    story, _ = testing()
    return story, "ci-1", environment.ReportErased(
        environment=TESTS, cause="test run", observed=story.observed(TESTS), fencing_token=given.token(story, TESTS)
    )


@example
def MarkDataCorrupt() -> Example:
    return given.in_sandbox(), "qa-1", environment.MarkDataCorrupt(environment=SANDBOX, reason="half a restore")


@example
def MarkDataClean() -> Example:
    story, who, command = MarkDataCorrupt()
    story.do(who, command)
    return story, "qa-1", environment.MarkDataClean(environment=SANDBOX, reason="looked at")


@example
def SetDataFeed() -> Example:
    return given.team(), "rm-1", environment.SetDataFeed(environment=SANDBOX, feed="IEX Production", volume_percent=10)


@example
def CheckLogs() -> Example:
    story = given.released().tick(minutes=30)
    since = story.situation.environment(PRODUCTION).logs_from
    assert since is not None
    return story, "qa-1", environment.CheckLogs(environment=PRODUCTION, since=since, until=story.now, result="clean")


@example
def FreezeEnvironment() -> Example:
    return given.running(), "rm-1", environment.FreezeEnvironment(environment=PRODUCTION, reason="audit")


@example
def UnfreezeEnvironment() -> Example:
    story, who, command = FreezeEnvironment()
    story.do(who, command)
    return story, "rm-1", environment.UnfreezeEnvironment(environment=PRODUCTION, reason="audit is over")


# -- problems


@example
def ReportProblem() -> Example:
    return given.released(), "qa-1", problem.ReportProblem(environment=PRODUCTION, title="quotes freeze")


@example
def AcknowledgeProblem() -> Example:
    story, name = reported()
    return story, "dora", problem.AcknowledgeProblem(problem=name)


@example
def ResolveProblem() -> Example:
    story, name = reported()
    return story, "qa-1", problem.ResolveProblem(problem=name, how="restarted")


@example
def DismissProblem() -> Example:
    story, name = reported()
    return story, "qa-1", problem.DismissProblem(problem=name, reason="a holiday at the exchange")


@example
def ReopenProblem() -> Example:
    story, who, command = ResolveProblem()
    story.do(who, command)
    return story, "qa-2", problem.ReopenProblem(problem=command.problem, reason="again")


# -- policy and team


@example
def OpenProject() -> Example:
    return Story(), "serve", governance.OpenProject(
        founders=("admin-1", "admin-2"), enrolments=enrolments(), policy=policies.shipped()
    )


@example
def ProposePolicy() -> Example:
    return given.team(), "rm-1", governance.ProposePolicy(document=tightened(), reason="fresher data")


@example
def ApprovePolicy() -> Example:
    story, who, command = ProposePolicy()
    story.do(who, command)
    return story, "admin-1", governance.ApprovePolicy(version=2, document_digest=digest_of(tightened()))


@example
def RejectPolicy() -> Example:
    story, who, command = ProposePolicy()
    story.do(who, command)
    return story, "admin-1", governance.RejectPolicy(version=2, reason="too much")


@example
def RegisterPrincipal() -> Example:
    return given.team(), "admin-1", governance.RegisterPrincipal(principal="bot-1", kind="agent")


@example
def DeactivatePrincipal() -> Example:
    return given.team(), "admin-1", governance.DeactivatePrincipal(principal="qa-2", reason="left")


@example
def GrantRole() -> Example:
    return given.team(), "admin-1", governance.GrantRole(principal="dora", role="auditor")


@example
def RevokeRole() -> Example:
    return given.team(), "admin-1", governance.RevokeRole(principal="qa-2", role="tester", reason="other work")


@example
def AssignOwner() -> Example:
    return given.team(), "admin-1", governance.AssignOwner(environment=DEVELOPMENT, principal="dora")


@example
def DesignateOperator() -> Example:
    return given.team(), "admin-1", governance.DesignateOperator(environment=PRODUCTION, principal="dora")


@example
def IssueCredential() -> Example:
    story = given.team()
    return story, "dora", governance.IssueCredential(
        principal="dora", secret_digest=digest("a secret"), expires_at=story.now + timedelta(days=90)
    )


@example
def RevokeCredential() -> Example:
    story, who, command = IssueCredential()
    name = story.do(who, command).facts[0].event.credential
    return story, "dora", governance.RevokeCredential(credential=name, reason="a lost laptop")


@example
def ConfirmAsked() -> Example:
    story, ask = asked(given.team())
    return story, "admin-2", governance.ConfirmAsked(ask=ask)


@example
def DeclineAsked() -> Example:
    story, ask = asked(given.team())
    return story, "admin-2", governance.DeclineAsked(ask=ask, reason="one review is enough")


@example
def Annotate() -> Example:
    return given.team(), "dora", governance.Annotate(target=3, kind="remark", text="by telephone")


# -- what time brings


@example
def ExpireLease() -> Example:
    story, _ = testing()
    story.now += timedelta(minutes=15)
    return story, "watch", timely.ExpireLease(environment=TESTS, lease=given.lease(story, TESTS))


@example
def SettleDeployRequest() -> Example:
    story, name = waiting()
    story.at(SATURDAY_09 - timedelta(minutes=5)).check_logs()
    story.now = SATURDAY_09
    return story, "watch", timely.SettleDeployRequest(release="4.12.0", deploy=name)


@example
def RecordMissedTestRun() -> Example:
    story = given.team()
    story.now = MONDAY.replace(day=17, hour=2)
    return story, "watch", timely.RecordMissedTestRun(environment=TESTS, day="2026-11-17")


@example
def RecordMissedLogCheck() -> Example:
    story = given.released()
    since = story.situation.environment(PRODUCTION).logs_from
    assert since is not None
    story.now += timedelta(minutes=76)
    return story, "watch", timely.RecordMissedLogCheck(environment=PRODUCTION, due_at=since + timedelta(minutes=60))


@example
def RecordOverdueReaction() -> Example:
    story, name = reported()
    story.now += timedelta(minutes=16)
    return story, "watch", timely.RecordOverdueReaction(problem=name)


@example
def ExpireAsked() -> Example:
    story, ask = asked(given.team())
    story.now += timedelta(days=7)
    return story, "watch", timely.ExpireAsked(ask=ask)
