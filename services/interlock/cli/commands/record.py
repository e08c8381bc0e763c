"""`dt audit`, `dt annotate` and `dt watch`: the record itself, as it was and as it grows."""

from __future__ import annotations

import click

from interlock.cli import seams
from interlock.cli.change import changing, give
from interlock.cli.exits import VERIFICATION_FAILED, Ended
from interlock.cli.lazy import Command, Group
from interlock.cli.names import at_option, seen
from interlock.cli.session import Session

RECONNECT_SECONDS = (1.0, 2.0, 5.0, 10.0)


@click.group(cls=Group)
def audit() -> None:
    """Who did what, when, because of what. Nothing that was recorded ever changes."""


@audit.command("log")
@click.option("--release", metavar="RELEASE", shell_complete=seen("release"), help="What concerns it.")
@click.option(
    "--env", "environment", metavar="ENVIRONMENT", shell_complete=seen("environment"), help="What concerns it."
)
@click.option("--problem", metavar="PROBLEM", shell_complete=seen("problem"), help="What concerns it.")
@click.option("--adjustment", metavar="ADJ-N", shell_complete=seen("adjustment"), help="What concerns it.")
@click.option("--who", "person", metavar="WHO", shell_complete=seen("person"), help="Who did it, or is named in it.")
@click.option("--type", "kind", metavar="TYPE", help="As in DeployStarted, ActionRefused.")
@click.option("--since", metavar="WHEN", help="Recorded then or later.")
@click.option("--until", metavar="WHEN", help="Recorded before.")
@click.option(
    "--limit", "-n", type=click.IntRange(1, 500), default=50, show_default=True, metavar="N", help="How many."
)
@at_option
@click.pass_obj
def log(
    session: Session,
    release: str | None,
    environment: str | None,
    problem: str | None,
    adjustment: str | None,
    person: str | None,
    kind: str | None,
    since: str | None,
    until: str | None,
    limit: int,
    at: str | None,
) -> None:
    """List events, the newest last."""
    from interlock.cli.instants import parse_instant, rfc3339
    from interlock.cli.reading import scene_of
    from interlock.cli.render.records import event_list_lines

    answer = session.get(
        "/events",
        at=at,
        release=release,
        environment=environment,
        problem=problem,
        adjustment=adjustment,
        person=person,
        type=kind,
        since=rfc3339(parse_instant(since, "--since")) if since else None,
        until=rfc3339(parse_instant(until, "--until")) if until else None,
        limit=limit,
    )
    shown = list(reversed(answer.get("events") or ()))
    steps = [("dt audit show POSITION", "one of them, with what led to it and what followed")] if shown else []
    session.answer(answer, event_list_lines(shown, scene_of(session, answer, at)), steps)


@audit.command("show")
@click.argument("position", metavar="POSITION")
@click.option("--bytes", "raw", is_flag=True, help="The stored bytes, exactly as they were recorded.")
@at_option
@click.pass_obj
def show(session: Session, position: str, raw: bool, at: str | None) -> None:
    """Show one event, with what led to it and what followed."""
    from interlock.cli.reading import scene_of
    from interlock.cli.render.records import event_lines

    answer = session.get(f"/events/{number(position)}", at=at)
    event = answer.get("event") or answer
    if raw:
        click.echo(event.get("stored", ""))
        return
    session.answer(answer, event_lines(event, scene_of(session, answer, at)))


@audit.command("recheck")
@click.option("--since", metavar="WHEN", help="Tell of what was recorded then or later: an instant, or a position.")
@click.pass_obj
def recheck(session: Session, since: str | None) -> None:
    """Decide every recorded decision again, here, under its own policy. Any difference is a defect: exit 9.

    The whole record is read as it is stored, and this machine's own rules decide: nothing that the server says about
    it is believed. Nothing is written.
    """
    from interlock.cli.again import Since, Tally, whole_record
    from interlock.cli.render.again import recheck_lines
    from interlock.domain.recheck import recheck as checked_again

    asked = Since.read(since)
    tally = Tally()
    differing = []
    for checked in checked_again(whole_record(session, "decided again")):
        if asked.holds(checked.position, checked.events, checked.at):
            tally.count(checked.position, checked.events, checked.kind, checked.known)
            if checked.differs is not None:
                differing.append(checked)
    if session.options.json:
        from interlock.cli.render.again import difference_document

        session.give_json({**tally.document(), "differences": [difference_document(each) for each in differing]})
    else:
        session.show(recheck_lines(tally.document(), differing, session.scene()))
    if differing:
        raise Ended(VERIFICATION_FAILED)


def number(text: str) -> int:
    """Return "18204", "@18204" or "18,204" as a position. Raises BadParameter."""
    digits = text.strip().removeprefix("@").replace(",", "")
    if not digits.isdigit():
        raise click.BadParameter(f"{text!r} is no position", param_hint="POSITION")
    return int(digits)


@click.command("annotate", cls=Command)
@click.argument("position", metavar="POSITION")
@click.argument("text", metavar="TEXT")
@click.option(
    "--kind",
    type=click.Choice(["remark", "correction", "cause"]),
    default="remark",
    show_default=True,
    help="What it is.",
)
@changing
@click.pass_obj
def annotate(session: Session, position: str, text: str, kind: str) -> None:
    """Put a remark beside an event: dt annotate 18204 "asked in the wrong window". The event stays as it is."""
    give(session, "Annotate", {"target": number(position), "kind": kind, "text": text})


@click.command("watch", cls=Command)
@click.option("--release", metavar="RELEASE", shell_complete=seen("release"), help="Only what concerns it.")
@click.option("--type", "kind", metavar="TYPE", help="Only these, as in DeployStarted.")
@click.option("--after", type=int, metavar="POSITION", help="From there on; without it, from now on.")
@click.option("--count", "-n", type=click.IntRange(1), metavar="N", help="End after so many events.")
@click.pass_obj
def watch(session: Session, release: str | None, kind: str | None, after: int | None, count: int | None) -> None:
    """Show events as they happen, until interrupted. With --json, one event a line.

    When the connection breaks, it goes on from the last event: none is lost, none is shown twice.
    """
    from interlock.client import ServerAway

    last = after if after is not None else int(session.client.get("/whoami").get("position") or 0)
    shown, silent = 0, 0
    session.say(f"watching {session.project} after @{last:,} (Ctrl-C ends)")
    while True:
        try:
            for event in session.client.stream(last, release=release, type=kind):
                last, silent = int(event["position"]), 0
                show_event(session, event)
                shown += 1
                if count is not None and shown >= count:
                    return
        except ServerAway as away:
            if silent == len(RECONNECT_SECONDS):
                raise
            session.say(f"connection lost ({away.cause}); going on after @{last:,}")
        else:
            session.say(f"the server ended the stream; going on after @{last:,}")
            if silent == len(RECONNECT_SECONDS):
                return
        seams.sleep(RECONNECT_SECONDS[min(silent, len(RECONNECT_SECONDS) - 1)])
        silent += 1


def show_event(session: Session, event: dict[str, object]) -> None:
    """Show one event at once."""
    import json
    import sys

    from interlock.cli.render.lines import table
    from interlock.cli.render.records import event_rows

    if session.options.json:
        sys.stdout.write(json.dumps(event, ensure_ascii=False) + "\n")
        sys.stdout.flush()
    else:
        session.show(table(event_rows([event], session.scene()), gap=2))
