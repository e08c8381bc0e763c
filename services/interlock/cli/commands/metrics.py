"""`dt metrics`: how fast changes reach production, and how often they fail there."""

from __future__ import annotations

import click

from interlock.cli.lazy import Command
from interlock.cli.names import at_option
from interlock.cli.session import Session


@click.command("metrics", cls=Command)
@click.option("--since", metavar="WHEN", help='From then on: "2026-11-01" (GMT); without it the 90 days before.')
@click.option("--until", metavar="WHEN", help="Up to then; without it up to now, or to --at.")
@click.option("--definitions", is_flag=True, help="Say what each figure means, too.")
@at_option
@click.pass_obj
def metrics(session: Session, since: str | None, until: str | None, definitions: bool, at: str | None) -> None:
    """Show DORA's five figures, what lead time was spent on, and the deployments behind them.

    What failed, and whether it was mended, is told as it is known now, or was known --at.
    """
    from interlock.cli.instants import parse_instant, rfc3339
    from interlock.cli.reading import scene_of
    from interlock.cli.render.metrics import definition_lines, metrics_lines

    period = {
        name: rfc3339(parse_instant(text, f"--{name}"))
        for name, text in (("since", since), ("until", until))
        if text is not None
    }
    answer = session.get("/metrics", at=at, **period)
    scene = scene_of(session, answer, at)
    lines = metrics_lines(answer, scene)
    if definitions:
        lines += definition_lines(answer, scene)
    session.answer(answer, lines)
