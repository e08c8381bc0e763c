"""May it be restored into this database: looked at on the very sessions that will read and write.

Production is never a target. Policy says so (Interlock refuses), its registered identity says so (here, whatever
interlock.toml says), and the role that restores has no right to enter it (infra/postgres; looked at here too).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from interlock.events.catalogue.parts import Identity
from interlock.runners.failures import UnfitSession, WrongDatabase
from interlock.runners.identity import identity_of
from interlock.runners.restoring.failures import Impossible
from interlock.runners.schema import schema_digest
from interlock.runners.statements import sql
from interlock.runners.targets import Found

VERSION_MIN: Final = 140_000
MAJOR: Final = 10_000


@dataclass(frozen=True, slots=True)
class Registered:
    """Which database each environment is, as two persons registered it, and which of them is production."""

    identities: Mapping[str, Identity]
    production: str

    def of(self, environment: str) -> Identity:
        """Return an environment's. Raises Impossible where there is none."""
        if environment not in self.identities:
            raise Impossible(
                f"nobody registered which server and database {environment} is: dt env register {environment}"
            )
        return self.identities[environment]


@dataclass(frozen=True, slots=True)
class Looked:
    """What was read in source and target."""

    source: Identity
    target: Found
    source_version: int
    target_version: int

    @property
    def source_major(self) -> int:
        """The major version of the source's server."""
        return self.source_version // MAJOR


async def look(source: Any, target: Any, environment: str, origin: str, registered: Registered) -> Looked:
    """Compare both with what is registered, and the target with everything that it must not be.

    Raises WrongDatabase, Impossible, UnfitSession.
    """
    there = await _same(target, environment, registered)
    here = await _same(source, origin, registered)
    session = await target.fetchrow(sql("restore_session"))
    version = await source.fetchval("select pg_catalog.current_setting('server_version_num')::int")
    wrong = [
        (session["standby"], "it is a standby, which takes no changes"),
        (session["version"] < VERSION_MIN, "PostgreSQL 14 or later is needed"),
        (not session["owner"], f"{session['role']} does not own the database: run infra/postgres/restore-role.sql"),
        (
            session["version"] // MAJOR < version // MAJOR,
            f"its PostgreSQL {session['version'] // MAJOR} is older than {origin}'s {version // MAJOR}",
        ),
    ]
    for holds, what in wrong:
        if holds:
            raise UnfitSession(f"{environment}: {what}")
    await _shut_out(target, environment, there, registered)
    return Looked(here, Found(there, await schema_digest(target)), version, session["version"])


def same_place(one: Identity, other: Identity) -> bool:
    """Whether both are one database, however they are reached."""
    return (one.system_identifier, one.database) == (other.system_identifier, other.database)


async def _same(session: Any, environment: str, registered: Registered) -> Identity:
    """Read which database it is. Whatever else it is said to be, it must not be another environment's either."""
    wanted = registered.of(environment)
    found = await identity_of(session, wanted)
    for other, identity in registered.identities.items():
        if other != environment and same_place(found, identity):
            raise WrongDatabase(f"what interlock.toml gives as {environment} is {other}: {found.database}")
    if found != wanted:
        shown = [f"{each.database}/{each.system_identifier}@{each.address or '-'}" for each in (found, wanted)]
        raise WrongDatabase(f"{environment}: this is {shown[0]}, and {shown[1]} is registered")
    return found


async def _shut_out(target: Any, environment: str, found: Identity, registered: Registered) -> None:
    """The role that restores cannot enter production's database where it is on the same server."""
    production = registered.identities.get(registered.production)
    if production is None or production.system_identifier != found.system_identifier:
        return
    if await target.fetchval(sql("restore_may_enter"), production.database):
        raise Impossible(
            f"{environment}: its login role may enter {registered.production}'s database on the same server: use the"
            " role of infra/postgres/restore-role.sql, and shut it out with dump-role.sql"
        )
