"""Which locks migrations take and wait for, looked at from a second session while they run.

What is kept of a lock is its relation, its mode and how long; never a statement, which may quote a row.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg

from interlock.events.seams import MonotonicClock, Sleep
from interlock.runners.failures import LOST
from interlock.runners.statements import sql
from interlock.runners.targets import close, connect

# The name of the sessions that migrate: children are told it as PGAPPNAME.
APPLICATION: Final = "interlock-migrate"
SAMPLE_SECONDS: Final = 0.2
# From here on a lock is long: people are told, and the report names it.
LONG_SECONDS: Final = 1.0
LOCKS_MAX: Final = 200

HOLDS: Final = "holds"
WAITS: Final = "waits"
KEEPS_WAITING: Final = "keeps others waiting"


@dataclass(slots=True)
class Lock:
    """One lock as it was seen: what the migration did with it, for how long at least, and who else waited for it."""

    migration: str
    relation: str
    mode: str
    what: str
    seconds: float = 0.0
    since: float = 0.0
    others: int = 0
    told: bool = False

    def sentence(self) -> str:
        """Say it to a person."""
        who = {HOLDS: "it holds", WAITS: "it waits for", KEEPS_WAITING: f"{self.others} wait, because of it, for"}
        return f"{self.migration}: {who[self.what]} {self.mode} on {self.relation} ({self.seconds:.1f} s)"

    def fields(self) -> dict[str, Any]:
        """Return it for the report; milliseconds, for there are no floats in the record."""
        names = ("migration", "relation", "mode", "what", "others")
        return {**{name: getattr(self, name) for name in names}, "at_least_ms": int(self.seconds * 1000)}


@dataclass(slots=True)
class Watcher:
    """Samples until it is cancelled. What it cannot see stops no migration: `blind` says why."""

    dsn: str
    clock: MonotonicClock
    sleep: Sleep
    told: Callable[[str], None]
    migration: str = ""
    blind: str | None = None
    samples: int = 0
    _seen: dict[tuple[str, str, str, str], Lock] = field(default_factory=dict)

    async def watch(self) -> None:
        """Look again and again."""
        session = None
        try:
            session = await connect(self.dsn)
            while True:
                self.look(await session.fetch(sql("locks"), APPLICATION))
                await self.sleep(SAMPLE_SECONDS)
        except (*LOST, asyncpg.PostgresError) as why:
            self.blind = type(why).__name__
        except Exception as why:
            self.blind = str(why)
        finally:
            if session is not None:
                with suppress(*LOST):
                    await close(session)

    def look(self, rows: list[Any]) -> None:
        """Take one sample's rows."""
        self.samples += 1
        now = self.clock()
        waiting: dict[tuple[str, str], int] = {}
        for row in rows:
            if not row["ours"] and row["by_ours"]:
                waiting[row["relation"], row["mode"]] = waiting.get((row["relation"], row["mode"]), 0) + 1
        for row in rows:
            if row["ours"]:
                self._note(row, HOLDS if row["granted"] else WAITS, now, 0)
            elif row["by_ours"]:
                self._note(row, KEEPS_WAITING, now, waiting[row["relation"], row["mode"]])

    def long(self) -> tuple[Lock, ...]:
        """Return the locks that were long, the longest first."""
        found = [lock for lock in self._seen.values() if lock.seconds >= LONG_SECONDS]
        return tuple(sorted(found, key=lambda lock: -lock.seconds)[:LOCKS_MAX])

    def _note(self, row: Any, what: str, now: float, others: int) -> None:
        key = (self.migration, row["relation"], row["mode"], what)
        lock = self._seen.setdefault(key, Lock(*key, since=now))
        lock.seconds = max(lock.seconds, now - lock.since, float(row["waited"]))
        lock.others = max(lock.others, others)
        if lock.seconds >= LONG_SECONDS and not lock.told:
            lock.told = True
            self.told(lock.sentence())
