"""`dt diff`: what changed between two moments. Two reads are compared; what happened in between says who did it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
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
    happened = events_between(session, before.position, after.position, environment=environment)
    problems = [
        all_pages(session, "/problems", "problems", at=str(each.position), state="all", environment=environment)[
            "problems"
        ]
        for each in (before, after)
    ]
    document = {
        "from": before.told,
        "to": after.told,
        "environment": environment,
        **environment_changes(before.answer, after.answer, happened, *problems),
    }
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
    happened = events_between(session, before.position, after.position, release=release)
    changes = plain_changes(before.answer, after.answer)
    document = {
        "from": before.told,
        "to": after.told,
        "release": release,
        "changes": changes,
        "happened": happened,
    }
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
    document = {"from": before.told, "to": after.told, "changes": plain_changes(before.answer, after.answer)}
    session.answer(document, plain_diff_lines("team", document, session.scene()))


@diff.command("policy")
@between
@click.pass_obj
def policy(session: Session, since: str, until: str | None) -> None:
    """What changed in the policy that was in force."""
    from interlock.cli.comparing import plain_changes
    from interlock.cli.render.changes import plain_diff_lines

    before, after = two(session, "/policy", since, until)
    old, new = ({"version": each.answer["version"], **each.answer["document"]} for each in (before, after))
    document = {"from": before.told, "to": after.told, "changes": plain_changes(old, new)}
    session.answer(document, plain_diff_lines("policy", document, session.scene()))


@dataclass(frozen=True)
class Read:
    """One answer, and when that was."""

    answer: dict[str, Any]
    position: int
    at: datetime | None

    @property
    def told(self) -> dict[str, Any]:
        """The moment, for the comparison's document."""
        from interlock.cli.instants import rfc3339

        return {"position": self.position} | ({} if self.at is None else {"at": rfc3339(self.at)})


def two(
    session: Session, path: str, since: str, until: str | None, *, may_be_missing: bool = False
) -> tuple[Read, Read]:
    """Read the same question at both moments. Raises Halt (usage) where the first is the later one."""
    after = read(session, path, until)
    try:
        before = read(session, path, since)
    except Exception as error:
        from interlock.client import ProblemAnswer

        if not (may_be_missing and isinstance(error, ProblemAnswer) and error.status == 404):
            raise
        # It began in between, so that all of it is new; another read says where the moment is.
        before = replace(read(session, "/team", since), answer={})
    if before.position > after.position:
        raise Halt(
            f"--from is position {before.position:,}, after --to, which is {after.position:,}",
            code=USAGE,
            then=(("dt diff … --from EARLIER --to LATER", "compares forward in time"),),
        )
    return before, after


def read(session: Session, path: str, at: str | None) -> Read:
    """Ask once."""
    answer = session.get(path, at=at)
    return Read(answer, int(answer["position"]), session.client.as_of)


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
