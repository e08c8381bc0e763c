"""The whole record, read as it is stored, to be decided again on this machine."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from interlock.cli.exits import VERIFICATION_FAILED, Halt
from interlock.cli.session import Session
from interlock.events.codec import BrokenEvent, UnknownEventType, UnknownSchema, decode_exactly
from interlock.events.envelope import Recorded

PAGE_EVENTS = 500


def whole_record(session: Session, doing: str) -> Iterator[Recorded[Any]]:
    """Yield every event there is now, from the first one, decoded from its stored bytes.

    Raises Halt (verification failed) where the server gives something that is no such event, or leaves one out.
    """
    last, until = 0, None
    while until is None or last < until:
        page = session.client.get("/events/stored", after=last, limit=PAGE_EVENTS)
        until = int(page["position"]) if until is None else until
        for body in page["events"]:
            recorded = event_in(str(body).encode(), last + 1, session.project)
            last = recorded.position
            yield recorded
            if last == until:
                break
        if not page["events"]:
            raise broken(f"the record ends at @{last:,}, and was said to end at @{until:,}")
        progress(session, f"  {doing}: {last:,} of {until:,} events")
    progress(session, "")


def event_in(body: bytes, position: int, project: str) -> Recorded[Any]:
    """Return the event that these bytes are. Raises Halt."""
    try:
        recorded = decode_exactly(body)
    except (UnknownEventType, UnknownSchema) as newer:
        raise Halt(
            f"@{position:,} is an event that this dt does not know: {newer}",
            why="a newer version wrote it; what is decided again without it would be wrong",
        ) from newer
    except BrokenEvent as wrong:
        raise broken(f"@{position:,} is no event as it was stored: {wrong}") from wrong
    if (recorded.position, recorded.project) != (position, project):
        raise broken(f"@{position:,} of {project} was asked for; @{recorded.position:,} of {recorded.project} came")
    return recorded


def broken(what: str) -> Halt:
    """Return the end of a check that the record does not stand."""
    return Halt(what, code=VERIFICATION_FAILED, why="the record is not whole, or not as it was written")


def progress(session: Session, text: str) -> None:
    """Say on a terminal how far it is; elsewhere nothing moves."""
    if sys.stderr.isatty() and not session.options.json:
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


@dataclass(frozen=True, slots=True)
class Since:
    """From where on to tell: everything before is folded all the same."""

    position: int = 0
    instant: datetime | None = None

    @classmethod
    def read(cls, text: str | None) -> Since:
        """Return what `--since` says: "@18204", "18,204" or an instant. Raises Halt (usage)."""
        from interlock.cli.instants import parse_instant

        if text is None:
            return cls()
        digits = text.strip().removeprefix("@").replace(",", "")
        return cls(position=int(digits)) if digits.isdigit() else cls(instant=parse_instant(text, "--since"))

    def holds(self, position: int, events: int, at: datetime) -> bool:
        """Whether a command is to be told whose events begin at `position`."""
        return position + events - 1 >= self.position and (self.instant is None or at >= self.instant)


@dataclass(slots=True)
class Tally:
    """How many commands were decided again, and how sure it is what was asked."""

    commands: int = 0
    events: int = 0
    first: int | None = None
    last: int | None = None
    known: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)

    def count(self, position: int, events: int, kind: str, known: str) -> None:
        """Count one."""
        self.commands += 1
        self.events += events
        self.first = position if self.first is None else self.first
        self.last = position + events - 1
        self.known[known] += 1
        if known == "unknown":
            self.unknown[kind] += 1

    def document(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "commands": self.commands,
            "decided_again": self.commands - self.known["unknown"],
            "proved": self.known["proved"],
            "rebuilt": self.known["rebuilt"],
            "unknown": dict(sorted(self.unknown.items())),
            **({} if self.first is None else {"from": self.first, "to": self.last}),
        }
