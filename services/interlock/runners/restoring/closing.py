"""The target while it is restored into: closed to everybody else, emptied, filled, masked, and opened again.

A crash leaves it closed, with the record of who may come in inside it: nobody works on half a copy, and the next
restore begins there.
"""

from __future__ import annotations

from typing import Any, Final

import asyncpg

from interlock.events.canonical import digest_of_bytes
from interlock.runners.failures import LOST, UnfitSession
from interlock.runners.means import Means
from interlock.runners.restoring.failures import MaskRefused, StillRunning
from interlock.runners.statements import sql

# One restore of a database at a time, also where two Interlocks think that it is theirs.
LOCK: Final = 0x1A7E5708
TRIES: Final = 100
TRY_SECONDS: Final = 0.1
MARK: Final = "interlock_restore.masking"


async def claim(target: Any, means: Means) -> None:
    """Take the database's lock for as long as the session lives. Raises StillRunning.

    The server takes a moment to notice that an earlier runner is gone.
    """
    for _ in range(TRIES):
        if await target.fetchval("select pg_catalog.pg_try_advisory_lock($1)", LOCK):
            return
        await means.sleep(TRY_SECONDS)
    raise StillRunning(StillRunning.__doc__)


async def close_and_empty(target: Any, means: Means) -> None:
    """Shut everybody out, end their sessions, and drop all schemas that hold data: in this order."""
    await target.execute(sql("restore_close"))
    try:
        for _ in range(TRIES):
            if not await target.fetch(sql("restore_others")):
                break
            await means.sleep(TRY_SECONDS)
        else:
            raise StillRunning("somebody's session in the target does not end")
    except asyncpg.InsufficientPrivilegeError:
        raise UnfitSession("a superuser's session is open in the target: only its owner can end it") from None
    names = [row["name"] for row in await target.fetch(sql("restore_schemas"))]
    try:
        async with target.transaction():
            for name in names:
                await target.execute(f"drop schema {name} cascade")
    except asyncpg.InsufficientPrivilegeError as refusal:
        raise UnfitSession(f"the target cannot be emptied ({refusal}): run infra/postgres/restore-role.sql") from None


async def make_public(target: Any, *, wanted: bool) -> None:
    """Make the schema `public` again, which no dump makes; everybody may look into it, as in a new database."""
    if wanted:
        await target.execute("create schema public; grant usage on schema public to public")


async def mask(target: Any, content: bytes) -> str:
    """Run the masking script in one transaction, and return its digest. Raises MaskRefused: nothing of it is there."""
    try:
        text = content.decode("utf-8")
        async with target.transaction():
            await target.execute("select pg_catalog.set_config($1, 'yes', true)", MARK)
            await target.execute(text)
            if await target.fetchval("select pg_catalog.current_setting($1, true)", MARK) != "yes":
                raise MaskRefused("it ends its own transaction")
        # What it set for the session (role, search_path, triggers off) ends with it; the lock stays.
        await target.execute("reset session authorization; reset all")
    except UnicodeDecodeError:
        raise MaskRefused("it is no text in UTF-8") from None
    except LOST:
        raise
    except asyncpg.PostgresError as refusal:
        recorded = f"{type(refusal).__name__} ({refusal.sqlstate})"
        raise MaskRefused(refusal, recorded=recorded) from refusal
    return digest_of_bytes(content)


async def open_again(target: Any) -> None:
    """Let everybody in who was let in before: the copy is whole, and masked where it is to be."""
    await target.execute(sql("restore_open"))
