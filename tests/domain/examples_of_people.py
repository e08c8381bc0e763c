"""Examples of what people and time do: problems, policy, team, and what the watch records."""

# ruff: noqa: N802
# Each example has its command's name.

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from interlock.domain import policy as policies
from interlock.domain.commands import governance, problem, timely
from interlock.events.codec import digest_of
from tests.domain import given
from tests.domain.example import (
    Example,
    asked,
    enrolments,
    example,
    reported,
    testing,
    tightened,
    waiting,
)
from tests.domain.given import DEVELOPMENT, PRODUCTION, TESTS
from tests.domain.story import MONDAY, SATURDAY_09, Story, digest

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
    return (
        Story(),
        "serve",
        governance.OpenProject(founders=("admin-1", "admin-2"), enrolments=enrolments(), policy=policies.shipped()),
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
    return (
        story,
        "dora",
        governance.IssueCredential(
            principal="dora", secret_digest=digest("a secret"), expires_at=story.now + timedelta(days=90)
        ),
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
def AcceptRestoredLedger() -> Example:
    story = given.team()
    story.situation = replace(story.situation, restored=story.situation.position)
    command = governance.AcceptRestoredLedger(
        position=story.situation.position, backup="kafka interlock.events", taken_at=story.now
    )
    return story, "admin-1", command


@example
def MoveLedger() -> Example:
    return given.team(), "admin-1", governance.MoveLedger(source="embedded", target="cluster-1")


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
