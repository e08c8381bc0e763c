"""What stands beside the ledger in its database, in memory: offices, read models, letters, evidence, messages."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from interlock.endpoints import Endpoint, Endpoints, Message, Messages, Waiting
from interlock.evidence import EvidenceStore
from interlock.letters import DeadLetters, Record
from interlock.letters.letters import Letter
from interlock.relay.cursors import Published
from interlock.relay.office import SILENT_SECONDS, STANDBY_SECONDS, Office, Superseded, Tenure
from tests.simulation.loop import PART, Part
from tests.simulation.weather import Wire


class Seat:
    """One office: who holds it, and its generation. A holder that was killed, or is silent, loses it."""

    def __init__(self) -> None:
        """Nobody holds it."""
        self.holder: Part | None = None
        self.generation = 0

    def take(self, part: Part) -> int | None:
        """Return the new generation; None while another one holds it."""
        holder = self.holder
        now = asyncio.get_running_loop().time()
        frozen = holder is not None and holder.frozen and now - holder.frozen_at > SILENT_SECONDS
        if holder is not None and holder is not part and not holder.dead and not frozen:
            return None
        self.holder, self.generation = part, self.generation + 1
        return self.generation

    def leave(self, generation: int) -> None:
        """Give it up."""
        if generation == self.generation:
            self.holder = None


class Beside:
    """All of it. What is asked of it is asked over a wire, as one transaction each."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        """It is empty; `clock` is the database's."""
        self.clock = clock
        self.seats = {"relay": Seat(), "webhooks": Seat()}
        self.published: dict[tuple[str, str], Published] = {}
        self.bookmarks: dict[tuple[str, int], tuple[int, dict[str, tuple[int, int]]]] = {}
        self.letters: dict[tuple[str, int, int], str] = {}
        self.evidence: dict[str, bytes] = {}
        self.endpoints: dict[str, Endpoint] = {}
        self.messages: dict[str, Waiting] = {}


# -- the relay's office ----------------------------------------------------------------------------------


class MemoryTenure(Tenure):
    """One relay's time in office."""

    def __init__(self, beside: Beside, wire: Wire, generation: int) -> None:
        """Of that generation."""
        self._beside = beside
        self._wire = wire
        self.generation = generation
        self.cluster = ""

    def _still(self) -> None:
        if self._beside.seats["relay"].generation != self.generation:
            raise Superseded(f"generation {self.generation} is over")

    async def enter_cluster(self, cluster: str) -> dict[str, Published]:
        """How far each project is published there."""

        def entered() -> dict[str, Published]:
            self._still()
            return {project: at for (name, project), at in self._beside.published.items() if name == cluster}

        self.cluster = cluster
        return await self._wire.call(entered)

    async def store(self, published: Sequence[tuple[str, Published]]) -> None:
        """Store how far projects are."""

        def stored() -> None:
            self._still()
            self._beside.published.update({(self.cluster, project): at for project, at in published})

        await self._wire.call(stored, sent=True)

    async def confirm(self) -> None:
        """Make sure that it is still in office."""
        await self._wire.call(self._still)

    async def beat(self) -> None:
        """Nothing: whoever is killed or frozen is seen by that."""


class MemoryOffice(Office):
    """The relay's office."""

    def __init__(self, beside: Beside, wire: Wire, sleep: Any) -> None:
        """Hold it over `wire`."""
        self._beside = beside
        self._wire = wire
        self._sleep = sleep

    @asynccontextmanager
    async def held(self, waiting: Callable[[], None] = lambda: None) -> AsyncIterator[Tenure]:
        """Wait until nobody else publishes."""
        part = PART.get()
        assert part is not None
        seat = self._beside.seats["relay"]
        while (generation := await self._wire.call(seat.take, part, sent=True)) is None:
            waiting()
            await self._sleep(STANDBY_SECONDS)
        try:
            yield MemoryTenure(self._beside, self._wire, generation)
        finally:
            seat.leave(generation)


# -- what the intake needs -------------------------------------------------------------------------------


