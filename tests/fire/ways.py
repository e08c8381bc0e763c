"""The ways to a project's log: the ledger itself, a desk over it, and HTTP. Each answers in the history's words."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID, uuid4

import httpx2
import orjson

from interlock.desk import Desk, Unavailable, UnknownOutcome
from interlock.domain.errors import Changed
from interlock.events.codec import digest_of
from interlock.ledger import ClockDisagrees, Ledger, LedgerUnavailable, Overtaken, Row
from tests.desk.desks import event_id
from tests.desk.tiny import ACTOR, TINY, Note, Open
from tests.fire.history import mark_of
from tests.ledger.rows import rows_of, stamp

HOT = "annotations/hot"
DECIDED_AGAIN_MAX = 200
ANSWER_SECONDS = 20.0


class Lost(Exception):
    """nobody knows what became of it"""


class NothingDone(Exception):
    """it was answered that nothing was recorded"""


@dataclass(frozen=True)
class Deed:
    """What somebody intends: to take a `name`, or to say something in `stream`, if it is at `if_version` still."""

    intent: str
    command: UUID = field(default_factory=uuid4)
    name: str | None = None
    stream: str = "annotations"
    if_version: int | None = None
    events: int = 1


@dataclass(frozen=True)
class Page:
    """Marks of the bytes that were read, and the last version of the hot stream among them."""

    marks: list[int]
    hot: int | None = None


class Way(Protocol):
    """Every method raises Lost where no answer came, and NothingDone where the answer is that nothing was done."""

    async def attempt(self, project: str, deed: Deed) -> dict[str, Any]:
        """Return the outcome as `history.Attempt` has it."""

    async def read(self, project: str, after: int, limit: int) -> Page:
        """Return a page."""

    async def head(self, project: str) -> int:
        """Return how far the log is."""

    async def lookup(self, project: str, command: UUID) -> list[int] | None:
        """Return the command's positions, an empty list for none; None where this way has no such question."""


def page_of(bodies: Sequence[bytes]) -> Page:
    hot = None
    for body in bodies:
        if HOT.encode() in body:
            document = orjson.loads(body)
            hot = document["version"] if document["stream"] == HOT else hot
    return Page([mark_of(body) for body in bodies], hot)


class ByLedger:
    """Each writer decides for itself, and the ledger's fence says whether it had seen everything."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.versions: dict[tuple[str, str], int] = {}

    async def attempt(self, project: str, deed: Deed) -> dict[str, Any]:
        for _ in range(DECIDED_AGAIN_MAX):
            try:
                known = await self.lookup(project, deed.command)
                if known:
                    return {"outcome": "recorded", "positions": known}
                rows = await self._decided(project, deed)
                await self.append(project, rows)
            except (Overtaken, ClockDisagrees):
                continue
            except LedgerUnavailable as away:
                raise Lost if away.unknown_outcome else NothingDone from away
            return {"outcome": "recorded", "positions": [row.position for row in rows]}
        raise NothingDone

    async def append(self, project: str, rows: list[Row]) -> None:
        await self.ledger.append(project, rows)

    async def _decided(self, project: str, deed: Deed) -> list[Row]:
        head = await self.ledger.head(project)
        ends = (await self.ledger.ends(project, [deed.stream])).get(deed.stream)
        version = ends.version if ends else 0
        streams = [(deed.stream, version + number) for number in range(1, deed.events + 1)]
        return rows_of(
            deed.command,
            stamp(head),
            first=head.position + 1,
            streams=streams,
            project=project,
            data={"text": deed.intent},
        )

    async def read(self, project: str, after: int, limit: int) -> Page:
        try:
            return page_of([event.body for event in await self.ledger.read(project, after=after, limit=limit)])
        except LedgerUnavailable as away:
            raise NothingDone from away

    async def head(self, project: str) -> int:
        try:
            return (await self.ledger.head(project)).position
        except LedgerUnavailable as away:
            raise NothingDone from away

    async def lookup(self, project: str, command: UUID) -> list[int] | None:
        try:
            answer = (await self.ledger.answers(project, [command])).get(command)
        except LedgerUnavailable as away:
            raise NothingDone from away
        return [event.position for event in answer.events] if answer else []


class ByDesk(ByLedger):
    """Commands go to a desk with the tiny rules; reads go to the ledger beside it."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self.desk = Desk(ledger, monotonic=time.monotonic, event_ids=event_id, rules=TINY)

    async def attempt(self, project: str, deed: Deed) -> dict[str, Any]:
        command = Open(deed.name) if deed.name else Note(text=deed.intent, times=deed.events, to=deed.stream)
        try:
            answer = await self.desk.submit(
                project, command, ACTOR,
                command_id=deed.command, request_hash=digest_of(repr(command)), if_version=deed.if_version,
            )  # fmt: skip
        except UnknownOutcome as lost:
            raise Lost from lost
        except Unavailable as away:
            raise NothingDone from away
        except Changed:
            return {"outcome": "changed"}
        if answer.status == "refused":
            return {"outcome": "refused"}
        return {"outcome": "recorded", "positions": [event.position for event in answer.recorded]}

    async def head(self, project: str) -> int:
        """The desk's own idea of it, on which it would decide."""
        try:
            return int((await self.desk.situation(project)).position)
        except Unavailable as away:
            raise NothingDone from away


