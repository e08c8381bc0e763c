"""A real project for benches and tests: founders, a developer who may do much, and an environment to deploy to."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from bench.story import content_of, digest
from interlock.desk import Answer, Desk
from interlock.domain.commands.deploy import RequestDeploy
from interlock.domain.commands.environment import RegisterEnvironment, SetDataFeed
from interlock.domain.commands.governance import AssignOwner, ConfirmAsked, GrantRole, OpenProject, RegisterPrincipal
from interlock.domain.commands.release import (
    HoldRelease,
    LiftReleaseHold,
    OpenRelease,
    SetReleaseContent,
    WithdrawRelease,
)
from interlock.domain.policy import shipped
from interlock.events.catalogue.parts import Artifact, Commit, CredentialGiven, Identity, RepositoryHead
from interlock.events.catalogue.team import SecondPersonAsked
from interlock.events.codec import request_hash
from interlock.events.envelope import Actor

SYSTEM = Actor(id="serve", kind="system")
ADA = Actor(id="ada", kind="person")
BOB = Actor(id="bob", kind="person")
ANTON = Actor(id="anton", kind="person")
SANDBOX = "sandbox-anton"
ENROLMENT_DAYS = 7


def event_id(at: datetime) -> UUID:
    """A UUIDv7 (RFC 9562)."""
    milliseconds = int(at.timestamp() * 1000)
    return UUID(int=milliseconds << 80 | 7 << 76 | random.getrandbits(12) << 64 | 2 << 62 | random.getrandbits(62))


class Desks:
    """One project at one desk, to which anybody gives commands."""

    def __init__(self, desk: Desk, project: str) -> None:
        """Nothing is said yet."""
        self.desk = desk
        self.project = project

    async def say(self, command: Any, actor: Actor = ANTON, *, command_id: UUID | None = None) -> Answer:
        """Give a command, under a new id unless one is given."""
        asked = request_hash(type(command).__name__, command, actor=actor.id)
        return await self.desk.submit(
            self.project, command, actor, command_id=command_id or uuid4(), request_hash=asked
        )

    async def must(self, command: Any, actor: Actor = ANTON) -> Answer:
        """Give a command that is accepted."""
        answer = await self.say(command, actor)
        if answer.status != "accepted":
            missing = answer.decision.missing if answer.decision is not None else ()
            raise AssertionError(f"{command}: {[(one.check, one.observed) for one in missing]}")
        return answer

    async def by_two(self, command: Any) -> None:
        """Let Ada ask, and Bob confirm."""
        asked = (await self.must(command, ADA)).recorded[0].event
        assert isinstance(asked, SecondPersonAsked), asked
        await self.must(ConfirmAsked(ask=asked.ask), BOB)


async def open_project(desks: Desks) -> None:
    """Open the project and let Anton own his sandbox."""
    expires_at = datetime.now(UTC) + timedelta(days=ENROLMENT_DAYS)
    enrolments = tuple(
        CredentialGiven(
            credential=f"K-{number}", principal=actor.id, secret_digest=digest(actor.id), purpose="enrolment",
            scopes=("write",), expires_at=expires_at,
        )
        for number, actor in enumerate((ADA, BOB), start=1)
    )  # fmt: skip
    await desks.must(OpenProject(founders=("ada", "bob"), enrolments=enrolments, policy=shipped()), SYSTEM)
    await desks.by_two(RegisterPrincipal(principal="anton", kind="person"))
    await desks.by_two(GrantRole(principal="anton", role="developer"))
    await desks.by_two(GrantRole(principal="anton", role="release-manager"))
    await desks.by_two(AssignOwner(environment=SANDBOX, principal="anton"))
    identity = Identity(system_identifier="7315", database="sandbox")
    await desks.must(RegisterEnvironment(environment=SANDBOX, identity=identity), ADA)
    await desks.must(SetDataFeed(environment=SANDBOX, feed="IEX Sandbox"))


def command_of(step: str, name: str) -> Any:
    """Return one command of the story."""
    match step:
        case "open":
            return OpenRelease(name=name, kind="normal", title=name)
        case "content":
            content = content_of(name)
            return SetReleaseContent(
                release=name,
                artifacts=tuple(Artifact(**one) for one in content["artifacts"]),
                commits=tuple(
                    Commit(**{**one, "time": datetime.fromisoformat(one["time"])}) for one in content["commits"]
                ),
                head=tuple(RepositoryHead(**one) for one in content["head"]),
            )
        case "hold":
            return HoldRelease(release=name, reason="the exchange is closed")
        case "lift":
            return LiftReleaseHold(release=name, reason="the exchange is open")
        case "deploy":
            return RequestDeploy(release=name, environment=SANDBOX)
        case _:
            return WithdrawRelease(release=name, reason="it is not wanted any more")
