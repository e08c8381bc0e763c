"""`dt team`: who is there, and what each may do."""

from __future__ import annotations

import click

from interlock.cli.change import changing, give
from interlock.cli.exits import USAGE, Halt
from interlock.cli.lazy import Group
from interlock.cli.names import at_option, environment_argument, person_argument, reason_option
from interlock.cli.session import Session

ROLES = ("developer", "tester", "reviewer", "verifier", "release-manager", "runner", "auditor", "administrator")
until_option = click.option("--until", metavar="WHEN", help="As a deputy, until then.")


@click.group(cls=Group)
def team() -> None:
    """Who is there, and what each may do. Most of it takes two administrators: dt confirm is the second's part."""


@team.command("list")
@at_option
@click.pass_obj
def list_(session: Session, at: str | None) -> None:
    """List who may do what, who owns what, and which credentials there are."""
    from interlock.cli import memory
    from interlock.cli.reading import scene_of
    from interlock.cli.render.people import team_lines

    answer = session.get("/team", at=at)
    memory.remember_names(session.place, "person", [str(each["principal"]) for each in answer.get("principals") or ()])
    session.answer(answer, team_lines(answer, scene_of(session, answer, at)))


@team.command("register")
@person_argument
@click.option(
    "--kind", type=click.Choice(["person", "service", "agent"]), default="person", show_default=True, help="What it is."
)
@changing
@click.pass_obj
def register(session: Session, principal: str, kind: str) -> None:
    """Let somebody, or something, act under this id; a person takes two administrators."""
    then = (
        (f"dt team grant {principal} ROLE", "what may it do?"),
        (f"dt login --request --principal {principal}", "there, where it will log in"),
    )
    give(session, "RegisterPrincipal", {"principal": principal, "kind": kind}, then=then)


@team.command("deactivate")
@person_argument
@reason_option
@changing
@click.pass_obj
def deactivate(session: Session, principal: str, reason: str) -> None:
    """Let this principal act no more."""
    session.confirm(f"Deactivate {principal}? All its credentials open nothing any more.")
    give(session, "DeactivatePrincipal", {"principal": principal, "reason": reason})


@team.command("grant")
@person_argument
@click.argument("role", type=click.Choice(ROLES))
@changing
@click.pass_obj
def grant(session: Session, principal: str, role: str) -> None:
    """Give a role; every one but auditor takes two administrators."""
    give(session, "GrantRole", {"principal": principal, "role": role})


@team.command("revoke")
@person_argument
@click.argument("role", type=click.Choice(ROLES))
@reason_option
@changing
@click.pass_obj
def revoke(session: Session, principal: str, role: str, reason: str) -> None:
    """Take a role away."""
    session.confirm(f"Take {role} from {principal}?")
    give(session, "RevokeRole", {"principal": principal, "role": role, "reason": reason})


@team.command("owner")
@environment_argument
@person_argument
@until_option
@changing
@click.pass_obj
def owner(session: Session, environment: str, principal: str, until: str | None) -> None:
    """Make this person the environment's owner: dt team owner sandbox-anton anton."""
    give(session, "AssignOwner", {"environment": environment, "principal": principal, "until": end_of(until)})


@team.command("operator")
@environment_argument
@person_argument
@until_option
@changing
@click.pass_obj
def operator(session: Session, environment: str, principal: str, until: str | None) -> None:
    """Make this person the one who adjusts data there."""
    give(session, "DesignateOperator", {"environment": environment, "principal": principal, "until": end_of(until)})


def end_of(until: str | None) -> str | None:
    """Return the end of a deputy's time as the API takes it."""
    from interlock.cli.instants import parse_instant, rfc3339

    return rfc3339(parse_instant(until, "--until")) if until else None


@team.group("credential", cls=Group)
def credential() -> None:
    """What a principal proves itself with. The secret is made where it is used, and never sent."""


@credential.command("issue")
@person_argument
@click.option(
    "--digest", metavar="SHA256", help="The digest that dt login --request gave: of a secret that stays there."
)
@click.option(
    "--signing-key", metavar="KEY", help="A public key, as ed25519: and base64, whose holder signs records on Kafka."
)
@click.option(
    "--days", type=click.IntRange(1, 366), default=90, show_default=True, metavar="DAYS", help="How long it serves."
)
@click.option("--read-only", is_flag=True, help="It may read, and change nothing.")
@changing
@click.pass_obj
def issue(
    session: Session, principal: str, digest: str | None, signing_key: str | None, days: int, read_only: bool
) -> None:
    """Accept a secret as proof of a principal; for somebody else it takes two administrators.

    Somebody else makes his secret himself, by dt login --request, and tells its digest: nobody else ever knows it.
    For yourself, without --digest, a new token is made here and printed once on stdout.
    """
    from datetime import timedelta

    from interlock.cli.instants import rfc3339
    from interlock.cli.tokens import digest_of, new_token

    token = None
    if signing_key is not None:
        from interlock.events.intake import key_digest

        if digest is not None:
            raise click.UsageError("--digest and --signing-key are two different proofs; give one")
        digest = key_digest(signing_key)
    if digest is None:
        if principal != session.me:
            raise Halt(
                f"{principal} makes the secret, and gives you its digest",
                code=USAGE,
                then=((f"dt login --request --principal {principal}", "on the machine where it will be used"),),
            )
        token = new_token()
        digest = digest_of(token)
    fields = {
        "principal": principal,
        "secret_digest": digest if digest.startswith("sha256:") else f"sha256:{digest}",
        "expires_at": rfc3339((session.now() + timedelta(days=days)).replace(microsecond=0)),
        "scopes": ["read"] if read_only else ["read", "write"],
        **({"purpose": "signing"} if signing_key is not None else {}),
    }
    give(session, "IssueCredential", fields)
    if token is not None:
        session.say("The token, shown once:")
        # With --json the answer is stdout's one document, and the secret is told beside it.
        click.echo(token, err=session.options.json)


@credential.command("revoke")
@click.argument("credential_id", metavar="CREDENTIAL")
@reason_option
@changing
@click.pass_obj
def revoke_credential(session: Session, credential_id: str, reason: str) -> None:
    """Let a credential open nothing any more."""
    session.confirm(f"Revoke {credential_id}?")
    give(session, "RevokeCredential", {"credential": credential_id, "reason": reason})
