"""`dt notify`: endpoints outside that are told what happens; what did not arrive."""

from __future__ import annotations

import base64
import sys
from typing import Any

import click

from interlock.cli import seams
from interlock.cli.exits import PENDING, USAGE, WORK_FAILED, Halt
from interlock.cli.lazy import Group
from interlock.cli.session import NAME, Session

KINDS = ("must-act", "refused", "missed", "problem", "deployed")
SECRET_BYTES = 32
TEST_SECONDS = 30.0
LOOK_SECONDS = 0.5
name_argument = click.argument("name", metavar="NAME")


@click.group(cls=Group)
def notify() -> None:
    """Tell a chat, or anything that takes webhooks, what happens."""


@notify.command("add")
@name_argument
@click.argument("url", metavar="URL | -")
@click.option(
    "--on", "kinds", multiple=True, type=click.Choice(KINDS), help="Of what; several times for several. Else of all."
)
@click.pass_obj
def add(session: Session, name: str, url: str, kinds: tuple[str, ...]) -> None:
    """Tell an endpoint what is recorded from now on: dt notify add chat https://… --on problem --on missed.

    An address often holds a token: with - it is read from stdin. The secret that signs each message is shown once.
    """
    _named(name)
    address = sys.stdin.readline().strip() if url == "-" else url
    secret = "whsec_" + base64.b64encode(seams.secret(SECRET_BYTES)).decode()
    fields = {"name": name, "url": address, "secret": secret, "kinds": list(dict.fromkeys(kinds)) or list(KINDS)}
    answer = session.client.settle("/notify/endpoints", fields)
    from interlock.cli.render.lines import Span, line

    lines = [
        line(Span("✓ ", "good"), Span(name, "strong"), f" at {answer['url']} is told: {', '.join(answer['kinds'])}"),
        line("  its secret, shown this once:  ", Span(secret, "strong")),
    ]
    session.answer({**answer, "secret": secret}, lines, [(f"dt notify test {name}", "sends it a message now")])


@notify.command("list")
@click.pass_obj
def listed(session: Session) -> None:
    """List who is told of what, and how far."""
    from interlock.cli.render.notices import endpoint_lines

    answer = session.client.get("/notify/endpoints")
    failed = [each["name"] for each in answer["endpoints"] if each["failed"]]
    steps = [(f"dt notify failed {failed[0]}", "what was given up, and why")] if failed else []
    session.answer(answer, endpoint_lines(answer["endpoints"], session.scene()), steps)


@notify.command("remove")
@name_argument
@click.pass_obj
def remove(session: Session, name: str) -> None:
    """Tell it nothing any more, also not what is on its way."""
    session.confirm(f"Remove {name}, with what it has not been told yet?")
    _told(session, session.client.settle(f"/notify/endpoints/{_named(name)}/remove"), f"{name} is told nothing more")


@notify.command("test")
@name_argument
@click.pass_obj
def test(session: Session, name: str) -> None:
    """Send it a message now, and wait for its answer."""
    from interlock.client import ProblemAnswer

    answer = session.client.settle(f"/notify/endpoints/{_named(name)}/test", {"mark": str(seams.new_id())})
    path = f"/notify/messages/{answer['message']}"
    until = seams.monotonic() + TEST_SECONDS
    while seams.monotonic() < until:
        try:
            message = session.client.get(path)
        except ProblemAnswer as gone:
            if gone.type != "not-found":
                raise
            _told(session, answer, f"{name} has it")
            return
        if message.get("last_error"):
            raise Halt(
                f"{name} does not have it: {message['last_error']}",
                code=WORK_FAILED,
                why="it is tried again for some hours, as every message",
                then=(("dt notify list", "shows how all of them are doing"),),
            )
        seams.sleep(LOOK_SECONDS)
    raise Halt(
        f"nothing was sent to {name} within {TEST_SECONDS:g} s",
        code=PENDING,
        why="the part webhooks sends",
        then=(("dt notify list", "shows what waits"), ("dt doctor", "looks at the server")),
    )


@notify.command("failed")
@click.argument("name", metavar="[NAME]", required=False)
@click.option("--waiting", is_flag=True, help="Also what is still tried.")
@click.pass_obj
def failed(session: Session, name: str | None, waiting: bool) -> None:
    """List what was given up after many tries, and why."""
    from interlock.cli.render.notices import message_lines

    pages = session.client.pages("/notify/messages", state="all" if waiting else "failed")
    found = [each for page in pages for each in page["messages"] if name in {None, each["endpoint"]}]
    steps = [(f"dt notify retry {found[0]['endpoint']}", "tries again all that was given up for it")] if found else []
    session.answer({"messages": found}, message_lines(found, session.scene()), steps)


@notify.command("retry")
@click.argument("what", metavar="NAME | MESSAGE")
@click.pass_obj
def retry(session: Session, what: str) -> None:
    """Try again: one message, or all that was given up for an endpoint."""
    if what.startswith("msg_"):
        answer = session.client.settle(f"/notify/messages/{_named(what)}/retry")
        _told(session, answer, f"{what} is tried again")
        return
    answer = session.client.settle(f"/notify/endpoints/{_named(what)}/retry")
    _told(session, answer, f"{answer['messages']} messages for {what} are tried again")


def _named(name: str) -> str:
    """Return the name; one that is none would ask another question."""
    if not NAME.fullmatch(name):
        raise Halt(f"{name!r} is no name", code=USAGE, then=(("dt notify list", "shows their names"),))
    return name


def _told(session: Session, answer: dict[str, Any], what: str) -> None:
    from interlock.cli.render.lines import Span, line

    session.answer(answer, [line(Span("✓ ", "good"), what)])
