"""`dt deploy`: ask for it, and run it where it can be run here; or its executor starts it and reports how it went."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from interlock.cli.awaiting import patience_of, wait_until, waiting_options
from interlock.cli.change import changing, event_of, give, submit
from interlock.cli.deploying import dry_run_option, executor_here, go_on, show_plan
from interlock.cli.lazy import GroupWithDefault
from interlock.cli.names import environment_argument, reason_option, release_argument, seen
from interlock.cli.observed import observed_of, observed_options
from interlock.cli.session import Session
from interlock.cli.under_way import say_what_goes_on, state_of


@click.group(
    cls=GroupWithDefault,
    default="request",
    options_metavar="",
    subcommand_metavar="RELEASE ENVIRONMENT [OPTIONS] | COMMAND …",
)
def deploy() -> None:
    """Deploy a release: dt deploy 4.12.0 production [--at-window | --wait | --dry-run].

    The request is checked now, and everything again when it starts. Where interlock.toml says how it is deployed, and
    you may, it is run here, looked at, and reported; else who deploys starts it and reports: dt deploy start, finish,
    fail. dt deploy request --help tells of --at-window, --wait and the others.

    Ends with 0 where it runs, or waits for its window or its executor; 3 where it was refused, 9 where the place is
    another one, 11 where it failed (recorded), 12 where the outcome is unknown, 7 where the report waits (dt sync).
    """


@deploy.command("request")
@release_argument
@environment_argument
@click.option("--at-window", is_flag=True, help="Wait for the window; every check is made again when it opens.")
@waiting_options
@dry_run_option
@click.option(
    "--problem",
    metavar="PROBLEM",
    shell_complete=seen("problem"),
    help="A redeploy for this problem in production skips the window.",
)
@changing
@click.pass_obj
def request(
    session: Session,
    release: str,
    environment: str,
    at_window: bool,
    wait: bool,
    timeout: str | None,
    dry_run: bool,
    problem: str | None,
) -> None:
    """Deploy it (what dt deploy RELEASE ENVIRONMENT means): ask; run it where interlock.toml says how; report."""
    state = state_of(session, environment)
    say_what_goes_on(session, state)
    fields = {"release": release, "environment": environment, "at_window": at_window, "problem": problem}
    executor = executor_here(session, environment, state)
    if dry_run:
        show_plan(session, "RequestDeploy", fields, executor, state)
        return
    name_what_is_there(session, release, state)
    patience = patience_of(timeout)
    if wait and not at_window:
        wait_until(session, lambda: session.client.explain("RequestDeploy", fields), patience)
    answer = submit(session, "RequestDeploy", fields)
    asked = event_of(answer, "DeployRequested") or requested(session, release, environment, None)
    go_on(session, asked, answer, executor, wait=wait, patience=patience)


def name_what_is_there(session: Session, release: str, state: Mapping[str, Any]) -> None:
    """Say which other release stands in the environment before it is deployed over; ask where somebody can answer."""
    occupancy, environment = state.get("occupancy") or {}, state.get("environment")
    there = occupancy.get("release")
    if state.get("purpose") == "production" or occupancy.get("state") != "occupied" or there in {None, release}:
        return
    session.say(f"{environment} holds {there}: it would be displaced, and what is unfinished there must be done anew.")
    session.confirm(f"Deploy {release} over {there}?", needed=False)


@deploy.command("start")
@release_argument
@click.argument("environment", metavar="[ENVIRONMENT]", required=False, shell_complete=seen("environment"))
@click.option("--deploy", "deploy_id", metavar="D-N", help="Which request; without it the newest.")
@observed_options
@changing
@click.pass_obj
def start(session: Session, /, release: str, environment: str | None, deploy_id: str | None, **found: Any) -> None:
    """Begin a requested deploy, as its executor: RELEASE ENVIRONMENT, or its number alone (D-3)."""
    asked = requested(session, release, environment, deploy_id)
    fields = {
        "release": asked["release"],
        "deploy": asked["deploy"],
        "observed": observed_of(session, str(asked["environment"]), found),
    }
    finish = f"dt deploy finish {asked['release']} {asked['environment']}"
    then = (
        (f"{finish} --found DIGEST", "it runs"),
        (finish.replace("finish", "fail") + " --phase … --error … --left …", "it does not"),
    )
    give(session, "StartDeploy", fields, then=then)


@deploy.command("finish")
@release_argument
@click.argument("environment", metavar="[ENVIRONMENT]", required=False, shell_complete=seen("environment"))
@click.option("--deploy", "deploy_id", metavar="D-N", help="Which deploy; without it the newest that started.")
@click.option("--token", type=int, metavar="N", help="The fencing token that the start gave; without it the record's.")
@click.option("--found", metavar="DIGEST", help="The content's digest as read in the environment now.")
@click.option("--as-asked", is_flag=True, help="What was read is exactly the content that was asked for.")
@click.option("--schema", metavar="DIGEST", help="The schema's digest as read in the environment now.")
@click.option(
    "--migrated", multiple=True, metavar="ID=DIGEST=MS", help="A migration that ran, in milliseconds; repeat."
)
@changing
@click.pass_obj
def finish(
    session: Session,
    release: str,
    environment: str | None,
    deploy_id: str | None,
    token: int | None,
    found: str | None,
    as_asked: bool,
    schema: str | None,
    migrated: tuple[str, ...],
) -> None:
    """Report that it runs."""
    from interlock.cli.observed import applied

    if (found is None) == (not as_asked):
        raise click.UsageError("give --found DIGEST, what was read there, or --as-asked")
    running = begun(session, release, environment, deploy_id, token if found else None)
    fields = {
        "release": running["release"],
        "deploy": running["deploy"],
        "fencing_token": token or running["fencing_token"],
        "observed_digest": found or running["content_digest"],
        "schema_digest": schema,
        "migrations": [applied(text) for text in migrated],
    }
    give(session, "ReportDeploySucceeded", fields, then=(("dt todo", "who must act next"),))


@deploy.command("fail")
@release_argument
@click.argument("environment", metavar="[ENVIRONMENT]", required=False, shell_complete=seen("environment"))
@click.option("--deploy", "deploy_id", metavar="D-N", help="Which deploy; without it the newest that started.")
@click.option("--token", type=int, metavar="N", help="The fencing token that the start gave; without it the record's.")
@click.option("--phase", required=True, metavar="TEXT", help="Where it failed, in a word or two.")
@click.option("--error", required=True, metavar="TEXT", help="What went wrong.")
@click.option(
    "--left",
    required=True,
    type=click.Choice(["unchanged", "partial", "unknown", "other"]),
    help="What it left behind.",
)
@click.option("--found", metavar="DIGEST", help="The content's digest as read in the environment now.")
@changing
@click.pass_obj
def fail(
    session: Session,
    release: str,
    environment: str | None,
    deploy_id: str | None,
    token: int | None,
    phase: str,
    error: str,
    left: str,
    found: str | None,
) -> None:
    """Report that it did not work, and what it left behind."""
    from interlock.cli.exits import WORK_FAILED, Ended

    running = begun(session, release, environment, deploy_id, token)
    fields = {
        "release": running["release"],
        "deploy": running["deploy"],
        "fencing_token": token or running["fencing_token"],
        "phase": phase,
        "error": error,
        "environment_left": left,
        "observed_digest": found,
    }
    give(session, "ReportDeployFailed", fields, then=(("dt todo", "who must act next"),))
    raise Ended(WORK_FAILED)


@deploy.command("cancel")
@release_argument
@click.argument("environment", metavar="[ENVIRONMENT]", required=False, shell_complete=seen("environment"))
@click.option("--deploy", "deploy_id", metavar="D-N", help="Which request; without it the newest.")
@reason_option
@changing
@click.pass_obj
def cancel(session: Session, release: str, environment: str | None, deploy_id: str | None, reason: str) -> None:
    """Take a request back before it started."""
    asked = requested(session, release, environment, deploy_id)
    give(session, "CancelDeploy", {"release": asked["release"], "deploy": asked["deploy"], "reason": reason})


def is_number(text: str) -> bool:
    """Whether the text is a deploy's number, as in D-3."""
    return text.startswith("D-") and text[2:].isdigit()


def requested(session: Session, release: str, environment: str | None, deploy_id: str | None) -> dict[str, Any]:
    """Return the request that is meant: data of its DeployRequested."""
    return deploy_event(session, "DeployRequested", release, environment, deploy_id)


def begun(
    session: Session, release: str, environment: str | None, deploy_id: str | None, token: int | None
) -> dict[str, Any]:
    """Return the running deploy that is meant: data of its DeployStarted.

    Where all of it is given, the server is not asked: the report can wait here while it is away.
    """
    if deploy_id is not None and token is not None and not is_number(release):
        return {"release": release, "deploy": deploy_id, "fencing_token": token}
    return deploy_event(session, "DeployStarted", release, environment, deploy_id)


def deploy_event(
    session: Session, kind: str, release: str, environment: str | None, deploy_id: str | None
) -> dict[str, Any]:
    """Find the deploy in the record, by its number or by release and environment."""
    from interlock.cli.recorded import started

    if environment is None and is_number(release):
        return started(session, kind, "deploy", release, "deploy")
    return started(session, kind, "deploy", deploy_id, "deploy", release=release, environment=environment)
