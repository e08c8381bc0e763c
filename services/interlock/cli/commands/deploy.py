"""`dt deploy` and `dt rollback`: ask for it; its executor starts it and reports how it went."""

from __future__ import annotations

from typing import Any

import click

from interlock.cli.change import changing, event_of, give
from interlock.cli.lazy import Command, GroupWithDefault
from interlock.cli.names import environment_argument, reason_option, release_argument, seen
from interlock.cli.observed import observed_of, observed_options
from interlock.cli.session import Session


@click.group(
    cls=GroupWithDefault,
    default="request",
    options_metavar="",
    subcommand_metavar="RELEASE ENVIRONMENT [OPTIONS] | COMMAND …",
)
def deploy() -> None:
    """Ask that a release is deployed: dt deploy 4.12.0 production [--at-window].

    The request is checked now, and everything again when it starts. Who deploys then starts it and reports:
    dt deploy start, finish, fail.
    """


@deploy.command("request")
@release_argument
@environment_argument
@click.option("--at-window", is_flag=True, help="Wait for the window; every check is made again when it opens.")
@click.option(
    "--problem",
    metavar="PROBLEM",
    shell_complete=seen("problem"),
    help="A redeploy for this problem in production skips the window.",
)
@changing
@click.pass_obj
def request(session: Session, release: str, environment: str, at_window: bool, problem: str | None) -> None:
    """Ask for a deploy (what dt deploy RELEASE ENVIRONMENT means)."""
    name_what_is_there(session, release, environment)
    fields = {"release": release, "environment": environment, "at_window": at_window, "problem": problem}
    then = [(f"dt deploy start {release} {environment}", "its executor begins it")]
    if at_window:
        then = [
            ("dt window next " + environment, "when it opens"),
            (f"dt deploy cancel {release} {environment} -m …", "takes it back"),
        ]
    give(session, "RequestDeploy", fields, then=then)


def name_what_is_there(session: Session, release: str, environment: str) -> None:
    """Say which other release stands in the environment before it is deployed over; ask where somebody can answer."""
    from interlock.client import ProblemAnswer

    if environment == "production":
        return
    try:
        state = session.get(f"/environments/{environment}")
    except ProblemAnswer:
        # Nothing is known of it, or it may not be read: the rules answer the request.
        return
    occupancy = state.get("occupancy") or {}
    there = occupancy.get("release")
    if occupancy.get("state") != "occupied" or there in {None, release}:
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
    running = begun(session, release, environment, deploy_id)
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

    running = begun(session, release, environment, deploy_id)
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


@click.command("rollback", cls=Command)
@click.argument("environment", metavar="ENVIRONMENT", shell_complete=seen("environment"))
@click.option(
    "--problem",
    required=True,
    metavar="PROBLEM",
    shell_complete=seen("problem"),
    help="The open problem in production that it is for.",
)
@click.option(
    "--to",
    "release",
    metavar="RELEASE",
    shell_complete=seen("release"),
    help="Further back than the last sure release: takes a second person.",
)
@changing
@click.pass_obj
def rollback(session: Session, environment: str, problem: str, release: str | None) -> None:
    """Ask that production goes back to the last sure release, now: no window, no freeze stops it."""
    answer = give(session, "RequestRollback", {"environment": environment, "problem": problem, "release": release})
    asked = event_of(answer, "DeployRequested")
    if asked is not None and not session.options.json:
        from interlock.cli.render.decision import suggestions

        start_it = f"dt deploy start {asked['release']} {environment}"
        session.talk(suggestions(((start_it, "its executor begins it"),), session.scene()))


def is_number(text: str) -> bool:
    """Whether the text is a deploy's number, as in D-3."""
    return text.startswith("D-") and text[2:].isdigit()


def requested(session: Session, release: str, environment: str | None, deploy_id: str | None) -> dict[str, Any]:
    """Return the request that is meant: data of its DeployRequested."""
    return deploy_event(session, "DeployRequested", release, environment, deploy_id)


def begun(session: Session, release: str, environment: str | None, deploy_id: str | None) -> dict[str, Any]:
    """Return the running deploy that is meant: data of its DeployStarted."""
    return deploy_event(session, "DeployStarted", release, environment, deploy_id)


def deploy_event(
    session: Session, kind: str, release: str, environment: str | None, deploy_id: str | None
) -> dict[str, Any]:
    """Find the deploy in the record, by its number or by release and environment."""
    from interlock.cli.recorded import started

    if environment is None and is_number(release):
        return started(session, kind, "deploy", release, "deploy")
    return started(session, kind, "deploy", deploy_id, "deploy", release=release, environment=environment)
