"""Which login roles may write what adjustments write, although they are neither the application's nor the runner's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from interlock.runners.connections import Connection
from interlock.runners.statements import sql


@dataclass(frozen=True, slots=True)
class Stranger:
    """A login role, and the tables it may write. A superuser always may, whatever anybody grants or revokes."""

    role: str
    superuser: bool
    tables: tuple[str, ...]


async def strangers(opened: Any, configured: Connection) -> tuple[Stranger, ...]:
    """Return those who may, by what the database itself says; `opened` is a session of the runner's role."""
    expected = [configured.runner, *configured.writers]
    rows = await opened.fetch(sql("may_write"), expected)
    return tuple(Stranger(row["role"], row["superuser"], tuple(row["relations"])) for row in rows)
