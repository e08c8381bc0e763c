"""`dt logs`: read the logs of an environment, or say that they were read."""

from __future__ import annotations

import os
import sys
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from interlock.answers.times import instant
from interlock.cli import seams
from interlock.cli.change import accepted_lines, changing, give
from interlock.cli.exits import USAGE, WORK_FAILED, Ended, Halt
from interlock.cli.instants import parse_instant, parse_length, rfc3339
from interlock.cli.lazy import Group
from interlock.cli.names import seen
from interlock.cli.running import CONFIG_HELP, asker_of, document_of, home_of
from interlock.cli.session import Session

if TYPE_CHECKING:
    from interlock.runners.logs.checking import Checked, Reader

# Where nothing was read before, this far back is offered.
FIRST_READING = timedelta(hours=1)
# A check that could not be made is tried again sooner than the next is due.
RETRY = timedelta(minutes=1)
EVERY_MIN = timedelta(seconds=1)


@click.group(cls=Group)
def logs() -> None:
    """The hourly reading of production's logs."""


@logs.command("check")
@click.argument("environment", metavar="[ENVIRONMENT]", default="production", shell_complete=seen("environment"))
@click.option(
    "--every", metavar="LENGTH", help='Go on, with a check after each such time: "1h"; else once, as by cron.'
)
@click.pass_obj
def check(session: Session, environment: str, every: str | None) -> None:
    """Read the logs since the last check, count what misbehaves, and record it: dt logs check production.

    Which logs, and which patterns, says [logs.ENVIRONMENT] in interlock.toml. What cannot be read is said, and never
    recorded as read: exit 11.
    """
    pause = parse_length(every, "--every") if every is not None else None
    if pause is not None and pause < EVERY_MIN:
        raise click.UsageError("--every: that is no time at all")
    reader = reader_of(session, environment)
    if pause is None:
        if not checked_once(session, reader, environment):
            raise Ended(WORK_FAILED)
        return
    while True:
        began = seams.monotonic()
        went_well = attempt(session, reader, environment)
        wait = pause if went_well else min(pause, RETRY)
        seams.sleep(max(0.0, wait.total_seconds() - (seams.monotonic() - began)))


def attempt(session: Session, reader: Reader, environment: str) -> bool:
    """Check, and say what went wrong where something did; the next attempt reads what this one did not."""
    from interlock.cli.ending import explained
    from interlock.client import OddAnswer, ProblemAnswer, ServerAway

    try:
        return checked_once(session, reader, environment)
    except (Halt, ServerAway, ProblemAnswer, OddAnswer) as wrong:
        explained(session, wrong)
        return False


def checked_once(session: Session, reader: Reader, environment: str) -> bool:
    """Check once and tell what came of it; return whether all of the period was read."""
    import asyncio

    from interlock.cli.render.logs import document_of_check, told_lines
    from interlock.runners.asking import Away
    from interlock.runners.failures import Refused

    # Not the time that an earlier answer told: this may go on for days.
    until = instant(session.client.get("/whoami").get("now")) or session.now()
    since = last_reading(session, environment, until)
    try:
        done: Checked = asyncio.run(reader.check(asker_of(session), session.client, since, until))
    except Refused as refused:
        raise refused.problem from refused
    except Away as away:
        raise away.__cause__ or away from away
    for each in done.answers:
        session.remember(dict(each))
    steps = [] if done.whole else [by_hand(environment, done)]
    scene = session.scene()
    told = [
        *told_lines(environment, done, scene),
        *(accepted_lines(done.answers, "", scene.width) if done.answers else ()),
    ]
    session.answer(document_of_check(environment, done), told, steps)
    sys.stdout.flush()
    return done.whole


def by_hand(environment: str, done: Checked) -> tuple[str, str]:
    """Return what a person types who knows what stood in the part that could not be read."""
    since = rfc3339(done.until or done.since)
    command = f"dt logs checked {environment} --since {since} --until {rfc3339(done.asked_until)}"
    return f'{command} --findings "…"', "by a person, who answers for what was not read; or mend it and check again"


def reader_of(session: Session, environment: str) -> Reader:
    """Return what reads the environment's logs here. Raises Halt (usage) where interlock.toml does not say how."""
    import socket

    from interlock.runners.connections import NotConfigured
    from interlock.runners.logs.checking import Reader
    from interlock.runners.logs.queries import Machine
    from interlock.runners.logs.settings import logs_of

    home = home_of(session)
    try:
        logs = logs_of(document_of(session), environment, home)
    except NotConfigured as why:
        hand = (f"dt logs checked {environment} --clean", "says that you read them yourself")
        raise Halt(
            f"the logs of {environment} cannot be read from here", code=USAGE, why=str(why), then=(CONFIG_HELP, hand)
        ) from why
    return Reader(logs, Machine(home, os.environ, seams.monotonic), socket.gethostname())


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
