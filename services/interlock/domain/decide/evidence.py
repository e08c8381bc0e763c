"""Deciding about evidence: test runs, manual QA, code reviews."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC

from interlock.domain import gates
from interlock.domain.commands.evidence import (
    AbortTestRun,
    ApproveCodeReview,
    ApproveManualQA,
    RejectCodeReview,
    RejectManualQA,
    ReportTestRun,
    StartTestRun,
    WithdrawCodeReview,
    WithdrawManualQA,
)
from interlock.domain.decide.aftermath import new_problem
from interlock.domain.decide.case import Case, New, Ruled
from interlock.domain.decide.leases import granted, released
from interlock.domain.decide.release import stream_of
from interlock.domain.decide.timely import missed_nights, told_missed
from interlock.domain.errors import InvalidCommand, NotFound
from interlock.domain.situation import Environment, Release, TestRun, Verdict
from interlock.events.catalogue import environment as happened_there
from interlock.events.catalogue import release as happened
from interlock.events.decision import CheckOutcome, Decision
from interlock.events.values import QAScope


def start_test_run(case: Case, command: StartTestRun) -> Ruled:
    """Two runs never overlap; the first scheduled run of a UTC day is that day's nightly run."""
    place = case.environment(command.environment)
    if command.environment != case.policy.named("tests"):
        raise InvalidCommand("environment", f"test runs belong to {case.policy.named('tests')}")
    occupant = place.occupant
    release = case.situation.releases.get(occupant.release) if occupant is not None else None
    asked = case.asked(
        command.environment,
        release,
        observed=command.observed,
        starting=True,
        may_be_empty=True,
        content=occupant.content if occupant is not None else None,
    )
    run, lease, token = case.new_id("R"), case.new_id("L"), place.token + 1
    stream = f"environment/{place.name}"
    day = case.now.astimezone(UTC).date().isoformat()
    fulfils = day if command.trigger == "scheduled" and place.fulfilled_day != day else None
    told = [name for name, _ in missed_nights(case.situation, case.policy, case.now)]
    missed = day in {place.missed_day, *told}

    def effect(_: Decision) -> Iterator[New]:
        yield from told_missed(case, place.name)
        name = release.name if release is not None else None
        yield granted(case, place, "test-run", f"test-run {run}", command.observed, name)
        yield New(
            stream=stream,
            event=happened_there.TestRunStarted(
                environment=place.name,
                run=run,
                trigger=command.trigger,
                lease=lease,
                fencing_token=token,
                release=release.name if release is not None else None,
                content_digest=occupant.content if occupant is not None else None,
                fulfils=fulfils,
                late=fulfils is not None and missed,
            ),
        )

    return case.ruled("start a test run", stream, ("reported-by-runner", *gates.TEST_RUN), asked, effect)


def report_test_run(case: Case, command: ReportTestRun) -> Ruled:
    """The run's report; a verdict on the release that occupied the environment throughout."""
    place = case.environment(command.environment)
    action, stream = f"report {command.run} {command.verdict}", f"environment/{place.name}"
    _check_report(command)
    if f"{command.run} {command.verdict}" in place.finished:
        return case.unchanged(action, stream)
    run = place.run
    release = case.situation.releases.get(run.release) if run is not None and run.release is not None else None
    asked = case.asked(place.name, release, token=command.fencing_token, lease=f"test-run {command.run}")

    def effect(_: Decision) -> Iterator[New]:
        assert run is not None
        yield New(
            stream=stream,
            event=happened_there.TestRunFinished(
                environment=place.name,
                run=run.run,
                verdict=command.verdict,
                report=command.report,
                release=run.release,
                content_digest=run.content,
                counts=command.counts,
                log=command.log,
            ),
        )
        throughout = place.occupant is not None and (place.occupant.release, place.occupant.content) == (
            run.release,
            run.content,
        )
        if release is not None and throughout:
            yield from _verdict(case, release, run, command)
        yield released(place)

    return case.ruled(action, stream, ("reported-by-runner", "lease-held"), asked, effect)


def _check_report(command: ReportTestRun) -> None:
    counts = command.counts
    if counts.passed + counts.failed + counts.skipped != counts.total:
        raise InvalidCommand("counts", "passed, failed and skipped do not add up to total")
    if command.verdict == "passed" and (counts.failed or command.failed):
        raise InvalidCommand("verdict", "a run with failed tests has not passed")
    if command.verdict == "passed" and counts.passed == 0:
        raise InvalidCommand("counts", "a run that passed no test has not passed; without a report, abort it")
    if command.verdict == "failed" and not counts.failed:
        raise InvalidCommand("counts", "a failed run has a failed test; without a report, abort it")
    if command.finished_at < command.started_at:
        raise InvalidCommand("finished_at", "lies before started_at")


