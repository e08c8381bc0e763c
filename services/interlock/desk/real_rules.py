"""The rules of the release flow, as the desk takes them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from interlock.desk.errors import CredentialOver, LedgerElsewhere, NotAccepted
from interlock.desk.rules import Rules, Verdict
from interlock.domain.commands.governance import AcceptRestoredLedger, ConfirmAsked, DeclineAsked
from interlock.domain.commands.timely import ExpireAsked
from interlock.domain.decide import Refused, Submitted, decide
from interlock.domain.evolve import admit, evolve
from interlock.domain.needs import streams_needed
from interlock.domain.situation import Situation
from interlock.domain.snapshot import SNAPSHOT_VERSION, dump, load
from interlock.events.envelope import VOUCHED

if TYPE_CHECKING:
    from datetime import datetime

    from interlock.events.decision import Decision
    from interlock.events.envelope import Actor

ROLE_CHECK: Final = "role-held"


def _decide(situation: Situation, command: Any, actor: Actor, now: datetime) -> Verdict:
    _must_be_accepted(situation, command)
    _must_still_open(situation, actor, now)
    said = decide(situation, Submitted(command=command, actor=actor), now)
    if isinstance(said, Refused):
        return Verdict(said.facts, said.subject, said.decision, reason_of(said.decision), said.position)
    return Verdict(said.facts, said.subject)


def _must_be_accepted(situation: Situation, command: Any) -> None:
    """Raise LedgerElsewhere where it moved away, NotAccepted for all but what opens a restored ledger."""
    if situation.restored is None and situation.moved is not None:
        raise LedgerElsewhere(situation.moved)
    if situation.restored is None or isinstance(command, AcceptRestoredLedger):
        return
    if isinstance(command, ConfirmAsked | DeclineAsked | ExpireAsked):
        ask = situation.asks.get(command.ask)
        if ask is None or ask.command_type == AcceptRestoredLedger.__name__:
            return
    raise NotAccepted(f"it ends at {situation.restored}")


def _must_still_open(situation: Situation, actor: Actor, now: datetime) -> None:
    """Raise CredentialOver where the actor's credential ended between the knock at the door and this decision.

    Whoever let the actor in looked at an earlier situation: a body may arrive slowly, and others may be before it.
    """
    if actor.credential is None:
        return
    if actor.credential.startswith(VOUCHED):
        # An identity provider vouched: there is no credential that could end, only a person who acts no more.
        person = situation.team.principals.get(actor.id)
        if person is None or not person.active or person.kind != "person":
            raise CredentialOver(actor.credential)
        return
    held = situation.team.credentials.get(actor.credential)
    if held is None or held.principal != actor.id or now >= held.expires_at:
        raise CredentialOver(actor.credential)


def reason_of(decision: Decision) -> str:
    """Return why it was refused: "role" where the actor may not ask for it at all, else "check"."""
    return "role" if any(outcome.check == ROLE_CHECK for outcome in decision.missing) else "check"


def _policy_version(situation: Situation) -> int:
    return situation.policy_version


@cache
def real_rules() -> Rules:
    """Return the rules of `interlock.domain`."""
    return Rules(
        empty=Situation(),
        decide=_decide,
        evolve=evolve,
        streams_needed=streams_needed,
        admit=admit,
        policy_version=_policy_version,
        reason_of=reason_of,
        dump=dump,
        load=load,
        snapshot_version=SNAPSHOT_VERSION,
    )
