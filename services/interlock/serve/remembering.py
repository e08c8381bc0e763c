"""How far each project's ledger was known to be: kept beside the settings, so that an older ledger is noticed.

A database that was restored from an older backup looks whole. Only memory outside tells that events are missing, and
this file is the memory of whoever serves it. Lost, nothing is noticed by it any more, and nothing else is lost.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from interlock.desk import Desk, NotAccepted
from interlock.events.catalogue.ledger import LedgerRestored
from interlock.events.seams import Sleep
from interlock.ledger import Ledger, LedgerError
from interlock.serve.running import running
from interlock.serve.seams import sleep
from interlock.serve.settings import Settings

FILE_NAME: Final = "known.json"
KEEP_SECONDS: Final = 2.0
STREAM: Final = "ledger"

_LOG: Final = logging.getLogger("interlock.serve")

Admits = Callable[[str, Any], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Mark:
    """An event that the ledger held: its position and its bytes' digest; and the digests of all acceptances by then."""

    position: int
    digest: str
    accepted: tuple[str, ...] = ()


class Remembering:
    """Compares the ledger with what was known of it, and lets no command in where it is an older one.

    It is let in again by two administrators: `dt ledger restore --from backup`, and `dt confirm`.
    """

    def __init__(self, path: Path, ledger: Ledger) -> None:
        """Remember in `path`, a file of ours, what `ledger` holds."""
        self._path = path
        self._ledger = ledger
        self._known = _read(path)
        self._closed: dict[str, str] = {}
        self._looked = False
        self._unkept: str | None = None

    @property
    def closed(self) -> Mapping[str, str]:
        """Return which projects take no command, and why."""
        return self._closed

    async def look(self) -> None:
        """Compare, and remember what is there now where nothing is missing. Raises LedgerError."""
        heads = await self._ledger.heads()
        looked, self._looked = self._looked, True
        for project in sorted(heads.keys() | self._known.keys()):
            known = self._known.get(project)
            head = heads.get(project, 0)
            if not looked or known is None or known.position != head or project in self._closed:
                await self._compare(project, known, head)

    async def _compare(self, project: str, known: Mark | None, head: int) -> None:
        missing = await self._missing(project, known) if known is not None else None
        if missing is None:
            self._closed.pop(project, None)
            if head:
                digest = await self._digest(project, head)
                assert digest is not None  # an event is never gone, but by a restore, which the next look tells
                self._known[project] = Mark(head, digest, await self._acceptances(project))
        elif self._closed.get(project) != missing:
            _LOG.error("%s takes no command: %s", project, missing)
            self._closed[project] = missing

    async def keep(self, sleep: Sleep) -> None:
        """Look every KEEP_SECONDS, until cancelled. A crash loses so much of the memory."""
        while True:
            await self.note()
            await sleep(KEEP_SECONDS)

    async def note(self) -> None:
        """Look, and write down what is known now; while the ledger or the file is away, what is known stays."""
        before = dict(self._known)
        try:
            await self.look()
            if self._known != before or not self._path.exists():
                _write(self._path, self._known)
                self._unkept = None
        except LedgerError as away:
            _LOG.debug("what is known is not kept now: %s", away)
        except OSError as away:
            # Said once, not every two seconds.
            if self._unkept != str(away):
                _LOG.warning("%s is not written, so an older ledger may not be noticed by it: %s", self._path, away)
            self._unkept = str(away)

    def guarding(self, admits: Admits, desk: Callable[[], Desk]) -> Admits:
        """Return `admits`, which first raises NotAccepted where the ledger is an older one that nobody has accepted."""

        async def guarded(project: str, command: Any) -> None:
            if project in self._closed:
                await self.look()
            why = self._closed.get(project)
            # Where an administrator has asked for it, the record closes itself, to all but the second one's answer.
            if why is not None and (await desk().situation(project)).restored is None:
                raise NotAccepted(f"{why}; an administrator asks for it: dt ledger restore --from backup")
            await admits(project, command)

        return guarded

    async def _missing(self, project: str, known: Mark) -> str | None:
        """Return what the ledger lacks of what was known; None where nothing, or where two persons accepted that."""
        digest = await self._digest(project, known.position)
        if digest == known.digest:
            return None
        if set(await self._acceptances(project)) - set(known.accepted):
            return None
        if digest is None:
            head = (await self._ledger.head(project)).position
            return f"it ends at {head}, and position {known.position} was known ({self._path}): it is an older backup"
        return f"position {known.position} is another event than the one that was known ({self._path})"

    async def _acceptances(self, project: str) -> tuple[str, ...]:
        """Return the digest of each event that let a restored ledger take commands again."""
        found = (await self._ledger.read_streams(project, [STREAM])).get(STREAM, ())
        return tuple(_digest_of(each.body) for each in found if each.type == LedgerRestored.__name__)

    async def _digest(self, project: str, position: int) -> str | None:
        found = await self._ledger.read(project, after=position - 1, limit=1)
        return _digest_of(found[0].body) if found else None


def _digest_of(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


@asynccontextmanager
async def remembered(
    settings: Settings, ledger: Ledger, ended: dict[str, str], *, test_clock: bool
) -> AsyncIterator[Remembering]:
    """Compare `ledger` with what was known, and go on remembering until the end of the context; else `ended` says why.

    A test database is made anew as often as somebody likes: nothing is remembered of it.
    """
    made = Remembering(settings.data_directory / FILE_NAME, ledger)
    if test_clock:
        yield made
        return
    await made.look()
    try:
        async with running("remembering", lambda: made.keep(sleep), ended):
            yield made
    finally:
        await made.note()


def _read(path: Path) -> dict[str, Mark]:
    """Return what was kept; nothing where the file is missing, and nothing with a warning where it is no such file."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return {
            project: Mark(int(mark["position"]), str(mark["digest"]), tuple(map(str, mark["accepted"])))
            for project, mark in document.items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as odd:
        _LOG.warning("%s is not read, so an older ledger would not be noticed by it: %s", path, odd)
        return {}


def _write(path: Path, known: Mapping[str, Mark]) -> None:
    """Write a whole file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # In containers that share the directory, processes have the same number.
    unfinished = path.with_name(f"{path.name}.{socket.gethostname()}.{os.getpid()}")
    unfinished.write_text(json.dumps({project: asdict(mark) for project, mark in known.items()}), encoding="utf-8")
    unfinished.replace(path)
