"""Writes histories down: each event gets its position, version, time and bytes, as the ledger would give them."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

from interlock.events.catalogue import CATALOGUE
from interlock.events.codec import decode, encode
from interlock.events.envelope import Actor, Recorded

START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
KINDS = {"ci-1": "service", "watch": "system", "serve": "system"}


class Tape:
    """One project's history, growing by `add`."""

    def __init__(self, project: str = "shop", *, first: int = 1, now: datetime = START) -> None:
        self.project = project
        self.events: list[Recorded[Any]] = []
        self.now = now
        self._before = first - 1
        self._versions: Counter[str] = Counter()

    @property
    def position(self) -> int:
        return self._before + len(self.events)

    def add(
        self, stream: str, *events: Any, by: str = "anton", minutes: float = 1, causation: int | None = None
    ) -> int:
        """Record one command's events; return the last position."""
        self.now += timedelta(minutes=minutes)
        first = self.position + 1
        for ordinal, event in enumerate(events):
            own = stream_of(stream, event)
            self._versions[own] += 1
            position = self.position + 1
            name = type(event).__name__
            made: Recorded[Any] = Recorded(
                project=self.project,
                position=position,
                id=made_id("event", position),
                type=name,
                schema=CATALOGUE[name][1],
                stream=own,
                version=self._versions[own],
                recorded_at=self.now,
                occurred_at=self.now,
                actor=Actor(id=by, kind=KINDS.get(by, "person")),  # type: ignore[arg-type]
                command_id=made_id("command", first),
                ordinal=ordinal,
                request_hash="sha256:" + "0" * 64,
                causation=causation if ordinal == 0 else first,
                correlation=causation,
                policy_version=1,
                event=event,
            )
            self.events.append(decode(encode(made)))
        return self.position

    def copy(self, project: str, up_to: int | None = None) -> list[Recorded[Any]]:
        """The same history in another project, cut after `up_to`."""
        return [retold(recorded, project) for recorded in self.events[:up_to]]


def retold(recorded: Recorded[Any], project: str) -> Recorded[Any]:
    values = {name: getattr(recorded, name) for name in recorded.__dataclass_fields__}
    return decode(encode(Recorded(**{**values, "project": project, "raw": b""})))


def made_id(kind: str, number: int) -> UUID:
    return uuid5(NAMESPACE_OID, f"{kind} {number}")


def stream_of(stream: str, event: Any) -> str:
    """An event's own stream: that of its environment, problem or adjustment, where the command's is of another kind."""
    family = type(event).__module__.rpartition(".")[2]
    if family == "environment":
        return f"environment/{event.environment}"
    if family == "problem":
        return f"problem/{event.problem}"
    if family == "adjustment":
        return f"adjustment/{event.adjustment}"
    return stream
