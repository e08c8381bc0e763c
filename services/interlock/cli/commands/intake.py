"""`dt intake`: what came in on Kafka and could not be understood; look at it, try it again, discard it."""

from __future__ import annotations

import re
from typing import Any

import click

from interlock.cli.exits import USAGE, Halt
from interlock.cli.lazy import Group
from interlock.cli.names import reason_option
from interlock.cli.session import Session

_NAME = re.compile(r"[A-Za-z0-9._-]{1,249}:\d{1,9}:\d{1,18}")
letter_argument = click.argument("letter", metavar="LETTER")


@click.group(cls=Group)
def intake() -> None:
    """What came in on Kafka and could not be understood."""


@intake.command("list")
@click.option("--all", "everything", is_flag=True, help="Settled and discarded ones too.")
@click.pass_obj
def listed(session: Session, everything: bool) -> None:
    """List what was put aside and waits."""
    from interlock.cli.render.letters import list_lines

    pages = session.client.pages("/intake/dead-letters", state="all" if everything else "waiting")
    found = [letter for page in pages for letter in page["dead_letters"]]
    answer = {"dead_letters": found}
    waiting = [letter["name"] for letter in found if letter["state"] == "waiting"]
    steps = [(f"dt intake show {waiting[0]}", "its own bytes, and why it was put aside")] if waiting else []
    session.answer(answer, list_lines(found, session.scene()), steps)


@intake.command("show")
@letter_argument
@click.option("--raw", is_flag=True, help="The value's bytes on stdout, as they came, and nothing else.")
@click.pass_obj
def show(session: Session, letter: str, raw: bool) -> None:
    """Show one with its own bytes: dt intake show interlock.intake:3:120."""
    from base64 import b64decode

    from interlock.cli.render.letters import letter_lines

    answer = session.client.get(_path(letter))
    if raw:
        click.echo(b64decode(answer["value"]), nl=False)
        return
    steps = []
    if answer["state"] == "waiting":
        steps = [
            (f"dt intake retry {letter}", "when its cause is mended: a key registered, a newer version"),
            (f"dt intake discard {letter} --reason …", "when nothing will be done about it"),
        ]
    session.answer(answer, letter_lines(answer, session.scene()), steps)


@intake.command("retry")
@letter_argument
@click.pass_obj
def retry(session: Session, letter: str) -> None:
    """Let the intake try it again; its sender hears the outcome."""
    answer = session.client.settle(_path(letter, "/retry"))
    _told(session, answer, "is tried again", [(f"dt intake show {letter}", "what became of it")])


@intake.command("discard")
@letter_argument
@reason_option
@click.pass_obj
def discard(session: Session, letter: str, reason: str) -> None:
    """Say that nothing will be done about it; it stays readable."""
    session.confirm(f"Discard {letter}?")
    answer = session.client.settle(_path(letter, "/discard"), {"reason": reason})
    _told(session, answer, "is discarded", [])


def _path(letter: str, what: str = "") -> str:
    """Return a dead letter's address; a name that is none would ask another question."""
    if not _NAME.fullmatch(letter):
        raise Halt(f"{letter!r} is no dead letter's name", code=USAGE, then=(("dt intake list", "shows their names"),))
    return f"/intake/dead-letters/{letter}{what}"


def _told(session: Session, answer: dict[str, Any], what: str, steps: list[tuple[str, str]]) -> None:
    from interlock.cli.render.lines import Span, line

    session.answer(answer, [line(Span("✓ ", "good"), Span(str(answer["name"]), "strong"), f" {what}")], steps)
