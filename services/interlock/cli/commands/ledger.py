"""`dt ledger`: the record itself, where its database was lost and Kafka has what was in it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click

from interlock.cli.exits import UNEXPECTED, USAGE, Ended, Halt
from interlock.cli.lazy import Group
from interlock.cli.names import kafka_options
from interlock.cli.session import Session


@click.group(cls=Group)
def ledger() -> None:
    """The record itself."""


@ledger.command("restore")
@click.option("--from", "source", type=click.Choice(["kafka"]), required=True, help="Where the events are.")
@kafka_options
@click.pass_obj
def restore(session: Session, source: str, kafka: str | None, topic: str, config: Path | None) -> None:
    """Fill an empty ledger from Kafka: order, gaps and bytes are compared, and it is whole or not restored.

    Who asks is an administrator by the record that is restored. It takes commands when another one has confirmed it.
    What was acknowledged and not yet published when the old ledger was lost is not there; evidence is not on Kafka.
    """
    del source
    if session.settings.token is None:
        raise Halt("nobody is logged in", code=USAGE, why="an administrator asks for a restore, by the own token")
    session.confirm("Restore the ledger that interlock.toml names?")
    run(session, "interlock.serve.restoring", kafka, topic, config)


def run(session: Session, module: str, kafka: str | None, topic: str, config: Path | None) -> None:
    """Run one of the server's own tools here, with its words and its exit code; the login's token goes with it."""
    found = config or session.settings.config
    if found is None:
        raise Halt("there is no interlock.toml here or above", code=USAGE, then=(("dt init", "makes one"),))
    if kafka is None:
        raise Halt("--kafka HOST:PORT says where the events are read", code=USAGE)
    command = [sys.executable, "-m", module, "--config", str(found), "--kafka", kafka, "--topic", topic]
    token = session.settings.token
    environment = {**os.environ, **({"INTERLOCK_TOKEN": token} if token is not None else {})}
    done = subprocess.run(command, env=environment, check=False)
    if done.returncode:
        raise Ended(done.returncode if done.returncode > 0 else UNEXPECTED)
