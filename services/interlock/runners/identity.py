"""Which server and database this is, read where the work will be done: compared before anything is."""

from __future__ import annotations

from typing import Any, Final

from interlock.events.catalogue.parts import Identity
from interlock.runners.failures import WrongDatabase
from interlock.runners.statements import sql

QUICK_SECONDS: Final = 15.0


async def identity_of(connection: Any, registered: Identity | None) -> Identity:
    """Return which server and database this is, read on this very connection (asyncpg).

    The address is said only where one is registered, in the form in which it is registered.
    """
    found = await connection.fetchrow(sql("identity"), timeout=QUICK_SECONDS)
    assert found is not None
    address = None
    if registered is not None and registered.address is not None:
        forms = (f"{found['host']}:{found['port']}", found["host"]) if found["host"] else ("local",)
        address = registered.address if registered.address in forms else forms[0]
    return Identity(system_identifier=found["system_identifier"], database=found["database"], address=address)


def same_database(found: Identity, registered: Identity) -> None:
    """Raise WrongDatabase where it is another one."""
    if found != registered:
        shown = [f"{each.database}/{each.system_identifier}@{each.address or '-'}" for each in (found, registered)]
        raise WrongDatabase(f"this is {shown[0]}, and {shown[1]} is registered")
