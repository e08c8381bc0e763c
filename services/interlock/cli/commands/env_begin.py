"""How an environment is made known: which server and database it is, and what production ran before Interlock."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

import click

from interlock.cli import seams
from interlock.cli.change import changing, give
from interlock.cli.exits import USAGE, WORK_FAILED, Halt
from interlock.cli.lazy import Command
from interlock.cli.names import environment_argument
from interlock.cli.running import target_to
from interlock.cli.session import Session

if TYPE_CHECKING:
    from interlock.runners.targets import Found


@click.command("register", cls=Command)
@environment_argument
@click.option(
    "--system-identifier", metavar="TEXT", help="PostgreSQL's system identifier (pg_control_system), or: command."
)
@click.option("--database", metavar="NAME", help="The database's name, or what the command printed.")
@click.option("--address", metavar="TEXT", help="The server's address.")
@changing
@click.pass_obj
def register(
    session: Session, environment: str, system_identifier: str | None, database: str | None, address: str | None
) -> None:
    """Say which server and database the environment is; without options it is looked at, as interlock.toml says where.

    Everything that erases, restores, migrates or deploys looks first whether it is still this one.
    """
    identity = {"system_identifier": system_identifier, "database": database, "address": address}
    if not any(identity.values()):
        from interlock.events.codec import plain

        identity = plain(looked_at(session, environment).identity)
        session.say(f"  found {identity['database']} ({identity['system_identifier']})")
    elif system_identifier is None or database is None:
        raise click.UsageError("--system-identifier and --database belong together; without both it is looked at")
    found = {name: value for name, value in identity.items() if value}
    then = (("dt env list", "what there is"),)
    give(session, "RegisterEnvironment", {"environment": environment, "identity": found}, then=then)


def looked_at(session: Session, environment: str) -> Found:
    """Return what is found where interlock.toml says that the environment is. Raises Halt."""
    from interlock.runners.environ import child_environ
    from interlock.runners.failures import Stopped
    from interlock.runners.targets import look

    target = target_to(session, environment)
    try:
        return asyncio.run(
            look(target, None, clock=seams.monotonic, environ=child_environ(os.environ, environment=environment))
        )
    except Stopped as why:
        raise Halt(f"{environment} cannot be looked at", code=WORK_FAILED, why=str(why)) from why


@click.command("baseline", cls=Command)
@environment_argument
@click.option("--empty", is_flag=True, help="Nothing runs there.")
@click.option("--release", metavar="NAME", help="The name of what runs there.")
@click.option("--content", "content_digest", metavar="DIGEST", help="Its content's digest; else that of its heads.")
@click.option(
    "--artifact", "artifacts", multiple=True, metavar="PURL=SHA256", help="Only with these can it be rolled back to."
)
@click.option(
    "--head",
    "heads",
    multiple=True,
    metavar="REPOSITORY=COMMIT",
    help="Where it stands in a repository: a commit, or a tag of a clone that interlock.toml names; repeat.",
)
@click.option("--schema", metavar="DIGEST", help="The schema's digest; else it is read in its database.")
@changing
@click.pass_obj
def baseline(
    session: Session,
    environment: str,
    empty: bool,
    release: str | None,
    content_digest: str | None,
    artifacts: tuple[str, ...],
    heads: tuple[str, ...],
    schema: str | None,
) -> None:
    """Declare once what production ran before Interlock; takes two persons."""
    from interlock.cli.content import pair

    if empty == (release is not None):
        raise click.UsageError("say what is there: --empty, or --release NAME --head REPOSITORY=COMMIT")
    fields: dict[str, Any] = {"environment": environment, "empty": empty, "release": release}
    fields["artifacts"] = [pair(text, "purl", "--artifact") for text in artifacts]
    fields["head"] = [] if empty else heads_named(session, heads)
    fields["content_digest"] = None if empty else content_digest or content_of_heads(fields)
    if schema is None and not empty and "dsn" in reached(session, environment):
        schema = looked_at(session, environment).schema_digest
    fields["schema_digest"] = schema
    session.confirm(f"Declare what {environment} runs? It is declared once, and confirmed by a second person.")
    give(session, "BaselineEnvironment", fields)


def reached(session: Session, environment: str) -> dict[str, Any]:
    """Return the environment's table in interlock.toml, empty where there is none."""
    tables = session.settings.document.get("environments")
    found = tables.get(environment) if isinstance(tables, dict) else None
    return found if isinstance(found, dict) else {}


def heads_named(session: Session, heads: tuple[str, ...]) -> list[dict[str, str]]:
    """Return the heads, by the full names of their commits where a clone is at hand. Raises Halt (usage)."""
    from interlock.cli.repositories import asking_git, configured_places
    from interlock.runners.repositories.clones import opened

    given = {name: commit for name, _, commit in (text.rpartition("=") for text in heads)}
    places = configured_places(session)
    missing = sorted({place.name for place in places} - given.keys())
    if missing:
        raise Halt(
            f"--head: where does production stand in {', '.join(missing)}?",
            code=USAGE,
            why="the commits of the first release are those since then",
            then=((f"… --head {missing[0]}=COMMIT", "a commit, or a tag that the clone has"),),
        )
    with asking_git("RELEASE"), opened(tuple(place for place in places if place.name in given)) as clones:
        given |= {clone.name: clone.commit(given[clone.name]) for clone in clones}
    return [{"repository": name, "sha": sha} for name, sha in sorted(given.items())]


def content_of_heads(fields: dict[str, Any]) -> str:
    """Return a digest for what has no content of Interlock's: of its name, its artifacts and its heads."""
    from interlock.events.codec import digest_of

    return digest_of({name: fields[name] for name in ("release", "artifacts", "head")})
