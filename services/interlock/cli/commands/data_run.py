"""What `dt` does to environments' databases by itself: restore one from another, rehearse a release's migrations."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import click

from interlock.cli import seams
from interlock.cli.adjusting import refused
from interlock.cli.change import tell
from interlock.cli.exits import NOT_FOUND, OUTCOME_UNKNOWN, USAGE, WORK_FAILED, Halt
from interlock.cli.lazy import Command
from interlock.cli.names import environment_argument, release_argument, seen
from interlock.cli.reporting import put_evidence
from interlock.cli.running import CONFIG_HELP, asker_of, document_of, home_of, registered_of
from interlock.cli.session import Session

if TYPE_CHECKING:
    from interlock.events.catalogue.parts import Identity, Migration
    from interlock.runners.means import Means
    from interlock.runners.migrating import Rehearsal
    from interlock.runners.restoring import Registered, Restored

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])
# What a person who waits is told; the other steps are for tests.
RESTORING = {
    "looked": "read which databases these are, and compared them",
    "started": "took the lease",
    "dumped": "read the source, as of one moment",
    "emptied": "closed the target to everybody, and emptied it",
    "filled": "filled it",
    "masked": "masked it",
    "measured": "counted the rows of each table, and took their digest",
    "opened": "opened it again",
}
MIGRATING = {
    "looked": "read which database this is, and what would run there: exactly what the release declares",
    "started": "took the lease",
    "migrated": "they ran, all of them",
}
stage_option = click.option(
    "--env",
    "environment",
    default="stage",
    show_default=True,
    metavar="ENVIRONMENT",
    shell_complete=seen("environment"),
    help="Where releases are rehearsed.",
)


def from_option(default: str | None) -> Callable[[F], F]:
    """Return the option that says whose data it is."""
    return click.option(
        "--from",
        "source",
        required=default is None,
        default=default,
        show_default=default is not None,
        metavar="ENVIRONMENT",
        shell_complete=seen("environment"),
        help="Whose data: what policy allows there, never sandbox-anton's.",
    )


@click.command("restore", cls=Command)
@environment_argument
@from_option(None)
@click.pass_obj
def restore_environment(session: Session, environment: str, source: str) -> None:
    """Put a copy of another environment's data there, masked where interlock.toml says how.

    The database is closed to everybody, emptied, and opened again when the copy is whole. Never production. It is done
    by a service with the role runner; in a sandbox also by a person, where the policy lists it.

    Ends with 0 where the copy is whole and recorded, 3 where it was refused and nothing was touched, 11 where it failed
    (recorded; the next restore goes on from there), 7 where the report waits for the server (dt sync).
    """
    run_restore(session, environment, source)


@click.command("restore", cls=Command)
@stage_option
@from_option("production")
@click.pass_obj
def restore_stage(session: Session, environment: str, source: str) -> None:
    """Put a copy of production's data into stage, for the rehearsal; it voids the one before.

    The same as dt env restore stage --from production, and ends as that does.
    """
    run_restore(session, environment, source)


@click.command("migrate", cls=Command)
@release_argument
@stage_option
@click.pass_obj
def migrate(session: Session, release: str, environment: str) -> None:
    """Run the release's migrations on stage's restored data, timed one by one, as dt deploy will in production.

    Exactly those that the release declares, by id and digest, or none. A failure needs a new restore. Locks that are
    held or waited for longer than a second are told, and stand in the report that the event names.

    Ends with 0 where all ran, 3 where it was refused, 11 where one failed or what is here is not what the release
    declares, 7 where the report waits for the server (dt sync).
    """
    from interlock.runners.migrating import rehearse

    rehearsal = rehearsal_of(session, release, environment)
    ask_first(session, "StartMigration", {"release": release, "environment": environment}, rehearsal.registered)
    asker = asker_of(session, MIGRATING)
    done = run(rehearse(asker, rehearsal, partial(put_evidence, session), means_of(session)))
    session.remember(done.answer)
    for lock in done.applied.locks:
        session.say(f"  long lock  {lock.sentence()}")
    tell(session, done.answer, ((f"dt qa approve {release} --env {environment}", "after testing it there"),))


def run_restore(session: Session, environment: str, source: str) -> None:
    """Restore, and tell what is recorded."""
    from interlock.runners.connections import NotConfigured
    from interlock.runners.restoring import restore, restoring_of

    try:
        how = restoring_of(document_of(session), environment, source, home=home_of(session), environ=os.environ)
    except NotConfigured as why:
        raise Halt(
            f"{environment} cannot be restored from here", code=USAGE, why=str(why), then=(CONFIG_HELP,)
        ) from why
    asker, registered = asker_of(session, RESTORING), all_registered(session)
    fields = {"environment": environment, "source": source}
    ask_first(session, "StartRestore", fields, registered.identities.get(environment))
    done = run(restore(asker, how, registered, partial(put_evidence, session), means_of(session)))
    session.remember(done.answer)
    session.say(f"  {in_short(done)}")
    tell(session, done.answer, ((f"dt env show {environment}", "shows from what and when its data is"),))


def ask_first(session: Session, name: str, fields: dict[str, Any], registered: Identity | None) -> None:
    """Ask Interlock before a database is touched: what is refused is recorded, and raised as ProblemAnswer."""
    from interlock.events.codec import plain

    observed = {"identity": plain(registered)} if registered is not None else {}
    decision = session.client.explain(name, {**fields, "observed": observed})
    if decision.get("result") != "allowed":
        raise refused(session, name, {**fields, "observed": {}}, decision)


def in_short(done: Restored) -> str:
    """Say what is there now in one line."""
    rows, masked = sum(table.rows for table in done.copied.tables), ", masked" if done.copied.masked else ""
    tables = "1 table" if len(done.copied.tables) == 1 else f"{len(done.copied.tables)} tables"
    return f"{tables}, {rows:,} {'row' if rows == 1 else 'rows'}{masked}; report {done.report[:19]}…"


def means_of(session: Session, **facts: str) -> Means:
    """Return what a runner's work needs of this process; what it says is talk."""
    from interlock.runners.means import Means

    def told(line: str) -> None:
        session.say(f"    {line}")

    return Means(seams.monotonic, seams.pause, dict(os.environ), told, facts)


