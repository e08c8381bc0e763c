"""The ledger's schema: numbered `.sql` files, each applied once, in its own transaction, for ever the same."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from typing import Final

import asyncpg

from interlock.ledger import errors
from interlock.ledger.statements import migration_files, sql

MIGRATION_TIMEOUT_SECONDS: Final = 300.0
CONNECT_TIMEOUT_SECONDS: Final = 10.0
OWNER: Final = "interlock_owner"
_NAME = re.compile(r"(?P<number>\d{4})_[a-z0-9_]+\.sql")
_ONE_AT_A_TIME = "select pg_catalog.pg_advisory_lock(pg_catalog.hashtextextended('interlock migrations', 0))"


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema: its number from 1, its file's name, its SQL and the SHA-256 of that."""

    number: int
    name: str
    statements: str
    checksum: str


class WrongMigrationName(Exception):
    """migrations are named NNNN_what.sql and numbered from 0001 without gaps"""


@cache
def migrations() -> tuple[Migration, ...]:
    """Return the migrations of this version, in order."""
    found = []
    for expected, file in enumerate(migration_files(), start=1):
        match = _NAME.fullmatch(file.name)
        if match is None or int(match["number"]) != expected:
            raise WrongMigrationName(file.name)
        content = file.read_bytes()
        found.append(Migration(expected, file.name, content.decode("utf-8"), hashlib.sha256(content).hexdigest()))
    return tuple(found)


def newest_number() -> int:
    """Return the number of this version's last migration."""
    return len(migrations())


async def create_database(admin_dsn: str, name: str, *, template: str = "template0") -> None:
    """Create the roles where they are missing, and the database `name`, owned by `interlock_owner`.

    `admin_dsn` names a role that may create both. A database that exists is left as it is.
    """
    connection = await _connect(admin_dsn)
    try:
        await connection.execute(sql("create_roles"))
        if await connection.fetchval("select true from pg_catalog.pg_database where datname = $1", name):
            return
        quoted = [part.replace('"', '""') for part in (name, OWNER, template)]
        await connection.execute(
            'create database "{}" owner "{}" template "{}" encoding \'UTF8\' locale \'C\''.format(*quoted)
        )
    finally:
        await connection.close(timeout=CONNECT_TIMEOUT_SECONDS)


async def apply(dsn: str, *, owner: str = OWNER, test: bool = False) -> int:
    """Bring the database at `dsn` to this version's schema and return the number of migrations applied.

    The session is that of `owner`, or of a role that may become it. `test` makes a test database of an empty one;
    it is refused (NotATestDatabase) where the database is an ordinary one already. Raises SchemaFromFuture and
    ChecksumChanged before anything is applied. A crash leaves whole migrations, and the next call does the rest.
    """
    connection = await _connect(dsn)
    try:
        await connection.execute('set role "{}"'.format(owner.replace('"', '""')))
        await connection.execute(_ONE_AT_A_TIME)
        await connection.execute(sql("seal_database"))
        todo = await _not_yet_applied(connection)
        await connection.execute(f"set interlock.create_test_database = {str(test).lower()}")
        for migration in todo:
            async with connection.transaction():
                await connection.execute(migration.statements)
                await connection.execute(sql("record_migration"), migration.number, migration.name, migration.checksum)
        if test and not await connection.fetchval(sql("is_test")):
            raise errors.NotATestDatabase
        return len(todo)
    finally:
        await connection.close(timeout=CONNECT_TIMEOUT_SECONDS)


async def _not_yet_applied(connection: asyncpg.Connection[asyncpg.Record]) -> tuple[Migration, ...]:
    """Return what is still to do; refuse a database that went another way."""
    known = migrations()
    if not await connection.fetchval("select pg_catalog.to_regclass('ledger.migration') is not null"):
        return known
    applied = await connection.fetch(sql("applied_migrations"))
    if len(applied) > len(known):
        raise errors.SchemaFromFuture(f"it has migration {len(applied)}, this version knows {len(known)}")
    for ours, theirs in zip(known, applied, strict=False):
        if (ours.number, ours.checksum) != (theirs["number"], theirs["checksum"]):
            raise errors.ChecksumChanged(theirs["name"])
    return known[len(applied) :]


async def _connect(dsn: str) -> asyncpg.Connection[asyncpg.Record]:
    try:
        return await asyncpg.connect(
            dsn,
            timeout=CONNECT_TIMEOUT_SECONDS,
            command_timeout=MIGRATION_TIMEOUT_SECONDS,
            server_settings={"timezone": "UTC", "application_name": "interlock migrate"},
        )
    except (OSError, TimeoutError) as away:
        raise errors.LedgerUnavailable(str(away)) from away
