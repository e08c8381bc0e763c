"""`dt window`: when production deploys may start."""

from __future__ import annotations

import click

from interlock.cli.lazy import Group
from interlock.cli.names import seen
from interlock.cli.session import Session

environment_option = click.argument(
    "environment", metavar="[ENVIRONMENT]", default="production", shell_complete=seen("environment")
)
ics_option = click.option("--ics", is_flag=True, help="As a calendar (iCalendar) on stdout.")
from_option = click.option("--at", metavar="WHEN", help="From then on; also in the future.")


@click.group(cls=Group)
def window() -> None:
    """When deploys may start. Windows are in GMT all year, and half-open: at their end it is too late."""


@window.command("next")
@environment_option
@ics_option
@from_option
@click.pass_obj
def next_(session: Session, environment: str, ics: bool, at: str | None) -> None:
    """Show the window that is open, or the next one."""
    show(session, environment, 1, ics, at)


@window.command("list")
@environment_option
@click.option("--count", "-n", type=click.IntRange(1, 20), default=5, show_default=True, metavar="N", help="How many.")
@ics_option
@from_option
@click.pass_obj
def list_(session: Session, environment: str, count: int, ics: bool, at: str | None) -> None:
    """List the next windows."""
    show(session, environment, count, ics, at)


def show(session: Session, environment: str, count: int, ics: bool, at: str | None) -> None:
    """Ask for windows and show them, as lines or as a calendar."""
    from interlock.answers.times import instant
    from interlock.cli.render.windows import calendar, window_lines

    answer = session.get(f"/windows/{environment}", at=at, count=count)
    if ics:
        click.echo(calendar(answer, session.project, session.now()), nl=False)
        return
    session.answer(answer, window_lines(answer, session.scene(instant(answer.get("at")))))
