"""`dt env`: what an environment's data is: its feed, restores, what erased or spoiled it."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import click

from interlock.cli import seams
from interlock.cli.change import changing, event_of, give, submit, tell
from interlock.cli.exits import USAGE, WORK_FAILED, Halt
from interlock.cli.lazy import Command
from interlock.cli.names import environment_argument, reason_option, seen
from interlock.cli.observed import observed_of, observed_options
from interlock.cli.running import CONFIG_HELP, document_of, home_of
from interlock.cli.session import Session


@click.command("feed", cls=Command)
@environment_argument
@click.argument("feed", metavar="[FEED]", required=False)
@click.option(
    "--volume", type=click.IntRange(1), default=100, show_default=True, metavar="PERCENT", help="How much of it."
)
@changing
@click.pass_obj
def feed(session: Session, environment: str, feed: str | None, volume: int) -> None:
    """Say which market data it gets: dt env feed sandbox "IEX Production" --volume 25.

    Without FEED its feed command in interlock.toml says it; each deploy there asks that again.
    """
    found = feed or found_feed(session, environment)
    give(session, "SetDataFeed", {"environment": environment, "feed": found, "volume_percent": volume})


def found_feed(session: Session, environment: str) -> str:
    """Return what the environment's feed command says. Raises Halt."""
    from interlock.runners.connections import NotConfigured
    from interlock.runners.environ import child_environ
    from interlock.runners.failures import Stopped
    from interlock.runners.feeds import feed_configured, feed_of

    try:
        configured = feed_configured(document_of(session), environment, home=home_of(session))
        if configured is None:
            raise click.UsageError(f"name the FEED, or let a command say it: feed of [environments.{environment}]")
        environ = child_environ(os.environ, environment=environment)
        return asyncio.run(feed_of(configured, clock=seams.monotonic, environ=environ))
    except NotConfigured as why:
        raise Halt(f"nobody says which feed {environment} gets", code=USAGE, why=str(why), then=(CONFIG_HELP,)) from why
    except Stopped as why:
        raise Halt(f"{environment} does not say which feed it gets", code=WORK_FAILED, why=str(why)) from why


@click.command("restoring", cls=Command)
@environment_argument
@click.option(
    "--from", "source", required=True, metavar="ENVIRONMENT", shell_complete=seen("environment"), help="Whose data."
)
@observed_options
@changing
@click.pass_obj
def restoring(session: Session, /, environment: str, source: str, **found: Any) -> None:
    """Begin a restore: takes the lease. dt env restored reports how it went."""
    fields = {"environment": environment, "source": source, "observed": observed_of(session, environment, found)}
    then = ((f"dt env restored {environment} --restore S-… --snapshot … --taken-at …", "reports that it worked"),)
    give(session, "StartRestore", fields, then=then)


@click.command("restored", cls=Command)
@environment_argument
@click.option(
    "--from",
    "source",
    metavar="ENVIRONMENT",
    shell_complete=seen("environment"),
    help="Whose data it is; needed unless --restore names one begun before.",
)
@click.option(
    "--restore", "restore", metavar="S-N", help="A restore that dt env restoring began; else one is begun now."
)
@click.option("--token", type=int, metavar="N", help="Its fencing token; without it the record's.")
@click.option("--snapshot", metavar="TEXT", help="The snapshot's name.")
@click.option("--taken-at", metavar="WHEN", help="When the snapshot was taken.")
@click.option("--source-release", metavar="RELEASE", shell_complete=seen("release"), help="What ran there then.")
@click.option("--schema", metavar="DIGEST", help="The schema's digest after the restore.")
@click.option("--failed", metavar="TEXT", help="It did not work: what went wrong.")
@observed_options
@changing
@click.pass_obj
def restored(
    session: Session,
    /,
    environment: str,
    source: str | None,
    restore: str | None,
    token: int | None,
    snapshot: str | None,
    taken_at: str | None,
    source_release: str | None,
    schema: str | None,
    failed: str | None,
    **found: Any,
) -> None:
    """Report a restore: in one go, or one begun before (--restore, --token)."""
    from interlock.cli.exits import WORK_FAILED, Ended
    from interlock.cli.instants import parse_instant, rfc3339

    if failed is None and (snapshot is None or taken_at is None):
        raise click.UsageError("a restore that worked has --snapshot and --taken-at (or give --failed)")
    began, lease = begin_restore(session, environment, source, restore, token, found)
    if failed is not None:
        answer = submit(session, "ReportRestoreFailed", {**lease, "error": failed})
    else:
        answer = submit(
            session,
            "ReportRestored",
            {
                **lease,
                "snapshot": snapshot,
                "taken_at": rfc3339(parse_instant(str(taken_at), "--taken-at")),
                "source_release": source_release,
                "schema_digest": schema,
            },
        )
    tell(session, answer, before=began)
    if failed is not None:
        raise Ended(WORK_FAILED)


def begin_restore(
    session: Session,
    environment: str,
    source: str | None,
    restore: str | None,
    token: int | None,
    found: dict[str, Any],
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Begin a restore, or find the one that is named; return the answers so far and what a report needs.

    A crash between begin and report leaves a lease that expires, and an environment that is unsure.
    """
    from interlock.cli.recorded import held_lease, numbered

    if restore is not None:
        number = token or held_lease(session, environment, None).get("fencing_token")
        return [], {"environment": environment, "restore": restore, "fencing_token": number}
    if source is None:
        raise click.UsageError("say whose data it is: --from ENVIRONMENT")
    fields = {"environment": environment, "source": source, "observed": observed_of(session, environment, found)}
    answer = submit(session, "StartRestore", fields)
    lease = event_of(answer, "LeaseGranted") or {}
    return [answer], {
        "environment": environment,
        "restore": numbered(lease.get("subject"), "S"),
        "fencing_token": lease.get("fencing_token"),
    }


@click.command("erased", cls=Command)
@environment_argument
@click.option("--cause", required=True, metavar="TEXT", help="Why it was erased.")
@click.option("--token", type=int, metavar="N", help="In tests: the token of the run that holds the lease.")
@observed_options
@changing
@click.pass_obj
def erased(session: Session, /, environment: str, cause: str, token: int | None, **found: Any) -> None:
    """Report that the environment's data was erased."""
    give(
        session,
        "ReportErased",
        {
            "environment": environment,
            "cause": cause,
            "fencing_token": token,
            "observed": observed_of(session, environment, found),
        },
    )


@click.command("corrupt", cls=Command)
@environment_argument
@reason_option
@changing
@click.pass_obj
def corrupt(session: Session, environment: str, reason: str) -> None:
    """Say that its data is not to be trusted."""
    give(session, "MarkDataCorrupt", {"environment": environment, "reason": reason})


@click.command("clean", cls=Command)
@environment_argument
@reason_option
@changing
@click.pass_obj
def clean(session: Session, environment: str, reason: str) -> None:
    """Take the mark of corruption off."""
    give(session, "MarkDataClean", {"environment": environment, "reason": reason})
