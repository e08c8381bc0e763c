"""Alembic: one revision at a time, as a child process; its own table says which ran.

`env.py` takes the database from libpq's variables (PGHOST, PGDATABASE, PGUSER, PGPASSWORD), as in
create_engine("postgresql+psycopg://"): the runner sets them, and then looks whether its own database moved.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import asyncpg

from interlock.runners.connections import Connection
from interlock.runners.ending import Ending
from interlock.runners.failures import WrongDatabase
from interlock.runners.libpq import environment_of
from interlock.runners.means import Means, run_child
from interlock.runners.migrating.configured import Migrations
from interlock.runners.migrating.failures import MigrationRefused, ToolFailed
from interlock.runners.migrating.locks import APPLICATION
from interlock.runners.migrating.sets import Known, Planned, Ran, known_file

LINE: Final = re.compile(r"^(Rev|Parent|Merges|Path): (.*)$")
REVISION: Final = re.compile(r"[\w.-]+")
NO_PARENT: Final = "<base>"


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision script as `alembic history --verbose` shows it."""

    revision: str
    parents: tuple[str, ...]
    path: Path


class Alembic:
    """The revisions of one alembic environment."""

    def __init__(self, migrations: Migrations, connection: Connection, means: Means, ending: Ending) -> None:
        """Prepare to run them in that database."""
        self._migrations = migrations
        self._connection = connection
        self._means = means
        self._ending = ending

    async def known(self, session: Any) -> tuple[Known, ...]:
        """Return all revisions, parents first. Raises ToolFailed."""
        lines: list[str] = []
        ended = await self._alembic("history", "--verbose", told=lines)
        if ended.code != 0:
            raise ToolFailed(f"alembic cannot say what there is ({ended.how}): {_last(lines)}")
        revisions = revisions_in(lines)
        ran = closure(await self._versions(session), revisions)
        return tuple(
            known_file(each.path, Ran() if each.revision in ran else None, each.revision, key=each.revision)
            for each in reversed(revisions)
        )

    async def apply(self, session: Any, each: Planned) -> None:
        """A crash leaves what alembic leaves: with PostgreSQL, a revision that is there or is not."""
        lines: list[str] = []
        ended = await self._alembic("upgrade", each.known.key, told=lines)
        if ended.code != 0:
            raise MigrationRefused(each.id, f"alembic: {ended.how}; {_last(lines)}", recorded=f"alembic: {ended.how}")
        if each.known.key not in await self._versions(session):
            raise WrongDatabase(
                f"alembic says that {each.id} ran, and it did not run in the database that was looked at"
            )

    async def _alembic(self, *words: str, told: list[str]) -> Any:
        assert self._migrations.command is not None
        environ = environment_of(self._connection, self._means.environ, application=APPLICATION)
        command = (*self._migrations.command.words, "--config", str(self._migrations.place), *words)

        def tell(line: str) -> None:
            told.append(line)
            if words[0] == "upgrade":
                self._means.told(line)

        return await run_child(
            command, self._migrations.command.directory, environ, replace(self._means, told=tell), self._ending
        )

    async def _versions(self, session: Any) -> frozenset[str]:
        """Return the revisions at which the database stands; none where it has no such table."""
        schema, _, table = self._migrations.version_table.rpartition(".")
        name = ".".join(f'"{part}"' for part in (schema, table) if part)
        try:
            rows = await session.fetch(f"select version_num from {name}")  # noqa: S608 - a name from interlock.toml
        except asyncpg.UndefinedTableError:
            return frozenset()
        return frozenset(row["version_num"] for row in rows)


def revisions_in(lines: Iterable[str]) -> list[Revision]:
    """Return the revisions of `alembic history --verbose`, as it lists them: the newest first. Raises ToolFailed."""
    found: list[dict[str, str]] = []
    for line in lines:
        match = LINE.match(line)
        if match is None:
            continue
        if match[1] == "Rev":
            found.append({})
        if found:
            found[-1].setdefault(match[1], match[2])
    revisions = []
    for each in found:
        name, path = REVISION.match(each.get("Rev", "")), each.get("Path")
        if name is None or path is None:
            raise ToolFailed("alembic's list of revisions is not understood")
        parents = each.get("Merges") or each.get("Parent") or NO_PARENT
        known = () if parents == NO_PARENT else tuple(REVISION.findall(parents))
        revisions.append(Revision(name[0], known, Path(path)))
    return revisions


def closure(versions: Iterable[str], revisions: Iterable[Revision]) -> frozenset[str]:
    """Return the revisions that ran where a database stands at `versions`: these and all before them."""
    parents = {each.revision: each.parents for each in revisions}
    found: set[str] = set()
    open_ones = list(versions)
    while open_ones:
        revision = open_ones.pop()
        if revision not in found:
            found.add(revision)
            open_ones += parents.get(revision, ())
    return frozenset(found)


def _last(lines: list[str]) -> str:
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
