"""Small projections and feeds that misbehave, for tests of the projector."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

from interlock.events.envelope import Recorded
from interlock.feed import Page
from interlock.projections import Projection, Write


def positions(version: int = 1, *, poison: int | None = None, broken: int | None = None) -> Projection:
    """A projection that remembers the positions it saw; it fails in Python at `poison`, in SQL at `broken`."""
    table = f"read_model.positions_{version}"
    add = f"insert into {table} (project, position) values ($1, $2 + coalesce($3::int / nullif($4, 0), 0))"

    def project(recorded: Recorded[Any]) -> Iterator[Write]:
        if recorded.position == poison:
            raise LookupError("nobody knows what this means")
        position = 0 if recorded.position == broken else recorded.position
        yield Write(add, (recorded.project, position, 0, 1))

    schema = (
        f"create table {table} (project text, position bigint check (position > 0), primary key (project, position));"
    )
    return Projection("positions", version, schema, (table,), project)


async def seen(connection: Any, project: str, version: int = 1) -> list[int]:
    rows = await connection.fetch(
        f"select position from read_model.positions_{version} where project = $1 order by 1", project
    )
    return [row["position"] for row in rows]


async def cursor(connection: Any, project: str, version: int = 1) -> Any:
    [row] = await connection.fetch(
        "select position, stopped_because from cursor.projection where name = 'positions' and version = $2"
        " and project = $1",
        project,
        version,
    )
    return row


class Pages:
    """A feed of exactly these pages, ending there; it begins anew for each consumer."""

    def __init__(self, project: str, pages: list[Page]) -> None:
        self.project = project
        self.handed = pages

    async def pages(self, project: str, *, after: int) -> AsyncIterator[Page]:
        assert (project, after) >= (self.project, 0)
        for page in self.handed:
            yield page

    async def projects(self) -> AsyncIterator[str]:
        yield self.project


class Slow(Pages):
    """The same, giving others a moment before each page."""

    async def pages(self, project: str, *, after: int) -> AsyncIterator[Page]:
        for page in self.handed:
            await asyncio.sleep(0.002)
            yield page


class Kept:
    """A ledger's events, for reading what a feed left out."""

    def __init__(self, events: Page) -> None:
        self.events = events

    async def read(self, project: str, *, after: int, up_to: int | None = None) -> Page:
        return [e for e in self.events if e.project == project and after < e.position <= (up_to or 10**9)]
