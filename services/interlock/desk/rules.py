"""What the desk asks of the rules: it runs them and knows nothing of what they mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeAlias

from interlock.events.decision import Decision
from interlock.events.envelope import Actor, Recorded

AnyRecorded: TypeAlias = Recorded[Any]


class Fact(Protocol):
    """One thing to be recorded: `event` goes into `stream`; `occurred_at` only for a past fact that was reported."""

    @property
    def stream(self) -> str:
        """The stream's name."""

    @property
    def event(self) -> Any:
        """An instance of a class of the catalogue."""

    @property
    def occurred_at(self) -> datetime | None:
        """When it happened, if that is not when it is recorded."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say to one command.

    `facts` are to be recorded, in this order; none means that there is nothing new to record. `decision` is there
    when it was refused, and `refusal` is the position of the same refusal of the last hour, which is not recorded
    again.
    """

    facts: Sequence[Fact]
    subject: str
    decision: Decision | None = None
    reason: str | None = None
    refusal: int | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules as functions of a situation, which the desk never looks into."""

    empty: Any
    decide: Callable[[Any, Any, Actor, datetime], Verdict]
    evolve: Callable[[Any, AnyRecorded], Any]
    streams_needed: Callable[[Any, Any], Sequence[str]]
    admit: Callable[[Any, str, Sequence[AnyRecorded]], Any]
    policy_version: Callable[[Any], int]
    reason_of: Callable[[Decision], str]
    dump: Callable[[Any], bytes]
    load: Callable[[bytes], Any]
    snapshot_version: int
