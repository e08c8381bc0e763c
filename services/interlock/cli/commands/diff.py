"""`dt diff`: what changed between two moments. Two reads are compared; what happened in between says who did it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from interlock.cli.exits import NOT_FOUND, USAGE, Halt
from interlock.cli.lazy import Group
from interlock.cli.names import environment_argument, release_argument
from interlock.cli.session import Session

F = TypeVar("F", bound=Callable[..., Any])


@click.group(cls=Group)
def diff() -> None:
    """What changed between two moments, each an instant or a position."""


def between(function: F) -> F:
    """Take `--from` and `--to`."""
    since = click.option(
        "--from", "since", required=True, metavar="WHEN", help='The first: "2026-11-14 10:30" (GMT), or a position.'
    )
    until = click.option("--to", "until", metavar="WHEN", help="The second; without it, now.")
    return since(until(function))


@diff.command("env")
@environment_argument
@between
@click.pass_obj
def env(session: Session, environment: str, since: str, until: str | None) -> None:
    """What changed in an environment: dt diff env production --from 2026-11-21 --to 2026-11-28."""
    from interlock.cli.comparing import environment_changes
    from interlock.cli.reading import all_pages
    from interlock.cli.render.changes import environment_diff_lines

    before, after = two(session, f"/environments/{environment}", since, until)
    document = moments(before, after, since, until)
    span = (document["from"]["position"], document["to"]["position"])
    happened = events_between(session, *span, environment=environment)
    problems = [
        all_pages(session, "/problems", "problems", at=str(at), state="all", environment=environment)["problems"]
        for at in span
    ]
    document |= {"environment": environment, **environment_changes(before, after, happened, *problems)}
    steps = [(f"dt audit log --env {environment}", "all that was recorded there")]
    session.answer(document, environment_diff_lines(document, session.scene()), steps)


@diff.command("release")
@release_argument
@between
@click.pass_obj
def release(session: Session, release: str, since: str, until: str | None) -> None:
    """What changed of a release: its state, content, evidence, deploys."""
    from interlock.cli.comparing import plain_changes
    from interlock.cli.render.changes import plain_diff_lines

    before, after = two(session, f"/releases/{release}", since, until, may_be_missing=True)
    document = moments(before, after, since, until)
    happened = events_between(session, document["from"]["position"], document["to"]["position"], release=release)
    document |= {"release": release, "changes": plain_changes(before, after), "happened": happened}
    steps = [(f"dt release timeline {release}", "its whole story")]
    session.answer(document, plain_diff_lines(release, document, session.scene()), steps)


@diff.command("team")
@between
@click.pass_obj
def team(session: Session, since: str, until: str | None) -> None:
    """What changed in the team: who is there, roles, owners, operators, credentials."""
    from interlock.cli.comparing import plain_changes
    from interlock.cli.render.changes import plain_diff_lines

    before, after = two(session, "/team", since, until)
    document = moments(before, after, since, until) | {"changes": plain_changes(before, after)}
    session.answer(document, plain_diff_lines("team", document, session.scene()))


@diff.command("policy")
@between
@click.pass_obj
def policy(session: Session, since: str, until: str | None) -> None:
    """What changed in the policy that was in force."""
    from interlock.cli.comparing import plain_changes
    from interlock.cli.render.changes import plain_diff_lines

    before, after = two(session, "/policy", since, until)
    changes = plain_changes(
        {"version": before.get("version"), **(before.get("document") or {})},
        {"version": after.get("version"), **(after.get("document") or {})},
    )
    document = moments(before, after, since, until) | {"changes": changes}
    session.answer(document, plain_diff_lines("policy", document, session.scene()))


def two(
    session: Session, path: str, since: str, until: str | None, *, may_be_missing: bool = False
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read the same question at both moments. Raises Halt (usage) where the first is the later one."""
    after = session.get(path, at=until)
    try:
        before = session.get(path, at=since)
    except Exception as error:
        from interlock.client import ProblemAnswer

        missing = isinstance(error, ProblemAnswer) and error.status == 404
        if not (may_be_missing and missing):
            raise
        # It was opened in between: everything about it is new. Where that moment is, the whole list tells.
        before = {"position": session.get("/releases", at=since, limit="1")["position"]}
    if int(before["position"]) > int(after["position"]):
        raise Halt(
            f"--from is position {before['position']:,}, after --to, which is {after['position']:,}",
            code=USAGE,
            then=(("dt diff … --from EARLIER --to LATER", "compares forward in time"),),
        )
    return before, after


def moments(before: dict[str, Any], after: dict[str, Any], since: str, until: str | None) -> dict[str, Any]:
    """Return both moments: the position, and the instant where one was named."""
    from interlock.cli.instants import at_query

    def moment(answer: dict[str, Any], asked: str | None) -> dict[str, Any]:
        told = {"position": answer["position"]}
        if asked is not None and not at_query(asked).isdigit():
            told["at"] = at_query(asked)
        return told

    return {"from": moment(before, since), "to": moment(after, until)}


def events_between(session: Session, since: int, until: int, **about: str) -> list[dict[str, Any]]:
    """Return what was recorded after one position, up to another, oldest first. Raises Halt where it is too much."""
    from interlock.cli.reading import PAGES_MAX

    if since == until:
        return []
    found: list[dict[str, Any]] = []
    query: dict[str, Any] = {"after": since, "at": until, "limit": 500, **about}
    page = session.client.get("/events", **query)
    for _ in range(PAGES_MAX):
        found += page.get("events", ())
        cursor = page.get("next_cursor")
        if not cursor:
            return found
        page = session.client.get("/events", cursor=cursor, **query)
    raise Halt(f"more than {len(found):,} events lie in between", code=NOT_FOUND, why="choose moments that are nearer")
