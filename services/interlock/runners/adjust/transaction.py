"""The one transaction: everything that is done and looked at between BEGIN and the question whether to commit.

It is REPEATABLE READ, and the targets are locked before its snapshot is taken: precondition, script and effect see one
state of the database, and nobody else's rows are among the touched ones. SERIALIZABLE would add nothing to that, as
writing any other table is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from interlock.domain.scripts import Statement, admit_script
from interlock.events.catalogue.parts import ExecutedStatement, Identity
from interlock.events.seams import MonotonicClock
from interlock.runners.adjust import markers, sessions, tables
from interlock.runners.adjust.failures import (
    DatabaseAway,
    EffectFalse,
    PreconditionFalse,
    SchemaChanged,
    StatementRefused,
    Stopped,
    UnfitTarget,
)
from interlock.runners.adjust.job import Job
from interlock.runners.adjust.kept import Kept, kept_rows
from interlock.runners.adjust.sessions import Connection
from interlock.runners.asking import Reached
from interlock.runners.failures import LOST
from interlock.runners.identity import identity_of, same_database
from interlock.runners.schema import schema_digest

PAGE_ROWS: Final = 1_000
COMMIT_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Found:
    """What was read in the target before anything was done there."""

    identity: Identity
    schema_digest: str

    def fields(self) -> dict[str, Any]:
        """Return it as the field `observed` of a command."""
        identity = {"system_identifier": self.identity.system_identifier, "database": self.identity.database}
        if self.identity.address is not None:
            identity["address"] = self.identity.address
        return {"identity": identity, "schema_digest": self.schema_digest}


@dataclass(frozen=True, slots=True)
class Ran:
    """What the open transaction did; it can still be rolled back."""

    found: Found
    outcome: markers.Outcome
    kept: Kept


@dataclass(slots=True)
class Work:
    """The two sessions and what is done in them."""

    job: Job
    working: Connection
    witness: Connection
    backend: int
    clock: MonotonicClock
    reached: Reached
    registered: Identity | None = None
    open: Any = None

    async def look(self) -> Found:
        """Read which database this is, and its schema."""
        with named_failures("looking at the database"):
            identity = await identity_of(self.working, self.registered)
            return Found(identity, await schema_digest(self.working))

    async def run(self, marker: str, found: Found) -> Ran:
        """Do everything up to the question whether to commit. Raises Stopped; the caller rolls back."""
        began = self.clock()
        job, effect = self.job, self.job.plan.expected_effect
        targets = await self._begin(found)
        with named_failures("writing the marker"):
            await markers.claim(self.working, marker, job.adjustment, job.bound_digest)
            transaction = await self._transaction_id()
        await self.reached("marker-written")
        await self._all_true(job.precondition, PreconditionFalse, "precondition")
        await self.reached("precondition-held")
        statements = await self._script(targets, effect.rows_max)
        with named_failures("looking at what was touched"):
            # Deferred constraints and their triggers run now, and not after everything was looked at.
            await self.working.execute("set constraints all immediate")
            touched = await tables.touches(self.working, targets)
            tables.within(touched.rows, effect.rows_min, effect.rows_max)
        await self.reached("rows-counted")
        await self._all_true(job.effect, EffectFalse, "effect")
        await self.reached("effect-held")
        with named_failures("keeping the touched rows"):
            kept = await kept_rows(self.working, self.witness, targets, touched)
            if await schema_digest(self.working) != found.schema_digest:
                raise SchemaChanged("the script changed the schema")
            if await self._transaction_id() != transaction:
                raise StatementRefused("the script", "the transaction is another one than was begun")
            duration = int((self.clock() - began) * 1000)
            outcome = markers.Outcome(statements, touched.rows, kept.before_digest, kept.after_digest, duration)
            await markers.tell(self.working, marker, outcome)
        await self.reached("rows-kept")
        return Ran(found, outcome, kept)

    async def commit(self) -> bool:
        """Commit; False where PostgreSQL says that it rolled back instead. Whatever is raised, nobody knows."""
        return await self.working.execute("commit", timeout=COMMIT_SECONDS) == "COMMIT"

    async def roll_back(self) -> None:
        """Undo everything; where the session does not answer, its end undoes it: COMMIT was never sent."""
        try:
            if self.open is not None and not self.working.is_closed():
                await self.working.execute("rollback", timeout=sessions.QUICK_SECONDS)
        except (*LOST, asyncpg.PostgresError):
            await sessions.terminate(self.working, self.backend, self.witness)

    async def end(self) -> None:
        """End the working session now, also in the middle of a statement."""
        await sessions.terminate(self.working, self.backend, self.witness)

    async def _begin(self, found: Found) -> tables.Targets:
        """Begin, lock the targets, and read again on this connection what was read before."""
        names = self.job.plan.targets.tables
        with named_failures("locking the targets"):
            targets = await tables.targets_of(self.working, names)
            # Rolled back by the caller, or by the session's end; a crash of the runner ends the session.
            self.open = self.working.transaction(isolation="repeatable_read")
            await self.open.start()
            await tables.lock(self.working, targets)
            if await tables.targets_of(self.working, names) != targets:
                raise UnfitTarget("the targets changed while they were locked")
            same_database(await identity_of(self.working, self.registered), found.identity)
            if await schema_digest(self.working) != found.schema_digest:
                raise SchemaChanged("the schema changed between two looks")
        await self.reached("targets-locked")
        return targets

    async def _script(self, targets: tables.Targets, rows_max: int) -> tuple[ExecutedStatement, ...]:
        """Run the statements one by one; each is sent alone, by the protocol that takes no second one."""
        done, rows = [], 0
        for statement in self.job.script:
            with named_failures(f"statement {statement.number} ({statement.command})"):
                await self._one(statement)
                now = (await tables.touches(self.working, targets)).rows
                tables.within(now, 0, rows_max)
            done.append(ExecutedStatement(digest=statement.digest, command=statement.command, rows=now - rows))
            rows = now
            await self.reached(f"statement-{statement.number}-ran")
        return tuple(done)

    async def _one(self, statement: Statement) -> None:
        # Judged once more, alone: whoever made the job, nothing else is ever sent.
        try:
            [alone] = admit_script(statement.text.encode())
        except ValueError as odd:
            raise StatementRefused(f"statement {statement.number}", odd) from None
        if alone.command != statement.command:
            raise StatementRefused(f"statement {statement.number}", f"it is {alone.command}, not {statement.command}")
        prepared = await self.working.prepare(statement.text)
        if statement.command != "SELECT":
            await prepared.fetch()
            return
        # To its end, for what it calls; its rows go nowhere, page by page.
        async with self.working.transaction():
            cursor = await prepared.cursor()
            while await cursor.fetch(PAGE_ROWS):
                pass

    async def _all_true(self, queries: Iterable[Statement], kind: type[Stopped], word: str) -> None:
        """Ask each query; what one of them changes is refused by PostgreSQL, and forgotten."""
        for query in queries:
            with named_failures(f"{word} query {query.number}"):
                look = self.working.transaction()
                await look.start()
                await self.working.execute("set transaction read only")
                cursor = await self.working.cursor(query.text)
                rows = [tuple(row) for row in await cursor.fetch(2)]
                await look.rollback()
            # 1 equals True, and is none.
            if not _one_boolean(rows) or rows[0][0] is not True:
                shown = f"{rows[0][0]}" if _one_boolean(rows) else "no single boolean in one row"
                raise kind(f"{word} query {query.number} gave {shown}; true was expected")

    async def _transaction_id(self) -> str:
        return str(await self.working.fetchval("select pg_current_xact_id()::text"))


def _one_boolean(rows: list[tuple[Any, ...]]) -> bool:
    return len(rows) == 1 and len(rows[0]) == 1 and isinstance(rows[0][0], bool | None)


class named_failures:  # noqa: N801 - used as a word: with named_failures("…")
    """Turn what asyncpg raises into what an adjustment is stopped by, saying what was being done."""

    def __init__(self, doing: str) -> None:
        self._doing = doing

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Raise the named failure instead; what has a name keeps it."""
        doing = self._doing
        if isinstance(error, asyncpg.QueryCanceledError):
            raise StatementRefused(doing, f"{error} (at most {sessions.STATEMENT_SECONDS} s a statement)") from error
        if isinstance(error, asyncpg.LockNotAvailableError):
            waited = f"somebody else holds it; waited {sessions.LOCK_WAIT_SECONDS} s"
            raise StatementRefused(doing, waited) from error
        if isinstance(error, LOST):
            raise DatabaseAway(f"{doing}: the connection was lost ({type(error).__name__})") from error
        if isinstance(error, asyncpg.PostgresError):
            recorded = f"{type(error).__name__} ({error.sqlstate})"
            raise StatementRefused(doing, error, recorded=recorded) from error
