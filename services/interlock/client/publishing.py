"""Publishing for services: sign, send, and hear what became of it. Only who publishes needs Kafka's client."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self
from uuid import UUID

from aiokafka import AIOKafkaConsumer

from interlock.bus import Graveyard, KafkaAddress, KafkaAway, Producer, TopicMissing, Topics, within
from interlock.client.signing import SigningKey
from interlock.events import intake
from interlock.events.seams import WallClock

CLIENT: Final = "interlock-publisher"
OUTCOME_SECONDS: Final = 30.0
CALL_SECONDS: Final = 10.0
POLL_MS: Final = 200
STOP_SECONDS: Final = 3.0


class NoOutcomeYet(TimeoutError):
    """no outcome came in time: it may be decided or not; send the same id again, and hear the same outcome"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a request: `document` is what the HTTP API would have answered."""

    id: str
    accepted: bool
    document: dict[str, Any]


class Publisher:
    """One source's requests to one project. With a `key` they are signed; without, they go to the own topic `to`."""

    def __init__(
        self,
        address: KafkaAddress,
        project: str,
        source: str,
        *,
        topics: Topics,
        clock: WallClock,
        new_id: Callable[[], UUID],
        key: SigningKey | None = None,
        to: str | None = None,
    ) -> None:
        """`source` is a URI reference that this service alone uses; with an id it names one intent for ever."""
        self._address = address
        self._project = project
        self._source = source
        self._topics = topics
        self._clock = clock
        self._new_id = new_id
        self._key = key
        self._to = to or topics.intake.name
        self._producer = Producer(address, CLIENT)
        self._graveyard = Graveyard()
        self._waiting: dict[str, asyncio.Future[Outcome]] = {}
        self._consumer: AIOKafkaConsumer | None = None
        self._hearing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin to hear outcomes, from now on. Raises KafkaAway, KafkaRefuses, TopicMissing."""
        self._consumer = AIOKafkaConsumer(
            self._topics.outcomes.name, group_id=None, auto_offset_reset="latest", **self._address.options(CLIENT)
        )
        try:
            await self._graveyard.start(CALL_SECONDS, self._consumer)
            await self._from_now_on(self._consumer)
        except BaseException:
            self._graveyard.bury(self._consumer)
            raise
        self._hearing = asyncio.create_task(self._hear(self._consumer), name="outcomes")
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Stop; whoever does not answer is cut."""
        assert self._hearing is not None
        assert self._consumer is not None
        self._hearing.cancel()
        await asyncio.gather(self._hearing, return_exceptions=True)
        self._graveyard.bury(self._consumer)
        await self._producer.__aexit__(None, None, None)
        await self._graveyard.close(STOP_SECONDS)

    async def command(
        self, name: str, fields: Mapping[str, Any], *, request: str | None = None, seconds: float = OUTCOME_SECONDS
    ) -> Outcome:
        """Publish a command of the API, and return what became of it. Raises NoOutcomeYet, BusError.

        `request` is the id; the same one again is the same intent again. Without one, a new one is made.
        """
        return await self._ask(intake.COMMAND_TYPE + name, fields, request, seconds)

    async def observation(
        self,
        name: str,
        fields: Mapping[str, Any],
        *,
        evidence: Sequence[tuple[str, bytes]] = (),
        request: str | None = None,
        seconds: float = OUTCOME_SECONDS,
    ) -> Outcome:
        """Publish an observation with its evidence (media type, bytes), as `command`."""
        given = [
            {"media_type": media_type, "base64": base64.b64encode(content).decode()} for media_type, content in evidence
        ]
        data = {**fields, **({"evidence": given} if given else {})}
        return await self._ask(intake.OBSERVATION_TYPE + name, data, request, seconds)

    async def _ask(self, kind: str, data: Mapping[str, Any], request: str | None, seconds: float) -> Outcome:
        request = request or str(self._new_id())
        outcome = self._waiting.setdefault(request, asyncio.get_running_loop().create_future())
        try:
            await self.send(kind, data, request)
            done, _ = await asyncio.wait({outcome}, timeout=seconds)
            if not done:
                raise NoOutcomeYet(f"{NoOutcomeYet.__doc__}: {request}")
            return outcome.result()
        finally:
            self._waiting.pop(request, None)

    async def send(self, kind: str, data: Mapping[str, Any], request: str) -> None:
        """Publish without waiting for the outcome. Raises BusError: it may have arrived, so send the same id again."""
        document = {
            "specversion": "1.0",
            "id": request,
            "source": self._source,
            "type": kind,
            "project": self._project,
            "time": self._clock().isoformat(),
            "datacontenttype": intake.JSON,
            "data": data,
        }
        value = json.dumps(document, ensure_ascii=False).encode()
        headers = [(intake.CONTENT_TYPE_HEADER, intake.STRUCTURED.encode())]
        if self._key is not None:
            headers = self._key.headers(headers, value)
        await self._producer.send(self._to, key=self._project.encode(), value=value, headers=headers)

    async def _from_now_on(self, consumer: AIOKafkaConsumer) -> None:
        places = list(consumer.assignment())
        if not places:
            raise TopicMissing(self._topics.outcomes.name)
        for place, end in (await within(CALL_SECONDS, consumer.end_offsets(places))).items():
            consumer.seek(place, end)

    async def _hear(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            try:
                found = await within(CALL_SECONDS, consumer.getmany(timeout_ms=POLL_MS))
            except KafkaAway:
                continue
            for records in found.values():
                for record in records:
                    self._heard(record)

    def _heard(self, record: Any) -> None:
        headers = {name: text.decode(errors="replace") for name, text in record.headers}
        request = headers.get(f"ce_{intake.REQUEST_ID}", "")
        waiting = self._waiting.get(request)
        if headers.get(f"ce_{intake.REQUEST_SOURCE}") != self._source or waiting is None or waiting.done():
            return
        accepted = headers.get("ce_type") == intake.OUTCOME_TYPE + "accepted"
        waiting.set_result(Outcome(request, accepted, json.loads(record.value)))
