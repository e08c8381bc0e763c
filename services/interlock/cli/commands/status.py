"""`dt status` and `dt todo`: the whole picture, and who must act."""

from __future__ import annotations

import click

from interlock.cli import memory
from interlock.cli.lazy import Command
from interlock.cli.names import at_option
from interlock.cli.session import Session


@click.command("status", cls=Command)
@at_option
@click.pass_obj
def status(session: Session, at: str | None) -> None:
    """What runs where, what is open, when production opens."""
    from interlock.cli.ending import SYNC, counted
    from interlock.cli.reading import scene_of
    from interlock.cli.render.status import status_lines
    from interlock.cli.render.trouble import counted_reports

    answer = session.get("/status", at=at)
    remember(session, answer)
    number = counted(session)
    if number:
        # What waits is here, not in the record: it is said beside what the record says.
        answer["waiting_reports"] = number
    session.answer(answer, status_lines(answer, scene_of(session, answer, at)), (SYNC,) if number else ())
    if number:
        session.say(f"  {counted_reports(number)} in the spool of this machine")


def remember(session: Session, answer: dict[str, object]) -> None:
    """Keep the names seen, for completion."""
    for kind, key, field in (
        ("release", "releases", "release"),
        ("environment", "environments", "environment"),
        ("problem", "problems", "problem"),
    ):
        rows = answer.get(key)
        if isinstance(rows, list):
            memory.remember_names(session.place, kind, [str(row[field]) for row in rows if field in row])


@click.command("todo", cls=Command)
@click.option("--mine", is_flag=True, help="Only what waits for you.")
@click.option("--who", metavar="WHO", help="Only what waits for this person.")
@at_option
@click.pass_obj
def todo(session: Session, mine: bool, who: str | None, at: str | None) -> None:
    """Who must act, on what, by when; with the command to give."""
    from interlock.cli.reading import scene_of
    from interlock.cli.render.obligations import todo_lines

    whose = who or (session.me if mine else None)
    answer = session.get("/obligations", at=at, who=whose)
    session.answer(answer, todo_lines(answer["obligations"], scene_of(session, answer, at), whose=whose))
