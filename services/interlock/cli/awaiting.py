"""Waiting until a decision is yes, and saying meanwhile what is waited for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, TypeVar

import click

from interlock.cli import seams
from interlock.cli.exits import PENDING, Ended
from interlock.cli.session import Session

# A gate changes with an event or with time: asking this often is soon enough for a person and cheap for the server.
ASK_EVERY_SECONDS = 5.0

F = TypeVar("F", bound=Callable[..., Any])
Facts = Mapping[str, Any]


def waiting_options(function: F) -> F:
    """Take `--wait` and `--timeout`."""
    for option in (
        click.option(
            "--timeout", metavar="LENGTH", help='With --wait: no longer than this, as in "2h"; else for ever.'
        ),
        click.option("--wait", is_flag=True, help="Wait until it may begin, and say what it waits for."),
    ):
        function = option(function)
    return function


def patience_of(timeout: str | None) -> timedelta | None:
    """Return how long is waited; None for ever. Raises Halt (usage)."""
    from interlock.cli.instants import parse_length

    return parse_length(timeout, "--timeout") if timeout is not None else None


def missing_of(decision: Facts) -> list[Facts]:
    """Return the checks that stand in the way."""
    return [each for each in decision.get("checks") or () if each.get("state") not in {"passed", "not_applicable"}]


def wait_until(session: Session, ask: Callable[[], Facts], patience: timedelta | None) -> None:
    """Wait until the decision is yes, and say what is waited for each time that it changes. Raises Ended (pending)."""
    from interlock.cli.commands.gate import say_gate

    began, told = seams.monotonic(), ""
    while True:
        decision = ask()
        if decision.get("result") == "allowed":
            return
        words = waits_for(session, decision)
        if words != told:
            session.say(f"  waiting for {words}")
            told = words
        spent = timedelta(seconds=seams.monotonic() - began)
        if patience is not None and spent + timedelta(seconds=ASK_EVERY_SECONDS) > patience:
            say_gate(session, dict(decision), everything=False, code=PENDING)
            raise Ended(PENDING)
        seams.sleep(ASK_EVERY_SECONDS)


def waits_for(session: Session, decision: Facts) -> str:
    """Return what is missing: "release-window (from Sat 09:00 GMT), code-reviewed (reviewer-1)"."""
    from interlock.cli.render.times import moment

    words = []
    for check in missing_of(decision):
        who = " or ".join(str(each) for each in check.get("who") or ())
        when = f"from {moment(check['passes_at'], session.scene())}" if check.get("passes_at") else ""
        note = when or who or str(check.get("observed") or "")
        words.append(f"{check.get('check')} ({note})" if note else str(check.get("check")))
    return ", ".join(words)