def _verdict(case: Case, release: Release, run: TestRun, command: ReportTestRun) -> Iterator[New]:
    shared = {
        "run": run.run, "content_digest": run.content, "suite_digest": command.suite_digest,
        "counts": command.counts, "started_at": command.started_at, "finished_at": command.finished_at,
        "fencing_token": command.fencing_token, "report": command.report, "ran": command.ran,
    }  # fmt: skip
    if command.verdict == "passed":
        yield New(stream=stream_of(release.name), event=happened.TestsPassed(**shared))  # type: ignore[arg-type]
        return
    event = happened.TestsFailed(**shared, failed=command.failed)  # type: ignore[arg-type]
    yield New(stream=stream_of(release.name), event=event)
    production = case.situation.environment(case.policy.production)
    if production.occupant is not None and production.occupant.release == release.name:
        # A red run on what runs in production is a problem of production, wherever it was seen.
        yield new_problem(
            case, production.name, f"the tests of {release.name} failed", "test-run", release=release.name
        )


def abort_test_run(case: Case, command: AbortTestRun) -> Ruled:
    """By its holder; or a nightly run, for a hotfix that waits."""
    place = case.environment(command.environment)
    action, stream = f"abort {command.run}", f"environment/{place.name}"
    run, lease = place.run, place.lease
    if f"{command.run} aborted" in place.finished:
        return case.unchanged(action, stream)
    if run is None or run.run != command.run or lease is None:
        raise NotFound("running test run", command.run)

    def effect(_: Decision) -> Iterator[New]:
        yield New(
            stream=stream,
            event=happened_there.TestRunAborted(
                environment=place.name, run=run.run, reason=command.reason, log=command.log
            ),
        )
        yield released(place)

    if command.hotfix is None:
        asked = case.asked(place.name, lease=f"test-run {command.run}")
        return case.ruled(action, stream, ("lease-held",), asked, effect)
    hotfix = case.release(command.hotfix)
    linked = case.situation.problems.get(hotfix.problem or "")
    goes_first = hotfix.kind == "hotfix" and hotfix.open and linked is not None and linked.open
    holds = goes_first and run.trigger == "scheduled"
    extra = CheckOutcome(
        check="hotfix-goes-first",
        state="passed" if holds else "failed",
        required="a nightly run, and an open hotfix whose problem is open",
        observed=f"a {run.trigger} run, and {hotfix.name}, a {hotfix.kind} release",
    )
    return case.ruled(action, stream, (), None, effect, extra=[extra])


def _scope(case: Case, environment: str) -> QAScope:
    """What a manual verdict there is about. Raises InvalidCommand where nobody tests by hand."""
    rule = case.policy.environment(environment)
    if rule is None:
        raise NotFound("environment", environment)
    if rule.purpose == "manual-qa":
        return "team"
    if rule.purpose == "rehearsal":
        return "core-and-affected"
    names = f"{case.policy.named('manual-qa')} and {case.policy.named('rehearsal')}"
    raise InvalidCommand("environment", f"manual QA is done in {names}")


def _standing(case: Case, release: Release, scope: QAScope) -> Verdict | None:
    """The verdict that stands for the release's present content."""
    if scope == "team":
        return release.manual_qa
    rehearsal = case.situation.environment(case.policy.named("rehearsal")).rehearsal
    about = rehearsal is not None and _is_about(rehearsal.release, rehearsal.content, release)
    return rehearsal.core if rehearsal is not None and about else None


def _is_about(name: str, content: str, release: Release) -> bool:
    return release.content is not None and (name, content) == (release.name, release.content.digest)


def _content(release: Release) -> str:
    if release.content is None:
        raise InvalidCommand("release", f"{release.name} has no content: set it first")
    return release.content.digest


def approve_qa(case: Case, command: ApproveManualQA) -> Ruled:
    """The latest verdict wins; in stage the areas must contain the core and the affected ones."""
    release, place = case.release(command.release), case.environment(command.environment)
    scope, content = _scope(case, command.environment), _content(release)
    action, subject = f"approve {release.name} in {place.name}", stream_of(release.name)
    standing = _standing(case, release, scope)
    if standing is not None and (standing.good, standing.by, standing.areas) == (True, case.actor.id, command.areas):
        return case.unchanged(action, subject)
    asked = case.asked(place.name, release, areas=command.areas)
    names = gates.MANUAL_QA if scope == "team" else gates.CORE_TEST
    event = happened.ManualQAApproved(
        environment=place.name,
        scope=scope,
        content_digest=content,
        areas=command.areas,
        checklist=command.checklist,
        deploy=place.occupant.deploy if place.occupant is not None else None,
    )
    return case.ruled(action, subject, ("release-open", *names), asked, lambda _: (New(stream=subject, event=event),))


def reject_qa(case: Case, command: RejectManualQA) -> Ruled:
    """A rejection revokes an approval; it needs no independence, only the thing itself."""
    release, place = case.release(command.release), case.environment(command.environment)
    scope, content = _scope(case, command.environment), _content(release)
    action, subject = f"reject {release.name} in {place.name}", stream_of(release.name)
    standing = _standing(case, release, scope)
    if standing is not None and not standing.good and standing.by == case.actor.id:
        return case.unchanged(action, subject)
    event = happened.ManualQARejected(
        environment=place.name, scope=scope, content_digest=content, reason=command.reason, problems=command.problems
    )
    asked = case.asked(place.name, release)
    return case.ruled(action, subject, ("release-present",), asked, lambda _: (New(stream=subject, event=event),))


