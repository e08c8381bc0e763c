"""`dt writes`: find what was written in a database around Interlock."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from interlock.cli import seams, settings
from interlock.cli.change import tell
from interlock.cli.exits import USAGE, Halt
from interlock.cli.lazy import Group
from interlock.cli.names import environment_argument
from interlock.cli.running import connection_to
from interlock.cli.session import Session

if TYPE_CHECKING:
    from interlock.runners.connections import Connection

EVERY_SECONDS = 10


@click.group(cls=Group)
def writes() -> None:
    """Writes around Interlock: by login roles other than the application's and the runner's."""


@writes.command("watch")
@environment_argument
@click.option("--once", is_flag=True, help="Look once, and end.")
@click.option(
    "--every",
    type=click.IntRange(1, 3600),
    default=EVERY_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="How often it looks.",
)
@click.option(
    "--state", type=click.Path(path_type=Path), metavar="FILE", help="Where it is remembered how far it read."
)
@click.pass_obj
def watch(session: Session, environment: str, once: bool, every: int, state: Path | None) -> None:
    """Read PostgreSQL's log, and open a problem for each session that wrote: dt writes watch production.

    It reads the JSON log in the directory `log` of [environments.ENVIRONMENT] in interlock.toml, on the machine that
    has it, from where it stopped the last time.
    """
    from interlock.runners.writes import NoLog, look

    connection = connection_to(session, environment)
    database, spots = asyncio.run(ask(connection))
    for spot in spots:
        session.say(f"! {spot}")
    place = state or settings.config_directory() / "writes" / f"{session.project}-{environment}.json"
    while True:
        try:
            found = look(session.client, connection, database, place, seams.now())
        except (NoLog, OSError) as wrong:
            raise Halt(f"the log of {environment} cannot be read", why=str(wrong), code=USAGE) from wrong
        for answer in found.answers:
            tell(session, answer)
        if once:
            break
        seams.sleep(every)
    if found.answers:
        return
    if session.options.json:
        session.give_json({"events": []})
    else:
        session.say(f"nobody but the application and the runner wrote in {environment} since the last look")


async def ask(connection: Connection) -> tuple[str, list[str]]:
    """Return the database's name, and what its server's settings hide. Raises Halt where it cannot be reached."""
    from interlock.runners.adjust import sessions
    from interlock.runners.adjust.failures import Stopped
    from interlock.runners.writes import blind_spots

    try:
        opened = await sessions.connect(connection.dsn)
    except Stopped as away:
        raise Halt(f"the database of {connection.environment} cannot be asked", why=str(away)) from away
    try:
        return str(await opened.fetchval("select current_database()")), await blind_spots(opened)
    finally:
        await sessions.end_of(opened)
