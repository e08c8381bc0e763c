"""The database that the settings name: the embedded server, started and migrated, or one given by its address."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import subprocess
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import IO, Final, TypeVar

import asyncpg

from interlock.ledger import LedgerError, LedgerUnavailable, NotATestDatabase, SchemaBehind
from interlock.ledger.embedded import EmbeddedPostgres, NoServerFound, ServerNotStarted
from interlock.ledger.migrate import apply
from interlock.serve.refusals import AWAY, CannotStart
from interlock.serve.secret import resolve
from interlock.serve.settings import Settings

T = TypeVar("T")

NAME: Final = "interlock"
IN_USE_NAME: Final = "in-use"
LOOK_SECONDS: Final = 1.0
MIGRATE: Final = "give `owner` under [database] for one start, or let its owner apply the migrations"

_LOG: Final = logging.getLogger("interlock.serve")


@dataclass(frozen=True, slots=True)
class Database:
    """The application's address, and a few words for a person."""

    app: str
    described: str


@asynccontextmanager
async def database_of(
    settings: Settings, *, test: bool, environ: Mapping[str, str] = os.environ
) -> AsyncIterator[Database]:
    """Lend the database, migrated. The last process to leave an embedded server stops it. Raises CannotStart.

    A crash leaves an embedded server running; the next start takes it over, and stops it at its end. Where the
    embedded server itself crashes, it is started again.
    """
    if settings.database is not None:
        yield await _given(settings, test=test, environ=environ)
        return
    async with AsyncExitStack() as stack:
        try:
            embedded = EmbeddedPostgres(settings.data_directory)
            stack.push_async_callback(asyncio.to_thread, _leave, embedded, await asyncio.to_thread(_enter, settings))
            await asyncio.to_thread(embedded.start)
        except (NoServerFound, ServerNotStarted, OSError) as wrong:
            raise CannotStart(
                "the embedded PostgreSQL", str(wrong), "give a server of your own under [database], or another --data"
            ) from wrong
        dsns = await _refused_in_words(embedded.prepare(NAME, test=test))
        async with _kept_running(embedded):
            yield Database(dsns.app, f"PostgreSQL, embedded in {settings.data_directory}")


def _enter(settings: Settings) -> IO[bytes]:
    """Say that this process uses the data directory; the operating system takes it back when the process ends."""
    settings.data_directory.mkdir(parents=True, exist_ok=True)
    used = (settings.data_directory / IN_USE_NAME).open("ab")
    fcntl.flock(used, fcntl.LOCK_SH)
    return used


def _leave(embedded: EmbeddedPostgres, used: IO[bytes]) -> None:
    """Stop the server where nobody else uses it; whoever comes meanwhile waits, and starts it again."""
    with used, suppress(BlockingIOError):
        fcntl.flock(used, fcntl.LOCK_EX | fcntl.LOCK_NB)
        embedded.stop()


@asynccontextmanager
async def _kept_running(embedded: EmbeddedPostgres) -> AsyncIterator[None]:
    """Start the embedded server again where it ended; nothing acknowledged is lost, and nothing is decided meanwhile.

    At the end a start that is under way is waited for, so that what is stopped afterwards is all there is.
    """
    leaving = asyncio.Event()

    async def look() -> None:
        trouble = ""
        while not leaving.is_set():
            try:
                if not await asyncio.to_thread(embedded.is_running):
                    _LOG.warning("the embedded PostgreSQL ended; it is started again")
                    await asyncio.to_thread(embedded.start)
                trouble = ""
            except (ServerNotStarted, OSError, subprocess.SubprocessError) as wrong:
                if trouble != str(wrong):
                    _LOG.error("the embedded PostgreSQL does not start: %s", wrong)
                trouble = str(wrong)
            with suppress(TimeoutError):
                await asyncio.wait_for(leaving.wait(), LOOK_SECONDS)

    looking = asyncio.create_task(look(), name="embedded PostgreSQL")
    try:
        yield
    finally:
        leaving.set()
        await looking


async def _given(settings: Settings, *, test: bool, environ: Mapping[str, str]) -> Database:
    assert settings.database is not None
    if settings.database.owner is not None:
        owner = resolve(settings.database.owner, home=settings.home, environ=environ)
        await _refused_in_words(apply(owner, test=test))
    app = resolve(settings.database.app, home=settings.home, environ=environ)
    return Database(app, "PostgreSQL, by its address")


async def _refused_in_words(work: Awaitable[T]) -> T:
    try:
        return await work
    except (LedgerError, asyncpg.PostgresError, OSError) as wrong:
        raise why_not(wrong) from wrong


def why_not(wrong: Exception) -> CannotStart:
    """Return the refusal to start for what the database, or the ledger in it, refuses."""
    match wrong:
        case NotATestDatabase():
            return CannotStart(
                "the database",
                "it is a real one, and --test-clock is for a database of its own",
                "start without --test-clock, or with another --data",
            )
        case SchemaBehind():
            return CannotStart("the database", str(wrong), MIGRATE)
        case LedgerUnavailable() | OSError():
            return CannotStart("the database", str(wrong), "start it, or correct its address", exit_code=AWAY)
    return CannotStart("the database", str(wrong), "mend what it says, and start again")
