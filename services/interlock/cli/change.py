"""Every change goes through here: it is asked once, and its events, their position and the address are told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click

from interlock.cli import seams
from interlock.cli.render.decision import suggestions
from interlock.cli.render.lines import Line, Lines, Span, apart
from interlock.cli.session import Session

F = TypeVar("F", bound=Callable[..., Any])
Steps = Sequence[tuple[str, str]]


def keep_key(ctx: click.Context, parameter: click.Parameter, value: str | None) -> None:
    """Hand the idempotency key over to the session."""
    del parameter
    session = ctx.find_object(Session)
    if session is not None and value is not None:
        session.idempotency_key = value


def changing(function: F) -> F:
    """Give a command that changes something the option to be given again safely."""
    option = click.option(
        "--idempotency-key",
        metavar="UUID",
        expose_value=False,
        callback=keep_key,
        help="Ask again for what was asked under this key: one intent, one effect.",
    )
    return option(function)


def give(
    session: Session, name: str, fields: Mapping[str, Any], *, if_version: int | None = None, then: Steps = ()
) -> dict[str, Any]:
    """Give the command, tell what was recorded and return the answer. Raises ProblemAnswer when it is refused."""
    answer = submit(session, name, fields, if_version=if_version)
    tell(session, answer, then)
    return answer


def submit(session: Session, name: str, fields: Mapping[str, Any], *, if_version: int | None = None) -> dict[str, Any]:
    """Give the command and return the answer, without a word: for the first of two commands that belong together.

    Raises ProblemAnswer; Waits where it is a report of what happened, the server is away, and it is kept.
    """
    from interlock.cli.reporting import give_or_keep
    from interlock.cli.spool import REPORTS

    key = session.idempotency_key
    # A key names one intent; where one call of `dt` gives two commands, the second has a key of its own.
    session.idempotency_key = None
    if name in REPORTS:
        answer = give_or_keep(session, name, fields, key or seams.new_id())
    else:
        answer = session.client.command(name, fields, idempotency_key=key, if_version=if_version)
    session.remember(answer)
    return answer


def tell(
    session: Session, answer: Mapping[str, Any], then: Steps = (), *, before: Sequence[Mapping[str, Any]] = ()
) -> None:
    """Say what was recorded: each event with its position, the page, and the next commands.

    `before` are answers of commands given just before, for the same purpose.
    """
    # Where a second person is needed, nothing happened yet: that is the one next step.
    steps = asked_steps(answer) or list(then)
    if session.options.json:
        document = dict(answer)
        if before:
            document["events"] = [event for other in before for event in other.get("events", ())] + list(
                answer.get("events", ())
            )
        session.give_json(document, steps)
        return
    scene = session.scene()
    page = page_of(str(answer.get("subject") or ""), scene.pages)
    session.show(accepted_lines([*before, answer], page, scene.width))
    session.talk(suggestions(steps, scene))


def accepted_lines(answers: Sequence[Mapping[str, Any]], page: str, width: int) -> Lines:
    """Return "✓ DeployRequested @18204  4.12.0 → production" for each event, and the page."""
    from interlock.cli.render.happenings import sentence

    lines: Lines = []
    for answer in answers:
        for event in answer.get("events") or ():
            lines.append(event_line(event, sentence(event), width))
    if not lines:
        lines.append((Span("✓ ", "good"), Span("already so: nothing was recorded")))
    if page:
        lines.append((Span("  "), Span(page, "link")))
    return lines


def event_line(event: Mapping[str, Any], sentence: str, width: int) -> Line:
    """Return one event as a line: its type, its position, what it says."""
    bad = any(word in str(event.get("type")) for word in ("Failed", "Refused", "Unsure", "Cancelled"))
    sign = Span("✗ ", "bad") if bad else Span("✓ ", "good")
    left = [sign, Span(str(event.get("type")), "strong"), Span(f" @{event.get('position')}", "dim")]
    return apart([*left, Span(f"   {sentence}" if sentence else "")], [], width)


def asked_steps(answer: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what the second person would type, where one is needed."""
    steps = []
    for event in answer.get("events") or ():
        if event.get("type") == "SecondPersonAsked":
            data = event.get("data") or {}
            steps.append((f"dt confirm {data.get('ask')}", "another person, with an own login, decides it anew"))
    return steps


def page_of(subject: str, base: str) -> str:
    """Return where a subject can be read: `release/4.12.0` has its address under the project's."""
    kind, _, name = subject.partition("/")
    plural = {
        "release": "releases",
        "environment": "environments",
        "problem": "problems",
        "adjustment": "adjustments",
        "refusals": None,
    }
    if kind in {"policy", "team"}:
        # Who is there has no page of its own: what was changed about it is in the record.
        return f"{base}/{'policy' if kind == 'policy' else 'audit'}"
    folder = plural.get(kind)
    return f"{base}/{folder}/{name}" if folder and name and base else ""


def event_of(answer: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """Return the data of the answer's event of that type."""
    for event in answer.get("events") or ():
        if event.get("type") == name:
            data = event.get("data")
            return data if isinstance(data, dict) else {}
    return None
