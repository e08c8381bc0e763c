"""Mistakes that the simulation has to find: each is a small patch, and each was made by somebody before."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from unittest import mock

import orjson

from interlock.bus import Sent
from interlock.desk import project, reading, repeats
from interlock.desk.deciding import Waiting
from interlock.desk.memory import Memory
from interlock.desk.reading import PAGE_EVENTS, Log, decoded
from interlock.desk.rules import Rules
from interlock.events.canonical import canonical
from interlock.ledger import Overtaken, Row
from interlock.projector.writer import Prepared
from interlock.relay import Relay
from tests.simulation.database import Database
from tests.simulation.promises import Intent
from tests.simulation.read_models import ReadModels

if TYPE_CHECKING:
    from tests.simulation.world import World

Plant = Callable[["World"], None]
# A server told not to wait for the disk writes this long after it acknowledged, as wal_writer_delay has it.
UNWRITTEN_SECONDS = 0.6


@contextmanager
def a_fresh_id_on_retry() -> Iterator[Plant]:
    """Whoever hears no answer sends the command again under another id."""

    def plant(world: World) -> None:
        def id_again(intent: Intent) -> Any:
            if intent.ids:
                intent.command_id = world.new_id()
            return intent.command_id

        world.crowd.id_again = id_again  # type: ignore[method-assign]

    yield plant


@contextmanager
def no_fence() -> Iterator[Plant]:
    """A batch is written where its writer thinks the log ends, whoever was faster."""

    def plant(world: World) -> None:
        database: Any = world.database
        database._unique = database._in_order = database._well_formed = _nothing

    yield plant


@contextmanager
def a_decision_on_overtaken_state() -> Iterator[Plant]:
    """A desk that was overtaken takes the new positions, and decides on what it knew before."""

    async def catch_up(log: Log, name: str, memory: Memory, *, up_to: int | None = None) -> int:
        if memory.position == 0:
            return await catch_up_(log, name, memory, up_to=up_to)
        before = memory.position
        page = await log.bodies(name, after=before, limit=PAGE_EVENTS, up_to=up_to)
        news = [decoded(body, position) for position, body in enumerate(page, start=before + 1)]
        memory.take(news, memory.situation)
        return memory.position - before

    catch_up_ = reading.catch_up
    with mock.patch.object(project, "catch_up", catch_up):
        yield _nothing


@contextmanager
def an_answer_looked_up_after_the_version_check() -> Iterator[Plant]:
    """Who names a version is told that it changed, also where the change is his own command of before."""

    async def answer_known(at: Log, name: str, waiting: Sequence[Waiting], rules: Rules) -> set[int]:
        return await known_(at, name, [one for one in waiting if one.if_version is None], rules)

    known_ = repeats.answer_known
    with mock.patch.object(project, "answer_known", answer_known):
        yield _nothing


@contextmanager
def positions_from_a_sequence() -> Iterator[Plant]:
    """The database numbers events by a sequence: what was drawn and not used stays a gap."""

    def plant(world: World) -> None:
        database: Any = world.database
        drawn = 0

        def append(name: str, rows: Sequence[Row]) -> datetime:
            nonlocal drawn
            drawn = drawn or len(database.logs[name].events)
            numbered = [_numbered(row, drawn + number) for number, row in enumerate(rows, start=1)]
            drawn += len(rows)
            log = database.logs[name]
            if any(
                row.command_id in log.commands or row.version <= len(log.streams.get(row.stream, ())) for row in rows
            ):
                raise Overtaken("a stream's version or a command id is taken")
            database.commit(name, numbered)
            now: datetime = database.clock()
            return now

        database.append = append

    yield plant


@contextmanager
def acknowledged_before_it_is_durable() -> Iterator[Plant]:
    """A server told not to wait for the disk (synchronous_commit = off) stops: what it had not written is gone."""

    def plant(world: World) -> None:
        database = world.database
        committed: list[tuple[float, int]] = []
        database.watchers.append(lambda _name, stored, _rows: committed.append((world.loop.time(), stored[0].position)))

        def crash() -> None:
            Database.crash(database)
            unwritten = [first for at, first in committed if at > world.loop.time() - UNWRITTEN_SECONDS]
            if unwritten:
                database.cut(min(unwritten))
                world.promises.lost(min(unwritten))

        database.crash = crash  # type: ignore[method-assign]

    yield plant


@contextmanager
def silence_taken_for_an_acknowledgement() -> Iterator[Plant]:
    """A relay notes as published what the bus may not have."""

    async def settle(self: Any, tenure: Any, partitions: Any, outcomes: Sequence[Any]) -> None:
        believed = [
            said if isinstance(said, Sent) else Sent(partition, filled.batch.records - 1)
            for (partition, filled), said in zip(partitions.items(), outcomes, strict=True)
        ]
        await right(self, tenure, partitions, believed)

    right = Relay._settle
    with mock.patch.object(Relay, "_settle", settle):
        yield _nothing


@contextmanager
def a_page_written_wherever_the_read_model_is() -> Iterator[Plant]:
    """Rows are written without a look at the position that they follow."""

    def commit(self: ReadModels, pages: Sequence[Prepared]) -> None:
        for page in pages:
            self.positions[page.move.projection.name, page.move.project] = page.move.before
        right(self, pages)

    right = ReadModels.commit
    with mock.patch.object(ReadModels, "commit", commit):
        yield _nothing


def _numbered(row: Row, position: int) -> Row:
    envelope = orjson.loads(row.body) | {"position": position}
    return replace(row, position=position, body=canonical(envelope))


def _nothing(*_arguments: Any) -> None:
    pass


PLANTED: Mapping[str, Callable[[], Any]] = MappingProxyType(
    {
        mistake.__name__.replace("_", " "): mistake
        for mistake in (
            a_fresh_id_on_retry,
            no_fence,
            a_decision_on_overtaken_state,
            an_answer_looked_up_after_the_version_check,
            positions_from_a_sequence,
            acknowledged_before_it_is_durable,
            silence_taken_for_an_acknowledgement,
            a_page_written_wherever_the_read_model_is,
        )
    }
)
