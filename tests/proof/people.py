"""Who is there, and how far a project has come when the search begins.

Four people and a runner. Anton and dora write, and may also test and review, so that each could judge his own work;
vera and rosa judge, manage releases and administer. They differ in nothing that a rule reads, so one of them is tried
where either could act, and both where two are needed.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import Any

from interlock.domain import policy as policies
from interlock.domain.commands.environment import (
    BaselineEnvironment,
    RegisterEnvironment,
    SetDataFeed,
)
from interlock.domain.commands.governance import (
    AssignOwner,
    ConfirmAsked,
    DesignateOperator,
    GrantRole,
    OpenProject,
    RegisterPrincipal,
)
from interlock.domain.commands.release import OpenRelease, SetReleaseContent
from interlock.events.catalogue.parts import (
    Artifact,
    Commit,
    CredentialGiven,
    Identity,
    Migration,
    Observed,
    RepositoryHead,
)
from interlock.events.codec import digest_of
from interlock.events.envelope import Actor
from tests.proof.ghost import DEVELOPMENT, ORDER, PRODUCTION, SANDBOX
from tests.proof.world import MONDAY, SERVE, State, give, nothing, person

ANTON, DORA, VERA, ROSA, RUNNER = (person(name) for name in ("anton", "dora", "vera", "rosa", "ci-1"))
WRITES, JUDGES = ("developer", "tester", "reviewer"), ("tester", "reviewer", "release-manager")
BASE, NORMAL, HOTFIX = "base", "normal", "hotfix"
AUTHOR = {NORMAL: ANTON, HOTFIX: DORA}
FEEDS = {DEVELOPMENT: "IEX Sandbox", SANDBOX: "IEX Production"}
NEW_TEST = "quotes"


@cache
def digest(text: str) -> str:
    """A digest that is known by its source."""
    return digest_of({"of": text})


@cache
def identity(place: str) -> Identity:
    """The environment's registered server and database."""
    return Identity(system_identifier="7", database=place)


def observed(state: State, place: str) -> Observed:
    """What an honest runner reads there."""
    return Observed(
        identity=identity(place),
        feed=FEEDS.get(place),
        schema_digest=state.situation.environment(place).mark.schema_digest,
    )


@cache
def content(release: str, variant: str, contains: tuple[str, ...], fixes: tuple[str, ...]) -> SetReleaseContent:
    """What the release is made of: other bytes for each variant, and for each set of ancestors.

    The normal release adds functionality, with a named test and a migration; in variant "b" the old version cannot
    bear the migration, in variant "u" no test is named. The hotfix has no migration.
    """
    name = f"{release} {variant} {' '.join(contains)}"
    is_normal = release == NORMAL
    migration = Migration(id=f"{release}-1", digest=digest(release), backward_compatible=variant != "b")
    sha = digest(name)[7:47]
    return SetReleaseContent(
        release=release,
        artifacts=(Artifact(purl=f"pkg:oci/trading@{release}", digest=digest(name)),),
        commits=(Commit(repository="trading", sha=sha, author=AUTHOR[release].id, time=MONDAY),),
        head=(RepositoryHead(repository="trading", sha=sha),),
        contains=contains,
        migrations=(migration,) if is_normal else (),
        adds_functionality=is_normal,
        new_tests=(NEW_TEST,) if is_normal and variant != "u" else (),
        fixes=fixes,
    )


class Impossible(AssertionError):
    """a command that begins the search was refused"""


def do(state: State, actor: Actor, command: Any) -> State:
    """The state after a command that must be accepted."""
    after = give(state, actor, command)
    if after is None:
        raise Impossible(repr(command))
    return after


def by_two(state: State, command: Any) -> State:
    """Rosa asks, vera confirms."""
    asked = do(state, ROSA, command)
    return do(asked, VERA, ConfirmAsked(ask=next(iter(asked.situation.asks))))


@cache
def unbased() -> State:
    """Everybody is there, and every environment is registered."""
    enrolments = tuple(
        CredentialGiven(
            credential=f"K-{n}",
            principal=who,
            secret_digest=digest(who),
            purpose="enrolment",
            scopes=("write",),
            expires_at=MONDAY + timedelta(days=7),
        )
        for n, who in enumerate(("vera", "rosa"), 1)
    )
    opening = OpenProject(founders=("vera", "rosa"), enrolments=enrolments, policy=policies.shipped())
    state = do(nothing(), SERVE, opening)
    for name, roles in (("anton", WRITES), ("dora", WRITES), ("vera", JUDGES), ("rosa", JUDGES)):
        if roles is WRITES:
            state = by_two(state, RegisterPrincipal(principal=name, kind="person"))
        for role in roles:
            state = by_two(state, GrantRole(principal=name, role=role))  # type: ignore[arg-type]
    state = do(state, ROSA, RegisterPrincipal(principal="ci-1", kind="service"))
    state = by_two(state, GrantRole(principal="ci-1", role="runner"))
    state = by_two(state, AssignOwner(environment=DEVELOPMENT, principal="anton"))
    state = by_two(state, DesignateOperator(environment=PRODUCTION, principal="vera"))
    for place in ORDER:
        state = do(state, ROSA, RegisterEnvironment(environment=place, identity=identity(place)))
    for place, feed in FEEDS.items():
        state = do(state, ROSA, SetDataFeed(environment=place, feed=feed))
    return state


@cache
def team() -> State:
    """Everybody is there, every environment is registered, production runs its base."""
    return by_two(
        unbased(),
        BaselineEnvironment(
            environment=PRODUCTION,
            release=BASE,
            content_digest=digest(BASE),
            schema_digest=digest("schema"),
            artifacts=(Artifact(purl="pkg:oci/trading@base", digest=digest(BASE)),),
            head=(RepositoryHead(repository="trading", sha="a" * 40),),
        ),
    )


@cache
def opened() -> State:
    """The normal release is there, with its content."""
    state = do(team(), ANTON, OpenRelease(name=NORMAL, kind="normal", title="Quotes"))
    return do(state, ANTON, content(NORMAL, "a", (BASE,), ()))