class ByHttp:
    """Commands and reads go to the real API, with the real rules; which server answers is the address's affair."""

    def __init__(self, urls: Sequence[str], token: str) -> None:
        self.urls = urls
        self._turn = 0
        self.http = httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=ANSWER_SECONDS)

    def _url(self, project: str, path: str) -> str:
        self._turn += 1
        return f"{self.urls[self._turn % len(self.urls)]}/v1/{project}{path}"

    async def attempt(self, project: str, deed: Deed) -> dict[str, Any]:
        if deed.name:
            url = self._url(project, "/commands/OpenRelease")
            fields: dict[str, Any] = {"name": deed.name, "kind": "normal", "title": deed.intent}
        else:
            url = self._url(project, "/commands/Annotate")
            fields = {"target": 1, "kind": "remark", "text": deed.intent}
        try:
            answer = await self.http.post(url, json=fields, headers={"Idempotency-Key": str(deed.command)})
            document = answer.json()
        except (httpx2.TransportError, ValueError) as lost:
            raise Lost from lost
        if answer.status_code == 200 and deed.name and not document["events"]:
            # The same person opened it before: there is nothing new to record.
            return {"outcome": "refused"}
        if answer.status_code == 200:
            return {"outcome": "recorded", "positions": [event["position"] for event in document["events"]]}
        if answer.status_code == 409:
            return {"outcome": "refused"}
        if document["type"].endswith("/outcome-unknown"):
            raise Lost
        assert answer.status_code == 503, document
        raise NothingDone

    async def read(self, project: str, after: int, limit: int) -> Page:
        document, _ = await self._asked(project, "/events/stored", after=after, limit=limit)
        return page_of([body.encode() for body in document["events"]])

    async def head(self, project: str) -> int:
        _, position = await self._asked(project, "/events/stored", after=0, limit=1)
        return position

    async def lookup(self, project: str, command: UUID) -> list[int] | None:
        del project, command
        return None

    async def _asked(self, project: str, path: str, **query: int) -> tuple[dict[str, Any], int]:
        try:
            answer = await self.http.get(self._url(project, path), params={k: str(v) for k, v in query.items()})
            document = answer.json()
        except (httpx2.TransportError, ValueError) as lost:
            raise NothingDone from lost
        if answer.status_code == 503:
            raise NothingDone
        assert answer.status_code == 200, document
        return document, int(answer.headers["Interlock-Position"])
