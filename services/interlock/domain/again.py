"""The record decided again: each command in the situation that it met, at its own moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from interlock.domain.commands.governance import AcceptRestoredLedger, ConfirmAsked
from interlock.domain.decide import Accepted, Refused, Submitted, decide
from interlock.domain.errors import InvalidCommand, NotFound
from interlock.domain.evolve import evolve
from interlock.domain.needs import completed
from interlock.domain.rebuild import candidates, proved
from interlock.domain.situation import EMPTY, Situation
from interlock.events.decision import Decision
from interlock.events.envelope import Actor, Recorded
from interlock.events.fact import fact, replace

# What closes is looked up again by its stream; nothing else is.
CLOSING = ("release/", "problem/", "adjustment/", "policy")

Events = tuple[Recorded[Any], ...]
Known = Literal["proved", "rebuilt", "unknown"]


@dataclass(frozen=True, slots=True)
class Given:
    """One command as the record has it: its events, and the situation before them.

    `admitted` brings in what the command names and is over; it is to be asked before the replay goes on.
    """

    before: Situation
    events: Events
    admitted: Callable[[Any], Situation]

    @property
    def position(self) -> int:
        """The position of its first event."""
        return self.events[0].position

    @property
    def now(self) -> datetime:
        """The moment at which it was decided: that at which it was recorded."""
        return self.events[0].recorded_at

    @property
    def actor(self) -> Actor:
        """Who gave it."""
        return self.events[0].actor


def replay(events: Iterable[Recorded[Any]]) -> Iterator[Given]:
    """Fold a whole log from its first event, and give each command with the situation that it met."""
    situation = EMPTY
    closing: dict[str, list[Recorded[Any]]] = {}

    def given(before: Situation, together: list[Recorded[Any]]) -> Given:
        def admitted(command: Any) -> Situation:
            return completed(before, command, lambda stream: closing.get(stream, ()))

        return Given(before, tuple(together), admitted)

    for together in _by_command(events):
        yield given(situation, together)
        for recorded in together:
            situation = evolve(situation, recorded)
            if recorded.stream.startswith(CLOSING):
                closing.setdefault(recorded.stream, []).append(recorded)


def _by_command(events: Iterable[Recorded[Any]]) -> Iterator[list[Recorded[Any]]]:
    together: list[Recorded[Any]] = []
    for recorded in events:
        if together and recorded.ordinal == 0:
            yield together
            together = []
        together.append(recorded)
    if together:
        yield together


@fact
class Said:
    """What the rules say to a command: what would be recorded, and each decision in it by its event's type.

    `error` is there instead where the command names nothing that there is, or contradicts itself.
    """

    decision: Decision | None
    kinds: tuple[tuple[str, str], ...] = ()
    decisions: tuple[tuple[str, Decision], ...] = ()
    error: str | None = None

    @property
    def told(self) -> Decision | None:
        """The decision to be told: the one that stands in an event, or else the command's own."""
        return self.decisions[0][1] if self.decisions else self.decision


def say(seen: Situation, given: Given, command: Any) -> tuple[Said, tuple[Any, ...]]:
    """What the rules say to `command` in the situation `seen`, with what they would record."""
    seen = _restored(seen, command)
    try:
        answer: Accepted | Refused = decide(seen, Submitted(command=command, actor=given.actor), given.now)
    except (InvalidCommand, NotFound) as wrong:
        return Said(decision=None, error=str(wrong)), ()
    kinds = tuple((new.stream, type(new.event).__name__) for new in answer.facts)
    return Said(
        decision=answer.decision, kinds=kinds, decisions=_decisions(new.event for new in answer.facts)
    ), answer.facts


def _restored(seen: Situation, command: Any) -> Situation:
    """The situation of a ledger that was restored: where it ended stands outside its log, and in what was asked."""
    asked = seen.asks.get(command.ask) if isinstance(command, ConfirmAsked) else None
    if isinstance(command, AcceptRestoredLedger):
        position = command.position
    elif asked is not None and asked.command_type == AcceptRestoredLedger.__name__:
        position = int(asked.command["position"])
    else:
        return seen
    return replace(seen, restored=position) if position <= seen.position else seen


def recorded(given: Given) -> Said:
    """What the record says was said. Where no event holds a decision, that it was allowed is all there is."""
    decisions = _decisions(each.event for each in given.events)
    own = next((decision for name, decision in decisions if name == "ActionRefused"), None)
    allowed = Decision(
        action=given.events[0].type,
        result="allowed",
        position=given.before.position,
        policy_version=given.before.policy_version,
    )
    return Said(
        decision=own or allowed,
        kinds=tuple((each.stream, each.type) for each in given.events),
        decisions=decisions,
    )


def _decisions(events: Iterable[Any]) -> tuple[tuple[str, Decision], ...]:
    found = ((type(event).__name__, getattr(event, "decision", None)) for event in events)
    return tuple((name, decision) for name, decision in found if decision is not None)


Essence = tuple[Any, ...]


def essence(said: Said) -> Essence:
    """What must not differ: the result, the checks with their states, what was recorded; no words."""
    result = said.decision.result if said.decision is not None else said.error
    decisions = tuple(
        (name, each.result, each.position, each.policy_version, tuple((one.check, one.state) for one in each.checks))
        for name, each in said.decisions
    )
    return (result, said.kinds, decisions)


@fact
class Question:
    """What was asked, as far as the record tells: the command, and how sure that is.

    `said` is what the rules say to it under its own policy.
    """

    known: Known
    command: Any = None
    said: Said | None = None


def question(given: Given) -> Question:
    """The command that led to it: the one that the digest proves, or else one under which the record comes out."""
    first: Question | None = None
    for command in candidates(given.before, given.events):
        said, _ = say(given.admitted(command), given, command)
        if proved(command, given.events):
            return Question(known="proved", command=command, said=said)
        asked = Question(known="rebuilt", command=command, said=said)
        if essence(said) == essence(recorded(given)):
            return asked
        first = first or asked
    return first or Question(known="unknown")


def under(situation: Situation, document: dict[str, Any]) -> Situation:
    """The same situation, as if this had been the policy from the beginning; what stands in events stays."""
    return replace(situation, policies=dict.fromkeys(situation.policies, document))
