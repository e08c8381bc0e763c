"""Examples of what moves a release: releases, deploys, evidence, environments."""
# Long: one example a command, a table in the order of the flow.

# ruff: noqa: N802
# Each example has its command's name.

from __future__ import annotations

from interlock.domain.commands import deploy, environment, evidence, release
from interlock.events.catalogue.parts import (
    Artifact,
    Identity,
    RepositoryHead,
)
from tests.domain import given
from tests.domain.example import (
    Example,
    example,
    migrated,
    migrating,
    report_of,
    reported,
    restoring,
    testing,
    waiting,
)
from tests.domain.given import DEVELOPMENT, PRODUCTION, SANDBOX, STAGE, TESTS
from tests.domain.story import digest

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
    return (
        story,
        "ci-1",
        deploy.ReportDeploySucceeded(
            release="4.12.0", deploy=name, fencing_token=given.token(story, TESTS), observed_digest=running.content
        ),
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
    return (
        given.in_stage(),
        "reviewer-1",
        evidence.ApproveCodeReview(
            release="4.12.0", base_release="4.11.0", commit_range="a..b", diff_digest=digest("diff")
        ),
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
    return (
        given.team(),
        "admin-1",
        environment.RegisterEnvironment(
            environment=STAGE, identity=Identity(system_identifier="9", database="stage-2")
        ),
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
    return (
        given.half_deployed(),
        "rm-1",
        environment.StateContent(environment=PRODUCTION, state="mixed", reason="two nodes have the old version"),
    )


@example
def ObserveFact() -> Example:
    return (
        given.released(),
        "dora",
        environment.ObserveFact(
            environment=PRODUCTION,
            kind="drift",
            source="scan",
            description="another image",
            observed_digest=digest("x"),
        ),
    )


@example
def RenewLease() -> Example:
    story, _ = testing()
    story.tick(minutes=6)
    return (
        story,
        "ci-1",
        environment.RenewLease(
            environment=TESTS, lease=given.lease(story, TESTS), fencing_token=given.token(story, TESTS)
        ),
    )


@example
def BreakLease() -> Example:
    story, _ = testing()
    return story, "rm-1", environment.BreakLease(environment=TESTS, lease=given.lease(story, TESTS), reason="stuck")


@example
def StartRestore() -> Example:
    story = given.in_stage()
    return story, "ci-1", environment.StartRestore(environment=STAGE, source=PRODUCTION, observed=story.observed(STAGE))


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
    return (
        story,
        "ci-1",
        environment.ReportRestoreFailed(
            environment=STAGE, restore=restore, fencing_token=given.token(story, STAGE), error="disk full"
        ),
    )


@example
def StartMigration() -> Example:
    story = given.in_stage()
    story.tick(minutes=1).restore()
    return (
        story,
        "ci-1",
        environment.StartMigration(release="4.12.0", environment=STAGE, observed=story.observed(STAGE)),
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
    return (
        story,
        "ci-1",
        environment.ReportErased(
            environment=TESTS, cause="test run", observed=story.observed(TESTS), fencing_token=given.token(story, TESTS)
        ),
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
