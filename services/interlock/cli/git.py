"""What git knows of a release's content: its commits, its head, and which releases it contains."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from interlock.cli.exits import USAGE, Halt
from interlock.cli.session import Session

COMMITS_MAX = 200
GIT_SECONDS_MAX = 60


def content_of(session: Session, repository: Path, span: str, name: str | None) -> dict[str, list[Any]]:
    """Return `commits`, `head` and `contains` of a range as in "v4.11.2..HEAD"."""
    begin, dots, end = span.partition("..")
    if not dots or not begin or end.startswith("."):
        raise Halt(f"--from-git: {span!r} is no range", code=USAGE, why="write it as BASE..HEAD, as in v4.11.2..HEAD")
    head = git(repository, "rev-parse", "--verify", f"{end or 'HEAD'}^{{commit}}")
    git(repository, "rev-parse", "--verify", f"{begin}^{{commit}}")
    name = name or repository_name(repository)
    listed = git(repository, "log", "--format=%H%x1f%an%x1f%ae%x1f%cI", f"{begin}..{head}")
    rows = [row.split("\x1f") for row in listed.splitlines() if row]
    if len(rows) > COMMITS_MAX:
        raise Halt(
            f"--from-git: {span} holds {len(rows)} commits", why=f"at most {COMMITS_MAX} are recorded", code=USAGE
        )
    people = principals(session)
    commits = [
        {"repository": name, "sha": sha, "author": author_of(author, mail, people), "time": time}
        for sha, author, mail, time in rows
    ]
    contains = [release for release, sha in heads_in(session, name).items() if is_ancestor(repository, sha, head)]
    return {"commits": commits, "head": [{"repository": name, "sha": head}], "contains": sorted(contains)}


def git(repository: Path, *arguments: str) -> str:
    """Run git there and return what it prints. Raises Halt (usage) with git's own words."""
    try:
        done = subprocess.run(
            ["git", "-C", str(repository), *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=GIT_SECONDS_MAX,
        )
    except FileNotFoundError:
        raise Halt("git is not on PATH", code=USAGE) from None
    if done.returncode != 0:
        raise Halt(f"git {arguments[0]} failed in {repository}", why=done.stderr.strip(), code=USAGE)
    return done.stdout.strip()


def is_ancestor(repository: Path, sha: str, head: str) -> bool:
    """Whether `sha` is in the history of `head`; a commit that this clone does not have is not."""
    done = subprocess.run(
        ["git", "-C", str(repository), "merge-base", "--is-ancestor", sha, head],
        capture_output=True,
        check=False,
        timeout=GIT_SECONDS_MAX,
    )
    return done.returncode == 0


def repository_name(repository: Path) -> str:
    """Return the origin's address without user, password and ".git", or the directory's name."""
    done = subprocess.run(
        ["git", "-C", str(repository), "remote", "get-url", "origin"],
        capture_output=True,
        text=True,
        check=False,
        timeout=GIT_SECONDS_MAX,
    )
    address = done.stdout.strip()
    if done.returncode != 0 or not address:
        return repository.resolve().name
    _, scheme, rest = address.rpartition("://")
    rest = rest.rpartition("@")[2] if "@" in rest.split("/", 1)[0] else rest
    return (rest if scheme else rest.replace(":", "/", 1)).removesuffix(".git").rstrip("/") or repository.name


def principals(session: Session) -> set[str]:
    """Return who is registered: an author is named by his principal id where he has one."""
    team = session.get("/team")
    return {str(person.get("principal") or person.get("id")) for person in people_in(team)}


def people_in(team: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    """Return the principals of a team's answer, whether it is a list or a table by id."""
    found = team.get("principals") or team.get("team") or ()
    if isinstance(found, Mapping):
        return [{"principal": name, **(entry if isinstance(entry, Mapping) else {})} for name, entry in found.items()]
    return [entry for entry in found if isinstance(entry, Mapping)]


def author_of(author: str, mail: str, people: set[str]) -> str:
    """Return the principal id that git's name or address stands for, otherwise git's name."""
    for candidate in (mail, mail.partition("@")[0], author, author.lower(), author.lower().replace(" ", "-")):
        if candidate in people:
            return candidate
    return author or mail or "unknown"


def heads_in(session: Session, repository: str) -> dict[str, str]:
    """Return the head of each release that touches this repository only, by the release's name."""
    from interlock.cli.recorded import events

    heads: dict[str, str] = {}
    settled: set[str] = set()
    for event in events(session, type="ReleaseContentSet"):
        release = str(event.get("stream", "")).partition("/")[2]
        if release in settled:
            continue
        settled.add(release)
        head = (event.get("data") or {}).get("head") or []
        if len(head) == 1 and head[0].get("repository") == repository:
            heads[release] = str(head[0].get("sha"))
    for event in events(session, type="EnvironmentBaselined"):
        data = event.get("data") or {}
        head = data.get("head") or []
        if data.get("release") and len(head) == 1 and head[0].get("repository") == repository:
            heads.setdefault(str(data["release"]), str(head[0].get("sha")))
    return heads