def all_registered(session: Session) -> Registered:
    """Return which database each environment is, and which of them is production."""
    from interlock.events.catalogue.parts import Identity
    from interlock.events.strict import read
    from interlock.runners.restoring import Registered

    identities, production = {}, "production"
    for each in session.get("/environments").get("environments") or ():
        found = each.get("identity")
        if isinstance(found, dict):
            parts = {name: found[name] for name in ("system_identifier", "database", "address") if found.get(name)}
            identities[each["environment"]] = read(Identity, parts)
        if each.get("purpose") == "production":
            production = each["environment"]
    return Registered(identities, production)


def rehearsal_of(session: Session, release: str, environment: str) -> Rehearsal:
    """Return what is to run, as interlock.toml and the release's content say. Raises Halt."""
    from interlock.runners.connections import NotConfigured, connection_of
    from interlock.runners.migrating import MIGRATE_ADDRESSES, Rehearsal, migrations_of

    document, home = document_of(session), home_of(session)
    try:
        migrations = migrations_of(document, environment, home=home)
        connection = connection_of(document, environment, home=home, environ=os.environ, addresses=MIGRATE_ADDRESSES)
    except NotConfigured as why:
        raise Halt(
            f"{environment} cannot be migrated from here", code=USAGE, why=str(why), then=(CONFIG_HELP,)
        ) from why
    declared = declared_by(session, release)
    return Rehearsal(release, declared, migrations, connection, registered_of(session, environment))


def declared_by(session: Session, release: str) -> tuple[Migration, ...]:
    """Return the migrations that the release's content declares. Raises Halt where it has no content."""
    from interlock.events.catalogue.parts import Migration
    from interlock.events.strict import read

    content = session.get(f"/releases/{release}").get("content")
    if not isinstance(content, dict):
        raise Halt(
            f"{release} has no content yet",
            code=NOT_FOUND,
            then=((f"dt release content {release}", "says what it is made of"),),
        )
    return tuple(read(Migration, each) for each in content.get("migrations") or ())


def run(work: Coroutine[Any, Any, T]) -> T:
    """Let the runner work, and say what kept it. Raises ProblemAnswer where Interlock refused, and Halt."""
    from interlock.runners.connections import NotConfigured
    from interlock.runners.failures import NotReported, Refused, Stopped

    look = (("dt status", "shows where it stands"),)
    try:
        return asyncio.run(work)
    except Refused as refused:
        raise refused.problem from refused
    except NotConfigured as why:
        raise Halt("it cannot be done from here", code=USAGE, why=str(why), then=(CONFIG_HELP,)) from why
    except Stopped as stopped:
        raise Halt(f"it was not done: {stopped}", code=WORK_FAILED, then=look) from stopped
    except NotReported as lost:
        raise Halt(str(lost), code=OUTCOME_UNKNOWN, then=look) from lost
