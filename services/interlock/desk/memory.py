"""What a desk remembers of one project: the situation, where its log and streams are, and recent command ids."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime
    from uuid import UUID

    from interlock.desk.rules import AnyRecorded, Rules

# What is forgotten beyond these is asked of the ledger when it is needed.
STREAMS_REMEMBERED_MAX: Final = 4_096
COMMANDS_REMEMBERED_MAX: Final = 20_000


class StreamEnds(NamedTuple):
    """Where a stream begins and how far it is; version 0 and no position for a stream without events."""

    version: int
    first: int | None


NO_EVENTS: Final = StreamEnds(0, None)


class Known(Protocol):
    """What a batch is decided on: what is recorded, or what will be."""

    situation: Any
    position: int
    recorded_at: datetime | None

    def stream(self, name: str) -> StreamEnds | None:
        """Return the ends of a stream; None where the ledger has to be asked."""

    def learn(self, name: str, ends: StreamEnds) -> None:
        """Remember the ends of a stream, as the ledger told them."""

    def has_seen(self, command_id: UUID) -> bool:
        """Tell whether a recent event in the ledger came from this command."""

    def is_under_way(self, command_id: UUID, /) -> bool:
        """Tell whether this command is being recorded."""

    def whole(self, stream: str, found: Sequence[AnyRecorded], /) -> list[AnyRecorded]:
        """Return the events of a stream of which the ledger held `found`."""


class Memory:
    """The fold of one project's log up to `position`, which nothing but events changes."""

    def __init__(
        self,
        rules: Rules,
        *,
        situation: Any = None,
        position: int = 0,
        recorded_at: datetime | None = None,
        last_body: bytes = b"",
    ) -> None:
        """Begin with nothing, or with what a snapshot holds."""
        self._rules = rules
        self.situation: Any = rules.empty if position == 0 else situation
        self.position = position
        self.recorded_at = recorded_at
        self.last_body = last_body
        self._streams: OrderedDict[str, StreamEnds] = OrderedDict()
        self._commands: OrderedDict[UUID, None] = OrderedDict()

    def apply(self, events: Iterable[AnyRecorded]) -> None:
        """Take in the next events that the ledger holds, in their order; where reading one raises, those before it."""
        self._advance(self._folded(events))

    def take(self, events: Iterable[AnyRecorded], situation: Any) -> None:
        """Take in events that were just appended, whose fold `situation` already is."""
        self._advance(events)
        self.situation = situation

    def _folded(self, events: Iterable[AnyRecorded]) -> Iterator[AnyRecorded]:
        evolve = self._rules.evolve
        for event in events:
            self.situation = evolve(self.situation, event)
            yield event

    def _advance(self, events: Iterable[AnyRecorded]) -> None:
        """Remember where the log and its streams are, once for all `events`: none of them is kept meanwhile."""
        last: AnyRecorded | None = None
        versions: dict[str, int] = {}
        begun: dict[str, int] = {}
        commands: list[UUID] = []
        try:
            for event in events:
                last = event
                versions[event.stream] = event.version
                if event.version == 1:
                    begun[event.stream] = event.position
                if event.ordinal == 0:
                    commands.append(event.command_id)
        finally:
            if last is not None:
                self.position, self.recorded_at, self.last_body = last.position, last.recorded_at, last.raw
            for stream, version in versions.items():
                known = self._streams.get(stream)
                first = begun.get(stream) or (None if known is None else known.first)
                if first is not None:
                    self.learn(stream, StreamEnds(version, first))
            self._commands.update(dict.fromkeys(commands))
            while len(self._commands) > COMMANDS_REMEMBERED_MAX:
                self._commands.popitem(last=False)

    def stream(self, name: str) -> StreamEnds | None:
        """Return the ends of a stream; None where the ledger has to be asked."""
        return self._streams.get(name)

    def learn(self, name: str, ends: StreamEnds) -> None:
        """Remember the ends of a stream; the one that was learned longest ago is forgotten."""
        self._streams[name] = ends
        self._streams.move_to_end(name)
        if len(self._streams) > STREAMS_REMEMBERED_MAX:
            self._streams.popitem(last=False)

    def has_seen(self, command_id: UUID) -> bool:
        """Tell whether a recent event came from this command; False may also mean: longer ago."""
        return command_id in self._commands

    def is_under_way(self, _command_id: UUID, /) -> bool:
        """Tell whether this command is being recorded: nothing is that a memory knows of."""
        return False

    def whole(self, _stream: str, found: Sequence[AnyRecorded], /) -> list[AnyRecorded]:
        """Return the events of a stream of which the ledger held `found`: these."""
        return list(found)
