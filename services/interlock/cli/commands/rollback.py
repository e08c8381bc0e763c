"""`dt rollback`: production goes back to what ran there before; no window, and no freeze, stops it."""

from __future__ import annotations

from typing import Any

import click

from interlock.cli.awaiting import patience_of, wait_until, waiting_options
from interlock.cli.change import asked_steps, changing, event_of, submit, tell
from interlock.cli.deploying import dry_run_option, executor_here, go_on, show_plan
from interlock.cli.lazy import Command
from interlock.cli.names import seen
from interlock.cli.session import Session
from interlock.cli.under_way import deploy_of, say_what_goes_on, start_decision, state_of


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
@waiting_options
@dry_run_option
@changing
@click.pass_obj
def rollback(
    session: Session,
    environment: str,
    problem: str,
    release: str | None,
    wait: bool,
    timeout: str | None,
    dry_run: bool,
) -> None:
    """Let production go back to the last sure release, now: no window, no freeze stops it.

    A person asks; where interlock.toml says how it is deployed, a runner runs it: dt rollback again, as the runner.
    """
    state = state_of(session, environment)
    say_what_goes_on(session, state)
    fields = {"environment": environment, "problem": problem, "release": release}
    executor, patience = executor_here(session, environment, state), patience_of(timeout)
    if dry_run:
        show_plan(session, "RequestRollback", fields, executor, state)
        return
    asked, answer = waiting_rollback(session, environment, release, state), {}
    if asked is None:
        if wait:
            wait_until(session, lambda: session.client.explain("RequestRollback", fields), patience)
        answer = submit(session, "RequestRollback", fields)
        if asked_steps(answer):
            tell(session, answer)
            return
        asked = event_of(answer, "DeployRequested") or waiting_rollback(session, environment, release, state)
    if asked is None:
        tell(session, answer)
        return
    go_on(session, asked, answer, executor, wait=wait, patience=patience)


def waiting_rollback(
    session: Session, environment: str, release: str | None, state: dict[str, Any]
) -> dict[str, Any] | None:
    """Return the rollback that was asked for and is not begun; a person asked, and a runner carries it on."""
    from interlock.cli.recorded import events

    for event in events(session, type="DeployRequested", environment=environment):
        data = event.get("data") or {}
        if data.get("intent") != "rollback":
            continue
        if data.get("deploy") == deploy_of(state.get("lease") or {}) or release not in {None, data.get("release")}:
            return None
        return data if start_decision(session, data) is not None else None
    return None
