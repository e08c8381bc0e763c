"""What can be written in production's database around Interlock, asked of the database itself: for `dt doctor`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interlock.cli.session import Session

if TYPE_CHECKING:
    from interlock.runners.connections import Connection
    from interlock.runners.writes import Stranger

TABLES_SHOWN_MAX = 3

# State, what was found, and what mends it.
Found = tuple[str, str, tuple[str, str] | None]


def configured_here(session: Session) -> bool:
    """Tell whether interlock.toml says where any environment's database is."""
    return bool(session.settings.document.get("environments"))


def production_in(policy: dict[str, Any]) -> str | None:
    """Return production's name in a policy's document."""
    environments = (policy.get("document") or {}).get("environments") or ()
    return next((str(each.get("name")) for each in environments if each.get("purpose") == "production"), None)


def look_around(session: Session, production: str) -> Iterator[Found]:
    """Yield who may write there, and which writes the watch would not see; nothing where it is not configured here."""
    from interlock.runners.adjust.failures import Stopped
    from interlock.runners.connections import NotConfigured, connection_of

    if production not in session.settings.document["environments"]:
        return
    config = session.settings.config
    home = config.parent if config is not None else Path.cwd()
    try:
        connection = connection_of(session.settings.document, production, home=home, environ=os.environ)
        others, spots = asyncio.run(_ask(connection))
    except (NotConfigured, Stopped) as wrong:
        yield "red", f"{production} was not looked at: {wrong}", None
        return
    yield from _who(others, connection)
    for spot in spots:
        # Without a log in the settings nobody watches from here.
        yield "red" if connection.log is not None else "grey", f"writes in {production} can be missed: {spot}", None


async def _ask(connection: Connection) -> tuple[tuple[Stranger, ...], list[str]]:
    from interlock.runners.adjust import sessions
    from interlock.runners.writes import blind_spots, strangers

    opened = await sessions.connect(connection.dsn)
    try:
        return await strangers(opened, connection), await blind_spots(opened)
    finally:
        await sessions.end_of(opened)


def _who(others: tuple[Stranger, ...], connection: Connection) -> Iterator[Found]:
    place, red = connection.environment, False
    for other in others:
        if other.superuser:
            continue
        red = True
        tables = ", ".join(other.tables[:TABLES_SHOWN_MAX])
        more = f" and {len(other.tables) - TABLES_SHOWN_MAX} more" if len(other.tables) > TABLES_SHOWN_MAX else ""
        why = f"in {place}'s database, as its administrator; or name {other.role} among its writers"
        mends = (f"revoke insert, update, delete, truncate on {tables} from {other.role}", why)
        yield "red", f"{other.role} may write {tables}{more} in {place}, around Interlock", mends
    if not red:
        always = ", ".join(other.role for other in others) or "none"
        yield "green", f"only the application and the runner may write in {place}; superusers: {always}", None
