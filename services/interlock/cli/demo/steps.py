"""The steps that a release takes, each as the people and the pipeline do it: deploy, test, approve, rehearse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from interlock.cli.demo.cast import CI, CORE_AREAS, DEVELOPMENT, FEEDS, PRODUCTION, SANDBOX, STAGE, TESTS
from interlock.cli.demo.contents import Content, digest
from interlock.cli.demo.playing import Play, event_of, rfc3339

TESTS_TOTAL = 412
RUN_MINUTES = 31
RENEWED_EVERY_MINUTES = 14
SUITE = digest("the suite of November 2026")


def observed(play: Play, environment: str) -> dict[str, Any]:
    """Return what an honest runner reads in the environment before it begins."""
    found: dict[str, Any] = {"identity": play.identity(environment)}
    if environment in FEEDS:
        found["feed"] = FEEDS[environment][0]
    if environment == PRODUCTION:
        found["schema_digest"] = play.schema
    return found


# -- the way of a deploy


def deploy(play: Play, release: str, environment: str, *, who: str = "anton", minutes: int = 4) -> None:
    """Ask for a deploy, which the pipeline starts and finishes `minutes` later."""
    requested = event_of(play.do(who, "RequestDeploy", release=release, environment=environment), "DeployRequested")
    play.later(minutes=1)
    run_deploy(play, release, environment, requested["deploy"], minutes=minutes)


def run_deploy(
    play: Play, release: str, environment: str, number: str, *, minutes: int, migrations: Sequence[str] = ()
) -> None:
    """Let the pipeline carry out the deploy with this number; in production its `migrations` really run."""
    fields = {"release": release, "deploy": number, "observed": observed(play, environment)}
    started = event_of(play.do(CI, "StartDeploy", **fields), "DeployStarted")
    play.later(minutes=minutes)
    report: dict[str, Any] = {
        "release": release,
        "deploy": number,
        "fencing_token": started["fencing_token"],
        "observed_digest": started["content_digest"],
    }
    if environment == PRODUCTION:
        play.schema = play.databases.migrate(PRODUCTION, migrations)
        report["schema_digest"] = play.schema
        play.logs_from = play.now
    play.do(CI, "ReportDeploySucceeded", **report)


def to_production(play: Play, content: Content, *, who: str, minutes: int) -> None:
    """Ask for the deploy to production, and let the pipeline carry it out."""
    fields = {"release": content.release, "environment": PRODUCTION}
    requested = event_of(play.do(who, "RequestDeploy", **fields), "DeployRequested")
    play.later(minutes=2)
    run_deploy(play, content.release, PRODUCTION, requested["deploy"], minutes=minutes, migrations=content.migrations)


# -- development and tests


def develop(play: Play, content: Content) -> None:
    """Deploy the content to anton's sandbox, where he looks at it and confirms it."""
    deploy(play, content.release, DEVELOPMENT)
    play.later(minutes=20)
    play.do("anton", "ConfirmDevelopment", release=content.release)


def deploy_to_tests(play: Play, content: Content) -> None:
    """Deploy the content to `tests`, and with it the new tests that it names."""
    deploy(play, content.release, TESTS)
    play.new_tests = content.new_tests


