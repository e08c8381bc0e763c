"""What an endpoint is told of an event: of which kind it is, and in which words (Slack-compatible JSON)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid5

from interlock.domain.obligations import Obligation
from interlock.domain.policy import parse
from interlock.domain.situation import Situation
from interlock.endpoints import Kind, Message, body_of
from interlock.events.catalogue import environment as there
from interlock.events.catalogue import problem as problems
from interlock.events.catalogue import refusals, release
from interlock.events.envelope import Recorded
from interlock.projections.sentences import gmt, sentence

# Ids of messages are names in this space: the same event for the same endpoint is the same message for ever.
IDS: Final = UUID("0b6f6d5e-8f0a-5b0c-9d51-7a2b6e1f7a93")
PEOPLE_SHOWN_MAX: Final = 8
TITLES: Final[dict[Kind, str]] = {
    "must-act": "Somebody must act",
    "refused": "Refused",
    "missed": "Missed",
    "problem": "Problem",
    "deployed": "Deployed",
}


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell; `mark` tells it apart from others of the same event."""

    kind: Kind
    text: str
    mark: str = ""


def notices(
    recorded: Recorded[Any], situation: Situation, before: Sequence[Obligation], after: Sequence[Obligation]
) -> Iterator[Notice]:
    """Yield what there is to tell of one event: `before` and `after` are what waited for whom without it and with it.

    Who must act because time passed is told by what the watch records then.
    """
    kind = _kind_of(recorded, situation)
    if kind is not None:
        yield Notice(kind, _said(recorded, situation, after))
    known = {_key(each) for each in before}
    for each in after:
        people = _persons(each.who, situation)
        if _key(each) not in known and people:
            by = f", by {gmt(each.by)}" if each.by is not None else ""
            yield Notice("must-act", f"{people}: {each.what}{by}\n{each.command}", "|".join(_key(each)))


def _kind_of(recorded: Recorded[Any], situation: Situation) -> Kind | None:
    match recorded.event:
        case refusals.ActionRefused():
            return "refused"
        case there.TestRunMissed() | there.LogCheckMissed() | problems.ReactionOverdue():
            return "missed"
        case problems.ProblemReported() | problems.ProblemReopened():
            return "problem"
        case release.DeploySucceeded(environment=environment):
            document = situation.policies.get(situation.policy_version)
            return "deployed" if document is not None and parse(document).production == environment else None
        case _:
            return None


def _said(recorded: Recorded[Any], situation: Situation, after: Sequence[Obligation]) -> str:
    text = f"{sentence(recorded)} (by {recorded.actor.id})"
    match recorded.event:
        case refusals.ActionRefused(decision=decision):
            steps = [outcome.next for outcome in decision.missing if outcome.next]
            return "\n".join([text, *steps[:3]])
        case problems.ProblemReported(problem=name, react_by=by):
            return f"{text}\nreact by {gmt(by)}: dt problem ack {name}"
        case problems.ReactionOverdue(problem=name):
            escalated = [each.escalates_to for each in after if each.subject == name and each.escalates_to]
            people = _persons(escalated[0], situation) if escalated else ""
            return f"{text}\nescalated to {people}: dt problem ack {name}" if people else text
        case _:
            return text


def _persons(who: Sequence[str], situation: Situation) -> str:
    principals = situation.team.principals
    persons = [name for name in who if name in principals and principals[name].kind == "person"]
    more = f" +{len(persons) - PEOPLE_SHOWN_MAX}" if len(persons) > PEOPLE_SHOWN_MAX else ""
    return ", ".join(persons[:PEOPLE_SHOWN_MAX]) + more


def _key(each: Obligation) -> tuple[str, str, str]:
    return each.subject, each.what, each.command


def message_of(notice: Notice, project: str, position: int, endpoint: str) -> Message:
    """Return it as it is sent to one endpoint."""
    name = "/".join((project, endpoint, str(position), notice.kind, notice.mark))
    body = body_of(f"{TITLES[notice.kind]} in {project}", f"{notice.text}\n@{position}")
    return Message(id=f"msg_{uuid5(IDS, name).hex}", endpoint=endpoint, kind=notice.kind, position=position, body=body)
