"""Bugs that are planted, each as a small patch of the product or of its client, to see that the suite finds them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import asyncpg

from interlock.desk import project as desk_of_project
from interlock.desk.deciding import Deciding, Waiting
from interlock.desk.memory import Memory
from interlock.ledger import Row, connections
from interlock.ledger.embedded import Dsns
from tests.fire.ways import ByLedger, Deed

ProjectDesk = desk_of_project.ProjectDesk


async def _trust_every_server(_connection: Any) -> None:
    """What `check_settings` would be without its refusal."""


@contextmanager
def _commits_that_nobody_waits_for() -> Iterator[None]:
    with (
        patch.object(connections, "check_settings", _trust_every_server),
        patch.dict(connections.SESSION, synchronous_commit="off"),
    ):
        yield


def _in_a_stream_of_its_own(deed: Deed) -> Deed:
    return Deed(deed.intent, deed.command, stream=f"own/{deed.command}")


@contextmanager
def _no_fence() -> Iterator[None]:
    """The database has none any more; streams are fenced beside it, so each command gets one of its own."""
    decided = ByLedger._decided

    async def alone(self: ByLedger, project: str, deed: Deed) -> list[Row]:
        return await decided(self, project, _in_a_stream_of_its_own(deed))

    with patch.object(ByLedger, "_decided", alone):
        yield


@contextmanager
def _positions_from_a_sequence() -> Iterator[None]:
    decided = ByLedger._decided

    async def numbered(self: ByLedger, project: str, deed: Deed) -> list[Row]:
        async with self.ledger.connection() as connection:
            first = await connection.fetchval("select nextval('ledger.numbers')")
        rows = await decided(self, project, _in_a_stream_of_its_own(deed))
        rows[0].body = rows[0].body.replace(b'"position":%d,' % rows[0].position, b'"position":%d,' % first)
        rows[0].position = first
        return rows

    with patch.object(ByLedger, "_decided", numbered):
        yield


@contextmanager
def _a_decision_on_what_others_overtook() -> Iterator[None]:
    """It knows where the log is, by the fence, and decides on what it knew before."""

    def apply(self: Memory, events: Iterable[Any]) -> None:
        self._advance(events)
        self.situation = replace(self.situation, position=self.position)

    async def load(self: Deciding, streams: set[str]) -> None:
        self._closed |= {stream: [] for stream in streams}

    with patch.object(Memory, "apply", apply), patch.object(Deciding, "_load", load):
        yield


@contextmanager
def _an_answer_looked_up_after_the_version_check() -> Iterator[None]:
    answer_repeated = ProjectDesk._answer_repeated

    async def late(self: Any, at: Any, memory: Memory, batch: Sequence[Waiting], *, news: bool) -> list[Waiting]:
        unconditional = [one for one in batch if one.if_version is None]
        left = await answer_repeated(self, at, memory, unconditional, news=news)
        return [one for one in batch if one.if_version is not None or one in left]

    async def told(self: Any, at: Any, memory: Memory, batch: Any) -> None:
        for one in batch.decided:
            if not one.events:
                one.tell()

    with patch.object(ProjectDesk, "_answer_repeated", late), patch.object(ProjectDesk, "_answer_eventless", told):
        yield


@contextmanager
def _nothing() -> Iterator[None]:
    """The client's own bug: see `worker.py`."""
    yield


BUGS: dict[str, Callable[[], Any]] = {
    "synchronous_commit=off": _commits_that_nobody_waits_for,
    "a fresh id on retry": _nothing,
    "positions from a sequence": _positions_from_a_sequence,
    "no fence": _no_fence,
    "a decision on overtaken state": _a_decision_on_what_others_overtook,
    "an answer looked up after the version check": _an_answer_looked_up_after_the_version_check,
}

# A database that lets it happen: the guards that would refuse it are taken away, by their owner.
_MOVES_HEAD = """
create or replace function ledger.check_order() returns trigger language plpgsql security definer as $$
begin
    insert into ledger.head (project, position, recorded_at)
    select project, max(position), max(recorded_at) from appended group by project
    on conflict on constraint head_project
    do update set position = greatest(head.position, excluded.position), recorded_at = excluded.recorded_at;
    return null;
end $$;
"""
WITHOUT: dict[str, str] = {
    "synchronous_commit=off": _MOVES_HEAD,
    "positions from a sequence": f"""{_MOVES_HEAD}
        create sequence ledger.numbers; grant usage on sequence ledger.numbers to public;""",
    "no fence": f"""{_MOVES_HEAD}
        alter table ledger.event drop constraint event_position, drop constraint event_version;""",
}


@contextmanager
def planted(bug: str | None) -> Iterator[None]:
    """Run with the bug; without one where there is none."""
    if bug is None:
        yield
        return
    with BUGS[bug]():
        yield


async def take_guards_away(bug: str, dsns: Dsns) -> None:
    """Let the database do what the bug needs."""
    if bug in WITHOUT:
        owner = await asyncpg.connect(dsns.owner, timeout=10)
        await owner.execute(WITHOUT[bug])
        await owner.close()
