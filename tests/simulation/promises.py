"""The promises, looked at after each step that could break one: what is committed, answered, projected, published.

Nothing here asks the product: it reads the ledger's bytes, and knows the rules by the oracles of the domain's tests.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson

from interlock.desk import Answer
from interlock.domain.evolve import evolve
from interlock.domain.situation import EMPTY, Situation
from interlock.events.codec import decode
from interlock.events.envelope import Recorded
from interlock.ledger import Row, Stored
from interlock.projections.projection import Write
from interlock.projector.writer import Prepared
from tests.domain.oracle import Before
from tests.domain.oracle_of_adjustments import BeforeCommit
from tests.simulation.broker import BusRecord
from tests.simulation.read_models import ReadModels


@dataclass(eq=False)
class Intent:
    """What somebody wants done once: one command, under one id, however often it is sent."""

    number: int
    who: str
    command: Any
    command_id: UUID
    request_hash: str
    if_version: int | None = None
    ids: set[UUID] = field(default_factory=set)
    first: Answer | None = None
    settled: str | None = None
    outcome: str = ""


class Occupancy:
    """Who holds which environment, told by events alone."""

    def __init__(self) -> None:
        """Nobody holds anything."""
        self._held: dict[str, tuple[str, str]] = {}
        self._tokens: dict[str, int] = {}

    def wrong(self, recorded: Recorded[Any]) -> str | None:
        """What is wrong with the next event; None where nothing is."""
        event = recorded.event
        environment = getattr(event, "environment", "")
        held = self._held.get(environment)
        if recorded.type == "LeaseGranted":
            if held is not None:
                return f"{event.lease} holds {environment} beside {held[0]}"
            if event.fencing_token <= self._tokens.get(environment, 0):
                return f"{environment}: token {event.fencing_token} again"
            self._held[environment] = (event.lease, event.subject)
            self._tokens[environment] = event.fencing_token
        elif recorded.type in {"LeaseReleased", "LeaseExpired", "LeaseBroken"}:
            if held is None or held[0] != event.lease:
                return f"{event.lease} was not held in {environment}"
            del self._held[environment]
        elif recorded.type == "TestRunFinished" and (held is None or event.run not in held[1].split()):
            return f"a verdict of {event.run} was taken, which does not hold {environment}"
        return None


class Promises:
    """Watches one run. What is broken first is kept, and `stop` is called."""

    def __init__(self, time: Callable[[], float], stop: Callable[[], None], projections: Sequence[Any]) -> None:
        """Nothing has happened."""
        self._time = time
        self._stop = stop
        self._projections = {projection.name: projection for projection in projections}
        self._trace = hashlib.blake2b(digest_size=16)
        self._occupancy = Occupancy()
        self._expected: dict[tuple[str, int], list[Write]] = {}
        self._of_command: dict[UUID, Intent] = {}
        self._done: dict[int, UUID] = {}
        self._projected: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._published: defaultdict[str, int] = defaultdict(int)
        self._told: dict[str, bytes] = {}
        self.log: list[bytes] = []
        self.events: list[Recorded[Any]] = []
        self.situation: Situation = EMPTY
        self.acknowledged: dict[int, bytes] = {}
        self.counts: defaultdict[str, int] = defaultdict(int)
        self.broken: str | None = None

    @property
    def digest(self) -> str:
        """What happened, and when, in one word."""
        return self._trace.hexdigest()

    def note(self, what: str) -> None:
        """Something happened."""
        self.counts[what.split(" ", 1)[0]] += 1
        self._trace.update(f"{self._time():.9f} {what}\n".encode())

    def violated(self, promise: int, what: str) -> None:
        """Keep what was broken first."""
        if self.broken is None:
            self.broken = f"promise {promise}: {what}"
            self.note(f"broken {self.broken}")
            self._stop()

    # -- 1. what is acknowledged is there, once ----------------------------------------------------------

    def sends(self, intent: Intent, command_id: UUID) -> None:
        """A person sends it under this id."""
        intent.ids.add(command_id)
        self._of_command[command_id] = intent

    def committed(self, _project: str, stored: Sequence[Stored], rows: Sequence[Row]) -> None:
        """A batch is in the ledger."""
        for row in rows:
            if row.command_id is not None and (intent := self._of_command.get(row.command_id)) is not None:
                first = self._done.setdefault(intent.number, row.command_id)
                if first != row.command_id:
                    self.violated(1, f"{_said(intent)} is recorded twice, as {first} and as {row.command_id}")
        for one in stored:
            if one.position != len(self.log) + 1:
                self.violated(1, f"position {one.position} follows {len(self.log)}")
                return
            self.log.append(one.body)
            self._read(decode(one.body))
        self.note(f"commit {stored[0].position}-{stored[-1].position} {hashlib.md5(stored[-1].body).hexdigest()}")

    def lost(self, from_position: int) -> None:
        """The server came up without what it had from this position on."""
        self.note(f"lost {from_position}")
        gone = [position for position in self.acknowledged if position >= from_position]
        if gone:
            self.violated(1, f"position {gone[0]} was acknowledged, and is lost")
        # What nobody was told of may be gone: from here on the ledger is the shorter one.
        kept, self.log, self.events = self.events[: from_position - 1], self.log[: from_position - 1], []
        self.situation, self._occupancy = EMPTY, Occupancy()
        self._done = {number: one for number, one in self._done.items() if any(e.command_id == one for e in kept)}
        self._expected = {key: known for key, known in self._expected.items() if key[1] < from_position}
        for recorded in kept:
            self._read(recorded)

    def answered(self, intent: Intent, answer: Answer) -> None:
        """A person has an answer."""
        self.note(f"answer {intent.number} {answer.status} {answer.position}")
        for recorded in answer.recorded:
            position = recorded.position
            if position > len(self.log) or self.log[position - 1] != recorded.raw:
                self.violated(1, f"{_said(intent)} was acknowledged with @{position}, which the ledger has not")
                return
            self.acknowledged[position] = recorded.raw
        if intent.first is not None and intent.first.recorded and answer != intent.first:
            self.violated(1, f"{_said(intent)} was answered @{intent.first.position}, and now @{answer.position}")
        first = self._done.get(intent.number)
        if first is not None and first != intent.command_id:
            self.violated(1, f"{_said(intent)} is recorded as {first}, and answered as {intent.command_id}")
        if answer.recorded:
            intent.first = answer
        intent.settled = answer.status

    def refused(self, intent: Intent, error: Exception, *, was_recorded: bool) -> None:
        """A person has an answer that is final, and no decision; `was_recorded`: before this was sent."""
        name = type(error).__name__
        self.note(f"error {intent.number} {name}")
        intent.settled = name
        if was_recorded:
            self.violated(1, f"{_said(intent)} is recorded, and whoever repeats it is told {name}: {error}")
        if name == "CommandIdReused":
            self.violated(1, f"{_said(intent)}: {error}")

    def outcome(self, intent: Intent, kind: str, value: bytes) -> None:
        """The bus tells what became of a request; told again, it is the same."""
        self.note(f"outcome {intent.number} {kind}")
        document = orjson.loads(value)
        if kind.endswith("accepted"):
            for event in document["events"]:
                position = event["position"]
                if position > len(self.log) or decode(self.log[position - 1]).command_id != intent.command_id:
                    self.violated(1, f"{_said(intent)} was acknowledged with @{position}, which is not its own")
                    return
                self.acknowledged[position] = self.log[position - 1]
        if intent.settled is not None and intent.outcome and kind != intent.outcome and self._recorded(intent):
            self.violated(1, f"{_said(intent)} had the outcome {intent.outcome}, and now {kind}")
        intent.outcome = kind if self._recorded(intent) else intent.outcome
        intent.settled = kind

    def _recorded(self, intent: Intent) -> bool:
        return self._done.get(intent.number) == intent.command_id

    # -- 2 and 3. no deploy without its evidence, no two activities in one place --------------------------

    def _read(self, recorded: Recorded[Any]) -> None:
        self.events.append(recorded)
        self.situation = evolve(self.situation, recorded)
        if (wrong := self._occupancy.wrong(recorded)) is not None:
            self.violated(3, f"@{recorded.position}: {wrong}")
        judges: dict[str, Any] = {"DeployStarted": Before, "DataAdjustStarted": BeforeCommit}
        looks = judges.get(recorded.type)
        if looks is not None:
            self.counts[recorded.type] += 1
            lacking = list(looks(self.events, len(self.events) - 1).missing())
            if lacking:
                self.violated(2, f"@{recorded.position} {recorded.type}: {'; '.join(lacking)}")

    # -- 4. every projection, at every position ----------------------------------------------------------

    def projected(self, models: ReadModels, page: Prepared) -> None:
        """A page is in a read model: it must be what a fresh replay of the ledger writes at these positions."""
        move = page.move
        name = move.projection.name
        where = f"{name} {models.name} {move.before}-{move.now}"
        self.note(f"projected {where}")
        if move.now > len(self.log):
            self.violated(4, f"{where}: the ledger ends at {len(self.log)}")
            return
        if move.before != self._projected[models.name, name]:
            self.violated(4, f"{where}: it is at {self._projected[models.name, name]}")
        self._projected[models.name, name] = move.now
        writes = [w for position in range(move.before + 1, move.now + 1) for w in self._writes_of(name, position)]
        appends = move.projection.appends
        in_order = [(w.statement, w.arguments) for w in writes if w.statement not in appends]
        added: dict[str, list[Any]] = {}
        for write in writes:
            if write.statement in appends:
                added.setdefault(write.statement, []).append(write.arguments)
        if in_order != [(statement, row) for statement, rows in page.runs for row in rows] or added != page.appended:
            self.violated(4, f"{where}: it is not what a replay writes")

    def _writes_of(self, name: str, position: int) -> list[Write]:
        known = self._expected.get((name, position))
        if known is None:
            known = self._expected[name, position] = list(self._projections[name].project(self.events[position - 1]))
        return known

    def alarm(self, said: str) -> None:
        """A part says that somebody should look."""
        if "stands still" in said:
            # True of a reader that was frozen: it is begun anew, and goes on.
            self.note("stands-still")
            return
        self.violated(4, said)

    # -- what goes out -----------------------------------------------------------------------------------

    def published(self, record: BusRecord) -> None:
        """A record is on the bus: the ledger's own bytes, after all before them."""
        position = int(dict(record.headers)["position"])
        self.note(f"published {position} {record.partition}:{record.offset}")
        if position > len(self.log) or self.log[position - 1] != record.value:
            self.violated(4, f"@{position} on the bus is not what the ledger has")
        if position > self._published[record.topic] + 1:
            self.violated(4, f"@{position} is on the bus after @{self._published[record.topic]}")
        self._published[record.topic] = max(self._published[record.topic], position)

    def published_up_to(self, topic: str) -> int:
        """How far a topic is."""
        return self._published[topic]

    def told(self, message: str, body: bytes) -> None:
        """An endpoint has a message: the same bytes under one id, each time."""
        self.note(f"told {message}")
        if self._told.setdefault(message, body) != body:
            self.violated(1, f"message {message} came with other bytes")

    def was_told(self, message: str) -> bool:
        """Whether its endpoint has it."""
        return message in self._told


def _said(intent: Intent) -> str:
    return f"{intent.who}'s {type(intent.command).__name__} (intent {intent.number})"
