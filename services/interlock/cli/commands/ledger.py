"""`dt ledger`: the record itself, where it goes on elsewhere, or its database was lost and Kafka has what was in it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from interlock.cli.change import changing, give
from interlock.cli.exits import UNEXPECTED, USAGE, Ended, Halt
from interlock.cli.lazy import Group
from interlock.cli.names import kafka_options
from interlock.cli.session import Session


@click.group(cls=Group)
def ledger() -> None:
    """The record itself."""


@ledger.command("move")
@click.argument("target", metavar="TARGET")
@click.option("--source", default="embedded", show_default=True, metavar="NAME", help="What it was known by here.")
@changing
@click.pass_obj
def move(session: Session, target: str, source: str) -> None:
    """Close this ledger for good, because it goes on at TARGET: a name that people know the other cluster by.

    It takes two administrators, and is the last thing that it takes: every later command is told where it went.
    """
    session.confirm(f"Close the ledger of {session.settings.project} here, so that it goes on at {target}?")
    then = (
        ("dt confirm C-…", "another administrator: it is closed then"),
        ("dt ledger restore --from ledger --moved FILE", "takes everything along, into the other one's empty database"),
    )
    give(session, "MoveLedger", {"source": source, "target": target}, then=then)


@ledger.command("restore")
@click.option(
    "--from",
    "source",
    type=click.Choice(["kafka", "ledger", "backup"]),
    required=True,
    help="Where the events are; backup: in the database already.",
)
@click.option(
    "--moved",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="With --from ledger: the settings of the ledger that moved.",
)
@kafka_options
@click.pass_obj
def restore(
    session: Session, source: str, moved: Path | None, kafka: str | None, topic: str, config: Path | None
) -> None:
    """Fill an empty ledger: order, gaps and bytes are compared, and it is whole or not restored.

    Who asks is an administrator by the record that is restored. It takes commands when another one has confirmed it.
    From Kafka, what was acknowledged and not yet published when the old ledger was lost is not there, and evidence
    neither. From a ledger that moved, everything is. From a backup that PostgreSQL restored, what came after it is
    not there; nothing is filled, and it takes no command until the other one has confirmed it.
    """
    if session.settings.token is None:
        raise Halt("nobody is logged in", code=USAGE, why="an administrator asks for a restore, by the own token")
    if source == "ledger" and moved is None:
        raise Halt("--moved FILE says which ledger moved", code=USAGE)
    session.confirm("Restore the ledger that interlock.toml names?")
    if source == "backup":
        run_tool(session, "interlock.serve.restoring", ["--backup"], config)
    elif source == "kafka":
        run(session, "interlock.serve.restoring", kafka, topic, config)
    else:
        run_tool(session, "interlock.serve.moving", ["--moved", str(moved)], config)


def run(session: Session, module: str, kafka: str | None, topic: str, config: Path | None) -> None:
    """Run a tool that reads Kafka, as `run_tool` does."""
    if kafka is None:
        raise Halt("--kafka HOST:PORT says where the events are read", code=USAGE)
    run_tool(session, module, ["--kafka", kafka, "--topic", topic], config)


def run_tool(session: Session, module: str, options: Sequence[str], config: Path | None) -> None:
    """Run one of the server's own tools here, with its words and its exit code; the login's token goes with it."""
    found = config or session.settings.config
    if found is None:
        raise Halt("there is no interlock.toml here or above", code=USAGE, then=(("dt init", "makes one"),))
    command = [sys.executable, "-m", module, "--config", str(found), *options]
    token = session.settings.token
    environment = {**os.environ, **({"INTERLOCK_TOKEN": token} if token is not None else {})}
    done = subprocess.run(command, env=environment, check=False)
    if done.returncode:
        raise Ended(done.returncode if done.returncode > 0 else UNEXPECTED)