def run_tests(play: Play, *, who: str = CI, failed: tuple[str, ...] = (), scheduled: bool = False) -> None:
    """Run the automatic tests on what is there: erase, run with a sign of life now and then, report."""
    run = start_tests(play, who, scheduled=scheduled)
    begun, token = play.now, run["fencing_token"]
    for _ in range(RUN_MINUTES // RENEWED_EVERY_MINUTES):
        play.later(minutes=RENEWED_EVERY_MINUTES)
        play.do(who, "RenewLease", environment=TESTS, lease=run["lease"], fencing_token=token)
    play.later(minutes=RUN_MINUTES % RENEWED_EVERY_MINUTES)
    bad = len(failed)
    play.do(
        who,
        "ReportTestRun",
        environment=TESTS,
        run=run["run"],
        fencing_token=token,
        verdict="failed" if failed else "passed",
        suite_digest=SUITE,
        counts={"total": TESTS_TOTAL, "passed": TESTS_TOTAL - bad, "failed": bad, "skipped": 0},
        report=digest(f"report of {run['run']}"),
        started_at=rfc3339(begun),
        finished_at=rfc3339(play.now),
        ran=list(play.new_tests),
        failed=list(failed),
    )


def start_tests(play: Play, who: str, *, scheduled: bool = False) -> dict[str, Any]:
    """Start a test run, which erases the data first; return what its start gave: run, lease, fencing token."""
    trigger = "scheduled" if scheduled else "manual"
    found = observed(play, TESTS)
    run = event_of(play.do(who, "StartTestRun", environment=TESTS, trigger=trigger, observed=found), "TestRunStarted")
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
    """All code changes since production's release are reviewed at once."""
    play.do(
        "reviewer-1",
        "ApproveCodeReview",
        release=content.release,
        base_release=since,
        commit_range=f"{since}..{content.head[:12]}",
        diff_digest=digest(f"diff of {content.release}, revision {content.revision}"),
    )


# -- the rehearsal's data


def restore(play: Play, taken_at: str, *, source_release: str, minutes: int = 9) -> None:
    """Put production's data into stage, from the snapshot taken then."""
    granted = event_of(
        play.do(CI, "StartRestore", environment=STAGE, source=PRODUCTION, observed=observed(play, STAGE)),
        "LeaseGranted",
    )
    play.later(minutes=minutes)
    play.databases.restore()
    play.do(
        CI,
        "ReportRestored",
        environment=STAGE,
        restore=granted["subject"].split()[1],
        fencing_token=granted["fencing_token"],
        snapshot=f"base backup of {taken_at[:10]}",
        taken_at=taken_at,
        source_release=source_release,
        schema_digest=play.schema,
    )


def migrate(play: Play, content: Content, *durations_ms: int) -> None:
    """Rehearse the release's migrations, each so many milliseconds long."""
    granted = start_migration(play, content)
    play.later(minutes=1)
    ran = [
        {key: content.migration(name)[key] for key in ("id", "digest")} | {"duration_ms": duration}
        for name, duration in zip(content.migrations, durations_ms, strict=True)
    ]
    play.do(
        CI,
        "ReportMigrated",
        release=content.release,
        environment=STAGE,
        migration=granted["subject"].split()[1],
        fencing_token=granted["fencing_token"],
        migrations=ran,
        schema_before=play.schema,
        schema_after=play.databases.migrate(STAGE, content.migrations),
    )


def fail_migration(play: Play, content: Content, *, at: str, error: str) -> None:
    """Rehearse the release's migrations; one of them fails."""
    granted = start_migration(play, content)
    play.later(minutes=6)
    play.do(
        CI,
        "ReportMigrationFailed",
        release=content.release,
        environment=STAGE,
        migration=granted["subject"].split()[1],
        fencing_token=granted["fencing_token"],
        failed_migration=at,
        error=error,
    )


def start_migration(play: Play, content: Content) -> dict[str, Any]:
    """Begin the rehearsal of the migrations; return what its lease says."""
    found = observed(play, STAGE)
    return event_of(
        play.do(CI, "StartMigration", release=content.release, environment=STAGE, observed=found), "LeaseGranted"
    )


# -- logs


def check_logs(play: Play, who: str, findings: str | None = None) -> None:
    """Somebody reads production's logs since the last time, up to now; `findings` are a problem at once."""
    if play.logs_from is None or play.logs_from >= play.now:
        return
    fields: dict[str, Any] = {"since": rfc3339(play.logs_from), "until": rfc3339(play.now), "result": "clean"}
    if findings is not None:
        fields |= {"result": "findings", "findings": findings}
    play.do(who, "CheckLogs", environment=PRODUCTION, **fields)
    play.logs_from = play.now
