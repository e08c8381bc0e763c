"""A log that grows while it is projected, people who read all the while, and what a fresh replay says at the end."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from random import Random
from typing import Any

from interlock.events.codec import decode, encode
from interlock.events.envelope import Recorded
from interlock.ledger import Ledger
from interlock.projections import PROJECTIONS, Projection, Write, audit_trail, environment_state, problems, releases
from tests.feed.feeds import rows
from tests.ledger.rows import stamp
from tests.projections.answers import Writer, answers
from tests.projections.histories import ENVIRONMENTS, walk
from tests.projections.tape import retold

PROJECT = "shop"
BATCH_COMMANDS = 20
READERS = 3
LIMIT = 500


def stamped(recorded: Recorded[Any], at: datetime) -> Recorded[Any]:
    values = {name: getattr(recorded, name) for name in recorded.__dataclass_fields__}
    return decode(encode(Recorded(**{**values, "recorded_at": at, "occurred_at": at, "raw": b""})))


@dataclass
class Growing:
    """A plausible history that is not recorded yet; `grow` records so many commands of it more."""

    ledger: Ledger
    left: list[list[Recorded[Any]]]

    @classmethod
    def of(cls, ledger: Ledger, seed: int, steps: int) -> Growing:
        events = walk(Random(seed), steps, PROJECT).events
        return cls(ledger, [list(command) for _, command in groupby(events, key=lambda one: one.command_id)])

    async def grow(self, commands: int) -> int:
        batch, self.left = self.left[:commands], self.left[commands:]
        head = await self.ledger.head(PROJECT)
        at = stamp(head)
        await self.ledger.append(PROJECT, rows([stamped(one, at) for command in batch for one in command]))
        return (await self.ledger.head(PROJECT)).position

    async def grow_all(self) -> int:
        while self.left:
            await self.grow(BATCH_COMMANDS)
        return (await self.ledger.head(PROJECT)).position

    async def keep_growing(self, until: asyncio.Event, pause: float = 0.01) -> None:
        """One command after the other, while there are some: on a busy machine what is waited for may take longer."""
        while self.left and not until.is_set():
            await self.grow(1)
            await asyncio.sleep(pause)


async def known(connection: Any) -> dict[str, int]:
    """How much the real queries know: of what only ever grows."""
    trail = await audit_trail.entries(connection, PROJECT, limit=1)
    some = await releases.releases(connection, PROJECT, state="all", limit=LIMIT)
    everything = await problems.problems(connection, PROJECT, state="all", limit=LIMIT)
    occupants = [await environment_state.occupants(connection, PROJECT, name, limit=LIMIT) for name in ENVIRONMENTS]
    lines = [await releases.timeline(connection, PROJECT, row["release"], limit=LIMIT) for row in some[-3:]]
    return {
        "position": trail[0]["position"] if trail else 0,
        "environments": len(await environment_state.environments(connection, PROJECT)),
        "occupants": sum(len(each) for each in occupants),
        "releases": len(some),
        "lines": sum(len(each) for each in lines),
        "problems": len(everything),
        "told of problems": sum(len(each["history"]) for each in everything),
    }


@dataclass
class Reader:
    """Reads again and again; each time it must know something, and no less than the time before."""

    ledger: Ledger
    reads: int = 0
    seen: dict[str, int] = field(default_factory=dict)

    async def read(self, until: asyncio.Event) -> None:
        while not until.is_set():
            async with self.ledger.connection() as connection:
                found = await known(connection)
            for what, much in found.items():
                assert much > 0, f"empty: {what}"
                assert much >= self.seen.get(what, 0), f"older than before: {what}"
            self.seen = found
            self.reads += 1
            await asyncio.sleep(0)


async def equals_a_fresh_replay(ledger: Ledger, projections: Sequence[Projection] = PROJECTIONS) -> None:
    """Compare everything that the read models answer with a replay of the log into another project."""
    events: list[Recorded[Any]] = []
    while page := await ledger.read(PROJECT, after=len(events), limit=1000):
        events += [decode(stored.body) for stored in page]
    async with ledger.connection() as connection:
        await Writer(connection, projections).write("replay", [[retold(event, "replay") for event in events]])
        now, replayed = await answers(connection, PROJECT, None), await answers(connection, "replay", None)
        for question, answer in replayed.items():
            assert now[question] == answer, question


def raised(projection: Projection) -> Projection:
    """The same projection as its next version: other tables, the same meaning."""
    before, after = (f"read_model.{projection.name}_{projection.version + more}_" for more in (0, 1))

    def project(recorded: Recorded[Any]) -> Any:
        for write in projection.project(recorded):
            yield Write(write.statement.replace(before, after), write.arguments)

    return replace(
        projection,
        version=projection.version + 1,
        schema=projection.schema.replace(before, after),
        tables=tuple(table.replace(before, after) for table in projection.tables),
        project=project,
        appends={
            statement.replace(before, after): replace(added, table=added.table.replace(before, after))
            for statement, added in projection.appends.items()
        },
        together={
            statement.replace(before, after): replace(
                several,
                statement=several.statement.replace(before, after),
                target=replace(several.target, table=several.target.table.replace(before, after)),
            )
            for statement, several in projection.together.items()
        },
    )


class AsOfTheNextVersion:
    """A connection through which the real queries read the next version's tables."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    async def fetch(self, query: str, *arguments: Any) -> Any:
        def raised(found: re.Match[str]) -> str:
            return f"{found[1]}{int(found[2]) + 1}_"

        return await self.connection.fetch(re.sub(r"\b(read_model\.[a-z_]+_)(\d+)_", raised, query), *arguments)
