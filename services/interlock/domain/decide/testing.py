"""Deciding about test runs: they start, they report, they are aborted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC

from interlock.domain import gates
from interlock.domain.commands.evidence import (
    AbortTestRun,
    ReportTestRun,
    StartTestRun,
)
from interlock.domain.decide.aftermath import new_problem
from interlock.domain.decide.case import Case, New, Ruled
from interlock.domain.decide.leases import granted, released
from interlock.domain.decide.release import stream_of
from interlock.domain.decide.timely import missed_nights, told_missed
from interlock.domain.errors import InvalidCommand, NotFound
from interlock.domain.situation import Release, TestRun
from interlock.events.catalogue import environment as happened_there
from interlock.events.catalogue import release as happened
from interlock.events.decision import CheckOutcome, Decision


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
