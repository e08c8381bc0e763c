"""`dt gate`: may it go? Ask once, or wait until the answer is yes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import click

from interlock.cli import seams
from interlock.cli.exits import PENDING, REFUSED, Ended
from interlock.cli.lazy import Group
from interlock.cli.names import at_option, environment_argument, release_argument
from interlock.cli.session import Session

# A gate changes with an event or with time: asking this often is soon enough for a person and cheap for the server.
ASK_EVERY_SECONDS = 5.0


@click.group(cls=Group)
def gate() -> None:
    """May a release go into an environment? Asking records nothing."""


@gate.command("check")
@release_argument
@environment_argument
@click.option("--all", "everything", is_flag=True, help="Every check, also those that passed.")
@click.option("--if-at", metavar="INSTANT", help="As it would be at a future moment, if nothing else changes.")
@at_option
@click.pass_obj
def check(
    session: Session, release: str, environment: str, everything: bool, if_at: str | None, at: str | None
) -> None:
    """Exit 0 where the release may go, 3 where it may not."""
    decision = show_gate(session, release, environment, at=at, if_at=if_at, everything=everything, mark_exit=True)
    if decision.get("result") != "allowed":
        raise Ended(REFUSED)


@gate.command("wait")
@release_argument
@environment_argument
@click.option("--timeout", default="30m", show_default=True, metavar="LENGTH", help='As in "90s", "30m", "2h".')
@click.pass_obj
def wait(session: Session, release: str, environment: str, timeout: str) -> None:
    """Wait until the release may go; exit 8 where it may not in time."""
    from interlock.cli.instants import parse_length

    patience = parse_length(timeout, "--timeout")
    began = seams.monotonic()
    last: tuple[str, ...] | None = None
    while True:
        answer = session.get(f"/releases/{release}/gates/{environment}")
        decision = decision_of(answer)
        if decision.get("result") == "allowed":
            say_gate(session, answer, everything=False, code=None)
            return
        missing = tuple(str(c.get("check")) for c in decision.get("checks") or () if not standing(c))
        if missing != last and not session.options.json:
            session.say(f"waiting for {', '.join(missing) or 'the gate'}")
            last = missing
        spent = timedelta(seconds=seams.monotonic() - began)
        if spent + timedelta(seconds=ASK_EVERY_SECONDS) > patience:
            say_gate(session, answer, everything=False, code=PENDING)
            raise Ended(PENDING)
        seams.sleep(ASK_EVERY_SECONDS)


def standing(check: dict[str, Any]) -> bool:
    """Whether the check does not stand in the way."""
    return check.get("state") in {"passed", "not_applicable"}


def decision_of(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the decision of an answer, which may be the answer itself."""
    found = answer.get("decision")
    return found if isinstance(found, dict) else answer


def show_gate(
    session: Session,
    release: str,
    environment: str,
    *,
    at: str | None,
    if_at: str | None,
    everything: bool,
    mark_exit: bool = False,
) -> dict[str, Any]:
    """Ask for one gate, show its decision and return it."""
    answer = session.get(f"/releases/{release}/gates/{environment}", at=at, if_at=future(if_at))
    decision = decision_of(answer)
    refused = decision.get("result") != "allowed"
    say_gate(
        session, answer, everything=everything, code=REFUSED if mark_exit and refused else None, at=at, if_at=if_at
    )
    return decision


def say_gate(
    session: Session,
    answer: dict[str, Any],
    *,
    everything: bool,
    code: int | None,
    at: str | None = None,
    if_at: str | None = None,
) -> None:
    """Show a gate's decision; as JSON it is the answer as it came."""
    from interlock.cli.reading import scene_of
    from interlock.cli.render.decision import decision_lines
    from interlock.cli.render.trouble import show_all

    if session.options.json:
        session.give_json({**answer, "next": (answer.get("next") or decision_of(answer).get("next") or [])})
        return
    decision = decision_of(answer)
    lines = decision_lines(
        decision,
        scene_of(session, answer, if_at or at),
        everything=everything,
        foot=[f"asked, not recorded · @{decision.get('position')}"],
        exit_code=code,
        more=show_all(decision),
    )
    session.show(lines)


def show_gates(session: Session, release: str, *, at: str | None, if_at: str | None, everything: bool) -> None:
    """Show every gate on a release's way: a line each, and the first that is closed in full."""
    from interlock.cli.reading import scene_of
    from interlock.cli.render.gates import gates_lines

    answer = session.get(f"/releases/{release}/gates", at=at, if_at=future(if_at))
    session.answer(answer, gates_lines(answer, release, scene_of(session, answer, if_at or at), everything=everything))


def future(if_at: str | None) -> str | None:
    """Return `--if-at` as the API takes it."""
    if if_at is None:
        return None
    from interlock.cli.instants import parse_instant, rfc3339

    return rfc3339(parse_instant(if_at, "--if-at"))
