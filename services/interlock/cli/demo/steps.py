"""The steps that a release takes, each as the people and the pipeline do it: deploy, test, approve, rehearse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from interlock.cli.demo import running
from interlock.cli.demo.cast import CI, CORE_AREAS, DEVELOPMENT, FEEDS, PRODUCTION, SANDBOX, STAGE, TESTS
from interlock.cli.demo.contents import Content
from interlock.cli.demo.playing import Play, StoryStops, event_of, rfc3339

RUN_MINUTES = 31
RENEWED_EVERY_MINUTES = 14


def observed(play: Play, environment: str) -> dict[str, Any]:
    """Return what an honest runner reads in the environment before it begins."""
    found: dict[str, Any] = {"identity": play.identity(environment)}
    if environment in FEEDS:
        found["feed"] = FEEDS[environment][0]
    return found


def declare(play: Play, content: Content, *, who: str = "anton", fixes: Sequence[str] = ()) -> None:
    """Commit what the release is made of, and say so: as git knows it, since what production runs."""
    production = play.get(f"/environments/{PRODUCTION}", after=play.position)["occupancy"]["release"]
    fields = play.repository.fields(content, play.document, production)
    made = event_of(play.do(who, "SetReleaseContent", **{**fields, "fixes": list(fixes)}), "ReleaseContentSet")
    play.repository.declared(content.release, made["content_digest"])


# -- the way of a deploy


def deploy(play: Play, release: str, environment: str, *, who: str = "anton", minutes: int = 4) -> None:
    """Ask for a deploy, which the pipeline starts and finishes `minutes` later."""
    requested = event_of(play.do(who, "RequestDeploy", release=release, environment=environment), "DeployRequested")
    play.later(minutes=1)
    run_deploy(play, requested, minutes=minutes)


def run_deploy(play: Play, requested: Mapping[str, Any], *, minutes: int) -> None:
    """Let the pipeline carry out a requested deploy; in production the release's migrations really run."""
    play.arrived(running.deploys(play, CI, requested, minutes=minutes))
    if requested["environment"] == PRODUCTION:
        play.logs_from = play.now


def to_production(play: Play, content: Content, *, who: str, minutes: int) -> None:
    """Ask for the deploy to production, and let the pipeline carry it out."""
    fields = {"release": content.release, "environment": PRODUCTION}
    requested = event_of(play.do(who, "RequestDeploy", **fields), "DeployRequested")
    play.later(minutes=2)
    run_deploy(play, requested, minutes=minutes)


# -- development and tests


def develop(play: Play, content: Content) -> None:
    """Deploy the content to anton's sandbox, where he looks at it and confirms it."""
    deploy(play, content.release, DEVELOPMENT)
    play.later(minutes=20)
    play.do("anton", "ConfirmDevelopment", release=content.release)


def deploy_to_tests(play: Play, content: Content) -> None:
    """Deploy the content to `tests`, and with it its tests."""
    deploy(play, content.release, TESTS)


def run_tests(play: Play, *, who: str = CI, failed: tuple[str, ...] = ()) -> None:
    """Run the automatic tests on what is there: erase, run with a sign of life now and then, report.

    Raises StoryStops where others fail than `failed`.
    """
    found = tests_on_what_is_there(play, who, "manual")
    if found != failed:
        raise StoryStops(f"these tests failed: {found}")


def tests_on_what_is_there(play: Play, who: str, trigger: Literal["manual", "scheduled"]) -> tuple[str, ...]:
    """Run the automatic tests on whatever is there, and return which of them failed."""
    made = running.tests(play, who, trigger, minutes=RUN_MINUTES, renewed_every=RENEWED_EVERY_MINUTES)
    play.reached(made.answer)
    return tuple(made.report.failed_told)


def start_tests(play: Play, who: str) -> dict[str, Any]:
    """Start a test run, which erases the data first; return what its start gave: run, lease, fencing token."""
    found = observed(play, TESTS)
    run = event_of(play.do(who, "StartTestRun", environment=TESTS, trigger="manual", observed=found), "TestRunStarted")
    cause = f"before {run['run']}"
    play.do(who, "ReportErased", environment=TESTS, cause=cause, observed=found, fencing_token=run["fencing_token"])
    return run


# -- people's verdicts


def approve_in_sandbox(play: Play, release: str, who: str) -> None:
    """A tester tried it by hand and approves."""
    play.do(who, "ApproveManualQA", release=release, environment=SANDBOX, checklist="the team's list of November")


def approve_in_stage(play: Play, release: str, who: str, *more: str) -> None:
    """A tester tried the core areas and the affected ones, `more`, on the migrated data, and approves."""
    play.do(who, "ApproveManualQA", release=release, environment=STAGE, areas=[*CORE_AREAS, *more])


def review(play: Play, content: Content, *, since: str) -> None:
    """All code changes since production's release are reviewed at once: the diff, by its digest."""
    span, diff = play.repository.diff(content.release, since, play.document)
    client = play.client("reviewer-1")
    if diff.content is not None:
        client.put_evidence(diff.content, "text/x-diff")
    fields = {"release": content.release, "base_release": since, "commit_range": span, "diff_digest": diff.digest}
    play.do("reviewer-1", "ApproveCodeReview", **fields)


# -- the rehearsal's data


def restore(play: Play, *, minutes: int = 9) -> None:
    """Put production's data into stage, as it is now."""
    play.reached(running.restores(play, CI, minutes=minutes))


def migrate(play: Play, content: Content) -> None:
    """Rehearse the release's migrations."""
    play.reached(running.migrates(play, CI, content.release))


def fail_migration(play: Play, content: Content, *, table_in_use: str) -> None:
    """Rehearse the release's migrations while somebody's session holds a table: one of them gets no lock in time."""
    try:
        running.migrates(play, CI, content.release, table_in_use=table_in_use)
    except StoryStops as stopped:
        if "lock timeout" not in str(stopped):
            raise
        play.later(minutes=6)
        return
    raise StoryStops(f"the migrations of {content.release} ran, though {table_in_use} was held")


# -- logs


def check_logs(play: Play, who: str) -> None:
    """Somebody reads production's logs since the last time, up to now, and finds nothing."""
    if play.logs_from is None or play.logs_from >= play.now:
        return
    fields = {"since": rfc3339(play.logs_from), "until": rfc3339(play.now), "result": "clean"}
    play.do(who, "CheckLogs", environment=PRODUCTION, **fields)
    play.logs_from = play.now
