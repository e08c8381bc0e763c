"""`dt test-run`: the automatic tests, started and reported by whoever runs them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from interlock.cli.change import changing, give
from interlock.cli.exits import TESTS_FAILED, USAGE, Ended, Halt
from interlock.cli.lazy import Group
from interlock.cli.names import reason_option, seen
from interlock.cli.observed import observed_of, observed_options
from interlock.cli.session import Session

if TYPE_CHECKING:
    from interlock.runners.junit import Report

environment_option = click.option(
    "--env",
    "environment",
    default="tests",
    show_default=True,
    metavar="ENVIRONMENT",
    shell_complete=seen("environment"),
    help="Where they run.",
)


@click.group(cls=Group)
def test_run() -> None:
    """The automatic tests: one run at a time, on exactly the content that is deployed there."""


@test_run.command("start")
@environment_option
@click.option("--scheduled", is_flag=True, help="The nightly run; the first one of a day fulfils it.")
@observed_options
@changing
@click.pass_obj
def start(session: Session, /, environment: str, scheduled: bool, **found: Any) -> None:
    """Begin a run: takes the environment's lease."""
    fields = {
        "environment": environment,
        "trigger": "scheduled" if scheduled else "manual",
        "observed": observed_of(session, environment, found),
    }
    then = (
        ("dt test-run report --junit FILE", "says what came out"),
        ("dt test-run abort -m …", "ends it without a verdict"),
    )
    give(session, "StartTestRun", fields, then=then)


@test_run.command("report")
@click.argument("run", metavar="[RUN]", required=False)
@environment_option
@click.option(
    "--junit",
    "report_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    metavar="FILE",
    help="The report (JUnit XML); it is kept as evidence.",
)
@click.option("--suite-digest", metavar="SHA256", help="What was run; without it, the digest of the tests' names.")
@click.option("--token", type=int, metavar="N", help="The run's fencing token; without it the record's.")
@click.option("--started", metavar="WHEN", help="When they began; without it, when the run was recorded.")
@click.option("--finished", metavar="WHEN", help="When they ended; without it, now.")
@changing
@click.pass_obj
def report(
    session: Session,
    run: str | None,
    environment: str,
    report_file: Path,
    suite_digest: str | None,
    token: int | None,
    started: str | None,
    finished: str | None,
) -> None:
    """Say what the report says: counts, verdict, which of the release's new tests ran."""
    from interlock.cli.instants import parse_instant, rfc3339
    from interlock.cli.recorded import started as recorded_start
    from interlock.cli.reporting import put_evidence

    content, found = report_in(report_file)
    running = recorded_start(session, "TestRunStarted", "run", run, "test run", environment=environment)
    digest = put_evidence(session, content, "application/xml")
    fields = {
        "environment": environment,
        "run": running["run"],
        "fencing_token": token or running["fencing_token"],
        "verdict": found.verdict,
        "suite_digest": suite_digest or found.suite_digest,
        "counts": found.counts,
        "report": digest,
        "ran": found.ran_of(new_tests(session, running.get("release"))),
        "failed": found.failed_told,
        "started_at": rfc3339(parse_instant(started, "--started")) if started else running["recorded_at"],
        "finished_at": rfc3339(parse_instant(finished, "--finished") if finished else session.now()),
    }
    give(session, "ReportTestRun", fields, then=(("dt todo", "who must act next"),))
    if found.verdict == "failed":
        raise Ended(TESTS_FAILED)


def report_in(path: Path) -> tuple[bytes, Report]:
    """Return the report's bytes and what they say. Raises Halt (usage) where it is none."""
    from interlock.runners.junit import NoReport, read_report, read_report_file

    try:
        content = read_report_file(path)
        return content, read_report(content)
    except NoReport as wrong:
        raise Halt(f"{path} is no report that a verdict can be read from", why=str(wrong), code=USAGE) from wrong


def new_tests(session: Session, release: object) -> list[str]:
    """Return the new tests that the release names."""
    if not release:
        return []
    content = session.get(f"/releases/{release}").get("content") or {}
    return [str(name) for name in content.get("new_tests") or ()]


@test_run.command("abort")
@click.argument("run", metavar="[RUN]", required=False)
@environment_option
@reason_option
@click.option("--hotfix", metavar="RELEASE", shell_complete=seen("release"), help="The hotfix that needs the place.")
@changing
@click.pass_obj
def abort(session: Session, run: str | None, environment: str, reason: str, hotfix: str | None) -> None:
    """End a run without a verdict: it neither passed nor failed."""
    if run is None:
        from interlock.cli.recorded import started

        run = str(started(session, "TestRunStarted", "run", None, "test run", environment=environment)["run"])
    give(session, "AbortTestRun", {"environment": environment, "run": run, "reason": reason, "hotfix": hotfix})