class MemoryLetters(DeadLetters):
    """What was put aside."""

    def __init__(self, beside: Beside, wire: Wire) -> None:
        """Keep them over `wire`."""
        self._beside = beside
        self._wire = wire

    async def put(
        self, project: str, record: Record, reason: str, *, source: str | None = None, request: str | None = None
    ) -> None:
        """Put a record aside."""
        place = (record.topic, record.partition, record.offset)
        await self._wire.call(self._beside.letters.__setitem__, place, reason, sent=True)

    async def asked(self, limit: int = 0) -> list[Letter]:
        """Nobody asks."""
        return []


class MemoryEvidence(EvidenceStore):
    """Evidence by its digest."""

    def __init__(self, beside: Beside, wire: Wire) -> None:
        """Keep it over `wire`."""
        self._beside = beside
        self._wire = wire

    async def put(self, project: str, media_type: str, content: bytes) -> str:
        """Keep `content`."""
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        await self._wire.call(self._beside.evidence.__setitem__, digest, content, sent=True)
        return digest


# -- what the webhooks need ------------------------------------------------------------------------------


class MemoryEndpoints(Endpoints):
    """Who is told."""

    def __init__(self, beside: Beside, wire: Wire) -> None:
        """Keep them over `wire`."""
        self._beside = beside
        self._wire = wire

    async def listed(self, project: str) -> list[Endpoint]:
        """All of the project, in order of their names."""
        return await self._wire.call(lambda: [each for _, each in sorted(self._beside.endpoints.items())])

    async def projects(self) -> list[str]:
        """Those that have endpoints."""
        return await self._wire.call(lambda: sorted({each.project for each in self._beside.endpoints.values()}))

    async def made(self, project: str, names: Sequence[str], position: int, messages: Sequence[Message]) -> None:
        """Keep messages and the position that they were made up to."""

        def made() -> None:
            beside = self._beside
            for one in messages:
                endpoint = beside.endpoints[one.endpoint]
                if endpoint.position < one.position and one.id not in beside.messages:
                    beside.messages[one.id] = Waiting(
                        project=project, id=one.id, endpoint=one.endpoint, kind=one.kind, position=one.position,
                        body=one.body, state="waiting", tries=0, next_at=beside.clock(), made_at=beside.clock(),
                        last_error=None, url=endpoint.url, secret=endpoint.secret,
                    )  # fmt: skip
            for name in names:
                if beside.endpoints[name].position < position:
                    beside.endpoints[name] = replace(beside.endpoints[name], position=position)

        await self._wire.call(made, sent=True)


class MemoryMessages(Messages):
    """What is on its way to them."""

    def __init__(self, beside: Beside, wire: Wire) -> None:
        """Keep them over `wire`."""
        self._beside = beside
        self._wire = wire

    async def due(self, project: str) -> list[Waiting]:
        """One of each endpoint that may be sent now."""

        def due() -> list[Waiting]:
            now = self._beside.clock()
            first: dict[str, Waiting] = {}
            waiting = [
                each for each in self._beside.messages.values() if each.state == "waiting" and each.next_at <= now
            ]
            for each in sorted(waiting, key=lambda each: (each.tries, each.position, each.id)):
                first.setdefault(each.endpoint, each)
            return list(first.values())

        return await self._wire.call(due)

    async def told(self, message: Waiting) -> None:
        """The endpoint has it."""
        await self._change(message, state="told")

    async def again(self, message: Waiting, error: str, seconds: float) -> None:
        """Try it again then."""
        at = self._beside.clock() + timedelta(seconds=seconds)
        await self._change(message, tries=message.tries + 1, last_error=error, next_at=at)

    async def give_up(self, message: Waiting, error: str) -> None:
        """Try it no more."""
        await self._change(message, state="failed", last_error=error)

    async def _change(self, message: Waiting, **more: Any) -> None:
        def changed() -> None:
            known = self._beside.messages[message.id]
            if known.state == "waiting":
                self._beside.messages[message.id] = replace(known, **more)

        await self._wire.call(changed, sent=True)


@asynccontextmanager
async def sending(beside: Beside, wire: Wire, sleep: Any, waiting: Callable[[], None]) -> AsyncIterator[None]:
    """The webhooks' office."""
    part = PART.get()
    assert part is not None
    seat = beside.seats["webhooks"]
    while (generation := await wire.call(seat.take, part, sent=True)) is None:
        waiting()
        await sleep(1.0)
    try:
        yield
    finally:
        seat.leave(generation)
