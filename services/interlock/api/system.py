"""How the system itself is doing, for those who look after it: its parts, its queues, its database, its sessions."""

from __future__ import annotations

from typing import Annotated, Any, Final

import asyncpg
from fastapi import APIRouter, Query, Response

from interlock.api.asked import Reader
from interlock.api.documents import answer
from interlock.api.openapi import Documented
from interlock.api.query import NoQuery
from interlock.ledger import LedgerError
from interlock.letters import DeadLetters

router = APIRouter(prefix="/v1/{project}")

_DATABASE: Final = """
select current_setting('server_version') as version, pg_database_size(current_database()) as bytes,
       (select count(*) from pg_stat_activity where datname = current_database()) as connections,
       current_setting('max_connections')::integer as connections_max,
       current_setting('synchronous_commit') as synchronous_commit, current_setting('fsync') as fsync
"""
_SESSIONS_THERE: Final = "select to_regclass('identity.open_session') is not null"
_SESSIONS: Final = """
select count(*) as open, count(distinct principal) as persons from identity.open_session where project = $1
"""


@router.get("/system", tags=["server"], **Documented.of())
async def how_it_does(asked: Reader, _query: Annotated[NoQuery, Query()]) -> Response:
    """The parts of this server with their states and figures, the read models, dead letters, the database, sessions.

    It is no part of the record, so there is no `at`. What cannot be measured now is left out.
    """
    parts = asked.parts
    head = asked.situation.position
    models = await parts.read_models.told(asked.project)
    found: dict[str, Any] = {
        "now": asked.now,
        "version": parts.version,
        "test_clock": parts.test_clock,
        "head": head,
        "parts": [{"part": name, "state": state} for name, state in (await parts.readiness()).items()],
        "figures": {name: await _figures(figures) for name, figures in parts.figures.items()},
        "projections": [
            {
                "name": each.name,
                "version": each.version,
                "position": each.position,
                "lag": max(0, head - each.position),
                "serving": each.serving,
                "stopped_because": each.stopped_because,
                "trouble": each.trouble,
                "gaps": each.gaps,
            }
            for each in models
        ],
        "dead_letters": await DeadLetters(parts.ledger).waiting(asked.project),
        "unknown_callers": parts.strangers.count,
        "database": await _database(asked),
        "sessions": await _sessions(asked),
    }
    return answer(found, position=head)


async def _figures(figures: Any) -> dict[str, float] | None:
    try:
        return {name: float(value) for name, value in (await figures()).items()}
    except LedgerError:
        return None


async def _database(asked: Any) -> dict[str, Any]:
    async with asked.parts.connection() as connection:
        return dict(await connection.fetchrow(_DATABASE))


async def _sessions(asked: Any) -> dict[str, Any] | None:
    async with asked.parts.connection() as connection:
        if not await connection.fetchval(_SESSIONS_THERE):
            return None
        try:
            return dict(await connection.fetchrow(_SESSIONS, asked.project))
        except asyncpg.PostgresError:
            return None
