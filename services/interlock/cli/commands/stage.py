"""`dt stage`: the rehearsal there: review, restore production's data, migrate it; or report what CI did."""

from __future__ import annotations

from typing import Any

import click

from interlock.cli.change import changing, event_of, give, submit, tell
from interlock.cli.commands.data_run import migrate, restore_stage
from interlock.cli.commands.stage_review import review
from interlock.cli.exits import WORK_FAILED, Ended
from interlock.cli.lazy import Group
from interlock.cli.names import release_argument, seen
from interlock.cli.observed import applied, observed_of, observed_options
from interlock.cli.session import Session

where_option = click.option(
    "--env",
    "environment",
    default="stage",
    show_default=True,
    metavar="ENVIRONMENT",
    shell_complete=seen("environment"),
    help="Where they are rehearsed.",
)
migration_option = click.option(
    "--migration-id",
    "migration",
    metavar="M-N",
    help="A rehearsal that dt stage migrating began; without it one is begun now.",
)
token_option = click.option("--token", type=int, metavar="N", help="Its fencing token; without it the record's.")


@click.group(cls=Group)
def stage() -> None:
    """The rehearsal of a release in stage: review, restore, migrate; or report what CI did."""


stage.add_command(review)
stage.add_command(restore_stage)
stage.add_command(migrate)


@stage.command("migrating")
@release_argument
@where_option
@observed_options
@changing
@click.pass_obj
def migrating(session: Session, /, release: str, environment: str, **found: Any) -> None:
    """Begin to rehearse the migrations: takes stage's lease. dt stage migrated reports how it went."""
    give(
        session,
        "StartMigration",
        start_fields(session, release, environment, found),
        then=((f"dt stage migrated {release} --migration-id M-… …", "reports that they ran"),),
    )


@stage.command("migrated")
@release_argument
@where_option
@migration_option
@token_option
@click.option(
    "--migrated",
    "migrations",
    multiple=True,
    required=True,
    metavar="ID=DIGEST=MS",
    help="A migration that ran, in milliseconds; in their order; repeat.",
)
@click.option("--before", required=True, metavar="DIGEST", help="The schema's digest before.")
@click.option("--after", required=True, metavar="DIGEST", help="The schema's digest after.")
@observed_options
@changing
@click.pass_obj
def migrated(
    session: Session,
    /,
    release: str,
    environment: str,
    migration: str | None,
    token: int | None,
    migrations: tuple[str, ...],
    before: str,
    after: str,
    **found: Any,
) -> None:
    """Report that they ran: in one go, or for a rehearsal begun before."""
    ran = [applied(text) for text in migrations]
    began, lease = begin(session, release, environment, migration, token, found)
    fields = {**lease, "migrations": ran, "schema_before": before, "schema_after": after}
    answer = submit(session, "ReportMigrated", fields)
    tell(session, answer, ((f"dt release why {release}", "what it needs next"),), before=began)


@stage.command("migration-failed")
@release_argument
@where_option
@migration_option
@token_option
@click.option("--error", required=True, metavar="TEXT", help="What went wrong.")
@click.option("--failed-migration", metavar="ID", help="Which of them failed.")
@observed_options
@changing
@click.pass_obj
def migration_failed(
    session: Session,
    /,
    release: str,
    environment: str,
    migration: str | None,
    token: int | None,
    error: str,
    failed_migration: str | None,
    **found: Any,
) -> None:
    """Report that they did not run; the restore they ran on is void."""
    began, lease = begin(session, release, environment, migration, token, found)
    answer = submit(session, "ReportMigrationFailed", {**lease, "error": error, "failed_migration": failed_migration})
    then = ((f"dt env restore {environment} --from production", "restore again before the next rehearsal"),)
    tell(session, answer, then, before=began)
    raise Ended(WORK_FAILED)


def start_fields(session: Session, release: str, environment: str, found: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of StartMigration."""
    return {"release": release, "environment": environment, "observed": observed_of(session, environment, found)}


def begin(
    session: Session, release: str, environment: str, migration: str | None, token: int | None, found: dict[str, Any]
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Begin a rehearsal, or find the one that is named; return the answers so far and what a report needs.

    A crash between begin and report leaves a lease that expires, and the rehearsal counts as lost.
    """
    from interlock.cli.recorded import held_lease, numbered

    answers = []
    if migration is None:
        answer = submit(session, "StartMigration", start_fields(session, release, environment, found))
        answers.append(answer)
        lease = event_of(answer, "LeaseGranted") or {}
    else:
        lease = held_lease(session, environment, None)
    named = migration or numbered(lease.get("subject"), "M")
    return answers, {
        "release": release,
        "environment": environment,
        "migration": named,
        "fencing_token": token or lease.get("fencing_token"),
    }
