"""`dt projections`: how far the read models are, and building one anew while it goes on serving."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import click

from interlock.cli import seams
from interlock.cli.change import changing
from interlock.cli.exits import NOT_FOUND, USAGE, WORK_FAILED, Ended, Halt
from interlock.cli.lazy import Group
from interlock.cli.names import kafka_options
from interlock.cli.session import Session

ASK_EVERY_SECONDS = 1.0


@click.group(cls=Group)
def projections() -> None:
    """The read models: what every read is answered from. All of them can be built anew from the record."""


@projections.command("list")
@click.pass_obj
def list_(session: Session) -> None:
    """List them: version, how far each is, and its last rebuild."""
    from interlock.cli.render.projections import projection_lines

    answer = session.client.get("/projections")
    session.answer(answer, projection_lines(answer["projections"], int(answer["head"]), session.scene()))


@projections.command("rebuild")
@click.argument("name", metavar="[NAME]", required=False)
@click.option("--wait", is_flag=True, help="Stay until it is done; exit 11 where it fails.")
@click.option("--from", "source", type=click.Choice(["kafka"]), help="Into a database that has no read models.")
@kafka_options
@changing
@click.pass_obj
def rebuild(
    session: Session,
    name: str | None,
    wait: bool,
    source: str | None,
    kafka: str | None,
    topic: str,
    config: Path | None,
) -> None:
    """Build one read model anew, or all; takes the role administrator.

    It is built beside the one that serves, and takes its place when it knows as much: nobody who reads notices.
    With --from kafka all of them are built here, without a server, into the database that interlock.toml names.
    """
    if source is not None:
        from interlock.cli.commands.ledger import run

        run(session, "interlock.serve.rebuilding", kafka, topic, config)
        return
    from interlock.cli.render.projections import projection_lines

    try:
        key = UUID(session.idempotency_key) if session.idempotency_key else seams.new_id()
    except ValueError as wrong:
        raise Halt("--idempotency-key: it must be a UUID", code=USAGE) from wrong
    names = [name] if name else [str(each["name"]) for each in session.client.get("/projections")["projections"]]
    if not names:
        raise Halt("this server keeps no read models", code=NOT_FOUND)
    for each in names:
        # One intent, one key; each read model has its own of it, so that giving it again does nothing twice.
        session.client.post(f"/projections/{each}/rebuild", idempotency_key=uuid5(key, each))
    answer, chosen = wait_for(session, names) if wait else now(session, names)
    then = [] if wait else [("dt projections list", "how far it is")]
    document = {"position": answer["position"], "head": answer["head"], "projections": chosen}
    session.answer(document, projection_lines(chosen, int(answer["head"]), session.scene()), then)
    if any(state_of(each) == "failed" for each in chosen):
        raise Ended(WORK_FAILED)


def now(session: Session, names: Sequence[str]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the answer, and those of its projections that are meant."""
    answer = session.client.get("/projections")
    return answer, [each for each in answer["projections"] if each["name"] in names]


def wait_for(session: Session, names: Sequence[str]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Tell the progress until every rebuild is over."""
    from interlock.cli.render.projections import progress_line

    told = ""
    while True:
        answer, chosen = now(session, names)
        at_work = [each for each in chosen if state_of(each) == "building"]
        if not at_work:
            return answer, chosen
        said = progress_line(at_work)
        if said != told and not session.options.json:
            session.say(said)
            told = said
        seams.sleep(ASK_EVERY_SECONDS)


def state_of(projection: dict[str, Any]) -> str | None:
    """Return how its last rebuild is: building, done or failed."""
    return (projection.get("rebuild") or {}).get("state")
