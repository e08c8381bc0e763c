"""A project's long history, made of a real one: told once by the desk, then again and again under other names.

The rows go in by COPY, as the owner and without the checks, because what is measured is who reads them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import uuid4

import asyncpg
import orjson

from bench.desk import PROJECT, run_desk
from interlock.events.canonical import OPTIONS
from interlock.ledger import Ledger
from interlock.ledger.embedded import Dsns

LABEL = "history"
NAME = f"{PROJECT}-{LABEL}"
CALLERS = 16
GUARDS = ("event_1_order", "event_2_restore", "event_3_rows")
COLUMNS = (
    "project", "position", "stream", "version", "type", "recorded_at", "body", "command_id", "request_hash",
    "command_events",
)  # fmt: skip
BEGINNING = 14
# Of a release's story, what is left of it in a short one.
ENDS = ("ReleaseOpened", "ReleaseWithdrawn")


async def told(dsns: Dsns, seconds: float) -> list[bytes]:
    """Return the bodies of a project whose callers told the story for so long."""
    await run_desk(dsns.app, callers=CALLERS, seconds=seconds, label=LABEL)
    ledger = await Ledger.open(dsns.app)
    bodies: list[bytes] = []
    while page := await ledger.read(NAME, after=len(bodies), limit=5_000):
        bodies += [one.body for one in page]
    await ledger.close()
    return bodies


def grown(bodies: list[bytes], project: str, events: int, *, short: bool = False) -> Iterator[tuple[Any, ...]]:
    """Yield rows: the history's beginning, then its releases under new names until there are so many events.

    `short` leaves of each release its opening and its end. Only whole releases are told.
    """
    documents = [orjson.loads(body) for body in bodies]
    team = [one for one in documents if not one["stream"].startswith("release/")]
    stories: dict[str, list[dict[str, Any]]] = {}
    for one in documents:
        if one["stream"].startswith("release/"):
            stories.setdefault(one["stream"], []).append(one)
    whole = [story for story in stories.values() if story[-1]["type"] == ENDS[1]]
    if short:
        whole = [[one for one in story if one["type"] in ENDS] for story in whole]
    position = 0
    for one in team:
        position += 1
        yield _row(one, project, position, one["version"], b"", b"")
    number = 0
    while position < events:
        for story in whole:
            if position >= events:
                return
            number += 1
            old = story[0]["stream"].removeprefix("release/").encode()
            for version, one in enumerate(story, start=1):
                position += 1
                yield _row(one, project, position, version, old, b"r%d" % number)


def _row(one: dict[str, Any], project: str, position: int, version: int, old: bytes, new: bytes) -> tuple[Any, ...]:
    from datetime import datetime

    made = {**one, "project": project, "position": position, "version": version, "command_id": str(uuid4())}
    made.update({"id": str(uuid4()), "ordinal": 0})
    made.pop("causation", None)
    made.pop("correlation", None)
    body = orjson.dumps(made, option=OPTIONS)
    if old:
        body = body.replace(b'"' + old + b'"', b'"' + new + b'"').replace(b"release/" + old, b"release/" + new)
    stream = str(orjson.loads(body)["stream"])
    at = datetime.fromisoformat(made["recorded_at"])
    return project, position, stream, version, made["type"], at, body, None, None, None


async def fill(dsns: Dsns, project: str, rows: Iterable[tuple[Any, ...]]) -> int:
    """Put the rows into the ledger, and its head where they end; return how many they are."""
    owner = await asyncpg.connect(dsns.owner)
    for trigger in GUARDS:
        await owner.execute(f"alter table ledger.event disable trigger {trigger}")
    records = list(rows)
    await owner.copy_records_to_table("event", schema_name="ledger", columns=COLUMNS, records=records)
    for trigger in GUARDS:
        await owner.execute(f"alter table ledger.event enable always trigger {trigger}")
    last = records[-1]
    await owner.execute(
        "insert into ledger.head (project, position, recorded_at) values ($1, $2, $3)", project, last[1], last[5]
    )
    await owner.execute("analyze ledger.event")
    await owner.close()
    return len(records)


def made(dsns: Dsns, project: str, bodies: list[bytes], events: int, *, short: bool = False) -> int:
    """Make a history of about so many events; return how many there are."""
    return asyncio.run(fill(dsns, project, grown(bodies, project, events, short=short)))