def withdraw_qa(case: Case, command: WithdrawManualQA) -> Ruled:
    """An approval is taken back by who gave it, or by a release manager."""
    release, place = case.release(command.release), case.environment(command.environment)
    scope, content = _scope(case, command.environment), _content(release)
    action, subject = f"withdraw the approval of {release.name} in {place.name}", stream_of(release.name)
    standing = _standing(case, release, scope)
    if standing is None or not standing.good:
        return case.unchanged(action, subject)
    event = happened.ManualQAWithdrawn(
        environment=place.name, scope=scope, content_digest=content, reason=command.reason
    )
    return case.ruled(
        action, subject, (), None, lambda _: (New(stream=subject, event=event),), extra=[_given_by(case, standing)]
    )


def _given_by(case: Case, verdict: Verdict) -> CheckOutcome:
    principal = case.situation.team.principals.get(case.actor.id)
    manages = principal is not None and "release-manager" in principal.roles
    return CheckOutcome(
        check="verdict-own",
        state="passed" if manages or verdict.by == case.actor.id else "needed",
        required="who gave it, or a release manager",
        observed=f"{verdict.by} gave it",
        who=(verdict.by,),
    )


def _review(case: Case, release: Release) -> tuple[Environment, Verdict | None]:
    stage = case.situation.environment(case.policy.named("rehearsal"))
    rehearsal = stage.rehearsal
    if rehearsal is None or not _is_about(rehearsal.release, rehearsal.content, release):
        return stage, None
    return stage, rehearsal.review


def approve_review(case: Case, command: ApproveCodeReview) -> Ruled:
    """All code changes from production's release to this one, at once."""
    release = case.release(command.release)
    stage, standing = _review(case, release)
    action, subject = f"approve the review of {release.name}", stream_of(release.name)
    content = _content(release)
    if standing is not None and standing.good and standing.by == case.actor.id:
        return case.unchanged(action, subject)
    asked = case.asked(case.policy.named("rehearsal"), release)

    def effect(_: Decision) -> Iterator[New]:
        rehearsal = stage.rehearsal
        if rehearsal is not None:
            yield New(
                stream=subject,
                event=happened.CodeReviewApproved(
                    content_digest=content,
                    deploy=rehearsal.deploy,
                    commit_range=command.commit_range,
                    diff_digest=command.diff_digest,
                    base_release=command.base_release,
                ),
            )

    extra = [_base_current(case, command.base_release), _rehearsed(stage, release)]
    return case.ruled(action, subject, ("release-open", *gates.REVIEW), asked, effect, extra=extra)


def _base_current(case: Case, base: str | None) -> CheckOutcome:
    running = case.situation.environment(case.policy.production).last_sure
    expected = running.release if running is not None else None
    return CheckOutcome(
        check="review-base-current",
        state="passed" if base == expected else "failed",
        required=f"all changes since {expected}" if expected else "all changes: production is empty",
        observed=f"changes since {base}" if base else "all changes",
    )


def _rehearsed(stage: Environment, release: Release) -> CheckOutcome:
    rehearsal = stage.rehearsal
    holds = rehearsal is not None and _is_about(rehearsal.release, rehearsal.content, release)
    return CheckOutcome(
        check="rehearsal-begun",
        state="passed" if holds else "failed",
        required="a deploy of this content to the environment of rehearsals",
        observed="deployed" if holds else "none",
        next=None if holds else f"dt deploy {release.name} {stage.name}",
    )


def reject_review(case: Case, command: RejectCodeReview) -> Ruled:
    """The review found something; the release stays where it is until it is reviewed again."""
    release = case.release(command.release)
    stage, standing = _review(case, release)
    action, subject = f"reject the review of {release.name}", stream_of(release.name)
    content = _content(release)
    if standing is not None and not standing.good and standing.by == case.actor.id:
        return case.unchanged(action, subject)
    event = happened.CodeReviewRejected(content_digest=content, reason=command.reason)
    asked = case.asked(case.policy.named("rehearsal"), release)
    return case.ruled(
        action,
        subject,
        ("release-present",),
        asked,
        lambda _: (New(stream=subject, event=event),),
        extra=[_rehearsed(stage, release)],
    )


def withdraw_review(case: Case, command: WithdrawCodeReview) -> Ruled:
    """A review's approval is taken back by who gave it, or by a release manager."""
    release = case.release(command.release)
    _, standing = _review(case, release)
    action, subject = f"withdraw the review of {release.name}", stream_of(release.name)
    content = _content(release)
    if standing is None or not standing.good:
        return case.unchanged(action, subject)
    event = happened.CodeReviewWithdrawn(content_digest=content, reason=command.reason)
    return case.ruled(
        action, subject, (), None, lambda _: (New(stream=subject, event=event),), extra=[_given_by(case, standing)]
    )
