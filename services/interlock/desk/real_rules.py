"""The rules of the release flow, as the desk takes them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from interlock.desk.rules import Rules, Verdict
from interlock.domain.decide import Refused, Submitted, decide
from interlock.domain.evolve import admit, evolve
from interlock.domain.needs import streams_needed
from interlock.domain.situation import EMPTY, Situation
from interlock.domain.snapshot import SNAPSHOT_VERSION, dump, load

if TYPE_CHECKING:
    from datetime import datetime

    from interlock.events.decision import Decision
    from interlock.events.envelope import Actor


def _decide(situation: Situation, command: Any, actor: Actor, now: datetime) -> Verdict:
    said = decide(situation, Submitted(command=command, actor=actor), now)
    if isinstance(said, Refused):
        return Verdict(said.facts, said.subject, said.decision, said.reason, said.position)
    return Verdict(said.facts, said.subject)


def _policy_version(situation: Situation) -> int:
    return situation.policy_version


def _reason_of(decision: Decision) -> str:
    return "check"


@cache
def real_rules() -> Rules:
    """Return the rules of `interlock.domain`."""
    return Rules(
        empty=EMPTY,
        decide=_decide,
        evolve=evolve,
        streams_needed=streams_needed,
        admit=admit,
        policy_version=_policy_version,
        reason_of=_reason_of,
        dump=dump,
        load=load,
        snapshot_version=SNAPSHOT_VERSION,
    )
