"""`dt env`: one environment, what is there, its data, its freeze, its lease."""

from __future__ import annotations

import click

from interlock.cli.change import changing, give
from interlock.cli.commands import env_begin, env_data
from interlock.cli.commands.data_run import restore_environment
from interlock.cli.lazy import Group
from interlock.cli.names import at_option, environment_argument, reason_option, seen
from interlock.cli.session import Session


@click.group(cls=Group)
def env() -> None:
    """One environment: what is there, its data, its freeze, its lease."""


@env.command("show")
@environment_argument
@click.option("--past", is_flag=True, help="What ran there before, too.")
@at_option
@click.pass_obj
def show(session: Session, environment: str, past: bool, at: str | None) -> None:
    """Show what is in the environment: dt env show production --at "2026-11-14 10:30"."""
    from interlock.cli.reading import all_pages, scene_of
    from interlock.cli.render.environments import environment_lines, occupant_lines

    answer = session.get(f"/environments/{environment}", at=at)
    scene = scene_of(session, answer, at)
    lines = environment_lines(answer, scene, past=at is not None)
    if past:
        before = all_pages(session, f"/environments/{environment}/occupants", "occupants", at=at)
        answer["occupants"] = before["occupants"]
        lines += occupant_lines(before["occupants"], scene)
    session.answer(answer, lines)


@env.command("list")
@at_option
@click.pass_obj
def list_(session: Session, at: str | None) -> None:
    """List the environments, in the order of the flow."""
    from interlock.cli.reading import scene_of
    from interlock.cli.render.environments import list_lines

    answer = session.get("/environments", at=at)
    session.answer(answer, list_lines(answer["environments"], scene_of(session, answer, at)))


for _command in (
    env_begin.register,
    env_begin.baseline,
    env_data.feed,
    restore_environment,
    env_data.restoring,
    env_data.restored,
    env_data.erased,
    env_data.corrupt,
    env_data.clean,
):
    env.add_command(_command)


@env.command("observe")
@environment_argument
@click.option(
    "--kind",
    type=click.Choice(["deploy", "restore", "migration", "adjustment", "erase", "drift", "other"]),
    required=True,
    help="What it was; drift: something is there that the record does not explain.",
)
@click.option("--source", required=True, metavar="TEXT", help="How it is known.")
@click.option("--what", "description", required=True, metavar="TEXT", help="What happened.")
@click.option("--found", "digest", metavar="DIGEST", help="The content's digest as read there.")
@click.option("--happened", metavar="WHEN", help='When it did, if that is known: "2026-11-14 10:02" (GMT).')
@changing
@click.pass_obj
def observe(
    session: Session,
    environment: str,
    kind: str,
    source: str,
    description: str,
    digest: str | None,
    happened: str | None,
) -> None:
    """Report what happened around Interlock, or content that differs from the record."""
    from interlock.cli.instants import parse_instant, rfc3339

    give(
        session,
        "ObserveFact",
        {
            "environment": environment,
            "kind": kind,
            "source": source,
            "description": description,
            "observed_digest": digest,
            "happened_at": rfc3339(parse_instant(happened, "--happened", today=session.now())) if happened else None,
        },
    )


@env.command("freeze")
@environment_argument
@reason_option
@click.option("--since", metavar="WHEN", help="From when on; else now.")
@click.option("--until", metavar="WHEN", help="Up to when; else until somebody ends it.")
@changing
@click.pass_obj
def freeze(session: Session, environment: str, reason: str, since: str | None, until: str | None) -> None:
    """Let nothing start here; a rollback is not stopped."""
    from interlock.cli.instants import parse_instant, rfc3339

    fields = {
        "environment": environment,
        "reason": reason,
        "since": rfc3339(parse_instant(since, "--since")) if since else None,
        "until": rfc3339(parse_instant(until, "--until")) if until else None,
    }
    then = ((f"dt env unfreeze {environment} -m …", "ends it"),)
    give(session, "FreezeEnvironment", fields, then=then)


@env.command("unfreeze")
@environment_argument
@reason_option
@changing
@click.pass_obj
def unfreeze(session: Session, environment: str, reason: str) -> None:
    """End the freeze."""
    give(session, "UnfreezeEnvironment", {"environment": environment, "reason": reason})


@env.command("confirm")
@environment_argument
@click.argument("what", type=click.Choice(["content", "empty", "mixed"]))
@reason_option
@click.option("--release", metavar="RELEASE", shell_complete=seen("release"), help="With content: which release.")
@click.option("--content", "content_digest", metavar="DIGEST", help="With content: its digest.")
@click.option("--schema", metavar="DIGEST", help="The schema's digest.")
@changing
@click.pass_obj
def confirm(
    session: Session,
    environment: str,
    what: str,
    reason: str,
    release: str | None,
    content_digest: str | None,
    schema: str | None,
) -> None:
    """Say what is in an unsure environment: the second person does it with dt confirm."""
    session.confirm(f"Say that {environment} holds {release or what}? A second person must confirm it.")
    give(
        session,
        "StateContent",
        {
            "environment": environment,
            "state": what,
            "reason": reason,
            "release": release,
            "content_digest": content_digest,
            "schema_digest": schema,
        },
    )


@env.command("renew-lease")
@environment_argument
@click.option("--lease", metavar="L-N", help="Which lease; without it the one that holds the environment.")
@click.option("--token", type=int, metavar="N", help="Its fencing token; without it the record's.")
@changing
@click.pass_obj
def renew_lease(session: Session, environment: str, lease: str | None, token: int | None) -> None:
    """Give a sign of life, as the holder of the lease."""
    from interlock.cli.recorded import held_lease

    held = held_lease(session, environment, lease)
    give(
        session,
        "RenewLease",
        {"environment": environment, "lease": held["lease"], "fencing_token": token or held["fencing_token"]},
    )


@env.command("break-lease")
@environment_argument
@click.option("--lease", metavar="L-N", help="Which lease; without it the one that holds the environment.")
@reason_option
@changing
@click.pass_obj
def break_lease(session: Session, environment: str, lease: str | None, reason: str) -> None:
    """End a stuck lease, as a release manager; its work counts as lost."""
    from interlock.cli.recorded import held_lease

    held = held_lease(session, environment, lease)
    session.confirm(
        f"Break {held['lease']} of {environment} ({held.get('kind')} by {held.get('holder')})? "
        "What it does counts as lost, and the environment may become unsure."
    )
    give(session, "BreakLease", {"environment": environment, "lease": held["lease"], "reason": reason})
