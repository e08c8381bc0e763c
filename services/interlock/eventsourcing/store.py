"""One project of the ledger for one application: opened at its first use, shared by all its recorders and threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

import asyncpg
from eventsourcing.persistence import StoredEvent, Tracking

from interlock.events.envelope import Actor
from interlock.eventsourcing import seams
from interlock.eventsourcing.calls import prepared
from interlock.eventsourcing.committing import RETRY_SECONDS, Committer
from interlock.eventsourcing.errors import as_library
from interlock.eventsourcing.news import News
from interlock.eventsourcing.statements import sql
from interlock.eventsourcing.threads import LoopThread, waited_for
from interlock.ledger import Head, Ledger, LedgerError, LedgerUnavailable
from interlock.ledger.connections import refused_by_name

T = TypeVar("T")

# A call is tried again for so long; then one last try may still wait for a connection and for its statement.
CALL_SECONDS: Final = 10.0
ACQUIRE_SECONDS: Final = 5.0
STATEMENT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = CALL_SECONDS + 2 * (ACQUIRE_SECONDS + STATEMENT_SECONDS)


class Store:
    """What the recorders of one application share."""

    def __init__(self, dsn: str, project: str, application: str) -> None:
        """Connect to nothing yet; `application` is whose name stands in the events as the actor."""
        self.project = project
        self._dsn = dsn
        self._actor = Actor(id=application, kind="service")
        self._starting = threading.Lock()
        self._thread: LoopThread | None = None
        self._ledger: Ledger | None = None
        self._opening = asyncio.Lock()
        self._committer = Committer(
            self._opened,
            project,
            self._actor,
            monotonic=seams.monotonic,
            event_ids=seams.event_id,
            sleep=seams.sleep,
        )
        self._news = News(dsn, project, timeout=ACQUIRE_SECONDS)

    def check(self) -> None:
        """Return where the ledger can be written to. Raises what the library calls the reason why not."""
        self._reading(lambda ledger: ledger.head(self.project))

    def insert(
        self,
        stored_events: Sequence[StoredEvent],
        tracking: Tracking | None = None,
        tracking_table: tuple[str, str] | None = None,
    ) -> list[int]:
        """Record the events, all of them or none; return their positions. Returns, or raises, within ANSWER_SECONDS.

        Raises IntegrityError where a version is taken or would leave a gap, DataError, OperationalError.
        """
        call = prepared(stored_events, deadline=seams.monotonic() + CALL_SECONDS, tracking=tracking)
        call.tracking_table = tracking_table
        self._running().soon(self._committer.submit, call)
        return waited_for(call.future, ANSWER_SECONDS)

    def known(self, stream: str) -> int | None:
        """Return with which version a stream begins, where this process knows it."""
        return self._committer.begins(stream)

    def head(self) -> Head:
        """Return how far the project is."""
        return self._reading(lambda ledger: ledger.head(self.project))

    def rows(self, statement: str, *arguments: Any) -> list[asyncpg.Record]:
        """Return what one of the statements in `sql/` finds in this project."""

        async def asked(ledger: Ledger) -> list[asyncpg.Record]:
            async with ledger.connection() as connection, refused_by_name(sent=False):
                return list(await connection.fetch(sql(statement), self.project, *arguments))

        return self._reading(asked)

    def wake(self, bell: threading.Event) -> None:
        """Ring the bell whenever there may be news, until `let_sleep`."""
        self._running().soon(self._news.add, bell)

    def let_sleep(self, bell: threading.Event) -> None:
        """Ring it no more."""
        if self._thread is not None:
            self._news.remove(bell)

    def close(self) -> None:
        """Answer whoever waits, give up all connections, and end the thread."""
        if self._thread is not None:
            self._thread.stop(self._close)

    def __del__(self) -> None:
        # Where it was never wholly made, it has none.
        thread: LoopThread | None = getattr(self, "_thread", None)
        if thread is not None:
            thread.abandon(self._close)

    async def _close(self) -> None:
        await self._committer.finish()
        await self._news.close()
        if self._ledger is not None:
            await self._ledger.close()

    def _running(self) -> LoopThread:
        if self._thread is None:
            with self._starting:
                if self._thread is None:
                    self._thread = LoopThread(f"interlock {self.project}")
        return self._thread

    async def _opened(self) -> Ledger:
        if self._ledger is None:
            async with self._opening:
                if self._ledger is None:
                    self._ledger = await Ledger.open(
                        self._dsn, command_timeout=STATEMENT_SECONDS, acquire_timeout=ACQUIRE_SECONDS
                    )
        return self._ledger

    def _reading(self, work: Callable[[Ledger], Awaitable[T]]) -> T:
        """Ask; a ledger that is away is asked again until the call's time is over."""
        deadline = seams.monotonic() + CALL_SECONDS

        async def tried() -> T:
            while True:
                try:
                    return await work(await self._opened())
                except LedgerUnavailable:
                    if seams.monotonic() > deadline:
                        raise
                    await seams.sleep(RETRY_SECONDS)

        try:
            return self._running().call(tried, ANSWER_SECONDS)
        except LedgerError as error:
            raise as_library(error) from error
