"""Read models in memory: each is the log of the writes that were applied to it, and how far it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from interlock.projections import Projection
from interlock.projector import cursors
from interlock.projector.writer import Prepared, Writer
from tests.simulation.beside import Beside
from tests.simulation.weather import Wire


class ReadModels:
    """Read models as the logs of the writes that were applied to them, and how far each is."""

    def __init__(self, name: str, watcher: Callable[[ReadModels, Prepared], None]) -> None:
        """Nothing is projected; `watcher` is told of each page that is committed."""
        self.name = name
        self._watcher = watcher
        self.log: list[Prepared] = []
        self.positions: dict[tuple[str, str], int] = {}

    def begin(self, asked: Sequence[tuple[Projection, str]]) -> list[int | None]:
        """How far each is."""
        return [self.positions.setdefault((projection.name, project), 0) for projection, project in asked]

    def commit(self, pages: Sequence[Prepared]) -> None:
        """One transaction: all pages follow what is there, or nothing is written."""
        for page in pages:
            if self.positions[page.move.projection.name, page.move.project] != page.move.before:
                raise cursors.MovedElsewhere(f"{page.move.projection.name} of {page.move.project}")
        for page in pages:
            self._watcher(self, page)
            self.log.append(page)
            self.positions[page.move.projection.name, page.move.project] = page.move.now


class MemoryWriter(Writer):
    """The projector's writer, with its transactions in memory."""

    def __init__(self, models: ReadModels, wire: Wire) -> None:
        """Write to `models` over `wire`."""
        super().__init__(_no_connection)
        self._models = models
        self._wire = wire

    async def _begin(self, asked: Sequence[tuple[Projection, str]]) -> Sequence[int | None]:
        return await self._wire.call(self._models.begin, asked, sent=True)

    async def _write(self, pages: Sequence[Prepared]) -> Sequence[None]:
        await self._wire.call(self._models.commit, pages, sent=True)
        return [None] * len(pages)


def _no_connection() -> Any:
    raise NotImplementedError("there is no SQL in memory")


class MemoryBookmarks:
    """Where a projector over the bus goes on."""

    def __init__(self, beside: Beside, wire: Wire) -> None:
        """Keep them over `wire`."""
        self._beside = beside
        self._wire = wire

    async def load(self, topic: str, partition: int) -> tuple[int, Mapping[str, tuple[int, int]]]:
        """What was kept."""
        return await self._wire.call(self._beside.bookmarks.get, (topic, partition), (0, {}))

    async def store(self, topic: str, partition: int, offset: int, projects: Mapping[str, tuple[int, int]]) -> None:
        """Keep it."""

        def stored() -> None:
            _, known = self._beside.bookmarks.get((topic, partition), (0, {}))
            self._beside.bookmarks[topic, partition] = (offset, known | dict(projects))

        await self._wire.call(stored, sent=True)
