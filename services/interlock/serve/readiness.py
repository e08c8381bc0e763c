"""Whether this server can decide and answer now: each part says "ok", or why not."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from interlock.desk import Desk, DeskError
from interlock.ledger import Ledger, LedgerError
from interlock.projector import Projector
from interlock.watch import Watch

ANSWER_SECONDS: Final = 2.0
LAG_EVENTS_MAX: Final = 1_000
OK: Final = "ok"


class Readiness:
    """Asks the parts themselves each time, so that it heals as they do."""

    def __init__(
        self, ledger: Ledger, desk: Desk, projector: Projector, watch: Watch, ended: Mapping[str, str]
    ) -> None:
        """Look at these; `ended` names the parts that run no more."""
        self._ended = ended
        self._ledger = ledger
        self._desk = desk
        self._projector = projector
        self._watch = watch

    async def __call__(self) -> dict[str, str]:
        """Return each part's state."""
        states = {"watch": self._watch.trouble or OK, **self._ended}
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                heads = await self._ledger.heads()
                states["ledger"] = OK
                states["desk"] = await self._decides(heads)
        except TimeoutError:
            return {**states, "ledger": f"no answer within {ANSWER_SECONDS:g} s"}
        except LedgerError as away:
            return {**states, "ledger": str(away)}
        states["read models"] = self._reads(heads)
        return states

    async def _decides(self, heads: dict[str, int]) -> str:
        """A desk that met an event which it does not know decides nothing about that project."""
        for project in heads:
            try:
                await self._desk.situation(project)
            except DeskError as stuck:
                return f"{project}: {stuck}"
        return OK

    def _reads(self, heads: dict[str, int]) -> str:
        for status in self._projector.status():
            if status.stopped_because:
                return f"{status.name}: stopped: {status.stopped_because}"
        if not self._projector.serving():
            return "a new version is being built beside the one that serves"
        for project, head in heads.items():
            behind = head - self._projector.position(project)
            if behind > LAG_EVENTS_MAX:
                return f"{project}: {behind} events behind"
        return OK
