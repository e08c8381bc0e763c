"""What the API shows of the read models, and what it may ask of them: the projector's parts put together."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from interlock.api.parts import ReadModel
from interlock.projections import PROJECTIONS, Projection
from interlock.projector import Projector, Rebuilder
from interlock.projector.writer import Connect

_STATUS = """
select known.name, known.version, known.serving, coalesce(cursor.position, 0) as position, cursor.stopped_because
  from cursor.projection_version as known
  left join cursor.projection as cursor
         on cursor.name = known.name and cursor.version = known.version and cursor.project = $1
 where known.name = any($2::text[]) and known.version = any($3::integer[])
 order by known.name
"""


class ReadModelsElsewhere:
    """The read models that another process keeps, as the database tells of them."""

    def __init__(self, connect: Connect, rebuilder: Rebuilder, projections: Sequence[Projection] = PROJECTIONS) -> None:
        """Read by `connect`; what `rebuilder` is asked for, the process that keeps them builds."""
        self._connect = connect
        self._rebuilder = rebuilder
        self._projections = tuple(projections)

    async def told(self, project: str) -> list[ReadModel]:
        """Return how each read model of the project is doing, with its last rebuild."""
        last = {rebuild.name: rebuild for rebuild in await self._rebuilder.told()}
        names = [projection.name for projection in self._projections]
        versions = [projection.version for projection in self._projections]
        async with self._connect() as connection:
            rows = await connection.fetch(_STATUS, project, names, versions)
        return [
            ReadModel(
                name=row["name"],
                version=row["version"],
                position=row["position"],
                serving=row["serving"],
                stopped_because=row["stopped_because"],
                trouble=None,
                gaps=0,
                rebuild=last.get(row["name"]),
            )
            for row in rows
        ]

    async def rebuild(self, name: str, *, by: str, key: UUID) -> bool:
        """Let one be built anew."""
        return await self._rebuilder.ask(name, by=by, key=key)


class ReadModelsHere:
    """The read models that this process keeps."""

    def __init__(self, projector: Projector, rebuilder: Rebuilder) -> None:
        """Tell of `projector`; let `rebuilder` build."""
        self._projector = projector
        self._rebuilder = rebuilder

    async def told(self, project: str) -> list[ReadModel]:
        """Return how each read model of the project is doing, with its last rebuild."""
        last = {rebuild.name: rebuild for rebuild in await self._rebuilder.told()}
        return [
            ReadModel(
                name=status.name,
                version=status.version,
                position=status.position,
                serving=status.serving,
                stopped_because=status.stopped_because,
                trouble=status.trouble,
                gaps=status.gaps,
                rebuild=last.get(status.name),
            )
            for status in self._projector.status()
            if status.project == project
        ]

    async def rebuild(self, name: str, *, by: str, key: UUID) -> bool:
        """Begin to build one anew."""
        return await self._rebuilder.ask(name, by=by, key=key)
