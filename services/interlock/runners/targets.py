"""What an environment is, looked at where the work will be done: before every step that changes something there.

[environments.sandbox]
dsn = "env:SANDBOX_DSN"              # its database, as in `connections`; or, where it has none that dt can reach:
identity = ["./which-server.sh"]     # what prints, on one line, a name that no other environment has
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg

from interlock.events.catalogue.parts import Identity
from interlock.events.codec import plain
from interlock.events.seams import MonotonicClock
from interlock.runners.commands import Configured, asked, command_of, table_of
from interlock.runners.connections import Connection, NotConfigured, connection_of
from interlock.runners.failures import LOST, DatabaseAway, Stopped, UnfitSession
from interlock.runners.identity import identity_of, same_database
from interlock.runners.schema import schema_digest

CONNECT_SECONDS: Final = 10.0
ANSWER_SECONDS: Final = 60.0
# The identity of what has no database: what its command prints.
BY_COMMAND: Final = "command"


class NoIdentity(Stopped):
    """the environment's identity command did not print one line"""


@dataclass(frozen=True, slots=True)
class Target:
    """An environment as the runners reach it: by its database, or by a command that says what it is."""

    environment: str
    connection: Connection | None
    identity: Configured | None


@dataclass(frozen=True, slots=True)
class Found:
    """What was read there."""

    identity: Identity
    schema_digest: str | None = None

    def fields(self) -> dict[str, Any]:
        """Return it as a command's `observed`."""
        observed: dict[str, Any] = {"identity": plain(self.identity)}
        if self.schema_digest is not None:
            observed["schema_digest"] = self.schema_digest
        return observed


def target_of(document: Mapping[str, Any], environment: str, *, home: Path, environ: Mapping[str, str]) -> Target:
    """Return the environment's target from a parsed interlock.toml in the directory `home`. Raises NotConfigured."""
    table = table_of(document, "environments", environment)
    place = f"environments.{environment}"
    if "identity" in table:
        if "dsn" in table:
            raise NotConfigured(f"{place}.identity", "it has a dsn too", "keep one: the database says what it is")
        return Target(environment, None, command_of(table["identity"], f"{place}.identity", home))
    return Target(environment, connection_of(document, environment, home=home, environ=environ), None)


async def look(
    target: Target, registered: Identity | None, *, clock: MonotonicClock, environ: Mapping[str, str]
) -> Found:
    """Read which environment this is, and its schema where it is a database; compare it with what is registered.

    Where nothing is `registered`, nothing is compared: Interlock says so when it is asked. Raises WrongDatabase,
    NoIdentity, DatabaseAway, UnfitSession.
    """
    by_database = target.connection is not None
    found = await (_by_database(target, registered) if by_database else _by_command(target, clock, environ))
    if registered is not None:
        same_database(found.identity, registered)
    return found


async def connect(dsn: str, *, answer_seconds: float | None = ANSWER_SECONDS, **settings: str) -> Any:
    """Return a session of asyncpg, every wait bounded. Raises DatabaseAway, UnfitSession; the address is in neither.

    `answer_seconds` is None for work that takes as long as it takes.
    """
    try:
        return await asyncpg.connect(
            dsn,
            timeout=CONNECT_SECONDS,
            command_timeout=answer_seconds,
            server_settings={"application_name": "interlock", **settings},
            statement_cache_size=0,
        )
    except (*LOST, ValueError) as away:
        raise DatabaseAway(f"the database cannot be reached ({type(away).__name__})") from None
    except asyncpg.PostgresError as refusal:
        raise UnfitSession(f"the database refuses the session: {refusal}") from None


async def close(connection: Any) -> None:
    """Close politely, or else at once."""
    with suppress(*LOST, asyncpg.PostgresError):
        await connection.close(timeout=CONNECT_SECONDS)
    if not connection.is_closed():
        connection.terminate()


async def _by_database(target: Target, registered: Identity | None) -> Found:
    assert target.connection is not None
    session = await connect(target.connection.dsn)
    try:
        return Found(await identity_of(session, registered), await schema_digest(session))
    except LOST as lost:
        raise DatabaseAway(f"the database does not answer ({type(lost).__name__})") from None
    except asyncpg.PostgresError as refusal:
        raise UnfitSession(f"the database does not let itself be looked at: {refusal}") from None
    finally:
        await close(session)


async def _by_command(target: Target, clock: MonotonicClock, environ: Mapping[str, str]) -> Found:
    assert target.identity is not None
    ended, lines = await asked(
        target.identity, seconds=ANSWER_SECONDS, failing=NoIdentity, clock=clock, environ=environ
    )
    said = [line.strip() for line in lines if line.strip()]
    if ended.code != 0 or len(said) != 1:
        raise NoIdentity(f"{target.identity.words[0]} must print one line: it printed {len(said)}, and {ended.how}")
    return Found(Identity(system_identifier=BY_COMMAND, database=said[0][:200], address=None))
