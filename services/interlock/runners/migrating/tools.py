"""What runs migrations: plain SQL here, a command for each file, or alembic, each with its own list of what ran."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import asyncpg

from interlock.events.canonical import digest_of_bytes
from interlock.runners.connections import Connection, NotConfigured
from interlock.runners.ending import Ending
from interlock.runners.failures import LOST, DatabaseAway
from interlock.runners.libpq import environment_of
from interlock.runners.means import Means, run_child
from interlock.runners.migrating.configured import Migrations
from interlock.runners.migrating.failures import MigrationRefused
from interlock.runners.migrating.locks import APPLICATION
from interlock.runners.migrating.sets import Known, Planned, Ran, known_file
from interlock.runners.statements import sql

SUFFIX: Final = ".sql"
# A line of its own in the head of a file: what cannot run in a transaction, such as CREATE INDEX CONCURRENTLY.
OUTSIDE: Final = "-- interlock: no transaction"
MARK: Final = "interlock_migrate.running"


class Tool(Protocol):
    """One kind of migrations."""

    async def known(self, session: Any) -> tuple[Known, ...]:
        """Return the migrations that are here, in the order in which they run."""

    async def apply(self, session: Any, each: Planned) -> None:
        """Let one run. Raises MigrationRefused, DatabaseAway."""


@dataclass(frozen=True, slots=True)
class _Folder:
    """Files in a folder, in the order of their names, and the database's list of those that ran."""

    migrations: Migrations
    connection: Connection
    means: Means
    ending: Ending

    async def known(self, session: Any) -> tuple[Known, ...]:
        """Return the folder's files; those up to `after` ran before there was a list."""
        ran: dict[str, Ran] = {}
        if await session.fetchval(sql("migrate_there")):
            rows = await session.fetch(sql("migrate_applied"))
            ran = {row["migration"]: Ran(row["digest"], row["duration_ms"], row["ended"]) for row in rows}
        after = self.migrations.after or ""
        return tuple(
            known_file(path, ran.get(path.name, Ran() if path.name <= after else None)) for path in self._files()
        )

    def _files(self) -> list[Path]:
        found = (path for path in self.migrations.place.iterdir() if path.is_file() and path.name[0] != ".")
        return sorted((path for path in found if self._is_one(path)), key=lambda path: path.name)

    def _is_one(self, path: Path) -> bool:
        return self.migrations.kind != "sql" or path.suffix == SUFFIX


class PlainSql(_Folder):
    """Each file in one transaction, with its line in the list; one that says otherwise is a single statement."""

    async def apply(self, session: Any, each: Planned) -> None:
        """A crash leaves a transaction's file undone and not in the list, or done and in it."""
        text = _text(each)
        try:
            await _make_list(session)
            if OUTSIDE in (line.strip().lower() for line in text.splitlines()):
                await self._outside(session, each, text)
            else:
                await self._inside(session, each, text)
        except LOST as lost:
            self.ending.check()
            raise DatabaseAway(f"{each.id}: the connection was lost ({type(lost).__name__})") from lost
        except asyncpg.PostgresError as refusal:
            self.ending.check()
            recorded = f"{type(refusal).__name__} ({refusal.sqlstate})"
            detail = f" ({refusal.detail})" if getattr(refusal, "detail", None) else ""
            raise MigrationRefused(each.id, f"{refusal}{detail}", recorded=recorded) from refusal

    async def _inside(self, session: Any, each: Planned, text: str) -> None:
        began = self.means.clock()
        async with session.transaction():
            await session.execute(sql("migrate_begin"), each.known.key, each.known.digest, True)
            await session.execute("select pg_catalog.set_config($1, $2, true)", MARK, each.known.key)
            await session.execute(text)
            if await session.fetchval("select pg_catalog.current_setting($1, true)", MARK) != each.known.key:
                raise MigrationRefused(each.id, "it ends its own transaction: what it did before that is there")
        await _forget(session)
        await session.execute(sql("migrate_end"), each.known.key, int((self.means.clock() - began) * 1000))

    async def _outside(self, session: Any, each: Planned, text: str) -> None:
        """A crash leaves a line without an end: nobody goes on before somebody has looked."""
        await session.execute(sql("migrate_begin"), each.known.key, each.known.digest, False)
        began = self.means.clock()
        await session.execute(text)
        await _forget(session)
        await session.execute(sql("migrate_end"), each.known.key, int((self.means.clock() - began) * 1000))


class ByCommand(_Folder):
    """A command for each file, which is told {file} and {id}; the list says which were begun and which ended."""

    async def apply(self, session: Any, each: Planned) -> None:
        """A crash leaves a line without an end, as does a command that fails: nobody knows how far it came."""
        assert self.migrations.command is not None
        words = self.migrations.command.with_values(file=str(each.known.path), id=each.id)
        environ = environment_of(self.connection, self.means.environ, application=APPLICATION)
        environ |= {"INTERLOCK_MIGRATION": each.id, "INTERLOCK_MIGRATION_FILE": str(each.known.path)}
        try:
            await _make_list(session)
            await session.execute(sql("migrate_begin"), each.known.key, each.known.digest, False)
            ended = await run_child(words, self.migrations.command.directory, environ, self.means, self.ending)
            if ended.code != 0:
                raise MigrationRefused(each.id, ended.how)
            await session.execute(sql("migrate_end"), each.known.key, int(ended.seconds * 1000))
        except LOST as lost:
            self.ending.check()
            raise DatabaseAway(f"{each.id}: the connection was lost ({type(lost).__name__})") from lost


async def _forget(session: Any) -> None:
    """What a file set for its session (role, search_path, locks) is not the next one's."""
    await session.execute("discard all")


def _text(each: Planned) -> str:
    """Return the file's text: that of the bytes whose digest was compared. Raises MigrationRefused."""
    try:
        content = each.known.path.read_bytes()
        if digest_of_bytes(content) != each.known.digest:
            raise MigrationRefused(each.id, "its file was changed a moment ago")
        return content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as wrong:
        raise MigrationRefused(each.id, f"its file cannot be read ({type(wrong).__name__})") from wrong


async def _make_list(session: Any) -> None:
    if not await session.fetchval(sql("migrate_there")):
        async with session.transaction():
            await session.execute(sql("migrate_list"))


def tool_of(migrations: Migrations, connection: Connection, means: Means, ending: Ending) -> Tool:
    """Return what runs this kind of migrations."""
    from interlock.runners.migrating.revisions import Alembic

    kinds: dict[str, Any] = {"sql": PlainSql, "alembic": Alembic, "command": ByCommand}
    if migrations.kind not in kinds:
        raise NotConfigured("migrations.kind", "there is no such kind", f"there are {', '.join(kinds)}")
    tool: Tool = kinds[migrations.kind](migrations, connection, means, ending)
    return tool


__all__ = ["ByCommand", "Means", "PlainSql", "Tool", "run_child", "tool_of"]
