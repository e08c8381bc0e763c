"""Two founders enrol by their one-time codes, let everybody else in together, and say what production runs."""

from __future__ import annotations

from datetime import timedelta

from interlock.cli.demo.cast import DEVELOPMENT, ENVIRONMENTS, FEEDS, FOUNDERS, PRODUCTION, TEAM
from interlock.cli.demo.contents import BASE, digest
from interlock.cli.demo.playing import Play, event_of, rfc3339
from interlock.cli.demo.repository import NAME
from interlock.cli.tokens import digest_of

BEGINS = "11-12 08:00"
TOKEN_DAYS = 90


def play(play: Play) -> None:
    """From an empty ledger to a team at work."""
    play.databases.begin()
    for founder in FOUNDERS:
        play.enrol(founder, credential(play, founder))
    first, second = FOUNDERS
    for member in TEAM:
        play.later(minutes=1)
        registered = {"principal": member.name, "kind": member.kind}
        if member.kind == "person":
            play.both(first, second, "RegisterPrincipal", **registered)
        else:
            play.do(first, "RegisterPrincipal", **registered)
        for role in member.roles:
            play.both(first, second, "GrantRole", principal=member.name, role=role)
        play.both(first, second, "IssueCredential", **credential(play, member.name))
    alone(play)
    play.both(first, second, "AssignOwner", environment=DEVELOPMENT, principal="anton")
    play.both(first, second, "DesignateOperator", environment=PRODUCTION, principal="operator-1")
    environments(play)
    base(play)


def credential(play: Play, who: str) -> dict[str, object]:
    """Return the credential of somebody who made the secret, and shows only its digest."""
    until = rfc3339(play.now + timedelta(days=TOKEN_DAYS))
    return {"principal": who, "secret_digest": digest_of(play.tokens[who]), "expires_at": until}


def alone(play: Play) -> None:
    """One administrator tries to make himself an approver, and to be his own second person."""
    play.later(minutes=2)
    asked = event_of(play.do("admin-1", "GrantRole", principal="admin-1", role="tester"), "SecondPersonAsked")
    play.refused("admin-1", "ConfirmAsked", ask=asked["ask"], because="second-person")
    play.later(minutes=3)
    play.do("admin-2", "DeclineAsked", ask=asked["ask"], reason="Administrators approve no releases here.")


def environments(play: Play) -> None:
    """Say which server and database each environment is, and which market data it gets."""
    for environment in ENVIRONMENTS:
        play.do("admin-1", "RegisterEnvironment", environment=environment, identity=play.identity(environment))
    for environment, (feed, percent) in FEEDS.items():
        play.do("rm-1", "SetDataFeed", environment=environment, feed=feed, volume_percent=percent)


def base(play: Play) -> None:
    """Declare what production ran before Interlock: said by one, confirmed by another."""
    play.later(minutes=10)
    head, content = play.repository.begin(), digest(f"content of {BASE}")
    play.repository.declared(BASE, content)
    play.places.begin(content)
    play.both(
        "admin-1",
        "rm-1",
        "BaselineEnvironment",
        environment=PRODUCTION,
        release=BASE,
        content_digest=content,
        artifacts=[{"purl": f"pkg:oci/trading@{BASE}", "digest": digest(f"image of {BASE}")}],
        head=[{"repository": NAME, "sha": head}],
        schema_digest=play.databases.run(PRODUCTION),
    )
    play.logs_from = play.now
