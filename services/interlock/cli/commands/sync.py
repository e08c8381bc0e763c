"""`dt sync`: send the reports that waited while the server was away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from interlock.cli import spool
from interlock.cli.exits import NOT_ALLOWED, REFUSED, UNEXPECTED, Ended, Halt
from interlock.cli.lazy import Command
from interlock.cli.session import Session

if TYPE_CHECKING:
    from interlock.client import Client, ProblemAnswer

NOT_KNOWN = "not-authenticated"


@click.command("sync", cls=Command)
@click.pass_obj
def sync(session: Session) -> None:
    """Send the reports of facts that wait here, in their order; each says when it really was.

    It stops at the first that cannot be sent. What the server refuses is put aside, with its answer, and shown.
    """
    sent: list[dict[str, Any]] = []
    refused: list[dict[str, Any]] = []
    try:
        with spool.one_at_a_time():
            for waits in spool.waiting(session.settings.url, session.project):
                send(session, waits, sent, refused)
    except Exception as stopped:
        if not session.options.json:
            conclude(session, sent, refused)
        if isinstance(stopped, spool.BrokenReport):
            why = "look at it, and move it away; what stands behind it waits"
            raise Halt(str(stopped), code=UNEXPECTED, why=why) from stopped
        raise
    conclude(session, sent, refused)
    if refused:
        raise Ended(REFUSED)


def send(session: Session, waits: spool.Waiting, sent: list[dict[str, Any]], refused: list[dict[str, Any]]) -> None:
    """Send one. A crash after the server took it leaves it here: sent again, it is the same command.

    Raises ServerAway, OddAnswer, and ProblemAnswer where it says nothing about the report; Halt where nobody here may
    speak as who made it.
    """
    from interlock.cli.reporting import is_away
    from interlock.client import ProblemAnswer

    client = client_for(session, waits)
    try:
        for body, media_type in spool.evidence_of(waits):
            client.put_evidence(body, media_type)
        answer = client.command(waits.name, waits.fields, idempotency_key=waits.key)
    except ProblemAnswer as problem:
        if is_away(problem) or problem.type == NOT_KNOWN:
            raise
        place = spool.put_aside(waits, problem.problem)
        refused.append({"report": waits.name, "kept": str(place), **problem.problem})
        tell_refused(session, waits, problem, str(place))
        return
    except FileNotFoundError as gone:
        raise Halt(f"what {waits.sentence()} names is gone: {gone.filename}") from gone
    spool.sent(waits)
    session.remember(answer)
    sent.append({"report": waits.name, "happened_at": waits.happened_at, "events": answer.get("events") or []})
    tell_sent(session, waits, answer)


def client_for(session: Session, waits: spool.Waiting) -> Client:
    """Return the client of who made the report: a report is by who saw it. Raises Halt."""
    from interlock.cli.settings import Logins

    if waits.principal is None or waits.principal == session.me:
        return session.client
    login = Logins.read().find(waits.url, waits.project, waits.principal)
    if login is None:
        raise Halt(
            f"{waits.sentence()} is a report by {waits.principal}, who is not logged in here",
            code=NOT_ALLOWED,
            then=(("dt login", f"as {waits.principal}; then dt sync"),),
        )
    return session.client_with(login["token"], waits.project)


def tell_sent(session: Session, waits: spool.Waiting, answer: dict[str, Any]) -> None:
    """Say what was recorded of it, and when it was."""
    if session.options.json:
        return
    from interlock.cli.change import accepted_lines
    from interlock.cli.render.lines import Span, line
    from interlock.cli.render.times import moment

    scene = session.scene()
    session.show(accepted_lines([answer], "", scene.width))
    session.show([line(Span(f"  {waits.sentence()}: it was {moment(waits.happened_at, scene)}", "dim"))])


def tell_refused(session: Session, waits: spool.Waiting, problem: ProblemAnswer, place: str) -> None:
    """Show the refusal, and where the report is kept."""
    if session.options.json:
        return
    from interlock.cli.render.trouble import problem_lines

    session.say(f"✗ {waits.sentence()} was refused; it is kept in {place}")
    session.talk(problem_lines(problem.problem, problem.type, session.scene(), problem.exit_code))


def conclude(session: Session, sent: list[dict[str, Any]], refused: list[dict[str, Any]]) -> None:
    """Say how many were sent, refused, and still wait."""
    from interlock.cli.ending import counted

    still = counted(session)
    if session.options.json:
        session.give_json({"sent": sent, "refused": refused, "waiting": still})
        return
    if not (sent or refused or still):
        session.say("no report waits here")
        return
    session.say(f"{len(sent)} sent, {len(refused)} refused, {still} still waiting")
