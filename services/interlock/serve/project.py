"""The project's beginning: on an empty ledger, the two founders of the settings open it."""

from __future__ import annotations

import logging
from typing import Final
from uuid import UUID, uuid5

from interlock.desk import CommandIdReused, Desk
from interlock.domain.commands.governance import OpenProject
from interlock.events.catalogue.parts import CredentialGiven
from interlock.events.codec import request_hash
from interlock.events.envelope import Actor
from interlock.ledger import Ledger
from interlock.serve.refusals import CannotStart
from interlock.serve.settings import Settings, expiry

ACTOR: Final = Actor(id="serve", kind="system")
NAMESPACE: Final = UUID("2c1f8a52-7f0e-5b5e-8a63-94d1c7b6e0aa")

_LOG: Final = logging.getLogger("interlock.serve")


async def begin(desk: Desk, ledger: Ledger, settings: Settings) -> None:
    """Open the project where its ledger is empty. Raises CannotStart where the rules refuse the founders or policy.

    The command's id is made of the project's name: two servers that begin at once open it once, and a crash between
    leaves it open or not, which the next start sees.
    """
    if (await ledger.head(settings.project)).position:
        return
    begins = await desk.now(settings.project)
    enrolments = tuple(
        CredentialGiven(
            credential=f"K-{number}",
            principal=founder.principal,
            secret_digest=founder.enrolment,
            purpose="enrolment",
            scopes=("read", "write"),
            expires_at=expiry(founder, begins),
        )
        for number, founder in enumerate(settings.founders, start=1)
    )
    command = OpenProject(
        founders=tuple(founder.principal for founder in settings.founders),
        enrolments=enrolments,
        policy=settings.policy_document(),
    )
    try:
        answer = await desk.submit(
            settings.project,
            command,
            ACTOR,
            command_id=uuid5(NAMESPACE, f"{settings.project} OpenProject"),
            request_hash=request_hash("OpenProject", command, actor=ACTOR.id),
        )
    except CommandIdReused:
        return  # Another server was faster, a moment ago.
    if answer.status == "refused":
        missing = ", ".join(check.check for check in answer.decision.missing) if answer.decision else "a rule"
        raise CannotStart(f"project {settings.project}", f"it cannot begin: {missing}", "correct the settings")
    _LOG.info("project %s begins, with %s", settings.project, " and ".join(command.founders))
