"""`dt logs`: say that the logs of an environment were read."""

from __future__ import annotations

from datetime import datetime, timedelta

import click

from interlock.cli.change import changing, give
from interlock.cli.exits import USAGE, Halt
from interlock.cli.instants import parse_instant, parse_length, rfc3339
from interlock.cli.lazy import Group
from interlock.cli.names import seen
from interlock.cli.render.times import instant
from interlock.cli.session import Session

# Where nothing was read before, this far back is offered.
FIRST_READING = timedelta(hours=1)


@click.group(cls=Group)
def logs() -> None:
    """The hourly reading of production's logs."""


@logs.command("checked")
@click.argument("environment", metavar="[ENVIRONMENT]", default="production", shell_complete=seen("environment"))
@click.option(
    "--since", metavar="WHEN", help='From when on: "13:14" (GMT), an instant, or "1h"; else the last reading.'
)
@click.option("--until", metavar="WHEN", help="Up to when; else now.")
@click.option("--clean", is_flag=True, help="Nothing was in them that should not be.")
@click.option("--findings", metavar="TEXT", help="What was found; it opens a problem.")
@changing
@click.pass_obj
def checked(
    session: Session, environment: str, since: str | None, until: str | None, clean: bool, findings: str | None
) -> None:
    """Say that you read the logs: --clean, or --findings "…"."""
    if clean == (findings is not None):
        raise click.UsageError('say what was in them: --clean, or --findings "…"')
    now = session.now()
    end = moment_of(until, now, "--until") if until else now
    fields = {
        "environment": environment,
        "since": rfc3339(moment_of(since, now, "--since") if since else last_reading(session, environment, end)),
        "until": rfc3339(end),
        "result": "clean" if clean else "findings",
        "findings": findings,
    }
    give(session, "CheckLogs", fields)


def moment_of(text: str, now: datetime, where: str) -> datetime:
    """Return an instant, or a length of time before now."""
    try:
        return now - parse_length(text, where)
    except Halt:
        return parse_instant(text, where, today=now)


def last_reading(session: Session, environment: str, until: datetime) -> datetime:
    """Return up to when the logs were read before, or since when the occupant runs. Raises Halt (usage)."""
    state = session.get(f"/environments/{environment}")
    read = instant((state.get("logs") or {}).get("read_until"))
    began = instant((state.get("occupancy") or {}).get("since"))
    found = max((moment for moment in (read, began) if moment is not None), default=until - FIRST_READING)
    if found >= until:
        raise Halt(
            f"the logs of {environment} were read up to {rfc3339(found)} already",
            code=USAGE,
            then=((f"dt logs checked {environment} --since … --until …", "another stretch"),),
        )
    return found
