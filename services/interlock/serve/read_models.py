"""What the API shows of the read models, and what it may ask of them: the projector's parts put together."""

from __future__ import annotations

from uuid import UUID

from interlock.api.parts import ReadModel
from interlock.projector import Projector, Rebuilder


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
